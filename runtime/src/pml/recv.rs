//! Starting receives.

use crate::error::Result;
use crate::object::comm::{Comm, Space};
use crate::pml::engine::Engine;
use crate::pml::expected::{Looked, expect};
use crate::pml::matching::Pattern;
use crate::pml::memory::Memory;
use crate::pml::request::{Begin, Shared, State};
use crate::pml::{Buffer, Completion, Inner, Request, check, progress, with_engine};

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

/// The process that a receive waits for, if it is one.
pub(super) fn peer_of(comm: &Comm, pattern: Pattern) -> u32 {
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
