// SPDX-License-Identifier: GPL-2.0-only
/*
 * For each exit that userspace can cause: N instructions add N to its count.
 */
#include <signal.h>
#include <sys/io.h>
#include <ucontext.h>

#include "common.h"
#include "harness.h"

#define PORT		0x80
#define APIC_BASE	0x1b

static void do_cpuid(int times)
{
	while (times--)
		ask(0, 0);
}

static void do_out(int times)
{
	while (times--)
		outb(0, PORT);
}

static void do_in(int times)
{
	while (times--)
		inb(PORT);
}

static void do_hypercall(int times)
{
	while (times--)
		hypercall();
}

static void step_over(int signal, siginfo_t *info, void *context)
{
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2;
}

/*
 * KVM always intercepts this exception.  Cause few of them: with QEMU 7.2's
 * emulation of SVM one in about 30000 goes wrong, with stock KVM as well.
 */
static void do_ud2(int times)
{
	struct sigaction action = {
		.sa_sigaction = step_over,
		.sa_flags = SA_SIGINFO,
	};

	sigaction(SIGILL, &action, NULL);
	while (times--)
		asm volatile("ud2");
}

static int msr;

static void do_rdmsr(int times)
{
	__u64 value;

	while (times--)
		if (pread(msr, &value, sizeof(value), APIC_BASE) < 0)
			abort();
}

/* The value of the MSR, so that a write changes nothing. */
static __u64 apic_base;

static void do_wrmsr(int times)
{
	while (times--)
		if (pwrite(msr, &apic_base, sizeof(apic_base), APIC_BASE) < 0)
			abort();
}

FIXTURE(effect)
{
	__u32 cpuid, reason;
};

/*
 * The kernel causes such exits, too: its timers access MSRs, its console accesses
 * ports, and its IPIs may be hypercalls.  So each attempt must count at least what the
 * test did, and one of many attempts must count exactly that.
 */
FIXTURE_VARIANT(effect)
{
	void (*cause)(int times);
	__u32 svm, vmx;
	int times, attempts;
};

FIXTURE_VARIANT_ADD(effect, cpuid) { do_cpuid, 0x72, 10, 100000, 1 };
FIXTURE_VARIANT_ADD(effect, out) { do_out, 0x7b, 30, 1000, 20 };
FIXTURE_VARIANT_ADD(effect, in) { do_in, 0x7b, 30, 1000, 20 };
FIXTURE_VARIANT_ADD(effect, hypercall) { do_hypercall, 0x81, 18, 1000, 100 };
FIXTURE_VARIANT_ADD(effect, undefined_opcode) { do_ud2, 0x46, 0, 100, 1 };
FIXTURE_VARIANT_ADD(effect, rdmsr) { do_rdmsr, 0x7c, 31, 10, 1000 };
FIXTURE_VARIANT_ADD(effect, wrmsr) { do_wrmsr, 0x7c, 32, 10, 1000 };

FIXTURE_SETUP(effect)
{
	if (!host_signs())
		SKIP(return, "not the guest of a KVM with exit statistics");
	self->cpuid = REASON_CPUID;
	self->reason = reason_of(variant->svm, variant->vmx);

	ASSERT_EQ(0, pin(0));
	if (variant->cause == do_out || variant->cause == do_in)
		ASSERT_EQ(0, ioperm(PORT, 1, 1));
	if (variant->cause == do_rdmsr || variant->cause == do_wrmsr) {
		msr = open(MSR_FILE, O_RDWR);
		if (msr < 0)
			SKIP(return, "there is no " MSR_FILE);
		ASSERT_EQ(8, pread(msr, &apic_base, 8, APIC_BASE));
	}
	quiet_console();
}

FIXTURE_TEARDOWN(effect)
{
}

/* A read of a leaf executes CPUID, and the answer already counts this exit. */
TEST_F_TIMEOUT(effect, leaf_moves_by_what_was_done, seconds(180))
{
	__u64 before, after, asking = self->reason == self->cpuid;
	int left = variant->attempts;

	do {
		before = live_exits(self->reason) + asking;
		variant->cause(variant->times);
		after = live_exits(self->reason);
		ASSERT_LE(before + variant->times, after);
	} while (after != before + variant->times && --left);
	EXPECT_EQ(before + variant->times, after);
}

/*
 * A read of the file counts only the first of its own exits.  It takes longer than a
 * read of a leaf, so cause only a tenth of the exits.
 */
TEST_F_TIMEOUT(effect, file_moves_by_what_was_done, seconds(180))
{
	__u64 before, after, asking = self->reason == self->cpuid;
	int left = variant->attempts, times = variant->times / 10;
	static struct table table;

	if (access(FILE_NAME, F_OK))
		SKIP(return, "kvm_exits.ko is not loaded");

	do {
		before = live_exits(self->reason) + asking;
		variant->cause(times);
		ASSERT_STREQ("whole", read_table(&table));
		after = exits_of(&table, self->reason);
		ASSERT_LE(before + times, after);
	} while (after != before + times && --left);
	EXPECT_EQ(before + times, after);
}

TEST_HARNESS_MAIN
