//! The straight way of a short message that needs a cell and nothing more: no request, no
//! list, no result that could not stay in a register.
//!
//! All of it melts into one function, whose instructions are counted (`make instructions`).
//! Where anything is out of the ordinary, it has done nothing, and the message takes the way
//! of all others (`send.rs`), which also finds out what is wrong.

use crate::lock;
use crate::object::comm::{Comm, Space};
use crate::object::group::Proc;
use crate::pml::check;
use crate::pml::counters;
use crate::pml::engine::{Core, Engine, with_engine};
use crate::pml::matching::Envelope;
use crate::pml::memory::copy_short;
use crate::pml::queues::Queues;
use crate::pml::request::RequestRef;
use crate::pml::transport::{Header, Inbox, Transport};
use crate::pml::wire;

/// Sends `len` bytes at `addr` to rank `dest` of `comm`, if they fit a cell and what belongs
/// to it, and may go there now. Whether they went.
///
/// # Safety
/// The bytes are readable.
#[inline(never)]
pub unsafe fn send(
    comm: &Comm,
    space: Space,
    dest: u32,
    tag: i32,
    addr: *const u8,
    len: usize,
) -> bool {
    let Some(peer) = comm.peer(dest) else {
        return false;
    };
    let envelope = Envelope {
        context: comm.context_of(space),
        source: comm.rank,
        tag,
    };
    with_engine(|engine| {
        let core = &mut engine.core;
        let queues = &mut core.queues;
        if len >= core.short_end || queues.has_pending() {
            return false;
        }
        if len > core.inline_max {
            // SAFETY: the caller's bytes.
            return unsafe { send_whole(queues, peer, envelope, (addr, len)) };
        }
        let header = wire::inline(envelope);
        // There is no ring to this process itself.
        // SAFETY: the caller's bytes.
        unsafe { queues.transport().send_short(peer, &header, addr, len) }
    })
}

/// As [`send`], of more bytes than a cell and its lines carry.
///
/// # Safety
/// As there.
#[inline(never)]
unsafe fn send_whole<T: Transport>(
    queues: &mut Queues<T>,
    peer: Proc,
    envelope: Envelope,
    (addr, len): (*const u8, usize),
) -> bool {
    if peer == queues.me() || queues.transport().has_pressure(peer) {
        return false;
    }
    // SAFETY: the caller's bytes.
    let went = unsafe { send_bulk(queues.transport(), peer, envelope, (addr, len)) };
    matches!(went, Ok(true))
}

/// Sends a short message of one run. `Ok(false)`: there is no room now.
///
/// # Safety
/// The run is readable, and at most as long as what goes whole.
#[inline]
pub(super) unsafe fn send_now<T: Transport>(
    queues: &mut Queues<T>,
    peer: Proc,
    envelope: Envelope,
    (addr, len): (*const u8, usize),
) -> Result<bool, T::Error> {
    let transport = queues.transport();
    if len > transport.inline_max() {
        // SAFETY: the caller's bytes.
        return unsafe { send_bulk(transport, peer, envelope, (addr, len)) };
    }
    // SAFETY: as above.
    unsafe { transport.send_inline(peer, &wire::inline(envelope), addr, len) }
}

/// As [`send_now`], of more bytes than a cell and its lines carry.
///
/// # Safety
/// As there.
#[inline]
unsafe fn send_bulk<T: Transport>(
    transport: &mut T,
    peer: Proc,
    envelope: Envelope,
    (addr, len): (*const u8, usize),
) -> Result<bool, T::Error> {
    let fill = |to: *mut u8| {
        // SAFETY: the transport gives room for `len` bytes, which the caller has.
        unsafe { copy_short(addr, to, len, len) };
    };
    let went = transport.send_whole(peer, &wire::inline(envelope), len, [0; 3], fill);
    if matches!(went, Ok(true)) && len > T::INLINE {
        counters::sent_eagerly(peer, len);
    }
    went
}

/// Takes the next message of rank `source` of `comm`, if it is there, plain, and for a receive
/// of `room` bytes at `addr` with this tag (`None`: any): its tag and length. Only where
/// nothing else could have a claim to it (see `recv::expect`).
///
/// # Safety
/// The room is writable, and nobody else touches it.
#[inline(never)]
pub unsafe fn receive(
    comm: &Comm,
    space: Space,
    source: u32,
    tag: Option<i32>,
    addr: *mut u8,
    room: usize,
) -> Option<(i32, u32)> {
    let peer = comm.peer(source)?;
    let context = comm.context_of(space);
    with_engine(|engine| {
        let Engine { inbox, core } = engine;
        let queues = core.matching.of(context);
        if lock::is_multiple_or_traced()
            || core.checks_types
            || !queues.posted.is_empty()
            || !queues.unexpected.is_empty()
        {
            return None;
        }
        let is_it = |header: &Header, len: usize| {
            wire::is_plain(header)
                && header.context == context
                && header.source == source
                && tag.is_none_or(|tag| tag == header.tag)
                && len <= room
        };
        let (tag, len) = match inbox.take_word(peer, is_it) {
            Ok((header, word, len)) => {
                // SAFETY: there is room for the message, of at most 8 bytes.
                unsafe { store_word(word, addr, len) };
                (header.tag, len)
            }
            Err(false) => return None,
            // SAFETY: the caller's room.
            Err(true) => unsafe { receive_long(inbox, peer, is_it, addr) }?,
        };
        core.queues.heard_from(peer);
        u32::try_from(len).ok().map(|len| (tag, len))
    })
}

/// Gives a message of at most a word to the oldest receive of its context, if that is posted
/// for it and nothing else has to be done. Whether that was so. Only where
/// [`Core::takes_words`].
#[inline]
pub(super) fn deliver<T: Transport>(
    core: &mut Core<T>,
    (from, header): (Proc, &Header),
    word: u64,
    len: usize,
) -> bool {
    if !wire::is_plain(header) || core.is_served() {
        return false;
    }
    let (source, tag) = (header.source, header.tag);
    let fits = |receive: &RequestRef| receive.memory.run().is_some() && len <= receive.memory.len();
    let posted = &mut core.matching.of(header.context).posted;
    let Some(receive) = posted.take_first(source, tag, fits) else {
        return false;
    };
    receive.matched(from, source, tag, len, check::UNKNOWN);
    if let Some(addr) = receive.memory.run() {
        // SAFETY: the message fits the receive, whose memory is writable until it is done.
        unsafe { store_word(word, addr, len) };
    }
    receive.moved.set(len);
    receive.complete();
    core.queues.heard_from(from);
    true
}

/// Stores the first `len` bytes of a word.
///
/// # Safety
/// `to` is writable for `len` bytes, which are at most 8.
#[inline]
unsafe fn store_word(word: u64, to: *mut u8, len: usize) {
    // SAFETY: the caller's bytes.
    unsafe {
        match len {
            8 => to.cast::<u64>().write_unaligned(word),
            4 => to
                .cast::<[u8; 4]>()
                .write([0, 1, 2, 3].map(|at| word.to_le_bytes()[at])),
            _ => copy_short((&raw const word).cast(), to, len, len),
        }
    }
}

/// As [`receive`], of messages of more than a word.
///
/// # Safety
/// As there.
#[inline(never)]
unsafe fn receive_long<I: Inbox>(
    inbox: &mut I,
    peer: Proc,
    is_it: impl FnOnce(&Header, usize) -> bool,
    addr: *mut u8,
) -> Option<(i32, usize)> {
    let mut found = None;
    inbox.take_if(peer, |a| {
        let is_it = is_it(&a.header, a.len);
        if is_it {
            // SAFETY: the receive has room for the message, and its memory is the
            // library's now.
            unsafe { copy_short(a.data, addr, a.len, a.len) };
            found = Some((a.header.tag, a.len));
        }
        is_it
    });
    found
}
