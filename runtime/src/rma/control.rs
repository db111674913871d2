//! The words that the members of a window synchronize by: a counter of arrivals, and for
//! each member a lock, a guard of accumulations, where its table of attached memory is, and
//! a slot for small accesses (see [`super::mailbox`]).
//!
//! They lie in memory that all members have mapped, zero at first. A lock is fair:
//! who asks takes a ticket, and tickets are served in order, readers next to one
//! another together.
//!
//! ```text
//! reader   ticket = next++   until read == ticket:  read++    …  write++
//! writer   ticket = next++   until write == ticket            …  read++, write++
//! ```
//! So `write` counts those that are through, and a writer waits for all before it;
//! `read` counts those that a reader need not wait for. While somebody holds the
//! lock or waits for it, `next` is ahead of `write`.

use super::slot::Slot;
use crate::lock;
use crate::object::win::Win;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

#[repr(C, align(128))]
struct Head {
    /// Arrivals at barriers, of all members, since the beginning.
    arrived: AtomicU64,
}

#[repr(C, align(128))]
struct Words {
    next: AtomicU32,
    read: AtomicU32,
    write: AtomicU32,
    /// 1: somebody accumulates in this member's part.
    guard: AtomicU32,
    /// Changes of this member's table of attached memory; odd while it changes.
    changes: AtomicU64,
    /// Where the table is in its memory, and how many pieces it has.
    table: AtomicU64,
    pieces: AtomicU64,
    /// Barriers that this member has come to. Only reports ask for it.
    arrivals: AtomicU64,
    /// 1 + the rank that holds the lock of this member exclusively; 0: nobody does, or it
    /// has only just changed. Only reports ask for it.
    holder: AtomicU32,
    slot: Slot,
}

/// Where a member's table of attached memory is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TableState {
    /// Its address in the member's memory.
    pub(super) at: u64,
    /// How many pieces are attached.
    pub(super) pieces: u64,
}

const _: () = assert!(size_of::<Head>() == 128 && size_of::<Words>() == 384);

/// Bytes for the words of `members` members.
pub(super) fn len(members: u32) -> usize {
    size_of::<Head>() + members as usize * size_of::<Words>()
}

/// The words of one window.
#[derive(Clone, Copy)]
pub(super) struct Control {
    base: NonNull<u8>,
    members: u32,
}

impl Control {
    /// The words at `base`.
    ///
    /// # Safety
    /// There are [`len`] bytes for `members`, at a multiple of 128, zero before
    /// any member came here, and mapped as long as this is used. Nobody writes
    /// there but through this type.
    pub(super) unsafe fn new(base: NonNull<u8>, members: u32) -> Control {
        Control { base, members }
    }

    fn head(&self) -> &Head {
        // SAFETY: the promise of `new`; the fields are atomics.
        unsafe { self.base.cast::<Head>().as_ref() }
    }

    fn words(&self, rank: u32) -> &Words {
        assert!(rank < self.members, "rank {rank} of {}", self.members);
        let at = size_of::<Head>() + rank as usize * size_of::<Words>();
        // SAFETY: the promise of `new`: there are words for every member.
        unsafe { self.base.add(at).cast::<Words>().as_ref() }
    }

    /// Arrives at a barrier as `rank`. What comes back are the arrivals that end it, and
    /// whether this was the last of them.
    pub(super) fn arrive(&self, rank: u32) -> (u64, bool) {
        let mine = &self.words(rank).arrivals; // only this member writes it
        mine.store(mine.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        // pairs with the Acquire in `have_arrived`, and with itself
        let mine = self.head().arrived.fetch_add(1, Ordering::AcqRel) + 1;
        let all = mine.next_multiple_of(u64::from(self.members));
        (all, mine == all)
    }

    /// Whether so many have arrived.
    pub(super) fn have_arrived(&self, all: u64) -> bool {
        self.head().arrived.load(Ordering::Acquire) >= all // pairs with the AcqRel in `arrive`
    }

    /// The members that have not come to the barrier which ends with so many arrivals.
    pub(super) fn missing(&self, all: u64) -> impl Iterator<Item = u32> + '_ {
        let barriers = all / u64::from(self.members);
        let arrivals = |rank: &u32| self.words(*rank).arrivals.load(Ordering::Relaxed);
        (0..self.members).filter(move |rank| arrivals(rank) < barriers)
    }

    /// Who holds the lock of `rank` exclusively, as far as it is known.
    pub(super) fn holder(&self, rank: u32) -> Option<u32> {
        let holder = self.words(rank).holder.load(Ordering::Relaxed);
        holder.checked_sub(1).filter(|rank| *rank < self.members)
    }

    /// Says who holds the lock of `rank` exclusively. Only the holder may say so.
    pub(super) fn set_holder(&self, rank: u32, holder: Option<u32>) {
        let holder = holder.map_or(0, |holder| holder + 1);
        self.words(rank).holder.store(holder, Ordering::Relaxed);
    }

    /// Takes a ticket for the lock of `rank`.
    pub(super) fn queue(&self, rank: u32) -> u32 {
        // SeqCst pairs with `is_contended`: either the holder sees the ticket, or
        // this process sees that the holder is through.
        self.words(rank).next.fetch_add(1, Ordering::SeqCst)
    }

    /// Whether it is the turn of this ticket.
    pub(super) fn is_turn(&self, rank: u32, ticket: u32, exclusive: bool) -> bool {
        let words = self.words(rank);
        let served = if exclusive { &words.write } else { &words.read };
        // pairs with the SeqCst in `unlock` and `let_readers_in`
        served.load(Ordering::SeqCst) == ticket
    }

    /// Says, in the turn of a reader, that the next may come in beside it. Whether
    /// somebody may wait for that.
    pub(super) fn let_readers_in(&self, rank: u32) -> bool {
        // pairs with the SeqCst in `is_turn`
        let served = self.words(rank).read.fetch_add(1, Ordering::SeqCst);
        let served = served.wrapping_add(1);
        self.words(rank).next.load(Ordering::SeqCst) != served // pairs with `queue`
    }

    /// Lets the lock of `rank` go. Whether somebody may wait for that.
    pub(super) fn unlock(&self, rank: u32, exclusive: bool) -> bool {
        let words = self.words(rank);
        if exclusive {
            words.read.fetch_add(1, Ordering::SeqCst); // pairs with the SeqCst in `is_turn`
        }
        // pairs with the SeqCst in `is_turn`
        let through = words.write.fetch_add(1, Ordering::SeqCst).wrapping_add(1);
        words.next.load(Ordering::SeqCst) != through // pairs with `queue`
    }

    /// Has `change` change this member's table, which says where it is then.
    pub(super) fn change_table(&self, rank: u32, change: impl FnOnce() -> TableState) {
        let words = self.words(rank);
        // SeqCst on both sides, so that whoever read a part of what changes sees that it
        // did: pairs with the SeqCst in `table`.
        words.changes.fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst); // as above
        let now = change();
        words.table.store(now.at, Ordering::Relaxed);
        words.pieces.store(now.pieces, Ordering::Relaxed);
        words.changes.fetch_add(1, Ordering::SeqCst); // as above
    }

    /// Where the table of `rank` is, and the number of its changes, once none is under
    /// way. What is read there is right if the number is the same afterwards.
    pub(super) fn table(&self, rank: u32) -> (u64, TableState) {
        let words = self.words(rank);
        loop {
            fence(Ordering::SeqCst); // what was read of the table before is older
            let before = words.changes.load(Ordering::SeqCst); // pairs with `change_table`
            let state = TableState {
                at: words.table.load(Ordering::Relaxed),
                pieces: words.pieces.load(Ordering::Relaxed),
            };
            fence(Ordering::SeqCst); // the two loads above come before the next
            if before.is_multiple_of(2) && words.changes.load(Ordering::SeqCst) == before {
                return (before, state);
            }
            std::thread::yield_now(); // the member may need this processor
        }
    }

    /// The slot for small accesses of others to the part of `rank`.
    pub(super) fn slot(&self, rank: u32) -> &Slot {
        &self.words(rank).slot
    }

    /// Runs `f` while nobody else accumulates in the part of `rank`. It must be
    /// short, and must not wait.
    pub(super) fn guarded<R>(&self, rank: u32, f: impl FnOnce() -> R) -> R {
        lock::guarded(&self.words(rank).guard, f)
    }
}

/// The words of a window.
pub(super) fn of(win: &Win) -> Control {
    // SAFETY: the words are at the beginning of the piece of rank 0, which was zero
    // when it was made, and is mapped until `free`, when no member is at them any more.
    unsafe { Control::new(win.control, win.comm.size()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::UnsafeCell;

    #[repr(C, align(128))]
    struct Room(UnsafeCell<[u8; 2048]>);
    // SAFETY: only reached through `Control`'s atomics, but for what a test guards.
    unsafe impl Sync for Room {}

    fn control(room: &Room, members: u32) -> Control {
        assert!(len(members) <= 2048);
        // SAFETY: zeroed, aligned, long enough; it outlives the test's use.
        unsafe { Control::new(NonNull::new(room.0.get().cast()).unwrap(), members) }
    }

    #[test]
    fn readers_come_in_together_and_writers_alone() {
        let room = Room(UnsafeCell::new([0; 2048]));
        let control = control(&room, 2);
        let (a, b) = (control.queue(1), control.queue(1));
        let w = control.queue(1);
        let c = control.queue(1);
        assert!(control.is_turn(1, a, false) && !control.is_turn(1, b, false));
        assert!(control.let_readers_in(1));
        assert!(control.is_turn(1, b, false));
        assert!(control.let_readers_in(1));
        assert!(!control.is_turn(1, w, true) && !control.is_turn(1, c, false));
        assert!(control.unlock(1, false));
        assert!(!control.is_turn(1, w, true), "one reader is left");
        assert!(control.unlock(1, false));
        assert!(control.is_turn(1, w, true) && !control.is_turn(1, c, false));
        assert_eq!(control.holder(1), None);
        control.set_holder(1, Some(1));
        assert_eq!((control.holder(1), control.holder(0)), (Some(1), None));
        control.set_holder(1, None);
        assert!(control.unlock(1, true));
        assert!(control.is_turn(1, c, false));
        assert!(!control.let_readers_in(1));
        assert!(!control.unlock(1, false), "nobody waits");
        let other = control.queue(0);
        assert!(control.is_turn(0, other, true), "locks are apart");
    }

    #[test]
    fn a_counter_under_the_lock_loses_nothing() {
        let room = Room(UnsafeCell::new([0; 2048]));
        let count = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let control = control(&room, 1);
                    for _ in 0..500 {
                        let ticket = control.queue(0);
                        while !control.is_turn(0, ticket, true) {
                            std::thread::yield_now();
                        }
                        let before = count.load(Ordering::Relaxed);
                        std::thread::yield_now();
                        count.store(before + 1, Ordering::Relaxed);
                        control.unlock(0, true);
                    }
                });
            }
        });
        assert_eq!(count.load(Ordering::Relaxed), 2000);
    }

    #[test]
    fn a_barrier_ends_with_the_last() {
        let room = Room(UnsafeCell::new([0; 2048]));
        let control = control(&room, 3);
        assert_eq!(control.arrive(2), (3, false));
        assert_eq!(control.arrive(0), (3, false));
        assert!(!control.have_arrived(3));
        assert_eq!(control.missing(3).collect::<Vec<_>>(), [1]);
        assert_eq!(control.arrive(1), (3, true));
        assert!(control.have_arrived(3));
        assert_eq!(control.missing(3).count(), 0);
        assert_eq!(control.arrive(1), (6, false));
        assert_eq!(control.missing(6).collect::<Vec<_>>(), [0, 2]);
    }
}
