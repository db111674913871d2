//! Partitioned communication (MPI 5.0, chapter 4).
//!
//! The standard has one form of `MPI_Psend_init` and `MPI_Precv_init`, whose count is
//! an `MPI_Count`. The `_c` names are those of the ABI's reference header, which has
//! both forms.

use super::message;
use super::prelude::*;
use crate::object::comm::Comm;
use crate::pml::partitioned::{Side, Which};
use crate::request::partitioned;
use std::sync::Arc;

export! {
    /// Section 4.2.1, partitioned initialization and starting.
    fn MPI_Precv_init, fn MPI_Precv_init_c(
        buf: *mut c_void, partitions: c_int, count: MPI_Count, datatype: MPI_Datatype,
        dest: c_int, tag: c_int, comm: MPI_Comm, info: MPI_Info, request: *mut MPI_Request,
    ) on comm {
        arg::put(request, "request", MPI_REQUEST_NULL)?;
        let raw = comm.0;
        let comm = arg::comm(comm)?;
        let which = Which { rank: source(comm, dest)?, tag: arg::tag(tag)?, comm: raw };
        let side = side(buf, partitions, count, datatype, info)?;
        let raw = partitioned::init_receive((comm, raw), &side, which)?;
        arg::put(request, "request", MPI_Request(raw))
    }

    /// Section 4.2.1, partitioned initialization and starting.
    fn MPI_Psend_init, fn MPI_Psend_init_c(
        buf: *const c_void, partitions: c_int, count: MPI_Count,
        datatype: MPI_Datatype, dest: c_int, tag: c_int, comm: MPI_Comm, info: MPI_Info,
        request: *mut MPI_Request,
    ) on comm {
        arg::put(request, "request", MPI_REQUEST_NULL)?;
        let raw = comm.0;
        let comm = arg::comm(comm)?;
        let which = Which { rank: arg::dest(comm, dest)?, tag: arg::tag(tag)?, comm: raw };
        let side = side(buf, partitions, count, datatype, info)?;
        let raw = partitioned::init_send((comm, raw), &side, which)?;
        arg::put(request, "request", MPI_Request(raw))
    }

    /// Section 4.2.2, partitioned completion.
    fn MPI_Parrived(request: MPI_Request, partition: c_int, flag: *mut c_int) {
        let arrived = request == MPI_REQUEST_NULL || partitioned::arrived(request.0, partition)?;
        arg::put_flag(flag, "flag", arrived)
    }

    /// Section 4.2.2, partitioned completion.
    fn MPI_Pready(partition: c_int, request: MPI_Request) {
        partitioned::ready(request.0, std::iter::once(partition))
    }

    /// Section 4.2.2, partitioned completion.
    fn MPI_Pready_list(length: c_int, array_of_partitions: *const c_int, request: MPI_Request) {
        let list = arg::slice(array_of_partitions, arg::number(length, "length")?, "array_of_partitions")?;
        partitioned::ready(request.0, list.iter().copied())
    }

    /// Section 4.2.2, partitioned completion.
    fn MPI_Pready_range(partition_low: c_int, partition_high: c_int, request: MPI_Request) {
        if partition_low > partition_high {
            fail!(ARG, "partition_low {partition_low} is above partition_high {partition_high}");
        }
        partitioned::ready(request.0, partition_low..=partition_high)
    }
}

/// The source of a partitioned receive: no wildcard.
///
/// # Errors
/// `MPI_ERR_RANK`.
fn source(comm: &Arc<Comm>, source: c_int) -> Result<Option<u32>> {
    match arg::source(comm, source)? {
        arg::Source::Null => Ok(None),
        arg::Source::Rank(rank) => Ok(Some(rank)),
        arg::Source::Any => fail!(
            RANK,
            "source is MPI_ANY_SOURCE, but partitioned receives take no wildcards"
        ),
    }
}

/// The memory of one side.
///
/// # Safety
/// The datatype is not freed while the result is used.
///
/// # Errors
/// A negative number, a datatype that is none or not committed, a null address with
/// something to move, or an info object that is none.
unsafe fn side(
    buf: *const c_void,
    partitions: c_int,
    count: MPI_Count,
    datatype: MPI_Datatype,
    info: MPI_Info,
) -> Result<Side<'static>> {
    let Ok(partitions) = u32::try_from(partitions) else {
        fail!(ARG, "partitions {partitions} is negative");
    };
    arg::hints(info)?;
    let none = if partitions == 0 { 0 } else { count };
    // SAFETY: as the caller said. Without partitions there is no memory.
    let whole = unsafe { message::message(buf, none, datatype) }?;
    arg::count(count)?;
    let Some(datatype) = whole.datatype else {
        fail!(TYPE, "datatype is none");
    };
    Ok(Side {
        addr: whole.addr,
        partitions,
        count: arg::count(count)?,
        datatype,
    })
}
