// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes, segments and permits, and the tables in which their numbers are
 * found. One lock serves all of it: nothing here is done per message.
 *
 * A number (segid, apid) is the maker's process id in the low 32 bits, and above
 * it a count that goes on through all processes, from a random start: a number
 * does not come again when its process id does.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "xpmem.h"

#define NUMBERS XA_LIMIT(1, 0x3fffffff)

static DEFINE_MUTEX(table_lock);
static LIST_HEAD(processes);
static DEFINE_XARRAY_ALLOC1(segments);
static DEFINE_XARRAY_ALLOC1(permits);
static u32 next_segment;
static u32 next_permit;

/* Gives `object` a place in the table; its number, or an error. */
static s64 number(struct xarray *table, u32 *next, void *object, pid_t tgid)
{
	u32 place;
	int err;

	if (!*next)
		*next = get_random_u32() & 0x1fffffff;
	err = xa_alloc_cyclic(table, &place, object, NUMBERS, next, GFP_KERNEL);
	return err < 0 ? err : (s64)place << 32 | (u32)tgid;
}

static unsigned long place_of(s64 number)
{
	return number >> 32;
}

/* The state of the calling process, made if there is none; a reference. */
struct process *process_open(void)
{
	struct process *process;

	if (!current->mm)
		return ERR_PTR(-EINVAL);
	mutex_lock(&table_lock);
	list_for_each_entry(process, &processes, node) {
		if (process->mm == current->mm) {
			refcount_inc(&process->refs);
			goto found;
		}
	}
	process = kzalloc(sizeof(*process), GFP_KERNEL_ACCOUNT);
	if (!process) {
		mutex_unlock(&table_lock);
		return ERR_PTR(-ENOMEM);
	}
	refcount_set(&process->refs, 1);
	mmgrab(current->mm);
	process->mm = current->mm;
	process->tgid = current->tgid;
	process->uid = current_uid();
	process->gid = current_gid();
	INIT_LIST_HEAD(&process->segments);
	INIT_LIST_HEAD(&process->permits);
	list_add(&process->node, &processes);
	atomic_long_inc(&counters.processes);
found:
	/* Not of a child that vfork made, which has the memory but its own table. */
	if (process->tgid == current->tgid)
		process->files = current->files;
	process->opens++;
	mutex_unlock(&table_lock);
	return process;
}

void process_put(struct process *process)
{
	if (!refcount_dec_and_test(&process->refs))
		return;
	mmdrop(process->mm);
	kfree(process);
	atomic_long_dec(&counters.processes);
}

static void segment_put(struct segment *segment)
{
	if (!refcount_dec_and_test(&segment->refs))
		return;
	process_put(segment->owner);
	mutex_destroy(&segment->lock);
	kfree(segment);
	atomic_long_dec(&counters.segments);
}

void permit_put(struct permit *permit)
{
	if (!refcount_dec_and_test(&permit->refs))
		return;
	segment_put(permit->segment);
	process_put(permit->process);
	kfree(permit);
	atomic_long_dec(&counters.permits);
}

/* Takes the segment's entries away from all attachers, for good. */
static void segment_end(struct segment *segment)
{
	struct attachment *att;

	mutex_lock(&segment->lock);
	segment->gone = true;
	list_for_each_entry(att, &segment->attachments, node)
		attachment_end(att);
	mutex_unlock(&segment->lock);
	segment_put(segment);
}

/* The same for what one attacher has of it by this permit. */
static void permit_end(struct permit *permit)
{
	struct segment *segment = permit->segment;
	struct attachment *att;

	mutex_lock(&segment->lock);
	permit->gone = true;
	list_for_each_entry(att, &segment->attachments, node)
		if (att->permit == permit)
			attachment_end(att);
	mutex_unlock(&segment->lock);
	permit_put(permit);
}

/* The process has closed its last descriptor, or is gone. May be called again. */
void process_end(struct process *process)
{
	struct segment *segment, *next_segment_of;
	struct permit *permit, *next_permit_of;
	LIST_HEAD(ended_segments);
	LIST_HEAD(ended_permits);

	mutex_lock(&table_lock);
	if (process->gone) {
		mutex_unlock(&table_lock);
		return;
	}
	process->gone = true;
	list_del(&process->node);
	list_splice_init(&process->segments, &ended_segments);
	list_splice_init(&process->permits, &ended_permits);
	list_for_each_entry(segment, &ended_segments, node)
		xa_erase(&segments, place_of(segment->segid));
	list_for_each_entry(permit, &ended_permits, node)
		xa_erase(&permits, place_of(permit->apid));
	mutex_unlock(&table_lock);

	list_for_each_entry_safe(segment, next_segment_of, &ended_segments, node)
		segment_end(segment);
	list_for_each_entry_safe(permit, next_permit_of, &ended_permits, node)
		permit_end(permit);
}

/* An open file of the process is no more. */
void process_close_file(struct process *process)
{
	bool last;

	mutex_lock(&table_lock);
	last = --process->opens == 0;
	mutex_unlock(&table_lock);
	if (last)
		process_end(process);
	process_put(process);
}

/* Takes table_lock if `process` is the caller's and has not ended. */
static int lock_tables(struct process *process)
{
	mutex_lock(&table_lock);
	if (process->mm == current->mm && !process->gone)
		return 0;
	mutex_unlock(&table_lock);
	return -XPMEM_ERRNO_NOPROC;
}

long segment_make(struct process *process, struct xpmem_make *arg)
{
	struct segment *segment;
	u64 size = arg->size;
	s64 segid;
	int err;

	if (arg->permit_type != XPMEM_PERMIT_MODE || arg->permit_value & ~0777ULL)
		return -EINVAL;
	if (size == XPMEM_MAXADDR_SIZE && !arg->vaddr)
		size = TASK_SIZE;
	if (!size || !PAGE_ALIGNED(arg->vaddr) || !PAGE_ALIGNED(size) ||
	    size > TASK_SIZE || arg->vaddr > TASK_SIZE - size)
		return -EINVAL;

	segment = kzalloc(sizeof(*segment), GFP_KERNEL_ACCOUNT);
	if (!segment)
		return -ENOMEM;
	refcount_set(&segment->refs, 1);
	segment->owner = process;
	segment->start = arg->vaddr;
	segment->end = arg->vaddr + size;
	segment->mode = arg->permit_value;
	mutex_init(&segment->lock);
	INIT_LIST_HEAD(&segment->attachments);

	err = lock_tables(process);
	if (err) {
		kfree(segment);
		return err;
	}
	segid = number(&segments, &next_segment, segment, process->tgid);
	if (segid < 0) {
		mutex_unlock(&table_lock);
		kfree(segment);
		return segid;
	}
	segment->segid = segid;
	refcount_inc(&process->refs);
	list_add(&segment->node, &process->segments);
	atomic_long_inc(&counters.segments);
	mutex_unlock(&table_lock);
	arg->segid = segid;
	return 0;
}

/* The segment of that number; table_lock is held. */
static struct segment *segment_of(s64 segid)
{
	struct segment *segment = xa_load(&segments, place_of(segid));

	return segment && segment->segid == segid ? segment : NULL;
}

static struct permit *permit_of(s64 apid)
{
	struct permit *permit = xa_load(&permits, place_of(apid));

	return permit && permit->apid == apid ? permit : NULL;
}

long segment_remove(struct process *process, s64 segid)
{
	struct segment *segment;
	int err = lock_tables(process);

	if (err)
		return err;
	segment = segment_of(segid);
	if (segid <= 0)
		err = -EINVAL;
	else if (!segment)
		err = -ENOENT;
	else if (segment->owner != process)
		err = -EACCES;
	if (!err) {
		xa_erase(&segments, place_of(segid));
		list_del(&segment->node);
	}
	mutex_unlock(&table_lock);
	if (!err)
		segment_end(segment);
	return err;
}

/* System V IPC's rule: owner, group or others, or the capability. */
static bool may(struct segment *segment, bool write)
{
	umode_t wanted = write ? 06 : 04;
	umode_t granted = segment->mode;

	if (uid_eq(current_euid(), segment->owner->uid))
		granted >>= 6;
	else if (in_egroup_p(segment->owner->gid))
		granted >>= 3;
	return (granted & wanted) == wanted || capable(CAP_IPC_OWNER);
}

long permit_get(struct process *process, struct xpmem_get *arg)
{
	bool write = arg->flags == XPMEM_RDWR;
	struct segment *segment;
	struct permit *permit;
	s64 apid;
	int err;

	permit = kzalloc(sizeof(*permit), GFP_KERNEL_ACCOUNT);
	if (!permit)
		return -ENOMEM;
	err = lock_tables(process);
	if (err) {
		kfree(permit);
		return err;
	}
	err = -EINVAL;
	if (arg->segid <= 0 || arg->flags < 0 || arg->flags > XPMEM_RDWR ||
	    arg->permit_type != XPMEM_PERMIT_MODE || arg->permit_value)
		goto fail;
	err = -ENOENT;
	segment = segment_of(arg->segid);
	if (!segment || !atomic_read(&segment->owner->mm->mm_users))
		goto fail;
	err = -EACCES;
	if (!may(segment, write))
		goto fail;

	apid = number(&permits, &next_permit, permit, process->tgid);
	err = apid;
	if (apid < 0)
		goto fail;
	refcount_set(&permit->refs, 1);
	refcount_inc(&process->refs);
	refcount_inc(&segment->refs);
	permit->apid = apid;
	permit->process = process;
	permit->segment = segment;
	permit->writable = write;
	list_add(&permit->node, &process->permits);
	atomic_long_inc(&counters.permits);
	mutex_unlock(&table_lock);
	arg->apid = apid;
	return 0;

fail:
	mutex_unlock(&table_lock);
	kfree(permit);
	return err;
}

/* The caller's permit of that number: 0 or an error. table_lock is held. */
static int own_permit(struct process *process, s64 apid, struct permit **permit)
{
	if (apid <= 0)
		return -EINVAL;
	*permit = permit_of(apid);
	if (!*permit)
		return -ENOENT;
	return (*permit)->process == process ? 0 : -EACCES;
}

/* The same for other files, with a reference. */
struct permit *permit_find(struct process *process, s64 apid)
{
	struct permit *permit;
	int err = lock_tables(process);

	if (err)
		return ERR_PTR(err);
	err = own_permit(process, apid, &permit);
	if (!err)
		refcount_inc(&permit->refs);
	mutex_unlock(&table_lock);
	return err ? ERR_PTR(err) : permit;
}

long permit_release(struct process *process, s64 apid)
{
	struct permit *permit;
	int err = lock_tables(process);

	if (err)
		return err;
	err = own_permit(process, apid, &permit);
	if (!err) {
		xa_erase(&permits, place_of(apid));
		list_del(&permit->node);
	}
	mutex_unlock(&table_lock);
	if (err)
		return err;
	attachments_unmap(permit);
	/* What another thread moved away meanwhile, or was just attaching. */
	permit_end(permit);
	return 0;
}
