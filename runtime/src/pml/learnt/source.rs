//! Which messages come out of a dirty source: memory that the sender has just written,
//! so that every line is fetched from its cache.
//!
//! To share out a copy costs a message or two between the caches. That pays from
//! `coop_min` bytes on; below, down to an eighth of it, only for dirty sources, from
//! which the copy takes longer than those messages. Whether a source is dirty shows in
//! how long its copy takes, and most programs send the next message like the last one.

use crate::pml::learnt::size::{CLASSES, SizeClass};
use crate::pml::learnt::vote::Vote;
use std::time::Duration;

/// The part of `coop_min` from which on messages may be shared out.
const PART: usize = 8;

/// A copy that takes longer is of a dirty source; one that takes less is not. To share
/// out costs 0.2 us between cores that are 135 ns apart, and gains half of the copy.
const SLOW: Duration = Duration::from_nanos(300);
const FAST: Duration = Duration::from_nanos(200);

/// One in so many copies is timed.
const SAMPLE: u32 = 8;

/// Votes that one side must be ahead by.
const VOTES: i8 = 4;

/// What was learnt of the short messages from one peer.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::pml) struct Sources {
    dirty: [bool; CLASSES],
    votes: [Vote; CLASSES],
    unsampled: u32,
}

/// The shortest message that may be shared out, in bytes.
pub(in crate::pml) fn least(coop_min: usize) -> usize {
    coop_min / PART
}

fn is_short(len: usize, coop_min: usize) -> bool {
    len < coop_min && len >= least(coop_min).max(1)
}

impl Sources {
    /// Whether messages of `len` bytes, shorter than `coop_min`, are of dirty sources.
    #[inline]
    pub(in crate::pml) fn are_dirty(&self, len: usize, coop_min: usize) -> bool {
        is_short(len, coop_min) && self.dirty[SizeClass::of(len).index()]
    }

    /// Whether the copy of a message of `len` bytes is to be timed.
    #[inline]
    pub(in crate::pml) fn is_due(&mut self, len: usize, coop_min: usize) -> bool {
        if !is_short(len, coop_min) {
            return false;
        }
        let is_due = self.unsampled == 0;
        self.unsampled = if is_due { SAMPLE } else { self.unsampled } - 1;
        is_due
    }

    /// Of a message of `len` bytes, `part` were copied in the time `took`.
    pub(in crate::pml) fn learn(
        &mut self,
        len: usize,
        coop_min: usize,
        part: usize,
        took: Duration,
    ) {
        if !is_short(len, coop_min) {
            return;
        }
        let class = SizeClass::of(len).index();
        let parts = u32::try_from(len / part.max(1)).unwrap_or(u32::MAX);
        let limit = if self.dirty[class] { FAST } else { SLOW };
        let is_slow = took.saturating_mul(parts.max(1)) > limit;
        if let Some(dirty) = self.votes[class].cast(is_slow, VOTES) {
            self.dirty[class] = dirty;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOP_MIN: usize = 32 << 10;

    fn learn(sources: &mut Sources, len: usize, part: usize, nanoseconds: u64) {
        for _ in 0..2 * VOTES {
            let took = Duration::from_nanos(nanoseconds);
            sources.learn(len, COOP_MIN, part, took);
        }
    }

    #[test]
    fn a_source_that_takes_long_is_dirty_and_stays_so_for_a_while() {
        let mut sources = Sources::default();
        learn(&mut sources, 8 << 10, 8 << 10, 270);
        assert!(!sources.are_dirty(8 << 10, COOP_MIN));
        learn(&mut sources, 8 << 10, 8 << 10, 700);
        assert!(sources.are_dirty(8 << 10, COOP_MIN));
        assert!(!sources.are_dirty(4 << 10, COOP_MIN) && !sources.are_dirty(16 << 10, COOP_MIN));
        learn(&mut sources, 8 << 10, 1 << 10, 30);
        assert!(sources.are_dirty(8 << 10, COOP_MIN), "240 ns for all of it");
        learn(&mut sources, 8 << 10, 2 << 10, 45);
        assert!(!sources.are_dirty(8 << 10, COOP_MIN));
    }

    #[test]
    fn one_that_is_held_up_changes_nothing() {
        let mut sources = Sources::default();
        for i in 0..1000 {
            let took = Duration::from_nanos(if i % 3 == 0 { 1_000_000 } else { 100 });
            sources.learn(4 << 10, COOP_MIN, 4 << 10, took);
            assert!(!sources.are_dirty(4 << 10, COOP_MIN));
        }
    }

    #[test]
    fn others_are_neither_timed_nor_dirty() {
        let mut sources = Sources::default();
        for len in [0, 1, (4 << 10) - 1, 32 << 10, usize::MAX] {
            assert!(!sources.is_due(len, COOP_MIN));
            learn(&mut sources, len, len, 1_000_000);
            assert!(!sources.are_dirty(len, COOP_MIN));
        }
        let due = (0..80)
            .filter(|_| sources.is_due(4 << 10, COOP_MIN))
            .count();
        assert_eq!(due, 80 / SAMPLE as usize);
        // Everything is shared out.
        assert!(!sources.is_due(0, 0) && !sources.is_due(100, 0));
        assert!(sources.is_due(1, 2));
    }
}
