//! Copies on architectures that have no kernels of their own.

use super::limits::Limits;
use crate::fault::error::Fault;

/// A fault in attached memory ends the process here; an arm whose memory can go
/// away at any time must not be used.
pub const GUARDED: bool = false;

#[inline]
pub unsafe fn copy(from: *const u8, to: *mut u8, n: usize) -> Result<(), Fault> {
    // SAFETY: the caller's promise.
    unsafe { std::ptr::copy_nonoverlapping(from, to, n) };
    Ok(())
}

#[inline]
pub unsafe fn copy_part(
    from: *const u8,
    to: *mut u8,
    n: usize,
    _whole: usize,
) -> Result<(), Fault> {
    // SAFETY: the caller's promise.
    unsafe { copy(from, to, n) }
}

/// See [`super::copy_piece`]: what it is a part of makes no difference here.
pub use copy_part as copy_piece;

pub fn limits(nt_min: usize) -> Limits {
    Limits {
        vector: 0,
        rep_min: usize::MAX,
        rep_max: usize::MAX,
        nt_min,
    }
}

pub fn set_limits(_wanted: Limits) -> Limits {
    limits(usize::MAX)
}
