// SPDX-License-Identifier: GPL-2.0-only
/*
 * DKMS builds this instead of the module for a kernel that this version was not
 * tried with: see debian/kvm-exits-dkms.dkms.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <generated/utsrelease.h>

static int __init kvm_exits_init(void)
{
	pr_err("this version was not tried with Linux %s: update the package, or build the module by hand\n",
	       UTS_RELEASE);
	return -ENODEV;
}
module_init(kvm_exits_init);

MODULE_DESCRIPTION("VM exits of this guest: refuses a kernel that it was not tried with");
MODULE_LICENSE("GPL");
