// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-exits report: where the time went, in words, with advice.
 */
#include <stdlib.h>
#include <string.h>

#include "program.h"

#define LISTED		5	/* reasons in a list */

static void print_counts(const struct table *t, unsigned int from,
			 unsigned int to)
{
	unsigned int i;

	for (i = from; i < to; i++)
		printf("  %-25s %14llu %6.2f %%\n", t->rows[i].name,
		       t->rows[i].count[EXITS],
		       share(t->rows[i].count[EXITS], t->total.count[EXITS]));
}

/* The rows are sorted by exits. */
static void print_frequency(const struct table *t, unsigned int occurred)
{
	unsigned int most = occurred < LISTED ? occurred : LISTED;
	unsigned int least = occurred - most < LISTED ? most : occurred - LISTED;

	puts("\nMost frequent");
	print_counts(t, 0, most);
	if (least < occurred) {
		puts("\nLeast frequent of those that occurred");
		print_counts(t, least, occurred);
	}
	printf("\n%u of %u reasons occurred.\n", occurred, t->nr_rows);
}

static void print_cycles(const struct table *t, u64 cycles)
{
	char buf[VALUE_LEN];

	if (cycles == UNKNOWN)
		strcpy(buf, "-");
	else
		format_time(buf, cycles, t->tsc_khz);
	printf(" %9s", buf);
}

/* The rows are sorted by time. */
static void print_time(const struct table *t, unsigned int occurred)
{
	unsigned int i;

	printf("\nWhere KVM's time went%s\n", t->tsc_khz ? "" :
	       " (in cycles: the TSC's frequency is unknown)");
	printf("  %-25s %9s %8s %9s\n", "", "time", "share", "average");
	for (i = 0; i < occurred && i < LISTED; i++) {
		printf("  %-25s", t->rows[i].name);
		print_cycles(t, t->rows[i].count[CYCLES]);
		printf(" %6.2f %%", share(t->rows[i].count[CYCLES],
					  t->total.count[CYCLES]));
		print_cycles(t, row_average(&t->rows[i], CYCLES));
		putchar('\n');
	}
}

/* The rows are sorted by stopped time. */
static void print_stopped(const struct table *t, unsigned int occurred)
{
	static const enum count columns[] = { P50, P99, P999, MAX };
	unsigned int i, j;

	puts("\nHow long exits stopped a vCPU, until its next entry (HLT: asleep)");
	printf("  %-25s %9s %9s %9s %9s %9s\n", "", "time", "median <=",
	       "99 % <=", "99.9 % <=", "longest");
	for (i = 0; i < occurred && i < LISTED; i++) {
		printf("  %-25s", t->rows[i].name);
		print_cycles(t, t->rows[i].count[STOPPED]);
		for (j = 0; j < ARRAY_SIZE(columns); j++)
			print_cycles(t, t->rows[i].count[columns[j]]);
		putchar('\n');
	}
}

/* Whether the table is an interval's, and not since the counts began. */
static void print_heading(const struct table *t)
{
	if (t->ns)
		printf("VM exits in %.3f s (%s, generation %u)\n\n",
		       t->ns / 1e9, t->vendor, t->generation);
	else
		printf("VM exits since the counts began (%s, generation %u)\n\n",
		       t->vendor, t->generation);
}

/* Returns how many of the rows that match have exits. */
static unsigned int filter_rows(struct table *t, const regex_t *filter)
{
	unsigned int i, occurred = 0;

	table_filter(t, filter);
	for (i = 0; i < t->nr_rows; i++)
		occurred += t->rows[i].count[EXITS] != 0;
	return occurred;
}

static void print_total(const struct table *t)
{
	char buf[VALUE_LEN];

	printf("%llu exits, ", t->total.count[EXITS]);
	if (has(t, CYCLES)) {
		printf("handled by KVM in %s%s",
		       format_time(buf, t->total.count[CYCLES], t->tsc_khz),
		       t->tsc_khz ? "" : " cycles");
		printf(", %s on average.\n",
		       format_time(buf, row_average(&t->total, CYCLES),
				   t->tsc_khz));
	} else {
		puts("in an unknown time: the source does not have the time that\n"
		     "KVM took to handle them.");
	}
	if (t->read_exits)
		printf("%llu exits for CPUID by reading are left out.\n",
		       t->read_exits);
	else if (t->exits_per_read)
		printf("Each reading of the counts is %u of the exits for CPUID.\n",
		       t->exits_per_read);
}

/**
 * print_beginning() - print the first lines of a report
 * @t: the table; its rows are sorted
 */
void print_beginning(struct table *t)
{
	unsigned int occurred = filter_rows(t, NULL);

	print_heading(t);
	print_total(t);
	table_sort(t, SORT_EXITS, CYCLES, NULL);
	puts("\nMost frequent");
	print_counts(t, 0, occurred < LISTED ? occurred : LISTED);
}

/* The advice needs all rows, even where the filter hides some. */
static void print_report(struct table *all, const regex_t *filter)
{
	struct table shown = {}, *t = &shown;
	unsigned int occurred;

	table_copy(t, all);
	occurred = filter_rows(t, filter);

	print_heading(t);
	print_total(t);
	if (!occurred) {
		table_free(t);
		return;
	}

	table_sort(t, SORT_EXITS, CYCLES, NULL);
	print_frequency(t, occurred);
	if (has(t, CYCLES)) {
		table_sort(t, SORT_TIME, CYCLES, NULL);
		print_time(t, occurred);
	}
	if (has(t, STOPPED)) {
		table_sort(t, SORT_TIME, STOPPED, NULL);
		print_stopped(t, occurred);
	}
	table_free(t);
	table_sort(all, SORT_EXITS, CYCLES, NULL);
	print_advice(all, filter);
}

int cmd_report(const struct options *o)
{
	struct options with_histogram = *o;
	struct table t = {};
	int status = EXIT_SUCCESS;

	if (o->interval || o->args) {
		with_histogram.percentiles = true;
		status = measure(&with_histogram, &t);
	} else {
		source_read_or_die(o, &t);
		t.ns = t.span_ns;
	}
	if (o->live)
		facts_read(&t.facts);
	if (o->format != TEXT)
		table_filter(&t, o->filter);

	switch (o->format) {
	case TEXT:
		print_report(&t, o->filter);
		break;
	case CSV:
		print_csv_header(stdout);
		print_csv(stdout, &t, t.ns, COUNTED);
		break;
	case JSON:
		print_json(stdout, &t, t.ns, COUNTED);
		break;
	}
	finish(stdout);
	table_free(&t);
	return status;
}
