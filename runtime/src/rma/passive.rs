//! Passive target synchronization (MPI 5.0, sections 12.5.3 and 12.5.4).
//!
//! Locks are words in the window's memory (see [`super::control`]). Most accesses are over
//! when their calls return; a flush waits for those that messages have asked the target
//! for. A target on another host is asked for its lock, too, and takes the ticket for the
//! origin.

use super::ask::Ask;
use super::control::{self, Control};
use super::pending::{self, Subject, settle};
use super::{active, hints, wake};
use crate::error::Result;
use crate::fail;
use crate::object::win::{LockKind, Win};
use crate::pml::{self, WaitFor};
use std::ops::Range;
use std::sync::atomic::Ordering;
#[cfg(not(target_arch = "x86_64"))]
use std::sync::atomic::fence;
#[cfg(target_arch = "x86_64")]
use std::sync::atomic::{AtomicU32, compiler_fence};
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
        epochs.set_fence(false);
        epochs.locks.push((target, hold));
    }
    if win.is_far(target) {
        return acquire_all(win, target..target + 1, hold);
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
    if win.is_far(target) {
        // The target does what it is asked for in this order.
        let asked = ask_to_unlock(win, target, hold);
        return settle(win, Some(target)).and(asked);
    }
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
        epochs.set_fence(false);
        epochs.all = Some(hold);
    }
    if win.remote.is_some() {
        return acquire_all(win, 0..win.comm.size(), hold);
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
    let mut asked = Ok(());
    for target in (0..win.comm.size()).filter(|target| win.is_far(*target)) {
        asked = asked.and(ask_to_unlock(win, target, hold));
    }
    let outcome = settle(win, None).and(asked);
    for target in (0..win.comm.size()).filter(|target| !win.is_far(*target)) {
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
    let is_locked = {
        let epochs = win.epochs.borrow();
        match target {
            Some(target) => epochs.allow_passive(target),
            None => epochs.all.is_some() || !epochs.locks.is_empty(),
        }
    };
    if !is_locked {
        return not_locked(win, target);
    }
    let outcome = settle(win, target);
    fence_accesses(win);
    pml::poll_at_times();
    outcome
}

/// The short way of a flush of rank `target`, in a window whose memory all members map:
/// nothing is to be waited for. Whether it was that; if not, [`flush`] says what is wrong.
#[inline]
pub fn flush_mapped(win: &Win, target: i32) -> bool {
    let is_mapped = win.remote.is_none();
    let rank = u32::try_from(target)
        .ok()
        .filter(|rank| *rank < win.comm.size());
    if !is_mapped || !rank.is_some_and(|rank| win.epochs.borrow().allow_passive(rank)) {
        return false;
    }
    fence_accesses(win);
    pml::poll_at_times();
    true
}

/// Orders accesses to mapped memory before whatever follows.
#[inline]
fn fence_accesses(win: &Win) {
    // Processors that let loads overtake loads need it after a get too.
    if win.stored.replace(false) || !cfg!(target_arch = "x86_64") {
        full_fence();
    }
}

#[cold]
fn not_locked(win: &Win, target: Option<u32>) -> Result<()> {
    let what = match target {
        None => format!("no rank of {} is", win.label()),
        Some(rank) => format!("rank {rank} of {} is not", win.label()),
    };
    fail!(
        RMA_SYNC,
        "{what} locked by this process: only what is locked can be flushed"
    )
}

/// `MPI_Win_sync`: orders this process's loads and stores before it against those
/// after it. Programs loop around it while they look at a word of the window, so
/// that it makes progress too, and lets others run where ranks share processors.
pub fn sync() {
    full_fence();
    pml::poll();
}

/// Makes this process's stores visible before it loads anything more. Its partner is the
/// same call in the process that stores what is loaded.
#[inline]
fn full_fence() {
    // A locked instruction is a fence there, and takes half as long as the one that is
    // nothing else.
    #[cfg(target_arch = "x86_64")]
    {
        static WORD: AtomicU32 = AtomicU32::new(0);
        compiler_fence(Ordering::SeqCst); // stores before stay before
        WORD.swap(0, Ordering::SeqCst);
        compiler_fence(Ordering::SeqCst); // loads after stay after
    }
    #[cfg(not(target_arch = "x86_64"))]
    fence(Ordering::SeqCst); // as said above
}

/// Whether this process may lock `target`, or all.
fn may_lock(win: &Win, target: Option<u32>) -> Result<()> {
    let epochs = win.epochs.borrow();
    let open = match target {
        Some(target) if epochs.all.is_none() && !epochs.has_locked(target) => None,
        _ => active::locked(&epochs),
    };
    let what = target.map_or_else(|| "all ranks".to_owned(), |rank| format!("rank {rank}"));
    if let Some(open) = open.or_else(|| active::fenced(&epochs)) {
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

/// Takes the locks of these ranks, one after the other. Whoever waits for one holds none of a
/// higher rank: an exclusive lock that is waited for holds up later shared ones, so that two
/// processes that took several in different orders could wait for each other.
///
/// # Errors
/// There is no memory for a message.
#[cold]
fn acquire_all(win: &Win, targets: Range<u32>, hold: LockKind) -> Result<()> {
    if hold == LockKind::Unchecked {
        return Ok(());
    }
    let ask = Ask::Lock(hold == LockKind::Exclusive);
    for target in targets {
        if !win.is_far(target) {
            acquire(win, target, hold);
            continue;
        }
        let access = pending::ask(win, target, ask, nothing(), None)?;
        pml::wait(|| access.waits_for(), || access.is_done());
        let outcome = access.finish();
        pending::forget(win, &access);
        outcome?;
    }
    Ok(())
}

/// A lock is about no memory.
fn nothing() -> Subject {
    Subject::Single(Vec::new(), Vec::new())
}

/// Asks a rank on another host to let its lock go, which this process holds.
fn ask_to_unlock(win: &Win, target: u32, hold: LockKind) -> Result<()> {
    if hold == LockKind::Unchecked {
        return Ok(());
    }
    let ask = Ask::Unlock(hold == LockKind::Exclusive);
    pending::ask(win, target, ask, nothing(), None).map(drop)
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
        if win.remote.is_some() {
            pml::progress(); // for origins on other hosts that wait for the lock of this rank
        }
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
