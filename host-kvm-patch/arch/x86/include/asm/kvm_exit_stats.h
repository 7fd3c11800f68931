/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exit statistics: their fields in KVM's structures for a VM and for a vCPU.
 */
#ifndef _ASM_X86_KVM_EXIT_STATS_H
#define _ASM_X86_KVM_EXIT_STATS_H

#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/types.h>

/* A row is the counts of one exit reason. */
#define KVM_EXIT_STATS_ROWS	180

/*
 * The length of the array of exits by row, which KVM_GET_STATS_FD shows.  The first
 * element is not used: KVM has a file for it in debugfs, and a write to this file
 * sets the element to zero.  The last element is for exits without a row.
 */
#define KVM_EXIT_STATS_COUNTS	(1 + KVM_EXIT_STATS_ROWS + 1)

/* A request that a vCPU sets its longest stops to zero.  It wakes no sleeping vCPU. */
#define KVM_REQ_EXIT_STATS_MAX	KVM_ARCH_REQ_FLAGS(48, KVM_REQUEST_NO_WAKEUP)

/*
 * Exit statistics of a vCPU.  The first three fields are used at each exit.
 *
 * @row: number of the row of the exit that is being handled
 * @tsc: the host's TSC at that exit
 * @counters: the counters of all rows
 * @exits: the number of exits, by row; part of the vCPU's statistics
 * @vm: exit statistics of the vCPU's VM
 * @snapshot: NULL until the guest takes a snapshot on this vCPU
 * @samples: NULL unless the guest has asked for samples
 * @max_epoch: the epoch of the longest stops in @counters
 * @reset_others: ask the other vCPUs to set their longest stops to zero
 */
struct kvm_exit_stats {
	unsigned long row;
	u64 tsc;
	struct kvm_exit_stats_counters *counters;
	const u64 *exits;
	struct kvm_exit_stats_vm *vm;
	struct kvm_exit_stats_snapshot *snapshot;
	struct kvm_exit_stats_samples *samples;
	u32 max_epoch;
	bool reset_others;
} ____cacheline_aligned;

/*
 * Exit statistics of a VM.
 *
 * @generation: the generation of the counts, 0 while the counts have a gap
 * @from_zero: this generation began with counts of zero
 * @guest: KVM_VMEXIT_GUEST_*
 * @decided: the VMM or the operator has set @guest for this VM
 * @cpl0_only: the guest's kernel keeps the counts from its processes
 * @max_epoch: the epoch of the longest stops; each reset of these begins a new epoch
 */
struct kvm_exit_stats_vm {
	u32 generation;
	bool from_zero;
	bool decided;
	bool cpl0_only;
	u8 guest;
	atomic_t max_epoch;
};

#endif /* _ASM_X86_KVM_EXIT_STATS_H */
