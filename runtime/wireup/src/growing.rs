//! Mappings that grow at their end, at one place: of files of which a process uses a
//! part, and nobody knows beforehand how much.
//!
//! Addresses for all that a mapping may ever reach are chosen where nobody else maps
//! anything unasked, and are mapped as they are needed. So a process's size is what it
//! uses, and a limit of it (`ulimit -v`) is met by what needs the memory. Where such a
//! place is not to be had (a thread checker has its tables there, or processes have few
//! addresses), all of it is mapped without access at a place of the kernel's choice, and
//! opened as it is needed.

use crate::foreign::{self, Access};
use std::io;
use std::os::fd::RawFd;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};

/// Bytes of a huge page: what places begin at a multiple of.
const HUGE: u64 = 2 << 20;

/// Whose memory is placed: each kind has addresses of its own, since two libraries of a
/// process may contain this code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Zone {
    /// The process's own window of the heap file, and what is kept about it.
    Own,
    /// Memory of other processes.
    Foreign,
}

/// The addresses of each zone: far from where the kernel puts programs, their heaps,
/// libraries and stacks. A process begins somewhere in the first eighth or so.
const ZONES: [(u64, u64); 2] = [
    (0x1000_0000_0000, 0x2000_0000_0000),
    (0x2000_0000_0000, 0x5000_0000_0000),
];

/// How far a process's first place may lie from the beginning of the zone.
const SPREAD: u64 = 1 << 41;

/// The first address in each zone that was not given out; 0: none was.
static NEXT: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

/// Addresses for `len` bytes, at a multiple of 2 MiB. Nothing is mapped there, as far as
/// this process has not asked for just these addresses: who maps must not replace what
/// there is. `None`: the zone is used up.
#[must_use]
pub fn place(zone: Zone, len: u64) -> Option<u64> {
    let (from, to) = ZONES[zone as usize];
    let next = &NEXT[zone as usize];
    let len = len.checked_next_multiple_of(HUGE)? + HUGE; // neighbours never touch
    let mut now = next.load(Relaxed);
    loop {
        let start = match now {
            0 => from + random() % SPREAD / HUGE * HUGE,
            next => next,
        };
        let end = start.checked_add(len).filter(|end| *end <= to)?;
        match next.compare_exchange_weak(now, end, Relaxed, Relaxed) {
            Ok(_) => return Some(start),
            Err(other) => now = other,
        }
    }
}

fn random() -> u64 {
    let mut bytes = [0; 8];
    // SAFETY: fills at most as many bytes as the array has. Where it fills none, places
    // begin where the zone does.
    unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), libc::GRND_NONBLOCK) };
    u64::from_ne_bytes(bytes)
}

/// A mapping of a file that grows. Dropping it unmaps it.
#[derive(Debug)]
pub struct Growing {
    base: NonNull<u8>,
    /// Where in the file the first byte is.
    at: u64,
    limit: u64,
    /// Bytes that can be touched; only ever rises, under `growth`.
    mapped: AtomicU64,
    access: Access,
    /// Whether all of it is mapped, without access behind `mapped`.
    reserved: bool,
    growth: Mutex<()>,
}

// SAFETY: the mapping is plain memory that is reached through atomics or raw pointers
// with their own rules; it stays at one address while `self` lives.
unsafe impl Send for Growing {}
// SAFETY: as above.
unsafe impl Sync for Growing {}

impl Growing {
    /// Maps the first `first` bytes of what may become `limit`, from offset `at` of the
    /// file on. All are rounded up to pages, but for `at`, which is a multiple of a page.
    ///
    /// # Errors
    /// What `mmap` or `mprotect` said: a limit of the address space is one reason.
    pub fn new(fd: RawFd, at: u64, limit: u64, first: u64, access: Access) -> io::Result<Growing> {
        let limit = limit.next_multiple_of(page());
        let first = first.clamp(1, limit).next_multiple_of(page());
        let chosen = place(Zone::Foreign, limit).and_then(|start| {
            let start = usize::try_from(start).ok()?;
            foreign::map_at(start, fd, at, first, access).ok()
        });
        let growing = |base, reserved| Growing {
            base,
            at,
            limit,
            mapped: AtomicU64::new(first),
            access,
            reserved,
            growth: Mutex::new(()),
        };
        if let Some(base) = chosen {
            return Ok(growing(base, false));
        }
        let base = foreign::reserve(fd, at, limit)?;
        let growing = growing(base, true); // unmaps it in any case
        foreign::open(base, first, access)?;
        Ok(growing)
    }

    /// The first address.
    #[inline]
    #[must_use]
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Bytes, from the first on, that can be touched as far as the file reaches.
    #[inline]
    #[must_use]
    pub fn mapped(&self) -> u64 {
        self.mapped.load(Relaxed) // the mapping itself needs no partner
    }

    /// Bytes that it can become.
    #[inline]
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Sees to it that at least `end` bytes can be touched; `more`: so many beyond it
    /// would be welcome.
    ///
    /// # Errors
    /// `end` is beyond the limit (`EFAULT`), something else is mapped there (`EEXIST`), or
    /// what `mmap` or `mprotect` said.
    pub fn reach(&self, fd: RawFd, end: u64, more: u64) -> io::Result<()> {
        if end <= self.mapped() {
            return Ok(());
        }
        if end > self.limit {
            return Err(io::Error::from_raw_os_error(libc::EFAULT));
        }
        let _growth = self.growth.lock().unwrap_or_else(PoisonError::into_inner);
        let have = self.mapped();
        let wish = end.saturating_add(more).min(self.limit);
        let wish = wish.next_multiple_of(page());
        let least = end.next_multiple_of(page());
        if end <= have {
            return Ok(());
        }
        let reached = match self.map(fd, have, wish) {
            Ok(()) => wish,
            Err(_) if least < wish => {
                self.map(fd, have, least)?;
                least
            }
            Err(why) => return Err(why),
        };
        self.mapped.store(reached, Relaxed); // as in `mapped`
        Ok(())
    }

    fn map(&self, fd: RawFd, have: u64, end: u64) -> io::Result<()> {
        let len = end - have;
        let within = usize::try_from(have).unwrap_or(usize::MAX);
        if self.reserved {
            // SAFETY: inside of what is reserved.
            return foreign::open(unsafe { self.base.add(within) }, len, self.access);
        }
        let start = self.base.as_ptr().addr() + within;
        foreign::map_at(start, fd, self.at + have, len, self.access).map(drop)
    }

    /// Has a forked child not inherit what is mapped until now.
    pub fn keep_from_children(&self) {
        let len = usize::try_from(self.mapped()).unwrap_or(0);
        // A refusal only leaves it a mapping that it does not know of.
        // SAFETY: changes a flag of the mapping.
        unsafe { libc::madvise(self.base.as_ptr().cast(), len, libc::MADV_DONTFORK) };
    }

    /// Takes the access to all from offset `from` on away: whole pages.
    ///
    /// # Safety
    /// Nobody touches them any more.
    pub unsafe fn close_from(&self, from: u64) {
        let mapped = self.mapped();
        if from < mapped {
            let within = usize::try_from(from).unwrap_or(0);
            // SAFETY: inside of the mapping; as the caller said. If it cannot be done,
            // they stay accessible.
            drop(unsafe { foreign::close(self.base.add(within), mapped - from) });
        }
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        let len = if self.reserved {
            self.limit
        } else {
            self.mapped()
        };
        let len = usize::try_from(len).unwrap_or(0);
        // SAFETY: the mapping that `new` and `reach` made, whose only owner `self` was.
        unsafe { libc::munmap(self.base.as_ptr().cast(), len) };
    }
}

/// Bytes of a page.
fn page() -> u64 {
    // SAFETY: sysconf has no preconditions.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(page).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    fn file(len: u64) -> std::os::fd::OwnedFd {
        let fd = crate::memfd::memfd(c"growing", len).unwrap();
        let len = libc::off_t::try_from(len).unwrap();
        // SAFETY: makes a file of this test longer.
        assert_eq!(unsafe { libc::ftruncate(fd.as_raw_fd(), len) }, 0);
        fd
    }

    #[test]
    fn it_grows_in_place_and_shows_the_file() {
        let fd = file(1 << 30);
        let raw = fd.as_raw_fd();
        let one = Growing::new(raw, 4096, 1 << 29, 5000, Access::All).unwrap();
        let two = Growing::new(raw, 0, 1 << 30, 1 << 30, Access::Read).unwrap();
        assert_eq!((one.mapped(), one.limit()), (8192, 1 << 29));
        let base = one.base();
        for end in [8193, 100_000, 77 << 20, 1 << 29] {
            one.reach(raw, end, 1 << 20).unwrap();
            assert!(one.mapped() >= end && one.base() == base);
            let last = usize::try_from(end).unwrap() - 1;
            // SAFETY: inside of both, in this test's own file.
            unsafe {
                base.add(last).write(7);
                assert_eq!(two.base().add(last + 4096).read(), 7);
            }
        }
        assert!(one.reach(raw, (1 << 29) + 1, 0).is_err());
    }

    #[test]
    fn what_another_has_mapped_is_never_replaced() {
        let fd = file(1 << 30);
        let one = Growing::new(fd.as_raw_fd(), 0, 1 << 30, 4096, Access::All).unwrap();
        assert!(!one.reserved, "this machine has the addresses");
        let next = one.base().as_ptr().addr() + 4096;
        let other = foreign::map_at(next, fd.as_raw_fd(), 0, 4096, Access::All).unwrap();
        assert_eq!(other.as_ptr().addr(), next);
        let why = one.reach(fd.as_raw_fd(), 4097, 1 << 20).unwrap_err();
        assert_eq!(why.raw_os_error(), Some(libc::EEXIST));
        assert_eq!(one.mapped(), 4096);
    }

    #[test]
    fn places_do_not_overlap_and_end_with_the_zone() {
        let mut last = 0;
        for _ in 0..100 {
            let start = place(Zone::Own, 3 << 20).unwrap();
            assert!(start >= last && start.is_multiple_of(HUGE));
            last = start + (4 << 20);
        }
        assert_eq!(place(Zone::Own, 1 << 45), None);
        assert_eq!(place(Zone::Own, u64::MAX), None);
    }
}
