// SPDX-License-Identifier: GPL-2.0-only
/*
 * Descriptions of terminals.  The static program contains the descriptions of the usual
 * terminals, because a small guest has no terminfo.
 */
#include <curses.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Before term.h, which defines many short words as macros. */
#include "program.h"
#include <term.h>

/* In the form that ncurses takes from the environment: see terminfo(5). */
static const struct {
	const char *name;
	const char *description;
} terminals[] = {
#ifdef TERMINALS
#include TERMINALS
#endif
	{}
};

/*
 * If the system does not know the terminal, look for it in the program.  Returns
 * false for a terminal that has lines alone, such as that of an editor.
 */
bool terminal_find(void)
{
	bool has_screen;
	const char *name = getenv("TERM");
	unsigned int i;
	int error;

	if (!name)
		return true;
	if (setupterm(NULL, STDOUT_FILENO, &error) == OK) {
		has_screen = cursor_address;
		del_curterm(cur_term);
		return has_screen;
	}
	for (i = 0; terminals[i].name; i++)
		if (!strcmp(name, terminals[i].name))
			setenv("TERMINFO", terminals[i].description, 1);
	return true;
}
