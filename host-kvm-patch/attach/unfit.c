// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm_exits_host for a kernel that lacks what the module needs.  DKMS builds the module
 * for each kernel, and a build that fails would stop the installation of the kernel.
 */
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>

static int __init kvm_exits_host_init(void)
{
	pr_err("kvm_exits_host: not loaded: this kernel has no KVM, or no CONFIG_DYNAMIC_FTRACE_WITH_ARGS\n");
	return -EOPNOTSUPP;
}

module_init(kvm_exits_host_init);
MODULE_DESCRIPTION("Exit statistics for the VMs of a KVM that was not patched");
MODULE_LICENSE("GPL");
