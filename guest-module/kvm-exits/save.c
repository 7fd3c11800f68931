// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-exits save and diff: keep a table, and compare two.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "program.h"

static void print_counts(FILE *out, const struct table *t, const struct row *r)
{
	enum count c;
	unsigned int i;

	for (c = 0; c < COUNTS; c++) {
		if (!has(t, c))
			continue;
		if (r->count[c] == UNKNOWN)
			fputs(" -", out);
		else
			fprintf(out, " %llu", r->count[c]);
	}
	for (i = 0; i < t->nr_buckets; i++)
		fprintf(out, " %llu", r->bucket[i]);
	fputc('\n', out);
}

static void print_columns(FILE *out, const struct table *t)
{
	enum count c;
	unsigned int i;

	fputs("# reason name", out);
	for (c = 0; c < COUNTS; c++)
		if (has(t, c))
			fprintf(out, " %s", count_names[c]);
	for (i = 0; i < t->nr_buckets; i++) {
		if (t->bound[i] == UNKNOWN)
			fputs(" inf", out);
		else
			fprintf(out, " %llu", t->bound[i]);
	}
	fputc('\n', out);
}

/**
 * table_print() - print a table without its first line
 * @out: the output
 * @t: the table
 * @zeros: print also the rows of reasons that never occurred
 *
 * It has the form of /proc/kvm_exits.  The header has more lines, and the
 * buckets of the histograms are columns.
 */
void table_print(FILE *out, const struct table *t, bool zeros)
{
	const struct row *r;
	char wall[TIME_LEN];
	const char *fact;
	unsigned int i;

	fprintf(out, "# vendor %s\n# tsc_khz %u\n# generation %u\n", t->vendor,
		t->tsc_khz, t->generation);
	fprintf(out, "# exits_per_read %u\n", t->exits_per_read);
	fprintf(out, "# wall_time %s\n", format_wall(wall, t->wall_ns));
	if (*t->origin)
		fprintf(out, "# source %s\n", t->origin);
	if (t->in_ns)
		fputs("# unit ns\n", out);
	if (t->span_ns)
		fprintf(out, "# nanoseconds %llu\n", t->span_ns);
	if (t->missing_ns)
		fprintf(out, "# missing_nanoseconds %llu\n# resets %u\n",
			t->missing_ns, t->resets);
	if (t->uptime_ns)
		fprintf(out, "# uptime_nanoseconds %llu\n", t->uptime_ns);
	for (i = 0; i < nr_facts; i++) {
		fact = (const char *)&t->facts + facts[i].offset;
		if (*fact)
			fprintf(out, "# %s %s\n", facts[i].key, fact);
	}
	print_columns(out, t);
	fputs("- total", out);
	print_counts(out, t, &t->total);
	for (i = 0; i < t->nr_rows; i++) {
		r = &t->rows[i];
		/* The parser wants one row at least. */
		if (!zeros && !r->count[EXITS] && t->total.count[EXITS])
			continue;
		fprintf(out, "%u %s", r->reason, r->name);
		print_counts(out, t, r);
	}
}

static void print_table(FILE *out, const struct table *t)
{
	fprintf(out, "# kvm_exits version %d\n", TABLE_VERSION);
	table_print(out, t, true);
}

static u64 uptime(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * NSEC + ts.tv_nsec;
}

int cmd_save(const struct options *o)
{
	struct options with_histogram = *o;
	struct table t = {};
	int status = EXIT_SUCCESS;

	with_histogram.percentiles = true;
	check_replaceable(o->output);
	if (o->args || o->interval || o->source->left) {
		status = measure(&with_histogram, &t);
		t.span_ns = t.ns;
		t.exits_per_read = 0;	/* reading is already left out */
	} else {
		source_read_or_die(o, &t);
		if (o->live)
			t.uptime_ns = uptime();
	}
	if (o->live)
		facts_read(&t.facts);
	replace_file(o->output, 0, print_table, &t);
	table_free(&t);
	return status;
}

/* The time that the counts of a table cover, or 0. */
static u64 span(const struct table *t)
{
	return t->span_ns ?: t->uptime_ns;
}

static void print_side(const char *label, const char *path,
		       const struct table *t)
{
	char buf[VALUE_LEN];

	printf("%s: %s (%s, %s", label, printable(path), t->vendor,
	       format_origin(buf, t));
	if (t->span_ns)
		printf(", %.3f s", t->span_ns / 1e9);
	else if (t->uptime_ns)
		printf(", %.3f s since boot", t->uptime_ns / 1e9);
	puts(")");
}

static double amount(const struct table *t, const struct row *r, bool rates)
{
	u64 exits = r ? r->count[EXITS] : 0;

	return rates ? 1e9 * exits / span(t) : exits;
}

/* The time that both tables have, or EXITS. */
static enum count common_clock(const struct table *a, const struct table *b)
{
	struct table both = { .columns = a->columns & b->columns };

	return table_clock(&both);
}

static const char *format_average(char buf[VALUE_LEN], const struct table *t,
				  const struct row *r, enum count clock)
{
	return r && clock != EXITS ?
	       format_time(buf, row_average(r, clock), t->tsc_khz) : "-";
}

static void print_difference(const struct table *a, const struct row *x,
			     const struct table *b, const struct row *y,
			     bool rates)
{
	enum count clock = common_clock(a, b);
	double from = amount(a, x, rates), to = amount(b, y, rates);
	char buf[VALUE_LEN];

	printf("%-25s %12.*f %12.*f", (x ?: y)->name, rates, from, rates, to);
	if (from)
		printf(" %+7.0f%%", 100 * (to - from) / from);
	else
		printf(" %8s", to ? "new" : "");
	printf(" %9s", format_average(buf, a, x, clock));
	printf(" %9s\n", format_average(buf, b, y, clock));
}

int cmd_diff(const struct options *o)
{
	struct table a = {}, b = {};
	const struct row *x, *y;
	enum count clock;
	unsigned int i;
	bool rates;

	if (!table_read(&a, TABLE, o->args[0]))
		errx(failed, "%s", printable(a.error));
	if (!table_read(&b, TABLE, o->args[1]))
		errx(failed, "%s", printable(b.error));
	if (strcmp(a.vendor, b.vendor))
		warnx("the vendors differ: their reasons have different names");
	if (!table_matches(&a, o->filter) && !table_matches(&b, o->filter))
		errx(failed, "%s: no reason of the tables matches: see kvm-exits explain",
		     o->filter_text);
	rates = span(&a) && span(&b);
	table_filter(&a, o->filter);
	table_filter(&b, o->filter);
	clock = common_clock(&a, &b);
	table_sort(&a, o->sort, clock, NULL);
	table_sort(&b, o->sort, clock, NULL);

	print_side("A", o->args[0], &a);
	print_side("B", o->args[1], &b);
	if (a.uptime_ns || b.uptime_ns)
		puts("(a rate since boot is too low for a guest that has migrated)");
	printf("%-25s %12s %12s %8s %9s %9s\n", "reason",
	       rates ? "A exits/s" : "A exits", rates ? "B exits/s" : "B exits",
	       "change", clock == STOPPED ? "A stopped" : "A average",
	       clock == STOPPED ? "B stopped" : "B average");
	for (i = 0; i < b.nr_rows; i++) {
		y = &b.rows[i];
		x = table_row(&a, y->reason);
		if (x && strcmp(x->name, y->name))
			x = NULL;
		if (y->count[EXITS] || (x && x->count[EXITS]))
			print_difference(&a, x, &b, y, rates);
	}
	for (i = 0; i < a.nr_rows; i++) {
		x = &a.rows[i];
		y = table_row(&b, x->reason);
		if (x->count[EXITS] && (!y || strcmp(x->name, y->name)))
			print_difference(&a, x, &b, NULL, rates);
	}
	print_difference(&a, &a.total, &b, &b.total, rates);
	finish(stdout);
	table_free(&a);
	table_free(&b);
	return EXIT_SUCCESS;
}
