//! Helping to copy a message: what its sender does where the receiver asks it to.

use crate::pml::copying::TURN;
use crate::pml::delivery;
use crate::pml::engine::Core;
use crate::pml::memory::Memory;
use crate::pml::request::{Phase, Shared};
use crate::pml::share::Shares;
use btl_shm::endpoint::Arrival;
use btl_shm::joint::{self, Help};
use btl_shm::peer::cma::{CmaError, CmaWhy};
use btl_shm::peer::{Peers, Reached};
use std::ops::Range;

/// Bytes that a helper claims at once, however little is left then.
const AT_ONCE: usize = 64 << 10;

/// Flag of [`kind::JOIN`](crate::pml::engine::kind::JOIN): nobody but the helper can
/// copy this message.
pub(super) const ALONE: u8 = 1;

/// The receive buffer, as the sender reaches it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    Direct(Reached),
    Cma(u32, u64),
}

/// A message that this rank sends and helps to copy.
#[derive(Debug)]
pub(super) struct Helping {
    send: Shared,
    target: Target,
    help: Help,
    shares: Shares,
}

impl Core {
    /// The sender is asked to help.
    pub(super) fn join(&mut self, a: &Arrival<'_>) {
        let e = &a.envelope;
        let [at, addr, len, chunk, how_far] = a.words;
        let (front, is_cma) = (how_far >> 1, how_far & 1 == 1);
        let (Some(shares), Some(send)) = (
            Shares::of(len, chunk, front),
            self.named.get(e.aux).cloned(),
        ) else {
            return;
        };
        send.phase.set(Phase::Streaming);
        let help = self.joined(at, e.context, &shares);
        let target = self.target(a.source, (addr, shares.len), is_cma);
        let fits = shares.len <= send.memory.len();
        match target.filter(|_| fits) {
            Some(target) => self.begin_to_help(Helping {
                send,
                target,
                help,
                shares,
            }),
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

    /// How this rank reaches `len` bytes at `addr` of `peer`, by the kernel if `is_cma`.
    pub(super) fn target(
        &mut self,
        peer: u32,
        (addr, len): (u64, usize),
        is_cma: bool,
    ) -> Option<Target> {
        if is_cma {
            return self.reach.cma(peer).map(|pid| Target::Cma(pid, addr));
        }
        self.reach.reach(peer, addr, len).map(Target::Direct)
    }

    /// The helper's view of use `turn` of the slot at `at` of the segment.
    fn joined(&self, at: u64, turn: u32, shares: &Shares) -> Help {
        let slot = self.segment.at(at).cast::<joint::Slot>();
        // SAFETY: a slot of a peer's; the segment is never unmapped.
        unsafe { Help::join(slot, turn, shares.total, shares.front) }
    }

    /// Helps with `send`, of which the receiver has told where it is to go, before it knew
    /// of it: to `target`, as use `turn` of the slot at `at`.
    pub(super) fn help_unasked(
        &mut self,
        send: &Shared,
        target: Target,
        (at, turn): (u64, u32),
        shares: Shares,
    ) {
        send.phase.set(Phase::Streaming);
        self.begin_to_help(Helping {
            send: send.clone(),
            target,
            help: self.joined(at, turn, &shares),
            shares,
        });
    }

    /// Helps, after all that it helps with already. The leader is at work, or will be.
    fn begin_to_help(&mut self, helping: Helping) {
        if self.helping.is_empty() {
            self.help(helping);
        } else {
            self.helping.push_back(helping);
            self.help_on();
        }
    }

    /// Copies some chunks of the oldest message that this rank helps with. Returns
    /// whether there was one.
    pub(super) fn help_on(&mut self) -> bool {
        while let Some(helping) = self.helping.pop_front() {
            if self.help(helping) {
                return true;
            }
        }
        false
    }

    /// Copies some chunks of a message, which comes first as long as there are more.
    /// Returns whether there were any.
    fn help(&mut self, mut helping: Helping) -> bool {
        // Half of it, since the leader may come to the rest sooner; all, where
        // another claim would take as long as the copy.
        let least = (AT_ONCE / helping.shares.chunk) as u64;
        let left = helping.help.left();
        let share = left.div_ceil(2).max(least);
        let share = share.min((TURN / helping.shares.chunk) as u64).max(1);
        let Some(range) = helping.help.claim(share) else {
            return false;
        };
        let chunks = range.end - range.start;
        let peer = helping.send.peer.get();
        let copied = helping.copy(&mut self.reach, &helping.shares.bytes(&range));
        if copied {
            helping.help.finish(chunks);
        } else {
            helping.help.fail(chunks);
        }
        btl_shm::wait::ring_bell(self.segment, self.segment.record(peer));
        if copied && chunks < left {
            self.helping.push_front(helping);
        }
        true
    }

    /// Helps no more with a send that is over, or that goes another way.
    pub(super) fn leave(&mut self, send: &Shared) {
        if !self.helping.is_empty() {
            self.helping.retain(|helping| !helping.send.is(send));
        }
    }
}

impl Helping {
    /// Copies these bytes of the message into the receive buffer.
    fn copy(&self, reach: &mut Peers, range: &Range<usize>) -> bool {
        match self.target {
            Target::Direct(to) => push(reach, self.send.peer.get(), to, &self.send.memory, range),
            Target::Cma(pid, addr) => {
                let to = addr + range.start as u64;
                let written = delivery::write_runs(pid, to, &self.send.memory, range.clone());
                if let Err(CmaError {
                    why: CmaWhy::Gone | CmaWhy::Refused(_) | CmaWhy::Other(_),
                    ..
                }) = written
                {
                    reach.forget_cma(self.send.peer.get());
                }
                written.is_ok()
            }
        }
    }
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
