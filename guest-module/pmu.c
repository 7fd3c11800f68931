// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PMU "kvm_exits".  Each reason has an event for its exits and an event for
 * the cycles of handling them.  So has the total of all reasons.
 *
 * An event counts for a task, a cgroup or a whole CPU, as the events of a core
 * PMU do.  Adding, removing or reading an event usually takes one CPUID, which
 * returns the counts of this vCPU.
 *
 * An event of exits with a sample period takes samples instead (sample.c).
 * Adding or removing such an event usually takes one write of an MSR, or none.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitfield.h>
#include <linux/capability.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/perf_event.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/string_helpers.h>
#include <linux/sysfs.h>
#include <linux/trace_events.h>

#include "module.h"
#include "sample.h"
#include "sample_record.h"

/* A reason, or KVM_VMEXIT_ALL */
#define CONFIG_REASON		GENMASK_ULL(16, 0)
#define CONFIG_KIND		GENMASK_ULL(18, 17)

#define KIND_EXITS		0
#define KIND_CYCLES		1

PMU_FORMAT_ATTR(reason, "config:0-16");
PMU_FORMAT_ATTR(kind, "config:17-18");

static struct attribute *format_attrs[] = {
	&format_attr_reason.attr,
	&format_attr_kind.attr,
	NULL,
};

static const struct attribute_group format_group = {
	.name = "format",
	.attrs = format_attrs,
};

/**
 * struct event_file - a file in the PMU's directory "events"
 * @attr: the file
 * @config: the event's config
 * @name: the file's name
 */
struct event_file {
	struct device_attribute attr;
	u64 config;
	char name[EXIT_TABLE_NAME_LEN + sizeof("_cycles.scale")];
};

/* For each reason and for the total: exits, cycles, and unit and scale of the cycles */
#define EVENT_FILES		(4 * (EXIT_TABLE_REASONS + 1))

static struct event_file event_file[EVENT_FILES];
static struct attribute *event_attrs[EVENT_FILES + 1];

static const struct attribute_group event_group = {
	.name = "events",
	.attrs = event_attrs,
};

/* KVM_VMEXIT_ISA_* of the reasons */
static u32 isa __ro_after_init;

static ssize_t event_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	u64 config = container_of(attr, struct event_file, attr)->config;

	return sysfs_emit(buf, "reason=0x%02llx,kind=%llu\n",
			  FIELD_GET(CONFIG_REASON, config),
			  FIELD_GET(CONFIG_KIND, config));
}

static ssize_t unit_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	return sysfs_emit(buf, "ns\n");
}

/* The frequency differs between hosts, so ask for it at each read. */
static ssize_t scale_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	u32 khz = kvm_exits_tsc_khz();
	u64 whole, fraction;

	if (!khz)
		return -ENODEV;

	/* Nanoseconds of a cycle: 10^6 / kHz, with twelve places. */
	whole = div64_u64_rem(div_u64(1000000000000000000ULL, khz),
			      1000000000000ULL, &fraction);
	return sysfs_emit(buf, "%llu.%012llu\n", whole, fraction);
}

static void __init add_file(const char *event, const char *suffix, u32 reason,
			    u32 kind, typeof(event_show) *show)
{
	static unsigned int nr __initdata;
	struct event_file *f = &event_file[nr];

	snprintf(f->name, sizeof(f->name), "%s%s", event, suffix);
	f->config = FIELD_PREP(CONFIG_REASON, reason) |
		    FIELD_PREP(CONFIG_KIND, kind);
	f->attr.attr.name = f->name;
	f->attr.attr.mode = 0444;
	f->attr.show = show;
	sysfs_attr_init(&f->attr.attr);
	event_attrs[nr++] = &f->attr.attr;
}

static void __init add_events(u32 reason, const char *exits, const char *cycles)
{
	add_file(exits, "", reason, KIND_EXITS, event_show);
	add_file(cycles, "", reason, KIND_CYCLES, event_show);
	add_file(cycles, ".unit", reason, KIND_CYCLES, unit_show);
	add_file(cycles, ".scale", reason, KIND_CYCLES, scale_show);
}

static void __init add_events_of(u32 reason)
{
	char exits[EXIT_TABLE_NAME_LEN], cycles[sizeof(exits) + sizeof("_cycles")];

	exit_reason_name(isa, reason, exits);
	string_lower(exits, exits);
	snprintf(cycles, sizeof(cycles), "%s_cycles", exits);
	add_events((u16)reason, exits, cycles);
}

static void __init add_all_events(void)
{
	const struct exit_reasons *r;
	u32 reason;

	add_events(KVM_VMEXIT_ALL, "exits", "cycles");

	for (r = exit_reasons(isa); r->last; r++) {
		reason = r->first;
		do {
			add_events_of(reason);
		} while (reason++ != r->last);
	}
}

/*
 * How much to add to an event when the host's counts, @now, are of a new generation.
 * If this generation began at zero, as after a migration, add all.  Otherwise there is
 * a gap between the event's last counts and @now: add nothing.
 */
static u64 first_of_generation(u64 now, bool from_zero)
{
	return from_zero ? now : 0;
}

/* The counts between @prev and @now, which may have wrapped. */
static u64 difference(const struct perf_event *event, u64 prev, u64 now)
{
	u64 bits = event->hw.event_base == KIND_EXITS ?
		   KVM_VMEXIT_EXITS_BITS : 64;

	return (now - prev) & GENMASK_ULL(bits - 1, 0);
}

static u64 event_count(const struct perf_event *event, u32 *tag)
{
	struct kvm_exits_vcpu vcpu = kvm_exits_count(event->hw.config_base);

	*tag = vcpu.tag;
	return event->hw.event_base == KIND_EXITS ? vcpu.exits : vcpu.cycles;
}

/* If the host does not answer (any more), the event keeps its count. */
static void event_update(struct perf_event *event)
{
	struct hw_perf_event *hwc = &event->hw;
	u64 prev, now, count;
	u32 tag, generation;
	bool from_zero;

	/* If an NMI reads the event meanwhile, read it again. */
	do {
		generation = hwc->last_tag;
		prev = local64_read(&hwc->prev_count);
		now = event_count(event, &tag);
		count = difference(event, prev, now);
		if (tag != KVM_VMEXIT_TAG(generation)) {
			/* The update that this NMI interrupted may be half done. */
			if (in_nmi())
				return;
			generation = kvm_exits_generation(&from_zero);
			if (tag != KVM_VMEXIT_TAG(generation) || !generation)
				return;
			count = first_of_generation(now, from_zero);
		}
	} while (local64_cmpxchg(&hwc->prev_count, prev, now) != prev);

	hwc->last_tag = generation;
	local64_add(count, &event->count);
}

/*
 * Ask for the generation only if the tag has changed.  The VM may migrate between
 * the answers for the generation and for the count, so the generation must fit the
 * tag of the count.
 */
static int event_begin(struct perf_event *event)
{
	struct hw_perf_event *hwc = &event->hw;
	bool from_zero;
	u32 tag;
	int i;

	/* Read the count last, because asking for the generation takes exits. */
	for (i = 0; i < 2; i++) {
		if (!hwc->last_tag)
			hwc->last_tag = kvm_exits_generation(&from_zero);
		local64_set(&hwc->prev_count, event_count(event, &tag));
		if (hwc->last_tag && tag == KVM_VMEXIT_TAG(hwc->last_tag))
			return 0;
		hwc->last_tag = 0;
	}
	return -ENODEV;
}

/*
 * Each event of a task or cgroup takes an exit when a task switches in or out,
 * with the run queue locked.  So there is a limit for a CPU.  If an event cannot
 * be added, perf shows "not counted".
 */
#define MAX_SWITCHED	32

static DEFINE_PER_CPU(unsigned int, nr_switched);

static bool is_switched(const struct perf_event *event)
{
#ifdef CONFIG_CGROUP_PERF
	if (event->cgrp)
		return true;
#endif
	return event->attach_state & PERF_ATTACH_TASK;
}

/**
 * struct sampled - an event that takes samples
 * @sampler: the event as a user of the samples of its CPU
 * @event: the event
 * @alone: a list of this event alone, for perf_tp_event()
 * @hidden: the samples have no detail
 */
struct sampled {
	struct kvm_exits_sampler sampler;
	struct perf_event *event;
	struct hlist_head alone;
	bool hidden;
};

/*
 * If an event has a frequency, perf changes its period at each tick and at each
 * sample.  Round the period to a power of two, which changes less often.
 */
static u32 sampler_period(const struct perf_event *event)
{
	u64 period = min_t(u64, event->hw.sample_period, U32_MAX) ?: 1;

	return event->attr.freq ? rounddown_pow_of_two(period) : period;
}

/*
 * The kernel exports perf_tp_event() to modules, but not perf_event_overflow().
 * perf_tp_event() takes a list of events, and adds the exits to their counts.
 */
static void take_sample(struct kvm_exits_sampler *s,
			const struct kvm_exits_sample *sample,
			struct pt_regs *regs)
{
	struct sampled *x = container_of(s, struct sampled, sampler);
	struct kvm_exits_sample_record record = {
		.reason = sample->reason,
		.hidden = x->hidden,
		.detail = x->hidden ? 0 : sample->detail,
		.exits = sample->exits,
		.lost = sample->lost,
	};
	int context;

	BUILD_BUG_ON(sizeof(record.common) != sizeof(struct trace_entry));

	if (x->event->attr.exclude_user && user_mode(regs))
		return;
	context = perf_swevent_get_recursion_context();
	if (context < 0)
		return;
	perf_tp_event(0, sample->exits, &record, sizeof(record), regs, &x->alone,
		      context, NULL);
	kvm_exits_sampler_set_period(s, sampler_period(x->event));
}

static void event_start(struct perf_event *event, int flags)
{
	struct sampled *x = event->pmu_private;

	event->hw.state = 0;
	if (!x)
		event_begin(event);
	else
		kvm_exits_sampler_set_period(&x->sampler,
					     sampler_period(event));
}

static void event_stop(struct perf_event *event, int flags)
{
	event->hw.state = PERF_HES_STOPPED;
	if (!event->pmu_private)
		event_update(event);
}

static int event_add(struct perf_event *event, int flags)
{
	struct sampled *x = event->pmu_private;
	int ret = 0;

	if (is_switched(event) && this_cpu_read(nr_switched) == MAX_SWITCHED)
		return -EAGAIN;

	event->hw.state = flags & PERF_EF_START ? 0 : PERF_HES_STOPPED;
	if (x) {
		x->sampler.period = sampler_period(event);
		x->sampler.switched = is_switched(event);
		kvm_exits_sampler_add(&x->sampler);
	} else {
		ret = event_begin(event);
	}
	if (!ret && is_switched(event))
		this_cpu_inc(nr_switched);
	return ret;
}

static void event_del(struct perf_event *event, int flags)
{
	struct sampled *x = event->pmu_private;

	if (x)
		kvm_exits_sampler_del(&x->sampler);
	else
		event_update(event);
	if (is_switched(event))
		this_cpu_dec(nr_switched);
}

static void event_read(struct perf_event *event)
{
	if (!event->pmu_private)
		event_update(event);
}

static void sampled_destroy(struct perf_event *event)
{
	kfree(event->pmu_private);
	kvm_exits_sampling_put();
}

static bool parent_is_hidden(const struct perf_event *event)
{
	const struct sampled *x = event->parent->pmu_private;

	return x->hidden;
}

static int sampled_init(struct perf_event *event, u32 which)
{
	struct hw_perf_event *hwc = &event->hw;
	s32 reason = 0;
	struct sampled *x;
	int ret;

	if (hwc->event_base != KIND_EXITS)
		return -EOPNOTSUPP;
	if (!event->attr.freq && event->attr.sample_period > U32_MAX)
		return -EINVAL;

	x = kzalloc(sizeof(*x), GFP_KERNEL_ACCOUNT);
	if (!x)
		return -ENOMEM;

	ret = kvm_exits_sampling_get();
	if (ret)
		goto free;

	if (which == KVM_VMEXIT_ALL) {
		x->sampler.all = true;
	} else {
		reason = KVM_VMEXIT_REASON(which);
		if (!kvm_exits_can_sample(reason)) {
			ret = -EOPNOTSUPP;
			goto put;
		}
		__set_bit(kvm_exits_slot(reason), x->sampler.slots);
	}
	x->sampler.take = take_sample;
	x->event = event;
	/*
	 * Without CAP_PERFMON hide the detail, because the detail of a page fault is
	 * an address of the guest's memory.
	 */
	x->hidden = event->parent ? parent_is_hidden(event) : !perfmon_capable();
	hlist_add_head(&event->hlist_entry, &x->alone);

	/* perf_swevent_event() adds exits to period_left, and takes a sample at 0. */
	hwc->last_period = hwc->sample_period;
	local64_set(&hwc->period_left, -(s64)hwc->sample_period);
	event->pmu_private = x;
	event->destroy = sampled_destroy;
	return 0;

put:
	kvm_exits_sampling_put();
free:
	kfree(x);
	return ret;
}

/*
 * A count cannot leave out a part of the code, so refuse each exclude_* for it.  Samples
 * can leave out user or kernel code.  For them exclude_hv, exclude_host and exclude_guest
 * are allowed, too: they have no effect in a guest.
 */
static bool excludes(struct perf_event *event)
{
	const struct perf_event_attr *attr = &event->attr;

	return attr->exclude_idle ||
	       (!is_sampling_event(event) &&
		(attr->exclude_user || attr->exclude_kernel ||
		 attr->exclude_hv || attr->exclude_host || attr->exclude_guest));
}

static int event_init(struct perf_event *event)
{
	u64 config = event->attr.config;
	u32 which = FIELD_GET(CONFIG_REASON, config);
	u32 kind = FIELD_GET(CONFIG_KIND, config);

	if (event->attr.type != event->pmu->type)
		return -ENOENT;

	if (config & ~(CONFIG_REASON | CONFIG_KIND) || kind > KIND_CYCLES ||
	    excludes(event))
		return -EINVAL;

	/* Accept a reason that is not defined today: a later host may count it. */
	if (which > KVM_VMEXIT_ALL)
		return -EINVAL;

	/* mode= hides the events, too.  For a child's event, the parent was checked. */
	if (!kvm_exits_for_all() && !event->parent && !perfmon_capable())
		return -EACCES;

	event->hw.event_base = kind;
	event->hw.config_base = which;
	event->hw.last_tag = 0;
	return is_sampling_event(event) ? sampled_init(event, which) : 0;
}

static const struct attribute_group *attr_groups[] = {
	&format_group,
	&event_group,
	NULL,
};

static struct pmu pmu = {
	.module		= THIS_MODULE,
	.attr_groups	= attr_groups,
	.task_ctx_nr	= perf_sw_context,
	.event_init	= event_init,
	.add		= event_add,
	.del		= event_del,
	.start		= event_start,
	.stop		= event_stop,
	.read		= event_read,
};

static bool registered __ro_after_init;

/**
 * kvm_exits_pmu_init() - register the PMU
 * @host: the present host
 *
 * If the host does not count for each vCPU, there is no PMU.  Call this as the last
 * step of loading: after it, loading must not fail, because events take references to
 * the module.
 *
 * Return: 0 or an error.
 */
int __init kvm_exits_pmu_init(const struct kvm_exits_host *host)
{
	int ret;

	if (!(host->features & KVM_VMEXIT_FEAT_VCPU) || !host->tsc_khz) {
		pr_info("no perf events: the host does not count for each vCPU\n");
		return 0;
	}

	isa = host->isa;
	add_all_events();

	ret = perf_pmu_register(&pmu, "kvm_exits", -1);
	registered = !ret;
	return ret;
}

/**
 * kvm_exits_pmu_exit() - unregister the PMU
 */
void kvm_exits_pmu_exit(void)
{
	if (registered)
		perf_pmu_unregister(&pmu);
}
