//! Looks at a job from outside until it is certain whether ranks of it can never go on, by
//! the same rules as mpirun itself ([`crate::watch`]).

use super::watched::Watched;
use crate::explain::Known;
use crate::nodes::board::{Picture, Viewer};
use crate::snapshot::{self, RankSnapshot};
use crate::watch::{Findings, History};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use wireup::layout::State;
use wireup::segment::Segment;

/// How long to look at the most. Ranks that are stuck are known to be after about a second
/// and a half.
pub const PATIENCE: Duration = Duration::from_millis(2500);

/// How often to look for news of other hosts.
const NEWS: Duration = Duration::from_millis(50);

/// A job as it was looked at, from one look to the next.
#[derive(Debug, Default)]
pub struct Observer {
    history: History,
    before: Option<Instant>,
    hosts: Hosts,
}

/// What was seen of a job on several hosts.
#[derive(Debug, Default)]
struct Hosts {
    /// The number of the picture that was there first, which may be old.
    first: Option<u64>,
    /// The latest one, and its number.
    latest: (u64, Picture),
    /// Lines of the source are wanted, too.
    wants_known: bool,
}

/// What a look has shown.
#[derive(Debug, Default)]
pub struct Look {
    /// What the ranks show now.
    pub snapshots: Vec<RankSnapshot>,
    /// What is certain by now.
    pub findings: Findings,
    /// Ranks may turn out to be stuck at later looks.
    pub is_open: bool,
    /// How long the stuck ranks have stood still.
    pub standstill: Duration,
    /// Hosts that have not answered.
    pub silent: Vec<String>,
}

impl Look {
    /// Whether some ranks can never go on.
    pub fn is_stuck(&self) -> bool {
        !self.findings.stuck.is_empty()
    }
}

impl Hosts {
    /// Looks for news. Returns whether there are some.
    fn look(&mut self, viewer: &Viewer) -> bool {
        viewer.want(self.wants_known);
        let number = viewer.number();
        let first = *self.first.get_or_insert(number);
        if self.latest.0 == number {
            return false;
        }
        match viewer.picture() {
            Some(picture) => self.latest = (number, picture),
            None => return false,
        }
        number != first
    }

    /// Whether what was seen is not older than the first look.
    fn is_fresh(&self) -> bool {
        self.first.is_some_and(|first| first != self.latest.0)
    }

    fn show(&self) -> Look {
        let picture = &self.latest.1;
        Look {
            snapshots: picture.ranks.clone(),
            findings: picture.findings.clone(),
            is_open: picture.is_open || !self.is_fresh(),
            standstill: picture.standstill,
            silent: picture.silent.clone(),
        }
    }
}

impl Observer {
    /// When to look next.
    pub fn due(&self) -> Instant {
        match self.hosts.first {
            Some(_) => Instant::now() + NEWS,
            None => self.history.due(),
        }
    }

    /// Looks once.
    pub fn look(&mut self, watched: &Watched) -> Look {
        match watched {
            Watched::Here(segment) => self.look_here(segment),
            Watched::Hosts(viewer) => {
                self.hosts.look(viewer);
                self.hosts.show()
            }
        }
    }

    /// Looks at several hosts, if there is news of them.
    pub fn look_for_news(&mut self, viewer: &Viewer) -> Option<&[RankSnapshot]> {
        let is_new = self.hosts.look(viewer);
        is_new.then_some(self.hosts.latest.1.ranks.as_slice())
    }

    /// What is known beside what ranks show, where they are on several hosts and it was asked
    /// for by [`Observer::want_known`].
    pub fn known(&self) -> Option<&Known> {
        self.hosts.latest.1.known.as_ref()
    }

    /// Asks for lines of the source from now on, or no more.
    pub fn want_known(&mut self, wants: bool) {
        self.hosts.wants_known = wants;
    }

    fn look_here(&mut self, segment: &Segment) -> Look {
        let now = Instant::now();
        let snapshots = snapshot::of_all(segment);
        let has_ended = |rank: u32| snapshots[rank as usize].state == Some(State::Gone);
        self.history.look(&snapshots, has_ended, (now, now));
        let connected = segment.head().connections.load(Relaxed) != 0;
        let findings = self.history.findings(&snapshots, connected, &[], now);
        // Who has stood still since the look before may be stuck.
        let moment = self.before.replace(now).unwrap_or(now);
        let candidates = self.history.candidates(&snapshots, connected, moment);
        let is_open = candidates.iter().any(|rank| !findings.stuck.contains(rank));
        let standstill = self.history.standstill(&findings, now);
        Look {
            snapshots,
            findings,
            is_open,
            standstill,
            silent: Vec::new(),
        }
    }

    /// Looks until lines of the source are known, too, or until `deadline`.
    pub fn look_until_known(
        &mut self,
        watched: &Watched,
        deadline: Instant,
    ) -> (Look, Option<Known>) {
        self.want_known(true);
        self.hosts.first = None; // what was seen before is not meant
        loop {
            let look = self.look(watched);
            let known = self.known().filter(|_| self.hosts.is_fresh()).cloned();
            if known.is_some() || Instant::now() >= deadline {
                return (look, known);
            }
            std::thread::sleep(NEWS);
        }
    }

    /// Looks until nothing is open, or until `deadline`.
    pub fn look_until_certain(&mut self, watched: &Watched, deadline: Instant) -> Look {
        loop {
            let look = self.look(watched);
            let next = self.due();
            if !look.is_open || next > deadline {
                return look;
            }
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    }
}
