//! Blocks given back that wait to be taken again as they are: a shelf for each
//! processor (not for each thread: one that ends leaves nothing behind). Last in,
//! first out, by size.

use super::classes::BINS;
use super::table::{BlockUse, Table};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The number of shelves; with more processors, several share one.
pub const SHELVES: usize = 32;

/// Bytes that a shelf may hold.
const SHELF_BYTES: usize = 1 << 20;
const _: () = assert!(SHELF_BYTES >= 2 * super::classes::LARGEST_BINNED);

/// A shelf: per bin a list in the table.
#[derive(Debug)]
pub struct Shelf {
    bins: [u32; BINS],
    bytes: usize,
}

/// A shelf has cache lines of its own for its lock.
#[repr(align(128))]
#[derive(Debug)]
struct Padded(Mutex<Shelf>);

/// All shelves.
#[derive(Debug)]
pub struct Shelves {
    shelves: [Padded; SHELVES],
}

impl Shelf {
    /// Takes a block of `bin`; its address.
    #[inline]
    pub fn take(&mut self, bin: usize, table: &Table) -> Option<usize> {
        let list = self.bins[bin];
        if list == 0 {
            return None;
        }
        let (start, len, rest) = table.pop(list);
        self.bins[bin] = rest;
        table.set(start, len, BlockUse::Taken);
        self.bytes -= len;
        Some(start)
    }

    /// Puts a block on the shelf. False: it is full.
    #[inline]
    #[must_use]
    pub fn put(&mut self, start: usize, len: usize, bin: usize, table: &Table) -> bool {
        if self.bytes + len > SHELF_BYTES {
            return false;
        }
        self.bytes += len;
        table.set(start, len, BlockUse::Shelved);
        self.bins[bin] = table.push(start, self.bins[bin]);
        true
    }

    /// Takes all blocks off, telling `each` their address and length.
    pub fn empty(&mut self, table: &Table, mut each: impl FnMut(usize, usize)) {
        for bin in &mut self.bins {
            while *bin != 0 {
                let (start, len, rest) = table.pop(*bin);
                *bin = rest;
                table.clear(start);
                each(start, len);
            }
        }
        self.bytes = 0;
    }
}

impl Default for Shelves {
    fn default() -> Shelves {
        Shelves {
            shelves: [const {
                Padded(Mutex::new(Shelf {
                    bins: [0; BINS],
                    bytes: 0,
                }))
            }; SHELVES],
        }
    }
}

impl Shelves {
    /// The shelf of the processor that the caller runs on, locked.
    #[inline]
    pub fn own(&self) -> MutexGuard<'_, Shelf> {
        // SAFETY: sched_getcpu has no preconditions; it may fail.
        let processor = unsafe { libc::sched_getcpu() };
        self.lock(usize::try_from(processor).unwrap_or(0) % SHELVES)
    }

    /// A shelf by its number, locked.
    pub fn lock(&self, number: usize) -> MutexGuard<'_, Shelf> {
        let shelf = &self.shelves[number].0;
        shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
