//! Looks for false alarms: `alarms [RUNS] [FOLDER]`, which `make alarms` runs. Right programs,
//! most of them slow, run many times, with ranks chosen by chance, and as many at a time as
//! keep the machine at a load of 30. It stops at the first job of which mpirun says
//! anything, or that fails. FOLDER keeps how far it has come: the next call goes on there.

use lariat_tests::Outcome;
use lariat_tests::slow::{any_job, modes};
use lariat_tests::storm::rng::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Another job begins while fewer threads than this want a processor.
const LOAD: u64 = 30;
/// The most jobs at a time: most of them sleep most of the time.
const AT_ONCE: usize = 64;
/// How often progress is told of.
const PROGRESS: u64 = 100;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let word = |at: usize| words.get(at).map(String::as_str).filter(|w| !w.is_empty());
    let Ok(runs) = word(0).unwrap_or("10000").parse::<u64>() else {
        eprintln!("usage: alarms [RUNS] [FOLDER]");
        return ExitCode::from(2);
    };
    let folder = word(1).map_or_else(|| PathBuf::from("target/alarms"), PathBuf::from);
    if let Err(why) = std::fs::create_dir_all(&folder) {
        eprintln!("alarms: {}: {why}", folder.display());
        return ExitCode::from(2);
    }
    let state = folder.join("runs");
    let before = std::fs::read_to_string(&state).ok();
    let done: u64 = before.and_then(|n| n.trim().parse().ok()).unwrap_or(0);
    let modes = modes();
    let work = Mutex::new(Work {
        done,
        next: done,
        ..Work::default()
    });
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| run_jobs(&work, runs, &modes, &state));
        }
    });
    let work = work.into_inner().expect("no thread panics with it");
    if let Some(why) = work.failure {
        let _ = std::fs::write(folder.join("failure"), &why); // it is printed as well
        println!("{why}\nalarms: stopped after {} runs", work.done);
        return ExitCode::FAILURE;
    }
    println!("{}", how_often(runs, &modes));
    ExitCode::SUCCESS
}

#[derive(Default)]
struct Work {
    /// All jobs with smaller numbers are over.
    done: u64,
    /// The job to begin next.
    next: u64,
    /// Those over that wait for a smaller number to be.
    later: BTreeSet<u64>,
    /// When a job was begun last: the load shows it only after a moment.
    begun: Option<Instant>,
    failure: Option<String>,
}

impl Work {
    /// The number of the job to begin now; none where the machine has enough to do.
    fn begin(&mut self) -> Option<u64> {
        let is_soon = |begun: Instant| begun.elapsed() < Duration::from_millis(20);
        if self.begun.is_some_and(is_soon) || threads_that_run() >= LOAD {
            return None;
        }
        self.begun = Some(Instant::now());
        self.next += 1;
        Some(self.next - 1)
    }

    fn end(&mut self, number: u64, state: &Path) {
        self.later.insert(number);
        while self.later.remove(&self.done) {
            self.done += 1;
            if self.done.is_multiple_of(PROGRESS) {
                println!("alarms: {} runs, no false alarm", self.done);
            }
        }
        // Renamed, so that whoever reads it finds all of it.
        let fresh = state.with_extension("new");
        let written = std::fs::write(&fresh, format!("{}\n", self.done));
        if let Err(why) = written.and_then(|()| std::fs::rename(&fresh, state)) {
            eprintln!("alarms: {}: {why}", state.display());
        }
    }
}

/// Runs jobs until there are enough, or one has failed.
fn run_jobs(work: &Mutex<Work>, runs: u64, modes: &[String], state: &Path) {
    loop {
        let begun = {
            let mut work = work.lock().expect("no thread panics with it");
            if work.failure.is_some() || work.next >= runs {
                return;
            }
            work.begin()
        };
        let Some(number) = begun else {
            sleep(Duration::from_millis(50));
            continue;
        };
        let (name, job) = any_job(&mut Rng::new("alarms", number), modes);
        let outcome = job.run();
        let mut work = work.lock().expect("no thread panics with it");
        if is_right(&outcome) {
            work.end(number, state);
        } else {
            let why = format!("--- {number}: {name}\n{outcome}");
            work.failure.get_or_insert(why);
        }
    }
}

/// Threads of the whole machine that run or want to.
fn threads_that_run() -> u64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let (running, _) = text
        .split_whitespace()
        .nth(3)
        .and_then(|counts| counts.split_once('/'))
        .unwrap_or_default();
    running.parse().unwrap_or(0)
}

/// How often each program ran, as a sentence.
fn how_often(runs: u64, modes: &[String]) -> String {
    let mut times: BTreeMap<String, u64> = BTreeMap::new();
    for number in 0..runs {
        let (name, _) = any_job(&mut Rng::new("alarms", number), modes);
        let words = name.split(' ').skip(2).collect::<Vec<_>>().join(" ");
        *times.entry(words).or_default() += 1;
    }
    let least = times.values().min().copied().unwrap_or(0);
    let most = times.values().max().copied().unwrap_or(0);
    format!(
        "alarms: {runs} runs of {} programs, each {least} to {most} times, no false alarm",
        times.len()
    )
}

fn is_right(outcome: &Outcome) -> bool {
    let is_told_of = |line: &str| line.starts_with("mpirun: ");
    outcome.code() == Some(0) && !outcome.stderr.lines().any(is_told_of)
}
