//! Collectives (MPI 5.0, sections 6.3 to 6.8, 6.12 and 6.13): all but the reductions, which
//! stand in `coll_reduce`, and those among neighbours, in `coll_neighbor`.
//!
//! Arguments that are not significant at this rank are not looked at.

use super::coll_alias as alias;
use super::coll_check::{
    RECEIVE, SEND, buffer_or_in_place, equal, own_buffer, peers, plain_buffer, rooted, typed,
    types, unless_in_place, varying,
};
use super::coll_form;
use super::prelude::*;
use crate::coll::{Call, Root};
use crate::pml::Buffer;

collectives! {
    /// Section 6.3, barrier.
    fn MPI_Barrier
    /// Section 6.12.1, nonblocking barrier.
    fn MPI_Ibarrier
    /// Section 6.13.1, persistent barrier.
    fn MPI_Barrier_init
    (comm: MPI_Comm) on comm, kind BARRIER, body barrier(perform) {
        perform(&Call::Barrier)
    }

    /// Section 6.4, broadcast.
    fn MPI_Bcast, fn MPI_Bcast_c
    /// Section 6.12.2, nonblocking broadcast.
    fn MPI_Ibcast, fn MPI_Ibcast_c
    /// Section 6.13.2, persistent broadcast.
    fn MPI_Bcast_init, fn MPI_Bcast_init_c
    (
        buffer: *mut c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, root: c_int,
        comm: MPI_Comm,
    ) on comm, kind BCAST, body bcast(perform) {
        let (root, _) = rooted(comm, root)?;
        let buffer = match root {
            Root::Beside => Buffer::bytes(std::ptr::null(), 0),
            _ => plain_buffer("buffer", buffer, count, datatype)?,
        };
        perform(&Call::Bcast(buffer, root))
    }

    /// Section 6.5, gather.
    fn MPI_Gather, fn MPI_Gather_c
    /// Section 6.12.3, nonblocking gather.
    fn MPI_Igather, fn MPI_Igather_c
    /// Section 6.13.3, persistent gather.
    fn MPI_Gather_init, fn MPI_Gather_init_c
    (
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcount: c_int | MPI_Count, recvtype: MPI_Datatype,
        root: c_int, comm: MPI_Comm,
    ) on comm, kind GATHER, body gather(perform) {
        let (root, here) = rooted(comm, root)?;
        let send = own_buffer(comm, (root, here), "sendbuf", sendbuf, sendcount, sendtype)?;
        let receive = || equal("recvbuf", peers(comm), recvbuf, recvcount, recvtype);
        let receive = here.then(receive).transpose()?;
        alias::buffer_and_parts(send.as_ref(), receive.as_ref(), peers(comm))?;
        perform(&Call::Gather(send, receive, root))
    }

    /// Section 6.5, gather.
    fn MPI_Gatherv, fn MPI_Gatherv_c
    /// Section 6.12.3, nonblocking gather.
    fn MPI_Igatherv, fn MPI_Igatherv_c
    /// Section 6.13.3, persistent gather.
    fn MPI_Gatherv_init, fn MPI_Gatherv_init_c
    (
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcounts: *const c_int | *const MPI_Count,
        displs: *const c_int | *const MPI_Aint, recvtype: MPI_Datatype, root: c_int,
        comm: MPI_Comm,
    ) on comm, kind GATHERV, body gatherv(perform) {
        let (root, here) = rooted(comm, root)?;
        let send = own_buffer(comm, (root, here), "sendbuf", sendbuf, sendcount, sendtype)?;
        let parts = (recvcounts, displs);
        let receive = || varying(RECEIVE, peers(comm), recvbuf, parts, recvtype);
        let receive = here.then(receive).transpose()?;
        alias::buffer_and_parts(send.as_ref(), receive.as_ref(), peers(comm))?;
        if let Some(receive) = &receive {
            alias::received(receive, peers(comm))?;
        }
        perform(&Call::Gatherv(send, receive, root))
    }

    /// Section 6.6, scatter.
    fn MPI_Scatter, fn MPI_Scatter_c
    /// Section 6.12.4, nonblocking scatter.
    fn MPI_Iscatter, fn MPI_Iscatter_c
    /// Section 6.13.4, persistent scatter.
    fn MPI_Scatter_init, fn MPI_Scatter_init_c
    (
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcount: c_int | MPI_Count, recvtype: MPI_Datatype,
        root: c_int, comm: MPI_Comm,
    ) on comm, kind SCATTER, body scatter(perform) {
        let (root, here) = rooted(comm, root)?;
        let receive = own_buffer(comm, (root, here), "recvbuf", recvbuf, recvcount, recvtype)?;
        let send = || equal("sendbuf", peers(comm), sendbuf, sendcount, sendtype);
        let send = here.then(send).transpose()?;
        alias::buffer_and_parts(receive.as_ref(), send.as_ref(), peers(comm))?;
        perform(&Call::Scatter(send, receive, root))
    }

    /// Section 6.6, scatter.
    fn MPI_Scatterv, fn MPI_Scatterv_c
    /// Section 6.12.4, nonblocking scatter.
    fn MPI_Iscatterv, fn MPI_Iscatterv_c
    /// Section 6.13.4, persistent scatter.
    fn MPI_Scatterv_init, fn MPI_Scatterv_init_c
    (
        sendbuf: *const c_void, sendcounts: *const c_int | *const MPI_Count,
        displs: *const c_int | *const MPI_Aint, sendtype: MPI_Datatype, recvbuf: *mut c_void,
        recvcount: c_int | MPI_Count, recvtype: MPI_Datatype, root: c_int, comm: MPI_Comm,
    ) on comm, kind SCATTERV, body scatterv(perform) {
        let (root, here) = rooted(comm, root)?;
        let receive = own_buffer(comm, (root, here), "recvbuf", recvbuf, recvcount, recvtype)?;
        let parts = (sendcounts, displs);
        let send = || varying(SEND, peers(comm), sendbuf, parts, sendtype);
        let send = here.then(send).transpose()?;
        alias::buffer_and_parts(receive.as_ref(), send.as_ref(), peers(comm))?;
        perform(&Call::Scatterv(send, receive, root))
    }

    /// Section 6.7, gather-to-all.
    fn MPI_Allgather, fn MPI_Allgather_c
    /// Section 6.12.5, nonblocking gather-to-all.
    fn MPI_Iallgather, fn MPI_Iallgather_c
    /// Section 6.13.5, persistent gather-to-all.
    fn MPI_Allgather_init, fn MPI_Allgather_init_c
    (
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcount: c_int | MPI_Count, recvtype: MPI_Datatype,
        comm: MPI_Comm,
    ) on comm, kind ALLGATHER, body allgather(perform) {
        let send = buffer_or_in_place(comm, "sendbuf", sendbuf, sendcount, sendtype)?;
        let receive = equal("recvbuf", peers(comm), recvbuf, recvcount, recvtype)?;
        alias::buffer_and_parts(send.as_ref(), Some(&receive), peers(comm))?;
        perform(&Call::Allgather(send, receive))
    }

    /// Section 6.7, gather-to-all.
    fn MPI_Allgatherv, fn MPI_Allgatherv_c
    /// Section 6.12.5, nonblocking gather-to-all.
    fn MPI_Iallgatherv, fn MPI_Iallgatherv_c
    /// Section 6.13.5, persistent gather-to-all.
    fn MPI_Allgatherv_init, fn MPI_Allgatherv_init_c
    (
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcounts: *const c_int | *const MPI_Count,
        displs: *const c_int | *const MPI_Aint, recvtype: MPI_Datatype, comm: MPI_Comm,
    ) on comm, kind ALLGATHERV, body allgatherv(perform) {
        let send = buffer_or_in_place(comm, "sendbuf", sendbuf, sendcount, sendtype)?;
        let parts = (recvcounts, displs);
        let receive = varying(RECEIVE, peers(comm), recvbuf, parts, recvtype)?;
        alias::buffer_and_parts(send.as_ref(), Some(&receive), peers(comm))?;
        alias::received(&receive, peers(comm))?;
        perform(&Call::Allgather(send, receive))
    }

    /// Section 6.8, all-to-all.
    fn MPI_Alltoall, fn MPI_Alltoall_c
    /// Section 6.12.6, nonblocking all-to-all.
    fn MPI_Ialltoall, fn MPI_Ialltoall_c
    /// Section 6.13.6, persistent all-to-all.
    fn MPI_Alltoall_init, fn MPI_Alltoall_init_c
    (
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcount: c_int | MPI_Count, recvtype: MPI_Datatype,
        comm: MPI_Comm,
    ) on comm, kind ALLTOALL, body alltoall(perform) {
        let send = || equal("sendbuf", peers(comm), sendbuf, sendcount, sendtype);
        let send = unless_in_place(comm, "sendbuf", sendbuf, send)?;
        let receive = equal("recvbuf", peers(comm), recvbuf, recvcount, recvtype)?;
        alias::parts((send.as_ref(), peers(comm)), (&receive, peers(comm)))?;
        perform(&Call::Alltoall(send, receive))
    }

    /// Section 6.8, all-to-all.
    fn MPI_Alltoallv, fn MPI_Alltoallv_c
    /// Section 6.12.6, nonblocking all-to-all.
    fn MPI_Ialltoallv, fn MPI_Ialltoallv_c
    /// Section 6.13.6, persistent all-to-all.
    fn MPI_Alltoallv_init, fn MPI_Alltoallv_init_c
    (
        sendbuf: *const c_void, sendcounts: *const c_int | *const MPI_Count,
        sdispls: *const c_int | *const MPI_Aint, sendtype: MPI_Datatype, recvbuf: *mut c_void,
        recvcounts: *const c_int | *const MPI_Count, rdispls: *const c_int | *const MPI_Aint,
        recvtype: MPI_Datatype, comm: MPI_Comm,
    ) on comm, kind ALLTOALLV, body alltoallv(perform) {
        let send = || varying(SEND, peers(comm), sendbuf, (sendcounts, sdispls), sendtype);
        let send = unless_in_place(comm, "sendbuf", sendbuf, send)?;
        let parts = (recvcounts, rdispls);
        let receive = varying(RECEIVE, peers(comm), recvbuf, parts, recvtype)?;
        alias::parts((send.as_ref(), peers(comm)), (&receive, peers(comm)))?;
        perform(&Call::Alltoall(send, receive))
    }

    /// Section 6.8, all-to-all.
    fn MPI_Alltoallw, fn MPI_Alltoallw_c
    /// Section 6.12.6, nonblocking all-to-all.
    fn MPI_Ialltoallw, fn MPI_Ialltoallw_c
    /// Section 6.13.6, persistent all-to-all.
    fn MPI_Alltoallw_init, fn MPI_Alltoallw_init_c
    (
        sendbuf: *const c_void, sendcounts: *const c_int | *const MPI_Count,
        sdispls: *const c_int | *const MPI_Aint, sendtypes: *const MPI_Datatype,
        recvbuf: *mut c_void, recvcounts: *const c_int | *const MPI_Count,
        rdispls: *const c_int | *const MPI_Aint, recvtypes: *const MPI_Datatype,
        comm: MPI_Comm,
    ) on comm, kind ALLTOALLW, body alltoallw(perform) {
        let sendtypes = || types(sendtypes, peers(comm), "sendtypes");
        let sendtypes = unless_in_place(comm, "sendbuf", sendbuf, sendtypes)?;
        let send = |types| typed(SEND, sendbuf, (sendcounts, sdispls), types);
        let send = sendtypes.as_deref().map(send).transpose()?;
        let recvtypes = types(recvtypes, peers(comm), "recvtypes")?;
        let receive = typed(RECEIVE, recvbuf, (recvcounts, rdispls), &recvtypes)?;
        alias::parts((send.as_ref(), peers(comm)), (&receive, peers(comm)))?;
        perform(&Call::Alltoall(send, receive))
    }
}
