//! Which forked children may have which frozen memory ([`super::freeze`]).
//!
//! A *witness* is a file with a shared, writable mapping. From the first freeze on this process
//! has one mapped at all times, so that every child inherits it, whatever forked it: `fork`,
//! `_Fork`, a system call of the program's own, with or without locked memory. To learn
//! whether children have it, the process maps another one and unmaps this one: then
//! the kernel seals the file against writing (`F_SEAL_WRITE`) only if nobody has such a mapping,
//! whatever a child has done with its descriptors.
//!
//! Time is counted in *epochs*: one ends and the next begins when another witness is mapped.
//! Memory that was frozen in one epoch and freed in a later one can only be in children
//! that were forked in these epochs or between. It waits for their witnesses and for no others.

use super::sys;
use super::table::GRANULE;
use crate::recall::ranges;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// Witnesses at once. Where children of so many epochs live, later ones share the last two.
const WITNESSES: usize = 32;

/// The lowest number of a witness's descriptor, if the process may have as many.
const LEAST_NUMBER: libc::c_int = 512;

/// A file that children may have mapped.
#[derive(Debug)]
struct Witness {
    file: OwnedFd,
    /// The file's device and inode: a program may close descriptors that it does not know.
    identity: (u64, u64),
    /// The first and the last epoch in which this process had it mapped; the last is
    /// `u64::MAX` while it has.
    epochs: (u64, u64),
}

/// Whole pages of frozen memory that were freed.
#[derive(Debug)]
pub struct Freed {
    /// The first address.
    pub start: usize,
    /// The end.
    pub end: usize,
    /// The epochs in which it was frozen and freed.
    epochs: (u64, u64),
}

/// What is known of this process's forks.
#[derive(Debug, Default)]
pub struct Forks {
    epoch: u64,
    witnesses: [Option<Witness>; WITNESSES],
    /// Of the witness that is mapped: its place in `witnesses`, and its address.
    mapped: Option<(usize, usize)>,
    frozen: Numbers,
    freed: Vec<Freed>,
    /// When [`super::freeze::look`] has looked last.
    pub looked: Duration,
    /// How long it takes at least until it looks again.
    pub pause: Duration,
    /// The process that has frozen memory.
    pub process: u32,
    /// When memory was frozen last.
    pub frozen_at: Duration,
    /// When frozen memory was made shared again last.
    pub thawed_at: Duration,
    /// How long memory stays frozen at least.
    pub patience: Duration,
}

impl Forks {
    /// Begins an epoch: another witness is mapped from now on. False: none can be had, and
    /// all stays as it was. It allocates nothing.
    pub fn change(&mut self) -> bool {
        if self.witnesses.iter().all(Option::is_some) {
            self.dismiss();
        }
        let free = self.witnesses.iter().position(Option::is_none);
        if let Some(free) = free {
            self.witnesses[free] = Witness::new(self.epoch + 1);
        }
        let Some(slot) = free.or_else(|| self.youngest_other()) else {
            return false;
        };
        let Some(witness) = &mut self.witnesses[slot] else {
            return false;
        };
        let Ok(address) = witness.map() else {
            if free.is_some() {
                self.witnesses[slot] = None;
            }
            return false;
        };
        witness.epochs.1 = u64::MAX;
        self.epoch += 1;
        if let Some((old, address)) = self.mapped.replace((slot, address)) {
            // SAFETY: the mapping of the witness, of which nobody uses anything.
            drop(unsafe { sys::munmap(address, sys::page()) });
            if let Some(witness) = &mut self.witnesses[old] {
                witness.epochs.1 = self.epoch - 1;
            }
        }
        true
    }

    /// The youngest witness that is not mapped, of those whose descriptor is there.
    fn youngest_other(&self) -> Option<usize> {
        let others = (0..WITNESSES).filter(|slot| !self.is_mapped(*slot));
        let there = others.filter_map(|slot| {
            let witness = self.witnesses[slot].as_ref()?;
            witness.is_there().then_some((witness.epochs.0, slot))
        });
        there.max().map(|(_, slot)| slot)
    }

    fn is_mapped(&self, slot: usize) -> bool {
        self.mapped.is_some_and(|mapped| mapped.0 == slot)
    }

    /// Lets the witnesses go that no child has.
    pub fn dismiss(&mut self) {
        for slot in 0..WITNESSES {
            let witness = self.witnesses[slot].as_ref();
            if !self.is_mapped(slot) && witness.is_some_and(|one| !one.is_needed()) {
                self.witnesses[slot] = None;
            }
        }
    }

    /// Whether no child has any witness but the one that is mapped.
    pub fn none_lives(&self) -> bool {
        let mut others = (0..WITNESSES).filter(|slot| !self.is_mapped(*slot));
        others.all(|slot| self.witnesses[slot].is_none())
    }

    /// Whether children may have what was freed: some live that were forked meanwhile.
    pub fn may_have(&self, freed: &Freed) -> bool {
        let mut witnesses = self.witnesses.iter().flatten();
        let (frozen, freed) = freed.epochs;
        witnesses.any(|one| one.epochs.0 <= freed && frozen <= one.epochs.1)
    }

    /// Sees to it that [`Forks::note_frozen`] can note what ends at so many bytes of the window.
    pub fn reach(&mut self, len: usize) -> io::Result<()> {
        self.frozen.reach(len.div_ceil(GRANULE))
    }

    /// Notes that this epoch has frozen some memory, of which this is the distance from the
    /// window's beginning. It allocates nothing.
    pub fn note_frozen(&mut self, from: usize, to: usize) {
        self.frozen
            .set(from / GRANULE, to.div_ceil(GRANULE), self.epoch);
    }

    /// Notes that whole pages of frozen memory were freed, in the window that begins at `base`.
    pub fn note_freed(&mut self, base: usize, start: usize, end: usize) {
        let mut next = start;
        while next < end {
            let (from, to) = ((next - base) / GRANULE, (end - base).div_ceil(GRANULE));
            let (granule, frozen) = self.frozen.run(from, to);
            let (stop, epochs) = (end.min(base + granule * GRANULE), (frozen, self.epoch));
            match self.freed.last_mut() {
                Some(last) if last.end == next && last.epochs == epochs => last.end = stop,
                _ => self.freed.push(Freed {
                    start: next,
                    end: stop,
                    epochs,
                }),
            }
            next = stop;
        }
    }

    /// Takes out what was freed and no child may have.
    pub fn take_free(&mut self) -> Vec<Freed> {
        let all = std::mem::take(&mut self.freed);
        let (kept, free) = all.into_iter().partition(|one| self.may_have(one));
        self.freed = kept;
        free
    }
}

impl Drop for Forks {
    fn drop(&mut self) {
        if let Some((_, address)) = self.mapped {
            // SAFETY: the mapping of the witness, of which nobody uses anything.
            drop(unsafe { sys::munmap(address, sys::page()) });
        }
    }
}

impl Witness {
    /// A file for a witness that is mapped from this epoch on.
    fn new(epoch: u64) -> Option<Witness> {
        let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
        // SAFETY: the name is NUL-terminated.
        let raw = unsafe { libc::memfd_create(c"lariat-witness".as_ptr(), flags) };
        if raw < 0 {
            return None;
        }
        // SAFETY: just made, and nobody else's.
        let low = unsafe { OwnedFd::from_raw_fd(raw) };
        // Clear of the numbers that programs count on.
        // SAFETY: fcntl with an integer argument.
        let file = match unsafe { libc::fcntl(raw, libc::F_DUPFD_CLOEXEC, LEAST_NUMBER) } {
            // SAFETY: as above.
            high @ 0.. => unsafe { OwnedFd::from_raw_fd(high) },
            _ => low,
        };
        let len = libc::off_t::try_from(sys::page()).ok()?;
        // SAFETY: makes a file of this process longer.
        if unsafe { libc::ftruncate(file.as_raw_fd(), len) } != 0 {
            return None;
        }
        let identity = ranges::file_of(file.as_raw_fd()).ok()?;
        Some(Witness {
            file,
            identity,
            epochs: (epoch, u64::MAX),
        })
    }

    /// Maps it; the address.
    fn map(&self) -> io::Result<usize> {
        if !self.is_there() {
            return Err(io::Error::from_raw_os_error(libc::EBADF));
        }
        let (flags, file) = (libc::MAP_SHARED, self.file.as_raw_fd());
        // SAFETY: a fresh mapping of a file that nobody uses otherwise.
        unsafe { sys::mmap(0, sys::page(), sys::RW, flags, file, 0) }
    }

    /// Whether the program has left the descriptor alone.
    fn is_there(&self) -> bool {
        ranges::file_of(self.file.as_raw_fd()).ok() == Some(self.identity)
    }

    /// Whether anybody may have it mapped.
    fn is_needed(&self) -> bool {
        // SAFETY: fcntl with an integer argument, on the descriptor that is still the
        // witness's. While there is a writable mapping, it says EBUSY.
        !self.is_there()
            || unsafe { libc::fcntl(self.file.as_raw_fd(), libc::F_ADD_SEALS, libc::F_SEAL_WRITE) }
                != 0
    }
}

/// A number for each [`GRANULE`] of a window, from its beginning as far as there is memory.
/// Numbers that do not fit are noted as the greatest that does, which is too small: what is
/// freed then waits for more children than it has to.
#[derive(Debug, Default)]
struct Numbers {
    address: usize,
    bytes: usize,
}

impl Numbers {
    /// Has a number for so many granules at the least. New ones are 0.
    fn reach(&mut self, granules: usize) -> io::Result<()> {
        let bytes = (granules * size_of::<u32>()).next_multiple_of(sys::page());
        if bytes <= self.bytes {
            return Ok(());
        }
        self.address = if self.bytes == 0 {
            sys::map_private(bytes, sys::RW, libc::MAP_NORESERVE)?
        } else {
            // SAFETY: the mapping is this one's, and nobody has a reference into it now.
            unsafe { sys::mremap(self.address, self.bytes, bytes, libc::MREMAP_MAYMOVE, 0) }?
        };
        self.bytes = bytes;
        Ok(())
    }

    fn all(&self) -> &[u32] {
        if self.bytes == 0 {
            return &[];
        }
        let first = std::ptr::with_exposed_provenance(self.address);
        // SAFETY: the mapping, which is this one's, and of which all bytes are valid numbers.
        unsafe { std::slice::from_raw_parts(first, self.bytes / size_of::<u32>()) }
    }

    /// Sets the numbers of the granules `from..to`, which there are.
    fn set(&mut self, from: usize, to: usize, number: u64) {
        debug_assert!(to <= self.all().len());
        let first = std::ptr::with_exposed_provenance_mut::<u32>(self.address);
        // SAFETY: as in `all`; `reach` has made room for `to` granules.
        let some = unsafe { std::slice::from_raw_parts_mut(first.add(from), to - from) };
        some.fill(u32::try_from(number).unwrap_or(u32::MAX));
    }

    /// The end of the run of granules from `from` on, up to `to`, that have the same number,
    /// and that number. Granules that there are none of have 0.
    fn run(&self, from: usize, to: usize) -> (usize, u64) {
        let Some(all) = self.all().get(from..to) else {
            return (to, 0);
        };
        let first = all.first().copied().unwrap_or(0);
        let same = all.iter().take_while(|one| **one == first).count();
        (from + same, u64::from(first))
    }
}

impl Drop for Numbers {
    fn drop(&mut self) {
        if self.bytes > 0 {
            // SAFETY: mapped by `reach`, and borrowed from `self` only.
            drop(unsafe { sys::munmap(self.address, self.bytes) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: usize = 1 << 40;

    /// A child that has what this process has mapped now, as far as witnesses tell.
    struct Child {
        address: usize,
    }

    impl Child {
        fn of(forks: &Forks) -> Child {
            let slot = forks.mapped.unwrap().0;
            let address = forks.witnesses[slot].as_ref().unwrap().map().unwrap();
            Child { address }
        }
    }

    impl Drop for Child {
        fn drop(&mut self) {
            // SAFETY: the mapping just made, which nobody uses.
            unsafe { sys::munmap(self.address, sys::page()) }.unwrap();
        }
    }

    /// Freezes page number `page`.
    fn freeze(forks: &mut Forks, page: usize) {
        assert!(forks.change());
        forks.reach((page + 1) * GRANULE).unwrap();
        forks.note_frozen(page * GRANULE, (page + 1) * GRANULE);
    }

    fn free(forks: &mut Forks, pages: std::ops::Range<usize>) {
        forks.note_freed(
            BASE,
            BASE + pages.start * GRANULE,
            BASE + pages.end * GRANULE,
        );
    }

    /// The pages that come free once it is looked who lives.
    fn come_free(forks: &mut Forks) -> Vec<usize> {
        assert!(forks.change());
        forks.dismiss();
        let free = forks.take_free();
        let pages = |one: &Freed| (one.start - BASE) / GRANULE..(one.end - BASE) / GRANULE;
        free.iter().flat_map(pages).collect()
    }

    #[test]
    fn memory_waits_for_the_children_that_have_it_and_for_no_others() {
        let mut forks = Forks::default();
        freeze(&mut forks, 0);
        let first = Child::of(&forks);
        freeze(&mut forks, 1);
        let second = Child::of(&forks);
        free(&mut forks, 0..1); // the first and the second have it
        freeze(&mut forks, 2);
        let third = Child::of(&forks);
        free(&mut forks, 1..3); // page 1: the second and the third; page 2: the third
        assert_eq!(come_free(&mut forks), []);
        drop(third);
        assert_eq!(come_free(&mut forks), [2]);
        drop(second);
        assert_eq!(come_free(&mut forks), [1]);
        assert!(!forks.none_lives());
        drop(first);
        assert_eq!(come_free(&mut forks), [0]);
        assert!(forks.none_lives());
    }

    #[test]
    fn a_child_that_nobody_announced_has_a_witness() {
        let mut forks = Forks::default();
        freeze(&mut forks, 0);
        assert_eq!(come_free(&mut forks), []);
        let unannounced = Child::of(&forks);
        free(&mut forks, 0..1);
        assert_eq!(come_free(&mut forks), []);
        assert!(!forks.none_lives());
        drop(unannounced);
        assert_eq!(come_free(&mut forks), [0]);
    }

    #[test]
    fn more_children_live_than_there_are_witnesses() {
        let mut forks = Forks::default();
        let n = 3 * WITNESSES;
        let mut children = Vec::new();
        for page in 0..n {
            freeze(&mut forks, page);
            children.push(Child::of(&forks));
            free(&mut forks, page..page + 1);
            assert_eq!(come_free(&mut forks), []);
        }
        // The oldest have witnesses of their own.
        drop(children.remove(0));
        assert_eq!(come_free(&mut forks), [0]);
        drop(children.remove(n - 2));
        assert_eq!(come_free(&mut forks), []);
        children.clear();
        assert_eq!(come_free(&mut forks).len(), n - 1);
        assert!(forks.none_lives());
    }

    #[test]
    fn a_witness_whose_descriptor_is_gone_is_needed() {
        let mut forks = Forks::default();
        freeze(&mut forks, 0);
        let slot = forks.mapped.unwrap().0;
        let witness = forks.witnesses[slot].as_mut().unwrap();
        witness.identity.1 += 1; // as if the program had put another file there
        free(&mut forks, 0..1);
        assert_eq!(come_free(&mut forks), []);
        assert!(!forks.none_lives());
    }

    #[test]
    fn numbers_of_runs() {
        let mut numbers = Numbers::default();
        assert_eq!(numbers.run(3, 9), (9, 0));
        numbers.reach(10).unwrap();
        numbers.set(4, 6, 7);
        numbers.reach(100_000).unwrap();
        numbers.set(6, 90_000, u64::MAX);
        assert_eq!(numbers.run(0, 100_000), (4, 0));
        assert_eq!(numbers.run(5, 100_000), (6, 7));
        assert_eq!(numbers.run(6, 100_000), (90_000, u64::from(u32::MAX)));
        assert_eq!(numbers.run(90_000, 100_000), (100_000, 0));
    }
}
