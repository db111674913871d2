//! Receives that their sender hears of before they know of their message.
//!
//! A blocking receive from a known sender, whose last long message both have copied, by
//! stores or by CMA, tells it at once where the next one is to go: in an `OFFER`, which
//! saves the sender the wait for a `JOIN`. So does one whose last message was shorter, but
//! took long to copy ([`crate::pml::pace`]).
//!
//! ```text
//! receiver:  OFFER ──▶ sender      slot, receive buffer, context and tag, cells taken
//! sender:    READY ──▶ receiver    and begins to help, as after a JOIN
//! ```
//!
//! Both must mean the same message by it. An offer is for the one that is announced in
//! the very next cell that the receiver takes from the sender: it says how many it has
//! taken, and the sender knows which cell its announcement was in, whichever of the two
//! was first. The receive is then the only one of its context that could match it
//! ([`crate::pml::expected`]). Whether it does, context, tag and length say at both
//! sides. A sender that does not take an offer up leaves a helper away that was
//! expected, and the receiver copies alone. Nor does one that comes too late do any
//! harm: what is copied by whom is settled in the slot ([`btl_shm::joint`]), and a
//! receiver that wants the offer back closes it there, or, where the sender has claimed
//! already, finds its announcement.

use crate::pml::copying::Joint;
use crate::pml::engine::{Core, kind};
use crate::pml::request::Shared;
use crate::pml::share::{Met, Shares};
use crate::pml::transfer::{CMA_CHUNK, as_mapped};
use btl_shm::endpoint::Arrival;
use btl_shm::joint::Place;
use btl_shm::ring::Envelope;

/// Flags of [`kind::OFFER`]: any tag will do; the buffer is in the kernel's reach only.
const ANY_TAG: u8 = 1;
const BY_CMA: u8 = 2;

/// Receives that go without an offer after one that was of no use, and the most after
/// several in a row.
const PAUSE: u32 = 8;
const PAUSE_MOST: u32 = 4096;

/// An offer, as the receiver keeps it.
#[derive(Debug)]
pub(super) struct Offer {
    peer: u32,
    addr: u64,
    place: Place,
    /// The least message that it is for.
    from: usize,
    chunk: usize,
    head_start: i32,
}

/// An offer, as the sender keeps it.
#[derive(Clone, Copy, Debug)]
struct Offered {
    /// The cell that the message has to be announced in, counted from 0.
    cell: u64,
    context: u32,
    tag: Option<i32>,
    /// Where it goes, the least message that may, and room for how much.
    addr: u64,
    from: usize,
    room: usize,
    is_cma: bool,
    /// The slot's offset in the segment, and the use of it.
    slot: u64,
    turn: u32,
    /// How it is shared out.
    least: usize,
    head_start: i32,
}

/// Offers to a peer and from it.
#[derive(Debug, Default)]
pub(super) struct Offers {
    /// Bytes of the last message from it that both copied, or should have; 0: the last
    /// long one was not. And whether the kernel did.
    shared: usize,
    is_cma: bool,
    /// Receives that go without, now and the next time that an offer is of no use.
    pause: u32,
    next_pause: u32,
    /// The last one from it, if no message has gone by it.
    from: Option<Offered>,
    /// The cell of the last announcement to it, and its number here.
    announced: Option<(u64, u32)>,
}

impl Offers {
    /// Whether the next long receive should be offered.
    fn is_due(&mut self) -> bool {
        let paused = self.pause > 0;
        self.pause = self.pause.saturating_sub(1);
        self.shared > 0 && !paused
    }

    /// An offer was of no use.
    fn failed(&mut self) {
        self.pause = (2 * self.next_pause).clamp(PAUSE, PAUSE_MOST);
        self.next_pause = self.pause;
    }

    /// A message of `len` bytes is copied that the two sides could share, which had been
    /// `offered` or not.
    /// By the kernel, if `is_cma`.
    pub(super) fn learn(&mut self, met: Met, (len, is_cma): (usize, bool), offered: bool) {
        let came = met != Met::Absent;
        match (came, offered) {
            (true, true) => self.next_pause = 0,
            (false, true) => return self.failed(),
            (_, false) => {}
        }
        self.shared = if came { len } else { 0 };
        self.is_cma = is_cma;
    }

    /// A message of `len` bytes was short, but should have been shared out, since it took
    /// long; or need not have been.
    pub(super) fn note_short(&mut self, len: usize, is_slow: bool) {
        if is_slow {
            (self.shared, self.is_cma) = (len, false);
        } else if self.shared == len {
            self.shared = 0;
        }
    }
}

impl Core {
    /// Offers `room` bytes at `addr` to `peer`, of whose cells `taken` are taken, for
    /// the next message of `context` with `tag`, if that is likely to be of use. What
    /// comes of it is settled by [`Core::take_offer`] and [`Core::withdraw_offer`].
    pub(super) fn offer(
        &mut self,
        (peer, taken): (u32, u64),
        (context, tag): (u32, Option<i32>),
        addr: *mut u8,
        room: usize,
    ) {
        if let Some(known) = self.peers.get_mut(peer as usize)
            && known.offers.is_due()
            && let likely = known.offers.shared.min(room)
            && let is_cma = known.offers.is_cma
            && match is_cma {
                true => self.is_for_cma(likely) && as_mapped(likely) >= self.coop_min,
                false => likely >= self.coop_min || known.paces.are_slow(likely, self.coop_min),
            }
            && self.may_help(peer)
        {
            let addr = addr.expose_provenance() as u64;
            self.send_offer((peer, taken), (context, tag), (addr, room), likely);
        }
    }

    fn send_offer(
        &mut self,
        (peer, taken): (u32, u64),
        (context, tag): (u32, Option<i32>),
        (addr, room): (u64, usize),
        likely: usize,
    ) {
        let is_cma = self.peers[peer as usize].offers.is_cma;
        let reaches = match is_cma {
            true => self.reach.cma(peer).is_some(),
            false => self.reach.is_exported(addr, room),
        };
        if !reaches {
            return;
        }
        let Ok(Some(mut place)) = self.slots.take(self.segment) else {
            return;
        };
        let known = &mut self.peers[peer as usize];
        let from = likely.min(self.coop_min).min(u32::MAX as usize);
        let (head_start, _) = known.head_starts.front(likely, is_cma);
        let chunk = if is_cma { CMA_CHUNK } else { self.coop_chunk };
        let turn = place.open(self.segment);
        let any_tag = if tag.is_none() { ANY_TAG } else { 0 };
        let by_cma = if is_cma { BY_CMA } else { 0 };
        let envelope = Envelope {
            kind: kind::OFFER,
            flags: any_tag | by_cma,
            context,
            tag: tag.unwrap_or(0),
            source: u32::try_from(from).unwrap_or(u32::MAX),
            aux: turn,
        };
        let how = (chunk as u64) << 32 | u64::from(head_start.cast_unsigned());
        let words = [place.at(), addr, room as u64, taken, how];
        let sent = self.outgoing.send_words(peer, &envelope, words);
        let offer = Offer {
            peer,
            addr,
            place,
            from,
            chunk,
            head_start,
        };
        self.offer = Some(offer);
        if !matches!(sent, Ok(true)) {
            self.withdraw_offer(); // nobody knows of it
        }
    }

    /// What was offered, if it was to `peer` and for `to`: a message of `n` bytes has
    /// come for that.
    #[inline]
    pub(super) fn take_offer(&mut self, peer: u32, to: *mut u8, n: usize) -> Option<Joint> {
        let offer = self.offer.as_ref()?;
        let is_meant = offer.peer == peer && offer.addr == to.expose_provenance() as u64;
        if !is_meant || n < offer.from {
            return None;
        }
        let shares = Shares::new(n, offer.chunk, offer.head_start);
        if !shares.are_two() {
            return None; // the sender cannot have taken it up
        }
        let Offer { place, .. } = self.offer.take()?;
        Some(Joint {
            lead: place.lead(self.segment, shares.total, shares.front),
            place,
            shares,
            expected: true,
            offered: true,
        })
    }

    /// Takes back what was offered, if anything is. `false`: the sender has taken it up,
    /// and has announced its message before that.
    pub(super) fn withdraw_offer(&mut self) -> bool {
        let Some(offer) = self.offer.take() else {
            return true;
        };
        if !offer.place.withdraw(self.segment) {
            self.offer = Some(offer);
            return false;
        }
        self.peers[offer.peer as usize].offers.failed();
        self.slots.give(offer.place);
        true
    }

    /// A receiver offers.
    pub(super) fn offered(&mut self, a: &Arrival<'_>) {
        let e = &a.envelope;
        let [slot, addr, room, cell, how] = a.words;
        let offered = Offered {
            cell,
            context: e.context,
            tag: (e.flags & ANY_TAG == 0).then_some(e.tag),
            addr,
            from: usize::try_from(e.source).unwrap_or(usize::MAX),
            room: usize::try_from(room).unwrap_or(usize::MAX),
            is_cma: e.flags & BY_CMA != 0,
            slot,
            turn: e.aux,
            least: usize::try_from(how >> 32).unwrap_or(usize::MAX),
            head_start: u32::try_from(how & 0xffff_ffff).unwrap_or(0).cast_signed(),
        };
        let offers = &mut self.peers[a.source as usize].offers;
        match offers.announced {
            Some((at, id)) if at == cell => {
                if let Some(send) = self.named.get(id).cloned() {
                    self.take_up(&send, offered);
                }
            }
            _ => offers.from = Some(offered),
        }
    }

    /// A message that its receiver can read was announced just now, as number `id`.
    pub(super) fn was_announced(&mut self, send: &Shared, id: u32) {
        let peer = send.peer.get();
        let cell = self.outgoing.sent(peer).wrapping_sub(1);
        let offers = &mut self.peers[peer as usize].offers;
        offers.announced = Some((cell, id));
        if let Some(offered) = offers.from.take_if(|offered| offered.cell == cell) {
            self.take_up(send, offered);
        }
    }

    /// Helps with a send that was announced in the cell that an offer is for, if it is
    /// one that the offer is for.
    fn take_up(&mut self, send: &Shared, offered: Offered) {
        let total = send.total.get();
        let is_meant = send.context == offered.context
            && offered.tag.is_none_or(|tag| tag == send.tag.get())
            && (offered.from..=offered.room).contains(&total);
        if !is_meant || self.crowded {
            return;
        }
        let shares = Shares::new(total, offered.least, offered.head_start);
        if shares.are_two() {
            let peer = send.peer.get();
            let target = self.target(peer, (offered.addr, shares.len), offered.is_cma);
            if let Some(target) = target {
                self.help_unasked(send, target, (offered.slot, offered.turn), shares);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Receives until the next one that would be offered.
    fn wait(offers: &mut Offers) -> usize {
        (0..100_000).take_while(|_| !offers.is_due()).count()
    }

    #[test]
    fn what_is_of_no_use_is_offered_less_and_less() {
        let mut offers = Offers::default();
        assert!(!offers.is_due());
        offers.learn(Met::LeaderFirst, (1 << 16, false), false);
        assert!(offers.is_due());
        offers.failed();
        assert_eq!(wait(&mut offers), PAUSE as usize);
        offers.learn(Met::Absent, (1 << 16, false), true);
        assert_eq!(wait(&mut offers), 2 * PAUSE as usize);
        for _ in 0..20 {
            offers.failed();
        }
        assert_eq!(wait(&mut offers), PAUSE_MOST as usize);
        offers.learn(Met::HelperFirst, (1 << 16, false), true);
        offers.failed();
        assert_eq!(wait(&mut offers), PAUSE as usize);
    }

    #[test]
    fn who_did_not_help_is_offered_nothing() {
        let mut offers = Offers::default();
        offers.learn(Met::HelperFirst, (1 << 16, false), false);
        offers.learn(Met::Absent, (1 << 16, false), false);
        assert!(!offers.is_due());
        offers.learn(Met::HelperFirst, (1 << 17, false), false);
        assert!(offers.is_due());
        assert_eq!(offers.shared, 1 << 17);
    }
}
