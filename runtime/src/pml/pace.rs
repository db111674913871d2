//! Which messages take long to copy, for their length: those that their sender has just
//! written, so that every line comes out of its cache.
//!
//! To share out a copy costs a message or two between the caches. That pays from
//! `coop_min` bytes on whatever the memory; below, down to an eighth of it, where the
//! copy by itself takes longer than those messages. How long it takes is not known before,
//! but most programs send the next message like the last one.

use std::time::Duration;

/// The part of `coop_min` from which on messages may be shared out.
const PART: usize = 8;

/// A copy that takes longer is slow; one that takes less, by the time of the leader's own
/// part, is not. To share out costs 0.2 us between cores that are 135 ns apart, and gains
/// half of the copy at least.
const SLOW: Duration = Duration::from_nanos(300);
const FAST: Duration = Duration::from_nanos(200);

/// One in so many copies is timed.
const SAMPLE: u32 = 8;

/// How many copies more one way than the other decide.
const VOTES: i32 = 4;

/// Classes of lengths: one for each doubling, up to `coop_min`.
const CLASSES: usize = PART.ilog2() as usize + 1;

/// What was learnt of short messages from one peer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Paces {
    classes: [Pace; CLASSES],
    unsampled: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    is_slow: bool,
    /// Copies that were slow, less those that were fast, since it was decided.
    votes: i32,
}

/// The least message that may be shared out.
pub(super) fn least(coop_min: usize) -> usize {
    coop_min / PART
}

/// The class of a length, in halvings of `coop_min`; `None`: it is not for here.
fn class_of(len: usize, coop_min: usize) -> Option<usize> {
    let is_short = len < coop_min && len >= least(coop_min).max(1);
    is_short.then(|| ((coop_min / len).ilog2() as usize).min(CLASSES - 1))
}

impl Paces {
    /// Whether messages of `len` bytes, shorter than `coop_min`, take long.
    #[inline]
    pub(super) fn are_slow(&self, len: usize, coop_min: usize) -> bool {
        class_of(len, coop_min).is_some_and(|class| self.classes[class].is_slow)
    }

    /// Whether the copy of a message of `len` bytes is to be timed.
    #[inline]
    pub(super) fn is_due(&mut self, len: usize, coop_min: usize) -> bool {
        if class_of(len, coop_min).is_none() {
            return false;
        }
        let is_due = self.unsampled == 0;
        self.unsampled = if is_due { SAMPLE } else { self.unsampled } - 1;
        is_due
    }

    /// Of a message of `len` bytes, `part` were copied in the time `took`.
    pub(super) fn learn(&mut self, len: usize, coop_min: usize, part: usize, took: Duration) {
        let Some(class) = class_of(len, coop_min) else {
            return;
        };
        let pace = &mut self.classes[class];
        let parts = u32::try_from(len / part.max(1)).unwrap_or(u32::MAX);
        let took = took.saturating_mul(parts.max(1));
        let is_slow = match pace.is_slow {
            true => took > FAST,
            false => took > SLOW,
        };
        pace.votes = (pace.votes + if is_slow { 1 } else { -1 }).clamp(-VOTES, VOTES);
        if pace.votes.abs() == VOTES {
            pace.is_slow = pace.votes > 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOP_MIN: usize = 32 << 10;

    fn learn(paces: &mut Paces, len: usize, part: usize, nanoseconds: u64) {
        for _ in 0..VOTES {
            let took = Duration::from_nanos(nanoseconds);
            paces.learn(len, COOP_MIN, part, took);
        }
    }

    #[test]
    fn what_takes_long_is_slow_and_stays_so_for_a_while() {
        let mut paces = Paces::default();
        learn(&mut paces, 8 << 10, 8 << 10, 270);
        assert!(!paces.are_slow(8 << 10, COOP_MIN));
        for _ in 0..2 {
            learn(&mut paces, 8 << 10, 8 << 10, 700);
        }
        assert!(paces.are_slow(8 << 10, COOP_MIN));
        assert!(!paces.are_slow(4 << 10, COOP_MIN) && !paces.are_slow(16 << 10, COOP_MIN));
        for _ in 0..2 {
            learn(&mut paces, 8 << 10, 1 << 10, 30);
        }
        assert!(paces.are_slow(8 << 10, COOP_MIN), "240 ns for all of it");
        for _ in 0..2 {
            learn(&mut paces, 8 << 10, 2 << 10, 45);
        }
        assert!(!paces.are_slow(8 << 10, COOP_MIN));
    }

    #[test]
    fn one_that_is_held_up_changes_nothing() {
        let mut paces = Paces::default();
        for i in 0..1000 {
            let took = Duration::from_nanos(if i % 3 == 0 { 1_000_000 } else { 100 });
            paces.learn(4 << 10, COOP_MIN, 4 << 10, took);
            assert!(!paces.are_slow(4 << 10, COOP_MIN));
        }
    }

    #[test]
    fn others_are_neither_timed_nor_slow() {
        let mut paces = Paces::default();
        for len in [0, 1, (4 << 10) - 1, 32 << 10, usize::MAX] {
            assert!(!paces.is_due(len, COOP_MIN));
            learn(&mut paces, len, len, 1_000_000);
            assert!(!paces.are_slow(len, COOP_MIN));
        }
        let due = (0..80).filter(|_| paces.is_due(4 << 10, COOP_MIN)).count();
        assert_eq!(due, 80 / SAMPLE as usize);
        // Everything is shared out.
        assert!(!paces.is_due(0, 0) && !paces.is_due(100, 0));
        assert!(paces.is_due(1, 2));
    }
}
