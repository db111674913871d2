//! Starting receives.

use crate::error::Result;
use crate::lock;
use crate::object::comm::{Comm, ContextId, Space};
use crate::object::group::Proc;
use crate::pml::arrival::consume;
use crate::pml::engine::{Engine, with_engine};
use crate::pml::expected::{Expected, Outcome};
use crate::pml::matching::{Envelope, Pattern};
use crate::pml::memory::{Buffer, copy_short};
use crate::pml::progress;
use crate::pml::request::{Completion, Request, RequestRef};
use crate::pml::transport::{Inbox, Transport};
use crate::pml::wire;

/// Rounds of looking for an expected message.
const ROUNDS: u32 = 2000;
const ROUNDS_OVERSUBSCRIBED: u32 = 2;

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
    let context = comm.context_of(space);
    let peer = source.and_then(|rank| comm.peer(rank));
    with_engine(|engine| {
        if let Some(peer) = peer
            && let Some(memory) = buffer.run()
            && let Some((e, len)) = take_now(engine, (context, pattern, peer), memory)
        {
            return Ok(Request::received(e.source, e.tag, len));
        }
        let core = &mut engine.core;
        let receive = RequestRef::receive(pattern, context, peer, buffer, core.checks_types);
        let queues = core.matching.of(context);
        match queues.unexpected.take(pattern) {
            Some(found) => consume(core, &receive, found),
            None => queues.posted.push(pattern, receive.clone()),
        }
        let request = Request::of(receive);
        request.name_datatype(buffer);
        Ok(request)
    })
}

/// Takes the next message of `peer` out of the inbox, if it is there already, plain, and for
/// this receive, which is not posted then: its envelope and length. Only where nothing else
/// could have a claim to it (see [`expect`]).
#[inline]
fn take_now<T: Transport>(
    engine: &mut Engine<T>,
    (context, pattern, peer): (ContextId, Pattern, Proc),
    (addr, room): (*mut u8, usize),
) -> Option<(Envelope, usize)> {
    let Engine { inbox, core } = engine;
    let queues = core.matching.of(context);
    if lock::is_multiple()
        || core.checks_types
        || !queues.posted.is_empty()
        || !queues.unexpected.is_empty()
    {
        return None;
    }
    let mut found = None;
    inbox.take_if(peer, |a| {
        let Some(envelope) = wire::plain(a) else {
            return false;
        };
        let is_it = envelope.context == context
            && pattern.takes(envelope.source, envelope.tag)
            && a.len <= room;
        if is_it {
            // SAFETY: the receive has room for the message, and its memory is the
            // library's now.
            unsafe { copy_short(a.data, addr, a.len, a.len) };
            found = Some((envelope, a.len));
        }
        is_it
    });
    if found.is_some() {
        core.queues.heard_from(peer);
    }
    found
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
    match expect(comm, space, Pattern { source, tag }, buffer) {
        Some(Outcome::Received(completion)) => Ok(completion),
        Some(Outcome::Posted(request)) => {
            request.name_datatype(buffer);
            Ok(progress::complete(request))
        }
        None => {
            // SAFETY: the buffer stays until the wait is over.
            let request = unsafe { irecv(comm, space, source, tag, buffer) }?;
            Ok(progress::complete(request))
        }
    }
}

/// Looks for the message of a blocking receive for a while. `None`: nothing came
/// for it.
///
/// Only where no other receive of the context could have a claim to the message:
/// none is posted, nothing has come early, and no other thread or schedule is at
/// work. And not while calls are recorded: this is no wait that they would find.
#[inline]
fn expect(comm: &Comm, space: Space, pattern: Pattern, buffer: &Buffer<'_>) -> Option<Outcome> {
    let memory = buffer.run()?;
    if lock::heed() != 0 || progress::has_hooks() {
        return None;
    }
    let context = comm.context_of(space);
    let peer = pattern.source.and_then(|rank| comm.peer(rank));
    with_engine(|engine| {
        let core = &mut engine.core;
        let queues = core.matching.of(context);
        if core.checks_types || !queues.posted.is_empty() || !queues.unexpected.is_empty() {
            return None;
        }
        core.expected = Some(Expected::new(context, pattern, peer, memory));
        if memory.1 >= core.learnt.rtr_least()
            && let Some(peer) = peer
        {
            let taken = engine.inbox.taken(peer);
            let receive = (context, pattern);
            core.transfers.send_rtr(
                &mut core.queues,
                &mut core.learnt,
                (peer, taken),
                receive,
                memory,
            );
        }
        let rounds = match core.transfers.is_oversubscribed() {
            true => ROUNDS_OVERSUBSCRIBED,
            false => ROUNDS,
        };
        for _ in 0..rounds {
            progress::round(engine);
            let expected = engine.core.expected.as_ref();
            if expected.is_none_or(Expected::is_over) {
                break;
            }
        }
        while engine.core.transfers.has_rtr() {
            let core = &mut engine.core;
            if core
                .transfers
                .withdraw_rtr(&mut core.queues, &mut core.learnt)
            {
                break;
            }
            progress::round(engine); // the RTS is there
        }
        let core = &mut engine.core;
        let outcome = core.expected.as_mut()?.outcome(&mut core.unexpected);
        core.expected = None;
        outcome
    })
}
