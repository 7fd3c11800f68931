// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-exits stat: the exits while a command runs, or in each interval.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program.h"

/*
 * Open the file at once, so that a wrong path is an error before the run.
 * begin_output() empties it when there is something to write.
 */
static FILE *open_output(const struct options *o)
{
	FILE *out;
	int fd;

	if (!o->output)
		return o->args ? stderr : stdout;
	fd = open(o->output, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		err(failed, "%s", printable(o->output));
	out = fdopen(fd, "w");
	if (!out)
		errx(failed, "no memory");
	return out;
}

static void begin_output(FILE *out, const struct options *o)
{
	struct stat st;

	if (o->output && !fstat(fileno(out), &st) && S_ISREG(st.st_mode) &&
	    ftruncate(fileno(out), 0))
		err(failed, "%s", printable(o->output));
	if (o->format == CSV)
		print_csv_header(out);
}

static void print_interval(FILE *out, const struct options *o,
			   struct table *t, u64 end, enum state state)
{
	char wall[TIME_LEN];

	if (state == RESET && o->format != JSON)
		warnx("the counts were reset within these %.3f s", t->ns / 1e9);
	if (state == GAP && o->format != JSON)
		warnx("%s", printable(t->error));
	table_filter(t, o->filter);
	table_sort(t, o->sort, table_clock(t), NULL);

	switch (o->format) {
	case TEXT:
		if (o->interval)
			fprintf(out, "%s%.3f s, %s\n", end > t->ns ? "\n" : "",
				end / 1e9, format_wall(wall, t->wall_ns));
		if (state == COUNTED)
			print_text(out, t);
		else if (o->interval)
			fputs(state == RESET ? "the counts were reset\n" :
			      "gap: the counts could not be read\n", out);
		break;
	case CSV:
		print_csv(out, t, end, state);
		break;
	case JSON:
		print_json(out, t, end, state);
		break;
	}
	finish(out);
}

/*
 * The command's own exits.  Each event takes two exits at each switch of tasks.
 * So there is one event for all exits, and at most MAX_OWN for chosen reasons.
 */
#define MAX_OWN	16

static struct own {
	int fd;
	u32 reason;
	bool total;
	u64 last;
} own[MAX_OWN + 1];

static unsigned int nr_own;
static const char *no_own;
static const struct options *own_options;
static const struct table *own_table;

static void add_own(const char *event, pid_t pid, u32 reason, bool total)
{
	struct own *x = &own[nr_own];

	x->fd = pmu_open(event, pid, true);
	x->reason = reason;
	x->total = total;
	x->last = 0;
	if (x->fd >= 0)
		nr_own++;
	else if (!no_own)
		no_own = pmu_error(errno);
}

static void open_own(pid_t pid)
{
	const struct table *t = own_table;
	unsigned int i;

	while (nr_own)
		close(own[--nr_own].fd);
	add_own("exits", pid, 0, true);
	for (i = 0; nr_own && own_options->filter && i < t->nr_rows &&
	     nr_own <= MAX_OWN; i++)
		if (row_matches(&t->rows[i], own_options->filter))
			add_own(t->rows[i].name, pid, t->rows[i].reason, false);
}

/* Put the differences of the events into the rows. */
static void read_own(struct table *d)
{
	unsigned int i, j;
	struct row *r;
	u64 now;

	d->no_own = no_own;
	for (i = 0; i < nr_own; i++) {
		now = pmu_read(own[i].fd);
		if (now == UNKNOWN)
			continue;
		r = own[i].total ? &d->total : NULL;
		for (j = 0; !r && j < d->nr_rows; j++)
			if (d->rows[j].reason == own[i].reason)
				r = &d->rows[j];
		if (!r)
			continue;
		r->own = now - own[i].last;
		r->has_own = true;
		own[i].last = now;
	}
}

/* An interval whose read failed has the times and the message. */
static void make_gap(struct table *d, const struct table *then,
		     const struct table *failed_read, u64 last)
{
	table_copy(d, then);
	d->ns = failed_read->ns - last;
	d->wall_ns = failed_read->wall_ns;
	memcpy(d->error, failed_read->error, sizeof(d->error));
}

static void swap(struct table *a, struct table *b)
{
	struct table tmp = *a;

	*a = *b;
	*b = tmp;
}

/*
 * One run with its intervals.  After a gap the next interval reaches back to
 * the last read that did not fail, so that no exit is lost.
 */
static enum state run_intervals(FILE *out, const struct options *o,
				struct table *delta)
{
	struct table then = {}, now = {};
	enum state state = COUNTED;
	u64 begin, until, last;
	bool ended = false;
	unsigned long n;

	source_read_or_die(o, &then);
	if (out && o->percentiles && !then.nr_buckets && o->format == TEXT)
		warnx("%s_histogram: no histograms, so no percentiles",
		      printable(o->file));
	begin = then.ns;
	last = begin;
	until = begin;
	own_options = o;
	own_table = &then;
	run_start(o->args, o->args && o->live && !o->no_own ? open_own : NULL);

	for (n = 1; !ended && (!o->count || n <= o->count); n++) {
		until = o->interval ? interval_end(until, o->interval) : UNKNOWN;
		ended = run_wait(until);
		if (!source_read(o, &now)) {
			state = GAP;
			ended |= now.errnum == EINTR;
			make_gap(delta, &then, &now, last);
			last = now.ns;
		} else {
			state = table_delta(delta, &then, &now,
					    then.exits_per_read) ?
				COUNTED : RESET;
			last = now.ns;
			if (state == COUNTED)
				read_own(delta);
			swap(&then, &now);
		}
		if (n == 1 && !o->repeat)
			begin_output(out, o);
		if (!o->repeat)
			print_interval(out, o, delta, last - begin, state);
	}
	table_free(&then);
	table_free(&now);
	return state;
}

static int repeat(FILE *out, const struct options *o)
{
	struct table *run = calloc(o->repeat, sizeof(*run));
	struct table mean = {};
	enum state state;
	unsigned int i;
	u64 begin = now_ns();

	if (!run)
		errx(failed, "no memory");
	for (i = 0; i < o->repeat; i++) {
		state = run_intervals(out, o, &run[i]);
		if (state == GAP)
			errx(failed, "%s", printable(run[i].error));
		if (state == RESET)
			errx(failed, "the counts were reset in run %u: repeat the command",
			     i + 1);
	}
	table_mean(&mean, run, o->repeat);
	begin_output(out, o);
	print_interval(out, o, &mean, now_ns() - begin, COUNTED);
	for (i = 0; i < o->repeat; i++)
		table_free(&run[i]);
	free(run);
	table_free(&mean);
	return run_status();
}

int cmd_stat(const struct options *o)
{
	struct table delta = {};
	FILE *out = open_output(o);
	enum state state;

	if (o->repeat)
		return repeat(out, o);
	state = run_intervals(out, o, &delta);
	table_free(&delta);
	if (state != COUNTED && !o->interval && !run_status())
		return failed;
	return run_status();
}

/**
 * measure() - count for one interval or while a command runs
 * @o: the options; the interval or the command decides how long
 * @delta: the result; it must be zeroed
 *
 * Return: the command's status, or 0.
 */
int measure(const struct options *o, struct table *delta)
{
	struct options once = *o;

	once.repeat = 1;	/* print nothing */
	once.count = o->args ? 0 : 1;
	if (o->args)
		once.interval = 0;
	switch (run_intervals(NULL, &once, delta)) {
	case GAP:
		errx(failed, "%s", printable(delta->error));
	case RESET:
		errx(failed, "the counts were reset meanwhile: repeat the command");
	case COUNTED:
		break;
	}
	return run_status();
}
