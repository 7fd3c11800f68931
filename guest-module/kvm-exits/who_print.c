// SPDX-License-Identifier: GPL-2.0-only
/*
 * The output of kvm-exits who: a table, JSON, folded stacks and a flame graph.
 */
#include <err.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "who.h"

#define MIN_CODE	24	/* columns; with fewer, the code gets its own line */

/* The widest that a column gets. */
static const unsigned int max_width[KEYS] = {
	[BY_REASON] = 18, [BY_WHAT] = 30, [BY_PROCESS] = 16, [BY_CODE] = 400,
	[BY_CGROUP] = 40, [BY_CPU] = 4, [BY_PID] = 8,
};

static unsigned int width_of_output(FILE *out)
{
	struct winsize size;

	if (!isatty(fileno(out)) || ioctl(fileno(out), TIOCGWINSZ, &size) ||
	    !size.ws_col)
		return 0;
	return size.ws_col;
}

/* The share of the time or, where that is unknown, of the exits. */
static double row_share(const struct who *w, const struct who_row *r)
{
	if (!isnan(w->time) && w->time > 0)
		return 100 * r->seconds / w->time;
	return share(r->exits, w->exits);
}

static void print_heading(FILE *out, const struct who *w)
{
	fprintf(out, "%.0f exits/s", w->exits / w->seconds);
	if (!isnan(w->time))
		fprintf(out, ", %.1f %% of one CPU in exits",
			100 * w->time / w->seconds);
	fprintf(out, "; %llu samples in %.1f s, ", w->samples, w->seconds);
	if (w->lost_exits || w->lost_records)
		fprintf(out, "lost: %llu exits", w->lost_exits);
	else
		fprintf(out, "none lost");
	if (w->lost_records)
		fprintf(out, " and %llu records", w->lost_records);
	if (w->period == 1)
		fputs("\n(every exit is sampled", out);
	else
		fprintf(out, "\n(%s %llu exits of a reason is sampled",
			w->period_changed ? "in the end one in" : "one in",
			w->period);
	if (!isnan(w->cost))
		fprintf(out, ", which costs about %.2g %% of a CPU", w->cost);
	fputs(")\n(time: the exits times the average of their reason, an estimate)\n",
	      out);
	if (w->hidden)
		fputs("(what the exits were about is for users with CAP_PERFMON)\n",
		      out);
}

/* The columns that all rows to be printed need. */
static void measure_columns(const struct who *w, unsigned int rows,
			    unsigned int *width)
{
	enum key keys[KEYS];
	unsigned int i, j, n = rows_keys(keys);
	size_t len;

	for (j = 0; j < n; j++) {
		width[keys[j]] = strlen(key_names[keys[j]]);
		for (i = 0; i < rows; i++) {
			len = strlen(w->row[i]->text[keys[j]]);
			if (len > width[keys[j]])
				width[keys[j]] = len;
		}
		if (width[keys[j]] > max_width[keys[j]])
			width[keys[j]] = max_width[keys[j]];
	}
}

static void print_cell(FILE *out, const char *s, unsigned int columns, bool last)
{
	char *text = fit_text(s, last ? 0 : columns);

	if (last && columns && strlen(text) > columns) {
		free(text);
		text = fit_text(s, columns);
	}
	fprintf(out, " %s", text);
	free(text);
}

static void print_numbers(FILE *out, const struct who *w, const struct who_row *r)
{
	char rate[32];

	snprintf(rate, sizeof(rate), "%.*f", r->exits / w->seconds < 100,
		 r->exits / w->seconds);
	fprintf(out, "%5.1f %% %8s", row_share(w, r), rate);
	if (isnan(r->seconds))
		fprintf(out, "       -");
	else
		fprintf(out, " %5.1f %%", 100 * r->seconds / w->seconds);
}

/**
 * who_print_text() - print a table, the rows that cost most first
 * @out: the output
 * @w: what to print
 */
void who_print_text(FILE *out, const struct who *w)
{
	unsigned int i, j, n, rows = w->nr_rows, left, all, width[KEYS];
	enum key keys[KEYS];
	u64 rest = 0;
	bool below;

	print_heading(out, w);
	if (rows > w->o->rows)
		rows = w->o->rows;
	measure_columns(w, rows, width);
	n = rows_keys(keys);
	all = width_of_output(out);
	left = 24;
	for (j = 0; j < n; j++)
		if (keys[j] != BY_CODE)
			left += width[keys[j]] + 1;
	/* On a narrow terminal the code has a line of its own. */
	below = all && all < left + MIN_CODE && rows_have(BY_CODE);
	if (all && rows_have(BY_CODE))
		width[BY_CODE] = below ? all - 9 : all - left - 1;

	fprintf(out, "%7s %8s %7s", "share", "exits/s", "time");
	for (j = 0; j < n; j++)
		if (keys[j] != BY_CODE || !below)
			print_cell(out, key_names[keys[j]], width[keys[j]],
				   j == n - 1);
	fputc('\n', out);
	for (i = 0; i < rows; i++) {
		print_numbers(out, w, w->row[i]);
		for (j = 0; j < n; j++)
			if (keys[j] != BY_CODE || !below)
				print_cell(out, w->row[i]->text[keys[j]],
					   width[keys[j]], j == n - 1);
		if (below) {
			fputs("\n       ", out);
			print_cell(out, w->row[i]->text[BY_CODE],
				   width[BY_CODE], true);
		}
		fputc('\n', out);
	}
	for (; i < w->nr_rows; i++)
		rest += w->row[i]->exits;
	if (rest)
		fprintf(out, "(%u more rows, %.1f %% of the exits: -n shows them)\n",
			w->nr_rows - rows, share(rest, w->exits));
}

static void print_json_row(FILE *out, const struct who *w,
			   const struct who_row *r)
{
	unsigned int i, j, n;
	enum key keys[KEYS];

	n = rows_keys(keys);
	fprintf(out, "{\"exits\": %llu, \"samples\": %llu", r->exits, r->samples);
	print_json_number(out, "exits_per_second", 3, r->exits / w->seconds);
	print_json_number(out, "seconds", 9, r->seconds);
	print_json_number(out, "share_percent", 3, row_share(w, r));
	for (i = 0; i < n; i++) {
		fprintf(out, ", \"%s\": ", key_names[keys[i]]);
		if (keys[i] != BY_CODE) {
			print_json_string(out, r->text[keys[i]]);
			continue;
		}
		fputc('[', out);
		for (j = 0; j < r->nr_code; j++) {
			fputs(j ? ", " : "", out);
			print_json_string(out, r->code[j]);
		}
		fputc(']', out);
	}
	fputc('}', out);
}

/**
 * who_print_json() - print an object, on one line
 * @out: the output
 * @w: what to print
 */
void who_print_json(FILE *out, const struct who *w)
{
	unsigned int i;

	fprintf(out, "{\"version\": %d", OUTPUT_VERSION);
	print_json_number(out, "exits", 0, w->exits);
	print_json_number(out, "samples", 0, w->samples);
	print_json_number(out, "lost_exits", 0, w->lost_exits);
	print_json_number(out, "lost_records", 0, w->lost_records);
	print_json_number(out, "period", 0, w->period);
	print_json_number(out, "duration_seconds", 3, w->seconds);
	print_json_number(out, "seconds", 9, w->time);
	print_json_number(out, "cost_percent", 3, w->cost);
	fputs(", \"rows\": [", out);
	for (i = 0; i < w->nr_rows; i++) {
		fputs(i ? ", " : "", out);
		print_json_row(out, w, w->row[i]);
	}
	fputs("]}\n", out);
}

/* The frames of a row from the outermost to the exit itself. */
static unsigned int stack_of(const struct who_row *r, const char **stack,
			     char exit[WHAT_LEN + NAME_LEN + 1])
{
	unsigned int i, n = 0;

	stack[n++] = r->text[BY_PROCESS];
	for (i = r->nr_code; i; i--)
		stack[n++] = r->code[i - 1];
	snprintf(exit, WHAT_LEN + NAME_LEN + 1, "%s%s%s", r->text[BY_REASON],
		 *r->text[BY_WHAT] ? " " : "", r->text[BY_WHAT]);
	stack[n++] = exit;
	return n;
}

#define MAX_STACK	(MAX_CHAIN + 2)

/**
 * who_print_folded() - print a line for each stack, for flame graphs
 * @out: the output
 * @w: what to print
 */
void who_print_folded(FILE *out, const struct who *w)
{
	char exit[WHAT_LEN + NAME_LEN + 1], *text, *c;
	const char *stack[MAX_STACK];
	unsigned int i, j, n;

	for (i = 0; i < w->nr_rows; i++) {
		n = stack_of(w->row[i], stack, exit);
		for (j = 0; j < n; j++) {
			text = fit_text(stack[j], 0);
			for (c = text; *c; c++)
				if (*c == ';')
					*c = ':';
			fprintf(out, "%s%s", j ? ";" : "", text);
			free(text);
		}
		fprintf(out, " %llu\n", w->row[i]->exits);
	}
}

/* A flame graph is a tree, in which a node is as wide as its exits. */
struct node {
	struct node *next;
	struct node *child;
	char *name;
	u64 exits;
};

static struct node *node_of(struct node *parent, const char *name)
{
	struct node **at = &parent->child, *n;

	/* In the order of the names: the graph is the same each time. */
	while (*at && strcmp((*at)->name, name) < 0)
		at = &(*at)->next;
	if (*at && !strcmp((*at)->name, name))
		return *at;
	n = calloc(1, sizeof(*n));
	if (!n)
		errx(failed, "no memory");
	n->name = strdup(name);
	if (!n->name)
		errx(failed, "no memory");
	n->next = *at;
	*at = n;
	return n;
}

static unsigned int depth_of(const struct node *n)
{
	unsigned int depth = 0, d;

	for (n = n->child; n; n = n->next) {
		d = 1 + depth_of(n);
		if (d > depth)
			depth = d;
	}
	return depth;
}

static void print_xml(FILE *out, const char *s, unsigned int columns)
{
	char *text = fit_text(s, 0), *c;
	bool cut = columns && strlen(text) > columns;

	/* Half a character would make the whole picture invalid. */
	if (cut) {
		free(text);
		text = fit_text(s, columns - 2);
	}
	for (c = text; *c; c++) {
		if (*c == '<')
			fputs("&lt;", out);
		else if (*c == '&')
			fputs("&amp;", out);
		else
			fputc(*c, out);
	}
	if (cut)
		fputs("..", out);
	free(text);
}

#define SVG_WIDTH	1200
#define SVG_HEIGHT	17	/* of a frame */
#define SVG_LETTER	7

static void print_node(FILE *out, const struct who *w, const struct node *n,
		       double x, unsigned int y)
{
	double width = (double)SVG_WIDTH * n->exits / w->exits;
	unsigned int shade = 0;
	const struct node *c;
	const char *s;

	if (width < 0.3)
		return;
	for (s = n->name; *s; s++)
		shade = shade * 31 + (unsigned char)*s;
	fprintf(out, "<g><title>");
	print_xml(out, n->name, 0);
	fprintf(out, ": %.0f exits/s, %.2f %%</title>", n->exits / w->seconds,
		share(n->exits, w->exits));
	fprintf(out, "<rect x=\"%.1f\" y=\"%u\" width=\"%.1f\" height=\"%d\"", x,
		y, width, SVG_HEIGHT - 1);
	fprintf(out, " rx=\"2\" fill=\"rgb(%u,%u,%u)\"/>", 205 + shade % 50,
		110 + shade / 50 % 100, 60 + shade / 5000 % 40);
	if (width > 4 * SVG_LETTER) {
		fprintf(out, "<text x=\"%.1f\" y=\"%u\">", x + 3,
			y + SVG_HEIGHT - 5);
		print_xml(out, n->name, (width - 6) / SVG_LETTER);
		fputs("</text>", out);
	}
	fputs("</g>\n", out);
	for (c = n->child; c; c = c->next) {
		print_node(out, w, c, x, y - SVG_HEIGHT);
		x += (double)SVG_WIDTH * c->exits / w->exits;
	}
}

/**
 * who_print_svg() - draw a flame graph
 * @out: the output
 * @w: what to draw
 *
 * A browser shows the exits of a frame when the mouse is on it.
 */
void who_print_svg(FILE *out, const struct who *w)
{
	char exit[WHAT_LEN + NAME_LEN + 1];
	struct node root = { .name = "all exits" }, *at;
	const char *stack[MAX_STACK];
	unsigned int i, j, n, height;

	for (i = 0; i < w->nr_rows; i++) {
		n = stack_of(w->row[i], stack, exit);
		root.exits += w->row[i]->exits;
		for (at = &root, j = 0; j < n; j++) {
			at = node_of(at, stack[j]);
			at->exits += w->row[i]->exits;
		}
	}
	height = (depth_of(&root) + 2) * SVG_HEIGHT + 20;
	fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%u\" font-family=\"monospace\" font-size=\"11\">\n",
		SVG_WIDTH, height);
	fprintf(out, "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n");
	fprintf(out, "<text x=\"3\" y=\"14\">%.0f exits/s, %llu samples in %.1f s</text>\n",
		w->exits / w->seconds, w->samples, w->seconds);
	if (w->exits)
		print_node(out, w, &root, 0, height - SVG_HEIGHT);
	fputs("</svg>\n", out);
}
