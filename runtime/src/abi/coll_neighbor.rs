//! Neighborhood collectives (MPI 5.0, sections 8.6 to 8.8).

use super::coll_alias as alias;
use super::coll_check::{
    RECEIVE, SEND, equal, nowhere_in_place, plain_buffer, typed, types, varying,
};
use super::coll_form;
use super::prelude::*;
use crate::coll::Call;
use crate::topo;

collectives! {
    /// Section 8.6.1, neighborhood gather.
    fn MPI_Neighbor_allgather, fn MPI_Neighbor_allgather_c
    /// Section 8.7.1, nonblocking neighborhood gather.
    fn MPI_Ineighbor_allgather, fn MPI_Ineighbor_allgather_c
    /// Section 8.8.1, persistent neighborhood gather.
    fn MPI_Neighbor_allgather_init, fn MPI_Neighbor_allgather_init_c
    (
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcount: c_int | MPI_Count, recvtype: MPI_Datatype,
        comm: MPI_Comm,
    ) on comm, kind NEIGHBOR_ALLGATHER, body neighbor_allgather(perform) {
        let (sources, _) = topo::neighbors(comm)?;
        nowhere_in_place("sendbuf", sendbuf)?;
        let send = plain_buffer("sendbuf", sendbuf, sendcount, sendtype)?;
        let receive = equal("recvbuf", sources.len(), recvbuf, recvcount, recvtype)?;
        alias::buffer_and_parts(Some(&send), Some(&receive), sources.len())?;
        perform(&Call::NeighborAllgather(send, receive))
    }

    /// Section 8.6.1, neighborhood gather.
    fn MPI_Neighbor_allgatherv, fn MPI_Neighbor_allgatherv_c
    /// Section 8.7.1, nonblocking neighborhood gather.
    fn MPI_Ineighbor_allgatherv, fn MPI_Ineighbor_allgatherv_c
    /// Section 8.8.1, persistent neighborhood gather.
    fn MPI_Neighbor_allgatherv_init, fn MPI_Neighbor_allgatherv_init_c
    (
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcounts: *const c_int | *const MPI_Count,
        displs: *const c_int | *const MPI_Aint, recvtype: MPI_Datatype, comm: MPI_Comm,
    ) on comm, kind NEIGHBOR_ALLGATHERV, body neighbor_allgatherv(perform) {
        let (sources, _) = topo::neighbors(comm)?;
        nowhere_in_place("sendbuf", sendbuf)?;
        let send = plain_buffer("sendbuf", sendbuf, sendcount, sendtype)?;
        let parts = (recvcounts, displs);
        let receive = varying(RECEIVE, sources.len(), recvbuf, parts, recvtype)?;
        alias::buffer_and_parts(Some(&send), Some(&receive), sources.len())?;
        alias::received(&receive, sources.len())?;
        perform(&Call::NeighborAllgather(send, receive))
    }

    /// Section 8.6.2, neighborhood all-to-all.
    fn MPI_Neighbor_alltoall, fn MPI_Neighbor_alltoall_c
    /// Section 8.7.2, nonblocking neighborhood all-to-all.
    fn MPI_Ineighbor_alltoall, fn MPI_Ineighbor_alltoall_c
    /// Section 8.8.2, persistent neighborhood all-to-all.
    fn MPI_Neighbor_alltoall_init, fn MPI_Neighbor_alltoall_init_c
    (
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcount: c_int | MPI_Count, recvtype: MPI_Datatype,
        comm: MPI_Comm,
    ) on comm, kind NEIGHBOR_ALLTOALL, body neighbor_alltoall(perform) {
        let (sources, destinations) = topo::neighbors(comm)?;
        nowhere_in_place("sendbuf", sendbuf)?;
        let send = equal("sendbuf", destinations.len(), sendbuf, sendcount, sendtype)?;
        let receive = equal("recvbuf", sources.len(), recvbuf, recvcount, recvtype)?;
        alias::parts((Some(&send), destinations.len()), (&receive, sources.len()))?;
        perform(&Call::NeighborAlltoall(send, receive))
    }

    /// Section 8.6.2, neighborhood all-to-all.
    fn MPI_Neighbor_alltoallv, fn MPI_Neighbor_alltoallv_c
    /// Section 8.7.2, nonblocking neighborhood all-to-all.
    fn MPI_Ineighbor_alltoallv, fn MPI_Ineighbor_alltoallv_c
    /// Section 8.8.2, persistent neighborhood all-to-all.
    fn MPI_Neighbor_alltoallv_init, fn MPI_Neighbor_alltoallv_init_c
    (
        sendbuf: *const c_void, sendcounts: *const c_int | *const MPI_Count,
        sdispls: *const c_int | *const MPI_Aint, sendtype: MPI_Datatype, recvbuf: *mut c_void,
        recvcounts: *const c_int | *const MPI_Count, rdispls: *const c_int | *const MPI_Aint,
        recvtype: MPI_Datatype, comm: MPI_Comm,
    ) on comm, kind NEIGHBOR_ALLTOALLV, body neighbor_alltoallv(perform) {
        let (sources, destinations) = topo::neighbors(comm)?;
        nowhere_in_place("sendbuf", sendbuf)?;
        let parts = (sendcounts, sdispls);
        let send = varying(SEND, destinations.len(), sendbuf, parts, sendtype)?;
        let parts = (recvcounts, rdispls);
        let receive = varying(RECEIVE, sources.len(), recvbuf, parts, recvtype)?;
        alias::parts((Some(&send), destinations.len()), (&receive, sources.len()))?;
        perform(&Call::NeighborAlltoall(send, receive))
    }

    /// Section 8.6.2, neighborhood all-to-all.
    fn MPI_Neighbor_alltoallw, fn MPI_Neighbor_alltoallw_c
    /// Section 8.7.2, nonblocking neighborhood all-to-all.
    fn MPI_Ineighbor_alltoallw, fn MPI_Ineighbor_alltoallw_c
    /// Section 8.8.2, persistent neighborhood all-to-all.
    fn MPI_Neighbor_alltoallw_init, fn MPI_Neighbor_alltoallw_init_c
    (
        sendbuf: *const c_void, sendcounts: *const c_int | *const MPI_Count,
        sdispls: *const MPI_Aint, sendtypes: *const MPI_Datatype, recvbuf: *mut c_void,
        recvcounts: *const c_int | *const MPI_Count, rdispls: *const MPI_Aint,
        recvtypes: *const MPI_Datatype, comm: MPI_Comm,
    ) on comm, kind NEIGHBOR_ALLTOALLW, body neighbor_alltoallw(perform) {
        let (sources, destinations) = topo::neighbors(comm)?;
        nowhere_in_place("sendbuf", sendbuf)?;
        let sendtypes = types(sendtypes, destinations.len(), "sendtypes")?;
        let recvtypes = types(recvtypes, sources.len(), "recvtypes")?;
        let send = typed(SEND, sendbuf, (sendcounts, sdispls), &sendtypes)?;
        let receive = typed(RECEIVE, recvbuf, (recvcounts, rdispls), &recvtypes)?;
        alias::parts((Some(&send), destinations.len()), (&receive, sources.len()))?;
        perform(&Call::NeighborAlltoall(send, receive))
    }
}
