// SPDX-License-Identifier: GPL-2.0-only
/*
 * The own exits of a command, of processes, of a cgroup or of CPUs, beside those
 * of the VM.
 *
 * Each event of a task or cgroup takes two exits at each switch of tasks.  So
 * there is one event for all exits, and at most MAX_REASONS for reasons.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/perf_event.h>

#include "program.h"

#define MAX_REASONS	16
#define CGROUPS		"/sys/fs/cgroup"

/* One count: the sum of the events of all targets. */
struct count_of {
	u32 reason;
	bool total;
	u64 last;
};

static struct {
	struct count_of count[MAX_REASONS + 1];
	unsigned int nr_counts;
	struct event {
		int fd;
		unsigned int count;
	} *event;
	unsigned int nr_events;
	struct pmu_target *target;
	unsigned int nr_targets;
	const char *why_not;
	char of[80];		/* whose exits they are */
	const struct options *o;
	const struct table *t;
} own;

static void add_target(struct pmu_target target)
{
	own.target = reallocarray(own.target, own.nr_targets + 1,
				  sizeof(*own.target));
	if (!own.target)
		errx(failed, "no memory");
	own.target[own.nr_targets++] = target;
}

/* Open the events of one count for all targets.  False if one cannot be opened. */
static bool add_count(const char *event, u32 reason, bool total)
{
	struct count_of *c = &own.count[own.nr_counts];
	unsigned int i;
	int fd;

	*c = (struct count_of) { .reason = reason, .total = total };
	own.event = reallocarray(own.event, own.nr_events + own.nr_targets,
				 sizeof(*own.event));
	if (!own.event)
		errx(failed, "no memory");
	for (i = 0; i < own.nr_targets; i++) {
		fd = pmu_open_target(event, &own.target[i]);
		/* A thread may have ended since it was found. */
		if (fd < 0 && errno == ESRCH && own.nr_targets > 1)
			continue;
		if (fd < 0) {
			own.why_not = pmu_error(errno);
			return false;
		}
		own.event[own.nr_events++] = (struct event) {
			.fd = fd, .count = own.nr_counts,
		};
	}
	own.nr_counts++;
	return true;
}

/*
 * The reasons that match, the most frequent first.  A command's exits by reason
 * are only counted if a filter asks for it, because its events are costly.
 */
static void add_reasons(void)
{
	struct table t = {};
	unsigned int i;

	if (!own.o->filter && !own.o->target)
		return;
	table_copy(&t, own.t);
	table_sort(&t, SORT_EXITS, CYCLES, NULL);
	for (i = 0; i < t.nr_rows && own.nr_counts <= MAX_REASONS; i++)
		if (row_matches(&t.rows[i], own.o->filter) &&
		    (own.o->filter || t.rows[i].count[EXITS]) &&
		    !add_count(t.rows[i].name, t.rows[i].reason, false))
			break;
	table_free(&t);
}

static void close_events(void)
{
	while (own.nr_events)
		close(own.event[--own.nr_events].fd);
	own.nr_counts = 0;
	own.nr_targets = 0;
}

static void open_command(pid_t pid)
{
	close_events();
	add_target((struct pmu_target) {
		.pid = pid, .cpu = -1, .inherit = true, .on_exec = true,
	});
	if (add_count("exits", 0, true))
		add_reasons();
}

static void add_process(const char *word)
{
	struct dirent *e;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", atoi(word));
	dir = opendir(path);
	if (!dir)
		errx(failed, "-p %s: there is no such process", word);
	while ((e = readdir(dir)))
		if (atoi(e->d_name))
			add_target((struct pmu_target) {
				.pid = atoi(e->d_name), .cpu = -1,
				.inherit = true,
			});
	closedir(dir);
}

static void add_cpu(const char *word)
{
	int cpu, first, last;
	char more;

	if (sscanf(word, "%d%c", &first, &more) == 1)
		last = first;
	else if (sscanf(word, "%d-%d%c", &first, &last, &more) != 2)
		errx(FAILED_BESIDE, "-C %s: not a list of CPUs such as 0,2-3",
		     printable(word));
	for (cpu = first; cpu <= last; cpu++)
		add_target((struct pmu_target) { .pid = -1, .cpu = cpu });
}

/* An event of a cgroup counts on one CPU alone, so open one on each CPU. */
static void add_cgroup(const char *name)
{
	long cpu, cpus = sysconf(_SC_NPROCESSORS_CONF);
	int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *path;

	if (fd < 0) {
		if (asprintf(&path, CGROUPS "/%s", name) < 0)
			errx(failed, "no memory");
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		free(path);
	}
	if (fd < 0)
		err(failed, "--cgroup %s: not a directory of " CGROUPS,
		    printable(name));
	for (cpu = 0; cpu < cpus; cpu++)
		add_target((struct pmu_target) {
			.pid = fd, .cpu = cpu, .flags = PERF_FLAG_PID_CGROUP,
		});
}

static void each_word(const char *list, void (*add)(const char *word))
{
	char *copy = strdup(list), *word, *save;

	if (!copy)
		errx(failed, "no memory");
	for (word = strtok_r(copy, ",", &save); word;
	     word = strtok_r(NULL, ",", &save))
		add(word);
	free(copy);
}

static void open_targets(void)
{
	const struct options *o = own.o;
	static const char * const words[] = {
		[PROCESSES] = "processes",
		[CGROUP] = "cgroup",
		[CPUS] = "CPUs",
	};

	close_events();
	raise_file_limit();
	if (o->target_kind == CGROUP)
		add_cgroup(o->target);
	else
		each_word(o->target, o->target_kind == CPUS ? add_cpu :
			  add_process);
	snprintf(own.of, sizeof(own.of), "%s %s", words[o->target_kind],
		 printable(o->target));
	if (!add_count("exits", 0, true))
		errx(failed, "%s: %s", own.of, own.why_not);
	add_reasons();
}

/**
 * own_prepare() - open what can be opened before a run begins
 * @o: the options
 * @t: the first table; it must stay until the run begins
 *
 * Return: what run_start() calls with the command's process, or NULL.
 */
void (*own_prepare(const struct options *o, const struct table *t))(pid_t pid)
{
	own.o = o;
	own.t = t;
	if (o->target) {
		if (!own.nr_counts)
			open_targets();
		return NULL;
	}
	strcpy(own.of, "the command and its children");
	return o->args && o->live && !o->no_own ? open_command : NULL;
}

static u64 read_count(unsigned int count)
{
	u64 sum = 0, val;
	unsigned int i;

	for (i = 0; i < own.nr_events; i++) {
		if (own.event[i].count != count)
			continue;
		val = pmu_read(own.event[i].fd);
		if (val == UNKNOWN)
			return UNKNOWN;
		sum += val;
	}
	return sum;
}

/* Put the differences of the counts into the rows. */
void own_read(struct table *d)
{
	struct count_of *c;
	unsigned int i, j;
	struct row *r;
	u64 now;

	d->no_own = own.why_not;
	d->own_of = own.of;
	for (i = 0; i < own.nr_counts; i++) {
		c = &own.count[i];
		now = read_count(i);
		if (now == UNKNOWN)
			continue;
		r = c->total ? &d->total : NULL;
		for (j = 0; !r && j < d->nr_rows; j++)
			if (d->rows[j].reason == c->reason)
				r = &d->rows[j];
		if (!r)
			continue;
		r->own = now - c->last;
		r->has_own = true;
		c->last = now;
	}
}
