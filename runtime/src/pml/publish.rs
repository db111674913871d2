//! What this rank waits for, published in its record of the job segment for the
//! launcher, which explains it. Only waits that last are published, so that all this
//! costs a message nothing.
//!
//! The record has room for one wait. Where several threads wait, the first has it, and
//! when that one is through, another takes its place.

use crate::object::comm::ContextId;
use crate::object::group::Proc;
use crate::pml::counters;
use crate::trace;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use wireup::layout::{OTHER_JOB, RankRecord, WaitKind};
use wireup::segment::Segment;

/// Where waits are published: the job's segment, and this process.
static RECORDS: OnceLock<(&'static Segment, Proc)> = OnceLock::new();

/// Says where to publish. Called once, at start.
pub(super) fn start(segment: &'static Segment, me: Proc) {
    let _ = RECORDS.set((segment, me)); // a process is in one job
}

/// What a wait is for, for the report of who waits for whom. Where `kind` says so, the
/// wait cannot end before `peer` has done its part; while others are open as well, one
/// of them is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WaitFor {
    /// In what way.
    pub kind: WaitKind,
    /// The peer's process, -1 any, -2 none in particular. One of another job is told as
    /// [`wireup::layout::OTHER_JOB`].
    pub peer: i32,
    /// The tag, -1 any, -2 none in particular.
    pub tag: i32,
    /// The context id.
    pub context: u32,
}

impl WaitFor {
    /// Nothing in particular.
    pub const NOTHING: WaitFor = WaitFor {
        kind: WaitKind::Other,
        peer: -2,
        tag: -2,
        context: 0,
    };
}

/// The context and the tag of the collective that process `peer` has published to wait
/// in, if it waits in one.
pub(super) fn waits_in(peer: Proc) -> Option<(ContextId, i32)> {
    let (segment, _) = RECORDS.get()?;
    let record = (peer.0 < segment.ranks()).then(|| segment.record(peer.0))?;
    let waiting = record.collective.load(Ordering::Relaxed);
    let [context, tag] = [waiting >> 32, waiting & 0xffff_ffff].map(u32::try_from);
    let tag = tag.ok()?.cast_signed();
    (waiting != 0).then_some((ContextId(context.ok()?), tag))
}

/// Numbers of the waits that were published, from 1. Changed under the library lock.
static LAST: AtomicU64 = AtomicU64::new(0);
/// The number of the wait that the record shows, or 0.
static SHOWN: AtomicU64 = AtomicU64::new(0);

/// One wait's part in the record.
#[derive(Debug, Default)]
pub(super) struct Publication {
    /// Its number, once it is published; else 0.
    number: u64,
    since: u64,
    /// The call that waits; other threads may be in other calls later.
    call: u32,
    shown: Option<WaitFor>,
}

impl Publication {
    /// Notes the call, before the lock is given up for the first time.
    #[inline]
    pub(super) fn note_call(&mut self) {
        if self.call == 0 {
            self.call = trace::slot_or_spare().load(Ordering::Relaxed);
        }
    }

    /// Tells that this rank waits, for `what`.
    #[cold]
    pub(super) fn tell(&mut self, what: WaitFor) {
        let Some(record) = record() else { return };
        let what = without_strangers(what);
        if self.number == 0 {
            self.number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
            self.since = monotonic().max(1);
            counters::waited_long(what.kind as usize);
            add(&record.waiters, 1);
            raise(record);
        }
        let shown = SHOWN.load(Ordering::Relaxed);
        let free = shown == 0 || shown == self.number;
        if !free || self.shown == Some(what) {
            return;
        }
        SHOWN.store(self.number, Ordering::Relaxed);
        self.shown = Some(what);
        // Odd context ids are the collectives', whose tags are nobody's business.
        let (kind, tag) = match what.context & 1 {
            1 if what.kind != WaitKind::Other => (WaitKind::Collective, -2),
            _ => (what.kind, what.tag),
        };
        let collective = match what.context & 1 {
            1 if what.tag >= 0 => {
                u64::from(what.context) << 32 | u64::from(what.tag.cast_unsigned())
            }
            _ => 0,
        };
        // Relaxed: the word itself is all that is told.
        record.collective.store(collective, Ordering::Relaxed);
        let waiting = &record.waiting;
        waiting.peer.store(what.peer, Ordering::Relaxed);
        waiting.tag.store(tag, Ordering::Relaxed);
        waiting.context.store(what.context, Ordering::Relaxed);
        waiting.call.store(self.call, Ordering::Relaxed);
        waiting.kind.store(kind as u32, Ordering::Relaxed);
        waiting.since.store(self.since, Ordering::Relaxed);
        raise(record);
    }

    /// Something has moved; what is waited for may be something else now.
    #[inline]
    pub(super) fn moved(&mut self) {
        if self.number != 0 {
            self.shown = None;
            record().into_iter().for_each(raise);
        }
    }

    /// The wait is over.
    #[inline]
    pub(super) fn end(&self) {
        if self.number != 0 {
            self.take_back();
        }
    }

    #[cold]
    fn take_back(&self) {
        let Some(record) = record() else { return };
        if SHOWN.load(Ordering::Relaxed) == self.number {
            SHOWN.store(0, Ordering::Relaxed);
            record.waiting.since.store(0, Ordering::Relaxed);
            record.collective.store(0, Ordering::Relaxed);
        }
        add(&record.waiters, -1);
        raise(record);
    }
}

/// What is told of a wait for a process of another job, of which the launcher knows nothing:
/// nobody of this job can end it, so that it is of no particular kind.
fn without_strangers(what: WaitFor) -> WaitFor {
    let ranks = RECORDS.get().map_or(0, |records| records.0.ranks());
    match u32::try_from(what.peer) {
        Ok(peer) if peer >= ranks => WaitFor {
            kind: WaitKind::Other,
            peer: OTHER_JOB,
            ..what
        },
        _ => what,
    }
}

fn record() -> Option<&'static RankRecord> {
    let (segment, me) = RECORDS.get()?;
    Some(segment.record(me.0))
}

/// Says that what the record tells has changed. This rank alone writes the number, under
/// the library lock.
fn raise(record: &RankRecord) {
    let changes = record.changes.load(Ordering::Relaxed).wrapping_add(1);
    record.changes.store(changes, Ordering::Release); // pairs with the launcher's Acquire
}

fn add(count: &AtomicU32, more: i32) {
    let now = count.load(Ordering::Relaxed).wrapping_add_signed(more);
    count.store(now, Ordering::Relaxed);
}

/// `CLOCK_MONOTONIC` in nanoseconds.
fn monotonic() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: fills a local of the right type.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}
