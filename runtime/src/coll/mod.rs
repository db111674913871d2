//! Collective operations (MPI 5.0, chapter 6 and section 8.6).
//!
//! A [`Call`] is one operation with its checked arguments. It is carried out at once
//! ([`run`]), as a request ([`start`]), or as a request that can be started again and
//! again ([`prepare`]).
//!
//! | file | what it does |
//! |---|---|
//! | `args` | the operations and their arguments |
//! | `entry` | the three ways to carry out a call |
//! | `direct` …, `messages`, `board`, `bulletin` | blocking operations without a plan |
//! | `mapped` | large blocking reductions, straight from the peers' buffers |
//! | `plan`, `block`, `operands` | what a plan is, and the buffers in it |
//! | `build`, `intra`, `inter`, `neighbor` | from a call to a plan |
//! | `by_host`, `by_host_reductions` | plans over several hosts |
//! | `choose` | which algorithm |
//! | `barrier` … `scan` | the algorithms: each writes the steps of a plan |
//! | `execution`, `memory` | carries a plan out, over [`crate::pml`] |
//! | `schedule` | plans that requests stand for |
//! | `check`, `compare` | whether ranks differ in what they call |
//! | `buffers` | whether buffers of requests stay as they are |

mod allgather;
mod allreduce;
mod alltoall;
mod args;
mod barrier;
mod bcast;
mod block;
mod board;
mod buffers;
mod build;
mod bulletin;
mod by_host;
mod by_host_reductions;
mod check;
mod choose;
mod compare;
mod direct;
mod direct_parts;
mod direct_reductions;
mod entry;
mod execution;
mod gather;
mod inter;
mod intra;
mod mapped;
mod memory;
mod messages;
mod neighbor;
mod operands;
mod plan;
mod reduce;
mod reduce_scatter;
mod scan;
mod schedule;
#[cfg(test)]
mod simulate;
#[cfg(test)]
mod tests;

pub use args::{Call, Ints, Parts, Reduction, Root, Shape};
pub use entry::{allgather_bytes, alltoall_bytes, prepare, run, start};
pub use schedule::start_looking;

/// Which algorithm each collective takes among so many ranks, by bytes: a table for
/// `--report-protocols`.
#[must_use]
pub fn choices(ranks: u32) -> wireup::report::Rows {
    choose::table(ranks)
}
