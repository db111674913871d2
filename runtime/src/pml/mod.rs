//! Point-to-point messaging: what `coll`, `topo`, `rma` and `abi` call.
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
//! send.rs recv.rs probe.rs bsend.rs     starting operations
//! short.rs                              … those of short messages, where nothing is special
//! partitioned/                          messages in parts that become ready one by one
//! cancel.rs                             cancelling them
//! progress.rs                           progress and waiting
//! start.rs                              starting and stopping all of it
//! far.rs                                processes of other jobs
//!
//! engine.rs                             the parts of the engine
//! outgoing.rs arrival.rs                how a send begins; what arrives, and meets
//! expected.rs                           blocking receives before they are posted
//! protocol.rs                           which protocol carries a message (pure)
//! rndv/                                 the protocols of announced messages
//! learnt/                               what is learnt of messages
//! unexpected.rs matching.rs             messages without a receive; which takes which
//! levels.rs                             how long queues are, for tools
//! counters.rs events.rs                 what is counted, and what happens, for tools
//! queues.rs                             what waits for room
//! request.rs memory.rs check.rs         an operation under way; its bytes; their types
//!
//! wire.rs place.rs                      what engines say to each other, as types
//! transport.rs shm.rs active.rs         what carries it: the contract, shared memory
//! waiter.rs publish.rs fatal.rs         waiting, what is waited for, and the end
//!
//! board.rs bulletin.rs collective.rs    what collectives need beyond messages
//! remote.rs                             … and one-sided communication
//! ```
//!
//! Imports go down this list, and in no circle.

mod active;
mod arrival;
pub mod attend;
pub mod board;
pub mod bsend;
mod buffer_check;
pub mod bulletin;
mod cancel;
mod check;
pub mod collective;
pub mod counters;
mod engine;
pub mod events;
mod expected;
pub mod far;
mod fatal;
mod learnt;
pub mod levels;
pub mod matching;
mod memory;
mod outgoing;
pub mod partitioned;
mod place;
pub mod probe;
pub mod progress;
mod protocol;
mod publish;
mod queues;
mod recv;
pub mod remote;
mod request;
mod rndv;
mod send;
#[cfg(not(feature = "socket-transport"))]
mod shm;
mod short;
#[cfg(feature = "socket-transport")]
#[path = "../../../tests/transport/socket.rs"]
mod socket;
mod start;
#[cfg_attr(feature = "socket-transport", allow(dead_code))] // it reaches no memory
mod transport;
mod unexpected;
mod waiter;
mod wire;

pub use buffer_check::{OperationCheck, given_back};
pub use cancel::cancel;
pub use check::{in_words, signature, signature_of_bytes};
pub use engine::discard;
pub use memory::{Buffer, pack};
pub use progress::{
    complete, leaving, off_progress, on_progress, on_stall, poll, poll_at_times, progress, stop,
    unreceived, wait, wait_or,
};
pub use publish::{WaitFor, is_attentive};
pub use recv::{irecv, irecv_run, post, recv, take_soon};
pub use request::{Completion, Request};
pub use send::{Mode, isend, isend_any, send, send_any};
pub use short::{receive as receive_short, send as send_short};
pub use start::{
    Mapping, Start, all_started, arms, detach, map, meet_nodes, protocols, start, try_arms,
};
pub use transport::JobPlace;
pub use waiter::{ShortSleeps, tell_threads, wake, wake_own};
