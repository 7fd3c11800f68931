/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exit statistics: what the guest's interface asks KVM about a vCPU.
 */
#ifndef __KVM_X86_EXIT_STATS_VCPU_H
#define __KVM_X86_EXIT_STATS_VCPU_H

#include <uapi/asm/kvm_para.h>
#include <uapi/asm/kvm_vmexit.h>

#include "cpuid.h"
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

/* Unknown for an encrypted guest. */
static inline int exit_stats_cpl(struct kvm_exit_stats *s)
{
	return kvm_x86_call(get_cpl)(exit_stats_vcpu(s));
}

/* Has the VMM defined this leaf, for any ECX?  Then its definition holds. */
static inline bool exit_stats_vmm_defines(struct kvm_exit_stats *s, u32 function)
{
	struct kvm_vcpu *vcpu = exit_stats_vcpu(s);
	int i;

	for (i = 0; i < vcpu->arch.cpuid_nent; i++)
		if (vcpu->arch.cpuid_entries[i].function == function)
			return true;
	return false;
}

/*
 * Does the VMM tell the guest that it runs on KVM?  A VMM that hides this, or
 * that enforces a list of paravirtual features, wants a guest without others.
 */
static inline bool exit_stats_is_paravirtual(struct kvm_exit_stats *s)
{
	struct kvm_vcpu *vcpu = exit_stats_vcpu(s);
	const struct kvm_cpuid_entry2 *entry;
	bool hypervisor = false, kvm = false;
	int i;

	for (i = 0; i < vcpu->arch.cpuid_nent; i++) {
		entry = &vcpu->arch.cpuid_entries[i];
		if (entry->function == 1)
			hypervisor = entry->ecx & BIT(X86_FEATURE_HYPERVISOR & 31);
		/* Another hypervisor's interface may come before KVM's. */
		if ((entry->function & ~0xff00) == KVM_CPUID_SIGNATURE &&
		    !memcmp(&entry->ebx, KVM_SIGNATURE, 12))
			kvm = true;
	}
	return hypervisor && kvm && !vcpu->arch.pv_cpuid.enforce;
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
	/* For an encrypted guest see has_access_msr() and has_sample_msrs(). */
	if (!exit_stats_is_encrypted(s))
		features |= KVM_VMEXIT_FEAT_ACCESS | KVM_VMEXIT_FEAT_SAMPLE;
	return features;
}

#endif /* __KVM_X86_EXIT_STATS_VCPU_H */
