// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exit statistics: a VM's table for the host, in its directory in debugfs.
 *
 * It is the table that the guest reads in /proc/kvm_exits.
 */
#include <linux/debugfs.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "exit_stats.h"

static int exits_show(struct seq_file *m, void *v)
{
	struct kvm *kvm = m->private;
	struct kvm_exit_snapshot *s;
	struct kvm_exit_table *t;
	unsigned int i;

	s = kvmalloc(KVM_EXIT_SNAPSHOT_BYTES, GFP_KERNEL);
	t = kvzalloc(sizeof(*t), GFP_KERNEL);
	if (!s || !t) {
		kvfree(s);
		kvfree(t);
		return -ENOMEM;
	}

	kvm_exit_snapshot_take(kvm, s);
	t->isa = kvm_exit_stats_isa();
	if (static_branch_likely(&kvm_exit_stopped_enabled))
		t->features = KVM_EXITS_FEAT_STOPPED;
	t->tsc_khz = tsc_khz;
	t->generation = kvm_exit_stats_generation(kvm);
	for (i = 0; i < s->nr; i++)
		t->row[s->number[i]] = s->row[i];
	kvm_exit_table_show(m, t);

	kvfree(s);
	kvfree(t);
	return 0;
}

/*
 * An open file holds neither the VM nor the vendor's module: debugfs waits for
 * those who are reading when the directory goes, before the vCPUs do, and gives
 * EIO to all who come later.
 */
static int exits_open(struct inode *inode, struct file *file)
{
	return single_open_size(file, exits_show, inode->i_private,
				KVM_EXIT_TABLE_TEXT);
}

static const struct file_operations exits_fops = {
	.owner		= THIS_MODULE,
	.open		= exits_open,
	.read		= seq_read,
	.llseek		= seq_lseek,
	.release	= single_release,
};

/**
 * kvm_exit_stats_create_debugfs() - make a VM's file "exit_stats"
 * @kvm: the VM, whose debugfs directory exists
 */
void kvm_exit_stats_create_debugfs(struct kvm *kvm)
{
	debugfs_create_file("exit_stats", 0444, kvm->debugfs_dentry, kvm,
			    &exits_fops);
}
