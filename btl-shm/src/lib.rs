//! Byte transfer between processes of one machine that share a job segment. Knows no MPI.
//!
//! This page is the contract: what the layer above (in Lariat `runtime/src/pml`) may call, and
//! what both sides rely on.
//!
//! # What there is to call
//!
//! | to | call |
//! |---|---|
//! | send a header with a few bytes or numbers | [`Outgoing`] `send_inline`, `send_words`, `send_bulk`, `send_piece` |
//! | receive, in each peer's order | [`Incoming::poll`], [`Incoming::take_if`] |
//! | copy straight from or to a peer's memory | [`peer::Peers`]: `reach` and `window`, then [`mod@copy`]; `cma`, then [`peer::cma`] |
//! | let peers reach memory of one's own | [`region::heap`]; `Peers::is_exported` says whether they do |
//! | copy one message by two ranks | [`cooperative`]: the receiver's [`cooperative::ReceiverSide`], the sender's [`cooperative::SenderSide`] |
//! | exchange a few bytes in a group | [`board::Board`] |
//! | tell a group something | [`bulletin::Bulletin`] |
//! | sleep, and wake who sleeps | [`wait::Waiter`], [`wait::ring_bell`] |
//! | stay right across fork and exec | nothing: [`recall`] does it; [`recall::forked`] tells a child |
//!
//! A message's bytes travel in one of four ways, by size and by what the peer can reach:
//! in the cell itself and the lines behind it (up to [`INLINE`] bytes; up to 40 share a cache
//! line with the header), in
//! the ring's bulk area, in a fragment of the sender's pool, or not at all through the
//! segment, by a single copy between the two buffers.
//!
//! # Who may write what
//!
//! * A ring has one producer and one consumer. The producer writes cells and bulk bytes,
//!   the consumer only its counts of what it has consumed. A cell is the consumer's from
//!   the store of its stamp until the count passes it; to the last cell the producer may
//!   add messages with the same header.
//! * A fragment is its owner's until a cell names it, then the reader's until the reader
//!   gives it back.
//! * A board's post is written by its member alone, and not again before every member
//!   has read it.
//! * An entry of a bulletin is written by its writer alone, and not again before every reader
//!   is through with it; a reader writes its count only.
//! * A slot of a cooperative copy belongs to the receiver; both sides change its claims
//!   by compare-exchange, and only the helper counts what it has finished.
//! * A rank writes its own record in the segment, but for two words: peers push new rings
//!   onto `incoming` and clear `asleep`.
//!
//! Everything that another process may write is read once, then checked, and never used
//! as `&T`: an offset or a length that cannot be right stops the job by name
//! (`wireup::segment::Scribbled`), it does not lead outside of the mapping.
//!
//! # What is never refused, and what may be
//!
//! A full ring, an empty pool, slots that are all in use are no errors: the caller keeps
//! what it has and tries again after progress. A ring's order is the order of the calls
//! that put cells into it. Nothing here waits for a peer but [`wait::Waiter::sleep`], and
//! whoever puts something where a peer waits for it rings its bell afterwards (the calls
//! of [`Outgoing`] do).
//!
//! # When memory may go away
//!
//! * The job segment: never, as long as the process lives. Rings, pools, boards, bulletins
//!   and slots are allocated from it and are not freed.
//! * A peer's memory reached by the heap file ([`peer::Reached::Mapped`]): the mapping
//!   stays. Pages that the owner has given back read as zeros.
//! * A peer's memory reached by the driver ([`peer::Reached::Attached`]): at any moment,
//!   and the pointer is good until the next call only. It is touched by [`mod@copy`]
//!   alone, which returns a [`fault::Fault`] where a plain load would be SIGBUS.
//! * A peer's memory reached by the kernel's copy: at any moment; an error says how many
//!   bytes were copied before.
//!
//! Other processes may write memory while it is copied, theirs and what they reach of
//! ours: a copy may be a mixture of old and new bytes, and only what the protocol above
//! has ordered is whole.
//!
//! # Fork, exec, exit
//!
//! A forked child is no rank. It gets private copies of all shared memory before user
//! code runs in it ([`recall`]), has no attachments, and must not use rings, boards or
//! slots. An exec drops everything: mappings go with the address space, descriptors are
//! close-on-exec. When a rank ends, however it does, its peers keep what they have mapped
//! of the heap file, and get an error that names it from every other arm.
//!
//! # The files
//!
//! ```text
//! ring.rs      one direction between two ranks: cells and bulk bytes
//! fragment.rs  a rank's pool of large pieces, given back by their readers
//! endpoint.rs  all rings of a rank: opened on first use, found by the peer
//! board.rs     posts of a group's members that every member reads
//! bulletin.rs  entries of one member that all others read
//! departures.rs members that are through with one of these
//! cooperative.rs who copies which part of a message that two ranks copy together
//! wait.rs      doorbells, and sleeping until one rings
//! copy/        copies by size and place, in kernels for each architecture
//! fault/       faults in copies of attached memory, as errors
//! peer/        reaching a peer's memory
//! region/      memory made of shared pages; the regions of this process
//! recall/      fork, exec and exit: who lets go of what, in which order
//! valgrind.rs  whether a checker watches what this process writes
//! prefetch.rs  lines asked for before they are needed
//! sync.rs      the atomics, for which loom stands in in tests
//! ```

pub mod board;
pub mod bulletin;
pub mod cooperative;
#[cfg(not(loom))]
pub mod copy;
mod departures;
#[cfg(not(loom))]
pub mod endpoint;
#[cfg(not(loom))]
pub mod fault;
#[cfg(not(loom))]
pub mod fragment;
#[cfg(not(loom))]
pub mod peer;
pub mod prefetch;
#[cfg(not(loom))]
pub mod recall;
#[cfg(not(loom))]
pub mod region;
pub mod ring;
mod sync;
pub mod valgrind;
#[cfg(not(loom))]
pub mod wait;

#[cfg(not(loom))]
pub use endpoint::{Arrival, Incoming, Outgoing, Sent};
pub use ring::{Envelope, INLINE};
