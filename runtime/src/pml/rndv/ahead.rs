//! Lines owned ahead: a message that its receiver has read is in both caches, and each
//! line takes a round between them when the program rewrites it. Where it did so before,
//! this rank asks for those lines while it has nothing else to do.

use crate::pml::memory::Memory;
use crate::pml::memory::prefetch_to_write;
use std::ops::Range;

/// Bytes at the beginning of a message that are owned ahead. The rest of a long one was
/// mostly put by this rank itself, and is its own.
const MOST: usize = 32 << 10;

/// Lines asked for in one round: more would keep what arrives waiting behind them.
const LINES: usize = 2;

const LINE: usize = 64;

/// Addresses that are still to be owned.
#[derive(Debug, Default)]
pub(super) struct OwnAhead(Range<usize>);

impl OwnAhead {
    /// Begins with a message that was read.
    pub(super) fn begin(&mut self, memory: &Memory) {
        if let Some(at) = memory.run() {
            self.0 = at.addr()..at.addr() + memory.len().min(MOST);
        }
    }

    /// Asks for the next lines.
    #[inline]
    pub(super) fn step(&mut self) {
        for _ in 0..LINES {
            if self.0.is_empty() {
                return;
            }
            // Only a hint: the memory may be gone by now.
            prefetch_to_write(std::ptr::without_provenance(self.0.start));
            self.0.start += LINE;
        }
    }
}
