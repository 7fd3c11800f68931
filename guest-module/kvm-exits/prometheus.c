// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-exits prometheus: the counts as metrics in Prometheus's text format.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

/*
 * A metric has its type once, and then its series.  So print each family for all
 * tables before the next family.  @labels are those of a VM, with a comma at the
 * end, or an empty string in a guest.
 */
struct metrics {
	char *labels;
	struct table *t;
};

static struct metrics *metrics;
static unsigned int nr_metrics;

static void print_type(FILE *out, const char *metric, const char *type,
		       const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", metric, help, metric,
		type);
}

/* A gauge of the whole table. */
static void print_gauge(FILE *out, const char *metric,
			u64 (*value)(const struct table *t), const char *help)
{
	const struct metrics *m;

	print_type(out, metric, "gauge", help);
	for (m = metrics; m < metrics + nr_metrics; m++) {
		fputs(metric, out);
		/* Leave out the comma at the end. */
		if (*m->labels)
			fprintf(out, "{%.*s}", (int)strlen(m->labels) - 1,
				m->labels);
		fprintf(out, " %llu\n", value(m->t));
	}
}

/*
 * Whether a reason gets a series.  A reason that has no name gets one only if it has
 * occurred.
 */
static bool shown(const struct row *r)
{
	return r->count[EXITS] || strncmp(r->name, "REASON_", 7);
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

static void print_rows(FILE *out, const struct metrics *m, enum count c,
		       const char *metric)
{
	const struct table *t = m->t;
	char buf[VALUE_LEN];
	unsigned int i;

	for (i = 0; i < t->nr_rows; i++)
		if (shown(&t->rows[i]))
			fprintf(out, "%s{%sreason=\"%s\"} %s\n", metric,
				m->labels, t->rows[i].name,
				format_cycles(buf, t->rows[i].count[c],
					      c == EXITS ? 0 : t->tsc_khz));
}

/* Print one count of each reason, for the tables that have this count. */
static void print_family(FILE *out, enum count c, const char *type,
			 const char *metric, const char *help)
{
	const struct metrics *m;
	bool found = false;

	for (m = metrics; m < metrics + nr_metrics; m++) {
		if (!has(m->t, c))
			continue;
		if (!found)
			print_type(out, metric, type, help);
		found = true;
		print_rows(out, m, c, metric);
	}
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
 * Print histograms only of reasons that occurred: each has two dozen series.
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

static u64 generation(const struct table *t)
{
	return t->generation;
}

static u64 exits_per_read(const struct table *t)
{
	return t->exits_per_read;
}

static u64 tsc_hertz(const struct table *t)
{
	return t->tsc_khz * 1000ull;
}

static void print_info(FILE *out)
{
	const struct metrics *m;

	print_type(out, "kvm_exits_info", "gauge",
		   "Vendor of the exit reasons, and version of the table.");
	for (m = metrics; m < metrics + nr_metrics; m++)
		fprintf(out,
			"kvm_exits_info{%svendor=\"%s\",version=\"%d\"} 1\n",
			m->labels, m->t->vendor, TABLE_VERSION);
}

/* @first is the table of one VM.  The times of all VMs of a host have the same unit. */
static void print_metrics(FILE *out, const struct table *first)
{
	bool s = first && first->tsc_khz;

	print_info(out);
	print_gauge(out, "kvm_exits_generation", generation,
		    "Changes when the counts are reset, for example by a migration.");
	print_gauge(out, "kvm_exits_per_read", exits_per_read,
		    "Exits for CPUID that one scrape takes, its histograms included.");
	if (s && !first->in_ns)
		print_gauge(out, "kvm_exits_tsc_hertz", tsc_hertz,
			    "Frequency of the host's TSC.");

	print_family(out, EXITS, "counter", "kvm_exits_total",
		     "VM exits of this VM, by reason.");
	print_family(out, CYCLES, "counter",
		     s ? "kvm_exit_handling_seconds_total" :
			 "kvm_exit_handling_cycles_total",
		     "Time that KVM spent in handling exits, by reason.");
	print_family(out, STOPPED, "counter",
		     s ? "kvm_exit_stopped_seconds_total" :
			 "kvm_exit_stopped_cycles_total",
		     "Time that vCPUs were stopped by exits, by reason.");
	print_family(out, MAX, "gauge",
		     s ? "kvm_exit_stopped_max_seconds" :
			 "kvm_exit_stopped_max_cycles",
		     "Longest time that an exit stopped a vCPU, by reason.");
	if (first && first->nr_buckets)
		print_histograms(out, first);
}

/*
 * Leave out reasons that never occurred: their series would be zeros for ever.  But
 * when a series appears later, increase() leaves out the exits in its first value.
 */
static void keep_occurred(struct table *t)
{
	unsigned int i, n = 0;

	for (i = 0; i < t->nr_rows; i++)
		if (t->rows[i].count[EXITS])
			t->rows[n++] = t->rows[i];
	t->nr_rows = n;
}

static void add_metrics(char *labels, struct table *t)
{
	metrics = reallocarray(metrics, nr_metrics + 1, sizeof(*metrics));
	if (!metrics || !labels)
		errx(failed, "no memory");
	metrics[nr_metrics++] = (struct metrics) { labels, t };
}

/* One process can have several VMs, whose series must not have the same labels. */
static char *vm_labels(const struct vm_table *list, unsigned int nr,
		       const struct vm_table *vm)
{
	char *labels, *name = label_text(vm->name), fd[16] = "";
	unsigned int i, same = 0;

	for (i = 0; i < nr; i++)
		same += list[i].pid == vm->pid;
	if (same > 1)
		snprintf(fd, sizeof(fd), "-%d", vm->fd);
	if (asprintf(&labels, "vm=\"%s\",pid=\"%d%s\",", name, vm->pid, fd) < 0)
		errx(failed, "no memory");
	free(name);
	return labels;
}

/* A host has many VMs, so what did not occur has no series. */
static void read_vms(const struct options *o)
{
	struct vm_table *list;
	unsigned int i, nr = vms_tables(o, &list);

	for (i = 0; i < nr; i++) {
		table_filter(list[i].t, o->filter);
		keep_occurred(list[i].t);
		add_metrics(vm_labels(list, nr, &list[i]), list[i].t);
	}
	free(list);
}

static void read_one(const struct options *o, struct table *t)
{
	struct options with_histogram = *o;

	with_histogram.percentiles = true;
	if (o->source->has_next)
		errx(failed, "%s: metrics are of one read, and this is a record: see report, stat",
		     printable(o->file));
	source_read_or_die(&with_histogram, t);
	table_filter(t, o->filter);
	if (o->occurred)
		keep_occurred(t);
	add_metrics(strdup(""), t);
}

static void write_once(const struct options *o, struct table *t)
{
	const struct table *first;

	if (o->all_vms)
		read_vms(o);
	else
		read_one(o, t);
	first = nr_metrics ? metrics[0].t : NULL;
	if (o->textfile) {
		replace_file(o->textfile, 0644, print_metrics, first);
	} else {
		print_metrics(stdout, first);
		finish(stdout);
	}
	while (nr_metrics)
		free(metrics[--nr_metrics].labels);
}

int cmd_prometheus(const struct options *o)
{
	struct table t = {};
	u64 until = now_ns();

	if (o->source->counts_from_start && !o->interval)
		errx(failed, "a stock KVM counts from now on: use -I TIME and --textfile PATH");
	if (o->interval)
		run_start(NULL, NULL);
	do {
		write_once(o, &t);
		if (o->interval)
			until = interval_end(until, o->interval);
	} while (o->interval && !run_wait(until));
	table_free(&t);
	return EXIT_SUCCESS;
}
