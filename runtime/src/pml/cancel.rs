//! Cancelling operations (MPI 5.0, section 3.8.4).

use crate::pml::engine::with_engine;
use crate::pml::request::{Phase, Request, RequestRef};
use crate::pml::unexpected::{Body, Message};
use crate::pml::waiter;
use crate::pml::wire::Control;

/// Asks for an operation to be cancelled. Whether it was, its completion says.
pub fn cancel(request: &Request) {
    if let Some(state) = request.state() {
        match state.is_send {
            true => cancel_send(state),
            false => cancel_receive(state),
        }
        waiter::tell_threads();
    }
}

/// Possible while its receive has not been matched and its bytes have not been taken.
fn cancel_send(send: &RequestRef) {
    if send.done.get() {
        return;
    }
    with_engine(|engine| {
        let core = &mut engine.core;
        let peer = send.peer.get();
        let ask_back = match send.phase.get() {
            Phase::Queued => {
                if core.queues.unqueue_send(send) {
                    send.cancel();
                }
                false
            }
            Phase::Announced if peer == core.queues.me() => {
                let is_it = |m: &Message| matches!(&m.body, Body::Own(s) if s.is(send));
                let unexpected = &mut core.matching.of(send.context).unexpected;
                if unexpected.remove(is_it).is_some() {
                    send.cancel();
                }
                false
            }
            Phase::Announced => true,
            Phase::Sent => send.synchronous,
            Phase::Streaming => false,
        };
        if ask_back && let Some(id) = send.own_id.get() {
            core.queues.tell(peer, &Control::Cancel(id, send.context));
        }
    });
}

/// Possible while no message has matched it.
fn cancel_receive(receive: &RequestRef) {
    with_engine(|engine| {
        let posted = &mut engine.core.matching.of(receive.context).posted;
        let found = posted.remove(receive.pattern, |other| other.is(receive));
        if found.is_some() {
            receive.cancel();
        }
    });
}
