/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VM exits of this guest, as its host counts them: what the parts of the
 * module have of each other.
 */
#ifndef _KVM_EXITS_MODULE_H
#define _KVM_EXITS_MODULE_H

#include <linux/types.h>

#include "exit_table.h"

typedef u64 kvm_exits_histogram[KVM_VMEXIT_BUCKETS];

/**
 * struct kvm_exits_vcpu - live counts of one vCPU
 * @exits: exits, modulo 2^KVM_VMEXIT_VCPU_EXITS_BITS
 * @cycles: host TSC cycles that KVM spent in handling them
 * @tag: KVM_VMEXIT_TAG() of their generation
 * @from_zero: this generation began at zero
 */
struct kvm_exits_vcpu {
	u64 exits;
	u64 cycles;
	u32 tag;
	bool from_zero;
};

int kvm_exits_probe(bool no_signature, struct exit_table *t);
int kvm_exits_take(struct exit_table *t, kvm_exits_histogram *histogram);
bool kvm_exits_vcpu(u32 row, struct kvm_exits_vcpu *c);
u32 kvm_exits_generation(void);
u32 kvm_exits_tsc_khz(void);

int kvm_exits_proc_init(const struct exit_table *t);
void kvm_exits_proc_exit(void);

int kvm_exits_pmu_init(const struct exit_table *t);
void kvm_exits_pmu_exit(void);

int kvm_exits_sample_init(const struct exit_table *t);
void kvm_exits_sample_exit(void);

#endif /* _KVM_EXITS_MODULE_H */
