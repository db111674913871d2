//! An allocator over a window: blocks of 4 KiB and more, out of pages that peers
//! can map. What is smaller is the system's malloc's, and so is everything when
//! the window is full.
//!
//! ```text
//! alloc   own shelf (a block of the same size) → space, dirty, clean, sealed
//! free    own shelf → when it is full: space, dirty → when that is too much: system
//! ```
//!
//! Locks: a shelf's before the space's; a thread holds one shelf at a time, only
//! [`Allocator::hold`] all of them. No system call that gives pages back is made under a lock.

use super::classes;
use super::extents::State;
use super::freeze;
use super::shelf::{SHELVES, Shelf, Shelves};
use super::space::Space;
use super::sys;
use super::table::{BlockUse, Table};
use super::window::{VisibleRange, Window};
use nix::sys::sysinfo::sysinfo;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// What every block begins at a multiple of.
pub const ALIGN: usize = classes::UNIT;

/// The allocator of a window.
#[derive(Debug)]
pub struct Allocator {
    window: Window,
    table: Table,
    shelves: Shelves,
    space: Mutex<Space>,
    /// Bytes of memory and swap: who asks for more gets the kernel's answer.
    most: usize,
}

/// All locks of an allocator, held over a fork.
pub struct AllLocks<'a> {
    _shelves: [Option<MutexGuard<'a, Shelf>>; SHELVES],
    space: MutexGuard<'a, Space>,
}

impl AllLocks<'_> {
    /// The space.
    pub(super) fn space(&mut self) -> &mut Space {
        &mut self.space
    }
}

impl Allocator {
    /// An allocator over a claimed window.
    pub fn new(window: Window) -> std::io::Result<Allocator> {
        let table = Table::new(window.base(), window.len())?;
        let space = Space::new(&window);
        Ok(Allocator {
            table,
            shelves: Shelves::default(),
            space: Mutex::new(space),
            most: memory(),
            window,
        })
    }

    /// The window.
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// Where peers reach all of it.
    #[inline]
    pub fn visible(&self) -> &VisibleRange {
        self.window.visible()
    }

    /// Notes that this process is a forked child ([`Window::became_private`]).
    pub fn became_private(&self) {
        self.window.became_private();
    }

    /// The space, locked.
    pub(super) fn space(&self) -> MutexGuard<'_, Space> {
        self.space.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes of memory and swap: the longest block or mapping that there may be.
    pub fn most(&self) -> usize {
        self.most
    }

    /// Whether a block may begin at an address: it lies in the part of the window that
    /// has had some.
    #[inline]
    pub fn contains(&self, addr: usize) -> bool {
        addr.wrapping_sub(self.window.base()) < self.table.covered()
    }

    /// The part of a range that lies in the window, as far as that is mapped.
    pub(super) fn inside(&self, start: usize, end: usize) -> Option<(usize, usize)> {
        let from = start.max(self.window.base());
        let to = end.min(self.window.end());
        (from < to).then_some((from, to))
    }

    /// Whether all of a range is memory of the window, which peers reach by way of the
    /// file, and nothing that the program has mapped over it, or has protected, nor what a
    /// fork has made private. If so, peers are taken to know of it from now on.
    pub fn is_shared(&self, start: usize, len: usize) -> bool {
        if self.visible().holds(start, len) {
            return true;
        }
        let Some(end) = start.checked_add(len).filter(|_| len > 0) else {
            return false;
        };
        if self.inside(start, end) != Some((start, end)) || self.window.is_private() {
            return false;
        }
        let mut space = self.space();
        let pages = self.window.pages();
        self.thaw_for_peers(&mut space, start, end);
        let is_shared = owns(&space, start, end)
            && space.protected.first_in(start, end).is_none()
            && !pages.is_frozen(start, end);
        if is_shared {
            pages.exposed.set(start, end);
        } else {
            pages.tell(start, end);
        }
        is_shared
    }

    /// Brings frozen memory back into reach of which peers are told for the first time, where
    /// that can be ([`super::thaw`]).
    fn thaw_for_peers(&self, space: &mut Space, start: usize, end: usize) {
        let pages = self.window.pages();
        if pages.is_frozen(start, end) && !pages.told.any(start, end) {
            freeze::bring_back(&self.window, space, start, end);
        }
    }

    /// Notes that peers may know of what a range has of the window: they are told of
    /// memory of which it is only a part, or it is to stay where it is at forks. False: a
    /// fork has made some of it private already.
    pub fn expose(&self, start: usize, len: usize) -> bool {
        let end = start.saturating_add(len);
        let Some((mut next, end)) = self.inside(start, end) else {
            return true;
        };
        let mut space = self.space();
        let pages = self.window.pages();
        self.thaw_for_peers(&mut space, next, end);
        let mut all = true;
        while next < end {
            let (stop, frozen) = pages.frozen.run(next, end);
            match frozen {
                true => pages.tell(next, stop),
                false => pages.exposed.set(next, stop),
            }
            all &= !frozen;
            next = stop;
        }
        all
    }

    /// A block as [`Allocator::alloc`] gives it, for peers: forks leave it where it is.
    #[must_use]
    pub fn alloc_exposed(&self, len: usize, align: usize) -> Option<(usize, bool)> {
        let found = self.alloc(len, align)?;
        if !self.expose(found.0, len.max(1)) {
            // SAFETY: the block just made, which nobody uses.
            let known = unsafe { self.free(found.0) };
            debug_assert!(known, "the block was just made");
            return None;
        }
        Some(found)
    }

    /// Whether all of a range is memory of the window, and nothing that the program has
    /// mapped over it.
    pub(super) fn owns(&self, start: usize, len: usize) -> bool {
        !self.window.is_private() && self.is_own(start, len)
    }

    /// The same, also of a forked child.
    pub(super) fn is_own(&self, start: usize, len: usize) -> bool {
        let Some(end) = start.checked_add(len) else {
            return false;
        };
        self.inside(start, end) == Some((start, end)) && owns(&self.space(), start, end)
    }

    /// A block of at least `len` bytes at a multiple of `align`, a power of two;
    /// whether it is known to be zero. `None`: ask the system's malloc.
    #[inline]
    #[must_use]
    pub fn alloc(&self, len: usize, align: usize) -> Option<(usize, bool)> {
        let size = classes::round(len)?;
        if let Some(bin) = classes::bin(size).filter(|_| align <= ALIGN) {
            while let Some(start) = self.take_shelved(bin) {
                // What a fork has frozen on the shelf is out of peers' reach.
                if !self.is_frozen(start, size) {
                    return Some((start, false));
                }
                self.free_to_space(start, self.table.taken(start)?);
            }
        }
        self.alloc_from_space(size, align)
    }

    #[inline]
    fn take_shelved(&self, bin: usize) -> Option<usize> {
        self.shelves.own().take(bin, &self.table)
    }

    /// Whether a range is to be kept from peers' messages, having been frozen in this
    /// process.
    #[inline]
    fn is_frozen(&self, start: usize, len: usize) -> bool {
        let pages = self.window.pages();
        pages.is_frozen(start, start + len) && !self.window.is_private()
    }

    #[cold]
    fn alloc_from_space(&self, size: usize, align: usize) -> Option<(usize, bool)> {
        if size > self.most || align > self.window.len() {
            return None;
        }
        // Whole pages begin at pages.
        let align = if size.is_multiple_of(sys::page()) && size > 64 << 10 {
            align.max(sys::page())
        } else {
            align.max(ALIGN)
        };
        let mut space = self.space();
        freeze::look(&self.window, &mut space);
        let (start, zeroed) = space.take(&self.window, size, align)?;
        if self.table.open(start).is_err() {
            space.give(&self.window, start, size);
            return None;
        }
        drop(space);
        self.table.set(start, size, BlockUse::Taken);
        Some((start, zeroed))
    }

    /// As [`Allocator::alloc`], all zero.
    #[must_use]
    pub fn alloc_zeroed(&self, len: usize, align: usize) -> Option<usize> {
        let (start, zeroed) = self.alloc(len, align)?;
        if !zeroed {
            // SAFETY: the block is at least `len` bytes, open, and ours alone.
            unsafe { at(start).write_bytes(0, len) };
        }
        Some(start)
    }

    /// The length of the block at `start`, which can be used to its end. `None`:
    /// the program has no block that begins there.
    #[inline]
    pub fn usable(&self, start: usize) -> Option<usize> {
        self.table.taken(start)
    }

    /// Gives a block back. False: the program has no block that begins there.
    ///
    /// # Safety
    /// Nobody uses the block any more.
    #[inline]
    #[must_use]
    pub unsafe fn free(&self, start: usize) -> bool {
        let Some(len) = self.table.taken(start) else {
            return false;
        };
        if let Some(bin) = classes::bin(len).filter(|_| !self.is_frozen(start, len)) {
            let mut shelf = self.shelves.own();
            if !shelf.put(start, len, bin, &self.table) {
                self.clear_shelf(&mut shelf);
                let put = shelf.put(start, len, bin, &self.table);
                debug_assert!(put, "an empty shelf has room");
            }
            return true;
        }
        self.free_to_space(start, len);
        true
    }

    #[cold]
    fn clear_shelf(&self, shelf: &mut Shelf) {
        let mut space = self.space();
        shelf.empty(&self.table, |start, len| {
            space.give(&self.window, start, len)
        });
        self.purge(space, 0);
    }

    #[cold]
    fn free_to_space(&self, start: usize, len: usize) {
        self.table.clear(start);
        let mut space = self.space();
        space.give(&self.window, start, len);
        freeze::look(&self.window, &mut space);
        self.purge(space, start);
    }

    /// Gives free pages back to the system until they are few enough.
    fn purge<'a>(&'a self, mut space: MutexGuard<'a, Space>, just: usize) {
        let mut begun = false;
        while let Some((start, end)) = space.victim(just, begun) {
            drop(space);
            let state = match self.zero(start, end) {
                Ok(()) => State::Clean,
                Err(_) => State::Dirty,
            };
            space = self.space();
            space.extents.change(start, end, state);
            if state == State::Dirty {
                return; // the kernel will not: no use to try on
            }
            begun = true;
        }
    }

    /// Makes a free range, which nobody else has, zero, giving its pages back.
    fn zero(&self, start: usize, end: usize) -> std::io::Result<()> {
        if !self.owns(start, end - start) && !self.window.is_private() {
            return Err(std::io::ErrorKind::AddrInUse.into());
        }
        let first = start.next_multiple_of(sys::page());
        let last = end / sys::page() * sys::page();
        if first >= last {
            // SAFETY: the caller's range, which is open.
            unsafe { at(start).write_bytes(0, end - start) };
            return Ok(());
        }
        // SAFETY: whole pages of the caller's range.
        unsafe { self.window.release(first, last - first) }?;
        self.window.pages().forget(first, last);
        // SAFETY: the parts of pages at both ends of the caller's range.
        unsafe {
            at(start).write_bytes(0, first - start);
            at(last).write_bytes(0, end - last);
        }
        Ok(())
    }

    /// Makes a block of at least `len` bytes of the one at `start` without moving
    /// it. False: it cannot be done.
    ///
    /// # Safety
    /// The program has the block, and needs nothing beyond `len`.
    #[must_use]
    pub unsafe fn resize(&self, start: usize, len: usize) -> bool {
        let (Some(have), Some(want)) = (self.table.taken(start), classes::round(len)) else {
            return false;
        };
        if want > have {
            let more = want - have;
            let grown = want <= self.most && self.space().extend(&self.window, start + have, more);
            if grown {
                self.table.set(start, want, BlockUse::Taken);
            }
            return grown;
        }
        if have - want >= sys::page().max(have / 8) {
            self.table.set(start, want, BlockUse::Taken);
            let mut space = self.space();
            space.give(&self.window, start + want, have - want);
            self.purge(space, start + want);
        }
        true
    }

    /// The space, if nobody has its lock.
    pub(super) fn try_space(&self) -> Option<MutexGuard<'_, Space>> {
        match self.space.try_lock() {
            Ok(space) => Some(space),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Takes all locks, so that a fork finds nothing half done.
    #[must_use]
    pub fn hold(&self) -> AllLocks<'_> {
        AllLocks {
            _shelves: std::array::from_fn(|number| Some(self.shelves.lock(number))),
            space: self.space(),
        }
    }
}

/// Whether all of a range inside of the window is memory of it.
fn owns(space: &Space, start: usize, end: usize) -> bool {
    let mut addr = start;
    while let Some((_, to, state)) = space.extents.first_in(addr, end) {
        if matches!(state, State::Foreign | State::Frozen) {
            return false;
        }
        addr = to;
    }
    space.over.first_in(start, end).is_none()
}

/// A pointer to an address of the window.
pub(super) fn at(addr: usize) -> *mut u8 {
    std::ptr::with_exposed_provenance_mut(addr)
}

/// Bytes of memory and swap.
fn memory() -> usize {
    let all = sysinfo().map_or(u64::MAX, |now| now.ram_total() + now.swap_total());
    usize::try_from(all).unwrap_or(usize::MAX)
}
