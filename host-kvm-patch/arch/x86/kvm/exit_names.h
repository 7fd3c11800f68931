/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The names of exit reasons: the tables that the tracepoints and perf use.
 */
#ifndef __KVM_X86_EXIT_NAMES_H
#define __KVM_X86_EXIT_NAMES_H

#include <uapi/asm/kvm.h>
#include <uapi/asm/svm.h>
#include <uapi/asm/vmx.h>

#define EXIT_NAMES_VMX	VMX_EXIT_REASONS
#define EXIT_NAMES_SVM	SVM_EXIT_REASONS

#endif /* __KVM_X86_EXIT_NAMES_H */
