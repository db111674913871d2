//! A process beside mpirun that ends what is left of a job when mpirun is killed.
//!
//! The kernel ends the ranks and what stays in their process groups (see
//! `docs/decisions/0012-nothing-survives-mpirun.md`). A process that a rank has started in
//! a session of its own is not tied to anything: the guard finds it by the job's mark in
//! its environment. The guard sleeps until the lifeline closes. An mpirun that ends normally
//! ends its guard. The guard has a process group and a name of its own, so that a signal to
//! mpirun's group or by mpirun's name does not reach it.

use crate::procfs;
use crate::spawn;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

/// The guard's name in lists of processes.
pub const GUARD_NAME: &str = "lariat-guard";

/// How long the guard goes on looking for processes that do not end.
const SEARCH_TIME: Duration = Duration::from_secs(5);

/// A running guard. Dropping it ends it.
#[derive(Debug)]
pub struct Guard(Option<Pid>);

impl Guard {
    /// Starts a guard that waits until the write end of the pipe `lifeline` is closed. `mark`
    /// is the entry of the environment by which it recognizes the job's processes. If no
    /// process can be started, the job runs without a guard. Must be called before any
    /// thread exists.
    pub fn start(lifeline: RawFd, mark: String) -> Guard {
        Guard(spawn::beside(GUARD_NAME, lifeline, || {
            end_all(mark.as_bytes())
        }))
    }

    /// Its process.
    pub fn pid(&self) -> Option<i32> {
        self.0.map(Pid::as_raw)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            let _ = kill(pid, Signal::SIGKILL);
            let _ = waitpid(pid, None);
        }
    }
}

/// Sends SIGKILL to the job's processes until there are none.
fn end_all(mark: &[u8]) {
    let began = Instant::now();
    while began.elapsed() < SEARCH_TIME {
        let left = marked(mark);
        if left.is_empty() {
            return;
        }
        for pid in left {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL); // it may have ended meanwhile
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The processes that have `mark` in their environment. Guards of jobs that this job has
/// started do not count: they have work of their own to do.
fn marked(mark: &[u8]) -> Vec<i32> {
    let is_marked = |pid: &i32| {
        let environ = procfs::file(*pid, "environ").unwrap_or_default();
        let name = procfs::file(*pid, "comm").unwrap_or_default();
        procfs::has_entry(&environ, mark)
            && name.trim_ascii() != GUARD_NAME.as_bytes()
            && *pid != Pid::this().as_raw()
    };
    procfs::pids().filter(is_marked).collect()
}
