/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exit statistics: samples of a vCPU's exits, for its guest's kernel.
 */
#ifndef __KVM_X86_EXIT_STATS_SAMPLE_H
#define __KVM_X86_EXIT_STATS_SAMPLE_H

#include <linux/jump_label_ratelimit.h>

#include <uapi/asm/kvm_vmexit.h>

#include "exit_stats.h"

#ifdef CONFIG_KVM_EXIT_STATS

extern struct static_key_false_deferred kvm_exit_stats_sampling;

static inline bool kvm_exit_stats_is_sample_msr(u32 index)
{
	return index >= MSR_KVM_VMEXIT_SAMPLE &&
	       index <= MSR_KVM_VMEXIT_SAMPLE_LOST;
}

void kvm_exit_stats_sample(struct kvm_vcpu *vcpu, u64 address);
void kvm_exit_stats_not_sampled(struct kvm_exit_stats *s);
void kvm_exit_stats_reset_samples(struct kvm_vcpu *vcpu);
void kvm_exit_stats_vmm_reset(struct kvm_vcpu *vcpu,
			      const struct kvm_sregs *sregs);
void kvm_exit_stats_free_samples(struct kvm_exit_stats *s);
void kvm_exit_stats_flush_sampling(void);
int kvm_exit_stats_set_sample_msr(struct kvm_vcpu *vcpu, struct msr_data *msr);
int kvm_exit_stats_get_sample_msr(struct kvm_vcpu *vcpu, struct msr_data *msr);

/*
 * Call it once for each exit of the hardware, after KVM has completed the events
 * that the exit interrupted.  Return true if kvm_exit_stats_sample() must be
 * called for this exit.  Rows that are not sampled count down as well, and
 * kvm_exit_stats_sample() ignores them.
 */
static __always_inline bool kvm_exit_stats_sample_due(struct kvm_vcpu *vcpu)
{
	struct kvm_exit_stats *s = vcpu_exit_stats(vcpu);

	return static_branch_unlikely(&kvm_exit_stats_sampling.key) &&
	       unlikely(!--kvm_exit_stats_current(s)->until_sample);
}

#else /* !CONFIG_KVM_EXIT_STATS */

static inline bool kvm_exit_stats_sample_due(struct kvm_vcpu *vcpu)
{
	return false;
}

static inline void kvm_exit_stats_sample(struct kvm_vcpu *vcpu, u64 address) { }
static inline void kvm_exit_stats_reset_samples(struct kvm_vcpu *vcpu) { }
static inline void kvm_exit_stats_vmm_reset(struct kvm_vcpu *vcpu,
					    const struct kvm_sregs *sregs) { }
static inline void kvm_exit_stats_flush_sampling(void) { }

#endif /* CONFIG_KVM_EXIT_STATS */

#endif /* __KVM_X86_EXIT_STATS_SAMPLE_H */
