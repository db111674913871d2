//! The heap file: the pages of which ranks make memory that peers can map.
//!
//! One memfd for the whole job, made by the launcher, inherited by descriptor,
//! sealed against shrinking. Each rank has a *window* of it, at
//! `rank × window`. A window is address space and not memory: pages exist where
//! the rank has touched them, and are given back by punching holes. A rank's record
//! says which of its addresses lie where in the file
//! ([`crate::layout::SharedRegion`]).
//!
//! Behind the windows is a cache line for each rank, which peers read to test whether
//! they reach the rank through the file. The lines lie together, so that one mapping is
//! enough for all ranks.

use crate::descriptor::{Backing, Source, duplicate};
use crate::foreign::{self, Access};
use crate::growing::Growing;
use crate::memfd::{file_len, limit_of_files, memfd};
use crate::segment::{Segment, SegmentError, system};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::ptr::NonNull;
use std::sync::atomic::Ordering::Relaxed;

/// The smallest window, in bytes.
const LEAST: u64 = 1 << 36;

/// Bytes of a rank's line behind the windows.
const LINE: u64 = 64;

/// The job's heap file. Dropping it closes the descriptor; mappings stay.
#[derive(Debug)]
pub struct HeapFile {
    file: Backing,
    window: u64,
    ranks: u32,
}

impl HeapFile {
    /// Makes the heap file of the job of `segment`, and notes the size of a
    /// window there. For the launcher, before the first rank starts.
    ///
    /// # Errors
    /// The system call that failed (a limit of file sizes, `ulimit -f`, is one
    /// reason); the job then has no heap file.
    pub fn create(segment: &Segment) -> Result<HeapFile, SegmentError> {
        let ranks = segment.ranks();
        let window = window();
        let fd = memfd(c"lariat-heap", window)?;
        let raw = fd.as_raw_fd();
        let len = len_of(window, ranks).unwrap_or(u64::MAX);
        let size = libc::off_t::try_from(len).map_err(|_| SegmentError::Full(len))?;
        if limit_of_files() < len {
            let why = std::io::Error::from_raw_os_error(libc::EFBIG);
            return Err(SegmentError::System("ftruncate", len, why));
        }
        // SAFETY: ftruncate touches no memory of ours.
        if unsafe { libc::ftruncate(raw, size) } < 0 {
            return Err(system("ftruncate", len));
        }
        let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW;
        // SAFETY: fcntl with an integer argument on an owned descriptor.
        if unsafe { libc::fcntl(raw, libc::F_ADD_SEALS, seals) } < 0 {
            return Err(system("F_ADD_SEALS", len));
        }
        segment.head().window.store(window, Relaxed); // ranks start later, which orders enough
        let file = Backing::new(fd, None).map_err(|why| SegmentError::System("dup", 0, why))?;
        Ok(HeapFile {
            file,
            window,
            ranks,
        })
    }

    /// The heap file of the job of `segment` behind an inherited descriptor,
    /// which is duplicated (close-on-exec) and stays open. `None`: the job has
    /// none, or the descriptor leads elsewhere.
    #[must_use]
    pub fn open(segment: &Segment, fd: RawFd) -> Option<HeapFile> {
        HeapFile::over(segment, duplicate(fd).ok()?, None)
    }

    /// The heap file that the launcher made, from an inherited descriptor or through
    /// /proc. `None` as for [`HeapFile::open`].
    #[must_use]
    pub fn open_from(segment: &Segment, source: &Source) -> Option<HeapFile> {
        HeapFile::over(segment, source.open(libc::O_RDWR).ok()?, Some(*source))
    }

    /// The heap file of another job, whose segment is `segment`, which another process has
    /// open. `None` as for [`HeapFile::open`].
    #[must_use]
    pub fn open_far(segment: &Segment, source: &Source) -> Option<HeapFile> {
        HeapFile::over(segment, source.open_at(libc::O_RDWR).ok()?, None)
    }

    /// Where another process finds this file. `None`: the program
    /// has closed the descriptor.
    #[must_use]
    pub fn place(&self) -> Option<Source> {
        self.file.place().ok()
    }

    fn over(segment: &Segment, fd: OwnedFd, source: Option<Source>) -> Option<HeapFile> {
        let (window, ranks) = (segment.head().window.load(Relaxed), segment.ranks());
        if window == 0 || file_len(fd.as_raw_fd()).ok()? != len_of(window, ranks)? {
            return None;
        }
        Some(HeapFile {
            file: Backing::new(fd, source).ok()?,
            window,
            ranks,
        })
    }

    /// The descriptor, in a process that never closes it (the launcher).
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.file.borrow()
    }

    /// A descriptor of the file's own, to be kept as [`Backing`] keeps one.
    ///
    /// # Errors
    /// There is no room for one.
    pub fn backing(&self) -> Result<Backing, SegmentError> {
        let copy = || {
            let raw = self.file.fd().map_err(std::io::Error::other)?;
            Backing::new(duplicate(raw)?, self.file.source())
        };
        copy().map_err(|why| SegmentError::System("dup", 0, why))
    }

    /// Bytes of one rank's window.
    #[must_use]
    pub fn window(&self) -> u64 {
        self.window
    }

    /// Where the window of `rank` begins in the file.
    ///
    /// # Panics
    /// If there is no such rank: a bug of the caller.
    #[must_use]
    pub fn begin(&self, rank: u32) -> u64 {
        assert!(rank < self.ranks, "rank {rank} of {}", self.ranks);
        u64::from(rank) * self.window
    }

    /// Where the lines of all ranks begin in the file, and their bytes.
    #[must_use]
    pub fn lines(&self) -> (u64, u64) {
        (u64::from(self.ranks) * self.window, lines_len(self.ranks))
    }

    /// Where the line of `rank` begins, in bytes from that of rank 0.
    #[must_use]
    pub fn line(rank: u32) -> u64 {
        u64::from(rank) * LINE
    }

    /// Maps `len` bytes of the file from offset `at` on, readable and writable, as
    /// memory of a peer's ([`foreign`]). Both are multiples of the page size.
    ///
    /// # Errors
    /// What `mmap` said (an address space limit, `ulimit -v`, is one reason).
    pub fn map(&self, at: u64, len: u64) -> Result<NonNull<u8>, SegmentError> {
        let fd = self.file.fd().map_err(SegmentError::Lost)?;
        let mapped = foreign::map(fd, at, len);
        mapped.map_err(|why| SegmentError::System("mmap", len, why))
    }

    /// A mapping of the file that may reach `limit` bytes from offset `at` on, and begins
    /// with `first`.
    ///
    /// # Errors
    /// As for [`HeapFile::map`].
    pub fn map_some(&self, at: u64, limit: u64, first: u64) -> Result<Growing, SegmentError> {
        let fd = self.file.fd().map_err(SegmentError::Lost)?;
        Growing::new(fd, at, limit, first, Access::All)
            .map_err(|why| SegmentError::System("mmap", first, why))
    }

    /// Has `mapping`, one of [`HeapFile::map_some`], reach at least `end` bytes, and `more`
    /// if it can be.
    ///
    /// # Errors
    /// As for [`HeapFile::map`].
    pub fn map_more(&self, mapping: &Growing, end: u64, more: u64) -> Result<(), SegmentError> {
        let fd = self.file.fd().map_err(SegmentError::Lost)?;
        let reached = mapping.reach(fd, end, more);
        reached.map_err(|why| SegmentError::System("mmap", end, why))
    }
}

/// Bytes of the file: windows and lines.
fn len_of(window: u64, ranks: u32) -> Option<u64> {
    window
        .checked_mul(u64::from(ranks))?
        .checked_add(lines_len(ranks))
}

/// Bytes of the lines, in whole pages.
fn lines_len(ranks: u32) -> u64 {
    (u64::from(ranks) * LINE).next_multiple_of(page())
}

/// Bytes of a window: more than the machine's memory, so that no rank ever fills
/// it.
fn window() -> u64 {
    // SAFETY: sysconf has no preconditions.
    let pages = unsafe { libc::sysconf(libc::_SC_PHYS_PAGES) };
    let memory = u64::try_from(pages).unwrap_or(0) * page();
    (memory * 2).next_power_of_two().max(LEAST)
}

/// Bytes of a page.
fn page() -> u64 {
    // SAFETY: sysconf has no preconditions.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(page).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_do_not_overlap_and_are_seen_by_peers() {
        let segment = Segment::create(3, 2).unwrap();
        let file = HeapFile::create(&segment).unwrap();
        let again = HeapFile::open(&segment, file.fd().as_raw_fd()).unwrap();
        assert_eq!(again.begin(2), 2 * file.window());
        let (mine, theirs) = (
            file.map(file.begin(1), 1 << 30).unwrap(),
            again.map(again.begin(1), 1 << 20).unwrap(),
        );
        // SAFETY: both are fresh mappings of at least a page.
        unsafe {
            mine.write(7);
            assert_eq!(theirs.read(), 7);
        }
    }

    #[test]
    fn something_else_is_no_heap_file() {
        let segment = Segment::create(2, 2).unwrap();
        assert!(HeapFile::open(&segment, segment.fd().as_raw_fd()).is_none());
        HeapFile::create(&segment).unwrap();
        assert!(HeapFile::open(&segment, segment.fd().as_raw_fd()).is_none());
        assert!(HeapFile::open(&segment, -1).is_none());
    }
}
