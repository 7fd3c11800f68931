// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the hypervisor: the MSRs by which a guest's kernel hides the leaves from its
 * userspace, and sets the longest stops to zero.
 */
#include <time.h>

#include "msr.h"
#include "harness.h"

FIXTURE(msrs)
{
	struct vm vm;
	struct vcpu vcpu, other;
	struct table table;
	char text[TEXT_BYTES];
};

FIXTURE_SETUP(msrs)
{
	if (access(ALL, F_OK))
		SKIP(return, "no KVM with exit statistics");
	ASSERT_TRUE(vm_create(&self->vm));
	write_msr_code(&self->vm);
	ASSERT_TRUE(vcpu_create(&self->vm, &self->vcpu));
	ASSERT_TRUE(vcpu_create(&self->vm, &self->other));
	ASSERT_TRUE(set_mode(&self->vcpu, LONG));
	ASSERT_TRUE(set_mode(&self->other, LONG));
}

FIXTURE_TEARDOWN(msrs)
{
	vm_destroy(&self->vm);
}

/* In how many modes of CPL @cpl does the guest get the signature? */
static int modes_answered(struct vcpu *vcpu, int cpl)
{
	enum cpu_mode mode;
	struct regs r;
	int n = 0;

	for (mode = 0; mode < MODES; mode++) {
		if (modes[mode].cpl != cpl)
			continue;
		if (!set_mode(vcpu, mode) ||
		    !probe(vcpu, mode, KVM_VMEXIT_LEAF_SIGNATURE, 0, &r))
			return -1;
		n += !memcmp(&r.ebx, KVM_VMEXIT_SIGNATURE, 4);
	}
	set_mode(vcpu, LONG);
	return n;
}

static int leaves_that_are_not_zero(struct vcpu *vcpu, enum cpu_mode mode)
{
	struct regs r;
	__u32 leaf;
	int n = 0;

	for (leaf = 0x4fffff00; leaf <= 0x4fffffff; leaf++) {
		if (!set_mode(vcpu, mode) || !probe(vcpu, mode, leaf, 10, &r))
			return -1;
		n += !!(r.eax | r.ebx | r.ecx | r.edx);
	}
	set_mode(vcpu, LONG);
	return n;
}

TEST_F(msrs, access_takes_the_leaves_from_all_userspace_of_the_vm)
{
	__u64 value;

	EXPECT_EQ(4, modes_answered(&self->vcpu, 0));
	EXPECT_EQ(4, modes_answered(&self->vcpu, 3));
	EXPECT_LT(0, leaves_that_are_not_zero(&self->vcpu, LONG_USER));

	ASSERT_EQ(DONE, guest_wrmsr(&self->vcpu, MSR_KVM_VMEXIT_ACCESS,
				    KVM_VMEXIT_ACCESS_CPL0));
	ASSERT_EQ(DONE, guest_rdmsr(&self->other, MSR_KVM_VMEXIT_ACCESS, &value));
	EXPECT_EQ(KVM_VMEXIT_ACCESS_CPL0, value);
	EXPECT_EQ(4, modes_answered(&self->vcpu, 0));
	EXPECT_EQ(0, modes_answered(&self->vcpu, 3));
	EXPECT_EQ(0, modes_answered(&self->other, 3));
	EXPECT_EQ(0, leaves_that_are_not_zero(&self->vcpu, LONG_USER));
	EXPECT_EQ(0, leaves_that_are_not_zero(&self->other, COMPAT_USER));

	ASSERT_EQ(DONE, guest_wrmsr(&self->other, MSR_KVM_VMEXIT_ACCESS, 0));
	EXPECT_EQ(4, modes_answered(&self->vcpu, 3));
}

TEST_F(msrs, access_has_two_bits)
{
	__u64 value;
	int bit;

	for (bit = 2; bit < 64; bit++) {
		EXPECT_EQ(FAULT, guest_wrmsr(&self->vcpu, MSR_KVM_VMEXIT_ACCESS,
					     1ULL << bit | KVM_VMEXIT_ACCESS_CPL0));
		EXPECT_FALSE(vmm_wrmsr(&self->vcpu, MSR_KVM_VMEXIT_ACCESS, 1ULL << bit));
	}
	ASSERT_EQ(DONE, guest_rdmsr(&self->vcpu, MSR_KVM_VMEXIT_ACCESS, &value));
	EXPECT_EQ(0, value);
}

/*
 * A VMM saves the MSRs that KVM lists, and restores them on another host, which perhaps
 * lacks the MSRs of the statistics.  So KVM lists none of these.  A VMM that knows
 * MSR_KVM_VMEXIT_ACCESS can save and restore it.
 */
TEST_F(msrs, access_can_be_restored_and_none_is_listed)
{
	struct {
		struct kvm_msr_list head;
		__u32 index[1024];
	} list = { .head.nmsrs = ARRAY_SIZE(list.index) };
	struct vcpu vcpu;
	struct vm vm;
	__u64 value;
	__u32 i;

	ASSERT_EQ(0, ioctl(self->vm.kvm, KVM_GET_MSR_INDEX_LIST, &list));
	for (i = 0; i < list.head.nmsrs; i++)
		EXPECT_FALSE(list.index[i] >= MSR_KVM_VMEXIT_ACCESS &&
			     list.index[i] <= MSR_KVM_VMEXIT_SAMPLE_LOST);
	EXPECT_FALSE(vmm_rdmsr(&self->vcpu, MSR_KVM_VMEXIT_MAX, &value));
	EXPECT_FALSE(vmm_wrmsr(&self->vcpu, MSR_KVM_VMEXIT_MAX, 0));

	ASSERT_EQ(DONE, guest_wrmsr(&self->vcpu, MSR_KVM_VMEXIT_ACCESS,
				    KVM_VMEXIT_ACCESS_CPL0));
	ASSERT_TRUE(vmm_rdmsr(&self->vcpu, MSR_KVM_VMEXIT_ACCESS, &value));
	EXPECT_EQ(KVM_VMEXIT_ACCESS_CPL0, value);

	ASSERT_TRUE(make_vm(&vm, &vcpu));
	EXPECT_EQ(4, modes_answered(&vcpu, 3));
	ASSERT_TRUE(vmm_wrmsr(&vcpu, MSR_KVM_VMEXIT_ACCESS, value));
	EXPECT_EQ(0, modes_answered(&vcpu, 3));
	EXPECT_EQ(4, modes_answered(&vcpu, 0));
	vm_destroy(&vm);
}

/* Answer a read of the port 100 ms late. */
static void stop_long(struct vcpu *vcpu)
{
	struct timespec t = { .tv_nsec = 100000000 };
	struct kvm_regs r = {
		.rip = guest_address(vm_in), .rflags = 2, .r10 = 1,
		.rsp = GUEST_STACK,
	};

	ioctl(vcpu->fd, KVM_SET_REGS, &r);
	ioctl(vcpu->fd, KVM_RUN, 0);
	nanosleep(&t, NULL);
	ioctl(vcpu->fd, KVM_RUN, 0);
}

TEST_F(msrs, max_lets_the_longest_stops_of_all_vcpus_begin_again)
{
	struct table *t = &self->table, before;
	struct row *io;
	__u64 late, value;

	stop_long(&self->vcpu);
	stop_long(&self->other);
	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, &before));
	late = before.tsc_khz * 100ULL;
	EXPECT_LE(late, row_of(&before, REASON_PORT_IO)->value[MAX]);

	ASSERT_EQ(DONE, guest_wrmsr(&self->vcpu, MSR_KVM_VMEXIT_MAX, 0));
	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, t));
	io = row_of(t, REASON_PORT_IO);
	EXPECT_EQ(0, io->value[MAX]);
	EXPECT_EQ(row_of(&before, REASON_PORT_IO)->value[STOPPED], io->value[STOPPED]);
	EXPECT_EQ(2, io->value[EXITS]);

	/* The next stop is the longest again. */
	stop_long(&self->other);
	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, t));
	EXPECT_LE(late, row_of(t, REASON_PORT_IO)->value[MAX]);
	EXPECT_EQ(row_of(t, REASON_PORT_IO)->value[STOPPED] -
		  row_of(&before, REASON_PORT_IO)->value[STOPPED],
		  row_of(t, REASON_PORT_IO)->value[MAX]);

	ASSERT_EQ(DONE, guest_rdmsr(&self->vcpu, MSR_KVM_VMEXIT_MAX, &value));
	EXPECT_EQ(0, value);
}

TEST_F(msrs, max_takes_zero_alone)
{
	struct table *t = &self->table;
	int bit;

	stop_long(&self->vcpu);
	for (bit = 0; bit < 64; bit++)
		EXPECT_EQ(FAULT, guest_wrmsr(&self->vcpu, MSR_KVM_VMEXIT_MAX, 1ULL << bit));
	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, t));
	EXPECT_LE(t->tsc_khz * 100ULL, row_of(t, REASON_PORT_IO)->value[MAX]);
}

TEST_HARNESS_MAIN
