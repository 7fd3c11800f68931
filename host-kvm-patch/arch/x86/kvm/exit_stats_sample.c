// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exit statistics: samples of a vCPU's exits, for its guest's kernel.
 *
 * The guest asks for a sample of every n-th exit of a reason.  At the n-th exit
 * KVM keeps what the exit was about and makes an NMI pending.  The guest takes
 * the NMI at its next entry, so that its handler finds the code that exited.
 * asm/kvm_vmexit.h describes the MSRs.
 *
 * All functions run in the vCPU's own thread, or while this thread cannot run.
 */
#include <linux/nospec.h>
#include <linux/slab.h>

#include "exit_stats_access.h"
#include "exit_stats_sample.h"
#include "exit_stats_vcpu.h"

/*
 * The kernel patches this key to off at most once a second, however often guests
 * end sampling.  apic_hw_disabled, which a guest's WRMSR also switches, has the
 * same limit.
 */
DEFINE_STATIC_KEY_DEFERRED_FALSE(kvm_exit_stats_sampling, HZ);
EXPORT_SYMBOL_FOR_KVM_INTERNAL(kvm_exit_stats_sampling);

/*
 * @detail: what the sampled exit was about
 * @lost: exits of sampled reasons that no sample stands for
 * @excepted_tsc: TSC of the last exit that was due, but was not sampled, because it
 *	read counts or samples
 * @idt: the guest's IDT when it asked for samples
 * @exits: exits that the sample stands for
 * @row: row of the sampled exit
 * @rows: number of sampled rows
 * @valid: there is a sample, and the guest is not done with it
 * @period: by row, 0 if the row is not sampled
 */
struct kvm_exit_stats_samples {
	u64 detail;
	u64 lost;
	u64 excepted_tsc;
	struct desc_ptr idt;
	u32 exits;
	u8 row;
	u8 rows;
	bool valid;
	u32 period[EXIT_STATS_ROWS];
};

/*
 * The NMI of a sample causes some of these exits, because its handler ends with IRET
 * and delays pending interrupts.  So one sample would cause the next sample.  At the
 * other exits KVM enters a guest of the guest or, after CLGI, lets NMIs wait until it
 * does so.  There the pending NMI would cause the next exit at once.  In both cases
 * the guest would make no progress.
 */
static bool never_sampled(u32 reason)
{
	if (kvm_exit_stats_isa() == EXIT_ISA_SVM)
		return reason == SVM_EXIT_IRET || reason == SVM_EXIT_VINTR ||
		       reason == SVM_EXIT_CLGI || reason == SVM_EXIT_VMRUN;
	return reason == EXIT_REASON_NMI_WINDOW ||
	       reason == EXIT_REASON_INTERRUPT_WINDOW ||
	       reason == EXIT_REASON_VMLAUNCH || reason == EXIT_REASON_VMRESUME;
}

/* Does this row belong to a reason whose exits may be sampled? */
static bool can_sample(u32 row)
{
	return row != EXIT_STATS_ROW_NONE &&
	       !never_sampled(exit_stats_reason_of(kvm_exit_stats_isa(), row));
}

static u64 exit_info1(struct kvm_vcpu *vcpu, u32 *intr_info)
{
	u32 reason, error_code;
	u64 info1, info2;

	kvm_x86_call(get_exit_info)(vcpu, &reason, &info1, &info2, intr_info,
				    &error_code);
	return info1;
}

/* The MSR of an exit for RDMSR or WRMSR, 0 for any other exit. */
static u32 msr_of_exit(struct kvm_vcpu *vcpu, u32 reason)
{
	u32 intr_info;

	if (kvm_exit_stats_isa() == EXIT_ISA_SVM)
		return reason == SVM_EXIT_MSR ? kvm_rcx_read(vcpu) : 0;

	switch (reason) {
	case EXIT_REASON_MSR_READ:
	case EXIT_REASON_MSR_WRITE:
		return kvm_rcx_read(vcpu);
	case EXIT_REASON_MSR_READ_IMM:
	case EXIT_REASON_MSR_WRITE_IMM:
		return exit_info1(vcpu, &intr_info);
	default:
		return 0;
	}
}

/* The reason of the exit that is being handled. */
static u32 reason_of_exit(const struct kvm_exit_stats *s)
{
	return exit_stats_reason_of(kvm_exit_stats_isa(), kvm_exit_stats_row(s));
}

static bool is_cpuid_exit(const struct kvm_exit_stats *s)
{
	return kvm_exit_stats_row(s) == kvm_exit_stats_cpuid_row();
}

/* Does the guest read counts or samples by this exit?  Then do not sample it. */
static bool is_excepted(struct kvm_vcpu *vcpu)
{
	struct kvm_exit_stats *s = vcpu_exit_stats(vcpu);

	if (!kvm_exit_stats_visible(s))
		return false;
	if (is_cpuid_exit(s))
		return (u32)kvm_rax_read(vcpu) == KVM_VMEXIT_LEAF_VCPU;
	return kvm_exit_stats_is_sample_msr(msr_of_exit(vcpu, reason_of_exit(s)));
}

static u64 detail_svm(struct kvm_vcpu *vcpu, u32 reason, u64 info1, u64 address)
{
	switch (reason) {
	case SVM_EXIT_EXCP_BASE ... SVM_EXIT_EXCP_BASE + 31:
		return reason - SVM_EXIT_EXCP_BASE;
	case SVM_EXIT_INTR:
		return 0;
	case SVM_EXIT_IOIO:
		return info1 >> 16 & 0xffff;
	case SVM_EXIT_MSR:
		return (u32)kvm_rcx_read(vcpu);
	case SVM_EXIT_CPUID:
		return (u32)kvm_rax_read(vcpu);
	case SVM_EXIT_VMMCALL:
		return kvm_rax_read(vcpu);
	case SVM_EXIT_NPF:
		return address;
	default:
		return info1;
	}
}

static u64 detail_vmx(struct kvm_vcpu *vcpu, u32 reason, u64 info1,
		      u32 intr_info, u64 address)
{
	switch (reason) {
	case EXIT_REASON_EXCEPTION_NMI:
		return intr_info & 0xff;
	case EXIT_REASON_EXTERNAL_INTERRUPT:
		return 0;
	case EXIT_REASON_IO_INSTRUCTION:
		return info1 >> 16 & 0xffff;
	case EXIT_REASON_MSR_READ:
	case EXIT_REASON_MSR_WRITE:
		return (u32)kvm_rcx_read(vcpu);
	case EXIT_REASON_CPUID:
		return (u32)kvm_rax_read(vcpu);
	case EXIT_REASON_VMCALL:
		return kvm_rax_read(vcpu);
	case EXIT_REASON_EPT_VIOLATION:
	case EXIT_REASON_EPT_MISCONFIG:
		return address;
	default:
		return info1;
	}
}

static u64 detail(struct kvm_vcpu *vcpu, u32 reason, u64 address)
{
	u32 intr_info;
	u64 info1 = exit_info1(vcpu, &intr_info);

	return kvm_exit_stats_isa() == EXIT_ISA_SVM ?
	       detail_svm(vcpu, reason, info1, address) :
	       detail_vmx(vcpu, reason, info1, intr_info, address);
}

/*
 * If KVM makes an NMI pending now, will its handler find the code that exited?  Not
 * while NMIs are blocked or another NMI is pending: then the guest takes the NMI
 * later, and without virtual NMIs KVM single-steps the guest until then.  Not while
 * a guest of the guest or SMM runs: then the handler finds other code.
 */
static bool can_inject(struct kvm_vcpu *vcpu)
{
	return !vcpu->arch.nmi_pending && !vcpu->arch.nmi_injected &&
	       !atomic_read(&vcpu->arch.nmi_queued) &&
	       kvm_x86_call(nmi_allowed)(vcpu, false) > 0 &&
	       !is_guest_mode(vcpu) && !is_smm(vcpu);
}

/*
 * Has the kernel that asked for samples been replaced, as by a crash kernel?  A
 * nested VM exit changes the limit of L1's IDT, but not its address.
 */
static bool idt_is_another(struct kvm_vcpu *vcpu, const struct desc_ptr *idt)
{
	struct desc_ptr now;

	kvm_x86_call(get_idt)(vcpu, &now);
	return now.address != idt->address;
}

/*
 * The countdown of the current exit's row has come to zero: keep a sample if
 * the row is sampled.  @address is the guest-physical address of the exit, if
 * it has one.  Interrupts are off, and the exit has not been handled.
 */
void kvm_exit_stats_sample(struct kvm_vcpu *vcpu, u64 address)
{
	struct kvm_exit_stats *s = vcpu_exit_stats(vcpu);
	struct kvm_exit_stats_samples *p = s->samples;
	u32 row = kvm_exit_stats_row(s);

	if (!p || !p->period[row])
		return;

	/* The operator has hidden the MSRs: the guest could not read the sample. */
	if (READ_ONCE(s->vm->guest) == KVM_VMEXIT_GUEST_NONE) {
		kvm_exit_stats_reset_samples(vcpu);
		return;
	}

	if (is_excepted(vcpu)) {
		kvm_exit_stats_current(s)->until_sample = 1;
		p->excepted_tsc = s->tsc;
		return;
	}

	kvm_exit_stats_current(s)->until_sample = p->period[row];
	if (p->valid || !can_inject(vcpu)) {
		p->lost += p->period[row];
		return;
	}
	if (idt_is_another(vcpu, &p->idt)) {
		kvm_exit_stats_reset_samples(vcpu);
		return;
	}

	p->valid = true;
	p->row = row;
	p->exits = p->period[row];
	p->detail = detail(vcpu, reason_of_exit(s), address);
	kvm_inject_nmi(vcpu);
}
EXPORT_SYMBOL_FOR_KVM_INTERNAL(kvm_exit_stats_sample);

/*
 * The instruction that is being handled reads counts, or reads or writes an MSR of
 * the samples.  Take its exit out of the countdown of its row, unless KVM emulates
 * the instruction without an exit for it.
 */
void kvm_exit_stats_not_sampled(struct kvm_exit_stats *s)
{
	struct kvm_exit_stats_samples *p = s->samples;

	if (!p || !p->rows ||
	    (!is_cpuid_exit(s) &&
	     !msr_of_exit(exit_stats_vcpu(s), reason_of_exit(s))))
		return;
	if (p->excepted_tsc != s->tsc)
		kvm_exit_stats_current(s)->until_sample++;
}

static void set_period(struct kvm_exit_stats *s, u32 row, u32 period)
{
	struct kvm_exit_stats_samples *p = s->samples;

	p->rows += !!period - !!p->period[row];
	p->period[row] = period;
	s->counters->row[row].until_sample = period;
}

/* The branch in the exit path is on as long as any row of any vCPU is sampled. */
static void set_periods(struct kvm_exit_stats *s, u32 first, u32 last,
			u32 period)
{
	struct kvm_exit_stats_samples *p = s->samples;
	bool sampled = p->rows;
	u32 row;

	for (row = first; row <= last; row++)
		if (can_sample(row))
			set_period(s, row, period);

	if (p->rows && !sampled)
		static_branch_deferred_inc(&kvm_exit_stats_sampling);
	else if (!p->rows && sampled)
		static_branch_slow_dec_deferred(&kvm_exit_stats_sampling);
}

static int set_sample(struct kvm_vcpu *vcpu, u64 data)
{
	struct kvm_exit_stats *s = vcpu_exit_stats(vcpu);
	u32 which = data >> KVM_VMEXIT_SAMPLE_REASON_SHIFT;
	u32 period = data, row = 0;

	if (which == KVM_VMEXIT_ALL) {
		if (!s->samples && !period)
			return 0;
	} else {
		if (which > KVM_VMEXIT_ALL)
			return 1;
		row = exit_stats_row_of(kvm_exit_stats_isa(),
					KVM_VMEXIT_REASON(which));
		if (!can_sample(row))
			return 1;
		row = array_index_nospec(row, KVM_EXIT_STATS_ROWS);
	}

	if (!s->samples)
		s->samples = kzalloc(sizeof(*s->samples), GFP_KERNEL_ACCOUNT);
	if (!s->samples)
		return 1;

	kvm_x86_call(get_idt)(vcpu, &s->samples->idt);
	if (which == KVM_VMEXIT_ALL)
		set_periods(s, 0, KVM_EXIT_STATS_ROWS - 1, period);
	else
		set_periods(s, row, row, period);
	return 0;
}

/* End all sampling of the vCPU, and forget its sample. */
static void end_sampling(struct kvm_exit_stats *s)
{
	if (!s->samples)
		return;
	set_periods(s, 0, KVM_EXIT_STATS_ROWS - 1, 0);
	s->samples->valid = false;
	s->samples->lost = 0;
}

/*
 * A guest whose state is encrypted accesses MSRs by VMGEXIT: KVM could not leave
 * out the exits that the handler of a sample causes.
 */
static bool has_sample_msrs(struct kvm_vcpu *vcpu)
{
	struct kvm_exit_stats *s = vcpu_exit_stats(vcpu);

	return kvm_exit_stats_visible(s) && !exit_stats_is_encrypted(s);
}

/*
 * Handle the guest's WRMSR.  Return 0, 1 if the MSR does not take the data or
 * there is no memory, or KVM_MSR_RET_UNSUPPORTED if there is no such MSR.
 *
 * Sampling does not migrate.  A VMM that restores these MSRs, as it restores
 * others, ends the sampling.
 */
int kvm_exit_stats_set_sample_msr(struct kvm_vcpu *vcpu, struct msr_data *msr)
{
	struct kvm_exit_stats *s = vcpu_exit_stats(vcpu);
	struct kvm_exit_stats_samples *p = s->samples;

	if (msr->host_initiated) {
		end_sampling(s);
		return 0;
	}
	if (!has_sample_msrs(vcpu))
		return KVM_MSR_RET_UNSUPPORTED;

	kvm_exit_stats_not_sampled(s);

	switch (msr->index) {
	case MSR_KVM_VMEXIT_SAMPLE:
		return set_sample(vcpu, msr->data);
	case MSR_KVM_VMEXIT_SAMPLE_STATUS:
		if (msr->data)
			return 1;
		if (p)
			p->valid = false;
		return 0;
	default:
		return 1;
	}
}

static u64 get_status(const struct kvm_exit_stats_samples *p)
{
	u64 status = p->lost ? KVM_VMEXIT_SAMPLE_HAS_LOST : 0;
	u32 reason;

	if (p->valid) {
		reason = exit_stats_reason_of(kvm_exit_stats_isa(), p->row);
		status |= KVM_VMEXIT_SAMPLE_VALID | (u16)reason |
			  (u64)p->exits << KVM_VMEXIT_SAMPLE_EXITS_SHIFT;
	}
	return status;
}

/*
 * Handle the guest's RDMSR.  Return 0, or KVM_MSR_RET_UNSUPPORTED if there is no such
 * MSR.  A VMM changes nothing by reading.
 */
int kvm_exit_stats_get_sample_msr(struct kvm_vcpu *vcpu, struct msr_data *msr)
{
	struct kvm_exit_stats *s = vcpu_exit_stats(vcpu);
	struct kvm_exit_stats_samples *p = s->samples;

	if (!msr->host_initiated) {
		if (!has_sample_msrs(vcpu))
			return KVM_MSR_RET_UNSUPPORTED;
		kvm_exit_stats_not_sampled(s);
	}

	msr->data = 0;
	if (!p)
		return 0;

	switch (msr->index) {
	case MSR_KVM_VMEXIT_SAMPLE:
		msr->data = p->rows;
		break;
	case MSR_KVM_VMEXIT_SAMPLE_STATUS:
		msr->data = get_status(p);
		break;
	case MSR_KVM_VMEXIT_SAMPLE_DETAIL:
		msr->data = p->valid ? p->detail : 0;
		break;
	case MSR_KVM_VMEXIT_SAMPLE_LOST:
		msr->data = p->lost;
		if (!msr->host_initiated)
			p->lost = 0;
		break;
	}
	return 0;
}

/* At a reset of @vcpu, end its sampling. */
void kvm_exit_stats_reset_samples(struct kvm_vcpu *vcpu)
{
	end_sampling(vcpu_exit_stats(vcpu));
}

/*
 * The VMM has written @sregs.  If they point to the reset vector, the VMM resets
 * the vCPU; KVM has no other sign of a reset.  Then end sampling, because the
 * firmware expects no NMIs.  See section "First Instruction Executed" in volume 3
 * of the SDM, "Initial Processor State" in volume 2 of the APM.
 */
void kvm_exit_stats_vmm_reset(struct kvm_vcpu *vcpu,
			      const struct kvm_sregs *sregs)
{
	if (sregs->cs.selector == 0xf000 && sregs->cs.base == 0xffff0000 &&
	    !(sregs->cr0 & X86_CR0_PE))
		kvm_exit_stats_reset_samples(vcpu);
}

/* Free the samples of a vCPU that is being destroyed. */
void kvm_exit_stats_free_samples(struct kvm_exit_stats *s)
{
	end_sampling(s);
	kfree(s->samples);
}

/* The delayed work of the key kvm_exit_stats_sampling must not outlive the module. */
void kvm_exit_stats_flush_sampling(void)
{
	static_key_deferred_flush(&kvm_exit_stats_sampling);
}
