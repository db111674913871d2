//! How much of a joint copy is the leader's from the start: half, and what it copies
//! until the helper has heard, or less where the helper is the faster one.
//!
//! How much that is depends on how far apart the two processors are and on who has
//! which lines in its cache, so it is learnt: of messages that go alone, who has been
//! through with its part first for some while gets a chunk more. Leader and helper then
//! come to the end together, and yet the same bytes are copied by the same side nearly
//! each time, whose cache has them.

use crate::pml::choose::{self, CLASSES};

/// Bytes beyond half to begin with, where the leader copies by loads and where the
/// kernel copies.
const DIRECT: i32 = 4 << 10;
const CMA: i32 = 2 << 10;

/// How many messages more one side must have been through with first than the other,
/// before the head start changes by a chunk, or by such a part of a long message.
const VOTES: i32 = 32;
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
    first: i32,
    /// Whether the helper came, the last time.
    came: bool,
}

impl Default for HeadStarts {
    fn default() -> HeadStarts {
        let all = |bytes| {
            [HeadStart {
                bytes,
                first: 0,
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

    /// Chunks of `chunk` bytes, of a message of `len`, that are the leader's, and whether
    /// the helper is likely to come. It gets a chunk at least where there are two.
    pub(super) fn front(&mut self, len: usize, chunk: usize, is_cma: bool) -> (u64, bool) {
        let start = self.of(len, is_cma);
        let bytes = isize::try_from(start.bytes).unwrap_or(0);
        let front = (len / 2).saturating_add_signed(bytes).div_ceil(chunk);
        let total = len.div_ceil(chunk);
        let front = front.clamp(1, total.saturating_sub(1).max(1));
        (front as u64, start.came)
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
        if start.first.abs() < VOTES {
            return;
        }
        let step = i32::try_from(chunk.max(len / STEPS)).unwrap_or(MOST);
        let change = step.min(MOST) * start.first.signum();
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
        usize::try_from(starts.front(len, chunk, false).0).unwrap() * chunk
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
        let before = starts.front(64 << 10, 4 << 10, false);
        assert_eq!(before, (9, true));
        for _ in 0..1000 {
            starts.learn(64 << 10, 4 << 10, false, Met::Absent);
        }
        assert_eq!(starts.front(64 << 10, 4 << 10, false), (9, false));
        starts.learn(64 << 10, 4 << 10, false, Met::LeaderFirst);
        assert_eq!(starts.front(64 << 10, 4 << 10, false), before);
    }

    #[test]
    fn short_messages_are_shared_out_rightly() {
        let mut starts = HeadStarts::default();
        assert_eq!(starts.front(100, 4096, false).0, 1);
        assert_eq!(starts.front(5000, 4096, false).0, 1);
        assert_eq!(starts.front(64 << 10, 4 << 10, false).0, 9);
        assert_eq!(starts.front(32 << 10, 2 << 10, true).0, 9);
    }
}
