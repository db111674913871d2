//! Probing, and receiving what a probe has matched (MPI 5.0, section 3.8).

use crate::object::comm::{Bridge, Comm, ContextId, Space};
use crate::pml::arrival::consume;
use crate::pml::engine::with_engine;
use crate::pml::matching::{MatchQueues, Pattern};
use crate::pml::memory::Buffer;
use crate::pml::progress;
use crate::pml::publish::WaitFor;
use crate::pml::request::{Completion, Request, RequestRef};
use crate::pml::unexpected::Message;
use std::sync::Arc;
use wireup::layout::WaitKind;

/// The messages that have come, and the receives.
type Both = MatchQueues<RequestRef, Message>;

/// What a probe tells of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MessageInfo {
    /// The sender's rank in the communicator.
    pub source: u32,
    /// The tag.
    pub tag: i32,
    /// Bytes, packed.
    pub len: u64,
}

impl MessageInfo {
    fn of(source: u32, tag: i32, message: &Message) -> MessageInfo {
        MessageInfo {
            source,
            tag,
            len: message.len as u64,
        }
    }
}

impl Completion {
    /// What a probe tells, as a status.
    #[must_use]
    pub fn of(seen: MessageInfo) -> Completion {
        Completion {
            source: seen.source.cast_signed(),
            tag: seen.tag,
            len: seen.len,
            ..Completion::empty()
        }
    }
}

/// A message that a probe has taken out of matching: what `MPI_Message` names.
#[derive(Debug)]
pub struct MatchedMessage {
    /// What is known of it.
    pub seen: MessageInfo,
    context: ContextId,
    message: Message,
    /// The bridge that its bytes come over: open as long as they are to be fetched.
    bridge: Option<Arc<Bridge>>,
}

/// Looks for a message from rank `source` of `comm` with `tag` (`None`: any),
/// making progress once.
pub fn iprobe(
    comm: &Comm,
    space: Space,
    source: Option<u32>,
    tag: Option<i32>,
) -> Option<MessageInfo> {
    let context = comm.context_of(space);
    look_twice(context, |queues| {
        let (source, tag, message) = queues.unexpected.peek(Pattern { source, tag })?;
        Some(MessageInfo::of(source, tag, message))
    })
}

/// Waits for a message from rank `source` of `comm` with `tag` (`None`: any).
pub fn probe(comm: &Comm, space: Space, source: Option<u32>, tag: Option<i32>) -> MessageInfo {
    wait_for(comm, space, source, tag, |queues, pattern| {
        queues
            .unexpected
            .peek(pattern)
            .map(|(source, tag, message)| MessageInfo::of(source, tag, message))
    })
}

/// As [`probe`], taking the message out.
pub fn mprobe(comm: &Comm, space: Space, source: Option<u32>, tag: Option<i32>) -> MatchedMessage {
    let context = comm.context_of(space);
    wait_for(comm, space, source, tag, |queues, pattern| {
        queues
            .unexpected
            .take(pattern)
            .map(|taken| matched(comm, context, taken))
    })
}

/// Looks at what has come, and once more after progress if nothing suits.
fn look_twice<T>(context: ContextId, look: impl Fn(&mut Both) -> Option<T>) -> Option<T> {
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
    look: impl Fn(&mut Both, Pattern) -> Option<T>,
) -> T {
    let context = comm.context_of(space);
    let peer = source.and_then(|rank| comm.peer(rank));
    let what = WaitFor::peer(WaitKind::Receive, peer, tag.unwrap_or(-1), context);
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

fn matched(
    comm: &Comm,
    context: ContextId,
    (source, tag, message): (u32, i32, Message),
) -> MatchedMessage {
    MatchedMessage {
        seen: MessageInfo::of(source, tag, &message),
        context,
        message,
        bridge: comm.bridge.clone(),
    }
}

/// As [`iprobe`], taking the message out, so that only [`imrecv`] can receive it.
pub fn improbe(
    comm: &Comm,
    space: Space,
    source: Option<u32>,
    tag: Option<i32>,
) -> Option<MatchedMessage> {
    let context = comm.context_of(space);
    look_twice(context, |queues| {
        let taken = queues.unexpected.take(Pattern { source, tag })?;
        Some(matched(comm, context, taken))
    })
}

/// As [`improbe`], of what has come already: for what [`progress::progress`] itself calls.
pub fn take_arrived(
    comm: &Comm,
    space: Space,
    source: Option<u32>,
    tag: Option<i32>,
) -> Option<MatchedMessage> {
    let context = comm.context_of(space);
    with_engine(|engine| {
        let queues = engine.core.matching.of(context);
        let taken = queues.unexpected.take(Pattern { source, tag })?;
        Some(matched(comm, context, taken))
    })
}

/// Starts to receive a message that [`improbe`] has taken.
///
/// # Safety
/// The buffer's memory must stay writable, and nobody else may touch it, until
/// the request is done.
#[must_use]
pub unsafe fn imrecv(matched: MatchedMessage, buffer: &Buffer<'_>) -> Request {
    let MatchedMessage {
        seen,
        context,
        message,
        bridge,
    } = matched;
    let pattern = Pattern {
        source: Some(seen.source),
        tag: Some(seen.tag),
    };
    let receive = with_engine(|engine| {
        let (core, peer) = (&mut engine.core, Some(message.from));
        let receive = RequestRef::receive(pattern, context, peer, buffer, core.checks_types);
        consume(core, &receive, (seen.source, seen.tag, message));
        receive
    });
    drop(bridge); // from here on the receive keeps it open
    Request::of(receive)
}
