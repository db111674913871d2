//! The contract between messaging and what carries it.
//!
//! A transport moves *headers with bytes* to a peer, in order. Everything else it
//! can do is optional, and asking for it is how to find out:
//!
//! | capability | asked by | without it |
//! |---|---|---|
//! | memory of peers is reached | [`Transport::reach`] | messages go in pieces |
//! | own memory is reached by peers | [`Transport::is_exported`] | peers never write it |
//! | claims on parts of a message | [`Transport::take_slot`] | no cooperative copies |
//! | boards, bulletins | [`Transport::make_board`] | collectives go by messages |
//! | other jobs | [`Transport::open_bridge`] | no connections, no spawning |
//!
//! `shm.rs` fulfils it with the job segment, and `tests/transport/socket.rs` with the
//! least that there can be. The engine is generic over the transport, so that no message
//! pays for an indirect call.
//!
//! Sending never blocks. A transport that has no room says so, and is asked again
//! after progress. A message that was accepted arrives, in the order in which the
//! messages to that peer were accepted. The first one may come before its receiver has
//! opened the transport; until then there may be no room. What goes to a rank that has
//! ended is lost, and counts as accepted. No rank sends to itself.
//!
//! All calls but the waiter's are made under the library lock. A forked child makes none.

use crate::object::comm::ContextId;
use crate::object::group::{Identity, Proc};
use crate::pml::memory::Memory;
use std::fmt::{Debug, Display};
use std::ops::Range;
use std::ptr::NonNull;
use wireup::descriptor::Source;
use wireup::heap::HeapFile;
use wireup::layout::{RankRecord, State};
use wireup::nodes::Table;
use wireup::segment::Segment;
use wireup::settings::Settings;

/// Numbers that travel with a header.
pub(super) const WORDS: usize = 5;

/// The numbers of a message without bytes.
pub(super) type Words = [u64; WORDS];

/// The numbers of a message with bytes.
pub(super) type FewWords = [u64; 3];

/// What travels in front of a message. Transports carry it and do not look at it;
/// [`wire`](crate::pml::wire) gives it its meaning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) context: ContextId,
    pub(super) tag: i32,
    /// The sender's rank in the communicator.
    pub(super) source: u32,
    /// A number of either side's choice.
    pub(super) aux: u32,
}

/// A message that has arrived.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival<'a> {
    /// Who sent it.
    pub(super) from: Proc,
    pub(super) header: Header,
    /// Its numbers: all of them, or with bytes the last three.
    pub(super) words: &'a Words,
    /// Its bytes, readable until the handler returns.
    pub(super) data: *const u8,
    /// How many.
    pub(super) len: usize,
}

/// How memory of a peer's is reached.
#[derive(Clone, Copy, Debug)]
pub(super) enum Access {
    /// It is mapped here, for good.
    Mapped(NonNull<u8>),
    /// By loads and stores, through attachments that come and go.
    Attached,
    /// By a call for each copy: of the kernel, or of a network. The number is the
    /// transport's own.
    ByCall(u32),
}

/// Bytes of a peer's memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Remote {
    pub(super) peer: Proc,
    /// Where they begin in the peer's address space.
    pub(super) addr: u64,
    pub(super) access: Access,
}

impl Remote {
    /// Whether each copy takes a call.
    pub(super) fn is_by_call(&self) -> bool {
        matches!(self.access, Access::ByCall(_))
    }
}

/// Which way bytes go between a peer's memory and this process's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Flow {
    /// From the peer's memory.
    In,
    /// To the peer's memory.
    Out,
}

/// Why bytes could not be copied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum CopyError {
    /// Not by this access. Another may do.
    Access,
    /// Not by this access, since the peer protects the page. The peer may be able to
    /// touch it.
    Protected,
    /// Not at all: why the peer's memory cannot be had, in words.
    PeerMemory(String),
    /// Not at all: there is no memory of this process at this address, or it may not be
    /// touched.
    OwnMemory(u64),
}

/// Names one use of a slot to the peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SlotId {
    /// Which slot.
    pub(super) at: u64,
    /// Which use of it.
    pub(super) turn: u32,
}

/// How far a cooperative copy has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SlotState {
    /// Chunks are unclaimed, or the sender is at work on what it claimed.
    Open,
    /// Everything that was claimed is copied, and nothing is left to claim.
    Whole,
    /// The sender could not copy what it claimed, and has stopped.
    Failed,
}

/// The receiver's side of a slot: it claims chunks of a message from the front.
pub(super) trait ReceiverSlot: Debug {
    /// What the sender must be told.
    fn id(&self) -> SlotId;
    /// Says how many chunks there are, and how many at the front are the receiver's
    /// from the start (fewer than all).
    fn begin(&mut self, total: u64, front: u64);
    /// Ends a use that has not begun. `false`: the sender counts on it.
    fn withdraw(&self) -> bool;
    /// Claims up to `want` chunks. `None`: nothing is left.
    fn claim(&self, want: u64) -> Option<Range<u64>>;
    /// Chunks that nobody has claimed.
    fn left(&self) -> u64;
    /// Whether the sender has a part of the message, or may still have one.
    fn is_shared(&self) -> bool;
    /// How far the copy has come; what the receiver claimed counts as copied.
    fn state(&self) -> SlotState;
    /// Leaves nothing to claim. Whether the sender has ended what it claimed.
    fn close(&self) -> bool;
}

/// The sender's side of a slot: it claims chunks of a message from the back.
pub(super) trait SenderSlot: Debug {
    /// Claims up to `want` chunks, which must then be finished or failed. `None`:
    /// nothing is left.
    fn claim(&mut self, want: u64) -> Option<Range<u64>>;
    /// Chunks that nobody has claimed; 0 once the use is over.
    fn left(&self) -> u64;
    /// Says that `chunks` that were claimed are copied.
    fn finish(&mut self, chunks: u64);
    /// Says that `chunks` that were claimed could not be copied.
    fn fail(&mut self, chunks: u64);
}

/// A place where each member of a group posts a few bytes for all others.
pub(super) trait Board: Copy {
    /// Bytes that a post carries.
    const ROOM: usize;
    /// Posts `bytes` for `member` in `turn`, under a `stamp` that is not 0.
    fn post(&self, member: u32, turn: u64, stamp: u64, bytes: &[u8]);
    /// The stamp of what `member` posted last at the place of `turn`.
    fn stamp(&self, member: u32, turn: u64) -> u64;
    /// The turn, `turn` or the one after, in which `member` has posted `stamp`.
    fn find(&self, member: u32, turn: u64, stamp: u64) -> Option<u64>;
    /// Asks for what `member` posts in `turn`, of `len` bytes, ahead of its stamp.
    fn ask_for_lines(&self, _member: u32, _turn: u64, _len: usize) {}
    /// Asks for the place where `member` itself posts in `turn`, to be written.
    fn own_ahead(&self, _member: u32, _turn: u64, _len: usize) {}
    /// Copies out what `member` has posted in `turn`.
    fn read(&self, member: u32, turn: u64, to: &mut [u8]);
    /// Says that this member looks at the board no more.
    fn leave(&self);
    /// Makes the board as new. `false`: not all members have left it.
    fn reset(&self) -> bool;
    /// Where the bulletin of `member` is; 0: nothing is said of it yet.
    fn bulletin(&self, member: u32) -> u64;
    /// Says where the bulletin of `member` is.
    fn set_bulletin(&self, member: u32, place: u64);
}

/// Entries that one member of a group publishes, and that all others read. They have numbers
/// from 1 on.
pub(super) trait Bulletin: Copy {
    /// Bytes that an entry has room for.
    const ROOM: usize;
    /// Entries that the writer may be ahead of the slowest reader.
    const ENTRIES: u64;
    /// Publishes entry `number`: `content`, and a few bytes or the `place` of more.
    fn publish(&self, number: u64, content: u64, place: u64, bytes: &[u8]);
    /// Content and place of entry `number`, once it is published.
    fn look(&self, number: u64) -> Option<(u64, u64)>;
    /// Copies out the bytes of entry `number`.
    fn read(&self, number: u64, to: &mut [u8]);
    /// Says that `member` is through with entry `number`. Whether the writer is to be woken.
    fn finish(&self, member: u32, number: u64) -> bool;
    /// The last entry that `member` is through with.
    fn finished(&self, member: u32) -> u64;
    /// The last entry that all but `writer` are through with.
    fn slowest(&self, writer: u32) -> u64;
    /// Says whether the writer waits for readers.
    fn set_waits(&self, waits: bool);
    /// Says that this member looks at the bulletin no more.
    fn leave(&self);
    /// Makes the bulletin as new. `false`: not all members have left it.
    fn reset(&self) -> bool;
}

/// Where arriving messages are taken.
pub(super) trait Inbox: Debug {
    /// Hands what has arrived to `handler`, at most `most` messages of each peer, until
    /// `handler` returns false. Whether there was anything.
    fn poll(&mut self, most: u32, handler: impl FnMut(&Arrival<'_>) -> bool) -> bool;
    /// Messages of `peer` that were taken so far.
    fn taken(&self, peer: Proc) -> u64;
    /// Has the next [`Inbox::poll`] look at other nodes, too.
    fn look_afar(&mut self) {}
    /// A descriptor that is readable once something comes from other nodes, where nothing is
    /// there now and nothing waits to go there.
    fn quiet_afar(&mut self) -> Option<i32> {
        None
    }
    /// Shows the next message of `peer` to `handler`, if it is there and to look is a matter
    /// of a few loads. It is taken if `handler` returns true, and else stays the next one.
    fn take_if(&mut self, _peer: Proc, _handler: impl FnOnce(&Arrival<'_>) -> bool) {}
    /// Takes the next message of `peer`, if it is there, has at most 8 bytes, and `is_it`
    /// holds for its header and length: the header, the bytes and the length. Any other
    /// stays the next one. The error says whether [`Inbox::take_if`] may find one.
    fn take_word(
        &mut self,
        _peer: Proc,
        _is_it: impl FnOnce(&Header, usize) -> bool,
    ) -> Result<(Header, u64, usize), bool> {
        Err(false)
    }
    /// Offers messages of at most 8 bytes, by sender, header, bytes and length, to `take`, at
    /// most `most` of each peer. What it returns true for is taken; any other stays its
    /// peer's next one. Whether any was taken, and whether [`Inbox::poll`] may find more.
    fn take_words(
        &mut self,
        _most: u32,
        _take: impl FnMut(Proc, &Header, u64, usize) -> bool,
    ) -> (bool, bool) {
        (false, true)
    }
}

/// How a rank sleeps, and is woken. It may wait for messages, for room, for another
/// thread, or for a word of the job segment that a peer stores.
pub(super) trait Waiter: Debug + Send + Sync {
    /// Whether there are more ranks than processors.
    fn is_oversubscribed(&self) -> bool;
    /// Sleeps for a while, at most 0.1 s, unless `look`, called once it has been said
    /// that this rank sleeps, finds something to do. `threads`: others may sleep too.
    fn sleep(&self, threads: bool, look: impl FnOnce() -> bool);
    /// Wakes `peer` if it sleeps, after something it waits for was stored. Needless
    /// where sleeps are short, a millisecond at most.
    fn wake(&self, peer: Proc);
    /// Wakes other threads of this rank. Needless where sleeps are short.
    fn wake_threads(&self);
    /// So many processes of other jobs share the processors, too.
    fn add_processes(&self, _change: i32) {}
    /// Begins, or ends, to look for something that wakes nobody: sleeps are to be a
    /// millisecond at most meanwhile.
    fn set_unheard(&self, _on: bool) {}
}

/// Where a process of another job sleeps.
pub(super) trait FarBell: Debug + Send + Sync {
    /// Wakes it if it sleeps, after something it waits for was stored. Needs no lock.
    fn ring(&self);
}

/// What a transport is opened with.
pub(super) struct Opening<'a> {
    /// The job's segment, which has a record for each rank.
    pub(super) segment: &'static Segment,
    pub(super) me: Proc,
    pub(super) settings: &'a Settings,
    /// The job's heap file, if this rank could open it.
    pub(super) heap: Option<HeapFile>,
    /// Who is on the other nodes, in a job that has several.
    pub(super) nodes: Option<&'static Table>,
}

/// Where another process finds a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JobPlace {
    /// The job's number.
    pub number: u64,
    /// Its segment.
    pub segment: Source,
    /// Its heap file, if it has one.
    pub heap: Option<Source>,
}

/// What a bridge is opened with.
#[derive(Debug)]
pub struct BridgeOpening {
    /// The bridge: a segment with a record for each process of both sides.
    pub segment: Segment,
    /// The record of this process.
    pub me: u32,
    /// The number that record 0 is to have as a process here; the others follow.
    pub first: Proc,
    /// By record: which process of which job.
    pub members: Vec<Identity>,
    /// Where their jobs are, but for this process's own.
    pub jobs: Vec<JobPlace>,
}

/// What processes of several jobs meet with over the network, in a job that has it open.
#[derive(Debug)]
pub struct NetworkOpening {
    /// What their messages carry.
    pub secret: u64,
    /// The record of this process.
    pub me: u32,
    /// The number that record 0 is to have as a process here; the others follow.
    pub first: Proc,
    /// By record: how it is reached; `None`: it is of this job.
    pub addresses: Vec<Option<Vec<u8>>>,
}

/// What came of trying one arm towards one peer: its name, and why it was refused.
pub(super) type ArmTrial = (&'static str, Result<(), String>);

/// A way to carry messages between the ranks of a job.
pub(super) trait Transport: Debug + Sized + 'static {
    type Inbox: Inbox;
    type Waiter: Waiter;
    type Board: Board;
    /// Where one member of a group tells the others something.
    type Bulletin: Bulletin;
    type ReceiverSlot: ReceiverSlot;
    type SenderSlot: SenderSlot;
    /// Memory of a peer's that a program shares. Dropping it lets go.
    type Mapping: Debug + 'static;
    /// Why the transport cannot be opened, or a peer not be sent to, ever.
    type Error: Display;

    /// The longest message that [`Transport::send_inline`] ever takes, in bytes.
    const INLINE: usize;
    /// The longest piece that [`Transport::send_piece`] takes, in bytes.
    const PIECE: usize;

    /// Opens it for this process, once.
    fn open(opening: Opening<'_>) -> Result<(Self, Self::Inbox, Self::Waiter), Self::Error>;

    /// Learns how the ranks of other nodes are reached, once their addresses are known. Those
    /// are processes from the number of ranks of this node on.
    fn meet_nodes(&mut self) -> Result<(), String> {
        Err("this transport does not reach other nodes".to_owned())
    }

    /// Called once all ranks have opened theirs.
    fn all_open(&mut self);

    /// Lets go of what peers own, while nobody copies.
    fn detach(&mut self);

    // Messages. `Ok(false)`, `Ok(None)`: there is no room now, and nothing was sent, even
    // if `fill` was called. The message comes again, perhaps cut into other pieces.

    /// The longest message that [`Transport::send_inline`] takes, in bytes.
    #[inline]
    fn inline_max(&self) -> usize {
        Self::INLINE
    }

    /// Sends `len` bytes, at most [`Transport::inline_max`].
    ///
    /// # Safety
    /// `from` is readable for `len` bytes.
    unsafe fn send_inline(
        &mut self,
        peer: Proc,
        header: &Header,
        from: *const u8,
        len: usize,
    ) -> Result<bool, Self::Error>;

    /// As [`Transport::send_inline`], if all is as it mostly is: the peer is another rank of
    /// the job, was sent to before, takes messages unasked, and there is room. Whether it
    /// was.
    ///
    /// # Safety
    /// As there.
    unsafe fn send_short(
        &mut self,
        _peer: Proc,
        _header: &Header,
        _from: *const u8,
        _len: usize,
    ) -> bool {
        false
    }

    /// Sends numbers.
    fn send_words(
        &mut self,
        peer: Proc,
        header: &Header,
        words: Words,
    ) -> Result<bool, Self::Error>;

    /// The longest message that [`Transport::send_whole`] takes, in bytes.
    fn whole_max(&self) -> usize;

    /// Sends `len` bytes, which `fill` writes where it is told.
    fn send_whole(
        &mut self,
        peer: Proc,
        header: &Header,
        len: usize,
        words: FewWords,
        fill: impl FnOnce(*mut u8),
    ) -> Result<bool, Self::Error>;

    /// Sends as many of `len` bytes as go at once, and says how many; `fill` writes so
    /// many where it is told.
    fn send_piece(
        &mut self,
        peer: Proc,
        header: &Header,
        len: usize,
        words: FewWords,
        fill: impl FnOnce(*mut u8, usize),
    ) -> Result<Option<usize>, Self::Error>;

    /// Messages sent to `peer` so far.
    fn sent(&self, peer: Proc) -> u64;

    /// Called when there is nothing to do.
    fn idle(&mut self);

    // Peers.

    /// Asks all peers to announce their messages instead of sending them at once, or
    /// no more.
    fn set_pressure(&mut self, on: bool);
    /// Whether `peer` asks for that. A rank that only sends looks here alone, and does
    /// not poll.
    fn has_pressure(&self, peer: Proc) -> bool;
    /// Whether `peer` sleeps, so that waking it would cost a system call.
    fn is_asleep(&self, peer: Proc) -> bool;

    // Memory.

    /// Whether `peer` may reach memory of this process, and this process its memory.
    fn shares_memory(&self, _peer: Proc) -> bool {
        true
    }
    /// How `len` bytes at `addr` of `peer` are reached, by the best access.
    fn reach(&mut self, peer: Proc, addr: u64, len: usize) -> Option<Remote>;
    /// The same by calls alone.
    fn reach_by_call(&mut self, peer: Proc, addr: u64) -> Option<Remote>;
    /// Whether peers reach `len` bytes at `addr` of this process by loads and stores.
    fn is_exported(&mut self, addr: u64, len: usize) -> bool;
    /// Whether peers map these bytes for good, once they reach them.
    fn is_mappable(&mut self, addr: u64, len: usize) -> bool;
    /// Whether peers that look for these bytes would find something else.
    fn is_replaced(&mut self, addr: u64, len: usize) -> bool;
    /// Whether peers may write into this process's memory.
    fn lets_peers_write(&self) -> bool;
    /// Whether the transport leaves open if what is reached by calls is copied that way
    /// or goes in pieces.
    fn leaves_choice(&self) -> bool;
    /// Uses this access to this peer no more.
    fn give_up(&mut self, remote: &Remote);

    /// Copies bytes of a peer's, from `offset` on, into `range` of `to`.
    ///
    /// # Safety
    /// `range` is inside `to`, whose memory is writable.
    unsafe fn get(
        &mut self,
        from: &Remote,
        offset: usize,
        to: &Memory,
        range: Range<usize>,
    ) -> Result<(), CopyError>;

    /// Copies several messages, each of one run, out of one peer's memory that is
    /// reached by calls: from where, to where, how many bytes. How many came whole,
    /// from the first on.
    ///
    /// # Safety
    /// Each destination is writable.
    unsafe fn get_together(&mut self, pieces: &[(Remote, *mut u8, usize)]) -> usize;

    /// Copies between runs of a peer's memory, each an address and a length, and as many
    /// bytes of this process's at `here`, one run after the other. `first` is how the first
    /// run is reached: by calls, as all are. The error names the run. A transport without
    /// calls is never asked.
    ///
    /// # Safety
    /// `here` is readable, or writable for [`Flow::In`], for as many bytes as the runs have.
    unsafe fn copy_runs(
        &mut self,
        _flow: Flow,
        _first: &Remote,
        _runs: &[(u64, usize)],
        _here: *mut u8,
    ) -> Result<(), (usize, CopyError)> {
        Err((0, CopyError::Access))
    }

    /// Copies `range` of `from` to a peer's bytes, to the same range of `to`.
    ///
    /// # Safety
    /// `range` is inside `from`, whose memory is readable.
    unsafe fn put(
        &mut self,
        to: &Remote,
        from: &Memory,
        range: Range<usize>,
    ) -> Result<(), CopyError>;

    /// Maps memory of a peer's for the program; where its first byte is.
    fn map(&mut self, peer: Proc, addr: u64, len: usize) -> Option<(NonNull<u8>, Self::Mapping)>;

    /// Moves `len` bytes at `addr` of this process, which stay there for the program, to
    /// where peers map them; the address by which peers reach them. `None`: they cannot be
    /// moved. To be called while no peer copies there.
    fn adopt(&mut self, addr: u64, len: usize) -> Option<u64>;
    /// Ends a use of what [`Transport::adopt`] has moved, at `addr`, while no peer uses it.
    fn release(&mut self, addr: u64);

    // Cooperative copies.

    /// Takes a slot. `None`: all are in use, or there are none.
    fn take_slot(&mut self) -> Option<Self::ReceiverSlot>;
    /// Gives a slot back whose use is over.
    fn give_slot(&mut self, slot: Self::ReceiverSlot);
    /// The sender's side of a slot of `peer`'s, with the chunks that it told of.
    fn join_slot(&mut self, peer: Proc, id: SlotId, total: u64, front: u64) -> Self::SenderSlot;
    /// Wakes `peer`, which may wait for chunks.
    fn wake(&self, peer: Proc);

    // Boards.

    /// Makes a board for up to `members` members; where it is, never 0.
    fn make_board(&mut self, members: u32) -> Option<u64>;
    /// The board that a member has made at `place`.
    fn board(&self, place: u64, members: u32) -> Self::Board;
    /// Makes a bulletin for up to `members` members; where it is, above 1.
    fn make_bulletin(&mut self, members: u32) -> Option<u64>;
    /// The bulletin that a member has made at `place`.
    fn bulletin(&self, place: u64, members: u32) -> Self::Bulletin;
    /// Makes room for `len` bytes that all processes reach; where it is.
    fn make_room(&mut self, len: usize) -> Option<u64>;
    /// The `len` bytes of such room at `place`.
    fn room(&self, place: u64, len: usize) -> *mut u8;

    // Bridges to processes of other jobs. A transport without them refuses to open one.

    /// Opens a bridge. Processes from `opening.first` on are peers then.
    fn open_bridge(
        &mut self,
        _inbox: &mut Self::Inbox,
        _opening: BridgeOpening,
    ) -> Result<(), String> {
        Err("this transport does not reach other jobs".to_owned())
    }
    /// The segment of the bridge whose record 0 stands for `first`.
    fn bridge(&self, _first: Proc) -> Option<&Segment> {
        None
    }
    /// The record that a process of another job has there.
    fn far_record(&self, _peer: Proc) -> Option<&RankRecord> {
        None
    }
    /// Whether the connection to this process of another job is closed, at either end.
    fn has_left(&self, _peer: Proc) -> bool {
        false
    }
    /// What wakes a process of another job, while the bridge to it is open. `None`: it is of
    /// this job.
    fn far_bell(&self, _peer: Proc) -> Option<Box<dyn FarBell>> {
        None
    }
    /// Where this job is to be found: what two groups tell each other of theirs, also within
    /// one job.
    fn own_job(&self) -> Result<JobPlace, String>;
    /// Where the other jobs that a bridge leads to are to be found.
    fn far_jobs(&self, _first: Proc) -> Vec<JobPlace> {
        Vec::new()
    }
    /// Closes a bridge, over which nothing is under way.
    fn close_bridge(&mut self, _inbox: &mut Self::Inbox, _first: Proc) {}

    // Processes of other jobs that are reached by the network. A transport without one refuses.

    /// Meets processes of other jobs. Those from `opening.first` on are peers then.
    fn open_network(&mut self, _opening: &NetworkOpening) -> Result<(), String> {
        Err("this transport has no network".to_owned())
    }
    /// Parts from `count` of them, with which nothing is under way.
    fn close_network(&mut self, _first: Proc, _count: u32) {}
    /// Tells one of them how far this process is, behind all messages. `false`: there is no
    /// room now.
    fn tell_state(&mut self, _peer: Proc, _state: State) -> bool {
        true
    }
    /// How far one of them has said to be.
    fn told_state(&self, _peer: Proc) -> Option<State> {
        None
    }
    /// Whether what was told is still on its way out of this process.
    fn is_telling(&mut self) -> bool {
        false
    }

    // Reports.

    /// Tries every arm towards `peer`.
    fn try_arms(&mut self, peer: Proc) -> Vec<ArmTrial>;
    /// Parts of peers' memory that are mapped or attached here.
    fn attachments(&self) -> usize {
        0
    }
    /// Whether attachments by a driver work here.
    fn has_driver(&self) -> bool;
}
