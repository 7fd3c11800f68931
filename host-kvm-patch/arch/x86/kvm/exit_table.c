// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of exits as text, the same on the host and in the guest:
 *
 *	# kvm_exits version 1
 *	# vendor AMD
 *	# ...
 *	# reason   name                        exits               cycles
 *	-          total                       58123            412345678
 *	0          READ_CR0                        2                 5310
 *	...
 *
 * One line for each reason that the architecture defines, zero or not, in
 * ascending order; columns are only ever appended.
 */
#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <uapi/asm/kvm.h>
#include <uapi/asm/svm.h>
#include <uapi/asm/vmx.h>

#include "exit_table.h"

struct reason_name {
	u64 reason;
	const char *name;
};

/*
 * The tables that the tracepoints and perf print from, and what those of an
 * older kernel lack: a reason has the same name on every kernel.
 */
static const struct reason_name vmx_names[] = {
	VMX_EXIT_REASONS,
	{ 76, "SEAMCALL" },
	{ 77, "TDCALL" },
	{ 84, "MSR_READ_IMM" },
	{ 85, "MSR_WRITE_IMM" },
};

static const struct reason_name svm_names[] = {
	SVM_EXIT_REASONS,
	{ 0xa5, "buslock" },
	{ 0xa6, "idle-halt" },
};

/*
 * exit_table_name() - name of a reason, as one word in capitals
 * @isa: KVM_VMEXIT_ISA_*
 * @reason: basic exit reason or exit code; any value may be passed
 * @name: where to write it, EXIT_TABLE_NAME_LEN bytes
 *
 * It is the kernel's own name, or REASON_<number> where it has none.
 */
void exit_table_name(u32 isa, u32 reason, char name[EXIT_TABLE_NAME_LEN])
{
	const struct reason_name *names = vmx_names;
	size_t i, n = ARRAY_SIZE(vmx_names);

	if (isa == KVM_VMEXIT_ISA_SVM) {
		names = svm_names;
		n = ARRAY_SIZE(svm_names);
	}

	for (i = 0; i < n; i++)
		if ((u32)names[i].reason == reason)
			break;

	if (i == n) {
		snprintf(name, EXIT_TABLE_NAME_LEN, "REASON_%u", reason);
		return;
	}

	strscpy(name, names[i].name, EXIT_TABLE_NAME_LEN);
	for (; *name; name++)
		*name = isalnum(*name) ? toupper(*name) : '_';
}

/*
 * No stop in this bucket is longer, or 0 where that is not known.  The longest
 * stop is the bound of the bucket in which it lies.  It may lie in a lower one,
 * once the longest stops have begun again.
 */
static u64 bucket_bound(unsigned int bucket, u64 max)
{
	u64 bound = 1ULL << (KVM_VMEXIT_BUCKET0_SHIFT + bucket);
	u64 lower = bucket ? bound / 2 : 1;

	if (bucket == KVM_VMEXIT_BUCKETS - 1)
		return max >= lower ? max : 0;
	return max >= lower && max < bound ? max : bound;
}

static void show_percentiles(struct seq_file *m, const struct exit_table_row *r)
{
	unsigned int i;
	u64 bound;

	for (i = 0; i < ARRAY_SIZE(r->bucket); i++) {
		bound = bucket_bound(r->bucket[i], r->max);
		if (!r->stopped)
			seq_printf(m, " %14u", 0);
		else if (r->histogram && bound)
			seq_printf(m, " %14llu", bound);
		else
			seq_printf(m, " %14s", "-");
	}
}

static void show_counts(struct seq_file *m, const struct exit_table *t,
			const struct exit_table_row *r)
{
	seq_printf(m, " %14llu %18llu", r->exits, r->cycles);
	if (t->features & KVM_VMEXIT_FEAT_STOPPED) {
		seq_printf(m, " %18llu %14llu", r->stopped, r->max);
		show_percentiles(m, r);
	}
	seq_putc(m, '\n');
}

/*
 * exit_table_header() - print the first lines of a table
 * @m: where to
 * @t: the table
 * @name: what kind of table it is
 *
 * The line that names the columns is left to the caller.
 */
void exit_table_header(struct seq_file *m, const struct exit_table *t,
		       const char *name)
{
	seq_printf(m, "# %s version %u\n", name, KVM_VMEXIT_VERSION);
	seq_printf(m, "# vendor %s\n",
		   t->isa == KVM_VMEXIT_ISA_SVM ? "AMD" : "Intel");
	seq_printf(m, "# tsc_khz %u\n", t->tsc_khz);
	seq_printf(m, "# generation %u\n", t->generation);
	seq_printf(m, "# exits_per_read %u\n", t->cost);
}

/*
 * exit_table_show() - print a table
 * @m: where to; a buffer of EXIT_TABLE_TEXT_BYTES bytes holds all of it
 * @t: the table, which must not change meanwhile
 */
void exit_table_show(struct seq_file *m, const struct exit_table *t)
{
	struct exit_table_row total = {};
	char name[EXIT_TABLE_NAME_LEN];
	u32 i, reason;

	for (i = 0; i < KVM_VMEXIT_ROWS; i++) {
		total.exits += t->row[i].exits;
		total.cycles += t->row[i].cycles;
		total.stopped += t->row[i].stopped;
		total.max = max(total.max, t->row[i].max);
	}

	exit_table_header(m, t, "kvm_exits");
	seq_printf(m, "# %-8s %-26s %14s %18s", "reason", "name", "exits",
		   "cycles");
	if (t->features & KVM_VMEXIT_FEAT_STOPPED)
		seq_printf(m, " %18s %14s %14s %14s %14s", "stopped_cycles",
			   "max_cycles", "p50", "p99", "p99.9");
	seq_putc(m, '\n');

	seq_printf(m, "%-10s %-26s", "-", "total");
	show_counts(m, t, &total);

	for (i = 0; i < KVM_VMEXIT_ROWS; i++) {
		reason = kvm_vmexit_reason(t->isa, i);
		/* A count that there should not be is shown, not dropped. */
		if (!kvm_vmexit_defined(t->isa, reason) && !t->row[i].exits)
			continue;
		exit_table_name(t->isa, reason, name);
		seq_printf(m, "%-10u %-26s", reason, name);
		show_counts(m, t, &t->row[i]);
	}
}
