//! Mappings of memory that is not this process's own: the job segment, and peers'
//! windows of the heap file.
//!
//! They are left out of core dumps: a dump is about the process's own data, and reading a
//! file with holes would fill them. They also stay unlocked after
//! `mlockall(MCL_FUTURE)`: that call is about the program's memory, and locking these
//! mappings would fill the file.

use std::io;
use std::os::fd::RawFd;
use std::ptr::NonNull;

/// Reserves the addresses of `len` bytes of a file, from offset `at` on, shared, for
/// [`open`] to give access to. Nothing is touched, and nothing is locked.
///
/// # Errors
/// What `mmap` said: a limit of the address space is one reason.
pub fn reserve(fd: RawFd, at: u64, len: u64) -> io::Result<NonNull<u8>> {
    let too_long = || io::Error::from_raw_os_error(libc::EOVERFLOW);
    let offset = libc::off_t::try_from(at).map_err(|_| too_long())?;
    let bytes = usize::try_from(len).map_err(|_| too_long())?;
    let flags = libc::MAP_SHARED | libc::MAP_NORESERVE;
    // SAFETY: a fresh mapping at an address of the kernel's choice.
    let base = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            bytes,
            libc::PROT_NONE,
            flags,
            fd,
            offset,
        )
    };
    if base == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // If these are refused, dumps are larger or more is locked, which does no harm.
    // SAFETY: advice on the mapping that was just made, which has no contents.
    unsafe {
        libc::munlock(base, bytes);
        libc::madvise(base, bytes, libc::MADV_DONTDUMP);
    }
    Ok(NonNull::new(base.cast()).expect("mmap never maps page 0 unasked"))
}

/// Gives access to `len` bytes at `start` of a reserved range: whole pages.
///
/// # Errors
/// What `mprotect` said: too many mappings is one reason.
pub fn open(start: NonNull<u8>, len: u64) -> io::Result<()> {
    access(start, len, libc::PROT_READ | libc::PROT_WRITE)
}

/// Takes the access to `len` bytes at `start` away: whole pages of a reserved range.
///
/// # Errors
/// What `mprotect` said.
///
/// # Safety
/// Nobody touches them any more.
pub unsafe fn close(start: NonNull<u8>, len: u64) -> io::Result<()> {
    access(start, len, libc::PROT_NONE)
}

fn access(start: NonNull<u8>, len: u64, prot: i32) -> io::Result<()> {
    let bytes = usize::try_from(len).unwrap_or(usize::MAX);
    // SAFETY: whole pages of a range that the caller reserved; `close` demands that
    // nobody touches what becomes inaccessible.
    match unsafe { libc::mprotect(start.as_ptr().cast(), bytes, prot) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// As [`reserve`], with access to all of it.
///
/// # Errors
/// What `mmap` or `mprotect` said.
pub fn map(fd: RawFd, at: u64, len: u64) -> io::Result<NonNull<u8>> {
    map_for(fd, at, len, libc::PROT_READ | libc::PROT_WRITE)
}

/// As [`map`], for reading only: a store into the mapping is a fault of this process.
///
/// # Errors
/// What `mmap` or `mprotect` said.
pub fn map_to_read(fd: RawFd, at: u64, len: u64) -> io::Result<NonNull<u8>> {
    map_for(fd, at, len, libc::PROT_READ)
}

fn map_for(fd: RawFd, at: u64, len: u64, prot: i32) -> io::Result<NonNull<u8>> {
    let base = reserve(fd, at, len)?;
    if let Err(why) = access(base, len, prot) {
        // SAFETY: the mapping that was just made, which nobody knows.
        unsafe { libc::munmap(base.as_ptr().cast(), usize::try_from(len).unwrap_or(0)) };
        return Err(why);
    }
    Ok(base)
}
