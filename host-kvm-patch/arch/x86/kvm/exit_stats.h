/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exit statistics: the hooks in the exit path, and the counters of a vCPU.
 *
 * A stop is the time from a vCPU's exit to its next entry.  One round through
 * vcpu_enter_guest() passes the hooks in this order:
 *
 *	kvm_exit_stats_vmentry()	the last exit's stop ends
 *	kvm_exit_stats_vmexit()		in the vendor's vcpu_run()
 *	kvm_exit_stats_reenter()	after a fastpath: handling and stop end
 *	kvm_exit_stats_handled()	after the vendor's handle_exit()
 *
 * All hooks run in the vCPU's own thread.  The first three run with interrupts
 * off.  Before the last hook, the thread may be preempted and migrate to another
 * CPU.  The measured time includes this, because the TSCs of all CPUs agree
 * wherever KVM offers a stable clock.  The host's interrupt and NMI handlers call
 * no hook, so that only this thread writes the vCPU's counters.
 */
#ifndef __KVM_X86_EXIT_STATS_H
#define __KVM_X86_EXIT_STATS_H

#include <linux/bitops.h>
#include <linux/cache.h>
#include <linux/compiler.h>
#include <linux/jump_label.h>
#include <linux/kvm_host.h>
#include <asm/tsc.h>
#include <uapi/asm/svm.h>
#include <uapi/asm/vmx.h>

#include "exit_stats_rows.h"

#ifdef CONFIG_KVM_EXIT_STATS

#include "exit_stats_kvm.h"

DECLARE_STATIC_KEY_TRUE(kvm_exit_stats_enabled);
DECLARE_STATIC_KEY_TRUE(kvm_exit_stats_stopped);

/*
 * The vCPU leaf leaves out the exits that read it.  The cycles and stops of these
 * exits have a row of their own.  All other sums add this row to the row of CPUID.
 */
#define EXIT_STATS_ROW_READ	(KVM_EXIT_STATS_ROWS + 1)
#define EXIT_STATS_ROWS		(KVM_EXIT_STATS_ROWS + 2)

/* The highest set bit of a stop's cycles, for the first bucket and for the last. */
#define EXIT_STATS_BIT0		(EXIT_BUCKET0_SHIFT - 1)
#define EXIT_STATS_BITN		(EXIT_STATS_BIT0 + EXIT_BUCKETS - 1)

/*
 * The counters of one reason.  Its exits are in vcpu->stat.exits_by_reason,
 * because KVM_GET_STATS_FD needs them in one array.
 *
 * @cycles: host TSC cycles spent in handling the exits
 * @stopped: host TSC cycles from the exits to the next entries
 * @max: the longest stop; all ones in EXIT_STATS_ROW_NONE
 * @until_sample: exits until the next sample
 * @first_bucket: where the stops' histogram begins, 0 if there is none
 */
struct kvm_exit_stats_row {
	u64 cycles;
	u64 stopped;
	u64 max;
	u32 until_sample;
	u16 first_bucket;
} __aligned(32);

/* The rows and the histograms fit in these whole pages. */
#define EXIT_STATS_BYTES	(4 * PAGE_SIZE)
#define EXIT_STATS_HISTOGRAMS	52

/*
 * Sums over the VM's vCPUs, for a leaf that the vCPU reads.  They are made in
 * parts: see exit_stats_snapshot.c.
 *
 * @function, @index: the leaf; 0 if there is no sum
 * @next: the next vCPU to add
 * @generation: the generation of the counts when the sum began
 * @listed: @rows is complete, for a snapshot
 * @complete: all vCPUs have been added
 * @expires: after this time, in jiffies, an incomplete sum is begun anew
 * @abandoned: number of incomplete sums before this one
 * @exits, @cycles: the sums over all rows
 * @row_exits, @row_cycles: the sums for the row of the reason in @index
 * @rows: the rows that have exits, for a snapshot
 */
struct kvm_exit_stats_sum {
	u32 function, index;
	u32 next;
	u32 generation;
	bool listed, complete;
	unsigned long expires;
	u32 abandoned;
	u64 exits, cycles;
	u64 row_exits, row_cycles;
	DECLARE_BITMAP(rows, KVM_EXIT_STATS_ROWS);
};

/*
 * What one vCPU counts.  Only the vCPU's own thread writes this, with plain stores.
 * Any thread may read it.
 *
 * @row: the counters of each row.  EXIT_STATS_ROW_NONE takes what belongs to no
 *	reason, so that the exit path needs no branch.
 * @bucket: the buckets of all histograms.  The first EXIT_BUCKETS are for the
 *	rows without a histogram, and are never read.
 * @reads: exits for CPUID whose cycles are in EXIT_STATS_ROW_READ
 * @last_bucket: the first bucket of the newest histogram
 * @sum: the sum for the leaf that this vCPU reads
 *
 * A row gets a histogram at its first stop, unless all histograms are in use.  No
 * ordinary guest has been seen to use all.  But a guest hypervisor that intercepts
 * everything can cause exits of more reasons than there are histograms.
 */
struct kvm_exit_stats_counters {
	struct kvm_exit_stats_row row[EXIT_STATS_ROWS];
	u64 bucket[EXIT_STATS_HISTOGRAMS * EXIT_BUCKETS];
	u64 reads;
	u16 last_bucket;
	struct kvm_exit_stats_sum sum;
};

static inline u32 kvm_exit_stats_isa(void)
{
	return boot_cpu_has(X86_FEATURE_SVM) ? EXIT_ISA_SVM : EXIT_ISA_VMX;
}

static inline u32 kvm_exit_stats_cpuid_row(void)
{
	return kvm_exit_stats_isa() == EXIT_ISA_SVM ?
	       SVM_EXIT_CPUID : EXIT_REASON_CPUID;
}

void kvm_exit_stats_init_vm(struct kvm_exit_stats_vm *vm);
int kvm_exit_stats_create(struct kvm_exit_stats *s,
			  struct kvm_exit_stats_vm *vm, const u64 *exits);
void kvm_exit_stats_destroy(struct kvm_exit_stats *s);
void kvm_exit_stats_new_max(struct kvm_exit_stats_counters *c,
			    struct kvm_exit_stats_row *row, u64 cycles);

/* The generation of the counts, or 0 while they have a gap or are switched off. */
static inline u32 kvm_exit_stats_generation(const struct kvm_exit_stats_vm *vm)
{
	if (!static_key_enabled(&kvm_exit_stats_enabled))
		return 0;
	/* Pairs with smp_store_release() in new_generation(). */
	return smp_load_acquire(&vm->generation);
}

static __always_inline unsigned long kvm_exit_stats_bit(u64 cycles)
{
	return __fls(cycles | (BIT(EXIT_BUCKET0_SHIFT) - 1));
}

/*
 * Add to a counter of this vCPU.  One instruction stores all 64 bits, so that a
 * READ_ONCE() on another CPU gets the old number or the new one.  It needs no
 * LOCK prefix, because no other thread writes.  In vcpu_enter_guest() the compiler
 * would make four instructions of "*counter += n".
 */
static __always_inline void kvm_exit_stats_add(u64 *counter, u64 n)
{
	asm volatile("addq %1, %0" : "+m" (*counter) : "er" (n));
}

/* The row of the exit that is being handled, and its number. */
static __always_inline struct kvm_exit_stats_row *
kvm_exit_stats_current(const struct kvm_exit_stats *s)
{
	return &s->counters->row[READ_ONCE(s->row)];
}

static __always_inline u32 kvm_exit_stats_row(const struct kvm_exit_stats *s)
{
	return READ_ONCE(s->row);
}

static __always_inline void kvm_exit_stats_set_row(struct kvm_exit_stats *s,
						   unsigned long row)
{
	WRITE_ONCE(s->row, row);
}

/*
 * An exit of @row begins.  Storing the two halves of the TSC separately takes three
 * instructions less than joining them.  It takes no more cycles, even if a fastpath
 * follows: the halves are in the cache long before they are read as one number.
 */
static __always_inline void kvm_exit_stats_begin(struct kvm_exit_stats *s,
						 unsigned long row)
{
	u32 *half = (u32 *)&s->tsc;
	u32 low, high;

	kvm_exit_stats_set_row(s, row);
	asm volatile("rdtsc" : "=a" (low), "=d" (high));
	WRITE_ONCE(half[0], low);
	WRITE_ONCE(half[1], high);
}

static __always_inline void kvm_exit_stats_count(struct kvm_vcpu *vcpu, u32 isa,
						 u32 reason)
{
	unsigned long row = exit_stats_row_of(isa, reason);

	/* Hide @row from the compiler, which would make one instruction more. */
	OPTIMIZER_HIDE_VAR(row);
	kvm_exit_stats_add(&vcpu_exits(vcpu)[row + 1], 1);
	kvm_exit_stats_begin(vcpu_exit_stats(vcpu), row);
}

/*
 * Count a hardware exit of @vcpu.  @isa is a constant, EXIT_ISA_*.  @reason is the
 * reason that the hardware gave this host, even if a guest of the guest was running.
 *
 * Call it where the vendor's code has read the reason, before any fastpath, and
 * not if VMLAUNCH or VMRESUME itself failed: then there was no exit.
 */
#define kvm_exit_stats_vmexit(vcpu, isa, reason) do {			\
	/* While counting is off, @reason is not even loaded. */		\
	if (static_branch_likely(&kvm_exit_stats_enabled))		\
		kvm_exit_stats_count(vcpu, isa, reason);		\
} while (0)

static __always_inline void
kvm_exit_stats_add_stop(struct kvm_exit_stats_counters *c,
			struct kvm_exit_stats_row *row, u64 cycles,
			unsigned long bit)
{
	kvm_exit_stats_add(&row->stopped, cycles);
	kvm_exit_stats_add(&c->bucket[row->first_bucket + bit -
				      EXIT_STATS_BIT0], 1);
}

/* The stop of the exit of @row ends at @now. */
static __always_inline void
kvm_exit_stats_end_stop(struct kvm_exit_stats *s,
			struct kvm_exit_stats_row *row, u64 now)
{
	u64 cycles = now - s->tsc;
	unsigned long bit = kvm_exit_stats_bit(cycles);

	/* This is true of a row's first stop, so that the row gets a histogram. */
	if (unlikely(cycles > row->max || bit > EXIT_STATS_BITN))
		kvm_exit_stats_new_max(s->counters, row, cycles);
	else
		kvm_exit_stats_add_stop(s->counters, row, cycles, bit);
}

static __always_inline void kvm_exit_stats_forget(struct kvm_exit_stats *s)
{
	kvm_exit_stats_set_row(s, EXIT_STATS_ROW_NONE);
}

static __always_inline void __kvm_exit_stats_vmentry(struct kvm_exit_stats *s)
{
	if (static_branch_likely(&kvm_exit_stats_stopped))
		kvm_exit_stats_end_stop(s, kvm_exit_stats_current(s), rdtsc());
	kvm_exit_stats_forget(s);
}

/*
 * The vCPU is about to enter the guest.  Forget the last exit: if the entry
 * fails, kvm_exit_stats_handled() must not add to it a second time.
 */
static __always_inline void kvm_exit_stats_vmentry(struct kvm_vcpu *vcpu)
{
	if (static_branch_likely(&kvm_exit_stats_enabled))
		__kvm_exit_stats_vmentry(vcpu_exit_stats(vcpu));
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

	row = kvm_exit_stats_current(s);
	now = rdtsc();
	kvm_exit_stats_add(&row->cycles, now - s->tsc);
	if (static_branch_likely(&kvm_exit_stats_stopped))
		kvm_exit_stats_end_stop(s, row, now);
	kvm_exit_stats_forget(s);
}

static __always_inline void __kvm_exit_stats_handled(struct kvm_exit_stats *s)
{
	kvm_exit_stats_add(&kvm_exit_stats_current(s)->cycles, rdtsc() - s->tsc);
}

/* The vendor's handle_exit() has returned. */
static __always_inline void kvm_exit_stats_handled(struct kvm_vcpu *vcpu)
{
	if (static_branch_likely(&kvm_exit_stats_enabled))
		__kvm_exit_stats_handled(vcpu_exit_stats(vcpu));
}

/* KVM has created this VM, with zeroed memory. */
static inline void kvm_exit_stats_vm_created(struct kvm *kvm)
{
	kvm_exit_stats_init_vm(vm_exit_stats(kvm));
}

/* This vCPU is new, zeroed and not yet visible to others.  Return 0 or -ENOMEM. */
static inline int kvm_exit_stats_vcpu_created(struct kvm_vcpu *vcpu)
{
	int ret = kvm_exit_stats_create(vcpu_exit_stats(vcpu),
					vm_exit_stats(vcpu->kvm),
					vcpu_exits(vcpu));

	/* A reset of the longest stops does not reach a vCPU that is not online yet. */
	if (!ret)
		exit_stats_ask_for_reset(vcpu);
	return ret;
}

/* KVM destroys this vCPU, and nobody reads its counters any more. */
static inline void kvm_exit_stats_vcpu_destroyed(struct kvm_vcpu *vcpu)
{
	kvm_exit_stats_destroy(vcpu_exit_stats(vcpu));
}

#else /* !CONFIG_KVM_EXIT_STATS */

static inline void kvm_exit_stats_vmexit(struct kvm_vcpu *vcpu, u32 isa,
					 u32 reason) { }
static inline void kvm_exit_stats_vmentry(struct kvm_vcpu *vcpu) { }
static inline void kvm_exit_stats_reenter(struct kvm_vcpu *vcpu) { }
static inline void kvm_exit_stats_handled(struct kvm_vcpu *vcpu) { }
static inline void kvm_exit_stats_vm_created(struct kvm *kvm) { }
static inline int kvm_exit_stats_vcpu_created(struct kvm_vcpu *vcpu)
{
	return 0;
}

static inline void kvm_exit_stats_vcpu_destroyed(struct kvm_vcpu *vcpu) { }

#endif /* CONFIG_KVM_EXIT_STATS */

#endif /* __KVM_X86_EXIT_STATS_H */
