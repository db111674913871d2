//! Barrier and small allreduce in one step: everybody posts on the communicator's
//! board, waits for all posts, and reduces for itself, in the order of ranks.
//!
//! No rank depends on another's progress beyond its post, so that ranks that
//! share processors need the fewest switches there can be: one for each that
//! arrives before the others. Every rank reads every post, so with a processor
//! for each rank this is for few ranks only.

use super::args::Reduction;
use crate::error::{Class, Error, Result};
use crate::job;
use crate::object::collective::Tag;
use crate::object::comm::{Comm, Space};
use crate::object::op::Reducer;
use crate::pml::board::{self, OtherPost, PendingExchange, ROOM};
use crate::pml::collective::{self, Verdict, Watch};
use crate::pml::{self, Buffer, Mode, Request, WaitFor};
use std::sync::Arc;
use wireup::collective::Kind;
use wireup::layout::WaitKind;

/// The most members that exchange through a board, with a processor for each
/// rank, and where they share.
const MEMBERS_ALONE: u32 = 8;
const MEMBERS_CROWDED: u32 = 64;

/// What stands in place of a board's where there is none to be had.
const REFUSED: u64 = 1;

/// Whether the communicator has a board, which is made at its first use: by
/// rank 0, who tells the others. All members come here in the same collective.
#[inline]
fn has_one(comm: &Arc<Comm>, tag: Tag) -> Result<bool> {
    match comm.board.place.get() {
        0 => make(comm, tag),
        place => Ok(place != REFUSED),
    }
}

#[cold]
fn make(comm: &Arc<Comm>, tag: Tag) -> Result<bool> {
    let most = if job::is_oversubscribed() {
        MEMBERS_CROWDED
    } else {
        MEMBERS_ALONE
    };
    if comm.size() > most {
        comm.board.place.set(REFUSED);
        return Ok(false);
    }
    let place = match comm.rank {
        0 => {
            let place = board::make(comm.size()).unwrap_or(REFUSED);
            show(comm, place)?;
            place
        }
        _ => hear(comm, tag)?,
    };
    comm.board.place.set(place);
    if place != REFUSED {
        comm.board.leave.set(Some(board::leave));
    }
    Ok(place != REFUSED)
}

/// The tag of the message that says where the board is. It is of no collective in
/// particular: who fails in the one that makes the board hears of it in the next.
const PLACE: i32 = wireup::collective::tag(Kind::BOARD, 0);

/// Looks after which a message of the collective means that its sender needs no board.
const PATIENCE: u32 = 20;

/// Says to all other members where the board is.
fn show(comm: &Comm, place: u64) -> Result<()> {
    let bytes = place.to_le_bytes();
    let buffer = Buffer::bytes(bytes.as_ptr(), bytes.len());
    let send = |rank| {
        // SAFETY: all requests are waited for before the bytes go.
        unsafe {
            pml::isend(
                comm,
                Space::Collective,
                rank,
                PLACE,
                &buffer,
                Mode::Standard,
            )
        }
    };
    let requests: Vec<Result<Request>> = (1..comm.size()).map(send).collect();
    let mut result = Ok(());
    for request in requests {
        let sent = request.map(|request| pml::complete(request).error);
        result = result.and(sent.and_then(|error| error.map_or(Ok(()), Err)));
    }
    result
}

/// Hears of rank 0 where the board is, in the collective with this tag.
fn hear(comm: &Comm, tag: Tag) -> Result<u64> {
    let mut bytes = [0u8; 8];
    let buffer = Buffer::bytes(bytes.as_mut_ptr(), bytes.len());
    // SAFETY: the bytes stay until the request is done, which is waited for here.
    let request = unsafe { pml::irecv(comm, Space::Collective, Some(0), Some(PLACE), &buffer) }?;
    let what = || WaitFor {
        kind: WaitKind::Collective,
        peer: comm.peer(0).map_or(-2, |proc| proc.0.cast_signed()),
        tag: tag.0,
        context: comm.context_of(Space::Collective).0,
    };
    let mut watch = Watch::default();
    let mut failed = None;
    let mut looks = 0;
    let stall = || {
        if failed.is_none() {
            looks += 1;
            // Where there is no board, others may hear of that before and send messages.
            failed = match watch.look(comm, tag, &[], |_| looks < PATIENCE) {
                Verdict::Fine => return false,
                Verdict::Moves => Some(collective::moved()),
                Verdict::Fails(error) => Some(error),
            };
            pml::cancel(&request);
        }
        false
    };
    pml::wait_or(what, || request.is_done(), stall);
    match request.finish().error.or(failed) {
        Some(error) => Err(error),
        None => Ok(u64::from_le_bytes(bytes)),
    }
}

/// What is exchanged: its length, of which type, by which operation.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Detail {
    len: usize,
    /// Elements in it, and their class ([`crate::object::datatype::Element::class`]).
    count: usize,
    class: u8,
    /// [`Reducer::number`].
    operation: u8,
}

impl Detail {
    const NOTHING: Detail = Detail {
        len: 0,
        count: 0,
        class: 0,
        operation: 0,
    };

    /// The stamp of a post: never 0, the same at all ranks that do the same.
    #[inline]
    fn stamp(self, tag: Tag) -> u64 {
        let words = u64::from(self.operation) << 20 | u64::from(self.class) << 16;
        let detail = words | (self.count as u64) << 8 | self.len as u64;
        u64::from(tag.0.cast_unsigned()) << 32 | detail << 1 | 1
    }

    fn of(stamp: u64) -> (Tag, Detail) {
        let field = |shift: u32, bits: u64| {
            let field = stamp >> (shift + 1) & bits;
            u8::try_from(field).unwrap_or(0) // at most 8 bits
        };
        let tag = u32::try_from(stamp >> 32).unwrap_or(0);
        let detail = Detail {
            len: field(0, 0xff).into(),
            count: field(8, 0xff).into(),
            class: field(16, 0xf),
            operation: field(20, 0xff),
        };
        (Tag(tag.cast_signed()), detail)
    }

    /// How the arguments of a rank differ from this rank's.
    fn differ(self, tag: Tag, rank: u32, other: Detail) -> Error {
        if self.operation != other.operation {
            let [mine, theirs] = [self, other].map(|detail| Reducer::name_of(detail.operation));
            let text =
                format!("ranks differ in {tag}: op is {mine} here, but {theirs} at rank {rank}");
            return Error::new(Class::OP, text);
        }
        if self.len != other.len {
            let (mine, theirs) = (self.len, other.len);
            let text = format!(
                "ranks differ in {tag}: it is of {mine} bytes here, but of {theirs} at rank {rank}"
            );
            return Error::new(Class::COUNT, text);
        }
        let text =
            format!("ranks differ in {tag}: datatype is of another kind at rank {rank} than here");
        Error::new(Class::TYPE, text)
    }
}

/// Exchanges `mine` with all members, and shows each what was posted.
#[inline]
fn exchange(
    comm: &Comm,
    tag: Tag,
    detail: Detail,
    mine: &[u8],
    each: impl FnMut(u32, &[u8]),
) -> Result<()> {
    board::exchange(comm, detail.stamp(tag), mine, each, |waiting| {
        await_all(comm, tag, detail, &waiting)
    })
}

#[inline(never)]
fn await_all(
    comm: &Comm,
    tag: Tag,
    detail: Detail,
    waiting: &PendingExchange<'_>,
) -> Result<Vec<u32>> {
    let mut watch = Watch::default();
    let mut stalled = false;
    let elsewhere = board::await_all(waiting, tag.0, |others| {
        stalled = true;
        look(comm, &mut watch, tag, detail, others)
    })?;
    match stalled.then(|| comm.collectives.take_late()).flatten() {
        Some(error) => Err(error),
        None => Ok(elsewhere),
    }
}

/// Looks at the last posts of those who have not posted for this collective.
#[cold]
fn look(
    comm: &Comm,
    watch: &mut Watch,
    tag: Tag,
    detail: Detail,
    others: &[OtherPost],
) -> Option<Error> {
    let mut known = Vec::new();
    for other in others.iter().filter(|other| other.stamp != 0) {
        let (theirs, what) = Detail::of(other.stamp);
        if theirs == tag && what != detail {
            return Some(detail.differ(tag, other.rank, what));
        }
        if theirs.is_after(tag) || theirs.number() == tag.number() {
            known.push((other.rank, theirs));
        }
    }
    match watch.look(comm, tag, &known, |_| false) {
        Verdict::Fine => None,
        Verdict::Moves => Some(collective::moved()),
        Verdict::Fails(error) => Some(error),
    }
}

/// Waits for all members. `None`: this communicator has no board.
#[inline]
pub(super) fn barrier(comm: &Arc<Comm>, tag: Tag) -> Option<Result<()>> {
    if comm.size() == 1 {
        return None;
    }
    match has_one(comm, tag) {
        Ok(true) => Some(exchange(comm, tag, Detail::NOTHING, &[], |_, _| {})),
        Ok(false) => None,
        Err(error) => Some(Err(error)),
    }
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
    tag: Tag,
    reduction: &Reduction<'_>,
    len: usize,
) -> Option<Result<()>> {
    if len > ROOM || len == 0 || comm.size() == 1 {
        return None;
    }
    let element = reduction.datatype.element()?;
    match has_one(comm, tag) {
        Ok(true) => {}
        Ok(false) => return None,
        Err(error) => return Some(Err(error)),
    }
    let detail = Detail {
        len,
        count: reduction.count,
        class: element.class(),
        operation: reduction.reducer.number(),
    };
    let send = reduction.send.unwrap_or(reduction.receive);
    let (mut acc, mut next) = (Operand([0; ROOM]), Operand([0; ROOM]));
    // SAFETY: the caller's operand of `len` bytes, at most ROOM.
    unsafe { std::ptr::copy_nonoverlapping(send, next.0.as_mut_ptr(), len) };
    let mine = next;
    next = Operand([0; ROOM]);
    let exchanged = exchange(comm, tag, detail, &mine.0[..len], |rank, bytes| {
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
    if exchanged.is_err() {
        return Some(exchanged);
    }
    // SAFETY: the caller's result buffer of `len` bytes.
    unsafe { std::ptr::copy_nonoverlapping(acc.0.as_ptr(), reduction.receive, len) };
    Some(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wireup::collective::tag;

    #[test]
    fn a_stamp_says_what_was_posted() {
        let detail = Detail {
            len: ROOM,
            count: 15,
            class: 9,
            operation: 14,
        };
        let all = Tag(tag(Kind::ALLREDUCE, 77));
        let (back, what) = Detail::of(detail.stamp(all));
        assert!(back == all && what == detail);
        let first = Tag(tag(Kind::BARRIER, 0));
        assert_ne!(Detail::NOTHING.stamp(first), 0);
        let class = |other| detail.differ(all, 1, other).class();
        assert_eq!(class(Detail { len: 4, ..detail }), Class::COUNT);
        assert_eq!(
            class(Detail {
                operation: 1,
                ..detail
            }),
            Class::OP
        );
        assert_eq!(class(Detail { class: 1, ..detail }), Class::TYPE);
    }
}
