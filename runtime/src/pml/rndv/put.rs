//! Put: the sender copies a message, or its part of one, into the receive buffer, where
//! the receiver has asked for that.

use crate::pml::request::RequestRef;
use crate::pml::rndv::cooperative::Shares;
use crate::pml::transport::{CopyError, Remote, SenderSlot, Transport};

/// Bytes that are copied before arrivals are looked at again.
pub(super) const TURN: usize = 512 << 10;

/// Bytes that are claimed at once, however few are left then.
const CLAIM: usize = 64 << 10;

/// A send that this rank copies.
#[derive(Debug)]
pub(super) struct Put<T: Transport> {
    pub(super) send: RequestRef,
    /// The receive buffer.
    pub(super) to: Remote,
    pub(super) slot: T::SenderSlot,
    pub(super) shares: Shares,
}

/// What a step of a [`Put`] came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// There was nothing left to claim.
    Nothing,
    /// Some bytes were copied, and there are more.
    More,
    /// Some bytes were copied or could not be, and that was all.
    Last,
}

impl<T: Transport> Put<T> {
    /// Copies some chunks.
    pub(super) fn step(&mut self, transport: &mut T) -> Step {
        // Half of it, since the receiver may come to the rest sooner; all, where another
        // claim would take as long as the copy.
        let chunk = self.shares.chunk;
        let left = self.slot.left();
        let want = left.div_ceil(2).max((CLAIM / chunk) as u64);
        let want = want.min((TURN / chunk) as u64).max(1);
        let Some(claimed) = self.slot.claim(want) else {
            return Step::Nothing;
        };
        let chunks = claimed.end - claimed.start;
        let bytes = self.shares.bytes(&claimed);
        // SAFETY: the send is not done, and was announced with this length.
        let copied = unsafe { transport.put(&self.to, &self.send.memory, bytes) };
        if let Err(error) = &copied {
            self.slot.fail(chunks);
            if *error == CopyError::Access {
                transport.give_up(&self.to);
            }
        } else {
            self.slot.finish(chunks);
        }
        transport.wake(self.to.peer);
        match copied {
            Ok(()) if chunks < left => Step::More,
            _ => Step::Last,
        }
    }
}
