// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PMU "kvm_exits": its events count what the leaves count, and no other event
 * can be opened.
 */
#include <linux/perf_event.h>
#include <signal.h>
#include <sys/io.h>
#include <sys/syscall.h>

#include "cgroup.h"
#include "common.h"
#include "harness.h"

#define PMU_CGROUP	CGROUPS "/pmu"
#define PLATFORM_ID	0x17
#define PORT		0x80
#define TIMES		1000

#define TOTAL		0x10000
#define EXITS_OF(reason) (reason)
#define CYCLES_OF(reason) ((reason) | 1 << 17)

static int open_flags(struct perf_event_attr *attr, int pid, int cpu, int flags)
{
	attr->size = sizeof(*attr);
	attr->type = number_in(PMU "type");
	return syscall(SYS_perf_event_open, attr, pid, cpu, -1,
		       flags | PERF_FLAG_FD_CLOEXEC);
}

static int open_attr(struct perf_event_attr *attr, pid_t pid, int cpu)
{
	return open_flags(attr, pid, cpu, 0);
}

static int open_event(__u64 config, pid_t pid, int cpu)
{
	struct perf_event_attr attr = { .config = config };

	return open_attr(&attr, pid, cpu);
}

static int open_cgroup_event(__u64 config, int cgroup, int cpu)
{
	struct perf_event_attr attr = { .config = config };

	return open_flags(&attr, cgroup, cpu, PERF_FLAG_PID_CGROUP);
}

static __u64 count(int event)
{
	__u64 value;

	return read(event, &value, sizeof(value)) == sizeof(value) ? value : -1;
}

#define MAX_CPUS	64

/* Let an event count on each CPU. */
static bool open_on_all_cpus(__u64 config, int *event)
{
	int cpu;

	if (cpus() > MAX_CPUS)
		return false;
	for (cpu = 0; cpu < cpus(); cpu++) {
		event[cpu] = open_event(config, -1, cpu);
		if (event[cpu] < 0)
			return false;
	}
	return true;
}

static __u64 close_and_sum(const int *event)
{
	__u64 sum = 0;
	int cpu;

	for (cpu = 0; cpu < cpus(); cpu++) {
		sum += count(event[cpu]);
		close(event[cpu]);
	}
	return sum;
}

FIXTURE(pmu)
{
	int cpu;
	__u64 cpuid, port_io, msr;
};

FIXTURE_SETUP(pmu)
{
	if (number_in(PMU "type") < 0)
		SKIP(return, "there is no PMU kvm_exits");
	self->cpu = 0;
	ASSERT_EQ(0, pin(self->cpu));
	self->cpuid = REASON_CPUID;
	self->port_io = REASON_PORT_IO;
	self->msr = reason_of(0x7c, 31);
	quiet_console();
}

FIXTURE_TEARDOWN(pmu)
{
}

/* The count leaves out the exits that read it. */
TEST_F(pmu, counts_every_exit_for_cpuid)
{
	int i, event = open_event(EXITS_OF(self->cpuid), -1, self->cpu);
	__u64 before, after, live;

	ASSERT_LE(0, event);
	live = live_exits(REASON_CPUID);
	before = count(event);
	for (i = 0; i < TIMES; i++)
		ask(0, 0);
	after = count(event);
	EXPECT_EQ(TIMES, after - before);
	/* The live leaf also counts the two reads, and the CPUID that asks it. */
	EXPECT_LE(TIMES + 3, live_exits(REASON_CPUID) - live);
}

/* The kernel's console causes port I/O, too. */
TEST_F(pmu, counts_every_exit_for_port_io)
{
	int i, left = 20, event = open_event(EXITS_OF(self->port_io), -1, self->cpu);
	__u64 before, after;

	ASSERT_LE(0, event);
	ASSERT_EQ(0, ioperm(PORT, 1, 1));
	do {
		before = count(event);
		for (i = 0; i < TIMES; i++)
			outb(0, PORT);
		after = count(event);
		ASSERT_LE(TIMES, after - before);
	} while (after - before != TIMES && --left);
	EXPECT_EQ(TIMES, after - before);
}

/* In one of many attempts, no interrupt comes in between. */
TEST_F(pmu, counts_all_exits)
{
	int i, left = 1000, event = open_event(EXITS_OF(TOTAL), -1, self->cpu);
	__u64 before, after;

	ASSERT_LE(0, event);
	do {
		before = count(event);
		for (i = 0; i < 10; i++)
			ask(0, 0);
		after = count(event);
		ASSERT_LE(10, after - before);
	} while (after - before != 10 && --left);
	EXPECT_EQ(10, after - before);
}

/* The events of all CPUs have at least the cycles between two reads of the table. */
TEST_F(pmu, counts_the_cycles_of_the_table)
{
	static struct table before, after;
	int i, left = 20, event[MAX_CPUS];
	__u64 cycles, inside;

	ASSERT_EQ(0, ioperm(PORT, 1, 1));
	do {
		ASSERT_TRUE(open_on_all_cpus(CYCLES_OF(self->port_io), event));
		ASSERT_STREQ("whole", read_table(&before));
		for (i = 0; i < TIMES; i++)
			outb(0, PORT);
		ASSERT_STREQ("whole", read_table(&after));
		cycles = close_and_sum(event);
		inside = row_of(&after, REASON_PORT_IO)->value[CYCLES] -
			 row_of(&before, REASON_PORT_IO)->value[CYCLES];
		ASSERT_LE(inside, cycles);
	} while (cycles != inside && --left);
	EXPECT_EQ(inside, cycles);
}

TEST_F(pmu, starts_at_zero)
{
	int event = open_event(EXITS_OF(self->cpuid), -1, self->cpu);

	ASSERT_LE(0, event);
	EXPECT_EQ(0, count(event));
}

TEST_F(pmu, does_not_sample_time)
{
	struct perf_event_attr attr = {
		.config = CYCLES_OF(TOTAL),
		.sample_period = 1,
	};

	EXPECT_EQ(-1, open_attr(&attr, -1, self->cpu));
	EXPECT_EQ(EOPNOTSUPP, errno);
}

static void write_port(int times)
{
	while (times--)
		outb(0, PORT);
}

/* The exits of another process on the same CPU do not count. */
TEST_F(pmu, counts_for_a_task)
{
	int event, neighbour, go[2];
	char byte;

	ASSERT_EQ(0, ioperm(PORT, 1, 1));
	ASSERT_EQ(0, pipe(go));
	event = open_event(EXITS_OF(self->port_io), 0, -1);
	ASSERT_LE(0, event);

	neighbour = fork();
	if (!neighbour) {
		write_port(TIMES);
		exit(write(go[1], "", 1) != 1);
	}
	ASSERT_LT(0, neighbour);
	write_port(3);
	ASSERT_EQ(1, read(go[0], &byte, 1));
	EXPECT_EQ(0, failed_children(1));
	EXPECT_EQ(3, count(event));
}

TEST_F(pmu, counts_for_two_tasks_side_by_side)
{
	int i, event[2];

	ASSERT_EQ(0, ioperm(PORT, 1, 1));
	for (i = 0; i < 2; i++) {
		pid_t child;
		int go[2];

		ASSERT_EQ(0, pipe(go));
		child = fork();
		if (!child) {
			char byte;
			int n;

			if (read(go[0], &byte, 1) != 1)
				exit(1);
			for (n = 0; n < TIMES * (i + 1); n++) {
				outb(0, PORT);
				if (n % 10 == 0)
					sched_yield();
			}
			exit(0);
		}
		ASSERT_LT(0, child);
		event[i] = open_event(EXITS_OF(self->port_io), child, -1);
		ASSERT_LE(0, event[i]);
		ASSERT_EQ(1, write(go[1], "", 1));
	}
	EXPECT_EQ(0, failed_children(2));
	EXPECT_EQ(TIMES, count(event[0]));
	EXPECT_EQ(2 * TIMES, count(event[1]));
}

/* Uses the port if @msr is not an open file, and the MSR otherwise. */
static bool use(int msr, int times)
{
	__u64 value;

	if (msr < 0) {
		write_port(times);
		return true;
	}
	while (times--)
		if (pread(msr, &value, 8, PLATFORM_ID) != 8)
			return false;
	return true;
}

/*
 * What each of two children does.  In the middle of an attempt, sched_yield() lets the
 * other one work.  A timer's tick is an access to an MSR on behalf of the task that it
 * interrupts.  Among many attempts there is one without a tick.
 */
static bool counts_its_own(int msr, int port_event, int msr_event)
{
	__u64 ports = msr < 0 ? 4 : 0, msrs = 4 - ports;
	int left = 10000;

	while (left--) {
		__u64 port = count(port_event), other = count(msr_event);

		if (!use(msr, 2) || sched_yield() || !use(msr, 2))
			return false;
		other = count(msr_event) - other;
		port = count(port_event) - port;
		if (port != ports || other < msrs)
			return false;
		if (other == msrs)
			return true;
	}
	return false;
}

/* Each task opens both events for itself. */
TEST_F_TIMEOUT(pmu, counts_ports_for_one_task_and_msrs_for_another, seconds(120))
{
	int i, msr = open(MSR_FILE, O_RDONLY);

	if (msr < 0)
		SKIP(return, "no " MSR_FILE);
	ASSERT_EQ(0, ioperm(PORT, 1, 1));
	for (i = 0; i < 2; i++) {
		if (!fork())
			exit(!counts_its_own(i ? msr : -1,
					     open_event(EXITS_OF(self->port_io), 0, -1),
					     open_event(EXITS_OF(self->msr), 0, -1)));
	}
	EXPECT_EQ(0, failed_children(2));
}

/* The table is the VM's: it goes up by the sum over the CPUs. */
TEST_F(pmu, counts_on_all_cpus_what_the_table_counts)
{
	static struct table before, after;
	int cpu, left = 20, event[MAX_CPUS];
	__u64 sum, inside;

	ASSERT_EQ(0, ioperm(PORT, 1, 1));
	do {
		ASSERT_TRUE(open_on_all_cpus(EXITS_OF(self->port_io), event));
		ASSERT_STREQ("whole", read_table(&before));
		for (cpu = 0; cpu < cpus(); cpu++) {
			if (!fork()) {
				pin(cpu);
				write_port(TIMES);
				exit(0);
			}
		}
		ASSERT_EQ(0, failed_children(cpus()));
		ASSERT_STREQ("whole", read_table(&after));
		sum = close_and_sum(event);
		inside = row_of(&after, REASON_PORT_IO)->value[EXITS] -
			 row_of(&before, REASON_PORT_IO)->value[EXITS];
		ASSERT_LE(TIMES * cpus(), inside);
		ASSERT_LE(inside, sum);
	} while (sum != inside && --left);
	EXPECT_EQ(inside, sum);
}

TEST_F(pmu, counts_for_a_cgroup)
{
	int cpu, dir, event[MAX_CPUS];
	__u64 sum = 0;

	ASSERT_GE(MAX_CPUS, cpus());
	ASSERT_EQ(0, ioperm(PORT, 1, 1));
	if (!mount_cgroups())
		SKIP(return, "no cgroups");
	/*
	 * Enable a controller, as systemd does.  Until then a new cgroup has no
	 * controller for perf events.
	 */
	ASSERT_TRUE(write_to(CGROUPS "/cgroup.subtree_control", "+pids"));
	mkdir(PMU_CGROUP, 0700);
	dir = open(PMU_CGROUP, O_RDONLY);
	ASSERT_LE(0, dir);
	for (cpu = 0; cpu < cpus(); cpu++) {
		event[cpu] = open_cgroup_event(EXITS_OF(self->port_io), dir, cpu);
		ASSERT_LE(0, event[cpu]);
	}

	if (!fork()) {
		if (!write_to(PMU_CGROUP "/cgroup.procs", "0"))
			exit(1);
		write_port(TIMES);
		exit(0);
	}
	write_port(3);
	EXPECT_EQ(0, failed_children(1));
	for (cpu = 0; cpu < cpus(); cpu++)
		sum += count(event[cpu]);
	EXPECT_EQ(TIMES, sum);
}

TEST_F(pmu, counts_for_the_children_of_a_task)
{
	struct perf_event_attr attr = {
		.config = EXITS_OF(self->port_io),
		.inherit = 1,
	};
	int event;

	ASSERT_EQ(0, ioperm(PORT, 1, 1));
	event = open_attr(&attr, 0, -1);
	ASSERT_LE(0, event);
	if (!fork()) {
		write_port(TIMES);
		exit(0);
	}
	EXPECT_EQ(0, failed_children(1));
	EXPECT_EQ(TIMES, count(event));
}

#define MOVES	100

TEST_F(pmu, counts_for_a_task_that_moves_between_cpus)
{
	int i, event;

	if (cpus() == 1)
		SKIP(return, "there is one CPU");
	ASSERT_EQ(0, ioperm(PORT, 1, 1));
	event = open_event(EXITS_OF(self->port_io), 0, -1);
	ASSERT_LE(0, event);
	for (i = 0; i < MOVES; i++) {
		ASSERT_EQ(0, pin(i % cpus()));
		outb(0, PORT);
	}
	EXPECT_EQ(MOVES, count(event));
}

/* An event counts the exits of its CPU alone. */
TEST_F(pmu, counts_for_each_cpu)
{
	int cpu, i, event[MAX_CPUS];

	ASSERT_TRUE(open_on_all_cpus(EXITS_OF(self->cpuid), event));
	for (cpu = 0; cpu < cpus(); cpu++) {
		ASSERT_EQ(0, pin(cpu));
		for (i = 0; i < TIMES * (cpu + 1); i++)
			ask(0, 0);
	}
	for (cpu = 0; cpu < cpus(); cpu++)
		EXPECT_EQ(TIMES * (cpu + 1), count(event[cpu]));
}

#define EVENTS	3
#define ROUNDS	10

static bool open_events(__u64 config)
{
	int i;

	for (i = 0; i < EVENTS; i++)
		if (open_event(config, 0, -1) < 0)
			return false;
	return true;
}

static bool pass_on(int from, int to)
{
	char byte;

	return read(from, &byte, 1) == 1 && write(to, &byte, 1) == 1;
}

/*
 * Each round is a switch to the child and one back.  A switch ends the counts of
 * one task and begins those of the other, with a CPUID for each event.  In one
 * attempt of many no other task runs in between.
 */
TEST_F(pmu, a_switch_of_tasks_takes_an_exit_for_each_event_of_both)
{
	int i, left = 1000, ping[2], pong[2];
	pid_t child;
	__u64 exits;
	char byte;

	ASSERT_EQ(0, pipe(ping));
	ASSERT_EQ(0, pipe(pong));
	child = fork();
	if (!child) {
		if (!open_events(EXITS_OF(self->port_io)))
			exit(1);
		while (pass_on(ping[0], pong[1]))
			;
		exit(1);
	}
	ASSERT_TRUE(open_events(EXITS_OF(self->port_io)));
	/* When the child answers, it has opened its events. */
	ASSERT_EQ(1, write(ping[1], "", 1));
	ASSERT_EQ(1, read(pong[0], &byte, 1));
	do {
		exits = live_exits(REASON_CPUID);
		for (i = 0; i < ROUNDS; i++) {
			ASSERT_EQ(1, write(ping[1], "", 1));
			ASSERT_EQ(1, read(pong[0], &byte, 1));
		}
		exits = live_exits(REASON_CPUID) - exits;
		ASSERT_LE(1 + 4 * EVENTS * ROUNDS, exits);
	} while (exits != 1 + 4 * EVENTS * ROUNDS && --left);
	EXPECT_EQ(1 + 4 * EVENTS * ROUNDS, exits);
	kill(child, SIGKILL);
	wait(NULL);
}

TEST_F(pmu, counts_in_user_and_kernel_alike)
{
	struct perf_event_attr attr = {
		.config = EXITS_OF(TOTAL),
		.exclude_kernel = 1,
	};

	EXPECT_EQ(-1, open_attr(&attr, -1, self->cpu));
	EXPECT_EQ(EINVAL, errno);
}

/* A later host may count a reason that is not defined today. */
TEST_F(pmu, has_events_for_every_reason)
{
	static const __u32 reason[] = { 0, 0xa8, 0x400, 0x7fff, 0xfffc, 0xffff, TOTAL };
	static const __u64 other[] = { TOTAL | 1, TOTAL | 2 << 17, 1 << 19, 1ULL << 63 };
	size_t i;
	int event;

	for (i = 0; i < ARRAY_SIZE(reason); i++) {
		event = open_event(EXITS_OF(reason[i]), -1, self->cpu);
		EXPECT_LE(0, event);
		close(event);
	}
	for (i = 0; i < ARRAY_SIZE(other); i++) {
		EXPECT_EQ(-1, open_event(other[i], -1, self->cpu));
		EXPECT_EQ(EINVAL, errno);
	}
}

static int open_as_nobody(int cpu)
{
	int event, err;

	if (seteuid(NOBODY))
		return -1;
	event = open_event(EXITS_OF(TOTAL), -1, cpu);
	err = errno;
	if (seteuid(0))
		return -1;
	errno = err;
	return event;
}

TEST_F(pmu, obeys_perf_event_paranoid)
{
	int paranoid = number_in(PARANOID), fd = open(PARANOID, O_WRONLY);

	if (fd < 0)
		SKIP(return, "only root can change perf_event_paranoid");
	ASSERT_EQ(1, pwrite(fd, "1", 1, 0));
	EXPECT_EQ(-1, open_as_nobody(self->cpu));
	EXPECT_EQ(EACCES, errno);

	ASSERT_EQ(1, pwrite(fd, "0", 1, 0));
	EXPECT_LE(0, open_as_nobody(self->cpu));

	lseek(fd, 0, SEEK_SET);
	EXPECT_LT(0, dprintf(fd, "%d", paranoid));
}

TEST_HARNESS_MAIN
