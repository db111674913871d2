//! Barrier and small allreduce in one step: everybody posts on the communicator's
//! board, waits for all posts, and reduces for itself, in the order of ranks.
//!
//! No rank depends on another's progress beyond its post, so that ranks that
//! share processors need the fewest switches there can be: one for each that
//! arrives before the others. Every rank reads every post, so with a processor
//! for each rank this is for few ranks only.

use super::args::Reduction;
use crate::error::Result;
use crate::job;
use crate::object::comm::Comm;
use crate::pml::board::{self, ROOM};
use std::sync::Arc;

/// The most members that exchange through a board, with a processor for each
/// rank, and where they share.
const MEMBERS_ALONE: u32 = 8;
const MEMBERS_CROWDED: u32 = 64;

/// What stands in a communicator's `board` when there is none to be had.
const REFUSED: u64 = 1;

/// The place of the communicator's board, which is made at its first use: by
/// rank 0, who tells the others. All members come here in the same collective.
#[inline]
fn place(comm: &Arc<Comm>) -> Result<Option<u64>> {
    match comm.board.get() {
        0 => make(comm),
        REFUSED => Ok(None),
        place => Ok(Some(place)),
    }
}

#[cold]
fn make(comm: &Arc<Comm>) -> Result<Option<u64>> {
    let most = if job::is_crowded() {
        MEMBERS_CROWDED
    } else {
        MEMBERS_ALONE
    };
    if comm.size() > most {
        comm.board.set(REFUSED);
        return Ok(None);
    }
    let mut bytes = [0u8; 8];
    if comm.rank == 0 {
        let place = board::make(comm.size()).unwrap_or(REFUSED);
        bytes = place.to_le_bytes();
    }
    super::bcast_bytes(comm, 0, &mut bytes)?;
    comm.board.set(u64::from_le_bytes(bytes));
    Ok(Some(comm.board.get()).filter(|place| *place != REFUSED))
}

fn turn(comm: &Comm) -> u64 {
    let turn = comm.turn.get() + 1;
    comm.turn.set(turn);
    turn
}

/// Waits for all members. `None`: this communicator has no board.
#[inline]
pub(super) fn barrier(comm: &Arc<Comm>) -> Option<Result<()>> {
    if comm.size() == 1 {
        return None;
    }
    let place = match place(comm) {
        Ok(place) => place?,
        Err(error) => return Some(Err(error)),
    };
    board::exchange(comm, place, turn(comm), &[], |_, _| {});
    Some(Ok(()))
}

/// An operand on the stack, aligned for every type.
#[repr(C, align(64))]
struct Operand([u8; ROOM]);

/// Reduces `len` bytes. `None`: there is no board, or they are too many.
///
/// Only predefined types come here: then all ranks can tell alike that they do.
///
/// # Safety
/// The buffers of the reduction are good, `len` bytes each from their address.
#[inline]
pub(super) unsafe fn allreduce(
    comm: &Arc<Comm>,
    reduction: &Reduction<'_>,
    len: usize,
) -> Option<Result<()>> {
    if len > ROOM || len == 0 || comm.size() == 1 || reduction.datatype.element().is_none() {
        return None;
    }
    let place = match place(comm) {
        Ok(place) => place?,
        Err(error) => return Some(Err(error)),
    };
    let send = reduction.send.unwrap_or(reduction.receive);
    let (mut acc, mut next) = (Operand([0; ROOM]), Operand([0; ROOM]));
    // SAFETY: the caller's operand of `len` bytes, at most ROOM.
    unsafe { std::ptr::copy_nonoverlapping(send, next.0.as_mut_ptr(), len) };
    let mine = next;
    next = Operand([0; ROOM]);
    board::exchange(comm, place, turn(comm), &mine.0[..len], |rank, bytes| {
        if rank == 0 {
            acc.0[..len].copy_from_slice(bytes);
            return;
        }
        next.0[..len].copy_from_slice(bytes);
        // SAFETY: both hold `count` elements of the type, aligned, and differ.
        unsafe {
            reduction
                .reducer
                .apply(acc.0.as_ptr(), next.0.as_mut_ptr(), reduction.count);
        }
        std::mem::swap(&mut acc, &mut next);
    });
    // SAFETY: the caller's result buffer of `len` bytes.
    unsafe { std::ptr::copy_nonoverlapping(acc.0.as_ptr(), reduction.receive, len) };
    Some(Ok(()))
}
