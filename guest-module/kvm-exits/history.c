// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rates of the last intervals, drawn as a small line of bars.
 */
#include <err.h>
#include <langinfo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

/* The rates of one reason; the newest one is at history->next - 1. */
struct line {
	u32 reason;
	double rate[HISTORY];	/* NAN without counts */
};

struct history {
	struct line *line;
	unsigned int nr;
	unsigned int next;
};

struct history *history_open(void)
{
	struct history *h = calloc(1, sizeof(*h));

	if (!h)
		errx(failed, "no memory");
	return h;
}

void history_close(struct history *h)
{
	free(h->line);
	free(h);
}

static struct line *find_line(const struct history *h, u32 reason)
{
	unsigned int i;

	for (i = 0; i < h->nr; i++)
		if (h->line[i].reason == reason)
			return &h->line[i];
	return NULL;
}

static struct line *add_line(struct history *h, u32 reason)
{
	struct line *l;
	unsigned int i;

	h->line = reallocarray(h->line, h->nr + 1, sizeof(*h->line));
	if (!h->line)
		errx(failed, "no memory");
	l = &h->line[h->nr++];
	l->reason = reason;
	for (i = 0; i < HISTORY; i++)
		l->rate[i] = NAN;
	return l;
}

/**
 * history_add() - add an interval
 * @h: the history
 * @t: the interval, or NULL if it has no counts
 */
void history_add(struct history *h, const struct table *t)
{
	const struct row *r;
	struct line *l;
	unsigned int i;

	for (i = 0; i < h->nr; i++)
		h->line[i].rate[h->next] = NAN;
	for (i = 0; t && i < t->nr_rows; i++) {
		r = &t->rows[i];
		l = find_line(h, r->reason);
		if (!l && r->count[EXITS])
			l = add_line(h, r->reason);
		if (l)
			l->rate[h->next] = row_rate(t, r);
	}
	h->next = (h->next + 1) % HISTORY;
}

/* The rate of the interval that is @ago intervals before the newest one. */
static double rate_of(const struct history *h, const struct line *l,
		      unsigned int ago)
{
	return l->rate[(h->next + HISTORY - 1 - ago) % HISTORY];
}

/**
 * history_draw() - draw the rates of a reason
 * @buf: the result
 * @size: its size; a bar can take three bytes
 * @h: the history
 * @reason: the reason
 * @width: the number of intervals to draw, the newest one last
 *
 * A bar is a share of the largest rate.  A blank is an interval without counts
 * or without exits.
 *
 * Return: the largest rate.
 */
double history_draw(char *buf, size_t size, const struct history *h,
		    u32 reason, unsigned int width)
{
	static const char * const bars[] = {
		" ", "\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586",
		"\u2587", "\u2588",
	};
	static const char * const plain[] = {
		" ", ".", ".", ":", "-", "=", "+", "*", "#",
	};
	const char * const *levels = strcmp(nl_langinfo(CODESET), "UTF-8") ?
				     plain : bars;
	const struct line *l = find_line(h, reason);
	double rate, most = 0;
	unsigned int i;
	size_t n = 0;

	if (width > HISTORY)
		width = HISTORY;
	*buf = '\0';
	for (i = 0; l && i < width; i++)
		most = fmax(most, rate_of(h, l, i));
	for (i = width; l && i-- > 0 && n + 4 < size;) {
		rate = rate_of(h, l, i);
		n += snprintf(buf + n, size - n, "%s", !(rate > 0) ? " " :
			      levels[(int)ceil(8 * rate / most)]);
	}
	return most;
}
