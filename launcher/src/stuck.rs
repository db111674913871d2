//! Which ranks can never go on, from what each is known to do. Pure.
//!
//! A rank that waits for one peer goes on when that peer has done its part. A rank that
//! waits for something else may be helped by any other. So the ranks that may get help are
//! the free ones, then those that wait for a free one, then those that wait for one of
//! these, and so on. All others are stuck: they wait for one another, or for ranks that
//! have left.

/// What a rank is certain to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Activity {
    /// It may do anything.
    Free,
    /// It does nothing until this peer has done its part. None: until any other rank has.
    Waits(Option<u32>),
    /// It does nothing for others any more: it is in `MPI_Finalize`, or has ended.
    Left,
}

/// For each rank, whether it can never go on. Ranks that have left count as stuck.
pub fn stuck(activities: &[Activity]) -> Vec<bool> {
    let mut waiting: Vec<Vec<usize>> = vec![Vec::new(); activities.len()];
    let mut on_anyone = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    for (rank, activity) in activities.iter().enumerate() {
        match activity {
            Activity::Free => free.push(rank),
            Activity::Waits(None) => on_anyone.push(rank),
            Activity::Waits(Some(peer)) => match waiting.get_mut(*peer as usize) {
                Some(waiting) => waiting.push(rank),
                None => free.push(rank), // no rank has this number: nothing is certain
            },
            Activity::Left => {}
        }
    }
    let mut stuck = vec![true; activities.len()];
    if !free.is_empty() {
        free.append(&mut on_anyone);
    }
    while let Some(rank) = free.pop() {
        if std::mem::take(&mut stuck[rank]) {
            free.append(&mut waiting[rank]);
            free.append(&mut on_anyone);
        }
    }
    stuck
}

/// Stuck ranks that wait for each other in a ring; the first one stands again at the end.
pub fn ring(activities: &[Activity], stuck: &[bool]) -> Option<Vec<u32>> {
    let next = |rank: usize| match activities[rank] {
        Activity::Waits(Some(peer)) if stuck[rank] && peer as usize != rank => Some(peer as usize),
        _ => None,
    };
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
    use super::Activity::{Free, Left, Waits};
    use super::*;

    #[test]
    fn a_ring_is_stuck_whatever_the_others_do() {
        let activities = [Waits(Some(1)), Waits(Some(0)), Free, Waits(Some(0))];
        let found = stuck(&activities);
        assert_eq!(found, [true, true, false, true]);
        assert_eq!(ring(&activities, &found), Some(vec![0, 1, 0]));
    }

    #[test]
    fn a_free_rank_may_help_along_a_chain() {
        let activities = [Waits(Some(1)), Waits(Some(2)), Free, Waits(None)];
        assert_eq!(stuck(&activities), [false; 4]);
        assert_eq!(ring(&activities, &stuck(&activities)), None);
    }

    #[test]
    fn a_rank_that_waits_for_one_that_has_left_is_stuck() {
        let activities = [Waits(Some(1)), Left, Waits(Some(0)), Waits(Some(4)), Free];
        assert_eq!(stuck(&activities), [true, true, true, false, false]);
        assert_eq!(ring(&activities, &stuck(&activities)), None);
    }

    #[test]
    fn a_rank_that_waits_for_anyone_is_stuck_only_with_all_others() {
        assert_eq!(stuck(&[Waits(None), Left, Waits(Some(0))]), [true; 3]);
        assert_eq!(stuck(&[Waits(None), Left, Free]), [false, true, false]);
        // the third may help the second, and the second may help the first
        let activities = [Waits(None), Waits(Some(2)), Free];
        assert_eq!(stuck(&activities), [false; 3]);
    }

    #[test]
    fn numbers_that_are_no_rank_prove_nothing() {
        assert_eq!(stuck(&[Waits(Some(7)), Waits(Some(0))]), [false; 2]);
        let own = [Waits(Some(0)), Left];
        assert_eq!(ring(&own, &stuck(&own)), None);
    }

    #[test]
    fn long_chains_take_no_time() {
        let n = 200_000;
        let mut activities: Vec<Activity> = (0..n).map(|r| Waits(Some((r + 1) % n))).collect();
        assert_eq!(
            ring(&activities, &stuck(&activities)).unwrap().len(),
            n as usize + 1
        );
        activities[5] = Free;
        assert!(stuck(&activities).iter().all(|s| !s));
    }
}
