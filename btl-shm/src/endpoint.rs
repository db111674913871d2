//! All rings of a rank.
//!
//! A ring towards a peer is made by its sender, on the first message: a block of
//! the segment, pushed onto a stack in the receiver's record, where the receiver
//! finds it at its next look. Nothing is agreed beforehand, so that a rank can
//! send to one that has not started yet, and pairs that never talk cost nothing.

use crate::fragment::{self, FRAGMENT, Pool};
use crate::ring::{Consumer, Envelope, NotTaken, Payload, Producer, RingHead, WORDS, ring_len};
use crate::sync::Ordering;
use crate::wait::ring_bell;
use std::ptr::NonNull;
use wireup::layout::RankRecord;
use wireup::segment::{Scribbled, Segment, SegmentError};

/// Bulk bytes of a ring in a small job, and in one where many pairs may talk.
const BULK_FEW: u64 = 64 << 10;
const BULK_MANY: u64 = 16 << 10;
/// A job where many pairs may talk has rings of one in so many cells.
const MANY_SHARE: u32 = 4;
/// Pieces up to which a ring's bulk area is as good as fragments, in bytes.
const IN_RING: usize = 4 << 10;
/// Ranks up to which a job counts as small.
const FEW: u32 = 16;

/// Where peers sleep.
pub trait Bells: std::fmt::Debug {
    /// Wakes the owner of the record `peer` of `segment`, which has the rings, if it sleeps.
    fn ring(&self, segment: &'static Segment, peer: u32);
}

/// Peers sleep on their records of the segment that has the rings.
#[derive(Clone, Copy, Debug)]
pub struct OwnBells;

impl Bells for OwnBells {
    #[inline]
    fn ring(&self, segment: &'static Segment, peer: u32) {
        ring_bell(segment, segment.record(peer));
    }
}

/// Peers sleep on records of other segments: where each does, by its record in the one
/// that has the rings.
#[derive(Clone, Debug)]
pub struct FarBells(pub std::sync::Arc<[(&'static Segment, u32)]>);

impl Bells for FarBells {
    fn ring(&self, _segment: &'static Segment, peer: u32) {
        if let Some((segment, rank)) = self.0.get(peer as usize) {
            ring_bell(segment, segment.record(*rank));
        }
    }
}

/// The rings towards peers, and the pool that feeds them.
#[derive(Debug)]
pub struct Outgoing<B = OwnBells> {
    segment: &'static Segment,
    me: u32,
    cells: u32,
    peers: Vec<Option<Lane>>,
    pool: Pool,
    /// The peer whose bulk bytes are being owned ahead.
    owning: Option<u32>,
    /// The largest payload that goes inline, and that of one bulk cell.
    inline_most: usize,
    bulk_most: usize,
    bells: B,
}

/// The way to a peer.
#[derive(Debug)]
struct Lane {
    ring: Box<Producer>,
    /// The peer's record in the segment that has the ring.
    record: &'static RankRecord,
}

/// The rings from peers.
#[derive(Debug)]
pub struct Incoming<B = OwnBells> {
    segment: &'static Segment,
    me: u32,
    rings: Vec<PeerRing>,
    /// By rank: which of them is its.
    of: Vec<Option<u32>>,
    bells: B,
}

#[derive(Debug)]
struct PeerRing {
    source: u32,
    consumer: Consumer,
}

impl PeerRing {
    /// Takes the next message, and returns what `handler` did with it. `None`: it is not
    /// there.
    #[inline]
    fn take<B: Bells>(
        &mut self,
        segment: &'static Segment,
        bells: &B,
        handler: impl FnOnce(&Arrival<'_>) -> bool,
    ) -> Option<bool> {
        let cell = self.consumer.peek()?;
        let (data, len) = match cell.payload {
            Payload::Inline(len) => (cell.words.as_ptr().cast(), len),
            Payload::Words => (std::ptr::null(), 0),
            Payload::At(at, len) => (at.as_ptr().cast_const(), len),
            Payload::Fragment(at, len) => {
                fragment::check(segment, at);
                (segment.at(at).as_ptr().cast_const(), len.min(FRAGMENT))
            }
        };
        let result = handler(&Arrival {
            source: self.source,
            envelope: cell.envelope,
            words: cell.words,
            data,
            len,
            _life: std::marker::PhantomData,
        });
        let mut told = self.consumer.advance();
        if let Payload::Fragment(at, _) = cell.payload {
            fragment::give_back(segment, at);
            told = true;
        }
        if told {
            bells.ring(segment, self.source);
        }
        Some(result)
    }
}

/// A cell that has arrived.
#[derive(Debug)]
pub struct Arrival<'a> {
    /// The rank that sent it.
    pub source: u32,
    /// Its header.
    pub envelope: Envelope,
    /// Its numbers: all five, or three behind bulk or fragment bytes.
    pub words: [u64; WORDS],
    /// Its bytes, good until the handler returns.
    pub data: *const u8,
    /// How many.
    pub len: usize,
    _life: std::marker::PhantomData<&'a u8>,
}

/// What became of an attempt to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// It is on its way: this many bytes of it.
    Bytes(usize),
    /// No room now: try again after progress.
    Full,
}

impl Outgoing {
    /// The sending side of rank `me`, with rings of `cells` cells, or a quarter of that in
    /// a job of more than 16 ranks.
    pub fn new(segment: &'static Segment, me: u32, cells: u32) -> Outgoing {
        Outgoing::with_bells(segment, me, cells, OwnBells)
    }

    /// Sends `len` bytes at `src` inline, at most [`Outgoing::inline_most`], if there is a
    /// ring to the peer already, with room, and the peer takes messages unasked. Whether it
    /// did.
    ///
    /// # Safety
    /// `src` is readable for `len` bytes.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as in `Producer::push_inline`")]
    pub unsafe fn send_short(
        &mut self,
        peer: u32,
        envelope: &Envelope,
        src: *const u8,
        len: usize,
    ) -> bool {
        let Some(Some(lane)) = self.peers.get_mut(peer as usize) else {
            return false;
        };
        // SAFETY: the caller's bytes.
        let went = lane.record.pressure.load(Ordering::Relaxed) == 0
            && unsafe { lane.ring.push_inline(envelope, src, len) };
        if went {
            ring_bell(self.segment, lane.record);
        }
        went
    }
}

impl<B: Bells> Outgoing<B> {
    /// As [`Outgoing::new`], towards peers that sleep where `bells` says.
    pub fn with_bells(segment: &'static Segment, me: u32, cells: u32, bells: B) -> Outgoing<B> {
        let ranks = segment.ranks();
        let (cells, bulk) = match ranks <= FEW {
            true => (cells, BULK_FEW),
            false => ((cells / MANY_SHARE).max(1), BULK_MANY),
        };
        Outgoing {
            segment,
            me,
            cells,
            peers: (0..ranks).map(|_| None).collect(),
            pool: Pool::default(),
            owning: None,
            inline_most: Producer::inline_most(u64::from(cells)),
            bulk_most: usize::try_from(bulk / 4).unwrap_or(0),
            bells,
        }
    }

    /// The largest message that goes in one cell, bulk included.
    #[inline]
    pub fn one_cell_most(&self) -> usize {
        self.bulk_most
    }

    /// The largest message that goes inline: in a cell and lines behind it.
    #[inline]
    pub fn inline_most(&self) -> usize {
        self.inline_most
    }

    /// Sends `len` bytes at `src` inline, `len` being at most [`Outgoing::inline_most`].
    ///
    /// # Safety
    /// `src` is readable for `len` bytes.
    #[inline]
    pub unsafe fn send_inline(
        &mut self,
        peer: u32,
        envelope: &Envelope,
        src: *const u8,
        len: usize,
    ) -> Result<bool, SegmentError> {
        debug_assert!(len <= self.inline_most);
        let producer = self.ring(peer)?;
        // SAFETY: the caller's bytes.
        let went = unsafe { producer.push_inline(envelope, src, len) };
        if went {
            self.bells.ring(self.segment, peer);
        }
        Ok(went)
    }

    /// Sends a cell of numbers.
    pub fn send_words(
        &mut self,
        peer: u32,
        envelope: &Envelope,
        words: [u64; WORDS],
    ) -> Result<bool, SegmentError> {
        let went = self.ring(peer)?.push_words(envelope, words);
        if went {
            self.bells.ring(self.segment, peer);
        }
        Ok(went)
    }

    /// Sends `len` bytes in one cell through the bulk area; `len` is at most
    /// [`Outgoing::one_cell_most`]. `fill` writes them where it is told.
    #[inline]
    pub fn send_bulk(
        &mut self,
        peer: u32,
        envelope: &Envelope,
        len: usize,
        extra: [u64; 3],
        fill: impl FnOnce(*mut u8),
    ) -> Result<bool, SegmentError> {
        let went = self.ring(peer)?.push_bulk(envelope, len, extra, fill);
        if went {
            self.owning = Some(peer);
            self.bells.ring(self.segment, peer);
        }
        Ok(went)
    }

    /// Sends as many of `len` bytes as one piece carries, through a fragment if
    /// one is free, else through the bulk area. `fill(to, n)` writes the next
    /// `n` bytes.
    pub fn send_piece(
        &mut self,
        peer: u32,
        envelope: &Envelope,
        len: usize,
        extra: [u64; 3],
        fill: impl FnOnce(*mut u8, usize),
    ) -> Result<Sent, SegmentError> {
        if !self.ring(peer)?.has_room() {
            return Ok(Sent::Full);
        }
        if len > IN_RING
            && let Ok(Some(at)) = self.pool.take(self.segment, peer)
        {
            let n = len.min(FRAGMENT);
            fill(self.segment.at(at).as_ptr(), n);
            let went = self.ring(peer)?.push_fragment(envelope, at, n, extra);
            debug_assert!(went, "room was seen above");
            self.bells.ring(self.segment, peer);
            return Ok(Sent::Bytes(n));
        }
        let n = len.min(self.bulk_most);
        let went = self.send_bulk(peer, envelope, n, extra, |to| fill(to, n))?;
        Ok(if went { Sent::Bytes(n) } else { Sent::Full })
    }

    /// Prepares for the next bytes to the peer that the last ones went to: for when there
    /// is nothing else to do.
    #[inline]
    pub fn prepare(&mut self) {
        if let Some(peer) = self.owning {
            let lane = self.peers[peer as usize].as_mut();
            if !lane.is_some_and(|lane| lane.ring.own_ahead()) {
                self.owning = None;
            }
        }
    }

    /// Cells sent to `peer` so far.
    #[inline]
    pub fn sent(&self, peer: u32) -> u64 {
        self.peers[peer as usize]
            .as_ref()
            .map_or(0, |lane| lane.ring.sent())
    }

    #[inline]
    fn ring(&mut self, peer: u32) -> Result<&mut Producer, SegmentError> {
        if self.peers[peer as usize].is_none() {
            self.open(peer)?;
        }
        let lane = self.peers[peer as usize].as_mut();
        let lane = lane.expect("opened just now if it was not there");
        Ok(&mut lane.ring)
    }

    #[cold]
    fn open(&mut self, peer: u32) -> Result<(), SegmentError> {
        let bulk = self.bulk_most as u64 * 4;
        let at = self.segment.allocate(ring_len(self.cells, bulk))?;
        let head = self.segment.at(at).cast::<RingHead>();
        // SAFETY: the block was just allocated to us alone, zeroed and aligned;
        // all fields are atomics or padding.
        let ring = unsafe { head.as_ref() };
        ring.source.store(self.me, Ordering::Relaxed);
        ring.cells.store(self.cells, Ordering::Relaxed);
        ring.bulk.store(bulk, Ordering::Relaxed);
        let record = self.segment.record(peer);
        // SAFETY: the block is whole and its constants are set; it is never freed.
        let producer = Box::new(unsafe { Producer::new(head) });
        self.peers[peer as usize] = Some(Lane {
            ring: producer,
            record,
        });
        let mut first = record.incoming.load(Ordering::Relaxed);
        loop {
            ring.next.store(first, Ordering::Relaxed);
            // pairs with the Acquire in `Incoming::find_new`
            match record.incoming.compare_exchange_weak(
                first,
                at,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(()),
                Err(now) => first = now,
            }
        }
    }
}

impl Incoming {
    /// The receiving side of rank `me`.
    pub fn new(segment: &'static Segment, me: u32) -> Incoming {
        Incoming::with_bells(segment, me, OwnBells)
    }
}

impl<B: Bells> Incoming<B> {
    /// As [`Incoming::new`], from peers that sleep where `bells` says.
    pub fn with_bells(segment: &'static Segment, me: u32, bells: B) -> Incoming<B> {
        Incoming {
            segment,
            me,
            rings: Vec::new(),
            of: vec![None; segment.ranks() as usize],
            bells,
        }
    }

    /// The number of records of the segment that has the rings.
    #[inline]
    pub fn ranks(&self) -> u32 {
        self.segment.ranks()
    }

    /// Cells of `peer` that were taken so far.
    #[inline]
    pub fn taken(&self, peer: u32) -> u64 {
        let ring = self.of.get(peer as usize).copied().flatten();
        let from = ring.and_then(|at| self.rings.get(at as usize));
        from.map_or(0, |from| from.consumer.taken())
    }

    /// Takes what has arrived, at most `most` cells of each peer, and hands it to
    /// `handler` in each peer's order, until that returns false: it has what the caller
    /// waits for, and to look at the next cell could mean to wait until its sender has
    /// written it. Returns whether there was anything.
    #[inline]
    pub fn poll(&mut self, most: u32, mut handler: impl FnMut(&Arrival<'_>) -> bool) -> bool {
        if self
            .segment
            .record(self.me)
            .incoming
            .load(Ordering::Relaxed)
            != 0
        {
            self.find_new();
        }
        let mut any = false;
        for from in &mut self.rings {
            for _ in 0..most {
                match from.take(self.segment, &self.bells, &mut handler) {
                    None => break,
                    Some(false) => return true,
                    Some(true) => any = true,
                }
            }
        }
        any
    }

    /// Shows the next message of `peer` to `handler`, if it is there and short. It is taken if
    /// `handler` returns true, and else stays the next one. A ring that is new is not looked
    /// for.
    #[inline]
    pub fn take_if(&mut self, peer: u32, handler: impl FnOnce(&Arrival<'_>) -> bool) {
        let ring = self.of.get(peer as usize).copied().flatten();
        let Some(from) = ring.and_then(|at| self.rings.get_mut(at as usize)) else {
            return;
        };
        let Some(cell) = from.consumer.peek() else {
            return;
        };
        let (data, len) = match cell.payload {
            Payload::Inline(len) => (cell.words.as_ptr().cast(), len),
            Payload::At(at, len) => (at.as_ptr().cast_const(), len),
            Payload::Words | Payload::Fragment(..) => return,
        };
        let is_taken = handler(&Arrival {
            source: from.source,
            envelope: cell.envelope,
            words: cell.words,
            data,
            len,
            _life: std::marker::PhantomData,
        });
        if is_taken && from.consumer.advance() {
            self.bells.ring(self.segment, from.source);
        }
    }

    /// Takes the next message of `peer`, if it is there, of at most a word, and `is_it` holds
    /// for its header and length: the header, the word and the length. Any other stays the
    /// next one. A ring that is new is not looked for.
    ///
    /// # Errors
    /// Why nothing was taken.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as in `Consumer::take_slot`")]
    pub fn take_word(
        &mut self,
        peer: u32,
        is_it: impl FnOnce(&Envelope, usize) -> bool,
    ) -> Result<(Envelope, u64, usize), NotTaken> {
        let ring = self.of.get(peer as usize).copied().flatten();
        let Some(from) = ring.and_then(|at| self.rings.get_mut(at as usize)) else {
            return Err(NotTaken::Nothing);
        };
        let taken = from.consumer.take_slot(is_it)?;
        if taken.told {
            self.bells.ring(self.segment, from.source);
        }
        Ok((taken.envelope, taken.word, taken.len))
    }

    /// Offers the source, header, bytes and length of messages of at most a word to `take`,
    /// at most `most` of each peer. What it returns true for is taken; any other stays its
    /// peer's next one. Returns whether any was taken, and whether there is anything that
    /// [`Incoming::poll`] would find.
    #[inline]
    pub fn take_words(
        &mut self,
        most: u32,
        mut take: impl FnMut(u32, &Envelope, u64, usize) -> bool,
    ) -> (bool, bool) {
        let new = &self.segment.record(self.me).incoming;
        let (mut any, mut is_more) = (false, new.load(Ordering::Relaxed) != 0);
        for from in &mut self.rings {
            let source = from.source;
            for _ in 0..most {
                let offer = |envelope: &Envelope, word, len| take(source, envelope, word, len);
                let told = match from.consumer.offer_slot(offer) {
                    Ok(told) => told,
                    Err(why) => {
                        is_more |= why != NotTaken::Nothing;
                        break;
                    }
                };
                any = true;
                if told {
                    self.bells.ring(self.segment, source);
                }
            }
        }
        (any, is_more)
    }

    #[cold]
    fn find_new(&mut self) {
        // pairs with the Release in `Outgoing::open`
        let mut at = self
            .segment
            .record(self.me)
            .incoming
            .swap(0, Ordering::Acquire);
        while at != 0 {
            let (head, source, next) = self.look_at_new(at).unwrap_or_else(|why| why.give_up());
            // SAFETY: as above; this rank is the block's only consumer.
            let consumer = unsafe { Consumer::new(head) };
            if let Some(of) = self.of.get_mut(source as usize) {
                *of = u32::try_from(self.rings.len()).ok();
            }
            self.rings.push(PeerRing { source, consumer });
            at = next;
        }
    }

    /// The head of the new ring at `at`, its sender and the ring behind it in the
    /// stack, if it is one: offsets and sizes in the segment are not to be believed.
    fn look_at_new(&self, at: u64) -> Result<(NonNull<RingHead>, u32, u64), Scribbled> {
        let segment = self.segment;
        let places = segment.constants().arena_start..segment.allocated();
        let wrong = || Scribbled::new("the offset of a new ring", at);
        let head_len = size_of::<RingHead>() as u64;
        if !places.contains(&at) || !at.is_multiple_of(128) || !segment.is_mapped(at, head_len) {
            return Err(wrong());
        }
        let head: NonNull<RingHead> = segment.at(at).cast();
        // SAFETY: the offset is aligned and inside of the arena; all fields are atomics.
        let ring = unsafe { head.as_ref() };
        let source = ring.source.load(Ordering::Relaxed);
        let (cells, bulk) = ring.sizes();
        let right = cells.is_power_of_two() && bulk.is_power_of_two() && bulk <= 1 << 32;
        if !right || !segment.is_mapped(at, ring_len(cells, bulk)) || source >= segment.ranks() {
            return Err(wrong());
        }
        let known = self.of.get(source as usize).copied().flatten();
        if known.is_some() {
            let what = format!("a second ring of rank {source}, its offset");
            return Err(Scribbled::new(&what, at));
        }
        Ok((head, source, ring.next.load(Ordering::Relaxed)))
    }
}
