//! One direction between two ranks: a ring of cells and a ring of bulk bytes,
//! with one producer and one consumer.
//!
//! A cell is one cache line: a header and up to [`INLINE`] bytes of payload. Its
//! first word holds the *stamp*, the number of the lap in which it was written,
//! and is stored last: the consumer knows a cell as new by its stamp alone, so
//! that it never writes to cells and a small message costs one line transfer.
//! The consumer tells how far it has come in a line of its own, a quarter of the
//! ring at a time; the producer looks there only when it runs out of room.
//!
//! Bulk bytes are claimed in order, 64-byte aligned and never wrapped around the
//! end; the cell that follows says where they are.

#![allow(
    clippy::cast_possible_truncation,
    reason = "words are packed out of smaller fields and cut apart again"
)]

use crate::prefetch::{prefetch, prefetch_to_write};
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use std::ptr::NonNull;

/// Bytes of payload that fit into a cell.
pub const INLINE: usize = 40;

/// Bulk bytes that are made the producer's own while it waits.
const OWNED: u64 = 32 << 10;

/// Of those, lines asked for at once.
const OWNED_AT_ONCE: u64 = 8;

/// How many cells further the one is that is fetched when a cell was taken.
const SOON: u64 = 2;

/// Words of a cell behind its header.
pub const WORDS: usize = 5;

/// One cache line of a ring.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Cell {
    words: [AtomicU64; 8],
}

/// The head of a ring: what both sides must know, and the consumer's progress.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct RingHead {
    /// Offset of the next ring in the receiver's stack of new rings, or 0.
    pub next: AtomicU64,
    /// The rank that writes into this ring; constant.
    pub source: AtomicU32,
    /// Cells, a power of two; constant.
    pub cells: AtomicU32,
    /// Bulk bytes, a power of two of at least 256; constant.
    pub bulk: AtomicU64,
    _pad0: [u64; 13],
    /// Cells consumed. Only ever rises; written by the consumer.
    consumed: AtomicU64,
    /// Bulk bytes consumed. Only ever rises; written by the consumer.
    bulk_consumed: AtomicU64,
    _pad1: [u64; 14],
}

impl RingHead {
    /// Its cells and bulk bytes, as it says.
    pub fn sizes(&self) -> (u32, u64) {
        let cells = self.cells.load(Ordering::Relaxed);
        (cells, self.bulk.load(Ordering::Relaxed))
    }
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<Cell>() == 64 && size_of::<RingHead>() == 256);

/// The bytes that a ring of `cells` cells and `bulk` bulk bytes takes.
pub fn ring_len(cells: u32, bulk: u64) -> u64 {
    256 + u64::from(cells) * 64 + bulk
}

/// The header of a cell, for the layer above; nothing here is read by the ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Envelope {
    /// What the cell is.
    pub kind: u8,
    /// Modifiers of it.
    pub flags: u8,
    /// The context the message travels in.
    pub context: u32,
    /// The tag.
    pub tag: i32,
    /// The sender's rank in the communicator.
    pub source: u32,
    /// A number of the sender's or the receiver's choice.
    pub aux: u32,
}

/// Where the bytes of a cell are: the upper 16 bits of its first word.
mod carrier {
    /// Lengths up to [`super::INLINE`]: in the cell.
    pub const WORDS: u16 = 0xfffd;
    /// In a fragment; words 0 and 1 are its offset in the segment and the length.
    pub const FRAGMENT: u16 = 0xfffe;
    /// In the bulk area; words 0 and 1 are the position and the length.
    pub const BULK: u16 = 0xffff;
}

/// The bytes of a cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Payload {
    /// In the cell: this many bytes of its words.
    Inline(usize),
    /// No bytes: the words are numbers.
    Words,
    /// At this address, this many; released when the cell is.
    Bulk(NonNull<u8>, usize),
    /// In a fragment at this offset of the segment, this many.
    Fragment(u64, usize),
}

/// The sending half.
#[derive(Debug)]
pub struct Producer {
    head: NonNull<RingHead>,
    cells: NonNull<Cell>,
    bulk: NonNull<u8>,
    count: u64,
    shift: u32,
    tail: u64,
    consumed: u64,
    bulk_len: u64,
    bulk_tail: u64,
    bulk_consumed: u64,
    /// Where the lines end that were asked for to be written.
    bulk_owned: u64,
}

/// The receiving half.
#[derive(Debug)]
pub struct Consumer {
    head: NonNull<RingHead>,
    cells: NonNull<Cell>,
    bulk: NonNull<u8>,
    count: u64,
    shift: u32,
    next: u64,
    published: u64,
    bulk_len: u64,
    bulk_next: u64,
    bulk_published: u64,
}

/// A cell as its consumer sees it. The header and words were copied out once.
#[derive(Clone, Copy, Debug)]
pub struct PeekedCell {
    /// The header.
    pub envelope: Envelope,
    /// The words behind it: inline bytes, or numbers (with [`Payload::Bulk`] and
    /// [`Payload::Fragment`], the first two are the ring's own).
    pub words: [u64; WORDS],
    /// Where the bytes are.
    pub payload: Payload,
}

impl Producer {
    /// The sending half of the ring at `head`, which is empty.
    ///
    /// # Safety
    /// `head` begins a block of [`ring_len`] bytes that lives as long as the
    /// process, with the head's constants set; nobody else produces into it.
    pub unsafe fn new(head: NonNull<RingHead>) -> Producer {
        // SAFETY: the caller hands over a whole block with its constants set.
        let (cells, bulk, count, bulk_len) = unsafe { parts(head) };
        Producer::from_parts(head, cells, bulk, count, bulk_len)
    }

    /// As [`Producer::new`], from parts that need not lie together.
    pub fn from_parts(
        head: NonNull<RingHead>,
        cells: NonNull<Cell>,
        bulk: NonNull<u8>,
        count: u64,
        bulk_len: u64,
    ) -> Producer {
        Producer {
            head,
            cells,
            bulk,
            count,
            shift: count.trailing_zeros(),
            tail: 0,
            consumed: 0,
            bulk_len,
            bulk_tail: 0,
            bulk_consumed: 0,
            bulk_owned: 0,
        }
    }

    /// Asks for some of the lines where the next bulk bytes will be, to be written: the
    /// consumer's cache still has them from the lap before, and a store to such a line
    /// waits for as long as a message takes. Returns whether there is more to ask for.
    #[inline]
    pub fn own_ahead(&mut self) -> bool {
        let wanted = self.bulk_tail + OWNED.min(self.bulk_len / 2);
        let end = wanted.min(self.bulk_consumed + self.bulk_len);
        let from = self.bulk_owned.max(self.bulk_tail);
        let to = end.min(from + 64 * OWNED_AT_ONCE);
        for line in (from..to).step_by(64) {
            let at = usize::try_from(line & (self.bulk_len - 1)).unwrap_or(0);
            prefetch_to_write(self.bulk.as_ptr().wrapping_add(at));
        }
        self.bulk_owned = to.max(from);
        if to < end {
            return true;
        }
        if end < wanted {
            // SAFETY: the ring's block lives as long as the process (see `new`).
            let head = unsafe { self.head.as_ref() };
            // pairs with the Release in `Consumer::publish`
            self.bulk_consumed = head.bulk_consumed.load(Ordering::Acquire);
        }
        end < wanted
    }

    /// Cells sent so far.
    #[inline]
    pub fn sent(&self) -> u64 {
        self.tail
    }

    /// Whether a cell can be written now.
    #[inline]
    pub fn has_room(&mut self) -> bool {
        self.tail - self.consumed < self.count || self.look_for_room()
    }

    #[cold]
    fn look_for_room(&mut self) -> bool {
        // SAFETY: the ring's block lives as long as the process (see `new`).
        let head = unsafe { self.head.as_ref() };
        // pairs with the Release in `Consumer::publish`
        self.consumed = head.consumed.load(Ordering::Acquire);
        self.tail - self.consumed < self.count
    }

    /// The most bytes that one bulk cell may carry.
    #[inline]
    pub fn bulk_most(&self) -> usize {
        usize::try_from(self.bulk_len / 4).unwrap_or(0)
    }

    /// Sends `len` bytes (at most [`INLINE`]) inside a cell; `false`: no room.
    ///
    /// # Safety
    /// `src` is readable for `len` bytes.
    #[inline]
    pub unsafe fn push_inline(&mut self, envelope: &Envelope, src: *const u8, len: usize) -> bool {
        debug_assert!(len <= INLINE);
        if !self.has_room() {
            return false;
        }
        // SAFETY: the caller's bytes, at most five words.
        let words = unsafe { load_words(src, len) };
        self.write(envelope, len as u16, words); // at most INLINE
        true
    }

    /// Sends a cell of numbers; `false`: no room.
    #[inline]
    pub fn push_words(&mut self, envelope: &Envelope, words: [u64; WORDS]) -> bool {
        if !self.has_room() {
            return false;
        }
        self.write(envelope, carrier::WORDS, words);
        true
    }

    /// Sends `len` bytes through the bulk area; `fill` writes them at the
    /// address that it gets. `extra` are three numbers that go along. `false`:
    /// no room, and `fill` was not called.
    #[inline]
    pub fn push_bulk(
        &mut self,
        envelope: &Envelope,
        len: usize,
        extra: [u64; 3],
        fill: impl FnOnce(*mut u8),
    ) -> bool {
        debug_assert!(len <= self.bulk_most());
        let span = (len as u64).next_multiple_of(64);
        let at = self.bulk_tail & (self.bulk_len - 1);
        let skip = if at + span > self.bulk_len {
            self.bulk_len - at
        } else {
            0
        };
        let position = self.bulk_tail + skip;
        if !self.has_room() || !self.has_bulk(position + span) {
            return false;
        }
        let at = usize::try_from(position & (self.bulk_len - 1)).unwrap_or(0);
        // SAFETY: `at + len` lies inside the bulk area, by the wrap above; the
        // consumer is past these bytes, by `has_bulk`.
        fill(unsafe { self.bulk.add(at) }.as_ptr());
        self.bulk_tail = position + span;
        let [a, b, c] = extra;
        self.write(envelope, carrier::BULK, [position, len as u64, a, b, c]);
        true
    }

    /// Sends the bytes of a fragment that is filled already; `false`: no room.
    #[inline]
    pub fn push_fragment(
        &mut self,
        envelope: &Envelope,
        fragment: u64,
        len: usize,
        extra: [u64; 3],
    ) -> bool {
        if !self.has_room() {
            return false;
        }
        let [a, b, c] = extra;
        self.write(envelope, carrier::FRAGMENT, [fragment, len as u64, a, b, c]);
        true
    }

    #[inline]
    fn has_bulk(&mut self, end: u64) -> bool {
        end - self.bulk_consumed <= self.bulk_len || {
            // SAFETY: the ring's block lives as long as the process (see `new`).
            let head = unsafe { self.head.as_ref() };
            // pairs with the Release in `Consumer::publish`
            self.bulk_consumed = head.bulk_consumed.load(Ordering::Acquire);
            end - self.bulk_consumed <= self.bulk_len
        }
    }

    #[inline]
    fn write(&mut self, envelope: &Envelope, carrier: u16, words: [u64; WORDS]) {
        let at = usize::try_from(self.tail & (self.count - 1)).unwrap_or(0);
        // SAFETY: `at` is below the number of cells; the block lives as long as
        // the process; the consumer is past this cell, by `has_room`.
        let cell = unsafe { self.cells.add(at).as_ref() };
        let stamp = stamp(self.tail, self.shift);
        cell.words[1].store(
            u64::from(envelope.context) | u64::from(envelope.tag.cast_unsigned()) << 32,
            Ordering::Relaxed,
        );
        cell.words[2].store(
            u64::from(envelope.source) | u64::from(envelope.aux) << 32,
            Ordering::Relaxed,
        );
        for (slot, word) in cell.words[3..].iter().zip(words) {
            slot.store(word, Ordering::Relaxed);
        }
        let first = u64::from(stamp)
            | u64::from(envelope.kind) << 32
            | u64::from(envelope.flags) << 40
            | u64::from(carrier) << 48;
        cell.words[0].store(first, Ordering::Release); // pairs with the Acquire in `Consumer::peek`
        self.tail += 1;
    }
}

impl Consumer {
    /// The receiving half of the ring at `head`, of which nothing was consumed.
    ///
    /// # Safety
    /// As for [`Producer::new`]; nobody else consumes from it.
    pub unsafe fn new(head: NonNull<RingHead>) -> Consumer {
        // SAFETY: the caller hands over a whole block with its constants set.
        let (cells, bulk, count, bulk_len) = unsafe { parts(head) };
        Consumer::from_parts(head, cells, bulk, count, bulk_len)
    }

    /// As [`Consumer::new`], from parts that need not lie together.
    pub fn from_parts(
        head: NonNull<RingHead>,
        cells: NonNull<Cell>,
        bulk: NonNull<u8>,
        count: u64,
        bulk_len: u64,
    ) -> Consumer {
        Consumer {
            head,
            cells,
            bulk,
            count,
            shift: count.trailing_zeros(),
            next: 0,
            published: 0,
            bulk_len,
            bulk_next: 0,
            bulk_published: 0,
        }
    }

    /// Cells taken so far.
    #[inline]
    pub fn taken(&self) -> u64 {
        self.next
    }

    /// The oldest cell that was not taken yet, if there is one.
    #[inline]
    pub fn peek(&mut self) -> Option<PeekedCell> {
        let at = usize::try_from(self.next & (self.count - 1)).unwrap_or(0);
        // SAFETY: `at` is below the number of cells; the block lives as long as
        // the process; every access is atomic.
        let cell = unsafe { self.cells.add(at).as_ref() };
        // pairs with the Release in `Producer::write`
        let first = cell.words[0].load(Ordering::Acquire);
        if first as u32 != stamp(self.next, self.shift) {
            return None;
        }
        let one = cell.words[1].load(Ordering::Relaxed);
        let two = cell.words[2].load(Ordering::Relaxed);
        let mut words = [0; WORDS];
        for (word, slot) in words.iter_mut().zip(&cell.words[3..]) {
            *word = slot.load(Ordering::Relaxed);
        }
        let envelope = Envelope {
            kind: (first >> 32) as u8,
            flags: (first >> 40) as u8,
            context: one as u32,
            tag: ((one >> 32) as u32).cast_signed(),
            source: two as u32,
            aux: (two >> 32) as u32,
        };
        let len = usize::try_from(words[1]).unwrap_or(0);
        let payload = match (first >> 48) as u16 {
            carrier::WORDS => Payload::Words,
            carrier::FRAGMENT => Payload::Fragment(words[0], len),
            carrier::BULK => {
                let at = usize::try_from(words[0] & (self.bulk_len - 1)).unwrap_or(0);
                let len = len.min(usize::try_from(self.bulk_len).unwrap_or(0) - at);
                self.bulk_next = words[0] + (len as u64).next_multiple_of(64);
                // SAFETY: `at` was reduced to the bulk area's size, and `len` to
                // what is left of it.
                Payload::Bulk(unsafe { self.bulk.add(at) }, len)
            }
            len => Payload::Inline(usize::from(len).min(INLINE)),
        };
        Some(PeekedCell {
            envelope,
            words,
            payload,
        })
    }

    /// Gives the cell that [`Consumer::peek`] showed back, with its bulk bytes.
    /// Returns whether the producer was told, and may be waiting to hear it.
    #[inline]
    pub fn advance(&mut self) -> bool {
        self.next += 1;
        // A burst of messages is read at the pace of line transfers unless the
        // next ones are under way meanwhile.
        let soon = usize::try_from((self.next + SOON) & (self.count - 1)).unwrap_or(0);
        prefetch(self.cells.as_ptr().wrapping_add(soon).cast());
        let due = self.next - self.published >= self.count.div_ceil(4)
            || self.bulk_next - self.bulk_published >= self.bulk_len / 4;
        if due {
            self.publish();
        }
        due
    }

    fn publish(&mut self) {
        self.published = self.next;
        self.bulk_published = self.bulk_next;
        // SAFETY: the ring's block lives as long as the process (see `new`).
        let head = unsafe { self.head.as_ref() };
        // pair with the Acquires in `Producer::{look_for_room, has_bulk}`
        head.bulk_consumed.store(self.bulk_next, Ordering::Release);
        head.consumed.store(self.next, Ordering::Release);
    }
}

/// The stamp of position `at`: its lap, from 1, so that fresh memory is no cell.
#[inline]
fn stamp(at: u64, shift: u32) -> u32 {
    ((at >> shift) as u32).wrapping_add(1)
}

/// # Safety
/// `head` begins a block of [`ring_len`] bytes with its constants set.
unsafe fn parts(head: NonNull<RingHead>) -> (NonNull<Cell>, NonNull<u8>, u64, u64) {
    // SAFETY: the head is part of the caller's block.
    let ring = unsafe { head.as_ref() };
    let count = u64::from(ring.cells.load(Ordering::Relaxed));
    let bulk_len = ring.bulk.load(Ordering::Relaxed);
    let cell_bytes = usize::try_from(count * 64).unwrap_or(0);
    // SAFETY: the cells follow the head, inside the block.
    let cells = unsafe { head.add(1) };
    // SAFETY: the bulk bytes follow the cells, inside the block.
    let bulk = unsafe { cells.byte_add(cell_bytes) };
    (cells.cast(), bulk.cast(), count, bulk_len)
}

/// Reads `len` bytes (at most [`INLINE`]) into words, zero behind them.
///
/// # Safety
/// `src` is readable for `len` bytes.
#[inline]
unsafe fn load_words(src: *const u8, len: usize) -> [u64; WORDS] {
    let mut words = [0u64; WORDS];
    let full = len / 8;
    for (i, word) in words.iter_mut().enumerate().take(full) {
        // SAFETY: word `i` ends at or before `len`.
        *word = unsafe { src.add(i * 8).cast::<u64>().read_unaligned() };
    }
    let rest = len % 8;
    if rest != 0 {
        let mut last = [0u8; 8];
        for (i, byte) in last.iter_mut().enumerate().take(rest) {
            // SAFETY: the byte lies before `len`.
            *byte = unsafe { src.add(full * 8 + i).read() };
        }
        words[full] = u64::from_le_bytes(last);
    }
    words
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn ring(cells: u32, bulk: u64) -> (Vec<u128>, Producer, Consumer) {
        let len = usize::try_from(ring_len(cells, bulk)).unwrap();
        let mut block = vec![0u128; len / 16 + 16];
        let at = block.as_mut_ptr().cast::<u8>();
        let at = at.wrapping_add(at.align_offset(128)).cast::<RingHead>();
        let head = NonNull::new(at).unwrap();
        // SAFETY: the block is large enough, aligned, and lives beside the halves.
        unsafe {
            head.as_ref().cells.store(cells, Ordering::Relaxed);
            head.as_ref().bulk.store(bulk, Ordering::Relaxed);
            (block, Producer::new(head), Consumer::new(head))
        }
    }

    #[test]
    fn what_goes_in_comes_out_in_order_for_any_ring() {
        for cells in [1, 2, 4, 64] {
            for bulk in [256, 1024, 16384] {
                let (_block, mut p, mut c) = ring(cells, bulk);
                let mut seed = 12345u64;
                let (mut sent, mut got) = (0u32, 0u32);
                while got < 2000 {
                    seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1);
                    if seed >> 40 & 1 == 0 && sent < 2000 {
                        let len = (seed >> 45) as usize % (p.bulk_most() + 1);
                        let bytes = vec![sent as u8; len];
                        let envelope = Envelope {
                            aux: sent,
                            tag: -7,
                            ..Envelope::default()
                        };
                        let went = if len <= INLINE {
                            // SAFETY: the vector holds `len` bytes.
                            unsafe { p.push_inline(&envelope, bytes.as_ptr(), len) }
                        } else {
                            p.push_bulk(&envelope, len, [1, 2, 3], |to| {
                                // SAFETY: push_bulk gives room for `len` bytes.
                                unsafe { to.copy_from(bytes.as_ptr(), len) }
                            })
                        };
                        sent += u32::from(went);
                    } else if let Some(cell) = c.peek() {
                        assert_eq!(cell.envelope.aux, got);
                        assert_eq!(cell.envelope.tag, -7);
                        let mut out = [0u8; INLINE];
                        let bytes = match cell.payload {
                            Payload::Inline(len) => {
                                for (to, word) in out.chunks_mut(8).zip(cell.words) {
                                    to.copy_from_slice(&word.to_le_bytes());
                                }
                                &out[..len]
                            }
                            // SAFETY: the bytes stay until `advance`.
                            Payload::Bulk(at, len) => unsafe {
                                std::slice::from_raw_parts(at.as_ptr(), len)
                            },
                            other => panic!("{other:?}"),
                        };
                        assert!(bytes.iter().all(|b| *b == got as u8));
                        c.advance();
                        got += 1;
                    }
                }
            }
        }
    }

    #[test]
    fn laps_may_wrap_around() {
        for cells in [1u32, 4] {
            let (_block, mut p, mut c) = ring(cells, 256);
            // Three laps before the stamp, which has 32 bits, comes round; the
            // cells bear the stamps of the lap before.
            let start = ((1u64 << 32) - 3) << p.shift;
            for at in 0..cells as usize {
                // SAFETY: one of the ring's cells, which lives beside the halves.
                let cell = unsafe { p.cells.add(at).as_ref() };
                let before = stamp(start - u64::from(cells), p.shift);
                cell.words[0].store(u64::from(before), Ordering::Relaxed);
            }
            (p.tail, p.consumed, c.next, c.published) = (start, start, start, start);
            let mut sent = 0;
            for got in 0..u64::from(cells) * 8 {
                while p.push_words(&Envelope::default(), [sent; 5]) {
                    sent += 1;
                }
                assert_eq!(c.peek().map(|cell| cell.words[0]), Some(got));
                c.advance();
            }
            assert!(p.tail >> p.shift > 1 << 32);
        }
    }

    #[test]
    fn a_full_ring_takes_nothing() {
        let (_block, mut p, mut c) = ring(4, 256);
        for _ in 0..4 {
            assert!(p.push_words(&Envelope::default(), [9; 5]));
        }
        assert!(!p.push_words(&Envelope::default(), [9; 5]));
        assert!(!p.push_bulk(&Envelope::default(), 64, [0; 3], |_| panic!("no room")));
        assert!(c.peek().is_some());
        c.advance();
        assert!(p.push_words(&Envelope::default(), [9; 5]));
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;

    fn cell() -> Cell {
        Cell {
            words: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    fn head() -> RingHead {
        RingHead {
            next: AtomicU64::new(0),
            source: AtomicU32::new(0),
            cells: AtomicU32::new(0),
            bulk: AtomicU64::new(0),
            _pad0: [0; 13],
            consumed: AtomicU64::new(0),
            bulk_consumed: AtomicU64::new(0),
            _pad1: [0; 14],
        }
    }

    struct Shared {
        head: RingHead,
        cells: Vec<Cell>,
    }

    struct Half<T>(T);
    // SAFETY: each half goes to one thread; what they share is atomic.
    unsafe impl<T> Send for Half<T> {}

    #[test]
    fn every_cell_arrives_whole_and_once() {
        for count in [1u64, 2] {
            loom::model(move || {
                let cells = (0..count).map(|_| cell()).collect();
                let shared = loom::sync::Arc::new(Shared {
                    head: head(),
                    cells,
                });
                let at = NonNull::from(&shared.head);
                let first = NonNull::from(&shared.cells[0]);
                let bulk = NonNull::dangling();
                let mut producer = Half(Producer::from_parts(at, first, bulk, count, 256));
                let mut consumer = Consumer::from_parts(at, first, bulk, count, 256);
                let keep = shared.clone();
                let thread = loom::thread::spawn(move || {
                    let producer = &mut producer;
                    let _keep = keep;
                    for n in 1..=3u32 {
                        let envelope = Envelope {
                            aux: n,
                            ..Envelope::default()
                        };
                        while !producer.0.push_words(&envelope, [u64::from(n); 5]) {
                            loom::thread::yield_now();
                        }
                    }
                });
                let mut want = 1;
                while want <= 3 {
                    if let Some(cell) = consumer.peek() {
                        assert_eq!(cell.envelope.aux, want);
                        assert_eq!(cell.words, [u64::from(want); 5]);
                        consumer.advance();
                        want += 1;
                    } else {
                        loom::thread::yield_now();
                    }
                }
                thread.join().unwrap();
            });
        }
    }
}
