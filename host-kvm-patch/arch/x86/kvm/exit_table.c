// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of exits as text:
 *
 *	# kvm_exits version 1
 *	# vendor AMD
 *	# ...
 *	# reason   name                        exits               cycles
 *	-          total                       58123            412345678
 *	0          READ_CR0                        2                 5310
 *	...
 *
 * In ascending order, there is a line for each reason that the architecture defines,
 * even if it has no exits, and for any other reason that has exits.  Later versions
 * only add columns at the end.
 */
#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "exit_names.h"
#include "exit_table.h"

/*
 * The reasons that the architectures define, in ascending order as unsigned
 * numbers: appendix C of SDM Vol. 3, appendix C of APM Vol. 2.
 */
static const struct exit_reasons vmx_reasons[] = {
	{ 0, 34 }, { 36, 37 }, { 39, 41 }, { 43, 70 }, { 72, 81 }, { 84, 85 }, {},
};

static const struct exit_reasons svm_reasons[] = {
	{ 0, 0xa6 }, { 0x400, 0x403 }, { -4, -1 }, {},
};

/*
 * exit_reasons() - the reasons that an architecture defines
 * @isa: EXIT_ISA_*
 *
 * Return: ranges of reasons.  A range that ends at 0 follows the last one.
 */
const struct exit_reasons *exit_reasons(u32 isa)
{
	return isa == EXIT_ISA_SVM ? svm_reasons : vmx_reasons;
}

/*
 * exit_reason_is_defined() - does the architecture define this reason?
 * @isa: EXIT_ISA_*
 * @reason: basic exit reason or exit code; any value may be passed
 */
bool exit_reason_is_defined(u32 isa, u32 reason)
{
	const struct exit_reasons *r;

	for (r = exit_reasons(isa); r->last; r++)
		if (reason >= r->first && reason <= r->last)
			return true;
	return false;
}

static const char *kernels_name(u32 isa, u32 reason)
{
	const struct exit_reason_name *n = isa == EXIT_ISA_SVM ? svm_names :
								 vmx_names;

	for (; n->name; n++)
		if ((u32)n->reason == reason)
			return n->name;
	return NULL;
}

/*
 * exit_reason_has_name() - does the kernel have a name for this reason?
 * @isa: EXIT_ISA_*
 * @reason: basic exit reason or exit code; any value may be passed
 */
bool exit_reason_has_name(u32 isa, u32 reason)
{
	return kernels_name(isa, reason);
}

/*
 * exit_reason_name() - name of a reason, as one word in capitals
 * @isa: EXIT_ISA_*
 * @reason: basic exit reason or exit code; any value may be passed
 * @name: where to write it, EXIT_TABLE_NAME_LEN bytes
 *
 * The name is the kernel's own, or REASON_<number> if the kernel has none.
 */
void exit_reason_name(u32 isa, u32 reason, char name[EXIT_TABLE_NAME_LEN])
{
	const char *known = kernels_name(isa, reason);

	if (!known) {
		snprintf(name, EXIT_TABLE_NAME_LEN, "REASON_%u", reason);
		return;
	}

	strscpy(name, known, EXIT_TABLE_NAME_LEN);
	for (; *name; name++)
		*name = isalnum(*name) ? toupper(*name) : '_';
}

/*
 * The bound of a bucket: no stop in the bucket is longer.  Return 0 if the bound is
 * not known.  In the bucket of the longest stop, @max, the bound is @max itself.
 * After a reset, @max may be in a lower bucket than stops before the reset.
 */
static u64 bucket_bound(unsigned int bucket, u64 max)
{
	u64 bound = 1ULL << (EXIT_BUCKET0_SHIFT + bucket);
	u64 lower = bucket ? bound / 2 : 1;

	if (bucket == EXIT_BUCKETS - 1)
		return max >= lower ? max : 0;
	return max >= lower && max < bound ? max : bound;
}

static void show_percentiles(struct seq_file *m, const struct exit_counts *c)
{
	unsigned int i;
	u64 bound;

	for (i = 0; i < ARRAY_SIZE(c->percentile); i++) {
		bound = bucket_bound(c->percentile[i], c->max);
		if (!c->stopped)
			seq_printf(m, " %14u", 0);
		else if (c->has_histogram && bound)
			seq_printf(m, " %14llu", bound);
		else
			seq_printf(m, " %14s", "-");
	}
}

static void show_counts(struct seq_file *m, const struct exit_table *t,
			const struct exit_counts *c)
{
	seq_printf(m, " %14llu", c->exits);
	if (t->has_cycles)
		seq_printf(m, " %18llu", c->cycles);
	else
		seq_printf(m, " %18s", "-");
	if (t->has_stops) {
		seq_printf(m, " %18llu %14llu", c->stopped, c->max);
		show_percentiles(m, c);
	}
	seq_putc(m, '\n');
}

static void show_reason(struct seq_file *m, const struct exit_table *t,
			u32 reason, const struct exit_counts *c)
{
	char name[EXIT_TABLE_NAME_LEN];

	exit_reason_name(t->isa, reason, name);
	seq_printf(m, "%-10u %-26s", reason, name);
	show_counts(m, t, c);
}

/*
 * exit_table_header() - print the first lines of a table
 * @m: the file to print to
 * @t: the table
 * @name: what kind of table it is
 *
 * The caller prints the line that names the columns.
 */
void exit_table_header(struct seq_file *m, const struct exit_table *t,
		       const char *name)
{
	seq_printf(m, "# %s version %u\n", name, EXIT_TABLE_VERSION);
	seq_printf(m, "# vendor %s\n",
		   t->isa == EXIT_ISA_SVM ? "AMD" : "Intel");
	seq_printf(m, "# tsc_khz %u\n", t->tsc_khz);
	seq_printf(m, "# generation %u\n", t->generation);
	seq_printf(m, "# exits_per_read %u\n", t->exits_per_read);
}

static void show_total(struct seq_file *m, const struct exit_table *t)
{
	struct exit_counts total = {};
	unsigned int i;

	for (i = 0; i < t->nr; i++) {
		total.exits += t->counts[i].exits;
		total.cycles += t->counts[i].cycles;
		total.stopped += t->counts[i].stopped;
		total.max = max(total.max, t->counts[i].max);
	}
	seq_printf(m, "%-10s %-26s", "-", "total");
	show_counts(m, t, &total);
}

/*
 * exit_table_show() - print a table
 * @m: the file to print to; EXIT_TABLE_TEXT_BYTES of buffer hold the whole table
 * @t: the table, which must not change meanwhile
 */
void exit_table_show(struct seq_file *m, const struct exit_table *t)
{
	static const struct exit_counts zero = {};
	const struct exit_counts *c = t->counts, *end = c + t->nr;
	const struct exit_reasons *r;
	u32 reason;

	exit_table_header(m, t, "kvm_exits");
	seq_printf(m, "# %-8s %-26s %14s %18s", "reason", "name", "exits",
		   "cycles");
	if (t->has_stops)
		seq_printf(m, " %18s %14s %14s %14s %14s", "stopped_cycles",
			   "max_cycles", "p50", "p99", "p99.9");
	seq_putc(m, '\n');
	show_total(m, t);

	for (r = exit_reasons(t->isa); r->last; r++) {
		reason = r->first;
		do {
			/* Reasons that are not defined, but have exits. */
			for (; c < end && c->reason < reason; c++)
				show_reason(m, t, c->reason, c);
			if (c < end && c->reason == reason)
				show_reason(m, t, reason, c++);
			else
				show_reason(m, t, reason, &zero);
		} while (reason++ != r->last);
	}
	for (; c < end; c++)
		show_reason(m, t, c->reason, c);
}
