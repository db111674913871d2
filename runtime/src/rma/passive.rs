//! Passive target synchronization (MPI 5.0, sections 12.5.3 and 12.5.4).
//!
//! Locks are words in the window's memory (see [`super::control`]). Most accesses are over
//! when their calls return; a flush waits for those that messages have asked the target
//! for.

use super::control::{self, Control};
use super::pending::settle;
use super::{active, hints, wake};
use crate::error::Result;
use crate::fail;
use crate::object::win::{LockKind, Win};
use crate::pml::{self, WaitFor};
use std::sync::atomic::{Ordering, fence};
use wireup::layout::WaitKind;

/// `MPI_Win_lock`.
///
/// # Errors
/// The target is locked by this process already, another access epoch is open, or
/// there is no such rank.
pub fn lock(win: &Win, target: u32, hold: LockKind) -> Result<()> {
    win.part(target, "rank")?;
    may_lock(win, Some(target))?;
    {
        // Before it is held: another thread that asks too gets an error.
        let mut epochs = win.epochs.borrow_mut();
        epochs.fence = false;
        epochs.locks.push((target, hold));
    }
    acquire(win, target, hold);
    Ok(())
}

/// `MPI_Win_unlock`.
///
/// # Errors
/// `MPI_Win_lock` has not locked this rank, or the target could not do something.
pub fn unlock(win: &Win, target: u32) -> Result<()> {
    win.part(target, "rank")?;
    let found = {
        let locks = &mut win.epochs.borrow_mut().locks;
        let at = locks.iter().position(|lock| lock.0 == target);
        at.map(|at| locks.swap_remove(at).1)
    };
    let Some(hold) = found else {
        fail!(
            RMA_SYNC,
            "rank {target} of {} is not locked by MPI_Win_lock",
            win.label()
        );
    };
    let outcome = settle(win, Some(target));
    release(win, target, hold);
    outcome
}

/// `MPI_Win_lock_all`.
///
/// # Errors
/// Another access epoch is open.
pub fn lock_all(win: &Win, hold: LockKind) -> Result<()> {
    may_lock(win, None)?;
    {
        let mut epochs = win.epochs.borrow_mut();
        epochs.fence = false;
        epochs.all = Some(hold);
    }
    for target in 0..win.comm.size() {
        acquire(win, target, hold);
    }
    Ok(())
}

/// `MPI_Win_unlock_all`.
///
/// # Errors
/// `MPI_Win_lock_all` has not locked the window, or a target could not do something.
pub fn unlock_all(win: &Win) -> Result<()> {
    let Some(hold) = win.epochs.borrow_mut().all.take() else {
        fail!(
            RMA_SYNC,
            "{} is not locked by MPI_Win_lock_all",
            win.label()
        );
    };
    let outcome = settle(win, None);
    for target in 0..win.comm.size() {
        release(win, target, hold);
    }
    outcome
}

/// The four flushes, of one target or of all.
///
/// # Errors
/// The target is not locked by this process, or could not do something.
pub fn flush(win: &Win, target: Option<u32>) -> Result<()> {
    if let Some(target) = target {
        win.part(target, "rank")?;
    }
    let locked = {
        let epochs = win.epochs.borrow();
        let one = match target {
            Some(target) => epochs.has_locked(target),
            None => !epochs.locks.is_empty(),
        };
        one || epochs.all.is_some()
    };
    if !locked {
        let what = target.map_or_else(
            || "no rank".to_owned(),
            |rank| format!("rank {rank}, which is not,"),
        );
        fail!(
            RMA_SYNC,
            "{what} of {} is locked by this process: only what is locked can be flushed",
            win.label()
        );
    }
    let outcome = settle(win, target);
    sync();
    outcome
}

/// `MPI_Win_sync`: orders this process's loads and stores before it against those
/// after it. Programs loop around it while they look at a word of the window, so
/// that it makes progress too, and lets others run where ranks share processors.
pub fn sync() {
    fence(Ordering::SeqCst); // pairs with the same call in the process that is looked at
    pml::poll();
}

/// Whether this process may lock `target`, or all.
fn may_lock(win: &Win, target: Option<u32>) -> Result<()> {
    let epochs = win.epochs.borrow();
    let open = match target {
        Some(target) if epochs.all.is_none() && !epochs.has_locked(target) => None,
        _ => active::locked(&epochs),
    };
    let what = target.map_or_else(|| "all ranks".to_owned(), |rank| format!("rank {rank}"));
    if let Some(open) = open {
        fail!(
            RMA_SYNC,
            "{what} of {} cannot be locked: {open}",
            win.label()
        );
    }
    if let Some(targets) = &epochs.access {
        fail!(
            RMA_SYNC,
            "{what} of {} cannot be locked: MPI_Win_start has opened an access epoch to ranks {targets:?}",
            win.label()
        );
    }
    if hints::has_no_locks(win) {
        fail!(
            RMA_SYNC,
            "{what} of {} cannot be locked: its info key no_locks is true",
            win.label()
        );
    }
    Ok(())
}

fn acquire(win: &Win, target: u32, hold: LockKind) {
    if hold == LockKind::Unchecked {
        return;
    }
    let control: Control = control::of(win);
    let exclusive = hold == LockKind::Exclusive;
    let ticket = control.queue(target);
    if !control.is_turn(target, ticket, exclusive) {
        pml::wait(
            || waits_for_lock(win, target, exclusive),
            || control.is_turn(target, ticket, exclusive),
        );
    }
    if exclusive {
        control.set_holder(target, Some(win.comm.rank));
    }
    if !exclusive && control.let_readers_in(target) {
        wake(win);
    }
}

fn release(win: &Win, target: u32, hold: LockKind) {
    if hold == LockKind::Unchecked {
        return;
    }
    let control = control::of(win);
    if hold == LockKind::Exclusive {
        control.set_holder(target, None);
    }
    if control.unlock(target, hold == LockKind::Exclusive) {
        wake(win);
    }
}

/// What a wait for the lock of `target` is told as: for its holder, not for the target.
/// Those who share a lock are not known.
fn waits_for_lock(win: &Win, target: u32, exclusive: bool) -> WaitFor {
    let kind = match exclusive {
        true => WaitKind::LockExclusive,
        false => WaitKind::LockShared,
    };
    let holder = control::of(win).holder(target);
    let holder = holder.filter(|rank| *rank != win.comm.rank);
    let holder = holder.and_then(|rank| win.comm.peer(rank));
    WaitFor::peer(kind, holder, target.cast_signed(), win.comm.context)
}
