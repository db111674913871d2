//! Which ranks can never go on, from what each is known to do. Pure.
//!
//! A rank goes on when one of its waits can end: one thread waits for all of some peers,
//! another for one of several, a third for anybody. So the ranks that may get help are the
//! free ones, then those of whose waits one needs nobody but these, and so on. All others
//! are stuck: they wait for one another, or for ranks that have left.

/// What a rank is certain to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Activity {
    /// It may do anything.
    Free,
    /// It does nothing until one of these waits, each of a thread of its own, has ended.
    Waits(Vec<Needs>),
    /// It does nothing for others any more: it is in `MPI_Finalize`, or has ended.
    Left,
}

/// Whose parts a wait needs in order to end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Needs {
    /// That of any other rank.
    Anybody,
    /// Those of all these ranks; perhaps of others as well.
    AllOf(Vec<u32>),
    /// That of one of these ranks.
    OneOf(Vec<u32>),
}

/// A wait that is not known to be stuck.
#[derive(Debug)]
struct OpenWait {
    rank: usize,
    /// Ranks that must be able to do something before it can end.
    missing: usize,
}

/// For each rank, whether it can never go on. Ranks that have left count as stuck.
pub fn stuck(activities: &[Activity]) -> Vec<bool> {
    let count = activities.len();
    let mut open: Vec<OpenWait> = Vec::new();
    let mut waits_on: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut on_anyone = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    for (rank, activity) in activities.iter().enumerate() {
        let waits = match activity {
            Activity::Free => {
                free.push(rank);
                continue;
            }
            Activity::Left => continue,
            Activity::Waits(waits) => waits,
        };
        for needs in waits {
            let (peers, missing) = match needs {
                Needs::AllOf(peers) if !peers.is_empty() => (distinct(peers), peers.len()),
                Needs::OneOf(peers) if !peers.is_empty() => (distinct(peers), 1),
                _ => {
                    on_anyone.push(rank);
                    continue;
                }
            };
            if peers.iter().any(|peer| *peer >= count) {
                free.push(rank); // no rank has this number: nothing is certain
                continue;
            }
            let missing = missing.min(peers.len());
            peers
                .iter()
                .for_each(|peer| waits_on[*peer].push(open.len()));
            open.push(OpenWait { rank, missing });
        }
    }
    let mut stuck = vec![true; count];
    if !free.is_empty() {
        free.append(&mut on_anyone);
    }
    while let Some(rank) = free.pop() {
        if !std::mem::take(&mut stuck[rank]) {
            continue;
        }
        for at in std::mem::take(&mut waits_on[rank]) {
            open[at].missing = open[at].missing.saturating_sub(1);
            if open[at].missing == 0 {
                free.push(open[at].rank);
            }
        }
        free.append(&mut on_anyone);
    }
    stuck
}

fn distinct(peers: &[u32]) -> Vec<usize> {
    let mut peers: Vec<usize> = peers.iter().map(|peer| *peer as usize).collect();
    peers.sort_unstable();
    peers.dedup();
    peers
}

/// The peer that keeps a stuck rank from going on, if that is certain of one: it waits in
/// one thread, and needs the part of a rank that is itself stuck and has not left.
fn blocker(activities: &[Activity], stuck: &[bool], rank: usize) -> Option<usize> {
    let Activity::Waits(waits) = &activities[rank] else {
        return None;
    };
    let peers = match waits.as_slice() {
        [Needs::AllOf(peers)] => peers,
        [Needs::OneOf(peers)] if peers.len() == 1 => peers,
        _ => return None,
    };
    let mut peers = peers.iter().map(|peer| *peer as usize);
    let blocks = |peer: &usize| {
        let waits = |at: &usize| matches!(activities.get(*at), Some(Activity::Waits(_)));
        *peer != rank && waits(peer) && stuck[*peer]
    };
    peers.find(blocks).filter(|_| stuck[rank])
}

/// Stuck ranks that wait for each other in a ring; the first one stands again at the end.
pub fn ring(activities: &[Activity], stuck: &[bool]) -> Option<Vec<u32>> {
    let next = |rank: usize| blocker(activities, stuck, rank);
    let mut seen_from: Vec<Option<usize>> = vec![None; activities.len()];
    for start in 0..activities.len() {
        let mut at = start;
        while seen_from[at].is_none() {
            seen_from[at] = Some(start);
            let Some(peer) = next(at) else { break };
            if seen_from[peer] == Some(start) {
                return Some(around(peer, next));
            }
            at = peer;
        }
    }
    None
}

/// The ring of ranks that begins and ends at `start`.
fn around(start: usize, next: impl Fn(usize) -> Option<usize>) -> Vec<u32> {
    let number = |rank: usize| u32::try_from(rank).unwrap_or(u32::MAX);
    let mut ring = vec![number(start)];
    let mut at = start;
    while let Some(peer) = next(at) {
        ring.push(number(peer));
        if peer == start {
            break;
        }
        at = peer;
    }
    ring
}

#[cfg(test)]
mod tests {
    use super::Activity::{Free, Left};
    use super::*;

    /// Waits for one peer, or for anybody.
    fn waits(peer: Option<u32>) -> Activity {
        Activity::Waits(vec![match peer {
            Some(peer) => Needs::AllOf(vec![peer]),
            None => Needs::Anybody,
        }])
    }

    fn one_of(peers: &[u32]) -> Activity {
        Activity::Waits(vec![Needs::OneOf(peers.to_vec())])
    }

    fn all_of(peers: &[u32]) -> Activity {
        Activity::Waits(vec![Needs::AllOf(peers.to_vec())])
    }

    #[test]
    fn all_are_needed_or_one() {
        let pair = |first: Activity| vec![first, waits(Some(0)), Free];
        assert_eq!(stuck(&pair(all_of(&[1, 2]))), [true, true, false]);
        assert_eq!(stuck(&pair(one_of(&[1, 2]))), [false; 3]);
        assert_eq!(stuck(&pair(one_of(&[1]))), [true, true, false]);
        assert_eq!(stuck(&pair(all_of(&[2, 2]))), [false; 3]);
        let ring_of = |first| {
            let activities = pair(first);
            ring(&activities, &stuck(&activities))
        };
        assert_eq!(ring_of(all_of(&[2, 1])), Some(vec![0, 1, 0]));
        assert_eq!(ring_of(one_of(&[1])), Some(vec![0, 1, 0]));
    }

    #[test]
    fn any_thread_of_a_rank_may_be_helped() {
        let both = Activity::Waits(vec![Needs::AllOf(vec![1]), Needs::AllOf(vec![2])]);
        assert_eq!(stuck(&[both.clone(), waits(Some(0)), Free]), [false; 3]);
        let activities = [both, waits(Some(0)), Left];
        assert_eq!(stuck(&activities), [true; 3]);
        assert_eq!(ring(&activities, &stuck(&activities)), None);
    }

    #[test]
    fn a_ring_is_stuck_whatever_the_others_do() {
        let activities = [waits(Some(1)), waits(Some(0)), Free, waits(Some(0))];
        let found = stuck(&activities);
        assert_eq!(found, [true, true, false, true]);
        assert_eq!(ring(&activities, &found), Some(vec![0, 1, 0]));
    }

    #[test]
    fn a_free_rank_may_help_along_a_chain() {
        let activities = [waits(Some(1)), waits(Some(2)), Free, waits(None)];
        assert_eq!(stuck(&activities), [false; 4]);
        assert_eq!(ring(&activities, &stuck(&activities)), None);
    }

    #[test]
    fn a_rank_that_waits_for_one_that_has_left_is_stuck() {
        let activities = [waits(Some(1)), Left, waits(Some(0)), waits(Some(4)), Free];
        assert_eq!(stuck(&activities), [true, true, true, false, false]);
        assert_eq!(ring(&activities, &stuck(&activities)), None);
    }

    #[test]
    fn a_rank_that_waits_for_anyone_is_stuck_only_with_all_others() {
        assert_eq!(stuck(&[waits(None), Left, waits(Some(0))]), [true; 3]);
        assert_eq!(stuck(&[waits(None), Left, Free]), [false, true, false]);
        // the third may help the second, and the second may help the first
        let activities = [waits(None), waits(Some(2)), Free];
        assert_eq!(stuck(&activities), [false; 3]);
    }

    #[test]
    fn numbers_that_are_no_rank_prove_nothing() {
        assert_eq!(stuck(&[waits(Some(7)), waits(Some(0))]), [false; 2]);
        let own = [waits(Some(0)), Left];
        assert_eq!(ring(&own, &stuck(&own)), None);
    }

    #[test]
    fn long_chains_take_no_time() {
        let n = 200_000;
        let mut activities: Vec<Activity> = (0..n).map(|r| waits(Some((r + 1) % n))).collect();
        assert_eq!(
            ring(&activities, &stuck(&activities)).unwrap().len(),
            n as usize + 1
        );
        activities[5] = Free;
        assert!(stuck(&activities).iter().all(|s| !s));
    }
}
