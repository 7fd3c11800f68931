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
 * @common: perf's own
 * @reason: of the exit
 * @hidden: @detail is 0, because the opener of the event has no CAP_PERFMON
 * @detail: see MSR_KVM_VMEXIT_SAMPLE_DETAIL
 * @exits: the exits that the sample stands for
 * @lost: exits before it that no sample stands for
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
