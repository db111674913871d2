//! One call of the kernel's copy, and what it may refuse.

use std::io;
use std::ptr;

/// Which way bytes go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// From the peer's memory into this process's.
    Read,
    /// From this process's memory into the peer's.
    Write,
}

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
    pub(super) fn of(errno: i32) -> CmaWhy {
        match errno {
            libc::ESRCH => CmaWhy::Gone,
            libc::EFAULT => CmaWhy::Absent,
            libc::EPERM | libc::EACCES | libc::ENOSYS => CmaWhy::Refused(errno),
            other => CmaWhy::Other(other),
        }
    }

    /// The errno that it stands for.
    pub fn errno(self) -> i32 {
        match self {
            CmaWhy::Gone => libc::ESRCH,
            CmaWhy::Absent | CmaWhy::OwnAbsent(_) => libc::EFAULT,
            CmaWhy::Refused(errno) | CmaWhy::Other(errno) => errno,
        }
    }
}

/// Pieces of one side in a call: the kernel's limit (`UIO_MAXIOV`).
pub const PIECES: usize = 1024;

/// A piece of this process's memory.
pub fn local_piece(start: *const u8, len: usize) -> libc::iovec {
    libc::iovec {
        iov_base: start.cast_mut().cast(),
        iov_len: len,
    }
}

/// A piece of the peer's memory.
pub fn peer_piece(start: u64, len: usize) -> libc::iovec {
    libc::iovec {
        // An address beyond the address space is the kernel's to refuse.
        iov_base: ptr::without_provenance_mut(usize::try_from(start).unwrap_or(usize::MAX)),
        iov_len: len,
    }
}

/// One call, with the front of both lists, whose first pieces are not empty. The
/// bytes copied, never 0; else the errno.
///
/// # Safety
/// As for [`super::transfer`].
pub(super) unsafe fn call(
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
