//! The engine: all that this process has under way, and what arriving cells do.
//!
//! ```text
//! len ≤ one cell        EAGER ─────────────▶ copied out, or kept as unexpected
//! len ≤ eager limit     FIRST, MORE, MORE ─▶ the same, piece by piece
//! else, or synchronous  READY ─────────────▶ matched:
//!                         ◀── FIN            the receiver copied it itself (CMA)
//!                         ◀── CLEAR          …or wants it: DATA, DATA, …
//! ```
//! A synchronous message in one cell asks for an ACK. A receiver that holds more
//! unexpected bytes than its limit raises `pressure`, and senders announce
//! everything until it falls.

use crate::job;
use crate::pml::delivery::{deliver, matched, read_runs, self_message};
use crate::pml::matching::Matching;
use crate::pml::request::{Phase, Shared};
use btl_shm::endpoint::{Arrival, Incoming, Outgoing, Sent};
use btl_shm::ring::{Envelope, WORDS};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;
use wireup::segment::{Segment, SegmentError};
use wireup::settings::{Arm, Settings};

/// What a cell is.
pub(super) mod kind {
    /// A whole message. `aux`: the sender's number, if flagged synchronous.
    pub const EAGER: u8 = 1;
    /// The first piece of a message; the third word is its length in bytes.
    /// `aux`: the sender's number for it.
    pub const FIRST: u8 = 2;
    /// A later piece of it, in order.
    pub const MORE: u8 = 3;
    /// A message that is ready at the sender: length, address (0: scattered).
    pub const READY: u8 = 4;
    /// The receiver wants it: its own number, bytes wanted. `aux`: the sender's.
    pub const CLEAR: u8 = 5;
    /// A piece of it, in order. `aux`: the receiver's number.
    pub const DATA: u8 = 6;
    /// The receiver has it, or has matched it. `aux`: the sender's number.
    pub const FIN: u8 = 7;
    /// The sender wants it back. `aux`: the sender's number.
    pub const CANCEL: u8 = 8;
    /// The answer: 1 if it was taken back. `aux`: the sender's number.
    pub const CANCELLED: u8 = 9;
}

/// Flag of [`kind::EAGER`]: the sender waits for a FIN.
pub(super) const SYNCHRONOUS: u8 = 1;

/// Cells taken from one peer before the next is looked at.
const BURST: u32 = 64;

/// Pieces sent of one message before the next gets its turn.
const PIECES: u32 = 8;

/// A message that came before its receive.
#[derive(Debug)]
pub(super) struct Message {
    /// The sender's process.
    pub(super) from: u32,
    /// Bytes in it.
    pub(super) len: usize,
    pub(super) body: Body,
}

#[derive(Debug)]
pub(super) enum Body {
    /// All its bytes; the sender's number if it waits for a FIN.
    Whole(Box<[u8]>, Option<u32>),
    /// Arriving in pieces, or arrived: the number of its [`Assembly`] here.
    Pieces(u64),
    /// At the sender: its number, its address or 0.
    Announced(u32, u64),
    /// A send of this process to itself.
    Own(Shared),
}

/// A message that arrives in pieces.
#[derive(Debug)]
struct Assembly {
    total: usize,
    filled: usize,
    target: Target,
}

#[derive(Debug)]
enum Target {
    Kept(Vec<u8>),
    Receive(Shared),
}

/// What waits for room in a ring, in order.
#[derive(Debug)]
pub(super) enum Pending {
    /// The first cell of a send.
    Start(Shared),
    /// A cell of numbers.
    Words(Envelope, [u64; WORDS]),
}

/// A send whose bytes are going out.
#[derive(Debug)]
struct Stream {
    send: Shared,
    /// [`kind::MORE`] or [`kind::DATA`].
    kind: u8,
    /// The number the receiver knows it by.
    aux: u32,
}

/// What is known of a peer.
#[derive(Debug, Default)]
struct Peer {
    pending: VecDeque<Pending>,
    /// Whether its memory can be read: `None` before the first try.
    cma: Option<bool>,
}

/// Everything but the incoming rings, which are borrowed while cells are handled.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) segment: &'static Segment,
    pub(super) me: u32,
    pub(super) outgoing: Outgoing,
    pub(super) matching: Matching<Shared, Message>,
    peers: Vec<Peer>,
    /// Peers whose `pending` is not empty.
    waiting: Vec<u32>,
    streams: VecDeque<Stream>,
    /// Sends and receives that a peer may name.
    named: Named,
    /// Messages in pieces, by numbers of this process: a sender uses its own
    /// again once all is sent, which may be long before a receive asks for it.
    assemblies: HashMap<u64, Assembly>,
    next_assembly: u64,
    /// Of those, the ones still arriving: by process and the sender's number.
    arriving: HashMap<(u32, u32), u64>,
    /// Bytes of unexpected messages held.
    held: usize,
    eager_limit: usize,
    held_limit: usize,
    arm: Arm,
    crowded: bool,
}

/// Requests by the number that peers know them by.
#[derive(Debug, Default)]
struct Named {
    slots: Vec<Option<Shared>>,
    free: Vec<u32>,
}

impl Named {
    fn insert(&mut self, request: &Shared) -> u32 {
        let id = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("fewer than 2³² requests")
        });
        self.slots[id as usize] = Some(request.clone());
        request.own_id.set(Some(id));
        id
    }

    fn get(&self, id: u32) -> Option<&Shared> {
        self.slots.get(id as usize)?.as_ref()
    }

    fn remove(&mut self, id: u32) -> Option<Shared> {
        let request = self.slots.get_mut(id as usize)?.take()?;
        self.free.push(id);
        request.own_id.set(None);
        Some(request)
    }
}

/// The whole engine.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) incoming: Incoming,
    pub(super) core: Core,
}

impl Engine {
    pub(super) fn new(
        segment: &'static Segment,
        me: u32,
        settings: &Settings,
        crowded: bool,
    ) -> Engine {
        let peers = (0..segment.head().ranks).map(|_| Peer::default()).collect();
        Engine {
            incoming: Incoming::new(segment, me),
            core: Core {
                segment,
                me,
                outgoing: Outgoing::new(segment, me, settings.ring_cells),
                matching: Matching::default(),
                peers,
                waiting: Vec::new(),
                streams: VecDeque::new(),
                named: Named::default(),
                assemblies: HashMap::new(),
                next_assembly: 0,
                arriving: HashMap::new(),
                held: 0,
                eager_limit: usize::try_from(settings.eager_limit).unwrap_or(usize::MAX),
                held_limit: usize::try_from(settings.unexpected_limit).unwrap_or(usize::MAX),
                arm: settings.arm,
                crowded,
            },
        }
    }

    /// Moves everything that can move now.
    #[inline]
    pub(super) fn progress(&mut self) -> bool {
        let Engine { incoming, core } = self;
        let mut any = incoming.poll(BURST, |arrival| core.arrived(arrival));
        if !core.waiting.is_empty() {
            any |= core.move_pending();
        }
        if !core.streams.is_empty() {
            any |= core.move_streams();
        }
        any
    }
}

impl Core {
    /// Whether something of this process still has to go out by itself.
    pub(super) fn is_sending(&self) -> bool {
        !self.waiting.is_empty() || !self.streams.is_empty()
    }

    /// Whether the order of messages to `peer` allows to send past the queue.
    #[inline]
    pub(super) fn is_clear(&self, peer: u32) -> bool {
        self.peers[peer as usize].pending.is_empty()
    }

    /// Whether a message of `len` bytes goes to `peer` unasked.
    #[inline]
    pub(super) fn goes_eager(&self, peer: u32, len: usize) -> bool {
        len <= self.eager_limit && self.segment.record(peer).pressure.load(Ordering::Relaxed) == 0
    }

    /// The longest message that goes to oneself by a copy held meanwhile.
    pub(super) fn keeps_own(&self, len: usize) -> bool {
        len <= self.eager_limit && self.held < self.held_limit
    }

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
        let eager = self.goes_eager(peer, total);
        if eager && total <= self.outgoing.one_cell_most() {
            envelope.kind = kind::EAGER;
            if send.synchronous {
                envelope.flags = SYNCHRONOUS;
                envelope.aux = self.named.insert(send);
            }
            let went = self
                .outgoing
                .send_bulk(peer, &envelope, total, [0; 3], |to| {
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
            let words = [total as u64, 0, 0];
            let sent = self
                .outgoing
                .send_piece(peer, &envelope, total, words, |to, n| {
                    // SAFETY: room for `n` bytes, at most the message's length.
                    unsafe { send.memory.copy_out(0, to, n) };
                });
            match sent {
                Ok(Sent::Bytes(n)) => {
                    send.moved.set(n);
                    send.phase.set(Phase::Streaming);
                    self.streams.push_back(Stream {
                        send: send.clone(),
                        kind: kind::MORE,
                        aux: id,
                    });
                    Ok(true)
                }
                Ok(Sent::Full) => Ok(false),
                Err(why) => Err(why),
            }
        } else {
            envelope.kind = kind::READY;
            let addr = send
                .memory
                .run()
                .map_or(0, |addr| addr.expose_provenance() as u64);
            let went = self
                .outgoing
                .send_words(peer, &envelope, [total as u64, addr, 0, 0, 0]);
            if matches!(went, Ok(true)) {
                send.phase.set(Phase::Announced);
            }
            went
        };
        if !matches!(went, Ok(true)) {
            self.named.remove(id);
        }
        went
    }

    fn move_pending(&mut self) -> bool {
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

    fn move_streams(&mut self) -> bool {
        let mut any = false;
        for _ in 0..self.streams.len() {
            let Some(stream) = self.streams.pop_front() else {
                break;
            };
            any |= self.move_stream(&stream);
            let send = &stream.send;
            if send.moved.get() < send.total.get() {
                self.streams.push_back(stream);
                continue;
            }
            if let Some(id) = send.own_id.get() {
                self.named.remove(id);
            }
            send.phase.set(Phase::Sent);
            send.complete();
        }
        any
    }

    fn move_stream(&mut self, stream: &Stream) -> bool {
        let send = &stream.send;
        let peer = send.peer.get();
        let envelope = Envelope {
            kind: stream.kind,
            aux: stream.aux,
            ..Envelope::default()
        };
        let mut any = false;
        for _ in 0..PIECES {
            let at = send.moved.get();
            let left = send.total.get() - at;
            if left == 0 {
                break;
            }
            let sent = self
                .outgoing
                .send_piece(peer, &envelope, left, [0; 3], |to, n| {
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

    /// Handles one cell.
    #[inline]
    fn arrived(&mut self, a: &Arrival<'_>) {
        if a.envelope.kind == kind::EAGER {
            self.eager(a);
        } else {
            self.other(a);
        }
    }

    #[inline]
    fn eager(&mut self, a: &Arrival<'_>) {
        let e = &a.envelope;
        let answer = (e.flags & SYNCHRONOUS != 0).then_some(e.aux);
        match self.matching.of(e.context).posted.take(e.source, e.tag) {
            Some(receive) => {
                matched(&receive, a.source, e.source, e.tag, a.len);
                let n = receive.total.get();
                // SAFETY: at most the receive's length and the cell's; the
                // receive's memory is writable until it is done.
                unsafe { receive.memory.copy_in(0, a.data, n) };
                receive.moved.set(n);
                receive.complete();
                if let Some(id) = answer {
                    self.answer(a.source, id);
                }
            }
            None => self.keep(a, answer),
        }
    }

    #[cold]
    fn keep(&mut self, a: &Arrival<'_>, answer: Option<u32>) {
        let mut bytes = vec![0u8; a.len];
        // SAFETY: the cell has `len` bytes, and so has the vector.
        unsafe { std::ptr::copy_nonoverlapping(a.data, bytes.as_mut_ptr(), a.len) };
        self.hold(a.len);
        let body = Body::Whole(bytes.into_boxed_slice(), answer);
        let message = Message {
            from: a.source,
            len: a.len,
            body,
        };
        self.unexpected(&a.envelope, message);
    }

    fn unexpected(&mut self, e: &Envelope, message: Message) {
        self.matching
            .of(e.context)
            .unexpected
            .push(e.source, e.tag, message);
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

    fn other(&mut self, a: &Arrival<'_>) {
        let e = &a.envelope;
        match e.kind {
            kind::FIRST => self.first(a),
            kind::MORE => self.piece((a.source, e.aux), a.data, a.len),
            kind::READY => {
                let [total, addr, ..] = a.words;
                let len = usize::try_from(total).unwrap_or(usize::MAX);
                match self.matching.of(e.context).posted.take(e.source, e.tag) {
                    Some(receive) => {
                        matched(&receive, a.source, e.source, e.tag, len);
                        self.fetch(&receive, e.aux, addr);
                    }
                    None => {
                        let body = Body::Announced(e.aux, addr);
                        self.unexpected(
                            e,
                            Message {
                                from: a.source,
                                len,
                                body,
                            },
                        );
                    }
                }
            }
            kind::CLEAR => {
                if let Some(send) = self.named.get(e.aux).cloned() {
                    let [id, wanted, ..] = a.words;
                    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
                    send.total.set(send.total.get().min(wanted));
                    send.phase.set(Phase::Streaming);
                    let aux = u32::try_from(id).unwrap_or(u32::MAX);
                    let stream = Stream {
                        send,
                        kind: kind::DATA,
                        aux,
                    };
                    self.move_stream(&stream);
                    self.streams.push_back(stream);
                }
            }
            kind::DATA => self.data(e.aux, a.data, a.len),
            kind::FIN => {
                if let Some(send) = self.named.remove(e.aux) {
                    send.complete();
                }
            }
            kind::CANCEL => self.give_back(a.source, e),
            kind::CANCELLED => {
                if a.words[0] == 1
                    && let Some(send) = self.named.remove(e.aux)
                {
                    send.cancelled.set(true);
                    send.complete();
                }
            }
            other => job::die(&format!(
                "a cell of unknown kind {other} came from rank {}",
                a.source
            )),
        }
    }

    fn first(&mut self, a: &Arrival<'_>) {
        let e = &a.envelope;
        let key = (a.source, e.aux);
        let id = self.next_assembly;
        self.next_assembly += 1;
        let total = usize::try_from(a.words[2]).unwrap_or(usize::MAX);
        let target = match self.matching.of(e.context).posted.take(e.source, e.tag) {
            Some(receive) => {
                matched(&receive, a.source, e.source, e.tag, total);
                Target::Receive(receive)
            }
            None => {
                self.hold(total);
                let body = Body::Pieces(id);
                self.unexpected(
                    e,
                    Message {
                        from: a.source,
                        len: total,
                        body,
                    },
                );
                Target::Kept(Vec::with_capacity(total))
            }
        };
        self.arriving.insert(key, id);
        self.assemblies.insert(
            id,
            Assembly {
                total,
                filled: 0,
                target,
            },
        );
        self.piece(key, a.data, a.len);
    }

    /// Takes the next piece of an assembly.
    fn piece(&mut self, key: (u32, u32), data: *const u8, len: usize) {
        let Some(id) = self.arriving.get(&key).copied() else {
            return;
        };
        let Some(assembly) = self.assemblies.get_mut(&id) else {
            return;
        };
        let at = assembly.filled;
        assembly.filled += len;
        let whole = assembly.filled >= assembly.total;
        match &mut assembly.target {
            Target::Kept(bytes) => {
                // SAFETY: the cell has `len` bytes, which nobody writes until it
                // is given back.
                bytes.extend_from_slice(unsafe { std::slice::from_raw_parts(data, len) });
            }
            Target::Receive(receive) => {
                deliver(receive, at, data, len);
                if whole {
                    receive.complete();
                    self.assemblies.remove(&id);
                }
            }
        }
        if whole {
            self.arriving.remove(&key);
        }
    }

    fn data(&mut self, id: u32, data: *const u8, len: usize) {
        let Some(receive) = self.named.get(id) else {
            return;
        };
        deliver(receive, receive.moved.get(), data, len);
        if receive.moved.get() >= receive.total.get()
            && let Some(receive) = self.named.remove(id)
        {
            receive.complete();
        }
    }

    /// Brings a message that is ready at its sender: copies it out of the
    /// sender's memory, or asks for it.
    fn fetch(&mut self, receive: &Shared, id: u32, addr: u64) {
        let peer = receive.peer.get();
        let n = receive.total.get();
        if n == 0 || (addr != 0 && self.prefers_cma(n) && self.read_peer(receive, peer, addr)) {
            receive.moved.set(n);
            receive.complete();
            self.answer(peer, id);
            return;
        }
        let own = self.named.insert(receive);
        let envelope = Envelope {
            kind: kind::CLEAR,
            aux: id,
            ..Envelope::default()
        };
        self.tell(peer, envelope, [u64::from(own), n as u64, 0, 0, 0]);
    }

    /// Whether `n` bytes are better read by one side than passed by both.
    fn prefers_cma(&self, n: usize) -> bool {
        match self.arm {
            Arm::Cma => true,
            Arm::Copy => false,
            Arm::Auto => self.crowded && n >= crate::pml::CROWDED_CMA,
        }
    }

    /// Reads a message out of its sender's memory, if that is possible.
    fn read_peer(&mut self, receive: &Shared, peer: u32, addr: u64) -> bool {
        let record = self.segment.record(peer);
        let pid = record.pid.load(Ordering::Relaxed);
        let known = &mut self.peers[peer as usize].cma;
        let works = *known.get_or_insert_with(|| job::probe_cma(peer, pid));
        if !works {
            return false;
        }
        let read = read_runs(pid, addr, &receive.memory, receive.total.get());
        if read.is_err() {
            *known = Some(false);
        }
        read.is_ok()
    }

    /// Gives a message that arrived earlier to a receive.
    pub(super) fn consume(&mut self, receive: &Shared, source: u32, tag: i32, message: Message) {
        matched(receive, message.from, source, tag, message.len);
        match message.body {
            Body::Whole(bytes, answer) => {
                self.release(message.len);
                deliver(receive, 0, bytes.as_ptr(), bytes.len());
                receive.complete();
                if let Some(id) = answer {
                    self.answer(message.from, id);
                }
            }
            Body::Pieces(id) => {
                self.release(message.len);
                let Some(assembly) = self.assemblies.get_mut(&id) else {
                    return;
                };
                let target = Target::Receive(receive.clone());
                if let Target::Kept(bytes) = std::mem::replace(&mut assembly.target, target) {
                    deliver(receive, 0, bytes.as_ptr(), bytes.len());
                }
                if assembly.filled >= assembly.total {
                    receive.complete();
                    self.assemblies.remove(&id);
                }
            }
            Body::Announced(id, addr) => self.fetch(receive, id, addr),
            Body::Own(send) => {
                self_message(&send.memory, receive);
                send.complete();
            }
        }
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

    fn give_back(&mut self, peer: u32, e: &Envelope) {
        let asked = |m: &Message| {
            m.from == peer
                && match m.body {
                    Body::Announced(id, _) | Body::Whole(_, Some(id)) => id == e.aux,
                    _ => false,
                }
        };
        let found = self.matching.of(e.context).unexpected.remove(asked);
        if let Some(Message {
            body: Body::Whole(..),
            len,
            ..
        }) = &found
        {
            self.release(*len);
        }
        let envelope = Envelope {
            kind: kind::CANCELLED,
            aux: e.aux,
            ..Envelope::default()
        };
        self.tell(peer, envelope, [u64::from(found.is_some()), 0, 0, 0, 0]);
    }

    /// Counts bytes kept, and tells peers to announce first above the limit.
    pub(super) fn hold(&mut self, len: usize) {
        self.held += len;
        if self.held > self.held_limit {
            self.segment
                .record(self.me)
                .pressure
                .store(1, Ordering::Relaxed);
        }
    }

    fn release(&mut self, len: usize) {
        self.held -= len.min(self.held);
        if self.held <= self.held_limit / 2 {
            let pressure = &self.segment.record(self.me).pressure;
            if pressure.load(Ordering::Relaxed) != 0 {
                pressure.store(0, Ordering::Relaxed);
            }
        }
    }
}

#[cold]
fn no_ring(peer: u32, why: &SegmentError) -> ! {
    job::die(&format!("cannot reach rank {peer}: {why}"))
}
