/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The names of exit reasons on a kernel before 7.3, for exit_table.c alone.  They are
 * the names in the kernel's own tables, and those that only 7.3 has.  A reason has
 * the same name on all kernels.
 */
#ifndef __KVM_X86_EXIT_NAMES_H
#define __KVM_X86_EXIT_NAMES_H

#include <uapi/asm/kvm.h>
#include <uapi/asm/svm.h>
#include <uapi/asm/vmx.h>

struct exit_reason_name {
	u64 reason;
	const char *name;
};

static const struct exit_reason_name vmx_names[] = {
	VMX_EXIT_REASONS,
	{ 76, "SEAMCALL" },
	{ 77, "TDCALL" },
	{ 84, "MSR_READ_IMM" },
	{ 85, "MSR_WRITE_IMM" },
	{},
};

static const struct exit_reason_name svm_names[] = {
	SVM_EXIT_REASONS,
	{ 0xa5, "buslock" },
	{ 0xa6, "idle-halt" },
	{},
};

#endif /* __KVM_X86_EXIT_NAMES_H */
