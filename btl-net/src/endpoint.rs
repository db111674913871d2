//! Sending and receiving over one endpoint.
//!
//! There is one queue of completions. Both sides read it: [`Net`] to get buffers back,
//! [`Inbox`] for what has arrived; each leaves to the other what is the other's. Room for
//! messages is posted as a few large buffers, which libfabric fills from the front.

use crate::api::{Context, FI_MULTI_RECV, FI_RECV, fi_cq_data_entry};
use crate::cell::{CELL, Cell};
use crate::fabric::{Attempt, EMPTY, Fabric, Options};
use crate::{NetError, PIECE, Version};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::os::fd::RawFd;
use std::ptr::NonNull;
use std::rc::Rc;

/// Bytes of a buffer for arriving messages.
const ROOM: usize = 1 << 20;
/// How many of these libfabric has at least.
const ROOMS: usize = 3;
/// How many old versions have. Where 1.17 has none, and several peers have sent something, it
/// reads nothing more from some of them, for ever; 2.5 does not do that.
const ROOMS_OF_OLD: usize = 16;
/// The first version that is not old in this way, as far as was tried.
const RESUMES: Version = Version { major: 2, minor: 0 };
/// The most there are, where messages come faster than they are taken.
const MOST_ROOMS: usize = 64;
/// The most buffers for messages that are being sent.
const SENDING: usize = 32;
/// Completions that are read together.
const BATCH: usize = 16;
/// The kind of a cell by which a peer asks to be spared, or no more. It has no number.
const SPARE: u8 = u8::MAX;
/// The kind of a cell by which a peer says what it has come to ([`Net::tell`]).
const STATE: u8 = u8::MAX - 1;
/// The longest message that is written on the stack.
const SHORT: usize = 192;

/// Rooms that libfabric of this version is to have at least.
fn least_rooms(version: Version) -> usize {
    match version < RESUMES {
        true => ROOMS_OF_OLD,
        false => ROOMS,
    }
}

/// Memory that libfabric reads or fills until an operation is over, so that it is never
/// moved.
struct Buffer {
    at: NonNull<u8>,
    context: NonNull<Context>,
    len: usize,
}

impl Buffer {
    fn new(len: usize, number: usize, sends: bool) -> Buffer {
        let bytes = Box::leak(vec![0_u8; len].into_boxed_slice());
        Buffer {
            at: NonNull::from(bytes).cast(),
            context: NonNull::from(Box::leak(Box::new(Context::new(number, sends)))),
            len,
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::ptr::slice_from_raw_parts_mut(self.at.as_ptr(), self.len);
        // SAFETY: leaked in `new`; the fabric is dropped first, which closes the endpoint, so that
        // no operation has them.
        unsafe {
            drop(Box::from_raw(bytes));
            drop(Box::from_raw(self.context.as_ptr()));
        }
    }
}

/// Room for arriving messages.
struct Room {
    buffer: Buffer,
    /// Messages in it that nobody has taken.
    untaken: usize,
    /// Whether libfabric puts no more messages there.
    used_up: bool,
}

impl Room {
    /// A room that is to be posted.
    fn new(number: usize) -> Room {
        Room {
            buffer: Buffer::new(ROOM, number, false),
            untaken: 0,
            used_up: true,
        }
    }
}

/// A buffer for a message that is being sent.
struct Outgoing {
    buffer: Buffer,
    to: u32,
}

/// A peer.
#[derive(Clone, Copy, Default)]
struct Peer {
    /// libfabric's number of it.
    address: u64,
    known: bool,
    /// What messages between it and this process carry, and as which sender it knows this one.
    secret: u64,
    me: u32,
    /// What it has said that it has come to; 0: nothing.
    state: u32,
    /// Messages sent to it so far, and taken from it.
    sent: u64,
    taken: u64,
    /// Whether it asks to be spared, and what it was told of that.
    presses: bool,
    told: bool,
}

/// Peers that have met with this process at one time: they know a secret and number themselves
/// from 0.
#[derive(Clone, Copy)]
struct Circle {
    secret: u64,
    /// The first one's number among all peers.
    first: u32,
    count: u32,
    /// This process's number in it.
    me: u32,
}

/// A message that lies in a room.
struct Arrival {
    room: usize,
    at: *const u8,
    len: usize,
}

/// The endpoint, which both sides use. Fields are dropped in this order.
struct Endpoint {
    fabric: Fabric,
    rooms: Vec<Room>,
    outgoing: Vec<Outgoing>,
    /// Buffers for sending that are free.
    free: Vec<usize>,
    waiting: VecDeque<Arrival>,
    peers: Vec<Peer>,
    /// Circles beside the job's own.
    circles: Vec<Circle>,
    /// Messages that have come before one that was sent earlier, by sender and number.
    early: BTreeMap<(u32, u16), Vec<u8>>,
    me: u32,
    /// Peers of the job's own circle.
    own: u32,
    secret: u64,
    dropped: u64,
    inject_size: usize,
    /// Whether this process asks to be spared.
    presses: bool,
    failed: Option<NetError>,
}

impl Endpoint {
    /// Reads completions. Whether there were any.
    fn drain(&mut self) -> Result<bool, NetError> {
        if let Some(why) = &self.failed {
            return Err(why.clone());
        }
        let mut entries = [EMPTY; BATCH];
        match self.fabric.completions(&mut entries) {
            Ok(count) => {
                entries[..count].iter().for_each(|entry| self.note(entry));
                Ok(count > 0)
            }
            Err(error) => {
                let mut why = NetError::new(self.fabric.words(&error));
                let context = error.op_context.cast::<Context>();
                if !context.is_null() {
                    // SAFETY: a context of a buffer of ours.
                    let (number, sends) = unsafe { ((*context).buffer, (*context).sends) };
                    why.peer = sends.then(|| self.outgoing[number].to);
                    if why.peer.is_some_and(|to| self.has_parted(to)) {
                        self.free.push(number); // it may have ended before it took that
                        return Ok(true);
                    }
                }
                self.failed = Some(why.clone());
                Err(why)
            }
        }
    }

    /// Whether a peer has said its last word, or is none any more.
    fn has_parted(&self, peer: u32) -> bool {
        let peer = self.peers.get(peer as usize);
        peer.is_none_or(|peer| !peer.known || peer.state != 0)
    }

    /// The number among all peers of the one that has sent this, if it is one.
    fn sender_of(&self, cell: &Cell) -> Option<u32> {
        if cell.secret == self.secret {
            let is_other = cell.sender != self.me && cell.sender < self.own;
            return is_other.then_some(cell.sender);
        }
        let circle = self.circles.iter().find(|one| one.secret == cell.secret)?;
        let is_other = cell.sender != circle.me && cell.sender < circle.count;
        is_other.then(|| circle.first + cell.sender)
    }

    fn note(&mut self, entry: &fi_cq_data_entry) {
        let context = entry.op_context.cast::<Context>();
        // SAFETY: every operation that is completed here has the context of a buffer.
        let (number, sends) = unsafe { ((*context).buffer, (*context).sends) };
        if sends {
            self.free.push(number);
            return;
        }
        let arrived = entry.flags & FI_RECV != 0 && !entry.buf.is_null() && entry.len > 0;
        if arrived && !self.is_request(entry) {
            self.rooms[number].untaken += 1;
            self.waiting.push_back(Arrival {
                room: number,
                at: entry.buf.cast_const().cast(),
                len: entry.len,
            });
        }
        self.rooms[number].used_up |= entry.flags & FI_MULTI_RECV != 0;
        self.post_again(number);
        if self.rooms[number].used_up {
            self.post_more();
        }
    }

    /// Posts further rooms where there are too few.
    fn post_more(&mut self) {
        let least = least_rooms(self.fabric.version());
        let posted = self.rooms.iter().filter(|room| !room.used_up).count();
        for _ in posted..least {
            if self.rooms.len() == MOST_ROOMS || self.failed.is_some() {
                break;
            }
            let number = self.rooms.len();
            self.rooms.push(Room::new(number));
            self.post_again(number);
        }
    }

    /// Heeds a peer that asks to be spared, or no more. `false`: this is another message.
    fn is_request(&mut self, entry: &fi_cq_data_entry) -> bool {
        // SAFETY: libfabric has filled these bytes.
        let bytes = unsafe { std::slice::from_raw_parts(entry.buf.cast::<u8>(), entry.len) };
        let cell = bytes.first_chunk::<CELL>().map(Cell::read);
        let Some(cell) = cell.filter(|cell| cell.kind == SPARE) else {
            return false;
        };
        let Some(sender) = self.sender_of(&cell) else {
            return false;
        };
        if let Some(peer) = self.peers.get_mut(sender as usize) {
            peer.presses = cell.aux != 0;
        }
        true
    }

    /// Tells those who know otherwise whether to spare this process. Those who cannot be
    /// told now are told later.
    fn tell(&mut self) {
        for at in 0..self.peers.len() {
            let peer = self.peers[at];
            // Who has sent nothing so far will hear it when it has.
            let has_parted = !peer.known || peer.state != 0;
            if has_parted || peer.told == self.presses || peer.taken == 0 {
                continue;
            }
            let cell = Cell {
                secret: peer.secret,
                sender: peer.me,
                kind: SPARE,
                aux: u32::from(self.presses),
                ..Cell::default()
            };
            if self.fabric.inject(peer.address, &cell.bytes()) == Ok(Attempt::Accepted) {
                self.peers[at].told = self.presses;
            }
        }
    }

    /// Adds peers of a circle.
    fn add(&mut self, secret: u64, me: u32, addresses: &[Option<&[u8]>]) -> Result<(), NetError> {
        for address in addresses {
            let mut peer = Peer {
                secret,
                me,
                ..Peer::default()
            };
            if let Some(address) = address {
                peer.address = self.fabric.insert(address)?;
                peer.known = true;
            }
            self.peers.push(peer);
        }
        Ok(())
    }

    /// As [`Net::send`]. `completes`: it counts in [`Net::is_sending`] until its bytes are out,
    /// however short it is.
    fn send(
        &mut self,
        to: u32,
        cell: &Cell,
        len: usize,
        fill: impl FnOnce(*mut u8),
        completes: bool,
    ) -> Result<bool, NetError> {
        if let Some(why) = &self.failed {
            return Err(why.clone());
        }
        let peer = self.peers.get(to as usize).copied();
        let Some(peer) = peer.filter(|peer| peer.known) else {
            return Err(NetError::new(format!("there is no peer {to}")));
        };
        debug_assert!(len <= PIECE);
        let cell = Cell {
            secret: peer.secret,
            sender: peer.me,
            sequence: low(peer.sent),
            ..*cell
        };
        let attempt = match CELL + len <= self.inject_size && !completes {
            true => {
                let mut bytes = [0; SHORT];
                bytes[..CELL].copy_from_slice(&cell.bytes());
                fill(bytes[CELL..].as_mut_ptr());
                self.fabric.inject(peer.address, &bytes[..CELL + len])
            }
            false => send_buffered(self, (to, peer.address), &cell, len, fill),
        };
        match attempt {
            Ok(Attempt::Accepted) => {
                self.peers[to as usize].sent += 1;
                Ok(true)
            }
            Ok(Attempt::Again) => {
                self.drain()?;
                Ok(false)
            }
            Err(mut why) => {
                why.peer = Some(to);
                Err(why)
            }
        }
    }

    /// Posts a room anew, if it is used up and nothing in it is needed.
    fn post_again(&mut self, number: usize) {
        let room = &mut self.rooms[number];
        if !room.used_up || room.untaken > 0 {
            return;
        }
        // SAFETY: the buffer stays until the endpoint is closed.
        let posted = unsafe {
            self.fabric
                .receive(room.buffer.at, room.buffer.len, room.buffer.context)
        };
        match posted {
            Ok(Attempt::Accepted) => room.used_up = false,
            Ok(Attempt::Again) => {} // the next message, or the next look, comes here again
            Err(why) => self.failed = Some(why),
        }
    }

    /// Whether a message in a room is the next one of its sender. `None`: it is nobody's.
    fn look_at(&mut self, bytes: &[u8]) -> Option<(Cell, bool)> {
        let cell = bytes.first_chunk::<CELL>().map(Cell::read);
        let known = cell.and_then(|cell| {
            let sender = self.sender_of(&cell)?;
            Some(Cell { sender, ..cell })
        });
        let Some(cell) = known else {
            self.dropped += 1;
            return None;
        };
        let next = low(self.peers[cell.sender as usize].taken);
        Some((cell, cell.sequence == next))
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the low bits are meant")]
fn low(count: u64) -> u16 {
    count as u16
}

/// The sending side.
pub struct Net {
    endpoint: Rc<RefCell<Endpoint>>,
}

/// The receiving side.
pub struct Inbox {
    endpoint: Rc<RefCell<Endpoint>>,
}

impl std::fmt::Debug for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Net").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}

/// A message that has arrived.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// Its sender, as a number among the peers.
    pub from: u32,
    /// What is in front of it.
    pub cell: Cell,
    /// Its bytes, readable until the handler returns.
    pub data: *const u8,
    /// How many.
    pub len: usize,
}

/// What a process sleeps on while the network has nothing for it.
#[derive(Clone, Copy, Debug)]
pub struct Sleeper {
    /// Readable when there may be something to do.
    pub fd: RawFd,
}

impl Net {
    /// Opens the network: both sides, and the address by which peers reach it.
    ///
    /// # Errors
    /// There is no libfabric, or it has nothing for this interface.
    pub fn open(options: &Options) -> Result<(Net, Inbox, Vec<u8>), NetError> {
        let fabric = Fabric::open(options, CELL + PIECE)?;
        if fabric.max_message() < CELL + PIECE {
            return Err(NetError::new(format!(
                "libfabric sends {} bytes at once, but {} are needed",
                fabric.max_message(),
                CELL + PIECE
            )));
        }
        let address = fabric.name()?;
        let rooms = (0..least_rooms(fabric.version())).map(Room::new);
        let mut endpoint = Endpoint {
            inject_size: fabric.inject_size().min(SHORT),
            fabric,
            rooms: rooms.collect(),
            outgoing: Vec::new(),
            free: Vec::new(),
            waiting: VecDeque::new(),
            peers: Vec::new(),
            circles: Vec::new(),
            early: BTreeMap::new(),
            me: u32::MAX,
            own: 0,
            secret: options.secret,
            dropped: 0,
            presses: false,
            failed: None,
        };
        (0..endpoint.rooms.len()).for_each(|number| endpoint.post_again(number));
        if let Some(why) = endpoint.failed.take() {
            return Err(why);
        }
        let endpoint = Rc::new(RefCell::new(endpoint));
        let inbox = Inbox {
            endpoint: endpoint.clone(),
        };
        Ok((Net { endpoint }, inbox, address))
    }

    /// Learns the addresses of all processes by number. `me`: the number of this one. Those
    /// of processes that are not to be reached are `None`. Connects to nobody yet.
    ///
    /// # Errors
    /// An address is none.
    pub fn meet(&mut self, me: u32, addresses: &[Option<&[u8]>]) -> Result<(), NetError> {
        let endpoint = &mut *self.endpoint.borrow_mut();
        endpoint.me = me;
        endpoint.add(endpoint.secret, me, addresses)?;
        endpoint.own = u32::try_from(endpoint.peers.len()).unwrap_or(u32::MAX);
        Ok(())
    }

    /// Meets further processes, which all know `secret` and number themselves from 0, this one
    /// being `me`. Their numbers here begin at `first`, which is the number of peers so far or
    /// more. `None`: as for [`Net::meet`].
    ///
    /// # Errors
    /// An address is none, or the secret is that of others.
    pub fn join(
        &mut self,
        secret: u64,
        me: u32,
        first: u32,
        addresses: &[Option<&[u8]>],
    ) -> Result<(), NetError> {
        let endpoint = &mut *self.endpoint.borrow_mut();
        let is_known = endpoint.circles.iter().any(|one| one.secret == secret);
        if is_known || secret == endpoint.secret || endpoint.peers.len() > first as usize {
            return Err(NetError::new("these processes were met before".to_owned()));
        }
        endpoint.peers.resize(first as usize, Peer::default());
        endpoint.add(secret, me, addresses)?;
        endpoint.circles.push(Circle {
            secret,
            first,
            count: u32::try_from(addresses.len()).unwrap_or(u32::MAX),
            me,
        });
        Ok(())
    }

    /// Parts from the processes that were met with their numbers beginning at `first`. What
    /// still comes of them is dropped. Their numbers are not used again.
    pub fn part(&mut self, first: u32) {
        let endpoint = &mut *self.endpoint.borrow_mut();
        let Some(at) = endpoint.circles.iter().position(|one| one.first == first) else {
            return;
        };
        let Circle { first, count, .. } = endpoint.circles.swap_remove(at);
        let range = first..first.saturating_add(count);
        for peer in &mut endpoint.peers[range.start as usize..range.end as usize] {
            peer.known = false;
        }
        endpoint.early.retain(|(from, _), _| !range.contains(from));
    }

    /// Tells a peer what this process has come to, not 0, behind all that was sent to it before.
    /// `false`: there is no room now. Once [`Net::is_sending`] says no, the peer's host has it.
    ///
    /// # Errors
    /// The network has failed, or the peer is none.
    pub fn tell(&mut self, to: u32, state: u32) -> Result<bool, NetError> {
        let endpoint = &mut *self.endpoint.borrow_mut();
        let cell = Cell {
            kind: STATE,
            aux: state,
            ..Cell::default()
        };
        endpoint.send(to, &cell, 0, |_| {}, true)
    }

    /// What a peer has told so; 0: nothing.
    #[must_use]
    pub fn state(&self, of: u32) -> u32 {
        let endpoint = self.endpoint.borrow();
        endpoint.peers.get(of as usize).map_or(0, |peer| peer.state)
    }

    /// Sends a message of `len` bytes, at most [`PIECE`], which `fill` writes where it is
    /// told. `false`: there is no room now, and nothing was sent.
    ///
    /// # Errors
    /// The network has failed, or the peer is none.
    pub fn send(
        &mut self,
        to: u32,
        cell: &Cell,
        len: usize,
        fill: impl FnOnce(*mut u8),
    ) -> Result<bool, NetError> {
        let endpoint = &mut *self.endpoint.borrow_mut();
        endpoint.send(to, cell, len, fill, false)
    }

    /// Messages sent to a peer so far.
    #[must_use]
    pub fn sent(&self, to: u32) -> u64 {
        let endpoint = self.endpoint.borrow();
        endpoint.peers.get(to as usize).map_or(0, |peer| peer.sent)
    }

    /// Messages without the job's secret, or from nobody, that were dropped so far.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.endpoint.borrow().dropped
    }

    /// Whether messages are under way that need further calls to get out.
    #[must_use]
    pub fn is_sending(&self) -> bool {
        let endpoint = self.endpoint.borrow();
        endpoint.free.len() < endpoint.outgoing.len()
    }

    /// Asks all peers to hold their messages back, or no more.
    pub fn set_pressure(&mut self, on: bool) {
        let endpoint = &mut *self.endpoint.borrow_mut();
        endpoint.presses = on;
        endpoint.tell();
    }

    /// Tells peers what they could not be told before: to be called when there is nothing
    /// else to do.
    pub fn idle(&mut self) {
        self.endpoint.borrow_mut().tell();
    }

    /// Whether a peer asks for that, as far as is known.
    #[must_use]
    pub fn has_pressure(&self, peer: u32) -> bool {
        let endpoint = self.endpoint.borrow();
        endpoint
            .peers
            .get(peer as usize)
            .is_some_and(|peer| peer.presses)
    }

    /// Looks what has arrived, and leaves it to the inbox.
    ///
    /// # Errors
    /// The network has failed.
    pub fn look(&self) -> Result<(), NetError> {
        self.endpoint.borrow_mut().drain().map(drop)
    }

    /// What to sleep on.
    ///
    /// # Errors
    /// There is nothing.
    pub fn sleeper(&self) -> Result<Sleeper, NetError> {
        let fd = self.endpoint.borrow().fabric.sleeper()?;
        Ok(Sleeper { fd })
    }
}

fn send_buffered(
    endpoint: &mut Endpoint,
    (to, address): (u32, u64),
    cell: &Cell,
    len: usize,
    fill: impl FnOnce(*mut u8),
) -> Result<Attempt, NetError> {
    if endpoint.free.is_empty() && endpoint.outgoing.len() == SENDING {
        endpoint.drain()?;
    }
    let number = match endpoint.free.pop() {
        Some(number) => number,
        None if endpoint.outgoing.len() < SENDING => {
            let number = endpoint.outgoing.len();
            let buffer = Buffer::new(CELL + PIECE, number, true);
            endpoint.outgoing.push(Outgoing { buffer, to });
            number
        }
        None => return Ok(Attempt::Again),
    };
    let outgoing = &mut endpoint.outgoing[number];
    outgoing.to = to;
    let buffer = &outgoing.buffer;
    // SAFETY: no operation has a buffer that is free; it has room for a cell and a piece.
    let bytes = unsafe { std::slice::from_raw_parts_mut(buffer.at.as_ptr(), CELL + len) };
    bytes[..CELL].copy_from_slice(&cell.bytes());
    fill(bytes[CELL..].as_mut_ptr());
    // SAFETY: both stay until the endpoint is closed, and are not used again before the
    // completion.
    let attempt = unsafe { endpoint.fabric.send(address, bytes, buffer.context) };
    if attempt != Ok(Attempt::Accepted) {
        endpoint.free.push(number);
    }
    attempt
}

impl Inbox {
    /// Hands what has arrived to `handler`, at most `most` messages, until `handler` returns
    /// false. Whether there was anything.
    ///
    /// # Errors
    /// The network has failed.
    pub fn poll(
        &mut self,
        most: u32,
        mut handler: impl FnMut(&Message) -> bool,
    ) -> Result<bool, NetError> {
        let mut any = false;
        for _ in 0..most {
            let Some(waiting) = self.next()? else {
                break;
            };
            // SAFETY: libfabric has filled these bytes of a room that is not posted again
            // before the message is taken.
            let bytes = unsafe { std::slice::from_raw_parts(waiting.at, waiting.len) };
            let seen = self.endpoint.borrow_mut().look_at(bytes);
            any = true;
            let mut goes_on = true;
            match seen {
                Some((cell, true)) => {
                    goes_on = self.hand_on(&cell, bytes, &mut handler);
                    goes_on &= self.hand_on_early(cell.sender, goes_on, &mut handler);
                }
                Some((cell, false)) => {
                    let place = (cell.sender, cell.sequence);
                    self.endpoint
                        .borrow_mut()
                        .early
                        .insert(place, bytes.to_vec());
                }
                None => {}
            }
            let endpoint = &mut *self.endpoint.borrow_mut();
            endpoint.rooms[waiting.room].untaken -= 1;
            endpoint.post_again(waiting.room);
            if !goes_on {
                break;
            }
        }
        Ok(any)
    }

    /// Messages of a peer that were taken so far.
    #[must_use]
    pub fn taken(&self, from: u32) -> u64 {
        let endpoint = self.endpoint.borrow();
        endpoint
            .peers
            .get(from as usize)
            .map_or(0, |peer| peer.taken)
    }

    /// Whether the sleeper will tell of what comes from now on. `false`: there is something
    /// to do already.
    #[must_use]
    pub fn may_sleep(&self) -> bool {
        let endpoint = self.endpoint.borrow();
        endpoint.waiting.is_empty() && endpoint.fabric.may_sleep()
    }

    fn next(&mut self) -> Result<Option<Arrival>, NetError> {
        let endpoint = &mut *self.endpoint.borrow_mut();
        if endpoint.waiting.is_empty() {
            (0..endpoint.rooms.len()).for_each(|room| endpoint.post_again(room));
            endpoint.drain()?;
        }
        Ok(endpoint.waiting.pop_front())
    }

    fn hand_on(
        &self,
        cell: &Cell,
        bytes: &[u8],
        handler: &mut impl FnMut(&Message) -> bool,
    ) -> bool {
        {
            let peer = &mut self.endpoint.borrow_mut().peers[cell.sender as usize];
            peer.taken += 1;
            if cell.kind == STATE {
                peer.state = cell.aux;
                return true;
            }
        }
        let data = &bytes[CELL..];
        handler(&Message {
            from: cell.sender,
            cell: *cell,
            data: data.as_ptr(),
            len: data.len(),
        })
    }

    /// Hands on what has come early from `sender` and is next now, whatever the handler
    /// says: it is a rare case.
    fn hand_on_early(
        &self,
        sender: u32,
        mut goes_on: bool,
        handler: &mut impl FnMut(&Message) -> bool,
    ) -> bool {
        loop {
            let next = {
                let endpoint = &mut *self.endpoint.borrow_mut();
                if endpoint.early.is_empty() {
                    return goes_on;
                }
                let at = (sender, low(endpoint.peers[sender as usize].taken));
                endpoint.early.remove(&at)
            };
            let Some(bytes) = next else { return goes_on };
            let Some(cell) = bytes.first_chunk::<CELL>().map(Cell::read) else {
                return goes_on;
            };
            // In the cell is the sender's number in its circle.
            let cell = Cell { sender, ..cell };
            goes_on &= self.hand_on(&cell, &bytes, handler);
        }
    }
}
