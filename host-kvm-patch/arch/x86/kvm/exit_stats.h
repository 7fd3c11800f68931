/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exit statistics: the hooks in the exit path, and what reads the counters.
 *
 * One round through vcpu_enter_guest() passes the hooks in this order:
 *
 *	kvm_exit_stats_entry()		the last exit's stop ends
 *	kvm_exit_stats_exit()		in the vendor's vcpu_run()
 *	kvm_exit_stats_reenter()	only after a fastpath: handled, stop ends
 *	kvm_exit_stats_tsc()		KVM's own reading of the TSC
 *	kvm_exit_stats_handled()	after the vendor's handle_exit()
 *
 * All run in the vCPU's own thread.  The first four run with interrupts off.
 * The last may be preempted and migrate, which it measures: TSCs are in step
 * wherever KVM offers a stable clock.  An interrupt or NMI does not exit, so
 * no other context counts on this vCPU.
 */
#ifndef _KVM_X86_EXIT_STATS_H
#define _KVM_X86_EXIT_STATS_H

#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/jump_label.h>
#include <linux/log2.h>
#include <linux/kvm_host.h>
#include <asm/tsc.h>

#include "exit_table.h"

DECLARE_STATIC_KEY_TRUE(kvm_exit_stats_enabled);
DECLARE_STATIC_KEY_TRUE(kvm_exit_stopped_enabled);

/* Whole pages: kmalloc() would round them up to a power of two. */
#define KVM_EXIT_STOPPED_BYTES	(3 * PAGE_SIZE)
#define KVM_EXIT_SNAPSHOT_BYTES	(2 * PAGE_SIZE)

#define KVM_EXIT_HISTOGRAMS	47

/**
 * struct kvm_exit_stopped - from exit to next entry, counted by one vCPU
 * @cycles: host TSC cycles, by row number
 * @max: the longest stop, by row number; all ones in the element for no row
 * @slot: which of @histogram a row number has, 0 if it has none
 * @slots: slots given away
 * @histogram: stops by bucket; slot 0 is never read
 *
 * A histogram is given to a reason at its first stop, to as many as there are:
 * more than any guest has been seen to use, but fewer than a guest hypervisor
 * can provoke that intercepts all there is.
 */
struct kvm_exit_stopped {
	u64 cycles[KVM_EXITS_ROWS + 1];
	u64 max[KVM_EXITS_ROWS + 1];
	u64 histogram[KVM_EXIT_HISTOGRAMS][KVM_EXITS_BUCKETS];
	u8 slot[KVM_EXITS_ROWS + 1];
	u8 slots;
};

/**
 * struct kvm_exit_snapshot - the sum over a VM's vCPUs at one time
 * @nr: reasons that are not zero
 * @histograms: of how many of them, the first ones, @histogram has a sum
 * @total: all exits
 * @number: their row numbers, ascending
 * @row: their counts; behind the last one come the histograms
 */
struct kvm_exit_snapshot {
	u8 nr;
	u8 histograms;
	u64 total;
	u8 number[KVM_EXITS_ROWS];
	struct kvm_exit_row row[];
};

static inline u64 *kvm_exit_snapshot_histogram(struct kvm_exit_snapshot *s,
					       unsigned int i)
{
	return (u64 *)&s->row[s->nr] + i * KVM_EXITS_BUCKETS;
}

static inline u32 kvm_exit_stats_isa(void)
{
	return boot_cpu_has(X86_FEATURE_SVM) ? KVM_EXITS_ISA_SVM :
					       KVM_EXITS_ISA_VMX;
}

int kvm_exit_stats_create(struct kvm_vcpu *vcpu);
void kvm_exit_stats_destroy(struct kvm_vcpu *vcpu);
u32 kvm_exit_stats_generation(struct kvm *kvm);
void kvm_exit_snapshot_take(struct kvm *kvm, struct kvm_exit_snapshot *s);
u64 kvm_exit_stopped_longer(struct kvm_exit_stopped *s, u32 row, u64 cycles);
bool kvm_exit_stats_cpuid(struct kvm_vcpu *vcpu, u32 function, u32 index,
			  u32 *eax, u32 *ebx, u32 *ecx, u32 *edx);
void kvm_exit_stats_create_debugfs(struct kvm *kvm);

static __always_inline void kvm_exit_stats_add(u64 *counter, u64 n)
{
	/* Nobody else writes it; who reads it gets it before or after. */
	data_race(*counter += n);
}

/**
 * kvm_exit_stats_exit() - count a hardware exit
 * @vcpu: the vCPU that exited
 * @isa: KVM_EXITS_ISA_*, a constant
 * @reason: what the hardware gave this host, whoever's guest was running
 *
 * Stands where the vendor's code has just learnt the reason, before any
 * fastpath.  Where VMX refuses the instruction itself there is no exit.
 */
static __always_inline void kvm_exit_stats_exit(struct kvm_vcpu *vcpu, u32 isa,
						u32 reason)
{
	struct kvm_exit_stats *s = &vcpu->exit_stats;
	u32 row;

	if (!static_branch_likely(&kvm_exit_stats_enabled))
		return;

	row = kvm_exits_row(isa, reason);
	kvm_exit_stats_add(&s->exits[row], 1);
	WRITE_ONCE(s->row, row);
	s->tsc = rdtsc();
}

/* The stop of the exit of @row ends at @now. */
static __always_inline void kvm_exit_stats_resume(struct kvm_exit_stats *s,
						  u32 row, u64 now)
{
	struct kvm_exit_stopped *stopped = s->stopped;
	u64 cycles = now - s->tsc;
	unsigned int bucket;

	/* A reason's first stop is longer than none: it gets its slot here. */
	if (unlikely(cycles > stopped->max[row]))
		cycles = kvm_exit_stopped_longer(stopped, row, cycles);

	kvm_exit_stats_add(&stopped->cycles[row], cycles);
	bucket = ilog2(cycles | (BIT(KVM_EXITS_BUCKET0_SHIFT) - 1)) -
		 (KVM_EXITS_BUCKET0_SHIFT - 1);
	if (unlikely(bucket > KVM_EXITS_BUCKETS - 1))
		bucket = KVM_EXITS_BUCKETS - 1;
	kvm_exit_stats_add(&stopped->histogram[stopped->slot[row]][bucket], 1);
}

/**
 * kvm_exit_stats_entry() - the vCPU is about to enter the guest
 * @vcpu: the vCPU
 *
 * Without the second clock this only forgets the last exit: an entry that
 * fails must not find it in kvm_exit_stats_tsc().
 */
static __always_inline void kvm_exit_stats_entry(struct kvm_vcpu *vcpu)
{
	struct kvm_exit_stats *s = &vcpu->exit_stats;

	if (static_branch_likely(&kvm_exit_stopped_enabled))
		kvm_exit_stats_resume(s, READ_ONCE(s->row), rdtsc());
	WRITE_ONCE(s->row, KVM_EXITS_NO_ROW);
}

/**
 * kvm_exit_stats_reenter() - a fastpath handled the exit, the guest goes on
 * @vcpu: the vCPU
 *
 * One reading of the TSC is the end of both, the handling and the stop.
 */
static __always_inline void kvm_exit_stats_reenter(struct kvm_vcpu *vcpu)
{
	struct kvm_exit_stats *s = &vcpu->exit_stats;
	u32 row = READ_ONCE(s->row);
	u64 now = rdtsc();

	kvm_exit_stats_add(&s->cycles[row], now - s->tsc);
	if (static_branch_likely(&kvm_exit_stopped_enabled))
		kvm_exit_stats_resume(s, row, now);
	WRITE_ONCE(s->row, KVM_EXITS_NO_ROW);
}

/**
 * kvm_exit_stats_tsc() - the reading of the TSC that KVM takes after an exit
 * @vcpu: the vCPU
 *
 * Return: the host's TSC at the exit if one was counted in this round, else
 * now: the entry failed, or the vendor's hook was switched on or off meanwhile.
 */
static __always_inline u64 kvm_exit_stats_tsc(struct kvm_vcpu *vcpu)
{
	struct kvm_exit_stats *s = &vcpu->exit_stats;

	return likely(READ_ONCE(s->row) != KVM_EXITS_NO_ROW) ? s->tsc : rdtsc();
}

/**
 * kvm_exit_stats_handled() - the vendor's handle_exit() is done
 * @vcpu: the vCPU
 */
static __always_inline void kvm_exit_stats_handled(struct kvm_vcpu *vcpu)
{
	struct kvm_exit_stats *s = &vcpu->exit_stats;

	kvm_exit_stats_add(&s->cycles[READ_ONCE(s->row)], rdtsc() - s->tsc);
}

#endif /* _KVM_X86_EXIT_STATS_H */
