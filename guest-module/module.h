/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VM exits of this guest, as its host counts them: what the parts of the
 * module have of each other.
 */
#ifndef _KVM_EXITS_MODULE_H
#define _KVM_EXITS_MODULE_H

#include <linux/types.h>

#include "exit_table.h"

typedef u64 kvm_exits_histogram[KVM_VMEXIT_BUCKETS];

int kvm_exits_probe(bool no_signature, struct exit_table *t);
int kvm_exits_take(struct exit_table *t, kvm_exits_histogram *histogram);
bool kvm_exits_count(u32 leaf, u32 reason, u64 *count, u32 *generation);
u32 kvm_exits_tsc_khz(void);

int kvm_exits_proc_init(const struct exit_table *t);
void kvm_exits_proc_exit(void);

int kvm_exits_pmu_init(const struct exit_table *t);
void kvm_exits_pmu_exit(void);

#endif /* _KVM_EXITS_MODULE_H */
