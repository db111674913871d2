//! A receive and its message meet: bytes that came before it are handed over,
//! bytes that are still at the sender are fetched.

use crate::pml::delivery::{deliver, matched, self_message};
use crate::pml::engine::{Body, Core, Message, Target, kind};
use crate::pml::progress;
use crate::pml::request::Shared;
use crate::pml::transfer::Source;
use btl_shm::ring::Envelope;

impl Core {
    /// Brings a message that is ready at its sender, at `addr` of its memory (0:
    /// scattered): copies it straight out of there, or has the sender copy it, or
    /// asks for it piece by piece.
    pub(super) fn fetch(&mut self, receive: &Shared, id: u32, addr: u64) {
        let peer = receive.peer.get();
        let n = receive.total.get();
        if n == 0 {
            receive.complete();
            self.answer(peer, id);
            return;
        }
        match self.source(peer, addr, n) {
            Source::Nowhere if !self.is_exported(receive, n) => {
                self.ask_for_copies(receive, peer, id);
            }
            source => self.lead(receive, peer, id, source),
        }
    }

    /// How this rank reaches `n` bytes at `addr` of `peer`.
    fn source(&mut self, peer: u32, addr: u64, n: usize) -> Source {
        if addr == 0 {
            return Source::Nowhere;
        }
        if let Some(at) = self.reach.reach(peer, addr, n) {
            return Source::Mapped(at);
        }
        match self.reach.cma(peer) {
            Some(pid) => Source::Cma(pid, addr),
            None => Source::Nowhere,
        }
    }

    /// Whether the sender can reach the buffer of a receive.
    fn is_exported(&mut self, receive: &Shared, n: usize) -> bool {
        receive
            .memory
            .run()
            .is_some_and(|at| self.reach.is_exported(at.expose_provenance() as u64, n))
    }

    /// Asks for a message piece by piece.
    pub(super) fn ask_for_copies(&mut self, receive: &Shared, peer: u32, id: u32) {
        let n = receive.total.get();
        let own = self.named.insert(receive);
        let envelope = Envelope {
            kind: kind::CLEAR,
            aux: id,
            ..Envelope::default()
        };
        self.tell(peer, envelope, [u64::from(own), n as u64, 0, 0, 0]);
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
            Body::Announced(id, addr) => self.fetch(receive, id, addr),
            Body::Own(send) => {
                self_message(&send.memory, receive);
                send.complete();
                progress::tell_threads();
            }
        }
    }
}
