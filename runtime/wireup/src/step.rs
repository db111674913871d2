//! How the tasks of a Slurm step (`srun -n 4 ./a.out`) become the ranks of a job.
//!
//! The tasks of one host meet at an abstract socket that is named after user, job and step.
//! The first one to come binds it and starts `mpirun --step`, which *holds* the job: it has
//! the job segment and the lifeline, tells each task where they are, and looks after the tasks
//! until all have ended. A task sends its rank; the holder sends lines `NAME=VALUE`, which are
//! the variables that `mpirun` gives to ranks ([`crate::handover`]). A connection that is
//! closed without them means: later. That happens when a task runs a second program while
//! others still run the first.

use crate::env;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The option with which `mpirun` holds the job of a step. The number of ranks follows. Its
/// standard input is the socket that tasks come to.
pub const OPTION: &str = "--step";

/// How long a task waits before it asks again.
const PAUSE: Duration = Duration::from_millis(10);

/// A task's place in a step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Task {
    /// Its number.
    pub rank: u32,
    /// The number of tasks.
    pub size: u32,
    /// Job and step, by which tasks find each other.
    name: String,
}

impl Task {
    /// This process's place, by the variables that `get` reads. None if Slurm has not started
    /// it as one of several tasks.
    ///
    /// # Errors
    /// A variable has no meaning, or the step has several hosts.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Option<Task>, String> {
        let number = |name: &str| {
            let text = get(name).filter(|text| !text.is_empty());
            let read = |text: String| match text.trim().parse::<u32>() {
                Ok(n) => Ok(n),
                Err(_) => Err(format!("{name}={text:?}, which srun sets, is no number")),
            };
            text.map(read).transpose()
        };
        let Some(size @ 2..) = number("SLURM_STEP_NUM_TASKS")? else {
            return Ok(None);
        };
        let (Some(rank), Some(job), Some(step)) = (
            number("SLURM_PROCID")?,
            number("SLURM_JOB_ID")?,
            get("SLURM_STEP_ID").filter(|step| !step.is_empty()),
        ) else {
            return Ok(None);
        };
        if rank >= size {
            return Err(format!(
                "SLURM_PROCID={rank}, but the step has {size} tasks (SLURM_STEP_NUM_TASKS)"
            ));
        }
        if let Some(nodes @ 2..) = number("SLURM_STEP_NUM_NODES")? {
            return Err(format!(
                "this step of srun has {nodes} hosts: tasks of srun become ranks on one host; for \
                 several, start one mpirun with --host"
            ));
        }
        // SAFETY: geteuid has no preconditions.
        let user = unsafe { libc::geteuid() };
        Ok(Some(Task {
            rank,
            size,
            name: format!("lariat-step-{user}-{job}-{step}"),
        }))
    }

    /// Meets the other tasks. Returns the variables of a rank. `mpirun` is started to hold the
    /// job, if this is the first task to come.
    ///
    /// # Errors
    /// There can be no holder, or another user has taken the socket's name.
    pub fn meet(
        &self,
        mpirun: impl Fn() -> io::Result<std::path::PathBuf>,
    ) -> io::Result<Vec<(String, String)>> {
        let address = SocketAddr::from_abstract_name(&self.name)?;
        loop {
            if let Ok(stream) = UnixStream::connect_addr(&address) {
                if !is_of_this_user(&stream) {
                    return Err(io::Error::other(format!(
                        "another user has the socket {} by which the tasks of this step would meet",
                        self.name
                    )));
                }
                if let Some(told) = self.ask(stream) {
                    return Ok(told);
                }
                std::thread::sleep(PAUSE);
                continue;
            }
            match UnixListener::bind_addr(&address) {
                Ok(listener) => hold(&mpirun()?, listener.into(), self.size)?,
                Err(why) if why.kind() == io::ErrorKind::AddrInUse => std::thread::sleep(PAUSE),
                Err(why) => return Err(why),
            }
        }
    }

    /// Asks the holder. None: it is to be asked again.
    fn ask(&self, mut stream: UnixStream) -> Option<Vec<(String, String)>> {
        stream.write_all(&self.rank.to_le_bytes()).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        let told: Vec<_> = pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        // All or nothing: the last line is the rank's own.
        let rank = self.rank.to_string();
        let last = (env::RANK.to_owned(), rank);
        told.ends_with(&[last]).then_some(told)
    }
}

/// Starts the holder.
fn hold(mpirun: &Path, listener: OwnedFd, size: u32) -> io::Result<()> {
    let mut command = Command::new(mpirun);
    command.arg(OPTION).arg(size.to_string());
    command.stdin(Stdio::from(listener)).stdout(Stdio::null());
    let mut child = command.spawn()?;
    // It goes on in a process that is no child. A program that ignores SIGCHLD has taken its end.
    let _ = child.wait();
    Ok(())
}

/// Whether the process at the other end of a socket belongs to this user.
fn is_of_this_user(stream: &UnixStream) -> bool {
    // SAFETY: geteuid has no preconditions.
    peer(stream).is_some_and(|(_, user)| user == unsafe { libc::geteuid() })
}

/// The process at the other end of a socket, and its user.
#[must_use]
pub fn peer(stream: &UnixStream) -> Option<(i32, u32)> {
    use std::os::fd::AsRawFd;
    let mut who = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let mut len = libc::socklen_t::try_from(size_of_val(&who)).ok()?;
    let at = (&raw mut who).cast();
    let fd = stream.as_raw_fd();
    // SAFETY: fills a local of the right type.
    let got =
        unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_PEERCRED, at, &raw mut len) };
    (got == 0).then_some((who.pid, who.uid))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(list: &[(&str, &str)]) -> Result<Option<Task>, String> {
        Task::read(|name| {
            let found = list.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    const STEP: [(&str, &str); 4] = [
        ("SLURM_STEP_NUM_TASKS", "4"),
        ("SLURM_PROCID", "3"),
        ("SLURM_JOB_ID", "17"),
        ("SLURM_STEP_ID", "0"),
    ];

    #[test]
    fn tasks_are_recognized() {
        let task = of(&STEP).unwrap().unwrap();
        assert_eq!((task.rank, task.size), (3, 4));
        assert!(task.name.ends_with("-17-0"));
        assert_eq!(of(&STEP[1..]), Ok(None), "an allocation without a step");
        assert_eq!(of(&[("SLURM_STEP_NUM_TASKS", "1")]), Ok(None));
    }

    #[test]
    fn what_cannot_be_is_said() {
        for (name, value, word) in [
            ("SLURM_PROCID", "4", "SLURM_PROCID=4"),
            ("SLURM_JOB_ID", "x", "SLURM_JOB_ID"),
            ("SLURM_STEP_NUM_NODES", "2", "2 hosts"),
        ] {
            let mut list = vec![(name, value)];
            list.extend(STEP);
            let said = of(&list).unwrap_err();
            assert!(said.contains(word), "{said}");
        }
    }
}
