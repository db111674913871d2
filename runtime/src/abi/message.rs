//! What the calls of point-to-point communication share: a message out of its
//! three arguments, and starting what they name.

use super::arg::{self, Number, Source};
use super::types::*;
use crate::error::Result;
use crate::fail;
use crate::object::comm::Space;
use crate::object::datatype;
use crate::pml::{self, Buffer, Completion, Mode};
use crate::request::persistent::{self, Kept, Persistent};
use crate::request::{self};
use std::ffi::{c_int, c_void};

/// The message at `addr`.
///
/// # Safety
/// The datatype is not freed while the result is used.
///
/// # Errors
/// A negative count, a datatype that is none or not committed, a null address
/// with something to move.
#[inline]
pub unsafe fn message(
    addr: *const c_void,
    count: impl Number,
    datatype: MPI_Datatype,
) -> Result<Buffer<'static>> {
    let count = arg::count(count)?;
    // SAFETY: as the caller said.
    let datatype = unsafe { datatype::get_committed(datatype.0) }?;
    if addr.is_null() && count > 0 && datatype.size() > 0 && datatype.element().is_some() {
        return null_buffer(count);
    }
    Ok(Buffer {
        addr: addr.cast::<u8>().cast_mut(),
        count,
        datatype: Some(datatype),
    })
}

#[cold]
fn null_buffer(count: usize) -> Result<Buffer<'static>> {
    fail!(
        BUFFER,
        "the buffer of {count} elements is at a null pointer"
    )
}

/// Sends and waits until the buffer may be used again.
///
/// # Safety
/// As the standard's call: the buffer is readable.
///
/// # Errors
/// Any argument that is wrong.
#[inline]
pub unsafe fn send(
    buf: *const c_void,
    count: impl Number,
    datatype: MPI_Datatype,
    dest: c_int,
    tag: c_int,
    comm: MPI_Comm,
    mode: Mode,
) -> Result<()> {
    let comm = arg::comm(comm)?;
    let dest = arg::dest(comm, dest)?;
    let tag = arg::tag(tag)?;
    // SAFETY: the caller's buffer and type.
    unsafe {
        let message = message(buf, count, datatype)?;
        let Some(dest) = dest else { return Ok(()) };
        pml::send(comm, Space::PointToPoint, dest, tag, &message, mode)
    }
}

/// Starts a send and names it.
///
/// # Safety
/// As the standard's call: the buffer stays readable until it is complete.
///
/// # Errors
/// Any argument that is wrong.
#[inline]
pub unsafe fn isend(
    buf: *const c_void,
    count: impl Number,
    datatype: MPI_Datatype,
    dest: c_int,
    tag: c_int,
    handle: MPI_Comm,
    out: *mut MPI_Request,
    mode: Mode,
) -> Result<()> {
    let comm = arg::comm(handle)?;
    let dest = arg::dest(comm, dest)?;
    let tag = arg::tag(tag)?;
    // SAFETY: the caller's buffer, type and request.
    unsafe {
        let message = message(buf, count, datatype)?;
        let raw = match dest {
            None => request::SENT,
            Some(dest) => {
                let started = pml::isend(comm, Space::PointToPoint, dest, tag, &message, mode)?;
                request::insert_pml(started, handle.0)?
            }
        };
        arg::put(out, "request", MPI_Request(raw))
    }
}

/// Names a persistent send.
///
/// # Safety
/// As the standard's call: the buffer stays as long as the request.
///
/// # Errors
/// Any argument that is wrong.
pub unsafe fn send_init(
    buf: *const c_void,
    count: impl Number,
    datatype: MPI_Datatype,
    dest: c_int,
    tag: c_int,
    handle: MPI_Comm,
    out: *mut MPI_Request,
    mode: Mode,
) -> Result<()> {
    let comm = arg::comm(handle)?;
    let dest = arg::dest(comm, dest)?;
    let tag = arg::tag(tag)?;
    // SAFETY: the caller's buffer, type and request.
    unsafe {
        let memory = Kept::of(&message(buf, count, datatype)?);
        let comm = comm.clone();
        let send = persistent::Send {
            comm,
            dest,
            tag,
            memory,
            mode,
            running: None,
        };
        let raw = request::insert_persistent(Persistent::Send(send), handle.0)?;
        arg::put(out, "request", MPI_Request(raw))
    }
}

/// Finishes a blocking receive: fills the status, and gives the error on.
///
/// # Safety
/// `status` is `MPI_STATUS_IGNORE` or may be written.
///
/// # Errors
/// That of the receive.
#[inline]
pub unsafe fn received(status: *mut MPI_Status, completion: Completion) -> Result<()> {
    // SAFETY: the caller's status.
    unsafe { arg::put_status(status, &completion) };
    match completion.error {
        None => Ok(()),
        Some(error) => Err(error),
    }
}

/// The two arguments that say which message: source and tag, wildcards allowed.
pub struct Wanted {
    /// `None` for `MPI_PROC_NULL`, else the rank or any.
    pub source: Option<Option<u32>>,
    /// The tag or any.
    pub tag: Option<i32>,
}

/// Which message a receive or probe asks for.
///
/// # Errors
/// A source or tag that is none.
#[inline]
pub fn wanted(comm: &crate::object::comm::Comm, source: c_int, tag: c_int) -> Result<Wanted> {
    let source = match arg::source(comm, source)? {
        Source::Null => None,
        other => Some(other.rank()),
    };
    Ok(Wanted {
        source,
        tag: arg::recv_tag(tag)?,
    })
}
