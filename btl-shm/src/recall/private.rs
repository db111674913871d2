//! In a forked child: a private copy in place of every shared mapping.
//!
//! What is mapped where, with which protection, is read from `/proc/self/maps`
//! and not from the registered ranges alone: programs put guard pages into their
//! memory, map other things over it, and unmap parts. A mapping counts if it is
//! shared, lies in a registered range and is of that range's file.
//!
//! Each becomes one anonymous mapping: the copy is built elsewhere, and then moved
//! over the original in one call. So the code that does it may itself use what it
//! replaces (a statically linked program's static data), the number of mappings
//! does not grow, and what `madvise` means afterwards is what it means for any
//! private memory. A child has nothing to do with the file any more.
//!
//! Only data is copied. Holes of the file, which is most of a window, are skipped
//! by `SEEK_DATA`; they become untouched memory, which reads as zero too. (The
//! descriptor's position is shared with other processes; nobody uses it.)
//!
//! Mappings are made and moved by system calls of [`sys`]: the C functions may be
//! hooks that take such memory from the heap. Nothing here allocates, and nothing
//! here is async-signal-unsafe.

use super::hold::hold;
use super::ranges::{self, Range};
use crate::region::lines::{self, Line};
use crate::region::sys;
use nix::errno::Errno;
use nix::sys::uio::pread;
use nix::unistd::{Whence, lseek};
use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::with_exposed_provenance_mut;

/// Bytes that are made present and filled at a time: so few that the zeroes with
/// which the kernel fills new pages are still in the cache when the data comes.
const FILLED_AT_ONCE: usize = 256 << 10;

/// A call that failed, and why.
type Refusal = (&'static str, io::Error);

/// What could not be done, for which mapping.
#[derive(Debug)]
pub struct Failure {
    call: &'static str,
    start: usize,
    len: usize,
    why: io::Error,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (call, len, start) = (self.call, self.len, self.start);
        let errno = self.why.raw_os_error().unwrap_or(0);
        let why = match errno {
            0 => "the file ended early",
            libc::ENOMEM => "not enough memory",
            libc::EAGAIN => "too much of it is locked",
            libc::EBADF => "the program has closed the descriptor of the job's heap file",
            _ => "refused",
        };
        write!(
            f,
            "{call} for {len} bytes at {start:#x}: {why} (errno {errno})"
        )
    }
}

/// Gives this process private copies of all that is mapped in its registered
/// ranges. For a process with one thread.
///
/// # Errors
/// The first call that failed. What was replaced until then stays so, and the
/// rest is still shared.
pub fn make_private() -> Result<(), Failure> {
    make_private_in(0, usize::MAX)
}

/// The same of `len` bytes from `from` on, whole pages, in a process that is no forked
/// child, and has one thread: nobody writes there meanwhile.
///
/// # Errors
/// As [`make_private`].
pub fn put_back(from: usize, len: usize) -> Result<(), Failure> {
    hold(|| make_private_in(from, from.saturating_add(len)))
}

fn make_private_in(from: usize, to: usize) -> Result<(), Failure> {
    let mut outcome = Ok(());
    let read = lines::each(c"/proc/self/maps", &mut |line| {
        if !line.shared {
            return;
        }
        for range in ranges::all().filter(|range| line.file == range.file) {
            let start = line.start.max(range.start).max(from);
            let end = line.end.min(range.end()).min(to);
            if start < end && outcome.is_ok() {
                let len = end - start;
                outcome = replace(&range, line, start, len).map_err(|(call, why)| Failure {
                    call,
                    start,
                    len,
                    why,
                });
            }
        }
    });
    outcome?;
    read.map_err(|why| Failure {
        call: "reading /proc/self/maps",
        start: 0,
        len: 0,
        why,
    })
}

/// Whether a child could have `len` bytes as one private mapping, whatever is in
/// them: not where the address space is limited, or where the kernel commits only
/// memory that it has. Better known before there is anything to copy.
pub(super) fn room_for(len: usize) -> io::Result<()> {
    let trial = sys::map_private(len, sys::RW, libc::MAP_NORESERVE)?;
    // SAFETY: the mapping just made, which nobody knows.
    unsafe { sys::munmap(trial, len) }
}

/// Replaces the part of a mapping that is `len` bytes from `start` on.
fn replace(range: &Range, line: &Line<'_>, start: usize, len: usize) -> Result<(), Refusal> {
    let (fd, _opened) = ranges::file_behind(range).map_err(|why| ("finding the heap file", why))?;
    // SAFETY: the range's descriptor, seen to be open just now, in the only thread.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    let copy = sys::map_private(len, sys::RW, libc::MAP_NORESERVE);
    let copy = copy.map_err(|why| ("mmap", why))?;
    let at = line.offset + (start - line.start) as u64;
    // SAFETY: the copy is ours, writable and `len` bytes long.
    unsafe { fill(fd, at, copy, len) }?;
    if line.protection != sys::RW {
        // SAFETY: changes the protection of the copy, which nothing refers to yet.
        unsafe { sys::mprotect(copy, len, line.protection) }.map_err(|why| ("mprotect", why))?;
    }
    let fixed = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
    // SAFETY: what lies at `start` is a mapping of the registered range, `len` bytes
    // of it, and the copy has the same content; this process has one thread.
    unsafe { sys::mremap(copy, len, len, fixed, start) }.map_err(|why| ("mremap", why))?;
    Ok(())
}

/// Copies the file's data in `at..at + len` to its place at `to`; holes are left
/// alone.
///
/// # Safety
/// `to` is writable for `len` bytes.
unsafe fn fill(fd: BorrowedFd<'_>, at: u64, to: usize, len: usize) -> Result<(), Refusal> {
    let end = at + len as u64;
    let mut next = at;
    while next < end {
        let Some(data) = seek(fd, next, Whence::SeekData)? else {
            break;
        };
        let hole = seek(fd, data, Whence::SeekHole)?.unwrap_or(end).min(end);
        next = data;
        while next < hole {
            let n = usize::try_from(hole - next)
                .unwrap_or(FILLED_AT_ONCE)
                .min(FILLED_AT_ONCE);
            let place = to + usize::try_from(next - at).unwrap_or(len);
            // SAFETY: `next..next + n` lies in `at..end`, so `place` has room for
            // `n` bytes.
            unsafe { read(fd, next, place, n) }?;
            next += n as u64;
        }
    }
    Ok(())
}

/// The first data, or the first hole, at or behind `at`. `None`: there is none.
fn seek(fd: BorrowedFd<'_>, at: u64, what: Whence) -> Result<Option<u64>, Refusal> {
    match lseek(fd, offset(at), what) {
        Ok(found) => Ok(u64::try_from(found).ok()),
        Err(Errno::ENXIO) => Ok(None),
        Err(why) => Err(("lseek", why.into())),
    }
}

/// Reads `len` bytes of the file at `at` to the address `to`.
///
/// # Safety
/// `to` is writable for `len` bytes, and is page-aligned.
unsafe fn read(fd: BorrowedFd<'_>, at: u64, to: usize, len: usize) -> Result<(), Refusal> {
    // SAFETY: populating changes no content. Kernels before 5.14 refuse (EINVAL),
    // and the pages come one by one as they are written.
    match unsafe { sys::madvise(to, len, libc::MADV_POPULATE_WRITE) } {
        Err(why) if why.raw_os_error() == Some(libc::ENOMEM) => return Err(("madvise", why)),
        _ => {}
    }
    // SAFETY: the caller's bytes.
    let mut rest = unsafe { std::slice::from_raw_parts_mut(with_exposed_provenance_mut(to), len) };
    while !rest.is_empty() {
        let next = at + (len - rest.len()) as u64;
        match pread(fd, rest, offset(next)) {
            Ok(0) => return Err(("pread", io::ErrorKind::UnexpectedEof.into())),
            Ok(n) => rest = &mut rest[n..],
            Err(Errno::EINTR) => {}
            Err(why) => return Err(("pread", why.into())),
        }
    }
    Ok(())
}

/// An offset as system calls want it; one that is too large they refuse.
fn offset(at: u64) -> libc::off_t {
    libc::off_t::try_from(at).unwrap_or(-1)
}

#[cfg(test)]
mod tests {
    use super::room_for;

    #[test]
    fn room_is_tried_and_not_kept() {
        for _ in 0..10_000 {
            room_for(1 << 36).unwrap(); // kept, they would fill the address space
        }
        let why = room_for(1 << 60).unwrap_err();
        assert_eq!(why.raw_os_error(), Some(libc::ENOMEM));
    }
}
