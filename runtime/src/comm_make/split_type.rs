//! `MPI_Comm_split_type` (MPI 5.0, section 7.4.2): by what processes share of
//! the machine.

use super::hardware::{self, TYPES};
use super::inter;
use super::intra::NONE;
use super::split::{self, Choice};
use crate::error::Result;
use crate::fail;
use crate::handle::Raw;
use crate::object::comm::{self, Comm};
use crate::object::group::{self, Group, Proc, UNDEFINED};
use crate::object::info::{self, Info};
use crate::object::session;
use std::ffi::CString;
use std::sync::Arc;
use wireup::collective::Kind;

/// `MPI_COMM_TYPE_SHARED`.
pub const SHARED: i32 = 221;
/// `MPI_COMM_TYPE_HW_UNGUIDED`.
pub const HW_UNGUIDED: i32 = 222;
/// `MPI_COMM_TYPE_HW_GUIDED`.
pub const HW_GUIDED: i32 = 223;
/// `MPI_COMM_TYPE_RESOURCE_GUIDED`.
pub const RESOURCE_GUIDED: i32 = 224;

/// `MPI_Comm_split_type`. With [`HW_UNGUIDED`] the info object of who gets a
/// communicator says which resource it stands for. Of an intercommunicator the
/// parts on both sides that share a resource make a new one.
///
/// # Errors
/// No such type, a peer was lost, or ids ran out; `info`
/// is no info object.
pub fn split_type(comm: &Arc<Comm>, kind: i32, key: i32, info: Raw) -> Result<Raw> {
    let comm = comm.clone();
    let hints = info::hints(info)?;
    let color = match kind {
        SHARED => job_color(&comm), // the processes of a job share memory
        UNDEFINED => UNDEFINED,
        HW_GUIDED => guided(&hints, &comm, false),
        RESOURCE_GUIDED => guided(&hints, &comm, true),
        HW_UNGUIDED => UNDEFINED,
        _ => fail!(
            ARG,
            "split_type is {kind}, but must be one of MPI_COMM_TYPE_SHARED ({SHARED}), \
             _HW_UNGUIDED, _HW_GUIDED, _RESOURCE_GUIDED, or MPI_UNDEFINED"
        ),
    };
    // Who splits unguided looks at the others first; who gives MPI_UNDEFINED
    // cannot know whether they do so: all look.
    let own = match kind {
        HW_UNGUIDED => hardware::restricted().map(|instance| instance.unwrap_or(NONE)),
        _ => [NONE; TYPES.len()],
    };
    let all = match &comm.inter {
        None => split::everybodys(&comm, Kind::COMM_SPLIT_TYPE, &own)?,
        Some(_) => inter::everybodys(&comm, Kind::COMM_SPLIT_TYPE, &own)?,
    };
    if kind != HW_UNGUIDED {
        return split::either(&comm, Kind::COMM_SPLIT_TYPE, Choice { color, key });
    }
    let (color, resource) = unguided(&own, &all);
    let new = split::either(&comm, Kind::COMM_SPLIT_TYPE, Choice { color, key })?;
    if new != comm::NULL && ![info::NULL, info::ENV].contains(&info) {
        info::set(info, c"mpi_hw_resource_type", &resource)?;
    }
    Ok(new)
}

/// The color of this process's job and node: processes of different jobs, or on different
/// nodes, map no common segment.
fn job_color(comm: &Comm) -> i32 {
    if !comm.is_foreign {
        return 0;
    }
    let mine = group::place_of(Proc(0));
    let sides = [
        Some(&comm.group),
        comm.inter.as_ref().map(|inter| &inter.remote),
    ];
    let mut jobs: Vec<(u64, u32)> = sides
        .into_iter()
        .flatten()
        .flat_map(Group::iter)
        .map(group::place_of)
        .collect();
    jobs.sort_unstable();
    jobs.dedup();
    let at = jobs.iter().position(|other| *other == mine);
    at.and_then(|at| i32::try_from(at).ok()).unwrap_or(0)
}

/// The color by the resource that `info` names: the instance that this process
/// is restricted to.
fn guided(info: &Info, comm: &Comm, psets: bool) -> i32 {
    if psets && let Some(name) = info.get(c"mpi_pset_name") {
        return match session::pset(name) {
            Ok(group) if group.size() == 1 => color(group.proc(0).map(|proc| proc.0)),
            Ok(_) => 0,
            Err(_) => UNDEFINED,
        };
    }
    let Some(wanted) = info.text(c"mpi_hw_resource_type") else {
        return UNDEFINED;
    };
    if wanted == "mpi_shared_memory" {
        return job_color(comm);
    }
    let name = wanted.strip_prefix("hwloc://").unwrap_or(wanted);
    let found = TYPES
        .iter()
        .position(|kind| kind.eq_ignore_ascii_case(name));
    color(found.and_then(|at| hardware::restricted()[at]))
}

fn color(instance: Option<u32>) -> i32 {
    let color = instance.and_then(|instance| i32::try_from(instance).ok());
    color.unwrap_or(UNDEFINED)
}

/// With [`HW_UNGUIDED`]: the largest type of resource of which the members share
/// no single instance, and the color by it.
fn unguided(own: &[u32], all: &[Vec<u32>]) -> (i32, CString) {
    for (at, mine) in own.iter().enumerate() {
        let column = all.iter().filter_map(|words| words.get(at).copied());
        let tally = split::tally(column);
        let smaller = tally.values().all(|count| *count < all.len());
        if !tally.is_empty() && smaller {
            let mine = (*mine != NONE).then_some(*mine);
            return (color(mine), resource(TYPES[at]));
        }
    }
    (UNDEFINED, CString::default())
}

/// A type of resource as info objects name it.
fn resource(kind: &str) -> CString {
    CString::new(format!("hwloc://{kind}")).unwrap_or_default()
}

/// `MPI_Get_hw_resource_info`: the types of resource, each with whether this
/// process is restricted to one instance.
#[must_use]
pub fn hw_resource_info() -> Info {
    let mut info = Info::default();
    for (kind, instance) in TYPES.iter().zip(hardware::restricted()) {
        let value = if instance.is_some() {
            c"true"
        } else {
            c"false"
        };
        info.set(&resource(kind), value);
    }
    info
}
