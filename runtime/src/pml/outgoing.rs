//! How a send begins, once the order of messages allows it.

use crate::pml::counters;
use crate::pml::engine::Core;
use crate::pml::learnt::Learnt;
use crate::pml::learnt::arm::CALL_MIN;
use crate::pml::protocol::{self, SendFacts, Start};
use crate::pml::queues::Queues;
use crate::pml::request::{Phase, RequestRef};
use crate::pml::rndv::Transfers;
use crate::pml::rndv::pipeline::{Pieces, Stream, piece_len};
use crate::pml::transport::Transport;
use crate::pml::wire::{Control, Eager, First, Place, Rts};

/// Begins a send. `Ok(false)`: there is no room now.
pub(super) fn start<T: Transport>(
    queues: &mut Queues<T>,
    learnt: &mut Learnt,
    transfers: &mut Transfers<T>,
    send: &RequestRef,
) -> Result<bool, T::Error> {
    let (peer, len) = (send.peer.get(), send.total.get());
    let addr = send.memory.run().map(|at| at.expose_provenance() as u64);
    let is_long = len >= queues.limits().direct_min;
    let is_exported = is_long
        && queues.transport().shares_memory(peer)
        && addr.is_some_and(|addr| queues.transport().is_exported(addr, len));
    let has_pressure = !queues.goes_eager(peer, len);
    let facts = SendFacts {
        len,
        is_exported,
        is_for_calls: addr.is_some()
            && !is_exported
            && !has_pressure
            && is_for_calls(queues, learnt, transfers, send),
        has_pressure,
        is_synchronous: send.synchronous,
    };
    let went = match protocol::start(&facts, queues.limits()) {
        Start::Whole => return start_whole(queues, send),
        Start::Pieces => start_pieces(queues, send)?,
        Start::Announce => {
            let place = match addr {
                None => Transfers::scattered_place(queues, send),
                Some(addr) if !is_exported && queues.transport().is_replaced(addr, len) => {
                    Place::Hidden
                }
                Some(addr) => Place::Run(addr),
            };
            announce(queues, learnt, transfers, send, place)?
        }
    };
    Ok(went)
}

/// Whether a message that could go eagerly is announced instead, so that its receiver
/// may read it by calls, if that is faster there.
fn is_for_calls<T: Transport>(
    queues: &mut Queues<T>,
    learnt: &mut Learnt,
    transfers: &Transfers<T>,
    send: &RequestRef,
) -> bool {
    let (peer, len) = (send.peer.get(), send.total.get());
    if len < CALL_MIN || transfers.is_oversubscribed() {
        return false;
    }
    // Where there is no choice, calls were asked for.
    let takes_eager = queues.transport().leaves_choice() && learnt.takes_eager(peer, len);
    !takes_eager && queues.transport().reach_by_call(peer, 0).is_some()
}

fn start_whole<T: Transport>(queues: &mut Queues<T>, send: &RequestRef) -> Result<bool, T::Error> {
    let (peer, len) = (send.peer.get(), send.total.get());
    let answer = send.synchronous.then(|| queues.name(send));
    let message = Eager {
        envelope: send.envelope(),
        signature: send.signature,
        answer,
    };
    let (header, words) = message.encode();
    let fill = |to| {
        // SAFETY: the transport gives room for `len` bytes, which the message has; its
        // memory is readable until it is done.
        unsafe { send.memory.copy_out(0, to, len) };
    };
    let went = queues
        .transport()
        .send_whole(peer, &header, len, words, fill);
    let is_out = matches!(went, Ok(true));
    match answer {
        Some(_) if is_out => send.phase.set(Phase::Sent),
        Some(id) => drop(queues.unname(id)),
        None if is_out => {
            send.moved.set(len);
            send.complete();
        }
        None => {}
    }
    if is_out && len > T::INLINE {
        counters::sent_eagerly(peer, len);
    }
    went
}

fn start_pieces<T: Transport>(queues: &mut Queues<T>, send: &RequestRef) -> Result<bool, T::Error> {
    let (peer, total) = (send.peer.get(), send.total.get());
    let id = queues.name(send);
    let message = First {
        envelope: send.envelope(),
        id,
        total,
        signature: send.signature,
    };
    let (header, words) = message.encode();
    let piece = piece_len::<T>(total, total, queues.goes_alone(peer));
    let fill = |to, n| {
        // SAFETY: room for `n` bytes, at most the message's length.
        unsafe { send.memory.copy_out(0, to, n) };
    };
    let sent = queues
        .transport()
        .send_piece(peer, &header, piece, words, fill);
    let Ok(Some(n)) = sent else {
        queues.unname(id);
        return sent.map(|_| false);
    };
    counters::sent_eagerly(peer, total);
    send.moved.set(n);
    send.phase.set(Phase::Streaming);
    queues.stream(Stream::new(send.clone(), Pieces::Eager));
    Ok(true)
}

fn announce<T: Transport>(
    queues: &mut Queues<T>,
    learnt: &mut Learnt,
    transfers: &mut Transfers<T>,
    send: &RequestRef,
    place: Place,
) -> Result<bool, T::Error> {
    let id = queues.name(send);
    // Memcheck would take a look at bytes for the use of undefined ones.
    // Once it is known to be rewritten, a second try for room sees nothing new.
    if matches!(place, Place::Run(_))
        && !send.rewritten.get()
        && queues.transport().lets_peers_write()
    {
        send.rewritten.set(learnt.look_at_source(&send.memory));
    }
    let rts = Control::Rts(Rts {
        envelope: send.envelope(),
        id,
        total: send.total.get(),
        signature: send.signature,
        place,
        rewritten: send.rewritten.get(),
    });
    let (header, words) = rts.encode();
    let went = queues
        .transport()
        .send_words(send.peer.get(), &header, words);
    if !matches!(went, Ok(true)) {
        queues.unname(id);
        return went;
    }
    send.phase.set(Phase::Announced);
    if matches!(place, Place::Run(_)) {
        transfers.was_announced(queues, send, id);
    }
    Ok(true)
}

/// Begins a send as soon as its turn comes.
pub(super) fn start_or_queue<T: Transport>(
    core: &mut Core<T>,
    send: &RequestRef,
) -> Result<(), T::Error> {
    let went = core.queues.is_clear(send.peer.get())
        && start(
            &mut core.queues,
            &mut core.learnt,
            &mut core.transfers,
            send,
        )?;
    if !went {
        core.queues.queue_send(send);
    }
    Ok(())
}
