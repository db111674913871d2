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

#[test]
fn each_call_with_good_and_bad_arguments() {
    for ranks in [1, 2, 4] {
        Job::of("dyn_calls").ranks(ranks).limit(LIMIT).passes();
    }
}

#[test]
fn parents_and_children_talk() {
    for (ranks, children) in [(1, "1"), (1, "4"), (3, "2")] {
        let job = Job::of("dyn_spawn").ranks(ranks).limit(LIMIT);
        job.args([children, "2"]).passes();
    }
    // Still connected when both sides finalize.
    let job = Job::of("dyn_spawn").ranks(2).limit(LIMIT);
    job.args(["2", "2", "connected"]).passes();
}

#[test]
fn a_program_that_no_mpirun_started_spawns() {
    let run = std::process::Command::new(lariat_tests::program("dyn_spawn"))
        .args(["2", "2"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    let errors = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(run.status.success(), "{said}\n{errors}");
    assert!(said.contains("checks passed"), "{said}\n{errors}");
}

/// Hundreds of jobs, one after the other: descriptors and mappings are given back.
#[test]
fn spawning_again_and_again_leaves_nothing() {
    Job::of("dyn_churn")
        .ranks(2)
        .limit(LIMIT)
        .args(["100"])
        .passes();
}

#[test]
fn sockets_join_and_several_programs_are_spawned() {
    for ranks in [1, 2, 3] {
        Job::of("dyn_more").ranks(ranks).limit(LIMIT).passes();
    }
}

/// A connected process that dies ends both jobs, and mpirun names it.
#[test]
fn deaths_of_connected_processes() {
    let job = |args: [&str; 2]| Job::of("dyn_deaths").ranks(2).limit(LIMIT).args(args).run();
    job(["child", "kill"])
        .exits(137)
        .says(["spawned job of", "rank 1", "SIGKILL"]);
    job(["child", "exit"])
        .exits(7)
        .says(["spawned job of", "rank 1", "code 7"]);
    job(["child", "abort"])
        .exits(5)
        .says(["spawned job of", "rank 1", "MPI_Abort"]);
    job(["parent", "kill"])
        .exits(137)
        .says(["rank 0", "SIGKILL"]);
    job(["parent", "abort"])
        .exits(5)
        .says(["rank 0", "MPI_Abort"]);
}

#[test]
fn children_outlive_parents_that_disconnect() {
    let job = Job::of("dyn_deaths").ranks(2).limit(LIMIT);
    let ended = job.args(["none", "apart"]).run().exits(0);
    for child in ["child 0 lives on", "child 1 lives on"] {
        assert!(ended.stdout.contains(child), "{ended}");
    }
}

#[test]
fn a_timeout_ends_children_and_reports_what_they_wait_for() {
    let job = Job::of("dyn_deaths").ranks(1).limit(LIMIT);
    let job = job.options(["--timeout", "3"]).args(["none", "wait"]);
    job.run()
        .exits(124)
        .says(["within 3 s", "spawned job of", "MPI_Recv"]);
}

#[test]
fn an_accept_that_nobody_connects_to_ends_by_the_timeout() {
    let file = meeting("nobody");
    let job = Job::of("dyn_ports").ranks(2).limit(LIMIT);
    let job = job.options(["--timeout", "2"]);
    job.args(["serve", file.to_str().unwrap()])
        .run()
        .exits(124)
        .says(["MPI_Comm_accept", "a process of another job"]);
}

#[test]
fn connections_end_in_unusual_ways() {
    for what in [
        "null",
        "mprobe",
        "apart",
        "groups",
        "left",
        "queued",
        "full",
        "descriptors",
        "handlers",
    ] {
        let file = meeting(what);
        let job = Job::of("dyn_faults").ranks(1).limit(LIMIT);
        job.args([what, file.to_str().unwrap()]).passes();
    }
}

#[test]
fn siblings_that_are_connected_outlive_a_parent_that_they_have_left() {
    let job = Job::of("dyn_faults").ranks(1).limit(LIMIT);
    let ended = job.args(["siblings"]).run().exits(0);
    for child in ["serve lives on", "visit lives on"] {
        assert!(ended.stdout.contains(child), "{ended}");
    }
}
