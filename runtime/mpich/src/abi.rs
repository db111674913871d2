//! What the standard ABI looks like from here.

use std::ffi::c_int;

/// A status of the standard ABI (MPI 5.0, section 20.3). Of the words that are the library's
/// own, the first two are the bytes received, low half first, and the third is 1 if the
/// operation was cancelled.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Status {
    /// `MPI_SOURCE`.
    pub source: c_int,
    /// `MPI_TAG`.
    pub tag: c_int,
    /// `MPI_ERROR`.
    pub error: c_int,
    /// `MPI_internal`.
    pub internal: [c_int; 5],
}

/// `MPI_IN_PLACE`.
pub const IN_PLACE: usize = 1;
/// `MPI_BUFFER_AUTOMATIC`.
pub const BUFFER_AUTOMATIC: usize = 2;
/// `MPI_DISPLACEMENT_CURRENT`.
pub const DISPLACEMENT_CURRENT: i64 = -1;
/// `MPI_UNWEIGHTED`.
pub const UNWEIGHTED: usize = 10;
/// `MPI_WEIGHTS_EMPTY`.
pub const WEIGHTS_EMPTY: usize = 11;
/// `MPI_T_PVAR_ALL_HANDLES`.
pub const PVAR_ALL_HANDLES: usize = 1;
/// `MPI_FILE_NULL`.
pub const FILE_NULL: usize = 0x118;
/// `MPI_ERR_OTHER`.
pub const ERR_OTHER: c_int = 16;
/// `MPI_ERR_ARG`.
pub const ERR_ARG: c_int = 13;

/// What the library of the standard ABI offers to one that lies over it, for users' functions
/// that get no state of their own.
pub mod over {
    use std::ffi::{c_int, c_void};

    /// A reduction: context, in, inout, length, datatype.
    pub type Reduction = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut c_void, i64, usize);
    /// An error handler: context, object, code.
    pub type Handler = unsafe extern "C" fn(*mut c_void, usize, c_int);
    /// `lariat_op_create`: function, context, largest length, whether it commutes, the
    /// operation.
    pub type OpCreate =
        unsafe extern "C" fn(Option<Reduction>, *mut c_void, i64, c_int, *mut usize) -> c_int;
    /// `lariat_lies_over`: an address in the code of the library that lies over.
    pub type LiesOver = unsafe extern "C" fn(*const c_void);
    /// `lariat_take_number_of_codes`.
    pub type TakeNumberOfCodes = unsafe extern "C" fn() -> c_int;
    /// `lariat_errhandler_create`: kind of object, function, context, the error handler.
    pub type ErrhandlerCreate =
        unsafe extern "C" fn(c_int, Option<Handler>, *mut c_void, *mut usize) -> c_int;
}
