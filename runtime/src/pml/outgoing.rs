//! What goes out: first cells of sends, the bytes that follow them, answers; and
//! what waits for room in a ring.

use crate::job;
use crate::pml::engine::{CHECKED, Core, PIECES, Pending, SYNCHRONOUS, Stream, kind};
use crate::pml::request::{Phase, Shared};
use crate::pml::runs::Place;
use crate::pml::{check, choose};
use btl_shm::endpoint::Sent;
use btl_shm::fragment::FRAGMENT;
use btl_shm::ring::{Envelope, WORDS};
use wireup::segment::SegmentError;

impl Core {
    /// Queues `pending` for `peer`, in order.
    pub(super) fn queue(&mut self, peer: u32, pending: Pending) {
        let queue = &mut self.peers[peer as usize].pending;
        if queue.is_empty() {
            self.waiting.push(peer);
        }
        queue.push_back(pending);
    }

    /// Sends a cell of numbers, now or when there is room.
    pub(super) fn tell(&mut self, peer: u32, envelope: Envelope, words: [u64; WORDS]) {
        let sent = self.is_clear(peer)
            && self
                .outgoing
                .send_words(peer, &envelope, words)
                .unwrap_or_else(|why| no_ring(peer, &why));
        if !sent {
            self.queue(peer, Pending::Words(envelope, words));
        }
    }

    /// Puts the first cell of a send into its ring. `false`: no room.
    pub(super) fn start(&mut self, send: &Shared) -> Result<bool, SegmentError> {
        let peer = send.peer.get();
        let total = send.total.get();
        let mut envelope = Envelope {
            context: send.context,
            tag: send.tag.get(),
            source: send.source.get(),
            ..Envelope::default()
        };
        let addr = send
            .memory
            .run()
            .map_or(0, |addr| addr.expose_provenance() as u64);
        // Copying once beats sending at once, where the receiver reaches it.
        let direct = total >= self.direct_min && addr != 0 && self.reach.is_exported(addr, total);
        let eager = !direct && self.goes_eager(peer, total) && !self.announces(peer, addr, total);
        if eager && total <= ONE_CELL.min(self.outgoing.one_cell_most()) {
            envelope.kind = kind::EAGER;
            if send.signature != check::UNKNOWN {
                envelope.flags |= CHECKED;
            }
            if send.synchronous {
                envelope.flags |= SYNCHRONOUS;
                envelope.aux = self.named.insert(send);
            }
            let extra = [u64::from(send.signature), 0, 0];
            let went = self
                .outgoing
                .send_bulk(peer, &envelope, total, extra, |to| {
                    // SAFETY: the ring gives room for `total` bytes, which the
                    // message has; its memory is readable until it is done.
                    unsafe { send.memory.copy_out(0, to, total) };
                });
            if send.synchronous {
                if !matches!(went, Ok(true)) {
                    self.named.remove(envelope.aux);
                }
                send.phase.set(if matches!(went, Ok(true)) {
                    Phase::Sent
                } else {
                    Phase::Queued
                });
            } else if matches!(went, Ok(true)) {
                send.moved.set(total);
                send.complete();
            }
            return went;
        }
        let id = self.named.insert(send);
        envelope.aux = id;
        let went = if eager && !send.synchronous {
            envelope.kind = kind::FIRST;
            let words = [total as u64, u64::from(send.signature), 0];
            let piece = self.piece_of(peer, total, total);
            let sent = self
                .outgoing
                .send_piece(peer, &envelope, piece, words, |to, n| {
                    // SAFETY: room for `n` bytes, at most the message's length.
                    unsafe { send.memory.copy_out(0, to, n) };
                });
            match sent {
                Ok(Sent::Bytes(n)) => {
                    send.moved.set(n);
                    send.phase.set(Phase::Streaming);
                    self.stream(send.clone(), kind::MORE, id);
                    Ok(true)
                }
                Ok(Sent::Full) => Ok(false),
                Err(why) => Err(why),
            }
        } else {
            envelope.kind = kind::READY;
            let place = if addr == 0 {
                self.scattered_place(send)
            } else if !direct && self.reach.is_replaced(addr, total) {
                Place::Scattered
            } else {
                Place::Run(addr)
            };
            let words = place.words(total, send.signature);
            let went = self.outgoing.send_words(peer, &envelope, words);
            if matches!(went, Ok(true)) {
                send.phase.set(Phase::Announced);
                if matches!(place, Place::Run(_)) {
                    self.was_announced(send, id);
                }
            }
            went
        };
        if !matches!(went, Ok(true)) {
            self.named.remove(id);
        }
        went
    }

    pub(super) fn move_pending(&mut self) -> bool {
        let mut any = false;
        let mut at = 0;
        while at < self.waiting.len() {
            let peer = self.waiting[at];
            while let Some(pending) = self.peers[peer as usize].pending.pop_front() {
                let sent = match &pending {
                    Pending::Start(send) => self.start(send),
                    Pending::Words(envelope, words) => {
                        self.outgoing.send_words(peer, envelope, *words)
                    }
                };
                if !sent.unwrap_or_else(|why| no_ring(peer, &why)) {
                    self.peers[peer as usize].pending.push_front(pending);
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

    /// Lets the bytes of `send` go out, as `kind` and `aux` say: of an eager message
    /// before those of all that are not.
    pub(super) fn stream(&mut self, send: Shared, kind: u8, aux: u32) {
        let peer = send.peer.get();
        let stream = Stream {
            send,
            kind,
            aux,
            turn: TURN,
        };
        let streams = &mut self.peers[peer as usize].streams;
        let at = match kind {
            kind::MORE => streams.iter().position(|other| other.kind != kind::MORE),
            _ => None,
        };
        streams.insert(at.unwrap_or(streams.len()), stream);
        if kind != kind::MORE {
            self.move_streams_to(peer); // it is waited for
        }
        if !self.peers[peer as usize].streams.is_empty() && !self.streaming.contains(&peer) {
            self.streaming.push(peer);
        }
    }

    pub(super) fn move_streams(&mut self) -> bool {
        let mut any = false;
        let mut at = 0;
        while let Some(peer) = self.streaming.get(at).copied() {
            any |= self.move_streams_to(peer);
            if self.peers[peer as usize].streams.is_empty() {
                self.streaming.swap_remove(at);
            } else {
                at += 1;
            }
        }
        any
    }

    /// Sends the next pieces to `peer`: one message after the other, since who copies
    /// from several in turn has all of them late, and their memory in no cache. Returns
    /// whether there was room for any.
    fn move_streams_to(&mut self, peer: u32) -> bool {
        let mut any = false;
        let mut pieces = PIECES;
        while pieces > 0
            && let Some(mut stream) = self.peers[peer as usize].streams.pop_front()
        {
            let before = stream.send.moved.get();
            any |= self.move_stream(&stream, &mut pieces);
            let (moved, total) = (stream.send.moved.get(), stream.send.total.get());
            if moved < total {
                stream.turn = stream.turn.saturating_sub(moved - before);
                let streams = &mut self.peers[peer as usize].streams;
                if stream.turn == 0 {
                    stream.turn = TURN;
                    streams.push_back(stream);
                } else {
                    streams.push_front(stream);
                }
                break;
            }
            let Stream { send, kind, .. } = stream;
            send.phase.set(Phase::Sent);
            self.peers[peer as usize].is_busy = true;
            if kind == kind::RUNS {
                continue; // it is being read, until there is an answer
            }
            if let Some(id) = send.own_id.get() {
                self.named.remove(id);
            }
            send.complete();
        }
        any
    }

    /// Sends pieces of one message, as long as there is room and there may be more of
    /// them. Returns whether there was room for any.
    fn move_stream(&mut self, stream: &Stream, pieces: &mut u32) -> bool {
        let send = &stream.send;
        let peer = send.peer.get();
        let envelope = Envelope {
            kind: stream.kind,
            aux: stream.aux,
            ..Envelope::default()
        };
        let mut any = false;
        while *pieces > 0 {
            let at = send.moved.get();
            let left = send.total.get() - at;
            if left == 0 {
                break;
            }
            *pieces -= 1;
            if stream.kind == kind::RUNS {
                match self.tell_runs(send, &envelope) {
                    true => any = true,
                    false => break,
                }
                continue;
            }
            let piece = self.piece_of(peer, send.total.get(), left);
            let sent = self
                .outgoing
                .send_piece(peer, &envelope, piece, [0; 3], |to, n| {
                    // SAFETY: room for `n` bytes, at most what is left of the message.
                    unsafe { send.memory.copy_out(at, to, n) };
                });
            match sent.unwrap_or_else(|why| no_ring(peer, &why)) {
                Sent::Bytes(n) => {
                    send.moved.set(at + n);
                    any = true;
                }
                Sent::Full => break,
            }
        }
        any
    }

    /// Whether a message that could go at once is announced instead, so that its
    /// receiver may read it by CMA if that is faster there.
    fn announces(&mut self, peer: u32, addr: u64, total: usize) -> bool {
        if addr == 0 || total < choose::LEAST || self.crowded {
            return false;
        }
        if !self.reach.may_choose() {
            return self.reach.cma(peer).is_some(); // it was asked for
        }
        let left = &mut self.peers[peer as usize].at_once[choose::class_of(total)];
        if *left > 0 {
            *left -= 1;
            return false;
        }
        self.reach.cma(peer).is_some()
    }

    /// Heeds what the receiver of `send` said of messages as long.
    pub(super) fn heed(&mut self, send: &Shared, at_once: bool) {
        if at_once {
            let class = choose::class_of(send.memory.len());
            self.peers[send.peer.get() as usize].at_once[class] = AT_ONCE;
        }
    }

    /// Bytes of the next piece of a message of which `left` of `total` are left. One that
    /// goes alone is cut small, so that its receiver has something to copy soon; among
    /// others there is enough to copy, and the larger piece costs less.
    fn piece_of(&self, peer: u32, total: usize, left: usize) -> usize {
        let known = &self.peers[peer as usize];
        let is_alone = !known.is_busy && known.streams.is_empty() && known.pending.is_empty();
        let piece = if is_alone {
            (total / 8).next_multiple_of(ONE_CELL).max(ONE_CELL)
        } else {
            FRAGMENT
        };
        piece.min(FRAGMENT).min(left)
    }

    /// Says that a message was matched or taken.
    pub(super) fn answer(&mut self, peer: u32, id: u32) {
        self.tell(
            peer,
            Envelope {
                kind: kind::FIN,
                aux: id,
                ..Envelope::default()
            },
            [0; WORDS],
        );
    }

    /// Asks the receiver for a message back.
    pub(super) fn ask_back(&mut self, send: &Shared) {
        let Some(id) = send.own_id.get() else {
            return;
        };
        let envelope = Envelope {
            kind: kind::CANCEL,
            aux: id,
            context: send.context,
            ..Envelope::default()
        };
        self.tell(send.peer.get(), envelope, [0; WORDS]);
    }

    /// Takes a send that has not gone out at all out of its queue.
    pub(super) fn unqueue(&mut self, send: &Shared) -> bool {
        let queue = &mut self.peers[send.peer.get() as usize].pending;
        let at = queue
            .iter()
            .position(|p| matches!(p, Pending::Start(s) if s.is(send)));
        at.and_then(|at| queue.remove(at)).is_some()
    }
}

/// Bytes of a message that go out before it is the turn of another one to the same peer.
const TURN: usize = 8 << 20;

/// The largest message that goes in one cell: longer ones go in pieces, of which the
/// receiver copies one out while the sender copies the next one in.
const ONE_CELL: usize = 4 << 10;

/// Messages that go at once after a receiver said that it likes them so.
const AT_ONCE: u16 = 500;

#[cold]
pub(super) fn no_ring(peer: u32, why: &SegmentError) -> ! {
    job::die(&format!("cannot reach rank {peer}: {why}"))
}
