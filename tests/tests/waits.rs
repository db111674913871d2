//! What mpirun says of ranks that wait: only what is certain. Ranks that left while
//! others wait for them are told of unasked; ranks that are only slow never are.

use lariat_tests::{Job, Outcome};

/// Starts these programs at once, since they mostly sleep, and looks at each.
fn all_at_once(jobs: Vec<(String, Job)>, look: impl Fn(&str, Outcome) + Sync) {
    std::thread::scope(|scope| {
        for (name, job) in jobs {
            let look = &look;
            scope.spawn(move || look(&name, job.run()));
        }
    });
}

/// Runs a program that hangs until mpirun has said `words` by itself, and ends it.
fn told(mode: &str, words: &[&str]) {
    let mut job = Job::of("early").ranks(3).args([mode]).start();
    job.wait_for_error("Ctrl-C ends it");
    job.signal(libc::SIGINT);
    let outcome = job.finish().exits(130);
    let said = &outcome.stderr;
    for word in words {
        assert!(said.contains(word), "{mode}: {word:?}: {outcome}");
    }
    let first = said.lines().next().unwrap_or_default();
    assert!(first.starts_with("mpirun: rank "), "{mode}: {outcome}");
    assert!(
        first.contains(" is in MPI_Finalize, but "),
        "{mode}: {outcome}"
    );
}

#[test]
fn a_rank_in_finalize_for_which_others_wait_is_told_of_unasked() {
    let told_of: [(&str, &[&str]); 8] = [
        (
            "barrier",
            &[
                "rank 1 is in",
                "but ranks 0, 2 wait for it in MPI_Barrier on MPI_COMM_WORLD (no. 1), which it can no longer call.",
            ],
        ),
        (
            "ibarrier",
            &["rank 1 is in", "wait for it in MPI_Wait on MPI_COMM_WORLD"],
        ),
        ("allreduce", &["rank 1 is in", "for it in MPI_Allreduce on"]),
        (
            "receive",
            &[
                "rank 1 is in",
                "rank 0 waits for a message with tag 7 from it in MPI_Recv",
            ],
        ),
        (
            "send",
            &[
                "rank 1 is in",
                "rank 0 waits for it to receive a message with tag 8 in MPI_Ssend",
            ],
        ),
        (
            "waitall",
            &["rank 1 is in", "with tag 9 from it in MPI_Waitall"],
        ),
        ("beside", &["rank 1 is in", "rank 0 waits for a message"]),
        ("threads", &["rank 1 is in", "rank 0 waits for a message"]),
    ];
    std::thread::scope(|scope| {
        for (mode, words) in told_of {
            scope.spawn(move || told(mode, words));
        }
    });
}

#[test]
fn who_is_only_slow_is_not_told_of() {
    let modes = [
        "compute", "anybody", "chain", "flight", "open", "either", "helper",
    ];
    let jobs = modes.map(|mode| (mode.to_owned(), Job::of("early").ranks(4).args([mode])));
    all_at_once(jobs.to_vec(), |mode, outcome| {
        let outcome = outcome.exits(0);
        assert!(outcome.stderr.is_empty(), "{mode}: {outcome}");
    });
}

fn stuck(modes: &[&str], look: impl Fn(&str, &Outcome) + Sync) {
    let job = |mode: &&str| {
        let job = Job::of("stuck").ranks(3).options(["--timeout", "6"]);
        ((*mode).to_owned(), job.args([*mode]))
    };
    all_at_once(modes.iter().map(job).collect(), |mode, outcome| {
        let outcome = outcome.exits(124).says(["did not end within 6 s"]);
        look(mode, &outcome);
    });
}

#[test]
fn a_deadlock_is_called_one() {
    stuck(
        &["ring", "part", "tag", "anybody", "threads"],
        |mode, outcome| {
            assert!(outcome.stderr.contains("a deadlock: "), "{mode}: {outcome}");
            let unasked = match mode {
                "part" => "mpirun: stuck: ranks 0-1 can never move again",
                _ => "mpirun: stuck: no rank can move any more",
            };
            assert!(outcome.stderr.starts_with(unasked), "{mode}: {outcome}");
            let ring = outcome
                .stderr
                .contains("each of these ranks waits for the next: 0 →");
            assert_eq!(ring, mode != "anybody", "{mode}: {outcome}");
        },
    );
}

#[test]
fn what_goes_on_is_no_deadlock() {
    let modes = [
        "large", "small", "barriers", "compute", "helper", "two", "accept",
    ];
    stuck(&modes, |mode, outcome| {
        let claimed =
            outcome.stderr.contains("deadlock") || outcome.stderr.contains("mpirun: stuck");
        assert!(!claimed, "{mode}: {outcome}");
    });
}

#[test]
fn a_deadlock_ends_the_job_if_that_is_asked_for() {
    let job = Job::of("stuck").ranks(3).args(["tag"]);
    let outcome = job.options(["--on-deadlock=end"]).run().exits(35);
    let _ = outcome.says([
        "stuck: no rank can move any more (for ",
        "Ending the job.",
        "waits in MPI_Recv for rank 1, tag 8, on MPI_COMM_WORLD, room for 1 MPI_INT",
        "at stuck.c:",
        "never received: at rank 0, from rank 1, tag 7, on MPI_COMM_WORLD, 4 bytes: tag 7 came, tag 8 is wanted",
        "wait in MPI_Barrier on MPI_COMM_WORLD (collective no. 1); not there yet: rank 0",
    ]);
    let left = Job::of("early").ranks(3).args(["barrier"]);
    let outcome = left.options(["--on-deadlock", "end"]).run().exits(35);
    let _ = outcome.says([
        "rank 1 is in MPI_Finalize, but ranks 0, 2 wait",
        "Ending the job.",
    ]);
}

#[test]
fn a_deadlock_is_not_told_of_if_that_is_asked_for() {
    let job = Job::of("stuck").ranks(3).args(["ring"]);
    let outcome = job.options(["--on-deadlock=off", "--timeout", "4"]).run();
    let outcome = outcome.exits(124);
    assert!(!outcome.stderr.contains("mpirun: stuck"), "{outcome}");
    let wrong = Job::of("stuck").options(["--on-deadlock=maybe"]).run();
    let _ = wrong.exits(1).says(["maybe", "report", "end", "off"]);
}

#[test]
fn a_quit_signal_asks_what_ranks_do_and_ends_nothing() {
    let mut job = Job::of("stuck").ranks(3).args(["compute"]).start();
    job.signal_until(libc::SIGQUIT, "not there yet: rank 0");
    job.signal(libc::SIGINT);
    let outcome = job.finish().exits(130);
    let _ = outcome.says([
        "mpirun: SIGQUIT: the job goes on",
        "ranks 1-2 wait in MPI_Barrier on MPI_COMM_WORLD (collective no. 1)",
        "rank 0 (pid ",
        "is not in an MPI call",
    ]);
}
