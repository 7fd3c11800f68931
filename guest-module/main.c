// SPDX-License-Identifier: GPL-2.0-only
/*
 * VM exits of this guest, as its host counts them, in /proc/kvm_exits.
 *
 * Only the host can count the exits of a guest.  A KVM with exit statistics
 * returns the counts in CPUID leaves of its own.  leaves.c reads these leaves
 * for each read of a file (proc.c) and of a perf event (pmu.c).  Samples of the
 * exits arrive as NMIs (sample.c), for perf events and a tracepoint (trace.c).
 */
#include <linux/module.h>

#include "module.h"

static bool no_signature;
module_param(no_signature, bool, 0444);
MODULE_PARM_DESC(no_signature, "Accept a host that answers the four live leaves without a signature");

static int __init kvm_exits_init(void)
{
	struct kvm_exits_host host = {};
	int err;

	err = kvm_exits_probe(no_signature, &host);
	if (err)
		return err;

	err = kvm_exits_proc_init(&host);
	if (err)
		return err;

	kvm_exits_msrs_init(&host);

	err = kvm_exits_sample_init(&host);
	if (err)
		goto no_samples;

	err = kvm_exits_trace_init(&host);
	if (err)
		goto no_trace;

	err = kvm_exits_pmu_init(&host);
	if (!err)
		return 0;

	kvm_exits_trace_exit();
no_trace:
	kvm_exits_sample_exit();
no_samples:
	kvm_exits_msrs_exit();
	kvm_exits_proc_exit();
	return err;
}
module_init(kvm_exits_init);

static void __exit kvm_exits_exit(void)
{
	kvm_exits_pmu_exit();
	kvm_exits_trace_exit();
	kvm_exits_sample_exit();
	kvm_exits_msrs_exit();
	kvm_exits_proc_exit();
}
module_exit(kvm_exits_exit);

MODULE_DESCRIPTION("VM exits of this guest by reason, as its host's KVM counts them");
MODULE_LICENSE("GPL");
