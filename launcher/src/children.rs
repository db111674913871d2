//! Jobs that ranks of this one have spawned (`MPI_Comm_spawn`): each has an mpirun of its own,
//! which this one starts, tells of signals, and waits for.
//!
//! Ranks ask for one over a socket (see [`wireup::spawning`]). What a spawned job prints goes
//! where this mpirun's own output goes. If it fails while it is connected to this job, this
//! job ends as well, and the other way round.

use crate::cli::OnDeadlock;
use crate::nodes::relay::Relay;
use crate::reap::ExitStatus;
use crate::spawn;
use crate::tree;
use nix::poll::{PollFd, PollFlags};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use wireup::spawning::{self, END, FAILED, HEAD, LONGEST, Outcome, Request, TOLD};

/// A rank that has connected, and what has come of its request.
#[derive(Debug)]
struct Caller {
    stream: UnixStream,
    bytes: Vec<u8>,
}

/// A spawned job.
#[derive(Debug)]
struct ChildJob {
    pid: i32,
    /// Its first program, for messages.
    program: String,
    link: UnixStream,
    /// What its mpirun is to exit with, since it has failed while it was connected.
    failed: Option<u8>,
}

/// How a spawned job ended that failed while it was connected.
#[derive(Debug)]
pub struct ChildFailure {
    /// Its first program.
    pub program: String,
    /// What its mpirun has exited with.
    pub code: u8,
}

/// The jobs that this one has spawned.
#[derive(Debug)]
pub struct ChildJobs {
    listener: Option<UnixListener>,
    /// Given up where there is no descriptor left, to take a caller and refuse it.
    reserve: Option<File>,
    /// The listener is not looked at before this time: the machine had no descriptor left.
    paused: Option<Instant>,
    callers: Vec<Caller>,
    jobs: Vec<ChildJob>,
    /// The signals that were blocked when mpirun started.
    blocked: SigSet,
    /// Variables that mpirun has set for hwloc.
    hwloc_variables: Vec<&'static str>,
    /// What is done about deadlocks, in this job and in those.
    on_deadlock: OnDeadlock,
    /// On a node of a job on several hosts: who starts them instead.
    relay: Option<Relay>,
}

impl ChildJobs {
    /// Listens for ranks of the job with this number. Without a socket there is no spawning,
    /// and nothing else is amiss.
    pub fn new(
        job: u64,
        blocked: SigSet,
        hwloc_variables: Vec<&'static str>,
        on_deadlock: OnDeadlock,
        relay: Option<Relay>,
    ) -> ChildJobs {
        let listen = || {
            let listener = UnixListener::bind_addr(&spawning::address(job)?)?;
            listener.set_nonblocking(true)?;
            Ok::<_, std::io::Error>(listener)
        };
        ChildJobs {
            listener: listen().ok(),
            reserve: reserve(),
            paused: None,
            callers: Vec::new(),
            jobs: Vec::new(),
            blocked,
            hwloc_variables,
            on_deadlock,
            relay,
        }
    }

    /// What is to be polled.
    pub fn fds(&self) -> impl Iterator<Item = PollFd<'_>> {
        let open = self.listener.iter().filter(|_| self.paused.is_none());
        let listener = open.map(AsFd::as_fd);
        let callers = self.callers.iter().map(|caller| caller.stream.as_fd());
        listener
            .chain(callers)
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
    }

    /// When the listener is to be looked at again, though nothing says so.
    pub fn due(&self) -> Option<Instant> {
        self.paused
    }

    /// Whether any spawned job has not ended.
    pub fn any_alive(&self) -> bool {
        !self.jobs.is_empty()
    }

    /// Takes what ranks ask for, and starts the jobs. `running`: this job is not being ended.
    /// The processes of mpiruns that were started.
    pub fn look(&mut self, running: bool) -> Vec<i32> {
        self.take_callers();
        let mut started = Vec::new();
        let mut at = 0;
        while at < self.callers.len() {
            match self.callers[at].read() {
                Some(None) => at += 1,
                Some(Some(request)) => {
                    let caller = self.callers.swap_remove(at);
                    started.extend(self.start(&request, caller.stream, running));
                }
                None => drop(self.callers.swap_remove(at)),
            }
        }
        started
    }

    /// Takes those who have connected.
    fn take_callers(&mut self) {
        if self.paused.is_some_and(|until| Instant::now() < until) {
            return;
        }
        self.paused = None;
        while let Some(listener) = &self.listener {
            match listener.accept() {
                Ok((stream, _)) => {
                    if spawn::is_of_this_user(&stream) && stream.set_nonblocking(true).is_ok() {
                        let bytes = Vec::new();
                        self.callers.push(Caller { stream, bytes });
                    }
                }
                Err(why) if is_without_descriptors(&why) => {
                    // The listener stays readable, so a caller that is left there would
                    // have mpirun look for it for ever.
                    drop(self.reserve.take());
                    let taken = listener.accept();
                    if let Ok((stream, _)) = &taken {
                        refuse(stream, format!("mpirun cannot take the request: {why}"));
                    }
                    let is_taken = taken.is_ok();
                    drop(taken);
                    self.reserve = reserve();
                    if !is_taken {
                        self.paused = Some(Instant::now() + PAUSE);
                        return;
                    }
                }
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(why) if why.raw_os_error() == Some(libc::ECONNABORTED) => {}
                Err(_) => return,
            }
        }
    }

    fn start(&mut self, request: &Request, status: UnixStream, running: bool) -> Option<i32> {
        if !running {
            refuse(&status, "the job is being ended".to_owned());
            return None;
        }
        let _ = status.set_nonblocking(false);
        if let Some(relay) = &self.relay {
            relay.ask(request, status);
            return None;
        }
        match self.launch(request, &status) {
            Ok(job) => {
                let pid = job.pid;
                self.jobs.push(job);
                Some(pid)
            }
            Err(why) => {
                refuse(&status, format!("mpirun cannot be started: {why}"));
                None
            }
        }
    }

    fn launch(&self, request: &Request, status: &UnixStream) -> std::io::Result<ChildJob> {
        let (link, far) = UnixStream::pair()?;
        link.set_nonblocking(true)?;
        let file = tree::mpirun().map_err(std::io::Error::other)?;
        let mut command = Command::new(file);
        command.args(&request.args).current_dir(&request.dir);
        command.env_clear().stdin(Stdio::null());
        command.envs(request.variables());
        for name in &self.hwloc_variables {
            command.env_remove(name);
        }
        command.env_remove("MPIEXEC_TIMEOUT"); // this mpirun's covers all
        command
            .env(spawning::STATUS, status.as_raw_fd().to_string())
            .env(spawning::LINK, far.as_raw_fd().to_string())
            .env(spawning::ON_DEADLOCK, self.on_deadlock.name());
        let inherit = [status.as_raw_fd(), far.as_raw_fd()];
        let child = spawn::start_mpirun(&mut command, self.blocked, inherit)?;
        Ok(ChildJob {
            pid: i32::try_from(child.id()).map_err(std::io::Error::other)?,
            program: program_of(request),
            link,
            failed: None,
        })
    }

    /// Takes the end of a process. `None`: it is no mpirun of a spawned job. Otherwise, how
    /// its job failed, if that is to end this one.
    pub fn ended(&mut self, pid: i32, status: ExitStatus) -> Option<Option<ChildFailure>> {
        let at = self.jobs.iter().position(|job| job.pid == pid)?;
        let mut job = self.jobs.swap_remove(at);
        job.hear();
        let code = match status {
            ExitStatus::Exit(code) => u8::try_from(code).unwrap_or(1),
            ExitStatus::Signal(signal, _) => u8::try_from(128 + signal).unwrap_or(1),
        };
        // An mpirun that was killed has not told whether its job was connected.
        let killed = matches!(status, ExitStatus::Signal(..));
        let failed = code != 0 && (job.failed.is_some() || killed);
        Some(failed.then_some(ChildFailure {
            program: job.program,
            code,
        }))
    }

    /// A spawned job that has failed while it was connected, though it may not have ended.
    pub fn failure(&mut self) -> Option<ChildFailure> {
        self.jobs.iter_mut().for_each(ChildJob::hear);
        let mut failed = self.jobs.iter().filter_map(|job| Some((job, job.failed?)));
        failed.next().map(|(job, code)| ChildFailure {
            program: job.program.clone(),
            code,
        })
    }

    /// Says that this job has failed: spawned jobs that are connected end.
    pub fn tell_failure(&self) {
        for job in &self.jobs {
            let _ = (&job.link).write_all(&[END]);
        }
    }

    /// Says that this mpirun has told of the spawned jobs' ranks, and ends them.
    pub fn tell_that_it_is_told(&self) {
        for job in &self.jobs {
            let _ = (&job.link).write_all(&[TOLD]);
        }
    }

    /// Passes a signal on to all spawned jobs.
    pub fn signal_all(&self, signal: Signal) {
        for job in &self.jobs {
            let _ = kill(Pid::from_raw(job.pid), signal);
        }
    }
}

impl ChildJob {
    fn hear(&mut self) {
        self.failed = failure_on(&self.link).or(self.failed);
    }
}

/// What a spawned job's mpirun is to exit with, if it has said on this link, which does not
/// block, that it has failed while it was connected.
pub fn failure_on(mut link: &UnixStream) -> Option<u8> {
    let mut bytes = [0; 16];
    let n = link.read(&mut bytes).ok()?;
    let mut said = bytes[..n].iter().skip_while(|byte| **byte != FAILED);
    said.next()?;
    Some(said.next().copied().unwrap_or(1))
}

impl Caller {
    /// Reads what is there. The request, once it is whole; `None`: there will be none.
    #[allow(clippy::option_option, reason = "not yet, and never")]
    fn read(&mut self) -> Option<Option<Request>> {
        loop {
            if let Some((head, body)) = self.bytes.split_first_chunk::<HEAD>() {
                let len = u64::from_le_bytes(*head);
                if len > LONGEST {
                    return None;
                }
                if body.len() as u64 >= len {
                    return Some(Some(Request::read(body)?));
                }
            }
            let mut more = [0; 65536];
            match self.stream.read(&mut more) {
                Ok(0) => return None,
                Ok(n) => self.bytes.extend(&more[..n]),
                Err(why) if why.kind() == ErrorKind::WouldBlock => return Some(None),
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
    }
}

/// How long the listener is left alone where the machine has no descriptor left.
const PAUSE: Duration = Duration::from_millis(100);

/// A descriptor to be given up.
fn reserve() -> Option<File> {
    File::open("/dev/null").or_else(|_| File::open("/")).ok()
}

fn is_without_descriptors(why: &std::io::Error) -> bool {
    matches!(why.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

/// Tells a rank that its job is not started. If it has ended, nobody needs to know.
fn refuse(mut status: &UnixStream, why: String) {
    let _ = status.write_all(&Outcome::Refused(None, why).write());
}

/// The first program of a request, for messages.
pub fn program_of(request: &Request) -> String {
    // --spawned COUNT HOST RANKS DIR ERRHANDLER WORDS word
    let word = request.args.get(7);
    word.map_or_else(String::new, |word| word.to_string_lossy().into_owned())
}
