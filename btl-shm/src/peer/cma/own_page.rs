//! What the kernel could not copy since one of the two pages refused: whose it is, and
//! how the copy goes on if it is this process's.

use super::call::{CmaWhy, Direction, call, local_piece, peer_piece};
use crate::fault;

/// Bytes between two addresses at which access may change.
const PAGE: usize = 4096;

/// Copies what `own` and `peer` begin with, up to the end of either page, by way of a
/// buffer: bytes copied, never 0.
///
/// # Safety
/// As for [`super::transfer`].
///
/// # Errors
/// Whose page it is, or what the kernel refused.
#[cold]
pub(super) unsafe fn step(
    direction: Direction,
    pid: u32,
    own: &libc::iovec,
    peer: &libc::iovec,
) -> Result<usize, CmaWhy> {
    let rest = |piece: &libc::iovec| piece.iov_len.min(PAGE - piece.iov_base.addr() % PAGE);
    let n = rest(own).min(rest(peer));
    let (own, peer) = (own.iov_base.cast::<u8>(), peer.iov_base.addr() as u64);
    let mut buffer = [0u8; PAGE];
    let room = buffer.as_mut_ptr();
    let by_kernel = |n| {
        // SAFETY: the buffer is longer than `n`.
        unsafe {
            call(
                direction,
                pid,
                &[local_piece(room, n)],
                &[peer_piece(peer, n)],
            )
        }
        .map_err(CmaWhy::of)
    };
    match direction {
        Direction::Read => {
            let n = by_kernel(n)?;
            // SAFETY: `n` bytes of the buffer, and of the caller's piece.
            unsafe { touch(Direction::Write, own, room, n) }
        }
        Direction::Write => {
            // SAFETY: as above.
            let n = unsafe { touch(Direction::Read, own, room, n) }?;
            by_kernel(n)
        }
    }
}

/// Reads or writes `n` bytes at `own`: by plain loads or stores if the program has a
/// handler for what they may meet; else by the kernel, so that what is wrong is an
/// error and not a death.
///
/// # Safety
/// The buffer has `n` bytes, and so has the program's memory at `own`.
unsafe fn touch(
    direction: Direction,
    own: *mut u8,
    buffer: *mut u8,
    n: usize,
) -> Result<usize, CmaWhy> {
    if fault::is_handled() {
        let (from, to) = match direction {
            Direction::Read => (own, buffer),
            Direction::Write => (buffer, own),
        };
        // SAFETY: as the caller said; the buffer is apart from all that is the program's.
        unsafe { to.copy_from_nonoverlapping(from, n) };
        return Ok(n);
    }
    let (me, at) = (std::process::id(), own.addr() as u64);
    // SAFETY: the buffer has room; the kernel checks the other address.
    unsafe {
        call(
            direction,
            me,
            &[local_piece(buffer, n)],
            &[peer_piece(at, n)],
        )
    }
    .map_err(|errno| match errno {
        libc::EFAULT => CmaWhy::OwnAbsent(at),
        other => CmaWhy::of(other),
    })
}
