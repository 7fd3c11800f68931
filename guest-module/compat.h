/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between Linux 6.1 and today's.
 */
#ifndef _KVM_EXITS_COMPAT_H
#define _KVM_EXITS_COMPAT_H

#include <linux/version.h>
#include <asm/msr.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 16, 0)
#define rdmsrq_safe	rdmsrl_safe
#define wrmsrq_safe	wrmsrl_safe
#endif

#endif /* _KVM_EXITS_COMPAT_H */
