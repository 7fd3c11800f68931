// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits for tests and monitoring: --warn-if and --fail-if.
 */
#include <err.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "program.h"

#define MAX_LIMITS	32

static struct limit {
	const char *text;	/* as given: MSR>5000/s */
	enum severity severity;
	char name[NAME_LEN];
	char field[NAME_LEN];
	bool less;		/* it is a lower limit */
	double bound;
} limits[MAX_LIMITS];

static unsigned int nr_limits;
static enum severity worst;

static const char * const words[] = {
	[WITHIN] = "OK",
	[WARNING] = "WARNING",
	[CRITICAL] = "CRITICAL",
	[NO_VALUE] = "UNKNOWN",
};

/* The field that a unit means. */
static bool set_unit(struct limit *l, const char *unit)
{
	const char *field = !*unit ? "exits" :
			    !strcmp(unit, "/s") ? "exits_per_second" :
			    !strcmp(unit, "%") ? "cpu_percent" : NULL;

	if (!*l->field && field)
		strcpy(l->field, field);
	else if (*unit)
		return false;
	return field && is_field(l->field);
}

/**
 * limit_add() - parse a limit: NAME>NUMBER, NAME>NUMBER/s, NAME.FIELD<NUMBER
 * @text: the limit
 * @severity: the status if it is exceeded
 *
 * Return: false if it is not a limit.
 */
bool limit_add(const char *text, enum severity severity)
{
	struct limit *l = &limits[nr_limits];
	size_t name = strcspn(text, ".<>"), field = 0;
	const char *rest = text + name;
	char *end;

	if (nr_limits == MAX_LIMITS || !name || name >= NAME_LEN)
		return false;
	*l = (struct limit) { .text = text, .severity = severity };
	memcpy(l->name, text, name);
	if (*rest == '.') {
		field = strcspn(++rest, "<>");
		if (!field || field >= NAME_LEN)
			return false;
		memcpy(l->field, rest, field);
		rest += field;
	}
	if (*rest != '<' && *rest != '>')
		return false;
	l->less = *rest++ == '<';
	l->bound = strtod(rest, &end);
	if (end == rest || !isfinite(l->bound) || !set_unit(l, end))
		return false;
	nr_limits++;
	return true;
}

static const struct row *limit_row(const struct limit *l,
				   const struct table *t)
{
	unsigned int i;

	if (!strcasecmp(l->name, t->total.name))
		return &t->total;
	for (i = 0; i < t->nr_rows; i++)
		if (!strcasecmp(l->name, t->rows[i].name))
			return &t->rows[i];
	errx(failed, "%s: the table has no such reason: see kvm-exits explain", l->text);
}

static void print_verdict(FILE *out, enum severity severity,
			  const struct limit *l, double val)
{
	char buf[VALUE_LEN];

	if (out)
		fprintf(out, "%s: %s: %s is %s\n", words[severity], l->text,
			l->field, format_number(buf, 3, val));
}

/**
 * limits_check() - compare an interval with the limits
 * @out: where to say which ones are exceeded, or NULL
 * @t: the interval, with all its rows, or NULL if it has no counts
 */
void limits_check(FILE *out, const struct table *t)
{
	enum severity severity, now = WITHIN;
	const struct limit *l;
	unsigned int i;
	double val;

	for (i = 0; i < nr_limits; i++) {
		l = &limits[i];
		val = t ? field_value(t, limit_row(l, t), l->field) : NAN;
		severity = isnan(val) ? NO_VALUE :
			   (l->less ? val < l->bound : val > l->bound) ?
			   l->severity : WITHIN;
		if (severity != WITHIN)
			print_verdict(out, severity, l, val);
		/* As in plugins of monitoring, unknown counts less than critical. */
		if (severity == CRITICAL || now == WITHIN ||
		    (now == WARNING && severity == NO_VALUE))
			now = severity;
	}
	if (nr_limits && now == WITHIN && out)
		fprintf(out, "%s: no limit is exceeded\n", words[WITHIN]);
	if (now == CRITICAL || worst == WITHIN ||
	    (worst == WARNING && now == NO_VALUE))
		worst = now;
}

/* End the program if a limit has a name that the table does not have. */
void limits_check_names(const struct table *t)
{
	unsigned int i;

	for (i = 0; i < nr_limits; i++)
		limit_row(&limits[i], t);
}

/* The exit status: that of the worst interval. */
int limits_status(void)
{
	return worst;
}

bool has_limits(void)
{
	return nr_limits;
}
