// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exit statistics: what the guest gets to see of them, through CPUID.
 *
 * The leaves are described in asm/kvm_exits.h.
 */
#include <linux/bits.h>
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "exit_stats.h"

/* Exits or cycles of all vCPUs, of one row number or of all: live. */
static u64 sum(struct kvm *kvm, u32 first, u32 last, bool cycles)
{
	struct kvm_exit_stats *stats;
	struct kvm_vcpu *vcpu;
	unsigned long i;
	u64 sum = 0;
	u32 row;

	kvm_for_each_vcpu(i, vcpu, kvm) {
		stats = &vcpu->exit_stats;
		for (row = first; row <= last; row++)
			sum += cycles ? READ_ONCE(stats->cycles[row]) :
					READ_ONCE(stats->exits[row]);
		cond_resched();
	}
	return sum;
}

/**
 * kvm_exit_stats_cpuid() - answer the leaves of the exit statistics
 * @vcpu: the vCPU that executed CPUID
 * @function: EAX
 * @index: ECX
 * @eax: EAX's answer
 * @ebx: EBX's answer
 * @ecx: ECX's answer
 * @edx: EDX's answer
 *
 * Return: false, and nothing written, if the leaf is not one of these or they
 * are turned off.
 */
bool kvm_exit_stats_cpuid(struct kvm_vcpu *vcpu, u32 function, u32 index,
			  u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	struct kvm_exit_snapshot *s = vcpu->exit_stats.snapshot;
	u32 first = 0, last = KVM_EXITS_ROWS - 1;
	u32 isa = kvm_exit_stats_isa();
	struct kvm_exit_row *row;
	u64 count, max, *bucket;
	u32 pair;

	if (!static_branch_likely(&kvm_exit_stats_enabled))
		return false;
	/* The leaves in between are zero: Intel's rule would fill them. */
	if (function < KVM_EXITS_CPUID_SIGNATURE ||
	    function > KVM_EXITS_CPUID_TOTAL)
		return false;

	*eax = *ebx = *ecx = *edx = 0;

	switch (function) {
	case KVM_EXITS_CPUID_REASON:
	case KVM_EXITS_CPUID_REASON_CYCLES:
		if (!kvm_exits_defined(isa, index)) {
			*edx = KVM_EXITS_UNDEFINED;
			break;
		}
		/* Every defined reason has a row, the + 1 is for speculation. */
		first = array_index_nospec(kvm_exits_row(isa, index),
					   KVM_EXITS_ROWS + 1);
		last = first;
		fallthrough;
	case KVM_EXITS_CPUID_TOTAL:
	case KVM_EXITS_CPUID_TOTAL_CYCLES:
		if (function == KVM_EXITS_CPUID_TOTAL ||
		    function == KVM_EXITS_CPUID_REASON) {
			count = sum(vcpu->kvm, first, last, false);
			*eax = count;
		} else {
			count = sum(vcpu->kvm, first, last, true);
			*ecx = count;
		}
		*ebx = count >> 32;
		break;

	case KVM_EXITS_CPUID_SIGNATURE:
		*eax = KVM_EXITS_CPUID_LAST;
		memcpy(ebx, KVM_EXITS_SIGNATURE, 4);
		memcpy(ecx, KVM_EXITS_SIGNATURE + 4, 4);
		memcpy(edx, KVM_EXITS_SIGNATURE + 8, 4);
		break;

	case KVM_EXITS_CPUID_INTERFACE:
		*eax = KVM_EXITS_VERSION;
		if (static_branch_likely(&kvm_exit_stopped_enabled))
			*ebx = KVM_EXITS_FEAT_STOPPED;
		*ecx = isa;
		*edx = tsc_khz;
		break;

	case KVM_EXITS_CPUID_VM:
		*eax = kvm_exit_stats_generation(vcpu->kvm);
		*ebx = KVM_EXITS_ROWS;
		*edx = KVM_EXITS_LAST_REASON(isa);
		break;

	case KVM_EXITS_CPUID_SNAPSHOT:
		kvm_exit_snapshot_take(vcpu->kvm, s);
		*eax = s->nr | KVM_EXITS_SNAPSHOT_MAGIC << 8;
		*ebx = kvm_exit_stats_generation(vcpu->kvm);
		*ecx = s->total;
		*edx = s->total >> 32;
		break;

	case KVM_EXITS_CPUID_ROW:
		if (index >= s->nr)
			break;
		index = array_index_nospec(index, s->nr);
		row = &s->row[index];
		*eax = row->exits;
		*ebx = (row->exits >> 32 & (BIT(KVM_EXITS_ROW_NR_SHIFT) - 1)) |
		       (u32)s->number[index] << KVM_EXITS_ROW_NR_SHIFT;
		*ecx = row->cycles;
		*edx = row->cycles >> 32;
		break;

	case KVM_EXITS_CPUID_STOPPED:
		if (index >= s->nr)
			break;
		row = &s->row[array_index_nospec(index, s->nr)];
		*eax = row->stopped;
		*ebx = row->stopped >> 32;
		max = min(row->max, BIT_ULL(KVM_EXITS_STOPPED_MAX_BITS) - 1);
		*ecx = max;
		*edx = max >> 32;
		if (row->histogram)
			*edx |= row->bucket[0] << KVM_EXITS_STOPPED_P50_SHIFT |
				row->bucket[1] << KVM_EXITS_STOPPED_P99_SHIFT |
				row->bucket[2] << KVM_EXITS_STOPPED_P999_SHIFT |
				KVM_EXITS_STOPPED_HISTOGRAM;
		break;

	case KVM_EXITS_CPUID_HISTOGRAM:
		pair = index >> 8;
		index &= 0xff;
		if (index >= s->histograms || pair >= KVM_EXITS_BUCKETS / 2)
			break;
		index = array_index_nospec(index, s->histograms);
		pair = array_index_nospec(pair, KVM_EXITS_BUCKETS / 2);
		if (!s->row[index].histogram)
			break;
		bucket = kvm_exit_snapshot_histogram(s, index) + 2 * pair;
		*eax = bucket[0];
		*ebx = bucket[0] >> 32;
		*ecx = bucket[1];
		*edx = bucket[1] >> 32;
		break;
	}

	return true;
}
