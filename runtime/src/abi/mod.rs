//! The C ABI: a file per chapter of the MPI standard. It checks and converts
//! arguments and results; protocols and algorithms are in the modules below.
//!
//! # How to write a call
//! Every function of the standard ABI stands in one of the chapter files, with
//! its C signature. One that is not finished ends in `;` and fails with
//! `MPI_ERR_UNSUPPORTED_OPERATION`. To finish it, replace the `;` by a body of
//! type `Result<()>` that makes checked values of its arguments ([`arg`]), and
//! calls `object`, `pml`, `coll` or `topo`:
//!
//! ```text
//! export! {
//!     /// Section 3.2.1, blocking send.
//!     fn MPI_Send, fn MPI_Send_c(
//!         buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype,
//!         dest: c_int, tag: c_int, comm: MPI_Comm,
//!     ) on comm {
//!         let comm = arg::comm(comm)?;
//!         let Some(dest) = arg::dest(comm, dest)? else { return Ok(()) };
//!         …
//!     }
//! }
//! ```
//!
//! - `fn MPI_Send, fn MPI_Send_c` makes both the `int` and the large-count form;
//!   `c_int | MPI_Count` gives the two types of a parameter. The body is
//!   compiled for both: `arg::count`, `arg::counts`, [`arg::put_count`] and their
//!   like take either.
//! - `on comm` names the parameter whose error handler is raised: a `MPI_Comm`,
//!   `MPI_Win`, `MPI_File`, `MPI_Session`, or a pointer to one. Without it the
//!   error is about no object.
//! - `at ANY_TIME` (after `on`) allows the call before `MPI_Init` and after
//!   `MPI_Finalize`.
//! - The macro adds the export `PMPI_X`, the weak alias `MPI_X`, and the entry
//!   ([`entry`]): the check that MPI is up, the library lock, the publishing of
//!   the call's name, the error handler.
//! - The body runs inside one `unsafe` block: whoever calls a C function vouches
//!   for the pointers it passes (MPI 5.0, section 2.5 and each call's own rules).
//!   Nothing but `arg` (and `pointer` behind it) dereferences them. rustfmt does not reach in: keep bodies
//!   at 3 to 8 lines and below 100 columns.
//! - Functions that return something else than an error code stand in
//!   `export_value!`.
//! - The three forms of a collective are one declaration: see [`coll_form`].
//!
//! After finishing a call, run `LARIAT_BLESS=1 cargo test -p lariat --test
//! abi_calls` to renew `docs/calls.md`.
#![allow(
    non_snake_case,
    non_camel_case_types,
    reason = "the names are the standard's"
)]
#![allow(
    clippy::missing_safety_doc,
    clippy::too_many_arguments,
    reason = "what a caller must keep is in the standard's text"
)]

#[macro_use]
mod export;
#[macro_use]
mod coll_form;
pub mod arg;
pub mod callback;
pub mod consts;
mod convert;
mod early;
pub mod entry;
mod io_arg;
mod message;
mod number;
mod outcome;
pub mod panic;
mod pointer;
mod prelude;
mod rma_arg;
mod tool_arg;
mod topo_arg;
mod type_arg;
pub mod types;

pub mod abi_info;
pub mod attr;
pub mod buffer;
pub mod coll;
mod coll_alias;
mod coll_check;
pub mod coll_neighbor;
pub mod coll_reduce;
pub mod comm;
pub mod datatype;
pub mod env;
pub mod errhandler;
pub mod external;
pub mod group;
pub mod info;
pub mod io;
pub mod io_data;
pub mod op;
pub mod over;
pub mod pack;
pub mod partitioned;
pub mod process;
pub mod pt2pt;
pub mod removed;
pub mod request;
pub mod rma;
pub mod status;
pub mod tool;
pub mod topo;
