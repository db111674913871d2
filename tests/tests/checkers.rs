//! Programs under checkers of memory and threads: right programs are found to be right,
//! and nothing of the library is reported.

use lariat_tests::{Job, Outcome, build_program, prefix, program, scratch, skipped, workspace};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Checkers run a program many times more slowly.
const LIMIT: Duration = Duration::from_secs(600);

fn passed(outcome: &Outcome, ranks: usize) {
    let passed = outcome.stdout.matches(" checks passed").count();
    assert!(outcome.code() == Some(0) && passed == ranks, "{outcome}");
}

/// The program of this name, built with a sanitizer; `None`, with the reason said, where
/// that does not work.
fn sanitized(name: &str, kind: &str) -> Option<PathBuf> {
    let flag = format!("-fsanitize={kind}");
    let folder = scratch("checkers");
    let (source, out) = (folder.join("nothing.c"), folder.join("nothing"));
    std::fs::write(&source, "int main(void) { return 0; }\n").expect("scratch is ours");
    let mut cc = Command::new("cc");
    cc.arg(&flag).arg("-o").arg(&out).arg(&source);
    let works = |command: &mut Command| command.output().is_ok_and(|o| o.status.success());
    if !works(&mut cc) || !works(&mut Command::new(&out)) {
        skipped(&format!("{flag} does not work here"));
        return None;
    }
    let source = workspace().join(format!("tests/programs/{name}.c"));
    let out = folder.join(name);
    build_program(&source, &out, &[&flag]);
    Some(out)
}

/// Whether valgrind is there and runs programs; says when not.
fn valgrind_works() -> bool {
    let tried = Command::new("valgrind").args(["-q", "true"]).output();
    let works = tried.is_ok_and(|output| output.status.success());
    if !works {
        skipped("valgrind does not work here");
    }
    works
}

fn under_memcheck(program: &Path) -> Job {
    Job::running("valgrind")
        .args(["-q", "--leak-check=full", "--error-exitcode=9"])
        .args([program])
        .limit(LIMIT)
}

#[test]
fn address_sanitizer_finds_no_fault_and_no_leak() {
    let Some(out) = sanitized("checked_memory", "address") else {
        return;
    };
    passed(&Job::running(&out).ranks(2).limit(LIMIT).run(), 2);
    let Some(out) = sanitized("init_only", "address") else {
        return;
    };
    passed(&Job::running(&out).ranks(3).limit(LIMIT).run(), 3);
    let alone = Command::new(&out).output().expect("the program can be run");
    let said = String::from_utf8_lossy(&alone.stderr).into_owned();
    assert!(alone.status.success() && said.is_empty(), "{said}");
}

#[test]
fn address_sanitizer_finds_the_programs_own_leak() {
    let Some(out) = sanitized("init_only", "address") else {
        return;
    };
    let outcome = Job::running(&out).args(["leak"]).ranks(2).run();
    assert!(
        outcome.stderr.contains("detected memory leaks"),
        "{outcome}"
    );
    assert_ne!(outcome.code(), Some(0), "{outcome}");
}

#[test]
fn memcheck_finds_no_fault_and_no_leak() {
    if !valgrind_works() {
        return;
    }
    let job = under_memcheck(&program("checked_memory")).ranks(2);
    passed(&job.run(), 2);
    passed(&under_memcheck(&program("init_only")).ranks(1).run(), 1);
    // mpirun cannot see what a script starts: the heap steps back by itself.
    let folder = scratch("checkers");
    let script = folder.join("script");
    let text = format!(
        "#!/bin/sh\nexec valgrind -q --leak-check=full --error-exitcode=9 \"{}\"\n",
        program("checked_memory").display()
    );
    std::fs::write(&script, text).expect("scratch is ours");
    let mut chmod = Command::new("chmod");
    chmod.arg("+x").arg(&script);
    assert!(chmod.status().is_ok_and(|status| status.success()));
    passed(&Job::running(&script).ranks(2).limit(LIMIT).run(), 2);
}

#[test]
fn memcheck_finds_what_is_wrong() {
    if !valgrind_works() {
        return;
    }
    for wrong in ["leak", "short", "undefined"] {
        let mut job = Job::running("valgrind").ranks(2).limit(LIMIT);
        job = job.args(["-q", "--leak-check=full", "--error-exitcode=9"]);
        let outcome = job
            .args([program("init_only").as_os_str()])
            .args([wrong])
            .run();
        assert_eq!(outcome.code(), Some(9), "{wrong}: {outcome}");
    }
}

#[test]
fn thread_sanitizer_finds_no_race() {
    let Some(out) = sanitized("checked_memory", "thread") else {
        return;
    };
    let suppressions = prefix().join("share/lariat/tsan.supp");
    assert!(
        suppressions.exists(),
        "{} is not installed",
        suppressions.display()
    );
    let options = format!("suppressions={}", suppressions.display());
    let job = Job::running(&out).env("TSAN_OPTIONS", options).limit(LIMIT);
    passed(&job.clone().ranks(2).run(), 2);
    passed(&job.args(["threads"]).ranks(2).run(), 2);
}
