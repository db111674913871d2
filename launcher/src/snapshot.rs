//! What ranks publish in the job segment, copied at one moment.

use crate::procfs::Stat;
use crate::threads::Threads;
use std::collections::HashSet;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use wireup::calls::CALL_NAMES;
use wireup::layout::{AbortKind, CALL_OVER, State};
use wireup::plain;
use wireup::segment::Segment;
use wireup::waits::{self, Unreceived, WaitBlock, WaitSlot};

/// What one rank does, in its own words.
#[derive(Clone, Debug, PartialEq)]
pub struct RankSnapshot {
    /// Its number in `MPI_COMM_WORLD`.
    pub rank: u32,
    /// The process that called `MPI_Init`, else the one that mpirun started.
    pub pid: u32,
    /// How far the rank is. None if the record makes no sense.
    pub state: Option<State>,
    /// The MPI call that it is in.
    pub call: Option<&'static str>,
    /// The last MPI call that it was in, if it is in none.
    pub last_call: Option<&'static str>,
    /// What its threads wait for, as far as they show it.
    pub waits: Vec<Wait>,
    /// The first of the messages that came and that no receive has asked for.
    pub unreceived: Vec<Unreceived>,
    /// How many there are of these.
    pub unreceived_count: u32,
    /// Counters that show whether it stands still.
    pub counters: Counters,
    /// Where it runs, in a job on several hosts.
    pub node: Option<NodeView>,
}

/// What the mpirun of a rank's host has seen of it beside what it publishes: its process
/// cannot be looked at from here.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeView {
    /// The host's name.
    pub host: Arc<str>,
    /// The rank's threads, where they were looked at.
    pub threads: Option<Threads>,
    /// What the kernel knows of the rank's process, where that was asked for.
    pub process: Option<FarProcess>,
}

/// A process of another host at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FarProcess {
    /// What the kernel there says of it.
    pub stat: Stat,
    /// `CLOCK_MONOTONIC` there, in nanoseconds.
    pub clock: u64,
}

impl RankSnapshot {
    /// Whether the rank is between `MPI_Init` and the end of `MPI_Finalize`.
    pub fn is_inside_mpi(&self) -> bool {
        matches!(
            self.state,
            Some(State::Claimed | State::Running | State::Finalizing)
        )
    }
}

/// What changes in a rank's record whenever the rank gets on. The fields are described at
/// [`wireup::layout::RankRecord`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Changes so far.
    pub changes: u32,
    /// Threads in a long wait.
    pub waiters: u32,
    /// Several threads may call MPI.
    pub multiple: bool,
    /// The number of the rank's current sleep, or 0.
    pub asleep: u32,
}

/// What a thread of a rank waits for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wait {
    /// How long it has waited.
    pub time: Duration,
    /// The MPI call that waits.
    pub call: Option<&'static str>,
    /// What it is for, as the rank shows it.
    pub shown: wireup::waits::Wait,
}

/// A job's abort, as the segment's head tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abort {
    /// The rank that aborted first.
    pub rank: u32,
    /// Its process.
    pub pid: u32,
    /// The error code that it gave.
    pub code: i32,
    /// The reason, in its words.
    pub text: String,
    /// What kind of a reason it is.
    pub kind: AbortKind,
    /// The name of the error class; `None`: there is none, or it is the program's own.
    pub class: Option<String>,
}

/// Whether this rank has called MPI.
pub fn uses_mpi(snapshot: &RankSnapshot) -> bool {
    snapshot.state != Some(State::Fresh)
}

/// Copies what `rank` publishes.
pub fn of_rank(segment: &Segment, rank: u32) -> RankSnapshot {
    let record = segment.record(rank);
    // pairs with the Release of the rank, which comes after what it tells of
    let changes = record.changes.load(Acquire);
    let pid = match record.pid.load(Relaxed) {
        0 => record.child.load(Relaxed),
        pid => pid,
    };
    // The rank may change these meanwhile. Then `changes` differs at the next look.
    let block = waits::block(segment, rank).filter(|_| record.waiters.load(Relaxed) != 0);
    let shown = block.into_iter().flat_map(|block| &block.slots);
    let waits = shown.filter_map(WaitSlot::wait).map(|shown| Wait {
        time: Duration::from_nanos(monotonic().saturating_sub(shown.since)),
        call: call_name(shown.call),
        shown,
    });
    let waits: Vec<Wait> = waits.collect();
    let (unreceived, unreceived_count) = block.map(WaitBlock::unreceived).unwrap_or_default();
    let number = record.call.load(Relaxed);
    let call = match waits.first() {
        Some(wait) => wait.call,
        None => call_name(number),
    };
    let over = number & CALL_OVER != 0;
    let last_call = Some(number).filter(|_| over && call.is_none());
    let last_call = last_call.and_then(|number| call_name(number & !CALL_OVER));
    RankSnapshot {
        rank,
        pid,
        state: State::of(record.state.load(Relaxed)),
        call,
        last_call,
        waits,
        unreceived,
        unreceived_count,
        counters: Counters {
            changes,
            waiters: record.waiters.load(Relaxed),
            multiple: record.multiple.load(Relaxed) == 1,
            asleep: record.asleep.load(Relaxed),
        },
        node: None,
    }
}

/// Copies what all ranks publish.
pub fn of_all(segment: &Segment) -> Vec<RankSnapshot> {
    (0..segment.ranks()).map(|r| of_rank(segment, r)).collect()
}

/// Whether any rank has called MPI.
pub fn any_uses_mpi(segment: &Segment) -> bool {
    let fresh = State::Fresh as u32;
    let mut records = (0..segment.ranks()).map(|rank| segment.record(rank));
    records.any(|record| record.pid.load(Relaxed) != 0 || record.state.load(Relaxed) != fresh)
}

/// The job's abort, if a rank has called for one.
pub fn abort(segment: &Segment) -> Option<Abort> {
    let head = segment.head();
    // pairs with the Release by which the aborting rank publishes its reasons
    let rank = head.abort_rank.load(Acquire).checked_sub(1)?;
    // A number that is no rank's was written by accident, and no rank has aborted.
    let rank = Some(rank).filter(|rank| *rank < segment.ranks())?;
    let len = (head.abort_len.load(Acquire) as usize).min(size_of_val(&head.abort_text));
    let bytes = |words: &[AtomicU64]| -> Vec<u8> {
        let words = words.iter().map(|w| w.load(Relaxed));
        words.flat_map(u64::to_le_bytes).collect()
    };
    let mut text = bytes(&head.abort_text);
    text.truncate(len);
    let class = bytes(&head.abort_class);
    let class = class.split(|byte| *byte == 0).next().unwrap_or_default();
    Some(Abort {
        rank,
        pid: of_rank(segment, rank).pid,
        code: head.abort_code.load(Relaxed),
        text: plain::lines(&text),
        kind: AbortKind::of(head.abort_kind.load(Relaxed)),
        class: Some(plain::lines(class)).filter(|name| !name.is_empty()),
    })
}

/// A call's own name that is equal to this one.
pub fn call_of_name(name: &str) -> Option<&'static str> {
    static CALLS: OnceLock<HashSet<&'static str>> = OnceLock::new();
    let calls = CALLS.get_or_init(|| CALL_NAMES.iter().copied().collect());
    calls.get(name).copied()
}

/// The name of the call with this number, if there is one.
fn call_name(number: u32) -> Option<&'static str> {
    let index = usize::try_from(number.checked_sub(1)?).ok()?;
    CALL_NAMES.get(index).copied()
}

/// Nanoseconds of `CLOCK_MONOTONIC`, by which ranks date their waits.
fn monotonic() -> u64 {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC);
    now.map_or(0, |t| {
        u64::try_from(Duration::from(t).as_nanos()).unwrap_or(u64::MAX)
    })
}
