//! The calls on mappings; see `btl_shm::region::mappings` for what they do.

use crate::{heap, pointer, watch};
use btl_shm::region::{locked, mappings, sys};
use nix::errno::Errno;
use std::ffi::{c_int, c_void};
use std::io;

/// Which call gives memory back, see [`watch::tell`].
const MUNMAP: usize = 2;

/// What C's functions return: the failure in `errno`.
fn address(done: io::Result<usize>) -> *mut c_void {
    match done {
        Ok(addr) => pointer(addr),
        Err(why) => {
            failure(&why);
            libc::MAP_FAILED
        }
    }
}

fn status(done: io::Result<()>) -> c_int {
    match done {
        Ok(()) => 0,
        Err(why) => failure(&why),
    }
}

fn failure(why: &io::Error) -> c_int {
    Errno::set_raw(why.raw_os_error().unwrap_or(libc::EINVAL));
    -1
}

/// `mmap`.
///
/// # Safety
/// As for C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mmap(
    addr: *mut c_void,
    len: usize,
    prot: c_int,
    flags: c_int,
    fd: c_int,
    offset: i64,
) -> *mut c_void {
    let addr = addr.addr();
    address(match heap() {
        // SAFETY: as the caller said.
        Some(heap) => unsafe {
            mappings::mmap(heap.allocator(), addr, len, prot, flags, fd, offset)
        },
        // SAFETY: as the caller said.
        None => unsafe { sys::mmap(addr, len, prot, flags, fd, offset) },
    })
}

/// `mmap64`: the same, where addresses have 64 bits.
///
/// # Safety
/// As for C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mmap64(
    addr: *mut c_void,
    len: usize,
    prot: c_int,
    flags: c_int,
    fd: c_int,
    offset: i64,
) -> *mut c_void {
    // SAFETY: as the caller said.
    unsafe { mmap(addr, len, prot, flags, fd, offset) }
}

/// `munmap`.
///
/// # Safety
/// As for C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn munmap(addr: *mut c_void, len: usize) -> c_int {
    if watch::is_on() {
        watch::tell(MUNMAP, addr.addr(), len);
    }
    status(match heap() {
        // SAFETY: as the caller said.
        Some(heap) => unsafe { mappings::munmap(heap.allocator(), addr.addr(), len) },
        // SAFETY: as the caller said.
        None => unsafe { sys::munmap(addr.addr(), len) },
    })
}

/// `mremap`. In C the last argument may be left out; it is looked at only with the
/// flag that says that it is there.
///
/// # Safety
/// As for C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mremap(
    old: *mut c_void,
    old_len: usize,
    len: usize,
    flags: c_int,
    new: *mut c_void,
) -> *mut c_void {
    let (old, new) = (old.addr(), new.addr());
    address(match heap() {
        // SAFETY: as the caller said.
        Some(heap) => unsafe { mappings::mremap(heap.allocator(), old, old_len, len, flags, new) },
        // SAFETY: as the caller said.
        None => unsafe { sys::mremap(old, old_len, len, flags, new) },
    })
}

/// `madvise`.
///
/// # Safety
/// As for C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn madvise(addr: *mut c_void, len: usize, advice: c_int) -> c_int {
    status(match heap() {
        // SAFETY: as the caller said.
        Some(heap) => unsafe { mappings::madvise(heap.allocator(), addr.addr(), len, advice) },
        // SAFETY: as the caller said.
        None => unsafe { sys::madvise(addr.addr(), len, advice) },
    })
}

/// `mprotect`.
///
/// # Safety
/// As for C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mprotect(addr: *mut c_void, len: usize, prot: c_int) -> c_int {
    status(match heap() {
        // SAFETY: as the caller said.
        Some(heap) => unsafe { mappings::mprotect(heap.allocator(), addr.addr(), len, prot) },
        // SAFETY: as the caller said.
        None => unsafe { sys::mprotect(addr.addr(), len, prot) },
    })
}

/// `mlockall`: of the program's memory, and not of its peers'.
#[unsafe(no_mangle)]
pub extern "C" fn mlockall(flags: c_int) -> c_int {
    status(match heap() {
        Some(heap) => locked::lock_all(heap.allocator(), flags),
        None => sys::lock_all(flags),
    })
}

/// `munlockall`.
#[unsafe(no_mangle)]
pub extern "C" fn munlockall() -> c_int {
    if let Some(heap) = heap() {
        locked::unlock_all(heap.allocator());
    }
    status(sys::unlock_all())
}
