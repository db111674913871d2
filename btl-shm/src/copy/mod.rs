//! Copying bytes that may lie in a peer's memory.
//!
//! [`copy`] is what moves every byte that is reached by loads and stores: the
//! receiver's and the sender's parts of large messages, each run of a
//! non-contiguous one, and what goes through the segment. It differs from
//! `memcpy` in three ways:
//!
//! * It is *guarded* (where [`GUARDED`] says so): if memory in an attached range
//!   ([`crate::fault`]) is not there, it returns a [`Fault`] instead of ending
//!   the process. The loads and stores stand in assembly between two labels, by
//!   which the signal handler knows them.
//! * From a length on that can be set ([`set_nt_min`]) it writes around the
//!   caches.
//! * It asks for the lines that it is going to write, and uses `rep movsb` only
//!   where that is known to be fast, which C libraries do not.
//!
//! | length | how |
//! |---|---|
//! | to 8 vectors | overlapping moves from both ends, all loads before the first store |
//! | to `rep_min` | four vectors at a time, stores aligned, lines asked for ahead |
//! | to `rep_max` | `rep movsb` where the processor says that it is fast |
//! | to `nt_min` | as to `rep_min` |
//! | above | non-temporal stores, four pages at a time |
//!
//! That is on x86-64. On AArch64 the first two lines hold, with 16-byte vectors at every
//! length; elsewhere the C library copies, unguarded.

#[cfg(target_arch = "aarch64")]
mod aarch64;
mod limits;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
use aarch64 as kernel;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
use portable as kernel;
#[cfg(target_arch = "x86_64")]
use x86_64 as kernel;

use crate::fault::error::Fault;

pub use kernel::GUARDED;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(crate) use kernel::{LANDING_REGISTERS, is_kernel, landing};
pub use limits::Limits;

/// Copies `n` bytes.
///
/// # Safety
/// The ranges do not overlap. `from` is readable and `to` is writable for `n`
/// bytes, but for parts that lie in a registered range
/// ([`crate::fault::register`]): these may be absent at any time. Other
/// processes may write either range at the same time; what is then copied is a
/// mixture of old and new bytes.
///
/// # Errors
/// Memory of a peer was not there. Some bytes may have been copied, not
/// necessarily the first ones.
#[inline]
pub unsafe fn copy(from: *const u8, to: *mut u8, n: usize) -> Result<(), Fault> {
    // SAFETY: the caller's promise.
    unsafe { kernel::copy(from, to, n) }
}

/// Copies `n` bytes that are a part of a transfer of `whole` bytes, which decides
/// whether `rep movsb` is used, and whether they go around the caches.
///
/// # Safety
/// As for [`copy`].
#[inline]
pub unsafe fn copy_part(from: *const u8, to: *mut u8, n: usize, whole: usize) -> Result<(), Fault> {
    // SAFETY: the caller's promise.
    unsafe { kernel::copy_part(from, to, n, whole) }
}

/// As [`copy_part`], but never around the caches: one side of the copy is soon read.
///
/// # Safety
/// As for [`copy`].
#[inline]
pub unsafe fn copy_piece(
    from: *const u8,
    to: *mut u8,
    n: usize,
    whole: usize,
) -> Result<(), Fault> {
    // SAFETY: the caller's promise.
    unsafe { kernel::copy_piece(from, to, n, whole) }
}

/// The limits that suit this processor, with a given `nt_min`.
pub fn limits(nt_min: usize) -> Limits {
    kernel::limits(nt_min)
}

/// Sets the limits, and says what was set: a vector that the processor does not
/// have becomes the largest that it has, an `nt_min` below the least the least.
/// Copies under way in other threads are not disturbed. Until this or
/// [`set_nt_min`] is called, copies are right but slower.
pub fn set_limits(wanted: Limits) -> Limits {
    kernel::set_limits(wanted)
}

/// Chooses the kernels for this processor and sets the length in bytes from
/// which copies go around the caches (the setting `nt_min`). Called once at
/// start.
pub fn set_nt_min(bytes: u64) -> Limits {
    set_limits(limits(usize::try_from(bytes).unwrap_or(usize::MAX)))
}

/// Copies on architectures that have no kernels of their own.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod portable {
    use super::Limits;
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
}
