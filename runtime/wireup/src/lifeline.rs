//! The job's lifeline: a pipe whose only write end is mpirun's.
//!
//! When mpirun is gone, however it ended, the kernel sends SIGKILL to whoever
//! tied itself to the read end: no watchdog process is needed that could be
//! killed as well, and it reaches processes that `PR_SET_PDEATHSIG` does not,
//! those that a rank's program started. Nothing is ever written to the pipe.
//!
//! The owner of such a signal belongs to an open file description, so each
//! process that ties itself opens the pipe anew through /proc.

use crate::descriptor::{Source, raise};
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

/// What is tied to the lifeline, and killed when mpirun is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LifelineScope {
    /// The calling process.
    Process,
    /// The calling process's group, which it must lead.
    Group,
}

/// Ties the calling process, or its group, to the lifeline that can be opened
/// at `path` (`/proc/self/fd/N` of an inherited read end). The descriptor that
/// is returned must stay open: closing its last copy unties. It has a high number, and
/// is closed on exec unless the caller changes that.
///
/// Makes system calls only, so it may be called between `fork` and `exec`.
///
/// # Errors
/// /proc is not there, or the kernel has no such signals on pipes;
/// `BrokenPipe`: mpirun is gone already.
pub fn tie(path: &CStr, scope: LifelineScope) -> io::Result<RawFd> {
    // SAFETY: `path` is NUL-terminated; a read end opened without blocking
    // only makes a new descriptor.
    let fd = unsafe {
        libc::open(
            path.as_ptr(),
            libc::O_RDONLY | libc::O_NONBLOCK | libc::O_CLOEXEC,
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: open just returned this descriptor to us alone.
    tie_open(unsafe { OwnedFd::from_raw_fd(fd) }, scope)
}

/// Ties to the lifeline behind a read end that this process has opened for that.
fn tie_open(fd: OwnedFd, scope: LifelineScope) -> io::Result<RawFd> {
    let kept = raise(fd)?;
    let fd = kept.as_raw_fd();
    // SAFETY: getpid has no preconditions.
    let pid = unsafe { libc::getpid() };
    let owner = match scope {
        LifelineScope::Process => pid,
        LifelineScope::Group => -pid,
    };
    // SAFETY: fcntl with integer arguments on the descriptor just opened.
    let set = unsafe {
        libc::fcntl(fd, libc::F_SETOWN, owner) >= 0
            && libc::fcntl(fd, F_SETSIG, libc::SIGKILL) >= 0
            && libc::fcntl(fd, libc::F_SETFL, libc::O_ASYNC | libc::O_NONBLOCK) >= 0
    };
    let tied = if set {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    };
    let mut byte = 0_u8;
    // SAFETY: reads at most the one byte that it is given.
    let got = unsafe { libc::read(fd, (&raw mut byte).cast(), 1) };
    match tied {
        Ok(()) if got != 0 => Ok(kept.into_raw_fd()),
        Ok(()) => Err(io::ErrorKind::BrokenPipe.into()), // end of file: mpirun is gone already
        Err(why) => Err(why),
    }
}

/// Ties the calling process to the job's lifeline for good: for a rank in `MPI_Init`,
/// which may be a program far below the one that mpirun started. Where there is no /proc,
/// or the kernel has no such signals, the process goes on without.
///
/// # Errors
/// A sentence: mpirun is gone already, or its lifeline cannot be opened, so that nothing
/// would ever end this process.
pub fn tie_for_life(source: &Source) -> Result<(), String> {
    let tied = if source.file.is(source.number) {
        let path = CString::new(format!("/proc/self/fd/{}", source.number));
        let path = path.unwrap_or_default(); // a number has no NUL
        tie(&path, LifelineScope::Process)
    } else {
        let far = source.open(libc::O_RDONLY | libc::O_NONBLOCK);
        tie_open(
            far.map_err(|why| format!("the job's lifeline cannot be had: {why}"))?,
            LifelineScope::Process,
        )
    }; // the descriptor stays open until the end
    match tied {
        Err(why) if why.kind() == io::ErrorKind::BrokenPipe => Err(format!(
            "mpirun (process {}), which started this program, has ended",
            source.launcher
        )),
        _ => Ok(()),
    }
}

/// Linux's number for it; the libc crate does not have it for every C library.
const F_SETSIG: libc::c_int = 10;

#[cfg(test)]
mod tests {
    use super::{LifelineScope, tie};
    use std::ffi::CString;
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::Command;

    #[test]
    fn who_is_tied_dies_when_the_write_end_closes() {
        let mut ends = [0; 2];
        // SAFETY: pipe2 fills the two integers it is given.
        let made = unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) };
        assert_eq!(made, 0);
        // SAFETY: pipe2 just made it, and it belongs to nobody else.
        let read = unsafe { OwnedFd::from_raw_fd(ends[0]) };
        // SAFETY: as above.
        let write = unsafe { OwnedFd::from_raw_fd(ends[1]) };
        let path = CString::new(format!("/proc/self/fd/{}", read.as_raw_fd())).unwrap();
        let mut sleeper = Command::new("sleep");
        sleeper.arg("60").process_group(0);
        // SAFETY: only system calls are made in the child.
        unsafe {
            sleeper.pre_exec(move || {
                let fd = tie(&path, LifelineScope::Group)?;
                libc::fcntl(fd, libc::F_SETFD, 0);
                Ok(())
            });
        }
        let mut child = sleeper.spawn().unwrap();
        assert!(child.try_wait().unwrap().is_none());
        drop(write);
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
    }
}
