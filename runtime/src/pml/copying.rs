//! Copying a message out of its sender's memory: what its receiver does, alone or with
//! the sender.

use crate::error::{Class, Error};
use crate::pml::delivery;
use crate::pml::memory::Memory;
use crate::pml::share::{Met, Shares};
use btl_shm::joint::{Lead, Place, State};
use btl_shm::peer::cma::{self, CmaWhy};
use btl_shm::peer::{Lost, Peers, Reached};
use std::ops::Range;
use std::time::{Duration, Instant};

/// Bytes that are copied before arrivals are looked at again.
pub(super) const TURN: usize = 512 << 10;

/// The least that the leader takes over at once: a claim takes a line from the helper,
/// and what the kernel copies a system call.
const DIRECT_LEAST: usize = 4 << 10;
const CMA_LEAST: usize = 8 << 10;

/// The longest message that the kernel copies together with others. Longer ones are better
/// shared out with their senders.
pub(super) const TOGETHER_MOST: usize = 48 << 10;

/// How often a leader looks whether its helper is through, before it looks whether
/// there is anything to take over: not quite a microsecond, where a pause of the
/// processor's takes 65 cycles.
const LOOKS: u32 = 32;

/// How long an error waits that may come from the end of a peer.
const SETTLE: Duration = Duration::from_millis(300);

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

/// A message whose copying this rank leads.
#[derive(Debug)]
pub(super) struct Copying {
    /// The sender, and its number for the message.
    pub(super) peer: u32,
    pub(super) id: u32,
    source: Source,
    /// Where it goes, and how much of it.
    memory: Memory,
    pub(super) total: usize,
    /// Bytes that are this rank's to copy, and have not been.
    own: Range<usize>,
    pub(super) joint: Option<Joint>,
    /// It could not be copied in this way, and begins anew once the helper is out.
    failed: bool,
    /// It could not be copied at all: why.
    pub(super) lost: Option<Error>,
    /// Whether the helper was through before this rank was with its part; `None`: that
    /// says nothing, since there was more to do than this message.
    helper_first: Option<bool>,
    /// Whether to time the copying of what is this rank's own, and what came of it: bytes,
    /// and how long they took.
    pub(super) is_timed: bool,
    pub(super) pace: Option<(usize, Duration)>,
}

/// A copy of which the sender was asked to do a part.
#[derive(Debug)]
pub(super) struct Joint {
    pub(super) lead: Lead,
    pub(super) place: Place,
    pub(super) shares: Shares,
    /// The helper came to the last one like it, and is waited for a moment.
    pub(super) expected: bool,
    /// The helper was told before there was a message.
    pub(super) offered: bool,
}

/// Why bytes could not be copied.
enum Refusal {
    /// In this way: another may do.
    Way,
    /// In this way, of this message: its sender protects a page, and may be able to touch
    /// it.
    Protected,
    /// At all: the sender's memory is not there. Which, in words.
    Memory(String),
    /// At all: the receive buffer is not there, in words.
    Own(String),
}

impl Copying {
    /// A message of `total` bytes that goes into `memory` and whose bytes are at `source`:
    /// at process `peer`, which knows it by the number `id`.
    pub(super) fn new(
        (peer, id): (u32, u32),
        source: Source,
        memory: Memory,
        total: usize,
        joint: Option<Joint>,
    ) -> Copying {
        Copying {
            peer,
            id,
            source,
            memory,
            total,
            own: joint
                .as_ref()
                .map_or(0..total, |joint| joint.shares.leaders()),
            joint,
            failed: false,
            lost: None,
            helper_first: None,
            is_timed: false,
            pace: None,
        }
    }

    /// Whether it takes less than a turn, and nobody helps.
    pub(super) fn is_short(&self) -> bool {
        self.joint.is_none() && self.total <= TURN
    }

    /// Copies a turn's worth of what is this rank's own; `is_alone`: there is nothing
    /// else for it to do.
    pub(super) fn copy_on(&mut self, reach: &mut Peers, is_alone: bool) {
        let end = self.own.end.min(self.own.start + TURN);
        let begin = std::mem::take(&mut self.is_timed).then(Instant::now);
        match self.copy(reach, &(self.own.start..end)) {
            Ok(()) => {
                if let Some(begin) = begin {
                    self.pace = Some((end - self.own.start, begin.elapsed()));
                }
                self.own.start = end;
                if is_alone && !self.has_own() {
                    self.meet();
                }
            }
            Err(refusal) => self.refused(reach, refusal),
        }
    }

    #[cold]
    fn refused(&mut self, reach: &mut Peers, refusal: Refusal) {
        match refusal {
            Refusal::Way => {
                match self.source {
                    Source::Cma(..) => reach.forget_cma(self.peer),
                    _ => reach.forget_driver(self.peer),
                }
                self.failed = true;
            }
            Refusal::Protected => self.failed = true,
            Refusal::Memory(text) => {
                // If the peer has ended, mpirun names it and ends this rank meanwhile.
                std::thread::sleep(SETTLE);
                self.lost = Some(Error::new(Class::OTHER, text));
            }
            Refusal::Own(text) => self.lost = Some(Error::new(Class::BUFFER, text)),
        }
        self.give_up();
    }

    /// Copies these bytes of the message into the receive buffer.
    fn copy(&self, reach: &mut Peers, range: &Range<usize>) -> Result<(), Refusal> {
        let memory = &self.memory;
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
        let (rank, len) = (self.peer, self.total);
        let at = match self.source {
            Source::Direct(_, addr) => addr,
            _ => 0,
        };
        Refusal::Memory(format!(
            "the message of {len} bytes at address {at:#x} of rank {rank} of the job cannot be read: {why}"
        ))
    }

    fn refusal(&self, error: &cma::CmaError) -> Refusal {
        let (rank, len) = (self.peer, self.total);
        let Source::Cma(pid, addr) = self.source else {
            return Refusal::Way;
        };
        match error.why {
            CmaWhy::Absent if cma::is_mapped(pid, error.peer_addr) => Refusal::Protected,
            CmaWhy::Absent => Refusal::Memory(format!(
                "the message of {len} bytes at address {addr:#x} of rank {rank} of the job cannot be read: its memory is not there"
            )),
            CmaWhy::OwnAbsent(at) => Refusal::Own(format!(
                "the message of {len} bytes of rank {rank} of the job cannot be put into the receive buffer: there is no memory at {at:#x}, or it may not be written"
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

    /// This rank is through just now with what it had: notes who is first, if that was
    /// its own from the start, and waits for a moment for a helper that has most likely
    /// come. To look whether there is something to take over would take the line of
    /// claims from it.
    fn meet(&mut self) {
        let Some(joint) = &self.joint else {
            return;
        };
        let state = joint.lead.state();
        if self.own.end == joint.shares.leaders().end && state != State::Failed {
            self.helper_first = Some(state == State::Whole);
        }
        if joint.expected {
            joint.lead.await_helper(LOOKS);
        }
    }

    /// How the two sides met, if that is to be learnt from.
    pub(super) fn met(&self) -> Option<Met> {
        match (self.joint.as_ref()?.lead.is_shared(), self.helper_first?) {
            (false, _) => Some(Met::Absent),
            (true, true) => Some(Met::HelperFirst),
            (true, false) => Some(Met::LeaderFirst),
        }
    }

    /// Whether this rank copies it by loads.
    pub(super) fn is_direct(&self) -> bool {
        matches!(self.source, Source::Direct(..))
    }

    /// Whether the kernel copies it.
    pub(super) fn is_cma(&self) -> bool {
        matches!(self.source, Source::Cma(..))
    }

    /// Where the bytes are, and where they go, if the kernel copies the message, which is
    /// short, goes into one run and was not begun with.
    pub(super) fn piece_for_kernel(&self) -> Option<(u32, u64, *mut u8, usize)> {
        let is_whole = self.joint.is_none() && self.own == (0..self.total);
        match (self.source, self.memory.run()) {
            (Source::Cma(pid, from), Some(to)) if is_whole && self.total <= TOGETHER_MOST => {
                Some((pid, from, to, self.total))
            }
            _ => None,
        }
    }

    /// All that is this rank's to copy was copied otherwise.
    pub(super) fn was_copied(&mut self) {
        self.own.start = self.own.end;
    }

    /// Whether a part is this rank's to copy.
    pub(super) fn has_own(&self) -> bool {
        !self.own.is_empty()
    }

    /// Takes over half of what the helper has not come to. Whether there was any.
    pub(super) fn claim(&mut self) -> bool {
        let Some(joint) = self.joint.as_ref().filter(|_| !self.is_nowhere()) else {
            return false;
        };
        let least = match self.source {
            Source::Cma(..) => (CMA_LEAST / joint.shares.chunk) as u64,
            _ => (DIRECT_LEAST / joint.shares.chunk) as u64,
        };
        let range = joint.lead.claim(joint.lead.left().div_ceil(2).max(least));
        self.own = range.map_or(0..0, |range| joint.shares.bytes(&range));
        self.has_own()
    }

    fn is_nowhere(&self) -> bool {
        matches!(self.source, Source::Nowhere)
    }

    /// Whether all of it has come.
    pub(super) fn is_whole(&self) -> bool {
        self.lost.is_none() && self.is_over() && !self.needs_copies()
    }

    /// Whether nothing more happens to it in this way.
    pub(super) fn is_over(&self) -> bool {
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
    pub(super) fn needs_copies(&self) -> bool {
        let helper_failed = self
            .joint
            .as_ref()
            .is_some_and(|joint| joint.lead.state() == State::Failed);
        self.failed || helper_failed
    }
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
