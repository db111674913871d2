//! Runs the measuring program: two ranks under an mpirun of their own, as any job, with the
//! settings that are to be measured.

use super::plan::{self, Comparison};
use super::timings::{Pattern, Timings};
use super::values::Values;
use crate::tree;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The measuring program, in the installed tree.
const PROGRAM: &str = "libexec/lariat/tune";
/// Its name beside mpirun, where `cargo install` puts both.
const PROGRAM_BESIDE: &str = "lariat-tune";
/// Milliseconds for each size and pattern of one run.
const MILLISECONDS_PER_SIZE: u64 = 8;
/// Seconds after which a run counts as hung.
const TIMEOUT: &str = "300";

/// About how many seconds all comparisons take together, and how many comparisons there
/// are. `mapped`: some arm maps the peers' memory.
pub fn estimate(rounds: u32, mapped: bool) -> (u64, usize) {
    let values = Values::built_in();
    let settings = plan::ORDER.iter().filter(|s| mapped || !s.needs_mapped());
    let plans: Vec<Comparison> = settings
        .map(|s| plan::comparison(*s, &values, &|_| mapped))
        .collect();
    let one = |c: &Comparison| c.candidates.len() as f64 * seconds(&c.sizes);
    let all = plans.iter().map(one).sum::<f64>() * f64::from(rounds);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few minutes at the most"
    )]
    let all = all.ceil() as u64;
    (all, plans.len())
}

/// About how many seconds one run over these sizes takes.
fn seconds(sizes: &[u64]) -> f64 {
    const START_SECONDS: f64 = 0.06;
    const BYTES_PER_SECOND: f64 = 5e9;
    // At the least one trip to warm up and three that count, each there and back.
    let least = |size: &u64| *size as f64 * 8.0 / BYTES_PER_SECOND;
    let one = |size| (MILLISECONDS_PER_SIZE as f64 / 1e3).max(least(size));
    START_SECONDS + 2.0 * sizes.iter().map(one).sum::<f64>()
}

/// An arm, and either that it works here or why it does not.
pub type ArmProbe = (String, Result<(), String>);

/// The measuring program, and how often it measures.
#[derive(Debug)]
pub struct Bench {
    mpirun: PathBuf,
    program: PathBuf,
    rounds: u32,
}

impl Bench {
    /// Finds the measuring program.
    ///
    /// # Errors
    /// It is not installed.
    pub fn new(rounds: u32) -> Result<Bench, String> {
        let mpirun = tree::mpirun()?;
        let in_tree = tree::path(PROGRAM)?;
        let beside = mpirun.with_file_name(PROGRAM_BESIDE);
        let Some(program) = [&in_tree, &beside].into_iter().find(|path| path.exists()) else {
            return Err(format!(
                "--tune: there is no {}, which `make install` installs, and no {}, which \
                 `cargo install lariat-tune` installs",
                in_tree.display(),
                beside.display()
            ));
        };
        let program = program.clone();
        Ok(Bench {
            mpirun,
            program,
            rounds,
        })
    }

    /// Tries all arms.
    ///
    /// # Errors
    /// The measuring program cannot be run.
    pub fn probe(&self) -> Result<Vec<ArmProbe>, String> {
        let text = self.run(&Values::built_in(), &["probe".to_owned()])?;
        let answer = |line: &str| match line.split_once(' ') {
            Some((arm, "works")) => (arm.to_owned(), Ok(())),
            Some((arm, why)) => (arm.to_owned(), Err(why.to_owned())),
            None => (line.to_owned(), Err("no answer".to_owned())),
        };
        Ok(text.lines().map(answer).collect())
    }

    /// Measures all candidates in turn, once in each round.
    ///
    /// # Errors
    /// A run fails, or prints something else than times.
    pub fn measure(&self, comparison: &Comparison) -> Result<Timings, String> {
        let mut timings = Timings::new(comparison.candidates.len(), comparison.sizes.len());
        let sizes: Vec<String> = comparison.sizes.iter().map(u64::to_string).collect();
        let args = [
            "measure".to_owned(),
            MILLISECONDS_PER_SIZE.to_string(),
            sizes.join(","),
        ];
        let count = comparison.candidates.len();
        for round in 0..self.rounds as usize {
            for turn in 0..count {
                // Each round begins with another candidate, since a run leaves caches and
                // clock rates in a state that may help the next one.
                let candidate = (round + turn) % count;
                let text = self.run(&comparison.candidates[candidate].values, &args)?;
                for (at, size) in comparison.sizes.iter().enumerate() {
                    for pattern in Pattern::ALL {
                        let time = time(&text, pattern, *size)?;
                        timings.add(candidate, at, pattern, time);
                    }
                }
            }
        }
        Ok(timings)
    }

    fn run(&self, values: &Values, args: &[String]) -> Result<String, String> {
        let mut command = Command::new(&self.mpirun);
        command.args(["-n", "2", "--no-settings-files", "--timeout", TIMEOUT]);
        for (name, value) in values.iter() {
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

/// The time for a pattern and a size in what the program printed.
fn time(text: &str, pattern: Pattern, size: u64) -> Result<f64, String> {
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

    #[test]
    fn times_are_found_and_nonsense_is_refused() {
        let text = "same 64 0.25\ndirty 64 0.5\nsame 640 9\nsame 128 -1\n";
        assert!((time(text, Pattern::Dirty, 64).unwrap() - 0.5).abs() < 1e-9);
        assert!(
            time(text, Pattern::Dirty, 640)
                .unwrap_err()
                .contains("dirty 640")
        );
        assert!(time(text, Pattern::Same, 128).is_err());
    }
}
