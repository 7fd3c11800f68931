/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Linux 6.1 has no smm.h.  is_smm() is in kvm_cache_regs.h, which x86.h includes.
 */
