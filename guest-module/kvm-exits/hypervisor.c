// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hypervisor, as CPUID names it.
 */
#include <string.h>

#include "program.h"
#include "host_leaves.h"

/* The ranges in which hypervisors have their leaves. */
#define FIRST_BASE	0x40000000
#define LAST_BASE	0x4000ff00

bool cpuid_in_vm(void)
{
	return kvm_exits_cpuid(1, 0).ecx & 1u << 31;
}

static void signature(u32 leaf, char name[SIGNATURE_LEN])
{
	struct cpuid_regs r = kvm_exits_cpuid(leaf, 0);

	memcpy(name, &r.ebx, 4);
	memcpy(name + 4, &r.ecx, 4);
	memcpy(name + 8, &r.edx, 4);
	name[12] = '\0';
}

/**
 * cpuid_hypervisor() - the hypervisor that presents itself first
 * @name: set to its signature
 *
 * KVM can present itself as another hypervisor first, and as KVM then.
 *
 * Return: the first leaf of KVM, or 0.
 */
u32 cpuid_hypervisor(char name[SIGNATURE_LEN])
{
	char other[SIGNATURE_LEN];
	u32 base;

	signature(FIRST_BASE, name);
	for (base = FIRST_BASE; base <= LAST_BASE; base += 0x100) {
		signature(base, other);
		if (!strcmp(other, "KVMKVMKVM"))
			return base;
	}
	return 0;
}
