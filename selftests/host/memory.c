// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the hypervisor: if the host is short of memory, it refuses a VM, a vCPU or a
 * snapshot, and what exists still works.  All memory of a VM is freed with it.
 */
#include "cgroup.h"
#include "fault.h"
#include "snapshot.h"
#include "harness.h"

#define VCPU_PAGES	40	/* more than a vCPU takes */
#define VCPU_BYTES	16384L	/* what its counters take */
#define SNAPSHOT_PAGES	12	/* more than a snapshot takes */
#define MADE		100	/* VMs */

FIXTURE(memory)
{
	struct vm vm;
	struct vcpu vcpu;
	struct table table;
	char text[TEXT_BYTES];
};

FIXTURE_SETUP(memory)
{
	if (access(ALL, F_OK))
		SKIP(return, "no KVM with exit statistics");
	ASSERT_TRUE(make_vm(&self->vm, &self->vcpu));
}

FIXTURE_TEARDOWN(memory)
{
	vm_destroy(&self->vm);
}

/* A vCPU that was created while memory was short has all of its counters. */
static bool new_vcpu_works(struct vm *vm, int fd)
{
	struct vcpu vcpu = { .fd = fd };
	__u32 rows;

	return vcpu_set_up(vm, &vcpu) && set_mode(&vcpu, LONG) &&
		snapshot_adds_up(&vcpu, &rows, true);
}

/* Refuse a new vCPU all memory from the n-th page on: the cgroup is charged for it. */
TEST_F_TIMEOUT(memory, a_vcpu_without_memory_is_refused, seconds(110))
{
	int i, fd, err, refused = 0;
	struct cgroup cgroup;
	__u32 rows;

	ASSERT_TRUE(set_mode(&self->vcpu, LONG));
	if (!cgroup_enter(&cgroup))
		SKIP(return, "no memory cgroup");

	for (i = 0; i < VCPU_PAGES; i++) {
		ASSERT_TRUE(limit_memory(&cgroup, i));
		fd = ioctl(self->vm.fd, KVM_CREATE_VCPU, self->vm.vcpus);
		err = errno;
		ASSERT_TRUE(unlimit_memory(&cgroup));
		if (fd >= 0) {
			self->vm.vcpus++;
			ASSERT_TRUE(new_vcpu_works(&self->vm, fd));
			continue;
		}
		ASSERT_EQ(ENOMEM, err);
		refused++;
		/* The other vCPU still works. */
		ASSERT_TRUE(snapshot_adds_up(&self->vcpu, &rows, true));
	}

	TH_LOG("%d vCPUs refused, %d made", refused, self->vm.vcpus);
	EXPECT_LT(5, refused);
	EXPECT_LT(1, self->vm.vcpus);
	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, &self->table));
}

/* Return 1 for a snapshot, 0 for an answer of zeros, -1 for anything else. */
static int ask_first_snapshot(struct vcpu *vcpu)
{
	struct regs r = guest_ask(vcpu, KVM_VMEXIT_LEAF_SNAPSHOT, 0);

	if (r.eax >> 16 == KVM_VMEXIT_SNAPSHOT_MAGIC)
		return 1;
	return r.eax | r.ebx | r.ecx | r.edx ? -1 : 0;
}

/* kmemleak does not find leaked pages, but the cgroup is charged for all of them. */
TEST_F_TIMEOUT(memory, vms_leave_no_memory_behind, seconds(110))
{
	struct cgroup cgroup;
	long before = 0, after;
	int i;

	if (!access("/sys/kernel/debug/kmemleak", F_OK))
		SKIP(return, "a kernel with KASAN keeps freed memory for a while");
	if (!cgroup_enter(&cgroup))
		SKIP(return, "no memory cgroup");

	for (i = 0; i < 2 * MADE; i++) {
		/* The first VMs leave behind what KVM allocates only once. */
		if (i == MADE) {
			before = memory_taken(&cgroup);
			ASSERT_LT(0, before);
		}
		if (!fork())
			_exit(!make_vm(&self->vm, &self->vcpu) ||
			      ask_first_snapshot(&self->vcpu) != 1);
		ASSERT_EQ(0, failed_children(1));
	}

	after = memory_taken(&cgroup);
	ASSERT_LT(0, after);
	TH_LOG("%ld bytes of %d VMs", after - before, MADE);
	EXPECT_GT(MADE * VCPU_BYTES / 2, after - before);
}

/*
 * Functions that take memory of the host.  Each returns -1 with errno, or the
 * descriptor of a new vCPU, which has to be tested, or 0.
 */
static int make_another_vm(struct vm *vm)
{
	int fd = ioctl(vm->kvm, KVM_CREATE_VM, 0);

	if (fd < 0)
		return -1;
	return close(fd);
}

static int make_another_vcpu(struct vm *vm)
{
	int fd = ioctl(vm->fd, KVM_CREATE_VCPU, vm->vcpus);

	if (fd < 0)
		return -1;
	vm->vcpus++;
	return fd;
}

static int read_host_table(struct vm *vm)
{
	static char text[TEXT_BYTES];
	static struct table t;

	errno = 0;
	return strcmp(vm_table(vm, text, &t), "whole") ? -1 : 0;
}

static const struct {
	const char *name;
	int (*try)(struct vm *vm);
} taker[] = {
	{ "a new VM", make_another_vm },
	{ "a new vCPU", make_another_vcpu },
	{ "the host's table", read_host_table },
};

/* Refuse one allocation at a time. */
TEST_F_TIMEOUT(memory, any_allocation_may_be_refused, seconds(110))
{
	struct faults faults;
	__u32 rows;
	size_t i;
	int ret;

	if (!faults_open(&faults))
		SKIP(return, "the kernel has no fault injection");

	ASSERT_TRUE(set_mode(&self->vcpu, LONG));
	for (i = 0; i < ARRAY_SIZE(taker); i++) {
		faults_restart(&faults);
		while (next_fault(&faults)) {
			ret = taker[i].try(&self->vm);
			ASSERT_TRUE(fault_was_harmless(&faults, ret));
			if (ret > 0)
				ASSERT_TRUE(new_vcpu_works(&self->vm, ret));
			/* The other vCPU still works. */
			if (ret == -1)
				ASSERT_TRUE(snapshot_adds_up(&self->vcpu, &rows, true));
		}
		TH_LOG("%d of %d allocations refuse %s", faults.refused,
		       faults.attempts - 1, taker[i].name);
		EXPECT_LT(0, faults.refused);
	}
	ASSERT_EQ(0, read_host_table(&self->vm));
}

/* Create a vCPU and run it: from now on it needs memory for a snapshot alone. */
static bool make_warm_vcpu(struct vm *vm, struct vcpu *vcpu)
{
	return vcpu_create(vm, vcpu) &&
	       guest_ask(vcpu, KVM_VMEXIT_LEAF_INTERFACE, 0).eax ==
		       KVM_VMEXIT_VERSION;
}

/* A vCPU's first snapshot allocates its memory.  If that fails, the leaf is zero. */
TEST_F_TIMEOUT(memory, a_first_snapshot_without_memory_is_zero, seconds(110))
{
	int i, ret, refused = 0, taken = 0;
	struct cgroup cgroup;
	struct vcpu vcpu;
	__u32 rows;

	if (!cgroup_enter(&cgroup))
		SKIP(return, "no memory cgroup");

	for (i = 0; i < SNAPSHOT_PAGES; i++) {
		ASSERT_TRUE(make_warm_vcpu(&self->vm, &vcpu));
		ASSERT_TRUE(limit_memory(&cgroup, i));
		ret = ask_first_snapshot(&vcpu);
		ASSERT_TRUE(unlimit_memory(&cgroup));
		refused += ret == 0;
		taken += ret == 1;
		ASSERT_TRUE(snapshot_adds_up(&vcpu, &rows, true));
	}
	TH_LOG("%d snapshots refused, %d taken", refused, taken);
	EXPECT_LT(0, refused);
	EXPECT_LT(0, taken);
}

TEST_HARNESS_MAIN
