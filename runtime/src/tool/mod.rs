//! The tool information interface (MPI 5.0, section 15.3): what a tool may ask
//! the library about itself. The settings are control variables ([`cvar`]); there
//! are no performance variables, events, enumerations or categories.
//!
//! Tools may call from any thread at any time, also before `MPI_Init`, so that
//! nothing here relies on the library lock. Errors are returned, never raised.

pub mod cvar;

use crate::error::{Class, Result};
use crate::fail;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

/// Error codes of the interface (section 15.3.10) in the place of a class.
#[allow(missing_docs, reason = "the names are the standard's, less MPI_T_ERR_")]
impl Class {
    pub const T_NOT_INITIALIZED: Class = Class(1003);
    pub const T_INVALID: Class = Class(1006);
    pub const T_INVALID_INDEX: Class = Class(1007);
    pub const T_INVALID_ITEM: Class = Class(1008);
    pub const T_INVALID_SESSION: Class = Class(1009);
    pub const T_INVALID_HANDLE: Class = Class(1010);
    pub const T_INVALID_NAME: Class = Class(1011);
    pub const T_CVAR_SET_NEVER: Class = Class(1015);
}

/// Initializations that were not finalized.
static USERS: AtomicU32 = AtomicU32::new(0);

/// `MPI_T_init_thread`.
pub fn init() {
    USERS.fetch_add(1, Ordering::Relaxed);
}

/// `MPI_T_finalize`.
///
/// # Errors
/// `MPI_T_ERR_NOT_INITIALIZED`.
pub fn finalize() -> Result<()> {
    let less = |users: u32| users.checked_sub(1);
    match USERS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less) {
        Ok(_) => Ok(()),
        Err(_) => check(),
    }
}

/// Whether the interface may be used.
///
/// # Errors
/// `MPI_T_ERR_NOT_INITIALIZED`.
pub fn check() -> Result<()> {
    if USERS.load(Ordering::Relaxed) == 0 {
        fail!(
            T_NOT_INITIALIZED,
            "MPI_T_init_thread was not called, or was undone"
        );
    }
    Ok(())
}

/// What asking for something by number gives where there is nothing of the kind.
///
/// # Errors
/// `MPI_T_ERR_INVALID_INDEX`, if the interface may be used at all.
pub fn no_index(what: &str, index: i32) -> Result<()> {
    check()?;
    fail!(T_INVALID_INDEX, "there is no {what} {index}")
}

/// What asking for something by name gives where there is nothing of the kind.
///
/// # Errors
/// `MPI_T_ERR_INVALID_NAME`, if the interface may be used at all.
pub fn no_name(what: &str) -> Result<()> {
    check()?;
    fail!(T_INVALID_NAME, "there is no {what} of this name")
}

/// What using a handle gives where there can be no such handle.
///
/// # Errors
/// `MPI_T_ERR_INVALID_HANDLE`, if the interface may be used at all.
pub fn no_handle(what: &str, raw: usize) -> Result<()> {
    check()?;
    fail!(T_INVALID_HANDLE, "{raw:#x} is no handle of {what}")
}

/// Sessions of performance variables, by their handles.
static SESSIONS: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());

/// `MPI_T_PVAR_ALL_HANDLES`.
const ALL_HANDLES: usize = 1;

/// `MPI_T_pvar_session_create`: a handle that is in use by no other session.
///
/// # Errors
/// `MPI_T_ERR_NOT_INITIALIZED`.
pub fn open_session() -> Result<usize> {
    check()?;
    let mut sessions = SESSIONS.lock().unwrap_or_else(PoisonError::into_inner);
    let raw = sessions.last().map_or(1, |last| last + 1);
    sessions.insert(raw);
    Ok(raw)
}

/// `MPI_T_pvar_session_free`.
///
/// # Errors
/// `MPI_T_ERR_INVALID_SESSION`.
pub fn close_session(raw: usize) -> Result<()> {
    session(raw)?;
    let mut sessions = SESSIONS.lock().unwrap_or_else(PoisonError::into_inner);
    sessions.remove(&raw);
    Ok(())
}

/// Whether `raw` names a session.
///
/// # Errors
/// `MPI_T_ERR_INVALID_SESSION`.
pub fn session(raw: usize) -> Result<()> {
    check()?;
    let sessions = SESSIONS.lock().unwrap_or_else(PoisonError::into_inner);
    if !sessions.contains(&raw) {
        fail!(T_INVALID_SESSION, "{raw:#x} is no session, or was freed");
    }
    Ok(())
}

/// A call on one performance variable, or on all of a session, which is none.
///
/// # Errors
/// `MPI_T_ERR_INVALID_SESSION`, `MPI_T_ERR_INVALID_HANDLE`.
pub fn pvar(session: usize, handle: usize) -> Result<()> {
    self::session(session)?;
    if handle == ALL_HANDLES {
        return Ok(());
    }
    no_handle("a performance variable", handle)
}

/// Tests run side by side in one process; those that count users take turns.
#[cfg(test)]
static TURN: Mutex<()> = Mutex::new(());

#[cfg(test)]
mod tests {
    use super::{Class, TURN, check, close_session, finalize, init, open_session, pvar};

    #[test]
    fn sessions_need_an_initialized_interface() {
        let _turn = TURN.lock();
        assert_eq!(finalize().unwrap_err().class(), Class::T_NOT_INITIALIZED);
        assert!(open_session().is_err());
        init();
        init();
        finalize().unwrap();
        let (a, b) = (open_session().unwrap(), open_session().unwrap());
        assert_ne!(a, b);
        pvar(a, 1).unwrap();
        assert_eq!(pvar(a, 7).unwrap_err().class(), Class::T_INVALID_HANDLE);
        close_session(a).unwrap();
        assert_eq!(pvar(a, 1).unwrap_err().class(), Class::T_INVALID_SESSION);
        close_session(b).unwrap();
        finalize().unwrap();
        assert!(check().is_err());
    }
}
