//! Active target synchronization (MPI 5.0, sections 12.5.1 and 12.5.2), and what
//! epochs are open.
//!
//! A fence is a barrier: by words that members have in common, or by messages where some are
//! on other hosts. Post, start, complete and wait are messages without
//! bytes, in the window's own context: from target to origin when it posts, from
//! origin to target when it completes. Whatever the assertions promise, they are
//! sent: the two sides need not know of one another's.

use super::pending::settle;
use super::{control, wake};
use crate::error::Result;
use crate::object::comm::Space;
use crate::object::group::Group;
use crate::object::win::{Epochs, Win};
use crate::pml::{self, Buffer, Mode, WaitFor, probe};
use crate::{fail, pml::wait};
use wireup::layout::WaitKind;

/// What a message between members of a window means; its tag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
enum Notice {
    /// The target has posted.
    Post = 0,
    /// The origin has completed.
    Complete = 1,
    /// This member no longer reads the control words, which rank 0 will give back.
    Gone = 2,
    /// This member has come to a barrier by messages.
    Arrived = 3,
}

/// The open epoch in words, for an error. `None` if there is none but a fence's.
pub(super) fn open(epochs: &Epochs) -> Option<String> {
    if let Some(targets) = &epochs.access {
        return Some(format!(
            "MPI_Win_start has opened an access epoch to ranks {targets:?}, and MPI_Win_complete has not been called"
        ));
    }
    if let Some(origins) = &epochs.exposure {
        return Some(format!(
            "MPI_Win_post has opened an exposure epoch, which ranks {origins:?} have not been seen to complete"
        ));
    }
    locked(epochs)
}

/// What is locked in words, for an error.
pub(super) fn locked(epochs: &Epochs) -> Option<String> {
    if epochs.all.is_some() {
        return Some("MPI_Win_lock_all has locked all ranks".to_owned());
    }
    let (rank, _) = epochs.locks.first()?;
    Some(format!("MPI_Win_lock has locked rank {rank}"))
}

/// A fence's epoch that is in use in words, for an error; known under the setting `check` alone.
pub(super) fn fenced(epochs: &Epochs) -> Option<String> {
    let is_open = epochs.fence && epochs.fence_is_used;
    is_open.then(|| {
        "there were accesses since MPI_Win_fence, and no fence has completed them".to_owned()
    })
}

/// Waits for all members.
///
/// # Errors
/// A message cannot be sent.
pub(super) fn barrier(win: &Win) -> Result<()> {
    if win.spans_hosts() {
        return barrier_of_hosts(win);
    }
    let control = control::of(win);
    let (all, last) = control.arrive(win.comm.rank);
    if last {
        wake(win);
    } else {
        wait(
            || {
                let part = |rank| {
                    WaitFor::peer(WaitKind::Fence, win.comm.peer(rank), -2, win.comm.context)
                };
                WaitFor::all_of(control.missing(all).map(part))
            },
            || control.have_arrived(all),
        );
    }
    Ok(())
}

/// Waits for all members, by messages: in round k each tells the one 2ᵏ above it, and waits
/// for the one 2ᵏ below.
#[cold]
fn barrier_of_hosts(win: &Win) -> Result<()> {
    let (rank, size) = (win.comm.rank, win.comm.size());
    let mut distance = 1;
    while distance < size {
        send(win, (rank + distance) % size, Notice::Arrived)?;
        receive(win, (rank + size - distance) % size, Notice::Arrived)?;
        distance *= 2;
    }
    Ok(())
}

/// Tells rank 0 that this member no longer reads the control words; at rank 0, waits
/// until all have told it.
pub(super) fn last_word(win: &Win) -> Result<()> {
    if win.comm.rank != 0 {
        return send(win, 0, Notice::Gone);
    }
    (1..win.comm.size()).try_for_each(|rank| receive(win, rank, Notice::Gone))
}

/// `MPI_Win_fence`. `succeeds`: another fence will end what this one begins.
///
/// # Errors
/// An epoch of another kind is open, or a target could not do something.
pub fn fence(win: &Win, succeeds: bool) -> Result<()> {
    if let Some(open) = open(&win.epochs.borrow()) {
        fail!(RMA_SYNC, "no fence is allowed on {}: {open}", win.label());
    }
    let outcome = settle(win, None);
    let all_here = barrier(win);
    win.epochs.borrow_mut().set_fence(succeeds);
    outcome.and(all_here)
}

/// `MPI_Win_post`.
///
/// # Errors
/// An exposure epoch is open already, or `group` is no part of the window's.
pub fn post(win: &Win, group: &Group) -> Result<()> {
    let origins = ranks_of(win, group)?;
    if win.epochs.borrow().exposure.is_some() {
        fail!(
            RMA_SYNC,
            "{} is posted already: MPI_Win_wait must come first",
            win.label()
        );
    }
    if let Some(open) = fenced(&win.epochs.borrow()) {
        fail!(RMA_SYNC, "{} cannot be posted: {open}", win.label());
    }
    for origin in &origins {
        send(win, *origin, Notice::Post)?;
    }
    let mut epochs = win.epochs.borrow_mut();
    epochs.set_fence(false);
    epochs.exposure = Some(origins);
    Ok(())
}

/// `MPI_Win_start`: waits until every target has posted.
///
/// # Errors
/// An access epoch is open already, or `group` is no part of the window's.
pub fn start(win: &Win, group: &Group) -> Result<()> {
    let targets = ranks_of(win, group)?;
    {
        let epochs = win.epochs.borrow();
        let open = locked(&epochs).or_else(|| epochs.access.as_ref().and_then(|_| open(&epochs)));
        let open = open.or_else(|| fenced(&epochs));
        if let Some(open) = open {
            fail!(RMA_SYNC, "{} cannot be started: {open}", win.label());
        }
    }
    for target in &targets {
        receive(win, *target, Notice::Post)?;
    }
    let mut epochs = win.epochs.borrow_mut();
    epochs.set_fence(false);
    epochs.access = Some(targets);
    Ok(())
}

/// `MPI_Win_complete`.
///
/// # Errors
/// No access epoch was started, or a target could not do something.
pub fn complete(win: &Win) -> Result<()> {
    let Some(targets) = win.epochs.borrow_mut().access.take() else {
        fail!(
            RMA_SYNC,
            "{} has no access epoch to complete: MPI_Win_start must come first",
            win.label()
        );
    };
    let mut outcome = Ok(());
    for target in targets {
        outcome = outcome.and(settle(win, Some(target)));
        outcome = outcome.and(send(win, target, Notice::Complete));
    }
    outcome
}

/// `MPI_Win_wait`: waits until every origin has completed.
///
/// # Errors
/// Nothing was posted.
pub fn wait_for_origins(win: &Win) -> Result<()> {
    let Some(origins) = win.epochs.borrow_mut().exposure.take() else {
        return not_posted(win);
    };
    origins
        .iter()
        .try_for_each(|origin| receive(win, *origin, Notice::Complete))
}

/// `MPI_Win_test`: whether every origin has completed.
///
/// # Errors
/// Nothing was posted.
pub fn test(win: &Win) -> Result<bool> {
    let Some(origins) = win.epochs.borrow_mut().exposure.take() else {
        return not_posted(win);
    };
    let mut left = Vec::new();
    for origin in origins {
        let (tag, space) = (Some(Notice::Complete as i32), Space::PointToPoint);
        if probe::iprobe(&win.comm, space, Some(origin), tag).is_some() {
            receive(win, origin, Notice::Complete)?;
        } else {
            left.push(origin);
        }
    }
    let over = left.is_empty();
    win.epochs.borrow_mut().exposure = (!over).then_some(left);
    Ok(over)
}

#[cold]
fn not_posted<T>(win: &Win) -> Result<T> {
    fail!(
        RMA_SYNC,
        "{} has no exposure epoch to wait for: MPI_Win_post must come first",
        win.label()
    )
}

/// The ranks in the window of the processes in `group`.
fn ranks_of(win: &Win, group: &Group) -> Result<Vec<u32>> {
    let mut ranks = Vec::with_capacity(group.size() as usize);
    for (rank, proc) in (0..).zip(group.iter()) {
        match win.comm.group.rank_of(proc) {
            Some(known) => ranks.push(known),
            None => fail!(
                GROUP,
                "rank {rank} of group is process {}, which is no member of {}",
                proc.0,
                win.label()
            ),
        }
    }
    Ok(ranks)
}

fn send(win: &Win, rank: u32, notice: Notice) -> Result<()> {
    let nothing = Buffer::bytes(std::ptr::dangling(), 0);
    let space = Space::PointToPoint;
    // SAFETY: the message has no bytes. It goes on by itself when the request is
    // dropped.
    let sent = unsafe {
        pml::isend(
            &win.comm,
            space,
            rank,
            notice as i32,
            &nothing,
            Mode::Standard,
        )
    };
    sent.map(drop)
}

fn receive(win: &Win, rank: u32, notice: Notice) -> Result<()> {
    let nothing = Buffer::bytes(std::ptr::dangling(), 0);
    let (space, tag) = (Space::PointToPoint, Some(notice as i32));
    // SAFETY: the message has no bytes.
    let heard = unsafe { pml::recv(&win.comm, space, Some(rank), tag, &nothing) }?;
    match heard.error {
        Some(error) => Err(error),
        None => Ok(()),
    }
}
