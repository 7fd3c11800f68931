// SPDX-License-Identifier: GPL-2.0-only
/*
 * Published programs read the four live leaves in three dialects, each from other
 * registers.  The user "nobody" reads them as these programs do: with variables of 32
 * bits, without setting ECX, for reasons from 0 to 75, and with a check of EDX.
 *
 * Each question is a CPUID and adds one to CPUID's count, and nothing else does.  So
 * the answer in the next dialect is higher by one.
 */
#include "common.h"
#include "harness.h"

#define LAST_REASON	75

struct dialect {
	const char *name;
	__u32 exits_of_reason;	/* leaf with the exits in EAX, of the reason in ECX */
};

/* Which leaf each dialect asks for the exits of a reason. */
static const struct dialect dialects[] = {
	{ "A", 0x4ffffffd },
	{ "B", 0x4ffffffe },
	{ "C", 0x4ffffffe },
};

FIXTURE(dialects)
{
};

FIXTURE_SETUP(dialects)
{
	if (!host_signs())
		SKIP(return, "the host has no exit statistics");
	ASSERT_EQ(0, pin(sched_getcpu()));
	ASSERT_EQ(0, setuid(NOBODY));
}

FIXTURE_TEARDOWN(dialects)
{
}

TEST_F(dialects, each_has_the_next_exit_of_cpuid)
{
	struct regs r, next;
	int i;

	r = ask(0x4ffffffd, REASON_CPUID);
	ASSERT_NE(0, r.eax);
	for (i = 0; i < 3; i++) {
		next = ask(dialects[i].exits_of_reason, REASON_CPUID);
		EXPECT_EQ(r.eax + 1, next.eax)
			TH_LOG("dialect %s", dialects[i].name);
		r = next;
	}
}

/* All exits: leaf 0x4fffffff for A and B, whatever ECX holds, and 0x4ffffffc for C. */
TEST_F(dialects, each_has_all_exits)
{
	__u32 ecx[] = { 0, REASON_CPUID, REASON_HLT, 0x4fffffff };
	struct regs before, r, after;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		before = ask(0x4fffffff, ecx[i]);
		r = ask(0x4ffffffc, REASON_CPUID);
		after = ask(0x4fffffff, ecx[i]);
		EXPECT_LT(before.eax, r.eax);
		EXPECT_LT(r.eax, after.eax);
		EXPECT_EQ(0, before.edx);
	}
}

/* Leaf 0x4ffffffe for A, 0x4fffffff for B, 0x4ffffffd for C.  EBX is the high half. */
TEST_F(dialects, each_has_all_cycles)
{
	__u32 leaf[] = { 0x4ffffffe, 0x4fffffff, 0x4ffffffd };
	__u64 last = 0, cycles;
	struct regs r;
	int i;

	for (i = 0; i < 9; i++) {
		r = ask(leaf[i % 3], REASON_CPUID);
		cycles = pair(r.ecx, r.ebx);
		EXPECT_LT(last, cycles)
			TH_LOG("leaf %x", leaf[i % 3]);
		last = cycles;
	}
}

TEST_F(dialects, a_reason_has_its_own_cycles)
{
	struct regs before = ask(0x4ffffffc, REASON_CPUID);
	struct regs after = ask(0x4ffffffc, REASON_CPUID);
	struct regs all = ask(0x4fffffff, 0);

	EXPECT_LT(pair(before.ecx, before.ebx), pair(after.ecx, after.ebx));
	EXPECT_LT(pair(after.ecx, after.ebx), pair(all.ecx, all.ebx));
}

TEST_F(dialects, only_undefined_reasons_set_edx)
{
	__u32 reason, undefined;
	struct regs r;

	for (reason = 0; reason <= LAST_REASON; reason++) {
		undefined = defined(reason) ? 0 : 0xffffffff;
		r = ask(0x4ffffffd, reason);
		EXPECT_EQ(undefined, r.edx)
			TH_LOG("reason %u", reason);
		if (undefined)
			EXPECT_EQ(0, r.eax | r.ebx | r.ecx);
		r = ask(0x4ffffffc, reason);
		EXPECT_EQ(undefined, r.edx);
		if (undefined)
			EXPECT_EQ(0, r.eax | r.ebx | r.ecx);
		r = ask(0x4ffffffe, reason);
		EXPECT_EQ(undefined, r.edx);
		EXPECT_NE(0, pair(r.ecx, r.ebx));
	}
}

/* The reason is an SMI of I/O on Intel, and a read of CR1 on AMD. */
TEST_F(dialects, a_reason_that_kvm_never_enables_is_zero)
{
	__u32 reason = on_amd() ? 1 : 5;
	struct regs r = ask(0x4ffffffd, reason);

	EXPECT_EQ(0, r.eax | r.ebx | r.ecx | r.edx);
	r = ask(0x4ffffffc, reason);
	EXPECT_EQ(0, r.eax | r.ebx | r.ecx | r.edx);
	r = ask(0x4ffffffe, reason);
	EXPECT_EQ(0, r.eax | r.edx);
}

TEST_HARNESS_MAIN
