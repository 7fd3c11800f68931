/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exit statistics: the sums of a VM's counters, and the host's table of them.
 */
#ifndef __KVM_X86_EXIT_STATS_SNAPSHOT_H
#define __KVM_X86_EXIT_STATS_SNAPSHOT_H

#include "exit_stats.h"

/*
 * The counts of a VM, the sums over its vCPUs.
 *
 * @generation: the generation of the counts, 0 if there is no snapshot
 * @nr: number of reasons that have exits
 * @histograms: number of histograms, which belong to the first reasons
 * @exits: number of exits of all reasons
 * @counts: the counts of each reason, in ascending order; behind them, in the same
 *	memory, are the histograms
 */
struct kvm_exit_stats_snapshot {
	u32 generation;
	u16 nr;
	u16 histograms;
	u64 exits;
	struct exit_counts counts[];
};

/* Three whole pages: kmalloc() would round this size up to a power of two. */
#define EXIT_STATS_SNAPSHOT_BYTES	(3 * PAGE_SIZE)

static inline u64 *
kvm_exit_stats_snapshot_histogram(struct kvm_exit_stats_snapshot *snapshot,
				  unsigned int position)
{
	return (u64 *)&snapshot->counts[snapshot->nr] + position * EXIT_BUCKETS;
}

#ifdef CONFIG_KVM_EXIT_STATS
void kvm_exit_stats_begin_sum(struct kvm_exit_stats_sum *sum);
bool kvm_exit_stats_add_some(struct kvm_exit_stats_vm *vm,
			     struct kvm_exit_stats *self,
			     struct kvm_exit_stats_sum *sum, u32 row);
bool kvm_exit_stats_snapshot_some(struct kvm_exit_stats_vm *vm,
				  struct kvm_exit_stats *self,
				  struct kvm_exit_stats_sum *sum,
				  struct kvm_exit_stats_snapshot *snapshot);
#endif

#endif /* __KVM_X86_EXIT_STATS_SNAPSHOT_H */
