//! Starting receives.

use crate::error::Result;
use crate::lock;
use crate::object::comm::{Comm, Space};
use crate::pml::engine::{Core, Engine};
use crate::pml::matching::Pattern;
use crate::pml::memory::Memory;
use crate::pml::request::{Begin, Shared, State};
use crate::pml::transfer::Source;
use crate::pml::{Buffer, Completion, Inner, Request, check, delivery, progress, with_engine};

use btl_shm::copy;
use btl_shm::endpoint::Arrival;
use btl_shm::peer::Reached;
use btl_shm::ring::Envelope;
use std::ptr::NonNull;

/// Stands for a peer that is not known yet.
const NOBODY: u32 = u32::MAX;

/// Starts a receive from rank `source` of `comm` (`None`: any) with `tag`
/// (`None`: any) (MPI 5.0, section 3.7.2).
///
/// # Safety
/// The buffer's memory must stay writable, and nobody else may touch it, until
/// the request is done.
///
/// # Errors
/// The receive cannot be posted (no memory).
#[inline]
pub unsafe fn irecv(
    comm: &Comm,
    space: Space,
    source: Option<u32>,
    tag: Option<i32>,
    buffer: &Buffer<'_>,
) -> Result<Request> {
    let pattern = Pattern { source, tag };
    let context = comm.context_of(space).0;
    let peer = peer_of(comm, pattern);
    let receive = with_engine(|engine| {
        let receive = new(pattern, context, peer, buffer, engine.core.check);
        engine.post(&receive);
        receive
    });
    Ok(Request(Inner::State(receive)))
}

/// Receives a message (MPI 5.0, section 3.2.4). What went wrong with it is in
/// the completion.
///
/// # Safety
/// As for [`irecv`].
///
/// # Errors
/// As for [`irecv`].
#[inline]
pub unsafe fn recv(
    comm: &Comm,
    space: Space,
    source: Option<u32>,
    tag: Option<i32>,
    buffer: &Buffer<'_>,
) -> Result<Completion> {
    let pattern = Pattern { source, tag };
    match expect(comm, comm.context_of(space).0, pattern, buffer) {
        Some(Looked::Received(completion)) => Ok(completion),
        Some(Looked::Posted(request)) => Ok(progress::complete(request)),
        None => {
            // SAFETY: the buffer stays until the wait is over.
            let request = unsafe { irecv(comm, space, source, tag, buffer) }?;
            Ok(progress::complete(request))
        }
    }
}

/// A blocking receive that looks for its message without having been posted:
/// what keeps a short message that is about to come from costing a request.
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
    /// The message: source, tag and length.
    Message(u32, i32, usize),
    /// Something came that only a posted receive can deal with: this is it now.
    Posted(Shared),
}

/// What looking for a message came to.
enum Looked {
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
            unsafe { delivery::copy_short(a.data, self.addr, a.len) };
            self.found = Found::Message(a.envelope.source, a.envelope.tag, a.len);
        }
        fits
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

    /// Copies the message, of `len` bytes for which there is room, out of memory of the
    /// sender's that is mapped at `from`. `false`: it could not be copied.
    #[inline]
    fn pull(&mut self, e: &Envelope, from: NonNull<u8>, len: usize) -> bool {
        // SAFETY: the sender leaves these bytes as they are until it gets its answer;
        // the receive has room for them, as in `take`.
        let copied = unsafe { copy::copy(from.as_ptr(), self.addr, len) }.is_ok();
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
fn expect(comm: &Comm, context: u32, pattern: Pattern, buffer: &Buffer<'_>) -> Option<Looked> {
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
        let rounds = if core.crowded {
            ROUNDS_CROWDED
        } else {
            ROUNDS_ALONE
        };
        for _ in 0..rounds {
            engine.progress();
            let expected = engine.core.expected.as_ref();
            if !expected.is_some_and(|e| matches!(e.found, Found::Nothing)) {
                break;
            }
        }
        match engine.core.expected.take()?.found {
            Found::Nothing => None,
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
    /// receive, if it is for that and can be copied straight. `false`: nothing was done.
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
        let Some(from @ Reached::Mapped(at)) = self.reach.reach(peer, addr, len) else {
            return false;
        };
        let source = Source::Direct(from, addr);
        let joint = self.share_out((peer, e.aux), &source, to, len);
        if joint.is_none() && len <= AT_ONCE {
            let taken = self.expected.as_mut().is_some_and(|x| x.pull(e, at, len));
            if taken {
                self.answer(peer, e.aux);
            }
            return taken;
        }
        let receive = self.expected.as_mut().map(Expected::become_posted);
        if let Some(receive) = receive {
            delivery::matched(&receive, peer, e.source, e.tag, len, check::UNKNOWN);
            self.begin(&receive, (peer, e.aux), source, joint);
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
}

/// The process that a receive waits for, if it is one.
fn peer_of(comm: &Comm, pattern: Pattern) -> u32 {
    pattern
        .source
        .and_then(|rank| comm.peer(rank))
        .map_or(NOBODY, |proc| proc.0)
}

/// A receive that is not posted anywhere yet. `checked`: it compares types.
#[inline]
pub(super) fn new(
    pattern: Pattern,
    context: u32,
    peer: u32,
    buffer: &Buffer<'_>,
    checked: bool,
) -> Shared {
    Shared::new(Begin {
        is_send: false,
        synchronous: false,
        memory: Memory::of(buffer),
        context,
        signature: check::UNKNOWN,
        datatype: buffer.datatype.filter(|_| checked).cloned(),
        pattern,
        peer,
        source: pattern.source.unwrap_or(NOBODY),
        tag: pattern.tag.unwrap_or(-1),
    })
}

/// The process that a receive waits for, as a report wants it: -1 for any.
pub(super) fn expected(receive: &State) -> i32 {
    let peer = receive.peer.get();
    if peer == NOBODY {
        -1
    } else {
        peer.cast_signed()
    }
}

impl Engine {
    /// Gives a receive the oldest message that it asks for, or posts it.
    #[inline]
    fn post(&mut self, receive: &Shared) {
        let queues = self.core.matching.of(receive.context);
        match queues.unexpected.take(receive.pattern) {
            Some((source, tag, message)) => self.core.consume(receive, source, tag, message),
            None => queues.posted.push(receive.pattern, receive.clone()),
        }
    }
}

/// Cancels a receive (MPI 5.0, section 3.8.4), if no message has matched it.
pub(super) fn cancel(receive: &Shared) {
    with_engine(|engine| {
        let posted = &mut engine.core.matching.of(receive.context).posted;
        if posted
            .remove(receive.pattern, |other| other.is(receive))
            .is_some()
        {
            receive.cancelled.set(true);
            receive.complete();
        }
    });
    progress::tell_threads();
}
