//! Watches what ranks publish while the job runs, to tell those that can never go on
//! from those that are slow. Nothing is guessed.
//!
//! A rank *stands still* between two looks if its count of changes is the same and it
//! was in a wait at both: it has waited for the same all the time, and nothing has come.
//! It looks for messages about ten times a second meanwhile, and each of its sleeps
//! between has a number of its own ([`wireup::layout::RankRecord::asleep`]). So when
//! two more sleeps have begun since a moment at which certain others stood still, or
//! had left, nothing of theirs was under way to it. What follows is for [`stuck`].

use crate::explain::View;
use crate::stuck::{self, Fate};
use crate::threads::Threads;
use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};
use wireup::layout::{State, WaitKind};

/// How often to look.
pub const TICK: Duration = Duration::from_millis(250);
/// For how long ranks must have stood still.
const WINDOW: Duration = Duration::from_secs(1);
/// Sleeps of a rank that must have been seen since the moment in question: of the
/// first, it is not known when its look was; the second was then looked for, and the
/// third says that this look is over.
const SLEEPS: usize = 3;

/// What is kept of a rank from look to look.
#[derive(Debug)]
struct Rank {
    /// What must stay the same.
    mark: (u32, u32, u32, Option<State>, bool),
    /// Since when it has.
    since: Instant,
    /// When the last sleeps were first seen, and the number of the latest.
    sleeps: [Option<Instant>; SLEEPS],
    last: u32,
    /// Its threads as they were at some time after `since`.
    threads: Option<(Instant, Threads)>,
}

impl Rank {
    fn new(view: &View, ended: bool, now: Instant) -> Rank {
        Rank {
            mark: mark(view, ended),
            since: now,
            sleeps: [None; SLEEPS],
            last: 0,
            threads: None,
        }
    }

    fn look(&mut self, view: &View, ended: bool, now: Instant) {
        if self.mark != mark(view, ended) {
            *self = Rank::new(view, ended, now);
        } else if self.threads.is_none() && view.pulse.multiple && view.pulse.waiters > 0 {
            self.threads = sample(view);
        }
        let asleep = view.pulse.asleep;
        if asleep != 0 && asleep != self.last {
            self.last = asleep;
            self.sleeps.rotate_left(1);
            self.sleeps[SLEEPS - 1] = Some(now);
        }
    }

    /// Since when it, with all its threads, can have stood still.
    fn since(&self) -> Instant {
        let threads = self.threads.as_ref().map(|(at, _)| *at);
        threads.map_or(self.since, |at| at.max(self.since))
    }

    /// Whether no thread of the rank can end its wait.
    fn has_no_helper(&mut self, view: &View) -> bool {
        if !view.pulse.multiple {
            return view.pulse.waiters == 1;
        }
        let now = sample(view);
        let both = now.as_ref().zip(self.threads.as_ref());
        let right =
            both.is_some_and(|((_, now), (_, before))| now.have_only(view.pulse.waiters, before));
        if !right {
            self.threads = now; // from here on, perhaps
        }
        right
    }

    /// Whether it has looked for what came since `moment`.
    fn has_looked_since(&self, moment: Instant) -> bool {
        self.sleeps[0].is_some_and(|first| first >= moment)
    }
}

fn sample(view: &View) -> Option<(Instant, Threads)> {
    let threads = Threads::of(view.pid)?;
    Some((Instant::now(), threads))
}

fn mark(view: &View, ended: bool) -> (u32, u32, u32, Option<State>, bool) {
    let pulse = &view.pulse;
    (pulse.changes, pulse.waiters, view.pid, view.state, ended)
}

/// What was found: nothing of it is a guess.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Ranks that wait and can never go on.
    pub stuck: Vec<u32>,
    /// Those of them that wait for each other in a ring, the first repeated.
    pub ring: Option<Vec<u32>>,
    /// No rank at all can go on.
    pub all: bool,
    /// Ranks that have left, each with those that wait for what it can no longer do.
    pub left: Vec<(u32, Vec<u32>)>,
}

/// The job as it was from look to look.
#[derive(Debug, Default)]
pub struct History {
    ranks: Vec<Rank>,
    next: Option<Instant>,
    /// Pairs of a rank that has left and one that waits for it that were told of.
    told: HashSet<(u32, u32)>,
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

    /// Looks. `ended`: whether a rank's process is over.
    pub fn look(&mut self, views: &[View], ended: impl Fn(u32) -> bool, now: Instant) {
        self.next = Some(now + TICK);
        if self.ranks.len() != views.len() {
            let new = views.iter().map(|v| Rank::new(v, ended(v.rank), now));
            self.ranks = new.collect();
        }
        for (rank, view) in self.ranks.iter_mut().zip(views) {
            rank.look(view, ended(view.rank), now);
        }
    }

    /// What is certain now, `views` being what was looked at last.
    pub fn findings(&mut self, views: &[View], now: Instant) -> Findings {
        let ranks = self.ranks.iter().zip(views);
        let mut fates: Vec<Fate> = ranks.map(|(rank, view)| fate(rank, view)).collect();
        let mut stuck = stuck::stuck(&fates);
        if !(0..fates.len()).any(|at| stuck[at] && fates[at] != Fate::Left) {
            return Findings::default();
        }
        let candidates = self.ranks.iter().zip(&stuck).filter(|(_, stuck)| **stuck);
        let Some(moment) = candidates.map(|(rank, _)| rank.since()).max() else {
            return Findings::default();
        };
        if now.saturating_duration_since(moment) < WINDOW {
            return Findings::default();
        }
        let ranks = self.ranks.iter_mut().zip(views).zip(&stuck);
        for (((rank, view), stuck), fate) in ranks.zip(&mut fates) {
            let ended = *fate == Fate::Left && rank.mark.4;
            let stands = ended || *stuck && rank.has_looked_since(moment);
            if !stands || !(ended || rank.has_no_helper(view)) {
                *fate = Fate::Free;
            }
        }
        stuck = stuck::stuck(&fates);
        findings(views, &fates, &stuck)
    }

    /// Those that have left, with others that wait for them, of whom this is not told
    /// yet.
    pub fn news(&mut self, findings: &Findings) -> Vec<(u32, Vec<u32>)> {
        let mut news = Vec::new();
        for (left, waiters) in &findings.left {
            let fresh: Vec<bool> = waiters
                .iter()
                .map(|waiter| self.told.insert((*left, *waiter)))
                .collect();
            if fresh.contains(&true) {
                news.push((*left, waiters.clone()));
            }
        }
        news
    }
}

/// What a rank that goes on as it has done would be.
fn fate(rank: &Rank, view: &View) -> Fate {
    if rank.mark.4 {
        return Fate::Left;
    }
    if view.pulse.waiters == 0 {
        return Fate::Free;
    }
    match &view.wait {
        // one of several threads that wait is shown; another may be helped, and go on to
        // do what others wait for
        _ if view.pulse.waiters > 1 => Fate::Waits(None),
        Some(wait) if wait.kind == WaitKind::Leaving => Fate::Left,
        Some(wait) if wait.kind != WaitKind::Other => Fate::Waits(u32::try_from(wait.peer).ok()),
        // of several threads that wait, none is shown for a moment
        _ => Fate::Waits(None),
    }
}

fn findings(views: &[View], fates: &[Fate], stuck: &[bool]) -> Findings {
    let waits = |at: usize| stuck[at] && matches!(fates[at], Fate::Waits(_));
    let all = stuck.iter().all(|s| *s) && (0..views.len()).any(waits);
    let mut direct: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (at, fate) in fates.iter().enumerate() {
        if let Fate::Waits(Some(peer)) = fate
            && fates.get(*peer as usize) == Some(&Fate::Left)
        {
            direct.entry(*peer).or_default().push(at);
        }
    }
    let mut left = Vec::new();
    for (peer, mut waiters) in direct {
        // Others in the same collective may wait for it by way of these.
        let first = &views[waiters[0]];
        let same = |at: &usize| waits(*at) && in_one_collective(&views[*at], first);
        waiters.extend((0..views.len()).filter(same));
        waiters.sort_unstable();
        waiters.dedup();
        left.push((peer, waiters.iter().map(|at| views[*at].rank).collect()));
    }
    Findings {
        stuck: (0..views.len())
            .filter(|at| waits(*at))
            .map(|at| views[at].rank)
            .collect(),
        ring: stuck::ring(fates, stuck),
        all,
        left,
    }
}

fn in_one_collective(one: &View, other: &View) -> bool {
    let what = |view: &View| {
        let wait = view.wait.as_ref()?;
        (wait.kind == WaitKind::Collective).then_some((wait.context, view.call))
    };
    what(one).is_some() && what(one) == what(other)
}
