//! `libmpi_abi.so`: all that the runtime exports, linked into one shared library.
//!
//! It is a package of its own so that a Rust program which has the runtime in
//! itself (through `mpi-sys`) never builds or links the shared library.
//!
//! The weak `MPI_X` names are defined in assembly (`runtime/src/abi/export.rs`),
//! so rustc does not know of them and would hide them: what a `cdylib` exports is
//! a list of the names that rustc knows, written into a version script. GNU ld
//! refuses a second script beside that one. But the list takes names as they are,
//! and a version script takes a `*` in a name for a pattern. So a symbol of that
//! name puts the pattern into the list, for every linker.

#![no_std]

extern crate lariat;

/// What the library's own objects are made of.
#[global_allocator]
static MEMORY: lariat::exhausted::Allocator = lariat::exhausted::Allocator;

/// Exports everything whose name begins with `MPI_`. The symbol itself, which
/// nobody needs, is hidden.
#[unsafe(export_name = "MPI_*")]
static WEAK_NAMES: u8 = 0;

core::arch::global_asm!(r#".hidden "MPI_*""#);
