//! The shared ranges of this process: which of its addresses are mappings of the
//! heap file.
//!
//! A fixed table, so that handlers around fork can read it without allocation.
//! Changed under the fork lock only; read under it, or without it where a stale
//! answer does no harm.

use super::hold::hold;
use nix::errno::Errno;
use nix::fcntl::{self, OFlag};
use nix::sys::stat::{self, Mode};
use std::ffi::CString;
use std::fmt;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::OnceLock;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize};

/// Ranges that a process can have at once.
pub const MOST_RANGES: usize = 256;

struct Entry {
    /// First address; 0: free. Written last.
    start: AtomicUsize,
    len: AtomicUsize,
    fd: AtomicI32,
    device: AtomicU64,
    inode: AtomicU64,
}

static TABLE: [Entry; MOST_RANGES] = [const {
    Entry {
        start: AtomicUsize::new(0),
        len: AtomicUsize::new(0),
        fd: AtomicI32::new(-1),
        device: AtomicU64::new(0),
        inode: AtomicU64::new(0),
    }
}; MOST_RANGES];

/// A registered range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// First address.
    pub start: usize,
    /// Bytes.
    pub len: usize,
    /// The descriptor given with it.
    pub fd: RawFd,
    /// The device and inode numbers of the file behind it.
    pub file: (u64, u64),
}

impl Range {
    /// The address past the last byte.
    pub fn end(&self) -> usize {
        self.start + self.len
    }
}

/// Why a range cannot be registered.
#[derive(Debug)]
pub enum RangeError {
    /// The descriptor names no file.
    Descriptor(RawFd, std::io::Error),
    /// Address or length is 0, not a multiple of the page size, or too large.
    Unaligned(usize, usize),
    /// It overlaps the range that begins at this address.
    Overlaps(usize, usize),
    /// There are [`MOST_RANGES`] ranges already.
    Full,
    /// A forked child could not have that many bytes of private address space.
    NoCopy(usize, std::io::Error),
    /// The handlers around fork could not be registered.
    Handlers(std::io::Error),
}

impl fmt::Display for RangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RangeError::Descriptor(fd, why) => {
                write!(f, "descriptor {fd} of a shared range cannot be used: {why}")
            }
            RangeError::Unaligned(start, len) => write!(
                f,
                "a shared range of {len} bytes at {start:#x}: wanted whole pages, at least one"
            ),
            RangeError::Overlaps(start, with) => write!(
                f,
                "a shared range at {start:#x} overlaps the one at {with:#x}"
            ),
            RangeError::NoCopy(len, why) => write!(
                f,
                "a forked child could not have a private copy of {len} bytes: {why} (the limits \
                 of `ulimit -v` and `-d`, and vm.overcommit_memory=2, are reasons)"
            ),
            RangeError::Full => write!(f, "a process can have {MOST_RANGES} shared ranges at most"),
            RangeError::Handlers(why) => write!(f, "pthread_atfork: {why}"),
        }
    }
}

impl std::error::Error for RangeError {}

/// Where the file of the ranges can be opened anew; see [`open_again_at`].
static AGAIN: OnceLock<CString> = OnceLock::new();

/// Names a path by which a forked child opens the file behind the ranges where the
/// program has closed the descriptor that was registered with them. Only the first
/// call counts.
pub fn open_again_at(path: CString) {
    let _ = AGAIN.set(path);
}

/// A descriptor of the file behind a range; with its owner if it was opened for that,
/// since the program has closed the one that was registered. Without allocation.
pub(super) fn file_behind(range: &Range) -> std::io::Result<(RawFd, Option<OwnedFd>)> {
    if file_of(range.fd).ok() == Some(range.file) {
        return Ok((range.fd, None));
    }
    let path = AGAIN.get().ok_or(Errno::EBADF)?;
    let fd = fcntl::open(
        path.as_c_str(),
        OFlag::O_RDONLY | OFlag::O_CLOEXEC,
        Mode::empty(),
    );
    let fd = fd.map_err(|_| Errno::EBADF)?;
    match file_of(fd.as_raw_fd())? == range.file {
        true => Ok((fd.as_raw_fd(), Some(fd))),
        false => Err(Errno::EBADF.into()),
    }
}

/// Adds a range to the table.
pub(super) fn insert(range: Range) -> Result<(), RangeError> {
    hold(|| {
        let overlaps = |other: &Range| range.start < other.end() && other.start < range.end();
        if let Some(other) = all().find(overlaps) {
            return Err(RangeError::Overlaps(range.start, other.start));
        }
        let free = TABLE.iter().find(|e| e.start.load(Relaxed) == 0);
        let entry = free.ok_or(RangeError::Full)?;
        entry.len.store(range.len, Relaxed);
        entry.fd.store(range.fd, Relaxed);
        entry.device.store(range.file.0, Relaxed);
        entry.inode.store(range.file.1, Relaxed);
        entry.start.store(range.start, Release); // pairs with the Acquire in `all`
        Ok(())
    })
}

/// Forgets the range that begins at `start`, which has been unmapped. Whether
/// there was one.
pub fn remove(start: usize) -> bool {
    hold(|| {
        let entry = TABLE.iter().find(|e| e.start.load(Relaxed) == start);
        entry.inspect(|e| e.start.store(0, Relaxed)).is_some() && start != 0
    })
}

/// The registered ranges, in no order.
pub fn all() -> impl Iterator<Item = Range> {
    TABLE.iter().filter_map(|entry| {
        let start = entry.start.load(Acquire); // pairs with the Release in `add`
        (start != 0).then(|| Range {
            start,
            len: entry.len.load(Relaxed),
            fd: entry.fd.load(Relaxed),
            file: (entry.device.load(Relaxed), entry.inode.load(Relaxed)),
        })
    })
}

/// The range that begins at `start`.
pub(super) fn at(start: usize) -> Option<Range> {
    all().find(|range| range.start == start)
}

/// The device and inode numbers of the file behind the range that begins at `start`.
#[must_use]
pub fn file_of_range(start: usize) -> Option<(u64, u64)> {
    at(start).map(|range| range.file)
}

/// Whether `addr` lies in a registered range.
pub fn holds(addr: usize) -> bool {
    all().any(|range| (range.start..range.end()).contains(&addr))
}

/// Forgets all ranges: in a child, whose memory is private. Under the fork lock.
pub(super) fn clear() {
    for entry in &TABLE {
        entry.start.store(0, Relaxed);
    }
}

/// The device and inode numbers of the file behind `fd`.
pub(crate) fn file_of(fd: RawFd) -> std::io::Result<(u64, u64)> {
    if fd < 0 {
        return Err(Errno::EBADF.into());
    }
    // SAFETY: only the kernel is told the number, and refuses one that is not open.
    let stat = stat::fstat(unsafe { BorrowedFd::borrow_raw(fd) })?;
    Ok((stat.st_dev, stat.st_ino))
}
