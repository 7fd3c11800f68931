// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-exits who: the process, the code and the device behind the exits.
 *
 * The events of the PMU kvm_exits take samples (see kvm_exits(4)).  They belong to
 * this program's file descriptors: however it ends, the sampling ends with it.
 */
#include <ctype.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "who.h"

#define LENGTH		(10 * NSEC)	/* without -I and without a command */
#define MEASURE		(NSEC / 2)	/* to find the period */
#define PART		(NSEC / 10)	/* between two reads of the buffers */
#define MAX_COST	0.01		/* of one CPU, for sampling */
#define MAX_RATE	4000.0		/* samples in a second */
#define MIN_PERIOD	1
#define MAX_EVENTS	16		/* for the reasons of -f */
/*
 * A sample costs four exits that KVM handles, and the time for code of the guest's
 * kernel and of this program.  This code is less than 15000 instructions, which the
 * lab's scenario "cost" counts: assume a nanosecond for each.
 */
#define EXITS_PER_SAMPLE	4
#define CODE_PER_SAMPLE		15000.0	/* ns */

static struct who who;
static const struct options *opt;
static struct table before, after, delta;
static double sample_ns;	/* what a sample costs, or 0 if unknown */

static bool wanted(const struct sample *s)
{
	if (opt->cgroup && !cgroup_below(s->cgroup, opt->cgroup))
		return false;
	return (!opt->pid && !opt->args) || task_is_wanted(s->pid);
}

static void take(const struct sample *s)
{
	who.taken++;
	who.lost_exits += s->lost;
	who.hidden |= s->hidden;
	if (!wanted(s))
		return;
	who.samples++;
	who.exits += s->exits;
	rows_add(s);
}

static void each_task(pid_t pid, void (*see)(pid_t tid))
{
	struct dirent *e;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		errx(failed, "-p %d: there is no such process", pid);
	while ((e = readdir(dir)))
		if (isdigit((unsigned char)e->d_name[0]))
			see(atoi(e->d_name));
	closedir(dir);
}

/* Why there are no samples, and what the user can do instead. */
static const char no_module[] =
"there are no samples: load the module kvm_exits; see kvm-exits check";
static const char not_permitted[] =
"sampling the whole guest needs CAP_PERFMON; your own code: kvm-exits who -- COMMAND";
static const char not_permitted_task[] =
"sampling it needs CAP_PERFMON, or it is yours and kernel.perf_event_paranoid is at most 2";
static const char no_samples[] =
"this host gives no samples, maybe for an encrypted guest; try kvm-exits stat -- COMMAND";

static void __attribute__((noreturn)) cannot_open(int error)
{
	switch (error) {
	case ENOENT:
		errx(failed, no_module);
	case EACCES:
	case EPERM:
		errx(failed, opt->pid || opt->args ? not_permitted_task :
		     not_permitted);
	case EOPNOTSUPP:
		errx(failed, no_samples);
	}
	errx(failed, "cannot take samples: %s", strerror(error));
}

/* Find what a sample costs, by the average stop of all MSR accesses that @t has. */
static void find_cost(const struct table *t)
{
	const struct row *r, *msr = NULL;
	unsigned int i;

	for (i = 0; i < t->nr_rows; i++) {
		r = &t->rows[i];
		if ((!strcmp(r->name, "MSR") || !strcmp(r->name, "MSR_WRITE")) &&
		    r->count[EXITS])
			msr = r;
	}
	if (msr && t->tsc_khz && has(t, STOPPED))
		sample_ns = CODE_PER_SAMPLE + EXITS_PER_SAMPLE *
			    row_average(msr, STOPPED) * 1e6 / t->tsc_khz;
}

/* The samples in a second with which sampling costs at most MAX_COST of a CPU. */
static double allowed_rate(void)
{
	double rate = sample_ns > 0 ? MAX_COST * 1e9 / sample_ns : MAX_RATE;

	return rate < MAX_RATE ? rate : MAX_RATE;
}

static u64 period_for(double exits_per_second, double samples_per_second)
{
	double period = exits_per_second / samples_per_second;

	return period < MIN_PERIOD ? MIN_PERIOD : (u64)period + 1;
}

/* Look at the exits for a moment, to find the period. */
static u64 find_period(void)
{
	struct table then = {};
	unsigned int i;
	u64 exits = 0;

	source_read_or_die(opt, &then);
	find_cost(&then);
	if (opt->period) {
		table_free(&then);
		return opt->period;
	}
	usleep(MEASURE / 1000);
	source_read_or_die(opt, &before);
	if (!table_delta(&delta, &then, &before, then.exits_per_read))
		errx(failed, "the counts were reset meanwhile: repeat the command");
	for (i = 0; i < delta.nr_rows; i++)
		if (row_matches(&delta.rows[i], opt->filter))
			exits += delta.rows[i].count[EXITS];
	table_free(&then);
	return period_for(exits * 1e9 / delta.ns,
			  opt->freq ? opt->freq : allowed_rate());
}

/* The events: one for all reasons, or one for each reason of -f. */
static void choose_events(struct rings_options *ro)
{
	static const char *names[MAX_EVENTS] = { "exits" };
	unsigned int i, n = 0;

	for (i = 0; opt->filter && i < before.nr_rows; i++) {
		if (!row_matches(&before.rows[i], opt->filter))
			continue;
		if (n == MAX_EVENTS) {
			n = 0;
			break;
		}
		names[n++] = before.rows[i].name;
	}
	if (opt->filter && !n)
		errx(failed, "-f %s: it must match 1 to %d reasons: see kvm-exits explain",
		     printable(opt->filter_text), MAX_EVENTS);
	ro->events = names;
	ro->nr_events = n ?: 1;
}

static struct rings *rings;
static struct rings_options rings_options = { .pid = -1 };

static void add_task(pid_t tid)
{
	bool added;

	if (rings) {
		added = rings_add_task(rings, &rings_options, tid);
	} else {
		rings = rings_open(&rings_options);
		added = rings;
	}
	/* A thread may have ended since it was found. */
	if (!added && errno != ESRCH)
		cannot_open(errno);
}

/*
 * With CAP_PERFMON, sample the tasks of all users, so that each n-th exit has a
 * sample, and leave out what is not wanted.  Without it, sample the command or @pid.
 */
static void open_for(pid_t pid)
{
	rings = rings_open(&rings_options);
	if (rings || (errno != EACCES && errno != EPERM) || !pid)
		return;
	rings_options.pid = pid;
	rings_options.user = true;
	if (opt->args) {
		rings = rings_open(&rings_options);
		return;
	}
	each_task(pid, add_task);
}

static u64 begin;

static void start(void)
{
	begin = now_ns();
	rings_enable(rings);
	tasks_read();
}

static void ready(pid_t pid)
{
	int error;

	/* Until the child calls execve(), it is a copy of this program. */
	task_fork(pid, getpid(), pid, getpid());
	task_comm(pid, pid, "kvm-exits", false);
	task_want(pid);
	open_for(pid);
	error = errno;
	if (!rings) {
		run_abandon();
		cannot_open(error);
	}
	start();
}

/*
 * A command or a change of the load can take many more exits than before.  Then the
 * samples since the last call, and those of the whole time, are too many.
 */
static void adapt(struct rings *r, u64 part)
{
	double rate, allowed = opt->freq ? opt->freq : allowed_rate();
	static u64 samples;

	rate = (who.taken - samples) * 1e9 / part;
	samples = who.taken;
	if (opt->period || rate <= allowed ||
	    who.taken * 1e9 <= allowed * (now_ns() - begin))
		return;
	who.period = period_for(who.period * rate, allowed);
	who.period_changed = true;
	rings_set_period(r, who.period);
}

static void collect(void)
{
	u64 end, until, now;
	bool ended = false;

	end = opt->args && !opt->interval ? UNKNOWN :
	      begin + (opt->interval ?: LENGTH);
	for (now = now_ns(); !ended && now < end; now = now_ns()) {
		until = now + PART < end ? now + PART : end;
		ended = run_wait(until);
		who.lost_records += rings_read(rings, false, take);
		adapt(rings, now_ns() - now);
	}
	who.seconds = (now_ns() - begin) / 1e9;
	/* What is still in the buffers belongs to this time. */
	who.lost_records += rings_read(rings, true, take);
	rings_close(rings);
}

static void draw(FILE *out, const struct table *t)
{
	(void)t;
	who_print_svg(out, &who);
}

static void print(void)
{
	FILE *out = opt->args ? stderr : stdout;

	if (opt->svg) {
		replace_file(opt->svg, 0644, draw, &delta);
		return;
	}
	if (opt->output) {
		out = fopen(opt->output, "we");
		if (!out)
			err(failed, "%s", printable(opt->output));
	}
	if (opt->folded)
		who_print_folded(out, &who);
	else if (opt->format == JSON)
		who_print_json(out, &who);
	else
		who_print_text(out, &who);
	finish(out);
}

static void sum_up(void)
{
	unsigned int i;

	who.o = opt;
	who.delta = &delta;
	who.nr_rows = rows_finish(&before, &delta, &who.row);
	who.time = 0;
	for (i = 0; i < who.nr_rows; i++)
		who.time += who.row[i]->seconds;
	who.cost = sample_ns > 0 ? who.taken * sample_ns / 1e7 / who.seconds : NAN;
}

/* The name of a cgroup: its directory, from /sys/fs/cgroup on. */
static const char *find_cgroup(const char *name)
{
	size_t n;
	char *dir;

	while (*name == '/')
		name++;
	if (asprintf(&dir, "/sys/fs/cgroup/%s", name) < 0)
		errx(failed, "no memory");
	for (n = strlen(dir); dir[n - 1] == '/'; n--)
		dir[n - 1] = '\0';
	if (access(dir, F_OK))
		err(failed, "%s", printable(dir));
	dir += strlen("/sys/fs/cgroup");
	return *dir ? dir : "/";
}

int cmd_who(const struct options *o)
{
	struct options options = *o;

	if (!options.rows)
		options.rows = 20;
	opt = &options;
	if (o->svg)
		check_replaceable(o->svg);
	if (o->folded || o->svg)
		rows_by_chain();
	else if (o->by && !rows_parse_by(o->by))
		errx(FAILED_BESIDE,
		     "--by %s: not a list of reason, what, process, code, cgroup, cpu, pid",
		     printable(o->by));
	if (o->cgroup)
		options.cgroup = find_cgroup(o->cgroup);
	if (o->pid && kill(o->pid, 0) && errno == ESRCH)
		errx(failed, "-p %d: there is no such process", o->pid);
	if (o->pid)
		task_want(o->pid);

	who.period = find_period();
	rings_options.period = who.period;
	source_read_or_die(o, &before);
	choose_events(&rings_options);
	if (o->args) {
		run_start(o->args, ready);
	} else {
		open_for(o->pid);
		if (!rings)
			cannot_open(errno);
		run_start(NULL, NULL);
		start();
	}
	collect();
	if (!source_read(o, &after) ||
	    !table_delta(&delta, &before, &after, before.exits_per_read))
		warnx("the counts were reset meanwhile: times are unknown");
	sum_up();
	print();
	return o->args ? run_status() : EXIT_SUCCESS;
}
