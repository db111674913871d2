//! The two sides of a channel. What threads do to them without the library lock touches
//! atomics and the program's memory only; the rest is in a [`Local`].

use super::cells::{ChannelId, Ready};
use super::local::Partitions;
use super::sheet::Sheet;
use crate::error::{Class, Error, Result};
use crate::fail;
use crate::handle::Raw;
use crate::lock::Local;
use crate::object::comm::Bridge;
use crate::object::group::Proc;
use crate::pml::matching::Envelope;
use crate::pml::memory::Memory;
use crate::pml::request::{Request, RequestRef};
use crate::pml::transport::FarBell;
use crate::pml::waiter;
use std::ffi::c_int;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, OnceLock};

/// Either side.
#[derive(Debug)]
pub(super) enum Channel {
    Send(Arc<SendChannel>),
    Receive(Arc<ReceiveChannel>),
}

impl Channel {
    /// Where the handle of its request is noted; 0 before it has one.
    pub(super) fn handle(&self) -> &AtomicUsize {
        match self {
            Channel::Send(send) => &send.handle,
            Channel::Receive(receive) => &receive.handle,
        }
    }
}

/// What a channel has of its communicator, which the program may free before.
#[derive(Debug)]
pub(super) struct ChannelComm {
    pub(super) envelope: Envelope,
    /// Its handle: errors are about it.
    pub(super) handle: Raw,
    /// The bridge to the other job, which stays open as long as the channel.
    pub(super) bridge: Option<Arc<Bridge>>,
}

/// One bit per partition.
#[derive(Debug)]
struct Bits(Box<[AtomicU64]>);

impl Bits {
    fn new(bits: u32) -> Bits {
        Bits((0..bits.div_ceil(64)).map(|_| AtomicU64::new(0)).collect())
    }

    fn of(&self, bit: u32) -> (&AtomicU64, u64) {
        (&self.0[bit as usize / 64], 1 << (bit % 64))
    }

    /// Sets a bit. Whether it was clear.
    fn set(&self, bit: u32) -> bool {
        let (word, mask) = self.of(bit);
        word.fetch_or(mask, Ordering::AcqRel) & mask == 0 // pairs with itself and `clear`
    }

    /// Clears a bit. Whether it was set.
    fn clear(&self, bit: u32) -> bool {
        let (word, mask) = self.of(bit);
        word.fetch_and(!mask, Ordering::AcqRel) & mask != 0 // pairs with `set`
    }

    /// Clears all, and tells which were set.
    fn take(&self) -> Vec<u32> {
        let mut set = Vec::new();
        for (at, word) in (0u32..).zip(&self.0) {
            let mut bits = word.swap(0, Ordering::AcqRel); // pairs with `set`
            while bits != 0 {
                set.push(at * 64 + bits.trailing_zeros());
                bits &= bits - 1;
            }
        }
        set
    }
}

/// What the sender knows of the receiver once they are matched.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) receive: ChannelId,
    /// Bytes of the receive buffer.
    pub(super) room: usize,
    /// The sheet and the buffer, if this process may store there.
    pub(super) direct: Option<(Sheet, NonNull<u8>)>,
    /// What wakes a receiver of another job.
    pub(super) far_bell: Option<Box<dyn FarBell>>,
}

// SAFETY: the buffer is written between the start of a round and its end only, each byte
// by the thread that says that its partition is ready.
unsafe impl Send for Route {}
// SAFETY: as above.
unsafe impl Sync for Route {}

/// What has become of a partition that is ready.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Marked {
    /// It is in the receiver's buffer, or waits for the receiver.
    Out,
    /// It is there, and was the last one.
    Last,
    /// It is to be announced.
    ByMessage,
}

/// A thread in [`SendChannel::left`]; less than that counts partitions.
const THREAD: u64 = 1 << 32;

/// The sender's side.
#[derive(Debug)]
pub(in crate::pml) struct SendChannel {
    memory: Partitions,
    /// `None`: `MPI_PROC_NULL`.
    peer: Option<Proc>,
    is_own: bool,
    pub(super) handle: AtomicUsize,
    /// The communicator that errors are about, by its handle.
    pub(super) comm: Raw,
    _bridge: Option<Arc<Bridge>>,
    pub(super) id: ChannelId,
    pub(super) envelope: Envelope,
    pub(super) route: OnceLock<Route>,
    /// The receiver has taken its buffer out of reach.
    by_messages: AtomicBool,
    round: AtomicU32,
    active: AtomicBool,
    /// Partitions that are ready in this round, and those of them that wait for the
    /// receiver.
    marked: Bits,
    held: Bits,
    /// Partitions that have not gone out, and in units of [`THREAD`] the threads that are
    /// handing partitions over without the library lock. The round ends at 0: a thread may
    /// have to look at the channel once more after another has sent its partition.
    left: AtomicU64,
    /// Those that go by messages.
    outgoing: Local<Vec<RequestRef>>,
}

impl SendChannel {
    pub(super) fn new(
        memory: Partitions,
        (peer, is_own): (Option<Proc>, bool),
        id: ChannelId,
        comm: ChannelComm,
    ) -> SendChannel {
        let partitions = memory.partitions;
        SendChannel {
            memory,
            peer,
            is_own,
            handle: AtomicUsize::new(0),
            comm: comm.handle,
            _bridge: comm.bridge,
            id,
            envelope: comm.envelope,
            route: OnceLock::new(),
            by_messages: AtomicBool::new(false),
            round: AtomicU32::new(0),
            active: AtomicBool::new(false),
            marked: Bits::new(partitions),
            held: Bits::new(partitions),
            left: AtomicU64::new(0),
            outgoing: Local::new(Vec::new()),
        }
    }

    pub(super) fn peer(&self) -> Option<Proc> {
        self.peer
    }

    pub(super) fn partitions(&self) -> u32 {
        self.memory.partitions
    }

    /// Bytes of one partition.
    pub(super) fn len(&self) -> usize {
        self.memory.len
    }

    pub(super) fn round(&self) -> u32 {
        self.round.load(Ordering::Relaxed)
    }

    pub(super) fn partition(&self, partition: u32) -> Memory {
        self.memory.partition(partition)
    }

    /// Begins a round.
    pub(super) fn start(&self) {
        let round = self.round().wrapping_add(1);
        self.round.store(round, Ordering::Relaxed);
        self.marked.take();
        self.left
            .store(u64::from(self.partitions()), Ordering::Relaxed);
        // pairs with the Acquire in `mark`
        self.active.store(true, Ordering::Release);
    }

    /// Ends it.
    pub(super) fn finish(&self) {
        self.active.store(false, Ordering::Relaxed);
    }

    /// Whether no round is under way, or all of it is out and no thread hands over. Under
    /// the library lock.
    pub(super) fn is_done(&self) -> bool {
        if !self.active.load(Ordering::Relaxed) {
            return true;
        }
        // pairs with the Release in `count_out` and `leave`
        self.left.load(Ordering::Acquire) == 0
            && self.outgoing.with(|outgoing| {
                while outgoing.pop_if(|send| send.done.get()).is_some() {}
                outgoing.is_empty()
            })
    }

    /// Whether the program has said of all partitions that they are ready.
    pub(super) fn is_all_ready(&self) -> bool {
        (0..self.partitions()).all(|partition| {
            let (word, mask) = self.marked.of(partition);
            word.load(Ordering::Relaxed) & mask != 0
        })
    }

    /// Marks partitions as ready: all of them, or on an error none.
    ///
    /// # Errors
    /// The send is inactive, or a partition is none, or is ready already.
    pub(super) fn mark(&self, partitions: impl Iterator<Item = c_int> + Clone) -> Result<()> {
        // pairs with the Release in `start`
        if !self.active.load(Ordering::Acquire) {
            fail!(
                REQUEST,
                "the partitioned send is not active: it is started before its partitions become ready"
            );
        }
        let count = self.partitions();
        let is_one = |p: &c_int| u32::try_from(*p).is_ok_and(|p| p < count);
        if let Some(wrong) = partitions.clone().find(|p| !is_one(p)) {
            return no_partition(wrong, count);
        }
        for (at, partition) in partitions.clone().enumerate() {
            if !self.marked.set(partition.unsigned_abs()) {
                for before in partitions.take(at) {
                    self.marked.clear(before.unsigned_abs());
                }
                fail!(
                    ARG,
                    "partition {partition} is ready already: each becomes ready once after a start"
                );
            }
        }
        Ok(())
    }

    /// Says that this thread begins to hand over partitions that it has marked, without the
    /// library lock. The channel stays until it says [`SendChannel::leave`].
    pub(super) fn enter(&self) {
        self.left.fetch_add(THREAD, Ordering::Relaxed);
    }

    /// Ends what [`SendChannel::enter`] began: this thread must not look at the channel any
    /// more, which may be freed. Whether the round is over.
    pub(super) fn leave(&self) -> bool {
        // pairs with the Acquire in `is_done`
        self.left.fetch_sub(THREAD, Ordering::Release) == THREAD
    }

    /// Brings a partition that was marked to the receiver, as far as that goes now. Between
    /// `enter` and `leave`, or under the library lock.
    pub(super) fn hand_over(&self, partition: u32) -> Marked {
        loop {
            if self.peer.is_none() {
                return self.count_out();
            }
            let Some(route) = self.route.get() else {
                self.held.set(partition);
                fence(Ordering::SeqCst); // pairs with the one in `take_held`
                if self.route.get().is_none() || !self.held.clear(partition) {
                    return Marked::Out;
                }
                continue;
            };
            let Some((sheet, buffer)) = self.direct(route) else {
                return Marked::ByMessage;
            };
            let round = self.round();
            if sheet.has_begun(round) {
                self.copy(partition, route.room, *buffer);
                sheet.set_arrived(partition, round);
                match (&route.far_bell, self.peer.filter(|_| !self.is_own)) {
                    (Some(bell), _) => bell.ring(),
                    (None, Some(peer)) => waiter::wake(peer),
                    (None, None) => waiter::tell_threads(),
                }
                return self.count_out();
            }
            self.held.set(partition);
            let changed = sheet.await_round(round) || self.by_messages.load(Ordering::Relaxed);
            if !changed || !self.held.clear(partition) {
                return Marked::Out;
            }
        }
    }

    fn direct<'a>(&self, route: &'a Route) -> Option<&'a (Sheet, NonNull<u8>)> {
        route
            .direct
            .as_ref()
            .filter(|_| !self.by_messages.load(Ordering::Relaxed))
    }

    fn copy(&self, partition: u32, room: usize, buffer: NonNull<u8>) {
        let offset = partition as usize * self.len();
        let n = self.len().min(room.saturating_sub(offset));
        if n > 0 {
            let memory = self.partition(partition);
            let to = buffer.as_ptr().wrapping_add(offset);
            // SAFETY: the program leaves a ready partition alone until the send is done;
            // the receiver has begun the round, so its buffer is the library's, and `n`
            // bytes of it lie there.
            unsafe { memory.copy_out(0, to, n) };
        }
    }

    fn count_out(&self) -> Marked {
        // pairs with the Acquire in `is_done`
        match self.left.fetch_sub(1, Ordering::Release) {
            1 => Marked::Last,
            _ => Marked::Out,
        }
    }

    /// The partitions that wait for the receiver; they wait no more. After something has
    /// changed that they may wait for.
    pub(super) fn take_held(&self) -> Vec<u32> {
        fence(Ordering::SeqCst); // pairs with those in `hand_over` and `await_round`
        self.held.take()
    }

    /// The buffer is out of reach from now on.
    pub(super) fn use_messages(&self) {
        self.by_messages.store(true, Ordering::Relaxed);
    }

    /// Keeps a message that a partition has become.
    pub(super) fn went_as(&self, send: RequestRef) -> Marked {
        self.outgoing.with(|outgoing| outgoing.push(send));
        self.count_out()
    }
}

/// What the receiver knows of the sender once they are matched.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) send: ChannelId,
    /// Its partitions, and bytes of one.
    pub(super) partitions: u32,
    pub(super) len: usize,
    pub(super) sheet: Sheet,
}

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
    /// Partitions of the sender before this one have arrived.
    next: AtomicU32,
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
            next: AtomicU32::new(0),
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
            .all(|theirs| source.sheet.has_arrived(theirs, round))
    }

    /// Whether all of it has arrived, or no round is under way. Under the library lock.
    pub(super) fn is_done(&self) -> bool {
        if !self.is_active() || self.peer.is_none() {
            return true;
        }
        let Some(source) = self.source.get() else {
            return false;
        };
        self.settle();
        let (round, mut next) = (self.round(), self.next.load(Ordering::Relaxed));
        while next < source.partitions && source.sheet.has_arrived(next, round) {
            next += 1;
        }
        self.next.store(next, Ordering::Relaxed);
        next == source.partitions
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
                source.sheet.set_arrived(partition, round);
            }
        });
    }
}

#[cold]
pub(super) fn no_partition<T>(partition: c_int, partitions: u32) -> Result<T> {
    match partitions.checked_sub(1) {
        Some(last) => fail!(
            ARG,
            "partition is {partition}, but the request has partitions 0 to {last}"
        ),
        None => fail!(
            ARG,
            "partition is {partition}, but the request has no partitions"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::local::Side;
    use super::*;
    use crate::lock;
    use crate::object::comm::ContextId;
    use crate::object::datatype;

    /// As `MPI_Wait` may see it, and `MPI_Request_free` after it, while another thread is
    /// still in `MPI_Pready`.
    #[test]
    fn a_round_is_not_over_while_a_thread_hands_over() {
        let _inside = lock::inside();
        let mut bytes = [0_u8; 8];
        let side = Side {
            addr: bytes.as_mut_ptr(),
            partitions: 2,
            count: 4,
            datatype: datatype::byte(),
        };
        let comm = ChannelComm {
            envelope: Envelope {
                context: ContextId(0),
                source: 0,
                tag: 0,
            },
            handle: 0,
            bridge: None,
        };
        let memory = Partitions::of(&side).unwrap();
        let channel = SendChannel::new(memory, (None, false), ChannelId(0), comm);
        for _ in 0..2 {
            channel.start();
            channel.mark(0..2).unwrap();
            channel.enter();
            assert_eq!(channel.hand_over(0), Marked::Out);
            channel.enter(); // another thread
            assert_eq!(channel.hand_over(1), Marked::Out);
            assert!(!channel.is_done());
            assert!(!channel.leave());
            assert!(!channel.is_done());
            assert!(channel.leave(), "the last to leave ends the round");
            assert!(channel.is_done());
            channel.finish();
        }
    }
}
