//! What this rank records of its calls, messages and waits when the setting `profile` is
//! on, in its block of the job segment ([`wireup::profile`]). The launcher reads it.
//!
//! A call that is not recorded pays nothing: [`enter`] looks at the word that tells it
//! whether to take the library lock, too. Functions here that say so are called only while
//! [`lock::is_watched`] holds.

use crate::{death, lock, stack};
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
pub use wireup::profile::Traffic;
use wireup::profile::{Event, FRAMES, RECEIVED, Recorder, SENT};
use wireup::segment::Segment;

static RECORDER: OnceLock<Recorder> = OnceLock::new();

thread_local! {
    /// Calls that this thread is in, one inside of the other.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// Ticks that the outermost of them has waited.
    static WAITED: Cell<u64> = const { Cell::new(0) };
    /// 1 + the rank that it waited for last.
    static BLAMED: Cell<u32> = const { Cell::new(0) };
}

/// Makes this rank's block in a job of so many `peers`, with room for `events` entries of a
/// trace. Nothing is recorded yet.
pub fn prepare(segment: &'static Segment, rank: u32, peers: u32, events: u64) {
    match Recorder::make(segment, rank, peers, events) {
        Some(recorder) => drop(RECORDER.set(recorder)), // a process is one rank
        None => eprintln!("lariat: rank {rank} records no profile: the job segment has no room"),
    }
}

/// Records from now on, if there is a block.
pub fn start() {
    if let Some(recorder) = RECORDER.get()
        && !lock::is_watched()
    {
        recorder.start();
        lock::set_watched(true, recorder.traces());
    }
}

/// Records nothing any more: this process is a child of the rank.
pub fn stop() {
    lock::set_watched(false, false);
}

/// A call under way.
#[derive(Debug)]
#[must_use]
pub struct Visit {
    heed: u8,
    /// When it began; there only while calls are recorded.
    begun: MaybeUninit<u64>,
}

/// Enters the library, in the call of this number.
#[inline]
pub fn enter(number: u32) -> Visit {
    let heed = lock::heed();
    let mut begun = MaybeUninit::uninit();
    if heed != 0 {
        if heed & lock::WATCHED != 0 {
            begun.write(begin(number));
        }
        if heed & lock::CHECKED != 0 {
            lock::check_entry(number);
        }
        lock::enter_by_hand(heed);
    }
    Visit { heed, begun }
}

/// Leaves the library.
#[inline]
#[allow(clippy::needless_pass_by_value, reason = "the visit is over")]
pub fn leave(visit: Visit, number: u32) {
    if visit.heed != 0 {
        if visit.heed & lock::WATCHED != 0 {
            // SAFETY: `enter` has written it, since `heed` was the same.
            end(unsafe { visit.begun.assume_init() }, number);
        }
        lock::leave(visit.heed);
    }
}

#[cold]
#[inline(never)]
fn begin(number: u32) -> u64 {
    let Some(recorder) = RECORDER.get() else {
        return 0;
    };
    let now = recorder.clock.now();
    let depth = DEPTH.get();
    DEPTH.set(depth + 1);
    if depth == 0 {
        recorder.open(number, now);
    }
    now
}

#[cold]
#[inline(never)]
fn end(begun: u64, number: u32) {
    let Some(recorder) = RECORDER.get() else {
        return;
    };
    let now = recorder.clock.now();
    let time = now.wrapping_sub(begun);
    let depth = DEPTH.get().saturating_sub(1);
    DEPTH.set(depth);
    let mut waited = 0;
    if depth == 0 {
        recorder.close(begun, now);
        waited = WAITED.take();
        let sum = SINCE.load(Ordering::Relaxed).wrapping_add(time);
        SINCE.store(sum, Ordering::Relaxed);
        let all = WAITED_SINCE.load(Ordering::Relaxed).wrapping_add(waited);
        WAITED_SINCE.store(all, Ordering::Relaxed);
        if sum >= NEXT.load(Ordering::Relaxed) {
            sample(recorder, number, sum, all);
        }
    }
    recorder.called(number, time, waited);
    if recorder.traces() {
        recorder.event(&Event {
            begin: begun,
            end: now,
            call: number,
            kind: 0,
            peer: -1,
            tag: 0,
            bytes: 0,
            context: 0,
        });
    }
}

/// Microseconds in MPI between two looks at where in the program that is.
const PERIOD: u64 = 100;

// All of them in ticks. Changed under the library lock.
/// Time in MPI since the last look.
static SINCE: AtomicU64 = AtomicU64::new(0);
/// How much of it was waited.
static WAITED_SINCE: AtomicU64 = AtomicU64::new(0);
/// How much of it there is at the next look.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Finds where in the program this thread is, and books all time in MPI since the last look
/// to that place. So a call is met as often as it takes time, and the sums are right in the
/// long run.
#[cold]
#[inline(never)]
fn sample(recorder: &Recorder, number: u32, time: u64, waited: u64) {
    let mut room = [0; FRAMES];
    let found = stack::walk_outside(&mut room);
    let frames = &room[..found];
    let mut key = u64::from(number);
    for frame in frames {
        key = (key ^ frame).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        key ^= key >> 29;
    }
    let blamed = BLAMED.take().checked_sub(1);
    let spent = (time, waited, blamed);
    recorder.spent(key, number, spent, frames, |frame, tell| {
        // Inside of the call, not behind it.
        death::file_with(frame.saturating_sub(1), |path, offset| tell(path, offset));
    });
    SINCE.store(0, Ordering::Relaxed);
    WAITED_SINCE.store(0, Ordering::Relaxed);
    // Between half the period and one and a half: a program's own rhythm does not matter.
    let period = PERIOD * recorder.ticks_per_microsecond().max(1);
    let chance = recorder.clock.now().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    NEXT.store(period / 2 + chance % period.max(1), Ordering::Relaxed);
}

/// Notes a message of `len` bytes that goes to process `peer`, or an access to it. For
/// calls that are recorded.
#[cold]
#[inline(never)]
pub fn sent(peer: u32, kind: Traffic, len: u64, (context, tag): (u32, i32)) {
    let Some(recorder) = RECORDER.get() else {
        return;
    };
    recorder.sent(peer, kind, len);
    if recorder.traces() && kind == Traffic::PointToPoint {
        note(recorder, SENT, peer, len, (context, tag));
    }
}

/// Notes in the trace that a message of `len` bytes from process `peer` has met its receive.
/// For messages of the program, where [`lock::is_traced`].
#[cold]
#[inline(never)]
pub fn received(peer: u32, len: u64, message: (u32, i32)) {
    if let Some(recorder) = RECORDER.get() {
        note(recorder, RECEIVED, peer, len, message);
    }
}

fn note(recorder: &Recorder, kind: u32, peer: u32, bytes: u64, (context, tag): (u32, i32)) {
    let now = recorder.clock.now();
    recorder.event(&Event {
        begin: now,
        end: now,
        call: 0,
        kind,
        peer: peer.cast_signed(),
        tag,
        bytes,
        context,
    });
}

/// Notes an announced message of `len` bytes that came by the arm of this number. For calls
/// that are recorded.
#[cold]
pub fn fetched(arm: usize, len: u64) {
    if let Some(recorder) = RECORDER.get() {
        recorder.fetched(arm, len);
    }
}

/// Microseconds of a wait before it is asked what it is for: that takes time itself.
const PATIENCE: u64 = 5;

/// The idle time of one wait.
#[derive(Debug, Default)]
pub struct Idle {
    /// When nothing moved for the first time; 0: something moves.
    since: u64,
    /// Until when nothing has moved.
    until: u64,
    /// Until when it is booked.
    booked: u64,
    /// When to ask next what the wait is for.
    ask: u64,
    /// What it is for: a kind, and peers.
    what: Option<(usize, Vec<i32>)>,
}

impl Idle {
    /// Nothing has moved. `what` tells what the wait is for.
    #[cold]
    #[inline(never)]
    pub fn look(&mut self, what: &mut dyn FnMut() -> (usize, Vec<i32>)) {
        let Some(recorder) = RECORDER.get() else {
            return;
        };
        let now = recorder.clock.now();
        if self.since == 0 {
            self.since = now;
            self.booked = now;
            self.ask = now + PATIENCE * recorder.ticks_per_microsecond();
        }
        self.until = now;
        if now >= self.ask {
            // Those who are missing now have been missing all the time.
            self.what = Some(what());
            self.book(recorder);
            self.ask = now + (now - self.since);
        }
    }

    /// The thread has let time pass.
    #[cold]
    #[inline(never)]
    pub fn paused(&mut self) {
        if let Some(recorder) = RECORDER.get() {
            self.until = recorder.clock.now();
        }
    }

    /// Something moves, or the wait is over.
    #[cold]
    #[inline(never)]
    pub fn end(&mut self) {
        let Some(recorder) = RECORDER.get() else {
            return;
        };
        if self.since != 0 {
            self.book(recorder);
            WAITED.set(WAITED.get() + (self.until - self.since));
            *self = Idle::default();
        }
    }

    fn book(&mut self, recorder: &Recorder) {
        let time = self.until.saturating_sub(self.booked);
        self.booked = self.until;
        match &self.what {
            Some((kind, peers)) => {
                recorder.waited(*kind, peers, time);
                if let Some(peer) = peers.last().and_then(|peer| u32::try_from(*peer).ok()) {
                    BLAMED.set(peer + 1);
                }
            }
            None => recorder.waited(0, &[], time),
        }
    }
}
