//! Blocks given back that wait to be taken again as they are: a shelf for each
//! of the first threads, shared by more. Last in, first out, by size.

use super::classes::BINS;
use super::table::{Table, Use};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The number of shelves.
pub const SHELVES: usize = 32;

/// Bytes that any shelf may hold.
const ROOM: usize = 1 << 20;

/// Blocks longer than this count against what all shelves together may hold.
const BIG: usize = 256 << 10;

/// A shelf: per bin a list in the table.
#[derive(Debug)]
pub struct Shelf {
    bins: [u32; BINS],
    bytes: usize,
}

/// A shelf has a cache line of its own for its lock.
#[repr(align(128))]
#[derive(Debug)]
struct Padded(Mutex<Shelf>);

/// All shelves.
#[derive(Debug)]
pub struct Shelves {
    shelves: [Padded; SHELVES],
    /// Bytes of big blocks on all shelves, and how many that may be.
    big: AtomicUsize,
    big_limit: AtomicUsize,
}

/// Whether a shelf took a block.
#[derive(PartialEq, Eq, Debug)]
pub enum Put {
    /// It did.
    Done,
    /// The shelf is full: what is on it goes back to the space first.
    Full,
    /// Never.
    Refused,
}

impl Shelf {
    /// Takes a block of `bin`; its address.
    #[inline]
    pub fn take(&mut self, bin: usize, shelves: &Shelves, table: &Table) -> Option<usize> {
        let list = self.bins[bin];
        if list == 0 {
            return None;
        }
        let (start, len, rest) = table.pop(list);
        self.bins[bin] = rest;
        table.set(start, len, Use::Taken);
        if len > BIG {
            shelves.big.fetch_sub(len, Relaxed);
        } else {
            self.bytes -= len;
        }
        Some(start)
    }

    /// Puts a block on the shelf, if there is room.
    #[inline]
    pub fn put(
        &mut self,
        start: usize,
        len: usize,
        bin: usize,
        shelves: &Shelves,
        table: &Table,
    ) -> Put {
        if len > BIG {
            let limit = shelves.big_limit.load(Relaxed);
            if shelves.big.fetch_add(len, Relaxed) + len > limit {
                shelves.big.fetch_sub(len, Relaxed);
                return Put::Refused;
            }
        } else {
            if self.bytes + len > ROOM {
                return Put::Full;
            }
            self.bytes += len;
        }
        table.set(start, len, Use::Shelved);
        self.bins[bin] = table.push(start, self.bins[bin]);
        Put::Done
    }

    /// Takes all blocks off, telling `each` their address and length.
    pub fn empty(&mut self, shelves: &Shelves, table: &Table, mut each: impl FnMut(usize, usize)) {
        for bin in &mut self.bins {
            while *bin != 0 {
                let (start, len, rest) = table.pop(*bin);
                *bin = rest;
                table.clear(start);
                if len > BIG {
                    shelves.big.fetch_sub(len, Relaxed);
                }
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
            big: AtomicUsize::new(0),
            big_limit: AtomicUsize::new(0),
        }
    }
}

impl Shelves {
    /// The calling thread's shelf, locked.
    #[inline]
    pub fn own(&self) -> MutexGuard<'_, Shelf> {
        self.lock(own_number())
    }

    /// A shelf by its number, locked.
    pub fn lock(&self, number: usize) -> MutexGuard<'_, Shelf> {
        let shelf = &self.shelves[number].0;
        shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes of big blocks on all shelves.
    pub fn big(&self) -> usize {
        self.big.load(Relaxed)
    }

    /// Says how many bytes of big blocks there may be from now on.
    pub fn limit_big(&self, bytes: usize) {
        self.big_limit.store(bytes, Relaxed);
    }
}

/// The number of the calling thread's shelf: threads get them in turn.
#[inline]
fn own_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        // Neither made nor dropped by code: usable at any time in a thread's life.
        static OWN: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    OWN.with(|own| {
        if own.get() == usize::MAX {
            own.set(NEXT.fetch_add(1, Relaxed) % SHELVES);
        }
        own.get()
    })
}
