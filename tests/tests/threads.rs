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
