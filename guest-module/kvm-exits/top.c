// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-exits top: a live view, or blocks of it where there is no terminal.
 */
#include <ctype.h>
#include <curses.h>
#include <err.h>
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "program.h"

#define LINE_LEN	300
#define TITLE_LINES	4
#define KEY_ESCAPE	27
#define MIN_INTERVAL	(NSEC / 10)
#define MAX_INTERVAL	(3600 * NSEC)
#define HOT		50	/* percent of the time */
#define WARM		10

enum colour { PLAIN, COLOUR_HOT, COLOUR_WARM };

struct view {
	const struct options *o;
	u64 interval;		/* in ns */
	enum sort sort;
	enum sort process_sort;	/* SORT_EXITS or SORT_NAME */
	enum count clock;
	char filter[FILTER_LEN];	/* as it is typed */
	regex_t regex;		/* of @filter, if it is a valid expression */
	bool has_regex;
	char wrong[WHY_LEN];	/* why it is not valid, or empty */
	char message[80];	/* about the last key, or empty */
	bool typing;		/* the filter */
	bool paused;
	bool reverse;
	bool help;
	bool by_process;	/* or by CPU */
	bool by_cpu;
	bool by_history;	/* bars instead of the counts since start */
	bool colours;
	unsigned int scroll;	/* the number of lines above the screen */

	struct table first;	/* the read at which "since start" begins */
	struct table then;	/* the good read before @now */
	struct table now;	/* the last good read */
	struct table last;	/* from then to now */
	struct table start;	/* from first to now */
	u64 read_exits;		/* the exits of reading from first to now */
	bool same;		/* no reset between the two reads */
	char gap[256];		/* why the last read failed, or empty */

	struct history *history;
	struct processes *processes;
	const char *no_processes;	/* why @processes is NULL */
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	stopped = signal;
	run_end();
}

/* A read that fails is a gap.  The next difference includes it. */
static void view_refresh(struct view *v)
{
	struct table t = {};
	char *text;

	if (!source_read(v->o, &t)) {
		text = fit_text(t.error, 0);
		strcpy(v->gap, text);
		free(text);
		table_free(&t);
		history_add(v->history, NULL);
		return;
	}
	*v->gap = '\0';
	table_free(&v->then);
	v->then = v->now;
	v->now = t;

	v->read_exits += v->then.exits_per_read;
	v->same = table_delta(&v->last, &v->then, &v->now,
			      v->then.exits_per_read);
	history_add(v->history, v->same ? &v->last : NULL);
	if (!v->same) {
		table_copy(&v->first, &v->now);
		v->read_exits = 0;
	}
	table_delta(&v->start, &v->first, &v->now, v->read_exits);
	if (!has(&v->last, v->clock) || v->clock == EXITS)
		v->clock = table_clock(&v->last);
	if (v->processes)
		processes_refresh(v->processes);
}

static void view_reset(struct view *v)
{
	table_copy(&v->first, &v->now);
	v->read_exits = 0;
	table_delta(&v->start, &v->first, &v->now, 0);
}

static void view_close(struct view *v)
{
	table_free(&v->first);
	table_free(&v->then);
	table_free(&v->now);
	table_free(&v->last);
	table_free(&v->start);
	history_close(v->history);
	if (v->processes)
		processes_close(v->processes);
	if (v->has_regex)
		regfree(&v->regex);
}

/* An expression that is wrong or incomplete shows all. */
static bool matches(const struct view *v, const char *name)
{
	return !v->has_regex || !regexec(&v->regex, name, 0, NULL, 0);
}

static void set_filter(struct view *v)
{
	if (v->has_regex)
		regfree(&v->regex);
	*v->wrong = '\0';
	v->has_regex = *v->filter &&
		       filter_compile(&v->regex, v->filter, v->wrong);
	v->scroll = 0;
}

static void show_processes(struct view *v, bool on, bool cpus)
{
	v->by_process = on;
	v->by_cpu = on && cpus;
	v->scroll = 0;
	if (v->processes)
		processes_close(v->processes);
	v->processes = on ? processes_open(cpus, &v->no_processes) : NULL;
}

static const char *list_name(const struct view *v)
{
	return v->by_cpu ? "CPU" : "process";
}

static void format_columns(char line[LINE_LEN], const struct view *v)
{
	const struct table *t = &v->last;
	const char *average = t->tsc_khz ? "average" : "cycles";
	int n;

	if (v->by_process) {
		snprintf(line, LINE_LEN, "%8s  %-20s%12s%14s",
			 v->by_cpu ? "" : "pid", list_name(v), "exits/s",
			 "exits");
		return;
	}
	n = snprintf(line, LINE_LEN, "%-25s%10s%7s%7s%9s", "reason", "exits/s",
		     "time%", t->tsc_khz ? "cpu%" : "", average);
	if (v->by_history)
		snprintf(line + n, LINE_LEN - n, "%12s  history", "max/s");
	else if (v->o->percentiles)
		snprintf(line + n, LINE_LEN - n, "%7s%7s%7s", "p50", "p99",
			 "p99.9");
	else
		snprintf(line + n, LINE_LEN - n, "%12s%8s", "exits", "time%");
}

static void format_title(char line[LINE_LEN], const struct view *v,
			 unsigned int nr)
{
	char buf[VALUE_LEN], wall[TIME_LEN];

	switch (nr) {
	case 0:
		snprintf(line, LINE_LEN,
			 "kvm-exits: %s, %s, time %s, by %s%s%s%s%s",
			 v->now.vendor, format_origin(buf, &v->now),
			 v->clock == STOPPED ? "stopped" :
			 v->clock == CYCLES ? "in KVM" : "unknown",
			 sort_names[v->by_process ? v->process_sort : v->sort],
			 v->reverse ? " reversed" : "",
			 *v->filter ? ", only " : "", v->filter,
			 v->paused ? " [paused]" : "");
		break;
	case 1:
		if (*v->gap)
			snprintf(line, LINE_LEN, "gap: %s", v->gap);
		else if (!v->same)
			snprintf(line, LINE_LEN, "the counts were reset");
		else
			format_summary(line, LINE_LEN, &v->last);
		break;
	case 2:
		snprintf(buf, sizeof(buf), "since start, %.1f s",
			 v->start.ns / 1e9);
		snprintf(line, LINE_LEN, "%-29s%29s%20s",
			 format_wall(wall, v->now.wall_ns),
			 "since the last refresh",
			 v->by_history && !v->by_process ? "the newest last" :
			 !v->o->percentiles || v->by_process ? buf :
			 v->now.nr_buckets ? "" : "no histograms");
		break;
	case 3:
		format_columns(line, v);
		break;
	}
}

/* The row's share of the time that the view shows: in KVM, or stopped. */
static double known_share(const struct view *v, const struct table *t,
			  const struct row *r)
{
	return v->clock == EXITS ? NAN :
	       share(r->count[v->clock], t->total.count[v->clock]);
}

#define HISTORY_COLUMN	72

/* The largest of the reason's rates that are drawn, and their bars. */
static void format_history(char *line, size_t size, const struct view *v,
			   u32 reason)
{
	char bars[3 * HISTORY + 4];
	double most;

	most = history_draw(bars, sizeof(bars), v->history, reason,
			    COLS - HISTORY_COLUMN > 0 ? COLS - HISTORY_COLUMN : 1);
	snprintf(line, size, "%12.1f  %s", most, bars);
}

static void format_row(char line[LINE_LEN], const struct view *v,
		       const struct row *last, const struct row *start)
{
	const struct table *t = &v->last;
	char buf[VALUE_LEN];
	enum count c = v->clock, p;
	int n;

	n = snprintf(line, LINE_LEN, "%-25s%10.1f%7s", last->name,
		     row_rate(t, last),
		     format_number(buf, 2, known_share(v, &v->last, last)));
	n += snprintf(line + n, LINE_LEN - n, "%7s", !t->tsc_khz ? "" :
		      format_number(buf, 2, c == EXITS ? NAN :
				    cpu_share(t, last->count[c])));
	n += snprintf(line + n, LINE_LEN - n, "%9s", c == EXITS ? "-" :
		      format_time(buf, row_average(last, c), t->tsc_khz));
	if (v->by_history) {
		format_history(line + n, LINE_LEN - n, v, last->reason);
		return;
	}
	if (v->o->percentiles) {
		for (p = P50; p <= P999; p++)
			n += snprintf(line + n, LINE_LEN - n, "%7s",
				      format_short(buf, has(t, p) ?
						   last->count[p] : UNKNOWN,
						   t->tsc_khz));
		return;
	}
	snprintf(line + n, LINE_LEN - n, "%12llu%8s", start->count[EXITS],
		 format_number(buf, 2, known_share(v, &v->start, start)));
}

static enum colour row_colour(const struct view *v, const struct row *r)
{
	double percent = known_share(v, &v->last, r);

	return percent >= HOT ? COLOUR_HOT : percent >= WARM ? COLOUR_WARM :
	       PLAIN;
}

/* The line of one reason; false if it is not shown. */
static bool reason_line(char line[LINE_LEN], const struct view *v,
			unsigned int i, enum colour *colour)
{
	const struct row *last, *start;

	last = &v->last.rows[v->reverse ? v->last.nr_rows - 1 - i : i];
	start = table_row(&v->start, last->reason);
	if (!start || !matches(v, last->name))
		return false;
	/* After a reset @last is no difference. */
	if (!start->count[EXITS] && !(v->same && last->count[EXITS]))
		return false;
	format_row(line, v, last, start);
	*colour = row_colour(v, last);
	return true;
}

static bool process_line(char line[LINE_LEN], const struct view *v,
			 unsigned int i)
{
	const struct process *list;
	unsigned int nr, left_out;
	int n;

	nr = processes_list(v->processes, &list, &left_out);
	list += v->reverse ? nr - 1 - i : i;
	if (!list->start || !matches(v, list->name))
		return false;
	n = v->by_cpu ? snprintf(line, LINE_LEN, "%10s", "") :
			snprintf(line, LINE_LEN, "%8d  ", list->pid);
	snprintf(line + n, LINE_LEN - n, "%-20s%12.1f%14llu", list->name,
		 1e9 * list->last / v->last.ns, list->start);
	return true;
}

/* The next line to show; false after the last line. */
static bool next_line(char line[LINE_LEN], const struct view *v,
		      unsigned int *i, enum colour *colour)
{
	const struct process *list;
	unsigned int nr, left_out = 0;

	*colour = PLAIN;
	if (!v->by_process) {
		while (*i < v->last.nr_rows)
			if (reason_line(line, v, (*i)++, colour))
				return true;
		return false;
	}
	if (!v->processes) {
		snprintf(line, LINE_LEN, "no view by %s: %s", list_name(v),
			 v->no_processes);
		return !(*i)++;
	}
	nr = processes_list(v->processes, &list, &left_out);
	while (*i < nr)
		if (process_line(line, v, (*i)++))
			return true;
	snprintf(line, LINE_LEN, "(%u tasks are not counted)", left_out);
	return left_out && (*i)++ == nr;
}

static void sort_lines(struct view *v)
{
	table_sort(&v->last, v->sort, v->clock, &v->start);
	if (v->processes)
		processes_sort(v->processes, v->process_sort);
}

static const char nothing_matches[] = "(nothing that occurred matches)";

static void print_block(struct view *v)
{
	char line[LINE_LEN];
	enum colour colour;
	unsigned int i;
	bool shown = false;

	sort_lines(v);
	for (i = 0; i < TITLE_LINES; i++) {
		format_title(line, v, i);
		puts(line);
	}
	i = 0;
	while (next_line(line, v, &i, &colour)) {
		puts(line);
		shown = true;
	}
	if (!shown && v->has_regex)
		puts(nothing_matches);
	putchar('\n');
	finish(stdout);
}

static const char * const help[] = {
	"q, ^C           quit",
	"h, ?            this help; any key leaves it",
	"p, Space        pause, and go on",
	"Enter           who causes the exits that are shown: kvm-exits who, for 5 s",
	"/               filter by an expression; Enter keeps it, Escape removes it",
	"t, e, a, n      sort by time, exits, average time, name",
	"R               reverse the order",
	"c               the other clock: time in KVM, or time stopped",
	"g               the rates of the last intervals as bars, or the counts",
	"P               by process, or by reason",
	"C               by CPU, or by reason",
	"r               let \"since start\" begin now",
	"+, -            a longer or a shorter interval",
	"Up, Down, PgUp, PgDn, Home, End    scroll",
};

/* Do not scroll beyond the last page, which is full if there are enough lines. */
static void limit_scroll(struct view *v)
{
	int page = LINES - TITLE_LINES - 2;
	char line[LINE_LEN];
	enum colour colour;
	unsigned int i = 0;
	int lines = 0;

	while (next_line(line, v, &i, &colour))
		lines++;
	if (page < 1)
		page = 1;
	if (v->scroll + page > (unsigned int)lines)
		v->scroll = lines > page ? lines - page : 0;
}

static void draw_help(void)
{
	unsigned int i;

	erase();
	for (i = 0; i < ARRAY_SIZE(help); i++)
		mvaddnstr(i, 0, help[i], COLS);
	refresh();
}

static void draw(struct view *v)
{
	static const char keys[] =
"q quit  h help  p pause  / filter  sort: t time  e exits  a average  n name";
	char line[LINE_LEN];
	enum colour colour;
	unsigned int i, skipped = 0;
	int y, more = 0;
	char *text;

	if (v->help) {
		draw_help();
		return;
	}
	erase();
	if (!v->last.ns && !*v->gap) {
		mvaddstr(0, 0, "kvm-exits: counting...");
		refresh();
		return;
	}

	sort_lines(v);
	limit_scroll(v);
	for (y = 0; y < TITLE_LINES; y++) {
		format_title(line, v, y);
		mvaddnstr(y, 0, line, COLS);
	}
	mvchgat(TITLE_LINES - 1, 0, -1, A_REVERSE, 0, NULL);

	i = 0;
	while (next_line(line, v, &i, &colour)) {
		if (skipped < v->scroll) {
			skipped++;
			continue;
		}
		if (y >= LINES - 2) {
			more++;
			continue;
		}
		if (v->colours && colour)
			attron(COLOR_PAIR(colour));
		text = fit_text(line, COLS);
		mvaddstr(y++, 0, text);
		free(text);
		if (v->colours && colour)
			attroff(COLOR_PAIR(colour));
	}
	if (!skipped && y == TITLE_LINES && v->has_regex)
		mvaddnstr(y, 0, nothing_matches, COLS);
	if (more || skipped)
		mvprintw(LINES - 2, 0, skipped ? "%d more, %u above" : "%d more",
			 more, skipped);

	if (v->typing)
		mvprintw(LINES - 1, 0, "only names that match: %s%s%s",
			 v->filter, *v->wrong ? "   " : "", v->wrong);
	else if (*v->message)
		mvaddnstr(LINES - 1, 0, v->message, COLS);
	else if (*v->wrong)
		mvprintw(LINES - 1, 0, "all are shown: %s: %s", v->filter,
			 v->wrong);
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
		if (len < FILTER_LEN - 1 && key < 0x80 && isgraph(key)) {
			v->filter[len] = key;
			v->filter[len + 1] = '\0';
		}
	}
	set_filter(v);
}

static void scroll_by(struct view *v, int lines)
{
	if (lines < 0 && v->scroll < (unsigned int)-lines)
		v->scroll = 0;
	else
		v->scroll += lines;
	limit_scroll(v);
}

static void say(struct view *v, const char *message)
{
	snprintf(v->message, sizeof(v->message), "%s", message);
}

static void change_interval(struct view *v, u64 ns)
{
	if (ns < MIN_INTERVAL)
		say(v, "the shortest interval is 0.1 s");
	else if (ns > MAX_INTERVAL)
		say(v, "the longest interval is 3600 s");
	else
		v->interval = ns;
	if (v->interval == ns)
		snprintf(v->message, sizeof(v->message),
			 "the interval is %.3g s", ns / 1e9);
}

static void change_sort(struct view *v, enum sort key)
{
	if (!v->by_process)
		v->sort = key;
	else if (key == SORT_EXITS || key == SORT_NAME)
		v->process_sort = key;
	else
		snprintf(v->message, sizeof(v->message),
			 "the time by %s is unknown: e sorts by exits, n by name",
			 list_name(v));
}

static void change_clock(struct view *v)
{
	if (has(&v->last, CYCLES) && has(&v->last, STOPPED))
		v->clock = v->clock == CYCLES ? STOPPED : CYCLES;
	else
		say(v, "the host does not measure the other time");
}

/* Run "kvm-exits who" in place of the screen; false on failure. */
static bool run_who(const struct view *v)
{
	sigset_t none;
	pid_t child;
	int status;

	child = fork();
	if (!child) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		execl("/proc/self/exe", "kvm-exits", "who", "-I", "5s",
		      v->has_regex ? "-f" : NULL, v->filter, NULL);
		_exit(1);
	}
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return child > 0;
}

/* Show who causes the exits that are on the screen. */
static void show_who(struct view *v)
{
	if (!v->o->live || v->by_process) {
		strcpy(v->message, "Enter: who causes the exits of this guest's reasons");
		return;
	}
	def_prog_mode();
	endwin();
	puts("kvm-exits who, for 5 s; ^C ends it sooner");
	if (!run_who(v))
		warn("cannot run kvm-exits who");
	puts("Enter: back to the live view");
	stopped = 0;
	while (!stopped && getchar() != '\n' && !feof(stdin))
		;
	reset_prog_mode();
	refresh();
}

/* False to quit. */
static bool handle_key(struct view *v, int key)
{
	int page = LINES - TITLE_LINES - 2;

	*v->message = '\0';
	if (v->typing) {
		type(v, key);
		return true;
	}
	if (v->help) {
		v->help = false;
		return key != 'q';
	}

	switch (key) {
	case 'q':
		return false;
	case 'h':
	case '?':
		v->help = true;
		break;
	case 'p':
	case ' ':
		v->paused = !v->paused;
		break;
	case '\n':
	case KEY_ENTER:
		show_who(v);
		break;
	case '/':
		v->typing = true;
		*v->filter = '\0';
		set_filter(v);
		break;
	case 't':
		change_sort(v, SORT_TIME);
		break;
	case 'e':
		change_sort(v, SORT_EXITS);
		break;
	case 'a':
		change_sort(v, SORT_AVERAGE);
		break;
	case 'n':
		change_sort(v, SORT_NAME);
		break;
	case 'R':
		v->reverse = !v->reverse;
		break;
	case 'r':
		view_reset(v);
		break;
	case 'g':
		v->by_history = !v->by_history;
		break;
	case 'P':
		show_processes(v, !v->by_process || v->by_cpu, false);
		break;
	case 'C':
		show_processes(v, !v->by_cpu, true);
		break;
	case '+':
		change_interval(v, 2 * v->interval);
		break;
	case '-':
		change_interval(v, v->interval / 2);
		break;
	case 'c':
		change_clock(v);
		break;
	case KEY_UP:
	case KEY_DOWN:
		scroll_by(v, key == KEY_UP ? -1 : 1);
		break;
	case KEY_PPAGE:
	case KEY_NPAGE:
		scroll_by(v, key == KEY_PPAGE ? -page : page);
		break;
	case KEY_HOME:
		v->scroll = 0;
		break;
	case KEY_END:
		scroll_by(v, INT_MAX / 2);
		break;
	}
	return true;
}

/* Without its terminal the descriptor is always ready and has no bytes. */
static bool terminal_is_gone(const struct pollfd *p)
{
	int bytes = 0;

	return p->revents & (POLLHUP | POLLERR | POLLNVAL) ||
	       (p->revents & POLLIN && !ioctl(p->fd, FIONREAD, &bytes) &&
		!bytes);
}

/* Wait for a key until @until; false to quit. */
bool screen_wait(u64 until)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	u64 now = now_ns();

	if (stopped)
		return false;
	if (poll(&p, 1, now < until ? (until - now + 999999) / 1000000 : 0) < 0)
		p.revents = 0;
	timeout(0);
	return !stopped && !terminal_is_gone(&p);
}

/* Serve the keys until it is time to refresh; false to quit. */
static bool serve_keys(struct view *v, u64 *until)
{
	u64 interval = v->interval;
	int key;

	while (now_ns() < *until && !stopped) {
		draw(v);
		if (!screen_wait(*until))
			return false;
		while ((key = getch()) != ERR)
			if (!handle_key(v, key))
				return false;
		if (v->interval != interval) {
			*until = *until - interval + v->interval;
			interval = v->interval;
		}
	}
	return !stopped;
}

static void sleep_until(u64 until)
{
	struct timespec ts = {
		.tv_sec = until / NSEC,
		.tv_nsec = until % NSEC,
	};

	while (!stopped &&
	       clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL))
		;
}

static void start_colours(struct view *v)
{
	const char *no_color = getenv("NO_COLOR");

	if ((no_color && *no_color) || !has_colors())
		return;
	start_color();
	use_default_colors();
	init_pair(COLOUR_HOT, COLOR_RED, -1);
	init_pair(COLOUR_WARM, COLOR_YELLOW, -1);
	v->colours = true;
}

/* Call this after newterm(), whose own handlers end the program with status 1. */
static void catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction sa = { .sa_handler = stop }, old;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(signals); i++)
		if (!sigaction(signals[i], NULL, &old) &&
		    old.sa_handler != SIG_IGN)
			sigaction(signals[i], &sa, NULL);
}

/* Begin to use the whole terminal; false if there is none. */
bool screen_open(void)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return false;
	if (!terminal_find() || !newterm(NULL, stdout, stdin))
		return false;
	cbreak();
	noecho();
	curs_set(0);
	keypad(stdscr, TRUE);
	set_escdelay(25);
	catch_signals();
	return true;
}

int cmd_top(const struct options *o)
{
	struct view v = {
		.o = o,
		.interval = o->interval,
		.sort = o->sort,
		.process_sort = o->sort == SORT_NAME ? SORT_NAME : SORT_EXITS,
		.clock = EXITS,	/* until a table shows what it has */
		.same = true,
	};
	unsigned long n;
	bool screen;
	u64 next;

	/* JSON and CSV are the intervals of stat. */
	if (o->format != TEXT)
		return cmd_stat(o);

	v.history = history_open();
	source_read_or_die(o, &v.now);
	source_need_changes(o, &v.now);
	table_copy(&v.first, &v.now);
	if (o->processes)
		show_processes(&v, true, o->per_cpu);
	if (o->filter) {
		strcpy(v.filter, o->filter_text);
		set_filter(&v);
	}
	next = v.now.ns;
	screen = screen_open();
	if (screen)
		start_colours(&v);
	else
		catch_signals();

	for (n = 0; !stopped && (!o->count || n < o->count);) {
		next = interval_end(next, v.interval);
		if (screen && !serve_keys(&v, &next))
			break;
		if (!screen && !o->source->has_next)
			sleep_until(next);
		if (v.paused || stopped)
			continue;
		if (o->source->has_next && !o->source->has_next()) {
			if (!screen)
				break;
			v.paused = true;
			say(&v, "the record ends here");
			continue;
		}
		view_refresh(&v);
		if (!screen)
			print_block(&v);
		n++;
	}

	if (screen)
		endwin();
	view_close(&v);
	return EXIT_SUCCESS;
}
