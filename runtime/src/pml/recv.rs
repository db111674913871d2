//! Starting receives.

use crate::error::Result;
use crate::handle::Raw;
use crate::lock;
use crate::object::comm::{Comm, Space};
use crate::pml::arrival::consume;
use crate::pml::engine::with_engine;
use crate::pml::expected::{Expected, Outcome};
use crate::pml::matching::Pattern;
use crate::pml::memory::{Buffer, Memory};
use crate::pml::progress;
use crate::pml::request::{Completion, Request, RequestRef};
use crate::pml::short;
use crate::pml::transport::Inbox;
use crate::pml::waiter;

/// Rounds of looking for an expected message.
const ROUNDS: u32 = 2000;
const ROUNDS_OVERSUBSCRIBED: u32 = 2;

/// Looks for the message of a blocking receive, at the one place where it will be, before
/// anything else is looked at: a short message is often on its way.
const LOOKS: u32 = 8;

/// Room of a receive, in bytes, up to which its message is worth such looks: longer messages
/// may wait for this rank to say that it is there.
const SHORT: usize = 4095;

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
    // SAFETY: the caller's buffer.
    if let Some((source, tag, len)) = unsafe { take_now(comm, space, (source, tag), buffer) } {
        return Ok(Request::received(source, tag, len));
    }
    // SAFETY: as above.
    unsafe { post(comm, space, source, tag, buffer) }
}

/// Takes a message that is there already, or comes within a few looks: its source, tag and
/// length. `None`: a receive is to be posted.
///
/// # Safety
/// As for [`irecv`].
#[inline]
pub unsafe fn take_soon(
    comm: &Comm,
    space: Space,
    pattern: (Option<u32>, Option<i32>),
    buffer: &Buffer<'_>,
) -> Option<(u32, i32, u32)> {
    // SAFETY: the caller's buffer.
    let found = unsafe { take_now(comm, space, pattern, buffer) };
    if found.is_some() || pattern.0.is_none() || buffer.len() > SHORT || waiter::is_oversubscribed()
    {
        return found;
    }
    // SAFETY: as above.
    (0..LOOKS).find_map(|_| unsafe { take_now(comm, space, pattern, buffer) })
}

/// Takes a message that is there already (see `short.rs`): its source, tag and length.
///
/// # Safety
/// As for [`irecv`].
#[inline]
unsafe fn take_now(
    comm: &Comm,
    space: Space,
    (source, tag): (Option<u32>, Option<i32>),
    buffer: &Buffer<'_>,
) -> Option<(u32, i32, u32)> {
    let (source, (addr, room)) = (source?, buffer.run()?);
    // SAFETY: the caller's buffer.
    let (tag, len) = unsafe { short::receive(comm, space, source, tag, addr, room) }?;
    Some((source, tag, len))
}

/// As [`irecv`], of a message of one run, of which reports are to say `datatype`. `None`: more
/// has to be done than to take or to post it, or an argument is wrong.
///
/// # Safety
/// As for [`irecv`].
#[inline(never)]
pub unsafe fn irecv_run(
    comm: &Comm,
    space: Space,
    (source, tag): (u32, Option<i32>),
    (addr, len): (*mut u8, usize),
    datatype: Raw,
) -> Option<Request> {
    // SAFETY: the caller's buffer.
    if let Some((tag, len)) = unsafe { short::receive(comm, space, source, tag, addr, len) } {
        return Some(Request::received(source, tag, len));
    }
    let peer = comm.peer(source)?;
    let context = comm.context_of(space);
    let pattern = Pattern {
        source: Some(source),
        tag,
    };
    with_engine(|engine| {
        let core = &mut engine.core;
        let queues = core.matching.of(context);
        if core.checks_types || !queues.unexpected.is_empty() {
            return None;
        }
        let (peer, memory) = (Some(peer), Memory::of_run(addr, len));
        let receive = RequestRef::receive_into(pattern, context, peer, memory, (datatype, None));
        queues.posted.push(pattern, receive.clone());
        Some(Request::of(receive))
    })
}

/// As [`irecv`], of a message that is not the next one that comes from its source: posts a
/// receive, or has it take a message that came early.
///
/// # Safety
/// As for [`irecv`].
///
/// # Errors
/// As for [`irecv`].
#[inline(never)]
pub unsafe fn post(
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
    // SAFETY: the caller's buffer.
    if let Some((source, tag, len)) = unsafe { take_soon(comm, space, (source, tag), buffer) } {
        return Ok(Completion::received(source, tag, len as usize));
    }
    wait_for(comm, space, source, tag, buffer)
}

/// As [`recv`], of a message that is not there yet.
#[inline(never)]
fn wait_for(
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
            let request = unsafe { post(comm, space, source, tag, buffer) }?;
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
