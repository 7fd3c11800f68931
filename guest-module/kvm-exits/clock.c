// SPDX-License-Identifier: GPL-2.0-only
/*
 * The clocks, the ends of intervals, and the forms of times.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "program.h"

static u64 read_clock(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * NSEC + ts.tv_nsec;
}

u64 now_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

u64 wall_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

/**
 * interval_end() - when the current interval ends
 * @last: the end of an earlier interval
 * @ns: the length of an interval
 *
 * Skip the intervals that passed while the program was stopped or its output
 * was blocked.  They would contain only the cost of reading.
 */
u64 interval_end(u64 last, u64 ns)
{
	u64 now = now_ns();

	return last + ns + (now > last ? (now - last) / ns * ns : 0);
}

/**
 * parse_time() - a length of time with or without its unit: 500, 0.5s, 500ms
 * @s: the text
 * @unit: the unit of a bare number, in ns
 * @ns: set to the time
 *
 * Return: true if it is a time of at least 1 us and at most a year.
 */
bool parse_time(const char *s, u64 unit, u64 *ns)
{
	static const struct {
		const char *name;
		u64 ns;
	} units[] = {
		{ "us", 1000 }, { "ms", 1000000 }, { "s", NSEC },
		{ "m", 60 * NSEC }, { "min", 60 * NSEC }, { "h", 3600 * NSEC },
	};
	unsigned int i;
	double val;
	char *end;

	if (!strchr("0123456789.", *s) || strpbrk(s, "xXpPeE"))
		return false;
	errno = 0;
	val = strtod(s, &end);
	if (errno || end == s)
		return false;
	for (i = 0; *end && i < ARRAY_SIZE(units); i++) {
		if (!strcmp(end, units[i].name)) {
			unit = units[i].ns;
			end += strlen(end);
		}
	}
	val = round(val * unit);
	if (*end || !(val >= 1000) || val > 366 * 86400.0 * NSEC)
		return false;
	*ns = val;
	return true;
}

/* ISO 8601 with milliseconds and the offset from UTC. */
const char *format_wall(char buf[TIME_LEN], u64 ns)
{
	time_t seconds = ns / NSEC;
	struct tm tm;
	size_t n;

	localtime_r(&seconds, &tm);
	n = strftime(buf, TIME_LEN, "%Y-%m-%dT%H:%M:%S", &tm);
	n += snprintf(buf + n, TIME_LEN - n, ".%03llu", ns % NSEC / 1000000);
	n += strftime(buf + n, TIME_LEN - n, "%z", &tm);
	/* +0100 becomes +01:00. */
	memmove(buf + n - 1, buf + n - 2, 3);
	buf[n - 2] = ':';
	return buf;
}
