//! At whom the chains of waits end. Pure.
//!
//! A rank that waits leads to the ranks that it waits for, those to the ones that they wait
//! for, and so on. The ranks at the end of these chains wait for nobody: they are at work,
//! or on their way through MPI, or have left. All others wait for them.

use super::doing::{Doing, doing};
use crate::snapshot::RankSnapshot;
use wireup::layout::WaitKind;
use wireup::waits::{Need, PEERS};

/// For each rank that waits, the ranks at the ends of its chains, in order; none for ranks
/// that do not wait, or of whose chains no end is known: they wait for anybody, for another
/// job, or for one another.
pub fn ends(snapshots: &[RankSnapshot]) -> Vec<Vec<u32>> {
    let graph: Vec<Option<Vec<usize>>> = snapshots
        .iter()
        .map(|snapshot| (doing(snapshot) == Doing::Waits).then(|| next(snapshot, snapshots)))
        .collect();
    let mut seen = vec![usize::MAX; graph.len()];
    (0..graph.len())
        .map(|rank| ends_of(rank, &graph, &mut seen))
        .collect()
}

/// The ranks for which this one waits. They lie in the job.
fn next(snapshot: &RankSnapshot, snapshots: &[RankSnapshot]) -> Vec<usize> {
    let mut peers = Vec::new();
    for wait in &snapshot.waits {
        let shown = &wait.shown;
        let listed = shown.peers.iter();
        let listed = listed.filter_map(|peer| usize::try_from(*peer).ok());
        if matches!(shown.need, Need::AllOf | Need::OneOf) {
            peers.extend(listed.filter(|peer| *peer < snapshots.len()));
        }
        // A full list may not be complete. Of MPI_COMM_WORLD all ranks are members.
        let is_full = shown.peers.len() == PEERS && shown.context & !1 == 0;
        if is_full && shown.kind == WaitKind::Collective {
            let is_there = |other: &RankSnapshot| {
                let mut waits = other.waits.iter().map(|wait| &wait.shown);
                waits.any(|w| (w.context, w.collective) == (shown.context, shown.collective))
            };
            let absent = snapshots.iter().enumerate();
            let absent = absent.filter(|(_, other)| !is_there(other));
            peers.extend(absent.map(|(at, _)| at));
        }
    }
    peers
}

/// `graph` has the next ranks of all that wait; `seen`, for each rank, the last one whose
/// chains led there.
fn ends_of(start: usize, graph: &[Option<Vec<usize>>], seen: &mut [usize]) -> Vec<u32> {
    let mut ends = Vec::new();
    let mut open = vec![start];
    seen[start] = start;
    while let Some(at) = open.pop() {
        let Some(next) = &graph[at] else {
            if at != start {
                ends.extend(u32::try_from(at));
            }
            continue;
        };
        for peer in next {
            if seen[*peer] != start {
                seen[*peer] = start;
                open.push(*peer);
            }
        }
    }
    ends.sort_unstable();
    ends
}

#[cfg(test)]
mod tests {
    use super::super::doing::tests::{rank, waiting};
    use super::*;

    #[test]
    fn a_chain_ends_at_who_does_not_wait() {
        let all = [
            waiting(0, &[1], Need::AllOf),
            waiting(1, &[2], Need::AllOf),
            rank(2, None),
            waiting(3, &[0, 4], Need::AllOf),
            rank(4, Some("MPI_Send")),
        ];
        let none = Vec::<u32>::new();
        let found = ends(&all);
        assert_eq!(found, [vec![2], vec![2], none.clone(), vec![2, 4], none]);
    }

    #[test]
    fn rings_and_waits_for_anybody_have_no_end() {
        let all = [
            waiting(0, &[1], Need::AllOf),
            waiting(1, &[0], Need::AllOf),
            waiting(2, &[], Need::Anybody),
            waiting(3, &[2], Need::AllOf),
            waiting(4, &[-3, 99], Need::AllOf),
            rank(5, None),
        ];
        assert!(ends(&all).iter().all(Vec::is_empty));
    }

    #[test]
    fn a_ring_with_a_way_out_ends_there() {
        let all = [
            waiting(0, &[1], Need::AllOf),
            waiting(1, &[0, 2], Need::OneOf),
            rank(2, None),
        ];
        assert_eq!(ends(&all)[0], [2]);
    }

    #[test]
    fn who_is_behind_a_full_list_is_found() {
        let first: Vec<i32> = (0..8).collect();
        let mut all: Vec<RankSnapshot> = (0..12).map(|r| waiting(r, &first, Need::AllOf)).collect();
        for snapshot in &mut all {
            snapshot.waits[0].shown.kind = WaitKind::Collective;
            snapshot.waits[0].shown.collective = Some(7);
        }
        assert!(ends(&all).iter().all(Vec::is_empty));
        all[11] = rank(11, None);
        assert_eq!(ends(&all)[3], [11]);
        all.iter_mut()
            .flat_map(|s| &mut s.waits)
            .for_each(|w| w.shown.context = 8);
        assert!(
            ends(&all)[3].is_empty(),
            "of other communicators nothing is known"
        );
    }
}
