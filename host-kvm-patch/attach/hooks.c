// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hooks by ftrace, in functions of KVM that are seldom called.
 *
 * Some hooks tell this module that KVM has created a vCPU, or that the handling of an
 * exit has ended before the next entry.  The other hooks replace a function of KVM, but
 * only when KVM calls it for a leaf or an MSR of the exit statistics.  KVM calls each of
 * these functions from another source file, so that the compiler does not inline it.
 */
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/srcu.h>

#include "attach.h"
#include "exit_stats_access.h"
#include "exit_stats_cpuid.h"

#ifndef ftrace_regs_get_argument
#define ftrace_regs_get_argument(fregs, n) \
	regs_get_kernel_argument(&(fregs)->regs, n)
#endif
#ifndef ftrace_regs_set_instruction_pointer
#define ftrace_regs_set_instruction_pointer	ftrace_instruction_pointer_set
#endif

#define HOOK_PARAMETERS unsigned long ip, unsigned long parent,		\
			struct ftrace_ops *ops, struct ftrace_regs *fregs

/* The functions that replace KVM's may sleep.  stop_hooks() waits for them by this. */
DEFINE_STATIC_SRCU(replaced);

static notrace void on_create(HOOK_PARAMETERS)
{
	preempt_disable_notrace();
	adopt_new_vcpu((void *)ftrace_regs_get_argument(fregs, 0));
	preempt_enable_notrace();
}

/* The thread goes to sleep, or to the VMM: the last exit has been handled. */
static notrace void end_handling(struct kvm_vcpu *vcpu)
{
	struct kvm_exit_stats *s;
	struct attached_vcpu *a;

	if (!static_branch_likely(&kvm_exit_stats_enabled))
		return;
	s = vcpu_exit_stats(vcpu);
	a = container_of(s, struct attached_vcpu, stats);
	if (!s || a->handled)
		return;
	a->handled = true;
	__kvm_exit_stats_handled(s);
}

static notrace void on_leave(HOOK_PARAMETERS)
{
	end_handling((void *)ftrace_regs_get_argument(fregs, 0));
}

/* The vCPU's FPU state leaves the CPU directly before KVM_RUN ends. */
static notrace void on_swap_fpu(HOOK_PARAMETERS)
{
	struct fpu_guest *fpu = (void *)ftrace_regs_get_argument(fregs, 0);
	bool enter = ftrace_regs_get_argument(fregs, 1) & 0xff;

	if (!enter)
		end_handling(container_of(fpu, struct kvm_vcpu, arch.guest_fpu));
}

static bool answer_cpuid(struct kvm_vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx,
			 u32 *edx, bool exact_only)
{
	int idx = srcu_read_lock(&replaced);
	u32 function = *eax, index = *ecx;
	bool ret;

	while (!kvm_exit_stats_cpuid_ready(vcpu, function, index))
		cond_resched();
	ret = kvm_exit_stats_cpuid(vcpu, function, index, eax, ebx, ecx, edx);
	if (!ret)
		*eax = *ebx = *ecx = *edx = 0;
	srcu_read_unlock(&replaced, idx);
	return ret;
}

static notrace noinline void on_leaf(struct ftrace_regs *fregs, u32 function)
{
	struct kvm_vcpu *vcpu = (void *)ftrace_regs_get_argument(fregs, 0);
	struct kvm_exit_stats *s = vcpu_exit_stats(vcpu);

	if (s && kvm_exit_stats_has_leaf(s, function))
		ftrace_regs_set_instruction_pointer(fregs,
						    (unsigned long)answer_cpuid);
}

static notrace void on_cpuid(HOOK_PARAMETERS)
{
	u32 function = *(u32 *)ftrace_regs_get_argument(fregs, 1);

	if (kvm_exit_stats_is_leaf(function))
		on_leaf(fregs, function);
}

static bool is_own_msr(u32 index)
{
	return index == MSR_KVM_VMEXIT_ACCESS || index == MSR_KVM_VMEXIT_MAX;
}

static bool valid_msr(struct kvm_vcpu *vcpu, u32 index)
{
	return true;
}

/*
 * KVM asks its virtual PMU about each MSR that its other code does not know.  Let the
 * PMU have the MSRs of the exit statistics: then KVM calls kvm_pmu_get_msr() and
 * kvm_pmu_set_msr() for them, which have hooks, too.
 */
static notrace void on_is_valid_msr(HOOK_PARAMETERS)
{
	struct kvm_vcpu *vcpu = (void *)ftrace_regs_get_argument(fregs, 0);

	if (unlikely(is_own_msr(ftrace_regs_get_argument(fregs, 1))) &&
	    vcpu_exit_stats(vcpu))
		ftrace_regs_set_instruction_pointer(fregs,
						    (unsigned long)valid_msr);
}

/* The VMM's filter of MSRs. */
static bool (*msr_allowed)(struct kvm_vcpu *vcpu, u32 index, u32 type);

/*
 * Does the filter deny this access?  KVM has asked the filter before, except that Linux
 * 6.1 does not ask it for the MSR lists of a nested VMCS.
 */
static bool is_denied(struct kvm_vcpu *vcpu, const struct msr_data *msr, u32 type)
{
	return !msr->host_initiated && !msr_allowed(vcpu, msr->index, type);
}

static int get_msr(struct kvm_vcpu *vcpu, struct msr_data *msr)
{
	int ret = 1, idx = srcu_read_lock(&replaced);

	if (!is_denied(vcpu, msr, KVM_MSR_FILTER_READ))
		ret = kvm_exit_stats_get_msr(vcpu, msr);
	srcu_read_unlock(&replaced, idx);
	return ret;
}

static int set_msr(struct kvm_vcpu *vcpu, struct msr_data *msr)
{
	int ret = 1, idx = srcu_read_lock(&replaced);

	if (!is_denied(vcpu, msr, KVM_MSR_FILTER_WRITE))
		ret = kvm_exit_stats_set_msr(vcpu, msr);
	srcu_read_unlock(&replaced, idx);
	return ret;
}

static notrace void replace_msr(struct ftrace_regs *fregs,
				int (*f)(struct kvm_vcpu *vcpu, struct msr_data *msr))
{
	struct kvm_vcpu *vcpu = (void *)ftrace_regs_get_argument(fregs, 0);
	struct msr_data *msr = (void *)ftrace_regs_get_argument(fregs, 1);

	if (unlikely(is_own_msr(msr->index)) && vcpu_exit_stats(vcpu))
		ftrace_regs_set_instruction_pointer(fregs, (unsigned long)f);
}

static notrace void on_get_msr(HOOK_PARAMETERS)
{
	replace_msr(fregs, get_msr);
}

static notrace void on_set_msr(HOOK_PARAMETERS)
{
	replace_msr(fregs, set_msr);
}

/*
 * While there is a permanent hook, the kernel refuses to switch ftrace off by sysctl.
 * Without FTRACE_OPS_FL_RECURSION a hook is called directly, without a guard against
 * recursion.  It needs none: no hook calls a function that has a hook.
 */
#define REPLACE	(FTRACE_OPS_FL_PERMANENT | FTRACE_OPS_FL_IPMODIFY)
#define WATCH	FTRACE_OPS_FL_PERMANENT

static struct hook {
	const char *function;
	struct ftrace_ops ops;
	unsigned long address;
	bool registered;
} hooks[] = {
	{ "kvm_arch_vcpu_postcreate", { .func = on_create, .flags = WATCH } },
	{ "fpu_swap_kvm_fpstate", { .func = on_swap_fpu, .flags = WATCH } },
	{ "kvm_arch_vcpu_put", { .func = on_leave, .flags = WATCH } },
	{ "kvm_vcpu_halt", { .func = on_leave, .flags = WATCH } },
	{ "kvm_pmu_get_msr", { .func = on_get_msr, .flags = REPLACE } },
	{ "kvm_pmu_set_msr", { .func = on_set_msr, .flags = REPLACE } },
	{ "kvm_pmu_is_valid_msr", { .func = on_is_valid_msr, .flags = REPLACE } },
	{ "kvm_cpuid", { .func = on_cpuid, .flags = REPLACE } },
};

static int start_hook(struct hook *hook)
{
	int ret;

	hook->address = address_of(hook->function);
	if (!hook->address) {
		pr_err("not loaded: this KVM has no %s(): use the patched KVM\n", hook->function);
		return -EOPNOTSUPP;
	}
	ret = ftrace_set_filter_ip(&hook->ops, hook->address, 0, 0);
	if (!ret)
		ret = register_ftrace_function(&hook->ops);
	hook->registered = !ret;
	if (!ret)
		return 0;

	ftrace_free_filter(&hook->ops);
	if (ret == -EBUSY)
		pr_err("not loaded: kernel.ftrace_enabled is 0 (set it to 1), or another module replaces %s() (unload it)\n",
		       hook->function);
	else
		pr_err("not loaded: ftrace has no place for a hook in %s() (error %d): use the patched KVM\n",
		       hook->function, ret);
	return ret;
}

int start_hooks(void)
{
	int ret = 0, i;

	msr_allowed = function_of("kvm_msr_allowed");
	if (!msr_allowed) {
		pr_err("not loaded: this KVM has no kvm_msr_allowed(): use the patched KVM\n");
		return -EOPNOTSUPP;
	}

	for (i = 0; i < ARRAY_SIZE(hooks) && !ret; i++)
		ret = start_hook(&hooks[i]);
	return ret;
}

/*
 * Return false if ftrace keeps a hook, because of an error of its own.  Then this
 * code must stay.
 *
 * Otherwise no thread is in this code any more.  A thread that a hook has sent here
 * sleeps only while it is an SRCU reader.  synchronize_srcu() waits for these readers.
 * synchronize_rcu_tasks() waits for threads that are not readers yet, or no longer.
 */
bool stop_hooks(void)
{
	int i;

	for (i = ARRAY_SIZE(hooks) - 1; i >= 0; i--) {
		if (!hooks[i].registered)
			continue;
		if (unregister_ftrace_function(&hooks[i].ops))
			return false;
		hooks[i].registered = false;
		ftrace_free_filter(&hooks[i].ops);
	}
	synchronize_rcu_tasks();
	synchronize_srcu(&replaced);
	synchronize_rcu_tasks();
	return true;
}

/*
 * Does ftrace still work?  After an error of its own, ftrace does nothing any more and
 * returns -ENODEV.  Otherwise it returns another error, because this filter is empty.
 */
bool ftrace_is_alive(void)
{
	static struct ftrace_ops ops;

	return ftrace_set_filter_ip(&ops, hooks[0].address, 1, 0) != -ENODEV;
}
