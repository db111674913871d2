//! What MPI 3.0 removed (MPI 5.0, section 17.1), for programs that were built before:
//! exported, as other libraries of the ABI do, but no part of it, and of `mpi.h` only
//! as inline functions. Each goes on to what took its place, by its profiled name, so
//! that errors are raised and calls are published under the name of today.

use super::callback::MPI_Comm_errhandler_function;
use super::consts::MPI_SUCCESS;
use super::types::*;
use std::ffi::{c_int, c_void};

/// Exports functions that call those named in `instead`.
macro_rules! removed {
    (
        instead { $(fn $target:ident ( $($q:ident : $u:ty),* $(,)? );)* }
        $(
            $(#[$m:meta])*
            fn $name:ident ( $($p:ident : $t:ty),* $(,)? ) $body:block
        )*
    ) => {
        unsafe extern "C" {
            $(fn $target($($q: $u),*) -> c_int;)*
        }
        $(
            // SAFETY: who calls a C function vouches for its arguments, which go on
            // as they are.
            define!([$(#[$m])*] $name ($($p: $t),*) -> c_int { unsafe { $body } });
        )*
    };
}

removed! {
    instead {
        fn PMPI_Get_address(location: *const c_void, address: *mut MPI_Aint);
        fn PMPI_Comm_create_errhandler(
            function: MPI_Comm_errhandler_function, errhandler: *mut MPI_Errhandler,
        );
        fn PMPI_Comm_get_errhandler(comm: MPI_Comm, errhandler: *mut MPI_Errhandler);
        fn PMPI_Comm_set_errhandler(comm: MPI_Comm, errhandler: MPI_Errhandler);
        fn PMPI_Type_get_extent(
            datatype: MPI_Datatype, lb: *mut MPI_Aint, extent: *mut MPI_Aint,
        );
        fn PMPI_Type_create_hindexed(
            count: c_int, blocklengths: *const c_int, displacements: *const MPI_Aint,
            oldtype: MPI_Datatype, newtype: *mut MPI_Datatype,
        );
        fn PMPI_Type_create_hvector(
            count: c_int, blocklength: c_int, stride: MPI_Aint, oldtype: MPI_Datatype,
            newtype: *mut MPI_Datatype,
        );
        fn PMPI_Type_create_struct(
            count: c_int, blocklengths: *const c_int, displacements: *const MPI_Aint,
            types: *const MPI_Datatype, newtype: *mut MPI_Datatype,
        );
    }

    /// Today `MPI_Get_address`.
    fn MPI_Address(location: *mut c_void, address: *mut MPI_Aint) {
        PMPI_Get_address(location, address)
    }

    /// Today `MPI_Comm_create_errhandler`.
    fn MPI_Errhandler_create(
        function: MPI_Comm_errhandler_function, errhandler: *mut MPI_Errhandler,
    ) {
        PMPI_Comm_create_errhandler(function, errhandler)
    }

    /// Today `MPI_Comm_get_errhandler`.
    fn MPI_Errhandler_get(comm: MPI_Comm, errhandler: *mut MPI_Errhandler) {
        PMPI_Comm_get_errhandler(comm, errhandler)
    }

    /// Today `MPI_Comm_set_errhandler`.
    fn MPI_Errhandler_set(comm: MPI_Comm, errhandler: MPI_Errhandler) {
        PMPI_Comm_set_errhandler(comm, errhandler)
    }

    /// Today `MPI_Type_get_extent`.
    fn MPI_Type_extent(datatype: MPI_Datatype, extent: *mut MPI_Aint) {
        let mut lb = 0;
        PMPI_Type_get_extent(datatype, &raw mut lb, extent)
    }

    /// Today `MPI_Type_create_hindexed`.
    fn MPI_Type_hindexed(
        count: c_int, blocklengths: *mut c_int, displacements: *mut MPI_Aint,
        oldtype: MPI_Datatype, newtype: *mut MPI_Datatype,
    ) {
        PMPI_Type_create_hindexed(count, blocklengths, displacements, oldtype, newtype)
    }

    /// Today `MPI_Type_create_hvector`.
    fn MPI_Type_hvector(
        count: c_int, blocklength: c_int, stride: MPI_Aint, oldtype: MPI_Datatype,
        newtype: *mut MPI_Datatype,
    ) {
        PMPI_Type_create_hvector(count, blocklength, stride, oldtype, newtype)
    }

    /// Today `MPI_Type_get_extent`.
    fn MPI_Type_lb(datatype: MPI_Datatype, displacement: *mut MPI_Aint) {
        let mut extent = 0;
        PMPI_Type_get_extent(datatype, displacement, &raw mut extent)
    }

    /// Today `MPI_Type_create_struct`.
    fn MPI_Type_struct(
        count: c_int, blocklengths: *mut c_int, displacements: *mut MPI_Aint,
        types: *mut MPI_Datatype, newtype: *mut MPI_Datatype,
    ) {
        PMPI_Type_create_struct(count, blocklengths, displacements, types, newtype)
    }

    /// Today `MPI_Type_get_extent`.
    fn MPI_Type_ub(datatype: MPI_Datatype, displacement: *mut MPI_Aint) {
        let mut extent = 0;
        let code = PMPI_Type_get_extent(datatype, displacement, &raw mut extent);
        if code == MPI_SUCCESS {
            *displacement += extent;
        }
        code
    }
}
