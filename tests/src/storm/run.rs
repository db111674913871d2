//! One command under a watchdog: what came out of it, how it ended and what it
//! left behind.
//!
//! Each gets a session of its own and a mark in its environment, which its
//! children inherit: by one or the other they are found, also when they have
//! left the session or cleared their environment.

use crate::leftovers;
use std::fmt::Write as _;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// More processes than that mean that a number of ranks got through that
/// nobody could want; the storms ask for eight at the most.
const MOST_PROCESSES: usize = 200;
/// More memory than that in files of `mpirun`'s means the same.
const MOST_MEMORY: u64 = 2 << 30;
/// Of what is printed, so much is kept.
const KEPT: usize = 4 << 20;
/// How long what a job leaves may take to be gone: a kill takes a while where
/// much memory is given back and the machine is busy.
const GONE: Duration = Duration::from_secs(20);

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// With this code.
    Exit(i32),
    /// By this signal.
    Signal(i32),
    /// Not by itself within its limit.
    Hung,
    /// It took so much that it was stopped; what it took.
    Greedy(String),
}

/// The end of a command.
#[derive(Debug)]
pub struct End {
    /// The command line.
    pub line: String,
    /// How it ended.
    pub how: How,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// What it said.
    pub stderr: Vec<u8>,
    /// What was still running when it had ended.
    pub left: Vec<String>,
    /// What its processes were doing, if it hung.
    pub scene: String,
}

impl End {
    /// What it printed, as text.
    #[must_use]
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// What it said, as text.
    #[must_use]
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Faults of any command at all: that it hung, took too much, left something.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        match &self.how {
            How::Hung => faults.push("hung".to_owned()),
            How::Greedy(what) => faults.push(format!("took {what}")),
            How::Exit(_) | How::Signal(_) => {}
        }
        if !self.left.is_empty() {
            faults.push(format!("left behind: {}", self.left.join(", ")));
        }
        faults
    }

    /// What may stand on a terminal: no control characters but line ends and tabs.
    #[must_use]
    pub fn control_characters(&self) -> Option<String> {
        let text = self.stderr();
        let odd = |c: &char| c.is_control() && !matches!(c, '\n' | '\t');
        let (at, found) = text.char_indices().find(|(_, c)| odd(c))?;
        let from = (at.saturating_sub(60)..=at).find(|n| text.is_char_boundary(*n))?;
        let around = text[from..at].escape_debug();
        Some(format!(
            "control character {found:?} on stderr, after {around}"
        ))
    }

    /// Words that only a bug can have brought about.
    #[must_use]
    pub fn words_of_a_bug(&self) -> Option<String> {
        let text = self.stderr();
        let line = text.lines().find(|line| {
            ["panicked at", "a bug of Lariat", "RUST_BACKTRACE"]
                .iter()
                .any(|words| line.contains(words))
        })?;
        Some(format!("words of a bug: {line}"))
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}\n{:?}", shortened(&self.line, 4000), self.how)?;
        for (name, text) in [("stdout", self.stdout()), ("stderr", self.stderr())] {
            writeln!(f, "--- {name}\n{}", shortened(&text, 3000))?;
        }
        if !self.scene.is_empty() {
            writeln!(f, "--- when it hung\n{}", self.scene)?;
        }
        Ok(())
    }
}

/// The beginning and the end of a text, what cannot be printed escaped.
fn shortened(text: &str, most: usize) -> String {
    let chars: Vec<char> = text.chars().collect();
    let kept: String = if chars.len() > most {
        let (first, last) = (&chars[..most / 2], &chars[chars.len() - most / 2..]);
        let left_out = chars.len() - most;
        first
            .iter()
            .copied()
            .chain(format!(" […{left_out} characters…] ").chars())
            .chain(last.iter().copied())
            .collect()
    } else {
        text.to_owned()
    };
    let mut out = String::with_capacity(kept.len());
    for c in kept.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.extend(c.escape_debug()),
            c => out.push(c),
        }
    }
    out
}

/// A process of a job.
#[derive(Clone, Debug)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// Its parent's.
    pub parent: i32,
    /// Its rank, if it or a process above it is one.
    pub rank: Option<u32>,
    /// Its name.
    pub name: String,
    /// What the kernel says that it does: R, S, D, T, …
    pub state: char,
}

/// A command that runs.
#[derive(Debug)]
pub struct Run {
    line: String,
    child: Child,
    mark: String,
    stdout: Capture,
    stderr: Capture,
    limit: Duration,
}

impl Run {
    /// Starts `command` with pipes for what it prints; what else it has stays
    /// as the caller set it.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(command: Command, limit: Duration) -> std::io::Result<Run> {
        Run::start_read_by(command, limit, Capture::of)
    }

    /// As [`Run::start`], but nobody reads what it prints on stdout.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start_unread(command: Command, limit: Duration) -> std::io::Result<Run> {
        Run::start_read_by(command, limit, Capture::nothing_of)
    }

    fn start_read_by(
        mut command: Command,
        limit: Duration,
        capture: fn(ChildStdout) -> Capture,
    ) -> std::io::Result<Run> {
        let mark = leftovers::mark();
        command.env(leftovers::MARK, &mark);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        // SAFETY: only system calls are made between fork and exec.
        unsafe {
            command.pre_exec(|| {
                libc::setsid();
                let none = libc::rlimit {
                    rlim_cur: 0,
                    rlim_max: 0,
                };
                libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
                Ok(())
            });
        }
        let line = format!("{command:?}");
        let mut child = command.spawn()?;
        Ok(Run {
            line,
            mark,
            stdout: capture(child.stdout.take().expect("stdout is a pipe")),
            stderr: Capture::of(child.stderr.take().expect("stderr is a pipe")),
            child,
            limit,
        })
    }

    /// The process that was started.
    #[must_use]
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("process ids are small")
    }

    /// What it has printed so far.
    #[must_use]
    pub fn printed(&self) -> bool {
        !self.stdout.lock().bytes.is_empty()
    }

    /// Whether it has ended.
    pub fn is_over(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// All its processes, zombies not counted.
    #[must_use]
    pub fn processes(&self) -> Vec<Process> {
        processes(&self.mark, self.pid())
    }

    /// Sends a signal to one of its processes, and to no other that may have
    /// got its number meanwhile. Says whether it was there.
    #[must_use]
    pub fn signal(&self, pid: i32, signal: i32) -> bool {
        // SAFETY: pidfd_open takes two integers and makes a descriptor.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        if fd < 0 {
            return false;
        }
        let still_ours = pid == self.pid() || self.processes().iter().any(|p| p.pid == pid);
        let nothing = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: the descriptor was just made; no structure is passed.
        let sent = still_ours
            && unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, signal, nothing, 0) } == 0;
        // SAFETY: as above; it is not used again.
        unsafe { libc::close(i32::try_from(fd).unwrap_or(-1)) };
        sent
    }

    /// Waits for the end, and for what the command left to be gone.
    #[must_use]
    pub fn finish(mut self) -> End {
        let (ended, greed) = self.wait(self.limit);
        let mut scene = String::new();
        let how = match (ended, greed) {
            (Some(status), _) => how(status),
            (None, Some(what)) => How::Greedy(what),
            (None, None) => {
                scene = self.scene();
                How::Hung
            }
        };
        if ended.is_none() {
            if how == How::Hung {
                let _ = self.signal(self.pid(), libc::SIGINT); // mpirun then says who waits
                let _ = self.wait(Duration::from_secs(5));
            }
            self.kill_all();
            let _ = self.child.wait();
        }
        let left = match ended {
            Some(_) => self.left(),
            None => Vec::new(),
        };
        if !left.is_empty() || ended.is_none() {
            self.kill_all();
        }
        End {
            how,
            left,
            scene,
            stdout: self.stdout.whole(),
            stderr: self.stderr.whole(),
            line: std::mem::take(&mut self.line),
        }
    }

    /// Waits for the end at most so long, and while it takes no more than it may.
    fn wait(&mut self, limit: Duration) -> (Option<ExitStatus>, Option<String>) {
        let start = Instant::now();
        let mut pause = Duration::from_millis(1);
        while start.elapsed() < limit {
            if let Ok(Some(status)) = self.child.try_wait() {
                return (Some(status), None);
            }
            if let Some(what) = greed(self.pid()) {
                return (None, Some(what));
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
        (None, None)
    }

    /// What is still there some time after the end.
    fn left(&self) -> Vec<String> {
        let start = Instant::now();
        loop {
            let left = self.processes();
            if left.is_empty() || start.elapsed() > GONE {
                let named = |p: &Process| format!("{} (pid {}, {})", p.name, p.pid, p.state);
                return left.iter().map(named).collect();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn kill_all(&self) {
        // Twice: what is being forked meanwhile is found the second time.
        for _ in 0..2 {
            for process in self.processes() {
                let _ = self.signal(process.pid, libc::SIGKILL);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What each process does at this moment.
    fn scene(&self) -> String {
        let mut text = String::new();
        for process in self.processes() {
            let of = |name: &str| {
                let path = format!("/proc/{}/{name}", process.pid);
                std::fs::read_to_string(path).unwrap_or_default()
            };
            let _ = writeln!(
                text,
                "pid {} of {}, rank {:?}, {}: {} in {}, {}",
                process.pid,
                process.parent,
                process.rank,
                process.state,
                process.name,
                of("wchan"),
                of("syscall").trim()
            );
        }
        text
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.kill_all();
            let _ = self.child.wait();
        }
    }
}

fn how(status: ExitStatus) -> How {
    match (status.code(), status.signal()) {
        (Some(code), _) => How::Exit(code),
        (None, signal) => How::Signal(signal.unwrap_or(0)),
    }
}

/// What a command has taken beyond all measure.
fn greed(pid: i32) -> Option<String> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.unwrap_or_default().split_whitespace().count();
    if children > MOST_PROCESSES {
        return Some(format!("{children} processes"));
    }
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let in_memory = files.flatten().map(|entry| entry.path()).filter(|path| {
        std::fs::read_link(path).is_ok_and(|to| to.to_string_lossy().starts_with("/memfd:"))
    });
    let bytes: u64 = in_memory
        .filter_map(|path| std::fs::metadata(path).ok())
        .map(|meta| meta.blocks() * 512)
        .sum();
    (bytes > MOST_MEMORY).then(|| format!("{bytes} bytes of memory"))
}

/// The processes with this mark or of this session.
fn processes(mark: &str, session: i32) -> Vec<Process> {
    let wanted = format!("{}={mark}", leftovers::MARK);
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|n| n.parse::<i32>().ok()) else {
            continue;
        };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        let Some((program, rest)) = stat.rsplit_once(')') else {
            continue;
        };
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let number = |at: usize| fields.get(at).and_then(|f| f.parse::<i32>().ok());
        let state = fields.first().and_then(|f| f.chars().next()).unwrap_or('?');
        if matches!(state, 'Z' | 'X') {
            continue;
        }
        let environ = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        let mut variables = environ.split(|b| *b == 0);
        if number(3) != Some(session) && !variables.any(|v| v == wanted.as_bytes()) {
            continue;
        }
        let rank = environ.split(|b| *b == 0).find_map(|variable| {
            let value = variable.strip_prefix(b"OMPI_COMM_WORLD_RANK=")?;
            std::str::from_utf8(value).ok()?.parse().ok()
        });
        found.push(Process {
            pid,
            parent: number(1).unwrap_or(0),
            rank,
            name: program
                .split_once('(')
                .map_or("?", |(_, name)| name)
                .to_owned(),
            state,
        });
    }
    found
}

#[derive(Debug, Default)]
struct Captured {
    bytes: Vec<u8>,
    over: bool,
    /// A pipe that is held open and not read.
    _unread: Option<ChildStdout>,
}

/// What comes out of a pipe. All of it is read, not all is kept.
#[derive(Clone, Debug)]
struct Capture(Arc<Mutex<Captured>>);

impl Capture {
    fn of(mut from: impl Read + Send + 'static) -> Capture {
        let capture = Capture(Arc::default());
        let copy = capture.clone();
        std::thread::spawn(move || {
            let mut piece = [0; 16 << 10];
            while let Ok(n @ 1..) = from.read(&mut piece) {
                let mut captured = copy.lock();
                let room = KEPT.saturating_sub(captured.bytes.len());
                captured.bytes.extend_from_slice(&piece[..n.min(room)]);
            }
            copy.lock().over = true;
        });
        capture
    }

    fn nothing_of(pipe: ChildStdout) -> Capture {
        Capture(Arc::new(Mutex::new(Captured {
            bytes: Vec::new(),
            over: true,
            _unread: Some(pipe),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Captured> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of it; after ten seconds, what there is.
    fn whole(&self) -> Vec<u8> {
        let start = Instant::now();
        while !self.lock().over && start.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.lock().bytes.clone()
    }
}
