//! Neighbourhood collectives (MPI 5.0, section 8.6).

use super::plan::{Block, Plan};

/// One edge of a process topology, as seen from a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    /// The neighbour; `None` past the border of a Cartesian grid.
    pub(super) peer: Option<u32>,
    /// Which of two edges between the same neighbours: in a Cartesian grid,
    /// messages that travel upwards are kept apart from those that travel
    /// downwards, for both neighbours may be the same process.
    pub(super) upward: bool,
}

/// Receives along every edge in, and sends along every edge out.
pub(super) fn exchange(
    plan: &mut Plan,
    sources: &[Edge],
    destinations: &[Edge],
    into: impl Fn(usize) -> Block,
    out: impl Fn(usize) -> Block,
) {
    for (i, edge) in sources.iter().enumerate() {
        if let Some(peer) = edge.peer {
            plan.by(edge.upward);
            plan.receive(peer, into(i));
        }
    }
    for (i, edge) in destinations.iter().enumerate() {
        if let Some(peer) = edge.peer {
            plan.by(edge.upward);
            plan.send(peer, out(i));
        }
    }
    plan.by(false);
    plan.wait();
}
