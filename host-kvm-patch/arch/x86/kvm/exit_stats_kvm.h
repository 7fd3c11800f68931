/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exit statistics: how they find KVM's VMs and vCPUs.
 */
#ifndef __KVM_X86_EXIT_STATS_KVM_H
#define __KVM_X86_EXIT_STATS_KVM_H

#include <linux/kvm_host.h>

static inline struct kvm_exit_stats *vcpu_exit_stats(struct kvm_vcpu *vcpu)
{
	return &vcpu->arch.exit_stats;
}

/* The number of the vCPU's exits, by row. */
#define vcpu_exits(vcpu)	((vcpu)->stat.exits_by_reason)

#define vm_exit_stats(kvm)	(&(kvm)->arch.exit_stats)

/* Let KVM call kvm_exit_stats_reset_max() before the vCPU's next entry. */
static inline void exit_stats_ask_for_reset(struct kvm_vcpu *vcpu)
{
	if (!kvm_test_request(KVM_REQ_EXIT_STATS_MAX, vcpu))
		kvm_make_request(KVM_REQ_EXIT_STATS_MAX, vcpu);
}

static inline struct kvm_vcpu *exit_stats_vcpu(struct kvm_exit_stats *s)
{
	return container_of(s, struct kvm_vcpu, arch.exit_stats);
}

static inline struct kvm *exit_stats_kvm(struct kvm_exit_stats_vm *vm)
{
	return container_of(vm, struct kvm, arch.exit_stats);
}

/* The number of the VM's vCPUs.  It never decreases. */
static inline unsigned int kvm_exit_stats_vcpus(struct kvm_exit_stats_vm *vm)
{
	return atomic_read(&exit_stats_kvm(vm)->online_vcpus);
}

/* The vCPU at position @i, which is below kvm_exit_stats_vcpus(). */
static inline struct kvm_exit_stats *
kvm_exit_stats_vcpu(struct kvm_exit_stats_vm *vm, unsigned int i)
{
	return vcpu_exit_stats(kvm_get_vcpu(exit_stats_kvm(vm), i));
}

/* Call @f for each VM.  May sleep. */
static inline void
kvm_exit_stats_each_vm(void (*f)(struct kvm_exit_stats_vm *vm))
{
	struct kvm *kvm;

	mutex_lock(&kvm_lock);
	list_for_each_entry(kvm, &vm_list, vm_list)
		f(&kvm->arch.exit_stats);
	mutex_unlock(&kvm_lock);
}

#endif /* __KVM_X86_EXIT_STATS_KVM_H */
