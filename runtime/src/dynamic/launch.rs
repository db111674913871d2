//! Having a job started: by the `mpirun` of this job, or by one that this process starts.

use super::socket::{self, Talk, raise};
use super::spawn::Planned;
use crate::error::{Class, Error, Result};
use crate::installed;
use crate::job;
use crate::lock::Local;
use crate::object::group;
use std::ffi::{CStr, OsString};
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, AsRawFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use wireup::spawning::{self, HEAD, LINK, Outcome, Request, STATUS};

/// Where the launcher says what became of the job.
#[derive(Debug)]
pub(super) struct Status {
    stream: UnixStream,
    bytes: Vec<u8>,
}

impl Status {
    /// What it has said since the last time, if that is whole; an error once it has ended.
    pub(super) fn look(&mut self) -> Option<std::result::Result<Outcome, String>> {
        let mut more = [0; 4096];
        match self.stream.read(&mut more) {
            Ok(0) => return Some(Err("its mpirun has ended".to_owned())),
            Ok(n) => self.bytes.extend(&more[..n]),
            Err(why) if is_pause(&why) => {}
            Err(why) => return Some(Err(why.to_string())),
        }
        let (head, body) = self.bytes.split_first_chunk::<HEAD>()?;
        let len = usize::try_from(u64::from_le_bytes(*head)).ok()?;
        let outcome = Outcome::read(body.get(..len)?);
        self.bytes.drain(..HEAD + len);
        Some(Ok(outcome))
    }
}

fn is_pause(why: &io::Error) -> bool {
    matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Variables that are about this process's own place in its job.
const OWN: [&str; 12] = [
    wireup::env::RANK,
    wireup::env::SIZE,
    wireup::env::SEGMENT,
    wireup::env::APPNUM,
    wireup::env::LAUNCHER,
    wireup::env::LIFELINE,
    wireup::env::HEAP_FILE,
    wireup::env::FILES,
    wireup::env::INITIAL_ERRHANDLER,
    wireup::nodes::NODES,
    spawning::PARENT,
    spawning::PARENT_JOB,
];

/// By what the children find this job: the port, and this job's number.
fn variables(port: &CStr) -> [(&'static str, OsString); 2] {
    let here = group::job();
    [
        (
            spawning::PARENT,
            OsString::from_vec(port.to_bytes().to_vec()),
        ),
        (spawning::PARENT_JOB, here.to_string().into()),
    ]
}

fn request(programs: &[Planned], option: &str, port: &CStr) -> Request {
    let mut args: Vec<OsString> = vec![option.into(), programs.len().to_string().into()];
    for program in programs {
        args.push(program.host.clone().unwrap_or_default());
        args.push(program.ranks.to_string().into());
        args.push(program.dir.clone().unwrap_or_default());
        args.push(program.errhandler.into());
        args.push(program.words.len().to_string().into());
        args.extend(program.words.iter().cloned());
    }
    let pair = |name: &OsString, value: &OsString| {
        let mut bytes = name.as_bytes().to_vec();
        bytes.push(b'=');
        bytes.extend(value.as_bytes());
        OsString::from_vec(bytes)
    };
    let inherited = std::env::vars_os().filter(|(name, _)| OWN.iter().all(|own| name != *own));
    let mut env: Vec<OsString> = inherited.map(|(name, value)| pair(&name, &value)).collect();
    env.extend(variables(port).map(|(name, value)| pair(&name.into(), &value)));
    Request {
        dir: std::env::current_dir()
            .unwrap_or_else(|_| PathBuf::from("/"))
            .into(),
        args,
        env,
    }
}

/// Has the programs started, for children that connect to `port`.
///
/// # Errors
/// There is no `mpirun` that could.
pub(super) fn launch(programs: &[Planned], port: &CStr) -> Result<Status> {
    let failed =
        |why: io::Error| Error::new(Class::SPAWN, format!("mpirun cannot be reached: {why}"));
    let job = job::current().filter(|job| job.segment.is_launched());
    let stream = match job {
        Some(job) => by_own_mpirun(programs, port, job.segment.constants().job),
        None => by_another(programs, port),
    };
    let stream = stream.and_then(raise).map_err(failed)?;
    stream.set_nonblocking(true).map_err(failed)?;
    Ok(Status {
        stream,
        bytes: Vec::new(),
    })
}

fn by_own_mpirun(programs: &[Planned], port: &CStr, job: u64) -> io::Result<UnixStream> {
    let address = spawning::address(job)?;
    let stream = socket::connect(address.as_abstract_name().unwrap_or_default())?;
    socket::check_user(stream.as_fd()).map_err(|why| io::Error::other(why.to_string()))?;
    let talk = Talk::new(stream, Class::SPAWN);
    // One that takes no request has said why, and has closed its end.
    let _ = talk.send(&request(programs, "--spawned", port).write());
    Ok(talk.into_socket())
}

/// The ends of links of jobs that this process has started, open as long as it lives.
static LINKS: Local<Vec<UnixStream>> = Local::new(Vec::new());

fn by_another(programs: &[Planned], port: &CStr) -> io::Result<UnixStream> {
    let request = request(programs, "--spawned-alone", port);
    let (status, far_status) = UnixStream::pair()?;
    let (link, far_link) = UnixStream::pair()?;
    let mut command = Command::new(installed::mpirun()?);
    command.args(&request.args).stdin(Stdio::null());
    for name in OWN {
        command.env_remove(name);
    }
    command.envs(variables(port));
    command.env(STATUS, far_status.as_raw_fd().to_string());
    command.env(LINK, far_link.as_raw_fd().to_string());
    let inherit = [far_status.as_raw_fd(), far_link.as_raw_fd()];
    // SAFETY: the closure runs between fork and exec and only makes system calls.
    unsafe {
        command.pre_exec(move || {
            for fd in inherit {
                if libc::fcntl(fd, libc::F_SETFD, 0) < 0 {
                    return Err(io::Error::last_os_error());
                }
            }
            Ok(())
        });
    }
    let mut child = command.spawn()?;
    drop((far_status, far_link));
    // It leaves this process at once. A program that ignores SIGCHLD has taken its end.
    let _ = child.wait();
    let link = raise(link)?;
    LINKS.with(|links| {
        links.retain(is_open);
        links.push(link);
    });
    Ok(status)
}

/// Whether the job at the other end has not ended.
fn is_open(link: &UnixStream) -> bool {
    let mut byte = 0_u8;
    let flags = libc::MSG_DONTWAIT | libc::MSG_PEEK;
    // SAFETY: looks at one byte at most, into a local.
    unsafe { libc::recv(link.as_raw_fd(), (&raw mut byte).cast(), 1, flags) != 0 }
}
