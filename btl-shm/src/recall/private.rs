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
//! by `SEEK_DATA`; they become untouched memory, which reads as zero too.
//!
//! Mappings are made and moved by system calls of [`sys`]: the C functions may be
//! hooks that take such memory from the heap. Nothing here allocates, and nothing
//! here is async-signal-unsafe.

use super::ranges::{self, Range};
use crate::region::lines::{self, Line};
use crate::region::sys;
use std::fmt;
use std::os::fd::RawFd;
use std::ptr::without_provenance_mut;

/// Bytes that are made present and filled at a time: so few that the zeroes with
/// which the kernel fills new pages are still in the cache when the data comes.
const STEP: usize = 256 << 10;

/// What a copy is.
const COPY: i32 = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;

/// What could not be done, for which mapping.
#[derive(Debug)]
pub struct Failure {
    /// The call.
    pub call: &'static str,
    /// First address of the mapping.
    pub start: usize,
    /// Bytes of the mapping.
    pub len: usize,
    /// `errno`, or 0 where the call said nothing.
    pub errno: i32,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure {
            call, start, len, ..
        } = self;
        let why = match self.errno {
            0 => "the file ended early",
            libc::ENOMEM => "not enough memory",
            libc::EAGAIN => "too much of it is locked",
            libc::EBADF | libc::ESTALE => {
                "the program has closed the descriptor of the job's heap file"
            }
            _ => "refused",
        };
        write!(
            f,
            "{call} for {len} bytes at {start:#x}: {why} (errno {})",
            self.errno
        )
    }
}

/// Gives this process private copies of all that is mapped in its registered
/// ranges. For a process with one thread. Bytes copied.
///
/// # Errors
/// The first call that failed. What was replaced until then stays so, and the
/// rest is still shared.
pub fn make_private() -> Result<usize, Failure> {
    let mut copied = 0;
    let mut failure = None;
    let read = lines::each(c"/proc/self/maps", &mut |line| {
        if failure.is_some() || !line.shared {
            return;
        }
        for range in ranges::all().filter(|range| line.file == range.file) {
            let start = line.start.max(range.start);
            let end = line.end.min(range.end());
            if start < end {
                match replace(&range, line, start, end - start) {
                    Ok(n) => copied += n,
                    Err(why) => failure = failure.take().or(Some(why)),
                }
            }
        }
    });
    match (failure, read) {
        (Some(why), _) => Err(why),
        (None, Ok(())) => Ok(copied),
        (None, Err(errno)) => Err(Failure {
            call: "reading /proc/self/maps",
            start: 0,
            len: 0,
            errno,
        }),
    }
}

/// Whether a child could have `len` bytes as one private mapping, whatever is in
/// them: not where the address space is limited, or where the kernel commits only
/// memory that it has. Better known before there is anything to copy.
pub(super) fn room_for(len: usize) -> std::io::Result<()> {
    // SAFETY: a fresh mapping at an address of the kernel's choice.
    let trial = unsafe { sys::mmap(0, len, sys::RW, COPY, -1, 0) }?;
    // SAFETY: the mapping just made, which nobody knows.
    unsafe { sys::munmap(trial, len) }
}

/// Replaces the part of a mapping that is `len` bytes from `start` on. Bytes copied.
fn replace(range: &Range, line: &Line<'_>, start: usize, len: usize) -> Result<usize, Failure> {
    let failed = |call| Failure {
        call,
        start,
        len,
        errno: errno(),
    };
    let Ok((fd, ours)) = ranges::file_behind(range) else {
        return Err(Failure {
            errno: libc::EBADF,
            ..failed("finding the heap file")
        });
    };
    // SAFETY: a fresh mapping at an address of the kernel's choice.
    let copy = unsafe { sys::mmap(0, len, sys::RW, COPY, -1, 0) };
    let copy = without_provenance_mut::<libc::c_void>(copy.map_err(|_| failed("mmap"))?);
    let at = line.offset + (start - line.start) as u64;
    // SAFETY: the copy is ours, writable and `len` bytes long.
    let filled = unsafe { fill(fd, at, copy.cast(), len) };
    if ours {
        // SAFETY: opened for this, and nobody else has it.
        unsafe { libc::close(fd) };
    }
    let copied = filled.map_err(|(call, errno)| {
        let why = failed(call);
        Failure { errno, ..why }
    })?;
    if line.protection != sys::RW {
        // SAFETY: changes the protection of the copy, which nothing refers to yet.
        if unsafe { libc::mprotect(copy, len, line.protection) } < 0 {
            return Err(failed("mprotect"));
        }
    }
    let fixed = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
    // SAFETY: what lies at `start` is a mapping of the registered range, `len` bytes
    // of it, and the copy has the same content; this process has one thread.
    unsafe { sys::mremap(copy.addr(), len, len, fixed, start) }.map_err(|_| failed("mremap"))?;
    Ok(copied)
}

/// Copies the file's data in `at..at + len` to its place at `to`; holes are left
/// alone. Bytes copied, or the call that failed and its errno.
///
/// # Safety
/// `to` is writable for `len` bytes.
unsafe fn fill(fd: RawFd, at: u64, to: *mut u8, len: usize) -> Result<usize, (&'static str, i32)> {
    let end = at + len as u64;
    let (mut next, mut copied) = (at, 0);
    while next < end {
        let Some(data) = seek(fd, next, libc::SEEK_DATA)? else {
            break;
        };
        let hole = seek(fd, data, libc::SEEK_HOLE)?.unwrap_or(end).min(end);
        next = data;
        while next < hole {
            let n = usize::try_from(hole - next).unwrap_or(STEP).min(STEP);
            let place = to.wrapping_add(usize::try_from(next - at).unwrap_or(len));
            // SAFETY: `next..next + n` lies in `at..end`, so `place` has room for
            // `n` bytes.
            unsafe { take(fd, next, place, n) }?;
            next += n as u64;
            copied += n;
        }
    }
    Ok(copied)
}

/// The first data, or the first hole, at or behind `at`. `None`: there is none.
fn seek(fd: RawFd, at: u64, what: i32) -> Result<Option<u64>, (&'static str, i32)> {
    let from = libc::off_t::try_from(at).map_err(|_| ("lseek", libc::EINVAL))?;
    // SAFETY: lseek touches no memory. The descriptor's position is shared with
    // other processes, and nobody uses it.
    match unsafe { libc::lseek(fd, from, what) } {
        found if found >= 0 => Ok(u64::try_from(found).ok()),
        _ if errno() == libc::ENXIO => Ok(None),
        _ => Err(("lseek", errno())),
    }
}

/// Reads `len` bytes of the file at `at` into `to`.
///
/// # Safety
/// `to` is writable for `len` bytes, and is page-aligned.
unsafe fn take(fd: RawFd, at: u64, to: *mut u8, len: usize) -> Result<(), (&'static str, i32)> {
    // SAFETY: populating changes no content. Kernels before 5.14 refuse (EINVAL),
    // and the pages come one by one as they are written.
    let present = unsafe { sys::madvise(to.addr(), len, libc::MADV_POPULATE_WRITE) };
    if present.is_err() && errno() == libc::ENOMEM {
        return Err(("madvise", libc::ENOMEM));
    }
    let mut done = 0;
    while done < len {
        let offset = libc::off_t::try_from(at + done as u64).unwrap_or(libc::off_t::MAX);
        let place = to.wrapping_add(done);
        // SAFETY: `len - done` bytes are left behind `place`.
        let n = unsafe { libc::pread(fd, place.cast(), len - done, offset) };
        match usize::try_from(n) {
            Ok(0) => return Err(("pread", 0)),
            Ok(n) => done += n,
            Err(_) if errno() == libc::EINTR => {}
            Err(_) => return Err(("pread", errno())),
        }
    }
    Ok(())
}

fn errno() -> i32 {
    // SAFETY: the location is this thread's and always valid.
    unsafe { *libc::__errno_location() }
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
