//! The process that stands for a rank.

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use std::time::Instant;

/// The process that stands for a rank: usually the one that mpirun started. If that one
/// is a wrapper (a shell) that ends first, the MPI process behind it takes its place.
#[derive(Debug)]
pub struct RankProcess {
    /// The process that was started. It leads a process group if `own_group`.
    pid: i32,
    own_group: bool,
    /// What the rank's end depends on.
    life: Life,
}

/// What a rank's end depends on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Life {
    /// The end of this process: the one that was started, or the MPI process behind it.
    Process(i32),
    /// The started process has ended well since this moment and has not called MPI. What
    /// it left in the background may still become the rank.
    Successor(Instant),
    /// Nothing any more: the rank has ended.
    Over,
}

impl RankProcess {
    /// A process that was just started.
    pub fn new(pid: i32, own_group: bool) -> RankProcess {
        RankProcess {
            pid,
            own_group,
            life: Life::Process(pid),
        }
    }

    /// The process that was started.
    pub fn started(&self) -> i32 {
        self.pid
    }

    /// The process whose end is the rank's end, if it is known.
    pub fn waits_for(&self) -> Option<i32> {
        match self.life {
            Life::Process(pid) => Some(pid),
            Life::Successor(_) | Life::Over => None,
        }
    }

    /// Since when the rank has waited for a successor of its started process.
    pub fn successor_since(&self) -> Option<Instant> {
        match self.life {
            Life::Successor(since) => Some(since),
            Life::Process(_) | Life::Over => None,
        }
    }

    /// Whether the rank has not ended.
    pub fn is_alive(&self) -> bool {
        self.life != Life::Over
    }

    /// Whether the rank's end may come without SIGCHLD, so that mpirun has to look for it.
    pub fn is_elsewhere(&self) -> bool {
        match self.life {
            Life::Process(pid) => pid != self.pid,
            Life::Successor(_) => true,
            Life::Over => false,
        }
    }

    /// From now on the end of process `pid` is the rank's end.
    pub fn wait_for(&mut self, pid: i32) {
        self.life = Life::Process(pid);
    }

    /// From now on the rank waits for a successor of its started process.
    pub fn wait_for_successor(&mut self) {
        self.life = Life::Successor(Instant::now());
    }

    /// The rank has ended.
    pub fn set_over(&mut self) {
        self.life = Life::Over;
    }

    /// Sends a signal to the rank: to the process group of the started process, and to the
    /// process that the rank's end depends on, which may lie outside of that group.
    pub fn send(&self, signal: Signal) {
        if self.own_group {
            // Once the started process is reaped, its group may be gone: then nothing happens.
            let _ = killpg(Pid::from_raw(self.pid), signal);
        }
        let in_group = |pid: &i32| self.own_group && *pid == self.pid;
        if let Some(pid) = self.waits_for().filter(|pid| !in_group(pid)) {
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }
}
