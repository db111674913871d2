//! Put: the sender copies a message, or its part of one, into the receive buffer, where
//! the receiver has asked for that.

use crate::object::group::Proc;
use crate::pml::queues::Queues;
use crate::pml::request::{Phase, RequestRef};
use crate::pml::rndv::cooperative::Shares;
use crate::pml::transport::{CopyError, Remote, SenderSlot, SlotId, Transport};
use crate::pml::wire::{Join, Rtr};
use std::collections::VecDeque;
use std::ops::Range;

/// Bytes that are copied before arrivals are looked at again.
pub(super) const TURN: usize = 512 << 10;

/// Bytes that are claimed at once, however few are left then.
const CLAIM: usize = 64 << 10;

/// A send that this rank copies.
#[derive(Debug)]
struct Put<T: Transport> {
    send: RequestRef,
    /// The receive buffer.
    to: Remote,
    slot: T::SenderSlot,
    shares: Shares,
}

/// What a step of a [`Put`] came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// There was nothing left to claim.
    Nothing,
    /// Some bytes were copied, and there are more.
    More,
    /// Some bytes were copied or could not be, and that was all.
    Last,
}

impl<T: Transport> Put<T> {
    /// Copies some chunks.
    fn step(&mut self, transport: &mut T) -> Step {
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

/// All sends that this rank copies, the oldest first.
#[derive(Debug)]
pub(super) struct Puts<T: Transport> {
    sends: VecDeque<Put<T>>,
    is_oversubscribed: bool,
}

impl<T: Transport> Puts<T> {
    pub(super) fn new(is_oversubscribed: bool) -> Puts<T> {
        Puts {
            sends: VecDeque::new(),
            is_oversubscribed,
        }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.sends.is_empty()
    }

    /// Whether any goes to one of these processes.
    pub(super) fn any_to(&self, range: &Range<u32>) -> bool {
        self.sends.iter().any(|put| range.contains(&put.to.peer.0))
    }

    /// Puts a part of a send that was announced in the cell that an RTR is for, if the
    /// RTR is for such a one.
    pub(super) fn take_up(&mut self, queues: &mut Queues<T>, send: &RequestRef, rtr: &Rtr) {
        let total = send.total.get();
        let is_meant = send.context == rtr.context
            && rtr.tag.is_none_or(|tag| tag == send.tag.get())
            && (rtr.least..=rtr.room).contains(&total);
        if is_meant
            && !self.is_oversubscribed
            && let Some(shares) = Shares::new(total, rtr.chunk, rtr.head_start)
            && let Some(to) = Self::buffer(queues, send.peer.get(), (rtr.addr, total, rtr.by_call))
        {
            let slot = side_of(queues, to.peer, rtr.slot, &shares);
            self.put(queues, send, to, slot, shares);
        }
    }

    /// How this rank reaches a receive buffer of `len` bytes.
    fn buffer(
        queues: &mut Queues<T>,
        peer: Proc,
        (addr, len, by_call): (u64, usize, bool),
    ) -> Option<Remote> {
        if by_call {
            return queues.transport().reach_by_call(peer, addr);
        }
        let to = queues.transport().reach(peer, addr, len)?;
        (!to.is_by_call()).then_some(to)
    }

    /// The receiver asks for this rank's part of a message.
    pub(super) fn join(&mut self, queues: &mut Queues<T>, peer: Proc, asked: &Join) {
        let (Some(shares), Some(send)) = (
            Shares::decode(asked.len, asked.chunk, asked.front),
            queues.named(asked.send),
        ) else {
            return;
        };
        send.phase.set(Phase::Streaming);
        let mut slot = side_of(queues, peer, asked.slot, &shares);
        let fits = shares.len <= send.memory.len();
        let to = Self::buffer(queues, peer, (asked.addr, shares.len, asked.by_call));
        match to.filter(|_| fits) {
            Some(to) => self.put(queues, &send, to, slot, shares),
            // Nobody else will do it.
            None if asked.all => {
                if let Some(range) = slot.claim(u64::MAX) {
                    slot.fail(range.end - range.start);
                }
                queues.transport().wake(peer);
            }
            None => {}
        }
    }

    /// Puts a send, after all that this rank puts already. The receiver is at work, or
    /// will be.
    fn put(
        &mut self,
        queues: &mut Queues<T>,
        send: &RequestRef,
        to: Remote,
        slot: T::SenderSlot,
        shares: Shares,
    ) {
        send.phase.set(Phase::Streaming);
        let send = send.clone();
        self.sends.push_back(Put {
            send,
            to,
            slot,
            shares,
        });
        self.move_on(queues.transport());
    }

    /// Copies some chunks of the oldest send that this rank puts. Returns whether there
    /// was one.
    pub(super) fn move_on(&mut self, transport: &mut T) -> bool {
        while let Some(mut put) = self.sends.pop_front() {
            match put.step(transport) {
                Step::Nothing => {}
                Step::Last => return true,
                Step::More => {
                    self.sends.push_front(put);
                    return true;
                }
            }
        }
        false
    }

    /// Puts a send no more that is over, or that goes another way.
    pub(super) fn leave(&mut self, send: &RequestRef) {
        if !self.sends.is_empty() {
            self.sends.retain(|put| !put.send.is(send));
        }
    }
}

/// This rank's side of a slot of `peer`'s.
fn side_of<T: Transport>(
    queues: &mut Queues<T>,
    peer: Proc,
    id: SlotId,
    shares: &Shares,
) -> T::SenderSlot {
    let transport = queues.transport();
    transport.join_slot(peer, id, shares.total, shares.front)
}
