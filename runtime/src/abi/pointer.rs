//! The pointers of C: out-parameters, arrays, strings, statuses. Re-exported by
//! `arg`, under whose name the chapters use them.

use super::consts::MPI_SUCCESS;
use super::number::Number;
use super::types::MPI_Status;
use crate::error::Result;
use crate::fail;
use crate::pml::Completion;
use std::ffi::{CStr, c_char, c_int};

#[cold]
fn null<T>(what: &str) -> Result<T> {
    fail!(ARG, "{what} is a null pointer")
}

/// Writes an out-parameter.
///
/// # Safety
/// `at` is null or may be written.
///
/// # Errors
/// `MPI_ERR_ARG`: `at` is null.
#[inline]
pub unsafe fn put<T>(at: *mut T, what: &str, value: T) -> Result<()> {
    if at.is_null() {
        return null(what);
    }
    // SAFETY: as the caller said. It may be uninitialised: nothing is dropped.
    unsafe { at.write(value) };
    Ok(())
}

/// Writes an out-parameter that C passes as `void *` and means as a pointer to
/// a `T` (`baseptr`, `attribute_val`).
///
/// # Safety
/// `at` is null or may be written as a `T`.
///
/// # Errors
/// `MPI_ERR_ARG`: `at` is null.
#[inline]
pub unsafe fn put_as<T>(at: *mut std::ffi::c_void, what: &str, value: T) -> Result<()> {
    // SAFETY: as the caller said.
    unsafe { put(at.cast::<T>(), what, value) }
}

/// Writes a C truth value.
///
/// # Safety
/// `at` is null or may be written.
///
/// # Errors
/// `MPI_ERR_ARG`: `at` is null.
#[inline]
pub unsafe fn put_flag(at: *mut c_int, what: &str, value: bool) -> Result<()> {
    // SAFETY: as the caller said.
    unsafe { put(at, what, c_int::from(value)) }
}

/// Writes a size or count, `MPI_UNDEFINED` where it does not fit (section 5.1.5).
///
/// # Safety
/// `at` is null or may be written.
///
/// # Errors
/// `MPI_ERR_ARG`: `at` is null.
#[inline]
pub unsafe fn put_count<N: Number>(at: *mut N, what: &str, value: i64) -> Result<()> {
    let value = N::narrow(value).unwrap_or(N::UNDEFINED);
    // SAFETY: as the caller said.
    unsafe { put(at, what, value) }
}

/// Writes a number; one that does not fit is an error.
///
/// # Safety
/// `at` is null or may be written.
///
/// # Errors
/// `MPI_ERR_VALUE_TOO_LARGE`, and `MPI_ERR_ARG` if `at` is null.
#[inline]
pub unsafe fn put_fitting<N: Number>(at: *mut N, what: &str, value: i64) -> Result<()> {
    let Some(narrow) = N::narrow(value) else {
        fail!(
            VALUE_TOO_LARGE,
            "{what} would be {value}, which is more than an int holds"
        );
    };
    // SAFETY: as the caller said.
    unsafe { put(at, what, narrow) }
}

/// Writes bytes where C passes a `void *`.
///
/// # Safety
/// `at` is null or good for writing as many bytes as there are.
///
/// # Errors
/// `MPI_ERR_ARG`: `at` is null.
pub unsafe fn put_bytes(at: *mut std::ffi::c_void, what: &str, bytes: &[u8]) -> Result<()> {
    if at.is_null() {
        return null(what);
    }
    // SAFETY: as the caller said; the bytes are ours.
    unsafe {
        at.cast::<u8>()
            .copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
    }
    Ok(())
}

/// Reads an inout-parameter.
///
/// # Safety
/// `at` is null or may be read.
///
/// # Errors
/// `MPI_ERR_ARG`: `at` is null.
#[inline]
pub unsafe fn get<T: Copy>(at: *const T, what: &str) -> Result<T> {
    if at.is_null() {
        return null(what);
    }
    // SAFETY: as the caller said.
    Ok(unsafe { at.read() })
}

/// An array to read. Null is right where it has no elements.
///
/// # Safety
/// `at` is null or good for reading `len` elements during the call, and nobody
/// writes them meanwhile.
///
/// # Errors
/// `MPI_ERR_ARG`: `at` is null and `len` is not 0.
#[inline]
pub unsafe fn slice<'a, T>(at: *const T, len: usize, what: &str) -> Result<&'a [T]> {
    if len == 0 {
        return Ok(&[]);
    }
    if at.is_null() {
        return null(what);
    }
    // SAFETY: as the caller said.
    Ok(unsafe { std::slice::from_raw_parts(at, len) })
}

/// An array to write, or to read and write. Null is right where it has no elements.
///
/// # Safety
/// `at` is null or good for reading and writing `len` elements during the call,
/// and nobody else reaches them meanwhile.
///
/// # Errors
/// `MPI_ERR_ARG`: `at` is null and `len` is not 0.
#[inline]
pub unsafe fn slice_mut<'a, T>(at: *mut T, len: usize, what: &str) -> Result<&'a mut [T]> {
    if len == 0 {
        return Ok(&mut []);
    }
    if at.is_null() {
        return null(what);
    }
    // SAFETY: as the caller said.
    Ok(unsafe { std::slice::from_raw_parts_mut(at, len) })
}

/// A status to change; unlike an out-parameter it cannot be `MPI_STATUS_IGNORE`.
///
/// # Safety
/// `status` is null or may be written.
///
/// # Errors
/// `MPI_ERR_ARG`: `status` is null.
pub unsafe fn status(status: *mut MPI_Status) -> Result<*mut MPI_Status> {
    if status.is_null() {
        return null("status");
    }
    Ok(status)
}

/// Fills the status of one completed operation, unless it is
/// `MPI_STATUS_IGNORE`.
///
/// # Safety
/// `status` is null or may be written.
#[inline]
pub unsafe fn put_status(status: *mut MPI_Status, completion: &Completion) {
    if !status.is_null() {
        let whole = MPI_Status::of(completion);
        // SAFETY: not null, so it may be written, as the caller said; it may be
        // uninitialised, and no reference to it is made.
        unsafe {
            (&raw mut (*status).MPI_SOURCE).write(whole.MPI_SOURCE);
            (&raw mut (*status).MPI_TAG).write(whole.MPI_TAG);
            (&raw mut (*status).MPI_internal).write(whole.MPI_internal);
            // Calls for one operation leave the error alone (section 3.2.5), but
            // that of an empty status is MPI_SUCCESS (section 3.7.3). What a
            // send leaves there is undefined.
            if whole.is_empty_status() && completion.error.is_none() {
                (&raw mut (*status).MPI_ERROR).write(MPI_SUCCESS);
            }
        }
    }
}

/// Element `i` of an array of statuses that may be `MPI_STATUSES_IGNORE`.
///
/// # Safety
/// `statuses` is null or an array of more than `i` elements that may be written.
#[inline]
#[must_use]
pub unsafe fn status_at(statuses: *mut MPI_Status, i: usize) -> *mut MPI_Status {
    if statuses.is_null() {
        return statuses;
    }
    // SAFETY: as the caller said.
    unsafe { statuses.add(i) }
}

/// The error of one of several operations, where there is a status for it.
///
/// # Safety
/// `status` is null or may be written.
#[inline]
pub unsafe fn put_error(status: *mut MPI_Status, error: c_int) {
    if !status.is_null() {
        // SAFETY: as the caller said; no reference to it is made.
        unsafe { (&raw mut (*status).MPI_ERROR).write(error) };
    }
}

/// A string of C, as bytes before the NUL.
///
/// # Safety
/// As [`string`].
///
/// # Errors
/// `MPI_ERR_ARG`: a null pointer.
pub unsafe fn cstr<'a>(at: *const c_char, what: &str) -> Result<&'a CStr> {
    if at.is_null() {
        return null(what);
    }
    // SAFETY: as the caller said.
    Ok(unsafe { CStr::from_ptr(at) })
}

/// A string of C.
///
/// # Safety
/// `at` is null or begins a string that ends in a NUL, and stays as it is during
/// the call.
///
/// # Errors
/// `MPI_ERR_ARG`: a null pointer.
pub unsafe fn string<'a>(at: *const c_char, what: &str) -> Result<std::borrow::Cow<'a, str>> {
    // SAFETY: as the caller said.
    Ok(unsafe { cstr(at, what) }?.to_string_lossy())
}

/// Writes a string and a NUL into `room` characters, cutting it where it must,
/// and returns the number of characters without the NUL.
///
/// # Safety
/// `at` is null or good for writing `room` characters.
///
/// # Errors
/// `MPI_ERR_ARG`: `at` is null and `room` is not 0.
pub unsafe fn put_string(at: *mut c_char, room: usize, what: &str, text: &str) -> Result<usize> {
    if room == 0 {
        return Ok(0);
    }
    if at.is_null() {
        return null(what);
    }
    let mut len = text.len().min(room - 1);
    while !text.is_char_boundary(len) {
        len -= 1;
    }
    // SAFETY: `len + 1 <= room` characters, as the caller said; the text is ours.
    unsafe {
        at.cast::<u8>().copy_from_nonoverlapping(text.as_ptr(), len);
        at.add(len).write(0);
    }
    Ok(len)
}

/// As [`put_string`], byte for byte.
///
/// # Safety
/// `at` is null or good for writing `room` characters.
///
/// # Errors
/// `MPI_ERR_ARG`: `at` is null and `room` is not 0.
pub unsafe fn put_cstr(at: *mut c_char, room: usize, what: &str, text: &CStr) -> Result<()> {
    if room == 0 {
        return Ok(());
    }
    if at.is_null() {
        return null(what);
    }
    let len = text.count_bytes().min(room - 1);
    // SAFETY: `len + 1 <= room` characters, as the caller said; the text is ours.
    unsafe {
        at.copy_from_nonoverlapping(text.as_ptr(), len);
        at.add(len).write(0);
    }
    Ok(())
}

/// As [`put_string`], with the length into `resultlen`.
///
/// # Safety
/// As [`put_string`]; `resultlen` is null or may be written.
///
/// # Errors
/// `MPI_ERR_ARG`: a null pointer.
pub unsafe fn put_name(
    at: *mut c_char,
    room: c_int,
    what: &str,
    resultlen: *mut c_int,
    text: &str,
) -> Result<()> {
    let room = usize::try_from(room).unwrap_or(0);
    // SAFETY: as the caller said.
    unsafe {
        let len = put_string(at, room, what, text)?;
        put(
            resultlen,
            "resultlen",
            c_int::try_from(len).unwrap_or(c_int::MAX),
        )
    }
}
