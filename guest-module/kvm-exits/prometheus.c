// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-exits prometheus: the counts as metrics in Prometheus's text format.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kvm-exits.h"

static void print_type(FILE *out, const char *metric, const char *type,
		       const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", metric, help, metric,
		type);
}

/* A gauge that says something of the whole table. */
static void print_gauge(FILE *out, const char *metric, u64 val,
			const char *help)
{
	print_type(out, metric, "gauge", help);
	fprintf(out, "%s %llu\n", metric, val);
}

static void print_counter(FILE *out, const struct table *t, enum count c,
			  const char *metric, const char *help)
{
	unsigned int i;

	print_type(out, metric, "counter", help);
	for (i = 0; i < t->nr_rows; i++)
		fprintf(out, "%s{reason=\"%s\"} %llu\n", metric,
			t->rows[i].name, t->rows[i].count[c]);
}

/* Cycles are told as seconds where the TSC's frequency is known. */
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
		fprintf(out, "%s{reason=\"%s\"} %s\n", metric,
			t->rows[i].name,
			format_cycles(buf, t->rows[i].count[c], t->tsc_khz));
}

static void print_histogram(FILE *out, const struct table *h,
			    const struct row *r, const char *metric)
{
	char buf[VALUE_LEN];
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < h->nr_buckets; i++) {
		sum += r->bucket[i];
		fprintf(out, "%s_bucket{reason=\"%s\",le=\"%s\"} %llu\n",
			metric, r->name, h->bound[i] == UNKNOWN ? "+Inf" :
			format_cycles(buf, h->bound[i], h->tsc_khz), sum);
	}
	fprintf(out, "%s_sum{reason=\"%s\"} %s\n", metric, r->name,
		format_cycles(buf, r->count[STOPPED], h->tsc_khz));
	fprintf(out, "%s_count{reason=\"%s\"} %llu\n", metric, r->name,
		sum);
}

/* Only of reasons that occurred: two dozen series for each are many. */
static void print_histograms(FILE *out, const struct table *h)
{
	const char *metric = h->tsc_khz ? "kvm_exit_stopped_seconds" :
					  "kvm_exit_stopped_cycles";
	unsigned int i;

	print_type(out, metric, "histogram",
		   "Time from an exit to the vCPU's next entry.");
	for (i = 0; i < h->nr_rows; i++)
		if (h->rows[i].count[EXITS])
			print_histogram(out, h, &h->rows[i], metric);
}

static void print_metrics(FILE *out, const struct table *t,
			  const struct table *h)
{
	bool s = t->tsc_khz;

	print_type(out, "kvm_exits_info", "gauge",
		   "Whose exit reasons these are, and the version of the table.");
	fprintf(out, "kvm_exits_info{vendor=\"%s\",version=\"%d\"} 1\n",
		t->vendor, TABLE_VERSION);
	print_gauge(out, "kvm_exits_generation", t->generation,
		    "Changes when the counts begin anew, after a migration.");
	print_gauge(out, "kvm_exits_per_read", t->exits_per_read,
		    "Exits for CPUID that one reading of the counts takes.");
	if (s)
		print_gauge(out, "kvm_exits_tsc_hertz", t->tsc_khz * 1000ull,
			    "Frequency of the host's TSC.");

	print_counter(out, t, EXITS, "kvm_exits_total",
		      "VM exits of this VM, by reason.");
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
	if (h->nr_buckets)
		print_histograms(out, h);
}

/* A reader sees the old file or the new one, whole. */
static void write_textfile(const char *path, const struct table *t,
			   const struct table *h)
{
	const char *base = strrchr(path, '/');
	char *tmp;
	FILE *out;
	int fd;

	/* The name does not end in .prom: node_exporter leaves it alone. */
	base = base ? base + 1 : path;
	if (asprintf(&tmp, "%.*s.%s.XXXXXX", (int)(base - path), path, base) < 0)
		errx(EXIT_FAILURE, "no memory");
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		err(EXIT_FAILURE, "%s", tmp);
	out = fdopen(fd, "w");
	if (!out)
		errx(EXIT_FAILURE, "no memory");

	print_metrics(out, t, h);
	if (fflush(out) || ferror(out) || fchmod(fd, 0644) || rename(tmp, path)) {
		unlink(tmp);
		err(EXIT_FAILURE, "%s", path);
	}
	fclose(out);
	free(tmp);
}

int cmd_prometheus(const struct options *o)
{
	struct table t = {}, h = {};
	char *path;

	if (asprintf(&path, "%s_histogram", o->file) < 0)
		errx(EXIT_FAILURE, "no memory");
	table_read_or_die(&t, TABLE, o->file);
	/* A host may have no histograms, or no longer. */
	if (!table_read(&h, HISTOGRAM, path) && h.errnum != ENOENT &&
	    h.errnum != EOPNOTSUPP)
		errx(EXIT_FAILURE, "%s", h.error);

	if (o->textfile) {
		write_textfile(o->textfile, &t, &h);
	} else {
		print_metrics(stdout, &t, &h);
		finish(stdout);
	}

	free(path);
	table_free(&t);
	table_free(&h);
	return EXIT_SUCCESS;
}
