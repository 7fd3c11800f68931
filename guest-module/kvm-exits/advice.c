// SPDX-License-Identifier: GPL-2.0-only
/*
 * Advice: which reasons cost something, what is probably behind them, and what
 * to do about it.
 *
 * A remark is about one family of reasons or about several that come together.
 * A family earns it by its share of the exits, of the handling time or of the
 * stopped time.  The sleep in HLT is no cost.  Two things decide between
 * causes.  One is the ratio of stopped time to handling time: the VMM's work is
 * in the stopped time alone.  The other is what the guest can read about
 * itself.
 */
#include <ctype.h>
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"
#include "reasons.h"

#define EARNED		10	/* percent of exits, handling or stopped time */
#define JOINED		2	/* percent that a reason needs to be named */
#define VMM_RATIO	1.8	/* stopped / handled, if the VMM does the work */
#define SHORT_SLEEP	0.0005	/* s; a shorter HLT costs more than it saves */
#define LONG_STOP	0.001	/* s; KVM handles an exception faster */
#define SLOW_FAULT	0.0001	/* s; the host waits for memory or for a disk */

/* For each second of a vCPU.  Exits below both limits cause no problem. */
#define QUIET_RATE	500	/* exits */
#define QUIET_LOAD	0.015	/* of its time stopped, without the sleep */

/* The limits where the time is known, so that no storm can hide in it. */
#define NORMAL_RATE	5000
#define NORMAL_LOAD	0.01

#define MAX_REMARKS	(FAMILIES + 4)

/* KVM's bits in CPUID 0x40000001. */
enum {
	PV_EOI		= 1u << 6,
	PV_SEND_IPI	= 1u << 11,
};

struct sum {
	u64 exits;
	u64 cycles;
	u64 cost;	/* stopped without the sleep, or handled if unknown */
};

struct remark {
	struct sum sum;
	unsigned int families;	/* a bit for each */
	const char *sources;
	char text[1800];
};

struct advice {
	const struct table *t;
	bool has_facts;		/* the table has the guest's facts */
	unsigned int pv;	/* paravirtual features, if @has_facts */
	struct sum total;
	struct sum family[FAMILIES];
	double vcpu_seconds;	/* lower bound of the vCPUs' time; 0: unknown */
	bool timed;		/* @vcpu_seconds is the time itself */
	unsigned int claimed;	/* families that have a remark */
	struct remark remark[MAX_REMARKS];
	unsigned int nr;
};

static enum family family_of(const struct row *r)
{
	const struct reason *reason = reason_find(r->name);

	return reason ? reason->family : OTHER;
}

static double seconds(const struct advice *a, double cycles)
{
	return a->t->tsc_khz ? cycles / a->t->tsc_khz / 1000 : 0;
}

/*
 * The sleep of an idle vCPU costs nothing.  Its handling does.  A cost that the
 * table does not have is left out: it earns nothing.
 */
static u64 row_cost(const struct table *t, const struct row *r)
{
	enum family f = family_of(r);

	if (has(t, STOPPED) && f != IDLE && f != MWAIT)
		return r->count[STOPPED];
	return has(t, CYCLES) ? r->count[CYCLES] : 0;
}

static void add_row(struct sum *sum, const struct table *t, const struct row *r)
{
	sum->exits += r->count[EXITS];
	if (has(t, CYCLES))
		sum->cycles += r->count[CYCLES];
	sum->cost += row_cost(t, r);
}

static void prepare(struct advice *a, const struct table *t)
{
	const struct facts *f = &t->facts;
	double stopped = 0;
	unsigned int i;

	a->t = t;
	a->has_facts = *f->clocksource || *f->pv_features;
	a->pv = strtoul(f->pv_features, NULL, 16);
	for (i = 0; i < t->nr_rows; i++) {
		add_row(&a->family[family_of(&t->rows[i])], t, &t->rows[i]);
		add_row(&a->total, t, &t->rows[i]);
		if (has(t, STOPPED))
			stopped += t->rows[i].count[STOPPED];
	}

	/* The vCPUs existed at least while they were stopped. */
	a->vcpu_seconds = seconds(a, stopped);
	a->timed = t->ns;
	/* Little sleep means that they ran for most of the time. */
	if (!t->ns && seconds(a, a->total.cost) > a->vcpu_seconds / 2)
		a->vcpu_seconds = 0;
	if (t->ns) {
		stopped = t->ns / 1e9 * (atoi(f->cpus) ?: 1);
		if (stopped > a->vcpu_seconds)
			a->vcpu_seconds = stopped;
	}
}

static double percent_of_exits(const struct advice *a, enum family f)
{
	return share(a->family[f].exits, a->total.exits);
}

static bool earns(const struct advice *a, const struct sum *s)
{
	return s->exits && (share(s->exits, a->total.exits) >= EARNED ||
			    share(s->cycles, a->total.cycles) >= EARNED ||
			    share(s->cost, a->total.cost) >= EARNED);
}

static bool family_earns(const struct advice *a, enum family f)
{
	return earns(a, &a->family[f]);
}

static bool occurs(const struct advice *a, const char *name)
{
	unsigned int i;

	for (i = 0; i < a->t->nr_rows; i++)
		if (!strcmp(a->t->rows[i].name, name))
			return a->t->rows[i].count[EXITS];
	return false;
}

/* How long an exit of the family takes, by either clock, in seconds. */
static double average_cost(const struct advice *a, enum family f)
{
	const struct sum *s = &a->family[f];

	return s->exits ? seconds(a, 1.0 * s->cost / s->exits) : 0;
}

static double average_handling(const struct advice *a, enum family f)
{
	const struct sum *s = &a->family[f];

	return s->exits ? seconds(a, 1.0 * s->cycles / s->exits) : 0;
}

/* Whether the table shows who does the work: the VMM or KVM. */
static bool has_both(const struct advice *a)
{
	return has(a->t, CYCLES) && has(a->t, STOPPED);
}

/* Whether the VMM does the work, and not KVM; false if unknown. */
static bool in_vmm(const struct advice *a, enum family f)
{
	const struct sum *s = &a->family[f];

	return has_both(a) && s->cost >= VMM_RATIO * s->cycles;
}

static struct sum sum_of(const struct advice *a, unsigned int families)
{
	struct sum all = {};
	unsigned int f;

	for (f = 0; f < FAMILIES; f++) {
		if (!(families & 1u << f))
			continue;
		all.exits += a->family[f].exits;
		all.cycles += a->family[f].cycles;
		all.cost += a->family[f].cost;
	}
	return all;
}

static struct remark *new_remark(struct advice *a, unsigned int families,
				 const char *sources)
{
	struct remark *r = &a->remark[a->nr++];

	r->families = families;
	r->sources = sources;
	r->sum = sum_of(a, families);
	a->claimed |= families;
	return r;
}

static void add_text(struct remark *r, const char *sentence)
{
	size_t n = strlen(r->text);

	snprintf(r->text + n, sizeof(r->text) - n, "%s%s", n ? " " : "",
		 sentence);
}

/* Name the fact that would decide, if it is unknown. */
static void add_unknown(const struct advice *a, struct remark *r,
			const char *fact)
{
	char sentence[300];

	if (a->has_facts)
		return;
	snprintf(sentence, sizeof(sentence),
		 "The guest's own state is not in this table: read %s in\n"
		 "the guest.",
		 fact);
	add_text(r, sentence);
}

#define CLOCKSOURCE \
	"/sys/devices/system/clocksource/clocksource0/current_clocksource"
#define CLOCK_CURE \
	"Each reading of the clock exits to the VMM. Let the guest use kvm-clock\n" \
	"or tsc: write it to " CLOCKSOURCE "\n" \
	"and remove clocksource= and notsc from the kernel's command line."
#define CLOCK_QUESTION \
	"Look first at the clock: read the guest's current_clocksource\n" \
	"(" CLOCKSOURCE ").\n" \
	"If it is hpet, each reading of the clock is such an exit: use\n" \
	"kvm-clock or tsc."
#define IN_VMM \
	"The VMM does most of this work (the vCPU is stopped far longer than KVM\n" \
	"handles it): "
#define WINDOWS_CURE \
	"A Windows guest reads the RTC, the ACPI PM timer or the HPET as its\n" \
	"clock: give it Hyper-V's clock and timers (QEMU: hv_time, hv_stimer,\n" \
	"hv_synic, hv_vpindex; libvirt: <timer name='hypervclock'\n" \
	"present='yes'/>) and turn its HPET off."

/* The guest runs guests. */
static void advise_nested(struct advice *a)
{
	struct remark *r;

	if (!family_earns(a, NESTED))
		return;
	r = new_remark(a, 1u << NESTED,
		       "Linux,\n"
		       "Documentation/virt/kvm/x86/running-nested-guests.rst\n"
		       "and nested-vmx.rst; SDM Vol. 3, \"VMCS Shadowing\";\n"
		       "APM Vol. 2, \"Nested Virtualization\"");
	add_text(r, "This guest runs guests of its own. For each exit of a\n"
		 "nested guest its hypervisor executes several of these\n"
		 "instructions, each of which can exit as well; the exits of the\n"
		 "nested guests themselves are in the other reasons.");
	add_text(r, "Let the host use shadow VMCS\n"
		 "(kvm_intel.enable_shadow_vmcs=1) or, on AMD, virtual VMLOAD\n"
		 "and VMSAVE and virtual GIF (kvm_amd.vls=1, vgif=1); lower the\n"
		 "exits of the nested guests (virtio, few timers); or run that\n"
		 "work in the first level or in containers.");
	if (!strcmp(a->t->facts.nested, "yes"))
		add_text(r, "A VM runs in this guest now.");
	else if (!strcmp(a->t->facts.nested, "no"))
		add_text(r, "No VM of KVM's runs in this guest now: it has\n"
			 "ended, or another hypervisor is in use.");
	else
		add_unknown(a, r, "/sys/module/kvm_intel/refcnt or\n"
			    "/sys/module/kvm_amd/refcnt");
}

/* Split locks: the host delays each by 10 ms. */
static void advise_split_lock(struct advice *a)
{
	struct remark *r;

	if (!family_earns(a, EXCEPTION) ||
	    (!occurs(a, "AC_EXCP") && average_cost(a, EXCEPTION) < LONG_STOP))
		return;
	r = new_remark(a, 1u << EXCEPTION | (family_earns(a, BUSLOCK) ?
					     1u << BUSLOCK : 0),
		       "Linux, Documentation/arch/x86/buslock.rst and\n"
		       "Documentation/admin-guide/sysctl/kernel.rst,\n"
		       "split_lock_mitigate");
	add_text(r, "These are few exits that stop a vCPU for long: an\n"
		 "exception, probably an alignment check (#AC) by a split lock.\n"
		 "An atomic access crosses a cache line, and a host with\n"
		 "split_lock_detect delays each by 10 ms or more.");
	add_text(r, "Find the program and align its data; in the host's kernel\n"
		 "log is a line \"split lock trap\" with the vCPU's thread. On a\n"
		 "host that trusts its guests kernel.split_lock_mitigate=0 ends\n"
		 "the delay, and split_lock_detect=off the detection.");
}

/* Page faults, CR3 and the TLB exit together where there is no nested paging. */
static void advise_shadow(struct advice *a)
{
	struct remark *r;

	if (!family_earns(a, SHADOW) && !family_earns(a, CONTROL))
		return;
	if (!family_earns(a, SHADOW) && !family_earns(a, EXCEPTION))
		return;
	r = new_remark(a, (1u << SHADOW | 1u << CONTROL | 1u << EXCEPTION) &
			  ~a->claimed,
		       "Linux, Documentation/virt/kvm/x86/mmu.rst; SDM Vol.\n"
		       "3, \"The Extended Page Table Mechanism (EPT)\"; APM\n"
		       "Vol. 2, \"Nested Paging\"");
	add_text(r, "The host has no nested paging for this guest: each page\n"
		 "fault, each write of CR3 and each flush of the TLB exits.");
	add_text(r, "Turn it on (kvm_intel.ept=1, kvm_amd.npt=1). A guest\n"
		 "without it runs well only if it switches tasks and maps memory\n"
		 "seldom.");
}

/* Performance counters: reads, the MSRs that set them up, and their NMIs. */
static void advise_pmu(struct advice *a)
{
	double nmis = percent_of_exits(a, EXCEPTION) + percent_of_exits(a, NMI);
	bool counters = percent_of_exits(a, PMC) >= JOINED;
	unsigned int families = 1u << PMC | 1u << NMI;
	struct remark *r;
	struct sum all;

	/* NMIs alone can be the host's own. */
	if (!counters && (nmis < JOINED || percent_of_exits(a, MSR) < EARNED ||
			  percent_of_exits(a, TIMER) > nmis ||
			  average_cost(a, EXCEPTION) >= LONG_STOP))
		return;
	families |= 1u << MSR | 1u << MSRREAD;
	if (!(a->claimed & 1u << EXCEPTION))
		families |= 1u << EXCEPTION;
	/* Timers write MSRs as well, so the sum decides. */
	all = sum_of(a, families);
	if (!earns(a, &all))
		return;
	r = new_remark(a, families,
		       "Linux,\n"
		       "Documentation/admin-guide/lockup-watchdogs.rst and\n"
		       "Documentation/admin-guide/perf-security.rst; SDM\n"
		       "Vol. 3, \"Architectural Performance Monitoring\"");
	add_text(r, "The guest uses performance counters of a virtual PMU: perf,\n"
		 "atop, a profiler or the NMI watchdog. Each sample takes an NMI\n"
		 "and several writes of MSRs, and each switch of a counted task\n"
		 "RDPMCs and MSRs.");
	add_text(r, "Lower the sampling rate (perf record -F), count fewer\n"
		 "events at once, stop the tool, and turn off the guest's NMI\n"
		 "watchdog (kernel.nmi_watchdog=0).");
	if (!strcmp(a->t->facts.nmi_watchdog, "1"))
		add_text(r, "The NMI watchdog of this guest is on.");
	else if (!strcmp(a->t->facts.nmi_watchdog, "0"))
		add_text(r, "The NMI watchdog of this guest is off, so it is not\n"
			 "the cause.");
	else
		add_unknown(a, r, "/proc/sys/kernel/nmi_watchdog");
}

/* The timer's settings, its expiry, IPIs, and the interrupts that follow. */
static void advise_timers(struct advice *a)
{
	unsigned int families = 1u << MSR | 1u << TIMER | 1u << APIC |
				1u << WINDOW | 1u << HYPERCALL;
	u64 set = a->family[MSR].exits + a->family[APIC].exits;
	u64 fired = a->family[TIMER].exits + a->family[HOSTINT].exits;
	/* Reasons that exist in one mode of the APIC alone. */
	bool apicv = occurs(a, "APIC_WRITE") || occurs(a, "AVIC_INCOMPLETE_IPI") ||
		     occurs(a, "AVIC_UNACCELERATED_ACCESS");
	bool xapic = occurs(a, "APIC_ACCESS") ||
		     !strcmp(a->t->facts.apic, "xapic");
	struct sum all;
	struct remark *r;

	families &= ~a->claimed;
	if (!(families & 1u << MSR) && !family_earns(a, TIMER) &&
	    !family_earns(a, APIC))
		return;
	/* Interrupts of the host in step with the guest's timers are theirs. */
	if (set && average_cost(a, HOSTINT) < LONG_STOP &&
	    a->family[HOSTINT].exits <= 2 * set + a->family[TIMER].exits)
		families |= 1u << HOSTINT;
	all = sum_of(a, families);
	if (!earns(a, &all) || !(set + a->family[TIMER].exits))
		return;
	if (!family_earns(a, MSR) && !family_earns(a, TIMER) &&
	    !family_earns(a, APIC))
		return;
	/* Hypercalls join as IPIs, unless they outnumber the APIC's accesses. */
	if (!family_earns(a, HYPERCALL) || a->family[HYPERCALL].exits > set)
		families &= ~(1u << HYPERCALL);

	r = new_remark(a, families,
		       "Linux, Documentation/timers/no_hz.rst and\n"
		       "Documentation/virt/kvm/x86/cpuid.rst; SDM Vol. 3,\n"
		       "\"TSC-Deadline Mode\" and \"Virtualizing MSR-Based\n"
		       "APIC Accesses\"; APM Vol. 2, \"Advanced Virtual\n"
		       "Interrupt Controller\"");
	add_text(r, fired && set ?
		 "Timers and IPIs: the local APIC is written to set a timer, to\n"
		 "send an IPI and to end an interrupt, and the timer's expiry\n"
		 "and the interrupt exit once more." :
		 "Timers and IPIs: mostly writes to the local APIC, to set a\n"
		 "timer, to send an IPI or to end an interrupt.");
	add_text(r, "Set fewer timers (NO_HZ, a lower CONFIG_HZ, programs that\n"
		 "poll less often), keep threads that wake each other on few\n"
		 "vCPUs, and let the host post the timers' interrupts\n"
		 "(kvm.pi_inject_timer=1).");
	add_text(r, apicv ?
		 "The host virtualises the APIC already (APICv on Intel, AVIC on\n"
		 "AMD); newer Intel CPUs virtualise IPIs too\n"
		 "(kvm_intel.enable_ipiv=1)." :
		 "Let the host virtualise the APIC (APICv on Intel, AVIC on AMD).");
	if (family_earns(a, MSR))
		add_text(r, "If perf script shows samples with other MSRs than the\n"
			 "APIC's (0x800 to 0x8ff, 0x6e0) in their field detail,\n"
			 "look for the program that uses these.");
	if (!a->has_facts)
		add_text(r, "Let the host offer PV IPI and PV EOI\n"
			 "(KVM_FEATURE_PV_SEND_IPI, KVM_FEATURE_PV_EOI).");
	else if (~a->pv & PV_SEND_IPI)
		add_text(r, "The host does not offer PV IPI\n"
			 "(KVM_FEATURE_PV_SEND_IPI) to this guest: turn it on.");
	else
		add_text(r, "PV IPI is offered to this guest already.");
	if (a->has_facts && ~a->pv & PV_EOI)
		add_text(r, "PV EOI is not offered (KVM_FEATURE_PV_EOI).");
	if (xapic)
		add_text(r, "This guest uses xAPIC: let it use x2APIC, whose\n"
			 "accesses are cheaper.");
	add_unknown(a, r, xapic ?
		    "which paravirtual features it has (dmesg: kvm-guest)" :
		    "whether it uses x2APIC (dmesg) and which\n"
		    "paravirtual features it has (dmesg: kvm-guest)");
}

/* The host's interrupts, if the guest's timers do not cause them. */
static void advise_host_interrupts(struct advice *a)
{
	struct remark *r;

	if (a->claimed & 1u << HOSTINT || !family_earns(a, HOSTINT))
		return;
	r = new_remark(a, 1u << HOSTINT,
		       "Linux,\n"
		       "Documentation/admin-guide/kernel-parameters.txt\n"
		       "(isolcpus, nohz_full, irqaffinity),\n"
		       "Documentation/timers/no_hz.rst and\n"
		       "Documentation/admin-guide/cgroup-v2.rst (cpuset)");
	if (average_cost(a, HOSTINT) >= LONG_STOP) {
		add_text(r, "After an interrupt of the host the vCPU waits far\n"
			 "longer than KVM needs: other tasks of the host run on\n"
			 "its CPU. Steal time in the guest shows the same.");
		add_text(r, "Run fewer vCPUs and other tasks on the host's CPUs,\n"
			 "or pin the vCPUs to CPUs of their own.");
		return;
	}
	add_text(r, "Interrupts of the host stop the guest: its timer tick, its\n"
		 "devices, IPIs of its other CPUs. The guest's own timers are\n"
		 "not the cause, as they are not in step with them.");
	add_text(r, "Keep the host's work on housekeeping CPUs (nohz_full=,\n"
		 "isolcpus=, irqaffinity=, IRQ affinities, isolated cpusets),\n"
		 "pin the vCPUs to the others, and let interrupts be posted\n"
		 "(APICv, AVIC, VT-d posted interrupts; posted timers:\n"
		 "kvm.pi_inject_timer=1).");
}

/* Whether the guest's clock is this device, with advice if it is. */
static bool add_clock(const struct advice *a, struct remark *r,
		      const char *clock, const char *what)
{
	char sentence[200];

	if (strcmp(a->t->facts.clocksource, clock))
		return false;
	snprintf(sentence, sizeof(sentence),
		 "The guest's current_clocksource is %s, %s.", clock, what);
	add_text(r, sentence);
	add_text(r, CLOCK_CURE);
	return true;
}

/* A slow clock, or else a device that the VMM emulates. */
static void add_device_memory(const struct advice *a, struct remark *r)
{
	if (!a->has_facts) {
		add_text(r, CLOCK_QUESTION);
		add_text(r, WINDOWS_CURE);
	} else {
		add_text(r, "The clock is not the cause:\n"
			 "current_clocksource is not hpet.");
	}
	add_text(r, "Other causes are an emulated network card, disk or screen\n"
		 "(e1000, AHCI, VGA): use virtio devices with MSI-X.");
}

static void advise_mmio(struct advice *a)
{
	struct remark *r;

	if (!family_earns(a, MMIO))
		return;
	r = new_remark(a, 1u << MMIO,
		       "Linux, Documentation/virt/kvm/x86/timekeeping.rst,\n"
		       "Documentation/driver-api/virtio/virtio.rst and\n"
		       "Documentation/virt/kvm/x86/mmu.rst");
	if (add_clock(a, r, "hpet", "a device in memory"))
		return;
	if (in_vmm(a, MMIO)) {
		add_text(r, IN_VMM "the memory of a device that it emulates\n"
			 "is accessed.");
		add_device_memory(a, r);
	} else {
		add_text(r, has_both(a) ?
			 "KVM handles most of these itself: notifications of\n"
			 "virtio devices (ioeventfd) or accesses to the IOAPIC." :
			 "The memory of a device is accessed. If KVM handles\n"
			 "it itself, it is the notification of a virtio device.");
		add_text(r, "Use virtio devices with MSI-X, vhost where there is\n"
			 "much network traffic, larger batches, and several\n"
			 "queues.");
		if (!has_both(a))
			add_device_memory(a, r);
		else
			add_unknown(a, r, CLOCKSOURCE
				    " (hpet would be a cause)");
	}
}

static void advise_memory(struct advice *a)
{
	struct remark *r;
	bool amd = !strcmp(a->t->vendor, "AMD");

	if (!family_earns(a, MEMORY))
		return;
	r = new_remark(a, 1u << MEMORY,
		       "Linux, Documentation/admin-guide/mm/transhuge.rst,\n"
		       "Documentation/admin-guide/mm/hugetlbpage.rst,\n"
		       "Documentation/virt/kvm/x86/mmu.rst and\n"
		       "Documentation/virt/kvm/x86/timekeeping.rst");
	if (amd && add_clock(a, r, "hpet", "a device in memory, whose\n"
			     "accesses count here on AMD"))
		return;
	if (amd && in_vmm(a, MEMORY)) {
		add_text(r, IN_VMM "on AMD the memory of emulated devices\n"
			 "counts here, and page faults alone do not look like\n"
			 "this.");
		add_device_memory(a, r);
		return;
	}
	add_text(r, "The guest touches memory that the host has not mapped for\n"
		 "it, piece by piece: at first use, after a balloon gave it\n"
		 "back, after KSM merged it, or while a migration or snapshot\n"
		 "tracks what is written.");
	if (average_handling(a, MEMORY) >= SLOW_FAULT)
		add_text(r, "Each takes the host long: it reclaims memory, reads\n"
			 "it from swap, or waits for a migration (post-copy).\n"
			 "Give the host more free memory, or lock the VM's.");
	add_text(r, "Huge pages on the host take one such exit for 512 pages;\n"
		 "memory that is allocated in advance (QEMU: prealloc=on) takes\n"
		 "none later.");
	if (amd && has_both(a)) {
		add_text(r, "Accesses to the memory of emulated devices count\n"
			 "here too; KVM's share of the time shows that they are\n"
			 "not the greater part.");
	} else if (amd) {
		add_text(r, "Accesses to the memory of emulated devices count\n"
			 "here too, and this host does not measure how many\n"
			 "there are.");
		add_device_memory(a, r);
	}
}

static void advise_io(struct advice *a)
{
	struct remark *r;

	if (!family_earns(a, IO))
		return;
	r = new_remark(a, 1u << IO,
		       "Linux, Documentation/driver-api/virtio/virtio.rst\n"
		       "and Documentation/virt/kvm/x86/timekeeping.rst;\n"
		       "QEMU, docs/system/i386/hyperv.rst");
	if (add_clock(a, r, "acpi_pm", "which is read from an I/O port"))
		return;
	if (has_both(a) && !in_vmm(a, IO)) {
		add_text(r, "KVM handles most of these ports itself:\n"
			 "notifications of older virtio devices (ioeventfd), the\n"
			 "PIT or the PIC.");
		add_text(r, "Use virtio devices of version 1 with MSI-X, vhost,\n"
			 "and larger batches; boot without the PIT and the PIC\n"
			 "where the VMM can (QEMU: microvm).");
	} else {
		add_text(r, "A device that the VMM emulates is accessed by its\n"
			 "ports: serial console, IDE, RTC, ACPI, VGA.");
		add_text(r, "Use virtio devices, and log less to the serial\n"
			 "console (dmesg -n, no console=ttyS0 for much output).");
	}
	if (!a->has_facts) {
		add_text(r, "A Linux guest may read its clock from a port: read\n"
			 CLOCKSOURCE "\n"
			 "in the guest; if it is acpi_pm, use kvm-clock or tsc.");
		add_text(r, WINDOWS_CURE);
	}
}

/* An idle guest sleeps long.  Each short sleep costs a wake-up. */
static void advise_idle(struct advice *a)
{
	const struct table *t = a->t;
	const struct row *idle = NULL;
	double sleep;
	struct remark *r;
	unsigned int i;

	for (i = 0; i < t->nr_rows; i++)
		if (family_of(&t->rows[i]) == IDLE &&
		    (!idle || t->rows[i].count[EXITS] > idle->count[EXITS]))
			idle = &t->rows[i];
	a->claimed |= 1u << IDLE;
	if (!idle || !family_earns(a, IDLE))
		return;
	if (has(t, STOPPED) && t->tsc_khz) {
		sleep = seconds(a, has(t, P50) && idle->count[P50] != UNKNOWN ?
				idle->count[P50] : row_average(idle, STOPPED));
		/* A sleep that is long on average is idleness. */
		if (sleep >= SHORT_SLEEP ||
		    seconds(a, row_average(idle, STOPPED)) >= 4 * SHORT_SLEEP)
			return;
	}
	r = new_remark(a, 1u << IDLE,
		       "Linux, Documentation/virt/guest-halt-polling.rst\n"
		       "and Documentation/virt/kvm/halt-polling.rst");
	add_text(r, has(t, STOPPED) ?
		 "vCPUs halt often and for short times: threads wait for each\n"
		 "other, for a disk or for the network, and each wait is a sleep\n"
		 "and a wake-up by the host." :
		 "vCPUs halt often. Short sleep costs something and long sleep\n"
		 "does not; this host does not measure which it is.");
	add_text(r, "Let the guest poll before it halts (cpuidle_haltpoll) or\n"
		 "the host after (kvm.halt_poll_ns), keep threads that wake each\n"
		 "other on the same vCPU, and give a guest with CPUs of its own\n"
		 "HLT without exits (QEMU: -overcommit cpu-pm=on).");
}

/* All others: what the table of reasons has. */
static void advise_family(struct advice *a, enum family f)
{
	const struct reason *reason;
	const struct row *most = NULL;
	struct remark *r;
	unsigned int i;

	for (i = 0; i < a->t->nr_rows; i++)
		if (family_of(&a->t->rows[i]) == f &&
		    (!most || row_cost(a->t, &a->t->rows[i]) >
			      row_cost(a->t, most)))
			most = &a->t->rows[i];
	reason = most ? reason_find(most->name) : NULL;
	r = new_remark(a, 1u << f, reason ? reason->source : NULL);
	add_text(r, reason ? reason->what :
		 "This program has no entry for this reason: look for it in the\n"
		 "processor's manual.");
	if (reason)
		add_text(r, reason->much);
	if (f == CPUID && a->t->exits_per_read)
		add_text(r, "Readings of these counts are among them.");
}

static int remark_order(const void *x, const void *y)
{
	const struct remark *a = x, *b = y;

	if (a->sum.cost != b->sum.cost)
		return a->sum.cost < b->sum.cost ? 1 : -1;
	return (a->sum.exits < b->sum.exits) - (a->sum.exits > b->sum.exits);
}

/* The rows of the remark that are worth a name, the most frequent first. */
static void print_names(const struct advice *a, const struct remark *r)
{
	const struct table *t = a->t;
	char names[1200] = "";
	size_t n = 0;
	unsigned int i;

	for (i = 0; i < t->nr_rows && n < sizeof(names) - NAME_LEN - 4; i++) {
		if (!(r->families & 1u << family_of(&t->rows[i])) ||
		    (share(t->rows[i].count[EXITS], a->total.exits) < JOINED &&
		     share(row_cost(t, &t->rows[i]), a->total.cost) < JOINED))
			continue;
		n += sprintf(names + n, "%s%s", n ? ", " : "",
			     t->rows[i].name);
	}
	strcpy(names + n, ":");
	print_wrapped("", names);
}

static void print_remark(const struct advice *a, const struct remark *r)
{
	putchar('\n');
	print_names(a, r);
	printf("%.0f %% of the exits", share(r->sum.exits, a->total.exits));
	if (has(a->t, CYCLES))
		printf(", %.0f %% of KVM's time",
		       share(r->sum.cycles, a->total.cycles));
	if (has(a->t, STOPPED))
		printf(", %.0f %% of the stopped time without sleep",
		       share(r->sum.cost, a->total.cost));
	putchar('\n');
	print_wrapped("", r->text);
	if (r->sources) {
		char sources[600];

		snprintf(sources, sizeof(sources), "%s.", r->sources);
		print_wrapped("See ", sources);
	}
}

/* Whether a remark names a row that the filter shows. */
static bool shows(const struct advice *a, const struct remark *r,
		  const regex_t *filter)
{
	const struct row *row;
	unsigned int i;

	for (i = 0; i < a->t->nr_rows; i++) {
		row = &a->t->rows[i];
		if (r->families & 1u << family_of(row) && row->count[EXITS] &&
		    row_matches(row, filter))
			return true;
	}
	return false;
}

/* The row that costs most, the sleep left out. */
static const struct row *costliest(const struct advice *a)
{
	const struct table *t = a->t;
	const struct row *most = NULL;
	unsigned int i;

	for (i = 0; i < t->nr_rows; i++)
		if (family_of(&t->rows[i]) != IDLE &&
		    (!most || row_cost(t, &t->rows[i]) > row_cost(t, most)))
			most = &t->rows[i];
	return most;
}

static const char baseline[] =
	"For comparison: an idle Linux guest takes 10 to 500 exits a second\n"
	"for each vCPU, a busy one 1,000 to 20,000. Less than 1 % of a CPU\n"
	"in exits is nothing; more than 5 % is worth a look.";

/* Few exits can still be long ones, so nothing is said to be harmless. */
static bool print_rate_alone(double rate)
{
	char line[200];

	snprintf(line, sizeof(line), "%.0f exits a second for each vCPU. How long\n"
		 "they take is unknown: this table has no times.", rate);
	print_wrapped("", line);
	print_wrapped("", baseline);
	if (rate >= QUIET_RATE)
		return true;
	print_wrapped("", "So few exits are a problem only if each takes long.");
	return false;
}

/* Returns whether the exits can be a problem. */
static bool print_rate(const struct advice *a)
{
	const struct row *most;
	double rate, load;
	char line[400];

	printf("\nIs that much?\n");
	if (!a->vcpu_seconds) {
		print_wrapped("", "A count or a share alone does not show\n"
			      "it: the rate decides. Run\n"
			      "kvm-exits report -I 10s, or kvm-exits report\n"
			      "-- COMMAND, while the guest is slow.");
		print_wrapped("", baseline);
		return true;
	}
	rate = a->total.exits / a->vcpu_seconds;
	if (!a->t->tsc_khz || table_clock(a->t) == EXITS)
		return print_rate_alone(rate);
	load = seconds(a, a->total.cost) / a->vcpu_seconds;
	snprintf(line, sizeof(line), "%s%.0f exits a second for each vCPU,\n"
		 "%s %s%.2f %% of its time%s.",
		 a->timed ? "" : "At most ", rate,
		 has(a->t, STOPPED) ? "which stop it for" : "handled by KVM in",
		 a->timed ? "" : "at most ", 100 * load,
		 has(a->t, STOPPED) ? ", its sleep left out" : "");
	print_wrapped("", line);
	print_wrapped("", baseline);
	if ((rate >= QUIET_RATE || load >= QUIET_LOAD) &&
	    (!a->timed || rate >= NORMAL_RATE || load >= NORMAL_LOAD))
		return true;
	print_wrapped("", "Exits are not the cause if this guest is slow or\n"
		      "its VMM uses a CPU. Look at steal time in the guest,\n"
		      "and at the VMM's other threads on the host (top -H,\n"
		      "perf).");
	if (!a->timed)
		print_wrapped("", "These counts cover all the time since\n"
			      "they began, in which a short storm\n"
			      "disappears: run kvm-exits report -I 10s\n"
			      "while the guest is slow.");
	most = costliest(a);
	if (most) {
		snprintf(line, sizeof(line),
			 "Most of this small cost is %s: see kvm-exits explain %s.",
			 most->name, most->name);
		print_wrapped("", line);
	}
	return false;
}

#define SHOWN	3

/* Which commands show the code behind the most frequent reasons. */
static void print_who(const struct advice *a, const regex_t *filter)
{
	const struct row *r;
	unsigned int i, n = 0;
	const char *c;

	for (i = 0; i < a->t->nr_rows && n < SHOWN; i++) {
		r = &a->t->rows[i];
		if (family_of(r) == IDLE || !r->count[EXITS] ||
		    !row_matches(r, filter) ||
		    (n && share(r->count[EXITS], a->total.exits) < EARNED))
			continue;
		if (n)
			fputs(" \\\n            -e kvm_exits/", stdout);
		else
			fputs("\nWhat in the guest causes them, as root in the guest:\n"
			      "  perf record -e kvm_exits:vm_exit -g -a -- sleep 10; perf report\n"
			      "  perf stat -e kvm_exits/", stdout);
		for (c = r->name; *c; c++)
			putchar(tolower((unsigned char)*c));
		putchar('/');
		n++;
	}
	if (n)
		puts(" -- COMMAND");
}

/**
 * print_advice() - what to do about the exits, if anything
 * @t: the table, sorted by exits
 * @filter: limits the remarks to reasons that match, or NULL
 */
void print_advice(const struct table *t, const regex_t *filter)
{
	struct advice *a = calloc(1, sizeof(*a));
	unsigned int i;

	if (!a)
		errx(failed, "no memory");
	prepare(a, t);
	if (a->total.exits && print_rate(a)) {
		advise_nested(a);
		advise_split_lock(a);
		advise_shadow(a);
		advise_pmu(a);
		advise_timers(a);
		advise_host_interrupts(a);
		advise_mmio(a);
		advise_memory(a);
		advise_io(a);
		advise_idle(a);
		for (i = 0; i < FAMILIES; i++)
			if (!(a->claimed & 1u << i) && family_earns(a, i))
				advise_family(a, i);
		qsort(a->remark, a->nr, sizeof(a->remark[0]), remark_order);
		for (i = 0; i < a->nr; i++)
			if (shows(a, &a->remark[i], filter))
				print_remark(a, &a->remark[i]);
		print_who(a, filter);
	}
	free(a);
}
