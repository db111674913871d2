//! Whether the interface may be used, and its error codes.

use crate::error::{Class, Result};
use crate::{fail, job, lock};
use std::sync::atomic::{AtomicU32, Ordering};

/// Error codes of the interface (section 15.3.10) in the place of a class.
#[allow(missing_docs, reason = "the names are the standard's, less MPI_T_ERR_")]
impl Class {
    pub const T_NOT_ACCESSIBLE: Class = Class(1002);
    pub const T_NOT_INITIALIZED: Class = Class(1003);
    pub const T_INVALID: Class = Class(1006);
    pub const T_INVALID_INDEX: Class = Class(1007);
    pub const T_INVALID_ITEM: Class = Class(1008);
    pub const T_INVALID_SESSION: Class = Class(1009);
    pub const T_INVALID_HANDLE: Class = Class(1010);
    pub const T_INVALID_NAME: Class = Class(1011);
    pub const T_CVAR_SET_NEVER: Class = Class(1015);
    pub const T_PVAR_NO_WRITE: Class = Class(1016);
    pub const T_PVAR_NO_STARTSTOP: Class = Class(1017);
    pub const T_PVAR_NO_ATOMIC: Class = Class(1018);
}

/// Initializations that were not finalized.
pub(super) static USERS: AtomicU32 = AtomicU32::new(0);

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

/// Whether this thread may look into messaging now.
///
/// # Errors
/// `MPI_T_ERR_NOT_ACCESSIBLE`.
pub(super) fn check_thread() -> Result<()> {
    if job::is_initialized() && !lock::is_multiple() && !job::is_main_thread() {
        fail!(
            T_NOT_ACCESSIBLE,
            "below MPI_THREAD_MULTIPLE only the thread that called MPI_Init can have this"
        );
    }
    Ok(())
}
