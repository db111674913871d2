//! `MPI_THREAD_MULTIPLE` under load.

use lariat_tests::Job;
use std::time::Duration;

#[test]
fn every_kind_of_request_in_several_threads() {
    let job = Job::of("threads_requests").limit(Duration::from_secs(600));
    for ranks in [1, 3, 5] {
        job.clone().ranks(ranks).passes();
    }
    job.ranks(2).passes_on_every_arm();
}

#[test]
fn requests_of_every_chapter_completed_by_other_threads() {
    let job = Job::of("threads_kinds").limit(Duration::from_secs(600));
    for ranks in [1, 2, 3] {
        job.clone().ranks(ranks).passes();
    }
    for (name, value) in [("LARIAT_HEAP", "0"), ("LARIAT_CHECK", "1")] {
        job.clone().ranks(2).env(name, value).passes();
    }
}

#[test]
#[ignore = "takes minutes"]
fn rounds_over_rounds_of_every_kind_of_request() {
    let job = Job::of("threads_kinds").limit(Duration::from_secs(1800));
    job.ranks(3).args(["1000"]).passes();
}
