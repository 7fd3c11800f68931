// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the hypervisor: the host reads the statistics, switches them off and on, and
 * kills VMs, while the guests cause exits.
 */
#include <glob.h>
#include <signal.h>
#include <time.h>

#include "modes.h"
#include "harness.h"

#define KILLED		30	/* VMs */
#define SWITCHED	20	/* times */

FIXTURE(disturbed)
{
	struct vm vm;
	struct vcpu vcpu;
	struct table table;
	char text[TEXT_BYTES];
	__u32 cpuid;
};

FIXTURE_SETUP(disturbed)
{
	if (access(ALL, F_OK))
		SKIP(return, "no KVM with exit statistics");
	self->cpuid = REASON_CPUID;
	ASSERT_TRUE(make_vm(&self->vm, &self->vcpu));
}

FIXTURE_TEARDOWN(disturbed)
{
	vm_destroy(&self->vm);
}

/* The lab sets the variable "exits": a long test has a million. */
static __u64 many_exits(void)
{
	return atoi(getenv("exits") ?: "100000");
}

static void *exit_many_times(void *arg)
{
	struct runner *r = arg;

	r->done = vcpu_run(&r->vcpu, vm_cpuid, many_exits(),
			   KVM_VMEXIT_LEAF_ROW, 0, NULL);
	return NULL;
}

TEST_F_TIMEOUT(disturbed, none_of_many_exits_is_lost_while_the_host_reads, seconds(1400))
{
	struct runner runner = { .vcpu = self->vcpu };
	struct table *t = &self->table;
	__u64 last = 0;

	ASSERT_EQ(0, pthread_create(&runner.thread, NULL, exit_many_times,
				    &runner));
	do {
		ASSERT_STREQ("whole", vm_table(&self->vm, self->text, t));
		ASSERT_LE(last, t->total.value[EXITS]);
		last = t->total.value[EXITS];
	} while (!exits_of(t, REASON_HLT));
	pthread_join(runner.thread, NULL);
	EXPECT_TRUE(runner.done);
	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, t));
	EXPECT_EQ(many_exits(), exits_of(t, self->cpuid));
}

/* While counting is off, exits are not counted.  No stop is longer than the test. */
TEST_F_TIMEOUT(disturbed, switching_while_the_guest_runs_leaves_sane_counts, seconds(1400))
{
	struct runner runner = { .vcpu = self->vcpu };
	struct table *t = &self->table;
	struct timespec start, end;
	__u64 cycles;
	int i;

	clock_gettime(CLOCK_MONOTONIC, &start);
	ASSERT_EQ(0, pthread_create(&runner.thread, NULL, exit_many_times,
				    &runner));
	for (i = 0; i < SWITCHED; i++) {
		EXPECT_TRUE(write_to(ALL, i & 1 ? "1" : "0"));
		EXPECT_TRUE(write_to(STOPPED_CLOCK, i & 2 ? "1" : "0"));
		ASSERT_STREQ("whole", vm_table(&self->vm, self->text, t));
	}
	EXPECT_TRUE(set(ALL, true));
	EXPECT_TRUE(set(STOPPED_CLOCK, true));
	pthread_join(runner.thread, NULL);
	EXPECT_TRUE(runner.done);

	clock_gettime(CLOCK_MONOTONIC, &end);
	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, t));
	cycles = (end.tv_sec - start.tv_sec + 1) * 1000ULL * t->tsc_khz;
	EXPECT_GE(many_exits(), exits_of(t, self->cpuid));
	EXPECT_LT(0, exits_of(t, self->cpuid));
	EXPECT_GT(cycles, t->total.value[CYCLES]);
	EXPECT_GT(cycles, t->total.value[STOPPED]);
	EXPECT_GT(cycles, t->total.value[MAX]);
}

static void *ask_without_end(void *vcpu)
{
	vcpu_run(vcpu, vm_cpuid, 1ULL << 40, KVM_VMEXIT_LEAF_SNAPSHOT, 0, NULL);
	return NULL;
}

/* Two vCPUs and the VMM take snapshots without end. */
static void be_killed(struct vm *vm, struct vcpu *vcpu, char *text)
{
	struct vcpu other;
	pthread_t thread;
	struct table t;

	if (!make_vm(vm, vcpu) || !vcpu_create(vm, &other) ||
	    pthread_create(&thread, NULL, ask_without_end, vcpu) ||
	    pthread_create(&thread, NULL, ask_without_end, &other))
		_exit(1);
	for (;;)
		vm_table(vm, text, &t);
}

/* Another process has the VM's file open: afterwards a read fails with EIO. */
TEST_F_TIMEOUT(disturbed, vms_are_killed_in_the_middle_of_snapshots, seconds(110))
{
	char pattern[64];
	int i, fd, status;
	glob_t names;
	pid_t child;

	for (i = 0; i < KILLED; i++) {
		child = fork();
		if (!child)
			be_killed(&self->vm, &self->vcpu, self->text);
		snprintf(pattern, sizeof(pattern),
			 "/sys/kernel/debug/kvm/%d-*/exit_stats", child);
		while (glob(pattern, 0, NULL, &names))
			usleep(1000);
		fd = open(names.gl_pathv[0], O_RDONLY);
		globfree(&names);
		ASSERT_LE(0, fd);

		usleep(i * 2000);
		ASSERT_EQ(0, kill(child, SIGKILL));
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_EQ(SIGKILL, WTERMSIG(status));
		EXPECT_EQ(-1, read_text(fd, self->text));
		EXPECT_EQ(EIO, errno);
		close(fd);
	}
}

TEST_HARNESS_MAIN
