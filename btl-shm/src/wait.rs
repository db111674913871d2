//! Waiting, and waking those who wait.
//!
//! A wait goes through stages: spin, spin with pauses, yield the processor,
//! sleep on a futex in the rank's own record. How long each lasts depends on
//! whether there are more ranks than processors: with a processor each, spinning
//! is cheapest; without, whoever spins keeps the awaited rank from running.
//!
//! A sender must know whether the receiver sleeps, without a fence per message.
//! The rule: the sleeper says so (`asleep` ≠ 0), then issues an expedited
//! `membarrier` that makes every processor running a registered process pass a
//! full barrier, then looks once more and sleeps. A sender stores its cell, then
//! loads `asleep`. Either the load comes after the barrier and sees the sleeper,
//! or the store came before it and the sleeper's last look sees the cell. Where
//! membarrier is refused, the job asks senders for a fence of their own, and
//! sleeps are kept short.
//!
//! Threads of one rank share the word. Each sleep has a ticket of its own and
//! sleeps only while the word holds it, so that nobody sleeps through a wake
//! that another thread's announcement has covered; and where there may be other
//! threads the word goes back to 0 by a wake alone, which wakes all of them.

use crate::sync::{AtomicU32, Ordering, fence};
use std::time::{Duration, Instant};
use wireup::layout::RankRecord;
use wireup::segment::Segment;

const AWAKE: u32 = 0;

/// The longest sleep: what bounds the delay of noticing an aborted job.
const LONG: Duration = Duration::from_millis(100);

/// Sleeps where no membarrier backs them.
const SHORT: Duration = Duration::from_micros(500);

const MEMBARRIER_GLOBAL_EXPEDITED: i32 = 1 << 1;
const MEMBARRIER_REGISTER_GLOBAL_EXPEDITED: i32 = 1 << 2;

fn membarrier(command: i32) -> bool {
    // SAFETY: membarrier takes two integers and touches no memory of ours.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// How a rank waits.
#[derive(Debug)]
pub struct Waiter {
    segment: &'static Segment,
    me: u32,
    barrier: bool,
    crowded: bool,
    /// Sleeps so far, times two.
    tickets: AtomicU32,
}

/// The stage that one wait has come to.
#[derive(Debug, Default)]
pub struct Stage {
    rounds: u32,
    since: Option<Instant>,
    long: bool,
    stalled: bool,
}

impl Stage {
    /// Whether the wait has lasted longer than a moment: worth publishing.
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.long
    }

    /// Whether so much time has passed that something may be wrong: worth a look at
    /// what others do. Only where a sleep was in between.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        self.stalled
    }

    /// Notes how long the wait has lasted since it began to give the processor
    /// away: by the clock, since a yield may take a time slice of others.
    fn look_at_clock(&mut self) {
        if !self.long {
            let since = *self.since.get_or_insert_with(Instant::now);
            self.long = since.elapsed() >= MOMENT;
        }
    }

    /// Begins anew: something moved.
    #[inline]
    pub fn reset(&mut self) {
        *self = Stage::default();
    }
}

/// Rounds of looking before the first yield, with a processor for each rank.
const SPINS_ALONE: u32 = 4000;
/// The same where ranks share processors.
const SPINS_CROWDED: u32 = 4;
/// The first rounds, which go without a pause between two looks: a pause would
/// cost more than a message that is on its way.
const QUICK: u32 = 200;
/// Yields before sleeping, with a processor for each rank.
const YIELDS_ALONE: u32 = 400;
/// The same where ranks share processors: a yield is the hand-over itself.
const YIELDS_CROWDED: u32 = 200;
/// From here on a wait is worth publishing.
const MOMENT: Duration = Duration::from_millis(1);
/// A wait that has lasted so long has stalled.
const STALL: Duration = Duration::from_millis(50);

impl Waiter {
    /// Registers this process. `me` is its rank.
    #[must_use]
    pub fn new(segment: &'static Segment, me: u32) -> Waiter {
        let (head, constants) = (segment.head(), segment.constants());
        let barrier = membarrier(MEMBARRIER_REGISTER_GLOBAL_EXPEDITED);
        if !barrier {
            head.fence_needed.store(1, Ordering::Release); // pairs with the Acquire in `ring_bell`
        }
        Waiter {
            segment,
            me,
            barrier,
            crowded: constants.ranks > constants.processors,
            tickets: AtomicU32::new(0),
        }
    }

    /// Whether ranks share processors.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.crowded
    }

    /// Whether a loop around a call that looks and never waits should let others
    /// have the processor, after so many `looks` in a row that found nothing.
    #[inline]
    #[must_use]
    pub fn should_give_way(&self, looks: u32) -> bool {
        self.crowded && looks > SPINS_CROWDED
    }

    /// One round of waiting. `look` says whether there is something to do after
    /// all, or nothing left to wait for; it is asked once more between announcing
    /// a sleep and sleeping. `threads`: others of this rank may wait as well.
    #[inline]
    pub fn step(&self, stage: &mut Stage, threads: bool, look: impl FnOnce() -> bool) {
        stage.rounds = stage.rounds.saturating_add(1);
        let (spins, yields) = if self.crowded {
            (SPINS_CROWDED, YIELDS_CROWDED)
        } else {
            (SPINS_ALONE, YIELDS_ALONE)
        };
        if stage.rounds <= spins {
            if stage.rounds > QUICK {
                std::hint::spin_loop();
            }
        } else if stage.rounds <= spins + yields {
            stage.look_at_clock();
            std::thread::yield_now();
        } else {
            stage.look_at_clock();
            self.sleep(threads, look);
            stage.stalled = stage.since.is_some_and(|since| since.elapsed() >= STALL);
        }
    }

    #[cold]
    fn sleep(&self, threads: bool, look: impl FnOnce() -> bool) {
        let asleep = &self.segment.record(self.me).asleep;
        let ticket = self.tickets.fetch_add(2, Ordering::Relaxed) | 1;
        let backed = self.barrier && self.segment.head().fence_needed.load(Ordering::Relaxed) == 0;
        asleep.store(ticket, Ordering::SeqCst); // pairs with the load in `ring_bell`, by the barrier
        let ordered = if backed {
            membarrier(MEMBARRIER_GLOBAL_EXPEDITED)
        } else {
            false
        };
        fence(Ordering::SeqCst); // pairs with the fence in `ring_bell`
        if !look() {
            futex_wait(asleep, ticket, if ordered { LONG } else { SHORT });
        }
        if !threads {
            asleep.store(AWAKE, Ordering::Relaxed);
        }
    }

    /// Wakes `peer` if it sleeps. Called after something was stored for it.
    #[inline]
    pub fn ring_bell(&self, peer: u32) {
        ring_bell(self.segment, self.segment.record(peer));
    }

    /// Wakes other threads of this rank that sleep.
    pub fn ring_own_bell(&self) {
        self.ring_bell(self.me);
    }
}

/// Wakes the owner of `record` if it sleeps: after a store that it waits for.
#[inline]
pub fn ring_bell(segment: &Segment, record: &RankRecord) {
    // pairs with the Release in `Waiter::new`
    if segment.head().fence_needed.load(Ordering::Acquire) != 0 {
        fence(Ordering::SeqCst); // pairs with the fence in `Waiter::sleep`
    }
    // The compiler must keep the load behind the caller's store; the processor's
    // own reordering is what the sleeper's membarrier undoes.
    std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst);
    if record.asleep.load(Ordering::Relaxed) != AWAKE {
        wake(record);
    }
}

#[cold]
fn wake(record: &RankRecord) {
    // pairs with the store in `Waiter::sleep`
    if record.asleep.swap(AWAKE, Ordering::SeqCst) != AWAKE {
        let word = std::ptr::from_ref(&record.asleep);
        // SAFETY: FUTEX_WAKE only uses the address as a name; the record lives
        // as long as the segment.
        unsafe { libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAKE, i32::MAX) };
    }
}

fn futex_wait(word: &std::sync::atomic::AtomicU32, value: u32, most: Duration) {
    let limit = libc::timespec {
        tv_sec: libc::time_t::try_from(most.as_secs()).unwrap_or(1),
        tv_nsec: most.subsec_nanos().into(),
    };
    // SAFETY: `word` is a live, aligned 32-bit word and `limit` a valid timespec.
    // A refusal, a signal or a changed value only means looking again.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            std::ptr::from_ref(word),
            libc::FUTEX_WAIT,
            value,
            std::ptr::from_ref(&limit),
        )
    };
}
