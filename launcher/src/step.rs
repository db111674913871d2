//! `mpirun --step`: holds the job of a Slurm step, whose tasks are its ranks
//! ([`wireup::step`]). It has started none of them, so that it learns of their ends by
//! process descriptors, and not how they ended: that is Slurm's to tell.

use crate::say::{Failure, failure, say};
use crate::snapshot;
use crate::spawn;
use crate::start::inheritable;
use crate::verdict;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Duration;
use wireup::descriptor::Source;
use wireup::layout::State;
use wireup::segment::Segment;
use wireup::{env, handover, step};

/// How long a task may take to say which one it is.
const PATIENCE: Duration = Duration::from_secs(5);

/// A task that has come.
struct Task {
    pid: i32,
    /// Readable when the process has ended. None once it has.
    process: Option<OwnedFd>,
}

impl Task {
    /// Whether its process has not ended, of which [`Step::wait`] may not have told yet.
    fn is_running(&self) -> bool {
        let Some(process) = &self.process else {
            return false;
        };
        let mut fds = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
        matches!(poll(&mut fds, PollTimeout::ZERO), Ok(0))
    }
}

/// The job of a step.
struct Step {
    segment: Segment,
    sources: [Source; 2],
    /// By rank. None: it has not come.
    tasks: Vec<Option<Task>>,
}

/// Holds the job of a step until all tasks have ended.
///
/// # Errors
/// The system is short of something, or the option is not used by a task.
pub fn run(args: &[OsString]) -> Result<u8, Failure> {
    let size = args.first().and_then(|text| text.to_str()?.parse().ok());
    let listener = std::io::stdin().as_fd().try_clone_to_owned();
    let listener = UnixListener::from(listener.map_err(failure)?);
    let (Some(size @ 1..), Ok(_)) = (size, listener.local_addr()) else {
        return Err(failure("--step is for the tasks of srun"));
    };
    spawn::detach().map_err(failure)?;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let processors = u32::try_from(processors).unwrap_or(u32::MAX);
    let segment = Segment::create(size, processors).map_err(failure)?;
    for rank in 0..size {
        let record = segment.record(rank);
        // Relaxed: no rank has been told of the segment.
        record.processor.store(u32::MAX, Relaxed);
        record
            .place
            .iter()
            .for_each(|at| at.store(u32::MAX, Relaxed));
    }
    let (reader, lifeline) = std::io::pipe().map_err(failure)?;
    let sources = [
        inheritable(segment.fd().as_raw_fd())?,
        inheritable(reader.as_raw_fd())?,
    ];
    drop(reader);
    let step = Step {
        segment,
        sources,
        tasks: (0..size).map(|_| None).collect(),
    };
    let code = step.hold(&listener);
    drop(lifeline); // the kernel kills what is left of the ranks
    code
}

impl Step {
    fn hold(mut self, listener: &UnixListener) -> Result<u8, Failure> {
        loop {
            let ready = self.wait(listener)?;
            if ready.contains(&None) {
                let met = listener.accept();
                met.into_iter().for_each(|(stream, _)| self.admit(stream));
            }
            for rank in ready.into_iter().flatten() {
                if let Some(text) = self.ended(rank) {
                    say(&text);
                    return Ok(1);
                }
            }
            let is_over = |task: &Option<Task>| task.as_ref().is_some_and(|t| t.process.is_none());
            if self.tasks.iter().all(is_over) {
                return Ok(0);
            }
        }
    }

    /// Waits for news: of a task that comes (None), or of ranks that have ended.
    fn wait(&self, listener: &UnixListener) -> Result<Vec<Option<usize>>, Failure> {
        let processes = self.tasks.iter().enumerate().filter_map(|(rank, task)| {
            let process = task.as_ref()?.process.as_ref()?;
            Some((Some(rank), process.as_fd()))
        });
        let all: Vec<_> = std::iter::once((None, listener.as_fd()))
            .chain(processes)
            .collect();
        let mut fds: Vec<PollFd> = all
            .iter()
            .map(|(_, fd)| PollFd::new(*fd, PollFlags::POLLIN))
            .collect();
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(why) => return Err(failure(why)),
        }
        let ready = all.iter().zip(&fds);
        let ready = ready.filter(|(_, fd)| fd.any().unwrap_or(false));
        Ok(ready.map(|((who, _), _)| *who).collect())
    }

    /// Tells a task where the job is. One that is to ask again is told nothing.
    fn admit(&mut self, mut stream: UnixStream) {
        let mut rank = [0; 4];
        if !spawn::is_of_this_user(&stream)
            || stream.set_read_timeout(Some(PATIENCE)).is_err()
            || stream.read_exact(&mut rank).is_err()
        {
            return;
        }
        let rank = u32::from_le_bytes(rank);
        let Some(slot) = self.tasks.get_mut(rank as usize) else {
            return;
        };
        let Some((pid, _)) = step::peer(&stream) else {
            return;
        };
        match slot {
            // What a rank starts comes with the rank's own number: its library looks whether it
            // is a job of its own.
            Some(task) if task.is_running() => {}
            // A second program of the task waits until all ranks of this job have ended.
            Some(_) => return,
            None => {
                let Ok(process) = spawn::process_descriptor(pid) else {
                    return;
                };
                *slot = Some(Task {
                    pid,
                    process: Some(process),
                });
                self.segment
                    .record(rank)
                    .child
                    .store(pid.unsigned_abs(), Relaxed);
            }
        }
        let files = handover::files_text(&self.sources.map(|source| source.file));
        let [segment, line] = self.sources.map(|source| source.number);
        let text = format!(
            "{}={segment}\n{}={line}\n{}={files}\n{}={}\n{}={}\n{}=0\n{}={rank}\n",
            env::SEGMENT,
            env::LIFELINE,
            env::FILES,
            env::LAUNCHER,
            std::process::id(),
            env::SIZE,
            self.segment.ranks(),
            env::APPNUM,
            env::RANK,
        );
        let _ = stream.write_all(text.as_bytes()); // a task that has gone ends by its descriptor
    }

    /// A rank has ended. Returns what is to be said if the others cannot go on.
    fn ended(&mut self, rank: usize) -> Option<String> {
        let task = self.tasks[rank].as_mut()?;
        task.process = None;
        let pid = task.pid;
        let number = u32::try_from(rank).ok()?;
        if let Some(abort) = snapshot::abort(&self.segment) {
            return Some(verdict::judge_abort(&abort).text);
        }
        let record = self.segment.record(number);
        // pairs with the Release by which ranks publish how far they are
        let state = State::of(record.state.load(Acquire));
        if state != Some(State::Finalized) {
            return Some(format!(
                "rank {rank} (pid {pid}) has ended without calling MPI_Finalize: ending the step"
            ));
        }
        record.state.store(State::Gone as u32, Release); // pairs with the Acquire of ranks that look
        None
    }
}
