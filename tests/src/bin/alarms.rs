//! Looks for false alarms: `alarms [RUNS] [FOLDER]`, which `make alarms` runs. Right programs,
//! most of them slow, run many times, with ranks chosen by chance, from 1 to 16 jobs at a
//! time, which is the load. It stops at the first job of which mpirun says anything, or that
//! fails. FOLDER keeps how far it has come: the next call goes on there.

use lariat_tests::Outcome;
use lariat_tests::slow::{any_job, modes};
use lariat_tests::storm::rng::Rng;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

/// Jobs of one round, all of which run with the same number at a time.
const ROUND: u64 = 64;
/// The most jobs at a time.
const AT_ONCE: u64 = 16;

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
    let mut done: u64 = before.and_then(|n| n.trim().parse().ok()).unwrap_or(0);
    let modes = modes();
    while done < runs {
        let round = ROUND.min(runs - done);
        if let Err(why) = run(done, round, &modes) {
            let file = folder.join("failure");
            let _ = std::fs::write(&file, &why); // it is printed as well
            println!("{why}\nalarms: stopped after {done} runs");
            return ExitCode::FAILURE;
        }
        done += round;
        keep(&state, done);
        println!("alarms: {done} runs, no false alarm");
    }
    ExitCode::SUCCESS
}

fn keep(state: &Path, done: u64) {
    if let Err(why) = std::fs::write(state, format!("{done}\n")) {
        eprintln!("alarms: {}: {why}", state.display());
    }
}

/// Runs the jobs with these numbers.
fn run(first: u64, count: u64, modes: &[String]) -> Result<(), String> {
    let at_once = Rng::new("load", first).from_to(1, AT_ONCE);
    let next = Mutex::new(first..first + count);
    let failure = Mutex::new(None);
    let is_over = AtomicBool::new(false);
    let work = || {
        while !is_over.load(Relaxed) {
            let taken = next.lock().expect("no thread panics with it").next();
            let Some(number) = taken else { break };
            let (name, job) = any_job(&mut Rng::new("alarms", number), modes);
            let outcome = job.run();
            if !is_right(&outcome) {
                is_over.store(true, Relaxed);
                let why = format!("--- {number}: {name}, {at_once} at a time\n{outcome}");
                failure
                    .lock()
                    .expect("no thread panics with it")
                    .get_or_insert(why);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(work);
        }
    });
    let failure = failure.into_inner().expect("no thread panics with it");
    failure.map_or(Ok(()), Err)
}

fn is_right(outcome: &Outcome) -> bool {
    let is_told_of = |line: &str| line.starts_with("mpirun: ");
    outcome.code() == Some(0) && !outcome.stderr.lines().any(is_told_of)
}
