// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/xpmem: a process lets others map pieces of its address space.
 *
 * Here: the device, its ioctls and /proc/xpmem/stats. table.c has processes,
 * segments and permits, attach.c the mappings, fault.c the entries in them.
 */
#include <linux/fdtable.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include "xpmem.h"

struct counters counters;

unsigned int fault_around = FAULT_AROUND_MAX;
module_param(fault_around, uint, 0644);
MODULE_PARM_DESC(fault_around,
		 "pages looked at around a touched one and entered if the owner has them (1 to 512)");

static const struct file_operations device_fops;

static int device_open(struct inode *inode, struct file *file)
{
	struct process *process;
	int err = attach_pin();

	if (err)
		return err;
	process = process_open();
	if (IS_ERR(process)) {
		attach_unpin();
		return PTR_ERR(process);
	}
	file->private_data = process;
	return 0;
}

static int is_ours(const void *process, struct file *file, unsigned int fd)
{
	return file->f_op == &device_fops && file->private_data == process;
}

/*
 * A descriptor was closed. The process ends with the last one that it has: other
 * processes may hold the same open file, a child that was forked for instance.
 */
static int device_flush(struct file *file, fl_owner_t files)
{
	struct process *process = file->private_data;

	if (current->tgid != process->tgid || files != process->files ||
	    (current->mm && current->mm != process->mm))
		return 0;
	/* A process that exits closes them all, and its table is half taken down. */
	if (current->flags & PF_EXITING || !iterate_fd(files, 0, is_ours, process))
		process_end(process);
	return 0;
}

static int device_release(struct inode *inode, struct file *file)
{
	process_close_file(file->private_data);
	attach_unpin();
	return 0;
}

static long make(struct process *process, void __user *user)
{
	struct xpmem_make arg;
	long err;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	err = segment_make(process, &arg);
	if (!err && copy_to_user(user, &arg, sizeof(arg))) {
		segment_remove(process, arg.segid);
		return -EFAULT;
	}
	return err;
}

static long get(struct process *process, void __user *user)
{
	struct xpmem_get arg;
	long err;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	err = permit_get(process, &arg);
	if (!err && copy_to_user(user, &arg, sizeof(arg))) {
		permit_release(process, arg.apid);
		return -EFAULT;
	}
	return err;
}

static long attach(struct process *process, void __user *user)
{
	struct xpmem_attach arg;
	long err;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	err = attachment_attach(process, &arg);
	if (!err && copy_to_user(user, &arg, sizeof(arg))) {
		attachment_detach(arg.vaddr);
		return -EFAULT;
	}
	return err;
}

static long device_ioctl(struct file *file, unsigned int command, unsigned long address)
{
	struct process *process = file->private_data;
	void __user *user = (void __user *)address;
	u64 word = 0;

	switch (command) {
	case XPMEM_CMD_REMOVE:
	case XPMEM_CMD_RELEASE:
	case XPMEM_CMD_DETACH:
		if (copy_from_user(&word, user, sizeof(word)))
			return -EFAULT;
	}
	switch (command) {
	case XPMEM_CMD_VERSION:
		return XPMEM_VERSION;
	case XPMEM_CMD_MAKE:
		return make(process, user);
	case XPMEM_CMD_REMOVE:
		return segment_remove(process, word);
	case XPMEM_CMD_GET:
		return get(process, user);
	case XPMEM_CMD_RELEASE:
		return permit_release(process, word);
	case XPMEM_CMD_ATTACH:
		return attach(process, user);
	case XPMEM_CMD_DETACH:
		return attachment_detach(word);
	case XPMEM_CMD_FORK_BEGIN:
	case XPMEM_CMD_FORK_END:
		/* A fork calls the notifiers, like any change of the owner's memory. */
		return 0;
	}
	return -ENOTTY;
}

static const struct file_operations device_fops = {
	.owner = THIS_MODULE,
	.open = device_open,
	.flush = device_flush,
	.release = device_release,
	.unlocked_ioctl = device_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "xpmem",
	.fops = &device_fops,
};

static int stats_show(struct seq_file *out, void *unused)
{
	seq_printf(out, "processes %ld\n", atomic_long_read(&counters.processes));
	seq_printf(out, "segments %ld\n", atomic_long_read(&counters.segments));
	seq_printf(out, "permits %ld\n", atomic_long_read(&counters.permits));
	seq_printf(out, "attachments %ld\n", atomic_long_read(&counters.attachments));
	seq_printf(out, "faults %ld\n", atomic_long_read(&counters.faults));
	seq_printf(out, "entries %ld\n", atomic_long_read(&counters.entries));
	seq_printf(out, "recalls %ld\n", atomic_long_read(&counters.recalls));
	return 0;
}

static int __init xpmem_init(void)
{
	struct proc_dir_entry *folder = proc_mkdir("xpmem", NULL);
	int err;

	if (!folder || !proc_create_single("stats", 0444, folder, stats_show)) {
		remove_proc_subtree("xpmem", NULL);
		return -ENOMEM;
	}
	err = misc_register(&device);
	if (err)
		remove_proc_subtree("xpmem", NULL);
	return err;
}

static void __exit xpmem_exit(void)
{
	misc_deregister(&device);
	remove_proc_subtree("xpmem", NULL);
}

module_init(xpmem_init);
module_exit(xpmem_exit);
MODULE_DESCRIPTION("Attach another process's memory");
MODULE_LICENSE("GPL");
MODULE_VERSION("3.0.0");
