//! Put and get (MPI 5.0, sections 12.3.1 and 12.3.2): copies from layout to
//! layout, over when they return.

use super::access::{self, AllowedEpochs, Target};
use crate::error::Result;
use crate::fail;
use crate::object::datatype::{self, Datatype};
use crate::object::win::Win;
use crate::pml::Buffer;
use std::sync::Arc;

/// `MPI_Put`.
///
/// # Safety
/// The origin's buffer is readable; nobody writes the target's memory meanwhile.
///
/// # Errors
/// As [`access::resolve`], or origin and target have different sizes.
pub unsafe fn put(
    win: &Win,
    origin: &Buffer<'_>,
    target: &Target<'_>,
    within: AllowedEpochs,
) -> Result<()> {
    let at = access::resolve(win, target, within)?;
    let origin = Elements::of(origin);
    same_size(&origin, target)?;
    // SAFETY: the caller's buffer; the target's elements lie inside its part.
    unsafe { copy(&origin, &Elements::at(at, target)) };
    Ok(())
}

/// `MPI_Get`.
///
/// # Safety
/// The origin's buffer is writable; nobody writes the target's memory meanwhile.
///
/// # Errors
/// As [`access::resolve`], or origin and target have different sizes.
pub unsafe fn get(
    win: &Win,
    origin: &Buffer<'_>,
    target: &Target<'_>,
    within: AllowedEpochs,
) -> Result<()> {
    let at = access::resolve(win, target, within)?;
    let origin = Elements::of(origin);
    same_size(&origin, target)?;
    // SAFETY: the caller's buffer; the target's elements lie inside its part.
    unsafe { copy(&Elements::at(at, target), &origin) };
    Ok(())
}

/// Elements of a type in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elements<'a> {
    pub(super) addr: *mut u8,
    pub(super) count: usize,
    pub(super) datatype: &'a Arc<Datatype>,
}

impl<'a> Elements<'a> {
    pub(super) fn of(buffer: &Buffer<'a>) -> Elements<'a> {
        Elements {
            addr: buffer.addr,
            count: buffer.count,
            datatype: buffer.datatype.unwrap_or_else(|| datatype::byte()),
        }
    }

    pub(super) fn at(addr: *mut u8, target: &Target<'a>) -> Elements<'a> {
        Elements {
            addr,
            count: target.count,
            datatype: target.datatype,
        }
    }

    /// Bytes of data.
    pub(super) fn len(&self) -> Option<usize> {
        self.datatype.bytes(self.count)
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

/// Copies elements of the same signature, which may be the same.
///
/// # Safety
/// `from` is readable and `to` writable as their types lay them out.
pub(super) unsafe fn copy(from: &Elements<'_>, to: &Elements<'_>) {
    let (Some(len), Some(room)) = (from.len(), to.len()) else {
        return;
    };
    let len = len.min(room);
    if len == 0 {
        return;
    }
    let runs = (
        from.datatype.single_run(from.count),
        to.datatype.single_run(to.count),
    );
    // SAFETY: the caller's promise.
    unsafe {
        if let (Some(low), Some(high)) = runs {
            let (from, to) = (
                from.addr.wrapping_offset(low),
                to.addr.wrapping_offset(high),
            );
            match len {
                // A program that looks at a word meanwhile sees all of it or nothing.
                4 if is_aligned(from, to, 4) => word::<u32>(from, to),
                8 if is_aligned(from, to, 8) => word::<u64>(from, to),
                _ => std::ptr::copy(from, to, len),
            }
            return;
        }
        datatype::copy(
            from.addr,
            from.count,
            from.datatype,
            to.addr,
            to.count,
            to.datatype,
        );
    }
}

fn is_aligned(from: *const u8, to: *const u8, align: usize) -> bool {
    (from.addr() | to.addr()).is_multiple_of(align)
}

/// Copies one aligned word by one load and one store.
///
/// # Safety
/// As [`copy`]; both addresses are aligned for `T`.
#[allow(clippy::cast_ptr_alignment, reason = "aligned, as the caller said")]
unsafe fn word<T: Copy>(from: *const u8, to: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe {
        to.cast::<T>()
            .write_volatile(from.cast::<T>().read_volatile())
    };
}
