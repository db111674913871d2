//! Cross-memory attach: the kernel copies between the two address spaces
//! (`process_vm_readv`, `process_vm_writev`).
//!
//! Nothing is set up, and nothing is left behind at fork or exit. One call takes
//! up to 1,024 pieces of each side and moves up to 2 GiB; [`transfer`] goes on
//! from wherever a call stopped. Whether the kernel allows it is a matter of user,
//! ptrace scope, seccomp filter and pid namespace, and may change on the way: an
//! error says how much was copied before, so that the rest can go another way.
//!
//! `EFAULT` may mean either side's page. A program may protect pages of its own and
//! have a handler that gives access on a touch (a collector's card marking, an
//! incremental checkpoint); the kernel's copy does not call it. So a page that stops
//! the kernel is moved by way of a buffer between, this process's half of it by plain
//! loads or stores (`own_page.rs`).

mod call;
mod error;
mod own_page;
#[cfg(all(test, not(loom)))]
mod tests;

pub use call::{CmaWhy, Direction, PIECES, local_piece, peer_piece};
pub use error::CmaError;

use crate::region::lines;
use std::ffi::CString;

/// Copies between the `local` pieces of this process and the `peer` pieces of
/// process `pid`, each list in order, until the shorter is done. Lists may be of
/// any length, pieces of any size, and cut differently on both sides.
///
/// The lists are used up on the way: afterwards, and after an error too, they are
/// what is left, so that it can go another way.
///
/// # Safety
/// Every local piece is readable, and writable if `direction` is `Read`, or the program
/// has a handler that makes it so.
pub unsafe fn transfer(
    direction: Direction,
    pid: u32,
    local: &mut &mut [libc::iovec],
    peer: &mut &mut [libc::iovec],
) -> Result<usize, CmaError> {
    let mut copied = 0;
    loop {
        skip(local, 0);
        skip(peer, 0);
        let Some(next) = peer.first() else {
            return Ok(copied);
        };
        let Some(own) = local.first() else {
            return Ok(copied);
        };
        // SAFETY: pieces of the caller's lists.
        let moved = match unsafe { call::call(direction, pid, local, peer) } {
            // SAFETY: as above.
            Err(libc::EFAULT) => unsafe { own_page::step(direction, pid, own, next) },
            moved => moved.map_err(CmaWhy::of),
        };
        match moved {
            Ok(n) => {
                copied += n;
                skip(local, n);
                skip(peer, n);
            }
            Err(why) => {
                return Err(CmaError {
                    copied,
                    why,
                    pid,
                    peer_addr: next.iov_base.addr() as u64,
                    direction,
                });
            }
        }
    }
}

/// Takes `n` bytes, and what is empty before the next, off the front of a list.
fn skip(pieces: &mut &mut [libc::iovec], mut n: usize) {
    let mut rest = std::mem::take(pieces);
    while let Some(first) = rest.first_mut() {
        if n < first.iov_len {
            first.iov_base = first.iov_base.cast::<u8>().wrapping_add(n).cast();
            first.iov_len -= n;
            break;
        }
        n -= first.iov_len;
        rest = &mut rest[1..];
    }
    *pieces = rest;
}

/// Copies `len` bytes at `peer_addr` of process `pid` to `local`.
///
/// # Safety
/// `local` is writable for `len` bytes.
pub unsafe fn read(pid: u32, peer_addr: u64, local: *mut u8, len: usize) -> Result<(), CmaError> {
    // SAFETY: the caller's promise.
    unsafe { read_pieces(pid, peer_addr, &mut [local_piece(local, len)]) }
}

/// Copies into the `pieces`, in order, the bytes from `peer_addr` on.
///
/// # Safety
/// Every piece is writable.
pub unsafe fn read_pieces(
    pid: u32,
    peer_addr: u64,
    pieces: &mut [libc::iovec],
) -> Result<(), CmaError> {
    // SAFETY: the caller's pieces.
    unsafe { transfer_at(Direction::Read, pid, peer_addr, pieces) }
}

/// Copies the bytes of the `pieces`, in order, to `peer_addr` on.
///
/// # Safety
/// Every piece is readable.
pub unsafe fn write_pieces(
    pid: u32,
    peer_addr: u64,
    pieces: &mut [libc::iovec],
) -> Result<(), CmaError> {
    // SAFETY: the caller's pieces.
    unsafe { transfer_at(Direction::Write, pid, peer_addr, pieces) }
}

/// # Safety
/// As for [`transfer`].
unsafe fn transfer_at(
    direction: Direction,
    pid: u32,
    peer_addr: u64,
    mut pieces: &mut [libc::iovec],
) -> Result<(), CmaError> {
    let len = pieces.iter().map(|piece| piece.iov_len).sum();
    let mut peer = [peer_piece(peer_addr, len)];
    // SAFETY: the caller's pieces.
    unsafe { transfer(direction, pid, &mut pieces, &mut &mut peer[..]) }.map(drop)
}

/// Whether anything is mapped at `addr` of process `pid`, as far as this process may
/// look: what is mapped and yet out of the kernel's reach is protected, and its owner
/// may be able to touch it.
#[cold]
pub fn is_mapped(pid: u32, addr: u64) -> bool {
    let (mut mapped, path) = (false, CString::new(format!("/proc/{pid}/maps")));
    let (Ok(addr), Ok(path)) = (usize::try_from(addr), path) else {
        return false;
    };
    // Maps that may not be read have no lines.
    let _ = lines::each(&path, &mut |line| {
        mapped |= (line.start..line.end).contains(&addr);
    });
    mapped
}

/// Really copies eight bytes that the peer said it has at `peer_addr`.
pub fn probe(pid: u32, peer_addr: u64, expected: u64) -> Result<(), String> {
    let mut got = 0u64;
    // SAFETY: a local of eight bytes.
    let read = unsafe { read(pid, peer_addr, (&raw mut got).cast(), 8) };
    match read {
        Ok(()) if got == expected => Ok(()),
        Ok(()) => Err(format!(
            "process {pid} is another one than expected (another pid namespace?)"
        )),
        Err(error) => Err(error.to_string()),
    }
}
