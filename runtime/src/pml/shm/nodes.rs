//! Ranks on other nodes: messages to and from them go over the network (`btl_net`), which
//! is opened in a job that has several nodes, and in no other.
//!
//! To look at the network is a system call, more than a whole message within the node. So it
//! is looked at in every round only for the first [`EACH`] after a message to or from afar,
//! then, up to [`CLOSELY`], in one of [`SOME`], and later in one of [`SELDOM`] that found
//! nothing elsewhere; and always before a sleep. Waits count rounds before they give the
//! processor away: looks in each would make that late.
//!
//! What comes from there rings no bell. A thread of this process does: while the rank sleeps
//! it waits for the network's descriptor, and rings the rank's own bell when that has news.
//! It calls nothing of the network's.
//!
//! In such a job processes of other jobs are reached by the network as well. Their numbers among
//! the network's peers are those that they have as processes here; the job's own ranks come
//! first there, by rank.

use crate::object::group::{self, Proc};
use crate::pml::fatal;
use crate::pml::transport::{Arrival, Header, NetworkOpening, Opening, Words};
use btl_net::{Cell, Inbox, Message, Net, NetError, Options, PIECE, Sleeper};
use btl_shm::wait;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use wireup::layout::State;
use wireup::nodes::{THREAD, Table};
use wireup::segment::Segment;

/// Rounds for which the network is looked at more often, after something has happened.
const CLOSELY: u32 = 2000;
/// The first of them, in each of which it is.
const EACH: u32 = 200;
/// Of the others one in so many.
const SOME: u32 = 8;
/// Else one in so many rounds looks at it.
const SELDOM: u32 = 128;
/// Questions whether a peer is to be spared, of which one looks at the network: a rank that
/// only sends looks nowhere else.
const ASKED: u32 = 32;

/// Rounds that will look. A process has one network.
static ROUNDS: AtomicU32 = AtomicU32::new(0);

/// Whether this process is about to sleep.
static SLEEPY: AtomicBool = AtomicBool::new(false);

/// The longest time that the thread waits for the network's descriptor, in milliseconds: what
/// it misses is found then.
const WATCH: i32 = 100;

/// Before a sleep: the last look is to be one at the network, too.
pub(super) fn before_sleep() {
    SLEEPY.store(true, Ordering::Relaxed);
}

/// What wakes this rank for the network.
#[derive(Debug)]
struct Doorbell {
    /// 1: the rank is going to sleep. 0: the thread has seen that, or nobody sleeps.
    armed: AtomicU32,
}

impl Doorbell {
    /// Starts the thread. It lives as long as the process.
    fn start(
        sleeper: Sleeper,
        segment: &'static Segment,
        me: u32,
    ) -> Result<Arc<Doorbell>, String> {
        let bell = Arc::new(Doorbell {
            armed: AtomicU32::new(0),
        });
        let own = bell.clone();
        let watch = move || {
            loop {
                // pairs with the Release in `arm`
                if own.armed.swap(0, Ordering::AcqRel) == 0 {
                    futex(&own.armed, libc::FUTEX_WAIT, 0);
                    continue;
                }
                let mut fd = libc::pollfd {
                    fd: sleeper.fd,
                    events: libc::POLLIN,
                    revents: 0,
                };
                // SAFETY: one descriptor in a local; whatever ends the wait, the rank looks.
                unsafe { libc::poll(&raw mut fd, 1, WATCH) };
                wait::ring_bell(segment, segment.record(me));
            }
        };
        let old = block_signals();
        let started = std::thread::Builder::new()
            .name(THREAD.to_owned())
            .stack_size(64 << 10)
            .spawn(watch);
        restore_signals(&old);
        started
            .map_err(|why| format!("the thread that hears of messages from other hosts: {why}"))?;
        Ok(bell)
    }

    fn arm(&self) {
        // pairs with the AcqRel in `start`
        if self.armed.swap(1, Ordering::Release) == 0 {
            futex(&self.armed, libc::FUTEX_WAKE, 1);
        }
    }
}

fn futex(word: &AtomicU32, what: libc::c_int, value: u32) {
    let none = std::ptr::null::<libc::timespec>();
    // SAFETY: a live, aligned word, of this process alone. Whatever is returned, the caller
    // looks again.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            std::ptr::from_ref(word),
            what | libc::FUTEX_PRIVATE_FLAG,
            value,
            none,
        )
    };
}

/// Blocks all signals, which are for the program's own threads: a new thread inherits that.
fn block_signals() -> libc::sigset_t {
    let mut old = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    let mut all = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: both calls fill what they are given.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), old.as_mut_ptr());
        old.assume_init()
    }
}

fn restore_signals(old: &libc::sigset_t) {
    // SAFETY: a set that the thread had before.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, old, std::ptr::null_mut()) };
}

/// The sending side.
#[derive(Debug)]
pub(super) struct Nodes {
    net: Net,
    table: &'static Table,
    /// This process, and how many there are on this node: those of others follow.
    me: u32,
    near: u32,
    /// By process of another job, from the job's size on: whether it is reached.
    strangers: Vec<bool>,
    asked: std::cell::Cell<u32>,
}

/// The receiving side.
#[derive(Debug)]
pub(super) struct NodesInbox {
    inbox: Inbox,
    bell: Arc<Doorbell>,
    /// Readable once something comes.
    fd: i32,
    table: &'static Table,
    me: u32,
    near: u32,
    ranks: u32,
    skipped: u32,
}

#[cold]
fn lost(why: &NetError) -> ! {
    let what = match why.peer {
        Some(peer) => group::name(proc_of(peer)),
        None => "other nodes".to_owned(),
    };
    fatal::die(&format!("the connection to {what} is lost: {why}"))
}

/// A peer of the network's, as a process.
fn proc_of(peer: u32) -> Proc {
    match peer < group::here().map_or(u32::MAX, |here| here.1) {
        true => group::proc_in_world(peer),
        false => Proc(peer),
    }
}

/// Opens the network, and tells mpirun this rank's address. A job that has several nodes
/// cannot do without.
pub(super) fn open(opening: &Opening<'_>) -> Option<(Nodes, NodesInbox)> {
    let table = opening.nodes?;
    let result = begin(table, opening.me.0);
    let (net, inbox) = result.unwrap_or_else(|why| fatal::die(&why));
    let near = opening.segment.ranks();
    let (fd, bell) = net
        .sleeper()
        .map_err(|why| why.to_string())
        .and_then(|sleeper| {
            let fd = sleeper.fd;
            Ok((fd, Doorbell::start(sleeper, opening.segment, opening.me.0)?))
        })
        .unwrap_or_else(|why| fatal::die(&why));
    if opening.settings.verbose {
        eprintln!(
            "lariat: rank {} on host {}: messages to other hosts go through libfabric at {}",
            rank_here(table, opening.me.0),
            table.host(table.node()),
            table.interface()
        );
    }
    let nodes = Nodes {
        net,
        table,
        me: opening.me.0,
        near,
        strangers: Vec::new(),
        asked: std::cell::Cell::new(0),
    };
    let inbox = NodesInbox {
        inbox,
        bell,
        fd,
        table,
        me: opening.me.0,
        near,
        ranks: table.ranks(),
        skipped: 0,
    };
    Some((nodes, inbox))
}

fn begin(table: &Table, me: u32) -> Result<(Net, Inbox), String> {
    let interface = table.interface();
    let options = Options {
        interface: interface
            .parse()
            .map_err(|_| format!("{interface:?} is no address of an interface"))?,
        secret: table.secret(),
    };
    let (net, inbox, address) = Net::open(&options).map_err(|why| why.to_string())?;
    table
        .publish(rank_here(table, me), &address)
        .map_err(|why| format!("mpirun cannot be told of this rank's address: {why}"))?;
    Ok((net, inbox))
}

/// The rank in the whole job of a rank of this node.
fn rank_here(table: &Table, me: u32) -> u32 {
    let here = (table.node(), me);
    let rank = (0..table.ranks()).find(|rank| table.where_is(*rank) == here);
    rank.unwrap_or_else(|| fatal::die("the table of nodes lacks this rank"))
}

impl Nodes {
    /// Whether `peer` is reached by the network: a rank of this job on another node, or a
    /// process of another job that was met.
    #[inline]
    pub(super) fn has(&self, peer: Proc) -> bool {
        peer.0 >= self.near && (peer.0 < self.table.ranks() || self.has_met(peer))
    }

    fn has_met(&self, peer: Proc) -> bool {
        let at = (peer.0 - self.table.ranks()) as usize;
        self.strangers.get(at).copied().unwrap_or(false)
    }

    /// Its number among the network's peers.
    fn number(&self, peer: Proc) -> u32 {
        match peer.0 < self.table.ranks() {
            true => group::rank_in_world(peer),
            false => peer.0,
        }
    }

    /// Meets processes of other jobs.
    pub(super) fn join(&mut self, opening: &NetworkOpening) -> Result<(), String> {
        let NetworkOpening {
            secret,
            me,
            first,
            addresses,
        } = opening;
        let addresses: Vec<Option<&[u8]>> = addresses.iter().map(Option::as_deref).collect();
        self.net
            .join(*secret, *me, first.0, &addresses)
            .map_err(|why| why.to_string())?;
        let at = (first.0 - self.table.ranks()) as usize;
        self.strangers.resize(at, false);
        self.strangers.extend(addresses.iter().map(Option::is_some));
        Ok(())
    }

    /// Parts from so many of them.
    pub(super) fn part(&mut self, first: Proc, count: u32) {
        self.net.part(first.0);
        let at = (first.0 - self.table.ranks()) as usize;
        let closed = self.strangers.iter_mut().skip(at).take(count as usize);
        closed.for_each(|met| *met = false);
    }

    /// Tells a process of another job how far this one is. `false`: there is no room now.
    pub(super) fn tell(&mut self, peer: Proc, state: State) -> bool {
        ROUNDS.store(CLOSELY, Ordering::Relaxed);
        match self.net.tell(peer.0, state as u32) {
            Ok(told) => told,
            Err(why) => lost(&why),
        }
    }

    /// How far a process of another job has said to be.
    pub(super) fn state(&self, peer: Proc) -> State {
        let told = State::of(self.net.state(self.number(peer)));
        told.filter(|told| *told != State::Fresh)
            .unwrap_or(State::Running)
    }

    /// Whether what was told is still on its way out.
    pub(super) fn is_sending(&self) -> bool {
        if let Err(why) = self.net.look() {
            lost(&why);
        }
        self.net.is_sending()
    }

    /// Learns the addresses of all ranks. `me`: this process.
    pub(super) fn meet(&mut self, me: Proc) -> Result<(), String> {
        let table = self.table;
        let addresses: Vec<Option<Vec<u8>>> = (0..table.ranks())
            .map(|rank| (table.where_is(rank).0 != table.node()).then(|| table.address(rank)))
            .collect();
        let addresses: Vec<Option<&[u8]>> = addresses.iter().map(Option::as_deref).collect();
        let me = rank_here(table, me.0);
        self.net.meet(me, &addresses).map_err(|why| why.to_string())
    }

    /// Sends `len` bytes, at most [`PIECE`], which `fill` writes. `false`: there is no room.
    pub(super) fn send(
        &mut self,
        peer: Proc,
        (header, words): (&Header, Words),
        len: usize,
        fill: impl FnOnce(*mut u8),
    ) -> bool {
        let cell = Cell {
            kind: header.kind,
            flags: header.flags,
            context: header.context.0,
            tag: header.tag,
            source: header.source,
            aux: header.aux,
            words,
            ..Cell::default()
        };
        ROUNDS.store(CLOSELY, Ordering::Relaxed);
        let to = self.number(peer);
        match self.net.send(to, &cell, len, fill) {
            Ok(sent) => {
                if to < self.table.ranks() {
                    // One that is refused is under way all the same: it is tried again.
                    let count = self.net.sent(to) + u64::from(!sent);
                    self.table.note_sent(self.me, to, count);
                }
                sent
            }
            Err(why) => lost(&why),
        }
    }

    /// Sends as many of `len` bytes as go at once.
    pub(super) fn send_piece(
        &mut self,
        peer: Proc,
        message: (&Header, Words),
        len: usize,
        fill: impl FnOnce(*mut u8, usize),
    ) -> Option<usize> {
        let n = len.min(PIECE);
        self.send(peer, message, n, |to| fill(to, n)).then_some(n)
    }

    /// Messages sent to `peer` so far.
    pub(super) fn sent(&self, peer: Proc) -> u64 {
        self.net.sent(self.number(peer))
    }

    /// Asks all peers to announce their messages, or no more.
    pub(super) fn set_pressure(&mut self, on: bool) {
        self.net.set_pressure(on);
    }

    /// Whether `peer` asks for that.
    pub(super) fn has_pressure(&self, peer: Proc) -> bool {
        self.asked.set(self.asked.get() + 1);
        if self.asked.get() >= ASKED {
            self.asked.set(0);
            if let Err(why) = self.net.look() {
                lost(&why);
            }
        }
        self.net.has_pressure(self.number(peer))
    }

    /// When there is nothing else to do.
    pub(super) fn idle(&mut self) {
        self.net.idle();
    }
}

impl NodesInbox {
    /// Hands on what has arrived, as `Inbox::poll` does. `busy`: something has come from
    /// elsewhere in this round.
    pub(super) fn poll(
        &mut self,
        busy: bool,
        most: u32,
        handler: &mut impl FnMut(&Arrival<'_>) -> bool,
    ) -> bool {
        let rounds = ROUNDS.load(Ordering::Relaxed);
        let is_last = SLEEPY.load(Ordering::Relaxed);
        if is_last {
            SLEEPY.store(false, Ordering::Relaxed);
        } else if rounds > 0 && !busy {
            ROUNDS.store(rounds - 1, Ordering::Relaxed);
            if rounds <= CLOSELY - EACH && !rounds.is_multiple_of(SOME) {
                return false;
            }
        } else {
            self.skipped += 1;
            if self.skipped < SELDOM {
                return false;
            }
        }
        self.skipped = 0;
        let (table, me, ranks) = (self.table, self.me, self.ranks);
        let polled = self.inbox.poll(most, |message| {
            if message.from < ranks {
                table.note_taken(me, message.from);
            }
            handler(&arrival(message))
        });
        match polled {
            Ok(any) => {
                if any {
                    ROUNDS.store(CLOSELY, Ordering::Relaxed);
                } else if is_last && !busy {
                    // What comes from now on is seen by the thread, or is there already.
                    if !self.inbox.may_sleep() {
                        return true;
                    }
                    self.bell.arm();
                }
                any
            }
            Err(why) => lost(&why),
        }
    }

    /// Has the next round look at the network.
    pub(super) fn look(&mut self) {
        self.skipped = SELDOM;
        ROUNDS.store(CLOSELY, Ordering::Relaxed);
    }

    /// What becomes readable once something comes, where nothing is there now and nothing
    /// waits to go out.
    pub(super) fn quiet(&self) -> Option<i32> {
        self.inbox.may_sleep().then_some(self.fd)
    }

    /// Messages of `peer` that were taken so far, if it is reached by the network.
    pub(super) fn taken(&self, peer: Proc) -> Option<u64> {
        let number = match peer.0 < self.ranks {
            true => group::rank_in_world(peer),
            false => peer.0,
        };
        (peer.0 >= self.near).then(|| self.inbox.taken(number))
    }
}

fn arrival(message: &Message) -> Arrival<'_> {
    let cell = &message.cell;
    Arrival {
        from: proc_of(message.from),
        header: Header {
            kind: cell.kind,
            flags: cell.flags,
            context: crate::object::comm::ContextId(cell.context),
            tag: cell.tag,
            source: cell.source,
            aux: cell.aux,
        },
        words: &cell.words,
        data: message.data,
        len: message.len,
    }
}
