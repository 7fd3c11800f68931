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

#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/jump_label.h>
#include <linux/kvm_host.h>
#include <asm/tsc.h>

#include "exit_table.h"

/* Counters are read while others write them, without tearing. */
#ifndef CONFIG_X86_64
#error "Exit statistics need a 64-bit host"
#endif

DECLARE_STATIC_KEY_TRUE(kvm_exit_stats_enabled);
DECLARE_STATIC_KEY_TRUE(kvm_exit_stopped_enabled);

/* Whole pages: kmalloc() would round them up to a power of two. */
#define KVM_EXIT_STOPPED_BYTES	(3 * PAGE_SIZE)
#define KVM_EXIT_SNAPSHOT_BYTES	(2 * PAGE_SIZE)

#define KVM_EXIT_HISTOGRAMS	47

/* The highest bits of the cycles that the first bucket and the last are for. */
#define KVM_EXIT_STOPPED_BIT0	(KVM_EXITS_BUCKET0_SHIFT - 1)
#define KVM_EXIT_STOPPED_BITN	(KVM_EXIT_STOPPED_BIT0 + KVM_EXITS_BUCKETS - 1)

/**
 * struct kvm_exit_stopped - from exit to next entry, counted by one vCPU
 * @cycles: host TSC cycles, by row number
 * @max: the longest stop, by row number; all ones in the element for no row
 * @histogram: stops by bucket; the first %KVM_EXITS_BUCKETS are never read
 * @first: where in @histogram a row number has its own, 0 if it has none
 * @given: up to where @histogram is given away
 *
 * A histogram is given to a reason at its first stop, to as many as there are:
 * more than any guest has been seen to use, but fewer than a guest hypervisor
 * can provoke that intercepts all there is.
 */
struct kvm_exit_stopped {
	u64 cycles[KVM_EXITS_ROWS + 1];
	u64 max[KVM_EXITS_ROWS + 1];
	u64 histogram[KVM_EXIT_HISTOGRAMS * KVM_EXITS_BUCKETS];
	u16 first[KVM_EXITS_ROWS + 1];
	u16 given;
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
void kvm_exit_stopped_longer(struct kvm_exit_stopped *s, unsigned long row,
			     u64 cycles);
bool kvm_exit_stats_cpuid(struct kvm_vcpu *vcpu, u32 function, u32 index,
			  u32 *eax, u32 *ebx, u32 *ecx, u32 *edx);
void kvm_exit_stats_create_debugfs(struct kvm *kvm);

static __always_inline unsigned long kvm_exit_stopped_bit(u64 cycles)
{
	return __fls(cycles | (BIT(KVM_EXITS_BUCKET0_SHIFT) - 1));
}

static __always_inline void kvm_exit_stats_add(u64 *counter, u64 n)
{
	/* Nobody else writes it; who reads it gets it before or after. */
	data_race(*counter += n);
}

/* kvm_exits_row(), without a detour for the one high code that is frequent. */
static __always_inline unsigned long kvm_exit_stats_row(u32 isa, u32 reason)
{
	unsigned long row = reason;

	if (isa != KVM_EXITS_ISA_SVM)
		return kvm_exits_row(isa, reason);
	if (reason < KVM_EXITS_SVM_LOW)
		return row;
	if (unlikely(reason != KVM_EXITS_SVM_NPF))
		return kvm_exits_row(isa, reason);
	/* As a known constant it would be loaded ahead, to a second register. */
	row = KVM_EXITS_SVM_LOW;
	OPTIMIZER_HIDE_VAR(row);
	return row;
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
#define kvm_exit_stats_exit(vcpu, isa, reason) do {			\
	/* Turned off, it does not even look at the reason. */		\
	if (static_branch_likely(&kvm_exit_stats_enabled))		\
		__kvm_exit_stats_exit(vcpu, isa, reason);		\
} while (0)

static __always_inline void __kvm_exit_stats_exit(struct kvm_vcpu *vcpu,
						  u32 isa, u32 reason)
{
	struct kvm_exit_stats *s = &vcpu->exit_stats;
	unsigned long row = kvm_exit_stats_row(isa, reason);

	kvm_exit_stats_add(&s->exits[row], 1);
	WRITE_ONCE(s->row, row);
	s->tsc = rdtsc();
}

/**
 * kvm_exit_stats_no_exit() - the guest was not entered at all
 * @vcpu: the vCPU
 *
 * For the vendor's early return: the hooks in common code belong to no reason
 * then, and KVM wants to know the TSC nevertheless.
 */
static __always_inline void kvm_exit_stats_no_exit(struct kvm_vcpu *vcpu)
{
	vcpu->exit_stats.tsc = rdtsc();
}

static __always_inline void kvm_exit_stopped_add(struct kvm_exit_stopped *s,
						 unsigned long row, u64 cycles,
						 unsigned long bit)
{
	kvm_exit_stats_add(&s->cycles[row], cycles);
	kvm_exit_stats_add(&s->histogram[s->first[row] + bit -
					 KVM_EXIT_STOPPED_BIT0], 1);
}

/* The stop of the exit of @row ends at @now. */
static __always_inline void kvm_exit_stats_resume(struct kvm_exit_stats *s,
						  unsigned long row, u64 now)
{
	struct kvm_exit_stopped *stopped = s->stopped;
	u64 cycles = now - s->tsc;
	unsigned long bit = kvm_exit_stopped_bit(cycles);

	/* A reason's first stop is longer than none, and gets its histogram. */
	if (unlikely(cycles > stopped->max[row] || bit > KVM_EXIT_STOPPED_BITN))
		kvm_exit_stopped_longer(stopped, row, cycles);
	else
		kvm_exit_stopped_add(stopped, row, cycles, bit);
}

/**
 * kvm_exit_stats_entry() - the vCPU is about to enter the guest
 * @vcpu: the vCPU
 *
 * Without the second clock this only forgets the last exit: an entry that
 * fails must not find it in kvm_exit_stats_handled().
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
	unsigned long row = READ_ONCE(s->row);
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
 * Return: the host's TSC at the exit.  It is that of the exit before, if VMX
 * refused the instruction, or while the vendor's hook is being switched off.
 */
static __always_inline u64 kvm_exit_stats_tsc(struct kvm_vcpu *vcpu)
{
	return vcpu->exit_stats.tsc;
}

/**
 * kvm_exit_stats_handled() - the vendor's handle_exit() is done
 * @vcpu: the vCPU
 */
static __always_inline void kvm_exit_stats_handled(struct kvm_vcpu *vcpu)
{
	struct kvm_exit_stats *s = &vcpu->exit_stats;
	u64 cycles = rdtsc() - s->tsc;

	/* Where RDTSC left it, for one addition in memory and no copies. */
	asm("" : "+d" (cycles));
	kvm_exit_stats_add(&s->cycles[READ_ONCE(s->row)], cycles);
}

#endif /* _KVM_X86_EXIT_STATS_H */
