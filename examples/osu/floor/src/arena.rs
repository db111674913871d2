//! The shared mapping of the two processes: signalling lines and four buffers.

use crate::memory::{Buffer, Line, StreamLine};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// How many lines a stream goes through in turn.
pub const STREAM_LINES: usize = 128;

/// The lines of one process, each written by it alone if nothing else is said.
#[repr(C)]
pub struct Signals {
    /// Its round number: the message of this round may be taken.
    pub ready: Line,
    /// Its half of this round's copy is done.
    pub done: Line,
    /// A line that both processes write (of the first side's).
    pub common: Line,
    /// How many lines of a stream it has taken.
    pub taken: Line,
    /// What a process sleeps on.
    pub bell: AtomicU32,
    /// Lines that go one way (of the first side's).
    pub stream: [StreamLine; STREAM_LINES],
    /// Nanoseconds it has spent rewriting its buffer.
    rewriting: AtomicU64,
}

impl Signals {
    /// Adds to the time spent rewriting.
    pub fn add_rewriting(&self, nanoseconds: u64) {
        self.rewriting.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// The time spent rewriting so far; ordered by the `ready` line.
    pub fn rewriting(&self) -> u64 {
        self.rewriting.load(Ordering::Relaxed)
    }
}

/// What one process owns.
#[derive(Clone, Copy)]
pub struct Side {
    pub signals: &'static Signals,
    pub source: Buffer,
    pub target: Buffer,
}

const PAGE: usize = 4096;
/// Of the signals of one side, in whole pages.
const SIGNALS: usize = size_of::<Signals>().next_multiple_of(PAGE);

/// Maps the memory, touches every page of it and divides it between two sides.
/// It stays mapped until the process ends, and a forked child shares it.
pub fn new(max_size: usize) -> nix::Result<[Side; 2]> {
    let buffer = max_size.next_multiple_of(PAGE) + PAGE;
    let len = 2 * SIGNALS + 4 * buffer;
    let file = memfd_create(c"floor", MFdFlags::MFD_CLOEXEC)?;
    nix::unistd::ftruncate(&file, i64::try_from(len).map_err(|_| nix::Error::EFBIG)?)?;
    let size = NonZeroUsize::new(len).ok_or(nix::Error::EINVAL)?;
    let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    let flags = MapFlags::MAP_SHARED | MapFlags::MAP_POPULATE;
    // SAFETY: a new mapping at an address of the kernel's choice touches
    // nothing that exists.
    let base = unsafe { mmap(None, size, protection, flags, &file, 0) }?;
    let base = base.as_ptr().cast::<u8>();
    let side = |index: usize| {
        // SAFETY: part `index` of the mapping is zeroed, which is a valid
        // `Signals`, aligned to a page, never unmapped, and used only as this.
        let signals = unsafe { &*base.add(index * SIGNALS).cast::<Signals>() };
        let part = |which: usize| {
            let offset = 2 * SIGNALS + (2 * index + which) * buffer;
            // SAFETY: the four parts of `buffer` bytes behind the signals make
            // up the mapping's length, and it is never unmapped.
            unsafe { Buffer::new(base.add(offset), buffer - PAGE) }
        };
        Side {
            signals,
            source: part(0),
            target: part(1),
        }
    };
    Ok([side(0), side(1)])
}
