//! Put and get (MPI 5.0, sections 12.3.1 and 12.3.2). Where the target's memory is mapped
//! they are copies from layout to layout, over when they return.

use super::access::{self, AllowedEpochs, Place, Target};
use super::elements::{Elements, copy};
use super::far::{self, Unanswered};
use crate::error::Result;
use crate::fail;
use crate::object::win::Win;
use crate::pml::Buffer;

/// `MPI_Put`.
///
/// # Safety
/// The origin's buffer is readable until the access is over; nobody writes the target's
/// memory meanwhile.
///
/// # Errors
/// As [`access::resolve`], or origin and target have different sizes.
pub unsafe fn put(
    win: &Win,
    origin: &Buffer<'_>,
    target: &Target<'_>,
    within: AllowedEpochs,
) -> Result<Unanswered> {
    let place = access::resolve(win, target, within)?;
    let origin = Elements::of(origin);
    same_size(&origin, target)?;
    match place {
        Place::Here(at) => {
            // SAFETY: the caller's buffer; the target's elements lie inside its part.
            unsafe { copy(&origin, &at_target(at, target)) };
            win.stored.set(true);
            Ok(Unanswered::default())
        }
        // SAFETY: the caller's buffer.
        Place::There(there) => unsafe {
            let target = at_target(std::ptr::null_mut(), target);
            far::put(win, &there, &origin, &target)
        },
    }
}

/// `MPI_Get`.
///
/// # Safety
/// The origin's buffer is writable until the access is over; nobody writes the target's
/// memory meanwhile.
///
/// # Errors
/// As [`access::resolve`], or origin and target have different sizes.
pub unsafe fn get(
    win: &Win,
    origin: &Buffer<'_>,
    target: &Target<'_>,
    within: AllowedEpochs,
) -> Result<Unanswered> {
    let place = access::resolve(win, target, within)?;
    let origin = Elements::of(origin);
    same_size(&origin, target)?;
    match place {
        Place::Here(at) => {
            // SAFETY: the caller's buffer; the target's elements lie inside its part.
            unsafe { copy(&at_target(at, target), &origin) };
            Ok(Unanswered::default())
        }
        // SAFETY: the caller's buffer.
        Place::There(there) => unsafe {
            let target = at_target(std::ptr::null_mut(), target);
            far::get(win, &there, &origin, &target)
        },
    }
}

/// Checks that what is at the origin fills the target exactly.
pub(super) fn same_size(origin: &Elements<'_>, target: &Target<'_>) -> Result<()> {
    let there = target.datatype.bytes(target.count);
    if origin.len() == there && there.is_some() {
        return Ok(());
    }
    fail!(
        TRUNCATE,
        "the origin has {} elements of {} bytes, the target {} of {} bytes: the sizes must be the same",
        origin.count,
        origin.datatype.size(),
        target.count,
        target.datatype.size()
    )
}

/// The target's elements, which count from `addr`.
pub(super) fn at_target<'a>(addr: *mut u8, target: &Target<'a>) -> Elements<'a> {
    Elements {
        addr,
        count: target.count,
        datatype: target.datatype,
    }
}
