// SPDX-License-Identifier: GPL-2.0-only
/*
 * In a guest that is a hypervisor: the outer host counts the exits of the inner guest,
 * and the inner guest gets the counts of this hypervisor's KVM.
 */
#include "vm.h"
#include "harness.h"

#define TIMES	2000

FIXTURE(nested)
{
	struct vm vm;
	struct vcpu vcpu;
	struct table before, after;
	__u32 cpuid, port_io;
};

FIXTURE_SETUP(nested)
{
	if (access(FILE_NAME, F_OK))
		SKIP(return, "kvm_exits.ko is not loaded");
	if (access("/dev/kvm", R_OK | W_OK))
		SKIP(return, "there is no /dev/kvm");
	self->cpuid = REASON_CPUID;
	self->port_io = REASON_PORT_IO;

	ASSERT_TRUE(vm_create(&self->vm));
	ASSERT_TRUE(vcpu_create(&self->vm, &self->vcpu));
	quiet_console();
}

FIXTURE_TEARDOWN(nested)
{
	vm_destroy(&self->vm);
}

TEST_F(nested, exits_of_the_inner_guest_have_the_hardwares_reason)
{
	ASSERT_STREQ("whole", read_table(&self->before));
	ASSERT_TRUE(vcpu_run(&self->vcpu, vm_cpuid, TIMES, 0, 0, NULL));
	ASSERT_STREQ("whole", read_table(&self->after));
	EXPECT_EQ(exits_of(&self->before, self->cpuid) + TIMES +
		  self->before.exits_per_read,
		  exits_of(&self->after, self->cpuid));

	ASSERT_STREQ("whole", read_table(&self->before));
	ASSERT_TRUE(vcpu_run(&self->vcpu, vm_out, TIMES, 0, 0, NULL));
	ASSERT_STREQ("whole", read_table(&self->after));
	EXPECT_EQ(exits_of(&self->before, self->port_io) + TIMES,
		  exits_of(&self->after, self->port_io));
}

/* Each exit is followed by a VMRUN, or a VMLAUNCH or VMRESUME. */
TEST_F(nested, entries_of_the_inner_guest_are_exits_of_the_outer)
{
	__u32 launch = reason_of(0x80, 20), resume = reason_of(0x80, 24);
	__u64 before, after;

	before = live_exits(launch) + live_exits(resume);
	ASSERT_TRUE(vcpu_run(&self->vcpu, vm_cpuid, TIMES, 0, 0, NULL));
	after = live_exits(launch) + live_exits(resume);
	EXPECT_LE(before + TIMES, after);
}

/* The inner guest's counts cannot be those of the outer host, which are far higher. */
TEST_F(nested, inner_guest_sees_what_its_own_hypervisor_counts)
{
	struct regs r;

	if (access(ALL, F_OK))
		SKIP(return, "this KVM has no exit statistics");

	ASSERT_TRUE(vcpu_run(&self->vcpu, vm_cpuid, TIMES, 0, 0, NULL));
	r = guest_ask(&self->vcpu, KVM_VMEXIT_LEAF_REASON, self->cpuid);
	EXPECT_EQ(TIMES + 1, pair(r.eax, r.edx));
	r = guest_ask(&self->vcpu, KVM_VMEXIT_LEAF_REASON, self->port_io);
	EXPECT_EQ(0, pair(r.eax, r.edx));

	r = guest_ask(&self->vcpu, KVM_VMEXIT_LEAF_VM, 0);
	EXPECT_NE(0, r.eax);
	EXPECT_NE(ask(KVM_VMEXIT_LEAF_VM, 0).eax, r.eax);
}

TEST_F(nested, inner_guest_sees_nothing_of_a_kvm_without_statistics)
{
	struct vcpu vcpu;
	struct regs r;
	struct vm vm;
	__u32 leaf;

	/* A patched KVM can hide the statistics from a VM. */
	ASSERT_TRUE(vm_create(&vm));
	if (!access(ALL, F_OK))
		ASSERT_EQ(0, vm_allow(&vm, KVM_VMEXIT_GUEST_NONE));
	ASSERT_TRUE(vcpu_create(&vm, &vcpu));

	ASSERT_TRUE(vcpu_run(&vcpu, vm_cpuid, TIMES, 0, 0, NULL));
	for (leaf = KVM_VMEXIT_LEAF_SIGNATURE; leaf <= KVM_VMEXIT_LEAF_TOTAL;
	     leaf++) {
		r = guest_ask(&vcpu, leaf, self->cpuid);
		EXPECT_EQ(0, r.eax | r.ebx | r.ecx | r.edx);
	}
	vm_destroy(&vm);
}

TEST_HARNESS_MAIN
