//! Size, space and the way to the device (MPI 5.0, sections 14.2.4 to 14.2.6, 14.6.1).

use super::errno::Errno;
use super::{agree, atomic, engine};
use crate::error::Result;
use crate::object::file::File;
use crate::{fail, lock};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use wireup::collective::Kind;

/// What the file system says of a file.
#[derive(Clone, Copy, Debug)]
pub struct Stat {
    /// The device that it is on,
    pub device: u64,
    /// and its number there.
    pub inode: u64,
    /// Its kind and permissions.
    pub mode: libc::mode_t,
    /// Bytes.
    pub size: u64,
}

impl Stat {
    /// What `call` writes, which returns 0 if it has.
    pub(super) fn of(
        call: impl FnOnce(*mut libc::stat) -> i32,
    ) -> std::result::Result<Stat, Errno> {
        let mut stat = MaybeUninit::<libc::stat>::uninit();
        if call(stat.as_mut_ptr()) != 0 {
            return Err(Errno::last());
        }
        // SAFETY: the kernel has filled it in.
        let stat = unsafe { stat.assume_init() };
        Ok(Stat {
            device: stat.st_dev,
            inode: stat.st_ino,
            mode: stat.st_mode,
            size: stat.st_size.cast_unsigned(),
        })
    }
}

/// # Errors
/// The kernel's answer.
pub(super) fn stat(fd: &OwnedFd) -> std::result::Result<Stat, Errno> {
    let fd = fd.as_raw_fd();
    let mut stat = Stat::of(|at| {
        // SAFETY: the descriptor is open, and `at` is good for a `stat`.
        unsafe { libc::fstat(fd, at) }
    })?;
    if stat.mode & libc::S_IFMT == libc::S_IFBLK {
        // SAFETY: only the offset of the description changes, which nothing here uses.
        let end = unsafe { libc::lseek(fd, 0, libc::SEEK_END) };
        stat.size = u64::try_from(end).map_err(|_| Errno::last())?;
    }
    Ok(stat)
}

/// `MPI_File_get_size`: bytes.
///
/// # Errors
/// The kernel's answer.
pub fn get(file: &File) -> Result<u64> {
    match stat(&file.fd) {
        Ok(stat) => Ok(stat.size),
        Err(errno) => Err(errno.error("look at", &file.path)),
    }
}

/// Whether the program may change the size, and to this.
fn checked(file: &File, size: i64) -> Result<i64> {
    file.may_write()?;
    file.may_choose_place()?;
    if size < 0 {
        fail!(ARG, "size is {size}, but must not be negative");
    }
    Ok(size)
}

/// Does at rank 0 what is done once for all members, who wait for it. `call` returns an
/// errno, 0 if all is well.
fn once(file: &File, what: &str, call: impl FnOnce(i32) -> i32) -> Result<()> {
    let mut own = Ok(());
    if file.comm.rank == 0 {
        let fd = file.fd.as_raw_fd();
        own = match lock::released(|| call(fd)) {
            0 => Ok(()),
            errno => Err(Errno(errno).error(what, &file.path)),
        };
    }
    own
}

/// The errno of a system call that returns 0 if all is well, called again when a signal
/// has interrupted it.
fn errno_of(mut call: impl FnMut() -> i32) -> i32 {
    loop {
        if call() == 0 {
            return 0;
        }
        match Errno::last() {
            Errno(libc::EINTR) => {}
            Errno(errno) => return errno,
        }
    }
}

/// `EFBIG` where the file would have to grow beyond `RLIMIT_FSIZE`: the kernel would end the
/// program.
fn beyond_limit(file: &File, size: i64) -> Option<i32> {
    let size = size.cast_unsigned();
    let grows = || stat(&file.fd).is_ok_and(|stat| stat.size < size);
    (engine::is_beyond_limit(size) && grows()).then_some(libc::EFBIG)
}

/// `MPI_File_set_size`: a collective call.
///
/// # Errors
/// A negative size, one that differs among ranks, a file that may not be written, or the
/// kernel's answer.
pub fn set(file: &File, size: i64) -> Result<()> {
    let tag = agree::begin_as(file, Kind::FILE_SET_SIZE);
    let size = agree::all_same(&file.comm, tag, "size", checked(file, size))?;
    let own = once(file, "set the size of", |fd| {
        beyond_limit(file, size).unwrap_or_else(|| {
            // SAFETY: the descriptor is open.
            errno_of(|| unsafe { libc::ftruncate(fd, size) })
        })
    });
    agree::all_succeed(&file.comm, tag, own)
}

/// `MPI_File_preallocate`: a collective call.
///
/// # Errors
/// As [`set`].
pub fn preallocate(file: &File, size: i64) -> Result<()> {
    let tag = agree::begin_as(file, Kind::FILE_PREALLOCATE);
    let size = agree::all_same(&file.comm, tag, "size", checked(file, size))?;
    let own = once(file, "allocate space for", |fd| {
        if size == 0 {
            return 0;
        }
        if let Some(errno) = beyond_limit(file, size) {
            return errno;
        }
        loop {
            // SAFETY: the descriptor is open.
            match unsafe { libc::posix_fallocate(fd, 0, size) } {
                libc::EINTR => {}
                errno => return errno,
            }
        }
    });
    agree::all_succeed(&file.comm, tag, own)
}

/// `MPI_File_sync`: a collective call, after which what any member has written is on the
/// device. One call does it for all: members write through one cache. Those on several hosts
/// have a cache each: all call, and then look at the file anew.
///
/// # Errors
/// The kernel's answer.
pub fn sync(file: &File) -> Result<()> {
    let tag = agree::begin_as(file, Kind::FILE_SYNC);
    agree::all_succeed(&file.comm, tag, Ok(()))?;
    let call = |fd| {
        // SAFETY: the descriptor is open.
        match errno_of(|| unsafe { libc::fsync(fd) }) {
            libc::EINVAL | libc::EROFS => 0, // a special file: there is nothing to sync
            errno => errno,
        }
    };
    if !file.comm.spans_hosts() {
        return agree::all_succeed(&file.comm, tag, once(file, "sync", call));
    }
    let fd = file.fd.as_raw_fd();
    let own = match lock::released(|| call(fd)) {
        0 => Ok(()),
        errno => Err(Errno(errno).error("sync", &file.path)),
    };
    agree::all_succeed(&file.comm, tag, own)?;
    atomic::look_anew(file);
    Ok(())
}
