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

/* The interface leaf of the host that had this generation. */
static struct {
	u32 isa;
	u32 features;
	u32 tsc_khz;
	u32 generation;
} host;
static DEFINE_SPINLOCK(host_lock);

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
	t->cost++;
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

static bool take_interface(struct exit_table *t)
{
	struct cpuid_regs r = ask_for(t, KVM_VMEXIT_LEAF_INTERFACE, 0);

	t->features = r.ebx;
	t->isa = r.ecx;
	t->tsc_khz = r.edx;
	return t->isa == KVM_VMEXIT_ISA_VMX || t->isa == KVM_VMEXIT_ISA_SVM;
}

static void take_stopped(struct exit_table *t, u32 i,
			 struct exit_table_row *row)
{
	struct cpuid_regs r = ask_for(t, KVM_VMEXIT_LEAF_STOPPED, i);

	row->stopped = pair(r.eax, r.ebx);
	row->max = pair(r.ecx, r.edx) &
		   GENMASK_ULL(KVM_VMEXIT_STOPPED_MAX_BITS - 1, 0);
	row->bucket[0] = r.edx >> KVM_VMEXIT_STOPPED_P50_SHIFT & 0x1f;
	row->bucket[1] = r.edx >> KVM_VMEXIT_STOPPED_P99_SHIFT & 0x1f;
	row->bucket[2] = r.edx >> KVM_VMEXIT_STOPPED_P999_SHIFT & 0x1f;
	row->histogram = r.edx & KVM_VMEXIT_STOPPED_HISTOGRAM;
}

static void take_histogram(struct exit_table *t, u32 i, u64 *bucket)
{
	struct cpuid_regs r;
	u32 n;

	for (n = 0; n < KVM_VMEXIT_BUCKETS; n += 2) {
		r = ask_for(t, KVM_VMEXIT_LEAF_HISTOGRAM, n / 2 << 8 | i);
		bucket[n] = pair(r.eax, r.ebx);
		bucket[n + 1] = pair(r.ecx, r.edx);
	}
}

/* Returns the row number, or KVM_VMEXIT_NO_ROW if the answer is no row. */
static u32 take_row(struct exit_table *t, u32 i, struct exit_table_row *row)
{
	struct cpuid_regs r = ask_for(t, KVM_VMEXIT_LEAF_ROW, i);
	u32 number = r.ebx >> KVM_VMEXIT_ROW_NR_SHIFT;

	row->exits = pair(r.eax, r.ebx) &
		     GENMASK_ULL(32 + KVM_VMEXIT_ROW_NR_SHIFT - 1, 0);
	row->cycles = pair(r.ecx, r.edx);
	return row->exits && number < KVM_VMEXIT_ROWS ? number :
						       KVM_VMEXIT_NO_ROW;
}

/*
 * A snapshot belongs to this CPU until the next one is taken on it.  A
 * migration leaves it on the old host.  A row that is not zero proves that the
 * snapshot was there, so read the row as the last leaf of each position.  The
 * sum of the rows proves that they are of this snapshot.
 */
static bool take_rows(struct exit_table *t)
{
	u32 i, nr, number, next = 0;
	struct cpuid_regs r;
	u64 rest;

	lockdep_assert_preemption_disabled();

	r = ask_for(t, KVM_VMEXIT_LEAF_SNAPSHOT, 0);
	if (r.eax >> 8 != KVM_VMEXIT_SNAPSHOT_MAGIC)
		return false;
	nr = r.eax & 0xff;
	rest = pair(r.ecx, r.edx);

	if (t->generation != r.ebx && !take_interface(t))
		return false;
	t->generation = r.ebx;

	for (i = 0; i < nr; i++) {
		struct exit_table_row row = {};

		if (t->features & KVM_VMEXIT_FEAT_STOPPED)
			take_stopped(t, i, &row);
		number = take_row(t, i, &row);
		if (number < next || number == KVM_VMEXIT_NO_ROW)
			return false;
		next = number + 1;
		rest -= row.exits;
		t->row[number] = row;
	}

	/* The CPUID for the snapshot is an exit, so there is a row. */
	return nr && !rest;
}

/* Fails if the snapshot no longer has this row at this position. */
static bool take_histogram_of(struct exit_table *t, u32 position, u32 number,
			      u64 *histogram)
{
	struct exit_table_row row;
	bool same;

	preempt_disable();
	take_histogram(t, position, histogram);
	same = take_row(t, position, &row) == number &&
	       row.exits == t->row[number].exits &&
	       row.cycles == t->row[number].cycles;
	preempt_enable();
	return same;
}

static bool take_histograms(struct exit_table *t, kvm_exits_histogram *histogram)
{
	u32 number, position = 0;

	for (number = 0; number < KVM_VMEXIT_ROWS; number++) {
		if (!t->row[number].exits)
			continue;
		if (t->row[number].histogram &&
		    !take_histogram_of(t, position, number, histogram[number]))
			return false;
		position++;
	}
	return true;
}

/*
 * The rows take some dozens of CPUIDs: read them without preemption.  The
 * histograms take hundreds: allow preemption between them.  Then another task
 * can take a snapshot on this CPU, or this task can move to another CPU, and
 * the rest is lost.  The last attempt reads all of them without preemption.
 */
static bool take_snapshot(struct exit_table *t, kvm_exits_histogram *histogram,
			  bool in_one_piece)
{
	bool whole;

	preempt_disable();
	whole = take_rows(t);
	if (whole && histogram && in_one_piece)
		whole = take_histograms(t, histogram);
	preempt_enable();

	if (whole && histogram && !in_one_piece)
		whole = take_histograms(t, histogram);
	return whole;
}

/* Exits of all reasons, in any dialect. */
static u64 live_total(struct exit_table *t)
{
	struct cpuid_regs r = ask_for(t, KVM_VMEXIT_LEAF_TOTAL, 0);

	return pair(r.eax, dialect == DIALECT_A ? r.ebx : r.edx);
}

static void take_live_row(struct exit_table *t, u32 reason,
			  struct exit_table_row *row)
{
	struct cpuid_regs r;

	if (dialect == DIALECT_B) {
		row->exits = ask_for(t, KVM_VMEXIT_LEAF_TOTAL_CYCLES, reason).eax;
		return;
	}

	r = ask_for(t, KVM_VMEXIT_LEAF_REASON, reason);
	row->exits = pair(r.eax, dialect == DIALECT_A ? r.ebx : r.edx);
	r = ask_for(t, KVM_VMEXIT_LEAF_REASON_CYCLES, reason);
	row->cycles = pair(r.ecx, r.ebx);
}

/*
 * Without a signature, the only proof is that the count of all exits has grown
 * meanwhile: the contents of other leaves do not grow.
 */
static int take_all_live(struct exit_table *t)
{
	u64 before, after;
	u32 i, reason;

	t->isa = kvm_exits_this_isa();
	before = live_total(t);

	for (i = 0; i < KVM_VMEXIT_ROWS; i++) {
		reason = kvm_vmexit_reason(t->isa, i);
		if (kvm_vmexit_defined(t->isa, reason))
			take_live_row(t, reason, &t->row[i]);
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

/**
 * kvm_exits_take() - take a table from the host
 * @t: the table
 * @histogram: room for the histograms by row number, or NULL; for rows without
 *	one it is not written
 *
 * Return: 0, -ENODEV if the host has no exit statistics (any more), -EOPNOTSUPP
 * if it has them without histograms, or -EAGAIN if no attempt gave a table.
 */
int kvm_exits_take(struct exit_table *t, kvm_exits_histogram *histogram)
{
	bool whole;
	int i;

	memset(t, 0, sizeof(*t));
	if (dialect != SIGNED)
		return take_all_live(t);

	spin_lock(&host_lock);
	t->isa = host.isa;
	t->features = host.features;
	t->tsc_khz = host.tsc_khz;
	t->generation = host.generation;
	spin_unlock(&host_lock);

	for (i = 1; i <= ATTEMPTS; i++) {
		whole = take_snapshot(t, histogram, i == ATTEMPTS);
		if (whole)
			break;

		t->cost++;
		if (!host_signs())
			return -ENODEV;
		memset(t->row, 0, sizeof(t->row));
		t->generation = 0;
		/* The host may be switching its counting off or on. */
		fsleep(1000);
	}
	if (!whole)
		return -EAGAIN;

	spin_lock(&host_lock);
	host.isa = t->isa;
	host.features = t->features;
	host.tsc_khz = t->tsc_khz;
	host.generation = t->generation;
	spin_unlock(&host_lock);

	if (histogram && !(t->features & KVM_VMEXIT_FEAT_STOPPED))
		return -EOPNOTSUPP;
	return 0;
}

/**
 * kvm_exits_count() - read the live counts of this vCPU
 * @row: row number, or KVM_VMEXIT_ROW_ALL
 *
 * This takes one exit, which the host does not add to these counts.  The caller
 * checks the tag.
 *
 * Return: the counts and their tag.
 */
struct kvm_exits_vcpu kvm_exits_count(u32 row)
{
	struct cpuid_regs r = ask(KVM_VMEXIT_LEAF_VCPU, row);

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
		pr_notice("no exit statistics: the host's KVM is without the patch, or has it turned off\n");
	}
}

/**
 * kvm_exits_probe() - find out whether the host has exit statistics
 * @no_signature: accept a host that answers the four live leaves alone
 * @t: set to the host's first table
 *
 * Return: 0, or an error, with its reason in the kernel log.
 */
int __init kvm_exits_probe(bool no_signature, struct exit_table *t)
{
	int err = -ENODEV;

	if (host_signs()) {
		err = kvm_exits_take(t, NULL);
		if (err)
			pr_err("the host has exit statistics, but gives no table: %pe\n",
			       ERR_PTR(err));
		return err;
	}

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
