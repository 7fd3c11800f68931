// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-exits diff: two saved tables or records side by side.
 */
#include <err.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

/* The rates of one reason in the intervals of a record. */
struct rates {
	double sum;
	double square;
};

struct side {
	const char *path;
	struct table t;		/* its ns are the time that it covers, or 0 */
	unsigned int intervals;	/* of a record, else 0 */
	struct rates total;
	struct rates *rates;	/* by the reason's place in @reasons */
	u32 *reasons;
};

static void add_rate(struct rates *r, double rate)
{
	r->sum += rate;
	r->square += rate * rate;
}

static struct rates *find_rates(const struct side *s, const struct row *r)
{
	unsigned int i;

	for (i = 0; i < s->t.nr_rows; i++)
		if (s->reasons[i] == r->reason)
			return &s->rates[i];
	return NULL;
}

static void add_interval(struct side *s, const struct table *d)
{
	struct rates *rates;
	unsigned int i;

	for (i = 0; i < d->nr_rows; i++) {
		rates = find_rates(s, &d->rows[i]);
		if (rates)
			add_rate(rates, row_rate(d, &d->rows[i]));
	}
	add_rate(&s->total, row_rate(d, &d->total));
	s->intervals++;
}

/* The rates of all intervals, without those in which the counts were reset. */
static void read_rates(struct side *s)
{
	struct table then = {}, now = {}, d = {};
	struct record r;
	unsigned int i;

	s->rates = calloc(s->t.nr_rows, sizeof(*s->rates));
	s->reasons = calloc(s->t.nr_rows, sizeof(*s->reasons));
	if (!s->rates || !s->reasons)
		errx(failed, "no memory");
	for (i = 0; i < s->t.nr_rows; i++)
		s->reasons[i] = s->t.rows[i].reason;
	if (!record_open(&r, s->path, &then) || !record_read(&r, &then))
		errx(failed, "%s", printable(then.error));
	while (r.next && record_read(&r, &now)) {
		if (table_delta(&d, &then, &now, then.exits_per_read))
			add_interval(s, &d);
		table_copy(&then, &now);
	}
	record_close(&r);
	table_free(&then);
	table_free(&now);
	table_free(&d);
}

static void read_side(struct side *s, const char *path)
{
	struct options o = { .file = path, .percentiles = true };

	s->path = path;
	if (is_record(path)) {
		o.source = &record_source;
		measure(&o, &s->t);
		record_rewind();
		read_rates(s);
		return;
	}
	if (!table_read(&s->t, TABLE, path))
		errx(failed, "%s", printable(s->t.error));
	s->t.ns = s->t.span_ns ?: s->t.uptime_ns;
}

static void free_side(struct side *s)
{
	free(s->rates);
	free(s->reasons);
	table_free(&s->t);
}

static void print_side(const char *label, const struct side *s)
{
	char buf[VALUE_LEN];

	printf("%s: %s (%s, %s", label, printable(s->path), s->t.vendor,
	       format_origin(buf, &s->t));
	if (s->t.ns)
		printf(", %.3f s%s", s->t.ns / 1e9,
		       s->t.uptime_ns && !s->t.span_ns ? " since boot" : "");
	if (s->intervals)
		printf(", %u intervals", s->intervals);
	puts(")");
	print_incomplete(stdout, &s->t);
}

/* A reason of either table or of both, or the two totals. */
struct pair {
	const struct row *x;	/* NULL if A does not have it */
	const struct row *y;	/* NULL if B does not have it */
	bool total;
};

/* Reasons that occurred: B's in B's order, then those of A alone, then the totals. */
static struct pair *make_pairs(const struct table *a, const struct table *b,
			       unsigned int *nr)
{
	struct pair *p = calloc(a->nr_rows + b->nr_rows + 1, sizeof(*p));
	const struct row *x, *y;
	unsigned int i, n = 0;

	if (!p)
		errx(failed, "no memory");
	for (i = 0; i < b->nr_rows; i++) {
		y = &b->rows[i];
		x = table_row(a, y->reason);
		if (x && strcmp(x->name, y->name))
			x = NULL;
		if (y->count[EXITS] || (x && x->count[EXITS]))
			p[n++] = (struct pair) { x, y, false };
	}
	for (i = 0; i < a->nr_rows; i++) {
		x = &a->rows[i];
		y = table_row(b, x->reason);
		if (x->count[EXITS] && (!y || strcmp(x->name, y->name)))
			p[n++] = (struct pair) { x, NULL, false };
	}
	p[n++] = (struct pair) { &a->total, &b->total, true };
	*nr = n;
	return p;
}

/* Exits a second if the times of both are known, else exits. */
static double amount(const struct side *s, const struct row *r, bool rates)
{
	u64 exits = r ? r->count[EXITS] : 0;

	return rates ? 1e9 * exits / s->t.ns : exits;
}

/* The variance of the mean rate. */
static double variance(const struct side *s, const struct row *r, bool total)
{
	const struct rates *rates;
	unsigned int n = s->intervals;

	if (n < 2)
		return NAN;
	rates = total ? &s->total : r ? find_rates(s, r) : NULL;
	if (!rates)
		return 0;
	return fmax(0, rates->square - rates->sum * rates->sum / n) /
	       (n - 1) / n;
}

/* Student's t for 95 %, two-sided. */
static double student(unsigned int freedom)
{
	static const double t[] = {
		12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23,
		2.20, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11, 2.10, 2.09, 2.09,
	};

	return freedom <= ARRAY_SIZE(t) ? t[freedom - 1] : 2.08;
}

/*
 * How far two mean rates can be apart by chance, with 95 %: Welch's test, with
 * the degrees of freedom of the shorter record.  Welch's own formula never gives fewer,
 * so the result is never too small.  NAN if one of them has fewer than two intervals.
 */
static double noise(const struct side *a, const struct side *b,
		    const struct pair *p)
{
	unsigned int n = a->intervals < b->intervals ? a->intervals :
						       b->intervals;
	double sum = variance(a, p->x, p->total) + variance(b, p->y, p->total);

	return n < 2 ? NAN : student(n - 1) * sqrt(sum);
}

/* A change that is within the noise is in parentheses. */
static const char *format_change(char buf[VALUE_LEN], double from, double to,
				 double noise)
{
	bool small = fabs(to - from) <= noise;

	if (!from)
		return to ? small ? "(new)" : "new" : "";
	snprintf(buf, VALUE_LEN, small ? "(%+.0f%%)" : "%+.0f%%",
		 100 * (to - from) / from);
	return buf;
}

/* The time that both tables have, or EXITS. */
static enum count common_clock(const struct table *a, const struct table *b)
{
	struct table both = { .columns = a->columns & b->columns };

	return table_clock(&both);
}

static const char *format_average(char buf[VALUE_LEN], const struct side *s,
				  const struct row *r, enum count clock)
{
	return r && clock != EXITS ?
	       format_time(buf, row_average(r, clock), s->t.tsc_khz) : "-";
}

static void print_rates(const struct side *a, const struct side *b,
			const struct pair *p, unsigned int nr)
{
	enum count clock = common_clock(&a->t, &b->t);
	bool rates = a->t.ns && b->t.ns;
	char buf[VALUE_LEN];
	unsigned int i;
	double from, to;

	printf("%-25s %12s %12s %8s %9s %9s\n", "reason",
	       rates ? "A exits/s" : "A exits", rates ? "B exits/s" : "B exits",
	       "change", clock == STOPPED ? "A stopped" : "A average",
	       clock == STOPPED ? "B stopped" : "B average");
	for (i = 0; i < nr; i++, p++) {
		from = amount(a, p->x, rates);
		to = amount(b, p->y, rates);
		printf("%-25s %12.*f %12.*f", (p->x ?: p->y)->name, rates, from,
		       rates, to);
		printf(" %8s", format_change(buf, from, to, noise(a, b, p)));
		printf(" %9s", format_average(buf, a, p->x, clock));
		printf(" %9s\n", format_average(buf, b, p->y, clock));
	}
}

static const char *format_count(char buf[VALUE_LEN], const struct side *s,
				const struct row *r, enum count c)
{
	return format_short(buf, r && has(&s->t, c) ? r->count[c] : UNKNOWN,
			    s->t.tsc_khz);
}

static const char *format_mean(char buf[VALUE_LEN], const struct side *s,
			       const struct row *r)
{
	u64 mean = UNKNOWN;

	if (r)
		mean = llround(row_average(r, STOPPED));
	return format_short(buf, mean, s->t.tsc_khz);
}

/* How long an exit stops a vCPU. */
static void print_stops(const struct side *a, const struct side *b,
			const struct pair *p, unsigned int nr)
{
	char buf[VALUE_LEN];
	double from, to;
	unsigned int i;

	printf("\n%-25s %7s %7s %8s %6s %6s %6s %6s\n", "stopped", "A mean",
	       "B mean", "change", "A p50", "B p50", "A p99", "B p99");
	for (i = 0; i < nr; i++, p++) {
		printf("%-25s", (p->x ?: p->y)->name);
		printf(" %7s", format_mean(buf, a, p->x));
		printf(" %7s", format_mean(buf, b, p->y));
		from = p->x ? row_average(p->x, STOPPED) : 0;
		to = p->y ? row_average(p->y, STOPPED) : 0;
		if (a->t.tsc_khz && b->t.tsc_khz)
			to *= 1.0 * a->t.tsc_khz / b->t.tsc_khz;
		printf(" %8s", from && to ? format_change(buf, from, to, NAN) :
					    "");
		printf(" %6s", format_count(buf, a, p->x, P50));
		printf(" %6s", format_count(buf, b, p->y, P50));
		printf(" %6s", format_count(buf, a, p->x, P99));
		printf(" %6s\n", format_count(buf, b, p->y, P99));
	}
}

static void print_text_diff(const struct side *a, const struct side *b,
			    const struct pair *p, unsigned int nr)
{
	print_side("A", a);
	print_side("B", b);
	if ((a->t.uptime_ns && !a->t.span_ns) || (b->t.uptime_ns && !b->t.span_ns))
		puts("(a rate since boot is too low for a guest that has migrated)");
	if (a->intervals > 1 && b->intervals > 1)
		puts("(a change in parentheses is within the noise of the intervals, with 95 %)");
	print_rates(a, b, p, nr);
	if (has(&a->t, STOPPED) && has(&b->t, STOPPED))
		print_stops(a, b, p, nr);
}

static void print_json_side(const char *key, const struct side *s)
{
	print_json_key(stdout, key);
	fputs("{\"path\": ", stdout);
	print_json_string(stdout, s->path);
	print_json_text(stdout, "vendor", s->t.vendor);
	print_json_number(stdout, "tsc_khz", 0, s->t.in_ns ? 0 : s->t.tsc_khz);
	print_json_number(stdout, "generation", 0, s->t.generation);
	print_json_number(stdout, "seconds", 9, s->t.ns ? s->t.ns / 1e9 : NAN);
	print_json_number(stdout, "intervals", 0, s->intervals);
	putchar('}');
}

static void print_json_row(const char *key, const struct side *s,
			   const struct row *r)
{
	print_json_key(stdout, key);
	if (!r) {
		fputs("null", stdout);
		return;
	}
	putchar('{');
	print_json_fields(stdout, &s->t, r);
	putchar('}');
}

static void print_json_pair(const struct side *a, const struct side *b,
			    const struct pair *p)
{
	bool rates = a->t.ns && b->t.ns;
	double from = amount(a, p->x, rates), to = amount(b, p->y, rates);
	double by_chance = noise(a, b, p);

	printf("{\"name\": \"%s\"", (p->x ?: p->y)->name);
	print_json_row("a", a, p->x);
	print_json_row("b", b, p->y);
	print_json_number(stdout, "change_percent", 3,
			  from ? 100 * (to - from) / from : NAN);
	print_json_number(stdout, "noise_percent", 3,
			  from ? 100 * by_chance / from : NAN);
	print_json_key(stdout, "within_noise");
	fputs(isnan(by_chance) ? "null" :
	      fabs(to - from) <= by_chance ? "true" : "false", stdout);
	putchar('}');
}

static void print_json_diff(const struct side *a, const struct side *b,
			    const struct pair *p, unsigned int nr)
{
	unsigned int i;

	printf("{\"version\": %d", OUTPUT_VERSION);
	print_json_side("a", a);
	print_json_side("b", b);
	print_json_key(stdout, "total");
	print_json_pair(a, b, &p[nr - 1]);
	print_json_key(stdout, "reasons");
	putchar('[');
	for (i = 0; i + 1 < nr; i++) {
		fputs(i ? ", " : "", stdout);
		print_json_pair(a, b, &p[i]);
	}
	puts("]}");
}

/* The totals stay. */
static unsigned int filter_pairs(struct pair *p, unsigned int nr,
				 const regex_t *filter)
{
	unsigned int i, n = 0;

	for (i = 0; i < nr; i++)
		if (p[i].total || row_matches(p[i].x ?: p[i].y, filter))
			p[n++] = p[i];
	return n;
}

int cmd_diff(const struct options *o)
{
	struct side a = {}, b = {};
	struct pair *pairs;
	enum count clock;
	unsigned int nr;

	read_side(&a, o->args[0]);
	read_side(&b, o->args[1]);
	if (strcmp(a.t.vendor, b.t.vendor))
		warnx("the vendors differ: their reasons have different names");
	if (!table_matches(&a.t, o->filter) && !table_matches(&b.t, o->filter))
		errx(failed, "%s: no reason of the tables matches: see kvm-exits explain",
		     o->filter_text);
	clock = common_clock(&a.t, &b.t);
	table_sort(&a.t, o->sort, clock, NULL);
	table_sort(&b.t, o->sort, clock, NULL);
	pairs = make_pairs(&a.t, &b.t, &nr);
	nr = filter_pairs(pairs, nr, o->filter);

	if (o->format == JSON)
		print_json_diff(&a, &b, pairs, nr);
	else
		print_text_diff(&a, &b, pairs, nr);
	finish(stdout);
	free(pairs);
	free_side(&a);
	free_side(&b);
	return EXIT_SUCCESS;
}
