// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the hypervisor: a switch of a parameter leaves a gap in the counts, so it begins
 * a new generation, for the guest and for the host.
 */
#include "vm.h"
#include "harness.h"

#define TIMES	100

FIXTURE(generation)
{
	struct vm vm;
	struct vcpu vcpu;
	struct table table;
	char text[TEXT_BYTES];
};

FIXTURE_VARIANT(generation)
{
	const char *parameter;
};

FIXTURE_VARIANT_ADD(generation, all) {
	ALL,
};

FIXTURE_VARIANT_ADD(generation, stopped_clock) {
	STOPPED_CLOCK,
};

FIXTURE_SETUP(generation)
{
	if (access(ALL, F_OK))
		SKIP(return, "no KVM with exit statistics");
	ASSERT_TRUE(vm_create(&self->vm));
	ASSERT_TRUE(vcpu_create(&self->vm, &self->vcpu));
}

FIXTURE_TEARDOWN(generation)
{
	set(ALL, true);
	set(STOPPED_CLOCK, true);
	vm_destroy(&self->vm);
}

/*
 * The generation, from all places that have it; 0 if they differ.  Store the flags
 * of the VM leaf in @flags.
 */
static __u32 generation_of(struct vm *vm, struct vcpu *vcpu, char *text,
			   struct table *t, __u32 *flags)
{
	struct regs r = guest_ask(vcpu, KVM_VMEXIT_LEAF_VM, 0);

	*flags = r.ecx;
	if (guest_ask(vcpu, KVM_VMEXIT_LEAF_SNAPSHOT, 0).ebx != r.eax ||
	    guest_ask(vcpu, KVM_VMEXIT_LEAF_VCPU, KVM_VMEXIT_ALL).ebx >> 16 !=
		    tag_of(r.eax) ||
	    strcmp(vm_table(vm, text, t), "whole") || t->generation != r.eax)
		return 0;
	return r.eax;
}

TEST_F(generation, each_switch_begins_a_generation)
{
	struct table *t = &self->table;
	__u32 first, off, second, flags;
	struct vcpu vcpu;
	struct vm vm;

	first = generation_of(&self->vm, &self->vcpu, self->text, t, &flags);
	EXPECT_NE(0, first);
	EXPECT_EQ(KVM_VMEXIT_VM_FROM_ZERO, flags);

	ASSERT_TRUE(set(variant->parameter, false));
	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, t));
	off = t->generation;
	EXPECT_NE(first, off);
	/* There are no counts while counting is off. */
	EXPECT_EQ(!strcmp(variant->parameter, ALL), !off);

	ASSERT_TRUE(set(variant->parameter, true));
	second = generation_of(&self->vm, &self->vcpu, self->text, t, &flags);
	EXPECT_NE(0, second);
	EXPECT_NE(first, second);
	EXPECT_NE(off, second);
	EXPECT_EQ(0, flags);

	/* The counts of a VM that is created afterwards are from zero. */
	ASSERT_TRUE(vm_create(&vm) && vcpu_create(&vm, &vcpu));
	EXPECT_NE(0, generation_of(&vm, &vcpu, self->text, t, &flags));
	EXPECT_EQ(KVM_VMEXIT_VM_FROM_ZERO, flags);
	vm_destroy(&vm);
}

TEST_F(generation, without_a_switch_the_generation_stays)
{
	struct table *t = &self->table;
	__u32 first, flags;

	first = generation_of(&self->vm, &self->vcpu, self->text, t, &flags);
	EXPECT_NE(0, first);
	ASSERT_TRUE(set(variant->parameter, true));
	EXPECT_FALSE(write_to(variant->parameter, "perhaps"));
	ASSERT_TRUE(vcpu_run(&self->vcpu, vm_cpuid, TIMES, 0, 0, NULL));
	EXPECT_EQ(first, generation_of(&self->vm, &self->vcpu, self->text, t, &flags));
	EXPECT_EQ(KVM_VMEXIT_VM_FROM_ZERO, flags);
}

/* After the switch, the row leaves still answer from the old snapshot. */
TEST_F(generation, an_old_snapshot_outlives_the_switch)
{
	struct regs snapshot, row, again;

	ASSERT_TRUE(vcpu_run(&self->vcpu, vm_out, TIMES, 0, 0, NULL));
	snapshot = guest_ask(&self->vcpu, KVM_VMEXIT_LEAF_SNAPSHOT, 0);
	row = guest_ask(&self->vcpu, KVM_VMEXIT_LEAF_ROW, 0);
	EXPECT_NE(0, row.eax);

	ASSERT_TRUE(set(variant->parameter, false));
	ASSERT_TRUE(set(variant->parameter, true));
	again = guest_ask(&self->vcpu, KVM_VMEXIT_LEAF_ROW, 0);
	EXPECT_EQ(0, memcmp(&row, &again, sizeof(row)));
	EXPECT_NE(snapshot.ebx, guest_ask(&self->vcpu, KVM_VMEXIT_LEAF_SNAPSHOT, 0).ebx);
}

TEST_HARNESS_MAIN
