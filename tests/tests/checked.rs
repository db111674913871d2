//! The thorough level of checks (`LARIAT_CHECK=1`).

use lariat_tests::Job;

#[test]
fn what_is_right_passes() {
    for ranks in [1, 2, 3, 4] {
        let job = Job::of("checked").ranks(ranks).env("LARIAT_CHECK", "1");
        job.passes();
    }
    let job = Job::of("checked").ranks(2).env("LARIAT_CHECK", "1");
    job.passes_in_every_mode();
    Job::of("typed_messages")
        .ranks(2)
        .env("LARIAT_CHECK", "1")
        .passes();
    Job::of("checked").ranks(3).passes();
}

#[test]
fn types_that_do_not_match_are_errors() {
    for size in ["8", "800", "40000", "400000"] {
        let job = Job::of("checked").ranks(2).env("LARIAT_CHECK", "1");
        job.args(["types", size]).passes();
    }
    Job::of("checked")
        .ranks(1)
        .env("LARIAT_CHECK", "1")
        .args(["self"])
        .passes();
}

#[test]
fn ranks_that_disagree_on_a_collective_are_told() {
    for what in ["root", "count", "call"] {
        for ranks in [2, 5] {
            let job = Job::of("checked").ranks(ranks).env("LARIAT_CHECK", "1");
            job.args([what]).passes();
        }
    }
}
