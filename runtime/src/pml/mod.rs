//! Point-to-point messaging: what `coll`, `topo` and `abi` call.
//!
//! A [`Request`] is one send or receive under way, owned by whoever started it.
//! Nothing completes by itself: [`progress`] moves everything of this process,
//! and [`wait`] runs it until a condition holds, spinning first, then yielding,
//! then sleeping.
//!
//! Ranks given here are valid (checked above); `MPI_PROC_NULL` is dealt with
//! above; `None` as a source or tag is the wildcard.

use crate::error::{Error, Result};
use crate::object::comm::{Comm, Space};
use crate::object::datatype::Datatype;
use std::sync::Arc;

/// The memory of a message: `count` elements of a type at an address.
#[derive(Clone, Copy, Debug)]
pub struct Buffer<'a> {
    /// Where the first element is (the datatype's displacements count from it).
    pub addr: *mut u8,
    /// Elements of `datatype`, or bytes where that is `None`.
    pub count: usize,
    /// The type; `None`: bytes, contiguous.
    pub datatype: Option<&'a Arc<Datatype>>,
}

impl Buffer<'_> {
    /// `len` contiguous bytes at `addr`.
    #[must_use]
    pub fn bytes(addr: *const u8, len: usize) -> Buffer<'static> {
        Buffer {
            addr: addr.cast_mut(),
            count: len,
            datatype: None,
        }
    }
}

/// The send modes (MPI 5.0, section 3.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are the standard's")]
pub enum Mode {
    Standard,
    Synchronous,
    Buffered,
    Ready,
}

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

/// A send or receive under way. Dropping it before it is complete lets it go on
/// by itself (`MPI_Request_free`).
#[derive(Debug)]
pub struct Request {}

impl Request {
    /// Whether it has completed. Does not make progress.
    #[must_use]
    pub fn is_done(&self) -> bool {
        unimplemented!()
    }

    /// How it ended.
    ///
    /// # Panics
    /// If it has not completed.
    #[must_use]
    pub fn finish(self) -> Completion {
        unimplemented!()
    }
}

/// Starts a send to rank `dest` of `comm`.
///
/// # Safety
/// The buffer's memory must stay as it is, readable, until the request is done.
///
/// # Errors
/// The message cannot be started (no memory, buffered mode without room).
pub unsafe fn isend(
    _comm: &Comm,
    _space: Space,
    _dest: u32,
    _tag: i32,
    _buffer: &Buffer<'_>,
    _mode: Mode,
) -> Result<Request> {
    unimplemented!()
}

/// Starts a receive from rank `source` of `comm` (`None`: any) with `tag`
/// (`None`: any).
///
/// # Safety
/// The buffer's memory must stay writable, and nobody else may touch it, until
/// the request is done.
///
/// # Errors
/// The receive cannot be posted (no memory).
pub unsafe fn irecv(
    _comm: &Comm,
    _space: Space,
    _source: Option<u32>,
    _tag: Option<i32>,
    _buffer: &Buffer<'_>,
) -> Result<Request> {
    unimplemented!()
}

/// Moves everything that can move now, collective schedules included. Returns
/// whether anything did.
pub fn progress() -> bool {
    unimplemented!()
}

/// Registers a function that [`progress`] calls each time, and that returns
/// whether it moved anything: how schedules of nonblocking collectives go on.
/// It is called only while `pending` operations have been announced.
pub fn on_progress(_hook: fn() -> bool) {
    unimplemented!()
}

/// What a wait is for, for the report of who waits for whom.
#[derive(Clone, Copy, Debug)]
pub struct WaitFor {
    /// The peer's process, -1 any, -2 none in particular.
    pub peer: i32,
    /// The tag, -1 any, -2 none in particular.
    pub tag: i32,
    /// The context id.
    pub context: u32,
}

/// Makes progress until `done` returns true.
pub fn wait(_what: WaitFor, _done: impl FnMut() -> bool) {
    unimplemented!()
}
