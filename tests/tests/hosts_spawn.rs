//! Spawning and ports in jobs on several hosts (MPI 5.0, sections 11.7 to 11.10), which are
//! namespaces joined by a bridge (`tests/hosts/hosts`). Skipped where those, or libfabric, cannot
//! be had.

use lariat_tests::hosts::Hosts;
use lariat_tests::leftovers::{self, MARK};
use lariat_tests::{Job, scratch};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(300);

/// The program with so many ranks on each host, for some of what it checks.
fn job(hosts: &Hosts, slots: &[u32], what: &str) -> Job {
    let names: Vec<String> = (1..).zip(slots).map(|(k, _)| hosts.address(k)).collect();
    let job = hosts.job("hosts_spawn", slots).limit(LIMIT);
    job.args([&names.join(","), &slots[0].to_string(), what])
}

#[test]
fn children_run_where_they_are_wanted() {
    let Some(hosts) = Hosts::up(3) else { return };
    for slots in [&[2, 2][..], &[1, 1, 1]] {
        job(&hosts, slots, "placement").passes();
    }
    job(&hosts, &[1, 1], "several").passes();
}

#[test]
fn what_is_wrong_is_said_with_the_host() {
    let Some(hosts) = Hosts::up(2) else { return };
    job(&hosts, &[1, 1], "wrong").passes();
}

#[test]
fn parents_and_children_talk_over_hosts() {
    let Some(hosts) = Hosts::up(3) else { return };
    for slots in [&[1, 1][..], &[2, 2], &[1, 1, 1]] {
        job(&hosts, slots, "merged").passes();
    }
    // All traffic, and still connected when both sides finalize.
    let all = |slots: &[u32]| {
        let job = hosts.job("dyn_spawn", slots).limit(LIMIT);
        job.env("SEVERAL_HOSTS", "1")
    };
    all(&[1, 1]).args(["2", "1", "connected"]).passes();
    // More than libfabric has room for at a time.
    all(&[4, 4]).args(["2", "2"]).passes();
}

#[test]
fn parts_and_children_spawn() {
    let Some(hosts) = Hosts::up(2) else { return };
    job(&hosts, &[2, 2], "parts").passes();
    job(&hosts, &[1, 1], "deeper").passes();
}

#[test]
fn either_side_ends_first() {
    let Some(hosts) = Hosts::up(2) else { return };
    job(&hosts, &[1, 1], "last").passes();
    let job = hosts.job("dyn_deaths", &[1, 1]).limit(LIMIT);
    let ended = job.args(["none", "apart"]).run().exits(0);
    for child in ["child 0 lives on", "child 1 lives on"] {
        assert!(ended.stdout.contains(child), "{ended}");
    }
}

/// A connected process that dies ends both jobs, and is named with its host.
#[test]
fn deaths_are_told_and_leave_nothing() {
    let Some(hosts) = Hosts::up(2) else { return };
    let second = format!("host {}", hosts.address(2));
    let job = |args: [&str; 2], mark: &str| {
        let job = hosts.job("dyn_deaths", &[1, 1]).limit(LIMIT);
        job.args(args).env(MARK, mark)
    };
    for (args, code, words) in [
        (["child", "kill"], 137, ["spawned job of", "SIGKILL"]),
        (["child", "exit"], 7, ["spawned job of", "code 7"]),
        (["child", "abort"], 5, ["spawned job of", "MPI_Abort"]),
    ] {
        let mark = leftovers::mark();
        let ended = job(args, &mark).run().exits(code).says(words);
        let _ = ended.says(["rank 1", &second, "has failed (exit code"]);
        leftovers::no_processes(&mark);
    }
    for (args, code, words) in [
        (["parent", "kill"], 137, ["rank 0", "SIGKILL"]),
        (["parent", "abort"], 5, ["rank 0", "MPI_Abort"]),
    ] {
        let mark = leftovers::mark();
        let _ = job(args, &mark).run().exits(code).says(words);
        leftovers::no_processes(&mark);
    }
    let mark = leftovers::mark();
    let mut running = job(["none", "wait"], &mark).start();
    running.wait_for("all are up");
    // SAFETY: a signal to a process of this test's own job.
    unsafe { libc::kill(running.pid(), libc::SIGKILL) };
    let _ = running.finish();
    leftovers::no_processes(&mark);
}

/// Also, that ranks wait for another job is not taken for a deadlock.
#[test]
fn a_signal_ends_children_and_reports_what_they_wait_for() {
    let Some(hosts) = Hosts::up(2) else { return };
    let mark = leftovers::mark();
    let job = hosts.job("dyn_deaths", &[1, 1]).limit(LIMIT);
    let job = job.options(["--on-deadlock=end"]).env(MARK, &mark);
    let mut running = job.args(["none", "wait"]).start();
    running.wait_for("all are up");
    std::thread::sleep(Duration::from_secs(2));
    running.signal(libc::SIGTERM);
    let ended = running.finish().exits(143);
    let ended = ended.says([
        "spawned job of",
        "on MPI_COMM_PARENT",
        "on an intercommunicator",
    ]);
    assert!(!ended.stderr.contains("stuck: "), "{ended}");
    leftovers::no_processes(&mark);
}

#[test]
fn parts_of_a_job_and_jobs_meet_at_ports() {
    let Some(hosts) = Hosts::up(2) else { return };
    job(&hosts, &[2, 1], "ports").passes();
    let meeting = |name: &str| {
        let file = scratch("hosts_spawn").join(format!("{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&file);
        file
    };
    let file = meeting("port");
    let job = |slots: &[u32], role: &str| {
        let job = hosts.job("dyn_ports", slots).limit(LIMIT);
        let job = job.env("SEVERAL_HOSTS", "1");
        job.args([role, file.to_str().unwrap(), "1"])
    };
    std::thread::scope(|scope| {
        scope.spawn(|| job(&[2, 1], "serve").passes());
        job(&[1, 1], "visit").passes();
    });
    // One of them dies: the other finds out by itself.
    let file = meeting("part");
    let job = |role: &str| {
        let job = hosts.job("hosts_part", &[1, 1]).limit(LIMIT);
        job.args([role, file.to_str().unwrap()])
    };
    std::thread::scope(|scope| {
        scope.spawn(|| job("serve").run().exits(137).says(["rank 1", "SIGKILL"]));
        let words = ["of another job, to which this job is connected, has ended"];
        let _ = job("visit").run().exits(1).says(words);
    });
}

/// Hundreds of connections are given back.
#[test]
fn spawning_again_and_again_leaves_nothing() {
    let Some(hosts) = Hosts::up(2) else { return };
    let job = hosts.job("dyn_churn", &[1, 1]).limit(LIMIT);
    job.args(["4"]).passes();
}
