/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the module share.
 *
 * process      a process that opened the device: its address space (mm)
 *  |- segment  a range of its addresses that may be attached (segid)
 *  `- permit   its right to attach another process's segment (apid)
 *      `- attachment  a mapping of a piece of that segment
 *
 * A process ends with its last descriptor of the device, and takes its segments
 * and permits out of the tables; those who still hold one of them find it
 * `gone`. An attachment belongs to a file of its own that only its mappings
 * hold: it lives as long as any of them does.
 *
 * Locks, outermost first:
 *   table_lock          the tables, the lists in processes, `gone` of all but
 *                       attachments
 *   segment.lock        which attachments a segment has
 *   (locks of the kernel under which a notifier may be called: mmap_lock of the
 *   owner, anon_vma, i_mmap_rwsem and folio locks of what it has mapped)
 *   attachment.lock     entries of an attachment being made or taken back
 *   i_mmap_rwsem of the attachment's own inode
 *   attachment.seq_lock the notifier's sequence, the faults under way and the
 *                       chunks that have entries
 *
 * Under attachment.lock nothing may allocate memory in a way that can reclaim:
 * reclaim calls notifiers, which take that lock.
 */
#ifndef XPMEM_H
#define XPMEM_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/uidgid.h>

#include "xpmem_abi.h"

/* The most bits in an attachment's map of chunks; each stands for 2 MiB or more. */
#define CHUNKS_MAX (1UL << 20)

/* The largest value of the parameter fault_around, in pages. */
#define FAULT_AROUND_MAX 512

struct process {
	refcount_t refs;
	struct mm_struct *mm;		/* held by mmgrab */
	struct files_struct *files;	/* compared, never followed */
	pid_t tgid;
	kuid_t uid;
	kgid_t gid;
	unsigned int opens;		/* open files; table_lock */
	bool gone;			/* table_lock */
	struct list_head node;		/* in the list of all; table_lock */
	struct list_head segments;	/* table_lock */
	struct list_head permits;	/* table_lock */
};

struct segment {
	refcount_t refs;
	s64 segid;
	struct process *owner;
	unsigned long start;		/* owner's addresses */
	unsigned long end;
	umode_t mode;
	bool gone;			/* segment.lock; read without it as a hint */
	struct mutex lock;
	struct list_head node;		/* in owner->segments */
	struct list_head attachments;	/* segment.lock */
};

struct permit {
	refcount_t refs;
	s64 apid;
	struct process *process;	/* who may attach */
	struct segment *segment;
	bool writable;
	bool gone;			/* segment.lock */
	struct list_head node;		/* in process->permits */
};

struct attachment {
	struct permit *permit;
	struct address_space *mapping;	/* all its mappings: of its own inode */
	unsigned long start;		/* owner's address of the first page */
	unsigned long pages;
	bool gone;			/* attachment.lock: no entry is made again */
	struct list_head node;		/* in segment->attachments */
	struct mmu_interval_notifier notifier;
	struct mutex lock;
	spinlock_t seq_lock;
	struct list_head lookups;	/* faults under way; seq_lock */
	unsigned int chunk_shift;	/* log2 of the bytes that a chunk bit covers */
	unsigned long *chunks;		/* chunks with entries; seq_lock */
};

/* Objects alive, and events since the module was loaded: /proc/xpmem/stats. */
struct counters {
	atomic_long_t processes, segments, permits, attachments;
	atomic_long_t faults, entries, recalls;
};
extern struct counters counters;

extern unsigned int fault_around;

/* table.c */
struct process *process_open(void);
void process_close_file(struct process *process);
void process_end(struct process *process);
void process_put(struct process *process);
long segment_make(struct process *process, struct xpmem_make *arg);
long segment_remove(struct process *process, s64 segid);
long permit_get(struct process *process, struct xpmem_get *arg);
long permit_release(struct process *process, s64 apid);
struct permit *permit_find(struct process *process, s64 apid);
void permit_put(struct permit *permit);

/* attach.c */
int attach_pin(void);
void attach_unpin(void);
long attachment_attach(struct process *process, struct xpmem_attach *arg);
long attachment_detach(unsigned long addr);
void attachments_unmap(struct permit *permit);

/* fault.c */
extern const struct vm_operations_struct attachment_vm_ops;
extern const struct mmu_interval_notifier_ops attachment_notifier_ops;
void attachment_end(struct attachment *att);
bool chunks_init(struct attachment *att);

#endif
