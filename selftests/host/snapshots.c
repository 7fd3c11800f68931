// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the hypervisor: snapshots of a guest that exits for many reasons, and snapshots
 * on all vCPUs at once.
 */
#include "snapshot.h"
#include "harness.h"

#define VCPUS		4
#define SNAPSHOTS	100	/* of each vCPU */

/* Instructions to execute one by one.  Most of them exit.  Ignore the results. */
static const char * const instruction[] = {
	"\x0f\x21\xc0", "\x0f\x21\xc8", "\x0f\x21\xd0", "\x0f\x21\xd8", /* DR reads */
	"\x0f\x21\xe0", "\x0f\x21\xe8", "\x0f\x21\xf0", "\x0f\x21\xf8",
	"\x0f\x23\xc0", "\x0f\x23\xc8", "\x0f\x23\xd0", "\x0f\x23\xd8", /* and writes */
	"\x0f\x23\xe0", "\x0f\x23\xe8", "\x0f\x23\xf0", "\x0f\x23\xf8",
	"\x0f\x20\xe0", "\x0f\x22\xd9", "\x0f\x22\xe2", "\x44\x0f\x22\xc0", /* CRs */
	/* With CD set, KVM's CR0 differs from the guest's, so a read of CR0 exits. */
	"\x0f\x22\xc3\x0f\x20\xc0\x0f\x22\xc3",
	"\x0f\xa2", "\x0f\x32", "\x0f\x30", "\x0f\x33", "\x0f\x31",	/* CPUID, MSRs */
	"\x0f\x08", "\x0f\x09", "\xf3\x90", "\x0f\x0b", "\xcc", "\xf1",	/* WBINVD, #UD */
	"\x0f\x01\xc8", "\x0f\x01\xc9", "\x0f\x01\xd1", "\x0f\x01\xf9", /* MONITOR */
	"\x31\xc0\x0f\x01\xd8", "\x0f\x01\xd9", "\x0f\x01\xda", "\x0f\x01\xdb", /* SVM */
	"\x0f\x01\xdc", "\x0f\x01\xdd", "\x0f\x01\xde", "\x0f\x01\xdf",
	"\x0f\x01\xc1", "\x0f\x01\xc2", "\x0f\x01\xc3", "\x0f\x01\xc4", /* VMX */
	"\x0f\xc7\x33", "\x0f\xc7\x3b", "\x0f\x01\x3b", "\x0f\x01\xfd",
	/* A read of MMIO.  The next run completes it instead of its own instruction. */
	"\x8a\x04\x25\x00\x00\x30\x00", "\x0f\xa2", "\xf4", "\x0f\x01\xee",
};

static void execute(struct vcpu *vcpu, struct vm *vm, enum cpu_mode mode,
		    const char *code, size_t n)
{
	struct kvm_regs r = {
		.rax = 0x1b, .rbx = 0xc0000033, .rcx = GUEST_PML4, .rdx = 0x20,
	};

	/* For WRMSR, take a register that can be written. */
	if (!memcmp(code, "\x0f\x30", 2))
		r.rcx = 0x10;
	memcpy(vm->memory + INSTRUCTION, code, n);
	memcpy(vm->memory + INSTRUCTION + n, "\xe6\x80", 2);
	if (set_mode(vcpu, mode))
		run_from(vcpu, mode, INSTRUCTION, &r);
}

static void exit_in_all_ways(struct vcpu *vcpu, struct vm *vm)
{
	size_t i;

	/* Map addresses beyond the memory: an access there is MMIO. */
	*(__u64 *)(vm->memory + GUEST_PD + 8) = 0x200087;

	for (i = 0; i < ARRAY_SIZE(instruction); i++)
		execute(vcpu, vm, LONG, instruction[i],
			instruction[i][0] == '\x8a' ? 7 : strlen(instruction[i]));

	/* Without a stack for CPL 0, this ends in a triple fault. */
	execute(vcpu, vm, LONG_USER, "\x0f\x0b", 2);
	set_mode(vcpu, LONG);
}

/*
 * A snapshot has the rows of the table that is read next.  In between, an interrupt may
 * be the first exit of its row.  Only the next snapshot has that row: try again.
 */
static bool snapshot_has_all_rows(struct vcpu *vcpu, struct vm *vm, bool stopped,
				  char *text, struct table *t)
{
	int left = 5;
	__u32 rows;

	do {
		if (!snapshot_adds_up(vcpu, &rows, stopped) ||
		    strcmp(vm_table(vm, text, t), "whole") || rows > rows_used(t))
			return false;
	} while (rows < rows_used(t) && --left);
	return left;
}

FIXTURE(snapshots)
{
	struct vm vm;
	struct vcpu vcpu;
	struct table table;
	char text[TEXT_BYTES];
};

FIXTURE_SETUP(snapshots)
{
	if (access(ALL, F_OK))
		SKIP(return, "no KVM with exit statistics");
	ASSERT_TRUE(make_vm(&self->vm, &self->vcpu));
}

FIXTURE_TEARDOWN(snapshots)
{
	vm_destroy(&self->vm);
}

TEST_F(snapshots, a_guest_that_exits_in_all_ways_stays_inside_its_snapshot)
{
	ASSERT_TRUE(set_mode(&self->vcpu, LONG));
	exit_in_all_ways(&self->vcpu, &self->vm);
	EXPECT_TRUE(snapshot_has_all_rows(&self->vcpu, &self->vm, true, self->text,
					  &self->table));
	/* On AMD most of the instructions have a row of their own. */
	if (on_amd())
		EXPECT_LT(33, rows_used(&self->table));
}

TEST_F(snapshots, without_the_second_clock_it_reads_nothing_of_it)
{
	struct vm vm;
	struct vcpu vcpu;

	ASSERT_TRUE(set(STOPPED_CLOCK, false));
	EXPECT_TRUE(make_vm(&vm, &vcpu) && set_mode(&vcpu, LONG));
	exit_in_all_ways(&vcpu, &vm);
	EXPECT_TRUE(snapshot_has_all_rows(&vcpu, &vm, false, self->text, &self->table));
	EXPECT_EQ(2, self->table.columns);
	vm_destroy(&vm);
	EXPECT_TRUE(set(STOPPED_CLOCK, true));
}

static void *take_snapshots(void *arg)
{
	struct runner *r = arg;
	__u32 rows, i;

	for (i = 0; i < SNAPSHOTS; i++)
		if (!snapshot_adds_up(&r->vcpu, &rows, true))
			return NULL;
	r->done = true;
	return NULL;
}

TEST_F_TIMEOUT(snapshots, snapshots_of_all_vcpus_at_once_add_up, seconds(110))
{
	struct runner runner[VCPUS] = { { .vcpu = self->vcpu } };
	int i;

	for (i = 1; i < VCPUS; i++)
		ASSERT_TRUE(vcpu_create(&self->vm, &runner[i].vcpu));
	for (i = 0; i < VCPUS; i++) {
		ASSERT_TRUE(set_mode(&runner[i].vcpu, LONG));
		ASSERT_EQ(0, pthread_create(&runner[i].thread, NULL,
					    take_snapshots, &runner[i]));
	}
	for (i = 0; i < VCPUS; i++) {
		pthread_join(runner[i].thread, NULL);
		EXPECT_TRUE(runner[i].done);
	}
}

TEST_HARNESS_MAIN
