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

struct static_key_true kvm_exit_stats_enabled = STATIC_KEY_TRUE_INIT;
EXPORT_SYMBOL_FOR_KVM_INTERNAL(kvm_exit_stats_enabled);

struct static_key_true kvm_exit_stats_stopped = STATIC_KEY_TRUE_INIT;

/*
 * Begin a generation.  Its number is random, because another host that the VM
 * migrates to must not give the same one.  Neither it nor its tag is zero.
 */
static void new_generation(struct kvm *kvm, bool from_zero)
{
	u32 generation;

	do {
		generation = get_random_u32();
	} while (!KVM_VMEXIT_TAG(generation));

	WRITE_ONCE(kvm->arch.exit_stats.from_zero, from_zero);
	/* Pairs with smp_load_acquire() where a generation is read. */
	smp_store_release(&kvm->arch.exit_stats.generation, generation);
}

/*
 * A switch leaves a gap in the counts of all VMs.  Until the switch is complete
 * they have no generation, and no guest gets a snapshot.
 */
static void end_generations(void)
{
	struct kvm *kvm;

	mutex_lock(&kvm_lock);
	list_for_each_entry(kvm, &vm_list, vm_list)
		WRITE_ONCE(kvm->arch.exit_stats.generation, 0);
	mutex_unlock(&kvm_lock);
}

static void begin_generations(void)
{
	struct kvm *kvm;

	mutex_lock(&kvm_lock);
	list_for_each_entry(kvm, &vm_list, vm_list)
		new_generation(kvm, false);
	mutex_unlock(&kvm_lock);
}

/*
 * The stop of an exit that was counted just before counting ended would last
 * until counting begins again.  Forget these exits.  Patching the branch has
 * interrupted every CPU, so that kvm_exit_stats_exit() sets no row any more.
 * Only a vCPU that was preempted in answer_vcpu() may still set one: forget
 * the exits once more before counting begins.
 */
static void forget_exits(void)
{
	struct kvm_vcpu *vcpu;
	struct kvm *kvm;
	unsigned long i;

	mutex_lock(&kvm_lock);
	list_for_each_entry(kvm, &vm_list, vm_list)
		kvm_for_each_vcpu(i, vcpu, kvm)
			kvm_exit_stats_forget(vcpu_exit_stats(vcpu));
	mutex_unlock(&kvm_lock);
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

	end_generations();
	if (on) {
		if (key == &kvm_exit_stats_enabled.key)
			forget_exits();
		static_key_enable(key);
	} else {
		static_key_disable(key);
		if (key == &kvm_exit_stats_enabled.key)
			forget_exits();
	}
	begin_generations();
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

/* A new VM's counts begin at zero. */
void kvm_exit_stats_init_vm(struct kvm *kvm)
{
	new_generation(kvm, true);
}

/*
 * Prepare the counters of @vcpu, which is zeroed and not yet visible to others.
 * Return 0 or -ENOMEM.
 */
int kvm_exit_stats_create(struct kvm_vcpu *vcpu)
{
	struct kvm_exit_stats *s = vcpu_exit_stats(vcpu);

	/*
	 * With both clocks an exit touches four cache lines of the statistics:
	 * one each of @s, its count, its row and its histogram.
	 */
	BUILD_BUG_ON(sizeof(*s) > SMP_CACHE_BYTES);
	BUILD_BUG_ON(__alignof__(*s) < SMP_CACHE_BYTES);
	BUILD_BUG_ON(SMP_CACHE_BYTES % sizeof(struct kvm_exit_stats_row));
	BUILD_BUG_ON(sizeof(*s->counters) > EXIT_STATS_BYTES);
	BUILD_BUG_ON(offsetof(struct kvm_exit_stats_counters, row));
	BUILD_BUG_ON(EXIT_STATS_HISTOGRAMS * KVM_VMEXIT_BUCKETS > U16_MAX);

	s->counters = alloc_pages_exact(EXIT_STATS_BYTES,
					GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!s->counters)
		return -ENOMEM;

	s->counters->row[KVM_VMEXIT_NO_ROW].max = U64_MAX;
	kvm_exit_stats_forget(s);
	return 0;
}

/* Free the counters of @vcpu, which nobody reads any more. */
void kvm_exit_stats_destroy(struct kvm_vcpu *vcpu)
{
	struct kvm_exit_stats *s = vcpu_exit_stats(vcpu);

	if (s->counters)
		free_pages_exact(s->counters, EXIT_STATS_BYTES);
}

/*
 * Count a row's longest stop so far, or a stop that is too long for the bucket
 * of its highest bit.  Both are rare.
 *
 * If the TSC was set back while the host was suspended, the difference is
 * negative: count the stop without its time.
 */
void kvm_exit_stats_longer(struct kvm_exit_stats_counters *c,
			   struct kvm_exit_stats_row *row, u64 cycles)
{
	unsigned long bit;

	if ((s64)cycles < 0)
		cycles = 0;

	if (cycles > READ_ONCE(row->max)) {
		WRITE_ONCE(row->max, cycles);
		if (!row->histogram &&
		    c->given < (EXIT_STATS_HISTOGRAMS - 1) * KVM_VMEXIT_BUCKETS) {
			c->given += KVM_VMEXIT_BUCKETS;
			/* Pairs with smp_rmb() where a histogram is read. */
			smp_store_release(&row->histogram, c->given);
		}
	}

	bit = min_t(unsigned long, kvm_exit_stats_bit(cycles), EXIT_STATS_BITN);
	kvm_exit_stats_add_stop(c, row, cycles, bit);
}
