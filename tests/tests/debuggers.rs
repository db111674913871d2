//! Ranks in debuggers and checkers: the options of mpirun that start them there, and the
//! MPIR interface, by which debuggers find the ranks.

use lariat_tests::{Job, prefix, program, skipped};
use std::process::Command;

fn has(tool: &str) -> bool {
    let tried = Command::new(tool).arg("--version").output();
    let is_there = tried.is_ok_and(|tried| tried.status.success());
    if !is_there {
        skipped(&format!("there is no {tool} here"));
    }
    is_there
}

#[test]
fn a_command_stands_before_each_rank() {
    let job = Job::running("sh").args(["-c", "echo rank $LARIAT_RANK is $WHO"]);
    let job = job.ranks(2).options(["--debugger", "env WHO={rank}"]);
    let outcome = job.run().exits(0);
    for line in ["rank 0 is 0", "rank 1 is 1"] {
        assert!(outcome.stdout.contains(line), "{outcome}");
    }
    let job = || Job::running("true").ranks(2);
    let _ = job()
        .options(["--debugger", "no-such-tool -x"])
        .run()
        .fails()
        .says(["--debugger: there is no program no-such-tool"]);
    let _ = job()
        .options(["--gdb=x"])
        .run()
        .fails()
        .says(["--gdb", "wanted ranks, such as 0,2,4-7"]);
    let both = job().options(["--gdb", "--debugger=env"]).run();
    let _ = both.fails().says(["--debugger", "--gdb"]);
}

#[test]
fn gdb_tells_where_a_rank_crashes() {
    if !has("gdb") {
        return;
    }
    let job = Job::of("dies").ranks(2).args(["null"]);
    let outcome = job.options(["--gdb=1"]).run().fails();
    assert!(outcome.stdout.contains("SIGSEGV"), "{outcome}");
    assert!(outcome.stdout.contains(" in store () at "), "{outcome}");
    let wrong = Job::of("dies")
        .ranks(2)
        .args(["null"])
        .options(["--gdb=2"])
        .run();
    let _ = wrong.fails().says(["--gdb 2: the job has ranks 0 to 1"]);
}

#[test]
fn valgrind_runs_each_rank() {
    if !has("valgrind") {
        return;
    }
    let job = Job::of("init_only").options(["--valgrind=-q --error-exitcode=9"]);
    let _ = job.ranks(2).run().exits(0);
}

/// A debugger that starts mpirun stops it once the ranks are there, reads the table, and
/// lets the job go on.
#[test]
fn debuggers_find_the_ranks() {
    if !has("gdb") {
        return;
    }
    let mpirun = prefix().join("bin/mpirun");
    let early = program("early");
    let commands = [
        "set pagination off".to_owned(),
        format!("file {}", mpirun.display()),
        "break MPIR_Breakpoint".to_owned(),
        format!("set args -n 3 {} anybody", early.display()),
        "start".to_owned(),
        "set language c".to_owned(),
        "set var *(int*)&MPIR_being_debugged = 1".to_owned(),
        "continue".to_owned(),
        "printf \"size %d state %d\\n\", *(int*)&MPIR_proctable_size, *(int*)&MPIR_debug_state"
            .to_owned(),
        "printf \"last %s pid %d\\n\", ((char***)&MPIR_proctable)[0][7], ((int**)&MPIR_proctable)[0][16]"
            .to_owned(),
        "continue".to_owned(),
    ];
    let mut gdb = Command::new("gdb");
    gdb.args(["-q", "-batch", "-nx", "-readnever"]);
    for command in &commands {
        gdb.args(["-ex", command]);
    }
    let done = gdb.output().expect("gdb starts");
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let why = String::from_utf8_lossy(&done.stderr).into_owned();
    if why.contains("ptrace") {
        return skipped("processes may not be traced here");
    }
    assert!(said.contains("size 3 state 1"), "{said}\n{why}");
    let last = format!("last {} pid ", early.display());
    assert!(said.contains(&last), "{said}\n{why}");
    assert!(said.contains("exited normally"), "{said}\n{why}");
}
