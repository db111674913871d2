//! The arguments of neighbourhood collectives: a part of [`coll_arg`](super::coll_arg).

use super::arg::{self, Number};
use super::coll_alias as alias;
use super::coll_arg::{How, checked, perform};
use super::coll_check::{
    Integer, RECEIVE, SEND, buffer, equal, nowhere_in_place, typed, types, varying,
};
use super::types::{MPI_Comm, MPI_Datatype};
use crate::coll::Call;
use crate::error::Result;
use crate::topo;
use std::ffi::c_void;
use wireup::collective::Kind;

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
