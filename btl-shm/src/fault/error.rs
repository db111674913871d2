//! What a copy says when memory of a peer is not there.

use std::fmt;

/// Memory of a peer that was not there when it was copied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The address in this process.
    pub addr: u64,
    /// The peer's rank.
    pub peer: u32,
    /// The address in the peer's process.
    pub peer_addr: u64,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "rank {}'s memory at {:#x} is not there: it was unmapped or protected, or the rank has ended",
            self.peer, self.peer_addr
        )
    }
}

impl std::error::Error for Fault {}
