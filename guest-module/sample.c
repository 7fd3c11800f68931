// SPDX-License-Identifier: GPL-2.0-only
/*
 * Samples of exits: which code causes them.
 *
 * As long as the tracepoint kvm_exits:vm_exit is enabled, the host makes an NMI
 * pending at every n-th exit of each reason, on each vCPU.  The guest takes it
 * right behind the instruction that exited.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/reboot.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/workqueue.h>
#include <asm/nmi.h>
#include <asm/ptrace.h>

#include "compat.h"
#include "module.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/* Whose reasons these are; 0 on a host that does not sample. */
static u32 isa __ro_after_init;
static int cpuhp_state __ro_after_init;

/* Guards @armed and the parameters against each other. */
static DEFINE_MUTEX(sample_lock);
static bool armed;

static unsigned int sample_period = 100;
static char sample_reason[EXIT_TABLE_NAME_LEN] = "all";

/* Generation of the host that a CPU was armed at. */
static DEFINE_PER_CPU(u32, armed_at);

/* Returns the row of a reason's name, in small or capital letters. */
static u32 row_of(const char *wanted)
{
	char name[EXIT_TABLE_NAME_LEN];
	u32 row, reason;

	if (!strcasecmp(wanted, "all"))
		return KVM_VMEXIT_ROW_ALL;

	for (row = 0; row < KVM_VMEXIT_ROWS; row++) {
		reason = kvm_vmexit_reason(isa, row);
		if (!kvm_vmexit_defined(isa, reason))
			continue;
		exit_table_name(isa, reason, name);
		if (!strcasecmp(wanted, name))
			return row;
	}
	return KVM_VMEXIT_NO_ROW;
}

static void set_period(u32 row, u32 period)
{
	wrmsrq_safe(MSR_KVM_VMEXIT_SAMPLE,
		    (u64)row << KVM_VMEXIT_SAMPLE_ROW_SHIFT | period);
}

/* An interrupted arming is no matter: keep_armed() looks again. */
static void arm_cpu(void *unused)
{
	this_cpu_write(armed_at, kvm_exits_generation());
	set_period(row_of(sample_reason), sample_period);
}

/*
 * Each read of the status lets the host enter the guest anew, with the NMI.
 * So the first one is enough.  The bound is for a host that keeps it back.
 */
static void disarm_cpu(void *unused)
{
	u64 status;
	int i;

	set_period(KVM_VMEXIT_ROW_ALL, 0);
	for (i = 0; i < 1000; i++)
		if (rdmsrq_safe(MSR_KVM_VMEXIT_SAMPLE_STATUS, &status) ||
		    !(status & KVM_VMEXIT_SAMPLE_VALID))
			break;
}

/* A migration, a suspend and a reset of the vCPU end its sampling. */
static void check_cpu(void *unused)
{
	u64 rows;

	if (!rdmsrq_safe(MSR_KVM_VMEXIT_SAMPLE, &rows) && !rows)
		arm_cpu(NULL);
}

static void keep_armed(struct work_struct *work);
static DECLARE_DELAYED_WORK(keep_armed_work, keep_armed);

static void keep_armed(struct work_struct *work)
{
	if (!READ_ONCE(armed))
		return;
	on_each_cpu(check_cpu, NULL, 1);
	schedule_delayed_work(&keep_armed_work, HZ);
}

/*
 * In an NMI there is neither a lock nor a printk().  Writing the status comes last, as it lets the host make
 * the next sample.
 */
static int handle_nmi(unsigned int type, struct pt_regs *regs)
{
	char name[EXIT_TABLE_NAME_LEN];
	u64 status, detail = 0, lost = 0;
	u32 generation, reason;

	if (rdmsrq_safe(MSR_KVM_VMEXIT_SAMPLE_STATUS, &status))
		status = 0;
	if (!(status & KVM_VMEXIT_SAMPLE_VALID)) {
		/* The NMI may have migrated, and its sample stayed behind. */
		generation = kvm_exits_generation();
		if (generation == this_cpu_read(armed_at))
			return NMI_DONE;
		this_cpu_write(armed_at, generation);
		return NMI_HANDLED;
	}

	rdmsrq_safe(MSR_KVM_VMEXIT_SAMPLE_DETAIL, &detail);
	if (status & KVM_VMEXIT_SAMPLE_HAS_LOST)
		rdmsrq_safe(MSR_KVM_VMEXIT_SAMPLE_LOST, &lost);

	reason = kvm_vmexit_reason(isa, status & 0xff);
	exit_table_name(isa, reason, name);
	trace_vm_exit(reason, name, detail, instruction_pointer(regs),
		      status >> KVM_VMEXIT_SAMPLE_EXITS_SHIFT, lost);

	wrmsrq_safe(MSR_KVM_VMEXIT_SAMPLE_STATUS, 0);
	return NMI_HANDLED;
}

/* The tracepoint is being enabled. */
int kvm_exits_sample_reg(void)
{
	int err;

	if (!isa)
		return -EOPNOTSUPP;

	mutex_lock(&sample_lock);
	err = register_nmi_handler(NMI_LOCAL, handle_nmi, 0, "kvm_exits");
	if (!err) {
		WRITE_ONCE(armed, true);
		on_each_cpu(arm_cpu, NULL, 1);
		schedule_delayed_work(&keep_armed_work, HZ);
	}
	mutex_unlock(&sample_lock);
	return err;
}

/* The tracepoint is being disabled; it no longer calls anybody. */
void kvm_exits_sample_unreg(void)
{
	mutex_lock(&sample_lock);
	WRITE_ONCE(armed, false);
	cancel_delayed_work_sync(&keep_armed_work);
	on_each_cpu(disarm_cpu, NULL, 1);
	unregister_nmi_handler(NMI_LOCAL, "kvm_exits");
	mutex_unlock(&sample_lock);
}

/* Both run on the CPU itself. */
static int arm_online(unsigned int cpu)
{
	if (READ_ONCE(armed))
		arm_cpu(NULL);
	return 0;
}

static int disarm_offline(unsigned int cpu)
{
	if (READ_ONCE(armed))
		disarm_cpu(NULL);
	return 0;
}

/* The next kernel does not expect these NMIs. */
static int reboot(struct notifier_block *nb, unsigned long action, void *data)
{
	if (READ_ONCE(armed)) {
		WRITE_ONCE(armed, false);
		on_each_cpu(disarm_cpu, NULL, 1);
	}
	return NOTIFY_DONE;
}

static struct notifier_block reboot_notifier = {
	.notifier_call = reboot,
};

/* What is sampled already begins again with the new values. */
static void rearm(void)
{
	if (!armed)
		return;
	on_each_cpu(disarm_cpu, NULL, 1);
	on_each_cpu(arm_cpu, NULL, 1);
}

static int period_set(const char *val, const struct kernel_param *kp)
{
	unsigned int new;

	if (kstrtouint(val, 0, &new) || !new)
		return -EINVAL;

	mutex_lock(&sample_lock);
	sample_period = new;
	rearm();
	mutex_unlock(&sample_lock);
	return 0;
}

static const struct kernel_param_ops period_ops = {
	.set = period_set,
	.get = param_get_uint,
};
module_param_cb(sample_period, &period_ops, &sample_period, 0644);
MODULE_PARM_DESC(sample_period, "Exits of a reason for each sample (default 100)");

/* Before the module has found its host, any name is taken: see init. */
static int reason_set(const char *val, const struct kernel_param *kp)
{
	char new[EXIT_TABLE_NAME_LEN];

	if (strscpy(new, val, sizeof(new)) < 0)
		return -EINVAL;
	strim(new);
	if (isa && row_of(new) == KVM_VMEXIT_NO_ROW)
		return -EINVAL;

	mutex_lock(&sample_lock);
	strscpy(sample_reason, new, sizeof(sample_reason));
	rearm();
	mutex_unlock(&sample_lock);
	return 0;
}

static int reason_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%s\n", sample_reason);
}

static const struct kernel_param_ops reason_ops = {
	.set = reason_set,
	.get = reason_get,
};
module_param_cb(sample_reason, &reason_ops, NULL, 0644);
MODULE_PARM_DESC(sample_reason, "Name of the exit reason to sample (default all)");

/**
 * kvm_exits_sample_init() - let the tracepoint be enabled
 * @t: a table from this host
 *
 * Return: 0 or an error.
 */
int __init kvm_exits_sample_init(const struct exit_table *t)
{
	int ret;

	if (!(t->features & KVM_VMEXIT_FEAT_SAMPLE))
		return 0;

	isa = t->isa;
	if (row_of(sample_reason) == KVM_VMEXIT_NO_ROW) {
		pr_err("sample_reason=%s is no exit reason of this host, load without it and see /proc/kvm_exits\n",
		       sample_reason);
		return -EINVAL;
	}

	ret = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "kvm_exits:online",
					arm_online, disarm_offline);
	if (ret < 0)
		return ret;
	cpuhp_state = ret;
	register_reboot_notifier(&reboot_notifier);
	return 0;
}

/**
 * kvm_exits_sample_exit() - the module goes
 *
 * Whoever has the tracepoint enabled holds the module, or has been taken off it.
 */
void kvm_exits_sample_exit(void)
{
	if (!cpuhp_state)
		return;
	unregister_reboot_notifier(&reboot_notifier);
	cpuhp_remove_state_nocalls(cpuhp_state);
	tracepoint_synchronize_unregister();
}
