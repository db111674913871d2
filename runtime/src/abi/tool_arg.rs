//! Arguments of the tool information interface, which has its own rules for
//! strings and null pointers (MPI 5.0, section 15.3.3). Re-exported by `arg`.

use super::consts::{MPI_CHAR, MPI_INT, MPI_UINT64_T};
use super::pointer::{put_as, put_flag, put_string};
use super::types::MPI_Datatype;
use crate::error::{Class, Error, Result};
use crate::tool::cvar::{self, Value};
use std::ffi::{c_char, c_int, c_void};

/// The tool interface's own error for that.
pub fn bad_level(level: c_int) -> Error {
    Error::new(
        Class::T_INVALID,
        format!("required is {level}, which is no thread level"),
    )
}

/// The datatype that a control variable is read as.
pub fn cvar_type(value: &Value) -> MPI_Datatype {
    match value {
        Value::Text(_) => MPI_CHAR,
        Value::Number(_) => MPI_UINT64_T,
        Value::Flag(_) => MPI_INT,
    }
}

/// Writes an out-parameter that may be null where nobody wants it (the tool
/// interface's, section 15.3.3).
///
/// # Safety
/// `at` is null or may be written.
pub unsafe fn put_if<T>(at: *mut T, value: T) {
    if !at.is_null() {
        // SAFETY: as the caller said.
        unsafe { at.write(value) };
    }
}

/// Writes a string of the tool interface (section 15.3.3): `len` holds the room
/// in and the length with its NUL out; without room it is the length needed.
///
/// # Safety
/// `len` is null or may be read and written; `at` is null or good for writing
/// that many characters.
pub unsafe fn put_text(at: *mut c_char, len: *mut c_int, text: &str) {
    // SAFETY: as the caller said.
    unsafe {
        let Some(room) = len.as_ref().and_then(|len| usize::try_from(*len).ok()) else {
            return;
        };
        let whole = text.len();
        let written = if at.is_null() || room == 0 {
            whole
        } else {
            put_string(at, room, "string", text).unwrap_or(whole)
        };
        len.write(c_int::try_from(written + 1).unwrap_or(c_int::MAX));
    }
}

/// Writes the value of a control variable.
///
/// # Safety
/// `at` is null or has room for the value's type and count.
///
/// # Errors
/// `MPI_ERR_ARG`: `at` is null.
pub unsafe fn put_cvar(at: *mut c_void, value: Value) -> Result<()> {
    // SAFETY: as the caller said.
    unsafe {
        match value {
            Value::Text(text) => put_string(at.cast(), cvar::TEXT, "buf", &text).map(drop),
            Value::Number(number) => put_as(at, "buf", number),
            Value::Flag(flag) => put_flag(at.cast(), "buf", flag),
        }
    }
}

/// Whether a buffer for the values of a performance variable is given.
///
/// # Errors
/// `MPI_T_ERR_INVALID`.
pub fn check_pvar(at: *const c_void) -> Result<()> {
    if at.is_null() {
        return Err(Error::new(Class::T_INVALID, "buf is a null pointer"));
    }
    Ok(())
}

/// Writes the values of a performance variable.
///
/// # Safety
/// `at` is null or has room for the values.
///
/// # Errors
/// `MPI_T_ERR_INVALID`: `at` is null.
pub unsafe fn put_pvar(at: *mut c_void, values: &[u64]) -> Result<()> {
    check_pvar(at)?;
    for (i, value) in values.iter().enumerate() {
        // SAFETY: as the caller said.
        unsafe { at.cast::<u64>().add(i).write_unaligned(*value) };
    }
    Ok(())
}

/// The `count` values that a performance variable is to have.
///
/// # Safety
/// `at` is null or has so many.
///
/// # Errors
/// `MPI_T_ERR_INVALID`: `at` is null.
pub unsafe fn pvar_values(at: *const c_void, count: usize) -> Result<Vec<u64>> {
    check_pvar(at)?;
    // SAFETY: as the caller said.
    let value = |i| unsafe { at.cast::<u64>().add(i).read_unaligned() };
    Ok((0..count).map(value).collect())
}
