//! Nonblocking collectives (MPI 5.0, sections 6.12, 8.7).

use super::coll_arg::{self, How};
use super::prelude::*;

export! {
    /// Section 6.12.1, nonblocking barrier.
    fn MPI_Ibarrier(comm: MPI_Comm, request: *mut MPI_Request) on comm {
        coll_arg::barrier(comm, How::Start(request))
    }

    /// Section 6.12.2, nonblocking broadcast.
    fn MPI_Ibcast, fn MPI_Ibcast_c(
        buffer: *mut c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, root: c_int,
        comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm {
        coll_arg::bcast(buffer, count, datatype, root, comm, How::Start(request))
    }

    /// Section 6.12.3, nonblocking gather.
    fn MPI_Igather, fn MPI_Igather_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcount: c_int | MPI_Count, recvtype: MPI_Datatype,
        root: c_int, comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm {
        coll_arg::gather(
            sendbuf, sendcount, sendtype, recvbuf, recvcount, recvtype, root, comm,
            How::Start(request),
        )
    }

    /// Section 6.12.3, nonblocking gather.
    fn MPI_Igatherv, fn MPI_Igatherv_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcounts: *const c_int | *const MPI_Count,
        displs: *const c_int | *const MPI_Aint, recvtype: MPI_Datatype, root: c_int,
        comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm {
        coll_arg::gatherv(
            sendbuf, sendcount, sendtype, recvbuf, recvcounts, displs, recvtype, root, comm,
            How::Start(request),
        )
    }

    /// Section 6.12.4, nonblocking scatter.
    fn MPI_Iscatter, fn MPI_Iscatter_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcount: c_int | MPI_Count, recvtype: MPI_Datatype,
        root: c_int, comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm {
        coll_arg::scatter(
            sendbuf, sendcount, sendtype, recvbuf, recvcount, recvtype, root, comm,
            How::Start(request),
        )
    }

    /// Section 6.12.4, nonblocking scatter.
    fn MPI_Iscatterv, fn MPI_Iscatterv_c(
        sendbuf: *const c_void, sendcounts: *const c_int | *const MPI_Count,
        displs: *const c_int | *const MPI_Aint, sendtype: MPI_Datatype, recvbuf: *mut c_void,
        recvcount: c_int | MPI_Count, recvtype: MPI_Datatype, root: c_int, comm: MPI_Comm,
        request: *mut MPI_Request,
    ) on comm {
        coll_arg::scatterv(
            sendbuf, sendcounts, displs, sendtype, recvbuf, recvcount, recvtype, root, comm,
            How::Start(request),
        )
    }

    /// Section 6.12.5, nonblocking gather-to-all.
    fn MPI_Iallgather, fn MPI_Iallgather_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcount: c_int | MPI_Count, recvtype: MPI_Datatype,
        comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm {
        coll_arg::allgather(
            sendbuf, sendcount, sendtype, recvbuf, recvcount, recvtype, comm, How::Start(request),
        )
    }

    /// Section 6.12.5, nonblocking gather-to-all.
    fn MPI_Iallgatherv, fn MPI_Iallgatherv_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcounts: *const c_int | *const MPI_Count,
        displs: *const c_int | *const MPI_Aint, recvtype: MPI_Datatype, comm: MPI_Comm,
        request: *mut MPI_Request,
    ) on comm {
        coll_arg::allgatherv(
            sendbuf, sendcount, sendtype, recvbuf, recvcounts, displs, recvtype, comm,
            How::Start(request),
        )
    }

    /// Section 6.12.6, nonblocking all-to-all.
    fn MPI_Ialltoall, fn MPI_Ialltoall_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcount: c_int | MPI_Count, recvtype: MPI_Datatype,
        comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm {
        coll_arg::alltoall(
            sendbuf, sendcount, sendtype, recvbuf, recvcount, recvtype, comm, How::Start(request),
        )
    }

    /// Section 6.12.6, nonblocking all-to-all.
    fn MPI_Ialltoallv, fn MPI_Ialltoallv_c(
        sendbuf: *const c_void, sendcounts: *const c_int | *const MPI_Count,
        sdispls: *const c_int | *const MPI_Aint, sendtype: MPI_Datatype, recvbuf: *mut c_void,
        recvcounts: *const c_int | *const MPI_Count, rdispls: *const c_int | *const MPI_Aint,
        recvtype: MPI_Datatype, comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm {
        coll_arg::alltoallv(
            sendbuf, sendcounts, sdispls, sendtype, recvbuf, recvcounts, rdispls, recvtype, comm,
            How::Start(request),
        )
    }

    /// Section 6.12.6, nonblocking all-to-all.
    fn MPI_Ialltoallw, fn MPI_Ialltoallw_c(
        sendbuf: *const c_void, sendcounts: *const c_int | *const MPI_Count,
        sdispls: *const c_int | *const MPI_Aint, sendtypes: *const MPI_Datatype,
        recvbuf: *mut c_void, recvcounts: *const c_int | *const MPI_Count,
        rdispls: *const c_int | *const MPI_Aint, recvtypes: *const MPI_Datatype,
        comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm {
        coll_arg::alltoallw(
            sendbuf, sendcounts, sdispls, sendtypes, recvbuf, recvcounts, rdispls, recvtypes, comm,
            How::Start(request),
        )
    }

    /// Section 6.12.7, nonblocking reduce.
    fn MPI_Ireduce, fn MPI_Ireduce_c(
        sendbuf: *const c_void, recvbuf: *mut c_void, count: c_int | MPI_Count,
        datatype: MPI_Datatype, op: MPI_Op, root: c_int, comm: MPI_Comm,
        request: *mut MPI_Request,
    ) on comm {
        coll_arg::reduce(sendbuf, recvbuf, count, datatype, op, root, comm, How::Start(request))
    }

    /// Section 6.12.8, nonblocking all-reduce.
    fn MPI_Iallreduce, fn MPI_Iallreduce_c(
        sendbuf: *const c_void, recvbuf: *mut c_void, count: c_int | MPI_Count,
        datatype: MPI_Datatype, op: MPI_Op, comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm {
        coll_arg::allreduce(sendbuf, recvbuf, count, datatype, op, comm, How::Start(request))
    }

    /// Section 6.12.9, nonblocking reduce-scatter with equal blocks.
    fn MPI_Ireduce_scatter_block, fn MPI_Ireduce_scatter_block_c(
        sendbuf: *const c_void, recvbuf: *mut c_void, recvcount: c_int | MPI_Count,
        datatype: MPI_Datatype, op: MPI_Op, comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm {
        coll_arg::reduce_scatter_block(
            sendbuf, recvbuf, recvcount, datatype, op, comm, How::Start(request),
        )
    }

    /// Section 6.12.10, nonblocking reduce-scatter.
    fn MPI_Ireduce_scatter, fn MPI_Ireduce_scatter_c(
        sendbuf: *const c_void, recvbuf: *mut c_void,
        recvcounts: *const c_int | *const MPI_Count, datatype: MPI_Datatype, op: MPI_Op,
        comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm {
        coll_arg::reduce_scatter(
            sendbuf, recvbuf, recvcounts, datatype, op, comm, How::Start(request),
        )
    }

    /// Section 6.12.11, nonblocking inclusive scan.
    fn MPI_Iscan, fn MPI_Iscan_c(
        sendbuf: *const c_void, recvbuf: *mut c_void, count: c_int | MPI_Count,
        datatype: MPI_Datatype, op: MPI_Op, comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm {
        coll_arg::scan(sendbuf, recvbuf, count, datatype, op, comm, How::Start(request))
    }

    /// Section 6.12.12, nonblocking exclusive scan.
    fn MPI_Iexscan, fn MPI_Iexscan_c(
        sendbuf: *const c_void, recvbuf: *mut c_void, count: c_int | MPI_Count,
        datatype: MPI_Datatype, op: MPI_Op, comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm {
        coll_arg::exscan(sendbuf, recvbuf, count, datatype, op, comm, How::Start(request))
    }

    /// Section 8.7.1, nonblocking neighborhood gather.
    fn MPI_Ineighbor_allgather, fn MPI_Ineighbor_allgather_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcount: c_int | MPI_Count, recvtype: MPI_Datatype,
        comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm {
        coll_arg::neighbor_allgather(
            sendbuf, sendcount, sendtype, recvbuf, recvcount, recvtype, comm, How::Start(request),
        )
    }

    /// Section 8.7.1, nonblocking neighborhood gather.
    fn MPI_Ineighbor_allgatherv, fn MPI_Ineighbor_allgatherv_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcounts: *const c_int | *const MPI_Count,
        displs: *const c_int | *const MPI_Aint, recvtype: MPI_Datatype, comm: MPI_Comm,
        request: *mut MPI_Request,
    ) on comm {
        coll_arg::neighbor_allgatherv(
            sendbuf, sendcount, sendtype, recvbuf, recvcounts, displs, recvtype, comm,
            How::Start(request),
        )
    }

    /// Section 8.7.2, nonblocking neighborhood all-to-all.
    fn MPI_Ineighbor_alltoall, fn MPI_Ineighbor_alltoall_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcount: c_int | MPI_Count, recvtype: MPI_Datatype,
        comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm {
        coll_arg::neighbor_alltoall(
            sendbuf, sendcount, sendtype, recvbuf, recvcount, recvtype, comm, How::Start(request),
        )
    }

    /// Section 8.7.2, nonblocking neighborhood all-to-all.
    fn MPI_Ineighbor_alltoallv, fn MPI_Ineighbor_alltoallv_c(
        sendbuf: *const c_void, sendcounts: *const c_int | *const MPI_Count,
        sdispls: *const c_int | *const MPI_Aint, sendtype: MPI_Datatype, recvbuf: *mut c_void,
        recvcounts: *const c_int | *const MPI_Count, rdispls: *const c_int | *const MPI_Aint,
        recvtype: MPI_Datatype, comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm {
        coll_arg::neighbor_alltoallv(
            sendbuf, sendcounts, sdispls, sendtype, recvbuf, recvcounts, rdispls, recvtype, comm,
            How::Start(request),
        )
    }

    /// Section 8.7.2, nonblocking neighborhood all-to-all.
    fn MPI_Ineighbor_alltoallw, fn MPI_Ineighbor_alltoallw_c(
        sendbuf: *const c_void, sendcounts: *const c_int | *const MPI_Count,
        sdispls: *const MPI_Aint, sendtypes: *const MPI_Datatype, recvbuf: *mut c_void,
        recvcounts: *const c_int | *const MPI_Count, rdispls: *const MPI_Aint,
        recvtypes: *const MPI_Datatype, comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm {
        coll_arg::neighbor_alltoallw(
            sendbuf, sendcounts, sdispls, sendtypes, recvbuf, recvcounts, rdispls, recvtypes, comm,
            How::Start(request),
        )
    }
}
