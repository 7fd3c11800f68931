// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads the host's CPUID leaves.
 *
 * A live migration can move the guest to another host between two instructions.
 * That host has other counts.  Or it has no exit statistics and returns the
 * contents of another leaf.  So accept a table only if the answers prove that
 * they are of one snapshot.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bits.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/lockdep.h>
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

/* The host that had the last generation. */
static struct kvm_exits_host known_host;
static DEFINE_SPINLOCK(host_lock);

/**
 * struct taking - a table that is being taken
 * @t: the table
 * @host: the host that answers
 */
struct taking {
	struct exit_table *t;
	struct kvm_exits_host host;
};

/*
 * A host without a signature answers only the four live leaves.  Published
 * programs use three dialects of them.  Such a host can answer one of these:
 */
enum dialect {
	SIGNED,
	DIALECT_A,	/* a leaf each for exits and cycles, total and by reason */
	DIALECT_B,	/* one leaf for both totals, one for the exits of a reason */
	DIALECT_ALL,	/* all three at once, as hosts with a signature do */
};

static enum dialect dialect __ro_after_init;

static struct cpuid_regs ask(u32 leaf, u32 index)
{
	struct cpuid_regs r;

	cpuid_count(leaf, index, &r.eax, &r.ebx, &r.ecx, &r.edx);
	return r;
}

static struct cpuid_regs ask_for(struct exit_table *t, u32 leaf, u32 index)
{
	t->exits_per_read++;
	return ask(leaf, index);
}

static u64 pair(u32 low, u32 high)
{
	return low | (u64)high << 32;
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

static bool host_signs(void)
{
	struct cpuid_regs r = ask(KVM_VMEXIT_LEAF_SIGNATURE, 0);
	u32 signature[] = { r.ebx, r.ecx, r.edx };

	return !memcmp(signature, KVM_VMEXIT_SIGNATURE, sizeof(signature));
}

/* A later version only adds to this one. */
static bool take_interface(struct taking *x)
{
	struct cpuid_regs r = ask_for(x->t, KVM_VMEXIT_LEAF_INTERFACE, 0);

	x->host.features = r.ebx;
	x->host.isa = r.ecx;
	x->host.tsc_khz = r.edx;
	return r.eax >= KVM_VMEXIT_VERSION &&
	       (r.ecx == KVM_VMEXIT_ISA_VMX || r.ecx == KVM_VMEXIT_ISA_SVM);
}

static void take_stopped(struct exit_table *t, u32 i, struct exit_counts *c)
{
	struct cpuid_regs r = ask_for(t, KVM_VMEXIT_LEAF_STOPPED, i);

	c->stopped = pair(r.eax, r.ebx);
	c->max = pair(r.ecx, r.edx) &
		 GENMASK_ULL(KVM_VMEXIT_STOPPED_MAX_BITS - 1, 0);
	c->percentile[0] = r.edx >> KVM_VMEXIT_STOPPED_P50_SHIFT & 0x1f;
	c->percentile[1] = r.edx >> KVM_VMEXIT_STOPPED_P99_SHIFT & 0x1f;
	c->percentile[2] = r.edx >> KVM_VMEXIT_STOPPED_P999_SHIFT & 0x1f;
	c->has_histogram = r.edx & KVM_VMEXIT_STOPPED_HISTOGRAM;
}

static void take_histogram(struct exit_table *t, u32 i, u64 *bucket)
{
	struct cpuid_regs r;
	u32 n;

	for (n = 0; n < KVM_VMEXIT_BUCKETS; n += 2) {
		r = ask_for(t, KVM_VMEXIT_LEAF_HISTOGRAM,
			    n / 2 << KVM_VMEXIT_PAIR_SHIFT | i);
		bucket[n] = pair(r.eax, r.ebx);
		bucket[n + 1] = pair(r.ecx, r.edx);
	}
}

/* Returns false if the answer is no row. */
static bool take_row(struct exit_table *t, u32 i, struct exit_counts *c)
{
	struct cpuid_regs r = ask_for(t, KVM_VMEXIT_LEAF_ROW, i);

	c->reason = KVM_VMEXIT_REASON(r.ebx >> KVM_VMEXIT_REASON_SHIFT);
	c->exits = pair(r.eax, r.ebx) & GENMASK_ULL(KVM_VMEXIT_EXITS_BITS - 1, 0);
	c->cycles = pair(r.ecx, r.edx);
	return c->exits;
}

/*
 * A snapshot belongs to this CPU until the next one is taken on it.  A
 * migration leaves it on the old host.  A row that is not zero proves that the
 * snapshot was there, so read the row as the last leaf of each position.  The
 * sum of the rows proves that they are of this snapshot.
 */
static bool take_rows(struct taking *x)
{
	struct exit_table *t = x->t;
	struct exit_counts *c;
	struct cpuid_regs r;
	u32 i, nr;
	u64 rest;

	lockdep_assert_preemption_disabled();

	r = ask_for(t, KVM_VMEXIT_LEAF_SNAPSHOT, 0);
	if (r.eax >> 16 != KVM_VMEXIT_SNAPSHOT_MAGIC)
		return false;
	nr = r.eax & 0xffff;
	rest = pair(r.ecx, r.edx);
	if (nr > EXIT_TABLE_REASONS)
		return false;

	if (x->host.generation != r.ebx && !take_interface(x))
		return false;
	x->host.generation = r.ebx;

	for (i = 0; i < nr; i++) {
		c = &t->counts[i];
		if (x->host.features & KVM_VMEXIT_FEAT_STOPPED)
			take_stopped(t, i, c);
		if (!take_row(t, i, c) || (i && c->reason <= c[-1].reason))
			return false;
		rest -= c->exits;
	}
	t->nr = nr;

	/* The CPUID for the snapshot is an exit, so there is a row. */
	return nr && !rest;
}

/* Fails if the snapshot no longer has this row at this position. */
static bool take_histogram_of(struct exit_table *t, u32 i, u64 *histogram)
{
	const struct exit_counts *c = &t->counts[i];
	struct exit_counts again;
	bool same;

	preempt_disable();
	take_histogram(t, i, histogram);
	same = take_row(t, i, &again) && again.reason == c->reason &&
	       again.exits == c->exits && again.cycles == c->cycles;
	preempt_enable();
	return same;
}

static bool take_histograms(struct exit_table *t, kvm_exits_histogram *histogram)
{
	u32 i;

	for (i = 0; i < t->nr; i++)
		if (t->counts[i].has_histogram &&
		    !take_histogram_of(t, i, histogram[i]))
			return false;
	return true;
}

/*
 * The rows take some dozens of CPUIDs: read them without preemption.  The
 * histograms take hundreds: allow preemption between them.  Then another task
 * can take a snapshot on this CPU, or this task can move to another CPU, and
 * the rest is lost.  The last attempt reads all of them without preemption.
 */
static bool take_snapshot(struct taking *x, kvm_exits_histogram *histogram,
			  bool in_one_piece)
{
	bool whole;

	preempt_disable();
	whole = take_rows(x);
	if (whole && histogram && in_one_piece)
		whole = take_histograms(x->t, histogram);
	preempt_enable();

	if (whole && histogram && !in_one_piece)
		whole = take_histograms(x->t, histogram);
	return whole;
}

/* Exits of all reasons, in any dialect. */
static u64 live_total(struct exit_table *t)
{
	struct cpuid_regs r = ask_for(t, KVM_VMEXIT_LEAF_TOTAL, 0);

	return pair(r.eax, dialect == DIALECT_A ? r.ebx : r.edx);
}

static void take_live_row(struct exit_table *t, u32 reason)
{
	struct exit_counts *c = &t->counts[t->nr];
	struct cpuid_regs r;

	c->reason = reason;
	if (dialect == DIALECT_B) {
		c->exits = ask_for(t, KVM_VMEXIT_LEAF_TOTAL_CYCLES, reason).eax;
	} else {
		r = ask_for(t, KVM_VMEXIT_LEAF_REASON, reason);
		c->exits = pair(r.eax, dialect == DIALECT_A ? r.ebx : r.edx);
		r = ask_for(t, KVM_VMEXIT_LEAF_REASON_CYCLES, reason);
		c->cycles = pair(r.ecx, r.ebx);
	}
	t->nr += !!c->exits;
}

/*
 * Without a signature, the only proof is that the count of all exits has grown
 * meanwhile: the contents of other leaves do not grow.
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

/* Whether this leaf counts its own exits, with the reason CPUID in ECX. */
static bool __init counts_cpuid(u32 leaf)
{
	u32 reason = kvm_exits_this_isa() == KVM_VMEXIT_ISA_SVM ? SVM_EXIT_CPUID :
							EXIT_REASON_CPUID;
	u32 before = ask(leaf, reason).eax;

	return before && ask(leaf, reason).eax > before;
}

/* Try the leaf of each dialect that counts the exits of a reason. */
static bool __init find_dialect(void)
{
	if (counts_cpuid(KVM_VMEXIT_LEAF_REASON))
		dialect = ask(KVM_VMEXIT_LEAF_TOTAL, 0).ecx ? DIALECT_ALL :
							      DIALECT_A;
	else if (counts_cpuid(KVM_VMEXIT_LEAF_TOTAL_CYCLES))
		dialect = DIALECT_B;
	return dialect != SIGNED;
}

static bool counting_is_off(void)
{
	return ask(KVM_VMEXIT_LEAF_VM, 0).ecx & KVM_VMEXIT_VM_OFF;
}

/**
 * kvm_exits_take() - take a table from the host
 * @t: the table
 * @histogram: room for EXIT_TABLE_REASONS histograms by position in the table,
 *	or NULL; for reasons without one it is not written
 *
 * Return: 0, -ENODEV if the host has no exit statistics (any more) or has its
 * counting switched off, -EOPNOTSUPP if it has them without histograms, or
 * -EAGAIN if no attempt gave a table.
 */
int kvm_exits_take(struct exit_table *t, kvm_exits_histogram *histogram)
{
	struct taking x = { .t = t };
	bool whole;
	int i;

	memset(t, 0, sizeof(*t));
	if (dialect != SIGNED)
		return take_all_live(t);

	spin_lock(&host_lock);
	x.host = known_host;
	spin_unlock(&host_lock);

	for (i = 1; i <= ATTEMPTS; i++) {
		whole = take_snapshot(&x, histogram, i == ATTEMPTS);
		if (whole)
			break;

		t->exits_per_read += 2;
		if (!host_signs() || counting_is_off())
			return -ENODEV;
		memset(t->counts, 0, sizeof(t->counts));
		x.host.generation = 0;
		/* The host may be switching its counting off or on. */
		fsleep(1000);
	}
	if (!whole)
		return -EAGAIN;

	spin_lock(&host_lock);
	known_host = x.host;
	spin_unlock(&host_lock);

	t->isa = x.host.isa;
	t->tsc_khz = x.host.tsc_khz;
	t->generation = x.host.generation;
	t->has_cycles = x.host.features & KVM_VMEXIT_FEAT_CYCLES;
	t->has_stops = x.host.features & KVM_VMEXIT_FEAT_STOPPED;
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
	struct cpuid_regs r = ask(KVM_VMEXIT_LEAF_VCPU, reason);

	return (struct kvm_exits_vcpu) {
		.exits = pair(r.eax, r.ebx & 0xffff),
		.cycles = pair(r.ecx, r.edx),
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
	struct cpuid_regs r = ask(KVM_VMEXIT_LEAF_VM, 0);

	*from_zero = r.ecx & KVM_VMEXIT_VM_FROM_ZERO;
	return host_signs() ? r.eax : 0;
}

/**
 * kvm_exits_tsc_khz() - the frequency of the present host's TSC
 *
 * Return: in kHz, or 0 if the host has no exit statistics (any more).
 */
u32 kvm_exits_tsc_khz(void)
{
	u32 khz = ask(KVM_VMEXIT_LEAF_INTERFACE, 0).edx;

	return host_signs() ? khz : 0;
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
		pr_notice("no exit statistics: the host's KVM is without the patch, or hides them\n");
	}
}

static int __init probe_signed(struct exit_table *t)
{
	u32 version = ask(KVM_VMEXIT_LEAF_INTERFACE, 0).eax;
	int err;

	if (version < KVM_VMEXIT_VERSION) {
		pr_err("the host speaks version %u of the interface, and this module needs %u: update the host's KVM\n",
		       version, KVM_VMEXIT_VERSION);
		return -ENODEV;
	}

	err = kvm_exits_take(t, NULL);
	if (err == -ENODEV)
		pr_err("the host has its counting switched off (kvm.exit_stats=N)\n");
	else if (err)
		pr_err("the host has exit statistics, but no whole table came: %pe; try again\n",
		       ERR_PTR(err));
	return err;
}

static int __init probe(bool no_signature, struct exit_table *t)
{
	int err = -ENODEV;

	if (host_signs())
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
