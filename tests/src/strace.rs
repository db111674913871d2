//! System calls that rank programs make: `strace` around each rank, and what it saw
//! between the two marks that a program of `tests/programs` makes (`write(-42, …)`).

use crate::skipped;
use std::process::Command;

/// Whether strace is there and may trace; says why not.
#[must_use]
pub fn works() -> bool {
    let tried = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "true"])
        .output();
    match tried {
        Ok(output) if output.status.success() => true,
        Ok(output) => {
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            skipped(&format!("strace may not trace here: {why}"));
            false
        }
        Err(why) => {
            skipped(&format!("strace cannot be run: {why}"));
            false
        }
    }
}

/// The system calls between the two marks: those that a rank waits by, and all
/// others.
///
/// # Panics
/// If a mark is missing.
#[must_use]
pub fn calls_between_marks(trace: &str) -> (Vec<String>, Vec<String>) {
    let mut lines = trace
        .lines()
        .skip_while(|line| !line.contains("write(-42, \"begin\""));
    assert!(lines.next().is_some(), "no first mark in\n{trace}");
    let mut between = Vec::new();
    for line in lines {
        if line.contains("write(-42, \"end\"") {
            return between
                .into_iter()
                .filter(|call: &String| !call.starts_with("---"))
                .partition(|call| {
                    let waits = ["futex(", "sched_yield(", "membarrier("];
                    waits.iter().any(|wait| call.contains(wait))
                });
        }
        between.push(line.to_owned());
    }
    panic!("no second mark in\n{trace}");
}
