//! Calls that are allowed at any time may come from several threads at once,
//! whatever level of thread support was asked for, and before any was (MPI 5.0,
//! section 11.4.1). Below `MPI_THREAD_MULTIPLE` the library lock does nothing, so
//! that they take this one.

use crate::lock;
use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError};

static LOCK: Mutex<()> = Mutex::new(());

thread_local! {
    /// Whether this thread holds [`LOCK`]: a user's function, called from inside
    /// such a call, may make another one.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Being alone among the calls that are allowed at any time; leaving drops it.
#[derive(Debug)]
#[must_use]
pub struct Early(Option<MutexGuard<'static, ()>>);

/// Waits for the other threads' calls, where the library lock does not.
pub fn enter() -> Early {
    if lock::is_multiple() || INSIDE.get() {
        return Early(None);
    }
    let guard = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    if lock::is_multiple() {
        return Early(None); // MPI_Init_thread was the call that we waited for
    }
    INSIDE.set(true);
    Early(Some(guard))
}

impl Drop for Early {
    fn drop(&mut self) {
        if self.0.is_some() {
            INSIDE.set(false);
        }
    }
}
