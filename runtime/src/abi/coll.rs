//! Blocking collectives, neighborhood collectives among them (MPI 5.0, sections 6, 8.6).

use super::coll_arg::{self, How};
use super::prelude::*;

export! {
    /// Section 6.3, barrier.
    fn MPI_Barrier(comm: MPI_Comm) on comm {
        coll_arg::barrier(comm, How::Run)
    }

    /// Section 6.4, broadcast.
    fn MPI_Bcast, fn MPI_Bcast_c(
        buffer: *mut c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, root: c_int,
        comm: MPI_Comm,
    ) on comm {
        coll_arg::bcast(buffer, count, datatype, root, comm, How::Run)
    }

    /// Section 6.5, gather.
    fn MPI_Gather, fn MPI_Gather_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcount: c_int | MPI_Count, recvtype: MPI_Datatype,
        root: c_int, comm: MPI_Comm,
    ) on comm {
        coll_arg::gather(
            sendbuf, sendcount, sendtype, recvbuf, recvcount, recvtype, root, comm, How::Run,
        )
    }

    /// Section 6.5, gather.
    fn MPI_Gatherv, fn MPI_Gatherv_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcounts: *const c_int | *const MPI_Count,
        displs: *const c_int | *const MPI_Aint, recvtype: MPI_Datatype, root: c_int,
        comm: MPI_Comm,
    ) on comm {
        coll_arg::gatherv(
            sendbuf, sendcount, sendtype, recvbuf, recvcounts, displs, recvtype, root, comm,
            How::Run,
        )
    }

    /// Section 6.6, scatter.
    fn MPI_Scatter, fn MPI_Scatter_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcount: c_int | MPI_Count, recvtype: MPI_Datatype,
        root: c_int, comm: MPI_Comm,
    ) on comm {
        coll_arg::scatter(
            sendbuf, sendcount, sendtype, recvbuf, recvcount, recvtype, root, comm, How::Run,
        )
    }

    /// Section 6.6, scatter.
    fn MPI_Scatterv, fn MPI_Scatterv_c(
        sendbuf: *const c_void, sendcounts: *const c_int | *const MPI_Count,
        displs: *const c_int | *const MPI_Aint, sendtype: MPI_Datatype, recvbuf: *mut c_void,
        recvcount: c_int | MPI_Count, recvtype: MPI_Datatype, root: c_int, comm: MPI_Comm,
    ) on comm {
        coll_arg::scatterv(
            sendbuf, sendcounts, displs, sendtype, recvbuf, recvcount, recvtype, root, comm,
            How::Run,
        )
    }

    /// Section 6.7, gather-to-all.
    fn MPI_Allgather, fn MPI_Allgather_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcount: c_int | MPI_Count, recvtype: MPI_Datatype,
        comm: MPI_Comm,
    ) on comm {
        coll_arg::allgather(
            sendbuf, sendcount, sendtype, recvbuf, recvcount, recvtype, comm, How::Run,
        )
    }

    /// Section 6.7, gather-to-all.
    fn MPI_Allgatherv, fn MPI_Allgatherv_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcounts: *const c_int | *const MPI_Count,
        displs: *const c_int | *const MPI_Aint, recvtype: MPI_Datatype, comm: MPI_Comm,
    ) on comm {
        coll_arg::allgatherv(
            sendbuf, sendcount, sendtype, recvbuf, recvcounts, displs, recvtype, comm, How::Run,
        )
    }

    /// Section 6.8, all-to-all.
    fn MPI_Alltoall, fn MPI_Alltoall_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcount: c_int | MPI_Count, recvtype: MPI_Datatype,
        comm: MPI_Comm,
    ) on comm {
        coll_arg::alltoall(
            sendbuf, sendcount, sendtype, recvbuf, recvcount, recvtype, comm, How::Run,
        )
    }

    /// Section 6.8, all-to-all.
    fn MPI_Alltoallv, fn MPI_Alltoallv_c(
        sendbuf: *const c_void, sendcounts: *const c_int | *const MPI_Count,
        sdispls: *const c_int | *const MPI_Aint, sendtype: MPI_Datatype, recvbuf: *mut c_void,
        recvcounts: *const c_int | *const MPI_Count, rdispls: *const c_int | *const MPI_Aint,
        recvtype: MPI_Datatype, comm: MPI_Comm,
    ) on comm {
        coll_arg::alltoallv(
            sendbuf, sendcounts, sdispls, sendtype, recvbuf, recvcounts, rdispls, recvtype, comm,
            How::Run,
        )
    }

    /// Section 6.8, all-to-all.
    fn MPI_Alltoallw, fn MPI_Alltoallw_c(
        sendbuf: *const c_void, sendcounts: *const c_int | *const MPI_Count,
        sdispls: *const c_int | *const MPI_Aint, sendtypes: *const MPI_Datatype,
        recvbuf: *mut c_void, recvcounts: *const c_int | *const MPI_Count,
        rdispls: *const c_int | *const MPI_Aint, recvtypes: *const MPI_Datatype,
        comm: MPI_Comm,
    ) on comm {
        coll_arg::alltoallw(
            sendbuf, sendcounts, sdispls, sendtypes, recvbuf, recvcounts, rdispls, recvtypes, comm,
            How::Run,
        )
    }

    /// Section 6.9.1, reduce.
    fn MPI_Reduce, fn MPI_Reduce_c(
        sendbuf: *const c_void, recvbuf: *mut c_void, count: c_int | MPI_Count,
        datatype: MPI_Datatype, op: MPI_Op, root: c_int, comm: MPI_Comm,
    ) on comm {
        coll_arg::reduce(sendbuf, recvbuf, count, datatype, op, root, comm, How::Run)
    }

    /// Section 6.9.6, all-reduce.
    fn MPI_Allreduce, fn MPI_Allreduce_c(
        sendbuf: *const c_void, recvbuf: *mut c_void, count: c_int | MPI_Count,
        datatype: MPI_Datatype, op: MPI_Op, comm: MPI_Comm,
    ) on comm {
        coll_arg::allreduce(sendbuf, recvbuf, count, datatype, op, comm, How::Run)
    }

    /// Section 6.10.1, reduce-scatter with equal blocks.
    fn MPI_Reduce_scatter_block, fn MPI_Reduce_scatter_block_c(
        sendbuf: *const c_void, recvbuf: *mut c_void, recvcount: c_int | MPI_Count,
        datatype: MPI_Datatype, op: MPI_Op, comm: MPI_Comm,
    ) on comm {
        coll_arg::reduce_scatter_block(sendbuf, recvbuf, recvcount, datatype, op, comm, How::Run)
    }

    /// Section 6.10.2, reduce-scatter.
    fn MPI_Reduce_scatter, fn MPI_Reduce_scatter_c(
        sendbuf: *const c_void, recvbuf: *mut c_void,
        recvcounts: *const c_int | *const MPI_Count, datatype: MPI_Datatype, op: MPI_Op,
        comm: MPI_Comm,
    ) on comm {
        coll_arg::reduce_scatter(sendbuf, recvbuf, recvcounts, datatype, op, comm, How::Run)
    }

    /// Section 6.11.1, inclusive scan.
    fn MPI_Scan, fn MPI_Scan_c(
        sendbuf: *const c_void, recvbuf: *mut c_void, count: c_int | MPI_Count,
        datatype: MPI_Datatype, op: MPI_Op, comm: MPI_Comm,
    ) on comm {
        coll_arg::scan(sendbuf, recvbuf, count, datatype, op, comm, How::Run)
    }

    /// Section 6.11.2, exclusive scan.
    fn MPI_Exscan, fn MPI_Exscan_c(
        sendbuf: *const c_void, recvbuf: *mut c_void, count: c_int | MPI_Count,
        datatype: MPI_Datatype, op: MPI_Op, comm: MPI_Comm,
    ) on comm {
        coll_arg::exscan(sendbuf, recvbuf, count, datatype, op, comm, How::Run)
    }

    /// Section 8.6.1, neighborhood gather.
    fn MPI_Neighbor_allgather, fn MPI_Neighbor_allgather_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcount: c_int | MPI_Count, recvtype: MPI_Datatype,
        comm: MPI_Comm,
    ) on comm {
        coll_arg::neighbor_allgather(
            sendbuf, sendcount, sendtype, recvbuf, recvcount, recvtype, comm, How::Run,
        )
    }

    /// Section 8.6.1, neighborhood gather.
    fn MPI_Neighbor_allgatherv, fn MPI_Neighbor_allgatherv_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcounts: *const c_int | *const MPI_Count,
        displs: *const c_int | *const MPI_Aint, recvtype: MPI_Datatype, comm: MPI_Comm,
    ) on comm {
        coll_arg::neighbor_allgatherv(
            sendbuf, sendcount, sendtype, recvbuf, recvcounts, displs, recvtype, comm, How::Run,
        )
    }

    /// Section 8.6.2, neighborhood all-to-all.
    fn MPI_Neighbor_alltoall, fn MPI_Neighbor_alltoall_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        recvbuf: *mut c_void, recvcount: c_int | MPI_Count, recvtype: MPI_Datatype,
        comm: MPI_Comm,
    ) on comm {
        coll_arg::neighbor_alltoall(
            sendbuf, sendcount, sendtype, recvbuf, recvcount, recvtype, comm, How::Run,
        )
    }

    /// Section 8.6.2, neighborhood all-to-all.
    fn MPI_Neighbor_alltoallv, fn MPI_Neighbor_alltoallv_c(
        sendbuf: *const c_void, sendcounts: *const c_int | *const MPI_Count,
        sdispls: *const c_int | *const MPI_Aint, sendtype: MPI_Datatype, recvbuf: *mut c_void,
        recvcounts: *const c_int | *const MPI_Count, rdispls: *const c_int | *const MPI_Aint,
        recvtype: MPI_Datatype, comm: MPI_Comm,
    ) on comm {
        coll_arg::neighbor_alltoallv(
            sendbuf, sendcounts, sdispls, sendtype, recvbuf, recvcounts, rdispls, recvtype, comm,
            How::Run,
        )
    }

    /// Section 8.6.2, neighborhood all-to-all.
    fn MPI_Neighbor_alltoallw, fn MPI_Neighbor_alltoallw_c(
        sendbuf: *const c_void, sendcounts: *const c_int | *const MPI_Count,
        sdispls: *const MPI_Aint, sendtypes: *const MPI_Datatype, recvbuf: *mut c_void,
        recvcounts: *const c_int | *const MPI_Count, rdispls: *const MPI_Aint,
        recvtypes: *const MPI_Datatype, comm: MPI_Comm,
    ) on comm {
        coll_arg::neighbor_alltoallw(
            sendbuf, sendcounts, sdispls, sendtypes, recvbuf, recvcounts, rdispls, recvtypes, comm,
            How::Run,
        )
    }
}
