//! Which of two arms takes a large message that is in nobody's reach: copies by
//! both sides through the segment, or the kernel (CMA). Which is faster depends on
//! the machine, on where the two ranks run, on the length, and on whether the
//! sender is there to copy; so both are tried on the job's own messages, timed, and
//! the faster one is taken, for each class of lengths by itself.

use std::time::Instant;

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

/// For how many messages one stands that was announced, where most go at once.
const UNSEEN: u32 = 20;

/// The cost of a copy that went at once to that of one that was announced, or copied by
/// the kernel: its sender goes on at once, and nobody tells anybody anything.
const SAVED: f32 = 0.75;

/// Classes of lengths: one for each doubling.
pub(super) const CLASSES: usize = 22;

/// Messages that are timed of each way before one is preferred: enough that the last
/// ones find all memory on their way touched.
const TRIES: usize = 24;

/// Messages of the slower way that are timed when it is tried again.
const TRIES_AGAIN: usize = 3;

/// After so many messages of a class the slower way is tried again, since things
/// change; after twice as many each time that nothing has, and after the most where
/// it is [`HOPELESS`].
const AGAIN: u32 = 500;
const AGAIN_MOST: u32 = 8000;

/// Of messages whose way is settled, one in so many is timed, with all that are under way
/// together with it.
const SAMPLE: u32 = 8;

/// Messages that a way gets while it waits for some that go alone, or that go untimed
/// because the first of them does; after that any is timed.
const PATIENCE: u32 = 128;

/// Times faster that the other way has to be for a change.
const CLEARLY: f32 = 1.15;

/// Times slower that a way is hardly tried again.
const HOPELESS: f32 = 3.0;

/// What is done with the messages of a class at the moment.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// They go this way to be timed: so many have begun, and what the ones cost that are
    /// timed, in the first places.
    Trying {
        way: Way,
        begun: u32,
        timed: usize,
        costs: [f32; TRIES],
    },
    /// They go the way that is preferred; so many since that was decided.
    Settled { best: Way, since: u32 },
}

/// What is known of one class.
#[derive(Clone, Copy, Debug)]
struct Class {
    phase: Phase,
    /// By way: nanoseconds per byte, once known.
    cost: [Option<f32>; 2],
    best: Option<Way>,
    /// Messages until the slower way is tried again.
    again: u32,
}

/// What the messages so far have taught.
#[derive(Debug)]
pub(super) struct Choice {
    classes: [Class; CLASSES],
    /// By way: messages under way, and when the last one ended.
    flying: [u32; 2],
    last_end: [Option<Instant>; 2],
    /// Rises whenever a message begins while others go the other way.
    mixed: u64,
    /// How many of those under way now go without being timed, since they began, and how
    /// many times they go so before some are timed again.
    untimed: u32,
    unsampled: u32,
}

/// A message that went the way that was chosen for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timed {
    pub(super) way: Way,
    /// `None`: it is not timed.
    began: Option<Instant>,
    /// `Choice::mixed` as it was, if none went the other way.
    mixed: Option<u64>,
}

/// The class of a length.
pub(super) fn class_of(len: usize) -> usize {
    ((len / LEAST).max(1).ilog2() as usize).min(CLASSES - 1)
}

impl Way {
    fn other(self) -> Way {
        match self {
            Way::Copy => Way::Cma,
            Way::Cma => Way::Copy,
        }
    }

    fn trying(self) -> Phase {
        Phase::Trying {
            way: self,
            begun: 0,
            timed: 0,
            costs: [0.0; TRIES],
        }
    }
}

impl Default for Choice {
    fn default() -> Choice {
        let class = Class {
            phase: Way::Copy.trying(),
            cost: [None; 2],
            best: None,
            again: AGAIN,
        };
        Choice {
            classes: [class; CLASSES],
            flying: [0; 2],
            last_end: [None; 2],
            mixed: 0,
            untimed: 0,
            unsampled: 0,
        }
    }
}

impl Choice {
    /// The way of a message of `len` bytes that begins `now`, to be told of its end;
    /// `None`: it is short, and copied.
    pub(super) fn begin(&mut self, len: usize, now: impl FnOnce() -> Instant) -> Option<Timed> {
        if len < LEAST {
            return None;
        }
        let class = &mut self.classes[class_of(len)];
        let way = class.next(if len <= AT_ONCE { UNSEEN } else { 1 });
        let is_settled = class.is_settled();
        if self.flying == [0; 2] {
            let is_due = !is_settled || self.unsampled == 0;
            self.untimed = if is_due { 0 } else { PATIENCE };
            self.unsampled = if is_due { SAMPLE } else { self.unsampled } - 1;
        }
        let is_timed = !is_settled || self.untimed == 0;
        let alone = self.flying[way.other() as usize] == 0 && (is_settled || self.untimed == 0);
        self.untimed = self.untimed.saturating_sub(1);
        if !alone {
            self.mixed += 1;
        }
        self.flying[way as usize] += 1;
        Some(Timed {
            way,
            began: is_timed.then(now),
            mixed: alone.then_some(self.mixed),
        })
    }

    /// Whether the next message of `len` bytes, if it goes alone, is one for the kernel.
    pub(super) fn is_for_cma(&self, len: usize) -> bool {
        let class = &self.classes[class_of(len)];
        let is_next = |since| since + 1 < class.again;
        len >= LEAST
            && matches!(class.phase, Phase::Settled { best: Way::Cma, since } if is_next(since))
    }

    /// Whether messages of `len` bytes are known to be faster by copies.
    pub(super) fn is_for_copies(&self, len: usize) -> bool {
        len < LEAST || self.classes[class_of(len)].best == Some(Way::Copy)
    }

    /// A message will not end in the way in which it began.
    pub(super) fn forget(&mut self, timed: Timed) {
        let flying = &mut self.flying[timed.way as usize];
        *flying = flying.saturating_sub(1);
    }

    /// A message of `len` bytes ends `now`.
    ///
    /// Its time is what it has cost the stream that it belongs to: of messages that
    /// were under way together, each counts from the end of the one before. While
    /// others went the other way it says nothing.
    pub(super) fn end(&mut self, timed: Timed, len: usize, now: impl FnOnce() -> Instant) {
        self.forget(timed);
        let Some(began) = timed.began else {
            return;
        };
        let now = now();
        let last = self.last_end[timed.way as usize].replace(now);
        let began = last.map_or(began, |last| last.max(began));
        let alone = timed.mixed == Some(self.mixed);
        let took = now.saturating_duration_since(began);
        #[allow(clippy::cast_precision_loss, reason = "a cost is an estimate")]
        let cost = took.as_nanos() as f32 / len as f32;
        let saved = if timed.way == Way::Copy && len <= AT_ONCE {
            SAVED
        } else {
            1.0
        };
        self.classes[class_of(len)].learn(timed.way, cost * saved, alone);
    }
}

impl Class {
    /// The way of the next message. It stands for `unseen` messages where copies are
    /// preferred.
    fn next(&mut self, unseen: u32) -> Way {
        match &mut self.phase {
            Phase::Trying { way, begun, .. } => {
                *begun = begun.saturating_add(1);
                *way
            }
            Phase::Settled { best, since } => {
                let best = *best;
                *since += if best == Way::Copy { unseen } else { 1 };
                if *since >= self.again {
                    self.phase = best.other().trying();
                    return self.next(unseen);
                }
                best
            }
        }
    }

    fn is_settled(&self) -> bool {
        matches!(self.phase, Phase::Settled { .. })
    }

    fn learn(&mut self, way: Way, cost: f32, alone: bool) {
        let known = &mut self.cost[way as usize];
        match &mut self.phase {
            Phase::Settled { .. } if alone => {
                // Steps as long up as down lead to the middle one, as it is taken of
                // what is tried.
                let before = known.unwrap_or(cost);
                let step = before / 32.0;
                *known = Some(before + (cost - before).clamp(-step, step));
                self.settle();
            }
            Phase::Trying {
                way: tried,
                begun,
                timed,
                costs,
            } if *tried == way && (alone || *begun > PATIENCE) => {
                let wanted = if self.best.is_none() {
                    TRIES
                } else {
                    TRIES_AGAIN
                };
                costs[*timed] = cost;
                *timed += 1;
                if *timed < wanted {
                    return;
                }
                // The middle one: the first ones touch memory for the first time, and
                // who was held up says little of the way.
                let costs = &mut costs[..wanted];
                costs.sort_unstable_by(f32::total_cmp);
                *known = Some(costs[wanted / 2]);
                if self.cost[way.other() as usize].is_none() {
                    self.phase = way.other().trying();
                    return;
                }
                let before = self.best;
                self.settle();
                self.again = match self.best {
                    Some(best) if self.is_hopeless(best.other()) => AGAIN_MOST,
                    best if best == before => (self.again * 2).min(AGAIN_MOST),
                    _ => AGAIN,
                };
            }
            _ => {}
        }
    }

    fn is_hopeless(&self, way: Way) -> bool {
        let [of_it, of_other] = [way, way.other()].map(|way| self.cost[way as usize]);
        of_it > of_other.map(|cost| HOPELESS * cost)
    }

    /// Prefers the faster way; another than before only if it is so clearly.
    fn settle(&mut self) {
        let [Some(copy), Some(cma)] = self.cost else {
            return;
        };
        let best = match self.best {
            Some(Way::Cma) if copy * CLEARLY > cma => Way::Cma,
            Some(Way::Copy) if cma * CLEARLY > copy => Way::Copy,
            _ if copy <= cma => Way::Copy,
            _ => Way::Cma,
        };
        let since = match self.phase {
            Phase::Settled { since, .. } if self.best == Some(best) => since,
            _ => 0,
        };
        self.best = Some(best);
        self.phase = Phase::Settled { best, since };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Messages one after the other. How many went each way.
    fn play(
        choice: &mut Choice,
        len: usize,
        rounds: u32,
        mut cost: impl FnMut(Way) -> u64,
    ) -> [usize; 2] {
        let mut taken = [0; 2];
        let ends = choice.last_end.into_iter().flatten();
        let mut now = ends.max().unwrap_or_else(Instant::now);
        for _ in 0..rounds {
            let timed = choice.begin(len, || now);
            let way = timed.map_or(Way::Copy, |timed| timed.way);
            taken[way as usize] += 1;
            now += Duration::from_nanos(cost(way));
            if let Some(timed) = timed {
                choice.end(timed, len, || now);
            }
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
        assert!(small[0] > 940 && small[1] >= TRIES, "{small:?}");
        assert_eq!(
            large,
            [TRIES, 1000 - TRIES],
            "too slow to be tried again soon"
        );
    }

    #[test]
    fn what_stays_slower_is_tried_less_and_less() {
        let mut choice = Choice::default();
        let taken = play(&mut choice, 1 << 20, 30_000, |way| [150, 100][way as usize]);
        assert!(taken[0] < TRIES + 8 * TRIES_AGAIN, "{taken:?}");
    }

    #[test]
    fn what_scatters_is_judged_by_its_middle() {
        let mut choice = Choice::default();
        let mut i = 0;
        let taken = play(&mut choice, 1 << 20, 1000, |way| {
            i += 1;
            match way {
                Way::Copy => [80, 150, 160, 170, 700][i % 5],
                Way::Cma => 110,
            }
        });
        assert!(taken[1] > 900, "{taken:?}");
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
        play(&mut choice, 20_000, 60, |way| [105, 100][way as usize]);
        assert!(choice.is_for_copies(20_000), "they go at once then");
        play(&mut choice, 200_000, 60, |way| [110, 100][way as usize]);
        assert!(!choice.is_for_copies(200_000));
    }

    #[test]
    fn of_settled_messages_some_are_timed() {
        let mut choice = Choice::default();
        play(&mut choice, 1 << 20, 200, |way| [150, 100][way as usize]);
        let begin = choice.last_end.into_iter().flatten().max().unwrap();
        let readings = std::cell::Cell::new(0);
        for i in 0..80 {
            let now = || {
                readings.set(readings.get() + 1);
                begin + Duration::from_micros(i)
            };
            // Two at a time: both are timed or neither.
            let pair = [(); 2].map(|()| choice.begin(1 << 20, now).unwrap());
            assert_eq!(readings.get() % 2, 0);
            for timed in pair {
                choice.end(timed, 1 << 20, now);
            }
        }
        assert_eq!(readings.get(), 4 * 80 / SAMPLE);
    }

    #[test]
    fn short_messages_are_copied() {
        let mut choice = Choice::default();
        assert_eq!(play(&mut choice, 1000, 50, |_| 1), [50, 0]);
    }

    /// Windows of messages that begin together. Copies end one after the other, while
    /// the kernel's are over before the next begins.
    fn windows(choice: &mut Choice, copy: u64, cma: u64) -> [u32; 2] {
        let mut taken = [0; 2];
        let mut now = Instant::now();
        for _ in 0..20 {
            let mut copies = Vec::new();
            for _ in 0..64 {
                let timed = choice.begin(128 << 10, || now).unwrap();
                taken[timed.way as usize] += 1;
                match timed.way {
                    Way::Copy => copies.push(timed),
                    Way::Cma => {
                        now += Duration::from_nanos(cma);
                        choice.end(timed, 128 << 10, || now);
                    }
                }
            }
            for timed in copies {
                now += Duration::from_nanos(copy);
                choice.end(timed, 128 << 10, || now);
            }
        }
        taken
    }

    #[test]
    fn messages_that_wait_for_each_other_are_not_taken_for_slow() {
        let taken = windows(&mut Choice::default(), 2000, 4000);
        assert!(taken[0] > 1100, "{taken:?}");
        let taken = windows(&mut Choice::default(), 4000, 2000);
        assert!(taken[1] > 1000, "{taken:?}");
    }

    #[test]
    fn what_is_forgotten_keeps_nothing_back() {
        let mut choice = Choice::default();
        for _ in 0..3 {
            let timed = choice.begin(16 << 10, Instant::now).unwrap();
            choice.forget(timed);
        }
        let taken = play(&mut choice, 16 << 10, 200, |way| [200, 100][way as usize]);
        assert!(taken[1] > 150, "{taken:?}");
    }
}
