//! The tool information interface (MPI 5.0, section 15.3): what a tool may ask
//! the library about itself. The settings are control variables ([`cvar`]), and what
//! messaging counts are performance variables ([`pvar`]); there are no events,
//! enumerations or categories.
//!
//! Tools may call from any thread at any time, also before `MPI_Init`, so that
//! nothing here relies on the library lock. Errors are returned, never raised.

pub mod cvar;
pub mod pvar;

use crate::error::{Class, Result};
use crate::fail;
use std::sync::atomic::{AtomicU32, Ordering};

/// Error codes of the interface (section 15.3.10) in the place of a class.
#[allow(missing_docs, reason = "the names are the standard's, less MPI_T_ERR_")]
impl Class {
    pub const T_NOT_INITIALIZED: Class = Class(1003);
    pub const T_INVALID: Class = Class(1006);
    pub const T_INVALID_INDEX: Class = Class(1007);
    pub const T_INVALID_SESSION: Class = Class(1009);
    pub const T_INVALID_HANDLE: Class = Class(1010);
    pub const T_INVALID_NAME: Class = Class(1011);
    pub const T_CVAR_SET_NEVER: Class = Class(1015);
    pub const T_PVAR_NO_WRITE: Class = Class(1016);
    pub const T_PVAR_NO_STARTSTOP: Class = Class(1017);
    pub const T_PVAR_NO_ATOMIC: Class = Class(1018);
}

/// Initializations that were not finalized.
static USERS: AtomicU32 = AtomicU32::new(0);

/// `MPI_T_init_thread`.
pub fn init() {
    USERS.fetch_add(1, Ordering::Relaxed);
}

/// `MPI_T_finalize`. The last one frees all sessions.
///
/// # Errors
/// `MPI_T_ERR_NOT_INITIALIZED`.
pub fn finalize() -> Result<()> {
    let less = |users: u32| users.checked_sub(1);
    match USERS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less) {
        Ok(users) => {
            if users == 1 {
                pvar::end();
            }
            Ok(())
        }
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

/// Tests run side by side in one process; those that count users take turns.
#[cfg(test)]
static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
