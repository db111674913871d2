//! Which memory of a target an access means, and whether it is allowed now
//! (MPI 5.0, section 12.3).

use super::far::RemotePlace;
use super::remote::Remote;
use super::{attach, runs};
use crate::error::Result;
use crate::fail;
use crate::lock;
use crate::object::datatype::Datatype;
use crate::object::win::{Flavor, PartReach, Win};
use crate::pml::remote;
use crate::profile::{self, Traffic};
use std::sync::Arc;

/// The target of an access, as its call names it.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Its rank in the window's group.
    pub rank: u32,
    /// Where, in the target's units of displacement.
    pub disp: isize,
    /// Elements.
    pub count: usize,
    /// Their type.
    pub datatype: &'a Arc<Datatype>,
}

/// Which epochs an access may belong to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AllowedEpochs {
    /// Any that has this target.
    Any,
    /// One of passive target: for operations with a request (section 12.3.5).
    Passive,
}

/// Where the target's elements begin: displacements of their type count from there.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// In this process.
    Here(*mut u8),
    /// In the target's memory, which is not mapped here.
    There(RemotePlace),
}

/// Where the target's elements begin.
///
/// # Errors
/// No epoch allows it, or not all of it lies inside the target's part.
pub(super) fn resolve(win: &Win, target: &Target<'_>, within: AllowedEpochs) -> Result<Place> {
    let part = win.part(target.rank, "target_rank")?;
    if !is_open(win, target.rank, within) {
        return closed(win, target.rank, within);
    }
    if lock::is_watched() {
        record(win, target);
    }
    if lock::is_checked() && !win.epochs.borrow().allow_passive(target.rank) {
        win.epochs.borrow_mut().fence_is_used = true;
    }
    if win.flavor == Flavor::Dynamic {
        return in_attached(win, target);
    }
    let at = i128::from(part.disp_unit) * target.disp as i128;
    if target.disp < 0 {
        fail!(
            DISP,
            "target_disp is {}, but must not be negative",
            target.disp
        );
    }
    let bytes = target.datatype.bytes(target.count);
    let span = target.datatype.span(target.count);
    let inside = match (bytes, span) {
        (Some(0), _) => true,
        (Some(_), Some((low, len))) => {
            let begin = at + low as i128;
            begin >= 0 && begin + len as i128 <= part.size as i128
        }
        _ => false,
    };
    if !inside {
        let (low, len) = span.unwrap_or_default();
        fail!(
            RMA_RANGE,
            "{} elements of {} bytes at target_disp {} (unit {}) take bytes {} to {} of what rank {} has in {}, which is {} bytes",
            target.count,
            target.datatype.size(),
            target.disp,
            part.disp_unit,
            at + low as i128,
            at + low as i128 + len as i128,
            target.rank,
            win.label(),
            part.size
        );
    }
    let at = isize::try_from(at).unwrap_or(0); // inside, or of no account
    if part.reach == PartReach::Mapped {
        return Ok(Place::Here(part.base.wrapping_offset(at)));
    }
    let addr = part.home.wrapping_add_signed(at as i64);
    there(win, target.rank, addr, part.reach)
}

/// Counts an access.
#[cold]
fn record(win: &Win, target: &Target<'_>) {
    let bytes = target.datatype.bytes(target.count).unwrap_or(0);
    if let Some(peer) = win.comm.group.proc(target.rank) {
        profile::sent(peer.0, Traffic::OneSided, bytes as u64, (0, 0));
    }
}

fn there(win: &Win, rank: u32, addr: u64, reach: PartReach) -> Result<Place> {
    let Some(peer) = win.comm.group.proc(rank) else {
        fail!(RANK, "{} has no rank {rank}", win.label());
    };
    Ok(Place::There(RemotePlace {
        peer,
        rank,
        addr,
        reach,
    }))
}

/// As [`resolve`], for a dynamic window, whose displacements are addresses at the target.
fn in_attached(win: &Win, target: &Target<'_>) -> Result<Place> {
    let addr = target.disp.cast_unsigned() as u64;
    let here = || std::ptr::with_exposed_provenance_mut(target.disp.cast_unsigned());
    if target.datatype.bytes(target.count) == Some(0) {
        return Ok(Place::Here(here())); // of no account
    }
    let Some((low, len)) = target.datatype.span(target.count) else {
        fail!(
            RMA_RANGE,
            "{} elements of {} bytes are more than an address space holds",
            target.count,
            target.datatype.size()
        );
    };
    if win.is_far(target.rank) {
        return there(win, target.rank, addr, PartReach::OtherHost); // it checks for itself
    }
    let first = addr.wrapping_add_signed(low as i64);
    let bytes = target.datatype.bytes(target.count);
    let reach = match target.datatype.single_run(target.count) {
        Some(_) => attach::check(win, target.rank, &[(first, len)])?,
        None => {
            let all = 0..bytes.unwrap_or(0);
            let runs = runs::of(target.datatype, addr, target.count, &all);
            attach::check(win, target.rank, &runs)?
        }
    };
    if target.rank == win.comm.rank {
        return Ok(Place::Here(here()));
    }
    // What was asked of the target by messages is not to be overtaken.
    let is_pending = Remote::of(win).is_some_and(|remote| remote.is_pending(target.rank));
    if reach.by == PartReach::Remote
        && !is_pending
        && let Some(shift) = reach.shift
        && let Some(peer) = win.comm.group.proc(target.rank)
        && let Some(mapped) = remote::mapped(peer, first.wrapping_add(shift), len)
    {
        return Ok(Place::Here(mapped.as_ptr().wrapping_offset(-low)));
    }
    there(win, target.rank, addr, reach.by)
}

fn is_open(win: &Win, target: u32, within: AllowedEpochs) -> bool {
    let epochs = win.epochs.borrow();
    match within {
        AllowedEpochs::Any => epochs.allow(target),
        AllowedEpochs::Passive => epochs.allow_passive(target),
    }
}

#[cold]
fn closed<T>(win: &Win, target: u32, within: AllowedEpochs) -> Result<T> {
    let wanted = match within {
        AllowedEpochs::Any => "MPI_Win_fence, MPI_Win_start or MPI_Win_lock",
        AllowedEpochs::Passive => {
            "an operation with a request takes MPI_Win_lock or MPI_Win_lock_all, which"
        }
    };
    fail!(
        RMA_SYNC,
        "no access epoch to rank {target} of {} is open: {wanted} must come first",
        win.label()
    )
}
