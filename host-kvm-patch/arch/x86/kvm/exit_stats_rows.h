/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exit statistics: the row of each exit reason.
 *
 * KVM_GET_STATS_FD shows the exits by row.
 *
 *	row		VMX reason	SVM exit code
 *	0 to 167	0 to 167	0x00 to 0xa7
 *	168 to 175	168 to 175	0x400 to 0x407
 *	176 to 179	176 to 179	-4 to -1
 *	180		others		others
 */
#ifndef __KVM_X86_EXIT_STATS_ROWS_H
#define __KVM_X86_EXIT_STATS_ROWS_H

#include <asm/kvm_exit_stats.h>

#include "exit_counts.h"

/* This row belongs to no reason, and no sum contains it. */
#define EXIT_STATS_ROW_NONE	KVM_EXIT_STATS_ROWS

#define SVM_LOW_CODES		0xa8
#define SVM_HIGH_CODE		0x400
#define SVM_HIGH_CODES		8
#define SVM_NEGATIVE_CODES	4
#define SVM_ROW_HIGH		SVM_LOW_CODES
#define SVM_ROW_NEGATIVE	(SVM_ROW_HIGH + SVM_HIGH_CODES)

static_assert(SVM_ROW_NEGATIVE + SVM_NEGATIVE_CODES == KVM_EXIT_STATS_ROWS);

/*
 * The row of a reason, EXIT_STATS_ROW_NONE if it has none.  Any @reason may be
 * passed.
 */
static __always_inline unsigned long exit_stats_row_of(u32 isa, u32 reason)
{
	if (isa == EXIT_ISA_VMX)
		return reason < KVM_EXIT_STATS_ROWS ? reason :
						      EXIT_STATS_ROW_NONE;

	/* NPF is the only frequent high code.  Tested last, it would take longest. */
	if (unlikely(reason == SVM_HIGH_CODE))
		return SVM_ROW_HIGH;
	if (likely(reason < SVM_LOW_CODES))
		return reason;
	if (reason - SVM_HIGH_CODE < SVM_HIGH_CODES)
		return reason - SVM_HIGH_CODE + SVM_ROW_HIGH;
	if (reason >= -SVM_NEGATIVE_CODES)
		return reason + KVM_EXIT_STATS_ROWS;
	return EXIT_STATS_ROW_NONE;
}

/* The reason of @row, which must not be EXIT_STATS_ROW_NONE. */
static inline u32 exit_stats_reason_of(u32 isa, u32 row)
{
	if (isa == EXIT_ISA_VMX || row < SVM_ROW_HIGH)
		return row;
	if (row < SVM_ROW_NEGATIVE)
		return row - SVM_ROW_HIGH + SVM_HIGH_CODE;
	return row - KVM_EXIT_STATS_ROWS;
}

#endif /* __KVM_X86_EXIT_STATS_ROWS_H */
