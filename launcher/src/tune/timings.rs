//! The measured times, and the ratios of candidates' times.

use super::choose::Quartiles;

/// What happens to the buffers between messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pattern {
    /// Nothing, as in most benchmarks.
    Same,
    /// The sender has just rewritten its buffer, as programs do.
    Dirty,
}

impl Pattern {
    /// Both patterns.
    pub const ALL: [Pattern; 2] = [Pattern::Same, Pattern::Dirty];

    /// The measuring program's name of the pattern.
    pub fn name(self) -> &'static str {
        match self {
            Pattern::Same => "same",
            Pattern::Dirty => "dirty",
        }
    }
}

/// Times in microseconds, by candidate, size and pattern: one for each round.
#[derive(Debug)]
pub struct Timings {
    times: Vec<Vec<[Vec<f64>; 2]>>,
}

impl Timings {
    /// No times yet, for so many candidates and sizes.
    pub fn new(candidates: usize, sizes: usize) -> Timings {
        let sizes = vec![<[Vec<f64>; 2]>::default(); sizes];
        Timings {
            times: vec![sizes; candidates],
        }
    }

    /// Adds the time of the next round.
    pub fn add(&mut self, candidate: usize, size: usize, pattern: Pattern, time: f64) {
        self.times[candidate][size][pattern as usize].push(time);
    }

    /// The median of a candidate's times.
    pub fn time(&self, candidate: usize, size: usize, pattern: Pattern) -> f64 {
        Quartiles::of(self.times[candidate][size][pattern as usize].clone()).median
    }

    /// The ratios of a candidate's times to those of the first candidate, each taken within
    /// one round.
    pub fn ratio(&self, candidate: usize, size: usize, pattern: Pattern) -> Quartiles {
        let times = |c: usize| self.times[c][size][pattern as usize].iter();
        let pairs = times(candidate).zip(times(0));
        Quartiles::of(pairs.map(|(new, old)| new / old).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_those_of_one_round() {
        let mut timings = Timings::new(2, 1);
        // In the second round the machine is three times slower, for both.
        for (old, new) in [(1.0, 0.5), (3.0, 1.5), (1.0, 0.6)] {
            timings.add(0, 0, Pattern::Same, old);
            timings.add(1, 0, Pattern::Same, new);
        }
        assert!((timings.ratio(1, 0, Pattern::Same).median - 0.5).abs() < 1e-9);
        assert!((timings.time(0, 0, Pattern::Same) - 1.0).abs() < 1e-9);
    }
}
