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

use super::extents::{Extents, State};
use super::space::Space;
use super::window::Window;
use super::{lines, sys};
use crate::recall::{self, say};
use nix::fcntl::{self, OFlag};
use nix::sys::stat::Mode;
use nix::time::ClockId;
use std::ffi::CStr;
use std::fs::File;
use std::os::unix::fs::FileExt;
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

/// Before a fork: makes private what peers know nothing of. It allocates nothing, and
/// needs no lock but the one of `space`. Where something is refused, more is copied.
pub fn freeze(window: &Window, space: &mut Space) {
    if window.is_private() || has_pinned() || window.is_locked() {
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
                    let at = line.offset + (next - line.start) as u64;
                    if !make_private(next, stop - next, fd, at) {
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

/// Calls `each` with the runs of pages in `from..to` (whole pages) that are in use: those
/// of blocks and of mappings. A page of which a part is in use counts.
fn in_use(
    (extents, over): (&Extents, &Extents),
    from: usize,
    to: usize,
    each: &mut dyn FnMut(usize, usize),
) {
    let page = sys::page();
    let mut run = from..from;
    let mut add = |start: usize, end: usize| {
        let (start, end) = (start / page * page, end.next_multiple_of(page).min(to));
        if start <= run.end {
            run.end = run.end.max(end);
        } else {
            if run.start < run.end {
                each(run.start, run.end);
            }
            run = start..end;
        }
    };
    let mut next = from;
    while next < to {
        let (start, end, state) = extents
            .first_in(next, to)
            .unwrap_or((to, to, State::Foreign));
        if next < start && over.first_in(next, start).is_none() {
            add(next, start); // no extent is there, so that the program has blocks in it
        }
        if state == State::Mapped {
            add(start, end);
        }
        next = end;
    }
    if run.start < run.end {
        each(run.start, run.end);
    }
}

/// Maps `len` bytes at `start` privately, which are shared pages of the file at `at` now.
fn make_private(start: usize, len: usize, fd: i32, at: u64) -> bool {
    let Ok(offset) = libc::off_t::try_from(at) else {
        return false;
    };
    let place = libc::MAP_FIXED | libc::MAP_NORESERVE;
    // SAFETY: the same pages of the same file as before, with the same access.
    let done = unsafe { sys::mmap(start, len, sys::RW, place | libc::MAP_PRIVATE, fd, offset) };
    if done.is_err() {
        // Some kernels have taken the old mapping away by then: it is made again.
        // SAFETY: as above.
        let back = unsafe { sys::mmap(start, len, sys::RW, place | libc::MAP_SHARED, fd, offset) };
        if back.is_err() && !is_mapped(start) {
            say(format_args!(
                "memory is lost: mmap of {len} bytes at {start:#x} was refused"
            ));
            // SAFETY: ends the process.
            unsafe { libc::abort() };
        }
        return false;
    }
    // Core dumps hold a private mapping of a file once it has a page of its own.
    let first = std::ptr::with_exposed_provenance::<AtomicU8>(start);
    // SAFETY: a byte of the mapping; to add nothing changes nothing, whoever else writes.
    unsafe { &*first }.fetch_or(0, Relaxed);
    true
}

/// Whether a page is mapped.
fn is_mapped(start: usize) -> bool {
    let mut there = 0u8;
    let place = std::ptr::without_provenance_mut(start);
    // SAFETY: mincore writes one byte for one page, and nothing if it is not mapped.
    unsafe { libc::mincore(place, sys::page(), (&raw mut there).cast()) == 0 }
}

/// Whether memory of this process is locked or pinned, or that cannot be known.
fn has_pinned() -> bool {
    let mut text = [0u8; 4096];
    let Some(n) = read(c"/proc/self/status", 0, &mut text) else {
        return true;
    };
    let is_zero = |name: &[u8]| {
        let mut lines = text[..n].split(|c| *c == b'\n');
        let line = lines.find_map(|line| line.strip_prefix(name));
        line.is_some_and(|rest| !rest.iter().any(|c| (b'1'..=b'9').contains(c)))
    };
    !is_zero(b"VmLck:") || !is_zero(b"VmPin:")
}

/// Reads what a file has from offset `at` on, without allocation.
fn read(name: &CStr, at: u64, into: &mut [u8]) -> Option<usize> {
    let file = fcntl::open(name, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
    File::from(file).read_at(into, at).ok()
}

/// Gives back what was freed of frozen memory and what lies under pages that have a copy,
/// once the children that have it are gone. Looks now and then.
pub fn look(window: &Window, space: &mut Space) {
    if !window.pages().have_frozen() || window.is_private() {
        return;
    }
    let now = ClockId::CLOCK_MONOTONIC_COARSE.now();
    let now = now.map_or(Duration::ZERO, Duration::from);
    let pause = space.forks.pause.max(PAUSE);
    if now.saturating_sub(space.forks.looked) < pause {
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
        drop_doubles(window);
    }
    found
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
        let mut copied = from..from;
        each_own(from, to, &mut |start, end| {
            if start != copied.end {
                window.punch(copied.start, copied.end);
                copied = start..start;
            }
            copied.end = end;
        });
        window.punch(copied.start, copied.end);
    });
}

/// Calls `each` with pages of `from..to` of which this process has a copy of its own.
fn each_own(from: usize, to: usize, each: &mut dyn FnMut(usize, usize)) {
    const PRESENT: u64 = 1 << 63;
    const SWAPPED: u64 = 1 << 62;
    /// Of a file, or shared.
    const FILE: u64 = 1 << 61;
    let page = sys::page();
    let mut text = [0u8; 4096];
    let mut next = from;
    while next < to {
        let want = ((to - next) / page * 8).min(text.len());
        let at = (next / page * 8) as u64;
        let Some(n @ 8..) = read(c"/proc/self/pagemap", at, &mut text[..want]) else {
            return;
        };
        for entry in text[..n / 8 * 8].chunks_exact(8) {
            let entry = u64::from_ne_bytes(entry.try_into().unwrap_or_default());
            let own = entry & (PRESENT | SWAPPED) != 0 && entry & FILE == 0;
            if own {
                each(next, next + page);
            }
            next += page;
        }
    }
}
