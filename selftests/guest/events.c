// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events of the PMU kvm_exits that take samples.  A user of samples is such an event or
 * the tracepoint.  Each user has its own period, all get what is due to them, and
 * nothing stays when a user has gone.
 */
#include <sys/io.h>

#include "common.h"
#include "harness.h"
#include "samples.h"

#define PORT		0x80
#define LEAF		0x4fffff01
#define TRACEPOINT_ID	TRACING "events/kvm_exits/vm_exit/id"
#define MAX_SWITCHED	32	/* as in the module's pmu.c */

#define TOTAL		"exits"

/* The config of an event, which sysfs gives as reason=N,kind=N. */
static long long config_of(const char *name)
{
	unsigned int reason, kind;
	char path[128], text[TEXT_BYTES];

	snprintf(path, sizeof(path), PMU "events/%s", name);
	if (read_file(path, text) < 0 ||
	    sscanf(text, "%*[a-z]=%x,kind=%u", &reason, &kind) != 2)
		return -1;
	return reason | kind << 17;
}

static const char *port_io(void)
{
	return on_amd() ? "io" : "io_instruction";
}

static int open_named(const char *name, __u64 period, pid_t pid, int cpu)
{
	struct perf_event_attr attr = {
		.config = config_of(name), .sample_period = period,
	};

	return open_samples(&attr, pid, cpu);
}

__attribute__((noipa)) static void write_port(int times)
{
	while (times--)
		outb(0, PORT);
}

__attribute__((noipa)) static void ask_leaf(int times)
{
	while (times--)
		ask(LEAF, 0);
}

/* What the samples of a detail say. */
struct sum {
	__u64 detail;
	int found;
	int others;		/* of this program, but with another detail */
	int other_tasks;
	__u64 stand_for;
	__u64 lost;
	bool hidden;
	__u32 reason;
};

static void add_up(const struct sample_data *s, void *arg)
{
	struct sum *sum = arg;

	sum->lost += s->raw.lost;
	if (s->tid != (__u32)syscall(SYS_gettid)) {
		sum->other_tasks++;
	} else if (s->raw.detail != sum->detail) {
		sum->others++;
	} else {
		sum->found++;
		sum->stand_for += s->raw.exits;
		sum->hidden |= s->raw.hidden;
		sum->reason = s->raw.reason;
		if (s->period != s->raw.exits)
			sum->others++;
	}
}

/* The number of reasons that CPU 0 samples, as the host says, or -1. */
static int sampled_reasons(void)
{
	int fd = open(MSR_FILE, O_RDONLY);
	__u64 value;
	int n = -1;

	if (fd >= 0 && pread(fd, &value, 8, MSR_KVM_VMEXIT_SAMPLE) == 8)
		n = value;
	close(fd);
	return n;
}

FIXTURE(events)
{
	struct sum sum;
};

FIXTURE_SETUP(events)
{
	if (number_in(PMU "type") < 0)
		SKIP(return, "there is no PMU kvm_exits");
	if (!has_samples())
		SKIP(return, "the host takes no samples");
	ASSERT_EQ(0, pin(0));
	ASSERT_EQ(0, ioperm(PORT, 1, 1));
	quiet_console();
	self->sum.detail = PORT;
}

FIXTURE_TEARDOWN(events)
{
}

TEST_F(events, every_tenth_exit_of_a_port)
{
	int event = open_named(port_io(), 10, -1, 0);
	struct perf_event_mmap_page *ring = map_samples(event);

	ASSERT_NE(MAP_FAILED, ring);
	write_port(1000);
	ASSERT_LE(0, read_samples(ring, add_up, &self->sum));
	EXPECT_EQ(100, self->sum.found);
	EXPECT_EQ(1000, self->sum.stand_for);
	EXPECT_EQ(REASON_PORT_IO, self->sum.reason);
	EXPECT_EQ(0, self->sum.others);
	EXPECT_EQ(0, self->sum.lost);
	EXPECT_FALSE(self->sum.hidden);
}

/* The users: two events of one reason, an event of all reasons, and the tracepoint. */
TEST_F(events, three_users_get_what_is_due_to_each)
{
	static const int period[] = { 10, 15, 40 };
	struct perf_event_mmap_page *ring[3];
	struct sum sum[3] = {};
	int i;

	for (i = 0; i < 3; i++) {
		ring[i] = map_samples(open_named(i == 2 ? TOTAL : port_io(),
						 period[i], -1, 0));
		ASSERT_NE(MAP_FAILED, ring[i]);
		sum[i].detail = PORT;
	}
	ASSERT_TRUE(write_to(SAMPLE_EVENT, "1"));
	write_port(1200);
	ASSERT_TRUE(write_to(SAMPLE_EVENT, "0"));
	for (i = 0; i < 3; i++) {
		ASSERT_LE(0, read_samples(ring[i], add_up, &sum[i]));
		/* One sample more or less: a period begins with each new user. */
		EXPECT_LE(1200 / period[i] - 1, sum[i].found);
		EXPECT_GE(1200 / period[i] + 1, sum[i].found);
		EXPECT_EQ(sum[i].found * period[i], sum[i].stand_for);
	}
}

/* The first user goes on, with its own period, when the second one goes. */
TEST_F(events, a_user_that_goes_takes_nothing_along)
{
	int first = open_named(port_io(), 10, -1, 0), second;
	struct perf_event_mmap_page *ring = map_samples(first);

	ASSERT_NE(MAP_FAILED, ring);
	second = open_named(port_io(), 2, -1, 0);
	ASSERT_LE(0, second);
	write_port(500);
	close(second);
	write_port(500);
	ASSERT_LE(0, read_samples(ring, add_up, &self->sum));
	EXPECT_LE(99, self->sum.found);
	EXPECT_GE(101, self->sum.found);
}

TEST_F(events, nothing_stays_when_its_user_is_killed)
{
	int go[2];
	pid_t child;
	char byte;

	if (sampled_reasons() < 0)
		SKIP(return, "no " MSR_FILE);
	ASSERT_EQ(0, sampled_reasons());
	ASSERT_EQ(0, pipe(go));
	child = fork();
	if (!child) {
		if (open_named(TOTAL, 1000, -1, 0) < 0)
			exit(1);
		if (write(go[1], "", 1) != 1)
			exit(1);
		for (;;)
			pause();
	}
	ASSERT_EQ(1, read(go[0], &byte, 1));
	EXPECT_LT(0, sampled_reasons());
	kill(child, SIGKILL);
	ASSERT_EQ(child, waitpid(child, NULL, 0));
	EXPECT_EQ(0, sampled_reasons());
}

/* Another process does the same on the same CPU, without samples. */
TEST_F(events, samples_of_a_task)
{
	int event = open_named(port_io(), 1, 0, -1);
	struct perf_event_mmap_page *ring = map_samples(event);
	int i;

	ASSERT_NE(MAP_FAILED, ring);
	if (!fork()) {
		for (i = 0; i < 100; i++) {
			write_port(1);
			sched_yield();
		}
		exit(0);
	}
	for (i = 0; i < 100; i++) {
		write_port(1);
		sched_yield();
	}
	EXPECT_EQ(0, failed_children(1));
	ASSERT_LE(0, read_samples(ring, add_up, &self->sum));
	EXPECT_EQ(100, self->sum.found);
	EXPECT_EQ(0, self->sum.other_tasks);
}

/*
 * Each turn of the task has fewer exits than the period.  By chance, some turns have a
 * sample.  Of 1000 turns, 30 are expected to have one.  The bounds 3 and 80 are five
 * and nine standard deviations away from that.
 */
TEST_F(events, short_turns_of_a_task_have_their_share)
{
	int event = open_named(port_io(), 100, 0, -1);
	struct perf_event_mmap_page *ring = map_samples(event);
	int i;

	ASSERT_NE(MAP_FAILED, ring);
	for (i = 0; i < 1000; i++) {
		write_port(3);
		/* Another task has its turn. */
		usleep(10);
	}
	ASSERT_LE(0, read_samples(ring, add_up, &self->sum));
	EXPECT_LT(3, self->sum.found);
	EXPECT_GT(80, self->sum.found);
}

TEST_F(events, a_frequency_finds_its_period)
{
	struct perf_event_attr attr = {
		.config = config_of(TOTAL), .sample_freq = 1000, .freq = 1,
	};
	struct perf_event_mmap_page *ring = map_samples(open_samples(&attr, -1, 0));
	struct sum sum = { .detail = LEAF };

	ASSERT_NE(MAP_FAILED, ring);
	ask_leaf(20000);
	ASSERT_LE(0, read_samples(ring, add_up, &sum));
	EXPECT_LT(0, sum.found);
	EXPECT_GT(20000, sum.found);
}

TEST_F(events, what_cannot_be_sampled_is_refused)
{
	EXPECT_EQ(-1, open_named(on_amd() ? "iret" : "nmi_window", 1, -1, 0));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ(-1, open_named("cycles", 1, -1, 0));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ(-1, open_named(TOTAL, 1ull << 32, -1, 0));
	EXPECT_EQ(EINVAL, errno);
}

/* Only the user's code writes to the port. */
TEST_F(events, without_the_code_of_the_user)
{
	struct perf_event_attr attr = {
		.config = config_of(port_io()), .sample_period = 1,
		.exclude_user = 1,
	};
	struct perf_event_mmap_page *ring = map_samples(open_samples(&attr, -1, 0));

	ASSERT_NE(MAP_FAILED, ring);
	write_port(100);
	ASSERT_LE(0, read_samples(ring, add_up, &self->sum));
	EXPECT_EQ(0, self->sum.found);
}

/* Become the user "nobody", with the default of perf_event_paranoid. */
static bool become_nobody(void)
{
	return write_to(PARANOID, "2") && !seteuid(NOBODY);
}

static bool become_root(const char *paranoid)
{
	return !seteuid(0) && write_to(PARANOID, paranoid);
}

TEST_F(events, nobody_samples_the_code_of_its_own_tasks)
{
	struct perf_event_attr attr = {
		.config = config_of("cpuid"), .sample_period = 1,
		.exclude_kernel = 1,
	};
	int event, whole_cpu, err;
	struct perf_event_mmap_page *ring;
	char paranoid[TEXT_BYTES];

	ASSERT_LT(0, read_file(PARANOID, paranoid));
	ASSERT_TRUE(become_nobody());
	whole_cpu = open_samples(&attr, -1, 0);
	err = errno;
	event = open_samples(&attr, 0, -1);
	ASSERT_TRUE(become_root(paranoid));
	EXPECT_EQ(-1, whole_cpu);
	EXPECT_EQ(EACCES, err);
	ring = map_samples(event);
	ASSERT_NE(MAP_FAILED, ring);
	ask_leaf(100);
	self->sum.detail = 0;
	ASSERT_LE(0, read_samples(ring, add_up, &self->sum));
	EXPECT_EQ(100, self->sum.found);
	EXPECT_TRUE(self->sum.hidden);
}

TEST_F(events, nobody_cannot_open_the_tracepoint)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT, .config = number_in(TRACEPOINT_ID),
		.size = sizeof(attr), .exclude_kernel = 1,
	};
	int event, err, as_root;
	char paranoid[TEXT_BYTES];

	ASSERT_LT(0, read_file(PARANOID, paranoid));
	ASSERT_TRUE(become_nobody());
	event = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
	err = errno;
	ASSERT_TRUE(become_root(paranoid));
	EXPECT_EQ(-1, event);
	EXPECT_EQ(EACCES, err);
	as_root = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
	EXPECT_LE(0, as_root);
}

#define EVENTS	(MAX_SWITCHED + 3)

/* How many of the events count a write to the port. */
static int events_that_count(const int *event)
{
	__u64 before[EVENTS], after;
	int i, n = 0;

	for (i = 0; i < EVENTS; i++)
		if (read(event[i], &before[i], 8) != 8)
			return -1;
	write_port(1);
	for (i = 0; i < EVENTS; i++) {
		if (read(event[i], &after, 8) != 8)
			return -1;
		n += after > before[i];
	}
	return n;
}

/*
 * perf lets the events take turns.  In one attempt of many, no turn ends between the
 * reads.
 */
TEST_F(events, a_switch_has_a_limited_number_of_events)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr), .type = number_in(PMU "type"),
		.config = config_of(port_io()),
	};
	int i, n, event[EVENTS], left = 100;

	for (i = 0; i < EVENTS; i++) {
		event[i] = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
		ASSERT_LE(0, event[i]);
	}
	do {
		usleep(1000);
		n = events_that_count(event);
	} while (n != MAX_SWITCHED && --left);
	EXPECT_EQ(MAX_SWITCHED, n);
}

TEST_HARNESS_MAIN
