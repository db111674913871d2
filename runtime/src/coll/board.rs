//! Barrier and small allreduce in one step: every rank posts its operand on the
//! communicator's board, waits for all posts, and reduces them itself, in the order of ranks.
//!
//! A rank depends on nothing of another but its post. So ranks that share processors need
//! the fewest context switches possible: one for each rank that arrives early. Every rank
//! reads every post, so where each rank has a processor this pays for few ranks only.

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

/// The most members that exchange through a board: with a processor for each rank, and
/// with more ranks than processors.
const MAX_MEMBERS: u32 = 8;
const MAX_MEMBERS_OVERSUBSCRIBED: u32 = 64;

/// The place of the board of a communicator that has none.
const NO_BOARD: u64 = 1;

/// Whether the communicator has a board. Rank 0 makes it at its first use, and tells the
/// others where it is. All members come here in the same collective.
#[inline]
fn has_one(comm: &Arc<Comm>, tag: Tag) -> Result<bool> {
    match comm.board.place.get() {
        0 => make(comm, tag),
        place => Ok(place != NO_BOARD),
    }
}

#[cold]
fn make(comm: &Arc<Comm>, tag: Tag) -> Result<bool> {
    let most = if job::is_oversubscribed() {
        MAX_MEMBERS_OVERSUBSCRIBED
    } else {
        MAX_MEMBERS
    };
    if comm.size() > most {
        comm.board.place.set(NO_BOARD);
        return Ok(false);
    }
    let place = match comm.rank {
        0 => {
            let place = board::make(comm.size()).unwrap_or(NO_BOARD);
            send_place(comm, place)?;
            place
        }
        _ => receive_place(comm, tag)?,
    };
    comm.board.place.set(place);
    if place != NO_BOARD {
        comm.board.leave.set(Some(board::leave));
    }
    Ok(place != NO_BOARD)
}

/// The tag of the message that says where the board is. It belongs to no particular
/// collective: a rank that fails in the one that makes the board receives it in the next.
const BOARD_TAG: i32 = wireup::collective::tag(Kind::BOARD, 0);

/// After this many looks, a message of the collective means that its sender goes without a
/// board.
const LOOKS_FOR_BOARD: u32 = 20;

/// Tells all other members where the board is.
fn send_place(comm: &Comm, place: u64) -> Result<()> {
    let bytes = place.to_le_bytes();
    let buffer = Buffer::bytes(bytes.as_ptr(), bytes.len());
    let send = |rank| {
        // SAFETY: all requests are waited for before the bytes go.
        unsafe {
            pml::isend(
                comm,
                Space::Collective,
                rank,
                BOARD_TAG,
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

/// Receives from rank 0 where the board is, in the collective with this tag.
fn receive_place(comm: &Comm, tag: Tag) -> Result<u64> {
    let mut bytes = [0u8; 8];
    let buffer = Buffer::bytes(bytes.as_mut_ptr(), bytes.len());
    // SAFETY: the bytes stay until the request is done, which is waited for here.
    let request =
        unsafe { pml::irecv(comm, Space::Collective, Some(0), Some(BOARD_TAG), &buffer) }?;
    let context = comm.context_of(Space::Collective);
    let what = || WaitFor::peer(WaitKind::Collective, comm.peer(0), tag.0, context);
    let mut watch = Watch::default();
    let mut failed = None;
    let mut looks = 0;
    let stall = || {
        if failed.is_none() {
            looks += 1;
            // Others may learn earlier that there is no board, and send messages instead.
            failed = match watch.look(comm, tag, &[], |_| looks < LOOKS_FOR_BOARD) {
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

/// What a rank posts: how many bytes, of which type, for which operation.
#[derive(Clone, Copy, PartialEq, Eq)]
struct PostContent {
    len: usize,
    /// Elements in it, and their class ([`crate::object::datatype::Element::class`]).
    count: usize,
    class: u8,
    /// [`Reducer::number`].
    operation: u8,
}

impl PostContent {
    const NOTHING: PostContent = PostContent {
        len: 0,
        count: 0,
        class: 0,
        operation: 0,
    };

    /// The stamp of a post: never 0, and the same at all ranks that make the same call.
    #[inline]
    fn stamp(self, tag: Tag) -> u64 {
        let words = u64::from(self.operation) << 20 | u64::from(self.class) << 16;
        let content = words | (self.count as u64) << 8 | self.len as u64;
        u64::from(tag.0.cast_unsigned()) << 32 | content << 1 | 1
    }

    fn of(stamp: u64) -> (Tag, PostContent) {
        let field = |shift: u32, bits: u64| {
            let field = stamp >> (shift + 1) & bits;
            u8::try_from(field).unwrap_or(0) // at most 8 bits
        };
        let tag = u32::try_from(stamp >> 32).unwrap_or(0);
        let content = PostContent {
            len: field(0, 0xff).into(),
            count: field(8, 0xff).into(),
            class: field(16, 0xf),
            operation: field(20, 0xff),
        };
        (Tag(tag.cast_signed()), content)
    }

    /// The error of a rank whose arguments differ from this rank's.
    fn differ(self, tag: Tag, rank: u32, other: PostContent) -> Error {
        if self.operation != other.operation {
            let [mine, theirs] = [self, other].map(|content| Reducer::name_of(content.operation));
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

/// Exchanges `mine` with all members, and calls `each` with every member's post.
#[inline]
fn exchange(
    comm: &Comm,
    tag: Tag,
    content: PostContent,
    mine: &[u8],
    each: impl FnMut(u32, &[u8]),
) -> Result<()> {
    board::exchange(comm, content.stamp(tag), mine, each, |waiting| {
        await_all(comm, tag, content, &waiting)
    })
}

#[inline(never)]
fn await_all(
    comm: &Comm,
    tag: Tag,
    content: PostContent,
    waiting: &PendingExchange<'_>,
) -> Result<Vec<u32>> {
    let mut watch = Watch::default();
    let mut stalled = false;
    let elsewhere = board::await_all(waiting, tag.0, |others| {
        stalled = true;
        look(comm, &mut watch, tag, content, others)
    })?;
    match stalled.then(|| comm.collectives.take_late()).flatten() {
        Some(error) => Err(error),
        None => Ok(elsewhere),
    }
}

/// Looks at the last posts of members that have not posted for this collective.
#[cold]
fn look(
    comm: &Comm,
    watch: &mut Watch,
    tag: Tag,
    content: PostContent,
    others: &[OtherPost],
) -> Option<Error> {
    let mut known = Vec::new();
    for other in others.iter().filter(|other| other.stamp != 0) {
        let (theirs, what) = PostContent::of(other.stamp);
        if theirs == tag && what != content {
            return Some(content.differ(tag, other.rank, what));
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
        Ok(true) => Some(exchange(comm, tag, PostContent::NOTHING, &[], |_, _| {})),
        Ok(false) => None,
        Err(error) => Some(Err(error)),
    }
}

/// An operand on the stack, aligned for every type.
#[repr(C, align(64))]
struct Operand([u8; ROOM]);

/// Reduces `len` bytes. `None`: there is no board, or they are too many.
///
/// Only predefined types are reduced here, so that all ranks decide alike.
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
    let content = PostContent {
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
    let exchanged = exchange(comm, tag, content, &mine.0[..len], |rank, bytes| {
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
        let content = PostContent {
            len: ROOM,
            count: 15,
            class: 9,
            operation: 14,
        };
        let all = Tag(tag(Kind::ALLREDUCE, 77));
        let (back, what) = PostContent::of(content.stamp(all));
        assert!(back == all && what == content);
        let first = Tag(tag(Kind::BARRIER, 0));
        assert_ne!(PostContent::NOTHING.stamp(first), 0);
        let class = |other| content.differ(all, 1, other).class();
        assert_eq!(class(PostContent { len: 4, ..content }), Class::COUNT);
        assert_eq!(
            class(PostContent {
                operation: 1,
                ..content
            }),
            Class::OP
        );
        assert_eq!(
            class(PostContent {
                class: 1,
                ..content
            }),
            Class::TYPE
        );
    }
}
