//! The engine: all that this process has under way, and what arriving cells do.
//!
//! ```text
//! len ≤ one cell        EAGER ─────────────▶ copied out, or kept as unexpected
//! len ≤ eager limit     FIRST, MORE, MORE ─▶ the same, piece by piece
//! else, or synchronous  READY ─────────────▶ matched:
//!                         ◀── FIN            the receiver has copied it itself
//!                         ◀── JOIN, FIN      …or with the sender (see `transfer`),
//!                                            who may have heard before (see `offer`)
//!                         ◀── CLEAR          …or wants it: DATA, DATA, …
//! ```
//! A synchronous message in one cell asks for an ACK. A receiver that holds more
//! unexpected bytes than its limit raises `pressure`, and senders announce
//! everything until it falls.

use crate::pml::choose::{CLASSES, Choice};
use crate::pml::expected::Expected;
use crate::pml::helping::Helping;
use crate::pml::matching::Matching;
use crate::pml::offer::{Offer, Offers};
use crate::pml::pace::Paces;
use crate::pml::request::Shared;
use crate::pml::runs::{Place, Span};
use crate::pml::share::HeadStarts;
use crate::pml::transfer::Leading;
use btl_shm::endpoint::{Incoming, Outgoing};
use btl_shm::joint::Slots;
use btl_shm::peer::Peers;
use btl_shm::ring::{Envelope, WORDS};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;
use wireup::segment::Segment;
use wireup::settings::Settings;

/// What a cell is.
pub(super) mod kind {
    /// A whole message. `aux`: the sender's number, if flagged synchronous.
    pub const EAGER: u8 = 1;
    /// The first piece of a message; the third word is its length in bytes.
    /// `aux`: the sender's number for it.
    pub const FIRST: u8 = 2;
    /// A later piece of it, in order.
    pub const MORE: u8 = 3;
    /// A message that is ready at the sender: length, address (0: scattered),
    /// signature; of a scattered one the bytes of a run, on average, in the high
    /// half of that, and the span of memory that it lies in (see `runs`).
    pub const READY: u8 = 4;
    /// The receiver wants it: its own number, bytes wanted, 1 for [`RUNS`], 1 if
    /// messages as long should come at once. `aux`: the sender's.
    pub const CLEAR: u8 = 5;
    /// A piece of it, in order. `aux`: the receiver's number.
    pub const DATA: u8 = 6;
    /// The receiver has it, or has matched it. `aux`: the sender's number.
    pub const FIN: u8 = 7;
    /// The sender wants it back. `aux`: the sender's number.
    pub const CANCEL: u8 = 8;
    /// The answer: 1 if it was taken back. `aux`: the sender's number.
    pub const CANCELLED: u8 = 9;
    /// The receiver asks the sender to copy its part: slot, address of the
    /// receive buffer, bytes in all, bytes of a chunk, and twice the chunks that are
    /// the receiver's, plus 1 for CMA. `aux`: the sender's number; `context`: the
    /// slot's use.
    pub const JOIN: u8 = 10;
    /// Where the next bytes of a scattered message are: the sender's number in the
    /// first of its words. `aux`: the receiver's.
    pub const RUNS: u8 = 11;
    /// Where the next message is to go, before it is known (see `offer`): slot,
    /// address of the receive buffer, room, cells taken, and in two halves the least
    /// chunk and the head start. `aux`: the slot's use.
    pub const OFFER: u8 = 12;
}

/// Flag of [`kind::EAGER`]: the sender waits for a FIN.
pub(super) const SYNCHRONOUS: u8 = 1;

/// Flag of [`kind::EAGER`]: its third word is its signature (see `check`).
pub(super) const CHECKED: u8 = 2;

/// Cells taken from one peer before the next is looked at.
const BURST: u32 = 64;

/// Pieces that are sent to one peer before anything else is looked at.
pub(super) const PIECES: u32 = 32;

/// Bytes that keeping a message costs on top of its own: what bounds the memory
/// for messages without any.
const KEEPING: usize = 128;

/// A message that came before its receive.
#[derive(Debug)]
pub(super) struct Message {
    /// The sender's process.
    pub(super) from: u32,
    /// Bytes in it.
    pub(super) len: usize,
    /// What it is made of (see `check`).
    pub(super) signature: u32,
    pub(super) body: Body,
}

#[derive(Debug)]
pub(super) enum Body {
    /// All its bytes; the sender's number if it waits for a FIN.
    Whole(Box<[u8]>, Option<u32>),
    /// Arriving in pieces, or arrived: the number of its [`Assembly`] here.
    Pieces(u64),
    /// At the sender: its number, and where.
    Announced(u32, Place),
    /// A send of this process to itself.
    Own(Shared),
}

/// A message that arrives in pieces.
#[derive(Debug)]
pub(super) struct Assembly {
    pub(super) total: usize,
    pub(super) filled: usize,
    pub(super) target: Target,
}

#[derive(Debug)]
pub(super) enum Target {
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
pub(super) struct Stream {
    pub(super) send: Shared,
    /// [`kind::MORE`], [`kind::DATA`] or [`kind::RUNS`].
    pub(super) kind: u8,
    /// The number the receiver knows it by.
    pub(super) aux: u32,
    /// Bytes that go out before it is another one's turn.
    pub(super) turn: usize,
}

/// What is known of a peer.
#[derive(Debug, Default)]
pub(super) struct Peer {
    pub(super) pending: VecDeque<Pending>,
    /// Sends whose bytes are going out, the next one first.
    pub(super) streams: VecDeque<Stream>,
    /// Whether a message went to it in pieces since anything came from it: it has
    /// something to copy.
    pub(super) is_busy: bool,
    /// By class of lengths: how many more messages go at once, since it said that
    /// copies are faster than its reading them.
    pub(super) at_once: [u16; CLASSES],
    /// How what is copied with it is shared out.
    pub(super) head_starts: HeadStarts,
    pub(super) offers: Offers,
    /// Which short messages from it take long to copy.
    pub(super) paces: Paces,
}

/// Everything but the incoming rings, which are borrowed while cells are handled.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) segment: &'static Segment,
    pub(super) me: u32,
    pub(super) outgoing: Outgoing,
    pub(super) matching: Matching<Shared, Message>,
    /// The blocking receive that is looking for its message, unposted.
    pub(super) expected: Option<Expected>,
    /// The request that a blocking call waits for.
    pub(super) awaited: Option<Shared>,
    pub(super) peers: Vec<Peer>,
    /// Peers whose `pending` is not empty.
    pub(super) waiting: Vec<u32>,
    /// Peers whose `streams` are not empty.
    pub(super) streaming: Vec<u32>,
    /// Sends and receives that a peer may name.
    pub(super) named: Named,
    /// Messages in pieces, by numbers of this process: a sender uses its own
    /// again once all is sent, which may be long before a receive asks for it.
    pub(super) assemblies: HashMap<u64, Assembly>,
    pub(super) next_assembly: u64,
    /// Of those, the ones still arriving: by process and the sender's number.
    pub(super) arriving: HashMap<(u32, u32), u64>,
    /// Bytes of unexpected messages held, [`KEEPING`] for each included.
    pub(super) held: usize,
    pub(super) eager_limit: usize,
    pub(super) held_limit: usize,
    /// The memory of peers.
    pub(super) reach: Peers,
    /// Copies between user buffers that this rank leads, and helps with.
    pub(super) leading: VecDeque<Leading>,
    pub(super) helping: VecDeque<Helping>,
    pub(super) slots: Slots,
    /// What a blocking receive has told its sender.
    pub(super) offer: Option<Offer>,
    pub(super) choice: Choice,
    /// Whether what has arrived is being looked at, after which copies go on.
    pub(super) polling: bool,
    /// Scattered messages that are read run by run: by this rank's number for them.
    pub(super) spans: HashMap<u32, Span>,
    pub(super) direct_min: usize,
    pub(super) coop_min: usize,
    pub(super) coop_chunk: usize,
    pub(super) crowded: bool,
    /// Nobody else is to write this rank's memory: memcheck would take for undefined what
    /// it has not seen being written.
    pub(super) own_stores: bool,
    /// Whether messages say what types they are made of.
    pub(super) check: bool,
}

/// Requests by the number that peers know them by.
#[derive(Debug, Default)]
pub(super) struct Named {
    slots: Vec<Option<Shared>>,
    free: Vec<u32>,
}

impl Named {
    pub(super) fn insert(&mut self, request: &Shared) -> u32 {
        let id = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("fewer than 2³² requests")
        });
        self.slots[id as usize] = Some(request.clone());
        request.own_id.set(Some(id));
        id
    }

    pub(super) fn get(&self, id: u32) -> Option<&Shared> {
        self.slots.get(id as usize)?.as_ref()
    }

    pub(super) fn remove(&mut self, id: u32) -> Option<Shared> {
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
        reach: Peers,
    ) -> Engine {
        let bytes = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let peers = (0..segment.ranks()).map(|_| Peer::default()).collect();
        Engine {
            incoming: Incoming::new(segment, me),
            core: Core {
                segment,
                me,
                outgoing: Outgoing::new(segment, me, settings.ring_cells),
                matching: Matching::default(),
                expected: None,
                awaited: None,
                peers,
                waiting: Vec::new(),
                streaming: Vec::new(),
                named: Named::default(),
                assemblies: HashMap::new(),
                next_assembly: 0,
                arriving: HashMap::new(),
                held: 0,
                eager_limit: bytes(settings.eager_limit),
                held_limit: bytes(settings.unexpected_limit),
                reach,
                leading: VecDeque::new(),
                helping: VecDeque::new(),
                slots: Slots::default(),
                offer: None,
                choice: Choice::default(),
                polling: false,
                spans: HashMap::new(),
                direct_min: bytes(settings.direct_min),
                coop_min: bytes(settings.coop_min),
                coop_chunk: bytes(settings.coop_chunk),
                crowded,
                own_stores: btl_shm::valgrind::is_memcheck(),
                check: settings.check,
            },
        }
    }

    /// Moves everything that can move now.
    #[inline]
    pub(super) fn progress(&mut self) -> bool {
        let Engine { incoming, core } = self;
        core.polling = true;
        let mut any = incoming.poll(BURST, |arrival| {
            core.arrived(arrival);
            !core.is_served()
        });
        core.polling = false;
        if !core.waiting.is_empty() {
            any |= core.move_pending();
        }
        if !core.streaming.is_empty() {
            any |= core.move_streams();
        }
        if !core.leading.is_empty() || !core.helping.is_empty() {
            any |= core.move_transfers();
        }
        if !any {
            core.outgoing.prepare();
        }
        any
    }
}

impl Core {
    /// Whether a blocking call has what it waits for.
    #[inline]
    fn is_served(&self) -> bool {
        match (&self.expected, &self.awaited) {
            (Some(expected), _) => expected.is_over(),
            (_, Some(request)) => request.done.get(),
            _ => false,
        }
    }

    /// Whether something of this process still has to go out by itself.
    pub(super) fn is_sending(&self) -> bool {
        !self.waiting.is_empty() || !self.streaming.is_empty()
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

    /// Counts a message of `len` bytes that is kept, and tells peers to announce first above the limit.
    pub(super) fn hold(&mut self, len: usize) {
        self.held += len + KEEPING;
        if self.held > self.held_limit {
            self.segment
                .record(self.me)
                .pressure
                .store(1, Ordering::Relaxed);
        }
    }

    /// Counts it off again.
    pub(super) fn release(&mut self, len: usize) {
        self.held -= len + KEEPING;
        if self.held <= self.held_limit / 2 {
            let pressure = &self.segment.record(self.me).pressure;
            if pressure.load(Ordering::Relaxed) != 0 {
                pressure.store(0, Ordering::Relaxed);
            }
        }
    }
}
