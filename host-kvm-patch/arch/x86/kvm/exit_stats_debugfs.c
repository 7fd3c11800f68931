// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exit statistics: a VM's table for the host, in its directory in debugfs.
 */
#include <linux/debugfs.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "exit_stats_access.h"
#include "exit_stats_debugfs.h"
#include "exit_stats_snapshot.h"
#include "exit_table.h"

/* The memory that a read needs: it is too much for the stack. */
struct reading {
	struct exit_table table;
	struct kvm_exit_stats_sum sum;
	struct kvm_exit_stats_snapshot snapshot;
};

static int exit_stats_show(struct seq_file *m, void *v)
{
	struct kvm_exit_stats_vm *vm = m->private;
	struct exit_table *t;
	struct reading *r;

	r = kvzalloc(sizeof(*r) + EXIT_STATS_SNAPSHOT_BYTES, GFP_KERNEL);
	if (!r)
		return -ENOMEM;

	while (!kvm_exit_stats_snapshot_some(vm, NULL, &r->sum, &r->snapshot))
		cond_resched();

	t = &r->table;
	t->isa = kvm_exit_stats_isa();
	t->tsc_khz = tsc_khz;
	t->generation = r->snapshot.generation;
	t->has_cycles = true;
	t->has_stops = static_key_enabled(&kvm_exit_stats_stopped);
	t->nr = r->snapshot.nr;
	memcpy(t->counts, r->snapshot.counts, t->nr * sizeof(*t->counts));
	exit_table_show(m, t);

	kvfree(r);
	return 0;
}

/*
 * An open file has no reference to the VM or to the vendor's module.  Debugfs
 * waits for reads to end before it removes the directory.  The vCPUs are freed
 * after that, and later reads fail with EIO.
 */
static int exit_stats_open(struct inode *inode, struct file *file)
{
	return single_open_size(file, exit_stats_show, inode->i_private,
				EXIT_TABLE_TEXT_BYTES);
}

static const struct file_operations exit_stats_fops = {
	.owner		= THIS_MODULE,
	.open		= exit_stats_open,
	.read		= seq_read,
	.llseek		= seq_lseek,
	.release	= single_release,
};

/* Make a VM's files in its directory @dir. */
void __kvm_exit_stats_create_debugfs(struct kvm_exit_stats_vm *vm,
				     struct dentry *dir)
{
	debugfs_create_file("exit_stats", 0444, dir, vm, &exit_stats_fops);
	kvm_exit_stats_create_access_file(vm, dir);
}
