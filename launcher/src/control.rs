//! A job from its first process to its end: one loop over signals, ended children, the
//! deadline and news of the forwarding thread.
//!
//! The job is *running* until something ends it: a rank that fails, a signal, or the
//! deadline. Then it *winds down*: SIGTERM, [`GRACE`], SIGKILL. It is over when every rank
//! has ended. What the ranks left behind is ended then.

use crate::account::{Account, Ending, Occasion};
use crate::children::ChildJobs;
use crate::cli::{JobOptions, OnDeadlock};
use crate::deadline::{Deadline, poll_timeout};
use crate::deadlock;
use crate::explain::{self, Known};
use crate::flush;
use crate::forward::Forwarder;
use crate::joint::Joint;
use crate::libtest;
use crate::mpir;
use crate::oom::OomWatch;
use crate::profile::Profiles;
use crate::ranks::Ranks;
use crate::reap::ExitStatus;
use crate::report::Reports;
use crate::say::{is_hushed, is_node, rank_in_job, say};
use crate::signals;
use crate::snapshot::{self, RankSnapshot};
use crate::source;
use crate::spawned::{self, Spawned, Wish};
use crate::verdict::{self, Cause, RankEnd};
use crate::warnings::Warnings;
use crate::watch::{Findings, History};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::{Signal, kill};
use nix::sys::signalfd::SignalFd;
use nix::unistd::Pid;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::time::{Duration, Instant};
use wireup::death;
use wireup::layout::State;
use wireup::segment::Segment;

/// The time between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
/// The time before SIGTERM in which the others may end by themselves, when a rank has
/// failed outside of MPI.
const ORDERLY_GRACE: Duration = Duration::from_millis(500);
/// How long ranks may take to disconnect from processes that have disconnected and ended.
const PARTING_TIME: Duration = Duration::from_secs(1);
/// How often to look at a rank whose end may come without SIGCHLD.
const ELSEWHERE_INTERVAL: Duration = Duration::from_millis(20);

/// How often, for 0.2 s each, to wait for what a rank that has ended has told of its tests.
const TELLING_TRIES: u32 = 25;

/// How far the job is.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Phase {
    Running,
    /// A rank has failed. The others get SIGTERM at this moment.
    Orderly(Instant),
    /// SIGTERM was sent. SIGKILL follows at this moment.
    Ending(Instant),
    /// SIGKILL was sent.
    Killed,
}

/// The jobs that have to do with this one.
#[derive(Debug)]
pub struct OtherJobs {
    /// Those that its ranks spawn.
    pub children: ChildJobs,
    /// What has spawned it, if something has.
    pub spawned: Option<Spawned>,
}

/// Whether the default action of a signal is to leave a core file.
fn dumps_core(signal: i32) -> bool {
    [
        libc::SIGSEGV,
        libc::SIGBUS,
        libc::SIGABRT,
        libc::SIGFPE,
        libc::SIGILL,
    ]
    .contains(&signal)
}

/// Why there is none.
fn no_core() -> &'static str {
    match getrlimit(Resource::RLIMIT_CORE) {
        Ok((0, _)) => "\n  no core file: ulimit -c is 0",
        _ => "",
    }
}

/// A job under way.
pub struct Job<'a> {
    segment: Segment,
    /// What `--report` writes.
    account: &'a mut Account,
    ranks: Ranks,
    /// The thread that forwards what ranks print.
    output: Arc<Forwarder>,
    deadline: Option<Deadline>,
    reports: Reports,
    profiles: Profiles,
    /// When its ranks had been started.
    began: Instant,
    oom: OomWatch,
    warnings: Warnings,
    history: History,
    /// What is known of jobs that are connected to this one.
    joint: Joint,
    phase: Phase,
    /// What mpirun exits with, once that is decided.
    code: Option<u8>,
    /// Nobody reads mpirun's standard output any more. What follows from that is not
    /// reported.
    quiet: bool,
    /// How many signals so far asked for the job's end.
    interrupts: u32,
    /// What is done when ranks can never go on.
    on_deadlock: OnDeadlock,
    /// A rank that fails does not end the others.
    keeps_going: bool,
    /// How each rank ended, if that is printed.
    exits: Option<Vec<(u32, ExitStatus)>>,
    /// Jobs that ranks have spawned.
    children: ChildJobs,
    /// What has spawned this job.
    spawned: Option<Spawned>,
    /// What has spawned this job is gone. If ranks are still connected at this moment, this
    /// job ends.
    orphaned: Option<Instant>,
}

impl<'a> Job<'a> {
    /// A job whose ranks were just started.
    pub fn new(
        segment: Segment,
        ranks: Ranks,
        output: Arc<Forwarder>,
        (deadline, global): (Option<Deadline>, &JobOptions),
        (reports, profiles, account): (Reports, Profiles, &'a mut Account),
        oom: OomWatch,
        others: OtherJobs,
    ) -> Job<'a> {
        let OtherJobs { children, spawned } = others;
        Job {
            segment,
            account,
            ranks,
            output,
            deadline,
            reports,
            profiles,
            began: Instant::now(),
            oom,
            on_deadlock: global.on_deadlock(),
            keeps_going: global.disable_auto_cleanup,
            exits: global.print_all_exitcodes.then(Vec::new),
            warnings: Warnings::default(),
            history: History::default(),
            joint: Joint::default(),
            phase: Phase::Running,
            code: None,
            quiet: false,
            interrupts: 0,
            children,
            spawned,
            orphaned: None,
        }
    }

    /// Bytes of memory that the job segment holds.
    pub fn segment_bytes(&self) -> u64 {
        self.segment.backed().unwrap_or(0)
    }

    /// Returns when the job is over and everything that it printed is written, with what
    /// mpirun exits with. `programs`: what each rank runs.
    pub fn run(&mut self, signals: &SignalFd, programs: &[String]) -> u8 {
        while self.ranks.any_alive() || self.children.any_alive() {
            self.sleep(signals);
            self.look_at_output();
            self.look_at_signals(signals);
            self.reports.look(&self.segment);
            self.look_at_warnings();
            self.look_at_children();
            self.look_at_spawned();
            self.look_at_waits();
            self.look_at_time();
        }
        let time = self.began.elapsed();
        self.look_at_warnings();
        self.reports.last(&self.segment);
        if !self.quiet {
            self.output.catch_up(); // what ranks printed last comes first
        }
        if let Some(exits) = self.exits.take() {
            say(&verdict::exit_codes(exits));
        }
        self.profiles.write(&self.segment, time);
        self.ranks.end_leftovers();
        self.output.drain();
        self.code = flush::flush(
            &self.output,
            signals,
            self.deadline,
            self.code,
            self.interrupts,
        );
        self.look_at_output();
        self.account.close(&self.segment, programs);
        self.code.unwrap_or_else(|| self.account.code_of_tests())
    }

    /// Sleeps until something may have happened.
    fn sleep(&self, signals: &SignalFd) {
        let phase = match self.phase {
            Phase::Orderly(then) | Phase::Ending(then) => Some(then),
            Phase::Running => self.deadline.map(|deadline| deadline.at()),
            Phase::Killed => None,
        };
        let report = self.reports.due().map(|wait| Instant::now() + wait);
        let watch = (self.phase == Phase::Running).then(|| self.history.due());
        let elsewhere = self.ranks.any_elsewhere();
        let elsewhere = elsewhere.then(|| Instant::now() + ELSEWHERE_INTERVAL);
        let listen = self.children.due();
        let times = [phase, report, watch, elsewhere, self.orphaned, listen]
            .into_iter()
            .flatten();
        let timeout = times.min().map_or(PollTimeout::NONE, poll_timeout);
        let mut fds = vec![
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.output.news.as_fd(), PollFlags::POLLIN),
        ];
        fds.extend(self.children.fds());
        let link = self.spawned.as_ref().and_then(Spawned::link);
        fds.extend(link.map(|link| PollFd::new(link.as_fd(), PollFlags::POLLIN)));
        let _ = poll(&mut fds, timeout); // an error means no more than: look at everything
    }

    /// Starts the jobs that ranks spawn, and looks after those that were.
    fn look_at_spawned(&mut self) {
        for pid in self.children.look(self.phase == Phase::Running) {
            self.ranks.leave_alone(pid);
        }
        for (pid, status) in self.ranks.take_other_ends() {
            let Some(Some(failure)) = self.children.ended(pid, status) else {
                continue;
            };
            if self.code.is_none() {
                self.fail(&Cause::of_spawned_job(&failure.program, failure.code));
            }
        }
        let wish = self.spawned.as_mut().map(Spawned::wish);
        if wish == Some(Wish::End) {
            self.orphaned = Some(Instant::now() + PARTING_TIME);
        }
        let is_over = self.orphaned.is_some_and(|then| Instant::now() >= then);
        if is_over && self.code.is_none() && self.has_parent() {
            if !is_node() {
                say(spawned::ORPHANED); // else the mpirun that all hosts have in common does
            }
            self.code = Some(1);
            self.account.end(Ending::Parent);
            self.end(Signal::SIGTERM);
        }
        if is_over {
            self.orphaned = None;
        }
    }

    /// Whether any rank is connected to another job.
    fn is_connected(&self) -> bool {
        self.segment.head().connections.load(Relaxed) != 0
    }

    /// Whether any rank is connected to the job that has spawned this one.
    fn has_parent(&self) -> bool {
        self.segment.head().parent_connections.load(Relaxed) != 0
    }

    /// Looks whether mpirun's standard output can still be written. If its reader has gone,
    /// ranks learn of that themselves when they print. Any other error ends the job.
    fn look_at_output(&mut self) {
        let _ = self.output.news.read();
        match self.output.broken() {
            None => {}
            Some(Errno::EPIPE) => self.quiet = true,
            Some(why) if self.code.is_none() => {
                say(&format!(
                    "standard output cannot be written: {}; ending the job",
                    why.desc()
                ));
                self.code = Some(1);
                self.account.end(Ending::Output);
                self.end(Signal::SIGTERM);
            }
            Some(_) => {}
        }
    }

    /// Tells what ranks have warned of.
    fn look_at_warnings(&mut self) {
        let news = self.warnings.news(&self.segment);
        if news.is_empty() {
            return;
        }
        if !self.quiet {
            self.output.catch_up(); // what ranks printed before comes first
        }
        for warning in &news {
            say(&warning.told());
        }
        self.account.warned(news);
    }

    fn look_at_signals(&mut self, signals: &SignalFd) {
        for signal in signals::arrived(signals) {
            if let Some(sent) = signals::sent_at_the_end(signal) {
                self.interrupts += 1;
                self.interrupt(signal, sent);
            } else if signal == signals::REPORTING {
                let report = self.explain(Occasion::Asked);
                say(&format!("SIGQUIT: the job goes on\n{}", report.trim_end()));
            } else if signal == Signal::SIGTSTP {
                self.ranks.signal_all(Signal::SIGTSTP);
                self.children.signal_all(Signal::SIGTSTP);
                let _ = kill(Pid::this(), Signal::SIGSTOP); // SIGCONT, which follows, is read next
            } else if signal != Signal::SIGCHLD {
                self.ranks.signal_all(signal);
                self.children.signal_all(signal);
            }
        }
    }

    /// Ends the job because mpirun got `signal`. The ranks are sent `sent`.
    fn interrupt(&mut self, signal: Signal, sent: Signal) {
        self.code.get_or_insert(signals::exit_code(signal));
        self.account.end(Ending::Signal);
        match self.phase {
            Phase::Running | Phase::Orderly(_) => {
                // Nobody reads it, or others have told it: looking lines up takes long.
                let was_told = self.spawned.as_mut().is_some_and(Spawned::was_told);
                let is_told = !self.quiet && !is_hushed() && !was_told;
                let report = match is_told {
                    true => self.explain(Occasion::Signal),
                    false => String::new(),
                };
                let name = signal.as_str();
                if !is_told {
                    // nothing is said
                } else if snapshot::any_uses_mpi(&self.segment) {
                    say(&format!("{name}: ending the job\n{}", report.trim_end()));
                } else {
                    say(&format!("{name}: ending the job"));
                }
                self.end(sent);
            }
            Phase::Ending(_) | Phase::Killed => self.kill(),
        }
        self.children.signal_all(signal);
    }

    /// Takes a new snapshot of all ranks. Returns it, and what is certain by now of those
    /// that wait.
    fn look(&mut self, now: Instant) -> (Vec<RankSnapshot>, Findings) {
        let snapshots = snapshot::of_all(&self.segment);
        let ranks = &self.ranks;
        self.history
            .look(&snapshots, |rank| !ranks.is_alive(rank), (now, now));
        let connected = self.is_connected();
        let findings = self.history.findings(&snapshots, connected, &[], now);
        (snapshots, findings)
    }

    /// Reports ranks that can never go on: since others have left for whom they wait, or since
    /// they wait for one another.
    fn look_at_waits(&mut self) {
        let now = Instant::now();
        if self.phase != Phase::Running || !self.history.is_due(now) {
            return;
        }
        let (snapshots, findings) = self.look(now);
        if self.on_deadlock == OnDeadlock::Off || self.quiet {
            return;
        }
        let ends = self.on_deadlock == OnDeadlock::End;
        self.look_at_other_jobs(&snapshots, ends, now);
        if self.phase != Phase::Running || !self.history.are_settled(&findings, now) {
            return;
        }
        let seen = (snapshots.as_slice(), &findings);
        let find_out = || Known::of(&snapshots);
        let Some((text, known)) = deadlock::news(&mut self.history, seen, ends, now, find_out)
        else {
            return;
        };
        self.output.catch_up(); // what those ranks printed last comes first
        say(&text);
        self.account
            .report(Occasion::Stuck, &snapshots, &findings, &known, &text);
        if ends {
            self.end_deadlock();
        }
    }

    /// Reports ranks of this job and of others that can never go on, since they wait for one
    /// another.
    fn look_at_other_jobs(&mut self, snapshots: &[RankSnapshot], ends: bool, now: Instant) {
        if is_node() || !self.is_connected() {
            return;
        }
        let ranks = &self.ranks;
        let has_ended = |rank| !ranks.is_alive(rank);
        let Some(report) = self.joint.look(&self.segment, snapshots, has_ended, now) else {
            return;
        };
        let known = Known::of(snapshots);
        let text = report.told((snapshots, &known), deadlock::outcome(ends));
        self.output.catch_up(); // what those ranks printed last comes first
        say(&text);
        self.account
            .report(Occasion::Stuck, snapshots, &report.findings, &known, &text);
        if ends {
            self.children.tell_that_it_is_told();
            self.end_deadlock();
        }
    }

    /// Ends the job since ranks can never go on.
    fn end_deadlock(&mut self) {
        self.code = Some(deadlock::CODE);
        self.account.end(Ending::Deadlock);
        if let Some(spawned) = self.spawned.as_ref().filter(|_| self.has_parent()) {
            spawned.tell_failure(self.code.unwrap_or(1));
        }
        self.end(Signal::SIGTERM);
        self.children.signal_all(Signal::SIGTERM);
    }

    /// What every rank does, and what is certain of those that wait.
    fn explain(&mut self, occasion: Occasion) -> String {
        let (snapshots, findings) = self.look(Instant::now());
        let known = Known::of(&snapshots);
        let text = explain::report(&snapshots, &findings, &known);
        self.account
            .report(occasion, &snapshots, &findings, &known, text.trim_end());
        match is_node() {
            true => format!("in these lines ranks have their numbers on this host:\n{text}"),
            false => text,
        }
    }

    fn look_at_time(&mut self) {
        let now = Instant::now();
        match self.phase {
            Phase::Orderly(then) if now >= then => self.end(Signal::SIGTERM),
            Phase::Ending(then) if now >= then => self.kill(),
            Phase::Running => {
                if let Some(deadline) = self.deadline.filter(Deadline::is_over) {
                    let report = self.explain(Occasion::Timeout);
                    say(&format!(
                        "the job did not end within {} s:\n{}",
                        deadline.seconds,
                        report.trim_end()
                    ));
                    self.code = Some(124);
                    self.account.end(Ending::Timeout);
                    self.end(Signal::SIGTERM);
                    self.children.signal_all(Signal::SIGTERM);
                }
            }
            Phase::Orderly(_) | Phase::Ending(_) | Phase::Killed => {}
        }
    }

    /// Takes all children that have ended, and judges them together.
    fn look_at_children(&mut self) {
        let running = self.phase == Phase::Running;
        let ends = self.ranks.take_ended(&self.segment, running);
        if ends.is_empty() {
            return;
        }
        let snapshots = snapshot::of_all(&self.segment);
        let mut causes = Vec::new();
        for end in ends {
            let snapshot = snapshots[end.rank as usize].clone();
            let Some(status) = self.ranks.rank_end(end, &snapshot, running) else {
                continue;
            };
            let death = death::of(&self.segment, end.rank);
            let death = death.filter(|_| matches!(status, ExitStatus::Signal(..)));
            self.account.rank_ended(end, status, self.code.is_some());
            if let Some(exits) = &mut self.exits {
                exits.push((end.rank, status));
            }
            let judged = RankEnd {
                pid: end.pid,
                status,
                snapshot,
                // Who waits for a rank is not known where some are on other hosts.
                waiters: match is_node() {
                    true => String::new(),
                    false => explain::waiters(&snapshots, end.rank),
                },
                place: death
                    .as_ref()
                    .map_or(String::new(), |death| source::trace(&death.frames)),
                death,
            };
            let cause = verdict::judge(&judged).filter(|_| !self.has_told_its_tests(&judged));
            let cause = cause.map(|mut cause| {
                let killed = matches!(status, ExitStatus::Signal(libc::SIGKILL, _));
                if let Some(why) = self.oom.clause().filter(|_| killed) {
                    cause.text = format!("{}; {why}", cause.text);
                }
                if matches!(status, ExitStatus::Signal(signal, false) if dumps_core(signal)) {
                    cause.text.push_str(no_core());
                }
                cause
            });
            if let Some(cause) = cause.as_ref().filter(|_| self.code.is_none()) {
                self.account.failed(&judged, &snapshots, &cause.text);
            }
            causes.extend(cause);
            // pairs with the Acquire of ranks that look whether this one ever came
            let record = self.segment.record(end.rank);
            record.state.store(State::Gone as u32, Release);
        }
        if self.code.is_some() && !(self.keeps_going && running) {
            return;
        }
        let abort = snapshot::abort(&self.segment).map(|abort| {
            let mut cause = verdict::judge_abort(&abort);
            let note = death::of(&self.segment, abort.rank);
            let note = note.filter(|note| note.signal == 0); // no signal: an error
            let frames = note.map_or(Vec::new(), |note| note.frames);
            let place = source::lines(&frames);
            if !place.is_empty() {
                cause.text.push_str(&format!("\n  {place}"));
            }
            self.account
                .aborted(&abort, &snapshots, &frames, &cause.text);
            cause
        });
        // MPI_Abort ends a job, whatever the options say.
        if self.keeps_going && abort.is_none() {
            for cause in &causes {
                self.output.catch_up();
                say(&format!(
                    "{}\n  The others go on (--disable-auto-cleanup).",
                    cause.text
                ));
                self.code.get_or_insert(cause.code);
                self.account.end(Ending::Failure);
            }
            return;
        }
        // A rank may see a process of a spawned job end before its mpirun has ended.
        let failure = self.children.failure().filter(|_| abort.is_some());
        let failure = failure.map(|it| Cause::of_spawned_job(&it.program, it.code));
        if let Some(cause) = failure.or_else(|| verdict::likeliest(abort.into_iter().chain(causes)))
        {
            self.fail(&cause);
        }
    }

    /// Whether a rank runs tests, has told what became of all, and has ended as such programs do,
    /// which have no place to call `MPI_Finalize`. The others then go on, and tell theirs.
    fn has_told_its_tests(&self, end: &RankEnd) -> bool {
        let Some(tests) = self.account.tests() else {
            return false;
        };
        let code = i32::from(libtest::FAILED);
        if !matches!(end.status, ExitStatus::Exit(exit) if exit == 0 || exit == code) {
            return false;
        }
        // What it has printed last may still be in its pipe.
        let mut tries = 0..TELLING_TRIES;
        while !self.output.catch_up() && tries.next().is_some() {}
        tests.has_done(rank_in_job(end.snapshot.rank))
    }

    /// Ends the job because a rank has failed.
    fn fail(&mut self, cause: &Cause) {
        self.account.end(Ending::Failure);
        self.account.cause(&cause.text);
        if self.quiet {
            self.code = Some(128 + 13); // as if SIGPIPE had ended mpirun itself
            self.end(Signal::SIGTERM);
            return;
        }
        self.output.catch_up(); // what that rank printed last comes first
        say(&cause.text);
        mpir::abort(&cause.text);
        self.code = Some(cause.code);
        self.children.tell_failure();
        if let Some(spawned) = self.spawned.as_ref().filter(|_| self.has_parent()) {
            spawned.tell_failure(self.code.unwrap_or(1));
        }
        if cause.orderly {
            self.phase = Phase::Orderly(Instant::now() + ORDERLY_GRACE);
        } else {
            self.end(Signal::SIGTERM);
        }
    }

    /// Asks all ranks to end.
    fn end(&mut self, signal: Signal) {
        self.phase = Phase::Ending(Instant::now() + GRACE);
        self.ranks.signal_all(signal);
        self.ranks.signal_all(Signal::SIGCONT); // a stopped rank would not see the signal
    }

    fn kill(&mut self) {
        self.phase = Phase::Killed;
        self.ranks.kill();
    }
}
