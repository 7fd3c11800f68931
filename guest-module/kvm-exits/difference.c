// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arithmetic with tables: differences, means, percentiles and order.
 */
#include <err.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

const char * const sort_names[SORTS] = {
	[SORT_TIME] = "time",
	[SORT_EXITS] = "exits",
	[SORT_AVERAGE] = "average",
	[SORT_NAME] = "name",
};

/**
 * table_clock() - the time to show and to sort by
 * @t: the table
 *
 * Return: CYCLES, else STOPPED, else EXITS if the table has no times.
 */
enum count table_clock(const struct table *t)
{
	return has(t, CYCLES) ? CYCLES : has(t, STOPPED) ? STOPPED : EXITS;
}

/* Percent of the whole; NAN if unknown. */
double share(u64 part, u64 whole)
{
	if (part == UNKNOWN || whole == UNKNOWN)
		return NAN;
	return whole ? 100.0 * part / whole : 0;
}

/* Cycles per exit; NAN if unknown. */
double row_average(const struct row *r, enum count clock)
{
	if (r->count[clock] == UNKNOWN)
		return NAN;
	return r->count[EXITS] ? 1.0 * r->count[clock] / r->count[EXITS] : 0;
}

/* Exits per second; NAN if the length of the interval is unknown. */
double row_rate(const struct table *t, const struct row *r)
{
	return t->ns ? 1e9 * r->count[EXITS] / t->ns : NAN;
}

static bool row_subtract(struct row *r, const struct row *then,
			 unsigned int columns)
{
	unsigned int i;

	for (i = 0; i < COUNTS; i++) {
		if (!(columns & 1u << i))
			r->count[i] = UNKNOWN;
		else if (then && r->count[i] < then->count[i])
			return false;
		else if (then)
			r->count[i] -= then->count[i];
	}
	for (i = 0; then && i < MAX_BUCKETS; i++) {
		if (r->bucket[i] < then->bucket[i])
			return false;
		r->bucket[i] -= then->bucket[i];
	}
	if (then)
		r->bucket_cycles -= then->bucket_cycles;
	return true;
}

/* The bound of the bucket in which @percent of the stops are reached. */
static u64 percentile(const struct table *t, const struct row *r,
		      double percent)
{
	u64 all = 0, sum = 0;
	unsigned int i;

	for (i = 0; i < t->nr_buckets; i++)
		all += r->bucket[i];
	for (i = 0; all && i < t->nr_buckets; i++) {
		sum += r->bucket[i];
		if (sum * 100.0 >= all * percent)
			return t->bound[i];
	}
	return UNKNOWN;
}

/* The percentiles of an interval come from the differences of the buckets. */
static void set_percentiles(struct table *t)
{
	static const double percents[] = { 50, 99, 99.9 };
	unsigned int i, p;

	for (p = 0; p < ARRAY_SIZE(percents); p++) {
		t->columns |= 1u << (P50 + p);
		t->total.count[P50 + p] = percentile(t, &t->total, percents[p]);
		for (i = 0; i < t->nr_rows; i++)
			t->rows[i].count[P50 + p] =
				percentile(t, &t->rows[i], percents[p]);
	}
}

/*
 * The number of exits for reading is known exactly.  Their cycles are not
 * known: assume the average of the interval's exits for CPUID.
 */
static void take_out(struct table *d, u64 read_exits)
{
	u64 exits, out;
	unsigned int i, c;
	struct row *r;

	for (i = 0; i < d->nr_rows; i++)
		if (!strcmp(d->rows[i].name, "CPUID"))
			break;
	if (i == d->nr_rows)
		return;

	r = &d->rows[i];
	exits = r->count[EXITS];
	if (read_exits > exits)
		read_exits = exits;
	if (!read_exits)
		return;

	for (c = 0; c < COUNTS; c++) {
		if (!has(d, c))
			continue;
		out = r->count[c] / exits * read_exits +
		      r->count[c] % exits * read_exits / exits;
		r->count[c] -= out;
		d->total.count[c] -= out;
	}
	d->read_exits = read_exits;
}

/**
 * table_delta() - the difference of two reads
 * @d: the result; it must be zeroed or hold a table, which is freed
 * @then: the earlier read
 * @now: the later read
 * @read_exits: exits for CPUID to subtract, which reading took
 *
 * A read takes its snapshot first, and the snapshot counts itself.  So the
 * difference contains the exits of the earlier read, and not those of the
 * later read.
 *
 * Return: false if the counts were reset meanwhile: there is no difference
 * then.
 */
bool table_delta(struct table *d, const struct table *then,
		 const struct table *now, u64 read_exits)
{
	const struct row *r;
	unsigned int i;

	table_copy(d, now);
	/*
	 * Two reads do not give an interval's percentiles.  They give its MAX only
	 * if the source began to count at the first read.  The patched KVM does not.
	 */
	d->columns = then->columns & now->columns & ((1u << P50) - 1);
	if (then->total.count[EXITS] || !*now->origin)
		d->columns &= ~(1u << MAX);
	d->ns = now->ns - then->ns;
	if (then->steal_ns > now->steal_ns || now->steal_ns == UNKNOWN)
		d->steal_ns = UNKNOWN;
	else
		d->steal_ns = now->steal_ns - then->steal_ns;
	if (!then->nr_buckets)
		d->nr_buckets = 0;

	if (then->generation != now->generation ||
	    strcmp(then->vendor, now->vendor))
		return false;

	/* In one generation no row with exits goes away. */
	for (i = 0; i < then->nr_rows; i++)
		if (then->rows[i].count[EXITS] &&
		    !table_row(now, then->rows[i].reason))
			return false;
	for (i = 0; i < d->nr_rows; i++) {
		r = table_row(then, d->rows[i].reason);
		if (!row_subtract(&d->rows[i], r, d->columns))
			return false;
	}
	if (!row_subtract(&d->total, &then->total, d->columns))
		return false;

	take_out(d, read_exits ? read_exits + now->exits_before : 0);
	if (d->nr_buckets)
		set_percentiles(d);
	return true;
}

static void row_scale(struct row *r, const struct table *from, u32 tsc_khz)
{
	enum count c;

	for (c = CYCLES; c <= STOPPED; c++)
		if (has(from, c))
			r->count[c] = llround(1.0 * r->count[c] * tsc_khz /
					      from->tsc_khz);
}

static void row_add(struct row *r, const struct row *x)
{
	unsigned int i;

	for (i = 0; i <= STOPPED; i++)
		r->count[i] += x->count[i];
	for (i = 0; i < MAX_BUCKETS; i++)
		r->bucket[i] += x->bucket[i];
	r->bucket_cycles += x->bucket_cycles;
}

static void forget_counts(struct row *r, unsigned int columns)
{
	unsigned int i;

	for (i = 0; i < COUNTS; i++)
		if (!(columns & 1u << i))
			r->count[i] = UNKNOWN;
}

static struct row *own_row(struct table *t, const struct row *like)
{
	unsigned int i;

	for (i = 0; i < t->nr_rows; i++)
		if (t->rows[i].reason == like->reason)
			return &t->rows[i];
	t->rows = reallocarray(t->rows, t->nr_rows + 1, sizeof(*t->rows));
	if (!t->rows)
		errx(failed, "no memory");
	i = t->nr_rows++;
	t->rows[i] = (struct row) { .reason = like->reason };
	memcpy(t->rows[i].name, like->name, NAME_LEN);
	return &t->rows[i];
}

/**
 * table_add() - add the difference of an earlier time, before a reset
 * @t: the difference of the later time
 * @from: that of the earlier time; it may be from a host whose TSC has another
 *        frequency
 *
 * Return: false if they cannot be added.
 */
bool table_add(struct table *t, const struct table *from)
{
	bool same_clock = t->tsc_khz == from->tsc_khz && t->in_ns == from->in_ns;
	unsigned int i;
	struct row x;

	if (strcmp(t->vendor, from->vendor) || t->in_ns != from->in_ns ||
	    !t->tsc_khz != !from->tsc_khz)
		return false;
	t->columns &= from->columns & ((1u << MAX) - 1);
	if (!same_clock || !from->nr_buckets)
		t->nr_buckets = 0;
	for (i = 0; i < from->nr_rows; i++) {
		x = from->rows[i];
		if (!same_clock)
			row_scale(&x, from, t->tsc_khz);
		row_add(own_row(t, &x), &x);
	}
	x = from->total;
	if (!same_clock)
		row_scale(&x, from, t->tsc_khz);
	row_add(&t->total, &x);
	for (i = 0; i < t->nr_rows; i++)
		forget_counts(&t->rows[i], t->columns);
	forget_counts(&t->total, t->columns);
	t->ns += from->ns;
	t->read_exits += from->read_exits;
	t->missing_ns += from->missing_ns;
	t->resets += from->resets;
	if (t->steal_ns != UNKNOWN && from->steal_ns != UNKNOWN)
		t->steal_ns += from->steal_ns;
	if (t->nr_buckets)
		set_percentiles(t);
	return true;
}

/* Turn the first read after a reset into the counts at the reset: all are zero. */
void table_restart(struct table *t)
{
	unsigned int i;

	for (i = 0; i < t->nr_rows; i++) {
		memset(t->rows[i].count, 0, sizeof(t->rows[i].count));
		memset(t->rows[i].bucket, 0, sizeof(t->rows[i].bucket));
		t->rows[i].bucket_cycles = 0;
	}
	memset(t->total.count, 0, sizeof(t->total.count));
	memset(t->total.bucket, 0, sizeof(t->total.bucket));
	t->total.bucket_cycles = 0;
}

/* One run's row for the row @r of the mean. */
static const struct row *run_row(const struct table *run, const struct row *r,
				 bool total)
{
	static const struct row none;

	return (total ? &run->total : table_row(run, r->reason)) ?: &none;
}

/* The sample standard deviation. */
static double deviation(const double *val, unsigned int n)
{
	double sum = 0, square = 0;
	unsigned int i;

	for (i = 0; i < n; i++)
		sum += val[i];
	for (i = 0; i < n; i++)
		square += (val[i] - sum / n) * (val[i] - sum / n);
	return n > 1 ? sqrt(square / (n - 1)) : 0;
}

static void row_mean(struct table *t, struct row *r, const struct table *run)
{
	bool total = r == &t->total;
	double *val = calloc(t->runs, sizeof(*val));
	const struct row *x;
	unsigned int c, i, n = 0;
	double sum;
	u64 own = 0;

	if (!val)
		errx(failed, "no memory");
	for (c = 0; c <= STOPPED; c++) {
		if (!has(t, c)) {
			r->count[c] = UNKNOWN;
			continue;
		}
		sum = 0;
		for (i = 0; i < t->runs; i++) {
			val[i] = run_row(&run[i], r, total)->count[c];
			sum += val[i];
		}
		r->count[c] = llround(sum / t->runs);
		r->deviation[c] = deviation(val, t->runs);
	}
	for (i = 0; i < t->runs; i++) {
		x = run_row(&run[i], r, total);
		own += x->own;
		if (x->count[EXITS])
			val[n++] = row_average(x, CYCLES);
	}
	r->average_deviation = has(t, CYCLES) ? deviation(val, n) : NAN;
	r->own = llround(1.0 * own / t->runs);
	free(val);
}

/**
 * table_mean() - the mean of several runs, with the standard deviation
 * @t: the result; it must be zeroed or hold a table, which is freed
 * @run: the differences that the runs made
 * @runs: the number of runs
 */
void table_mean(struct table *t, const struct table *run, unsigned int runs)
{
	unsigned int columns = (1u << MAX) - 1;
	u64 ns = 0, steal = 0, reads = 0;
	unsigned int i;

	table_copy(t, &run[runs - 1]);
	for (i = 0; i < runs; i++) {
		columns &= run[i].columns;
		ns += run[i].ns;
		reads += run[i].read_exits;
		steal = run[i].steal_ns == UNKNOWN ? UNKNOWN :
			steal + run[i].steal_ns;
	}
	t->columns = columns;
	t->nr_buckets = 0;
	t->ns = ns / runs;
	t->read_exits = reads / runs;
	t->steal_ns = steal == UNKNOWN ? UNKNOWN : steal / runs;
	t->runs = runs;
	for (i = 0; i < t->nr_rows; i++)
		row_mean(t, &t->rows[i], run);
	row_mean(t, &t->total, run);
}

/*
 * The C library needs exponential time and memory for an expression such as
 * (((a{99}){99}){99}){99} or ((((a+)+)+)+)+.  Names need no such expression.
 */
#define MAX_PLUS	4

static const char *too_costly(const char *s)
{
	unsigned int plus = 0;

	if (strlen(s) >= FILTER_LEN)
		return "it is too long";
	if (strchr(s, '{'))
		return "it may not have a {";
	for (; *s; s++)
		plus += *s == '+';
	return plus > MAX_PLUS ? "it has too many +" : NULL;
}

/**
 * filter_compile() - compile an expression for names
 * @filter: the result
 * @s: an extended regular expression
 * @why: set to what is wrong with it
 *
 * Return: true if it is a valid expression.
 */
bool filter_compile(regex_t *filter, const char *s, char why[WHY_LEN])
{
	const char *costly = too_costly(s);
	int error;

	if (costly) {
		snprintf(why, WHY_LEN, "%s", costly);
		return false;
	}
	error = regcomp(filter, s, REG_EXTENDED | REG_ICASE | REG_NOSUB);
	if (error)
		regerror(error, filter, why, WHY_LEN);
	return !error;
}

/* Whether a row's name matches an expression, or there is no expression. */
bool row_matches(const struct row *r, const regex_t *filter)
{
	return !filter || !regexec(filter, r->name, 0, NULL, 0);
}

/* Whether the name of any row matches: a typing error matches none. */
bool table_matches(const struct table *t, const regex_t *filter)
{
	unsigned int i;

	for (i = 0; i < t->nr_rows; i++)
		if (row_matches(&t->rows[i], filter))
			return true;
	return false;
}

/**
 * table_filter() - keep the rows whose names match
 * @t: the table; its total stays the total of the VM
 * @filter: the expression, or NULL for all
 */
void table_filter(struct table *t, const regex_t *filter)
{
	unsigned int i, n = 0;

	for (i = 0; i < t->nr_rows; i++)
		if (row_matches(&t->rows[i], filter))
			t->rows[n++] = t->rows[i];
	t->nr_rows = n;
}

/* How to compare rows. */
struct order {
	enum sort key;
	enum count clock;
	const struct table *tie;
};

static int row_order(const struct row *x, const struct row *y,
		     const struct order *o)
{
	double vx = 0, vy = 0;

	switch (o->key) {
	case SORT_NAME:
		return strcmp(x->name, y->name);
	case SORT_TIME:
		vx = x->count[o->clock];
		vy = y->count[o->clock];
		break;
	case SORT_AVERAGE:
		vx = row_average(x, o->clock);
		vy = row_average(y, o->clock);
		break;
	case SORT_EXITS:
		break;
	}
	if (vx == vy) {
		vx = x->count[EXITS];
		vy = y->count[EXITS];
	}
	return (vx < vy) - (vx > vy);
}

static int row_compare(const void *a, const void *b, void *arg)
{
	const struct row *x = a, *y = b;
	const struct order *o = arg;
	int n = row_order(x, y, o);

	if (!n && o->tie)
		n = row_order(table_row(o->tie, x->reason),
			      table_row(o->tie, y->reason), o);
	if (!n)
		n = x->reason < y->reason ? -1 : 1;
	return n;
}

/**
 * table_sort() - order the rows, the largest first
 * @t: the table
 * @key: the sort key
 * @clock: the time to sort by: CYCLES or STOPPED, or EXITS without a time
 * @tie: a table with the same reasons that decides between equal rows, or NULL
 */
void table_sort(struct table *t, enum sort key, enum count clock,
		const struct table *tie)
{
	struct order o = { key, clock, tie };

	if (t->nr_rows)
		qsort_r(t->rows, t->nr_rows, sizeof(*t->rows), row_compare, &o);
}
