// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracepoint kvm_exits:vm_exit, for ftrace, trace-cmd, bpftrace and perf.
 *
 * All its users share one setting, the module's parameters sample_period and
 * sample_reasons.  perf events of the PMU have a setting each (pmu.c).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/capability.h>
#include <linux/cpu.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/perf_event.h>
#include <linux/ptrace.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/string_helpers.h>
#include <linux/sysfs.h>
#include <linux/tracepoint.h>

#include "module.h"
#include "sample.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/* KVM_VMEXIT_ISA_* of the reasons */
static u32 isa __ro_after_init;

static struct kvm_exits_sampler __percpu *tracers;

/* Guards the variables below, and changes of the tracers. */
static DEFINE_MUTEX(trace_lock);
static bool ready, on;
static u32 period = 100;
static DECLARE_BITMAP(sampled, SAMPLE_SLOTS);
static bool sample_all = true;

static void trace(struct kvm_exits_sampler *s,
		  const struct kvm_exits_sample *sample, struct pt_regs *regs)
{
	trace_vm_exit(isa, sample->reason, sample->detail,
		      instruction_pointer(regs), sample->exits, sample->lost);
}

static void set_up(struct kvm_exits_sampler *s)
{
	memset(s, 0, sizeof(*s));
	s->take = trace;
	s->period = period;
	s->all = sample_all;
	bitmap_copy(s->slots, sampled, SAMPLE_SLOTS);
}

static void start(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		set_up(per_cpu_ptr(tracers, cpu));
		kvm_exits_sampler_add_on(cpu, per_cpu_ptr(tracers, cpu));
	}
}

static void stop(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		kvm_exits_sampler_del_on(cpu, per_cpu_ptr(tracers, cpu));
}

/* The tracepoint calls this for its first user. */
int kvm_exits_trace_on(void)
{
	int ret = -EOPNOTSUPP;

	cpus_read_lock();
	mutex_lock(&trace_lock);
	if (ready)
		ret = kvm_exits_sampling_get();
	if (!ret) {
		start();
		on = true;
	}
	mutex_unlock(&trace_lock);
	cpus_read_unlock();
	return ret;
}

/* The tracepoint calls this when its last user has gone. */
void kvm_exits_trace_off(void)
{
	cpus_read_lock();
	mutex_lock(&trace_lock);
	if (on) {
		stop();
		on = false;
		kvm_exits_sampling_put();
	}
	mutex_unlock(&trace_lock);
	cpus_read_unlock();
}

static void change(void)
{
	cpus_read_lock();
	mutex_lock(&trace_lock);
	if (on) {
		stop();
		start();
	}
	mutex_unlock(&trace_lock);
	cpus_read_unlock();
}

/*
 * Opening the tracepoint lets all CPUs take samples, of all tasks.  An event that a
 * child inherits needs no check, because its parent was checked.
 */
static int may_trace(struct trace_event_call *call, struct perf_event *event)
{
	return event->parent || perfmon_capable() ? 0 : -EACCES;
}

static int period_set(const char *val, const struct kernel_param *kp)
{
	u32 n;

	if (kstrtou32(val, 0, &n) || !n)
		return -EINVAL;

	mutex_lock(&trace_lock);
	period = n;
	mutex_unlock(&trace_lock);
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
MODULE_PARM_DESC(sample_period, "The tracepoint: exits of a reason for each sample (default 100)");

/*
 * Find a reason by its name.  Do not use the variable isa of this file: insmod sets
 * parameters before the host is known.
 */
static bool find_reason(const char *wanted, u32 *reason)
{
	u32 isa = kvm_exits_this_isa();
	char name[EXIT_TABLE_NAME_LEN];
	const struct exit_reasons *r;

	for (r = exit_reasons(isa); r->last; r++) {
		*reason = r->first;
		do {
			exit_reason_name(isa, *reason, name);
			if (!strcasecmp(name, wanted))
				return true;
		} while ((*reason)++ != r->last);
	}
	return false;
}

/* "all", or names of reasons with commas between them. */
static int reasons_set(const char *val, const struct kernel_param *kp)
{
	DECLARE_BITMAP(slots, SAMPLE_SLOTS) = {};
	char *copy, *rest, *word;
	bool all = false;
	int err = 0;
	u32 reason;

	copy = kstrdup(val, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;

	rest = strim(copy);
	while (!err && (word = strsep(&rest, ","))) {
		if (!strcmp(word, "all"))
			all = true;
		else if (!find_reason(word, &reason))
			err = -EINVAL;
		else
			__set_bit(kvm_exits_slot(reason), slots);
	}
	kfree(copy);
	if (err)
		return err;

	mutex_lock(&trace_lock);
	sample_all = all;
	bitmap_copy(sampled, slots, SAMPLE_SLOTS);
	mutex_unlock(&trace_lock);
	change();
	return 0;
}

static int reasons_get(char *buffer, const struct kernel_param *kp)
{
	char name[EXIT_TABLE_NAME_LEN];
	unsigned int slot;
	int len = 0;

	if (sample_all)
		return sysfs_emit(buffer, "all\n");

	for_each_set_bit(slot, sampled, SAMPLE_SLOTS) {
		exit_reason_name(kvm_exits_this_isa(), kvm_exits_slot_reason(slot),
				 name);
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
MODULE_PARM_DESC(sample_reasons, "The tracepoint: reasons to sample, such as io,hlt (default all)");

/**
 * kvm_exits_trace_init() - let the tracepoint work
 * @host: the present host
 *
 * If the host takes no samples, the tracepoint cannot be enabled.
 *
 * Return: 0 or an error.
 */
int __init kvm_exits_trace_init(const struct kvm_exits_host *host)
{
	isa = host->isa;
	event_vm_exit.perf_perm = may_trace;
	tracers = alloc_percpu(struct kvm_exits_sampler);
	if (!tracers)
		return -ENOMEM;

	mutex_lock(&trace_lock);
	ready = true;
	mutex_unlock(&trace_lock);
	return 0;
}

/**
 * kvm_exits_trace_exit() - end the samples of the tracepoint
 */
void kvm_exits_trace_exit(void)
{
	mutex_lock(&trace_lock);
	ready = false;
	mutex_unlock(&trace_lock);
	kvm_exits_trace_off();
	free_percpu(tracers);
}
