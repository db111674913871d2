//! One direction between two ranks: a ring of cells and a ring of bulk bytes,
//! with one producer and one consumer.
//!
//! A cell is one cache line: a header and up to [`CELL`] bytes of payload. Its
//! first word holds the *stamp*, the number of the lap in which it was written,
//! and is stored last: the consumer knows a cell as new by its stamp alone, so
//! that it never writes to cells and a small message costs one line transfer.
//! The consumer tells how far it has come in a line of its own, a quarter of the
//! ring at a time; the producer looks there only when it runs out of room.
//!
//! Messages of up to [`SLOT`] bytes that follow one another with the same header share a
//! cell, up to [`SLOTS`] of them: the first is published at once, and each of the others
//! by storing the first word anew with the number of those that are there. The producer
//! adds to no cell but its last. So the consumer, who has taken all that a cell holds,
//! looks at this cell and at the next one: once that is there, this one holds no more.
//!
//! A payload of up to [`INLINE`] bytes goes on in the lines behind its cell, up to
//! [`LINE`] bytes in each. Every such line has a stamp in its first word as well, so
//! that no payload is ever taken for the stamp of a cell; the lines are written before
//! their cell, whose stamp publishes them all. A consumer that waits after such a
//! message asks for the lines behind the next cell together with that cell, so that all
//! of them are under way at once.
//!
//! Bulk bytes are claimed in order, 64-byte aligned and never wrapped around the
//! end; the cell that follows says where they are.

#![allow(
    clippy::cast_possible_truncation,
    reason = "words are packed out of smaller fields and cut apart again"
)]

use crate::prefetch::prefetch_to_write;
use crate::ring::load::{load_word, load_words};
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use std::ptr::NonNull;

pub use consumer::{Consumer, NotTaken, PeekedCell, TakenSlot};

/// Bytes of payload that fit into a cell.
pub const CELL: usize = 8 * WORDS;

/// Bytes of payload that fit into a line behind a cell.
pub const LINE: usize = 8 * LINE_WORDS;

/// Bytes of a message that shares its cell with others.
pub const SLOT: usize = 8;

/// Messages that share a cell, at most.
const SLOTS: u64 = WORDS as u64;

/// Cells of a ring in which messages share them: a consumer does not give back the cell
/// that another message may still be added to, and there must be another one meanwhile.
const SHARING: u64 = 2;

/// Lines behind a cell, at most.
const LINES: usize = 4;

/// Bytes of payload that fit into a cell and the lines behind it.
pub const INLINE: usize = CELL + LINES * LINE;

/// Bulk bytes that are made the producer's own while it waits.
const OWNED: u64 = 32 << 10;

/// Of those, lines asked for at once.
const OWNED_AT_ONCE: u64 = 8;

/// How many cells further the one is that is fetched when a cell was taken.
const SOON: u64 = 2;

/// How many cells further the one is that is made the producer's own when a cell without
/// lines behind it was written.
const AHEAD: u64 = 4;

/// The same, for each line of a cell with lines behind it: so many such cells further. They
/// are written at a quicker pace than those that messages share.
const LINES_AHEAD: u64 = 8;

/// Words of a cell behind its header.
pub const WORDS: usize = 5;

/// Words of a line behind its stamp.
const LINE_WORDS: usize = 7;

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

/// The bytes of a cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Payload {
    /// In the cell: this many bytes of its words.
    Inline(usize),
    /// No bytes: the words are numbers.
    Words,
    /// At this address, this many; good until the cell is given back.
    At(NonNull<u8>, usize),
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
    /// Messages sent.
    sent: u64,
    /// The last cell, if another message may be added to it.
    open: Option<Open>,
}

/// A cell that messages share: its first three words, the number of messages apart, and
/// that number.
#[derive(Clone, Copy, Debug)]
struct Open {
    words: [u64; 3],
    count: u64,
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
            sent: 0,
            open: None,
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

    /// Messages sent so far.
    #[inline]
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// The longest payload that goes inline: with lines behind its cell, as long as they
    /// are a small part of the ring.
    #[inline]
    pub fn inline_most(count: u64) -> usize {
        let lines = usize::try_from(count / 4).unwrap_or(LINES).min(LINES);
        CELL + lines * LINE
    }

    /// Whether a cell can be written now.
    #[inline]
    pub fn has_room(&mut self) -> bool {
        self.has_room_for(1)
    }

    /// Whether a cell can be written now that takes so many lines.
    #[inline]
    fn has_room_for(&mut self, lines: u64) -> bool {
        self.tail + lines - self.consumed <= self.count || self.look_for_room(lines)
    }

    #[cold]
    fn look_for_room(&mut self, lines: u64) -> bool {
        // SAFETY: the ring's block lives as long as the process (see `new`).
        let head = unsafe { self.head.as_ref() };
        // pairs with the Release in `Consumer::publish`
        self.consumed = head.consumed.load(Ordering::Acquire);
        self.tail + lines - self.consumed <= self.count
    }

    /// The most bytes that one bulk cell may carry.
    #[inline]
    pub fn bulk_most(&self) -> usize {
        usize::try_from(self.bulk_len / 4).unwrap_or(0)
    }

    /// Sends `len` bytes (at most [`Producer::inline_most`]) inside a cell and lines behind
    /// it; `false`: no room.
    ///
    /// # Safety
    /// `src` is readable for `len` bytes.
    #[inline(always)]
    #[allow(
        clippy::inline_always,
        reason = "what a short message needs is one function, whose values stay in registers"
    )]
    pub unsafe fn push_inline(&mut self, envelope: &Envelope, src: *const u8, len: usize) -> bool {
        debug_assert!(len <= Producer::inline_most(self.count));
        if len <= SLOT {
            // SAFETY: the caller's bytes.
            let word = unsafe { load_word(src, len) };
            return self.push_slot(envelope, word, len);
        }
        let [first, one, two] = header_words(envelope, len as u16); // at most INLINE
        // SAFETY: as above.
        unsafe { self.push_cell(first, one, two, src, len) }
    }

    /// As [`Producer::push_inline`], of more bytes than share a cell with others, with the
    /// first three words of the cell, which stay in registers this way.
    ///
    /// # Safety
    /// As there.
    #[inline(never)]
    unsafe fn push_cell(
        &mut self,
        first: u64,
        one: u64,
        two: u64,
        src: *const u8,
        len: usize,
    ) -> bool {
        let header = [first, one, two];
        if len > CELL {
            // SAFETY: the caller's bytes.
            return unsafe { self.push_lines(header, src, len) };
        }
        if !self.has_room() {
            return false;
        }
        // SAFETY: the caller's bytes, at most as many words as a cell has.
        let words = unsafe { load_words(src, len) };
        self.write(header, words, 0);
        true
    }

    /// Sends a message of one word: in the last cell, if it has the same header and room.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as in `push_inline`")]
    fn push_slot(&mut self, envelope: &Envelope, word: u64, len: usize) -> bool {
        // at most 8
        let carrier = carrier::SHARED | len as u16;
        let words = header_words(envelope, carrier);
        if let Some(open) = &mut self.open
            && open.is_of(words)
        {
            let at = usize::try_from((self.tail - 1) & (self.count - 1)).unwrap_or(0);
            // SAFETY: as in `line`; the consumer does not give the last cell back as long
            // as there is room in it.
            let cell = unsafe { self.cells.add(at).as_ref() };
            let slot = usize::try_from(open.count).unwrap_or(0) % WORDS;
            cell.words[3 + slot].store(word, Ordering::Relaxed);
            open.count += 1;
            // pairs with the Acquire in `Consumer::peek`
            cell.words[0].store(open.first(self.tail - 1, self.shift), Ordering::Release);
            if open.count == SLOTS {
                self.open = None;
            }
            self.sent += 1;
            return true;
        }
        if !self.has_room() {
            return false;
        }
        let (cell, _) = self.line(self.tail);
        cell.words[1].store(words[1], Ordering::Relaxed);
        cell.words[2].store(words[2], Ordering::Relaxed);
        cell.words[3].store(word, Ordering::Relaxed);
        let open = Open { words, count: 1 };
        // pairs with the Acquire in `Consumer::peek`
        cell.words[0].store(open.first(self.tail, self.shift), Ordering::Release);
        self.open = (self.count >= SHARING).then_some(open);
        self.written(0);
        true
    }

    /// As [`Producer::push_inline`], of more bytes than a cell has room for.
    ///
    /// # Safety
    /// As there.
    unsafe fn push_lines(&mut self, header: [u64; 3], src: *const u8, len: usize) -> bool {
        let lines = (len - CELL).div_ceil(LINE) as u64;
        if !self.has_room_for(1 + lines) {
            return false;
        }
        let mut from = CELL;
        for line in 1..=lines {
            let n = LINE.min(len - from);
            // SAFETY: `n` bytes from `from` on are the caller's.
            let words: [u64; LINE_WORDS] = unsafe { load_words(src.add(from), n) };
            let (cell, stamp) = self.line(self.tail + line);
            // Before the Release of the cell's own stamp, as are the words.
            cell.words[0].store(u64::from(stamp), Ordering::Relaxed);
            for (slot, word) in cell.words[1..].iter().zip(words) {
                slot.store(word, Ordering::Relaxed);
            }
            from += n;
        }
        // SAFETY: there are more bytes than a cell has room for.
        let words = unsafe { load_words(src, CELL) };
        self.write(header, words, lines);
        true
    }

    /// The line at a position, and the stamp that it gets.
    #[inline]
    fn line(&self, position: u64) -> (&Cell, u32) {
        let at = usize::try_from(position & (self.count - 1)).unwrap_or(0);
        // SAFETY: `at` is below the number of cells; the block lives as long as
        // the process.
        let cell = unsafe { self.cells.add(at).as_ref() };
        (cell, stamp(position, self.shift))
    }

    /// Sends a cell of numbers; `false`: no room.
    #[inline]
    pub fn push_words(&mut self, envelope: &Envelope, words: [u64; WORDS]) -> bool {
        if !self.has_room() {
            return false;
        }
        self.write(header_words(envelope, carrier::WORDS), words, 0);
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
        let words = [position, len as u64, a, b, c];
        self.write(header_words(envelope, carrier::BULK), words, 0);
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
        let words = [fragment, len as u64, a, b, c];
        self.write(header_words(envelope, carrier::FRAGMENT), words, 0);
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

    /// Writes a cell that `lines` lines are behind; the consumer is past all of them, by
    /// `has_room_for`.
    #[inline]
    fn write(&mut self, header: [u64; 3], words: [u64; WORDS], lines: u64) {
        let (cell, stamp) = self.line(self.tail);
        cell.words[1].store(header[1], Ordering::Relaxed);
        cell.words[2].store(header[2], Ordering::Relaxed);
        for (slot, word) in cell.words[3..].iter().zip(words) {
            slot.store(word, Ordering::Relaxed);
        }
        let first = header[0] | u64::from(stamp);
        cell.words[0].store(first, Ordering::Release); // pairs with the Acquire in `Consumer::peek`
        self.open = None;
        self.written(lines);
    }

    /// Counts a cell that was written, and `lines` lines behind it.
    #[inline]
    fn written(&mut self, lines: u64) {
        self.tail += 1 + lines;
        self.sent += 1;
        // The consumer's cache still has the lines of the lap before.
        let ahead = match lines {
            0 => AHEAD,
            lines => (LINES_AHEAD * (1 + lines)).min(self.count / 2),
        };
        for position in self.tail + ahead..=self.tail + ahead + lines {
            let at = usize::try_from(position & (self.count - 1)).unwrap_or(0);
            prefetch_to_write(self.cells.as_ptr().wrapping_add(at).cast());
        }
    }
}

impl Open {
    /// Whether a message with these first three words may be added. Compared word by word:
    /// they are in registers.
    #[inline]
    fn is_of(&self, words: [u64; 3]) -> bool {
        let [first, one, two] = self.words;
        (first ^ words[0]) | (one ^ words[1]) | (two ^ words[2]) == 0
    }

    /// The first word of the cell, which is at this position.
    #[inline]
    fn first(&self, position: u64, shift: u32) -> u64 {
        self.words[0] | self.count << 56 | u64::from(stamp(position, shift))
    }
}

/// The first three words of a cell without its stamp.
#[inline]
fn header_words(envelope: &Envelope, carrier: u16) -> [u64; 3] {
    [
        u64::from(envelope.kind) << 32 | u64::from(envelope.flags) << 40 | u64::from(carrier) << 48,
        u64::from(envelope.context) | u64::from(envelope.tag.cast_unsigned()) << 32,
        u64::from(envelope.source) | u64::from(envelope.aux) << 32,
    ]
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

mod carrier;
mod consumer;
mod load;

#[cfg(all(test, not(loom)))]
mod tests;

#[cfg(all(test, loom))]
mod loom_tests;
