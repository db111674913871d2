//! The shared ranges of this process: which of its addresses are mappings of the
//! heap file.
//!
//! A fixed table, so that handlers around fork can read it without allocation.
//! Changed under the fork lock only; read under it, or without it where a stale
//! answer does no harm.

use super::{fork, private};
use crate::region::sys;
use std::ffi::CString;
use std::fmt;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize};

/// Ranges that a process can have at once.
pub const MOST: usize = 32;

struct Entry {
    /// First address; 0: free. Written last.
    start: AtomicUsize,
    len: AtomicUsize,
    fd: AtomicI32,
    device: AtomicU64,
    inode: AtomicU64,
}

static TABLE: [Entry; MOST] = [const {
    Entry {
        start: AtomicUsize::new(0),
        len: AtomicUsize::new(0),
        fd: AtomicI32::new(-1),
        device: AtomicU64::new(0),
        inode: AtomicU64::new(0),
    }
}; MOST];

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
    #[must_use]
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
    /// There are [`MOST`] ranges already.
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
            RangeError::Full => write!(f, "a process can have {MOST} shared ranges at most"),
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

/// A descriptor of the file behind a range, and whether it was opened for that and is
/// to be closed. Without allocation.
///
/// # Errors
/// The program has closed the one that was registered, and there is no other.
pub(super) fn file_behind(range: &Range) -> std::io::Result<(RawFd, bool)> {
    if file_of(range.fd).ok() == Some(range.file) {
        return Ok((range.fd, false));
    }
    let closed = || std::io::Error::from_raw_os_error(libc::EBADF);
    let path = AGAIN.get().ok_or_else(closed)?;
    // SAFETY: the path is NUL-terminated.
    let fd = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    match file_of(fd) {
        Ok(file) if file == range.file => Ok((fd, true)),
        _ => {
            if fd >= 0 {
                // SAFETY: opened above, and nobody else has it.
                unsafe { libc::close(fd) };
            }
            Err(closed())
        }
    }
}

/// Registers `len` bytes at `start`, a mapping (or the address space of mappings
/// yet to come) of the file behind `fd`: a forked child gets a private copy of
/// what is mapped there from that file. `fd` should stay open (or see
/// [`open_again_at`]); a forked child closes its own copy of it, so it should be one that nothing else uses
/// (close-on-exec, and not the one that the environment names).
///
/// Memory that is mapped before it is registered must not be used before; or see
/// [`super::hold`]. Not to be called with a lock held that a hook given to
/// [`super::at_fork`] takes.
///
/// # Errors
/// See [`RangeError`].
pub fn add(start: usize, len: usize, fd: RawFd) -> Result<(), RangeError> {
    fork::register().map_err(RangeError::Handlers)?;
    let page = sys::page();
    let whole = start.is_multiple_of(page) && len.is_multiple_of(page);
    if start == 0 || len == 0 || !whole || start.checked_add(len).is_none() {
        return Err(RangeError::Unaligned(start, len));
    }
    let file = file_of(fd).map_err(|why| RangeError::Descriptor(fd, why))?;
    private::room_for(len).map_err(|why| RangeError::NoCopy(len, why))?;
    fork::hold(|| {
        if let Some(other) = all().find(|r| start < r.end() && r.start < start + len) {
            return Err(RangeError::Overlaps(start, other.start));
        }
        let free = TABLE.iter().find(|e| e.start.load(Relaxed) == 0);
        let entry = free.ok_or(RangeError::Full)?;
        entry.len.store(len, Relaxed);
        entry.fd.store(fd, Relaxed);
        entry.device.store(file.0, Relaxed);
        entry.inode.store(file.1, Relaxed);
        entry.start.store(start, Release); // pairs with the Acquire in `all`
        Ok(())
    })
}

/// Forgets the range that begins at `start`, which has been unmapped. Whether
/// there was one.
pub fn remove(start: usize) -> bool {
    fork::hold(|| {
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

/// Whether `addr` lies in a registered range.
#[must_use]
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
pub(super) fn file_of(fd: RawFd) -> std::io::Result<(u64, u64)> {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: fstat fills the structure when it returns 0.
    if unsafe { libc::fstat(fd, stat.as_mut_ptr()) } < 0 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: fstat returned 0 and filled it.
    let stat = unsafe { stat.assume_init() };
    Ok((stat.st_dev, stat.st_ino))
}
