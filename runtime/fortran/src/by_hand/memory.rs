//! Buffers for buffered sends, and what Fortran alone has about memory.

use crate::{callee, convert};
use std::ffi::{c_int, c_void};

define! {
    plain
    /// Section 3.6: in `mpif.h` and `mpi`, the address is not returned.
    fn mpi_buffer_detach(_buffer_addr: *mut c_void, size: *mut c_int, ierror: *mut c_int) -> () {
        let mut address: *mut c_void = std::ptr::null_mut();
        convert::put_code(ierror, callee::PMPI_Buffer_detach((&raw mut address).cast(), size));
    }

    plain
    /// Section 3.6.
    fn mpi_buffer_detach_f08(address: *mut c_void, size: *mut c_int, ierror: *mut c_int) -> () {
        convert::put_code(ierror, callee::PMPI_Buffer_detach(address, size));
    }

    both
    /// Section 19.1.17: the compiler must take it that the buffer is changed here.
    fn mpi_f_sync_reg(_buffer: *mut c_void) -> () {}
}
