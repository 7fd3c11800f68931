// SPDX-License-Identifier: GPL-2.0-only
/*
 * mktable - print a table as the kernel prints it
 *
 * This is the kernel's own exit_table.c in user space.  The figures come from the
 * standard input, as words: isa, whether stops are measured, tsc_khz, generation
 * and exits_per_read; then for each reason that has exits, in ascending order: reason,
 * exits, cycles, stopped, max, the buckets of the three percentiles, and whether there
 * is a histogram.
 */
#include "exit_table.h"

int main(void)
{
	unsigned int stops, histogram, p[3];
	static struct exit_table t;
	struct seq_file m = { stdout };
	struct exit_counts *c = t.counts;

	if (scanf("%u %u %u %u %u", &t.isa, &stops, &t.tsc_khz,
		  &t.generation, &t.exits_per_read) != 5)
		return 1;
	t.has_cycles = true;
	t.has_stops = stops;
	while (t.nr < EXIT_TABLE_REASONS &&
	       scanf("%u %llu %llu %llu %llu %u %u %u %u", &c->reason, &c->exits,
		     &c->cycles, &c->stopped, &c->max, &p[0], &p[1], &p[2],
		     &histogram) == 9) {
		c->percentile[0] = p[0];
		c->percentile[1] = p[1];
		c->percentile[2] = p[2];
		c->has_histogram = histogram;
		t.nr++;
		c++;
	}
	exit_table_show(&m, &t);
	return 0;
}
