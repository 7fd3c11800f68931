/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions that have other names in some versions of Linux since 6.1.
 */
#ifndef _KVM_EXITS_COMPAT_H
#define _KVM_EXITS_COMPAT_H

#ifdef HAVE_ASM_CPUID_API_H
#include <asm/cpuid/api.h>
#else
#include <asm/processor.h>
#define cpuid_base_hypervisor	hypervisor_cpuid_base
#define rdmsrq_safe		rdmsrl_safe
#define wrmsrq_safe		wrmsrl_safe
#endif

#endif
