// SPDX-License-Identifier: GPL-2.0-only
/*
 * All CPUs at once: no exit is lost, and each table is of one moment.
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include "common.h"
#include "harness.h"

#define TIMES	5000		/* exits of each kind, by each CPU */
#define READERS	4
#define READS	500		/* of each reader, on one CPU */

/* What the processes of a test share. */
struct shared {
	int go;			/* processes may cause exits */
	int busy;		/* number of these that have not finished */
	int reading;		/* number of readers that have begun */
	__u64 spent[READERS];	/* exits for CPUID that reading took */
};

FIXTURE(smp)
{
	struct shared *shared;
	__u32 cpuid, hypercall;
	struct table table, last;
	int cpus;
};

FIXTURE_SETUP(smp)
{
	if (access(FILE_NAME, F_OK))
		SKIP(return, "kvm_exits.ko is not loaded");
	self->shared = mmap(NULL, sizeof(*self->shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->shared);
	self->cpuid = REASON_CPUID;
	self->hypercall = REASON_HYPERCALL;
	self->cpus = cpus();
	self->shared->busy = self->cpus;
}

FIXTURE_TEARDOWN(smp)
{
}

/* Cause exits of two kinds in turn: two counters of each vCPU change all the time. */
static void cause_exits(struct shared *shared, int cpu)
{
	int i;

	pin(cpu);
	while (!__atomic_load_n(&shared->go, __ATOMIC_ACQUIRE))
		sched_yield();

	for (i = 0; i < TIMES; i++) {
		ask(0, 0);
		hypercall();
	}
	__atomic_sub_fetch(&shared->busy, 1, __ATOMIC_RELEASE);
}

static bool read_while_busy(struct shared *shared, struct table *t, int reader)
{
	do {
		if (strcmp(read_table(t), "whole"))
			return false;
		shared->spent[reader] += t->exits_per_read;
		__atomic_add_fetch(&shared->reading, 1, __ATOMIC_RELEASE);
	} while (__atomic_load_n(&shared->busy, __ATOMIC_ACQUIRE));
	return true;
}

TEST_F_TIMEOUT(smp, nothing_is_lost_at_full_speed, seconds(300))
{
	struct shared *shared = self->shared;
	__u64 cpuids, hypercalls, expected, after;
	int i, status;

	for (i = 0; i < self->cpus; i++) {
		if (!fork()) {
			cause_exits(shared, i);
			_exit(0);
		}
	}

	cpuids = live_exits(self->cpuid);
	hypercalls = live_exits(self->hypercall);
	for (i = 0; i < READERS; i++)
		if (!fork())
			_exit(!read_while_busy(shared, &self->table, i));
	while (__atomic_load_n(&shared->reading, __ATOMIC_ACQUIRE) < READERS)
		sched_yield();
	__atomic_store_n(&shared->go, 1, __ATOMIC_RELEASE);

	for (i = 0; i < self->cpus + READERS; i++) {
		ASSERT_LT(0, wait(&status));
		EXPECT_EQ(0, status);
	}

	/* live_exits() executes CPUID: once for the hypercalls above, once below. */
	expected = cpuids + 1 + (__u64)self->cpus * TIMES;
	for (i = 0; i < READERS; i++)
		expected += shared->spent[i];
	EXPECT_EQ(expected + 1, live_exits(self->cpuid));

	expected = hypercalls + (__u64)self->cpus * TIMES;
	after = live_exits(self->hypercall);
	ASSERT_LE(expected, after);
	if (kernel_makes_hypercalls())
		return;
	EXPECT_EQ(expected, after);
}

/* The name of a reason with a lower count in the second table, or "none". */
static const char *went_down(struct table *last, struct table *t)
{
	int i, column;

	for (i = 0; i < t->rows; i++)
		for (column = EXITS; column <= MAX; column++)
			if (t->row[i].value[column] < last->row[i].value[column])
				return t->row[i].name;
	return "none";
}

TEST_F_TIMEOUT(smp, every_table_adds_up_and_no_count_goes_down, seconds(300))
{
	struct table *t = &self->table, *last = &self->last;
	pid_t busy[CPU_SETSIZE];
	int i, status;

	start_asking(busy, self->cpus);
	for (i = 0; i < READERS; i++) {
		if (fork())
			continue;

		ASSERT_STREQ("whole", read_table(last));
		for (i = 1; i < READS / self->cpus; i++) {
			ASSERT_STREQ("whole", read_table(t));
			ASSERT_STREQ("none", went_down(last, t));
			*last = *t;
		}
		_exit(0);
	}

	for (i = 0; i < READERS; i++) {
		ASSERT_LT(0, wait(&status));
		EXPECT_EQ(0, status);
	}
	stop_asking(busy, self->cpus);
}

TEST_HARNESS_MAIN
