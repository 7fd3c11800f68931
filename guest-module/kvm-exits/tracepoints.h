/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the BPF program counts, and tracepoints.c reads.
 */
#ifndef TRACEPOINTS_H
#define TRACEPOINTS_H

#include <linux/types.h>

/*
 * A row is the counts of one reason of one vCPU.  If the reason is below TP_LOW, it is
 * also the number of its row.  This holds for all reasons of VMX.  SVM has two more
 * ranges.
 */
#define TP_LOW		176		/* 0, 1, ... */
#define TP_SVM		0x400u		/* 0x400 to 0x40f */
#define TP_SVM_END	(TP_LOW + 16)
#define TP_OTHER	(TP_SVM_END + 8)	/* -8 to -1, then any other */
#define TP_ROWS		(TP_OTHER + 1)

/* The buckets of the table's histograms, in ns instead of cycles. */
#define TP_BUCKETS	24
#define TP_BUCKET0	10		/* bucket 0 ends at 2^10 ns */

struct tp_row {
	__u64 exits;
	__u64 stopped;
	__u64 max;
	__u64 bucket[TP_BUCKETS];
};

/*
 * A slot is for one vCPU, which is known by the thread that runs it.  All threads for
 * which there was no slot of their own share the first slot.
 */
struct tp_slot {
	__u32 process;
	__u32 thread;
};

#define TP_SHARED	0

#endif /* TRACEPOINTS_H */
