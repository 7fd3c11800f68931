// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the guest: print what CPUID answers this process, for comparisons with what it
 * answers on a host with another KVM.
 */
#include "common.h"
#include "kselftest.h"

static const struct {
	__u32 first, last;
} ranges[] = {
	{ 0, 0x2f }, { 0x40000000, 0x400000ff }, { 0x4ffffe00, 0x4fffffff },
	{ 0x80000000, 0x8000002f },
};

static const __u32 index_[] = { 0, 1, 2, 0x72, 0x10000, 0xffffffff };

int main(void)
{
	struct regs r;
	size_t i, j;
	__u32 leaf;

	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		for (leaf = ranges[i].first; leaf <= ranges[i].last; leaf++) {
			for (j = 0; j < ARRAY_SIZE(index_); j++) {
				r = ask(leaf, index_[j]);
				printf("%08x %x: %08x %08x %08x %08x\n", leaf,
				       index_[j], r.eax, r.ebx, r.ecx, r.edx);
			}
		}
	}
	return 0;
}
