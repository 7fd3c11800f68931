// SPDX-License-Identifier: GPL-2.0-only
/*
 * Samples of this guest's VM exits.
 *
 * A CPU asks the host for a sample of every n-th exit of a reason.  The host
 * sends it as an NMI right behind the instruction that exited, so the
 * interrupted registers show the code that causes the exit.  asm/kvm_vmexit.h
 * describes the MSRs.
 *
 * A CPU can have several users: perf events (pmu.c) and the tracepoint
 * (trace.c).  Each has its own period and its own reasons.  The host gets the
 * shortest period of each reason, and each user gets the samples that are due
 * by its own period.  Only a CPU itself changes its list, with interrupts off,
 * unless the CPU is offline.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/hash.h>
#include <linux/kernel.h>
#include <linux/panic_notifier.h>
#include <linux/percpu.h>
#include <linux/ptrace.h>
#include <linux/rculist.h>
#include <linux/reboot.h>
#include <linux/smp.h>
#include <linux/timex.h>
#include <linux/workqueue.h>
#include <asm/msr.h>
#include <asm/nmi.h>

#include "compat.h"
#include "module.h"
#include "sample.h"

/**
 * struct sampling - the sampling of a CPU
 * @samplers: the list of the CPU's users
 * @all: the period that the host has for all reasons, 0 for none
 * @period: by slot, the period that the host has
 * @chosen: the slots that have a period of their own
 * @part: the slots whose first sample comes before a whole period
 * @busy: the fields above are being changed
 * @changed: a user has changed its period in an NMI
 * @stopped: the CPU is going offline, or the machine reboots
 * @known: the host has only the periods in the fields above, and none that another
 *	kernel asked for before kexec
 * @claimed: other_nmi() has handled an NMI without a sample, and handles no other one
 *	until this CPU asks for samples again
 */
struct sampling {
	struct hlist_head samplers;
	u32 all;
	u32 period[SAMPLE_SLOTS];
	DECLARE_BITMAP(chosen, SAMPLE_SLOTS);
	DECLARE_BITMAP(part, SAMPLE_SLOTS);
	bool busy;
	bool changed;
	bool stopped;
	bool known;
	bool claimed;
};

static struct sampling __percpu *sampling;

/* The number of users that exist, whether their task runs now or not. */
static atomic_t users = ATOMIC_INIT(0);

static u64 msr_reason(s32 reason)
{
	return (u64)(u16)reason << KVM_VMEXIT_SAMPLE_REASON_SHIFT;
}

static s32 status_reason(u64 status)
{
	return KVM_VMEXIT_REASON(status);
}

#define MSR_ALL	((u64)KVM_VMEXIT_ALL << KVM_VMEXIT_SAMPLE_REASON_SHIFT)

static bool ask_for(u64 reason, u32 period)
{
	return !wrmsrq_safe(MSR_KVM_VMEXIT_SAMPLE, reason | period);
}

/**
 * kvm_exits_slot() - the slot of a reason
 * @reason: any number
 */
unsigned int kvm_exits_slot(s32 reason)
{
	if (reason < 0)
		return 0xf0 | (reason & 0xf);
	return reason < 0xe0 ? reason : 0xe0 | (reason & 0xf);
}

/**
 * kvm_exits_slot_reason() - the reason of a slot
 * @slot: the slot of a reason that the architecture defines
 */
s32 kvm_exits_slot_reason(unsigned int slot)
{
	if (slot >= 0xf0)
		return (s32)(slot & 0xf) - 0x10;
	return slot < 0xe0 ? slot : 0x400 | (slot & 0xf);
}

/*
 * A user that comes and goes with a task is added each time the task gets the CPU.
 * With whole periods it would never get a sample of a reason that has less than n
 * exits in each such turn.  So the first sample of a turn comes after a random
 * number of 1 to n exits: on average, k exits give k / n samples.
 */
static u32 part_of(u32 period)
{
	return 1 + reciprocal_scale(hash_32(random_get_entropy(), 32), period);
}

static void set_all(struct sampling *sp, u32 period, bool whole)
{
	u32 first = whole || !period ? period : part_of(period);

	sp->all = period;
	memset32(sp->period, period, SAMPLE_SLOTS);
	if (first == period)
		bitmap_zero(sp->part, SAMPLE_SLOTS);
	else
		bitmap_fill(sp->part, SAMPLE_SLOTS);
	/* In the host, a period for all reasons replaces the periods of single reasons. */
	bitmap_zero(sp->chosen, SAMPLE_SLOTS);
	if (ask_for(MSR_ALL, first) && first)
		sp->claimed = false;
}

static void set_one(struct sampling *sp, unsigned int slot, u32 period,
		    bool whole)
{
	u32 first = whole || !period ? period : part_of(period);

	sp->period[slot] = period;
	__assign_bit(slot, sp->part, first != period);
	if (ask_for(msr_reason(kvm_exits_slot_reason(slot)), first) && first)
		sp->claimed = false;
}

static bool wants(const struct kvm_exits_sampler *s, unsigned int slot)
{
	return s->all || test_bit(slot, s->slots);
}

static u32 shorter(u32 a, u32 b)
{
	return a ? min(a, b) : b;
}

static u32 shortest(const struct sampling *sp, unsigned int slot)
{
	const struct kvm_exits_sampler *s;
	u32 period = 0;

	hlist_for_each_entry(s, &sp->samplers, node)
		if (wants(s, slot))
			period = shorter(period, s->period);
	return period;
}

/*
 * End all sampling of this CPU.  No NMI is pending afterwards: the WRMSR exits, and
 * the guest takes the NMI of an earlier exit at the entry that follows.
 */
static void disarm(struct sampling *sp)
{
	set_all(sp, 0, true);
}

/*
 * Tell the host what the users of this CPU want.  Writing a period begins this
 * period anew, so write only what changes.  @whole: if a reason was not sampled,
 * begin with a whole period.
 */
static void program(struct sampling *sp, bool whole)
{
	DECLARE_BITMAP(slots, SAMPLE_SLOTS);
	const struct kvm_exits_sampler *s;
	unsigned int slot;
	u32 all = 0, n;

	if (sp->stopped)
		return;
	WRITE_ONCE(sp->busy, true);
	barrier();

	if (!sp->known) {
		/* The kernel that ran before this one may have left a sample. */
		disarm(sp);
		wrmsrq_safe(MSR_KVM_VMEXIT_SAMPLE_STATUS, 0);
		sp->known = true;
	}

	bitmap_copy(slots, sp->chosen, SAMPLE_SLOTS);
	hlist_for_each_entry(s, &sp->samplers, node) {
		if (s->all)
			all = shorter(all, s->period);
		else
			bitmap_or(slots, slots, s->slots, SAMPLE_SLOTS);
	}
	if (all != sp->all)
		set_all(sp, all, whole && !sp->all &&
			bitmap_empty(sp->chosen, SAMPLE_SLOTS));
	for_each_set_bit(slot, slots, SAMPLE_SLOTS) {
		n = shortest(sp, slot);
		if (n != sp->period[slot])
			set_one(sp, slot, n, whole && !sp->period[slot]);
		__assign_bit(slot, sp->chosen, n != sp->all);
	}

	barrier();
	WRITE_ONCE(sp->busy, false);
}

/* The host has forgotten all requests of this CPU. */
static void forget(struct sampling *sp)
{
	sp->all = 0;
	memset32(sp->period, 0, SAMPLE_SLOTS);
	bitmap_zero(sp->chosen, SAMPLE_SLOTS);
	sp->known = false;
}

static bool cpu_is_armed(void)
{
	u64 reasons;

	return !rdmsrq_safe(MSR_KVM_VMEXIT_SAMPLE, &reasons) && reasons;
}

/*
 * A vCPU is armed while its host samples a reason.  After a migration or a RESET it
 * is not armed: ask the host again.  If the vCPU is armed, no NMI is pending here: the
 * guest has taken it at the entry after the RDMSR.  If there is still a sample,
 * sample_nmi() got no answer from the host: end the sample, because there will be no
 * other NMI for it.
 */
static void renew_cpu(void *unused)
{
	struct sampling *sp = this_cpu_ptr(sampling);

	if (hlist_empty(&sp->samplers) || sp->stopped)
		return;
	if (cpu_is_armed()) {
		wrmsrq_safe(MSR_KVM_VMEXIT_SAMPLE_STATUS, 0);
		return;
	}
	forget(sp);
	program(sp, true);
}

static void renew(struct work_struct *work);
static DECLARE_DELAYED_WORK(renew_work, renew);

/* Look each second, because a guest gets no notice of a live migration. */
static void renew(struct work_struct *work)
{
	if (!atomic_read(&users))
		return;
	on_each_cpu(renew_cpu, NULL, 1);
	schedule_delayed_work(&renew_work, HZ);
}

/**
 * kvm_exits_sampling_get() - let there be one more user
 *
 * Until kvm_exits_sampling_put(), sample_nmi() handles the NMIs of samples.
 *
 * Return: 0, or -EOPNOTSUPP if the host takes no samples.
 */
int kvm_exits_sampling_get(void)
{
	if (!sampling)
		return -EOPNOTSUPP;
	if (atomic_inc_return(&users) == 1)
		schedule_delayed_work(&renew_work, HZ);
	return 0;
}

/**
 * kvm_exits_sampling_put() - let there be one user less
 *
 * The user's sampler is no longer in a list.
 */
void kvm_exits_sampling_put(void)
{
	atomic_dec(&users);
}

/**
 * kvm_exits_can_sample() - whether the host samples a reason
 * @reason: any number
 *
 * The caller has called kvm_exits_sampling_get().
 */
bool kvm_exits_can_sample(s32 reason)
{
	unsigned int slot = kvm_exits_slot(reason);
	struct sampling *sp;
	unsigned long flags;
	bool can;

	local_irq_save(flags);
	sp = this_cpu_ptr(sampling);
	can = ask_for(msr_reason(reason), sp->period[slot]);
	local_irq_restore(flags);
	return can;
}

/**
 * kvm_exits_sampler_add() - let a user have the samples of this CPU
 * @s: the user
 *
 * Interrupts are off.
 */
void kvm_exits_sampler_add(struct kvm_exits_sampler *s)
{
	struct sampling *sp = this_cpu_ptr(sampling);

	hlist_add_head_rcu(&s->node, &sp->samplers);
	program(sp, !s->switched);
}

/**
 * kvm_exits_sampler_del() - take a user off the samples of this CPU
 * @s: the user
 *
 * Interrupts are off.  No NMI uses @s afterwards.
 */
void kvm_exits_sampler_del(struct kvm_exits_sampler *s)
{
	hlist_del_init_rcu(&s->node);
	program(this_cpu_ptr(sampling), false);
}

static void add_here(void *sampler)
{
	kvm_exits_sampler_add(sampler);
}

static void del_here(void *sampler)
{
	kvm_exits_sampler_del(sampler);
}

/**
 * kvm_exits_sampler_add_on() - let a user have the samples of a CPU
 * @cpu: the CPU, which may be offline
 * @s: the user
 *
 * The caller holds cpus_read_lock().
 */
void kvm_exits_sampler_add_on(int cpu, struct kvm_exits_sampler *s)
{
	if (cpu_online(cpu))
		smp_call_function_single(cpu, add_here, s, 1);
	else
		hlist_add_head_rcu(&s->node,
				   &per_cpu_ptr(sampling, cpu)->samplers);
}

/**
 * kvm_exits_sampler_del_on() - take a user off the samples of a CPU
 * @cpu: the CPU, which may be offline
 * @s: the user
 *
 * The caller holds cpus_read_lock().
 */
void kvm_exits_sampler_del_on(int cpu, struct kvm_exits_sampler *s)
{
	if (cpu_online(cpu))
		smp_call_function_single(cpu, del_here, s, 1);
	else
		hlist_del_init_rcu(&s->node);
}

/**
 * kvm_exits_sampler_set_period() - change the period of a user
 * @s: the user, in the list of this CPU
 * @period: its new period
 *
 * Interrupts are off, or this is the user's own take().
 */
void kvm_exits_sampler_set_period(struct kvm_exits_sampler *s, u32 period)
{
	if (s->period == period)
		return;
	s->period = period;
	if (in_nmi())
		this_cpu_ptr(sampling)->changed = true;
	else
		program(this_cpu_ptr(sampling), false);
}

/* Hand a sample to the users for whom it is due. */
static void hand_out(struct sampling *sp, struct kvm_exits_sample *sample,
		     struct pt_regs *regs)
{
	unsigned int slot = kvm_exits_slot(sample->reason);
	u32 grid = sp->period[slot];
	struct kvm_exits_sampler *s;
	u64 done, lost = sample->lost;

	hlist_for_each_entry_rcu(s, &sp->samplers, node, in_nmi()) {
		s->lost += lost;
		if (!wants(s, slot))
			continue;
		done = (u64)s->done[slot] + grid;
		s->done[slot] = done % s->period;
		if (done < s->period)
			continue;
		sample->exits = done - s->done[slot];
		sample->lost = s->lost;
		s->lost = 0;
		s->take(s, sample, regs);
	}
}

/*
 * After a sample, the host has begun the reason's next period by itself.  Write the
 * period again only if a user has changed it, or if only a part of it was written.
 */
static void next_period(struct sampling *sp, s32 reason)
{
	unsigned int slot = kvm_exits_slot(reason);
	u32 before = sp->period[slot];

	if (sp->changed) {
		sp->changed = false;
		program(sp, false);
	}
	if (sp->period[slot] != before || test_bit(slot, sp->part))
		set_one(sp, slot, sp->period[slot], true);
}

/*
 * An NMI without a sample belongs to another handler.  There is one exception: if
 * the NMI of a sample was pending when the VM migrated, the new host has no sample
 * for it, and the vCPU is no longer armed.  So handle one NMI of an unarmed vCPU.
 */
static int other_nmi(struct sampling *sp)
{
	if (sp->claimed || cpu_is_armed())
		return NMI_DONE;
	sp->claimed = true;
	return NMI_HANDLED;
}

static int sample_nmi(unsigned int type, struct pt_regs *regs)
{
	struct kvm_exits_sample sample = {};
	struct sampling *sp;
	u64 status;

	if (!atomic_read(&users))
		return NMI_DONE;

	sp = this_cpu_ptr(sampling);
	if (rdmsrq_safe(MSR_KVM_VMEXIT_SAMPLE_STATUS, &status) ||
	    !(status & KVM_VMEXIT_SAMPLE_VALID))
		return other_nmi(sp);

	sample.reason = status_reason(status);
	rdmsrq_safe(MSR_KVM_VMEXIT_SAMPLE_DETAIL, &sample.detail);
	if (status & KVM_VMEXIT_SAMPLE_HAS_LOST)
		rdmsrq_safe(MSR_KVM_VMEXIT_SAMPLE_LOST, &sample.lost);
	hand_out(sp, &sample, regs);
	if (!READ_ONCE(sp->busy))
		next_period(sp, sample.reason);

	/* Write this last, so that the exits of the accesses above are not sampled. */
	wrmsrq_safe(MSR_KVM_VMEXIT_SAMPLE_STATUS, 0);
	return NMI_HANDLED;
}

static void stop_cpu(void *unused)
{
	struct sampling *sp = this_cpu_ptr(sampling);

	sp->stopped = true;
	if (sp->known)
		disarm(sp);
}

static int sample_online(unsigned int cpu)
{
	struct sampling *sp = per_cpu_ptr(sampling, cpu);
	unsigned long flags;

	local_irq_save(flags);
	sp->stopped = false;
	forget(sp);
	if (!hlist_empty(&sp->samplers))
		program(sp, true);
	local_irq_restore(flags);
	return 0;
}

static int sample_offline(unsigned int cpu)
{
	unsigned long flags;

	local_irq_save(flags);
	stop_cpu(NULL);
	local_irq_restore(flags);
	return 0;
}

/* The kernel that is booted next does not expect NMIs. */
static int sample_reboot(struct notifier_block *nb, unsigned long action,
			 void *data)
{
	on_each_cpu(stop_cpu, NULL, 1);
	return NOTIFY_DONE;
}

static struct notifier_block reboot_nb = { .notifier_call = sample_reboot };

/* A crash kernel expects no NMIs, either.  The other CPUs are stopped. */
static int sample_panic(struct notifier_block *nb, unsigned long action,
			void *data)
{
	if (atomic_read(&users))
		ask_for(MSR_ALL, 0);
	return NOTIFY_DONE;
}

static struct notifier_block panic_nb = { .notifier_call = sample_panic };

static int cpuhp_state;

/**
 * kvm_exits_sample_init() - prepare for users
 * @host: the present host
 *
 * If the host takes no samples, kvm_exits_sampling_get() fails.
 *
 * Return: 0 or an error.
 */
int __init kvm_exits_sample_init(const struct kvm_exits_host *host)
{
	int ret;

	if (!(host->features & KVM_VMEXIT_FEAT_SAMPLE))
		return 0;

	sampling = alloc_percpu(struct sampling);
	if (!sampling)
		return -ENOMEM;

	ret = register_nmi_handler(NMI_LOCAL, sample_nmi, 0, "kvm_exits");
	if (ret)
		goto no_handler;

	ret = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "kvm_exits:online",
					sample_online, sample_offline);
	if (ret < 0)
		goto no_state;
	cpuhp_state = ret;
	register_reboot_notifier(&reboot_nb);
	atomic_notifier_chain_register(&panic_notifier_list, &panic_nb);
	return 0;

no_state:
	unregister_nmi_handler(NMI_LOCAL, "kvm_exits");
no_handler:
	free_percpu(sampling);
	sampling = NULL;
	return ret;
}

/**
 * kvm_exits_sample_exit() - undo kvm_exits_sample_init(), when there are no users
 */
void kvm_exits_sample_exit(void)
{
	if (!sampling)
		return;

	cancel_delayed_work_sync(&renew_work);
	atomic_notifier_chain_unregister(&panic_notifier_list, &panic_nb);
	unregister_reboot_notifier(&reboot_nb);
	cpuhp_remove_state_nocalls(cpuhp_state);
	unregister_nmi_handler(NMI_LOCAL, "kvm_exits");
	free_percpu(sampling);
}
