// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMs and vCPUs that are counted.
 *
 * The module adopts a vCPU when KVM creates it.  If the vCPU is older than the module,
 * this happens when its thread passes one of KVM's tracepoints for the first time.  No
 * memory can be allocated there, so a work item keeps some structures in store.  The
 * exits that are missed while the store is empty leave a gap in the counts.
 *
 * KVM does not tell this module that a VM ends.  But when no thread runs a vCPU of the
 * VM any more, KVM first removes the VM's directory in debugfs.  The work item looks
 * for directories that were removed.
 */
#include <linux/dcache.h>
#include <linux/debugfs.h>
#include <linux/hashtable.h>
#include <linux/magic.h>
#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include "attach.h"
#include "exit_stats_debugfs.h"

/* The number of vCPUs and of VMs that can be adopted at once. */
#define VCPUS_IN_STORE	16
#define VMS_IN_STORE	4

static struct attached_vcpu nobody;
DEFINE_PER_CPU(struct attached_vcpu *, last_vcpu);

static struct kmem_cache *vcpu_cache;
static DEFINE_HASHTABLE(vcpus, 10);
static DEFINE_HASHTABLE(vms_by_dir, 8);
static LIST_HEAD(vms);
/* A thread that walks through vms and may sleep holds this: then no VM is removed. */
static DEFINE_MUTEX(vms_mutex);
/* Guards all changes of vcpus, vms, vms_by_dir and the store. */
static DEFINE_SPINLOCK(lock);

static struct attached_vcpu *vcpus_in_store[VCPUS_IN_STORE];
static struct attached_vm *vms_in_store[VMS_IN_STORE];
static unsigned int nr_vcpus_in_store, nr_vms_in_store;

/* Times that a vCPU could not be adopted. */
static unsigned long missed;
module_param(missed, ulong, 0444);
MODULE_PARM_DESC(missed, "Times that a vCPU was not counted for want of memory");

static const char *gave_up;

static void attend(struct work_struct *work);
static DECLARE_DEFERRABLE_WORK(attend_work, attend);

static struct attached_vm *to_vm(struct kvm_exit_stats_vm *stats)
{
	return container_of(stats, struct attached_vm, stats);
}

/*
 * The counts of a vCPU, or NULL.  Preemption is off.  This follows no pointer of a
 * vCPU that was not adopted.
 */
static struct attached_vcpu *find_vcpu(struct kvm_vcpu *vcpu)
{
	struct attached_vcpu *a;

	hash_for_each_possible_rcu_notrace(vcpus, a, node, (unsigned long)vcpu)
		if (is_vcpu(a, vcpu))
			return a;
	return NULL;
}

/*
 * NULL if the vCPU is not counted (any more).  When a VM ends, this module frees the
 * counts before KVM frees the vCPUs.  KVM may still write MSRs of a vCPU that uses
 * nested VMX then.
 */
struct kvm_exit_stats *vcpu_exit_stats(struct kvm_vcpu *vcpu)
{
	struct attached_vcpu *a;

	preempt_disable_notrace();
	a = __this_cpu_read(last_vcpu);
	if (!is_vcpu(a, vcpu))
		a = find_vcpu(vcpu);
	if (a && d_unlinked(a->dir))
		a = NULL;
	preempt_enable_notrace();
	return a ? &a->stats : NULL;
}

unsigned int kvm_exit_stats_vcpus(struct kvm_exit_stats_vm *vm)
{
	/* Pairs with smp_store_release() in adopt(). */
	return smp_load_acquire(&to_vm(vm)->nr);
}

struct kvm_exit_stats *kvm_exit_stats_vcpu(struct kvm_exit_stats_vm *vm,
					   unsigned int i)
{
	return &to_vm(vm)->vcpu[i]->stats;
}

static void each_vm(void (*f)(struct kvm_exit_stats_vm *vm))
{
	struct attached_vm *vm;

	mutex_lock(&vms_mutex);
	list_for_each_entry_rcu(vm, &vms, node, lockdep_is_held(&vms_mutex))
		f(&vm->stats);
	mutex_unlock(&vms_mutex);
}

/*
 * Switching a parameter begins a new generation in each VM, but not once
 * counting has ended.
 */
void kvm_exit_stats_each_vm(void (*f)(struct kvm_exit_stats_vm *vm))
{
	if (!READ_ONCE(gave_up))
		each_vm(f);
}

static struct attached_vm *find_vm(struct dentry *dir)
{
	struct attached_vm *vm;

	hash_for_each_possible(vms_by_dir, vm, by_dir, (unsigned long)dir)
		if (vm->dir == dir)
			return vm;
	return NULL;
}

/* NULL if none of the VM's vCPUs has been adopted. */
struct kvm_exit_stats_vm *vm_exit_stats(struct kvm *kvm)
{
	struct attached_vm *vm;

	spin_lock(&lock);
	vm = find_vm(kvm->debugfs_dentry);
	spin_unlock(&lock);
	return vm ? &vm->stats : NULL;
}

static struct attached_vm *adopt_vm(struct dentry *dir, bool from_zero)
{
	struct attached_vm *vm;

	if (!nr_vms_in_store)
		return NULL;
	vm = vms_in_store[--nr_vms_in_store];
	vm->dir = dget(dir);
	vm->missed = missed;
	kvm_exit_stats_init_vm(&vm->stats);
	vm->stats.from_zero = from_zero;
	hash_add(vms_by_dir, &vm->by_dir, (unsigned long)dir);
	list_add_tail_rcu(&vm->node, &vms);
	return vm;
}

/* The counts had a gap: give the VM a new generation. */
static void new_generation(struct kvm_exit_stats_vm *vm)
{
	struct kvm_exit_stats_vm new = {};

	kvm_exit_stats_init_vm(&new);
	/* Pairs with smp_load_acquire() where a generation is read. */
	smp_store_release(&vm->generation, new.generation);
}

/*
 * If KVM's own count of a vCPU's exits is not zero, the vCPU ran before this module
 * counted it.  If the module missed such exits while it counted another vCPU of the VM,
 * the VM's counts have a gap.
 */
static struct attached_vcpu *adopt(struct kvm_vcpu *vcpu, struct dentry *dir)
{
	bool from_zero = !vcpu->stat.exits;
	struct attached_vcpu *a;
	struct attached_vm *vm;

	spin_lock(&lock);
	/* Another thread that runs this vCPU may have adopted it meanwhile. */
	a = find_vcpu(vcpu);
	if (a) {
		spin_unlock(&lock);
		return a;
	}
	vm = find_vm(dir);
	if (!nr_vcpus_in_store || (vm && vm->nr == KVM_MAX_VCPUS))
		goto out;
	if (!vm) {
		vm = adopt_vm(dir, from_zero);
		if (!vm)
			goto out;
	} else if (!from_zero) {
		WRITE_ONCE(vm->stats.from_zero, false);
		if (vm->missed != missed) {
			vm->missed = missed;
			new_generation(&vm->stats);
		}
	}

	a = vcpus_in_store[--nr_vcpus_in_store];
	a->vcpu = vcpu;
	a->dir = dir;
	a->vm = vm;
	a->stats.vm = &vm->stats;
	a->stats.max_epoch = atomic_read(&vm->stats.max_epoch);
	hash_add_rcu(vcpus, &a->node, (unsigned long)vcpu);
	vm->vcpu[vm->nr] = a;
	/* Pairs with smp_load_acquire() in kvm_exit_stats_vcpus(). */
	smp_store_release(&vm->nr, vm->nr + 1);
	spin_unlock(&lock);
	mod_delayed_work(system_wq, &attend_work, 0);
	return a;

out:
	/* The work item fills the store each second.  Do not wake it at each exit. */
	missed++;
	spin_unlock(&lock);
	return NULL;
}

/*
 * Is this a vCPU, and are KVM's structures what the headers say?  Then its VM has the
 * address space of this thread, and a directory in debugfs, or none.
 */
static bool is_plausible(struct kvm_vcpu *vcpu)
{
	struct super_block *sb;
	struct mm_struct *mm;
	struct dentry *dir;
	unsigned long magic;
	struct kvm *kvm;

	if (get_kernel_nofault(kvm, &vcpu->kvm) ||
	    get_kernel_nofault(mm, &kvm->mm) || mm != current->mm ||
	    get_kernel_nofault(dir, &kvm->debugfs_dentry))
		return false;
	return IS_ERR_OR_NULL(dir) ||
	       (!get_kernel_nofault(sb, &dir->d_sb) &&
		!get_kernel_nofault(magic, &sb->s_magic) &&
		magic == DEBUGFS_MAGIC);
}

/* Does vcpu->pid say that this thread runs the vCPU? */
static bool has_thread(struct kvm_vcpu *vcpu)
{
	struct pid *pid;

	return !get_kernel_nofault(pid, (struct pid **)&vcpu->pid) &&
	       pid == task_pid(current);
}

/* Is it a TD, a guest of TDX?  KVM cannot read the VMCS that has a TD's exit reasons. */
static bool is_td(const struct kvm *kvm)
{
#ifdef KVM_X86_TDX_VM
	return kvm->arch.vm_type == KVM_X86_TDX_VM;
#else
	return false;
#endif
}

/*
 * Adopt @vcpu, if it is a vCPU and can be counted.  If ftrace keeps a hook, the hook
 * calls this even after counting has ended.
 */
static struct attached_vcpu *check_and_adopt(struct kvm_vcpu *vcpu, bool runs)
{
	struct dentry *dir;

	if (READ_ONCE(gave_up))
		return NULL;
	if (!is_plausible(vcpu) || (runs && !has_thread(vcpu))) {
		give_up("this kernel's vCPUs are not what its headers say: use the patched KVM");
		return NULL;
	}
	dir = vcpu->kvm->debugfs_dentry;
	if (IS_ERR_OR_NULL(dir)) {
		pr_warn_once("a VM is not counted: it has no directory in debugfs\n");
		return NULL;
	}
	return is_td(vcpu->kvm) ? NULL : adopt(vcpu, dir);
}

/* KVM has created this vCPU. */
void adopt_new_vcpu(struct kvm_vcpu *vcpu)
{
	check_and_adopt(vcpu, false);
}

/* Find a vCPU that is not this CPU's last_vcpu.  Return NULL if it is not counted. */
noinline struct attached_vcpu *find_or_adopt_vcpu(struct kvm_vcpu *vcpu)
{
	struct attached_vcpu *a = find_vcpu(vcpu) ?: check_and_adopt(vcpu, true);

	/* Until the vCPU has been checked, each of its exits comes here. */
	if (a && !a->unchecked)
		__this_cpu_write(last_vcpu, a);
	return a;
}

static void free_vcpu(struct attached_vcpu *a)
{
	if (!a)
		return;
	kvm_exit_stats_destroy(&a->stats);
	kmem_cache_free(vcpu_cache, a);
}

static struct attached_vcpu *new_vcpu(void)
{
	static struct kvm_exit_stats_vm no_vm;
	struct attached_vcpu *a;

	a = kmem_cache_zalloc(vcpu_cache, GFP_KERNEL);
	if (!a)
		return NULL;
	a->unchecked = kvm_exit_stats_isa() == EXIT_ISA_SVM ? 8 : 0;
	if (kvm_exit_stats_create(&a->stats, &no_vm, a->exits)) {
		kmem_cache_free(vcpu_cache, a);
		return NULL;
	}
	return a;
}

/*
 * Only one thread at a time calls this, and no other function fills the store.  So the
 * store still has room when the lock is taken.
 */
static bool fill_store(void)
{
	struct attached_vcpu *a;
	struct attached_vm *vm;

	while (READ_ONCE(nr_vcpus_in_store) < VCPUS_IN_STORE) {
		a = new_vcpu();
		if (!a)
			return false;
		spin_lock(&lock);
		vcpus_in_store[nr_vcpus_in_store++] = a;
		spin_unlock(&lock);
	}
	while (READ_ONCE(nr_vms_in_store) < VMS_IN_STORE) {
		vm = kvzalloc(sizeof(*vm), GFP_KERNEL);
		if (!vm)
			return false;
		spin_lock(&lock);
		vms_in_store[nr_vms_in_store++] = vm;
		spin_unlock(&lock);
	}
	return true;
}

/* Remove the vCPUs of this VM from the last_vcpu of all CPUs. */
static void forget_vm(struct attached_vm *vm)
{
	struct attached_vcpu **last, *a;
	int cpu;

	for_each_possible_cpu(cpu) {
		last = per_cpu_ptr(&last_vcpu, cpu);
		a = READ_ONCE(*last);
		if (a->vm == vm)
			cmpxchg(last, a, &nobody);
	}
}

/* Free a VM that no other thread can find any more.  Waits for readers of its files. */
static void free_vm(struct attached_vm *vm)
{
	unsigned int i;

	debugfs_lookup_and_remove("exit_stats", vm->dir);
	debugfs_lookup_and_remove("exit_stats_access", vm->dir);
	dput(vm->dir);
	for (i = 0; i < vm->nr; i++)
		free_vcpu(vm->vcpu[i]);
	kvfree(vm);
}

/* Take the VMs that have ended from the list. */
static void take_ended(struct list_head *ended)
{
	struct attached_vm *vm, *next;
	unsigned int i;

	spin_lock(&lock);
	list_for_each_entry_safe(vm, next, &vms, node) {
		if (!d_unlinked(vm->dir))
			continue;
		list_move(&vm->node, ended);
		hash_del(&vm->by_dir);
		for (i = 0; i < vm->nr; i++)
			hash_del_rcu(&vm->vcpu[i]->node);
	}
	spin_unlock(&lock);
}

static void end_generation(struct kvm_exit_stats_vm *vm)
{
	WRITE_ONCE(vm->generation, 0);
}

/* From now on the counts have a gap. */
void end_generations(void)
{
	each_vm(end_generation);
}

/* Give new VMs their files, free the VMs that have ended, and fill the store. */
static void attend(struct work_struct *work)
{
	struct attached_vm *vm, *next;
	LIST_HEAD(ended);

	if (!fill_store())
		pr_warn_once("out of memory: new vCPUs are not counted until some is free\n");

	mutex_lock(&vms_mutex);
	take_ended(&ended);
	list_for_each_entry_rcu(vm, &vms, node, lockdep_is_held(&vms_mutex)) {
		if (vm->shown)
			continue;
		vm->shown = true;
		__kvm_exit_stats_create_debugfs(&vm->stats, vm->dir);
	}
	mutex_unlock(&vms_mutex);

	list_for_each_entry(vm, &ended, node)
		forget_vm(vm);
	if (!list_empty(&ended))
		synchronize_rcu();
	list_for_each_entry_safe(vm, next, &ended, node)
		free_vm(vm);

	if (!ftrace_is_alive())
		give_up("the kernel has switched ftrace off after an error: reboot to count again");
	if (READ_ONCE(gave_up) && detach())
		pr_err("counting has ended: %s\n", gave_up);
	schedule_delayed_work(&attend_work, HZ);
}

/* The callers must not sleep.  So the work item detaches this module from KVM. */
void give_up(const char *why)
{
	if (cmpxchg(&gave_up, NULL, why))
		return;
	mod_delayed_work(system_wq, &attend_work, 0);
}

int start_vms(void)
{
	int cpu;

	/*
	 * An initializer of last_vcpu would not work: the module loader relocates no
	 * pointers in per-CPU data.
	 */
	for_each_possible_cpu(cpu)
		per_cpu(last_vcpu, cpu) = &nobody;

	vcpu_cache = KMEM_CACHE(attached_vcpu, 0);
	if (!vcpu_cache)
		return -ENOMEM;
	if (!fill_store()) {
		stop_vms();
		return -ENOMEM;
	}
	schedule_delayed_work(&attend_work, HZ);
	return 0;
}

/* Free all.  The probes and the hooks are gone. */
void stop_vms(void)
{
	struct attached_vm *vm, *next;
	LIST_HEAD(all);

	cancel_delayed_work_sync(&attend_work);
	/* A writer of a parameter may still walk through the VMs. */
	mutex_lock(&vms_mutex);
	list_splice_init(&vms, &all);
	mutex_unlock(&vms_mutex);
	list_for_each_entry_safe(vm, next, &all, node)
		free_vm(vm);
	while (nr_vms_in_store)
		kvfree(vms_in_store[--nr_vms_in_store]);
	while (nr_vcpus_in_store)
		free_vcpu(vcpus_in_store[--nr_vcpus_in_store]);
	kmem_cache_destroy(vcpu_cache);
}
