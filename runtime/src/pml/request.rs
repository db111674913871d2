//! Sends and receives under way.
//!
//! A [`State`] is shared by the request's owner and by whatever part of the
//! engine still has to move it, and goes back to a pool when the last lets go.

use crate::error::Error;
use crate::lock::Local;
use crate::object::datatype::Datatype;
use crate::pml::Completion;
use crate::pml::choose::Timed;
use crate::pml::matching::Pattern;
use crate::pml::memory::Memory;
use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;

/// `MPI_ANY_SOURCE`, as a status of a send says.
const ANY_SOURCE: i32 = -1;
/// `MPI_ANY_TAG`, likewise.
const ANY_TAG: i32 = -2;

/// One send or receive.
#[derive(Debug)]
pub(super) struct State {
    refs: Cell<u32>,
    /// Complete; the memory is the user's again.
    pub(super) done: Cell<bool>,
    pub(super) cancelled: Cell<bool>,
    pub(super) is_send: bool,
    /// Waits for the receiver to have matched it.
    pub(super) synchronous: bool,
    pub(super) memory: Memory,
    pub(super) context: u32,
    /// Of a send: what it is made of (see `check`).
    pub(super) signature: u32,
    /// Of a receive, where types are checked: what it takes.
    pub(super) datatype: Option<Arc<Datatype>>,
    /// Of a receive: what it asks for.
    pub(super) pattern: Pattern,
    /// The peer's process: of a receive, once matched.
    pub(super) peer: Cell<u32>,
    /// The sender's rank in the communicator.
    pub(super) source: Cell<u32>,
    pub(super) tag: Cell<i32>,
    /// Bytes to move: of a receive, once matched.
    pub(super) total: Cell<usize>,
    /// Bytes moved.
    pub(super) moved: Cell<usize>,
    /// This side's number, while the peer may name it.
    pub(super) own_id: Cell<Option<u32>>,
    /// How far a send has come.
    pub(super) phase: Cell<Phase>,
    /// Of a receive whose way is still being compared with another: that way, and
    /// when it began.
    pub(super) timed: Cell<Option<Timed>>,
    error: RefCell<Option<Error>>,
}

/// How far a send has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Its first cell waits for room.
    Queued,
    /// The receiver knows of it and has not asked for it.
    Announced,
    /// Its bytes are going out.
    Streaming,
    /// Nothing is left to do but to hear from the receiver.
    Sent,
}

/// A shared [`State`].
#[derive(Debug)]
pub(super) struct Shared(NonNull<State>);

static POOL: Local<Vec<NonNull<State>>> = Local::new(Vec::new());

// SAFETY: states are reached under the library lock only (see `lock`).
unsafe impl Send for Shared {}

/// What a new state begins with.
pub(super) struct Begin {
    pub(super) is_send: bool,
    pub(super) synchronous: bool,
    pub(super) memory: Memory,
    pub(super) context: u32,
    pub(super) signature: u32,
    pub(super) datatype: Option<Arc<Datatype>>,
    pub(super) pattern: Pattern,
    pub(super) peer: u32,
    pub(super) source: u32,
    pub(super) tag: i32,
}

impl Shared {
    pub(super) fn new(begin: Begin) -> Shared {
        let total = if begin.is_send { begin.memory.len() } else { 0 };
        let state = State {
            refs: Cell::new(1),
            done: Cell::new(false),
            cancelled: Cell::new(false),
            is_send: begin.is_send,
            synchronous: begin.synchronous,
            memory: begin.memory,
            context: begin.context,
            signature: begin.signature,
            datatype: begin.datatype,
            pattern: begin.pattern,
            peer: Cell::new(begin.peer),
            source: Cell::new(begin.source),
            tag: Cell::new(begin.tag),
            total: Cell::new(total),
            moved: Cell::new(0),
            own_id: Cell::new(None),
            phase: Cell::new(Phase::Queued),
            timed: Cell::new(None),
            error: RefCell::new(None),
        };
        match POOL.with(Vec::pop) {
            Some(place) => {
                // SAFETY: the place came from a Box of a State whose value was
                // dropped in place; nobody else has it.
                unsafe { place.write(state) };
                Shared(place)
            }
            None => Shared(NonNull::from(Box::leak(Box::new(state)))),
        }
    }

    /// Whether both are the same request.
    pub(super) fn is(&self, other: &Shared) -> bool {
        self.0 == other.0
    }
}

impl Clone for Shared {
    fn clone(&self) -> Shared {
        self.refs.set(self.refs.get() + 1);
        Shared(self.0)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let left = self.refs.get() - 1;
        self.refs.set(left);
        if left == 0 {
            // SAFETY: this was the last reference; the place goes to the pool
            // without a value.
            unsafe { self.0.drop_in_place() };
            POOL.with(|pool| pool.push(self.0));
        }
    }
}

impl Deref for Shared {
    type Target = State;

    #[inline]
    fn deref(&self) -> &State {
        // SAFETY: the place holds a value while any reference lives; what
        // changes in it is in cells.
        unsafe { self.0.as_ref() }
    }
}

impl State {
    /// Says that it is complete.
    #[inline]
    pub(super) fn complete(&self) {
        self.done.set(true);
    }

    /// Notes what went wrong.
    #[cold]
    pub(super) fn fail(&self, error: Error) {
        *self.error.borrow_mut() = Some(error);
    }

    pub(super) fn completion(&self) -> Completion {
        debug_assert!(self.done.get());
        if self.is_send || self.cancelled.get() {
            return Completion {
                source: ANY_SOURCE,
                tag: ANY_TAG,
                len: 0,
                cancelled: self.cancelled.get(),
                error: self.error.take(),
            };
        }
        Completion {
            source: self.source.get().cast_signed(),
            tag: self.tag.get(),
            len: self.moved.get() as u64,
            cancelled: false,
            error: self.error.take(),
        }
    }
}

/// The completion of a send.
pub(super) fn sent() -> Completion {
    Completion {
        source: ANY_SOURCE,
        tag: ANY_TAG,
        len: 0,
        cancelled: false,
        error: None,
    }
}
