//! Lariat's runtime: MPI for ranks that share a machine.
//!
//! The way down: `abi` (the C functions, no protocol) → `coll`, `topo`, `rma`, `file` → `pml`
//! (point-to-point) → `btl_shm` (bytes between two processes) → kernel.
//! `object`, `handle`, `lock` and `error` stand beside it. Nothing calls upward.

pub mod abi;
pub mod clock;
pub mod coll;
pub mod comm_make;
pub mod death;
pub mod dynamic;
pub mod error;
pub mod exhausted;
pub mod file;
pub mod handle;
mod installed;
pub mod job;
pub mod leaks;
pub mod lifecycle;
pub mod lock;
pub mod machine;
pub mod membership;
pub mod memory;
pub mod object;
pub mod pml;
pub mod profile;
pub mod report;
pub mod request;
pub mod rma;
pub mod stack;
mod streams;
pub mod tool;
pub mod topo;
pub mod trace;
pub mod warning;
