/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exit statistics: there are no samples with a KVM that was not patched.
 */
#ifndef __KVM_X86_EXIT_STATS_SAMPLE_H
#define __KVM_X86_EXIT_STATS_SAMPLE_H

#include "exit_stats_vcpu.h"

static inline bool kvm_exit_stats_is_sample_msr(u32 index)
{
	return false;
}

static inline int kvm_exit_stats_set_sample_msr(struct kvm_vcpu *vcpu,
						struct msr_data *msr)
{
	return KVM_MSR_RET_UNSUPPORTED;
}

static inline int kvm_exit_stats_get_sample_msr(struct kvm_vcpu *vcpu,
						struct msr_data *msr)
{
	return KVM_MSR_RET_UNSUPPORTED;
}

static inline void kvm_exit_stats_not_sampled(struct kvm_exit_stats *s) { }
static inline void kvm_exit_stats_free_samples(struct kvm_exit_stats *s) { }

#endif /* __KVM_X86_EXIT_STATS_SAMPLE_H */
