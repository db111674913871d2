//! `mpirun --agent`: on each host, between the mpirun that the user has started, by standard
//! input and output, and the mpirun of this node, by a socket and three pipes.
//!
//! It passes on what goes up and down, says that it is alive, and ends the node's mpirun when
//! the connection is lost, also when it just falls silent.

use super::NODE;
use super::frame::{self, Hello, Kind, PROTOCOL, Plan};
use super::link::LINE;
use super::origin::{OF_JOB, write_origin};
use crate::spawn;
use crate::topology;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use wireup::spawning::{HEAD, Outcome};

/// How often each side says that it is alive.
pub(super) const BEAT: Duration = Duration::from_millis(500);
/// After so long a silence the other side counts as lost.
pub(super) const SILENCE: Duration = Duration::from_secs(10);
/// An agent that has slept for so long where it wanted to sleep for [`BEAT`] was stopped itself.
const STOPPED: Duration = Duration::from_secs(3);
/// How long the node's mpirun may take to end its ranks after the connection was lost.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long output that ranks have left behind may take to end.
const REST: Duration = Duration::from_secs(3);

/// Variables that name a host or a login, and mean nothing on another.
const OF_A_HOST: [&str; 13] = [
    "HOSTNAME",
    "HOST",
    "SSH_CLIENT",
    "SSH_CONNECTION",
    "SSH_TTY",
    "SSH_AUTH_SOCK",
    "XDG_RUNTIME_DIR",
    "XDG_SESSION_ID",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "SLURMD_NODENAME",
    "SLURM_NODEID",
    "SLURM_TOPOLOGY_ADDR",
];

/// The way up.
#[derive(Clone)]
struct Up(Arc<Mutex<File>>);

impl Up {
    fn send(&self, kind: Kind, bytes: &[u8]) -> io::Result<()> {
        let to = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        frame::write(&*to, kind, bytes)
    }
}

/// When something was heard from above last. `None`: all is stopped, and nothing need be.
#[derive(Clone)]
struct Watchdog(Arc<Mutex<Option<Instant>>>);

impl Watchdog {
    fn new() -> Watchdog {
        Watchdog(Arc::new(Mutex::new(Some(Instant::now()))))
    }

    fn set(&self, last: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = last;
    }

    /// This process was stopped itself (a frozen container), and could hear nothing.
    fn forgive(&self) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = last.map(|_| Instant::now());
    }

    /// Whether the silence is too long.
    fn barks(&self) -> bool {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|last| last.elapsed() > SILENCE)
    }
}

/// Runs the agent. Its exit code tells that it has said all it had to say.
pub fn run() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody is there any more to whom it could be told.
        Err(why) if why.kind() == io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("mpirun: agent: {why}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> io::Result<()> {
    let mut from = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let out = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let up = Up(Arc::new(Mutex::new(out)));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let host = nix::unistd::gethostname().unwrap_or_default();
    let hello = Hello {
        protocol: PROTOCOL,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host: host.to_string_lossy().into_owned(),
        cores: u32::try_from(cores).unwrap_or(1),
        machine: machine(),
        processors: topology::allowed(),
    };
    up.send(Kind::Hello, &hello.write())?;
    let plan = loop {
        match frame::read(&from)? {
            Some(frame) if frame.kind == Kind::Plan => break frame.bytes,
            Some(frame) if frame.kind == Kind::Alive => {}
            _ => return Ok(()), // not needed
        }
    };
    let Some(read) = Plan::read(&plan) else {
        return Err(io::Error::other("the plan cannot be read"));
    };
    let node = match start(&read) {
        Ok(node) => node,
        Err(why) if read.is_spawned() => {
            up.send(Kind::Refused, &Outcome::Refused(None, why).write()[HEAD..])?;
            return up.send(Kind::Exit, &[1]);
        }
        Err(why) => {
            let text = format!("mpirun: {why}\n");
            up.send(Kind::Err, text.as_bytes())?;
            return up.send(Kind::Exit, &[1]);
        }
    };
    let Node {
        mut child,
        line,
        input,
    } = node;
    frame::write(&line, Kind::Plan, &plan)?;
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap_or(0));
    let streams = [
        child
            .stdout
            .take()
            .map(|pipe| (Kind::Out, File::from(std::os::fd::OwnedFd::from(pipe)))),
        child
            .stderr
            .take()
            .map(|pipe| (Kind::Err, File::from(std::os::fd::OwnedFd::from(pipe)))),
    ];
    let (over, rest) = mpsc::channel();
    for (kind, pipe) in streams.into_iter().flatten() {
        let (up, over) = (up.clone(), over.clone());
        std::thread::spawn(move || {
            pass_up(&up, kind, pipe);
            drop(over);
        });
    }
    let (words, line_up) = (line.try_clone()?, up.clone());
    std::thread::spawn(move || {
        while let Ok(Some(frame)) = frame::read(&words) {
            if line_up.send(frame.kind, &frame.bytes).is_err() {
                break;
            }
        }
        drop(over); // what the node has said last, too, comes before its exit code
    });
    let watchdog = Watchdog::new();
    let is_over = Arc::new(AtomicBool::new(false));
    let lost = {
        let is_over = is_over.clone();
        let line = line.try_clone()?;
        Arc::new(move || {
            if is_over.swap(true, Ordering::Relaxed) {
                return;
            }
            // The node ends its ranks when its line does. Nothing is written, which could block.
            let _ = line.shutdown(Shutdown::Both);
            std::thread::sleep(PATIENCE);
            let _ = kill(pid, Signal::SIGKILL); // its guard ends what is left
        })
    };
    let (to_input, chunks) = mpsc::channel();
    let input_up = up.clone();
    std::thread::spawn(move || feed(&chunks, input, &input_up));
    let (down_watchdog, down_lost) = (watchdog.clone(), lost.clone());
    std::thread::spawn(move || {
        pass_down(&mut from, &line, (&to_input, pid), &down_watchdog);
        down_watchdog.set(Some(Instant::now()));
        down_lost();
    });
    let (beat_up, beat_lost) = (up.clone(), lost.clone());
    std::thread::spawn(move || {
        while beat_up.send(Kind::Alive, &[]).is_ok() {
            std::thread::sleep(BEAT);
        }
        beat_lost();
    });
    let is_silenced = Arc::new(AtomicBool::new(false));
    let silenced = is_silenced.clone();
    // It writes nothing: a connection that takes nothing more would hold it up.
    std::thread::spawn(move || {
        let mut looked = Instant::now();
        while !watchdog.barks() {
            std::thread::sleep(BEAT);
            if looked.elapsed() > STOPPED {
                watchdog.forgive();
            }
            looked = Instant::now();
        }
        silenced.store(true, Ordering::Relaxed);
        lost();
        std::thread::sleep(REST);
        std::process::exit(1); // others may still be trying to write
    });
    let status = child.wait()?;
    is_over.store(true, Ordering::Relaxed);
    // What was printed last comes before the exit code. The senders are dropped at the end.
    let _: Result<(), _> = rest.recv_timeout(REST);
    use std::os::unix::process::ExitStatusExt;
    if is_silenced.load(Ordering::Relaxed) {
        let text = format!(
            "mpirun: host {}: nothing was heard here of the mpirun that was started for {} s: ending \
             the job\n",
            read.hosts[read.node as usize],
            SILENCE.as_secs()
        );
        up.send(Kind::Err, text.as_bytes())?;
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    let by_signal = status.signal().and_then(|n| u8::try_from(128 + n).ok());
    up.send(Kind::Exit, &[code.or(by_signal).unwrap_or(1)])
}

/// Which start of which kernel this host runs on. Empty: not known.
fn machine() -> String {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    text.map(|text| text.trim().to_owned()).unwrap_or_default()
}

/// The node's mpirun.
struct Node {
    child: std::process::Child,
    line: UnixStream,
    input: File,
}

fn start(plan: &Plan) -> Result<Node, String> {
    let host = &plan.hosts[plan.node as usize];
    let fail = |what: &str, why: &dyn std::fmt::Display| format!("host {host}: {what}: {why}");
    let dir = std::path::Path::new(&plan.dir);
    // Entered, not listed: that takes another permission.
    if let Err(why) = std::env::set_current_dir(dir) {
        return Err(fail(&format!("directory {}", dir.display()), &why));
    }
    let file = std::env::current_exe().map_err(|why| fail("mpirun", &why))?;
    let (line, far) = UnixStream::pair().map_err(|why| fail("socketpair", &why))?;
    let mut command = Command::new(file);
    command.arg(NODE);
    let own = std::env::vars_os().filter(|(name, _)| is_of_a_host(name));
    let given = plan.env.iter().filter(|(name, _)| !is_of_a_host(name));
    command.env_clear().envs(own).envs(given.cloned());
    command
        .env_remove("MPIEXEC_TIMEOUT") // the mpirun that the user has started looks at the time
        .env("PWD", dir)
        .env(OF_JOB, write_origin(&plan.origin))
        .env(LINE, far.as_raw_fd().to_string());
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let blocked = SigSet::thread_get_mask().map_err(|why| fail("signals", &why))?;
    let fd = far.as_raw_fd();
    let mut child = spawn::start_mpirun(&mut command, blocked, [fd, fd])
        .map_err(|why| fail("mpirun cannot be started", &why))?;
    let input = child.stdin.take().ok_or_else(|| fail("pipe", &"none"))?;
    Ok(Node {
        child,
        line,
        input: File::from(std::os::fd::OwnedFd::from(input)),
    })
}

fn is_of_a_host(name: &std::ffi::OsStr) -> bool {
    OF_A_HOST.iter().any(|known| name == *known)
}

/// Passes output up until it ends.
fn pass_up(up: &Up, kind: Kind, mut pipe: File) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match pipe.read(&mut buffer) {
            Ok(0) => return,
            Ok(n) if up.send(kind, &buffer[..n]).is_ok() => {}
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            _ => return,
        }
    }
}

/// Writes standard input to the node's mpirun, and says how much was taken. A rank that does
/// not read holds up this thread alone.
fn feed(chunks: &Receiver<Vec<u8>>, mut input: File, up: &Up) {
    for chunk in chunks {
        if chunk.is_empty() || input.write_all(&chunk).is_err() {
            break;
        }
        let taken = u32::try_from(chunk.len()).unwrap_or(0);
        if up.send(Kind::Taken, &taken.to_le_bytes()).is_err() {
            break;
        }
    }
    drop(input);
    // What still comes is taken and dropped, as by a program that does not read.
    for chunk in chunks {
        let taken = u32::try_from(chunk.len()).unwrap_or(0);
        let _ = up.send(Kind::Taken, &taken.to_le_bytes());
    }
}

/// Passes frames down until the connection ends.
fn pass_down(
    from: &mut File,
    line: &UnixStream,
    (input, mpirun): (&Sender<Vec<u8>>, Pid),
    watchdog: &Watchdog,
) {
    while let Ok(Some(frame)) = frame::read(&mut *from) {
        let mut now = Some(Instant::now());
        match frame.kind {
            Kind::In => {
                let _ = input.send(frame.bytes);
            }
            Kind::Signal => {
                let number = frame.bytes.first().copied().unwrap_or(0);
                if let Ok(signal) = Signal::try_from(i32::from(number)) {
                    if signal == Signal::SIGTSTP {
                        now = None; // the other side stops, too
                    }
                    let _ = kill(mpirun, signal);
                }
            }
            Kind::Alive => {}
            _ => {
                let _ = frame::write(line, frame.kind, &frame.bytes);
            }
        }
        watchdog.set(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_barks_at_silence_but_not_when_it_was_stopped_itself() {
        let watchdog = Watchdog::new();
        assert!(!watchdog.barks());
        let long_ago = Instant::now().checked_sub(2 * SILENCE);
        watchdog.set(long_ago);
        assert!(watchdog.barks() || long_ago.is_none());
        watchdog.forgive();
        assert!(!watchdog.barks());
        watchdog.set(None);
        watchdog.forgive();
        assert!(!watchdog.barks(), "all is stopped");
    }
}
