//! Blocking receives that look for their message without having been posted: what
//! keeps a message that is about to come from costing a request.

use crate::lock;
use crate::object::comm::Comm;
use crate::pml::copying::{Copying, Source};
use crate::pml::engine::{Core, Target};
use crate::pml::matching::Pattern;
use crate::pml::memory::Memory;
use crate::pml::recv::{new, peer_of};
use crate::pml::rendezvous::Chosen;
use crate::pml::request::Shared;
use crate::pml::runs::Place;
use crate::pml::{
    Buffer, Completion, Inner, Request, check, delivery, pace, progress, with_engine,
};
use btl_shm::copy;
use btl_shm::endpoint::Arrival;
use btl_shm::peer::{Reached, cma};
use btl_shm::ring::Envelope;
use std::time::Instant;

/// Such a receive.
#[derive(Debug)]
pub(super) struct Expected {
    context: u32,
    pattern: Pattern,
    peer: u32,
    addr: *mut u8,
    room: usize,
    found: Found,
}

#[derive(Debug)]
enum Found {
    Nothing,
    /// The first pieces of the message, of which more are to come.
    Pieces(Pieces),
    /// The message: source, tag and length.
    Message(u32, i32, usize),
    /// Something came that only a posted receive can deal with: this is it now.
    Posted(Shared),
}

/// A message that comes in pieces.
#[derive(Clone, Copy, Debug)]
struct Pieces {
    /// The process that sends it, and its number there.
    from: (u32, u32),
    source: u32,
    tag: i32,
    len: usize,
    /// Bytes that have come.
    filled: usize,
}

/// What looking for a message came to.
pub(super) enum Looked {
    Received(Completion),
    Posted(Request),
}

impl Expected {
    /// Takes a whole message, if it is the expected one and nothing about it is
    /// out of the ordinary.
    #[inline]
    pub(super) fn take(&mut self, a: &Arrival<'_>) -> bool {
        let fits = self.is(&a.envelope, a.len) && a.envelope.flags == 0;
        if fits {
            // SAFETY: the receive has room for the message, and its memory is the
            // library's until the call returns.
            unsafe { delivery::copy_short(a.data, self.addr, a.len, a.len) };
            self.found = Found::Message(a.envelope.source, a.envelope.tag, a.len);
        }
        fits
    }

    /// Takes the first piece of a message of `len` bytes, if that is the expected one and
    /// nothing about it is out of the ordinary.
    pub(super) fn take_first(&mut self, a: &Arrival<'_>, len: usize) -> bool {
        let fits = self.is(&a.envelope, len) && a.envelope.flags == 0;
        if fits {
            let pieces = Pieces {
                from: (a.source, a.envelope.aux),
                source: a.envelope.source,
                tag: a.envelope.tag,
                len,
                filled: 0,
            };
            self.put(pieces, a);
        }
        fits
    }

    /// Takes another piece, if the message is the expected one.
    pub(super) fn take_more(&mut self, a: &Arrival<'_>) -> bool {
        match self.found {
            Found::Pieces(pieces) if pieces.from == (a.source, a.envelope.aux) => {
                self.put(pieces, a);
                true
            }
            _ => false,
        }
    }

    fn put(&mut self, mut pieces: Pieces, a: &Arrival<'_>) {
        let n = a.len.min(pieces.len - pieces.filled);
        let to = self.addr.wrapping_add(pieces.filled);
        // SAFETY: the receive has room for the message, as in `take`.
        unsafe { delivery::copy_short(a.data, to, n, pieces.len) };
        pieces.filled += n;
        self.found = if pieces.filled < pieces.len {
            Found::Pieces(pieces)
        } else {
            Found::Message(pieces.source, pieces.tag, pieces.len)
        };
    }

    /// Whether there is nothing more to look for.
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        !matches!(self.found, Found::Nothing | Found::Pieces(_))
    }

    /// Whether this is the message, of `len` bytes, and there is room for it.
    #[inline]
    fn is(&self, e: &Envelope, len: usize) -> bool {
        e.context == self.context
            && self.pattern.takes(e.source, e.tag)
            && matches!(self.found, Found::Nothing)
            && len <= self.room
    }

    /// Where the message, of `len` bytes, is to go, if this is it; not an empty one.
    #[inline]
    fn room_for(&self, e: &Envelope, len: usize) -> Option<*mut u8> {
        (len > 0 && self.is(e, len)).then_some(self.addr)
    }

    /// Copies the message, of `len` bytes for which there is room, out of the sender's
    /// memory. `false`: it could not be copied.
    #[inline]
    fn pull(&mut self, e: &Envelope, from: &Source, len: usize) -> bool {
        let to = self.addr;
        let copied = match *from {
            Source::Direct(Reached::Mapped(at), _) => {
                // SAFETY: the sender leaves these bytes as they are until it gets its
                // answer; the receive has room for them, as in `take`.
                unsafe { copy::copy(at.as_ptr(), to, len) }.is_ok()
            }
            Source::Cma(pid, addr) => {
                // SAFETY: the receive has room.
                unsafe { cma::read(pid, addr, to, len) }.is_ok()
            }
            _ => false,
        };
        if copied {
            self.found = Found::Message(e.source, e.tag, len);
        }
        copied
    }

    /// The receive, from now on as a request, which the caller posts or matches.
    fn become_posted(&mut self) -> Shared {
        let buffer = Buffer::bytes(self.addr, self.room);
        let receive = new(self.pattern, self.context, self.peer, &buffer, false);
        self.found = Found::Posted(receive.clone());
        receive
    }
}

/// Bytes that are copied without looking at what else has arrived.
const AT_ONCE: usize = 128 << 10;

/// Rounds of looking for an expected message, with a processor for each rank and
/// without.
const ROUNDS_ALONE: u32 = 2000;
const ROUNDS_CROWDED: u32 = 2;

/// Looks for the message of a blocking receive for a while. `None`: nothing came
/// for it.
///
/// Only where no other receive of the context could have a claim to the message:
/// none is posted, nothing has come early, and no other thread or schedule is at
/// work.
#[inline]
pub(super) fn expect(
    comm: &Comm,
    context: u32,
    pattern: Pattern,
    buffer: &Buffer<'_>,
) -> Option<Looked> {
    let (addr, room) = buffer.run()?;
    if lock::is_multiple() || progress::has_hooks() {
        return None;
    }
    let peer = peer_of(comm, pattern);
    with_engine(|engine| {
        let core = &mut engine.core;
        let queues = core.matching.of(context);
        if core.check || !queues.posted.is_empty() || !queues.unexpected.is_empty() {
            return None;
        }
        let found = Found::Nothing;
        core.expected = Some(Expected {
            context,
            pattern,
            peer,
            addr,
            room,
            found,
        });
        if room >= pace::least(core.coop_min) {
            let taken = (peer, engine.incoming.taken(peer));
            core.offer(taken, (context, pattern.tag), addr, room);
        }
        let rounds = if core.crowded {
            ROUNDS_CROWDED
        } else {
            ROUNDS_ALONE
        };
        for _ in 0..rounds {
            engine.progress();
            let expected = engine.core.expected.as_ref();
            if expected.is_none_or(Expected::is_over) {
                break;
            }
        }
        while engine.core.offer.is_some() && !engine.core.withdraw_offer() {
            engine.progress(); // the announcement is there
        }
        engine.core.post_pieces();
        match engine.core.expected.take()?.found {
            Found::Nothing | Found::Pieces(_) => None,
            Found::Posted(receive) => Some(Looked::Posted(Request(Inner::State(receive)))),
            Found::Message(source, tag, len) => Some(Looked::Received(Completion {
                source: source.cast_signed(),
                tag,
                len: len as u64,
                cancelled: false,
                error: None,
            })),
        }
    })
}

impl Core {
    /// Gives an announced message of `len` bytes at `addr` of `peer` to the expected
    /// receive, if it is for that and its bytes are in reach. `false`: nothing was done.
    #[inline]
    pub(super) fn take_announced(
        &mut self,
        e: &Envelope,
        peer: u32,
        addr: u64,
        len: usize,
    ) -> bool {
        let Some(to) = self.expected.as_ref().and_then(|x| x.room_for(e, len)) else {
            return false;
        };
        let source = self.source(peer, Place::Run(addr), len);
        let mut joint = self.take_offer(peer, to, len);
        let chosen = match source {
            Source::Cma(..) if joint.is_some() => self.choose_offered(len),
            _ if joint.is_some() => Chosen::default(),
            Source::Direct(..) => Chosen::default(),
            Source::Cma(..) => self.choose(len),
            _ => return false,
        };
        if joint.is_none() && !chosen.copies {
            joint = self.share_out((peer, e.aux), &source, to, len);
        }
        if joint.is_none() && !chosen.copies && len <= AT_ONCE {
            let known = &mut self.peers[peer as usize];
            let is_due =
                matches!(source, Source::Direct(..)) && known.paces.is_due(len, self.coop_min);
            let begin = is_due.then(Instant::now);
            let taken = self
                .expected
                .as_mut()
                .is_some_and(|x| x.pull(e, &source, len));
            match chosen.timed {
                Some(timed) if taken => self.choice.end(timed, len, Instant::now),
                Some(timed) => self.choice.forget(timed),
                None => {}
            }
            let took = begin.map(|begin| begin.elapsed());
            if taken {
                self.answer(peer, e.aux);
            }
            if let Some(took) = took.filter(|_| taken) {
                self.learn_pace((peer, len), len, took);
            }
            return taken;
        }
        let mut copying = None;
        if !chosen.copies {
            let memory = Memory::of(&Buffer::bytes(to, len));
            let new = Copying::new((peer, e.aux), source, memory, len, joint);
            let copying = copying.insert(new);
            self.start_copying(copying);
            if copying.is_whole() {
                self.settle(copying);
                if let Some(timed) = chosen.timed {
                    self.choice.end(timed, len, Instant::now);
                }
                if let Some(expected) = &mut self.expected {
                    expected.found = Found::Message(e.source, e.tag, len);
                }
                return true;
            }
        }
        let Some(receive) = self.expected.as_mut().map(Expected::become_posted) else {
            return false;
        };
        delivery::matched(&receive, peer, e.source, e.tag, len, check::UNKNOWN);
        receive.timed.set(chosen.timed);
        match copying {
            Some(copying) => self.go_on(copying, receive),
            None => self.ask_for_copies(&receive, peer, e.aux),
        }
        true
    }

    /// Posts the expected receive, before a message of its context that it did
    /// not take is matched: it may be the one.
    #[inline]
    pub(super) fn post_expected(&mut self, context: u32) {
        if let Some(expected) = &mut self.expected
            && expected.context == context
            && matches!(expected.found, Found::Nothing)
        {
            let receive = expected.become_posted();
            let pattern = expected.pattern;
            self.matching.of(context).posted.push(pattern, receive);
        }
    }

    /// Makes a request of the expected receive, if pieces of its message are missing.
    fn post_pieces(&mut self) {
        if let Some(expected) = &mut self.expected
            && let Found::Pieces(pieces) = expected.found
        {
            let receive = expected.become_posted();
            let Pieces {
                from,
                source,
                tag,
                len,
                filled,
            } = pieces;
            delivery::matched(&receive, from.0, source, tag, len, check::UNKNOWN);
            receive.moved.set(filled);
            self.assemble(from, len, filled, Target::Receive(receive));
        }
    }
}
