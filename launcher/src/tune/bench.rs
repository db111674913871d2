//! Running the measuring program: two ranks under an mpirun of their own, as any
//! job, with the settings that are to be measured.

use super::Values;
use super::choose::Spread;
use super::plan::Comparison;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The program, below the folder that mpirun's `bin` lies in.
const PROGRAM: &str = "libexec/lariat/tune";
/// Milliseconds for each size and pattern of one run.
const BUDGET: u64 = 8;
/// Seconds after which a run counts as hung.
const LIMIT: &str = "300";

/// What happens to the buffers between messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pattern {
    /// Nothing: as benchmarks have it.
    Same,
    /// The sender has just rewritten its own: as programs have it.
    Dirty,
}

impl Pattern {
    /// Both.
    pub const ALL: [Pattern; 2] = [Pattern::Same, Pattern::Dirty];

    /// The measuring program's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Pattern::Same => "same",
            Pattern::Dirty => "dirty",
        }
    }
}

/// Microseconds by candidate, size and pattern: one for each round.
#[derive(Debug)]
pub struct Figures {
    times: Vec<Vec<[Vec<f64>; 2]>>,
}

impl Figures {
    /// No figures yet.
    pub fn new(comparison: &Comparison) -> Figures {
        let sizes = vec![<[Vec<f64>; 2]>::default(); comparison.sizes.len()];
        Figures {
            times: vec![sizes; comparison.candidates.len()],
        }
    }

    /// Adds the figure of the next round.
    pub fn add(&mut self, candidate: usize, size: usize, pattern: Pattern, time: f64) {
        self.times[candidate][size][pattern as usize].push(time);
    }

    /// The median of a candidate's times.
    pub fn time(&self, candidate: usize, size: usize, pattern: Pattern) -> f64 {
        Spread::of(self.times[candidate][size][pattern as usize].clone()).middle
    }

    /// The ratios of a candidate's times to those of the first one, each within one
    /// round.
    pub fn ratio(&self, candidate: usize, size: usize, pattern: Pattern) -> Spread {
        let times = |c: usize| self.times[c][size][pattern as usize].iter();
        let pairs = times(candidate).zip(times(0));
        Spread::of(pairs.map(|(new, old)| new / old).collect())
    }
}

/// About how many seconds one run over these sizes takes.
pub fn seconds(sizes: &[u64]) -> f64 {
    const START: f64 = 0.06;
    const BYTES_PER_SECOND: f64 = 5e9;
    // a trip to warm up and three to count, both ways, at the least
    let least = |size: &u64| *size as f64 * 8.0 / BYTES_PER_SECOND;
    let one = |size| (BUDGET as f64 / 1e3).max(least(size));
    START + 2.0 * sizes.iter().map(one).sum::<f64>()
}

/// An arm, and why it does not work here if it does not.
pub type Answer = (String, Result<(), String>);

/// What every run has in common.
#[derive(Debug)]
pub struct Bench {
    mpirun: PathBuf,
    program: PathBuf,
    rounds: u32,
}

impl Bench {
    /// Finds the program.
    ///
    /// # Errors
    /// It is not there.
    pub fn new(rounds: u32) -> Result<Bench, String> {
        let mpirun = std::env::current_exe().map_err(|why| format!("--tune: {why}"))?;
        let prefix = mpirun.parent().and_then(Path::parent).unwrap_or(&mpirun);
        let program = prefix.join(PROGRAM);
        if !program.exists() {
            return Err(format!(
                "--tune: there is no {}: it belongs to what `make install` installs",
                program.display()
            ));
        }
        Ok(Bench {
            mpirun,
            program,
            rounds,
        })
    }

    /// Which arms work here: each with why not.
    ///
    /// # Errors
    /// The program cannot be run.
    pub fn probe(&self) -> Result<Vec<Answer>, String> {
        let text = self.run(&super::built_in(), &["probe".to_owned()])?;
        let answer = |line: &str| match line.split_once(' ') {
            Some((arm, "works")) => (arm.to_owned(), Ok(())),
            Some((arm, why)) => (arm.to_owned(), Err(why.to_owned())),
            None => (line.to_owned(), Err("no answer".to_owned())),
        };
        Ok(text.lines().map(answer).collect())
    }

    /// Measures all candidates in turn, as often as there are rounds.
    ///
    /// # Errors
    /// A run fails, or prints something else than figures.
    pub fn measure(&self, comparison: &Comparison) -> Result<Figures, String> {
        let mut figures = Figures::new(comparison);
        let sizes: Vec<String> = comparison.sizes.iter().map(u64::to_string).collect();
        let args = ["measure".to_owned(), BUDGET.to_string(), sizes.join(",")];
        let count = comparison.candidates.len();
        for round in 0..self.rounds as usize {
            for turn in 0..count {
                // Another one first each time: what a run leaves behind in caches
                // and clock rates is not always to the same one's good.
                let candidate = (round + turn) % count;
                let text = self.run(&comparison.candidates[candidate].values, &args)?;
                for (at, size) in comparison.sizes.iter().enumerate() {
                    for pattern in Pattern::ALL {
                        let time = figure(&text, pattern, *size)?;
                        figures.add(candidate, at, pattern, time);
                    }
                }
            }
        }
        Ok(figures)
    }

    fn run(&self, values: &Values, args: &[String]) -> Result<String, String> {
        let mut command = Command::new(&self.mpirun);
        command.args(["-n", "2", "--no-settings-files", "--timeout", LIMIT]);
        for (name, value) in values {
            command.args(["--set", &format!("{name}={value}")]);
        }
        command.arg(&self.program).args(args).stdin(Stdio::null());
        let done = command
            .output()
            .map_err(|why| format!("--tune: {}: {why}", self.mpirun.display()))?;
        if !done.status.success() {
            return Err(format!(
                "--tune: {command:?} failed ({}):\n{}",
                done.status,
                String::from_utf8_lossy(&done.stderr).trim_end()
            ));
        }
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    }
}

/// The figure of a pattern and a size in what the program printed.
fn figure(text: &str, pattern: Pattern, size: u64) -> Result<f64, String> {
    let start = format!("{} {size} ", pattern.name());
    let found = text.lines().find_map(|line| line.strip_prefix(&start));
    let number = found.and_then(|f| f.trim().parse::<f64>().ok());
    number.filter(|n| n.is_finite() && *n > 0.0).ok_or_else(|| {
        format!("--tune: {PROGRAM} gave no figure for {start:?}, but printed {text:?}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tune::plan::{self, Kind};

    #[test]
    fn ratios_are_those_of_one_round() {
        let plan = plan::comparison(Kind::NtMin, &crate::tune::built_in(), &|_| true);
        let mut figures = Figures::new(&plan);
        // The machine is three times slower in the second round, for all.
        for (old, new) in [(1.0, 0.5), (3.0, 1.5), (1.0, 0.6)] {
            figures.add(0, 0, Pattern::Same, old);
            figures.add(1, 0, Pattern::Same, new);
        }
        assert!((figures.ratio(1, 0, Pattern::Same).middle - 0.5).abs() < 1e-9);
        assert!((figures.time(0, 0, Pattern::Same) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn figures_are_found_and_nonsense_is_refused() {
        let text = "same 64 0.25\ndirty 64 0.5\nsame 640 9\nsame 128 -1\n";
        assert!((figure(text, Pattern::Dirty, 64).unwrap() - 0.5).abs() < 1e-9);
        assert!(
            figure(text, Pattern::Dirty, 640)
                .unwrap_err()
                .contains("dirty 640")
        );
        assert!(figure(text, Pattern::Same, 128).is_err());
    }
}
