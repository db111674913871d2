//! A channel's sheet: the words that both sides of it read and write, in memory of the
//! receiver's. A side that does not reach them goes by messages.

use crate::error::Result;
use crate::memory;
use std::mem::offset_of;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering, fence};

/// What a sheet begins with. An arrival word per partition of the sender follows.
#[repr(C, align(64))]
#[derive(Debug)]
struct Head {
    /// The round that the receiver has started last, if the sender may copy in it.
    begun: AtomicU32,
    /// The round that the sender waits for.
    awaited: AtomicU32,
}

const HEAD: usize = 64;
const _: () = assert!(size_of::<Head>() == HEAD && offset_of!(Head, awaited) == 4);

/// A sheet, as one side has it mapped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sheet {
    head: NonNull<Head>,
    partitions: u32,
}

// SAFETY: it is atomics in memory that both sides keep until the channel is closed.
unsafe impl Send for Sheet {}
// SAFETY: as above.
unsafe impl Sync for Sheet {}

/// Bytes of a sheet for so many partitions of the sender.
pub(super) fn sheet_len(partitions: u32) -> usize {
    HEAD + partitions as usize * size_of::<AtomicU32>()
}

impl Sheet {
    /// A new one, in memory that peers may reach.
    ///
    /// # Errors
    /// There is no memory.
    pub(super) fn make(partitions: u32) -> Result<Sheet> {
        let len = sheet_len(partitions);
        let at = memory::allocate(len, HEAD)?;
        // SAFETY: `len` bytes that are ours alone.
        unsafe { at.write_bytes(0, len) };
        let head = NonNull::new(at.cast()).expect("memory is never at null");
        Ok(Sheet { head, partitions })
    }

    /// One that a peer has made, mapped at `at`.
    ///
    /// # Safety
    /// It is one, for so many partitions, and stays mapped.
    pub(super) unsafe fn at(at: NonNull<u8>, partitions: u32) -> Sheet {
        Sheet {
            head: at.cast(),
            partitions,
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
        assert!(partition < self.partitions, "a partition of the sender");
        let words = self.head.as_ptr().wrapping_byte_add(HEAD);
        let word = words.cast::<AtomicU32>().wrapping_add(partition as usize);
        // SAFETY: one of the words behind the head, as checked.
        unsafe { &*word }
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

    /// Says that the bytes of `partition` are in the receiver's buffer.
    #[inline]
    pub(super) fn set_arrived(&self, partition: u32, round: u32) {
        // pairs with the Acquire in `has_arrived`
        self.word(partition).store(round, Ordering::Release);
    }

    /// Whether they are.
    #[inline]
    pub(super) fn has_arrived(&self, partition: u32, round: u32) -> bool {
        // pairs with the Release in `set_arrived`
        self.word(partition).load(Ordering::Acquire) == round
    }
}
