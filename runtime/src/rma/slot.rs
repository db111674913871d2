//! The slot in which an origin leaves a small access for a target (see [`super::mailbox`]).

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The longest run, in bytes, and the most bytes of operands or of an answer.
pub(super) const MOST: usize = 128;
const WORDS: usize = MOST / 8;
/// The most accesses that are not posted after a target did not come.
const MOST_PENALTY: u32 = 256;

pub(super) const FREE: u32 = 0;
pub(super) const CLAIMED: u32 = 1;
pub(super) const POSTED: u32 = 2;
pub(super) const SERVING: u32 = 3;
pub(super) const DONE: u32 = 4;
pub(super) const REFUSED: u32 = 5;

/// A member's slot. Whoever has moved it last owns all but the state.
#[repr(C, align(128))]
pub(super) struct Slot {
    pub(super) state: AtomicU32,
    /// Bytes of operands, and then of the answer.
    bytes: AtomicU32,
    /// The access: the words of [`super::ask::Ask`].
    pub(super) ask: [AtomicU64; 3],
    pub(super) addr: AtomicU64,
    pub(super) len: AtomicU64,
    data: [AtomicU64; WORDS],
}

/// How an origin has fared with slots so far.
#[derive(Default)]
pub(super) struct Patience {
    /// Accesses that are not posted from now on.
    skip: Cell<u32>,
    /// How many are not posted after the next one that is taken back.
    penalty: Cell<u32>,
}

impl Patience {
    pub(super) fn may_try(&self) -> bool {
        let skip = self.skip.get();
        self.skip.set(skip.saturating_sub(1));
        skip == 0
    }

    pub(super) fn served(&self) {
        self.penalty.set(0);
    }

    pub(super) fn taken_back(&self) {
        let penalty = (self.penalty.get() * 2).clamp(1, MOST_PENALTY);
        self.penalty.set(penalty);
        self.skip.set(penalty);
    }
}

impl Slot {
    pub(super) fn write(&self, parts: &[&[u8]]) {
        let mut bytes = [0u8; MOST];
        let mut at = 0;
        for part in parts {
            bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        self.bytes
            .store(u32::try_from(at).unwrap_or(0), Ordering::Relaxed);
        let words = bytes.as_chunks::<8>().0.iter().take(at.div_ceil(8));
        for (word, bytes) in self.data.iter().zip(words) {
            word.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed);
        }
    }

    /// The bytes, and how many there are.
    pub(super) fn read(&self) -> ([u8; MOST], usize) {
        let len = (self.bytes.load(Ordering::Relaxed) as usize).min(MOST);
        let mut bytes = [0; MOST];
        let words = self.data.iter().take(len.div_ceil(8));
        for (bytes, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *bytes = word.load(Ordering::Relaxed).to_ne_bytes();
        }
        (bytes, len)
    }

    pub(super) fn advance(&self, from: u32, to: u32) -> bool {
        // pairs with itself, and with the Release of the stores of states
        let moved = self
            .state
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed);
        moved.is_ok()
    }
}
