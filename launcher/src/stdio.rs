//! Forwarding what ranks print: one thread reads all their pipes and writes
//! whole lines, so that lines of different ranks never tear each other.
//!
//! A line longer than what is worth holding is passed on in pieces; meanwhile
//! only its stream is read and the others wait in their pipes, until the line
//! ends or pauses (a rank may be waiting for one of those others).
//!
//! The thread writes blockingly: a slow reader slows the ranks and fills no
//! memory, and the main thread stays free to see signals. When nobody reads
//! any more (`mpirun … | head -1`), the pipes are closed, so that ranks learn
//! of it as they would without mpirun.

use crate::cli::Global;
use crate::lines::{Lines, Prefix};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// How long an unfinished huge line keeps the others waiting when nothing
/// comes, and how long a prompt on a terminal is held, in milliseconds.
const PAUSE: u16 = 50;

/// Standard output or standard error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Descriptor 1.
    Out,
    /// Descriptor 2.
    Err,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Out => "stdout",
            Kind::Err => "stderr",
        }
    }
}

#[derive(Debug)]
struct Stream {
    pipe: OwnedFd,
    kind: Kind,
    /// It may show a prompt: what it holds is given out after a pause.
    prompt: bool,
    lines: Lines,
    /// Also, or only, written here.
    file: Option<File>,
    to_own: bool,
}

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
}

impl Shared {
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

    /// Says that no rank lives any more.
    pub fn drain(&self) {
        self.drain.store(true, Ordering::Release); // pairs with the Acquire in `run`
        let _ = self.wake.write(1);
    }
}

/// The pipes of all ranks, before the thread starts.
#[derive(Debug)]
pub struct Outputs {
    streams: Vec<Stream>,
    global: Global,
    /// Both streams end in one place: one pipe keeps their order.
    together: bool,
    width: usize,
}

impl Outputs {
    /// For a job of `ranks` ranks.
    pub fn new(global: &Global, ranks: u32) -> Outputs {
        let spec = global.output.clone().unwrap_or_default();
        let split = global.tag_output
            || spec.tag
            || spec.dir.is_some()
            || spec.file.is_some()
            || global.outfile_pattern.is_some()
            || global.errfile_pattern.is_some();
        Outputs {
            streams: Vec::new(),
            global: global.clone(),
            together: !split && (spec.merge || same_place()),
            width: ranks.saturating_sub(1).to_string().len(),
        }
    }

    /// Gives `command`, which starts `rank`, its standard output and error.
    /// `prompt`: it reads a terminal.
    ///
    /// # Errors
    /// No more descriptors, or a file that cannot be made.
    pub fn connect(&mut self, command: &mut Command, rank: u32, prompt: bool) -> io::Result<()> {
        let out = self.stream(rank, Kind::Out, prompt)?;
        if self.together {
            command.stderr(Stdio::from(out.try_clone()?));
        } else {
            command.stderr(Stdio::from(self.stream(rank, Kind::Err, prompt)?));
        }
        command.stdout(Stdio::from(out));
        Ok(())
    }

    fn stream(&mut self, rank: u32, kind: Kind, prompt: bool) -> io::Result<OwnedFd> {
        let spec = self.global.output.clone().unwrap_or_default();
        let (pipe, writer) = io::pipe()?;
        let pipe = OwnedFd::from(pipe);
        fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let mut tag = String::new();
        if self.global.tag_output || spec.tag {
            tag = format!("[1,{rank}]<{}>: ", kind.name());
        } else if self.global.prepend_rank {
            tag = format!("[{rank}] ");
        }
        let time = self.global.timestamp_output || spec.timestamp;
        let to = match kind {
            Kind::Out => &self.global.outfile_pattern,
            Kind::Err => &self.global.errfile_pattern,
        };
        let (file, only) = match (to, &spec.dir, &spec.file) {
            (Some(pattern), ..) => (Some(self.pattern(pattern, rank)), true),
            (None, Some(dir), _) => {
                let dir = format!("{dir}/rank.{rank:0width$}", width = self.width);
                std::fs::create_dir_all(&dir)?;
                (Some(format!("{dir}/{}", kind.name())), spec.nocopy)
            }
            (None, None, Some(file)) => {
                let end = &kind.name()[3..];
                let name = format!("{file}.{rank:0width$}.{end}", width = self.width);
                (Some(name), spec.nocopy)
            }
            (None, None, None) => (None, false),
        };
        let file = match file {
            Some(name) => Some(
                File::create(&name)
                    .map_err(|why| io::Error::new(why.kind(), format!("{name}: {why}")))?,
            ),
            None => None,
        };
        self.streams.push(Stream {
            pipe,
            kind: if spec.merge { Kind::Out } else { kind },
            prompt,
            lines: Lines::new(Prefix { time, tag }, spec.raw),
            file,
            to_own: !only,
        });
        Ok(writer.into())
    }

    fn pattern(&self, pattern: &str, rank: u32) -> String {
        let host = nix::unistd::gethostname().unwrap_or_default();
        pattern
            .replace("%r", &rank.to_string())
            .replace("%h", &host.to_string_lossy())
            .replace("%g", "0")
            .replace("%p", "0")
    }

    /// Starts the thread.
    ///
    /// # Errors
    /// No thread or descriptor to be had.
    pub fn start(self) -> io::Result<Arc<Shared>> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let shared = Arc::new(Shared {
            drain: AtomicBool::new(false),
            broken: AtomicI32::new(0),
            wake: EventFd::from_flags(flags)?,
            news: EventFd::from_flags(flags)?,
            ended: AtomicBool::new(false),
            catch_up: AtomicBool::new(false),
        });
        let theirs = Arc::clone(&shared);
        let forward = Forward {
            streams: self.streams.into_iter().map(Some).collect(),
            shared: theirs,
            owner: None,
            out: Vec::new(),
            buffer: vec![0; 64 << 10],
        };
        std::thread::Builder::new()
            .name("output".to_owned())
            .spawn(move || forward.run())?;
        Ok(shared)
    }
}

/// Whether mpirun's standard output and error are one place.
fn same_place() -> bool {
    let stat = |fd: BorrowedFd| nix::sys::stat::fstat(fd).ok();
    match (stat(io::stdout().as_fd()), stat(io::stderr().as_fd())) {
        (Some(a), Some(b)) => a.st_dev == b.st_dev && a.st_ino == b.st_ino,
        _ => false,
    }
}

struct Forward {
    streams: Vec<Option<Stream>>,
    shared: Arc<Shared>,
    /// The stream whose huge line is half out.
    owner: Option<usize>,
    out: Vec<u8>,
    buffer: Vec<u8>,
}

impl Forward {
    fn run(mut self) {
        while self.streams.iter().any(Option::is_some) {
            let draining = self.shared.drain.load(Ordering::Acquire); // pairs with `drain`
            let catching_up = self.shared.catch_up.load(Ordering::Acquire); // pairs with `catch_up`
            let ready = self.wait(draining, draining || catching_up);
            if ready.is_empty() {
                if draining {
                    break;
                }
                if catching_up {
                    self.shared.catch_up.store(false, Ordering::Release); // pairs with `catch_up`
                    let _ = self.shared.news.write(1);
                } else {
                    self.pause();
                }
            }
            for index in ready {
                self.read(index);
            }
        }
        for index in 0..self.streams.len() {
            self.close(index);
        }
        // pairs with the Acquire in `Shared::ended`
        self.shared.ended.store(true, Ordering::Release);
        let _ = self.shared.news.write(1);
    }

    /// Streams that can be read now; none after a pause, or when woken.
    fn wait(&self, draining: bool, at_once: bool) -> Vec<usize> {
        let only = self.owner.filter(|_| !draining);
        let mut fds = vec![PollFd::new(self.shared.wake.as_fd(), PollFlags::POLLIN)];
        let mut who = Vec::new();
        let mut held = only.is_some();
        for (index, stream) in self.streams.iter().enumerate() {
            let Some(stream) = stream else { continue };
            held |= stream.prompt && stream.lines.is_holding();
            if only.is_none_or(|o| o == index) {
                fds.push(PollFd::new(stream.pipe.as_fd(), PollFlags::POLLIN));
                who.push(index);
            }
        }
        let timeout = match (at_once, held) {
            (true, _) => PollTimeout::ZERO,
            (false, true) => PollTimeout::from(PAUSE),
            (false, false) => PollTimeout::NONE,
        };
        if poll(&mut fds, timeout).is_err() {
            return Vec::new(); // interrupted: look again
        }
        if fds[0].any() == Some(true) {
            let _ = self.shared.wake.read();
        }
        let ready = fds[1..].iter().zip(who);
        ready
            .filter(|(fd, _)| fd.any() == Some(true))
            .map(|(_, index)| index)
            .collect()
    }

    /// Nothing came for a while: the others may go on, and prompts are shown.
    fn pause(&mut self) {
        self.owner = None;
        for index in 0..self.streams.len() {
            if let Some(stream) = &mut self.streams[index]
                && stream.prompt
                && stream.lines.is_holding()
            {
                stream.lines.flush(&mut self.out);
                self.write(index);
            }
        }
    }

    fn read(&mut self, index: usize) {
        let Some(stream) = &mut self.streams[index] else {
            return; // closed since it was found ready
        };
        match nix::unistd::read(&stream.pipe, &mut self.buffer) {
            Ok(0) => self.close(index),
            Ok(n) => {
                stream.lines.push(&self.buffer[..n], &mut self.out);
                let open = stream.lines.is_open() && !stream.prompt;
                self.write(index);
                if open {
                    self.owner = Some(index);
                } else if self.owner == Some(index) {
                    self.owner = None;
                }
            }
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(_) => self.close(index),
        }
    }

    fn close(&mut self, index: usize) {
        if let Some(stream) = &mut self.streams[index] {
            stream.lines.flush(&mut self.out);
            self.write(index);
        }
        self.streams[index] = None;
        if self.owner == Some(index) {
            self.owner = None;
        }
    }

    /// Writes `out`, which came from stream `index`, where it belongs.
    fn write(&mut self, index: usize) {
        let Some(stream) = &mut self.streams[index] else {
            return;
        };
        if let Some(file) = &stream.file
            && let Err(why) = write_all(file.as_fd(), &self.out)
        {
            crate::say(&format!("a rank's output file cannot be written: {why}"));
            stream.file = None;
        }
        let kind = stream.kind;
        if stream.to_own {
            let result = match kind {
                Kind::Out => write_all(io::stdout().as_fd(), &self.out),
                Kind::Err => write_all(io::stderr().as_fd(), &self.out),
            };
            if let Err(why) = result {
                self.lost(kind, why);
            }
        }
        self.out.clear();
    }

    /// Our own standard output or error takes no more.
    fn lost(&mut self, kind: Kind, why: Errno) {
        for slot in &mut self.streams {
            if let Some(stream) = slot
                && stream.kind == kind
            {
                stream.to_own = false;
                if stream.file.is_none() && kind == Kind::Out {
                    *slot = None; // closes the pipe: its ranks get SIGPIPE
                }
            }
        }
        if kind == Kind::Out {
            self.shared.broken.store(why as i32, Ordering::Release); // pairs with `broken`
            let _ = self.shared.news.write(1);
        }
    }
}

/// Writes all of `bytes`, waiting where the other side is slow.
fn write_all(fd: BorrowedFd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match nix::unistd::write(fd, bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => {
                let mut fds = [PollFd::new(fd, PollFlags::POLLOUT)];
                let _ = poll(&mut fds, PollTimeout::NONE);
            }
            Err(why) => return Err(why),
        }
    }
    Ok(())
}
