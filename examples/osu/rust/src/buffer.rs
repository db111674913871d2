//! Message buffers: page-aligned memory, and messages by address.

use mpi::Count;
use mpi::datatype::SystemDatatype;
use mpi::traits::*;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ffi::c_void;
use std::ptr::NonNull;
use std::time::Instant;

const PAGE: usize = 4096;

/// Page-aligned memory of a benchmark, every page touched.
pub struct Memory {
    start: NonNull<u8>,
    layout: Layout,
}

impl Memory {
    pub fn new(bytes: usize) -> Memory {
        let layout = Layout::from_size_align(bytes.max(1), PAGE).expect("sizes were checked");
        // SAFETY: the layout's size is at least 1.
        let start = unsafe { alloc_zeroed(layout) };
        let start = NonNull::new(start).unwrap_or_else(|| handle_alloc_error(layout));
        let mut memory = Memory { start, layout };
        memory.bytes(bytes).fill(1);
        memory
    }

    /// The first `len` bytes, while no message is under way in them.
    pub fn bytes(&mut self, len: usize) -> &mut [u8] {
        assert!(len <= self.layout.size());
        // SAFETY: the memory is initialised, `len` lies inside it, and the
        // borrow of `self` keeps others away.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), len) }
    }

    /// The message of `len` bytes at `offset`.
    pub fn message(&self, offset: usize, len: usize) -> Message {
        assert!(offset + len <= self.layout.size());
        // SAFETY: `offset` lies inside the allocation or at its end.
        let start = unsafe { self.start.add(offset) };
        Message { start, len }
    }

    /// Writes new contents with ordinary stores, as a program would; the
    /// seconds that it took.
    pub fn rewrite(&mut self, len: usize, round: u64) -> f64 {
        let start = Instant::now();
        for (word, index) in self.bytes(len).chunks_mut(8).zip(0u64..) {
            word.copy_from_slice(&(round + index).to_ne_bytes()[..word.len()]);
        }
        std::hint::black_box(self.start);
        start.elapsed().as_secs_f64()
    }

    /// Loads every byte, as a program that uses what it got.
    pub fn read(&mut self, len: usize) {
        let words = self.bytes(len).chunks(8).map(|word| {
            let mut whole = [0; 8];
            whole[..word.len()].copy_from_slice(word);
            u64::from_ne_bytes(whole)
        });
        std::hint::black_box(words.fold(0, u64::wrapping_add));
    }

    /// What `sender` sends in `round`.
    pub fn fill(&mut self, len: usize, round: u64, sender: usize) {
        for (byte, index) in self.bytes(len).iter_mut().zip(0..) {
            *byte = value(round, sender, index);
        }
    }

    /// Whether the first bytes are what `expected` says; reports the first that
    /// is not.
    pub fn check(&mut self, len: usize, expected: impl Fn(usize) -> u8) -> bool {
        let wrong = self
            .bytes(len)
            .iter()
            .zip(0..)
            .find(|&(&byte, index)| byte != expected(index));
        if let Some((byte, index)) = wrong {
            eprintln!(
                "byte {index} of {len} is {byte}, should be {}",
                expected(index)
            );
        }
        wrong.is_none()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout.
        unsafe { dealloc(self.start.as_ptr(), self.layout) };
    }
}

/// Byte `index` of what the rank `sender` sends in `round`.
pub fn value(round: u64, sender: usize, index: usize) -> u8 {
    let mixed = (index as u64)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add((sender as u64).wrapping_mul(0xd1b5_4a32_d192_ed03))
        .wrapping_add(round.wrapping_mul(0x2545_f491_4f6c_dd1d));
    mixed.to_be_bytes()[0]
}

/// A message by address. Windows send one buffer many times and receive into
/// one buffer many times, as OSU's do, which slices cannot express.
pub struct Message {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the memory is bytes.
unsafe impl AsDatatype for Message {
    type Out = SystemDatatype;

    fn as_datatype(&self) -> SystemDatatype {
        u8::equivalent_datatype()
    }
}

// SAFETY: a message consists of `len` bytes.
unsafe impl Collection for Message {
    fn count(&self) -> Count {
        Count::try_from(self.len).expect("sizes are limited to what a count holds")
    }
}

// SAFETY: `Memory::message` has checked that the bytes lie in the allocation;
// the programs keep the memory until all messages are done.
unsafe impl Pointer for Message {
    fn pointer(&self) -> *const c_void {
        self.start.as_ptr().cast_const().cast()
    }
}

// SAFETY: as for `Pointer`; the memory is writable.
unsafe impl PointerMut for Message {
    fn pointer_mut(&mut self) -> *mut c_void {
        self.start.as_ptr().cast()
    }
}

// SAFETY: datatype, count and address describe bytes of one allocation.
unsafe impl Buffer for Message {}
// SAFETY: the same.
unsafe impl BufferMut for Message {}
