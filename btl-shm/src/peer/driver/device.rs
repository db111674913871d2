//! The device `/dev/xpmem`: its commands as functions.
//!
//! An owner *makes* a segment, here always of its whole address space; a peer
//! *gets* a permit (apid) for its segid and *attaches* parts of it. The driver
//! keeps its state per process and not per open file, and an existing driver ends
//! all of it at the first `close` of any descriptor of the device. So the device
//! is opened once and the descriptor never closed:
//!
//! * fork: the child has the descriptor but no state, and no attachments; every
//!   function fails there, saying so.
//! * exec: the descriptor is closed by the kernel, and the state ends. Some
//!   drivers let peers keep the pages from before: an owner that is about to exec
//!   calls [`Device::remove`] first.
//! * exit: the state ends, peers' touches raise SIGBUS ([`crate::fault`]).

use crate::region::sys;
use nix::sys::stat;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd};
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

/// Where the device is.
pub const DEVICE: &str = "/dev/xpmem";

/// The driver's own errno: it has no state of the calling process.
const NO_STATE: i32 = 2004;

/// Only the owner's user may attach.
const MODE: u64 = 0o600;

/// A permit that is given by mode bits: the only kind.
const PERMIT_MODE: i32 = 1;

/// Permission to read and write.
const READ_WRITE: i32 = 2;

/// The commands: `_IO('x', n)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u64)]
enum Command {
    Version = 0x7800,
    Make = 0x7801,
    Remove = 0x7802,
    Get = 0x7803,
    Release = 0x7804,
    Attach = 0x7805,
    Detach = 0x7806,
}

#[repr(C)]
struct MakeArg {
    vaddr: u64,
    size: u64,
    permit_type: i32,
    _pad: i32,
    permit_value: u64,
    segid: i64,
}

#[repr(C)]
struct GetArg {
    segid: i64,
    flags: i32,
    permit_type: i32,
    permit_value: u64,
    apid: i64,
}

#[repr(C)]
struct AttachArg {
    apid: i64,
    offset: i64,
    size: u64,
    vaddr: u64,
    fd: i32,
    flags: i32,
}

const _: () = assert!(size_of::<MakeArg>() == 40 && std::mem::offset_of!(MakeArg, segid) == 32);
const _: () = assert!(size_of::<GetArg>() == 32 && std::mem::offset_of!(GetArg, apid) == 24);
const _: () = assert!(size_of::<AttachArg>() == 40 && std::mem::offset_of!(AttachArg, fd) == 32);

/// A segment's number, known to the whole machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segid(pub u64);

/// A permit's number, of this process only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Apid(pub i64);

/// What the driver refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DriverError {
    /// What it was asked for, in words that a value in hexadecimal completes.
    pub what: &'static str,
    /// That value: a segid, or an address in the peer's or in this process.
    pub value: u64,
    /// Its answer.
    pub errno: i32,
}

impl DriverError {
    /// Whether the peer is gone, so that no other arm reaches its memory either.
    /// Everything else (no address space left, say) is this arm's matter alone.
    pub fn peer_is_gone(&self) -> bool {
        self.errno == libc::ENOENT
    }
}

impl fmt::Display for DriverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, value) = (self.what, self.value);
        write!(f, "{DEVICE} refused to {what} {value:#x}: ")?;
        match self.errno {
            NO_STATE => write!(
                f,
                "it does not know this process, which is the child of a rank or has closed the device"
            ),
            libc::ENOENT => write!(f, "the peer has ended, or has removed its segment"),
            libc::EACCES => write!(f, "the peer is another user's"),
            libc::ENOMEM => write!(
                f,
                "no address space left (ulimit -v), or too many mappings (vm.max_map_count)"
            ),
            other => write!(f, "{}", io::Error::from_raw_os_error(other)),
        }
    }
}

impl std::error::Error for DriverError {}

/// What the kernel's driver does for a peer, so that the arithmetic can be tried without
/// it. Every function fails with what the driver refused.
pub trait Attach {
    /// A permit to read and write a peer's segment.
    fn get(&self, segid: Segid) -> Result<Apid, DriverError>;

    /// Gives a permit back.
    fn release(&self, apid: Apid) -> Result<(), DriverError>;

    /// Attaches `len` bytes of the segment from the peer's address `start` on,
    /// both multiples of the page size.
    fn attach(&self, apid: Apid, start: u64, len: usize) -> Result<*mut u8, DriverError>;

    /// Detaches what was attached at `start`.
    ///
    /// # Safety
    /// Nobody uses it any more.
    unsafe fn detach(&self, start: *mut u8) -> Result<(), DriverError>;
}

/// The opened device. There is no `Drop`: see the module's description.
#[derive(Debug)]
pub struct Device {
    /// Never closed by us; changes if the device had to be opened again.
    fd: AtomicI32,
    /// The device's number, by which a descriptor of it is known.
    number: u64,
    /// The process that opened it.
    pid: u32,
    version: u32,
}

impl Device {
    /// Opens the device and asks for its version. Once per process.
    pub fn open() -> Result<Device, String> {
        Device::open_at(Path::new(DEVICE))
    }

    fn open_at(path: &Path) -> Result<Device, String> {
        if !crate::copy::GUARDED {
            return Err("copies are not guarded on this architecture".to_owned());
        }
        let fd = open(path).map_err(|why| {
            let hint = match why.raw_os_error() {
                Some(libc::ENOENT) => " (the module xpmem is not loaded)",
                Some(libc::EACCES) => " (the device wants mode 0666)",
                Some(libc::ENXIO | libc::ENODEV) => " (no driver behind the device)",
                _ => "",
            };
            format!("{}: {why}{hint}", path.display())
        })?;
        let device = Device {
            fd: AtomicI32::new(fd),
            number: number_of(fd).unwrap_or(0),
            pid: std::process::id(),
            version: 0,
        };
        // SAFETY: this command takes no argument.
        match unsafe { device.ioctl(Command::Version, ptr::null_mut::<u64>()) } {
            Ok(version) if version > 0 => Ok(Device {
                version: version.cast_unsigned(),
                ..device
            }),
            answer => {
                // SAFETY: just opened, known to nobody else, and no such driver's.
                unsafe { libc::close(fd) };
                let said = match answer {
                    Ok(version) => format!("version {version}"),
                    Err(errno) => io::Error::from_raw_os_error(errno).to_string(),
                };
                let path = path.display();
                Err(format!("{path}: asked for its version it said: {said}"))
            }
        }
    }

    /// The driver's version: 0x27004 is 2.7.4.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Makes a segment of this process's whole address space, for processes of
    /// the same user. Once per process.
    pub fn make_whole(&self) -> Result<Segid, DriverError> {
        let mut arg = MakeArg {
            vaddr: 0,
            size: u64::MAX, // to the end of user space
            permit_type: PERMIT_MODE,
            _pad: 0,
            permit_value: MODE,
            segid: 0,
        };
        // SAFETY: a local of the command's type.
        unsafe { self.call(Command::Make, &raw mut arg, "make a segment at", 0) }?;
        Ok(Segid(arg.segid.cast_unsigned()))
    }

    /// Removes a segment of this process's: peers' attachments of it become holes.
    pub fn remove(&self, segid: Segid) -> Result<(), DriverError> {
        let mut raw = segid.0;
        // SAFETY: a local of eight bytes.
        unsafe { self.call(Command::Remove, &raw mut raw, "remove segment", segid.0) }
    }

    /// A command, which `what` and `value` name in errors, after a look whether this is still the process that opened the
    /// device. If somebody closed the descriptor (a program that closes all that it
    /// does not know), or the driver has lost the process for another reason, the
    /// device is opened again, once.
    ///
    /// # Safety
    /// `arg` points to what the command wants.
    unsafe fn call<T>(
        &self,
        command: Command,
        arg: *mut T,
        what: &'static str,
        value: u64,
    ) -> Result<(), DriverError> {
        let refused = |errno| error(what, value, errno);
        if std::process::id() != self.pid {
            return Err(refused(NO_STATE));
        }
        if number_of(self.fd.load(Relaxed)) == Some(self.number) {
            // SAFETY: the caller's promise.
            match unsafe { self.ioctl(command, arg) } {
                Err(NO_STATE) => {}
                answer => return answer.map(drop).map_err(refused),
            }
        }
        let again = open(Path::new(DEVICE)).map_err(|_| refused(NO_STATE))?;
        self.fd.store(again, Relaxed);
        // SAFETY: the caller's promise.
        unsafe { self.ioctl(command, arg) }
            .map(drop)
            .map_err(refused)
    }

    /// # Safety
    /// `arg` points to what the command wants.
    unsafe fn ioctl<T>(&self, command: Command, arg: *mut T) -> Result<i32, i32> {
        let fd = self.fd.load(Relaxed);
        loop {
            // SAFETY: the caller's argument.
            let answer = unsafe { libc::ioctl(fd, command as libc::Ioctl, arg) };
            if answer >= 0 {
                return Ok(answer);
            }
            match io::Error::last_os_error().raw_os_error() {
                Some(libc::EINTR) => {}
                errno => return Err(errno.unwrap_or(libc::EIO)),
            }
        }
    }
}

impl Attach for Device {
    fn get(&self, segid: Segid) -> Result<Apid, DriverError> {
        let mut arg = GetArg {
            segid: segid.0.cast_signed(),
            flags: READ_WRITE,
            permit_type: PERMIT_MODE,
            permit_value: 0,
            apid: 0,
        };
        // SAFETY: a local of the command's type.
        unsafe { self.call(Command::Get, &raw mut arg, "permit segment", segid.0) }?;
        Ok(Apid(arg.apid))
    }

    fn release(&self, apid: Apid) -> Result<(), DriverError> {
        let mut raw = apid.0.cast_unsigned();
        // SAFETY: a local of eight bytes.
        unsafe { self.call(Command::Release, &raw mut raw, "release permit", raw) }
    }

    fn attach(&self, apid: Apid, start: u64, len: usize) -> Result<*mut u8, DriverError> {
        let what = "attach the peer's";
        let place = sys::reserve(len, sys::HUGE)
            .map_err(|why| error(what, start, why.raw_os_error().unwrap_or(libc::ENOMEM)))?;
        let mut arg = AttachArg {
            apid: apid.0,
            offset: start.cast_signed(),
            size: len as u64,
            vaddr: place as u64, // in place of what is reserved
            fd: -1,
            flags: 0,
        };
        // SAFETY: a local of the command's type, and an address range that nobody
        // but `reserve` knows.
        let attached = unsafe { self.call(Command::Attach, &raw mut arg, what, start) };
        if attached.is_err() {
            // SAFETY: still the reservation: the driver has made no attachment.
            let _ = unsafe { sys::munmap(place, len) };
        }
        attached.map(|()| ptr::with_exposed_provenance_mut(place))
    }

    unsafe fn detach(&self, start: *mut u8) -> Result<(), DriverError> {
        let mut raw = start.addr() as u64;
        // SAFETY: a local of eight bytes; nobody uses the attachment any more.
        unsafe { self.call(Command::Detach, &raw mut raw, "detach", raw) }
    }
}

fn error(what: &'static str, value: u64, errno: i32) -> DriverError {
    DriverError { what, value, errno }
}

fn open(path: &Path) -> io::Result<i32> {
    // The descriptor cannot be moved, since a close would end the state: so the numbers
    // of standard streams that are closed are taken meanwhile.
    let mut taken = Vec::new();
    while let Ok(null) = File::open("/dev/null")
        && null.as_raw_fd() < 3
    {
        taken.push(null);
    }
    let device = File::options().read(true).write(true).open(path)?;
    Ok(device.into_raw_fd())
}

/// The number of the device behind a descriptor; `None`: it is not open.
fn number_of(fd: i32) -> Option<u64> {
    // SAFETY: only the kernel is told the number, and refuses one that is not open.
    let fd = (fd >= 0).then(|| unsafe { BorrowedFd::borrow_raw(fd) })?;
    stat::fstat(fd).ok().map(|stat| stat.st_rdev)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_driver_is_refused_in_words() {
        let said = Device::open_at(Path::new("/dev/no-such-device")).unwrap_err();
        assert!(said.contains("not loaded"), "{said}");
        let said = Device::open_at(Path::new("/dev/null")).unwrap_err();
        assert!(said.contains("version"), "{said}");
    }

    #[test]
    fn refusals_name_what_was_refused_and_why() {
        let said = error("permit segment", 0x1_0000_0063, libc::ENOENT).to_string();
        assert!(said.contains("0x100000063") && said.contains("has ended"));
        assert!(error("attach the peer's", 0x7000, libc::ENOENT).peer_is_gone());
        assert!(!error("attach the peer's", 0x7000, libc::ENOMEM).peer_is_gone());
        let said = error("attach the peer's", 0x7000, libc::ENOMEM).to_string();
        assert!(said.contains("0x7000") && said.contains("max_map_count"));
    }
}
