//! Statuses of the two bindings for Fortran (MPI 5.0, section 19.3.5): the same integers.

use crate::convert::{self, Status};
use std::ffi::c_int;

define! {
    both
    /// Section 19.3.5.
    fn mpi_status_f2f08(from: *const Status, to: *mut Status, ierror: *mut c_int) -> () {
        *to = *from;
        convert::put_code(ierror, 0);
    }

    both
    /// Section 19.3.5.
    fn mpi_status_f082f(from: *const Status, to: *mut Status, ierror: *mut c_int) -> () {
        *to = *from;
        convert::put_code(ierror, 0);
    }
}
