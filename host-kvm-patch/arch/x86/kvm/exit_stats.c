// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exit statistics: the parameters, the generation of a VM's counts, and the
 * memory of a vCPU's counters.
 *
 * The counting itself is inline in exit_stats.h.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/random.h>

#include "exit_stats.h"
#include "exit_stats_access.h"
#include "exit_stats_cpuid.h"
#include "exit_stats_sample.h"

struct static_key_true kvm_exit_stats_enabled = STATIC_KEY_TRUE_INIT;
EXPORT_SYMBOL_FOR_KVM_INTERNAL(kvm_exit_stats_enabled);

struct static_key_true kvm_exit_stats_stopped = STATIC_KEY_TRUE_INIT;

/*
 * Begin a generation.  Its number is random: a host to which the VM migrates must
 * not use the same number.  Neither the number nor its tag, the sum of its halves,
 * may be zero, because zero says that there are no counts.
 */
static void new_generation(struct kvm_exit_stats_vm *vm, bool from_zero)
{
	u32 generation;

	do {
		generation = get_random_u32();
	} while (!(u16)(generation + (generation >> 16)));

	WRITE_ONCE(vm->from_zero, from_zero);
	/* Pairs with smp_load_acquire() where a generation is read. */
	smp_store_release(&vm->generation, generation);
}

/*
 * Switching a parameter leaves a gap in the counts of all VMs.  Until the switch
 * is complete, the counts have no generation, and a sum of them means nothing.
 */
static void end_generation(struct kvm_exit_stats_vm *vm)
{
	WRITE_ONCE(vm->generation, 0);
}

static void begin_generation(struct kvm_exit_stats_vm *vm)
{
	new_generation(vm, false);
}

/*
 * The stop of an exit that was counted just before counting ended would last
 * until counting begins again.  So forget the last exit of each vCPU.  Patching the
 * branch has interrupted every CPU, so that kvm_exit_stats_vmexit() sets no row any
 * more.  Only a vCPU that was preempted while it answered the vCPU leaf may still
 * set a row.  So forget the exits once more before counting begins.
 */
static void forget_exits(struct kvm_exit_stats_vm *vm)
{
	unsigned int i, nr = kvm_exit_stats_vcpus(vm);

	for (i = 0; i < nr; i++)
		kvm_exit_stats_forget(kvm_exit_stats_vcpu(vm, i));
}

static int switch_set(const char *val, const struct kernel_param *kp)
{
	struct static_key *key = kp->arg;
	bool on = true;
	int ret;

	/* A parameter without a value means yes, as for any bool. */
	ret = val ? kstrtobool(val, &on) : 0;
	if (ret || on == static_key_enabled(key))
		return ret;

	kvm_exit_stats_each_vm(end_generation);
	if (on) {
		if (key == &kvm_exit_stats_enabled.key)
			kvm_exit_stats_each_vm(forget_exits);
		static_key_enable(key);
	} else {
		static_key_disable(key);
		if (key == &kvm_exit_stats_enabled.key)
			kvm_exit_stats_each_vm(forget_exits);
	}
	kvm_exit_stats_each_vm(begin_generation);
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
MODULE_PARM_DESC(exit_stats, "Count exits and the cycles of handling them");
module_param_cb(exit_stats_stopped, &switch_ops, &kvm_exit_stats_stopped.key, 0644);
__MODULE_PARM_TYPE(exit_stats_stopped, "bool");
MODULE_PARM_DESC(exit_stats_stopped, "Measure also how long exits stop the vCPU");

/*
 * The counts of a new VM begin at zero.  If a parameter is switched before the VM is
 * in KVM's list, these counts have no gap, because the VM has no vCPU yet.
 */
void kvm_exit_stats_init_vm(struct kvm_exit_stats_vm *vm)
{
	new_generation(vm, true);
	kvm_exit_stats_init_access(vm);
}

/*
 * Prepare the counters of a vCPU of @vm.  @s is zeroed and not yet visible to
 * others.  @exits has the vCPU's exits; its first element is not used.  Return 0
 * or -ENOMEM.
 */
int kvm_exit_stats_create(struct kvm_exit_stats *s,
			  struct kvm_exit_stats_vm *vm, const u64 *exits)
{
	/*
	 * If handling and stops are measured, an exit touches four cache lines of
	 * the statistics: one each of @s, @exits, its row and its histogram.
	 */
	BUILD_BUG_ON(sizeof(*s) > SMP_CACHE_BYTES);
	BUILD_BUG_ON(__alignof__(*s) < SMP_CACHE_BYTES);
	BUILD_BUG_ON(SMP_CACHE_BYTES % sizeof(struct kvm_exit_stats_row));
	BUILD_BUG_ON(sizeof(*s->counters) > EXIT_STATS_BYTES);
	BUILD_BUG_ON(ARRAY_SIZE(s->counters->row) <= EXIT_STATS_ROW_NONE);
	BUILD_BUG_ON(EXIT_STATS_HISTOGRAMS * EXIT_BUCKETS > U16_MAX);

	s->counters = alloc_pages_exact(EXIT_STATS_BYTES,
					GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!s->counters)
		return -ENOMEM;

	s->exits = exits + 1;
	s->vm = vm;
	s->max_epoch = atomic_read(&vm->max_epoch);
	s->counters->row[EXIT_STATS_ROW_NONE].max = U64_MAX;
	kvm_exit_stats_forget(s);
	return 0;
}

/* Free the counters of a vCPU that nobody reads any more. */
void kvm_exit_stats_destroy(struct kvm_exit_stats *s)
{
	kvm_exit_stats_free_snapshot(s);
	kvm_exit_stats_free_samples(s);
	if (s->counters)
		free_pages_exact(s->counters, EXIT_STATS_BYTES);
}

/*
 * Count a stop that is the longest of its row so far, or whose highest bit is above
 * the bit of the last bucket.  Both are rare.
 *
 * If the TSC was set back while the host was suspended, the difference is
 * negative: count the stop without its time.
 */
void kvm_exit_stats_new_max(struct kvm_exit_stats_counters *c,
			    struct kvm_exit_stats_row *row, u64 cycles)
{
	unsigned long bit;

	if ((s64)cycles < 0)
		cycles = 0;

	if (cycles > row->max) {
		WRITE_ONCE(row->max, cycles);
		if (!row->first_bucket &&
		    c->last_bucket < (EXIT_STATS_HISTOGRAMS - 1) * EXIT_BUCKETS) {
			c->last_bucket += EXIT_BUCKETS;
			/* Pairs with smp_rmb() where a histogram is read. */
			smp_store_release(&row->first_bucket, c->last_bucket);
		}
	}

	bit = min_t(unsigned long, kvm_exit_stats_bit(cycles), EXIT_STATS_BITN);
	kvm_exit_stats_add_stop(c, row, cycles, bit);
}
