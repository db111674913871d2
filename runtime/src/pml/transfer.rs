//! Copies between the two user buffers of a message, without anything between.
//!
//! The receiver *leads*: it knows both buffers. It copies out of the sender's
//! memory where it can reach it, and where the message is long and the sender
//! seems to be looking, the sender *helps* from the other end
//! ([`btl_shm::joint`]). Where the sender's bytes are scattered, or out of the
//! receiver's reach, and the receive buffer is in the sender's reach, the sender
//! does it all.
//!
//! ```text
//! leader:  JOIN ──▶ helper     slot, address of the receive buffer, bytes, chunk
//! both copy chunks; the leader sees all of them done
//! leader:  FIN ──▶ helper      the send is complete
//! leader:  CLEAR ──▶ helper    …or it could not be done this way: begin anew, by copies
//! ```

use crate::pml::copying::{Copying, Joint, Source, TOGETHER_MOST};
use crate::pml::engine::{Core, Peer, kind};
use crate::pml::helping::ALONE;
use crate::pml::request::Shared;
use crate::pml::share::Shares;
use btl_shm::peer::cma::{self, Direction};
use btl_shm::ring::Envelope;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Bytes to multiples of which a message is shared out that the kernel copies.
pub(super) const CMA_CHUNK: usize = 2 << 10;

/// The most messages that the kernel copies together.
const TOGETHER: usize = 16;

/// A message that this rank receives and leads the copying of.
#[derive(Debug)]
pub(super) struct Leading {
    copying: Copying,
    receive: Shared,
}

/// How a helper is to copy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum How {
    /// By stores, its part.
    Direct,
    /// By CMA, its part.
    Cma,
    /// By stores, everything.
    Alone,
}

/// Bytes that both sides map which take about as long as `n` bytes by the kernel: to share
/// those out pays earlier.
pub(super) fn as_mapped(n: usize) -> usize {
    n.saturating_add(n / 3)
}

impl Core {
    /// Begins to copy a matched message whose bytes are at `source`.
    pub(super) fn lead(&mut self, receive: &Shared, peer: u32, id: u32, source: Source) {
        let n = receive.total.get();
        let to = receive.memory.run();
        if to.is_some() && self.has_company(&source, receive) {
            let copying = Copying::new((peer, id), source, receive.memory.clone(), n, None);
            self.go_on(copying, receive.clone());
            return;
        }
        let joint = to.and_then(|to| self.share_out((peer, id), &source, to, n));
        if joint.is_none() && matches!(source, Source::Nowhere) {
            self.ask_for_copies(receive, peer, id);
            return;
        }
        self.begin(receive, (peer, id), source, joint);
    }

    /// Begins to copy what was matched, with the sender if `joint`.
    pub(super) fn begin(
        &mut self,
        receive: &Shared,
        (peer, id): (u32, u32),
        source: Source,
        joint: Option<Joint>,
    ) {
        let (memory, n) = (receive.memory.clone(), receive.total.get());
        let mut copying = Copying::new((peer, id), source, memory, n, joint);
        self.start_copying(&mut copying);
        self.go_on(copying, receive.clone());
    }

    /// Whether the kernel may soon have more to copy than the message of `receive`, whose
    /// bytes are at `source`: then it does all at once.
    fn has_company(&mut self, source: &Source, receive: &Shared) -> bool {
        let is_last_one = |last: &Leading| last.copying.piece_for_kernel().is_some();
        self.polling
            && matches!(source, Source::Cma(..))
            && receive.total.get() <= TOGETHER_MOST
            && (self.leading.back().is_some_and(is_last_one)
                || !self.matching.of(receive.context).posted.is_empty())
    }

    /// Has the kernel copy the first messages together, if there are several of one peer:
    /// to call it takes as long as to copy some of them. Returns whether any came whole; the
    /// one that did not is tried again by itself.
    fn move_together(&mut self) -> bool {
        let Some((pid, ..)) = self.piece_for_kernel(0) else {
            return false;
        };
        let pieces: Vec<_> = (0..TOGETHER)
            .map_while(|i| self.piece_for_kernel(i))
            .take_while(|(of, ..)| *of == pid)
            .collect();
        if pieces.len() < 2 {
            return false;
        }
        let mut from: Vec<_> = pieces
            .iter()
            .map(|(_, from, _, n)| cma::peer_piece(*from, *n))
            .collect();
        let mut to: Vec<_> = pieces
            .iter()
            .map(|(_, _, to, n)| cma::local_piece(*to, *n))
            .collect();
        let began = Instant::now();
        // SAFETY: each piece lies in the run of a receive that is not done, which is as long
        // as its message at least.
        let done = unsafe {
            cma::transfer(
                Direction::Read,
                pid,
                &mut to.as_mut_slice(),
                &mut from.as_mut_slice(),
            )
        };
        let mut copied = done.unwrap_or_else(|error| error.copied);
        let mut whole = 0;
        for (.., n) in &pieces {
            match copied.checked_sub(*n) {
                Some(left) => copied = left,
                None => break,
            }
            whole += 1;
        }
        let each = began.elapsed() / u32::max(whole, 1);
        for i in 1..=whole {
            let Some(mut leading) = self.leading.pop_front() else {
                break;
            };
            if let Some(timed) = leading.receive.timed.take() {
                // As if one had been copied after the other.
                self.choice
                    .end(timed, leading.copying.total, || began + each * i);
            }
            leading.copying.was_copied();
            self.end(leading);
        }
        whole > 0
    }

    /// What the kernel may copy of the message in this place.
    fn piece_for_kernel(&self, at: usize) -> Option<(u32, u64, *mut u8, usize)> {
        self.leading.get(at)?.copying.piece_for_kernel()
    }

    /// Copies a first turn's worth, if it is this message's turn: a helper hears of it
    /// meanwhile.
    pub(super) fn start_copying(&mut self, copying: &mut Copying) {
        let is_first = self.leading.is_empty();
        if copying.has_own() && (is_first || copying.is_short()) {
            copying.is_timed = is_first && copying.is_direct() && self.is_due(copying);
            copying.copy_on(&mut self.reach, is_first && self.helping.is_empty());
        }
    }

    /// Goes on with what was begun.
    pub(super) fn go_on(&mut self, copying: Copying, receive: Shared) {
        let leading = Leading { copying, receive };
        if leading.copying.is_over() {
            self.end(leading);
        } else {
            self.leading.push_back(leading);
        }
    }

    /// Asks the sender of `n` bytes, which come to `to`, to copy a part of them, if it
    /// should; all of them, if they are out of this rank's reach.
    #[inline]
    pub(super) fn share_out(
        &mut self,
        (peer, id): (u32, u32),
        source: &Source,
        to: *mut u8,
        n: usize,
    ) -> Option<Joint> {
        let to = to.expose_provenance() as u64;
        let how = match source {
            Source::Nowhere if !self.own_stores => How::Alone,
            Source::Direct(..) if self.wants_help(peer, n) && self.reach.is_exported(to, n) => {
                How::Direct
            }
            Source::Cma(..) if self.wants_help(peer, as_mapped(n)) => How::Cma,
            _ => return None,
        };
        self.ask_help((peer, id), how, to, n)
    }

    /// Whether `peer` should be asked to copy its part of what takes as long as `n`
    /// bytes that both map.
    #[inline]
    pub(super) fn wants_help(&self, peer: u32, n: usize) -> bool {
        n >= self.coop_min && self.may_help(peer)
    }

    /// Whether `peer` is likely to look for what it is asked.
    #[inline]
    pub(super) fn may_help(&self, peer: u32) -> bool {
        !self.crowded && !self.own_stores && self.is_clear(peer) && !self.is_asleep(peer)
    }

    /// Whether waking `peer` would take a system call.
    fn is_asleep(&self, peer: u32) -> bool {
        self.segment.record(peer).asleep.load(Ordering::Relaxed) != 0
    }

    /// Tells the sender where the receive buffer is, if there is a slot, and room
    /// to tell.
    fn ask_help(&mut self, (peer, id): (u32, u32), how: How, to: u64, n: usize) -> Option<Joint> {
        let is_cma = how == How::Cma;
        let least = if is_cma { CMA_CHUNK } else { self.coop_chunk };
        let is_alone = how == How::Alone;
        let (shares, expected) = if is_alone {
            (Shares::alone(n, least), true)
        } else {
            let (bytes, comes) = self.peers[peer as usize].head_starts.front(n, is_cma);
            (Shares::new(n, least, bytes), comes)
        };
        if !shares.are_two() {
            return None;
        }
        let mut place = self.slots.take(self.segment).ok()??;
        let lead = place.begin(self.segment, shares.total, shares.front);
        let envelope = Envelope {
            kind: kind::JOIN,
            flags: if is_alone { ALONE } else { 0 },
            aux: id,
            context: lead.turn(),
            ..Envelope::default()
        };
        let how_far = shares.front << 1 | u64::from(is_cma);
        let words = [place.at(), to, n as u64, shares.chunk as u64, how_far];
        if is_alone {
            self.tell(peer, envelope, words);
        } else {
            let sent = self.outgoing.send_words(peer, &envelope, words);
            if !matches!(sent, Ok(true)) {
                lead.close();
                self.slots.give(place);
                return None;
            }
        }
        Some(Joint {
            lead,
            place,
            shares,
            expected,
            offered: false,
        })
    }

    /// Copies on, as leader and as helper. Returns whether anything was copied.
    pub(super) fn move_transfers(&mut self) -> bool {
        let mut any = !self.helping.is_empty() && self.help_on();
        while self
            .leading
            .front()
            .is_some_and(|leading| leading.copying.is_over())
        {
            any = true;
            if let Some(leading) = self.leading.pop_front() {
                self.end(leading);
            }
        }
        any |= self.move_together();
        // The oldest of which a part is this rank's own; else what a helper has
        // not come to, of the newest, since it begins with the oldest.
        let own = self
            .leading
            .iter()
            .position(|leading| leading.copying.has_own());
        let next = own.or_else(|| {
            self.leading
                .iter_mut()
                .rposition(|leading| leading.copying.claim())
        });
        match next {
            Some(at) => {
                let is_alone = self.leading.len() == 1 && self.helping.is_empty();
                self.leading[at].copying.copy_on(&mut self.reach, is_alone);
                true
            }
            // One that waits for its helper keeps nobody else waiting.
            None => any | self.end_others(),
        }
    }

    /// Ends what is over behind one that is not.
    #[cold]
    fn end_others(&mut self) -> bool {
        let over = self
            .leading
            .iter()
            .position(|leading| leading.copying.is_over());
        match over.and_then(|at| self.leading.remove(at)) {
            Some(leading) => {
                self.end(leading);
                true
            }
            None => false,
        }
    }

    /// Ends a message that this rank leads: whole, or to begin anew.
    fn end(&mut self, leading: Leading) {
        let Leading {
            mut copying,
            receive,
        } = leading;
        if let Some(error) = copying.lost.take() {
            receive.fail(error);
        }
        if self.settle(&mut copying) {
            receive.moved.set(receive.total.get());
            self.learn(&receive);
            receive.complete();
            return;
        }
        if let Some(timed) = receive.timed.take() {
            self.choice.forget(timed);
        }
        self.ask_for_copies(&receive, copying.peer, copying.id);
    }

    /// Whether it is to be timed how long this copy takes.
    fn is_due(&mut self, copying: &Copying) -> bool {
        let known = &mut self.peers[copying.peer as usize];
        known.paces.is_due(copying.total, self.coop_min)
    }

    /// Of a message of `len` bytes from `peer`, `part` were copied in the time `took`.
    pub(super) fn learn_pace(&mut self, (peer, len): (u32, usize), part: usize, took: Duration) {
        let Peer { paces, offers, .. } = &mut self.peers[peer as usize];
        paces.learn(len, self.coop_min, part, took);
        let is_slow = paces.are_slow(len, self.coop_min);
        offers.note_short(len, is_slow);
    }

    /// Tells the sender, if the message is whole, and learns from how it was shared out.
    /// Returns whether it is whole.
    pub(super) fn settle(&mut self, copying: &mut Copying) -> bool {
        let is_whole = !copying.needs_copies();
        if is_whole {
            self.answer(copying.peer, copying.id); // it waits for nothing else
        }
        let met = copying.met();
        let is_cma = copying.is_cma();
        if let Some((part, took)) = copying.pace.take() {
            self.learn_pace((copying.peer, copying.total), part, took);
        }
        if let Some(joint) = copying.joint.take() {
            if let Some(met) = met {
                let known = &mut self.peers[copying.peer as usize];
                let (len, chunk) = (copying.total, joint.shares.chunk);
                known.head_starts.learn(len, chunk, is_cma, met);
                known.offers.learn(met, (len, is_cma), joint.offered);
            }
            self.slots.give(joint.place);
        }
        is_whole
    }
}
