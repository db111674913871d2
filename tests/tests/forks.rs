//! Memory that changes while peers have it: by fork, by the calls that map and
//! unmap. Longer runs by hand:
//!
//! ```text
//! mpirun --set arm=shared -n 2 target/rank-programs/forktraffic 1000
//! mpirun --set arm=shared -n 2 target/rank-programs/remapstorm 100000
//! mpirun -n 2 target/rank-programs/fork_model 2000000 1
//! ```

use lariat_tests::Job;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(600);

#[test]
fn forking_amid_large_messages() {
    for (ranks, forks) in [(2, "25"), (3, "8"), (1, "8")] {
        let job = Job::of("forktraffic").args([forks]).ranks(ranks);
        job.limit(LIMIT).passes_on_every_arm();
    }
}

#[test]
fn forking_amid_small_messages() {
    let job = Job::of("forktraffic").args(["10", "40000"]).ranks(2);
    job.limit(LIMIT).passes_on_every_arm();
}

#[test]
fn memory_that_is_remapped_all_the_time() {
    let job = Job::of("remapstorm").args(["1200"]).ranks(2);
    job.limit(LIMIT).passes_on_every_arm();
    let job = Job::of("remapstorm").args(["200", "1048576"]).ranks(2);
    job.limit(LIMIT).passes_on_every_arm();
}

#[test]
fn a_rank_that_forks_on_every_arm() {
    Job::of("forks").ranks(2).limit(LIMIT).passes_on_every_arm();
}

#[test]
fn every_way_to_a_child() {
    for ranks in [1, 2] {
        let job = Job::of("fork_family").args(["1"]).ranks(ranks);
        job.limit(LIMIT).passes_on_every_arm();
    }
}

#[test]
fn forks_remaps_and_frees_at_random() {
    for (ranks, arguments) in [
        (2, ["1000", "1", "0"]),
        (2, ["300", "2", "2"]),
        (3, ["300", "3", "1"]),
    ] {
        Job::of("fork_model").args(arguments).ranks(ranks).passes();
    }
    let job = Job::of("fork_model").args(["300", "4"]).ranks(2);
    job.limit(LIMIT).passes_on_every_arm();
}

#[test]
fn frozen_memory_stays_until_no_child_has_it_whatever_forked_the_child() {
    for way in ["fork", "locked", "_Fork", "clone"] {
        Job::of("fork_frozen").args([way]).ranks(2).passes();
    }
}

#[test]
fn frozen_memory_that_an_old_child_has_not_comes_back() {
    Job::of("fork_frozen").args(["apart"]).ranks(2).passes();
}

#[test]
fn what_is_mapped_over_frozen_memory_stays() {
    Job::of("fork_frozen").args(["over"]).ranks(2).passes();
}

#[test]
fn frozen_memory_is_shared_again_once_no_child_has_it() {
    Job::of("fork_frozen").args(["back"]).ranks(2).passes();
}

#[test]
fn frozen_memory_that_peers_were_told_of_stays_as_it_is() {
    Job::of("fork_frozen").args(["stays"]).ranks(2).passes();
}

#[test]
#[ignore = "hours"]
fn two_million_forks_remaps_and_frees() {
    for seed in 1..=8 {
        let seed = seed.to_string();
        let job = Job::of("fork_model").args(["250000", &seed, "0"]).ranks(2);
        job.limit(24 * 12 * LIMIT).passes();
    }
}
