//! The job's ranks as processes: which of them have ended, and how they are ended.
//!
//! mpirun starts one process for each rank. If that is a wrapper, the MPI process behind
//! it is the rank, and its end may come without SIGCHLD: [`Ranks::take_ended`] looks for
//! both.

use crate::process::RankProcess;
use crate::reap::{self, ExitStatus, WaitOutcome};
use crate::snapshot::{self, RankSnapshot};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use wireup::layout::State;
use wireup::segment::Segment;

/// How long a successor of a rank's started process may take to become a program that has
/// MPI's library. Once it has, mpirun waits for it as long as it runs.
const SUCCESSOR_GRACE: Duration = Duration::from_secs(2);

/// The end of a process that stood for a rank.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProcessEnd {
    /// The rank's number.
    pub rank: u32,
    /// The process.
    pub pid: i32,
    /// How it ended.
    pub status: ExitStatus,
}

/// The processes of a job's ranks.
#[derive(Debug)]
pub struct Ranks {
    processes: Vec<RankProcess>,
    /// Children of mpirun's that are not the job's.
    strangers: HashSet<i32>,
    /// How processes ended that some rank names as its own in the segment, while mpirun
    /// still waits for another process of that rank.
    early_ends: HashMap<i32, ExitStatus>,
    /// Mpiruns of spawned jobs that have ended since they were last asked for.
    other_ends: Vec<(i32, ExitStatus)>,
}

impl Ranks {
    /// No ranks yet. Children in `strangers` are left alone.
    pub fn new(strangers: HashSet<i32>) -> Ranks {
        Ranks {
            processes: Vec::new(),
            strangers,
            early_ends: HashMap::new(),
            other_ends: Vec::new(),
        }
    }

    /// Leaves a child alone that is no rank's: an mpirun of its own job.
    pub fn leave_alone(&mut self, pid: i32) {
        self.strangers.insert(pid);
    }

    /// Children that were to be left alone, and have ended.
    pub fn take_other_ends(&mut self) -> Vec<(i32, ExitStatus)> {
        std::mem::take(&mut self.other_ends)
    }

    /// Adds the process of the next rank.
    pub fn push(&mut self, process: RankProcess) {
        self.processes.push(process);
    }

    /// The processes that were started, rank by rank.
    pub fn pids(&self) -> Vec<i32> {
        self.processes.iter().map(RankProcess::started).collect()
    }

    /// How many ranks have been started.
    pub fn started(&self) -> usize {
        self.processes.len()
    }

    /// Whether this rank has not ended.
    pub fn is_alive(&self, rank: u32) -> bool {
        let process = self.processes.get(rank as usize);
        process.is_some_and(RankProcess::is_alive)
    }

    /// Whether any rank has not ended.
    pub fn any_alive(&self) -> bool {
        self.processes.iter().any(RankProcess::is_alive)
    }

    /// Whether the end of some rank may come without SIGCHLD.
    pub fn any_elsewhere(&self) -> bool {
        self.processes.iter().any(RankProcess::is_elsewhere)
    }

    /// Sends a signal to all ranks that have not ended.
    pub fn signal_all(&self, signal: Signal) {
        for process in self.processes.iter().filter(|p| p.is_alive()) {
            process.send(signal);
        }
    }

    /// Sends SIGKILL to the ranks and to everything that they have started.
    pub fn kill(&self) {
        self.signal_all(Signal::SIGKILL);
        reap::kill_all(&self.strangers);
    }

    /// Ends what the ranks have left behind.
    pub fn end_leftovers(&self) {
        reap::end_leftovers(&self.strangers);
    }

    /// Ends a job that cannot be started as a whole.
    pub fn abandon(&self) {
        if !self.processes.is_empty() {
            self.signal_all(Signal::SIGKILL);
            self.end_leftovers();
        }
    }

    /// Takes all processes that have ended and stood for a rank. `running`: nothing ends
    /// the job yet, so that successors are waited for.
    pub fn take_ended(&mut self, segment: &Segment, running: bool) -> Vec<ProcessEnd> {
        let mut ends = Vec::new();
        while let WaitOutcome::Ended(pid, status) = reap::next() {
            let own = |process: &RankProcess| process.waits_for() == Some(pid);
            if let Some(index) = self.processes.iter().position(own) {
                let rank = number(index);
                ends.push(ProcessEnd { rank, pid, status });
            } else if self.strangers.contains(&pid) {
                self.other_ends.push((pid, status));
            } else if is_in_records(segment, pid) {
                self.early_ends.insert(pid, status);
            }
        }
        for index in 0..self.processes.len() {
            let known = ends.iter().any(|end| end.rank == number(index));
            if !known && self.processes[index].is_elsewhere() {
                ends.extend(self.look_elsewhere(segment, index, running));
            }
        }
        ends
    }

    /// Looks after a rank whose started process has ended before it. Returns the rank's
    /// end, if it has come.
    fn look_elsewhere(
        &mut self,
        segment: &Segment,
        index: usize,
        running: bool,
    ) -> Option<ProcessEnd> {
        let rank = number(index);
        let process = &mut self.processes[index];
        let started = process.started();
        let since = process.successor_since();
        let published = i32::try_from(snapshot::of_rank(segment, rank).pid).ok();
        let successor = process.waits_for().or(published);
        let end = |pid, status| Some(ProcessEnd { rank, pid, status });
        if let Some(pid) = successor.filter(|pid| *pid != started && *pid > 0) {
            // It is an MPI process by now. mpirun is told of its end, or its parent is.
            if let Some(status) = self.early_ends.remove(&pid) {
                return end(pid, status);
            }
            if kill(Pid::from_raw(pid), None).is_err() {
                return end(pid, ExitStatus::Exit(0));
            }
            if since.is_some() && reap::is_below(pid, &self.strangers) {
                process.wait_for(pid);
            }
            return None;
        }
        let early = since.is_some_and(|since| since.elapsed() < SUCCESSOR_GRACE);
        match running && reap::may_join(rank, &self.strangers, early) {
            true => None,
            false => end(started, ExitStatus::Exit(0)),
        }
    }

    /// Whether a process's end is the end of its rank, and how the rank then ended. None
    /// if the rank lives on in another process. `snapshot` is what the rank has published.
    pub fn rank_end(
        &mut self,
        end: ProcessEnd,
        snapshot: &RankSnapshot,
        running: bool,
    ) -> Option<ExitStatus> {
        // If the wrapper and the MPI process have both ended, the MPI process's end counts.
        let own = i32::try_from(snapshot.pid).ok();
        let own = own.filter(|own| *own != end.pid && end.status == ExitStatus::Exit(0));
        let own = own.and_then(|own| self.early_ends.remove(&own));
        let status = own.unwrap_or(end.status);
        if status == ExitStatus::Exit(0)
            && (self.lives_on(end, snapshot) || self.has_successor(end, snapshot, running))
        {
            return None;
        }
        self.processes[end.rank as usize].set_over();
        Some(status)
    }

    /// Whether the rank's MPI process still lives, and is another one than the wrapper that
    /// has just ended well. Then mpirun waits for it.
    fn lives_on(&mut self, end: ProcessEnd, snapshot: &RankSnapshot) -> bool {
        let own = i32::try_from(snapshot.pid).unwrap_or(0);
        if !snapshot.is_inside_mpi() || own <= 0 || own == end.pid {
            return false;
        }
        // The number comes from the segment, where a rank may have written anything. Only a
        // process of this job that is no other rank's is waited for and signalled.
        let taken = self.processes.iter().any(|p| p.waits_for() == Some(own));
        let alive = !taken && reap::is_below(own, &self.strangers);
        if alive {
            self.processes[end.rank as usize].wait_for(own);
        }
        alive
    }

    /// Whether the rank's started process has ended well, has not called MPI, and has left
    /// something in the background that may be about to (`sh -c 'program &'`, a daemon).
    /// Then the rank has not ended yet.
    fn has_successor(&mut self, end: ProcessEnd, snapshot: &RankSnapshot, running: bool) -> bool {
        let process = &mut self.processes[end.rank as usize];
        let first = process.waits_for() == Some(end.pid) && end.pid == process.started();
        let may_come = first
            && running
            && snapshot.state == Some(State::Fresh)
            && reap::may_join(end.rank, &self.strangers, true);
        if may_come {
            process.wait_for_successor();
        }
        may_come
    }
}

/// Whether some rank's record names this process.
fn is_in_records(segment: &Segment, pid: i32) -> bool {
    let pid = u32::try_from(pid).ok();
    (0..segment.ranks()).any(|rank| Some(segment.record(rank).pid.load(Relaxed)) == pid)
}

fn number(index: usize) -> u32 {
    u32::try_from(index).expect("ranks are counted in u32")
}
