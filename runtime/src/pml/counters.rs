//! What messaging counts of itself, for tools. A tool may read it from any thread, also
//! before and after messaging runs: so these are atomics of the process. Messages are
//! counted where they are learnt of ([`learnt::count`]).

use crate::lock;
use crate::object::group::Proc;
use crate::pml::events::{self, EventKind};
use crate::pml::learnt;
use crate::pml::learnt::size::SizeClass;
use crate::pml::protocol::Protocol;
use crate::profile;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// What the unexpected messages that are kept take, in bytes.
static UNEXPECTED: AtomicU64 = AtomicU64::new(0);

/// The most that they have taken since it was asked for last.
static UNEXPECTED_PEAK: AtomicU64 = AtomicU64::new(0);

/// Says what unexpected messages take by now.
pub(super) fn set_unexpected(bytes: usize) {
    UNEXPECTED.store(bytes as u64, Relaxed);
    if bytes as u64 > UNEXPECTED_PEAK.load(Relaxed) {
        UNEXPECTED_PEAK.store(bytes as u64, Relaxed);
    }
}

/// Whether this rank asks its peers to hold back their messages.
static PRESSURE: AtomicU64 = AtomicU64::new(0);

/// Says that it begins or ends to.
pub(super) fn set_pressure(on: bool) {
    PRESSURE.store(u64::from(on), Relaxed);
    events::post(EventKind::Pressure, [u64::from(on), 0, 0, 0]);
}

/// Whether it does: 1, or 0.
#[must_use]
pub fn pressure() -> u64 {
    PRESSURE.load(Relaxed)
}

/// How a message's bytes came: by which arm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arm {
    /// Out of memory that is mapped here.
    Shared,
    /// Out of memory that a driver attaches.
    Driver,
    /// By calls of the kernel.
    Cma,
    /// In pieces.
    Copy,
}

impl Arm {
    /// All of them, in the order of their numbers.
    pub const ALL: [Arm; 4] = [Arm::Shared, Arm::Driver, Arm::Cma, Arm::Copy];

    /// As settings name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        ["shared", "driver", "cma", "copy"][self as usize]
    }
}

/// Messages and bytes.
#[derive(Debug, Default)]
struct Traffic {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Traffic {
    fn count(&self, len: usize) {
        // One thread at a time counts.
        let add = |to: &AtomicU64, n| to.store(to.load(Relaxed).wrapping_add(n), Relaxed);
        add(&self.messages, 1);
        add(&self.bytes, len as u64);
    }
}

/// What went between this process and a peer.
#[derive(Debug, Default)]
struct PeerTraffic {
    /// Announced messages that were received, by arm.
    received: [Traffic; 4],
    /// Longer messages that were sent at once.
    sent_eagerly: Traffic,
}

/// By the peer's number. Processes that come to the job later are not counted.
static PEERS: OnceLock<Box<[PeerTraffic]>> = OnceLock::new();

/// Begins to count by peer.
pub(super) fn start(ranks: u32) {
    let _ = PEERS.set((0..ranks).map(|_| PeerTraffic::default()).collect());
}

fn peer(of: Proc) -> Option<&'static PeerTraffic> {
    PEERS.get()?.get(of.0 as usize)
}

/// Counts a message that was announced and is fetched.
pub(super) fn fetched(protocol: Protocol, arm: Arm, from: Proc, len: usize) {
    learnt::count(protocol, len);
    if let Some(peer) = peer(from) {
        peer.received[arm as usize].count(len);
    }
    if lock::is_watched() {
        profile::fetched(arm as usize, len as u64);
    }
    let (arm, from) = (arm as u64, u64::from(from.0));
    events::post(
        EventKind::Rendezvous,
        [from, protocol as u64, arm, len as u64],
    );
}

/// Counts a message that goes eagerly.
pub(super) fn sent_eagerly(to: Proc, len: usize) {
    learnt::count(Protocol::Eager, len);
    if let Some(peer) = peer(to) {
        peer.sent_eagerly.count(len);
    }
}

/// What is counted of each peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PeerCount {
    /// Messages received by this arm.
    Received(Arm),
    /// Their bytes.
    ReceivedBytes(Arm),
    /// Messages sent eagerly.
    SentEagerly,
    /// Their bytes.
    SentEagerlyBytes,
}

/// That, by the peer's number in the job.
#[must_use]
pub fn by_peer(what: PeerCount) -> Vec<u64> {
    let peers = PEERS.get().map_or(&[][..], |peers| peers);
    let one = |peer: &PeerTraffic| match what {
        PeerCount::Received(arm) => peer.received[arm as usize].messages.load(Relaxed),
        PeerCount::ReceivedBytes(arm) => peer.received[arm as usize].bytes.load(Relaxed),
        PeerCount::SentEagerly => peer.sent_eagerly.messages.load(Relaxed),
        PeerCount::SentEagerlyBytes => peer.sent_eagerly.bytes.load(Relaxed),
    };
    peers.iter().map(one).collect()
}

static YIELDS: AtomicU64 = AtomicU64::new(0);
static SLEEPS: AtomicU64 = AtomicU64::new(0);
static SLEPT: AtomicU64 = AtomicU64::new(0);
static LONG: [AtomicU64; 5] = [const { AtomicU64::new(0) }; 5];

/// Counts that a wait has let others have the processor.
pub(super) fn yielded() {
    YIELDS.fetch_add(1, Relaxed);
}

/// Counts that a wait has slept so long.
pub(super) fn slept(time: Duration) {
    SLEEPS.fetch_add(1, Relaxed);
    SLEPT.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(0), Relaxed);
}

/// Counts a wait of this kind that has lasted.
pub(super) fn waited_long(kind: usize) {
    if let Some(count) = LONG.get(kind) {
        count.fetch_add(1, Relaxed);
    }
}

/// What waits have done: yields, sleeps, nanoseconds of sleep.
#[must_use]
pub fn waits() -> [u64; 3] {
    [&YIELDS, &SLEEPS, &SLEPT].map(|count| count.load(Relaxed))
}

/// Waits that lasted longer than a moment, by what for: something else, a receive, a send,
/// a collective, the others at the end.
#[must_use]
pub fn long_waits() -> Vec<u64> {
    LONG.iter().map(|count| count.load(Relaxed)).collect()
}

/// The most bytes that unexpected messages have taken since the last call.
#[must_use]
pub fn take_unexpected_peak() -> u64 {
    UNEXPECTED_PEAK.swap(UNEXPECTED.load(Relaxed), Relaxed)
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
