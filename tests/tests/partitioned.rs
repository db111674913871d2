//! Partitioned communication (MPI 5.0, chapter 4).

use lariat_tests::Job;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(600);

#[test]
fn partitions_of_every_shape_on_every_arm() {
    let job = Job::of("partitioned").args(["3"]).limit(LIMIT);
    job.clone().ranks(2).passes_on_every_arm();
    job.ranks(2).passes_in_every_mode();
}

#[test]
fn partitions_of_every_shape_on_any_number_of_ranks() {
    for ranks in [1, 2, 3, 5] {
        Job::of("partitioned").ranks(ranks).limit(LIMIT).passes();
    }
    for (name, value) in [("LARIAT_CHECK", "1"), ("LARIAT_HEAP", "0")] {
        let job = Job::of("partitioned").args(["3"]).ranks(3);
        job.env(name, value).limit(LIMIT).passes();
    }
}

#[test]
fn partitions_of_several_threads() {
    let job = Job::of("partitioned_threads").limit(LIMIT);
    job.clone().ranks(2).passes_on_every_arm();
    for ranks in [1, 3, 5] {
        job.clone().ranks(ranks).passes();
    }
}

#[test]
fn sends_are_freed_while_threads_come_back_from_pready() {
    for ranks in [1, 2] {
        let job = Job::of("partitioned_free").ranks(ranks);
        job.limit(LIMIT).passes();
    }
}
