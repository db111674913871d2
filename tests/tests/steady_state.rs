//! The eager path makes no system call, and neither do large messages where ranks
//! map each other's memory, or copy through the segment.

use lariat_tests::strace::{self, calls_between_marks};
use lariat_tests::{Job, arms, program, scratch};
use std::path::Path;

/// A job whose two ranks run the program each under a strace of its own. A traced
/// process is slow to start, which costs nothing here.
fn traced(name: &str, args: &str, folder: &Path) -> Job {
    let script = format!(
        "exec strace -o {}/rank.$LARIAT_RANK {} {args}",
        folder.display(),
        program(name).display()
    );
    Job::running("/bin/sh").args(["-c", &script]).ranks(2)
}

/// What both ranks called between the marks: the calls that a rank waits by, and all
/// others.
fn calls_of_both(folder: &Path) -> (Vec<String>, Vec<String>) {
    let (mut waits, mut others) = (Vec::new(), Vec::new());
    for rank in 0..2 {
        let path = folder.join(format!("rank.{rank}"));
        let trace = std::fs::read_to_string(&path)
            .unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        let (waited, called) = calls_between_marks(&trace);
        waits.extend(waited);
        others.extend(called);
    }
    (waits, others)
}

#[test]
fn a_ping_pong_makes_no_system_call() {
    if !strace::works() {
        return;
    }
    let folder = scratch("strace");
    let job = traced("pingpong_calls", "", &folder);
    // A rank whose peer was pushed off its core for long may yield or sleep in
    // a futex: that is waiting, not sending. The path is free of calls if one
    // of some runs has none; a call per message would be in all of them.
    let mut best = Vec::new();
    for attempt in 0..10 {
        job.passes();
        let (calls, others) = calls_of_both(&folder);
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

/// The settings under which a large message needs no system call.
fn arms_without_calls() -> Vec<(&'static str, &'static [(&'static str, &'static str)])> {
    let mut arms = arms();
    // process_vm_readv is one, and the last resort of memory that is not shared.
    arms.retain(|(name, _)| !["the cma arm", "no shared heap"].contains(name));
    arms
}

#[test]
fn large_messages_make_no_system_call() {
    if !strace::works() {
        return;
    }
    for (arm, variables) in arms_without_calls() {
        for (len, messages) in [(65536, 2000), (1 << 20, 400), (64 << 20, 12)] {
            let folder = scratch("strace-large");
            let mut job = traced("large_calls", &format!("{len} {messages}"), &folder);
            for (name, value) in variables {
                job = job.env(name, value);
            }
            // Waits are not counted here: on a machine that does other things
            // too, the half of a copy that the peer does may take long.
            job.passes();
            let (_, others) = calls_of_both(&folder);
            assert!(
                others.is_empty(),
                "with {arm}, {messages} messages of {len} bytes called {others:?}"
            );
        }
    }
}
