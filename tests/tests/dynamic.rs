//! Processes that meet while they run (MPI 5.0, sections 11.7 to 11.10).

use lariat_tests::{Job, scratch};
use std::path::PathBuf;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(300);

/// A file by which two jobs find each other, not there yet.
fn meeting(name: &str) -> PathBuf {
    let file = scratch("dynamic").join(format!("{name}-{}", std::process::id()));
    let _ = std::fs::remove_file(&file);
    file
}

/// Two jobs, one of which serves the other at a port.
fn two_jobs(ranks: [u32; 2], turns: &str, change: impl Fn(Job) -> Job + Sync) {
    let file = meeting(&format!("port-{}-{}-{turns}", ranks[0], ranks[1]));
    let job = |ranks, role: &str| {
        let job = Job::of("dyn_ports").ranks(ranks).limit(LIMIT);
        change(job.args([role, file.to_str().unwrap(), turns]))
    };
    std::thread::scope(|scope| {
        scope.spawn(|| job(ranks[0], "serve").passes());
        job(ranks[1], "visit").passes();
    });
}

#[test]
fn jobs_that_were_started_separately_meet_at_a_port() {
    for ranks in [[1, 1], [2, 1], [1, 3], [3, 2]] {
        two_jobs(ranks, "2", |job| job);
    }
}

#[test]
fn they_meet_and_part_many_times() {
    two_jobs([2, 2], "100", |job| job);
}

#[test]
fn they_meet_without_the_shared_heap_and_by_each_arm() {
    two_jobs([2, 1], "1", |job| job.env("LARIAT_HEAP", "0"));
    for arm in ["copy", "cma", "shared"] {
        two_jobs([1, 2], "1", |job| job.env("LARIAT_ARM", arm));
    }
    two_jobs([2, 2], "1", |job| job.env("LARIAT_CHECK", "1"));
}
