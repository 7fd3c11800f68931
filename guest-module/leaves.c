// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads the host's CPUID leaves: when, how often, and on which CPU.
 * host_leaves.c makes tables of the answers.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <asm/cpufeature.h>
#include <asm/processor.h>
#include <uapi/asm/kvm_para.h>
#include <uapi/asm/svm.h>
#include <uapi/asm/vmx.h>

#include "compat.h"
#include "module.h"

/* A live migration can spoil one attempt, but hardly all. */
#define ATTEMPTS	3

/* The host that gave the last table, with its generation. */
static struct kvm_exits_host known_host;
static DEFINE_SPINLOCK(host_lock);

/*
 * Published programs read the four live leaves in three dialects: each dialect
 * expects the counts in other registers (see asm/kvm_vmexit.h).  A host with a
 * signature answers all three.  A host without a signature answers only these
 * leaves, in one of the ways that follow SIGNED:
 */
enum dialect {
	SIGNED,
	DIALECT_A,	/* a leaf each for exits and cycles, total and by reason */
	DIALECT_B,	/* one leaf for both totals, one for the exits of a reason */
	DIALECT_ALL,	/* all three, as a host with a signature does */
};

static enum dialect dialect __ro_after_init;

/* host_leaves.h describes this function. */
struct cpuid_regs kvm_exits_cpuid(u32 leaf, u32 index)
{
	struct cpuid_regs r;

	cpuid_count(leaf, index, &r.eax, &r.ebx, &r.ecx, &r.edx);
	return r;
}

/**
 * kvm_exits_this_isa() - the ISA of the exit reasons, by this CPU's vendor
 *
 * Return: KVM_VMEXIT_ISA_*.
 */
u32 kvm_exits_this_isa(void)
{
	return boot_cpu_data.x86_vendor == X86_VENDOR_AMD ||
	       boot_cpu_data.x86_vendor == X86_VENDOR_HYGON ?
	       KVM_VMEXIT_ISA_SVM : KVM_VMEXIT_ISA_VMX;
}

/*
 * The rows take some dozens of CPUIDs: read them without preemption.  The
 * histograms take hundreds: allow preemption between them.  Then another task
 * can take a snapshot on this CPU, or this task can move to another CPU, and
 * the rest of the snapshot is lost.  The last attempt, @in_one_piece, reads the
 * histograms without preemption, too.
 */
static bool take_snapshot(struct exit_table *t, struct kvm_exits_host *host,
			  kvm_exits_histogram *histogram, bool in_one_piece)
{
	bool whole;

	preempt_disable();
	whole = kvm_exits_take_rows(t, host);
	if (whole && histogram && in_one_piece)
		whole = kvm_exits_take_histograms(t, histogram);
	preempt_enable();

	if (whole && histogram && !in_one_piece)
		whole = kvm_exits_take_histograms(t, histogram);
	return whole;
}

/* Exits of all reasons, in any dialect. */
static u64 live_total(struct exit_table *t)
{
	struct cpuid_regs r = kvm_exits_ask(t, KVM_VMEXIT_LEAF_TOTAL, 0);

	return kvm_exits_pair(r.eax, dialect == DIALECT_A ? r.ebx : r.edx);
}

static void take_live_row(struct exit_table *t, u32 reason)
{
	struct exit_counts *c = &t->counts[t->nr];
	struct cpuid_regs r;

	c->reason = reason;
	if (dialect == DIALECT_B) {
		c->exits = kvm_exits_ask(t, KVM_VMEXIT_LEAF_TOTAL_CYCLES, reason).eax;
	} else {
		r = kvm_exits_ask(t, KVM_VMEXIT_LEAF_REASON, reason);
		c->exits = kvm_exits_pair(r.eax, dialect == DIALECT_A ? r.ebx : r.edx);
		r = kvm_exits_ask(t, KVM_VMEXIT_LEAF_REASON_CYCLES, reason);
		c->cycles = kvm_exits_pair(r.ecx, r.ebx);
	}
	t->nr += !!c->exits;
}

/*
 * Without a signature, only one thing proves that these are counts: the total grows
 * while the rows are read.  A processor without these leaves may answer with another
 * leaf, whose contents do not grow.
 */
static int take_all_live(struct exit_table *t)
{
	const struct exit_reasons *r;
	u64 before, after;
	u32 reason;

	t->isa = kvm_exits_this_isa();
	t->has_cycles = true;
	before = live_total(t);

	for (r = exit_reasons(t->isa); r->last; r++) {
		reason = r->first;
		do {
			take_live_row(t, reason);
		} while (reason++ != r->last);
	}

	after = live_total(t);
	return after > before ? 0 : -ENODEV;
}

/* Whether this leaf, for the reason CPUID, counts the exits that read the leaf. */
static bool __init counts_cpuid(u32 leaf)
{
	u32 reason = kvm_exits_this_isa() == KVM_VMEXIT_ISA_SVM ? SVM_EXIT_CPUID :
							EXIT_REASON_CPUID;
	u32 before = kvm_exits_cpuid(leaf, reason).eax;

	return before && kvm_exits_cpuid(leaf, reason).eax > before;
}

/*
 * Each dialect has a leaf for the exits of a reason: try these leaves.  In dialect B it
 * is KVM_VMEXIT_LEAF_TOTAL_CYCLES, in the other dialects KVM_VMEXIT_LEAF_REASON.
 */
static bool __init find_dialect(void)
{
	if (counts_cpuid(KVM_VMEXIT_LEAF_REASON))
		dialect = kvm_exits_cpuid(KVM_VMEXIT_LEAF_TOTAL, 0).ecx ? DIALECT_ALL :
							      DIALECT_A;
	else if (counts_cpuid(KVM_VMEXIT_LEAF_TOTAL_CYCLES))
		dialect = DIALECT_B;
	return dialect != SIGNED;
}

static bool counting_is_off(void)
{
	return kvm_exits_cpuid(KVM_VMEXIT_LEAF_VM, 0).ecx & KVM_VMEXIT_VM_OFF;
}

/**
 * kvm_exits_take() - take a table from the host
 * @t: the table
 * @histogram: room for EXIT_TABLE_REASONS histograms by position in the table,
 *	or NULL; positions of reasons that have no histogram are not written
 *
 * Return: 0, -ENODEV if the host has no exit statistics (any more) or has its
 * counting switched off, -EOPNOTSUPP if histograms are wanted and the host has
 * none, or -EAGAIN if no attempt gave a table.
 */
int kvm_exits_take(struct exit_table *t, kvm_exits_histogram *histogram)
{
	struct kvm_exits_host host;
	bool whole;
	int i;

	memset(t, 0, sizeof(*t));
	if (dialect != SIGNED)
		return take_all_live(t);

	spin_lock(&host_lock);
	host = known_host;
	spin_unlock(&host_lock);

	for (i = 1; i <= ATTEMPTS; i++) {
		whole = take_snapshot(t, &host, histogram, i == ATTEMPTS);
		if (whole)
			break;

		t->exits_per_read += 2;
		if (!kvm_exits_signed() || counting_is_off())
			return -ENODEV;
		host.generation = 0;
		/* The host may be switching its counting off or on. */
		fsleep(1000);
	}
	if (!whole)
		return -EAGAIN;

	spin_lock(&host_lock);
	known_host = host;
	spin_unlock(&host_lock);

	return histogram && !t->has_stops ? -EOPNOTSUPP : 0;
}

/**
 * kvm_exits_count() - read the live counts of this vCPU
 * @reason: a reason as a number of 16 bits, or KVM_VMEXIT_ALL
 *
 * This takes one exit, which the host does not add to these counts.  The caller
 * checks the tag.
 *
 * Return: the counts and their tag.
 */
struct kvm_exits_vcpu kvm_exits_count(u32 reason)
{
	struct cpuid_regs r = kvm_exits_cpuid(KVM_VMEXIT_LEAF_VCPU, reason);

	return (struct kvm_exits_vcpu) {
		.exits = kvm_exits_pair(r.eax, r.ebx & 0xffff),
		.cycles = kvm_exits_pair(r.ecx, r.edx),
		.tag = r.ebx >> 16,
	};
}

/**
 * kvm_exits_generation() - the present generation of the counts
 * @from_zero: set to whether the generation began with counts of zero
 *
 * Return: the generation, or 0 if the host has no exit statistics (any more).
 */
u32 kvm_exits_generation(bool *from_zero)
{
	struct cpuid_regs r = kvm_exits_cpuid(KVM_VMEXIT_LEAF_VM, 0);

	*from_zero = r.ecx & KVM_VMEXIT_VM_FROM_ZERO;
	return kvm_exits_signed() ? r.eax : 0;
}

/**
 * kvm_exits_tsc_khz() - the frequency of the present host's TSC
 *
 * Return: in kHz, or 0 if the host has no exit statistics (any more).
 */
u32 kvm_exits_tsc_khz(void)
{
	u32 khz = kvm_exits_cpuid(KVM_VMEXIT_LEAF_INTERFACE, 0).edx;

	return kvm_exits_signed() ? khz : 0;
}

static const char * const dialect_names[] __initconst = {
	[DIALECT_A] = "the four live leaves",
	[DIALECT_B] = "two live leaves: no cycles by reason",
	[DIALECT_ALL] = "the four live leaves in all dialects",
};

static void __init log_reason(void)
{
	u32 max, name[3];

	if (!boot_cpu_has(X86_FEATURE_HYPERVISOR)) {
		pr_notice("no exit statistics: this is bare metal\n");
	} else if (!cpuid_base_hypervisor(KVM_SIGNATURE, 0)) {
		cpuid(0x40000000, &max, &name[0], &name[1], &name[2]);
		pr_notice("no exit statistics: the hypervisor is not KVM but \"%*pE\"\n",
			  (int)strnlen((char *)name, sizeof(name)), name);
	} else {
		pr_notice("no exit statistics: the host's KVM is without the patch, or hides them: ask its operator\n");
	}
}

static int __init probe_signed(struct exit_table *t)
{
	u32 version = kvm_exits_cpuid(KVM_VMEXIT_LEAF_INTERFACE, 0).eax;
	int err;

	if (version < KVM_VMEXIT_VERSION) {
		pr_err("the host speaks version %u of the interface, and this module needs %u: update the host's KVM\n",
		       version, KVM_VMEXIT_VERSION);
		return -ENODEV;
	}

	err = kvm_exits_take(t, NULL);
	if (err == -ENODEV)
		pr_err("the host has its counting switched off (kvm.exit_stats=N): ask its operator\n");
	else if (err)
		pr_err("the host has exit statistics, but no whole table came: %pe; try again\n",
		       ERR_PTR(err));
	return err;
}

static int __init probe(bool no_signature, struct exit_table *t)
{
	int err = -ENODEV;

	if (kvm_exits_signed())
		return probe_signed(t);

	if (no_signature && boot_cpu_has(X86_FEATURE_HYPERVISOR) &&
	    find_dialect()) {
		err = kvm_exits_take(t, NULL);
		if (!err)
			pr_info("the host has no signature, and answers %s\n",
				dialect_names[dialect]);
	}
	if (err)
		log_reason();
	return err;
}

/**
 * kvm_exits_probe() - find out whether the host has exit statistics
 * @no_signature: accept a host that answers the four live leaves alone
 * @host: set to what the host says of itself
 *
 * Return: 0, or an error, with its reason in the kernel log.
 */
int __init kvm_exits_probe(bool no_signature, struct kvm_exits_host *host)
{
	struct exit_table *t = kzalloc(sizeof(*t), GFP_KERNEL);
	int err;

	if (!t)
		return -ENOMEM;

	err = probe(no_signature, t);
	*host = known_host;
	host->isa = t->isa;
	kfree(t);
	return err;
}
