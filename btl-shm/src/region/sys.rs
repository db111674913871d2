//! The system calls on mappings, made directly: the C functions of these names
//! may be the hooks of [`super::mappings`], which call here. Each function has the
//! safety conditions of its system call, and returns the kernel's answer.

#![allow(clippy::missing_safety_doc, reason = "see above")]

use std::io;
use std::ptr::{with_exposed_provenance, with_exposed_provenance_mut};
use std::sync::OnceLock;

/// Readable and writable.
pub const RW: i32 = libc::PROT_READ | libc::PROT_WRITE;

/// Bytes of a huge page.
pub const HUGE: usize = 2 << 20;

/// Bytes of a page.
pub fn page() -> usize {
    static PAGE: OnceLock<usize> = OnceLock::new();
    *PAGE.get_or_init(|| {
        // SAFETY: sysconf has no preconditions.
        usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
    })
}

/// A system call of this kind; its value is an address or 0.
macro_rules! call {
    ($number:ident, $($argument:expr),*) => {{
        // SAFETY: the caller's arguments, with the caller's promise.
        match unsafe { libc::syscall(libc::$number, $($argument),*) } {
            -1 => Err(io::Error::last_os_error()),
            // An address: its bits, whatever the sign says.
            value => Ok(usize::from_ne_bytes(value.to_ne_bytes())),
        }
    }};
}

/// `mmap`.
pub unsafe fn mmap(
    addr: usize,
    len: usize,
    prot: i32,
    flags: i32,
    fd: i32,
    at: i64,
) -> io::Result<usize> {
    call!(SYS_mmap, addr, len, prot, flags, fd, at)
}

/// Fresh private memory at an address of the kernel's choice. `flags`: those beside
/// `MAP_PRIVATE` and `MAP_ANONYMOUS`.
pub fn map_private(len: usize, prot: i32, flags: i32) -> io::Result<usize> {
    let flags = flags | libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: nobody uses a fresh mapping.
    unsafe { mmap(0, len, prot, flags, -1, 0) }
}

/// `munmap`.
pub unsafe fn munmap(addr: usize, len: usize) -> io::Result<()> {
    call!(SYS_munmap, addr, len).map(drop)
}

/// `mremap`.
pub unsafe fn mremap(
    old: usize,
    old_len: usize,
    len: usize,
    flags: i32,
    new: usize,
) -> io::Result<usize> {
    call!(SYS_mremap, old, old_len, len, flags, new)
}

/// Makes a mapping at an address where nothing is.
///
/// # Errors
/// `EEXIST`: something is there; what `mmap` says.
pub fn place(
    start: usize,
    len: usize,
    prot: i32,
    flags: i32,
    fd: i32,
    at: libc::off_t,
) -> io::Result<()> {
    let flags = flags | libc::MAP_FIXED_NOREPLACE;
    // SAFETY: replaces nothing.
    let placed = unsafe { mmap(start, len, prot, flags, fd, at) }?;
    if placed != start {
        // SAFETY: the mapping just made, which nobody knows.
        drop(unsafe { munmap(placed, len) }); // of a kernel that takes the address for a wish
        return Err(io::Error::from_raw_os_error(libc::EEXIST));
    }
    Ok(())
}

/// `mprotect`.
pub unsafe fn mprotect(addr: usize, len: usize, prot: i32) -> io::Result<()> {
    call!(SYS_mprotect, addr, len, prot).map(drop)
}

/// `madvise`.
pub unsafe fn madvise(addr: usize, len: usize, advice: i32) -> io::Result<()> {
    call!(SYS_madvise, addr, len, advice).map(drop)
}

/// `mlock`, which changes nothing that is in memory; nor do the next three.
pub fn lock(addr: usize, len: usize) -> io::Result<()> {
    call!(SYS_mlock, addr, len).map(drop)
}

/// `munlock`.
pub fn unlock(addr: usize, len: usize) -> io::Result<()> {
    call!(SYS_munlock, addr, len).map(drop)
}

/// `mlockall`.
pub fn lock_all(flags: i32) -> io::Result<()> {
    call!(SYS_mlockall, flags).map(drop)
}

/// `munlockall`.
pub fn unlock_all() -> io::Result<()> {
    call!(SYS_munlockall,).map(drop)
}

/// Address space for `len` bytes, without access and without memory, beginning
/// at a multiple of `align` (a power of two, at least a page).
pub fn reserve(len: usize, align: usize) -> io::Result<usize> {
    let all = len + align;
    let at = map_private(all, libc::PROT_NONE, libc::MAP_NORESERVE)?;
    let start = at.next_multiple_of(align);
    for (from, to) in [(at, start), (start + len, at + all)] {
        if from < to {
            // SAFETY: a part of the mapping just made, which nobody knows.
            unsafe { munmap(from, to - from) }?;
        }
    }
    Ok(start)
}

/// Copies a page of memory to a page that is zero, unless there is nothing in it but
/// zeroes: those need no memory at the goal.
///
/// # Safety
/// `from` is readable and `to` writable for a page; they are apart, and begin at pages.
pub unsafe fn copy_page(from: usize, to: usize) {
    let words = page() / size_of::<u64>();
    let from = with_exposed_provenance::<u64>(from);
    // SAFETY: the words of the page. Volatile: the program may own what is read.
    if (0..words).any(|word| unsafe { from.add(word).read_volatile() } != 0) {
        // SAFETY: a page of each.
        unsafe { with_exposed_provenance_mut::<u64>(to).copy_from_nonoverlapping(from, words) };
    }
}
