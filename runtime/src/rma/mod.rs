//! One-sided communication (MPI 5.0, chapter 12).
//!
//! Where a member maps another member's memory, an access is a copy, and is over when its
//! call returns; what is left to synchronization is to let processes wait for one another.
//! That is so for `MPI_Win_allocate` and `MPI_Win_allocate_shared`, and for memory of the
//! program's that lies in the job's heap file. Other memory is copied by the transport,
//! and what that does not reach, as on another host, is accessed by messages, which the target
//! serves whenever it makes progress.
//!
//! ```text
//! create.rs    making and freeing: who has what, agreed upon by all members
//! existing.rs  … over memory that the program has
//! expose.rs    how peers reach such memory
//! memory.rs    where pages of the library's come from, and how peers reach them
//! control.rs   the words in these pages that members synchronize by
//! active.rs    fence; post, start, complete, wait
//! passive.rs   lock, unlock, flush
//! access.rs    which target an access means, and whether it is allowed
//! attach.rs table.rs  what is attached to dynamic windows
//! direct.rs    small accesses to mapped memory: the short way
//! transfer.rs  put and get
//! accumulate.rs  accumulate, fetch-and-op, compare-and-swap
//! elements.rs  elements of a type, and copies of them
//! far.rs       all accesses to memory that is not mapped here
//! runs.rs update.rs  … where it lies, and how elements of it change
//! ask.rs pending.rs serve.rs  … by messages: what they say, the origin, the target
//! mailbox.rs slot.rs  … that a target serves at once
//! remote.rs    what a window keeps for that
//! hints.rs     info keys
//! common.rs    memory in common without a window, for other parts of the library
//! number.rs    a number in common, of processes on any hosts
//! ```
//!
//! The words lie in memory that rank 0 has given, or of members on several hosts the first of
//! each, for those of its host. Nobody sleeps on them: waits are the
//! `pml`'s, and whoever changes a word wakes those who may wait for it.

pub mod access;
pub mod accumulate;
pub mod active;
mod ask;
pub mod attach;
pub mod common;
mod control;
pub mod create;
pub mod direct;
mod elements;
pub mod existing;
mod expose;
pub mod far;
pub mod hints;
mod mailbox;
mod memory;
pub mod number;
pub mod passive;
mod pending;
mod remote;
mod runs;
pub mod serve;
mod slot;
mod table;
pub mod transfer;
mod update;

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
