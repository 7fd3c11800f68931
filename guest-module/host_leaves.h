/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host's CPUID leaves, as a table.  The module and the program kvm-exits
 * both build this.
 */
#ifndef _KVM_EXITS_HOST_LEAVES_H
#define _KVM_EXITS_HOST_LEAVES_H

#include <linux/types.h>
#include <uapi/asm/kvm_vmexit.h>

#include "exit_table.h"

#ifdef __KERNEL__
#include <asm/processor.h>
#else
struct cpuid_regs {
	u32 eax, ebx, ecx, edx;
};
#endif

typedef u64 kvm_exits_histogram[KVM_VMEXIT_BUCKETS];

/**
 * struct kvm_exits_host - what the host says of itself
 * @isa: KVM_VMEXIT_ISA_* of the reasons
 * @features: KVM_VMEXIT_FEAT_*
 * @tsc_khz: frequency of the host's TSC
 * @generation: the generation of the counts
 */
struct kvm_exits_host {
	u32 isa;
	u32 features;
	u32 tsc_khz;
	u32 generation;
};

/**
 * kvm_exits_cpuid() - execute CPUID
 * @leaf: EAX
 * @index: ECX
 *
 * The module and the program each have their own function of this name.
 */
struct cpuid_regs kvm_exits_cpuid(u32 leaf, u32 index);

/* Execute CPUID, and add it to the number of exits that reading @t takes. */
static inline struct cpuid_regs kvm_exits_ask(struct exit_table *t, u32 leaf,
					      u32 index)
{
	t->exits_per_read++;
	return kvm_exits_cpuid(leaf, index);
}

static inline u64 kvm_exits_pair(u32 low, u32 high)
{
	return low | (u64)high << 32;
}

bool kvm_exits_signed(void);
bool kvm_exits_take_rows(struct exit_table *t, struct kvm_exits_host *host);
bool kvm_exits_take_histograms(struct exit_table *t,
			       kvm_exits_histogram *histogram);
bool kvm_exits_still_there(struct exit_table *t, u32 reason);
void kvm_exits_show_histograms(struct seq_file *m, const struct exit_table *t,
			       const kvm_exits_histogram *histogram);

#endif /* _KVM_EXITS_HOST_LEAVES_H */
