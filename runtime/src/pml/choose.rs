//! Which of two arms takes a large message that is in nobody's reach: copies by
//! both sides through the segment, or the kernel (CMA). Which is faster depends on
//! the machine, on where the two ranks run, on the length, and on whether the
//! sender is there to copy; so both are tried on the job's own messages, timed, and
//! the faster one is taken, for each class of lengths by itself.

use std::time::Duration;

/// The two arms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// Through fragments of the segment, both sides copying.
    Copy = 0,
    /// By the kernel.
    Cma = 1,
}

/// Lengths below this are copied: a call into the kernel would take longer.
pub(super) const LEAST: usize = 8 << 10;

/// Up to here copies could go at once, without having been announced, which they are
/// while they are timed.
const AT_ONCE: usize = 64 << 10;

/// The cost of a copy that went at once to that of one that was announced.
const SAVED: f32 = 0.9;

/// Classes of lengths: one for each doubling.
pub(super) const CLASSES: usize = 22;

/// Messages that each way gets of a class before one is preferred.
const TRIES: u32 = 6;

/// After so many messages of a class the slower way is tried once more: things
/// change. The longer of the two is at most [`HOPELESS`] times the other then.
const AGAIN: u32 = 500;

/// Times faster that the other way has to be for a change.
const CLEARLY: f32 = 1.15;

/// Times slower that a way is no longer tried again.
const HOPELESS: f32 = 3.0;

/// What is known of one class.
#[derive(Clone, Copy, Debug, Default)]
struct Class {
    /// By way: messages timed, and nanoseconds per byte.
    tries: [u32; 2],
    cost: [f32; 2],
    since: u32,
    /// The way that is preferred, once both are known.
    best: Option<Way>,
}

/// What the messages so far have taught.
#[derive(Debug, Default)]
pub(super) struct Choice {
    classes: [Class; CLASSES],
}

/// The class of a length.
pub(super) fn class_of(len: usize) -> usize {
    ((len / LEAST).max(1).ilog2() as usize).min(CLASSES - 1)
}

impl Choice {
    /// The way of the next message of `len` bytes.
    pub(super) fn next(&mut self, len: usize) -> Way {
        if len < LEAST {
            return Way::Copy;
        }
        let class = &mut self.classes[class_of(len)];
        let Some(best) = class.best else {
            let [copy, cma] = class.tries;
            return if cma < copy { Way::Cma } else { Way::Copy };
        };
        let other = match best {
            Way::Copy => Way::Cma,
            Way::Cma => Way::Copy,
        };
        class.since += 1;
        let hopeless = class.cost[other as usize] > HOPELESS * class.cost[best as usize];
        if class.since >= AGAIN && !hopeless {
            class.since = 0;
            return other;
        }
        best
    }

    /// Whether messages of `len` bytes are known to be faster by copies.
    pub(super) fn is_for_copies(&self, len: usize) -> bool {
        len < LEAST || self.classes[class_of(len)].best == Some(Way::Copy)
    }

    /// Notes how long a message of `len` bytes took, from match to end.
    pub(super) fn learn(&mut self, way: Way, len: usize, took: Duration) {
        if len < LEAST {
            return;
        }
        let class = &mut self.classes[class_of(len)];
        #[allow(clippy::cast_precision_loss, reason = "a cost is an estimate")]
        let cost = took.as_nanos() as f32 / len as f32;
        let (tries, known) = (
            &mut class.tries[way as usize],
            &mut class.cost[way as usize],
        );
        // The first ones touch memory for the first time, and one that was held up
        // says little about the way.
        *known = match *tries {
            0 => cost,
            1..TRIES => cost.min(*known),
            _ => *known + (cost.min(*known * 2.0) - *known) / 8.0,
        };
        *tries = tries.saturating_add(1);
        let (copy, cma) = (Way::Copy as usize, Way::Cma as usize);
        if class.tries[copy].min(class.tries[cma]) >= TRIES {
            let saved = if len <= AT_ONCE { SAVED } else { 1.0 };
            let (copy, cma) = (class.cost[copy] * saved, class.cost[cma]);
            class.best = match class.best {
                Some(Way::Cma) if copy * CLEARLY > cma => Some(Way::Cma),
                Some(Way::Copy) if cma * CLEARLY > copy => Some(Way::Copy),
                _ if copy <= cma => Some(Way::Copy),
                _ => Some(Way::Cma),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(choice: &mut Choice, len: usize, rounds: u32, cost: impl Fn(Way) -> u64) -> [u32; 2] {
        let mut taken = [0; 2];
        for _ in 0..rounds {
            let way = choice.next(len);
            taken[way as usize] += 1;
            choice.learn(way, len, Duration::from_nanos(cost(way)));
        }
        taken
    }

    #[test]
    fn the_faster_way_is_found_for_each_class() {
        let mut choice = Choice::default();
        let small = play(&mut choice, 64 << 10, 1000, |way| {
            [5_000, 9_000][way as usize]
        });
        let large = play(&mut choice, 4 << 20, 1000, |way| {
            [900_000, 200_000][way as usize]
        });
        assert!(small[0] > 980 && small[1] >= TRIES, "{small:?}");
        assert_eq!(large, [TRIES, 1000 - TRIES], "too slow to be tried again");
    }

    #[test]
    fn a_change_is_noticed() {
        let mut choice = Choice::default();
        play(&mut choice, 1 << 20, 300, |way| [100, 150][way as usize]);
        let after = play(&mut choice, 1 << 20, 2000, |way| [400, 150][way as usize]);
        assert!(after[1] > 1500, "{after:?}");
    }

    #[test]
    fn short_messages_are_known_to_be_copied() {
        let mut choice = Choice::default();
        assert!(choice.is_for_copies(1000) && !choice.is_for_copies(20_000));
        play(&mut choice, 20_000, 30, |way| [110, 100][way as usize]);
        assert!(choice.is_for_copies(20_000), "they go at once then");
        play(&mut choice, 200_000, 30, |way| [110, 100][way as usize]);
        assert!(!choice.is_for_copies(200_000));
    }

    #[test]
    fn short_messages_are_copied() {
        let mut choice = Choice::default();
        assert_eq!(play(&mut choice, 1000, 50, |_| 1), [50, 0]);
    }
}
