//! A node as the mpirun that the user has started has it: the command that runs its agent, the
//! way down, the thread that hears what comes up, and how far it is.

use super::frame::{self, Frame, Kind};
use super::launch;
use super::outbox::Outbox;
use super::printer::{Printer, Stream};
use crate::cli::JobOptions;
use crate::hosts::Host;
use crate::libtest::Tests;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use wireup::profile::nanoseconds;

/// What happens.
pub(super) enum Event {
    Frame(usize, Frame),
    /// An agent's output has ended; why, if not by its own end.
    Closed(usize, Option<String>),
    Signal(Signal),
}

/// How far a node is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    Started,
    Greeted,
    Planned,
    Ready,
    Running,
    Ended,
}

pub(super) struct Node {
    pub host: Host,
    /// The command that has started its agent, in words.
    pub command: String,
    pub child: Child,
    pub down: Outbox,
    pub stage: Stage,
    pub cores: u32,
    /// What the host calls itself.
    pub own_name: String,
    /// The machine that it is, and its processors.
    pub machine: (String, Vec<u32>),
    pub addresses: Option<Vec<(u32, Vec<u8>)>>,
    pub is_finalizing: bool,
    pub heard: Heard,
    pub clock: FarClock,
}

/// How far a host's clock (`CLOCK_MONOTONIC`) is ahead of this one's: from the question that was
/// answered soonest.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FarClock {
    ahead: i64,
    /// Nanoseconds that the answer took. `None`: there was none so far.
    took: Option<u64>,
}

impl FarClock {
    /// Compares: it was `there` on the host at some time between `asked` and now.
    pub fn compare(&mut self, there: u64, asked: u64) {
        let took = nanoseconds().saturating_sub(asked);
        if self.took.is_none_or(|best| took < best) {
            self.took = Some(took);
            self.ahead = there.wrapping_sub(asked + took / 2).cast_signed();
        }
    }

    /// Nanoseconds.
    pub fn ahead(&self) -> i64 {
        self.ahead
    }
}

/// When a node was heard of last. The thread that hears it says so.
#[derive(Clone)]
pub(super) struct Heard(Arc<Mutex<Option<Instant>>>);

impl Heard {
    fn new() -> Heard {
        Heard(Arc::new(Mutex::new(Some(Instant::now()))))
    }

    /// `None`: whoever reads this mpirun's output holds the thread up.
    pub fn set(&self, last: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = last;
    }

    /// For how long nothing was heard.
    pub fn elapsed(&self) -> Duration {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.map_or(Duration::ZERO, |last| last.elapsed())
    }
}

/// Starts an agent.
pub(super) fn begin(
    host: &Host,
    global: &JobOptions,
    allocated: Option<Option<u32>>,
) -> Result<Node, String> {
    let template = global.launch.as_deref();
    let mpirun = match &global.prefix {
        Some(prefix) => prefix.join("bin/mpirun"),
        None => std::env::current_exe().map_err(|why| format!("mpirun's own file: {why}"))?,
    };
    let mut command = launch::command(host, template, allocated, &mpirun)?;
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
    Ok(Node {
        host: host.clone(),
        command: words,
        child,
        down: Outbox::new(),
        stage: Stage::Started,
        cores: 1,
        own_name: String::new(),
        machine: (String::new(), Vec::new()),
        addresses: None,
        is_finalizing: false,
        heard: Heard::new(),
        clock: FarClock::default(),
    })
}

/// Starts the thread that hears an agent. What ranks print goes its own way.
pub(super) fn hear(
    at: usize,
    mut up: ChildStdout,
    (events, printer, tests): (SyncSender<Event>, Printer, Arc<Tests>),
    heard: Heard,
) {
    std::thread::spawn(move || {
        loop {
            let read = frame::read(&mut up);
            heard.set(Some(Instant::now()));
            let (event, is_last) = match read {
                Ok(Some(frame)) if matches!(frame.kind, Kind::Out | Kind::Err) => {
                    let stream = match frame.kind {
                        Kind::Out => Stream::Out,
                        _ => Stream::Err,
                    };
                    heard.set(None);
                    printer.put(at, stream, frame.bytes);
                    heard.set(Some(Instant::now()));
                    continue;
                }
                // In the order in which they come, beside what ranks print.
                Ok(Some(frame)) if matches!(frame.kind, Kind::Test | Kind::TestList) => {
                    if let Some((rank, text)) = frame::read_test(&frame.bytes) {
                        match frame.kind {
                            Kind::Test => tests.told(rank, text),
                            _ => tests.listed(rank, text.to_vec()),
                        }
                    }
                    heard.set(None);
                    printer.put(at, Stream::Out, tests.take_text());
                    heard.set(Some(Instant::now()));
                    continue;
                }
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

/// How a child has ended, if it has.
pub(super) fn ended(child: &mut Child) -> Option<std::process::ExitStatus> {
    child.try_wait().ok().flatten()
}

/// The same, for a child whose output has ended: its own end follows, if it does.
pub(super) fn ended_soon(child: &mut Child) -> Option<std::process::ExitStatus> {
    for _ in 0..50 {
        if let Some(status) = ended(child) {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    None
}

pub(super) fn kill_group(child: &mut Child) {
    let _ = child.kill(); // in case that it has left its group
    if let Ok(pid) = i32::try_from(child.id()) {
        let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
    }
}
