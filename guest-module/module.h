/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VM exits of this guest, as its host counts them: the interfaces between the
 * parts of the module.
 */
#ifndef _KVM_EXITS_MODULE_H
#define _KVM_EXITS_MODULE_H

#include <linux/types.h>

#include "host_leaves.h"

/**
 * struct kvm_exits_vcpu - one answer of the vCPU leaf
 * @exits: exits, modulo 2^KVM_VMEXIT_EXITS_BITS
 * @cycles: host TSC cycles that KVM spent in handling these exits
 * @tag: KVM_VMEXIT_TAG() of the generation
 */
struct kvm_exits_vcpu {
	u64 exits;
	u64 cycles;
	u32 tag;
};

int kvm_exits_probe(bool no_signature, struct kvm_exits_host *host);
int kvm_exits_take(struct exit_table *t, kvm_exits_histogram *histogram);
struct kvm_exits_vcpu kvm_exits_count(u32 reason);
u32 kvm_exits_generation(bool *from_zero);
u32 kvm_exits_tsc_khz(void);
u32 kvm_exits_this_isa(void);

int kvm_exits_proc_init(const struct kvm_exits_host *host);
void kvm_exits_proc_exit(void);
bool kvm_exits_for_all(void);

int kvm_exits_pmu_init(const struct kvm_exits_host *host);
void kvm_exits_pmu_exit(void);

void kvm_exits_msrs_init(const struct kvm_exits_host *host);
void kvm_exits_msrs_exit(void);

int kvm_exits_sample_init(const struct kvm_exits_host *host);
void kvm_exits_sample_exit(void);

int kvm_exits_trace_init(const struct kvm_exits_host *host);
void kvm_exits_trace_exit(void);

#endif /* _KVM_EXITS_MODULE_H */
