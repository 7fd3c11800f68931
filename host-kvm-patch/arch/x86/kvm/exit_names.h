/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The names of exit reasons, for exit_table.c alone: the tables that the
 * tracepoints and perf use.
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

static const struct exit_reason_name vmx_names[] = { VMX_EXIT_REASONS, {} };
static const struct exit_reason_name svm_names[] = { SVM_EXIT_REASONS, {} };

#endif /* __KVM_X86_EXIT_NAMES_H */
