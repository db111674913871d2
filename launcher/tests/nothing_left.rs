//! Signals, the timeout, and that nothing survives a job.

mod common;

use common::{Run, marked, marker, mpirun, run, script, until};
use nix::sys::signal::Signal;
use std::time::Duration;

/// A shell that has the marker on its command line and sleeps.
fn sleeper(marker: &str) -> String {
    format!("exec sh -c 'while :; do sleep 0.05; done' {marker}")
}

fn start_sleepers(ranks: u32, script_text: &str, marker: &str, processes: usize) -> Run {
    let running = Run::start(&mut script(ranks, script_text));
    until("all processes started", || {
        marked(marker).len() >= processes
    });
    running
}

#[test]
fn ranks_die_with_mpirun() {
    let marker = marker("sigkill");
    let mut running = start_sleepers(3, &sleeper(&marker), &marker, 3);
    running.signal(Signal::SIGKILL);
    running.wait();
    until("ranks are gone", || marked(&marker).is_empty());
}

#[test]
fn what_a_rank_started_dies_with_mpirun() {
    let marker = marker("behind-a-wrapper");
    let text = format!("sh -c 'while :; do sleep 0.05; done' {marker} & wait");
    let mut running = start_sleepers(2, &text, &marker, 4);
    running.signal(Signal::SIGKILL);
    running.wait();
    until("everything is gone", || marked(&marker).is_empty());
}

#[test]
fn what_left_its_session_dies_with_mpirun_too() {
    let marker = marker("own-session");
    let text = format!(
        "setsid sh -c 'while :; do sleep 0.05; done' {marker} & \
         setsid sh -c \"trap '' TERM HUP; while :; do sleep 0.05; done\" {marker} \
         >&- 2>&- & wait"
    );
    let mut running = start_sleepers(2, &text, &marker, 4);
    running.signal(Signal::SIGKILL);
    running.wait();
    until("everything is gone", || marked(&marker).is_empty());
}

#[test]
fn what_a_rank_leaves_behind_is_ended() {
    let marker = marker("left");
    let text = format!(
        "sh -c \"trap '' TERM; while :; do sleep 0.05; done\" {marker} >&- 2>&- & \
         setsid sh -c 'while :; do sleep 0.05; done' {marker} & exit 0"
    );
    let done = run(script(2, &text));
    assert_eq!((done.code(), &*done.err), (0, ""));
    assert_eq!(marked(&marker), []);
}

#[test]
fn a_signal_ends_the_job() {
    for (signal, code) in [
        (Signal::SIGINT, 130),
        (Signal::SIGTERM, 143),
        (Signal::SIGHUP, 129),
    ] {
        let marker = marker(signal.as_str());
        let running = start_sleepers(2, &sleeper(&marker), &marker, 2);
        running.signal(signal);
        let done = running.finish();
        assert_eq!(done.code(), code);
        assert!(done.err.contains(signal.as_str()), "{}", done.err);
        assert_eq!(marked(&marker), []);
    }
}

#[test]
fn a_second_signal_kills() {
    let marker = marker("second");
    let text = format!("exec sh -c \"trap '' TERM; while :; do sleep 0.05; done\" {marker}");
    let running = start_sleepers(2, &text, &marker, 2);
    std::thread::sleep(Duration::from_millis(200)); // let the traps be set
    running.signal(Signal::SIGINT);
    std::thread::sleep(Duration::from_millis(100));
    running.signal(Signal::SIGINT);
    let done = running.finish();
    assert_eq!(done.code(), 130);
    assert_eq!(marked(&marker), []);
}

#[test]
fn user_signals_are_passed_on() {
    let marker = marker("usr1");
    let text = format!(
        "exec sh -c \"trap 'echo got; exit 0' USR1; while :; do sleep 0.05; done\" {marker}"
    );
    let running = start_sleepers(2, &text, &marker, 2);
    std::thread::sleep(Duration::from_millis(200)); // let the traps be set
    running.signal(Signal::SIGUSR1);
    let done = running.finish();
    assert_eq!((done.code(), &*done.out), (0, "got\ngot\n"), "{}", done.err);
}

#[test]
fn a_job_can_be_stopped_and_continued() {
    let state = |pid: i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let behind = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned();
        behind.chars().next()
    };
    // Each rank is a single process: a shell that starts another one may be stopped in vfork.
    let marker = format!("9{}7", std::process::id());
    let text = format!("exec sleep {marker}");
    let running = Run::start(&mut script(2, &text));
    let sleeps = |pid: &i32| {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm"));
        name.is_ok_and(|n| n.trim() == "sleep")
    };
    let ranks = || -> Vec<i32> { marked(&marker).into_iter().filter(sleeps).collect() };
    until("both sleep", || ranks().len() == 2);
    let ranks = ranks();
    running.signal(Signal::SIGTSTP);
    until("all stopped", || {
        ranks
            .iter()
            .chain([&running.pid()])
            .all(|p| state(*p) == Some('T'))
    });
    running.signal(Signal::SIGCONT);
    until("all continued", || {
        ranks.iter().all(|p| state(*p) != Some('T'))
    });
    running.signal(Signal::SIGTERM);
    assert_eq!(running.finish().code(), 143);
}

#[test]
fn a_timeout_ends_the_job_with_a_report() {
    let done = run(mpirun(&["--timeout", "0.3", "-n", "2", "sleep", "100"]));
    assert_eq!(done.code(), 124);
    assert!(done.err.contains("0.3 s"), "{}", done.err);
    assert!(done.err.contains("ranks 0-1"), "{}", done.err);
    let mut command = mpirun(&["-n", "2", "sleep", "100"]);
    command.env("MPIEXEC_TIMEOUT", "1");
    assert_eq!(run(command).code(), 124);
    let done = run(mpirun(&["--timeout", "60", "-n", "2", "true"]));
    assert_eq!((done.code(), &*done.err), (0, ""));
}

#[test]
fn nothing_is_made_in_tmp_or_dev_shm() {
    let list = |dir: &str| -> Vec<String> {
        let Ok(dir) = std::fs::read_dir(dir) else {
            return Vec::new();
        };
        let names = dir
            .flatten()
            .map(|e| e.file_name().to_string_lossy().into_owned());
        names
            .filter(|n| n.to_lowercase().contains("lariat-job"))
            .collect()
    };
    let marker = marker("files");
    let mut running = start_sleepers(2, &sleeper(&marker), &marker, 2);
    assert!(list("/tmp").is_empty() && list("/dev/shm").is_empty());
    running.signal(Signal::SIGKILL);
    running.wait();
    assert!(list("/tmp").is_empty() && list("/dev/shm").is_empty());
}

#[test]
fn children_that_mpirun_did_not_start_are_left_alone() {
    let marker = marker("stranger");
    let line = format!(
        "sh -c 'while :; do sleep 0.05; done' {marker} >/dev/null 2>&1 & exec {} -n 2 true",
        env!("CARGO_BIN_EXE_mpirun")
    );
    let mut shell = std::process::Command::new("sh");
    let status = shell.args(["-c", &line]).status().unwrap();
    assert_eq!(status.code(), Some(0));
    let left = marked(&marker);
    assert_eq!(left.len(), 1);
    for pid in left {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL);
    }
}
