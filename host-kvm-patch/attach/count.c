// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counting by KVM's tracepoints kvm_exit and kvm_entry.
 *
 * The handling of an exit lasts to the next entry.  It ends earlier if the thread
 * goes to sleep or to the VMM first: see end_handling() in hooks.c.
 */
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/tracepoint.h>
#include <linux/uaccess.h>
#include <asm/svm.h>
#include <asm/vmx.h>

#include "attach.h"
#include "exit_stats_access.h"

DECLARE_TRACEPOINT(kvm_exit);
DECLARE_TRACEPOINT(kvm_entry);

#ifdef CONFIG_MODVERSIONS
/*
 * This reference makes the module loader compare the version of the symbol, which
 * depends on struct kvm_vcpu and on the parameters of the tracepoint.
 */
int __traceiter_kvm_exit(void *data, struct kvm_vcpu *vcpu, u32 isa);
static void * const version __used = __traceiter_kvm_exit;
#endif

/* svm_get_exit_info() of kvm_amd, which stays loaded as long as this module does. */
static typeof(((struct kvm_x86_ops *)0)->get_exit_info) get_exit_info;

/*
 * In a kernel that this module does not know, the pointer to the VMCB may be at
 * another place.  Compare what is there with what KVM's own function says.
 */
static noinline bool svm_check(struct attached_vcpu *a, struct kvm_vcpu *vcpu)
{
	struct vmcb_control_area *control;
	u32 reason = 0, intr_info, error_code;
	u64 info1 = 0, info2 = 0;
	struct vmcb *vmcb;

	if (get_kernel_nofault(vmcb, svm_vmcb(vcpu)) ||
	    !PAGE_ALIGNED(vmcb) || !virt_addr_valid(vmcb)) {
		give_up("this kernel's vCPUs have their VMCB elsewhere");
		return false;
	}
	control = &vmcb->control;
	get_exit_info(vcpu, &reason, &info1, &info2, &intr_info, &error_code);
	if (reason != (u32)control->exit_code || info1 != control->exit_info_1 ||
	    info2 != control->exit_info_2) {
		give_up("this kernel's vCPUs have their VMCB elsewhere");
		return false;
	}
	a->late = !irqs_disabled();
	a->unchecked--;
	return true;
}

/* An exit begins. */
static __always_inline void count_exit(struct attached_vcpu *a, u32 isa,
				       u32 reason)
{
	unsigned long row = exit_stats_row_of(isa, reason);

	kvm_exit_stats_add(&a->exits[row + 1], 1);
	a->handled = false;
	kvm_exit_stats_begin(&a->stats, row);
}

static __always_inline void count_exit_svm(struct attached_vcpu *a,
					   struct kvm_vcpu *vcpu)
{
	count_exit(a, EXIT_ISA_SVM, (*svm_vmcb(vcpu))->control.exit_code);
	/*
	 * On Linux before 6.7 the tracepoint is in the exit handler, after the
	 * host has taken its interrupts.  KVM reads the guest's TSC before the
	 * interrupts: compute the host's TSC from that.  If the guest's TSC has
	 * another frequency, the time of the interrupts is not measured.
	 */
	if (unlikely(a->late) &&
	    (vcpu->arch.l1_tsc_scaling_ratio == SVM_TSC_RATIO_DEFAULT ||
	     vcpu->arch.l1_tsc_scaling_ratio == 1))
		a->stats.tsc = vcpu->arch.last_guest_tsc - vcpu->arch.l1_tsc_offset;
}

/* The VMCS that exited is current, even if a guest of the guest was running. */
static __always_inline void count_exit_vmx(struct attached_vcpu *a)
{
	count_exit(a, EXIT_ISA_VMX, (u16)vmcs_read(VM_EXIT_REASON));
}

/* The stop of the last exit ends.  Its handling ends, too, unless it has ended before. */
static __always_inline void end_exit(struct attached_vcpu *a)
{
	struct kvm_exit_stats *s = &a->stats;
	struct kvm_exit_stats_row *row = kvm_exit_stats_current(s);
	u64 now = rdtsc();

	if (likely(!a->handled))
		kvm_exit_stats_add(&row->cycles, now - s->tsc);
	kvm_exit_stats_forget(s);
	if (static_branch_likely(&kvm_exit_stats_stopped))
		kvm_exit_stats_end_stop(s, row, now);
}

/*
 * The probes.  Preemption is off, because KVM passes the tracepoints with interrupts off.
 * AMD's exit handler before Linux 6.7 passes kvm_exit with interrupts on.  There the
 * tracepoint itself turns preemption off.
 *
 * If a probe calls a function, the call is its last step.  So the usual way through a
 * probe calls no function, and saves no registers.
 */
static noinline void find_and_count_svm(struct kvm_vcpu *vcpu)
{
	struct attached_vcpu *a = find_or_adopt_vcpu(vcpu);

	if (a && (!a->unchecked || svm_check(a, vcpu)))
		count_exit_svm(a, vcpu);
}

static void on_exit_svm(void *data, struct kvm_vcpu *vcpu, u32 isa)
{
	struct attached_vcpu *a;

	if (!static_branch_likely(&kvm_exit_stats_enabled))
		return;
	a = __this_cpu_read(last_vcpu);
	if (likely(is_vcpu(a, vcpu)))
		count_exit_svm(a, vcpu);
	else
		find_and_count_svm(vcpu);
}

static noinline void find_and_count_vmx(struct kvm_vcpu *vcpu)
{
	struct attached_vcpu *a = find_or_adopt_vcpu(vcpu);

	if (a)
		count_exit_vmx(a);
}

static void on_exit_vmx(void *data, struct kvm_vcpu *vcpu, u32 isa)
{
	struct attached_vcpu *a;

	if (!static_branch_likely(&kvm_exit_stats_enabled))
		return;
	a = __this_cpu_read(last_vcpu);
	if (likely(is_vcpu(a, vcpu)))
		count_exit_vmx(a);
	else
		find_and_count_vmx(vcpu);
}

static bool wants_reset(const struct attached_vcpu *a)
{
	return a->stats.max_epoch != atomic_read(&a->stats.vm->max_epoch);
}

static noinline void find_and_end(struct kvm_vcpu *vcpu)
{
	struct attached_vcpu *a = find_or_adopt_vcpu(vcpu);

	if (!a)
		return;
	if (wants_reset(a)) {
		/* The other vCPUs see the new epoch by themselves: do not ask them. */
		a->stats.reset_others = false;
		kvm_exit_stats_reset_max(vcpu);
	}
	end_exit(a);
}

static void on_entry(void *data, struct kvm_vcpu *vcpu)
{
	struct attached_vcpu *a;

	if (!static_branch_likely(&kvm_exit_stats_enabled))
		return;
	a = __this_cpu_read(last_vcpu);
	if (likely(is_vcpu(a, vcpu) && !wants_reset(a)))
		end_exit(a);
	else
		find_and_end(vcpu);
}

int start_counting(void)
{
	bool svm = kvm_exit_stats_isa() == EXIT_ISA_SVM;
	int ret;

	if (svm)
		get_exit_info = function_of("svm_get_exit_info");
	if (svm && !get_exit_info) {
		pr_err("not loaded: load kvm_amd first\n");
		return -ENODEV;
	}

	/* Exits first: on_entry() must not see an entry whose exit was not counted. */
	ret = tracepoint_probe_register(&__tracepoint_kvm_exit,
					svm ? on_exit_svm : on_exit_vmx, NULL);
	if (ret)
		return ret;
	ret = tracepoint_probe_register(&__tracepoint_kvm_entry, on_entry, NULL);
	if (ret) {
		stop_counting();
		return ret;
	}
	return 0;
}

void stop_counting(void)
{
	bool svm = kvm_exit_stats_isa() == EXIT_ISA_SVM;

	tracepoint_probe_unregister(&__tracepoint_kvm_entry, on_entry, NULL);
	tracepoint_probe_unregister(&__tracepoint_kvm_exit,
				    svm ? on_exit_svm : on_exit_vmx, NULL);
	tracepoint_synchronize_unregister();
}
