/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tracepoint kvm_exits:vm_exit, a sample of this guest's VM exits.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvm_exits

#if !defined(_KVM_EXITS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _KVM_EXITS_TRACE_H

#include <linux/tracepoint.h>

#include "exit_table.h"

int kvm_exits_trace_on(void);
void kvm_exits_trace_off(void);

/*
 * It fires in an NMI, right behind the instruction that exited; @ip is the
 * interrupted instruction pointer.  The sample stands for @period exits of this
 * reason.  @lost exits before it have no sample.
 */
TRACE_EVENT_FN(vm_exit,
	TP_PROTO(u32 isa, u32 reason, u64 detail, unsigned long ip, u32 period,
		 u64 lost),
	TP_ARGS(isa, reason, detail, ip, period, lost),

	TP_STRUCT__entry(
		__field(u32,		reason)
		__array(char,		name,	EXIT_TABLE_NAME_LEN)
		__field(u64,		detail)
		__field(unsigned long,	ip)
		__field(u32,		period)
		__field(u64,		lost)
	),

	TP_fast_assign(
		__entry->reason = reason;
		exit_reason_name(isa, reason, __entry->name);
		__entry->detail = detail;
		__entry->ip = ip;
		__entry->period = period;
		__entry->lost = lost;
	),

	TP_printk("%s detail 0x%llx ip 0x%lx period %u lost %llu",
		  __entry->name, __entry->detail, __entry->ip, __entry->period,
		  __entry->lost),

	kvm_exits_trace_on, kvm_exits_trace_off
);

#endif /* _KVM_EXITS_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
