//! What is moved: parts of a view's stream, and what became of them.

use crate::file::errno::Errno;
use crate::file::memory::Memory;
use crate::object::file::view::View;

/// Bytes of the buffers that data passes through.
pub(super) const BUFFER: usize = 256 << 10;

/// A buffer of [`BUFFER`] bytes that data passes through.
#[derive(Debug)]
pub(super) struct Buffer(Vec<u8>);

impl Buffer {
    pub(super) const fn new() -> Buffer {
        Buffer(Vec::new())
    }

    /// Where data of byte `place` of the file goes: as far behind the beginning of a page as
    /// there. (The kernel's copies between places that differ by a few bytes in this take
    /// twice as long on some processors.)
    pub(super) fn like(&mut self, place: u64) -> *mut u8 {
        const PAGE: usize = 4096;
        self.0.resize(BUFFER + 2 * PAGE, 0);
        let first = self.0.as_mut_ptr();
        let page = first.addr().next_multiple_of(PAGE) - first.addr();
        let shift = usize::try_from(place % 4096).unwrap_or(0);
        first.wrapping_add(page + shift)
    }
}

/// What an access has moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub struct Transfer {
    /// Bytes, from the beginning of the access on. Fewer than asked for: the end of the
    /// file was met, or `failed` says why.
    pub len: u64,
    /// Why it ended early.
    pub failed: Option<Errno>,
}

impl Transfer {
    /// All went well.
    pub(super) fn of(len: u64) -> Transfer {
        Transfer { len, failed: None }
    }
}

/// Which way bytes go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Direction {
    Read,
    Write,
}

/// A part of a view's stream, and of the data in memory that belongs there.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// What the process sees of the file.
    pub view: &'a View,
    /// The first byte of the view's stream.
    pub position: u64,
    /// The memory,
    pub memory: &'a Memory,
    /// and the first byte of its data.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
}

/// A part of a view's stream whose data lies in one run of memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run<'a> {
    pub(super) view: &'a View,
    pub(super) position: u64,
    pub(super) addr: *mut u8,
    pub(super) len: u64,
}
