//! `liblariat_fortran.so`: MPI's procedures for Fortran, over `libmpi_abi.so.1`.
//!
//! A Fortran program calls `mpi_send_` and passes everything by address: numbers, handles (which
//! are integers), the error code. `mpif.h` and the module `mpi` lead there. The module `mpi_f08`
//! calls the same procedures under the names that the standard gives them (`mpi_comm_size_f08_`,
//! MPI 5.0, section 19.1.5), as its derived types hold one integer each; those with choice buffers
//! have a second form (`mpi_send_f08ts_`) that takes descriptors of arrays, so that sections with
//! gaps are passed as they are.
//!
//! `build` makes most procedures from tables, and the sources of the modules; `by_hand` has those
//! of which the tables do not say enough. All depends on the calling convention that compilers on
//! Linux share (small letters, one underscore, lengths of strings behind the arguments), and on
//! nothing of one compiler's version: that is in the module files alone, which `mpifort` makes.
//!
//! The library calls the `PMPI_` names: a tool for Fortran has `mpi_send_` of its own.

#![allow(
    clippy::missing_safety_doc,
    clippy::too_many_arguments,
    reason = "what a caller must keep is in the standard's text"
)]

#[cfg(target_endian = "big")]
compile_error!("a program's function reads the low half of a handle as its number in Fortran");

#[macro_use]
mod define;

mod by_hand;
mod convert;
mod descriptor;
mod handle;
mod stage;
mod text;

/// The functions of `libmpi_abi.so.1`.
#[allow(dead_code, reason = "generated: all of them are declared")]
mod callee {
    use crate::convert::Status;
    use std::ffi::{c_char, c_int, c_void};

    include!(concat!(env!("OUT_DIR"), "/callee.rs"));
}

/// The exported procedures that follow from the tables.
#[allow(
    unused_mut,
    clippy::unused_unit,
    clippy::useless_conversion,
    reason = "generated"
)]
mod exports {
    use crate::convert::{self, Status};
    use crate::descriptor::{self, Descriptor, Section};
    use crate::{callee, handle, stage, text};
    use std::ffi::{c_char, c_int, c_void};

    include!(concat!(env!("OUT_DIR"), "/exports.rs"));
}

/// Exports everything whose name begins so: rustc does not know of the names that are defined in
/// assembly, and what is exported is a list of patterns.
#[unsafe(export_name = "mpi_*")]
static WEAK_NAMES: u8 = 0;

/// As [`WEAK_NAMES`], of the names for profiling.
#[unsafe(export_name = "pmpi_*")]
static NAMES_FOR_PROFILING: u8 = 0;

/// As [`WEAK_NAMES`], of what only the modules name.
#[unsafe(export_name = "lariat_*")]
static OWN_NAMES: u8 = 0;

/// As [`OWN_NAMES`], for profiling.
#[unsafe(export_name = "plariat_*")]
static OWN_NAMES_FOR_PROFILING: u8 = 0;

core::arch::global_asm!(
    r#".hidden "mpi_*""#,
    r#".hidden "pmpi_*""#,
    r#".hidden "lariat_*""#,
    r#".hidden "plariat_*""#
);
