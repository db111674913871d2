//! Messages that came before their receive, and messages that arrive in pieces.
//!
//! This process keeps the bytes of the former up to a limit. Beyond it, it puts its
//! peers under *pressure*: they announce their messages, and keep the bytes, until what
//! is kept here has fallen to half the limit.

use crate::object::group::Proc;
use crate::pml::counters;
use crate::pml::request::{RequestId, RequestRef};
use crate::pml::transport::Transport;
use crate::pml::wire::Place;
use std::collections::HashMap;

/// Bytes that keeping a message costs on top of its own: what bounds the memory
/// for messages without any.
const KEEPING: usize = 128;

/// A message that came before its receive.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) from: Proc,
    /// Bytes in it.
    pub(super) len: usize,
    /// What it is made of (see `check`).
    pub(super) signature: u32,
    pub(super) body: Body,
}

/// Where its bytes are.
#[derive(Debug)]
pub(super) enum Body {
    /// Here, all of them; the sender's number if it waits for a FIN.
    Whole(Box<[u8]>, Option<RequestId>),
    /// Arriving in pieces, or arrived.
    Pieces(AssemblyId),
    /// At the sender: its number, and where.
    Announced(RequestId, Place),
    /// A send of this process to itself.
    Own(RequestRef),
}

/// A message that is put together here. A sender uses its own number again once all is
/// sent, which may be long before a receive asks for the message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(super) struct AssemblyId(u64);

#[derive(Debug)]
struct Assembly {
    total: usize,
    filled: usize,
    into: Destination,
}

/// Where the pieces of a message go.
#[derive(Debug)]
pub(super) enum Destination {
    Bytes(Vec<u8>),
    Receive(RequestRef),
}

/// What is kept of messages.
#[derive(Debug)]
pub(super) struct Unexpected {
    /// Bytes of unexpected messages, [`KEEPING`] for each included, and their limit.
    held: usize,
    limit: usize,
    is_pressing: bool,
    assemblies: HashMap<AssemblyId, Assembly>,
    next: AssemblyId,
    /// Of those, the ones still arriving, by the sender and its number.
    arriving: HashMap<(Proc, RequestId), AssemblyId>,
}

impl Unexpected {
    /// Keeps up to `limit` bytes.
    pub(super) fn new(limit: usize) -> Unexpected {
        Unexpected {
            held: 0,
            limit,
            is_pressing: false,
            assemblies: HashMap::new(),
            next: AssemblyId(0),
            arriving: HashMap::new(),
        }
    }

    /// Whether there is room for another message of this process to itself.
    pub(super) fn has_room(&self) -> bool {
        self.held < self.limit
    }

    /// Counts a message of `len` bytes that is kept.
    pub(super) fn hold<T: Transport>(&mut self, transport: &mut T, len: usize) {
        self.held += len + KEEPING;
        counters::set_unexpected(self.held);
        if self.held > self.limit {
            self.press(transport, true);
        }
    }

    /// Counts it off again.
    pub(super) fn release<T: Transport>(&mut self, transport: &mut T, len: usize) {
        self.held -= len + KEEPING;
        counters::set_unexpected(self.held);
        if self.held <= self.limit / 2 {
            self.press(transport, false);
        }
    }

    fn press<T: Transport>(&mut self, transport: &mut T, on: bool) {
        transport.set_pressure(on);
        if self.is_pressing != on {
            self.is_pressing = on;
            counters::set_pressure(on);
        }
    }

    /// Begins to put a message of `total` bytes together, of which `filled` have come: the
    /// one that its sender knows by this number.
    pub(super) fn assemble(
        &mut self,
        key: (Proc, RequestId),
        total: usize,
        filled: usize,
        into: Destination,
    ) -> AssemblyId {
        let id = self.next;
        self.next = AssemblyId(id.0 + 1);
        self.arriving.insert(key, id);
        let assembly = Assembly {
            total,
            filled,
            into,
        };
        self.assemblies.insert(id, assembly);
        id
    }

    /// Takes the next piece of a message.
    ///
    /// # Safety
    /// `data` is readable for `len` bytes, which nobody writes meanwhile.
    pub(super) unsafe fn take_piece(
        &mut self,
        key: (Proc, RequestId),
        data: *const u8,
        len: usize,
    ) {
        let Some(id) = self.arriving.get(&key).copied() else {
            return;
        };
        let Some(assembly) = self.assemblies.get_mut(&id) else {
            return;
        };
        let at = assembly.filled;
        assembly.filled += len;
        let is_whole = assembly.filled >= assembly.total;
        match &mut assembly.into {
            Destination::Bytes(bytes) => {
                // SAFETY: the caller's bytes.
                bytes.extend_from_slice(unsafe { std::slice::from_raw_parts(data, len) });
            }
            Destination::Receive(receive) => {
                // SAFETY: the caller's bytes.
                unsafe { receive.deliver(at, data, len) };
                if is_whole {
                    receive.complete();
                    self.assemblies.remove(&id);
                }
            }
        }
        if is_whole {
            self.arriving.remove(&key);
        }
    }

    /// Gives a message that is put together to its receive.
    pub(super) fn give(&mut self, id: AssemblyId, receive: &RequestRef) {
        let Some(assembly) = self.assemblies.get_mut(&id) else {
            return;
        };
        let into = Destination::Receive(receive.clone());
        if let Destination::Bytes(bytes) = std::mem::replace(&mut assembly.into, into) {
            // SAFETY: the vector's own bytes.
            unsafe { receive.deliver(0, bytes.as_ptr(), bytes.len()) };
        }
        if assembly.filled >= assembly.total {
            receive.complete();
            self.assemblies.remove(&id);
        }
    }
}
