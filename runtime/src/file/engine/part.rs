//! What is moved: parts of a view's stream, and what became of them.

use crate::file::errno::Errno;
use crate::file::memory::Memory;
use crate::object::file::view::View;

/// Bytes of the buffers that data passes through.
pub(super) const BUFFER: usize = 256 << 10;

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
