//! A bulletin: entries that one member of a group, its *writer*, publishes one after the
//! other, and that all other members read. What broadcasts among several ranks are made of.
//!
//! Entries have numbers from 1 on, and each lies in a cache line of its own: number `n` in
//! place `n mod ENTRIES`. The writer stores what belongs to an entry and then its number;
//! readers wait for that number. A few bytes stand in the entry itself. Of more it says where
//! they are, in memory of the writer's that this module knows nothing of.
//!
//! Each reader counts the entries that it is through with, in a line of its own. The writer
//! reads these counts only when it has come around, or wants its memory back. Where it has to
//! wait for that it says so, and readers that are through with an entry then wake it.
//!
//! When the group is no more, each member leaves the bulletin. Its writer may use it for
//! another group once all have left.

use crate::departures::Departures;
use crate::prefetch::prefetch_to_write;
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use std::ptr::NonNull;

/// Entries that the writer may be ahead of the slowest reader.
#[cfg(not(all(loom, test)))]
pub const ENTRIES: u64 = 32;
#[cfg(all(loom, test))]
pub const ENTRIES: u64 = 2;

/// Words of an entry for bytes.
const ENTRY_WORDS: usize = 5;

/// Bytes that an entry has room for.
pub const INLINE: usize = ENTRY_WORDS * 8;

/// What stands before the counts.
#[repr(C, align(128))]
#[derive(Debug)]
struct Head {
    departures: Departures,
    /// Not 0: the writer waits for readers.
    waits: AtomicU32,
}

/// The number of the last entry that a reader is through with.
#[repr(C, align(64))]
#[derive(Debug)]
struct Count(AtomicU64);

/// One entry.
#[repr(C, align(64))]
#[derive(Debug)]
struct Entry {
    number: AtomicU64,
    content: AtomicU64,
    place: AtomicU64,
    words: [AtomicU64; ENTRY_WORDS],
}

#[cfg(not(all(loom, test)))]
const _: () = assert!(size_of::<Entry>() == 64);

/// The bulletin of a writer in a group.
#[derive(Clone, Copy, Debug)]
pub struct Bulletin {
    head: NonNull<Head>,
    counts: NonNull<Count>,
    entries: NonNull<Entry>,
    members: u32,
}

/// The bytes that a bulletin for `members` members takes: as many as for the next power of two.
pub fn bulletin_len(members: u32) -> u64 {
    let counts = u64::from(members.next_power_of_two()) * size_of::<Count>() as u64;
    size_of::<Head>() as u64 + counts + ENTRIES * size_of::<Entry>() as u64
}

impl Bulletin {
    /// The bulletin at `base`.
    ///
    /// # Safety
    /// `base` begins [`bulletin_len`] bytes, aligned to 128, zeroed when the bulletin was
    /// made, that live as long as the process and are used as a bulletin of so many members
    /// only.
    pub unsafe fn new(base: NonNull<u8>, members: u32) -> Bulletin {
        let head = base.cast::<Head>();
        // SAFETY: the counts and the entries are behind the head, in the same bytes.
        let (counts, entries) = unsafe {
            let counts = head.add(1).cast::<Count>();
            let room = members.next_power_of_two() as usize;
            (counts, counts.add(room).cast())
        };
        Bulletin {
            head,
            counts,
            entries,
            members,
        }
    }

    fn head(&self) -> &Head {
        // SAFETY: the promise of `new`; all fields are atomics.
        unsafe { self.head.as_ref() }
    }

    fn count(&self, member: u32) -> &AtomicU64 {
        debug_assert!(member < self.members);
        // SAFETY: below the number of counts; they are atomics.
        &unsafe { self.counts.add(member as usize).as_ref() }.0
    }

    #[inline]
    fn entry(&self, number: u64) -> &Entry {
        let at = usize::try_from(number % ENTRIES).unwrap_or(0); // below ENTRIES
        // SAFETY: below the number of entries; all fields are atomics.
        unsafe { self.entries.add(at).as_ref() }
    }

    /// Publishes entry `number`, the one after the last, of which every reader is through
    /// with the one that is [`ENTRIES`] older: the word `content`, and `bytes` (at most
    /// [`INLINE`]) or the word `place`, which says where they are.
    ///
    /// # Panics
    /// If the bytes do not fit: a bug of the caller.
    #[inline]
    pub fn publish(&self, number: u64, content: u64, place: u64, bytes: &[u8]) {
        assert!(bytes.len() <= INLINE);
        let entry = self.entry(number);
        entry.content.store(content, Ordering::Relaxed);
        entry.place.store(place, Ordering::Relaxed);
        for (slot, chunk) in entry.words.iter().zip(bytes.chunks(8)) {
            let mut word = [0u8; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            slot.store(u64::from_le_bytes(word), Ordering::Relaxed);
        }
        entry.number.store(number, Ordering::Release); // pairs with the Acquire in `look`
        prefetch_to_write(std::ptr::from_ref(self.entry(number + 1)).cast());
    }

    /// The content of entry `number` and where its bytes are, if it was published and this
    /// reader is not through with it.
    #[inline]
    pub fn look(&self, number: u64) -> Option<(u64, u64)> {
        let entry = self.entry(number);
        // pairs with the Release in `publish`
        (entry.number.load(Ordering::Acquire) == number).then(|| {
            let content = entry.content.load(Ordering::Relaxed);
            (content, entry.place.load(Ordering::Relaxed))
        })
    }

    /// Copies bytes out of entry `number`, which [`Bulletin::look`] has shown.
    #[inline]
    pub fn read(&self, number: u64, to: &mut [u8]) {
        let entry = self.entry(number);
        for (bytes, slot) in to.chunks_mut(8).zip(&entry.words) {
            let word = slot.load(Ordering::Relaxed).to_le_bytes();
            bytes.copy_from_slice(&word[..bytes.len()]);
        }
    }

    /// Says that `member` is through with the entries up to `number`. Whether the writer
    /// waits for readers, and is to be woken.
    #[inline]
    pub fn finish(&self, member: u32, number: u64) -> bool {
        // pairs with the Acquire in `slowest`
        self.count(member).store(number, Ordering::Release);
        // Not ordered with the store: whoever sleeps has looked at the counts once more after
        // a barrier of all threads (`membarrier`).
        self.head().waits.load(Ordering::Relaxed) != 0
    }

    /// The last entry that all readers are through with. `writer` is none of them.
    pub fn slowest(&self, writer: u32) -> u64 {
        let readers = (0..self.members).filter(|member| *member != writer);
        // pairs with the Release in `finish`
        let counts = readers.map(|member| self.count(member).load(Ordering::Acquire));
        counts.min().unwrap_or(u64::MAX)
    }

    /// The last entry that `member` is through with.
    pub fn finished(&self, member: u32) -> u64 {
        self.count(member).load(Ordering::Acquire) // pairs with the Release in `finish`
    }

    /// Says whether the writer waits for readers. It looks at the counts after that, and again
    /// between announcing a sleep and sleeping.
    pub fn set_waits(&self, waits: bool) {
        self.head().waits.store(waits.into(), Ordering::Relaxed);
    }

    /// Leaves the bulletin: this member will not look at it again.
    pub fn leave(&self) {
        self.head().departures.leave();
    }

    /// Clears the bulletin for another group, if all members have left. `false`: not all have.
    #[must_use]
    pub fn reset(&self) -> bool {
        if !self.head().departures.reset(self.members) {
            return false;
        }
        // Relaxed: the next members hear of the bulletin by an ordered word.
        for member in 0..self.members {
            self.count(member).store(0, Ordering::Relaxed);
        }
        for number in 0..ENTRIES {
            self.entry(number).number.store(0, Ordering::Relaxed);
        }
        true
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[derive(Clone, Copy)]
    struct Shared(Bulletin);
    // SAFETY: a bulletin is reached by atomics only.
    unsafe impl Send for Shared {}

    const MEMBERS: u32 = 3;

    fn bulletin() -> Bulletin {
        let len = usize::try_from(bulletin_len(MEMBERS)).unwrap();
        let block = Box::leak(vec![0u128; len / 16 + 8].into_boxed_slice());
        let at = block.as_mut_ptr().cast::<u8>();
        let at = NonNull::new(at.wrapping_add(at.align_offset(128))).unwrap();
        // SAFETY: leaked, zeroed, aligned and large enough.
        unsafe { Bulletin::new(at, MEMBERS) }
    }

    #[test]
    fn an_entry_is_seen_once_it_is_published() {
        let bulletin = bulletin();
        assert_eq!(bulletin.look(1), None);
        bulletin.publish(1, 7, 9, &[5, 6]);
        assert_eq!((bulletin.look(1), bulletin.look(2)), (Some((7, 9)), None));
        let mut got = [0; 2];
        bulletin.read(1, &mut got);
        assert_eq!(got, [5, 6]);
        assert!(!bulletin.finish(1, 1));
        bulletin.set_waits(true);
        assert_eq!(bulletin.slowest(0), 0);
        assert!(bulletin.finish(2, 1));
        assert_eq!((bulletin.slowest(0), bulletin.slowest(2)), (1, 0));
        assert_eq!((bulletin.finished(1), bulletin.finished(0)), (1, 0));
    }

    #[test]
    fn a_bulletin_is_as_new_once_all_have_left() {
        let bulletin = bulletin();
        bulletin.publish(1, 7, 0, &[]);
        let _ = bulletin.finish(2, 1);
        bulletin.leave();
        bulletin.leave();
        assert!(!bulletin.reset());
        bulletin.leave();
        assert!(bulletin.reset() && !bulletin.reset());
        assert_eq!((bulletin.look(1), bulletin.finished(2)), (None, 0));
    }

    #[test]
    fn every_reader_sees_every_entry() {
        const LAST: u64 = 5000;
        let bulletin = Shared(bulletin());
        let len = |number: u64| usize::try_from(number % 41).unwrap();
        let fill = |number: u64| number.to_le_bytes()[0];
        let readers = (1..MEMBERS).map(|me| {
            std::thread::spawn(move || {
                let Shared(bulletin) = { bulletin };
                for number in 1..=LAST {
                    while bulletin.look(number).is_none() {
                        std::thread::yield_now();
                    }
                    let mut got = vec![0; len(number)];
                    bulletin.read(number, &mut got);
                    assert!(got.iter().all(|byte| *byte == fill(number)));
                    assert_eq!(bulletin.look(number), Some((number * 3, number * 5)));
                    let _ = bulletin.finish(me, number);
                }
            })
        });
        let readers: Vec<_> = readers.collect();
        for number in 1..=LAST {
            while number > bulletin.0.slowest(0) + ENTRIES {
                std::thread::yield_now();
            }
            let bytes = vec![fill(number); len(number)];
            bulletin.0.publish(number, number * 3, number * 5, &bytes);
        }
        readers
            .into_iter()
            .for_each(|reader| reader.join().unwrap());
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;

    #[repr(C)]
    struct All(Head, [Count; 2], [Entry; 2]);

    #[derive(Clone, Copy)]
    struct Half(Bulletin);
    // SAFETY: a bulletin is reached by atomics only.
    unsafe impl Send for Half {}

    fn entry() -> Entry {
        Entry {
            number: AtomicU64::new(0),
            content: AtomicU64::new(0),
            place: AtomicU64::new(0),
            words: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    #[test]
    fn an_entry_is_never_overwritten_before_it_is_read() {
        loom::model(|| {
            let count = || Count(AtomicU64::new(0));
            let all = loom::sync::Arc::new(All(
                Head {
                    departures: Departures::new(),
                    waits: AtomicU32::new(0),
                },
                [count(), count()],
                [entry(), entry()],
            ));
            // SAFETY: the parts live in the Arc that both threads hold.
            let bulletin = Half(unsafe { Bulletin::new(NonNull::from(&*all).cast(), 2) });
            let keep = all.clone();
            let reader = loom::thread::spawn(move || {
                let (Half(bulletin), _keep) = ({ bulletin }, keep);
                for number in 1..=3 {
                    while bulletin.look(number).is_none() {
                        loom::thread::yield_now();
                    }
                    assert_eq!(bulletin.look(number), Some((number * 2, 0)));
                    let mut got = [0; 8];
                    bulletin.read(number, &mut got);
                    assert_eq!(u64::from_le_bytes(got), number * 7);
                    let _ = bulletin.finish(1, number);
                }
            });
            for number in 1..=3u64 {
                while number > bulletin.0.slowest(0) + ENTRIES {
                    loom::thread::yield_now();
                }
                let bytes = (number * 7).to_le_bytes();
                bulletin.0.publish(number, number * 2, 0, &bytes);
            }
            reader.join().unwrap();
        });
    }
}
