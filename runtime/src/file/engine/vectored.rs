//! A call of the kernel for each extent of the file. Interrupted and short calls go on.

use super::part::{Direction, Part, Run, Transfer};
use super::shifted;
use crate::file::errno::Errno;
use crate::object::file::view::Extent;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Pieces of memory of one call.
const PIECES: usize = 1024;
/// Bytes of one call: the kernel moves at most 2 GiB less a page.
const MOST: u64 = 1 << 30;

/// Calls `call` with bytes done so far until `len` are; it returns what the kernel does.
fn until(len: u64, mut call: impl FnMut(u64) -> isize) -> Transfer {
    let mut done = 0;
    while done < len {
        match u64::try_from(call(done)) {
            Ok(0) => break, // the end of the file
            Ok(moved) => done += moved,
            Err(_) => match Errno::last() {
                Errno(libc::EINTR) => {}
                failed => {
                    return Transfer {
                        len: done,
                        failed: Some(failed),
                    };
                }
            },
        }
    }
    Transfer::of(done)
}

/// Moves `len` bytes between byte `at` of the file and one run of memory.
///
/// # Safety
/// The memory is good for what `direction` does with it.
pub(super) unsafe fn one(
    fd: BorrowedFd<'_>,
    at: u64,
    addr: *mut u8,
    len: usize,
    direction: Direction,
) -> Transfer {
    // SAFETY: as the caller said.
    unsafe {
        match shifted::is_slow(at, addr, len, direction) {
            true => shifted::through(fd, at, addr, len, direction),
            false => straight(fd, at, addr, len, direction),
        }
    }
}

/// As [`one`], from and to that memory itself.
///
/// # Safety
/// As [`one`].
pub(super) unsafe fn straight(
    fd: BorrowedFd<'_>,
    at: u64,
    addr: *mut u8,
    len: usize,
    direction: Direction,
) -> Transfer {
    let fd = fd.as_raw_fd();
    let moved = until(len as u64, |done| {
        let n = usize::try_from((len as u64 - done).min(MOST)).unwrap_or(0);
        let here = addr.wrapping_add(usize::try_from(done).unwrap_or(0)).cast();
        let place = (at + done).cast_signed();
        // SAFETY: the part of the memory that is left, good for this as the caller said.
        unsafe {
            match direction {
                Direction::Read => libc::pread(fd, here, n, place),
                Direction::Write => libc::pwrite(fd, here, n, place),
            }
        }
    });
    full(moved, len as u64, direction)
}

/// A write that ends early for no reason that the kernel gives: it has no space.
fn full(moved: Transfer, len: u64, direction: Direction) -> Transfer {
    let is_short = moved.len < len && moved.failed.is_none();
    Transfer {
        failed: match direction {
            Direction::Write if is_short => Some(Errno(libc::ENOSPC)),
            _ => moved.failed,
        },
        ..moved
    }
}

/// Extent by extent, from one run of memory.
///
/// # Safety
/// As [`one`].
pub(super) unsafe fn pieces(fd: BorrowedFd<'_>, run: &Run<'_>, direction: Direction) -> Transfer {
    let mut done = 0;
    for Extent { at, len } in run.view.extents(run.position, run.len) {
        let addr = run.addr.wrapping_add(usize::try_from(done).unwrap_or(0));
        let bytes = usize::try_from(len).unwrap_or(usize::MAX);
        // SAFETY: as the caller said.
        let moved = unsafe { one(fd, at, addr, bytes, direction) };
        done += moved.len;
        if moved.len < len {
            return Transfer { len: done, ..moved };
        }
    }
    Transfer::of(done)
}

/// Extent by extent, from scattered memory.
///
/// # Safety
/// As [`one`].
pub(super) unsafe fn extents(
    fd: BorrowedFd<'_>,
    part: &Part<'_>,
    direction: Direction,
) -> Transfer {
    let mut done = 0;
    for extent in part.view.extents(part.position, part.len) {
        // SAFETY: as the caller said.
        let moved = unsafe { extent_of(fd, extent, part, done, direction) };
        done += moved.len;
        if moved.len < extent.len {
            return Transfer { len: done, ..moved };
        }
    }
    Transfer::of(done)
}

/// One extent, `before` bytes behind the beginning of the part.
///
/// # Safety
/// As [`one`].
unsafe fn extent_of(
    fd: BorrowedFd<'_>,
    extent: Extent,
    part: &Part<'_>,
    before: u64,
    direction: Direction,
) -> Transfer {
    let fd = fd.as_raw_fd();
    let mut pieces: Vec<libc::iovec> = Vec::new();
    let moved = until(extent.len, |done| {
        let left = (extent.len - done).min(MOST);
        let runs = part.memory.runs(part.offset + before + done, left);
        pieces.clear();
        pieces.extend(runs.take(PIECES).map(|(at, len)| libc::iovec {
            iov_base: at.cast(),
            iov_len: len,
        }));
        let n = i32::try_from(pieces.len()).unwrap_or(0);
        let at = (extent.at + done).cast_signed();
        // SAFETY: the pieces are runs of the memory, good for this as the caller said.
        unsafe {
            match direction {
                Direction::Read => libc::preadv(fd, pieces.as_ptr(), n, at),
                Direction::Write => libc::pwritev(fd, pieces.as_ptr(), n, at),
            }
        }
    });
    full(moved, extent.len, direction)
}
