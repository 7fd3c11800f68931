// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the hypervisor, with the module that attaches to a stock KVM: if the module has no
 * memory in store for a vCPU, it misses exits of this vCPU.  The VM then gets a new
 * generation.
 */
#include <sched.h>

#include "vm.h"
#include "harness.h"

#define MISSED	"/sys/module/kvm_exits_host/parameters/missed"
#define VCPUS	64	/* more than there is memory in store for */
#define TIMES	10
#define RT_RUNTIME	"/proc/sys/kernel/sched_rt_runtime_us"
#define FAIR_SERVER	"/sys/kernel/debug/sched/fair_server/cpu0/runtime"

FIXTURE(missed)
{
	struct vm vm;
	struct vcpu vcpu[VCPUS];
	struct table table;
	char text[TEXT_BYTES];
};

FIXTURE_SETUP(missed)
{
	if (access(MISSED, F_OK))
		SKIP(return, "no module that attaches");
	ASSERT_TRUE(vm_create(&self->vm));
	ASSERT_TRUE(vcpu_create(&self->vm, &self->vcpu[0]));
}

FIXTURE_TEARDOWN(missed)
{
	vm_destroy(&self->vm);
}

static long missed(void)
{
	char text[TEXT_BYTES];

	return read_file(MISSED, text) < 0 ? -1 : atol(text);
}

/*
 * Keep the module's work, which fills the store, off the CPU: by a real-time thread, and
 * a scheduler that leaves no time to other threads.  Since Linux 6.12 that takes two
 * switches.
 */
static bool real_time(bool on)
{
	struct sched_param p = { .sched_priority = on };

	write_to(FAIR_SERVER, on ? "0" : "50000000");
	return write_to(RT_RUNTIME, on ? "-1" : "950000") &&
		!sched_setscheduler(0, on ? SCHED_FIFO : SCHED_OTHER, &p);
}

TEST_F(missed, exits_that_were_missed_begin_a_generation)
{
	long before = missed();
	struct vcpu *last;
	struct regs r;
	__u32 first;

	r = guest_ask(&self->vcpu[0], KVM_VMEXIT_LEAF_VM, 0);
	first = r.eax;
	EXPECT_NE(0, first);
	EXPECT_EQ(KVM_VMEXIT_VM_FROM_ZERO, r.ecx);

	ASSERT_TRUE(real_time(true));
	while (missed() == before && self->vm.vcpus < VCPUS)
		if (!vcpu_create(&self->vm, &self->vcpu[self->vm.vcpus]))
			break;
	last = &self->vcpu[self->vm.vcpus - 1];
	EXPECT_TRUE(vcpu_run(last, vm_out, TIMES, 0, 0, NULL));
	ASSERT_TRUE(real_time(false));
	EXPECT_LT(before + TIMES, missed());

	/* Meanwhile the module fills its store.  Then it counts the vCPU's exits. */
	sleep(2);
	ASSERT_TRUE(vcpu_run(last, vm_out, TIMES, 0, 0, NULL));
	r = guest_ask(&self->vcpu[0], KVM_VMEXIT_LEAF_VM, 0);
	EXPECT_NE(0, r.eax);
	EXPECT_NE(first, r.eax);
	EXPECT_EQ(0, r.ecx);
	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, &self->table));
	EXPECT_EQ(r.eax, self->table.generation);
	EXPECT_EQ(TIMES, exits_of(&self->table, REASON_PORT_IO));
}

TEST_HARNESS_MAIN
