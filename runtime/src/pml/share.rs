//! How much of a joint copy is the leader's from the start: half, and what it copies
//! until the helper has heard, or less where the helper is the faster one.
//!
//! How much that is depends on how far apart the two processors are and on who has
//! which lines in its cache, so it is learnt: of messages that go alone, who has been
//! through with its part first for some while gets a chunk more. Leader and helper then
//! come to the end together, and yet the same bytes are copied by the same side nearly
//! each time, whose cache has them.

use crate::pml::choose::{self, CLASSES};
use btl_shm::joint;
use std::ops::Range;

/// The most chunks of a message that both copy: longer ones get longer chunks.
const CHUNKS: usize = 1 << 16;
const _: () = assert!(CHUNKS as u64 <= joint::MOST);

/// How a message is cut into chunks, and how many of them are the leader's from the
/// start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shares {
    /// Bytes of the message, and of a chunk.
    pub(super) len: usize,
    pub(super) chunk: usize,
    pub(super) total: u64,
    pub(super) front: u64,
}

impl Shares {
    /// Of a message of `len` bytes, in chunks of `least` bytes or more, of which the
    /// leader has `head_start` bytes beyond half. The helper gets a chunk at least where
    /// there are two.
    pub(super) fn new(len: usize, least: usize, head_start: i32) -> Shares {
        let alone = Shares::alone(len, least);
        let head_start = isize::try_from(head_start).unwrap_or(0);
        let front = (len / 2)
            .saturating_add_signed(head_start)
            .div_ceil(alone.chunk) as u64;
        Shares {
            front: front.clamp(1, alone.total.saturating_sub(1).max(1)),
            ..alone
        }
    }

    /// The same where all of it is the helper's.
    pub(super) fn alone(len: usize, least: usize) -> Shares {
        let chunk = least.max(len.div_ceil(CHUNKS)).next_multiple_of(64);
        Shares {
            len,
            chunk,
            total: len.div_ceil(chunk) as u64,
            front: 0,
        }
    }

    /// What a helper was told by its leader. `None`: that cannot be.
    pub(super) fn of(len: u64, chunk: u64, front: u64) -> Option<Shares> {
        let (len, chunk) = (usize::try_from(len).ok()?, usize::try_from(chunk).ok()?);
        let total = len.div_ceil(chunk.max(1)) as u64;
        (chunk > 0 && total <= joint::MOST).then_some(Shares {
            len,
            chunk,
            total,
            front,
        })
    }

    /// Whether there is anything to share out.
    pub(super) fn are_two(&self) -> bool {
        self.front < self.total
    }

    /// The bytes that are the leader's from the start.
    pub(super) fn leaders(&self) -> Range<usize> {
        self.bytes(&(0..self.front))
    }

    /// The bytes of these chunks.
    pub(super) fn bytes(&self, chunks: &Range<u64>) -> Range<usize> {
        let at = |i: u64| {
            usize::try_from(i)
                .unwrap_or(usize::MAX)
                .saturating_mul(self.chunk)
                .min(self.len)
        };
        at(chunks.start)..at(chunks.end)
    }
}

/// Bytes beyond half to begin with, where the leader copies by loads and where the
/// kernel copies.
const DIRECT: i32 = 4 << 10;
const CMA: i32 = 2 << 10;

/// How many messages more one side must have been through with first than the other,
/// before the head start changes by a chunk, or by such a part of a long message: few to
/// begin with, twice as many each time that it changes the other way, and the most.
const VOTES_FIRST: i8 = 4;
const VOTES_MOST: i8 = 32;
const STEPS: usize = 64;

/// The most that a head start comes to, either way, in bytes.
const MOST: i32 = 64 << 10;

/// How the two sides of a joint copy met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Met {
    /// The helper was through with its part when the leader was with its own.
    HelperFirst,
    /// It was not.
    LeaderFirst,
    /// It was busy elsewhere, and did not come at all: that says nothing of how the
    /// next message should be shared out.
    Absent,
}

/// What was learnt of joint copies with one peer, by class of lengths.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeadStarts {
    direct: [HeadStart; CLASSES],
    cma: [HeadStart; CLASSES],
}

/// The leader's.
#[derive(Clone, Copy, Debug)]
struct HeadStart {
    bytes: i32,
    /// Messages with which it was through first, less those with which the helper was,
    /// since the last change.
    first: i8,
    /// How many it takes for the next, and which way the last one went.
    votes: i8,
    way: i8,
    /// Whether the helper came, the last time.
    came: bool,
}

impl Default for HeadStarts {
    fn default() -> HeadStarts {
        let all = |bytes| {
            [HeadStart {
                bytes,
                first: 0,
                votes: VOTES_FIRST,
                way: 0,
                came: true,
            }; CLASSES]
        };
        HeadStarts {
            direct: all(DIRECT),
            cma: all(CMA),
        }
    }
}

impl HeadStarts {
    fn of(&mut self, len: usize, is_cma: bool) -> &mut HeadStart {
        let all = if is_cma {
            &mut self.cma
        } else {
            &mut self.direct
        };
        &mut all[choose::class_of(len)]
    }

    /// Bytes beyond half of a message of `len` that are the leader's, and whether the
    /// helper is likely to come.
    pub(super) fn front(&mut self, len: usize, is_cma: bool) -> (i32, bool) {
        let start = self.of(len, is_cma);
        (start.bytes, start.came)
    }

    /// A message of `len` bytes in chunks of `chunk` is copied, and the two sides met
    /// like that.
    pub(super) fn learn(&mut self, len: usize, chunk: usize, is_cma: bool, met: Met) {
        let start = self.of(len, is_cma);
        start.came = met != Met::Absent;
        start.first += match met {
            Met::HelperFirst => -1,
            Met::LeaderFirst => 1,
            Met::Absent => return,
        };
        if start.first.abs() < start.votes {
            return;
        }
        let way = start.first.signum();
        if way == -start.way {
            start.votes = (2 * start.votes).min(VOTES_MOST);
        }
        start.way = way;
        let step = i32::try_from(chunk.max(len / STEPS)).unwrap_or(MOST);
        let change = step.min(MOST) * i32::from(way);
        start.bytes = start.bytes.saturating_add(change).clamp(-MOST, MOST);
        start.first = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the leader's part comes to where it has copied `lead` bytes before the
    /// helper begins, and then the two are as fast as `speeds` say.
    fn settled(len: usize, chunk: usize, lead: f64, speeds: [f64; 2]) -> usize {
        let mut starts = HeadStarts::default();
        for _ in 0..2000 {
            let front = front_of(&mut starts, len, chunk);
            #[allow(clippy::cast_precision_loss, reason = "lengths are small")]
            let (own, other) = (front as f64, (len - front) as f64);
            let helper_first = lead / speeds[0] + other / speeds[1] < own / speeds[0];
            let met = match helper_first {
                true => Met::HelperFirst,
                false => Met::LeaderFirst,
            };
            starts.learn(len, chunk, false, met);
        }
        front_of(&mut starts, len, chunk)
    }

    /// The leader's bytes.
    fn front_of(starts: &mut HeadStarts, len: usize, chunk: usize) -> usize {
        Shares::new(len, chunk, starts.front(len, false).0)
            .leaders()
            .len()
    }

    #[test]
    fn both_come_to_the_end_together() {
        let front = settled(64 << 10, 1 << 10, 6000.0, [1.0, 1.0]);
        assert!((34 << 10..=36 << 10).contains(&front), "{front}");
        let front = settled(256 << 10, 4 << 10, 0.0, [1.0, 1.0]);
        assert!((124 << 10..=132 << 10).contains(&front), "{front}");
        let front = settled(256 << 10, 4 << 10, 0.0, [1.0, 1.5]);
        assert!((100 << 10..=108 << 10).contains(&front), "{front}");
    }

    #[test]
    fn a_helper_that_is_always_late_keeps_one_chunk() {
        assert_eq!(settled(64 << 10, 4 << 10, 1e9, [1.0, 1.0]), 60 << 10);
    }

    #[test]
    fn one_that_did_not_come_is_not_waited_for_and_changes_nothing() {
        let mut starts = HeadStarts::default();
        let before = starts.front(64 << 10, false);
        assert_eq!(before, (DIRECT, true));
        for _ in 0..1000 {
            starts.learn(64 << 10, 4 << 10, false, Met::Absent);
        }
        assert_eq!(starts.front(64 << 10, false), (DIRECT, false));
        starts.learn(64 << 10, 4 << 10, false, Met::LeaderFirst);
        assert_eq!(starts.front(64 << 10, false), before);
    }

    #[test]
    fn short_messages_are_shared_out_rightly() {
        for (len, chunk, head_start, front, total) in [
            (100, 4096, DIRECT, 1, 1),
            (5000, 4096, DIRECT, 1, 2),
            (64 << 10, 4 << 10, DIRECT, 9, 16),
            (32 << 10, 2 << 10, CMA, 9, 16),
            (64 << 10, 1 << 10, -MOST, 1, 64),
            (64 << 10, 1 << 10, MOST, 63, 64),
            (1 << 40, 1 << 10, 0, 1 << 15, 1 << 16),
        ] {
            let shares = Shares::new(len, chunk, head_start);
            assert_eq!((shares.front, shares.total), (front, total), "{len}");
            assert_eq!(shares.are_two(), total > 1);
            assert_eq!(shares.bytes(&(0..total)), 0..len);
        }
    }
}
