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
	limits_check(o->format == TEXT ? out : NULL, state == COUNTED ? t : NULL);
	table_filter(t, o->filter);
	table_sort(t, o->sort, table_clock(t), NULL);

	switch (o->format) {
	case TEXT:
		if (o->interval && !source_is_fixed(o, t))
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

/* The user has asked for percentiles; measure() may need them without that. */
static bool wants_percentiles;

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

/* The first read, and then the run. */
static void begin_run(const struct options *o, struct table *first)
{
	source_read_or_die(o, first);
	if (o->source->has_next && !o->source->has_next())
		errx(failed, "%s: the record has only one read, and an interval needs two",
		     printable(o->file));
	if (o->args)
		source_need_changes(o, first);
	limits_check_names(first);
	if (wants_percentiles && !first->nr_buckets &&
	    !(source_is_fixed(o, first) && has(first, P50)))
		warnx("%s%s: no histograms, so no percentiles",
		      o->file ? printable(o->file) : "the host",
		      o->file ? "_histogram" : "");
	run_start(o->args, own_prepare(o, first));
}

/*
 * A table that does not change is one interval.  If it does not tell the interval's
 * length, the options give it.
 */
static bool take_fixed(const struct options *o, const struct table *first,
		       struct table *delta)
{
	if (!source_is_fixed(o, first))
		return false;
	*delta = *first;
	delta->ns = first->span_ns ?: o->interval;
	if (!o->percentiles)
		delta->columns &= (1u << P50) - 1;
	return true;
}

/*
 * Wait until a time, and read.  Of a record, take the first read that is not
 * before this time.
 */
static bool read_at(const struct options *o, u64 until, struct table *now,
		    bool *ended)
{
	bool ok;

	if (!o->source->has_next) {
		*ended = run_wait(until);
		return source_read(o, now);
	}
	do {
		ok = source_read(o, now);
		*ended = !o->source->has_next();
	} while (ok && now->ns < until && !*ended);
	return ok;
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

	begin_run(o, &then);
	if (take_fixed(o, &then, delta)) {
		begin_output(out, o);
		print_interval(out, o, delta, delta->ns, state);
		return state;
	}
	begin = then.ns;
	last = begin;
	until = begin;

	for (n = 1; !ended && (!o->count || n <= o->count); n++) {
		until = o->source->has_next ? until + o->interval :
					  interval_end(until, o->interval);
		if (!read_at(o, until, &now, &ended)) {
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
				own_read(delta);
			swap(&then, &now);
		}
		if (n == 1)
			begin_output(out, o);
		print_interval(out, o, delta, last - begin, state);
	}
	table_free(&then);
	table_free(&now);
	return state;
}

/*
 * How often to read.  In a migration, all counts since the last read on the old host
 * are lost.
 */
#ifndef CHECKPOINT
#define CHECKPOINT	(10 * NSEC)
#endif

/* One run without intervals, over all its generations. */
struct whole {
	struct table first;	/* the counts at the begin of this generation */
	struct table last;	/* the last good read */
	struct table sum;	/* of the earlier generations */
	u64 read_exits;		/* of all reads of this generation, also the last one */
	u64 missing_ns;
	unsigned int resets;
	u64 begin;
};

static void whole_free(struct whole *w)
{
	table_free(&w->first);
	table_free(&w->last);
	table_free(&w->sum);
}

/* The sum until the last good read; false if it cannot be made. */
static bool whole_sum(const struct whole *w, struct table *sum)
{
	if (!table_delta(sum, &w->first, &w->last,
			 w->read_exits - w->last.exits_per_read))
		return false;
	return !w->resets || table_add(sum, &w->sum);
}

/* Take a good read; false if the sum cannot go on. */
static bool whole_take(struct whole *w, struct table *now)
{
	struct table part = {};
	bool ok = true;

	if (!table_delta(&part, &w->last, now, 0)) {
		ok = whole_sum(w, &part);
		swap(&w->sum, &part);
		table_copy(&w->first, now);
		table_restart(&w->first);
		w->first.ns = w->last.ns;
		w->first.steal_ns = w->last.steal_ns;
		w->missing_ns += now->ns - w->last.ns;
		w->resets++;
		w->read_exits = 0;
	}
	w->read_exits += now->exits_per_read;
	table_free(&part);
	swap(&w->last, now);
	return ok;
}

/*
 * If the last read failed, the sum ends at the read before it.  If only the first read
 * was good, there is no sum.
 */
static enum state whole_end(struct whole *w, const struct table *failed_read,
			    struct table *delta)
{
	if (failed_read && w->last.ns == w->begin) {
		make_gap(delta, &w->last, failed_read, w->begin);
		return GAP;
	}
	if (!whole_sum(w, delta))
		return RESET;
	if (failed_read) {
		warnx("%s", printable(failed_read->error));
		w->missing_ns += failed_read->ns - w->last.ns;
		delta->ns += failed_read->ns - w->last.ns;
		delta->wall_ns = failed_read->wall_ns;
	}
	delta->missing_ns = w->missing_ns;
	delta->resets = w->resets;
	own_read(delta);
	return COUNTED;
}

/* Count until the command or o->interval ends, or a signal comes. */
static enum state run_whole(const struct options *o, struct table *delta)
{
	bool ended = false, ok = true, good = true;
	struct whole w = {};
	struct table now = {};
	u64 at, until, end = UNKNOWN;
	enum state state;

	begin_run(o, &w.first);
	if (take_fixed(o, &w.first, delta))
		return COUNTED;
	table_copy(&w.last, &w.first);
	w.read_exits = w.first.exits_per_read;
	w.begin = w.first.ns;
	at = w.begin;
	if (o->interval && !o->args)
		end = w.begin + o->interval;
	while (!ended && ok) {
		until = o->source->has_next ? 0 : at + CHECKPOINT;
		good = read_at(o, until < end ? until : end, &now, &ended);
		at = now.ns;
		ended |= at >= end;
		if (good)
			ok = whole_take(&w, &now);
		else
			ended |= now.errnum == EINTR;
	}
	state = ok ? whole_end(&w, good ? NULL : &now, delta) : RESET;
	if (state == RESET) {
		table_copy(delta, &w.last);
		delta->ns = w.last.ns - w.begin;
	}
	if (!ended && o->args)
		run_wait(UNKNOWN);
	whole_free(&w);
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
		state = run_whole(o, &run[i]);
		if (state == GAP)
			errx(failed, "%s", printable(run[i].error));
		if (state == RESET || run[i].resets)
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
	return run_status() ?: limits_status();
}

int cmd_stat(const struct options *o)
{
	struct table delta = {};
	FILE *out = open_output(o);
	enum state state;

	wants_percentiles = o->percentiles && o->format == TEXT;
	if (o->repeat)
		return repeat(out, o);
	if (o->interval) {
		state = run_intervals(out, o, &delta);
	} else {
		state = run_whole(o, &delta);
		begin_output(out, o);
		print_interval(out, o, &delta, delta.ns, state);
	}
	table_free(&delta);
	if (state != COUNTED && !o->interval && !run_status())
		return failed;
	return run_status() ?: limits_status();
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
	switch (run_whole(o, delta)) {
	case GAP:
		errx(failed, "%s", printable(delta->error));
	case RESET:
		errx(failed, "the counts were reset meanwhile: repeat the command");
	case COUNTED:
		break;
	}
	return run_status();
}
