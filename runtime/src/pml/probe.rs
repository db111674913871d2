//! Probing, and receiving what a probe has matched (MPI 5.0, section 3.8).

use crate::object::comm::{Comm, Space};
use crate::pml::engine::Message;
use crate::pml::matching::{Pattern, Queues};
use crate::pml::request::Shared;
use crate::pml::{Buffer, Inner, Request, WaitFor, progress, recv, with_engine};
use wireup::layout::WaitKind;

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
/// making progress once.
pub fn iprobe(comm: &Comm, space: Space, source: Option<u32>, tag: Option<i32>) -> Option<Seen> {
    let context = comm.context_of(space).0;
    look_twice(context, |queues| {
        let (source, tag, message) = queues.unexpected.peek(Pattern { source, tag })?;
        Some(Seen {
            source,
            tag,
            len: message.len as u64,
        })
    })
}

/// Waits for a message from rank `source` of `comm` with `tag` (`None`: any).
pub fn probe(comm: &Comm, space: Space, source: Option<u32>, tag: Option<i32>) -> Seen {
    wait_for(comm, space, source, tag, |queues, pattern| {
        queues
            .unexpected
            .peek(pattern)
            .map(|(source, tag, message)| Seen {
                source,
                tag,
                len: message.len as u64,
            })
    })
}

/// As [`probe`], taking the message out.
pub fn mprobe(comm: &Comm, space: Space, source: Option<u32>, tag: Option<i32>) -> Matched {
    let context = comm.context_of(space).0;
    wait_for(comm, space, source, tag, |queues, pattern| {
        queues
            .unexpected
            .take(pattern)
            .map(|taken| matched(context, taken))
    })
}

/// Looks at what has come, and once more after progress if nothing suits.
fn look_twice<T>(
    context: u32,
    look: impl Fn(&mut Queues<Shared, Message>) -> Option<T>,
) -> Option<T> {
    let once = || with_engine(|engine| look(engine.core.matching.of(context)));
    let found = once();
    if found.is_some() {
        progress::progress();
        return found;
    }
    progress::poll();
    once()
}

fn wait_for<T>(
    comm: &Comm,
    space: Space,
    source: Option<u32>,
    tag: Option<i32>,
    look: impl Fn(&mut Queues<Shared, Message>, Pattern) -> Option<T>,
) -> T {
    let context = comm.context_of(space).0;
    let peer = source
        .and_then(|rank| comm.peer(rank))
        .map_or(-1, |p| p.0.cast_signed());
    let what = WaitFor {
        kind: WaitKind::Receive,
        peer,
        tag: tag.unwrap_or(-1),
        context,
    };
    let pattern = Pattern { source, tag };
    let mut found = None;
    progress::wait(
        || what,
        || {
            found = with_engine(|engine| look(engine.core.matching.of(context), pattern));
            found.is_some()
        },
    );
    found.expect("the wait ends when a message is found")
}

fn matched(context: u32, (source, tag, message): (u32, i32, Message)) -> Matched {
    let seen = Seen {
        source,
        tag,
        len: message.len as u64,
    };
    Matched {
        seen,
        context,
        message,
    }
}

/// As [`iprobe`], taking the message out, so that only [`imrecv`] can receive it.
pub fn improbe(
    comm: &Comm,
    space: Space,
    source: Option<u32>,
    tag: Option<i32>,
) -> Option<Matched> {
    let context = comm.context_of(space).0;
    look_twice(context, |queues| {
        let taken = queues.unexpected.take(Pattern { source, tag })?;
        Some(matched(context, taken))
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
    let receive = with_engine(|engine| {
        let checked = engine.core.check;
        let receive = recv::new(pattern, context, message.from, buffer, checked);
        engine
            .core
            .consume(&receive, seen.source, seen.tag, message);
        receive
    });
    Request(Inner::State(receive))
}
