// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-exits save: keep a table.
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
	if (o->args || o->interval || o->source->has_next) {
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
