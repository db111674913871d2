//! The thread that forwards what ranks print, and what mpirun itself says. It reads all
//! pipes and writes whole lines, so that lines of different ranks never mix.
//!
//! A line that is too long to be held is passed on in pieces. Meanwhile only its stream is
//! read and the others wait in their pipes, until the line ends, or until it pauses: its
//! rank may be waiting for a rank whose output waits.
//!
//! The thread never waits for a reader. What standard output or error does not take is
//! held, up to a bound. Beyond the bound the pipes that lead there are not read: a slow
//! reader slows the ranks and fills no memory, and a reader that has stopped holds up
//! neither the other stream nor mpirun's messages. When nobody reads any more
//! (`mpirun … | head -1`), the pipes are closed, and ranks learn of it as they would
//! without mpirun.
//!
//! A [`Lane`] is a sink with the pipes that lead to it: one for standard output, one for
//! standard error (the same one if both lead to the same place), and one for the streams
//! that go to files only.

use crate::libtest::Tests;
use crate::say::{Outbox, say};
use crate::sink::{OwnStream, Sink, StdStream};
use crate::stream::RankStream;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};

/// Milliseconds without news after which an unfinished huge line no longer keeps the others
/// waiting, and after which a prompt on a terminal is shown.
const PAUSE: u16 = 50;
/// Streams of a lane that are read before everything else gets its turn.
const STREAMS_PER_TURN: usize = 64;

/// The forwarding thread, as the main thread sees it.
#[derive(Debug)]
pub struct Forwarder {
    /// Set by the main thread: no rank lives any more. The thread reads what is there, and
    /// ends.
    drain: AtomicBool,
    /// The error number with which standard output failed, or 0.
    broken: AtomicI32,
    /// Wakes the thread.
    wake: Arc<EventFd>,
    /// Readable when the thread has ended, has caught up, or `broken` has changed.
    pub news: EventFd,
    ended: AtomicBool,
    /// Set by the main thread, cleared when everything printed so far is written.
    catch_up: AtomicBool,
    /// Bytes written so far.
    written: AtomicU64,
    /// What mpirun itself says.
    outbox: Arc<Outbox>,
}

impl Forwarder {
    fn new() -> io::Result<Forwarder> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let event = || {
            let made = EventFd::from_flags(flags);
            made.map_err(|why| io::Error::other(format!("eventfd, to wake a thread: {why}")))
        };
        let wake = Arc::new(event()?);
        Ok(Forwarder {
            drain: AtomicBool::new(false),
            broken: AtomicI32::new(0),
            outbox: Arc::new(Outbox::new(Arc::clone(&wake))),
            wake,
            news: event()?,
            ended: AtomicBool::new(false),
            catch_up: AtomicBool::new(false),
            written: AtomicU64::new(0),
        })
    }

    /// Waits until what ranks have printed so far is written, so that mpirun's next message
    /// comes after it. Gives up after 0.2 s.
    ///
    /// Returns whether it was.
    pub fn catch_up(&self) -> bool {
        self.catch_up.store(true, Ordering::Release); // pairs with the Acquire in `run`
        let _ = self.wake.write(1);
        for _ in 0..20 {
            if self.ended() || !self.catch_up.load(Ordering::Acquire) {
                return true; // pairs with the Release in `run`
            }
            let mut fds = [PollFd::new(self.news.as_fd(), PollFlags::POLLIN)];
            let _ = poll(&mut fds, PollTimeout::from(10_u8));
            let _ = self.news.read();
        }
        false
    }

    /// The error with which standard output failed, if it did.
    pub fn broken(&self) -> Option<Errno> {
        match self.broken.load(Ordering::Acquire) {
            0 => None,
            n => Some(Errno::from_raw(n)),
        }
    }

    /// Whether everything is written and the thread has ended.
    pub fn ended(&self) -> bool {
        self.ended.load(Ordering::Acquire) // pairs with the Release at the thread's end
    }

    /// Bytes written so far. The number grows as long as somebody reads.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Tells the thread that no rank lives any more.
    pub fn drain(&self) {
        self.drain.store(true, Ordering::Release); // pairs with the Acquire in `run`
        let _ = self.wake.write(1);
    }

    /// Gives up what is not written yet. From now on mpirun writes its messages itself.
    pub fn abandon(&self) {
        self.outbox.close();
    }
}

/// Starts the thread for these streams. `together`: standard output and error lead to the
/// same place. `tests`: those that ranks tell of.
///
/// # Errors
/// There are no more threads or descriptors; the text says what for.
pub fn start(
    streams: Vec<RankStream>,
    together: bool,
    tests: Option<Arc<Tests>>,
) -> io::Result<Arc<Forwarder>> {
    let forwarder = Arc::new(Forwarder::new()?);
    let mut lanes = vec![Lane::new(Some(StdStream::Out))?];
    if !together {
        lanes.push(Lane::new(Some(StdStream::Err))?);
    }
    lanes.push(Lane::new(None)?);
    for (index, stream) in streams.iter().enumerate() {
        let lane = lane(stream, lanes.len());
        let event = EpollEvent::new(EpollFlags::EPOLLIN, index as u64);
        let added = lanes[lane].ready.add(&stream.pipe, event);
        added.map_err(|why| {
            io::Error::other(format!("epoll_ctl, to wait for what ranks print: {why}"))
        })?;
    }
    let prompts = streams.iter().enumerate().filter(|(_, s)| s.prompt);
    let thread = ForwardThread {
        prompts: prompts.map(|(index, _)| index).collect(),
        streams: streams.into_iter().map(Some).collect(),
        lanes,
        forwarder: Arc::clone(&forwarder),
        out: Vec::new(),
        buffer: vec![0; 64 << 10],
        tests,
    };
    std::thread::Builder::new()
        .name("output".to_owned())
        .spawn(move || thread.run())
        .map_err(|why| io::Error::new(why.kind(), format!("a thread for it: {why}")))?;
    forwarder.outbox.install();
    Ok(forwarder)
}

/// The index of a stream's lane, where there are `lanes` lanes.
fn lane(stream: &RankStream, lanes: usize) -> usize {
    match (stream.to_own, stream.kind) {
        (false, _) => lanes - 1,
        (true, StdStream::Out) => 0,
        (true, StdStream::Err) => lanes - 2,
    }
}

/// A sink, and the pipes that lead to it.
struct Lane {
    /// None for streams that go to files only, and once nobody reads any more.
    sink: Option<Sink<OwnStream>>,
    /// Tells which of the pipes can be read.
    ready: Epoll,
    /// The stream whose huge line is written in part.
    owner: Option<usize>,
}

impl Lane {
    fn new(kind: Option<StdStream>) -> io::Result<Lane> {
        let ready = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC);
        let ready = ready.map_err(|why| {
            io::Error::other(format!(
                "epoll_create1, to wait for what ranks print: {why}"
            ))
        })?;
        Ok(Lane {
            sink: kind.map(|kind| Sink::new(kind.own())),
            ready,
            owner: None,
        })
    }

    fn is_empty(&self) -> bool {
        self.sink.as_ref().is_none_or(Sink::is_empty)
    }

    fn has_room(&self) -> bool {
        self.sink.as_ref().is_none_or(Sink::has_room)
    }
}

/// What the thread finds after a wait.
struct Readiness {
    /// Streams that can be read now.
    ready: Vec<usize>,
    /// Something is held, and nothing has come for a while.
    quiet: bool,
}

/// The state of the thread.
struct ForwardThread {
    /// None for a stream that is closed.
    streams: Vec<Option<RankStream>>,
    /// Standard output, standard error if it leads elsewhere, files.
    lanes: Vec<Lane>,
    /// Streams that may show a prompt.
    prompts: Vec<usize>,
    forwarder: Arc<Forwarder>,
    /// What is on its way from a stream to where it belongs.
    out: Vec<u8>,
    /// What was just read.
    buffer: Vec<u8>,
    /// The tests that ranks tell of.
    tests: Option<Arc<Tests>>,
}

impl ForwardThread {
    fn run(mut self) {
        loop {
            let draining = self.forwarder.drain.load(Ordering::Acquire); // pairs with `drain`
            let catching_up = self.forwarder.catch_up.load(Ordering::Acquire); // pairs with `catch_up`
            self.take_messages();
            self.pour();
            let idle = self.lanes.iter().all(Lane::is_empty);
            let next = self.wait(draining, idle && (draining || catching_up));
            for index in &next.ready {
                self.read(*index);
            }
            if next.quiet {
                self.pause();
            }
            if next.ready.is_empty() && idle {
                if draining && self.finish() {
                    break;
                }
                if catching_up {
                    self.forwarder.catch_up.store(false, Ordering::Release); // pairs with `catch_up`
                    let _ = self.forwarder.news.write(1);
                }
            }
        }
        // pairs with the Acquire in `Forwarder::ended`
        self.forwarder.ended.store(true, Ordering::Release);
        let _ = self.forwarder.news.write(1);
    }

    /// Closes all streams, and then the outbox if nothing is left to write. Returns whether
    /// it did.
    fn finish(&mut self) -> bool {
        for index in 0..self.streams.len() {
            self.close(index);
        }
        if let Some(tests) = &self.tests {
            if let Some(why) = tests.finish() {
                say(&why);
            }
            self.tell_tests();
        }
        self.lanes.iter().all(Lane::is_empty) && self.forwarder.outbox.close_if_empty()
    }

    /// Moves mpirun's own messages to standard error.
    fn take_messages(&mut self) {
        let errors = self.lanes.len() - 2;
        let messages = self.forwarder.outbox.take();
        if let Some(sink) = &mut self.lanes[errors].sink {
            sink.push(&messages);
        }
    }

    /// Writes what can be written now.
    fn pour(&mut self) {
        for index in 0..self.lanes.len() {
            let Some(sink) = &mut self.lanes[index].sink else {
                continue;
            };
            match sink.pour() {
                Ok(0) => {}
                Ok(n) => {
                    let n = n as u64;
                    self.forwarder.written.fetch_add(n, Ordering::Relaxed);
                }
                Err(why) => self.lost(index, why),
            }
        }
    }

    /// Waits until there is something to read, to write or to do. `poll_only`: looks for it
    /// without waiting.
    fn wait(&self, draining: bool, poll_only: bool) -> Readiness {
        let mut fds = vec![PollFd::new(self.forwarder.wake.as_fd(), PollFlags::POLLIN)];
        let mut who = Vec::new();
        let prompt = |index: &usize| self.streams[*index].as_ref();
        let prompts = self.prompts.iter().filter_map(prompt);
        let mut held = prompts.into_iter().any(|s| s.lines.is_holding());
        for lane in &self.lanes {
            let owner = lane.owner.filter(|_| !draining);
            held |= owner.is_some();
            if lane.has_room() {
                let stream = owner.and_then(|o| self.streams[o].as_ref());
                let source = stream.map_or(lane.ready.0.as_fd(), |s| s.pipe.as_fd());
                fds.push(PollFd::new(source, PollFlags::POLLIN));
                who.push((&lane.ready, owner));
            }
        }
        let sources = fds.len();
        for lane in &self.lanes {
            if let Some(sink) = lane.sink.as_ref().filter(|s| !s.is_empty()) {
                fds.push(PollFd::new(sink.as_fd(), PollFlags::POLLOUT));
            }
        }
        let timeout = match (poll_only, held) {
            (true, _) => PollTimeout::ZERO,
            (false, true) => PollTimeout::from(PAUSE),
            (false, false) => PollTimeout::NONE,
        };
        let events = loop {
            match poll(&mut fds, timeout) {
                Err(Errno::EINTR) => {}
                other => break other.unwrap_or(0),
            }
        };
        if fds[0].any() == Some(true) {
            let _ = self.forwarder.wake.read();
        }
        let mut ready = Vec::new();
        for (fd, (pipes, owner)) in fds[1..sources].iter().zip(who) {
            if fd.any() != Some(true) {
                continue;
            }
            if let Some(owner) = owner {
                ready.push(owner);
                continue;
            }
            let mut events = [EpollEvent::empty(); STREAMS_PER_TURN];
            let count = pipes.wait(&mut events, EpollTimeout::ZERO).unwrap_or(0);
            let index = |e: &EpollEvent| usize::try_from(e.data()).ok();
            ready.extend(events[..count].iter().filter_map(index));
        }
        Readiness {
            ready,
            quiet: events == 0 && held,
        }
    }

    /// Nothing has come for a while: streams that wait for the end of a huge line may go on,
    /// and prompts are shown.
    fn pause(&mut self) {
        for lane in &mut self.lanes {
            lane.owner = None;
        }
        for at in 0..self.prompts.len() {
            let index = self.prompts[at];
            if let Some(stream) = &mut self.streams[index]
                && stream.lines.is_holding()
            {
                stream.lines.flush(&mut self.out);
                self.pass_on(index);
            }
        }
    }

    fn read(&mut self, index: usize) {
        let lanes = self.lanes.len();
        let Some(stream) = &mut self.streams[index] else {
            return; // closed since it was found ready
        };
        let lane = lane(stream, lanes);
        if !self.lanes[lane].has_room() {
            return; // the sink was filled since
        }
        match nix::unistd::read(&stream.pipe, &mut self.buffer) {
            Ok(0) => self.close(index),
            Ok(n) => {
                match &mut stream.tests {
                    Some(tests) => {
                        let others = tests.push(&self.buffer[..n]);
                        stream.lines.push(&others, &mut self.out);
                    }
                    None => stream.lines.push(&self.buffer[..n], &mut self.out),
                }
                let open = stream.lines.is_open() && !stream.prompt;
                self.pass_on(index);
                self.tell_tests();
                if open {
                    self.lanes[lane].owner = Some(index);
                } else if self.lanes[lane].owner == Some(index) {
                    self.lanes[lane].owner = None;
                }
            }
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(_) => self.close(index),
        }
    }

    fn close(&mut self, index: usize) {
        if let Some(stream) = &mut self.streams[index] {
            if let Some(tests) = &mut stream.tests {
                stream.lines.push(&tests.close(), &mut self.out);
            }
            stream.lines.flush(&mut self.out);
            self.pass_on(index);
            self.tell_tests();
        }
        self.streams[index] = None; // closing the pipe takes it out of `ready` too
        for lane in &mut self.lanes {
            if lane.owner == Some(index) {
                lane.owner = None;
            }
        }
    }

    /// Passes `out`, which came from stream `index`, on to where it belongs.
    fn pass_on(&mut self, index: usize) {
        let lanes = self.lanes.len();
        if let Some(stream) = &mut self.streams[index] {
            if let Some(file) = &mut stream.file
                && let Err(why) = file.write_all(&self.out)
            {
                say(&format!("a rank's output file cannot be written: {why}"));
                stream.file = None;
            }
            if let Some(sink) = &mut self.lanes[lane(stream, lanes)].sink {
                sink.push(&self.out);
            }
        }
        self.out.clear();
    }

    /// Prints what there is to tell of tests by now.
    fn tell_tests(&mut self) {
        if let Some(tests) = &self.tests
            && let Some(sink) = &mut self.lanes[0].sink
        {
            sink.push(&tests.take_text());
        }
    }

    /// Lane `index`, standard output or error, cannot be written any more.
    fn lost(&mut self, index: usize, why: Errno) {
        self.lanes[index].sink = None;
        self.lanes[index].owner = None;
        let lanes = self.lanes.len();
        for slot in &mut self.streams {
            if let Some(stream) = slot
                && stream.to_own
                && lane(stream, lanes) == index
                && stream.file.is_none()
                && stream.kind == StdStream::Out
            {
                *slot = None; // closes the pipe: its ranks get SIGPIPE
            }
        }
        if index == 0 {
            self.forwarder.broken.store(why as i32, Ordering::Release); // pairs with `broken`
            let _ = self.forwarder.news.write(1);
        }
    }
}
