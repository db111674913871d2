//! The window as blocks and mappings take it and give it back. Everything here
//! runs under the lock of the heap's space.

use super::extents::{Extent, Extents, State};
use super::sys;
use super::window::Window;
use super::witness::Forks;
use nix::time::ClockId;
use std::time::Duration;

/// Free pages that may always exist.
const DIRTY_LEAST: usize = 8 << 20;
/// Beyond it, one part in this many of what is in use.
const DIRTY_SHARE: usize = 16;
/// Memory that was in use a moment ago may be wanted again: up to this much of it is
/// kept. (The C library's malloc keeps as much at the end of its heap, for good.)
const WARM: usize = 64 << 20;
/// A moment: this long or up to twice as long.
const MOMENT: Duration = Duration::from_millis(250);
/// Blocks longer than this are made of zero pages first, not of what others left.
const LONG: usize = 32 << 20;
/// Extents shorter than this are not worth a system call.
const PURGED_LEAST: usize = 16 << 10;
/// Bytes that are opened at once at least, and at most.
const OPENED_AT_ONCE: std::ops::RangeInclusive<usize> = 2 << 20..=64 << 20;

/// The space of a window.
#[derive(Debug)]
pub struct Space {
    /// What no block lies in.
    pub extents: Extents,
    /// Where the program has mapped something over blocks of its own.
    pub over: Extents,
    /// What of its memory the program has protected, so that a touch is a fault that it
    /// may want to see: peers would not meet it.
    pub protected: Extents,
    /// What is known of this process's forks.
    pub forks: Forks,
    /// Bytes of blocks that programs or shelves have.
    used: usize,
    /// The most of `used` in this moment and in the one before.
    peaks: [usize; 2],
    /// When this moment began.
    since: Duration,
}

impl Space {
    /// All of a window, sealed.
    pub fn new(window: &Window) -> Space {
        let mut extents = Extents::default();
        extents.insert(window.base(), window.base() + window.len(), State::Sealed);
        Space {
            extents,
            over: Extents::default(),
            protected: Extents::default(),
            forks: Forks::default(),
            used: 0,
            peaks: [0; 2],
            since: Duration::ZERO,
        }
    }

    /// Bytes of free pages that may exist.
    pub fn dirty_limit(&mut self) -> usize {
        let least = DIRTY_LEAST.max(self.used / DIRTY_SHARE);
        if self.extents.bytes(State::Dirty) <= least {
            return least; // no need to look at the clock
        }
        // Good to some milliseconds, and cheap.
        let now = ClockId::CLOCK_MONOTONIC_COARSE
            .now()
            .map_or(self.since, Duration::from);
        let age = now.saturating_sub(self.since);
        if age > MOMENT {
            let over = age > 2 * MOMENT;
            self.peaks[1] = if over { self.used } else { self.peaks[0] };
            self.peaks[0] = self.used;
            self.since = now;
        }
        let peak = self.peaks[0].max(self.peaks[1]);
        least.max((peak - peak.min(self.used)).min(WARM))
    }

    /// Counts a change of what is in use.
    fn count(&mut self, taken: usize) {
        self.used += taken;
        self.peaks[0] = self.peaks[0].max(self.used);
    }

    /// Takes a block: its address, and whether it is known to be zero.
    pub fn take(&mut self, window: &Window, len: usize, align: usize) -> Option<(usize, bool)> {
        let found = if len > LONG {
            self.take_zeroed(window, len, align)
        } else {
            let dirty = self.extents.take(len, align, State::Dirty);
            dirty
                .map(|start| (start, false))
                .or_else(|| self.take_zeroed(window, len, align))
        };
        self.count(found.map_or(0, |_| len));
        found
    }

    fn take_zeroed(&mut self, window: &Window, len: usize, align: usize) -> Option<(usize, bool)> {
        let clean = self.extents.take(len, align, State::Clean);
        let start = clean.or_else(|| {
            let start = self.open(window, len, align)?;
            self.extents.cut(start, start + len);
            Some(start)
        });
        start.map(|start| (start, true))
    }

    /// Opens sealed pages for a block of `len` bytes, and more; where it may lie.
    fn open(&mut self, window: &Window, len: usize, align: usize) -> Option<usize> {
        let align = align.max(sys::page());
        let least = len.checked_next_multiple_of(sys::page())?;
        let step = (self.used / 8)
            .clamp(*OPENED_AT_ONCE.start(), *OPENED_AT_ONCE.end())
            .max(least)
            .next_multiple_of(sys::page());
        for len in [step, least] {
            if let Some(start) = self.extents.take(len, align, State::Sealed) {
                if window.open(start, len, len == least).is_err() {
                    self.extents.insert(start, start + len, State::Sealed);
                    continue;
                }
                self.extents.insert(start, start + len, State::Clean);
                return Some(start);
            }
        }
        None
    }

    /// Takes back a block.
    pub fn give(&mut self, window: &Window, start: usize, len: usize) {
        self.used -= len;
        if !window.pages().have_frozen() || window.is_private() {
            self.extents.insert(start, start + len, State::Dirty);
            return;
        }
        let (mut next, end) = (start, start + len);
        while next < end {
            let (stop, frozen) = window.pages().frozen.run(next, end);
            if frozen {
                self.give_frozen(window, next, stop);
            } else {
                self.extents.insert(next, stop, State::Dirty);
            }
            next = stop;
        }
    }

    /// Takes back frozen memory, which waits until no child has it.
    pub fn give_frozen(&mut self, window: &Window, start: usize, end: usize) {
        self.extents.insert(start, end, State::Frozen);
        let Some((from, to, _)) = self.extents.at(start) else {
            return;
        };
        // Pages of which the rest was given back before are whole now.
        let page = sys::page();
        let first = from.next_multiple_of(page).max(start / page * page);
        let last = (to / page * page).min(end.next_multiple_of(page));
        if first < last {
            self.forks.note_freed(window.base(), first, last);
            // This process's own copies go at once; where they do not, they go later.
            // SAFETY: whole pages that nobody uses any more.
            drop(unsafe { sys::madvise(first, last - first, libc::MADV_DONTNEED) });
        }
    }

    /// Whether every address of a range lies in an extent of one of these states.
    fn is_all(&self, start: usize, end: usize, states: &[State]) -> bool {
        let mut at = start;
        while at < end {
            match self.extents.at(at) {
                Some((_, to, state)) if states.contains(&state) => at = to,
                _ => return false,
            }
        }
        true
    }

    /// Takes what follows a block, so that it ends `more` bytes later.
    pub fn extend(&mut self, window: &Window, end: usize, more: usize) -> bool {
        let goal = end + more;
        if !self.is_all(end, goal, &[State::Dirty, State::Clean, State::Sealed]) {
            return false;
        }
        let mut at = end;
        while at < goal {
            let (_, to, state) = self.extents.at(at).expect("it was there just now");
            let to = to.min(goal);
            if state == State::Sealed {
                let pages = to.next_multiple_of(sys::page());
                self.extents.cut(at, pages);
                if window.open(at, pages - at, false).is_err() {
                    self.extents.insert(at, pages, State::Sealed);
                    // What was taken before counts as touched.
                    self.extents.insert(end, at, State::Dirty);
                    return false;
                }
                self.extents.insert(to, pages, State::Clean);
            } else {
                self.extents.cut(at, to);
            }
            at = to;
        }
        self.count(more);
        true
    }

    /// While there are more free pages than there may be: the next extent to be given back
    /// to the system, which [leaves](State::Leaving). It begins and ends at pages as far as
    /// its neighbours are free, too. `just` is an address in what was freed last, which goes
    /// last; `begun` says that this is not the first extent of this purge.
    pub fn victim(&mut self, just: usize, begun: bool) -> Option<(usize, usize)> {
        let limit = self.dirty_limit();
        let limit = if begun { limit / 4 * 3 } else { limit };
        if self.extents.bytes(State::Dirty) <= limit {
            return None;
        }
        let (start, end, _) = self.extents.longest(State::Dirty, just)?;
        if end - start < PURGED_LEAST {
            return None;
        }
        let first = start / sys::page() * sys::page();
        let last = end.next_multiple_of(sys::page());
        let is_clean = |one: &Extent| one.2 == State::Clean;
        let before = self.extents.before(start).filter(is_clean);
        let start = before.filter(|one| one.0 <= first).map_or(start, |_| first);
        let after = self.extents.at(end).filter(is_clean);
        let end = after.filter(|one| one.1 >= last).map_or(end, |_| last);
        self.extents.free_of(start, end);
        self.extents.insert(start, end, State::Leaving);
        Some((start, end))
    }

    /// Takes `len` bytes of whole zero pages for a mapping of the program.
    pub fn map(&mut self, window: &Window, len: usize) -> Option<usize> {
        let page = sys::page();
        let start = match self.extents.take(len, page, State::Sealed) {
            Some(start) => {
                if window.open(start, len, true).is_err() {
                    self.extents.insert(start, start + len, State::Sealed);
                    return None;
                }
                start
            }
            None => self.extents.take(len, page, State::Clean)?,
        };
        self.extents.insert(start, start + len, State::Mapped);
        Some(start)
    }

    /// Makes a mapping longer where it is, by whole zero pages.
    pub fn map_more(&mut self, window: &Window, end: usize, more: usize) -> bool {
        let goal = end + more;
        if !self.is_all(end, goal, &[State::Clean, State::Sealed])
            || window.open(end, more, true).is_err()
        {
            return false;
        }
        self.extents.free_of(end, goal);
        self.extents.insert(end, goal, State::Mapped);
        true
    }
}
