//! The limit of a file's size (`RLIMIT_FSIZE`). Beyond it the kernel would send SIGXFSZ,
//! which ends the program: the engine stops there instead, as the kernel does where that
//! signal is ignored.

use super::part::{Part, Transfer};
use crate::file::errno::Errno;

/// Bytes that a file may have.
fn limit() -> u64 {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: getrlimit fills the structure in.
    match unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) } {
        0 => limit.rlim_cur,
        _ => u64::MAX,
    }
}

/// Whether a file may not have `size` bytes.
pub(super) fn is_beyond(size: u64) -> bool {
    size > limit()
}

/// How many of `len` bytes at byte `at` of the file may be written, and why not all.
pub(super) fn cut(at: u64, len: usize) -> (usize, Option<Errno>) {
    let room = limit().saturating_sub(at);
    match usize::try_from(room) {
        Ok(room) if room < len => (room, Some(Errno(libc::EFBIG))),
        _ => (len, None),
    }
}

/// Writes the part of `part` that is allowed.
pub(super) fn within(part: &Part<'_>, write: impl FnOnce(&Part<'_>) -> Transfer) -> Transfer {
    let limit = limit();
    if limit == libc::RLIM_INFINITY || part.len == 0 {
        return write(part);
    }
    let end = part.position + part.len;
    // Where extents go to and fro, none is written unless all may be.
    let is_inside = |position| part.view.place(position).is_some_and(|place| place < limit);
    let allowed = if part.view.is_ordered() {
        part.view.position_at(limit, part.position, end)
    } else if part
        .view
        .extents(part.position, part.len)
        .all(|e| e.at + e.len <= limit)
    {
        end
    } else {
        part.position
    };
    debug_assert!(allowed == part.position || is_inside(part.position));
    let moved = write(&Part {
        len: allowed - part.position,
        ..*part
    });
    match moved.failed {
        None if allowed < end => Transfer {
            failed: Some(Errno(libc::EFBIG)),
            ..moved
        },
        _ => moved,
    }
}
