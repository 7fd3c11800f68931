// SPDX-License-Identifier: GPL-2.0-only
/*
 * A PMU "kvm_exits": an event for the exits of each reason, one for the cycles
 * of handling them, and the same of all reasons.
 *
 * The counts are those of the vCPU that the code runs on, so an event counts
 * for a task, a cgroup or a CPU.  It only counts: there is no interrupt to
 * sample by.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitfield.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/perf_event.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/string_helpers.h>
#include <linux/sysfs.h>

#include "module.h"

#define CONFIG_ROW		GENMASK_ULL(7, 0)
#define CONFIG_KIND		GENMASK_ULL(9, 8)

#define KIND_EXITS		0
#define KIND_CYCLES		1

PMU_FORMAT_ATTR(row, "config:0-7");
PMU_FORMAT_ATTR(kind, "config:8-9");

static struct attribute *format_attrs[] = {
	&format_attr_row.attr,
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
 * @config: of the event that it is about
 * @name: of the file
 */
struct event_file {
	struct device_attribute attr;
	u64 config;
	char name[EXIT_TABLE_NAME_LEN + sizeof("_cycles.scale")];
};

/* For each row and the total: exits, cycles, and the latters' unit and scale */
#define EVENT_FILES		(4 * (KVM_VMEXIT_ROWS + 1))

static struct event_file event_file[EVENT_FILES];
static struct attribute *event_attrs[EVENT_FILES + 1];

static const struct attribute_group event_group = {
	.name = "events",
	.attrs = event_attrs,
};

/* Whose reasons these are. */
static u32 isa __ro_after_init;

static ssize_t event_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	u64 config = container_of(attr, struct event_file, attr)->config;

	return sysfs_emit(buf, "row=0x%02llx,kind=%llu\n",
			  FIELD_GET(CONFIG_ROW, config),
			  FIELD_GET(CONFIG_KIND, config));
}

static ssize_t unit_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	return sysfs_emit(buf, "ns\n");
}

/* Another host has another clock. */
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

static void __init add_file(const char *event, const char *suffix, u32 row,
			    u32 kind, typeof(event_show) *show)
{
	static unsigned int nr __initdata;
	struct event_file *f = &event_file[nr];

	snprintf(f->name, sizeof(f->name), "%s%s", event, suffix);
	f->config = FIELD_PREP(CONFIG_ROW, row) | FIELD_PREP(CONFIG_KIND, kind);
	f->attr.attr.name = f->name;
	f->attr.attr.mode = 0444;
	f->attr.show = show;
	sysfs_attr_init(&f->attr.attr);
	event_attrs[nr++] = &f->attr.attr;
}

static void __init add_events(u32 row, const char *exits, const char *cycles)
{
	add_file(exits, "", row, KIND_EXITS, event_show);
	add_file(cycles, "", row, KIND_CYCLES, event_show);
	add_file(cycles, ".unit", row, KIND_CYCLES, unit_show);
	add_file(cycles, ".scale", row, KIND_CYCLES, scale_show);
}

static void __init add_all_events(void)
{
	char exits[EXIT_TABLE_NAME_LEN], cycles[sizeof(exits) + sizeof("_cycles")];
	u32 row, reason;

	add_events(KVM_VMEXIT_ROW_ALL, "exits", "cycles");

	for (row = 0; row < KVM_VMEXIT_ROWS; row++) {
		reason = kvm_vmexit_reason(isa, row);
		if (!kvm_vmexit_defined(isa, reason))
			continue;
		exit_table_name(isa, reason, exits);
		string_lower(exits, exits);
		snprintf(cycles, sizeof(cycles), "%s_cycles", exits);
		add_events(row, exits, cycles);
	}
}

static bool event_read(struct perf_event *event, struct kvm_exits_vcpu *c)
{
	return kvm_exits_vcpu(FIELD_GET(CONFIG_ROW, event->attr.config), c);
}

static bool counts_exits(struct perf_event *event)
{
	return FIELD_GET(CONFIG_KIND, event->attr.config) == KIND_EXITS;
}

static u64 difference(struct perf_event *event, u64 now, u64 prev)
{
	u64 mask = counts_exits(event) ?
		   GENMASK_ULL(KVM_VMEXIT_VCPU_EXITS_BITS - 1, 0) : U64_MAX;

	return (now - prev) & mask;
}

/*
 * A host that does not answer (any more) leaves the event where it was.  Of
 * another generation only the part since its beginning can be counted, and
 * that only if it began at zero.
 */
static void event_update(struct perf_event *event)
{
	struct hw_perf_event *hwc = &event->hw;
	struct kvm_exits_vcpu c;
	u64 prev, now;
	bool same;

	/* An NMI may read the event, too. */
	do {
		prev = local64_read(&hwc->prev_count);
		if (!event_read(event, &c))
			return;
		same = c.tag == hwc->last_tag;
		/* The tag and the count do not change in one step. */
		if (!same && in_nmi())
			return;
		now = counts_exits(event) ? c.exits : c.cycles;
	} while (local64_cmpxchg(&hwc->prev_count, prev, now) != prev);

	if (same) {
		local64_add(difference(event, now, prev), &event->count);
		return;
	}
	barrier();
	hwc->last_tag = c.tag;
	if (c.from_zero)
		local64_add(now, &event->count);
}

static int event_begin(struct perf_event *event)
{
	struct kvm_exits_vcpu c;

	if (!event_read(event, &c))
		return -ENODEV;

	event->hw.last_tag = c.tag;
	local64_set(&event->hw.prev_count,
		    counts_exits(event) ? c.exits : c.cycles);
	return 0;
}

static void event_start(struct perf_event *event, int flags)
{
	event_begin(event);
}

static void event_stop(struct perf_event *event, int flags)
{
	event_update(event);
}

/* An event that cannot be added is shown as not counted. */
static int event_add(struct perf_event *event, int flags)
{
	return event_begin(event);
}

static void event_del(struct perf_event *event, int flags)
{
	event_update(event);
}

static int event_init(struct perf_event *event)
{
	u64 config = event->attr.config;
	u32 row = FIELD_GET(CONFIG_ROW, config);
	u32 kind = FIELD_GET(CONFIG_KIND, config);

	if (event->attr.type != event->pmu->type)
		return -ENOENT;

	if (is_sampling_event(event))
		return -EINVAL;

	if (config & ~(CONFIG_ROW | CONFIG_KIND) || kind > KIND_CYCLES)
		return -EINVAL;

	if (row == KVM_VMEXIT_ROW_ALL)
		return 0;
	if (row >= KVM_VMEXIT_ROWS ||
	    !kvm_vmexit_defined(isa, kvm_vmexit_reason(isa, row)))
		return -EINVAL;
	return 0;
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
	.capabilities	= PERF_PMU_CAP_NO_INTERRUPT | PERF_PMU_CAP_NO_EXCLUDE,
	.event_init	= event_init,
	.add		= event_add,
	.del		= event_del,
	.start		= event_start,
	.stop		= event_stop,
	.read		= event_update,
};

static bool registered;

/**
 * kvm_exits_pmu_init() - register the PMU
 * @t: a table from this host
 *
 * There is none on a host that does not count by vCPU.
 *
 * Return: 0 or an error.
 */
int __init kvm_exits_pmu_init(const struct exit_table *t)
{
	int err;

	if (!(t->features & KVM_VMEXIT_FEAT_VCPU)) {
		pr_info("no perf events: the host does not count by vCPU\n");
		return 0;
	}

	isa = t->isa;
	add_all_events();

	err = perf_pmu_register(&pmu, "kvm_exits", -1);
	registered = !err;
	return err;
}

/**
 * kvm_exits_pmu_exit() - unregister the PMU
 */
void kvm_exits_pmu_exit(void)
{
	if (registered)
		perf_pmu_unregister(&pmu);
}
