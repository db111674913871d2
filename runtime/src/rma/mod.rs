//! Windows with memory that all members reach by loads and stores (MPI 5.0,
//! chapter 12): those of `MPI_Win_allocate_shared` and `MPI_Win_allocate`.
//!
//! Every member maps every other member's part, so that an access is a copy, and
//! is over when its call returns; what is left to synchronization is to let
//! processes wait for one another.
//!
//! ```text
//! create.rs    making and freeing: who has what, agreed upon by all members
//! memory.rs    where the pages come from, and how peers reach them
//! control.rs   the words in these pages that members synchronize by
//! active.rs    fence; post, start, complete, wait
//! passive.rs   lock, unlock, flush
//! access.rs    which target an access means, and whether it is allowed
//! transfer.rs  put and get
//! accumulate.rs  accumulate, fetch-and-op, compare-and-swap
//! hints.rs     info keys
//! ```
//!
//! The words lie at the beginning of the memory that rank 0 has given. Nobody
//! sleeps on them: waits are the `pml`'s, and whoever changes a word wakes those
//! who may wait for it.

pub mod access;
pub mod accumulate;
pub mod active;
mod control;
pub mod create;
pub mod hints;
mod memory;
pub mod passive;
pub mod transfer;

use crate::object::win::Win;
use crate::pml::{self, WaitFor};

/// Wakes all other members, and other threads of this rank, after a word was
/// changed that they may wait for.
fn wake(win: &Win) {
    let me = win.comm.group.proc(win.comm.rank);
    for peer in win.comm.group.iter().filter(|peer| Some(*peer) != me) {
        pml::wake(peer);
    }
    pml::tell_threads();
}

/// What a wait for words of the window is reported as: for nobody in particular.
fn waits_for(win: &Win) -> WaitFor {
    WaitFor {
        context: win.comm.context.0,
        ..WaitFor::NOTHING
    }
}
