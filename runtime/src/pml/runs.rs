//! Scattered messages from one layout straight into another.
//!
//! Where both the send and the receive buffer are scattered, neither side knows
//! the other's layout. If the sender's runs are long enough, it tells the receiver
//! where they are, and the receiver, which reaches the memory that they span,
//! copies each into its own layout. Short runs are packed instead: to tell of a
//! run would take as long as to copy it.
//!
//! ```text
//! READY ──▶   bytes, mean run, span of memory
//!   ◀── CLEAR with 1: where are the runs?
//! RUNS, RUNS ──▶   pairs of offset in the span and length, in the stream's order
//!   ◀── FIN   all of them are copied
//! ```

use crate::error::{Class, Error};
use crate::job;
use crate::pml::copying::pull;
use crate::pml::engine::Core;
use crate::pml::outgoing::no_ring;
use crate::pml::request::Shared;
use btl_shm::endpoint::{Arrival, Sent};
use btl_shm::peer::{Lost, Reached};
use btl_shm::ring::{Envelope, WORDS};

/// The shortest mean run, in bytes, that is told of instead of packed.
const LEAST: usize = 1 << 10;

/// Bytes of a pair that tells of a run.
const PAIR: usize = 16;

/// Pairs told at a time: a fragment's worth.
const PAIRS: usize = btl_shm::fragment::FRAGMENT / PAIR;

/// Where a message is at its sender.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// In one run at this address.
    Run(u64),
    /// Scattered, in runs long enough, over these bytes at this address.
    Span(u64, usize),
    /// Scattered otherwise.
    Scattered,
}

/// How the memory is reached that a scattered message spans, and its length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span(Reached, usize);

impl Place {
    /// What a READY cell says of a message of `total` bytes.
    pub(super) fn words(self, total: usize, signature: u32) -> [u64; WORDS] {
        let (addr, start, len) = match self {
            Place::Run(addr) => (addr, 0, 0),
            Place::Span(start, len) => (0, start, len as u64),
            Place::Scattered => (0, 0, 0),
        };
        [total as u64, addr, u64::from(signature), start, len]
    }

    /// What it said.
    pub(super) fn of(words: [u64; WORDS]) -> Place {
        let [_, addr, _, start, len] = words;
        match (addr, usize::try_from(len)) {
            (0, Err(_) | Ok(0)) => Place::Scattered,
            (0, Ok(len)) => Place::Span(start, len),
            (addr, _) => Place::Run(addr),
        }
    }
}

impl Core {
    /// What the receiver is told of where a scattered send is.
    pub(super) fn scattered_place(&mut self, send: &Shared) -> Place {
        match send.memory.span() {
            Some((first, len, mean)) if mean >= LEAST => {
                let start = first.expose_provenance() as u64;
                if self.reach.is_exported(start, len) {
                    Place::Span(start, len)
                } else {
                    Place::Scattered
                }
            }
            _ => Place::Scattered,
        }
    }

    /// The memory that a scattered message of `peer` spans, if this rank reaches it.
    pub(super) fn span(&mut self, peer: u32, place: Place) -> Option<Span> {
        match place {
            Place::Span(start, len) => Some(Span(self.reach.reach(peer, start, len)?, len)),
            _ => None,
        }
    }

    /// Asks where the runs of a message are that `span` holds.
    pub(super) fn ask_for_runs(&mut self, receive: &Shared, peer: u32, id: u32, span: Span) {
        let own = self.ask_for(receive, peer, id, true);
        self.spans.insert(own, span);
    }

    /// Tells the receiver of the next runs. `false`: there is no room now.
    pub(super) fn tell_runs(&mut self, send: &Shared, envelope: &Envelope) -> bool {
        let (from, total) = (send.moved.get(), send.total.get());
        let Some((first, ..)) = send.memory.span() else {
            return false;
        };
        let base = first.expose_provenance();
        let mut told = 0;
        let pairs: Vec<[u64; 2]> = send
            .memory
            .runs(from..total)
            .take(PAIRS)
            .map(|(at, len)| {
                told += len;
                [(at.addr() - base) as u64, len as u64]
            })
            .collect();
        let peer = send.peer.get();
        let bytes = pairs.len() * PAIR;
        let words = [u64::from(send.own_id.get().unwrap_or_default()), 0, 0];
        let sent = self
            .outgoing
            .send_piece(peer, envelope, bytes, words, |to, n| {
                for (i, pair) in pairs.iter().enumerate().take(n / PAIR) {
                    // SAFETY: room for `n` bytes, pair by pair.
                    unsafe { to.cast::<[u64; 2]>().add(i).write_unaligned(*pair) };
                }
            });
        match sent.unwrap_or_else(|why| no_ring(peer, &why)) {
            Sent::Full => false,
            Sent::Bytes(n) => {
                let left_out: u64 = pairs[n / PAIR..].iter().map(|pair| pair[1]).sum();
                let left_out = usize::try_from(left_out).unwrap_or(usize::MAX);
                send.moved.set(from + (told - left_out));
                true
            }
        }
    }

    /// Copies the runs that the sender tells of.
    pub(super) fn runs(&mut self, a: &Arrival<'_>) {
        let own = a.envelope.aux;
        let (Some(receive), Some(Span(span, room))) =
            (self.named.get(own).cloned(), self.spans.get(&own).copied())
        else {
            return;
        };
        for i in 0..a.len / PAIR {
            // SAFETY: the piece has this pair, which nobody writes until it is given
            // back.
            let [offset, len] = unsafe { a.data.cast::<[u64; 2]>().add(i).read_unaligned() };
            let (Ok(offset), Ok(len)) = (usize::try_from(offset), usize::try_from(len)) else {
                break;
            };
            if offset.checked_add(len).is_none_or(|end| end > room) {
                job::die(&format!(
                    "rank {} tells of {len} bytes at {offset} of a message that spans {room} bytes",
                    a.source
                ));
            }
            let at = receive.moved.get();
            let n = len.min(receive.total.get() - at);
            let from = (span, offset);
            let copied = pull(
                &mut self.reach,
                a.source,
                from,
                &receive.memory,
                &(at..at + n),
            );
            if let Err(Lost::Memory(why) | Lost::Way(why)) = copied {
                let (total, rank) = (receive.total.get(), a.source);
                let text = format!(
                    "the message of {total} bytes of rank {rank} of the job cannot be read: {why}"
                );
                receive.fail(Error::new(Class::OTHER, text));
            }
            receive.moved.set(at + n);
        }
        if receive.moved.get() >= receive.total.get() {
            let id = u32::try_from(a.words[2]).unwrap_or(u32::MAX);
            self.spans.remove(&own);
            self.named.remove(own);
            receive.complete();
            self.answer(a.source, id);
        }
    }
}
