//! Comparisons of the handles of `mpi_f08` (MPI 5.0, section 19.1.2): external functions, so that
//! the module needs no code of its own.

use std::ffi::c_int;

macro_rules! comparisons {
    ($($eq:ident $ne:ident)*) => { $(
        #[unsafe(export_name = concat!(stringify!($eq), "_"))]
        unsafe extern "C" fn $eq(a: *const c_int, b: *const c_int) -> c_int {
            // SAFETY: the compiler passes two handles.
            c_int::from(unsafe { *a == *b })
        }

        #[unsafe(export_name = concat!(stringify!($ne), "_"))]
        unsafe extern "C" fn $ne(a: *const c_int, b: *const c_int) -> c_int {
            // SAFETY: the compiler passes two handles.
            c_int::from(unsafe { *a != *b })
        }
    )* };
}

comparisons! {
    lariat_comm_eq lariat_comm_ne
    lariat_datatype_eq lariat_datatype_ne
    lariat_errhandler_eq lariat_errhandler_ne
    lariat_file_eq lariat_file_ne
    lariat_group_eq lariat_group_ne
    lariat_info_eq lariat_info_ne
    lariat_message_eq lariat_message_ne
    lariat_op_eq lariat_op_ne
    lariat_request_eq lariat_request_ne
    lariat_session_eq lariat_session_ne
    lariat_win_eq lariat_win_ne
}
