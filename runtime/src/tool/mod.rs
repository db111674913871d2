//! The tool information interface (MPI 5.0, section 15.3): what a tool may ask
//! the library about itself. The settings are control variables ([`cvar`]), what
//! messaging counts are performance variables ([`pvar`]), and some of what happens there are
//! events ([`event`]). Categories say what belongs together, enumerations name numbers.
//!
//! Tools may call from any thread at any time, also before `MPI_Init`, so that nothing here
//! relies on the library lock, but for what looks into messaging itself: below
//! `MPI_THREAD_MULTIPLE` that is the main thread's (`MPI_T_ERR_NOT_ACCESSIBLE`). Errors are
//! returned, never raised.

mod access;
pub mod category;
pub mod cvar;
pub mod enums;
pub mod event;
pub mod pvar;
mod variables;

pub use access::check;

use crate::error::Result;
use access::USERS;
use std::sync::atomic::Ordering;

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
                event::end();
                cvar::end();
            }
            Ok(())
        }
        Err(_) => check(),
    }
}

/// Tests run side by side in one process; those that count users take turns.
#[cfg(test)]
static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
