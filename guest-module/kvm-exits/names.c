// SPDX-License-Identifier: GPL-2.0-only
/*
 * The number of a reason, for tables that have the name alone.
 */
#include <string.h>
#include <strings.h>

#include "program.h"
#include "exit_table.h"

/* All that either vendor defines: 0 to 0xff, 0x400 to 0x40f, and -16 to -1. */
#define NUMBERS		(0x100 + 0x10 + 0x10)

static u32 number_at(unsigned int i)
{
	if (i < 0x100)
		return i;
	return i < 0x110 ? i - 0x100 + 0x400 : i - NUMBERS;
}

u32 isa_of_vendor(const char *vendor)
{
	return strcmp(vendor, "AMD") ? KVM_VMEXIT_ISA_VMX : KVM_VMEXIT_ISA_SVM;
}

/**
 * reason_of_name() - the number of a reason
 * @isa: KVM_VMEXIT_ISA_*
 * @name: as the kernel's tables or /proc/kvm_exits have it, in any case
 * @reason: set to the number
 *
 * Return: false if the vendor has no such reason.
 */
bool reason_of_name(u32 isa, const char *name, u32 *reason)
{
	char known[EXIT_TABLE_NAME_LEN], wanted[EXIT_TABLE_NAME_LEN];
	unsigned int i;

	word_copy(wanted, name);
	for (i = 0; i < NUMBERS; i++) {
		exit_reason_name(isa, number_at(i), known);
		if (strncmp(known, "REASON_", 7) && !strcasecmp(wanted, known)) {
			*reason = number_at(i);
			return true;
		}
	}
	return false;
}
