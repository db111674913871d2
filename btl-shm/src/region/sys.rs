//! The system calls on mappings, made directly: the C functions of these names
//! may be the hooks of [`super::mappings`], which call here.

use std::io;
use std::sync::OnceLock;

/// Readable and writable.
pub const RW: i32 = libc::PROT_READ | libc::PROT_WRITE;

/// Bytes of a page.
#[must_use]
pub fn page() -> usize {
    static PAGE: OnceLock<usize> = OnceLock::new();
    *PAGE.get_or_init(|| {
        // SAFETY: sysconf has no preconditions.
        usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
    })
}

fn result(raw: i64) -> io::Result<usize> {
    if raw == -1 {
        return Err(io::Error::last_os_error());
    }
    // An address: its bits, whatever the sign says.
    Ok(usize::from_ne_bytes(raw.to_ne_bytes()))
}

/// `mmap`.
///
/// # Safety
/// As for the system call: with `MAP_FIXED`, nothing else uses the range.
///
/// # Errors
/// The kernel's answer.
pub unsafe fn mmap(
    addr: usize,
    len: usize,
    prot: i32,
    flags: i32,
    fd: i32,
    at: i64,
) -> io::Result<usize> {
    // SAFETY: as the caller said.
    result(unsafe { libc::syscall(libc::SYS_mmap, addr, len, prot, flags, fd, at) })
}

/// `munmap`.
///
/// # Safety
/// Nobody uses the range.
///
/// # Errors
/// The kernel's answer.
pub unsafe fn munmap(addr: usize, len: usize) -> io::Result<()> {
    // SAFETY: as the caller said.
    result(unsafe { libc::syscall(libc::SYS_munmap, addr, len) }).map(drop)
}

/// `mremap`.
///
/// # Safety
/// As for the system call.
///
/// # Errors
/// The kernel's answer.
pub unsafe fn mremap(
    old: usize,
    old_len: usize,
    len: usize,
    flags: i32,
    new: usize,
) -> io::Result<usize> {
    // SAFETY: as the caller said.
    result(unsafe { libc::syscall(libc::SYS_mremap, old, old_len, len, flags, new) })
}

/// `mprotect`.
///
/// # Safety
/// Nobody relies on the range's being accessible in a way that is taken away.
///
/// # Errors
/// The kernel's answer.
pub unsafe fn mprotect(addr: usize, len: usize, prot: i32) -> io::Result<()> {
    // SAFETY: as the caller said.
    result(unsafe { libc::syscall(libc::SYS_mprotect, addr, len, prot) }).map(drop)
}

/// `madvise`.
///
/// # Safety
/// Nobody relies on contents that the advice lets go.
///
/// # Errors
/// The kernel's answer.
pub unsafe fn madvise(addr: usize, len: usize, advice: i32) -> io::Result<()> {
    // SAFETY: as the caller said.
    result(unsafe { libc::syscall(libc::SYS_madvise, addr, len, advice) }).map(drop)
}

/// `mlock`, or `munlock`.
///
/// # Errors
/// The kernel's answer.
pub fn lock(addr: usize, len: usize, locked: bool) -> io::Result<()> {
    let call = if locked {
        libc::SYS_mlock
    } else {
        libc::SYS_munlock
    };
    // SAFETY: neither changes what is in the pages.
    result(unsafe { libc::syscall(call, addr, len) }).map(drop)
}

/// `mlockall`.
///
/// # Errors
/// The kernel's answer.
pub fn lock_all(flags: i32) -> io::Result<()> {
    // SAFETY: changes nothing that is in memory.
    result(unsafe { libc::syscall(libc::SYS_mlockall, flags) }).map(drop)
}

/// `munlockall`.
///
/// # Errors
/// The kernel's answer.
pub fn unlock_all() -> io::Result<()> {
    // SAFETY: changes nothing that is in memory.
    result(unsafe { libc::syscall(libc::SYS_munlockall) }).map(drop)
}

/// Address space for `len` bytes, without access and without memory, beginning
/// at a multiple of `align` (a power of two, at least a page).
///
/// # Errors
/// The kernel's answer: a limit of the address space is one reason.
pub fn reserve(len: usize, align: usize) -> io::Result<usize> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let all = len + align;
    // SAFETY: a fresh mapping at an address of the kernel's choice.
    let at = unsafe { mmap(0, all, libc::PROT_NONE, flags, -1, 0) }?;
    let start = at.next_multiple_of(align);
    for (from, to) in [(at, start), (start + len, at + all)] {
        if from < to {
            // SAFETY: a part of the mapping just made, which nobody knows.
            unsafe { munmap(from, to - from) }?;
        }
    }
    Ok(start)
}
