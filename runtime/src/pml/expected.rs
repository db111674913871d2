//! Blocking receives that look for their message without having been posted: what
//! keeps a message that is about to come from costing a request.

use crate::object::comm::ContextId;
use crate::object::group::Proc;
use crate::pml::check;
use crate::pml::matching::{Envelope, Pattern};
use crate::pml::memory::{Memory, copy_short};
use crate::pml::request::{Completion, Request, RequestId, RequestRef};
use crate::pml::transport::Arrival;
use crate::pml::unexpected::{Destination, Unexpected};
use crate::pml::wire::First;

/// Such a receive.
#[derive(Debug)]
pub(super) struct Expected {
    context: ContextId,
    pattern: Pattern,
    peer: Option<Proc>,
    addr: *mut u8,
    room: usize,
    found: Found,
}

#[derive(Debug)]
enum Found {
    Nothing,
    /// The first pieces of the message, of which more are to come.
    Pieces(FirstPieces),
    /// The message, and bytes in it.
    Message(Envelope, usize),
    /// Something came that only a posted receive can deal with: this is it now.
    Posted(RequestRef),
}

/// A message that comes in pieces.
#[derive(Clone, Copy, Debug)]
struct FirstPieces {
    from: Proc,
    first: First,
    /// Bytes that have come.
    filled: usize,
}

/// What looking for a message came to.
pub(super) enum Outcome {
    Received(Completion),
    Posted(Request),
}

impl Expected {
    /// A receive from `peer`, if it is from one, of `room` bytes at `addr`.
    #[inline]
    pub(super) fn new(
        context: ContextId,
        pattern: Pattern,
        peer: Option<Proc>,
        (addr, room): (*mut u8, usize),
    ) -> Expected {
        Expected {
            context,
            pattern,
            peer,
            addr,
            room,
            found: Found::Nothing,
        }
    }

    /// Takes a plain message, if it is the expected one.
    #[inline]
    pub(super) fn take(&mut self, envelope: Envelope, a: &Arrival<'_>) -> bool {
        let fits = self.is(&envelope, a.len);
        if fits {
            // SAFETY: the receive has room for the message, and its memory is the
            // library's until the call returns.
            unsafe { copy_short(a.data, self.addr, a.len, a.len) };
            self.found = Found::Message(envelope, a.len);
        }
        fits
    }

    /// Takes the first piece of a message, if that is the expected one and nothing about
    /// it is out of the ordinary.
    pub(super) fn take_first(&mut self, first: &First, a: &Arrival<'_>) -> bool {
        let fits = self.is(&first.envelope, first.total) && first.signature == check::UNKNOWN;
        if fits {
            let pieces = FirstPieces {
                from: a.from,
                first: *first,
                filled: 0,
            };
            self.put(pieces, a);
        }
        fits
    }

    /// Takes another piece, if the message is the expected one.
    pub(super) fn take_more(&mut self, id: RequestId, a: &Arrival<'_>) -> bool {
        match self.found {
            Found::Pieces(pieces) if (pieces.from, pieces.first.id) == (a.from, id) => {
                self.put(pieces, a);
                true
            }
            _ => false,
        }
    }

    fn put(&mut self, mut pieces: FirstPieces, a: &Arrival<'_>) {
        let total = pieces.first.total;
        let n = a.len.min(total - pieces.filled);
        let to = self.addr.wrapping_add(pieces.filled);
        // SAFETY: the receive has room for the message, as in `take`.
        unsafe { copy_short(a.data, to, n, total) };
        pieces.filled += n;
        self.found = match pieces.filled < total {
            true => Found::Pieces(pieces),
            false => Found::Message(pieces.first.envelope, total),
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
    pub(super) fn room_for(&self, e: &Envelope, len: usize) -> Option<*mut u8> {
        (len > 0 && self.is(e, len)).then_some(self.addr)
    }

    /// The message has come, and is where it goes.
    pub(super) fn received(&mut self, e: Envelope, len: usize) {
        self.found = Found::Message(e, len);
    }

    /// The receive, from now on as a request, which the caller posts or matches.
    pub(super) fn become_posted(&mut self) -> RequestRef {
        let memory = Memory::of_run(self.addr, self.room);
        let (pattern, context, peer) = (self.pattern, self.context, self.peer);
        let receive = RequestRef::receive_into(pattern, context, peer, memory, (0, None));
        self.found = Found::Posted(receive.clone());
        receive
    }

    /// The same, if a message of this context may be for it that it did not take.
    #[inline]
    pub(super) fn post_for(&mut self, context: ContextId) -> Option<(Pattern, RequestRef)> {
        let is_open = self.context == context && matches!(self.found, Found::Nothing);
        is_open.then(|| (self.pattern, self.become_posted()))
    }

    /// What it has come to. `None`: to nothing.
    #[inline]
    pub(super) fn outcome(&mut self, unexpected: &mut Unexpected) -> Option<Outcome> {
        match &self.found {
            Found::Message(e, len) => {
                let completion = Completion::received(e.source, e.tag, *len);
                Some(Outcome::Received(completion))
            }
            Found::Nothing => None,
            Found::Posted(receive) => Some(Outcome::Posted(Request::of(receive.clone()))),
            Found::Pieces(pieces) => {
                let pieces = *pieces;
                let receive = self.go_on_posted(pieces, unexpected);
                Some(Outcome::Posted(Request::of(receive)))
            }
        }
    }

    /// Has a message of which pieces are missing put together like any other.
    #[cold]
    fn go_on_posted(&mut self, pieces: FirstPieces, unexpected: &mut Unexpected) -> RequestRef {
        let FirstPieces {
            from,
            first,
            filled,
        } = pieces;
        let receive = self.become_posted();
        let Envelope { source, tag, .. } = first.envelope;
        receive.matched(from, source, tag, first.total, check::UNKNOWN);
        receive.moved.set(filled);
        let into = Destination::Receive(receive.clone());
        unexpected.assemble((from, first.id), first.total, filled, into);
        receive
    }
}
