/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What Linux 6.1 and newer versions have under different names.
 */
#ifndef KVM_EXITS_COMPAT_H
#define KVM_EXITS_COMPAT_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error kvm_exits needs Linux 6.1 or newer
#endif

/* Since 6.16 CPUID has a header of its own, and one function another name. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
#include <asm/cpuid/api.h>
#else
#include <asm/processor.h>
#define cpuid_base_hypervisor	hypervisor_cpuid_base
#endif

#endif
