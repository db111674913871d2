//! What this rank waits for, shown in the job segment to the launcher, which explains it.
//! Only waits that last are shown, so that all this costs a message nothing.
//!
//! Each thread that waits has a slot of its own ([`wireup::waits`]), as long as there are
//! slots. A slot is written anew whenever what is waited for changes.

use crate::lock::{self, Local};
use crate::object::comm::{self, ContextId};
use crate::object::datatype;
use crate::object::file;
use crate::object::group::{self, Group, Proc};
use crate::object::win;
use crate::pml::counters;
use crate::profile::Idle;
use crate::stack;
use crate::trace;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use wireup::collective;
use wireup::layout::{CALL_OVER, OTHER_JOB, RankRecord, WaitKind, far_peer};
use wireup::segment::Segment;
use wireup::waits::{self, Beyond, Need, SLOTS, Unreceived, Wait, WaitBlock};

/// Where waits are published: the job's segment, and this process.
static RECORDS: OnceLock<(&'static Segment, Proc)> = OnceLock::new();

/// Says where to publish. Called once, at start.
pub(super) fn start(segment: &'static Segment, me: Proc) {
    let _ = RECORDS.set((segment, me)); // a process is in one job
    // Now: a wait in the midst of messages should make no system call for it.
    if segment.is_launched() {
        let _ = block();
    }
}

/// Peers that a wait names. The first ones are kept, and whether there were more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peers {
    list: [i32; waits::PEERS],
    len: u8,
    more: bool,
}

impl Peers {
    /// Nobody in particular.
    pub const NONE: Peers = Peers {
        list: [0; waits::PEERS],
        len: 0,
        more: false,
    };

    fn as_slice(&self) -> &[i32] {
        &self.list[..usize::from(self.len)]
    }

    fn add(&mut self, peer: i32) {
        if self.as_slice().contains(&peer) {
            return;
        }
        match self.list.get_mut(usize::from(self.len)) {
            Some(place) => {
                *place = peer;
                self.len += 1;
            }
            None => self.more = true,
        }
    }
}

/// What a wait is for, for the report of who waits for whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WaitFor {
    /// In what way.
    pub kind: WaitKind,
    /// Whose part it needs in order to end.
    pub need: Need,
    /// Those processes. One of another job is told as [`wireup::layout::OTHER_JOB`].
    pub peers: Peers,
    /// The tag, -1 any, -2 none in particular.
    pub tag: i32,
    /// The context id.
    pub context: u32,
    /// Bytes of the message, or of the room for it.
    pub bytes: Option<u64>,
    /// The handle of a predefined datatype of which the bytes are; 0: not known.
    pub datatype: crate::handle::Raw,
    /// Requests that are open, and all that the call waits for; 0: it waits for one thing.
    pub open: (u32, u32),
    /// Whether it is for a partitioned message.
    pub is_partitioned: bool,
}

impl WaitFor {
    /// Nothing in particular.
    pub const NOTHING: WaitFor = WaitFor {
        kind: WaitKind::Other,
        need: Need::Anybody,
        peers: Peers::NONE,
        tag: -2,
        context: 0,
        bytes: None,
        datatype: 0,
        open: (0, 0),
        is_partitioned: false,
    };

    /// For the part of one process in what `kind` says; `None`: of any.
    #[must_use]
    pub fn peer(kind: WaitKind, peer: Option<Proc>, tag: i32, context: ContextId) -> WaitFor {
        let mut peers = Peers::NONE;
        if let Some(peer) = peer {
            peers.add(peer.0.cast_signed());
        }
        WaitFor {
            kind,
            need: match peer {
                Some(_) => Need::AllOf,
                None => Need::Anybody,
            },
            peers,
            tag,
            context: context.0,
            ..WaitFor::NOTHING
        }
    }

    /// For something that no rank of this job can do.
    #[must_use]
    pub fn outside() -> WaitFor {
        WaitFor {
            need: Need::Outside,
            ..WaitFor::NOTHING
        }
    }

    /// The first process that it is for.
    #[must_use]
    pub fn first_peer(&self) -> Option<Proc> {
        let peer = self.peers.as_slice().first()?;
        u32::try_from(*peer).ok().map(Proc)
    }

    /// For something that only a process of another job can do.
    #[must_use]
    pub fn another_job() -> WaitFor {
        let mut peers = Peers::NONE;
        peers.add(OTHER_JOB);
        WaitFor {
            peers,
            ..WaitFor::outside()
        }
    }

    /// For all of these, of which at least one is given: told as the first one, and that
    /// it needs the parts that all of them need.
    #[must_use]
    pub fn all_of(waits: impl Iterator<Item = WaitFor>) -> WaitFor {
        let mut all: Option<WaitFor> = None;
        for wait in waits {
            let Some(all) = &mut all else {
                all = Some(wait);
                continue;
            };
            // What anybody may end, or one of several, is left out: the others must end too.
            if wait.need == Need::AllOf && all.need == Need::AllOf {
                wait.peers.as_slice().iter().for_each(|p| all.peers.add(*p));
            } else if wait.need == Need::AllOf {
                *all = wait;
            }
        }
        all.unwrap_or(WaitFor::NOTHING)
    }

    /// For one of these: told as the only one if there is one, else by their peers.
    #[must_use]
    pub fn one_of(waits: impl Iterator<Item = WaitFor>) -> WaitFor {
        let mut one: Option<WaitFor> = None;
        let mut several = false;
        for wait in waits {
            let Some(one) = &mut one else {
                one = Some(wait);
                continue;
            };
            if !several {
                several = true;
                one.tag = -2;
                one.bytes = None;
                one.need = match one.need {
                    Need::AllOf => Need::OneOf,
                    need => need,
                };
                one.peers.len = one.peers.len.min(1);
            }
            match (wait.need, wait.peers.as_slice().first()) {
                // One of those whose parts that request needs stands for all of them.
                (Need::AllOf, Some(peer)) if one.need == Need::OneOf => one.peers.add(*peer),
                (Need::Outside, _) => one.need = Need::Outside,
                _ if one.need == Need::Outside => {}
                _ => one.need = Need::Anybody,
            }
            if one.kind != wait.kind {
                one.kind = WaitKind::Other;
            }
        }
        let mut one = one.unwrap_or(WaitFor::NOTHING);
        if one.need == Need::OneOf && one.peers.more {
            one.need = Need::Anybody;
        }
        one
    }

    /// As the profile records it: a kind, and peers.
    fn recorded(&self) -> (usize, Vec<i32>) {
        let kind = match (self.kind, self.context & 1) {
            (WaitKind::Receive | WaitKind::Send, 1) => WaitKind::Collective,
            (kind, _) => kind,
        };
        (kind as usize, self.peers.as_slice().to_vec())
    }

    /// So many of so many requests are open.
    #[must_use]
    pub fn of_requests(self, open: usize, total: usize) -> WaitFor {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        WaitFor {
            open: (number(open), number(total)),
            ..self
        }
    }
}

/// The context and the tag of the collective that process `peer` has published to wait
/// in, if it waits in one.
pub(super) fn waits_in(peer: Proc) -> Option<(ContextId, i32)> {
    let (segment, _) = RECORDS.get()?;
    let record = (peer.0 < segment.ranks()).then(|| segment.record(peer.0))?;
    let waiting = record.collective.load(Ordering::Relaxed);
    let [context, tag] = [waiting >> 32, waiting & 0xffff_ffff].map(u32::try_from);
    let tag = tag.ok()?.cast_signed();
    (waiting != 0).then_some((ContextId(context.ok()?), tag))
}

/// Whether process `peer`, of this job and node, is in an MPI call and does not sleep there:
/// it mostly makes progress then.
#[must_use]
pub fn is_attentive(peer: Proc) -> bool {
    RECORDS.get().is_some_and(|(segment, _)| {
        let record = (peer.0 < segment.ranks()).then(|| segment.record(peer.0));
        record.is_some_and(|record| {
            let call = record.call.load(Ordering::Relaxed);
            call != 0 && call & CALL_OVER == 0 && record.asleep.load(Ordering::Relaxed) == 0
        })
    })
}

/// Numbers of the waits that were published, from 1. Changed under the library lock.
static LAST: AtomicU64 = AtomicU64::new(0);
/// The number of the wait that each slot shows, or 0.
static OWNERS: Local<[u64; SLOTS]> = Local::new([0; SLOTS]);
/// The number of the wait whose collective the record shows, or 0.
static COLLECTIVE: AtomicU64 = AtomicU64::new(0);

/// A message that has come and that no receive has asked for: the program's, or one of a call
/// with a tag of the program's ([`collective::parse_agreement`]).
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrived {
    pub(super) context: ContextId,
    pub(super) source: u32,
    pub(super) tag: i32,
    pub(super) bytes: u64,
    pub(super) is_partitioned: bool,
}

/// The messages that have come to this process without a receive, the first few, and how
/// many there are. Given by the engine, which is above this.
pub(super) type Unasked = fn(most: usize) -> (Vec<Arrived>, usize);

/// One wait's part in the record.
#[derive(Debug, Default)]
pub(super) struct Publication {
    /// Its number, once it is published; else 0.
    number: u64,
    /// Whether there is something to do when something moves, or at the end: it is
    /// published, or recorded.
    live: bool,
    /// Whether nothing is to be noted of it any more.
    noted: bool,
    /// Its idle time, where that is recorded.
    idle: Idle,
    since: u64,
    /// The call that waits; other threads may be in other calls later.
    call: u32,
    slot: Option<usize>,
    shown: Option<WaitFor>,
    frames: Option<Vec<u64>>,
}

impl Publication {
    /// Notes the call, before the lock is given up for the first time; while calls are
    /// recorded, also how long nothing moves.
    #[inline]
    pub(super) fn nothing_moves(&mut self, what: &impl Fn() -> WaitFor) {
        if !self.noted {
            self.note(what);
        }
    }

    fn note(&mut self, what: &impl Fn() -> WaitFor) {
        if self.call == 0 {
            self.call = trace::slot_or_spare().load(Ordering::Relaxed) & !CALL_OVER;
        }
        self.noted = !lock::is_watched();
        if !self.noted {
            self.live = true;
            self.idle.look(&mut || what().recorded());
        }
    }

    /// The thread has let time pass.
    #[inline]
    pub(super) fn paused(&mut self) {
        if !self.noted {
            self.idle.paused();
        }
    }

    /// Tells that this rank waits, for `what`.
    #[cold]
    pub(super) fn tell(&mut self, what: WaitFor, unasked: Unasked) {
        let Some((segment, me)) = RECORDS.get() else {
            return;
        };
        let record = segment.record(me.0);
        if self.number == 0 {
            self.number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
            self.live = true;
            self.since = monotonic().max(1);
            counters::waited_long(what.kind as usize);
            add(&record.waiters, 1);
            raise(record);
        }
        let is_new = self.shown != Some(what);
        let walks =
            self.frames.is_none() && monotonic().saturating_sub(self.since) >= stack::PATIENCE;
        if !is_new && !walks {
            return;
        }
        if walks {
            self.frames = Some(stack::walk());
        }
        let Some(block) = block() else {
            self.shown = Some(what);
            return; // there is no room in the segment: waits are counted, and not shown
        };
        self.show_in(block, record, what, segment.ranks());
        if is_new {
            show_unreceived(block, unasked);
            self.shown = Some(what);
            raise(record);
        }
    }

    fn show_in(&mut self, block: &WaitBlock, record: &RankRecord, what: WaitFor, ranks: u32) {
        let slot = self.slot.or_else(|| take_slot(self.number));
        self.slot = slot;
        let in_collective = what.context & 1 == 1 && what.tag >= 0;
        let collective = in_collective.then_some(what.tag);
        let shown = COLLECTIVE.load(Ordering::Relaxed);
        if shown == self.number || shown == 0 && in_collective {
            let context = u64::from(what.context) << 32;
            let word = collective.map_or(0, |tag| context | u64::from(tag.cast_unsigned()));
            // Relaxed: the word itself is all that is told.
            record.collective.store(word, Ordering::Relaxed);
            let owner = if word == 0 { 0 } else { self.number };
            COLLECTIVE.store(owner, Ordering::Relaxed);
        }
        let Some(slot) = slot else { return };
        let mut wait = described(what, ranks);
        wait.collective = match what.kind {
            WaitKind::Leaving => {
                comm::find(comm::WORLD).and_then(|world| world.collectives.latest())
            }
            _ => collective,
        };
        wait.since = self.since;
        wait.call = self.call;
        wait.frames = self.frames.clone().unwrap_or_default();
        block.slots[slot].show(&wait);
    }

    /// Something has moved; what is waited for may be something else now.
    #[inline]
    pub(super) fn moved(&mut self) {
        if self.live {
            self.has_moved();
        }
    }

    #[cold]
    fn has_moved(&mut self) {
        self.idle.end();
        if self.number != 0 {
            self.shown = None;
            record().into_iter().for_each(raise);
        }
    }

    /// The wait is over.
    #[inline]
    pub(super) fn end(&mut self) {
        if self.live {
            self.take_back();
        }
    }

    #[cold]
    fn take_back(&mut self) {
        self.idle.end();
        if self.number == 0 {
            return;
        }
        let Some((segment, me)) = RECORDS.get() else {
            return;
        };
        let record = segment.record(me.0);
        if COLLECTIVE.load(Ordering::Relaxed) == self.number {
            COLLECTIVE.store(0, Ordering::Relaxed);
            record.collective.store(0, Ordering::Relaxed);
        }
        if let Some(slot) = self.slot {
            if let Some(block) = block() {
                block.slots[slot].clear();
            }
            OWNERS.with(|owners| owners[slot] = 0);
        }
        add(&record.waiters, -1);
        raise(record);
    }
}

/// A slot for the wait of this number, if one is free.
fn take_slot(number: u64) -> Option<usize> {
    OWNERS.with(|owners| {
        let free = owners.iter().position(|owner| *owner == 0)?;
        owners[free] = number;
        Some(free)
    })
}

/// How a wait is told, but for when and where in the program.
fn described(what: WaitFor, ranks: u32) -> Wait {
    let own = without_strangers(what, ranks);
    let context = ContextId(what.context & !1);
    let known = place(context);
    let first = what.peers.as_slice().first().copied();
    let rank_in = |group: &Group, peer: i32| {
        let peer = u32::try_from(peer).ok()?;
        group.rank_of(Proc(peer)).map(u32::cast_signed)
    };
    let named = datatype::predefined(what.datatype);
    // Odd context ids are the collectives', whose tags are nobody's business, but for those
    // that the program has given.
    let given = collective::parse_agreement(own.tag).map_or(-2, |(_, tag)| tag);
    let is_window = known.as_ref().is_some_and(|known| !known.has_tags);
    let (kind, tag) = match what.context & 1 {
        1 if own.kind != WaitKind::Other => (WaitKind::Collective, given),
        1 => (own.kind, -2),
        // A lock's tag is the rank that is locked.
        _ if matches!(own.kind, WaitKind::LockExclusive | WaitKind::LockShared) => {
            (own.kind, own.tag)
        }
        _ if is_window => (own.kind, -2),
        _ => (own.kind, own.tag),
    };
    Wait {
        kind,
        need: own.need,
        peers: own.peers.as_slice().to_vec(),
        beyond: beyond(&what, known.as_ref()),
        peer_rank: match (first, &known) {
            (Some(peer), Some(known)) => rank_in(&known.peers, peer).unwrap_or(-2),
            (None, _) if own.need == Need::Anybody && kind == WaitKind::Receive => -1,
            _ => -2,
        },
        rank: known.as_ref().map_or(-2, |known| known.rank.cast_signed()),
        tag,
        context: own.context,
        bytes: own.bytes.filter(|_| !is_window),
        open: own.open,
        is_partitioned: own.is_partitioned,
        place: known.map_or_else(String::new, |known| known.name),
        datatype: named.map_or_else(String::new, |named| {
            String::from_utf8_lossy(&named.name()).into_owned()
        }),
        element: named.map_or(0, |named| u32::try_from(named.size()).unwrap_or(0)),
        ..Wait::default()
    }
}

/// A communicator or a window, as a report names it.
struct Place {
    name: String,
    /// This process's rank.
    rank: u32,
    /// The processes that ranks of peers stand for.
    peers: Group,
    /// Whether tags of its messages are the program's.
    has_tags: bool,
}

/// What has this context.
fn place(context: ContextId) -> Option<Place> {
    if let Some(comm) = comm::with_context(context) {
        return Some(Place {
            name: comm.label(),
            rank: comm.rank,
            peers: comm.peers().clone(),
            has_tags: true,
        });
    }
    if let Some(comm) = comm::with_local_context(context) {
        return Some(Place {
            name: format!("the own group of {}", comm.label()),
            rank: comm.rank,
            peers: comm.group.clone(),
            has_tags: false,
        });
    }
    if let Some(file) = file::with_context(context) {
        return Some(Place {
            name: file.label(),
            rank: file.comm.rank,
            peers: file.comm.group.clone(),
            has_tags: false,
        });
    }
    let win = win::with_context(context)?;
    let name = win.name.borrow();
    let name = match name.as_str() {
        "" => format!("a window (context {})", context.0),
        name => format!("window \"{name}\""),
    };
    Some(Place {
        name,
        rank: win.comm.rank,
        peers: win.comm.group.clone(),
        has_tags: false,
    })
}

/// The communicator of this context in words, and the rank of a process in it. `None`: it is
/// the library's own, or no more.
pub(super) fn place_and_rank(
    context: ContextId,
    peer: Option<Proc>,
) -> Option<(String, Option<u32>)> {
    let place = place(context).filter(|place| place.has_tags)?;
    let rank = peer.and_then(|peer| place.peers.rank_of(peer));
    Some((place.name, rank))
}

/// The program's messages among these, with their communicators in words: source, tag, place.
pub(super) fn of_the_program(messages: Vec<Arrived>) -> Vec<(u32, i32, String)> {
    let of_program = |message: &Arrived| message.tag >= 0;
    let own = messages
        .into_iter()
        .filter(of_program)
        .filter_map(|message| {
            let context = message.context;
            let place = match place(context) {
                Some(place) => place.has_tags.then_some(place.name)?,
                None => format!("a communicator that is freed (context {})", context.0),
            };
            Some((message.source, message.tag, place))
        });
    own.collect()
}

/// Shows the messages that nobody has asked for. Those of collectives and of the library's
/// own are not the program's business.
fn show_unreceived(block: &WaitBlock, unasked: Unasked) {
    let (messages, all) = unasked(waits::ROWS);
    let shown = messages.len();
    let rows = messages.into_iter().filter_map(|message| {
        let place = match place(message.context) {
            Some(place) => place.has_tags.then_some(place.name)?,
            None => String::new(),
        };
        Some(Unreceived {
            source: message.source,
            tag: message.tag,
            context: message.context.0,
            bytes: message.bytes,
            is_partitioned: message.is_partitioned,
            place,
        })
    });
    let rows: Vec<Unreceived> = rows.collect();
    block.show_unreceived(&rows, all - (shown - rows.len()));
}

/// Connections to other jobs over the network that this process has open.
static NETWORKS: AtomicU32 = AtomicU32::new(0);

/// So many more connections to other jobs over the network are open.
pub(super) fn note_networks(more: i32) {
    add(&NETWORKS, more);
}

/// What is told of a wait for a process of another job, of which the launcher knows nothing:
/// nobody of this job can end it, so that it is of no particular kind. Ranks on other hosts
/// are told by their ranks in the whole job.
fn without_strangers(mut what: WaitFor, ranks: u32) -> WaitFor {
    let is_stranger = |peer: i32| u32::try_from(peer).is_ok_and(|peer| peer >= ranks);
    for peer in &mut what.peers.list[..usize::from(what.peers.len)] {
        if is_stranger(*peer)
            && let Some(rank) = group::rank_on_another_node(Proc(peer.cast_unsigned()))
        {
            *peer = far_peer(rank);
        }
    }
    // Over the network mpirun does not know of whom else.
    let may_be_stranger = what.need == Need::Anybody && NETWORKS.load(Ordering::Relaxed) != 0;
    let of_strangers = what.peers.as_slice().iter().any(|peer| is_stranger(*peer));
    match of_strangers || may_be_stranger {
        true => WaitFor {
            kind: WaitKind::Other,
            tag: what.tag,
            context: what.context,
            open: what.open,
            ..WaitFor::another_job()
        },
        false => what,
    }
}

/// Whose part a wait needs, counting processes of other jobs, if this job is connected to one.
/// A receive from any source needs one of the communicator's processes.
fn beyond(what: &WaitFor, known: Option<&Place>) -> Option<Beyond> {
    let (segment, _) = RECORDS.get()?;
    if segment.head().connections.load(Ordering::Relaxed) == 0 {
        return None;
    }
    let (need, procs) = match what.need {
        Need::AllOf | Need::OneOf => {
            let peers = what.peers.as_slice().iter();
            let procs = peers.map(|peer| u32::try_from(*peer).ok().map(Proc));
            (what.need, procs.collect::<Option<Vec<Proc>>>()?)
        }
        Need::Anybody if what.kind == WaitKind::Receive && what.open.1 <= 1 => {
            let peers = known.map(|known| &known.peers);
            let peers = peers.filter(|peers| peers.size() as usize <= waits::PEERS)?;
            (Need::OneOf, peers.iter().collect())
        }
        Need::Anybody | Need::Outside => return None,
    };
    if procs
        .iter()
        .any(|proc| group::rank_on_another_node(*proc).is_some())
    {
        return None;
    }
    let identities = procs.into_iter().map(group::identity);
    Some(Beyond {
        need,
        peers: identities.map(|one| (one.job, one.rank)).collect(),
    })
}

/// The block in which this process shows its waits.
static BLOCK: OnceLock<&'static WaitBlock> = OnceLock::new();

/// That block; `None`: there is no room for it in the segment.
fn block() -> Option<&'static WaitBlock> {
    BLOCK.get().copied().or_else(|| {
        let (segment, me) = RECORDS.get()?;
        let found = waits::block_of(segment, me.0)?;
        Some(BLOCK.get_or_init(|| found))
    })
}

fn record() -> Option<&'static RankRecord> {
    let (segment, me) = RECORDS.get()?;
    Some(segment.record(me.0))
}

/// Says that what the record tells has changed. This rank alone writes the number, under
/// the library lock.
fn raise(record: &RankRecord) {
    let changes = record.changes.load(Ordering::Relaxed).wrapping_add(1);
    record.changes.store(changes, Ordering::Release); // pairs with the launcher's Acquire
}

fn add(count: &AtomicU32, more: i32) {
    let now = count.load(Ordering::Relaxed).wrapping_add_signed(more);
    count.store(now, Ordering::Relaxed);
}

/// `CLOCK_MONOTONIC` in nanoseconds.
fn monotonic() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: fills a local of the right type.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(peer: Option<u32>) -> WaitFor {
        WaitFor::peer(WaitKind::Receive, peer.map(Proc), 7, ContextId(0))
    }

    #[test]
    fn all_of_several_need_every_peer() {
        let all = WaitFor::all_of([receive(Some(2)), receive(None), receive(Some(1))].into_iter());
        assert_eq!((all.need, all.peers.as_slice()), (Need::AllOf, &[2, 1][..]));
        let first = WaitFor::all_of([receive(None), receive(Some(1))].into_iter());
        assert_eq!(
            (first.need, first.peers.as_slice()),
            (Need::AllOf, &[1][..])
        );
        assert_eq!(WaitFor::all_of(std::iter::empty()), WaitFor::NOTHING);
    }

    #[test]
    fn one_of_several_may_come_from_any_of_them() {
        let one = WaitFor::one_of([receive(Some(2)), receive(Some(1))].into_iter());
        assert_eq!((one.need, one.peers.as_slice()), (Need::OneOf, &[2, 1][..]));
        let only = WaitFor::one_of([receive(Some(2))].into_iter());
        assert_eq!(only, receive(Some(2)));
        let any = WaitFor::one_of([receive(Some(2)), receive(None)].into_iter());
        assert_eq!(any.need, Need::Anybody);
        let outside = [receive(Some(2)), WaitFor::outside(), receive(None)];
        assert_eq!(WaitFor::one_of(outside.into_iter()).need, Need::Outside);
        let many = WaitFor::one_of((0..20).map(|peer| receive(Some(peer))));
        assert_eq!(many.need, Need::Anybody);
    }
}
