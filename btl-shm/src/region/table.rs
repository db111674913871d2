//! What is known of each block, beside the pages and never in them: peers may
//! write those, and a program that writes past its block must not take the
//! allocator along. One entry per granule of the window; blocks are at least a
//! granule long, so that at most one begins in each.
//!
//! The table is as long as the window asks for. All of it can be read; written can be
//! what belongs to granules that had blocks, so that `mlockall` finds little to fill.

use super::sys;
use std::io;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Bytes of the window that share an entry.
pub const GRANULE: usize = 4096;

/// What an entry says of the block that begins in its granule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BlockUse {
    /// The program has it.
    Taken = 1,
    /// It was given back and waits on a shelf.
    Shelved = 2,
}

/// Length in [`super::classes::UNIT`]s << 16, place in the granule in units << 8,
/// a [`BlockUse`] or 0; and the next block of a list, as 1 + its granule, or 0.
///
/// Relaxed everywhere: whoever reads an entry has got the block's address from
/// whoever wrote it, or holds the lock of the shelf that has the block.
#[repr(C)]
struct Entry {
    block: AtomicU64,
    next: AtomicU32,
}

/// Bytes of the table that are opened at once: the entries of 64 MiB.
const OPENED_AT_ONCE: usize = (64 << 20) / GRANULE * size_of::<Entry>();

/// The entries of a window. Pages of it exist where blocks were.
#[derive(Debug)]
pub struct Table {
    base: usize,
    entries: usize,
    mapped: usize,
    /// Bytes, from the beginning, that may be written; only ever rises.
    open: AtomicUsize,
}

impl Table {
    /// The table of a window of `len` bytes at `base`.
    pub fn new(base: usize, len: usize) -> io::Result<Table> {
        let granules = len.div_ceil(GRANULE);
        if u32::try_from(granules).is_err() {
            return Err(io::Error::from_raw_os_error(libc::EFBIG));
        }
        let mapped = (granules * size_of::<Entry>()).next_multiple_of(sys::page());
        let entries = sys::map_private(mapped, libc::PROT_READ, libc::MAP_NORESERVE)?;
        let table = Table {
            base,
            entries,
            mapped,
            open: AtomicUsize::new(0),
        };
        table.unlock_rest();
        Ok(table)
    }

    /// Sees to it that a block can begin at `start`.
    pub fn open(&self, start: usize) -> io::Result<()> {
        let end = ((start - self.base) / GRANULE + 1) * size_of::<Entry>();
        let open = self.open.load(Relaxed);
        if end <= open {
            return Ok(());
        }
        let end = end.next_multiple_of(OPENED_AT_ONCE).min(self.mapped);
        // SAFETY: more access than before hurts nobody. Two threads may both do it.
        unsafe { sys::mprotect(self.entries + open, end - open, sys::RW) }?;
        self.open.fetch_max(end, Relaxed);
        Ok(())
    }

    /// Unlocks what nothing is in.
    pub fn unlock_rest(&self) {
        let open = self.open.load(Relaxed);
        // Where it is refused, more counts as locked.
        drop(sys::unlock(self.entries + open, self.mapped - open));
    }

    #[inline]
    fn entry(&self, granule: usize) -> &Entry {
        debug_assert!((granule + 1) * size_of::<Entry>() <= self.mapped);
        let at = std::ptr::with_exposed_provenance::<Entry>(self.entries);
        // SAFETY: callers pass addresses in the window, for which the mapping has
        // an entry each; zero bytes are a valid entry, and nobody has it otherwise.
        unsafe { &*at.add(granule) }
    }

    /// Notes a block.
    #[inline]
    pub fn set(&self, start: usize, len: usize, how: BlockUse) {
        let at = start - self.base;
        let place = (at % GRANULE / super::classes::UNIT) as u64;
        let units = (len / super::classes::UNIT) as u64;
        let block = units << 16 | place << 8 | how as u64;
        self.entry(at / GRANULE).block.store(block, Relaxed);
    }

    /// Forgets the block that begins at `start`.
    #[inline]
    pub fn clear(&self, start: usize) {
        self.entry((start - self.base) / GRANULE)
            .block
            .store(0, Relaxed);
    }

    /// The length of the block that the program has at `start`, if one begins there.
    #[inline]
    pub fn taken(&self, start: usize) -> Option<usize> {
        let at = start - self.base;
        let block = self.entry(at / GRANULE).block.load(Relaxed);
        let place = (at % GRANULE / super::classes::UNIT) as u64;
        let right = at.is_multiple_of(super::classes::UNIT)
            && block & 0xffff == place << 8 | BlockUse::Taken as u64;
        right.then(|| usize::try_from(block >> 16).unwrap_or(0) * super::classes::UNIT)
    }

    /// Puts the block at `start` before the one of `list`, a list being 1 + a
    /// granule, or 0; the new list.
    #[inline]
    #[must_use]
    pub fn push(&self, start: usize, list: u32) -> u32 {
        let granule = (start - self.base) / GRANULE;
        self.entry(granule).next.store(list, Relaxed);
        u32::try_from(granule + 1).expect("new() refuses more granules")
    }

    /// The first block of a list that is not empty, its length, and the rest.
    #[inline]
    #[must_use]
    pub fn pop(&self, list: u32) -> (usize, usize, u32) {
        let granule = list as usize - 1;
        let entry = self.entry(granule);
        let block = entry.block.load(Relaxed);
        let place = usize::try_from(block >> 8 & 0xff).unwrap_or(0) * super::classes::UNIT;
        let len = usize::try_from(block >> 16).unwrap_or(0) * super::classes::UNIT;
        (
            self.base + granule * GRANULE + place,
            len,
            entry.next.load(Relaxed),
        )
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, and entries are borrowed from `self` only.
        drop(unsafe { sys::munmap(self.entries, self.mapped) });
    }
}
