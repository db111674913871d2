//! Arguments that are neither handles nor strings: the constants that are known by their address,
//! statuses, indices.

use crate::{callee, handle};
use std::ffi::{c_int, c_void};

/// A status: the same in C and in Fortran (MPI 5.0, section 19.3.5).
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct Status(pub [c_int; 8]);

// The constants are variables. Those of the program, if it has some (a common block of `mpif.h`),
// take the place of these for the loader: so they are read through the table of addresses, as
// variables of elsewhere.
core::arch::global_asm!(
    ".comm lariat_fortran_bottom_,4,16",
    ".comm lariat_fortran_in_place_,4,16",
    ".comm lariat_fortran_buffer_automatic_,4,16",
    ".comm lariat_fortran_status_ignore_,32,16",
    ".comm lariat_fortran_statuses_ignore_,32,16",
    ".comm lariat_fortran_errcodes_ignore_,4,16",
    ".comm lariat_fortran_unweighted_,4,16",
    ".comm lariat_fortran_weights_empty_,4,16",
    ".comm lariat_fortran_argv_null_,1,16",
    ".comm lariat_fortran_argvs_null_,1,16",
    ".comm lariat_fortran_f08_status_ignore,32,16",
    ".comm lariat_fortran_f08_statuses_ignore,32,16",
);

unsafe extern "C" {
    safe static lariat_fortran_bottom_: c_int;
    safe static lariat_fortran_in_place_: c_int;
    safe static lariat_fortran_buffer_automatic_: c_int;
    safe static lariat_fortran_status_ignore_: c_int;
    safe static lariat_fortran_statuses_ignore_: c_int;
    safe static lariat_fortran_errcodes_ignore_: c_int;
    safe static lariat_fortran_unweighted_: c_int;
    safe static lariat_fortran_weights_empty_: c_int;
    safe static lariat_fortran_argv_null_: u8;
    safe static lariat_fortran_argvs_null_: u8;
    safe static lariat_fortran_f08_status_ignore: c_int;
    safe static lariat_fortran_f08_statuses_ignore: c_int;
}

fn is<T, U>(address: *const T, constant: &'static U) -> bool {
    address.cast::<U>() == &raw const *constant
}

/// Whether it is `MPI_ARGV_NULL`.
pub fn is_argv_null<T>(address: *const T) -> bool {
    is(address, &lariat_fortran_argv_null_)
}

/// Whether it is `MPI_ARGVS_NULL`.
pub fn is_argvs_null<T>(address: *const T) -> bool {
    is(address, &lariat_fortran_argvs_null_)
}

/// The constant of C that an address of a buffer stands for, or the address itself.
#[inline]
pub fn buffer(address: *mut c_void) -> *mut c_void {
    if is(address, &lariat_fortran_in_place_) {
        std::ptr::without_provenance_mut(1)
    } else if is(address, &lariat_fortran_bottom_) {
        std::ptr::null_mut()
    } else if is(address, &lariat_fortran_buffer_automatic_) {
        std::ptr::without_provenance_mut(2)
    } else {
        address
    }
}

/// A status or an array of them: null if they are to be ignored.
#[inline]
pub fn status(address: *mut Status) -> *mut Status {
    let ignored = is(address, &lariat_fortran_status_ignore_)
        || is(address, &lariat_fortran_f08_status_ignore)
        || is(address, &lariat_fortran_statuses_ignore_)
        || is(address, &lariat_fortran_f08_statuses_ignore);
    match ignored {
        true => std::ptr::null_mut(),
        false => address,
    }
}

/// The error codes of processes that are started: null if they are to be ignored.
pub fn errcodes(address: *mut c_int) -> *mut c_int {
    match is(address, &lariat_fortran_errcodes_ignore_) {
        true => std::ptr::null_mut(),
        false => address,
    }
}

/// Weights of a graph, or one of the two constants in their place.
pub fn weights(address: *mut c_int) -> *mut c_int {
    if is(address, &lariat_fortran_unweighted_) {
        std::ptr::without_provenance_mut(10)
    } else if is(address, &lariat_fortran_weights_empty_) {
        std::ptr::without_provenance_mut(11)
    } else {
        address
    }
}

/// Sets the error code, if the program asks for it.
///
/// # Safety
/// `place` is null or may be written.
#[inline]
pub unsafe fn put_code(place: *mut c_int, code: c_int) {
    if !place.is_null() {
        // SAFETY: the caller's.
        unsafe { *place = code };
    }
}

const COMM_NULL: usize = 0x100;
const TOPOLOGY_CART: c_int = 211;
const TOPOLOGY_GRAPH: c_int = 212;
const TOPOLOGY_DIST_GRAPH: c_int = 213;

/// `MPI_UNDEFINED`.
const UNDEFINED: c_int = -32766;

/// Turns indices from 0 into indices from 1, which Fortran's are.
///
/// # Safety
/// `indices` has so many.
pub unsafe fn one_based(indices: *mut c_int, count: usize) {
    for place in 0..count {
        // SAFETY: the caller's.
        let index = unsafe { &mut *indices.add(place) };
        if *index != UNDEFINED {
            *index += 1;
        }
    }
}

/// The length of an array. What is negative is refused below.
pub fn length<T: TryInto<usize>>(count: T) -> usize {
    // Wrong are an output count that is MPI_UNDEFINED, and errors.
    count.try_into().unwrap_or_default()
}

/// How many ranks a collective of `comm` addresses: those of the other group, if there is one.
/// None if `buffer` is `MPI_IN_PLACE`: then the array is not read.
///
/// # Safety
/// MPI is initialised.
pub unsafe fn peers(comm: *const c_int, buffer: *const c_void) -> usize {
    let in_place = is(buffer, &lariat_fortran_in_place_) || buffer.addr() == 1;
    let (mut inter, mut size) = (0, 0);
    // SAFETY: the caller's. A wrong communicator is refused by the call itself, below.
    unsafe {
        let comm = handle::comm(*comm);
        if in_place || comm == COMM_NULL || callee::PMPI_Comm_test_inter(comm, &raw mut inter) != 0
        {
            return 0;
        }
        match inter {
            0 => callee::PMPI_Comm_size(comm, &raw mut size),
            _ => callee::PMPI_Comm_remote_size(comm, &raw mut size),
        };
    }
    length(size)
}

/// How many neighbours a rank has: those it receives from, those it sends to.
///
/// # Safety
/// MPI is initialised.
pub unsafe fn neighbors(comm: *const c_int) -> (usize, usize) {
    let (mut topology, mut rank, mut count, mut out, mut weighted) = (0, 0, 0, 0, 0);
    // SAFETY: the caller's. A wrong communicator is refused by the call itself, below.
    unsafe {
        let comm = handle::comm(*comm);
        if comm == COMM_NULL || callee::PMPI_Topo_test(comm, &raw mut topology) != 0 {
            return (0, 0);
        }
        match topology {
            TOPOLOGY_CART => {
                callee::PMPI_Cartdim_get(comm, &raw mut count);
                (length(2 * count), length(2 * count))
            }
            TOPOLOGY_GRAPH => {
                callee::PMPI_Comm_rank(comm, &raw mut rank);
                callee::PMPI_Graph_neighbors_count(comm, rank, &raw mut count);
                (length(count), length(count))
            }
            TOPOLOGY_DIST_GRAPH => {
                let (count, out) = (&raw mut count, &raw mut out);
                callee::PMPI_Dist_graph_neighbors_count(comm, count, out, &raw mut weighted);
                (length(*count), length(*out))
            }
            _ => (0, 0),
        }
    }
}
