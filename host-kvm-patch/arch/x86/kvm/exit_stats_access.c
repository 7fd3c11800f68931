// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exit statistics: which guests can read them, and at which privilege level.
 *
 * Exact counts are a side channel without noise for any process in a guest: a
 * write to a page that the host has merged takes one exit more.  The host's
 * operator decides by a parameter and by a file of each VM.  The VMM decides by a
 * capability, and the guest's kernel by an MSR.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <uapi/asm/kvm_para.h>

#include "exit_stats_access.h"
#include "exit_stats_sample.h"
#include "exit_stats_vcpu.h"

static const char * const names[] = {
	[KVM_VMEXIT_GUEST_NONE] = "N",
	[KVM_VMEXIT_GUEST_ALL] = "Y",
	[KVM_VMEXIT_GUEST_KERNEL] = "kernel",
};

/* KVM_VMEXIT_GUEST_* of new VMs. */
static u8 exit_stats_guest = KVM_VMEXIT_GUEST_ALL;

/* Return KVM_VMEXIT_GUEST_* or -EINVAL. */
static int parse_guest(const char *text)
{
	int i = sysfs_match_string(names, text);
	bool all;

	/*
	 * Also take the single letters 0, 1, y and n.  Do not take any other word:
	 * kstrtobool() looks only at the beginning of a word.
	 */
	if (i < 0 && strcspn(text, "\n") == 1 && !kstrtobool(text, &all))
		i = all ? KVM_VMEXIT_GUEST_ALL : KVM_VMEXIT_GUEST_NONE;
	return i;
}

static int guest_set(const char *val, const struct kernel_param *kp)
{
	int guest = val ? parse_guest(val) : KVM_VMEXIT_GUEST_ALL;

	if (guest < 0)
		return guest;
	WRITE_ONCE(exit_stats_guest, guest);
	return 0;
}

static int guest_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%s\n", names[READ_ONCE(exit_stats_guest)]);
}

static const struct kernel_param_ops guest_ops = {
	.flags = KERNEL_PARAM_OPS_FL_NOARG,
	.set = guest_set,
	.get = guest_get,
};

module_param_cb(exit_stats_guest, &guest_ops, NULL, 0644);
__MODULE_PARM_TYPE(exit_stats_guest, "N, kernel or Y");
MODULE_PARM_DESC(exit_stats_guest, "Who in a new VM can read its exit statistics, unless its VMM or its file in debugfs decides: nobody, the kernel, or all that the kernel allows");

/* A new VM begins with the value of the parameter. */
void kvm_exit_stats_init_access(struct kvm_exit_stats_vm *vm)
{
	vm->guest = READ_ONCE(exit_stats_guest);
}

/*
 * The operator or the VMM has decided who may read this VM's statistics.  Then it
 * does not matter whether the VMM hides KVM from the guest.
 */
static void decide(struct kvm_exit_stats_vm *vm, u8 guest)
{
	WRITE_ONCE(vm->guest, guest);
	WRITE_ONCE(vm->decided, true);
}

static ssize_t access_read(struct file *file, char __user *to, size_t count,
			   loff_t *pos)
{
	struct kvm_exit_stats_vm *vm = file->private_data;
	char text[16];
	int n = scnprintf(text, sizeof(text), "%s\n", names[READ_ONCE(vm->guest)]);

	return simple_read_from_buffer(to, count, pos, text, n);
}

/* A running guest finds the change at its next access. */
static ssize_t access_write(struct file *file, const char __user *from,
			    size_t count, loff_t *pos)
{
	struct kvm_exit_stats_vm *vm = file->private_data;
	char text[16] = {};
	int guest;

	if (count >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, from, count))
		return -EFAULT;

	guest = parse_guest(text);
	if (guest < 0)
		return guest;
	decide(vm, guest);
	return count;
}

static const struct file_operations access_fops = {
	.owner	= THIS_MODULE,
	.open	= simple_open,
	.read	= access_read,
	.write	= access_write,
	.llseek	= default_llseek,
};

/* Make the file "exit_stats_access" in the debugfs directory of a VM. */
void kvm_exit_stats_create_access_file(struct kvm_exit_stats_vm *vm,
				       struct dentry *dir)
{
	debugfs_create_file("exit_stats_access", 0600, dir, vm, &access_fops);
}

/*
 * KVM_ENABLE_CAP of KVM_CAP_X86_VMEXIT.  @arg is KVM_VMEXIT_GUEST_*.  Return
 * -EINVAL for another @arg, or once the VM has a vCPU.
 */
int kvm_exit_stats_enable_cap(struct kvm *kvm, u64 arg)
{
	int ret = -EINVAL;

	if (arg >= ARRAY_SIZE(names))
		return ret;

	mutex_lock(&kvm->lock);
	if (!kvm->created_vcpus) {
		decide(vm_exit_stats(kvm), arg);
		ret = 0;
	}
	mutex_unlock(&kvm->lock);
	return ret;
}

static bool cpl0_only(const struct kvm_exit_stats_vm *vm)
{
	return READ_ONCE(vm->guest) == KVM_VMEXIT_GUEST_KERNEL ||
	       READ_ONCE(vm->cpl0_only);
}

/*
 * Does the VMM tell the guest that it runs on KVM?  If a VMM hides this, or enforces
 * a list of paravirtual features, it does not want the guest to have other features.
 */
static bool is_paravirtual(struct kvm_exit_stats *s)
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

/*
 * Can the guest read the statistics at its current privilege level?  A guest of
 * the guest cannot: if its hypervisor does not intercept an instruction, KVM
 * answers as if there were no statistics.  If only CPL 0 may read them, an
 * encrypted guest cannot, either, because KVM does not know its level.
 */
bool kvm_exit_stats_visible(struct kvm_exit_stats *s)
{
	const struct kvm_exit_stats_vm *vm = s->vm;

	if (READ_ONCE(vm->guest) == KVM_VMEXIT_GUEST_NONE ||
	    exit_stats_in_guest_mode(s) ||
	    (!READ_ONCE(vm->decided) && !is_paravirtual(s)))
		return false;
	return !cpl0_only(vm) ||
	       (!exit_stats_is_encrypted(s) && !exit_stats_cpl(s));
}

/*
 * The VMM may always read and write MSR_KVM_VMEXIT_ACCESS, for a migration.  A guest
 * whose state is encrypted does not have this MSR, because KVM cannot see its CPL.
 */
static bool has_msr(struct kvm_exit_stats *s, const struct msr_data *msr)
{
	if (msr->host_initiated)
		return msr->index == MSR_KVM_VMEXIT_ACCESS;
	return kvm_exit_stats_visible(s) &&
	       (msr->index != MSR_KVM_VMEXIT_ACCESS ||
		!exit_stats_is_encrypted(s));
}

/*
 * Only a vCPU's own thread writes its longest stops.  So let each vCPU set them to
 * zero when it next enters the guest, see kvm_exit_stats_reset_max().  Until then
 * its longest stops belong to an older epoch, and readers ignore them.  At one exit
 * KVM may write the MSR many times, from a nested guest's MSR-load list.  As this is
 * only a request, all these writes lead to one reset.
 */
static void request_reset(struct kvm_vcpu *vcpu)
{
	struct kvm_exit_stats *s = vcpu_exit_stats(vcpu);

	atomic_inc(&s->vm->max_epoch);
	s->reset_others = true;
	exit_stats_ask_for_reset(vcpu);
}

/* The vCPU is about to enter the guest, and somebody has asked for a reset. */
void kvm_exit_stats_reset_max(struct kvm_vcpu *vcpu)
{
	struct kvm_exit_stats *s = vcpu_exit_stats(vcpu);
	u32 row, epoch = atomic_read(&s->vm->max_epoch);
	struct kvm_vcpu *other;
	unsigned long i;

	if (s->reset_others) {
		s->reset_others = false;
		kvm_for_each_vcpu(i, other, vcpu->kvm)
			if (other != vcpu)
				exit_stats_ask_for_reset(other);
	}

	for (row = 0; row < EXIT_STATS_ROWS; row++)
		if (row != EXIT_STATS_ROW_NONE)
			WRITE_ONCE(s->counters->row[row].max, 0);
	/* Pairs with smp_load_acquire() in max_of(). */
	smp_store_release(&s->max_epoch, epoch);
}

/*
 * Handle the guest's WRMSR, or KVM_SET_MSRS.  Return 0, 1 if the MSR does not
 * take the data, or KVM_MSR_RET_UNSUPPORTED if there is no such MSR.  KVM may
 * write a guest's MSR outside KVM_RUN, too, as when it destroys a vCPU that runs a
 * nested guest.
 */
int kvm_exit_stats_set_msr(struct kvm_vcpu *vcpu, struct msr_data *msr)
{
	struct kvm_exit_stats *s = vcpu_exit_stats(vcpu);

	if (kvm_exit_stats_is_sample_msr(msr->index))
		return kvm_exit_stats_set_sample_msr(vcpu, msr);

	if (!has_msr(s, msr))
		return KVM_MSR_RET_UNSUPPORTED;

	if (msr->index == MSR_KVM_VMEXIT_MAX) {
		if (msr->data)
			return 1;
		request_reset(vcpu);
		return 0;
	}

	if (msr->data & ~(KVM_VMEXIT_ACCESS_CPL0 | KVM_VMEXIT_ACCESS_HOST))
		return 1;
	WRITE_ONCE(s->vm->cpl0_only, msr->data & KVM_VMEXIT_ACCESS_CPL0);
	return 0;
}

/* Handle the guest's RDMSR, or KVM_GET_MSRS.  Return as above. */
int kvm_exit_stats_get_msr(struct kvm_vcpu *vcpu, struct msr_data *msr)
{
	struct kvm_exit_stats *s = vcpu_exit_stats(vcpu);

	if (kvm_exit_stats_is_sample_msr(msr->index))
		return kvm_exit_stats_get_sample_msr(vcpu, msr);

	if (!has_msr(s, msr))
		return KVM_MSR_RET_UNSUPPORTED;

	msr->data = 0;
	if (msr->index == MSR_KVM_VMEXIT_ACCESS) {
		if (cpl0_only(s->vm))
			msr->data |= KVM_VMEXIT_ACCESS_CPL0;
		if (READ_ONCE(s->vm->guest) == KVM_VMEXIT_GUEST_KERNEL)
			msr->data |= KVM_VMEXIT_ACCESS_HOST;
	}
	return 0;
}
