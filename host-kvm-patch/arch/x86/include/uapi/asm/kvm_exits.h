/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * VM exits of this VM, asked of KVM through CPUID.
 *
 * This header is the whole interface: the hypervisor answers by it, and
 * kernels and programs in the guest ask by it.  The same in prose, with how to
 * read a table, is in Documentation/virt/kvm/x86/exit-stats.rst.
 *
 * Counts are in exits, times in cycles of the host's TSC.  A 64-bit number in
 * two registers is written low:high.  What a leaf does not define is zero.
 */
#ifndef _UAPI_ASM_X86_KVM_EXITS_H
#define _UAPI_ASM_X86_KVM_EXITS_H

#include <linux/types.h>

/*
 * Live leaves.  The first two ignore ECX, the others take a reason in it: the
 * basic exit reason (SDM Vol. 3, appendix C) or the exit code (APM Vol. 2,
 * appendix C).  For a reason that the architecture does not define EDX is
 * KVM_EXITS_UNDEFINED and the other registers are zero.
 */
#define KVM_EXITS_CPUID_TOTAL		0x4fffffff	/* exits: EAX:EBX */
#define KVM_EXITS_CPUID_TOTAL_CYCLES	0x4ffffffe	/* cycles: ECX:EBX */
#define KVM_EXITS_CPUID_REASON		0x4ffffffd	/* exits: EAX:EBX */
#define KVM_EXITS_CPUID_REASON_CYCLES	0x4ffffffc	/* cycles: ECX:EBX */

#define KVM_EXITS_UNDEFINED		0xffffffffu

/*
 * Signature leaf.  EAX: the highest leaf of this block.  EBX, ECX, EDX: the
 * twelve bytes of the signature, in this order.  Nothing else of this header
 * may be believed of a host that does not sign: Intel's processors answer a
 * leaf out of range with the contents of another one.
 */
#define KVM_EXITS_CPUID_SIGNATURE	0x4fffff00
#define KVM_EXITS_SIGNATURE		"KVMExitStats"

/*
 * Interface leaf.  EAX: KVM_EXITS_VERSION.  EBX: KVM_EXITS_FEAT_*.  ECX:
 * KVM_EXITS_ISA_*, whose reasons are meant.  EDX: the host's TSC in kHz.
 */
#define KVM_EXITS_CPUID_INTERFACE	0x4fffff01
#define KVM_EXITS_VERSION		1
#define KVM_EXITS_FEAT_STOPPED		0x1	/* leaves (S) are counted */
#define KVM_EXITS_ISA_VMX		1
#define KVM_EXITS_ISA_SVM		2

/*
 * VM leaf.  EAX: the generation of the counts, never zero; counts of another
 * generation began at zero elsewhere, on the host that the VM came from.  EBX:
 * the number of rows, one more than the highest row number.  ECX, EDX: the
 * lowest and the highest reason; on SVM the codes from -4 to -1 come on top.
 */
#define KVM_EXITS_CPUID_VM		0x4fffff02
#define KVM_EXITS_LAST_REASON(isa) \
	((isa) == KVM_EXITS_ISA_SVM ? 0x403 : 85)

/*
 * Snapshot leaf.  Sums up all vCPUs once and keeps the reasons that are not
 * zero, in ascending order, for this vCPU alone, until its next snapshot.
 * EAX: their number in bits 7:0, KVM_EXITS_SNAPSHOT_MAGIC in bits 31:8.  EBX:
 * the generation.  ECX:EDX: all exits, the sum over the rows.  The CPUID exit
 * that asks is counted in it.
 */
#define KVM_EXITS_CPUID_SNAPSHOT	0x4fffff03
#define KVM_EXITS_SNAPSHOT_MAGIC	0x4b5845u

/*
 * Row leaf.  ECX: which one of the snapshot's rows, from 0.  EAX and bits 23:0
 * of EBX: exits, 56 bits.  Bits 31:24 of EBX: the row number.  ECX:EDX:
 * cycles that KVM spent in handling them.  All zero where there is no such
 * row, or no snapshot on this vCPU.
 */
#define KVM_EXITS_CPUID_ROW		0x4fffff04
#define KVM_EXITS_ROW_NR_SHIFT		24

/*
 * Stopped leaf (S).  ECX: as for the row leaf.  EAX:EBX: cycles from the exits
 * to the vCPU's next entries, the VMM's work, preemption and sleep included.
 * ECX and bits 15:0 of EDX: the longest of them, 48 bits, at most 2^48 - 1.
 * Bits 20:16, 25:21 and 30:26 of EDX: the histogram's bucket in which the
 * median, the 99th and the 99.9th percentile lie.  Bit 31: there is a
 * histogram; without it the three are zero.
 */
#define KVM_EXITS_CPUID_STOPPED		0x4fffff05
#define KVM_EXITS_STOPPED_MAX_BITS	48
#define KVM_EXITS_STOPPED_P50_SHIFT	16
#define KVM_EXITS_STOPPED_P99_SHIFT	21
#define KVM_EXITS_STOPPED_P999_SHIFT	26
#define KVM_EXITS_STOPPED_HISTOGRAM	0x80000000u

/*
 * Histogram leaf (S).  ECX: bits 7:0 as for the row leaf, bits 15:8 a pair of
 * buckets.  EAX:EBX and ECX:EDX: how many stops fell into bucket 2 * pair and
 * into the one after it.  Bucket 0 holds those shorter than
 * 2^KVM_EXITS_BUCKET0_SHIFT cycles, each further one those up to twice as
 * long, the last one all that are longer.
 */
#define KVM_EXITS_CPUID_HISTOGRAM	0x4fffff06
#define KVM_EXITS_BUCKETS		24
#define KVM_EXITS_BUCKET0_SHIFT		10

#define KVM_EXITS_CPUID_LAST		KVM_EXITS_CPUID_HISTOGRAM

/*
 * Row numbers.  Eight bits name any reason.  VMX: the reason itself.  SVM: the
 * codes below 0xa8 as they are, then 0x400 to 0x407, then -4 to -1.
 */
#define KVM_EXITS_ROWS			180
#define KVM_EXITS_SVM_LOW		0xa8
#define KVM_EXITS_SVM_NPF		0x400
#define KVM_EXITS_SVM_NEGATIVE		0xb0
#define KVM_EXITS_NO_ROW		KVM_EXITS_ROWS

/**
 * kvm_exits_row() - row number of a reason
 * @isa: KVM_EXITS_ISA_*
 * @reason: basic exit reason or exit code; any value may be passed
 *
 * Return: the row number, or KVM_EXITS_NO_ROW for a reason that has none.
 */
static inline __u32 kvm_exits_row(__u32 isa, __u32 reason)
{
	if (isa == KVM_EXITS_ISA_VMX || reason < KVM_EXITS_SVM_LOW)
		return reason < KVM_EXITS_ROWS ? reason : KVM_EXITS_NO_ROW;
	if (reason - KVM_EXITS_SVM_NPF < KVM_EXITS_SVM_NEGATIVE - KVM_EXITS_SVM_LOW)
		return reason - KVM_EXITS_SVM_NPF + KVM_EXITS_SVM_LOW;
	if (reason >= 0u - (KVM_EXITS_ROWS - KVM_EXITS_SVM_NEGATIVE))
		return reason + KVM_EXITS_ROWS;
	return KVM_EXITS_NO_ROW;
}

/**
 * kvm_exits_reason() - reason of a row number
 * @isa: KVM_EXITS_ISA_*
 * @row: row number, below KVM_EXITS_ROWS
 *
 * Return: basic exit reason or exit code.
 */
static inline __u32 kvm_exits_reason(__u32 isa, __u32 row)
{
	if (isa == KVM_EXITS_ISA_VMX || row < KVM_EXITS_SVM_LOW)
		return row;
	if (row < KVM_EXITS_SVM_NEGATIVE)
		return row - KVM_EXITS_SVM_LOW + KVM_EXITS_SVM_NPF;
	return row - KVM_EXITS_ROWS;
}

/**
 * kvm_exits_defined() - does the architecture define this reason?
 * @isa: KVM_EXITS_ISA_*
 * @reason: basic exit reason or exit code; any value may be passed
 *
 * The reasons are those of appendix C of SDM Vol. 3 and of APM Vol. 2.
 */
static inline int kvm_exits_defined(__u32 isa, __u32 reason)
{
	if (isa == KVM_EXITS_ISA_SVM)
		return reason <= 0xa6 || reason >= (__u32)-4 ||
		       (reason >= KVM_EXITS_SVM_NPF &&
			reason <= KVM_EXITS_LAST_REASON(isa));

	switch (reason) {
	case 35:
	case 38:
	case 42:
	case 71:
	case 82:
	case 83:
		return 0;
	default:
		return reason <= KVM_EXITS_LAST_REASON(isa);
	}
}

#endif /* _UAPI_ASM_X86_KVM_EXITS_H */
