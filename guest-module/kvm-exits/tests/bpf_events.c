// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs the BPF program of tracepoints.bpf.c in user space, with the events from the
 * standard input:
 *
 *	exit PROCESS THREAD NS ISA REASON
 *	entry PROCESS THREAD NS
 *
 * The arguments are the number of slots, the shared one included, and that of threads.
 * Prints the rows that have exits: their process and thread, or 0 if shared, the row's
 * number, the exits, and the stops.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tracepoints.bpf.c"

static struct thread *all_threads;
static __u32 *tids;
static struct tp_slot *all_slots;
static struct tp_row *all_rows;
static unsigned int nr_threads, max_threads, nr_slots, next_slot = 1;
static __u64 now, id;

void *bpf_map_lookup_elem(const void *map, const void *key)
{
	__u32 n = *(const __u32 *)key, i;

	if (map == &rows)
		return n < nr_slots * TP_ROWS ? &all_rows[n] : NULL;
	if (map == &slots)
		return n < nr_slots ? &all_slots[n] : NULL;
	for (i = 0; i < nr_threads; i++)
		if (tids[i] == n)
			return &all_threads[i];
	return NULL;
}

long bpf_map_update_elem(const void *map, const void *key, const void *value,
			 __u64 flags)
{
	struct thread *t = bpf_map_lookup_elem(map, key);

	(void)flags;
	if (!t) {
		if (nr_threads == max_threads)
			return -1;
		tids[nr_threads] = *(const __u32 *)key;
		t = &all_threads[nr_threads++];
	}
	memcpy(t, value, sizeof(*t));
	return 0;
}

long bpf_map_pop_elem(const void *map, void *value)
{
	(void)map;
	if (next_slot == nr_slots)
		return -1;
	*(__u32 *)value = next_slot++;
	return 0;
}

__u64 bpf_get_current_pid_tgid(void)
{
	return id;
}

__u64 bpf_ktime_get_ns(void)
{
	return now;
}

static void print_row(unsigned int slot, unsigned int row)
{
	const struct tp_row *r = &all_rows[slot * TP_ROWS + row];
	unsigned int i;

	if (!r->exits)
		return;
	printf("%u %u %u %llu %llu %llu", all_slots[slot].process,
	       all_slots[slot].thread, row, r->exits, r->stopped, r->max);
	for (i = 0; i < TP_BUCKETS; i++)
		printf(" %llu", r->bucket[i]);
	putchar('\n');
}

int main(int argc, char **argv)
{
	struct trace_event_raw_kvm_exit ctx;
	unsigned int process, thread, i, j;
	char what[8], line[100];

	if (argc != 3)
		return 2;
	nr_slots = atoi(argv[1]);
	max_threads = atoi(argv[2]);
	all_threads = calloc(max_threads, sizeof(*all_threads));
	tids = calloc(max_threads, sizeof(*tids));
	all_slots = calloc(nr_slots, sizeof(*all_slots));
	all_rows = calloc(nr_slots * TP_ROWS, sizeof(*all_rows));
	if (!all_threads || !tids || !all_slots || !all_rows)
		return 2;
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%7s %u %u %llu %u %u", what, &process, &thread,
			   &now, &ctx.isa, &ctx.exit_reason) < 4)
			return 2;
		id = (__u64)process << 32 | thread;
		if (!strcmp(what, "exit"))
			kvm_exit(&ctx);
		else
			kvm_entry(NULL);
	}
	for (i = 0; i < nr_slots; i++)
		for (j = 0; j < TP_ROWS; j++)
			print_row(i, j);
	return 0;
}
