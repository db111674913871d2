//! Our descriptors in a process whose program does not know of them.
//!
//! They have high numbers that vary from run to run, never those of the standard
//! streams, and are closed on exec: shell scripts use fixed numbers (`flock 200`),
//! programs expect the lowest free one, and a closed standard stream must not become one
//! of our files. A program may close a descriptor that it does not know, and open
//! something else under the same number. So our files are identified by device and
//! inode, which are checked before each use that would change the file ([`Backing`]).

use std::ffi::CString;
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicI32, Ordering};

/// The first number after those of the standard streams.
const FIRST: RawFd = 3;

/// Numbers stay below this one, however high the limit is: the kernel keeps a table up
/// to the highest number, and copies it at every fork.
const CEILING: u64 = 4096;

/// Which file it is: the device and inode numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The device, as `stat` has it.
    pub device: u64,
    /// The inode.
    pub inode: u64,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.device, self.inode)
    }
}

impl std::str::FromStr for Identity {
    type Err = ();

    /// Reads what `Display` writes.
    fn from_str(text: &str) -> Result<Identity, ()> {
        let (device, inode) = text.split_once(':').ok_or(())?;
        Ok(Identity {
            device: device.parse().map_err(drop)?,
            inode: inode.parse().map_err(drop)?,
        })
    }
}

impl Identity {
    /// The file behind a descriptor. A system call and nothing else.
    ///
    /// # Errors
    /// The descriptor is not open.
    pub fn of(fd: RawFd) -> io::Result<Identity> {
        let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
        // SAFETY: fstat fills the structure when it returns 0.
        if unsafe { libc::fstat(fd, stat.as_mut_ptr()) } < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: fstat returned 0 and filled it.
        let stat = unsafe { stat.assume_init() };
        Ok(Identity {
            device: stat.st_dev,
            inode: stat.st_ino,
        })
    }

    /// Whether `fd` is open and leads to this file.
    #[must_use]
    pub fn is(&self, fd: RawFd) -> bool {
        Identity::of(fd).is_ok_and(|found| found == *self)
    }
}

/// A duplicate of `fd`, close-on-exec, with a high number: as high as the limit of
/// descriptors allows, and never that of a standard stream.
/// System calls only: it may be called between `fork` and `exec`.
///
/// # Errors
/// `fd` is not open, or there is no room.
pub fn duplicate(fd: RawFd) -> io::Result<OwnedFd> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: getrlimit fills the structure.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    let top = RawFd::try_from(limit.rlim_cur.min(CEILING)).unwrap_or(0);
    // Somewhere in the last quarter, but not so near to the end that it may be full.
    let span = (top / 4 - 16).max(1);
    let varying = RawFd::try_from(random() % span.unsigned_abs()).unwrap_or(0);
    let mut last = io::Error::from_raw_os_error(libc::EMFILE);
    for from in [top - top / 4 + varying, top - top / 4, top / 2, FIRST] {
        // SAFETY: fcntl only reads the descriptor table.
        let raw = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, from.max(FIRST)) };
        if raw >= 0 {
            // SAFETY: F_DUPFD_CLOEXEC just returned this descriptor to us alone.
            return Ok(unsafe { OwnedFd::from_raw_fd(raw) });
        }
        last = io::Error::last_os_error();
    }
    Err(last)
}

/// Moves a new descriptor to a high number. If there is no free one, it keeps its number,
/// unless that is a standard stream's.
///
/// # Errors
/// It has the number of a standard stream, and no other is free.
pub fn raise(fd: OwnedFd) -> io::Result<OwnedFd> {
    match duplicate(fd.as_raw_fd()) {
        Ok(high) => Ok(high),
        Err(_) if fd.as_raw_fd() >= FIRST => Ok(fd),
        Err(why) => Err(why),
    }
}

/// A number that varies from run to run: not secret, and the same for calls within one
/// nanosecond.
fn random() -> u32 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: fills a local of the right type.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    // SAFETY: getpid has no preconditions.
    let pid = unsafe { libc::getpid() };
    let seed = now.tv_nsec.cast_unsigned() ^ u64::from(pid.unsigned_abs()) << 32;
    // a step of a multiplicative hash, of which the upper half is well mixed
    (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}

/// Where a file of the job can be opened again: the launcher has it open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Source {
    /// The number of the descriptor, in the launcher and as it was inherited.
    pub number: RawFd,
    /// The launcher's process id.
    pub launcher: u32,
    /// Which file it is.
    pub file: Identity,
}

impl Source {
    /// Opens the file: from the inherited descriptor or, if that was closed or reused,
    /// through the launcher's entry in /proc. The kernel admits only processes of the
    /// same user there, and the inode shows that it is the right file, not one of a later
    /// process with the launcher's number.
    ///
    /// # Errors
    /// A sentence: why it cannot be opened either way.
    pub fn open(&self, flags: libc::c_int) -> Result<OwnedFd, String> {
        let number = self.number;
        let inherited = match Identity::of(number) {
            Ok(found) if found == self.file => match duplicate(number) {
                Ok(fd) => return Ok(fd),
                Err(why) => format!("descriptor {number} cannot be duplicated: {why}"),
            },
            Ok(_) => format!("descriptor {number} is another file now"),
            Err(why) => format!("descriptor {number} was closed ({why})"),
        };
        self.open_at(flags).map_err(|far| {
            let path = self.path();
            let path = path.to_string_lossy();
            format!("{inherited}, and mpirun's own cannot be had: {path}: {far}")
        })
    }

    /// Where the launcher's descriptor is.
    #[must_use]
    pub fn path(&self) -> CString {
        let path = format!("/proc/{}/fd/{}", self.launcher, self.number);
        CString::new(path).unwrap_or_default() // numbers have no NUL
    }

    /// Opens the file through the entry in /proc of the process that has it open.
    ///
    /// # Errors
    /// What `open` said, or the descriptor there leads to another file by now.
    pub fn open_at(&self, flags: libc::c_int) -> io::Result<OwnedFd> {
        let path = self.path();
        // SAFETY: the path is NUL-terminated; only a new descriptor is made.
        let raw = unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC) };
        if raw < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: open just returned this descriptor to us alone.
        let fd = unsafe { OwnedFd::from_raw_fd(raw) };
        if !self.file.is(raw) {
            let text = "it is another file: that process has ended";
            return Err(io::Error::other(text));
        }
        raise(fd)
    }
}

/// A mapped file, and the descriptor by which it is mapped and grown. The program may
/// close the descriptor or reuse its number; the file is then opened again from its
/// source, if it has one.
#[derive(Debug)]
pub struct Backing {
    fd: AtomicI32,
    file: Identity,
    source: Option<Source>,
}

impl Backing {
    /// Takes ownership of a descriptor, and moves it to a high number.
    ///
    /// # Errors
    /// It cannot be moved, or is not open.
    pub fn new(fd: OwnedFd, source: Option<Source>) -> io::Result<Backing> {
        let fd = raise(fd)?;
        let file = Identity::of(fd.as_raw_fd())?;
        Ok(Backing {
            fd: AtomicI32::new(fd.into_raw_fd()),
            file,
            source,
        })
    }

    /// Which file it is.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.file
    }

    /// Where another process finds it: where it comes from, else here, as long as this
    /// process lives.
    ///
    /// # Errors
    /// A sentence: the program has closed the descriptor, and it comes from nowhere.
    pub fn place(&self) -> Result<Source, String> {
        match self.source {
            Some(source) => Ok(source),
            None => Ok(Source {
                number: self.fd()?,
                launcher: std::process::id(),
                file: self.file,
            }),
        }
    }

    /// Where it can be opened again.
    #[must_use]
    pub fn source(&self) -> Option<Source> {
        self.source
    }

    /// The descriptor, unchecked: for a process that never closes it (the launcher).
    #[must_use]
    pub fn borrow(&self) -> BorrowedFd<'_> {
        // SAFETY: the value has the descriptor for as long as it lives; where a program
        // closes it behind its back, the number leads nowhere or elsewhere, and no memory
        // depends on it.
        unsafe { BorrowedFd::borrow_raw(self.fd.load(Ordering::Relaxed)) }
    }

    /// The descriptor, just checked to be the right file's. For immediate use.
    ///
    /// # Errors
    /// A sentence: why it cannot be opened again after the program has closed it.
    pub fn fd(&self) -> Result<RawFd, String> {
        let fd = self.fd.load(Ordering::Relaxed);
        if self.file.is(fd) {
            return Ok(fd);
        }
        let Some(source) = &self.source else {
            return Err(format!("the program has closed descriptor {fd}"));
        };
        let new = source.open(libc::O_RDWR)?.into_raw_fd();
        // What has the old number now is the program's, and stays open.
        let swapped = self
            .fd
            .compare_exchange(fd, new, Ordering::Relaxed, Ordering::Relaxed);
        match swapped {
            Ok(_) => Ok(new),
            Err(other) => {
                // SAFETY: opened above, and another thread's took its place.
                unsafe { libc::close(new) };
                Ok(other)
            }
        }
    }
}

impl Drop for Backing {
    fn drop(&mut self) {
        let fd = *self.fd.get_mut();
        if self.file.is(fd) {
            // SAFETY: it is the descriptor that this value has, and no other's.
            unsafe { libc::close(fd) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    fn memfd() -> OwnedFd {
        // SAFETY: the name is NUL-terminated.
        let raw = unsafe { libc::memfd_create(c"test".as_ptr(), libc::MFD_CLOEXEC) };
        assert!(raw >= 0);
        // SAFETY: just made, and nobody else's.
        unsafe { OwnedFd::from_raw_fd(raw) }
    }

    #[test]
    fn numbers_are_high_and_vary() {
        let file = memfd();
        let numbers: Vec<RawFd> = (0..16)
            .map(|_| {
                std::thread::sleep(std::time::Duration::from_micros(50));
                duplicate(file.as_raw_fd()).unwrap().as_raw_fd()
            })
            .collect();
        assert!(numbers.iter().all(|n| *n > 255), "{numbers:?}");
        assert!(numbers.iter().any(|n| *n != numbers[0]), "{numbers:?}");
    }

    #[test]
    fn what_is_behind_a_number_is_told_by_its_inode() {
        let (one, other) = (memfd(), memfd());
        let identity = Identity::of(one.as_raw_fd()).unwrap();
        assert!(identity.is(one.as_raw_fd()) && !identity.is(other.as_raw_fd()));
        assert!(!identity.is(-1));
        assert_eq!(identity.to_string().parse(), Ok(identity));
        assert_eq!("7:".parse::<Identity>(), Err(()));
        assert_eq!("7".parse::<Identity>(), Err(()));
    }

    #[test]
    fn a_closed_file_is_had_again_from_whoever_has_it_open() {
        let kept = memfd();
        let source = Source {
            number: kept.as_raw_fd(),
            launcher: std::process::id(),
            file: Identity::of(kept.as_raw_fd()).unwrap(),
        };
        let elsewhere = Source {
            number: 1 << 20, // nothing was inherited under this number
            ..source
        };
        assert!(elsewhere.open(libc::O_RDWR).is_err());
        let backing = Backing::new(kept.try_clone().unwrap(), Some(source)).unwrap();
        let null = File::open("/dev/null").unwrap();
        let before = backing.fd().unwrap();
        // SAFETY: puts another file in the place of the value's descriptor, as a program may.
        unsafe { libc::dup2(null.as_raw_fd(), before) };
        let after = backing.fd().unwrap();
        assert!(after != before && source.file.is(after));
        drop(backing);
        // The number that was taken over stays open, the new one does not.
        assert!(Identity::of(before).is_ok() && !source.file.is(after));
        // SAFETY: this test's own copy of /dev/null.
        unsafe { libc::close(before) };
    }

    #[test]
    fn without_a_source_it_is_an_error_in_words() {
        let backing = Backing::new(memfd(), None).unwrap();
        let number = backing.fd().unwrap();
        // SAFETY: closes the value's descriptor, as a program may.
        unsafe { libc::close(number) };
        let said = backing.fd().unwrap_err();
        assert!(said.contains(&number.to_string()), "{said}");
    }
}
