// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-exits vms on a terminal: a live list, with a way into one VM.
 */
#include <curses.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vms.h"

/* The process of the VM at the cursor.  The line of a VM can change. */
static pid_t selected;

static unsigned int selected_vm(void)
{
	unsigned int i;

	for (i = 0; i < nr_vms; i++)
		if (vms[i].pid == selected)
			return i;
	return 0;
}

static void draw_vms(const char *wrong)
{
	static const char keys[] =
"q quit  Enter this VM  sort: e exits  c cpu%  n name  p pid  R reverse";
	unsigned int i, y = 2, here = selected_vm();
	unsigned int page = LINES > 5 ? LINES - 4 : 1;
	char wall[TIME_LEN], line[256], *text;

	erase();
	mvprintw(0, 0, "kvm-exits: %u VMs, %s", nr_vms,
		 format_wall(wall, wall_ns()));
	mvaddnstr(1, 0, format_vm_heading(line, sizeof(line)), COLS);
	mvchgat(1, 0, -1, A_REVERSE, 0, NULL);
	for (i = here < page ? 0 : here - page + 1;
	     i < nr_vms && y < 2 + page; i++, y++) {
		/* A new VM has no counts before the end of its first interval. */
		if (vms[i].counted)
			format_vm(line, sizeof(line), &vms[i]);
		else
			snprintf(line, sizeof(line), "%8d", vms[i].pid);
		text = fit_text(line, COLS);
		mvaddstr(y, 0, text);
		free(text);
		if (i == here)
			mvchgat(y, 0, -1, A_BOLD | A_UNDERLINE, 0, NULL);
	}
	mvaddnstr(LINES - 1, 0, wrong ?: keys, COLS);
	refresh();
}

/* Show one VM in a process of its own, as if it had been started by hand. */
static void enter_vm(const struct options *o)
{
	struct options one = *o;
	char which[16];
	pid_t pid;

	snprintf(which, sizeof(which), "%d", vms[selected_vm()].pid);
	endwin();
	fflush(stdout);
	pid = fork();
	if (!pid) {
		one.vm = which;
		source_choose(&one, true);
		exit(cmd_top(&one));
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	clearok(stdscr, TRUE);
}

static void select_vm(int by)
{
	int next = (int)selected_vm() + by;

	if (nr_vms && next >= 0 && next < (int)nr_vms)
		selected = vms[next].pid;
}

/* False to quit. */
static bool handle_key(const struct options *o, int key)
{
	switch (key) {
	case 'q':
		return false;
	case 'e':
		vm_order = BY_RATE;
		break;
	case 'c':
		vm_order = BY_CPU;
		break;
	case 'n':
		vm_order = BY_NAME;
		break;
	case 'p':
		vm_order = BY_PID;
		break;
	case 'R':
		vm_reverse = !vm_reverse;
		break;
	case KEY_UP:
	case KEY_DOWN:
		select_vm(key == KEY_UP ? -1 : 1);
		break;
	case '\n':
	case KEY_ENTER:
		if (nr_vms)
			enter_vm(o);
		break;
	}
	sort_vms(o);
	return true;
}

/* The list on an open screen, until a key or a signal ends it. */
int vms_screen(const struct options *o)
{
	u64 until = now_ns();
	const char *wrong = NULL;
	int key;

	sort_vms(o);
	selected = nr_vms ? vms[0].pid : 0;
	for (;;) {
		until = interval_end(until, o->interval);
		do {
			draw_vms(wrong);
			if (!screen_wait(until))
				goto end;
			while ((key = getch()) != ERR)
				if (!handle_key(o, key))
					goto end;
		} while (now_ns() < until);
		wrong = read_vms(o);
		sort_vms(o);
	}
end:
	endwin();
	return EXIT_SUCCESS;
}
