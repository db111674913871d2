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

use crate::error::{Class, Error};
use crate::pml::delivery;
use crate::pml::engine::{Core, kind};
use crate::pml::memory::Memory;
use crate::pml::request::{Phase, Shared};
use btl_shm::endpoint::Arrival;
use btl_shm::joint::{self, Help, Lead, Place, State};
use btl_shm::peer::cma::{self, CmaWhy};
use btl_shm::peer::{Lost, Peers, Reached};
use btl_shm::ring::Envelope;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Bytes that are copied before arrivals are looked at again.
const TURN: usize = 512 << 10;

/// Bytes that a helper claims at once, however little is left then.
const AT_ONCE: usize = 64 << 10;

/// How long an error waits that may come from the end of a peer.
const SETTLE: Duration = Duration::from_millis(300);

/// The most chunks of a message that both copy: longer ones get longer chunks.
const CHUNKS: usize = 1 << 16;
const _: () = assert!(CHUNKS as u64 <= joint::MOST);

/// Flag of [`kind::JOIN`]: nobody but the helper can copy this message.
pub(super) const ALONE: u8 = 1;

/// The sender's bytes, as the receiver reaches them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    /// By loads, at this address of its process.
    Direct(Reached, u64),
    /// In this process's memory at this address.
    Cma(u32, u64),
    /// Out of reach: the sender has to copy.
    Nowhere,
}

/// The receive buffer, as the sender reaches it.
#[derive(Clone, Copy, Debug)]
enum Target {
    Direct(Reached),
    Cma(u32, u64),
}

/// A message that this rank receives and leads the copying of.
#[derive(Debug)]
pub(super) struct Leading {
    receive: Shared,
    /// The sender, and its number for the message.
    peer: u32,
    id: u32,
    source: Source,
    /// Bytes that are this rank's to copy, and have not been.
    own: Range<usize>,
    joint: Option<Joint>,
    /// It could not be copied in this way, and begins anew once the helper is out.
    failed: bool,
}

/// A copy of which the sender was asked to do a part.
#[derive(Debug)]
pub(super) struct Joint {
    lead: Lead,
    place: Place,
    /// Bytes of a chunk.
    chunk: usize,
    /// Bytes that are the leader's from the start.
    front: Range<usize>,
}

/// A message that this rank sends and helps to copy.
#[derive(Debug)]
pub(super) struct Helping {
    send: Shared,
    target: Target,
    help: Help,
    /// Bytes in all, and in a chunk.
    total: usize,
    chunk: usize,
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

/// Why bytes could not be copied.
enum Refusal {
    /// In this way: another may do.
    Way,
    /// At all: the memory is not there. Which, in words.
    Memory(String),
}

impl Core {
    /// Begins to copy a matched message whose bytes are at `source`.
    pub(super) fn lead(&mut self, receive: &Shared, peer: u32, id: u32, source: Source) {
        let n = receive.total.get();
        let to = receive.memory.run();
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
        let n = receive.total.get();
        let at_once = joint.is_none() && n <= TURN;
        let mut leading = Leading {
            receive: receive.clone(),
            peer,
            id,
            source,
            own: joint.as_ref().map_or(0..n, |joint| joint.front.clone()),
            joint,
            failed: false,
        };
        if at_once {
            leading.copy_on(&mut self.reach);
            self.end(leading);
        } else {
            let begins = self.leading.is_empty() && leading.has_own();
            self.leading.push_back(leading);
            if begins {
                self.lead_on(0); // the helper hears of it meanwhile
            }
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
            Source::Nowhere => How::Alone,
            Source::Direct(..) if self.wants_help(peer, n) && self.reach.is_exported(to, n) => {
                How::Direct
            }
            // The kernel's copies are slower: to share them pays earlier.
            Source::Cma(..) if self.wants_help(peer, n.saturating_mul(2)) => How::Cma,
            _ => return None,
        };
        self.ask_help((peer, id), how, to, n)
    }

    /// Whether `peer` should be asked to copy its part of what takes as long as `n`
    /// bytes that both map.
    #[inline]
    fn wants_help(&self, peer: u32, n: usize) -> bool {
        n >= self.coop_min && !self.crowded && self.is_clear(peer) && !self.is_asleep(peer)
    }

    /// Whether waking `peer` would take a system call.
    fn is_asleep(&self, peer: u32) -> bool {
        self.segment.record(peer).asleep.load(Ordering::Relaxed) != 0
    }

    /// Tells the sender where the receive buffer is, if there is a slot, and room
    /// to tell.
    fn ask_help(&mut self, (peer, id): (u32, u32), how: How, to: u64, n: usize) -> Option<Joint> {
        let least = match how {
            How::Cma => CMA_CHUNK,
            _ => self.coop_chunk,
        };
        let chunk = least.max(n.div_ceil(CHUNKS)).next_multiple_of(64);
        let total = n.div_ceil(chunk) as u64;
        let shares = &mut self.peers[peer as usize].head_starts;
        let front = match how {
            How::Alone => 0,
            _ => shares.front(n, chunk, how == How::Cma) as u64,
        };
        let mut place = self.slots.take(self.segment).ok()??;
        let lead = place.begin(self.segment, total, front);
        let is_alone = how == How::Alone;
        let envelope = Envelope {
            kind: kind::JOIN,
            flags: if is_alone { ALONE } else { 0 },
            aux: id,
            context: lead.turn(),
            ..Envelope::default()
        };
        let is_cma = u64::from(how == How::Cma);
        let words = [place.at(), to, n as u64, chunk as u64, is_cma];
        if is_alone {
            self.tell(peer, envelope, words);
        } else {
            let sent = self.outgoing.send_words(peer, &envelope, words);
            if !matches!(sent, Ok(true)) {
                lead.close();
                self.slots.give(self.segment, place);
                return None;
            }
        }
        Some(Joint {
            lead,
            place,
            chunk,
            front: bytes_of(&(0..front), chunk, n),
        })
    }

    /// The sender is asked to help.
    pub(super) fn join(&mut self, a: &Arrival<'_>) {
        let e = &a.envelope;
        let [at, addr, n, chunk, is_cma] = a.words;
        let (Ok(total), Ok(chunk)) = (usize::try_from(n), usize::try_from(chunk)) else {
            return;
        };
        let Some(send) = self.named.get(e.aux).cloned() else {
            return;
        };
        send.phase.set(Phase::Streaming);
        let chunk = chunk.max(1);
        let chunks = total.div_ceil(chunk) as u64;
        let slot = self.segment.at(at).cast::<joint::Slot>();
        // SAFETY: a slot of the peer's; the segment is never unmapped.
        let help = unsafe { Help::join(slot, e.context, chunks) };
        let target = if is_cma == 1 {
            self.reach.cma(a.source).map(|pid| Target::Cma(pid, addr))
        } else {
            self.reach.reach(a.source, addr, total).map(Target::Direct)
        };
        let fits = total <= send.memory.len();
        match target.filter(|_| fits) {
            Some(target) => {
                self.helping.push_back(Helping {
                    send,
                    target,
                    help,
                    total,
                    chunk,
                });
                self.help_on(); // the leader is at work
            }
            // Nobody else will do it.
            None if e.flags & ALONE != 0 => {
                let mut help = help;
                if let Some(range) = help.claim(u64::MAX) {
                    help.fail(range.end - range.start);
                }
                btl_shm::wait::ring_bell(self.segment, self.segment.record(a.source));
            }
            None => {}
        }
    }

    /// Copies on, as leader and as helper. Returns whether anything was copied.
    pub(super) fn move_transfers(&mut self) -> bool {
        let mut any = !self.helping.is_empty() && self.help_on();
        while self.leading.front().is_some_and(Leading::is_over) {
            any = true;
            if let Some(leading) = self.leading.pop_front() {
                self.end(leading);
            }
        }
        // The oldest of which a part is this rank's own; else what a helper has
        // not come to, of the newest, since it begins with the oldest.
        let own = self.leading.iter().position(Leading::has_own);
        let next = own.or_else(|| self.leading.iter_mut().rposition(Leading::claim));
        match next {
            Some(at) => {
                self.lead_on(at);
                true
            }
            // One that waits for its helper keeps nobody else waiting.
            None => any | self.end_others(),
        }
    }

    /// Copies a turn's worth of a message that this rank leads, of its own part.
    fn lead_on(&mut self, at: usize) {
        let is_alone = self.leading.len() == 1 && self.helping.is_empty();
        let leading = &mut self.leading[at];
        leading.copy_on(&mut self.reach);
        if is_alone && let Some((chunk, helper_first)) = leading.front_ends() {
            let len = leading.receive.total.get();
            let is_cma = matches!(leading.source, Source::Cma(..));
            let starts = &mut self.peers[leading.peer as usize].head_starts;
            starts.learn(len, chunk, is_cma, helper_first);
        }
    }

    /// Ends what is over behind one that is not.
    #[cold]
    fn end_others(&mut self) -> bool {
        let over = self.leading.iter().position(Leading::is_over);
        match over.and_then(|at| self.leading.remove(at)) {
            Some(leading) => {
                self.end(leading);
                true
            }
            None => false,
        }
    }

    /// Ends a message that this rank leads: whole, or to begin anew.
    fn end(&mut self, mut leading: Leading) {
        let needs_copies = leading.needs_copies();
        if let Some(joint) = leading.joint.take() {
            self.slots.give(self.segment, joint.place);
        }
        let Leading {
            receive, peer, id, ..
        } = &leading;
        if needs_copies {
            if let Some(timed) = receive.timed.take() {
                self.choice.forget(timed);
            }
            self.ask_for_copies(receive, *peer, *id);
            return;
        }
        receive.moved.set(receive.total.get());
        self.learn(receive);
        receive.complete();
        self.answer(*peer, *id);
    }

    /// Copies some chunks of the oldest message that this rank helps with.
    fn help_on(&mut self) -> bool {
        while let Some(helping) = self.helping.front_mut() {
            // Half of it, since the leader may come to the rest sooner; all, where
            // another claim would take as long as the copy.
            let least = (AT_ONCE / helping.chunk) as u64;
            let share = helping.help.left().div_ceil(2).max(least);
            let share = share.min((TURN / helping.chunk) as u64).max(1);
            let Some(range) = helping.help.claim(share) else {
                self.helping.pop_front();
                continue;
            };
            let chunks = range.end - range.start;
            let peer = helping.send.peer.get();
            if helping.copy(
                &mut self.reach,
                &bytes_of(&range, helping.chunk, helping.total),
            ) {
                helping.help.finish(chunks);
            } else {
                helping.help.fail(chunks);
                if matches!(helping.target, Target::Cma(..)) {
                    self.reach.forget_cma(peer);
                }
                self.helping.pop_front();
            }
            btl_shm::wait::ring_bell(self.segment, self.segment.record(peer));
            return true;
        }
        false
    }

    /// Helps no more with a send that is over, or that goes another way.
    pub(super) fn leave(&mut self, send: &Shared) {
        if !self.helping.is_empty() {
            self.helping.retain(|helping| !helping.send.is(send));
        }
    }
}

/// Bytes to multiples of which a message is shared out that the kernel copies, and the
/// least that the leader takes over at once: that is a system call.
const CMA_CHUNK: usize = 2 << 10;
const CMA_LEAST: usize = 8 << 10;

/// The bytes of these chunks in a message of `n` bytes.
fn bytes_of(chunks: &Range<u64>, chunk: usize, n: usize) -> Range<usize> {
    let at = |i: u64| {
        usize::try_from(i)
            .unwrap_or(usize::MAX)
            .saturating_mul(chunk)
            .min(n)
    };
    at(chunks.start)..at(chunks.end)
}

/// Copies a peer's bytes, which begin at an offset from what is reached, into
/// `range` of a message.
///
/// # Errors
/// In words, what of the peer's memory is not there.
pub(super) fn pull(
    reach: &mut Peers,
    peer: u32,
    (from, offset): (Reached, usize),
    memory: &Memory,
    range: &Range<usize>,
) -> Result<(), Lost> {
    let addr = match from {
        Reached::Mapped(at) => {
            let from = at.as_ptr().wrapping_add(offset);
            // SAFETY: the peer told of these bytes, and leaves them as they are until
            // it gets its answer; the receive has room for them.
            return Ok(unsafe { memory.copy_from_peer(range.start, from, range.len(), false) }?);
        }
        Reached::Attached(addr) => addr + offset as u64,
    };
    let mut done = 0;
    while done < range.len() {
        let (from, n) = reach.window(peer, addr + done as u64, range.len() - done)?;
        // SAFETY: as above, but for what the peer may have unmapped.
        unsafe { memory.copy_from_peer(range.start + done, from, n, true) }?;
        done += n;
    }
    Ok(())
}

/// Copies these bytes of `memory` into a peer's receive buffer at `to`. Returns
/// whether it was there.
fn push(reach: &mut Peers, peer: u32, to: Reached, memory: &Memory, range: &Range<usize>) -> bool {
    let addr = match to {
        Reached::Mapped(at) => {
            let to = at.as_ptr().wrapping_add(range.start);
            // SAFETY: the peer told of a buffer of the message's length there, and
            // waits for what was claimed.
            return unsafe { memory.copy_to_peer(range.start, to, range.len(), false) }.is_ok();
        }
        Reached::Attached(addr) => addr,
    };
    let mut at = range.start;
    while at < range.end {
        let Ok((to, n)) = reach.window(peer, addr + at as u64, range.end - at) else {
            return false;
        };
        // SAFETY: as above, but for what the peer may have unmapped.
        if unsafe { memory.copy_to_peer(at, to, n, true) }.is_err() {
            return false;
        }
        at += n;
    }
    true
}

impl Leading {
    /// Copies a turn's worth of what is this rank's own.
    fn copy_on(&mut self, reach: &mut Peers) {
        let end = self.own.end.min(self.own.start + TURN);
        match self.copy(reach, &(self.own.start..end)) {
            Ok(()) => self.own.start = end,
            Err(Refusal::Way) => {
                match self.source {
                    Source::Cma(..) => reach.forget_cma(self.peer),
                    _ => reach.forget_driver(self.peer),
                }
                self.failed = true;
                self.give_up();
            }
            Err(Refusal::Memory(text)) => {
                // If the peer has ended, mpirun names it and ends this rank meanwhile.
                std::thread::sleep(SETTLE);
                self.receive.fail(Error::new(Class::OTHER, text));
                self.give_up();
            }
        }
    }

    /// Copies these bytes of the message into the receive buffer.
    fn copy(&self, reach: &mut Peers, range: &Range<usize>) -> Result<(), Refusal> {
        let memory = &self.receive.memory;
        match self.source {
            Source::Nowhere => Err(Refusal::Way),
            Source::Direct(from, _) => pull(reach, self.peer, (from, range.start), memory, range)
                .map_err(|lost| self.lost(lost)),
            Source::Cma(pid, addr) => {
                let from = addr + range.start as u64;
                delivery::read_runs(pid, from, memory, range.clone())
                    .map_err(|error| self.refusal(&error))
            }
        }
    }

    #[cold]
    fn lost(&self, lost: Lost) -> Refusal {
        let Lost::Memory(why) = lost else {
            return Refusal::Way;
        };
        let (rank, len) = (self.peer, self.receive.total.get());
        let at = match self.source {
            Source::Direct(_, addr) => addr,
            _ => 0,
        };
        Refusal::Memory(format!(
            "the message of {len} bytes at address {at:#x} of rank {rank} of the job cannot be read: {why}"
        ))
    }

    fn refusal(&self, error: &cma::CmaError) -> Refusal {
        let (rank, len) = (self.peer, self.receive.total.get());
        let Source::Cma(pid, addr) = self.source else {
            return Refusal::Way;
        };
        match error.why {
            CmaWhy::Absent => Refusal::Memory(format!(
                "the message of {len} bytes at address {addr:#x} of rank {rank} of the job cannot be read: its memory is not there"
            )),
            CmaWhy::Gone => Refusal::Memory(format!(
                "the message of {len} bytes of rank {rank} of the job cannot be read: its process {pid} has ended"
            )),
            CmaWhy::Refused(_) | CmaWhy::Other(_) => Refusal::Way,
        }
    }

    /// Copies no more, and leaves nothing for the helper.
    fn give_up(&mut self) {
        self.own = 0..0;
        if let Some(joint) = &self.joint {
            joint.lead.close();
        }
    }

    /// If this rank is through just now with what was its own from the start: bytes of a
    /// chunk, and whether the helper was through first. A helper that has not even come
    /// is busy elsewhere, which says nothing of the next message.
    fn front_ends(&self) -> Option<(usize, bool)> {
        let joint = self.joint.as_ref()?;
        if self.has_own() || self.own.end != joint.front.end {
            return None;
        }
        match joint.lead.state() {
            State::Whole => Some((joint.chunk, true)),
            State::Open if joint.lead.is_joined() => Some((joint.chunk, false)),
            _ => None,
        }
    }

    /// Whether a part is this rank's to copy.
    fn has_own(&self) -> bool {
        !self.own.is_empty()
    }

    /// Takes over half of what the helper has not come to. Whether there was any.
    fn claim(&mut self) -> bool {
        let n = self.receive.total.get();
        let Some(joint) = self.joint.as_ref().filter(|_| !self.is_nowhere()) else {
            return false;
        };
        let least = match self.source {
            Source::Cma(..) => (CMA_LEAST / joint.chunk) as u64,
            _ => 1,
        };
        let range = joint.lead.claim(joint.lead.left().div_ceil(2).max(least));
        self.own = range.map_or(0..0, |range| bytes_of(&range, joint.chunk, n));
        self.has_own()
    }

    fn is_nowhere(&self) -> bool {
        matches!(self.source, Source::Nowhere)
    }

    /// Whether nothing more happens to it in this way.
    fn is_over(&self) -> bool {
        if self.has_own() {
            return false;
        }
        match &self.joint {
            None => true,
            Some(Joint { lead, .. }) => match lead.state() {
                State::Open => false,
                State::Whole => true,
                State::Failed => lead.close(),
            },
        }
    }

    /// Whether it has to begin anew, through copies.
    fn needs_copies(&self) -> bool {
        let helper_failed = self
            .joint
            .as_ref()
            .is_some_and(|joint| joint.lead.state() == State::Failed);
        self.failed || helper_failed
    }
}

impl Helping {
    /// Copies these bytes of the message into the receive buffer.
    fn copy(&self, reach: &mut Peers, range: &Range<usize>) -> bool {
        match self.target {
            Target::Direct(to) => push(reach, self.send.peer.get(), to, &self.send.memory, range),
            Target::Cma(pid, addr) => {
                let to = addr + range.start as u64;
                delivery::write_runs(pid, to, &self.send.memory, range.clone()).is_ok()
            }
        }
    }
}
