/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of exits as text.
 */
#ifndef __KVM_X86_EXIT_TABLE_H
#define __KVM_X86_EXIT_TABLE_H

#include "exit_counts.h"

struct seq_file;

/* The version of the text, and the room for a name in it. */
#define EXIT_TABLE_VERSION	1
#define EXIT_TABLE_NAME_LEN	32

/* The most reasons in a table: more than any host counts. */
#define EXIT_TABLE_REASONS	256

/*
 * All reasons of one VM that have exits.
 *
 * @isa: EXIT_ISA_*
 * @tsc_khz: frequency of the host's TSC
 * @generation: the generation of the counts, 0 if unknown
 * @exits_per_read: number of exits that a guest needed to read the counts, 0 on the
 *	host
 * @has_cycles: the time of handling is measured
 * @has_stops: stops are measured
 * @nr: number of reasons
 * @counts: the counts of each reason, in ascending order
 */
struct exit_table {
	u32 isa;
	u32 tsc_khz;
	u32 generation;
	u32 exits_per_read;
	bool has_cycles;
	bool has_stops;
	u32 nr;
	struct exit_counts counts[EXIT_TABLE_REASONS];
};

/* A range of reasons. */
struct exit_reasons {
	u32 first, last;
};

const struct exit_reasons *exit_reasons(u32 isa);
bool exit_reason_is_defined(u32 isa, u32 reason);
bool exit_reason_has_name(u32 isa, u32 reason);
void exit_reason_name(u32 isa, u32 reason, char name[EXIT_TABLE_NAME_LEN]);

void exit_table_header(struct seq_file *m, const struct exit_table *t,
		       const char *name);
void exit_table_show(struct seq_file *m, const struct exit_table *t);

/* Enough for the whole text: a header, and a line for each reason. */
#define EXIT_TABLE_TEXT_BYTES	(64 * 1024)

#endif /* __KVM_X86_EXIT_TABLE_H */
