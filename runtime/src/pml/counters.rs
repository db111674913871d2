//! What messaging counts of itself, for reports and tools. A tool may read it from any
//! thread, also before and after messaging runs: so these are atomics of the process.
//!
//! Messages are counted once: eager ones by their sender, all others by their receiver.
//! Those that go in one cell without a request are not counted, since that would cost an
//! instruction in each of them; nor are messages of a rank to itself.

use crate::pml::learnt::size::{CLASSES, SizeClass};
use crate::pml::protocol::{PROTOCOLS, Protocol};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Messages by class and protocol.
static MESSAGES: [[AtomicU64; PROTOCOLS]; CLASSES] =
    [const { [const { AtomicU64::new(0) }; PROTOCOLS] }; CLASSES];

/// What the unexpected messages that are kept take, in bytes.
static UNEXPECTED: AtomicU64 = AtomicU64::new(0);

/// Counts a message of `len` bytes. Only the thread that is in the library counts.
#[inline]
pub(super) fn count(protocol: Protocol, len: usize) {
    let counter = &MESSAGES[SizeClass::of(len).index()][protocol as usize];
    counter.store(counter.load(Relaxed) + 1, Relaxed);
}

/// Says what unexpected messages take by now.
pub(super) fn set_unexpected(bytes: usize) {
    UNEXPECTED.store(bytes as u64, Relaxed);
}

/// The messages of a class, by protocol.
pub(super) fn of_class(class: SizeClass) -> [u64; PROTOCOLS] {
    std::array::from_fn(|protocol| MESSAGES[class.index()][protocol].load(Relaxed))
}

/// The names of the protocols, in the order of their numbers.
pub fn protocols() -> impl Iterator<Item = &'static str> {
    Protocol::ALL.into_iter().map(Protocol::name)
}

/// The messages that the protocol of this number has carried so far, by class of sizes.
#[must_use]
pub fn messages(protocol: usize) -> Vec<u64> {
    let of = |class| of_class(class).get(protocol).copied();
    SizeClass::all()
        .map(|class| of(class).unwrap_or(0))
        .collect()
}

/// The shortest message of each class of sizes, in bytes.
#[must_use]
pub fn least_sizes() -> Vec<u64> {
    SizeClass::all().map(|class| class.least() as u64).collect()
}

/// Bytes that the unexpected messages take which this rank keeps, each with what keeping
/// it costs.
#[must_use]
pub fn unexpected_bytes() -> u64 {
    UNEXPECTED.load(Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_counts_in_its_class() {
        let before = messages(Protocol::Runs as usize);
        count(Protocol::Runs, 5000);
        let after = messages(Protocol::Runs as usize);
        let class = SizeClass::of(5000).index();
        assert_eq!(after[class], before[class] + 1);
        assert!(least_sizes()[class] <= 5000 && 5000 < least_sizes()[class + 1]);
        assert_eq!(protocols().count(), PROTOCOLS);
    }
}
