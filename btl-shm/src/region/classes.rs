//! The sizes of blocks. A request is rounded up to one of 16 steps between two
//! powers of two, so that at most 6 % is lost and blocks given back fit what is
//! asked for next. From 64 KiB on that is whole pages.

/// The smallest step; blocks begin and end at multiples of it.
pub const UNIT: usize = 256;

/// The smallest block: never two of them begin in the same granule of
/// [`super::table::GRANULE`].
pub const LEAST_BLOCK: usize = 4096;

/// The largest block that has a bin.
pub const LARGEST_BINNED: usize = 256 << 10;

const STEPS: usize = 16;
/// The largest step.
const TOP_STEP: usize = 256 << 10;
const LOG_LEAST_BLOCK: usize = LEAST_BLOCK.trailing_zeros() as usize;

/// The number of bins.
pub const BINS: usize = (LARGEST_BINNED.trailing_zeros() as usize - LOG_LEAST_BLOCK) * STEPS + 1;

/// The size of the block for a request of `len` bytes; `None`: too large for any
/// address space.
pub fn round(len: usize) -> Option<usize> {
    if len <= LEAST_BLOCK {
        return Some(LEAST_BLOCK);
    }
    let log = (len - 1).ilog2() as usize;
    let step = (1 << (log - STEPS.trailing_zeros() as usize)).min(TOP_STEP);
    len.checked_next_multiple_of(step)
}

/// The bin of blocks of `size` bytes, which [`round`] returned.
pub fn bin(size: usize) -> Option<usize> {
    if size > LARGEST_BINNED {
        return None;
    }
    let log = size.ilog2() as usize;
    let step = log - STEPS.trailing_zeros() as usize;
    Some((log - LOG_LEAST_BLOCK) * STEPS + ((size >> step) - STEPS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_few_and_lose_little() {
        let mut last = (0, 0);
        for len in (1..70 << 10).chain((70 << 10..9 << 20).step_by(999)) {
            let size = round(len).unwrap();
            assert!(size >= len && size.is_multiple_of(UNIT) && round(size) == Some(size));
            assert!(
                len < LEAST_BLOCK || size - len <= len / 16 + 1,
                "{len} -> {size}"
            );
            if size > 64 << 10 {
                assert_eq!(size % 4096, 0);
            }
            let Some(bin) = bin(size) else {
                assert!(size > LARGEST_BINNED);
                continue;
            };
            assert!(bin < BINS);
            assert_eq!(
                size == last.0,
                bin == last.1 && last.0 != 0,
                "{size} {bin} {last:?}"
            );
            assert!(bin >= last.1);
            last = (size, bin);
        }
        assert_eq!(bin(LARGEST_BINNED), Some(BINS - 1));
    }

    #[test]
    fn what_fits_nowhere_is_refused() {
        assert_eq!(round(usize::MAX), None);
        assert!(round(usize::MAX / 2).is_some());
    }
}
