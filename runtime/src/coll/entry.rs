//! The three ways to carry out a collective: at once, as a request, as a persistent request.

use super::args::{Call, Ints, Parts, Shape};
use super::check::{self, CheckedPlan};
use super::choose::{self, Operation};
use super::neighbor;
use super::plan::Plan;
use super::{buffers, build, direct, execution, schedule};
use crate::error::{Class, Error, Result};
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
    let is_ruled = || operation_of(call).is_some_and(|o| choose::is_ruled(o, comm.size()));
    if !is_checked && !comm.is_foreign && !is_ruled() {
        // SAFETY: the caller's promise.
        if let Some(result) = unsafe { direct::run(comm, tags.peers, call) } {
            return result;
        }
    }
    let plan = plan_of(comm, tags.peers, call, is_checked)?;
    // SAFETY: the caller's promise.
    unsafe { execution::run(comm, tags, plan) }
}

/// The operation by whose rules an algorithm may be chosen.
#[inline]
fn operation_of(call: &Call<'_>) -> Option<Operation> {
    Some(match call {
        Call::Barrier => Operation::Barrier,
        Call::Bcast(..) => Operation::Bcast,
        Call::Gather(..) | Call::Gatherv(..) => Operation::Gather,
        Call::Scatter(..) | Call::Scatterv(..) => Operation::Gather,
        Call::Allgather(..) => Operation::Allgather,
        Call::Alltoall(..) => Operation::Alltoall,
        Call::Reduce(..) => Operation::Reduce,
        Call::Allreduce(..) => Operation::Allreduce,
        Call::ReduceScatterBlock(..) | Call::ReduceScatter(..) => Operation::ReduceScatter,
        Call::Scan(..) | Call::Exscan(..) => Operation::Scan,
        Call::NeighborAllgather(..) | Call::NeighborAlltoall(..) => return None,
    })
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
    let is_checked = is_checked(comm);
    match plan_of(comm, tags.peers, call, is_checked) {
        Ok(mut plan) => {
            let edges = comm.edges.get();
            let buffers = is_checked.then(|| buffers::check(comm, tags.peers, call, edges));
            plan.buffers = buffers.flatten();
            Ok((tags, plan))
        }
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
    plan.hosts = comm.hosts().cloned();
    let check = is_checked.then(|| check::begin(&mut plan, comm, tag, call, edges));
    choose::for_several_jobs(comm.is_foreign, || {
        build::fill(&mut plan, remote.is_some(), edges, call)
    })?;
    Ok(CheckedPlan {
        plan,
        check,
        buffers: None,
    })
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

/// Sends each rank of an intracommunicator what `to` has for it, for the library's own use.
/// What each has sent to this one, by rank.
///
/// # Errors
/// A message failed, or there is no memory.
///
/// # Panics
/// If `to` has not something for each rank.
pub fn alltoall_bytes(comm: &Arc<Comm>, tag: Tag, to: &[Vec<u8>]) -> Result<Vec<Vec<u8>>> {
    assert_eq!(to.len(), comm.size() as usize);
    let give: Vec<u64> = to.iter().map(|bytes| bytes.len() as u64).collect();
    let mut take = vec![0u64; to.len()];
    let equal = |addr: *mut u64| Parts {
        addr: addr.cast(),
        shape: Shape::Equal(size_of::<u64>(), datatype::byte()),
    };
    let (give_all, take_all) = (equal(give.as_ptr().cast_mut()), equal(take.as_mut_ptr()));
    let call = Call::Alltoall(Some(give_all), take_all);
    // SAFETY: the lists are borrowed until this is over, and the first is only read.
    unsafe { carry_out(comm, Tags::intra(tag), &call, false) }.map_err(collective::not_moved)?;

    let counts = |lens: &[u64]| -> Vec<i64> { lens.iter().map(|len| len.cast_signed()).collect() };
    let places = |lens: &[u64]| -> Vec<isize> {
        let mut end = 0;
        let place = |len: &u64| {
            let at = end;
            end += isize::try_from(*len).unwrap_or(0); // bytes that are in memory
            at
        };
        lens.iter().map(place).collect()
    };
    let total = |lens: &[u64]| usize::try_from(lens.iter().sum::<u64>()).unwrap_or(usize::MAX);
    let mut all = Vec::new();
    if all.try_reserve_exact(total(&take)).is_err() {
        return Err(Error::new(
            Class::NO_MEM,
            format!(
                "there is no memory for {} bytes of other ranks",
                total(&take)
            ),
        ));
    }
    all.resize(total(&take), 0u8);
    let flat = to.concat();
    let (give_counts, give_places) = (counts(&give), places(&give));
    let (take_counts, take_places) = (counts(&take), places(&take));
    let varying = |addr, counts, places| Parts {
        addr,
        shape: Shape::Varying(Ints::Count(counts), Ints::Aint(places), datatype::byte()),
    };
    let give = varying(flat.as_ptr().cast_mut(), &give_counts, &give_places);
    let receive = varying(all.as_mut_ptr(), &take_counts, &take_places);
    let call = Call::Alltoall(Some(give), receive);
    // SAFETY: as above.
    unsafe { carry_out(comm, Tags::intra(tag), &call, false) }.map_err(collective::not_moved)?;
    let mut rest = all.as_slice();
    let part = |len: &u64| {
        let (part, behind) = rest.split_at(usize::try_from(*len).unwrap_or(0));
        rest = behind;
        part.to_vec()
    };
    Ok(take.iter().map(part).collect())
}
