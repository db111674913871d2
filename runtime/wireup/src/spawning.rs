//! What a rank and `mpirun` say to each other when the rank has a job started
//! (`MPI_Comm_spawn`).
//!
//! `mpirun` listens on a Unix socket in the abstract namespace, whose name follows from the
//! job's number. A rank connects, and sends one [`Request`]. `mpirun` starts another `mpirun`
//! for the new job and hands it the connection ([`STATUS`]), on which that one says what
//! became of it ([`Outcome`]), and which closes when it ends. A program that no `mpirun`
//! started starts one itself.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::SocketAddr;

/// The number of the descriptor on which an `mpirun` that starts a spawned job says what
/// became of it, decimal: a variable of that `mpirun`'s environment.
pub const STATUS: &str = "LARIAT_SPAWN_STATUS";

/// The number of the descriptor that ties a spawned job to what has spawned it: a socket
/// of which the other end is `mpirun`'s, or the program's if no `mpirun` started it.
pub const LINK: &str = "LARIAT_SPAWN_LINK";

/// What `--on-deadlock` of the job that spawns says, by its name: it holds for the spawned job.
pub const ON_DEADLOCK: &str = "LARIAT_SPAWN_ON_DEADLOCK";

/// The port at which the root of the processes that spawned a job waits for it: a variable
/// of the environment of its ranks.
pub const PARENT: &str = "LARIAT_PARENT_PORT";

/// The number of the root's job, decimal: a variable beside [`PARENT`].
pub const PARENT_JOB: &str = "LARIAT_PARENT_JOB";

/// On the link, to the spawning side: the job has failed while it was connected. The exit code
/// of its `mpirun` follows, a byte.
pub const FAILED: u8 = b'F';
/// On the link, to the spawned job: what spawned it has failed. It ends if it is connected.
pub const END: u8 = b'E';
/// On the link, to the spawned job: why it is ended has been told, with what its ranks do.
pub const TOLD: u8 = b'T';

/// The longest request, in bytes: arguments and environment are limited by the kernel.
pub const LONGEST: u64 = 16 << 20;

/// Bytes before a request and an outcome: the length of the rest.
pub const HEAD: usize = 8;

/// Where the `mpirun` of this job listens.
///
/// # Errors
/// None that can happen: the name is short.
pub fn address(job: u64) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("lariat-spawn-{job:016x}"))
}

/// A job to be started.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Request {
    /// The directory of the process that spawns.
    pub dir: OsString,
    /// The arguments of `mpirun`, without its own name.
    pub args: Vec<OsString>,
    /// The environment, as `NAME=VALUE`.
    pub env: Vec<OsString>,
}

impl Request {
    /// As bytes, with the length in front.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let mut put = |text: &OsStr| {
            body.extend((text.len() as u64).to_le_bytes());
            body.extend(text.as_bytes());
        };
        put(&self.dir);
        for list in [&self.args, &self.env] {
            put(OsStr::new(&list.len().to_string()));
            list.iter().for_each(|text| put(text));
        }
        with_head(body)
    }

    /// The environment, by name.
    #[must_use]
    pub fn variables(&self) -> Vec<(OsString, OsString)> {
        let pair = |pair: &OsString| {
            let bytes = pair.as_bytes();
            let at = bytes.iter().position(|b| *b == b'=').filter(|at| *at > 0)?;
            let [name, value] = [&bytes[..at], &bytes[at + 1..]].map(OsStr::from_bytes);
            Some((name.to_owned(), value.to_owned()))
        };
        self.env.iter().filter_map(pair).collect()
    }

    /// What `write` has written, without the length in front.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Request> {
        let mut rest = bytes;
        let mut get = || {
            let (len, behind) = rest.split_first_chunk::<8>()?;
            let len = usize::try_from(u64::from_le_bytes(*len)).ok()?;
            let (text, behind) = behind.split_at_checked(len)?;
            rest = behind;
            Some(OsString::from_vec(text.to_vec()))
        };
        let dir = get()?;
        let mut lists = [Vec::new(), Vec::new()];
        for list in &mut lists {
            let count: usize = get()?.to_str()?.parse().ok()?;
            for _ in 0..count {
                list.push(get()?);
            }
        }
        let [args, env] = lists;
        Some(Request { dir, args, env })
    }
}

/// What became of a job that was to be started.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// All its processes were started.
    Started,
    /// It could not be started: the number of the program in the request, if one of them
    /// is to blame, and a sentence.
    Refused(Option<u32>, String),
}

impl Outcome {
    /// As bytes, with the length in front.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        with_head(match self {
            Outcome::Started => Vec::new(),
            Outcome::Refused(program, why) => {
                let program = program.map_or(u64::MAX, u64::from);
                let mut body = program.to_le_bytes().to_vec();
                body.extend(why.as_bytes());
                body
            }
        })
    }

    /// What `write` has written, without the length in front.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Outcome {
        match bytes.split_first_chunk::<8>() {
            None => Outcome::Started,
            Some((program, why)) => Outcome::Refused(
                u32::try_from(u64::from_le_bytes(*program)).ok(),
                String::from_utf8_lossy(why).into_owned(),
            ),
        }
    }
}

fn with_head(body: Vec<u8>) -> Vec<u8> {
    let mut bytes = (body.len() as u64).to_le_bytes().to_vec();
    bytes.extend(body);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_come_back() {
        let request = Request {
            dir: "/a b".into(),
            args: vec![
                "-n".into(),
                "2".into(),
                OsString::from_vec(vec![0xff, b'x']),
            ],
            env: vec!["A=1\n2".into()],
        };
        assert_eq!(request.variables(), [("A".into(), "1\n2".into())]);
        let bytes = request.write();
        assert_eq!(bytes[..8], ((bytes.len() - 8) as u64).to_le_bytes());
        assert_eq!(Request::read(&bytes[8..]), Some(request));
        for cut in 8..bytes.len() {
            assert_eq!(Request::read(&bytes[8..cut]), None, "{cut}");
        }
    }

    #[test]
    fn outcomes_come_back() {
        for outcome in [
            Outcome::Started,
            Outcome::Refused(None, "no".to_owned()),
            Outcome::Refused(Some(3), "ü".to_owned()),
        ] {
            assert_eq!(Outcome::read(&outcome.write()[8..]), outcome);
        }
    }
}
