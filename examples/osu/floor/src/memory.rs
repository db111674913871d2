//! Memory that both processes map: raw addresses, never references or slices,
//! since the peer may write at any time.

use std::sync::atomic::{AtomicU64, Ordering};

/// A cache line of its own (two, as adjacent lines are fetched together).
#[repr(C, align(128))]
pub struct Line(AtomicU64);

impl Line {
    /// Publishes `value` and all that was written before.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Release); // pairs with the Acquire in `get`
    }

    /// Reads what the peer published last.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire) // pairs with the Release in `set`
    }
}

/// One cache line of many in a row.
#[repr(C, align(64))]
pub struct StreamLine(AtomicU64);

impl StreamLine {
    /// Publishes `value` and all that was written before.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Release); // pairs with the Acquire in `get`
    }

    /// Reads what the peer published last.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire) // pairs with the Release in `set`
    }
}

/// A message buffer in shared memory.
#[derive(Clone, Copy)]
pub struct Buffer {
    start: *mut u8,
    len: usize,
}

impl Buffer {
    /// # Safety
    /// `len` bytes at `start` stay mapped and writable for the rest of the
    /// process's life, and `start` is aligned to a page.
    pub unsafe fn new(start: *mut u8, len: usize) -> Buffer {
        Buffer { start, len }
    }

    /// Where the buffer lies, for `process_vm_readv` of the peer.
    pub fn address(&self) -> usize {
        self.start.addr()
    }

    /// Copies the bytes `from..to` of `source` to the same place here.
    pub fn copy_from(&self, source: &Buffer, from: usize, to: usize) {
        assert!(from <= to && to <= self.len && to <= source.len);
        // SAFETY: both ranges lie inside their buffers by the assertion, the
        // buffers are different mappings' parts and so do not overlap, and the
        // caller's signalling orders this copy against the peer's writes.
        unsafe {
            std::ptr::copy_nonoverlapping(source.start.add(from), self.start.add(from), to - from);
        }
    }

    /// Writes new contents with ordinary stores, as a program would.
    pub fn rewrite(&self, len: usize, round: u64) {
        assert!(len <= self.len);
        let words = self.start.cast::<u64>();
        for i in 0..len / 8 {
            // SAFETY: word `i` ends at or before `len`, which lies inside the
            // buffer; the start is aligned to a page and so to a word.
            unsafe { words.add(i).write(round.wrapping_add(i as u64)) };
        }
        for i in len / 8 * 8..len {
            // SAFETY: `i < len`, inside the buffer.
            unsafe { self.start.add(i).write(round.to_le_bytes()[0]) };
        }
        std::hint::black_box(self.start);
    }

    /// Loads every byte with ordinary loads, as a program would.
    pub fn read(&self, len: usize) {
        assert!(len <= self.len);
        let words = self.start.cast::<u64>();
        let mut sum = 0u64;
        for i in 0..len / 8 {
            // SAFETY: word `i` ends at or before `len`, which lies inside the
            // buffer; the start is aligned to a page and so to a word.
            sum = sum.wrapping_add(unsafe { words.add(i).read() });
        }
        for i in len / 8 * 8..len {
            // SAFETY: `i < len`, inside the buffer.
            sum = sum.wrapping_add(u64::from(unsafe { self.start.add(i).read() }));
        }
        std::hint::black_box(sum);
    }

    /// Reads `len` bytes at `address` of the process `peer` into the start of
    /// this buffer; one system call.
    pub fn read_from_process(
        &self,
        peer: nix::unistd::Pid,
        address: usize,
        len: usize,
    ) -> nix::Result<usize> {
        use nix::sys::uio::{RemoteIoVec, process_vm_readv};
        assert!(len <= self.len);
        // SAFETY: the slice lies inside the buffer and only this process writes
        // to its own receive buffer; it lives for this call alone.
        let local = unsafe { std::slice::from_raw_parts_mut(self.start, len) };
        let remote = [RemoteIoVec { base: address, len }];
        process_vm_readv(peer, &mut [std::io::IoSliceMut::new(local)], &remote)
    }
}
