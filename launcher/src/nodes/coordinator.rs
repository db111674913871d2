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
use super::frame::{self, Frame, Hello, Kind, PROTOCOL, Plan, read_addresses, write_addresses};
use super::outbox::Outbox;
use super::{launch, layout};
use crate::cli::{JobOptions, ProgramOptions, StdinReader};
use crate::deadline::{self, Deadline};
use crate::hosts::Host;
use crate::say::{Failure, failure, say};
use crate::signals;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// How long an agent may take to say its first word.
const HELLO: Duration = Duration::from_secs(60);
/// How long a part of a line is held back for the rest of it.
const PART: Duration = Duration::from_millis(100);
/// How long nodes may take to end, before their agents are killed.
const GRACE: Duration = Duration::from_secs(6);
/// How long agents may take to end once their nodes have.
const PARTING: Duration = Duration::from_secs(3);
/// How long agents may take to read that the ranks are to be stopped.
const STOPPING: Duration = Duration::from_secs(1);
/// Frames that wait for this mpirun to look at them.
const QUEUE: usize = 64;

/// What happens.
enum Event {
    Frame(usize, Frame),
    /// An agent's output has ended; why, if not by its own end.
    Closed(usize, Option<String>),
    Signal(Signal),
}

/// How far a node is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Started,
    Greeted,
    Planned,
    Ready,
    Running,
    Ended,
}

struct Node {
    host: Host,
    /// The command that has started its agent, in words.
    command: String,
    child: Child,
    down: Outbox,
    stage: Stage,
    cores: u32,
    addresses: Option<Vec<(u32, Vec<u8>)>>,
    is_finalizing: bool,
    heard: Instant,
    /// The beginning of a line, on standard output and error, and since when it is held.
    parts: [(Vec<u8>, Instant); 2],
}

struct Job<'a> {
    global: &'a JobOptions,
    locals: &'a [ProgramOptions],
    args: &'a [OsString],
    nodes: Vec<Node>,
    ranks: layout::Ranks,
    code: Option<u8>,
    ending: Option<Instant>,
    deadline: Option<Deadline>,
    began: Instant,
}

/// Options that look at one host only.
fn check(global: &JobOptions) -> Result<(), String> {
    let only_here = [
        (global.top.is_some(), "--top"),
        (global.profile.is_some(), "--profile"),
        (global.trace.is_some(), "--trace"),
        (global.report.is_some(), "--report"),
        (global.gdb.is_some(), "--gdb"),
        (global.debugger.is_some(), "--debugger"),
    ];
    match only_here.iter().find(|option| option.0) {
        Some((_, name)) => Err(format!(
            "{name} is for jobs on one host so far; this one is to run on several"
        )),
        None => Ok(()),
    }
}

/// Runs a job on these hosts. Returns what mpirun exits with.
///
/// # Errors
/// It cannot begin.
pub fn run(
    args: &[OsString],
    global: &JobOptions,
    locals: &[ProgramOptions],
    hosts: &[Host],
) -> Result<u8, Failure> {
    check(global).map_err(failure)?;
    let timeout = deadline::seconds(global).map_err(failure)?;
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
    };
    job.deadline = timeout.map(|seconds| Deadline::new(job.began, seconds));
    for host in hosts {
        match begin(host, global) {
            Ok(node) => job.nodes.push(node),
            Err(why) => {
                job.part();
                return Err(failure(why));
            }
        }
    }
    // Not earlier: agents are to have the signals that this mpirun was started with. Not
    // later: threads must not take them.
    let (signals, _) = signals::take(global.forward_signals.as_ref()).map_err(failure)?;
    for (at, node) in job.nodes.iter_mut().enumerate() {
        if let Some(up) = node.child.stdout.take() {
            hear(at, up, events.clone());
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
    job.serve(&arrived);
    job.part();
    Ok(job.code.unwrap_or(0))
}

/// Starts the thread that hears an agent.
fn hear(at: usize, mut up: ChildStdout, events: SyncSender<Event>) {
    std::thread::spawn(move || {
        loop {
            let (event, is_last) = match frame::read(&mut up) {
                Ok(Some(frame)) => (Event::Frame(at, frame), false),
                Ok(None) => (Event::Closed(at, None), true),
                Err(why) => (Event::Closed(at, Some(why.to_string())), true),
            };
            if events.send(event).is_err() || is_last {
                return;
            }
        }
    });
}

/// Starts an agent.
fn begin(host: &Host, global: &JobOptions) -> Result<Node, String> {
    let template = global.launch.as_deref();
    let mpirun = match &global.prefix {
        Some(prefix) => prefix.join("bin/mpirun"),
        None => std::env::current_exe().map_err(|why| format!("mpirun's own file: {why}"))?,
    };
    let mut command = launch::command(host, template, &mpirun)?;
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    let words = words.join(" ");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0); // Ctrl-C is for this mpirun, which tells them
    let child = command
        .spawn()
        .map_err(|why| format!("host {}: {words}: {why}", host.name))?;
    let now = Instant::now();
    Ok(Node {
        host: host.clone(),
        command: words,
        child,
        down: Outbox::new(),
        stage: Stage::Started,
        cores: 1,
        addresses: None,
        is_finalizing: false,
        heard: now,
        parts: [(Vec::new(), now), (Vec::new(), now)],
    })
}

impl Job<'_> {
    fn serve(&mut self, arrived: &Receiver<Event>) {
        let mut looked = Instant::now();
        while self.nodes.iter().any(|node| node.stage != Stage::Ended) {
            match arrived.recv_timeout(PART) {
                Ok(Event::Frame(at, frame)) => {
                    self.nodes[at].heard = Instant::now();
                    self.take(at, &frame);
                }
                Ok(Event::Closed(at, why)) => self.closed(at, why),
                Ok(Event::Signal(signal)) => self.signal(signal),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if looked.elapsed() >= 2 * BEAT {
                // This mpirun was held up itself, by who reads its output or by a stop.
                let now = Instant::now();
                self.nodes.iter_mut().for_each(|node| node.heard = now);
            }
            looked = Instant::now();
            self.look();
        }
    }

    /// What time brings.
    fn look(&mut self) {
        for at in 0..self.nodes.len() {
            for stream in [Kind::Out, Kind::Err] {
                let held = &self.nodes[at].parts[index(stream)];
                if !held.0.is_empty() && held.1.elapsed() >= PART {
                    self.print(at, stream, &[], true);
                }
            }
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
        if self.ending.is_none()
            && let Some(deadline) = self.deadline.filter(Deadline::is_over)
        {
            let text = format!("the job did not end within {} s", deadline.seconds);
            self.fail(124, Some(&text));
        }
        if self.ending.is_some_and(|since| since.elapsed() > GRACE) {
            for at in 0..self.nodes.len() {
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
    }

    /// The job fails with this code, if it has not failed before: all nodes are ended.
    fn fail(&mut self, code: u8, text: Option<&str>) {
        if self.code.is_none() {
            self.code = Some(code);
            if let Some(text) = text {
                self.flush();
                say(text);
            }
        }
        self.end();
    }

    fn end(&mut self) {
        self.ending.get_or_insert_with(Instant::now);
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
            let text = format!("{}: ending the job", signal.as_str());
            self.fail(signals::exit_code(signal), Some(&text));
        } else if signal != Signal::SIGCHLD {
            let stops = signal == Signal::SIGTSTP;
            let number = u8::try_from(signal as i32).unwrap_or(0);
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

    fn closed(&mut self, at: usize, why: Option<String>) {
        let stage = self.nodes[at].stage;
        if stage == Stage::Ended {
            return;
        }
        let name = self.nodes[at].host.name.clone();
        self.nodes[at].stage = Stage::Ended;
        self.nodes[at].down.discard();
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
            Kind::Out | Kind::Err => self.print(at, frame.kind, &frame.bytes, false),
            Kind::Taken => {
                if let Some(taken) = frame.bytes.first_chunk() {
                    let taken = u32::from_le_bytes(*taken) as usize;
                    self.nodes[at].down.give(taken);
                }
            }
            Kind::Exit => {
                for stream in [Kind::Out, Kind::Err] {
                    self.print(at, stream, &[], true);
                }
                self.nodes[at].stage = Stage::Ended;
                self.nodes[at].down.discard();
                match frame.bytes.first().copied().unwrap_or(1) {
                    0 => self.look_for_absent(),
                    code => self.fail(code, None), // the node has said why
                }
            }
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
        match layout::ranks(self.global, self.locals, &hosts, &cores) {
            Ok(ranks) => self.ranks = ranks,
            Err(why) => return self.fail(1, Some(&why)),
        }
        let Some(secret) = secret() else {
            return self.fail(1, Some("there are no random numbers (/dev/urandom)"));
        };
        if let Some(StdinReader::Rank(rank)) = self.global.stdin
            && rank as usize >= self.ranks.len()
        {
            let text = format!("--stdin {rank}: the job has {} ranks", self.ranks.len());
            return self.fail(1, Some(&text));
        }
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
        let mut plan = Plan {
            args: self.args.to_vec(),
            env: std::env::vars_os().collect(),
            dir: std::env::current_dir().map_or_else(|_| "/".into(), Into::into),
            hosts: names.collect(),
            node: 0,
            ranks: ranks.clone(),
            secret,
            interface: self.global.interface.clone().unwrap_or_default(),
        };
        let mut kept = Vec::new();
        for (at, mut node) in std::mem::take(&mut self.nodes).into_iter().enumerate() {
            match used.iter().position(|used| *used == at) {
                Some(number) => {
                    plan.node = u32::try_from(number).unwrap_or(0);
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

    fn tell_all(&self, kind: Kind, bytes: &[u8]) {
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

    /// Prints what came from a node: whole lines, or with `all` what is held as well.
    fn print(&mut self, at: usize, stream: Kind, bytes: &[u8], all: bool) {
        let part = &mut self.nodes[at].parts[index(stream)];
        if part.0.is_empty() {
            part.1 = Instant::now();
        }
        part.0.extend(bytes);
        let end = match all {
            true => part.0.len(),
            false => part
                .0
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |n| n + 1),
        };
        if end == 0 {
            return;
        }
        let lines: Vec<u8> = part.0.drain(..end).collect();
        let written = match stream {
            Kind::Out => {
                let mut out = io::stdout().lock();
                out.write_all(&lines).and_then(|()| out.flush())
            }
            _ => io::stderr().lock().write_all(&lines),
        };
        if let Err(why) = written
            && stream == Kind::Out
            && self.code.is_none()
        {
            match why.kind() {
                // As where a rank itself finds that nobody reads its output.
                io::ErrorKind::BrokenPipe => self.fail(signals::exit_code(Signal::SIGPIPE), None),
                _ => {
                    let text = format!("standard output cannot be written: {why}; ending the job");
                    self.fail(1, Some(&text));
                }
            }
        }
    }

    /// Prints what is held.
    fn flush(&mut self) {
        for at in 0..self.nodes.len() {
            self.print(at, Kind::Out, &[], true);
            self.print(at, Kind::Err, &[], true);
        }
    }

    /// Takes leave of all agents.
    fn part(&mut self) {
        self.flush();
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

fn index(stream: Kind) -> usize {
    usize::from(stream == Kind::Err)
}

/// How a child has ended, if it has.
fn ended(child: &mut Child) -> Option<std::process::ExitStatus> {
    child.try_wait().ok().flatten()
}

/// The same, for a child whose output has ended: its own end follows, if it does.
fn ended_soon(child: &mut Child) -> Option<std::process::ExitStatus> {
    for _ in 0..50 {
        if let Some(status) = ended(child) {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    None
}

fn kill_group(child: &mut Child) {
    let _ = child.kill(); // in case that it has left its group
    if let Ok(pid) = i32::try_from(child.id()) {
        let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

/// A number that nobody guesses.
fn secret() -> Option<u64> {
    let mut bytes = [0; 8];
    let mut file = std::fs::File::open("/dev/urandom").ok()?;
    file.read_exact(&mut bytes).ok()?;
    Some(u64::from_ne_bytes(bytes))
}

/// Copies standard input to nodes until it ends.
fn copy_input(to: &[Outbox]) {
    let stdin = io::stdin();
    let mut buffer = vec![0; 32 << 10];
    loop {
        // A group in the background that reads the terminal would be stopped.
        let is_behind = || {
            let group = nix::unistd::tcgetpgrp(stdin.as_fd());
            stdin.is_terminal() && group.is_ok_and(|group| group != nix::unistd::getpgrp())
        };
        while is_behind() {
            std::thread::sleep(Duration::from_millis(200));
        }
        let n = match stdin.lock().read(&mut buffer) {
            Ok(n) => n,
            Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => 0,
        };
        to.iter().for_each(|down| down.send_input(&buffer[..n]));
        if n == 0 {
            return;
        }
    }
}
