//! What the calls of point-to-point communication share: a message out of its
//! three arguments, and starting what they name.

use super::arg::{self, Number, Source};
use super::consts::{MPI_ANY_TAG, MPI_IN_PLACE};
use super::types::*;
use crate::error::Result;
use crate::fail;
use crate::object::comm::{self, Space};
use crate::object::datatype;
use crate::pml::{self, Buffer, Completion, Mode};
use crate::request::persistent::{self, FromNull, Kept, Persistent};
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
    if !is_somewhere(addr) && count > 0 && datatype.size() > 0 {
        if !addr.is_null() {
            return in_place();
        }
        if datatype.element().is_some() {
            return null_buffer(count);
        }
    }
    Ok(Buffer {
        addr: addr.cast::<u8>().cast_mut(),
        count,
        datatype: Some(datatype),
    })
}

/// Whether a buffer is neither at a null pointer nor `MPI_IN_PLACE`.
#[inline(always)]
#[allow(clippy::inline_always, reason = "as in `plain`")]
fn is_somewhere(addr: *const c_void) -> bool {
    addr.addr() > MPI_IN_PLACE.addr()
}

#[cold]
fn in_place() -> Result<Buffer<'static>> {
    fail!(
        BUFFER,
        "the buffer is MPI_IN_PLACE, which only collectives take"
    )
}

#[cold]
fn null_buffer(count: usize) -> Result<Buffer<'static>> {
    fail!(
        BUFFER,
        "the buffer of {count} elements is at a null pointer"
    )
}

/// Address and length of a message of a predefined type, if that lies in one run and is not
/// long. `None`: it has to be looked at more closely, and may be wrong.
#[inline(always)]
#[allow(clippy::inline_always, reason = "every short message comes here")]
fn plain(
    addr: *const c_void,
    count: impl Number,
    datatype: MPI_Datatype,
) -> Option<(*const u8, usize)> {
    // A negative count is a large one.
    let count = u64::try_from(count.wide()).ok()?;
    let size = datatype::dense_size(datatype.0)?;
    let len = usize::try_from(count).ok()?.checked_mul(size)?;
    is_somewhere(addr).then_some((addr.cast(), len))
}

/// Sends a message that needs no second look at its arguments, and no more than a cell.
/// Whether that was done.
///
/// # Safety
/// As [`send`].
#[inline(always)]
#[allow(clippy::inline_always, reason = "as in `plain`")]
unsafe fn went(
    (buf, count, datatype): (*const c_void, impl Number, MPI_Datatype),
    dest: c_int,
    tag: c_int,
    comm: MPI_Comm,
    mode: Mode,
) -> bool {
    if let Mode::Standard | Mode::Ready = mode
        && tag >= 0
        && let Some((addr, len)) = plain(buf, count, datatype)
        && let Some(comm) = comm::find(comm.0)
    {
        // No rank has the number of a negative `dest`.
        let dest = dest.cast_unsigned();
        // SAFETY: the caller's buffer.
        return unsafe { pml::send_short(comm, Space::PointToPoint, dest, tag, addr, len) };
    }
    false
}

/// Sends and waits until the buffer may be used again.
///
/// # Safety
/// As the standard's call: the buffer is readable.
///
/// # Errors
/// Any argument that is wrong.
#[inline(always)]
#[allow(clippy::inline_always, reason = "as in `plain`")]
pub unsafe fn send(
    buf: *const c_void,
    count: impl Number,
    datatype: MPI_Datatype,
    dest: c_int,
    tag: c_int,
    comm: MPI_Comm,
    mode: Mode,
) -> Result<()> {
    // SAFETY: the caller's buffer and type.
    unsafe {
        if went((buf, count, datatype), dest, tag, comm, mode) {
            return Ok(());
        }
        send_any(buf, count, datatype, dest, tag, comm, mode)
    }
}

/// As [`send`], of any message.
///
/// # Safety
/// As [`send`].
///
/// # Errors
/// As [`send`].
#[inline(never)]
unsafe fn send_any(
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
        pml::send_any(comm, Space::PointToPoint, dest, tag, &message, mode)
    }
}

/// Starts a send and names it.
///
/// # Safety
/// As the standard's call: the buffer stays readable until it is complete.
///
/// # Errors
/// Any argument that is wrong.
#[inline(always)]
#[allow(clippy::inline_always, reason = "as in `plain`")]
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
    // SAFETY: the caller's buffer, type and request.
    unsafe {
        if !out.is_null() && went((buf, count, datatype), dest, tag, handle, mode) {
            return arg::put(out, "request", MPI_Request(request::SENT));
        }
        isend_any(buf, count, datatype, dest, tag, handle, out, mode)
    }
}

/// As [`isend`], of any message.
///
/// # Safety
/// As [`isend`].
///
/// # Errors
/// As [`isend`].
#[inline(never)]
unsafe fn isend_any(
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
                let started = pml::isend_any(comm, Space::PointToPoint, dest, tag, &message, mode)?;
                request::insert_pml(started, handle.0)?
            }
        };
        arg::put(out, "request", MPI_Request(raw))
    }
}

/// Receives a message that is there already, if nothing needs a second look: its tag and
/// length.
///
/// # Safety
/// As the standard's call: the buffer is writable.
#[inline(always)]
#[allow(clippy::inline_always, reason = "as in `plain`")]
unsafe fn took(
    (buf, count, datatype): (*mut c_void, impl Number, MPI_Datatype),
    source: c_int,
    tag: c_int,
    comm: MPI_Comm,
) -> Option<(i32, u32)> {
    let tag = wanted_tag(tag)?;
    let (addr, room) = plain(buf, count, datatype)?;
    let comm = comm::find(comm.0)?;
    // No rank has the number of a negative `source`.
    let source = source.cast_unsigned();
    let space = Space::PointToPoint;
    // SAFETY: the caller's buffer.
    unsafe { pml::receive_short(comm, space, source, tag, addr.cast_mut(), room) }
}

/// Receives, and waits for the message.
///
/// # Safety
/// As the standard's call: the buffer is writable.
///
/// # Errors
/// Any argument that is wrong, or that of the receive.
#[inline(always)]
#[allow(clippy::inline_always, reason = "as in `plain`")]
pub unsafe fn recv(
    buf: *mut c_void,
    count: impl Number,
    datatype: MPI_Datatype,
    source: c_int,
    tag: c_int,
    comm: MPI_Comm,
    status: *mut MPI_Status,
) -> Result<()> {
    // SAFETY: the caller's buffer and status.
    unsafe {
        if let Some((tag, len)) = took((buf, count, datatype), source, tag, comm) {
            let source = source.cast_unsigned();
            arg::put_status(status, &Completion::received(source, tag, len as usize));
            return Ok(());
        }
        recv_any(buf, count, datatype, source, tag, comm, status)
    }
}

/// As [`recv`], of any message.
///
/// # Safety
/// As [`recv`].
///
/// # Errors
/// As [`recv`].
#[inline(never)]
unsafe fn recv_any(
    buf: *mut c_void,
    count: impl Number,
    datatype: MPI_Datatype,
    source: c_int,
    tag: c_int,
    comm: MPI_Comm,
    status: *mut MPI_Status,
) -> Result<()> {
    let comm = arg::comm(comm)?;
    let from = wanted(comm, source, tag)?;
    // SAFETY: the caller's buffer, type and status.
    unsafe {
        let buffer = message(buf, count, datatype)?;
        let completion = match from.source {
            None => Completion::proc_null(),
            Some(source) => pml::recv(comm, Space::PointToPoint, source, from.tag, &buffer)?,
        };
        received(status, completion)
    }
}

/// Starts a receive and names it.
///
/// # Safety
/// As the standard's call: the buffer stays writable until it is complete.
///
/// # Errors
/// Any argument that is wrong.
#[inline(always)]
#[allow(clippy::inline_always, reason = "as in `plain`")]
pub unsafe fn irecv(
    buf: *mut c_void,
    count: impl Number,
    datatype: MPI_Datatype,
    source: c_int,
    tag: c_int,
    comm: MPI_Comm,
    out: *mut MPI_Request,
) -> Result<()> {
    // SAFETY: the caller's buffer and request.
    unsafe {
        if !out.is_null()
            && let Some(started) = took_or_posted((buf, count, datatype), source, tag, comm)
        {
            let raw = request::insert_pml(started, comm.0)?;
            return arg::put(out, "request", MPI_Request(raw));
        }
        irecv_any(buf, count, datatype, source, tag, comm, out)
    }
}

/// As [`irecv`], of any message.
///
/// # Safety
/// As [`irecv`].
///
/// # Errors
/// As [`irecv`].
#[inline(never)]
unsafe fn irecv_any(
    buf: *mut c_void,
    count: impl Number,
    datatype: MPI_Datatype,
    source: c_int,
    tag: c_int,
    handle: MPI_Comm,
    out: *mut MPI_Request,
) -> Result<()> {
    // SAFETY: the caller's buffer, type and request.
    unsafe {
        let comm = arg::comm(handle)?;
        let from = wanted(comm, source, tag)?;
        let buffer = message(buf, count, datatype)?;
        let raw = match from.source {
            None => request::insert(Box::new(FromNull), false)?,
            Some(source) => {
                let start = match plain(buf, count, datatype) {
                    Some(_) => pml::post, // it was looked for
                    None => pml::irecv,
                };
                let started = start(comm, Space::PointToPoint, source, from.tag, &buffer)?;
                request::insert_pml(started, handle.0)?
            }
        };
        arg::put(out, "request", MPI_Request(raw))
    }
}

/// Starts a receive, if nothing needs a second look: takes a message that is there already,
/// or posts it.
///
/// # Safety
/// As [`irecv`].
#[inline(always)]
#[allow(clippy::inline_always, reason = "as in `plain`")]
unsafe fn took_or_posted(
    (buf, count, datatype): (*mut c_void, impl Number, MPI_Datatype),
    source: c_int,
    tag: c_int,
    comm: MPI_Comm,
) -> Option<pml::Request> {
    let tag = wanted_tag(tag)?;
    let (addr, room) = plain(buf, count, datatype)?;
    let comm = comm::find(comm.0)?;
    let pattern = (source.cast_unsigned(), tag);
    let run = (addr.cast_mut(), room);
    // SAFETY: the caller's buffer.
    unsafe { pml::irecv_run(comm, Space::PointToPoint, pattern, run, datatype.0) }
}

/// What a receive with this tag asks for. `None`: the tag is wrong.
#[inline]
fn wanted_tag(tag: c_int) -> Option<Option<i32>> {
    match tag {
        0.. => Some(Some(tag)),
        MPI_ANY_TAG => Some(None),
        _ => None,
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
