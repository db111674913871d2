//! The allocator of the shared library: the system's, but where that gives nothing the
//! job ends with words. Rust's own answer is a signal without a reason.

use crate::error::Class;
use crate::{job, trace};
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Cursor, Write};

/// From so many bytes on, whoever asks is told that there is no memory: those are the
/// user's data, for which an MPI error is returned (`MPI_ERR_NO_MEM`).
const LARGE: usize = 1 << 16;

/// The system's allocator, with words for when it gives nothing.
#[derive(Debug)]
pub struct Allocator;

// SAFETY: all is the system allocator's, whose contract is the same; where it returns
// null for a small piece, nothing returns.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        checked(unsafe { System.alloc(layout) }, layout.size())
    }

    #[inline]
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        checked(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    #[inline]
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        checked(unsafe { System.realloc(at, layout, size) }, size)
    }
}

#[inline]
fn checked(at: *mut u8, size: usize) -> *mut u8 {
    if at.is_null() && size < LARGE {
        give_up(size);
    }
    at
}

/// Ends the job; takes no memory.
#[cold]
fn give_up(size: usize) -> ! {
    let mut text = [0u8; 200];
    let mut words = Cursor::new(&mut text[..]);
    let call = trace::current().unwrap_or("no MPI call");
    let _ = write!(
        words,
        "in {call}: the system gives no memory for {size} bytes (is the address space \
         limited? ulimit -v) (MPI_ERR_NO_MEM)"
    );
    let len = usize::try_from(words.position()).unwrap_or(0);
    let said = std::str::from_utf8(text.get(..len).unwrap_or_default());
    job::abort(Class::NO_MEM.0, said.unwrap_or("there is no memory"))
}
