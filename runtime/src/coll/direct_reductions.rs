//! Small blocking scans and reduce-scatters without a plan.
//!
//! As in [`super::direct`], the messages are those of the plan of the same algorithm.

use super::args::{Call, Reduction};
use super::choose;
use super::direct::{MAX_LEN, StackBuffer, operand};
use super::messages::{Awaited, Messages};
use super::scan::ScanKind;
use crate::error::Result;
use crate::object::collective::Tag;
use crate::object::comm::Comm;
use crate::pml::Request;

/// The most ranks of a reduce-scatter that goes this way: each has room on the stack for the
/// contributions of all.
const MOST: usize = 4;

/// Carries out `call`; `None` if it needs a plan.
///
/// # Safety
/// The buffers are good for what the operation does with them.
pub(super) unsafe fn run(comm: &Comm, tag: Tag, call: &Call<'_>) -> Option<Result<()>> {
    // SAFETY: the caller's promise, for all of these.
    unsafe {
        match call {
            Call::Scan(reduction) => scan(comm, tag, reduction, ScanKind::Inclusive),
            Call::Exscan(reduction) => scan(comm, tag, reduction, ScanKind::Exclusive),
            Call::ReduceScatterBlock(reduction) => {
                let each = reduction.count;
                reduce_scatter(comm, tag, reduction, |rank| (rank * each, each))
            }
            Call::ReduceScatter(reduction, counts) => {
                let first = |rank: usize| (0..rank).map(|i| counts.count(i)).sum();
                reduce_scatter(comm, tag, reduction, |rank| {
                    (first(rank), counts.count(rank))
                })
            }
            _ => None,
        }
    }
}

/// From rank to rank.
///
/// # Safety
/// As [`run`].
unsafe fn scan(
    comm: &Comm,
    tag: Tag,
    reduction: &Reduction<'_>,
    kind: ScanKind,
) -> Option<Result<()>> {
    let (rank, size) = (comm.rank, comm.size());
    let len = operand(reduction)?;
    if len > MAX_LEN || choose::scan(size, len) != choose::Scan::Chain {
        return None;
    }
    let mut messages = Messages::new(comm, tag);
    if len == 0 {
        return Some(Ok(()));
    }
    messages.awaited = Awaited::NOBODY;
    let into = reduction.receive;
    let send = reduction.send.unwrap_or(into);
    let mut room = StackBuffer::new();
    let other = room.addr();
    let has_next = rank + 1 < size;
    let mut sending = None;
    // SAFETY: the caller's promise; `other` has room for `len` bytes, which are elements of
    // the type once received or copied.
    unsafe {
        match kind {
            ScanKind::Inclusive => {
                std::ptr::copy(send, into, len);
                if rank > 0 {
                    messages.take(rank - 1, other, len);
                    if messages.result.is_ok() {
                        reduction.reducer.apply(other, into, reduction.count);
                    }
                }
                if has_next {
                    sending = messages.send(rank + 1, into, len);
                }
            }
            ScanKind::Exclusive => {
                // In place, the contribution is where the result will be.
                std::ptr::copy_nonoverlapping(send, other, len);
                if rank > 0 {
                    messages.take(rank - 1, into, len);
                }
                if has_next {
                    if rank > 0 && messages.result.is_ok() {
                        reduction.reducer.apply(into, other, reduction.count);
                    }
                    sending = messages.send(rank + 1, other, len);
                }
            }
        }
    }
    messages.wait(sending, rank + 1, 0);
    Some(messages.result)
}

/// Every rank sends each other one the piece that is theirs and folds what it receives.
/// `piece(i)`: the first element of rank i's, and how many.
///
/// # Safety
/// As [`run`].
unsafe fn reduce_scatter(
    comm: &Comm,
    tag: Tag,
    reduction: &Reduction<'_>,
    piece: impl Fn(usize) -> (usize, usize),
) -> Option<Result<()>> {
    let (rank, ranks) = (comm.rank as usize, comm.size() as usize);
    operand(reduction)?;
    let size = reduction.datatype.size();
    let (last, of_last) = piece(ranks - 1);
    let total = last.checked_add(of_last)?.checked_mul(size)?;
    let pairwise = choose::reduce_scatter(comm.size(), total) == choose::ReduceScatter::Pairwise;
    if ranks > MOST || total > MAX_LEN || !pairwise {
        return None;
    }
    let send = reduction.send.unwrap_or(reduction.receive).cast_const();
    let at = |rank: usize| {
        (
            send.wrapping_add(piece(rank).0 * size),
            piece(rank).1 * size,
        )
    };
    let (own, len) = at(rank);
    let mut messages = Messages::new(comm, tag);
    let mut rooms = [const { StackBuffer::new() }; MOST];
    let mut sends: [Option<Request>; MOST] = [const { None }; MOST];
    // SAFETY: the caller's promise; each room has space for `len` bytes, which are elements of
    // the type once received or copied.
    unsafe {
        for i in 1..ranks {
            let to = (rank + i) % ranks;
            let (addr, len) = at(to);
            if len > 0 {
                sends[to] = messages.send(as_rank(to), addr, len);
            }
        }
        for (peer, room) in rooms.iter_mut().enumerate().take(ranks) {
            let room = room.addr();
            if peer == rank {
                std::ptr::copy_nonoverlapping(own, room, len);
            } else if len > 0 {
                messages.take(as_rank(peer), room, len);
            }
        }
        for (to, sending) in sends.into_iter().enumerate() {
            messages.wait(sending, as_rank(to), 0);
        }
        let mut addrs = rooms.iter_mut().take(ranks).map(StackBuffer::addr);
        let mut acc = addrs.next()?;
        for room in addrs {
            if messages.result.is_ok() {
                reduction.reducer.apply(acc, room, piece(rank).1);
            }
            acc = room;
        }
        if messages.result.is_ok() {
            std::ptr::copy_nonoverlapping(acc, reduction.receive, len);
        }
    }
    Some(messages.result)
}

/// A rank of a small communicator as a number of 32 bits.
#[allow(clippy::cast_possible_truncation, reason = "below MOST")]
fn as_rank(rank: usize) -> u32 {
    rank as u32
}
