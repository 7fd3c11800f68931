/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exit statistics: the CPUID leaves by which a guest reads them.
 */
#ifndef __KVM_X86_EXIT_STATS_CPUID_H
#define __KVM_X86_EXIT_STATS_CPUID_H

#include <linux/kvm_host.h>

#ifdef CONFIG_KVM_EXIT_STATS
bool kvm_exit_stats_cpuid(struct kvm_vcpu *vcpu, u32 function, u32 index,
			  u32 *eax, u32 *ebx, u32 *ecx, u32 *edx);
void kvm_exit_stats_free_snapshot(struct kvm_vcpu *vcpu);
#else
static inline bool kvm_exit_stats_cpuid(struct kvm_vcpu *vcpu, u32 function,
					u32 index, u32 *eax, u32 *ebx,
					u32 *ecx, u32 *edx)
{
	return false;
}

static inline void kvm_exit_stats_free_snapshot(struct kvm_vcpu *vcpu) { }
#endif

#endif /* __KVM_X86_EXIT_STATS_CPUID_H */
