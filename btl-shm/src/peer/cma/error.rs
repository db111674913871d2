//! A transfer that ended early, in words.

use super::call::{CmaWhy, Direction};
use std::fmt;
use std::io;

/// A transfer that ended early.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CmaError {
    /// Bytes that were copied before: the first ones, in the order of the lists.
    pub copied: usize,
    /// Why no more were.
    pub why: CmaWhy,
    /// The peer's process.
    pub pid: u32,
    /// The peer's address that was next.
    pub peer_addr: u64,
    pub(super) direction: Direction,
}

impl fmt::Display for CmaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, past) = match self.direction {
            Direction::Read => ("read", "process_vm_readv"),
            Direction::Write => ("write", "process_vm_writev"),
        };
        let (pid, addr) = (self.pid, self.peer_addr);
        match self.why {
            CmaWhy::Gone => write!(
                f,
                "there is no process {pid} to {verb}: it has ended, or is in another pid namespace"
            )?,
            CmaWhy::Absent => {
                write!(
                    f,
                    "cannot {verb} at {addr:#x} of process {pid}: no such memory there"
                )?;
            }
            CmaWhy::OwnAbsent(own) => {
                let how = match self.direction {
                    Direction::Read => "written",
                    Direction::Write => "read",
                };
                write!(
                    f,
                    "the own buffer's page at {own:#x} is not there, or may not be {how}"
                )?;
            }
            CmaWhy::Refused(errno) => write!(
                f,
                "{past} of process {pid} is not permitted (ptrace scope, another user, or a seccomp filter): {}",
                io::Error::from_raw_os_error(errno)
            )?,
            CmaWhy::Other(errno) => write!(
                f,
                "{past} of process {pid} at {addr:#x}: {}",
                io::Error::from_raw_os_error(errno)
            )?,
        }
        match self.copied {
            0 => Ok(()),
            copied => write!(f, " (after {copied} bytes)"),
        }
    }
}

impl std::error::Error for CmaError {}
