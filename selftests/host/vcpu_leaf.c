// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the hypervisor: each vCPU gets its own counts, without the exits that read
 * them.  The sum over the vCPUs is the VM's.
 */
#include "vm.h"
#include "harness.h"

#define VCPUS	3
#define TIMES	500
#define READS	7

FIXTURE(vcpu_leaf)
{
	struct vm vm;
	struct vcpu vcpu[VCPUS];
	struct table table;
	char text[TEXT_BYTES];
};

FIXTURE_SETUP(vcpu_leaf)
{
	int i;

	if (access(ALL, F_OK))
		SKIP(return, "no KVM with exit statistics");
	ASSERT_TRUE(vm_create(&self->vm));
	for (i = 0; i < VCPUS; i++)
		ASSERT_TRUE(vcpu_create(&self->vm, &self->vcpu[i]));
}

FIXTURE_TEARDOWN(vcpu_leaf)
{
	vm_destroy(&self->vm);
}

struct counts {
	__u64 exits, cycles;
};

static struct counts ask_vcpu(struct vcpu *vcpu, __u32 reason)
{
	struct regs r = guest_ask(vcpu, KVM_VMEXIT_LEAF_VCPU, reason);

	return (struct counts){ pair(r.eax, r.ebx & 0xffff), pair(r.ecx, r.edx) };
}

TEST_F(vcpu_leaf, counts_are_those_of_the_vcpu_that_asks)
{
	__u32 cpuid = REASON_CPUID;
	__u32 io = REASON_PORT_IO;
	int i;

	for (i = 0; i < VCPUS; i++) {
		ASSERT_TRUE(vcpu_run(&self->vcpu[i], vm_cpuid, TIMES * (i + 1), 0, 0, NULL));
		ASSERT_TRUE(vcpu_run(&self->vcpu[i], vm_out, TIMES * (i + 2), 0, 0, NULL));
	}
	for (i = 0; i < VCPUS; i++) {
		EXPECT_EQ(TIMES * (i + 1), ask_vcpu(&self->vcpu[i], cpuid).exits);
		EXPECT_EQ(TIMES * (i + 2), ask_vcpu(&self->vcpu[i], io).exits);
		/* More reads change nothing. */
		ASSERT_TRUE(vcpu_run(&self->vcpu[i], vm_cpuid, READS, KVM_VMEXIT_LEAF_VCPU,
				     cpuid, NULL));
		EXPECT_EQ(TIMES * (i + 1), ask_vcpu(&self->vcpu[i], cpuid).exits);
	}
}

/* The host's table also has the exits that read the counts. */
TEST_F(vcpu_leaf, all_vcpus_and_the_reading_make_up_the_table)
{
	struct counts c, sum[MAX_REASONS] = {};
	struct table *t = &self->table, before;
	__u64 total = 0, asked;
	int i, n;

	for (i = 0; i < VCPUS; i++) {
		ASSERT_TRUE(vcpu_run(&self->vcpu[i], vm_cpuid, TIMES + i, 0, 0, NULL));
		ASSERT_TRUE(vcpu_run(&self->vcpu[i], vm_out, TIMES - i, 0, 0, NULL));
	}
	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, &before));
	asked = VCPUS * (before.rows + 1);
	for (i = 0; i < VCPUS; i++) {
		for (n = 0; n < before.rows; n++) {
			c = ask_vcpu(&self->vcpu[i], before.row[n].reason & 0xffff);
			sum[n].exits += c.exits;
			sum[n].cycles += c.cycles;
		}
		total += ask_vcpu(&self->vcpu[i], KVM_VMEXIT_ALL).exits;
	}
	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, t));

	ASSERT_EQ(before.rows, t->rows);
	for (i = 0; i < t->rows; i++) {
		if (t->row[i].reason == REASON_CPUID) {
			EXPECT_EQ(before.row[i].value[EXITS], sum[i].exits);
			EXPECT_EQ(before.row[i].value[EXITS] + asked,
				  t->row[i].value[EXITS]);
			EXPECT_EQ(before.row[i].value[CYCLES], sum[i].cycles);
			EXPECT_LT(before.row[i].value[CYCLES], t->row[i].value[CYCLES]);
			/* The row of CPUID has stops, like any other row. */
			EXPECT_LT(before.row[i].value[STOPPED], t->row[i].value[STOPPED]);
		} else if (t->row[i].value[EXITS] == before.row[i].value[EXITS]) {
			EXPECT_EQ(t->row[i].value[EXITS], sum[i].exits)
				TH_LOG("%s", t->row[i].name);
			EXPECT_EQ(t->row[i].value[CYCLES], sum[i].cycles)
				TH_LOG("%s", t->row[i].name);
		} else {
			/* The reads add exits: HLT, and interrupts of the host. */
			EXPECT_LE(before.row[i].value[EXITS], sum[i].exits);
			EXPECT_GE(t->row[i].value[EXITS], sum[i].exits);
		}
	}
	EXPECT_LE(before.total.value[EXITS], total);
	EXPECT_GE(t->total.value[EXITS] - asked, total);
}

TEST_HARNESS_MAIN
