//! Elements of a type at an address of another process: the runs of memory that they
//! are, and the bytes of a buffer of this process in the same order.

use super::elements::Elements;
use crate::error::Result;
use crate::fail;
use crate::object::datatype::Datatype;
use std::alloc::{Layout, alloc_zeroed};
use std::ops::Range;

/// A run of a member's memory: its address there, and bytes.
pub(super) type Run = (u64, usize);

/// The runs of bytes `range` of `count` packed elements that count from address `at`,
/// in the order of the packed bytes. Runs that touch are one.
pub(super) fn of(datatype: &Datatype, at: u64, count: usize, range: &Range<usize>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let base = std::ptr::without_provenance(usize::try_from(at).unwrap_or(usize::MAX));
    for (start, len) in datatype.segments(base, count, range.start, range.len()) {
        let start = start.addr() as u64;
        match runs.last_mut() {
            Some(last) if last.0.wrapping_add(last.1 as u64) == start => last.1 += len,
            _ => runs.push((start, len)),
        }
    }
    runs
}

/// Cuts `len` bytes into portions of `most`, the last one shorter.
pub(super) fn portions(len: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    (0..len)
        .step_by(most)
        .map(move |start| start..len.min(start.saturating_add(most)))
}

/// Bytes of elements of this process, packed: where they are, or a copy.
pub(super) enum Packed {
    Place(*mut u8),
    Copy(Vec<u8>),
}

impl Packed {
    /// Bytes `range` of `elements`, to be read.
    ///
    /// # Safety
    /// The elements are readable, and stay as they are while this is used.
    pub(super) unsafe fn read(elements: &Elements<'_>, range: &Range<usize>) -> Result<Packed> {
        if let Some(place) = place(elements, range.start) {
            return Ok(Packed::Place(place));
        }
        let mut room = room(range.len())?;
        let (addr, count) = (elements.addr.cast_const(), elements.count);
        // SAFETY: the caller's elements; the room is as long as the range.
        unsafe {
            elements
                .datatype
                .pack_range(addr, count, range.start, room.as_mut_ptr(), range.len())
        };
        Ok(Packed::Copy(room))
    }

    /// Room for bytes `range` of `elements`, for [`Packed::store`].
    pub(super) fn room(elements: &Elements<'_>, range: &Range<usize>) -> Result<Packed> {
        match place(elements, range.start) {
            Some(place) => Ok(Packed::Place(place)),
            None => room(range.len()).map(Packed::Copy),
        }
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut u8 {
        match self {
            Packed::Place(at) => *at,
            Packed::Copy(room) => room.as_mut_ptr(),
        }
    }

    /// Puts what is in the room where it belongs.
    ///
    /// # Safety
    /// As given to [`Packed::room`]; the elements are writable.
    pub(super) unsafe fn store(&self, elements: &Elements<'_>, range: &Range<usize>) {
        if let Packed::Copy(room) = self {
            // SAFETY: the caller's elements; the room is as long as the range.
            unsafe { unpack(elements, range, room) };
        }
    }
}

/// Copies packed bytes to where bytes `range` of `elements` belong.
///
/// # Safety
/// The elements are writable.
pub(super) unsafe fn unpack(elements: &Elements<'_>, range: &Range<usize>, bytes: &[u8]) {
    let len = bytes.len().min(range.len());
    // SAFETY: the caller's elements; the bytes are `len` long.
    unsafe {
        elements.datatype.unpack_range(
            elements.addr,
            elements.count,
            range.start,
            bytes.as_ptr(),
            len,
        )
    };
}

/// Where the packed byte `offset` of elements is, if all of them are one run.
fn place(elements: &Elements<'_>, offset: usize) -> Option<*mut u8> {
    let low = elements.datatype.single_run(elements.count)?;
    Some(elements.addr.wrapping_offset(low).wrapping_add(offset))
}

/// `len` zero bytes. Large ones take no memory before they are written.
pub(super) fn room(len: usize) -> Result<Vec<u8>> {
    if len == 0 {
        return Ok(Vec::new());
    }
    if let Ok(layout) = Layout::array::<u8>(len) {
        // SAFETY: the layout has a size.
        let at = unsafe { alloc_zeroed(layout) };
        if !at.is_null() {
            // SAFETY: it was allocated so, for `len` bytes, which are zero.
            return Ok(unsafe { Vec::from_raw_parts(at, len, len) });
        }
    }
    fail!(NO_MEM, "there is no memory for {len} bytes on their way");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::datatype;

    #[test]
    fn portions_cover_everything_once() {
        let all: Vec<_> = portions(10, 4).collect();
        assert_eq!(all, [0..4, 4..8, 8..10]);
        assert_eq!(portions(0, 4).count(), 0);
        assert_eq!(portions(4, 4).next(), Some(0..4));
        assert_eq!(portions(4, 4).count(), 1);
    }

    #[test]
    fn runs_that_touch_are_one() {
        let runs = of(datatype::byte(), 5000, 100, &(10..40));
        assert_eq!(runs, [(5010, 30)]);
        let every_other =
            Datatype::vector(3, 2, 4, datatype::byte(), datatype::Width::Small).unwrap();
        let runs = of(&every_other, 1000, 1, &(0..6));
        assert_eq!(runs, [(1000, 2), (1004, 2), (1008, 2)]);
        assert_eq!(of(&every_other, 1000, 1, &(1..4)), [(1001, 1), (1004, 2)]);
    }
}
