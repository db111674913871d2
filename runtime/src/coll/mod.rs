//! Collective operations (MPI 5.0, chapter 6 and section 8.6).
//!
//! A [`Call`] is one operation with its arguments. It is carried out at once
//! ([`run`]), as a request ([`start`]), or as a request that can be started
//! again and again ([`prepare`]).
//!
//! The map: `args` what is asked; `choose` which algorithm; `build` from the one
//! to the other; a file per operation (or two that mirror each other) writes the
//! steps; `inter` does so for intercommunicators; `plan` is the list of steps
//! and `schedule` carries it out, over [`crate::pml`]. Small blocking operations
//! go past all of that, in `direct`.

mod allgather;
mod allreduce;
mod alltoall;
mod args;
mod barrier;
mod bcast;
mod board;
mod build;
mod check;
mod choose;
mod direct;
mod gather;
mod inter;
mod memory;
mod neighbor;
mod plan;
mod reduce;
mod reduce_scatter;
mod scan;
mod schedule;
#[cfg(test)]
mod simulate;
#[cfg(test)]
mod tests;

pub use args::{Call, Ints, Parts, Reduction, Root, Shape};

use crate::error::{Class, Error, Result};
use crate::handle::Raw;
use crate::job;
use crate::object::collective::Tag;
use crate::object::comm::Comm;
use crate::object::topology::Topology;
use crate::pml::{Buffer, collective};
use crate::topo;
use build::Edges;
use neighbor::Edge;
use plan::Plan;
use schedule::Tags;
use std::sync::Arc;
use wireup::collective::Kind;

/// Carries out `call` on `comm` and returns when this rank's part is done.
///
/// # Safety
/// The buffers are good for what the operation does with them, until this
/// returns.
///
/// # Errors
/// A message failed, the ranks do not all do the same, or there is no memory.
#[inline]
pub unsafe fn run(comm: &Arc<Comm>, kind: Kind, call: &Call<'_>) -> Result<()> {
    let is_checked = job::current().is_some_and(|job| job.settings.check);
    let tags = Tags::draw(comm, kind);
    // SAFETY: the caller's promise.
    match unsafe { carry_out(comm, tags, call, is_checked) } {
        Ok(()) => Ok(()),
        // SAFETY: as above.
        Err(error) => unsafe { failed(comm, tags, call, error) },
    }
}

/// What becomes of a collective that failed.
///
/// # Safety
/// As [`run`].
#[cold]
unsafe fn failed(comm: &Arc<Comm>, tags: Tags, call: &Call<'_>, error: Error) -> Result<()> {
    if collective::is_moved(&error) {
        // SAFETY: the caller's promise.
        return unsafe { run(comm, tags.peers.kind(), call) };
    }
    tags.give_up(comm, &error);
    Err(error)
}

/// # Safety
/// As [`run`].
#[inline]
unsafe fn carry_out(comm: &Arc<Comm>, tags: Tags, call: &Call<'_>, is_checked: bool) -> Result<()> {
    if !is_checked {
        // SAFETY: the caller's promise.
        if let Some(result) = unsafe { direct::run(comm, tags.peers, call) } {
            return result;
        }
    }
    let plan = plan_of(comm, tags.peers, call, is_checked)?;
    // SAFETY: the caller's promise.
    unsafe { schedule::run(comm, tags, plan) }
}

/// Starts `call` on `comm`, and names the request.
///
/// # Safety
/// The buffers are good until the request completes.
///
/// # Errors
/// No memory, or no more handles.
pub unsafe fn start(comm: &Arc<Comm>, kind: Kind, call: &Call<'_>) -> Result<Raw> {
    let tags = Tags::draw(comm, kind);
    let plan = made(comm, tags, call)?;
    // SAFETY: the caller's promise.
    unsafe { schedule::start(comm, tags, plan) }
}

/// Makes a persistent request of `call` on `comm`.
///
/// # Safety
/// The buffers are good whenever the request is active.
///
/// # Errors
/// No memory, or no more handles.
pub unsafe fn prepare(comm: &Arc<Comm>, kind: Kind, call: &Call<'_>) -> Result<Raw> {
    let tags = Tags::draw(comm, kind);
    let plan = made(comm, tags, call)?;
    // SAFETY: the caller's promise.
    unsafe { schedule::prepare(comm, tags, plan) }
}

/// The plan of a collective that is a request.
fn made(comm: &Arc<Comm>, tags: Tags, call: &Call<'_>) -> Result<Plan> {
    let is_checked = job::current().is_some_and(|job| job.settings.check);
    let plan = plan_of(comm, tags.peers, call, is_checked);
    if let Err(error) = &plan {
        tags.give_up(comm, error);
    }
    plan
}

/// Has every wait that stalls look whether the collectives that are under way can
/// come to an end. Called when MPI is initialized.
pub use schedule::start_looking;

/// The error of a message that is shorter than what is to be received.
#[cold]
fn too_short(tag: Tag, peer: u32, came: u64, wanted: usize) -> Error {
    let text = format!(
        "ranks differ in {tag}: rank {peer} sent {came} bytes, but this rank is to receive {wanted}"
    );
    Error::new(Class::COUNT, text)
}

fn plan_of(comm: &Arc<Comm>, tag: Tag, call: &Call<'_>, is_checked: bool) -> Result<Plan> {
    let edges = match call {
        Call::NeighborAllgather(..) | Call::NeighborAlltoall(..) => Some(edges_of(comm)?),
        _ => None,
    };
    let remote = comm.inter.as_ref().map(|inter| inter.remote.size());
    let mut plan = Plan::new(comm.rank, comm.size(), remote.unwrap_or(comm.size()));
    if is_checked {
        check::begin(&mut plan, comm, tag, call, edges.as_ref());
    }
    build::fill(&mut plan, remote.is_some(), edges.as_ref(), call)?;
    Ok(plan)
}

/// The edges along which a neighbourhood collective sends and receives.
fn edges_of(comm: &Comm) -> Result<Edges> {
    let (sources, destinations) = topo::neighbors(comm)?;
    let grid = matches!(comm.topology, Some(Topology::Cart(_)));
    // In a grid, what arrives from the neighbour below (the even ones) travels
    // upwards, as does what is sent to the one above.
    let edge = |(i, peer): (usize, i32), from: usize| Edge {
        peer: u32::try_from(peer).ok(),
        upward: grid && i % 2 == from,
    };
    let list = |peers: Vec<i32>, from: usize| {
        let edges = peers.into_iter().enumerate();
        edges.map(|peer| edge(peer, from)).collect()
    };
    Ok(Edges {
        sources: list(sources, 0),
        destinations: list(destinations, 1),
    })
}

/// As [`run`], on an intracommunicator, for what the library does of its own.
///
/// # Safety
/// As [`run`].
unsafe fn exchange(comm: &Arc<Comm>, tag: Tag, call: &Call<'_>) -> Result<()> {
    // SAFETY: the caller's promise.
    unsafe { carry_out(comm, Tags::only(tag), call, false) }.map_err(collective::not_moved)
}

/// What every rank of an intracommunicator gives, one after the other: `all` is
/// as long as `mine`, which is equally long everywhere, times the ranks.
///
/// # Errors
/// A message failed, or there is no memory.
///
/// # Panics
/// If `all` has another length.
pub fn allgather_bytes(comm: &Arc<Comm>, tag: Tag, mine: &[u8], all: &mut [u8]) -> Result<()> {
    assert_eq!(all.len(), mine.len() * comm.size() as usize);
    let send = Buffer::bytes(mine.as_ptr(), mine.len());
    let receive = Parts {
        addr: all.as_mut_ptr(),
        shape: Shape::Equal(mine.len(), crate::object::datatype::byte()),
    };
    // SAFETY: the slices are borrowed until this is over.
    unsafe { exchange(comm, tag, &Call::Allgather(Some(send), receive)) }
}
