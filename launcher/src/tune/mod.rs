//! `mpirun --tune`: measures this machine and writes the thresholds that suit it.
//!
//! ```text
//! values   a value of each measured setting
//! plan     what is compared with what, at which sizes
//! bench    runs the measuring program under an mpirun of its own
//! timings  the times that it measured
//! choose   which candidate, or which size, is best (pure)
//! load     what other programs take of the processors
//! file     the settings file with the result
//! ```
//!
//! Each comparison measures its candidates in turn, in several rounds, and takes ratios
//! within one round: what slows the machine for a while slows all of them. The built-in
//! value stays unless another one is clearly better.

mod bench;
mod choose;
mod file;
mod load;
mod plan;
mod timings;
mod values;

use crate::cli::JobOptions;
use crate::say::say;
use crate::settings;
use bench::Bench;
use plan::{Comparison, Tunable};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use timings::Pattern;
use values::Values;
use wireup::report::in_columns;
use wireup::settings::short;

/// How many rounds are measured without `--tune-rounds`.
const ROUNDS: u32 = 7;
/// The part of the processors' time that other programs may take before the machine counts
/// as busy.
const BUSY_SHARE: f64 = 0.1;
/// The same while mpirun measures, when the part is known less exactly.
const BUSY_SHARE_MEANWHILE: f64 = 0.2;

/// Measures, prints what was found, and writes the file.
///
/// # Errors
/// What cannot be run or written.
pub fn run(global: &JobOptions) -> Result<(), String> {
    let began = Instant::now();
    let own = settings::user_file();
    let output = match (&global.tune_output, &own) {
        (Some(file), _) => file.clone(),
        (None, Some(file)) => file.clone(),
        (None, None) => {
            return Err(
                "--tune: neither HOME nor XDG_CONFIG_HOME says where settings \
                        are kept: give --tune-output FILE"
                    .to_owned(),
            );
        }
    };
    file::read(&output)?; // an error of writing is found before anything is measured
    let rounds = global.tune_rounds.unwrap_or(ROUNDS);
    let bench = Bench::new(rounds)?;
    let mut caution = plan::CAUTION_QUIET;
    if let Some(share) = busy() {
        let share = format!(
            "other programs take {:.0} % of the processors",
            100.0 * share
        );
        if !global.tune_force {
            return Err(format!(
                "--tune: {share}, so that a measurement would not hold: nothing is measured and nothing \
                 written; try again on a quiet machine, or add --tune-force"
            ));
        }
        say(&format!("{share}: only large differences count now"));
        caution = plan::CAUTION_BUSY;
    }
    let start = load::CpuTimes::now();
    let arms = bench.probe()?;
    let mut lines = vec![vec!["arm".to_owned(), "here".to_owned()]];
    for (arm, answer) in &arms {
        let answer = answer
            .as_ref()
            .map_or_else(Clone::clone, |()| "works".into());
        lines.push(vec![arm.clone(), answer]);
    }
    print(&format!("{}\n", in_columns(&lines)))?;
    let works = |arm: &str| arms.iter().any(|(name, a)| name == arm && a.is_ok());
    let mapped = works("shared") || works("driver");
    let (seconds, comparisons) = bench::estimate(rounds, mapped);
    print(&format!(
        "\n{comparisons} comparisons, {rounds} rounds each, take about {seconds} s.\n\
         Times in microseconds from one rank to the other, with buffers that stay the same\n\
         and with buffers that the sender has just rewritten (dirty).\n"
    ))?;
    let mut values = Values::built_in();
    for setting in plan::ORDER {
        if setting.needs_mapped() && !mapped {
            let name = setting.name();
            print(&format!(
                "\n{name} stays: no arm here maps a peer's memory\n"
            ))?;
            continue;
        }
        let comparison = plan::comparison(setting, &values, &works);
        let value = compare(&bench, &comparison, caution)?;
        values.set(setting.name(), &value);
    }
    let meanwhile = start.and_then(|s| s.others());
    let mut text = String::new();
    for (name, value) in values.iter() {
        text.push_str(&format!("  {name} = {value}\n"));
    }
    let meanwhile = meanwhile.filter(|share| *share > BUSY_SHARE_MEANWHILE && !global.tune_force);
    if let Some(share) = meanwhile {
        print(&format!("\nmeasured on a busy machine:\n{text}"))?;
        return Err(format!(
            "--tune: nothing is written to {}, since other programs took {:.0} % of the \
             processors while it measured: try again on a quiet machine, or add --tune-force",
            output.display(),
            100.0 * share
        ));
    }
    file::write(&output, &values, rounds)?;
    text.insert_str(0, &format!("\nwritten to {}:\n", output.display()));
    let seen = settings::files().contains(&absolute(&output));
    text.push_str(match seen {
        true => "Later runs use it (see mpirun --show-settings).\n",
        false => "mpirun does not read this file: put it where mpirun --show-settings looks.\n",
    });
    text.push_str(&format!(
        "It took {:.0} s.\n",
        began.elapsed().as_secs_f64()
    ));
    print(&text)
}

/// Measures one comparison, prints it, and returns the value to take.
fn compare(bench: &Bench, comparison: &Comparison, caution: f64) -> Result<String, String> {
    let timings = bench.measure(comparison)?;
    let mut lines = vec![vec!["bytes".to_owned(), "buffer".to_owned()]];
    lines[0].extend(comparison.candidates.iter().map(|c| c.label.clone()));
    let others = &comparison.candidates[1..];
    lines[0].extend(
        others
            .iter()
            .map(|c| format!("{}/{}", c.label, comparison.candidates[0].label)),
    );
    for (at, size) in comparison.sizes.iter().enumerate() {
        for pattern in Pattern::ALL {
            let mut line = vec![short(*size), pattern.name().to_owned()];
            let all = 0..comparison.candidates.len();
            line.extend(
                all.clone()
                    .map(|c| format!("{:.2}", timings.time(c, at, pattern))),
            );
            line.extend(
                all.skip(1)
                    .map(|c| format!("{:.2}", timings.ratio(c, at, pattern).median)),
            );
            lines.push(line);
        }
    }
    let value = plan::verdict(comparison, &timings, caution);
    let (name, was) = (comparison.setting.name(), &comparison.built_in);
    let said = match value == *was {
        true => format!("{name} stays {value}, the built-in value"),
        false => format!("{name} = {value} (built in: {was})"),
    };
    let title = comparison.setting.title();
    print(&format!("\n{title}\n{}\n→ {said}\n", in_columns(&lines)))?;
    Ok(value)
}

impl Tunable {
    /// What is compared, for the table.
    fn title(self) -> &'static str {
        match self {
            Tunable::EagerLimit => "eager_limit: sent eagerly, or by rendezvous",
            Tunable::DirectMin => {
                "direct_min: through rings, or straight out of the sender's memory"
            }
            Tunable::CoopMin => "coop_min: copied by the receiver, or by both sides",
            Tunable::CoopChunk => "coop_chunk: bytes that one side takes at a time",
            Tunable::NtMin => "nt_min: copied through the caches, or around them",
            Tunable::Arm => "arm: those that work here, with the thresholds above",
        }
    }
}

/// The part of the processors' time that other programs take, if the machine is busy. A
/// program that works for a moment only does not count.
fn busy() -> Option<f64> {
    let mut least = f64::INFINITY;
    for _ in 0..5 {
        let before = load::CpuTimes::now()?;
        std::thread::sleep(Duration::from_millis(300));
        least = least.min(before.others()?);
        if least <= BUSY_SHARE {
            return None;
        }
    }
    Some(least)
}

fn absolute(path: &std::path::Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn print(text: &str) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    let done = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    done.map_err(|why| format!("standard output: {why}"))
}
