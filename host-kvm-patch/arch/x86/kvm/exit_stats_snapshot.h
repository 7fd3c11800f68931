/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exit statistics: the sum of a VM's counters, and the host's table of them.
 */
#ifndef __KVM_X86_EXIT_STATS_SNAPSHOT_H
#define __KVM_X86_EXIT_STATS_SNAPSHOT_H

#include "exit_stats.h"
#include "exit_table.h"

/*
 * The sum over a VM's vCPUs.
 *
 * @nr: number of rows that are not zero
 * @histograms: number of histograms, which belong to the first rows
 * @generation: of the counts, 0 if it ended meanwhile
 * @total: all exits
 * @number: the row numbers, ascending
 * @row: the sums; the histograms follow the last one
 */
struct kvm_exit_stats_snapshot {
	u8 nr;
	u8 histograms;
	u32 generation;
	u64 total;
	u8 number[KVM_VMEXIT_ROWS];
	struct exit_table_row row[];
};

/* Whole pages: kmalloc() would round them up to a power of two. */
#define EXIT_STATS_SNAPSHOT_BYTES	(3 * PAGE_SIZE)

static inline u64 *
kvm_exit_stats_snapshot_histogram(struct kvm_exit_stats_snapshot *s,
				  unsigned int position)
{
	return (u64 *)&s->row[s->nr] + position * KVM_VMEXIT_BUCKETS;
}

#ifdef CONFIG_KVM_EXIT_STATS
void kvm_exit_stats_take(struct kvm *kvm, struct kvm_exit_stats_snapshot *s);
void kvm_exit_stats_create_debugfs(struct kvm *kvm);
#else
static inline void kvm_exit_stats_create_debugfs(struct kvm *kvm) { }
#endif

#endif /* __KVM_X86_EXIT_STATS_SNAPSHOT_H */
