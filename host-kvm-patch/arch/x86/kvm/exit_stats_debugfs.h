/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exit statistics: a VM's files for the host, in its directory in debugfs.
 */
#ifndef __KVM_X86_EXIT_STATS_DEBUGFS_H
#define __KVM_X86_EXIT_STATS_DEBUGFS_H

#include "exit_stats.h"

#ifdef CONFIG_KVM_EXIT_STATS
struct dentry;

void __kvm_exit_stats_create_debugfs(struct kvm_exit_stats_vm *vm,
				     struct dentry *dir);

static inline void kvm_exit_stats_create_debugfs(struct kvm *kvm)
{
	__kvm_exit_stats_create_debugfs(vm_exit_stats(kvm),
					kvm->debugfs_dentry);
}
#else
static inline void kvm_exit_stats_create_debugfs(struct kvm *kvm) { }
#endif

#endif /* __KVM_X86_EXIT_STATS_DEBUGFS_H */
