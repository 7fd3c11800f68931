// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm_exits_host: exit statistics for a KVM that was not patched.
 *
 * The module attaches to the running KVM of a stock kernel while its VMs run.  It
 * gives them the same interface as the patched KVM, with the same code, and takes
 * it away when it is unloaded.
 */
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <asm/hypervisor.h>

#include "attach.h"

/* /dev/kvm, which stays open, so that the modules of KVM stay loaded. */
static struct file *kvm_file;

/* Both an error and the unloading of this module call detach(). */
static DEFINE_MUTEX(attached_mutex);
static bool attached;

/* The address of a function of the kernel or of KVM, 0 if there is no such function. */
unsigned long address_of(const char *function)
{
	struct kprobe kp = {
		.symbol_name = function,
		.flags = KPROBE_FLAG_DISABLED,
	};

	unsigned long address;

	if (register_kprobe(&kp))
		return 0;
	address = (unsigned long)kp.addr;
	unregister_kprobe(&kp);
	return address;
}

/*
 * The same, for a call.  A kprobe is behind a function's ENDBR64.  With IBT, a call must
 * go to the ENDBR64.
 */
void *function_of(const char *function)
{
	u32 *p = (u32 *)address_of(function);

	return p && p[-1] == 0xfa1e0ff3 ? p - 1 : p;
}

/* Refuse a host on which this module cannot work, before anything is changed. */
static int check_host(void)
{
	const char *why = NULL;

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		why = "this is a kernel for real time: use the patched KVM";
	else if (IS_ENABLED(CONFIG_CFI_CLANG) || IS_ENABLED(CONFIG_CFI))
		why = "this kernel checks indirect calls (CONFIG_CFI): use the patched KVM";
	else if (address_of("kvm_exit_stats_sample"))
		why = "this KVM is patched, and has exit statistics of its own";
	else if (kvm_exit_stats_isa() == EXIT_ISA_VMX &&
		 hypervisor_is_type(X86_HYPER_MS_HYPERV))
		why = "Hyper-V may keep the exit reasons elsewhere: use the patched KVM";

	if (!why)
		return 0;
	pr_err("not loaded: %s\n", why);
	return -EOPNOTSUPP;
}

/* Detach this module from KVM.  Return false if it was not attached any more. */
bool detach(void)
{
	bool was;

	mutex_lock(&attached_mutex);
	was = attached;
	if (was) {
		end_generations();
		stop_counting();
		if (!stop_hooks())
			__module_get(THIS_MODULE);
	}
	attached = false;
	mutex_unlock(&attached_mutex);
	return was;
}

static int __init kvm_exits_host_init(void)
{
	int ret = check_host();

	if (ret)
		return ret;

	kvm_file = filp_open("/dev/kvm", O_RDWR, 0);
	if (IS_ERR(kvm_file)) {
		pr_err("not loaded: /dev/kvm cannot be opened: load kvm_amd or kvm_intel first\n");
		return PTR_ERR(kvm_file);
	}
	ret = start_vms();
	if (ret)
		goto close;
	/* The hooks come first: apart from on_create(), they act only on counted vCPUs. */
	ret = start_hooks() ?: start_counting();
	if (ret && stop_hooks())
		goto stop_vms;

	mutex_lock(&attached_mutex);
	attached = !ret;
	mutex_unlock(&attached_mutex);
	if (ret) {
		/* After an error of its own, the kernel's ftrace keeps the hooks. */
		__module_get(THIS_MODULE);
		give_up("ftrace");
		pr_err("this module counts nothing, and ftrace does not let it go: reboot to remove it\n");
	}
	return 0;

stop_vms:
	stop_vms();
close:
	fput(kvm_file);
	return ret;
}

static void __exit kvm_exits_host_exit(void)
{
	detach();
	/* If ftrace keeps a hook, this code must not be freed: wait for ever. */
	while (!stop_hooks())
		ssleep(3600);
	stop_vms();
	fput(kvm_file);
}

module_init(kvm_exits_host_init);
module_exit(kvm_exits_host_exit);
MODULE_DESCRIPTION("Exit statistics for the VMs of a KVM that was not patched");
MODULE_LICENSE("GPL");
