/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exit statistics: what the guest's interface asks about a vCPU of a KVM that was
 * not patched.  The patched KVM has a file of this name, too.  All these functions
 * run in the vCPU's thread.
 */
#ifndef __KVM_X86_EXIT_STATS_VCPU_H
#define __KVM_X86_EXIT_STATS_VCPU_H

#include <asm/svm.h>
#include <asm/vmx.h>
#include <uapi/asm/kvm_vmexit.h>

#include "attach.h"
#include "x86.h"

static inline struct kvm_vcpu *exit_stats_vcpu(struct kvm_exit_stats *s)
{
	return container_of(s, struct attached_vcpu, stats)->vcpu;
}

static inline bool exit_stats_in_guest_mode(struct kvm_exit_stats *s)
{
	return exit_stats_vcpu(s)->arch.hflags & HF_GUEST_MASK;
}

static inline bool exit_stats_is_encrypted(struct kvm_exit_stats *s)
{
	return exit_stats_vcpu(s)->arch.guest_state_protected;
}

/* On VMX this is the DPL of SS.  A vCPU's VMCS is always current in its thread. */
static inline int exit_stats_cpl(struct kvm_exit_stats *s)
{
	unsigned long access_rights;

	if (kvm_exit_stats_isa() == EXIT_ISA_SVM)
		return (*svm_vmcb(exit_stats_vcpu(s)))->save.cpl;
	preempt_disable();
	access_rights = vmcs_read(GUEST_SS_AR_BYTES);
	preempt_enable();
	return access_rights >> 5 & 3;
}

/* The features that depend on the guest.  This module takes no samples. */
static inline u32 exit_stats_features(struct kvm_exit_stats *s)
{
	u32 features = KVM_VMEXIT_FEAT_CYCLES | KVM_VMEXIT_FEAT_MAX;

	if (!exit_stats_is_encrypted(s))
		features |= KVM_VMEXIT_FEAT_ACCESS;
	return features;
}

#endif /* __KVM_X86_EXIT_STATS_VCPU_H */
