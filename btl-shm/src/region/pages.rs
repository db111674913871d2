//! What is known of each page of the window: whether peers may have its address, and
//! whether a fork has made it private.
//!
//! * *Exposed*: a peer may have been told an address in it, by a message or a window. Such
//!   pages stay shared at a fork, and the child gets a copy of them.
//! * *Frozen*: a page that no peer knew of when this process forked. It was mapped privately
//!   ([`super::freeze`]), so that parent and child each write a copy of their own, and is
//!   out of peers' reach.
//!
//! * *Told*: a peer may have been told an address in it while it, or a page beside it, was out
//!   of reach. Such peers write it by system calls, so that it stays as it is
//!   ([`super::thaw`]).
//!
//! No page is exposed and frozen. Bits are set and cleared under the lock of the space, and read without
//! it where a stale «no» does no harm.

use super::sys;
use super::table::GRANULE;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Bits of a word.
const WORD: usize = 64;

/// A bit for each [`GRANULE`] of a window. In anonymous memory: pages of it exist where
/// bits were set.
#[repr(C)]
#[derive(Debug)]
pub struct Bits {
    base: usize,
    granules: usize,
    words: usize,
}

impl Bits {
    fn new(base: usize, len: usize) -> io::Result<Bits> {
        let granules = len.div_ceil(GRANULE);
        let words = sys::map_private(bytes(granules), sys::RW, libc::MAP_NORESERVE)?;
        // Nothing that who reads a core dump looks for.
        // SAFETY: no contents are lost by this advice.
        drop(unsafe { sys::madvise(words, bytes(granules), libc::MADV_DONTDUMP) });
        Ok(Bits {
            base,
            granules,
            words,
        })
    }

    #[inline]
    fn word(&self, at: usize) -> &AtomicU64 {
        debug_assert!(at < self.granules.div_ceil(WORD));
        let words = std::ptr::with_exposed_provenance::<AtomicU64>(self.words);
        // SAFETY: callers ask for words of the window's granules, which all are mapped;
        // zero bytes are a valid word, and nobody has them otherwise.
        unsafe { &*words.add(at) }
    }

    /// The granules that `start..end`, a part of the window, touches, word by word: the
    /// number of each word, and the bits of it.
    #[inline]
    fn masks(&self, start: usize, end: usize) -> impl Iterator<Item = (usize, u64)> + use<> {
        let first = (start - self.base) / GRANULE;
        let last = (end - self.base).div_ceil(GRANULE);
        (first / WORD..last.div_ceil(WORD)).map(move |word| {
            let low = first.saturating_sub(word * WORD).min(WORD);
            let high = (last - word * WORD).min(WORD);
            let mask = (u64::MAX >> (WORD - (high - low))) << low;
            (word, mask)
        })
    }

    /// Whether all pages of a range have the bit. Not for an empty range.
    #[inline]
    pub fn all(&self, start: usize, end: usize) -> bool {
        let mut masks = self.masks(start, end);
        masks.all(|(word, mask)| self.word(word).load(Relaxed) & mask == mask)
    }

    /// Whether any page of a range has the bit. Not for an empty range.
    #[inline]
    pub fn any(&self, start: usize, end: usize) -> bool {
        let mut masks = self.masks(start, end);
        masks.any(|(word, mask)| self.word(word).load(Relaxed) & mask != 0)
    }

    /// Sets the bit of all pages that a range touches.
    pub fn set(&self, start: usize, end: usize) {
        for (word, mask) in self.masks(start, end) {
            self.word(word).fetch_or(mask, Relaxed);
        }
    }

    /// Clears the bit of all pages that a range touches.
    pub fn clear(&self, start: usize, end: usize) {
        for (word, mask) in self.masks(start, end) {
            // Words that were never written stay without memory.
            if self.word(word).load(Relaxed) & mask != 0 {
                self.word(word).fetch_and(!mask, Relaxed);
            }
        }
    }

    /// The end of the run of pages from that of `start` on, up to `end`, that all have
    /// the bit or all lack it, and which of both.
    pub fn run(&self, start: usize, end: usize) -> (usize, bool) {
        let first = (start - self.base) / GRANULE;
        let last = (end - self.base).div_ceil(GRANULE);
        let of = |granule: usize| self.word(granule / WORD).load(Relaxed) >> (granule % WORD) & 1;
        let bit = of(first);
        let mut at = first + 1;
        while at < last {
            let word = self.word(at / WORD).load(Relaxed);
            let same = if bit == 0 { 0 } else { u64::MAX };
            if at.is_multiple_of(WORD) && word == same {
                at += WORD;
            } else if of(at) == bit {
                at += 1;
            } else {
                break;
            }
        }
        (end.min(self.base + at * GRANULE), bit == 1)
    }
}

impl Drop for Bits {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, and words are borrowed from `self` only.
        drop(unsafe { sys::munmap(self.words, bytes(self.granules)) });
    }
}

/// Bytes of the words for so many granules.
fn bytes(granules: usize) -> usize {
    (granules.div_ceil(WORD) * size_of::<u64>()).next_multiple_of(sys::page())
}

/// The bits of a window's pages.
#[repr(C)]
#[derive(Debug)]
pub struct Pages {
    /// A peer may know an address in the page.
    pub exposed: Bits,
    /// A fork has made the page private.
    pub frozen: Bits,
    any_frozen: AtomicBool,
    /// A peer may know an address in the page, and reaches it by system calls.
    pub told: Bits,
}

impl Pages {
    /// Of a window of `len` bytes at `base`: no page has any bit.
    pub fn new(base: usize, len: usize) -> io::Result<Pages> {
        Ok(Pages {
            exposed: Bits::new(base, len)?,
            frozen: Bits::new(base, len)?,
            any_frozen: AtomicBool::new(false),
            told: Bits::new(base, len)?,
        })
    }

    /// Whether any page was frozen since the process began.
    #[inline]
    pub fn have_frozen(&self) -> bool {
        self.any_frozen.load(Relaxed)
    }

    /// Whether a range touches a frozen page.
    #[inline]
    pub fn is_frozen(&self, start: usize, end: usize) -> bool {
        self.have_frozen() && start < end && self.frozen.any(start, end)
    }

    /// Notes that peers may know of a range that they do not reach by the file.
    pub fn tell(&self, start: usize, end: usize) {
        if !self.told.all(start, end) {
            self.told.set(start, end);
        }
    }

    /// Notes that what is in a range is new: no peer knows of it.
    pub fn forget(&self, start: usize, end: usize) {
        self.exposed.clear(start, end);
        self.told.clear(start, end);
    }

    /// Notes that the pages of a range are frozen.
    pub fn freeze(&self, start: usize, end: usize) {
        self.any_frozen.store(true, Relaxed);
        self.frozen.set(start, end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_those_of_a_naive_model() {
        let (base, granules) = (1 << 40, 1000);
        let bits = Bits::new(base, granules * GRANULE).unwrap();
        let mut model = vec![false; granules];
        let mut seed = 1u64;
        let mut below = |n: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(seed >> 33).unwrap() % n
        };
        for _ in 0..20_000 {
            let start = below(granules * GRANULE - 1);
            let end = start + 1 + below((granules * GRANULE - start).min(GRANULE * 200));
            let range = start / GRANULE..end.div_ceil(GRANULE);
            let (from, to) = (base + start, base + end);
            match below(4) {
                0 => {
                    bits.set(from, to);
                    model[range].fill(true);
                }
                1 => {
                    bits.clear(from, to);
                    model[range].fill(false);
                }
                2 => {
                    let part = &model[range];
                    assert_eq!(bits.all(from, to), part.iter().all(|bit| *bit));
                    assert_eq!(bits.any(from, to), part.iter().any(|bit| *bit));
                }
                _ => {
                    let part = &model[range.clone()];
                    let same = part.iter().take_while(|bit| **bit == part[0]).count();
                    let stop = ((range.start + same) * GRANULE).min(end);
                    assert_eq!(bits.run(from, to), (base + stop, part[0]));
                }
            }
        }
    }
}
