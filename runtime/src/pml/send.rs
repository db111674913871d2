//! Starting sends.

use crate::error::{Class, Error, Result};
use crate::object::comm::{Comm, Space};
use crate::pml::engine::{Body, Core, Engine, Message, Pending, kind};
use crate::pml::matching::Pattern;
use crate::pml::memory::Memory;
use crate::pml::progress;
use crate::pml::request::{Begin, Phase, Shared};
use crate::pml::{Buffer, Inner, Mode, Request, bsend, check, delivery, with_engine};
use btl_shm::ring::{Envelope, INLINE};
use wireup::segment::SegmentError;

/// Starts a send to rank `dest` of `comm` (MPI 5.0, section 3.7.2).
///
/// # Safety
/// The buffer's memory must stay as it is, readable, until the request is done.
///
/// # Errors
/// The message cannot be started (no memory, buffered mode without room).
#[inline]
pub unsafe fn isend(
    comm: &Comm,
    space: Space,
    dest: u32,
    tag: i32,
    buffer: &Buffer<'_>,
    mode: Mode,
) -> Result<Request> {
    if mode == Mode::Buffered {
        // SAFETY: the caller's buffer; it is copied before this returns.
        return unsafe { bsend::ibsend(comm, space, dest, tag, buffer) };
    }
    with_engine(|engine| engine.isend(comm, space, dest, tag, buffer, mode))
}

/// Sends and waits until the buffer may be used again (MPI 5.0, section 3.2.1).
///
/// # Safety
/// As for [`isend`].
///
/// # Errors
/// As for [`isend`].
#[inline]
pub unsafe fn send(
    comm: &Comm,
    space: Space,
    dest: u32,
    tag: i32,
    buffer: &Buffer<'_>,
    mode: Mode,
) -> Result<()> {
    // SAFETY: the buffer stays until the wait is over.
    let request = unsafe { isend(comm, space, dest, tag, buffer, mode) }?;
    match progress::complete(request).error {
        None => Ok(()),
        Some(error) => Err(error),
    }
}

impl Engine {
    #[inline]
    fn isend(
        &mut self,
        comm: &Comm,
        space: Space,
        dest: u32,
        tag: i32,
        buffer: &Buffer<'_>,
        mode: Mode,
    ) -> Result<Request> {
        let core = &mut self.core;
        let Some(peer) = comm.peer(dest) else {
            return Err(no_such_rank(dest));
        };
        let peer = peer.0;
        let context = comm.context_of(space).0;
        if let Some((addr, len)) = buffer.run()
            && len <= INLINE
            && mode != Mode::Synchronous
            && peer != core.me
            && !core.check
            && core.is_clear(peer)
            && core.goes_eager(peer, len)
        {
            let envelope = Envelope {
                kind: kind::EAGER,
                flags: 0,
                context,
                tag,
                source: comm.rank,
                aux: 0,
            };
            // SAFETY: the caller's buffer of `len` bytes.
            let went = unsafe { core.outgoing.send_inline(peer, &envelope, addr, len) };
            match went {
                Ok(true) => return Ok(Request(Inner::Sent)),
                Ok(false) => {}
                Err(why) => return Err(no_room(peer, &why)),
            }
        }
        core.start_send(comm.rank, peer, context, tag, buffer, mode)
    }
}

impl Core {
    /// Starts a send that does not fit a cell, or may not go yet.
    fn start_send(
        &mut self,
        source: u32,
        peer: u32,
        context: u32,
        tag: i32,
        buffer: &Buffer<'_>,
        mode: Mode,
    ) -> Result<Request> {
        let signature = if self.check {
            check::signature(buffer)
        } else {
            check::UNKNOWN
        };
        let send = Shared::new(Begin {
            is_send: true,
            synchronous: mode == Mode::Synchronous,
            memory: Memory::of(buffer),
            context,
            signature,
            datatype: None,
            pattern: Pattern {
                source: None,
                tag: None,
            },
            peer,
            source,
            tag,
        });
        if peer == self.me {
            self.send_to_self(&send);
        } else if !self.is_clear(peer) {
            self.queue(peer, Pending::Start(send.clone()));
        } else {
            match self.start(&send) {
                Ok(true) => {}
                Ok(false) => self.queue(peer, Pending::Start(send.clone())),
                Err(why) => return Err(no_room(peer, &why)),
            }
        }
        Ok(Request(Inner::State(send)))
    }

    fn send_to_self(&mut self, send: &Shared) {
        let (source, tag) = (send.source.get(), send.tag.get());
        let len = send.memory.len();
        let me = self.me;
        if let Some(receive) = self.matching.of(send.context).posted.take(source, tag) {
            delivery::matched(&receive, me, source, tag, len, send.signature);
            delivery::self_message(&send.memory, &receive);
            send.complete();
            progress::tell_threads();
            return;
        }
        let body = if !send.synchronous && self.keeps_own(len) {
            let mut bytes = vec![0u8; len];
            // SAFETY: the vector has room for the whole message, which is
            // readable until it is done.
            unsafe { send.memory.copy_out(0, bytes.as_mut_ptr(), len) };
            self.hold(len);
            send.complete();
            Body::Whole(bytes.into_boxed_slice(), None)
        } else {
            send.phase.set(Phase::Announced);
            Body::Own(send.clone())
        };
        let message = Message {
            from: me,
            len,
            signature: send.signature,
            body,
        };
        self.matching
            .of(send.context)
            .unexpected
            .push(source, tag, message);
        progress::tell_threads(); // one may probe for it
    }
}

/// Asks for a send to be cancelled (MPI 5.0, section 3.8.4): possible while its
/// receive has not been matched and its bytes have not been taken.
pub(super) fn cancel(send: &Shared) {
    if send.done.get() {
        return;
    }
    with_engine(|engine| {
        let core = &mut engine.core;
        match send.phase.get() {
            Phase::Queued => {
                if core.unqueue(send) {
                    send.cancelled.set(true);
                    send.complete();
                }
            }
            Phase::Announced if send.peer.get() == core.me => {
                let mine = |m: &Message| matches!(&m.body, Body::Own(s) if s.is(send));
                if core
                    .matching
                    .of(send.context)
                    .unexpected
                    .remove(mine)
                    .is_some()
                {
                    send.cancelled.set(true);
                    send.complete();
                }
            }
            Phase::Announced => core.ask_back(send),
            Phase::Sent if send.synchronous => core.ask_back(send),
            Phase::Streaming | Phase::Sent => {}
        }
    });
    progress::tell_threads();
}

#[cold]
fn no_such_rank(dest: u32) -> Error {
    Error::new(
        Class::RANK,
        format!("there is no rank {dest} in the communicator"),
    )
}

#[cold]
fn no_room(peer: u32, why: &SegmentError) -> Error {
    Error::new(
        Class::NO_MEM,
        format!("cannot open a ring to rank {peer}: {why}"),
    )
}
