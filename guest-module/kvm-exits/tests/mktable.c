// SPDX-License-Identifier: GPL-2.0-only
/*
 * mktable - print a table as the kernel prints it
 *
 * This is the kernel's own exit_table.c in user space.  The figures come from the
 * standard input, as words: isa, features, tsc_khz, generation and cost; then for
 * each row that is not zero: reason, exits, cycles, stopped, max, the three
 * buckets, and whether there is a histogram.
 */
#include "exit_table.h"

int main(void)
{
	unsigned int reason, histogram, b[3];
	static struct exit_table t;
	struct seq_file m = { stdout };
	struct exit_table_row r;

	if (scanf("%u %u %u %u %u", &t.isa, &t.features, &t.tsc_khz,
		  &t.generation, &t.cost) != 5)
		return 1;
	while (scanf("%u %llu %llu %llu %llu %u %u %u %u", &reason, &r.exits,
		     &r.cycles, &r.stopped, &r.max, &b[0], &b[1], &b[2],
		     &histogram) == 9) {
		r.bucket[0] = b[0];
		r.bucket[1] = b[1];
		r.bucket[2] = b[2];
		r.histogram = histogram;
		t.row[kvm_vmexit_row(t.isa, reason)] = r;
	}
	exit_table_show(&m, &t);
	return 0;
}
