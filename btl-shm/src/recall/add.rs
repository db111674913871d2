//! Registering memory as shared.

use super::ranges::{self, Range, RangeError};
use super::{fork, private};
use crate::region::sys;
use std::os::fd::RawFd;

/// The most for which it is tried beforehand whether a child could have a copy: a window
/// is as long as memory may ever become.
const TRIED: usize = 64 << 20;

/// Registers `len` bytes at `start`, a mapping (or the address space of mappings
/// yet to come) of the file behind `fd`: a forked child gets a private copy of
/// what is mapped there from that file.
///
/// `fd` should stay open (or see [`super::open_again_at`]). A forked child closes its
/// own copy of it, so it should be one that nothing else uses: close-on-exec, and not
/// the one that the environment names.
///
/// Memory that is mapped before it is registered must not be used before; or see
/// [`super::hold()`]. Not to be called with a lock held that a hook given to
/// [`super::at_fork`] takes.
pub fn add(start: usize, len: usize, fd: RawFd) -> Result<(), RangeError> {
    fork::register().map_err(RangeError::Handlers)?;
    let page = sys::page();
    let whole = start.is_multiple_of(page) && len.is_multiple_of(page);
    if start == 0 || len == 0 || !whole || start.checked_add(len).is_none() {
        return Err(RangeError::Unaligned(start, len));
    }
    let file = ranges::file_of(fd).map_err(|why| RangeError::Descriptor(fd, why))?;
    let tried = len.min(TRIED);
    private::room_for(tried).map_err(|why| RangeError::NoCopy(len, why))?;
    ranges::insert(Range {
        start,
        len,
        fd,
        file,
    })
}

/// As [`add`], of pages of the same file that the range beginning at `of` is of, which are
/// mapped a second time.
pub fn add_alias(start: usize, len: usize, of: usize) -> Result<(), RangeError> {
    let Some(range) = ranges::at(of) else {
        return Err(RangeError::Unaligned(of, 0));
    };
    private::room_for(len).map_err(|why| RangeError::NoCopy(len, why))?;
    ranges::insert(Range {
        start,
        len,
        ..range
    })
}
