// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-exits report: what the counts say, in words, with advice.
 */
#include <stdlib.h>
#include <string.h>

#include "program.h"

#define LISTED		5	/* reasons in a list */
#define HINT_PERCENT	10	/* of the exits or of the time earn a hint */

static const struct hint {
	const char *names[3];	/* on either vendor */
	const char *text;
	const char *sources;
} hints[] = {
	{
		{ "PAUSE", "PAUSE_INSTRUCTION" },
		"vCPUs spin for a lock whose holder the host may have preempted.\n"
		"Give the VM no more vCPUs than the host has CPUs free for it, and let the\n"
		"host offer paravirtual spinlocks (KVM_FEATURE_PV_UNHALT).",
		"Linux, Documentation/virt/kvm/x86/cpuid.rst; SDM Vol. 3, \"Controls for\n"
		"PAUSE-Loop Exiting\"; APM Vol. 2, \"Pause Intercept Filtering\"",
	},
	{
		{ "HLT" },
		"vCPUs go idle and are woken up again. That is no loss in itself; where the\n"
		"wake-up takes too long, let the guest poll before it halts (cpuidle_haltpoll)\n"
		"or the host after (kvm.halt_poll_ns).",
		"Linux, Documentation/virt/guest-halt-polling.rst and\n"
		"Documentation/virt/kvm/halt-polling.rst",
	},
	{
		{ "MSR", "MSR_WRITE" },
		"Mostly the local APIC: each time the timer is set and each IPI writes an MSR.\n"
		"Set fewer timers (a lower CONFIG_HZ, NO_HZ), keep threads that wake each other\n"
		"on few vCPUs, and let the host virtualise the APIC (APICv, AVIC).",
		"Linux, Documentation/timers/no_hz.rst; SDM Vol. 3, \"TSC-Deadline Mode\" and\n"
		"\"Virtualizing MSR-Based APIC Accesses\"; APM Vol. 2, \"Advanced Virtual\n"
		"Interrupt Controller\"",
	},
	{
		{ "IO", "IO_INSTRUCTION" },
		"Port I/O means devices emulated by the VMM: a serial console, IDE, the PIT.\n"
		"Use virtio devices, log less to the serial console, and see that\n"
		"/sys/devices/system/clocksource/clocksource0/current_clocksource is kvm-clock\n"
		"or tsc.",
		"Linux, Documentation/driver-api/virtio/virtio.rst and\n"
		"Documentation/virt/kvm/x86/timekeeping.rst",
	},
	{
		{ "NPF", "EPT_VIOLATION" },
		"The guest touches memory that the host has not mapped for it, page by page:\n"
		"at first use, after the host swapped it out or a balloon gave it back. Huge\n"
		"pages on the host take one such exit for 512 pages. On AMD, access to emulated\n"
		"devices' memory counts here too.",
		"Linux, Documentation/admin-guide/mm/transhuge.rst,\n"
		"Documentation/admin-guide/mm/hugetlbpage.rst and\n"
		"Documentation/virt/kvm/x86/mmu.rst",
	},
	{
		{ "EPT_MISCONFIG" },
		"Access to the memory of emulated devices, which KVM marks in this way.\n"
		"Use virtio devices with MSI-X, and vhost where there is much network traffic.",
		"Linux, Documentation/virt/kvm/x86/mmu.rst and\n"
		"Documentation/driver-api/virtio/virtio.rst",
	},
};

static void print_counts(const struct table *t, unsigned int from,
			 unsigned int to)
{
	unsigned int i;

	for (i = from; i < to; i++)
		printf("  %-25s %14llu %6.2f %%\n", t->rows[i].name,
		       t->rows[i].count[EXITS],
		       share(t->rows[i].count[EXITS], t->total.count[EXITS]));
}

/* The rows are sorted by exits. */
static void print_frequency(const struct table *t, unsigned int occurred)
{
	unsigned int most = occurred < LISTED ? occurred : LISTED;
	unsigned int least = occurred - most < LISTED ? most : occurred - LISTED;

	puts("\nMost frequent");
	print_counts(t, 0, most);
	if (least < occurred) {
		puts("\nLeast frequent of those that occurred");
		print_counts(t, least, occurred);
	}
	printf("\n%u of %u reasons occurred; the others never did.\n", occurred,
	       t->nr_rows);
}

static void print_cycles(const struct table *t, u64 cycles)
{
	char buf[VALUE_LEN];

	if (cycles == UNKNOWN)
		strcpy(buf, "-");
	else
		format_time(buf, cycles, t->tsc_khz);
	printf(" %9s", buf);
}

/* The rows are sorted by time. */
static void print_time(const struct table *t, unsigned int occurred)
{
	unsigned int i;

	printf("\nWhere KVM's time went%s\n", t->tsc_khz ? "" :
	       " (in cycles: the host does not tell their length)");
	printf("  %-25s %9s %8s %9s\n", "", "time", "share", "average");
	for (i = 0; i < occurred && i < LISTED; i++) {
		printf("  %-25s", t->rows[i].name);
		print_cycles(t, t->rows[i].count[CYCLES]);
		printf(" %6.2f %%", share(t->rows[i].count[CYCLES],
					  t->total.count[CYCLES]));
		print_cycles(t, row_average(&t->rows[i], CYCLES));
		putchar('\n');
	}
}

/* The rows are sorted by stopped time. */
static void print_stopped(const struct table *t, unsigned int occurred)
{
	static const enum count columns[] = { P50, P99, P999, MAX };
	unsigned int i, j;

	puts("\nHow long exits stopped a vCPU, until its next entry (HLT: asleep)");
	printf("  %-25s %9s %9s %9s %9s %9s\n", "", "time", "median <=",
	       "99 % <=", "99.9 % <=", "longest");
	for (i = 0; i < occurred && i < LISTED; i++) {
		printf("  %-25s", t->rows[i].name);
		print_cycles(t, t->rows[i].count[STOPPED]);
		for (j = 0; j < ARRAY_SIZE(columns); j++)
			print_cycles(t, t->rows[i].count[columns[j]]);
		putchar('\n');
	}
}

static const struct row *hint_row(const struct table *t, const struct hint *h)
{
	unsigned int i, j;

	for (i = 0; i < t->nr_rows; i++)
		for (j = 0; j < ARRAY_SIZE(h->names) && h->names[j]; j++)
			if (!strcmp(t->rows[i].name, h->names[j]))
				return &t->rows[i];
	return NULL;
}

static void print_hints(const struct table *t)
{
	double exits, time;
	const struct row *r;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(hints); i++) {
		r = hint_row(t, &hints[i]);
		if (!r)
			continue;
		exits = share(r->count[EXITS], t->total.count[EXITS]);
		time = share(r->count[CYCLES], t->total.count[CYCLES]);
		if (exits < HINT_PERCENT && time < HINT_PERCENT)
			continue;
		printf("\n%s: %.0f %% of the exits, %.0f %% of the time\n%s\nSee %s.\n",
		       r->name, exits, time, hints[i].text, hints[i].sources);
	}
}

static void print_report(struct table *t)
{
	unsigned int i, occurred = 0;
	char buf[VALUE_LEN];

	for (i = 0; i < t->nr_rows; i++)
		occurred += t->rows[i].count[EXITS] != 0;

	printf("VM exits since the counts began (%s, generation %u)\n\n",
	       t->vendor, t->generation);
	printf("%llu exits, handled by KVM in %s%s", t->total.count[EXITS],
	       format_time(buf, t->total.count[CYCLES], t->tsc_khz),
	       t->tsc_khz ? "" : " cycles");
	printf(", %s on average.\n",
	       format_time(buf, row_average(&t->total, CYCLES), t->tsc_khz));
	if (t->exits_per_read)
		printf("Each reading of the counts is %u of the exits for CPUID.\n",
		       t->exits_per_read);
	if (!occurred)
		return;

	table_sort(t, SORT_EXITS, CYCLES, NULL);
	print_frequency(t, occurred);
	table_sort(t, SORT_TIME, CYCLES, NULL);
	print_time(t, occurred);
	if (has(t, STOPPED) && has(t, MAX) && has(t, P50)) {
		table_sort(t, SORT_TIME, STOPPED, NULL);
		print_stopped(t, occurred);
	}
	print_hints(t);
}

int cmd_report(const struct options *o)
{
	struct table t = {};

	source_read_or_die(o, &t);
	t.ns = 0;
	switch (o->format) {
	case TEXT:
		print_report(&t);
		break;
	case CSV:
		print_csv_header(stdout);
		print_csv(stdout, &t, 0, COUNTED);
		break;
	case JSON:
		print_json(stdout, &t, 0, COUNTED);
		break;
	}
	finish(stdout);
	table_free(&t);
	return EXIT_SUCCESS;
}
