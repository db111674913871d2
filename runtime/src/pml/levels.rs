//! How much of something there is at the moment, for tools. Under the library lock.

use crate::object::comm::{ContextId, Space};
use crate::object::group::Proc;
use crate::pml::engine::{is_running, with_engine};
use crate::pml::transport::{Inbox, Transport};

/// What there may be much of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// Receives that were posted and have no message.
    PostedReceives,
    /// Messages that have no receive.
    UnexpectedMessages,
    /// Parts of peers' memory that are mapped or attached here.
    Attachments,
}

/// How much there is of it: of messages of the program in the contexts of a communicator,
/// or of all. 0 while messaging does not run.
#[must_use]
pub fn level(what: Level, context: Option<ContextId>) -> u64 {
    if !is_running() {
        return 0;
    }
    let number = with_engine(|engine| {
        let core = &mut engine.core;
        match (what, context) {
            (Level::Attachments, _) => core.queues.transport().attachments(),
            (Level::PostedReceives, None) => core.matching.lens().0,
            (Level::UnexpectedMessages, None) => core.matching.lens().1,
            (Level::PostedReceives, Some(context)) => core.matching.of(context).posted.len(),
            (Level::UnexpectedMessages, Some(context)) => {
                core.matching.of(context).unexpected.len()
            }
        }
    });
    number as u64
}

/// The context of a communicator's messages that [`level`] counts.
#[must_use]
pub fn context(comm: &crate::object::comm::Comm) -> ContextId {
    comm.context_of(Space::PointToPoint)
}

/// Cells sent to each process of the job so far, or taken from it.
#[must_use]
pub fn cells(sent: bool, ranks: u32) -> Vec<u64> {
    if !is_running() {
        return vec![0; ranks as usize];
    }
    with_engine(|engine| {
        let me = engine.core.queues.me();
        let of = |peer: Proc| match sent {
            _ if peer == me => 0,
            true => engine.core.queues.transport().sent(peer),
            false => engine.inbox.taken(peer),
        };
        (0..ranks).map(Proc).map(of).collect()
    })
}
