//! Bytes between two processes of one machine. Knows no MPI.
//!
//! What the layer above may call:
//! * [`Outgoing`]: put a cell, with its bytes, into the ring towards a peer;
//! * [`Incoming`]: take the cells that peers have put, in each peer's order;
//! * [`peer`]: copy straight out of a peer's memory where that was probed to work;
//! * [`copy`] and [`fault`]: those copies, under a guard for memory that may go;
//! * [`wait`]: spin, pause, yield and sleep until something arrives.
//!
//! Bytes travel in one of three carriers, by size: inside the cell itself (up to
//! [`INLINE`] bytes, so that payload and flag share a cache line), in the ring's
//! bulk area, or in a fragment of the sender's pool. A full ring is no error: the
//! caller keeps what it has and tries again after progress.
//!
//! ```text
//! ring.rs      one direction between two ranks: cells and bulk bytes
//! fragment.rs  a rank's pool of large pieces, given back by their readers
//! endpoint.rs  all rings of a rank: opened on first use, found by the peer
//! board.rs     posts of a group's members that every member reads
//! joint.rs     who copies which part of a message that two ranks copy together
//! wait.rs      doorbells and the stages of waiting
//! copy.rs      copies by size and place, in kernels of a folder of the name
//! fault.rs     faults in copies of attached memory, as errors
//! peer/        reaching a peer's memory
//! region/      memory made of shared pages; the regions of this process
//! valgrind.rs  whether a checker watches what this process writes
//! prefetch.rs  lines asked for before they are needed
//! recall/      fork, exec and exit: who lets go of what, in which order
//! ```

pub mod board;
#[cfg(not(loom))]
pub mod copy;
#[cfg(not(loom))]
pub mod endpoint;
#[cfg(not(loom))]
pub mod fault;
#[cfg(not(loom))]
pub mod fragment;
pub mod joint;
#[cfg(not(loom))]
pub mod peer;
pub mod prefetch;
#[cfg(not(loom))]
pub mod recall;
#[cfg(not(loom))]
pub mod region;
pub mod ring;
pub mod sync;
pub mod valgrind;
#[cfg(not(loom))]
pub mod wait;

#[cfg(not(loom))]
pub use endpoint::{Arrival, Incoming, Outgoing, Sent};
pub use ring::{Envelope, INLINE};
