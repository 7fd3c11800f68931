// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench_hooks: what the hooks of exit_stats.h add to an exit, in cycles of the TSC.
 *
 * The program compiles KVM's own header, and needs neither KVM nor root.  LFENCE stands
 * for the VM entry and for the exit: like them, it lets no later instruction begin
 * early.  A chain of short instructions stands for KVM's handling of the exit.  The
 * processor can execute the hooks at the same time as this chain.
 *
 * Prints the frequency of the TSC, and a line "VARIANT CYCLES LEAST MOST INSTRUCTIONS"
 * for each variant: what it adds to an exit without hooks.  CYCLES is the median of
 * many measurements.
 */
#include <err.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "stand_ins.h"
#include "exit_stats.h"
#include "exit_stats_sample.h"

#define EXITS		1000	/* in one run */
#define RUNS		200	/* of which the fastest one counts */
#define MEASUREMENTS	25

struct static_key kvm_exit_stats_enabled = { true };
struct static_key kvm_exit_stats_stopped = { true };
struct static_key_false_deferred kvm_exit_stats_sampling;

/* kvm_exit_stats_create() and kvm_exit_stats_new_max(), from exit_stats.c. */
#include "out_of_line.h"

bool boot_cpu_has(int feature)
{
	return __builtin_cpu_is("amd");
}

void kvm_exit_stats_sample(struct kvm_vcpu *vcpu, u64 address)
{
	errx(1, "a sample was due");
}

static void static_key_switch(struct static_key *key, bool on)
{
	extern struct jump_entry __start_jump_table[], __stop_jump_table[];
	static const u8 nop[] = { 0x0f, 0x1f, 0x44, 0, 0 };
	struct jump_entry *entry;

	key->on = on;
	for (entry = __start_jump_table; entry < __stop_jump_table; entry++) {
		void *page = (void *)((unsigned long)entry->code & -PAGE_SIZE);
		int distance = entry->target - (entry->code + sizeof(nop));

		if (entry->key != key)
			continue;
		if (mprotect(page, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC))
			err(1, "mprotect");
		memcpy(entry->code, nop, sizeof(nop));
		if (on == entry->jump_if) {
			entry->code[0] = 0xe9;
			memcpy(entry->code + 1, &distance, sizeof(distance));
		}
	}
}

/* The exit that is measured: CPUID, under the number of this machine's vendor. */
static volatile u32 reason;

/* The number of instructions that stand for KVM's handling of the exit. */
static unsigned int chain;

static __always_inline void fence(void)
{
	asm volatile("lfence" : : : "memory");
}

/* Each instruction waits for the one before. */
static __always_inline void handle(int length)
{
	unsigned long x = 0;

	for (; length > 0; length -= 20)
		asm volatile(".rept 20; lea 1(%0), %0; .endr" : "+r" (x) : : "memory");
}

static __always_inline void nothing(void)
{
}

/*
 * In KVM, an exit goes through vcpu_run() of the vendor's module and vcpu_enter_guest()
 * of kvm.ko.  Here, each way of counting has two such functions.
 */
#define VCPU_RUN(name, at_exit)						\
static noinline void name(struct kvm_vcpu *vcpu)			\
{									\
	fence();							\
	fence();							\
	at_exit;							\
}

#define ENTER_GUEST(name, at_entry, vcpu_run, when_handled)		\
static noinline void name(struct kvm_vcpu *vcpu)			\
{									\
	at_entry;							\
	vcpu_run(vcpu);							\
	handle(chain);							\
	when_handled;							\
}

#define FASTPATH(name, vcpu_run, at_reentry)				\
static noinline void name(struct kvm_vcpu *vcpu)			\
{									\
	vcpu_run(vcpu);							\
	handle(20);							\
	at_reentry;							\
}

VCPU_RUN(none_run, (void)reason)
ENTER_GUEST(none, nothing(), none_run, nothing())
FASTPATH(none_fast, none_run, nothing())

static __always_inline void count_exit(struct kvm_vcpu *vcpu, u32 isa)
{
	kvm_exit_stats_vmexit(vcpu, isa, reason);
	if (kvm_exit_stats_sample_due(vcpu))
		kvm_exit_stats_sample(vcpu, 0);
}

VCPU_RUN(svm_run, count_exit(vcpu, KVM_VMEXIT_ISA_SVM))
ENTER_GUEST(svm, kvm_exit_stats_vmentry(vcpu), svm_run, kvm_exit_stats_handled(vcpu))
FASTPATH(svm_fast, svm_run, kvm_exit_stats_reenter(vcpu))

VCPU_RUN(vmx_run, count_exit(vcpu, KVM_VMEXIT_ISA_VMX))
ENTER_GUEST(vmx, kvm_exit_stats_vmentry(vcpu), vmx_run, kvm_exit_stats_handled(vcpu))
FASTPATH(vmx_fast, vmx_run, kvm_exit_stats_reenter(vcpu))

/* Only the reading of the clock, at the places where the hooks read it. */
VCPU_RUN(rdtsc_run, rdtsc())
ENTER_GUEST(rdtsc_2, nothing(), rdtsc_run, rdtsc())
ENTER_GUEST(rdtsc_3, rdtsc(), rdtsc_run, rdtsc())
FASTPATH(rdtsc_fast, rdtsc_run, rdtsc())

/* As published patches count: for all VMs together, with atomic operations. */
static struct {
	u64 exits, cycles, exits_by[256], cycles_by[256];
} published;

static __thread u64 published_start;

static __always_inline void locked_add(u64 n, u64 *counter)
{
	asm volatile("lock addq %1, %0" : "+m" (*counter) : "er" (n));
}

static __always_inline void publish_exit(u32 nr)
{
	locked_add(1, &published.exits);
	locked_add(1, &published.exits_by[nr & 255]);
	published_start = rdtsc();
}

static __always_inline void publish_handled(u32 nr)
{
	u64 cycles = rdtsc() - published_start;

	locked_add(cycles, &published.cycles);
	locked_add(cycles, &published.cycles_by[nr & 255]);
}

VCPU_RUN(lock_add_run, publish_exit(reason))
ENTER_GUEST(lock_add, nothing(), lock_add_run, publish_handled(reason))

/*
 * A way of counting, and what it adds to @base.  @crossing: stops are in two buckets
 * in turn.  @longest: each stop is the longest yet.  @cold: the vCPU's lines are in
 * no cache.  @two: another thread runs a vCPU of its own at the same time.
 */
struct variant {
	const char *name;
	void (*base)(struct kvm_vcpu *vcpu);
	void (*svm)(struct kvm_vcpu *vcpu), (*vmx)(struct kvm_vcpu *vcpu);
	bool enabled, stopped, sampling;
	bool crossing, longest, cold, two;
};

#define HOOKS		none, svm, vmx, .enabled = true
#define BOTH		HOOKS, .stopped = true

static const struct variant variants[] = {
	{ "off", none, svm, vmx },
	{ "one_clock", HOOKS },
	{ "both_clocks", BOTH },
	{ "sampling", BOTH, .sampling = true },
	{ "crossing", BOTH, .crossing = true },
	{ "longest", BOTH, .longest = true },
	{ "cold", BOTH, .cold = true },
	{ "two_threads", BOTH, .two = true },
	{ "fastpath", none_fast, svm_fast, vmx_fast, .enabled = true, .stopped = true },
	{ "rdtsc_2", none, rdtsc_2, rdtsc_2 },
	{ "rdtsc_3", none, rdtsc_3, rdtsc_3 },
	{ "rdtsc_fastpath", none_fast, rdtsc_fast, rdtsc_fast },
	{ "lock_add", none, lock_add, lock_add },
	{ "lock_add_cold", none, lock_add, lock_add, .cold = true },
	{ "lock_add_two_threads", none, lock_add, lock_add, .two = true },
};

static struct kvm vm;
static struct kvm_vcpu vcpus[2] __aligned(PAGE_SIZE);
static u32 isa, nr;

static void evict(const void *line)
{
	asm volatile("clflush %0" : : "m" (*(const char *)line) : "memory");
}

/* Evict what an exit touches, and wait for that. */
static void evict_vcpu(struct kvm_vcpu *vcpu)
{
	struct kvm_exit_stats *s = vcpu_exit_stats(vcpu);

	evict(s);
	evict(&vcpu->stat.exits_by_reason[nr]);
	evict(&s->counters->row[nr]);
	evict(&s->counters->bucket[s->counters->row[nr].first_bucket]);
	evict(&published.exits);
	evict(&published.exits_by[nr]);
	evict(&published.cycles_by[nr]);
	asm volatile("mfence" : : : "memory");
}

/* Prepare an exit, with hooks or without. */
static __always_inline void prepare(const struct variant *v, struct kvm_vcpu *vcpu,
				    int i)
{
	if (v->crossing)
		chain = i & 1 ? 3000 : 200;
	if (v->longest)
		vcpu_exit_stats(vcpu)->counters->row[nr].max = 0;
}

/* Return the cycles of many exits. */
static u64 run(const struct variant *v, void (*one)(struct kvm_vcpu *vcpu))
{
	struct kvm_vcpu *vcpu = &vcpus[0];
	u64 start = rdtsc(), cycles = 0;
	int i;

	if (!v->cold) {
		for (i = 0; i < EXITS; i++) {
			prepare(v, vcpu, i);
			one(vcpu);
		}
		fence();
		return rdtsc() - start;
	}

	for (i = 0; i < EXITS; i++) {
		evict_vcpu(vcpu);
		fence();
		start = rdtsc();
		fence();
		one(vcpu);
		fence();
		cycles += rdtsc() - start;
	}
	return cycles;
}

/* The function that the other thread runs, or NULL, and the number of its runs. */
static void (*volatile other)(struct kvm_vcpu *vcpu);
static volatile u64 others __aligned(PAGE_SIZE);

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/*
 * The cycles of an exit in many runs.  The fastest run counts, because whatever
 * disturbs a run makes it slower.  With two threads, the median of the runs in which
 * both threads ran counts: in the fastest one the threads disturb each other least.
 */
struct series {
	double cycles[RUNS];
	int n;
};

static void add_run(struct series *s, const struct variant *v,
		    void (*one)(struct kvm_vcpu *vcpu))
{
	u64 start = others;
	double cycles = (double)run(v, one) / EXITS;

	if (s->n < RUNS && (!v->two || others - start > EXITS / 2))
		s->cycles[s->n++] = cycles;
}

static double result_of(struct series *s, const struct variant *v)
{
	qsort(s->cycles, s->n, sizeof(*s->cycles), compare);
	return s->cycles[v->two ? s->n / 2 : 0];
}

/* Return by how much @one takes longer than @v->base.  Run the two in turn. */
static double added(const struct variant *v, void (*one)(struct kvm_vcpu *vcpu))
{
	int runs = v->two || v->cold || v->crossing ? RUNS / 4 : RUNS;
	struct series with = { }, without = { };

	while (with.n < runs || without.n < runs) {
		add_run(&without, v, v->base);
		add_run(&with, v, one);
	}
	return result_of(&with, v) - result_of(&without, v);
}

/* Return the instructions of one exit and of what surrounds it. */
static long instructions(const struct variant *v, void (*one)(struct kvm_vcpu *vcpu))
{
	long steps = 0;
	int i, status;
	pid_t child = fork();

	if (!child) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		for (i = 0; i < 2; i++)
			one(&vcpus[0]);
		/* Single steps make a stop long.  It must not be the longest yet. */
		vcpu_exit_stats(&vcpus[0])->counters->row[nr].max = 1ull << 32;
		raise(SIGSTOP);
		prepare(v, &vcpus[0], 0);
		one(&vcpus[0]);
		raise(SIGSTOP);
		_exit(0);
	}

	waitpid(child, &status, 0);
	do {
		if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL))
			err(1, "ptrace");
		waitpid(child, &status, 0);
		steps++;
	} while (WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	return steps;
}

/* The CPUs that the two threads run on: the first two that the program may use. */
static int cpu[2] = { -1, -1 };

static void find_cpus(void)
{
	cpu_set_t set;
	int i, n = 0;

	sched_getaffinity(0, sizeof(set), &set);
	for (i = 0; i < CPU_SETSIZE && n < 2; i++)
		if (CPU_ISSET(i, &set))
			cpu[n++] = i;
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *other_vcpu(void *unused)
{
	void (*one)(struct kvm_vcpu *vcpu);

	pin(cpu[1]);
	while ((one = other)) {
		one(&vcpus[1]);
		others++;
	}
	return NULL;
}

static void measure(const struct variant *v)
{
	void (*one)(struct kvm_vcpu *vcpu) = isa == KVM_VMEXIT_ISA_SVM ? v->svm : v->vmx;
	double result[MEASUREMENTS];
	pthread_t thread;
	int i;

	if (v->two && cpu[1] < 0)
		return;

	static_key_switch(&kvm_exit_stats_enabled, v->enabled);
	static_key_switch(&kvm_exit_stats_stopped, v->stopped);
	static_key_switch(&kvm_exit_stats_sampling.key, v->sampling);
	chain = 200;
	vcpu_exit_stats(&vcpus[0])->counters->row[nr].until_sample = U32_MAX;
	for (i = 0; i < 2; i++)
		kvm_exit_stats_forget(vcpu_exit_stats(&vcpus[i]));

	other = v->two ? one : NULL;
	if (v->two && pthread_create(&thread, NULL, other_vcpu, NULL))
		errx(1, "cannot create a thread");
	for (i = 0; i < MEASUREMENTS; i++)
		result[i] = added(v, one);
	other = NULL;
	if (v->two)
		pthread_join(thread, NULL);

	qsort(result, MEASUREMENTS, sizeof(*result), compare);
	printf("%s %.0f %.0f %.0f %ld\n", v->name, result[MEASUREMENTS / 2], result[0],
	       result[MEASUREMENTS - 1], instructions(v, one) - instructions(v, v->base));
	fflush(stdout);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void print_frequency(void)
{
	double start = seconds();
	u64 tsc = rdtsc();

	usleep(100000);
	printf("tsc_mhz %.0f\n", (rdtsc() - tsc) / (seconds() - start) / 1e6);
}

/* bench_hooks [VARIANT...]: measure all variants, or those that are named. */
int main(int argc, char **argv)
{
	size_t i;
	int j;

	isa = kvm_exit_stats_isa();
	nr = kvm_exit_stats_cpuid_row();
	reason = exit_stats_reason_of(isa, nr);
	for (i = 0; i < 2; i++) {
		vcpus[i].kvm = &vm;
		if (kvm_exit_stats_vcpu_created(&vcpus[i]))
			errx(1, "no memory");
	}
	find_cpus();
	pin(cpu[0]);

	print_frequency();
	for (i = 0; i < sizeof(variants) / sizeof(*variants); i++) {
		for (j = 1; j < argc && strcmp(argv[j], variants[i].name); j++)
			;
		if (argc == 1 || j < argc)
			measure(&variants[i]);
	}
	return 0;
}
