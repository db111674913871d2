//! The mpirun that the user has started, in a job on several hosts: it starts an agent on
//! each, tells them what to run, and passes words between them until all have ended.
//!
//! 1. Each agent says `Hello`. Once all have, it is known which rank runs where.
//! 2. Each is told a `Plan`; its node checks program, directory, and all else, and is `Ready`.
//!    Only when all are, ranks are started: what is missing on one host is told before.
//! 3. Ranks that use MPI have addresses, which go up, and down to all.
//! 4. When all ranks are in `MPI_Finalize`, all are told. A node that has ended says `Exit`.
//!
//! Whoever fails first decides what the job exits with, and the others are ended. An agent
//! that ends without a word, or is silent for too long, is a failure.

use super::agent::{BEAT, SILENCE};
use super::board::Board;
use super::frame::{self, Frame, Hello, Kind, PROTOCOL, Plan, read_addresses, write_addresses};
use super::input::copy_input;
use super::layout;
use super::node::{Event, Node, Stage, begin, ended, ended_soon, hear, kill_group};
use super::printer::{Printer, Stream};
use super::reports::{Reason, Reports};
use super::seen::Seen;
use super::sites::Site;
use super::spawn_plan::Child;
use super::spawns::Spawns;
use crate::account::{Account, Ending};
use crate::allocation;
use crate::cli::{JobOptions, ProgramOptions, StdinReader};
use crate::deadline::{self, Deadline};
use crate::hosts::Host;
use crate::inspect::{Watched, shortened};
use crate::libtest::Tests;
use crate::profile::{self, Profiles};
use crate::say::{Failure, READER_PATIENCE, failure, say};
use crate::signals;
use crate::top;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};
use wireup::spawning::Outcome;

/// How long an agent may take to say its first word.
const HELLO: Duration = Duration::from_secs(60);
/// How often to look at the time.
const TURN: Duration = Duration::from_millis(100);
/// How long what is to be said waits for what ranks have printed before.
const CATCH_UP: Duration = Duration::from_millis(300);
/// How long nodes may take to end, before their agents are killed.
const GRACE: Duration = Duration::from_secs(6);
/// The same for those whose agents do not read, and have not for so long.
const GRACE_UNREAD: Duration = Duration::from_secs(2);
const UNREAD: Duration = Duration::from_secs(1);
/// How long agents may take to end once their nodes have.
const PARTING: Duration = Duration::from_secs(3);
/// How long agents may take to read that the ranks are to be stopped.
const STOPPING: Duration = Duration::from_secs(1);
/// Frames that wait for this mpirun to look at them.
const QUEUE: usize = 64;

pub(super) struct Job<'a> {
    pub global: &'a JobOptions,
    locals: &'a [ProgramOptions],
    args: &'a [OsString],
    pub nodes: Vec<Node>,
    ranks: layout::Ranks,
    pub code: Option<u8>,
    pub ending: Option<Instant>,
    pub deadline: Option<Deadline>,
    began: Instant,
    pub reports: Reports,
    pub board: Board,
    printer: Printer,
    pub account: &'a mut Account,
    /// The tests of which ranks tell, if they do.
    pub tests: Arc<Tests>,
    /// What ranks have recorded.
    recorded: Vec<profile::parts::Part>,
    /// The jobs that ranks have had started.
    pub spawns: Spawns,
    /// Of a spawned job: what has spawned it, and what it wants.
    pub child: Option<Child>,
    /// Whether ranks were started.
    pub has_started: bool,
    /// What has spawned this job is gone.
    pub is_orphan: bool,
}

/// Runs a job on these hosts, perhaps one that a rank has spawned. Returns what mpirun exits with.
///
/// # Errors
/// It cannot begin.
pub fn run(
    args: &[OsString],
    global: &JobOptions,
    locals: &[ProgramOptions],
    hosts: &[Host],
    child: Option<Child>,
) -> Result<u8, Failure> {
    let mut account = Account::new(&global.report, locals).map_err(failure)?;
    let outcome = run_job(args, global, locals, hosts, (child, &mut account));
    account.write(&outcome);
    outcome
}

fn run_job(
    args: &[OsString],
    global: &JobOptions,
    locals: &[ProgramOptions],
    hosts: &[Host],
    (child, account): (Option<Child>, &mut Account),
) -> Result<u8, Failure> {
    let profiles = Profiles::new(global, programs(locals, 1)).map_err(failure)?;
    let names = hosts.iter().map(|host| host.name.clone()).collect();
    let board = Board::new(shortened(&programs(locals, usize::MAX)), names).map_err(failure)?;
    let mut global = global.clone();
    let view = top::inside::Prepared::of(&mut global).map_err(failure)?;
    let global = &global;
    let timeout = deadline::seconds(global).map_err(failure)?;
    let first = locals.first().and_then(|local| local.program.split_first());
    let tests = Arc::new(Tests::of_nodes(first.map_or(&[], |(_, args)| args)));
    account.of_tests(Some(Arc::clone(&tests)));
    let (events, arrived) = sync_channel(QUEUE);
    let mut job = Job {
        global,
        locals,
        args,
        nodes: Vec::new(),
        ranks: Vec::new(),
        code: None,
        ending: None,
        deadline: None,
        began: Instant::now(),
        reports: Reports::default(),
        board,
        printer: Printer::new(),
        tests: Arc::clone(&tests),
        account,
        recorded: Vec::new(),
        spawns: Spawns::new(),
        child,
        has_started: false,
        is_orphan: false,
    };
    job.deadline = timeout.map(|seconds| Deadline::new(job.began, seconds));
    for host in hosts {
        let get = |name: &str| std::env::var(name).ok();
        let allocated = allocation::processors(global.rmk, &host.name, get);
        match begin(host, global, allocated) {
            Ok(node) => job.nodes.push(node),
            Err(why) => {
                job.part();
                return Err(failure(why));
            }
        }
    }
    // Not earlier: agents are to have the signals that this mpirun was started with. Not
    // later: threads must not take them.
    let (signals, blocked) = signals::take(global.forward_signals.as_ref()).map_err(failure)?;
    job.spawns.set_blocked(blocked);
    job.printer
        .start(io::stdout(), io::stderr())
        .map_err(failure)?;
    for (at, node) in job.nodes.iter_mut().enumerate() {
        if let Some(up) = node.child.stdout.take() {
            hear(
                at,
                up,
                (events.clone(), job.printer.clone(), Arc::clone(&tests)),
                node.heard.clone(),
            );
        }
        if let Some(pipe) = node.child.stdin.take() {
            node.down.start(pipe);
        }
    }
    let to_loop = events.clone();
    std::thread::spawn(move || {
        loop {
            let mut fds = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
            let _ = poll(&mut fds, PollTimeout::NONE);
            for signal in signals::arrived(&signals) {
                if to_loop.send(Event::Signal(signal)).is_err() {
                    return;
                }
            }
        }
    });
    drop(events);
    let viewer = view.map(|view| view.start(Watched::Hosts(job.board.viewer()?)));
    let viewer = viewer.transpose().map_err(failure)?;
    job.serve(&arrived);
    job.part();
    job.show_last();
    drop(viewer); // the output that it has kept is printed now
    job.account.fill(job.reports.snapshots());
    let recorded = std::mem::take(&mut job.recorded);
    profiles.write_parts(job.ranks.len(), recorded, job.began.elapsed());
    Ok(job.code.unwrap_or_else(|| job.account.code_of_tests()))
}

/// What is run, in so many words of each program.
fn programs(locals: &[ProgramOptions], words: usize) -> String {
    let all = locals.iter().filter_map(|local| {
        let (first, rest) = local.program.split_first()?;
        let first = Path::new(first).file_name().unwrap_or(first);
        let all = std::iter::once(first).chain(rest.iter().map(OsString::as_os_str));
        let all = all.take(words).map(|word| word.to_string_lossy());
        Some(all.collect::<Vec<_>>().join(" "))
    });
    all.collect::<Vec<_>>().join(" : ")
}

impl Job<'_> {
    fn serve(&mut self, arrived: &Receiver<Event>) {
        let mut looked = Instant::now();
        let is_alive = |node: &Node| node.stage != Stage::Ended;
        while self.nodes.iter().any(is_alive) || self.spawns.any_alive() {
            match arrived.recv_timeout(TURN) {
                Ok(Event::Frame(at, frame)) => self.take(at, &frame),
                Ok(Event::Closed(at, why)) => self.closed(at, why),
                Ok(Event::Signal(signal)) => self.signal(signal),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if looked.elapsed() >= 2 * BEAT {
                // This mpirun was stopped itself.
                let now = Some(Instant::now());
                self.nodes.iter().for_each(|node| node.heard.set(now));
            }
            looked = Instant::now();
            self.look();
        }
        self.finish_tests();
        self.print_all(arrived);
    }

    /// Tells the end of the tests.
    fn finish_tests(&mut self) {
        if let Some(why) = self.tests.finish() {
            say(&why);
        }
        self.printer.put(0, Stream::Out, self.tests.take_text());
    }

    /// Waits until all that ranks have printed is written. A job that was ended does not wait
    /// for a reader that takes nothing; nor does one that is to end now.
    fn print_all(&mut self, arrived: &Receiver<Event>) {
        loop {
            self.printer.catch_up(TURN);
            self.look_at_output();
            if self.printer.is_through() {
                return;
            }
            while let Ok(event) = arrived.try_recv() {
                if let Event::Signal(signal) = event
                    && signals::sent_at_the_end(signal).is_some()
                {
                    self.code.get_or_insert(signals::exit_code(signal));
                    self.printer.discard();
                }
            }
            if self.deadline.as_ref().is_some_and(Deadline::is_over) {
                self.code.get_or_insert(124);
                self.printer.discard();
            }
        }
    }

    /// Whether what ranks print can still be written.
    fn look_at_output(&mut self) {
        if self.ending.is_some() && self.printer.unread() > READER_PATIENCE {
            self.printer.discard();
        }
        match self.printer.broken() {
            Some(why) if self.code.is_none() => match why {
                // As where a rank itself finds that nobody reads its output.
                Errno::EPIPE => self.fail(signals::exit_code(Signal::SIGPIPE), None),
                _ => {
                    let why = why.desc();
                    let text = format!("standard output cannot be written: {why}; ending the job");
                    self.fail(1, Some(&text));
                }
            },
            _ => {}
        }
    }

    /// What time brings.
    fn look(&mut self) {
        self.look_at_output();
        for at in 0..self.nodes.len() {
            let node = &self.nodes[at];
            let limit = match node.stage {
                Stage::Started => HELLO,
                _ => SILENCE,
            };
            if node.stage != Stage::Ended && node.heard.elapsed() > limit {
                let text = format!(
                    "host {}: nothing was heard of it for {} s; ending the job",
                    node.host.name,
                    limit.as_secs()
                );
                self.lose(at);
                self.fail(1, Some(&text));
            }
        }
        let is_over = self.deadline.as_ref().is_some_and(Deadline::is_over);
        if is_over && self.ending.is_none() && !self.reports.will_end() {
            self.code.get_or_insert(124);
            self.account.end(Ending::Timeout);
            self.want(Reason::Timeout);
            self.spawns.signal_all(Signal::SIGTERM);
        }
        self.look_at_ranks();
        self.look_at_spawns();
        for at in 0..self.nodes.len() {
            let unread = self.nodes[at].down.unread();
            let limit = match unread > UNREAD {
                true => GRACE_UNREAD,
                false => GRACE,
            };
            if self.ending.is_some_and(|since| since.elapsed() > limit) {
                self.lose(at);
            }
        }
    }

    /// Gives a node up: its agent is killed here, and ends its ranks where it is.
    fn lose(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        if node.stage == Stage::Ended {
            return;
        }
        node.stage = Stage::Ended;
        kill_group(&mut node.child);
        node.down.discard();
        self.ranks_ended(at);
    }

    /// The ranks of a node have ended.
    fn ranks_ended(&mut self, at: usize) {
        let ranks = (0..).zip(&self.ranks);
        let there = ranks.filter(|(_, rank)| rank.0 as usize == at);
        self.reports.ended(at, there.map(|(number, _)| number));
    }

    /// The job fails with this code, if it has not failed before: all nodes are ended.
    pub(super) fn fail(&mut self, code: u8, text: Option<&str>) {
        if self.code.is_none() {
            self.code = Some(code);
            match (text, self.child.as_ref().filter(|_| !self.has_started)) {
                // The call that spawns returns it as an error.
                (Some(text), Some(child)) => {
                    child.spawned.tell(&Outcome::Refused(None, text.to_owned()));
                }
                (Some(text), None) => {
                    self.flush();
                    say(text);
                }
                (None, _) => {}
            }
            self.spawns.tell_failure();
        }
        self.end();
    }

    fn end(&mut self) {
        self.ending.get_or_insert_with(Instant::now);
        for reason in self.reports.give_up() {
            if let Reason::Signal(signal) = reason {
                say(&format!("{}: ending the job", signal.as_str()));
            }
        }
        for node in &mut self.nodes {
            match node.stage {
                Stage::Ended => {}
                // There is no node yet: its agent ends when it is not spoken to any more.
                Stage::Started | Stage::Greeted => node.down.close(),
                _ => node.down.send(Kind::End, &[]),
            }
        }
    }

    fn signal(&mut self, signal: Signal) {
        if signals::sent_at_the_end(signal).is_some() {
            self.interrupt(signal);
        } else if signal == signals::REPORTING {
            self.want(Reason::Asked);
        } else if signal != Signal::SIGCHLD {
            let stops = signal == Signal::SIGTSTP;
            let number = u8::try_from(signal as i32).unwrap_or(0);
            self.spawns.signal_all(signal);
            for node in &self.nodes {
                if stops {
                    node.down.set_silent(true);
                }
                node.down.send(Kind::Signal, &[number]);
            }
            if stops {
                let until = Instant::now() + STOPPING;
                for node in &self.nodes {
                    node.down
                        .flush(until.saturating_duration_since(Instant::now()));
                }
                let _ = kill(Pid::this(), Signal::SIGSTOP); // SIGCONT is read next
                self.nodes
                    .iter()
                    .for_each(|node| node.down.set_silent(false));
            }
        }
    }

    /// Ends the job for a signal: after a report, unless a second one does not wait for it.
    fn interrupt(&mut self, signal: Signal) {
        self.spawns.signal_all(signal);
        match self.ending.is_some() || self.reports.will_end() {
            true => self.end(),
            false => {
                self.code.get_or_insert(signals::exit_code(signal));
                self.account.end(Ending::Signal);
                self.want(Reason::Signal(signal));
            }
        }
    }

    fn closed(&mut self, at: usize, why: Option<String>) {
        let stage = self.nodes[at].stage;
        if stage == Stage::Ended {
            return;
        }
        let name = self.nodes[at].host.name.clone();
        self.nodes[at].stage = Stage::Ended;
        self.nodes[at].down.discard();
        self.ranks_ended(at);
        if self.ending.is_some() {
            return;
        }
        let how = match (why, ended_soon(&mut self.nodes[at].child)) {
            (Some(why), _) => why,
            (None, Some(status)) => match (status.code(), status.signal()) {
                (Some(code), _) => format!("it has ended with exit code {code}"),
                (_, Some(signal)) => format!("it was killed by signal {signal}"),
                _ => "it has ended".to_owned(),
            },
            (None, None) => "it has closed the connection".to_owned(),
        };
        let text = match stage {
            Stage::Started => format!(
                "host {name}: no agent was started by: {}: {how}",
                self.nodes[at].command
            ),
            _ => format!("host {name}: the agent there is lost: {how}; ending the job"),
        };
        self.fail(1, Some(&text));
    }

    fn take(&mut self, at: usize, frame: &Frame) {
        match frame.kind {
            Kind::Hello => self.greeted(at, &frame.bytes),
            Kind::Ready => {
                self.nodes[at].stage = Stage::Ready;
                self.go();
            }
            Kind::Addresses => {
                self.nodes[at].addresses = read_addresses(&frame.bytes);
                self.introduce();
            }
            Kind::Finalizing => {
                self.nodes[at].is_finalizing = true;
                if self.nodes.iter().all(|node| node.is_finalizing) {
                    self.tell_all(Kind::Released, &[]);
                }
            }
            Kind::Taken => {
                if let Some(taken) = frame.bytes.first_chunk() {
                    let taken = u32::from_le_bytes(*taken) as usize;
                    self.nodes[at].down.give(taken);
                }
            }
            Kind::Seen => {
                let host = Arc::from(self.nodes[at].host.name.as_str());
                let seen = Seen::read(&frame.bytes, &host);
                if let (Some(seen), Some(asked)) = (&seen, self.reports.asked_at()) {
                    self.nodes[at].clock.compare(seen.clock, asked);
                }
                self.reports.answered(at, seen);
            }
            Kind::Account => {
                if let Some(part) = frame::read_account(&frame.bytes) {
                    self.account.add(part);
                }
            }
            Kind::Profile => {
                if let Some(mut part) = profile::parts::Part::read(&frame.bytes) {
                    part.shift(-self.nodes[at].clock.ahead());
                    self.recorded.push(part);
                }
            }
            Kind::Exit => {
                self.nodes[at].stage = Stage::Ended;
                self.nodes[at].down.discard();
                self.ranks_ended(at);
                match frame.bytes.first().copied().unwrap_or(1) {
                    0 => self.look_for_absent(),
                    code => self.fail_with_node(code),
                }
            }
            Kind::Spawn => self.spawn(at, &frame.bytes),
            Kind::Refused => self.refused(&frame.bytes),
            Kind::Apart => self.apart(&frame.bytes),
            _ => {}
        }
    }

    /// Ranks of some nodes wait for those of others to come, who never will.
    fn look_for_absent(&mut self) {
        let has_ended = |node: &&Node| node.stage == Stage::Ended && node.addresses.is_none();
        let absent = self.nodes.iter().find(has_ended);
        let waiting = self
            .nodes
            .iter()
            .find(|node| node.stage != Stage::Ended && node.addresses.is_some());
        if let (Some(absent), Some(waiting)) = (absent, waiting) {
            let text = format!(
                "the ranks on host {} have ended without calling MPI_Init, for which those on \
                 host {} wait; ending the job",
                absent.host.name, waiting.host.name
            );
            self.fail(1, Some(&text));
        }
    }

    fn greeted(&mut self, at: usize, bytes: &[u8]) {
        let node = &mut self.nodes[at];
        let name = node.host.name.clone();
        let own = env!("CARGO_PKG_VERSION");
        match Hello::read(bytes) {
            Some(hello) if hello.protocol == PROTOCOL && hello.version == own => {
                node.cores = hello.cores;
                node.own_name = hello.host;
                node.machine = (hello.machine, hello.processors);
                node.stage = Stage::Greeted;
            }
            Some(hello) => {
                let text = format!(
                    "host {name}: its mpirun is of version {} (protocol {}), this one of {own} \
                     (protocol {PROTOCOL}): install the same on all hosts",
                    hello.version, hello.protocol
                );
                return self.fail(1, Some(&text));
            }
            None => {
                let text = format!("host {name}: its agent's first word cannot be read");
                return self.fail(1, Some(&text));
            }
        }
        if self.ending.is_none() && self.nodes.iter().all(|n| n.stage == Stage::Greeted) {
            self.plan();
        }
    }

    /// All agents are there: says what runs where.
    fn plan(&mut self) {
        let hosts: Vec<Host> = self.nodes.iter().map(|node| node.host.clone()).collect();
        let cores: Vec<u32> = self.nodes.iter().map(|node| node.cores).collect();
        match &self.child {
            Some(child) => {
                self.ranks.clone_from(&child.plan.ranks);
                self.spawns.sites.clone_from(&child.plan.sites);
            }
            None => match layout::ranks(self.global, self.locals, &hosts, &cores) {
                Ok(ranks) => {
                    self.ranks = ranks;
                    self.spawns.sites = self.sites(&layout::slots(self.global, &hosts, &cores));
                }
                Err(why) => return self.fail(1, Some(&why)),
            },
        }
        self.tests
            .set_ranks(u32::try_from(self.ranks.len()).unwrap_or(u32::MAX));
        let Some(secret) = secret() else {
            return self.fail(1, Some("there are no random numbers (/dev/urandom)"));
        };
        if let Some(StdinReader::Rank(rank)) = self.global.stdin
            && rank as usize >= self.ranks.len()
        {
            let text = format!("--stdin {rank}: the job has {} ranks", self.ranks.len());
            return self.fail(1, Some(&text));
        }
        if let Some(rank) = missing(self.global, self.ranks.len()) {
            let text = format!("--gdb {rank}: the job has {} ranks", self.ranks.len());
            return self.fail(1, Some(&text));
        }
        let of = |rank: &(u32, u32, u32)| self.nodes[rank.0 as usize].host.name.as_str();
        let hosts = self.ranks.iter().map(|rank| Arc::from(of(rank)));
        self.reports.begin(hosts.collect());
        // Hosts without ranks take no part.
        let used: Vec<usize> = (0..self.nodes.len())
            .filter(|at| self.ranks.iter().any(|rank| rank.0 as usize == *at))
            .collect();
        let number = |host: u32| used.iter().position(|at| *at == host as usize);
        let ranks: layout::Ranks = self
            .ranks
            .iter()
            .map(|(host, local, program)| {
                let node = number(*host).and_then(|at| u32::try_from(at).ok());
                (node.unwrap_or(0), *local, *program)
            })
            .collect();
        let names = used.iter().map(|at| self.nodes[*at].host.name.clone());
        let offered = self.spawns.sites.iter().map(|site| site.slots);
        let universe = offered.fold(0, u32::saturating_add);
        let request = self.child.as_ref().map(|child| &child.plan.request);
        let mut plan = Plan {
            args: self.args.to_vec(),
            env: match request {
                Some(request) => request.variables(),
                None => std::env::vars_os().collect(),
            },
            dir: match request {
                Some(request) => request.dir.clone(),
                None => std::env::current_dir().map_or_else(|_| "/".into(), Into::into),
            },
            hosts: names.collect(),
            node: 0,
            ranks: ranks.clone(),
            crowd: (0, 0),
            divides: false,
            secret,
            interface: self.global.interface.clone().unwrap_or_default(),
            origin: (own_host(), std::process::id()),
            universe: universe.max(u32::try_from(self.ranks.len()).unwrap_or(u32::MAX)),
        };
        let machines: Vec<_> = self.nodes.iter().map(|node| node.machine.clone()).collect();
        let counts: Vec<u32> = (0..self.nodes.len())
            .map(|at| {
                let there = self.ranks.iter().filter(|rank| rank.0 as usize == at);
                u32::try_from(there.count()).unwrap_or(u32::MAX)
            })
            .collect();
        let mut kept = Vec::new();
        for (at, mut node) in std::mem::take(&mut self.nodes).into_iter().enumerate() {
            match used.iter().position(|used| *used == at) {
                Some(number) => {
                    plan.node = u32::try_from(number).unwrap_or(0);
                    (plan.crowd, plan.divides) = layout::crowd(&machines, &counts, at);
                    node.down.send(Kind::Plan, &plan.write());
                    node.stage = Stage::Planned;
                }
                None => {
                    node.stage = Stage::Ended;
                    node.down.close();
                }
            }
            kept.push(node);
        }
        self.nodes = kept;
        for (at, node) in self.nodes.iter_mut().enumerate() {
            // They have nothing to say, and count as through with everything.
            if !used.contains(&at) {
                node.is_finalizing = true;
                node.addresses = Some(Vec::new());
            }
        }
        self.read_input();
    }

    /// Starts the ranks, once all nodes are ready.
    fn go(&mut self) {
        let ready = |node: &Node| matches!(node.stage, Stage::Ready | Stage::Ended);
        if self.ending.is_none() && self.nodes.iter().all(ready) {
            for node in self.nodes.iter_mut().filter(|n| n.stage == Stage::Ready) {
                node.stage = Stage::Running;
                node.down.send(Kind::Go, &[]);
            }
            self.started();
        }
    }

    /// The hosts as spawned jobs find them, with so many slots each.
    fn sites(&self, slots: &[u32]) -> Vec<Site> {
        let sites = self.nodes.iter().zip(slots).enumerate();
        sites
            .map(|(at, (node, slots))| {
                let there = self.ranks.iter().filter(|rank| rank.0 as usize == at);
                Site {
                    name: node.host.name.clone(),
                    own: node.own_name.clone(),
                    slots: *slots,
                    used: u32::try_from(there.count()).unwrap_or(u32::MAX),
                }
            })
            .collect()
    }

    /// The command line that the user gave.
    pub(super) fn user_args(&self) -> &[OsString] {
        match &self.child {
            Some(child) => &child.plan.user,
            None => self.args,
        }
    }

    /// Tells all ranks of each other, once all addresses are known.
    fn introduce(&mut self) {
        let known: Option<Vec<_>> = self.nodes.iter().map(|n| n.addresses.clone()).collect();
        if let Some(known) = known {
            let all: Vec<_> = known.into_iter().flatten().collect();
            self.tell_all(Kind::Table, &write_addresses(&all));
        }
        self.look_for_absent();
    }

    pub(super) fn tell_all(&self, kind: Kind, bytes: &[u8]) {
        for node in self.nodes.iter().filter(|n| n.stage != Stage::Ended) {
            node.down.send(kind, bytes);
        }
    }

    /// Starts the thread that reads standard input, for those nodes whose ranks read it. To
    /// the others it ends at once.
    fn read_input(&self) {
        let of = |rank: u32| self.ranks.get(rank as usize).map(|rank| rank.0 as usize);
        let readers: Vec<usize> = match self.global.stdin {
            Some(StdinReader::All) => (0..self.nodes.len()).collect(),
            Some(StdinReader::Nobody) => Vec::new(),
            Some(StdinReader::Rank(rank)) => of(rank).into_iter().collect(),
            None => of(0).into_iter().collect(),
        };
        let mut to = Vec::new();
        for (at, node) in self.nodes.iter().enumerate() {
            match readers.contains(&at) && node.stage != Stage::Ended {
                true => to.push(node.down.clone()),
                false => node.down.send(Kind::In, &[]),
            }
        }
        if !to.is_empty() {
            std::thread::spawn(move || copy_input(&to));
        }
    }

    /// Has what ranks have printed so far printed, unless nobody reads it.
    pub(super) fn flush(&self) {
        self.printer.catch_up(CATCH_UP);
    }

    /// Takes leave of all agents.
    fn part(&mut self) {
        for node in &mut self.nodes {
            node.down.close();
            drop(node.child.stdin.take()); // where the job could not begin
        }
        let until = Instant::now() + PARTING;
        for node in &mut self.nodes {
            while ended(&mut node.child).is_none() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(5));
            }
            if ended(&mut node.child).is_none() {
                kill_group(&mut node.child);
                let _ = node.child.wait();
            }
        }
    }
}

/// The first rank that is to run in a debugger and that a job of `size` ranks does not have.
fn missing(global: &JobOptions, size: usize) -> Option<u32> {
    let all = [&global.gdb, &global.xterm].into_iter().flatten();
    let mut ranks = all.flat_map(|ranks| &ranks.0);
    ranks.find(|rank| **rank as usize >= size).copied()
}

/// What this host calls itself.
fn own_host() -> String {
    let name = nix::unistd::gethostname().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// A number that nobody guesses.
fn secret() -> Option<u64> {
    let mut bytes = [0; 8];
    let mut file = std::fs::File::open("/dev/urandom").ok()?;
    file.read_exact(&mut bytes).ok()?;
    Some(u64::from_ne_bytes(bytes))
}
