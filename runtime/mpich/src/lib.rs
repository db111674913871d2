//! `libmpi.so.12`: the interface of MPICH's ABI, which Intel MPI, MVAPICH and Cray MPICH share,
//! over `libmpi_abi.so.1`. Programs that were built for one of them run with it unchanged.
//!
//! The two ABIs have the same functions. What differs are the handles (numbers of 32 bits in
//! MPICH's, pointers in the standard's), the numbers of constants, and the layout of statuses.
//! Each exported function converts its arguments, calls the function of the same name in
//! `libmpi_abi.so.1`, and converts the results. `build` makes most of them from tables; `by_hand` has
//! those of which the tables do not say enough: users' functions, strings of other lengths,
//! handles behind untyped pointers.
//!
//! Both libraries export the same names, so this one cannot be linked to the other one: it
//! loads it when it is loaded itself, and looks the functions up once (`load`).

#![allow(non_snake_case, reason = "the names are the standard's")]
#![allow(
    clippy::missing_safety_doc,
    clippy::too_many_arguments,
    reason = "what a caller must keep is in the standard's text"
)]

#[macro_use]
mod define;

mod abi;
mod by_hand;
mod convert;
mod handle;
mod load;
mod status;

/// The numbers of constants.
#[allow(
    dead_code,
    clippy::manual_range_patterns,
    reason = "generated: some are only read, some only returned"
)]
mod number {
    use std::ffi::c_int;

    /// What a number becomes that means nothing in one ABI and something in the other.
    pub const NOTHING: c_int = -0x4000_0000;
    /// Stands for bits that mean nothing.
    const UNKNOWN_BIT: c_int = 0x4000_0000;

    include!(concat!(env!("OUT_DIR"), "/number.rs"));
}

/// The functions of `libmpi_abi.so.1`.
#[allow(
    clippy::undocumented_unsafe_blocks,
    clippy::inline_always,
    dead_code,
    reason = "generated; the functions must melt into the exported ones"
)]
mod callee {
    use crate::abi;
    use std::ffi::{CStr, c_char, c_int, c_void};
    use std::ptr::null_mut;
    use std::sync::atomic::AtomicPtr;
    use std::sync::atomic::Ordering::Relaxed;

    include!(concat!(env!("OUT_DIR"), "/callee.rs"));
}

/// The exported functions that follow from the tables.
#[allow(
    unused_mut,
    reason = "generated: not all of them change what they read"
)]
mod exports {
    use crate::status::Status;
    use crate::{callee, convert, handle, number, status};
    use std::ffi::{c_char, c_int, c_void};

    include!(concat!(env!("OUT_DIR"), "/exports.rs"));
}

/// Exports everything whose name begins with `MPI_`: rustc does not know of the names that
/// are defined in assembly (`define`), and what is exported is a list of patterns.
#[unsafe(export_name = "MPI_*")]
static WEAK_NAMES: u8 = 0;

/// As [`WEAK_NAMES`], of extensions.
#[unsafe(export_name = "MPIX_*")]
static WEAK_NAMES_OF_EXTENSIONS: u8 = 0;

core::arch::global_asm!(r#".hidden "MPI_*""#, r#".hidden "MPIX_*""#);
