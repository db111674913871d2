//! A receive and its message meet: bytes that came before it are handed over,
//! bytes that are still at the sender are fetched.

use crate::job;
use crate::pml::delivery::{deliver, matched, read_runs, self_message};
use crate::pml::engine::{Body, Core, Message, Target, kind};
use crate::pml::progress;
use crate::pml::request::Shared;
use btl_shm::ring::Envelope;
use std::sync::atomic::Ordering;
use wireup::settings::Arm;

impl Core {
    /// Brings a message that is ready at its sender: copies it out of the
    /// sender's memory, or asks for it.
    pub(super) fn fetch(&mut self, receive: &Shared, id: u32, addr: u64) {
        let peer = receive.peer.get();
        let n = receive.total.get();
        if n == 0 || (addr != 0 && self.arm == Arm::Cma && self.read_peer(receive, peer, addr)) {
            receive.moved.set(n);
            receive.complete();
            self.answer(peer, id);
            return;
        }
        let own = self.named.insert(receive);
        let envelope = Envelope {
            kind: kind::CLEAR,
            aux: id,
            ..Envelope::default()
        };
        self.tell(peer, envelope, [u64::from(own), n as u64, 0, 0, 0]);
    }

    /// Reads a message out of its sender's memory, if that is possible.
    pub(super) fn read_peer(&mut self, receive: &Shared, peer: u32, addr: u64) -> bool {
        let record = self.segment.record(peer);
        let pid = record.pid.load(Ordering::Relaxed);
        let known = &mut self.peers[peer as usize].cma;
        let works = *known.get_or_insert_with(|| job::probe_cma(peer, pid));
        if !works {
            return false;
        }
        let read = read_runs(pid, addr, &receive.memory, receive.total.get());
        if read.is_err() {
            *known = Some(false);
        }
        read.is_ok()
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
