//! Moving data between its places in the file, seen as memory, and one run of memory.

use super::View;

fn number(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX) // an address has as many bits as an offset
}

impl View {
    /// Bytes of an extent, on average; neighbours are not merged.
    #[must_use]
    pub fn mean_extent(&self) -> u64 {
        match self.is_contiguous() {
            true => u64::MAX,
            false => self.in_file.mean_run() as u64,
        }
    }

    /// The first byte of the stream, of those from `low` to `high`, that lies at byte `end`
    /// of the file or behind it; `high` if none does. For views that are ordered.
    #[must_use]
    pub fn position_at(&self, end: u64, low: u64, high: u64) -> u64 {
        let is_before = |position| self.place(position).is_some_and(|place| place < end);
        if low >= high || !is_before(low) {
            return low;
        }
        if is_before(high - 1) {
            return high;
        }
        // Between `before`, which lies before `end`, and `behind`, which does not.
        let (mut before, mut behind) = (low, high - 1);
        while before + 1 < behind {
            let middle = before + (behind - before) / 2;
            if is_before(middle) {
                before = middle;
            } else {
                behind = middle;
            }
        }
        behind
    }

    /// Copies `len` bytes at `from` to where bytes `position..position + len` of the stream
    /// would lie if byte 0 of the file were at `base`.
    ///
    /// # Safety
    /// These places are writable, and `len` bytes at `from`, which do not overlap them, are
    /// readable.
    pub unsafe fn scatter(&self, base: *mut u8, position: u64, from: *const u8, len: u64) {
        let base = base.wrapping_add(number(self.disp));
        // SAFETY: as the caller said.
        unsafe {
            self.in_file
                .unpack_range(base, usize::MAX, number(position), from, number(len))
        };
    }

    /// Copies bytes `position..position + len` of the stream to `to`, where byte 0 of the
    /// file would be at `base`.
    ///
    /// # Safety
    /// As [`View::scatter`], the other way round.
    pub unsafe fn gather(&self, base: *const u8, position: u64, to: *mut u8, len: u64) {
        let base = base.wrapping_add(number(self.disp));
        // SAFETY: as the caller said.
        unsafe {
            self.in_file
                .pack_range(base, usize::MAX, number(position), to, number(len))
        };
    }
}
