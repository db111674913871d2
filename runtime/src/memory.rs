//! Memory for the program (MPI 5.0, section 9.2).

use crate::error::Result;
use crate::fail;
use crate::object::info::Info;
use btl_shm::region::heap;

pub use btl_shm::copy::copy_piece;
pub use btl_shm::prefetch::prefetch_to_write;
pub use btl_shm::region::global::SharedHeap;

/// A cache line, and what every type of the language needs.
const LEAST: usize = 64;

/// The alignment that the info key `mpi_minimum_memory_alignment` asks for.
///
/// # Errors
/// Its value is no power of two.
pub fn alignment(info: &Info) -> Result<usize> {
    let Some(text) = info.text(c"mpi_minimum_memory_alignment") else {
        return Ok(LEAST);
    };
    match text.trim().parse::<usize>() {
        Ok(align) if align.is_power_of_two() => Ok(align.max(LEAST)),
        _ => fail!(
            INFO_VALUE,
            "mpi_minimum_memory_alignment is {text:?}, but must be a power of two"
        ),
    }
}

/// `len` bytes at a multiple of `align`, for [`free`]. Never null. Other ranks can
/// map it, where this process has a shared heap.
///
/// # Errors
/// There is no memory.
pub fn allocate(len: usize, align: usize) -> Result<*mut u8> {
    let shared = heap::alloc(len.max(1), align);
    if !shared.is_null() {
        return Ok(shared);
    }
    let mut addr = std::ptr::null_mut();
    // SAFETY: posix_memalign writes the address when it returns 0.
    let code = unsafe { libc::posix_memalign(&raw mut addr, align, len.max(1)) };
    if code != 0 {
        let why = std::io::Error::from_raw_os_error(code);
        fail!(
            NO_MEM,
            "cannot allocate {len} bytes at a multiple of {align}: {why}"
        );
    }
    Ok(addr.cast())
}

/// Gives memory back; null is nothing.
///
/// # Safety
/// `addr` came from [`allocate`], was not given back yet, and nobody uses it.
pub unsafe fn free(addr: *mut std::ffi::c_void) {
    // SAFETY: as the caller said.
    if !unsafe { heap::free(addr.cast()) } {
        // SAFETY: as the caller said; it came from posix_memalign.
        unsafe { libc::free(addr) };
    }
}
