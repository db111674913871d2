//! Cooperative copies: one message that its receiver and its sender copy at the same
//! time, each a part.
//!
//! The message is cut into chunks. The receiver has a part at the front from the start;
//! the sender claims chunks from the back; and the receiver, once it is through with its
//! part, claims what the sender has not come to. Claims are made in a *slot*
//! ([`ReceiverSlot`], [`SenderSlot`]), so that each chunk is copied by exactly one side,
//! and a sender that is busy elsewhere costs the receiver next to nothing.
//!
//! [`SenderSlot`]: crate::pml::transport::SenderSlot

use crate::pml::learnt::split::Ending;
use crate::pml::transport::{ReceiverSlot, SlotState, Transport};
use std::ops::Range;

/// Bytes of the shortest chunk of what is copied by calls.
pub(super) const CALL_CHUNK: usize = 2 << 10;

/// The most chunks of a message: longer messages get longer chunks.
const CHUNKS: usize = 1 << 16;

/// How often a receiver looks whether the sender is through, before it claims what that
/// has left: not quite a microsecond.
const LOOKS: u32 = 32;

/// How a message is cut into chunks, and how many of them are the receiver's from the
/// start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Shares {
    /// Bytes of the message, and of a chunk.
    pub(super) len: usize,
    pub(super) chunk: usize,
    /// Chunks in all, and of them the receiver's.
    pub(super) total: u64,
    pub(super) front: u64,
}

impl Shares {
    /// Of a message of `len` bytes, in chunks of `least` bytes or more, of which the
    /// receiver has `head_start` bytes beyond half. `None`: it is too short to share.
    pub(super) fn new(len: usize, least: usize, head_start: i32) -> Option<Shares> {
        let all = Shares::of_sender(len, least);
        let head_start = isize::try_from(head_start).unwrap_or(0);
        let front = (len / 2)
            .saturating_add_signed(head_start)
            .div_ceil(all.chunk) as u64;
        (all.total > 1).then(|| Shares {
            front: front.clamp(1, all.total - 1),
            ..all
        })
    }

    /// The same where all of it is the sender's.
    pub(super) fn of_sender(len: usize, least: usize) -> Shares {
        let chunk = least.max(len.div_ceil(CHUNKS)).next_multiple_of(64);
        Shares {
            len,
            chunk,
            total: len.div_ceil(chunk) as u64,
            front: 0,
        }
    }

    /// The shares that a JOIN tells of. `None`: the numbers are inconsistent.
    pub(super) fn decode(len: u64, chunk: u64, front: u64) -> Option<Shares> {
        let (len, chunk) = (usize::try_from(len).ok()?, usize::try_from(chunk).ok()?);
        let total = len.div_ceil(chunk.max(1));
        (chunk > 0 && total <= CHUNKS).then_some(Shares {
            len,
            chunk,
            total: total as u64,
            front,
        })
    }

    /// The bytes that are the receiver's from the start.
    pub(super) fn receivers(&self) -> Range<usize> {
        self.bytes(&(0..self.front))
    }

    /// The bytes of these chunks.
    pub(super) fn bytes(&self, chunks: &Range<u64>) -> Range<usize> {
        let at = |i: u64| {
            usize::try_from(i)
                .unwrap_or(usize::MAX)
                .saturating_mul(self.chunk)
                .min(self.len)
        };
        at(chunks.start)..at(chunks.end)
    }
}

/// The receiver's side of a cooperative copy.
#[derive(Debug)]
pub(super) struct Cooperative<T: Transport> {
    pub(super) slot: T::ReceiverSlot,
    pub(super) shares: Shares,
    /// The sender came to the last one like it.
    comes: bool,
    /// The sender was told before there was a message.
    pub(super) after_rtr: bool,
    /// Whether the sender was through before the receiver was with its part; `None`:
    /// that says nothing, since there was more to do than this message.
    sender_first: Option<bool>,
}

impl<T: Transport> Cooperative<T> {
    /// Begins the use of `slot`.
    pub(super) fn begin(
        mut slot: T::ReceiverSlot,
        shares: Shares,
        comes: bool,
        after_rtr: bool,
    ) -> Cooperative<T> {
        slot.begin(shares.total, shares.front);
        Cooperative {
            slot,
            shares,
            comes,
            after_rtr,
            sender_first: None,
        }
    }

    /// The receiver is through with everything up to `end` just now. Notes who is first,
    /// if that was its part, and waits for a moment for a sender that has most likely come:
    /// to claim more would take the line of claims from it.
    pub(super) fn meet(&mut self, end: usize) {
        let state = self.slot.state();
        if end == self.shares.receivers().end && state != SlotState::Failed {
            self.sender_first = Some(state == SlotState::Whole);
        }
        let looks = if self.comes { LOOKS } else { 0 };
        for _ in 0..looks {
            if self.slot.state() != SlotState::Open {
                return;
            }
            std::hint::spin_loop();
        }
    }

    /// How the two sides ended, if that is to be learnt from.
    pub(super) fn ending(&self) -> Option<Ending> {
        match (self.slot.is_shared(), self.sender_first?) {
            (false, _) => Some(Ending::SenderAbsent),
            (true, true) => Some(Ending::SenderFirst),
            (true, false) => Some(Ending::ReceiverFirst),
        }
    }

    /// Takes over half of what the sender has not come to, `least` bytes at least. Which
    /// bytes, if there were any.
    pub(super) fn take_over(&self, least: usize) -> Option<Range<usize>> {
        let least = (least / self.shares.chunk) as u64;
        let half = self.slot.left().div_ceil(2).max(least);
        let chunks = self.slot.claim(half)?;
        Some(self.shares.bytes(&chunks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cut_into_chunks_of_both_sides() {
        for (len, chunk, head_start, front, total) in [
            (5000, 4096, 4 << 10, 1, 2),
            (64 << 10, 4 << 10, 4 << 10, 9, 16),
            (32 << 10, 2 << 10, 2 << 10, 9, 16),
            (64 << 10, 1 << 10, -(64 << 10), 1, 64),
            (64 << 10, 1 << 10, 64 << 10, 63, 64),
            (1 << 40, 1 << 10, 0, 1 << 15, 1 << 16),
        ] {
            let shares = Shares::new(len, chunk, head_start).unwrap();
            assert_eq!((shares.front, shares.total), (front, total), "{len}");
            assert_eq!(shares.bytes(&(0..total)), 0..len);
            let again = Shares::decode(len as u64, shares.chunk as u64, front);
            assert_eq!(again, Some(shares));
        }
        assert_eq!(Shares::new(100, 4096, 4 << 10), None, "one chunk");
        let sender = Shares::of_sender(100, 4096);
        assert_eq!((sender.front, sender.total), (0, 1));
    }

    #[test]
    fn inconsistent_numbers_are_refused() {
        for (len, chunk) in [(10, 0), (1 << 40, 1)] {
            assert_eq!(Shares::decode(len, chunk, 0), None);
        }
    }
}
