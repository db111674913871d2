//! What messaging counts of itself, for tools. A tool may read it from any thread, also
//! before and after messaging runs: so these are atomics of the process. Messages are
//! counted where they are learnt of ([`learnt::count`]).

use crate::pml::learnt;
use crate::pml::learnt::size::SizeClass;
use crate::pml::protocol::Protocol;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// What the unexpected messages that are kept take, in bytes.
static UNEXPECTED: AtomicU64 = AtomicU64::new(0);

/// Says what unexpected messages take by now.
pub(super) fn set_unexpected(bytes: usize) {
    UNEXPECTED.store(bytes as u64, Relaxed);
}

/// The names of the protocols, in the order of their numbers.
pub fn protocols() -> impl Iterator<Item = &'static str> {
    Protocol::ALL.into_iter().map(Protocol::name)
}

/// The messages that the protocol of this number has carried so far, by class of sizes.
#[must_use]
pub fn messages(protocol: usize) -> Vec<u64> {
    let of = |class| learnt::counted(class).get(protocol).copied();
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
        learnt::count(Protocol::Runs, 5000);
        let after = messages(Protocol::Runs as usize);
        let class = SizeClass::of(5000).index();
        assert_eq!(after[class], before[class] + 1);
        assert!(least_sizes()[class] <= 5000 && 5000 < least_sizes()[class + 1]);
        assert_eq!(protocols().count(), Protocol::ALL.len());
    }
}
