//! Wrong programs, and what is said of each: `tests/programs/wrong`. The sources say how
//! each is run and what must come out on stderr; see `wrong.h` there. Every hang must be
//! told of unasked: `mpirun` ends the job then, with exit code 35.

use lariat_tests::report_text::{fits, masked};
use lariat_tests::{Job, Outcome, workspace};
use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::Duration;

/// Jobs that run at a time. They mostly sleep.
const AT_ONCE: usize = 12;

/// One fault, as the comment above it describes it.
#[derive(Debug)]
struct Fault {
    name: String,
    ranks: u32,
    /// `*`: any but 0.
    exit: String,
    options: Vec<String>,
    said: Vec<String>,
}

/// The faults of a source.
fn faults(source: &str) -> Vec<Fault> {
    let blocks = source.split("\n/* ").skip(1);
    let blocks = blocks.filter_map(|block| block.split_once("\n */\n"));
    blocks.filter_map(|(block, _)| fault(block)).collect()
}

fn fault(block: &str) -> Option<Fault> {
    let mut lines = block.lines();
    let head = lines.next()?.strip_suffix(':')?;
    let mut parts = head.split(", ");
    Some(Fault {
        name: parts.next()?.to_owned(),
        ranks: parts.next()?.strip_suffix(" ranks")?.parse().ok()?,
        exit: parts.next()?.strip_prefix("exit ")?.to_owned(),
        options: parts
            .flat_map(|part| part.split(' '))
            .map(str::to_owned)
            .collect(),
        said: lines
            .map(|line| line.strip_prefix("   ").unwrap_or(line).to_owned())
            .collect(),
    })
}

fn judge(fault: &Fault, outcome: &Outcome, source: &[&str]) -> Result<(), String> {
    let code = outcome
        .code()
        .map_or("a signal".to_owned(), |code| code.to_string());
    if !fits(&code, &fault.exit) || fault.exit == "*" && code == "0" {
        return Err(format!("exit code {} was expected", fault.exit));
    }
    let lines = outcome.stderr.lines();
    let lines = lines.filter(|line| !line.starts_with("  no core file")); // as the limits say
    let said: Result<Vec<_>, _> = lines.map(|line| masked(line, source)).collect();
    let (mut said, mut wanted) = (said?, fault.said.clone());
    if code == "0" {
        // Ranks speak for themselves, in any order.
        said.sort_unstable();
        wanted.sort_unstable();
    }
    let mut pairs = said.iter().zip(&wanted);
    match said.len() == wanted.len() && pairs.all(|(line, wanted)| fits(line, wanted)) {
        true => Ok(()),
        false => Err(format!(
            "it was to say\n{}\nand said\n{}",
            fault.said.join("\n"),
            said.join("\n")
        )),
    }
}

/// Runs all faults of a program, some at a time.
fn all_are_told(program: &str) {
    let path = workspace().join(format!("tests/programs/wrong/{program}.c"));
    let source = std::fs::read_to_string(path).expect("the source can be read");
    let lines: Vec<&str> = source.lines().collect();
    let faults = faults(&source);
    let listed = source.matches("FAULT(").count();
    assert_eq!(faults.len(), listed, "each fault must say what is expected");
    let next = Mutex::new(faults.iter());
    let failures = Mutex::new(String::new());
    let job = Job::of(&format!("wrong/{program}")).limit(Duration::from_secs(60));
    let work = || {
        loop {
            let taken = next.lock().expect("no thread panics with it").next();
            let Some(fault) = taken else { break };
            let job = job.clone().ranks(fault.ranks).args([&fault.name]);
            let job = job.options(["--on-deadlock=end"]).options(&fault.options);
            let outcome = job.run();
            if let Err(why) = judge(fault, &outcome, &lines) {
                let mut failures = failures.lock().expect("no thread panics with it");
                let _ = writeln!(failures, "--- {}: {why}\n{outcome}", fault.name);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().expect("no thread panics with it");
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn messages_that_never_match() {
    all_are_told("pt2pt");
}

#[test]
fn collectives_that_not_all_come_to() {
    all_are_told("collectives");
}

#[test]
fn windows_that_wait_for_ever() {
    all_are_told("windows");
}

#[test]
fn threads_that_cannot_go_on() {
    all_are_told("threads");
}

#[test]
fn calls_that_do_not_fit_each_other() {
    all_are_told("mismatch");
}

#[test]
fn collectives_of_different_kinds() {
    all_are_told("mixed");
}

#[test]
fn collectives_that_are_called_unalike() {
    all_are_told("unequal");
}

#[test]
fn buffers_that_are_in_use() {
    all_are_told("buffers");
}

#[test]
fn operations_that_have_buffers() {
    all_are_told("operations");
}

#[test]
fn habits_of_the_new_and_the_hurried() {
    all_are_told("habits");
}

#[test]
fn what_larger_codes_do() {
    all_are_told("codes");
}

#[test]
fn jobs_that_spawn_others() {
    all_are_told("spawned");
}

#[test]
fn what_is_left_and_who_leaves_too_early() {
    all_are_told("leaks");
}
