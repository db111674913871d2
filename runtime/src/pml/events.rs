//! What happens in messaging, for tools that have asked to be told (MPI 5.0, section
//! 15.3.8). Events are noted where they happen, if anybody wants them, and taken later,
//! where nothing of the engine is in use.

use crate::lock::Local;
use std::collections::VecDeque;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

/// Kinds of event, and what their numbers are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EventKind {
    /// A message came before its receive: process of the sender, tag, context, bytes.
    Unexpected,
    /// It was chosen how an announced message is fetched: process of the sender, protocol,
    /// arm, bytes.
    Rendezvous,
    /// This rank began (1) or ended (0) to ask its peers to hold back their messages.
    Pressure,
}

/// One that has happened.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// Of which kind.
    pub kind: EventKind,
    /// When: `CLOCK_MONOTONIC` in nanoseconds.
    pub at: u64,
    /// What is told of it.
    pub numbers: [u64; 4],
}

/// The most events that wait to be taken.
pub const MOST: usize = 4096;

/// A bit for each kind that is wanted.
static WANTED: AtomicU32 = AtomicU32::new(0);

/// Events that wait, and how many of each kind found no room.
static QUEUE: Local<(VecDeque<Event>, [u64; 3])> = Local::new((VecDeque::new(), [0; 3]));

/// Says which kinds are wanted, a bit for each.
pub fn want(kinds: u32) {
    WANTED.store(kinds, Relaxed);
}

/// Notes an event.
#[inline]
pub(super) fn post(kind: EventKind, numbers: [u64; 4]) {
    if WANTED.load(Relaxed) & 1 << kind as u32 != 0 {
        keep(kind, numbers);
    }
}

#[cold]
fn keep(kind: EventKind, numbers: [u64; 4]) {
    let at = now();
    QUEUE.with(|(queue, dropped)| match queue.len() < MOST {
        true => queue.push_back(Event { kind, at, numbers }),
        false => dropped[kind as usize] += 1,
    });
}

/// The next event, and how many of its kind found no room since the last one was taken.
/// Under the library lock.
pub fn take() -> Option<(Event, u64)> {
    QUEUE.with(|(queue, dropped)| {
        let event = queue.pop_front()?;
        Some((event, std::mem::take(&mut dropped[event.kind as usize])))
    })
}

/// `CLOCK_MONOTONIC` in nanoseconds: what events are stamped with.
#[must_use]
pub fn now() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: fills a local of the right type.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    let [seconds, nanos] = [now.tv_sec, now.tv_nsec].map(|n| u64::try_from(n).unwrap_or(0));
    seconds * 1_000_000_000 + nanos
}
