/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tracepoint kvm_exits:vm_exit, which fires for each sample of an exit.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvm_exits

#if !defined(_KVM_EXITS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _KVM_EXITS_TRACE_H

#include <linux/tracepoint.h>

#include "exit_table.h"

int kvm_exits_sample_reg(void);
void kvm_exits_sample_unreg(void);

TRACE_EVENT_FN(vm_exit,
	TP_PROTO(u32 reason, const char *name, u64 detail, unsigned long ip,
		 u32 exits, u64 lost),
	TP_ARGS(reason, name, detail, ip, exits, lost),

	TP_STRUCT__entry(
		__field(u64, detail)
		__field(u64, lost)
		__field(unsigned long, ip)
		__field(u32, reason)
		__field(u32, exits)
		__array(char, name, EXIT_TABLE_NAME_LEN)
	),

	TP_fast_assign(
		__entry->detail = detail;
		__entry->lost = lost;
		__entry->ip = ip;
		__entry->reason = reason;
		__entry->exits = exits;
		memcpy(__entry->name, name, EXIT_TABLE_NAME_LEN);
	),

	TP_printk("reason=%u name=%s detail=0x%llx ip=0x%lx exits=%u lost=%llu",
		  __entry->reason, __entry->name, __entry->detail, __entry->ip,
		  __entry->exits, __entry->lost),

	kvm_exits_sample_reg, kvm_exits_sample_unreg
);

#endif /* _KVM_EXITS_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
