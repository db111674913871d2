//! Probing, and receiving what a probe has matched (MPI 5.0, section 3.8).

use crate::object::comm::{Comm, Space};
use crate::pml::engine::Message;
use crate::pml::matching::Pattern;
use crate::pml::{Buffer, Inner, Request, progress, recv, with_engine};

/// What a probe tells of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    /// The sender's rank in the communicator.
    pub source: u32,
    /// The tag.
    pub tag: i32,
    /// Bytes, packed.
    pub len: u64,
}

/// A message that a probe has taken out of matching: what `MPI_Message` names.
#[derive(Debug)]
pub struct Matched {
    /// What is known of it.
    pub seen: Seen,
    context: u32,
    message: Message,
}

/// Looks for a message from rank `source` of `comm` with `tag` (`None`: any),
/// after making progress once.
pub fn iprobe(comm: &Comm, space: Space, source: Option<u32>, tag: Option<i32>) -> Option<Seen> {
    progress::progress();
    let context = comm.context_of(space).0;
    with_engine(|engine| {
        let queues = engine.core.matching.of(context);
        let (source, tag, message) = queues.unexpected.peek(Pattern { source, tag })?;
        Some(Seen {
            source,
            tag,
            len: message.len as u64,
        })
    })
}

/// As [`iprobe`], taking the message out, so that only [`imrecv`] can receive it.
pub fn improbe(
    comm: &Comm,
    space: Space,
    source: Option<u32>,
    tag: Option<i32>,
) -> Option<Matched> {
    progress::progress();
    let context = comm.context_of(space).0;
    with_engine(|engine| {
        let queues = engine.core.matching.of(context);
        let (source, tag, message) = queues.unexpected.take(Pattern { source, tag })?;
        let seen = Seen {
            source,
            tag,
            len: message.len as u64,
        };
        Some(Matched {
            seen,
            context,
            message,
        })
    })
}

/// Starts to receive a message that [`improbe`] has taken.
///
/// # Safety
/// The buffer's memory must stay writable, and nobody else may touch it, until
/// the request is done.
#[must_use]
pub unsafe fn imrecv(matched: Matched, buffer: &Buffer<'_>) -> Request {
    let Matched {
        seen,
        context,
        message,
    } = matched;
    let pattern = Pattern {
        source: Some(seen.source),
        tag: Some(seen.tag),
    };
    let receive = recv::new(pattern, context, message.from, buffer);
    with_engine(|engine| {
        engine
            .core
            .consume(&receive, seen.source, seen.tag, message)
    });
    Request(Inner::State(receive))
}
