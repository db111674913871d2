//! Which messages the program rewrites before it sends them again.
//!
//! A few words of each announced message are compared with those of the last message
//! that was sent from the same address. Where they differ, the source was *rewritten*,
//! and will most likely be again. The receiver is told in the RTS, since the copy of
//! such a message takes longer: each line comes out of its sender's cache. And the
//! sender makes lines its own again, once the message was read, while it waits for
//! something else (`rndv/ahead.rs`).

use crate::pml::learnt::vote::Vote;
use std::time::Duration;

/// Addresses that are remembered.
const PLACES: usize = 64;

/// Words of a message that are looked at.
const SAMPLES: usize = 4;

/// The part of `coop_min` from which on messages from rewritten sources are shared out.
const PART: usize = 8;

/// The shortest message that is shared out with its sender, in bytes, if its copy takes
/// long.
pub(in crate::pml) fn least(coop_min: usize) -> usize {
    coop_min / PART
}

/// What was sent last from some addresses.
#[derive(Debug)]
pub(in crate::pml) struct Sources {
    places: [Place; PLACES],
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    addr: usize,
    mix: u64,
}

impl Default for Sources {
    fn default() -> Sources {
        Sources {
            places: [Place::default(); PLACES],
        }
    }
}

impl Sources {
    /// Whether the `len` bytes at `at` are others than when they were sent last.
    ///
    /// # Safety
    /// They are readable.
    pub(in crate::pml) unsafe fn was_rewritten(&mut self, at: *const u8, len: usize) -> bool {
        const WORD: usize = size_of::<u64>();
        if len < SAMPLES * WORD {
            return false;
        }
        let step = (len - WORD) / (SAMPLES - 1);
        let mut mix = len as u64;
        for i in 0..SAMPLES {
            // SAFETY: the last word begins `WORD` bytes before the end.
            let word = unsafe { at.add(i * step).cast::<u64>().read_unaligned() };
            mix = (mix.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        let addr = at.addr();
        let place = &mut self.places[(addr >> 6 ^ addr >> 12) % PLACES];
        let before = std::mem::replace(place, Place { addr, mix });
        before.addr == addr && before.mix != mix
    }
}

/// A copy that takes longer is worth sharing out although it is short: that costs 0.2 us
/// between cores that are 135 ns apart, and gains half of the copy.
const SLOW: Duration = Duration::from_nanos(300);

/// One in so many copies is timed.
const SAMPLE: u32 = 8;

/// Votes that one side must be ahead by.
const VOTES: i8 = 4;

/// The copies of short messages from one peer whose sources were rewritten.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::pml) struct ShortCopies {
    unsampled: u32,
    vote: Vote,
}

impl ShortCopies {
    /// Whether the next one is to be timed.
    pub(in crate::pml) fn is_due(&mut self) -> bool {
        self.unsampled = (self.unsampled + 1) % SAMPLE;
        self.unsampled == 0
    }

    /// Counts one that took so long. Whether they take long, as a rule.
    pub(in crate::pml) fn are_slow(&mut self, took: Duration) -> bool {
        self.vote.cast(took > SLOW, VOTES) == Some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_copy_that_is_held_up_changes_nothing() {
        let mut copies = ShortCopies::default();
        for i in 0..1000 {
            let took = Duration::from_nanos(if i % 3 == 0 { 1_000_000 } else { 100 });
            assert!(!copies.are_slow(took));
        }
        let slow = (0..100).any(|_| copies.are_slow(Duration::from_nanos(400)));
        assert!(slow);
    }

    #[test]
    fn a_change_at_either_end_is_seen() {
        let mut sources = Sources::default();
        let mut bytes = vec![7u8; 10_001];
        let mut look = |bytes: &[u8]| {
            // SAFETY: the slice.
            unsafe { sources.was_rewritten(bytes.as_ptr(), bytes.len()) }
        };
        assert!(!look(&bytes), "it was never sent");
        assert!(!look(&bytes));
        for at in [0, 10_000] {
            bytes[at] += 1;
            assert!(look(&bytes));
            assert!(!look(&bytes));
        }
        assert!(look(&bytes[..9_000]), "another message");
        assert!(!look(&bytes[..10]), "too short to tell");
    }
}
