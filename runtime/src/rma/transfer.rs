//! Put and get (MPI 5.0, sections 12.3.1 and 12.3.2). Where the target's memory is mapped
//! they are copies from layout to layout, over when they return.

use super::access::{self, AllowedEpochs, Place, Target};
use super::elements::{Elements, copy};
use super::far::{self, Unanswered};
use crate::error::Result;
use crate::fail;
use crate::job;
use crate::object::win::Win;
use crate::pml::{self, Buffer};

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
        return match job::current().is_some_and(|job| job.settings.check) {
            true => same_types(origin, target),
            false => Ok(()),
        };
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

/// Checks that origin and target are made of the same basic types (`LARIAT_CHECK=1`). Bytes
/// pass for anything.
#[cold]
fn same_types(origin: &Elements<'_>, target: &Target<'_>) -> Result<()> {
    let len = origin.len().unwrap_or(0) as u64;
    let there = at_target(std::ptr::null_mut(), target);
    let [here, there] = [origin, &there].map(|elements| {
        let buffer = Buffer {
            addr: elements.addr,
            count: elements.count,
            datatype: Some(elements.datatype),
        };
        pml::signature(&buffer)
    });
    let passes = |signature: u32| signature == 0 || signature == pml::signature_of_bytes(len);
    if here == there || passes(here) || passes(there) {
        return Ok(());
    }
    fail!(
        TYPE,
        "the origin has {}, the target {}: the basic types must be the same",
        pml::in_words(len, here),
        pml::in_words(len, there)
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
