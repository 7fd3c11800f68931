// SPDX-License-Identifier: GPL-2.0-only
/*
 * The MSRs by which the guest's kernel restricts the leaves and resets the
 * longest stops.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/workqueue.h>
#include <asm/msr.h>

#include "compat.h"
#include "module.h"

static u32 features __ro_after_init;

/* This module has restricted the leaves to CPL 0. */
static bool restricted __ro_after_init;

static void restrict_again(struct work_struct *work);
static DECLARE_DELAYED_WORK(restrict_work, restrict_again);

/*
 * Each second, write the MSR again if it is no longer set: a guest gets no notice of
 * a live migration, and not every VMM restores the MSR.
 */
static void restrict_again(struct work_struct *work)
{
	u64 access;

	if (!rdmsrq_safe(MSR_KVM_VMEXIT_ACCESS, &access) &&
	    !(access & KVM_VMEXIT_ACCESS_CPL0))
		wrmsrq_safe(MSR_KVM_VMEXIT_ACCESS, KVM_VMEXIT_ACCESS_CPL0);
	schedule_delayed_work(&restrict_work, HZ);
}

static int forget_max_set(const char *val, const struct kernel_param *kp)
{
	bool forget;
	int ret = kstrtobool(val, &forget);

	if (ret || !forget)
		return ret;
	if (!(features & KVM_VMEXIT_FEAT_MAX) ||
	    wrmsrq_safe(MSR_KVM_VMEXIT_MAX, 0))
		return -EOPNOTSUPP;
	return 0;
}

static const struct kernel_param_ops forget_max_ops = {
	.set = forget_max_set,
};
module_param_cb(forget_max, &forget_max_ops, NULL, 0200);
MODULE_PARM_DESC(forget_max, "Write 1 to reset the longest stops");

/**
 * kvm_exits_msrs_init() - restrict the leaves if the files are restricted
 * @host: the present host
 *
 * Any process can execute CPUID.  So the mode of a file hides nothing unless
 * the host restricts the leaves as well.
 */
void __init kvm_exits_msrs_init(const struct kvm_exits_host *host)
{
	features = host->features;

	if (!kvm_exits_for_all()) {
		restricted = features & KVM_VMEXIT_FEAT_ACCESS &&
			     !wrmsrq_safe(MSR_KVM_VMEXIT_ACCESS,
					  KVM_VMEXIT_ACCESS_CPL0);
		if (!restricted)
			pr_warn("mode= protects the files only: this host lets any process read the counts by CPUID\n");
	}

	if (restricted)
		schedule_delayed_work(&restrict_work, HZ);
}

/**
 * kvm_exits_msrs_exit() - lift the restriction of the leaves
 */
void kvm_exits_msrs_exit(void)
{
	cancel_delayed_work_sync(&restrict_work);
	if (restricted)
		wrmsrq_safe(MSR_KVM_VMEXIT_ACCESS, 0);
}
