// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-exits report --html: one page that needs no other file and no network.
 *
 * It has the course of a record, which is a chart of its rates over time, the reasons,
 * how long they stop a vCPU, and the text of the report.
 */
#include <err.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

#define DRAWN		6	/* reasons with a colour of their own */
#define WIDTH		860
#define HEIGHT		200	/* of the chart of the rates over time */
#define LEFT		220	/* where the bars begin, right of the names */
#define ROW		22	/* of a reason */

static const char * const colours[DRAWN + 1] = {
	"#1b6ca8", "#d1495b", "#edae49", "#2a9d6f", "#7a4fa3", "#5f6b76",
	"#b9c1c9",	/* all others */
};

/* One interval of a record: the rates of the drawn reasons and of the others. */
struct moment {
	double begin;		/* seconds since the first read */
	double end;
	bool counted;
	double rate[DRAWN + 1];
};

struct course {
	struct moment *moment;
	unsigned int nr;
	double most;		/* the largest sum of rates */
	double end;
};

/* Names of reasons need no escape, but text from outside does. */
static void print_escaped(FILE *out, const char *s)
{
	for (; *s; s++) {
		switch (*s) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		default:
			fputc(*s, out);
		}
	}
}

static unsigned int nr_drawn(const struct table *t)
{
	unsigned int n = 0;

	while (n < DRAWN && n < t->nr_rows && t->rows[n].count[EXITS])
		n++;
	return n;
}

/* Add the rates of the interval @d, in the order of the rows of the whole time, @t. */
static void add_moment(struct course *c, const struct table *t,
		       const struct table *d, bool counted)
{
	struct moment m = {
		.begin = c->end,
		.end = c->end + d->ns / 1e9,
		.counted = counted,
	};
	unsigned int i, n = nr_drawn(t);
	const struct row *r;
	double sum = row_rate(d, &d->total), rest = sum;

	for (i = 0; counted && i < n; i++) {
		r = table_row(d, t->rows[i].reason);
		m.rate[i] = r ? row_rate(d, r) : 0;
		rest -= m.rate[i];
	}
	m.rate[DRAWN] = counted ? fmax(0, rest) : 0;
	if (counted)
		c->most = fmax(c->most, sum);
	c->end = m.end;
	c->moment = reallocarray(c->moment, c->nr + 1, sizeof(*c->moment));
	if (!c->moment)
		errx(failed, "no memory");
	c->moment[c->nr++] = m;
}

static void read_course(struct course *c, const char *path,
			const struct table *t)
{
	struct table then = {}, now = {}, d = {};
	struct record r;
	bool counted;

	if (!record_open(&r, path, &then) || !record_read(&r, &then))
		errx(failed, "%s", printable(then.error));
	while (r.next && record_read(&r, &now)) {
		counted = table_delta(&d, &then, &now, then.exits_per_read);
		add_moment(c, t, &d, counted);
		table_copy(&then, &now);
	}
	record_close(&r);
	table_free(&then);
	table_free(&now);
	table_free(&d);
}

static double x_of(const struct course *c, double seconds)
{
	return seconds / c->end * WIDTH;
}

/* Leave the tag open: more attributes can follow. */
static void begin_rect(FILE *out, double x, double y, double width,
		       double height)
{
	fprintf(out, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"",
		x, y, width, height);
}

enum anchor { START, MIDDLE, END };

static void __attribute__((format(printf, 5, 6)))
print_svg_text(FILE *out, enum anchor anchor, double x, double y,
	       const char *format, ...)
{
	static const char * const anchors[] = {
		[START] = "start", [MIDDLE] = "middle", [END] = "end",
	};
	va_list args;

	fprintf(out, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"%s\">", x, y,
		anchors[anchor]);
	va_start(args, format);
	vfprintf(out, format, args);
	va_end(args);
	fputs("</text>\n", out);
}

static void begin_svg(FILE *out, const char *heading, const char *id,
		      unsigned int height)
{
	fprintf(out, "<h2>%s</h2>\n<svg id=\"%s\" viewBox=\"0 0 %d %u\">\n",
		heading, id, WIDTH, height);
}

/* One bar for each interval, as wide as its time: stacked rates. */
static void print_moment(FILE *out, const struct course *c,
			 const struct moment *m)
{
	double x = x_of(c, m->begin), width = x_of(c, m->end) - x;
	double y = HEIGHT, height;
	unsigned int i;

	if (!m->counted) {
		begin_rect(out, x, 0, width, HEIGHT);
		fputs(" class=\"reset\"><title>the counts were reset</title></rect>\n",
		      out);
		return;
	}
	for (i = 0; i <= DRAWN; i++) {
		height = c->most ? m->rate[i] / c->most * HEIGHT : 0;
		if (height < 0.005)
			continue;
		y -= height;
		begin_rect(out, x, y, width, height);
		fprintf(out, " fill=\"%s\"/>\n", colours[i]);
	}
}

static void print_legend(FILE *out, const struct table *t)
{
	unsigned int i, n = nr_drawn(t);

	fputs("<p>", out);
	for (i = 0; i < n; i++)
		fprintf(out, "<b style=\"color:%s\">&#9632;</b> %s ",
			colours[i], t->rows[i].name);
	if (n < t->nr_rows && t->rows[n].count[EXITS])
		fprintf(out, "<b style=\"color:%s\">&#9632;</b> all others",
			colours[DRAWN]);
	fputs("</p>\n", out);
}

static void print_course(FILE *out, const struct table *t, const char *path)
{
	struct course c = {};
	unsigned int i;

	read_course(&c, path, t);
	begin_svg(out, "Exits a second", "course", HEIGHT + 20);
	for (i = 0; i < c.nr; i++)
		print_moment(out, &c, &c.moment[i]);
	print_svg_text(out, START, 2, 12, "%.1f/s", c.most);
	for (i = 0; i <= 4; i++)
		print_svg_text(out, i == 0 ? START : i == 4 ? END : MIDDLE,
			       WIDTH * i / 4, HEIGHT + 16, "%.4g s",
			       c.end * i / 4);
	fputs("</svg>\n", out);
	print_legend(out, t);
	free(c.moment);
}

static void print_bar(FILE *out, const struct table *t, unsigned int i,
		      enum count clock)
{
	const struct row *r = &t->rows[i];
	double percent = share(r->count[clock], t->total.count[clock]);
	char buf[VALUE_LEN];

	print_svg_text(out, START, 0, i * ROW + 15, "%s", r->name);
	begin_rect(out, LEFT, i * ROW + 3,
		   percent * (WIDTH - LEFT - 230) / 100, ROW - 6);
	fprintf(out, " fill=\"%s\"/>\n", colours[i < DRAWN ? i : DRAWN]);
	print_svg_text(out, END, WIDTH, i * ROW + 15,
		       "%.2f %%, %llu exits, %s each", percent,
		       r->count[EXITS], clock == EXITS ? "-" :
		       format_time(buf, row_average(r, clock), t->tsc_khz));
}

/* The reasons by time, with their exits and their share. */
static void print_bars(FILE *out, const struct table *t, enum count clock)
{
	unsigned int i, n = 0;

	while (n < t->nr_rows && t->rows[n].count[EXITS])
		n++;
	begin_svg(out, clock == CYCLES ? "Where KVM's time went" :
		  clock == STOPPED ? "Time for which exits stopped a vCPU" :
		  "Exits by reason", "reasons", n * ROW);
	for (i = 0; i < n; i++)
		print_bar(out, t, i, clock);
	fputs("</svg>\n", out);
}

static void print_stops_row(FILE *out, const struct table *t,
			    const struct row *r, unsigned int y)
{
	double width = 1.0 * (WIDTH - LEFT) / t->nr_buckets, part;
	u64 all = 0;
	unsigned int i;

	for (i = 0; i < t->nr_buckets; i++)
		all += r->bucket[i];
	print_svg_text(out, START, 0, y + 15, "%s", r->name);
	for (i = 0; i < t->nr_buckets; i++) {
		if (!r->bucket[i])
			continue;
		part = 1.0 * r->bucket[i] / all;
		begin_rect(out, LEFT + i * width, y + 2, width - 1, ROW - 4);
		fprintf(out, " fill=\"%s\" fill-opacity=\"%.3f\">",
			colours[0], 0.15 + 0.85 * part);
		fprintf(out, "<title>%llu stops, %.2f %%</title></rect>\n",
			r->bucket[i], 100 * part);
	}
}

/* A row of cells for each reason: a cell with more of its stops is darker. */
static void print_stops(FILE *out, const struct table *t)
{
	unsigned int i, n = nr_drawn(t);
	char buf[VALUE_LEN];

	if (!t->nr_buckets)
		return;
	begin_svg(out, "How long an exit stops a vCPU", "stops", (n + 1) * ROW);
	for (i = 0; i < n; i++)
		print_stops_row(out, t, &t->rows[i], i * ROW);
	for (i = 3; i < t->nr_buckets; i += 4)
		if (t->bound[i] != UNKNOWN)
			print_svg_text(out, END, LEFT + (i + 1.0) *
				       (WIDTH - LEFT) / t->nr_buckets,
				       n * ROW + 15, "%s",
				       format_short(buf, t->bound[i],
						    t->tsc_khz));
	fputs("</svg>\n", out);
}

/* What print_page() needs beside the table. */
static const struct options *page_options;
static const char *page_text;

static void print_page(FILE *out, const struct table *whole)
{
	enum count clock = table_clock(whole);
	struct table t = {};
	char wall[TIME_LEN];

	table_copy(&t, whole);
	table_filter(&t, page_options->filter);
	table_sort(&t, SORT_TIME, clock, NULL);
	fputs("<!DOCTYPE html>\n"
	      "<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n"
	      "<head><meta charset=\"utf-8\"/><title>VM exits</title>\n<style>\n"
	      ":root { color-scheme: light dark }\n"
	      "body { max-width: 900px; margin: 2em auto; padding: 0 1em;\n"
	      "       font: 15px/1.4 sans-serif }\n"
	      "h1 { font-size: 1.4em } h2 { font-size: 1.1em; margin-top: 2em }\n"
	      "svg { width: 100%; overflow: visible }\n"
	      "svg text { font-size: 12px; fill: currentColor }\n"
	      "svg rect { shape-rendering: crispEdges }\n"
	      ".reset { fill: gray; fill-opacity: 0.3 }\n"
	      "pre { overflow-x: auto; font-size: 13px }\n"
	      "</style></head>\n<body>\n", out);
	fprintf(out, "<h1>VM exits, %s, %s</h1>\n", t.vendor,
		format_wall(wall, t.wall_ns));
	if (page_options->source->has_next)
		print_course(out, &t, page_options->file);
	print_bars(out, &t, clock);
	print_stops(out, &t);
	fputs("<h2>Report</h2>\n<pre>", out);
	print_escaped(out, page_text);
	fputs("</pre>\n</body>\n</html>\n", out);
	table_free(&t);
}

/**
 * html_report() - write a report as a page
 * @o: the options; o->html is the file, which is replaced in one step
 * @t: the table
 * @text: the report as text
 */
void html_report(const struct options *o, const struct table *t,
		 const char *text)
{
	page_options = o;
	page_text = text;
	replace_file(o->html, 0, print_page, t);
}
