//! Partitioned communication (MPI 5.0, chapter 4): a message whose parts are handed over
//! one by one, by whichever thread has one ready.
//!
//! A *channel* is what an `MPI_Psend_init` and the `MPI_Precv_init` that it matches make;
//! each side has its own [`SendChannel`] or [`ReceiveChannel`]. A round is one start of
//! both. The sender's partitions and the receiver's may differ: bytes travel by partitions
//! of the sender.
//!
//! | cell | from | says |
//! |---|---|---|
//! | SETUP | sender | there is a channel, of so many partitions and bytes |
//! | ACCEPT | receiver | it is matched: where the buffer and the sheet are, if they are in reach |
//! | READY | sender | this partition is ready, and lies there |
//! | BEGUN | receiver | the round that the sender waits for has begun |
//! | CLOSED | sender | it has freed its request |
//!
//! SETUPs and receives match in the order of the init calls, by context, source and tag,
//! and never with other messages.
//!
//! **By loads and stores.** Where the sender reaches the receiver's buffer and its
//! [`sheet`], the thread that calls `MPI_Pready` copies the partition into the buffer and
//! writes the round's number on the sheet. It takes no lock, and `MPI_Parrived` is a load
//! of that word. A partition that is ready before the receiver has started its round is
//! held back: the sender notes on the sheet which round it waits for, and the receiver
//! says BEGUN when that starts. Of a long partition the front is offered to a receiver that
//! waits for the message, and so copies with the sender. What is short and the sender cannot
//! store in its place arrives in memory of the library's, from which the receiver unpacks it.
//!
//! **By messages.** Otherwise each partition is announced with READY, and fetched as any
//! announced message is (`rndv`). The receiver keeps announcements for a round that it has
//! not started.
//!
//! ```text
//! channel.rs    the sender's side, and what threads do to it without the library lock
//! receive.rs    the receiver's side
//! ready_check.rs  whether partitions that are ready stay as they are
//! sheet.rs      the words that both sides reach
//! staging.rs    where partitions arrive that the sender cannot store in their place
//! registry.rs   channels by request handle, without the library lock
//! cells.rs      the cells as types
//! channels.rs   all channels of this process: matching, cells, the way by messages
//! local.rs      the memory of partitions
//! ```

pub(super) mod cells;
pub(super) mod channel;
pub(super) mod channels;
mod local;
mod ready_check;
pub(super) mod receive;
mod registry;
mod sheet;
mod staging;

use crate::error::{Error, Result};
use crate::fail;
use crate::handle::Raw;
use crate::lock;
use crate::object::comm::ContextId;
use crate::object::comm::{Comm, Space};
use crate::object::group::Proc;
use crate::pml::engine::with_engine;
use crate::pml::matching::Envelope;
use crate::pml::progress;
use crate::pml::publish::WaitFor;
use crate::pml::request::Completion;
use crate::pml::waiter;
use channel::{ChannelComm, Hands, Marked, SendChannel};
use local::Partitions;
pub use local::Side;
use ready_check::ReadyCheck;
use receive::ReceiveChannel;
use registry::Channel;
use std::ffi::c_int;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use wireup::layout::WaitKind;

/// Which message: the peer's rank (`None`: `MPI_PROC_NULL`) and the tag.
#[derive(Clone, Copy, Debug)]
pub struct Which {
    /// The rank in the communicator.
    pub rank: Option<u32>,
    /// The tag.
    pub tag: i32,
    /// The communicator's handle, for errors.
    pub comm: Raw,
}

/// What an inactive or active partitioned send is, for who owns its request. Dropping it
/// frees this side of the channel.
#[derive(Debug)]
pub struct PartitionedSend {
    channel: Arc<SendChannel>,
    which: Which,
    context: u32,
}

/// The same of a receive.
#[derive(Debug)]
pub struct PartitionedReceive {
    channel: Arc<ReceiveChannel>,
    which: Which,
    context: u32,
}

/// A side whose request has no handle yet.
#[derive(Debug)]
pub struct Unnamed(Channel);

impl Unnamed {
    /// Lets threads find it by its request's handle.
    pub fn name(self, raw: Raw) {
        self.0.handle().store(raw, Ordering::Relaxed);
        registry::set(raw, self.0);
    }
}

fn of_comm(comm: &Comm, source: u32, which: Which) -> ChannelComm {
    ChannelComm {
        envelope: Envelope {
            context: comm.context_of(Space::PointToPoint),
            source,
            tag: which.tag,
        },
        handle: which.comm,
        bridge: comm.bridge.clone(),
    }
}

/// Makes a partitioned send (section 4.2.1). Its memory must stay as long as it.
///
/// # Errors
/// There are more bytes than an address space holds.
pub fn send_init(comm: &Comm, side: &Side<'_>, which: Which) -> Result<PartitionedSend> {
    let memory = Partitions::of(side)?;
    let peer = which.rank.and_then(|rank| comm.peer(rank));
    let (channel, is_checked) = with_engine(|engine| {
        let core = &mut engine.core;
        let comm = of_comm(comm, comm.rank, which);
        let channel = core.channels.send(&mut core.queues, memory, peer, comm);
        (channel, core.checks_types)
    });
    if let (true, Some(rank)) = (is_checked, which.rank) {
        let (tag, place) = (which.tag, comm.label());
        let words = format!("the partitioned send to rank {rank}, tag {tag}, on {place}");
        let _ = channel.check.set(ReadyCheck::new(words)); // it is new
    }
    settle_own();
    Ok(PartitionedSend {
        channel,
        which,
        context: comm.context.0,
    })
}

/// Makes a partitioned receive (section 4.2.1). Its memory must stay as long as it.
///
/// # Errors
/// As for [`send_init`].
pub fn receive_init(comm: &Comm, side: &Side<'_>, which: Which) -> Result<PartitionedReceive> {
    let memory = Partitions::of(side)?;
    let channel = with_engine(|engine| {
        let core = &mut engine.core;
        let peer = which.rank.and_then(|rank| comm.peer(rank));
        let comm = of_comm(comm, which.rank.unwrap_or(0), which);
        core.channels.receive(&mut core.queues, memory, peer, comm)
    });
    settle_own();
    Ok(PartitionedReceive {
        channel,
        which,
        context: comm.context.0,
    })
}

/// Handles the cells of channels from this process to itself.
fn settle_own() {
    with_engine(|engine| {
        let core = &mut engine.core;
        core.channels
            .settle_own(&mut core.queues, &mut core.learnt, &mut core.transfers);
    });
}

impl PartitionedSend {
    /// For its request's handle.
    #[must_use]
    pub fn unnamed(&self) -> Unnamed {
        Unnamed(Channel::Send(self.channel.clone()))
    }

    /// Whether it is inactive, or all partitions are ready and out.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.channel.is_done()
    }

    /// Begins a round: no partition is ready.
    pub fn start(&self) {
        with_engine(|engine| {
            let core = &mut engine.core;
            core.channels.start_send(&mut core.queues, &self.channel);
        });
    }

    /// Ends a round that is done.
    pub fn finish(&self) -> Completion {
        self.channel.finish();
        Completion::empty()
    }

    /// How a round that is done has ended.
    #[must_use]
    pub fn peek(&self) -> Completion {
        self.channel.release();
        Completion::empty()
    }

    /// What it waits for.
    #[must_use]
    pub fn waits_for(&self) -> WaitFor {
        match self.channel.is_all_ready() {
            true => waits_for(
                WaitKind::Send,
                self.channel.peer(),
                self.which.tag,
                self.context,
            ),
            // For another thread of this rank.
            false => WaitFor::NOTHING,
        }
    }
}

impl Drop for PartitionedSend {
    fn drop(&mut self) {
        registry::clear(self.channel.handle.load(Ordering::Relaxed));
        close(|channels, queues| channels.close_send(queues, &self.channel));
    }
}

impl PartitionedReceive {
    /// For its request's handle.
    #[must_use]
    pub fn unnamed(&self) -> Unnamed {
        Unnamed(Channel::Receive(self.channel.clone()))
    }

    /// Whether it is inactive, or all partitions have arrived.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.channel.is_done()
    }

    /// Begins a round: no partition has arrived.
    pub fn start(&self) {
        with_engine(|engine| {
            let core = &mut engine.core;
            let (queues, learnt) = (&mut core.queues, &mut core.learnt);
            core.channels
                .start(queues, learnt, &mut core.transfers, &self.channel);
        });
        settle_own();
    }

    /// Ends a round that is done.
    pub fn finish(&self) -> Completion {
        let completion = self.peek();
        self.channel.finish();
        completion
    }

    /// How a round that is done has ended.
    #[must_use]
    pub fn peek(&self) -> Completion {
        let Some(source) = self.which.rank else {
            return Completion::proc_null();
        };
        if !self.channel.is_active() {
            return Completion::empty();
        }
        let mut completion = Completion::received(source, self.which.tag, self.channel.received());
        completion.error = self.channel.error();
        completion
    }

    /// What it waits for.
    #[must_use]
    pub fn waits_for(&self) -> WaitFor {
        waits_for(
            WaitKind::Receive,
            self.channel.peer(),
            self.which.tag,
            self.context,
        )
    }
}

impl Drop for PartitionedReceive {
    fn drop(&mut self) {
        registry::clear(self.channel.handle.load(Ordering::Relaxed));
        close(|channels, queues| channels.close_receive(queues, &self.channel));
    }
}

fn close(
    f: impl FnOnce(&mut channels::Channels, &mut crate::pml::queues::Queues<crate::pml::active::Active>),
) {
    with_engine(|engine| f(&mut engine.core.channels, &mut engine.core.queues));
    settle_own();
}

fn waits_for(kind: WaitKind, peer: Option<Proc>, tag: i32, context: u32) -> WaitFor {
    match peer {
        Some(_) => WaitFor {
            is_partitioned: true,
            ..WaitFor::peer(kind, peer, tag, ContextId(context))
        },
        None => WaitFor::NOTHING,
    }
}

#[cold]
fn no_channel<T>(raw: Raw, wanted: &str) -> Result<T> {
    fail!(
        REQUEST,
        "request {raw:#x} is not a handle of a partitioned {wanted}, or was freed"
    )
}

/// Says that partitions of the send of this handle are ready (`MPI_Pready` and its kin,
/// section 4.2.2). All of them, or on an error none. Called without the library lock; any
/// thread may.
///
/// # Errors
/// The handle names no active partitioned send, or a partition is none of its own, is
/// there twice, or is ready already.
pub fn ready(raw: Raw, partitions: impl Iterator<Item = c_int> + Clone) -> Result<()> {
    let send = match registry::get(raw) {
        Some(Channel::Send(send)) => send,
        Some(Channel::Receive(_)) => {
            fail!(
                REQUEST,
                "request is a partitioned receive: only partitions of a send become ready"
            )
        }
        None => return no_channel(raw, "send"),
    };
    let about = |error: Error| error.about(Some(send.comm));
    send.mark(partitions.clone()).map_err(about)?;
    if let Some(check) = send.check.get() {
        for partition in partitions.clone().map(c_int::unsigned_abs) {
            // SAFETY: the program leaves a ready partition alone until the send is complete.
            unsafe { check.ready(partition, send.buffer(partition)) };
        }
    }
    let mut hands = Hands::default();
    for partition in partitions {
        if send.hand_over(partition.unsigned_abs(), &mut hands) == Marked::ByMessage {
            let _inside = lock::enter();
            announce(send, partition.unsigned_abs());
        }
    }
    if send.leave(hands) {
        waiter::tell_threads(); // one may wait for the send
    }
    Ok(())
}

/// Announces a partition that goes by messages.
#[cold]
fn announce(send: &Arc<SendChannel>, partition: u32) {
    with_engine(|engine| {
        let core = &mut engine.core;
        core.channels.announce(&mut core.queues, send, partition);
    });
    settle_own();
}

/// Whether a partition of the receive of this handle has arrived (`MPI_Parrived`, section
/// 4.2.2). Called without the library lock; any thread may. Makes progress if it has not.
///
/// # Errors
/// The handle names no partitioned receive, or there is no such partition.
pub fn arrived(raw: Raw, partition: c_int) -> Result<bool> {
    let receive = match registry::get(raw) {
        Some(Channel::Receive(receive)) => receive,
        Some(Channel::Send(_)) => {
            fail!(
                REQUEST,
                "request is a partitioned send: only partitions of a receive arrive"
            )
        }
        None => return no_channel(raw, "receive"),
    };
    let partitions = receive.partitions();
    let Some(partition) = u32::try_from(partition).ok().filter(|p| *p < partitions) else {
        let wrong = channel::no_partition(partition, partitions);
        return wrong.map_err(|error: Error| error.about(Some(receive.comm)));
    };
    if receive.has_arrived(partition) {
        return Ok(true);
    }
    let _inside = lock::enter();
    progress::poll();
    receive.settle();
    Ok(receive.has_arrived(partition))
}

/// The error of an operation on a partitioned request that there is none of.
#[must_use]
pub fn no_cancel() -> Error {
    Error::new(
        crate::error::Class::REQUEST,
        "partitioned communication cannot be cancelled",
    )
}
