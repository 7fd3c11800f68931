// SPDX-License-Identifier: GPL-2.0-only
/*
 * A PMU "kvm_exits": an event for the exits of each reason, one for the cycles
 * of handling them, and the same of all reasons.
 *
 * The counts are the VM's, so the events are opened on one CPU, as those of
 * uncore PMUs are; on another one they would be the same exits a second time.
 * They only count: there is no interrupt to sample by.
 */
#include <linux/bitfield.h>
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/perf_event.h>
#include <linux/string_helpers.h>
#include <linux/sysfs.h>

#include "module.h"

#define CONFIG_ROW		GENMASK_ULL(7, 0)
#define CONFIG_KIND		GENMASK_ULL(9, 8)

#define ROW_TOTAL		0xff	/* no row number: the sum of all */

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

/* The CPU that reads the counts.  It does not matter which one it is. */
static unsigned int reader_cpu = UINT_MAX;

static ssize_t cpumask_show(struct device *dev, struct device_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(reader_cpu));
}
static DEVICE_ATTR_RO(cpumask);

static struct attribute *cpumask_attrs[] = {
	&dev_attr_cpumask.attr,
	NULL,
};

static const struct attribute_group cpumask_group = {
	.attrs = cpumask_attrs,
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

	add_events(ROW_TOTAL, "exits", "cycles");

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

static bool event_read(struct perf_event *event, u64 *count, u32 *generation)
{
	struct hw_perf_event *hwc = &event->hw;

	return kvm_exits_count(hwc->event_base, hwc->config_base, count,
			       generation);
}

/* A host that does not answer (any more) leaves the event where it was. */
static void event_update(struct perf_event *event)
{
	struct hw_perf_event *hwc = &event->hw;
	u32 generation;
	u64 prev, now;

	/* An NMI may read the event, too. */
	do {
		prev = local64_read(&hwc->prev_count);
		generation = hwc->last_tag;
		if (!event_read(event, &now, &generation))
			return;
	} while (local64_cmpxchg(&hwc->prev_count, prev, now) != prev);

	/* Counts of another generation began at zero, on another host. */
	if (generation != hwc->last_tag) {
		hwc->last_tag = generation;
		prev = 0;
	}
	if (now > prev)
		local64_add(now - prev, &event->count);
}

static int event_begin(struct perf_event *event)
{
	u32 generation = 0;
	u64 now;

	if (!event_read(event, &now, &generation))
		return -ENODEV;

	event->hw.last_tag = generation;
	local64_set(&event->hw.prev_count, now);
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
	u32 reason = 0;

	if (event->attr.type != event->pmu->type)
		return -ENOENT;

	if (is_sampling_event(event) || event->cpu < 0 ||
	    event->cpu != READ_ONCE(reader_cpu))
		return -EINVAL;

	if (config & ~(CONFIG_ROW | CONFIG_KIND) || kind > KIND_CYCLES)
		return -EINVAL;

	if (row == ROW_TOTAL) {
		event->hw.event_base = kind == KIND_EXITS ?
				       KVM_VMEXIT_LEAF_TOTAL :
				       KVM_VMEXIT_LEAF_TOTAL_CYCLES;
	} else {
		reason = kvm_vmexit_reason(isa, row);
		if (row >= KVM_VMEXIT_ROWS || !kvm_vmexit_defined(isa, reason))
			return -EINVAL;
		event->hw.event_base = kind == KIND_EXITS ?
				       KVM_VMEXIT_LEAF_REASON :
				       KVM_VMEXIT_LEAF_REASON_CYCLES;
	}
	event->hw.config_base = reason;
	return 0;
}

static const struct attribute_group *attr_groups[] = {
	&format_group,
	&cpumask_group,
	&event_group,
	NULL,
};

static struct pmu pmu = {
	.module		= THIS_MODULE,
	.attr_groups	= attr_groups,
	.task_ctx_nr	= perf_invalid_context,
	.capabilities	= PERF_PMU_CAP_NO_INTERRUPT | PERF_PMU_CAP_NO_EXCLUDE,
	.event_init	= event_init,
	.add		= event_add,
	.del		= event_del,
	.start		= event_start,
	.stop		= event_stop,
	.read		= event_update,
};

static int reader_online(unsigned int cpu)
{
	if (reader_cpu >= nr_cpu_ids)
		WRITE_ONCE(reader_cpu, cpu);
	return 0;
}

static int reader_offline(unsigned int cpu)
{
	unsigned int target;

	if (cpu != reader_cpu)
		return 0;

	target = cpumask_any_but(cpu_online_mask, cpu);
	if (target < nr_cpu_ids) {
		WRITE_ONCE(reader_cpu, target);
		perf_pmu_migrate_context(&pmu, cpu, target);
	}
	return 0;
}

static int cpuhp_state;

/**
 * kvm_exits_pmu_init() - register the PMU
 * @t: a table from this host
 *
 * There is none without a generation: an event could not tell another leaf's
 * contents from a count.  The last step of loading, for it gives out references
 * to the module.
 *
 * Return: 0 or an error.
 */
int __init kvm_exits_pmu_init(const struct exit_table *t)
{
	int ret;

	if (!t->generation || !t->tsc_khz)
		return 0;

	isa = t->isa;
	add_all_events();

	ret = perf_pmu_register(&pmu, "kvm_exits", -1);
	if (ret)
		return ret;

	/* Events can be opened from here on, once there is a CPU to read. */
	ret = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "kvm_exits:online",
				reader_online, reader_offline);
	if (ret < 0) {
		perf_pmu_unregister(&pmu);
		return ret;
	}
	cpuhp_state = ret;
	return 0;
}

/**
 * kvm_exits_pmu_exit() - unregister the PMU
 */
void kvm_exits_pmu_exit(void)
{
	if (!cpuhp_state)
		return;

	cpuhp_remove_state_nocalls(cpuhp_state);
	perf_pmu_unregister(&pmu);
}
