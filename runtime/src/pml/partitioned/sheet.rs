//! A channel's sheet: the words that both sides of it read and write, in memory of the
//! receiver's. A side that does not reach them goes by messages.

use crate::error::Result;
use crate::memory;
use std::mem::offset_of;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// What a sheet begins with. An arrival word per partition of the sender follows, and,
/// where its partitions are long enough to be shared out, an offer per partition.
#[repr(C, align(64))]
#[derive(Debug)]
struct Head {
    /// The round that the receiver has started last, if the sender may copy in it.
    begun: AtomicU32,
    /// The round that the sender waits for.
    awaited: AtomicU32,
    /// The round in which the receiver waits and copies what is offered to it.
    helped: AtomicU32,
    _pad: [u32; 13],
    /// The round of which the sender has done all it has to. On a line of its own: a
    /// receiver that waits for all partitions looks at no line that the sender writes
    /// before.
    whole: AtomicU32,
}

const HEAD: usize = 128;
const _: () = assert!(size_of::<Head>() == HEAD && offset_of!(Head, whole) == 64);

/// Bytes from which on a partition is shared out to a receiver that waits. Below, telling
/// the other side costs more than its half of the copy saves.
const SHARED_MIN: usize = 32 << 10;

/// What has become of the front part of a partition, in the two low bits of its offer;
/// above them is the round.
const WITHDRAWN: u64 = 0;
const OFFERED: u64 = 1;
const TAKEN: u64 = 2;
const COPIED: u64 = 3;

/// The partitions of the sender, which both sides know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) partitions: u32,
    /// Bytes of one.
    pub(super) len: usize,
}

impl Shape {
    /// Bytes of the sheet.
    pub(super) fn sheet_len(self) -> usize {
        let offers = match self.is_shared() {
            true => self.partitions as usize * size_of::<AtomicU64>(),
            false => 0,
        };
        self.offers_at() + offers
    }

    fn offers_at(self) -> usize {
        HEAD + (self.partitions as usize * size_of::<AtomicU32>()).next_multiple_of(64)
    }

    /// Whether partitions are long enough to be shared out.
    pub(super) fn is_shared(self) -> bool {
        self.len >= SHARED_MIN
    }

    /// Bytes at the front of a partition that are offered to the receiver.
    pub(super) fn front(self) -> usize {
        (self.len / 2).next_multiple_of(64)
    }
}

/// A sheet, as one side has it mapped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sheet {
    head: NonNull<Head>,
    shape: Shape,
}

// SAFETY: it is atomics in memory that both sides keep until the channel is closed.
unsafe impl Send for Sheet {}
// SAFETY: as above.
unsafe impl Sync for Sheet {}

impl Sheet {
    /// A new one, in memory that peers may reach.
    ///
    /// # Errors
    /// There is no memory.
    pub(super) fn make(shape: Shape) -> Result<Sheet> {
        let len = shape.sheet_len();
        let at = memory::allocate(len, HEAD)?;
        // SAFETY: `len` bytes that are ours alone.
        unsafe { at.write_bytes(0, len) };
        let head = NonNull::new(at.cast()).expect("memory is never at null");
        Ok(Sheet { head, shape })
    }

    /// One that a peer has made, mapped at `at`.
    ///
    /// # Safety
    /// It is one, of this shape, and stays mapped.
    pub(super) unsafe fn at(at: NonNull<u8>, shape: Shape) -> Sheet {
        Sheet {
            head: at.cast(),
            shape,
        }
    }

    /// Gives its memory back.
    ///
    /// # Safety
    /// This process has made it, and neither side uses it any more.
    pub(super) unsafe fn free(self) {
        // SAFETY: it came from `allocate`, as the caller said.
        unsafe { memory::free(self.head.as_ptr().cast()) };
    }

    /// Where it is in this process.
    pub(super) fn addr(&self) -> *const u8 {
        self.head.as_ptr().cast()
    }

    #[inline]
    fn head(&self) -> &Head {
        // SAFETY: mapped, of this layout, and atomics only; see `make` and `at`.
        unsafe { self.head.as_ref() }
    }

    #[inline]
    fn word(&self, partition: u32) -> &AtomicU32 {
        assert!(
            partition < self.shape.partitions,
            "a partition of the sender"
        );
        let words = self.head.as_ptr().wrapping_byte_add(HEAD);
        let word = words.cast::<AtomicU32>().wrapping_add(partition as usize);
        // SAFETY: one of the words behind the head, as checked.
        unsafe { &*word }
    }

    /// The offer of a partition of a shape that is shared out.
    #[inline]
    fn offer(&self, partition: u32) -> &AtomicU64 {
        assert!(
            partition < self.shape.partitions && self.shape.is_shared(),
            "a partition of the sender, with an offer"
        );
        let offers = self.head.as_ptr().wrapping_byte_add(self.shape.offers_at());
        let offer = offers.cast::<AtomicU64>().wrapping_add(partition as usize);
        // SAFETY: one of the offers behind the words, as checked.
        unsafe { &*offer }
    }

    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    /// The receiver: says that it waits, and copies what it is offered in this round.
    pub(super) fn help(&self, round: u32) {
        self.head().helped.store(round, Ordering::Relaxed);
    }

    /// The sender: offers the front of a partition to the receiver, if that waits.
    #[inline]
    pub(super) fn offer_front(&self, partition: u32, round: u32) -> bool {
        let helped = self.head().helped.load(Ordering::Relaxed);
        if !self.shape.is_shared() || helped != round {
            return false;
        }
        // pairs with the Acquire in `take_front`: the partition is written
        let offer = self.offer(partition);
        offer.store(u64::from(round) << 2 | OFFERED, Ordering::Release);
        true
    }

    /// The receiver: takes the front of a partition, if it is offered;
    /// [`Sheet::set_copied`] follows.
    pub(super) fn take_front(&self, partition: u32, round: u32) -> bool {
        self.change_offer(partition, round, TAKEN)
    }

    /// The sender: takes an offer back, if it stands.
    pub(super) fn withdraw_front(&self, partition: u32, round: u32) -> bool {
        self.change_offer(partition, round, WITHDRAWN)
    }

    fn change_offer(&self, partition: u32, round: u32, to: u64) -> bool {
        let (offer, round) = (self.offer(partition), u64::from(round) << 2);
        let (offered, to) = (round | OFFERED, round | to);
        offer.load(Ordering::Relaxed) == offered
            // pairs with the Release in `offer_front`
            && offer
                .compare_exchange(offered, to, Ordering::Acquire, Ordering::Relaxed)
                .is_ok()
    }

    /// The receiver: it has copied the front that it took.
    pub(super) fn set_copied(&self, partition: u32, round: u32) {
        // pairs with the Acquire in `is_copied` and `has_arrived`
        let copied = u64::from(round) << 2 | COPIED;
        self.offer(partition).store(copied, Ordering::Release);
    }

    /// The sender: whether the receiver has copied the front that it took.
    pub(super) fn is_copied(&self, partition: u32, round: u32) -> bool {
        // pairs with the Release in `set_copied`
        self.offer(partition).load(Ordering::Acquire) == u64::from(round) << 2 | COPIED
    }

    /// The sender: it has done all that it has to in this round.
    pub(super) fn set_whole(&self, round: u32) {
        // pairs with the Acquire in `is_whole`
        self.head().whole.store(round, Ordering::Release);
    }

    /// The receiver: whether the sender has.
    #[inline]
    pub(super) fn is_whole(&self, round: u32) -> bool {
        // pairs with the Release in `set_whole`
        self.head().whole.load(Ordering::Acquire) == round
    }

    /// The sender: whether the receiver has begun this round.
    #[inline]
    pub(super) fn has_begun(&self, round: u32) -> bool {
        // pairs with the Release in `begin`: what the program read in its buffer is read
        self.head().begun.load(Ordering::Acquire) == round
    }

    /// The sender: notes that it waits for this round. Whether it has begun meanwhile.
    pub(super) fn await_round(&self, round: u32) -> bool {
        self.head().awaited.store(round, Ordering::Relaxed);
        fence(Ordering::SeqCst); // pairs with the fence in `begin`: one of both sees the other
        self.has_begun(round)
    }

    /// The receiver: begins a round. Whether the sender waits for it.
    pub(super) fn begin(&self, round: u32) -> bool {
        // pairs with the Acquire in `has_begun`
        self.head().begun.store(round, Ordering::Release);
        fence(Ordering::SeqCst); // pairs with the fence in `await_round`
        self.head().awaited.load(Ordering::Relaxed) == round
    }

    /// Says that the bytes of `partition` are in the receiver's buffer, but for a front that
    /// the receiver took.
    #[inline]
    pub(super) fn set_arrived(&self, partition: u32, round: u32) {
        // pairs with the Acquire in `has_arrived`
        self.word(partition).store(round, Ordering::Release);
    }

    /// Whether they are.
    #[inline]
    pub(super) fn has_arrived(&self, partition: u32, round: u32) -> bool {
        // pairs with the Release in `set_arrived`. The sender has seen by then whether its
        // offer was taken, and so does who sees the word.
        self.word(partition).load(Ordering::Acquire) == round
            && (!self.shape.is_shared()
                // pairs with the Release in `set_copied`
                || self.offer(partition).load(Ordering::Acquire)
                    != u64::from(round) << 2 | TAKEN)
    }
}
