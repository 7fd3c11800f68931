// SPDX-License-Identifier: GPL-2.0-only
/*
 * Numbers and tables as text, JSON and CSV.
 */
#include <err.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program.h"

/* For people: a number, or '-' if it is unknown. */
const char *format_number(char buf[VALUE_LEN], int places, double val)
{
	if (isnan(val))
		return "-";
	snprintf(buf, VALUE_LEN, "%.*f", places, val);
	return buf;
}

/* Hours or days: a guest of a few days sleeps for millions of seconds. */
static void format_long(char buf[VALUE_LEN], u64 minutes)
{
	u64 hours = minutes / 60;

	if (hours < 48)
		snprintf(buf, VALUE_LEN, "%lluh%02llum", hours, minutes % 60);
	else
		snprintf(buf, VALUE_LEN, "%llud%02lluh", hours / 24,
			 hours % 24);
}

/*
 * For people: a time with its unit, or cycles where their length is unknown.
 * Round first and choose the unit then: 999.996 us are 1.00 ms.
 */
const char *format_time(char buf[VALUE_LEN], double cycles, u32 tsc_khz)
{
	double ns;

	if (!tsc_khz || isnan(cycles))
		return format_number(buf, 0, cycles);
	ns = cycles * 1e6 / tsc_khz;
	if (ns < 999.5)
		snprintf(buf, VALUE_LEN, "%.0fns", ns);
	else if (ns < 999.995e3)
		snprintf(buf, VALUE_LEN, "%.2fus", ns / 1e3);
	else if (ns < 999.995e6)
		snprintf(buf, VALUE_LEN, "%.2fms", ns / 1e6);
	else if (ns < 9999.995e9)
		snprintf(buf, VALUE_LEN, "%.2fs", ns / 1e9);
	else
		format_long(buf, llround(ns / 60e9));
	return buf;
}

/* For programs: seconds with nine places, computed in integers. */
const char *format_seconds(char buf[VALUE_LEN], u64 cycles,
			   u32 tsc_khz)
{
	u64 hz = tsc_khz * 1000ull;

	snprintf(buf, VALUE_LEN, "%llu.%09llu", cycles / hz,
		 cycles % hz * 1000000 / tsc_khz);
	return buf;
}

/* Percent of one CPU's time; NAN if unknown. */
double cpu_share(const struct table *t, u64 cycles)
{
	if (cycles == UNKNOWN || !t->tsc_khz || !t->ns)
		return NAN;
	return 100e6 * cycles / t->tsc_khz / t->ns;
}

/* What happened in an interval, on one line. */
void format_summary(char *buf, size_t size, const struct table *t)
{
	char handled[VALUE_LEN];
	size_t n;

	n = snprintf(buf, size, "%llu exits in %.3f s", t->total.count[EXITS],
		     t->ns / 1e9);
	if (!has(t, CYCLES) && n < size)
		n += snprintf(buf + n, size - n, ", handling time unknown");
	else if (t->tsc_khz && n < size)
		n += snprintf(buf + n, size - n,
			      ", handled in %s, %.2f %% of one CPU",
			      format_time(handled, t->total.count[CYCLES],
					  t->tsc_khz),
			      cpu_share(t, t->total.count[CYCLES]));
	if (t->steal_ns != UNKNOWN && n < size)
		snprintf(buf + n, size - n, ", steal %.2f %%",
			 100.0 * t->steal_ns / t->ns);
}

static void print_text_time(FILE *out, const struct table *t, double cycles)
{
	char buf[VALUE_LEN];

	fprintf(out, " %8s", cycles >= (double)UNKNOWN ? "-" :
		format_time(buf, cycles, t->tsc_khz));
}

static void print_text_number(FILE *out, int width, int places, double val)
{
	char buf[VALUE_LEN];

	fprintf(out, " %*s", width, format_number(buf, places, val));
}

static void print_text_deviation(FILE *out, double deviation, double mean)
{
	if (isnan(deviation))
		fprintf(out, " %8s", "-");
	else
		fprintf(out, " +-%5.1f%%", mean ? 100 * deviation / mean : 0);
}

static void print_text_row(FILE *out, const struct table *t,
			   const struct row *r)
{
	enum count clock = table_clock(t), c;

	fprintf(out, "%-25s %10llu", r->name, r->count[EXITS]);
	if (t->runs)
		print_text_deviation(out, r->deviation[EXITS],
				     r->count[EXITS]);
	print_text_number(out, 10, 1, row_rate(t, r));
	print_text_number(out, 6, 2, clock == EXITS ? NAN :
			  share(r->count[clock], t->total.count[clock]));
	if (t->tsc_khz)
		print_text_number(out, 6, 2, cpu_share(t, r->count[CYCLES]));
	print_text_time(out, t, row_average(r, CYCLES));
	if (t->runs)
		print_text_deviation(out, r->average_deviation,
				     row_average(r, CYCLES));
	if (has(t, STOPPED))
		print_text_time(out, t, row_average(r, STOPPED));
	for (c = P50; c <= P999; c++)
		if (has(t, c))
			print_text_time(out, t, r->count[c]);
	if (r->has_own)
		fprintf(out, " own %llu", r->own);
	fputc('\n', out);
}

/**
 * print_text() - print an interval for people
 * @out: the output
 * @t: the difference of two reads
 */
void print_text(FILE *out, const struct table *t)
{
	char buf[256];
	unsigned int i;

	format_summary(buf, sizeof(buf), t);
	fprintf(out, "%s\n", buf);
	if (t->runs)
		fprintf(out,
			"(mean of %u runs; +-: standard deviation of the runs, in percent)\n",
			t->runs);
	if (t->read_exits)
		fprintf(out,
			"(%llu exits for CPUID by reading are left out, and their time as estimated)\n",
			t->read_exits);

	if (t->total.has_own)
		fprintf(out,
			"(all exits of the VM; own: those of the command and its children)\n");
	else if (t->no_own)
		fprintf(out,
			"(all exits of the VM; the command's own are not counted:\n"
			" %s)\n", t->no_own);

	fprintf(out, "%-25s %10s", "reason", "exits");
	if (t->runs)
		fprintf(out, " %8s", "");
	/* The share is that of the stopped time if only that is known. */
	fprintf(out, " %10s %6s", "exits/s",
		table_clock(t) == STOPPED ? "stop%" : "time%");
	if (t->tsc_khz)
		fprintf(out, " %6s", "cpu%");
	fprintf(out, " %8s", t->tsc_khz ? "average" : "cycles");
	if (t->runs)
		fprintf(out, " %8s", "");
	if (has(t, STOPPED))
		fprintf(out, " %8s", "stopped");
	if (has(t, P50))
		fprintf(out, " %8s %8s %8s", "p50", "p99", "p99.9");
	fputc('\n', out);
	for (i = 0; i < t->nr_rows; i++)
		if (t->rows[i].count[EXITS])
			print_text_row(out, t, &t->rows[i]);
	print_text_row(out, t, &t->total);
}

#define NS_KHZ	1000000		/* nanoseconds, as cycles of 1 GHz */

/* The fields of JSON and CSV, except reason and name. */
enum field {
	F_COUNT,
	F_PER_SECOND,
	F_PERCENT,
	F_SECONDS,
	F_AVERAGE,
	F_CPU_PERCENT,
	F_DEVIATION,
	F_AVERAGE_DEVIATION,
	F_OWN,
};

static const struct {
	const char *name;
	enum field field;
	enum count count;
} fields[] = {
	{ "exits", F_COUNT, EXITS },
	{ "exits_per_second", F_PER_SECOND, EXITS },
	{ "cycles", F_COUNT, CYCLES },
	{ "time_percent", F_PERCENT, CYCLES },
	{ "handling_seconds", F_SECONDS, CYCLES },
	{ "average_cycles", F_AVERAGE, CYCLES },
	{ "stopped_cycles", F_COUNT, STOPPED },
	{ "stopped_seconds", F_SECONDS, STOPPED },
	{ "average_stopped_cycles", F_AVERAGE, STOPPED },
	{ "max_cycles", F_COUNT, MAX },
	{ "p50", F_COUNT, P50 },
	{ "p99", F_COUNT, P99 },
	{ "p99_9", F_COUNT, P999 },
	{ "cpu_percent", F_CPU_PERCENT, CYCLES },
	{ "exits_deviation", F_DEVIATION, EXITS },
	{ "cycles_deviation", F_DEVIATION, CYCLES },
	{ "stopped_cycles_deviation", F_DEVIATION, STOPPED },
	{ "own_exits", F_OWN, EXITS },
	{ "average_cycles_deviation", F_AVERAGE_DEVIATION, CYCLES },
};

/* A value that the table does not have is @unknown: no column is left out. */
static const char *format_field(char buf[VALUE_LEN], const struct table *t,
				const struct row *r, unsigned int i,
				const char *unknown)
{
	u64 val = r->count[fields[i].count];

	if (val == UNKNOWN)
		return unknown;

	switch (fields[i].field) {
	case F_COUNT:
		if (t->in_ns && fields[i].count != EXITS)
			return unknown;
		snprintf(buf, VALUE_LEN, "%llu", val);
		break;
	case F_PER_SECOND:
		if (!t->ns)
			return unknown;
		snprintf(buf, VALUE_LEN, "%.3f", 1e9 * val / t->ns);
		break;
	case F_PERCENT:
		snprintf(buf, VALUE_LEN, "%.3f", share(val, t->total.count[CYCLES]));
		break;
	case F_SECONDS:
		if (!t->tsc_khz)
			return unknown;
		return format_seconds(buf, val, t->tsc_khz);
	case F_AVERAGE:
		if (!r->count[EXITS] || t->in_ns)
			return unknown;
		snprintf(buf, VALUE_LEN, "%.1f", row_average(r, fields[i].count));
		break;
	case F_CPU_PERCENT:
		if (!t->ns || !t->tsc_khz)
			return unknown;
		snprintf(buf, VALUE_LEN, "%.3f", cpu_share(t, val));
		break;
	case F_DEVIATION:
		if (!t->runs || (t->in_ns && fields[i].count != EXITS))
			return unknown;
		snprintf(buf, VALUE_LEN, "%.1f",
			 r->deviation[fields[i].count]);
		break;
	case F_AVERAGE_DEVIATION:
		if (!t->runs || t->in_ns)
			return unknown;
		snprintf(buf, VALUE_LEN, "%.1f", r->average_deviation);
		break;
	case F_OWN:
		if (!r->has_own)
			return unknown;
		snprintf(buf, VALUE_LEN, "%llu", r->own);
		break;
	}
	return buf;
}

static const char * const state_names[] = {
	[COUNTED] = "counted",
	[RESET] = "reset",
	[GAP] = "gap",
};

void print_csv_header(FILE *out)
{
	unsigned int i;

	fputs("wall_time,time,seconds,state,reason,name", out);
	for (i = 0; i < ARRAY_SIZE(fields); i++)
		fprintf(out, ",%s", fields[i].name);
	fputc('\n', out);
}

static void print_csv_row(FILE *out, const struct table *t,
			  const struct row *r, const char *reason, u64 end,
			  enum state state)
{
	char buf[VALUE_LEN], wall[TIME_LEN];
	unsigned int i;

	fprintf(out, "%s,", format_wall(wall, t->wall_ns));
	fprintf(out, "%s,", t->ns ? format_seconds(buf, end, NS_KHZ) : "");
	fprintf(out, "%s,", t->ns ? format_seconds(buf, t->ns, NS_KHZ) : "");
	fprintf(out, "%s,%s,%s", state_names[state], reason, r->name);
	for (i = 0; i < ARRAY_SIZE(fields); i++)
		fprintf(out, ",%s", state != COUNTED ? "" :
			format_field(buf, t, r, i, ""));
	fputc('\n', out);
}

/**
 * print_csv() - print a line for the total and one for each reason that
 * occurred
 * @out: the output
 * @t: the table; t->ns is 0 if it is not that of an interval
 * @end: when the interval ended, in ns since the first read
 * @state: without counts there is only the line for the total, with no numbers
 */
void print_csv(FILE *out, const struct table *t, u64 end, enum state state)
{
	static const struct row no_total = { .name = "total" };
	char reason[VALUE_LEN];
	unsigned int i;

	print_csv_row(out, t, state == COUNTED ? &t->total : &no_total, "-",
		      end, state);
	for (i = 0; state == COUNTED && i < t->nr_rows; i++) {
		if (!t->rows[i].count[EXITS])
			continue;
		snprintf(reason, VALUE_LEN, "%u", t->rows[i].reason);
		print_csv_row(out, t, &t->rows[i], reason, end, state);
	}
}

static void print_json_fields(FILE *out, const struct table *t,
			      const struct row *r)
{
	char buf[VALUE_LEN];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fields); i++)
		fprintf(out, "%s\"%s\": %s", i ? ", " : "", fields[i].name,
			format_field(buf, t, r, i, "null"));
}

static void print_json_rows(FILE *out, const struct table *t)
{
	const char *sep = "";
	const struct row *r;
	unsigned int i;

	fputs(", \"total\": {", out);
	print_json_fields(out, t, &t->total);
	fputs("}, \"reasons\": [", out);
	for (i = 0; i < t->nr_rows; i++) {
		r = &t->rows[i];
		if (!r->count[EXITS])
			continue;
		fprintf(out, "%s{\"reason\": %u, \"name\": \"%s\", ",
			sep, r->reason, r->name);
		print_json_fields(out, t, r);
		fputc('}', out);
		sep = ", ";
	}
	fputc(']', out);
}

static void print_json_string(FILE *out, const char *s)
{
	fputc('"', out);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', out);
		fputc((unsigned char)*s < ' ' ? ' ' : *s, out);
	}
	fputc('"', out);
}

/**
 * print_json() - print an object, on one line
 * @out: the output
 * @t: the table; t->ns is 0 if it is not that of an interval
 * @end: when the interval ended, in ns since the first read
 * @state: without counts the object has no "total" and no "reasons"
 */
void print_json(FILE *out, const struct table *t, u64 end, enum state state)
{
	char buf[VALUE_LEN], wall[TIME_LEN];

	fprintf(out, "{\"version\": %d, \"wall_time\": \"%s\", ",
		OUTPUT_VERSION, format_wall(wall, t->wall_ns));
	if (t->ns) {
		fprintf(out, "\"time\": %s, ",
			format_seconds(buf, end, NS_KHZ));
		fprintf(out, "\"seconds\": %s, ",
			format_seconds(buf, t->ns, NS_KHZ));
		fprintf(out, "\"reset\": %s, \"gap\": %s, ",
			state == RESET ? "true" : "false",
			state == GAP ? "true" : "false");
		fprintf(out, "\"read_exits\": %llu, \"runs\": %u, ",
			t->read_exits, t->runs ? t->runs : 1);
		fprintf(out, "\"steal_seconds\": %s, ", t->steal_ns == UNKNOWN ?
			"null" : format_seconds(buf, t->steal_ns, NS_KHZ));
	}
	if (state == GAP) {
		fputs("\"error\": ", out);
		print_json_string(out, t->error);
	} else {
		fprintf(out, "\"vendor\": \"%s\", \"tsc_khz\": %u, ",
			t->vendor, t->in_ns ? 0 : t->tsc_khz);
		fprintf(out, "\"generation\": %u", t->generation);
	}
	if (state == COUNTED)
		print_json_rows(out, t);
	fputs("}\n", out);
}

/* Fail if the output was not written. */
void finish(FILE *out)
{
	if (fflush(out) || ferror(out))
		err(failed, "cannot write");
}

/**
 * check_replaceable() - end the program if replace_file() cannot succeed
 * @path: the file
 *
 * A command that runs for long must not be lost because of a wrong path.  And a
 * device such as /dev/null must not be replaced.
 */
void check_replaceable(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash ? strndup(path, slash - path + 1) : strdup(".");
	struct stat st;

	if (!dir)
		errx(failed, "no memory");
	if (access(dir, W_OK | X_OK))
		err(failed, "%s", path);
	if (!lstat(path, &st) && !S_ISREG(st.st_mode))
		errx(failed, "%s: not a regular file, so it is not replaced",
		     path);
	free(dir);
}

/* The mode of the file that is replaced or, for a new one, that of the umask. */
static mode_t usual_mode(const char *path)
{
	struct stat st;
	mode_t mask;

	if (!lstat(path, &st))
		return st.st_mode & 0777;
	mask = umask(0);
	umask(mask);
	return 0666 & ~mask;
}

/**
 * replace_file() - write a file in one step
 * @path: the file; a reader sees the old one or the new one, whole
 * @mode: its mode, or 0 for the usual one
 * @print: the function that prints the contents
 * @t: the table to print
 */
void replace_file(const char *path, mode_t mode,
		  void (*print)(FILE *out, const struct table *t),
		  const struct table *t)
{
	const char *base = strrchr(path, '/');
	char *tmp;
	FILE *out;
	int fd;

	check_replaceable(path);
	/* The name does not end in .prom, so node_exporter does not read it. */
	base = base ? base + 1 : path;
	if (asprintf(&tmp, "%.*s.%s.XXXXXX", (int)(base - path), path, base) < 0)
		errx(failed, "no memory");
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		err(failed, "%s", tmp);
	out = fdopen(fd, "w");
	if (!out)
		errx(failed, "no memory");

	print(out, t);
	if (fflush(out) || ferror(out) ||
	    fchmod(fd, mode ?: usual_mode(path)) || rename(tmp, path)) {
		unlink(tmp);
		err(failed, "%s", path);
	}
	fclose(out);
	free(tmp);
}
