//! What the parts of a window are that no block lies in: free ones by address and
//! by length, and those that belong to mappings of the program.
//!
//! Pure bookkeeping over addresses: it touches no memory and makes no system call.
//! Best fit over the standard library's trees, whose nodes are small, so that
//! they come from the system's malloc and never from here.

use super::sys;
use std::collections::{BTreeMap, BTreeSet};

/// What an extent is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Free; what it holds is anything, and its pages exist.
    Dirty = 0,
    /// Free, open and zero; pages that lie wholly in it do not exist.
    Clean = 1,
    /// Free, zero and without access. Begins and ends at pages.
    Sealed = 2,
    /// A mapping of the program's. Begins and ends at pages.
    Mapped = 3,
    /// Addresses at which the program has mapped something else over the window:
    /// they are never used again. Begins and ends at pages.
    Foreign = 4,
    /// Given back while it was frozen ([`super::freeze`]): not to be used before the
    /// children that have it are gone.
    Frozen = 5,
    /// On its way back, without the lock: no more the program's, and not free yet. Nobody
    /// else touches it.
    Leaving = 6,
}

const FREE: usize = 3;
const STATES: usize = 7;

/// How many extents that are long enough are tried for an alignment, before one
/// is taken that is long enough for any.
const TRIES: usize = 16;

/// A part of the window: first address, end, and what it is.
pub type Extent = (usize, usize, State);

/// All extents. Neighbours of the same state are one.
#[derive(Debug, Default)]
pub struct Extents {
    by_start: BTreeMap<usize, (usize, State)>,
    /// Of each free state: length and start.
    by_len: [BTreeSet<(usize, usize)>; FREE],
    bytes: [usize; STATES],
}

impl Extents {
    /// Bytes of all extents of a state.
    pub fn bytes(&self, state: State) -> usize {
        self.bytes[state as usize]
    }

    fn put(&mut self, (start, end, state): Extent) {
        self.by_start.insert(start, (end, state));
        if let Some(by_len) = self.by_len.get_mut(state as usize) {
            by_len.insert((end - start, start));
        }
        self.bytes[state as usize] += end - start;
    }

    fn remove(&mut self, (start, end, state): Extent) {
        self.by_start.remove(&start);
        if let Some(by_len) = self.by_len.get_mut(state as usize) {
            by_len.remove(&(end - start, start));
        }
        self.bytes[state as usize] -= end - start;
    }

    /// The extent in which `addr` lies.
    pub fn at(&self, addr: usize) -> Option<Extent> {
        let (start, (end, state)) = self.by_start.range(..=addr).next_back()?;
        (*end > addr).then_some((*start, *end, *state))
    }

    /// The extent that ends at `addr`.
    pub fn before(&self, addr: usize) -> Option<Extent> {
        self.at(addr.checked_sub(1)?).filter(|one| one.1 == addr)
    }

    /// The first extent that overlaps `from..to`, cut to that.
    pub fn first_in(&self, from: usize, to: usize) -> Option<Extent> {
        if let Some((_, end, state)) = self.at(from).filter(|_| from < to) {
            return Some((from, end.min(to), state));
        }
        let (start, (end, state)) = self.by_start.range(from..to.max(from)).next()?;
        Some((*start, (*end).min(to), *state))
    }

    /// All extents of a free state.
    pub fn all(&self, state: State) -> impl Iterator<Item = Extent> + '_ {
        let free = self.by_len.get(state as usize);
        let all = free.into_iter().flatten();
        all.map(move |(len, start)| (*start, start + len, state))
    }

    /// Adds an extent, which overlaps none, and joins it with its neighbours.
    pub fn insert(&mut self, start: usize, end: usize, state: State) {
        if start == end {
            return;
        }
        debug_assert!(start < end && self.first_in(start, end).is_none());
        let (mut start, mut end) = (start, end);
        if let Some(before) = self.before(start).filter(|one| one.2 == state) {
            self.remove(before);
            start = before.0;
        }
        if let Some(after) = self.at(end).filter(|one| one.2 == state) {
            self.remove(after);
            end = after.1;
        }
        self.put((start, end, state));
    }

    /// Takes out a range that lies in one extent; the rest of that stays.
    pub fn cut(&mut self, start: usize, end: usize) {
        if start == end {
            return;
        }
        let one = self.at(start).expect("a range is cut where an extent is");
        debug_assert!(end <= one.1);
        self.remove(one);
        if one.0 < start {
            self.put((one.0, start, one.2));
        }
        if end < one.1 {
            self.put((end, one.1, one.2));
        }
    }

    /// Makes a range that lies in one extent another state's.
    pub fn change(&mut self, start: usize, end: usize, state: State) {
        self.cut(start, end);
        self.insert(start, end, state);
    }

    /// Takes out all that overlaps a range.
    pub fn free_of(&mut self, from: usize, to: usize) {
        while let Some((start, end, _)) = self.first_in(from, to) {
            self.cut(start, end);
        }
    }

    /// Takes `len` bytes at a multiple of `align` out of the free extent that fits
    /// best; their address.
    pub fn take(&mut self, len: usize, align: usize, state: State) -> Option<usize> {
        let of_state = &self.by_len[state as usize];
        let fitting = |from: usize| of_state.range((from, 0)..);
        let tried = fitting(len)
            .take(TRIES)
            .find(|(have, start)| start.next_multiple_of(align) + len <= start + have);
        let found = tried.or_else(|| fitting(len.checked_add(align)?).next());
        let start = found?.1.next_multiple_of(align);
        self.cut(start, start + len);
        Some(start)
    }

    /// The longest extent of a free state that does not hold `except`; the longest
    /// of all if no other has half of its length.
    pub fn longest(&self, state: State, except: usize) -> Option<Extent> {
        let mut longest = self.by_len[state as usize].iter().rev();
        let extent = |(len, start): &(usize, usize)| (*start, start + len, state);
        let first = longest.next().map(extent)?;
        if !(first.0..first.1).contains(&except) {
            return Some(first);
        }
        let second = longest.next().map(extent);
        Some(
            second
                .filter(|s| s.1 - s.0 >= (first.1 - first.0) / 2)
                .unwrap_or(first),
        )
    }

    /// The extents that begin at `from` or behind it, by address.
    pub fn iter_from(&self, from: usize) -> impl Iterator<Item = Extent> + '_ {
        let all = self.by_start.range(from..);
        all.map(|(start, (end, state))| (*start, *end, *state))
    }

    /// All extents, by address.
    pub fn iter(&self) -> impl Iterator<Item = Extent> + '_ {
        self.by_start.iter().map(|(s, (e, state))| (*s, *e, *state))
    }
}
/// Calls `each` with the runs of pages in `from..to` (whole pages) that are in use: those
/// of blocks and of mappings. A page of which a part is in use counts.
pub fn in_use(
    (extents, over): (&Extents, &Extents),
    from: usize,
    to: usize,
    each: &mut dyn FnMut(usize, usize),
) {
    let page = sys::page();
    let mut run = from..from;
    let mut add = |start: usize, end: usize| {
        let (start, end) = (start / page * page, end.next_multiple_of(page).min(to));
        if start <= run.end {
            run.end = run.end.max(end);
        } else {
            if run.start < run.end {
                each(run.start, run.end);
            }
            run = start..end;
        }
    };
    let mut next = from;
    while next < to {
        let (start, end, state) = extents
            .first_in(next, to)
            .unwrap_or((to, to, State::Foreign));
        if next < start && over.first_in(next, start).is_none() {
            add(next, start); // no extent is there, so that the program has blocks in it
        }
        if state == State::Mapped {
            add(start, end);
        }
        next = end;
    }
    if run.start < run.end {
        each(run.start, run.end);
    }
}
