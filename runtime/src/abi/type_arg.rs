//! Arguments that are datatypes, and what constructors of them take.
//! Re-exported by `arg`, under whose name the chapters use them.

use super::consts::MPI_UNDEFINED;
use super::number::Number;
use super::pointer::{get, put, slice, slice_mut};
use super::types::{MPI_Count, MPI_Datatype, MPI_Status};
use crate::error::{Class, Error, Result};
use crate::fail;
use crate::object::datatype::{self, Combiner, Datatype, Envelope, Width};
use std::sync::Arc;

/// The datatype that a handle names, committed or not.
///
/// # Safety
/// As [`datatype::get`].
///
/// # Errors
/// `MPI_ERR_TYPE`.
#[inline]
pub unsafe fn datatype(handle: MPI_Datatype) -> Result<&'static Arc<Datatype>> {
    // SAFETY: as the caller said.
    unsafe { datatype::get(handle.0) }
}

/// The datatype of a message: committed.
///
/// # Safety
/// As [`datatype::get`].
///
/// # Errors
/// `MPI_ERR_TYPE`.
#[inline]
pub unsafe fn committed(handle: MPI_Datatype) -> Result<&'static Arc<Datatype>> {
    // SAFETY: as the caller said.
    unsafe { datatype::get_committed(handle.0) }
}

/// An array of datatypes, shared.
///
/// # Safety
/// As [`slice()`].
///
/// # Errors
/// `MPI_ERR_TYPE`, and `MPI_ERR_ARG` for a null pointer.
pub unsafe fn datatypes(
    at: *const MPI_Datatype,
    len: usize,
    what: &str,
) -> Result<Vec<Arc<Datatype>>> {
    // SAFETY: as the caller said.
    let handles = unsafe { slice(at, len, what) }?;
    let one = |(i, handle): (usize, &MPI_Datatype)| {
        datatype::share(handle.0)
            .map_err(|error| Error::new(error.class(), format!("{what}[{i}]: {error}")))
    };
    handles.iter().enumerate().map(one).collect()
}

/// Names a new datatype and writes its handle.
///
/// # Safety
/// `at` is null or may be written.
///
/// # Errors
/// `MPI_ERR_ARG`: `at` is null.
pub unsafe fn put_datatype(at: *mut MPI_Datatype, new: Arc<Datatype>) -> Result<()> {
    // SAFETY: as the caller said. Null is found before a handle is made.
    unsafe {
        put(at, "newtype", MPI_Datatype(datatype::DATATYPE_NULL))?;
        put(at, "newtype", MPI_Datatype(datatype::insert(new)?))
    }
}

/// Writes the handles of an envelope's datatypes, of which there is room for
/// `room`.
///
/// # Safety
/// `at` is null or good for writing `room` handles.
///
/// # Errors
/// `MPI_ERR_ARG`: too little room.
pub unsafe fn put_datatypes(
    datatypes: &[Arc<Datatype>],
    at: *mut MPI_Datatype,
    room: impl Number,
) -> Result<()> {
    enough(datatypes.len(), room, "datatypes")?;
    // SAFETY: as the caller said, who has room for so many.
    let handles = unsafe { slice_mut(at, datatypes.len(), "array_of_datatypes") }?;
    for (handle, datatype) in handles.iter_mut().zip(datatypes) {
        *handle = MPI_Datatype(datatype::handle_of(datatype)?);
    }
    Ok(())
}

/// Writes all of an envelope's numbers of one kind, of which there is room for
/// `room`.
///
/// # Safety
/// `at` is null or good for writing `room` values.
///
/// # Errors
/// `MPI_ERR_ARG`: too little room, or a null pointer.
pub unsafe fn put_all<T>(
    values: impl ExactSizeIterator<Item = T>,
    at: *mut T,
    room: impl Number,
    what: &str,
) -> Result<()> {
    enough(values.len(), room, what)?;
    for (i, value) in values.enumerate() {
        // SAFETY: there is room for `i`, as the caller said.
        unsafe { put(at.wrapping_add(i), what, value) }?;
    }
    Ok(())
}

fn enough(len: usize, room: impl Number, what: &str) -> Result<()> {
    let room = room.wide();
    if usize::try_from(room).is_ok_and(|room| room >= len) {
        return Ok(());
    }
    fail!(
        ARG,
        "max_{what} is {room}, but the datatype has {len}, as MPI_Type_get_envelope says"
    );
}

/// Writes how many of something there are.
///
/// # Safety
/// `at` is null or may be written.
///
/// # Errors
/// `MPI_ERR_VALUE_TOO_LARGE`, and `MPI_ERR_ARG` if `at` is null.
pub unsafe fn put_len<N: Number>(at: *mut N, what: &str, len: usize) -> Result<()> {
    // SAFETY: as the caller said.
    unsafe { super::pointer::put_fitting(at, what, wide(len)) }
}

/// The envelope of a datatype, for calls that have no large counts.
///
/// # Safety
/// As [`datatype::get`].
///
/// # Errors
/// `MPI_ERR_TYPE`: it was made by a large-count constructor.
pub unsafe fn small_envelope(handle: MPI_Datatype) -> Result<&'static Envelope> {
    // SAFETY: as the caller said.
    let envelope = unsafe { datatype(handle) }?.envelope();
    if !envelope.counts.is_empty() {
        fail!(
            TYPE,
            "the datatype was made by a large-count constructor; \
             MPI_Type_get_envelope_c and MPI_Type_get_contents_c decode it"
        );
    }
    Ok(envelope)
}

/// The envelope of a datatype that was constructed.
///
/// # Safety
/// As [`datatype::get`].
///
/// # Errors
/// `MPI_ERR_TYPE`: it is a named predefined one.
pub unsafe fn decodable(handle: MPI_Datatype) -> Result<&'static Envelope> {
    // SAFETY: as the caller said.
    let datatype = unsafe { datatype(handle) }?;
    if datatype.envelope().combiner == Combiner::Named {
        let name = datatype.name();
        let name = String::from_utf8_lossy(&name);
        fail!(TYPE, "{name} is predefined and has no contents to decode");
    }
    Ok(datatype.envelope())
}

/// A count, stride or displacement for a constructor, which checks it itself.
/// Addresses have 64 bits, so that nothing is cut off.
#[inline]
pub fn whole(value: impl Number) -> isize {
    const { assert!(size_of::<isize>() == size_of::<MPI_Count>()) };
    isize::try_from(value.wide()).unwrap_or(isize::MAX)
}

/// An array of what [`whole`] takes.
///
/// # Safety
/// As [`slice()`].
///
/// # Errors
/// `MPI_ERR_ARG`: a null pointer.
pub unsafe fn wholes<N: Number>(at: *const N, len: usize, what: &str) -> Result<Vec<isize>> {
    // SAFETY: as the caller said.
    let values = unsafe { slice(at, len, what) }?;
    Ok(values.iter().map(|&value| whole(value)).collect())
}

/// A size of memory as an `MPI_Count`.
#[inline]
pub fn wide(size: usize) -> MPI_Count {
    MPI_Count::try_from(size).unwrap_or(MPI_Count::MAX)
}

/// A count that may be undefined.
#[inline]
pub fn defined(count: Option<usize>) -> MPI_Count {
    count.map_or(MPI_Count::from(MPI_UNDEFINED), wide)
}

/// Whether a call is a large-count one, by the type of its parameter.
#[inline]
pub fn width<N: Number>(_: N) -> Width {
    N::WIDTH
}

/// As [`width`], by the type of an array.
#[inline]
pub fn width_at<N: Number>(_: *const N) -> Width {
    N::WIDTH
}

/// The bytes that a status says were received.
///
/// # Safety
/// `status` is null or may be read.
///
/// # Errors
/// `MPI_ERR_ARG`: `status` is null.
#[inline]
pub unsafe fn received(status: *const MPI_Status) -> Result<usize> {
    // SAFETY: as the caller said.
    let status = unsafe { get(status, "status") }?;
    Ok(usize::try_from(status.len()).unwrap_or(usize::MAX))
}

/// The bytes that `count` basic elements take (`MPI_Status_set_elements`).
///
/// # Safety
/// As [`datatype::get`].
///
/// # Errors
/// `MPI_ERR_TYPE`, `MPI_ERR_COUNT` for a negative count, and `MPI_ERR_ARG` if no
/// message has so many elements.
pub unsafe fn bytes_of_elements(handle: MPI_Datatype, count: impl Number) -> Result<u64> {
    // SAFETY: as the caller said.
    let datatype = unsafe { datatype(handle) }?;
    let count = super::arg::count(count)?;
    let bytes = datatype.bytes_of_elements(count);
    bytes.map(|bytes| bytes as u64).ok_or_else(|| {
        let size = datatype.size();
        let text = format!("no message holds {count} elements of a datatype of {size} bytes");
        Error::new(Class::ARG, text)
    })
}

/// How the name of an object is kept: at most `MPI_MAX_OBJECT_NAME` less the
/// terminating zero.
#[must_use]
pub fn object_name(name: &std::ffi::CStr) -> &[u8] {
    let name = name.to_bytes();
    let room = usize::try_from(super::consts::MPI_MAX_OBJECT_NAME - 1).unwrap_or(0);
    &name[..name.len().min(room)]
}
