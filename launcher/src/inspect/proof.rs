//! Looks at a job from outside until it is certain whether ranks of it can never go on, by
//! the same rules as mpirun itself ([`crate::watch`]).

use crate::snapshot::{self, RankSnapshot};
use crate::watch::{Findings, History};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use wireup::layout::State;
use wireup::segment::Segment;

/// How long to look at the most. Ranks that are stuck are known to be after about a second
/// and a half.
pub const PATIENCE: Duration = Duration::from_millis(2500);

/// A job as it was looked at, from one look to the next.
#[derive(Debug, Default)]
pub struct Observer {
    history: History,
    before: Option<Instant>,
}

/// What a look has shown.
#[derive(Debug)]
pub struct Look {
    /// What the ranks show now.
    pub snapshots: Vec<RankSnapshot>,
    /// What is certain by now.
    pub findings: Findings,
    /// Ranks may turn out to be stuck at later looks.
    pub is_open: bool,
    /// How long the stuck ranks have stood still.
    pub standstill: Duration,
}

impl Look {
    /// Whether some ranks can never go on.
    pub fn is_stuck(&self) -> bool {
        !self.findings.stuck.is_empty()
    }
}

impl Observer {
    /// When to look next.
    pub fn due(&self) -> Instant {
        self.history.due()
    }

    /// Looks once.
    pub fn look(&mut self, segment: &Segment) -> Look {
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
        }
    }

    /// Looks until nothing is open, or until `deadline`.
    pub fn look_until_certain(&mut self, segment: &Segment, deadline: Instant) -> Look {
        loop {
            let look = self.look(segment);
            let next = self.due();
            if !look.is_open || next > deadline {
                return look;
            }
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    }
}
