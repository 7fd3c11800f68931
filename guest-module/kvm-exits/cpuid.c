// SPDX-License-Identifier: GPL-2.0-only
/*
 * The instruction CPUID.
 */
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <asm/prctl.h>

#include "program.h"
#include "host_leaves.h"

/* The exits that this program has caused by CPUID. */
u64 cpuid_exits;

/* False if a debugger or a sandbox has made CPUID a fault of this process. */
bool cpuid_enabled(void)
{
	/* A kernel without this call cannot turn CPUID off. */
	return syscall(SYS_arch_prctl, ARCH_GET_CPUID, 0);
}

struct cpuid_regs kvm_exits_cpuid(u32 leaf, u32 index)
{
	struct cpuid_regs r;

	cpuid_exits++;
	__cpuid_count(leaf, index, r.eax, r.ebx, r.ecx, r.edx);
	return r;
}
