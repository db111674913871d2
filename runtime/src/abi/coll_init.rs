//! Persistent collectives (MPI 5.0, sections 6.13, 8.8).

use super::coll_arg::{self, How};
use super::prelude::*;

export! {
    /// Section 6.13.1, persistent barrier.
    fn MPI_Barrier_init(comm: MPI_Comm, info: MPI_Info, request: *mut MPI_Request) on comm {
        coll_arg::barrier(comm, How::Prepare(info, request))
    }

    /// Section 6.13.2, persistent broadcast.
    fn MPI_Bcast_init, fn MPI_Bcast_init_c(
        buffer: *mut c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, root: c_int,
        comm: MPI_Comm, info: MPI_Info, request: *mut MPI_Request,
    ) on comm {
        coll_arg::bcast(buffer, count, datatype, root, comm, How::Prepare(info, request))
    }

    /// Section 6.13.3, persistent gather.
    fn MPI_Gather_init, fn MPI_Gather_init_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcount: c_int | MPI_Count, recvtype: MPI_Datatype,
        root: c_int, comm: MPI_Comm, info: MPI_Info, request: *mut MPI_Request,
    ) on comm {
        coll_arg::gather(
            sendbuf, sendcount, sendtype, recvbuf, recvcount, recvtype, root, comm,
            How::Prepare(info, request),
        )
    }

    /// Section 6.13.3, persistent gather.
    fn MPI_Gatherv_init, fn MPI_Gatherv_init_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcounts: *const c_int | *const MPI_Count,
        displs: *const c_int | *const MPI_Aint, recvtype: MPI_Datatype, root: c_int,
        comm: MPI_Comm, info: MPI_Info, request: *mut MPI_Request,
    ) on comm {
        coll_arg::gatherv(
            sendbuf, sendcount, sendtype, recvbuf, recvcounts, displs, recvtype, root, comm,
            How::Prepare(info, request),
        )
    }

    /// Section 6.13.4, persistent scatter.
    fn MPI_Scatter_init, fn MPI_Scatter_init_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcount: c_int | MPI_Count, recvtype: MPI_Datatype,
        root: c_int, comm: MPI_Comm, info: MPI_Info, request: *mut MPI_Request,
    ) on comm {
        coll_arg::scatter(
            sendbuf, sendcount, sendtype, recvbuf, recvcount, recvtype, root, comm,
            How::Prepare(info, request),
        )
    }

    /// Section 6.13.4, persistent scatter.
    fn MPI_Scatterv_init, fn MPI_Scatterv_init_c(
        sendbuf: *const c_void, sendcounts: *const c_int | *const MPI_Count,
        displs: *const c_int | *const MPI_Aint, sendtype: MPI_Datatype, recvbuf: *mut c_void,
        recvcount: c_int | MPI_Count, recvtype: MPI_Datatype, root: c_int, comm: MPI_Comm,
        info: MPI_Info, request: *mut MPI_Request,
    ) on comm {
        coll_arg::scatterv(
            sendbuf, sendcounts, displs, sendtype, recvbuf, recvcount, recvtype, root, comm,
            How::Prepare(info, request),
        )
    }

    /// Section 6.13.5, persistent gather-to-all.
    fn MPI_Allgather_init, fn MPI_Allgather_init_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcount: c_int | MPI_Count, recvtype: MPI_Datatype,
        comm: MPI_Comm, info: MPI_Info, request: *mut MPI_Request,
    ) on comm {
        coll_arg::allgather(
            sendbuf, sendcount, sendtype, recvbuf, recvcount, recvtype, comm,
            How::Prepare(info, request),
        )
    }

    /// Section 6.13.5, persistent gather-to-all.
    fn MPI_Allgatherv_init, fn MPI_Allgatherv_init_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcounts: *const c_int | *const MPI_Count,
        displs: *const c_int | *const MPI_Aint, recvtype: MPI_Datatype, comm: MPI_Comm,
        info: MPI_Info, request: *mut MPI_Request,
    ) on comm {
        coll_arg::allgatherv(
            sendbuf, sendcount, sendtype, recvbuf, recvcounts, displs, recvtype, comm,
            How::Prepare(info, request),
        )
    }

    /// Section 6.13.6, persistent all-to-all.
    fn MPI_Alltoall_init, fn MPI_Alltoall_init_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcount: c_int | MPI_Count, recvtype: MPI_Datatype,
        comm: MPI_Comm, info: MPI_Info, request: *mut MPI_Request,
    ) on comm {
        coll_arg::alltoall(
            sendbuf, sendcount, sendtype, recvbuf, recvcount, recvtype, comm,
            How::Prepare(info, request),
        )
    }

    /// Section 6.13.6, persistent all-to-all.
    fn MPI_Alltoallv_init, fn MPI_Alltoallv_init_c(
        sendbuf: *const c_void, sendcounts: *const c_int | *const MPI_Count,
        sdispls: *const c_int | *const MPI_Aint, sendtype: MPI_Datatype, recvbuf: *mut c_void,
        recvcounts: *const c_int | *const MPI_Count, rdispls: *const c_int | *const MPI_Aint,
        recvtype: MPI_Datatype, comm: MPI_Comm, info: MPI_Info, request: *mut MPI_Request,
    ) on comm {
        coll_arg::alltoallv(
            sendbuf, sendcounts, sdispls, sendtype, recvbuf, recvcounts, rdispls, recvtype, comm,
            How::Prepare(info, request),
        )
    }

    /// Section 6.13.6, persistent all-to-all.
    fn MPI_Alltoallw_init, fn MPI_Alltoallw_init_c(
        sendbuf: *const c_void, sendcounts: *const c_int | *const MPI_Count,
        sdispls: *const c_int | *const MPI_Aint, sendtypes: *const MPI_Datatype,
        recvbuf: *mut c_void, recvcounts: *const c_int | *const MPI_Count,
        rdispls: *const c_int | *const MPI_Aint, recvtypes: *const MPI_Datatype,
        comm: MPI_Comm, info: MPI_Info, request: *mut MPI_Request,
    ) on comm {
        coll_arg::alltoallw(
            sendbuf, sendcounts, sdispls, sendtypes, recvbuf, recvcounts, rdispls, recvtypes, comm,
            How::Prepare(info, request),
        )
    }

    /// Section 6.13.7, persistent reduce.
    fn MPI_Reduce_init, fn MPI_Reduce_init_c(
        sendbuf: *const c_void, recvbuf: *mut c_void, count: c_int | MPI_Count,
        datatype: MPI_Datatype, op: MPI_Op, root: c_int, comm: MPI_Comm, info: MPI_Info,
        request: *mut MPI_Request,
    ) on comm {
        coll_arg::reduce(
            sendbuf, recvbuf, count, datatype, op, root, comm, How::Prepare(info, request),
        )
    }

    /// Section 6.13.8, persistent all-reduce.
    fn MPI_Allreduce_init, fn MPI_Allreduce_init_c(
        sendbuf: *const c_void, recvbuf: *mut c_void, count: c_int | MPI_Count,
        datatype: MPI_Datatype, op: MPI_Op, comm: MPI_Comm, info: MPI_Info,
        request: *mut MPI_Request,
    ) on comm {
        coll_arg::allreduce(
            sendbuf, recvbuf, count, datatype, op, comm, How::Prepare(info, request),
        )
    }

    /// Section 6.13.9, persistent reduce-scatter with equal blocks.
    fn MPI_Reduce_scatter_block_init, fn MPI_Reduce_scatter_block_init_c(
        sendbuf: *const c_void, recvbuf: *mut c_void, recvcount: c_int | MPI_Count,
        datatype: MPI_Datatype, op: MPI_Op, comm: MPI_Comm, info: MPI_Info,
        request: *mut MPI_Request,
    ) on comm {
        coll_arg::reduce_scatter_block(
            sendbuf, recvbuf, recvcount, datatype, op, comm, How::Prepare(info, request),
        )
    }

    /// Section 6.13.10, persistent reduce-scatter.
    fn MPI_Reduce_scatter_init, fn MPI_Reduce_scatter_init_c(
        sendbuf: *const c_void, recvbuf: *mut c_void,
        recvcounts: *const c_int | *const MPI_Count, datatype: MPI_Datatype, op: MPI_Op,
        comm: MPI_Comm, info: MPI_Info, request: *mut MPI_Request,
    ) on comm {
        coll_arg::reduce_scatter(
            sendbuf, recvbuf, recvcounts, datatype, op, comm, How::Prepare(info, request),
        )
    }

    /// Section 6.13.11, persistent inclusive scan.
    fn MPI_Scan_init, fn MPI_Scan_init_c(
        sendbuf: *const c_void, recvbuf: *mut c_void, count: c_int | MPI_Count,
        datatype: MPI_Datatype, op: MPI_Op, comm: MPI_Comm, info: MPI_Info,
        request: *mut MPI_Request,
    ) on comm {
        coll_arg::scan(sendbuf, recvbuf, count, datatype, op, comm, How::Prepare(info, request))
    }

    /// Section 6.13.12, persistent exclusive scan.
    fn MPI_Exscan_init, fn MPI_Exscan_init_c(
        sendbuf: *const c_void, recvbuf: *mut c_void, count: c_int | MPI_Count,
        datatype: MPI_Datatype, op: MPI_Op, comm: MPI_Comm, info: MPI_Info,
        request: *mut MPI_Request,
    ) on comm {
        coll_arg::exscan(sendbuf, recvbuf, count, datatype, op, comm, How::Prepare(info, request))
    }

    /// Section 8.8.1, persistent neighborhood gather.
    fn MPI_Neighbor_allgather_init, fn MPI_Neighbor_allgather_init_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcount: c_int | MPI_Count, recvtype: MPI_Datatype,
        comm: MPI_Comm, info: MPI_Info, request: *mut MPI_Request,
    ) on comm {
        coll_arg::neighbor_allgather(
            sendbuf, sendcount, sendtype, recvbuf, recvcount, recvtype, comm,
            How::Prepare(info, request),
        )
    }

    /// Section 8.8.1, persistent neighborhood gather.
    fn MPI_Neighbor_allgatherv_init, fn MPI_Neighbor_allgatherv_init_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcounts: *const c_int | *const MPI_Count,
        displs: *const c_int | *const MPI_Aint, recvtype: MPI_Datatype, comm: MPI_Comm,
        info: MPI_Info, request: *mut MPI_Request,
    ) on comm {
        coll_arg::neighbor_allgatherv(
            sendbuf, sendcount, sendtype, recvbuf, recvcounts, displs, recvtype, comm,
            How::Prepare(info, request),
        )
    }

    /// Section 8.8.2, persistent neighborhood all-to-all.
    fn MPI_Neighbor_alltoall_init, fn MPI_Neighbor_alltoall_init_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcount: c_int | MPI_Count, recvtype: MPI_Datatype,
        comm: MPI_Comm, info: MPI_Info, request: *mut MPI_Request,
    ) on comm {
        coll_arg::neighbor_alltoall(
            sendbuf, sendcount, sendtype, recvbuf, recvcount, recvtype, comm,
            How::Prepare(info, request),
        )
    }

    /// Section 8.8.2, persistent neighborhood all-to-all.
    fn MPI_Neighbor_alltoallv_init, fn MPI_Neighbor_alltoallv_init_c(
        sendbuf: *const c_void, sendcounts: *const c_int | *const MPI_Count,
        sdispls: *const c_int | *const MPI_Aint, sendtype: MPI_Datatype, recvbuf: *mut c_void,
        recvcounts: *const c_int | *const MPI_Count, rdispls: *const c_int | *const MPI_Aint,
        recvtype: MPI_Datatype, comm: MPI_Comm, info: MPI_Info, request: *mut MPI_Request,
    ) on comm {
        coll_arg::neighbor_alltoallv(
            sendbuf, sendcounts, sdispls, sendtype, recvbuf, recvcounts, rdispls, recvtype, comm,
            How::Prepare(info, request),
        )
    }

    /// Section 8.8.2, persistent neighborhood all-to-all.
    fn MPI_Neighbor_alltoallw_init, fn MPI_Neighbor_alltoallw_init_c(
        sendbuf: *const c_void, sendcounts: *const c_int | *const MPI_Count,
        sdispls: *const MPI_Aint, sendtypes: *const MPI_Datatype, recvbuf: *mut c_void,
        recvcounts: *const c_int | *const MPI_Count, rdispls: *const MPI_Aint,
        recvtypes: *const MPI_Datatype, comm: MPI_Comm, info: MPI_Info,
        request: *mut MPI_Request,
    ) on comm {
        coll_arg::neighbor_alltoallw(
            sendbuf, sendcounts, sdispls, sendtypes, recvbuf, recvcounts, rdispls, recvtypes, comm,
            How::Prepare(info, request),
        )
    }
}
