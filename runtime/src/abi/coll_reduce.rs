//! Collective reductions (MPI 5.0, sections 6.9 to 6.13).

use super::coll_check::{Role, counts, no_groups, reduction, rooted};
use super::coll_form;
use super::prelude::*;
use crate::coll::{Call, Reduction, Root};
use crate::pml::Buffer;

collectives! {
    /// Section 6.9.1, reduce.
    fn MPI_Reduce, fn MPI_Reduce_c
    /// Section 6.12.7, nonblocking reduce.
    fn MPI_Ireduce, fn MPI_Ireduce_c
    /// Section 6.13.7, persistent reduce.
    fn MPI_Reduce_init, fn MPI_Reduce_init_c
    (
        sendbuf: *const c_void, recvbuf: *mut c_void, count: c_int | MPI_Count,
        datatype: MPI_Datatype, op: MPI_Op, root: c_int, comm: MPI_Comm,
    ) on comm, kind REDUCE, body reduce(perform) {
        let (root, here) = rooted(comm, root)?;
        let role = match (root, here) {
            (Root::Rank(_), true) => Some(Role::Both),
            (Root::Rank(_), false) => Some(Role::Sender),
            (Root::Here, _) => Some(Role::Receiver),
            (Root::Beside, _) => None, // no other argument is significant there
        };
        let call = match role {
            None => Call::Bcast(Buffer::bytes(std::ptr::null(), 0), root),
            Some(role) => {
                let count = arg::count(count)?;
                Call::Reduce(reduction(comm, role, sendbuf, recvbuf, count, datatype, op)?, root)
            }
        };
        perform(&call)
    }

    /// Section 6.9.6, all-reduce.
    fn MPI_Allreduce, fn MPI_Allreduce_c
    /// Section 6.12.8, nonblocking all-reduce.
    fn MPI_Iallreduce, fn MPI_Iallreduce_c
    /// Section 6.13.8, persistent all-reduce.
    fn MPI_Allreduce_init, fn MPI_Allreduce_init_c
    (
        sendbuf: *const c_void, recvbuf: *mut c_void, count: c_int | MPI_Count,
        datatype: MPI_Datatype, op: MPI_Op, comm: MPI_Comm,
    ) on comm, kind ALLREDUCE, body allreduce(perform) {
        let (role, count) = (Role::Both, arg::count(count)?);
        let reduction = reduction(comm, role, sendbuf, recvbuf, count, datatype, op)?;
        perform(&Call::Allreduce(reduction))
    }

    /// Section 6.10.1, reduce-scatter with equal blocks.
    fn MPI_Reduce_scatter_block, fn MPI_Reduce_scatter_block_c
    /// Section 6.12.9, nonblocking reduce-scatter with equal blocks.
    fn MPI_Ireduce_scatter_block, fn MPI_Ireduce_scatter_block_c
    /// Section 6.13.9, persistent reduce-scatter with equal blocks.
    fn MPI_Reduce_scatter_block_init, fn MPI_Reduce_scatter_block_init_c
    (
        sendbuf: *const c_void, recvbuf: *mut c_void, recvcount: c_int | MPI_Count,
        datatype: MPI_Datatype, op: MPI_Op, comm: MPI_Comm,
    ) on comm, kind REDUCE_SCATTER_BLOCK, body reduce_scatter_block(perform) {
        let count = arg::count(recvcount)?;
        let all = count.saturating_mul(comm.size() as usize);
        let role = Role::Scattered(count);
        let reduction = reduction(comm, role, sendbuf, recvbuf, all, datatype, op)?;
        perform(&Call::ReduceScatterBlock(Reduction { count, ..reduction }))
    }

    /// Section 6.10.2, reduce-scatter.
    fn MPI_Reduce_scatter, fn MPI_Reduce_scatter_c
    /// Section 6.12.10, nonblocking reduce-scatter.
    fn MPI_Ireduce_scatter, fn MPI_Ireduce_scatter_c
    /// Section 6.13.10, persistent reduce-scatter.
    fn MPI_Reduce_scatter_init, fn MPI_Reduce_scatter_init_c
    (
        sendbuf: *const c_void, recvbuf: *mut c_void,
        recvcounts: *const c_int | *const MPI_Count, datatype: MPI_Datatype, op: MPI_Op,
        comm: MPI_Comm,
    ) on comm, kind REDUCE_SCATTER, body reduce_scatter(perform) {
        let ranks = comm.size() as usize;
        let parts = counts(recvcounts, ranks, "recvcounts")?;
        let all = (0..ranks).fold(0, |sum: usize, i| sum.saturating_add(parts.count(i)));
        let role = Role::Scattered(parts.count(comm.rank as usize));
        let reduction = reduction(comm, role, sendbuf, recvbuf, all, datatype, op)?;
        perform(&Call::ReduceScatter(reduction, parts))
    }

    /// Section 6.11.1, inclusive scan.
    fn MPI_Scan, fn MPI_Scan_c
    /// Section 6.12.11, nonblocking inclusive scan.
    fn MPI_Iscan, fn MPI_Iscan_c
    /// Section 6.13.11, persistent inclusive scan.
    fn MPI_Scan_init, fn MPI_Scan_init_c
    (
        sendbuf: *const c_void, recvbuf: *mut c_void, count: c_int | MPI_Count,
        datatype: MPI_Datatype, op: MPI_Op, comm: MPI_Comm,
    ) on comm, kind SCAN, body scan(perform) {
        no_groups(comm)?;
        let (role, count) = (Role::Both, arg::count(count)?);
        let reduction = reduction(comm, role, sendbuf, recvbuf, count, datatype, op)?;
        perform(&Call::Scan(reduction))
    }

    /// Section 6.11.2, exclusive scan.
    fn MPI_Exscan, fn MPI_Exscan_c
    /// Section 6.12.12, nonblocking exclusive scan.
    fn MPI_Iexscan, fn MPI_Iexscan_c
    /// Section 6.13.12, persistent exclusive scan.
    fn MPI_Exscan_init, fn MPI_Exscan_init_c
    (
        sendbuf: *const c_void, recvbuf: *mut c_void, count: c_int | MPI_Count,
        datatype: MPI_Datatype, op: MPI_Op, comm: MPI_Comm,
    ) on comm, kind EXSCAN, body exscan(perform) {
        no_groups(comm)?;
        let (role, count) = (Role::Both, arg::count(count)?);
        let reduction = reduction(comm, role, sendbuf, recvbuf, count, datatype, op)?;
        perform(&Call::Exscan(reduction))
    }
}
