//! A rank that ends in the middle of things, on every arm: the job ends with its
//! code, says which rank it was, and leaves nothing behind.

use lariat_tests::{Job, Outcome, arms, leftovers};
use std::time::Duration;

/// Where in the protocol the rank is.
const STATES: [&str; 8] = [
    "announced",
    "fetched",
    "sending",
    "receiving",
    "exchanging",
    "posted",
    "unexpected",
    "collective",
];

/// How it ends, with the exit code of the job and what is said of it.
const ENDS: [(&str, i32, &str); 7] = [
    ("kill", 128 + libc::SIGKILL, "SIGKILL"),
    ("exit0", 1, "MPI_Finalize"),
    ("_exit3", 3, "code 3"),
    ("abort", 128 + libc::SIGABRT, "SIGABRT"),
    ("_exit0", 1, "MPI_Finalize"),
    ("exit3", 3, "code 3"),
    ("segv", 128 + libc::SIGSEGV, "SIGSEGV"),
];

/// Runs the job and sees that nothing is left of it.
fn run(job: &Job) -> Outcome {
    let mark = leftovers::mark();
    let job = job.clone().env(leftovers::MARK, &mark);
    let outcome = job.limit(Duration::from_secs(120)).run();
    leftovers::no_processes(&mark);
    outcome
}

/// Every state with `kill`, and with two more ends that differ from state to state.
fn dies(arm: usize, variables: &[(&str, &str)], ranks: u32) {
    for (s, state) in STATES.into_iter().enumerate() {
        let turn = s + arm;
        let ends = [0, 1 + turn % 6, 1 + (turn + 3) % 6];
        for (how, code, said) in ends.map(|end| ENDS[end]) {
            let mut job = Job::of("dying").args([state, how]).ranks(ranks);
            for (name, value) in variables {
                job = job.env(name, value);
            }
            let victim = format!("rank {}", ranks - 1);
            let outcome = run(&job);
            // A peer that was reading its memory may notice the end before mpirun.
            let _ = if outcome.stderr.contains("has ended") {
                outcome.fails().says([&victim, "MPI_"])
            } else {
                outcome.exits(code).says([&victim, said])
            };
        }
    }
}

#[test]
fn in_every_state_and_way() {
    let before = leftovers::files();
    for (arm, (_, variables)) in arms().into_iter().enumerate() {
        dies(arm, variables, if arm % 2 == 0 { 2 } else { 3 });
    }
    let after = leftovers::files();
    let new: Vec<&String> = after.difference(&before).collect();
    assert!(new.is_empty(), "left behind: {new:?}");
}

/// The peer of a rank that takes the memory of a pending send or receive away is
/// not to blame: its call returns, or the job ends with words, or with the wrong
/// rank's own fault; it never dies of a signal itself.
#[test]
fn memory_that_is_gone_kills_no_peer() {
    for (arm, variables) in arms() {
        for (whose, how) in ["send", "receive"]
            .iter()
            .flat_map(|whose| ["all", "part", "truncated", "protected"].map(|how| (*whose, how)))
        {
            let mut job = Job::of("gone_memory").args([whose, how]).ranks(2);
            for (name, value) in variables {
                job = job.env(name, value);
            }
            let outcome = run(&job);
            let returned = [" succeeded with ", " returned an error "]
                .iter()
                .any(|text| outcome.stdout.contains(text));
            let of_peer = outcome.stderr.lines().any(|line| {
                line.contains("rank 0") && (line.contains("SIGSEGV") || line.contains("SIGBUS"))
            });
            assert!(
                !of_peer && (returned || outcome.stderr.contains("rank 1")),
                "with {arm}, {whose}, {how}: neither a return nor words that name rank 1:\n{outcome}"
            );
        }
    }
}

#[test]
fn a_refused_process_vm_readv_is_survived() {
    for (arm, variables) in arms() {
        for (when, ranks) in [("start", 2), ("between", 2), ("amid", 4)] {
            let mut job = Job::of("cma_refused").args([when]).ranks(ranks);
            for (name, value) in variables {
                job = job.env(name, value);
            }
            let outcome = run(&job);
            if outcome.code() == Some(77) {
                lariat_tests::skipped(&outcome.stderr);
                return;
            }
            let passed = outcome.stdout.matches(" checks passed").count();
            assert!(
                outcome.code() == Some(0) && passed == ranks as usize,
                "with {arm}, refused {when}:\n{outcome}"
            );
        }
    }
}

#[test]
fn the_programs_own_handlers_get_its_own_faults() {
    for when in ["before", "after", "both"] {
        let job = Job::of("handlers").args([when]);
        job.ranks(2).passes_on_every_arm();
    }
    Job::of("handlers").args(["before"]).ranks(1).passes();
}

/// Pages that the program protects, and gives access to in its handler of the fault: on
/// every way that a message may go, the owner's handler is called.
#[test]
fn protected_pages_are_touched_by_their_owner() {
    let job = Job::of("protected_pages").args(["1"]).ranks(2);
    job.passes_on_every_arm();
    job.env("LARIAT_ARM", "cma")
        .env("LARIAT_HEAP", "0")
        .passes();
}

/// Without a handler the rank whose buffer it is has the fault, and nobody else: its
/// receive fails where the kernel was to write there, and it gets a signal where the rank
/// itself was, as with any store of its own.
#[test]
fn a_protected_buffer_is_its_owners_fault() {
    let job = Job::of("protected_pages").args(["unhandled"]).ranks(2);
    let job = job.env("LARIAT_HEAP", "0");
    let signalled = |outcome: Outcome| {
        let outcome = outcome.exits(128 + libc::SIGSEGV);
        let _ = outcome.says(["rank 1", "SIGSEGV"]);
    };
    signalled(run(&job.clone().env("LARIAT_ARM", "copy")));
    // Mostly it is the kernel.
    let failed = (0..10).any(|_| {
        let outcome = run(&job.clone().env("LARIAT_ARM", "cma"));
        let failed = outcome.code() == Some(0);
        if !failed {
            signalled(outcome);
        }
        failed
    });
    assert!(failed, "the receive never failed");
}
