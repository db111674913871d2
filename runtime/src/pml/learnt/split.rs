//! How a cooperative copy is split: how much more than half of it is the receiver's
//! from the start.
//!
//! The receiver copies alone until the sender has heard of the message, so it should
//! have more than half; less, where the sender is the faster one. How much depends on
//! how far apart the two processors are and on whose cache has which lines. So each
//! message votes by who came to the end of its part first, and who is ahead gets a
//! chunk more. In the end both are through at the same time, and the same bytes are
//! nearly always copied by the same side, whose cache has them.

use crate::pml::learnt::size::{CLASSES, SizeClass};
use crate::pml::learnt::vote::Vote;

/// The most bytes beyond half to begin with, where both map the buffers, and where calls
/// copy. A short message begins with a part of its length.
const MAPPED: usize = 4 << 10;
const CALLS: usize = 2 << 10;
const PART: usize = 16;

/// Votes that one side must be ahead by: few at first, twice as many each time that the
/// split moves back, and the most.
const VOTES_FIRST: i8 = 4;
const VOTES_MOST: i8 = 32;

/// A step is a chunk, or this part of a long message.
const STEPS: usize = 64;

/// The most that the head start comes to, either way, in bytes.
const MOST: i32 = 64 << 10;

/// How the two sides of a cooperative copy came to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::pml) enum Ending {
    /// The sender was through with its part when the receiver was with its own.
    SenderFirst,
    /// It was not.
    ReceiverFirst,
    /// It was busy elsewhere and copied nothing, which says nothing of the split.
    SenderAbsent,
}

/// The splits of messages from one peer.
#[derive(Clone, Copy, Debug)]
pub(in crate::pml) struct Splits {
    mapped: [Split; CLASSES],
    calls: [Split; CLASSES],
}

#[derive(Clone, Copy, Debug)]
struct Split {
    /// Bytes that are the receiver's beyond half.
    head_start: i32,
    /// The sender came, the last time.
    comes: bool,
    /// For: the receiver was first.
    vote: Vote,
    needed: i8,
    /// Whether the last step was for the receiver.
    last: Option<bool>,
}

impl Default for Splits {
    fn default() -> Splits {
        let all = |most: usize| {
            std::array::from_fn(|class| Split {
                head_start: i32::try_from(most.min(SizeClass::at(class).least() / PART))
                    .unwrap_or(0),
                comes: true,
                vote: Vote::default(),
                needed: VOTES_FIRST,
                last: None,
            })
        };
        Splits {
            mapped: all(MAPPED),
            calls: all(CALLS),
        }
    }
}

impl Splits {
    /// Bytes of a message of `len` that are the receiver's, beyond half.
    pub(in crate::pml) fn of(&self, len: usize, by_call: bool) -> i32 {
        let all = if by_call { &self.calls } else { &self.mapped };
        all[SizeClass::of(len).index()].head_start
    }

    /// The receiver's parts of messages of a class, in percent of the shortest, where that
    /// was learnt.
    pub(in crate::pml) fn parts(&self, class: SizeClass) -> impl Iterator<Item = i64> {
        let len = i64::try_from(class.least()).unwrap_or(i64::MAX).max(1);
        let splits = [self.mapped[class.index()], self.calls[class.index()]];
        let learnt = splits.into_iter().filter(|split| split.last.is_some());
        learnt.map(move |split| (50 + 100 * i64::from(split.head_start) / len).clamp(0, 100))
    }

    /// Whether the sender is likely to come to a message of `len` bytes.
    pub(in crate::pml) fn sender_comes(&self, len: usize, by_call: bool) -> bool {
        let all = if by_call { &self.calls } else { &self.mapped };
        all[SizeClass::of(len).index()].comes
    }

    /// Counts a message of `len` bytes in chunks of `chunk`.
    pub(in crate::pml) fn learn(
        &mut self,
        len: usize,
        chunk: usize,
        by_call: bool,
        ending: Ending,
    ) {
        let all = match by_call {
            true => &mut self.calls,
            false => &mut self.mapped,
        };
        let split = &mut all[SizeClass::of(len).index()];
        split.comes = ending != Ending::SenderAbsent;
        if !split.comes {
            return;
        }
        let vote = split
            .vote
            .cast(ending == Ending::ReceiverFirst, split.needed);
        let Some(is_receivers) = vote else { return };
        if split.last.is_some_and(|last| last != is_receivers) {
            split.needed = (2 * split.needed).min(VOTES_MOST);
        }
        split.last = Some(is_receivers);
        let step = i32::try_from(chunk.max(len / STEPS)).map_or(MOST, |step| step.min(MOST));
        let change = if is_receivers { step } else { -step };
        split.head_start = (split.head_start + change).clamp(-MOST, MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The receiver's bytes of a message of `len` once that is settled, where it copies
    /// `lead` bytes before the sender begins, and then the two copy at these speeds.
    fn settled(len: usize, chunk: usize, lead: f64, speeds: [f64; 2]) -> i32 {
        let mut splits = Splits::default();
        let half = i32::try_from(len / 2).unwrap();
        let bounds = |bytes: i32| bytes.clamp(1, 2 * half - i32::try_from(chunk).unwrap());
        for _ in 0..4000 {
            let own = bounds(half + splits.of(len, false));
            let (mine, other) = (f64::from(own), f64::from(2 * half - own));
            let ending = match lead / speeds[0] + other / speeds[1] < mine / speeds[0] {
                true => Ending::SenderFirst,
                false => Ending::ReceiverFirst,
            };
            splits.learn(len, chunk, false, ending);
        }
        bounds(half + splits.of(len, false))
    }

    #[test]
    fn both_come_to_the_end_together() {
        let own = settled(64 << 10, 1 << 10, 6000.0, [1.0, 1.0]);
        assert!((34 << 10..=37 << 10).contains(&own), "{own}");
        let own = settled(256 << 10, 4 << 10, 0.0, [1.0, 1.0]);
        assert!((124 << 10..=132 << 10).contains(&own), "{own}");
        let own = settled(256 << 10, 4 << 10, 0.0, [1.0, 1.5]);
        assert!((98 << 10..=108 << 10).contains(&own), "{own}");
    }

    #[test]
    fn a_sender_that_is_always_late_keeps_one_chunk() {
        assert_eq!(settled(64 << 10, 4 << 10, 1e9, [1.0, 1.0]), 60 << 10);
    }

    #[test]
    fn one_that_did_not_come_changes_nothing() {
        let mut splits = Splits::default();
        for _ in 0..1000 {
            splits.learn(64 << 10, 4 << 10, false, Ending::SenderAbsent);
        }
        assert_eq!(splits.of(64 << 10, false), 4 << 10);
        assert_eq!(splits.of(8 << 10, false), 512);
    }
}
