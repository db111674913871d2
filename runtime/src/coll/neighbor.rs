//! Neighbourhood collectives (MPI 5.0, section 8.6).

use super::args::Call;
use super::block::Block;
use super::operands::{PlannedParts, block_of};
use super::plan::Plan;
use crate::error::Result;
use crate::object::comm::Comm;
use crate::object::topology::{NeighborEdge, NeighborEdges, Topology};
use crate::topo;

/// This process's edges in the topology of `comm`.
///
/// # Errors
/// `comm` has no topology.
pub(super) fn edges_of(comm: &Comm) -> Result<&NeighborEdges> {
    if let Some(edges) = comm.edges.get() {
        return Ok(edges);
    }
    let (sources, destinations) = topo::neighbors(comm)?;
    let grid = matches!(comm.topology, Some(Topology::Cart(_)));
    // In a grid, what arrives from the neighbour below (the even ones) travels
    // upwards, as does what is sent to the one above.
    let edge = |(i, peer): (usize, i32), from: usize| NeighborEdge {
        peer: u32::try_from(peer).ok(),
        upward: grid && i % 2 == from,
    };
    let list = |peers: Vec<i32>, from: usize| {
        let edges = peers.into_iter().enumerate();
        edges.map(|peer| edge(peer, from)).collect()
    };
    Ok(comm.edges.get_or_init(|| NeighborEdges {
        sources: list(sources, 0),
        destinations: list(destinations, 1),
    }))
}

/// Appends the steps of this rank for `call`, a neighbourhood collective.
pub(super) fn plan(plan: &mut Plan, edges: &NeighborEdges, call: &Call<'_>) {
    match call {
        Call::NeighborAllgather(send, receive) => {
            let own = block_of(plan, send);
            let parts = PlannedParts::new(plan, receive);
            exchange(plan, edges, |i| parts.part(i), |_| own);
        }
        Call::NeighborAlltoall(send, receive) => {
            let out = PlannedParts::new(plan, send);
            let into = PlannedParts::new(plan, receive);
            exchange(plan, edges, |i| into.part(i), |i| out.part(i));
        }
        // Not among neighbours.
        _ => {}
    }
}

/// Receives along every edge in, and sends along every edge out.
fn exchange(
    plan: &mut Plan,
    edges: &NeighborEdges,
    into: impl Fn(usize) -> Block,
    out: impl Fn(usize) -> Block,
) {
    for (i, edge) in edges.sources.iter().enumerate() {
        if let Some(peer) = edge.peer {
            plan.by(edge.upward);
            plan.receive(peer, into(i));
        }
    }
    for (i, edge) in edges.destinations.iter().enumerate() {
        if let Some(peer) = edge.peer {
            plan.by(edge.upward);
            plan.send(peer, out(i));
        }
    }
    plan.by(false);
    plan.wait();
}
