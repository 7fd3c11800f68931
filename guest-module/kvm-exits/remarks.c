// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rules of kvm-exits report: what is probably behind a family of reasons, or
 * behind several that come together.
 *
 * A remark needs a share of the cost; see earns().  Three things decide between
 * causes.  One is the ratio of stopped time to handling time: the VMM's work is
 * in the stopped time alone.  The second is what the guest can read about
 * itself.  The third are the other rows, which can contradict a cause.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "advice.h"
#include "advice.inc"

#define SLOW_FAULT	0.0001	/* s; the host waits for memory or for a disk */
#define FAST_FAULT	0.000003	/* s; KVM needs more to map a page */
#define LONG_WAIT	0.0002	/* s; handlers of the host's interrupts are faster */
#define SLOW_EXCEPTION	0.00002	/* s; KVM itself handles one faster */
#define FAST_TIMER	2000	/* expiries a second; no periodic tick is as fast */
#define FAST_WAKE_UP	0.000005	/* s */
#define WAKE_UP		0.00002
#define SLOW_WAKE_UP	0.00005	/* from a deep sleep of the host's CPU */

static double percent_of_exits(const struct advice *a, enum family f)
{
	return share(a->family[f].exits, a->total.exits);
}

static bool family_earns(const struct advice *a, enum family f)
{
	return earns(a, &a->family[f]);
}

/* Whether a family earns a remark that it does not have yet. */
static bool wants_remark(const struct advice *a, enum family f)
{
	return !(a->claimed & 1u << f) && family_earns(a, f);
}

/* A rate of the whole VM; 0 if unknown. */
static double per_second(const struct advice *a, u64 exits)
{
	return a->wall ? exits / a->wall : 0;
}

static struct remark *new_remark(struct advice *a, unsigned int families,
				 const char *source)
{
	struct remark *r = &a->remark[a->nr++];

	r->families = families;
	r->source = source;
	r->sum = sum_of(a, families);
	a->claimed |= families;
	return r;
}

/* Name the fact that would decide, if it is unknown. */
static void add_unknown(const struct advice *a, struct remark *r,
			const char *fact)
{
	if (!a->has_facts && !a->windows)
		add_text(&r->cause, unknown_fact, fact);
}

/* The guest runs guests. */
static void remark_nested(struct advice *a)
{
	bool amd = !strcmp(a->t->vendor, "AMD");
	u64 entries = amd ? exits_of(a, "VMRUN") :
			    exits_of(a, "VMRESUME") + exits_of(a, "VMLAUNCH");
	u64 others = amd ? exits_of(a, "VMLOAD") + exits_of(a, "VMSAVE") +
			   exits_of(a, "STGI") + exits_of(a, "CLGI") :
			   exits_of(a, "VMREAD") + exits_of(a, "VMWRITE");
	struct remark *r;

	if (!family_earns(a, NESTED))
		return;
	r = new_remark(a, 1u << NESTED, nested_source);
	add_text(&r->cause, nested_cause);
	if (!strcmp(a->t->facts.nested, "yes"))
		add_text(&r->cause, nested_now);
	else if (!strcmp(a->t->facts.nested, "no"))
		add_text(&r->cause, nested_not_now);
	else
		add_unknown(a, r, fact_nested);
	if (!a->has_facts)
		add_text(&r->cause, nested_windows);
	add_text(&r->remedy, "%s", 10 * others < entries ?
		 (amd ? nested_on_amd : nested_on_intel) :
		 (amd ? nested_off_amd : nested_off_intel));
	if (!a->has_facts && !amd && 10 * others >= entries)
		add_text(&r->remedy, nested_windows_evmcs);
	if (!a->has_facts)
		add_text(&r->remedy, nested_windows_remedy);
	add_text(&r->remedy, nested_fewer);
}

/* Split locks: the host delays each by 10 ms, or KVM emulates it. */
static void remark_split_lock(struct advice *a)
{
	bool slow = average_cost(a, EXCEPTION) >= LONG_STOP;
	struct remark *r;

	/* AMD has a reason for #AC alone.  Intel has one for all exceptions. */
	if (!family_earns(a, EXCEPTION) ||
	    (!slow && 2 * exits_of(a, "AC_EXCP") < a->family[EXCEPTION].exits))
		return;
	r = new_remark(a, 1u << EXCEPTION | (family_earns(a, BUSLOCK) ?
					     1u << BUSLOCK : 0), split_source);
	add_text(&r->cause, slow ? split_cause : split_short_cause);
	add_text(&r->remedy, slow ? split_remedy : split_short_remedy);
}

/*
 * Without nested paging, page faults exit together with changes of CR3 and of the TLB.
 * With nested paging, there are exits of the family MEMORY.
 */
static void remark_shadow(struct advice *a)
{
	struct remark *r;

	if (!family_earns(a, SHADOW) && !family_earns(a, CONTROL))
		return;
	if (!family_earns(a, SHADOW) && !family_earns(a, EXCEPTION))
		return;
	if (a->family[MEMORY].exits)
		return;
	r = new_remark(a, (1u << SHADOW | 1u << CONTROL | 1u << EXCEPTION) &
			  ~a->claimed, shadow_source);
	add_text(&r->cause, shadow_cause);
	add_text(&r->remedy, shadow_remedy);
}

/* Performance counters: reads, the MSRs that set them up, and their NMIs. */
static void remark_pmu(struct advice *a)
{
	u64 nmis = a->family[EXCEPTION].exits + a->family[NMI].exits;
	/* For a timer or an interrupt, the guest writes MSRs twice, without an NMI. */
	u64 ticks = a->family[TIMER].exits + a->family[HOSTINT].exits;
	bool counters = percent_of_exits(a, PMC) >= 2;
	unsigned int families = 1u << PMC | 1u << NMI;
	struct remark *r;
	struct sum all;

	/* NMIs alone can be the host's.  A sample of the guest also writes MSRs. */
	if (!counters && (share(nmis, a->total.exits) < 2 ||
			  a->family[MSR].exits < 2 * nmis + 2 * ticks ||
			  a->family[TIMER].exits > nmis ||
			  average_cost(a, EXCEPTION) >= LONG_STOP))
		return;
	families |= 1u << MSR | 1u << MSRREAD | 1u << EXCEPTION;
	families &= ~a->claimed;
	/* Timers write MSRs as well, so the sum decides. */
	all = sum_of(a, families);
	if (!earns(a, &all))
		return;
	r = new_remark(a, families, pmu_source);
	add_text(&r->cause, pmu_cause);
	if (!strcmp(a->t->facts.nmi_watchdog, "1"))
		add_text(&r->cause, pmu_watchdog_on);
	else if (!strcmp(a->t->facts.nmi_watchdog, "0"))
		add_text(&r->cause, pmu_watchdog_off);
	else
		add_unknown(a, r, fact_watchdog);
	add_text(&r->remedy, pmu_remedy);
}

/* On Intel one reason stands for all exceptions. */
static void remark_exceptions(struct advice *a)
{
	bool vmm = where(a, EXCEPTION) == IN_VMM &&
		   average_cost(a, EXCEPTION) >= SLOW_EXCEPTION;
	struct remark *r;

	if (!wants_remark(a, EXCEPTION) ||
	    !exits_of(a, "EXCEPTION_NMI"))
		return;
	r = new_remark(a, 1u << EXCEPTION, exceptions_source);
	add_text(&r->cause, "%s", vmm ? exceptions_vmm : exceptions_cause);
	if (vmm)
		add_text(&r->remedy, exceptions_vmm_remedy);
	add_text(&r->remedy, exceptions_remedy);
}

/*
 * Whether exits of a family stop a vCPU for much longer than KVM handles them.  After
 * the handling, the vCPU's thread has to run again, and can wait for a CPU.
 */
static bool waits(const struct advice *a, enum family f)
{
	return has(a->t, STOPPED) &&
	       average_cost(a, f) - average_handling(a, f) >= LONG_WAIT;
}

/*
 * KVM always handles the exits of @fast itself, in a short time.  If they take long,
 * the vCPU's thread did not run.  Then this is also why exits of @any take long, which
 * the VMM can handle.
 */
static void remark_waits(struct advice *a)
{
	static const enum family fast[] = {
		APIC, CPUID, EOI, HOSTINT, MSR, MSRREAD, TIMER, WINDOW,
	}, any[] = { IO, MEMORY, MMIO };
	struct remark *r;
	struct sum all;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fast); i++)
		if (waits(a, fast[i]))
			a->waits |= 1u << fast[i];
	all = sum_of(a, a->waits);
	if (!earns(a, &all)) {
		a->waits = 0;
		return;
	}
	for (i = 0; i < ARRAY_SIZE(any); i++)
		if (waits(a, any[i]) &&
		    average_handling(a, any[i]) < SLOW_EXCEPTION)
			a->waits |= 1u << any[i];
	r = new_remark(a, a->waits, hostint_source);
	add_text(&r->cause, waits_cause);
	add_text(&r->remedy, waits_remedy);
}

/* A timer that expires all the time, and is not set as often. */
static void remark_stuck_timer(struct advice *a)
{
	u64 set = a->family[MSR].exits + a->family[APIC].exits;
	bool stepping = exits_of(a, "MONITOR_TRAP_FLAG");
	const struct sum *fired = &a->family[TIMER];
	struct remark *r;

	if (!wants_remark(a, TIMER) ||
	    fired->exits < 4 * set)
		return;
	if (!stepping && (!a->vcpu_seconds ||
			  fired->exits < FAST_TIMER * a->vcpu_seconds))
		return;
	a->stuck = true;
	r = new_remark(a, 1u << TIMER | (stepping ? 1u << DEBUG : 0),
		       stuck_source);
	add_text(&r->cause, stuck_cause, fired->exits, set);
	if (stepping)
		add_text(&r->cause, stuck_stepping);
	add_text(&r->remedy, stuck_remedy);
}

static bool is_tdx(const struct advice *a)
{
	return exits_of(a, "TDCALL") || exits_of(a, "SEAMCALL");
}

/* Ends of level-triggered interrupts, where the APIC is virtualised. */
static void remark_eoi(struct advice *a)
{
	struct remark *r;

	if (!wants_remark(a, EOI) ||
	    a->family[EOI].exits < a->family[APIC].exits + a->family[MSR].exits)
		return;
	r = new_remark(a, 1u << EOI, eoi_source);
	add_text(&r->cause, eoi_cause);
	if (is_tdx(a))
		add_text(&r->cause, encrypted_eoi_tdx);
	add_text(&r->remedy, eoi_remedy);
}

/* Reasons that exist where the host virtualises the APIC, and only there. */
static bool apic_is_virtual(const struct advice *a)
{
	return is_tdx(a) || exits_of(a, "APIC_WRITE") ||
	       exits_of(a, "EOI_INDUCED") || exits_of(a, "AVIC_INCOMPLETE_IPI") ||
	       exits_of(a, "AVIC_UNACCELERATED_ACCESS");
}

static void add_apic(const struct advice *a, struct remark *r)
{
	bool xapic = share(exits_of(a, "APIC_ACCESS"), a->total.exits) >= 1 ||
		     !strcmp(a->t->facts.apic, "xapic");

	if (xapic && !a->windows)
		add_text(&r->remedy, apic_xapic);
	if (apic_is_virtual(a)) {
		add_text(&r->remedy, apic_on);
	} else {
		add_text(&r->remedy, strcmp(a->t->vendor, "AMD") ?
			 apic_off_intel : apic_off_amd);
		add_text(&r->remedy, apic_inhibit);
	}
	if (a->windows)
		return;
	if (!*a->t->facts.pv_features)
		add_text(&r->remedy, apic_pv_ipi_ask);
	else if (~a->pv & PV_SEND_IPI)
		add_text(&r->remedy, apic_pv_ipi_off);
	else
		add_text(&r->remedy, apic_pv_ipi_on);
	if (*a->t->facts.pv_features && ~a->pv & PV_EOI)
		add_text(&r->remedy, apic_pv_eoi_off);
	add_unknown(a, r, xapic ? fact_features : fact_apic);
	if (!a->has_facts)
		add_text(&r->remedy, apic_windows_maybe);
}

/* How to set fewer timers, and who sets them. */
static void add_timers(const struct advice *a, struct remark *r)
{
	if (a->windows)
		return;
	add_text(&r->remedy, timers_find);
	add_text(&r->remedy, timers_remedy);
	if (!a->has_facts)
		add_text(&r->remedy, timers_others);
}

/* The timer's settings, its expiry, IPIs, and the interrupts that follow. */
static void remark_timers(struct advice *a)
{
	unsigned int families = (1u << MSR | 1u << TIMER | 1u << APIC |
				 1u << EOI | 1u << WINDOW | 1u << HYPERCALL) &
				~a->claimed;
	u64 set = a->family[MSR].exits + a->family[APIC].exits;
	u64 expired = families & 1u << TIMER ? a->family[TIMER].exits : 0;
	u64 fired = expired + a->family[HOSTINT].exits;
	bool in_step = fired && 4 * set <= 5 * fired;
	bool others = !a->windows && a->family[MSR].exits >
		      10 * (fired + a->family[IDLE].exits + a->family[APIC].exits);
	struct remark *r;
	struct sum all;

	/* Unless there are far more host interrupts than timers, timers cause them. */
	if (set && !waits(a, HOSTINT) &&
	    a->family[HOSTINT].exits <= (a->windows ? 4 : 2) * set + expired)
		families |= 1u << HOSTINT;
	all = sum_of(a, families);
	if (!earns(a, &all) || !(set + expired))
		return;
	if (!(families & 1u << MSR && family_earns(a, MSR)) &&
	    !(families & 1u << APIC && family_earns(a, APIC)) &&
	    !(expired && family_earns(a, TIMER)))
		return;
	/* Hypercalls count here as IPIs, unless they outnumber the APIC's accesses. */
	if (a->family[HYPERCALL].exits > set ||
	    (!family_earns(a, HYPERCALL) && !a->windows))
		families &= ~(1u << HYPERCALL);

	r = new_remark(a, families, a->windows ? windows_source :
						 timers_source);
	if (a->windows)
		add_text(&r->cause, windows_marks, a->windows);
	add_text(&r->cause, fired && set ? timers_both : timers_set);
	if (others)
		add_text(&r->cause, timers_few);
	else if (per_second(a, set + fired) >= 1000 && a->timed &&
		 !a->windows && !exits_of(a, "APIC_ACCESS"))
		add_text(&r->cause, timers_rate, per_second(a, set),
			 per_second(a, fired),
			 1e6 / per_second(a, set > fired ? set : fired));
	if (families & 1u << HOSTINT && percent_of_exits(a, HOSTINT) >= 10 &&
	    !apic_is_virtual(a))
		add_text(&r->cause, timers_kicks);
	if (a->windows) {
		add_text(&r->cause, windows_apic_cause);
		if (!apic_is_virtual(a))
			add_text(&r->remedy, windows_apic_remedy);
		add_text(&r->remedy, windows_apic_timers);
	}
	/*
	 * If the APIC is not virtual, the guest also writes at the end of a timer's
	 * interrupt.  With only one write for each timer, the APIC is virtual: begin
	 * with the advice about timers.
	 */
	if (others)
		add_text(&r->remedy, timers_msrs);
	if (in_step)
		add_timers(a, r);
	add_apic(a, r);
	if (!in_step)
		add_timers(a, r);
	if (family_earns(a, MSR) && !a->windows && !others)
		add_text(&r->remedy, timers_msrs);
}

/* Hypercalls, and the interrupts that they send to other vCPUs. */
static void remark_hypercalls(struct advice *a)
{
	const struct reason *reason = reason_find("VMCALL");
	unsigned int families = 1u << HYPERCALL;
	struct remark *r;

	if (!wants_remark(a, HYPERCALL))
		return;
	if (!(a->claimed & 1u << HOSTINT) && a->family[HOSTINT].exits &&
	    a->family[HOSTINT].exits <= 2 * a->family[HYPERCALL].exits)
		families |= 1u << HOSTINT;
	r = new_remark(a, families, reason->source);
	add_text(&r->cause, "%s", reason->what);
	if (families & 1u << HOSTINT)
		add_text(&r->cause, hypercall_kicks);
	if (a->windows)
		add_text(&r->remedy, windows_calls);
	else
		add_text(&r->remedy, "%s", reason->much);
}

/* The host's interrupts, if the guest's timers do not cause them. */
static void remark_host_interrupts(struct advice *a)
{
	struct remark *r;

	if (!wants_remark(a, HOSTINT))
		return;
	r = new_remark(a, 1u << HOSTINT, hostint_source);
	add_text(&r->cause, hostint_cause);
	add_text(&r->remedy, hostint_remedy);
}

/* Whether the guest's clock is this device, with advice if it is. */
static bool add_clock(const struct advice *a, struct remark *r,
		      const char *clock, const char *what)
{
	if (strcmp(a->t->facts.clocksource, clock))
		return false;
	add_text(&r->cause, clock_is, clock, what);
	add_text(&r->remedy, clock_remedy);
	add_text(&r->remedy, "%s", !*a->t->facts.pv_features ? clock_no_facts :
		 a->pv & PV_CLOCK ? clock_offered : clock_not_offered);
	r->source = clock_source;
	return true;
}

/* A slow clock, or else a device that the VMM emulates. */
static void add_device_memory(const struct advice *a, struct remark *r)
{
	if (a->windows) {
		add_text(&r->cause, windows_marks, a->windows);
		add_text(&r->remedy, windows_clock);
	} else if (!a->has_facts) {
		add_text(&r->remedy, clock_question);
		add_text(&r->remedy, windows_clock);
	} else {
		add_text(&r->cause, clock_not_hpet);
	}
	add_text(&r->remedy, mmio_vmm_remedy);
	add_text(&r->remedy, mmio_find);
	if (!a->has_facts && !a->windows)
		add_text(&r->remedy, clock_others);
}

/* If the exits take long, a late VMM is the cause, whatever the device is. */
static void add_late(const struct advice *a, struct remark *r, enum family f)
{
	if (average_cost(a, f) < LONG_STOP)
		return;
	add_text(&r->cause, vmm_late);
	add_text(&r->remedy, stops_vmm_remedy);
}

static void remark_mmio(struct advice *a)
{
	enum where place = where(a, MMIO);
	struct remark *r;

	if (!wants_remark(a, MMIO))
		return;
	r = new_remark(a, 1u << MMIO, mmio_source);
	if (add_clock(a, r, "hpet", clock_hpet))
		return;
	if (place == IN_VMM) {
		add_text(&r->cause, mmio_vmm);
		add_late(a, r, MMIO);
		add_device_memory(a, r);
		return;
	}
	add_text(&r->cause, place == IN_KVM ? mmio_kvm : mmio_unknown);
	add_text(&r->remedy, mmio_kvm_remedy);
	if (place == ANYWHERE)
		add_device_memory(a, r);
	else if (!a->has_facts && !a->windows)
		add_text(&r->cause, clock_maybe_hpet);
}

/* Memory that the VMM provides, or a device of the VMM's. */
static void add_vmm_memory(const struct advice *a, struct remark *r, bool amd)
{
	if (amd) {
		add_text(&r->cause, memory_vmm_amd);
		add_device_memory(a, r);
	} else {
		add_text(&r->cause, memory_vmm_intel);
		add_text(&r->remedy, memory_vmm_remedy);
		add_text(&r->remedy, mmio_find);
	}
}

static void remark_memory(struct advice *a)
{
	bool amd = !strcmp(a->t->vendor, "AMD");
	bool xapic = !strcmp(a->t->facts.apic, "xapic");
	double gib = a->family[MEMORY].exits / 262144.0;
	enum where place = where(a, MEMORY);
	struct remark *r;

	if (!wants_remark(a, MEMORY))
		return;
	r = new_remark(a, 1u << MEMORY, memory_source);
	if (amd && add_clock(a, r, "hpet", clock_hpet_amd))
		return;
	if (place == IN_VMM) {
		add_vmm_memory(a, r, amd);
		return;
	}
	if (amd && place == IN_KVM &&
	    (average_handling(a, MEMORY) < FAST_FAULT || xapic)) {
		add_text(&r->cause, memory_device);
		if (xapic || !a->has_facts)
			add_text(&r->cause, memory_device_xapic);
		add_text(&r->cause, memory_size, gib);
		add_text(&r->remedy, memory_device_remedy);
		add_text(&r->remedy, memory_tell);
		return;
	}
	add_text(&r->cause, memory_first);
	if (gib >= 0.1)
		add_text(&r->cause, memory_size, gib);
	if (average_handling(a, MEMORY) >= SLOW_FAULT)
		add_text(&r->cause, memory_slow);
	if (a->family[DIRTY].exits)
		add_text(&r->cause, memory_tracked);
	if (family_earns(a, NESTED))
		add_text(&r->cause, memory_nested);
	add_text(&r->remedy, memory_huge);
	if (amd && place == IN_KVM) {
		add_text(&r->cause, memory_devices_few);
		add_text(&r->remedy, memory_tell);
	} else if (amd) {
		add_text(&r->cause, memory_devices_unknown);
		add_device_memory(a, r);
	}
}

static void remark_io(struct advice *a)
{
	struct remark *r;

	if (!wants_remark(a, IO))
		return;
	r = new_remark(a, 1u << IO, io_source);
	if (add_clock(a, r, "acpi_pm", clock_acpi_pm))
		return;
	if (where(a, IO) == IN_KVM) {
		add_text(&r->cause, io_kvm);
		add_text(&r->remedy, io_kvm_remedy);
	} else {
		add_text(&r->cause, io_vmm);
		add_late(a, r, IO);
		if (a->windows)
			add_text(&r->cause, windows_marks, a->windows);
		if (a->windows)
			add_text(&r->remedy, windows_clock);
		add_text(&r->remedy, io_vmm_remedy);
	}
	add_text(&r->remedy, io_find);
	if (!a->has_facts && !a->windows) {
		add_text(&r->remedy, clock_question_port);
		add_text(&r->remedy, clock_others);
		add_text(&r->remedy, windows_clock);
	}
}

/* A remark about the guest's clock, which is known even if it takes few exits. */
void remark_clock(struct advice *a)
{
	const char *clock = a->t->facts.clocksource;

	if (!strcmp(clock, "acpi_pm"))
		remark_io(a);
	else if (!strcmp(clock, "hpet") && !strcmp(a->t->vendor, "AMD"))
		remark_memory(a);
	else if (!strcmp(clock, "hpet"))
		remark_mmio(a);
}

/* Encrypted guests: one reason stands for many. */
static void remark_encrypted(struct advice *a)
{
	enum where place = where(a, ENCRYPTED);
	struct remark *r;

	if (!family_earns(a, ENCRYPTED))
		return;
	r = new_remark(a, 1u << ENCRYPTED, encrypted_source);
	add_text(&r->cause, encrypted_cause);
	if (place != ANYWHERE)
		add_text(&r->cause, place == IN_KVM ? encrypted_kvm :
						      encrypted_vmm);
	add_text(&r->cause, is_tdx(a) ? encrypted_eoi_tdx : encrypted_eoi_snp);
	if (place == IN_VMM)
		add_text(&r->remedy, encrypted_vmm_remedy);
	add_text(&r->remedy, encrypted_remedy);
	add_text(&r->remedy, encrypted_find);
}

/*
 * The number of exits that wake a vCPU, or that set up something that wakes it.  If the
 * host posts the interrupts of a device, the device can wake a vCPU without an exit.
 */
static u64 wakers(const struct advice *a)
{
	return sum_of(a, 1u << APIC | 1u << ENCRYPTED | 1u << EOI | 1u << HOSTINT |
			 1u << HYPERCALL | 1u << IO | 1u << MEMORY | 1u << MMIO |
			 1u << MSR | 1u << TIMER | 1u << WINDOW).exits;
}

static u64 idle_stopped(const struct advice *a)
{
	u64 all = 0;
	unsigned int i;

	for (i = 0; i < a->t->nr_rows; i++)
		if (family_of(&a->t->rows[i]) == IDLE)
			all += a->t->rows[i].count[STOPPED];
	return all;
}

/* An idle guest sleeps long.  Each short sleep costs a wake-up. */
void remark_idle(struct advice *a)
{
	struct remark *r;
	double rate;

	a->claimed |= 1u << IDLE;
	if (!short_sleep(a))
		return;
	r = new_remark(a, 1u << IDLE, idle_source);
	add_text(&r->cause, has(a->t, STOPPED) ? idle_short : idle_unknown);
	if (10 * wakers(a) < a->family[IDLE].exits) {
		add_text(&r->cause, idle_alone);
		add_text(&r->remedy, idle_alone_remedy);
	}
	if (has(a->t, STOPPED) && a->vcpu_seconds) {
		r->sum.wake_ups = fmin(a->family[IDLE].exits * WAKE_UP,
				       seconds(a, idle_stopped(a)));
		rate = a->family[IDLE].exits /
		       (a->timed && sleep_of_one(a) ? a->wall :
						      a->vcpu_seconds);
		add_text(&r->cause, !a->timed ? idle_cost_bound :
			 sleep_of_one(a) ? idle_cost_one : idle_cost, rate,
			 fmin(100, 100 * rate * FAST_WAKE_UP),
			 fmin(100, 100 * rate * SLOW_WAKE_UP));
	}
	if (a->windows)
		add_text(&r->remedy, idle_windows);
	add_text(&r->remedy, a->windows ? idle_remedy_windows : idle_remedy);
	add_text(&r->remedy, idle_polling);
}

/* The remedy for Windows, if it is not the one for other guests. */
static const char *remedy_of_windows(const struct advice *a, enum family f)
{
	return !a->windows ? NULL : f == DEBUG ? windows_debug :
	       f == MSRREAD ? windows_time : NULL;
}

/* For all other families, take the texts from the table of reasons. */
static void remark_family(struct advice *a, enum family f)
{
	const struct reason *reason;
	const struct row *most = NULL;
	struct remark *r;
	unsigned int i;

	for (i = 0; i < a->t->nr_rows; i++)
		if (family_of(&a->t->rows[i]) == f &&
		    (!most || row_cost(a, &a->t->rows[i]) > row_cost(a, most)))
			most = &a->t->rows[i];
	reason = most ? reason_find(most->name) : NULL;
	r = new_remark(a, 1u << f, reason ? reason->source : NULL);
	add_text(&r->cause, "%s", reason ? reason->what : no_entry);
	if (f == CPUID && a->t->exits_per_read)
		add_text(&r->cause, own_cpuid);
	if (f == DEBUG && !a->windows && where(a, f) != ANYWHERE)
		add_text(&r->cause, "%s", where(a, f) == IN_VMM ? debug_vmm :
								  debug_kvm);
	if (reason)
		add_text(&r->remedy, "%s", remedy_of_windows(a, f) ?:
					   reason->much);
}

/**
 * make_remarks() - all remarks that a table earns, in any order
 * @a: the advice, in which the sums are known
 */
void make_remarks(struct advice *a)
{
	unsigned int i;

	remark_waits(a);
	remark_nested(a);
	remark_split_lock(a);
	remark_shadow(a);
	remark_pmu(a);
	remark_exceptions(a);
	remark_stuck_timer(a);
	remark_eoi(a);
	remark_timers(a);
	remark_hypercalls(a);
	remark_host_interrupts(a);
	remark_mmio(a);
	remark_memory(a);
	remark_io(a);
	remark_encrypted(a);
	/* Sleep costs wake-ups, which no time includes: the number of exits decides. */
	if (percent_of_exits(a, IDLE) >= 10)
		remark_idle(a);
	a->claimed |= 1u << IDLE;
	for (i = 0; i < FAMILIES; i++)
		if (!(a->claimed & 1u << i) && family_earns(a, i))
			remark_family(a, i);
}
