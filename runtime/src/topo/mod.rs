//! Process topologies (MPI 5.0, chapter 8).
//!
//! [`cart`], [`dims`] and [`graph`] are arithmetic, [`reorder`] chooses which
//! process takes which rank, [`make`] makes communicators. What a communicator
//! stores is `object::topology`.

pub mod cart;
pub mod dims;
pub mod graph;
pub mod make;
pub mod reorder;

use crate::error::Result;
use crate::fail;
use crate::object::comm::Comm;
use crate::object::topology::{Cart, DistGraph, Graph, Topology};

/// `MPI_CART`, `MPI_GRAPH`, `MPI_DIST_GRAPH` or `MPI_UNDEFINED`: what
/// `MPI_Topo_test` says.
#[must_use]
pub fn test(comm: &Comm) -> i32 {
    match &comm.topology {
        Some(Topology::Cart(_)) => 211,
        Some(Topology::Graph(_)) => 212,
        Some(Topology::DistGraph(_)) => 213,
        None => crate::object::group::UNDEFINED,
    }
}

/// The grid of `comm`.
///
/// # Errors
/// It has none.
pub fn cart_of(comm: &Comm) -> Result<&Cart> {
    match &comm.topology {
        Some(Topology::Cart(cart)) => Ok(cart),
        _ => fail!(TOPOLOGY, "{} has no Cartesian topology", comm.label()),
    }
}

/// The graph of `comm`.
///
/// # Errors
/// It has none.
pub fn graph_of(comm: &Comm) -> Result<&Graph> {
    match &comm.topology {
        Some(Topology::Graph(graph)) => Ok(graph),
        _ => fail!(TOPOLOGY, "{} has no graph topology", comm.label()),
    }
}

/// The distributed graph of `comm`.
///
/// # Errors
/// It has none.
pub fn dist_graph_of(comm: &Comm) -> Result<&DistGraph> {
    match &comm.topology {
        Some(Topology::DistGraph(graph)) => Ok(graph),
        _ => fail!(
            TOPOLOGY,
            "{} has no distributed graph topology",
            comm.label()
        ),
    }
}

/// A rank of `comm`, checked.
///
/// # Errors
/// `comm` has no such rank.
pub fn member(comm: &Comm, rank: i32) -> Result<i32> {
    let size = comm.size();
    if u32::try_from(rank).map_or(true, |rank| rank >= size) {
        fail!(
            RANK,
            "rank is {rank}, but {} has ranks 0 to {}",
            comm.label(),
            size.saturating_sub(1)
        );
    }
    Ok(rank)
}

/// The sources and destinations of this process in neighbourhood collectives on
/// `comm`, in the standard's order (section 8.6): in a grid, along each dimension
/// the neighbour before, then the one behind, `MPI_PROC_NULL` past an edge.
///
/// # Errors
/// `comm` has no topology.
pub fn neighbors(comm: &Comm) -> Result<(Vec<i32>, Vec<i32>)> {
    let rank = i32::try_from(comm.rank).unwrap_or(i32::MAX);
    let both = match &comm.topology {
        Some(Topology::Cart(cart)) => cart::neighbors(cart, rank),
        Some(Topology::Graph(all)) => graph::neighbors(all, rank).unwrap_or(&[]).to_vec(),
        Some(Topology::DistGraph(own)) => {
            return Ok((own.sources.clone(), own.destinations.clone()));
        }
        None => fail!(
            TOPOLOGY,
            "{} has no topology, which a neighbourhood collective needs",
            comm.label()
        ),
    };
    Ok((both.clone(), both))
}
