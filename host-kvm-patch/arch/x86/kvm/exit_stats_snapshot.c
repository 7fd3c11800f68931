// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exit statistics: a VM's snapshot, the sum of its vCPUs' counters.
 */
#include <linux/bitmap.h>
#include <linux/math64.h>
#include <linux/sched.h>

#include "exit_stats_snapshot.h"

/*
 * Add one row of a vCPU to a sum.  Return false if @histogram does not contain
 * the stops of this row.
 */
static bool add_stops(struct exit_table_row *sum, u64 *histogram,
		      const struct kvm_exit_stats_counters *c, u32 nr)
{
	const struct kvm_exit_stats_row *row = &c->row[nr];
	u64 stopped = READ_ONCE(row->stopped);
	unsigned int i;
	u16 first;

	sum->cycles += READ_ONCE(row->cycles);
	sum->stopped += stopped;
	sum->max = max(sum->max, READ_ONCE(row->max));

	/* Pairs with smp_store_release() in kvm_exit_stats_longer(). */
	smp_rmb();
	first = READ_ONCE(row->histogram);
	if (!first || !histogram)
		return !stopped;

	for (i = 0; i < KVM_VMEXIT_BUCKETS; i++)
		histogram[i] += READ_ONCE(c->histogram[first + i]);
	return true;
}

/* The bucket of a percentile of @all stops, by nearest rank. */
static u8 percentile(const u64 *histogram, u64 all, unsigned int permille)
{
	u64 rank = all - mul_u64_u64_div_u64(all, 1000 - permille, 1000);
	unsigned int i;

	for (i = 0; i < KVM_VMEXIT_BUCKETS - 1; i++) {
		if (rank <= histogram[i])
			break;
		rank -= histogram[i];
	}
	return i;
}

static void find_percentiles(struct exit_table_row *row, const u64 *histogram)
{
	unsigned int i;
	u64 all = 0;

	for (i = 0; i < KVM_VMEXIT_BUCKETS; i++)
		all += histogram[i];

	row->histogram = all;
	if (!all)
		return;

	row->bucket[0] = percentile(histogram, all, 500);
	row->bucket[1] = percentile(histogram, all, 990);
	row->bucket[2] = percentile(histogram, all, 999);
}

/* List the rows that are not zero, and make room for their histograms. */
static void list_rows(struct kvm *kvm, struct kvm_exit_stats_snapshot *s)
{
	DECLARE_BITMAP(used, KVM_VMEXIT_ROWS) = {};
	struct kvm_vcpu *vcpu;
	unsigned long i;
	unsigned int n;
	size_t left;

	kvm_for_each_vcpu(i, vcpu, kvm) {
		for (n = 0; n < KVM_VMEXIT_ROWS; n++)
			if (READ_ONCE(vcpu->stat.exits_by_reason[n]))
				__set_bit(n, used);
		cond_resched();
	}

	memset(s, 0, EXIT_STATS_SNAPSHOT_BYTES);
	for_each_set_bit(n, used, KVM_VMEXIT_ROWS)
		s->number[s->nr++] = n;

	left = EXIT_STATS_SNAPSHOT_BYTES - struct_size(s, row, s->nr);
	s->histograms = min_t(size_t, s->nr,
			      left / (KVM_VMEXIT_BUCKETS * sizeof(u64)));
	for (n = 0; n < s->histograms; n++)
		s->row[n].histogram = true;
}

/*
 * Add up the counters of all vCPUs of @kvm, which may be running.  @s has
 * EXIT_STATS_SNAPSHOT_BYTES.  Each counter is read once.  A count never goes
 * back to zero, so that all rows that list_rows() has found have exits.  May
 * sleep.
 */
void kvm_exit_stats_take(struct kvm *kvm, struct kvm_exit_stats_snapshot *s)
{
	const struct kvm_exit_stats_counters *c;
	struct exit_table_row *row;
	struct kvm_vcpu *vcpu;
	u64 *histogram, exits;
	unsigned long i;
	u32 generation;
	unsigned int n;

	/* The rows of all reasons fit, though without histograms. */
	BUILD_BUG_ON(struct_size(s, row, KVM_VMEXIT_ROWS) >
		     EXIT_STATS_SNAPSHOT_BYTES);

	/* Pairs with smp_store_release() in new_generation(). */
	generation = smp_load_acquire(&kvm->arch.exit_stats.generation);
	list_rows(kvm, s);

	kvm_for_each_vcpu(i, vcpu, kvm) {
		c = vcpu_exit_stats(vcpu)->counters;
		for (n = 0; n < s->nr; n++) {
			row = &s->row[n];
			exits = READ_ONCE(vcpu->stat.exits_by_reason[s->number[n]]);
			row->exits += exits;
			s->total += exits;

			histogram = n < s->histograms ?
				    kvm_exit_stats_snapshot_histogram(s, n) :
				    NULL;
			row->histogram &= add_stops(row, histogram, c,
						    s->number[n]);
			if (s->number[n] == kvm_exit_stats_cpuid_row())
				row->histogram &= add_stops(row, histogram, c,
							    EXIT_STATS_ROW_READ);
		}
		cond_resched();
	}

	for (n = 0; n < s->histograms; n++)
		if (s->row[n].histogram)
			find_percentiles(&s->row[n],
					 kvm_exit_stats_snapshot_histogram(s, n));

	/* A sum over counts of two generations is meaningless. */
	smp_rmb();
	if (READ_ONCE(kvm->arch.exit_stats.generation) == generation)
		s->generation = generation;
}
