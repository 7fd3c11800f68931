/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A parser of the table of exits, independent of the code that prints the table.
 */
#ifndef _TABLE_H
#define _TABLE_H

#include <asm/kvm_vmexit.h>

#include "system.h"

#define FILE_NAME	"/proc/kvm_exits"
#define MAX_REASONS	256
#define COLUMNS		7	/* columns of numbers, at most */

enum column { EXITS, CYCLES, STOPPED, MAX, P50, P99, P999 };

struct row {
	char name[32];
	__u32 reason;
	__u64 value[COLUMNS];	/* in the order of enum column */
};

struct table {
	char vendor[8];
	unsigned int version;
	unsigned int tsc_khz;
	unsigned int generation;
	unsigned int exits_per_read;
	int columns;
	int rows;
	struct row total;
	struct row row[MAX_REASONS];
};

static inline struct row *row_of(struct table *t, __u32 reason)
{
	int i;

	for (i = 0; i < t->rows; i++)
		if (t->row[i].reason == reason)
			return &t->row[i];
	return NULL;
}

static inline __u64 exits_of(struct table *t, __u32 reason)
{
	struct row *r = row_of(t, reason);

	return r ? r->value[EXITS] : 0;
}

/* Rows with exits. */
static inline unsigned int rows_used(struct table *t)
{
	unsigned int n = 0;
	int i;

	for (i = 0; i < t->rows; i++)
		n += !!t->row[i].value[EXITS];
	return n;
}

static inline bool parse_row(char *line, struct row *r, int columns)
{
	char reason[16], *end;
	int i, n;

	if (sscanf(line, "%15s %31s%n", reason, r->name, &n) != 2)
		return false;
	r->reason = strtoul(reason, &end, 10);
	if (*end && strcmp(reason, "-"))
		return false;

	for (i = 0, line += n; i < columns; i++, line = end) {
		r->value[i] = strtoull(line, &end, 10);
		/* A percentile may be unknown. */
		if (end == line && i >= P50 && !strncmp(line + strspn(line, " "), "-", 1))
			end = line + strspn(line, " ") + 1;
		if (end == line)
			return false;
	}
	return !*end;
}

#define COLUMN_NAMES	"reason name exits cycles stopped_cycles max_cycles p50 p99 p99.9"

static inline int parse_columns(char *line)
{
	char *word, names[256] = "";
	int n = 0;

	for (word = strtok(line, " "); word; word = strtok(NULL, " "), n++) {
		strcat(names, *names ? " " : "");
		strncat(names, word, 32);
		if (n > COLUMNS + 2)
			return -1;
	}
	/* If the host does not measure stops, there are fewer columns. */
	if (!strcmp(names, "# reason name exits cycles"))
		return 2;
	return strcmp(names, "# " COLUMN_NAMES) ? -1 : COLUMNS;
}

/*
 * Parse a table, and overwrite @text.  Return "whole", or what is wrong with a text
 * that is not exactly a table or does not add up.
 */
static inline const char *parse_table(char *text, struct table *t)
{
	struct row sum = {}, *r;
	char *line, *next;
	int i, n = 0;

	memset(t, 0, sizeof(*t));
	if (!*text || text[strlen(text) - 1] != '\n')
		return "it does not end with a whole line";

	for (line = text; *line; line = next, n++) {
		next = strchr(line, '\n');
		*next++ = '\0';

		switch (n) {
		case 0:
			if (sscanf(line, "# kvm_exits version %u", &t->version) != 1)
				return "no version";
			break;
		case 1:
			if (sscanf(line, "# vendor %7s", t->vendor) != 1)
				return "no vendor";
			break;
		case 2:
			if (sscanf(line, "# tsc_khz %u", &t->tsc_khz) != 1)
				return "no tsc_khz";
			break;
		case 3:
			if (sscanf(line, "# generation %u", &t->generation) != 1)
				return "no generation";
			break;
		case 4:
			if (sscanf(line, "# exits_per_read %u", &t->exits_per_read) != 1)
				return "no exits_per_read";
			break;
		case 5:
			t->columns = parse_columns(line);
			if (t->columns < 0)
				return "other columns";
			break;
		case 6:
			if (!parse_row(line, &t->total, t->columns) ||
			    strcmp(t->total.name, "total") || *line != '-')
				return "no total";
			break;
		default:
			if (t->rows == MAX_REASONS)
				return "too many rows";
			r = &t->row[t->rows++];
			if (!parse_row(line, r, t->columns) || *line == '-')
				return "a row that cannot be parsed";
			if (t->rows > 1 && r->reason <= r[-1].reason)
				return "reasons that do not ascend";
			for (i = EXITS; i <= STOPPED; i++)
				sum.value[i] += r->value[i];
			if (r->value[MAX] > sum.value[MAX])
				sum.value[MAX] = r->value[MAX];
		}
	}

	if (n < 7)
		return "no rows";
	if (sum.value[EXITS] != t->total.value[EXITS])
		return "exits that do not add up";
	if (sum.value[CYCLES] != t->total.value[CYCLES])
		return "cycles that do not add up";
	if (sum.value[STOPPED] != t->total.value[STOPPED])
		return "stopped cycles that do not add up";
	if (sum.value[MAX] != t->total.value[MAX])
		return "a longest stop that no row has";
	return "whole";
}

/* Return "whole", what is wrong with the table, or why it could not be read. */
static inline const char *read_table(struct table *t)
{
	static __thread char text[TEXT_BYTES];

	if (read_file(FILE_NAME, text) < 0)
		return strerror(errno);
	return parse_table(text, t);
}

#endif /* _TABLE_H */
