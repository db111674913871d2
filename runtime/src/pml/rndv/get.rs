//! Get: the receiver copies a message out of its sender's memory, alone or together
//! with the sender. A put is a get of which nothing is the receiver's.

use crate::error::{Class, Error};
use crate::object::group::Proc;
use crate::pml::memory::Memory;
use crate::pml::request::RequestId;
use crate::pml::rndv::cooperative::Cooperative;
use crate::pml::rndv::put::TURN;
use crate::pml::transport::{CopyError, ReceiverSlot, Remote, SlotState, Transport};
use std::ops::Range;
use std::time::Duration;

/// The least that the receiver takes over at once, in bytes: a claim takes a line from
/// the sender, and a copy by calls a system call.
const TAKE_MAPPED: usize = 4 << 10;
const TAKE_BY_CALL: usize = 8 << 10;

/// The longest message that one call copies together with others, in bytes: longer ones
/// gain nothing from company.
pub(super) const TOGETHER_MOST: usize = 16 << 10;

/// How long an error waits that may come from the end of a peer.
const SETTLE: Duration = Duration::from_millis(300);

/// A message that this rank receives.
#[derive(Debug)]
pub(super) struct Get<T: Transport> {
    /// The sender, and its number for the message.
    pub(super) peer: Proc,
    pub(super) id: RequestId,
    /// Its bytes at the sender; `None`: out of this rank's reach.
    pub(super) from: Option<Remote>,
    /// Where it goes, and how much of it.
    memory: Memory,
    pub(super) total: usize,
    /// Bytes that are this rank's to copy, and have not been.
    own: Range<usize>,
    pub(super) shared: Option<Cooperative<T>>,
    /// It could not be copied in this way, and begins anew once the sender is out.
    failed: bool,
    /// It could not be copied at all: why.
    pub(super) lost: Option<Error>,
}

impl<T: Transport> Get<T> {
    pub(super) fn new(
        (peer, id): (Proc, RequestId),
        from: Option<Remote>,
        memory: Memory,
        total: usize,
        shared: Option<Cooperative<T>>,
    ) -> Get<T> {
        let own = shared.as_ref().map_or(0..total, |s| s.shares.receivers());
        Get {
            peer,
            id,
            from,
            memory,
            total,
            own,
            shared,
            failed: false,
            lost: None,
        }
    }

    /// Whether a part is this rank's to copy.
    pub(super) fn has_own(&self) -> bool {
        !self.own.is_empty()
    }

    /// Whether it takes less than a turn, and nobody else copies.
    pub(super) fn is_short(&self) -> bool {
        self.shared.is_none() && self.total <= TURN
    }

    /// Whether calls copy it.
    pub(super) fn is_by_call(&self) -> bool {
        self.from.is_some_and(|from| from.is_by_call())
    }

    /// Copies a turn's worth of what is this rank's own; `is_alone`: there is nothing
    /// else for it to do.
    pub(super) fn copy_on(&mut self, transport: &mut T, is_alone: bool) {
        let range = self.own.start..self.own.end.min(self.own.start + TURN);
        let copied = match &self.from {
            // SAFETY: the receive is not done, and has room for the message.
            Some(from) => unsafe { transport.get(from, range.start, &self.memory, range.clone()) },
            None => Err(CopyError::Access),
        };
        if let Err(error) = copied {
            return self.refused(transport, error);
        }
        self.own.start = range.end;
        if is_alone
            && !self.has_own()
            && let Some(shared) = &mut self.shared
        {
            shared.meet(self.own.end);
        }
    }

    #[cold]
    fn refused(&mut self, transport: &mut T, error: CopyError) {
        let (len, rank) = (self.total, self.peer.0);
        match error {
            CopyError::Access => {
                if let Some(from) = &self.from {
                    transport.give_up(from);
                }
                self.failed = true;
            }
            CopyError::Protected => self.failed = true,
            CopyError::PeerMemory(why) => {
                // If the peer has ended, mpirun names it and ends this rank meanwhile.
                std::thread::sleep(SETTLE);
                let addr = self.from.map_or(0, |from| from.addr);
                let text = format!(
                    "the message of {len} bytes at address {addr:#x} of rank {rank} of the job cannot be read: {why}"
                );
                self.lost = Some(Error::new(Class::OTHER, text));
            }
            CopyError::OwnMemory(at) => {
                let text = format!(
                    "the message of {len} bytes of rank {rank} of the job cannot be put into the receive buffer: there is no memory at {at:#x}, or it may not be written"
                );
                self.lost = Some(Error::new(Class::BUFFER, text));
            }
        }
        self.own = 0..0;
        if let Some(shared) = &self.shared {
            shared.slot.close();
        }
    }

    /// Where the bytes are, and where they go, if a call copies the message, which is
    /// short, goes into one run and was not begun with.
    pub(super) fn whole_piece(&self) -> Option<(Remote, *mut u8, usize)> {
        let is_whole = self.shared.is_none() && self.own == (0..self.total);
        let from = self
            .from
            .filter(|from| is_whole && from.is_by_call() && self.total <= TOGETHER_MOST)?;
        Some((from, self.memory.run()?, self.total))
    }

    /// All that is this rank's to copy was copied otherwise.
    pub(super) fn was_copied(&mut self) {
        self.own.start = self.own.end;
    }

    /// Takes over a part that the sender has not come to. Whether there was any.
    pub(super) fn take_over(&mut self) -> bool {
        let least = match self.is_by_call() {
            true => TAKE_BY_CALL,
            false => TAKE_MAPPED,
        };
        let shared = self.shared.as_ref().filter(|_| self.from.is_some());
        self.own = shared.and_then(|s| s.take_over(least)).unwrap_or(0..0);
        self.has_own()
    }

    /// Whether all of it has come.
    pub(super) fn is_whole(&self) -> bool {
        self.lost.is_none() && self.is_over() && !self.begins_anew()
    }

    /// True once this path has completed or failed.
    pub(super) fn is_over(&self) -> bool {
        !self.has_own()
            && self.shared.as_ref().is_none_or(|s| match s.slot.state() {
                SlotState::Open => false,
                SlotState::Whole => true,
                SlotState::Failed => s.slot.close(),
            })
    }

    /// Whether it has to begin anew, in pieces.
    pub(super) fn begins_anew(&self) -> bool {
        let shared = self.shared.as_ref();
        self.failed || shared.is_some_and(|s| s.slot.state() == SlotState::Failed)
    }
}
