//! Runs: scattered messages from one layout straight into another.
//!
//! Where both the send and the receive buffer are scattered, neither side knows the
//! other's layout. If the sender's runs are long enough, it tells the receiver where they
//! are, and the receiver, which reaches the memory that they span, gets each into its own
//! layout. Short runs are packed instead: to tell of a run would take as long as to copy
//! it.

use crate::error::{Class, Error};
use crate::object::group::Proc;
use crate::pml::fatal::die;
use crate::pml::request::{RequestId, RequestRef, State};
use crate::pml::transport::{Arrival, CopyError, Remote, Transport};
use crate::pml::wire::{self, Place};
use std::collections::HashMap;

/// The shortest mean run, in bytes, that is told of instead of packed.
const RUN_LEAST: usize = 4 << 10;

/// Bytes of a pair that tells of a run: its offset in the span, and its length.
const PAIR: usize = 16;

/// What an RTS says of where a scattered send is.
pub(super) fn place_of<T: Transport>(transport: &mut T, send: &State) -> Place {
    match send.memory.span() {
        Some((first, len, mean)) if mean >= RUN_LEAST => {
            let start = first.expose_provenance() as u64;
            match transport.is_exported(start, len) {
                true => Place::Span(start, len),
                false => Place::Hidden,
            }
        }
        _ => Place::Hidden,
    }
}

/// Tells the receiver, which knows the message by the number `receive`, of the next runs.
/// `false`: there is no room now.
pub(super) fn tell<T: Transport>(
    transport: &mut T,
    send: &State,
    receive: RequestId,
) -> Result<bool, T::Error> {
    let (moved, total) = (send.moved.get(), send.total.get());
    let (Some((first, ..)), Some(id)) = (send.memory.span(), send.own_id.get()) else {
        return Ok(false);
    };
    let base = first.expose_provenance();
    let runs = send.memory.runs(moved..total).take(T::PIECE / PAIR);
    let pairs: Vec<[u64; 2]> = runs
        .map(|(at, len)| [(at.addr() - base) as u64, len as u64])
        .collect();
    let (header, words) = wire::runs(receive, id);
    let peer = send.peer.get();
    let sent = transport.send_piece(peer, &header, pairs.len() * PAIR, words, |to, n| {
        for (i, pair) in pairs.iter().enumerate().take(n / PAIR) {
            // SAFETY: room for `n` bytes, pair by pair.
            unsafe { to.cast::<[u64; 2]>().add(i).write_unaligned(*pair) };
        }
    })?;
    let Some(n) = sent else {
        return Ok(false);
    };
    let told: u64 = pairs[..n / PAIR].iter().map(|pair| pair[1]).sum();
    send.moved
        .set(moved + usize::try_from(told).unwrap_or(usize::MAX));
    Ok(true)
}

/// The spans of scattered messages that are got run by run, by this rank's number for
/// their receives.
#[derive(Debug, Default)]
pub(super) struct Spans(HashMap<RequestId, (Remote, usize)>);

impl Spans {
    /// The memory that a scattered message spans, and its length, if this rank reaches it
    /// by loads.
    pub(super) fn reach<T: Transport>(
        transport: &mut T,
        peer: Proc,
        place: Place,
    ) -> Option<(Remote, usize)> {
        let Place::Span(start, len) = place else {
            return None;
        };
        let span = transport.reach(peer, start, len)?;
        (!span.is_by_call()).then_some((span, len))
    }

    /// Begins to get runs.
    pub(super) fn insert(&mut self, receive: RequestId, span: (Remote, usize)) {
        self.0.insert(receive, span);
    }

    /// Copies the runs that have arrived. Returns whether that was the last of them.
    pub(super) fn get<T: Transport>(
        &mut self,
        transport: &mut T,
        own: RequestId,
        receive: &RequestRef,
        a: &Arrival<'_>,
    ) -> bool {
        let Some((span, room)) = self.0.get(&own).copied() else {
            return false;
        };
        for i in 0..a.len / PAIR {
            // SAFETY: the piece has this pair, which nobody writes until it is given
            // back.
            let pair = unsafe { a.data.cast::<[u64; 2]>().add(i).read_unaligned() };
            let [offset, len] = pair.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
            if offset.checked_add(len).is_none_or(|end| end > room) {
                die(&format!(
                    "rank {} tells of {len} bytes at {offset} of a message that spans {room} bytes",
                    a.from.0
                ));
            }
            let at = receive.moved.get();
            let range = at..at + len.min(receive.total.get() - at);
            // SAFETY: the range is inside the receive, which is not done.
            let copied = unsafe { transport.get(&span, offset, &receive.memory, range.clone()) };
            if let Err(error) = copied {
                receive.fail(unreadable(receive, a.from, &error));
            }
            receive.moved.set(range.end);
        }
        let is_last = receive.moved.get() >= receive.total.get();
        if is_last {
            self.0.remove(&own);
        }
        is_last
    }
}

#[cold]
fn unreadable(receive: &State, from: Proc, error: &CopyError) -> Error {
    let why = match error {
        CopyError::PeerMemory(why) => why.as_str(),
        _ => "it is out of reach",
    };
    let text = format!(
        "the message of {} bytes of rank {} of the job cannot be read: {why}",
        receive.total.get(),
        from.0
    );
    Error::new(Class::OTHER, text)
}
