/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exit statistics: which guests can read them, and at which privilege level.
 */
#ifndef __KVM_X86_EXIT_STATS_ACCESS_H
#define __KVM_X86_EXIT_STATS_ACCESS_H

#include <uapi/asm/kvm_vmexit.h>

#include "exit_stats.h"
#include "x86.h"

/* The MSRs are MSR_KVM_VMEXIT_ACCESS to this one. */
#define EXIT_STATS_LAST_MSR	MSR_KVM_VMEXIT_SAMPLE_LOST

struct dentry;
struct msr_data;

#ifdef CONFIG_KVM_EXIT_STATS
void kvm_exit_stats_init_access(struct kvm_exit_stats_vm *vm);
bool kvm_exit_stats_visible(struct kvm_exit_stats *s);
void kvm_exit_stats_create_access_file(struct kvm_exit_stats_vm *vm,
				       struct dentry *dir);

int kvm_exit_stats_enable_cap(struct kvm *kvm, u64 arg);
int kvm_exit_stats_set_msr(struct kvm_vcpu *vcpu, struct msr_data *msr);
int kvm_exit_stats_get_msr(struct kvm_vcpu *vcpu, struct msr_data *msr);
void kvm_exit_stats_reset_max(struct kvm_vcpu *vcpu);
#else
static inline int kvm_exit_stats_enable_cap(struct kvm *kvm, u64 arg)
{
	return -EINVAL;
}

static inline int kvm_exit_stats_set_msr(struct kvm_vcpu *vcpu,
					 struct msr_data *msr)
{
	return KVM_MSR_RET_UNSUPPORTED;
}

static inline int kvm_exit_stats_get_msr(struct kvm_vcpu *vcpu,
					 struct msr_data *msr)
{
	return KVM_MSR_RET_UNSUPPORTED;
}

static inline void kvm_exit_stats_reset_max(struct kvm_vcpu *vcpu) { }
#endif

#endif /* __KVM_X86_EXIT_STATS_ACCESS_H */
