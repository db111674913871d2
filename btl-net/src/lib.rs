//! Messages between processes of several machines, over libfabric.
//!
//! libfabric is loaded when [`Net::open`] is called, and not before: what this crate is
//! linked into does without it as long as a job has one machine. There is no C in between:
//! [`api`](self) holds libfabric's tables as they lie in memory.
//!
//! What travels is a [`Cell`] of 72 bytes with up to [`PIECE`] bytes behind it. Messages
//! between two processes arrive in the order in which they were accepted: each carries a
//! number, since libfabric does not promise order for the buffers that are used here, and a
//! number that never comes would be noticed. Each carries the job's secret, too; one that
//! does not is dropped and counted.
//!
//! Nothing here waits. Progress is made inside calls alone: [`Inbox::poll`] and
//! [`Net::send`]. libfabric does not say that a peer has died; who is alive is for others
//! to know.
//!
//! ```text
//! library   finding libfabric, and its few functions
//! api       its structures and tables
//! fabric    the chain of objects from the fabric to an endpoint
//! cell      what is in front of each message
//! endpoint  sending, receiving, order
//! sleep     the descriptor on which a process sleeps
//! ```

mod api;
mod cell;
mod endpoint;
mod fabric;
#[cfg_attr(
    not(target_env = "gnu"),
    expect(
        dead_code,
        unused_imports,
        reason = "libfabric is loaded by glibc only"
    )
)]
mod library;
mod sleep;

pub use cell::Cell;
pub use endpoint::{Inbox, Message, Net, Sleeper};
pub use fabric::Options;
pub use library::{Version, version};

/// The most bytes behind a cell.
pub const PIECE: usize = 64 << 10;

/// Why there is no network, or no way to a peer any more, in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NetError {
    /// The peer that it is about, if it is about one.
    pub peer: Option<u32>,
    /// What happened.
    pub text: String,
}

impl NetError {
    fn new(text: impl Into<String>) -> NetError {
        NetError {
            peer: None,
            text: text.into(),
        }
    }
}

impl std::fmt::Display for NetError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for NetError {}
