//! The types of users' functions. `None` is C's null pointer; some calls give
//! small numbers a meaning of their own (`MPI_COMM_DUP_FN`), which `attr` knows.

use super::types::*;
use crate::object::op::{self, Function};
use std::ffi::{c_int, c_void};

/// The function of a reduction (section 6.9.5): in, inout, length, datatype.
pub type MPI_User_function = Option<SmallReduction>;
type SmallReduction = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut c_int, *mut MPI_Datatype);
/// As [`MPI_User_function`], with a large count.
pub type MPI_User_function_c = Option<LargeReduction>;
type LargeReduction =
    unsafe extern "C" fn(*mut c_void, *mut c_void, *mut MPI_Count, *mut MPI_Datatype);

/// Fills the status of a generalized request (section 13.2).
pub type MPI_Grequest_query_function =
    Option<unsafe extern "C" fn(*mut c_void, *mut MPI_Status) -> c_int>;
/// Frees what belongs to a generalized request (section 13.2).
pub type MPI_Grequest_free_function = Option<unsafe extern "C" fn(*mut c_void) -> c_int>;
/// Cancels a generalized request (section 13.2).
pub type MPI_Grequest_cancel_function = Option<unsafe extern "C" fn(*mut c_void, c_int) -> c_int>;

macro_rules! attribute_functions {
    ($($copy:ident $delete:ident $handle:ident)*) => {$(
        /// Copies an attribute (section 7.7): object, keyval, extra state, value
        /// in, value out, flag.
        pub type $copy = Option<
            unsafe extern "C" fn(
                $handle, c_int, *mut c_void, *mut c_void, *mut c_void, *mut c_int,
            ) -> c_int,
        >;
        /// Deletes an attribute (section 7.7): object, keyval, value, extra state.
        pub type $delete =
            Option<unsafe extern "C" fn($handle, c_int, *mut c_void, *mut c_void) -> c_int>;
    )*};
}

attribute_functions! {
    MPI_Copy_function MPI_Delete_function MPI_Comm
    MPI_Comm_copy_attr_function MPI_Comm_delete_attr_function MPI_Comm
    MPI_Type_copy_attr_function MPI_Type_delete_attr_function MPI_Datatype
    MPI_Win_copy_attr_function MPI_Win_delete_attr_function MPI_Win
}

/// The extent of a datatype in a file (section 14.5.3).
pub type MPI_Datarep_extent_function = Option<ExtentForm>;
pub(super) type ExtentForm =
    unsafe extern "C" fn(MPI_Datatype, *mut MPI_Aint, *mut c_void) -> c_int;
/// Converts between memory and file (section 14.5.3).
pub type MPI_Datarep_conversion_function = Option<SmallForm>;
pub(super) type SmallForm = unsafe extern "C" fn(
    *mut c_void,
    MPI_Datatype,
    c_int,
    *mut c_void,
    MPI_Offset,
    *mut c_void,
) -> c_int;
/// As [`MPI_Datarep_conversion_function`], with a large count.
pub type MPI_Datarep_conversion_function_c = Option<LargeForm>;
pub(super) type LargeForm = unsafe extern "C" fn(
    *mut c_void,
    MPI_Datatype,
    MPI_Count,
    *mut c_void,
    MPI_Offset,
    *mut c_void,
) -> c_int;

/// An error handler of communicators (section 9.3.1).
pub type MPI_Comm_errhandler_function =
    Option<unsafe extern "C" fn(*mut MPI_Comm, *mut c_int, ...)>;
/// An error handler of files (section 9.3.3).
pub type MPI_File_errhandler_function =
    Option<unsafe extern "C" fn(*mut MPI_File, *mut c_int, ...)>;
/// An error handler of windows (section 9.3.2).
pub type MPI_Win_errhandler_function = Option<unsafe extern "C" fn(*mut MPI_Win, *mut c_int, ...)>;
/// An error handler of sessions (section 9.3.4).
pub type MPI_Session_errhandler_function =
    Option<unsafe extern "C" fn(*mut MPI_Session, *mut c_int, ...)>;

/// Another name for [`MPI_Comm_errhandler_function`].
pub type MPI_Comm_errhandler_fn = MPI_Comm_errhandler_function;
/// Another name for [`MPI_File_errhandler_function`].
pub type MPI_File_errhandler_fn = MPI_File_errhandler_function;
/// Another name for [`MPI_Win_errhandler_function`].
pub type MPI_Win_errhandler_fn = MPI_Win_errhandler_function;
/// Another name for [`MPI_Session_errhandler_function`].
pub type MPI_Session_errhandler_fn = MPI_Session_errhandler_function;

/// Told of an event (section 15.3.8).
pub type MPI_T_event_cb_function = Option<
    unsafe extern "C" fn(
        MPI_T_event_instance,
        MPI_T_event_registration,
        MPI_T_cb_safety,
        *mut c_void,
    ),
>;
/// Told that a registration is gone (section 15.3.8).
pub type MPI_T_event_free_cb_function =
    Option<unsafe extern "C" fn(MPI_T_event_registration, MPI_T_cb_safety, *mut c_void)>;
/// Told that events were dropped (section 15.3.8).
pub type MPI_T_event_dropped_cb_function = Option<
    unsafe extern "C" fn(MPI_Count, MPI_T_event_registration, c_int, MPI_T_cb_safety, *mut c_void),
>;

/// What `MPI_COMM_DUP_FN` and its like stand for in Rust: an attribute is copied
/// as it is (section 7.7). In C the constant is the address 1, which `attr` knows.
pub unsafe extern "C" fn copy_as_is<H>(
    _object: H,
    _keyval: c_int,
    _extra_state: *mut c_void,
    value_in: *mut c_void,
    value_out: *mut c_void,
    flag: *mut c_int,
) -> c_int {
    // SAFETY: whoever calls a copy function passes two places to write to: one
    // for a pointer and one for an int.
    unsafe {
        value_out.cast::<*mut c_void>().write(value_in);
        flag.write(1);
    }
    0
}

/// Either form of a reduction's function.
pub trait UserFunction {
    /// The function, if there is one.
    fn function(self) -> Option<Function>;
}

impl UserFunction for MPI_User_function {
    fn function(self) -> Option<Function> {
        let function = self?;
        // SAFETY: `MPI_Datatype` is a transparent wrapper of what the other type
        // has in its place.
        let function = unsafe { std::mem::transmute::<SmallReduction, op::UserFunction>(function) };
        Some(Function::Small(function))
    }
}

impl UserFunction for MPI_User_function_c {
    fn function(self) -> Option<Function> {
        let function = self?;
        // SAFETY: as above.
        let function =
            unsafe { std::mem::transmute::<LargeReduction, op::LargeUserFunction>(function) };
        Some(Function::Large(function))
    }
}
