//! The one way in: every exported function that returns an error code runs
//! through [`call`], and only here are error handlers raised.

use super::consts::MPI_SUCCESS;
use super::early;
use super::types::{MPI_Comm, MPI_File, MPI_Session, MPI_Win};
use crate::error::{Class, Error, Result};
use crate::object::raise::{self, Subject};
use crate::{job, lock, profile, trace};
use std::ffi::c_int;
use std::sync::atomic::Ordering;
use wireup::calls::CALL_NAMES;
use wireup::layout::CALL_OVER;

/// What the entry knows of an exported function; a constant in each.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// `MPI_Send`.
    pub name: &'static str,
    /// 1 + its index in [`CALL_NAMES`].
    number: u32,
    /// Whether it may be called when MPI is not up.
    any_time: bool,
    /// Whether errors are returned without an error handler: the tool
    /// information interface's are (section 15.3.10).
    quiet: bool,
    /// Whether it runs outside of the library lock: the calls that threads make for each
    /// partition do.
    unlocked: bool,
}

/// For [`Call::new`]: allowed before `MPI_Init` and after `MPI_Finalize`.
pub const ANY_TIME: bool = true;

impl Call {
    /// The call of this name.
    ///
    /// # Panics
    /// At compile time, if there is no such call.
    #[must_use]
    pub const fn new(name: &'static str, any_time: bool) -> Call {
        let (mut low, mut high) = (0, CALL_NAMES.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if less(CALL_NAMES[middle].as_bytes(), name.as_bytes()) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let here = CALL_NAMES[low].as_bytes();
        assert!(!less(here, name.as_bytes()) && !less(name.as_bytes(), here));
        #[allow(clippy::cast_possible_truncation, reason = "there are 664 names")]
        let number = low as u32 + 1;
        Call {
            name,
            number,
            any_time,
            quiet: starts_with(name.as_bytes(), b"MPI_T_"),
            unlocked: starts_with(name.as_bytes(), b"MPI_Pready")
                || starts_with(name.as_bytes(), b"MPI_Parrived"),
        }
    }
}

const fn starts_with(whole: &[u8], start: &[u8]) -> bool {
    let mut i = 0;
    while i < start.len() {
        if i >= whole.len() || whole[i] != start[i] {
            return false;
        }
        i += 1;
    }
    true
}

const fn less(a: &[u8], b: &[u8]) -> bool {
    let mut i = 0;
    while i < a.len() && i < b.len() {
        if a[i] != b[i] {
            return a[i] < b[i];
        }
        i += 1;
    }
    a.len() < b.len()
}

/// Runs an exported function's body: checks that MPI is up, enters the library,
/// publishes which call this is, and raises the error handler of `subject` if the
/// body fails.
#[inline(always)]
#[allow(
    clippy::inline_always,
    reason = "the body must melt into its exported function"
)]
pub fn call(call: Call, subject: Subject, body: impl FnOnce() -> Result<()>) -> c_int {
    let slot = if call.any_time {
        trace::slot_or_spare()
    } else {
        match trace::slot() {
            Some(slot) => slot,
            None => return refused(call.name),
        }
    };
    if call.unlocked {
        return match body() {
            Ok(()) => MPI_SUCCESS,
            Err(error) => {
                let _inside = lock::enter();
                failed(call, subject, error)
            }
        };
    }
    let early = call.any_time.then(early::enter);
    let visit = profile::enter(call.number);
    slot.store(call.number, Ordering::Relaxed);
    let code = match body() {
        Ok(()) => MPI_SUCCESS,
        Err(error) => failed(call, subject, error),
    };
    slot.store(call.number | CALL_OVER, Ordering::Relaxed);
    profile::leave(visit, call.number);
    drop(early);
    code
}

/// What a failed call returns, after the error handler had its say.
#[cold]
#[inline(never)]
#[allow(
    clippy::needless_pass_by_value,
    reason = "freed here, and not in each exported function"
)]
fn failed(call: Call, subject: Subject, error: Error) -> c_int {
    if call.quiet {
        // A null pointer, a number out of range: all of them are «invalid» there.
        return match error.class() {
            Class::ARG | Class::INFO => Class::T_INVALID.0,
            other => other.0,
        };
    }
    raise::raise(subject, call.name, &error)
}

/// A call that came too early or too late.
#[cold]
fn refused(name: &'static str) -> c_int {
    let _early = early::enter();
    let _inside = lock::enter();
    let text = if job::is_forked() {
        "called in a process that a rank has forked: only the process that initialized MPI may call it"
    } else if job::is_finalized() {
        "called after MPI_Finalize, while no session is open"
    } else {
        "called while MPI is not initialized: before MPI_Init, or without an open session"
    };
    raise::raise(Subject::Nothing, name, &Error::new(Class::OTHER, text))
}

/// What a function that is not finished does.
///
/// # Errors
/// Always `MPI_ERR_UNSUPPORTED_OPERATION`.
#[cold]
pub fn unsupported() -> Result<()> {
    Err(Error::new(
        Class::UNSUPPORTED_OPERATION,
        "this version of Lariat does not have this call yet",
    ))
}

/// A parameter that has an error handler.
pub trait Object {
    /// The object it names.
    ///
    /// # Safety
    /// A pointer is null or points to a handle.
    unsafe fn on(self) -> Subject;
}

macro_rules! objects {
    ($($handle:ident $variant:ident)*) => {$(
        impl Object for $handle {
            #[inline]
            unsafe fn on(self) -> Subject {
                Subject::$variant(self.0)
            }
        }

        impl Object for *mut $handle {
            #[inline]
            unsafe fn on(self) -> Subject {
                // SAFETY: null or pointing to a handle, as the caller said.
                unsafe { self.as_ref() }.map_or(Subject::Nothing, |handle| Subject::$variant(handle.0))
            }
        }
    )*};
}

objects! {
    MPI_Comm Comm
    MPI_Win Win
    MPI_File File
    MPI_Session Session
}
