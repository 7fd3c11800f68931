// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exit statistics: which guests can read them, and at which privilege level.
 *
 * Exact counts are a side channel without noise for any process in a guest: a
 * write to a page that the host has merged takes one exit more.  The host's
 * operator decides by a parameter, the VMM by a capability, the guest's kernel
 * by an MSR.
 */
#include <linux/moduleparam.h>
#include <linux/sched.h>

#include "exit_stats.h"
#include "exit_stats_guest.h"

static bool exit_stats_guest = true;
module_param(exit_stats_guest, bool, 0644);
MODULE_PARM_DESC(exit_stats_guest, "Show new VMs their exit statistics, unless their VMM decides otherwise");

/* Give a new VM the statistics, or hide them, by the parameter. */
void kvm_exit_stats_show_vm(struct kvm *kvm)
{
	kvm->arch.exit_stats.visible = READ_ONCE(exit_stats_guest);
}

/*
 * KVM_ENABLE_CAP of KVM_CAP_X86_VMEXIT: give @kvm the statistics or hide them.
 * Return -EINVAL for another @arg than 0 and 1, or once the VM has a vCPU.
 */
int kvm_exit_stats_enable_cap(struct kvm *kvm, u64 arg)
{
	int ret = -EINVAL;

	if (arg > 1)
		return ret;

	mutex_lock(&kvm->lock);
	if (!kvm->created_vcpus) {
		kvm->arch.exit_stats.visible = arg;
		ret = 0;
	}
	mutex_unlock(&kvm->lock);
	return ret;
}

/*
 * Can the guest read the statistics at its current privilege level?  A guest of
 * the guest cannot: if its hypervisor does not intercept an instruction, KVM
 * answers as it does without the statistics.
 */
bool kvm_exit_stats_visible(struct kvm_vcpu *vcpu)
{
	const struct kvm *kvm = vcpu->kvm;

	if (!static_branch_likely(&kvm_exit_stats_enabled) ||
	    !kvm->arch.exit_stats.visible || is_guest_mode(vcpu))
		return false;
	return !READ_ONCE(kvm->arch.exit_stats.cpl0_only) ||
	       !kvm_x86_call(get_cpl)(vcpu);
}

/*
 * The VMM may always save and restore MSR_KVM_VMEXIT_ACCESS, for a migration.
 * A guest whose state is encrypted does not have it: KVM cannot see its CPL.
 */
static bool has_msr(struct kvm_vcpu *vcpu, const struct msr_data *msr)
{
	if (msr->host_initiated)
		return msr->index == MSR_KVM_VMEXIT_ACCESS;
	return kvm_exit_stats_visible(vcpu) &&
	       (msr->index != MSR_KVM_VMEXIT_ACCESS ||
		!vcpu->arch.guest_state_protected);
}

/*
 * Set the longest stops of all vCPUs to zero.  A stop that ends at the same
 * time may count or not.
 */
static void forget_max(struct kvm *kvm)
{
	struct kvm_exit_stats_counters *c;
	struct kvm_vcpu *vcpu;
	unsigned long i;
	u32 nr;

	kvm_for_each_vcpu(i, vcpu, kvm) {
		c = vcpu_exit_stats(vcpu)->counters;
		for (nr = 0; nr < EXIT_STATS_NR_ROWS; nr++)
			if (nr != KVM_VMEXIT_NO_ROW)
				WRITE_ONCE(c->row[nr].max, 0);
		cond_resched();
	}
}

/*
 * Handle the guest's WRMSR, or KVM_SET_MSRS.  Return 0, 1 if the MSR does not
 * take the data, or KVM_MSR_RET_UNSUPPORTED if there is no such MSR.
 */
int kvm_exit_stats_set_msr(struct kvm_vcpu *vcpu, struct msr_data *msr)
{
	struct kvm *kvm = vcpu->kvm;

	if (!has_msr(vcpu, msr))
		return KVM_MSR_RET_UNSUPPORTED;

	if (msr->index == MSR_KVM_VMEXIT_MAX) {
		if (msr->data)
			return 1;
		forget_max(kvm);
		return 0;
	}

	if (msr->data & ~KVM_VMEXIT_ACCESS_CPL0)
		return 1;
	WRITE_ONCE(kvm->arch.exit_stats.cpl0_only, msr->data);
	return 0;
}

/* Handle the guest's RDMSR, or KVM_GET_MSRS.  Return as above. */
int kvm_exit_stats_get_msr(struct kvm_vcpu *vcpu, struct msr_data *msr)
{
	if (!has_msr(vcpu, msr))
		return KVM_MSR_RET_UNSUPPORTED;

	msr->data = 0;
	if (msr->index == MSR_KVM_VMEXIT_ACCESS &&
	    READ_ONCE(vcpu->kvm->arch.exit_stats.cpl0_only))
		msr->data = KVM_VMEXIT_ACCESS_CPL0;
	return 0;
}
