/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exit statistics: how they find the VMs and vCPUs of a KVM that was not
 * patched.  The patched KVM has a file of this name, too.
 */
#ifndef __KVM_X86_EXIT_STATS_KVM_H
#define __KVM_X86_EXIT_STATS_KVM_H

#include <linux/kvm_host.h>

struct kvm_exit_stats;
struct kvm_exit_stats_vm;

/* This module exports nothing. */
#undef EXPORT_SYMBOL_FOR_KVM_INTERNAL
#define EXPORT_SYMBOL_FOR_KVM_INTERNAL(symbol) static_assert(sizeof(symbol))

struct kvm_exit_stats *vcpu_exit_stats(struct kvm_vcpu *vcpu);
u64 *vcpu_exits(struct kvm_vcpu *vcpu);
struct kvm_exit_stats_vm *vm_exit_stats(struct kvm *kvm);

/* Nothing to do: the vCPU's next entry finds the reset by itself, see on_entry(). */
static inline void exit_stats_ask_for_reset(struct kvm_vcpu *vcpu) { }

unsigned int kvm_exit_stats_vcpus(struct kvm_exit_stats_vm *vm);
struct kvm_exit_stats *kvm_exit_stats_vcpu(struct kvm_exit_stats_vm *vm,
					   unsigned int i);
void kvm_exit_stats_each_vm(void (*f)(struct kvm_exit_stats_vm *vm));

#endif /* __KVM_X86_EXIT_STATS_KVM_H */
