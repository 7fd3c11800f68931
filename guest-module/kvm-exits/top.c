// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-exits top: a live view, or blocks of it where there is no terminal.
 */
#include <ctype.h>
#include <curses.h>
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "program.h"

#define LINE_LEN	256
#define TITLE_LINES	4
#define KEY_ESCAPE	27

struct view {
	const char *file;
	u64 interval;	/* in ns */
	enum sort sort;
	enum count clock;
	char filter[NAME_LEN];
	bool typing;		/* the filter */
	bool paused;

	struct table first;	/* where "since start" begins */
	struct table then;
	struct table now;
	struct table last;	/* from then to now */
	struct table start;	/* from first to now */
	u64 read_exits;	/* what reading cost from first to now */
	bool same;		/* the counts did not begin anew in between */
};

/* False if the file cannot be read; v->now says why. */
static bool view_refresh(struct view *v)
{
	table_free(&v->then);
	v->then = v->now;
	v->now = (struct table) {};
	if (!table_read(&v->now, TABLE, v->file))
		return false;

	v->read_exits += v->then.exits_per_read;
	v->same = table_delta(&v->last, &v->then, &v->now,
			      v->then.exits_per_read);
	if (!v->same) {
		table_copy(&v->first, &v->now);
		v->read_exits = 0;
	}
	table_delta(&v->start, &v->first, &v->now, v->read_exits);
	if (!has(&v->last, v->clock))
		v->clock = CYCLES;
	return true;
}

static bool view_open(struct view *v)
{
	if (!table_read(&v->now, TABLE, v->file))
		return false;
	table_copy(&v->first, &v->now);
	return true;
}

static void view_close(struct view *v)
{
	table_free(&v->first);
	table_free(&v->then);
	table_free(&v->now);
	table_free(&v->last);
	table_free(&v->start);
}

static bool matches(const struct view *v, const char *name)
{
	return strcasestr(name, v->filter);
}

static void format_title(char line[LINE_LEN], const struct view *v,
			 unsigned int nr)
{
	const struct table *t = &v->last;
	const char *average = t->tsc_khz ? "average" : "cycles";
	char buf[VALUE_LEN];

	switch (nr) {
	case 0:
		snprintf(line, LINE_LEN, "kvm-exits: %s, generation %u, time %s, by %s%s%s%s",
			 t->vendor, t->generation,
			 v->clock == STOPPED ? "stopped" : "in KVM",
			 sort_names[v->sort], *v->filter ? ", only " : "", v->filter,
			 v->paused ? " [paused]" : "");
		break;
	case 1:
		if (!v->same) {
			snprintf(line, LINE_LEN, "the counts began anew");
			break;
		}
		format_summary(line, LINE_LEN, t);
		break;
	case 2:
		snprintf(buf, sizeof(buf), "since start, %.1f s",
			 v->start.ns / 1e9);
		snprintf(line, LINE_LEN, "%51s%28s", "since the last refresh", buf);
		break;
	case 3:
		snprintf(line, LINE_LEN, "%-25s%10s%7s%9s%12s%7s%9s", "reason",
			 "exits/s", "time%", average, "exits", "time%",
			 average);
		break;
	}
}

static void format_row(char line[LINE_LEN], const struct view *v,
		       const struct row *last, const struct row *start)
{
	char last_average[VALUE_LEN], start_average[VALUE_LEN];
	const struct table *t = &v->last;
	enum count c = v->clock;

	format_time(last_average, row_average(last, c), t->tsc_khz);
	format_time(start_average, row_average(start, c), t->tsc_khz);
	snprintf(line, LINE_LEN, "%-25s%10.1f%7.2f%9s%12llu%7.2f%9s",
		 last->name, 1e9 * last->count[EXITS] / t->ns,
		 share(last->count[c], t->total.count[c]), last_average,
		 start->count[EXITS],
		 share(start->count[c], v->start.total.count[c]),
		 start_average);
}

/* The next line to show; NULL behind the last one. */
static const char *next_row(char line[LINE_LEN], const struct view *v,
			    unsigned int *i)
{
	const struct row *last, *start;

	while (*i < v->last.nr_rows) {
		last = &v->last.rows[(*i)++];
		start = table_row(&v->start, last->reason);
		if (!start->count[EXITS] || !matches(v, last->name))
			continue;
		format_row(line, v, last, start);
		return line;
	}
	return NULL;
}

static void print_block(struct view *v)
{
	char line[LINE_LEN];
	unsigned int i;

	table_sort(&v->last, v->sort, v->clock, &v->start);
	for (i = 0; i < TITLE_LINES; i++) {
		format_title(line, v, i);
		puts(line);
	}
	i = 0;
	while (next_row(line, v, &i))
		puts(line);
	putchar('\n');
	finish(stdout);
}

static void draw(struct view *v)
{
	static const char keys[] =
"q quit  p pause  / filter  c clock  sort by: t time  e exits  a average  n name";
	char line[LINE_LEN];
	unsigned int i;
	int y, more = 0;

	erase();
	if (!v->last.nr_rows) {
		mvaddstr(0, 0, "kvm-exits: counting...");
		refresh();
		return;
	}

	table_sort(&v->last, v->sort, v->clock, &v->start);
	for (y = 0; y < TITLE_LINES; y++) {
		format_title(line, v, y);
		mvaddnstr(y, 0, line, COLS);
	}
	mvchgat(TITLE_LINES - 1, 0, -1, A_REVERSE, 0, NULL);

	i = 0;
	while (next_row(line, v, &i)) {
		if (y < LINES - 2)
			mvaddnstr(y++, 0, line, COLS);
		else
			more++;
	}
	if (more)
		mvprintw(LINES - 2, 0, "%d more", more);

	if (v->typing)
		mvprintw(LINES - 1, 0, "only reasons with: %s", v->filter);
	else
		mvaddnstr(LINES - 1, 0, keys, COLS);
	refresh();
}

static void type(struct view *v, int key)
{
	size_t len = strlen(v->filter);

	switch (key) {
	case '\n':
	case KEY_ENTER:
		v->typing = false;
		break;
	case KEY_ESCAPE:
		v->typing = false;
		*v->filter = '\0';
		break;
	case KEY_BACKSPACE:
	case '\b':
	case 0x7f:
		if (len)
			v->filter[len - 1] = '\0';
		break;
	default:
		if (len < NAME_LEN - 1 && key < 0x80 &&
		    (isalnum(key) || key == '_')) {
			v->filter[len] = key;
			v->filter[len + 1] = '\0';
		}
	}
}

/* False to quit. */
static bool handle_key(struct view *v, int key)
{
	if (v->typing) {
		type(v, key);
		return true;
	}

	switch (key) {
	case 'q':
		return false;
	case 'p':
	case ' ':
		v->paused = !v->paused;
		break;
	case '/':
		v->typing = true;
		*v->filter = '\0';
		break;
	case 't':
		v->sort = SORT_TIME;
		break;
	case 'e':
		v->sort = SORT_EXITS;
		break;
	case 'a':
		v->sort = SORT_AVERAGE;
		break;
	case 'n':
		v->sort = SORT_NAME;
		break;
	case 'c':
		v->clock = v->clock == CYCLES && has(&v->last, STOPPED) ?
			   STOPPED : CYCLES;
		break;
	}
	return true;
}

/* Serve the keys until it is time to refresh; false to quit. */
static bool serve_keys(struct view *v, u64 until)
{
	u64 now;
	int key;

	for (now = now_ns(); now < until; now = now_ns()) {
		draw(v);
		timeout((until - now + 999999) / 1000000);
		key = getch();
		if (key != ERR && !handle_key(v, key))
			return false;
	}
	return true;
}

static void sleep_until(u64 until)
{
	struct timespec ts = {
		.tv_sec = until / 1000000000,
		.tv_nsec = until % 1000000000,
	};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL))
		;
}

static bool start_screen(void)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) ||
	    !newterm(NULL, stdout, stdin))
		return false;
	cbreak();
	noecho();
	curs_set(0);
	keypad(stdscr, TRUE);
	set_escdelay(25);
	return true;
}

int cmd_top(const struct options *o)
{
	struct view v = {
		.file = o->file,
		.interval = o->interval,
		.sort = o->sort,
		.clock = CYCLES,
		.same = true,
	};
	unsigned long n;
	bool screen, ok;
	u64 next;

	/* Programs want intervals, and stat has them. */
	if (o->format != TEXT)
		return cmd_stat(o);

	ok = view_open(&v);
	if (!ok)
		errx(failed, "%s", v.now.error);
	next = v.now.ns;
	screen = start_screen();

	for (n = 0; ok && (!o->count || n < o->count);) {
		next = interval_end(next, v.interval);
		if (screen && !serve_keys(&v, next))
			break;
		if (!screen)
			sleep_until(next);
		if (v.paused)
			continue;
		ok = view_refresh(&v);
		if (ok && !screen)
			print_block(&v);
		n++;
	}

	if (screen)
		endwin();
	if (!ok)
		errx(failed, "%s", v.now.error);
	view_close(&v);
	return EXIT_SUCCESS;
}
