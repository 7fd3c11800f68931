/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Samples of this guest's VM exits, for several users at a time.
 */
#ifndef _KVM_EXITS_SAMPLE_H
#define _KVM_EXITS_SAMPLE_H

#include <linux/list.h>
#include <linux/types.h>

#include "exit_table.h"

struct pt_regs;

/* Each reason has a slot.  Reasons that no architecture defines may share a slot. */
#define SAMPLE_SLOTS	256

/**
 * struct kvm_exits_sample - a sample of an exit
 * @reason: the reason of the exit
 * @detail: what the exit was about
 * @exits: the number of exits that the sample stands for
 * @lost: the number of exits before this sample that no sample stands for
 */
struct kvm_exits_sample {
	s32 reason;
	u64 detail;
	u64 exits;
	u64 lost;
};

/**
 * struct kvm_exits_sampler - a user of the samples of one CPU
 * @node: entry in the CPU's list of users
 * @take: a function that gets each sample of this user, in an NMI
 * @period: n, if the user wants a sample of every n-th exit of a reason
 * @switched: the user is added and removed when a task or cgroup is switched
 * @all: the user wants samples of all reasons
 * @slots: if not @all, the slots of the reasons that the user wants
 * @done: by slot, the number of exits since the user's last sample
 * @lost: the number of exits since the user's last sample that no sample stands for
 */
struct kvm_exits_sampler {
	struct hlist_node node;
	void (*take)(struct kvm_exits_sampler *s,
		     const struct kvm_exits_sample *sample,
		     struct pt_regs *regs);
	u32 period;
	bool switched;
	bool all;
	DECLARE_BITMAP(slots, SAMPLE_SLOTS);
	u32 done[SAMPLE_SLOTS];
	u64 lost;
};

unsigned int kvm_exits_slot(s32 reason);
s32 kvm_exits_slot_reason(unsigned int slot);
int kvm_exits_sampling_get(void);
void kvm_exits_sampling_put(void);
bool kvm_exits_can_sample(s32 reason);
void kvm_exits_sampler_add(struct kvm_exits_sampler *s);
void kvm_exits_sampler_del(struct kvm_exits_sampler *s);
void kvm_exits_sampler_add_on(int cpu, struct kvm_exits_sampler *s);
void kvm_exits_sampler_del_on(int cpu, struct kvm_exits_sampler *s);
void kvm_exits_sampler_set_period(struct kvm_exits_sampler *s, u32 period);

#endif /* _KVM_EXITS_SAMPLE_H */
