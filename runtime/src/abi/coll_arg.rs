//! The arguments of collective operations, made into a [`Call`] and carried out
//! in one of the three ways. A function per operation, which the blocking,
//! nonblocking and persistent chapters share.
//!
//! Arguments that the standard says are not significant at this rank are not
//! looked at.

use super::arg::{self, Number};
use super::coll_alias as alias;
pub use super::coll_arg_neighbor::{
    neighbor_allgather, neighbor_allgatherv, neighbor_alltoall, neighbor_alltoallv,
    neighbor_alltoallw,
};
pub use super::coll_arg_reduce::{
    allreduce, exscan, reduce, reduce_scatter, reduce_scatter_block, scan,
};
use super::coll_check::{
    Integer, RECEIVE, SEND, buffer, buffer_or_in_place, equal, is_in_place, peers, root, typed,
    types, varying, within,
};
use super::types::{MPI_Comm, MPI_Datatype, MPI_Info, MPI_Request};
use crate::coll::{self, Call, Root};
use crate::error::{Error, Result};
use crate::fail;
use crate::object::comm::Comm;
use crate::object::info;
use crate::pml::{Buffer, collective};
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
pub(super) fn checked(
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
pub(super) unsafe fn perform(
    comm: &Arc<Comm>,
    kind: Kind,
    call: &Call<'_>,
    how: How,
) -> Result<Result<()>> {
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
