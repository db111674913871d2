//! Takes the place of crates.io's `mpi-sys`: the C interface of MPI as a Rust
//! crate, with Lariat behind it, linked statically. No MPI, no C compiler and no
//! libclang are needed. One line of a program's `Cargo.toml` puts it in place,
//! a second one the stand-in for `libffi` that the `mpi` crate's default feature
//! needs:
//!
//! ```toml
//! [patch.crates-io]
//! mpi-sys = { path = "…/runtime/mpi-sys" } # or git = "…"
//! libffi = { path = "…/runtime/libffi" }
//! ```
//!
//! With one more line in the program its memory is made so that other ranks reach
//! it without a copy: `#[global_allocator] static HEAP: mpi::ffi::SharedHeap =
//! mpi::ffi::SharedHeap;`.
//!
//! What is here has the shape that bindgen gives to `mpi.h`: functions, types,
//! callbacks as `Option`s, integer constants as `u32` (`i32` where negative), and
//! the `RSMPI_` names of `mpi-sys` as extern statics and functions. Beyond that
//! the constants that bindgen cannot see (`MPI_COMM_WORLD`) are here as well, and
//! `MPI_Finalize` ends the job where a panic brought the program there.

#![allow(
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    reason = "the names are the standard's"
)]

mod constants;
mod ending;
mod rsmpi;

pub use constants::*;
pub use ending::MPI_Finalize; // goes before the one of `env`
pub use rsmpi::*;

pub use lariat::abi::abi_info::*;
pub use lariat::abi::attr::*;
pub use lariat::abi::buffer::*;
pub use lariat::abi::callback::*;
pub use lariat::abi::coll::*;
pub use lariat::abi::coll_neighbor::*;
pub use lariat::abi::coll_reduce::*;
pub use lariat::abi::comm::*;
pub use lariat::abi::datatype::*;
pub use lariat::abi::env::*;
pub use lariat::abi::errhandler::*;
pub use lariat::abi::external::*;
pub use lariat::abi::group::*;
pub use lariat::abi::info::*;
pub use lariat::abi::io::*;
pub use lariat::abi::io_data::*;
pub use lariat::abi::op::*;
pub use lariat::abi::pack::*;
pub use lariat::abi::partitioned::*;
pub use lariat::abi::process::*;
pub use lariat::abi::pt2pt::*;
pub use lariat::abi::request::*;
pub use lariat::abi::rma::*;
pub use lariat::abi::status::*;
pub use lariat::abi::tool::*;
pub use lariat::abi::topo::*;
pub use lariat::abi::types::*;

pub use lariat::memory::SharedHeap;
