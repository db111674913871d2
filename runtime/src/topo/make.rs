//! Communicators with a topology (MPI 5.0, section 8.5).
//!
//! Where the caller lets ranks be reordered, [`reorder`] says which process takes
//! which rank. Everything it decides by is the same at every process, so nobody
//! has to be told: the segment says where ranks are bound, a grid or a graph is
//! given by all, and the edges of a distributed graph are gathered by all.

use super::reorder::{self, Edge};
use super::{cart, cart_of};
use crate::comm_make::{intra, split};
use crate::error::Result;
use crate::fail;
use crate::handle::Raw;
use crate::job;
use crate::object::comm::Comm;
use crate::object::group::{Group, UNDEFINED};
use crate::object::topology::{Cart, DistGraph, Graph, Topology};
use std::sync::Arc;
use wireup::collective::Kind;
use wireup::layout::PLACE_LEVELS;

const ADJACENT: Kind = Kind::DIST_GRAPH_CREATE_ADJACENT;

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

/// Where the members of `group` are bound, by rank. Of processes of other jobs and nodes it
/// is not known, so that of such a group nothing is said at all: all members must see the
/// same.
fn places(group: &Group) -> Vec<reorder::Place> {
    if group.has_foreign() {
        return vec![[u32::MAX; PLACE_LEVELS]; group.size() as usize];
    }
    group.iter().map(|proc| job::place(proc.0)).collect()
}

/// The members of `group` in the order that `order` names their ranks.
fn ordered(group: &Group, order: &[usize]) -> Group {
    let rank = |at: &usize| u32::try_from(*at).ok();
    let procs = order.iter().filter_map(|at| group.proc(rank(at)?));
    Group::of(procs.collect())
}

/// The processes of `grid`, by rank: the first ones of `comm`, in their order or
/// in the one that is best for the grid.
fn cart_group(comm: &Comm, grid: &Cart, reorder: bool) -> Result<Group> {
    let size = usize::try_from(cart::size(grid)).unwrap_or(usize::MAX);
    let group = first(comm, size, "the grid")?;
    Ok(match reorder && !group.has_foreign() {
        true => ordered(&group, &reorder::for_cart(grid, &places(&group))),
        false => group,
    })
}

/// The processes of `graph`, by rank, as [`cart_group`].
fn graph_group(comm: &Comm, graph: &Graph, reorder: bool) -> Result<Group> {
    let group = first(comm, graph.index.len(), "the graph")?;
    Ok(match reorder && !group.has_foreign() {
        true => {
            let edges = reorder::graph_edges(graph);
            ordered(&group, &reorder::for_graph(&edges, &places(&group)))
        }
        false => group,
    })
}

/// `MPI_Cart_create`: [`crate::object::comm::NULL`] at processes beyond the grid.
///
/// # Errors
/// The grid has more processes than `comm`, which is an intercommunicator, or it
/// could not be made.
pub fn cart(comm: &Arc<Comm>, grid: Cart, reorder: bool) -> Result<Raw> {
    let group = cart_group(comm, &grid, reorder)?;
    intra::create_with(comm, Kind::CART_CREATE, &group, Topology::Cart(grid))
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
pub fn graph(comm: &Arc<Comm>, graph: Graph, reorder: bool) -> Result<Raw> {
    let group = graph_group(comm, &graph, reorder)?;
    intra::create_with(comm, Kind::GRAPH_CREATE, &group, Topology::Graph(graph))
}

/// `MPI_Dist_graph_create_adjacent`: each process gives the edges of the node
/// whose number is its rank in `comm`. After a reordering it has another node's
/// edges, those that «the process with the same rank in comm_old» gave (section
/// 8.5.5): the edges stay with the ranks, and processes move.
///
/// # Errors
/// An edge ends outside of `comm`, a weight is negative, or the communicator
/// could not be made.
pub fn dist_graph_adjacent(comm: &Arc<Comm>, graph: DistGraph, reorder: bool) -> Result<Raw> {
    intra::only_intra(comm)?;
    ranks(comm, &graph.sources, "sources")?;
    ranks(comm, &graph.destinations, "destinations")?;
    if let Some((inward, outward)) = &graph.weights {
        weights(inward, "sourceweights")?;
        weights(outward, "destweights")?;
    }
    if reorder {
        let all = split::everybodys(comm, ADJACENT, &node_words(&graph))?;
        let all: Vec<DistGraph> = all.iter().map(|words| node_of(words)).collect();
        let (group, rank) = dist_group(comm, &nodes_edges(&all));
        let own = all.into_iter().nth(rank).unwrap_or(graph);
        return intra::create_with(comm, ADJACENT, &group, Topology::DistGraph(own));
    }
    intra::create_with(comm, ADJACENT, &comm.group, Topology::DistGraph(graph))
}

/// The processes of a distributed graph of `edges` by their new rank, and which
/// is this process's.
fn dist_group(comm: &Comm, edges: &[Edge]) -> (Group, usize) {
    let order = reorder::for_graph(edges, &places(&comm.group));
    let own = order.iter().position(|at| *at == comm.rank as usize);
    let own = own.unwrap_or(comm.rank as usize);
    (ordered(&comm.group, &order), own)
}

/// `[weighted, indegree, sources…, destinations…, weights…]`.
fn node_words(node: &DistGraph) -> Vec<u32> {
    let degree = u32::try_from(node.sources.len()).unwrap_or(u32::MAX);
    let mut words = vec![u32::from(node.weights.is_some()), degree];
    let (inward, outward) = node
        .weights
        .as_ref()
        .map_or((&[][..], &[][..]), |both| (&both.0[..], &both.1[..]));
    let lists = [&node.sources, &node.destinations, inward, outward];
    words.extend(lists.into_iter().flatten().map(|n| n.cast_unsigned()));
    words
}

/// What [`node_words`] made words of.
fn node_of(words: &[u32]) -> DistGraph {
    let (weighted, degree, rest) = match words {
        [weighted, degree, rest @ ..] => (*weighted != 0, *degree as usize, rest),
        _ => (false, 0, &[][..]),
    };
    let numbers: Vec<i32> = rest.iter().map(|n| n.cast_signed()).collect();
    let ends = if weighted { rest.len() / 2 } else { rest.len() };
    let (ends, weights) = numbers.split_at(ends);
    let halves = |list: &[i32]| {
        let (inward, outward) = list.split_at(degree.min(list.len()));
        (inward.to_vec(), outward.to_vec())
    };
    let (sources, destinations) = halves(ends);
    DistGraph {
        sources,
        destinations,
        weights: weighted.then(|| halves(weights)),
    }
}

/// The edges that the nodes of a distributed graph send along.
fn nodes_edges(all: &[DistGraph]) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (from, node) in all.iter().enumerate() {
        for (at, to) in node.destinations.iter().enumerate() {
            let weight = node.weights.as_ref().map_or(1, |weights| weights.1[at]);
            edges.extend(edge(from, *to, weight));
        }
    }
    edges
}

fn edge(from: usize, to: i32, weight: i32) -> Option<Edge> {
    let (to, weight) = (usize::try_from(to).ok()?, u64::try_from(weight).ok()?);
    Some(Edge { from, to, weight })
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
/// The edges stay with the ranks, as in [`dist_graph_adjacent`].
///
/// # Errors
/// An edge begins or ends outside of `comm`, a weight is negative, or the
/// communicator could not be made.
pub fn dist_graph(comm: &Arc<Comm>, edges: Edges<'_>, reorder: bool) -> Result<Raw> {
    intra::only_intra(comm)?;
    ranks(comm, edges.sources, "sources")?;
    ranks(comm, edges.destinations, "destinations")?;
    weights(edges.weights.unwrap_or(&[]), "weights")?;
    let all = split::everybodys(comm, Kind::DIST_GRAPH_CREATE, &flatten(edges))?;
    let (group, rank) = match reorder {
        true => dist_group(comm, &all_edges(&all)),
        false => (comm.group.clone(), comm.rank as usize),
    };
    let me = i32::try_from(rank).unwrap_or(i32::MAX);
    let topology = Topology::DistGraph(own_edges(&all, me));
    intra::create_with(comm, Kind::DIST_GRAPH_CREATE, &group, topology)
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

/// Everybody's edges.
fn all_edges(all: &[Vec<u32>]) -> Vec<Edge> {
    let words = all.iter().filter_map(|words| words.get(1..));
    let given = words.flat_map(|words| words.as_chunks::<3>().0);
    let edges = given.filter_map(|words| {
        let [from, to, weight] = words.map(u32::cast_signed);
        edge(usize::try_from(from).ok()?, to, weight)
    });
    edges.collect()
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

/// `MPI_Cart_map`: the rank that this process would get from [`cart()`] with
/// reordering, `MPI_UNDEFINED` beyond the grid.
///
/// # Errors
/// `comm` has fewer processes, or is an intercommunicator.
pub fn cart_map(comm: &Comm, grid: &Cart) -> Result<i32> {
    Ok(own_rank(comm, &cart_group(comm, grid, true)?))
}

/// `MPI_Graph_map`: the rank that this process would get from [`graph`] with
/// reordering, `MPI_UNDEFINED` beyond the graph.
///
/// # Errors
/// `comm` has fewer processes, or is an intercommunicator.
pub fn graph_map(comm: &Comm, graph: &Graph) -> Result<i32> {
    Ok(own_rank(comm, &graph_group(comm, graph, true)?))
}

fn own_rank(comm: &Comm, group: &Group) -> i32 {
    let me = comm.group.proc(comm.rank);
    let rank = me.and_then(|me| group.rank_of(me));
    rank.and_then(|rank| i32::try_from(rank).ok())
        .unwrap_or(UNDEFINED)
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
        let ends: Vec<(usize, usize, u64)> = all_edges(&all)
            .iter()
            .map(|e| (e.from, e.to, e.weight))
            .collect();
        assert_eq!(ends, [(0, 1, 5), (0, 2, 6), (2, 0, 7), (0, 1, 8)]);
    }

    #[test]
    fn nodes_survive_being_sent() {
        for weights in [None, Some((vec![4, 5], vec![6]))] {
            let node = DistGraph {
                sources: vec![1, 2],
                destinations: vec![0],
                weights,
            };
            assert_eq!(node_of(&node_words(&node)), node);
        }
        let none = DistGraph {
            sources: vec![],
            destinations: vec![],
            weights: Some((vec![], vec![])),
        };
        assert_eq!(node_of(&node_words(&none)), none);
    }
}
