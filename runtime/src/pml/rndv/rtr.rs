//! Receiver-initiated rendezvous: a blocking receive sends its buffer's address, in an
//! RTR, before the sender's RTS arrives. That saves the sender the wait for a JOIN.
//!
//! ```text
//! receiver:  RTR ──▶ sender      slot, receive buffer, context and tag, messages taken
//! sender:    RTS ──▶ receiver    and begins to put its part, as after a JOIN
//! ```
//!
//! Both must mean the same message by it. An RTR is for the message that is announced in
//! the very next cell that the receiver takes from the sender: it says how many it has
//! taken, and the sender knows which cell its RTS was in, whichever of the two was first.
//! The receive is then the only one of its context that could match it
//! ([`crate::pml::expected`]). Whether it does, context, tag and length say at both
//! sides. A sender that does not take an RTR up is missed by the receiver, which then
//! copies alone. Nor does a late one do any harm: who copies what is settled in the slot,
//! and a receiver that wants the RTR back closes it there, or, where the sender has
//! claimed already, finds its RTS.

use crate::object::group::Proc;
use crate::pml::learnt::Learnt;
use crate::pml::queues::Queues;
use crate::pml::request::RequestId;
use crate::pml::rndv::cooperative::{CALL_CHUNK, Cooperative, Shares};
use crate::pml::transport::{ReceiverSlot, Transport};
use crate::pml::wire::{Control, Rtr};

/// An RTR, as the receiver keeps it.
#[derive(Debug)]
struct SentRtr<T: Transport> {
    peer: Proc,
    slot: T::ReceiverSlot,
    rtr: Rtr,
}

/// RTRs that this rank has sent and received.
#[derive(Debug)]
pub(super) struct Rtrs<T: Transport> {
    sent: Option<SentRtr<T>>,
    peers: Vec<PeerRtrs>,
}

#[derive(Clone, Debug, Default)]
struct PeerRtrs {
    /// The last one from it, if no message has gone by it.
    received: Option<Rtr>,
    /// The cell of the last RTS to it, and its number here.
    announced: Option<(u64, RequestId)>,
}

impl<T: Transport> Rtrs<T> {
    pub(super) fn new(ranks: u32) -> Rtrs<T> {
        Rtrs {
            sent: None,
            peers: vec![PeerRtrs::default(); ranks as usize],
        }
    }

    /// There are processes up to this number.
    pub(super) fn grow(&mut self, procs: u32) {
        if self.peers.len() < procs as usize {
            self.peers.resize(procs as usize, PeerRtrs::default());
        }
    }

    /// Whether the receiver counts on one.
    pub(super) fn is_sent(&self) -> bool {
        self.sent.is_some()
    }

    /// Sends `rtr` for the next message of `peer`, whose bytes and slot it leaves open:
    /// a message of about `likely` bytes.
    pub(super) fn send(
        &mut self,
        queues: &mut Queues<T>,
        learnt: &mut Learnt,
        (peer, likely): (Proc, usize),
        mut rtr: Rtr,
    ) {
        let reaches = match rtr.by_call {
            true => queues.transport().reach_by_call(peer, 0).is_some(),
            false => queues.transport().is_exported(rtr.addr, rtr.room),
        };
        let Some(slot) = reaches.then(|| queues.transport().take_slot()).flatten() else {
            return;
        };
        let least = likely.min(queues.limits().coop_min);
        rtr.least = least.min(u32::MAX as usize);
        rtr.slot = slot.id();
        rtr.head_start = learnt.head_start(peer, likely, rtr.by_call);
        if rtr.by_call {
            rtr.chunk = CALL_CHUNK;
        }
        let went = queues.try_tell(peer, &Control::Rtr(rtr));
        self.sent = Some(SentRtr { peer, slot, rtr });
        if !went {
            self.withdraw(queues, learnt); // nobody knows of it
        }
    }

    /// The cooperative copy that an RTR has begun, if there was one to `peer` for `to`: a
    /// message of `n` bytes has come for that.
    #[inline]
    pub(super) fn take(&mut self, peer: Proc, to: *mut u8, n: usize) -> Option<Cooperative<T>> {
        let SentRtr {
            rtr, peer: to_peer, ..
        } = self.sent.as_ref()?;
        let is_meant = *to_peer == peer && rtr.addr == to.expose_provenance() as u64;
        if !is_meant || n < rtr.least {
            return None;
        }
        // Where it is too short to share, the sender cannot have taken it up.
        let shares = Shares::new(n, rtr.chunk, rtr.head_start)?;
        let SentRtr { slot, .. } = self.sent.take()?;
        Some(Cooperative::begin(slot, shares, true, true))
    }

    /// Takes back what was sent, if anything was. `false`: the sender has taken it up,
    /// and has announced its message before that.
    pub(super) fn withdraw(&mut self, queues: &mut Queues<T>, learnt: &mut Learnt) -> bool {
        let Some(sent) = self.sent.take() else {
            return true;
        };
        if !sent.slot.withdraw() {
            self.sent = Some(sent);
            return false;
        }
        learnt.rtr_failed(sent.peer);
        queues.transport().give_slot(sent.slot);
        true
    }

    /// An RTR has come. The message that it is for, if that was announced already.
    pub(super) fn received(&mut self, peer: Proc, rtr: Rtr) -> Option<RequestId> {
        let known = &mut self.peers[peer.0 as usize];
        match known.announced {
            Some((cell, id)) if cell == rtr.cell => Some(id),
            _ => {
                known.received = Some(rtr);
                None
            }
        }
    }

    /// A message was announced to `peer` in this cell. The RTR for it, if that has come.
    pub(super) fn announced(&mut self, peer: Proc, cell: u64, id: RequestId) -> Option<Rtr> {
        let known = &mut self.peers[peer.0 as usize];
        known.announced = Some((cell, id));
        known.received.take_if(|rtr| rtr.cell == cell)
    }
}
