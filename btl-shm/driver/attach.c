// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attachments: mappings of a piece of a segment in the attacher.
 *
 * Each attachment is an inode and a file of its own, in a file system that
 * cannot be mounted, so that all mappings of it are found, wherever the attacher
 * has moved them and into whatever pieces it has cut them. The file is held by
 * the mappings alone: with the last of them the kernel releases it, and that
 * ends the attachment. So munmap, mremap and mmap over an attachment are as good
 * as DETACH.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/version.h>

#include "xpmem.h"

#define XPMEM_MAGIC 0x78706d65	/* "xpme" */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static void vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}

static void vm_flags_clear(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags &= ~flags;
}
#endif

static struct vfsmount *attachments_mount;
static int attachments_pins;

static int attachments_init_fs(struct fs_context *fc)
{
	return init_pseudo(fc, XPMEM_MAGIC) ? 0 : -ENOMEM;
}

static struct file_system_type attachments_fs = {
	.name = "xpmem",
	.owner = THIS_MODULE,
	.init_fs_context = attachments_init_fs,
	.kill_sb = kill_anon_super,
};

/*
 * Mounted while the device is open anywhere: the mount keeps the module, so it
 * cannot be there always. An attachment holds it through its file.
 */
int attach_pin(void)
{
	return simple_pin_fs(&attachments_fs, &attachments_mount, &attachments_pins);
}

void attach_unpin(void)
{
	simple_release_fs(&attachments_mount, &attachments_pins);
}

static int attachment_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct attachment *att = file->private_data;

	/* Besides ATTACH, remap_file_pages(2) comes here. */
	if (!(vma->vm_flags & VM_SHARED) || vma->vm_pgoff >= att->pages ||
	    vma_pages(vma) > att->pages - vma->vm_pgoff)
		return -EINVAL;
	if (!att->permit->writable) {
		if (vma->vm_flags & VM_WRITE)
			return -EACCES;
		vm_flags_clear(vma, VM_MAYWRITE);
	}
	vm_flags_clear(vma, VM_EXEC | VM_MAYEXEC);
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &attachment_vm_ops;
	vma->vm_private_data = att;
	return 0;
}

static void attachment_free(struct attachment *att)
{
	permit_put(att->permit);
	mutex_destroy(&att->lock);
	bitmap_free(att->chunks);
	kfree(att);
	atomic_long_dec(&counters.attachments);
}

/* The last mapping is gone. Called with no lock of an address space held. */
static int attachment_release(struct inode *inode, struct file *file)
{
	struct attachment *att = file->private_data;
	struct segment *segment = att->permit->segment;

	mutex_lock(&segment->lock);
	list_del(&att->node);
	mutex_unlock(&segment->lock);
	/* Waits until no call of the notifier is under way. */
	mmu_interval_notifier_remove(&att->notifier);
	attachment_free(att);
	return 0;
}

static const struct file_operations attachment_fops = {
	.owner = THIS_MODULE,
	.mmap = attachment_mmap,
	.release = attachment_release,
};

/* An attachment of owner's pages, without a mapping yet; takes over `permit`. */
static struct file *attachment_file(struct permit *permit, unsigned long start,
				    unsigned long pages)
{
	static struct lock_class_key i_mmap_class;
	struct attachment *att;
	struct inode *inode;
	struct file *file;
	int err;

	att = kzalloc(sizeof(*att), GFP_KERNEL_ACCOUNT);
	if (!att) {
		permit_put(permit);
		return ERR_PTR(-ENOMEM);
	}
	atomic_long_inc(&counters.attachments);
	att->permit = permit;
	att->start = start;
	att->pages = pages;
	INIT_LIST_HEAD(&att->node);
	mutex_init(&att->lock);
	spin_lock_init(&att->seq_lock);
	INIT_LIST_HEAD(&att->lookups);

	err = -ENOMEM;
	if (!chunks_init(att))
		goto free;
	inode = alloc_anon_inode(attachments_mount->mnt_sb);
	if (IS_ERR(inode)) {
		err = PTR_ERR(inode);
		goto free;
	}
	att->mapping = inode->i_mapping;
	/* Taken where that of a file which the owner has mapped may be held. */
	lockdep_set_class(&inode->i_mapping->i_mmap_rwsem, &i_mmap_class);

	err = mmu_interval_notifier_insert(&att->notifier, permit->segment->owner->mm, start,
					   pages << PAGE_SHIFT, &attachment_notifier_ops);
	if (err)
		goto put_inode;

	/* Given back by the kernel when it has released the file. */
	__module_get(THIS_MODULE);
	file = alloc_file_pseudo(inode, attachments_mount, "xpmem", O_RDWR, &attachment_fops);
	if (IS_ERR(file)) {
		err = PTR_ERR(file);
		module_put(THIS_MODULE);
		mmu_interval_notifier_remove(&att->notifier);
		goto put_inode;
	}
	file->private_data = att;
	return file;

put_inode:
	iput(inode);
free:
	attachment_free(att);
	return ERR_PTR(err);
}

/* Makes it known to those who end segments and permits, unless they have. */
static int attachment_publish(struct attachment *att)
{
	struct segment *segment = att->permit->segment;
	int err = -ENOENT;

	mutex_lock(&segment->lock);
	if (!segment->gone && !att->permit->gone) {
		list_add(&att->node, &segment->attachments);
		err = 0;
	}
	mutex_unlock(&segment->lock);
	return err;
}

static bool is_attachment(struct vm_area_struct *vma)
{
	return vma->vm_ops == &attachment_vm_ops;
}

/* Whether an attachment has a page in [start, end) of the caller. */
static bool attached_in(unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma;
	bool found = false;

	mmap_read_lock(current->mm);
	for (vma = find_vma(current->mm, start); vma && vma->vm_start < end && !found;
	     vma = find_vma(current->mm, vma->vm_end))
		found = is_attachment(vma);
	mmap_read_unlock(current->mm);
	return found;
}

/* A fixed address must not hit another attachment, nor what is attached. */
static int check_fixed(struct attachment *att, unsigned long addr, unsigned long size)
{
	if (!PAGE_ALIGNED(addr) || size > TASK_SIZE || addr > TASK_SIZE - size)
		return -EINVAL;
	if (att->permit->segment->owner->mm == current->mm &&
	    addr < att->start + size && att->start < addr + size)
		return -EINVAL;
	return attached_in(addr, addr + size) ? -EINVAL : 0;
}

static long map(struct file *file, unsigned long fixed)
{
	struct attachment *att = file->private_data;
	unsigned long size = att->pages << PAGE_SHIFT;
	unsigned long prot = PROT_READ | (att->permit->writable ? PROT_WRITE : 0);
	int err;

	if (fixed) {
		err = check_fixed(att, fixed, size);
		if (err)
			return err;
	}
	err = attachment_publish(att);
	if (err)
		return err;
	return vm_mmap(file, fixed, size, prot, MAP_SHARED | (fixed ? MAP_FIXED : 0), 0);
}

long attachment_attach(struct process *process, struct xpmem_attach *arg)
{
	struct permit *permit;
	struct segment *segment;
	struct mm_struct *owner;
	struct file *file;
	u64 size, length;
	long addr;

	permit = permit_find(process, arg->apid);
	if (IS_ERR(permit))
		return PTR_ERR(permit);
	segment = permit->segment;
	owner = segment->owner->mm;
	length = segment->end - segment->start;
	size = PAGE_ALIGN(arg->size);	/* near the top of the type this is 0 */

	addr = -ENOENT;
	if (READ_ONCE(segment->gone) || !mmget_not_zero(owner))
		goto put_permit;
	addr = -EINVAL;
	if (arg->offset < 0 || !PAGE_ALIGNED(arg->offset) || !PAGE_ALIGNED(arg->vaddr) ||
	    !size || size > length || arg->offset > length - size)
		goto put_owner;

	file = attachment_file(permit, segment->start + arg->offset, size >> PAGE_SHIFT);
	permit = NULL;	/* the attachment's now */
	addr = PTR_ERR(file);
	if (IS_ERR(file))
		goto put_owner;
	addr = map(file, arg->vaddr);
	fput(file);
	if (!IS_ERR_VALUE(addr)) {
		arg->vaddr = addr;
		addr = 0;
	}
put_owner:
	/* Should its last user have gone meanwhile: not for us to tear it down. */
	mmput_async(owner);
put_permit:
	if (permit)
		permit_put(permit);
	return addr;
}

/* Unmaps all that the caller has of one attachment, or of all with a permit. */
static int unmap_all(struct attachment *of, struct permit *with)
{
	struct mm_struct *mm = current->mm;
	unsigned long start = 0, end = 0;
	int result = 0;

	for (;;) {
		struct vm_area_struct *vma;
		int err;

		mmap_read_lock(mm);
		for (vma = find_vma(mm, end); vma; vma = find_vma(mm, vma->vm_end)) {
			struct attachment *att = vma->vm_private_data;

			if (is_attachment(vma) && (att == of || att->permit == with))
				break;
		}
		if (vma) {
			start = vma->vm_start;
			end = vma->vm_end;
		}
		mmap_read_unlock(mm);
		if (!vma)
			return result;
		err = vm_munmap(start, end - start);
		if (err)
			result = err;
	}
}

void attachments_unmap(struct permit *permit)
{
	unmap_all(NULL, permit);
}

/* Any address in the attachment names it; where nothing is mapped, all is well. */
long attachment_detach(unsigned long addr)
{
	struct vm_area_struct *vma;
	struct file *file = NULL;
	unsigned long start, size;
	bool whole;
	long err = 0;

	mmap_read_lock(current->mm);
	vma = find_vma(current->mm, addr);
	if (vma && vma->vm_start <= addr) {
		err = -EINVAL;
		if (is_attachment(vma)) {
			/* Held, so that no new attachment can pass for this one. */
			file = get_file(vma->vm_file);
			start = vma->vm_start;
			size = vma->vm_end - start;
			whole = size >> PAGE_SHIFT == ((struct attachment *)vma->vm_private_data)->pages;
		}
	}
	mmap_read_unlock(current->mm);
	if (!file)
		return err;
	err = whole ? vm_munmap(start, size) : unmap_all(file->private_data, NULL);
	fput(file);
	return err;
}
