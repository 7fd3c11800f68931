// SPDX-License-Identifier: GPL-2.0-only
/*
 * Samples of this guest's VM exits: the tracepoint kvm_exits:vm_exit.
 *
 * While the tracepoint is enabled, the host is asked on each CPU for a sample
 * of every n-th exit.  The host answers with an NMI right behind the
 * instruction that exited, so that the interrupted registers show the code
 * that causes the exit.  The MSRs are described in asm/kvm_vmexit.h.
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

/* Whose reasons these are. */
static u32 isa __ro_after_init;

/* Guards what follows. */
static DEFINE_MUTEX(sample_lock);
static bool ready, armed;
static u32 period = 100;
static DECLARE_BITMAP(sampled, KVM_VMEXIT_ROWS);
static bool sample_all = true;

/* An NMI that the old host of a VM has left behind was claimed here. */
static DEFINE_PER_CPU(bool, claimed);

static void set_period(u32 row, u32 n)
{
	wrmsrq_safe(MSR_KVM_VMEXIT_SAMPLE,
		    (u64)row << KVM_VMEXIT_SAMPLE_ROW_SHIFT | n);
}

/*
 * Nothing is on its way afterwards: an NMI of an earlier exit is taken at the
 * next entry, which the WRMSR brings about.
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
 * Here no NMI is pending.  A sample that is there all the same has lost its NMI:
 * the host did not answer when it came.
 */
static void renew_cpu(void *unused)
{
	if (cpu_is_armed())
		wrmsrq_safe(MSR_KVM_VMEXIT_SAMPLE_STATUS, 0);
	else
		arm_cpu(NULL);
}

/*
 * An NMI without a sample is another one's.  But the NMI of a sample may have
 * been pending when the VM migrated: then this vCPU samples nothing any more,
 * and one NMI is claimed.
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

	/* Last: exits of what comes before are not to be sampled. */
	wrmsrq_safe(MSR_KVM_VMEXIT_SAMPLE_STATUS, 0);
	return NMI_HANDLED;
}

/* Called when the tracepoint gets its first user. */
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

/* The NMIs of the samples are claimed until the last CPU has none any more. */
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

/* Called when the tracepoint has lost its last user. */
void kvm_exits_sample_off(void)
{
	disarm();
}

/**
 * kvm_exits_sample_renew() - sample again where a vCPU has forgotten it
 *
 * A new host, and a vCPU after RESET, samples nothing.
 *
 * Return: whether there is sampling that may have to be renewed later.
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

/* Nothing may be armed behind disarm(): nobody would claim its NMIs. */
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
MODULE_PARM_DESC(sample_period, "One sample for so many exits of a reason (default 100)");

/* The parameters of insmod come before the first table. */
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

/* The next kernel does not expect NMIs. */
static int sample_reboot(struct notifier_block *nb, unsigned long action,
			 void *data)
{
	disarm();
	return NOTIFY_DONE;
}

static struct notifier_block reboot_nb = { .notifier_call = sample_reboot };

/* Nor does the kernel that dumps this one; the other CPUs run no more. */
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
 * Without samples of the host's the tracepoint cannot be enabled.
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
