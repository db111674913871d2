//! Ranks of several jobs that wait for each other: of jobs that one has spawned, or that have
//! connected.
//!
//! The mpirun of a job that is connected to others looks at those as it looks at its own, from
//! outside ([`find`]). Ranks say of whom they need something by the numbers of jobs
//! ([`wireup::waits::Beyond`]). So all of them are judged as one job by the rules of
//! [`crate::watch`]. What is stuck within a job is told by its own mpirun. What is stuck
//! between jobs is told by one: that of the job that was started first.

use crate::explain::{self, Known};
use crate::inspect::find::{self, Job};
use crate::snapshot::{self, RankSnapshot};
use crate::watch::{Findings, History};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use wireup::layout::{State, WaitKind};
use wireup::segment::Segment;
use wireup::waits::Need;

/// How often to look for jobs that are not known.
const SEARCH_INTERVAL: Duration = Duration::from_secs(1);

/// The jobs that are connected to this one, as far as they are known.
#[derive(Debug, Default)]
pub struct Joint {
    /// Those on this host alone.
    others: Vec<Job>,
    history: History,
    searched: Option<Instant>,
}

/// What one job shows.
struct Part {
    number: u64,
    /// It is connected to another job.
    connected: bool,
    ranks: Vec<RankSnapshot>,
    /// What is certain of its ranks, by their numbers there.
    findings: Findings,
}

/// Ranks of several jobs that can never go on.
pub struct Report {
    /// What is certain of those of this job.
    pub findings: Findings,
    /// How long they have stood still.
    pub standstill: Duration,
    /// All other ranks are stuck, too.
    all: bool,
    /// The other jobs that have such ranks: in words, and what they do.
    others: Vec<(String, Vec<RankSnapshot>, Findings)>,
}

impl Joint {
    /// Looks at the ranks of all jobs once. `own`: what those of this job, which has `segment`,
    /// show since `now`; `ended`: whether a rank's process has ended. `None`: there is nothing
    /// new.
    pub fn look(
        &mut self,
        segment: &Segment,
        own: &[RankSnapshot],
        ended: impl Fn(u32) -> bool,
        now: Instant,
    ) -> Option<Report> {
        if !own.iter().any(waits_beyond) {
            return None;
        }
        self.others.retain(Job::runs);
        let mut parts = vec![Part::of(segment, own.to_vec())];
        let others = self.others.iter().filter_map(Job::segment);
        parts.extend(others.map(|segment| Part::of(segment, snapshot::of_all(segment))));
        if parts.iter().any(|part| part.names_others_than(&parts)) && self.search(&parts, now) {
            return None; // the next look sees them
        }
        let all = merged(&parts, true);
        let size = own.len();
        let has_ended = |rank: u32| match all.get(rank as usize) {
            Some(_) if (rank as usize) < size => ended(rank),
            Some(snapshot) => snapshot.state == Some(State::Gone),
            None => false,
        };
        self.history.look(&all, has_ended, (now, now));
        // What a job is stuck in by itself, its own mpirun tells.
        let by_themselves = self.history.candidates(&merged(&parts, false), false, now);
        let findings = match by_themselves.is_empty() {
            true => self.history.findings(&all, false, &[], now),
            false => Findings::default(),
        };
        let is_new = self.history.are_settled(&findings, now)
            && !findings.stuck.is_empty()
            && self.history.is_stuck_anew(&findings, &all);
        if !is_new {
            return None;
        }
        split(&mut parts, &findings);
        self.report(parts, &findings, now)
    }

    /// The report, if it is this mpirun's to tell.
    fn report(&self, parts: Vec<Part>, findings: &Findings, now: Instant) -> Option<Report> {
        let mut parts = parts.into_iter();
        let own = parts.next()?.findings;
        let stuck = parts.zip(&self.others);
        let stuck = stuck.filter(|(part, _)| !part.findings.stuck.is_empty());
        let first = find::own_order()?;
        let mut others = Vec::new();
        for (part, job) in stuck {
            if job.order() < first {
                return None;
            }
            let name = format!(
                "the job of {} (mpirun is process {})",
                job.program(),
                job.pid
            );
            others.push((name, part.ranks, part.findings));
        }
        let is_own = !own.stuck.is_empty() && !others.is_empty();
        is_own.then(|| Report {
            findings: own,
            standstill: self.history.standstill(findings, now),
            all: findings.all,
            others,
        })
    }

    /// Looks for jobs that are not known, unless it has done so just before. Whether there are
    /// any that ranks wait for.
    fn search(&mut self, parts: &[Part], now: Instant) -> bool {
        let is_too_early = |at: Instant| now.saturating_duration_since(at) < SEARCH_INTERVAL;
        if self.searched.is_some_and(is_too_early) {
            return false;
        }
        self.searched = Some(now);
        let wanted: Vec<u64> = parts.iter().flat_map(Part::named).collect();
        let before = self.others.len();
        for job in Job::all(false) {
            let Some(number) = job.segment().map(|segment| segment.constants().job) else {
                continue; // it is on several hosts
            };
            let is_known = parts.iter().any(|part| part.number == number);
            if !is_known && wanted.contains(&number) {
                self.others.push(job);
            }
        }
        self.others.len() > before
    }
}

impl Report {
    /// What is told of it. `own`: what the ranks of this job show, and what is known beside
    /// that; `end`: what becomes of the job.
    pub fn told(&self, (own, known): (&[RankSnapshot], &Known), end: &str) -> String {
        let who = match self.all {
            true => "no rank of this job, or of those that it is connected to, can move any more"
                .to_owned(),
            false => format!(
                "{}, nor can ranks of jobs that it is connected to",
                explain::who_is_stuck(&self.findings)
            ),
        };
        let seconds = self.standstill.as_secs_f64();
        let mut text = format!("stuck: {who} (for {seconds:.1} s). {end}\n");
        text.push_str(&explain::stuck(own, &self.findings, known));
        for (name, ranks, findings) in &self.others {
            text.push_str(&format!("  {name}:\n"));
            let lines = explain::stuck(ranks, findings, &Known::of(ranks));
            for line in lines.lines() {
                text.push_str(&format!("  {line}\n"));
            }
        }
        text.trim_end().to_owned()
    }
}

/// Whether a rank waits for a process of another job.
fn waits_beyond(snapshot: &RankSnapshot) -> bool {
    let mut waits = snapshot.waits.iter();
    waits.any(|wait| wait.shown.beyond.is_some())
}

impl Part {
    fn of(segment: &Segment, ranks: Vec<RankSnapshot>) -> Part {
        Part {
            number: segment.constants().job,
            connected: segment.head().connections.load(Relaxed) != 0,
            ranks,
            findings: Findings::default(),
        }
    }

    /// The jobs that its ranks wait for.
    fn named(&self) -> impl Iterator<Item = u64> {
        let waits = self.ranks.iter().flat_map(|rank| &rank.waits);
        let beyond = waits.filter_map(|wait| wait.shown.beyond.as_ref());
        beyond.flat_map(|beyond| beyond.peers.iter().map(|peer| peer.0))
    }

    fn names_others_than(&self, parts: &[Part]) -> bool {
        let is_known = |number| parts.iter().any(|part| part.number == number);
        self.named().any(|number| !is_known(number))
    }
}

/// The ranks of all jobs as those of one, numbered one job after the other. `joint`: waits for
/// other jobs' ranks are for those; otherwise anybody may end them.
fn merged(parts: &[Part], joint: bool) -> Vec<RankSnapshot> {
    let mut starts = Vec::new();
    let mut size = 0;
    for part in parts {
        starts.push(size);
        size += part.ranks.len();
    }
    let rank_of = |job: u64, rank: usize| -> Option<i32> {
        let at = parts.iter().position(|part| part.number == job)?;
        let is_there = rank < parts[at].ranks.len();
        i32::try_from(starts[at] + rank).ok().filter(|_| is_there)
    };
    let mut all = Vec::new();
    for (part, start) in parts.iter().zip(&starts) {
        for (at, snapshot) in part.ranks.iter().enumerate() {
            let mut snapshot = snapshot.clone();
            snapshot.rank = u32::try_from(start + at).unwrap_or(u32::MAX);
            for wait in &mut snapshot.waits {
                let shown = &mut wait.shown;
                let beyond = shown.beyond.take().filter(|_| joint);
                let peers: Option<(Need, Option<Vec<i32>>)> = match (&beyond, shown.need) {
                    (Some(beyond), _) => {
                        let peers = beyond.peers.iter();
                        let peers = peers.map(|(job, rank)| rank_of(*job, *rank as usize));
                        Some((beyond.need, peers.collect()))
                    }
                    (None, Need::AllOf | Need::OneOf) => {
                        let peers = shown.peers.iter();
                        let peers =
                            peers.map(|peer| rank_of(part.number, usize::try_from(*peer).ok()?));
                        Some((shown.need, peers.collect()))
                    }
                    (None, Need::Anybody) if !part.connected || shown.kind == WaitKind::Leaving => {
                        None
                    }
                    (None, _) => Some((Need::Outside, Some(Vec::new()))),
                };
                match peers {
                    Some((need, Some(peers))) => (shown.need, shown.peers) = (need, peers),
                    // Somebody of whom nothing is known.
                    Some((_, None)) => (shown.need, shown.peers) = (Need::Outside, Vec::new()),
                    None => {}
                }
            }
            all.push(snapshot);
        }
    }
    all
}

/// Tells each job what is certain of its own ranks.
fn split(parts: &mut [Part], findings: &Findings) {
    let mut start = 0;
    for part in parts {
        let count = u32::try_from(part.ranks.len()).unwrap_or(u32::MAX);
        let own = |rank: &u32| rank.checked_sub(start).filter(|rank| *rank < count);
        let stuck: Vec<u32> = findings.stuck.iter().filter_map(own).collect();
        part.findings = Findings {
            all: findings.all || stuck.len() == part.ranks.len(),
            stuck,
            ring: None,
            left: Vec::new(),
        };
        start += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Counters, Wait};
    use wireup::waits::{Beyond, Wait as Shown};

    fn waits(need: Need, peers: &[i32], beyond: Option<(Need, &[(u64, u32)])>) -> RankSnapshot {
        let shown = Shown {
            kind: WaitKind::Receive,
            need,
            peers: peers.to_vec(),
            beyond: beyond.map(|(need, peers)| Beyond {
                need,
                peers: peers.to_vec(),
            }),
            ..Shown::default()
        };
        RankSnapshot {
            rank: 0,
            pid: 5,
            state: Some(State::Running),
            call: Some("MPI_Recv"),
            last_call: None,
            waits: vec![Wait {
                time: Duration::from_secs(2),
                call: Some("MPI_Recv"),
                shown,
            }],
            unreceived: Vec::new(),
            unreceived_count: 0,
            counters: Counters::default(),
            node: None,
        }
    }

    fn part(number: u64, ranks: Vec<RankSnapshot>) -> Part {
        Part {
            number,
            connected: true,
            ranks,
            findings: Findings::default(),
        }
    }

    #[test]
    fn ranks_of_all_jobs_are_numbered_one_job_after_the_other() {
        let parts = [
            part(
                7,
                vec![
                    waits(Need::Outside, &[-3], Some((Need::AllOf, &[(9, 1)]))),
                    waits(Need::AllOf, &[0], None),
                ],
            ),
            part(
                9,
                vec![
                    waits(Need::Anybody, &[], Some((Need::OneOf, &[(7, 0), (7, 1)]))),
                    waits(Need::AllOf, &[0], None),
                    waits(Need::Anybody, &[], None),
                    waits(Need::Outside, &[-3], Some((Need::AllOf, &[(8, 0)]))),
                ],
            ),
        ];
        let seen = |joint| -> Vec<(Need, Vec<i32>)> {
            let all = merged(&parts, joint);
            assert!((0..).zip(&all).all(|(at, rank)| rank.rank == at));
            let shown = all.iter().map(|rank| &rank.waits[0].shown);
            shown
                .map(|shown| (shown.need, shown.peers.clone()))
                .collect()
        };
        let outside = || (Need::Outside, Vec::new());
        assert_eq!(
            seen(true),
            [
                (Need::AllOf, vec![3]),
                (Need::AllOf, vec![0]),
                (Need::OneOf, vec![0, 1]),
                (Need::AllOf, vec![2]),
                outside(),
                outside(),
            ]
        );
        let apart = seen(false);
        assert_eq!((&apart[0], &apart[2]), (&outside(), &outside()));
        assert_eq!(apart[3], (Need::AllOf, vec![2]));
    }

    #[test]
    fn each_job_learns_of_its_own_ranks() {
        let one = || waits(Need::Anybody, &[], None);
        let mut parts = [part(7, vec![one(), one()]), part(9, vec![one()])];
        let findings = Findings {
            stuck: vec![1, 2],
            ..Findings::default()
        };
        split(&mut parts, &findings);
        assert_eq!(
            (&parts[0].findings.stuck, parts[0].findings.all),
            (&vec![1], false)
        );
        assert_eq!(
            (&parts[1].findings.stuck, parts[1].findings.all),
            (&vec![0], true)
        );
    }
}
