//! A fork without copies: what peers know nothing of becomes private before the kernel
//! forks, page tables and not pages.
//!
//! In the parent, before the fork, each run of pages that are in use and not *exposed*
//! ([`super::pages`]) is mapped again at its place, privately: the same pages of the same
//! file, of which the first store makes a copy. A `mmap` over a mapping is one step for
//! other threads and for system calls: they meet the old mapping or the new one, which
//! have the same content. The child inherits it, as it inherits all private memory, and
//! from then on nobody writes those pages of the file: the parent is out of reach there
//! ([`super::alloc::Allocator::is_shared`]) and gives no such page back before
//! every process that inherited it has ended or called exec.
//!
//! Who has inherited is known by *witnesses* ([`super::witness`]).
//!
//! What stays shared, and is copied for the child as [`crate::recall`] says: exposed pages,
//! runs too short to be worth a mapping, what the program protects, and everything where a
//! process has memory locked or pinned (`mlock`, a network card, `io_uring`): pages must
//! not be exchanged under those.

use super::extents::{State, in_use};
use super::process::{Condition, condition, each_own};
use super::space::Space;
use super::window::Window;
use super::{lines, sys, thaw};
use crate::recall;
use nix::time::ClockId;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Bytes of the shortest run that is mapped anew: copying less is as fast.
const LEAST_RUN: usize = 16 << 10;

/// Runs that one fork makes at most: a process has a limit of mappings.
const MOST_RUNS: usize = 4096;

/// How long it takes at least from one look at the witnesses to the next.
const PAUSE: Duration = Duration::from_millis(50);

/// The longest pause, where looks find nothing to do.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// A program that forks again so soon after its memory came back does so often.
const OFTEN: Duration = Duration::from_secs(2);

/// Before a fork: makes private what peers know nothing of. It allocates nothing, and
/// needs no lock but the one of `space`. Where something is refused, more is copied.
pub fn freeze(window: &Window, space: &mut Space) {
    if window.is_private() || condition() == Condition::Pinned || window.is_locked() {
        return;
    }
    let Some(file) = recall::file_of_range(window.base()) else {
        return;
    };
    let Ok(fd) = window.descriptor() else {
        return;
    };
    let Space {
        extents,
        over,
        protected,
        forks,
        ..
    } = space;
    // Earlier children have nothing of what is frozen now.
    if forks.reach(window.end() - window.base()).is_err() || !forks.change() {
        return;
    }
    forks.pause = PAUSE;
    forks.process = std::process::id();
    forks.frozen_at = now();
    let (pages, mut left) = (window.pages(), MOST_RUNS);
    // Without /proc everything is copied.
    let _ = lines::each(c"/proc/self/maps", &mut |line| {
        let from = line.start.max(window.base());
        let to = line.end.min(window.end());
        if !line.shared || line.file != file || line.protection != sys::RW || from >= to {
            return;
        }
        in_use((extents, over), from, to, &mut |start, end| {
            let mut next = start;
            while next < end && left > 0 {
                let (stop, exposed) = pages.exposed.run(next, end);
                let is_free = protected.first_in(next, stop).is_none();
                if !exposed && is_free && stop - next >= LEAST_RUN {
                    left -= 1;
                    if !make_private(window, next, stop - next, fd) {
                        left = 0;
                        return;
                    }
                    pages.freeze(next, stop);
                    forks.note_frozen(next - window.base(), stop - window.base());
                }
                next = stop;
            }
        });
    });
}

/// Maps `len` bytes at `start` privately, which are shared pages of the file now.
fn make_private(window: &Window, start: usize, len: usize, fd: i32) -> bool {
    if !window.map_again(fd, start, len, libc::MAP_PRIVATE) {
        return false;
    }
    // Core dumps hold a private mapping of a file once it has a page of its own.
    let first = std::ptr::with_exposed_provenance::<AtomicU8>(start);
    // SAFETY: a byte of the mapping; to add nothing changes nothing, whoever else writes.
    unsafe { &*first }.fetch_or(0, Relaxed);
    true
}

fn now() -> Duration {
    let now = ClockId::CLOCK_MONOTONIC_COARSE.now();
    now.map_or(Duration::ZERO, Duration::from)
}

/// Gives back what was freed of frozen memory and what lies under pages that have a copy,
/// once the children that have it are gone. Looks now and then.
pub fn look(window: &Window, space: &mut Space) {
    if !window.pages().have_frozen() || window.is_private() {
        return;
    }
    let now = now();
    let pause = space.forks.pause.max(PAUSE);
    // A child of vfork is in this memory as well.
    if now.saturating_sub(space.forks.looked) < pause || !is_ours(space) {
        return;
    }
    let found = give_back(window, space);
    space.forks.looked = now;
    space.forks.pause = if found {
        PAUSE
    } else {
        (pause * 2).min(LONGEST_PAUSE)
    };
}

/// Does what [`look`] says, now. Whether anything that was freed came into reach again.
pub fn give_back(window: &Window, space: &mut Space) -> bool {
    let changed = space.forks.change();
    space.forks.dismiss();
    let free = space.forks.take_free();
    let mut found = false;
    for one in free {
        found |= revive(window, space, one.start, one.end);
    }
    if changed && space.forks.none_lives() {
        // Also what the kernel has refused before.
        found |= revive(window, space, window.base(), window.end());
        found |= thaw_all(window, space);
        drop_doubles(window);
    }
    found
}

/// Whether this is the process that has frozen memory.
fn is_ours(space: &Space) -> bool {
    space.forks.process == std::process::id()
}

/// Makes all memory in use shared again that can be. Not at once where the program has forked
/// a moment ago and does so again and again: what is shared has to be frozen for each fork.
fn thaw_all(window: &Window, space: &mut Space) -> bool {
    let now = now();
    if !window.thaws() || now.saturating_sub(space.forks.frozen_at) < space.forks.patience {
        return false;
    }
    let found = thaw::thaw(window, space, window.base(), window.end(), thaw::SHORT);
    if found {
        let is_soon = now.saturating_sub(space.forks.thawed_at) < OFTEN;
        let longer = (space.forks.patience * 2).clamp(PAUSE, LONGEST_PAUSE);
        space.forks.patience = if is_soon { longer } else { Duration::ZERO };
        space.forks.thawed_at = now;
    }
    found
}

/// After the process has seen a child end: brings memory back that no child has any more. It
/// allocates nothing, and may be called by a signal handler.
pub fn child_ended(window: &Window, space: &mut Space) {
    if window.is_private() || !is_ours(space) {
        return;
    }
    space.forks.pause = PAUSE;
    if space.forks.change() {
        space.forks.dismiss();
        if space.forks.none_lives() && thaw_all(window, space) {
            drop_doubles(window);
        }
    }
}

/// Before peers are told of a range for the first time: brings what is frozen of it back, if
/// no child has it.
pub(super) fn bring_back(window: &Window, space: &mut Space, start: usize, end: usize) {
    if !window.thaws() || window.is_private() || !is_ours(space) || !space.forks.change() {
        return;
    }
    space.forks.dismiss();
    let page = sys::page();
    let (start, end) = (start / page * page, end.next_multiple_of(page));
    thaw::thaw(window, space, start, end, usize::MAX);
}

/// Makes the whole pages of the frozen extents in a range shared again: whether there were
/// any. The program may have mapped something else there meanwhile.
fn revive(window: &Window, space: &mut Space, start: usize, end: usize) -> bool {
    let (mut next, mut found) = (start, false);
    while let Some((from, to, state)) = space.extents.first_in(next, end) {
        next = to;
        let page = sys::page();
        let (from, to) = (from.next_multiple_of(page), to / page * page);
        if state == State::Frozen && from < to && window.make_shared(from, to - from).is_ok() {
            window.pages().frozen.clear(from, to);
            window.pages().told.clear(from, to);
            space.extents.change(from, to, State::Sealed);
            found = true;
        }
    }
    found
}

/// Gives those pages of the file back of which this process has a copy of its own, and
/// which nobody else maps.
fn drop_doubles(window: &Window) {
    let Some(file) = recall::file_of_range(window.base()) else {
        return;
    };
    // Without /proc they stay.
    let _ = lines::each(c"/proc/self/maps", &mut |line| {
        let from = line.start.max(window.base());
        let to = line.end.min(window.end());
        if line.shared || line.file != file || from >= to {
            return;
        }
        each_own(from, to, &mut |start, end| window.punch(start, end));
    });
}
