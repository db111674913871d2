//! Communicators with a topology (MPI 5.0, section 8.5). Ranks keep their order
//! for now, which `reorder` allows.

use super::{cart, cart_of};
use crate::comm_make::{intra, split};
use crate::error::Result;
use crate::fail;
use crate::handle::Raw;
use crate::object::comm::Comm;
use crate::object::group::Group;
use crate::object::topology::{Cart, DistGraph, Graph, Topology};
use std::sync::Arc;

/// The first `count` processes of `comm`.
fn first(comm: &Comm, count: usize, what: &str) -> Result<Group> {
    intra::only_intra(comm)?;
    let size = comm.size() as usize;
    if count > size {
        fail!(
            DIMS,
            "{what} has {count} processes, but {} has {size}",
            comm.label()
        );
    }
    let procs = comm.group.iter().take(count).collect();
    Ok(Group::of(procs).within(comm.group.session()))
}

/// `MPI_Cart_create`: [`crate::object::comm::NULL`] at processes beyond the grid.
///
/// # Errors
/// The grid has more processes than `comm`, which is an intercommunicator, or it
/// could not be made.
pub fn cart(comm: &Arc<Comm>, grid: Cart) -> Result<Raw> {
    let size = usize::try_from(cart::size(&grid)).unwrap_or(usize::MAX);
    let group = first(comm, size, "the grid")?;
    intra::create_with(comm, &group, Topology::Cart(grid))
}

/// `MPI_Cart_sub`.
///
/// # Errors
/// `comm` has no grid, or the communicator could not be made.
pub fn cart_sub(comm: &Arc<Comm>, remain: &[bool]) -> Result<Raw> {
    let rank = i32::try_from(comm.rank).unwrap_or(i32::MAX);
    let (grid, color, key) = cart::sub(cart_of(comm)?, rank, remain);
    split::with_topology(comm, color, key, Topology::Cart(grid))
}

/// `MPI_Graph_create`: [`crate::object::comm::NULL`] at processes beyond the
/// graph.
///
/// # Errors
/// The graph has more nodes than `comm` processes, which is an
/// intercommunicator, or it could not be made.
pub fn graph(comm: &Arc<Comm>, graph: Graph) -> Result<Raw> {
    let group = first(comm, graph.index.len(), "the graph")?;
    intra::create_with(comm, &group, Topology::Graph(graph))
}

/// `MPI_Dist_graph_create_adjacent`: each process gives its own edges.
///
/// # Errors
/// An edge ends outside of `comm`, a weight is negative, or the communicator
/// could not be made.
pub fn dist_graph_adjacent(comm: &Arc<Comm>, graph: DistGraph) -> Result<Raw> {
    intra::only_intra(comm)?;
    ranks(comm, &graph.sources, "sources")?;
    ranks(comm, &graph.destinations, "destinations")?;
    if let Some((inward, outward)) = &graph.weights {
        weights(inward, "sourceweights")?;
        weights(outward, "destweights")?;
    }
    intra::create_with(comm, &comm.group, Topology::DistGraph(graph))
}

/// Edges as one process gives them to `MPI_Dist_graph_create`: from each source
/// as many as its degree says, to the destinations in turn.
#[derive(Clone, Copy, Debug)]
pub struct Edges<'a> {
    /// Where edges begin.
    pub sources: &'a [i32],
    /// How many begin there.
    pub degrees: &'a [i32],
    /// Where they end.
    pub destinations: &'a [i32],
    /// What they weigh, if anything is weighed.
    pub weights: Option<&'a [i32]>,
}

/// `MPI_Dist_graph_create`: any process gives any edges. A process's neighbours
/// come in the order of the ranks that gave the edges, and of the edges there.
///
/// # Errors
/// An edge begins or ends outside of `comm`, a weight is negative, or the
/// communicator could not be made.
pub fn dist_graph(comm: &Arc<Comm>, edges: Edges<'_>) -> Result<Raw> {
    intra::only_intra(comm)?;
    ranks(comm, edges.sources, "sources")?;
    ranks(comm, edges.destinations, "destinations")?;
    weights(edges.weights.unwrap_or(&[]), "weights")?;
    let all = split::everybodys(comm, &flatten(edges))?;
    let me = i32::try_from(comm.rank).unwrap_or(i32::MAX);
    let topology = Topology::DistGraph(own_edges(&all, me));
    intra::create_with(comm, &comm.group, topology)
}

/// `[weighted, source, destination, weight, …]`.
fn flatten(edges: Edges<'_>) -> Vec<u32> {
    let mut words = vec![u32::from(edges.weights.is_some())];
    let mut at = 0;
    for (source, degree) in edges.sources.iter().zip(edges.degrees) {
        for _ in 0..*degree {
            let weight = edges.weights.map_or(1, |weights| weights[at]);
            let edge = [*source, edges.destinations[at], weight];
            words.extend(edge.map(i32::cast_unsigned));
            at += 1;
        }
    }
    words
}

/// Those of everybody's edges that begin or end at `me`.
fn own_edges(all: &[Vec<u32>], me: i32) -> DistGraph {
    let (mut sources, mut destinations) = (Vec::new(), Vec::new());
    let (mut inward, mut outward) = (Vec::new(), Vec::new());
    let mut weighted = false;
    for words in all {
        let Some((flag, edges)) = words.split_first() else {
            continue;
        };
        weighted |= *flag != 0;
        for edge in edges.as_chunks::<3>().0 {
            let [source, destination, weight] = edge.map(u32::cast_signed);
            if destination == me {
                sources.push(source);
                inward.push(weight);
            }
            if source == me {
                destinations.push(destination);
                outward.push(weight);
            }
        }
    }
    DistGraph {
        sources,
        destinations,
        weights: weighted.then_some((inward, outward)),
    }
}

fn ranks(comm: &Comm, ranks: &[i32], what: &str) -> Result<()> {
    let size = comm.size();
    for (i, rank) in ranks.iter().enumerate() {
        if u32::try_from(*rank).map_or(true, |rank| rank >= size) {
            fail!(
                ARG,
                "{what}[{i}] is {rank}, but {} has ranks 0 to {}",
                comm.label(),
                size.saturating_sub(1)
            );
        }
    }
    Ok(())
}

fn weights(weights: &[i32], what: &str) -> Result<()> {
    match weights.iter().position(|weight| *weight < 0) {
        Some(i) => fail!(ARG, "{what}[{i}] is {}, which is negative", weights[i]),
        None => Ok(()),
    }
}

/// `MPI_Cart_map` and `MPI_Graph_map`: the rank here in a topology of `count`
/// processes, `MPI_UNDEFINED` beyond it.
///
/// # Errors
/// `comm` has fewer processes.
pub fn map(comm: &Comm, count: usize, what: &str) -> Result<i32> {
    let group = first(comm, count, what)?;
    let inside = comm.rank < group.size();
    let rank = i32::try_from(comm.rank).ok().filter(|_| inside);
    Ok(rank.unwrap_or(crate::object::group::UNDEFINED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_find_both_their_ends() {
        let first = Edges {
            sources: &[0, 2],
            degrees: &[2, 1],
            destinations: &[1, 2, 0],
            weights: Some(&[5, 6, 7]),
        };
        let second = Edges {
            sources: &[0],
            degrees: &[1],
            destinations: &[1],
            weights: Some(&[8]),
        };
        let all = [flatten(first), flatten(second)];
        let zero = own_edges(&all, 0);
        assert_eq!((zero.sources, zero.destinations), (vec![2], vec![1, 2, 1]));
        assert_eq!(zero.weights, Some((vec![7], vec![5, 6, 8])));
        let one = own_edges(&all, 1);
        assert_eq!((one.sources, one.destinations), (vec![0, 0], vec![]));
        assert_eq!(own_edges(&[vec![0]], 0).weights, None);
    }
}
