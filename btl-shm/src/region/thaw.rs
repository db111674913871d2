//! Frozen memory in reach again, where it is: once no child has it.
//!
//! The file's pages behind frozen memory ([`super::freeze`]) hold what they held at the fork.
//! Where this process has no copy of its own, they are its memory as before, so that mapping
//! them shared changes no byte; short copies of its own are written back to the file first.
//! So the process goes on in pages that exist, where every store to a frozen page would take
//! a new one.
//!
//! It is done where nobody can write between the look at a page and its mapping:
//!
//! * the process has one thread, with signals blocked, and neither its stack nor what the C
//!   library has of it lies in the heap;
//! * nothing is locked or pinned, and no asynchronous request is under way (`io_uring`, `aio`);
//! * no peer was told of the memory while it was frozen ([`super::pages::Pages::told`]): peers
//!   write such memory by system calls of their own.

use super::extents::in_use;
use super::process::{Condition, condition, each_own};
use super::space::Space;
use super::window::Window;
use super::{lines, sys};
use crate::recall;
use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow};
use nix::sys::uio::pwrite;
use std::os::fd::{BorrowedFd, RawFd};

/// The longest run of own copies that is written back unasked: longer ones cost the process
/// nothing while they stay.
pub const SHORT: usize = 64 << 10;

/// Bytes of the shortest run that is mapped anew between copies that stay: each makes
/// mappings, of which a process has a limited number.
const LEAST_RUN: usize = 1 << 20;

/// Bytes of copies that are written back before the copies themselves are given up.
const STEP: usize = 16 << 20;

/// Makes what is frozen in `start..end` shared again, where no child lives; see above. Runs of
/// own copies that are longer than `most` stay as they are. Whether anything came back. It
/// allocates nothing.
pub fn thaw(window: &Window, space: &mut Space, start: usize, end: usize, most: usize) -> bool {
    let (start, end) = (start.max(window.base()), end.min(window.end()));
    if start >= end || window.is_locked() || !space.forks.none_lives() || !is_alone(window) {
        return false;
    }
    let (Some(file), Ok(fd)) = (recall::file_of_range(window.base()), window.descriptor()) else {
        return false;
    };
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK);
    let mut found = false;
    if before.is_ok() && has_no_requests() {
        let (extents, over) = (&space.extents, &space.over);
        let (pages, protected) = (window.pages(), &space.protected);
        // Without /proc all stays as it is.
        let _ = lines::each(c"/proc/self/maps", &mut |line| {
            let (from, to) = (line.start.max(start), line.end.min(end));
            if line.shared || line.file != file || line.protection != sys::RW || from >= to {
                return;
            }
            in_use((extents, over), from, to, &mut |mut next, end| {
                while next < end {
                    let (stop, frozen) = pages.frozen.run(next, end);
                    let (stop, told) = pages.told.run(next, stop);
                    if frozen && !told && protected.first_in(next, stop).is_none() {
                        found |= thaw_run(window, fd, next, stop, most);
                    }
                    next = stop;
                }
            });
        });
    }
    if let Ok(before) = before {
        let _ = before.thread_set_mask(); // valid arguments are never refused
    }
    found
}

/// Whether this process is the one that has frozen memory, with one thread that uses nothing of
/// the heap while it runs here, and with no memory locked or pinned.
fn is_alone(window: &Window) -> bool {
    let here = 0u8;
    let own = window.base()..window.end();
    // SAFETY: returns a location that is always valid.
    let thread = unsafe { libc::__errno_location() }.addr();
    let is_elsewhere = !own.contains(&(&raw const here).addr()) && !own.contains(&thread);
    is_elsewhere && condition() == Condition::Alone
}

/// Whether the kernel can have no request of this process under way that writes memory later.
fn has_no_requests() -> bool {
    let mut none = true;
    let read = lines::each(c"/proc/self/maps", &mut |line| {
        let has = |word: &[u8]| line.path.windows(word.len()).any(|part| part == word);
        none &= !has(b"[aio]") && !has(b"[io_uring]");
    });
    read.is_ok() && none
}

/// Makes a run of frozen pages shared again, but for long runs of own copies.
fn thaw_run(window: &Window, fd: RawFd, start: usize, end: usize, most: usize) -> bool {
    let (mut begin, mut found, mut works) = (start, false, true);
    let mut written = 0;
    let mut share = |from: usize, to: usize, least: usize| {
        let done = to >= from + least.max(1) && window.share_again(fd, from, to - from);
        found |= done;
        done
    };
    let read = each_own(start, end, &mut |from, to| {
        let mut next = from;
        while next < to && works {
            let stop = to.min(next + STEP);
            if to - from > most || !write_back(window, fd, next, stop) {
                share(begin, next, LEAST_RUN.min(next - start));
                begin = to;
                return;
            }
            written += stop - next;
            if written >= STEP {
                works = share(begin, stop, 1);
                (begin, written) = (stop, 0);
            }
            next = stop;
        }
    });
    if read && works {
        share(begin, end, LEAST_RUN.min(end - start));
    }
    found
}

/// Writes this process's copies of some pages to the file.
fn write_back(window: &Window, fd: RawFd, start: usize, end: usize) -> bool {
    let first = std::ptr::with_exposed_provenance::<u8>(start);
    // SAFETY: readable memory of the window, which nobody writes now.
    let mut rest = unsafe { std::slice::from_raw_parts(first, end - start) };
    while !rest.is_empty() {
        // SAFETY: looked up by the caller.
        let file = unsafe { BorrowedFd::borrow_raw(fd) };
        match pwrite(file, rest, window.offset(end - rest.len())) {
            Ok(n @ 1..) => rest = &rest[n..],
            Err(Errno::EINTR) => {}
            _ => return false,
        }
    }
    true
}
