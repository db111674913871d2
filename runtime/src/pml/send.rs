//! Starting sends.

use crate::error::{Class, Error, Result};
use crate::lock;
use crate::object::comm::{self, Comm, Space};
use crate::object::group::{self, Proc};
use crate::pml::bsend;
use crate::pml::buffer_check::BufferCheck;
use crate::pml::check;
use crate::pml::engine::{Core, with_engine};
use crate::pml::matching::Envelope;
use crate::pml::memory::{Buffer, Memory};
use crate::pml::outgoing::start_or_queue;
use crate::pml::progress;
use crate::pml::queues::connection_closed;
use crate::pml::request::{Phase, Request, RequestRef};
use crate::pml::short;
use crate::pml::transport::Transport;
use crate::pml::unexpected::{Body, Message};
use crate::pml::waiter;
use crate::profile::{self, Traffic};
use std::fmt::Display;

/// The send modes (MPI 5.0, section 3.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are the standard's")]
pub enum Mode {
    Standard,
    Synchronous,
    Buffered,
    Ready,
}

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
    // SAFETY: the caller's buffer.
    if unsafe { goes_short(comm, space, dest, tag, buffer, mode) } {
        return Ok(Request::sent());
    }
    // SAFETY: as above.
    unsafe { isend_any(comm, space, dest, tag, buffer, mode) }
}

/// Sends what takes the straight way (`short.rs`). Whether it went.
///
/// # Safety
/// The buffer is readable.
#[inline]
unsafe fn goes_short(
    comm: &Comm,
    space: Space,
    dest: u32,
    tag: i32,
    buffer: &Buffer<'_>,
    mode: Mode,
) -> bool {
    if !matches!(mode, Mode::Standard | Mode::Ready) {
        return false;
    }
    buffer.run().is_some_and(|(addr, len)| {
        // SAFETY: the caller's buffer.
        unsafe { short::send(comm, space, dest, tag, addr, len) }
    })
}

/// As [`isend`], of a message that does not take the straight way.
///
/// # Safety
/// As [`isend`].
///
/// # Errors
/// As [`isend`].
#[inline(never)]
pub unsafe fn isend_any(
    comm: &Comm,
    space: Space,
    dest: u32,
    tag: i32,
    buffer: &Buffer<'_>,
    mode: Mode,
) -> Result<Request> {
    if mode == Mode::Buffered {
        // SAFETY: the caller's buffer.
        let packed = unsafe { bsend::pack(comm, buffer) }?;
        // SAFETY: the piece of the attached buffer stays until the request is done.
        let request = unsafe { isend(comm, space, dest, tag, packed.bytes(), Mode::Standard) }?;
        packed.keep(request);
        return Ok(Request::sent());
    }
    let Some(peer) = comm.peer(dest) else {
        return Err(no_such_rank(dest));
    };
    let envelope = Envelope {
        context: comm.context_of(space),
        source: comm.rank,
        tag,
    };
    with_engine(|engine| {
        let core = &mut engine.core;
        if let Some(run) = buffer.run()
            && run.1 < core.queues.limits().direct_min
            && run.1 <= core.queues.limits().whole_max
            && mode != Mode::Synchronous
            && peer != core.queues.me()
            && core.queues.is_clear(peer)
            && core.queues.goes_eager(peer, run.1)
            && (!core.is_slow || may_be_inline(core, peer, space, envelope, run.1))
        {
            // SAFETY: the caller's buffer.
            match unsafe {
                short::send_now(
                    &mut core.queues,
                    peer,
                    envelope,
                    (run.0.cast_const(), run.1),
                )
            } {
                Ok(true) => return Ok(Request::sent()),
                Ok(false) => core.is_counted = core.is_slow,
                Err(why) => return Err(cannot_reach(core, peer, &why)),
            }
        }
        if peer == core.queues.me()
            && !core.is_slow
            && let Some(run) = buffer.run()
            // SAFETY: the caller's buffer.
            && unsafe { deliver_to_self(core, envelope, run) }
        {
            return Ok(Request::sent());
        }
        let is_synchronous = mode == Mode::Synchronous;
        let memory = Memory::of(buffer);
        let checked = match core.is_slow {
            true => prepared(core, (comm, space, peer), envelope, buffer, &memory),
            false => (check::UNKNOWN, None),
        };
        let send = RequestRef::send(peer, envelope, memory, checked, is_synchronous);
        if peer == core.queues.me() {
            send_to_self(core, &send);
        } else {
            if core.queues.transport().has_left(peer) {
                return Err(connection_closed(peer));
            }
            start_or_queue(core, &send).map_err(|why| cannot_reach(core, peer, &why))?;
        }
        let request = Request::of(send);
        request.name_datatype(buffer);
        Ok(request)
    })
}

/// Whether a message may go without being a request, where sends have more to do. It is
/// counted then.
#[cold]
#[inline(never)]
fn may_be_inline<T: Transport>(
    core: &Core<T>,
    peer: Proc,
    space: Space,
    envelope: Envelope,
    len: usize,
) -> bool {
    if !core.checks_types {
        record(peer, space, envelope, len);
    }
    !core.checks_types
}

/// Does what there is to do more for a message that is a request: records and checks it.
#[cold]
#[inline(never)]
fn prepared<T: Transport>(
    core: &mut Core<T>,
    (comm, space, peer): (&Comm, Space, Proc),
    envelope: Envelope,
    buffer: &Buffer<'_>,
    memory: &Memory,
) -> (u32, Option<Box<BufferCheck>>) {
    if !std::mem::take(&mut core.is_counted) {
        record(peer, space, envelope, memory.len());
    }
    match core.checks_types {
        true => {
            let kept = BufferCheck::of_send(comm, space, (peer, envelope.tag), memory);
            (check::signature(buffer), Some(kept))
        }
        false => (check::UNKNOWN, None),
    }
}

fn record(peer: Proc, space: Space, envelope: Envelope, len: usize) {
    if lock::is_watched() {
        // Windows and files have communicators that the program has no handle of.
        let is_program =
            space == Space::PointToPoint && comm::with_context(envelope.context).is_some();
        let kind = match is_program {
            true => Traffic::PointToPoint,
            false => Traffic::Internal,
        };
        let message = (envelope.context.0, envelope.tag);
        profile::sent(peer.0, kind, len as u64, message);
    }
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
    // SAFETY: the caller's buffer.
    if unsafe { goes_short(comm, space, dest, tag, buffer, mode) } {
        return Ok(());
    }
    // SAFETY: the buffer stays until the wait is over.
    unsafe { send_any(comm, space, dest, tag, buffer, mode) }
}

/// As [`send`], of a message that does not take the straight way.
///
/// # Safety
/// As [`isend`].
///
/// # Errors
/// As [`isend`].
#[inline(never)]
pub unsafe fn send_any(
    comm: &Comm,
    space: Space,
    dest: u32,
    tag: i32,
    buffer: &Buffer<'_>,
    mode: Mode,
) -> Result<()> {
    // SAFETY: the buffer stays until the wait is over.
    let request = unsafe { isend_any(comm, space, dest, tag, buffer, mode) }?;
    match progress::complete(request).error {
        None => Ok(()),
        Some(error) => Err(error),
    }
}

/// Copies a message to this process itself straight into the receive that waits for it.
/// Whether there is one.
///
/// # Safety
/// The run is readable.
unsafe fn deliver_to_self<T: Transport>(
    core: &mut Core<T>,
    envelope: Envelope,
    (addr, len): (*mut u8, usize),
) -> bool {
    let Envelope {
        context,
        source,
        tag,
    } = envelope;
    let posted = &mut core.matching.of(context).posted;
    let Some(receive) = posted.take(source, tag) else {
        return false;
    };
    receive.matched(core.queues.me(), source, tag, len, check::UNKNOWN);
    // SAFETY: the caller's bytes; the receive's memory is writable until it is done.
    unsafe { receive.deliver(0, addr, len) };
    receive.complete();
    waiter::tell_threads();
    true
}

fn send_to_self<T: Transport>(core: &mut Core<T>, send: &RequestRef) {
    let me = core.queues.me();
    let Envelope {
        context,
        source,
        tag,
    } = send.envelope();
    let len = send.memory.len();
    let queues = core.matching.of(context);
    if let Some(receive) = queues.posted.take(source, tag) {
        receive.matched(me, source, tag, len, send.signature);
        send.send_to(&receive);
    } else {
        let is_kept = !send.synchronous
            && len <= core.queues.limits().eager_limit
            && core.unexpected.has_room();
        let body = if is_kept {
            let mut bytes = vec![0u8; len];
            // SAFETY: the vector has room for the whole message, which is
            // readable until it is done.
            unsafe { send.memory.copy_out(0, bytes.as_mut_ptr(), len) };
            core.unexpected.hold(core.queues.transport(), len);
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
        queues.unexpected.push(source, tag, message);
    }
    waiter::tell_threads(); // one may wait for it, or probe
}

#[cold]
fn no_such_rank(dest: u32) -> Error {
    Error::new(
        Class::RANK,
        format!("there is no rank {dest} in the communicator"),
    )
}

#[cold]
fn cannot_reach<T: Transport>(core: &mut Core<T>, peer: Proc, why: &impl Display) -> Error {
    if core.queues.transport().has_left(peer) {
        return connection_closed(peer);
    }
    Error::new(
        Class::NO_MEM,
        format!("cannot open a ring to {}: {why}", group::name(peer)),
    )
}
