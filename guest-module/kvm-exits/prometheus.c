// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-exits prometheus: the counts as metrics in Prometheus's text format.
 */
#include <stdlib.h>
#include <string.h>

#include "program.h"

static void print_type(FILE *out, const char *metric, const char *type,
		       const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", metric, help, metric,
		type);
}

/* A gauge of the whole table. */
static void print_gauge(FILE *out, const char *metric, u64 val,
			const char *help)
{
	print_type(out, metric, "gauge", help);
	fprintf(out, "%s %llu\n", metric, val);
}

/*
 * No series for a reason that never occurred and that has no name in the host's
 * kernel.
 */
static bool shown(const struct row *r)
{
	return r->count[EXITS] || strncmp(r->name, "REASON_", 7);
}

static void print_counter(FILE *out, const struct table *t, enum count c,
			  const char *metric, const char *help)
{
	unsigned int i;

	print_type(out, metric, "counter", help);
	for (i = 0; i < t->nr_rows; i++)
		if (shown(&t->rows[i]))
			fprintf(out, "%s{reason=\"%s\"} %llu\n", metric,
				t->rows[i].name, t->rows[i].count[c]);
}

/* Seconds if the TSC's frequency is known, else cycles. */
static const char *format_cycles(char buf[VALUE_LEN], u64 cycles,
				 u32 tsc_khz)
{
	if (tsc_khz)
		return format_seconds(buf, cycles, tsc_khz);
	snprintf(buf, VALUE_LEN, "%llu", cycles);
	return buf;
}

static void print_clock(FILE *out, const struct table *t, enum count c,
			const char *type, const char *metric, const char *help)
{
	char buf[VALUE_LEN];
	unsigned int i;

	print_type(out, metric, type, help);
	for (i = 0; i < t->nr_rows; i++)
		if (shown(&t->rows[i]))
			fprintf(out, "%s{reason=\"%s\"} %s\n", metric,
				t->rows[i].name,
				format_cycles(buf, t->rows[i].count[c],
					      t->tsc_khz));
}

#define FIXED_BOUNDS	23	/* 1 us, 2 us, 4 us, ... 4.194304 s */

static u64 fixed_bound_ns(unsigned int i)
{
	return 1000ull << i;
}

/*
 * The host's buckets end at powers of two of its TSC's cycles, so they differ
 * between hosts.  The bounds of the metric are the same on all hosts, so that a
 * fleet can be summed.  A bucket of the host counts in the first bound that is
 * not below its end.  So no stop counts as shorter than it was, and a stop of
 * more than 1 us counts as less than four times as long.
 */
static u64 stops_within(const struct table *t, const struct row *r, u64 ns)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < t->nr_buckets; i++)
		if (t->bound[i] != UNKNOWN &&
		    t->bound[i] * 1e6 <= 1.0 * ns * t->tsc_khz)
			sum += r->bucket[i];
	return sum;
}

/* If the TSC's frequency is unknown, the bounds are in cycles. */
static u64 print_cycle_buckets(FILE *out, const struct table *t,
			       const struct row *r, const char *metric)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < t->nr_buckets; i++) {
		sum += r->bucket[i];
		if (t->bound[i] != UNKNOWN)
			fprintf(out,
				"%s_bucket{reason=\"%s\",le=\"%llu\"} %llu\n",
				metric, r->name, t->bound[i], sum);
	}
	return sum;
}

static u64 print_second_buckets(FILE *out, const struct table *t,
				const struct row *r, const char *metric)
{
	u64 ns, sum = 0;
	unsigned int i;

	for (i = 0; i < FIXED_BOUNDS; i++) {
		ns = fixed_bound_ns(i);
		fprintf(out,
			"%s_bucket{reason=\"%s\",le=\"%llu.%06llu\"} %llu\n",
			metric, r->name, ns / NSEC, ns % NSEC / 1000,
			stops_within(t, r, ns));
	}
	for (i = 0; i < t->nr_buckets; i++)
		sum += r->bucket[i];
	return sum;
}

static void print_histogram(FILE *out, const struct table *t,
			    const struct row *r, const char *metric)
{
	char buf[VALUE_LEN];
	u64 all = t->tsc_khz ? print_second_buckets(out, t, r, metric) :
			       print_cycle_buckets(out, t, r, metric);

	fprintf(out, "%s_bucket{reason=\"%s\",le=\"+Inf\"} %llu\n", metric,
		r->name, all);
	fprintf(out, "%s_sum{reason=\"%s\"} %s\n", metric, r->name,
		format_cycles(buf, r->bucket_cycles, t->tsc_khz));
	fprintf(out, "%s_count{reason=\"%s\"} %llu\n", metric, r->name, all);
}

static bool has_stops(const struct table *t, const struct row *r)
{
	unsigned int i;

	for (i = 0; i < t->nr_buckets; i++)
		if (r->bucket[i])
			return true;
	return false;
}

/*
 * Only for reasons that occurred, because each has two dozen series.
 * OpenMetrics demands a name that differs from the counter's by more than
 * _total.
 */
static void print_histograms(FILE *out, const struct table *t)
{
	const char *metric = t->tsc_khz ? "kvm_exit_stop_duration_seconds" :
					  "kvm_exit_stop_duration_cycles";
	unsigned int i;

	print_type(out, metric, "histogram",
		   "Time from an exit to the vCPU's next entry.");
	for (i = 0; i < t->nr_rows; i++)
		if (has_stops(t, &t->rows[i]))
			print_histogram(out, t, &t->rows[i], metric);
}

static void print_metrics(FILE *out, const struct table *t)
{
	bool s = t->tsc_khz;

	print_type(out, "kvm_exits_info", "gauge",
		   "Vendor of the exit reasons, and version of the table.");
	fprintf(out, "kvm_exits_info{vendor=\"%s\",version=\"%d\"} 1\n",
		t->vendor, TABLE_VERSION);
	print_gauge(out, "kvm_exits_generation", t->generation,
		    "Changes when the counts are reset, for example by a migration.");
	print_gauge(out, "kvm_exits_per_read", t->exits_per_read,
		    "Exits for CPUID that one scrape takes, its histograms included.");
	if (s && !t->in_ns)
		print_gauge(out, "kvm_exits_tsc_hertz", t->tsc_khz * 1000ull,
			    "Frequency of the host's TSC.");

	print_counter(out, t, EXITS, "kvm_exits_total",
		      "VM exits of this VM, by reason.");
	if (has(t, CYCLES))
		print_clock(out, t, CYCLES, "counter",
			    s ? "kvm_exit_handling_seconds_total" :
				"kvm_exit_handling_cycles_total",
			    "Time that KVM spent in handling exits, by reason.");
	if (has(t, STOPPED))
		print_clock(out, t, STOPPED, "counter",
			    s ? "kvm_exit_stopped_seconds_total" :
				"kvm_exit_stopped_cycles_total",
			    "Time that vCPUs were stopped by exits, by reason.");
	if (has(t, MAX))
		print_clock(out, t, MAX, "gauge",
			    s ? "kvm_exit_stopped_max_seconds" :
				"kvm_exit_stopped_max_cycles",
			    "Longest time that an exit stopped a vCPU, by reason.");
	if (t->nr_buckets)
		print_histograms(out, t);
}

/*
 * Most reasons never occur in a guest, and their series are zeros for ever.  But
 * increase() cannot know what a series began with that was not there before.
 */
static void keep_occurred(struct table *t)
{
	unsigned int i, n = 0;

	for (i = 0; i < t->nr_rows; i++)
		if (t->rows[i].count[EXITS])
			t->rows[n++] = t->rows[i];
	t->nr_rows = n;
}

int cmd_prometheus(const struct options *o)
{
	struct options with_histogram = *o;
	struct table t = {};

	with_histogram.percentiles = true;
	source_read_or_die(&with_histogram, &t);
	table_filter(&t, o->filter);
	if (o->occurred)
		keep_occurred(&t);

	if (o->textfile) {
		replace_file(o->textfile, 0644, print_metrics, &t);
	} else {
		print_metrics(stdout, &t);
		finish(stdout);
	}

	table_free(&t);
	return EXIT_SUCCESS;
}
