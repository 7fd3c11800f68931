// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the hypervisor: the exits of a small guest are exactly those that the host's
 * table shows and that the leaves answer.  Another guest's leaves do not show them.
 */
#include "vm.h"
#include "harness.h"

#define TIMES	5000

FIXTURE(host)
{
	struct vm vm, other;
	struct vcpu vcpu, other_vcpu;
	struct table table;
	char text[TEXT_BYTES];
	__u32 cpuid, port_io, hlt;
};

FIXTURE_SETUP(host)
{
	if (access(ALL, F_OK))
		SKIP(return, "no KVM with exit statistics");
	self->cpuid = REASON_CPUID;
	self->port_io = REASON_PORT_IO;
	self->hlt = REASON_HLT;

	ASSERT_TRUE(vm_create(&self->vm));
	ASSERT_TRUE(vcpu_create(&self->vm, &self->vcpu));
	ASSERT_TRUE(vm_create(&self->other));
	ASSERT_TRUE(vcpu_create(&self->other, &self->other_vcpu));
}

FIXTURE_TEARDOWN(host)
{
	vm_destroy(&self->vm);
	vm_destroy(&self->other);
}

static __u64 guest_sees(struct vcpu *vcpu, __u32 reason)
{
	struct regs r = guest_ask(vcpu, KVM_VMEXIT_LEAF_REASON, reason);

	return pair(r.eax, r.edx);
}

TEST_F(host, new_vm_has_no_exits)
{
	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, &self->table));
	EXPECT_EQ(0, self->table.total.value[EXITS]);
	EXPECT_NE(0, self->table.generation);
}

TEST_F(host, table_has_what_the_guest_did)
{
	struct table *t = &self->table;

	ASSERT_TRUE(vcpu_run(&self->vcpu, vm_cpuid, TIMES, 0, 0, NULL));
	ASSERT_TRUE(vcpu_run(&self->vcpu, vm_out, 3 * TIMES, 0, 0, NULL));

	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, t));
	EXPECT_EQ(TIMES, exits_of(t, self->cpuid));
	EXPECT_EQ(3 * TIMES, exits_of(t, self->port_io));
	EXPECT_EQ(2, exits_of(t, self->hlt));
}

TEST_F(host, guest_is_answered_what_it_did)
{
	ASSERT_TRUE(vcpu_run(&self->vcpu, vm_cpuid, TIMES, 0, 0, NULL));
	ASSERT_TRUE(vcpu_run(&self->vcpu, vm_out, 2 * TIMES, 0, 0, NULL));

	EXPECT_EQ(TIMES + 1, guest_sees(&self->vcpu, self->cpuid));
	EXPECT_EQ(2 * TIMES, guest_sees(&self->vcpu, self->port_io));
	EXPECT_EQ(4, guest_sees(&self->vcpu, self->hlt));
}

TEST_F(host, counts_of_an_idle_vm_stand_still)
{
	struct table *t = &self->table, before;

	ASSERT_TRUE(vcpu_run(&self->other_vcpu, vm_cpuid, 10, 0, 0, NULL));
	ASSERT_STREQ("whole", vm_table(&self->other, self->text, &before));

	ASSERT_TRUE(vcpu_run(&self->vcpu, vm_cpuid, TIMES, 0, 0, NULL));
	ASSERT_TRUE(vcpu_run(&self->vcpu, vm_out, TIMES, 0, 0, NULL));

	/* Compare all numbers of all rows. */
	ASSERT_STREQ("whole", vm_table(&self->other, self->text, t));
	EXPECT_EQ(0, memcmp(&before, t, sizeof(before)));
	EXPECT_EQ(10, exits_of(t, self->cpuid));
	EXPECT_EQ(11, guest_sees(&self->other_vcpu, self->cpuid));
}

TEST_F(host, vms_have_generations_of_their_own)
{
	struct regs a, b;

	a = guest_ask(&self->vcpu, KVM_VMEXIT_LEAF_VM, 0);
	b = guest_ask(&self->other_vcpu, KVM_VMEXIT_LEAF_VM, 0);
	EXPECT_NE(a.eax, b.eax);

	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, &self->table));
	EXPECT_EQ(a.eax, self->table.generation);
	ASSERT_STREQ("whole", vm_table(&self->other, self->text, &self->table));
	EXPECT_EQ(b.eax, self->table.generation);
}

TEST_F(host, vcpu_added_later_counts_too)
{
	struct table *t = &self->table;
	struct vcpu added;

	ASSERT_TRUE(vcpu_run(&self->vcpu, vm_cpuid, TIMES, 0, 0, NULL));
	ASSERT_TRUE(vcpu_create(&self->vm, &added));
	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, t));
	EXPECT_EQ(TIMES, exits_of(t, self->cpuid));

	ASSERT_TRUE(vcpu_run(&added, vm_cpuid, TIMES / 2, 0, 0, NULL));
	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, t));
	EXPECT_EQ(TIMES + TIMES / 2, exits_of(t, self->cpuid));
	EXPECT_EQ(2, exits_of(t, self->hlt));

	/* Both vCPUs get the counts of the whole VM. */
	EXPECT_EQ(TIMES + TIMES / 2 + 1, guest_sees(&added, self->cpuid));
	EXPECT_EQ(TIMES + TIMES / 2 + 2, guest_sees(&self->vcpu, self->cpuid));
}

static void *run(void *arg)
{
	struct runner *r = arg;

	r->done = vcpu_run(&r->vcpu, vm_cpuid, TIMES, 0, 0, NULL) &&
		  vcpu_run(&r->vcpu, vm_out, TIMES, 0, 0, NULL);
	return NULL;
}

TEST_F(host, nothing_is_lost_on_four_vcpus_while_the_host_reads)
{
	struct table *t = &self->table;
	struct runner runner[4] = { { .vcpu = self->vcpu } };
	__u64 last = 0;
	int i;

	for (i = 1; i < 4; i++)
		ASSERT_TRUE(vcpu_create(&self->vm, &runner[i].vcpu));
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&runner[i].thread, NULL, run,
					    &runner[i]));

	do {
		ASSERT_STREQ("whole", vm_table(&self->vm, self->text, t));
		ASSERT_LE(last, t->total.value[EXITS]);
		last = t->total.value[EXITS];
	} while (exits_of(t, self->hlt) < 4 * 2);

	for (i = 0; i < 4; i++) {
		pthread_join(runner[i].thread, NULL);
		EXPECT_TRUE(runner[i].done);
	}
	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, t));
	EXPECT_EQ(4 * TIMES, exits_of(t, self->cpuid));
	EXPECT_EQ(4 * TIMES, exits_of(t, self->port_io));
	EXPECT_EQ(8, exits_of(t, self->hlt));
}

TEST_HARNESS_MAIN
