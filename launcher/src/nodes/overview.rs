//! What the ranks of all hosts do, as their nodes see it, and what is certain of those that
//! wait. Pure: the coordinator asks the nodes, and hands in what they answer.
//!
//! Nodes are asked in *rounds*: each the same question, and the round is over when all have
//! answered. [`crate::watch`] judges what they say. On one host it is enough for certainty that
//! a rank has looked for messages; between hosts one may be under way for long. So each rank
//! counts what it has sent to every rank on another host, and what it has taken of it. While
//! both ranks stand still, equal counts say that nothing is under way. They are asked for
//! only when ranks would be stuck if that were so.

use super::seen::{Question, Seen, Traffic};
use crate::explain::Known;
use crate::snapshot::{Counters, NodeView, RankSnapshot};
use crate::watch::{Findings, History};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wireup::layout::State;
use wireup::profile::nanoseconds;

/// The time between two rounds of watching.
const INTERVAL: Duration = Duration::from_millis(250);
/// The same while somebody looks at the job from outside ([`super::board`]).
const WATCHED_INTERVAL: Duration = Duration::from_millis(50);
/// One in so many parts of the time is spent on rounds, at the most.
const LEAST_PAUSE: u32 = 10;
/// How long a rank must have stood still to be looked at more closely.
const SUSPICIOUS: Duration = Duration::from_millis(500);

/// Questions that are under way.
#[derive(Debug)]
struct Round {
    question: Question,
    began: Instant,
    /// The same by `CLOCK_MONOTONIC`, in nanoseconds.
    clock: u64,
    asked: Vec<usize>,
    /// Nodes that have not answered.
    missing: Vec<usize>,
    traffic: Vec<Traffic>,
    known: Known,
}

/// What is known of all ranks.
#[derive(Debug)]
pub(super) struct Overview {
    history: History,
    snapshots: Vec<RankSnapshot>,
    round: Option<Round>,
    number: u32,
    /// When the last round was over, and how long it took.
    last: (Instant, Duration),
    /// When the last round was begun.
    before: Option<Instant>,
    /// The next round is to be certain.
    suspicious: bool,
}

/// What a round has brought.
#[derive(Debug)]
pub(super) struct View {
    /// What was asked.
    pub question: Question,
    /// The ranks of the job.
    pub snapshots: Vec<RankSnapshot>,
    /// What is certain of them. Nothing is, if that was not asked.
    pub findings: Findings,
    /// Ranks may turn out to be stuck in later rounds.
    pub is_open: bool,
    /// How long the ranks that are stuck have stood still.
    pub standstill: Duration,
    /// What else is known.
    pub known: Known,
    /// The nodes that were asked, and those of them that have not answered in time.
    pub asked: Vec<usize>,
    pub missing: Vec<usize>,
}

impl Overview {
    /// Of ranks that run on these hosts, by rank.
    pub(super) fn new(hosts: Vec<Arc<str>>) -> Overview {
        let fresh = |(rank, host): (u32, Arc<str>)| RankSnapshot {
            rank,
            pid: 0,
            state: Some(State::Fresh),
            call: None,
            last_call: None,
            waits: Vec::new(),
            unreceived: Vec::new(),
            unreceived_count: 0,
            counters: Counters::default(),
            node: Some(NodeView {
                host,
                threads: None,
                process: None,
            }),
        };
        Overview {
            history: History::default(),
            snapshots: (0..).zip(hosts).map(fresh).collect(),
            round: None,
            number: 0,
            last: (Instant::now(), Duration::ZERO),
            before: None,
            suspicious: false,
        }
    }

    /// Whether it is time for a round of watching. `watched`: somebody looks at the job from
    /// outside.
    pub(super) fn is_due(&self, now: Instant, watched: bool) -> bool {
        let interval = match watched {
            true => WATCHED_INTERVAL,
            false => INTERVAL,
        };
        let (over, took) = self.last;
        self.round.is_none() && now >= over + interval.max(took * LEAST_PAUSE)
    }

    /// Whether a round is under way.
    pub(super) fn is_asking(&self) -> bool {
        self.round.is_some()
    }

    /// When that was begun, by `CLOCK_MONOTONIC` in nanoseconds.
    pub(super) fn asked_at(&self) -> Option<u64> {
        self.round.as_ref().map(|round| round.clock)
    }

    /// How long the round that is under way has lasted.
    pub(super) fn waited(&self) -> Duration {
        let began = self.round.as_ref().map(|round| round.began);
        began.map_or(Duration::ZERO, |began| began.elapsed())
    }

    /// Begins a round with these nodes. Returns what to ask each of them. `known`: for a
    /// report; `processes`: for who looks at the job from outside.
    pub(super) fn begin(&mut self, nodes: Vec<usize>, known: bool, processes: bool) -> Question {
        self.number = self.number.wrapping_add(1);
        let question = Question {
            number: self.number,
            certain: known || self.suspicious,
            known,
            processes,
        };
        self.round = Some(Round {
            question,
            began: Instant::now(),
            clock: nanoseconds(),
            asked: nodes.clone(),
            missing: nodes,
            traffic: Vec::new(),
            known: Known::default(),
        });
        question
    }

    /// Takes a node's answer.
    pub(super) fn answered(&mut self, node: usize, seen: Seen) {
        let Some(round) = &mut self.round else {
            return;
        };
        if round.question.number != seen.number {
            return; // it came too late
        }
        round.missing.retain(|missing| *missing != node);
        for rank in seen.ranks {
            if let Some(known) = self.snapshots.get_mut(rank.rank as usize) {
                *known = rank;
            }
        }
        round.traffic.extend(seen.traffic);
        let known = seen.known;
        for (at, text) in known.lines.texts() {
            round.known.lines.add_text(at, text);
        }
        for (rank, does) in known.outside.all() {
            round.known.outside.add(rank, does.to_owned());
        }
        round.known.threads.extend(known.threads);
    }

    /// A node has ended, and all of its ranks.
    pub(super) fn ended(&mut self, node: usize, ranks: impl Iterator<Item = u32>) {
        for rank in ranks {
            if let Some(snapshot) = self.snapshots.get_mut(rank as usize) {
                snapshot.state = Some(State::Gone);
                snapshot.waits.clear();
                snapshot.counters.waiters = 0;
            }
        }
        if let Some(round) = &mut self.round {
            round.missing.retain(|missing| *missing != node);
        }
    }

    /// Whether all nodes have answered in this round.
    pub(super) fn is_complete(&self) -> bool {
        self.round
            .as_ref()
            .is_some_and(|round| round.missing.is_empty())
    }

    /// Ends the round that is under way.
    pub(super) fn conclude(&mut self) -> Option<View> {
        let round = self.round.take()?;
        let now = Instant::now();
        self.last = (now, now - round.began);
        // What did not come is as old as before: nothing can be certain.
        let is_certain = round.question.certain && round.missing.is_empty();
        let has_ended = |rank: u32| {
            let snapshot = self.snapshots.get(rank as usize);
            snapshot.is_some_and(|snapshot| snapshot.state == Some(State::Gone))
        };
        self.history
            .look(&self.snapshots, has_ended, (round.began, now));
        let findings = match is_certain {
            true => {
                let open = under_way(&round.traffic);
                self.history
                    .findings(&self.snapshots, false, &open, round.began)
            }
            false => Findings::default(),
        };
        let moment = round.began.checked_sub(SUSPICIOUS);
        let candidates = moment.map_or(Vec::new(), |moment| {
            self.history.candidates(&self.snapshots, false, moment)
        });
        self.suspicious = !candidates.is_empty();
        // Who has stood still since the round before may be stuck.
        let moment = self.before.replace(round.began).unwrap_or(now);
        let candidates = self.history.candidates(&self.snapshots, false, moment);
        let is_open = candidates.iter().any(|rank| !findings.stuck.contains(rank));
        let standstill = self.history.standstill(&findings, now);
        Some(View {
            question: round.question,
            snapshots: self.snapshots.clone(),
            findings,
            is_open,
            standstill,
            known: round.known,
            asked: round.asked,
            missing: round.missing,
        })
    }

    /// What was seen last.
    pub(super) fn snapshots(&self) -> &[RankSnapshot] {
        &self.snapshots
    }

    /// What was found from view to view.
    pub(super) fn history(&mut self) -> &mut History {
        &mut self.history
    }
}

/// Pairs of ranks on different hosts between which messages are under way: from the first to
/// the second.
fn under_way(traffic: &[Traffic]) -> Vec<(u32, u32)> {
    let mut pairs: HashMap<(u32, u32), (u32, u32)> = HashMap::new();
    for one in traffic {
        pairs.entry((one.me, one.other)).or_default().0 = one.sent;
        pairs.entry((one.other, one.me)).or_default().1 = one.taken;
    }
    let open = pairs
        .into_iter()
        .filter(|(_, (sent, taken))| sent != taken)
        .map(|(pair, _)| pair);
    open.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Wait;
    use wireup::layout::WaitKind;
    use wireup::waits::{self, Need};

    fn traffic(me: u32, other: u32, sent: u32, taken: u32) -> Traffic {
        Traffic {
            me,
            other,
            sent,
            taken,
        }
    }

    /// A rank of host `a` or `b` that waits for the other one.
    fn waiting(rank: u32, asleep: u32) -> RankSnapshot {
        let shown = waits::Wait {
            kind: WaitKind::Receive,
            need: Need::AllOf,
            peers: vec![1 - rank.cast_signed()],
            ..waits::Wait::default()
        };
        RankSnapshot {
            rank,
            pid: 7 + rank,
            state: Some(State::Running),
            call: Some("MPI_Recv"),
            last_call: None,
            waits: vec![Wait {
                time: Duration::from_secs(1),
                call: Some("MPI_Recv"),
                shown,
            }],
            unreceived: Vec::new(),
            unreceived_count: 0,
            counters: Counters {
                waiters: 1,
                asleep,
                ..Counters::default()
            },
            node: None,
        }
    }

    #[test]
    fn equal_counts_say_that_nothing_is_under_way() {
        let mut both = vec![traffic(0, 2, 5, 7), traffic(2, 0, 7, 5)];
        assert_eq!(under_way(&both), []);
        both[1].taken = 4;
        assert_eq!(under_way(&both), [(0, 2)]);
        both.truncate(1);
        let mut open = under_way(&both);
        open.sort_unstable();
        assert_eq!(open, [(0, 2), (2, 0)]);
    }

    /// Two ranks on two hosts wait for each other; `sent` messages of rank 0 were counted, and
    /// one was taken. Returns who is certain to be stuck in the end.
    fn watched(sent: u32) -> Vec<u32> {
        let mut overview = Overview::new(vec![Arc::from("a"), Arc::from("b")]);
        let mut stuck = Vec::new();
        for turn in 1..30 {
            let question = overview.begin(vec![0, 1], false, false);
            for rank in 0..2 {
                assert!(!overview.is_complete());
                let counts = match rank {
                    0 => traffic(0, 1, sent, 0),
                    _ => traffic(1, 0, 0, 1),
                };
                let seen = Seen {
                    number: question.number,
                    ranks: vec![waiting(rank, 2 * turn + 1)],
                    traffic: match question.certain {
                        true => vec![counts],
                        false => Vec::new(),
                    },
                    ..Seen::default()
                };
                overview.answered(rank as usize, seen);
            }
            assert!(overview.is_complete());
            let view = overview.conclude().unwrap();
            stuck = view.findings.stuck;
            if !stuck.is_empty() {
                assert!(question.certain);
                break;
            }
            std::thread::sleep(Duration::from_millis(60));
        }
        stuck
    }

    #[test]
    fn ranks_of_different_hosts_are_stuck_if_nothing_is_under_way() {
        assert_eq!(watched(1), [0, 1]);
        assert!(watched(2).is_empty());
    }

    #[test]
    fn who_has_ended_or_answers_late_holds_up_nobody() {
        let mut overview = Overview::new(vec![Arc::from("a"), Arc::from("b")]);
        let first = overview.begin(vec![0, 1], false, true);
        overview.ended(0, std::iter::once(0));
        let view = overview.conclude().unwrap();
        assert_eq!(view.missing, [1]);
        assert_eq!(view.snapshots[0].state, Some(State::Gone));
        let second = overview.begin(vec![1], true, false);
        assert!(second.certain && second.known);
        assert!(first.processes && !second.processes);
        let late = Seen {
            number: first.number,
            ..Seen::default()
        };
        overview.answered(1, late);
        assert!(!overview.is_complete());
    }
}
