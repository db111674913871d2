//! The receiving half of a ring.

#![allow(
    clippy::cast_possible_truncation,
    reason = "words are packed out of smaller fields and cut apart again"
)]

use super::{
    CELL, Cell, Envelope, INLINE, LINE, LINE_WORDS, Payload, RingHead, SHARING, SLOT, SLOTS, SOON,
    WORDS, carrier, parts, stamp,
};
use crate::prefetch::prefetch;
use crate::sync::Ordering;
use std::ptr::NonNull;

/// The receiving half.
#[derive(Debug)]
pub struct Consumer {
    head: NonNull<RingHead>,
    cells: NonNull<Cell>,
    bulk: NonNull<u8>,
    count: u64,
    shift: u32,
    pub(super) next: u64,
    pub(super) published: u64,
    bulk_len: u64,
    bulk_next: u64,
    bulk_published: u64,
    /// Messages taken.
    taken: u64,
    /// Messages taken out of the next cell, which others share.
    shared: u64,
    /// Whether the cell that was shown is one that messages share.
    is_shared: bool,
    /// Lines behind the cell that was shown.
    behind: u64,
    /// The payload of a cell that has lines behind it.
    gathered: [u64; INLINE / 8],
}

/// A cell as its consumer sees it. The header and words were copied out once.
#[derive(Clone, Copy, Debug)]
pub struct PeekedCell {
    /// The header.
    pub envelope: Envelope,
    /// The words behind it: inline bytes, or numbers (with [`Payload::At`] and
    /// [`Payload::Fragment`], the first two are the ring's own).
    pub words: [u64; WORDS],
    /// Where the bytes are.
    pub payload: Payload,
}

/// Why a message was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotTaken {
    /// There is none.
    Nothing,
    /// It is not the one.
    Another,
    /// It has a cell alone: see [`Consumer::peek`].
    Longer,
}

/// A message of at most [`SLOT`] bytes that was taken.
#[derive(Clone, Copy, Debug)]
pub struct TakenSlot {
    /// Its header.
    pub envelope: Envelope,
    /// Its bytes, and zeros behind them.
    pub word: u64,
    /// How many bytes.
    pub len: usize,
    /// Whether the producer was told that there is room, and may be waiting to hear it.
    pub told: bool,
}

/// The header of a cell, whose first word this is.
#[inline]
fn envelope_of(cell: &Cell, first: u64) -> Envelope {
    let one = cell.words[1].load(Ordering::Relaxed);
    let two = cell.words[2].load(Ordering::Relaxed);
    Envelope {
        kind: (first >> 32) as u8,
        flags: (first >> 40) as u8,
        context: one as u32,
        tag: ((one >> 32) as u32).cast_signed(),
        source: two as u32,
        aux: (two >> 32) as u32,
    }
}

impl Consumer {
    /// The receiving half of the ring at `head`, of which nothing was consumed.
    ///
    /// # Safety
    /// As for [`super::Producer::new`]; nobody else consumes from it.
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
            taken: 0,
            shared: 0,
            is_shared: false,
            behind: 0,
            gathered: [0; INLINE / 8],
        }
    }

    /// Messages taken so far.
    #[inline]
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// The oldest message that was not taken yet, if there is one.
    #[inline(always)]
    #[allow(
        clippy::inline_always,
        reason = "what it returns is large, and its users need little of it"
    )]
    pub fn peek(&mut self) -> Option<PeekedCell> {
        let (cell, first) = self.find()?;
        let envelope = envelope_of(cell, first);
        let carrier = (first >> 48) as u16;
        self.is_shared = carrier & carrier::KIND == carrier::SHARED;
        self.behind = 0;
        let mut words = [0; WORDS];
        if self.is_shared {
            let slot = usize::try_from(self.shared).unwrap_or(0) % WORDS;
            words[0] = cell.words[3 + slot].load(Ordering::Relaxed);
            let len = usize::from(carrier & 0xff).min(SLOT);
            let payload = Payload::Inline(len);
            return Some(PeekedCell {
                envelope,
                words,
                payload,
            });
        }
        for (word, slot) in words.iter_mut().zip(&cell.words[3..]) {
            *word = slot.load(Ordering::Relaxed);
        }
        let len = usize::try_from(words[1]).unwrap_or(0);
        let payload = match carrier {
            carrier::WORDS => Payload::Words,
            carrier::FRAGMENT => Payload::Fragment(words[0], len),
            carrier::BULK => {
                let at = usize::try_from(words[0] & (self.bulk_len - 1)).unwrap_or(0);
                let len = len.min(usize::try_from(self.bulk_len).unwrap_or(0) - at);
                self.bulk_next = words[0] + (len as u64).next_multiple_of(64);
                // SAFETY: `at` was reduced to the bulk area's size, and `len` to
                // what is left of it.
                Payload::At(unsafe { self.bulk.add(at) }, len)
            }
            len if usize::from(len) > CELL => self.gather(usize::from(len).min(INLINE), words),
            len => Payload::Inline(usize::from(len)),
        };
        Some(PeekedCell {
            envelope,
            words,
            payload,
        })
    }

    /// The cell of the oldest message that was not taken yet, and its first word.
    #[inline(always)]
    #[allow(
        clippy::inline_always,
        reason = "a few loads in front of what every message needs"
    )]
    fn find<'a>(&mut self) -> Option<(&'a Cell, u64)> {
        let mut cell = self.line(self.next);
        // pairs with the Release in `Producer::{write, push_slot}`
        let mut first = cell.words[0].load(Ordering::Acquire);
        if first as u32 != stamp(self.next, self.shift) {
            if self.behind != 0 {
                self.ask_for_lines();
            }
            return None;
        }
        if self.shared != 0 && self.shared >= shared_count(first) {
            let next = self.line(self.next + 1);
            // pairs as above
            let first_of_next = next.words[0].load(Ordering::Acquire);
            if first_of_next as u32 != stamp(self.next + 1, self.shift) {
                return None;
            }
            // The next cell is there, so what this one holds is final.
            first = cell.words[0].load(Ordering::Relaxed);
            if self.shared >= shared_count(first) {
                self.pass();
                (cell, first) = (next, first_of_next);
            }
        }
        Some((cell, first))
    }

    /// Takes the oldest message, if it is one of at most [`SLOT`] bytes and `is_it` holds for
    /// its header and length. Any other stays the oldest.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as in `Producer::push_inline`")]
    pub fn take_slot(
        &mut self,
        is_it: impl FnOnce(&Envelope, usize) -> bool,
    ) -> Result<TakenSlot, NotTaken> {
        let mut found = None;
        let told = self.offer_slot(|envelope, word, len| {
            let is_it = is_it(envelope, len);
            if is_it {
                found = Some((*envelope, word, len));
            }
            is_it
        })?;
        let (envelope, word, len) = found.ok_or(NotTaken::Another)?;
        Ok(TakenSlot {
            envelope,
            word,
            len,
            told,
        })
    }

    /// Offers the header, bytes and length of the oldest message to `take`, if it is one of at
    /// most [`SLOT`] bytes. It is taken if `take` returns true, and else stays the oldest.
    /// Returns whether the producer was told that there is room, and may be waiting to hear it.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as in `Producer::push_inline`")]
    pub fn offer_slot(
        &mut self,
        take: impl FnOnce(&Envelope, u64, usize) -> bool,
    ) -> Result<bool, NotTaken> {
        let (cell, first) = self.find().ok_or(NotTaken::Nothing)?;
        let carrier = (first >> 48) as u16;
        if carrier & carrier::KIND != carrier::SHARED {
            return Err(NotTaken::Longer);
        }
        let envelope = envelope_of(cell, first);
        let len = usize::from(carrier & 0xff).min(SLOT);
        let slot = usize::try_from(self.shared).unwrap_or(0) % WORDS;
        let word = cell.words[3 + slot].load(Ordering::Relaxed);
        if !take(&envelope, word, len) {
            return Err(NotTaken::Another);
        }
        self.is_shared = true;
        self.behind = 0;
        Ok(self.advance())
    }

    /// Goes on to the next cell.
    #[inline]
    fn pass(&mut self) {
        self.next += 1 + self.behind;
        self.shared = 0;
        // A burst of messages is read at the pace of line transfers unless the
        // next ones are under way meanwhile.
        prefetch(std::ptr::from_ref(self.line(self.next + SOON)).cast());
    }

    /// The line at a position.
    #[inline]
    fn line<'a>(&self, position: u64) -> &'a Cell {
        let at = usize::try_from(position & (self.count - 1)).unwrap_or(0);
        // SAFETY: `at` is below the number of cells; the block lives as long as
        // the process; every access is atomic.
        unsafe { self.cells.add(at).as_ref() }
    }

    /// Asks for as many lines behind the next cell as the last one had.
    fn ask_for_lines(&self) {
        for line in 1..=self.behind {
            prefetch(std::ptr::from_ref(self.line(self.next + line)).cast());
        }
    }

    /// The payload of a cell that has lines behind it, and `words` in it.
    fn gather(&mut self, len: usize, words: [u64; WORDS]) -> Payload {
        self.behind = (len - CELL).div_ceil(LINE) as u64;
        let (first, rest) = self.gathered.split_at_mut(WORDS);
        first.copy_from_slice(&words);
        let mut position = self.next;
        for to in rest.chunks_exact_mut(LINE_WORDS).take(self.behind as usize) {
            position += 1;
            let at = usize::try_from(position & (self.count - 1)).unwrap_or(0);
            // SAFETY: as in `line`.
            let line = unsafe { self.cells.add(at).as_ref() };
            for (word, slot) in to.iter_mut().zip(&line.words[1..]) {
                *word = slot.load(Ordering::Relaxed);
            }
        }
        Payload::At(NonNull::from(&mut self.gathered).cast(), len)
    }

    /// Gives the cell that [`Consumer::peek`] showed back, with its lines and bulk bytes.
    /// Returns whether the producer was told, and may be waiting to hear it.
    #[inline]
    pub fn advance(&mut self) -> bool {
        self.taken += 1;
        if self.is_shared && self.shared + 1 < SLOTS && self.count >= SHARING {
            self.shared += 1; // more may be added to the cell
        } else {
            self.pass();
        }
        let due = self.next - self.published >= self.count.div_ceil(4)
            || self.bulk_next - self.bulk_published >= self.bulk_len / 4;
        if due {
            self.publish();
        }
        due
    }

    #[inline(never)]
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

/// The number of messages that share a cell, by its first word.
#[inline]
fn shared_count(first: u64) -> u64 {
    first >> 56 & 0x3f
}
