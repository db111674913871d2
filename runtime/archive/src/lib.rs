//! All that the runtime exports, in an archive. `scripts/archive` makes `libmpi_abi.a` of it,
//! in which MPI's names alone can be seen.
//!
//! It is a package of its own so that who builds the shared library or the drop-in does not
//! build it.

#![no_std]

extern crate lariat;

/// What the library's own objects are made of.
#[global_allocator]
static MEMORY: lariat::exhausted::Allocator = lariat::exhausted::Allocator;
