// SPDX-License-Identifier: GPL-2.0-only
/*
 * Numbers as text, and tables as JSON and CSV.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "kvm-exits.h"

/* Percent of the whole. */
double share(u64 part, u64 whole)
{
	return whole ? 100.0 * part / whole : 0;
}

/* Cycles per exit. */
double row_average(const struct row *r, enum count clock)
{
	return r->count[EXITS] ? 1.0 * r->count[clock] / r->count[EXITS] : 0;
}

/* For people: a time with its unit, or cycles where their length is unknown. */
const char *format_time(char buf[VALUE_LEN], double cycles, u32 tsc_khz)
{
	double ns;

	if (!tsc_khz) {
		snprintf(buf, VALUE_LEN, "%.0f", cycles);
		return buf;
	}
	ns = cycles * 1e6 / tsc_khz;
	if (ns < 1e3)
		snprintf(buf, VALUE_LEN, "%.0fns", ns);
	else if (ns < 1e6)
		snprintf(buf, VALUE_LEN, "%.2fus", ns / 1e3);
	else if (ns < 1e9)
		snprintf(buf, VALUE_LEN, "%.2fms", ns / 1e6);
	else
		snprintf(buf, VALUE_LEN, "%.2fs", ns / 1e9);
	return buf;
}

/* For programs: seconds down to the nanosecond, in integers, so exactly. */
const char *format_seconds(char buf[VALUE_LEN], u64 cycles,
			   u32 tsc_khz)
{
	u64 hz = tsc_khz * 1000ull;

	snprintf(buf, VALUE_LEN, "%llu.%09llu", cycles / hz,
		 cycles % hz * 1000000 / tsc_khz);
	return buf;
}

#define NS_KHZ	1000000		/* nanoseconds, as cycles of 1 GHz */

/* Fields that JSON and CSV have beside reason and name. */
enum field {
	F_COUNT,
	F_PER_SECOND,
	F_PERCENT,
	F_SECONDS,
	F_AVERAGE,
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
	{ "p99.9", F_COUNT, P999 },
};

/* What the table cannot tell is @unknown, so that columns stay in place. */
static const char *format_field(char buf[VALUE_LEN], const struct table *t,
				const struct row *r, unsigned int i,
				const char *unknown)
{
	u64 val = r->count[fields[i].count];

	if (val == UNKNOWN)
		return unknown;

	switch (fields[i].field) {
	case F_COUNT:
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
		if (!r->count[EXITS])
			return unknown;
		snprintf(buf, VALUE_LEN, "%.1f", row_average(r, fields[i].count));
		break;
	}
	return buf;
}

void print_csv_header(FILE *out)
{
	unsigned int i;

	fputs("time,seconds,reason,name", out);
	for (i = 0; i < ARRAY_SIZE(fields); i++)
		fprintf(out, ",%s", fields[i].name);
	fputc('\n', out);
}

static void print_csv_row(FILE *out, const struct table *t,
			  const struct row *r, const char *reason, u64 end)
{
	char buf[VALUE_LEN];
	unsigned int i;

	fprintf(out, "%s,", t->ns ? format_seconds(buf, end, NS_KHZ) : "");
	fprintf(out, "%s,", t->ns ? format_seconds(buf, t->ns, NS_KHZ) : "");
	fprintf(out, "%s,%s", reason, r->name);
	for (i = 0; i < ARRAY_SIZE(fields); i++)
		fprintf(out, ",%s", format_field(buf, t, r, i, ""));
	fputc('\n', out);
}

/**
 * print_csv() - print a line for the total and one for each reason that occurred
 * @out: where to
 * @t: the table; t->ns is 0 if it is not that of an interval
 * @end: when the interval ended, in ns since the first read
 */
void print_csv(FILE *out, const struct table *t, u64 end)
{
	char reason[VALUE_LEN];
	unsigned int i;

	print_csv_row(out, t, &t->total, "-", end);
	for (i = 0; i < t->nr_rows; i++) {
		if (!t->rows[i].count[EXITS])
			continue;
		snprintf(reason, VALUE_LEN, "%u", t->rows[i].reason);
		print_csv_row(out, t, &t->rows[i], reason, end);
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

/**
 * print_json() - print an object, on one line
 * @out: where to
 * @t: the table; t->ns is 0 if it is not that of an interval
 * @end: when the interval ended, in ns since the first read
 * @reset: the counts began anew: there is nothing but that to tell
 */
void print_json(FILE *out, const struct table *t, u64 end, bool reset)
{
	char buf[VALUE_LEN];

	fputc('{', out);
	if (t->ns) {
		fprintf(out, "\"time\": %s, ",
			format_seconds(buf, end, NS_KHZ));
		fprintf(out, "\"seconds\": %s, ",
			format_seconds(buf, t->ns, NS_KHZ));
		fprintf(out, "\"reset\": %s, \"read_exits\": %llu, ",
			reset ? "true" : "false", t->read_exits);
	}
	fprintf(out, "\"vendor\": \"%s\", \"tsc_khz\": %u, \"generation\": %u",
		t->vendor, t->tsc_khz, t->generation);
	if (!reset)
		print_json_rows(out, t);
	fputs("}\n", out);
}

/* Nothing is done before it is known to be written. */
void finish(FILE *out)
{
	if (fflush(out) || ferror(out))
		err(EXIT_FAILURE, "cannot write");
}
