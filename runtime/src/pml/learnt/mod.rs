//! What a job learns of its own messages. Each learner stands in a file of its own,
//! and can be switched off (the setting `learn`): messages are the same then, and in
//! some patterns slower.
//!
//! | learner | learns | from | for |
//! |---|---|---|---|
//! | [`arm`] | calls (CMA) or pieces | the time that each takes | large messages that only calls reach |
//! | [`split`] | the receiver's part of a cooperative copy | who is through first | each peer |
//! | [`source`] | which sources are rewritten | a few of their words | announced messages |
//! | [`rtr`] | whether a receive sends an RTR | whether the last one helped | each peer |
//!
//! All of it is kept by classes of sizes ([`size`]).

pub(super) mod arm;
mod rtr;
pub(super) mod size;
pub(super) mod source;
pub(super) mod split;
mod vote;

use crate::object::group::Proc;
use crate::pml::memory::Memory;
use crate::pml::protocol::{PROTOCOLS, Protocol};
use arm::{ArmChoice, LargeArm, Trial};
use rtr::RtrHistory;
use size::{CLASSES, SizeClass};
use source::{ShortCopies, Sources};
use split::{Ending, Splits};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use wireup::settings::Learn;

/// Messages that go eagerly after their receiver said that it likes them so.
const EAGERLY: u16 = 500;

/// Messages by class and protocol, of the process: tools read them from any thread.
static MESSAGES: [[AtomicU64; PROTOCOLS]; CLASSES] =
    [const { [const { AtomicU64::new(0) }; PROTOCOLS] }; CLASSES];

/// Counts a message of `len` bytes. Each is counted once: eager ones by their sender, all
/// others by their receiver. Those that go inline are not counted, since that would
/// cost each an instruction; nor are messages of a rank to itself.
#[inline]
pub(super) fn count(protocol: Protocol, len: usize) {
    let counter = &MESSAGES[SizeClass::of(len).index()][protocol as usize];
    counter.store(counter.load(Relaxed) + 1, Relaxed); // one thread at a time counts
}

/// The messages of a class that were counted, by protocol.
pub(super) fn counted(class: SizeClass) -> [u64; PROTOCOLS] {
    let of_class = &MESSAGES[class.index()];
    std::array::from_fn(|protocol| of_class[protocol].load(Relaxed))
}

/// All that is learnt.
#[derive(Debug)]
pub(super) struct Learnt {
    on: Learn,
    /// Bytes of the shortest message that both sides copy.
    coop_min: usize,
    arm: ArmChoice,
    sources: Sources,
    peers: Vec<PeerLearnt>,
    /// Announced messages that were rewritten, by class.
    rewritten: [u64; CLASSES],
}

/// What is learnt of the messages of one peer.
#[derive(Clone, Debug, Default)]
struct PeerLearnt {
    splits: Splits,
    copies: ShortCopies,
    rtr: RtrHistory,
    /// By class: how many more messages to it go eagerly.
    eagerly: [u16; CLASSES],
}

impl Learnt {
    pub(super) fn new(ranks: u32, on: Learn, coop_min: usize) -> Learnt {
        Learnt {
            on,
            coop_min,
            arm: ArmChoice::default(),
            sources: Sources::default(),
            peers: vec![PeerLearnt::default(); ranks as usize],
            rewritten: [0; CLASSES],
        }
    }

    /// There are processes up to this number.
    pub(super) fn grow(&mut self, procs: u32) {
        if self.peers.len() < procs as usize {
            self.peers.resize(procs as usize, PeerLearnt::default());
        }
    }

    fn of(&mut self, peer: Proc) -> &mut PeerLearnt {
        &mut self.peers[peer.0 as usize]
    }

    /// The arm of a message of `len` bytes that only calls reach, to be told of its end.
    /// `None`: it goes in pieces.
    pub(super) fn begin(&mut self, len: usize) -> Option<Trial> {
        let trial = self.on.arm.then(|| self.arm.begin(len, Instant::now));
        trial.flatten()
    }

    /// The next message of `len` bytes takes calls.
    pub(super) fn is_for_calls(&self, len: usize) -> bool {
        self.on.arm && self.arm.is_for_calls(len)
    }

    /// Messages of `len` bytes are faster in pieces than by calls.
    pub(super) fn is_for_pieces(&self, len: usize) -> bool {
        !self.on.arm || self.arm.is_for_pieces(len)
    }

    /// A message of `len` bytes has ended at the time `now`.
    pub(super) fn end(&mut self, trial: Option<Trial>, len: usize, now: impl FnOnce() -> Instant) {
        if let Some(trial) = trial {
            self.arm.end(trial, len, now);
        }
    }

    /// A message goes on in another way than it began.
    pub(super) fn forget(&mut self, trial: Option<Trial>) {
        if let Some(trial) = trial {
            self.arm.forget(trial);
        }
    }

    /// Records the receiver's hint that messages of this size should go eagerly.
    pub(super) fn prefer_eager(&mut self, peer: Proc, len: usize) {
        self.of(peer).eagerly[SizeClass::of(len).index()] = EAGERLY;
    }

    /// Whether the next message of `len` bytes to `peer` goes eagerly, by its hint.
    pub(super) fn takes_eager(&mut self, peer: Proc, len: usize) -> bool {
        let left = &mut self.of(peer).eagerly[SizeClass::of(len).index()];
        let any = *left > 0;
        *left = left.saturating_sub(1);
        any
    }

    /// Bytes of a cooperative copy of `len` that are the receiver's, beyond half.
    pub(super) fn head_start(&self, peer: Proc, len: usize, by_call: bool) -> i32 {
        self.peers[peer.0 as usize].splits.of(len, by_call)
    }

    /// Whether the sender is likely to come to a cooperative copy of `len` bytes.
    pub(super) fn sender_comes(&self, peer: Proc, len: usize, by_call: bool) -> bool {
        self.peers[peer.0 as usize]
            .splits
            .sender_comes(len, by_call)
    }

    /// A cooperative copy of `len` bytes in chunks of `chunk` has ended so.
    pub(super) fn note_ending(
        &mut self,
        peer: Proc,
        (len, chunk, by_call): (usize, usize, bool),
        ending: Ending,
        after_rtr: bool,
    ) {
        let on = self.on;
        let PeerLearnt { splits, rtr, .. } = self.of(peer);
        if on.split {
            splits.learn(len, chunk, by_call, ending);
        }
        rtr.learn(len, by_call, ending, after_rtr);
    }

    /// Whether a message, which is about to be announced, was rewritten since it was sent
    /// last.
    pub(super) fn look_at_source(&mut self, memory: &Memory) -> bool {
        let at = memory.run().filter(|_| self.on.source);
        // SAFETY: the memory of a send that is not done is readable.
        at.is_some_and(|at| unsafe { self.sources.was_rewritten(at, memory.len()) })
    }

    /// A message of `len` bytes was announced, which the program has rewritten or not.
    pub(super) fn note_source(&mut self, len: usize, rewritten: bool) {
        let class = SizeClass::of(len).index();
        self.rewritten[class] += u64::from(rewritten);
    }

    /// Whether the copy of a rewritten message of `len` bytes, too short to be shared out, is
    /// to be timed.
    pub(super) fn is_due(&mut self, peer: Proc, len: usize) -> bool {
        len >= source::least(self.coop_min) && self.of(peer).copies.is_due()
    }

    /// The copy of such a message took so long.
    pub(super) fn note_copy(&mut self, peer: Proc, len: usize, took: Duration) {
        let PeerLearnt { copies, rtr, .. } = self.of(peer);
        if copies.are_slow(took) {
            rtr.note_slow(len);
        }
    }

    /// The shortest receive buffer for which an RTR may be sent, in bytes.
    pub(super) fn rtr_least(&self) -> usize {
        source::least(self.coop_min)
    }

    /// The likely length of the next message of `peer`, at most `room` bytes, and whether
    /// calls copy it, if a receive should send an RTR.
    pub(super) fn next_rtr(&mut self, peer: Proc, room: usize) -> Option<(usize, bool)> {
        let coop_min = self.coop_min;
        let known = self.on.rtr.then(|| self.peers.get_mut(peer.0 as usize));
        let next = known.flatten()?.rtr.next()?;
        let len = next.len.min(room);
        let is_short = !next.by_call && len < coop_min;
        let is_worth = !is_short || next.is_slow && len >= source::least(coop_min);
        is_worth.then_some((len, next.by_call))
    }

    /// An RTR was of no use.
    pub(super) fn rtr_failed(&mut self, peer: Proc) {
        self.of(peer).rtr.failed();
    }

    /// For each class of which there is anything to say: how many messages took which protocol, and what was learnt
    /// of them.
    pub(super) fn report(&self) -> Vec<ProtocolRow> {
        let row = |class: SizeClass| ProtocolRow {
            class,
            counts: counted(class),
            reasons: self.reasons(class),
        };
        let says_something =
            |row: &ProtocolRow| row.counts.iter().any(|n| *n > 0) || !row.reasons.is_empty();
        SizeClass::all().map(row).filter(says_something).collect()
    }

    /// What was learnt of messages of a class, in words. Of what differs from peer to peer,
    /// the least and the most.
    fn reasons(&self, class: SizeClass) -> Vec<String> {
        let mut reasons = Vec::new();
        if let (Some(best), costs) = self.arm.shown(class) {
            let [pieces, calls] = costs.map(|cost| cost.unwrap_or(0.0) * 1024.0);
            reasons.push(match best {
                LargeArm::Pieces => format!("arm: pieces {pieces:.0} ns/KiB (calls {calls:.0})"),
                LargeArm::Calls => format!("arm: calls {calls:.0} ns/KiB (pieces {pieces:.0})"),
            });
        }
        let peers = || self.peers.iter();
        let parts = || peers().flat_map(|peer| peer.splits.parts(class));
        if let (Some(least), Some(most)) = (parts().min(), parts().max()) {
            let range = match least == most {
                true => least.to_string(),
                false => format!("{least}-{most}"),
            };
            reasons.push(format!("split: {range} % the receiver's"));
        }
        let rewritten = self.rewritten[class.index()];
        if rewritten > 0 {
            reasons.push(format!("source: {rewritten} sent were rewritten"));
        }
        if self.on.rtr && peers().any(|peer| peer.rtr.is_for(class)) {
            reasons.push("rtr: sent".to_owned());
        }
        reasons
    }
}

/// What a report says of one class of sizes.
#[derive(Clone, Debug)]
pub(super) struct ProtocolRow {
    pub(super) class: SizeClass,
    /// Messages by protocol.
    pub(super) counts: [u64; PROTOCOLS],
    /// What was learnt, in words.
    pub(super) reasons: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pml::memory::Buffer;

    /// Messages of 64 KiB, each rewritten, and copied by both with the receiver first.
    fn taught(on: Learn) -> Vec<String> {
        let (len, peer) = (64 << 10, Proc(1));
        let mut learnt = Learnt::new(2, on, 32 << 10);
        let mut bytes = vec![0; len];
        for i in 0..100 {
            bytes[0] = i;
            let memory = Memory::of(&Buffer::bytes(bytes.as_mut_ptr(), len));
            let rewritten = learnt.look_at_source(&memory);
            learnt.note_source(len, rewritten);
            learnt.note_ending(peer, (len, 1 << 10, false), Ending::ReceiverFirst, true);
        }
        learnt.reasons(SizeClass::of(len))
    }

    #[test]
    fn what_is_switched_off_is_not_learnt_and_not_shown() {
        assert!(taught(Learn::everything(false)).is_empty());
        let only = |change: fn(&mut Learn)| {
            let mut on = Learn::everything(false);
            change(&mut on);
            taught(on)
        };
        let split = only(|on| on.split = true);
        assert!(split[0].ends_with("% the receiver's"), "{split:?}");
        assert_eq!(
            only(|on| on.source = true),
            ["source: 99 sent were rewritten"]
        );
        assert_eq!(only(|on| on.rtr = true), ["rtr: sent"]);
        assert_eq!(taught(Learn::everything(true)).len(), 3);
    }
}
