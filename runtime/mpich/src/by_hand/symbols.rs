//! Variables that MPICH's ABI has.

use crate::abi;
use std::ffi::c_int;

/// An address, and nothing behind it.
#[repr(transparent)]
#[derive(Debug)]
pub struct Address(usize);

/// `MPI_UNWEIGHTED`.
#[unsafe(no_mangle)]
pub static MPI_UNWEIGHTED: Address = Address(abi::UNWEIGHTED);
/// `MPI_WEIGHTS_EMPTY`.
#[unsafe(no_mangle)]
pub static MPI_WEIGHTS_EMPTY: Address = Address(abi::WEIGHTS_EMPTY);
/// `MPI_T_PVAR_ALL_HANDLES`.
#[unsafe(no_mangle)]
pub static MPI_T_PVAR_ALL_HANDLES: Address = Address(abi::PVAR_ALL_HANDLES);

/// A pointer that a Fortran library sets when it starts; null in a program in C.
#[unsafe(no_mangle)]
pub static mut MPI_F_STATUS_IGNORE: *mut c_int = std::ptr::null_mut();
/// As [`MPI_F_STATUS_IGNORE`].
#[unsafe(no_mangle)]
pub static mut MPI_F_STATUSES_IGNORE: *mut c_int = std::ptr::null_mut();

/// A status of Fortran's, of which only the address counts.
#[unsafe(no_mangle)]
pub static mut MPIR_F08_MPI_STATUS_IGNORE_OBJ: [c_int; 5] = [0; 5];
/// As [`MPIR_F08_MPI_STATUS_IGNORE_OBJ`].
#[unsafe(no_mangle)]
pub static mut MPIR_F08_MPI_STATUSES_IGNORE_OBJ: [[c_int; 5]; 1] = [[0; 5]; 1];
/// Where the status of Fortran's is that stands for none.
#[unsafe(no_mangle)]
pub static mut MPI_F08_STATUS_IGNORE: *mut [c_int; 5] = &raw mut MPIR_F08_MPI_STATUS_IGNORE_OBJ;
/// Where the statuses of Fortran's are that stand for none.
#[unsafe(no_mangle)]
pub static mut MPI_F08_STATUSES_IGNORE: *mut [[c_int; 5]; 1] =
    &raw mut MPIR_F08_MPI_STATUSES_IGNORE_OBJ;
