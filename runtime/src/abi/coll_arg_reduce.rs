//! The arguments of reductions: a part of [`coll_arg`](super::coll_arg).

use super::arg::{self, Number};
use super::coll_arg::{How, checked, perform};
use super::coll_check::{Integer, Part, counts, no_groups, reduction, root};
use super::types::{MPI_Comm, MPI_Datatype, MPI_Op};
use crate::coll::{Call, Root};
use crate::error::Result;
use crate::pml::Buffer;
use std::ffi::{c_int, c_void};
use wireup::collective::Kind;

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
