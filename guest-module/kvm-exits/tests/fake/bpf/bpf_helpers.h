/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tracepoints.bpf.c needs, for user space: see bpf_events.c.
 */
#ifndef FAKE_BPF_HELPERS_H
#define FAKE_BPF_HELPERS_H

#define SEC(name)
#define __uint(name, val)	int (*(name))[val]
#define __type(name, val)	struct { __typeof__(val) *pointer; } (name)
#define preserve_access_index	unused

void *bpf_map_lookup_elem(const void *map, const void *key);
long bpf_map_update_elem(const void *map, const void *key, const void *value,
			 __u64 flags);
long bpf_map_pop_elem(const void *map, void *value);
__u64 bpf_get_current_pid_tgid(void);
__u64 bpf_ktime_get_ns(void);

#endif /* FAKE_BPF_HELPERS_H */
