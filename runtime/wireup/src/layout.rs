//! The layout of the job segment: a head, one record per rank, and an arena.
//!
//! ```text
//! 0            JobHead
//! RECORDS      RankRecord × ranks
//! arena_start  blocks handed out by a bump pointer; the file grows as it moves
//! ```
//!
//! Everything here is shared with other processes, which may write it at any
//! time: all fields are atomics, nothing is a pointer, and sizes are asserted at
//! compile time. Fields marked constant are read once, into
//! [`crate::segment::Constants`], and never again.

use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64};

/// "lariat\0" and the layout's version in the last byte.
pub const MAGIC: u64 = u64::from_le_bytes(*b"lariat\0\x06");

/// Bytes from the segment's start to the first [`RankRecord`].
pub const RECORDS: u64 = 4096;

/// The head of the segment.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct JobHead {
    /// [`MAGIC`], written last by whoever makes the segment.
    pub magic: AtomicU64,
    /// Ranks in `MPI_COMM_WORLD`; constant.
    pub ranks: AtomicU32,
    /// Processors that the job may run on (affinity and cgroup quota); constant.
    pub processors: AtomicU32,
    /// Offset of the arena's first byte; constant.
    pub arena_start: AtomicU64,
    /// Offset past the last byte that the arena may ever reach; constant. The
    /// segment is mapped up to here from the start.
    pub arena_limit: AtomicU64,
    /// A number that no other job of this machine has at the same time; constant.
    pub job: AtomicU64,
    /// Bytes of the heap file that each rank has (see [`crate::heap`]); 0: the
    /// job has no heap file. Written before the first rank starts.
    pub window: AtomicU64,
    /// 1 while ranks stay in `MPI_Init`, for a debugger that attaches to them first.
    pub hold: AtomicU32,
    _pad0: [u8; 12],

    /// Offset of the arena's first free byte. Only ever rises.
    pub arena_next: AtomicU64,
    /// Offset past the last byte that is really allocated. Only ever rises.
    pub arena_end: AtomicU64,
    _pad1: [u8; 48],

    /// The next context id that nobody has. Only ever rises, by even numbers.
    pub next_context: AtomicU32,
    /// Ranks that have joined, by `MPI_Init` or a session, and can be talked to.
    pub joined: AtomicU32,
    /// Ranks that have entered `MPI_Finalize`.
    pub finalizing: AtomicU32,
    /// 1 if some rank could not register for membarrier: every sender must then fence
    /// before it checks whether the receiver sleeps.
    pub fence_needed: AtomicU32,
    /// Bridges to other jobs that ranks have open, each counted for each rank.
    pub connections: AtomicU32,
    /// Those of them that lead to the job that has spawned this one. The launcher ends this
    /// job, or not, when that one fails, and the other way round.
    pub parent_connections: AtomicU32,
    _pad2: [u8; 40],

    /// 0, or 1 + the rank that aborted the job first.
    pub abort_rank: AtomicU32,
    /// The code given to the abort by that rank.
    pub abort_code: AtomicI32,
    /// Length of `abort_text`; written after the text.
    pub abort_len: AtomicU32,
    /// An [`AbortKind`].
    pub abort_kind: AtomicU32,
    /// The name of the error class, padded with zeros; empty if there is none.
    pub abort_class: [AtomicU64; 4],
    _pad3: [u8; 16],
    /// Why, in words, UTF-8.
    pub abort_text: [AtomicU64; 128],
    /// The context spaces that bridges of this job's processes use: a bit each. See
    /// [`crate::bridge`].
    pub spaces: [AtomicU64; SPACES / 64],
}

/// Why a rank ends the job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum AbortKind {
    /// It called `MPI_Abort`, or cannot go on.
    Abort = 0,
    /// An MPI call failed, and its error handler is fatal.
    Error = 1,
    /// Such an error, which is that ranks differ in what they give to a collective.
    Mismatch = 2,
}

impl AbortKind {
    /// The kind that a head's number stands for; what stands for none is an abort.
    #[must_use]
    pub fn of(raw: u32) -> AbortKind {
        match raw {
            1 => AbortKind::Error,
            2 => AbortKind::Mismatch,
            _ => AbortKind::Abort,
        }
    }
}

/// Context spaces: bridges that a job may have at a time.
pub const SPACES: usize = 4096;

const _: () = assert!(size_of::<JobHead>() == 64 * 4 + 1024 + SPACES / 8);
const _: () = assert!(size_of::<JobHead>() as u64 <= RECORDS);

/// How far a rank has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum State {
    /// Not started, or started and not yet in `MPI_Init`.
    Fresh = 0,
    /// In `MPI_Init`: the record belongs to the process in `pid`.
    Claimed = 1,
    /// Between `MPI_Init` and `MPI_Finalize`.
    Running = 2,
    /// In `MPI_Finalize`.
    Finalizing = 3,
    /// Past `MPI_Finalize`.
    Finalized = 4,
    /// Ended; stored by the launcher.
    Gone = 5,
}

impl State {
    /// The state that a record's number stands for, if it stands for one.
    #[must_use]
    pub fn of(raw: u32) -> Option<State> {
        [
            State::Fresh,
            State::Claimed,
            State::Running,
            State::Finalizing,
            State::Finalized,
            State::Gone,
        ]
        .into_iter()
        .find(|s| *s as u32 == raw)
    }
}

/// The levels of [`RankRecord::place`]: the numbers of the package, the NUMA node,
/// the level-3 cache and the core that a rank is bound to. A number means the same object
/// for every rank of the job. `u32::MAX` means that the rank may run on several objects
/// of this level. On a machine without level-3 caches all ranks count as under one.
pub const PLACE_LEVELS: usize = 4;

/// One rank's record. Lines are kept apart by who writes them how often.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct RankRecord {
    /// Process id of the process that called `MPI_Init` as this rank, or 0.
    pub pid: AtomicU32,
    /// A [`State`].
    pub state: AtomicU32,
    /// Process id of the program that the launcher started, or 0.
    pub child: AtomicU32,
    /// The processor this rank is bound to (hwloc's P#), or `u32::MAX`.
    pub processor: AtomicU32,
    /// Where this rank is bound, from the widest object to the narrowest; see
    /// [`PLACE_LEVELS`]. Written for all ranks before the first one starts, and
    /// not changed after.
    pub place: [AtomicU32; PLACE_LEVELS],
    _pad0: [u8; 32],

    /// Futex on which the rank sleeps: 0 awake, else asleep or about to be.
    /// Written by the sleeper (a number of its own) and by whoever wakes it (0).
    pub asleep: AtomicU32,
    /// 1 while the rank holds too many bytes of unexpected messages: peers then
    /// only announce theirs.
    pub pressure: AtomicU32,
    /// Offset of the newest ring that a peer opened towards this rank and that
    /// it has not taken yet, or 0: a stack linked through the rings.
    pub incoming: AtomicU64,
    _pad1: [u8; 48],

    /// 1 + the index in `CALL_NAMES` of the MPI call the rank is in; 0: it was in none yet.
    /// With [`CALL_OVER`]: of the last one that it was in.
    pub call: AtomicU32,
    _pad2: u32,
    /// Offset of the [`crate::waits::WaitBlock`] in which the rank shows its waits, or 0.
    /// Stored once.
    pub waits: AtomicU64,
    /// Offset of the [`crate::death::DeathRecord`] of the rank, or 0. Stored once.
    pub death: AtomicU64,
    /// Offset of what the rank records of its calls (see [`crate::profile`]), or 0. Stored
    /// once.
    pub profile: AtomicU64,
    /// Offset of the rank's report of which algorithms collectives take, or 0; see
    /// [`crate::report`].
    pub choices: AtomicU64,
    /// Incremented when a long wait of the rank begins, ends or changes its subject, and
    /// when something moves during one. Stored with Release after the change that it
    /// counts: if two Acquire loads give the same number, nothing has changed for the rank
    /// in between.
    pub changes: AtomicU32,
    /// Threads of the rank in a long wait.
    pub waiters: AtomicU32,
    /// 1: several threads of the rank may call MPI at once.
    pub multiple: AtomicU32,
    _pad3: u32,
    /// The collective that it waits in: the context in the upper half, the tag in the
    /// lower (see [`crate::collective`]); 0: in none.
    pub collective: AtomicU64,

    /// Address, in the rank's process, of eight bytes that hold `cookie`. A peer reads
    /// them to test whether an arm works.
    pub cookie_addr: AtomicU64,
    /// See `cookie_addr`.
    pub cookie: AtomicU64,
    /// The driver's segid for the rank's whole address space, or 0.
    pub segid: AtomicU64,
    /// The process that uses this rank's window of the heap file, or 0.
    pub heap_pid: AtomicU32,
    _pad4: u32,
    /// Offsets of the rank's reports about itself, or 0; see [`crate::report`].
    pub reports: [AtomicU64; 4],

    /// The parts of the rank's memory that lie in the heap file. Entries are
    /// added in order and stay; see [`SharedRegion`].
    pub shared: [SharedRegion; SHARED_REGIONS],
}

/// In [`RankRecord::call`]: the call has returned.
pub const CALL_OVER: u32 = 1 << 31;

/// Entries of [`RankRecord::shared`].
pub const SHARED_REGIONS: usize = 8;

const _: () = assert!(size_of::<RankRecord>() == 512);
const _: () = assert!(std::mem::offset_of!(RankRecord, shared) == 256);
const _: () = assert!(std::mem::offset_of!(RankRecord, place) == 16);
const _: () = assert!(std::mem::offset_of!(RankRecord, asleep) == 64);
const _: () = assert!(std::mem::offset_of!(RankRecord, call) == 128);
const _: () = assert!(std::mem::offset_of!(RankRecord, cookie_addr) == 192);

/// A range of a rank's addresses that is a mapping of the heap file, so that
/// peers reach the same memory by mapping the same part of the file.
#[repr(C)]
#[derive(Debug)]
pub struct SharedRegion {
    /// The first address in the rank's process; 0: no region. Written last.
    pub start: AtomicU64,
    /// Bytes.
    pub len: AtomicU64,
    /// Offset in the heap file of the byte at `start`.
    pub at: AtomicU64,
    /// A [`RegionKind`].
    pub kind: AtomicU32,
    _pad: u32,
}

const _: () = assert!(size_of::<SharedRegion>() == 32);

/// The regions that a rank exports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum RegionKind {
    /// The library's own buffers.
    Internal = 1,
    /// Static data of the program and of its libraries.
    Static = 2,
    /// The stack of the main thread.
    Stack = 3,
    /// The heap: what malloc and large anonymous mappings give.
    Heap = 4,
    /// Program text.
    Text = 5,
    /// The whole address space.
    Whole = 6,
}

/// The peer in a [`crate::waits::Wait`] of a rank that waits for a process of another job.
pub const OTHER_JOB: i32 = -3;

/// The peer there that stands for rank 0 of the job on another host; that of rank r is r less.
const FAR_RANK: i32 = -16;

/// The peer that stands for a rank of the whole job that runs on another host.
#[must_use]
pub fn far_peer(rank: u32) -> i32 {
    FAR_RANK.saturating_sub_unsigned(rank)
}

/// The rank of the whole job, on another host, that a peer stands for.
#[must_use]
pub fn far_rank(peer: i32) -> Option<u32> {
    u32::try_from(i64::from(FAR_RANK) - i64::from(peer)).ok()
}

/// What a rank needs from the peers that its [`crate::waits::Wait`] lists.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u32)]
pub enum WaitKind {
    /// Something else, or something that no single peer can do.
    #[default]
    Other = 0,
    /// A message from the peer.
    Receive = 1,
    /// That the peer receives a message.
    Send = 2,
    /// The peer's part in a collective.
    Collective = 3,
    /// That all others come to `MPI_Finalize`, where this rank is: it will do nothing more
    /// by itself, and nothing of its own is under way.
    Leaving = 4,
    /// The peer's arrival at a fence of a window.
    Fence = 5,
    /// That the peer lets go of a window's lock that is wanted exclusively. The wait's tag
    /// is the rank that is locked.
    LockExclusive = 6,
    /// As before, of a lock that is to be shared.
    LockShared = 7,
}

impl WaitKind {
    /// The kind that a number stands for.
    #[must_use]
    pub fn of(raw: u32) -> WaitKind {
        [
            WaitKind::Receive,
            WaitKind::Send,
            WaitKind::Collective,
            WaitKind::Leaving,
            WaitKind::Fence,
            WaitKind::LockExclusive,
            WaitKind::LockShared,
        ]
        .into_iter()
        .find(|kind| *kind as u32 == raw)
        .unwrap_or_default()
    }
}
