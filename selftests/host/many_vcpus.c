// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the hypervisor: KVM adds up the counts of some vCPUs at a time.  In a VM with more
 * vCPUs, it lets the guest execute its CPUID again until the sum is complete.
 */
#include <signal.h>
#include <sys/time.h>

#include "snapshot.h"
#include "harness.h"

#define VCPUS	40
#define TIMES	100

FIXTURE(many_vcpus)
{
	struct vm vm;
	struct vcpu vcpu[VCPUS];
	struct table table;
	char text[TEXT_BYTES];
};

FIXTURE_SETUP(many_vcpus)
{
	int i;

	if (access(ALL, F_OK))
		SKIP(return, "no KVM with exit statistics");
	ASSERT_TRUE(vm_create(&self->vm));
	write_tables(&self->vm);
	for (i = 0; i < VCPUS; i++) {
		ASSERT_TRUE(vcpu_create(&self->vm, &self->vcpu[i]));
		ASSERT_TRUE(set_mode(&self->vcpu[i], LONG));
	}
	for (i = 0; i < VCPUS; i++)
		ASSERT_TRUE(vcpu_run(&self->vcpu[i], vm_out, TIMES + i, 0, 0, NULL));
}

FIXTURE_TEARDOWN(many_vcpus)
{
	vm_destroy(&self->vm);
}

static void nothing(int signal)
{
}

/* The exits for port I/O of all vCPUs. */
static __u64 all_io(void)
{
	return VCPUS * TIMES + VCPUS * (VCPUS - 1) / 2;
}

TEST_F(many_vcpus, live_leaves_have_all_of_them)
{
	struct table *t = &self->table;
	struct regs r;
	int i;

	/* Ask on the first vCPU, on the last, and on one in the middle. */
	for (i = 0; i < VCPUS; i += VCPUS / 2 - 1) {
		r = guest_ask(&self->vcpu[i], KVM_VMEXIT_LEAF_REASON, REASON_PORT_IO);
		EXPECT_EQ(all_io(), pair(r.eax, r.edx));
	}
	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, t));
	EXPECT_EQ(all_io(), exits_of(t, REASON_PORT_IO));
	r = guest_ask(&self->vcpu[0], KVM_VMEXIT_LEAF_TOTAL, 0);
	/* The total contains the exits that ask for it, which the table does not. */
	EXPECT_LT(t->total.value[EXITS], pair(r.eax, r.edx));
	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, t));
	/* HLT is one exit more, and interrupts of the host may be others. */
	EXPECT_GT(t->total.value[EXITS], pair(r.eax, r.edx));
}

TEST_F(many_vcpus, a_snapshot_takes_several_exits_and_adds_up)
{
	__u64 before, exits;
	__u32 rows;

	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, &self->table));
	before = exits_of(&self->table, REASON_CPUID);
	guest_ask(&self->vcpu[1], KVM_VMEXIT_LEAF_SNAPSHOT, 0);
	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, &self->table));
	exits = exits_of(&self->table, REASON_CPUID) - before;
	EXPECT_LT(1, exits);
	EXPECT_GT(2 * VCPUS, exits);
	EXPECT_TRUE(snapshot_adds_up(&self->vcpu[1], &rows, true));
}

/* A VMM whose signals end KVM_RUN all the time.  The guest goes on where it was. */
TEST_F(many_vcpus, signals_end_the_run_and_the_guest_goes_on)
{
	struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, never = {};
	struct vcpu *vcpu = &self->vcpu[0];
	struct kvm_regs r = {
		.rip = guest_address(vm_cpuid), .rflags = 2, .rsp = GUEST_STACK,
		.r8 = KVM_VMEXIT_LEAF_REASON, .r9 = REASON_PORT_IO, .r10 = TIMES,
	};
	int interrupted = 0;

	signal(SIGALRM, nothing);
	while (!interrupted) {
		ASSERT_EQ(0, ioctl(vcpu->fd, KVM_SET_REGS, &r));
		ASSERT_EQ(0, setitimer(ITIMER_REAL, &often, NULL));
		while (ioctl(vcpu->fd, KVM_RUN, 0)) {
			ASSERT_EQ(EINTR, errno);
			interrupted++;
		}
		ASSERT_EQ(0, setitimer(ITIMER_REAL, &never, NULL));
		ASSERT_EQ(KVM_EXIT_HLT, vcpu->run->exit_reason);
	}
	ASSERT_EQ(0, ioctl(vcpu->fd, KVM_GET_REGS, &r));
	EXPECT_EQ(all_io(), pair(r.rax, r.rdx));
}

TEST_HARNESS_MAIN
