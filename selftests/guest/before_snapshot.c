// SPDX-License-Identifier: GPL-2.0-only
/*
 * The leaves of a snapshot are zero until the vCPU has taken one.  kvm_exits.ko takes
 * one when it loads, so this test has to run before that.  The lab runs it, the suite
 * does not.
 */
#include "common.h"
#include "kselftest_harness.h"

TEST(rows_are_zero_before_a_snapshot)
{
	static const __u32 leaves[] = {
		KVM_VMEXIT_LEAF_ROW, KVM_VMEXIT_LEAF_STOPPED,
		KVM_VMEXIT_LEAF_HISTOGRAM,
	};
	static const __u32 indices[] = { 0, 1, 0x72, 0xff, 0x100, 0xffffffff };
	struct regs r;
	size_t i, n;

	if (!host_signs())
		SKIP(return, "not the guest of a KVM with exit statistics");

	for (i = 0; i < ARRAY_SIZE(leaves); i++) {
		for (n = 0; n < ARRAY_SIZE(indices); n++) {
			r = ask(leaves[i], indices[n]);
			EXPECT_EQ(0, r.eax | r.ebx | r.ecx | r.edx)
				TH_LOG("leaf %#x, ECX %#x", leaves[i], indices[n]);
		}
	}
}

TEST_HARNESS_MAIN
