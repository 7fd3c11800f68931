// SPDX-License-Identifier: GPL-2.0-only
/*
 * Numbers and tables as text, JSON and CSV.
 */
#include <err.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
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

/* Cycles, in nine columns at most: 999999999, 1.00G, 18.45E. */
static const char *format_cycles(char buf[VALUE_LEN], double cycles)
{
	static const char unit[] = "GTPE";
	unsigned int i = 0;

	if (isnan(cycles) || cycles < 999999999.5)
		return format_number(buf, 0, cycles);
	for (cycles /= 1e9; cycles >= 999.995 && unit[i + 1]; i++)
		cycles /= 1000;
	snprintf(buf, VALUE_LEN, "%.2f%c", cycles, unit[i]);
	return buf;
}

/*
 * For people: a time with its unit, or cycles where their length is unknown.
 * Round first and choose the unit then: 999.996 us are 1.00 ms.
 */
const char *format_time(char buf[VALUE_LEN], double cycles, u32 tsc_khz)
{
	double ns;

	if (!tsc_khz || isnan(cycles))
		return format_cycles(buf, cycles);
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

/* Where the counts come from. */
const char *format_origin(char buf[VALUE_LEN], const struct table *t)
{
	static const char * const origins[][2] = {
		{ "tracepoints", "tracepoints of a stock KVM" },
		{ "perf", "perf kvm stat" },
		{ "bcc", "kvmexit of bcc" },
		{ "kvm_stat", "kvm_stat" },
		{ "ftrace", "histogram of the tracepoint" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(origins); i++)
		if (!strcmp(t->origin, origins[i][0]))
			return origins[i][1];
	if (*t->origin)
		return t->origin;
	snprintf(buf, VALUE_LEN, "generation %u%s", t->generation,
		 t->by_cpuid ? ", by CPUID" : "");
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

	n = snprintf(buf, size, "%llu exits in ", t->total.count[EXITS]);
	if (t->ns)
		n += snprintf(buf + n, size - n, "%.3f s", t->ns / 1e9);
	else
		n += snprintf(buf + n, size - n, "an unknown time");
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

/* A time with its unit, in at most six characters. */
const char *format_short(char buf[VALUE_LEN], u64 cycles, u32 tsc_khz)
{
	double ns = cycles * 1e6 / (tsc_khz ? tsc_khz : 1000000);

	if (cycles == UNKNOWN)
		return "-";
	if (!tsc_khz)
		snprintf(buf, VALUE_LEN, "%.3g", (double)cycles);
	else if (ns < 999.5)
		snprintf(buf, VALUE_LEN, "%.0fns", ns);
	else if (ns < 999.5e3)
		snprintf(buf, VALUE_LEN, "%.3gus", ns / 1e3);
	else if (ns < 999.5e6)
		snprintf(buf, VALUE_LEN, "%.3gms", ns / 1e6);
	else
		snprintf(buf, VALUE_LEN, "%.3gs", ns / 1e9);
	return buf;
}

/* The columns of text, behind the name. */
enum column {
	COL_EXITS,
	COL_EXITS_DEVIATION,
	COL_OWN,
	COL_RATE,
	COL_SHARE,
	COL_CPU,
	COL_AVERAGE,
	COL_AVERAGE_DEVIATION,
	COL_STOPPED,
	COL_P50,
	COL_P99,
	COL_P999,
	COLUMNS,
};

#define NAME_WIDTH	25
#define USUAL_WIDTH	80

static const unsigned char column_widths[COLUMNS] = {
	[COL_EXITS] = 11,
	[COL_EXITS_DEVIATION] = 9,
	[COL_OWN] = 11,
	[COL_RATE] = 11,
	[COL_SHARE] = 7,
	[COL_CPU] = 7,
	[COL_AVERAGE] = 9,
	[COL_AVERAGE_DEVIATION] = 9,
	[COL_STOPPED] = 9,
	[COL_P50] = 7,
	[COL_P99] = 7,
	[COL_P999] = 7,
};

static const char *column_title(const struct table *t, enum column c)
{
	switch (c) {
	case COL_EXITS:
		return "exits";
	case COL_OWN:
		return "own";
	case COL_RATE:
		return "exits/s";
	case COL_SHARE:
		/* The share of the stopped time, if only that time is known. */
		return table_clock(t) == STOPPED ? "stop%" : "time%";
	case COL_CPU:
		return "cpu%";
	case COL_AVERAGE:
		return t->tsc_khz ? "average" : "cycles";
	case COL_STOPPED:
		return "stopped";
	case COL_P50:
		return "p50";
	case COL_P99:
		return "p99";
	case COL_P999:
		return "p99.9";
	default:
		return "+-";
	}
}

static const char *format_deviation(char buf[VALUE_LEN], double deviation,
				    double mean)
{
	if (isnan(deviation))
		return "-";
	snprintf(buf, VALUE_LEN, "+-%5.1f%%", mean ? 100 * deviation / mean : 0);
	return buf;
}

static const char *format_column(char buf[VALUE_LEN], const struct table *t,
				 const struct row *r, enum column c)
{
	enum count clock = table_clock(t);

	switch (c) {
	case COL_EXITS:
		snprintf(buf, VALUE_LEN, "%llu", r->count[EXITS]);
		return buf;
	case COL_EXITS_DEVIATION:
		return format_deviation(buf, r->deviation[EXITS],
					r->count[EXITS]);
	case COL_OWN:
		if (!r->has_own)
			return "-";
		snprintf(buf, VALUE_LEN, "%llu", r->own);
		return buf;
	case COL_RATE:
		return format_number(buf, 1, row_rate(t, r));
	case COL_SHARE:
		return format_number(buf, 2, clock == EXITS ? NAN :
				     share(r->count[clock],
					   t->total.count[clock]));
	case COL_CPU:
		return format_number(buf, 2, cpu_share(t, r->count[CYCLES]));
	case COL_AVERAGE:
		return format_time(buf, row_average(r, CYCLES), t->tsc_khz);
	case COL_AVERAGE_DEVIATION:
		return format_deviation(buf, r->average_deviation,
					row_average(r, CYCLES));
	case COL_STOPPED:
		return format_time(buf, row_average(r, STOPPED), t->tsc_khz);
	case COL_P50:
	case COL_P99:
	case COL_P999:
		return format_short(buf, r->count[P50 + c - COL_P50],
				    t->tsc_khz);
	default:
		return "";
	}
}

/*
 * The columns that fit beside each other.  The first ones to go can be computed
 * from the others; JSON and CSV have them all.
 */
static void choose_columns(FILE *out, const struct table *t,
			   bool shown[COLUMNS])
{
	static const enum column dispensable[] = {
		COL_RATE, COL_CPU, COL_STOPPED, COL_AVERAGE,
	};
	int width = NAME_WIDTH, room = USUAL_WIDTH;
	struct winsize size;
	unsigned int i;

	shown[COL_EXITS] = true;
	shown[COL_EXITS_DEVIATION] = t->runs;
	shown[COL_OWN] = t->total.has_own;
	shown[COL_RATE] = true;
	shown[COL_SHARE] = true;
	shown[COL_CPU] = t->tsc_khz;
	shown[COL_AVERAGE] = true;
	shown[COL_AVERAGE_DEVIATION] = t->runs;
	shown[COL_STOPPED] = has(t, STOPPED);
	for (i = 0; i < 3; i++)
		shown[COL_P50 + i] = has(t, P50 + i);

	if (!ioctl(fileno(out), TIOCGWINSZ, &size) && size.ws_col > room)
		room = size.ws_col;
	for (i = 0; i < COLUMNS; i++)
		if (shown[i])
			width += column_widths[i];
	for (i = 0; i < ARRAY_SIZE(dispensable) && width >= room; i++) {
		if (shown[dispensable[i]])
			width -= column_widths[dispensable[i]];
		shown[dispensable[i]] = false;
	}
}

static void print_text_row(FILE *out, const struct table *t,
			   const struct row *r, const bool shown[COLUMNS])
{
	char buf[VALUE_LEN];
	enum column c;

	fprintf(out, "%-*s", NAME_WIDTH, r ? r->name : "reason");
	for (c = 0; c < COLUMNS; c++)
		if (shown[c])
			fprintf(out, " %*s", column_widths[c] - 1,
				r ? format_column(buf, t, r, c) :
				    column_title(t, c));
	fputc('\n', out);
}

/* Say for which part of the time a sum has no counts. */
void print_incomplete(FILE *out, const struct table *t)
{
	if (t->resets)
		fprintf(out,
			"(incomplete: %u reset%s, as by a migration; exits of up to %.3f s are missing)\n",
			t->resets, t->resets > 1 ? "s" : "",
			t->missing_ns / 1e9);
	else if (t->missing_ns)
		fprintf(out,
			"(incomplete: the last %.3f s could not be read)\n",
			t->missing_ns / 1e9);
}

/**
 * print_text() - print an interval for people
 * @out: the output
 * @t: the difference of two reads
 */
void print_text(FILE *out, const struct table *t)
{
	char buf[256], origin[VALUE_LEN];
	bool shown[COLUMNS] = {};
	unsigned int i;

	format_summary(buf, sizeof(buf), t);
	fprintf(out, "%s\n", buf);
	if (*t->origin)
		fprintf(out, "(%s)\n", format_origin(origin, t));
	if (t->by_cpuid)
		fputs("(read by CPUID, without the module)\n", out);
	if (t->runs)
		fprintf(out,
			"(mean of %u runs; +-: standard deviation of the runs, in percent)\n",
			t->runs);
	if (t->read_exits)
		fprintf(out,
			"(%llu exits for CPUID by reading are left out, and their time as estimated)\n",
			t->read_exits);

	print_incomplete(out, t);
	if (t->total.has_own)
		fprintf(out, "(all exits of the VM; own: those of %s)\n",
			t->own_of);
	else if (t->no_own)
		fprintf(out,
			"(all exits of the VM; the command's own are not counted:\n"
			" %s)\n", t->no_own);

	choose_columns(out, t, shown);
	print_text_row(out, t, NULL, shown);
	for (i = 0; i < t->nr_rows; i++)
		if (t->rows[i].count[EXITS])
			print_text_row(out, t, &t->rows[i], shown);
	print_text_row(out, t, &t->total, shown);
}

#define NS_KHZ	1000000		/* nanoseconds, as cycles of 1 GHz */

/* The fields of JSON and CSV, except reason and name. */
enum field {
	F_COUNT,
	F_PER_SECOND,
	F_PERCENT,
	F_SECONDS,
	F_AVERAGE,
	F_AVERAGE_SECONDS,
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
	{ "average_seconds", F_AVERAGE_SECONDS, CYCLES },
	{ "average_stopped_seconds", F_AVERAGE_SECONDS, STOPPED },
	{ "max_seconds", F_SECONDS, MAX },
	{ "p50_seconds", F_SECONDS, P50 },
	{ "p99_seconds", F_SECONDS, P99 },
	{ "p99_9_seconds", F_SECONDS, P999 },
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
	case F_AVERAGE_SECONDS:
		if (!r->count[EXITS] || !t->tsc_khz)
			return unknown;
		snprintf(buf, VALUE_LEN, "%.9f",
			 row_average(r, fields[i].count) / t->tsc_khz / 1e3);
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

static int find_field(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fields); i++)
		if (!strcmp(fields[i].name, name))
			return i;
	return -1;
}

bool is_field(const char *name)
{
	return find_field(name) >= 0;
}

/* The value of a field of JSON; NAN if it is unknown. */
double field_value(const struct table *t, const struct row *r,
		   const char *name)
{
	char buf[VALUE_LEN];

	return strtod(format_field(buf, t, r, find_field(name), "nan"), NULL);
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
	fputs(",vendor,tsc_khz,generation\n", out);
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
	fprintf(out, "%s,%s,%s", state == COUNTED && t->missing_ns ?
		"incomplete" : state_names[state], reason, r->name);
	for (i = 0; i < ARRAY_SIZE(fields); i++)
		fprintf(out, ",%s", state != COUNTED ? "" :
			format_field(buf, t, r, i, ""));
	if (state == GAP)
		fputs(",,,\n", out);
	else
		fprintf(out, ",%s,%u,%u\n", t->vendor, t->in_ns ? 0 : t->tsc_khz,
			t->generation);
}

/*
 * Whether a row is part of the sum.  A row without exits can be: the exit was in an
 * earlier interval, and its stop ended in this one.
 */
static bool adds(const struct table *t, const struct row *r)
{
	enum count c;

	for (c = EXITS; c <= STOPPED; c++)
		if (has(t, c) && r->count[c])
			return true;
	return false;
}

/**
 * print_csv() - print a line for the total and one for each reason that
 * occurred, or has time of an earlier exit
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
		if (!adds(t, &t->rows[i]))
			continue;
		snprintf(reason, VALUE_LEN, "%u", t->rows[i].reason);
		print_csv_row(out, t, &t->rows[i], reason, end, state);
	}
}

/* The fields of a row, without the braces of their object. */
void print_json_fields(FILE *out, const struct table *t, const struct row *r)
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
		if (!adds(t, r))
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
 * begin_json() - print an object without its last brace, to add more
 * @out: the output
 * @t: the table; t->ns is 0 if it is not that of an interval
 * @end: when the interval ended, in ns since the first read
 * @state: without counts the object has no "total" and no "reasons"
 */
void begin_json(FILE *out, const struct table *t, u64 end, enum state state)
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
		fprintf(out, "\"missing_seconds\": %s, ",
			format_seconds(buf, t->missing_ns, NS_KHZ));
		fprintf(out, "\"steal_seconds\": %s, ", t->steal_ns == UNKNOWN ?
			"null" : format_seconds(buf, t->steal_ns, NS_KHZ));
	}
	if (state == GAP) {
		fputs("\"error\": ", out);
		print_json_string(out, t->error);
	} else {
		fprintf(out, "\"vendor\": \"%s\", \"tsc_khz\": %u, ",
			t->vendor, t->in_ns ? 0 : t->tsc_khz);
		fprintf(out, "\"generation\": %u, \"source\": %s%s%s",
			t->generation, *t->origin ? "\"" : "",
			*t->origin ? t->origin : "null",
			*t->origin ? "\"" : "");
	}
	if (state == COUNTED)
		print_json_rows(out, t);
}

/* An object, on one line; see begin_json(). */
void print_json(FILE *out, const struct table *t, u64 end, enum state state)
{
	begin_json(out, t, end, state);
	fputs("}\n", out);
}

/* Fail if the output was not written. */
void finish(FILE *out)
{
	if (fflush(out) || ferror(out))
		err(failed, "cannot write the output");
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
		err(failed, "%s", printable(path));
	if (!lstat(path, &st) && !S_ISREG(st.st_mode))
		errx(failed, "%s: not a regular file, so it is not replaced",
		     printable(path));
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
		err(failed, "%s", printable(tmp));
	out = fdopen(fd, "w");
	if (!out)
		errx(failed, "no memory");

	print(out, t);
	if (fflush(out) || ferror(out) ||
	    fchmod(fd, mode ?: usual_mode(path)) || rename(tmp, path)) {
		unlink(tmp);
		err(failed, "%s", printable(path));
	}
	fclose(out);
	free(tmp);
}
