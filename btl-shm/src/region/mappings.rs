//! `mmap`, `munmap`, `mremap`, `madvise` and `mprotect` for programs: plain anonymous
//! memory comes from the window, with all that the kernel's own has: zero when it is
//! new, gone when it is unmapped, whole or in part. All else goes to the kernel. The
//! functions have the safety conditions of their system calls, and its errors.
//!
//! What a program maps by `MAP_FIXED` over the window is *foreign*: peers cannot
//! reach it by way of the file ([`Allocator::is_shared`]), and its addresses are not used
//! again. Nor do they reach what it has protected, as long as it is: they would read
//! and write the file's pages without the fault that the program's handler waits for.

#![allow(clippy::missing_safety_doc, reason = "see above")]

use super::alloc::Allocator;
use super::extents::State;
use super::sys::{self, RW};
use std::io;

/// Bytes of the smallest mapping that is taken from the window.
pub const LEAST_MAPPING: usize = 256 << 10;

fn invalid<T>(code: i32) -> io::Result<T> {
    Err(io::Error::from_raw_os_error(code))
}

/// `len` in whole pages, and the end of the range; as the kernel checks them.
fn range(start: usize, len: usize) -> Option<(usize, usize)> {
    let len = len.checked_next_multiple_of(sys::page())?;
    (start.is_multiple_of(sys::page()) && len > 0).then_some(())?;
    Some((len, start.checked_add(len)?))
}

/// `mmap`.
pub unsafe fn mmap(
    heap: &Allocator,
    addr: usize,
    len: usize,
    prot: i32,
    flags: i32,
    fd: i32,
    offset: i64,
) -> io::Result<usize> {
    let fixed = flags & (libc::MAP_FIXED | libc::MAP_FIXED_NOREPLACE) != 0;
    let kind = flags & !(libc::MAP_NORESERVE | libc::MAP_POPULATE);
    let plain = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    if addr == 0 && prot == RW && kind == plain && len >= LEAST_MAPPING && offset == 0 {
        if let Some(start) = map(heap, len) {
            if flags & libc::MAP_POPULATE != 0 {
                // SAFETY: the mapping is new. As with the kernel, a failure to
                // fill it is none of the call.
                drop(unsafe { sys::madvise(start, len, libc::MADV_POPULATE_WRITE) });
            }
            return Ok(start);
        }
    } else if fixed
        && let Some((_, end)) = range(addr, len)
        && let Some((from, to)) = heap.inside(addr, end)
    {
        if flags & libc::MAP_FIXED_NOREPLACE == libc::MAP_FIXED_NOREPLACE
            && !is_sealed(heap, from, to)
        {
            return invalid(libc::EEXIST);
        }
        let flags = flags & !libc::MAP_FIXED_NOREPLACE | libc::MAP_FIXED;
        if kind & !(libc::MAP_FIXED | libc::MAP_FIXED_NOREPLACE) == plain
            && (from, to) == (addr, end)
            && prot & !RW == 0
            && renew(heap, from, to, prot).is_ok()
        {
            return Ok(addr);
        }
        give_up(heap, from, to);
        // SAFETY: as the caller said; what we had there is given up.
        return unsafe { sys::mmap(addr, len, prot, flags, fd, offset) };
    }
    // SAFETY: as the caller said.
    unsafe { sys::mmap(addr, len, prot, flags, fd, offset) }
}

/// Zero pages from the window.
fn map(heap: &Allocator, len: usize) -> Option<usize> {
    let len = len.checked_next_multiple_of(sys::page())?;
    if len > heap.most() {
        return None;
    }
    heap.space().map(heap.window(), len)
}

/// Whether nothing is mapped in a range of the window, as far as the program knows.
fn is_sealed(heap: &Allocator, from: usize, to: usize) -> bool {
    let sealed = |one: (usize, usize, State)| one == (from, to, State::Sealed);
    heap.space().extents.first_in(from, to).is_some_and(sealed)
}

/// An anonymous mapping put over a range that is the program's, or was: the pages
/// become new ones.
fn renew(heap: &Allocator, from: usize, to: usize, prot: i32) -> io::Result<()> {
    let known = |state| matches!(state, State::Mapped | State::Sealed);
    let mut space = heap.space();
    let whole = |one: (usize, usize, State)| (one.0, one.1) == (from, to) && known(one.2);
    let Some((_, _, state)) = space.extents.first_in(from, to).filter(|one| whole(*one)) else {
        return invalid(libc::EINVAL);
    };
    space.extents.change(from, to, State::Mapped);
    space.protected.free_of(from, to);
    drop(space);
    if state == State::Sealed {
        heap.window().open(from, to - from, true)?;
    } else {
        // SAFETY: the program wants new pages there.
        unsafe {
            sys::mprotect(from, to - from, RW)?;
            heap.window().release(from, to - from)?;
        }
    }
    if prot != RW {
        // SAFETY: as the program wants it.
        unsafe { mprotect(heap, from, to - from, prot) }?;
    }
    Ok(())
}

/// Lets go of a range over which the program maps something else: its pages go
/// back, and its addresses are foreign from now on.
fn give_up(heap: &Allocator, from: usize, to: usize) {
    let mut addr = from;
    let mut space = heap.space();
    while addr < to {
        let (start, end, state) =
            space
                .extents
                .first_in(addr, to)
                .unwrap_or((to, to, State::Foreign));
        let leaves = state == State::Leaving;
        let over = if leaves { end } else { start };
        // No extent is there, so that the program has blocks in it; or what another thread
        // gives back gets its state from that one.
        if addr < over {
            space.over.free_of(addr, over);
            space.over.insert(addr, over, State::Foreign);
        }
        if start < end && state != State::Foreign && !leaves {
            space.extents.change(start, end, State::Foreign);
            if matches!(state, State::Mapped | State::Dirty) {
                // SAFETY: free, or to be replaced by the program. If it fails,
                // pages are lost until the end of the job.
                drop(unsafe { heap.window().release(start, end - start) });
            }
        }
        addr = end;
    }
    heap.visible().invalidate();
}

/// `munmap`.
pub unsafe fn munmap(heap: &Allocator, addr: usize, len: usize) -> io::Result<()> {
    let Some((from, to)) = range(addr, len).and_then(|(_, end)| heap.inside(addr, end)) else {
        // SAFETY: as the caller said.
        return unsafe { sys::munmap(addr, len) };
    };
    let end = addr + len.next_multiple_of(sys::page());
    for (start, end) in [(addr, from), (to, end)] {
        if start < end {
            // SAFETY: as the caller said, of the part outside of the window.
            unsafe { sys::munmap(start, end - start) }?;
        }
    }
    unmap(heap, from, to);
    Ok(())
}

/// Gives back what the program has mapped in a range of the window. Blocks and
/// what is free stay as they are.
fn unmap(heap: &Allocator, from: usize, to: usize) {
    let mut addr = from;
    loop {
        let mut space = heap.space();
        let Some((start, end, state)) = space.extents.first_in(addr, to) else {
            return;
        };
        addr = end;
        if state == State::Mapped {
            space.extents.change(start, end, State::Leaving);
            space.protected.free_of(start, end);
            drop(space);
            discard(heap, start, end);
        } else if state == State::Foreign {
            let flags =
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED;
            // SAFETY: the program unmaps what it mapped there itself; the place is
            // kept, so that the kernel gives it to nobody.
            drop(unsafe { sys::mmap(start, end - start, libc::PROT_NONE, flags, -1, 0) });
        }
    }
}

/// Gives the pages of a range that leaves ([`State::Leaving`]) to the system, and takes
/// the access away.
fn discard(heap: &Allocator, start: usize, end: usize) {
    let pages = heap.window().pages();
    if !pages.have_frozen() || heap.window().is_private() {
        return discard_run(heap, start, end);
    }
    let mut next = start;
    while next < end {
        let (stop, frozen) = pages.frozen.run(next, end);
        if frozen {
            // A touch is a fault from now on. Where that cannot be had, it is none.
            // SAFETY: the caller has taken the range from the program.
            drop(unsafe { heap.window().seal(next, stop - next) });
            let mut space = heap.space();
            space.extents.cut(next, stop);
            space.give_frozen(heap.window(), next, stop);
        } else {
            discard_run(heap, next, stop);
        }
        next = stop;
    }
}

/// [`discard`], of pages that no fork has made private.
fn discard_run(heap: &Allocator, start: usize, end: usize) {
    let len = end - start;
    // SAFETY: the caller has taken the range from the program.
    let released = unsafe { heap.window().release(start, len) };
    // SAFETY: as above.
    let sealed = unsafe { heap.window().seal(start, len) };
    let state = if released.is_ok() && sealed.is_ok() {
        State::Sealed
    } else {
        // SAFETY: as above; what is free has to be open.
        let opened = unsafe { sys::mprotect(start, len, RW) };
        match (released, opened) {
            (Ok(()), Ok(())) => State::Clean,
            (_, Ok(())) => State::Dirty,
            _ => State::Foreign, // not to be had back: never used again
        }
    };
    let mut space = heap.space();
    if state == State::Sealed {
        heap.window().pages().forget(start, end);
    }
    space.extents.change(start, end, state);
}

/// `mremap`. Memory of the window moves by copying: what a peer resolves has one
/// place in the file.
pub unsafe fn mremap(
    heap: &Allocator,
    old: usize,
    old_len: usize,
    len: usize,
    flags: i32,
    new: usize,
) -> io::Result<usize> {
    let fixed = flags & libc::MREMAP_FIXED != 0;
    let may_move = flags & libc::MREMAP_MAYMOVE != 0;
    if !is_mapped(heap, old, old_len) {
        if fixed
            && let Some((_, end)) = range(new, len)
            && let Some((from, to)) = heap.inside(new, end)
        {
            give_up(heap, from, to);
        }
        // SAFETY: as the caller said; what we had at the goal is given up.
        return unsafe { sys::mremap(old, old_len, len, flags, new) };
    }
    let keep = flags & libc::MREMAP_DONTUNMAP != 0;
    let known = libc::MREMAP_FIXED | libc::MREMAP_MAYMOVE | libc::MREMAP_DONTUNMAP;
    let ((Some((old_len, old_end)), Some((len, _))), true) =
        ((range(old, old_len), range(old, len)), flags & !known == 0)
    else {
        return invalid(libc::EINVAL);
    };
    if (fixed || keep) && !may_move || keep && old_len != len {
        return invalid(libc::EINVAL);
    }
    let goal = if fixed {
        let Some((_, end)) = range(new, len).filter(|(_, end)| new >= old_end || *end <= old)
        else {
            return invalid(libc::EINVAL);
        };
        // New pages of the window where it is ours, so that peers go on seeing it.
        if heap.inside(new, end) == Some((new, end)) && renew(heap, new, end, RW).is_ok() {
            new
        } else {
            if let Some((from, to)) = heap.inside(new, end) {
                give_up(heap, from, to);
            }
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
            // SAFETY: the program wants what is there replaced.
            unsafe { sys::mmap(new, len, RW, flags, -1, 0) }?
        }
    } else {
        if len <= old_len && !keep {
            unmap(heap, old + len, old_end);
            return Ok(old);
        }
        if !keep && heap.space().map_more(heap.window(), old_end, len - old_len) {
            return Ok(old);
        }
        if !may_move {
            return invalid(libc::ENOMEM);
        }
        match map(heap, len) {
            Some(goal) => goal,
            None => sys::map_private(len, RW, 0)?,
        }
    };
    let kept = old_len.min(len);
    // SAFETY: the mapping is the program's and stays; this changes nothing that
    // is in it.
    unsafe { mprotect(heap, old, old_len, RW) }?;
    for place in (0..kept).step_by(sys::page()) {
        // SAFETY: both are mapped, open, and apart; the program leaves them alone
        // during the call.
        unsafe { sys::copy_page(old + place, goal + place) };
    }
    if keep {
        // SAFETY: the contents have moved.
        unsafe { heap.window().release(old, old_len) }?;
    } else {
        unmap(heap, old, old_end);
    }
    Ok(goal)
}

/// Whether all of a range is the program's mapping in the window.
fn is_mapped(heap: &Allocator, start: usize, len: usize) -> bool {
    let Some((_, end)) = range(start, len) else {
        return false;
    };
    if heap.inside(start, end) != Some((start, end)) {
        return false;
    }
    let extent = heap.space().extents.at(start);
    extent.is_some_and(|one| one.2 == State::Mapped && end <= one.1)
}

/// `madvise`: what lets private memory go lets pages of the window go.
pub unsafe fn madvise(heap: &Allocator, addr: usize, len: usize, advice: i32) -> io::Result<()> {
    let lets_go = matches!(
        advice,
        libc::MADV_DONTNEED | libc::MADV_FREE | MADV_DONTNEED_LOCKED
    );
    let ours = range(addr, len)
        .filter(|_| lets_go)
        .and_then(|(_, end)| heap.inside(addr, end));
    let Some((from, to)) = ours else {
        if advice == libc::MADV_DONTFORK {
            heap.expose(addr, len); // it stays as it is at forks
        }
        // SAFETY: as the caller said.
        return unsafe { sys::madvise(addr, len, advice) };
    };
    let end = addr + len.next_multiple_of(sys::page());
    for (start, end) in [(addr, from), (to, end)] {
        if start < end {
            // SAFETY: as the caller said, of the part outside of the window.
            unsafe { sys::madvise(start, end - start, advice) }?;
        }
    }
    let mut missing = false;
    let mut addr = from;
    while addr < to {
        let next = heap.space().extents.first_in(addr, to);
        let (start, end, state) = next.unwrap_or((to, to, State::Sealed));
        // Where no extent is, the program has blocks.
        if addr < start {
            let_go(heap, addr, start, advice)?;
        }
        match state {
            State::Mapped => let_go(heap, start, end, advice)?,
            // SAFETY: as the caller said, of something that it mapped there itself.
            State::Foreign => unsafe { sys::madvise(start, end - start, advice) }?,
            State::Sealed => missing |= start < end,
            State::Clean | State::Dirty | State::Frozen | State::Leaving => {}
        }
        addr = end;
    }
    if missing {
        invalid(libc::ENOMEM)
    } else {
        Ok(())
    }
}

/// `mprotect`. May be called by the program's handler of the fault that it leads to.
pub unsafe fn mprotect(heap: &Allocator, addr: usize, len: usize, prot: i32) -> io::Result<()> {
    let ours = range(addr, len).and_then(|(_, end)| heap.inside(addr, end));
    let Some((from, to)) = ours else {
        // SAFETY: as the caller said.
        return unsafe { sys::mprotect(addr, len, prot) };
    };
    let opens = prot == RW;
    if !opens {
        let mut space = heap.space();
        space.protected.free_of(from, to);
        space.protected.insert(from, to, State::Foreign);
        heap.visible().invalidate();
    }
    // SAFETY: as the caller said.
    let done = unsafe { sys::mprotect(addr, len, prot) };
    if opens && done.is_ok() {
        heap.space().protected.free_of(from, to);
    }
    done
}

/// As in the kernel's headers; `libc` has it for few targets.
const MADV_DONTNEED_LOCKED: i32 = 24;

fn let_go(heap: &Allocator, from: usize, to: usize, advice: i32) -> io::Result<()> {
    if !heap.is_own(from, to - from) {
        // SAFETY: the program's advice on something that it mapped there itself.
        return unsafe { sys::madvise(from, to - from, advice) };
    }
    // SAFETY: the program has said that it needs nothing of it.
    unsafe { heap.window().release(from, to - from) }
}
