//! Arguments of the tool information interface, which has its own rules for
//! strings and null pointers (MPI 5.0, section 15.3.3). Re-exported by `arg`.

use super::callback::{
    MPI_T_event_cb_function, MPI_T_event_dropped_cb_function, MPI_T_event_free_cb_function,
};
use super::consts::*;
use super::pointer::{put_as, put_flag, put_string};
use super::types::*;
use crate::error::{Class, Error, Result};
use crate::lock;
use crate::object::comm::{self, ContextId};
use crate::pml::levels;
use crate::tool::cvar::{self, Value};
use crate::tool::enums;
use crate::tool::event::{Callback, DroppedHandler, Element, ElementType, SAFETIES};
use crate::tool::pvar::Variable;
use std::ffi::{c_char, c_int, c_void};
use std::sync::Arc;

/// The tool interface's own error for that.
pub fn bad_level(level: c_int) -> Error {
    Error::new(
        Class::T_INVALID,
        format!("required is {level}, which is no thread level"),
    )
}

/// The datatype that a control variable is read as. A number's is one that tools know
/// which are older than `MPI_UINT64_T` among the types of section 15.3.5.
pub fn cvar_type(value: &Value) -> MPI_Datatype {
    match value {
        Value::Text(_) => MPI_CHAR,
        Value::Number(_) => MPI_UNSIGNED_LONG_LONG,
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

/// As [`put_if`], of how many there are of something.
///
/// # Safety
/// `at` is null or may be written.
pub unsafe fn put_number_if(at: *mut c_int, len: usize) {
    // SAFETY: as the caller said.
    unsafe { put_if(at, c_int::try_from(len).unwrap_or(c_int::MAX)) };
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

/// The datatype of a performance variable, and the enumeration of its values.
#[must_use]
pub fn pvar_type(variable: &Variable) -> (MPI_Datatype, MPI_T_enum) {
    match variable.is_state() {
        true => (MPI_INT, MPI_T_enum(enums::SWITCH)),
        false => (MPI_UNSIGNED_LONG_LONG, MPI_T_ENUM_NULL),
    }
}

/// The enumeration of a control variable's values.
#[must_use]
pub fn cvar_enum(value: &Value) -> MPI_T_enum {
    match value {
        Value::Flag(_) => MPI_T_enum(enums::SWITCH),
        _ => MPI_T_ENUM_NULL,
    }
}

/// To what kind of object a performance variable is bound.
#[must_use]
pub fn pvar_bind(variable: &Variable) -> c_int {
    match variable.is_of_comm() {
        true => MPI_T_BIND_MPI_COMM,
        false => MPI_T_BIND_NO_OBJECT,
    }
}

/// The context of the communicator whose handle is at `at`.
///
/// # Safety
/// `at` is null or points to a handle of a communicator.
///
/// # Errors
/// `MPI_T_ERR_INVALID_HANDLE`.
pub unsafe fn context_at(at: *const c_void) -> Result<ContextId> {
    // SAFETY: as the caller said.
    let handle = unsafe { at.cast::<MPI_Comm>().as_ref() };
    match handle.and_then(|handle| comm::find(handle.0)) {
        Some(comm) => Ok(levels::context(comm)),
        None => Err(Error::new(
            Class::T_INVALID_HANDLE,
            "obj_handle does not point to a handle of a communicator",
        )),
    }
}

/// Writes the values of a performance variable.
///
/// # Safety
/// `at` is null or has room for the values.
///
/// # Errors
/// `MPI_T_ERR_INVALID`: `at` is null.
pub unsafe fn put_pvar(at: *mut c_void, variable: &Variable, values: &[u64]) -> Result<()> {
    check_pvar(at)?;
    for (i, value) in values.iter().enumerate() {
        // SAFETY: as the caller said.
        unsafe {
            match variable.is_state() {
                true => {
                    let state = c_int::try_from(*value).unwrap_or(c_int::MAX);
                    at.cast::<c_int>().add(i).write_unaligned(state);
                }
                false => at.cast::<u64>().add(i).write_unaligned(*value),
            }
        }
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
pub unsafe fn pvar_values(
    at: *const c_void,
    (variable, count): (&Variable, usize),
) -> Result<Vec<u64>> {
    check_pvar(at)?;
    // A state can only be read: nobody looks at its values.
    let count = if variable.is_state() { 0 } else { count };
    // SAFETY: as the caller said.
    let value = |i| unsafe { at.cast::<u64>().add(i).read_unaligned() };
    Ok((0..count).map(value).collect())
}

/// Writes as many of `indices` as `len` says.
///
/// # Safety
/// `at` is null or has room for `len` numbers.
///
/// # Errors
/// `MPI_T_ERR_INVALID`: `len` is negative, or `at` is null where there is something to
/// write.
pub unsafe fn put_indices(at: *mut c_int, len: c_int, indices: &[i32]) -> Result<()> {
    let Ok(len) = usize::try_from(len) else {
        return Err(Error::new(
            Class::T_INVALID,
            format!("len {len} is negative"),
        ));
    };
    let indices = &indices[..indices.len().min(len)];
    if at.is_null() && !indices.is_empty() {
        return Err(Error::new(Class::T_INVALID, "indices is a null pointer"));
    }
    for (i, index) in indices.iter().enumerate() {
        // SAFETY: as the caller said.
        unsafe { at.add(i).write(*index) };
    }
    Ok(())
}

/// The datatype of an element of an event.
fn element_type(element: &Element) -> MPI_Datatype {
    match element.datatype {
        ElementType::Int => MPI_INT,
        ElementType::Number => MPI_UINT64_T,
    }
}

/// Writes types and displacements of an event's elements, and how many there are: as many
/// as there is room for, in `count`.
///
/// # Safety
/// Each pointer is null or may be written: the arrays for as many as `count` says.
pub unsafe fn put_elements(
    types: *mut MPI_Datatype,
    displacements: *mut MPI_Aint,
    count: *mut c_int,
    elements: &[Element],
) {
    // SAFETY: as the caller said.
    let room = unsafe { count.as_ref() }.map_or(0, |count| usize::try_from(*count).unwrap_or(0));
    for (i, element) in elements.iter().take(room).enumerate() {
        // SAFETY: inside of the arrays, as the caller said.
        unsafe {
            if !types.is_null() {
                types.add(i).write(element_type(element));
            }
            if !displacements.is_null() {
                displacements
                    .add(i)
                    .write(element.displacement.cast_signed());
            }
        }
    }
    // SAFETY: as the caller said.
    unsafe { put_number_if(count, elements.len()) };
}

/// Writes an element of an event.
///
/// # Safety
/// `at` is null or has room for it.
///
/// # Errors
/// `MPI_T_ERR_INVALID`: `at` is null.
pub unsafe fn put_element(at: *mut c_void, element: &Element, number: u64) -> Result<()> {
    check_pvar(at)?;
    // SAFETY: as the caller said.
    unsafe {
        match element.datatype {
            // Numbers of processes, tags and context ids: 32 bits.
            ElementType::Int => {
                let low = u32::try_from(number & 0xffff_ffff).unwrap_or(0);
                at.cast::<c_int>().write_unaligned(low.cast_signed());
            }
            ElementType::Number => at.cast::<u64>().write_unaligned(number),
        }
    }
    Ok(())
}

/// Which of the four degrees of safety this is.
///
/// # Errors
/// `MPI_T_ERR_INVALID`.
pub fn safety(safety: MPI_T_cb_safety) -> Result<usize> {
    let all: [MPI_T_cb_safety; SAFETIES] = [
        MPI_T_CB_REQUIRE_NONE,
        MPI_T_CB_REQUIRE_MPI_RESTRICTED,
        MPI_T_CB_REQUIRE_THREAD_SAFE,
        MPI_T_CB_REQUIRE_ASYNC_SIGNAL_SAFE,
    ];
    all.iter().position(|one| *one == safety).ok_or_else(|| {
        Error::new(
            Class::T_INVALID,
            format!("cb_safety is {safety}, which is none of the MPI_T_CB_REQUIRE_ constants"),
        )
    })
}

/// The callback that a tool registers, with its data.
pub fn callback(
    function: MPI_T_event_cb_function,
    user_data: *mut c_void,
) -> Option<(Callback, usize)> {
    let function = function?;
    let user = user_data.expose_provenance();
    let callback = move |instance, registration| {
        // SAFETY: a function of the tool's, with what it was registered with.
        unsafe {
            function(
                MPI_T_event_instance(instance),
                MPI_T_event_registration(registration),
                MPI_T_CB_REQUIRE_NONE,
                std::ptr::with_exposed_provenance_mut(user),
            );
        }
    };
    Some((Arc::new(callback), user))
}

/// The handler of dropped events that a tool sets.
pub fn dropped_handler(function: MPI_T_event_dropped_cb_function) -> Option<DroppedHandler> {
    let function = function?;
    let handler = move |count: u64, registration, user| {
        // SAFETY: a function of the tool's, with the data of its callback.
        unsafe {
            function(
                i64::try_from(count).unwrap_or(i64::MAX),
                MPI_T_event_registration(registration),
                0,
                MPI_T_CB_REQUIRE_NONE,
                std::ptr::with_exposed_provenance_mut(user),
            );
        }
    };
    Some(Arc::new(handler))
}

/// Calls the function that a tool gave to be called once a registration is gone.
///
/// # Safety
/// As the standard's call: the function takes the data.
pub unsafe fn freed(
    function: MPI_T_event_free_cb_function,
    registration: MPI_T_event_registration,
    user_data: *mut c_void,
) {
    if let Some(function) = function {
        // SAFETY: as the caller said.
        lock::released(|| unsafe { function(registration, MPI_T_CB_REQUIRE_NONE, user_data) });
    }
}
