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
    reserve_at(None, fd, at, len)
}

/// As [`reserve`], at an address if one is given, as far as nothing is mapped there.
fn reserve_at(start: Option<usize>, fd: RawFd, at: u64, len: u64) -> io::Result<NonNull<u8>> {
    let too_long = || io::Error::from_raw_os_error(libc::EOVERFLOW);
    let offset = libc::off_t::try_from(at).map_err(|_| too_long())?;
    let bytes = usize::try_from(len).map_err(|_| too_long())?;
    // A wish, which ThreadSanitizer hears: with MAP_FIXED_NOREPLACE it maps an address that it
    // does not like at 0, and dies.
    let flags = libc::MAP_SHARED | libc::MAP_NORESERVE;
    // SAFETY: a fresh mapping, which replaces nothing.
    let base = unsafe {
        libc::mmap(
            std::ptr::without_provenance_mut(start.unwrap_or(0)),
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
    if start.is_some_and(|start| start != base.addr()) {
        // SAFETY: the mapping that was just made, which nobody knows.
        unsafe { libc::munmap(base, bytes) };
        return Err(io::Error::from_raw_os_error(libc::EEXIST));
    }
    // If these are refused, dumps are larger or more is locked, which does no harm.
    // SAFETY: advice on the mapping that was just made, which has no contents.
    unsafe {
        libc::munlock(base, bytes);
        libc::madvise(base, bytes, libc::MADV_DONTDUMP);
    }
    Ok(NonNull::new(base.cast()).expect("mmap never maps page 0 unasked"))
}

/// What a process may do with memory that is not its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Read it only: a store is a fault of this process.
    Read,
    /// Read and write it.
    All,
}

impl Access {
    fn protection(self) -> i32 {
        match self {
            Access::Read => libc::PROT_READ,
            Access::All => libc::PROT_READ | libc::PROT_WRITE,
        }
    }
}

/// Gives access to `len` bytes at `start` of a reserved range: whole pages.
///
/// # Errors
/// What `mprotect` said: too many mappings is one reason.
pub fn open(start: NonNull<u8>, len: u64, how: Access) -> io::Result<()> {
    access(start, len, how.protection())
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
    opened(reserve(fd, at, len)?, len, Access::All)
}

/// As [`reserve`], with access, and at the address `start`, where nothing must be mapped.
///
/// # Errors
/// What `mmap` or `mprotect` said; `EEXIST`: there is something, or the kernel does not
/// take wishes.
pub fn map_at(start: usize, fd: RawFd, at: u64, len: u64, how: Access) -> io::Result<NonNull<u8>> {
    let base = reserve_at(Some(start), fd, at, len)?;
    if base.as_ptr().addr() != start {
        unmap(base, len);
        return Err(io::Error::from_raw_os_error(libc::EEXIST));
    }
    opened(base, len, how)
}

fn opened(base: NonNull<u8>, len: u64, how: Access) -> io::Result<NonNull<u8>> {
    open(base, len, how).inspect_err(|_| unmap(base, len))?;
    Ok(base)
}

/// Unmaps what was just mapped.
fn unmap(base: NonNull<u8>, len: u64) {
    // SAFETY: the callers' mapping, which nobody knows yet.
    unsafe { libc::munmap(base.as_ptr().cast(), usize::try_from(len).unwrap_or(0)) };
}
