//! A job from its first process to its end: one loop over signals, ended
//! children, the timeout and what the forwarding thread says.
//!
//! The job is *running* until something ends it: a rank's offence, a signal,
//! the timeout. Then it *winds down*: SIGTERM, [`GRACE`], SIGKILL. It is over
//! when every rank is reaped; what ranks left behind is ended then.

use crate::explain::{self, View};
use crate::forward::Shared;
use crate::reap::{self, Child};
use crate::report::Reports;
use crate::sink::write_patiently;
use crate::verdict::{self, Abort, Death, How, Offence};
use crate::want::Watch;
use crate::watch::{Findings, History};
use crate::{PATIENCE, say};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill, killpg};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;
use std::collections::{HashMap, HashSet};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::{Duration, Instant};
use wireup::layout::State;
use wireup::plain;
use wireup::segment::Segment;

/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
/// What ranks outside of MPI get to end by themselves when one of them failed.
const ORDERLY: Duration = Duration::from_millis(500);

/// How long what a rank's first program left behind may take to become a program that
/// has MPI's library. Such a one is waited for as long as it runs.
const BEHIND_GRACE: Duration = Duration::from_secs(2);
/// How often those are looked at.
const BEHIND_TICK: Duration = Duration::from_millis(20);

/// Signals that end the job, with what the ranks are sent then.
const ENDING: [(Signal, Signal); 4] = [
    (Signal::SIGINT, Signal::SIGTERM),
    (Signal::SIGTERM, Signal::SIGTERM),
    (Signal::SIGHUP, Signal::SIGHUP),
    (Signal::SIGQUIT, Signal::SIGQUIT),
];

/// Signals that are passed on and mean nothing to mpirun itself.
const FORWARDED: [Signal; 4] = [
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGABRT,
];

/// The signals that mpirun takes, blocked for all its threads, and those that
/// were blocked before.
///
/// # Errors
/// The kernel refuses: no more descriptors.
pub fn take_signals() -> nix::Result<(SignalFd, SigSet)> {
    let before = SigSet::thread_get_mask()?;
    let mut set = SigSet::empty();
    let ending = ENDING.iter().map(|(s, _)| *s);
    let others = [Signal::SIGTSTP, Signal::SIGCONT];
    for signal in ending.chain(FORWARDED).chain(others) {
        // what was ignored when mpirun started (nohup) stays so
        if !crate::spawn::is_ignored(signal as i32) {
            set.add(signal);
        }
    }
    crate::spawn::notice_children();
    set.add(Signal::SIGCHLD);
    set.thread_block()?;
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    Ok((SignalFd::with_flags(&set, flags)?, before))
}

/// A rank's process.
#[derive(Debug)]
pub struct Process {
    /// The process that was started; its own group if `own_group`.
    pub pid: i32,
    /// It leads its own process group.
    pub own_group: bool,
    /// Whose end is the rank's end: `pid`, or the MPI process behind it if
    /// that lives on.
    waits_for: Option<i32>,
    /// Since when `pid` has ended well without MPI, and what it left in the background
    /// may still come to be the rank.
    behind: Option<Instant>,
}

impl Process {
    /// One that was just started.
    pub fn new(pid: i32, own_group: bool) -> Process {
        Process {
            pid,
            own_group,
            waits_for: Some(pid),
            behind: None,
        }
    }

    /// Ends it at once.
    pub fn kill(&self) {
        self.send(Signal::SIGKILL);
    }

    fn alive(&self) -> bool {
        self.waits_for.is_some() || self.behind.is_some()
    }

    /// Whether its end may come without a word from the kernel.
    fn is_elsewhere(&self) -> bool {
        self.behind.is_some() || self.waits_for.is_some_and(|pid| pid != self.pid)
    }

    fn send(&self, signal: Signal) {
        // the group of a rank whose first process is reaped may be gone: then nothing happens
        let pid = Pid::from_raw(self.pid);
        let _ = match (self.own_group, self.waits_for) {
            (true, _) => killpg(pid, signal),
            (false, Some(other)) => kill(Pid::from_raw(other), signal),
            (false, None) => Ok(()),
        };
        // the MPI process behind it may have left the group
        if let Some(other) = self.waits_for.filter(|other| *other != self.pid) {
            let _ = kill(Pid::from_raw(other), signal);
        }
    }
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Phase {
    Running,
    /// Ranks get a moment; SIGTERM then.
    Orderly(Instant),
    /// SIGTERM was sent; SIGKILL then.
    Ending(Instant),
    Killed,
}

/// A job under way.
pub struct Job {
    /// Its segment.
    pub segment: Segment,
    /// Its ranks, in order.
    pub ranks: Vec<Process>,
    /// Children that are not the job's.
    pub strangers: HashSet<i32>,
    /// The thread that forwards output.
    pub output: Arc<Shared>,
    /// When it ends by itself, and what was asked for in seconds.
    pub timeout: Option<(Instant, f64)>,
    /// Tables of what ranks tell.
    pub reports: Reports,
    /// Whether the kernel kills for want of memory.
    pub memory: Watch,
    history: History,
    phase: Phase,
    /// How processes ended that are ranks, but for which mpirun did not wait yet.
    orphans: HashMap<i32, How>,
    code: Option<u8>,
    /// Nobody reads our standard output: what follows from it is not reported.
    quiet: bool,
    /// Signals so far that end the job.
    asked: u32,
}

impl Job {
    /// A job that `ranks` were just started for.
    pub fn new(
        segment: Segment,
        ranks: Vec<Process>,
        strangers: HashSet<i32>,
        output: Arc<Shared>,
        timeout: Option<(Instant, f64)>,
        reports: Reports,
        memory: Watch,
    ) -> Job {
        Job {
            segment,
            ranks,
            strangers,
            output,
            timeout,
            reports,
            memory,
            history: History::default(),
            phase: Phase::Running,
            orphans: HashMap::new(),
            code: None,
            quiet: false,
            asked: 0,
        }
    }

    /// Stays until the job is over and everything it printed is written.
    /// Returns what mpirun exits with.
    pub fn run(&mut self, signals: &SignalFd) -> u8 {
        while self.ranks.iter().any(Process::alive) {
            self.sleep(signals);
            self.look_at_output();
            self.look_at_signals(signals);
            self.reports.look(&self.segment);
            self.look_at_children();
            self.look_at_waits();
            self.look_at_time();
        }
        self.reports.last(&self.segment);
        reap::leftovers(&self.strangers);
        self.output.drain();
        self.write_out(signals);
        self.code.unwrap_or(0)
    }

    /// Waits for the output to be written. A reader may take any time after a job
    /// that ended well. If it did not, or is to end now, what goes out slowly is
    /// waited for, and a reader that takes nothing for a while is given up.
    fn write_out(&mut self, signals: &SignalFd) {
        const TICK: Duration = Duration::from_millis(100);
        let mut written = self.output.written();
        let mut still = Duration::ZERO;
        let mut late_signal = None;
        while !self.output.ended() {
            let late = self.timeout.filter(|t| Instant::now() >= t.0);
            let ending = self.code.is_some() || late.is_some();
            let left = self
                .timeout
                .map(|t| t.0.saturating_duration_since(Instant::now()));
            let wait = match (ending, left) {
                (true, _) => PollTimeout::try_from(TICK).unwrap_or(PollTimeout::MAX),
                (false, Some(left)) => milliseconds(left),
                (false, None) => PollTimeout::NONE,
            };
            let mut fds = [
                PollFd::new(self.output.news.as_fd(), PollFlags::POLLIN),
                PollFd::new(signals.as_fd(), PollFlags::POLLIN),
            ];
            let events = poll(&mut fds, wait);
            let _ = self.output.news.read();
            while let Ok(Some(info)) = signals.read_signal() {
                if let Some((signal, _)) = ending_signal(info.ssi_signo) {
                    if self.code.is_none() {
                        self.code = Some(exit_code(signal));
                        late_signal = Some(signal);
                    }
                    self.asked += 1;
                } else if info.ssi_signo == Signal::SIGTSTP as u32 {
                    let _ = kill(Pid::this(), Signal::SIGSTOP); // until SIGCONT
                }
            }
            if self.output.written() != written {
                written = self.output.written();
                still = Duration::ZERO;
            } else if ending && events == Ok(0) {
                still += TICK; // not by the clock: mpirun may have been stopped
            }
            if still >= PATIENCE || self.asked > 1 {
                self.give_up(late.map(|t| t.1));
                return;
            }
        }
        if let Some(why) = self.output.broken() {
            self.output_lost(why);
        }
        // By now nothing else forwards to standard error.
        if let Some(signal) = late_signal {
            let text = format!(
                "mpirun: {} came when all ranks had ended, while their output was being written\n",
                signal.as_str()
            );
            write_patiently(std::io::stderr(), text.as_bytes(), PATIENCE);
        }
    }

    /// Ends without having written all that was printed. `late`: the time is up,
    /// of so many seconds.
    fn give_up(&mut self, late: Option<f64>) {
        self.output.abandon();
        let time = late.filter(|_| self.code.is_none());
        let time = time.map_or(String::new(), |s| {
            format!("the job's output is not written after {s} s: ")
        });
        self.code.get_or_insert(124);
        // Where standard error is not read either, nobody waits for it again.
        let text = format!("mpirun: {time}nobody reads it, the rest of the output is lost\n");
        write_patiently(std::io::stderr(), text.as_bytes(), Duration::ZERO);
    }

    fn sleep(&self, signals: &SignalFd) {
        let phase = match self.phase {
            Phase::Orderly(then) | Phase::Ending(then) => Some(then),
            Phase::Running | Phase::Killed => None,
        };
        let timeout = self.timeout.map(|t| t.0).filter(|_| phase.is_none());
        let report = self.reports.due().map(|tick| Instant::now() + tick);
        let watch = (self.phase == Phase::Running).then(|| self.history.due());
        let behind = self.ranks.iter().any(Process::is_elsewhere);
        let behind = behind.then(|| Instant::now() + BEHIND_TICK);
        let until = [phase.or(timeout), report, watch, behind]
            .into_iter()
            .flatten()
            .min();
        let wait = match until {
            None => PollTimeout::NONE,
            Some(then) => milliseconds(then.saturating_duration_since(Instant::now())),
        };
        let mut fds = [
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.output.news.as_fd(), PollFlags::POLLIN),
        ];
        let _ = poll(&mut fds, wait); // interrupted: everything is looked at anyway
    }

    fn look_at_output(&mut self) {
        let _ = self.output.news.read();
        if let Some(why) = self.output.broken()
            && !self.quiet
        {
            self.output_lost(why);
        }
    }

    /// Our standard output takes no more. Where nobody reads it any more the
    /// ranks learn of that themselves when they print; anything else ends the job.
    fn output_lost(&mut self, why: Errno) {
        if why == Errno::EPIPE {
            self.quiet = true;
        } else if self.code.is_none() {
            say(&format!(
                "standard output cannot be written: {}; ending the job",
                why.desc()
            ));
            self.code = Some(1);
            self.end(Signal::SIGTERM);
        }
    }

    fn look_at_signals(&mut self, signals: &SignalFd) {
        while let Ok(Some(info)) = signals.read_signal() {
            let Ok(signal) = Signal::try_from(i32::try_from(info.ssi_signo).unwrap_or(0)) else {
                continue;
            };
            if let Some((signal, send)) = ending_signal(info.ssi_signo) {
                self.asked += 1;
                self.interrupted(signal, send);
            } else if signal == Signal::SIGTSTP {
                self.signal_all(Signal::SIGTSTP);
                let _ = kill(Pid::this(), Signal::SIGSTOP); // until SIGCONT, which follows
            } else if signal != Signal::SIGCHLD {
                self.signal_all(signal);
            }
        }
    }

    fn interrupted(&mut self, signal: Signal, send: Signal) {
        match self.phase {
            Phase::Running | Phase::Orderly(_) => {
                let report = self.explain();
                let name = signal.as_str();
                if self.quiet {
                    // nobody reads
                } else if self.uses_mpi() {
                    say(&format!("{name}: ending the job\n{}", report.trim_end()));
                } else {
                    say(&format!("{name}: ending the job"));
                }
                self.code.get_or_insert(exit_code(signal));
                self.end(send);
            }
            Phase::Ending(_) | Phase::Killed => {
                self.code.get_or_insert(exit_code(signal));
                self.kill();
            }
        }
    }

    fn uses_mpi(&self) -> bool {
        let ranks = 0..self.segment.ranks();
        let fresh = State::Fresh as u32;
        ranks
            .into_iter()
            .any(|r| self.segment.record(r).pid.load(Relaxed) != 0 || self.state(r) != fresh)
    }

    fn state(&self, rank: u32) -> u32 {
        self.segment.record(rank).state.load(Relaxed)
    }

    /// Looks at the ranks, if it is time. What they wait for, and what is certain then.
    fn look(&mut self, now: Instant) -> (Vec<View>, Findings) {
        let views = explain::look_at_all(&self.segment);
        let ranks = &self.ranks;
        let ended = |rank: u32| ranks.get(rank as usize).is_none_or(|r| !r.alive());
        self.history.look(&views, ended, now);
        let findings = self.history.findings(&views, now);
        (views, findings)
    }

    /// Tells of ranks that have left while others wait for them. The job goes on.
    fn look_at_waits(&mut self) {
        let now = Instant::now();
        if self.phase != Phase::Running || !self.history.is_due(now) {
            return;
        }
        let (views, findings) = self.look(now);
        for (left, waiters) in self.history.news(&findings) {
            if self.quiet {
                continue;
            }
            self.output.catch_up(); // what that rank said last comes first
            say(&format!(
                "{}\n  Often an exception or an early return: see what rank {left} said last \
                 (Python: run with -m mpi4py). The job is left as it is; Ctrl-C ends it.",
                explain::who_left(&views, left, &waiters)
            ));
        }
    }

    /// What every rank does, and what is certain of those that wait.
    fn explain(&mut self) -> String {
        let (views, findings) = self.look(Instant::now());
        explain::report(&views, &findings)
    }

    fn look_at_time(&mut self) {
        let now = Instant::now();
        match self.phase {
            Phase::Orderly(then) if now >= then => self.end(Signal::SIGTERM),
            Phase::Ending(then) if now >= then => self.kill(),
            Phase::Running => {
                if let Some((then, seconds)) = self.timeout
                    && now >= then
                {
                    let report = self.explain();
                    say(&format!(
                        "the job did not end within {seconds} s:\n{}",
                        report.trim_end()
                    ));
                    self.code = Some(124);
                    self.end(Signal::SIGTERM);
                }
            }
            Phase::Orderly(_) | Phase::Ending(_) | Phase::Killed => {}
        }
    }

    /// Takes all children that have ended, and judges them together.
    fn look_at_children(&mut self) {
        let mut ends = Vec::new();
        while let Child::Ended(pid, how) = reap::next() {
            if let Some(rank) = self.ranks.iter().position(|r| r.waits_for == Some(pid)) {
                ends.push((rank, pid, how));
            } else if self.is_known(pid) {
                self.orphans.insert(pid, how);
            }
        }
        self.look_behind(&mut ends);
        if ends.is_empty() {
            return;
        }
        let views = explain::look_at_all(&self.segment);
        let mut offences = Vec::new();
        for (index, pid, how) in ends {
            let rank = u32::try_from(index).expect("ranks are counted in u32");
            let view = views[index].clone();
            // Both may have ended since the last look: the rank's own end counts.
            let own = i32::try_from(view.pid).ok().filter(|own| *own != pid);
            let own = own.filter(|_| how == How::Exit(0));
            let how = own.and_then(|own| self.orphans.remove(&own)).unwrap_or(how);
            if how == How::Exit(0)
                && (self.lives_on(index, pid, &view) || self.leaves_behind(index, pid, &view))
            {
                continue;
            }
            self.ranks[index].waits_for = None;
            self.ranks[index].behind = None;
            let waiters = explain::waiters(&views, rank);
            let offence = verdict::judge(&Death {
                pid,
                how,
                view,
                waiters,
            });
            offences.extend(offence.map(|mut offence| {
                let killed = matches!(how, How::Signal(9, _));
                if let Some(why) = self.memory.clause().filter(|_| killed) {
                    offence.text = format!("{}; {why}", offence.text);
                }
                offence
            }));
            // pairs with the Acquire of ranks that look whether this one ever came
            let record = self.segment.record(rank);
            record.state.store(State::Gone as u32, Release);
        }
        let abort = self.abort().map(|a| verdict::judge_abort(&a));
        if self.code.is_none()
            && let Some(offence) = verdict::first(abort.into_iter().chain(offences))
        {
            self.offended(offence);
        }
    }

    /// Whether the rank's MPI process is another one than the program that was
    /// started and just ended well, and still lives: then its end counts.
    fn lives_on(&mut self, index: usize, ended: i32, view: &View) -> bool {
        let inside = matches!(
            view.state,
            Some(State::Claimed | State::Running | State::Finalizing)
        );
        let other = i32::try_from(view.pid).unwrap_or(0);
        if !inside || other <= 0 || other == ended {
            return false;
        }
        // The number comes from the segment: it must be a process of this job, and not
        // another rank's, or mpirun would wait for, and signal, somebody else.
        let taken = self.ranks.iter().any(|r| r.waits_for == Some(other));
        let alive = !taken && reap::is_below(other, &self.strangers);
        if alive {
            self.ranks[index].waits_for = Some(other);
        }
        alive
    }

    /// Whether a rank says that it is this process.
    fn is_known(&self, pid: i32) -> bool {
        let pid = u32::try_from(pid).ok();
        (0..self.segment.ranks()).any(|r| Some(self.segment.record(r).pid.load(Relaxed)) == pid)
    }

    /// Whether the rank's first program has ended well without MPI, and left something
    /// in the background that may be about to use it (`sh -c 'program &'`, a daemon):
    /// then the rank has not ended yet.
    fn leaves_behind(&mut self, index: usize, ended: i32, view: &View) -> bool {
        let rank = &mut self.ranks[index];
        let first = rank.waits_for == Some(ended) && ended == rank.pid;
        if !first || view.state != Some(State::Fresh) || self.phase != Phase::Running {
            return false;
        }
        if reap::may_join(view.rank, &self.strangers, true) {
            rank.behind = Some(Instant::now());
            rank.waits_for = None;
        }
        rank.behind.is_some()
    }

    /// Looks after ranks whose first program has ended before them: adds those that have
    /// come to their end to `ends`.
    fn look_behind(&mut self, ends: &mut Vec<(usize, i32, How)>) {
        for index in 0..self.ranks.len() {
            let rank = u32::try_from(index).expect("ranks are counted in u32");
            let process = &self.ranks[index];
            let first = process.pid;
            if !process.is_elsewhere() || ends.iter().any(|end| end.0 == index) {
                continue;
            }
            let view = explain::look(&self.segment, rank);
            let other = process.waits_for.or(i32::try_from(view.pid).ok());
            let other = other.filter(|pid| *pid != first && *pid > 0);
            let since = process.behind;
            if let Some(pid) = other {
                // It has come. Its end is told to mpirun or to a parent of its own.
                if let Some(how) = self.orphans.remove(&pid) {
                    ends.push((index, pid, how));
                } else if kill(Pid::from_raw(pid), None).is_err() {
                    ends.push((index, pid, How::Exit(0)));
                } else if since.is_some() && reap::is_below(pid, &self.strangers) {
                    self.ranks[index].waits_for = Some(pid);
                    self.ranks[index].behind = None;
                }
                continue;
            }
            let early = since.is_some_and(|since| since.elapsed() < BEHIND_GRACE);
            let running = self.phase == Phase::Running;
            if !running || !reap::may_join(rank, &self.strangers, early) {
                ends.push((index, first, How::Exit(0)));
            }
        }
    }

    fn abort(&self) -> Option<Abort> {
        let head = self.segment.head();
        // pairs with the Release by which the aborting rank publishes its reasons
        let rank = head.abort_rank.load(Acquire).checked_sub(1)?;
        // overwritten: then the way in which ranks end has to do
        let rank = Some(rank).filter(|rank| *rank < self.segment.ranks())?;
        let len = (head.abort_len.load(Acquire) as usize).min(size_of_val(&head.abort_text));
        let words = head.abort_text.iter().map(|w| w.load(Relaxed));
        let mut bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
        bytes.truncate(len);
        Some(Abort {
            rank,
            pid: explain::look(&self.segment, rank).pid,
            code: head.abort_code.load(Relaxed),
            text: plain::lines(&bytes),
        })
    }

    fn offended(&mut self, offence: Offence) {
        if self.quiet {
            self.code = Some(128 + 13); // as if SIGPIPE had ended mpirun itself
            self.end(Signal::SIGTERM);
            return;
        }
        self.output.catch_up(); // its own last words come first
        say(&offence.text);
        self.code = Some(offence.code);
        if offence.orderly {
            self.phase = Phase::Orderly(Instant::now() + ORDERLY);
        } else {
            self.end(Signal::SIGTERM);
        }
    }

    /// Asks all ranks to end.
    fn end(&mut self, signal: Signal) {
        self.phase = Phase::Ending(Instant::now() + GRACE);
        self.signal_all(signal);
        self.signal_all(Signal::SIGCONT); // a stopped rank would not see it
    }

    fn kill(&mut self) {
        self.phase = Phase::Killed;
        self.signal_all(Signal::SIGKILL);
        reap::kill_all(&self.strangers);
    }

    fn signal_all(&self, signal: Signal) {
        for rank in self.ranks.iter().filter(|r| r.alive()) {
            rank.send(signal);
        }
    }
}

/// As long as this, for `poll`; not a moment too short.
fn milliseconds(time: Duration) -> PollTimeout {
    let up = time + Duration::from_millis(1);
    PollTimeout::try_from(up.as_millis()).unwrap_or(PollTimeout::MAX)
}

fn ending_signal(signal: u32) -> Option<(Signal, Signal)> {
    let known = |(s, _): &&(Signal, Signal)| u32::try_from(*s as i32) == Ok(signal);
    ENDING.iter().find(known).copied()
}

fn exit_code(signal: Signal) -> u8 {
    u8::try_from(128 + signal as i32).unwrap_or(1)
}
