// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench_read: prints what it costs a guest to read the whole file.  The exits are from
 * the file's header.  The cycles of the TSC are the median of many reads.
 */
#include "bench.h"

#define ROUNDS	1001

int main(void)
{
	static __u64 cycles[ROUNDS];
	static char text[TEXT_BYTES];
	static struct table table;
	const char *form;
	int i, fd;

	for (i = 0; i < ROUNDS; i++) {
		cycles[i] = rdtsc();
		fd = open(FILE_NAME, O_RDONLY);
		if (fd < 0 || read_text(fd, text) < 0) {
			perror(FILE_NAME);
			return 1;
		}
		close(fd);
		cycles[i] = rdtsc() - cycles[i];
	}
	form = parse_table(text, &table);
	if (strcmp(form, "whole")) {
		fprintf(stderr, "%s: %s\n", FILE_NAME, form);
		return 1;
	}
	printf("bench: %d read %llu cycles, %u exits, %u reasons\n", cpus(),
	       median(cycles, ROUNDS), table.exits_per_read, rows_used(&table));
	return 0;
}
