// SPDX-License-Identifier: GPL-2.0-only
/*
 * The leaves, asked from userspace.  No module is needed for it.
 */
#include <sys/io.h>

#include "exits.h"
#include "kselftest_harness.h"

#define EXPECT_REGS(r, a, b, c, d)			\
	do {						\
		struct regs __r = (r);			\
							\
		EXPECT_EQ((uint32_t)(a), __r.eax);	\
		EXPECT_EQ((uint32_t)(b), __r.ebx);	\
		EXPECT_EQ((uint32_t)(c), __r.ecx);	\
		EXPECT_EQ((uint32_t)(d), __r.edx);	\
	} while (0)

static const uint32_t indices[] = {
	0, 1, 0x72, 0xff, 0x100, 0x400, 0xffff, 0x10000, 0x7fffffff, 0x80000000,
	0xffffffff,
};

FIXTURE(leaves)
{
};

FIXTURE_SETUP(leaves)
{
	if (!host_signs())
		SKIP(return, "not the guest of a KVM with exit statistics");
	ASSERT_EQ(0, pin(0));
}

FIXTURE_TEARDOWN(leaves)
{
}

/*
 * Only true until something takes a snapshot on this CPU, as kvm_exits.ko does
 * when it loads and the tests below do: the lab runs this program first.
 */
TEST_F(leaves, there_are_no_rows_before_a_snapshot)
{
	size_t i;

	if (access("/run/snapshot", F_OK) == 0 || access(FILE_NAME, F_OK) == 0)
		SKIP(return, "a snapshot has been taken on this CPU");

	for (i = 0; i < ARRAY_SIZE(indices); i++) {
		EXPECT_REGS(ask(KVM_EXITS_CPUID_ROW, indices[i]), 0, 0, 0, 0);
		EXPECT_REGS(ask(KVM_EXITS_CPUID_STOPPED, indices[i]), 0, 0, 0, 0);
		EXPECT_REGS(ask(KVM_EXITS_CPUID_HISTOGRAM, indices[i]), 0, 0, 0, 0);
	}
	close(creat("/run/snapshot", 0600));
}

TEST_F(leaves, signature_names_the_highest_leaf)
{
	EXPECT_REGS(ask(0x4fffff00, 0), 0x4fffff06, 0x454d564b ^ 0x4b4d564b ?
		    *(uint32_t *)"KVME" : 0, *(uint32_t *)"xitS",
		    *(uint32_t *)"tats");
}

TEST_HARNESS_MAIN
