// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/kvm_exits: the table of exits, anew each time that it is read from its
 * start.
 */
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/sysfs.h>
#include <linux/uidgid.h>
#include <linux/uio.h>

#include "kvm_exits.h"

static umode_t mode = 0444;
static kgid_t gid = GLOBAL_ROOT_GID;

static int mode_set(const char *val, const struct kernel_param *kp)
{
	u16 new;

	/* Zero would be proc's word for 0444. */
	if (kstrtou16(val, 8, &new) || !new || new & ~0444)
		return -EINVAL;

	mode = new;
	return 0;
}

static int mode_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%#o\n", mode);
}

static const struct kernel_param_ops mode_ops = {
	.set = mode_set,
	.get = mode_get,
};
module_param_cb(mode, &mode_ops, NULL, 0444);
MODULE_PARM_DESC(mode, "Who may read the files, in octal (default 0444)");

static int gid_set(const char *val, const struct kernel_param *kp)
{
	kgid_t new;
	u32 id;

	if (kstrtou32(val, 0, &id))
		return -EINVAL;

	new = make_kgid(&init_user_ns, id);
	if (!gid_valid(new))
		return -EINVAL;

	gid = new;
	return 0;
}

static int gid_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%u\n", from_kgid(&init_user_ns, gid));
}

static const struct kernel_param_ops gid_ops = {
	.set = gid_set,
	.get = gid_get,
};
module_param_cb(gid, &gid_ops, NULL, 0444);
MODULE_PARM_DESC(gid, "Group of the files, as a number (default 0)");

/**
 * struct reader - an open file
 * @lock: guards the rest
 * @taken: there is a table
 * @table: as of the last read from the file's start
 */
struct reader {
	struct mutex lock; /* the table does not change while it is shown */
	bool taken;
	struct kvm_exit_table table;
};

static int table_show(struct seq_file *m, void *v)
{
	struct reader *r = m->private;

	kvm_exit_table_show(m, &r->table);
	return 0;
}

static int table_open(struct inode *inode, struct file *file)
{
	struct reader *r;
	int err;

	r = kvzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
	if (!r)
		return -ENOMEM;
	mutex_init(&r->lock);

	err = single_open_size(file, table_show, r, KVM_EXIT_TABLE_TEXT);
	if (err)
		kvfree(r);
	return err;
}

static int table_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;

	kvfree(m->private);
	return single_release(inode, file);
}

static ssize_t table_read_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	struct seq_file *m = iocb->ki_filp->private_data;
	struct reader *r = m->private;
	ssize_t ret;

	if (mutex_lock_killable(&r->lock))
		return -EINTR;

	if (!r->taken || !iocb->ki_pos) {
		ret = kvm_exits_take(&r->table, NULL);
		r->taken = !ret;
		if (ret)
			goto out;
	}

	ret = seq_read_iter(iocb, iter);
out:
	mutex_unlock(&r->lock);
	return ret;
}

/* Not seq_lseek(): it would show a table that has not been taken. */
static const struct proc_ops table_ops = {
	.proc_open	= table_open,
	.proc_read_iter	= table_read_iter,
	.proc_lseek	= no_seek_end_llseek,
	.proc_release	= table_release,
};

/**
 * kvm_exits_proc_init() - make the files
 * @t: a table from this host
 *
 * Return: 0 or -ENOMEM.
 */
int __init kvm_exits_proc_init(const struct kvm_exit_table *t)
{
	struct proc_dir_entry *pde;

	pde = proc_create("kvm_exits", mode, NULL, &table_ops);
	if (!pde)
		return -ENOMEM;
	proc_set_user(pde, GLOBAL_ROOT_UID, gid);
	return 0;
}

/**
 * kvm_exits_proc_exit() - remove the files, once nobody is reading them
 */
void kvm_exits_proc_exit(void)
{
	remove_proc_entry("kvm_exits", NULL);
}
