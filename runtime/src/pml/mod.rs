//! Point-to-point messaging: what `coll`, `topo` and `abi` call.
//!
//! A [`Request`] is one send or receive under way, owned by whoever started it.
//! Nothing completes by itself: [`progress()`] moves everything of this process,
//! and [`wait`] runs it until a condition holds, spinning first, then yielding,
//! then sleeping.
//!
//! Ranks given here are valid (checked above); `MPI_PROC_NULL` is dealt with
//! above; `None` as a source or tag is the wildcard.
//!
//! ```text
//! send.rs recv.rs probe.rs   starting operations
//! expected.rs                blocking receives before they are posted
//! bsend.rs                   buffered mode: attached buffers
//! engine.rs                  all that is under way; the protocol
//! outgoing.rs arrival.rs     what goes out; what arriving cells do
//! rendezvous.rs              a receive and its message meet
//! choose.rs                  copies or CMA, by how long each took
//! runs.rs                    scattered messages, read run by run
//! transfer.rs                copies straight between two user buffers:
//! copying.rs helping.rs        what the receiver does, what the sender does,
//! share.rs offer.rs            how much each, and how they get to know of each other
//! delivery.rs                a message's bytes into its receive
//! matching.rs                which receive takes which message (pure)
//! check.rs                   the types of a message against its receive
//! board.rs                   small exchanges among all members at once
//! collective.rs              collectives in which ranks differ
//! memory.rs request.rs       a message's bytes; an operation under way
//! progress.rs                progress and waiting
//! ```

mod arrival;
pub mod board;
pub mod bsend;
mod check;
mod choose;
pub mod collective;
mod copying;
mod delivery;
mod engine;
mod expected;
mod helping;
pub mod matching;
mod memory;
mod offer;
mod outgoing;
mod pace;
pub mod probe;
pub mod progress;
mod publish;
mod recv;
mod rendezvous;
mod request;
mod runs;
mod send;
mod share;
mod transfer;

pub use check::signature;
pub use memory::pack;
pub use progress::{
    WaitFor, complete, off_progress, on_progress, on_stall, poll, progress, start, stop, wait,
    wait_or,
};
pub use recv::{irecv, recv};
pub use send::{isend, send};

use crate::lock::{self, Local};
use engine::Engine;
use request::Shared;

use crate::error::Error;
use crate::object::datatype::Datatype;
use btl_shm::peer::Peers;
use std::sync::Arc;
use wireup::layout::WaitKind;

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

impl Completion {
    /// The empty status (MPI 5.0, section 3.7.3).
    #[must_use]
    pub fn empty() -> Completion {
        request::sent()
    }

    /// What a probe tells.
    #[must_use]
    pub fn of(seen: probe::Seen) -> Completion {
        Completion {
            source: seen.source.cast_signed(),
            tag: seen.tag,
            len: seen.len,
            ..request::sent()
        }
    }

    /// What a receive from `MPI_PROC_NULL` gives (section 3.11).
    #[must_use]
    pub fn proc_null() -> Completion {
        Completion {
            source: PROC_NULL,
            ..request::sent()
        }
    }

    /// The same, with errors said to be about the communicator of this handle.
    #[must_use]
    pub fn about(mut self, comm: Option<crate::handle::Raw>) -> Completion {
        if self.error.is_some() {
            self.error = self.error.map(|error| error.about(comm));
        }
        self
    }
}

/// `MPI_PROC_NULL`.
const PROC_NULL: i32 = -3;

/// A send or receive under way. Dropping it before it is complete lets it go on
/// by itself (`MPI_Request_free`).
#[derive(Debug)]
pub struct Request(Inner);

#[derive(Debug)]
enum Inner {
    /// A send that is complete: nothing was kept of it.
    Sent,
    State(Shared),
}

static ENGINE: Local<Option<Box<Engine>>> = Local::new(None);

/// Maps `len` bytes at `addr` of process `peer`, for the program; `None` if they are
/// not in memory that others can map.
#[must_use]
pub fn share(peer: u32, addr: u64, len: usize) -> Option<btl_shm::peer::shared::Shared> {
    with_engine(|engine| engine.core.reach.share(peer, addr, len))
}

/// Runs `f` on the engine, which exists from `MPI_Init` on.
#[inline]
fn with_engine<R>(f: impl FnOnce(&mut Engine) -> R) -> R {
    ENGINE.with(|engine| {
        f(engine
            .as_deref_mut()
            .expect("the engine runs while MPI is initialized"))
    })
}

/// Gives back what the engine has, at the end of a process that makes no more calls.
pub fn discard() {
    drop(ENGINE.with(Option::take));
}

/// Runs `f` on what this rank knows of its peers' memory.
pub fn with_peers<R>(f: impl FnOnce(&mut Peers) -> R) -> R {
    with_engine(|engine| f(&mut engine.core.reach))
}

impl Request {
    /// Whether it is a send of which nothing was kept, since it was complete at
    /// once.
    #[inline]
    #[must_use]
    pub fn is_sent(&self) -> bool {
        matches!(self.0, Inner::Sent)
    }

    /// Whether it has completed. Does not make progress.
    #[inline]
    #[must_use]
    pub fn is_done(&self) -> bool {
        match &self.0 {
            Inner::Sent => true,
            Inner::State(state) => state.done.get(),
        }
    }

    /// How it ended.
    ///
    /// # Panics
    /// If it has not completed: a bug of the caller.
    #[must_use]
    pub fn finish(self) -> Completion {
        match self.0 {
            Inner::Sent => request::sent(),
            Inner::State(state) => {
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
        match &self.0 {
            Inner::Sent => request::sent(),
            Inner::State(state) => {
                assert!(state.done.get(), "a look at a request that is under way");
                let mut completion = state.completion();
                if let Some(error) = completion.error.take() {
                    let copy = Error::new(error.class(), error.text());
                    state.fail(error);
                    completion.error = Some(copy);
                }
                completion
            }
        }
    }

    /// What it waits for.
    #[must_use]
    pub fn waits_for(&self) -> WaitFor {
        match &self.0 {
            Inner::Sent => WaitFor::NOTHING,
            Inner::State(state) => WaitFor {
                kind: if state.is_send {
                    WaitKind::Send
                } else {
                    WaitKind::Receive
                },
                peer: if state.is_send {
                    state.peer.get().cast_signed()
                } else {
                    recv::expected(state)
                },
                tag: if state.is_send {
                    state.tag.get()
                } else {
                    state.pattern.tag.unwrap_or(-1)
                },
                context: state.context,
            },
        }
    }

    /// Says that this thread waits for it alone, or no more: nothing that comes after
    /// what completes it is looked at then.
    fn set_awaited(&self, awaited: bool) {
        if let Inner::State(state) = &self.0
            && !lock::is_multiple()
        {
            with_engine(|engine| engine.core.awaited = awaited.then(|| state.clone()));
        }
    }

    /// Asks for it to be cancelled. Whether it was, its completion says.
    pub fn cancel(&self) {
        if let Inner::State(state) = &self.0 {
            if state.is_send {
                send::cancel(state);
            } else {
                recv::cancel(state);
            }
        }
    }
}
