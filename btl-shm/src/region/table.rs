//! What is known of each block, beside the pages and never in them: peers may
//! write those, and a program that writes past its block must not take the
//! allocator along. One entry per granule of the window; blocks are at least a
//! granule long, so that at most one begins in each.
//!
//! The table is mapped as far as the window has had blocks, and grows in place.

use super::sys;
use std::io;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use wireup::growing::{self, Zone};

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

/// Bytes of the table that are mapped at once: the entries of 64 MiB.
const MAPPED_AT_ONCE: usize = (64 << 20) / GRANULE * size_of::<Entry>();

/// The entries of a window. Pages of it exist where blocks were.
#[derive(Debug)]
pub struct Table {
    base: usize,
    entries: usize,
    /// Bytes that it may become.
    limit: usize,
    /// Bytes of the window whose entries are mapped; only ever rises.
    covered: AtomicUsize,
    /// Whether all of it is mapped, without access where no block was yet.
    reserved: bool,
}

impl Table {
    /// The table of a window of `len` bytes at `base`.
    pub fn new(base: usize, len: usize) -> io::Result<Table> {
        let granules = len.div_ceil(GRANULE);
        if u32::try_from(granules).is_err() {
            return Err(io::Error::from_raw_os_error(libc::EFBIG));
        }
        let limit = (granules * size_of::<Entry>()).next_multiple_of(sys::page());
        let table = |entries, reserved| Table {
            base,
            entries,
            limit,
            covered: AtomicUsize::new(0),
            reserved,
        };
        let chosen = growing::place(Zone::Own, limit as u64);
        if let Some(entries) = chosen.and_then(|entries| usize::try_from(entries).ok()) {
            let table = table(entries, false);
            if table.open(base).is_ok() {
                return Ok(table);
            }
            std::mem::forget(table); // nothing of it is mapped
        }
        let entries = sys::map_private(limit, libc::PROT_NONE, libc::MAP_NORESERVE)?;
        let table = table(entries, true);
        table.open(base)?;
        Ok(table)
    }

    /// Bytes of the window, from its beginning, in which blocks may begin.
    #[inline]
    pub fn covered(&self) -> usize {
        self.covered.load(Relaxed) // whoever has a block's address got it later
    }

    /// Bytes of the table that are mapped.
    fn mapped(&self) -> usize {
        (self.covered() / GRANULE * size_of::<Entry>()).min(self.limit)
    }

    /// Sees to it that a block can begin at `start`. Under the lock of the space.
    pub fn open(&self, start: usize) -> io::Result<()> {
        let end = ((start - self.base) / GRANULE + 1) * size_of::<Entry>();
        let have = self.mapped();
        if end <= have {
            return Ok(());
        }
        let end = end.next_multiple_of(MAPPED_AT_ONCE).min(self.limit);
        let (from, len) = (self.entries + have, end - have);
        if self.reserved {
            // SAFETY: more access than before hurts nobody.
            unsafe { sys::mprotect(from, len, sys::RW) }?;
        } else {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
            sys::place(from, len, sys::RW, flags, -1, 0)?;
        }
        self.covered
            .store(end / size_of::<Entry>() * GRANULE, Relaxed);
        Ok(())
    }

    #[inline]
    fn entry(&self, granule: usize) -> &Entry {
        debug_assert!((granule + 1) * size_of::<Entry>() <= self.mapped());
        let at = std::ptr::with_exposed_provenance::<Entry>(self.entries);
        // SAFETY: callers pass addresses of the window that are covered, for which the
        // mapping has an entry each; zero bytes are a valid entry, and nobody has it otherwise.
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
        let len = if self.reserved {
            self.limit
        } else {
            self.mapped()
        };
        // SAFETY: mapped by `new` and `open`, and entries are borrowed from `self` only.
        drop(unsafe { sys::munmap(self.entries, len) });
    }
}
