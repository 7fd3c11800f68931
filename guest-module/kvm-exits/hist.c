// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-exits hist: how the stops of a reason are distributed, drawn.
 */
#include <err.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "program.h"

#define BAR	40	/* characters of the longest one */

static u64 stops(const struct table *t, const struct row *r, unsigned int *first,
		 unsigned int *last, u64 *most)
{
	u64 all = 0;
	unsigned int i;

	*most = 0;
	for (i = 0; i < t->nr_buckets; i++) {
		if (!r->bucket[i])
			continue;
		if (!all)
			*first = i;
		*last = i;
		all += r->bucket[i];
		if (r->bucket[i] > *most)
			*most = r->bucket[i];
	}
	return all;
}

/* Leave out the empty buckets at both ends. */
static void draw_row(const struct table *t, const struct row *r)
{
	unsigned int first = 0, last = 0, i;
	u64 most, all = stops(t, r, &first, &last, &most);
	char buf[VALUE_LEN];

	printf("%s: %llu stops\n", r->name, all);
	if (!all)
		return;
	printf("%12s %12s %7s\n", t->tsc_khz ? "up to" : "cycles", "stops", "%");
	for (i = first; i <= last; i++)
		printf("%12s %12llu %7.2f%s%.*s\n", t->bound[i] == UNKNOWN ?
		       "longer" : format_time(buf, t->bound[i], t->tsc_khz),
		       r->bucket[i], share(r->bucket[i], all),
		       r->bucket[i] ? " " : "",
		       (int)((r->bucket[i] * BAR + most - 1) / most),
		       "########################################");
}

static void row_json(const struct table *t, const struct row *r)
{
	bool cycles = !t->in_ns;
	char buf[VALUE_LEN];
	unsigned int i;

	printf("{\"name\": \"%s\", \"buckets\": [", r->name);
	for (i = 0; i < t->nr_buckets; i++) {
		printf("%s{\"stops\": %llu", i ? ", " : "", r->bucket[i]);
		print_json_number(stdout, "up_to_cycles", 0, cycles &&
				  t->bound[i] != UNKNOWN ? t->bound[i] : NAN);
		printf(", \"up_to_seconds\": %s}", t->bound[i] == UNKNOWN ||
		       !t->tsc_khz ? "null" :
		       format_seconds(buf, t->bound[i], t->tsc_khz));
	}
	fputs("]}", stdout);
}

static const struct row *named_row(const struct table *t, const char *name)
{
	unsigned int i;

	if (!strcasecmp(name, t->total.name))
		return &t->total;
	for (i = 0; i < t->nr_rows; i++)
		if (!strcasecmp(name, t->rows[i].name))
			return &t->rows[i];
	errx(failed, "%s: the table has no such reason: see kvm-exits explain", name);
}

static void show_row(const struct options *o, const struct table *t,
		     const struct row *r, unsigned int before)
{
	if (o->format == JSON) {
		fputs(before ? ", " : "", stdout);
		row_json(t, r);
		return;
	}
	if (before)
		putchar('\n');
	draw_row(t, r);
}

int cmd_hist(const struct options *o)
{
	struct options with_histogram = *o;
	unsigned int i, shown = 0;
	struct table t = {};
	char buf[VALUE_LEN];

	with_histogram.percentiles = true;
	with_histogram.args = NULL;
	if (o->interval || o->source->has_next)
		measure(&with_histogram, &t);
	else
		source_read_or_die(&with_histogram, &t);
	if (!t.nr_buckets && source_is_printed(o, &t))
		errx(failed, "%s: %s has no histogram of the times", printable(o->file),
		     format_origin(buf, &t));
	if (!t.nr_buckets && !o->file)
		errx(failed, "no histograms: the host does not measure stops");
	if (!t.nr_buckets && !strcmp(o->file, "-"))
		errx(failed, "-: no histograms: give a table that kvm-exits save has written");
	if (!t.nr_buckets)
		errx(failed,
		     "%s_histogram: no histograms: the host has none, or copy this file, too",
		     o->file);

	if (o->format == JSON)
		printf("{\"version\": %d, \"vendor\": \"%s\", \"histograms\": [",
		       OUTPUT_VERSION, t.vendor);
	for (i = 0; i < o->nr_args; i++)
		show_row(o, &t, named_row(&t, o->args[i]), shown++);
	table_filter(&t, o->filter);
	table_sort(&t, SORT_EXITS, CYCLES, NULL);
	for (i = 0; o->filter && i < t.nr_rows; i++)
		if (t.rows[i].count[EXITS])
			show_row(o, &t, &t.rows[i], shown++);
	if (!o->nr_args && !o->filter)
		show_row(o, &t, &t.total, shown);
	if (o->format == JSON)
		puts("]}");
	finish(stdout);
	table_free(&t);
	return EXIT_SUCCESS;
}
