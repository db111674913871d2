//! Cooperative copies: the receiver and the sender of one large message copy it together, each
//! as much as it gets to.
//!
//! The message is cut into chunks. A part at the front, about half, is the receiver's
//! from the start. The sender claims chunks from the back; the receiver, once it has copied
//! its part, claims what the sender has not come to. A claim is a compare-exchange on one
//! word, so that each chunk is copied by exactly one side, and a side that is busy
//! elsewhere costs the other nothing. The sender counts what it has finished in a
//! line of its own; the message is whole when everything is claimed and the sender
//! has finished all that it claimed. Where both are at it from the start, the same
//! half of a buffer is always copied by the same side, whose cache then has it.
//!
//! A slot is the receiver's, used for one message after another. Both words carry
//! the number of the use, so that a sender that comes late cannot claim from a
//! later message. Nor does the receiver write either of them to begin a use: a word of
//! the use before says that nothing of this one was claimed but what the receiver had
//! from the start, which the sender is told. So where the two come to the end
//! together, the line of the claims never leaves the sender's cache, and its claim
//! waits for nothing.

use crate::prefetch::prefetch_to_write;
use crate::sync::{AtomicU64, Ordering};
use std::cell::Cell;
use std::ops::Range;
use std::ptr::NonNull;
use wireup::segment::{Segment, SegmentError};

/// The shared part.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct Slot {
    /// The last use of which anything was claimed (30 bits), and its chunks claimed at
    /// the front (17) and at the back (17).
    claim: AtomicU64,
    _pad0: [u64; 15],
    /// Use (30 bits), and chunks that the sender has finished in it, or given up
    /// with [`FAILED`] set.
    done: AtomicU64,
    _pad1: [u64; 15],
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<Slot>() == 256);

/// Bits of a count of chunks.
const BITS: u32 = 17;
const MASK: u64 = (1 << BITS) - 1;

/// Set in `done`: the sender could not copy what it had claimed.
const FAILED: u64 = 1 << BITS;

/// The most chunks of one message.
pub const MOST: u64 = MASK;

/// The greatest number of a use; 0 comes after it.
const LAST_TURN: u32 = u32::MAX >> (32 - (64 - 2 * BITS));

/// Slots of a rank: cooperative copies under way at a time. With more, the receiver
/// copies alone.
const SLOTS: u64 = 64;

fn pack(turn: u32, front: u64, back: u64) -> u64 {
    u64::from(turn) << (2 * BITS) | front << BITS | back
}

fn unpack(word: u64) -> (u64, u64, u64) {
    (word >> (2 * BITS), word >> BITS & MASK, word & MASK)
}

impl Slot {
    /// Claims all there is of use `turn`, whatever that comes to, unless a sender has
    /// claimed anything of it.
    fn withdraw(&self, turn: u32) -> bool {
        let word = self.claim.load(Ordering::Relaxed);
        if unpack(word).0 == u64::from(turn) {
            return false;
        }
        let all = pack(turn, MASK, 0);
        self.claim
            .compare_exchange(word, all, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }
}

/// What both sides know of a use: its number, its chunks, and how many of them are the
/// receiver's from the start.
#[derive(Clone, Copy, Debug)]
struct Use {
    turn: u32,
    total: u64,
    front: u64,
}

/// Who claims.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Receiver,
    Sender,
}

impl Use {
    /// Chunks claimed at the front and at the back, if `word` is the line of claims.
    /// `None`: the use is over. Only a sender can be that late, and while it has claimed
    /// nothing, no more than the word of the use before can be there.
    fn claimed(&self, word: u64, side: Side) -> Option<(u64, u64)> {
        let (last, front, back) = unpack(word);
        if last == u64::from(self.turn) {
            return Some((front, back));
        }
        let before = self.turn.wrapping_sub(1) & LAST_TURN;
        (side == Side::Receiver || last == u64::from(before)).then_some((self.front, 0))
    }

    /// Chunks that nobody has claimed.
    fn left(&self, slot: &Slot, side: Side) -> u64 {
        self.claimed(slot.claim.load(Ordering::Relaxed), side)
            .map_or(0, |(front, back)| self.total.saturating_sub(front + back))
    }

    /// Claims up to `want` chunks: at the front for the receiver, at the back for the
    /// sender.
    fn claim(&self, slot: &Slot, want: u64, side: Side) -> Option<Range<u64>> {
        let mut word = slot.claim.load(Ordering::Relaxed);
        loop {
            let (front, back) = self.claimed(word, side)?;
            let free = self.total.saturating_sub(front + back);
            if free == 0 {
                return None;
            }
            let n = want.clamp(1, free);
            let (next, range) = match side {
                Side::Receiver => (pack(self.turn, front + n, back), front..front + n),
                Side::Sender => {
                    let end = self.total - back;
                    (pack(self.turn, front, back + n), end - n..end)
                }
            };
            // Only who may copy what is decided here; the bytes are ordered by the
            // cells that announce the message, and by `done`.
            match slot
                .claim
                .compare_exchange_weak(word, next, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return Some(range),
                Err(seen) => word = seen,
            }
        }
    }
}

/// The receiver's view of a cooperative copy.
#[derive(Debug)]
pub struct ReceiverSide {
    slot: NonNull<Slot>,
    of: Use,
    /// Chunks that the receiver has claimed.
    front: Cell<u64>,
}

/// How far a cooperative copy has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Chunks are unclaimed, or the sender is at work on what it claimed.
    Open,
    /// Everything that was claimed is copied, and nothing is left to claim.
    Whole,
    /// The sender could not copy what it claimed, and has stopped.
    Failed,
}

impl ReceiverSide {
    /// Begins a use of `slot` with `total` chunks, at most [`MOST`], of which the first
    /// `front`, fewer than all, are the receiver's. `turn` is one more than in the use
    /// before, wrapping around to 0; the first is 1.
    ///
    /// # Safety
    /// The slot is the caller's alone to lead, no use of it is under way, everything of
    /// the use before was claimed, and it lives as long as the process.
    #[must_use]
    pub unsafe fn begin(slot: NonNull<Slot>, turn: u32, total: u64, front: u64) -> ReceiverSide {
        debug_assert!(front < total && total <= MOST);
        ReceiverSide {
            slot,
            of: Use { turn, total, front },
            front: Cell::new(front),
        }
    }

    fn slot(&self) -> &Slot {
        // SAFETY: the slot outlives this, by `begin`; its fields are atomics.
        unsafe { self.slot.as_ref() }
    }

    /// The number that the sender must be told.
    pub fn turn(&self) -> u32 {
        self.of.turn
    }

    /// Chunks in all.
    pub fn total(&self) -> u64 {
        self.of.total
    }

    /// Chunks that nobody has claimed.
    pub fn left(&self) -> u64 {
        self.of.left(self.slot(), Side::Receiver)
    }

    /// Whether the receiver has not claimed all of it: the sender has a part, or may yet
    /// have.
    pub fn is_shared(&self) -> bool {
        self.front.get() < self.of.total
    }

    /// Claims up to `want` chunks at the front. `None`: nothing is left.
    #[must_use]
    pub fn claim(&self, want: u64) -> Option<Range<u64>> {
        let range = self.of.claim(self.slot(), want, Side::Receiver)?;
        self.front.set(range.end);
        Some(range)
    }

    /// How far the copy has come; the receiver's own claims count as copied.
    pub fn state(&self) -> State {
        let done = self.slot().done.load(Ordering::Acquire); // pairs with the Release in `SenderSide::finish`
        let (finished, failed) = if done >> (2 * BITS) == u64::from(self.of.turn) {
            (done & MASK, done & FAILED != 0)
        } else {
            (0, false)
        };
        if !failed {
            // The line of the claims need not be fetched for this.
            return match self.front.get() + finished == self.of.total {
                true => State::Whole,
                false => State::Open,
            };
        }
        let word = self.slot().claim.load(Ordering::Relaxed);
        let back = self
            .of
            .claimed(word, Side::Receiver)
            .map_or(0, |(_, back)| back);
        if finished >= back {
            State::Failed
        } else {
            State::Open
        }
    }

    /// Claims all that is left. Returns whether the sender has finished; if not, it is
    /// still copying what it claimed before.
    pub fn close(&self) -> bool {
        while self.claim(u64::MAX).is_some() {}
        self.state() != State::Open
    }
}

/// The sender's view of a cooperative copy.
#[derive(Debug)]
pub struct SenderSide {
    slot: NonNull<Slot>,
    of: Use,
    /// What `done` says of this use.
    done: u64,
}

impl SenderSide {
    /// Joins use `turn` of `slot`, of `total` chunks, of which the first `front` are the
    /// receiver's.
    ///
    /// # Safety
    /// The slot lives as long as the process.
    #[must_use]
    pub unsafe fn join(slot: NonNull<Slot>, turn: u32, total: u64, front: u64) -> SenderSide {
        // SAFETY: the caller's slot.
        let shared = unsafe { slot.as_ref() };
        // The first claim is soon; and the receiver has looked at what was done before.
        prefetch_to_write((&raw const shared.claim).cast());
        prefetch_to_write((&raw const shared.done).cast());
        SenderSide {
            slot,
            of: Use { turn, total, front },
            done: 0,
        }
    }

    fn slot(&self) -> &Slot {
        // SAFETY: the slot outlives this, by `join`; its fields are atomics.
        unsafe { self.slot.as_ref() }
    }

    /// Chunks that nobody has claimed; 0 once the use is over.
    pub fn left(&self) -> u64 {
        self.of.left(self.slot(), Side::Sender)
    }

    /// Claims up to `want` chunks at the back, which must be finished or failed.
    /// `None`: nothing is left.
    #[must_use]
    pub fn claim(&self, want: u64) -> Option<Range<u64>> {
        self.of.claim(self.slot(), want, Side::Sender)
    }

    /// Counts `chunks` of the claimed ones as copied.
    pub fn finish(&mut self, chunks: u64) {
        self.done += chunks;
        let word = u64::from(self.of.turn) << (2 * BITS) | self.done;
        self.slot().done.store(word, Ordering::Release); // pairs with the Acquire in `ReceiverSide::state`
    }

    /// Gives `chunks` of the claimed ones up: they could not be copied.
    pub fn fail(&mut self, chunks: u64) {
        self.done |= FAILED;
        self.finish(chunks);
    }
}

/// A rank's slots.
#[derive(Debug, Default)]
pub struct Slots {
    made: bool,
    /// Free slots; the last given back is the warmest.
    free: Vec<Place>,
}

/// A slot that was taken.
#[derive(Debug)]
pub struct Place {
    /// Its offset in the segment.
    at: u64,
    /// The number of its last use.
    last: u32,
}

impl Place {
    /// Its offset in the segment, which the sender must be told.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Begins a use of it; see [`ReceiverSide::begin`].
    pub fn begin(&mut self, segment: &'static Segment, total: u64, front: u64) -> ReceiverSide {
        self.open(segment);
        self.receiver_side(segment, total, front)
    }

    /// Begins a use of it of which chunks are not known yet, and returns its number. A
    /// sender that knows them may join; then follows [`Place::receiver_side`] or
    /// [`Place::withdraw`].
    pub fn open(&mut self, segment: &'static Segment) -> u32 {
        self.last = (self.last + 1) & LAST_TURN;
        if self.last == 0 {
            // What a sender said that many uses ago must not pass for this lap's.
            self.slot(segment).done.store(0, Ordering::Relaxed);
        }
        self.last
    }

    fn slot(&self, segment: &'static Segment) -> &'static Slot {
        let slot = segment.at(self.at).cast::<Slot>();
        // SAFETY: a slot of this rank's; the segment is never unmapped, and all fields
        // are atomics or padding.
        unsafe { slot.as_ref() }
    }

    /// The receiver's view of the use that was opened.
    #[must_use]
    pub fn receiver_side(&self, segment: &'static Segment, total: u64, front: u64) -> ReceiverSide {
        let slot = NonNull::from(self.slot(segment));
        // SAFETY: a slot of this rank's, in use once at a time, which stays.
        unsafe { ReceiverSide::begin(slot, self.last, total, front) }
    }

    /// Ends the use that was opened, unless a sender has claimed something of it: then
    /// `false`, and the use has to go on.
    #[must_use]
    pub fn withdraw(&self, segment: &'static Segment) -> bool {
        self.slot(segment).withdraw(self.last)
    }
}

impl Slots {
    /// Takes a slot. `None`: all are in use.
    pub fn take(&mut self, segment: &Segment) -> Result<Option<Place>, SegmentError> {
        if !self.made {
            let each = size_of::<Slot>() as u64;
            let first = segment.allocate(each * SLOTS)?;
            let at = |i| first + i * each;
            self.free = (0..SLOTS)
                .rev()
                .map(|i| Place { at: at(i), last: 0 })
                .collect();
            self.made = true;
        }
        Ok(self.free.pop())
    }

    /// Gives a slot back whose use is over: everything of it was claimed.
    pub fn give(&mut self, place: Place) {
        self.free.push(place);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn slot() -> NonNull<Slot> {
        NonNull::from(Box::leak(Box::new(Slot {
            claim: AtomicU64::new(0),
            _pad0: [0; 15],
            done: AtomicU64::new(0),
            _pad1: [0; 15],
        })))
    }

    #[test]
    fn every_chunk_is_claimed_once_from_both_ends() {
        let slot = slot();
        // SAFETY: leaked, and led by this test alone.
        let lead = unsafe { ReceiverSide::begin(slot, 1, 10, 0) };
        // SAFETY: leaked.
        let mut help = unsafe { SenderSide::join(slot, lead.turn(), 10, 0) };
        assert_eq!(lead.claim(4), Some(0..4));
        assert_eq!(help.claim(3), Some(7..10));
        assert_eq!((lead.left(), help.left()), (3, 3));
        assert_eq!(lead.claim(100), Some(4..7));
        assert_eq!((lead.claim(1), help.claim(1)), (None, None));
        assert_eq!(lead.state(), State::Open);
        help.finish(3);
        assert_eq!(lead.state(), State::Whole);
    }

    #[test]
    fn a_late_helper_claims_nothing_of_the_next_message() {
        let slot = slot();
        // SAFETY: leaked, and led by this test alone.
        let first = unsafe { ReceiverSide::begin(slot, 1, 5, 2) };
        // SAFETY: leaked.
        let late = unsafe { SenderSide::join(slot, first.turn(), 5, 2) };
        assert_eq!(late.left(), 3);
        assert!(first.close());
        assert!(!first.is_shared());
        // SAFETY: the use before is over.
        let next = unsafe { ReceiverSide::begin(slot, 2, 5, 1) };
        assert_eq!((late.claim(1), late.left()), (None, 0));
        assert_eq!(next.left(), 4);
        assert!(next.close());
        assert_eq!((late.claim(1), late.left()), (None, 0));
    }

    #[test]
    fn what_was_said_of_another_use_counts_for_none() {
        let slot = slot();
        // The receiver's numbers follow one another; the lap ends in between.
        for turn in [LAST_TURN - 1, LAST_TURN, 0, 1, 2] {
            let before = u64::from(turn.wrapping_sub(1) & LAST_TURN);
            // SAFETY: leaked.
            let shared = unsafe { slot.as_ref() };
            if turn == LAST_TURN - 1 {
                shared
                    .claim
                    .store(before << (2 * BITS) | 2, Ordering::Relaxed);
            }
            // SAFETY: leaked, and led by this test alone; the use before is over.
            let lead = unsafe { ReceiverSide::begin(slot, turn, 3, 1) };
            assert_eq!((lead.state(), lead.left()), (State::Open, 2));
            // SAFETY: leaked.
            let mut help = unsafe { SenderSide::join(slot, turn, 3, 1) };
            assert_eq!((help.left(), help.claim(2)), (2, Some(1..3)));
            assert_eq!((lead.state(), lead.left()), (State::Open, 0));
            if turn == 0 {
                help.finish(2);
                assert_eq!(lead.state(), State::Whole);
            } else {
                help.fail(2);
                assert_eq!(lead.state(), State::Failed);
            }
            assert!(lead.is_shared());
        }
    }

    #[test]
    fn a_use_is_withdrawn_unless_a_helper_has_joined() {
        let slot = slot();
        // SAFETY: leaked.
        let shared = unsafe { slot.as_ref() };
        assert!(shared.withdraw(1));
        // SAFETY: leaked.
        let late = unsafe { SenderSide::join(slot, 1, 8, 4) };
        assert_eq!((late.left(), late.claim(8)), (0, None));
        // SAFETY: leaked.
        let mut help = unsafe { SenderSide::join(slot, 2, 8, 4) };
        assert_eq!(help.claim(3), Some(5..8));
        assert!(!shared.withdraw(2));
        // SAFETY: leaked, and led by this test alone; nothing of the use before is left.
        let lead = unsafe { ReceiverSide::begin(slot, 2, 8, 4) };
        assert_eq!((lead.left(), lead.claim(8)), (1, Some(4..5)));
        help.finish(3);
        assert_eq!(lead.state(), State::Whole);
    }

    #[test]
    fn a_failure_is_known_once_the_helper_is_out() {
        let slot = slot();
        // SAFETY: leaked, and led by this test alone.
        let lead = unsafe { ReceiverSide::begin(slot, 1, 5, 0) };
        // SAFETY: leaked.
        let mut help = unsafe { SenderSide::join(slot, lead.turn(), 5, 0) };
        assert_eq!(help.claim(2), Some(3..5));
        assert!(!lead.close());
        help.fail(2);
        assert_eq!(lead.state(), State::Failed);
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;

    struct Block(Slot, [AtomicU64; 3]);
    #[derive(Clone, Copy)]
    struct At(NonNull<Slot>);
    // SAFETY: a slot is reached by atomics only.
    unsafe impl Send for At {}

    #[test]
    fn loom_a_cooperative_copy_is_whole_when_it_says_so() {
        loom::model(|| {
            let slot = Slot {
                claim: AtomicU64::new(0),
                _pad0: [0; 15],
                done: AtomicU64::new(0),
                _pad1: [0; 15],
            };
            let target = std::array::from_fn(|_| AtomicU64::new(0));
            let block = loom::sync::Arc::new(Block(slot, target));
            let at = At(NonNull::from(&block.0));
            // SAFETY: the slot lives in the Arc that both threads hold.
            let lead = unsafe { ReceiverSide::begin(at.0, 1, 3, 1) };
            let (turn, theirs) = (lead.turn(), block.clone());
            let sender = loom::thread::spawn(move || {
                let At(slot) = { at };
                // SAFETY: as above.
                let mut help = unsafe { SenderSide::join(slot, turn, 3, 1) };
                while let Some(range) = help.claim(1) {
                    for chunk in range {
                        theirs.1[usize::try_from(chunk).unwrap()].fetch_add(1, Ordering::Relaxed);
                    }
                    help.finish(1);
                }
            });
            block.1[0].fetch_add(1, Ordering::Relaxed);
            while let Some(range) = lead.claim(2) {
                for chunk in range {
                    block.1[usize::try_from(chunk).unwrap()].fetch_add(1, Ordering::Relaxed);
                }
            }
            while lead.state() == State::Open {
                loom::thread::yield_now();
            }
            for chunk in &block.1 {
                assert_eq!(chunk.load(Ordering::Relaxed), 1);
            }
            sender.join().unwrap();
        });
    }
}
