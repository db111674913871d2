//! A second transport: messages through Unix datagram sockets, and nothing else. No
//! memory of a peer is reached, and there are no slots, boards or mappings, so that
//! every message goes eagerly or as a pipeline and every collective by messages. It
//! shows that the contract is enough. It is for tests: slow, and open to every process of
//! the machine.
//!
//! Each rank has two sockets, named in the abstract namespace after the job's number and
//! its rank. To `inbox` its peers send messages, each from a socket of its own per
//! receiver: one that does not look leaves no room for its own messages, and takes none
//! from others. To `pressure` they send whether they want messages announced; it is read
//! before each send, since a rank that only sends never polls.
//!
//! A message is one datagram: [`HEAD`] bytes (the sender, the header, the numbers), then
//! its bytes. Linux neither loses nor reorders what one socket sends to another, and
//! refuses what finds the receiver's queue full: that is «no room now».
//!
//! Sleeps are so short that nobody has to be woken. A forked child holds copies of the
//! sockets until it ends or calls `exec`, and uses none: its calls are refused before they
//! come here.

mod absent;
mod frame;

use crate::object::group::Proc;
use crate::pml::memory::Memory;
use crate::pml::transport::{
    ArmTrial, Arrival, CopyError, FewWords, Header, Inbox, JobPlace, Opening, Remote, SlotId,
    Transport, Waiter, Words,
};
use absent::{NoBoard, NoBulletin, no_board};
use frame::{HEAD, head_of, put_head};
use std::cell::Cell;
use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::ptr::NonNull;
use std::sync::atomic::Ordering;
use wireup::layout::State;
use wireup::segment::Segment;

/// The longest piece. Several fit into a socket's buffer.
const PIECE: usize = 16 << 10;

/// The longest sleep, in milliseconds.
const NAP: i32 = 1;

fn address(segment: &Segment, rank: Proc, what: &str) -> io::Result<SocketAddr> {
    let job = segment.constants().job;
    SocketAddr::from_abstract_name(format!("lariat-{job:x}-{}-{what}", rank.0))
}

/// A socket that is bound to a name of this rank's.
fn bound(segment: &Segment, me: Proc, what: &str) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::bind_addr(&address(segment, me, what)?)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Whether there is no socket of this name, or no longer.
fn is_absent(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionRefused, ConnectionReset, NotConnected};
    matches!(
        error.kind(),
        ConnectionRefused | ConnectionReset | NotConnected
    )
}

/// Whether there is no room now.
fn is_full(error: &io::Error) -> bool {
    let no_memory = [libc::ENOBUFS, libc::ENOMEM].map(Some);
    error.kind() == ErrorKind::WouldBlock || no_memory.contains(&error.raw_os_error())
}

/// The way to one peer's inbox.
#[derive(Debug)]
enum Link {
    /// Not there yet.
    Unopened,
    Open(UnixDatagram),
    /// The peer has ended, and reads nothing any more.
    Ended,
}

impl Link {
    fn open(segment: &Segment, peer: Proc) -> io::Result<Link> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        match socket.connect_addr(&address(segment, peer, "inbox")?) {
            Ok(()) => Ok(Link::Open(socket)),
            Err(why) if is_absent(&why) => {
                let state = segment.record(peer.0).state.load(Ordering::Relaxed);
                Ok(match state >= State::Finalized as u32 {
                    true => Link::Ended,
                    false => Link::Unopened,
                })
            }
            Err(why) => Err(why),
        }
    }
}

/// Who wants messages announced.
#[derive(Debug)]
struct Pressure {
    socket: UnixDatagram,
    /// Whether this rank does, and what each peer was told of that.
    is_on: bool,
    told: Vec<bool>,
    /// Whether each peer does.
    peers: Vec<Cell<bool>>,
}

impl Pressure {
    /// Tells those who know otherwise. Those who cannot be told now are told later.
    fn tell(&mut self, segment: &Segment, me: Proc) {
        for (peer, told) in (0..).map(Proc).zip(&mut self.told) {
            if *told != self.is_on
                && let Ok(to) = address(segment, peer, "pressure")
            {
                let [a, b, c, d] = me.0.to_ne_bytes();
                let message = [a, b, c, d, u8::from(self.is_on)];
                if self.socket.send_to_addr(&message, &to).is_ok() {
                    *told = self.is_on;
                }
            }
        }
    }

    /// Whether `peer` does.
    fn of(&self, peer: Proc) -> bool {
        let mut message = [0; 5];
        while let Ok(5) = self.socket.recv(&mut message) {
            let [from @ .., is_on] = message;
            let from = u32::from_ne_bytes(from) as usize;
            if let Some(known) = self.peers.get(from) {
                known.set(is_on != 0);
            }
        }
        self.peers[peer.0 as usize].get()
    }
}

/// This rank's sending side.
#[derive(Debug)]
pub(super) struct Socket {
    segment: &'static Segment,
    me: Proc,
    links: Vec<Link>,
    sent: Vec<u64>,
    /// The message that is being sent.
    frame: Vec<u8>,
    pressure: Pressure,
}

impl Socket {
    /// Sends a message of `len` bytes, which `fill` writes.
    fn send(
        &mut self,
        peer: Proc,
        (header, words): (&Header, Words),
        len: usize,
        fill: impl FnOnce(*mut u8),
    ) -> io::Result<bool> {
        let at = peer.0 as usize;
        if matches!(self.links[at], Link::Unopened) {
            self.links[at] = Link::open(self.segment, peer)?;
        }
        match &self.links[at] {
            Link::Unopened => return Ok(false),
            Link::Open(socket) => {
                put_head(&mut self.frame, self.me, header, &words);
                self.frame.resize(HEAD + len, 0);
                fill(self.frame[HEAD..].as_mut_ptr());
                match socket.send(&self.frame) {
                    Ok(_) => {}
                    Err(why) if is_full(&why) => return Ok(false),
                    Err(why) if is_absent(&why) => self.links[at] = Link::Ended,
                    Err(why) => return Err(why),
                }
            }
            Link::Ended => {}
        }
        self.sent[at] += 1;
        Ok(true)
    }
}

/// This rank's receiving side.
#[derive(Debug)]
pub(super) struct SocketInbox {
    socket: UnixDatagram,
    /// The message that is being received.
    frame: Vec<u8>,
    taken: Vec<u64>,
}

impl Inbox for SocketInbox {
    fn poll(&mut self, most: u32, mut handler: impl FnMut(&Arrival<'_>) -> bool) -> bool {
        let mut any = false;
        // Of all peers together: more would do, fewer never hurt.
        for _ in 0..most {
            let Ok(len) = self.socket.recv(&mut self.frame) else {
                break; // nothing is there, or nothing can be had now
            };
            let frame = &self.frame[..len];
            let Some((from, header, words)) = head_of(frame) else {
                continue;
            };
            let Some(taken) = self.taken.get_mut(from.0 as usize) else {
                continue;
            };
            any = true;
            let data = &frame[HEAD..];
            let goes_on = handler(&Arrival {
                from,
                header,
                words: &words,
                data: data.as_ptr(),
                len: data.len(),
            });
            *taken += 1;
            if !goes_on {
                break;
            }
        }
        any
    }

    fn taken(&self, peer: Proc) -> u64 {
        self.taken[peer.0 as usize]
    }
}

/// Sleeps until a message comes, but not long.
#[derive(Debug)]
pub(super) struct SocketWaiter {
    inbox: UnixDatagram,
    is_oversubscribed: bool,
}

impl Waiter for SocketWaiter {
    fn is_oversubscribed(&self) -> bool {
        self.is_oversubscribed
    }

    fn sleep(&self, _threads: bool, look: impl FnOnce() -> bool) {
        if look() {
            return;
        }
        let mut inbox = libc::pollfd {
            fd: self.inbox.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one descriptor, which is open, in a local. Whatever ends the sleep, the
        // caller looks again.
        unsafe { libc::poll(&raw mut inbox, 1, NAP) };
    }

    fn wake(&self, _peer: Proc) {}

    fn wake_threads(&self) {}
}

impl Transport for Socket {
    type Inbox = SocketInbox;
    type Waiter = SocketWaiter;
    type Board = NoBoard;
    type Bulletin = NoBulletin;
    type ReceiverSlot = Infallible;
    type SenderSlot = Infallible;
    type Mapping = Infallible;
    type Error = io::Error;

    const INLINE: usize = 256;
    const PIECE: usize = PIECE;

    fn open(opening: Opening<'_>) -> io::Result<(Socket, SocketInbox, SocketWaiter)> {
        let Opening {
            segment,
            me,
            settings,
            ..
        } = opening;
        let ranks = segment.ranks() as usize;
        let pressure = Pressure {
            socket: bound(segment, me, "pressure")?,
            is_on: false,
            told: vec![false; ranks],
            peers: vec![Cell::new(false); ranks],
        };
        let socket = bound(segment, me, "inbox")?;
        if settings.verbose {
            eprintln!("lariat: rank {}: messages go through sockets", me.0);
        }
        let constants = segment.constants();
        let waiter = SocketWaiter {
            inbox: socket.try_clone()?,
            is_oversubscribed: constants.ranks > constants.processors,
        };
        let inbox = SocketInbox {
            socket,
            frame: vec![0; HEAD + PIECE],
            taken: vec![0; ranks],
        };
        let transport = Socket {
            segment,
            me,
            links: (0..ranks).map(|_| Link::Unopened).collect(),
            sent: vec![0; ranks],
            frame: Vec::with_capacity(HEAD + PIECE),
            pressure,
        };
        Ok((transport, inbox, waiter))
    }

    fn all_open(&mut self) {}

    fn detach(&mut self) {}

    unsafe fn send_inline(
        &mut self,
        peer: Proc,
        header: &Header,
        from: *const u8,
        len: usize,
    ) -> io::Result<bool> {
        self.send(peer, (header, [0; 5]), len, |to| {
            // SAFETY: the caller's bytes, into a frame that has room for them.
            unsafe { to.copy_from_nonoverlapping(from, len) };
        })
    }

    fn send_words(&mut self, peer: Proc, header: &Header, words: Words) -> io::Result<bool> {
        self.send(peer, (header, words), 0, |_| {})
    }

    fn whole_max(&self) -> usize {
        PIECE
    }

    fn send_whole(
        &mut self,
        peer: Proc,
        header: &Header,
        len: usize,
        [a, b, c]: FewWords,
        fill: impl FnOnce(*mut u8),
    ) -> io::Result<bool> {
        self.send(peer, (header, [0, 0, a, b, c]), len, fill)
    }

    fn send_piece(
        &mut self,
        peer: Proc,
        header: &Header,
        len: usize,
        words: FewWords,
        fill: impl FnOnce(*mut u8, usize),
    ) -> io::Result<Option<usize>> {
        let n = len.min(PIECE);
        let sent = self.send_whole(peer, header, n, words, |to| fill(to, n))?;
        Ok(sent.then_some(n))
    }

    fn sent(&self, peer: Proc) -> u64 {
        self.sent[peer.0 as usize]
    }

    fn idle(&mut self) {
        self.pressure.tell(self.segment, self.me);
    }

    fn set_pressure(&mut self, on: bool) {
        self.pressure.is_on = on;
        self.pressure.tell(self.segment, self.me);
    }

    fn has_pressure(&self, peer: Proc) -> bool {
        self.pressure.of(peer)
    }

    fn is_asleep(&self, _peer: Proc) -> bool {
        false
    }

    // Memory of peers is out of reach.

    fn reach(&mut self, _peer: Proc, _addr: u64, _len: usize) -> Option<Remote> {
        None
    }

    fn reach_by_call(&mut self, _peer: Proc, _addr: u64) -> Option<Remote> {
        None
    }

    fn is_mappable(&mut self, _addr: u64, _len: usize) -> bool {
        false
    }

    fn is_exported(&mut self, _addr: u64, _len: usize) -> bool {
        false
    }

    fn is_replaced(&mut self, _addr: u64, _len: usize) -> bool {
        false
    }

    fn lets_peers_write(&self) -> bool {
        false
    }

    fn leaves_choice(&self) -> bool {
        false
    }

    fn give_up(&mut self, _remote: &Remote) {}

    unsafe fn get(
        &mut self,
        _from: &Remote,
        _offset: usize,
        _to: &Memory,
        _range: Range<usize>,
    ) -> Result<(), CopyError> {
        Err(CopyError::Access)
    }

    unsafe fn get_together(&mut self, _pieces: &[(Remote, *mut u8, usize)]) -> usize {
        0
    }

    unsafe fn put(
        &mut self,
        _to: &Remote,
        _from: &Memory,
        _range: Range<usize>,
    ) -> Result<(), CopyError> {
        Err(CopyError::Access)
    }

    fn map(&mut self, _peer: Proc, _addr: u64, _len: usize) -> Option<(NonNull<u8>, Infallible)> {
        None
    }

    fn adopt(&mut self, _addr: u64, _len: usize) -> Option<u64> {
        None
    }

    fn release(&mut self, _addr: u64) {}

    fn take_slot(&mut self) -> Option<Infallible> {
        None
    }

    fn give_slot(&mut self, slot: Infallible) {
        match slot {}
    }

    fn join_slot(&mut self, _peer: Proc, _id: SlotId, _total: u64, _front: u64) -> Infallible {
        unreachable!("no slot was ever taken")
    }

    fn wake(&self, _peer: Proc) {}

    fn own_job(&self) -> Result<JobPlace, String> {
        let segment = self.segment.place().map_err(|why| why.to_string())?;
        Ok(JobPlace {
            number: self.segment.constants().job,
            segment,
            heap: None,
        })
    }

    fn make_board(&mut self, _members: u32) -> Option<u64> {
        None
    }

    fn board(&self, _place: u64, _members: u32) -> NoBoard {
        no_board()
    }

    fn make_bulletin(&mut self, _members: u32) -> Option<u64> {
        None
    }

    fn bulletin(&self, _place: u64, _members: u32) -> NoBulletin {
        no_board()
    }

    fn make_room(&mut self, _len: usize) -> Option<u64> {
        None
    }

    fn room(&self, _place: u64, _len: usize) -> *mut u8 {
        no_board()
    }

    fn try_arms(&mut self, _peer: Proc) -> Vec<ArmTrial> {
        Vec::new()
    }

    fn has_driver(&self) -> bool {
        false
    }
}
