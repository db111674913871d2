//! Making communicators (MPI 5.0, sections 7.4 and 7.6): what of chapter 7 needs
//! messages.
//!
//! Members agree on a context id: one of them takes it from the job's counter
//! ([`context`]) and tells the others ([`talk`]), over the parent's collective
//! context. A communicator of one member is made without a message.
//!
//! [`intra`] makes intracommunicators, [`split`] too, by color or by hardware;
//! [`inter`] makes intercommunicators and merges them; [`connect`] makes those whose
//! sides meet for the first time, also of processes of several jobs, and [`bridges`]
//! keeps what these talk over ([`network`]: where jobs have several hosts); [`idup`] is the
//! nonblocking duplicate.

mod alike;
pub mod bridges;
pub mod connect;
mod context;
mod hardware;
pub mod idup;
pub mod inter;
pub mod intra;
mod network;
mod process;
mod sides;
pub mod split;
pub mod split_type;
mod talk;

use crate::error::Result;
use crate::handle::Raw;
use crate::object::comm::{self, Comm};
use crate::object::errhandler::Handler;
use crate::object::group::{self, Group, Proc};
use crate::object::info::{self, Info};

/// A context id that nobody else in the job has, for an object that is no
/// communicator of the program's and whose processes are all in `parent`.
///
/// # Errors
/// All are used up.
pub fn take_context_for(parent: &Comm) -> Result<comm::ContextId> {
    context::take_for(parent, 1)
}

/// This process, in the job.
///
/// # Errors
/// The job is not joined.
fn me() -> Result<Proc> {
    match group::here() {
        Some((me, _)) => Ok(me),
        None => crate::fail!(OTHER, "MPI is not initialized"),
    }
}

/// Hints that a communicator may have, all false at first (MPI 5.0, section
/// 7.4.4). Others are ignored.
const HINTS: [&std::ffi::CStr; 5] = [
    c"mpi_assert_no_any_tag",
    c"mpi_assert_no_any_source",
    c"mpi_assert_exact_length",
    c"mpi_assert_allow_overtaking",
    c"mpi_assert_strict_persistent_collective_ordering",
];

/// Takes over those hints of `given` that communicators have.
pub fn set_hints(comm: &Comm, given: &Info) {
    let mut info = comm.info.borrow_mut();
    for key in HINTS {
        if let Some(value) = given.get(key)
            && (value == c"true" || value == c"false")
        {
            info.set(key, value);
        }
    }
}

/// `MPI_Comm_get_info`: every hint that communicators have, with its value here.
#[must_use]
pub fn hints(comm: &Comm) -> Info {
    let mut info = comm.info.borrow().clone();
    for key in HINTS {
        if info.get(key).is_none() {
            info.set(key, c"false");
        }
    }
    info::tell_memory_kinds(&mut info);
    info
}

/// Names a communicator of which this process is a member, with the error
/// handler of its parent.
fn finish(comm: Comm, handler: Handler) -> Result<Raw> {
    comm.errhandler.replace(handler);
    comm::insert(comm)
}

/// Checks that `group` is part of `whole`.
fn subset(group: &Group, whole: &Group, label: &str) -> Result<()> {
    let stranger = (0..).zip(group.iter()).find(|(_, proc)| !whole.has(*proc));
    if let Some((rank, proc)) = stranger {
        crate::fail!(
            GROUP,
            "rank {rank} of group is process {}, which is not in {label}",
            group::rank_in_world(proc)
        );
    }
    Ok(())
}
