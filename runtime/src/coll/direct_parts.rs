//! Blocking collectives that move parts of buffers, without a plan: gather, scatter, allgather,
//! all-to-all, all with their v-forms, and those among neighbours.
//!
//! As in [`super::direct`], the messages are those of the plan of the same algorithm.

use super::args::{Call, Parts, Root, Shape};
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
                let parts = (send.as_ref(), receive.as_ref());
                gather(comm, tag, parts, *root, is_equal)
            }
            Call::Scatter(send, receive, Root::Rank(root))
            | Call::Scatterv(send, receive, Root::Rank(root)) => {
                let parts = (send.as_ref(), receive.as_ref());
                scatter(comm, tag, parts, *root, is_equal)
            }
            Call::NeighborAllgather(send, receive) => {
                let own = plain(send);
                among_neighbors(comm, tag, |i| part(receive, i), |_| own)
            }
            Call::NeighborAlltoall(send, receive) => {
                among_neighbors(comm, tag, |i| part(receive, i), |i| part(send, i))
            }
            _ => None,
        }
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
fn plain<'a>(buffer: &Buffer<'a>) -> Buffer<'a> {
    dense(buffer).map_or(*buffer, |(addr, len)| Buffer::bytes(addr, len))
}

fn len_of(buffer: &Buffer<'_>) -> usize {
    let size = buffer.datatype.map_or(1, |datatype| datatype.size());
    size.saturating_mul(buffer.count)
}

/// A message to or from a rank.
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

    fn wait(self, messages: &mut Messages<'_>) {
        for (request, peer, len) in self.0 {
            messages.wait(Some(request), peer, len);
        }
    }
}

/// Sends and receives pieces, at most [`MAX_IN_FLIGHT`] each, and waits for all of them. Empty
/// ones have no message. `is_once`: no rank sends two.
///
/// # Safety
/// The buffers are readable or writable until this returns, and those that are written overlap
/// no other.
unsafe fn exchange<'a>(
    messages: &mut Messages<'_>,
    come: impl Iterator<Item = Piece<'a>> + Clone,
    go: impl Iterator<Item = Piece<'a>>,
    is_once: bool,
) {
    let base = messages.channel;
    let (mut receives, mut sends) = (UnderWay::default(), UnderWay::default());
    let come = come.filter(|piece| len_of(&piece.buffer) > 0);
    let is_short = |piece: &Piece<'_>| len_of(&piece.buffer) <= MAX_LEN;
    // Receives of long messages first, so that their senders find them.
    for piece in come.clone().filter(|piece| !is_short(piece)) {
        messages.channel = piece.channel;
        // SAFETY: the caller's promise.
        let receiving = unsafe { messages.receive_into(piece.peer, &piece.buffer) };
        receives.add(messages, receiving, (piece.peer, len_of(&piece.buffer)));
    }
    for piece in go.filter(|piece| len_of(&piece.buffer) > 0) {
        messages.channel = piece.channel;
        // SAFETY: the caller's promise.
        let sending = unsafe { messages.send_from(piece.peer, &piece.buffer) };
        sends.add(messages, sending, (piece.peer, 0));
    }
    let short = come.filter(is_short);
    messages.awaited = match is_once {
        true => Awaited::Of(short.clone().fold(0, |all, piece| all | 1 << piece.peer)),
        false => Awaited::Anybody,
    };
    for piece in short {
        messages.channel = piece.channel;
        messages.awaited.remove(piece.peer);
        let len = len_of(&piece.buffer);
        // SAFETY: the caller's promise.
        unsafe { messages.take_into(piece.peer, &piece.buffer, len) };
    }
    messages.awaited = Awaited::NOBODY;
    messages.channel = base;
    receives.wait(messages);
    sends.wait(messages);
}

/// Every other rank, counted from the one above `first` on, or downwards.
fn others(size: u32, first: u32, upwards: bool) -> impl Iterator<Item = u32> + Clone {
    (1..size).map(move |i| match upwards {
        true => (first + i) % size,
        false => (first + size - i) % size,
    })
}

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
    (send, receive): (Option<&Buffer<'_>>, Option<&Parts<'_>>),
    root: u32,
    is_equal: bool,
) -> Option<Result<()>> {
    let (rank, size) = (comm.rank, comm.size());
    let own = match (send, receive) {
        (Some(send), _) => plain(send),
        (None, Some(receive)) => part(receive, root as usize),
        (None, None) => return None,
    };
    let all = receive.map(|all| part(all, root as usize));
    if !is_small(size) || is_equal && is_tree(size, &all.unwrap_or(own)) {
        return None;
    }
    let mut messages = Messages::new(comm, tag);
    let piece = |peer, buffer| Piece::new(peer, buffer, tag);
    // SAFETY: the caller's promise.
    unsafe {
        match receive {
            Some(receive) if rank == root => {
                let come = (0..size).filter(|peer| *peer != root);
                let come = come.map(|peer| piece(peer, part(receive, peer as usize)));
                exchange(&mut messages, come, std::iter::empty(), true);
                if let Some(send) = send {
                    memory::copy_buffer(&plain(send), &part(receive, root as usize));
                }
            }
            _ => {
                let go = std::iter::once(piece(root, own));
                exchange(&mut messages, std::iter::empty(), go, true);
            }
        }
    }
    Some(messages.result)
}

/// # Safety
/// As [`run`].
unsafe fn scatter(
    comm: &Comm,
    tag: Tag,
    (send, receive): (Option<&Parts<'_>>, Option<&Buffer<'_>>),
    root: u32,
    is_equal: bool,
) -> Option<Result<()>> {
    let (rank, size) = (comm.rank, comm.size());
    let own = match (receive, send) {
        (Some(receive), _) => plain(receive),
        (None, Some(send)) => part(send, root as usize),
        (None, None) => return None,
    };
    let all = send.map(|all| part(all, root as usize));
    if !is_small(size) || is_equal && is_tree(size, &all.unwrap_or(own)) {
        return None;
    }
    let mut messages = Messages::new(comm, tag);
    let piece = |peer, buffer| Piece::new(peer, buffer, tag);
    // SAFETY: the caller's promise.
    unsafe {
        match send {
            Some(send) if rank == root => {
                let go = (0..size).filter(|peer| *peer != root);
                let go = go.map(|peer| piece(peer, part(send, peer as usize)));
                exchange(&mut messages, std::iter::empty(), go, true);
                if let Some(receive) = receive {
                    memory::copy_buffer(&part(send, root as usize), &plain(receive));
                }
            }
            _ => {
                let come = std::iter::once(0).map(|_| piece(root, own));
                exchange(&mut messages, come, std::iter::empty(), true);
            }
        }
    }
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
    let len = |rank: u32| len_of(&part(receive, rank as usize));
    let total = (0..size).fold(0usize, |sum, rank| sum.saturating_add(len(rank)));
    if choose::allgather(size, total) != choose::Allgather::Direct {
        return None;
    }
    let mut messages = Messages::new(comm, tag);
    let piece = |peer, buffer| Piece::new(peer, buffer, tag);
    let own = part(receive, rank as usize);
    // Out of the buffer that is sent: what has just been copied is slow for others to read.
    let out = send.map_or(own, plain);
    // SAFETY: the caller's promise.
    unsafe {
        let come = others(size, rank, false);
        let come = come.map(|peer| piece(peer, part(receive, peer as usize)));
        let go = others(size, rank, true).map(|peer| piece(peer, out));
        exchange(&mut messages, come, go, true);
        memory::copy_buffer(&out, &own);
    }
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
    if let (Shape::Equal(..), Shape::Equal(..)) = (send.shape, receive.shape)
        && choose::alltoall(size, len_of(&part(receive, 0))) == choose::Alltoall::Bruck
    {
        return None;
    }
    if !is_small(size) {
        return None;
    }
    let mut messages = Messages::new(comm, tag);
    let piece = |peer, buffer| Piece::new(peer, buffer, tag);
    // SAFETY: the caller's promise.
    unsafe {
        memory::copy_buffer(&part(send, rank as usize), &part(receive, rank as usize));
        let come = others(size, rank, false);
        let come = come.map(|peer| piece(peer, part(receive, peer as usize)));
        let go = others(size, rank, true);
        let go = go.map(|peer| piece(peer, part(send, peer as usize)));
        exchange(&mut messages, come, go, true);
    }
    Some(messages.result)
}

/// Receives along every edge in, and sends along every edge out.
///
/// # Safety
/// As [`run`].
unsafe fn among_neighbors<'a>(
    comm: &Comm,
    tag: Tag,
    into: impl Fn(usize) -> Buffer<'a> + Copy,
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
            Some(Piece::new(peer, into(i), channel))
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
    unsafe { exchange(&mut messages, come, go, false) };
    Some(messages.result)
}
