// SPDX-License-Identifier: GPL-2.0-only
/*
 * Samples of this guest's VM exits: the tracepoint kvm_exits:vm_exit.
 *
 * While the tracepoint is enabled, each CPU asks the host for a sample of every
 * n-th exit.  The host sends it as an NMI right behind the instruction that
 * exited, so the interrupted registers show the code that causes the exit.
 * asm/kvm_vmexit.h describes the MSRs.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/panic_notifier.h>
#include <linux/ptrace.h>
#include <linux/reboot.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/string_helpers.h>
#include <linux/sysfs.h>
#include <linux/tracepoint.h>
#include <asm/msr.h>
#include <asm/nmi.h>

#include "compat.h"
#include "module.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/* KVM_VMEXIT_ISA_* of the reasons */
static u32 isa __ro_after_init;

/* Guards the variables below. */
static DEFINE_MUTEX(sample_lock);
static bool ready, armed;
static u32 period = 100;
static DECLARE_BITMAP(sampled, KVM_VMEXIT_ROWS);
static bool sample_all = true;

/* This CPU has claimed the NMI that an old host may have left behind. */
static DEFINE_PER_CPU(bool, claimed);

static void set_period(u32 row, u32 n)
{
	wrmsrq_safe(MSR_KVM_VMEXIT_SAMPLE,
		    (u64)row << KVM_VMEXIT_SAMPLE_ROW_SHIFT | n);
}

/*
 * No NMI is pending afterwards: the WRMSR exits, and the guest takes the NMI of
 * an earlier exit at the entry that follows.
 */
static void disarm_cpu(void *unused)
{
	set_period(KVM_VMEXIT_ROW_ALL, 0);
}

static bool cpu_is_armed(void)
{
	u64 rows;

	return !rdmsrq_safe(MSR_KVM_VMEXIT_SAMPLE, &rows) && rows;
}

static void arm_cpu(void *unused)
{
	u32 row;

	disarm_cpu(NULL);
	/* A system before this one may have left a sample behind. */
	wrmsrq_safe(MSR_KVM_VMEXIT_SAMPLE_STATUS, 0);
	if (sample_all)
		set_period(KVM_VMEXIT_ROW_ALL, period);
	else
		for_each_set_bit(row, sampled, KVM_VMEXIT_ROWS)
			set_period(row, period);

	if (cpu_is_armed())
		__this_cpu_write(claimed, false);
}

/*
 * No NMI is pending here.  If there is still a sample, it has lost its NMI,
 * because the host did not answer when the NMI arrived.
 */
static void renew_cpu(void *unused)
{
	if (cpu_is_armed())
		wrmsrq_safe(MSR_KVM_VMEXIT_SAMPLE_STATUS, 0);
	else
		arm_cpu(NULL);
}

/*
 * An NMI without a sample belongs to another handler.  But if the NMI of a
 * sample was pending when the VM migrated, this vCPU is no longer armed.  Then
 * claim one NMI.
 */
static int other_nmi(void)
{
	if (__this_cpu_read(claimed) || cpu_is_armed())
		return NMI_DONE;
	__this_cpu_write(claimed, true);
	return NMI_HANDLED;
}

static int sample_nmi(unsigned int type, struct pt_regs *regs)
{
	u64 status, detail = 0, lost = 0;

	if (!READ_ONCE(armed))
		return NMI_DONE;

	if (rdmsrq_safe(MSR_KVM_VMEXIT_SAMPLE_STATUS, &status) ||
	    !(status & KVM_VMEXIT_SAMPLE_VALID))
		return other_nmi();

	rdmsrq_safe(MSR_KVM_VMEXIT_SAMPLE_DETAIL, &detail);
	if (status & KVM_VMEXIT_SAMPLE_HAS_LOST)
		rdmsrq_safe(MSR_KVM_VMEXIT_SAMPLE_LOST, &lost);
	trace_vm_exit(isa, kvm_vmexit_reason(isa, status & 0xff), detail,
		      instruction_pointer(regs),
		      status >> KVM_VMEXIT_SAMPLE_EXITS_SHIFT, lost);

	/* Last, so that the exits of the MSR accesses above are not sampled. */
	wrmsrq_safe(MSR_KVM_VMEXIT_SAMPLE_STATUS, 0);
	return NMI_HANDLED;
}

/* The tracepoint calls this for its first user. */
int kvm_exits_sample_on(void)
{
	int ret = -EOPNOTSUPP;

	cpus_read_lock();
	mutex_lock(&sample_lock);
	if (ready) {
		WRITE_ONCE(armed, true);
		on_each_cpu(arm_cpu, NULL, 1);
		kvm_exits_renew_later();
		ret = 0;
	}
	mutex_unlock(&sample_lock);
	cpus_read_unlock();
	return ret;
}

/* sample_nmi() claims NMIs until no CPU can have one pending. */
static void disarm(void)
{
	cpus_read_lock();
	mutex_lock(&sample_lock);
	if (armed)
		on_each_cpu(disarm_cpu, NULL, 1);
	WRITE_ONCE(armed, false);
	mutex_unlock(&sample_lock);
	cpus_read_unlock();
}

/* The tracepoint calls this when its last user has gone. */
void kvm_exits_sample_off(void)
{
	disarm();
}

/**
 * kvm_exits_sample_renew() - arm the CPUs that are no longer armed
 *
 * A vCPU is not armed after a migration or a RESET.
 *
 * Return: whether the tracepoint is enabled, so that this must be repeated.
 */
bool kvm_exits_sample_renew(void)
{
	bool on;

	cpus_read_lock();
	mutex_lock(&sample_lock);
	on = armed;
	if (on)
		on_each_cpu(renew_cpu, NULL, 1);
	mutex_unlock(&sample_lock);
	cpus_read_unlock();
	return on;
}

/* Arm only while sample_nmi() claims the NMIs. */
static void change(void)
{
	cpus_read_lock();
	mutex_lock(&sample_lock);
	if (armed)
		on_each_cpu(arm_cpu, NULL, 1);
	mutex_unlock(&sample_lock);
	cpus_read_unlock();
}

static int period_set(const char *val, const struct kernel_param *kp)
{
	u32 n;

	if (kstrtou32(val, 0, &n) || !n)
		return -EINVAL;

	mutex_lock(&sample_lock);
	period = n;
	mutex_unlock(&sample_lock);
	change();
	return 0;
}

static int period_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%u\n", period);
}

static const struct kernel_param_ops period_ops = {
	.set = period_set,
	.get = period_get,
};
module_param_cb(sample_period, &period_ops, NULL, 0644);
MODULE_PARM_DESC(sample_period, "Exits of a reason for each sample (default 100)");

/* insmod sets parameters before there is a table to take the ISA from. */
static u32 find_row(const char *wanted)
{
	u32 isa = kvm_exits_this_isa(), row, reason;
	char name[EXIT_TABLE_NAME_LEN];

	for (row = 0; row < KVM_VMEXIT_ROWS; row++) {
		reason = kvm_vmexit_reason(isa, row);
		if (!kvm_vmexit_defined(isa, reason))
			continue;
		exit_table_name(isa, reason, name);
		if (!strcasecmp(name, wanted))
			return row;
	}
	return KVM_VMEXIT_NO_ROW;
}

/* "all", or names of reasons with commas between them. */
static int reasons_set(const char *val, const struct kernel_param *kp)
{
	DECLARE_BITMAP(rows, KVM_VMEXIT_ROWS) = {};
	char *copy, *rest, *word;
	bool all = false;
	int err = 0;
	u32 row;

	copy = kstrdup(val, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;

	rest = strim(copy);
	while (!err && (word = strsep(&rest, ","))) {
		row = find_row(word);
		if (!strcmp(word, "all"))
			all = true;
		else if (row == KVM_VMEXIT_NO_ROW)
			err = -EINVAL;
		else
			__set_bit(row, rows);
	}
	kfree(copy);
	if (err)
		return err;

	mutex_lock(&sample_lock);
	sample_all = all;
	bitmap_copy(sampled, rows, KVM_VMEXIT_ROWS);
	mutex_unlock(&sample_lock);
	change();
	return 0;
}

static int reasons_get(char *buffer, const struct kernel_param *kp)
{
	u32 isa = kvm_exits_this_isa(), row;
	char name[EXIT_TABLE_NAME_LEN];
	int len = 0;

	if (sample_all)
		return sysfs_emit(buffer, "all\n");

	for_each_set_bit(row, sampled, KVM_VMEXIT_ROWS) {
		exit_table_name(isa, kvm_vmexit_reason(isa, row), name);
		string_lower(name, name);
		len += sysfs_emit_at(buffer, len, "%s%s", len ? "," : "", name);
	}
	return len + sysfs_emit_at(buffer, len, "\n");
}

static const struct kernel_param_ops reasons_ops = {
	.set = reasons_set,
	.get = reasons_get,
};
module_param_cb(sample_reasons, &reasons_ops, NULL, 0644);
MODULE_PARM_DESC(sample_reasons, "Reasons to sample, such as io,hlt (default all)");

static int sample_online(unsigned int cpu)
{
	if (READ_ONCE(armed))
		arm_cpu(NULL);
	return 0;
}

static int sample_offline(unsigned int cpu)
{
	if (READ_ONCE(armed))
		disarm_cpu(NULL);
	return 0;
}

/* The kernel that is booted next does not expect NMIs. */
static int sample_reboot(struct notifier_block *nb, unsigned long action,
			 void *data)
{
	disarm();
	return NOTIFY_DONE;
}

static struct notifier_block reboot_nb = { .notifier_call = sample_reboot };

/* Nor does a crash kernel.  The other CPUs are stopped. */
static int sample_panic(struct notifier_block *nb, unsigned long action,
			void *data)
{
	if (READ_ONCE(armed))
		disarm_cpu(NULL);
	return NOTIFY_DONE;
}

static struct notifier_block panic_nb = { .notifier_call = sample_panic };

static int cpuhp_state;

/**
 * kvm_exits_sample_init() - let the tracepoint work
 * @t: a table from this host
 *
 * If the host takes no samples, the tracepoint cannot be enabled.
 *
 * Return: 0 or an error.
 */
int __init kvm_exits_sample_init(const struct exit_table *t)
{
	int ret;

	if (!(t->features & KVM_VMEXIT_FEAT_SAMPLE))
		return 0;

	ret = register_nmi_handler(NMI_LOCAL, sample_nmi, 0, "kvm_exits");
	if (ret)
		return ret;

	ret = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "kvm_exits:online",
					sample_online, sample_offline);
	if (ret < 0) {
		unregister_nmi_handler(NMI_LOCAL, "kvm_exits");
		return ret;
	}
	cpuhp_state = ret;
	register_reboot_notifier(&reboot_nb);
	atomic_notifier_chain_register(&panic_notifier_list, &panic_nb);
	isa = t->isa;
	ready = true;
	return 0;
}

/**
 * kvm_exits_sample_exit() - end all sampling
 */
void kvm_exits_sample_exit(void)
{
	if (!cpuhp_state)
		return;

	mutex_lock(&sample_lock);
	ready = false;
	mutex_unlock(&sample_lock);
	disarm();
	atomic_notifier_chain_unregister(&panic_notifier_list, &panic_nb);
	unregister_reboot_notifier(&reboot_nb);
	cpuhp_remove_state_nocalls(cpuhp_state);
	unregister_nmi_handler(NMI_LOCAL, "kvm_exits");
}
