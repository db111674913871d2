//! The stages of a wait, and waking those who wait.
//!
//! A wait goes through stages: look, look with pauses, yield the processor, sleep. How
//! long each lasts depends on whether there are more ranks than processors, or more
//! waiting threads of a rank than it has processors. With a processor each, spinning is
//! cheapest; otherwise, whoever spins keeps the awaited one from running.

use crate::lock;
use crate::object::group::Proc;
use crate::pml::active::ActiveWaiter;
use crate::pml::counters;
use crate::pml::transport::Waiter;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

static WAITER: OnceLock<ActiveWaiter> = OnceLock::new();

/// Rounds of looking before the first yield.
const SPINS: u32 = 4000;
const SPINS_OVERSUBSCRIBED: u32 = 1;
/// The first rounds, which go without a pause between two looks: a pause would
/// cost more than a message that is on its way.
const QUICK: u32 = 200;
/// Yields before sleeping. When oversubscribed a yield is the hand-over itself.
const YIELDS: u32 = 400;
const YIELDS_OVERSUBSCRIBED: u32 = 200;
/// A yield that takes longer was given to another program's work. Where there is a processor
/// for each rank, more yields only give more of it away, and the kernel lets a thread that
/// sleeps have the processor sooner than one that yields
/// (`docs/decisions/0118-yields-that-others-take.md`).
const LONG_YIELD: Duration = Duration::from_micros(200);
/// Yields of which one looks at the clock, where each is a hand-over.
const CLOCK_INTERVAL: u32 = 8;
/// From here on a wait is worth publishing.
const MOMENT: Duration = Duration::from_millis(1);
/// A wait that has lasted so long has stalled.
const STALL: Duration = Duration::from_millis(50);

/// Threads of this process that wait, where several may.
static WAITING: AtomicU32 = AtomicU32::new(0);

/// Whether more threads of this process wait than it has processors. Those that spin then keep
/// the one from running whose message has come.
fn is_crowded() -> bool {
    static PROCESSORS: OnceLock<u32> = OnceLock::new();
    let waiting = WAITING.load(Ordering::Relaxed);
    let processors = || {
        let number = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        u32::try_from(number).unwrap_or(u32::MAX)
    };
    waiting > 1 && waiting > *PROCESSORS.get_or_init(processors)
}

/// Sets the waiter of this process. Called once, at start.
pub(super) fn start(waiter: ActiveWaiter) {
    let _ = WAITER.set(waiter); // a process has one transport
}

fn waiter() -> &'static ActiveWaiter {
    WAITER
        .get()
        .expect("the engine runs while MPI is initialized")
}

/// Whether there are more ranks than processors.
pub(super) fn is_oversubscribed() -> bool {
    waiter().is_oversubscribed()
}

/// Wakes `peer` if it sleeps, after something it waits for was stored.
pub fn wake(peer: Proc) {
    waiter().wake(peer);
}

/// Wakes the threads of this rank that sleep, after something was stored that they wait
/// for. Threads that are not inside the library may call it.
pub fn wake_own() {
    waiter().wake_threads();
}

/// So many processes of other jobs share the processors, too.
pub(super) fn add_processes(change: i32) {
    waiter().add_processes(change);
}

/// While it lives, sleeps are short: this process looks for something that wakes nobody,
/// such as a socket.
#[derive(Debug)]
pub struct ShortSleeps(());

impl ShortSleeps {
    /// From now on.
    #[must_use]
    pub fn begin() -> ShortSleeps {
        waiter().set_unheard(true);
        ShortSleeps(())
    }
}

impl Drop for ShortSleeps {
    fn drop(&mut self) {
        waiter().set_unheard(false);
    }
}

/// Wakes other threads of this rank that sleep: what they wait for may have come,
/// or was completed by a call of this thread.
#[inline]
pub fn tell_threads() {
    if lock::is_multiple() {
        waiter().wake_threads();
    }
}

/// Whether a loop around a call that looks and never waits should let others
/// have the processor, after so many `looks` in a row that found nothing.
#[inline]
pub(super) fn should_give_way(looks: u32) -> bool {
    looks > SPINS_OVERSUBSCRIBED && is_oversubscribed()
}

/// The stage that one wait has come to.
#[derive(Debug, Default)]
pub(super) struct Stage {
    rounds: u32,
    since: Option<Instant>,
    long: bool,
    stalled: bool,
    /// Whether it counts in [`WAITING`].
    is_counted: bool,
}

impl Drop for Stage {
    #[inline]
    fn drop(&mut self) {
        if self.is_counted {
            WAITING.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Stage {
    /// Whether the wait has lasted longer than a moment: worth publishing.
    pub(super) fn is_long(&self) -> bool {
        self.long
    }

    /// Whether so much time has passed that something may be wrong: worth a look at
    /// what others do. Only where a sleep was in between.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled
    }

    /// Begins anew: something moved.
    #[inline]
    pub(super) fn reset(&mut self) {
        self.rounds = 0;
        self.since = None;
        self.long = false;
        self.stalled = false;
    }

    /// Notes how long the wait has lasted since it began to give the processor
    /// away: by the clock, since a yield may take a time slice of others.
    fn look_at_clock(&mut self) {
        if !self.long {
            let since = *self.since.get_or_insert_with(Instant::now);
            self.long = since.elapsed() >= MOMENT;
        }
    }

    /// One round of waiting. `look` says whether there is something to do after
    /// all, or nothing left to wait for; it is asked once more between announcing
    /// a sleep and sleeping.
    #[inline]
    pub(super) fn step(&mut self, look: impl FnOnce() -> bool) {
        self.rounds = self.rounds.saturating_add(1);
        if lock::is_multiple() && !self.is_counted {
            self.is_counted = true;
            WAITING.fetch_add(1, Ordering::Relaxed);
        }
        let (spins, yields) = match is_oversubscribed() || is_crowded() {
            true => (SPINS_OVERSUBSCRIBED, YIELDS_OVERSUBSCRIBED),
            false => (SPINS, YIELDS),
        };
        if self.rounds <= spins {
            if self.rounds > QUICK {
                std::hint::spin_loop();
            }
        } else if self.rounds <= spins + yields {
            counters::yielded();
            if spins == SPINS {
                self.look_at_clock();
                let began = Instant::now();
                std::thread::yield_now();
                if began.elapsed() > LONG_YIELD {
                    self.rounds = spins + yields;
                }
            } else {
                if (self.rounds - spins).is_multiple_of(CLOCK_INTERVAL) {
                    self.look_at_clock();
                }
                std::thread::yield_now();
            }
        } else {
            self.look_at_clock();
            let began = Instant::now();
            waiter().sleep(lock::is_multiple(), look);
            counters::slept(began.elapsed());
            self.stalled = self.since.is_some_and(|since| since.elapsed() >= STALL);
        }
    }
}
