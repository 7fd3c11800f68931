/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * How a guest reads the statistics of its VM exits.
 *
 * This header is the whole interface between KVM and the guest's kernel and
 * programs.  Documentation/virt/kvm/x86/exit-stats-guest.rst describes it in prose,
 * and explains how a guest reads all counts of its VM.
 *
 * Counts are in exits, times in cycles of the host's TSC.  A 64-bit number in
 * two registers is written low:high.  Bits that a leaf does not define are zero.
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
 * KVM_VMEXIT_UNDEFINED and the other registers are zero.  If KVM has no name
 * for the reason and it has not occurred, all registers are zero.
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
 * Reasons in the leaves and the MSRs.  A reason is the basic exit reason (SDM
 * Vol. 3, appendix C) or the exit code (APM Vol. 2, appendix C) as a number of
 * 16 bits in two's complement.  A guest must expect reasons that are not known
 * today, and must not reject a table that has one.
 */
#define KVM_VMEXIT_REASON(number)	((__s32)(__s16)(number))
/* In place of a reason: the sum of all reasons. */
#define KVM_VMEXIT_ALL			0x10000u

/*
 * Interface leaf.  EAX: KVM_VMEXIT_VERSION.  EBX: KVM_VMEXIT_FEAT_*.  ECX:
 * KVM_VMEXIT_ISA_* of the reasons.  EDX: the frequency of the host's TSC in
 * kHz.
 */
#define KVM_VMEXIT_LEAF_INTERFACE	0x4fffff01
#define KVM_VMEXIT_VERSION		2
#define KVM_VMEXIT_FEAT_STOPPED		0x01	/* stopped and histogram leaf */
#define KVM_VMEXIT_FEAT_VCPU		0x02	/* KVM_VMEXIT_LEAF_VCPU */
#define KVM_VMEXIT_FEAT_ACCESS		0x04	/* MSR_KVM_VMEXIT_ACCESS */
#define KVM_VMEXIT_FEAT_MAX		0x08	/* MSR_KVM_VMEXIT_MAX */
#define KVM_VMEXIT_FEAT_SAMPLE		0x10	/* MSR_KVM_VMEXIT_SAMPLE* */
#define KVM_VMEXIT_FEAT_CYCLES		0x20	/* handling is measured */
#define KVM_VMEXIT_ISA_VMX		1
#define KVM_VMEXIT_ISA_SVM		2

/*
 * VM leaf.  EAX: the generation of the counts, or 0 while there are no counts,
 * because a new generation begins or the host's counting is switched off.
 * Between two reads with the same generation the counts have no gap, and their
 * difference is what happened.  ECX: KVM_VMEXIT_VM_*.
 */
#define KVM_VMEXIT_LEAF_VM		0x4fffff02
#define KVM_VMEXIT_VM_FROM_ZERO		0x1	/* this generation began at zero */
#define KVM_VMEXIT_VM_OFF		0x2	/* the host's counting is off */

/*
 * Snapshot leaf.  Adds the counters of all vCPUs up, and keeps the rows that
 * are not zero, in ascending order of their reasons, for this vCPU alone, until
 * its next snapshot.  A row is the counts of one reason.  EAX: the number of
 * rows in bits 15:0, KVM_VMEXIT_SNAPSHOT_MAGIC in bits 31:16, or 0 if there is
 * no snapshot.  EBX: the generation.  ECX:EDX: all exits, the sum over the rows.
 * The CPUID exit that takes the snapshot is counted in it.
 */
#define KVM_VMEXIT_LEAF_SNAPSHOT	0x4fffff03
#define KVM_VMEXIT_SNAPSHOT_MAGIC	0x4b58u

/*
 * Row leaf.  ECX: a position in the snapshot, from 0.  EAX and bits 15:0 of
 * EBX: exits, 48 bits.  Bits 31:16 of EBX: the reason.  ECX:EDX: cycles that
 * KVM spent in handling these exits, including preemption and sleep.  All
 * registers are zero if the snapshot has no such position, or this vCPU has no
 * snapshot.
 */
#define KVM_VMEXIT_LEAF_ROW		0x4fffff04
#define KVM_VMEXIT_EXITS_BITS		48
#define KVM_VMEXIT_REASON_SHIFT		16

/*
 * Stopped leaf, valid with KVM_VMEXIT_FEAT_STOPPED.  A stop is the time from an
 * exit to the vCPU's next entry, including the VMM's work, preemption and sleep.
 * ECX: as for the row leaf.  EAX:EBX: cycles of the stops of the row's exits.
 * ECX and bits 15:0 of EDX: the longest stop, 48 bits, at most 2^48 - 1.
 * Bits 20:16, 25:21 and 30:26 of EDX: the histogram's bucket in which the
 * median, the 99th and the 99.9th percentile lie.  Bit 31: there is a
 * histogram; without a histogram, these three buckets are zero.
 */
#define KVM_VMEXIT_LEAF_STOPPED		0x4fffff05
#define KVM_VMEXIT_STOPPED_MAX_BITS	48
#define KVM_VMEXIT_STOPPED_P50_SHIFT	16
#define KVM_VMEXIT_STOPPED_P99_SHIFT	21
#define KVM_VMEXIT_STOPPED_P999_SHIFT	26
#define KVM_VMEXIT_STOPPED_HISTOGRAM	0x80000000u

/*
 * Histogram leaf, valid with KVM_VMEXIT_FEAT_STOPPED.  ECX: bits 15:0 as for the
 * row leaf, bits 23:16 a pair of buckets.  EAX:EBX: the number of stops in bucket
 * 2 * pair.  ECX:EDX: the same for bucket 2 * pair + 1.  Bucket 0 has the stops
 * that are shorter than 2^KVM_VMEXIT_BUCKET0_SHIFT cycles.  This bound doubles
 * from each bucket to the next.  The last bucket has no bound.
 */
#define KVM_VMEXIT_LEAF_HISTOGRAM	0x4fffff06
#define KVM_VMEXIT_PAIR_SHIFT		16
#define KVM_VMEXIT_BUCKETS		24
#define KVM_VMEXIT_BUCKET0_SHIFT	10

/*
 * vCPU leaf.  Live counts of the vCPU that reads it.  ECX: a reason in bits
 * 15:0, the other bits zero, or KVM_VMEXIT_ALL.  EAX and bits 15:0 of EBX:
 * exits, 48 bits.  Bits 31:16 of EBX: KVM_VMEXIT_TAG() of the generation, or 0
 * while there are no counts.  ECX:EDX: cycles that KVM spent in handling these
 * exits.  The exits that read this leaf, and their cycles, are not in its
 * counts.
 */
#define KVM_VMEXIT_LEAF_VCPU		0x4fffff07
/* The sum of the generation's two halves, modulo 2^16. */
#define KVM_VMEXIT_TAG(generation)	((__u32)((generation) * 0x10001u) >> 16)

#define KVM_VMEXIT_LEAF_LAST		KVM_VMEXIT_LEAF_VCPU

/*
 * MSRs.  An MSR exists if its feature bit is set.  It is for the guest's
 * kernel, and does not exist in a guest of the guest.  Bits that are not
 * defined here must be zero.  The MSRs can be written and read even while the
 * host's counting is off.
 */

/*
 * MSR_KVM_VMEXIT_ACCESS: the privilege level that the leaves need, for the
 * whole VM.  While bit 0 is set, the leaves and the MSRs exist at CPL 0 alone.
 * If the host has restricted them to CPL 0, bits 0 and 1 read as 1, and a write
 * does not change them.
 */
#define MSR_KVM_VMEXIT_ACCESS		0x4b564de0
#define KVM_VMEXIT_ACCESS_CPL0		0x1
#define KVM_VMEXIT_ACCESS_HOST		0x2	/* read only: the host's decision */

/*
 * MSR_KVM_VMEXIT_MAX: a write of 0 sets the longest stops of all vCPUs to zero.
 * Reads as 0.
 */
#define MSR_KVM_VMEXIT_MAX		0x4b564de1

/*
 * MSR_KVM_VMEXIT_SAMPLE: a write asks for a sample of every n-th exit of one
 * reason on this vCPU.  Bits 31:0: n, 0 for no samples.  Bits 48:32: the
 * reason in its 16 bits, or KVM_VMEXIT_ALL.  Reads as the number of sampled
 * reasons.
 *
 * Some exits cannot be sampled, because the NMI of a sample causes them, or
 * would keep a nested guest from running: IRET, VINTR, CLGI and VMRUN on SVM,
 * NMI_WINDOW, INTERRUPT_WINDOW, VMLAUNCH and VMRESUME on VMX.
 *
 * At the n-th exit KVM keeps a sample and makes an NMI pending.  KVM keeps no
 * further sample until the guest writes 0 to MSR_KVM_VMEXIT_SAMPLE_STATUS.  KVM
 * also keeps no sample while NMIs are blocked or pending, or while a guest of
 * the guest or SMM runs.  MSR_KVM_VMEXIT_SAMPLE_LOST counts the exits whose
 * sample was not kept.  Sampling ends when the guest has another IDT than at the
 * last write to this MSR, because then another kernel runs.
 */
#define MSR_KVM_VMEXIT_SAMPLE		0x4b564de2
#define KVM_VMEXIT_SAMPLE_REASON_SHIFT	32

/*
 * MSR_KVM_VMEXIT_SAMPLE_STATUS: the sample.  Bits 15:0: its reason.  Bit 16:
 * there is a sample.  Bit 17: MSR_KVM_VMEXIT_SAMPLE_LOST is not zero.  Bits
 * 63:32: the exits that the sample stands for.  The guest writes 0 when it is
 * done with the sample.
 */
#define MSR_KVM_VMEXIT_SAMPLE_STATUS	0x4b564de3
#define KVM_VMEXIT_SAMPLE_VALID		0x10000
#define KVM_VMEXIT_SAMPLE_HAS_LOST	0x20000
#define KVM_VMEXIT_SAMPLE_EXITS_SHIFT	32

/*
 * MSR_KVM_VMEXIT_SAMPLE_DETAIL: what the sampled exit was about.  The port for
 * I/O, ECX for RDMSR and WRMSR, the guest-physical address for EPT_VIOLATION,
 * EPT_MISCONFIG and NPF, the vector for an exception, EAX for CPUID, the number
 * of a hypercall for VMCALL and VMMCALL, the exit qualification or EXITINFO1
 * for any other reason.  For APIC_ACCESS and APIC_WRITE the qualification has
 * the offset in the APIC's page, for AVIC's exits EXITINFO1 has it.  For
 * interrupts of the host it is zero: their vectors are not the guest's.
 */
#define MSR_KVM_VMEXIT_SAMPLE_DETAIL	0x4b564de4

/*
 * MSR_KVM_VMEXIT_SAMPLE_LOST: exits of sampled reasons that no sample stands
 * for.  A read sets it to zero.
 */
#define MSR_KVM_VMEXIT_SAMPLE_LOST	0x4b564de5

/*
 * A capability of a VM.  Its VMM enables it before the VM has a vCPU: args[0]
 * is KVM_VMEXIT_GUEST_*.  KVM_CHECK_EXTENSION returns the highest of these values.
 * The number of the capability is far from KVM's own, so that no kernel uses it for
 * another capability.
 */
#define KVM_CAP_X86_VMEXIT		0x45580001
#define KVM_VMEXIT_GUEST_NONE		0	/* no leaves, no MSRs */
#define KVM_VMEXIT_GUEST_ALL		1	/* the guest's kernel decides */
#define KVM_VMEXIT_GUEST_KERNEL		2	/* for the guest's kernel alone */

#endif /* _UAPI_ASM_X86_KVM_VMEXIT_H */
