// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exit statistics: the CPUID leaves by which a guest reads them.
 *
 * asm/kvm_vmexit.h describes the leaves.
 */
#include <linux/bits.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <uapi/asm/kvm_vmexit.h>

#include "exit_stats_access.h"
#include "exit_stats_cpuid.h"
#include "exit_stats_sample.h"
#include "exit_stats_snapshot.h"
#include "exit_stats_vcpu.h"
#include "exit_table.h"

static_assert(EXIT_ISA_VMX == KVM_VMEXIT_ISA_VMX);
static_assert(EXIT_ISA_SVM == KVM_VMEXIT_ISA_SVM);
static_assert(EXIT_BUCKETS == KVM_VMEXIT_BUCKETS);
static_assert(EXIT_BUCKET0_SHIFT == KVM_VMEXIT_BUCKET0_SHIFT);

/* The registers that a leaf returns.  Bits that it does not define are zero. */
struct answer {
	u32 eax, ebx, ecx, edx;
};

static void set_low_high(u32 *low, u32 *high, u64 value)
{
	*low = value;
	*high = value >> 32;
}

/* The row of a reason that a guest names.  Speculation must not leave the array. */
static u32 row_of(u32 reason)
{
	return array_index_nospec(exit_stats_row_of(kvm_exit_stats_isa(), reason),
				  EXIT_STATS_ROW_NONE + 1);
}

/*
 * Can the guest read this leaf now?  If the VMM has defined the leaf, for any ECX,
 * its definition holds.
 */
bool kvm_exit_stats_has_leaf(struct kvm_exit_stats *s, u32 function)
{
	struct kvm_vcpu *vcpu = exit_stats_vcpu(s);
	int i;

	if (!kvm_exit_stats_visible(s))
		return false;

	for (i = 0; i < vcpu->arch.cpuid_nent; i++)
		if (vcpu->arch.cpuid_entries[i].function == function)
			return false;
	return true;
}

static bool is_live_leaf(u32 function)
{
	return function >= KVM_VMEXIT_LEAF_REASON_CYCLES &&
	       function <= KVM_VMEXIT_LEAF_TOTAL;
}

static bool needs_sum(u32 function)
{
	return is_live_leaf(function) || function == KVM_VMEXIT_LEAF_SNAPSHOT;
}

/* Allocate the memory at the first snapshot: most vCPUs never take one. */
static struct kvm_exit_stats_snapshot *get_snapshot(struct kvm_exit_stats *s)
{
	if (!s->snapshot)
		s->snapshot = alloc_pages_exact(EXIT_STATS_SNAPSHOT_BYTES,
						GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	return s->snapshot;
}

/* After this many incomplete sums, the next sum is made without a break. */
#define MAX_ABANDONED	8u

/*
 * Work on the sum for a leaf.  Begin a new sum if the present one is for another
 * leaf, is of another generation, or was left incomplete too long ago.  Return true
 * once the sum is complete, or if there is no memory for it.
 */
static bool sum_some(struct kvm_exit_stats *s, u32 function, u32 index)
{
	struct kvm_exit_stats_sum *sum = &s->counters->sum;
	struct kvm_exit_stats_snapshot *snapshot;
	u32 abandoned;

	/* These leaves ignore ECX. */
	if (function == KVM_VMEXIT_LEAF_TOTAL ||
	    function == KVM_VMEXIT_LEAF_SNAPSHOT)
		index = 0;

	if (sum->function != function || sum->index != index ||
	    sum->generation != kvm_exit_stats_generation(s->vm) ||
	    (!sum->complete && sum->abandoned < MAX_ABANDONED &&
	     time_after(jiffies, sum->expires))) {
		abandoned = sum->abandoned + (sum->function && !sum->complete);
		kvm_exit_stats_begin_sum(sum);
		sum->function = function;
		sum->index = index;
		sum->generation = kvm_exit_stats_generation(s->vm);
		sum->expires = jiffies + HZ / 10;
		sum->abandoned = min(abandoned, MAX_ABANDONED);
	}
	if (sum->complete)
		return true;

	if (is_live_leaf(function)) {
		sum->complete = kvm_exit_stats_add_some(s->vm, s, sum,
							row_of(index));
	} else {
		snapshot = get_snapshot(s);
		if (!snapshot)
			return true;
		snapshot->generation = 0;
		sum->complete = kvm_exit_stats_snapshot_some(s->vm, s, sum,
							     snapshot);
	}
	return sum->complete;
}

/*
 * Can the leaf be answered now?  If not, KVM must let the guest execute its
 * CPUID again: then this function goes on where it was.  In between, the guest
 * takes its interrupts, and the vCPU its signals and requests.
 *
 * A guest that accesses other leaves meanwhile, in an interrupt or in another
 * process, makes the sum begin anew.  After MAX_ABANDONED incomplete sums, the next
 * sum is made without a break, so that no CPUID is repeated for ever.
 */
bool __kvm_exit_stats_cpuid_ready(struct kvm_exit_stats *s, u32 function,
				  u32 index)
{
	if (!needs_sum(function) || exit_stats_is_encrypted(s) ||
	    !kvm_exit_stats_has_leaf(s, function))
		return true;

	while (!sum_some(s, function, index)) {
		if (s->counters->sum.abandoned < MAX_ABANDONED)
			return false;
		cond_resched();
	}
	return true;
}

/*
 * Complete the sum for a leaf.  Usually it is complete.  If not, KVM cannot let
 * the guest execute the instruction again, because KVM emulates it or the guest is
 * encrypted: then the leaf is answered only if one part completes the sum.
 */
static bool complete_sum(struct kvm_exit_stats *s, u32 function, u32 index)
{
	struct kvm_exit_stats_sum *sum = &s->counters->sum;
	bool complete = sum_some(s, function, index) && sum->complete;

	/* The next CPUID for this leaf begins a new sum. */
	sum->function = 0;
	sum->abandoned = 0;
	return complete;
}

static void answer_live(struct kvm_exit_stats *s, u32 function, u32 reason,
			struct answer *a)
{
	struct kvm_exit_stats_sum *sum = &s->counters->sum;
	bool by_reason = function != KVM_VMEXIT_LEAF_TOTAL;
	u32 isa = kvm_exit_stats_isa();

	if (!complete_sum(s, function, reason) ||
	    !kvm_exit_stats_generation(s->vm))
		return;

	if (function != KVM_VMEXIT_LEAF_REASON_CYCLES)
		set_low_high(&a->ecx, &a->ebx, sum->cycles);

	if (by_reason && !sum->row_exits &&
	    !(exit_reason_is_defined(isa, reason) &&
	      exit_reason_has_name(isa, reason))) {
		if (function != KVM_VMEXIT_LEAF_TOTAL_CYCLES)
			memset(a, 0, sizeof(*a));
		if (!exit_reason_is_defined(isa, reason))
			a->edx = KVM_VMEXIT_UNDEFINED;
		return;
	}

	if (by_reason && function != KVM_VMEXIT_LEAF_REASON_CYCLES)
		set_low_high(&a->eax, &a->edx, sum->row_exits);
	else
		set_low_high(&a->eax, &a->edx, sum->exits);
	if (function == KVM_VMEXIT_LEAF_REASON_CYCLES)
		set_low_high(&a->ecx, &a->ebx, sum->row_cycles);
}

static void answer_signature(struct answer *a)
{
	a->eax = KVM_VMEXIT_LEAF_LAST;
	memcpy(&a->ebx, KVM_VMEXIT_SIGNATURE, 4);
	memcpy(&a->ecx, KVM_VMEXIT_SIGNATURE + 4, 4);
	memcpy(&a->edx, KVM_VMEXIT_SIGNATURE + 8, 4);
}

static void answer_interface(struct kvm_exit_stats *s, struct answer *a)
{
	a->eax = KVM_VMEXIT_VERSION;
	a->ebx = KVM_VMEXIT_FEAT_VCPU | exit_stats_features(s);
	if (static_key_enabled(&kvm_exit_stats_stopped))
		a->ebx |= KVM_VMEXIT_FEAT_STOPPED;
	a->ecx = kvm_exit_stats_isa();
	a->edx = tsc_khz;
}

static void answer_vm(struct kvm_exit_stats_vm *vm, struct answer *a)
{
	a->eax = kvm_exit_stats_generation(vm);
	a->ecx = READ_ONCE(vm->from_zero) ? KVM_VMEXIT_VM_FROM_ZERO : 0;
	if (!static_key_enabled(&kvm_exit_stats_enabled))
		a->ecx = KVM_VMEXIT_VM_OFF;
}

static void answer_snapshot(struct kvm_exit_stats *s, u32 index,
			    struct answer *a)
{
	bool complete = complete_sum(s, KVM_VMEXIT_LEAF_SNAPSHOT, index);
	struct kvm_exit_stats_snapshot *snapshot = s->snapshot;

	if (!snapshot)
		return;

	/* The sum was not completed, or its generation has ended: no snapshot. */
	if (!complete || !snapshot->generation) {
		snapshot->nr = 0;
		snapshot->histograms = 0;
		return;
	}
	a->eax = snapshot->nr | KVM_VMEXIT_SNAPSHOT_MAGIC << 16;
	a->ebx = snapshot->generation;
	set_low_high(&a->ecx, &a->edx, snapshot->exits);
}

/* The snapshot's counts at a position, or NULL. */
static const struct exit_counts *
counts_at(const struct kvm_exit_stats_snapshot *snapshot, u32 *position)
{
	if (!snapshot || *position >= snapshot->nr)
		return NULL;
	*position = array_index_nospec(*position, snapshot->nr);
	return &snapshot->counts[*position];
}

static void answer_row(const struct kvm_exit_stats_snapshot *snapshot,
		       u32 position, struct answer *a)
{
	const struct exit_counts *counts = counts_at(snapshot, &position);

	if (!counts)
		return;
	set_low_high(&a->eax, &a->ebx,
		     counts->exits & GENMASK_ULL(KVM_VMEXIT_EXITS_BITS - 1, 0));
	a->ebx |= counts->reason << KVM_VMEXIT_REASON_SHIFT;
	set_low_high(&a->ecx, &a->edx, counts->cycles);
}

static void answer_stopped(const struct kvm_exit_stats_snapshot *snapshot,
			   u32 position, struct answer *a)
{
	const struct exit_counts *counts = counts_at(snapshot, &position);

	if (!counts)
		return;
	set_low_high(&a->eax, &a->ebx, counts->stopped);
	set_low_high(&a->ecx, &a->edx,
		     min(counts->max, BIT_ULL(KVM_VMEXIT_STOPPED_MAX_BITS) - 1));
	if (counts->has_histogram)
		a->edx |= counts->percentile[0] << KVM_VMEXIT_STOPPED_P50_SHIFT |
			  counts->percentile[1] << KVM_VMEXIT_STOPPED_P99_SHIFT |
			  counts->percentile[2] << KVM_VMEXIT_STOPPED_P999_SHIFT |
			  KVM_VMEXIT_STOPPED_HISTOGRAM;
}

static void answer_histogram(struct kvm_exit_stats_snapshot *snapshot, u32 index,
			     struct answer *a)
{
	u32 position = index & (BIT(KVM_VMEXIT_PAIR_SHIFT) - 1);
	const struct exit_counts *counts = counts_at(snapshot, &position);
	u32 pair = index >> KVM_VMEXIT_PAIR_SHIFT;
	const u64 *bucket;

	if (!counts || position >= snapshot->histograms ||
	    !counts->has_histogram || pair >= KVM_VMEXIT_BUCKETS / 2)
		return;
	position = array_index_nospec(position, snapshot->histograms);
	pair = array_index_nospec(pair, KVM_VMEXIT_BUCKETS / 2);
	bucket = kvm_exit_stats_snapshot_histogram(snapshot, position) + 2 * pair;
	set_low_high(&a->eax, &a->ebx, bucket[0]);
	set_low_high(&a->ecx, &a->edx, bucket[1]);
}

/*
 * The counts of the vCPU's own rows from @first to @last, without the exits that
 * read this leaf: their cycles are in EXIT_STATS_ROW_READ.
 */
static void answer_rows(const struct kvm_exit_stats *s, u32 first, u32 last,
			struct answer *a)
{
	const struct kvm_exit_stats_counters *c = s->counters;
	u32 row, tag = KVM_VMEXIT_TAG(kvm_exit_stats_generation(s->vm));
	u64 exits = 0, cycles = 0;

	for (row = first; row <= last; row++) {
		exits += READ_ONCE(s->exits[row]);
		cycles += READ_ONCE(c->row[row].cycles);
		if (row == kvm_exit_stats_cpuid_row())
			exits -= c->reads;
	}
	set_low_high(&a->eax, &a->ebx,
		     exits & GENMASK_ULL(KVM_VMEXIT_EXITS_BITS - 1, 0));
	a->ebx |= tag << KVM_VMEXIT_REASON_SHIFT;
	set_low_high(&a->ecx, &a->edx, cycles);
}

static void answer_vcpu(struct kvm_exit_stats *s, u32 index, struct answer *a)
{
	u32 row;

	kvm_exit_stats_not_sampled(s);

	/*
	 * Move this exit's cycles and its stop to EXIT_STATS_ROW_READ.  But if KVM
	 * emulates the instruction, the exit has another reason and keeps its row.
	 */
	if (kvm_exit_stats_row(s) == kvm_exit_stats_cpuid_row()) {
		kvm_exit_stats_add(&s->counters->reads, 1);
		kvm_exit_stats_set_row(s, EXIT_STATS_ROW_READ);
	}

	if (index == KVM_VMEXIT_ALL) {
		answer_rows(s, 0, KVM_EXIT_STATS_ROWS - 1, a);
	} else if (index < KVM_VMEXIT_ALL) {
		row = row_of(KVM_VMEXIT_REASON(index));
		if (row != EXIT_STATS_ROW_NONE)
			answer_rows(s, row, row, a);
	}
}

/*
 * Answer the leaves of the exit statistics, for @function in EAX and @index in
 * ECX.  Return false, and write nothing, if the guest does not have the leaf.
 */
bool __kvm_exit_stats_cpuid(struct kvm_exit_stats *s, u32 function, u32 index,
			    u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	struct answer a = {};

	if (!kvm_exit_stats_has_leaf(s, function))
		return false;

	/*
	 * All other leaves of this block are zero.  If this function returned false,
	 * KVM might answer them with its highest basic leaf, as Intel's processors do.
	 */
	switch (function) {
	case KVM_VMEXIT_LEAF_TOTAL:
	case KVM_VMEXIT_LEAF_TOTAL_CYCLES:
	case KVM_VMEXIT_LEAF_REASON:
	case KVM_VMEXIT_LEAF_REASON_CYCLES:
		answer_live(s, function, index, &a);
		break;
	case KVM_VMEXIT_LEAF_SIGNATURE:
		answer_signature(&a);
		break;
	case KVM_VMEXIT_LEAF_INTERFACE:
		answer_interface(s, &a);
		break;
	case KVM_VMEXIT_LEAF_VM:
		answer_vm(s->vm, &a);
		break;
	case KVM_VMEXIT_LEAF_SNAPSHOT:
		answer_snapshot(s, index, &a);
		break;
	case KVM_VMEXIT_LEAF_ROW:
		answer_row(s->snapshot, index, &a);
		break;
	case KVM_VMEXIT_LEAF_STOPPED:
		answer_stopped(s->snapshot, index, &a);
		break;
	case KVM_VMEXIT_LEAF_HISTOGRAM:
		answer_histogram(s->snapshot, index, &a);
		break;
	case KVM_VMEXIT_LEAF_VCPU:
		answer_vcpu(s, index, &a);
		break;
	}

	*eax = a.eax;
	*ebx = a.ebx;
	*ecx = a.ecx;
	*edx = a.edx;
	return true;
}

/* Free the snapshot of a vCPU that is being destroyed. */
void kvm_exit_stats_free_snapshot(struct kvm_exit_stats *s)
{
	if (s->snapshot)
		free_pages_exact(s->snapshot, EXIT_STATS_SNAPSHOT_BYTES);
}
