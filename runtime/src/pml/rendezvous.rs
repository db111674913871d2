//! A receive and its message meet: bytes that came before it are handed over,
//! bytes that are still at the sender are fetched.

use crate::pml::choose::Way;
use crate::pml::delivery::{deliver, matched, self_message};
use crate::pml::engine::{Body, Core, Message, Target, kind};
use crate::pml::progress;
use crate::pml::request::Shared;
use crate::pml::runs::Place;
use crate::pml::transfer::Source;
use btl_shm::ring::Envelope;
use std::time::Instant;

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
        match self.source(peer, place, n) {
            Source::Cma(..) if self.prefers_copies(receive, n) => {
                self.ask_for_copies(receive, peer, id);
            }
            Source::Nowhere if !self.is_exported(receive, n) => match self.span(peer, place) {
                Some(span) => self.ask_for_runs(receive, peer, id, span),
                None => self.ask_for_copies(receive, peer, id),
            },
            source => self.lead(receive, peer, id, source),
        }
    }

    /// How this rank reaches the `n` bytes of a message of `peer`.
    fn source(&mut self, peer: u32, place: Place, n: usize) -> Source {
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

    /// Whether a message that the kernel could copy is copied by both sides all the
    /// same, because that was faster of late. Begins to take the time.
    fn prefers_copies(&mut self, receive: &Shared, n: usize) -> bool {
        if !self.reach.may_choose() {
            return false;
        }
        let timed = self.choice.begin(n, Instant::now());
        receive.timed.set(timed);
        timed.is_none_or(|timed| timed.way == Way::Copy)
    }

    /// Notes how long a receive took that is complete now.
    pub(super) fn learn(&mut self, receive: &Shared) {
        if let Some(timed) = receive.timed.take() {
            self.choice.end(timed, receive.total.get(), Instant::now());
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
