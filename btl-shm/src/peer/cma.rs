//! Cross-memory attach: `process_vm_readv`, one system call per 2 GiB or 1,024
//! pieces, whichever comes first.

use std::io;

/// Pieces of one call: the kernel's limit (`UIO_MAXIOV`).
pub const PIECES: usize = 1024;

/// The most bytes that one call moves: the kernel's limit, less a page.
const MOST: usize = 0x7fff_f000;

/// Why a read ended early.
#[derive(Debug)]
pub struct CmaError {
    /// Bytes that were copied before.
    pub copied: usize,
    /// The kernel's answer.
    pub why: io::Error,
}

/// Copies `len` bytes at `peer_addr` of process `pid` to `local`.
///
/// # Safety
/// `local` is writable for `len` bytes.
///
/// # Errors
/// The call was refused or the peer's memory is not there; what was copied until
/// then is said.
pub unsafe fn read(pid: u32, peer_addr: u64, local: *mut u8, len: usize) -> Result<(), CmaError> {
    let mut copied = 0;
    while copied < len {
        let n = (len - copied).min(MOST);
        let piece = libc::iovec {
            iov_base: local.wrapping_add(copied).cast(),
            iov_len: n,
        };
        // SAFETY: the rest of the caller's buffer, at most.
        copied += unsafe { call(pid, &[piece], peer_addr + copied as u64, n) }
            .map_err(|why| CmaError { copied, why })?;
    }
    Ok(())
}

/// Copies `len` bytes at `local` to `peer_addr` of process `pid`.
///
/// # Safety
/// `local` is readable for `len` bytes.
///
/// # Errors
/// As for [`read`].
pub unsafe fn write(
    pid: u32,
    peer_addr: u64,
    local: *const u8,
    len: usize,
) -> Result<(), CmaError> {
    let mut copied = 0;
    while copied < len {
        let piece = libc::iovec {
            iov_base: local.wrapping_add(copied).cast_mut().cast(),
            iov_len: (len - copied).min(MOST),
        };
        let theirs = libc::iovec {
            iov_base: std::ptr::without_provenance_mut(
                usize::try_from(peer_addr)
                    .unwrap_or(usize::MAX)
                    .saturating_add(copied),
            ),
            iov_len: piece.iov_len,
        };
        let pid = libc::pid_t::try_from(pid).unwrap_or(0);
        // SAFETY: the rest of the caller's buffer, at most; the peer's addresses are
        // checked by the kernel.
        let n =
            unsafe { libc::process_vm_writev(pid, &raw const piece, 1, &raw const theirs, 1, 0) };
        match usize::try_from(n) {
            Ok(0) | Err(_) => {
                return Err(CmaError {
                    copied,
                    why: io::Error::last_os_error(),
                });
            }
            Ok(n) => copied += n,
        }
    }
    Ok(())
}

/// Copies into the `pieces`, in order, the bytes from `peer_addr` on; at most
/// [`PIECES`] of them and 2 GiB in all.
///
/// # Safety
/// Every piece is writable.
///
/// # Errors
/// As for [`read`].
pub unsafe fn read_pieces(
    pid: u32,
    peer_addr: u64,
    pieces: &mut [libc::iovec],
) -> Result<(), CmaError> {
    let mut copied = 0;
    let mut rest = pieces;
    while !rest.is_empty() {
        let len = rest.iter().map(|piece| piece.iov_len).sum();
        // SAFETY: the caller's pieces, less what was copied.
        let n = unsafe { call(pid, rest, peer_addr + copied as u64, len) }
            .map_err(|why| CmaError { copied, why })?;
        copied += n;
        rest = skip(rest, n);
    }
    Ok(())
}

/// The pieces that are left once the first `n` bytes are done.
fn skip(mut pieces: &mut [libc::iovec], mut n: usize) -> &mut [libc::iovec] {
    while let Some(first) = pieces.first_mut() {
        if n < first.iov_len {
            first.iov_base = first.iov_base.cast::<u8>().wrapping_add(n).cast();
            first.iov_len -= n;
            break;
        }
        n -= first.iov_len;
        pieces = &mut pieces[1..];
    }
    pieces
}

/// One call; `Ok` is the bytes copied, never 0.
///
/// # Safety
/// Every piece is writable.
unsafe fn call(pid: u32, pieces: &[libc::iovec], peer_addr: u64, len: usize) -> io::Result<usize> {
    let theirs = libc::iovec {
        iov_base: std::ptr::without_provenance_mut(
            usize::try_from(peer_addr).unwrap_or(usize::MAX),
        ),
        iov_len: len,
    };
    let pid = libc::pid_t::try_from(pid).map_err(|_| io::Error::from_raw_os_error(libc::ESRCH))?;
    // SAFETY: the pieces are writable, and the peer's addresses are checked by
    // the kernel.
    let n = unsafe {
        libc::process_vm_readv(
            pid,
            pieces.as_ptr(),
            pieces.len() as libc::c_ulong,
            &raw const theirs,
            1,
            0,
        )
    };
    match usize::try_from(n) {
        Ok(0) => Err(io::Error::from_raw_os_error(libc::EFAULT)),
        Ok(n) => Ok(n),
        Err(_) => Err(io::Error::last_os_error()),
    }
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
        Err(error) => Err(format!("process_vm_readv of process {pid}: {}", error.why)),
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn own_memory_can_be_read_in_pieces() {
        let source: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        let mut to = vec![0u8; 10_000];
        let (a, b) = to.split_at_mut(333);
        let mut pieces = [
            libc::iovec {
                iov_base: a.as_mut_ptr().cast(),
                iov_len: a.len(),
            },
            libc::iovec {
                iov_base: b.as_mut_ptr().cast(),
                iov_len: b.len(),
            },
        ];
        // SAFETY: both pieces are vectors of this test.
        unsafe { read_pieces(std::process::id(), source.as_ptr() as u64, &mut pieces) }.unwrap();
        assert_eq!(source, to);
    }

    #[test]
    fn a_hole_is_an_error_and_not_a_crash() {
        let mut to = [0u8; 16];
        // SAFETY: a local buffer of 16 bytes.
        let error = unsafe { read(std::process::id(), 4096, to.as_mut_ptr(), 16) }.unwrap_err();
        assert_eq!(error.copied, 0);
        assert_eq!(error.why.raw_os_error(), Some(libc::EFAULT));
        assert!(probe(std::process::id(), 4096, 1).is_err());
    }
}
