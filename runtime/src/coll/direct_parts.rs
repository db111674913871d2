//! Blocking collectives that move parts of buffers, without a plan: gather, scatter, allgather,
//! all-to-all, all with their v-forms, and those among neighbours.
//!
//! As in [`super::direct`], the messages are those of the plan of the same algorithm.

use super::args::{Call, Ints, Parts, Root, Shape};
use super::direct::{MAX_LEN, dense};
use super::messages::{Awaited, MAX_IN_FLIGHT, Messages};
use super::neighbor;
use super::{choose, memory};
use crate::error::Result;
use crate::object::collective::Tag;
use crate::object::comm::Comm;
use crate::pml::{Buffer, Request};
use smallvec::SmallVec;
use std::sync::Arc;
use wireup::collective::Kind;

/// The ranks that a word of [`Awaited`] can tell apart.
const TOLD_APART: u32 = u64::BITS;

/// Carries out `call`; `None` if it needs a plan.
///
/// # Safety
/// The buffers are good for what the operation does with them.
pub(super) unsafe fn run(comm: &Arc<Comm>, tag: Tag, call: &Call<'_>) -> Option<Result<()>> {
    let is_equal = matches!(tag.kind(), Kind::GATHER | Kind::SCATTER);
    // SAFETY: the caller's promise, for all of these.
    unsafe {
        match call {
            Call::Gather(send, receive, Root::Rank(root))
            | Call::Gatherv(send, receive, Root::Rank(root)) => {
                let parts = (send.as_ref(), receive.as_ref().map(PartList::new));
                gather(comm, tag, parts, *root, is_equal)
            }
            Call::Scatter(send, receive, Root::Rank(root))
            | Call::Scatterv(send, receive, Root::Rank(root)) => {
                let parts = (send.as_ref().map(PartList::new), receive.as_ref());
                scatter(comm, tag, parts, *root, is_equal)
            }
            Call::NeighborAllgather(send, receive) => {
                let (own, receive) = (plain(send), PartList::new(receive));
                among_neighbors(comm, tag, &receive, |_| own)
            }
            Call::NeighborAlltoall(send, receive) => {
                let (send, receive) = (PartList::new(send), PartList::new(receive));
                among_neighbors(comm, tag, &receive, |i| send.of(i))
            }
            _ => None,
        }
    }
}

/// The parts of a buffer, each with where it is.
#[derive(Clone, Copy)]
enum PartList<'a> {
    /// Runs of `len` bytes, `stride` bytes from each other.
    Runs {
        addr: *mut u8,
        stride: isize,
        len: usize,
    },
    /// Runs that counts and displacements tell, in elements of so many bytes.
    Varying {
        addr: *mut u8,
        extent: isize,
        size: usize,
        counts: Ints<'a>,
        displs: Ints<'a>,
    },
    Any(Parts<'a>),
}

impl<'a> PartList<'a> {
    #[inline]
    fn new(parts: &Parts<'a>) -> PartList<'a> {
        match parts.shape {
            Shape::Equal(each, datatype) if datatype.is_contiguous() => PartList::Runs {
                addr: parts.addr.wrapping_offset(datatype.true_lb()),
                stride: datatype.extent().wrapping_mul(each.cast_signed()),
                len: datatype.size().saturating_mul(each),
            },
            Shape::Varying(counts, displs, datatype) if datatype.is_contiguous() => {
                PartList::Varying {
                    addr: parts.addr.wrapping_offset(datatype.true_lb()),
                    extent: datatype.extent(),
                    size: datatype.size(),
                    counts,
                    displs,
                }
            }
            _ => PartList::Any(*parts),
        }
    }

    /// Part `i`.
    #[inline]
    fn of(&self, i: usize) -> Buffer<'a> {
        match self {
            PartList::Runs { addr, stride, len } => {
                let at = stride.wrapping_mul(i.cast_signed());
                Buffer::bytes(addr.wrapping_offset(at), *len)
            }
            PartList::Varying {
                addr,
                extent,
                size,
                counts,
                displs,
            } => {
                let at = extent.wrapping_mul(displs.get(i));
                let len = size.saturating_mul(counts.count(i));
                Buffer::bytes(addr.wrapping_offset(at), len)
            }
            PartList::Any(parts) => part(parts, i),
        }
    }

    /// Whether all parts are known to be at most [`MAX_LEN`] bytes.
    fn are_short(&self) -> bool {
        matches!(self, PartList::Runs { len, .. } if *len <= MAX_LEN)
    }
}

/// Part `i` of a buffer.
fn part<'a>(parts: &Parts<'a>, i: usize) -> Buffer<'a> {
    let (at, count, datatype) = match parts.shape {
        Shape::Equal(each, datatype) => {
            let elements = i.wrapping_mul(each).cast_signed();
            (elements.wrapping_mul(datatype.extent()), each, datatype)
        }
        Shape::Varying(counts, displs, datatype) => {
            let at = displs.get(i).wrapping_mul(datatype.extent());
            (at, counts.count(i), datatype)
        }
        Shape::Typed(counts, displs, datatypes) => (displs.get(i), counts.count(i), datatypes[i]),
    };
    plain(&Buffer {
        addr: parts.addr.wrapping_offset(at),
        count,
        datatype: Some(datatype),
    })
}

/// The same buffer, as bytes if they are contiguous.
#[inline]
fn plain<'a>(buffer: &Buffer<'a>) -> Buffer<'a> {
    dense(buffer).map_or(*buffer, |(addr, len)| Buffer::bytes(addr, len))
}

#[inline]
fn len_of(buffer: &Buffer<'_>) -> usize {
    match buffer.datatype {
        None => buffer.count,
        Some(datatype) => datatype.size().saturating_mul(buffer.count),
    }
}

/// A message to or from a rank.
#[derive(Clone, Copy)]
struct Piece<'a> {
    peer: u32,
    buffer: Buffer<'a>,
    /// That of the collective, or for the second of two edges between the same neighbours.
    channel: Tag,
}

impl<'a> Piece<'a> {
    fn new(peer: u32, buffer: Buffer<'a>, channel: Tag) -> Piece<'a> {
        Piece {
            peer,
            buffer,
            channel,
        }
    }
}

/// Messages under way, each with its peer and the bytes that are to come.
#[derive(Default)]
struct UnderWay(SmallVec<[(Request, u32, usize); 4]>);

impl UnderWay {
    #[inline]
    fn add(
        &mut self,
        messages: &mut Messages<'_>,
        request: Option<Request>,
        (peer, len): (u32, usize),
    ) {
        match request {
            Some(request) if !request.is_done() => self.0.push((request, peer, len)),
            done => messages.wait(done, peer, len),
        }
    }

    #[inline]
    fn wait(self, messages: &mut Messages<'_>) {
        if !self.0.is_empty() {
            self.wait_each(messages);
        }
    }

    #[inline(never)]
    fn wait_each(self, messages: &mut Messages<'_>) {
        for (request, peer, len) in self.0 {
            messages.wait(Some(request), peer, len);
        }
    }
}

/// Sends and receives pieces, at most [`MAX_IN_FLIGHT`] each, and waits for all of them; does
/// `meanwhile` once all that can be sent at once is. Empty ones have no message. `are_short`:
/// those that come are known to be. `is_once`: no rank sends two.
///
/// # Safety
/// The buffers are readable or writable until this returns, and those that are written overlap
/// no other.
#[inline]
unsafe fn exchange<'a>(
    messages: &mut Messages<'_>,
    (come, are_short, is_once): (impl Iterator<Item = Piece<'a>> + Clone, bool, bool),
    go: impl Iterator<Item = Piece<'a>>,
    meanwhile: impl FnOnce(),
) {
    let base = messages.channel;
    let (mut receives, mut sends) = (UnderWay::default(), UnderWay::default());
    let is_short = |piece: &Piece<'_>| len_of(&piece.buffer) <= MAX_LEN;
    let come = come.filter(|piece| len_of(&piece.buffer) > 0);
    if !are_short {
        // Receives of long messages first, so that their senders find them.
        for piece in come.clone().filter(|piece| !is_short(piece)) {
            messages.channel = piece.channel;
            // SAFETY: the caller's promise.
            let receiving = unsafe { messages.receive_into(piece.peer, &piece.buffer) };
            receives.add(messages, receiving, (piece.peer, len_of(&piece.buffer)));
        }
    }
    for piece in go.filter(|piece| len_of(&piece.buffer) > 0) {
        messages.channel = piece.channel;
        // SAFETY: the caller's promise.
        let sending = unsafe { messages.send_from(piece.peer, &piece.buffer) };
        sends.add(messages, sending, (piece.peer, 0));
    }
    meanwhile();
    let short = come.filter(|piece| are_short || is_short(piece));
    let mut taken = 0u64;
    for piece in short.clone() {
        messages.channel = piece.channel;
        taken |= 1u64.checked_shl(piece.peer).unwrap_or(0);
        let len = len_of(&piece.buffer);
        // SAFETY: the caller's promise.
        if unsafe { messages.take_at_once(piece.peer, &piece.buffer, len) } {
            continue;
        }
        messages.awaited = match is_once {
            true => Awaited::Of(short.clone().fold(0, |all, piece| all | 1 << piece.peer) & !taken),
            false => Awaited::Anybody,
        };
        // SAFETY: as above.
        unsafe { messages.await_from(piece.peer, &piece.buffer, len) };
    }
    messages.awaited = Awaited::NOBODY;
    messages.channel = base;
    receives.wait(messages);
    sends.wait(messages);
}

/// Every other rank, counted from the one above `first` on, or downwards.
fn others(size: u32, first: u32, upwards: bool) -> impl Iterator<Item = u32> + Clone {
    let wrapped = move |rank: u32| if rank < size { rank } else { rank - size };
    (1..size).map(move |i| match upwards {
        true => wrapped(first + i),
        false => wrapped(first + size - i),
    })
}

#[inline]
fn is_small(size: u32) -> bool {
    size as usize <= MAX_IN_FLIGHT
}

/// Whether equal parts as long as this one go along a tree.
fn is_tree(size: u32, part: &Buffer<'_>) -> bool {
    choose::gather(size, len_of(part)) == choose::Gather::Binomial
}

const _: () = assert!(MAX_IN_FLIGHT <= TOLD_APART as usize);

/// # Safety
/// As [`run`].
unsafe fn gather(
    comm: &Comm,
    tag: Tag,
    (send, receive): (Option<&Buffer<'_>>, Option<PartList<'_>>),
    root: u32,
    is_equal: bool,
) -> Option<Result<()>> {
    let (rank, size) = (comm.rank, comm.size());
    let own = match (send, receive) {
        (Some(send), _) => plain(send),
        (None, Some(receive)) => receive.of(root as usize),
        (None, None) => return None,
    };
    let equal = || receive.map_or(own, |all| all.of(root as usize));
    if !is_small(size) || is_equal && is_tree(size, &equal()) {
        return None;
    }
    let mut messages = Messages::new(comm, tag);
    let Some(receive) = receive.filter(|_| rank == root) else {
        // SAFETY: the caller's promise; it is waited for here.
        unsafe { send_one(&mut messages, root, &own) };
        return Some(messages.result);
    };
    let copy_own = || {
        if send.is_some() {
            // SAFETY: the caller's promise.
            unsafe { memory::copy_buffer(&own, &receive.of(root as usize)) };
        }
    };
    let come = (0..size).filter(|peer| *peer != root);
    let come = come.map(|peer| Piece::new(peer, receive.of(peer as usize), tag));
    // SAFETY: the caller's promise.
    unsafe {
        let come = (come, receive.are_short(), true);
        exchange(&mut messages, come, std::iter::empty(), copy_own);
    }
    Some(messages.result)
}

/// Sends the only message of this rank, if it is not empty, and waits.
///
/// # Safety
/// The buffer is readable until this returns.
#[inline]
unsafe fn send_one(messages: &mut Messages<'_>, to: u32, buffer: &Buffer<'_>) {
    messages.awaited = Awaited::NOBODY;
    if len_of(buffer) > 0 {
        // SAFETY: the caller's promise; it is waited for here.
        let sending = unsafe { messages.send_from(to, buffer) };
        messages.wait(sending, to, 0);
    }
}

/// # Safety
/// As [`run`].
unsafe fn scatter(
    comm: &Comm,
    tag: Tag,
    (send, receive): (Option<PartList<'_>>, Option<&Buffer<'_>>),
    root: u32,
    is_equal: bool,
) -> Option<Result<()>> {
    let (rank, size) = (comm.rank, comm.size());
    let own = match (receive, send) {
        (Some(receive), _) => plain(receive),
        (None, Some(send)) => send.of(root as usize),
        (None, None) => return None,
    };
    let equal = || send.map_or(own, |all| all.of(root as usize));
    if !is_small(size) || is_equal && is_tree(size, &equal()) {
        return None;
    }
    let mut messages = Messages::new(comm, tag);
    let Some(send) = send.filter(|_| rank == root) else {
        let come = std::iter::once(Piece::new(root, own, tag));
        // SAFETY: the caller's promise.
        unsafe {
            let come = (come, len_of(&own) <= MAX_LEN, true);
            exchange(&mut messages, come, std::iter::empty(), || {});
        }
        return Some(messages.result);
    };
    let copy_own = || {
        if receive.is_some() {
            // SAFETY: the caller's promise.
            unsafe { memory::copy_buffer(&send.of(root as usize), &own) };
        }
    };
    let go = (0..size).filter(|peer| *peer != root);
    let go = go.map(|peer| Piece::new(peer, send.of(peer as usize), tag));
    // SAFETY: the caller's promise.
    unsafe {
        exchange(
            &mut messages,
            (std::iter::empty(), true, true),
            go,
            copy_own,
        )
    };
    Some(messages.result)
}

/// Every rank sends its part to every other.
///
/// # Safety
/// As [`run`].
pub(super) unsafe fn allgather(
    comm: &Comm,
    tag: Tag,
    send: Option<&Buffer<'_>>,
    receive: &Parts<'_>,
) -> Option<Result<()>> {
    let (rank, size) = (comm.rank, comm.size());
    if !is_small(size) {
        return None;
    }
    let receive = PartList::new(receive);
    let total = match receive {
        PartList::Runs { len, .. } => len.saturating_mul(size as usize),
        _ => (0..size as usize)
            .map(|rank| len_of(&receive.of(rank)))
            .fold(0, usize::saturating_add),
    };
    if choose::allgather(size, total) != choose::Allgather::Direct {
        return None;
    }
    let mut messages = Messages::new(comm, tag);
    let piece = |peer, buffer| Piece::new(peer, buffer, tag);
    let own = receive.of(rank as usize);
    // Out of the buffer that is sent: what has just been copied is slow for others to read.
    let out = send.map_or(own, plain);
    let come = others(size, rank, false);
    let come = come.map(|peer| piece(peer, receive.of(peer as usize)));
    let go = others(size, rank, true).map(|peer| piece(peer, out));
    // SAFETY: the caller's promise.
    let copy_own = || unsafe { memory::copy_buffer(&out, &own) };
    // SAFETY: as above.
    unsafe {
        exchange(
            &mut messages,
            (come, receive.are_short(), true),
            go,
            copy_own,
        )
    };
    Some(messages.result)
}

/// Every rank exchanges with every other.
///
/// # Safety
/// As [`run`].
pub(super) unsafe fn alltoall(
    comm: &Comm,
    tag: Tag,
    send: Option<&Parts<'_>>,
    receive: &Parts<'_>,
) -> Option<Result<()>> {
    let (rank, size) = (comm.rank, comm.size());
    let send = send?; // in place, parts are swapped in pairs
    let is_equal = matches!(
        (send.shape, receive.shape),
        (Shape::Equal(..), Shape::Equal(..))
    );
    let (send, receive) = (PartList::new(send), PartList::new(receive));
    if is_equal && choose::alltoall(size, len_of(&receive.of(0))) == choose::Alltoall::Bruck {
        return None;
    }
    if !is_small(size) {
        return None;
    }
    let mut messages = Messages::new(comm, tag);
    let piece = |peer, buffer| Piece::new(peer, buffer, tag);
    let come = others(size, rank, false);
    let come = come.map(|peer| piece(peer, receive.of(peer as usize)));
    let go = others(size, rank, true);
    let go = go.map(|peer| piece(peer, send.of(peer as usize)));
    let (from, to) = (send.of(rank as usize), receive.of(rank as usize));
    // SAFETY: the caller's promise.
    let copy_own = || unsafe { memory::copy_buffer(&from, &to) };
    // SAFETY: as above.
    unsafe {
        exchange(
            &mut messages,
            (come, receive.are_short(), true),
            go,
            copy_own,
        )
    };
    Some(messages.result)
}

/// Receives along every edge in, and sends along every edge out.
///
/// # Safety
/// As [`run`].
unsafe fn among_neighbors<'a>(
    comm: &Comm,
    tag: Tag,
    receive: &PartList<'a>,
    out: impl Fn(usize) -> Buffer<'a>,
) -> Option<Result<()>> {
    let edges = match neighbor::edges_of(comm) {
        Ok(edges) => edges,
        Err(error) => return Some(Err(error)),
    };
    let most = edges.sources.len().max(edges.destinations.len());
    if most > MAX_IN_FLIGHT {
        return None;
    }
    let channel = |upward: bool| match upward {
        true => tag.of_kind(tag.kind().second()),
        false => tag,
    };
    let mut messages = Messages::new(comm, tag);
    let come = edges
        .sources
        .iter()
        .enumerate()
        .filter_map(move |(i, edge)| {
            let (peer, channel) = (edge.peer?, channel(edge.upward));
            Some(Piece::new(peer, receive.of(i), channel))
        });
    let go = edges
        .destinations
        .iter()
        .enumerate()
        .filter_map(|(i, edge)| {
            let (peer, channel) = (edge.peer?, channel(edge.upward));
            Some(Piece::new(peer, out(i), channel))
        });
    // SAFETY: the caller's promise.
    unsafe { exchange(&mut messages, (come, receive.are_short(), false), go, || {}) };
    Some(messages.result)
}
