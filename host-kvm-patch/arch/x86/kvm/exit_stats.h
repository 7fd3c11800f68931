/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exit statistics: the hooks in the exit path, and the counters of a vCPU.
 *
 * A stop is the time from a vCPU's exit to its next entry.  One round through
 * vcpu_enter_guest() passes the hooks in this order:
 *
 *	kvm_exit_stats_entry()		the last exit's stop ends
 *	kvm_exit_stats_exit()		in the vendor's vcpu_run()
 *	kvm_exit_stats_reenter()	after a fastpath: handling and stop end
 *	kvm_exit_stats_handled()	after the vendor's handle_exit()
 *
 * All run in the vCPU's own thread.  The first three run with interrupts off.
 * Before the last, the thread may be preempted and migrate to another CPU.  The
 * time of that is measured, too: the TSCs of all CPUs agree wherever KVM offers
 * a stable clock.  The host's interrupt and NMI handlers call none of the
 * hooks, so that nothing else counts on this vCPU.
 */
#ifndef __KVM_X86_EXIT_STATS_H
#define __KVM_X86_EXIT_STATS_H

#include <linux/bitops.h>
#include <linux/cache.h>
#include <linux/compiler.h>
#include <linux/jump_label.h>
#include <linux/kvm_host.h>
#include <asm/tsc.h>
#include <uapi/asm/kvm_vmexit.h>
#include <uapi/asm/svm.h>
#include <uapi/asm/vmx.h>

#ifdef CONFIG_KVM_EXIT_STATS

DECLARE_STATIC_KEY_TRUE(kvm_exit_stats_enabled);
DECLARE_STATIC_KEY_TRUE(kvm_exit_stats_stopped);

/* Older kernels have the statistics in another place, and define this there. */
#ifndef vcpu_exit_stats
#define vcpu_exit_stats(vcpu)	(&(vcpu)->arch.exit_stats)
#endif

/*
 * The vCPU leaf leaves out the exits that read it.  Their cycles and stops have
 * a row of their own, which all other sums add to CPUID.
 */
#define EXIT_STATS_ROW_READ	(KVM_VMEXIT_ROWS + 1)
#define EXIT_STATS_NR_ROWS	(KVM_VMEXIT_ROWS + 2)

/* The highest bit of a stop's cycles, in the first bucket and in the last. */
#define EXIT_STATS_BIT0		(KVM_VMEXIT_BUCKET0_SHIFT - 1)
#define EXIT_STATS_BITN		(EXIT_STATS_BIT0 + KVM_VMEXIT_BUCKETS - 1)

/*
 * The counters of one reason.  Its exits are in vcpu->stat.exits_by_reason,
 * because KVM_GET_STATS_FD needs them in one array.
 *
 * @cycles: host TSC cycles spent in handling the exits
 * @stopped: host TSC cycles from the exits to the next entries
 * @max: the longest stop; all ones in KVM_VMEXIT_NO_ROW
 * @left: exits until the next sample
 * @histogram: where the stops' histogram begins, 0 if there is none
 */
struct kvm_exit_stats_row {
	u64 cycles;
	u64 stopped;
	u64 max;
	u32 left;
	u16 histogram;
} __aligned(32);

/* The rows and the histograms fit in these whole pages. */
#define EXIT_STATS_BYTES	(4 * PAGE_SIZE)
#define EXIT_STATS_HISTOGRAMS	52

/*
 * What one vCPU counts.  The counters are written by the vCPU's own thread
 * alone, with plain stores, and read by anyone.
 *
 * @row: by row number.  KVM_VMEXIT_NO_ROW takes what belongs to no reason, so
 *	that the exit path needs no branch.  No sum contains it.
 * @histogram: stops by bucket.  The first KVM_VMEXIT_BUCKETS are for the rows
 *	without a histogram, and are never read.
 * @reads: exits for CPUID whose cycles are in EXIT_STATS_ROW_READ
 * @given: where the last histogram begins that a row got
 *
 * A row gets a histogram at its first stop, as long as one is left.  No
 * ordinary guest has been seen to use all of them.  A guest hypervisor that
 * intercepts everything can provoke more reasons.
 */
struct kvm_exit_stats_counters {
	struct kvm_exit_stats_row row[EXIT_STATS_NR_ROWS];
	u64 histogram[EXIT_STATS_HISTOGRAMS * KVM_VMEXIT_BUCKETS];
	u64 reads;
	u16 given;
};

static inline u32 kvm_exit_stats_isa(void)
{
	return boot_cpu_has(X86_FEATURE_SVM) ? KVM_VMEXIT_ISA_SVM :
					       KVM_VMEXIT_ISA_VMX;
}

static inline u32 kvm_exit_stats_cpuid_row(void)
{
	return kvm_exit_stats_isa() == KVM_VMEXIT_ISA_SVM ?
	       SVM_EXIT_CPUID : EXIT_REASON_CPUID;
}

void kvm_exit_stats_init_vm(struct kvm *kvm);
int kvm_exit_stats_create(struct kvm_vcpu *vcpu);
void kvm_exit_stats_destroy(struct kvm_vcpu *vcpu);
void kvm_exit_stats_longer(struct kvm_exit_stats_counters *c,
			   struct kvm_exit_stats_row *row, u64 cycles);

static __always_inline unsigned long kvm_exit_stats_bit(u64 cycles)
{
	return __fls(cycles | (BIT(KVM_VMEXIT_BUCKET0_SHIFT) - 1));
}

/*
 * Add to a counter of this vCPU.  One instruction stores all 64 bits, so that
 * a READ_ONCE() on another CPU gets the old number or the new one.  It needs no
 * LOCK prefix: no other thread writes.
 */
static __always_inline void kvm_exit_stats_add(u64 *counter, u64 n)
{
	asm volatile("addq %1, %0" : "+m" (*counter) : "er" (n));
}

/* kvm_vmexit_row(), with a short path for NPF, the one frequent high code. */
static __always_inline unsigned long kvm_exit_stats_row_nr(u32 isa, u32 reason)
{
	unsigned long nr = reason;

	if (isa != KVM_VMEXIT_ISA_SVM)
		return kvm_vmexit_row(isa, reason);
	if (reason < KVM_VMEXIT_SVM_LOW)
		return nr;
	if (unlikely(reason != KVM_VMEXIT_SVM_NPF))
		return kvm_vmexit_row(isa, reason);
	/* Hidden, or the compiler loads it early, into a second register. */
	nr = KVM_VMEXIT_SVM_LOW;
	OPTIMIZER_HIDE_VAR(nr);
	return nr;
}

/* Remember the row of the exit that is being handled. */
static __always_inline void kvm_exit_stats_set_row(struct kvm_exit_stats *s,
						   unsigned long nr)
{
	/* An offset takes one instruction less than a pointer, two at the entry. */
	WRITE_ONCE(s->row, nr * sizeof(struct kvm_exit_stats_row));
}

static __always_inline struct kvm_exit_stats_row *
kvm_exit_stats_row(const struct kvm_exit_stats *s)
{
	return (void *)s->counters + READ_ONCE(s->row);
}

/* The number of that row. */
static __always_inline u32 kvm_exit_stats_nr(const struct kvm_exit_stats *s)
{
	return READ_ONCE(s->row) / sizeof(struct kvm_exit_stats_row);
}

static __always_inline void kvm_exit_stats_set_tsc(struct kvm_exit_stats *s)
{
	u32 *half = (u32 *)&s->tsc;
	u32 low, high;

	/* Two stores take fewer instructions than joining the halves. */
	asm volatile("rdtsc" : "=a" (low), "=d" (high));
	WRITE_ONCE(half[0], low);
	WRITE_ONCE(half[1], high);
}

static __always_inline void __kvm_exit_stats_exit(struct kvm_vcpu *vcpu,
						  u32 isa, u32 reason)
{
	struct kvm_exit_stats *s = vcpu_exit_stats(vcpu);
	unsigned long nr = kvm_exit_stats_row_nr(isa, reason);

	kvm_exit_stats_add(&vcpu->stat.exits_by_reason[nr], 1);
	/* Hidden, or the compiler computes both addresses from one product. */
	OPTIMIZER_HIDE_VAR(nr);
	kvm_exit_stats_set_row(s, nr);
	kvm_exit_stats_set_tsc(s);
}

/*
 * Count a hardware exit of @vcpu.  @isa is a constant, KVM_VMEXIT_ISA_*.
 * @reason is what the hardware gave this host, also while a guest of the guest
 * was running.
 *
 * Call it where the vendor's code has read the reason, before any fastpath, and
 * not if VMLAUNCH or VMRESUME itself failed: then there was no exit.
 */
#define kvm_exit_stats_exit(vcpu, isa, reason) do {			\
	/* While counting is off, @reason is not even loaded. */		\
	if (static_branch_likely(&kvm_exit_stats_enabled))		\
		__kvm_exit_stats_exit(vcpu, isa, reason);		\
} while (0)

static __always_inline void
kvm_exit_stats_add_stop(struct kvm_exit_stats_counters *c,
			struct kvm_exit_stats_row *row, u64 cycles,
			unsigned long bit)
{
	kvm_exit_stats_add(&row->stopped, cycles);
	kvm_exit_stats_add(&c->histogram[row->histogram + bit -
					 EXIT_STATS_BIT0], 1);
}

/* The stop of the exit of @row ends at @now. */
static __always_inline void kvm_exit_stats_resume(struct kvm_exit_stats *s,
						  struct kvm_exit_stats_row *row,
						  u64 now)
{
	u64 cycles = now - s->tsc;
	unsigned long bit = kvm_exit_stats_bit(cycles);

	/* A row's first stop is the longest so far, and gets it a histogram. */
	if (unlikely(cycles > READ_ONCE(row->max) || bit > EXIT_STATS_BITN))
		kvm_exit_stats_longer(s->counters, row, cycles);
	else
		kvm_exit_stats_add_stop(s->counters, row, cycles, bit);
}

static __always_inline void kvm_exit_stats_forget(struct kvm_exit_stats *s)
{
	kvm_exit_stats_set_row(s, KVM_VMEXIT_NO_ROW);
}

/*
 * The vCPU is about to enter the guest.  Forget the last exit: an entry that
 * fails must not find it in kvm_exit_stats_handled().
 */
static __always_inline void kvm_exit_stats_entry(struct kvm_vcpu *vcpu)
{
	struct kvm_exit_stats *s = vcpu_exit_stats(vcpu);

	if (!static_branch_likely(&kvm_exit_stats_enabled))
		return;

	if (static_branch_likely(&kvm_exit_stats_stopped))
		kvm_exit_stats_resume(s, kvm_exit_stats_row(s), rdtsc());
	kvm_exit_stats_forget(s);
}

/*
 * A fastpath handled the exit, and the guest goes on.  One reading of the TSC
 * ends both the handling and the stop.
 */
static __always_inline void kvm_exit_stats_reenter(struct kvm_vcpu *vcpu)
{
	struct kvm_exit_stats *s = vcpu_exit_stats(vcpu);
	struct kvm_exit_stats_row *row;
	u64 now;

	if (!static_branch_likely(&kvm_exit_stats_enabled))
		return;

	row = kvm_exit_stats_row(s);
	now = rdtsc();
	kvm_exit_stats_add(&row->cycles, now - s->tsc);
	if (static_branch_likely(&kvm_exit_stats_stopped))
		kvm_exit_stats_resume(s, row, now);
	kvm_exit_stats_forget(s);
}

/* The vendor's handle_exit() has returned. */
static __always_inline void kvm_exit_stats_handled(struct kvm_vcpu *vcpu)
{
	struct kvm_exit_stats *s = vcpu_exit_stats(vcpu);
	u64 cycles;

	if (!static_branch_likely(&kvm_exit_stats_enabled))
		return;

	cycles = rdtsc() - s->tsc;
	/* Keep it in a register of RDTSC: one addition to memory, no copy. */
	asm("" : "+d" (cycles));
	kvm_exit_stats_add(&kvm_exit_stats_row(s)->cycles, cycles);
}

#else /* !CONFIG_KVM_EXIT_STATS */

static inline void kvm_exit_stats_exit(struct kvm_vcpu *vcpu, u32 isa,
				       u32 reason) { }
static inline void kvm_exit_stats_init_vm(struct kvm *kvm) { }
static inline int kvm_exit_stats_create(struct kvm_vcpu *vcpu) { return 0; }
static inline void kvm_exit_stats_destroy(struct kvm_vcpu *vcpu) { }
static inline void kvm_exit_stats_entry(struct kvm_vcpu *vcpu) { }
static inline void kvm_exit_stats_reenter(struct kvm_vcpu *vcpu) { }
static inline void kvm_exit_stats_handled(struct kvm_vcpu *vcpu) { }

#endif /* CONFIG_KVM_EXIT_STATS */

#endif /* __KVM_X86_EXIT_STATS_H */
