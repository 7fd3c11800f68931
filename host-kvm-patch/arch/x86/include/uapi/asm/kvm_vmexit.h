/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * How a guest reads the statistics of its VM exits.
 *
 * This header is the whole interface between KVM, and the kernels and programs
 * in a guest.  Documentation/virt/kvm/x86/exit-stats.rst describes it in prose,
 * and how to read a table.
 *
 * Counts are in exits, times in cycles of the host's TSC.  A 64-bit number in
 * two registers is written low:high.  What a leaf does not define is zero.
 */
#ifndef _UAPI_ASM_X86_KVM_VMEXIT_H
#define _UAPI_ASM_X86_KVM_VMEXIT_H

#include <linux/types.h>

/*
 * The four live leaves.  ECX takes a reason: the basic exit reason (SDM Vol. 3,
 * appendix C) or the exit code (APM Vol. 2, appendix C).  Published programs
 * read these leaves in three dialects, each from other registers:
 *
 *	leaf		EAX:EDX			ECX:EBX
 *	TOTAL		exits of all reasons	cycles of all reasons
 *	TOTAL_CYCLES	exits of the reason	cycles of all reasons
 *	REASON		exits of the reason	cycles of all reasons
 *	REASON_CYCLES	exits of all reasons	cycles of the reason
 *
 * ECX:EBX of TOTAL_CYCLES are always as above.  Apart from that, in the last
 * three leaves: if the architecture does not define the reason, EDX is
 * KVM_VMEXIT_UNDEFINED and the other registers are zero.  If KVM never enables
 * the reason and it has not occurred, all registers are zero.
 */
#define KVM_VMEXIT_LEAF_TOTAL		0x4fffffff
#define KVM_VMEXIT_LEAF_TOTAL_CYCLES	0x4ffffffe
#define KVM_VMEXIT_LEAF_REASON		0x4ffffffd
#define KVM_VMEXIT_LEAF_REASON_CYCLES	0x4ffffffc

#define KVM_VMEXIT_UNDEFINED		0xffffffffu

/*
 * Signature leaf.  EAX: the highest leaf of this block.  EBX, ECX, EDX: the
 * twelve bytes of the signature, in this order.  A guest must check it before
 * it uses any other leaf: an Intel processor answers a leaf that is out of
 * range with the contents of another leaf.
 */
#define KVM_VMEXIT_LEAF_SIGNATURE	0x4fffff00
#define KVM_VMEXIT_SIGNATURE		"KVMExitStats"

/*
 * Interface leaf.  EAX: KVM_VMEXIT_VERSION.  EBX: KVM_VMEXIT_FEAT_*.  ECX:
 * KVM_VMEXIT_ISA_* of the reasons.  EDX: the frequency of the host's TSC in
 * kHz.
 */
#define KVM_VMEXIT_LEAF_INTERFACE	0x4fffff01
#define KVM_VMEXIT_VERSION		1
#define KVM_VMEXIT_FEAT_STOPPED		0x01	/* stops are measured: leaves (S) */
#define KVM_VMEXIT_FEAT_VCPU		0x02	/* KVM_VMEXIT_LEAF_VCPU */
#define KVM_VMEXIT_FEAT_ACCESS		0x04	/* MSR_KVM_VMEXIT_ACCESS */
#define KVM_VMEXIT_FEAT_MAX		0x08	/* MSR_KVM_VMEXIT_MAX */
#define KVM_VMEXIT_FEAT_SAMPLE		0x10	/* MSR_KVM_VMEXIT_SAMPLE* */
#define KVM_VMEXIT_ISA_VMX		1
#define KVM_VMEXIT_ISA_SVM		2

/*
 * VM leaf.  EAX: the generation of the counts, or 0 while a new one begins.
 * Between two reads with the same generation the counts have no gap, and their
 * difference is what happened.  EBX: the number of rows, one more than the
 * highest row number.  ECX: KVM_VMEXIT_VM_*.  EDX: the highest reason.  SVM has
 * the codes from -4 to -1 in addition.
 */
#define KVM_VMEXIT_LEAF_VM		0x4fffff02
#define KVM_VMEXIT_VM_FROM_ZERO		0x1	/* this generation began at zero */
#define KVM_VMEXIT_LAST_REASON(isa) \
	((isa) == KVM_VMEXIT_ISA_SVM ? 0x403 : 85)

/*
 * Snapshot leaf.  Adds the counters of all vCPUs up, and keeps the rows that
 * are not zero, in ascending order, for this vCPU alone, until its next
 * snapshot.  EAX: their number in bits 7:0, KVM_VMEXIT_SNAPSHOT_MAGIC in bits
 * 31:8, or 0 if there is no snapshot.  EBX: the generation.  ECX:EDX: all
 * exits, the sum over the rows.  The CPUID exit that takes the snapshot is
 * counted in it.
 */
#define KVM_VMEXIT_LEAF_SNAPSHOT	0x4fffff03
#define KVM_VMEXIT_SNAPSHOT_MAGIC	0x4b5845u

/*
 * Row leaf.  ECX: a position in the snapshot, from 0.  EAX and bits 23:0 of
 * EBX: exits, 56 bits.  Bits 31:24 of EBX: the row number.  ECX:EDX: cycles
 * that KVM spent in handling them.  All registers are zero if the snapshot has
 * no such position, or this vCPU has no snapshot.
 */
#define KVM_VMEXIT_LEAF_ROW		0x4fffff04
#define KVM_VMEXIT_ROW_NR_SHIFT		24

/*
 * Stopped leaf (S).  ECX: as for the row leaf.  EAX:EBX: cycles from the exits
 * to the vCPU's next entries, including the VMM's work, preemption and sleep.
 * ECX and bits 15:0 of EDX: the longest stop, 48 bits, at most 2^48 - 1.
 * Bits 20:16, 25:21 and 30:26 of EDX: the histogram's bucket in which the
 * median, the 99th and the 99.9th percentile lie.  Bit 31: there is a
 * histogram; without it the three are zero.
 */
#define KVM_VMEXIT_LEAF_STOPPED		0x4fffff05
#define KVM_VMEXIT_STOPPED_MAX_BITS	48
#define KVM_VMEXIT_STOPPED_P50_SHIFT	16
#define KVM_VMEXIT_STOPPED_P99_SHIFT	21
#define KVM_VMEXIT_STOPPED_P999_SHIFT	26
#define KVM_VMEXIT_STOPPED_HISTOGRAM	0x80000000u

/*
 * Histogram leaf (S).  ECX: bits 7:0 as for the row leaf, bits 15:8 a pair of
 * buckets.  EAX:EBX and ECX:EDX: the number of stops in bucket 2 * pair and in
 * the one after it.  Bucket 0 has the stops that are shorter than
 * 2^KVM_VMEXIT_BUCKET0_SHIFT cycles.  The bound of each further bucket is twice
 * that of the one before.  The last bucket has no bound.
 */
#define KVM_VMEXIT_LEAF_HISTOGRAM	0x4fffff06
#define KVM_VMEXIT_BUCKETS		24
#define KVM_VMEXIT_BUCKET0_SHIFT	10

/*
 * vCPU leaf.  Live counts of the vCPU that reads it.  ECX: a row number, or
 * KVM_VMEXIT_ROW_ALL for the sum of all.  EAX and bits 15:0 of EBX: exits, 48
 * bits.  Bits 31:16 of EBX: KVM_VMEXIT_TAG() of the generation, or 0 while a
 * new one begins.  ECX:EDX: cycles that KVM spent in handling them.  The exits
 * that read this leaf, and their cycles, are not in its counts.
 */
#define KVM_VMEXIT_LEAF_VCPU		0x4fffff07
#define KVM_VMEXIT_ROW_ALL		0xffu
#define KVM_VMEXIT_VCPU_EXITS_BITS	48
/* The sum of its two halves, modulo 2^16. */
#define KVM_VMEXIT_TAG(generation)	((__u32)((generation) * 0x10001u) >> 16)

#define KVM_VMEXIT_LEAF_LAST		KVM_VMEXIT_LEAF_VCPU

/*
 * MSRs.  An MSR exists if its feature bit is set.  It is for the guest's
 * kernel, and does not exist in a guest of the guest.  Bits that are not
 * defined here must be zero.
 */

/*
 * MSR_KVM_VMEXIT_ACCESS: the privilege level that the leaves need, for the
 * whole VM.  While bit 0 is set, the leaves and the MSRs exist at CPL 0 alone.
 */
#define MSR_KVM_VMEXIT_ACCESS		0x4b564de0
#define KVM_VMEXIT_ACCESS_CPL0		0x1

/*
 * MSR_KVM_VMEXIT_MAX: a write of 0 sets the longest stops of all vCPUs to zero.
 * Reads as 0.
 */
#define MSR_KVM_VMEXIT_MAX		0x4b564de1

/*
 * MSR_KVM_VMEXIT_SAMPLE: a write asks for a sample of every n-th exit of one
 * row on this vCPU.  Bits 31:0: n, 0 for no samples.  Bits 39:32: the row
 * number, or KVM_VMEXIT_ROW_ALL.  Reads as the number of sampled rows.  Exits
 * that an NMI causes cannot be sampled: IRET and VINTR on SVM, NMI_WINDOW and
 * INTERRUPT_WINDOW on VMX.
 *
 * At the n-th exit KVM keeps a sample and makes an NMI pending.  Until the
 * guest writes 0 to MSR_KVM_VMEXIT_SAMPLE_STATUS there is no further sample.
 * Exits that are due meanwhile are counted in MSR_KVM_VMEXIT_SAMPLE_LOST.
 */
#define MSR_KVM_VMEXIT_SAMPLE		0x4b564de2
#define KVM_VMEXIT_SAMPLE_ROW_SHIFT	32

/*
 * MSR_KVM_VMEXIT_SAMPLE_STATUS: the sample.  Bits 7:0: its row number.  Bit 8:
 * there is a sample.  Bit 9: MSR_KVM_VMEXIT_SAMPLE_LOST is not zero.  Bits
 * 63:32: the exits that the sample stands for.  The guest writes 0 when it is
 * done with the sample.
 */
#define MSR_KVM_VMEXIT_SAMPLE_STATUS	0x4b564de3
#define KVM_VMEXIT_SAMPLE_VALID		0x100
#define KVM_VMEXIT_SAMPLE_HAS_LOST	0x200
#define KVM_VMEXIT_SAMPLE_EXITS_SHIFT	32

/*
 * MSR_KVM_VMEXIT_SAMPLE_DETAIL: what the sampled exit was about.  The port for
 * I/O, ECX for RDMSR and WRMSR, the guest-physical address for EPT_VIOLATION,
 * EPT_MISCONFIG and NPF, the vector for an exception, EAX for CPUID, the exit
 * qualification or EXITINFO1 for any other reason.
 */
#define MSR_KVM_VMEXIT_SAMPLE_DETAIL	0x4b564de4

/*
 * MSR_KVM_VMEXIT_SAMPLE_LOST: exits of sampled rows that no sample stands for,
 * because the guest was not done with the one before.  A read sets it to zero.
 */
#define MSR_KVM_VMEXIT_SAMPLE_LOST	0x4b564de5

/*
 * A capability of a VM.  Its VMM enables it before the VM has a vCPU: args[0]
 * is 1 to give the VM the leaves and the MSRs, 0 to hide them.  The number is
 * far from those of KVM, so that no kernel uses it for something else.
 */
#define KVM_CAP_X86_VMEXIT		0x45580001

/*
 * Row numbers.  A row is the counters of one reason, and its number has eight
 * bits.  VMX: the reason itself.  SVM: the codes below 0xa8 as they are, then
 * 0x400 to 0x407, then -4 to -1.
 */
#define KVM_VMEXIT_ROWS			180
#define KVM_VMEXIT_SVM_LOW		0xa8
#define KVM_VMEXIT_SVM_NPF		0x400
#define KVM_VMEXIT_SVM_NEGATIVE		0xb0
#define KVM_VMEXIT_NO_ROW		KVM_VMEXIT_ROWS

/**
 * kvm_vmexit_row() - row number of a reason
 * @isa: KVM_VMEXIT_ISA_*
 * @reason: basic exit reason or exit code; any value may be passed
 *
 * Return: the row number, or KVM_VMEXIT_NO_ROW for a reason that has none.
 */
static inline __u32 kvm_vmexit_row(__u32 isa, __u32 reason)
{
	if (isa == KVM_VMEXIT_ISA_VMX || reason < KVM_VMEXIT_SVM_LOW)
		return reason < KVM_VMEXIT_ROWS ? reason : KVM_VMEXIT_NO_ROW;
	if (reason - KVM_VMEXIT_SVM_NPF <
	    KVM_VMEXIT_SVM_NEGATIVE - KVM_VMEXIT_SVM_LOW)
		return reason - KVM_VMEXIT_SVM_NPF + KVM_VMEXIT_SVM_LOW;
	if (reason >= 0u - (KVM_VMEXIT_ROWS - KVM_VMEXIT_SVM_NEGATIVE))
		return reason + KVM_VMEXIT_ROWS;
	return KVM_VMEXIT_NO_ROW;
}

/**
 * kvm_vmexit_reason() - reason of a row number
 * @isa: KVM_VMEXIT_ISA_*
 * @row: row number, below KVM_VMEXIT_ROWS
 *
 * Return: basic exit reason or exit code.
 */
static inline __u32 kvm_vmexit_reason(__u32 isa, __u32 row)
{
	if (isa == KVM_VMEXIT_ISA_VMX || row < KVM_VMEXIT_SVM_LOW)
		return row;
	if (row < KVM_VMEXIT_SVM_NEGATIVE)
		return row - KVM_VMEXIT_SVM_LOW + KVM_VMEXIT_SVM_NPF;
	return row - KVM_VMEXIT_ROWS;
}

/**
 * kvm_vmexit_defined() - does the architecture define this reason?
 * @isa: KVM_VMEXIT_ISA_*
 * @reason: basic exit reason or exit code; any value may be passed
 *
 * The reasons are those of appendix C of SDM Vol. 3 and of APM Vol. 2.
 */
static inline int kvm_vmexit_defined(__u32 isa, __u32 reason)
{
	if (isa == KVM_VMEXIT_ISA_SVM)
		return reason <= 0xa6 || reason >= (__u32)-4 ||
		       (reason >= KVM_VMEXIT_SVM_NPF &&
			reason <= KVM_VMEXIT_LAST_REASON(isa));

	switch (reason) {
	case 35:
	case 38:
	case 42:
	case 71:
	case 82:
	case 83:
		return 0;
	default:
		return reason <= KVM_VMEXIT_LAST_REASON(isa);
	}
}

#endif /* _UAPI_ASM_X86_KVM_VMEXIT_H */
