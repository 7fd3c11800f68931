// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the hypervisor: how long exits stop a guest, measured by a VMM that makes its
 * guest wait.
 */
#include <time.h>

#include "histogram.h"
#include "vm.h"
#include "harness.h"

#define MS		1000000		/* in ns */
#define PREEMPT		"/sys/kernel/debug/sched/preempt"
/* In cycles: longer than a step of the guest, shorter than an exit and its entry. */
#define STEP		500

/* One reason in a snapshot. */
struct stops {
	__u32 reason;
	__u64 exits, stopped, max;
	unsigned int bucket[3];		/* of the percentiles */
	__u64 histogram[KVM_VMEXIT_BUCKETS];
};

FIXTURE(stopped)
{
	struct vm vm;
	struct vcpu vcpu;
	struct table table;
	char text[TEXT_BYTES];
	__u64 second;		/* in cycles */
	__u32 cpuid, port_io, hlt;
	char preempt[16];	/* as the host's kernel was booted */
};

FIXTURE_SETUP(stopped)
{
	if (access(STOPPED_CLOCK, W_OK))
		SKIP(return, "no KVM with exit statistics");
	self->cpuid = REASON_CPUID;
	self->port_io = REASON_PORT_IO;
	self->hlt = REASON_HLT;

	/* The choice is in parentheses.  Some kernels have none. */
	if (read_file(PREEMPT, self->text) > 0)
		sscanf(strchrnul(self->text, '('), "(%15[^)]", self->preempt);
	ASSERT_TRUE(set(ALL, true));
	ASSERT_TRUE(set(STOPPED_CLOCK, true));
	ASSERT_TRUE(vm_create(&self->vm));
	ASSERT_TRUE(vcpu_create(&self->vm, &self->vcpu));
	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, &self->table));
	self->second = self->table.tsc_khz * 1000ULL;
}

FIXTURE_TEARDOWN(stopped)
{
	set(ALL, true);
	set(STOPPED_CLOCK, true);
	write_to(PREEMPT, self->preempt);
	vm_destroy(&self->vm);
}

static void spin(__u64 loops)
{
	while (loops--)
		asm volatile("");
}

static void wait_ns(__u64 ns)
{
	struct timespec t = { ns / 1000000000, ns % 1000000000 };

	nanosleep(&t, NULL);
}

static void wait_cycles(struct table *t, __u64 cycles)
{
	wait_ns(cycles * 1000000 / t->tsc_khz);
}

/* Prepare the guest for @reads times @steps and a read of the port. */
static bool start(struct vcpu *vcpu, __u64 reads, __u64 steps)
{
	struct kvm_regs r = {
		.rip = guest_address(vm_busy), .rflags = 2,
		.r8 = steps, .r9 = STEP, .r10 = reads,
	};

	return !ioctl(vcpu->fd, KVM_SET_REGS, &r);
}

/* Let the guest go on.  Return true if it exits with a read of the port. */
static bool go_on(struct vcpu *vcpu)
{
	return !ioctl(vcpu->fd, KVM_RUN, 0) &&
	       vcpu->run->exit_reason == KVM_EXIT_IO;
}

/* Run the guest to its HLT.  Before each answer the VMM spins for @loops. */
static bool run(struct vcpu *vcpu, __u64 reads, __u64 steps, __u64 loops)
{
	if (!start(vcpu, reads, steps))
		return false;
	while (go_on(vcpu))
		spin(loops);
	return vcpu->run->exit_reason == KVM_EXIT_HLT;
}

/* Let the guest take a snapshot.  Return its number of rows. */
static unsigned int ask_snapshot(struct vcpu *vcpu)
{
	return guest_ask(vcpu, KVM_VMEXIT_LEAF_SNAPSHOT, 0).eax & 0xffff;
}

/* Let the guest read one row of its snapshot. */
static struct stops ask_stops(struct vcpu *vcpu, unsigned int i)
{
	struct stops s;
	struct regs r;
	int n;

	r = guest_ask(vcpu, KVM_VMEXIT_LEAF_ROW, i);
	s.reason = KVM_VMEXIT_REASON(r.ebx >> KVM_VMEXIT_REASON_SHIFT);
	s.exits = r.eax;

	r = guest_ask(vcpu, KVM_VMEXIT_LEAF_STOPPED, i);
	s.stopped = pair(r.eax, r.ebx);
	s.max = pair(r.ecx, r.edx & 0xffff);
	s.bucket[0] = r.edx >> KVM_VMEXIT_STOPPED_P50_SHIFT & 0x1f;
	s.bucket[1] = r.edx >> KVM_VMEXIT_STOPPED_P99_SHIFT & 0x1f;
	s.bucket[2] = r.edx >> KVM_VMEXIT_STOPPED_P999_SHIFT & 0x1f;

	for (n = 0; n < KVM_VMEXIT_BUCKETS; n += 2) {
		r = guest_ask(vcpu, KVM_VMEXIT_LEAF_HISTOGRAM, n / 2 << 16 | i);
		s.histogram[n] = pair(r.eax, r.ebx);
		s.histogram[n + 1] = pair(r.ecx, r.edx);
	}
	return s;
}

/* Let the guest read one reason.  Return zeros if it has no exits. */
static struct stops ask_reason(struct vcpu *vcpu, __u32 reason)
{
	unsigned int i, rows = ask_snapshot(vcpu);
	struct stops s;

	for (i = 0; i < rows; i++) {
		s = ask_stops(vcpu, i);
		if (s.reason == reason)
			return s;
	}
	return (struct stops){};
}

/*
 * What passes between a point in one stop and the same point in a later stop, in
 * cycles.  Neither @stopped nor @inside has the time from KVM's last read of the TSC
 * to the guest and back.  On VMX that is 4500 cycles, for a flush of the L1 data cache.
 */
struct times {
	__u64 wall, stopped, inside;
};

static bool measure(struct vm *vm, struct vcpu *vcpu, char *text, struct times *d)
{
	static struct table before, after;
	struct kvm_regs r;
	int i;

	if (!go_on(vcpu))
		return false;
	d->wall = rdtsc();
	if (ioctl(vcpu->fd, KVM_GET_REGS, &r) || strcmp(vm_table(vm, text, &before), "whole"))
		return false;
	d->inside = r.rbx;

	for (i = 0; i < 100; i++) {
		spin(90000);
		if (!go_on(vcpu))
			return false;
	}
	d->wall = rdtsc() - d->wall;

	if (ioctl(vcpu->fd, KVM_GET_REGS, &r) || strcmp(vm_table(vm, text, &after), "whole"))
		return false;
	d->inside = r.rbx - d->inside;
	d->stopped = after.total.value[STOPPED] - before.total.value[STOPPED];
	return true;
}

/*
 * The first stop begins before this program reads the TSC.  If something delays the
 * program in between, the parts are more than the whole: then measure again.
 */
TEST_F(stopped, time_stopped_and_time_in_the_guest_are_all_there_is)
{
	struct times d;
	int left = 10;

	/* Leave out the first entry, in which KVM sets up the VM. */
	ASSERT_TRUE(start(&self->vcpu, 101 * left, 30000));
	do {
		ASSERT_TRUE(measure(&self->vm, &self->vcpu, self->text, &d));
	} while (d.stopped + d.inside > d.wall && --left);
	TH_LOG("%llu stopped + %llu in the guest of %llu cycles",
	       d.stopped, d.inside, d.wall);

	/* Both parts are more than a fifth of the whole. */
	EXPECT_LT(d.wall / 5, d.stopped);
	EXPECT_LT(d.wall / 5, d.inside);
	EXPECT_LE(d.stopped + d.inside, d.wall);
	EXPECT_GE(d.stopped + d.inside, d.wall - d.wall / 50);
}

TEST_F(stopped, late_answer_counts_for_its_reason_alone)
{
	struct table *t = &self->table, before;
	struct row *a, *b, *io = NULL;
	__u64 late;
	int i;

	ASSERT_TRUE(vcpu_run(&self->vcpu, vm_cpuid, 500, 0, 0, NULL));
	ASSERT_TRUE(start(&self->vcpu, 1000, 100));
	for (i = 0; i < 500; i++)
		ASSERT_TRUE(go_on(&self->vcpu));

	/* The 500th answer is late. */
	late = rdtsc();
	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, &before));
	wait_ns(100 * MS);
	late = rdtsc() - late;
	ASSERT_TRUE(go_on(&self->vcpu));
	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, t));

	for (i = 0; i < t->rows; i++) {
		a = &before.row[i];
		b = &t->row[i];
		if (b->reason == self->port_io) {
			io = b;
		} else if (b->value[EXITS] == a->value[EXITS]) {
			EXPECT_EQ(0, memcmp(a, b, sizeof(*a)))
				TH_LOG("%s", b->name);
		} else {
			EXPECT_GT(late / 10, b->value[MAX])
				TH_LOG("%s", b->name);
		}
	}

	ASSERT_NE(NULL, io);
	a = row_of(&before, self->port_io);
	EXPECT_EQ(500, a->value[EXITS]);
	EXPECT_EQ(501, io->value[EXITS]);
	EXPECT_GT(late / 10, a->value[MAX]);

	EXPECT_LE(late, io->value[MAX]);
	EXPECT_GE(late + late / 50, io->value[MAX]);
	EXPECT_EQ(io->value[MAX], t->total.value[MAX]);
	EXPECT_EQ(io->value[MAX], io->value[STOPPED] - a->value[STOPPED]);
	EXPECT_EQ(io->value[MAX], io->value[P999]);
	/* Before the late answer, the longest stop was the bound of these percentiles. */
	for (i = P50; i <= P99; i++)
		EXPECT_EQ(a->value[i], io->value[i] < a->value[MAX] ?
				       io->value[i] : a->value[MAX]);
	EXPECT_GT(late / 10, io->value[P99]);
}

/* A vCPU's last exit has no entry after it, so its stop has no length yet. */
TEST_F(stopped, histograms_hold_every_exit_but_each_vcpus_last)
{
	struct vcpu *vcpu, vcpus[4] = { self->vcpu };
	unsigned int i, n, highest, rows;
	__u64 low, high, in_flight;
	struct stops s;

	for (i = 0; i < 4; i++) {
		vcpu = &vcpus[i];
		if (i)
			ASSERT_TRUE(vcpu_create(&self->vm, vcpu));
		ASSERT_TRUE(vcpu_run(vcpu, vm_cpuid, 300 + i, 0, 0, NULL));
		ASSERT_TRUE(run(vcpu, 100 * (i + 1), 100, 5000 << i));
	}

	/* The last exit of the first vCPU is the CPUID that asks. */
	rows = ask_snapshot(&self->vcpu);
	EXPECT_LE(3, rows);
	for (i = 0; i < rows; i++) {
		s = ask_stops(&self->vcpu, i);
		in_flight = s.reason == self->hlt ? 3 : s.reason == self->cpuid;
		EXPECT_EQ(s.exits, sum_of(s.histogram) + in_flight)
			TH_LOG("reason %#x", s.reason);

		low = 0;
		high = 0;
		highest = 0;
		for (n = 0; n < KVM_VMEXIT_BUCKETS; n++) {
			low += s.histogram[n] * (n ? bound(n - 1) : 0);
			high += s.histogram[n] * (bound(n) - 1);
			if (s.histogram[n])
				highest = n;
		}
		EXPECT_LE(low, s.stopped);
		EXPECT_GE(high, s.stopped);
		EXPECT_EQ(bucket_of(s.max), highest);
		for (n = 0; n < 3; n++)
			EXPECT_EQ(percentile_of(s.histogram, permille[n]),
				  s.bucket[n]);
	}
}

/*
 * Make stops longer, one by one, until they are close to the bound between two
 * buckets on both sides.
 */
TEST_F(stopped, each_stop_is_in_its_bucket_to_the_cycle)
{
	__u64 edge = 1 << 16, cycles, below = 0, above = 0, loops = 0;
	unsigned int n, grown, tries;
	struct stops before, s;

	ASSERT_TRUE(run(&self->vcpu, 1, 1, loops));
	before = ask_reason(&self->vcpu, self->port_io);
	for (tries = 0; tries < 300; tries++, before = s) {
		ASSERT_TRUE(run(&self->vcpu, 1, 1, loops));
		s = ask_reason(&self->vcpu, self->port_io);
		cycles = s.stopped - before.stopped;
		ASSERT_EQ(before.exits + 1, s.exits);
		ASSERT_EQ(before.max > cycles ? before.max : cycles, s.max);

		grown = KVM_VMEXIT_BUCKETS;
		for (n = 0; n < KVM_VMEXIT_BUCKETS; n++)
			if (s.histogram[n] != before.histogram[n]) {
				ASSERT_EQ(before.histogram[n] + 1, s.histogram[n]);
				ASSERT_EQ(KVM_VMEXIT_BUCKETS, grown);
				grown = n;
			}
		ASSERT_EQ(bucket_of(cycles), grown)
			TH_LOG("a stop of %llu cycles", cycles);

		if (cycles < edge && cycles > below)
			below = cycles;
		if (cycles >= edge && (!above || cycles < above))
			above = cycles;
		if (above && above - below <= 64)
			break;

		/*
		 * Add loops for half of the missing cycles; a loop takes about
		 * two.  If the stop was too long, an interrupt came: try again.
		 */
		if (cycles < edge)
			loops += (edge - cycles) / 4 + 1;
	}
	TH_LOG("%u stops, the nearest were %llu and %llu cycles", tries,
	       below, above);
	EXPECT_GE(64, above - below);
}

/* The last bucket has stops of 2^32 cycles and more. */
TEST_F_TIMEOUT(stopped, last_bucket_is_open, seconds(120))
{
	struct table *t = &self->table;
	struct stops s;
	struct row *r;

	ASSERT_TRUE(start(&self->vcpu, 1, 1));
	ASSERT_TRUE(go_on(&self->vcpu));
	wait_cycles(&self->table, (1ULL << 32) + (1 << 24));
	ASSERT_FALSE(go_on(&self->vcpu));

	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, t));
	r = row_of(t, self->port_io);
	EXPECT_LT(1ULL << 32, r->value[MAX]);
	EXPECT_EQ(r->value[STOPPED], r->value[MAX]);
	EXPECT_EQ(r->value[MAX], r->value[P50]);
	EXPECT_EQ(r->value[MAX], r->value[P999]);

	s = ask_reason(&self->vcpu, self->port_io);
	EXPECT_EQ(r->value[MAX], s.max);
	EXPECT_EQ(1, s.histogram[LAST_BUCKET]);
	EXPECT_EQ(1, sum_of(s.histogram));
	EXPECT_EQ(LAST_BUCKET, s.bucket[0]);
}

TEST_F(stopped, turned_off_there_is_the_first_clock_alone)
{
	struct table *t = &self->table;
	unsigned int i, rows;
	struct stops s;

	ASSERT_TRUE(set(STOPPED_CLOCK, false));
	EXPECT_EQ(0, guest_ask(&self->vcpu, KVM_VMEXIT_LEAF_INTERFACE, 0).ebx &
		     KVM_VMEXIT_FEAT_STOPPED);
	ASSERT_TRUE(run(&self->vcpu, 100, 1, 0));

	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, t));
	EXPECT_EQ(2, t->columns);
	EXPECT_EQ(100, exits_of(t, self->port_io));
	EXPECT_LT(0, row_of(t, self->port_io)->value[CYCLES]);

	rows = ask_snapshot(&self->vcpu);
	EXPECT_LE(3, rows);
	for (i = 0; i < rows; i++) {
		s = ask_stops(&self->vcpu, i);
		EXPECT_LT(0, s.exits);
		EXPECT_EQ(0, s.stopped | s.max | sum_of(s.histogram));
	}

	ASSERT_TRUE(set(STOPPED_CLOCK, true));
	EXPECT_EQ(KVM_VMEXIT_FEAT_STOPPED,
		  guest_ask(&self->vcpu, KVM_VMEXIT_LEAF_INTERFACE, 0).ebx &
		  KVM_VMEXIT_FEAT_STOPPED);
	ASSERT_TRUE(run(&self->vcpu, 100, 1, 0));
	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, t));
	EXPECT_EQ(7, t->columns);
	EXPECT_EQ(200, exits_of(t, self->port_io));
	EXPECT_LT(0, row_of(t, self->port_io)->value[MAX]);
}

/*
 * The guest reads the port once before counting is turned off for a second, @off
 * times while it is off, and ten times afterwards.  Return the counts of @reason.
 */
static struct stops off_and_on(struct vcpu *vcpu, const char *parameter, int off,
			       __u32 reason)
{
	int i;

	start(vcpu, 100, 1);
	go_on(vcpu);
	set(parameter, false);
	wait_ns(1000 * MS);
	for (i = 0; i < off; i++)
		go_on(vcpu);
	set(parameter, true);
	for (i = 0; i < 10; i++)
		go_on(vcpu);
	return ask_reason(vcpu, reason);
}

TEST_F(stopped, exit_that_waits_while_all_is_off_is_no_stop)
{
	struct stops s;

	s = off_and_on(&self->vcpu, ALL, 0, self->port_io);
	EXPECT_EQ(11, s.exits);
	EXPECT_EQ(10, sum_of(s.histogram));
	EXPECT_GT(self->second / 10, s.max);
}

TEST_F(stopped, entries_while_all_is_off_end_no_stop)
{
	struct stops s;

	s = off_and_on(&self->vcpu, ALL, 5, self->port_io);
	EXPECT_EQ(11, s.exits);
	EXPECT_EQ(10, sum_of(s.histogram));
	EXPECT_GT(self->second / 10, s.max);
}

TEST_F(stopped, entries_while_the_clock_is_off_end_no_stop)
{
	struct stops s;

	s = off_and_on(&self->vcpu, STOPPED_CLOCK, 5, self->port_io);
	EXPECT_EQ(16, s.exits);
	EXPECT_EQ(11, sum_of(s.histogram));
	EXPECT_GT(self->second / 10, s.max);
}

static bool enough;

static void *run_until_enough(void *vcpu)
{
	while (!__atomic_load_n(&enough, __ATOMIC_RELAXED))
		if (!run(vcpu, 10, 100, 100000))
			return NULL;
	return vcpu;
}

/* If a stop had more than the time for which counting was on, the sum would show it. */
TEST_F(stopped, switched_at_any_moment_stops_keep_within_the_time_on)
{
	struct table *t = &self->table;
	__u64 on, all_on, stopped;
	pthread_t thread;
	void *done;
	int i;

	ASSERT_TRUE(set(ALL, false));
	ASSERT_EQ(0, pthread_create(&thread, NULL, run_until_enough, &self->vcpu));
	for (i = 0, all_on = 0; i < 50; i++) {
		wait_cycles(&self->table, 2000000 + i * 10000);
		on = rdtsc();
		set(ALL, true);
		wait_cycles(&self->table, 2000000 - i * 10000);
		set(ALL, false);
		all_on += rdtsc() - on;
	}
	set(ALL, true);
	ASSERT_STREQ("whole", vm_table(&self->vm, self->text, t));
	set(ALL, false);
	__atomic_store_n(&enough, true, __ATOMIC_RELAXED);
	pthread_join(thread, &done);
	EXPECT_EQ(&self->vcpu, done);

	stopped = t->total.value[STOPPED];
	TH_LOG("%llu cycles stopped in %llu that it was on for", stopped, all_on);
	EXPECT_GE(all_on, stopped);
	EXPECT_LT(all_on / 2, stopped);
	EXPECT_GT(self->second / 10, t->total.value[MAX]);
}

static void *compete(void *unused)
{
	while (!__atomic_load_n(&enough, __ATOMIC_RELAXED))
		spin(1000);
	return NULL;
}

/* For how long this thread has waited for a CPU, in cycles. */
static __u64 waited(struct table *t)
{
	static char text[TEXT_BYTES];
	__u64 ns = 0;

	if (read_file("/proc/thread-self/schedstat", text) < 0 ||
	    sscanf(text, "%*u %llu", &ns) != 1)
		abort();
	return ns * t->tsc_khz / 1000000;
}

/* How much the waits, and KVM's times, grow while another thread wants the same CPU. */
struct waits {
	__u64 waited, cycles, stopped;
};

/*
 * The guest is entered after the first wait that counts, and after the last one.  So
 * the stop that contains such a wait is over when the table is read.  The other thread
 * ends before the last exit: the handling of this exit counts, its stop is not over.
 */
static bool measure_waits(struct vm *vm, struct vcpu *vcpu, char *text, struct table *t,
			  struct waits *d)
{
	pthread_t thread;
	bool done;

	pin(sched_getcpu());
	if (!start(vcpu, 100000, 300000) || !go_on(vcpu) ||
	    pthread_create(&thread, NULL, compete, NULL))
		return false;

	d->waited = waited(t);
	done = !strcmp(vm_table(vm, text, t), "whole");
	d->cycles = t->total.value[CYCLES];
	d->stopped = t->total.value[STOPPED];

	while (done && waited(t) - d->waited < t->tsc_khz * 250ULL)
		done = go_on(vcpu);
	d->waited = waited(t) - d->waited;

	__atomic_store_n(&enough, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	done = done && go_on(vcpu) && !strcmp(vm_table(vm, text, t), "whole");
	d->cycles = t->total.value[CYCLES] - d->cycles;
	d->stopped = t->total.value[STOPPED] - d->stopped;
	return done;
}

/* The time slice ends in the guest: KVM handles the timer's exit, then the thread waits. */
TEST_F(stopped, wait_for_a_cpu_is_in_the_stop_and_not_in_handling)
{
	struct waits d;

	/* A kernel that can change how it preempts has one of these two modes. */
	if (!write_to(PREEMPT, "voluntary") && !write_to(PREEMPT, "lazy"))
		SKIP(return, "the kernel cannot change how it preempts");
	ASSERT_TRUE(measure_waits(&self->vm, &self->vcpu, self->text, &self->table, &d));
	TH_LOG("%llu cycles handled, %llu stopped, %llu waited", d.cycles, d.stopped, d.waited);
	EXPECT_GT(d.waited / 10, d.cycles);
	EXPECT_LE(d.waited, d.stopped);
}

/* Here the thread waits before KVM calls the handler. */
TEST_F(stopped, preemptible_host_waits_for_a_cpu_in_handling_too)
{
	struct waits d;

	if (!write_to(PREEMPT, "full"))
		SKIP(return, "the kernel cannot change how it preempts");
	ASSERT_TRUE(measure_waits(&self->vm, &self->vcpu, self->text, &self->table, &d));
	TH_LOG("%llu cycles handled, %llu stopped, %llu waited", d.cycles, d.stopped, d.waited);
	EXPECT_LT(d.waited - d.waited / 10, d.cycles);
	EXPECT_LE(d.waited, d.stopped);
	EXPECT_LE(d.cycles, d.stopped);
}

TEST_HARNESS_MAIN
