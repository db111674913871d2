//! Raw C values become checked types here, in one step, and are never checked
//! again. Errors name the argument, its value, and what would be right.
//!
//! Functions that take a pointer are `unsafe`: the caller of the C function
//! vouches that it is null or good for what the standard says of it.

use super::consts::{MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_PROC_NULL, MPI_ROOT, MPI_UNDEFINED};
use super::types::{MPI_Comm, MPI_Count};
use crate::error::{Class, Error, Result};
use crate::fail;
use crate::object::comm::{self, Comm};
use std::ffi::{CStr, c_char, c_int};
use std::sync::Arc;

/// The largest tag (`MPI_TAG_UB`).
pub const TAG_UB: c_int = c_int::MAX;

/// The communicator that a handle names. See [`comm::get`] for how long it lives.
///
/// # Errors
/// `MPI_ERR_COMM`.
#[inline]
pub fn comm(comm: MPI_Comm) -> Result<&'static Arc<Comm>> {
    comm::get(comm.0)
}

/// Either kind of count: `int` or `MPI_Count`.
pub trait Number: Copy {
    /// The value.
    fn wide(self) -> i64;
    /// The value as this type, if it fits.
    fn narrow(value: i64) -> Option<Self>;
    /// `MPI_UNDEFINED`.
    const UNDEFINED: Self;
}

impl Number for c_int {
    #[inline]
    fn wide(self) -> i64 {
        i64::from(self)
    }

    #[inline]
    fn narrow(value: i64) -> Option<Self> {
        c_int::try_from(value).ok()
    }

    const UNDEFINED: Self = MPI_UNDEFINED;
}

impl Number for MPI_Count {
    #[inline]
    fn wide(self) -> i64 {
        self
    }

    #[inline]
    fn narrow(value: i64) -> Option<Self> {
        Some(value)
    }

    const UNDEFINED: Self = MPI_UNDEFINED as MPI_Count;
}

impl Number for isize {
    #[inline]
    fn wide(self) -> i64 {
        self as i64
    }

    #[inline]
    fn narrow(value: i64) -> Option<Self> {
        isize::try_from(value).ok()
    }

    const UNDEFINED: Self = MPI_UNDEFINED as isize;
}

/// A number of elements: not negative.
///
/// # Errors
/// `MPI_ERR_COUNT`.
#[inline]
pub fn count(count: impl Number) -> Result<usize> {
    match usize::try_from(count.wide()) {
        Ok(count) => Ok(count),
        Err(_) => bad_count(count.wide()),
    }
}

#[cold]
fn bad_count(count: i64) -> Result<usize> {
    fail!(COUNT, "count {count} is negative")
}

/// A number of whatever `what` names (`incount`, `ndims`): not negative.
///
/// # Errors
/// `MPI_ERR_ARG`.
#[inline]
pub fn number(value: impl Number, what: &str) -> Result<usize> {
    let value = value.wide();
    match usize::try_from(value) {
        Ok(value) => Ok(value),
        Err(_) => fail!(ARG, "{what} {value} is negative"),
    }
}

/// A destination: a rank of the peers, or `None` for `MPI_PROC_NULL`.
///
/// # Errors
/// `MPI_ERR_RANK`.
#[inline]
pub fn dest(comm: &Comm, rank: c_int) -> Result<Option<u32>> {
    match u32::try_from(rank) {
        Ok(rank) if rank < comm.peers().size() => Ok(Some(rank)),
        _ if rank == MPI_PROC_NULL => Ok(None),
        _ => bad_rank(comm, "dest", rank),
    }
}

/// Where a message may come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// `MPI_PROC_NULL`.
    Null,
    /// `MPI_ANY_SOURCE`.
    Any,
    /// A rank of the peers.
    Rank(u32),
}

impl Source {
    /// As the pml takes it, where [`Source::Null`] has been dealt with.
    #[inline]
    #[must_use]
    pub fn rank(self) -> Option<u32> {
        match self {
            Source::Rank(rank) => Some(rank),
            Source::Any | Source::Null => None,
        }
    }
}

/// The source of a message.
///
/// # Errors
/// `MPI_ERR_RANK`.
#[inline]
pub fn source(comm: &Comm, rank: c_int) -> Result<Source> {
    match u32::try_from(rank) {
        Ok(rank) if rank < comm.peers().size() => Ok(Source::Rank(rank)),
        _ if rank == MPI_ANY_SOURCE => Ok(Source::Any),
        _ if rank == MPI_PROC_NULL => Ok(Source::Null),
        _ => bad_rank(comm, "source", rank),
    }
}

#[cold]
fn bad_rank<T>(comm: &Comm, what: &str, rank: c_int) -> Result<T> {
    let (size, label) = (comm.peers().size(), comm.label());
    fail!(
        RANK,
        "{what} is {rank}, but {label} has ranks 0 to {}",
        size.saturating_sub(1)
    )
}

/// The tag of a message to send.
///
/// # Errors
/// `MPI_ERR_TAG`.
#[inline]
pub fn tag(tag: c_int) -> Result<i32> {
    if tag < 0 {
        return bad_tag(tag, "0 to MPI_TAG_UB");
    }
    Ok(tag)
}

/// The tag of a message to receive: `None` is `MPI_ANY_TAG`.
///
/// # Errors
/// `MPI_ERR_TAG`.
#[inline]
pub fn recv_tag(tag: c_int) -> Result<Option<i32>> {
    match tag {
        0.. => Ok(Some(tag)),
        MPI_ANY_TAG => Ok(None),
        _ => bad_tag(tag, "MPI_ANY_TAG or 0 to MPI_TAG_UB"),
    }
}

#[cold]
fn bad_tag<T>(tag: c_int, wanted: &str) -> Result<T> {
    fail!(TAG, "tag is {tag}, but must be {wanted} ({TAG_UB})")
}

/// The root of a collective (section 6.2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Root {
    /// A rank: of the group, or of the remote group of an intercommunicator.
    Rank(u32),
    /// `MPI_ROOT`: this process, in the root group of an intercommunicator.
    Root,
    /// `MPI_PROC_NULL`: in the root group of an intercommunicator, without a part.
    Null,
}

/// The root of a collective.
///
/// # Errors
/// `MPI_ERR_ROOT`.
#[inline]
pub fn root(comm: &Comm, root: c_int) -> Result<Root> {
    match u32::try_from(root) {
        Ok(rank) if rank < comm.peers().size() => Ok(Root::Rank(rank)),
        _ if comm.inter.is_some() && root == MPI_ROOT => Ok(Root::Root),
        _ if comm.inter.is_some() && root == MPI_PROC_NULL => Ok(Root::Null),
        _ => bad_root(comm, root),
    }
}

#[cold]
fn bad_root(comm: &Comm, root: c_int) -> Result<Root> {
    let (size, label) = (comm.peers().size(), comm.label());
    fail!(
        ROOT,
        "root is {root}, but {label} has ranks 0 to {}",
        size.saturating_sub(1)
    )
}

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

/// A run of counts, none of them negative.
///
/// # Safety
/// As [`slice`].
///
/// # Errors
/// `MPI_ERR_COUNT`, and `MPI_ERR_ARG` for a null pointer.
pub unsafe fn counts<N: Number>(at: *const N, len: usize, what: &str) -> Result<Vec<usize>> {
    // SAFETY: as the caller said.
    let counts = unsafe { slice(at, len, what) }?;
    let one = |(i, n): (usize, &N)| {
        usize::try_from(n.wide())
            .map_err(|_| Error::new(Class::COUNT, format!("{what}[{i}] is {}", n.wide())))
    };
    counts.iter().enumerate().map(one).collect()
}

/// A run of displacements, strides or addresses, of any sign.
///
/// # Safety
/// As [`slice`].
///
/// # Errors
/// `MPI_ERR_ARG`: a null pointer.
pub unsafe fn offsets<N: Number>(at: *const N, len: usize, what: &str) -> Result<Vec<i64>> {
    // SAFETY: as the caller said.
    let offsets = unsafe { slice(at, len, what) }?;
    Ok(offsets.iter().map(|n| n.wide()).collect())
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
    if at.is_null() {
        return null(what);
    }
    // SAFETY: as the caller said.
    Ok(unsafe { CStr::from_ptr(at) }.to_string_lossy())
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
