/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exit statistics: which guests can read them, and at which privilege level.
 */
#ifndef __KVM_X86_EXIT_STATS_GUEST_H
#define __KVM_X86_EXIT_STATS_GUEST_H

#include <linux/kvm_host.h>
#include <uapi/asm/kvm_vmexit.h>

#include "x86.h"

#ifdef CONFIG_KVM_EXIT_STATS
static inline bool kvm_exit_stats_is_msr(u32 index)
{
	return index == MSR_KVM_VMEXIT_ACCESS || index == MSR_KVM_VMEXIT_MAX;
}

void kvm_exit_stats_show_vm(struct kvm *kvm);
int kvm_exit_stats_enable_cap(struct kvm *kvm, u64 arg);
bool kvm_exit_stats_visible(struct kvm_vcpu *vcpu);
int kvm_exit_stats_set_msr(struct kvm_vcpu *vcpu, struct msr_data *msr);
int kvm_exit_stats_get_msr(struct kvm_vcpu *vcpu, struct msr_data *msr);
#else
static inline bool kvm_exit_stats_is_msr(u32 index)
{
	return false;
}

static inline void kvm_exit_stats_show_vm(struct kvm *kvm) { }

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
#endif

#endif /* __KVM_X86_EXIT_STATS_GUEST_H */
