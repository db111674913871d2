//! A receive and its message meet: bytes that came before it are handed over,
//! bytes that are still at the sender are fetched.

use crate::pml::choose::{Timed, Way};
use crate::pml::copying::Source;
use crate::pml::delivery::{deliver, matched, self_message};
use crate::pml::engine::{Body, Core, Message, Target, kind};
use crate::pml::progress;
use crate::pml::request::Shared;
use crate::pml::runs::Place;
use btl_shm::ring::Envelope;
use std::time::Instant;

/// What became of the choice between ways for a message.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Chosen {
    /// Both sides copy it through the segment, because that was faster of late.
    pub(super) copies: bool,
    /// When it began, if it is timed.
    pub(super) timed: Option<Timed>,
}

impl Core {
    /// Brings a message that is ready at its sender: copies it straight out of
    /// there, or has the sender copy it, or asks for it piece by piece.
    pub(super) fn fetch(&mut self, receive: &Shared, id: u32, place: Place) {
        let peer = receive.peer.get();
        let n = receive.total.get();
        if n == 0 {
            receive.complete();
            self.answer(peer, id);
            return;
        }
        if let Some(to) = receive.memory.run()
            && let Some(joint) = self.take_offer(peer, to, n)
        {
            let source = self.source(peer, place, n);
            self.begin(receive, (peer, id), source, Some(joint));
            return;
        }
        match self.source(peer, place, n) {
            source @ Source::Cma(..) => {
                let chosen = self.choose(n);
                receive.timed.set(chosen.timed);
                if chosen.copies {
                    self.ask_for_copies(receive, peer, id);
                } else {
                    self.lead(receive, peer, id, source);
                }
            }
            Source::Nowhere if !self.is_exported(receive, n) => match self.span(peer, place) {
                Some(span) => self.ask_for_runs(receive, peer, id, span),
                None => self.ask_for_copies(receive, peer, id),
            },
            source => self.lead(receive, peer, id, source),
        }
    }

    /// How this rank reaches the `n` bytes of a message of `peer`.
    #[inline]
    pub(super) fn source(&mut self, peer: u32, place: Place, n: usize) -> Source {
        let Place::Run(addr) = place else {
            return Source::Nowhere;
        };
        if let Some(at) = self.reach.reach(peer, addr, n) {
            return Source::Direct(at, addr);
        }
        match self.reach.cma(peer) {
            Some(pid) => Source::Cma(pid, addr),
            None => Source::Nowhere,
        }
    }

    /// How a message of `n` bytes goes that the kernel could copy. Begins to take the
    /// time.
    pub(super) fn choose(&mut self, n: usize) -> Chosen {
        if !self.reach.may_choose() {
            return Chosen::default();
        }
        let timed = self.choice.begin(n, Instant::now);
        let copies = timed.is_none_or(|timed| timed.way == Way::Copy);
        Chosen { copies, timed }
    }

    /// Whether the next message of `n` bytes that the kernel could copy is one for it.
    pub(super) fn is_for_cma(&self, n: usize) -> bool {
        !self.reach.may_choose() || self.choice.is_for_cma(n)
    }

    /// Begins to take the time of a message of `n` bytes that the kernel copies, because
    /// its sender has been told so.
    pub(super) fn choose_offered(&mut self, n: usize) -> Chosen {
        let timed = match self.reach.may_choose() && self.choice.is_for_cma(n) {
            true => self.choice.begin(n, Instant::now), // and is what it says then
            false => None,
        };
        Chosen {
            copies: false,
            timed,
        }
    }

    /// Notes how long a receive took that is complete now.
    pub(super) fn learn(&mut self, receive: &Shared) {
        if let Some(timed) = receive.timed.take() {
            self.choice.end(timed, receive.total.get(), Instant::now);
        }
    }

    /// Whether the sender can reach the buffer of a receive.
    pub(super) fn is_exported(&mut self, receive: &Shared, n: usize) -> bool {
        receive
            .memory
            .run()
            .is_some_and(|at| self.reach.is_exported(at.expose_provenance() as u64, n))
    }

    /// Asks for a message piece by piece.
    pub(super) fn ask_for_copies(&mut self, receive: &Shared, peer: u32, id: u32) {
        self.ask_for(receive, peer, id, false);
    }

    /// Asks for a message piece by piece, or for where its runs are. Its number
    /// here.
    pub(super) fn ask_for(&mut self, receive: &Shared, peer: u32, id: u32, runs: bool) -> u32 {
        let n = receive.total.get();
        receive.moved.set(0);
        let own = self.named.insert(receive);
        let at_once = self.choice.is_for_copies(n) || self.reach.cma(peer).is_none();
        let envelope = Envelope {
            kind: kind::CLEAR,
            aux: id,
            ..Envelope::default()
        };
        self.tell(
            peer,
            envelope,
            [
                u64::from(own),
                n as u64,
                u64::from(runs),
                u64::from(at_once),
                0,
            ],
        );
        own
    }

    /// Gives a message that arrived earlier to a receive.
    pub(super) fn consume(&mut self, receive: &Shared, source: u32, tag: i32, message: Message) {
        matched(
            receive,
            message.from,
            source,
            tag,
            message.len,
            message.signature,
        );
        match message.body {
            Body::Whole(bytes, answer) => {
                self.release(message.len);
                deliver(receive, 0, bytes.as_ptr(), bytes.len());
                receive.complete();
                if let Some(id) = answer {
                    self.answer(message.from, id);
                }
            }
            Body::Pieces(id) => {
                self.release(message.len);
                let Some(assembly) = self.assemblies.get_mut(&id) else {
                    return;
                };
                let target = Target::Receive(receive.clone());
                if let Target::Kept(bytes) = std::mem::replace(&mut assembly.target, target) {
                    deliver(receive, 0, bytes.as_ptr(), bytes.len());
                }
                if assembly.filled >= assembly.total {
                    receive.complete();
                    self.assemblies.remove(&id);
                }
            }
            Body::Announced(id, place) => self.fetch(receive, id, place),
            Body::Own(send) => {
                self_message(&send.memory, receive);
                send.complete();
                progress::tell_threads();
            }
        }
    }
}
