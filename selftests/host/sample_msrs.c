// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the hypervisor: a guest's kernel that samples its exits gets an NMI for every
 * n-th one, and the detail of that exit.
 */
#include "msr.h"
#include "harness.h"

#define TIMES	1000
#define PORT	0x80

/*
 * The data of the guest's NMI handler, at NMI_DATA in its memory.  The asm below
 * uses these offsets.
 */
struct nmi_data {
	__u64 nmis;
	__u64 done;		/* not zero: read and release each sample */
	__u64 exits;		/* exits that the samples stand for */
	__u64 status, detail;	/* of the last sample */
	__u64 others;		/* samples whose detail is not the port */
};

#define NMI_DATA	0x8000

asm(".pushsection .rodata\n\t"
	"nmi_code: push %rax; push %rcx; push %rdx\n\t"
	"incq 0x8000\n\t"
	"cmpq $0, 0x8008; je 2f\n\t"
	"mov $0x4b564de4, %ecx; rdmsr; shl $32, %rdx; or %rdx, %rax\n\t"
	"mov %rax, 0x8020\n\t"
	"cmp $0x80, %rax; je 1f; incq 0x8028\n\t"
	"1: mov $0x4b564de3, %ecx; rdmsr\n\t"
	"mov %eax, 0x8018; mov %edx, 0x801c; add %rdx, 0x8010\n\t"
	"xor %eax, %eax; xor %edx, %edx; wrmsr\n\t"
	"2: pop %rdx; pop %rcx; pop %rax; iretq\n\t"
	"nmi_end: .popsection");
extern const char nmi_code[], nmi_end[];

#define NMI_CODE	0x1a000

FIXTURE(sampling)
{
	struct vm vm;
	struct vcpu vcpu;
	struct nmi_data *nmi;
	__u32 cpuid, port_io;	/* reasons */
};

static __u64 every(__u32 period, __u32 reason)
{
	return period | (__u64)reason << 32;
}

FIXTURE_SETUP(sampling)
{
	if (access(ALL, F_OK))
		SKIP(return, "no KVM with exit statistics");
	self->cpuid = REASON_CPUID;
	self->port_io = REASON_PORT_IO;

	ASSERT_TRUE(vm_create(&self->vm));
	write_msr_code(&self->vm);
	memcpy(self->vm.memory + NMI_CODE, nmi_code, nmi_end - nmi_code);
	set_handler(&self->vm, VECTOR_NMI, NMI_CODE);
	self->nmi = self->vm.memory + NMI_DATA;
	self->nmi->done = 1;
	ASSERT_TRUE(vcpu_create(&self->vm, &self->vcpu));
	ASSERT_TRUE(set_mode(&self->vcpu, LONG));
}

FIXTURE_TEARDOWN(sampling)
{
	vm_destroy(&self->vm);
}

TEST_F(sampling, every_nth_exit_of_a_row_is_one_nmi)
{
	static const __u32 periods[] = { 1, 2, 7, 100, TIMES, TIMES + 1 };
	struct nmi_data *nmi = self->nmi;
	__u32 period;
	__u64 lost;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(periods); i++) {
		period = periods[i];
		*nmi = (struct nmi_data){ .done = 1 };
		ASSERT_EQ(DONE, guest_wrmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE,
					    every(period, self->port_io)));
		ASSERT_TRUE(vcpu_run(&self->vcpu, vm_in, TIMES, 0, 0, NULL));
		/* Exits of other rows do not count. */
		ASSERT_TRUE(vcpu_run(&self->vcpu, vm_cpuid, TIMES, 0, 0, NULL));

		EXPECT_EQ(TIMES / period, nmi->nmis)
			TH_LOG("period %u", period);
		EXPECT_EQ(TIMES / period * period, nmi->exits);
		EXPECT_EQ(0, nmi->others);
		if (nmi->nmis) {
			EXPECT_EQ(PORT, nmi->detail);
			EXPECT_EQ(KVM_VMEXIT_SAMPLE_VALID | self->port_io |
				  (__u64)period << KVM_VMEXIT_SAMPLE_EXITS_SHIFT,
				  nmi->status);
		}
		EXPECT_EQ(DONE, guest_rdmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE_LOST,
					    &lost));
		EXPECT_EQ(0, lost);
	}

	/* A period of zero ends the sampling. */
	*nmi = (struct nmi_data){ .done = 1 };
	ASSERT_EQ(DONE, guest_wrmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE,
				    every(0, self->port_io)));
	ASSERT_TRUE(vcpu_run(&self->vcpu, vm_in, TIMES, 0, 0, NULL));
	EXPECT_EQ(0, nmi->nmis);
}

TEST_F(sampling, rows_are_sampled_side_by_side)
{
	struct nmi_data *nmi = self->nmi;
	__u64 rows;

	ASSERT_EQ(DONE, guest_wrmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE,
				    every(10, self->port_io)));
	ASSERT_EQ(DONE, guest_wrmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE,
				    every(4, self->cpuid)));
	ASSERT_EQ(DONE, guest_rdmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE, &rows));
	EXPECT_EQ(2, rows);

	ASSERT_TRUE(vcpu_run(&self->vcpu, vm_in, TIMES, 0, 0, NULL));
	EXPECT_EQ(TIMES / 10, nmi->nmis);
	EXPECT_EQ(0, nmi->others);
	ASSERT_TRUE(vcpu_run(&self->vcpu, vm_cpuid, TIMES, 0x1234, 0, NULL));
	EXPECT_EQ(TIMES / 10 + TIMES / 4, nmi->nmis);
	EXPECT_EQ(0x1234, nmi->detail);
	EXPECT_EQ(self->cpuid, nmi->status & 0xffff);
}

TEST_F(sampling, samples_before_the_guest_is_done_are_lost_and_counted)
{
	struct nmi_data *nmi = self->nmi;
	__u64 value;
	int i;

	nmi->done = 0;
	ASSERT_EQ(DONE, guest_wrmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE,
				    every(10, self->port_io)));
	for (i = 1; i <= 2; i++) {
		ASSERT_TRUE(vcpu_run(&self->vcpu, vm_in, TIMES, 0, 0, NULL));
		EXPECT_EQ(i, nmi->nmis);

		ASSERT_EQ(DONE, guest_rdmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE_STATUS,
					    &value));
		EXPECT_EQ(KVM_VMEXIT_SAMPLE_VALID | KVM_VMEXIT_SAMPLE_HAS_LOST |
			  self->port_io | 10ULL << KVM_VMEXIT_SAMPLE_EXITS_SHIFT, value);
		ASSERT_EQ(DONE, guest_rdmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE_DETAIL,
					    &value));
		EXPECT_EQ(PORT, value);
		ASSERT_EQ(DONE, guest_rdmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE_LOST,
					    &value));
		EXPECT_EQ(TIMES - 10, value);
		ASSERT_EQ(DONE, guest_rdmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE_LOST,
					    &value));
		EXPECT_EQ(0, value);
		ASSERT_EQ(DONE, guest_wrmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE_STATUS, 0));
		ASSERT_EQ(DONE, guest_rdmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE_STATUS,
					    &value));
		EXPECT_EQ(0, value);
		ASSERT_EQ(DONE, guest_rdmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE_DETAIL,
					    &value));
		EXPECT_EQ(0, value);
	}
}

/*
 * All reasons that the host counts, except those that an NMI or its end causes, and
 * those by which a guest enters a guest of its own: IRET, VINTR and VMRUN, or
 * NMI_WINDOW, INTERRUPT_WINDOW, VMLAUNCH and VMRESUME.
 */
static bool can_be_sampled(__u32 reason)
{
	return is_counted(reason) && reason != reason_of(0x74, 8) &&
	       reason != reason_of(0x64, 7) && reason != reason_of(0x80, 20) &&
	       reason != reason_of(0x85, 24);
}

/*
 * At each exit the VMM sends an NMI of its own, as a watchdog in the guest would.  Both
 * are pending at the same time, and the guest gets both.
 */
TEST_F(sampling, other_nmis_and_samples_do_not_take_from_each_other)
{
	struct nmi_data *nmi = self->nmi;
	struct kvm_regs r = {
		.rip = guest_address(vm_in), .rflags = 2, .rsp = GUEST_STACK,
		.r10 = TIMES,
	};
	__u64 lost;

	ASSERT_EQ(DONE, guest_wrmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE,
				    every(1, self->port_io)));
	ASSERT_EQ(0, ioctl(self->vcpu.fd, KVM_SET_REGS, &r));
	for (;;) {
		ASSERT_EQ(0, ioctl(self->vcpu.fd, KVM_RUN, 0));
		if (self->vcpu.run->exit_reason != KVM_EXIT_IO)
			break;
		ASSERT_EQ(0, ioctl(self->vcpu.fd, KVM_NMI, 0));
	}
	EXPECT_EQ(KVM_EXIT_HLT, self->vcpu.run->exit_reason);

	/* The handler of the VMM's NMI finds no sample any more. */
	EXPECT_EQ(2 * TIMES, nmi->nmis);
	EXPECT_EQ(TIMES, nmi->exits);
	EXPECT_EQ(TIMES, nmi->others);
	EXPECT_EQ(DONE, guest_rdmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE_LOST, &lost));
	EXPECT_EQ(0, lost);
}

/* The accesses to a sample are not sampled, and neither are exits by an NMI. */
TEST_F(sampling, every_exit_of_all_rows_lets_the_guest_go_on)
{
	struct nmi_data *nmi = self->nmi;
	__u64 rows;
	__u32 reason;

	ASSERT_EQ(DONE, guest_wrmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE,
				    every(1, KVM_VMEXIT_ALL)));
	ASSERT_EQ(DONE, guest_rdmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE, &rows));
	for (reason = 0; reason < 0x10000; reason++)
		rows -= can_be_sampled(reason);
	EXPECT_EQ(0, rows);
	*nmi = (struct nmi_data){ .done = 1 };
	ASSERT_TRUE(vcpu_run(&self->vcpu, vm_cpuid, TIMES, 0, 0, NULL));
	EXPECT_LE(TIMES, nmi->nmis);
	EXPECT_LE(TIMES, nmi->exits);

	ASSERT_EQ(DONE, guest_wrmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE,
				    every(0, KVM_VMEXIT_ALL)));
	ASSERT_EQ(DONE, guest_rdmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE, &rows));
	EXPECT_EQ(0, rows);
}

TEST_F(sampling, other_reasons_and_other_bits_are_refused)
{
	__u64 value;
	__u32 reason;
	int bit;

	for (reason = 0; reason < 0x500; reason++)
		EXPECT_EQ(can_be_sampled(reason) ? DONE : FAULT,
			  guest_wrmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE,
				      every(1000, reason)))
			TH_LOG("reason %u", reason);
	for (reason = 0xff00; reason < 0x10000; reason++)
		EXPECT_EQ(can_be_sampled(reason) ? DONE : FAULT,
			  guest_wrmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE,
				      every(1000, reason)))
			TH_LOG("reason %#x", reason);
	EXPECT_EQ(FAULT, guest_wrmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE,
				     every(1000, KVM_VMEXIT_ALL | 1)));
	for (bit = 49; bit < 64; bit++)
		EXPECT_EQ(FAULT, guest_wrmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE,
					     1ULL << bit | 1000))
			TH_LOG("bit %d", bit);
	for (bit = 0; bit < 64; bit++)
		EXPECT_EQ(FAULT, guest_wrmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE_STATUS,
					     1ULL << bit));
	EXPECT_EQ(FAULT, guest_wrmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE_DETAIL, 0));
	EXPECT_EQ(FAULT, guest_wrmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE_LOST, 0));
	EXPECT_EQ(FAULT, guest_rdmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE_LOST + 1, &value));
}

/* What the interface lets CPL 0 write. */
static bool can_be_written(__u32 msr, __u64 value)
{
	__u32 reason = value >> 32;

	if (msr == MSR_KVM_VMEXIT_SAMPLE)
		return reason == KVM_VMEXIT_ALL || can_be_sampled(reason);
	return msr == MSR_KVM_VMEXIT_SAMPLE_STATUS && !value;
}

/* In real mode, the handler of @vector reports to the VMM. */
static void set_real_handler(struct vm *vm, int vector)
{
	__u32 *table = vm->memory + GUEST_IDT;

	table[vector] = PROBE >> 4 << 16 | (REPORT - PROBE);
}

/*
 * Run an instruction of two bytes, without NMIs that are pending from an earlier one.
 * Return true if the guest gets behind the instruction.
 */
static bool gets_behind(struct vm *vm, struct vcpu *vcpu, enum cpu_mode mode,
			const char *instruction, __u32 msr, __u64 value)
{
	struct kvm_vcpu_events none = { .flags = KVM_VCPUEVENT_VALID_NMI_PENDING };
	struct kvm_regs r = { .rax = (__u32)value, .rcx = msr, .rdx = value >> 32 };
	__u32 rip = INSTRUCTION + 2 - (mode >= VM86 ? PROBE : 0);

	memcpy(vm->memory + INSTRUCTION, instruction, 2);
	memcpy(vm->memory + INSTRUCTION + 2, "\xe6\x80", 2);
	return !ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &none) && set_mode(vcpu, mode) &&
	       run_from(vcpu, mode, INSTRUCTION, &r) && r.rip == rip;
}

#define WRMSR	"\x0f\x30"
#define RDMSR	"\x0f\x32"

TEST_F_TIMEOUT(sampling, takes_only_what_is_defined_in_every_mode, seconds(110))
{
	struct vcpu *vcpu = &self->vcpu;
	struct vm *vm = &self->vm;
	enum cpu_mode mode;
	__u64 value;
	__u32 msr;
	int i, n;

	srand(1);
	set_real_handler(vm, VECTOR_NMI);
	set_real_handler(vm, VECTOR_GP);
	for (mode = 0; mode < MODES; mode++) {
		bool kernel = !modes[mode].cpl;

		/*
		 * Touch the memory that this mode uses: later, the exits for the
		 * first access would be sampled.
		 */
		for (i = 0; i < 2; i++)
			ASSERT_FALSE(gets_behind(vm, vcpu, mode, WRMSR,
						 MSR_KVM_VMEXIT_SAMPLE_LOST, 0));
		for (msr = MSR_KVM_VMEXIT_SAMPLE; msr <= MSR_KVM_VMEXIT_SAMPLE_LOST + 1;
		     msr++) {
			/* Each bit, some random values, and some reasons. */
			n = msr == MSR_KVM_VMEXIT_SAMPLE ? 80 + 256 : 80;
			for (i = 0; i < n; i++) {
				if (i < 64)
					value = 1ULL << i;
				else if (i < 80)
					value = (__u64)rand() << 33 ^ rand();
				else
					value = every(i & 1 ? 1 : ~0, i - 80);
				EXPECT_EQ(kernel && can_be_written(msr, value),
					  gets_behind(vm, vcpu, mode, WRMSR, msr, value))
					TH_LOG("%s: MSR %#x, value %#llx",
					       modes[mode].name, msr, value);
			}
			EXPECT_EQ(kernel && msr <= MSR_KVM_VMEXIT_SAMPLE_LOST,
				  gets_behind(vm, vcpu, mode, RDMSR, msr, 0))
				TH_LOG("%s: MSR %#x", modes[mode].name, msr);
		}
		EXPECT_EQ(kernel, gets_behind(vm, vcpu, mode, WRMSR, MSR_KVM_VMEXIT_SAMPLE,
					      every(0, KVM_VMEXIT_ALL)));
	}
}

/* A read of the vCPU leaf is not sampled and does not count toward the period. */
TEST_F(sampling, reading_counts_is_not_sampled)
{
	struct nmi_data *nmi = self->nmi;
	int i;

	ASSERT_EQ(DONE, guest_wrmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE,
				    every(1, self->cpuid)));
	ASSERT_TRUE(vcpu_run(&self->vcpu, vm_cpuid, TIMES, KVM_VMEXIT_LEAF_VCPU,
			     self->cpuid, NULL));
	EXPECT_EQ(0, nmi->nmis);

	ASSERT_EQ(DONE, guest_wrmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE,
				    every(10, self->cpuid)));
	for (i = 0; i < TIMES; i++) {
		ASSERT_TRUE(vcpu_run(&self->vcpu, vm_cpuid, 3, KVM_VMEXIT_LEAF_VCPU,
				     self->cpuid, NULL));
		ASSERT_TRUE(vcpu_run(&self->vcpu, vm_cpuid, 1, 0, 0, NULL));
	}
	EXPECT_EQ(TIMES / 10, nmi->nmis);
}

/* Run RDMSR, then OUT.  With an interrupt controller, HLT does not end KVM_RUN. */
static __u64 sampled_rows(struct vm *vm, struct vcpu *vcpu)
{
	struct kvm_regs r = { .rcx = MSR_KVM_VMEXIT_SAMPLE };

	memcpy(vm->memory + INSTRUCTION, "\x0f\x32\xe6\x80", 4);
	if (!set_mode(vcpu, LONG) || !run_from(vcpu, LONG, INSTRUCTION, &r) ||
	    r.rip != INSTRUCTION + 2)
		return -1;
	return pair(r.rax, r.rdx);
}

/* KVM processes a pending INIT when the VMM asks for the vCPU's state. */
TEST_F(sampling, init_ends_sampling)
{
	struct kvm_regs r = { .rcx = MSR_KVM_VMEXIT_SAMPLE, .rax = 1000 };
	struct kvm_vcpu_events init = {
		.flags = KVM_VCPUEVENT_VALID_SMM, .smi.latched_init = 1,
	};
	struct kvm_mp_state state;
	struct vcpu vcpu;
	struct vm vm;

	ASSERT_TRUE(vm_create(&vm));
	write_tables(&vm);
	ASSERT_EQ(0, ioctl(vm.fd, KVM_CREATE_IRQCHIP));
	ASSERT_TRUE(vcpu_create(&vm, &vcpu) && set_mode(&vcpu, LONG));

	memcpy(vm.memory + INSTRUCTION, "\x0f\x30\xe6\x80", 4);
	r.rdx = self->port_io;
	ASSERT_TRUE(run_from(&vcpu, LONG, INSTRUCTION, &r));
	ASSERT_EQ(1, sampled_rows(&vm, &vcpu));

	ASSERT_EQ(0, ioctl(vcpu.fd, KVM_SET_VCPU_EVENTS, &init));
	ASSERT_EQ(0, ioctl(vcpu.fd, KVM_GET_MP_STATE, &state));
	EXPECT_EQ(0, sampled_rows(&vm, &vcpu));
	vm_destroy(&vm);
}

/* A VMM resets a vCPU by setting its registers.  The guest boots at the reset vector. */
TEST_F(sampling, a_reset_by_the_vmm_ends_sampling)
{
	struct nmi_data *nmi = self->nmi;
	struct kvm_sregs s, reset;
	__u64 value;

	nmi->done = 0;
	ASSERT_EQ(DONE, guest_wrmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE,
				    every(10, self->port_io)));
	ASSERT_TRUE(vcpu_run(&self->vcpu, vm_in, TIMES, 0, 0, NULL));
	EXPECT_EQ(1, nmi->nmis);

	/* The VMM may write what it has read, without a reset. */
	ASSERT_EQ(0, ioctl(self->vcpu.fd, KVM_GET_SREGS, &s));
	ASSERT_EQ(0, ioctl(self->vcpu.fd, KVM_SET_SREGS, &s));
	ASSERT_EQ(DONE, guest_rdmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE, &value));
	EXPECT_EQ(1, value);

	reset = s;
	reset.cr0 = 0x60000010;
	reset.cr4 = 0;
	reset.efer = 0;
	reset.cs = (struct kvm_segment){
		.selector = 0xf000, .base = 0xffff0000, .limit = 0xffff,
		.type = 11, .present = 1, .s = 1,
	};
	ASSERT_EQ(0, ioctl(self->vcpu.fd, KVM_SET_SREGS, &reset));
	ASSERT_TRUE(set_mode(&self->vcpu, LONG));
	ASSERT_EQ(DONE, guest_rdmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE, &value));
	EXPECT_EQ(0, value);
	ASSERT_EQ(DONE, guest_rdmsr(&self->vcpu, MSR_KVM_VMEXIT_SAMPLE_STATUS, &value));
	EXPECT_EQ(0, value);
	ASSERT_TRUE(vcpu_run(&self->vcpu, vm_in, TIMES, 0, 0, NULL));
	EXPECT_EQ(1, nmi->nmis);
}

TEST_HARNESS_MAIN
