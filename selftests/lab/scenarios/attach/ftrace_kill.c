// SPDX-License-Identifier: GPL-2.0-only
/*
 * Switches the kernel's ftrace off for good, as the kernel does after an error in it.
 */
#include <linux/kprobes.h>
#include <linux/module.h>

static int __init ftrace_kill_init(void)
{
	struct kprobe kp = {
		.symbol_name = "ftrace_kill",
		.flags = KPROBE_FLAG_DISABLED,
	};
	int ret = register_kprobe(&kp);
	void (*kill)(void);

	if (ret)
		return ret;
	kill = (void *)kp.addr;
	unregister_kprobe(&kp);
	kill();
	return 0;
}

module_init(ftrace_kill_init);
MODULE_DESCRIPTION("Switches the kernel's ftrace off");
MODULE_LICENSE("GPL");
