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

static int exits_open(struct inode *inode, struct file *file)
{
	struct kvm *kvm = inode->i_private;
	int ret;

	/*
	 * A VM without vCPUs may still fail to come into being, and is freed
	 * then, whoever holds it.  The last user may be gone while the
	 * directory still stands.
	 */
	if (!kvm_get_vcpu(kvm, 0) || !kvm_get_kvm_safe(kvm))
		return -ENOENT;

	ret = single_open_size(file, exits_show, kvm, KVM_EXIT_TABLE_TEXT);
	if (ret)
		kvm_put_kvm(kvm);
	return ret;
}

static int exits_release(struct inode *inode, struct file *file)
{
	kvm_put_kvm(inode->i_private);
	return single_release(inode, file);
}

static const struct file_operations exits_fops = {
	.owner		= THIS_MODULE,
	.open		= exits_open,
	.read		= seq_read,
	.llseek		= seq_lseek,
	.release	= exits_release,
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
