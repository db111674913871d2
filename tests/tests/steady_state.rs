//! The eager path makes no system call.

use lariat_tests::{Job, program, scratch, skipped};
use std::path::Path;
use std::process::Command;

/// Whether strace is there and may trace; says why not.
fn strace_works() -> bool {
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

/// The system calls between the two marks that `pingpong_calls` makes.
fn calls_between_marks(trace: &Path) -> Vec<String> {
    let text =
        std::fs::read_to_string(trace).unwrap_or_else(|why| panic!("{}: {why}", trace.display()));
    let mut lines = text
        .lines()
        .skip_while(|line| !line.contains("write(-42, \"begin\""));
    assert!(lines.next().is_some(), "no first mark in\n{text}");
    let mut between = Vec::new();
    for line in lines {
        if line.contains("write(-42, \"end\"") {
            return between;
        }
        between.push(line.to_owned());
    }
    panic!("no second mark in\n{text}");
}

#[test]
fn a_ping_pong_makes_no_system_call() {
    if !strace_works() {
        return;
    }
    let folder = scratch("strace");
    // Each rank under a strace of its own; a traced process is slow to start,
    // which costs nothing here.
    let script = format!(
        "exec strace -o {}/rank.$LARIAT_RANK {}",
        folder.display(),
        program("pingpong_calls").display()
    );
    let job = Job::running("/bin/sh").args(["-c", &script]).ranks(2);
    // A rank whose peer was pushed off its core for long may yield or sleep in
    // a futex: that is waiting, not sending. The path is free of calls if one
    // of some runs has none; a call per message would be in all of them.
    let mut best = Vec::new();
    for attempt in 0..10 {
        job.passes();
        let calls: Vec<String> = (0..2)
            .flat_map(|rank| calls_between_marks(&folder.join(format!("rank.{rank}"))))
            .collect();
        let others: Vec<&String> = calls
            .iter()
            .filter(|call| {
                let waits = ["futex(", "sched_yield(", "membarrier("];
                !waits.iter().any(|wait| call.contains(wait))
            })
            .filter(|call| !call.starts_with("---"))
            .collect();
        assert!(others.is_empty(), "calls on the eager path: {others:?}");
        if calls.is_empty() {
            return;
        }
        if attempt == 0 || calls.len() < best.len() {
            best = calls;
        }
    }
    // 20,000 round trips were made by each rank.
    assert!(
        best.len() < 2000,
        "{} waits in 20000 round trips, in the best of ten runs: {:?} …",
        best.len(),
        &best[..10]
    );
}
