//! Memory of the library's own in which partitions arrive, where the sender reaches that but
//! not their places: a small receive buffer lies in the C library's heap or on a stack, and
//! the elements of a type may be scattered. The receiver unpacks them.

use crate::error::Result;
use crate::memory;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

/// The longest message that goes this way. It is copied twice, and the channel keeps so much
/// memory.
pub(super) const STAGED_MOST: usize = 64 << 10;

/// A line, so that no two rounds share one with something else.
const ALIGN: usize = 64;

/// The memory, and which partitions were unpacked.
#[derive(Debug)]
pub(super) struct Staging {
    at: NonNull<u8>,
    /// By partition of the sender: the last round in which it was.
    unpacked: Box<[AtomicU32]>,
}

impl Staging {
    /// Memory of `len` bytes for so many partitions of the sender.
    ///
    /// # Errors
    /// There is no memory.
    pub(super) fn make(len: usize, partitions: u32) -> Result<Staging> {
        let at = memory::allocate(len, ALIGN)?;
        Ok(Staging {
            at: NonNull::new(at).expect("memory is never at null"),
            unpacked: (0..partitions).map(|_| AtomicU32::new(0)).collect(),
        })
    }

    /// Where it is in this process.
    pub(super) fn addr(&self) -> *const u8 {
        self.at.as_ptr()
    }

    /// Bytes that have arrived.
    ///
    /// # Safety
    /// They lie inside, and the sender does not write them while they are used.
    pub(super) unsafe fn bytes(&self, offset: usize, n: usize) -> &[u8] {
        // SAFETY: as the caller said.
        unsafe { std::slice::from_raw_parts(self.at.as_ptr().add(offset), n) }
    }

    #[inline]
    pub(super) fn is_unpacked(&self, partition: u32, round: u32) -> bool {
        // pairs with the Release in `set_unpacked`
        self.unpacked[partition as usize].load(Ordering::Acquire) == round
    }

    pub(super) fn set_unpacked(&self, partition: u32, round: u32) {
        // pairs with the Acquire in `is_unpacked`
        self.unpacked[partition as usize].store(round, Ordering::Release);
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // SAFETY: it came from `allocate`. It goes with the channel, which stays until the
        // sender has closed.
        unsafe { memory::free(self.at.as_ptr().cast()) };
    }
}
