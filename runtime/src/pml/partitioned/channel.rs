//! The sender's side of a channel. What threads do to it without the library lock touches
//! atomics and the program's memory only; the rest is in a [`Local`].

use super::cells::ChannelId;
use super::local::Partitions;
use super::ready_check::ReadyCheck;
use super::sheet::{Shape, Sheet};
use crate::error::Result;
use crate::fail;
use crate::handle::Raw;
use crate::lock::Local;
use crate::object::comm::Bridge;
use crate::object::group::Proc;
use crate::pml::matching::Envelope;
use crate::pml::memory::{Buffer, Memory};
use crate::pml::request::RequestRef;
use crate::pml::transport::FarBell;
use crate::pml::waiter;
use std::ffi::c_int;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, OnceLock};

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

    /// Whether `f` holds of each that is set.
    fn all(&self, f: impl Fn(u32) -> bool) -> bool {
        (0u32..).zip(&self.0).all(|(at, word)| {
            let mut bits = word.load(Ordering::Acquire); // pairs with `set`
            while bits != 0 {
                if !f(at * 64 + bits.trailing_zeros()) {
                    return false;
                }
                bits &= bits - 1;
            }
            true
        })
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
    /// It is to be announced.
    ByMessage,
}

/// A thread in [`SendChannel::left`]; less than that counts partitions.
const THREAD: u64 = 1 << 32;

/// A thread that hands partitions over.
#[derive(Debug, Default)]
pub(super) struct Hands {
    /// Partitions that are out and not counted yet. While there are any, the round goes on.
    out: u32,
    /// It is counted among the threads.
    is_counted: bool,
}

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
    bridge: Option<Arc<Bridge>>,
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
    /// Partitions whose front the receiver has taken.
    lent: Bits,
    /// The receiver may load from the partitions in this round.
    pub(super) is_in_reach: AtomicBool,
    /// Partitions that have not gone out, and in units of [`THREAD`] the threads that are
    /// handing over partitions that others may send. The round ends at 0: a thread may
    /// have to look at the channel once more after another has sent its partition.
    left: AtomicU64,
    /// Those that go by messages.
    outgoing: Local<Vec<RequestRef>>,
    /// What the program may not change any more, where buffers are checked.
    pub(super) check: OnceLock<ReadyCheck>,
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
            bridge: comm.bridge,
            id,
            envelope: comm.envelope,
            route: OnceLock::new(),
            by_messages: AtomicBool::new(false),
            round: AtomicU32::new(0),
            active: AtomicBool::new(false),
            marked: Bits::new(partitions),
            held: Bits::new(partitions),
            lent: Bits::new(partitions),
            is_in_reach: AtomicBool::new(false),
            left: AtomicU64::new(0),
            outgoing: Local::new(Vec::new()),
            check: OnceLock::new(),
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

    pub(super) fn shape(&self) -> Shape {
        Shape {
            partitions: self.partitions(),
            len: self.len(),
        }
    }

    /// Whether its partitions may be shared out to the receiver.
    pub(super) fn is_lent(&self) -> bool {
        self.shape().is_shared() && !self.is_own && self.bridge.is_none()
    }

    /// Where all of it lies, if that is one run.
    pub(super) fn run(&self) -> Option<*mut u8> {
        self.memory.run()
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
        self.release();
        self.active.store(false, Ordering::Relaxed);
    }

    /// The program knows that the send is complete.
    pub(super) fn release(&self) {
        if let Some(check) = self.check.get() {
            check.end();
        }
    }

    /// The buffer of one partition.
    pub(super) fn buffer(&self, partition: u32) -> Buffer<'_> {
        self.memory.buffer(partition)
    }

    /// Whether no round is under way, or all of it is out and no thread hands over. Under
    /// the library lock.
    pub(super) fn is_done(&self) -> bool {
        if !self.active.load(Ordering::Relaxed) {
            return true;
        }
        // pairs with the Release in `leave` and `went_as`
        self.left.load(Ordering::Acquire) == 0
            && self.has_all_back()
            && self.outgoing.with(|outgoing| {
                while outgoing.pop_if(|send| send.done.get()).is_some() {}
                outgoing.is_empty()
            })
    }

    /// Whether the receiver has copied what it has taken.
    fn has_all_back(&self) -> bool {
        let Some((sheet, _)) = self.route.get().and_then(|route| route.direct.as_ref()) else {
            return true;
        };
        let round = self.round();
        self.lent.all(|partition| {
            let is_copied = sheet.is_copied(partition, round);
            if is_copied {
                self.lent.clear(partition);
            }
            is_copied
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

    /// Keeps the channel until [`SendChannel::leave`], although another thread may send
    /// what this one has marked.
    fn enter(&self, hands: &mut Hands) {
        if !hands.is_counted {
            hands.is_counted = true;
            self.left.fetch_add(THREAD, Ordering::Relaxed);
        }
    }

    /// Ends what this thread did to hand over partitions: it must not look at the channel
    /// any more, which may be freed. Whether the round is over.
    pub(super) fn leave(&self, hands: Hands) -> bool {
        let out = u64::from(hands.out);
        let change = out + if hands.is_counted { THREAD } else { 0 };
        if change == 0 {
            return false;
        }
        // pairs with the Release below: what others have copied is there, too
        let mut left = self.left.load(Ordering::Acquire);
        loop {
            if out > 0 && left % THREAD == out {
                // These are the last, and stay it, since only this thread counts them.
                self.tell_whole();
            }
            // pairs with the Acquire in `is_done`
            match self.left.compare_exchange_weak(
                left,
                left - change,
                Ordering::Release,
                Ordering::Acquire,
            ) {
                Ok(_) => return left == change,
                Err(seen) => left = seen,
            }
        }
    }

    /// Tells the receiver that this side has done all that it has to.
    fn tell_whole(&self) {
        let Some(route) = self.route.get() else {
            return;
        };
        if let Some((sheet, _)) = self.direct(route) {
            sheet.set_whole(self.round());
            match (&route.far_bell, self.peer.filter(|_| !self.is_own)) {
                (Some(bell), _) => bell.ring(),
                (None, Some(peer)) => waiter::wake(peer),
                (None, None) => waiter::tell_threads(),
            }
        }
    }

    /// Brings a partition that was marked to the receiver, as far as that goes now. Before
    /// `leave`.
    pub(super) fn hand_over(&self, partition: u32, hands: &mut Hands) -> Marked {
        loop {
            if self.peer.is_none() {
                hands.out += 1;
                return Marked::Out;
            }
            let Some(route) = self.route.get() else {
                self.enter(hands);
                self.held.set(partition);
                fence(Ordering::SeqCst); // pairs with the one in `take_held`
                if self.route.get().is_none() || !self.held.clear(partition) {
                    return Marked::Out;
                }
                continue;
            };
            let Some((sheet, buffer)) = self.direct(route) else {
                self.enter(hands);
                return Marked::ByMessage;
            };
            let round = self.round();
            if sheet.has_begun(round) {
                self.copy(partition, route.room, (sheet, *buffer));
                sheet.set_arrived(partition, round);
                hands.out += 1;
                return Marked::Out;
            }
            self.enter(hands);
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

    /// Copies a partition, or what the receiver leaves of it.
    fn copy(&self, partition: u32, room: usize, (sheet, buffer): (&Sheet, NonNull<u8>)) {
        let offset = partition as usize * self.len();
        let n = self.len().min(room.saturating_sub(offset));
        if n == 0 {
            return;
        }
        let memory = self.partition(partition);
        let to = buffer.as_ptr().wrapping_add(offset);
        let copy = |range: Range<usize>| {
            // SAFETY: the program leaves a ready partition alone until the send is done;
            // the receiver has begun the round, so its buffer is the library's, and `n`
            // bytes of it lie there.
            unsafe { memory.copy_out(range.start, to.wrapping_add(range.start), range.len()) };
        };
        let round = self.round();
        if n < self.len()
            || !self.is_in_reach.load(Ordering::Relaxed)
            || !sheet.offer_front(partition, round)
        {
            return copy(0..n);
        }
        let front = sheet.shape().front();
        copy(front..n);
        match sheet.withdraw_front(partition, round) {
            true => copy(0..front),
            false if sheet.is_copied(partition, round) => {}
            false => {
                self.lent.set(partition);
            }
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
    pub(super) fn went_as(&self, send: RequestRef) {
        self.outgoing.with(|outgoing| outgoing.push(send));
        self.left.fetch_sub(1, Ordering::Release); // pairs with the Acquire in `is_done`
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
            let (mut one, mut other) = (Hands::default(), Hands::default());
            channel.enter(&mut one); // as if another might send its partition
            assert_eq!(channel.hand_over(0, &mut one), Marked::Out);
            assert_eq!(channel.hand_over(1, &mut other), Marked::Out);
            assert!(!channel.is_done());
            assert!(!channel.leave(other));
            assert!(!channel.is_done());
            assert!(channel.leave(one), "the last to leave ends the round");
            assert!(channel.is_done());
            channel.finish();
        }
    }
}
