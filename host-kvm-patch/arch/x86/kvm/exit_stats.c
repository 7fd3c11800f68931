// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exit statistics: switching them on and off, the vCPU's counters, their sum.
 *
 * The counting itself is inline in exit_stats.h.
 */
#include <linux/bitmap.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/random.h>
#include <linux/sched.h>

#include "exit_stats.h"

struct static_key_true kvm_exit_stats_enabled = STATIC_KEY_TRUE_INIT;
EXPORT_SYMBOL_GPL(kvm_exit_stats_enabled);

struct static_key_true kvm_exit_stopped_enabled = STATIC_KEY_TRUE_INIT;

/*
 * An exit that was counted just before counting stopped would find its entry
 * whenever counting starts again, and be charged with all the time between.
 * Patching the branch has interrupted every CPU, so a round that saw it on has
 * passed its exit; nothing sets a row any more.
 */
static void forget_exits(void)
{
	struct kvm_vcpu *vcpu;
	struct kvm *kvm;
	unsigned long i;

	mutex_lock(&kvm_lock);
	list_for_each_entry(kvm, &vm_list, vm_list)
		kvm_for_each_vcpu(i, vcpu, kvm)
			WRITE_ONCE(vcpu->exit_stats.row, KVM_EXITS_NO_ROW);
	mutex_unlock(&kvm_lock);
}

static int switch_set(const char *val, const struct kernel_param *kp)
{
	struct static_key *key = kp->arg;
	bool on = true;
	int ret;

	/* A parameter without a value is a yes, as for any bool. */
	ret = val ? kstrtobool(val, &on) : 0;
	if (ret)
		return ret;

	if (on) {
		static_key_enable(key);
	} else {
		static_key_disable(key);
		if (key == &kvm_exit_stats_enabled.key)
			forget_exits();
	}
	return 0;
}

static int switch_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%c\n",
			  static_key_enabled((struct static_key *)kp->arg) ? 'Y' : 'N');
}

static const struct kernel_param_ops switch_ops = {
	.flags = KERNEL_PARAM_OPS_FL_NOARG,
	.set = switch_set,
	.get = switch_get,
};

module_param_cb(exit_stats, &switch_ops, &kvm_exit_stats_enabled.key, 0644);
__MODULE_PARM_TYPE(exit_stats, "bool");
MODULE_PARM_DESC(exit_stats, "Count exits and the cycles of handling them, and tell the guest");
module_param_cb(exit_stats_stopped, &switch_ops, &kvm_exit_stopped_enabled.key, 0644);
__MODULE_PARM_TYPE(exit_stats_stopped, "bool");
MODULE_PARM_DESC(exit_stats_stopped, "Measure also how long exits stop the vCPU");

/**
 * kvm_exit_stats_create() - prepare a vCPU's counters
 * @vcpu: the vCPU, zeroed, not yet visible to others
 *
 * Return: 0 or -ENOMEM.
 */
int kvm_exit_stats_create(struct kvm_vcpu *vcpu)
{
	struct kvm_exit_stats *s = &vcpu->exit_stats;

	BUILD_BUG_ON(sizeof(*s) > 4096);
	BUILD_BUG_ON(sizeof(*s->stopped) > KVM_EXIT_STOPPED_BYTES);
	/* Rows of all reasons fit, if without histograms. */
	BUILD_BUG_ON(struct_size(s->snapshot, row, KVM_EXITS_ROWS) >
		     KVM_EXIT_SNAPSHOT_BYTES);

	s->stopped = alloc_pages_exact(KVM_EXIT_STOPPED_BYTES,
				       GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	s->snapshot = alloc_pages_exact(KVM_EXIT_SNAPSHOT_BYTES,
					GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!s->stopped || !s->snapshot) {
		kvm_exit_stats_destroy(vcpu);
		return -ENOMEM;
	}

	s->stopped->max[KVM_EXITS_NO_ROW] = U64_MAX;
	s->row = KVM_EXITS_NO_ROW;
	do {
		s->generation = get_random_u32();
	} while (!s->generation);

	return 0;
}

/**
 * kvm_exit_stats_destroy() - free a vCPU's counters
 * @vcpu: the vCPU; its VM has no other user left
 */
void kvm_exit_stats_destroy(struct kvm_vcpu *vcpu)
{
	struct kvm_exit_stats *s = &vcpu->exit_stats;

	if (s->stopped)
		free_pages_exact(s->stopped, KVM_EXIT_STOPPED_BYTES);
	if (s->snapshot)
		free_pages_exact(s->snapshot, KVM_EXIT_SNAPSHOT_BYTES);
}

/**
 * kvm_exit_stats_generation() - which run of the counts this VM's is
 * @kvm: the VM
 *
 * Return: the generation, or 0 if the VM has no vCPU yet.
 */
u32 kvm_exit_stats_generation(struct kvm *kvm)
{
	struct kvm_vcpu *vcpu = kvm_get_vcpu(kvm, 0);

	return vcpu ? vcpu->exit_stats.generation : 0;
}

/**
 * kvm_exit_stopped_longer() - a reason's longest stop yet, or a very long one
 * @s: the vCPU's counters
 * @row: row number
 * @cycles: how long; no time at all if the TSC went backwards over a suspend
 *	of the host
 *
 * Out of line, because it is rare.
 */
void kvm_exit_stopped_longer(struct kvm_exit_stopped *s, unsigned long row,
			     u64 cycles)
{
	unsigned long bit;

	if ((s64)cycles < 0)
		cycles = 0;

	if (cycles > s->max[row]) {
		WRITE_ONCE(s->max[row], cycles);
		if (!s->first[row] &&
		    s->given < (KVM_EXIT_HISTOGRAMS - 1) * KVM_EXITS_BUCKETS) {
			s->given += KVM_EXITS_BUCKETS;
			WRITE_ONCE(s->first[row], s->given);
		}
	}

	bit = min_t(unsigned long, kvm_exit_stopped_bit(cycles),
		    KVM_EXIT_STOPPED_BITN);
	kvm_exit_stopped_add(s, row, cycles, bit);
}

/* Adds one vCPU's counters of one reason; false if its histogram is missing. */
static bool add_stopped(struct kvm_exit_row *row, u64 *histogram, u32 number,
			const struct kvm_exit_stopped *s)
{
	u64 cycles = READ_ONCE(s->cycles[number]);
	u16 first = READ_ONCE(s->first[number]);
	unsigned int i;

	row->stopped += cycles;
	row->max = max(row->max, READ_ONCE(s->max[number]));
	if (!first || !histogram)
		return !cycles;

	for (i = 0; i < KVM_EXITS_BUCKETS; i++)
		histogram[i] += READ_ONCE(s->histogram[first + i]);
	return true;
}

/* The bucket in which the @permille-th of a thousand lies, by nearest rank. */
static u8 percentile(const u64 *histogram, u64 all, unsigned int permille)
{
	u64 rank = all - mul_u64_u64_div_u64(all, 1000 - permille, 1000);
	unsigned int i;

	for (i = 0; i < KVM_EXITS_BUCKETS - 1; i++) {
		if (rank <= histogram[i])
			break;
		rank -= histogram[i];
	}
	return i;
}

static void find_percentiles(struct kvm_exit_row *row, const u64 *histogram)
{
	unsigned int i;
	u64 all = 0;

	for (i = 0; i < KVM_EXITS_BUCKETS; i++)
		all += histogram[i];

	row->histogram = all;
	if (!all)
		return;

	row->bucket[0] = percentile(histogram, all, 500);
	row->bucket[1] = percentile(histogram, all, 990);
	row->bucket[2] = percentile(histogram, all, 999);
}

/**
 * kvm_exit_snapshot_take() - sum up the counters of a VM's vCPUs
 * @kvm: the VM; its vCPUs may be running
 * @s: where to, KVM_EXIT_SNAPSHOT_BYTES
 *
 * Each counter is read once and was true when it was read.  May sleep.
 */
void kvm_exit_snapshot_take(struct kvm *kvm, struct kvm_exit_snapshot *s)
{
	DECLARE_BITMAP(used, KVM_EXITS_ROWS) = {};
	struct kvm_exit_stats *stats;
	struct kvm_exit_row *row;
	struct kvm_vcpu *vcpu;
	u64 *histogram, exits;
	unsigned long i;
	unsigned int n;
	size_t left;

	/* Which first: what is not zero once stays so, and rows are scarce. */
	kvm_for_each_vcpu(i, vcpu, kvm) {
		for (n = 0; n < KVM_EXITS_ROWS; n++)
			if (READ_ONCE(vcpu->exit_stats.exits[n]))
				__set_bit(n, used);
		cond_resched();
	}

	memset(s, 0, KVM_EXIT_SNAPSHOT_BYTES);
	for_each_set_bit(n, used, KVM_EXITS_ROWS)
		s->number[s->nr++] = n;

	left = KVM_EXIT_SNAPSHOT_BYTES - struct_size(s, row, s->nr);
	s->histograms = min_t(size_t, s->nr,
			      left / (KVM_EXITS_BUCKETS * sizeof(u64)));
	for (n = 0; n < s->histograms; n++)
		s->row[n].histogram = true;

	kvm_for_each_vcpu(i, vcpu, kvm) {
		stats = &vcpu->exit_stats;
		for (n = 0; n < s->nr; n++) {
			row = &s->row[n];
			exits = READ_ONCE(stats->exits[s->number[n]]);
			row->exits += exits;
			row->cycles += READ_ONCE(stats->cycles[s->number[n]]);
			s->total += exits;

			histogram = n < s->histograms ?
				    kvm_exit_snapshot_histogram(s, n) : NULL;
			row->histogram &= add_stopped(row, histogram,
						      s->number[n],
						      stats->stopped);
		}
		cond_resched();
	}

	for (n = 0; n < s->histograms; n++)
		if (s->row[n].histogram)
			find_percentiles(&s->row[n],
					 kvm_exit_snapshot_histogram(s, n));
}
