/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The raw data of a sample of the PMU kvm_exits (PERF_SAMPLE_RAW), for the module
 * and for programs.
 */
#ifndef _KVM_EXITS_SAMPLE_RECORD_H
#define _KVM_EXITS_SAMPLE_RECORD_H

#include <linux/types.h>

/**
 * struct kvm_exits_sample_record - a sample
 * @common: the header that perf expects in the raw data of a tracepoint
 * @reason: the reason of the exit
 * @hidden: @detail is 0, because the event was opened without CAP_PERFMON
 * @detail: see MSR_KVM_VMEXIT_SAMPLE_DETAIL
 * @exits: the number of exits that the sample stands for
 * @lost: the number of exits before this sample that no sample stands for
 */
struct kvm_exits_sample_record {
	__u64 common;
	__s32 reason;
	__u32 hidden;
	__u64 detail;
	__u64 exits;
	__u64 lost;
};

#endif /* _KVM_EXITS_SAMPLE_RECORD_H */
