//! The arm of a large message that only calls reach: those calls (CMA), or pieces
//! that both sides copy. Which is faster depends on the machine, on where the two
//! ranks run, on the length, and on whether the sender is there to copy. So both are
//! tried on the job's own messages and timed, and the faster one is taken, for each
//! class of sizes by itself.

use crate::pml::learnt::size::{CLASSES, SizeClass};
use std::time::Instant;

/// The two arms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::pml) enum LargeArm {
    /// In pieces, both sides copying.
    Pieces = 0,
    /// By calls, the receiver copying.
    Calls = 1,
}

/// Messages shorter than this, in bytes, go in pieces: a call would take longer.
pub(in crate::pml) const CALL_MIN: usize = 8 << 10;

/// Up to here pieces could go eagerly, which saves their RTS. While they are timed
/// they are announced all the same.
const EAGER_MOST: usize = 64 << 10;

/// How many messages one stands for that was announced, where most go eagerly.
const UNSEEN: u32 = 20;

/// The cost of an eager message to that of the same message announced.
const SAVED: f32 = 0.75;

/// Messages that are timed of each arm before one is preferred: enough for the last
/// ones to find all memory touched.
const TRIES: usize = 24;

/// Messages of the slower arm that are timed when it is tried again.
const TRIES_AGAIN: usize = 3;

/// Messages of a class after which the slower arm is tried again, since things change.
/// Each time that nothing has, twice as many; the most where it is [`HOPELESS`].
const AGAIN: u32 = 500;
const AGAIN_MOST: u32 = 8000;

/// Once the arm is settled, one message in so many is timed, with all that are under
/// way together with it.
const SAMPLE: u32 = 8;

/// Messages that an arm gets while it waits for some that go alone, or that go untimed
/// because the first of them does. After that any is timed.
const PATIENCE: u32 = 128;

/// How many times faster the other arm has to be for a change.
const CLEARLY: f32 = 1.15;

/// How many times slower an arm is that is hardly tried again.
const HOPELESS: f32 = 3.0;

/// What is done with the messages of a class at the moment.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// They take this arm and are timed: how many have begun, how many were timed, and
    /// what those cost, in the first places.
    Trying {
        arm: LargeArm,
        begun: u32,
        timed: usize,
        costs: [f32; TRIES],
    },
    /// They take the preferred arm; how many have since that was decided.
    Settled { best: LargeArm, since: u32 },
}

/// What is known of one class.
#[derive(Clone, Copy, Debug)]
struct Class {
    phase: Phase,
    /// By arm: nanoseconds per byte, once known.
    cost: [Option<f32>; 2],
    best: Option<LargeArm>,
    /// Messages until the slower arm is tried again.
    again: u32,
}

/// What the messages so far have taught.
#[derive(Debug)]
pub(in crate::pml) struct ArmChoice {
    classes: [Class; CLASSES],
    /// By arm: messages under way, and when the last one ended.
    flying: [u32; 2],
    last_end: [Option<Instant>; 2],
    /// Rises whenever a message begins while others take the other arm.
    mixed: u64,
    /// How many of those under way now go without being timed, since they began, and how
    /// many times they go so before some are timed again.
    untimed: u32,
    unsampled: u32,
}

/// A message whose arm was chosen.
#[derive(Clone, Copy, Debug)]
pub(in crate::pml) struct Trial {
    pub(in crate::pml) arm: LargeArm,
    /// `None`: it is not timed.
    began: Option<Instant>,
    /// `ArmChoice::mixed` as it was, if none took the other arm.
    mixed: Option<u64>,
}

impl LargeArm {
    fn other(self) -> LargeArm {
        match self {
            LargeArm::Pieces => LargeArm::Calls,
            LargeArm::Calls => LargeArm::Pieces,
        }
    }

    fn trying(self) -> Phase {
        Phase::Trying {
            arm: self,
            begun: 0,
            timed: 0,
            costs: [0.0; TRIES],
        }
    }
}

impl Default for ArmChoice {
    fn default() -> ArmChoice {
        let class = Class {
            phase: LargeArm::Pieces.trying(),
            cost: [None; 2],
            best: None,
            again: AGAIN,
        };
        ArmChoice {
            classes: [class; CLASSES],
            flying: [0; 2],
            last_end: [None; 2],
            mixed: 0,
            untimed: 0,
            unsampled: 0,
        }
    }
}

impl ArmChoice {
    /// The arm of a message of `len` bytes that begins `now`, to be told of its end;
    /// `None`: it is short, and goes in pieces.
    pub(in crate::pml) fn begin(
        &mut self,
        len: usize,
        now: impl FnOnce() -> Instant,
    ) -> Option<Trial> {
        if len < CALL_MIN {
            return None;
        }
        let class = &mut self.classes[SizeClass::of(len).index()];
        let arm = class.next(if len <= EAGER_MOST { UNSEEN } else { 1 });
        let is_settled = class.is_settled();
        if self.flying == [0; 2] {
            let is_due = !is_settled || self.unsampled == 0;
            self.untimed = if is_due { 0 } else { PATIENCE };
            self.unsampled = if is_due { SAMPLE } else { self.unsampled } - 1;
        }
        let is_timed = !is_settled || self.untimed == 0;
        let alone = self.flying[arm.other() as usize] == 0 && (is_settled || self.untimed == 0);
        self.untimed = self.untimed.saturating_sub(1);
        if !alone {
            self.mixed += 1;
        }
        self.flying[arm as usize] += 1;
        Some(Trial {
            arm,
            began: is_timed.then(now),
            mixed: alone.then_some(self.mixed),
        })
    }

    /// Whether the next message of `len` bytes, if it goes alone, takes calls.
    pub(in crate::pml) fn is_for_calls(&self, len: usize) -> bool {
        let class = &self.classes[SizeClass::of(len).index()];
        let is_next = |since| since + 1 < class.again;
        len >= CALL_MIN
            && matches!(class.phase, Phase::Settled { best: LargeArm::Calls, since } if is_next(since))
    }

    /// Whether messages of `len` bytes are known to be faster in pieces.
    pub(in crate::pml) fn is_for_pieces(&self, len: usize) -> bool {
        len < CALL_MIN || self.classes[SizeClass::of(len).index()].best == Some(LargeArm::Pieces)
    }

    /// The preferred arm of a class, once it is known, and what a byte costs by each arm,
    /// in nanoseconds.
    pub(in crate::pml) fn shown(&self, class: SizeClass) -> (Option<LargeArm>, [Option<f32>; 2]) {
        let class = &self.classes[class.index()];
        (class.best, class.cost)
    }

    /// A message will not end by the arm by which it began.
    pub(in crate::pml) fn forget(&mut self, trial: Trial) {
        let flying = &mut self.flying[trial.arm as usize];
        *flying = flying.saturating_sub(1);
    }

    /// A message of `len` bytes ends `now`.
    ///
    /// Its time is what it has cost the stream that it belongs to: of messages that
    /// were under way together, each counts from the end of the one before. While
    /// others take the other arm it says nothing.
    pub(in crate::pml) fn end(&mut self, trial: Trial, len: usize, now: impl FnOnce() -> Instant) {
        self.forget(trial);
        let Some(began) = trial.began else {
            return;
        };
        let now = now();
        let last = self.last_end[trial.arm as usize].replace(now);
        let began = last.map_or(began, |last| last.max(began));
        let alone = trial.mixed == Some(self.mixed);
        let took = now.saturating_duration_since(began);
        #[allow(clippy::cast_precision_loss, reason = "a cost is an estimate")]
        let cost = took.as_nanos() as f32 / len as f32;
        let saved = if trial.arm == LargeArm::Pieces && len <= EAGER_MOST {
            SAVED
        } else {
            1.0
        };
        self.classes[SizeClass::of(len).index()].learn(trial.arm, cost * saved, alone);
    }
}

impl Class {
    /// The arm of the next message. It stands for `unseen` messages where copies are
    /// preferred.
    fn next(&mut self, unseen: u32) -> LargeArm {
        match &mut self.phase {
            Phase::Trying { arm, begun, .. } => {
                *begun = begun.saturating_add(1);
                *arm
            }
            Phase::Settled { best, since } => {
                let best = *best;
                *since += if best == LargeArm::Pieces { unseen } else { 1 };
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

    fn learn(&mut self, arm: LargeArm, cost: f32, alone: bool) {
        let known = &mut self.cost[arm as usize];
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
                arm: tried,
                begun,
                timed,
                costs,
            } if *tried == arm && (alone || *begun > PATIENCE) => {
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
                // one that was held up says little of the arm.
                let costs = &mut costs[..wanted];
                costs.sort_unstable_by(f32::total_cmp);
                *known = Some(costs[wanted / 2]);
                if self.cost[arm.other() as usize].is_none() {
                    self.phase = arm.other().trying();
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

    fn is_hopeless(&self, arm: LargeArm) -> bool {
        let [of_it, of_other] = [arm, arm.other()].map(|arm| self.cost[arm as usize]);
        of_it > of_other.map(|cost| HOPELESS * cost)
    }

    /// Prefers the faster arm; another than before only if it is so clearly.
    fn settle(&mut self) {
        let [Some(copy), Some(cma)] = self.cost else {
            return;
        };
        let best = match self.best {
            Some(LargeArm::Calls) if copy * CLEARLY > cma => LargeArm::Calls,
            Some(LargeArm::Pieces) if cma * CLEARLY > copy => LargeArm::Pieces,
            _ if copy <= cma => LargeArm::Pieces,
            _ => LargeArm::Calls,
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

    /// Messages one after the other. How many took each arm.
    fn play(
        choice: &mut ArmChoice,
        len: usize,
        rounds: u32,
        mut cost: impl FnMut(LargeArm) -> u64,
    ) -> [usize; 2] {
        let mut taken = [0; 2];
        let ends = choice.last_end.into_iter().flatten();
        let mut now = ends.max().unwrap_or_else(Instant::now);
        for _ in 0..rounds {
            let timed = choice.begin(len, || now);
            let arm = timed.map_or(LargeArm::Pieces, |trial| trial.arm);
            taken[arm as usize] += 1;
            now += Duration::from_nanos(cost(arm));
            if let Some(trial) = timed {
                choice.end(trial, len, || now);
            }
        }
        taken
    }

    #[test]
    fn the_faster_way_is_found_for_each_class() {
        let mut choice = ArmChoice::default();
        let small = play(&mut choice, 64 << 10, 1000, |arm| {
            [5_000, 9_000][arm as usize]
        });
        let large = play(&mut choice, 4 << 20, 1000, |arm| {
            [900_000, 200_000][arm as usize]
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
        let mut choice = ArmChoice::default();
        let taken = play(&mut choice, 1 << 20, 30_000, |arm| [150, 100][arm as usize]);
        assert!(taken[0] < TRIES + 8 * TRIES_AGAIN, "{taken:?}");
    }

    #[test]
    fn what_scatters_is_judged_by_its_middle() {
        let mut choice = ArmChoice::default();
        let mut i = 0;
        let taken = play(&mut choice, 1 << 20, 1000, |arm| {
            i += 1;
            match arm {
                LargeArm::Pieces => [80, 150, 160, 170, 700][i % 5],
                LargeArm::Calls => 110,
            }
        });
        assert!(taken[1] > 900, "{taken:?}");
    }

    #[test]
    fn a_change_is_noticed() {
        let mut choice = ArmChoice::default();
        play(&mut choice, 1 << 20, 300, |arm| [100, 150][arm as usize]);
        let after = play(&mut choice, 1 << 20, 2000, |arm| [400, 150][arm as usize]);
        assert!(after[1] > 1500, "{after:?}");
    }

    #[test]
    fn short_messages_are_known_to_be_copied() {
        let mut choice = ArmChoice::default();
        assert!(choice.is_for_pieces(1000) && !choice.is_for_pieces(20_000));
        play(&mut choice, 20_000, 60, |arm| [105, 100][arm as usize]);
        assert!(choice.is_for_pieces(20_000), "they go at once then");
        play(&mut choice, 200_000, 60, |arm| [110, 100][arm as usize]);
        assert!(!choice.is_for_pieces(200_000));
    }

    #[test]
    fn of_settled_messages_some_are_timed() {
        let mut choice = ArmChoice::default();
        play(&mut choice, 1 << 20, 200, |arm| [150, 100][arm as usize]);
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
            for trial in pair {
                choice.end(trial, 1 << 20, now);
            }
        }
        assert_eq!(readings.get(), 4 * 80 / SAMPLE);
    }

    #[test]
    fn short_messages_are_copied() {
        let mut choice = ArmChoice::default();
        assert_eq!(play(&mut choice, 1000, 50, |_| 1), [50, 0]);
    }

    /// Windows of messages that begin together. Copies end one after the other, while
    /// the kernel's are over before the next begins.
    fn windows(choice: &mut ArmChoice, copy: u64, cma: u64) -> [u32; 2] {
        let mut taken = [0; 2];
        let mut now = Instant::now();
        for _ in 0..20 {
            let mut copies = Vec::new();
            for _ in 0..64 {
                let trial = choice.begin(128 << 10, || now).unwrap();
                taken[trial.arm as usize] += 1;
                match trial.arm {
                    LargeArm::Pieces => copies.push(trial),
                    LargeArm::Calls => {
                        now += Duration::from_nanos(cma);
                        choice.end(trial, 128 << 10, || now);
                    }
                }
            }
            for trial in copies {
                now += Duration::from_nanos(copy);
                choice.end(trial, 128 << 10, || now);
            }
        }
        taken
    }

    #[test]
    fn messages_that_wait_for_each_other_are_not_taken_for_slow() {
        let taken = windows(&mut ArmChoice::default(), 2000, 4000);
        assert!(taken[0] > 1100, "{taken:?}");
        let taken = windows(&mut ArmChoice::default(), 4000, 2000);
        assert!(taken[1] > 1000, "{taken:?}");
    }

    #[test]
    fn what_is_forgotten_keeps_nothing_back() {
        let mut choice = ArmChoice::default();
        for _ in 0..3 {
            let timed = choice.begin(16 << 10, Instant::now).unwrap();
            choice.forget(timed);
        }
        let taken = play(&mut choice, 16 << 10, 200, |arm| [200, 100][arm as usize]);
        assert!(taken[1] > 150, "{taken:?}");
    }
}
