//! Atomic mode (MPI 5.0, section 14.6.1): an access is seen by others whole or not at all.
//!
//! Ranks lock the bytes from the first to the last of an access by a lock of the open file
//! description, which the kernel lets go of when the rank ends, however it does. Each rank has
//! a description of its own; threads of one rank share it, and take turns by a mutex.

use super::agree;
use super::errno::Errno;
use crate::error::Result;
use crate::object::file::File;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes of a file that are locked.
#[derive(Debug)]
pub struct RangeLock<'a> {
    fd: BorrowedFd<'a>,
    first: i64,
    len: i64,
    _turn: MutexGuard<'a, ()>,
}

impl<'a> RangeLock<'a> {
    /// Waits until no other process has locked any of the bytes from `first` to before `end`
    /// against this: readers do not keep each other out.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn new(
        fd: BorrowedFd<'a>,
        turn: &'a Mutex<()>,
        first: u64,
        end: u64,
        is_write: bool,
    ) -> std::result::Result<RangeLock<'a>, Errno> {
        // No thread panics while it has its turn: a panic ends the job.
        let turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let lock = RangeLock {
            fd,
            first: first.cast_signed(),
            len: (end - first).cast_signed(),
            _turn: turn,
        };
        let kind = if is_write {
            libc::F_WRLCK
        } else {
            libc::F_RDLCK
        };
        lock.set(kind).map(|()| lock)
    }

    fn set(&self, kind: i32) -> std::result::Result<(), Errno> {
        let range = libc::flock {
            l_type: i16::try_from(kind).unwrap_or(0),
            l_whence: 0, // SEEK_SET
            l_start: self.first,
            l_len: self.len,
            l_pid: 0,
        };
        loop {
            // SAFETY: the descriptor is open, and `range` says which bytes are meant.
            if unsafe { libc::fcntl(self.fd.as_raw_fd(), libc::F_OFD_SETLKW, &raw const range) }
                == 0
            {
                return Ok(());
            }
            match Errno::last() {
                Errno(libc::EINTR) => {}
                failed => return Err(failed),
            }
        }
    }
}

impl Drop for RangeLock<'_> {
    fn drop(&mut self) {
        // What was never locked may be unlocked.
        let _ = self.set(libc::F_UNLCK);
    }
}

/// `MPI_File_set_atomicity`: a collective call.
///
/// # Errors
/// Members differ (class NOT_SAME), or the file system has no locks.
pub fn set(file: &File, is_atomic: bool) -> Result<()> {
    let tag = agree::begin(file);
    let own = is_possible(file, is_atomic).map(|()| i64::from(is_atomic));
    agree::all_same(&file.comm, tag, "flag", own)?;
    file.is_atomic.set(is_atomic);
    Ok(())
}

/// Has the file system forget what this host has cached of the file: a network file system
/// does so for a lock, where it has locks. Those of this machine need not.
pub(super) fn look_anew(file: &File) {
    use std::os::fd::AsFd;
    let (fd, is_write) = (file.fd.as_fd(), file.may_write().is_ok());
    drop(RangeLock::new(
        fd,
        &file.turn,
        NOWHERE,
        NOWHERE + 1,
        is_write,
    ));
}

/// A byte far behind the end of any file, which no access has.
const NOWHERE: u64 = i64::MAX.cast_unsigned() - 1;

/// Whether bytes of the file can be locked: tried with [`NOWHERE`].
fn is_possible(file: &File, is_atomic: bool) -> Result<()> {
    use std::os::fd::AsFd;
    let is_write = file.may_write().is_ok();
    match is_atomic {
        false => Ok(()),
        true => match RangeLock::new(file.fd.as_fd(), &file.turn, NOWHERE, NOWHERE + 1, is_write) {
            Ok(_) => Ok(()),
            Err(errno) => Err(errno.error("lock a byte of", &file.path)),
        },
    }
}
