//! Barrier, small allreduce, allgather and all-to-all in one step: every rank posts its data
//! on the communicator's board, waits for all posts, and takes what it needs of them. An
//! allreduce folds them in the order of ranks.
//!
//! A rank depends on nothing of another but its post. So ranks that share processors need
//! the fewest context switches possible: one for each rank that arrives early. Every rank
//! reads every post, so where each rank has a processor this pays for few ranks only.

use super::args::{Parts, Reduction, Shape};
use super::choose;
use crate::error::{Class, Error, Result};
use crate::job;
use crate::object::collective::Tag;
use crate::object::comm::{Comm, Space};
use crate::object::datatype::Datatype;
use crate::object::op::Reducer;
use crate::pml::board::{self, OtherPost, PendingExchange, ROOM};
use crate::pml::collective::{self, Verdict, Watch};
use crate::pml::{self, Buffer, Mode, Request, WaitFor};
use std::mem::MaybeUninit;
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

/// What a rank posts: how many bytes, of which type, for which operation, and who the root is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PostContent {
    pub(super) len: usize,
    /// Elements in it, and their class ([`crate::object::datatype::Element::class`]).
    pub(super) count: usize,
    pub(super) class: u8,
    /// [`Reducer::number`], or above those what the post is.
    pub(super) operation: u8,
    /// Below 64.
    pub(super) root: u32,
}

impl PostContent {
    pub(super) const NOTHING: PostContent = PostContent {
        len: 0,
        count: 0,
        class: 0,
        operation: 0,
        root: 0,
    };

    /// The stamp of a post: never 0, and the same at all ranks that make the same call.
    #[inline]
    pub(super) fn stamp(self, tag: Tag) -> u64 {
        let words = u64::from(self.root) << 25
            | u64::from(self.operation) << 20
            | u64::from(self.class) << 16;
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
            operation: field(20, 0x1f),
            root: field(25, 0x3f).into(),
        };
        (Tag(tag.cast_signed()), content)
    }

    /// The error of a rank whose arguments differ from this rank's.
    fn differ(self, tag: Tag, rank: u32, other: PostContent) -> Error {
        if self.root != other.root {
            let (mine, theirs) = (self.root, other.root);
            let text = format!("{tag}: root is {mine} here, but {theirs} at rank {rank}");
            return Error::mismatch(Class::ROOT, text);
        }
        let are_operations = [self, other].map(|content| content.operation < MAPPED);
        if are_operations == [true, true] && self.operation != other.operation {
            let [mine, theirs] = [self, other].map(|content| Reducer::name_of(content.operation));
            let text = format!("{tag}: op is {mine} here, but {theirs} at rank {rank}");
            return Error::mismatch(Class::OP, text);
        }
        if are_operations != [true, true] {
            let text = format!("{tag}: rank {rank} gives another length than here");
            return Error::mismatch(Class::COUNT, text);
        }
        if self.len != other.len {
            let (mine, theirs) = (self.len, other.len);
            let text = format!("{tag}: it is of {mine} bytes here, but of {theirs} at rank {rank}");
            return Error::mismatch(Class::COUNT, text);
        }
        let text = format!("{tag}: datatype is of another kind at rank {rank} than here");
        Error::mismatch(Class::TYPE, text)
    }
}

/// From here on an operation's number says what else a post is: where the buffers are, and
/// that a rank is through with them.
pub(super) const MAPPED: u8 = 30;
pub(super) const FINISHED: u8 = 31;

/// Exchanges `mine` with all members, and calls `each` with every member's post.
#[inline]
pub(super) fn exchange(
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

/// Whether a collective of `len` bytes in a post goes through the board.
#[inline]
fn is_for(comm: &Arc<Comm>, tag: Tag, len: usize) -> Result<bool> {
    Ok(len <= ROOM && len > 0 && comm.size() > 1 && has_one(comm, tag)?)
}

/// Whether `comm` has a board, in a collective of more than one rank.
#[inline]
pub(super) fn is_there(comm: &Arc<Comm>, tag: Tag) -> Result<bool> {
    Ok(comm.size() > 1 && has_one(comm, tag)?)
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

/// Bytes on the stack, aligned for every type.
#[repr(C, align(64))]
struct Room(MaybeUninit<[u8; ROOM]>);

impl Room {
    #[inline]
    fn new() -> Room {
        Room(MaybeUninit::uninit())
    }

    #[inline]
    fn addr(&mut self) -> *mut u8 {
        self.0.as_mut_ptr().cast()
    }

    /// The first `len` bytes, at most [`ROOM`].
    ///
    /// # Safety
    /// They were written.
    #[inline]
    unsafe fn bytes(&self, len: usize) -> &[u8] {
        debug_assert!(len <= ROOM);
        // SAFETY: the caller's promise; they are the room's.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), len) }
    }
}

/// `count` elements of a type at an address, of `len` bytes.
#[derive(Clone, Copy)]
pub(super) struct Data<'a> {
    addr: *mut u8,
    count: usize,
    datatype: Option<&'a Arc<Datatype>>,
    pub(super) len: usize,
}

impl<'a> Data<'a> {
    pub(super) fn of(buffer: &Buffer<'a>) -> Data<'a> {
        let size = buffer.datatype.map_or(1, |datatype| datatype.size());
        Data {
            addr: buffer.addr,
            count: buffer.count,
            datatype: buffer.datatype,
            len: size.saturating_mul(buffer.count),
        }
    }

    /// So many equal parts side by side, if these are equal parts.
    fn run(parts: &Parts<'a>, number: usize) -> Option<Data<'a>> {
        let Shape::Equal(each, datatype) = parts.shape else {
            return None;
        };
        Some(Data::of(&Buffer {
            addr: parts.addr,
            count: each.saturating_mul(number),
            datatype: Some(datatype),
        }))
    }

    /// `count` elements from element `first` on.
    fn slice(self, first: usize, count: usize) -> Data<'a> {
        let (extent, size) = self
            .datatype
            .map_or((1, 1), |datatype| (datatype.extent(), datatype.size()));
        Data {
            addr: self
                .addr
                .wrapping_offset(extent.wrapping_mul(first.cast_signed())),
            count,
            len: size * count,
            ..self
        }
    }

    /// Copies the data out.
    ///
    /// # Safety
    /// They are readable, and at most as long as `to`.
    #[inline]
    unsafe fn pack<'b>(&self, to: &'b mut Room) -> &'b [u8] {
        debug_assert!(self.len <= ROOM);
        // SAFETY: the caller's promise; all of the bytes are written.
        unsafe {
            self.pack_to(to.addr());
            to.bytes(self.len)
        }
    }

    /// As [`Data::pack`], to an address.
    ///
    /// # Safety
    /// They are readable, and as many bytes are writable there.
    #[inline]
    pub(super) unsafe fn pack_to(&self, to: *mut u8) {
        // SAFETY: the caller's promise.
        unsafe {
            match self.datatype {
                Some(datatype) if !datatype.is_contiguous() => {
                    datatype.pack_range(self.addr, self.count, 0, to, self.len);
                }
                datatype => {
                    let lb = datatype.map_or(0, |datatype| datatype.true_lb());
                    let from = self.addr.wrapping_offset(lb);
                    std::ptr::copy_nonoverlapping(from, to, self.len);
                }
            }
        }
    }

    /// Copies `bytes`, as many as the data, in.
    ///
    /// # Safety
    /// The data are writable.
    #[inline]
    unsafe fn unpack(&self, bytes: &[u8]) {
        debug_assert_eq!(bytes.len(), self.len);
        // SAFETY: the caller's promise.
        unsafe { self.unpack_from(bytes.as_ptr()) }
    }

    /// As [`Data::unpack`], from an address.
    ///
    /// # Safety
    /// The data are writable, and as many bytes are readable there.
    #[inline]
    pub(super) unsafe fn unpack_from(&self, from: *const u8) {
        // SAFETY: the caller's promise.
        unsafe {
            match self.datatype {
                Some(datatype) if !datatype.is_contiguous() => {
                    datatype.unpack_range(self.addr, self.count, 0, from, self.len);
                }
                datatype => {
                    let lb = datatype.map_or(0, |datatype| datatype.true_lb());
                    let to = self.addr.wrapping_offset(lb);
                    std::ptr::copy_nonoverlapping(from, to, self.len);
                }
            }
        }
    }
}

/// Comes back with `None` where there is no board, or the data are too many.
macro_rules! needs_board {
    ($comm:expr, $tag:expr, $len:expr) => {
        match is_for($comm, $tag, $len) {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => return Some(Err(error)),
        }
    };
}

/// All post what they have for all.
///
/// # Safety
/// The buffers are good for what an all-to-all of equal parts does with them.
#[inline]
pub(super) unsafe fn alltoall(
    comm: &Arc<Comm>,
    tag: Tag,
    send: Option<&Parts<'_>>,
    receive: &Parts<'_>,
) -> Option<Result<()>> {
    let (rank, size) = (comm.rank as usize, comm.size() as usize);
    let into = Data::run(receive, size)?;
    let out = Data::run(send.unwrap_or(receive), size)?;
    // In place there is no other way without a plan.
    if send.is_some() && !choose::posts_alltoall(into.len) {
        return None;
    }
    needs_board!(comm, tag, into.len);
    let (each, len) = (into.count / size, into.len / size);
    let content = PostContent {
        len: into.len,
        ..PostContent::NOTHING
    };
    let mut room = Room::new();
    if out.len != into.len {
        return Some(Err(unequal(tag, out.len, into.len)));
    }
    // SAFETY: the caller's promise.
    let mine = unsafe { out.pack(&mut room) };
    Some(exchange(comm, tag, content, mine, |from, bytes| {
        let part = into.slice(from as usize * each, each);
        // SAFETY: as above.
        unsafe { part.unpack(&bytes[rank * len..][..len]) };
    }))
}

/// The error of a rank that gives another length than it takes.
#[cold]
fn unequal(tag: Tag, out: usize, into: usize) -> Error {
    let text = format!("in {tag} this rank sends {out} bytes and receives {into}: must be equal");
    Error::new(Class::COUNT, text)
}

/// All post their part.
///
/// # Safety
/// The buffers are good for what an allgather of equal parts does with them.
#[inline]
pub(super) unsafe fn allgather(
    comm: &Arc<Comm>,
    tag: Tag,
    send: Option<&Buffer<'_>>,
    receive: &Parts<'_>,
) -> Option<Result<()>> {
    let (rank, size) = (comm.rank as usize, comm.size() as usize);
    let into = Data::run(receive, size)?;
    let (each, len) = (into.count / size, into.len / size);
    if !choose::posts_allgather(comm.size(), len) {
        return None;
    }
    needs_board!(comm, tag, len);
    let own = send.map_or_else(|| into.slice(rank * each, each), Data::of);
    if own.len != len {
        return Some(Err(unequal(tag, own.len, len)));
    }
    let content = PostContent {
        len,
        ..PostContent::NOTHING
    };
    let mut room = Room::new();
    // SAFETY: the caller's promise.
    let mine = unsafe { own.pack(&mut room) };
    let in_place = send.is_none();
    Some(exchange(comm, tag, content, mine, |from, bytes| {
        let from = from as usize;
        if !(in_place && from == rank) {
            // SAFETY: as above.
            unsafe { into.slice(from * each, each).unpack(bytes) };
        }
    }))
}

/// What posts are folded into, in the order of ranks.
struct Fold<'a> {
    reducer: &'a Reducer,
    count: usize,
    acc: Room,
    next: Room,
    has_any: bool,
}

impl<'a> Fold<'a> {
    fn new(reduction: &'a Reduction<'_>) -> Fold<'a> {
        Fold {
            reducer: &reduction.reducer,
            count: reduction.count,
            acc: Room::new(),
            next: Room::new(),
            has_any: false,
        }
    }

    /// Takes the next rank's `bytes`, as many as the elements, in.
    #[inline]
    fn take(&mut self, bytes: &[u8]) {
        debug_assert!(bytes.len() <= ROOM);
        let (acc, next) = (self.acc.addr(), self.next.addr());
        let to = if self.has_any { next } else { acc };
        // SAFETY: both have room for a post, and hold `count` elements of the type, aligned,
        // once they are written; they differ.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len());
            if !self.has_any {
                self.has_any = true;
            } else if self.reducer.is_own() {
                self.reducer.combine(acc, next, acc, self.count);
            } else {
                self.reducer.apply(acc, next, self.count);
                std::mem::swap(&mut self.acc, &mut self.next);
            }
        }
    }

    /// Copies the result to `to`, if there is one.
    ///
    /// # Safety
    /// `len` bytes there are writable, as many as the elements.
    #[inline]
    unsafe fn finish(&self, to: *mut u8, len: usize) {
        if self.has_any {
            // SAFETY: the caller's promise.
            unsafe { std::ptr::copy_nonoverlapping(self.acc.0.as_ptr().cast(), to, len) };
        }
    }
}

/// The content of posts of a reduction, and this rank's operand, copied to `room`. `None`:
/// not of a predefined type. Only those are reduced here, so that all ranks decide alike.
///
/// # Safety
/// The operand is `len` bytes, at most [`ROOM`].
#[inline]
unsafe fn operand<'a>(
    reduction: &Reduction<'_>,
    len: usize,
    room: &'a mut Room,
) -> Option<(PostContent, &'a [u8])> {
    let element = reduction.datatype.element()?;
    let content = PostContent {
        len,
        count: reduction.count,
        class: element.class(),
        operation: reduction.reducer.number(),
        root: 0,
    };
    let send = reduction.send.unwrap_or(reduction.receive);
    // SAFETY: the caller's promise.
    let mine = unsafe {
        std::ptr::copy_nonoverlapping(send, room.addr(), len);
        room.bytes(len)
    };
    Some((content, mine))
}

/// Reduces `len` bytes. `None`: there is no board, or they are too many.
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
    if !choose::posts_allreduce(comm.size(), len) {
        return None;
    }
    reduction.datatype.element()?;
    needs_board!(comm, tag, len);
    let mut room = Room::new();
    // SAFETY: the caller's promise.
    let (content, mine) = unsafe { operand(reduction, len, &mut room) }?;
    let mut fold = Fold::new(reduction);
    let result = exchange(comm, tag, content, mine, |_, bytes| fold.take(bytes));
    if result.is_ok() {
        // SAFETY: the caller's result buffer of `len` bytes.
        unsafe { fold.finish(reduction.receive, len) };
    }
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wireup::collective::tag;

    #[test]
    fn a_stamp_says_what_was_posted() {
        let content = PostContent {
            len: ROOM,
            count: 31,
            class: 9,
            operation: 14,
            root: 63,
        };
        let all = Tag(tag(Kind::ALLREDUCE, 77));
        let (back, what) = PostContent::of(content.stamp(all));
        assert!(back == all && what == content);
        let first = Tag(tag(Kind::BARRIER, 0));
        assert_ne!(PostContent::NOTHING.stamp(first), 0);
        let class = |other| content.differ(all, 1, other).class();
        assert_eq!(class(PostContent { len: 4, ..content }), Class::COUNT);
        assert_eq!(class(PostContent { root: 4, ..content }), Class::ROOT);
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
