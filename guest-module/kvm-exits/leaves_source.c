// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's CPUID leaves, read without the module.
 *
 * Any program can take a snapshot on the same CPU while this one reads its own.
 * Each snapshot on a CPU counts at least one CPUID more than the one before it, for
 * itself.  So the rows are of one snapshot if at the end the row of CPUID is still
 * the same, and if the program was on this CPU all the time.
 */
#include <err.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "program.h"
#include "host_leaves.h"
#include "kernel.h"

/* Other readers can spoil some attempts, but hardly all. */
#define ATTEMPTS	50
#define PAUSE_NS	1000000

#define SETS		8	/* as many CPUs as x86 can have */
#define MAX_CPUS	(SETS * CPU_SETSIZE)

#define CPUID_VMX	10
#define CPUID_SVM	0x72

/* The last table, and its host. */
static struct exit_table table;
static struct kvm_exits_host host;
static kvm_exits_histogram histograms[EXIT_TABLE_REASONS];

/*
 * Stay on the CPU @cpu, or the next one that is allowed.  Returns the CPU, or -1
 * if a sandbox refuses this.
 */
static int pin(const cpu_set_t *allowed, int cpu)
{
	cpu_set_t one[SETS];
	unsigned int n;

	for (n = 0; n < MAX_CPUS; n++, cpu++) {
		cpu %= MAX_CPUS;
		if (!CPU_ISSET_S(cpu, sizeof(one), allowed))
			continue;
		CPU_ZERO_S(sizeof(one), one);
		CPU_SET_S(cpu, sizeof(one), one);
		if (!sched_setaffinity(0, sizeof(one), one))
			return cpu;
	}
	return -1;
}

/* How often another thread has run in place of this one. */
static long switches(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_THREAD, &u))
		return -1;
	return u.ru_nvcsw + u.ru_nivcsw;
}

/* Try once to take a table on the CPU @cpu, or on any CPU if @cpu is -1. */
static bool take(int cpu, bool with_histograms)
{
	long before = switches();
	bool whole;

	table.exits_per_read = 0;
	whole = kvm_exits_take_rows(&table, &host) &&
		(!with_histograms || !table.has_stops ||
		 kvm_exits_take_histograms(&table, histograms)) &&
		kvm_exits_still_there(&table, table.isa == KVM_VMEXIT_ISA_SVM ?
				      CPUID_SVM : CPUID_VMX);
	if (!whole) {
		host.generation = 0;
		return false;
	}
	return cpu < 0 ? switches() == before : sched_getcpu() == cpu;
}

/* Why no attempt gave a table, or NULL if another one may. */
static const char *refusal(void)
{
	struct cpuid_regs r;

	if (!kvm_exits_signed())
		return "CPUID has no counts";
	r = kvm_exits_cpuid(KVM_VMEXIT_LEAF_INTERFACE, 0);
	if (r.eax < KVM_VMEXIT_VERSION)
		return "the host's interface is older than this program";
	r = kvm_exits_cpuid(KVM_VMEXIT_LEAF_VM, 0);
	return r.ecx & KVM_VMEXIT_VM_OFF ? "the host does not count at present" :
					   NULL;
}

/* Take a table, and return why there is none, or NULL. */
static const char *take_table(struct table *t, bool with_histograms)
{
	static const struct timespec pause = { .tv_nsec = PAUSE_NS };
	const char *why = NULL;
	cpu_set_t allowed[SETS];
	bool restore, whole = false;
	unsigned int i;
	int cpu;

	if (!cpuid_enabled())
		return "CPUID is turned off for this process";
	for (i = 0; i < ATTEMPTS && !whole && !why; i++) {
		if (i)
			nanosleep(&pause, NULL);
		/* CPUs go and come, so ask each time which ones are allowed. */
		restore = !sched_getaffinity(0, sizeof(allowed), allowed);
		cpu = restore ? pin(allowed, sched_getcpu() + !!i) : -1;
		t->ns = now_ns();
		t->wall_ns = wall_ns();
		t->steal_ns = steal_read();
		whole = take(cpu, with_histograms);
		if (cpu >= 0)
			sched_setaffinity(0, sizeof(allowed), allowed);
		if (!whole)
			why = refusal();
	}
	if (!whole && !why)
		why = "other programs read the counts on the same CPUs at the same time: try again";
	return why;
}

/* The same text as that of the module, so that one parser reads both. */
static bool parse(struct table *t, enum file kind)
{
	size_t size;
	char *text;
	FILE *f = open_memstream(&text, &size);
	struct seq_file m = { f };
	bool ok;

	if (!f)
		errx(failed, "no memory");
	if (kind == TABLE)
		exit_table_show(&m, &table);
	else
		kvm_exits_show_histograms(&m, &table, histograms);
	fclose(f);
	ok = table_parse(t, kind, text, "CPUID");
	free(text);
	return ok;
}

static bool leaves_available(struct options *o)
{
	o->live = true;
	return cpuid_enabled() && kvm_exits_signed();
}

static bool leaves_read(const struct options *o, struct table *t)
{
	static u64 done;	/* the exits until the end of the last read */
	struct table h = {};
	const char *why;
	bool ok;

	table_free(t);
	why = take_table(t, o->percentiles);
	if (why) {
		t->errnum = ENODEV;
		snprintf(t->error, sizeof(t->error), "%s: see kvm-exits check",
			 why);
		return false;
	}
	ok = parse(t, TABLE);
	t->by_cpuid = true;
	t->exits_before = cpuid_exits - table.exits_per_read - done;
	done = cpuid_exits;
	if (ok && o->percentiles && table.has_stops) {
		ok = parse(&h, HISTOGRAM);
		h.exits_per_read = 0;	/* exits_per_read of @t contains them */
		if (ok)
			histogram_merge(t, &h);
		else
			memcpy(t->error, h.error, sizeof(t->error));
		table_free(&h);
	}
	return ok;
}

const struct source leaves_source = {
	.name = "leaves",
	.available = leaves_available,
	.read = leaves_read,
};
