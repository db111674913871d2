//! What the exported functions share: error codes, buffers, lengths.

use crate::{abi, callee, handle, number};
use std::ffi::{c_int, c_void};

/// `MPI_IN_PLACE` of MPICH's ABI.
const IN_PLACE: usize = usize::MAX;
/// `MPI_BUFFER_AUTOMATIC` of MPICH's ABI.
const BUFFER_AUTOMATIC: usize = usize::MAX - 1;
/// `MPI_DISPLACEMENT_CURRENT` of MPICH's ABI.
const DISPLACEMENT_CURRENT: i64 = -54_278_278;

/// What a call returns.
#[inline]
pub fn code(below: c_int) -> c_int {
    match below {
        0 => 0,
        below => failed(below),
    }
}

#[cold]
fn failed(below: c_int) -> c_int {
    number::error_out(below)
}

/// Changes a number of the program's in place.
///
/// # Safety
/// `at` is null or may be read and written.
pub unsafe fn change(at: *mut c_int, convert: fn(c_int) -> c_int) {
    // SAFETY: as the caller said.
    if let Some(value) = unsafe { at.as_mut() } {
        *value = convert(*value);
    }
}

/// Whether a buffer is `MPI_IN_PLACE`.
pub fn is_in_place(address: *const c_void) -> bool {
    address.addr() == IN_PLACE
}

/// The address of a buffer, or the constant that stands for one.
#[inline]
pub fn buffer(address: *const c_void) -> *const c_void {
    match address.addr() {
        IN_PLACE => std::ptr::without_provenance(abi::IN_PLACE),
        BUFFER_AUTOMATIC => std::ptr::without_provenance(abi::BUFFER_AUTOMATIC),
        _ => address,
    }
}

/// Gives the program the address of a buffer that is detached, which the library has put in
/// `at`, or the constant that stands for one.
///
/// # Safety
/// `at` is null or has an address.
pub unsafe fn detached(at: *mut c_void) {
    // SAFETY: as the caller said.
    if let Some(address) = unsafe { at.cast::<*mut c_void>().as_mut() }
        && address.addr() == abi::BUFFER_AUTOMATIC
    {
        *address = std::ptr::without_provenance_mut(BUFFER_AUTOMATIC);
    }
}

/// Where a file's view begins.
pub fn displacement(offset: i64) -> i64 {
    match offset {
        DISPLACEMENT_CURRENT => abi::DISPLACEMENT_CURRENT,
        offset if offset == abi::DISPLACEMENT_CURRENT => -2, // wrong in both
        offset => offset,
    }
}

/// The length of an array. Of a negative one, which is an error, nothing is read.
#[inline]
pub fn length(count: impl TryInto<usize>) -> usize {
    count.try_into().unwrap_or(0)
}

/// The number of processes that a collective operation addresses.
#[cold]
pub fn peers(comm: c_int) -> usize {
    let raw = handle::raw::<handle::Comm>(comm);
    let (mut between, mut size) = (0, 0);
    // SAFETY: places of our own.
    unsafe {
        if callee::MPI_Comm_test_inter(raw, &raw mut between) != 0 {
            return 0;
        }
        let asked = match between {
            0 => callee::MPI_Comm_size(raw, &raw mut size),
            _ => callee::MPI_Comm_remote_size(raw, &raw mut size),
        };
        if asked == 0 { length(size) } else { 0 }
    }
}

/// The numbers of neighbours that a process receives from and sends to.
#[cold]
pub fn neighbors(comm: c_int) -> (usize, usize) {
    const CART: c_int = 211;
    const GRAPH: c_int = 212;
    const DIST_GRAPH: c_int = 213;
    let raw = handle::raw::<handle::Comm>(comm);
    let (mut topology, mut first, mut second, mut weighted) = (0, 0, 0, 0);
    // SAFETY: places of our own.
    unsafe {
        if callee::MPI_Topo_test(raw, &raw mut topology) != 0 {
            return (0, 0);
        }
        match topology {
            CART if callee::MPI_Cartdim_get(raw, &raw mut first) == 0 => {
                (2 * length(first), 2 * length(first))
            }
            GRAPH
                if callee::MPI_Comm_rank(raw, &raw mut first) == 0
                    && callee::MPI_Graph_neighbors_count(raw, first, &raw mut second) == 0 =>
            {
                (length(second), length(second))
            }
            DIST_GRAPH
                if callee::MPI_Dist_graph_neighbors_count(
                    raw,
                    &raw mut first,
                    &raw mut second,
                    &raw mut weighted,
                ) == 0 =>
            {
                (length(first), length(second))
            }
            _ => (0, 0),
        }
    }
}
