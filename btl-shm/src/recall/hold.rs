//! The fork lock: one fork, or one change of the registered ranges, at a time.
//!
//! A standard mutex: it neither allocates nor unwinds here, and a forked child may
//! release what the forking thread took. Signals are blocked while it is held, so
//! that no handler forks in between.

use nix::sys::signal::{SigSet, SigmaskHow};
use std::sync::{Mutex, MutexGuard, PoisonError};

static LOCK: Mutex<()> = Mutex::new(());

/// The fork lock, held. Dropping it releases the lock, then lets signals through.
pub(super) struct ForkLock {
    _lock: MutexGuard<'static, ()>,
    _signals: BlockedSignals,
}

/// Restores the signal mask that it found.
struct BlockedSignals(SigSet);

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        let _ = self.0.thread_set_mask(); // valid arguments are never refused
    }
}

/// Takes the fork lock.
pub(super) fn take() -> ForkLock {
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK);
    let signals = BlockedSignals(before.unwrap_or(SigSet::empty()));
    ForkLock {
        _lock: LOCK.lock().unwrap_or_else(PoisonError::into_inner),
        _signals: signals,
    }
}

/// Runs `f` while no fork of this process is in progress: what `f` maps and
/// registers is seen by a fork as a whole or not at all. `f` must not fork, nor
/// call [`super::add()`] or [`super::remove`], which take the same lock.
pub fn hold<T>(f: impl FnOnce() -> T) -> T {
    let _held = take();
    f()
}
