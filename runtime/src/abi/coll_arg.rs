//! The arguments of collective operations, made into a [`Call`] and carried out
//! in one of the three ways. A function per operation, which the blocking,
//! nonblocking and persistent chapters share.
//!
//! Arguments that the standard says are not significant at this rank are not
//! looked at.

use super::arg::{self, Number};
use super::coll_alias as alias;
use super::coll_check::{
    Integer, Part, RECEIVE, SEND, buffer, buffer_or_in_place, counts, equal, is_in_place,
    no_groups, nowhere_in_place, peers, reduction, root, typed, types, varying, within,
};
use super::types::{MPI_Comm, MPI_Datatype, MPI_Info, MPI_Op, MPI_Request};
use crate::coll::{self, Call, Root};
use crate::error::{Error, Result};
use crate::fail;
use crate::object::comm::Comm;
use crate::object::info;
use crate::pml::{Buffer, collective};
use crate::topo;
use std::ffi::{c_int, c_void};
use std::sync::Arc;
use wireup::collective::Kind;

/// In which way an operation is carried out.
#[derive(Clone, Copy, Debug)]
pub enum How {
    /// Now.
    Run,
    /// As a request.
    Start(*mut MPI_Request),
    /// As a persistent request.
    Prepare(MPI_Info, *mut MPI_Request),
}

/// Carries out what `body` makes of the arguments of a collective of this `kind` or its
/// form by `how`. Arguments that are wrong make a collective that failed, so that
/// members whose arguments are right do not wait for this one.
#[inline(always)]
#[allow(
    clippy::inline_always,
    reason = "each exported function takes one of the ways only"
)]
fn checked(
    comm: &Comm,
    kind: Kind,
    how: How,
    body: impl FnOnce(Kind) -> Result<Result<()>>,
) -> Result<()> {
    let kind = match how {
        How::Run => kind,
        How::Start(_) => kind.nonblocking(),
        How::Prepare(..) => kind.persistent(),
    };
    match body(kind) {
        Ok(done) => done,
        Err(error) => refused(comm, kind, error),
    }
}

#[cold]
#[inline(never)]
fn refused(comm: &Comm, kind: Kind, error: Error) -> Result<()> {
    collective::refuse(comm, kind, &error);
    Err(error)
}

/// How the operation went, once its arguments are right.
///
/// # Safety
/// The buffers in `call` are good as long as the standard says; so is the
/// request.
#[inline(always)]
#[allow(
    clippy::inline_always,
    reason = "each exported function takes one of the ways only"
)]
unsafe fn perform(comm: &Arc<Comm>, kind: Kind, call: &Call<'_>, how: How) -> Result<Result<()>> {
    // SAFETY: the caller's promise.
    unsafe {
        match how {
            How::Run => Ok(coll::run(comm, kind, call)),
            How::Start(request) => {
                present(request)?;
                let started = coll::start(comm, kind, call);
                Ok(started.and_then(|raw| arg::put(request, "request", MPI_Request(raw))))
            }
            How::Prepare(hints, request) => {
                info::hints(hints.0)?;
                present(request)?;
                let made = coll::prepare(comm, kind, call);
                Ok(made.and_then(|raw| arg::put(request, "request", MPI_Request(raw))))
            }
        }
    }
}

/// Somewhere to put a request, before it is made.
fn present(request: *mut MPI_Request) -> Result<()> {
    if request.is_null() {
        fail!(ARG, "request is a null pointer");
    }
    Ok(())
}

/// Section 6.3.
///
/// # Safety
/// The arguments are good for what the standard says of the C function.
///
/// # Errors
/// An argument is wrong, or a message failed.
#[inline(always)]
#[allow(
    clippy::inline_always,
    reason = "each exported function takes one of the ways only"
)]
pub unsafe fn barrier(comm: MPI_Comm, how: How) -> Result<()> {
    let comm = arg::comm(comm)?;
    checked(comm, Kind::BARRIER, how, |kind| {
        // SAFETY: the caller's promise.
        unsafe { perform(comm, kind, &Call::Barrier, how) }
    })
}

/// Section 6.4.
///
/// # Safety
/// The arguments are good for what the standard says of the C function.
///
/// # Errors
/// An argument is wrong, or a message failed.
#[inline]
pub unsafe fn bcast(
    addr: *mut c_void,
    count: impl Number,
    datatype: MPI_Datatype,
    at: c_int,
    comm: MPI_Comm,
    how: How,
) -> Result<()> {
    let comm = arg::comm(comm)?;
    checked(comm, Kind::BCAST, how, |kind| {
        let (root, _) = root(comm, at)?;
        // SAFETY: the caller's promise.
        unsafe {
            let buffer = match root {
                Root::Beside => Buffer::bytes(std::ptr::null(), 0),
                _ => buffer("buffer", addr, count, datatype)?,
            };
            perform(comm, kind, &Call::Bcast(buffer, root), how)
        }
    })
}

/// Section 6.5, equal parts.
///
/// # Safety
/// The arguments are good for what the standard says of the C function.
///
/// # Errors
/// An argument is wrong, or a message failed.
#[inline]
pub unsafe fn gather(
    sendbuf: *const c_void,
    sendcount: impl Number,
    sendtype: MPI_Datatype,
    recvbuf: *mut c_void,
    recvcount: impl Number,
    recvtype: MPI_Datatype,
    at: c_int,
    comm: MPI_Comm,
    how: How,
) -> Result<()> {
    let comm = arg::comm(comm)?;
    checked(comm, Kind::GATHER, how, |kind| {
        let (root, here) = root(comm, at)?;
        // SAFETY: the caller's promise.
        unsafe {
            let send = match (root, here) {
                (Root::Here | Root::Beside, _) => None,
                (_, true) => buffer_or_in_place(comm, "sendbuf", sendbuf, sendcount, sendtype)?,
                (_, false) => Some(buffer("sendbuf", sendbuf, sendcount, sendtype)?),
            };
            let receive = match here {
                true => Some(equal("recvbuf", peers(comm), recvbuf, recvcount, recvtype)?),
                false => None,
            };
            alias::buffer_and_parts(send.as_ref(), receive.as_ref(), peers(comm))?;
            perform(comm, kind, &Call::Gather(send, receive, root), how)
        }
    })
}

/// Section 6.5, varying parts.
///
/// # Safety
/// The arguments are good for what the standard says of the C function.
///
/// # Errors
/// An argument is wrong, or a message failed.
#[inline]
pub unsafe fn gatherv<C: Integer, D: Integer>(
    sendbuf: *const c_void,
    sendcount: impl Number,
    sendtype: MPI_Datatype,
    recvbuf: *mut c_void,
    recvcounts: *const C,
    rdispls: *const D,
    recvtype: MPI_Datatype,
    at: c_int,
    comm: MPI_Comm,
    how: How,
) -> Result<()> {
    let comm = arg::comm(comm)?;
    checked(comm, Kind::GATHERV, how, |kind| {
        let (root, here) = root(comm, at)?;
        // SAFETY: the caller's promise.
        unsafe {
            let send = match (root, here) {
                (Root::Here | Root::Beside, _) => None,
                (_, true) => buffer_or_in_place(comm, "sendbuf", sendbuf, sendcount, sendtype)?,
                (_, false) => Some(buffer("sendbuf", sendbuf, sendcount, sendtype)?),
            };
            let receive = match here {
                true => Some(varying(
                    RECEIVE,
                    peers(comm),
                    recvbuf,
                    (recvcounts, rdispls),
                    recvtype,
                )?),
                false => None,
            };
            alias::buffer_and_parts(send.as_ref(), receive.as_ref(), peers(comm))?;
            if let Some(receive) = &receive {
                alias::received(receive, peers(comm))?;
            }
            perform(comm, kind, &Call::Gatherv(send, receive, root), how)
        }
    })
}

/// Section 6.6, equal parts.
///
/// # Safety
/// The arguments are good for what the standard says of the C function.
///
/// # Errors
/// An argument is wrong, or a message failed.
#[inline]
pub unsafe fn scatter(
    sendbuf: *const c_void,
    sendcount: impl Number,
    sendtype: MPI_Datatype,
    recvbuf: *mut c_void,
    recvcount: impl Number,
    recvtype: MPI_Datatype,
    at: c_int,
    comm: MPI_Comm,
    how: How,
) -> Result<()> {
    let comm = arg::comm(comm)?;
    checked(comm, Kind::SCATTER, how, |kind| {
        let (root, here) = root(comm, at)?;
        // SAFETY: the caller's promise.
        unsafe {
            let receive = match (root, here) {
                (Root::Here | Root::Beside, _) => None,
                (_, true) => buffer_or_in_place(comm, "recvbuf", recvbuf, recvcount, recvtype)?,
                (_, false) => Some(buffer("recvbuf", recvbuf, recvcount, recvtype)?),
            };
            let send = match here {
                true => Some(equal("sendbuf", peers(comm), sendbuf, sendcount, sendtype)?),
                false => None,
            };
            alias::buffer_and_parts(receive.as_ref(), send.as_ref(), peers(comm))?;
            perform(comm, kind, &Call::Scatter(send, receive, root), how)
        }
    })
}

/// Section 6.6, varying parts.
///
/// # Safety
/// The arguments are good for what the standard says of the C function.
///
/// # Errors
/// An argument is wrong, or a message failed.
#[inline]
pub unsafe fn scatterv<C: Integer, D: Integer>(
    sendbuf: *const c_void,
    sendcounts: *const C,
    sdispls: *const D,
    sendtype: MPI_Datatype,
    recvbuf: *mut c_void,
    recvcount: impl Number,
    recvtype: MPI_Datatype,
    at: c_int,
    comm: MPI_Comm,
    how: How,
) -> Result<()> {
    let comm = arg::comm(comm)?;
    checked(comm, Kind::SCATTERV, how, |kind| {
        let (root, here) = root(comm, at)?;
        // SAFETY: the caller's promise.
        unsafe {
            let receive = match (root, here) {
                (Root::Here | Root::Beside, _) => None,
                (_, true) => buffer_or_in_place(comm, "recvbuf", recvbuf, recvcount, recvtype)?,
                (_, false) => Some(buffer("recvbuf", recvbuf, recvcount, recvtype)?),
            };
            let send = match here {
                true => Some(varying(
                    SEND,
                    peers(comm),
                    sendbuf,
                    (sendcounts, sdispls),
                    sendtype,
                )?),
                false => None,
            };
            alias::buffer_and_parts(receive.as_ref(), send.as_ref(), peers(comm))?;
            perform(comm, kind, &Call::Scatterv(send, receive, root), how)
        }
    })
}

/// Section 6.7, equal parts.
///
/// # Safety
/// The arguments are good for what the standard says of the C function.
///
/// # Errors
/// An argument is wrong, or a message failed.
#[inline]
pub unsafe fn allgather(
    sendbuf: *const c_void,
    sendcount: impl Number,
    sendtype: MPI_Datatype,
    recvbuf: *mut c_void,
    recvcount: impl Number,
    recvtype: MPI_Datatype,
    comm: MPI_Comm,
    how: How,
) -> Result<()> {
    let comm = arg::comm(comm)?;
    checked(comm, Kind::ALLGATHER, how, |kind| {
        // SAFETY: the caller's promise.
        unsafe {
            let send = buffer_or_in_place(comm, "sendbuf", sendbuf, sendcount, sendtype)?;
            let receive = equal("recvbuf", peers(comm), recvbuf, recvcount, recvtype)?;
            alias::buffer_and_parts(send.as_ref(), Some(&receive), peers(comm))?;
            perform(comm, kind, &Call::Allgather(send, receive), how)
        }
    })
}

/// Section 6.7, varying parts.
///
/// # Safety
/// The arguments are good for what the standard says of the C function.
///
/// # Errors
/// An argument is wrong, or a message failed.
#[inline]
pub unsafe fn allgatherv<C: Integer, D: Integer>(
    sendbuf: *const c_void,
    sendcount: impl Number,
    sendtype: MPI_Datatype,
    recvbuf: *mut c_void,
    recvcounts: *const C,
    rdispls: *const D,
    recvtype: MPI_Datatype,
    comm: MPI_Comm,
    how: How,
) -> Result<()> {
    let comm = arg::comm(comm)?;
    checked(comm, Kind::ALLGATHERV, how, |kind| {
        // SAFETY: the caller's promise.
        unsafe {
            let send = buffer_or_in_place(comm, "sendbuf", sendbuf, sendcount, sendtype)?;
            let receive = varying(
                RECEIVE,
                peers(comm),
                recvbuf,
                (recvcounts, rdispls),
                recvtype,
            )?;
            alias::buffer_and_parts(send.as_ref(), Some(&receive), peers(comm))?;
            alias::received(&receive, peers(comm))?;
            perform(comm, kind, &Call::Allgather(send, receive), how)
        }
    })
}

/// Section 6.8, equal parts.
///
/// # Safety
/// The arguments are good for what the standard says of the C function.
///
/// # Errors
/// An argument is wrong, or a message failed.
#[inline]
pub unsafe fn alltoall(
    sendbuf: *const c_void,
    sendcount: impl Number,
    sendtype: MPI_Datatype,
    recvbuf: *mut c_void,
    recvcount: impl Number,
    recvtype: MPI_Datatype,
    comm: MPI_Comm,
    how: How,
) -> Result<()> {
    let comm = arg::comm(comm)?;
    checked(comm, Kind::ALLTOALL, how, |kind| {
        // SAFETY: the caller's promise.
        unsafe {
            let send = if is_in_place(sendbuf) {
                within(comm, "sendbuf")?;
                None
            } else {
                Some(equal("sendbuf", peers(comm), sendbuf, sendcount, sendtype)?)
            };
            let receive = equal("recvbuf", peers(comm), recvbuf, recvcount, recvtype)?;
            alias::parts(
                send.as_ref().map(|send| (send, peers(comm))),
                (&receive, peers(comm)),
            )?;
            perform(comm, kind, &Call::Alltoall(send, receive), how)
        }
    })
}

/// Section 6.8, varying parts.
///
/// # Safety
/// The arguments are good for what the standard says of the C function.
///
/// # Errors
/// An argument is wrong, or a message failed.
#[inline]
pub unsafe fn alltoallv<C: Integer, D: Integer>(
    sendbuf: *const c_void,
    sendcounts: *const C,
    sdispls: *const D,
    sendtype: MPI_Datatype,
    recvbuf: *mut c_void,
    recvcounts: *const C,
    rdispls: *const D,
    recvtype: MPI_Datatype,
    comm: MPI_Comm,
    how: How,
) -> Result<()> {
    let comm = arg::comm(comm)?;
    checked(comm, Kind::ALLTOALLV, how, |kind| {
        // SAFETY: the caller's promise.
        unsafe {
            let send = if is_in_place(sendbuf) {
                within(comm, "sendbuf")?;
                None
            } else {
                Some(varying(
                    SEND,
                    peers(comm),
                    sendbuf,
                    (sendcounts, sdispls),
                    sendtype,
                )?)
            };
            let receive = varying(
                RECEIVE,
                peers(comm),
                recvbuf,
                (recvcounts, rdispls),
                recvtype,
            )?;
            alias::parts(
                send.as_ref().map(|send| (send, peers(comm))),
                (&receive, peers(comm)),
            )?;
            perform(comm, kind, &Call::Alltoall(send, receive), how)
        }
    })
}

/// Section 6.8, parts of several types.
///
/// # Safety
/// The arguments are good for what the standard says of the C function.
///
/// # Errors
/// An argument is wrong, or a message failed.
#[inline]
pub unsafe fn alltoallw<C: Integer, D: Integer>(
    sendbuf: *const c_void,
    sendcounts: *const C,
    sdispls: *const D,
    sendtypes: *const MPI_Datatype,
    recvbuf: *mut c_void,
    recvcounts: *const C,
    rdispls: *const D,
    recvtypes: *const MPI_Datatype,
    comm: MPI_Comm,
    how: How,
) -> Result<()> {
    let comm = arg::comm(comm)?;
    checked(comm, Kind::ALLTOALLW, how, |kind| {
        // SAFETY: the caller's promise.
        unsafe {
            let n = peers(comm);
            let (source_types, target_types);
            let send = if is_in_place(sendbuf) {
                within(comm, "sendbuf")?;
                None
            } else {
                source_types = types(sendtypes, n, "sendtypes")?;
                Some(typed(SEND, sendbuf, (sendcounts, sdispls), &source_types)?)
            };
            let receive = {
                target_types = types(recvtypes, n, "recvtypes")?;
                typed(RECEIVE, recvbuf, (recvcounts, rdispls), &target_types)?
            };
            alias::parts(
                send.as_ref().map(|send| (send, peers(comm))),
                (&receive, peers(comm)),
            )?;
            perform(comm, kind, &Call::Alltoall(send, receive), how)
        }
    })
}

/// Section 6.9.1.
///
/// # Safety
/// The arguments are good for what the standard says of the C function.
///
/// # Errors
/// An argument is wrong, or a message failed.
#[inline]
pub unsafe fn reduce(
    sendbuf: *const c_void,
    recvbuf: *mut c_void,
    count: impl Number,
    datatype: MPI_Datatype,
    operation: MPI_Op,
    at: c_int,
    comm: MPI_Comm,
    how: How,
) -> Result<()> {
    let comm = arg::comm(comm)?;
    checked(comm, Kind::REDUCE, how, |kind| {
        let (root, here) = root(comm, at)?;
        // SAFETY: the caller's promise.
        unsafe {
            if root == Root::Beside {
                let nothing = Buffer::bytes(std::ptr::null(), 0);
                return perform(comm, kind, &Call::Bcast(nothing, root), how);
            }
            let count = arg::count(count)?;
            let part = match (root, here) {
                (Root::Here, _) => Part::Result,
                (_, true) => Part::Both,
                (_, false) => Part::Contribution,
            };
            let reduction =
                reduction(comm, part, sendbuf, (recvbuf, count), (datatype, operation))?;
            perform(comm, kind, &Call::Reduce(reduction, root), how)
        }
    })
}

/// Section 6.9.6.
///
/// # Safety
/// The arguments are good for what the standard says of the C function.
///
/// # Errors
/// An argument is wrong, or a message failed.
#[inline]
pub unsafe fn allreduce(
    sendbuf: *const c_void,
    recvbuf: *mut c_void,
    count: impl Number,
    datatype: MPI_Datatype,
    operation: MPI_Op,
    comm: MPI_Comm,
    how: How,
) -> Result<()> {
    let comm = arg::comm(comm)?;
    checked(comm, Kind::ALLREDUCE, how, |kind| {
        // SAFETY: the caller's promise.
        unsafe {
            let count = arg::count(count)?;
            let both = Part::Both;
            let reduction =
                reduction(comm, both, sendbuf, (recvbuf, count), (datatype, operation))?;
            perform(comm, kind, &Call::Allreduce(reduction), how)
        }
    })
}

/// Section 6.11.1.
///
/// # Safety
/// The arguments are good for what the standard says of the C function.
///
/// # Errors
/// An argument is wrong, or a message failed.
#[inline]
pub unsafe fn scan(
    sendbuf: *const c_void,
    recvbuf: *mut c_void,
    count: impl Number,
    datatype: MPI_Datatype,
    operation: MPI_Op,
    comm: MPI_Comm,
    how: How,
) -> Result<()> {
    let comm = arg::comm(comm)?;
    checked(comm, Kind::SCAN, how, |kind| {
        // SAFETY: the caller's promise.
        unsafe {
            no_groups(comm)?;
            let count = arg::count(count)?;
            let both = Part::Both;
            let reduction =
                reduction(comm, both, sendbuf, (recvbuf, count), (datatype, operation))?;
            perform(comm, kind, &Call::Scan(reduction), how)
        }
    })
}

/// Section 6.11.2.
///
/// # Safety
/// The arguments are good for what the standard says of the C function.
///
/// # Errors
/// An argument is wrong, or a message failed.
#[inline]
pub unsafe fn exscan(
    sendbuf: *const c_void,
    recvbuf: *mut c_void,
    count: impl Number,
    datatype: MPI_Datatype,
    operation: MPI_Op,
    comm: MPI_Comm,
    how: How,
) -> Result<()> {
    let comm = arg::comm(comm)?;
    checked(comm, Kind::EXSCAN, how, |kind| {
        // SAFETY: the caller's promise.
        unsafe {
            no_groups(comm)?;
            let count = arg::count(count)?;
            let both = Part::Both;
            let reduction =
                reduction(comm, both, sendbuf, (recvbuf, count), (datatype, operation))?;
            perform(comm, kind, &Call::Exscan(reduction), how)
        }
    })
}

/// Section 6.10.1.
///
/// # Safety
/// The arguments are good for what the standard says of the C function.
///
/// # Errors
/// An argument is wrong, or a message failed.
#[inline]
pub unsafe fn reduce_scatter_block(
    sendbuf: *const c_void,
    recvbuf: *mut c_void,
    count: impl Number,
    datatype: MPI_Datatype,
    operation: MPI_Op,
    comm: MPI_Comm,
    how: How,
) -> Result<()> {
    let comm = arg::comm(comm)?;
    checked(comm, Kind::REDUCE_SCATTER_BLOCK, how, |kind| {
        // SAFETY: the caller's promise.
        unsafe {
            let each = arg::count(count)?;
            let all = each.saturating_mul(comm.size() as usize);
            let (both, kinds) = (Part::Scattered(each), (datatype, operation));
            let mut reduction = reduction(comm, both, sendbuf, (recvbuf, all), kinds)?;
            reduction.count = each;
            perform(comm, kind, &Call::ReduceScatterBlock(reduction), how)
        }
    })
}

/// Section 6.10.2.
///
/// # Safety
/// The arguments are good for what the standard says of the C function.
///
/// # Errors
/// An argument is wrong, or a message failed.
#[inline]
pub unsafe fn reduce_scatter<C: Integer>(
    sendbuf: *const c_void,
    recvbuf: *mut c_void,
    recvcounts: *const C,
    datatype: MPI_Datatype,
    operation: MPI_Op,
    comm: MPI_Comm,
    how: How,
) -> Result<()> {
    let comm = arg::comm(comm)?;
    checked(comm, Kind::REDUCE_SCATTER, how, |kind| {
        // SAFETY: the caller's promise.
        unsafe {
            let ranks = comm.size() as usize;
            let each = counts(recvcounts, ranks, "recvcounts")?;
            let all = (0..ranks).fold(0, |sum: usize, i| sum.saturating_add(each.count(i)));
            let both = Part::Scattered(each.count(comm.rank as usize));
            let reduction = reduction(comm, both, sendbuf, (recvbuf, all), (datatype, operation))?;
            perform(comm, kind, &Call::ReduceScatter(reduction, each), how)
        }
    })
}

/// Section 8.6.1, equal parts.
///
/// # Safety
/// The arguments are good for what the standard says of the C function.
///
/// # Errors
/// An argument is wrong, or a message failed.
#[inline]
pub unsafe fn neighbor_allgather(
    sendbuf: *const c_void,
    sendcount: impl Number,
    sendtype: MPI_Datatype,
    recvbuf: *mut c_void,
    recvcount: impl Number,
    recvtype: MPI_Datatype,
    comm: MPI_Comm,
    how: How,
) -> Result<()> {
    let comm = arg::comm(comm)?;
    checked(comm, Kind::NEIGHBOR_ALLGATHER, how, |kind| {
        let (sources, _) = topo::neighbors(comm)?;
        // SAFETY: the caller's promise.
        unsafe {
            nowhere_in_place("sendbuf", sendbuf)?;
            let send = buffer("sendbuf", sendbuf, sendcount, sendtype)?;
            let receive = equal("recvbuf", sources.len(), recvbuf, recvcount, recvtype)?;
            alias::buffer_and_parts(Some(&send), Some(&receive), sources.len())?;
            perform(comm, kind, &Call::NeighborAllgather(send, receive), how)
        }
    })
}

/// Section 8.6.1, varying parts.
///
/// # Safety
/// The arguments are good for what the standard says of the C function.
///
/// # Errors
/// An argument is wrong, or a message failed.
#[inline]
pub unsafe fn neighbor_allgatherv<C: Integer, D: Integer>(
    sendbuf: *const c_void,
    sendcount: impl Number,
    sendtype: MPI_Datatype,
    recvbuf: *mut c_void,
    recvcounts: *const C,
    rdispls: *const D,
    recvtype: MPI_Datatype,
    comm: MPI_Comm,
    how: How,
) -> Result<()> {
    let comm = arg::comm(comm)?;
    checked(comm, Kind::NEIGHBOR_ALLGATHERV, how, |kind| {
        let (sources, _) = topo::neighbors(comm)?;
        // SAFETY: the caller's promise.
        unsafe {
            nowhere_in_place("sendbuf", sendbuf)?;
            let send = buffer("sendbuf", sendbuf, sendcount, sendtype)?;
            let receive = varying(
                RECEIVE,
                sources.len(),
                recvbuf,
                (recvcounts, rdispls),
                recvtype,
            )?;
            alias::buffer_and_parts(Some(&send), Some(&receive), sources.len())?;
            alias::received(&receive, sources.len())?;
            perform(comm, kind, &Call::NeighborAllgather(send, receive), how)
        }
    })
}

/// Section 8.6.2, equal parts.
///
/// # Safety
/// The arguments are good for what the standard says of the C function.
///
/// # Errors
/// An argument is wrong, or a message failed.
#[inline]
pub unsafe fn neighbor_alltoall(
    sendbuf: *const c_void,
    sendcount: impl Number,
    sendtype: MPI_Datatype,
    recvbuf: *mut c_void,
    recvcount: impl Number,
    recvtype: MPI_Datatype,
    comm: MPI_Comm,
    how: How,
) -> Result<()> {
    let comm = arg::comm(comm)?;
    checked(comm, Kind::NEIGHBOR_ALLTOALL, how, |kind| {
        let (sources, destinations) = topo::neighbors(comm)?;
        // SAFETY: the caller's promise.
        unsafe {
            nowhere_in_place("sendbuf", sendbuf)?;
            let send = equal("sendbuf", destinations.len(), sendbuf, sendcount, sendtype)?;
            let receive = equal("recvbuf", sources.len(), recvbuf, recvcount, recvtype)?;
            let send_parts = Some((&send, destinations.len()));
            alias::parts(send_parts, (&receive, sources.len()))?;
            perform(comm, kind, &Call::NeighborAlltoall(send, receive), how)
        }
    })
}

/// Section 8.6.2, varying parts.
///
/// # Safety
/// The arguments are good for what the standard says of the C function.
///
/// # Errors
/// An argument is wrong, or a message failed.
#[inline]
pub unsafe fn neighbor_alltoallv<C: Integer, D: Integer>(
    sendbuf: *const c_void,
    sendcounts: *const C,
    sdispls: *const D,
    sendtype: MPI_Datatype,
    recvbuf: *mut c_void,
    recvcounts: *const C,
    rdispls: *const D,
    recvtype: MPI_Datatype,
    comm: MPI_Comm,
    how: How,
) -> Result<()> {
    let comm = arg::comm(comm)?;
    checked(comm, Kind::NEIGHBOR_ALLTOALLV, how, |kind| {
        let (sources, destinations) = topo::neighbors(comm)?;
        // SAFETY: the caller's promise.
        unsafe {
            nowhere_in_place("sendbuf", sendbuf)?;
            let (outs, ins) = (destinations.len(), sources.len());
            let send = varying(SEND, outs, sendbuf, (sendcounts, sdispls), sendtype)?;
            let receive = varying(RECEIVE, ins, recvbuf, (recvcounts, rdispls), recvtype)?;
            let send_parts = Some((&send, destinations.len()));
            alias::parts(send_parts, (&receive, sources.len()))?;
            perform(comm, kind, &Call::NeighborAlltoall(send, receive), how)
        }
    })
}

/// Section 8.6.2, parts of several types.
///
/// # Safety
/// The arguments are good for what the standard says of the C function.
///
/// # Errors
/// An argument is wrong, or a message failed.
#[inline]
pub unsafe fn neighbor_alltoallw<C: Integer, D: Integer>(
    sendbuf: *const c_void,
    sendcounts: *const C,
    sdispls: *const D,
    sendtypes: *const MPI_Datatype,
    recvbuf: *mut c_void,
    recvcounts: *const C,
    rdispls: *const D,
    recvtypes: *const MPI_Datatype,
    comm: MPI_Comm,
    how: How,
) -> Result<()> {
    let comm = arg::comm(comm)?;
    checked(comm, Kind::NEIGHBOR_ALLTOALLW, how, |kind| {
        let (sources, destinations) = topo::neighbors(comm)?;
        // SAFETY: the caller's promise.
        unsafe {
            nowhere_in_place("sendbuf", sendbuf)?;
            let source_types = types(sendtypes, destinations.len(), "sendtypes")?;
            let target_types = types(recvtypes, sources.len(), "recvtypes")?;
            let send = typed(SEND, sendbuf, (sendcounts, sdispls), &source_types)?;
            let receive = typed(RECEIVE, recvbuf, (recvcounts, rdispls), &target_types)?;
            let send_parts = Some((&send, destinations.len()));
            alias::parts(send_parts, (&receive, sources.len()))?;
            perform(comm, kind, &Call::NeighborAlltoall(send, receive), how)
        }
    })
}
