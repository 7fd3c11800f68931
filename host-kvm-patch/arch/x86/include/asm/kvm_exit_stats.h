/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exits of one vCPU, counted by reason.
 */
#ifndef _ASM_X86_KVM_EXIT_STATS_H
#define _ASM_X86_KVM_EXIT_STATS_H

#include <linux/types.h>
#include <uapi/asm/kvm_exits.h>

struct kvm_exit_snapshot;
struct kvm_exit_stopped;

/**
 * struct kvm_exit_stats - what one vCPU counts, in its struct kvm_vcpu
 * @row: row number of the exit that is being handled, or KVM_EXITS_NO_ROW
 * @generation: random and not zero; that of vCPU 0 stands for the VM
 * @tsc: host TSC at the exit that @row is about
 * @stopped: the second clock's counters
 * @snapshot: what the guest asked for last on this vCPU
 * @exits: exits, by row number
 * @cycles: host TSC cycles spent in handling them, by row number
 *
 * The counters are written by the vCPU's own thread alone, with plain stores,
 * and read by anyone.  The element after the last row takes what belongs to no
 * reason, so that the exit path need not ask; nothing reads it.
 */
struct kvm_exit_stats {
	unsigned long row;
	u32 generation;
	u64 tsc;
	struct kvm_exit_stopped *stopped;
	struct kvm_exit_snapshot *snapshot;
	u64 exits[KVM_EXITS_ROWS + 1];
	u64 cycles[KVM_EXITS_ROWS + 1];
};

#endif /* _ASM_X86_KVM_EXIT_STATS_H */
