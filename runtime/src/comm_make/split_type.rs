//! `MPI_Comm_split_type` (MPI 5.0, section 7.4.2): by what processes share of
//! the machine.

use super::hardware::{self, TYPES};
use super::intra::{NONE, only_intra};
use super::split::{self, Choice};
use crate::error::Result;
use crate::fail;
use crate::handle::Raw;
use crate::object::comm::Comm;
use crate::object::group::UNDEFINED;
use crate::object::info::Info;
use crate::object::session;
use std::sync::Arc;

/// `MPI_COMM_TYPE_SHARED`.
pub const SHARED: i32 = 221;
/// `MPI_COMM_TYPE_HW_UNGUIDED`.
pub const HW_UNGUIDED: i32 = 222;
/// `MPI_COMM_TYPE_HW_GUIDED`.
pub const HW_GUIDED: i32 = 223;
/// `MPI_COMM_TYPE_RESOURCE_GUIDED`.
pub const RESOURCE_GUIDED: i32 = 224;

/// `MPI_Comm_split_type`.
///
/// # Errors
/// No such type, an intercommunicator, a peer was lost, or ids ran out.
pub fn split_type(comm: &Arc<Comm>, kind: i32, key: i32, info: &Info) -> Result<Raw> {
    let comm = comm.clone();
    only_intra(&comm)?;
    let color = match kind {
        SHARED => 0, // a job runs on one machine
        UNDEFINED => UNDEFINED,
        HW_GUIDED => guided(info, false),
        RESOURCE_GUIDED => guided(info, true),
        HW_UNGUIDED => UNDEFINED,
        _ => fail!(
            ARG,
            "split_type is {kind}, but must be one of MPI_COMM_TYPE_SHARED ({SHARED}), \
             _HW_UNGUIDED, _HW_GUIDED, _RESOURCE_GUIDED, or MPI_UNDEFINED"
        ),
    };
    // Who splits unguided looks at the others first, so all do.
    let color = unguided(&comm, kind, color)?;
    split::by(&comm, Choice { color, key }, None)
}

/// The color by the resource that `info` names: the instance that this process
/// is restricted to.
fn guided(info: &Info, psets: bool) -> i32 {
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
        return 0;
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

/// With [`HW_UNGUIDED`]: the color by the largest type of resource of which the
/// members share no single instance.
fn unguided(comm: &Arc<Comm>, kind: i32, color: i32) -> Result<i32> {
    let own = match kind {
        HW_UNGUIDED => hardware::restricted().map(|instance| instance.unwrap_or(NONE)),
        _ => return Ok(color),
    };
    let all = split::everybodys(comm, &own)?;
    for (at, mine) in own.iter().enumerate() {
        let column = all.iter().filter_map(|words| words.get(at).copied());
        let tally = split::tally(column);
        let smaller = tally.values().all(|count| *count < all.len());
        if !tally.is_empty() && smaller {
            let mine = (*mine != NONE).then_some(*mine);
            return Ok(self::color(mine));
        }
    }
    Ok(UNDEFINED)
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
        if let Ok(key) = std::ffi::CString::new(format!("hwloc://{kind}")) {
            info.set(&key, value);
        }
    }
    info
}
