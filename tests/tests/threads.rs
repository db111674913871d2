//! `MPI_THREAD_MULTIPLE` under load.

use lariat_tests::{Folder, Job, program};
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(600);

#[test]
fn every_kind_of_request_in_several_threads() {
    let job = Job::of("threads_requests").limit(LIMIT);
    for ranks in [1, 3, 5] {
        job.clone().ranks(ranks).passes();
    }
    job.ranks(2).passes_on_every_arm();
}

#[test]
fn requests_of_every_chapter_completed_by_other_threads() {
    let job = Job::of("threads_kinds").limit(LIMIT);
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

#[test]
fn races_for_what_comes() {
    let job = Job::of("threads_probes").limit(LIMIT);
    for ranks in [1, 3] {
        job.clone().ranks(ranks).passes();
    }
    job.ranks(2).passes_on_every_arm();
}

/// Also by messages that targets serve.
#[test]
fn one_window_of_all_threads() {
    let job = Job::of("threads_windows").limit(LIMIT);
    for ranks in [1, 3] {
        job.clone().ranks(ranks).passes();
    }
    let refused = job.clone().before([program("no_cma")]).ranks(2);
    refused.env("LARIAT_HEAP", "0").passes();
    job.ranks(2).passes_on_every_arm();
}

#[test]
fn one_file_of_all_threads() {
    let folder = Folder::new(Path::new("/dev/shm"), "threads_files");
    let job = Job::of("threads_files").args([folder.path()]).limit(LIMIT);
    for ranks in [1, 2, 3] {
        job.clone().ranks(ranks).passes();
        folder.is_empty();
    }
    job.clone().ranks(2).env("LARIAT_HEAP", "0").passes();
    let disk = Folder::new(Path::new(env!("CARGO_TARGET_TMPDIR")), "threads_files");
    let job = Job::of("threads_files").args([disk.path()]).limit(LIMIT);
    job.ranks(2).args(["20"]).passes();
    disk.is_empty();
}

#[test]
#[ignore = "takes minutes"]
fn long_races_on_every_arm() {
    let folder = Folder::new(Path::new("/dev/shm"), "threads_long");
    let long = |name| Job::of(name).ranks(3).limit(LIMIT * 3);
    long("threads_probes").args(["2000"]).passes_on_every_arm();
    long("threads_windows")
        .args(["20000"])
        .passes_on_every_arm();
    long("threads_files")
        .args([folder.path()])
        .args(["3000"])
        .passes();
    folder.is_empty();
}
