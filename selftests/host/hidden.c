// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the hypervisor: the operator or the VMM hides the statistics from a guest.  The
 * guest then gets the same answers as from stock KVM.
 */
#include "msr.h"
#include "harness.h"

#define TIMES	1000

/* A leaf outside 0x4fffff00 to 0x4fffffff.  Stock KVM answers it like @leaf. */
#define ELSEWHERE(leaf)	((leaf) - 0x100)

static const __u32 index_[] = {
	0, 1, 2, 10, 0x72, 0xff, 0x400, 0xffffffff,
};

/*
 * The VMM's CPUID, by which KVM chooses how to answer leaves that are not defined: for
 * Intel with the highest basic leaf, for others with zero.
 */
static const struct {
	struct kvm_cpuid2 cpuid;
	struct kvm_cpuid_entry2 entry[3];
} bare = {
	.cpuid.nent = 1,
	.entry = { CPUID_LONG_MODE },
}, intel = {
	.cpuid.nent = 3,
	.entry = {
		CPUID_LONG_MODE,
		{
			.function = 0, .eax = 1, .ebx = 0x756e6547,
			.ecx = 0x6c65746e, .edx = 0x49656e69,
		},
		{ .function = 1, .eax = 0x11 },
	},
};

FIXTURE(hidden)
{
	struct vm vm;
	struct vcpu vcpu;
	struct table table;
	char text[TEXT_BYTES];
};

FIXTURE_SETUP(hidden)
{
	if (access("/dev/kvm", R_OK | W_OK))
		SKIP(return, "there is no /dev/kvm");
	ASSERT_TRUE(vm_create(&self->vm));
	write_msr_code(&self->vm);
}

FIXTURE_TEARDOWN(hidden)
{
	if (!access(ALL, F_OK)) {
		set(ALL, true);
		set(FOR_GUESTS, true);
	}
	vm_destroy(&self->vm);
}

static bool make_vcpu(struct vm *vm, struct vcpu *vcpu)
{
	return vcpu_create(vm, vcpu) && set_mode(vcpu, LONG);
}

static bool sees_signature(struct vcpu *vcpu)
{
	struct regs r = guest_ask(vcpu, KVM_VMEXIT_LEAF_SIGNATURE, 0);

	return !memcmp(&r.ebx, KVM_VMEXIT_SIGNATURE, 4);
}

/* How many leaves differ from those outside the block? */
static int leaves_seen(struct vcpu *vcpu)
{
	struct regs seen, usual;
	int different = 0;
	__u32 leaf;
	size_t i;

	for (leaf = 0x4fffff00; leaf <= 0x4fffffff; leaf++) {
		for (i = 0; i < ARRAY_SIZE(index_); i++) {
			seen = guest_ask(vcpu, leaf, index_[i]);
			usual = guest_ask(vcpu, ELSEWHERE(leaf), index_[i]);
			different += !!memcmp(&seen, &usual, sizeof(seen));
		}
	}
	return different;
}

/* How many accesses to the MSRs, and to as many MSRs behind them, do not fault? */
static int msrs_seen(struct vcpu *vcpu)
{
	__u32 msr, n = MSR_KVM_VMEXIT_SAMPLE_LOST - MSR_KVM_VMEXIT_ACCESS + 1;
	__u64 value;
	int seen = 0;

	for (msr = MSR_KVM_VMEXIT_ACCESS; msr < MSR_KVM_VMEXIT_ACCESS + 2 * n; msr++) {
		seen += guest_rdmsr(vcpu, msr, &value) != FAULT;
		seen += guest_wrmsr(vcpu, msr, 0) != FAULT;
	}
	return seen;
}

static void expect_nothing(struct __test_metadata *_metadata, struct vcpu *vcpu)
{
	ASSERT_EQ(0, ioctl(vcpu->fd, KVM_SET_CPUID2, &bare));
	EXPECT_EQ(0, leaves_seen(vcpu));
	EXPECT_EQ(0, msrs_seen(vcpu));
}

/* @vcpu must be one that has not run: afterwards its CPUID cannot change. */
static void expect_nothing_of_intel(struct __test_metadata *_metadata,
				    struct vcpu *vcpu)
{
	struct regs r;

	ASSERT_EQ(0, ioctl(vcpu->fd, KVM_SET_CPUID2, &intel));
	EXPECT_EQ(0, leaves_seen(vcpu));
	/* Check that KVM uses the rule for Intel: it answers with leaf 1. */
	r = guest_ask(vcpu, KVM_VMEXIT_LEAF_SIGNATURE, 0);
	EXPECT_EQ(0x11, r.eax);
}

/* This test passes with stock modules, too. */
TEST_F_TIMEOUT(hidden, a_guest_without_statistics_sees_no_trace_of_them, seconds(110))
{
	struct vcpu first, second;

	if (!access(ALL, F_OK))
		ASSERT_EQ(0, vm_allow(&self->vm, 0));
	ASSERT_TRUE(make_vcpu(&self->vm, &first));
	expect_nothing(_metadata, &first);
	ASSERT_TRUE(make_vcpu(&self->vm, &second));
	expect_nothing_of_intel(_metadata, &second);
}

/* QEMU can hide KVM with kvm=off, or by clearing the hypervisor bit in CPUID. */
TEST_F_TIMEOUT(hidden, a_guest_that_is_not_told_of_kvm_sees_no_trace, seconds(110))
{
	struct vcpu vcpu, shown_vcpu;
	struct vm shown;

	if (access(ALL, F_OK))
		SKIP(return, "no KVM with exit statistics");
	ASSERT_TRUE(make_vcpu(&self->vm, &vcpu));
	expect_nothing(_metadata, &vcpu);

	/* The VMM may show the statistics to such a guest all the same. */
	ASSERT_TRUE(vm_create(&shown));
	ASSERT_EQ(0, vm_allow(&shown, KVM_VMEXIT_GUEST_ALL));
	ASSERT_TRUE(make_vcpu(&shown, &shown_vcpu));
	ASSERT_EQ(0, ioctl(shown_vcpu.fd, KVM_SET_CPUID2, &bare));
	EXPECT_TRUE(sees_signature(&shown_vcpu));
	vm_destroy(&shown);
}

/* The leaves and MSRs that a running guest has found stay, and have no data. */
TEST_F(hidden, counting_that_is_off_reads_as_no_data)
{
	struct vcpu vcpu;
	struct regs r;
	__u64 value;
	__u32 msr;

	if (access(ALL, F_OK))
		SKIP(return, "no KVM with exit statistics");
	ASSERT_TRUE(make_vcpu(&self->vm, &vcpu));
	ASSERT_EQ(DONE, guest_wrmsr(&vcpu, MSR_KVM_VMEXIT_SAMPLE,
				    REASON_CPUID * (1ULL << 32) | 1000));
	ASSERT_TRUE(set(ALL, false));

	EXPECT_TRUE(sees_signature(&vcpu));
	r = guest_ask(&vcpu, KVM_VMEXIT_LEAF_VM, 0);
	EXPECT_EQ(0, r.eax);
	EXPECT_EQ(KVM_VMEXIT_VM_OFF, r.ecx);
	r = guest_ask(&vcpu, KVM_VMEXIT_LEAF_SNAPSHOT, 0);
	EXPECT_EQ(0, r.eax | r.ebx | r.ecx | r.edx);
	r = guest_ask(&vcpu, KVM_VMEXIT_LEAF_TOTAL, 0);
	EXPECT_EQ(0, r.eax | r.ebx | r.ecx | r.edx);
	r = guest_ask(&vcpu, KVM_VMEXIT_LEAF_VCPU, KVM_VMEXIT_ALL);
	EXPECT_EQ(0, r.ebx >> 16);
	for (msr = MSR_KVM_VMEXIT_ACCESS; msr <= MSR_KVM_VMEXIT_SAMPLE_LOST; msr++)
		EXPECT_EQ(DONE, guest_rdmsr(&vcpu, msr, &value));
	EXPECT_EQ(DONE, guest_wrmsr(&vcpu, MSR_KVM_VMEXIT_SAMPLE,
				    (__u64)KVM_VMEXIT_ALL << 32));
	EXPECT_EQ(DONE, guest_wrmsr(&vcpu, MSR_KVM_VMEXIT_SAMPLE_STATUS, 0));
}

/* Does the guest's kernel have the leaves, and do its processes have none? */
static bool kernel_alone(struct vcpu *vcpu)
{
	struct regs user, kernel;

	return set_mode(vcpu, LONG_USER) &&
	       probe(vcpu, LONG_USER, KVM_VMEXIT_LEAF_SIGNATURE, 0, &user) &&
	       set_mode(vcpu, LONG) &&
	       probe(vcpu, LONG, KVM_VMEXIT_LEAF_SIGNATURE, 0, &kernel) &&
	       memcmp(&user.ebx, KVM_VMEXIT_SIGNATURE, 4) &&
	       !memcmp(&kernel.ebx, KVM_VMEXIT_SIGNATURE, 4);
}

TEST_F(hidden, no_guest_opens_what_the_host_keeps_for_the_kernel)
{
	struct vcpu vcpu;
	__u64 value;

	if (access(ALL, F_OK))
		SKIP(return, "no KVM with exit statistics");
	ASSERT_EQ(0, vm_allow(&self->vm, KVM_VMEXIT_GUEST_KERNEL));
	ASSERT_TRUE(make_vcpu(&self->vm, &vcpu));
	EXPECT_TRUE(kernel_alone(&vcpu));

	EXPECT_EQ(DONE, guest_wrmsr(&vcpu, MSR_KVM_VMEXIT_ACCESS, 0));
	EXPECT_TRUE(kernel_alone(&vcpu));
	EXPECT_EQ(DONE, guest_rdmsr(&vcpu, MSR_KVM_VMEXIT_ACCESS, &value));
	EXPECT_EQ(KVM_VMEXIT_ACCESS_CPL0 | KVM_VMEXIT_ACCESS_HOST, value);
}

static bool write_access(struct vm *vm, const char *text)
{
	char name[80];

	snprintf(name, sizeof(name), "/sys/kernel/debug/kvm/%d-%d/exit_stats_access",
		 getpid(), vm->fd);
	return write_to(name, text);
}

TEST_F(hidden, the_operator_decides_for_a_running_vm)
{
	struct vcpu vcpu;

	if (access(ALL, F_OK))
		SKIP(return, "no KVM with exit statistics");
	ASSERT_EQ(0, vm_allow(&self->vm, KVM_VMEXIT_GUEST_NONE));
	ASSERT_TRUE(make_vcpu(&self->vm, &vcpu));
	EXPECT_FALSE(sees_signature(&vcpu));
	ASSERT_TRUE(write_access(&self->vm, "Y\n"));
	EXPECT_TRUE(sees_signature(&vcpu));
	ASSERT_TRUE(write_access(&self->vm, "kernel"));
	EXPECT_TRUE(kernel_alone(&vcpu));
	EXPECT_FALSE(write_access(&self->vm, "nobody"));
	EXPECT_FALSE(write_access(&self->vm, "a word that is too long"));
	EXPECT_TRUE(kernel_alone(&vcpu));
	ASSERT_TRUE(write_access(&self->vm, "N\n"));
	EXPECT_FALSE(sees_signature(&vcpu));
}

/* The same search finds leaves and MSRs that are not hidden. */
TEST_F_TIMEOUT(hidden, a_guest_with_statistics_sees_leaves_and_msrs, seconds(110))
{
	struct vcpu vcpu;

	if (access(ALL, F_OK))
		SKIP(return, "no KVM with exit statistics");
	ASSERT_EQ(0, vm_allow(&self->vm, 1));
	ASSERT_TRUE(make_vcpu(&self->vm, &vcpu));
	EXPECT_TRUE(sees_signature(&vcpu));
	EXPECT_LT(0, leaves_seen(&vcpu));
	/* All six can be read, and four can be written with zero. */
	EXPECT_EQ(6 + 4, msrs_seen(&vcpu));
}

TEST_F(hidden, the_vmm_decides_before_the_first_vcpu)
{
	struct vcpu vcpu;

	if (access(ALL, F_OK))
		SKIP(return, "no KVM with exit statistics");
	EXPECT_EQ(KVM_VMEXIT_GUEST_KERNEL,
		  ioctl(self->vm.fd, KVM_CHECK_EXTENSION, KVM_CAP_X86_VMEXIT));
	EXPECT_EQ(-1, vm_allow(&self->vm, 3));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, vm_allow(&self->vm, 1ULL << 32));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, vm_allow(&self->vm, -1));
	EXPECT_EQ(EINVAL, errno);

	/* The last call decides. */
	EXPECT_EQ(0, vm_allow(&self->vm, 0));
	EXPECT_EQ(0, vm_allow(&self->vm, 1));
	EXPECT_EQ(0, vm_allow(&self->vm, 0));
	ASSERT_TRUE(make_vcpu(&self->vm, &vcpu));
	EXPECT_EQ(-1, vm_allow(&self->vm, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, vm_allow(&self->vm, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_FALSE(sees_signature(&vcpu));
}

TEST_F(hidden, what_the_parameter_hides_the_host_counts)
{
	struct table *t = &self->table;
	struct vcpu vcpu, shown_vcpu;
	struct vm vm, shown;

	if (access(ALL, F_OK))
		SKIP(return, "no KVM with exit statistics");
	ASSERT_TRUE(set(FOR_GUESTS, false));
	ASSERT_TRUE(vm_create(&vm) && make_vcpu(&vm, &vcpu));
	ASSERT_TRUE(vm_create(&shown));
	EXPECT_EQ(0, vm_allow(&shown, 1));
	ASSERT_TRUE(make_vcpu(&shown, &shown_vcpu));
	ASSERT_TRUE(set(FOR_GUESTS, true));

	/* The parameter is a default for new VMs.  It does not change these two. */
	EXPECT_FALSE(sees_signature(&vcpu));
	EXPECT_TRUE(sees_signature(&shown_vcpu));
	ASSERT_TRUE(vcpu_run(&vcpu, vm_cpuid, TIMES, 0, 0, NULL));
	ASSERT_STREQ("whole", vm_table(&vm, self->text, t));
	EXPECT_EQ(TIMES + 1, exits_of(t, REASON_CPUID));
	vm_destroy(&vm);
	vm_destroy(&shown);
}

TEST_HARNESS_MAIN
