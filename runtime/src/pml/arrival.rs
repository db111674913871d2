//! What arriving messages do, and how a message and its receive meet: whichever of the
//! two comes first.

use crate::object::comm::ContextId;
use crate::pml::check;
use crate::pml::engine::Core;
use crate::pml::events::{self, EventKind};
use crate::pml::fatal::die;
use crate::pml::matching::Envelope;
use crate::pml::memory::copy_short;
use crate::pml::request::{RequestId, RequestRef};
use crate::pml::rndv::Meeting;
use crate::pml::transport::{Arrival, Transport};
use crate::pml::unexpected::{Body, Destination, Message};
use crate::pml::waiter;
use crate::pml::wire::{self, Control, Eager, First, Incoming, Place, Rts};

/// Handles what has arrived.
#[inline]
pub(super) fn arrived<T: Transport>(core: &mut Core<T>, a: &Arrival<'_>) {
    core.queues.heard_from(a.from);
    let Some(envelope) = wire::plain(a) else {
        return not_plain(core, a);
    };
    if let Some(expected) = &mut core.expected
        && expected.take(envelope, a)
    {
        return;
    }
    let message = Eager {
        envelope,
        signature: check::UNKNOWN,
        answer: None,
    };
    eager(core, &message, a);
}

#[inline(never)]
fn not_plain<T: Transport>(core: &mut Core<T>, a: &Arrival<'_>) {
    match Eager::of(a) {
        Some(message) => eager(core, &message, a),
        None => other(core, a),
    }
}

#[inline]
fn eager<T: Transport>(core: &mut Core<T>, message: &Eager, a: &Arrival<'_>) {
    let Envelope {
        context,
        source,
        tag,
    } = message.envelope;
    core.post_expected(context);
    match core.matching.of(context).posted.take(source, tag) {
        Some(receive) => {
            receive.matched(a.from, source, tag, a.len, message.signature);
            let n = receive.total.get();
            // SAFETY: at most the receive's length and the arrival's; the
            // receive's memory is writable until it is done.
            unsafe { receive.memory.copy_in(0, a.data, n) };
            receive.moved.set(n);
            receive.complete();
            if let Some(id) = message.answer {
                core.queues.tell(a.from, &Control::Fin(id));
            }
        }
        None => keep(core, message, a),
    }
}

#[cold]
fn keep<T: Transport>(core: &mut Core<T>, message: &Eager, a: &Arrival<'_>) {
    let mut bytes = vec![0u8; a.len];
    // SAFETY: the arrival has `len` bytes, and so has the vector.
    unsafe { copy_short(a.data, bytes.as_mut_ptr(), a.len, a.len) };
    core.unexpected.hold(core.queues.transport(), a.len);
    let body = Body::Whole(bytes.into_boxed_slice(), message.answer);
    let kept = Message {
        from: a.from,
        len: a.len,
        signature: message.signature,
        body,
    };
    push(core, &message.envelope, kept);
}

fn push<T: Transport>(core: &mut Core<T>, e: &Envelope, message: Message) {
    let numbers = [message.from.0, e.tag.cast_unsigned(), e.context.0].map(u64::from);
    let [from, tag, context] = numbers;
    events::post(
        EventKind::Unexpected,
        [from, tag, context, message.len as u64],
    );
    let queue = &mut core.matching.of(e.context).unexpected;
    queue.push(e.source, e.tag, message);
}

fn other<T: Transport>(core: &mut Core<T>, a: &Arrival<'_>) {
    if let Some(message) = Rts::of(a) {
        return rts(core, &message, a);
    }
    let Core {
        queues,
        transfers,
        learnt,
        ..
    } = core;
    match Incoming::decode(a) {
        Incoming::First(message) => first(core, &message, a),
        Incoming::More(id) => {
            let expected = core.expected.as_mut();
            if !expected.is_some_and(|expected| expected.take_more(id, a)) {
                // SAFETY: the arrival's bytes.
                unsafe { core.unexpected.take_piece((a.from, id), a.data, a.len) };
            }
        }
        Incoming::Data(own) => transfers.take_piece(queues, learnt, own, a),
        Incoming::Runs(own, send) => transfers.take_runs(queues, (own, send), a),
        Incoming::Control(control) => match control {
            Control::Rts(message) => rts(core, &message, a),
            Control::Cts(message) => transfers.take_cts(queues, learnt, &message),
            Control::Join(message) => transfers.take_join(queues, a.from, &message),
            Control::Rtr(message) => transfers.take_rtr(queues, a.from, message),
            Control::Fin(id) => transfers.take_fin(queues, id),
            Control::Cancel(id, context) => give_back(core, (id, context), a),
            Control::Cancelled(id, given) => {
                if given && let Some(send) = queues.unname(id) {
                    send.cancel();
                }
            }
            Control::Channel(cell) => {
                let channels = &mut core.channels;
                channels.take((queues, learnt), transfers, (a.from, cell));
            }
        },
        Incoming::Unknown(kind) => die(&format!(
            "a cell of unknown kind {kind} came from rank {}",
            a.from.0
        )),
    }
}

fn first<T: Transport>(core: &mut Core<T>, message: &First, a: &Arrival<'_>) {
    if let Some(expected) = &mut core.expected
        && expected.take_first(message, a)
    {
        return;
    }
    let First {
        envelope,
        id,
        total,
        signature,
    } = *message;
    let Envelope {
        context,
        source,
        tag,
    } = envelope;
    core.post_expected(context);
    let key = (a.from, id);
    match core.matching.of(context).posted.take(source, tag) {
        Some(receive) => {
            receive.matched(a.from, source, tag, total, signature);
            let into = Destination::Receive(receive);
            core.unexpected.assemble(key, total, 0, into);
        }
        None => {
            core.unexpected.hold(core.queues.transport(), total);
            let into = Destination::Bytes(Vec::with_capacity(total));
            let body = Body::Pieces(core.unexpected.assemble(key, total, 0, into));
            let kept = Message {
                from: a.from,
                len: total,
                signature,
                body,
            };
            push(core, &envelope, kept);
        }
    }
    // SAFETY: the arrival's bytes.
    unsafe { core.unexpected.take_piece(key, a.data, a.len) };
}

fn rts<T: Transport>(core: &mut Core<T>, message: &Rts, a: &Arrival<'_>) {
    let Rts {
        envelope,
        id,
        total,
        signature,
        place,
        rewritten,
    } = *message;
    core.learnt.note_source(total, rewritten);
    if matches!(place, Place::Run(_)) && signature == check::UNKNOWN && expects(core, message, a) {
        return;
    }
    let Envelope {
        context,
        source,
        tag,
    } = envelope;
    core.post_expected(context);
    match core.matching.of(context).posted.take(source, tag) {
        Some(receive) => {
            receive.matched(a.from, source, tag, total, signature);
            fetch(core, &receive, id, place);
        }
        None => {
            let kept = Message {
                from: a.from,
                len: total,
                signature,
                body: Body::Announced(id, place),
            };
            push(core, &envelope, kept);
        }
    }
}

/// Gives an announced message to the expected receive, if it is for that.
#[inline]
fn expects<T: Transport>(core: &mut Core<T>, message: &Rts, a: &Arrival<'_>) -> bool {
    let Core {
        queues,
        transfers,
        learnt,
        expected: Some(expected),
        ..
    } = core
    else {
        return false;
    };
    let (e, len) = (message.envelope, message.total);
    let Some(to) = expected.room_for(&e, len) else {
        return false;
    };
    let meeting = Meeting {
        peer: a.from,
        id: message.id,
        place: message.place,
        len,
        rewritten: message.rewritten,
        to: Some(to),
        more_posted: false,
    };
    // SAFETY: the receive's buffer, which has room for the message, is the library's until
    // the call returns.
    if unsafe { transfers.get_now(queues, learnt, &meeting) } {
        expected.received(e, len);
        return true;
    }
    let plan = transfers.plan(queues, learnt, &meeting);
    let become_posted = || {
        let receive = expected.become_posted();
        receive.matched(a.from, e.source, e.tag, len, check::UNKNOWN);
        receive
    };
    // SAFETY: as above.
    if unsafe { transfers.carry_out_now(queues, learnt, plan, &meeting, become_posted) } {
        expected.received(e, len);
    }
    true
}

/// Fetches an announced message for its receive.
fn fetch<T: Transport>(core: &mut Core<T>, receive: &RequestRef, id: RequestId, place: Place) {
    let more_posted = !core.matching.of(receive.context).posted.is_empty();
    core.transfers.fetch(
        &mut core.queues,
        &mut core.learnt,
        receive,
        (id, place, more_posted),
    );
}

/// Gives a message that arrived earlier to a receive.
pub(super) fn consume<T: Transport>(
    core: &mut Core<T>,
    receive: &RequestRef,
    (source, tag, message): (u32, i32, Message),
) {
    let Message {
        from,
        len,
        signature,
        body,
    } = message;
    receive.matched(from, source, tag, len, signature);
    match body {
        Body::Whole(bytes, answer) => {
            core.unexpected.release(core.queues.transport(), len);
            // SAFETY: the box's own bytes.
            unsafe { receive.deliver(0, bytes.as_ptr(), bytes.len()) };
            receive.complete();
            if let Some(id) = answer {
                core.queues.tell(from, &Control::Fin(id));
            }
        }
        Body::Pieces(id) => {
            core.unexpected.release(core.queues.transport(), len);
            core.unexpected.give(id, receive);
        }
        Body::Announced(id, place) => fetch(core, receive, id, place),
        Body::Own(send) => {
            send.send_to(receive);
            waiter::tell_threads();
        }
    }
}

/// A sender wants a message back.
fn give_back<T: Transport>(
    core: &mut Core<T>,
    (id, context): (RequestId, ContextId),
    a: &Arrival<'_>,
) {
    let is_it = |m: &Message| {
        let theirs = match m.body {
            Body::Announced(theirs, _) | Body::Whole(_, Some(theirs)) => theirs,
            _ => return false,
        };
        m.from == a.from && theirs == id
    };
    let found = core.matching.of(context).unexpected.remove(is_it);
    if let Some(Message {
        body: Body::Whole(..),
        len,
        ..
    }) = &found
    {
        core.unexpected.release(core.queues.transport(), *len);
    }
    let answer = Control::Cancelled(id, found.is_some());
    core.queues.tell(a.from, &answer);
}
