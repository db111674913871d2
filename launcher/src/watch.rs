//! Watches what ranks publish while the job runs, to tell ranks that can never go on from
//! ranks that are slow. Nothing is guessed.
//!
//! A rank *stands still* between two looks if its count of changes is the same and it was
//! in a wait at both: it has waited for the same thing all the time, and nothing has come.
//!
//! That alone is not certain, since a message may be on its way to the rank. While it
//! waits, a rank looks for messages about ten times a second, and sleeps between; each
//! sleep has a number of its own ([`wireup::layout::RankRecord::asleep`]). So take a moment
//! at which its peers stood still or had left: once two more sleeps of the rank have begun
//! after it, the rank has looked, and nothing of theirs was under way to it. [`stuck`] then
//! says who can never go on.

use crate::snapshot::{RankSnapshot, Wait};
use crate::stuck::{self, Activity, Needs};
use crate::threads::Threads;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};
use wireup::layout::{State, WaitKind};
use wireup::waits::Need;

/// How often to look.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// How long ranks must have stood still.
const STANDSTILL: Duration = Duration::from_secs(1);
/// How long what is certain must have been the same before it is told: else the ranks that
/// came last to where all are stuck would be told of in a report of their own.
const SETTLED: Duration = Duration::from_millis(500);
/// The same three where ranks wait for one that has left: it has failed, and somebody looks at
/// its last words. A thread notes where it waits after half a second.
const LOOK_INTERVAL_LEFT: Duration = Duration::from_millis(50);
const STANDSTILL_LEFT: Duration = Duration::from_millis(550);
const SETTLED_LEFT: Duration = Duration::from_millis(100);
/// Samples of a rank's threads that are compared are so far apart: in that time, threads that
/// wait in MPI have gone to sleep several times.
const APART: Duration = Duration::from_millis(450);
/// Sleeps of a rank that must have been seen since the moment in question. The first may
/// have begun before it. Before the second the rank has looked for messages, and the third
/// shows that this look is over.
const SLEEPS: usize = 3;

/// What is remembered of a rank from look to look.
#[derive(Debug)]
struct RankHistory {
    /// What must stay the same while the rank stands still.
    state: StandingState,
    /// Since when it has been the same.
    since: Instant,
    /// When each of the last sleeps was first seen.
    sleeps: [Option<Instant>; SLEEPS],
    /// The number of the latest sleep.
    last_sleep: u32,
    /// The rank's threads at some time after `since`.
    threads: Option<(Instant, Threads)>,
}

/// What stays the same while a rank stands still.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct StandingState {
    changes: u32,
    waiters: u32,
    pid: u32,
    state: Option<State>,
    /// The rank's process has ended.
    ended: bool,
}

impl StandingState {
    fn of(snapshot: &RankSnapshot, ended: bool) -> StandingState {
        StandingState {
            changes: snapshot.counters.changes,
            waiters: snapshot.counters.waiters,
            pid: snapshot.pid,
            state: snapshot.state,
            ended,
        }
    }
}

impl RankHistory {
    fn new(snapshot: &RankSnapshot, ended: bool, now: Instant) -> RankHistory {
        RankHistory {
            state: StandingState::of(snapshot, ended),
            since: now,
            sleeps: [None; SLEEPS],
            last_sleep: 0,
            threads: None,
        }
    }

    fn look(&mut self, snapshot: &RankSnapshot, ended: bool, (asked, now): (Instant, Instant)) {
        let counters = &snapshot.counters;
        if self.state != StandingState::of(snapshot, ended) {
            *self = RankHistory::new(snapshot, ended, now);
        } else if self.threads.is_none() && counters.multiple && counters.waiters > 0 {
            self.threads = sample(snapshot);
        }
        let asleep = counters.asleep;
        if asleep != 0 && asleep != self.last_sleep {
            self.last_sleep = asleep;
            self.sleeps.rotate_left(1);
            self.sleeps[SLEEPS - 1] = Some(asked);
        }
    }

    /// The earliest moment since which the rank, with all its threads, may have stood still.
    fn since(&self) -> Instant {
        let threads = self.threads.as_ref().map(|(at, _)| *at);
        threads.map_or(self.since, |at| at.max(self.since))
    }

    /// Whether no other thread of the rank can end its wait.
    fn has_no_helper(&mut self, snapshot: &RankSnapshot) -> bool {
        let waiters = snapshot.counters.waiters;
        if !snapshot.counters.multiple {
            return waiters == 1;
        }
        let now = sample(snapshot);
        let both = now.as_ref().zip(self.threads.as_ref());
        let alone = both.is_some_and(|((_, now), (_, before))| now.only_wait(waiters, before));
        let age = self.threads.as_ref().map(|(at, _)| at.elapsed());
        if !alone && age.is_none_or(|age| age >= APART) {
            self.threads = now; // later looks compare with this one
        }
        alone
    }

    /// Whether the rank has looked for messages since `moment`.
    fn has_looked_since(&self, moment: Instant) -> bool {
        self.sleeps[0].is_some_and(|first| first >= moment)
    }
}

fn sample(snapshot: &RankSnapshot) -> Option<(Instant, Threads)> {
    let threads = match &snapshot.node {
        Some(node) => node.threads.clone()?,
        None => Threads::of(snapshot.pid)?,
    };
    Some((Instant::now(), threads))
}

/// What is certain of the ranks that wait.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Ranks that wait and can never go on.
    pub stuck: Vec<u32>,
    /// Stuck ranks that wait for each other in a ring; the first stands again at the end.
    pub ring: Option<Vec<u32>>,
    /// No rank at all can go on.
    pub all: bool,
    /// Ranks that have left, each with the ranks that wait for what it can no longer do.
    pub left: Vec<(u32, Vec<u32>)>,
}

/// The job as it was from look to look.
#[derive(Debug, Default)]
pub struct History {
    ranks: Vec<RankHistory>,
    next: Option<Instant>,
    /// Pairs that were reported: a rank that has left, and one that waits for it.
    reported: HashSet<(u32, u32)>,
    /// Stuck ranks that were reported, each with its count of changes then.
    told: HashMap<u32, u32>,
    /// What was certain at the last look, and since when it has been the same.
    latest: Option<(Findings, Instant)>,
}

impl History {
    /// When to look next.
    pub fn due(&self) -> Instant {
        self.next.unwrap_or_else(Instant::now)
    }

    /// Whether it is time to look.
    pub fn is_due(&self, now: Instant) -> bool {
        self.next.is_none_or(|next| now >= next)
    }

    /// Takes a new set of snapshots. `ended` says whether a rank's process has ended. `asked`
    /// comes before, and `now` after all of them: they may come from other hosts.
    pub fn look(
        &mut self,
        snapshots: &[RankSnapshot],
        ended: impl Fn(u32) -> bool,
        (asked, now): (Instant, Instant),
    ) {
        self.next = Some(now + LOOK_INTERVAL);
        if self.ranks.len() != snapshots.len() {
            let new = snapshots
                .iter()
                .map(|s| RankHistory::new(s, ended(s.rank), now));
            self.ranks = new.collect();
        }
        for (rank, snapshot) in self.ranks.iter_mut().zip(snapshots) {
            rank.look(snapshot, ended(snapshot.rank), (asked, now));
        }
    }

    /// What is certain now. `snapshots` are the ones that [`History::look`] was given last.
    /// `connected`: some rank is connected to another job. `under_way`: pairs of ranks between
    /// which messages may be under way on a network, from the first to the second. `now`: a
    /// moment before the snapshots were taken.
    pub fn findings(
        &mut self,
        snapshots: &[RankSnapshot],
        connected: bool,
        under_way: &[(u32, u32)],
        now: Instant,
    ) -> Findings {
        let ranks = self.ranks.iter().zip(snapshots);
        let activity =
            |(rank, snapshot): (&RankHistory, &RankSnapshot)| activity(rank, snapshot, connected);
        let mut activities: Vec<Activity> = ranks.map(activity).collect();
        let mut stuck = stuck::stuck(&activities);
        if !(0..activities.len()).any(|at| stuck[at] && activities[at] != Activity::Left) {
            return Findings::default();
        }
        let candidates = self.ranks.iter().zip(&stuck).filter(|(_, stuck)| **stuck);
        let Some(moment) = candidates.map(|(rank, _)| rank.since()).max() else {
            return Findings::default();
        };
        let mut waiting = activities.iter().zip(&stuck).filter(|(_, stuck)| **stuck);
        let is_bereft = waiting.any(|(one, _)| gone_peer(&activities, one).is_some());
        let standstill = match is_bereft {
            true => {
                let soon = Instant::now() + LOOK_INTERVAL_LEFT;
                self.next = self.next.map(|next| next.min(soon));
                STANDSTILL_LEFT
            }
            false => STANDSTILL,
        };
        if now.saturating_duration_since(moment) < standstill {
            return Findings::default();
        }
        let ranks = self.ranks.iter_mut().zip(snapshots).zip(&stuck);
        for (((rank, snapshot), stuck), activity) in ranks.zip(&mut activities) {
            let ended = *activity == Activity::Left && rank.state.ended;
            let stands = ended || *stuck && rank.has_looked_since(moment);
            if !stands || !(ended || rank.has_no_helper(snapshot)) {
                *activity = Activity::Free;
            }
        }
        for (from, to) in under_way {
            let at = |rank: &u32| stuck.get(*rank as usize).copied().unwrap_or(false);
            if at(from) && at(to) {
                activities[*to as usize] = Activity::Free;
            }
        }
        stuck = stuck::stuck(&activities);
        findings(snapshots, &activities, &stuck)
    }

    /// Ranks that wait and would be stuck if all that have stood still since `moment` went on
    /// to do so. `snapshots` are the ones that [`History::look`] was given last; `connected`:
    /// as for [`History::findings`].
    pub fn candidates(
        &self,
        snapshots: &[RankSnapshot],
        connected: bool,
        moment: Instant,
    ) -> Vec<u32> {
        let ranks = self.ranks.iter().zip(snapshots);
        let activities = ranks.map(|(rank, snapshot)| match rank.since <= moment {
            true => activity(rank, snapshot, connected),
            false => Activity::Free,
        });
        let activities: Vec<Activity> = activities.collect();
        let stuck = stuck::stuck(&activities);
        let waits = |at: &usize| stuck[*at] && matches!(activities[*at], Activity::Waits(_));
        let found = (0..activities.len()).filter(waits);
        found.map(|at| snapshots[at].rank).collect()
    }

    /// Whether the same has been certain for some time.
    pub fn are_settled(&mut self, findings: &Findings, now: Instant) -> bool {
        let enough = match findings.left.is_empty() {
            true => SETTLED,
            false => SETTLED_LEFT,
        };
        match &self.latest {
            Some((latest, since)) if latest == findings => {
                now.saturating_duration_since(*since) >= enough
            }
            _ => {
                self.latest = Some((findings.clone(), now));
                false
            }
        }
    }

    /// Whether there are stuck ranks that were not reported before. Those that wait for one
    /// that has left are told of by [`History::news`], and all that wait for these.
    pub fn is_stuck_anew(&mut self, findings: &Findings, snapshots: &[RankSnapshot]) -> bool {
        let explained = !findings.left.is_empty() && findings.ring.is_none();
        let mut anew = false;
        for rank in &findings.stuck {
            let changes = snapshots[*rank as usize].counters.changes;
            anew |= self.told.insert(*rank, changes) != Some(changes);
        }
        anew && !explained
    }

    /// How long the ranks that are stuck have stood still.
    pub fn standstill(&self, findings: &Findings, now: Instant) -> Duration {
        let since = findings
            .stuck
            .iter()
            .map(|rank| self.ranks[*rank as usize].since);
        since
            .max()
            .map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// The ranks that have left and those that wait for them, where this was not reported
    /// before.
    pub fn news(&mut self, findings: &Findings) -> Vec<(u32, Vec<u32>)> {
        let mut news = Vec::new();
        for (left, waiters) in &findings.left {
            let fresh: Vec<bool> = waiters
                .iter()
                .map(|waiter| self.reported.insert((*left, *waiter)))
                .collect();
            if fresh.contains(&true) {
                news.push((*left, waiters.clone()));
            }
        }
        news
    }
}

/// What a rank does, if it goes on as it has done since the last change.
fn activity(rank: &RankHistory, snapshot: &RankSnapshot, connected: bool) -> Activity {
    if rank.state.ended {
        return Activity::Left;
    }
    if snapshot.counters.waiters == 0 {
        return Activity::Free;
    }
    if let [wait] = snapshot.waits.as_slice()
        && snapshot.counters.waiters == 1
        && wait.shown.kind == WaitKind::Leaving
    {
        return Activity::Left;
    }
    let outside = |wait: &Wait| wait.shown.need == Need::Outside || wait.shown.is_elsewhere();
    // Of a rank that is connected to another job, anybody may be of that job.
    let open = |wait: &Wait| connected && wait.shown.need == Need::Anybody;
    if snapshot
        .waits
        .iter()
        .any(|wait| outside(wait) || open(wait))
    {
        return Activity::Free;
    }
    let mut waits: Vec<Needs> = snapshot.waits.iter().map(needs).collect();
    if waits.len() < snapshot.counters.waiters as usize {
        waits.push(Needs::Anybody); // of a thread that is not shown
    }
    Activity::Waits(waits)
}

fn needs(wait: &Wait) -> Needs {
    let peers = wait.shown.peers.iter();
    let Ok(peers) = peers.map(|peer| u32::try_from(*peer)).collect() else {
        return Needs::Anybody; // of another job
    };
    match wait.shown.need {
        Need::Anybody | Need::Outside => Needs::Anybody,
        Need::AllOf => Needs::AllOf(peers),
        Need::OneOf => Needs::OneOf(peers),
    }
}

fn findings(snapshots: &[RankSnapshot], activities: &[Activity], stuck: &[bool]) -> Findings {
    let waits = |at: usize| stuck[at] && matches!(activities[at], Activity::Waits(_));
    let all = stuck.iter().all(|s| *s) && (0..snapshots.len()).any(waits);
    let mut direct: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (at, activity) in activities.iter().enumerate() {
        if let Some(peer) = gone_peer(activities, activity) {
            direct.entry(peer).or_default().push(at);
        }
    }
    let mut left = Vec::new();
    for (peer, mut waiters) in direct {
        // Others in the same collective may wait for it through these.
        let first = &snapshots[waiters[0]];
        let same = |at: &usize| waits(*at) && in_one_collective(&snapshots[*at], first);
        waiters.extend((0..snapshots.len()).filter(same));
        waiters.sort_unstable();
        waiters.dedup();
        left.push((peer, waiters.iter().map(|at| snapshots[*at].rank).collect()));
    }
    Findings {
        stuck: (0..snapshots.len())
            .filter(|at| waits(*at))
            .map(|at| snapshots[at].rank)
            .collect(),
        ring: stuck::ring(activities, stuck),
        all,
        left,
    }
}

/// A rank that has left and without which this one cannot go on.
fn gone_peer(activities: &[Activity], activity: &Activity) -> Option<u32> {
    let Activity::Waits(waits) = activity else {
        return None;
    };
    let has_left = |peer: &&u32| activities.get(**peer as usize) == Some(&Activity::Left);
    match waits.as_slice() {
        [Needs::AllOf(peers)] => peers.iter().find(has_left).copied(),
        [Needs::OneOf(peers)] if peers.iter().all(|peer| has_left(&peer)) => peers.first().copied(),
        _ => None,
    }
}

fn in_one_collective(one: &RankSnapshot, other: &RankSnapshot) -> bool {
    let what = |snapshot: &RankSnapshot| {
        let wait = &snapshot.waits.first()?.shown;
        (wait.kind == WaitKind::Collective).then_some((wait.context, wait.collective))
    };
    what(one).is_some() && what(one) == what(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_certain_must_stay_so_before_it_is_told() {
        let mut history = History::default();
        let start = Instant::now();
        let stuck = |ranks: &[u32]| Findings {
            stuck: ranks.to_vec(),
            ..Findings::default()
        };
        assert!(!history.are_settled(&stuck(&[0]), start));
        assert!(history.are_settled(&stuck(&[0]), start + SETTLED));
        let later = start + SETTLED;
        assert!(!history.are_settled(&stuck(&[0, 1]), later), "one more is");
        assert!(history.are_settled(&stuck(&[0, 1]), later + SETTLED));
    }
}
