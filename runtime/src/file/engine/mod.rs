//! Bytes between memory and a file: the lowest level, below views' etypes, pointers and
//! data representations.

use super::errno::Errno;
use super::memory::Memory;
use crate::object::file::view::{Extent, View};
use std::os::fd::{AsRawFd, BorrowedFd};

/// What an access has moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub struct Transfer {
    /// Bytes, from the beginning of the access on. Fewer than asked for: the end of the
    /// file was met, or `failed` says why.
    pub len: u64,
    /// Why it ended early.
    pub failed: Option<Errno>,
}

/// Reads the part of the view's stream from byte `position` on that `memory` has room for.
///
/// # Safety
/// The memory is writable, and nobody else uses it.
pub unsafe fn read(fd: BorrowedFd<'_>, view: &View, position: u64, memory: &Memory) -> Transfer {
    // SAFETY: as the caller said.
    unsafe { carry_out(fd, view, position, memory, libc::preadv) }
}

/// Writes what `memory` holds to the view's stream from byte `position` on.
///
/// # Safety
/// The memory is readable, and nobody changes it.
pub unsafe fn write(fd: BorrowedFd<'_>, view: &View, position: u64, memory: &Memory) -> Transfer {
    // SAFETY: as the caller said.
    unsafe { carry_out(fd, view, position, memory, libc::pwritev) }
}

type Vectored =
    unsafe extern "C" fn(libc::c_int, *const libc::iovec, libc::c_int, libc::off_t) -> isize;

/// Pieces of memory of one system call.
const PIECES: usize = 1024;
/// Bytes of one system call: the kernel moves at most 2 GiB less a page.
const MOST: u64 = 1 << 30;

/// # Safety
/// The memory is good for what `call` does with it.
unsafe fn carry_out(
    fd: BorrowedFd<'_>,
    view: &View,
    position: u64,
    memory: &Memory,
    call: Vectored,
) -> Transfer {
    let mut len = 0;
    for extent in view.extents(position, memory.len()) {
        // SAFETY: as the caller said.
        let moved = unsafe { piece(fd, extent, memory, len, call) };
        len += moved.len;
        if moved.failed.is_some() || moved.len < extent.len {
            return Transfer { len, ..moved };
        }
    }
    Transfer { len, failed: None }
}

/// Moves one extent, from byte `offset` of the memory's data on.
///
/// # Safety
/// As [`carry_out`].
unsafe fn piece(
    fd: BorrowedFd<'_>,
    extent: Extent,
    memory: &Memory,
    offset: u64,
    call: Vectored,
) -> Transfer {
    let mut len = 0;
    while len < extent.len {
        let left = (extent.len - len).min(MOST);
        let runs = memory.runs(offset + len, left).take(PIECES);
        let pieces: Vec<libc::iovec> = runs
            .map(|(at, len)| libc::iovec {
                iov_base: at.cast(),
                iov_len: len,
            })
            .collect();
        let n = i32::try_from(pieces.len()).unwrap_or(0);
        let at = (extent.at + len).cast_signed();
        // SAFETY: the pieces are runs of the memory, which is good for this as the caller said.
        let moved = unsafe { call(fd.as_raw_fd(), pieces.as_ptr(), n, at) };
        match u64::try_from(moved) {
            Ok(0) => break,
            Ok(moved) => len += moved,
            Err(_) => match Errno::last() {
                Errno(libc::EINTR) => {}
                failed => {
                    return Transfer {
                        len,
                        failed: Some(failed),
                    };
                }
            },
        }
    }
    Transfer { len, failed: None }
}
