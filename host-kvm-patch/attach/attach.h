/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VMs and vCPUs of a KVM that was not patched, as this module knows them.
 */
#ifndef _KVM_EXITS_HOST_ATTACH_H
#define _KVM_EXITS_HOST_ATTACH_H

#undef pr_fmt
#define pr_fmt(fmt)	KBUILD_MODNAME ": " fmt

#include <linux/kvm_host.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <asm/asm.h>

#include "exit_stats.h"

struct vmcb;

/*
 * The counts of a vCPU, and what this module knows about it.
 *
 * @stats: its exit statistics
 * @exits: number of exits, by row
 * @vcpu: KVM's vCPU.  Only its own thread, inside KVM_RUN, may follow the pointer.
 * @dir: the directory of its VM, see struct attached_vm
 * @vm: its VM
 * @handled: the handling of the last exit has ended
 * @late: KVM passes the tracepoint only after the host has taken its interrupts
 * @unchecked: the number of exits whose reason is still to be compared with what
 *	KVM itself says
 * @node: entry in the hash table
 */
struct attached_vcpu {
	struct kvm_exit_stats stats;
	u64 exits[KVM_EXIT_STATS_COUNTS];
	struct kvm_vcpu *vcpu;
	struct dentry *dir;
	struct attached_vm *vm;
	bool handled, late;
	u8 unchecked;
	struct hlist_node node;
};

/*
 * The counts of a VM, and what this module knows about it.
 *
 * @stats: its exit statistics
 * @dir: KVM's directory of the VM in debugfs.  This module holds a reference to
 *	the directory, so that no other VM's directory gets the same address.
 * @shown: this directory has the VM's files
 * @missed: the value of the module's parameter "missed" when the generation began
 * @node: entry in the list of all VMs
 * @by_dir: entry in the hash table
 * @nr: the number of vCPUs
 */
struct attached_vm {
	struct kvm_exit_stats_vm stats;
	struct dentry *dir;
	bool shown;
	unsigned long missed;
	struct list_head node;
	struct hlist_node by_dir;
	unsigned int nr;
	struct attached_vcpu *vcpu[KVM_MAX_VCPUS];
};

/* The vCPU that ran last on this CPU, or the placeholder "nobody" of vms.c. */
DECLARE_PER_CPU(struct attached_vcpu *, last_vcpu);

struct attached_vcpu *find_or_adopt_vcpu(struct kvm_vcpu *vcpu);
void adopt_new_vcpu(struct kvm_vcpu *vcpu);
int start_vms(void);
void end_generations(void);
void stop_vms(void);

/*
 * KVM can free a vCPU without notice, and a new vCPU can get the same address.  So
 * compare the directory of the VM, too: no other VM has the same.
 */
static __always_inline bool is_vcpu(const struct attached_vcpu *a,
				    const struct kvm_vcpu *vcpu)
{
	return a->vcpu == vcpu && a->dir == vcpu->kvm->debugfs_dentry;
}

/* kvm_amd's struct vcpu_svm begins with struct kvm_vcpu, and this pointer is next. */
static inline struct vmcb **svm_vmcb(struct kvm_vcpu *vcpu)
{
	return (struct vmcb **)(vcpu + 1);
}

/* A reboot can end VMX before it ends the VMs.  Then the value does not matter. */
static __always_inline unsigned long vmcs_read(unsigned long field)
{
	unsigned long value;

	asm volatile("1: vmread %1, %0\n2:\n" _ASM_EXTABLE(1b, 2b)
		     : "=r" (value) : "r" (field) : "cc");
	return value;
}

int start_counting(void);
void stop_counting(void);

int start_hooks(void);
bool stop_hooks(void);
bool ftrace_is_alive(void);

unsigned long address_of(const char *function);
void *function_of(const char *function);
bool detach(void);
void give_up(const char *why);

#endif /* _KVM_EXITS_HOST_ATTACH_H */
