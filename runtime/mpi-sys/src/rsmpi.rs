//! The `RSMPI_` names of `mpi-sys`: constants that C has as macros, as extern
//! statics, and conversions.

use lariat::abi::consts::*;
use lariat::abi::types::*;
use std::ffi::c_int;

/// Fortran's default integer.
pub type RSMPI_Fint = MPI_Fint;

macro_rules! statics {
    ($($name:ident: $ty:ty = $value:ident;)*) => {
        unsafe extern "C" {$(
            /// The constant of MPI with this name, less `RS`.
            pub static $name: $ty;
        )*}

        mod definitions {
            use super::*;

            $(#[unsafe(no_mangle)]
            static $name: $ty = $value;)*
        }
    };
}

statics! {
    RSMPI_C_BOOL: MPI_Datatype = MPI_C_BOOL;
    RSMPI_FLOAT: MPI_Datatype = MPI_FLOAT;
    RSMPI_DOUBLE: MPI_Datatype = MPI_DOUBLE;
    RSMPI_INT8_T: MPI_Datatype = MPI_INT8_T;
    RSMPI_INT16_T: MPI_Datatype = MPI_INT16_T;
    RSMPI_INT32_T: MPI_Datatype = MPI_INT32_T;
    RSMPI_INT64_T: MPI_Datatype = MPI_INT64_T;
    RSMPI_UINT8_T: MPI_Datatype = MPI_UINT8_T;
    RSMPI_UINT16_T: MPI_Datatype = MPI_UINT16_T;
    RSMPI_UINT32_T: MPI_Datatype = MPI_UINT32_T;
    RSMPI_UINT64_T: MPI_Datatype = MPI_UINT64_T;
    RSMPI_FLOAT_COMPLEX: MPI_Datatype = MPI_C_FLOAT_COMPLEX;
    RSMPI_DOUBLE_COMPLEX: MPI_Datatype = MPI_C_DOUBLE_COMPLEX;
    RSMPI_DATATYPE_NULL: MPI_Datatype = MPI_DATATYPE_NULL;
    RSMPI_COMM_WORLD: MPI_Comm = MPI_COMM_WORLD;
    RSMPI_COMM_NULL: MPI_Comm = MPI_COMM_NULL;
    RSMPI_COMM_SELF: MPI_Comm = MPI_COMM_SELF;
    RSMPI_COMM_TYPE_SHARED: c_int = MPI_COMM_TYPE_SHARED;
    RSMPI_GROUP_EMPTY: MPI_Group = MPI_GROUP_EMPTY;
    RSMPI_GROUP_NULL: MPI_Group = MPI_GROUP_NULL;
    RSMPI_UNDEFINED: c_int = MPI_UNDEFINED;
    RSMPI_PROC_NULL: c_int = MPI_PROC_NULL;
    RSMPI_ANY_SOURCE: c_int = MPI_ANY_SOURCE;
    RSMPI_ANY_TAG: c_int = MPI_ANY_TAG;
    RSMPI_MESSAGE_NULL: MPI_Message = MPI_MESSAGE_NULL;
    RSMPI_MESSAGE_NO_PROC: MPI_Message = MPI_MESSAGE_NO_PROC;
    RSMPI_REQUEST_NULL: MPI_Request = MPI_REQUEST_NULL;
    RSMPI_IDENT: c_int = MPI_IDENT;
    RSMPI_CONGRUENT: c_int = MPI_CONGRUENT;
    RSMPI_SIMILAR: c_int = MPI_SIMILAR;
    RSMPI_UNEQUAL: c_int = MPI_UNEQUAL;
    RSMPI_THREAD_SINGLE: c_int = MPI_THREAD_SINGLE;
    RSMPI_THREAD_FUNNELED: c_int = MPI_THREAD_FUNNELED;
    RSMPI_THREAD_SERIALIZED: c_int = MPI_THREAD_SERIALIZED;
    RSMPI_THREAD_MULTIPLE: c_int = MPI_THREAD_MULTIPLE;
    RSMPI_GRAPH: c_int = MPI_GRAPH;
    RSMPI_CART: c_int = MPI_CART;
    RSMPI_DIST_GRAPH: c_int = MPI_DIST_GRAPH;
    RSMPI_MAX_LIBRARY_VERSION_STRING: c_int = MPI_MAX_LIBRARY_VERSION_STRING;
    RSMPI_MAX_PROCESSOR_NAME: c_int = MPI_MAX_PROCESSOR_NAME;
    RSMPI_MAX: MPI_Op = MPI_MAX;
    RSMPI_MIN: MPI_Op = MPI_MIN;
    RSMPI_SUM: MPI_Op = MPI_SUM;
    RSMPI_PROD: MPI_Op = MPI_PROD;
    RSMPI_LAND: MPI_Op = MPI_LAND;
    RSMPI_BAND: MPI_Op = MPI_BAND;
    RSMPI_LOR: MPI_Op = MPI_LOR;
    RSMPI_BOR: MPI_Op = MPI_BOR;
    RSMPI_LXOR: MPI_Op = MPI_LXOR;
    RSMPI_BXOR: MPI_Op = MPI_BXOR;
    RSMPI_ERRORS_ARE_FATAL: MPI_Errhandler = MPI_ERRORS_ARE_FATAL;
    RSMPI_ERRORS_RETURN: MPI_Errhandler = MPI_ERRORS_RETURN;
    RSMPI_FILE_NULL: MPI_File = MPI_FILE_NULL;
    RSMPI_INFO_NULL: MPI_Info = MPI_INFO_NULL;
    RSMPI_WIN_NULL: MPI_Win = MPI_WIN_NULL;
}

/// A pointer that other threads may have too: it is a constant, never followed.
#[repr(transparent)]
struct Constant(*mut MPI_Status);

// SAFETY: the address is a constant of the ABI; nobody reads or writes there.
unsafe impl Sync for Constant {}

unsafe extern "C" {
    /// `MPI_STATUS_IGNORE`.
    pub static RSMPI_STATUS_IGNORE: *mut MPI_Status;
    /// `MPI_STATUSES_IGNORE`.
    pub static RSMPI_STATUSES_IGNORE: *mut MPI_Status;
}

mod pointers {
    use super::*;

    #[unsafe(no_mangle)]
    static RSMPI_STATUS_IGNORE: Constant = Constant(MPI_STATUS_IGNORE);
    #[unsafe(no_mangle)]
    static RSMPI_STATUSES_IGNORE: Constant = Constant(MPI_STATUSES_IGNORE);
}

/// `MPI_UNWEIGHTED`.
///
/// # Safety
/// None needed; `unsafe` is the shape that bindgen gives it.
#[must_use]
pub unsafe extern "C" fn RSMPI_UNWEIGHTED() -> *mut c_int {
    MPI_UNWEIGHTED
}

/// `MPI_Wtime`.
///
/// # Safety
/// None needed; `unsafe` is the shape that bindgen gives it.
#[must_use]
pub unsafe extern "C" fn RSMPI_Wtime() -> f64 {
    // SAFETY: the call has no arguments.
    unsafe { lariat::abi::env::MPI_Wtime() }
}

/// `MPI_Wtick`.
///
/// # Safety
/// None needed; `unsafe` is the shape that bindgen gives it.
#[must_use]
pub unsafe extern "C" fn RSMPI_Wtick() -> f64 {
    // SAFETY: the call has no arguments.
    unsafe { lariat::abi::env::MPI_Wtick() }
}

macro_rules! conversions {
    ($($c2f:ident $f2c:ident $ty:ident $toint:ident $fromint:ident)*) => {$(
        /// The Fortran integer of a handle.
        ///
        /// # Safety
        /// None needed; `unsafe` is the shape that bindgen gives it.
        #[must_use]
        pub unsafe extern "C" fn $c2f(handle: $ty) -> RSMPI_Fint {
            // SAFETY: any value may be passed.
            unsafe { lariat::abi::abi_info::$toint(handle) }
        }

        /// The handle of a Fortran integer.
        ///
        /// # Safety
        /// None needed; `unsafe` is the shape that bindgen gives it.
        #[must_use]
        pub unsafe extern "C" fn $f2c(handle: RSMPI_Fint) -> $ty {
            // SAFETY: any value may be passed.
            unsafe { lariat::abi::abi_info::$fromint(handle) }
        }
    )*};
}

conversions! {
    RSMPI_Comm_c2f RSMPI_Comm_f2c MPI_Comm MPI_Comm_toint MPI_Comm_fromint
    RSMPI_Errhandler_c2f RSMPI_Errhandler_f2c MPI_Errhandler MPI_Errhandler_toint MPI_Errhandler_fromint
    RSMPI_File_c2f RSMPI_File_f2c MPI_File MPI_File_toint MPI_File_fromint
    RSMPI_Group_c2f RSMPI_Group_f2c MPI_Group MPI_Group_toint MPI_Group_fromint
    RSMPI_Info_c2f RSMPI_Info_f2c MPI_Info MPI_Info_toint MPI_Info_fromint
    RSMPI_Message_c2f RSMPI_Message_f2c MPI_Message MPI_Message_toint MPI_Message_fromint
    RSMPI_Op_c2f RSMPI_Op_f2c MPI_Op MPI_Op_toint MPI_Op_fromint
    RSMPI_Request_c2f RSMPI_Request_f2c MPI_Request MPI_Request_toint MPI_Request_fromint
    RSMPI_Type_c2f RSMPI_Type_f2c MPI_Datatype MPI_Type_toint MPI_Type_fromint
    RSMPI_Win_c2f RSMPI_Win_f2c MPI_Win MPI_Win_toint MPI_Win_fromint
}
