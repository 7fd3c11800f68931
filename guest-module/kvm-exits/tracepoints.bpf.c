// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts the exits of each vCPU by reason, and the time to the next entry, in
 * the tracepoints kvm:kvm_exit and kvm:kvm_entry of a stock KVM.
 *
 * A vCPU is known by its thread: the tracepoints run in it, and it keeps its
 * state while it moves between CPUs.  Each vCPU has a slot with rows, which only its
 * thread writes, so they need no atomic operations.  The threads for which there was no
 * slot share one, in which the sums are atomic.  The exits of L2 guests are those of
 * their L1 guest, as its thread takes them.
 */
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "tracepoints.h"

/* The fields are found by their names when the program is loaded. */
struct trace_event_raw_kvm_exit {
	unsigned int exit_reason;
	__u32 isa;
} __attribute__((preserve_access_index));

#define ISA_VMX	1

struct thread {
	__u64 exit_ns;		/* of the last exit, 0 after the entry */
	__u32 process;
	__u32 slot;
	__u32 row;		/* of the last exit */
};

/* The sizes of these are set before the program is loaded. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct thread);
} threads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 1);
	__uint(value_size, sizeof(__u32));
} free_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tp_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tp_row);
} rows SEC(".maps");

const volatile __u32 only_process;	/* 0 for all */

static __u32 row_number(__u32 reason, __u32 isa)
{
	/* The upper half of VMX's reason has flags, such as that of SGX. */
	if (isa == ISA_VMX)
		reason &= 0xffff;
	if (reason < TP_LOW)
		return reason;
	if (isa == ISA_VMX)
		return TP_OTHER;
	if (reason - TP_SVM < TP_SVM_END - TP_LOW)
		return reason - TP_SVM + TP_LOW;
	if (reason >= 0u - (TP_OTHER - TP_SVM_END))
		return reason + TP_OTHER;
	return TP_OTHER;
}

static struct tp_row *get_row(__u32 slot, __u32 row)
{
	__u32 key = slot * TP_ROWS + row;

	return bpf_map_lookup_elem(&rows, &key);
}

/* A thread's number can come again, in another process. */
static struct thread *new_thread(__u32 process, __u32 tid)
{
	struct thread t = { .process = process };
	struct tp_slot *s;

	if (bpf_map_pop_elem(&free_slots, &t.slot))
		t.slot = TP_SHARED;
	if (bpf_map_update_elem(&threads, &tid, &t, BPF_ANY))
		return NULL;
	s = bpf_map_lookup_elem(&slots, &t.slot);
	if (s && t.slot != TP_SHARED) {
		s->thread = tid;
		s->process = process;
	}
	return bpf_map_lookup_elem(&threads, &tid);
}

SEC("tp/kvm/kvm_exit")
int kvm_exit(struct trace_event_raw_kvm_exit *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 row = row_number(ctx->exit_reason, ctx->isa);
	__u32 slot = TP_SHARED, tid = id;
	struct thread *t;
	struct tp_row *r;

	if (only_process && only_process != id >> 32)
		return 0;
	t = bpf_map_lookup_elem(&threads, &tid);
	if (!t || t->process != id >> 32)
		t = new_thread(id >> 32, tid);
	if (t) {
		slot = t->slot;
		t->row = row;
	}
	r = get_row(slot, row);
	if (!r)
		return 0;
	if (slot == TP_SHARED)
		__sync_fetch_and_add(&r->exits, 1);
	else
		r->exits++;
	if (t)
		t->exit_ns = bpf_ktime_get_ns();
	return 0;
}

/* The number of the highest bit that is set. */
static __u32 log2_of(__u64 val)
{
	__u32 n = 0, i;

#pragma unroll
	for (i = 32; i; i /= 2) {
		if (val >> i) {
			val >>= i;
			n += i;
		}
	}
	return n;
}

static __u32 bucket_of(__u64 ns)
{
	__u32 n = log2_of(ns);

	if (n < TP_BUCKET0)
		return 0;
	n -= TP_BUCKET0 - 1;
	return n < TP_BUCKETS ? n : TP_BUCKETS - 1;
}

static void add_stop(struct tp_row *r, __u64 ns, bool shared)
{
	__u32 bucket = bucket_of(ns);

	if (bucket >= TP_BUCKETS)	/* for the verifier */
		return;
	if (shared) {
		__sync_fetch_and_add(&r->stopped, ns);
		__sync_fetch_and_add(&r->bucket[bucket], 1);
	} else {
		r->stopped += ns;
		r->bucket[bucket]++;
	}
	if (ns > r->max)
		r->max = ns;
}

/* If kvm_exit has not seen the exit before this entry, there is no time. */
SEC("raw_tp/kvm_entry")
int kvm_entry(void *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct thread *t = bpf_map_lookup_elem(&threads, &tid);
	struct tp_row *r;

	if (!t || !t->exit_ns)
		return 0;
	r = get_row(t->slot, t->row);
	if (r)
		add_stop(r, bpf_ktime_get_ns() - t->exit_ns,
			 t->slot == TP_SHARED);
	t->exit_ns = 0;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
