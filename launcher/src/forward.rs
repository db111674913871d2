//! The thread that forwards what ranks print, and what mpirun itself says: it
//! reads all pipes and writes whole lines, so that lines of different ranks
//! never tear each other.
//!
//! A line longer than what is worth holding is passed on in pieces; meanwhile
//! only its stream is read and the others wait in their pipes, until the line
//! ends or pauses (a rank may be waiting for one of those others).
//!
//! Nothing here waits for a reader: what standard output or error does not take
//! is held, up to a bound. Beyond it the pipes that lead there are not read, so a
//! slow reader slows the ranks and fills no memory, and one that does not read at
//! all holds up neither the other stream nor what mpirun says. When nobody reads
//! any more (`mpirun … | head -1`), the pipes are closed, so that ranks learn of
//! it as they would without mpirun.
//!
//! Each of the two is a *lane*: a sink and the pipes that lead to it. They are one
//! lane where they lead to one place. A third lane has what goes to files only.

use crate::sink::{Kind, Own, Sink};
use crate::stdio::Stream;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// How long an unfinished huge line keeps the others waiting when nothing
/// comes, and how long a prompt on a terminal is held, in milliseconds.
const PAUSE: u16 = 50;
/// Streams that are read between two looks at everything else.
const TURN: usize = 64;

/// What the forwarding thread and the main thread tell each other.
#[derive(Debug)]
pub struct Shared {
    /// No rank lives any more: read what is there, and end.
    drain: AtomicBool,
    /// Standard output cannot be written: the errno, or 0.
    broken: AtomicI32,
    /// Wakes the thread.
    wake: EventFd,
    /// Readable when the thread has ended, or `broken` changed.
    pub news: EventFd,
    ended: AtomicBool,
    /// Set by the main thread, cleared when all that was printed is written.
    catch_up: AtomicBool,
    /// Bytes that went out so far.
    written: AtomicU64,
    /// What mpirun wants to say; `None`: the thread takes no more.
    sayings: Mutex<Option<Vec<u8>>>,
}

/// The forwarding thread of this process's job.
static FORWARDING: OnceLock<Arc<Shared>> = OnceLock::new();

/// Has the forwarding thread write this to standard error. Returns whether it
/// does: not before it runs, and not when it has ended.
pub fn hand_over(text: &[u8]) -> bool {
    let Some(shared) = FORWARDING.get() else {
        return false;
    };
    let taken = match shared.sayings().as_mut() {
        Some(sayings) => {
            sayings.extend_from_slice(text);
            true
        }
        None => false,
    };
    if taken {
        let _ = shared.wake.write(1);
    }
    taken
}

impl Shared {
    fn new() -> io::Result<Shared> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let event = || {
            let made = EventFd::from_flags(flags);
            made.map_err(|why| io::Error::other(format!("eventfd, to wake a thread: {why}")))
        };
        Ok(Shared {
            drain: AtomicBool::new(false),
            broken: AtomicI32::new(0),
            wake: event()?,
            news: event()?,
            ended: AtomicBool::new(false),
            catch_up: AtomicBool::new(false),
            written: AtomicU64::new(0),
            sayings: Mutex::new(Some(Vec::new())),
        })
    }

    fn sayings(&self) -> MutexGuard<'_, Option<Vec<u8>>> {
        self.sayings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits a moment until what ranks have printed so far is written, so that
    /// what mpirun says next comes after it.
    pub fn catch_up(&self) {
        self.catch_up.store(true, Ordering::Release); // pairs with the Acquire in `run`
        let _ = self.wake.write(1);
        for _ in 0..20 {
            if self.ended() || !self.catch_up.load(Ordering::Acquire) {
                return; // pairs with the Release in `run`
            }
            let mut fds = [PollFd::new(self.news.as_fd(), PollFlags::POLLIN)];
            let _ = poll(&mut fds, PollTimeout::from(10_u8));
            let _ = self.news.read();
        }
    }

    /// Why standard output cannot be written, if so.
    pub fn broken(&self) -> Option<Errno> {
        match self.broken.load(Ordering::Acquire) {
            0 => None,
            n => Some(Errno::from_raw(n)),
        }
    }

    /// Everything is written.
    pub fn ended(&self) -> bool {
        self.ended.load(Ordering::Acquire) // pairs with the Release at the thread's end
    }

    /// A number that grows as long as somebody reads what is printed.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Says that no rank lives any more.
    pub fn drain(&self) {
        self.drain.store(true, Ordering::Release); // pairs with the Acquire in `run`
        let _ = self.wake.write(1);
    }

    /// Gives up what is not written yet: what mpirun says from now on it writes
    /// itself.
    pub fn abandon(&self) {
        self.sayings().take();
    }
}

/// Starts the thread for these streams. `one`: standard output and error lead to
/// one place.
///
/// # Errors
/// No thread or descriptor to be had, and what for.
pub fn start(streams: Vec<Stream>, one: bool) -> io::Result<Arc<Shared>> {
    let shared = Arc::new(Shared::new()?);
    let mut lanes = vec![Lane::new(Some(Kind::Out))?];
    if !one {
        lanes.push(Lane::new(Some(Kind::Err))?);
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
    let forward = Forward {
        prompts: prompts.map(|(index, _)| index).collect(),
        streams: streams.into_iter().map(Some).collect(),
        lanes,
        shared: Arc::clone(&shared),
        out: Vec::new(),
        buffer: vec![0; 64 << 10],
    };
    std::thread::Builder::new()
        .name("output".to_owned())
        .spawn(move || forward.run())
        .map_err(|why| io::Error::new(why.kind(), format!("a thread for it: {why}")))?;
    let _ = FORWARDING.set(Arc::clone(&shared)); // there is one job
    Ok(shared)
}

/// The number of a stream's lane among so many.
fn lane(stream: &Stream, lanes: usize) -> usize {
    match (stream.to_own, stream.kind) {
        (false, _) => lanes - 1,
        (true, Kind::Out) => 0,
        (true, Kind::Err) => lanes - 2,
    }
}

/// The pipes whose contents go one way.
struct Lane {
    /// Where to; `None`: to files only, or nobody reads there any more.
    sink: Option<Sink<Own>>,
    /// Which of the pipes can be read.
    ready: Epoll,
    /// The stream whose huge line is half out.
    owner: Option<usize>,
}

impl Lane {
    fn new(kind: Option<Kind>) -> io::Result<Lane> {
        let ready = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC);
        let ready = ready.map_err(|why| {
            io::Error::other(format!(
                "epoll_create1, to wait for what ranks print: {why}"
            ))
        })?;
        Ok(Lane {
            sink: kind.map(|k| Sink::new(k.own())),
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

/// What a wait was ended by.
struct Next {
    /// Streams that can be read now.
    ready: Vec<usize>,
    /// Nothing came for a while, where something is held.
    quiet: bool,
}

struct Forward {
    streams: Vec<Option<Stream>>,
    /// Standard output, standard error unless it is the same place, files.
    lanes: Vec<Lane>,
    /// Streams that may show a prompt.
    prompts: Vec<usize>,
    shared: Arc<Shared>,
    out: Vec<u8>,
    buffer: Vec<u8>,
}

impl Forward {
    fn run(mut self) {
        loop {
            let draining = self.shared.drain.load(Ordering::Acquire); // pairs with `drain`
            let catching_up = self.shared.catch_up.load(Ordering::Acquire); // pairs with `catch_up`
            self.take_sayings();
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
                if draining && self.close_sayings() {
                    break;
                }
                if catching_up {
                    self.shared.catch_up.store(false, Ordering::Release); // pairs with `catch_up`
                    let _ = self.shared.news.write(1);
                }
            }
        }
        // pairs with the Acquire in `Shared::ended`
        self.shared.ended.store(true, Ordering::Release);
        let _ = self.shared.news.write(1);
    }

    /// Takes no more sayings, if there are none to write and nothing is held.
    fn close_sayings(&mut self) -> bool {
        for index in 0..self.streams.len() {
            self.close(index);
        }
        let mut sayings = self.shared.sayings();
        let over = sayings.as_ref().is_none_or(Vec::is_empty);
        if over && self.lanes.iter().all(Lane::is_empty) {
            *sayings = None;
            return true;
        }
        false
    }

    /// What mpirun says goes to standard error.
    fn take_sayings(&mut self) {
        let sayings = self.shared.sayings().as_mut().map(std::mem::take);
        let Some(sayings) = sayings.filter(|s| !s.is_empty()) else {
            return;
        };
        let errors = self.lanes.len() - 2;
        if let Some(sink) = &mut self.lanes[errors].sink {
            sink.push(&sayings);
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
                    self.shared.written.fetch_add(n, Ordering::Relaxed);
                }
                Err(why) => self.lost(index, why),
            }
        }
    }

    /// Waits until there is something to read, to write or to do; not `at_once`.
    fn wait(&self, draining: bool, at_once: bool) -> Next {
        let mut fds = vec![PollFd::new(self.shared.wake.as_fd(), PollFlags::POLLIN)];
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
        let timeout = match (at_once, held) {
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
            let _ = self.shared.wake.read();
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
            let mut events = [EpollEvent::empty(); TURN];
            let count = pipes.wait(&mut events, EpollTimeout::ZERO).unwrap_or(0);
            let index = |e: &EpollEvent| usize::try_from(e.data()).ok();
            ready.extend(events[..count].iter().filter_map(index));
        }
        Next {
            ready,
            quiet: events == 0 && held,
        }
    }

    /// Nothing came for a while: the others may go on, and prompts are shown.
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
                self.give(index);
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
            return; // filled since
        }
        match nix::unistd::read(&stream.pipe, &mut self.buffer) {
            Ok(0) => self.close(index),
            Ok(n) => {
                stream.lines.push(&self.buffer[..n], &mut self.out);
                let open = stream.lines.is_open() && !stream.prompt;
                self.give(index);
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
            stream.lines.flush(&mut self.out);
            self.give(index);
        }
        self.streams[index] = None; // closing the pipe takes it out of `ready` too
        for lane in &mut self.lanes {
            if lane.owner == Some(index) {
                lane.owner = None;
            }
        }
    }

    /// Hands `out`, which came from stream `index`, to where it belongs.
    fn give(&mut self, index: usize) {
        let lanes = self.lanes.len();
        if let Some(stream) = &mut self.streams[index] {
            if let Some(file) = &mut stream.file
                && let Err(why) = file.write_all(&self.out)
            {
                crate::say(&format!("a rank's output file cannot be written: {why}"));
                stream.file = None;
            }
            if let Some(sink) = &mut self.lanes[lane(stream, lanes)].sink {
                sink.push(&self.out);
            }
        }
        self.out.clear();
    }

    /// Our own standard output or error takes no more.
    fn lost(&mut self, index: usize, why: Errno) {
        self.lanes[index].sink = None;
        self.lanes[index].owner = None;
        let lanes = self.lanes.len();
        for slot in &mut self.streams {
            if let Some(stream) = slot
                && stream.to_own
                && lane(stream, lanes) == index
                && stream.file.is_none()
                && stream.kind == Kind::Out
            {
                *slot = None; // closes the pipe: its ranks get SIGPIPE
            }
        }
        if index == 0 {
            self.shared.broken.store(why as i32, Ordering::Release); // pairs with `broken`
            let _ = self.shared.news.write(1);
        }
    }
}

/// Whether mpirun's standard output and error are one place.
pub fn same_place() -> bool {
    let stat = |fd: BorrowedFd| nix::sys::stat::fstat(fd).ok();
    match (stat(io::stdout().as_fd()), stat(io::stderr().as_fd())) {
        (Some(a), Some(b)) => a.st_dev == b.st_dev && a.st_ino == b.st_ino,
        _ => false,
    }
}
