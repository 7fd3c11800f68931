// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exit statistics: the CPUID leaves by which a guest reads them.
 *
 * asm/kvm_vmexit.h describes the leaves.
 */
#include <linux/bits.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "exit_stats_cpuid.h"
#include "exit_stats_guest.h"
#include "exit_stats_sample.h"
#include "exit_stats_snapshot.h"

/* The registers.  What a leaf does not define is zero. */
struct answer {
	u32 eax, ebx, ecx, edx;
};

static void set_low_high(u32 *low, u32 *high, u64 value)
{
	*low = value;
	*high = value >> 32;
}

/*
 * Reasons for which KVM up to Linux 7.3 enables no control and has no handler.
 * In a guest of the guest they can occur.
 */
static bool never_enabled_vmx(u32 reason)
{
	switch (reason) {
	case 3 ... 6:
	case 11:
	case 16 ... 17:
	case 33 ... 34:
	case 51:
	case 63 ... 70:
	case 72 ... 73:
	case 78 ... 81:
		return true;
	default:
		return false;
	}
}

static bool never_enabled_svm(u32 reason)
{
	switch (reason) {
	case 0x01 ... 0x02:
	case 0x05 ... 0x07:
	case 0x09 ... 0x0f:
	case 0x11 ... 0x12:
	case 0x15 ... 0x17:
	case 0x19 ... 0x1f:
	case 0x28 ... 0x2f:
	case 0x38 ... 0x40:
	case 0x42:
	case 0x44 ... 0x45:
	case 0x47 ... 0x4c:
	case 0x4f ... 0x50:
	case 0x53 ... 0x5f:
	case 0x63:
	case 0x66 ... 0x6e:
	case 0x70 ... 0x71:
	case 0x75:
	case 0x7e:
	case 0x8c:
	case 0x91 ... 0x93:
	case 0x95 ... 0x97:
	case 0x99 ... 0xa1:
	case 0xa3 ... 0xa4:
		return true;
	default:
		return false;
	}
}

static bool never_enabled(u32 isa, u32 reason)
{
	return isa == KVM_VMEXIT_ISA_SVM ? never_enabled_svm(reason) :
					   never_enabled_vmx(reason);
}

/* Rows to add up, from @first to @last. */
struct rows {
	u32 first, last;
};

static const struct rows all_rows = { 0, KVM_VMEXIT_ROWS - 1 };

static u64 vcpu_exits(struct kvm_vcpu *vcpu, struct rows rows)
{
	u64 sum = 0;
	u32 nr;

	for (nr = rows.first; nr <= rows.last; nr++)
		sum += READ_ONCE(vcpu->stat.exits_by_reason[nr]);
	return sum;
}

/* Without the cycles of the exits that read the vCPU leaf. */
static u64 vcpu_cycles(struct kvm_vcpu *vcpu, struct rows rows)
{
	const struct kvm_exit_stats_counters *c = vcpu_exit_stats(vcpu)->counters;
	u64 sum = 0;
	u32 nr;

	for (nr = rows.first; nr <= rows.last; nr++)
		sum += READ_ONCE(c->row[nr].cycles);
	return sum;
}

static bool has_cpuid(struct rows rows)
{
	u32 nr = kvm_exit_stats_cpuid_row();

	return rows.first <= nr && nr <= rows.last;
}

static u64 vm_exits(struct kvm *kvm, struct rows rows)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;
	u64 sum = 0;

	kvm_for_each_vcpu(i, vcpu, kvm) {
		sum += vcpu_exits(vcpu, rows);
		cond_resched();
	}
	return sum;
}

static u64 vm_cycles(struct kvm *kvm, struct rows rows)
{
	const struct kvm_exit_stats_counters *c;
	struct kvm_vcpu *vcpu;
	unsigned long i;
	u64 sum = 0;

	kvm_for_each_vcpu(i, vcpu, kvm) {
		c = vcpu_exit_stats(vcpu)->counters;
		sum += vcpu_cycles(vcpu, rows);
		if (has_cpuid(rows))
			sum += READ_ONCE(c->row[EXIT_STATS_ROW_READ].cycles);
		cond_resched();
	}
	return sum;
}

/*
 * Answer TOTAL_CYCLES, REASON or REASON_CYCLES: a count of @reason, and a
 * total.  For a reason that cannot occur, only TOTAL_CYCLES has the total.
 */
static void answer_reason(struct kvm_vcpu *vcpu, u32 function, u32 reason,
			  struct answer *a)
{
	bool total_cycles = function == KVM_VMEXIT_LEAF_TOTAL_CYCLES;
	u32 isa = kvm_exit_stats_isa();
	struct kvm *kvm = vcpu->kvm;
	struct rows rows;
	u64 exits = 0;

	if (kvm_vmexit_defined(isa, reason)) {
		/* It has a row.  Speculation may get KVM_VMEXIT_NO_ROW: + 1. */
		rows.first = array_index_nospec(kvm_vmexit_row(isa, reason),
						KVM_VMEXIT_ROWS + 1);
		rows.last = rows.first;
		exits = vm_exits(kvm, rows);
	} else {
		a->edx = KVM_VMEXIT_UNDEFINED;
	}

	if (exits || (kvm_vmexit_defined(isa, reason) &&
		      !never_enabled(isa, reason))) {
		if (function == KVM_VMEXIT_LEAF_REASON_CYCLES) {
			set_low_high(&a->eax, &a->edx, vm_exits(kvm, all_rows));
			set_low_high(&a->ecx, &a->ebx, vm_cycles(kvm, rows));
			return;
		}
		set_low_high(&a->eax, &a->edx, exits);
		total_cycles = true;
	}

	if (total_cycles)
		set_low_high(&a->ecx, &a->ebx, vm_cycles(kvm, all_rows));
}

static void answer_live(struct kvm_vcpu *vcpu, u32 function, u32 reason,
			struct answer *a)
{
	if (function == KVM_VMEXIT_LEAF_TOTAL) {
		set_low_high(&a->eax, &a->edx, vm_exits(vcpu->kvm, all_rows));
		set_low_high(&a->ecx, &a->ebx, vm_cycles(vcpu->kvm, all_rows));
	} else {
		answer_reason(vcpu, function, reason, a);
	}
}

static void answer_signature(struct answer *a)
{
	a->eax = KVM_VMEXIT_LEAF_LAST;
	memcpy(&a->ebx, KVM_VMEXIT_SIGNATURE, 4);
	memcpy(&a->ecx, KVM_VMEXIT_SIGNATURE + 4, 4);
	memcpy(&a->edx, KVM_VMEXIT_SIGNATURE + 8, 4);
}

static void answer_interface(struct kvm_vcpu *vcpu, struct answer *a)
{
	a->eax = KVM_VMEXIT_VERSION;
	a->ebx = KVM_VMEXIT_FEAT_VCPU;
	if (static_branch_likely(&kvm_exit_stats_stopped))
		a->ebx |= KVM_VMEXIT_FEAT_STOPPED;
	/*
	 * A TDX guest has only certain MSRs.  For a guest whose state is
	 * encrypted see has_msr() and has_sample_msrs().
	 */
	if (kvm_x86_call(has_emulated_msr)(vcpu->kvm, MSR_KVM_VMEXIT_ACCESS)) {
		a->ebx |= KVM_VMEXIT_FEAT_MAX;
		if (!vcpu->arch.guest_state_protected)
			a->ebx |= KVM_VMEXIT_FEAT_ACCESS |
				  KVM_VMEXIT_FEAT_SAMPLE;
	}
	a->ecx = kvm_exit_stats_isa();
	a->edx = tsc_khz;
}

static void answer_vm(struct kvm *kvm, struct answer *a)
{
	/* Pairs with smp_store_release() in new_generation(). */
	a->eax = smp_load_acquire(&kvm->arch.exit_stats.generation);
	a->ebx = KVM_VMEXIT_ROWS;
	a->ecx = READ_ONCE(kvm->arch.exit_stats.from_zero) ?
		 KVM_VMEXIT_VM_FROM_ZERO : 0;
	a->edx = KVM_VMEXIT_LAST_REASON(kvm_exit_stats_isa());
}

/* Allocate the memory at the first snapshot: most vCPUs never take one. */
static void answer_snapshot(struct kvm_vcpu *vcpu, struct answer *a)
{
	struct kvm_exit_stats *stats = vcpu_exit_stats(vcpu);
	struct kvm_exit_stats_snapshot *s;

	if (!stats->snapshot)
		stats->snapshot = alloc_pages_exact(EXIT_STATS_SNAPSHOT_BYTES,
						    GFP_KERNEL_ACCOUNT);
	s = stats->snapshot;
	if (!s)
		return;

	kvm_exit_stats_take(vcpu->kvm, s);

	/* The generation has ended: there is no snapshot. */
	if (!s->generation) {
		s->nr = 0;
		s->histograms = 0;
		return;
	}
	a->eax = s->nr | KVM_VMEXIT_SNAPSHOT_MAGIC << 8;
	a->ebx = s->generation;
	set_low_high(&a->ecx, &a->edx, s->total);
}

/* The snapshot's row at a position, or NULL. */
static const struct exit_table_row *
snapshot_row(const struct kvm_exit_stats_snapshot *s, u32 *position)
{
	if (!s || *position >= s->nr)
		return NULL;
	*position = array_index_nospec(*position, s->nr);
	return &s->row[*position];
}

static void answer_row(const struct kvm_exit_stats_snapshot *s, u32 position,
		       struct answer *a)
{
	const struct exit_table_row *row = snapshot_row(s, &position);

	if (!row)
		return;
	a->eax = row->exits;
	a->ebx = row->exits >> 32 & (BIT(KVM_VMEXIT_ROW_NR_SHIFT) - 1);
	a->ebx |= (u32)s->number[position] << KVM_VMEXIT_ROW_NR_SHIFT;
	set_low_high(&a->ecx, &a->edx, row->cycles);
}

static void answer_stopped(const struct kvm_exit_stats_snapshot *s,
			   u32 position, struct answer *a)
{
	const struct exit_table_row *row = snapshot_row(s, &position);

	if (!row)
		return;
	set_low_high(&a->eax, &a->ebx, row->stopped);
	set_low_high(&a->ecx, &a->edx,
		     min(row->max, BIT_ULL(KVM_VMEXIT_STOPPED_MAX_BITS) - 1));
	if (row->histogram)
		a->edx |= row->bucket[0] << KVM_VMEXIT_STOPPED_P50_SHIFT |
			  row->bucket[1] << KVM_VMEXIT_STOPPED_P99_SHIFT |
			  row->bucket[2] << KVM_VMEXIT_STOPPED_P999_SHIFT |
			  KVM_VMEXIT_STOPPED_HISTOGRAM;
}

static void answer_histogram(struct kvm_exit_stats_snapshot *s, u32 index,
			     struct answer *a)
{
	u32 position = index & 0xff, pair = index >> 8;
	const struct exit_table_row *row = snapshot_row(s, &position);
	const u64 *bucket;

	if (!row || position >= s->histograms || !row->histogram ||
	    pair >= KVM_VMEXIT_BUCKETS / 2)
		return;
	position = array_index_nospec(position, s->histograms);
	pair = array_index_nospec(pair, KVM_VMEXIT_BUCKETS / 2);
	bucket = kvm_exit_stats_snapshot_histogram(s, position) + 2 * pair;
	set_low_high(&a->eax, &a->ebx, bucket[0]);
	set_low_high(&a->ecx, &a->edx, bucket[1]);
}

static void answer_vcpu(struct kvm_vcpu *vcpu, u32 nr, struct answer *a)
{
	struct kvm_exit_stats *stats = vcpu_exit_stats(vcpu);
	struct kvm_exit_stats_counters *c = stats->counters;
	struct rows rows = all_rows;
	u32 generation;
	u64 exits;

	kvm_exit_stats_not_sampled(vcpu);

	/*
	 * Move this exit's cycles and its stop to EXIT_STATS_ROW_READ.  If KVM
	 * emulates the instruction, the exit was not for CPUID: leave it.
	 */
	if (kvm_exit_stats_nr(stats) == kvm_exit_stats_cpuid_row()) {
		kvm_exit_stats_add(&c->reads, 1);
		kvm_exit_stats_set_row(stats, EXIT_STATS_ROW_READ);
	}

	if (nr != KVM_VMEXIT_ROW_ALL) {
		if (nr >= KVM_VMEXIT_ROWS)
			return;
		rows.first = array_index_nospec(nr, KVM_VMEXIT_ROWS);
		rows.last = rows.first;
	}

	generation = READ_ONCE(vcpu->kvm->arch.exit_stats.generation);
	exits = vcpu_exits(vcpu, rows);
	if (has_cpuid(rows))
		exits -= c->reads;
	a->eax = exits;
	a->ebx = (exits >> 32 & 0xffff) | KVM_VMEXIT_TAG(generation) << 16;
	set_low_high(&a->ecx, &a->edx, vcpu_cycles(vcpu, rows));
}

/* Has the VMM defined this leaf, for any ECX?  Then its definition holds. */
static bool vmm_defined(struct kvm_vcpu *vcpu, u32 function)
{
	int i;

	for (i = 0; i < vcpu->arch.cpuid_nent; i++)
		if (vcpu->arch.cpuid_entries[i].function == function)
			return true;
	return false;
}

/*
 * Answer the leaves of the exit statistics, for @function in EAX and @index in
 * ECX.  Return false, and write nothing, if the leaf is not one of these or
 * they are hidden.
 */
bool kvm_exit_stats_cpuid(struct kvm_vcpu *vcpu, u32 function, u32 index,
			  u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	struct answer a = {};

	/* The rest of the range reads as zero, and not as Intel's highest leaf. */
	if (function < KVM_VMEXIT_LEAF_SIGNATURE ||
	    function > KVM_VMEXIT_LEAF_TOTAL ||
	    !kvm_exit_stats_visible(vcpu) || vmm_defined(vcpu, function))
		return false;

	switch (function) {
	case KVM_VMEXIT_LEAF_TOTAL:
	case KVM_VMEXIT_LEAF_TOTAL_CYCLES:
	case KVM_VMEXIT_LEAF_REASON:
	case KVM_VMEXIT_LEAF_REASON_CYCLES:
		answer_live(vcpu, function, index, &a);
		break;
	case KVM_VMEXIT_LEAF_SIGNATURE:
		answer_signature(&a);
		break;
	case KVM_VMEXIT_LEAF_INTERFACE:
		answer_interface(vcpu, &a);
		break;
	case KVM_VMEXIT_LEAF_VM:
		answer_vm(vcpu->kvm, &a);
		break;
	case KVM_VMEXIT_LEAF_SNAPSHOT:
		answer_snapshot(vcpu, &a);
		break;
	case KVM_VMEXIT_LEAF_ROW:
		answer_row(vcpu_exit_stats(vcpu)->snapshot, index, &a);
		break;
	case KVM_VMEXIT_LEAF_STOPPED:
		answer_stopped(vcpu_exit_stats(vcpu)->snapshot, index, &a);
		break;
	case KVM_VMEXIT_LEAF_HISTOGRAM:
		answer_histogram(vcpu_exit_stats(vcpu)->snapshot, index, &a);
		break;
	case KVM_VMEXIT_LEAF_VCPU:
		answer_vcpu(vcpu, index, &a);
		break;
	}

	*eax = a.eax;
	*ebx = a.ebx;
	*ecx = a.ecx;
	*edx = a.edx;
	return true;
}

/* Free the snapshot of @vcpu, which is being destroyed. */
void kvm_exit_stats_free_snapshot(struct kvm_vcpu *vcpu)
{
	struct kvm_exit_stats *stats = vcpu_exit_stats(vcpu);

	if (stats->snapshot)
		free_pages_exact(stats->snapshot, EXIT_STATS_SNAPSHOT_BYTES);
}
