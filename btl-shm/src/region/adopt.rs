//! Memory of the program's own, moved to shared pages at the same addresses, for as long
//! as peers are to reach it by loads and stores: the windows of one-sided communication,
//! where the setting `window_move` asks for it. What can go wrong with it is in
//! `docs/tuning.md`.
//!
//! A block of the heap takes the content of the pages, and is mapped over them as well. So
//! peers reach the memory at the block's address, the program at its own, and when the
//! last use ends, private pages with the content of then take its place again.
//!
//! What moves is private memory that can be read and written, in whole pages: with it what
//! else is in its first and last page. What does not move:
//!
//! * anything, while the process has more than one thread: what another thread writes
//!   between the copy and the move would be lost. For the same reason memory stays shared
//!   after its last use until there is one thread again, or it is gone;
//! * the stack, and what the C library has of this thread: a forked child uses both before
//!   it has memory of its own;
//! * the C library's arenas for further threads, which count on it that pages given back
//!   are zero when they are touched again;
//! * the data of the C library and of this one.
//!
//! Only the library that is preloaded does this: its handlers around a fork come before
//! all others, so that no code of the program runs in a child before its memory is private.

use super::heap::Heap;
use super::{lines, static_data, sys};
use crate::recall;
use std::sync::{Mutex, PoisonError};

/// Memory that is moved by one call.
const STEP: usize = 64 << 20;
/// The C library's arenas begin at multiples of this.
const ARENA: usize = 64 << 20;
/// Pieces that can be moved at once: each makes a few mappings, and is looked at by forks.
const MOST: usize = recall::MOST_RANGES - 16;
/// Objects whose data stay where they are.
const KEPT: [&str; 5] = [
    "/libc.so",
    "/ld-linux",
    "/liblariat_heap",
    "/libmpi_abi",
    "/libmpi.so.12",
];

/// Memory that has moved.
#[derive(Clone, Copy, Debug)]
struct Adopted {
    start: usize,
    len: usize,
    /// The block of the heap that it is the same memory as.
    block: usize,
    uses: usize,
}

impl Adopted {
    fn end(&self) -> usize {
        self.start + self.len
    }
}

static ADOPTED: Mutex<Vec<Adopted>> = Mutex::new(Vec::new());

/// Moves `len` bytes at `start` into the heap, or takes them into use once more; the
/// address at which peers find the first. `None`: they stay where they are.
pub fn adopt(heap: &Heap, start: usize, len: usize) -> Option<usize> {
    let page = sys::page();
    let (first, end) = (
        start / page * page,
        start.checked_add(len)?.checked_next_multiple_of(page)?,
    );
    let mut adopted = ADOPTED.lock().unwrap_or_else(PoisonError::into_inner);
    put_unused_back(heap, &mut adopted);
    let overlaps = |one: &&mut Adopted| one.start < end && first < one.end();
    if let Some(one) = adopted.iter_mut().find(overlaps) {
        let is_whole = one.start <= first && end <= one.end();
        if !is_whole || (one.uses == 0 && !is_ours(heap, one)) {
            return None;
        }
        one.uses += 1;
        return Some(one.block + (start - one.start));
    }
    if len == 0 || adopted.len() >= MOST || threads() != 1 || !may_move(first, end) {
        return None;
    }
    let block = heap.allocator().alloc_zeroed(end - first, page)?;
    if !heap.allocator().expose(block, end - first) {
        give(heap, block);
        return None;
    }
    let one = Adopted {
        start: first,
        len: end - first,
        block,
        uses: 1,
    };
    if !move_in(heap, &one) {
        give(heap, block);
        return None;
    }
    adopted.push(one);
    Some(block + (start - first))
}

/// Ends a use of the memory at `start`. After the last one it becomes private again.
pub fn release(heap: &Heap, start: usize) {
    let mut adopted = ADOPTED.lock().unwrap_or_else(PoisonError::into_inner);
    let holds = |one: &&mut Adopted| (one.start..one.end()).contains(&start);
    if let Some(one) = adopted.iter_mut().find(holds) {
        one.uses = one.uses.saturating_sub(1);
    }
    put_unused_back(heap, &mut adopted);
}

/// Makes what nobody uses private again, where that can be.
fn put_unused_back(heap: &Heap, adopted: &mut Vec<Adopted>) {
    if adopted.iter().all(|one| one.uses > 0) || threads() != 1 {
        return;
    }
    adopted.retain(|one| {
        if one.uses > 0 || !move_out(heap, one) {
            return true; // no memory for it now
        }
        recall::remove(one.start);
        give(heap, one.block);
        false
    });
}

/// Gives a block back of which no mapping is left but the heap's own.
fn give(heap: &Heap, block: usize) {
    // SAFETY: it is ours, and no peer uses it.
    let found = unsafe { heap.allocator().free(block) };
    debug_assert!(found, "a block of the heap");
}

/// Moves the content into the block, and the block over the memory. False: nothing moved.
fn move_in(heap: &Heap, one: &Adopted) -> bool {
    // Registered before it is shared: until then a fork finds nothing to replace.
    if recall::add_alias(one.start, one.len, heap.allocator().window().base()).is_err() {
        return false;
    }
    let page = sys::page();
    let present = static_data::pagemap(one.start / page, one.len / page);
    // With signals blocked nothing but this runs between copying and moving.
    let moved = recall::hold(|| {
        for (at, _) in (0..one.len).step_by(STEP).zip(0..) {
            let len = STEP.min(one.len - at);
            for number in at / page..(at + len) / page {
                if static_data::is_present(present.as_deref(), number) {
                    let within = number * page;
                    // SAFETY: a page of the program's that can be read, and one of the
                    // block's.
                    unsafe { sys::copy_page(one.start + within, one.block + within) };
                }
            }
            let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
            // SAFETY: an old length of 0 maps shared pages once more. What is replaced are
            // whole pages with the same content, which no other thread changes.
            let done = unsafe { sys::mremap(one.block + at, 0, len, flags, one.start + at) };
            if done.is_err() {
                return false;
            }
        }
        true
    });
    if !moved {
        // What has moved goes back; where that fails, it is shared, and nothing is lost.
        if move_out(heap, one) {
            recall::remove(one.start);
            return false;
        }
    }
    true
}

/// Makes what is still the block private again, step by step, and gives the block's pages
/// back on the way, so that it never takes much more memory. False: not all of it; the
/// rest is shared as before.
fn move_out(heap: &Heap, one: &Adopted) -> bool {
    (0..one.len).step_by(STEP).all(|at| {
        let len = STEP.min(one.len - at);
        let done = recall::put_back(one.start + at, len).is_ok();
        if done {
            // SAFETY: the memory has a copy of what is in these pages of the block.
            // Where it is refused, they go with the block.
            drop(unsafe { heap.allocator().window().release(one.block + at, len) });
        }
        done
    })
}

/// Whether all of the memory is still the block.
fn is_ours(heap: &Heap, one: &Adopted) -> bool {
    let window = heap.allocator().window();
    let at = window.offsets().start + (one.block - window.base()) as u64;
    let Some(file) = recall::file_of_range(window.base()) else {
        return false;
    };
    let mut covered = one.start;
    let read = lines::each(c"/proc/self/maps", &mut |line| {
        let right = line.shared
            && line.file == file
            && line.start <= covered
            && line.offset.wrapping_sub(at) == (line.start.wrapping_sub(one.start)) as u64;
        if right && covered < line.end {
            covered = line.end;
        }
    });
    read.is_ok() && covered >= one.end()
}

/// Where the C library keeps a thread's own data. POSIX leaves open what kind of value it is.
#[cfg(target_env = "musl")]
fn address_of(thread: libc::pthread_t) -> usize {
    thread.addr()
}

#[cfg(not(target_env = "musl"))]
fn address_of(thread: libc::pthread_t) -> usize {
    usize::try_from(thread).unwrap_or(0)
}

/// Whether the pages are private memory that can be read and written, and of a kind that
/// may move.
fn may_move(first: usize, end: usize) -> bool {
    let page = sys::page();
    // SAFETY: returns a number; the location is always valid.
    let (own, errno) = unsafe {
        let errno = libc::__errno_location().addr();
        (address_of(libc::pthread_self()), errno)
    };
    let thread = own.min(errno) / page * page..own.max(errno) + 2 * page;
    if first < thread.end && thread.start < end {
        return false;
    }
    let (mut covered, mut may) = (first, true);
    let read = lines::each(c"/proc/self/maps", &mut |line| {
        if line.start >= end || line.end <= first {
            return;
        }
        let is_kept = |path: &[u8]| {
            let path = String::from_utf8_lossy(path);
            path.starts_with("[stack") || KEPT.iter().any(|kept| path.contains(kept))
        };
        // What is not there of a file's page is in the file, and not zero.
        let is_anonymous = line.file.1 == 0;
        may &= !line.shared
            && line.protection == sys::RW
            && is_anonymous
            && !line.start.is_multiple_of(ARENA)
            && !is_kept(line.path)
            && line.start <= covered;
        covered = line.end;
    });
    read.is_ok() && may && covered >= end
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(usize::MAX, Iterator::count)
}
