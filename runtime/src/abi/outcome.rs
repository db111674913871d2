//! What the calls that complete requests share: arrays of requests, statuses
//! and errors of several operations, and the wrapping of users' functions.

use super::arg::{self, Number};
use super::callback::*;
use super::consts::*;
use super::types::*;
use crate::error::{Class, Error, Result};
use crate::fail;
use crate::handle::Raw;
use crate::pml::bsend::{self, Scope};
use crate::pml::{self, Completion};
use crate::request::grequest::Functions;
use crate::request::persistent::Flush;
use crate::request::{self, Look};
use std::ffi::{c_int, c_void};

/// An array of requests, to be changed in place.
///
/// # Safety
/// As the standard's calls: null or `count` requests.
///
/// # Errors
/// A negative count, a null pointer with a count.
pub unsafe fn requests<'a>(count: c_int, at: *mut MPI_Request) -> Result<&'a mut [Raw]> {
    let count = arg::count(count)?;
    const { assert!(size_of::<MPI_Request>() == size_of::<Raw>()) };
    // SAFETY: as the caller said; a request handle is its number.
    unsafe { arg::slice_mut(at.cast::<Raw>(), count, "array_of_requests") }
}

/// The status and the error of one operation.
///
/// # Safety
/// `status` is `MPI_STATUS_IGNORE` or may be written.
///
/// # Errors
/// That of the operation.
pub unsafe fn one(status: *mut MPI_Status, completion: Completion) -> Result<()> {
    // SAFETY: the caller's status.
    unsafe { arg::put_status(status, &completion) };
    completion.error.map_or(Ok(()), Err)
}

/// The index, status and error of the one operation of several that completed.
///
/// # Safety
/// The pointers are the call's own.
///
/// # Errors
/// That of the operation.
pub unsafe fn any(
    index: *mut c_int,
    i: usize,
    status: *mut MPI_Status,
    completion: Completion,
) -> Result<()> {
    // SAFETY: the caller's pointers.
    unsafe {
        arg::put(index, "index", c_int::try_from(i).unwrap_or(MPI_UNDEFINED))?;
        one(status, completion)
    }
}

/// What a call says when no request is active.
///
/// # Safety
/// The pointers are the call's own.
///
/// # Errors
/// A null pointer.
pub unsafe fn none_active(index: *mut c_int, status: *mut MPI_Status) -> Result<()> {
    // SAFETY: the caller's pointers.
    unsafe {
        arg::put(index, "index", MPI_UNDEFINED)?;
        arg::put_status(status, &Completion::empty());
    }
    Ok(())
}

/// The statuses of several operations, and which failed.
pub struct Errors {
    statuses: *mut MPI_Status,
    noted: usize,
    failed: Vec<(usize, Class)>,
    first: Option<Error>,
}

impl Errors {
    /// Nothing noted yet.
    #[must_use]
    pub fn new(statuses: *mut MPI_Status) -> Errors {
        Errors {
            statuses,
            noted: 0,
            failed: Vec::new(),
            first: None,
        }
    }

    /// Notes the operation of request `i` in the next status.
    #[inline]
    pub fn note(&mut self, i: usize, completion: Completion) {
        // SAFETY: the array has as many statuses as there are requests, or is
        // MPI_STATUSES_IGNORE (section 3.7.5).
        unsafe { arg::put_status(arg::status_at(self.statuses, self.noted), &completion) };
        if let Some(error) = completion.error {
            self.note_error(i, &error);
        }
        self.noted += 1;
    }

    #[cold]
    fn note_error(&mut self, i: usize, error: &Error) {
        self.failed.push((self.noted, error.class()));
        self.first.get_or_insert_with(|| {
            let text = format!("request {i}: {}", error.text());
            error.reworded(Class::IN_STATUS, text)
        });
    }

    /// `MPI_ERR_IN_STATUS`, if any operation failed: only then do the statuses
    /// say the error of each (section 3.2.5).
    ///
    /// # Errors
    /// That.
    pub fn sum(self) -> Result<()> {
        let Option::Some(error) = self.first else {
            return Ok(());
        };
        let mut failed = self.failed.into_iter().peekable();
        for at in 0..self.noted {
            let here = failed.next_if(|(failed, _)| *failed == at);
            let code = here.map_or(MPI_SUCCESS, |(_, class)| class.0);
            // SAFETY: as in `note`.
            unsafe { arg::put_error(arg::status_at(self.statuses, at), code) };
        }
        Err(error)
    }
}

/// Indices, statuses and errors of those of several operations that completed.
pub struct Some {
    indices: *mut c_int,
    count: usize,
    errors: Errors,
}

impl Some {
    /// Nothing noted yet, of `most` requests.
    ///
    /// # Errors
    /// A null pointer for the indices.
    pub fn new(most: usize, indices: *mut c_int, statuses: *mut MPI_Status) -> Result<Some> {
        if indices.is_null() && most > 0 {
            fail!(ARG, "array_of_indices is a null pointer");
        }
        Ok(Some {
            indices,
            count: 0,
            errors: Errors::new(statuses),
        })
    }

    /// Notes the operation of request `i`.
    pub fn note(&mut self, i: usize, completion: Completion) {
        let index = c_int::try_from(i).unwrap_or(MPI_UNDEFINED);
        // SAFETY: the array has as many indices as there are requests.
        unsafe { self.indices.add(self.count).write(index) };
        self.errors.note(i, completion);
        self.count += 1;
    }

    /// Writes how many there were: `MPI_UNDEFINED` if none was active.
    ///
    /// # Safety
    /// `outcount` is null or may be written.
    ///
    /// # Errors
    /// That of an operation, or a null pointer.
    pub unsafe fn finish(self, active: bool, outcount: *mut c_int) -> Result<()> {
        let count = if active {
            c_int::try_from(self.count).unwrap_or(MPI_UNDEFINED)
        } else {
            MPI_UNDEFINED
        };
        // SAFETY: the caller's pointer.
        unsafe { arg::put(outcount, "outcount", count) }?;
        self.errors.sum()
    }
}

/// How many of several requests a look is after.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// All, or nothing.
    All,
    /// One.
    Any,
    /// As many as there are.
    Some,
}

/// Looks at requests after progress, and leaves them as they are. `None`: what
/// was asked for is not complete yet. An empty list: no request is active.
///
/// # Errors
/// A handle names no request.
pub fn peek(raws: &[Raw], which: Which) -> Result<Option<Vec<(usize, Completion)>>> {
    let looks = |found: &mut Vec<Look>| -> Result<()> {
        found.clear();
        for raw in raws {
            found.push(request::look(*raw)?);
        }
        Ok(())
    };
    let mut found = Vec::with_capacity(raws.len());
    looks(&mut found)?;
    if found.contains(&Look::Active) {
        pml::poll();
        looks(&mut found)?;
    }
    let done = found.iter().enumerate().filter(|(_, look)| match which {
        Which::All => true,
        Which::Any | Which::Some => **look == Look::Done,
    });
    let done: Vec<usize> = done.map(|(i, _)| i).collect();
    let active = found.contains(&Look::Active);
    let done = match which {
        Which::All if active => return Ok(None),
        Which::Any | Which::Some if active && done.is_empty() => return Ok(None),
        Which::Any => done.into_iter().take(1).collect(),
        Which::All | Which::Some => done,
    };
    let peeked = done.into_iter().map(|i| Ok((i, request::peek(raws[i])?)));
    peeked.collect::<Result<_>>().map(Option::Some)
}

/// Attaches a buffer; `MPI_BUFFER_AUTOMATIC` is one of its own kind.
///
/// # Safety
/// The buffer is the library's until it is detached (section 3.6).
///
/// # Errors
/// A negative size, a null pointer, a buffer that is attached already.
pub unsafe fn attach(scope: Scope, buffer: *mut c_void, size: impl Number) -> Result<()> {
    let len = arg::number(size, "size")?;
    let automatic = buffer == MPI_BUFFER_AUTOMATIC;
    if buffer.is_null() && len > 0 {
        fail!(BUFFER, "buffer is a null pointer, and size is {len}");
    }
    bsend::attach(scope, buffer.cast(), len, automatic)
}

/// Detaches a buffer and says what it was.
///
/// # Safety
/// The pointers are the call's own.
///
/// # Errors
/// Nothing is attached, or a null pointer.
pub unsafe fn detach<N: Number>(scope: Scope, addr: *mut c_void, size: *mut N) -> Result<()> {
    let Option::Some((at, len, automatic)) = bsend::detach(scope) else {
        fail!(BUFFER, "no buffer is attached");
    };
    let at = if automatic {
        MPI_BUFFER_AUTOMATIC
    } else {
        at.cast()
    };
    // SAFETY: the caller's pointers; `addr` means a pointer to a pointer.
    unsafe {
        arg::put_as(addr, "buffer_addr", at)?;
        arg::put_count(size, "size", i64::try_from(len).unwrap_or(i64::MAX))
    }
}

/// Starts to flush a buffer.
///
/// # Safety
/// `out` is null or may be written.
///
/// # Errors
/// A null pointer, no more handles.
pub unsafe fn flush(scope: Scope, out: *mut MPI_Request) -> Result<()> {
    let raw = request::insert(Box::new(Flush(scope)), false)?;
    // SAFETY: the caller's pointer.
    unsafe { arg::put(out, "request", MPI_Request(raw)) }
}

/// The functions of a generalized request.
pub struct UserFunctions {
    query: MPI_Grequest_query_function,
    free: MPI_Grequest_free_function,
    cancel: MPI_Grequest_cancel_function,
    state: *mut c_void,
}

impl UserFunctions {
    /// As `MPI_Grequest_start` gets them; null ones do nothing.
    #[must_use]
    pub fn new(
        query: MPI_Grequest_query_function,
        free: MPI_Grequest_free_function,
        cancel: MPI_Grequest_cancel_function,
        state: *mut c_void,
    ) -> UserFunctions {
        UserFunctions {
            query,
            free,
            cancel,
            state,
        }
    }
}

impl Functions for UserFunctions {
    fn query(&mut self) -> (Completion, i32) {
        let mut status = MPI_Status::of(&Completion::empty());
        // SAFETY: the user's function for this request, with its own state.
        let code = self
            .query
            .map_or(0, |f| unsafe { f(self.state, &raw mut status) });
        let completion = Completion {
            source: status.MPI_SOURCE,
            tag: status.MPI_TAG,
            len: status.len(),
            cancelled: status.is_cancelled(),
            error: None,
        };
        (completion, code)
    }

    fn free(&mut self) -> i32 {
        // SAFETY: as in `query`; called once.
        self.free.map_or(0, |f| unsafe { f(self.state) })
    }

    fn cancel(&mut self, complete: bool) -> i32 {
        // SAFETY: as in `query`.
        self.cancel
            .map_or(0, |f| unsafe { f(self.state, c_int::from(complete)) })
    }
}
