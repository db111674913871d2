//! Arguments of the topology calls: graphs, edges, weights, and arrays of ranks
//! with the room that there is for them.

use super::consts::{MPI_UNWEIGHTED, MPI_WEIGHTS_EMPTY};
use super::pointer::{slice, slice_mut};
use crate::abi::arg::number;
use crate::error::Result;
use crate::fail;
use crate::object::topology::{DistGraph, Graph};
use crate::topo::graph;
use std::ffi::c_int;

/// The length of a list that came out of `int`s.
pub fn len_of(list: &[i32]) -> c_int {
    c_int::try_from(list.len()).unwrap_or(c_int::MAX)
}

/// A graph of `nnodes` nodes.
///
/// # Safety
/// `indx` is null or good for reading `nnodes` elements, and `edges` as many as
/// the last of these says.
///
/// # Errors
/// `MPI_ERR_ARG`: a null pointer, or no graph.
pub unsafe fn graph_arg(nnodes: c_int, indx: *const c_int, edges: *const c_int) -> Result<Graph> {
    let nnodes = number(nnodes, "nnodes")?;
    // SAFETY: as the caller said.
    let index = unsafe { slice(indx, nnodes, "indx") }?;
    graph::graph(index, &[])?;
    let count = number(index.last().copied().unwrap_or(0), "the last of indx")?;
    // SAFETY: as the caller said.
    let edges = unsafe { slice(edges, count, "edges") }?;
    graph::graph(index, edges)
}

/// The number of edges that `degrees` make.
///
/// # Errors
/// `MPI_ERR_ARG`: one is negative.
pub fn sum_degrees(degrees: &[c_int]) -> Result<usize> {
    let mut sum = 0;
    for (i, degree) in degrees.iter().enumerate() {
        sum += number(*degree, &format!("degrees[{i}]"))?;
    }
    Ok(sum)
}

/// The weights of `count` edges; `None` for `MPI_UNWEIGHTED`.
///
/// # Safety
/// `at` is null, a constant, or good for reading `count` elements.
///
/// # Errors
/// `MPI_ERR_ARG`: a null pointer, or `MPI_WEIGHTS_EMPTY` although there are edges.
pub unsafe fn weights_arg<'a>(
    at: *const c_int,
    count: usize,
    what: &str,
) -> Result<Option<&'a [c_int]>> {
    if std::ptr::eq(at, MPI_UNWEIGHTED) {
        return Ok(None);
    }
    if std::ptr::eq(at, MPI_WEIGHTS_EMPTY) {
        if count != 0 {
            fail!(
                ARG,
                "{what} is MPI_WEIGHTS_EMPTY, but there are {count} edges"
            );
        }
        return Ok(Some(&[]));
    }
    // SAFETY: as the caller said; it is no constant.
    unsafe { slice(at, count, what) }.map(Some)
}

/// Names of the arguments for edges to this process: how many, whose, weights.
pub const INWARD: [&str; 3] = ["indegree", "sources", "sourceweights"];
/// Names of the arguments for edges from this process.
pub const OUTWARD: [&str; 3] = ["outdegree", "destinations", "destweights"];

/// The ranks at the other ends of edges, and their weights.
pub type EdgeArgs<'a> = (&'a [c_int], Option<&'a [c_int]>);

/// This process's edges in one direction.
///
/// # Safety
/// The pointers are null, constants, or good for reading `degree` elements.
///
/// # Errors
/// `MPI_ERR_ARG`: a negative degree or a null pointer.
pub unsafe fn edges_arg<'a>(
    degree: c_int,
    ranks: *const c_int,
    weights: *const c_int,
    names: [&str; 3],
) -> Result<EdgeArgs<'a>> {
    let count = number(degree, names[0])?;
    // SAFETY: as the caller said.
    unsafe {
        Ok((
            slice(ranks, count, names[1])?,
            weights_arg(weights, count, names[2])?,
        ))
    }
}

/// Both directions together.
///
/// # Errors
/// `MPI_ERR_ARG`: `MPI_UNWEIGHTED` in one direction only.
pub fn join_edges(inward: EdgeArgs<'_>, outward: EdgeArgs<'_>) -> Result<DistGraph> {
    let weights = match (inward.1, outward.1) {
        (None, None) => None,
        (Some(inward), Some(outward)) => Some((inward.to_vec(), outward.to_vec())),
        _ => fail!(
            ARG,
            "one of sourceweights and destweights is MPI_UNWEIGHTED, but not the other"
        ),
    };
    Ok(DistGraph {
        sources: inward.0.to_vec(),
        destinations: outward.0.to_vec(),
        weights,
    })
}

/// Writes all of `list`, for which there must be room. `names` are the array's
/// and the room's.
///
/// # Safety
/// `at` is null or good for writing `room` elements.
///
/// # Errors
/// `MPI_ERR_ARG`: too little room, or a null pointer.
pub unsafe fn put_all(at: *mut c_int, room: c_int, names: [&str; 2], list: &[i32]) -> Result<()> {
    let [what, room_name] = names;
    let room = number(room, room_name)?;
    if room < list.len() {
        let need = list.len();
        fail!(ARG, "{room_name} is {room}, but {what} has {need} elements");
    }
    // SAFETY: as the caller said; there is room.
    unsafe { slice_mut(at, list.len(), what) }?.copy_from_slice(list);
    Ok(())
}

/// Writes as much of `list` as there is room for.
///
/// # Safety
/// `at` is null or good for writing `room` elements.
///
/// # Errors
/// `MPI_ERR_ARG`: negative room, or a null pointer.
pub unsafe fn put_first(at: *mut c_int, room: c_int, names: [&str; 2], list: &[i32]) -> Result<()> {
    let count = list.len().min(number(room, names[1])?);
    // SAFETY: as the caller said; there is room.
    unsafe { slice_mut(at, count, names[0]) }?.copy_from_slice(&list[..count]);
    Ok(())
}

/// As [`put_first`], unless the caller does not want weights.
///
/// # Safety
/// `at` is null, a constant, or good for writing `room` elements.
///
/// # Errors
/// `MPI_ERR_ARG`: negative room, or a null pointer.
pub unsafe fn put_weights(
    at: *mut c_int,
    room: c_int,
    names: [&str; 2],
    list: &[i32],
) -> Result<()> {
    if at == MPI_UNWEIGHTED || at == MPI_WEIGHTS_EMPTY {
        return Ok(());
    }
    // SAFETY: as the caller said; it is no constant.
    unsafe { put_first(at, room, names, list) }
}
