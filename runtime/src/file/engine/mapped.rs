//! Writes of many short extents that lie close together: straight into the pages of the
//! file, which are mapped for the purpose. Gaps are never touched.
//!
//! Only where all processes see one set of pages: on file systems of this machine. A file
//! that is too short for a window first gets space for it, and only then its new size: on a
//! full device it stays as long as what was written. The pages are made present before they
//! are written, so that a full device is an error of that call; what another program
//! truncates meanwhile is met by the guard of copies. In all these cases the rest goes by
//! calls of the kernel, which say exactly what is wrong.

use super::part::{Direction, Run, Transfer};
use super::{sieve, vectored};
use crate::memory::copy_piece;
use btl_shm::fault;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;

/// Bytes from one extent to the next up to which this pays: there are then several in a
/// page, whose fault costs about as much as two calls.
const STEP: u64 = 1024;
/// Fewer extents are not worth a mapping.
const FEW: u64 = 32;
/// Bytes that are mapped at once, at a multiple of as many.
const WINDOW: u64 = 4 << 20;
const PAGE: u64 = 4096;

/// File systems of this machine whose pages all processes share, by their magic numbers:
/// tmpfs, ramfs, ext2 to ext4, XFS, btrfs, F2FS.
const LOCAL: [u32; 6] = [
    0x0102_1994,
    0x8584_58f6,
    0xef53,
    0x5846_5342,
    0x9123_683e,
    0xf2f5_2010,
];

/// Whether this is faster than a call for each extent.
pub(super) fn pays(fd: BorrowedFd<'_>, run: &Run<'_>) -> bool {
    let Some(span) = sieve::span(run) else {
        return false;
    };
    let (pieces, gap) = sieve::shape(run, span);
    pieces >= FEW && gap + run.len / pieces <= STEP && can_be_mapped(fd)
}

fn can_be_mapped(fd: BorrowedFd<'_>) -> bool {
    let fd = fd.as_raw_fd();
    // SAFETY: the descriptor is open.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    if flags & libc::O_ACCMODE != libc::O_RDWR {
        return false;
    }
    let mut about = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the descriptor is open, and `about` is good for the call.
    if unsafe { libc::fstatfs(fd, about.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: the kernel has filled it in.
    let kind = unsafe { about.assume_init() }.f_type;
    // Some C libraries extend the sign of the number.
    u32::try_from(kind & 0xffff_ffff).is_ok_and(|kind| LOCAL.contains(&kind))
}

/// A part of the file in memory.
struct Mapping {
    at: NonNull<u8>,
    first: u64,
    len: usize,
    _guard: fault::Range,
}

impl Mapping {
    /// Maps the pages of the window, and makes all of them present.
    fn new(fd: BorrowedFd<'_>, window: Window) -> Option<Mapping> {
        let first = window.first - window.first % PAGE;
        let len = usize::try_from(window.end - first).ok()?;
        // SAFETY: a fresh mapping at an address of the kernel's choice.
        let at = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                fd.as_raw_fd(),
                first.cast_signed(),
            )
        };
        if at == libc::MAP_FAILED {
            return None;
        }
        // SAFETY: advice on a mapping of our own; it fails where a page cannot be there.
        let is_there = unsafe { libc::madvise(at, len, libc::MADV_POPULATE_WRITE) } == 0;
        let guard = fault::register(at.cast(), len, 0, first);
        match (is_there, guard, NonNull::new(at.cast())) {
            (true, Ok(guard), Some(at)) => Some(Mapping {
                at,
                first,
                len,
                _guard: guard,
            }),
            _ => {
                // SAFETY: our own mapping, which nobody else knows of.
                unsafe { libc::munmap(at, len) };
                None
            }
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: our own mapping, which nobody uses any more.
        unsafe { libc::munmap(self.at.as_ptr().cast(), self.len) };
    }
}

/// Writes what [`pays`] has agreed to.
///
/// # Safety
/// The memory is readable.
pub(super) unsafe fn write(fd: BorrowedFd<'_>, run: &Run<'_>) -> Transfer {
    // SAFETY: as the caller said.
    let done = unsafe { into_pages(fd, run) };
    let rest = Run {
        position: run.position + done,
        addr: run.addr.wrapping_add(usize::try_from(done).unwrap_or(0)),
        len: run.len - done,
        ..*run
    };
    // SAFETY: as the caller said.
    let moved = unsafe { vectored::pieces(fd, &rest, Direction::Write) };
    Transfer {
        len: done + moved.len,
        ..moved
    }
}

/// A part of a file into which a run writes.
#[derive(Clone, Copy)]
struct Window {
    /// The first byte of the run there.
    first: u64,
    /// The byte behind its last one there.
    end: u64,
}

/// Whether the file reaches to the end of the window. If it does not yet, it gets space for
/// the window, and `last`, the byte of the run at its end, is written: a file never shrinks
/// by a write, as it might by a call that sets its size.
///
/// # Safety
/// `last` is readable.
unsafe fn reaches(fd: BorrowedFd<'_>, window: Window, last: *mut u8) -> bool {
    let mut about = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the descriptor is open, and `about` is good for the call.
    if unsafe { libc::fstat(fd.as_raw_fd(), about.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: the kernel has filled it in.
    let size = unsafe { about.assume_init() }.st_size;
    if size.cast_unsigned() >= window.end {
        return true;
    }
    let first = window.first - window.first % PAGE;
    // SAFETY: the descriptor is open.
    let has_space = unsafe {
        libc::fallocate(
            fd.as_raw_fd(),
            libc::FALLOC_FL_KEEP_SIZE,
            first.cast_signed(),
            (window.end - first).cast_signed(),
        )
    };
    if has_space != 0 {
        return false; // ramfs and ext2 cannot tell
    }
    // SAFETY: as the caller said.
    let moved = unsafe { vectored::one(fd, window.end - 1, last, 1, Direction::Write) };
    moved.len == 1
}

/// Copies window by window; returns how many bytes from the beginning on have got there.
///
/// # Safety
/// As [`write()`].
unsafe fn into_pages(fd: BorrowedFd<'_>, run: &Run<'_>) -> u64 {
    let Some((_, end)) = sieve::span(run) else {
        return 0;
    };
    let behind = run.position + run.len;
    let mut position = run.position;
    while position < behind {
        let Some(first) = run.view.place(position) else {
            break;
        };
        let window_end = (first - first % WINDOW + WINDOW).min(end);
        // An extent may begin before the end of the window and go on behind it: its last
        // bytes belong to the next one.
        let next = run.view.position_at(window_end, position, behind);
        let Some(last) = run.view.place(next - 1) else {
            break;
        };
        let window = Window {
            first,
            end: last + 1,
        };
        let at = |position: u64| {
            let bytes = usize::try_from(position - run.position).unwrap_or(0);
            run.addr.wrapping_add(bytes)
        };
        // SAFETY: the byte is one of the run, which is readable.
        if !unsafe { reaches(fd, window, at(next - 1)) } {
            break;
        }
        let Some(mapping) = Mapping::new(fd, window) else {
            break;
        };
        let mut from = at(position);
        for extent in run.view.extents(position, next - position) {
            let n = usize::try_from(extent.len).unwrap_or(0);
            let here = usize::try_from(extent.at - mapping.first).unwrap_or(0);
            debug_assert!(here + n <= mapping.len);
            // SAFETY: inside the mapping, which the guard watches, and the run.
            if unsafe { copy_piece(from, mapping.at.as_ptr().add(here), n, n) }.is_err() {
                return position - run.position;
            }
            from = from.wrapping_add(n);
        }
        position = next;
    }
    position - run.position
}
