//! What arriving cells do.

use crate::job;
use crate::pml::check;
use crate::pml::delivery::{copy_short, deliver, matched};
use crate::pml::engine::{Assembly, Body, CHECKED, Core, Message, SYNCHRONOUS, Target, kind};
use crate::pml::request::Phase;
use crate::pml::runs::Place;
use btl_shm::endpoint::Arrival;
use btl_shm::ring::Envelope;

impl Core {
    /// Handles one cell.
    #[inline]
    pub(super) fn arrived(&mut self, a: &Arrival<'_>) {
        self.peers[a.source as usize].is_busy = false;
        if a.envelope.kind == kind::EAGER {
            self.eager(a);
        } else {
            self.other(a);
        }
    }

    #[inline]
    pub(super) fn eager(&mut self, a: &Arrival<'_>) {
        if let Some(expected) = &mut self.expected
            && expected.take(a)
        {
            return;
        }
        let e = &a.envelope;
        self.post_expected(e.context);
        let answer = (e.flags & SYNCHRONOUS != 0).then_some(e.aux);
        match self.matching.of(e.context).posted.take(e.source, e.tag) {
            Some(receive) => {
                matched(
                    &receive,
                    a.source,
                    e.source,
                    e.tag,
                    a.len,
                    eager_signature(a),
                );
                let n = receive.total.get();
                // SAFETY: at most the receive's length and the cell's; the
                // receive's memory is writable until it is done.
                unsafe { receive.memory.copy_in(0, a.data, n) };
                receive.moved.set(n);
                receive.complete();
                if let Some(id) = answer {
                    self.answer(a.source, id);
                }
            }
            None => self.keep(a, answer),
        }
    }

    #[cold]
    pub(super) fn keep(&mut self, a: &Arrival<'_>, answer: Option<u32>) {
        let mut bytes = vec![0u8; a.len];
        // SAFETY: the cell has `len` bytes, and so has the vector.
        unsafe { copy_short(a.data, bytes.as_mut_ptr(), a.len, a.len) };
        self.hold(a.len);
        let body = Body::Whole(bytes.into_boxed_slice(), answer);
        let message = Message {
            from: a.source,
            len: a.len,
            signature: eager_signature(a),
            body,
        };
        self.unexpected(&a.envelope, message);
    }

    pub(super) fn unexpected(&mut self, e: &Envelope, message: Message) {
        self.matching
            .of(e.context)
            .unexpected
            .push(e.source, e.tag, message);
    }

    pub(super) fn other(&mut self, a: &Arrival<'_>) {
        let e = &a.envelope;
        match e.kind {
            kind::FIRST => self.first(a),
            kind::MORE => {
                let is_expected = self.expected.as_mut().is_some_and(|x| x.take_more(a));
                if !is_expected {
                    self.piece((a.source, e.aux), a.data, a.len);
                }
            }
            kind::READY => {
                let (total, signature) = (a.words[0], a.words[2] & 0xffff_ffff);
                let place = Place::of(a.words);
                let len = usize::try_from(total).unwrap_or(usize::MAX);
                if let Place::Run(addr) = place
                    && low(signature) == check::UNKNOWN
                    && self.take_announced(e, a.source, addr, len)
                {
                    return;
                }
                self.post_expected(e.context);
                match self.matching.of(e.context).posted.take(e.source, e.tag) {
                    Some(receive) => {
                        matched(&receive, a.source, e.source, e.tag, len, low(signature));
                        self.fetch(&receive, e.aux, place);
                    }
                    None => {
                        let body = Body::Announced(e.aux, place);
                        self.unexpected(
                            e,
                            Message {
                                from: a.source,
                                len,
                                signature: low(signature),
                                body,
                            },
                        );
                    }
                }
            }
            kind::CLEAR => {
                if let Some(send) = self.named.get(e.aux).cloned() {
                    self.leave(&send);
                    let [id, wanted, runs, at_once, _] = a.words;
                    self.heed(&send, at_once == 1);
                    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
                    send.total.set(send.total.get().min(wanted));
                    send.moved.set(0);
                    send.phase.set(Phase::Streaming);
                    let aux = u32::try_from(id).unwrap_or(u32::MAX);
                    let kind = if runs == 1 { kind::RUNS } else { kind::DATA };
                    self.stream(send, kind, aux);
                }
            }
            kind::DATA => self.data(e.aux, a.data, a.len),
            kind::FIN => {
                if let Some(send) = self.named.remove(e.aux) {
                    self.leave(&send);
                    send.complete();
                }
            }
            kind::JOIN => self.join(a),
            kind::OFFER => self.offered(a),
            kind::RUNS => self.runs(a),
            kind::CANCEL => self.give_back(a.source, e),
            kind::CANCELLED => {
                if a.words[0] == 1
                    && let Some(send) = self.named.remove(e.aux)
                {
                    send.cancelled.set(true);
                    send.complete();
                }
            }
            other => job::die(&format!(
                "a cell of unknown kind {other} came from rank {}",
                a.source
            )),
        }
    }

    pub(super) fn first(&mut self, a: &Arrival<'_>) {
        let e = &a.envelope;
        let total = usize::try_from(a.words[2]).unwrap_or(usize::MAX);
        let signature = low(a.words[3]);
        if signature == check::UNKNOWN
            && let Some(expected) = &mut self.expected
            && expected.take_first(a, total)
        {
            return;
        }
        self.post_expected(e.context);
        let target = match self.matching.of(e.context).posted.take(e.source, e.tag) {
            Some(receive) => {
                matched(&receive, a.source, e.source, e.tag, total, signature);
                Target::Receive(receive)
            }
            None => {
                self.hold(total);
                let body = Body::Pieces(self.next_assembly);
                self.unexpected(
                    e,
                    Message {
                        from: a.source,
                        len: total,
                        signature,
                        body,
                    },
                );
                Target::Kept(Vec::with_capacity(total))
            }
        };
        let key = (a.source, e.aux);
        self.assemble(key, total, 0, target);
        self.piece(key, a.data, a.len);
    }

    /// Begins to put a message of `total` bytes together, of which `filled` have come: the
    /// one that its sender knows by this number.
    pub(super) fn assemble(
        &mut self,
        key: (u32, u32),
        total: usize,
        filled: usize,
        target: Target,
    ) {
        let id = self.next_assembly;
        self.next_assembly += 1;
        self.arriving.insert(key, id);
        let assembly = Assembly {
            total,
            filled,
            target,
        };
        self.assemblies.insert(id, assembly);
    }

    /// Takes the next piece of an assembly.
    pub(super) fn piece(&mut self, key: (u32, u32), data: *const u8, len: usize) {
        let Some(id) = self.arriving.get(&key).copied() else {
            return;
        };
        let Some(assembly) = self.assemblies.get_mut(&id) else {
            return;
        };
        let at = assembly.filled;
        assembly.filled += len;
        let whole = assembly.filled >= assembly.total;
        match &mut assembly.target {
            Target::Kept(bytes) => {
                // SAFETY: the cell has `len` bytes, which nobody writes until it
                // is given back.
                bytes.extend_from_slice(unsafe { std::slice::from_raw_parts(data, len) });
            }
            Target::Receive(receive) => {
                deliver(receive, at, data, len);
                if whole {
                    receive.complete();
                    self.assemblies.remove(&id);
                }
            }
        }
        if whole {
            self.arriving.remove(&key);
        }
    }

    pub(super) fn data(&mut self, id: u32, data: *const u8, len: usize) {
        let Some(receive) = self.named.get(id) else {
            return;
        };
        deliver(receive, receive.moved.get(), data, len);
        if receive.moved.get() >= receive.total.get()
            && let Some(receive) = self.named.remove(id)
        {
            self.learn(&receive);
            receive.complete();
        }
    }

    pub(super) fn give_back(&mut self, peer: u32, e: &Envelope) {
        let asked = |m: &Message| {
            m.from == peer
                && match m.body {
                    Body::Announced(id, _) | Body::Whole(_, Some(id)) => id == e.aux,
                    _ => false,
                }
        };
        let found = self.matching.of(e.context).unexpected.remove(asked);
        if let Some(Message {
            body: Body::Whole(..),
            len,
            ..
        }) = &found
        {
            self.release(*len);
        }
        let envelope = Envelope {
            kind: kind::CANCELLED,
            aux: e.aux,
            ..Envelope::default()
        };
        self.tell(peer, envelope, [u64::from(found.is_some()), 0, 0, 0, 0]);
    }
}

/// The signature in a word.
fn low(word: u64) -> u32 {
    u32::try_from(word).unwrap_or(check::UNKNOWN)
}

/// The signature of a whole message: in its third word, if it has one.
#[inline]
fn eager_signature(a: &Arrival<'_>) -> u32 {
    if a.envelope.flags & CHECKED == 0 {
        return check::UNKNOWN;
    }
    low(a.words[2])
}
