//! Sends and receives under way.
//!
//! A [`State`] is shared by the [`Request`] of whoever started it and by whatever part
//! of the engine still has to move it, and goes back to a pool when the last lets go.

use crate::error::{Class, Error};
use crate::handle::Raw;
use crate::lock::{self, Local};
use crate::object::collective::Tag;
use crate::object::comm::{self, ContextId, Space};
use crate::object::group::Proc;
use crate::pml::buffer_check::BufferCheck;
use crate::pml::check;
use crate::pml::learnt::arm::Trial;
use crate::pml::matching::{Envelope, Pattern};
use crate::pml::memory::{self, Buffer, Memory};
use crate::pml::publish::WaitFor;
use crate::profile;
use std::cell::Cell;
use std::ops::Deref;
use std::ptr::NonNull;
use wireup::layout::WaitKind;

/// `MPI_ANY_SOURCE` and `MPI_ANY_TAG`, as a status of a send says.
const ANY_SOURCE: i32 = -1;
const ANY_TAG: i32 = -2;
/// `MPI_PROC_NULL`.
const PROC_NULL: i32 = -3;

/// Stands for a process, or a rank, that is not known yet.
const NOBODY: u32 = u32::MAX;

/// The number by which a peer names a request of this process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(super) struct RequestId(pub(super) u32);

/// How an operation ended: what becomes an `MPI_Status`.
#[derive(Debug)]
pub struct Completion {
    /// The peer's rank in the communicator; `MPI_ANY_SOURCE` for a send.
    pub source: i32,
    /// The tag; `MPI_ANY_TAG` for a send.
    pub tag: i32,
    /// Bytes received (of packed data; not counting holes).
    pub len: u64,
    /// Whether it was cancelled.
    pub cancelled: bool,
    /// What went wrong, if something did (truncation, a lost peer).
    pub error: Option<Error>,
}

impl Completion {
    /// The empty status (MPI 5.0, section 3.7.3), which is that of a send too.
    #[inline]
    #[must_use]
    pub fn empty() -> Completion {
        Completion {
            source: ANY_SOURCE,
            tag: ANY_TAG,
            len: 0,
            cancelled: false,
            error: None,
        }
    }

    /// That of a message of `len` bytes.
    #[inline]
    #[must_use]
    pub fn received(source: u32, tag: i32, len: usize) -> Completion {
        Completion {
            source: source.cast_signed(),
            tag,
            len: len as u64,
            ..Completion::empty()
        }
    }

    /// What a receive from `MPI_PROC_NULL` gives (section 3.11).
    #[must_use]
    pub fn proc_null() -> Completion {
        Completion {
            source: PROC_NULL,
            ..Completion::empty()
        }
    }

    /// The same, with errors said to be about the communicator of this handle.
    #[inline]
    #[must_use]
    pub fn about(mut self, comm: Option<crate::handle::Raw>) -> Completion {
        if let Some(error) = self.error.take() {
            self.error = Some(error.about(comm));
        }
        self
    }
}

/// A send or receive under way. Dropping it before it is complete lets it go on
/// by itself (`MPI_Request_free`).
#[derive(Debug)]
pub struct Request(Handle);

#[derive(Debug)]
enum Handle {
    /// A send that is complete: nothing was kept of it.
    Nothing,
    /// A receive that was complete at once: source, tag and bytes of its message.
    Received(u32, i32, u32),
    State(RequestRef),
}

impl Request {
    /// A send that was complete at once.
    #[inline]
    pub(super) fn sent() -> Request {
        Request(Handle::Nothing)
    }

    /// A receive that was complete at once, of a message of `len` bytes.
    #[inline]
    #[must_use]
    pub fn received(source: u32, tag: i32, len: u32) -> Request {
        Request(Handle::Received(source, tag, len))
    }

    #[inline]
    pub(super) fn of(state: RequestRef) -> Request {
        Request(Handle::State(state))
    }

    #[inline]
    pub(super) fn state(&self) -> Option<&RequestRef> {
        match &self.0 {
            Handle::Nothing | Handle::Received(..) => None,
            Handle::State(state) => Some(state),
        }
    }

    /// As [`Request::finish`], of a request that goes afterwards; `None`: it has not
    /// completed.
    #[inline]
    #[must_use]
    pub fn end(&self) -> Option<Completion> {
        match &self.0 {
            Handle::Nothing => Some(Completion::empty()),
            Handle::Received(source, tag, len) => {
                Some(Completion::received(*source, *tag, *len as usize))
            }
            Handle::State(state) => state.done.get().then(|| state.completion()),
        }
    }

    /// Whether it is a send of which nothing was kept, since it was complete at
    /// once.
    #[inline]
    #[must_use]
    pub fn is_sent(&self) -> bool {
        matches!(self.0, Handle::Nothing)
    }

    /// Whether it has completed. Does not make progress.
    #[inline]
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state().is_none_or(|state| state.done.get())
    }

    /// How it ended.
    ///
    /// # Panics
    /// If it has not completed: a bug of the caller.
    #[inline]
    #[must_use]
    pub fn finish(self) -> Completion {
        match self.0 {
            Handle::Nothing => Completion::empty(),
            Handle::Received(source, tag, len) => Completion::received(source, tag, len as usize),
            Handle::State(state) => {
                assert!(state.done.get(), "finish of a request that is under way");
                state.completion()
            }
        }
    }

    /// How it ended, leaving it as it is (`MPI_Request_get_status`); the error,
    /// if there is one, stays with the request.
    ///
    /// # Panics
    /// If it has not completed: a bug of the caller.
    #[must_use]
    pub fn peek(&self) -> Completion {
        let state = match &self.0 {
            Handle::Nothing => return Completion::empty(),
            Handle::Received(source, tag, len) => {
                return Completion::received(*source, *tag, *len as usize);
            }
            Handle::State(state) => state,
        };
        assert!(state.done.get(), "a look at a request that is under way");
        if let Some(check) = &state.check {
            check.end();
        }
        let mut completion = state.completion();
        if let Some(error) = completion.error.take() {
            let copy = error.copy();
            state.fail(error);
            completion.error = Some(copy);
        }
        completion
    }

    /// Notes what it is made of, for reports.
    #[inline]
    pub(super) fn name_datatype(&self, buffer: &Buffer<'_>) {
        if let Some(state) = self.state() {
            let handle = buffer
                .datatype
                .and_then(|datatype| datatype.predefined_handle());
            state.named.set(handle.unwrap_or(0));
        }
    }

    /// What it waits for.
    #[must_use]
    pub fn waits_for(&self) -> WaitFor {
        let Some(state) = self.state() else {
            return WaitFor::NOTHING;
        };
        let peer = Some(state.peer.get()).filter(|peer| peer.0 != NOBODY);
        let (kind, tag) = match state.is_send {
            true => (WaitKind::Send, state.tag.get()),
            false => (WaitKind::Receive, state.pattern.tag.unwrap_or(-1)),
        };
        WaitFor {
            bytes: Some(state.memory.len() as u64),
            datatype: state.named.get(),
            ..WaitFor::peer(kind, peer, tag, state.context)
        }
    }
}

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
    pub(super) context: ContextId,
    /// Of a send: what it is made of (see `check`).
    pub(super) signature: u32,
    /// Where messages are checked: what is kept for that.
    check: Option<Box<BufferCheck>>,
    /// The handle of its predefined datatype, for reports; 0: not known.
    named: Cell<Raw>,
    /// Of a receive: what it asks for.
    pub(super) pattern: Pattern,
    /// The peer's process: of a receive, once matched.
    pub(super) peer: Cell<Proc>,
    /// The sender's rank in the communicator.
    pub(super) source: Cell<u32>,
    pub(super) tag: Cell<i32>,
    /// Bytes to move: of a receive, once matched.
    pub(super) total: Cell<usize>,
    /// Bytes moved.
    pub(super) moved: Cell<usize>,
    /// This side's number, while the peer may name it.
    pub(super) own_id: Cell<Option<RequestId>>,
    /// How far a send has come.
    pub(super) phase: Cell<Phase>,
    /// Of an announced send: the program has rewritten it since it sent it last.
    pub(super) rewritten: Cell<bool>,
    /// Of a receive whose arm is being compared with another one.
    pub(super) trial: Cell<Option<Trial>>,
    failure: Failure,
}

/// What went wrong with a request, if something did.
#[derive(Default)]
struct Failure(Cell<Option<Error>>);

impl std::fmt::Debug for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Failure")
    }
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
pub(super) struct RequestRef(NonNull<State>);

static POOL: Local<Vec<NonNull<State>>> = Local::new(Vec::new());

// SAFETY: states are reached under the library lock only (see `lock`).
unsafe impl Send for RequestRef {}

impl RequestRef {
    /// A send of `memory` to `peer`, complete on matching if `synchronous`.
    pub(super) fn send(
        peer: Proc,
        envelope: Envelope,
        memory: Memory,
        (signature, check): (u32, Option<Box<BufferCheck>>),
        synchronous: bool,
    ) -> RequestRef {
        let total = memory.len();
        RequestRef::new(State {
            refs: Cell::new(1),
            done: Cell::new(false),
            cancelled: Cell::new(false),
            is_send: true,
            synchronous,
            memory,
            context: envelope.context,
            signature,
            check,
            named: Cell::new(0),
            pattern: Pattern::ANY,
            peer: Cell::new(peer),
            source: Cell::new(envelope.source),
            tag: Cell::new(envelope.tag),
            total: Cell::new(total),
            moved: Cell::new(0),
            own_id: Cell::new(None),
            phase: Cell::new(Phase::Queued),
            rewritten: Cell::new(false),
            trial: Cell::new(None),
            failure: Failure::default(),
        })
    }

    /// A receive into `buffer`, that is not posted anywhere yet. `peer`: the process
    /// that it waits for, if it is one. `checked`: it compares types.
    #[inline]
    pub(super) fn receive(
        pattern: Pattern,
        context: ContextId,
        peer: Option<Proc>,
        buffer: &Buffer<'_>,
        checked: bool,
    ) -> RequestRef {
        let check = checked.then(|| {
            let tag = pattern.tag.unwrap_or(-1);
            BufferCheck::of_receive(buffer, (peer, tag, context))
        });
        let memory = Memory::of(buffer);
        RequestRef::receive_into(pattern, context, peer, memory, (0, check))
    }

    /// As [`RequestRef::receive`], into `memory`; with the handle of its datatype for reports,
    /// or 0, and what is kept of it where messages are checked.
    #[inline]
    pub(super) fn receive_into(
        pattern: Pattern,
        context: ContextId,
        peer: Option<Proc>,
        memory: Memory,
        (named, check): (Raw, Option<Box<BufferCheck>>),
    ) -> RequestRef {
        RequestRef::new(State {
            refs: Cell::new(1),
            done: Cell::new(false),
            cancelled: Cell::new(false),
            is_send: false,
            synchronous: false,
            memory,
            context,
            signature: check::UNKNOWN,
            check,
            named: Cell::new(named),
            pattern,
            peer: Cell::new(peer.unwrap_or(Proc(NOBODY))),
            source: Cell::new(pattern.source.unwrap_or(NOBODY)),
            tag: Cell::new(pattern.tag.unwrap_or(-1)),
            total: Cell::new(0),
            moved: Cell::new(0),
            own_id: Cell::new(None),
            phase: Cell::new(Phase::Queued),
            rewritten: Cell::new(false),
            trial: Cell::new(None),
            failure: Failure::default(),
        })
    }

    #[inline]
    fn new(state: State) -> RequestRef {
        match POOL.with(Vec::pop) {
            Some(place) => {
                // SAFETY: the place came from a Box of a State whose value was
                // dropped in place; nobody else has it.
                unsafe { place.write(state) };
                RequestRef(place)
            }
            None => RequestRef(NonNull::from(Box::leak(Box::new(state)))),
        }
    }

    /// Whether both are the same request.
    pub(super) fn is(&self, other: &RequestRef) -> bool {
        self.0 == other.0
    }
}

impl Clone for RequestRef {
    #[inline]
    fn clone(&self) -> RequestRef {
        self.refs.set(self.refs.get() + 1);
        RequestRef(self.0)
    }
}

impl Drop for RequestRef {
    #[inline]
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

impl Deref for RequestRef {
    type Target = State;

    #[inline]
    fn deref(&self) -> &State {
        // SAFETY: the place holds a value while any reference lives; what
        // changes in it is in cells.
        unsafe { self.0.as_ref() }
    }
}

impl State {
    /// What a message is matched by: of a receive, once it was.
    pub(super) fn envelope(&self) -> Envelope {
        Envelope {
            context: self.context,
            source: self.source.get(),
            tag: self.tag.get(),
        }
    }

    /// Says that it is complete.
    #[inline]
    pub(super) fn complete(&self) {
        self.done.set(true);
    }

    /// Says that it was cancelled, which completes it.
    pub(super) fn cancel(&self) {
        self.cancelled.set(true);
        self.complete();
    }

    /// Notes what went wrong.
    #[cold]
    pub(super) fn fail(&self, error: Error) {
        self.failure.0.set(Some(error));
    }

    #[inline]
    fn completion(&self) -> Completion {
        debug_assert!(self.done.get());
        let mut completion = match self.is_send || self.cancelled.get() {
            true => Completion::empty(),
            false => Completion::received(self.source.get(), self.tag.get(), self.moved.get()),
        };
        completion.cancelled = self.cancelled.get();
        completion.error = self.failure.0.take();
        completion
    }

    /// Notes at a receive which message it got, and whether that fits.
    #[inline]
    pub(super) fn matched(&self, peer: Proc, source: u32, tag: i32, len: usize, signature: u32) {
        self.peer.set(peer);
        self.source.set(source);
        self.tag.set(tag);
        let room = self.memory.len();
        self.total.set(len.min(room));
        if signature != check::UNKNOWN {
            self.check(len, signature);
        }
        if len > room {
            self.too_long(len);
        }
        if lock::is_traced() {
            self.trace(len);
        }
    }

    #[cold]
    fn trace(&self, len: usize) {
        // Contexts of windows, files and collectives are no communicator's own.
        if comm::with_context(self.context).is_some() {
            let message = (self.context.0, self.tag.get());
            profile::received(self.peer.get().0, len as u64, message);
        }
    }

    #[cold]
    fn check(&self, len: usize, signature: u32) {
        let Some(check) = &self.check else { return };
        check.received();
        let Some(wanted) = &check.datatype else {
            return;
        };
        let (source, which) = (self.source.get(), self.which());
        match check::differs(wanted, len, signature) {
            check::Difference::None => {}
            check::Difference::Bytes(sent, asked) => {
                check::warn_of_bytes(source, (&which, &sent, &asked));
            }
            check::Difference::Types(sent, asked) => {
                let text = format!(
                    "the message of {len} bytes from rank {source} {which} was sent as {sent}, but the receive asks for {asked}"
                );
                self.fail(Error::new(Class::TYPE, text));
            }
        }
    }

    #[cold]
    fn too_long(&self, len: usize) {
        let (source, room, which) = (self.source.get(), self.memory.len(), self.which());
        let text = format!(
            "the message of {len} bytes from rank {source} {which} does not fit the receive buffer of {room} bytes"
        );
        self.fail(Error::new(Class::TRUNCATE, text));
    }

    /// What message a receive got, in the user's words: a tag of the library's own tells
    /// which collective it belongs to.
    fn which(&self) -> String {
        let tag = self.tag.get();
        match self.context.0 % 2 == Space::Collective as u32 {
            true if tag >= 0 => format!("in {}", Tag(tag)),
            true => "of the library's own".to_owned(),
            false => format!("with tag {tag}"),
        }
    }

    /// Copies what fits of a piece at `at` into a receive.
    ///
    /// # Safety
    /// `data` is readable for `len` bytes.
    pub(super) unsafe fn deliver(&self, at: usize, data: *const u8, len: usize) {
        let n = len.min(self.total.get().saturating_sub(at));
        if n > 0 {
            // SAFETY: inside the receive's length; the piece has at least `n` bytes.
            unsafe { self.memory.copy_in(at, data, n) };
            self.moved.set(at + n);
        }
    }

    /// Completes a send to this process itself and its receive, which was matched.
    pub(super) fn send_to(&self, receive: &State) {
        // SAFETY: both are requests of this process that are not done: one readable,
        // one writable.
        let n = unsafe { memory::copy(&self.memory, &receive.memory) };
        receive.moved.set(n);
        receive.complete();
        self.complete();
    }
}

/// Requests by the number that peers know them by.
#[derive(Debug, Default)]
pub(super) struct RequestTable {
    slots: Vec<Option<RequestRef>>,
    free: Vec<RequestId>,
}

impl RequestTable {
    /// Gives `request` a number.
    pub(super) fn insert(&mut self, request: &RequestRef) -> RequestId {
        let id = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            RequestId(u32::try_from(self.slots.len() - 1).expect("fewer than 2³² requests"))
        });
        self.slots[id.0 as usize] = Some(request.clone());
        request.own_id.set(Some(id));
        id
    }

    /// Every request that has a number.
    pub(super) fn iter(&self) -> impl Iterator<Item = &RequestRef> {
        self.slots.iter().flatten()
    }

    pub(super) fn get(&self, id: RequestId) -> Option<&RequestRef> {
        self.slots.get(id.0 as usize)?.as_ref()
    }

    /// Takes its number from a request.
    pub(super) fn remove(&mut self, id: RequestId) -> Option<RequestRef> {
        let request = self.slots.get_mut(id.0 as usize)?.take()?;
        self.free.push(id);
        request.own_id.set(None);
        Some(request)
    }
}
