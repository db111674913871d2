//! What a rank does at one moment, in a word. Pure.

use crate::snapshot::RankSnapshot;
use wireup::layout::{State, WaitKind};

/// What a rank does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Doing {
    /// It has not called MPI.
    Starts,
    /// It is outside of MPI.
    Works,
    /// It is in an MPI call, and does not wait for long.
    Moves,
    /// It waits for others.
    Waits,
    /// It is in `MPI_Finalize`, past it, or has ended.
    Left,
}

/// What this rank does.
pub fn doing(snapshot: &RankSnapshot) -> Doing {
    let is_leaving = |kind| kind == WaitKind::Leaving;
    match snapshot.state {
        Some(State::Gone | State::Finalized) => return Doing::Left,
        Some(State::Fresh) => return Doing::Starts,
        _ => {}
    }
    if snapshot.waits.iter().any(|w| is_leaving(w.shown.kind)) {
        return Doing::Left;
    }
    let counters = &snapshot.counters;
    match (counters.waiters != 0 || counters.asleep != 0, snapshot.call) {
        (true, _) => Doing::Waits,
        (false, Some(_)) => Doing::Moves,
        (false, None) => Doing::Works,
    }
}

/// Ranks for tests.
#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::snapshot::{Counters, Wait};
    use std::time::Duration;
    use wireup::waits::{Need, Wait as Shown};

    /// A rank outside of MPI, or in a call.
    pub fn rank(rank: u32, call: Option<&'static str>) -> RankSnapshot {
        RankSnapshot {
            rank,
            pid: 100 + rank,
            state: Some(State::Running),
            call,
            last_call: None,
            waits: Vec::new(),
            unreceived: Vec::new(),
            unreceived_count: 0,
            counters: Counters::default(),
            node: None,
        }
    }

    /// A rank that waits for these in `MPI_Recv`.
    pub fn waiting(number: u32, peers: &[i32], need: Need) -> RankSnapshot {
        let call = Some("MPI_Recv");
        let mut snapshot = rank(number, call);
        snapshot.counters.waiters = 1;
        snapshot.waits.push(Wait {
            time: Duration::from_millis(1200),
            call,
            shown: Shown {
                kind: WaitKind::Receive,
                need,
                peers: peers.to_vec(),
                tag: 7,
                ..Shown::default()
            },
        });
        snapshot
    }

    #[test]
    fn a_word_for_each() {
        assert_eq!(doing(&rank(0, None)), Doing::Works);
        assert_eq!(doing(&rank(0, Some("MPI_Send"))), Doing::Moves);
        let mut waits = waiting(0, &[1], Need::AllOf);
        assert_eq!(doing(&waits), Doing::Waits);
        waits.waits[0].shown.kind = WaitKind::Leaving;
        assert_eq!(doing(&waits), Doing::Left);
        let mut other = rank(0, None);
        other.counters.asleep = 5;
        assert_eq!(doing(&other), Doing::Waits);
        other.state = Some(State::Fresh);
        assert_eq!(doing(&other), Doing::Starts);
        other.state = Some(State::Gone);
        assert_eq!(doing(&other), Doing::Left);
    }
}
