// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracepoint kvm_exits:vm_exit: a sample for every n-th exit, with the detail of
 * the exit and the code that caused it.
 */
#include <signal.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "common.h"
#include "harness.h"

#define PARAMETER(name)	"/sys/module/kvm_exits/parameters/" name
#define PORT		0x80
#define LEAF		0x4fffff01
#define PLATFORM_ID	0x17
#define VECTOR_UD	6
/* Below the I/O APIC, where QEMU's machine microvm has neither memory nor a device. */
#define NOTHING		0xfea00000UL
#define SAMPLE		"vm_exit: %63s detail 0x%llx ip 0x%lx period %u lost %llu"

/* A place is a piece of code.  The IP of its samples is in it or right behind it. */
#define PLACE(name)	extern char name ## _begin[], name ## _end[]
PLACE(port);
PLACE(leaf);
PLACE(address);

__attribute__((noipa)) static void use_port(int times)
{
	asm volatile(".globl port_begin, port_end\n"
		     "port_begin:\n"
		     "1:	outb %%al, %%dx\n"
		     "	decl %%ecx\n"
		     "	jnz 1b\n"
		     "port_end:\n"
		     : "+c" (times) : "a" (0), "d" (PORT) : "memory");
}

__attribute__((noipa)) static void use_leaf(int times)
{
	asm volatile(".globl leaf_begin, leaf_end\n"
		     "leaf_begin:\n"
		     "1:	movl %1, %%eax\n"
		     "	xorl %%ecx, %%ecx\n"
		     "	cpuid\n"
		     "	decl %0\n"
		     "	jnz 1b\n"
		     "leaf_end:\n"
		     : "+r" (times) : "i" (LEAF)
		     : "eax", "ebx", "ecx", "edx", "memory");
}

__attribute__((noipa)) static void use_address(const void *address, int times)
{
	asm volatile(".globl address_begin, address_end\n"
		     "address_begin:\n"
		     "1:	movl (%1), %%eax\n"
		     "	decl %0\n"
		     "	jnz 1b\n"
		     "address_end:\n"
		     : "+r" (times) : "r" (address) : "eax", "memory");
}

static void skip_ud2(int signal, siginfo_t *info, void *context)
{
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2;
}

struct samples {
	int found;	/* samples with the detail, at the place */
	int elsewhere;	/* samples with the detail, at another place */
	__u64 stand_for;
	__u64 lost;
};

/* Turn the tracepoint off, and count the samples with this detail in the trace. */
static struct samples samples_of(__u64 detail, unsigned long from,
				 unsigned long to)
{
	bool off = write_to(SAMPLE_EVENT, "0");
	FILE *trace = fopen(TRACING "trace", "r");
	static char line[512];
	struct samples s = {};
	unsigned long ip;
	char name[64], *data;
	__u64 d, lost;
	__u32 period;

	if (!off || !trace)
		abort();
	while (fgets(line, sizeof(line), trace)) {
		data = strstr(line, "vm_exit: ");
		if (!data || sscanf(data, SAMPLE, name, &d, &ip, &period,
				    &lost) != 5)
			continue;
		s.lost += lost;
		if (d != detail)
			continue;
		s.stand_for += period;
		if (ip >= from && ip <= to)
			s.found++;
		else
			s.elsewhere++;
	}
	fclose(trace);
	return s;
}

#define SAMPLES_AT(place, detail) \
	samples_of(detail, (unsigned long)place ## _begin, \
		   (unsigned long)place ## _end)

/* Truncating the file clears the trace. */
static bool clear_trace(void)
{
	int fd = open(TRACING "trace", O_WRONLY | O_TRUNC);

	close(fd);
	return fd >= 0;
}

static bool sample(const char *reasons, const char *period)
{
	return write_to(PARAMETER("sample_reasons"), reasons) &&
	       write_to(PARAMETER("sample_period"), period) &&
	       clear_trace() && write_to(SAMPLE_EVENT, "1");
}

static const char *reason_name(const char *svm, const char *vmx)
{
	return on_amd() ? svm : vmx;
}

FIXTURE(sample)
{
};

FIXTURE_SETUP(sample)
{
	if (access(SAMPLE_EVENT, F_OK))
		SKIP(return, "no tracepoint: the module is not loaded");
	if (!has_samples())
		SKIP(return, "the host takes no samples");
	ASSERT_EQ(0, pin(0));
	ASSERT_EQ(0, iopl(3));
	quiet_console();
}

FIXTURE_TEARDOWN(sample)
{
	set_online(1, "1");
	write_to(SAMPLE_EVENT, "0");
	write_to(PARAMETER("sample_reasons"), "all");
	write_to(PARAMETER("sample_period"), "100");
}

TEST_F(sample, every_exit_of_a_port_with_its_instruction)
{
	struct samples s;

	ASSERT_TRUE(sample(reason_name("io", "io_instruction"), "1"));
	use_port(200);
	s = SAMPLES_AT(port, PORT);
	EXPECT_EQ(200, s.found);
	EXPECT_EQ(0, s.elsewhere);
	EXPECT_EQ(200, s.stand_for);
}

TEST_F(sample, every_fiftieth_exit_of_a_leaf)
{
	struct samples s;

	ASSERT_TRUE(sample("cpuid", "50"));
	use_leaf(1000);
	s = SAMPLES_AT(leaf, LEAF);
	EXPECT_EQ(20, s.found);
	EXPECT_EQ(0, s.elsewhere);
	EXPECT_EQ(1000, s.stand_for);
	EXPECT_EQ(0, s.lost);
}

/* The kernel's addresses are in the upper half. */
TEST_F(sample, kernel_code_for_an_msr)
{
	int i, fd = open(MSR_FILE, O_RDONLY);
	struct samples s;
	__u64 value;

	if (fd < 0)
		SKIP(return, "no " MSR_FILE);
	ASSERT_TRUE(sample(reason_name("msr", "msr_read"), "1"));
	for (i = 0; i < 100; i++)
		ASSERT_EQ(8, pread(fd, &value, 8, PLATFORM_ID));
	close(fd);
	s = samples_of(PLATFORM_ID, 1ul << 63, ~0ul);
	EXPECT_EQ(100, s.found);
	EXPECT_EQ(0, s.elsewhere);
}

/* Nothing is at this address, so every access goes to the VMM. */
TEST_F(sample, the_address_of_an_access)
{
	int fd = open("/dev/mem", O_RDONLY);
	struct samples s;
	void *memory;

	memory = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, NOTHING);
	close(fd);
	if (memory == MAP_FAILED)
		SKIP(return, "/dev/mem cannot be mapped");
	ASSERT_TRUE(sample(reason_name("npf", "ept_misconfig,ept_violation"), "1"));
	use_address(memory + 0x123, 100);
	s = SAMPLES_AT(address, NOTHING + 0x123);
	munmap(memory, 4096);
	EXPECT_EQ(100, s.found);
	EXPECT_EQ(0, s.elsewhere);
}

/* KVM passes the exception on.  The NMI arrives at the start of the guest's handler. */
TEST_F(sample, the_vector_of_an_exception)
{
	struct sigaction skip = {
		.sa_sigaction = skip_ud2, .sa_flags = SA_SIGINFO,
	};
	struct samples s;
	int i;

	ASSERT_EQ(0, sigaction(SIGILL, &skip, NULL));
	ASSERT_TRUE(sample(reason_name("ud_excp", "exception_nmi"), "1"));
	for (i = 0; i < 100; i++)
		asm volatile("ud2");
	s = samples_of(VECTOR_UD, 1ul << 63, ~0ul);
	signal(SIGILL, SIG_DFL);
	EXPECT_EQ(100, s.found);
	EXPECT_EQ(0, s.elsewhere);
}

TEST_F(sample, each_cpu_samples_its_own_exits)
{
	struct samples s;
	int cpu;

	ASSERT_TRUE(sample("cpuid", "50"));
	for (cpu = 0; cpu < cpus(); cpu++) {
		if (fork())
			continue;
		if (pin(cpu))
			_exit(1);
		use_leaf(1000);
		_exit(0);
	}
	ASSERT_EQ(0, failed_children(cpus()));
	s = SAMPLES_AT(leaf, LEAF);
	EXPECT_EQ(20 * cpus(), s.found);
	EXPECT_EQ(1000 * cpus(), s.stand_for);
	EXPECT_EQ(0, s.lost);
}

TEST_F(sample, a_cpu_that_comes_back_is_sampled)
{
	struct samples s;

	if (cpus() == 1)
		SKIP(return, "there is one CPU");
	ASSERT_TRUE(sample("cpuid", "1"));
	ASSERT_TRUE(set_online(1, "0"));
	ASSERT_TRUE(set_online(1, "1"));
	ASSERT_TRUE(clear_trace());
	ASSERT_EQ(0, pin(1));
	use_leaf(100);
	s = SAMPLES_AT(leaf, LEAF);
	EXPECT_EQ(100, s.found);
}

/* A sample that nobody expects is an unknown NMI, at which the lab's guest panics. */
TEST_F(sample, a_cpu_that_goes_is_no_longer_sampled)
{
	if (cpus() == 1)
		SKIP(return, "there is one CPU");
	ASSERT_TRUE(sample("cpuid", "1"));
	ASSERT_TRUE(set_online(1, "0"));
	ASSERT_TRUE(write_to(SAMPLE_EVENT, "0"));
	ASSERT_TRUE(set_online(1, "1"));
	ASSERT_EQ(0, pin(1));
	use_leaf(100);
}

/*
 * The resume resets the first CPU, and the module arms it again in a second.  The VMM
 * wakes the guest up.
 */
TEST_F_TIMEOUT(sample, goes_on_after_suspend_to_ram, seconds(110))
{
	struct samples s;

	if (why_no_suspend())
		SKIP(return, "%s", why_no_suspend());
	ASSERT_TRUE(sample("cpuid", "1"));
	ASSERT_TRUE(write_to("/sys/power/state", "mem"));
	sleep(seconds(3));
	ASSERT_TRUE(clear_trace());
	use_leaf(100);
	s = SAMPLES_AT(leaf, LEAF);
	EXPECT_EQ(100, s.found);
	EXPECT_EQ(0, s.elsewhere);
}

TEST_F(sample, nothing_once_it_is_off)
{
	struct samples s;

	ASSERT_TRUE(sample("cpuid", "1"));
	ASSERT_TRUE(write_to(SAMPLE_EVENT, "0"));
	ASSERT_TRUE(clear_trace());
	use_leaf(100);
	s = samples_of(LEAF, 0, ~0ul);
	EXPECT_EQ(0, s.found);
}

TEST_F(sample, nothing_of_other_reasons)
{
	struct samples s;

	ASSERT_TRUE(sample("cpuid", "1"));
	use_port(100);
	s = samples_of(PORT, 0, ~0ul);
	EXPECT_EQ(0, s.found);
}

/*
 * In this test, each tick of a timer causes some NMIs, and each NMI causes some exits.
 * With several vCPUs an emulated processor is too slow for that.
 */
TEST_F_TIMEOUT(sample, all_reasons_at_every_exit_let_the_guest_go_on, seconds(180))
{
	struct samples s;

	if (cpus() > 1)
		SKIP(return, "there are several CPUs");
	ASSERT_TRUE(sample("all", "1"));
	use_leaf(100);
	s = SAMPLES_AT(leaf, LEAF);
	EXPECT_LT(0, s.found);
	EXPECT_GE(100, s.found);
}

/*
 * Each switch is one on every CPU.  Make a hundred of these in all, because the CPUs
 * of a guest may share one CPU of the machine.
 */
TEST_F_TIMEOUT(sample, is_switched_many_times, seconds(180))
{
	int i;

	for (i = 0; i < 100; i += cpus()) {
		ASSERT_TRUE(sample("all", cpus() > 1 ? "10" : "1"));
		ASSERT_TRUE(write_to(SAMPLE_EVENT, "0"));
	}
}

TEST_F(sample, parameters_that_make_no_sense_are_refused)
{
	EXPECT_FALSE(write_to(PARAMETER("sample_period"), "0"));
	EXPECT_FALSE(write_to(PARAMETER("sample_period"), "x"));
	EXPECT_FALSE(write_to(PARAMETER("sample_reasons"), "cpuid,nonsense"));
}

TEST_HARNESS_MAIN
