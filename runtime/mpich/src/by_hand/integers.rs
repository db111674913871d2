//! Handles as integers (MPI 5.0, sections 19.3.4 and 20.3). In MPICH's ABI all but files are
//! integers already.

use crate::convert::code;
use crate::status::Status;
use crate::{abi, callee, handle};
use std::ffi::c_int;

define! {
    /// Section 20.3: the handle is an integer.
    fn MPI_Comm_toint(handle: c_int) -> c_int {
        handle
    }

    /// Section 20.3: the handle is an integer.
    fn MPI_Comm_fromint(handle: c_int) -> c_int {
        handle
    }

    /// Section 19.3.4: the handle is an integer.
    fn MPI_Comm_c2f(handle: c_int) -> c_int {
        handle
    }

    /// Section 19.3.4: the handle is an integer.
    fn MPI_Comm_f2c(handle: c_int) -> c_int {
        handle
    }

    /// Section 20.3: the handle is an integer.
    fn MPI_Errhandler_toint(handle: c_int) -> c_int {
        handle
    }

    /// Section 20.3: the handle is an integer.
    fn MPI_Errhandler_fromint(handle: c_int) -> c_int {
        handle
    }

    /// Section 19.3.4: the handle is an integer.
    fn MPI_Errhandler_c2f(handle: c_int) -> c_int {
        handle
    }

    /// Section 19.3.4: the handle is an integer.
    fn MPI_Errhandler_f2c(handle: c_int) -> c_int {
        handle
    }

    /// Section 20.3: the handle is an integer.
    fn MPI_Group_toint(handle: c_int) -> c_int {
        handle
    }

    /// Section 20.3: the handle is an integer.
    fn MPI_Group_fromint(handle: c_int) -> c_int {
        handle
    }

    /// Section 19.3.4: the handle is an integer.
    fn MPI_Group_c2f(handle: c_int) -> c_int {
        handle
    }

    /// Section 19.3.4: the handle is an integer.
    fn MPI_Group_f2c(handle: c_int) -> c_int {
        handle
    }

    /// Section 20.3: the handle is an integer.
    fn MPI_Info_toint(handle: c_int) -> c_int {
        handle
    }

    /// Section 20.3: the handle is an integer.
    fn MPI_Info_fromint(handle: c_int) -> c_int {
        handle
    }

    /// Section 19.3.4: the handle is an integer.
    fn MPI_Info_c2f(handle: c_int) -> c_int {
        handle
    }

    /// Section 19.3.4: the handle is an integer.
    fn MPI_Info_f2c(handle: c_int) -> c_int {
        handle
    }

    /// Section 20.3: the handle is an integer.
    fn MPI_Message_toint(handle: c_int) -> c_int {
        handle
    }

    /// Section 20.3: the handle is an integer.
    fn MPI_Message_fromint(handle: c_int) -> c_int {
        handle
    }

    /// Section 19.3.4: the handle is an integer.
    fn MPI_Message_c2f(handle: c_int) -> c_int {
        handle
    }

    /// Section 19.3.4: the handle is an integer.
    fn MPI_Message_f2c(handle: c_int) -> c_int {
        handle
    }

    /// Section 20.3: the handle is an integer.
    fn MPI_Op_toint(handle: c_int) -> c_int {
        handle
    }

    /// Section 20.3: the handle is an integer.
    fn MPI_Op_fromint(handle: c_int) -> c_int {
        handle
    }

    /// Section 19.3.4: the handle is an integer.
    fn MPI_Op_c2f(handle: c_int) -> c_int {
        handle
    }

    /// Section 19.3.4: the handle is an integer.
    fn MPI_Op_f2c(handle: c_int) -> c_int {
        handle
    }

    /// Section 20.3: the handle is an integer.
    fn MPI_Request_toint(handle: c_int) -> c_int {
        handle
    }

    /// Section 20.3: the handle is an integer.
    fn MPI_Request_fromint(handle: c_int) -> c_int {
        handle
    }

    /// Section 19.3.4: the handle is an integer.
    fn MPI_Request_c2f(handle: c_int) -> c_int {
        handle
    }

    /// Section 19.3.4: the handle is an integer.
    fn MPI_Request_f2c(handle: c_int) -> c_int {
        handle
    }

    /// Section 20.3: the handle is an integer.
    fn MPI_Session_toint(handle: c_int) -> c_int {
        handle
    }

    /// Section 20.3: the handle is an integer.
    fn MPI_Session_fromint(handle: c_int) -> c_int {
        handle
    }

    /// Section 19.3.4: the handle is an integer.
    fn MPI_Session_c2f(handle: c_int) -> c_int {
        handle
    }

    /// Section 19.3.4: the handle is an integer.
    fn MPI_Session_f2c(handle: c_int) -> c_int {
        handle
    }

    /// Section 20.3: the handle is an integer.
    fn MPI_Type_toint(handle: c_int) -> c_int {
        handle
    }

    /// Section 20.3: the handle is an integer.
    fn MPI_Type_fromint(handle: c_int) -> c_int {
        handle
    }

    /// Section 19.3.4: the handle is an integer.
    fn MPI_Type_c2f(handle: c_int) -> c_int {
        handle
    }

    /// Section 19.3.4: the handle is an integer.
    fn MPI_Type_f2c(handle: c_int) -> c_int {
        handle
    }

    /// Section 20.3: the handle is an integer.
    fn MPI_Win_toint(handle: c_int) -> c_int {
        handle
    }

    /// Section 20.3: the handle is an integer.
    fn MPI_Win_fromint(handle: c_int) -> c_int {
        handle
    }

    /// Section 19.3.4: the handle is an integer.
    fn MPI_Win_c2f(handle: c_int) -> c_int {
        handle
    }

    /// Section 19.3.4: the handle is an integer.
    fn MPI_Win_f2c(handle: c_int) -> c_int {
        handle
    }

    /// Section 20.3, of files.
    fn MPI_File_toint(file: usize) -> c_int {
        int_of_file(file)
    }

    /// Section 19.3.4, of files.
    fn MPI_File_c2f(file: usize) -> c_int {
        int_of_file(file)
    }

    /// Section 20.3, of files.
    fn MPI_File_fromint(int: c_int) -> usize {
        file_of_int(int)
    }

    /// Section 19.3.4, of files.
    fn MPI_File_f2c(int: c_int) -> usize {
        file_of_int(int)
    }

    /// Section 19.3.5: a status has the same layout in C and in both Fortran bindings.
    fn MPI_Status_c2f(from: *const Status, to: *mut Status) -> c_int {
        copy(from, to)
    }

    /// Section 19.3.5: a status has the same layout in C and in both Fortran bindings.
    fn MPI_Status_f2c(from: *const Status, to: *mut Status) -> c_int {
        copy(from, to)
    }

    /// Section 19.3.5: a status has the same layout in C and in both Fortran bindings.
    fn MPI_Status_c2f08(from: *const Status, to: *mut Status) -> c_int {
        copy(from, to)
    }

    /// Section 19.3.5: a status has the same layout in C and in both Fortran bindings.
    fn MPI_Status_f082c(from: *const Status, to: *mut Status) -> c_int {
        copy(from, to)
    }

    /// Section 19.3.5: a status has the same layout in C and in both Fortran bindings.
    fn MPI_Status_f2f08(from: *const Status, to: *mut Status) -> c_int {
        copy(from, to)
    }

    /// Section 19.3.5: a status has the same layout in C and in both Fortran bindings.
    fn MPI_Status_f082f(from: *const Status, to: *mut Status) -> c_int {
        copy(from, to)
    }
}

/// Copies a status that is none of the constants that stand for one.
unsafe fn copy(from: *const Status, to: *mut Status) -> c_int {
    if from.addr() < 2 || to.addr() < 2 {
        return code(abi::ERR_ARG);
    }
    // SAFETY: the caller's statuses.
    unsafe { to.write(from.read()) };
    0
}

/// The number of a file; of `MPI_FILE_NULL` it is 0.
fn int_of_file(file: usize) -> c_int {
    match file {
        0 => 0,
        // SAFETY: takes any handle.
        file => unsafe { callee::MPI_File_toint(file) },
    }
}

fn file_of_int(int: c_int) -> usize {
    match int {
        0 => 0,
        // SAFETY: takes any number.
        int => handle::file_out(unsafe { callee::MPI_File_fromint(int) }),
    }
}
