/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM's own x86.h is in no package of kernel headers.  This file has the part of it
 * that the exit statistics need.
 */
#ifndef ARCH_X86_KVM_X86_H
#define ARCH_X86_KVM_X86_H

/* What KVM answers for an MSR that it does not have. */
#define KVM_MSR_RET_UNSUPPORTED	2

#endif
