//! Files in memory without a name: the job segment and the heap of a rank.

use crate::descriptor::raise;
use crate::segment::{SegmentError, system};
use std::ffi::CStr;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// A memfd, close-on-exec, which can be sealed. `len` is for the error only: how long it
/// was to become.
pub(crate) fn memfd(name: &CStr, len: u64) -> Result<OwnedFd, SegmentError> {
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // SAFETY: the name is NUL-terminated; no other memory is involved.
    let raw = unsafe { libc::memfd_create(name.as_ptr(), flags) };
    if raw < 0 {
        return Err(system("memfd_create", len));
    }
    // SAFETY: memfd_create just returned this descriptor, and nobody else has it.
    let fd = unsafe { OwnedFd::from_raw_fd(raw) };
    raise(fd).map_err(|why| SegmentError::System("dup", 0, why))
}

/// Gives the file pages for `len` bytes from `from` on.
///
/// # Errors
/// There is no memory, or no file may be as long.
pub(crate) fn allocate(fd: RawFd, from: u64, len: u64) -> Result<(), SegmentError> {
    if limit_of_files() < from.saturating_add(len) {
        let why = io::Error::from_raw_os_error(libc::EFBIG);
        return Err(SegmentError::System("fallocate", len, why));
    }
    let (Ok(at), Ok(bytes)) = (libc::off_t::try_from(from), libc::off_t::try_from(len)) else {
        return Err(SegmentError::Full(from));
    };
    loop {
        // SAFETY: fallocate touches no memory of ours.
        if unsafe { libc::fallocate(fd, 0, at, bytes) } == 0 {
            return Ok(());
        }
        let why = io::Error::last_os_error();
        match why.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::ENOSYS | libc::EPERM | libc::EOPNOTSUPP) => return fill(fd, from, len),
            _ => return Err(SegmentError::System("fallocate", len, why)),
        }
    }
}

/// Makes the pages from `from` on by writing to them, where `fallocate` is forbidden.
/// Nobody uses them before they are there.
fn fill(fd: RawFd, from: u64, len: u64) -> Result<(), SegmentError> {
    let zeros = [0u8; 4096];
    let (mut at, end) = (from, from + len);
    while at < end {
        let n = usize::try_from(end - at).map_or(zeros.len(), |left| left.min(zeros.len()));
        let offset = libc::off_t::try_from(at).map_err(|_| SegmentError::Full(at))?;
        // SAFETY: `n` bytes of a local are read.
        let written = unsafe { libc::pwrite(fd, zeros.as_ptr().cast(), n, offset) };
        match u64::try_from(written) {
            Ok(written @ 1..) => at += written,
            _ if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
            _ => return Err(system("pwrite", len)),
        }
    }
    Ok(())
}

/// The largest file that this process may make, in bytes: beyond it the kernel
/// would send SIGXFSZ.
pub(crate) fn limit_of_files() -> u64 {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: getrlimit fills the structure.
    match unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) } {
        0 => limit.rlim_cur,
        _ => u64::MAX, // whatever it is, nobody may ask for it
    }
}

/// The length of a file, in bytes.
///
/// # Errors
/// What `fstat` said.
pub(crate) fn file_len(fd: RawFd) -> Result<u64, SegmentError> {
    let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: fstat fills the structure when it returns 0.
    if unsafe { libc::fstat(fd, stat.as_mut_ptr()) } < 0 {
        return Err(system("fstat", 0));
    }
    // SAFETY: fstat returned 0 and filled it.
    let stat = unsafe { stat.assume_init() };
    Ok(u64::try_from(stat.st_size).unwrap_or(0))
}
