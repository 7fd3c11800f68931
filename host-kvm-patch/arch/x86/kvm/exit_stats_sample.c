// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exit statistics: samples of a vCPU's exits, for its guest's kernel.
 *
 * The guest asks for a sample of every n-th exit of a row.  At the n-th exit
 * KVM keeps what the exit was about and makes an NMI pending.  The guest takes
 * the NMI at its next entry, so that its handler finds the code that exited.
 * asm/kvm_vmexit.h describes the MSRs.
 *
 * All functions run in the vCPU's own thread, or while this thread cannot run.
 */
#include <linux/nospec.h>
#include <linux/slab.h>

#include "exit_stats_guest.h"
#include "exit_stats_sample.h"

/* Patched to off at most once a second, however often guests end sampling. */
DEFINE_STATIC_KEY_DEFERRED_FALSE(kvm_exit_stats_sampling, HZ);
EXPORT_SYMBOL_FOR_KVM_INTERNAL(kvm_exit_stats_sampling);

/*
 * @detail: what the sampled exit was about
 * @lost: exits of sampled rows that no sample stands for
 * @own: TSC at the last exit that was due, but read counts or samples itself
 * @exits: exits that the sample stands for
 * @row: row number of the sampled exit
 * @valid: there is a sample, and the guest is not done with it
 * @sampled: number of sampled rows
 * @period: by row number, 0 if the row is not sampled
 */
struct kvm_exit_stats_samples {
	u64 detail;
	u64 lost;
	u64 own;
	u32 exits;
	u8 row;
	bool valid;
	u8 sampled;
	u32 period[EXIT_STATS_NR_ROWS];
};

/*
 * An NMI causes these exits: its handler ends with IRET, and delays pending
 * interrupts.  The NMI of one sample would cause the next sample, and the guest
 * would make no progress.
 */
static bool caused_by_nmi(u32 nr)
{
	return kvm_exit_stats_isa() == KVM_VMEXIT_ISA_SVM ?
	       nr == SVM_EXIT_IRET || nr == SVM_EXIT_VINTR :
	       nr == EXIT_REASON_NMI_WINDOW ||
	       nr == EXIT_REASON_INTERRUPT_WINDOW;
}

/* Does this row belong to a reason whose exits may be sampled? */
static bool can_sample(u32 nr)
{
	u32 isa = kvm_exit_stats_isa();

	return nr < KVM_VMEXIT_ROWS && !caused_by_nmi(nr) &&
	       kvm_vmexit_defined(isa, kvm_vmexit_reason(isa, nr));
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
static u32 msr_of_exit(struct kvm_vcpu *vcpu, u32 nr)
{
	u32 intr_info;

	if (kvm_exit_stats_isa() == KVM_VMEXIT_ISA_SVM)
		return nr == SVM_EXIT_MSR ? kvm_rcx_read(vcpu) : 0;

	switch (nr) {
	case EXIT_REASON_MSR_READ:
	case EXIT_REASON_MSR_WRITE:
		return kvm_rcx_read(vcpu);
	case 84:
	case 85:
		/* RDMSR and WRMSRNS with an immediate operand. */
		return exit_info1(vcpu, &intr_info);
	default:
		return 0;
	}
}

/* Does the guest read counts or samples by this exit?  Then do not sample it. */
static bool own_exit(struct kvm_vcpu *vcpu, u32 nr)
{
	if (!kvm_exit_stats_visible(vcpu))
		return false;
	if (nr == kvm_exit_stats_cpuid_row())
		return (u32)kvm_rax_read(vcpu) == KVM_VMEXIT_LEAF_VCPU;
	return kvm_exit_stats_is_sample_msr(msr_of_exit(vcpu, nr));
}

static u64 detail_svm(struct kvm_vcpu *vcpu, u32 nr, u64 info1, u64 address)
{
	switch (nr) {
	case SVM_EXIT_EXCP_BASE ... SVM_EXIT_EXCP_BASE + 31:
		return nr - SVM_EXIT_EXCP_BASE;
	case SVM_EXIT_IOIO:
		return info1 >> 16 & 0xffff;
	case SVM_EXIT_MSR:
		return (u32)kvm_rcx_read(vcpu);
	case SVM_EXIT_CPUID:
		return (u32)kvm_rax_read(vcpu);
	case KVM_VMEXIT_SVM_LOW:
		return address;
	default:
		return info1;
	}
}

static u64 detail_vmx(struct kvm_vcpu *vcpu, u32 nr, u64 info1, u32 intr_info,
		      u64 address)
{
	switch (nr) {
	case EXIT_REASON_EXCEPTION_NMI:
		return intr_info & 0xff;
	case EXIT_REASON_IO_INSTRUCTION:
		return info1 >> 16 & 0xffff;
	case EXIT_REASON_MSR_READ:
	case EXIT_REASON_MSR_WRITE:
		return (u32)kvm_rcx_read(vcpu);
	case EXIT_REASON_CPUID:
		return (u32)kvm_rax_read(vcpu);
	case EXIT_REASON_EPT_VIOLATION:
	case EXIT_REASON_EPT_MISCONFIG:
		return address;
	default:
		return info1;
	}
}

static u64 detail(struct kvm_vcpu *vcpu, u32 nr, u64 address)
{
	u32 intr_info;
	u64 info1 = exit_info1(vcpu, &intr_info);

	return kvm_exit_stats_isa() == KVM_VMEXIT_ISA_SVM ?
	       detail_svm(vcpu, nr, info1, address) :
	       detail_vmx(vcpu, nr, info1, intr_info, address);
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
	struct kvm_exit_stats_row *row = kvm_exit_stats_row(s);
	u32 nr = kvm_exit_stats_nr(s);

	if (!p || !p->period[nr])
		return;

	if (own_exit(vcpu, nr)) {
		row->left = 1;
		p->own = s->tsc;
		return;
	}

	row->left = p->period[nr];
	if (p->valid) {
		p->lost += p->period[nr];
		return;
	}

	p->valid = true;
	p->row = nr;
	p->exits = p->period[nr];
	p->detail = detail(vcpu, nr, address);
	kvm_inject_nmi(vcpu);
}
EXPORT_SYMBOL_FOR_KVM_INTERNAL(kvm_exit_stats_sample);

/*
 * The instruction that is being handled reads counts or samples.  Take its exit
 * out of the countdown of its row, unless KVM emulates the instruction without
 * an exit for it.
 */
void kvm_exit_stats_not_sampled(struct kvm_vcpu *vcpu)
{
	struct kvm_exit_stats *s = vcpu_exit_stats(vcpu);
	struct kvm_exit_stats_samples *p = s->samples;
	struct kvm_exit_stats_row *row = kvm_exit_stats_row(s);
	u32 nr = kvm_exit_stats_nr(s);

	if (!p || !p->sampled ||
	    (nr != kvm_exit_stats_cpuid_row() && !msr_of_exit(vcpu, nr)))
		return;
	if (p->own != s->tsc)
		row->left++;
}

static void set_period(struct kvm_exit_stats *s, u32 nr, u32 period)
{
	struct kvm_exit_stats_samples *p = s->samples;

	p->sampled += !!period - !!p->period[nr];
	p->period[nr] = period;
	s->counters->row[nr].left = period;
}

/* The branch in the exit path is on as long as any row of a vCPU is sampled. */
static void set_periods(struct kvm_exit_stats *s, u32 first, u32 last,
			u32 period)
{
	struct kvm_exit_stats_samples *p = s->samples;
	bool sampled = p->sampled;
	u32 nr;

	for (nr = first; nr <= last; nr++)
		if (can_sample(nr))
			set_period(s, nr, period);

	if (p->sampled && !sampled)
		static_branch_deferred_inc(&kvm_exit_stats_sampling);
	else if (!p->sampled && sampled)
		static_branch_slow_dec_deferred(&kvm_exit_stats_sampling);
}

static int set_sample(struct kvm_vcpu *vcpu, u64 data)
{
	struct kvm_exit_stats *s = vcpu_exit_stats(vcpu);
	u32 nr = data >> KVM_VMEXIT_SAMPLE_ROW_SHIFT;
	u32 period = data;

	if (nr == KVM_VMEXIT_ROW_ALL) {
		if (!s->samples && !period)
			return 0;
	} else if (!can_sample(nr)) {
		return 1;
	}

	if (!s->samples)
		s->samples = kzalloc(sizeof(*s->samples), GFP_KERNEL_ACCOUNT);
	if (!s->samples)
		return 1;

	if (nr == KVM_VMEXIT_ROW_ALL) {
		set_periods(s, 0, KVM_VMEXIT_ROWS - 1, period);
	} else {
		nr = array_index_nospec(nr, KVM_VMEXIT_ROWS);
		set_periods(s, nr, nr, period);
	}
	return 0;
}

/*
 * Sampling does not migrate: see asm/kvm_vmexit.h.  A guest whose state is
 * encrypted accesses MSRs by VMGEXIT: KVM could not leave out the exits that
 * the handler of a sample causes.
 */
static bool has_sample_msrs(struct kvm_vcpu *vcpu, const struct msr_data *msr)
{
	return !msr->host_initiated && kvm_exit_stats_visible(vcpu) &&
	       !vcpu->arch.guest_state_protected;
}

/*
 * Handle the guest's WRMSR.  Return 0, 1 if the MSR does not take the data or
 * there is no memory, or KVM_MSR_RET_UNSUPPORTED if there is no such MSR.
 */
int kvm_exit_stats_set_sample_msr(struct kvm_vcpu *vcpu, struct msr_data *msr)
{
	struct kvm_exit_stats_samples *p = vcpu_exit_stats(vcpu)->samples;

	if (!has_sample_msrs(vcpu, msr))
		return KVM_MSR_RET_UNSUPPORTED;

	kvm_exit_stats_not_sampled(vcpu);

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

	if (p->valid)
		status |= KVM_VMEXIT_SAMPLE_VALID | p->row |
			  (u64)p->exits << KVM_VMEXIT_SAMPLE_EXITS_SHIFT;
	return status;
}

/* Handle the guest's RDMSR.  Return as above. */
int kvm_exit_stats_get_sample_msr(struct kvm_vcpu *vcpu, struct msr_data *msr)
{
	struct kvm_exit_stats_samples *p = vcpu_exit_stats(vcpu)->samples;

	if (!has_sample_msrs(vcpu, msr))
		return KVM_MSR_RET_UNSUPPORTED;

	kvm_exit_stats_not_sampled(vcpu);

	msr->data = 0;
	if (!p)
		return 0;

	switch (msr->index) {
	case MSR_KVM_VMEXIT_SAMPLE:
		msr->data = p->sampled;
		break;
	case MSR_KVM_VMEXIT_SAMPLE_STATUS:
		msr->data = get_status(p);
		break;
	case MSR_KVM_VMEXIT_SAMPLE_DETAIL:
		msr->data = p->valid ? p->detail : 0;
		break;
	case MSR_KVM_VMEXIT_SAMPLE_LOST:
		msr->data = p->lost;
		p->lost = 0;
		break;
	}
	return 0;
}

/* At a reset of @vcpu, end its sampling and forget its sample. */
void kvm_exit_stats_reset_samples(struct kvm_vcpu *vcpu)
{
	struct kvm_exit_stats *s = vcpu_exit_stats(vcpu);

	if (!s->samples)
		return;
	set_periods(s, 0, KVM_VMEXIT_ROWS - 1, 0);
	s->samples->valid = false;
	s->samples->lost = 0;
}

/*
 * The VMM has written @sregs.  At the reset vector they are a RESET, of which
 * KVM does not hear otherwise.  The firmware expects no NMIs.  See section
 * "First Instruction Executed" in volume 3 of the SDM, "Initial Processor
 * State" in volume 2 of the APM.
 */
void kvm_exit_stats_vmm_reset(struct kvm_vcpu *vcpu,
			      const struct kvm_sregs *sregs)
{
	if (sregs->cs.selector == 0xf000 && sregs->cs.base == 0xffff0000 &&
	    !(sregs->cr0 & X86_CR0_PE))
		kvm_exit_stats_reset_samples(vcpu);
}

/* Free the samples of @vcpu, which is being destroyed. */
void kvm_exit_stats_free_samples(struct kvm_vcpu *vcpu)
{
	struct kvm_exit_stats *s = vcpu_exit_stats(vcpu);

	if (!s->samples)
		return;
	kvm_exit_stats_reset_samples(vcpu);
	kfree(s->samples);
	/* The branch's delayed work must not outlive the module. */
	static_key_deferred_flush(&kvm_exit_stats_sampling);
}
