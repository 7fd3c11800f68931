/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of exits as text, the same on the host and in the guest.
 */
#ifndef __KVM_X86_EXIT_TABLE_H
#define __KVM_X86_EXIT_TABLE_H

#include <linux/types.h>
#include <uapi/asm/kvm_vmexit.h>

struct seq_file;

#define EXIT_TABLE_NAME_LEN	32

/*
 * struct exit_table_row - what is known of one reason
 * @exits: exits
 * @cycles: host TSC cycles that KVM spent in handling them
 * @stopped: host TSC cycles from these exits to the next entries
 * @max: the longest of these, in host TSC cycles
 * @bucket: histogram buckets of the median, the 99th and the 99.9th percentile
 * @histogram: @bucket is valid
 */
struct exit_table_row {
	u64 exits;
	u64 cycles;
	u64 stopped;
	u64 max;
	u8 bucket[3];
	bool histogram;
};

/*
 * struct exit_table - all reasons of one VM at one time
 * @isa: KVM_VMEXIT_ISA_*
 * @features: KVM_VMEXIT_FEAT_*, which columns there are
 * @tsc_khz: frequency of the host's TSC
 * @generation: which run of the counts this is, 0 if unknown
 * @cost: exits that making this table took, 0 on the host
 * @row: by row number
 */
struct exit_table {
	u32 isa;
	u32 features;
	u32 tsc_khz;
	u32 generation;
	u32 cost;
	struct exit_table_row row[KVM_VMEXIT_ROWS];
};

void exit_table_name(u32 isa, u32 reason, char name[EXIT_TABLE_NAME_LEN]);
void exit_table_header(struct seq_file *m, const struct exit_table *t,
		       const char *name);
void exit_table_show(struct seq_file *m, const struct exit_table *t);

/* A buffer that holds the whole text: 180 lines at the most, and a header. */
#define EXIT_TABLE_TEXT_BYTES	(32 * 1024)

#endif /* __KVM_X86_EXIT_TABLE_H */
