//! What a rank records of its calls and messages when the setting `profile` is on: a block
//! of words in the job segment, which the rank writes and the launcher reads at the end of
//! the job, also where the rank has died.
//!
//! One thread of the rank writes at a time. Times are in ticks of the rank's clock
//! ([`Clock`]); [`read`] makes nanoseconds of them. The launcher believes no number: sizes
//! are bounded, and what makes no sense is left out.

use crate::calls::CALL_NAMES;
use crate::plain;
use crate::segment::Segment;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Duration;

/// What time is counted in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clock {
    /// Nanoseconds of `CLOCK_MONOTONIC`.
    Nanoseconds = 1,
    /// The processor's counter, where it runs at the same rate at all times.
    Counter = 2,
}

impl Clock {
    /// The cheapest clock that this machine has.
    #[must_use]
    pub fn best() -> Clock {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::__cpuid;
            let has = |leaf: u32| __cpuid(0x8000_0000).eax >= leaf;
            // Advanced power management: the counter is invariant.
            if has(0x8000_0007) && __cpuid(0x8000_0007).edx & (1 << 8) != 0 {
                return Clock::Counter;
            }
        }
        Clock::Nanoseconds
    }

    /// The time now.
    #[inline]
    #[must_use]
    pub fn now(self) -> u64 {
        #[cfg(target_arch = "x86_64")]
        if self == Clock::Counter {
            // SAFETY: every x86-64 processor has the instruction.
            return unsafe { std::arch::x86_64::_rdtsc() };
        }
        nanoseconds()
    }
}

/// `CLOCK_MONOTONIC` in nanoseconds.
#[must_use]
pub fn nanoseconds() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: fills the structure; the clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    let time = Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    );
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// What messages are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Traffic {
    /// The program's own messages.
    PointToPoint = 0,
    /// Messages of the library's own, of which collectives and windows are made.
    Internal = 1,
    /// One-sided accesses, from the origin to the target.
    OneSided = 2,
}

/// Kinds of [`Traffic`].
pub const KINDS: usize = 3;
/// Classes of sizes: 0 bytes, then a class for each doubling from 1 byte on.
pub const SIZES: usize = 48;
/// Ways of announced messages: shared, driver, cma, copy.
pub const ARMS: usize = 4;
/// What waits are for, numbered as [`crate::layout::WaitKind`].
pub const WAITS: usize = 5;
/// Places in the program that are told apart.
pub const SITES: usize = 256;
/// Frames of a place.
pub const FRAMES: usize = 7;
const FILES: usize = 32;
const PATH_WORDS: usize = 32;

const CALLS: usize = CALL_NAMES.len() + 1;
const CALL_WORDS: usize = 4;
const PEER_WORDS: usize = 8;
const SITE_WORDS: usize = 16;
const EVENT_WORDS: usize = 6;
/// The most processes of a job.
const MOST_PEERS: u32 = 1 << 24;
/// The most events that a rank keeps.
pub const MOST_EVENTS: u64 = 1 << 24;

mod at {
    //! The places of the words.
    use super::*;

    pub(super) const STARTED: usize = 0;
    pub(super) const STARTED_NS: usize = 1;
    pub(super) const LAST: usize = 2;
    pub(super) const CLOCK: usize = 3;
    pub(super) const INSIDE: usize = 4;
    pub(super) const OPEN: usize = 5;
    pub(super) const OPEN_CALL: usize = 6;
    pub(super) const UNPLACED: usize = 7;
    pub(super) const EVENTS: usize = 8;
    pub(super) const ROOM: usize = 9;
    pub(super) const FILES_USED: usize = 10;
    pub(super) const WAITED: usize = 11;
    pub(super) const PEER_COUNT: usize = 16;
    pub(super) const CALLS: usize = 17;
    pub(super) const SIZES: usize = CALLS + super::CALLS * CALL_WORDS;
    pub(super) const ARMS: usize = SIZES + KINDS * super::SIZES;
    pub(super) const SITES: usize = ARMS + 2 * super::ARMS;
    pub(super) const FILES: usize = SITES + super::SITES * SITE_WORDS;
    pub(super) const PEERS: usize = FILES + super::FILES * PATH_WORDS;

    pub(super) const fn events(peers: u32) -> usize {
        PEERS + peers as usize * PEER_WORDS
    }
}

const _: () = assert!(at::WAITED + WAITS <= at::PEER_COUNT);

/// The class of a message of `len` bytes.
#[must_use]
pub fn size_class(len: u64) -> usize {
    match len {
        0 => 0,
        _ => (len.ilog2() as usize + 1).min(SIZES - 1),
    }
}

/// In [`Event::kind`]: a message was sent.
pub const SENT: u32 = 1;
/// In [`Event::kind`]: a message has met its receive.
pub const RECEIVED: u32 = 2;

/// One entry of a trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// Nanoseconds of `CLOCK_MONOTONIC` (in [`Recorder::event`]: ticks).
    pub begin: u64,
    /// As `begin`.
    pub end: u64,
    /// 1 + the index in [`CALL_NAMES`].
    pub call: u32,
    /// 0: a call; else [`SENT`] or [`RECEIVED`].
    pub kind: u32,
    /// The rank at the other end, -1 for none.
    pub peer: i32,
    /// The message's tag.
    pub tag: i32,
    /// Its length.
    pub bytes: u64,
    /// Its context.
    pub context: u32,
}

/// A rank's own block.
#[derive(Clone, Copy, Debug)]
pub struct Recorder {
    words: &'static [AtomicU64],
    /// The clock that it counts in.
    pub clock: Clock,
    /// Processes of the job, on all hosts.
    peers: u32,
    room: u64,
}

#[inline]
fn add(word: &AtomicU64, value: u64) {
    // One thread at a time writes.
    word.store(word.load(Relaxed).wrapping_add(value), Relaxed);
}

impl Recorder {
    /// Makes the block of `rank`, for a job of so many `peers` on all hosts, with room for
    /// `events` entries of a trace. `None`: there is no room in the segment.
    ///
    /// # Panics
    /// If there is no such rank: a bug of the caller.
    #[must_use]
    pub fn make(segment: &'static Segment, rank: u32, peers: u32, events: u64) -> Option<Recorder> {
        let room = events.min(MOST_EVENTS);
        let len = at::events(peers) + usize::try_from(room).ok()? * EVENT_WORDS;
        let place = segment.allocate(len as u64 * 8).ok()?;
        let words = segment.at(place).cast::<AtomicU64>();
        // SAFETY: the bytes were just allocated for good, and are aligned; the segment stays
        // mapped; everybody reaches them as atomics.
        let words = unsafe { std::slice::from_raw_parts(words.as_ptr(), len) };
        let clock = Clock::best();
        words[at::CLOCK].store(clock as u64, Relaxed);
        words[at::ROOM].store(room, Relaxed);
        words[at::PEER_COUNT].store(peers.into(), Relaxed);
        // pairs with the Acquire in `read`
        segment.record(rank).profile.store(place, Release);
        Some(Recorder {
            words,
            clock,
            peers,
            room,
        })
    }

    /// Begins to count time.
    pub fn start(&self) {
        self.words[at::STARTED].store(self.clock.now(), Relaxed);
        self.words[at::STARTED_NS].store(nanoseconds(), Relaxed);
    }

    /// Ticks in a microsecond, about.
    #[must_use]
    pub fn ticks_per_microsecond(&self) -> u64 {
        let ticks = self.clock.now() - self.words[at::STARTED].load(Relaxed);
        let time = nanoseconds() - self.words[at::STARTED_NS].load(Relaxed);
        match (self.clock, time / 1000) {
            (Clock::Nanoseconds, _) => 1000,
            (_, 0) => 2000, // a guess, for the first moment
            (_, time) => ticks / time,
        }
    }

    /// The rank is inside of this call, which no other surrounds, since `begun`.
    #[inline]
    pub fn open(&self, number: u32, begun: u64) {
        self.words[at::OPEN].store(begun, Relaxed);
        self.words[at::OPEN_CALL].store(u64::from(number), Relaxed);
    }

    /// That call is over.
    #[inline]
    pub fn close(&self, begun: u64, now: u64) {
        add(&self.words[at::INSIDE], now.wrapping_sub(begun));
        self.words[at::OPEN].store(0, Relaxed);
        self.words[at::LAST].store(now, Relaxed);
    }

    /// Counts a call that took `time`, of which it waited `waited`.
    #[inline]
    pub fn called(&self, number: u32, time: u64, waited: u64) {
        let Some(words) = self.part(at::CALLS, number as usize, CALL_WORDS) else {
            return;
        };
        add(&words[0], 1);
        add(&words[1], time);
        if time > words[2].load(Relaxed) {
            words[2].store(time, Relaxed);
        }
        add(&words[3], waited);
    }

    /// Counts a message of `len` bytes to `peer`, or an access.
    #[inline]
    pub fn sent(&self, peer: u32, kind: Traffic, len: u64) {
        add(
            &self.words[at::SIZES + kind as usize * SIZES + size_class(len)],
            1,
        );
        if peer < self.peers {
            let first = at::PEERS + peer as usize * PEER_WORDS + 2 * kind as usize;
            add(&self.words[first], 1);
            add(&self.words[first + 1], len);
        }
    }

    /// Counts an announced message that came by this arm.
    pub fn fetched(&self, arm: usize, len: u64) {
        if arm < ARMS {
            add(&self.words[at::ARMS + 2 * arm], 1);
            add(&self.words[at::ARMS + 2 * arm + 1], len);
        }
    }

    /// Counts that `time` was waited for these ranks, in equal parts.
    pub fn waited(&self, kind: usize, peers: &[i32], time: u64) {
        add(&self.words[at::WAITED + kind.min(WAITS - 1)], time);
        let known = |peer: &&i32| u32::try_from(**peer).is_ok_and(|peer| peer < self.peers);
        let count = peers.iter().filter(known).count() as u64;
        for peer in peers.iter().filter(known) {
            let first = at::PEERS + peer.unsigned_abs() as usize * PEER_WORDS;
            add(&self.words[first + 2 * KINDS], time / count);
        }
    }

    /// Counts `time`, of which `waited` was waited, mostly for `blamed`, at the place in the
    /// program with this key. `path` tells the file and the place in it of each frame; it is
    /// asked for new places only.
    pub fn spent(
        &self,
        key: u64,
        call: u32,
        (time, waited, blamed): (u64, u64, Option<u32>),
        frames: &[u64],
        mut path: impl FnMut(u64, &mut dyn FnMut(&[u8], u64)),
    ) {
        let key = key.max(1);
        let first = usize::try_from(key % SITES as u64).unwrap_or(0);
        let slots = (0..SITES).map(|step| (first + step) % SITES);
        let mut found = None;
        for slot in slots {
            let Some(words) = self.part(at::SITES, slot, SITE_WORDS) else {
                continue;
            };
            match words[0].load(Relaxed) {
                0 => {
                    words[1].store(u64::from(call), Relaxed);
                    let mut used = 0;
                    for frame in frames.iter().take(FRAMES) {
                        path(*frame, &mut |path, offset| {
                            if let Some(file) = self.file(path) {
                                let packed = (file as u64 + 1) << 48 | offset & 0xffff_ffff_ffff;
                                words[SITE_WORDS - FRAMES + used].store(packed, Relaxed);
                                used += 1;
                            }
                        });
                    }
                    words[0].store(key, Relaxed);
                    found = Some(words);
                    break;
                }
                have if have == key => {
                    found = Some(words);
                    break;
                }
                _ => {}
            }
        }
        let Some(words) = found else {
            add(&self.words[at::UNPLACED], time);
            return;
        };
        add(&words[2], time);
        add(&words[3], waited);
        add(&words[4], 1);
        // The rank that most of the waiting was for: a vote that needs two words.
        if let Some(blamed) = blamed.filter(|_| waited > 0) {
            let (candidate, votes) = (words[5].load(Relaxed), words[6].load(Relaxed));
            if candidate == u64::from(blamed) + 1 {
                words[6].store(votes.saturating_add(waited), Relaxed);
            } else if votes > waited {
                words[6].store(votes - waited, Relaxed);
            } else {
                words[5].store(u64::from(blamed) + 1, Relaxed);
                words[6].store(waited - votes, Relaxed);
            }
        }
    }

    fn file(&self, path: &[u8]) -> Option<usize> {
        let used = usize::try_from(self.words[at::FILES_USED].load(Relaxed)).ok()?;
        let word = |word: usize| {
            let mut bytes = [0u8; 8];
            let rest = path.get(word * 8..).unwrap_or_default();
            bytes
                .iter_mut()
                .zip(rest)
                .for_each(|(to, from)| *to = *from);
            u64::from_le_bytes(bytes)
        };
        let is = |file: &usize| {
            let words = self.part(at::FILES, *file, PATH_WORDS);
            let all =
                |words: &[AtomicU64]| (0..).zip(words).all(|(n, w)| w.load(Relaxed) == word(n));
            words.is_some_and(all)
        };
        if let Some(known) = (0..used.min(FILES)).find(is) {
            return Some(known);
        }
        if used >= FILES || path.len() > 8 * PATH_WORDS {
            return None;
        }
        let words = self.part(at::FILES, used, PATH_WORDS)?;
        for (number, to) in (0..).zip(words) {
            to.store(word(number), Relaxed);
        }
        self.words[at::FILES_USED].store(used as u64 + 1, Relaxed);
        Some(used)
    }

    /// Whether there is room for a trace.
    #[inline]
    #[must_use]
    pub fn traces(&self) -> bool {
        self.room != 0
    }

    /// Adds an entry to the trace, in the place of the oldest where there is no room.
    pub fn event(&self, event: &Event) {
        if self.room == 0 {
            return;
        }
        let number = self.words[at::EVENTS].load(Relaxed);
        let slot = usize::try_from(number % self.room).unwrap_or(0);
        let first = at::events(self.peers) + slot * EVENT_WORDS;
        let Some(words) = self.words.get(first..first + EVENT_WORDS) else {
            return;
        };
        words[0].store(event.begin, Relaxed);
        words[1].store(event.end, Relaxed);
        words[2].store(u64::from(event.call) | u64::from(event.kind) << 32, Relaxed);
        let tag = u64::from(event.tag.cast_unsigned()) << 32;
        words[3].store(u64::from(event.peer.cast_unsigned()) | tag, Relaxed);
        words[4].store(event.bytes, Relaxed);
        words[5].store(u64::from(event.context), Relaxed);
        self.words[at::EVENTS].store(number + 1, Relaxed);
    }

    fn part(&self, first: usize, index: usize, len: usize) -> Option<&'static [AtomicU64]> {
        let from = first + index * len;
        self.words.get(from..from + len)
    }
}

/// What a rank did in one call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CallCost {
    /// How often it was called.
    pub count: u64,
    /// Nanoseconds in all.
    pub time: u64,
    /// Nanoseconds of the longest one.
    pub longest: u64,
    /// Nanoseconds in all in which it waited.
    pub waited: u64,
}

/// What went to a peer, and how long it was waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PeerCost {
    /// Messages and bytes, by the number of the [`Traffic`].
    pub sent: [(u64, u64); KINDS],
    /// Nanoseconds that this rank waited for that one.
    pub waited: u64,
}

/// What was spent at a place in the program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Site {
    /// The call's name.
    pub call: &'static str,
    /// Nanoseconds.
    pub time: u64,
    /// Nanoseconds in which it waited.
    pub waited: u64,
    /// The rank that it waited for the most.
    pub blamed: Option<u32>,
    /// Files and places in them, from the innermost frame.
    pub frames: Vec<(String, u64)>,
}

/// What a rank has recorded.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Profile {
    /// When it began: nanoseconds of `CLOCK_MONOTONIC`.
    pub began: u64,
    /// Nanoseconds from then to the end of its last call, or to now if it is in one.
    pub time: u64,
    /// Nanoseconds of it inside of MPI.
    pub inside: u64,
    /// Calls that were made, by name.
    pub calls: Vec<(&'static str, CallCost)>,
    /// By peer: ranks of this segment, and those on other hosts after them.
    pub peers: Vec<PeerCost>,
    /// Nanoseconds waited, by what for.
    pub waited: [u64; WAITS],
    /// Messages by class of size, for each kind of traffic.
    pub sizes: [Vec<u64>; KINDS],
    /// Announced messages that were received by each arm, and their bytes.
    pub arms: [(u64, u64); ARMS],
    /// Places in the program.
    pub sites: Vec<Site>,
    /// Nanoseconds at places that were too many.
    pub unplaced: u64,
    /// The trace, from the oldest entry.
    pub events: Vec<Event>,
    /// Entries of the trace that were too many.
    pub dropped: u64,
}

/// What `rank` has recorded; `None`: nothing, or nothing that makes sense.
///
/// # Panics
/// If there is no such rank: a bug of the caller.
#[must_use]
pub fn read(segment: &Segment, rank: u32) -> Option<Profile> {
    let place = segment.record(rank).profile.load(Acquire); // pairs with the Release in `make`
    if place == 0 || !place.is_multiple_of(128) {
        return None;
    }
    let backed = segment.backed().ok()?;
    let fits = |words: u64| {
        let end = words.checked_mul(8).and_then(|len| place.checked_add(len));
        end.is_some_and(|end| end <= backed) && segment.is_mapped(place, words * 8)
    };
    if !fits(at::PEERS as u64) {
        return None;
    }
    let words = |len: usize| {
        let first = segment.at(place).cast::<AtomicU64>();
        // SAFETY: the words were just found to be in the segment, which stays mapped; the
        // place is aligned; everybody reaches them as atomics.
        unsafe { std::slice::from_raw_parts(first.as_ptr(), len) }
    };
    let peers = words(at::PEERS)[at::PEER_COUNT].load(Relaxed);
    let peers = u32::try_from(peers).ok().filter(|n| *n <= MOST_PEERS)?;
    let fixed = at::events(peers);
    if !fits(fixed as u64) {
        return None;
    }
    let room = words(fixed)[at::ROOM].load(Relaxed).min(MOST_EVENTS);
    let all = fixed as u64 + room * EVENT_WORDS as u64;
    let words = words(if fits(all) {
        usize::try_from(all).ok()?
    } else {
        fixed
    });
    profile(words, peers)
}

fn profile(words: &[AtomicU64], count: u32) -> Option<Profile> {
    let word = |at: usize| words[at].load(Relaxed);
    let clock = match word(at::CLOCK) {
        2 => Clock::Counter,
        _ => Clock::Nanoseconds,
    };
    let (started, started_ns) = (word(at::STARTED), word(at::STARTED_NS));
    if started == 0 {
        return None;
    }
    let (now, now_ns) = (clock.now(), nanoseconds());
    #[allow(clippy::cast_precision_loss, reason = "a ratio")]
    let rate = match now.checked_sub(started).filter(|ticks| *ticks > 0) {
        Some(ticks) => now_ns.saturating_sub(started_ns) as f64 / ticks as f64,
        None => 1.0,
    };
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "times, to a part in 2⁵³; what is too large is the largest"
    )]
    let ns = |ticks: u64| (ticks as f64 * rate) as u64;
    let since = |ticks: u64| started_ns.saturating_add(ns(ticks.saturating_sub(started)));
    let part = |first: usize, index: usize, len: usize| {
        let from = first + index * len;
        (from..from + len).map(word).collect::<Vec<u64>>()
    };
    let open = word(at::OPEN);
    let (mut last, mut inside) = (word(at::LAST).max(started), word(at::INSIDE));
    if open != 0 {
        last = now;
        inside = inside.saturating_add(now.saturating_sub(open));
    }
    let calls = (1..CALLS).filter_map(|number| {
        let cost = part(at::CALLS, number, CALL_WORDS);
        let is_open = open != 0 && word(at::OPEN_CALL) == number as u64;
        (cost[0] > 0 || is_open).then(|| {
            let cost = CallCost {
                count: cost[0],
                time: ns(cost[1]),
                longest: ns(cost[2]),
                waited: ns(cost[3]),
            };
            (CALL_NAMES[number - 1], cost)
        })
    });
    let peers = (0..count as usize).map(|peer| {
        let cost = part(at::PEERS, peer, PEER_WORDS);
        PeerCost {
            sent: std::array::from_fn(|kind| (cost[2 * kind], cost[2 * kind + 1])),
            waited: ns(cost[2 * KINDS]),
        }
    });
    let files = (0..FILES).map(|file| {
        let bytes = part(at::FILES, file, PATH_WORDS).into_iter();
        let bytes: Vec<u8> = bytes.flat_map(u64::to_le_bytes).collect();
        let len = bytes.iter().position(|byte| *byte == 0);
        plain::line(&bytes[..len.unwrap_or(bytes.len())])
    });
    let files: Vec<String> = files.collect();
    let sites = (0..SITES).filter_map(|site| {
        let site = part(at::SITES, site, SITE_WORDS);
        let call = usize::try_from(site[1]).ok()?.checked_sub(1)?;
        let frames = site[SITE_WORDS - FRAMES..].iter().filter_map(|packed| {
            let file = usize::try_from(packed >> 48).ok()?.checked_sub(1)?;
            Some((files.get(file)?.clone(), packed & 0xffff_ffff_ffff))
        });
        (site[0] != 0).then_some(Site {
            call: CALL_NAMES.get(call)?,
            time: ns(site[2]),
            waited: ns(site[3]),
            blamed: u32::try_from(site[5]).ok()?.checked_sub(1),
            frames: frames.collect(),
        })
    });
    let room = (words.len() - at::events(count)) / EVENT_WORDS;
    let written = word(at::EVENTS);
    let kept = written.min(room as u64);
    let events = (written - kept..written).map(|number| {
        let slot = usize::try_from(number % room as u64).unwrap_or(0);
        let event = part(at::events(count), slot, EVENT_WORDS);
        let half =
            |shift: u32| move |word: u64| u32::try_from(word >> shift & 0xffff_ffff).unwrap_or(0);
        let [low, high] = [half(0), half(32)];
        Event {
            begin: since(event[0]),
            end: since(event[1]),
            call: low(event[2]),
            kind: high(event[2]),
            peer: low(event[3]).cast_signed(),
            tag: high(event[3]).cast_signed(),
            bytes: event[4],
            context: low(event[5]),
        }
    });
    Some(Profile {
        began: started_ns,
        time: ns(last.saturating_sub(started)),
        inside: ns(inside),
        calls: calls.collect(),
        peers: peers.collect(),
        waited: std::array::from_fn(|kind| ns(word(at::WAITED + kind))),
        sizes: std::array::from_fn(|kind| part(at::SIZES, kind, SIZES)),
        arms: std::array::from_fn(|arm| (word(at::ARMS + 2 * arm), word(at::ARMS + 2 * arm + 1))),
        sites: sites.collect(),
        unplaced: ns(word(at::UNPLACED)),
        events: events.collect(),
        dropped: written - kept,
    })
}
