//! Which ranks can never go on, from what is certain of each. Pure.
//!
//! A rank that waits for one peer goes on when that peer has done its part; one that
//! waits for something else may be helped by any other. So the ranks that may be helped
//! are those that are free, and, again and again, those that wait for one of them. The
//! others are stuck: they wait for one another, or for ranks that have left.

/// What is certain of a rank.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It may do anything.
    Free,
    /// It does nothing before this peer has done its part; `None`: before any other
    /// rank has.
    Waits(Option<u32>),
    /// It does nothing for others any more: it is in `MPI_Finalize`, or has ended.
    Left,
}

/// Whether each rank can never go on, those that have left included.
pub fn stuck(fates: &[Fate]) -> Vec<bool> {
    let mut waiting: Vec<Vec<usize>> = vec![Vec::new(); fates.len()];
    let mut on_anyone = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    for (rank, fate) in fates.iter().enumerate() {
        match fate {
            Fate::Free => free.push(rank),
            Fate::Waits(None) => on_anyone.push(rank),
            Fate::Waits(Some(peer)) => match waiting.get_mut(*peer as usize) {
                Some(waiting) => waiting.push(rank),
                None => free.push(rank), // a number that is none says nothing
            },
            Fate::Left => {}
        }
    }
    let mut stuck = vec![true; fates.len()];
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

/// Stuck ranks that wait for each other in a ring, the first one repeated at the end.
pub fn ring(fates: &[Fate], stuck: &[bool]) -> Option<Vec<u32>> {
    let next = |rank: usize| match fates[rank] {
        Fate::Waits(Some(peer)) if stuck[rank] && peer as usize != rank => Some(peer as usize),
        _ => None,
    };
    let mut seen_from: Vec<Option<usize>> = vec![None; fates.len()];
    for start in 0..fates.len() {
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

fn around(start: usize, next: impl Fn(usize) -> Option<usize>) -> Vec<u32> {
    let number = |rank: usize| u32::try_from(rank).unwrap_or(u32::MAX);
    let mut way = vec![number(start)];
    let mut at = start;
    while let Some(peer) = next(at) {
        way.push(number(peer));
        if peer == start {
            break;
        }
        at = peer;
    }
    way
}

#[cfg(test)]
mod tests {
    use super::Fate::{Free, Left, Waits};
    use super::*;

    #[test]
    fn a_ring_is_stuck_whatever_the_others_do() {
        let fates = [Waits(Some(1)), Waits(Some(0)), Free, Waits(Some(0))];
        let found = stuck(&fates);
        assert_eq!(found, [true, true, false, true]);
        assert_eq!(ring(&fates, &found), Some(vec![0, 1, 0]));
    }

    #[test]
    fn a_free_rank_may_help_along_a_chain() {
        let fates = [Waits(Some(1)), Waits(Some(2)), Free, Waits(None)];
        assert_eq!(stuck(&fates), [false; 4]);
        assert_eq!(ring(&fates, &stuck(&fates)), None);
    }

    #[test]
    fn who_waits_for_a_rank_that_has_left_is_stuck() {
        let fates = [Waits(Some(1)), Left, Waits(Some(0)), Waits(Some(4)), Free];
        assert_eq!(stuck(&fates), [true, true, true, false, false]);
        assert_eq!(ring(&fates, &stuck(&fates)), None);
    }

    #[test]
    fn who_waits_for_anyone_is_stuck_only_with_all_others() {
        assert_eq!(stuck(&[Waits(None), Left, Waits(Some(0))]), [true; 3]);
        assert_eq!(stuck(&[Waits(None), Left, Free]), [false, true, false]);
        // the first of these is helped by the second, which the third may help
        let fates = [Waits(None), Waits(Some(2)), Free];
        assert_eq!(stuck(&fates), [false; 3]);
    }

    #[test]
    fn nonsense_says_nothing() {
        assert_eq!(stuck(&[Waits(Some(7)), Waits(Some(0))]), [false; 2]);
        let own = [Waits(Some(0)), Left];
        assert_eq!(ring(&own, &stuck(&own)), None);
    }

    #[test]
    fn long_chains_take_no_time() {
        let n = 200_000;
        let mut fates: Vec<Fate> = (0..n).map(|r| Waits(Some((r + 1) % n))).collect();
        assert_eq!(ring(&fates, &stuck(&fates)).unwrap().len(), n as usize + 1);
        fates[5] = Free;
        assert!(stuck(&fates).iter().all(|s| !s));
    }
}
