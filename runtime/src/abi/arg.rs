//! Raw C values become checked types here, in one step, and are never checked
//! again. Errors name the argument, its value, and what would be right.
//!
//! Functions that take a pointer (in `pointer`) are `unsafe`: the caller of the C
//! function vouches that it is null or good for what the standard says of it.

pub use super::io_arg::*;
pub use super::number::Number;
pub use super::pointer::*;
pub use super::tool_arg::*;
pub use super::type_arg::*;

use super::consts::{MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_PROC_NULL, MPI_ROOT};
use super::consts::{
    MPI_THREAD_FUNNELED, MPI_THREAD_MULTIPLE, MPI_THREAD_SERIALIZED, MPI_THREAD_SINGLE,
};
use super::types::{MPI_Comm, MPI_Info};
use crate::error::Result;
use crate::fail;
use crate::object::comm::{self, Comm};
use crate::object::group;
use crate::object::info::{self, Info};
use std::ffi::c_int;
use std::sync::Arc;

/// The largest tag (`MPI_TAG_UB`).
pub const TAG_UB: c_int = c_int::MAX;

/// The communicator that a handle names. See [`comm::get`] for how long it lives.
///
/// # Errors
/// `MPI_ERR_COMM`.
#[inline]
pub fn comm(comm: MPI_Comm) -> Result<&'static Arc<Comm>> {
    comm::get(comm.0)
}

/// Whose rank, and where, for a last word: `MPI_Abort` takes what it gets.
pub fn place(comm: MPI_Comm) -> (u32, String) {
    let rank = group::own_rank();
    let label = comm::find(comm.0).map_or_else(
        || format!("{:#x}, which is no communicator,", comm.0),
        |comm| comm.label(),
    );
    (rank, label)
}

/// A level of thread support.
///
/// # Errors
/// `MPI_ERR_ARG`.
pub fn thread_level(level: c_int) -> Result<c_int> {
    match level {
        MPI_THREAD_SINGLE | MPI_THREAD_FUNNELED | MPI_THREAD_SERIALIZED | MPI_THREAD_MULTIPLE => {
            Ok(level)
        }
        _ => fail!(
            ARG,
            "required is {level}, which is none of the MPI_THREAD_ constants"
        ),
    }
}

/// What an info object says; nothing for `MPI_INFO_NULL`.
///
/// # Errors
/// `MPI_ERR_INFO`.
pub fn hints(info: MPI_Info) -> Result<Info> {
    info::hints(info.0)
}

/// A number of elements: not negative.
///
/// # Errors
/// `MPI_ERR_COUNT`.
#[inline]
pub fn count(count: impl Number) -> Result<usize> {
    match usize::try_from(count.wide()) {
        Ok(count) => Ok(count),
        Err(_) => bad_count(count.wide()),
    }
}

#[cold]
fn bad_count(count: i64) -> Result<usize> {
    fail!(COUNT, "count {count} is negative")
}

/// A number of whatever `what` names (`incount`, `ndims`): not negative.
///
/// # Errors
/// `MPI_ERR_ARG`.
#[inline]
pub fn number(value: impl Number, what: &str) -> Result<usize> {
    let value = value.wide();
    match usize::try_from(value) {
        Ok(value) => Ok(value),
        Err(_) => fail!(ARG, "{what} {value} is negative"),
    }
}

/// A destination: a rank of the peers, or `None` for `MPI_PROC_NULL`.
///
/// # Errors
/// `MPI_ERR_RANK`.
#[inline]
pub fn dest(comm: &Comm, rank: c_int) -> Result<Option<u32>> {
    match u32::try_from(rank) {
        Ok(rank) if rank < comm.peers().size() => Ok(Some(rank)),
        _ if rank == MPI_PROC_NULL => Ok(None),
        _ => bad_rank(comm, "dest", rank),
    }
}

/// Where a message may come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// `MPI_PROC_NULL`.
    Null,
    /// `MPI_ANY_SOURCE`.
    Any,
    /// A rank of the peers.
    Rank(u32),
}

impl Source {
    /// As the pml takes it, where [`Source::Null`] has been dealt with.
    #[inline]
    #[must_use]
    pub fn rank(self) -> Option<u32> {
        match self {
            Source::Rank(rank) => Some(rank),
            Source::Any | Source::Null => None,
        }
    }
}

/// The source of a message.
///
/// # Errors
/// `MPI_ERR_RANK`.
#[inline]
pub fn source(comm: &Comm, rank: c_int) -> Result<Source> {
    match u32::try_from(rank) {
        Ok(rank) if rank < comm.peers().size() => Ok(Source::Rank(rank)),
        _ if rank == MPI_ANY_SOURCE => Ok(Source::Any),
        _ if rank == MPI_PROC_NULL => Ok(Source::Null),
        _ => bad_rank(comm, "source", rank),
    }
}

#[cold]
fn bad_rank<T>(comm: &Comm, what: &str, rank: c_int) -> Result<T> {
    let (size, label) = (comm.peers().size(), comm.label());
    let name = match rank {
        MPI_ANY_SOURCE => " (MPI_ANY_SOURCE)",
        _ => "",
    };
    fail!(
        RANK,
        "{what} is {rank}{name}, but {label} has ranks 0 to {}",
        size.saturating_sub(1)
    )
}

/// The tag of a message to send.
///
/// # Errors
/// `MPI_ERR_TAG`.
#[inline]
pub fn tag(tag: c_int) -> Result<i32> {
    if tag < 0 {
        return bad_tag(tag, "0 to MPI_TAG_UB");
    }
    Ok(tag)
}

/// The tag of a message to receive: `None` is `MPI_ANY_TAG`.
///
/// # Errors
/// `MPI_ERR_TAG`.
#[inline]
pub fn recv_tag(tag: c_int) -> Result<Option<i32>> {
    match tag {
        0.. => Ok(Some(tag)),
        MPI_ANY_TAG => Ok(None),
        _ => bad_tag(tag, "MPI_ANY_TAG or 0 to MPI_TAG_UB"),
    }
}

#[cold]
fn bad_tag<T>(tag: c_int, wanted: &str) -> Result<T> {
    fail!(TAG, "tag is {tag}, but must be {wanted} ({TAG_UB})")
}

/// The root of a collective (section 6.2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Root {
    /// A rank: of the group, or of the remote group of an intercommunicator.
    Rank(u32),
    /// `MPI_ROOT`: this process, in the root group of an intercommunicator.
    Root,
    /// `MPI_PROC_NULL`: in the root group of an intercommunicator, without a part.
    Null,
}

/// The root of a collective.
///
/// # Errors
/// `MPI_ERR_ROOT`.
#[inline]
pub fn root(comm: &Comm, root: c_int) -> Result<Root> {
    match u32::try_from(root) {
        Ok(rank) if rank < comm.peers().size() => Ok(Root::Rank(rank)),
        _ if comm.inter.is_some() && root == MPI_ROOT => Ok(Root::Root),
        _ if comm.inter.is_some() && root == MPI_PROC_NULL => Ok(Root::Null),
        _ => bad_root(comm, root),
    }
}

#[cold]
fn bad_root(comm: &Comm, root: c_int) -> Result<Root> {
    let (size, label) = (comm.peers().size(), comm.label());
    fail!(
        ROOT,
        "root is {root}, but {label} has ranks 0 to {}",
        size.saturating_sub(1)
    )
}
