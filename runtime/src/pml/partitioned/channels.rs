//! All channels of this process: which send meets which receive, what cells do, and the
//! way by messages.

use super::cells::{Accept, Cell, ChannelId, Ready, Setup};
use super::channel::{ChannelComm, Hands, Marked, Route, SendChannel};
use super::local::Partitions;
use super::receive::{Fetch, ReceiveChannel, Source};
use super::sheet::{Shape, Sheet};
use super::staging::{STAGED_MOST, Staging};
use crate::error::Error;
use crate::object::comm::ContextId;
use crate::object::group::Proc;
use crate::pml::check;
use crate::pml::fatal::die;
use crate::pml::learnt::Learnt;
use crate::pml::matching::{Envelope, Pattern};
use crate::pml::place::Place;
use crate::pml::queues::Queues;
use crate::pml::request::{Phase, RequestId, RequestRef};
use crate::pml::rndv::Transfers;
use crate::pml::transport::{Access, Remote, Transport};
use crate::pml::waiter;
use crate::pml::wire::Control;
use std::collections::{HashMap, VecDeque};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Context, source and tag.
type Key = (ContextId, u32, i32);

fn key(envelope: &Envelope) -> Key {
    (envelope.context, envelope.source, envelope.tag)
}

#[derive(Debug)]
struct SendEntry {
    channel: Arc<SendChannel>,
    /// The program has freed its request.
    is_closed: bool,
}

#[derive(Debug)]
struct ReceiveEntry {
    channel: Arc<ReceiveChannel>,
    is_closed: bool,
    /// The sender has closed, and is at the sheet no more.
    is_left: bool,
}

/// The channels.
#[derive(Debug, Default)]
pub(in crate::pml) struct Channels {
    last: u32,
    sends: HashMap<ChannelId, SendEntry>,
    receives: HashMap<ChannelId, ReceiveEntry>,
    /// Receives that no SETUP has come for, and SETUPs that there is no receive for.
    posted: HashMap<Key, VecDeque<ChannelId>>,
    unexpected: HashMap<Key, VecDeque<(Proc, Setup)>>,
    /// Cells from this process to itself.
    own: VecDeque<Cell>,
}

impl Channels {
    fn next_id(&mut self) -> ChannelId {
        self.last = self.last.wrapping_add(1);
        ChannelId(self.last)
    }

    fn tell<T: Transport>(&mut self, queues: &mut Queues<T>, peer: Proc, cell: Cell) {
        match peer == queues.me() {
            true => self.own.push_back(cell),
            false => queues.tell(peer, &Control::Channel(cell)),
        }
    }

    /// Makes the sender's side of a channel.
    pub(super) fn send<T: Transport>(
        &mut self,
        queues: &mut Queues<T>,
        memory: Partitions,
        peer: Option<Proc>,
        comm: ChannelComm,
    ) -> Arc<SendChannel> {
        let id = self.next_id();
        let is_own = peer == Some(queues.me());
        let channel = Arc::new(SendChannel::new(memory, (peer, is_own), id, comm));
        if let Some(peer) = peer {
            let entry = SendEntry {
                channel: channel.clone(),
                is_closed: false,
            };
            self.sends.insert(id, entry);
            let setup = Setup {
                envelope: channel.envelope,
                send: id,
                partitions: channel.partitions(),
                len: channel.len(),
                addr: lent_addr(queues, &channel).unwrap_or(0),
            };
            self.tell(queues, peer, Cell::Setup(setup));
        }
        channel
    }

    /// Makes the receiver's side.
    pub(super) fn receive<T: Transport>(
        &mut self,
        queues: &mut Queues<T>,
        memory: Partitions,
        peer: Option<Proc>,
        comm: ChannelComm,
    ) -> Arc<ReceiveChannel> {
        let id = self.next_id();
        let channel = Arc::new(ReceiveChannel::new(memory, peer, id, comm));
        if peer.is_none() {
            return channel;
        }
        let entry = ReceiveEntry {
            channel: channel.clone(),
            is_closed: false,
            is_left: false,
        };
        self.receives.insert(id, entry);
        let key = key(&channel.envelope);
        let waiting = self.unexpected.get_mut(&key);
        match waiting.and_then(VecDeque::pop_front) {
            Some((from, setup)) => {
                if self.unexpected.get(&key).is_some_and(VecDeque::is_empty) {
                    self.unexpected.remove(&key);
                }
                self.meet(queues, id, from, &setup);
            }
            None => self.posted.entry(key).or_default().push_back(id),
        }
        channel
    }

    /// What sends that no receive has been made for are matched by, and their bytes.
    pub(in crate::pml) fn unexpected(&self) -> impl Iterator<Item = (Envelope, usize)> {
        let setups = self.unexpected.values().flatten();
        setups.map(|(_, setup)| {
            let bytes = setup.len.saturating_mul(setup.partitions as usize);
            (setup.envelope, bytes)
        })
    }

    fn take_setup<T: Transport>(&mut self, queues: &mut Queues<T>, from: Proc, setup: &Setup) {
        let key = key(&setup.envelope);
        let posted = self.posted.get_mut(&key);
        match posted.and_then(VecDeque::pop_front) {
            Some(id) => {
                if self.posted.get(&key).is_some_and(VecDeque::is_empty) {
                    self.posted.remove(&key);
                }
                self.meet(queues, id, from, setup);
            }
            None => {
                let waiting = self.unexpected.entry(key).or_default();
                waiting.push_back((from, *setup));
            }
        }
    }

    /// A send and its receive have met.
    fn meet<T: Transport>(
        &mut self,
        queues: &mut Queues<T>,
        id: ChannelId,
        from: Proc,
        setup: &Setup,
    ) {
        let Some(entry) = self.receives.get(&id) else {
            return;
        };
        let channel = entry.channel.clone();
        let shape = Shape {
            partitions: setup.partitions,
            len: setup.len,
        };
        let sheet = Sheet::make(shape).unwrap_or_else(|why| no_memory(&why));
        let mut buffer = match entry.is_closed {
            true => None,
            false => in_reach(queues, from, &channel, &sheet),
        };
        let staging = match buffer.is_some() || entry.is_closed {
            true => None,
            false => staging(queues, from, &channel, &sheet),
        };
        if let Some(staging) = &staging {
            buffer = Some(staging.addr());
        }
        channel.in_reach.store(buffer.is_some(), Ordering::Relaxed);
        let lent_len = shape.len * shape.partitions as usize;
        let source = Source {
            send: setup.send,
            partitions: setup.partitions,
            len: setup.len,
            sheet,
            memory: match setup.addr {
                0 => None,
                addr => reach(queues, from, addr, lent_len),
            },
            staging,
        };
        let _ = channel.source.set(source); // a receive is matched once
        if channel.is_active() && buffer.is_some() {
            sheet.begin(channel.round());
        }
        let accept = Accept {
            send: setup.send,
            receive: id,
            in_reach: buffer.map(|buffer| (addr_of(sheet.addr()), addr_of(buffer))),
            room: channel.memory().total,
        };
        self.tell(queues, from, Cell::Accept(accept));
    }

    fn take_accept<T: Transport>(&mut self, queues: &mut Queues<T>, from: Proc, accept: &Accept) {
        let Some(entry) = self.sends.get(&accept.send) else {
            return;
        };
        let (channel, is_closed) = (entry.channel.clone(), entry.is_closed);
        let direct = accept.in_reach.and_then(|(sheet, buffer)| {
            let sheet = reach(queues, from, sheet, channel.shape().sheet_len())?;
            let buffer = match accept.room {
                0 => NonNull::dangling(),
                room => reach(queues, from, buffer, room)?,
            };
            // SAFETY: the receiver has made it there, for this channel's partitions; it
            // keeps it until it hears that this side has closed.
            Some((unsafe { Sheet::at(sheet, channel.shape()) }, buffer))
        });
        let route = Route {
            receive: accept.receive,
            room: accept.room,
            direct,
            far_bell: queues.transport().far_bell(from),
        };
        let _ = channel.route.set(route); // a send is matched once
        match is_closed {
            true => self.close_send(queues, &channel),
            false => self.flush(queues, &channel),
        }
    }

    /// Hands over the partitions that wait for the receiver.
    fn flush<T: Transport>(&mut self, queues: &mut Queues<T>, channel: &Arc<SendChannel>) {
        let mut hands = Hands::default();
        for partition in channel.take_held() {
            if channel.hand_over(partition, &mut hands) == Marked::ByMessage {
                self.announce(queues, channel, partition);
            }
        }
        if channel.leave(hands) {
            waiter::tell_threads();
        }
    }

    /// Announces a partition that is ready.
    pub(super) fn announce<T: Transport>(
        &mut self,
        queues: &mut Queues<T>,
        channel: &Arc<SendChannel>,
        partition: u32,
    ) {
        let (Some(peer), Some(route)) = (channel.peer(), channel.route.get()) else {
            return;
        };
        let memory = channel.partition(partition);
        let send = RequestRef::send(
            peer,
            channel.envelope,
            memory,
            (check::UNKNOWN, None),
            false,
        );
        let id = queues.name(&send);
        send.phase.set(Phase::Announced);
        let ready = Ready {
            receive: route.receive,
            id,
            place: place(queues, &send),
            partition,
            round: channel.round(),
        };
        channel.went_as(send);
        self.tell(queues, peer, Cell::Ready(ready));
    }

    fn take_ready<T: Transport>(
        &mut self,
        (queues, learnt): (&mut Queues<T>, &mut Learnt),
        transfers: &mut Transfers<T>,
        ready: Ready,
    ) {
        let Some(entry) = self.receives.get(&ready.receive) else {
            return;
        };
        let channel = entry.channel.clone();
        channel.is_announced();
        match channel.is_active() && channel.round() == ready.round {
            true => fetch((queues, learnt), transfers, &channel, &ready),
            false => channel.keep(ready),
        }
    }

    /// Starts a receive.
    pub(super) fn start<T: Transport>(
        &mut self,
        queues: &mut Queues<T>,
        learnt: &mut Learnt,
        transfers: &mut Transfers<T>,
        channel: &Arc<ReceiveChannel>,
    ) {
        let round = channel.start();
        let (Some(peer), Some(source)) = (channel.peer(), channel.source.get()) else {
            return;
        };
        if channel.in_reach.load(Ordering::Relaxed) {
            // The program may have put other memory there since.
            if source.staging.is_none() && in_reach(queues, peer, channel, &source.sheet).is_none()
            {
                channel.in_reach.store(false, Ordering::Relaxed);
                self.tell(queues, peer, Cell::Begun(source.send, false));
            } else if source.sheet.begin(round) {
                self.tell(queues, peer, Cell::Begun(source.send, true));
            }
        }
        for ready in channel.kept() {
            fetch((queues, learnt), transfers, channel, &ready);
        }
    }

    /// Starts a send.
    pub(super) fn start_send<T: Transport>(
        &mut self,
        queues: &mut Queues<T>,
        channel: &SendChannel,
    ) {
        if channel.is_lent() {
            let is_in_reach = lent_addr(queues, channel).is_some();
            channel.is_in_reach.store(is_in_reach, Ordering::Relaxed);
        }
        channel.start();
    }

    /// The program has freed a send, which is not under way.
    pub(super) fn close_send<T: Transport>(
        &mut self,
        queues: &mut Queues<T>,
        channel: &Arc<SendChannel>,
    ) {
        if let (Some(peer), Some(route)) = (channel.peer(), channel.route.get()) {
            self.tell(queues, peer, Cell::Closed(route.receive));
            self.sends.remove(&channel.id);
        } else if let Some(entry) = self.sends.get_mut(&channel.id) {
            entry.is_closed = true; // it will be matched, in its turn
        }
    }

    /// The program has freed a receive, which is not under way.
    pub(super) fn close_receive<T: Transport>(
        &mut self,
        _: &mut Queues<T>,
        channel: &Arc<ReceiveChannel>,
    ) {
        if let Some(entry) = self.receives.get_mut(&channel.id) {
            entry.is_closed = true;
            self.drop_sheet(channel.id);
        }
    }

    fn take_closed(&mut self, id: ChannelId) {
        if let Some(entry) = self.receives.get_mut(&id) {
            entry.is_left = true;
            self.drop_sheet(id);
        }
    }

    fn drop_sheet(&mut self, id: ChannelId) {
        let is_over = |entry: &&mut ReceiveEntry| entry.is_closed && entry.is_left;
        if self.receives.get_mut(&id).filter(is_over).is_some()
            && let Some(entry) = self.receives.remove(&id)
            && let Some(source) = entry.channel.source.get()
        {
            // SAFETY: `meet` has made it; the sender has closed, and here the request is
            // freed, so that nobody looks at it.
            unsafe { source.sheet.free() };
        }
    }

    /// Handles a cell that has come from a peer.
    pub(in crate::pml) fn take<T: Transport>(
        &mut self,
        (queues, learnt): (&mut Queues<T>, &mut Learnt),
        transfers: &mut Transfers<T>,
        (from, cell): (Proc, Cell),
    ) {
        match cell {
            Cell::Setup(setup) => self.take_setup(queues, from, &setup),
            Cell::Accept(accept) => self.take_accept(queues, from, &accept),
            Cell::Ready(ready) => self.take_ready((queues, learnt), transfers, ready),
            Cell::Begun(id, is_in_reach) => {
                if let Some(entry) = self.sends.get(&id) {
                    let channel = entry.channel.clone();
                    if !is_in_reach {
                        channel.use_messages();
                    }
                    self.flush(queues, &channel);
                }
            }
            Cell::Closed(id) => self.take_closed(id),
        }
    }

    /// Handles the cells of this process to itself.
    pub(super) fn settle_own<T: Transport>(
        &mut self,
        queues: &mut Queues<T>,
        learnt: &mut Learnt,
        transfers: &mut Transfers<T>,
    ) {
        while let Some(cell) = self.own.pop_front() {
            let me = queues.me();
            self.take((queues, learnt), transfers, (me, cell));
        }
    }
}

fn addr_of(at: *const u8) -> u64 {
    at.expose_provenance() as u64
}

/// Whether a peer may store into what this process exports.
fn may_store<T: Transport>(queues: &mut Queues<T>, peer: Proc) -> bool {
    let transport = queues.transport();
    transport.lets_peers_write() && transport.shares_memory(peer)
}

/// The buffer of a receive, if its sender may store into it, and into the sheet.
fn in_reach<T: Transport>(
    queues: &mut Queues<T>,
    sender: Proc,
    channel: &ReceiveChannel,
    sheet: &Sheet,
) -> Option<*const u8> {
    let memory = channel.memory();
    let buffer = memory.run()?.cast_const();
    if sender == queues.me() {
        return Some(buffer);
    }
    if !may_store(queues, sender) {
        return None;
    }
    let transport = queues.transport();
    let is_exported = is_sheet_exported(transport, sheet)
        && (memory.total == 0 || transport.is_exported(addr_of(buffer), memory.total));
    is_exported.then_some(buffer)
}

fn is_sheet_exported<T: Transport>(transport: &mut T, sheet: &Sheet) -> bool {
    transport.is_exported(addr_of(sheet.addr()), sheet.shape().sheet_len())
}

/// Memory in which the sender may store in place of the receive buffer.
fn staging<T: Transport>(
    queues: &mut Queues<T>,
    sender: Proc,
    channel: &ReceiveChannel,
    sheet: &Sheet,
) -> Option<Staging> {
    let total = channel.memory().total;
    if total == 0 || total > STAGED_MOST || sender == queues.me() {
        return None;
    }
    if !may_store(queues, sender) || !is_sheet_exported(queues.transport(), sheet) {
        return None;
    }
    let made = Staging::make(total, sheet.shape().partitions);
    let staging = made.unwrap_or_else(|why| no_memory(&why));
    let addr = addr_of(staging.addr());
    queues
        .transport()
        .is_exported(addr, total)
        .then_some(staging)
}

/// Where the partitions of a send lie, if their receiver may load from there.
fn lent_addr<T: Transport>(queues: &mut Queues<T>, channel: &SendChannel) -> Option<u64> {
    if !channel.is_lent() {
        return None;
    }
    let addr = addr_of(channel.run()?.cast_const());
    let total = channel.len() * channel.partitions() as usize;
    queues.transport().is_mappable(addr, total).then_some(addr)
}

#[cold]
fn no_memory(why: &Error) -> ! {
    die(&format!("partitioned communication: {}", why.text()))
}

/// Where `len` bytes of a peer's are mapped here for good, or of this process's own.
fn reach<T: Transport>(
    queues: &mut Queues<T>,
    peer: Proc,
    addr: u64,
    len: usize,
) -> Option<NonNull<u8>> {
    if peer == queues.me() {
        let at = usize::try_from(addr).ok()?;
        return NonNull::new(std::ptr::with_exposed_provenance_mut(at));
    }
    match queues.transport().reach(peer, addr, len) {
        Some(Remote {
            access: Access::Mapped(at),
            ..
        }) => Some(at),
        _ => None,
    }
}

/// Where a partition lies, as its receiver is told.
fn place<T: Transport>(queues: &mut Queues<T>, send: &RequestRef) -> Place {
    let Some(at) = send.memory.run() else {
        return Transfers::scattered_place(queues, send);
    };
    let (addr, len) = (addr_of(at), send.total.get());
    let transport = queues.transport();
    match len == 0 || !transport.is_exported(addr, len) && transport.is_replaced(addr, len) {
        true => Place::Hidden,
        false => Place::Run(addr),
    }
}

/// Fetches a partition of the sender's into its place.
fn fetch<T: Transport>(
    (queues, learnt): (&mut Queues<T>, &mut Learnt),
    transfers: &mut Transfers<T>,
    channel: &ReceiveChannel,
    ready: &Ready,
) {
    let (Some(peer), Some(source)) = (channel.peer(), channel.source.get()) else {
        return;
    };
    if ready.partition >= source.partitions {
        return;
    }
    let (memory, id) = (channel.memory(), ready.id);
    let offset = ready.partition as usize * source.len;
    let n = source.len.min(memory.total.saturating_sub(offset));
    if peer == queues.me() {
        fetch_own(queues, channel, (id, ready.partition), offset, n);
        return;
    }
    if n == 0 {
        queues.tell(peer, &Control::Fin(id));
        source.sheet.set_arrived(ready.partition, ready.round);
        return;
    }
    let part = memory.part(offset..offset + n);
    let Envelope {
        context,
        source: rank,
        tag,
    } = channel.envelope;
    let pattern = Pattern {
        source: Some(rank),
        tag: Some(tag),
    };
    let receive = RequestRef::receive(pattern, context, Some(peer), &part.buffer.buffer(), false);
    receive.matched(peer, rank, tag, n, check::UNKNOWN);
    transfers.fetch(queues, learnt, &receive, (id, ready.place, false));
    channel.fetches(Fetch {
        partition: ready.partition,
        receive,
        bounce: part.bounce,
    });
    channel.settle();
}

/// Copies a partition of a send of this process to itself.
fn fetch_own<T: Transport>(
    queues: &mut Queues<T>,
    channel: &ReceiveChannel,
    (id, partition): (RequestId, u32),
    offset: usize,
    n: usize,
) {
    let (Some(send), Some(source)) = (queues.unname(id), channel.source.get()) else {
        return;
    };
    let mut bytes = vec![0u8; n];
    // SAFETY: the partition has at least `n` bytes, readable until the send is done; the
    // receive has room for them, and has begun.
    unsafe {
        send.memory.copy_out(0, bytes.as_mut_ptr(), n);
        channel.memory().copy_in(offset, &bytes);
    }
    send.complete();
    source.sheet.set_arrived(partition, channel.round());
    waiter::tell_threads();
}
