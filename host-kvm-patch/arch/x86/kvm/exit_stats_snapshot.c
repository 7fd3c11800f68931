// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exit statistics: the sums of the counters of a VM's vCPUs, which may be
 * running meanwhile.
 *
 * A VM can have thousands of vCPUs.  So a sum is made in parts, each of which
 * adds PART vCPUs at most.  Between two parts a guest that reads a sum takes
 * its interrupts, and a reader of the file in debugfs lets other threads run.
 */
#include <linux/bitmap.h>
#include <linux/math64.h>

#include "exit_stats_snapshot.h"

/* vCPUs in a part, which takes some tens of microseconds if no counter is cached. */
#define PART	16

/* Is this CPUID's row?  Then a sum adds EXIT_STATS_ROW_READ to it. */
static bool is_cpuid(u32 row)
{
	return row == kvm_exit_stats_cpuid_row();
}

/* Begin a sum.  The caller sets which leaf it is for. */
void kvm_exit_stats_begin_sum(struct kvm_exit_stats_sum *sum)
{
	memset(sum, 0, sizeof(*sum));
}

/*
 * Call @f for the next vCPUs of @vm, at most PART.  Return true once all vCPUs have
 * been visited.  @self, the vCPU that reads the sum, comes last, so that a sum
 * contains the exit that asked for it.
 */
static bool visit_some(struct kvm_exit_stats_vm *vm, struct kvm_exit_stats *self,
		       struct kvm_exit_stats_sum *sum, void *to,
		       void (*f)(struct kvm_exit_stats *s,
				 struct kvm_exit_stats_sum *sum, void *to))
{
	u32 nr = kvm_exit_stats_vcpus(vm);
	u32 end = min(nr, sum->next + PART);
	struct kvm_exit_stats *s;

	for (; sum->next < end; sum->next++) {
		s = kvm_exit_stats_vcpu(vm, sum->next);
		if (s != self)
			f(s, sum, to);
	}
	if (sum->next < nr)
		return false;
	if (self)
		f(self, sum, to);
	return true;
}

static void add_totals(struct kvm_exit_stats *s, struct kvm_exit_stats_sum *sum,
		       void *to)
{
	const struct kvm_exit_stats_counters *c = s->counters;
	u32 row = *(u32 *)to, i;

	for (i = 0; i < KVM_EXIT_STATS_ROWS; i++) {
		sum->exits += READ_ONCE(s->exits[i]);
		sum->cycles += READ_ONCE(c->row[i].cycles);
	}
	sum->cycles += READ_ONCE(c->row[EXIT_STATS_ROW_READ].cycles);

	if (row == EXIT_STATS_ROW_NONE)
		return;
	sum->row_exits += READ_ONCE(s->exits[row]);
	sum->row_cycles += READ_ONCE(c->row[row].cycles);
	if (is_cpuid(row))
		sum->row_cycles += READ_ONCE(c->row[EXIT_STATS_ROW_READ].cycles);
}

/*
 * Add the counts of some vCPUs of @vm to @sum: the counts of all rows and, unless
 * @row is EXIT_STATS_ROW_NONE, the counts of @row.  Return true once the sum is
 * complete.
 */
bool kvm_exit_stats_add_some(struct kvm_exit_stats_vm *vm,
			     struct kvm_exit_stats *self,
			     struct kvm_exit_stats_sum *sum, u32 row)
{
	return visit_some(vm, self, sum, &row, add_totals);
}

/* The longest stop, or 0 if the vCPU has not done the last reset yet. */
static u64 max_of(const struct kvm_exit_stats *s,
		  const struct kvm_exit_stats_row *row)
{
	/* Pairs with smp_store_release() in kvm_exit_stats_reset_max(). */
	if (smp_load_acquire(&s->max_epoch) != atomic_read(&s->vm->max_epoch))
		return 0;
	return READ_ONCE(row->max);
}

/*
 * Add one row of a vCPU to a sum.  Return false if @histogram does not contain
 * the stops of this row.
 */
static bool add_row(struct exit_counts *sum, u64 *histogram,
		    const struct kvm_exit_stats *s, u32 nr)
{
	const struct kvm_exit_stats_counters *c = s->counters;
	const struct kvm_exit_stats_row *row = &c->row[nr];
	u64 stopped = READ_ONCE(row->stopped);
	unsigned int i;
	u16 first;

	sum->cycles += READ_ONCE(row->cycles);
	sum->stopped += stopped;
	sum->max = max(sum->max, max_of(s, row));

	/* Pairs with smp_store_release() in kvm_exit_stats_new_max(). */
	smp_rmb();
	first = READ_ONCE(row->first_bucket);
	if (!first || !histogram)
		return !stopped;

	for (i = 0; i < EXIT_BUCKETS; i++)
		histogram[i] += READ_ONCE(c->bucket[first + i]);
	return true;
}

static void add_counts(struct kvm_exit_stats *s, struct kvm_exit_stats_sum *sum,
		       void *to)
{
	struct kvm_exit_stats_snapshot *snapshot = to;
	struct exit_counts *counts;
	u64 *histogram, exits;
	unsigned int n = 0;
	u32 row;

	for_each_set_bit(row, sum->rows, KVM_EXIT_STATS_ROWS) {
		counts = &snapshot->counts[n];
		exits = READ_ONCE(s->exits[row]);
		counts->exits += exits;
		snapshot->exits += exits;

		histogram = n < snapshot->histograms ?
			    kvm_exit_stats_snapshot_histogram(snapshot, n) : NULL;
		counts->has_histogram &= add_row(counts, histogram, s, row);
		if (is_cpuid(row))
			counts->has_histogram &= add_row(counts, histogram, s,
							 EXIT_STATS_ROW_READ);
		n++;
	}
}

/* The bucket of a percentile of @all stops, by nearest rank. */
static u8 percentile(const u64 *histogram, u64 all, unsigned int permille)
{
	u64 rank = all - mul_u64_u64_div_u64(all, 1000 - permille, 1000);
	unsigned int i;

	for (i = 0; i < EXIT_BUCKETS - 1; i++) {
		if (rank <= histogram[i])
			break;
		rank -= histogram[i];
	}
	return i;
}

static void find_percentiles(struct exit_counts *counts, const u64 *histogram)
{
	unsigned int i;
	u64 all = 0;

	for (i = 0; i < EXIT_BUCKETS; i++)
		all += histogram[i];

	counts->has_histogram = all;
	if (!all)
		return;

	counts->percentile[0] = percentile(histogram, all, 500);
	counts->percentile[1] = percentile(histogram, all, 990);
	counts->percentile[2] = percentile(histogram, all, 999);
}

static void mark_rows(struct kvm_exit_stats *s, struct kvm_exit_stats_sum *sum,
		      void *to)
{
	u32 row;

	for (row = 0; row < KVM_EXIT_STATS_ROWS; row++)
		if (READ_ONCE(s->exits[row]))
			__set_bit(row, sum->rows);
}

/* List the reasons that have exits, and make room for their histograms. */
static void list_reasons(struct kvm_exit_stats_snapshot *snapshot,
			 const struct kvm_exit_stats_sum *sum)
{
	unsigned int n;
	size_t left;
	u32 row;

	memset(snapshot, 0, EXIT_STATS_SNAPSHOT_BYTES);
	for_each_set_bit(row, sum->rows, KVM_EXIT_STATS_ROWS)
		snapshot->counts[snapshot->nr++].reason =
			exit_stats_reason_of(kvm_exit_stats_isa(), row);

	left = EXIT_STATS_SNAPSHOT_BYTES -
	       struct_size(snapshot, counts, snapshot->nr);
	snapshot->histograms = min_t(size_t, snapshot->nr,
				     left / (EXIT_BUCKETS * sizeof(u64)));
	for (n = 0; n < snapshot->histograms; n++)
		snapshot->counts[n].has_histogram = true;
}

/*
 * Work on @snapshot of @vm, EXIT_STATS_SNAPSHOT_BYTES of memory.  @self is the
 * vCPU that reads it, NULL for the host.  Return true once it is complete.  Its
 * generation is 0 if the counts had a gap meanwhile.
 *
 * The first round over the vCPUs lists the reasons that have exits.  The second
 * round adds up the counts of these reasons, which never go back to zero.
 */
bool kvm_exit_stats_snapshot_some(struct kvm_exit_stats_vm *vm,
				  struct kvm_exit_stats *self,
				  struct kvm_exit_stats_sum *sum,
				  struct kvm_exit_stats_snapshot *snapshot)
{
	unsigned int n;

	/* The rows of all reasons fit, but not the histograms of all. */
	BUILD_BUG_ON(struct_size(snapshot, counts, KVM_EXIT_STATS_ROWS) >
		     EXIT_STATS_SNAPSHOT_BYTES);

	if (!sum->listed) {
		if (!sum->next)
			sum->generation = kvm_exit_stats_generation(vm);
		if (!visit_some(vm, self, sum, NULL, mark_rows))
			return false;
		list_reasons(snapshot, sum);
		sum->listed = true;
		sum->next = 0;
	}

	if (!visit_some(vm, self, sum, snapshot, add_counts))
		return false;

	for (n = 0; n < snapshot->histograms; n++)
		if (snapshot->counts[n].has_histogram)
			find_percentiles(&snapshot->counts[n],
					 kvm_exit_stats_snapshot_histogram(snapshot, n));

	/* A sum over counts of two generations is meaningless. */
	smp_rmb();
	if (kvm_exit_stats_generation(vm) == sum->generation)
		snapshot->generation = sum->generation;
	return true;
}
