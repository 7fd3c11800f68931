/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Processes that read /proc/kvm_exits while a test does something else.
 */
#ifndef _READERS_H
#define _READERS_H

#include "table.h"

#define MODULE		"/modules/kvm_exits.ko"
#define READERS		64
#define READS		4		/* tables of each reader */
#define PREADS		50		/* of each table */

/* Read a table, then random pieces: each must be a piece of that table. */
static inline bool read_pieces(int fd, char *text, struct table *t)
{
	static char piece[TEXT_BYTES], whole[TEXT_BYTES];
	ssize_t n, got, all;
	off_t from;
	int i;

	all = pread(fd, whole, sizeof(whole) - 1, 0);
	if (all <= 0)
		return false;

	for (i = 0; i < PREADS; i++) {
		from = 1 + rand() % (all + 100);
		n = rand() % sizeof(piece);
		got = pread(fd, piece, n, from);
		if (got != (from >= all ? 0 : n < all - from ? n : all - from) ||
		    memcmp(piece, whole + from, got))
			return false;
	}

	memcpy(text, whole, all);
	text[all] = '\0';
	return !strcmp(parse_table(text, t), "whole");
}

static inline pid_t start_reader(char *text, struct table *t, int reads)
{
	pid_t child = fork();
	int i, fd;

	if (child)
		return child;
	srand(getpid());
	for (i = 0; i < reads; i++) {
		fd = open(FILE_NAME, O_RDONLY);
		if (fd < 0 || !read_pieces(fd, text, t))
			_exit(1);
		close(fd);
	}
	_exit(0);
}

#endif /* _READERS_H */
