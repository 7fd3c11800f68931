/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exit statistics: what the guest's interface asks KVM about a vCPU.
 */
#ifndef __KVM_X86_EXIT_STATS_VCPU_H
#define __KVM_X86_EXIT_STATS_VCPU_H

#include <uapi/asm/kvm_vmexit.h>

#include "exit_stats.h"
#include "smm.h"
#include "x86.h"

static inline bool exit_stats_in_guest_mode(struct kvm_exit_stats *s)
{
	return is_guest_mode(exit_stats_vcpu(s));
}

static inline bool exit_stats_is_encrypted(struct kvm_exit_stats *s)
{
	return exit_stats_vcpu(s)->arch.guest_state_protected;
}

/* The privilege level, which is unknown for an encrypted guest. */
static inline int exit_stats_cpl(struct kvm_exit_stats *s)
{
	return kvm_x86_call(get_cpl)(exit_stats_vcpu(s));
}

/* The features that depend on the guest. */
static inline u32 exit_stats_features(struct kvm_exit_stats *s)
{
	struct kvm_vcpu *vcpu = exit_stats_vcpu(s);
	u32 features = KVM_VMEXIT_FEAT_CYCLES;

	/* A TDX guest has only certain MSRs. */
	if (!kvm_x86_call(has_emulated_msr)(vcpu->kvm, MSR_KVM_VMEXIT_ACCESS))
		return features;
	features |= KVM_VMEXIT_FEAT_MAX;
	/* For an encrypted guest see has_msr() and has_sample_msrs(). */
	if (!exit_stats_is_encrypted(s))
		features |= KVM_VMEXIT_FEAT_ACCESS | KVM_VMEXIT_FEAT_SAMPLE;
	return features;
}

#endif /* __KVM_X86_EXIT_STATS_VCPU_H */
