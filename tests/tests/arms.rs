//! One conformance suite for every arm: sizes around each threshold, alignments,
//! kinds of message and of memory, datatypes, crowds of ranks, threads, random
//! traffic. The programs take a number of rounds, or of messages, for runs that
//! are longer than those of every day:
//!
//! ```text
//! mpirun --set arm=shared -n 2 target/rank-programs/traffic 1000000
//! ```

use lariat_tests::{Job, arms, skipped};
use std::time::Duration;

/// Generous: debug builds, loaded machines and guests without KVM are slow.
const LIMIT: Duration = Duration::from_secs(600);

/// The program on two ranks, with every arm forced and with small thresholds.
fn on_every_arm(name: &str) {
    Job::of(name).ranks(2).limit(LIMIT).passes_on_every_arm();
}

#[test]
fn every_size_and_alignment() {
    on_every_arm("arms_sizes");
}

#[test]
fn every_kind_of_message() {
    on_every_arm("arms_kinds");
}

#[test]
fn memory_of_every_kind() {
    on_every_arm("arms_places");
}

#[test]
fn between_every_two_layouts() {
    on_every_arm("arms_types");
}

#[test]
fn many_pairs_at_once() {
    on_every_arm("arms_crowd");
    for ranks in [1, 3, 8] {
        let job = Job::of("arms_crowd").args(["3"]).ranks(ranks);
        job.limit(LIMIT).passes_on_every_arm();
    }
}

#[test]
fn windows_of_messages() {
    on_every_arm("arms_windows");
    let job = Job::of("arms_windows").args(["60"]).ranks(4);
    job.limit(LIMIT).passes_on_every_arm();
}

/// The kernel copies many at once: one that it cannot read costs the others nothing.
#[test]
fn one_of_a_window_that_is_gone() {
    if std::thread::available_parallelism().is_ok_and(|n| n.get() < 2) {
        skipped("with one processor the sender copies, out of memory that is gone for it, too");
        return;
    }
    let job = Job::of("arms_windows").args(["20", "gone"]).ranks(2);
    let job = job.env("LARIAT_ARM", "cma").env("LARIAT_HEAP", "0");
    let outcome = job.limit(LIMIT).run();
    let failures = outcome.stdout.matches("is gone failed").count();
    let passed = outcome.stdout.matches(" checks passed").count();
    assert_eq!((failures, passed), (20, 2), "{outcome}");
}

#[test]
fn threads_exchange_large_messages() {
    on_every_arm("arms_threads");
}

#[test]
fn random_traffic() {
    on_every_arm("traffic");
    for ranks in [3, 4] {
        let job = Job::of("traffic").args(["8000", "5"]).ranks(ranks);
        job.limit(LIMIT).passes_on_every_arm();
    }
}

#[test]
fn something_else_than_expected() {
    on_every_arm("arms_expected");
}

#[test]
fn cancelling_what_was_announced() {
    on_every_arm("cancel_race");
}

#[test]
fn random_layouts() {
    on_every_arm("typed_messages");
}

/// Also a proof that the arm is really taken: by copies through the segment, a
/// message cannot come without its sender.
#[test]
fn a_receiver_that_reaches_the_memory_needs_no_sender() {
    for (arm, variables) in arms() {
        if ["the copy arm", "no shared heap"].contains(&arm) {
            continue;
        }
        let mut job = Job::of("alone").ranks(2).limit(LIMIT);
        for (name, value) in variables {
            job = job.env(name, value);
        }
        job.passes();
    }
}

/// The largest run is `huge 2100`, beyond 2 GiB, by hand.
#[test]
fn rows_of_half_a_mebibyte() {
    Job::of("huge").args(["24"]).ranks(2).passes_on_every_arm();
}
