//! Sleeping, and waking those who sleep.
//!
//! A rank sleeps on a futex in its own record.
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
use std::sync::atomic::AtomicBool;
use std::time::Duration;
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

/// How a rank sleeps.
#[derive(Debug)]
pub struct Waiter {
    segment: &'static Segment,
    me: u32,
    barrier: bool,
    oversubscribed: AtomicBool,
    /// Processes of other jobs that this rank is connected to.
    others: AtomicU32,
    /// How many things there are that no bell tells of, such as sockets.
    unheard: AtomicU32,
    /// Sleeps so far, times two.
    tickets: AtomicU32,
}

impl Waiter {
    /// Registers this process. `me` is its rank.
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
            oversubscribed: AtomicBool::new(constants.ranks > constants.processors),
            others: AtomicU32::new(0),
            unheard: AtomicU32::new(0),
            tickets: AtomicU32::new(0),
        }
    }

    /// Whether ranks share processors.
    pub fn is_oversubscribed(&self) -> bool {
        self.oversubscribed.load(Ordering::Relaxed)
    }

    /// Ranks of the job.
    pub fn ranks(&self) -> u32 {
        self.segment.ranks()
    }

    /// So many more processes of other jobs share the processors, or so many fewer.
    pub fn add_processes(&self, change: i32) {
        let constants = self.segment.constants();
        let before = self.others.load(Ordering::Relaxed);
        let others = before.saturating_add_signed(change); // by one thread at a time
        self.others.store(others, Ordering::Relaxed);
        let all = constants.ranks.saturating_add(others);
        self.oversubscribed
            .store(all > constants.processors, Ordering::Relaxed);
    }

    /// Begins, or ends, to look for something that no bell tells of: sleeps are short
    /// meanwhile.
    pub fn set_unheard(&self, on: bool) {
        match on {
            true => self.unheard.fetch_add(1, Ordering::Relaxed),
            false => self.unheard.fetch_sub(1, Ordering::Relaxed),
        };
    }

    /// Sleeps for a while, unless `look`, which is called once it has been said that this
    /// rank sleeps, finds something to do after all. `threads`: others of this rank may
    /// wait as well.
    #[cold]
    pub fn sleep(&self, threads: bool, look: impl FnOnce() -> bool) {
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
            let heard = ordered && self.unheard.load(Ordering::Relaxed) == 0;
            futex_wait(asleep, ticket, if heard { LONG } else { SHORT });
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
        tv_sec: most.as_secs().try_into().unwrap_or(1),
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::Waiter;
    use wireup::segment::Segment;

    #[test]
    fn processes_of_other_jobs_count_while_they_are_connected() {
        let segment = Box::leak(Box::new(Segment::create(2, 4).unwrap()));
        let waiter = Waiter::new(segment, 0);
        for _ in 0..2 {
            assert!(!waiter.is_oversubscribed());
            waiter.add_processes(2);
            assert!(!waiter.is_oversubscribed());
            waiter.add_processes(1);
            assert!(waiter.is_oversubscribed());
            waiter.add_processes(-3);
        }
        assert!(!waiter.is_oversubscribed());
    }
}
