// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/kvm_exits and /proc/kvm_exits_histogram: the table of exits, and how
 * long they stopped the guest.  Each read from the start of a file takes a new
 * table.
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

#include "module.h"

static umode_t mode = 0444;
static kgid_t gid = GLOBAL_ROOT_GID;

static int mode_set(const char *val, const struct kernel_param *kp)
{
	u16 new;

	/* If the mode is zero, proc_create() makes it 0444. */
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

/**
 * kvm_exits_for_all() - whether every user may read the files
 */
bool kvm_exits_for_all(void)
{
	return mode & 0004;
}

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
 * @lock: guards the other fields
 * @taken: there is a table
 * @histograms: whether the file shows histograms
 * @table: the table of the last read from the file's start
 * @histogram: the histograms of @table, by position in it
 */
struct reader {
	struct mutex lock; /* keeps the table from changing while it is shown */
	bool taken;
	bool histograms;
	struct exit_table table;
	kvm_exits_histogram histogram[];
};

static int table_show(struct seq_file *m, void *v)
{
	struct reader *r = m->private;

	exit_table_show(m, &r->table);
	return 0;
}

static int histogram_show(struct seq_file *m, void *v)
{
	struct reader *r = m->private;

	kvm_exits_show_histograms(m, &r->table, r->histogram);
	return 0;
}

static int reader_open(struct file *file, bool histograms,
		       int (*show)(struct seq_file *m, void *v))
{
	struct reader *r;
	int err;

	r = kvzalloc(struct_size(r, histogram,
				 histograms ? EXIT_TABLE_REASONS : 0),
		     GFP_KERNEL_ACCOUNT);
	if (!r)
		return -ENOMEM;
	mutex_init(&r->lock);
	r->histograms = histograms;

	err = single_open_size(file, show, r, EXIT_TABLE_TEXT_BYTES);
	if (err)
		kvfree(r);
	return err;
}

static int table_open(struct inode *inode, struct file *file)
{
	return reader_open(file, false, table_show);
}

static int histogram_open(struct inode *inode, struct file *file)
{
	return reader_open(file, true, histogram_show);
}

static int reader_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;

	kvfree(m->private);
	return single_release(inode, file);
}

static ssize_t reader_read_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	struct seq_file *m = iocb->ki_filp->private_data;
	struct reader *r = m->private;
	ssize_t ret;

	if (mutex_lock_killable(&r->lock))
		return -EINTR;

	if (!r->taken || !iocb->ki_pos) {
		ret = kvm_exits_take(&r->table, r->histograms ? r->histogram : NULL);
		r->taken = !ret;
		if (ret)
			goto out;
	}

	ret = seq_read_iter(iocb, iter);
out:
	mutex_unlock(&r->lock);
	return ret;
}

/* No seq_lseek(): it calls show() before there is a table. */
static const struct proc_ops table_ops = {
	.proc_open	= table_open,
	.proc_read_iter	= reader_read_iter,
	.proc_lseek	= no_seek_end_llseek,
	.proc_release	= reader_release,
};

static const struct proc_ops histogram_ops = {
	.proc_open	= histogram_open,
	.proc_read_iter	= reader_read_iter,
	.proc_lseek	= no_seek_end_llseek,
	.proc_release	= reader_release,
};

static struct proc_dir_entry *table_file, *histogram_file;

static struct proc_dir_entry __init *make_file(const char *name,
					       const struct proc_ops *ops)
{
	struct proc_dir_entry *pde = proc_create(name, mode, NULL, ops);

	if (pde)
		proc_set_user(pde, GLOBAL_ROOT_UID, gid);
	return pde;
}

/**
 * kvm_exits_proc_init() - make the files
 * @host: the present host
 *
 * The file of histograms exists if the host has histograms.
 *
 * Return: 0 or -ENOMEM.
 */
int __init kvm_exits_proc_init(const struct kvm_exits_host *host)
{
	table_file = make_file("kvm_exits", &table_ops);
	if (!table_file)
		return -ENOMEM;

	if (host->features & KVM_VMEXIT_FEAT_STOPPED) {
		histogram_file = make_file("kvm_exits_histogram",
					   &histogram_ops);
		if (!histogram_file) {
			proc_remove(table_file);
			return -ENOMEM;
		}
	}
	return 0;
}

/**
 * kvm_exits_proc_exit() - remove the files, after the last reader has finished
 */
void kvm_exits_proc_exit(void)
{
	proc_remove(histogram_file);
	proc_remove(table_file);
}
