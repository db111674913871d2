//! What a rank waits for, and which messages have come to it that nobody has received:
//! published in the job segment for whoever explains a job that does not go on.
//!
//! Each rank has a [`WaitBlock`] of the arena, whose offset stands in its record. The block has a slot for each of eight waiting
//! threads, and eight rows for messages. Only that rank writes it, under its library
//! lock; who reads it may find a slot half written, and skips it then.

use crate::layout::{OTHER_JOB, WaitKind, far_rank};
use crate::plain;
use crate::segment::Segment;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64, fence};

/// Waits of a rank that are shown at a time.
pub const SLOTS: usize = 8;
/// Messages without a receive that are shown.
pub const ROWS: usize = 8;
/// Peers that are listed for one wait.
pub const PEERS: usize = 8;
/// Return addresses that are kept of a thread that waits.
pub const FRAMES: usize = 24;
/// Words of a name: room for what describes a communicator without one.
const NAME_WORDS: usize = 10;

/// Whose parts a wait needs in order to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u32)]
pub enum Need {
    /// Any process may end it, for all that is known.
    #[default]
    Anybody = 0,
    /// All the peers listed; perhaps others as well.
    AllOf = 1,
    /// One of the peers listed; there are no others.
    OneOf = 2,
    /// That of something beside the job's ranks: a process of another job, the kernel, a
    /// thread of the library.
    Outside = 3,
}

impl Need {
    /// The need with this number.
    #[must_use]
    pub fn of(raw: u32) -> Need {
        match raw {
            1 => Need::AllOf,
            2 => Need::OneOf,
            3 => Need::Outside,
            _ => Need::Anybody,
        }
    }
}

/// Whose parts a wait needs, where some of those may be of other jobs: told by the numbers of
/// jobs and the ranks there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Beyond {
    /// Of whom.
    pub need: Need,
    /// The number of a job, and a rank of its `MPI_COMM_WORLD`.
    pub peers: Vec<(u64, u32)>,
}

/// One thread's wait.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wait {
    /// `CLOCK_MONOTONIC` nanoseconds at which it began.
    pub since: u64,
    /// 1 + the index in `CALL_NAMES` of the call that waits; 0: not known.
    pub call: u32,
    /// What is needed of a peer.
    pub kind: WaitKind,
    /// Of whom.
    pub need: Need,
    /// Ranks in `MPI_COMM_WORLD`; those on other hosts as [`crate::layout::far_peer`] says; or
    /// [`OTHER_JOB`].
    pub peers: Vec<i32>,
    /// The same of a job that is connected to others; `None`: it is not, or that is not known.
    pub beyond: Option<Beyond>,
    /// The first peer's rank in the communicator; -1 any, -2 not known.
    pub peer_rank: i32,
    /// This rank's number in the communicator.
    pub rank: i32,
    /// The program's tag; -1 any, -2 none.
    pub tag: i32,
    /// The context id.
    pub context: u32,
    /// The tag of the collective that it waits in (see [`crate::collective`]); of a rank that
    /// leaves, that of the last one that it has called on `MPI_COMM_WORLD`.
    pub collective: Option<i32>,
    /// Bytes of the message or of the room for it.
    pub bytes: Option<u64>,
    /// Requests that are open, and those that the call waits for; 0: not a call for several.
    pub open: (u32, u32),
    /// Whether it is for a partitioned message.
    pub is_partitioned: bool,
    /// The communicator's or window's name.
    pub place: String,
    /// The name of the datatype whose elements the bytes are; empty: not known.
    pub datatype: String,
    /// Bytes of one element of it.
    pub element: u32,
    /// Return addresses, from the innermost; none within the first half second.
    pub frames: Vec<u64>,
}

impl Wait {
    /// Whether it is for a process that has no record in this segment: one of another job, or
    /// a rank on another host.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        let is_elsewhere = |peer: &i32| *peer == OTHER_JOB || far_rank(*peer).is_some();
        self.peers.iter().any(is_elsewhere)
    }
}

/// A message that came and that no receive has asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unreceived {
    /// The sender's rank in the communicator.
    pub source: u32,
    /// Its tag.
    pub tag: i32,
    /// The context id.
    pub context: u32,
    /// Its bytes.
    pub bytes: u64,
    /// Whether it is a partitioned one.
    pub is_partitioned: bool,
    /// The communicator's name.
    pub place: String,
}

/// A [`Wait`] in the segment.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct WaitSlot {
    /// Odd while it is being written.
    version: AtomicU32,
    call: AtomicU32,
    since: AtomicU64,
    kind: AtomicU32,
    need: AtomicU32,
    listed: AtomicU32,
    peer_rank: AtomicU32,
    peers: [AtomicU32; PEERS],
    /// 1 + the [`Need`] of [`Beyond`], or 0.
    beyond: AtomicU32,
    /// Peers that it lists.
    beyond_listed: AtomicU32,
    beyond_jobs: [AtomicU64; PEERS],
    beyond_ranks: [AtomicU32; PEERS],
    rank: AtomicU32,
    tag: AtomicU32,
    context: AtomicU32,
    collective: AtomicU32,
    /// 1 + the bytes; 0: not known.
    bytes: AtomicU64,
    open: AtomicU32,
    total: AtomicU32,
    element: AtomicU32,
    frames: AtomicU32,
    partitioned: AtomicU32,
    place: [AtomicU64; NAME_WORDS],
    datatype: [AtomicU64; NAME_WORDS],
    stack: [AtomicU64; FRAMES],
}

/// What a row may have in `used`.
const NOT_USED: u32 = 0;
const PLAIN: u32 = 1;
const PARTITIONED: u32 = 2;

/// An [`Unreceived`] in the segment.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct RowSlot {
    source: AtomicU32,
    tag: AtomicU32,
    context: AtomicU32,
    /// [`NOT_USED`], [`PLAIN`] or [`PARTITIONED`].
    used: AtomicU32,
    bytes: AtomicU64,
    place: [AtomicU64; NAME_WORDS],
}

/// All that a rank shows of its waits.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct WaitBlock {
    /// The waits; 0 in `since`: none.
    pub slots: [WaitSlot; SLOTS],
    rows: [RowSlot; ROWS],
    /// Odd while the rows are being written.
    version: AtomicU32,
    /// Messages without a receive, shown or not.
    unreceived: AtomicU32,
}

/// The end of a name that is longer than its room.
const CUT: &str = "…";

fn put_name(words: &[AtomicU64; NAME_WORDS], name: &str) {
    let room = NAME_WORDS * 8;
    let mut bytes = name.as_bytes().to_vec();
    if bytes.len() > room {
        let mut end = room - CUT.len();
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        bytes.truncate(end);
        bytes.extend_from_slice(CUT.as_bytes());
    }
    bytes.resize(NAME_WORDS * 8, 0);
    for (word, eight) in words.iter().zip(bytes.as_chunks::<8>().0) {
        word.store(u64::from_le_bytes(*eight), Relaxed);
    }
}

fn name(words: &[AtomicU64; NAME_WORDS]) -> String {
    let bytes = words.iter().flat_map(|w| w.load(Relaxed).to_le_bytes());
    let bytes: Vec<u8> = bytes.take_while(|b| *b != 0).collect();
    plain::line(&bytes)
}

fn put_signed(word: &AtomicU32, value: i32) {
    word.store(value.cast_unsigned(), Relaxed);
}

fn signed(word: &AtomicU32) -> i32 {
    word.load(Relaxed).cast_signed()
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Begins a change of what `version` guards.
fn open(version: &AtomicU32) -> u32 {
    let before = version.load(Relaxed);
    version.store(before | 1, Relaxed);
    fence(Release); // pairs with the fence in `unchanged`: who sees a change sees the odd number
    before
}

fn close(version: &AtomicU32, before: u32) {
    version.store((before | 1).wrapping_add(1), Release); // pairs with the Acquire of readers
}

/// Whether nothing was written since `version` was `before`.
fn unchanged(version: &AtomicU32, before: u32) -> bool {
    fence(Acquire); // pairs with the fence in `open`
    before.is_multiple_of(2) && version.load(Relaxed) == before
}

impl WaitSlot {
    /// Shows a wait. Peers beyond [`PEERS`] are left out: then [`Need::OneOf`] is shown as
    /// [`Need::Anybody`], since one of those may help.
    pub fn show(&self, wait: &Wait) {
        let before = open(&self.version);
        let need = match wait.need {
            Need::OneOf if wait.peers.len() > PEERS => Need::Anybody,
            need => need,
        };
        self.call.store(wait.call, Relaxed);
        self.since.store(wait.since.max(1), Relaxed);
        self.kind.store(wait.kind as u32, Relaxed);
        self.need.store(need as u32, Relaxed);
        self.listed
            .store(number(wait.peers.len().min(PEERS)), Relaxed);
        put_signed(&self.peer_rank, wait.peer_rank);
        for (word, peer) in self.peers.iter().zip(&wait.peers) {
            put_signed(word, *peer);
        }
        self.show_beyond(wait.beyond.as_ref());
        put_signed(&self.rank, wait.rank);
        put_signed(&self.tag, wait.tag);
        self.context.store(wait.context, Relaxed);
        put_signed(&self.collective, wait.collective.unwrap_or(-1));
        let bytes = wait.bytes.map_or(0, |bytes| bytes.saturating_add(1));
        self.bytes.store(bytes, Relaxed);
        self.open.store(wait.open.0, Relaxed);
        self.total.store(wait.open.1, Relaxed);
        self.element.store(wait.element, Relaxed);
        self.partitioned.store(wait.is_partitioned.into(), Relaxed);
        put_name(&self.place, &wait.place);
        put_name(&self.datatype, &wait.datatype);
        self.frames
            .store(number(wait.frames.len().min(FRAMES)), Relaxed);
        for (word, frame) in self.stack.iter().zip(&wait.frames) {
            word.store(*frame, Relaxed);
        }
        close(&self.version, before);
    }

    /// A list that is too long is left out.
    fn show_beyond(&self, beyond: Option<&Beyond>) {
        let beyond = beyond.filter(|beyond| {
            beyond.peers.len() <= PEERS || beyond.need == Need::AllOf // some of them are enough
        });
        let Some(beyond) = beyond else {
            self.beyond.store(0, Relaxed);
            return;
        };
        self.beyond.store(1 + beyond.need as u32, Relaxed);
        let listed = number(beyond.peers.len().min(PEERS));
        self.beyond_listed.store(listed, Relaxed);
        let places = self.beyond_jobs.iter().zip(&self.beyond_ranks);
        for ((job, rank), peer) in places.zip(&beyond.peers) {
            job.store(peer.0, Relaxed);
            rank.store(peer.1, Relaxed);
        }
    }

    fn shown_beyond(&self) -> Option<Beyond> {
        let need = self.beyond.load(Relaxed).checked_sub(1)?;
        let listed = (self.beyond_listed.load(Relaxed) as usize).min(PEERS);
        let places = self.beyond_jobs.iter().zip(&self.beyond_ranks);
        let peers = places.map(|(job, rank)| (job.load(Relaxed), rank.load(Relaxed)));
        Some(Beyond {
            need: Need::of(need),
            peers: peers.take(listed).collect(),
        })
    }

    /// Shows no wait.
    pub fn clear(&self) {
        let before = open(&self.version);
        self.since.store(0, Relaxed);
        close(&self.version, before);
    }

    /// The wait that is shown. `None`: there is none, or it is being changed.
    #[must_use]
    pub fn wait(&self) -> Option<Wait> {
        let before = self.version.load(Acquire); // pairs with the Release in `close`
        let since = self.since.load(Relaxed);
        if since == 0 {
            return None;
        }
        let listed = (self.listed.load(Relaxed) as usize).min(PEERS);
        let frames = (self.frames.load(Relaxed) as usize).min(FRAMES);
        let wait = Wait {
            since,
            call: self.call.load(Relaxed),
            kind: WaitKind::of(self.kind.load(Relaxed)),
            need: Need::of(self.need.load(Relaxed)),
            peers: self.peers[..listed].iter().map(signed).collect(),
            beyond: self.shown_beyond(),
            peer_rank: signed(&self.peer_rank),
            rank: signed(&self.rank),
            tag: signed(&self.tag),
            context: self.context.load(Relaxed),
            collective: Some(signed(&self.collective)).filter(|tag| *tag >= 0),
            bytes: self.bytes.load(Relaxed).checked_sub(1),
            open: (self.open.load(Relaxed), self.total.load(Relaxed)),
            is_partitioned: self.partitioned.load(Relaxed) != 0,
            place: name(&self.place),
            datatype: name(&self.datatype),
            element: self.element.load(Relaxed),
            frames: self.stack[..frames]
                .iter()
                .map(|w| w.load(Relaxed))
                .collect(),
        };
        unchanged(&self.version, before).then_some(wait)
    }
}

impl WaitBlock {
    /// Shows the first of these messages. `all`: how many there are.
    pub fn show_unreceived(&self, messages: &[Unreceived], all: usize) {
        let before = open(&self.version);
        for (at, row) in self.rows.iter().enumerate() {
            let Some(message) = messages.get(at) else {
                row.used.store(NOT_USED, Relaxed);
                continue;
            };
            row.source.store(message.source, Relaxed);
            put_signed(&row.tag, message.tag);
            row.context.store(message.context, Relaxed);
            row.bytes.store(message.bytes, Relaxed);
            put_name(&row.place, &message.place);
            let used = if message.is_partitioned {
                PARTITIONED
            } else {
                PLAIN
            };
            row.used.store(used, Relaxed);
        }
        self.unreceived.store(number(all), Relaxed);
        close(&self.version, before);
    }

    /// The messages that are shown, and how many there are in all.
    #[must_use]
    pub fn unreceived(&self) -> (Vec<Unreceived>, u32) {
        let before = self.version.load(Acquire); // pairs with the Release in `close`
        let kinds = self.rows.iter().map(|row| (row, row.used.load(Relaxed)));
        let used = kinds.filter(|(_, used)| matches!(*used, PLAIN | PARTITIONED));
        let messages = used.map(|(row, used)| Unreceived {
            source: row.source.load(Relaxed),
            tag: signed(&row.tag),
            context: row.context.load(Relaxed),
            bytes: row.bytes.load(Relaxed),
            is_partitioned: used == PARTITIONED,
            place: name(&row.place),
        });
        let messages: Vec<Unreceived> = messages.collect();
        let all = self.unreceived.load(Relaxed).max(number(messages.len()));
        match unchanged(&self.version, before) {
            true => (messages, all),
            false => (Vec::new(), 0),
        }
    }
}

/// The block of `rank`, if it has one and it lies in what the segment has.
///
/// # Panics
/// If there is no such rank: a bug of the caller.
#[must_use]
pub fn block(segment: &Segment, rank: u32) -> Option<&WaitBlock> {
    at(segment, segment.record(rank).waits.load(Acquire)) // pairs with the Release in `block_of`
}

/// The block of this process, which is `rank`; made at the first call. `None`: there is no
/// room for it.
///
/// # Panics
/// If there is no such rank: a bug of the caller.
#[must_use]
pub fn block_of(segment: &Segment, rank: u32) -> Option<&WaitBlock> {
    let record = segment.record(rank);
    match record.waits.load(Relaxed) {
        0 => {}
        place => return at(segment, place),
    }
    let place = segment.allocate(size_of::<WaitBlock>() as u64).ok()?;
    record.waits.store(place, Release); // pairs with the Acquire in `block`
    at(segment, place)
}

fn at(segment: &Segment, place: u64) -> Option<&WaitBlock> {
    // SAFETY: all fields are atomics.
    unsafe { segment.block(place) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block() -> Box<WaitBlock> {
        // SAFETY: all fields are atomics, for which zero is a value.
        unsafe { Box::new(std::mem::zeroed()) }
    }

    fn wait() -> Wait {
        Wait {
            since: 5,
            call: 3,
            kind: WaitKind::Receive,
            need: Need::OneOf,
            peers: vec![4, -3],
            beyond: Some(Beyond {
                need: Need::OneOf,
                peers: vec![(u64::MAX, 4), (7, 0)],
            }),
            peer_rank: 1,
            rank: 0,
            tag: -1,
            context: 8,
            collective: Some(0),
            bytes: Some(0),
            open: (1, 2),
            is_partitioned: true,
            place: "halo".to_owned(),
            datatype: "MPI_INT".to_owned(),
            element: 4,
            frames: vec![1, 2, 3],
        }
    }

    #[test]
    fn what_is_shown_is_read() {
        let block = block();
        assert_eq!(block.slots[1].wait(), None);
        block.slots[1].show(&wait());
        assert_eq!(block.slots[1].wait(), Some(wait()));
        assert!(wait().is_elsewhere());
        block.slots[1].clear();
        assert_eq!(block.slots[1].wait(), None);
    }

    #[test]
    fn a_list_that_is_too_long_proves_nothing() {
        let block = block();
        let mut long = wait();
        long.peers = (0..20).collect();
        block.slots[0].show(&long);
        let read = block.slots[0].wait().unwrap();
        assert_eq!((read.need, read.peers.len()), (Need::Anybody, PEERS));
        long.beyond = Some(Beyond {
            need: Need::OneOf,
            peers: vec![(7, 0); PEERS + 1],
        });
        block.slots[0].show(&long);
        assert_eq!(block.slots[0].wait().unwrap().beyond, None);
        long.need = Need::AllOf;
        block.slots[0].show(&long);
        assert_eq!(block.slots[0].wait().unwrap().need, Need::AllOf);
    }

    #[test]
    fn a_slot_that_is_being_written_is_skipped() {
        let block = block();
        block.slots[0].show(&wait());
        let before = open(&block.slots[0].version);
        assert_eq!(block.slots[0].wait(), None);
        close(&block.slots[0].version, before);
        assert_eq!(block.slots[0].wait(), Some(wait()));
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        let block = block();
        let mut long = wait();
        for (letters, shown) in [(40, "ä".repeat(40)), (41, "ä".repeat(38) + CUT)] {
            long.place = "ä".repeat(letters);
            block.slots[0].show(&long);
            assert_eq!(block.slots[0].wait().unwrap().place, shown);
        }
    }

    #[test]
    fn messages_without_a_receive_are_counted() {
        let block = block();
        let message = |tag| Unreceived {
            source: 1,
            tag,
            context: 0,
            bytes: 24,
            is_partitioned: tag % 2 == 1,
            place: "MPI_COMM_WORLD".to_owned(),
        };
        let many: Vec<Unreceived> = (0..12).map(message).collect();
        block.show_unreceived(&many, 12);
        let (shown, all) = block.unreceived();
        assert_eq!((shown.as_slice(), all), (&many[..ROWS], 12));
        block.show_unreceived(&[], 0);
        assert_eq!(block.unreceived(), (Vec::new(), 0));
    }
}
