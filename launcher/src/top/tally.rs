//! Where the ranks' time goes, added up from samples. Pure.

use super::blame;
use super::doing::{Doing, doing};
use crate::snapshot::RankSnapshot;
use std::collections::BTreeMap;
use std::time::Duration;

/// Seconds of one rank.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RankTally {
    /// Outside of MPI.
    pub works: f64,
    /// In MPI, waiting for others.
    pub waits: f64,
    /// In MPI, and not waiting.
    pub moves: f64,
    /// That others have waited for it, at the end of their chains. Where a chain has several
    /// ends, each has its share.
    pub blame: f64,
    /// For whom it has waited.
    pub for_whom: BTreeMap<u32, f64>,
}

impl RankTally {
    /// All that was seen of it between `MPI_Init` and its end.
    pub fn seen(&self) -> f64 {
        self.works + self.waits + self.moves
    }
}

/// The time of all ranks since a moment.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// By rank.
    pub ranks: Vec<RankTally>,
    /// Samples.
    pub samples: u64,
    /// How long it was watched.
    pub watched: Duration,
}

impl Tally {
    /// Adds what ranks did for this time.
    pub fn add(&mut self, snapshots: &[RankSnapshot], time: Duration) {
        self.samples += 1;
        self.watched += time;
        self.ranks.resize(snapshots.len(), RankTally::default());
        let seconds = time.as_secs_f64();
        let ends = blame::ends(snapshots);
        for (at, snapshot) in snapshots.iter().enumerate() {
            let rank = &mut self.ranks[at];
            match doing(snapshot) {
                Doing::Works => rank.works += seconds,
                Doing::Moves => rank.moves += seconds,
                Doing::Waits => rank.waits += seconds,
                Doing::Starts | Doing::Left => {}
            }
            let share = seconds / count(ends[at].len().max(1));
            for end in &ends[at] {
                *self.ranks[at].for_whom.entry(*end).or_default() += share;
                self.ranks[*end as usize].blame += share;
            }
        }
    }

    /// Seconds that ranks have waited for a rank that is known.
    pub fn blamed(&self) -> f64 {
        self.ranks.iter().map(|rank| rank.blame).sum()
    }

    /// Ranks that others have waited for, the one with the most blame first, each with its
    /// seconds.
    pub fn to_blame(&self) -> Vec<(u32, f64)> {
        let ranks = (0..).zip(&self.ranks).filter(|(_, rank)| rank.blame > 0.0);
        let mut found: Vec<(u32, f64)> = ranks.map(|(at, rank)| (at, rank.blame)).collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        found
    }
}

/// Ranks in number.
fn count(ranks: usize) -> f64 {
    f64::from(u32::try_from(ranks).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::doing::tests::{rank, waiting};
    use super::*;
    use wireup::waits::Need;

    #[test]
    fn blame_goes_to_the_end_of_the_chain() {
        let mut tally = Tally::default();
        let second = Duration::from_secs(1);
        tally.add(
            &[
                waiting(0, &[1], Need::AllOf),
                waiting(1, &[2], Need::AllOf),
                rank(2, None),
                rank(3, Some("MPI_Send")),
            ],
            second,
        );
        tally.add(
            &[
                rank(0, None),
                waiting(1, &[0, 2], Need::AllOf),
                rank(2, None),
                waiting(3, &[], Need::Anybody),
            ],
            second,
        );
        assert_eq!((tally.samples, tally.watched), (2, 2 * second));
        assert_eq!(tally.to_blame(), [(2, 2.5), (0, 0.5)]);
        assert_eq!(tally.blamed(), 3.0);
        let first = &tally.ranks[0];
        assert_eq!((first.works, first.waits, first.seen()), (1.0, 1.0, 2.0));
        assert_eq!(tally.ranks[3].moves, 1.0);
        assert_eq!(tally.ranks[3].waits, 1.0);
        let whom: Vec<(u32, f64)> = tally.ranks[1].for_whom.clone().into_iter().collect();
        assert_eq!(whom, [(0, 0.5), (2, 1.5)]);
    }

    #[test]
    fn nobody_is_to_blame_in_a_ring() {
        let mut tally = Tally::default();
        let ring = [waiting(0, &[1], Need::AllOf), waiting(1, &[0], Need::AllOf)];
        tally.add(&ring, Duration::from_secs(1));
        assert_eq!(tally.to_blame(), []);
        assert_eq!(tally.ranks[0].waits, 1.0);
    }
}
