// SPDX-License-Identifier: GPL-2.0-only
/*
 * Entries of attachments: made when they are touched, taken back when the
 * owner's mapping changes.
 *
 * No page is pinned. A touch asks hmm_range_fault() which page the owner has at
 * the address, and enters it as a bare frame number. Whatever is about to
 * change the owner's mapping, in any process, first calls the attachment's
 * notifier, which takes the entries back; so an entry is never older than the
 * owner's own. A lookup that such a change overtakes, between asking and
 * entering, is told so and asks again.
 */
#include <linux/bitmap.h>
#include <linux/file.h>
#include <linux/hmm.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "xpmem.h"

/*
 * Tasks that are taking entries back. That changes the attacher's page table
 * and so calls the notifiers of those who have attached the *attacher's* memory,
 * under our lock. Attached memory cannot be attached again, so they have
 * nothing to take back; waiting for their locks could deadlock where two
 * processes attach each other.
 */
struct recaller {
	struct list_head node;
	struct task_struct *task;
};
static LIST_HEAD(recallers);
static DEFINE_SPINLOCK(recallers_lock);

static bool is_recaller(void)
{
	struct recaller *other;
	bool found = false;

	spin_lock(&recallers_lock);
	list_for_each_entry(other, &recallers, node)
		if (other->task == current)
			found = true;
	spin_unlock(&recallers_lock);
	return found;
}

/* Takes back the entries of some pages, in every mapping of the attachment. */
static void zap(struct attachment *att, unsigned long first, unsigned long pages)
{
	struct recaller self = { .task = current };

	lockdep_assert_held(&att->lock);
	spin_lock(&recallers_lock);
	list_add(&self.node, &recallers);
	spin_unlock(&recallers_lock);

	unmap_mapping_pages(att->mapping, first, pages, false);

	spin_lock(&recallers_lock);
	list_del(&self.node);
	spin_unlock(&recallers_lock);
}

/*
 * Chunks: which parts of the attachment may have entries at all. An owner maps
 * and unmaps all day in places that nobody has touched through the attachment;
 * with the map this costs a look at a few bits. Chunks are aligned in the
 * owner's address space: 2 MiB, and more in attachments of terabytes.
 */
bool chunks_init(struct attachment *att)
{
	unsigned long last = att->start + (att->pages << PAGE_SHIFT) - 1;

	att->chunk_shift = 21;
	while ((last >> att->chunk_shift) - (att->start >> att->chunk_shift) >= CHUNKS_MAX)
		att->chunk_shift++;
	att->chunks = bitmap_zalloc((last >> att->chunk_shift) -
				    (att->start >> att->chunk_shift) + 1, GFP_KERNEL_ACCOUNT);
	return att->chunks;
}

static unsigned int chunk_of(struct attachment *att, unsigned long addr)
{
	return (addr >> att->chunk_shift) - (att->start >> att->chunk_shift);
}

static void chunks_fill(struct attachment *att, unsigned long start, unsigned long end)
{
	unsigned int first = chunk_of(att, start);

	lockdep_assert_held(&att->seq_lock);
	bitmap_set(att->chunks, first, chunk_of(att, end - 1) - first + 1);
}

static bool chunks_filled(struct attachment *att, unsigned long start, unsigned long end)
{
	unsigned long last = chunk_of(att, end - 1);

	lockdep_assert_held(&att->seq_lock);
	return find_next_bit(att->chunks, last + 1, chunk_of(att, start)) <= last;
}

/* After [start, end) was taken back: forgets the chunks that lie wholly in it. */
static void chunks_forget(struct attachment *att, unsigned long start, unsigned long end)
{
	unsigned long att_end = att->start + (att->pages << PAGE_SHIFT);
	unsigned long size = 1UL << att->chunk_shift;
	unsigned int first = chunk_of(att, start);
	unsigned int past = chunk_of(att, end - 1) + 1;

	/* What of a chunk lies outside of the attachment has no entries. */
	if (start > att->start && !IS_ALIGNED(start, size))
		first++;
	if (end < att_end && !IS_ALIGNED(end, size))
		past--;
	if (first >= past)
		return;
	spin_lock(&att->seq_lock);
	bitmap_clear(att->chunks, first, past - first);
	spin_unlock(&att->seq_lock);
}

/*
 * A fault on its way from asking for the owner's pages to entering them. The
 * notifier's own sequence would do, but it moves with every change anywhere in
 * the attachment: in a large window over a busy owner no fault would ever get
 * through.
 */
struct lookup {
	struct list_head node;		/* in att->lookups */
	unsigned long start;		/* owner's addresses */
	unsigned long end;
	bool overtaken;			/* seq_lock */
};

static void lookups_overtake(struct attachment *att, unsigned long start, unsigned long end)
{
	struct lookup *lookup;

	lockdep_assert_held(&att->seq_lock);
	list_for_each_entry(lookup, &att->lookups, node)
		if (start < lookup->end && lookup->start < end)
			lookup->overtaken = true;
}

/*
 * The owner's mapping is about to change: called by whoever changes it, before
 * the change. Nothing is entered for the range until the change is over, since
 * mmu_interval_read_begin() waits for that.
 */
static bool attachment_invalidate(struct mmu_interval_notifier *notifier,
				  const struct mmu_notifier_range *range,
				  unsigned long seq)
{
	struct attachment *att = container_of(notifier, struct attachment, notifier);
	unsigned long att_end = att->start + (att->pages << PAGE_SHIFT);
	unsigned long start = max(range->start, att->start) & PAGE_MASK;
	unsigned long end = min(PAGE_ALIGN(min(range->end, att_end)), att_end);
	bool filled;

	spin_lock(&att->seq_lock);
	filled = chunks_filled(att, start, end);
	/* Who can only ask whether it would block must not be told a new sequence. */
	if (filled && !mmu_notifier_range_blockable(range)) {
		spin_unlock(&att->seq_lock);
		return false;
	}
	mmu_interval_set_seq(notifier, seq);
	lookups_overtake(att, start, end);
	spin_unlock(&att->seq_lock);
	if (!filled || is_recaller())
		return true;

	/* Whoever was about to enter pages of before has done so once we have this. */
	mutex_lock(&att->lock);
	zap(att, (start - att->start) >> PAGE_SHIFT, (end - start) >> PAGE_SHIFT);
	chunks_forget(att, start, end);
	mutex_unlock(&att->lock);
	atomic_long_inc(&counters.recalls);
	return true;
}

const struct mmu_interval_notifier_ops attachment_notifier_ops = {
	.invalidate = attachment_invalidate,
};

/* From here on every touch is a SIGBUS: the segment or the permit is no more. */
void attachment_end(struct attachment *att)
{
	mutex_lock(&att->lock);
	att->gone = true;
	zap(att, 0, att->pages);
	chunks_forget(att, att->start, att->start + (att->pages << PAGE_SHIFT));
	mutex_unlock(&att->lock);
}

/* What enter() enters: the owner's pages as hmm_range_fault() told them. */
struct entering {
	struct vm_area_struct *vma;
	unsigned long start;		/* attacher's address of pfns[0] */
	unsigned long *pfns;
	pgprot_t read;
	pgprot_t write;
	unsigned long entered;
};

static int allocate_only(pte_t *pte, unsigned long addr, void *data)
{
	return 0;
}

static int enter(pte_t *pte, unsigned long addr, void *data)
{
	struct entering *in = data;
	unsigned long found = in->pfns[(addr - in->start) >> PAGE_SHIFT];
	unsigned long pfn = found & ~HMM_PFN_FLAGS;
	bool writable = (found & HMM_PFN_WRITE) && (in->vma->vm_flags & VM_WRITE);
	pte_t old = ptep_get(pte);
	pte_t new;

	if (!(found & HMM_PFN_VALID) || (found & HMM_PFN_ERROR) || !pfn_valid(pfn))
		return 0;
	/* What is there is right, or it would have been taken back. */
	if (!pte_none(old) && (pte_write(old) || !writable))
		return 0;
	new = pte_mkspecial(pfn_pte(pfn, writable ? in->write : in->read));
	if (writable) {
		struct folio *folio = page_folio(pfn_to_page(pfn));

		/*
		 * Stores through this entry leave no trace in the owner's, which
		 * may be clean. Whoever cleans the folio takes the entry back first.
		 */
		if (!folio_test_dirty(folio))
			folio_mark_dirty(folio);
		new = pte_mkdirty(new);
	}
	set_pte_at(in->vma->vm_mm, addr, pte, pte_mkyoung(new));
	in->entered++;
	return 0;
}

/* The kind of memory that cannot be lent: devices, other attachments. */
#ifndef VM_SHADOW_STACK
#define VM_SHADOW_STACK VM_NONE
#endif
#define NOT_LENT (VM_IO | VM_PFNMAP | VM_SHADOW_STACK)

/*
 * The pages to look at for a fault: an aligned block in the owner's address space,
 * cut to both mappings. False where the owner has nothing there, or nothing that
 * it can lend; its mmap lock is held.
 */
static bool block_around(struct vm_fault *vmf, struct attachment *att, struct mm_struct *owner,
			 unsigned long *first, unsigned long *past)
{
	unsigned long base = att->start >> PAGE_SHIFT;
	unsigned long page = base + vmf->pgoff;
	struct vm_area_struct *ours = vmf->vma;
	struct vm_area_struct *theirs = find_vma(owner, page << PAGE_SHIFT);
	unsigned long around = READ_ONCE(fault_around);

	if (!theirs || theirs->vm_start > page << PAGE_SHIFT || theirs->vm_flags & NOT_LENT)
		return false;
	around = rounddown_pow_of_two(clamp(around, 1UL, (unsigned long)FAULT_AROUND_MAX));
	*first = max3(round_down(page, around), base + ours->vm_pgoff,
		      theirs->vm_start >> PAGE_SHIFT) - base;
	*past = min3(round_down(page, around) + around, base + ours->vm_pgoff + vma_pages(ours),
		     theirs->vm_end >> PAGE_SHIFT) - base;
	return true;
}

/*
 * Enters what was found, unless the owner's mapping has changed since, or what is
 * wanted of the touched page is not there.
 */
static vm_fault_t enter_all(struct attachment *att, struct lookup *lookup,
			    struct entering *in, unsigned long touched, unsigned long wanted)
{
	unsigned long size = lookup->end - lookup->start;
	vm_fault_t result = VM_FAULT_NOPAGE;
	unsigned int flags;

	mutex_lock(&att->lock);
	/* The tables have been made: should one be gone again, then without reclaim. */
	flags = memalloc_noreclaim_save();
	spin_lock(&att->seq_lock);
	if (att->gone)
		result = VM_FAULT_SIGBUS;
	else if (lookup->overtaken || (in->pfns[touched] & wanted) != wanted)
		result = VM_FAULT_RETRY;
	else
		chunks_fill(att, lookup->start, lookup->end);
	spin_unlock(&att->seq_lock);
	/* A change that begins now waits for the lock, and takes back what is entered. */
	if (result == VM_FAULT_NOPAGE &&
	    apply_to_page_range(in->vma->vm_mm, in->start, size, enter, in))
		result = VM_FAULT_OOM;
	memalloc_noreclaim_restore(flags);
	mutex_unlock(&att->lock);
	return result;
}

/* Makes the page tables that enter_all() needs, of which there may be two. */
static bool make_tables(struct mm_struct *mm, unsigned long start, unsigned long size)
{
	return !apply_to_page_range(mm, start, PAGE_SIZE, allocate_only, NULL) &&
	       !apply_to_page_range(mm, start + size - PAGE_SIZE, PAGE_SIZE, allocate_only, NULL);
}

/*
 * Asks for the pages [first, past) of the attachment and enters them; the touched
 * one must be among them. `fault` tells what to fault in at the owner, and is 0
 * for more than one page: hmm_range_fault() does not keep to the pages for which
 * it is asked. VM_FAULT_RETRY where the touched page is not there, or a change
 * came in between; the locks are still held then.
 */
static vm_fault_t look_up(struct vm_fault *vmf, struct attachment *att, unsigned long wanted,
			  unsigned long fault, unsigned long first, unsigned long past,
			  unsigned long *pfns)
{
	struct vm_area_struct *vma = vmf->vma;
	struct lookup lookup = {
		.start = att->start + (first << PAGE_SHIFT),
		.end = att->start + (past << PAGE_SHIFT),
	};
	struct hmm_range range = {
		.notifier = &att->notifier,
		.start = lookup.start,
		.end = lookup.end,
		.hmm_pfns = pfns,
		.default_flags = fault,
	};
	struct entering in = {
		.vma = vma,
		.start = vma->vm_start + ((first - vma->vm_pgoff) << PAGE_SHIFT),
		.pfns = pfns,
		.read = vm_get_page_prot(vma->vm_flags & ~VM_WRITE),
		.write = vm_get_page_prot(vma->vm_flags),
	};
	vm_fault_t result = VM_FAULT_OOM;
	int err;

	if (!make_tables(vma->vm_mm, in.start, lookup.end - lookup.start))
		return result;
	spin_lock(&att->seq_lock);
	list_add(&lookup.node, &att->lookups);
	spin_unlock(&att->seq_lock);
	/* Waits for changes that have begun; those that begin later find the lookup. */
	range.notifier_seq = mmu_interval_read_begin(&att->notifier);
	err = hmm_range_fault(&range);
	if (!err)
		result = enter_all(att, &lookup, &in, vmf->pgoff - first, wanted);
	else
		result = err == -EBUSY ? VM_FAULT_RETRY : VM_FAULT_SIGBUS;
	spin_lock(&att->seq_lock);
	list_del(&lookup.node);
	spin_unlock(&att->seq_lock);
	atomic_long_add(in.entered, &counters.entries);
	return result;
}

/* Whether the owner has the page as wanted, without a fault. */
static bool owner_has(struct vm_fault *vmf, struct attachment *att, unsigned long wanted)
{
	unsigned long found = 0;
	struct hmm_range range = {
		.notifier = &att->notifier,
		.start = att->start + (vmf->pgoff << PAGE_SHIFT),
		.end = att->start + (vmf->pgoff << PAGE_SHIFT) + PAGE_SIZE,
		.hmm_pfns = &found,
	};

	range.notifier_seq = mmu_interval_read_begin(&att->notifier);
	return !hmm_range_fault(&range) && (found & wanted) == wanted;
}

/*
 * Finds the owner's pages and enters them. Both mmap locks are held for reading.
 * A page that is touched is faulted in at the owner if it has none; its
 * neighbours are only entered if the owner has them.
 */
static vm_fault_t resolve(struct vm_fault *vmf, struct attachment *att, bool write, bool has,
			  unsigned long first, unsigned long past)
{
	unsigned long wanted = HMM_PFN_VALID | (write ? HMM_PFN_WRITE : 0);
	unsigned long fault = HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0);
	vm_fault_t result = VM_FAULT_RETRY;
	unsigned long one = 0;

	if (has && past - first > 1) {
		unsigned long *pfns = kcalloc(past - first, sizeof(*pfns), GFP_KERNEL);

		if (pfns)
			result = look_up(vmf, att, wanted, 0, first, past, pfns);
		kfree(pfns);
	}
	/* Also where the owner is busy changing the block: one page is soon done. */
	while (result == VM_FAULT_RETRY && !fatal_signal_pending(current)) {
		cond_resched();
		result = look_up(vmf, att, wanted, fault, vmf->pgoff, vmf->pgoff + 1, &one);
	}
	return result == VM_FAULT_RETRY ? VM_FAULT_SIGBUS : result;
}

/*
 * The two ways to go on without the attacher's mmap lock, which the caller of a
 * fault takes again when it is told to retry. The mapping may vanish meanwhile: its
 * file is held, which keeps the module.
 *
 * Waiting for the owner's mmap lock with one's own held could be for ever, where two
 * processes wait for each other's.
 */
static void wait_for_owner(struct vm_fault *vmf, struct mm_struct *owner)
{
	struct file *file = get_file(vmf->vma->vm_file);

	mmap_read_unlock(vmf->vma->vm_mm);
	if (!mmap_read_lock_killable(owner))
		mmap_read_unlock(owner);
	fput(file);
}

/*
 * Has the owner fault the page in, which may mean to wait for a disk or for a
 * server: so that it can be killed meanwhile. The owner's mmap lock is held, and
 * given up too.
 */
static void fault_in(struct vm_fault *vmf, struct attachment *att, struct mm_struct *owner,
		     bool write)
{
	struct file *file = get_file(vmf->vma->vm_file);
	unsigned long addr = att->start + (vmf->pgoff << PAGE_SHIFT);
	bool unlocked = false;

	if (owner != vmf->vma->vm_mm)
		mmap_read_unlock(vmf->vma->vm_mm);
	/* Where it fails, so will the retry, which tells. */
	fixup_user_fault(owner, addr, FAULT_FLAG_REMOTE | (write ? FAULT_FLAG_WRITE : 0), &unlocked);
	mmap_read_unlock(owner);
	fput(file);
}

/*
 * A touch of a page without an entry, or the first store to one with a read-only
 * entry. `retry` is what to return when the attacher's mmap lock was given up.
 */
static vm_fault_t touch(struct vm_fault *vmf, bool write, vm_fault_t retry)
{
	struct attachment *att = vmf->vma->vm_private_data;
	struct mm_struct *owner = att->permit->segment->owner->mm;
	unsigned long wanted = HMM_PFN_VALID | (write ? HMM_PFN_WRITE : 0);
	bool same = owner == vmf->vma->vm_mm;
	bool nowait = vmf->flags & FAULT_FLAG_RETRY_NOWAIT;
	unsigned long first, past;
	vm_fault_t result;

	if (vmf->pgoff >= att->pages || READ_ONCE(att->gone) || !mmget_not_zero(owner))
		return VM_FAULT_SIGBUS;
	atomic_long_inc(&counters.faults);
	if (!same && !mmap_read_trylock(owner)) {
		if (nowait) {
			result = VM_FAULT_RETRY;
		} else if (vmf->flags & FAULT_FLAG_ALLOW_RETRY) {
			wait_for_owner(vmf, owner);
			result = retry;
		} else {
			/* The caller comes back, as it does after any fault. */
			result = VM_FAULT_NOPAGE;
		}
		goto put_owner;
	}
	result = VM_FAULT_SIGBUS;
	if (block_around(vmf, att, owner, &first, &past)) {
		bool has = owner_has(vmf, att, wanted);

		/*
		 * Once with the locks given up; the second time with them held, so
		 * that an owner that forks all the time cannot keep it off.
		 */
		if (!has && !nowait && fault_flag_allow_retry_first(vmf->flags)) {
			fault_in(vmf, att, owner, write);
			result = retry;
			goto put_owner;
		}
		result = resolve(vmf, att, write, has, first, past);
	}
	if (!same)
		mmap_read_unlock(owner);
put_owner:
	/* The last user of an address space tears it down: not under these locks. */
	mmput_async(owner);
	return result;
}

static vm_fault_t attachment_fault(struct vm_fault *vmf)
{
	return touch(vmf, vmf->flags & FAULT_FLAG_WRITE, VM_FAULT_RETRY);
}

/*
 * With VM_FAULT_NOPAGE beside it, since otherwise the kernel goes on to make the
 * entry writable itself: it must never, as only under the attachment's lock is
 * it known that the owner may write the page.
 */
static vm_fault_t attachment_pfn_mkwrite(struct vm_fault *vmf)
{
	vm_fault_t result = touch(vmf, true, VM_FAULT_RETRY | VM_FAULT_NOPAGE);

	return result == VM_FAULT_RETRY ? VM_FAULT_RETRY | VM_FAULT_NOPAGE : result;
}

const struct vm_operations_struct attachment_vm_ops = {
	.fault = attachment_fault,
	.pfn_mkwrite = attachment_pfn_mkwrite,
};
