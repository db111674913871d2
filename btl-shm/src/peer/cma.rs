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
//! loads or stores ([`own_page`]).

mod own_page;
#[cfg(all(test, not(loom)))]
mod tests;

use std::fmt;
use std::io;
use std::ptr;

/// Pieces of one side in a call: the kernel's limit (`UIO_MAXIOV`).
pub const PIECES: usize = 1024;

/// Why a transfer ended early.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CmaWhy {
    /// `ESRCH`: the process has ended, or lives in another pid namespace.
    Gone,
    /// `EFAULT` of the peer's page: it is not there, or may not be read or written, or
    /// is a device's.
    Absent,
    /// `EFAULT` of this process's own page at this address, and the program has no
    /// handler for that.
    OwnAbsent(u64),
    /// `EPERM`, `EACCES`, `ENOSYS`: the kernel does not allow it, whatever the
    /// address. The errno.
    Refused(i32),
    /// Another errno, such as `ENOMEM`.
    Other(i32),
}

impl CmaWhy {
    fn of(errno: i32) -> CmaWhy {
        match errno {
            libc::ESRCH => CmaWhy::Gone,
            libc::EFAULT => CmaWhy::Absent,
            libc::EPERM | libc::EACCES | libc::ENOSYS => CmaWhy::Refused(errno),
            other => CmaWhy::Other(other),
        }
    }

    /// The errno that it stands for.
    #[must_use]
    pub fn errno(self) -> i32 {
        match self {
            CmaWhy::Gone => libc::ESRCH,
            CmaWhy::Absent | CmaWhy::OwnAbsent(_) => libc::EFAULT,
            CmaWhy::Refused(errno) | CmaWhy::Other(errno) => errno,
        }
    }
}

/// A transfer that ended early.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CmaError {
    /// Bytes that were copied before: the first ones, in the order of the lists.
    pub copied: usize,
    /// Why no more were.
    pub why: CmaWhy,
    /// The peer's process.
    pub pid: u32,
    /// The peer's address that was next.
    pub peer_addr: u64,
    direction: Direction,
}

impl fmt::Display for CmaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, past) = match self.direction {
            Direction::Read => ("read", "process_vm_readv"),
            Direction::Write => ("write", "process_vm_writev"),
        };
        let (pid, addr) = (self.pid, self.peer_addr);
        match self.why {
            CmaWhy::Gone => write!(
                f,
                "there is no process {pid} to {verb}: it has ended, or is in another pid namespace"
            )?,
            CmaWhy::Absent => {
                write!(
                    f,
                    "cannot {verb} at {addr:#x} of process {pid}: no such memory there"
                )?;
            }
            CmaWhy::OwnAbsent(own) => {
                let how = match self.direction {
                    Direction::Read => "written",
                    Direction::Write => "read",
                };
                write!(
                    f,
                    "the own buffer's page at {own:#x} is not there, or may not be {how}"
                )?;
            }
            CmaWhy::Refused(errno) => write!(
                f,
                "{past} of process {pid} is not permitted (ptrace scope, another user, or a seccomp filter): {}",
                io::Error::from_raw_os_error(errno)
            )?,
            CmaWhy::Other(errno) => write!(
                f,
                "{past} of process {pid} at {addr:#x}: {}",
                io::Error::from_raw_os_error(errno)
            )?,
        }
        match self.copied {
            0 => Ok(()),
            copied => write!(f, " (after {copied} bytes)"),
        }
    }
}

impl std::error::Error for CmaError {}

/// Which way bytes go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// From the peer's memory into this process's.
    Read,
    /// From this process's memory into the peer's.
    Write,
}

/// A piece of this process's memory.
#[must_use]
pub fn local_piece(start: *const u8, len: usize) -> libc::iovec {
    libc::iovec {
        iov_base: start.cast_mut().cast(),
        iov_len: len,
    }
}

/// A piece of the peer's memory.
#[must_use]
pub fn peer_piece(start: u64, len: usize) -> libc::iovec {
    libc::iovec {
        // An address beyond the address space is the kernel's to refuse.
        iov_base: ptr::without_provenance_mut(usize::try_from(start).unwrap_or(usize::MAX)),
        iov_len: len,
    }
}

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
///
/// # Errors
/// The kernel refused, or memory was not there.
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
        let moved = match unsafe { call(direction, pid, local, peer) } {
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

/// One call, with the front of both lists, whose first pieces are not empty. The
/// bytes copied, never 0; else the errno.
///
/// # Safety
/// As for [`transfer`].
unsafe fn call(
    direction: Direction,
    pid: u32,
    local: &[libc::iovec],
    peer: &[libc::iovec],
) -> Result<usize, i32> {
    let function = match direction {
        Direction::Read => libc::process_vm_readv,
        Direction::Write => libc::process_vm_writev,
    };
    let pid = libc::pid_t::try_from(pid).map_err(|_| libc::ESRCH)?;
    let (local, peer) = (front(local), front(peer));
    // SAFETY: the local pieces are the caller's; the peer's addresses are checked
    // by the kernel.
    let n = unsafe {
        function(
            pid,
            local.as_ptr(),
            local.len() as libc::c_ulong,
            peer.as_ptr(),
            peer.len() as libc::c_ulong,
            0,
        )
    };
    match usize::try_from(n) {
        Ok(0) => Err(libc::EFAULT),
        Ok(n) => Ok(n),
        Err(_) => Err(io::Error::last_os_error()
            .raw_os_error()
            .unwrap_or(libc::EIO)),
    }
}

/// As many pieces as a call takes.
fn front(pieces: &[libc::iovec]) -> &[libc::iovec] {
    &pieces[..pieces.len().min(PIECES)]
}

/// Copies `len` bytes at `peer_addr` of process `pid` to `local`.
///
/// # Safety
/// `local` is writable for `len` bytes.
///
/// # Errors
/// As for [`transfer`].
pub unsafe fn read(pid: u32, peer_addr: u64, local: *mut u8, len: usize) -> Result<(), CmaError> {
    // SAFETY: the caller's promise.
    unsafe { whole(Direction::Read, pid, peer_addr, local_piece(local, len)) }
}

/// Copies `len` bytes at `local` to `peer_addr` of process `pid`.
///
/// # Safety
/// `local` is readable for `len` bytes.
///
/// # Errors
/// As for [`transfer`].
pub unsafe fn write(
    pid: u32,
    peer_addr: u64,
    local: *const u8,
    len: usize,
) -> Result<(), CmaError> {
    // SAFETY: the caller's promise.
    unsafe { whole(Direction::Write, pid, peer_addr, local_piece(local, len)) }
}

/// # Safety
/// As for [`transfer`].
unsafe fn whole(
    direction: Direction,
    pid: u32,
    peer_addr: u64,
    local: libc::iovec,
) -> Result<(), CmaError> {
    let mut peer = [peer_piece(peer_addr, local.iov_len)];
    let mut local = [local];
    // SAFETY: the caller's piece.
    unsafe { transfer(direction, pid, &mut &mut local[..], &mut &mut peer[..]) }.map(drop)
}

/// Copies into the `pieces`, in order, the bytes from `peer_addr` on.
///
/// # Safety
/// Every piece is writable.
///
/// # Errors
/// As for [`transfer`].
pub unsafe fn read_pieces(
    pid: u32,
    peer_addr: u64,
    pieces: &mut [libc::iovec],
) -> Result<(), CmaError> {
    // SAFETY: the caller's pieces.
    unsafe { scattered(Direction::Read, pid, peer_addr, pieces) }
}

/// Copies the bytes of the `pieces`, in order, to `peer_addr` on.
///
/// # Safety
/// Every piece is readable.
///
/// # Errors
/// As for [`transfer`].
pub unsafe fn write_pieces(
    pid: u32,
    peer_addr: u64,
    pieces: &mut [libc::iovec],
) -> Result<(), CmaError> {
    // SAFETY: the caller's pieces.
    unsafe { scattered(Direction::Write, pid, peer_addr, pieces) }
}

/// # Safety
/// As for [`transfer`].
unsafe fn scattered(
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
#[must_use]
pub fn is_mapped(pid: u32, addr: u64) -> bool {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps"));
    maps.is_ok_and(|maps| maps.lines().any(|line| holds(line, addr)))
}

/// Whether a line of a process's maps is about this address.
fn holds(line: &str, addr: u64) -> bool {
    let range = line.split(' ').next().unwrap_or_default();
    let number = |text| u64::from_str_radix(text, 16).ok();
    let ends = range.split_once('-').map(|(a, b)| (number(a), number(b)));
    matches!(ends, Some((Some(start), Some(end))) if (start..end).contains(&addr))
}

/// Really copies eight bytes that the peer said it has at `peer_addr`.
///
/// # Errors
/// In words, why this arm cannot be used towards that process.
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
