//! The receiver's side of a channel. As at the sender's, what threads do to it without the
//! library lock touches atomics and the program's memory only.

use super::cells::{ChannelId, Ready};
use super::channel::ChannelComm;
use super::local::Partitions;
use super::sheet::Sheet;
use super::staging::Staging;
use crate::error::{Class, Error};
use crate::handle::Raw;
use crate::lock::Local;
use crate::object::comm::Bridge;
use crate::object::group::Proc;
use crate::pml::matching::Envelope;
use crate::pml::memory::copy_long;
use crate::pml::request::{Request, RequestRef};
use crate::pml::waiter;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// Partitions whose offers one look goes through.
const LOOKED_AT: u32 = 64;

/// What the receiver knows of the sender once they are matched.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) send: ChannelId,
    /// Its partitions, and bytes of one.
    pub(super) partitions: u32,
    pub(super) len: usize,
    pub(super) sheet: Sheet,
    /// Where its partitions are mapped here, if their fronts may be copied from there.
    pub(super) memory: Option<NonNull<u8>>,
    /// Where partitions arrive that the sender cannot store in their place.
    pub(super) staging: Option<Staging>,
}

// SAFETY: the sender's memory is read only while the sender offers it.
unsafe impl Send for Source {}
// SAFETY: as above.
unsafe impl Sync for Source {}

/// A partition of the sender's that is being fetched.
#[derive(Debug)]
pub(super) struct Fetch {
    pub(super) partition: u32,
    pub(super) receive: RequestRef,
    /// Bytes that are to be unpacked, and where they belong.
    pub(super) bounce: Option<(Box<[u8]>, usize)>,
}

/// What is reached under the library lock only.
#[derive(Debug, Default)]
struct Fetches {
    under_way: Vec<Fetch>,
    /// Announcements for a round that has not begun.
    early: Vec<Ready>,
    error: Option<Error>,
}

/// The receiver's side.
#[derive(Debug)]
pub(in crate::pml) struct ReceiveChannel {
    memory: Partitions,
    /// `None`: `MPI_PROC_NULL`.
    peer: Option<Proc>,
    pub(super) handle: AtomicUsize,
    /// The communicator that errors are about, by its handle.
    pub(super) comm: Raw,
    _bridge: Option<Arc<Bridge>>,
    pub(super) id: ChannelId,
    pub(super) envelope: Envelope,
    pub(super) source: OnceLock<Source>,
    /// Whether the sender may store into the buffer.
    pub(super) in_reach: AtomicBool,
    round: AtomicU32,
    active: AtomicBool,
    /// The round in which this side copies what it is offered.
    helped: AtomicU32,
    /// Partitions of the sender before this one have arrived, where each is looked at.
    next: AtomicU32,
    /// The sender announces partitions.
    is_announced: AtomicBool,
    fetches: Local<Fetches>,
}

impl ReceiveChannel {
    pub(super) fn new(
        memory: Partitions,
        peer: Option<Proc>,
        id: ChannelId,
        comm: ChannelComm,
    ) -> ReceiveChannel {
        ReceiveChannel {
            memory,
            peer,
            handle: AtomicUsize::new(0),
            comm: comm.handle,
            _bridge: comm.bridge,
            id,
            envelope: comm.envelope,
            source: OnceLock::new(),
            in_reach: AtomicBool::new(false),
            round: AtomicU32::new(0),
            active: AtomicBool::new(false),
            helped: AtomicU32::new(0),
            next: AtomicU32::new(0),
            is_announced: AtomicBool::new(false),
            fetches: Local::new(Fetches::default()),
        }
    }

    pub(super) fn peer(&self) -> Option<Proc> {
        self.peer
    }

    pub(super) fn partitions(&self) -> u32 {
        self.memory.partitions
    }

    pub(super) fn memory(&self) -> &Partitions {
        &self.memory
    }

    pub(super) fn round(&self) -> u32 {
        self.round.load(Ordering::Relaxed)
    }

    pub(super) fn is_active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }

    /// Begins a round, at this side alone.
    pub(super) fn start(&self) -> u32 {
        let round = self.round().wrapping_add(1);
        self.round.store(round, Ordering::Relaxed);
        self.next.store(0, Ordering::Relaxed);
        self.active.store(true, Ordering::Release); // pairs with the Acquire in `has_arrived`
        round
    }

    /// Ends it.
    pub(super) fn finish(&self) {
        self.fetches.with(|fetches| fetches.error = None);
        self.active.store(false, Ordering::Relaxed);
    }

    /// The partitions of the sender that one of the receiver's is made of.
    fn made_of(&self, source: &Source, partition: u32) -> Range<u32> {
        let (own, theirs) = (self.memory.len, source.len);
        if own == theirs && self.partitions() == source.partitions {
            return partition..partition + 1;
        }
        if own == 0 || theirs == 0 {
            return 0..source.partitions;
        }
        let begin = partition as usize * own;
        let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX).min(source.partitions);
        number(begin / theirs)..number((begin + own).div_ceil(theirs))
    }

    /// Whether a partition is in its place, or no round is under way.
    #[inline]
    pub(super) fn has_arrived(&self, partition: u32) -> bool {
        // pairs with the Release in `start`
        if !self.active.load(Ordering::Acquire) || self.peer.is_none() {
            return true;
        }
        let Some(source) = self.source.get() else {
            return false;
        };
        let round = self.round();
        self.made_of(source, partition)
            .all(|theirs| source.has_arrived(theirs, round))
    }

    /// Whether all of it has arrived, or no round is under way. Under the library lock.
    pub(super) fn is_done(&self) -> bool {
        if !self.is_active() || self.peer.is_none() {
            return true;
        }
        let Some(source) = self.source.get() else {
            return false;
        };
        let round = self.round();
        if source.staging.is_none() && !self.is_announced.load(Ordering::Relaxed) {
            // What this side has taken it has copied, too: it does so under the lock.
            return source.partitions == 0
                || source.sheet.is_whole(round)
                || self.help(source, round);
        }
        self.settle();
        let mut next = self.next.load(Ordering::Relaxed);
        while next < source.partitions && source.has_arrived(next, round) {
            next += 1;
        }
        self.next.store(next, Ordering::Relaxed);
        next == source.partitions
    }

    /// Copies the fronts of partitions that the sender offers. Whether the sender has done
    /// its part of all.
    fn help(&self, source: &Source, round: u32) -> bool {
        let (Some(from), Some(to)) = (source.memory, self.memory.run()) else {
            return false;
        };
        if self.helped.load(Ordering::Relaxed) != round {
            if waiter::is_oversubscribed() {
                return false;
            }
            self.helped.store(round, Ordering::Relaxed);
            source.sheet.help(round);
            return false;
        }
        let front = source.sheet.shape().front();
        // A part of them at a time, so that a look stays short.
        let first = self.next.load(Ordering::Relaxed);
        let last = source.partitions.min(first + LOOKED_AT);
        for partition in first..last {
            if source.sheet.take_front(partition, round) {
                let offset = partition as usize * source.len;
                // SAFETY: the sender offers a partition that fits the buffer whole, and
                // keeps it until this side says that it has copied its front.
                unsafe {
                    let (from, to) = (from.as_ptr().add(offset), to.add(offset));
                    copy_long(from, to, front, source.len);
                }
                source.sheet.set_copied(partition, round);
                self.peer.into_iter().for_each(waiter::wake);
            }
        }
        let next = if last == source.partitions { 0 } else { last };
        self.next.store(next, Ordering::Relaxed);
        source.sheet.is_whole(round)
    }

    /// Bytes that a round brings.
    pub(super) fn received(&self) -> usize {
        self.sent().min(self.memory.total)
    }

    fn sent(&self) -> usize {
        let source = self.source.get();
        source.map_or(0, |source| source.len * source.partitions as usize)
    }

    /// What went wrong in this round.
    pub(super) fn error(&self) -> Option<Error> {
        let (sent, room) = (self.sent(), self.memory.total);
        if sent > room {
            let Envelope { source, tag, .. } = self.envelope;
            let text = format!(
                "the partitioned message of {sent} bytes from rank {source} with tag {tag} does not fit the receive buffer of {room} bytes"
            );
            return Some(Error::new(Class::TRUNCATE, text));
        }
        self.fetches.with(|fetches| {
            let error = fetches.error.as_ref();
            error.map(|error| Error::new(error.class(), error.text()))
        })
    }

    /// The sender announces partitions of this channel.
    pub(super) fn is_announced(&self) {
        self.is_announced.store(true, Ordering::Relaxed);
    }

    /// Keeps an announcement for a later round.
    pub(super) fn keep(&self, ready: Ready) {
        self.fetches.with(|fetches| fetches.early.push(ready));
    }

    /// The announcements that were kept for this round.
    pub(super) fn kept(&self) -> Vec<Ready> {
        let round = self.round();
        self.fetches.with(|fetches| {
            let early = std::mem::take(&mut fetches.early);
            let (due, later) = early.into_iter().partition(|ready| ready.round == round);
            fetches.early = later;
            due
        })
    }

    /// Says that a partition of the sender's is being fetched.
    pub(super) fn fetches(&self, fetch: Fetch) {
        self.fetches.with(|fetches| fetches.under_way.push(fetch));
    }

    /// Notes what has been fetched. Under the library lock.
    pub(super) fn settle(&self) {
        let Some(source) = self.source.get() else {
            return;
        };
        let round = self.round();
        if let Some(staging) = &source.staging {
            self.unpack(source, staging, round);
        }
        self.fetches.with(|fetches| {
            let mut at = 0;
            while let Some(fetch) = fetches.under_way.get(at) {
                if !fetch.receive.done.get() {
                    at += 1;
                    continue;
                }
                let Fetch {
                    partition,
                    receive,
                    bounce,
                } = fetches.under_way.swap_remove(at);
                if let Some((bytes, offset)) = bounce {
                    // SAFETY: the bytes of that partition; the round has begun, so that
                    // the buffer is the library's.
                    unsafe { self.memory.copy_in(offset, &bytes) };
                }
                let error = Request::of(receive).finish().error;
                fetches.error = fetches.error.take().or(error);
                if let Some(staging) = &source.staging {
                    // It lies in the buffer already, whatever is in the staging.
                    staging.set_unpacked(partition, round);
                }
                source.sheet.set_arrived(partition, round);
            }
        });
    }

    /// Puts what has arrived in its place.
    fn unpack(&self, source: &Source, staging: &Staging, round: u32) {
        for partition in 0..source.partitions {
            if staging.is_unpacked(partition, round) || !source.sheet.has_arrived(partition, round)
            {
                continue;
            }
            let offset = partition as usize * source.len;
            let n = source.len.min(self.memory.total.saturating_sub(offset));
            if n > 0 {
                // SAFETY: the partition is there whole, and the sender writes it no more
                // before the next round, which begins after this one.
                let bytes = unsafe { staging.bytes(offset, n) };
                // SAFETY: the bytes of that partition; the round has begun, so that the
                // buffer is the library's.
                unsafe { self.memory.copy_in(offset, bytes) };
            }
            staging.set_unpacked(partition, round);
        }
    }
}

impl Source {
    /// Whether a partition of the sender's is in its place.
    #[inline]
    fn has_arrived(&self, partition: u32, round: u32) -> bool {
        match &self.staging {
            Some(staging) => staging.is_unpacked(partition, round),
            None => self.sheet.has_arrived(partition, round),
        }
    }
}
