// SPDX-License-Identifier: GPL-2.0-only
/*
 * The answers of the host's CPUID leaves, as a table.  The module and the program
 * kvm-exits both build this.
 *
 * A live migration can move the guest to another host between two instructions.
 * That host has other counts.  Or it has no exit statistics and returns the
 * contents of another leaf.  So accept a table only if the answers prove that
 * they are of one snapshot.
 */
#include <linux/bits.h>
#include <linux/lockdep.h>
#include <linux/preempt.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "host_leaves.h"

/**
 * kvm_exits_signed() - whether the host has exit statistics
 */
bool kvm_exits_signed(void)
{
	struct cpuid_regs r = kvm_exits_cpuid(KVM_VMEXIT_LEAF_SIGNATURE, 0);
	u32 signature[] = { r.ebx, r.ecx, r.edx };

	return !memcmp(signature, KVM_VMEXIT_SIGNATURE, sizeof(signature));
}

/* Accept later versions of the interface, because they only add to this version. */
static bool take_interface(struct exit_table *t,
			   struct kvm_exits_host *host)
{
	struct cpuid_regs r = kvm_exits_ask(t, KVM_VMEXIT_LEAF_INTERFACE, 0);

	host->features = r.ebx;
	host->isa = r.ecx;
	host->tsc_khz = r.edx;
	return r.eax >= KVM_VMEXIT_VERSION &&
	       (r.ecx == KVM_VMEXIT_ISA_VMX || r.ecx == KVM_VMEXIT_ISA_SVM);
}

static void take_stopped(struct exit_table *t, u32 i, struct exit_counts *c)
{
	struct cpuid_regs r = kvm_exits_ask(t, KVM_VMEXIT_LEAF_STOPPED, i);

	c->stopped = kvm_exits_pair(r.eax, r.ebx);
	c->max = kvm_exits_pair(r.ecx, r.edx) &
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
		r = kvm_exits_ask(t, KVM_VMEXIT_LEAF_HISTOGRAM,
				  n / 2 << KVM_VMEXIT_PAIR_SHIFT | i);
		bucket[n] = kvm_exits_pair(r.eax, r.ebx);
		bucket[n + 1] = kvm_exits_pair(r.ecx, r.edx);
	}
}

/* Returns false if the answer is no row. */
static bool take_row(struct exit_table *t, u32 i, struct exit_counts *c)
{
	struct cpuid_regs r = kvm_exits_ask(t, KVM_VMEXIT_LEAF_ROW, i);

	c->reason = KVM_VMEXIT_REASON(r.ebx >> KVM_VMEXIT_REASON_SHIFT);
	c->exits = kvm_exits_pair(r.eax, r.ebx) & GENMASK_ULL(KVM_VMEXIT_EXITS_BITS - 1, 0);
	c->cycles = kvm_exits_pair(r.ecx, r.edx);
	return c->exits;
}

/**
 * kvm_exits_take_rows() - take a snapshot and read it
 * @t: the table
 * @host: the host of the last table; set to the host that answers now
 *
 * A snapshot belongs to this CPU until the next one is taken on it.  A
 * migration leaves it on the old host.  A row that is not zero proves that the
 * snapshot was there, so read the row as the last leaf of each position.  The
 * sum of the rows proves that all rows are of this snapshot.
 *
 * The caller stays on this CPU.  The module disables preemption for that.  The
 * program cannot: it checks afterwards that the snapshot is still there.
 *
 * Return: false if the answers are not of one snapshot.
 */
bool kvm_exits_take_rows(struct exit_table *t, struct kvm_exits_host *host)
{
	struct exit_counts *c;
	struct cpuid_regs r;
	u32 i, nr;
	u64 rest;

	lockdep_assert_preemption_disabled();

	t->nr = 0;
	r = kvm_exits_ask(t, KVM_VMEXIT_LEAF_SNAPSHOT, 0);
	if (r.eax >> 16 != KVM_VMEXIT_SNAPSHOT_MAGIC)
		return false;
	nr = r.eax & 0xffff;
	rest = kvm_exits_pair(r.ecx, r.edx);
	if (nr > EXIT_TABLE_REASONS)
		return false;

	if (host->generation != r.ebx && !take_interface(t, host))
		return false;
	host->generation = r.ebx;

	for (i = 0; i < nr; i++) {
		c = &t->counts[i];
		*c = (struct exit_counts) {};
		if (host->features & KVM_VMEXIT_FEAT_STOPPED)
			take_stopped(t, i, c);
		if (!take_row(t, i, c) || (i && c->reason <= c[-1].reason))
			return false;
		rest -= c->exits;
	}
	t->nr = nr;
	t->isa = host->isa;
	t->tsc_khz = host->tsc_khz;
	t->generation = host->generation;
	t->has_cycles = host->features & KVM_VMEXIT_FEAT_CYCLES;
	t->has_stops = host->features & KVM_VMEXIT_FEAT_STOPPED;

	/* The CPUID for the snapshot is an exit, so there is at least one row. */
	return nr && !rest;
}

/* Whether the snapshot still has this row at this position. */
static bool has_row(struct exit_table *t, u32 i)
{
	const struct exit_counts *c = &t->counts[i];
	struct exit_counts again;

	return take_row(t, i, &again) && again.reason == c->reason &&
	       again.exits == c->exits && again.cycles == c->cycles;
}

static bool take_histogram_of(struct exit_table *t, u32 i, u64 *histogram)
{
	bool same;

	preempt_disable();
	take_histogram(t, i, histogram);
	same = has_row(t, i);
	preempt_enable();
	return same;
}

/**
 * kvm_exits_take_histograms() - read the histograms of a snapshot
 * @t: the table
 * @histogram: the histograms, by position in the table; positions of reasons that
 *	have no histogram are not written
 *
 * Return: false if the snapshot is no longer there.
 */
bool kvm_exits_take_histograms(struct exit_table *t,
			       kvm_exits_histogram *histogram)
{
	u32 i;

	for (i = 0; i < t->nr; i++)
		if (t->counts[i].has_histogram &&
		    !take_histogram_of(t, i, histogram[i]))
			return false;
	return true;
}

/**
 * kvm_exits_still_there() - whether this CPU still has the snapshot of a table
 * @t: the table
 * @reason: the reason of exits for CPUID; their count grows with each snapshot
 */
bool kvm_exits_still_there(struct exit_table *t, u32 reason)
{
	u32 i;

	for (i = 0; i < t->nr; i++)
		if (t->counts[i].reason == reason)
			return has_row(t, i);
	return false;
}

static void show_histogram(struct seq_file *m, u64 exits, u64 stopped,
			   const u64 *bucket)
{
	u32 i;

	seq_printf(m, " %14llu %18llu", exits, stopped);
	for (i = 0; i < KVM_VMEXIT_BUCKETS; i++)
		seq_printf(m, " %10llu", bucket[i]);
	seq_putc(m, '\n');
}

/**
 * kvm_exits_show_histograms() - print the histograms
 * @m: the file to print to
 * @t: the table
 * @histogram: the histograms, by position in the table
 *
 * Print one line for each reason that has a histogram, and a line for their sum.
 * The name of a bucket's column is the upper bound of the bucket in cycles.
 */
void kvm_exits_show_histograms(struct seq_file *m, const struct exit_table *t,
			       const kvm_exits_histogram *histogram)
{
	kvm_exits_histogram total = {};
	char name[EXIT_TABLE_NAME_LEN];
	const struct exit_counts *c;
	u64 exits = 0, stopped = 0;
	u32 i, n;

	for (i = 0; i < t->nr; i++) {
		c = &t->counts[i];
		if (!c->has_histogram)
			continue;
		exits += c->exits;
		stopped += c->stopped;
		for (n = 0; n < KVM_VMEXIT_BUCKETS; n++)
			total[n] += histogram[i][n];
	}

	exit_table_header(m, t, "kvm_exits_histogram");
	seq_printf(m, "# %-8s %-26s %14s %18s", "reason", "name", "exits",
		   "stopped_cycles");
	for (n = 0; n < KVM_VMEXIT_BUCKETS - 1; n++)
		seq_printf(m, " %10llu", 1ULL << (KVM_VMEXIT_BUCKET0_SHIFT + n));
	seq_printf(m, " %10s\n", "inf");

	seq_printf(m, "%-10s %-26s", "-", "total");
	show_histogram(m, exits, stopped, total);

	for (i = 0; i < t->nr; i++) {
		c = &t->counts[i];
		if (!c->has_histogram)
			continue;
		exit_reason_name(t->isa, c->reason, name);
		seq_printf(m, "%-10u %-26s", c->reason, name);
		show_histogram(m, c->exits, c->stopped, histogram[i]);
	}
}
