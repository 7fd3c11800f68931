/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The counts of one exit reason, as readers of the exit statistics get them.
 */
#ifndef __KVM_X86_EXIT_COUNTS_H
#define __KVM_X86_EXIT_COUNTS_H

#include <linux/types.h>

/* The architecture whose exit reasons are counted. */
#define EXIT_ISA_VMX		1
#define EXIT_ISA_SVM		2

/*
 * Buckets of a histogram of stops.  Bucket 0 has the stops that are shorter
 * than 2^EXIT_BUCKET0_SHIFT cycles.  This bound doubles from each bucket to the
 * next.  The last bucket has no bound.
 */
#define EXIT_BUCKETS		24
#define EXIT_BUCKET0_SHIFT	10

/*
 * The counts of one reason.
 *
 * @reason: basic exit reason of VMX, or exit code of SVM; as an unsigned number,
 *	so that the negative codes of SVM are the last
 * @exits: number of exits
 * @cycles: host TSC cycles that KVM spent in handling these exits
 * @stopped: host TSC cycles from these exits to the next entries
 * @max: the longest stop, in host TSC cycles
 * @percentile: buckets of the median, the 99th and the 99.9th percentile
 * @has_histogram: @percentile is valid
 */
struct exit_counts {
	u32 reason;
	u8 percentile[3];
	bool has_histogram;
	u64 exits;
	u64 cycles;
	u64 stopped;
	u64 max;
};

#endif /* __KVM_X86_EXIT_COUNTS_H */
