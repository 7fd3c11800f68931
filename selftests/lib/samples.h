/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Samples of the PMU kvm_exits.
 */
#ifndef _SAMPLES_H
#define _SAMPLES_H

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "../../guest-module/sample_record.h"
#include "system.h"

#define RING_PAGES	64
#define PAGE_BYTES	4096

static inline int open_samples(struct perf_event_attr *attr, pid_t pid, int cpu)
{
	attr->size = sizeof(*attr);
	attr->sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_PERIOD |
			    PERF_SAMPLE_RAW;
	if (!attr->type)
		attr->type = number_in(PMU "type");
	return syscall(SYS_perf_event_open, attr, pid, cpu, -1,
		       PERF_FLAG_FD_CLOEXEC);
}

/* In the order of the bits of sample_type above. */
struct sample_data {
	struct perf_event_header header;
	__u64 ip;
	__u32 pid, tid;
	__u64 period;
	__u32 raw_size;
	struct kvm_exits_sample_record raw;
} __attribute__((packed));

static inline struct perf_event_mmap_page *map_samples(int event)
{
	return mmap(NULL, (1 + RING_PAGES) * PAGE_BYTES, PROT_READ | PROT_WRITE,
		    MAP_SHARED, event, 0);
}

/*
 * Call @take for each new sample.  Return the number of samples, or -1 if the buffer
 * was too small for some.
 */
static inline int read_samples(struct perf_event_mmap_page *ring,
			       void (*take)(const struct sample_data *s, void *arg),
			       void *arg)
{
	const __u64 size = RING_PAGES * PAGE_BYTES;
	const char *data = (const char *)ring + PAGE_BYTES;
	__u64 head = __atomic_load_n(&ring->data_head, __ATOMIC_ACQUIRE);
	__u64 tail = ring->data_tail;
	struct perf_event_header h;
	struct sample_data s;
	int i, n = 0;

	while (tail < head) {
		h = *(const struct perf_event_header *)(data + tail % size);
		if (h.type == PERF_RECORD_LOST)
			n = -1;
		if (h.type == PERF_RECORD_SAMPLE && n >= 0) {
			for (i = 0; i < (int)sizeof(s); i++)
				((char *)&s)[i] = data[(tail + i) % size];
			take(&s, arg);
			n++;
		}
		tail += h.size;
	}
	__atomic_store_n(&ring->data_tail, tail, __ATOMIC_RELEASE);
	return n;
}

#endif /* _SAMPLES_H */
