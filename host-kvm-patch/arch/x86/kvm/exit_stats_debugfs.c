// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exit statistics: a VM's table for the host, in its directory in debugfs.
 *
 * The guest's kernel module shows the same table in /proc/kvm_exits.
 */
#include <linux/debugfs.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "exit_stats_snapshot.h"

static int exit_stats_show(struct seq_file *m, void *v)
{
	struct kvm_exit_stats_snapshot *s;
	struct kvm *kvm = m->private;
	struct exit_table *t;
	unsigned int i;

	t = kvzalloc(sizeof(*t) + EXIT_STATS_SNAPSHOT_BYTES, GFP_KERNEL);
	if (!t)
		return -ENOMEM;
	s = (struct kvm_exit_stats_snapshot *)(t + 1);

	kvm_exit_stats_take(kvm, s);
	t->generation = s->generation;
	t->isa = kvm_exit_stats_isa();
	if (static_branch_likely(&kvm_exit_stats_stopped))
		t->features = KVM_VMEXIT_FEAT_STOPPED;
	t->tsc_khz = tsc_khz;
	for (i = 0; i < s->nr; i++)
		t->row[s->number[i]] = s->row[i];
	exit_table_show(m, t);

	kvfree(t);
	return 0;
}

/*
 * An open file keeps neither the VM nor the vendor's module.  Debugfs waits for
 * reads to end before it removes the directory.  The vCPUs are freed after
 * that, and later reads fail with EIO.
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

/* Make the file "exit_stats" in the debugfs directory of @kvm. */
void kvm_exit_stats_create_debugfs(struct kvm *kvm)
{
	debugfs_create_file("exit_stats", 0444, kvm->debugfs_dentry, kvm,
			    &exit_stats_fops);
}
