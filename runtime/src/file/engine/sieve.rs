//! Reads of many short extents that lie close together: the file is read without gaps into
//! a buffer, and what was asked for is taken from there.
//!
//! There is no such way to write: what another process writes into a gap between the
//! reading and the writing would be lost.

use super::part::{BUFFER, Buffer, Direction, Run, Transfer};
use super::vectored;
use std::cell::RefCell;
use std::os::fd::BorrowedFd;

/// Bytes of a gap that are read as fast as another call is made.
const GAP: u64 = 2048;
/// Extents from this length on are better read into their places.
const LONG: u64 = 16 << 10;

thread_local! {
    static SIEVE: RefCell<Buffer> = const { RefCell::new(Buffer::new()) };
}

/// The first byte in the file, and the one behind the last; `None`: there is no data, or
/// extents do not come in the order of the file.
pub(super) fn span(run: &Run<'_>) -> Option<(u64, u64)> {
    if !run.view.is_ordered() || run.len == 0 {
        return None;
    }
    let first = run.view.place(run.position)?;
    let last = run.view.place(run.position + run.len - 1)?;
    Some((first, last + 1))
}

/// Extents, and bytes of a gap between two of them, on average.
pub(super) fn shape(run: &Run<'_>, (first, end): (u64, u64)) -> (u64, u64) {
    let pieces = run.len.div_ceil(run.view.mean_extent().max(1));
    let gaps = (end - first).saturating_sub(run.len);
    (
        pieces,
        gaps.checked_div(pieces.saturating_sub(1)).unwrap_or(0),
    )
}

/// Whether this is faster than a call for each extent.
pub(super) fn pays(run: &Run<'_>) -> bool {
    let Some(span) = span(run) else { return false };
    let (pieces, gap) = shape(run, span);
    pieces > 2 && gap <= GAP && run.len / pieces < LONG
}

/// Reads what [`pays`] has agreed to.
///
/// # Safety
/// The memory is writable.
pub(super) unsafe fn read(fd: BorrowedFd<'_>, run: &Run<'_>) -> Transfer {
    // SAFETY: as the caller said.
    SIEVE.with_borrow_mut(|buffer| unsafe { through(fd, run, buffer) })
}

/// # Safety
/// As [`read`].
unsafe fn through(fd: BorrowedFd<'_>, run: &Run<'_>, buffer: &mut Buffer) -> Transfer {
    let Some((_, end)) = span(run) else {
        return Transfer::of(0);
    };
    let behind = run.position + run.len;
    let mut position = run.position;
    while position < behind {
        let Some(first) = run.view.place(position) else {
            break;
        };
        let len = usize::try_from(end - first).unwrap_or(BUFFER).min(BUFFER);
        let bytes = buffer.like(first);
        // SAFETY: the buffer is as long.
        let moved = unsafe { vectored::one(fd, first, bytes, len, Direction::Read) };
        let next = run.view.position_at(first + moved.len, position, behind);
        let base = bytes
            .cast_const()
            .wrapping_sub(usize::try_from(first).unwrap_or(0));
        let to = run
            .addr
            .wrapping_add(usize::try_from(position - run.position).unwrap_or(0));
        // SAFETY: as the caller said; the extents lie in what was read.
        unsafe { run.view.gather(base, position, to, next - position) };
        position = next;
        if moved.len < len as u64 {
            return Transfer {
                len: position - run.position,
                ..moved
            };
        }
    }
    Transfer::of(position - run.position)
}
