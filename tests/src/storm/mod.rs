//! Storms: seeded programs that do to a job what a hostile world does, and see
//! that it ends, says why, and leaves nothing behind.
//!
//! | storm | what it does |
//! |---|---|
//! | [`kills`] | sends signals to processes of a job at random moments |
//! | [`commands`] | fuzzes command lines, variables and settings files |
//! | [`scribble`] | has ranks write random bytes into the job segment |
//! | [`environments`] | starts ranks in environments that were forged |
//!
//! What a case does follows from its seed alone; when it happens does not, since
//! other things run on the machine. A few cases of each run with the tests
//! (`tests/tests/storm.rs`), many by `make storm`. A failure prints its seed.

pub mod commands;
pub mod environments;
mod grammar;
pub mod kills;
pub mod rng;
mod run;
pub mod scribble;

pub use rng::Rng;
pub use run::{End, How, Process, Run};

use crate::{leftovers, tree};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a job may take before it counts as hung. All of them are over in a
/// second or two on a quiet machine.
const LIMIT: Duration = Duration::from_secs(150);

/// What a case of a storm came to.
#[derive(Debug, Default)]
pub struct Case {
    /// What kind of end it was, to be counted.
    pub class: String,
    /// What was wrong; nothing if all was as it should be.
    pub faults: Vec<String>,
    /// What was done and how it ended, for whoever looks into a fault.
    pub story: String,
}

/// A storm.
#[derive(Clone, Copy, Debug)]
pub struct Storm {
    /// Its name on the command line.
    pub name: &'static str,
    /// The cases of its long form.
    pub cases: u64,
    run: fn(seed: u64, folder: &Path) -> Case,
}

/// All storms.
pub const STORMS: [Storm; 4] = [
    Storm {
        name: "kills",
        cases: 2_000,
        run: kills::run,
    },
    Storm {
        name: "commands",
        cases: 10_000,
        run: commands::run,
    },
    Storm {
        name: "scribble",
        cases: 1_000,
        run: scribble::run,
    },
    Storm {
        name: "environments",
        cases: 1_000,
        run: environments::run,
    },
];

/// What a storm came to.
#[derive(Debug, Default)]
pub struct Tally {
    /// How many cases ended in which way.
    pub classes: BTreeMap<String, u64>,
    /// Reports of those that failed.
    pub failures: Vec<String>,
}

impl Storm {
    /// Runs the cases from `seed` on, `workers` at a time, and tells of each
    /// failure when it happens.
    pub fn rage(&self, seed: u64, cases: u64, workers: usize, tell: fn(&str)) -> Tally {
        let before = leftovers::files();
        let folder = tree::scratch(&format!("storm-{}", self.name));
        let next = AtomicU64::new(0);
        let tally = Mutex::new(Tally::default());
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    loop {
                        let n = next.fetch_add(1, Ordering::Relaxed);
                        if n >= cases {
                            return;
                        }
                        let case = self.case(seed + n, &folder);
                        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
                        *tally.classes.entry(case.class.clone()).or_default() += 1;
                        if !case.faults.is_empty() {
                            let report = self.report(seed + n, &case);
                            tell(&report);
                            tally.failures.push(report);
                        }
                    }
                });
            }
        });
        let mut tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
        let after = leftovers::files();
        let new: Vec<&String> = after.difference(&before).collect();
        if !new.is_empty() {
            let report = format!("{}: files left behind: {new:?}\n", self.name);
            tell(&report);
            tally.failures.push(report);
        }
        if tally.failures.is_empty() {
            let _ = std::fs::remove_dir_all(&folder);
        }
        tally
    }

    /// One case, in a folder of its own, which stays if it failed.
    fn case(&self, seed: u64, folder: &Path) -> Case {
        let folder = folder.join(seed.to_string());
        for part in ["", "home", "tmp"] {
            let made = std::fs::create_dir_all(folder.join(part));
            made.unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
        }
        let mut case = (self.run)(seed, &folder);
        let left = std::fs::read_dir(folder.join("tmp"));
        let left: Vec<PathBuf> = left
            .into_iter()
            .flatten()
            .flatten()
            .map(|e| e.path())
            .collect();
        if !left.is_empty() {
            case.faults.push(format!("left files behind: {left:?}"));
        }
        if case.faults.is_empty() {
            let _ = std::fs::remove_dir_all(&folder);
        }
        case
    }

    fn report(&self, seed: u64, case: &Case) -> String {
        let name = self.name;
        format!(
            "{name}, seed {seed}: {}\n    again: make storm STORM={name} SEED={seed} COUNT=1\n{}",
            case.faults.join("; "),
            case.story
        )
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (class, n) in &self.classes {
            writeln!(f, "{n:>8}  {class}")?;
        }
        Ok(())
    }
}

/// A command with nothing in its environment but what a program needs, in the
/// case's own folder; its input is empty.
fn clean_command(program: impl AsRef<std::ffi::OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command.env("HOME", folder.join("home"));
    command.env("TMPDIR", folder.join("tmp"));
    command.stdin(std::process::Stdio::null());
    command.current_dir(folder);
    command
}

/// A case that could not be run.
fn broken(why: &str) -> Case {
    Case {
        class: "could not be run".to_owned(),
        faults: vec![format!("could not be run: {why}")],
        story: String::new(),
    }
}

/// How many ranks say that they came to their end.
fn passed(text: &str) -> usize {
    text.matches(" checks passed").count()
}

/// The name of a signal.
fn signal_name(signal: i32) -> String {
    let known = SIGNALS.iter().find(|(number, _)| *number == signal);
    known.map_or_else(
        || format!("signal {signal}"),
        |(_, name)| (*name).to_owned(),
    )
}

const SIGNALS: [(i32, &str); 20] = [
    (libc::SIGTERM, "SIGTERM"),
    (libc::SIGKILL, "SIGKILL"),
    (libc::SIGINT, "SIGINT"),
    (libc::SIGHUP, "SIGHUP"),
    (libc::SIGQUIT, "SIGQUIT"),
    (libc::SIGSEGV, "SIGSEGV"),
    (libc::SIGBUS, "SIGBUS"),
    (libc::SIGILL, "SIGILL"),
    (libc::SIGFPE, "SIGFPE"),
    (libc::SIGABRT, "SIGABRT"),
    (libc::SIGPIPE, "SIGPIPE"),
    (libc::SIGALRM, "SIGALRM"),
    (libc::SIGUSR1, "SIGUSR1"),
    (libc::SIGUSR2, "SIGUSR2"),
    (libc::SIGSTOP, "SIGSTOP"),
    (libc::SIGTSTP, "SIGTSTP"),
    (libc::SIGCONT, "SIGCONT"),
    (libc::SIGCHLD, "SIGCHLD"),
    (libc::SIGWINCH, "SIGWINCH"),
    (libc::SIGXFSZ, "SIGXFSZ"),
];

/// A line for each of the words, quoted where a shell would want that.
fn described(what: &[String]) -> String {
    let mut text = String::new();
    for line in what {
        let _ = writeln!(text, "    {line}");
    }
    text
}
