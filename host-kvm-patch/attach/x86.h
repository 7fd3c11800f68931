/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the exit statistics need of KVM's own header of this name, which no package
 * of kernel headers has.
 */
#ifndef ARCH_X86_KVM_X86_H
#define ARCH_X86_KVM_X86_H

/* What KVM answers for an MSR that it does not have. */
#define KVM_MSR_RET_UNSUPPORTED	2

#endif
