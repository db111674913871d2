//! The shared heap as a Rust program's global allocator.

use super::alloc::at;
use super::heap::{self, GLOBAL_LEAST, Heap};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::Ordering::Relaxed;

/// Allocates what is large out of memory that the job's other ranks can map, so
/// that messages need no copy on the way, and all else by the system's malloc. In a
/// program that is no rank, everything.
///
/// ```
/// #[global_allocator]
/// static HEAP: btl_shm::region::global::SharedHeap = btl_shm::region::global::SharedHeap;
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SharedHeap;

/// Bytes of the smallest page of any machine: a constant, so that it costs nothing to
/// compare an alignment that is known when a program is compiled.
const LEAST_PAGE: usize = 4096;

/// The heap, for an allocation that is large or begins at a page: started by the first one.
#[inline]
fn heap_for(layout: Layout) -> Option<&'static Heap> {
    let fits = |least| layout.size() >= least || layout.align() >= LEAST_PAGE;
    if !fits(GLOBAL_LEAST.load(Relaxed)) {
        return None;
    }
    heap::here()
        .or_else(first)
        .filter(|heap| fits(heap.least()))
}

#[cold]
fn first() -> Option<&'static Heap> {
    if heap::here().is_none() && heap::outcome().is_none() {
        // Where the malloc family is preloaded, the system's malloc is the heap.
        let refused = if heap::is_preloaded() {
            drop(heap::start());
            true
        } else {
            heap::start_here(heap::getenv, false).is_err() && heap::outcome().is_some()
        };
        if refused {
            GLOBAL_LEAST.store(usize::MAX, Relaxed);
        }
    }
    let heap = heap::here()?;
    GLOBAL_LEAST.store(heap.least(), Relaxed);
    Some(heap)
}

/// The heap, if it has the block at `ptr`.
#[inline]
fn heap_of(ptr: *mut u8) -> Option<&'static Heap> {
    heap::here().filter(|heap| heap.allocator().contains(ptr.addr()))
}

// SAFETY: blocks of the heap are as long and aligned as they were asked to be, stay
// until they are freed, and are told from the system's by their address. Nothing here
// unwinds.
unsafe impl GlobalAlloc for SharedHeap {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if let Some(heap) = heap_for(layout)
            && let Some((start, _)) = heap.allocator().alloc(layout.size(), layout.align())
        {
            return at(start);
        }
        // SAFETY: as the caller said.
        unsafe { System.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if let Some(heap) = heap_for(layout)
            && let Some(start) = heap.allocator().alloc_zeroed(layout.size(), layout.align())
        {
            return at(start);
        }
        // SAFETY: as the caller said.
        unsafe { System.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        match heap_of(ptr) {
            Some(heap) => {
                // SAFETY: as the caller said.
                let known = unsafe { heap.allocator().free(ptr.addr()) };
                debug_assert!(known, "no block at {ptr:p}");
            }
            // SAFETY: as the caller said; it is the system's.
            None => unsafe { System.dealloc(ptr, layout) },
        }
    }

    #[inline]
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, len: usize) -> *mut u8 {
        let home = heap_of(ptr);
        let stays = match home {
            Some(heap) => len >= heap.least(),
            None => len < GLOBAL_LEAST.load(Relaxed),
        };
        match home {
            // SAFETY: the caller has the block.
            Some(heap) if stays && unsafe { heap.allocator().resize(ptr.addr(), len) } => {
                return ptr;
            }
            // SAFETY: as the caller said; it is the system's and stays so.
            None if stays => return unsafe { System.realloc(ptr, layout, len) },
            _ => {}
        }
        // SAFETY: as the caller said: `len` is not 0, and rounding it does not overflow.
        let new = unsafe { self.alloc(Layout::from_size_align_unchecked(len, layout.align())) };
        if !new.is_null() {
            // SAFETY: both are at least that long, and apart.
            unsafe { new.copy_from_nonoverlapping(ptr, len.min(layout.size())) };
            // SAFETY: as the caller said.
            unsafe { self.dealloc(ptr, layout) };
        }
        new
    }
}
