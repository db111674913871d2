//! The three ways to carry out a collective: at once, as a request, as a persistent request.

use super::args::{Call, Parts, Shape};
use super::check::{self, CheckedPlan};
use super::neighbor;
use super::plan::Plan;
use super::{build, choose, direct, execution, schedule};
use crate::error::{Error, Result};
use crate::handle::Raw;
use crate::job;
use crate::object::collective::{Tag, Tags};
use crate::object::comm::Comm;
use crate::object::datatype;
use crate::pml::{Buffer, collective};
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
    let is_checked = is_checked(comm);
    let tags = comm.begin_collective(kind);
    // SAFETY: the caller's promise.
    match unsafe { carry_out(comm, tags, call, is_checked) } {
        Ok(()) => Ok(()),
        // SAFETY: as above.
        Err(error) => unsafe { failed(comm, tags, call, error) },
    }
}

/// Whether ranks compare their calls before a collective begins. Those of several jobs may
/// have different settings, and do not.
#[inline]
fn is_checked(comm: &Comm) -> bool {
    job::current().is_some_and(|job| job.settings.check) && !comm.is_foreign
}

/// What becomes of a blocking collective that failed: it is made again under the next
/// number, if only that was wrong, or the other members are told.
///
/// # Safety
/// As [`run`].
#[cold]
unsafe fn failed(comm: &Arc<Comm>, tags: Tags, call: &Call<'_>, error: Error) -> Result<()> {
    if collective::is_moved(&error) {
        // SAFETY: the caller's promise.
        return unsafe { run(comm, tags.peers.kind(), call) };
    }
    collective::give_up(comm, tags.peers, tags.local, &error);
    Err(error)
}

/// # Safety
/// As [`run`].
#[inline]
unsafe fn carry_out(comm: &Arc<Comm>, tags: Tags, call: &Call<'_>, is_checked: bool) -> Result<()> {
    if !is_checked && !comm.is_foreign {
        // SAFETY: the caller's promise.
        if let Some(result) = unsafe { direct::run(comm, tags.peers, call) } {
            return result;
        }
    }
    let plan = plan_of(comm, tags.peers, call, is_checked)?;
    // SAFETY: the caller's promise.
    unsafe { execution::run(comm, tags, plan) }
}

/// Starts `call` on `comm`. Returns the request's handle.
///
/// # Safety
/// The buffers are good until the request completes.
///
/// # Errors
/// No memory, or no more handles.
pub unsafe fn start(comm: &Arc<Comm>, kind: Kind, call: &Call<'_>) -> Result<Raw> {
    let (tags, plan) = begin(comm, kind, call)?;
    // SAFETY: the caller's promise.
    unsafe { schedule::start(comm, tags, plan) }
}

/// Makes a persistent request of `call` on `comm`. Returns its handle.
///
/// # Safety
/// The buffers are good whenever the request is active.
///
/// # Errors
/// No memory, or no more handles.
pub unsafe fn prepare(comm: &Arc<Comm>, kind: Kind, call: &Call<'_>) -> Result<Raw> {
    let (tags, plan) = begin(comm, kind, call)?;
    // SAFETY: the caller's promise.
    unsafe { schedule::prepare(comm, tags, plan) }
}

/// Begins a collective that is a request.
fn begin(comm: &Arc<Comm>, kind: Kind, call: &Call<'_>) -> Result<(Tags, CheckedPlan)> {
    let tags = comm.begin_collective(kind);
    match plan_of(comm, tags.peers, call, is_checked(comm)) {
        Ok(plan) => Ok((tags, plan)),
        Err(error) => {
            collective::give_up(comm, tags.peers, tags.local, &error);
            Err(error)
        }
    }
}

fn plan_of(comm: &Arc<Comm>, tag: Tag, call: &Call<'_>, is_checked: bool) -> Result<CheckedPlan> {
    let edges = match call {
        Call::NeighborAllgather(..) | Call::NeighborAlltoall(..) => Some(neighbor::edges_of(comm)?),
        _ => None,
    };
    let remote = comm.inter.as_ref().map(|inter| inter.remote.size());
    let mut plan = Plan::new(comm.rank, comm.size(), remote.unwrap_or(comm.size()));
    let check = is_checked.then(|| check::begin(&mut plan, comm, tag, call, edges));
    choose::for_several_jobs(comm.is_foreign, || {
        build::fill(&mut plan, remote.is_some(), edges, call)
    })?;
    Ok(CheckedPlan { plan, check })
}

/// Gathers at every rank of an intracommunicator what each gives, for the library's own
/// use. `mine` is equally long everywhere, and `all` is as long as all of them.
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
        shape: Shape::Equal(mine.len(), datatype::byte()),
    };
    let call = Call::Allgather(Some(send), receive);
    // SAFETY: the slices are borrowed until this is over.
    unsafe { carry_out(comm, Tags::intra(tag), &call, false) }.map_err(collective::not_moved)
}
