//! Stands in for crates.io's `libffi` below the `mpi` crate, whose feature
//! `user-operations` makes C callbacks (`MPI_User_function`) out of Rust closures.
//! The real one runs configure, make and a C compiler; this one is Rust alone:
//! a number of functions that differ only in the slot of a table they look into.
//!
//! It offers just what `mpi` 0.8 uses, under the same names: [`middle::Cif`],
//! [`middle::Type`], [`middle::Closure`] and [`low::ffi_cif`]. A callback has four
//! pointers as parameters and no result; anything else is refused by a panic that
//! says so, and so is the closure after the last free slot.

pub mod low;
pub mod middle;
mod trampoline;
