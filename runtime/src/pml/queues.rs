//! What goes out: the transport, and for each peer what waits for room in it, in order.

use crate::error::{Class, Error};
use crate::object::group::{self, Proc};
use crate::pml::fatal::die;
use crate::pml::protocol::Limits;
use crate::pml::request::{Phase, RequestId, RequestRef, RequestTable};
use crate::pml::rndv::pipeline::{Pieces, Stream};
use crate::pml::transport::{Header, Transport, Words};
use crate::pml::wire::Control;
use std::collections::VecDeque;
use std::fmt::Display;
use std::ops::Range;

/// Pieces that are sent to one peer before anything else is looked at.
const PIECES: u32 = 32;

/// What waits for room.
#[derive(Debug)]
enum Pending {
    /// A send that has not begun.
    Start(RequestRef),
    /// A message without bytes.
    Control(Header, Words),
}

/// What waits for room to one peer.
#[derive(Debug, Default)]
struct PeerQueue {
    pending: VecDeque<Pending>,
    /// Sends whose bytes are going out, the next one first.
    streams: VecDeque<Stream>,
    /// Whether a message went to it in pieces since anything came from it: it has
    /// something to copy.
    is_busy: bool,
}

/// The transport, and what waits for it.
#[derive(Debug)]
pub(super) struct Queues<T: Transport> {
    transport: T,
    me: Proc,
    limits: Limits,
    peers: Vec<PeerQueue>,
    /// Peers whose `pending` is not empty.
    waiting: Vec<Proc>,
    /// Peers whose `streams` are not empty.
    streaming: Vec<Proc>,
    /// Sends and receives that a peer may name.
    requests: RequestTable,
}

impl<T: Transport> Queues<T> {
    pub(super) fn new(transport: T, me: Proc, ranks: u32, limits: Limits) -> Queues<T> {
        Queues {
            transport,
            me,
            limits,
            peers: (0..ranks).map(|_| PeerQueue::default()).collect(),
            waiting: Vec::new(),
            streaming: Vec::new(),
            requests: RequestTable::default(),
        }
    }

    /// There are processes up to this number.
    pub(super) fn grow(&mut self, procs: u32) {
        if self.peers.len() < procs as usize {
            self.peers.resize_with(procs as usize, PeerQueue::default);
        }
    }

    /// Whether anything is under way to or from these processes.
    pub(super) fn is_engaged(&self, range: &Range<u32>) -> bool {
        let inside = |peer: &Proc| range.contains(&peer.0);
        self.waiting.iter().any(inside)
            || self.streaming.iter().any(inside)
            || self
                .requests
                .iter()
                .any(|request| inside(&request.peer.get()))
    }

    /// This process.
    #[inline]
    pub(super) fn me(&self) -> Proc {
        self.me
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    #[inline]
    pub(super) fn transport(&mut self) -> &mut T {
        &mut self.transport
    }

    fn of(&mut self, peer: Proc) -> &mut PeerQueue {
        &mut self.peers[peer.0 as usize]
    }

    /// Gives a request a number by which peers may name it.
    pub(super) fn name(&mut self, request: &RequestRef) -> RequestId {
        self.requests.insert(request)
    }

    /// The request of this number.
    pub(super) fn named(&self, id: RequestId) -> Option<RequestRef> {
        self.requests.get(id).cloned()
    }

    /// Takes its number from a request.
    pub(super) fn unname(&mut self, id: RequestId) -> Option<RequestRef> {
        self.requests.remove(id)
    }

    /// Whether sends or answers wait for room.
    #[inline]
    pub(super) fn has_pending(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether the bytes of sends are going out.
    #[inline]
    pub(super) fn has_streams(&self) -> bool {
        !self.streaming.is_empty()
    }

    /// Whether anything of this process still has to go out by itself.
    pub(super) fn is_sending(&self) -> bool {
        self.has_pending() || self.has_streams()
    }

    /// Whether the order of messages to `peer` allows to send past the queue.
    #[inline]
    pub(super) fn is_clear(&self, peer: Proc) -> bool {
        self.peers[peer.0 as usize].pending.is_empty()
    }

    /// Whether a message of `len` bytes may go to `peer` unasked.
    #[inline]
    pub(super) fn goes_eager(&self, peer: Proc, len: usize) -> bool {
        len <= self.limits.eager_limit && !self.transport.has_pressure(peer)
    }

    /// Whether the next piece to `peer` goes alone: there is nothing else for it to copy.
    pub(super) fn goes_alone(&self, peer: Proc) -> bool {
        let known = &self.peers[peer.0 as usize];
        !known.is_busy && known.streams.is_empty() && known.pending.is_empty()
    }

    /// Something has come from `peer`.
    #[inline]
    pub(super) fn heard_from(&mut self, peer: Proc) {
        self.of(peer).is_busy = false;
    }

    fn queue(&mut self, peer: Proc, pending: Pending) {
        let queue = &mut self.of(peer).pending;
        let is_first = queue.is_empty();
        queue.push_back(pending);
        if is_first {
            self.waiting.push(peer);
        }
    }

    /// Starts a send once there is room.
    pub(super) fn queue_send(&mut self, send: &RequestRef) {
        self.queue(send.peer.get(), Pending::Start(send.clone()));
    }

    /// Takes a send that has not begun out of the queue. Whether it was there.
    pub(super) fn unqueue_send(&mut self, send: &RequestRef) -> bool {
        let queue = &mut self.of(send.peer.get()).pending;
        let is_it = |p: &Pending| matches!(p, Pending::Start(other) if other.is(send));
        let at = queue.iter().position(is_it);
        at.and_then(|at| queue.remove(at)).is_some()
    }

    /// Sends a message without bytes, now or when there is room.
    pub(super) fn tell(&mut self, peer: Proc, control: &Control) {
        if !(self.is_clear(peer) && self.try_tell(peer, control)) {
            let (header, words) = control.encode();
            self.queue(peer, Pending::Control(header, words));
        }
    }

    /// Sends a message without bytes past the queue, if there is room.
    pub(super) fn try_tell(&mut self, peer: Proc, control: &Control) -> bool {
        let (header, words) = control.encode();
        let sent = self.transport.send_words(peer, &header, words);
        sent.unwrap_or_else(|why| unreachable_peer(peer, &why))
    }

    /// Sends what waits. `start` starts a send, and returns whether there was room.
    pub(super) fn move_pending(
        &mut self,
        mut start: impl FnMut(&mut Queues<T>, &RequestRef) -> Result<bool, T::Error>,
    ) -> bool {
        let mut any = false;
        let mut at = 0;
        while let Some(peer) = self.waiting.get(at).copied() {
            while let Some(pending) = self.of(peer).pending.pop_front() {
                let sent = match &pending {
                    _ if self.transport.has_left(peer) => {
                        if let Pending::Start(send) = &pending {
                            fail(send);
                        }
                        Ok(true)
                    }
                    Pending::Start(send) => start(self, send),
                    Pending::Control(header, words) => {
                        self.transport.send_words(peer, header, *words)
                    }
                };
                let sent = match (sent, &pending) {
                    // It has left only just now.
                    (Err(_), Pending::Start(send)) if self.transport.has_left(peer) => {
                        fail(send);
                        Ok(true)
                    }
                    (sent, _) => sent,
                };
                if !sent.unwrap_or_else(|why| unreachable_peer(peer, &why)) {
                    self.of(peer).pending.push_front(pending);
                    break;
                }
                any = true;
            }
            if self.is_clear(peer) {
                self.waiting.swap_remove(at);
            } else {
                at += 1;
            }
        }
        any
    }

    /// Lets the bytes of a send go out: of an eager message before those of all that are
    /// not.
    pub(super) fn stream(&mut self, stream: Stream) {
        let peer = stream.send.peer.get();
        let streams = &mut self.of(peer).streams;
        let is_eager = stream.pieces == Pieces::Eager;
        let behind = |other: &Stream| is_eager && other.pieces != Pieces::Eager;
        let at = streams.iter().position(behind).unwrap_or(streams.len());
        streams.insert(at, stream);
        if !is_eager {
            self.move_streams_to(peer); // it is waited for
        }
        if !self.of(peer).streams.is_empty() && !self.streaming.contains(&peer) {
            self.streaming.push(peer);
        }
    }

    /// Sends the next pieces of all streams.
    pub(super) fn move_streams(&mut self) -> bool {
        let mut any = false;
        let mut at = 0;
        while let Some(peer) = self.streaming.get(at).copied() {
            any |= self.move_streams_to(peer);
            if self.of(peer).streams.is_empty() {
                self.streaming.swap_remove(at);
            } else {
                at += 1;
            }
        }
        any
    }

    /// Ends the sends to a peer that has left in the middle of them.
    #[cold]
    fn fail_streams_to(&mut self, peer: Proc) -> bool {
        let streams = std::mem::take(&mut self.of(peer).streams);
        for stream in &streams {
            if let Some(id) = stream.send.own_id.get() {
                self.unname(id);
            }
            fail(&stream.send);
        }
        !streams.is_empty()
    }

    /// Sends the next pieces to `peer`: one message after the other, since who copies
    /// from several in turn has all of them late, and their memory in no cache. Returns
    /// whether there was room for any.
    fn move_streams_to(&mut self, peer: Proc) -> bool {
        if self.transport.has_left(peer) {
            return self.fail_streams_to(peer);
        }
        let mut any = false;
        let mut pieces = PIECES;
        while pieces > 0
            && let Some(mut stream) = self.of(peer).streams.pop_front()
        {
            let before = stream.send.moved.get();
            while pieces > 0 && stream.send.moved.get() < stream.send.total.get() {
                pieces -= 1;
                let is_alone = self.goes_alone(peer);
                let sent = stream.send_piece(&mut self.transport, is_alone);
                if sent.is_err() && self.transport.has_left(peer) {
                    // Only just now.
                    self.of(peer).streams.push_front(stream);
                    return self.fail_streams_to(peer) | any;
                }
                if !sent.unwrap_or_else(|why| unreachable_peer(peer, &why)) {
                    break;
                }
                any = true;
            }
            let moved = stream.send.moved.get();
            if moved < stream.send.total.get() {
                let ends_turn = stream.ends_turn(moved - before);
                let streams = &mut self.of(peer).streams;
                match ends_turn {
                    true => streams.push_back(stream),
                    false => streams.push_front(stream),
                }
                break;
            }
            let Stream { send, pieces, .. } = stream;
            send.phase.set(Phase::Sent);
            self.of(peer).is_busy = true;
            if matches!(pieces, Pieces::Runs(_)) {
                continue; // it is being read, until there is an answer
            }
            if let Some(id) = send.own_id.get() {
                self.unname(id);
            }
            send.complete();
        }
        any
    }
}

/// Ends a send that nobody will receive.
#[cold]
fn fail(send: &RequestRef) {
    send.fail(connection_closed(send.peer.get()));
    send.complete();
}

/// A message to a process of another job that nobody would receive.
#[cold]
pub(super) fn connection_closed(peer: Proc) -> Error {
    Error::new(
        Class::PROC_ABORTED,
        format!(
            "{} takes no message: the connection between the jobs was closed, by MPI_Comm_disconnect or MPI_Comm_free at one of its ends",
            group::name(peer)
        ),
    )
}

#[cold]
fn unreachable_peer(peer: Proc, why: &impl Display) -> ! {
    die(&format!("cannot reach {}: {why}", group::name(peer)))
}
