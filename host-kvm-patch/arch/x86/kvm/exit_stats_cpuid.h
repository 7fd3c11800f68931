/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exit statistics: the CPUID leaves by which a guest reads them.
 */
#ifndef __KVM_X86_EXIT_STATS_CPUID_H
#define __KVM_X86_EXIT_STATS_CPUID_H

#include <uapi/asm/kvm_vmexit.h>

#include "exit_stats.h"

#ifdef CONFIG_KVM_EXIT_STATS
bool kvm_exit_stats_has_leaf(struct kvm_exit_stats *s, u32 function);
bool __kvm_exit_stats_cpuid_ready(struct kvm_exit_stats *s, u32 function,
				  u32 index);
bool __kvm_exit_stats_cpuid(struct kvm_exit_stats *s, u32 function, u32 index,
			    u32 *eax, u32 *ebx, u32 *ecx, u32 *edx);
void kvm_exit_stats_free_snapshot(struct kvm_exit_stats *s);

/* This is inline, so that other leaves do not even cost a call. */
static inline bool kvm_exit_stats_is_leaf(u32 function)
{
	return unlikely(function - KVM_VMEXIT_LEAF_SIGNATURE <=
			KVM_VMEXIT_LEAF_TOTAL - KVM_VMEXIT_LEAF_SIGNATURE);
}

static inline bool kvm_exit_stats_cpuid_ready(struct kvm_vcpu *vcpu,
					      u32 function, u32 index)
{
	return !kvm_exit_stats_is_leaf(function) ||
	       __kvm_exit_stats_cpuid_ready(vcpu_exit_stats(vcpu), function,
					    index);
}

static inline bool kvm_exit_stats_cpuid(struct kvm_vcpu *vcpu, u32 function,
					u32 index, u32 *eax, u32 *ebx,
					u32 *ecx, u32 *edx)
{
	return kvm_exit_stats_is_leaf(function) &&
	       __kvm_exit_stats_cpuid(vcpu_exit_stats(vcpu), function, index,
				      eax, ebx, ecx, edx);
}
#else
static inline bool kvm_exit_stats_cpuid_ready(struct kvm_vcpu *vcpu,
					      u32 function, u32 index)
{
	return true;
}

static inline bool kvm_exit_stats_cpuid(struct kvm_vcpu *vcpu, u32 function,
					u32 index, u32 *eax, u32 *ebx,
					u32 *ecx, u32 *edx)
{
	return false;
}
#endif

#endif /* __KVM_X86_EXIT_STATS_CPUID_H */
