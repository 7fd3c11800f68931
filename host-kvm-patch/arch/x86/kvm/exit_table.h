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
 * The counts of one reason.
 *
 * @exits: number of exits
 * @cycles: host TSC cycles that KVM spent in handling them
 * @stopped: host TSC cycles from these exits to the next entries
 * @max: the longest stop, in host TSC cycles
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
 * All reasons of one VM.
 *
 * @isa: KVM_VMEXIT_ISA_*
 * @features: KVM_VMEXIT_FEAT_*, which decide about the columns
 * @tsc_khz: frequency of the host's TSC
 * @generation: of the counts, 0 if unknown
 * @cost: exits that it took to read the counts, 0 on the host
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

/* Enough for the whole text: a header, and a line for each row. */
#define EXIT_TABLE_TEXT_BYTES	(32 * 1024)

#endif /* __KVM_X86_EXIT_TABLE_H */
