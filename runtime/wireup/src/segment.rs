//! Making, finding and mapping the job segment: one sealed memfd.
//!
//! It has no name, so nothing can clash and nothing is left behind, and it does
//! not depend on the size of /dev/shm. Its pages are allocated when it grows
//! (`fallocate`), so that a lack of memory is an error here and not a
//! SIGBUS later. Each process maps of it what it uses: the mapping grows as the
//! file does, up to `arena_limit` ([`crate::growing`]).

use crate::descriptor::{Backing, Source, duplicate};
use crate::foreign::Access;
use crate::growing::Growing;
use crate::layout::{JobHead, MAGIC, RECORDS, RankRecord};
use crate::memfd::{allocate, file_len, memfd};
use crate::verify::{Claims, verify};
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::{Mutex, PoisonError};

/// Bytes that the segment of a new job has for each rank.
pub const BYTES_PER_RANK: u64 = size_of::<RankRecord>() as u64;
/// The longest block whose offset alone is stored, in bytes: a ring, a rank's fragments.
const LONGEST: u64 = 4 << 20;

/// The least by which the file grows, in bytes.
const STEP: u64 = 256 << 10;

/// Why a segment could not be made, found or grown.
#[derive(Debug)]
pub enum SegmentError {
    /// A system call failed: which one, on how many bytes, and why.
    System(&'static str, u64, io::Error),
    /// The descriptor is open, but what it holds is not a segment of this version.
    NotASegment(String),
    /// The arena is at its limit (its size in bytes is given).
    Full(u64),
    /// A word of the segment has a value that no process of the job stores there.
    Scribbled(Scribbled),
    /// The program has closed the descriptor; a sentence says why it cannot be opened
    /// again.
    Lost(String),
    /// The connection to a process of another job is closed, at this end or at that one.
    Closed,
}

/// A value in the job segment that cannot be: some process has written where it should
/// not. Also the payload of the panic, where no error can be returned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scribbled(pub String);

impl Scribbled {
    /// `what` is the word, `found` what it holds.
    #[must_use]
    pub fn new(what: &str, found: impl fmt::Display) -> Scribbled {
        Scribbled(format!(
            "the job segment was overwritten: {what} is {found}; a rank of this job has written outside of its memory"
        ))
    }

    /// Panics, since nothing in the segment can be relied on any more.
    ///
    /// # Panics
    /// Always.
    #[cold]
    pub fn give_up(self) -> ! {
        std::panic::panic_any(self)
    }
}

impl fmt::Display for Scribbled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for SegmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SegmentError::System(call, len, why) => {
                write!(f, "{call} of {len} bytes for the job segment: {why}")?;
                let limit = match (*call, why.raw_os_error()) {
                    (_, Some(libc::EFBIG)) => "the size of files is limited: ulimit -f",
                    ("mmap", Some(libc::ENOMEM)) => "is the address space limited? ulimit -v",
                    (_, Some(libc::ENOSYS | libc::EPERM)) => {
                        "is it forbidden here? Lariat cannot do without it"
                    }
                    _ => return Ok(()),
                };
                write!(f, " ({limit})")
            }
            SegmentError::NotASegment(what) => write!(f, "{what}"),
            SegmentError::Full(limit) => {
                write!(f, "the job segment has reached its limit of {limit} bytes")
            }
            SegmentError::Scribbled(what) => write!(f, "{what}"),
            SegmentError::Lost(why) => write!(f, "a file of the job cannot be used: {why}"),
            SegmentError::Closed => write!(f, "the connection to it is closed"),
        }
    }
}

impl std::error::Error for SegmentError {}

pub(crate) fn system(call: &'static str, len: u64) -> SegmentError {
    SegmentError::System(call, len, io::Error::last_os_error())
}

/// A mapped job segment. Dropping it unmaps and closes; a rank keeps its own
/// for life. After `fork` the child has the same mapping and must not use it.
#[derive(Debug)]
pub struct Segment {
    file: Backing,
    /// A job of one rank: no other process has it.
    alone: bool,
    memory: Growing,
    /// The first address.
    base: NonNull<u8>,
    /// Blocks that begin below this offset are mapped to their end.
    good: AtomicU64,
    constants: Constants,
}

/// What never changes in a segment's head, copied where no wild write of a peer can reach
/// it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Constants {
    /// Ranks in `MPI_COMM_WORLD`.
    pub ranks: u32,
    /// Processors that the job may run on; at least 1.
    pub processors: u32,
    /// Offset of the arena's first byte.
    pub arena_start: u64,
    /// Offset past the last byte that the arena may ever reach.
    pub arena_limit: u64,
    /// The job's number.
    pub job: u64,
}

impl Constants {
    const NONE: Constants = Constants {
        ranks: 0,
        processors: 0,
        arena_start: 0,
        arena_limit: 0,
        job: 0,
    };

    fn read(head: &JobHead) -> Constants {
        Constants {
            ranks: head.ranks.load(Relaxed),
            processors: head.processors.load(Relaxed),
            arena_start: head.arena_start.load(Relaxed),
            arena_limit: head.arena_limit.load(Relaxed),
            job: head.job.load(Relaxed),
        }
    }

    fn write(&self, head: &JobHead) {
        head.ranks.store(self.ranks, Relaxed);
        head.processors.store(self.processors, Relaxed);
        head.arena_start.store(self.arena_start, Relaxed);
        head.arena_limit.store(self.arena_limit, Relaxed);
        head.job.store(self.job, Relaxed);
    }
}

// SAFETY: the mapping is plain memory that is only reached through atomics or
// raw pointers with their own rules; it stays at one address while `self` lives.
unsafe impl Send for Segment {}
// SAFETY: as above; every method takes what it needs from atomics.
unsafe impl Sync for Segment {}

impl Segment {
    /// Makes the segment of a job of `ranks` ranks that may use `processors`
    /// processors: sized, allocated, sealed against shrinking.
    ///
    /// # Errors
    /// The system call that failed, with its size and reason.
    pub fn create(ranks: u32, processors: u32) -> Result<Segment, SegmentError> {
        let arena_start = arena_start(ranks);
        let first = (arena_start + STEP).next_multiple_of(4096);
        let fd = memfd(c"lariat-job", first)?;
        allocate(fd.as_raw_fd(), 0, first)?;
        // SAFETY: fcntl with an integer argument on an owned descriptor.
        if unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_ADD_SEALS, libc::F_SEAL_SHRINK) } < 0 {
            return Err(system("F_ADD_SEALS", first));
        }
        let limit = arena_limit(ranks, arena_start);
        let memory = map(fd.as_raw_fd(), limit, first, Access::All)?;
        let segment = Segment {
            file: Backing::new(fd, None).map_err(|why| SegmentError::System("dup", 0, why))?,
            alone: ranks == 1,
            base: memory.base(),
            good: AtomicU64::new(good(&memory)),
            memory,
            constants: Constants {
                ranks,
                processors: processors.max(1),
                arena_start,
                arena_limit: limit,
                job: unique()?,
            },
        };
        let head = segment.head();
        segment.constants.write(head);
        head.arena_next.store(arena_start, Relaxed);
        head.arena_end.store(first, Relaxed);
        head.next_context.store(FIRST_FREE_CONTEXT, Relaxed);
        head.magic.store(MAGIC, Release); // pairs with the Acquire in `open`
        Ok(segment)
    }

    /// Maps the segment behind an inherited descriptor. The descriptor is
    /// duplicated (close-on-exec); the inherited one stays open.
    ///
    /// # Errors
    /// The descriptor is closed, or is something else than a segment.
    pub fn open(fd: RawFd) -> Result<Segment, SegmentError> {
        let fd = duplicate(fd).map_err(|why| {
            SegmentError::NotASegment(format!(
                "descriptor {fd} of the job segment cannot be used: {why}; was it closed before MPI_Init?"
            ))
        })?;
        Segment::over(fd, None, Access::All)
    }

    /// Maps a segment for reading only: by a program that looks at a job of which it is no
    /// part. `fd` may be open for reading only. What writes ([`Segment::allocate`], a store
    /// into a record) must not be called: it would be a fault of this process.
    ///
    /// # Errors
    /// The descriptor leads to something else than a segment.
    pub fn open_to_read(fd: OwnedFd) -> Result<Segment, SegmentError> {
        Segment::over(fd, None, Access::Read)
    }

    /// Maps the segment that the launcher made, from the inherited descriptor or through
    /// /proc.
    ///
    /// # Errors
    /// It cannot be opened, or is not a segment.
    pub fn open_from(source: &Source) -> Result<Segment, SegmentError> {
        let fd = source.open(libc::O_RDWR).map_err(|why| {
            SegmentError::NotASegment(format!("the job segment cannot be had: {why}"))
        })?;
        Segment::over(fd, Some(*source), Access::All)
    }

    /// Maps a segment that another process has open: of another job, or a bridge.
    ///
    /// # Errors
    /// It cannot be opened, or is not a segment.
    pub fn open_far(source: &Source) -> Result<Segment, SegmentError> {
        let fd = source.open_at(libc::O_RDWR).map_err(|why| {
            SegmentError::NotASegment(format!(
                "{}, a segment of another process, cannot be had: {why}",
                source.path().to_string_lossy()
            ))
        })?;
        Segment::over(fd, None, Access::All)
    }

    /// Where another process finds this segment.
    ///
    /// # Errors
    /// The program has closed the descriptor, and it cannot be opened again.
    pub fn place(&self) -> Result<Source, SegmentError> {
        self.file.place().map_err(SegmentError::Lost)
    }

    /// Maps the file behind `fd` after checking that it is a complete segment.
    fn over(fd: OwnedFd, source: Option<Source>, how: Access) -> Result<Segment, SegmentError> {
        let raw = fd.as_raw_fd();
        // SAFETY: fcntl without an argument; what is no memfd says EINVAL.
        let seals = unsafe { libc::fcntl(raw, libc::F_GET_SEALS) };
        let len = file_len(raw)?;
        // Without that seal another process could shorten the file while it is read.
        if seals < 0 || seals & libc::F_SEAL_SHRINK == 0 || len < RECORDS {
            return Err(SegmentError::NotASegment(format!(
                "the descriptor of the job segment leads to {len} bytes of something else"
            )));
        }
        let file = Backing::new(fd, source).map_err(|why| SegmentError::System("dup", 0, why))?;
        let memory = map(raw_of(&file)?, RECORDS, RECORDS, how)?;
        let mut segment = Segment {
            file,
            alone: false,
            base: memory.base(),
            good: AtomicU64::new(good(&memory)),
            memory,
            constants: Constants::NONE,
        };
        segment.constants = Constants::read(segment.head());
        let claims = segment.claims()?;
        verify(&claims).map_err(SegmentError::NotASegment)?;
        let limit = segment.constants.arena_limit;
        // Nothing refers to the mapping of the head any more, which goes.
        segment.memory = map(raw_of(&segment.file)?, limit, claims.len, how)?;
        segment.base = segment.memory.base();
        segment.good = AtomicU64::new(good(&segment.memory));
        Ok(segment)
    }

    /// What the segment and its file say of it.
    fn claims(&self) -> Result<Claims, SegmentError> {
        let head = self.head();
        let mut claims = Claims {
            magic: head.magic.load(Acquire), // pairs with the Release in `create`
            constants: self.constants,
            arena_next: head.arena_next.load(Acquire),
            arena_end: head.arena_end.load(Acquire), // pairs with the AcqRel in `grow`
            len: 0,
        };
        claims.len = file_len(raw_of(&self.file)?)?; // last: the file grows before the head says so
        Ok(claims)
    }

    /// Whether a launcher made it, which waits for this process and reports how it
    /// ended.
    #[must_use]
    pub fn is_launched(&self) -> bool {
        self.file.source().is_some()
    }

    /// The descriptor, for the launcher to pass on.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.file.borrow()
    }

    /// Ranks in `MPI_COMM_WORLD`.
    #[inline]
    #[must_use]
    pub fn ranks(&self) -> u32 {
        self.constants.ranks
    }

    /// What never changes in the head, as it was when this process mapped it.
    #[inline]
    #[must_use]
    pub fn constants(&self) -> &Constants {
        &self.constants
    }

    /// The head.
    #[inline]
    #[must_use]
    pub fn head(&self) -> &JobHead {
        // SAFETY: at least RECORDS bytes are mapped and allocated, aligned to a
        // page; all fields are atomics.
        unsafe { self.base.cast::<JobHead>().as_ref() }
    }

    /// The record of `rank`.
    ///
    /// # Panics
    /// If there is no such rank in the job: a bug of the caller.
    #[inline]
    #[must_use]
    pub fn record(&self, rank: u32) -> &RankRecord {
        assert!(rank < self.ranks(), "rank {rank} of {}", self.ranks());
        let at = RECORDS + u64::from(rank) * size_of::<RankRecord>() as u64;
        // SAFETY: `create` allocated a record for every rank below `ranks`; all
        // fields are atomics; RECORDS and the record's size keep the alignment.
        unsafe { self.at(at).cast::<RankRecord>().as_ref() }
    }

    /// The address of offset `at`.
    ///
    /// # Panics
    /// If `at` lies outside of the mapping.
    #[inline]
    #[must_use]
    pub fn at(&self, at: u64) -> NonNull<u8> {
        if at >= self.good.load(Relaxed) {
            self.map_block(at);
        }
        let at = usize::try_from(at).expect("a mapped offset fits an address");
        // SAFETY: the offset lies inside the one mapping that `base` begins.
        unsafe { self.base.add(at) }
    }

    /// Maps the block that begins at `at`, as long as one may be.
    #[cold]
    fn map_block(&self, at: u64) {
        let limit = self.memory.limit();
        if at >= limit {
            Scribbled::new("an offset", at).give_up();
        }
        let end = at.saturating_add(LONGEST).min(limit);
        let reached = self.reach(end);
        // No block is longer than what is allocated.
        let reached = reached.or_else(|_| self.reach(end.min(self.allocated()).max(at + 1)));
        if let Err(why) = reached {
            Scribbled(format!(
                "the job segment is in use at byte {at}, of which this process has mapped {}, \
                 and no more can be mapped: {why}",
                self.memory.mapped()
            ))
            .give_up();
        }
    }

    /// Maps what is below offset `end`, and an eighth of it more.
    fn reach(&self, end: u64) -> Result<(), SegmentError> {
        if end > self.memory.mapped() {
            let reached = self
                .memory
                .reach(raw_of(&self.file)?, end, (end / 8).max(LONGEST));
            reached.map_err(|why| SegmentError::System("mmap", end, why))?;
            self.good.store(good(&self.memory), Relaxed); // read by whoever has an offset
        }
        Ok(())
    }

    /// The block at offset `place`, if it lies in what the file has and this process has
    /// mapped; any process may have stored that offset. It makes a system call.
    ///
    /// # Safety
    /// `T` consists of atomics and padding only, so that any bytes are a value of it.
    #[must_use]
    pub unsafe fn block<T>(&self, place: u64) -> Option<&T> {
        let len = size_of::<T>() as u64;
        let end = place.checked_add(len)?;
        let is_aligned = place != 0 && place.is_multiple_of(128) && align_of::<T>() <= 128;
        if !is_aligned || end > self.backed().ok()? || !self.is_mapped(place, len) {
            return None;
        }
        // SAFETY: the bytes are mapped and backed, and stay; the alignment was looked at; any
        // bytes are a value, by the caller.
        Some(unsafe { self.at(place).cast::<T>().as_ref() })
    }

    /// Whether this process has mapped, or can map, all of `len` bytes at offset `at`.
    #[must_use]
    pub fn is_mapped(&self, at: u64, len: u64) -> bool {
        let end = at.checked_add(len);
        end.is_some_and(|end| end <= self.memory.limit() && self.reach(end).is_ok())
    }

    /// Allocates `len` zeroed bytes of the arena, aligned to 128, for good. Returns their
    /// offset, which is never 0.
    ///
    /// # Errors
    /// The arena is at its limit, or the system has no memory. Nothing is allocated then,
    /// and the caller may try again later.
    pub fn allocate(&self, len: u64) -> Result<u64, SegmentError> {
        let head = self.head();
        let len = len.next_multiple_of(128);
        let mut at = head.arena_next.load(Relaxed);
        loop {
            let Constants {
                arena_start,
                arena_limit,
                ..
            } = self.constants;
            if at < arena_start || at > arena_limit || !at.is_multiple_of(128) {
                let what = Scribbled::new("the arena's first free offset", at);
                return Err(SegmentError::Scribbled(what));
            }
            let end = at.checked_add(len).filter(|end| *end <= arena_limit);
            let end = end.ok_or(SegmentError::Full(arena_limit))?;
            self.grow(end)?;
            self.reach(end)?;
            // The bytes were zeroed by the kernel, not by a peer: no partner to order with.
            match head
                .arena_next
                .compare_exchange_weak(at, end, Relaxed, Relaxed)
            {
                Ok(_) => return Ok(at),
                Err(now) => at = now,
            }
        }
    }

    /// Bytes of the segment that can be touched without a fault, according to the kernel
    /// (the segment's own word may be wrong). The file is sealed, so they stay.
    ///
    /// # Errors
    /// The descriptor is closed.
    pub fn backed(&self) -> Result<u64, SegmentError> {
        Ok(file_len(self.file.borrow().as_raw_fd())?.min(self.memory.limit()))
    }

    /// Bytes of the segment that are allocated now, according to its head.
    #[must_use]
    pub fn allocated(&self) -> u64 {
        self.head().arena_end.load(Acquire) // pairs with the AcqRel in `grow`
    }

    /// Makes what is mapped and not allocated inaccessible. For the end of a process under
    /// memcheck, which would otherwise search it for pointers, page by page.
    ///
    /// # Safety
    /// Nobody will touch what is allocated from now on.
    pub unsafe fn close_rest(&self) {
        let have = self.allocated().next_multiple_of(1 << 16);
        // SAFETY: as the caller said.
        unsafe { self.memory.close_from(have) };
    }

    fn grow(&self, end: u64) -> Result<(), SegmentError> {
        let have = self.allocated();
        if end <= have {
            return Ok(());
        }
        let want = end.max(have + STEP).min(self.constants.arena_limit);
        let want = want.next_multiple_of(4096);
        match self.file.fd() {
            Ok(fd) => allocate(fd, have, want - have)?,
            Err(_) if self.alone => self.grow_in_memory(want)?,
            Err(why) => return Err(SegmentError::Lost(why)),
        }
        // pairs with the Acquire in `allocated`: who sees the new end may touch it
        self.head().arena_end.fetch_max(want, AcqRel);
        Ok(())
    }

    /// Maps private memory behind the end of the file: for a job of one whose program has
    /// closed the descriptor.
    fn grow_in_memory(&self, want: u64) -> Result<(), SegmentError> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let have = self.allocated();
        if want <= have {
            return Ok(()); // another thread has
        }
        self.reach(want)?;
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
        // SAFETY: replaces pages of the segment's own mapping behind the end of what is
        // allocated, so that nobody has anything there; the lock keeps it to one thread.
        let got = unsafe {
            libc::mmap(
                self.at(have).as_ptr().cast(),
                bytes(want - have),
                libc::PROT_READ | libc::PROT_WRITE,
                flags,
                -1,
                0,
            )
        };
        match got {
            libc::MAP_FAILED => Err(system("mmap", want - have)),
            _ => {
                // pairs with the Acquire in `allocated`, before the lock is let go
                self.head().arena_end.fetch_max(want, AcqRel);
                Ok(())
            }
        }
    }
}

/// Context ids below this one belong to the predefined communicators.
pub const FIRST_FREE_CONTEXT: u32 = 8;

/// The most that a segment may ever reach.
const MOST: u64 = 1 << 42;

fn raw_of(file: &Backing) -> Result<RawFd, SegmentError> {
    file.fd().map_err(SegmentError::Lost)
}

/// The length of a mapping as `usize`.
fn bytes(len: u64) -> usize {
    usize::try_from(len).expect("a mapped length fits an address")
}

/// Where the arena of a segment for that many ranks begins.
pub(crate) fn arena_start(ranks: u32) -> u64 {
    let records = u64::from(ranks) * size_of::<RankRecord>() as u64;
    (RECORDS + records).next_multiple_of(4096)
}

/// Where a job's arena must end at the latest. This is generous: it is address space and
/// not memory, and rings between all pairs must fit.
pub(crate) fn arena_limit(ranks: u32, arena_start: u64) -> u64 {
    const PER_PAIR: u64 = 256 << 10;
    const PER_RANK: u64 = 64 << 20;
    let n = u64::from(ranks);
    let pairs = n.saturating_mul(n).saturating_mul(PER_PAIR);
    let want = pairs.saturating_add(n * PER_RANK + arena_start);
    want.min(MOST).next_multiple_of(4096)
}

/// Maps the first `first` bytes and a block of a segment that may reach `limit`.
fn map(fd: RawFd, limit: u64, first: u64, how: Access) -> Result<Growing, SegmentError> {
    let some = first.saturating_add(2 * LONGEST).min(limit);
    let mapped = Growing::new(fd, 0, limit, some, how);
    // A process that has little address space may do with less.
    let mapped = mapped.or_else(|_| Growing::new(fd, 0, limit, first, how));
    mapped.map_err(|why| SegmentError::System("mmap", first, why))
}

/// Below which offset blocks are mapped to their end.
fn good(memory: &Growing) -> u64 {
    match memory.mapped() {
        all if all >= memory.limit() => all,
        some => some.saturating_sub(LONGEST),
    }
}

/// A number that tells this job from others on the machine, and that nobody can guess:
/// names of sockets are made of it, which another user could otherwise take beforehand.
/// Never 0, which stands for no job.
fn unique() -> Result<u64, SegmentError> {
    let mut bytes = [0; 8];
    loop {
        // SAFETY: fills at most as many bytes as the array has.
        let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
        match u64::from_ne_bytes(bytes) {
            number if got == 8 && number != 0 => return Ok(number),
            _ if got < 0 && io::Error::last_os_error().kind() != io::ErrorKind::Interrupted => {
                return Err(system("getrandom", 8));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_numbers_have_no_part_that_follows_from_another() {
        let numbers: Vec<u64> = (0..64).map(|_| unique().unwrap()).collect();
        let first = numbers[0];
        // The chance that 64 numbers agree in a bit is 2^-63.
        let differs = numbers.iter().fold(0, |all, number| all | (number ^ first));
        assert_eq!(differs, u64::MAX, "{numbers:x?}");
    }

    #[test]
    fn blocks_do_not_overlap_and_the_file_grows() {
        let segment = Segment::create(3, 2).unwrap();
        let before = segment.allocated();
        let a = segment.allocate(100).unwrap();
        let b = segment.allocate(1 << 20).unwrap();
        assert_eq!(a % 128, 0);
        assert!(b >= a + 100);
        assert!(segment.allocated() >= b + (1 << 20));
        assert!(segment.allocated() > before);
        // SAFETY: the block was just allocated to this test.
        unsafe { segment.at(b + (1 << 20) - 1).write(7) };
    }

    #[test]
    fn a_peer_sees_what_was_written() {
        let segment = Segment::create(2, 2).unwrap();
        let other = Segment::open(segment.fd().as_raw_fd()).unwrap();
        segment.record(1).pid.store(77, Relaxed);
        assert_eq!(other.record(1).pid.load(Relaxed), 77);
        let block = other.allocate(3 << 20).unwrap();
        // SAFETY: the block was just allocated to this test, and grown by the other mapping.
        unsafe { segment.at(block + 100).write(9) };
    }

    #[test]
    fn who_only_looks_sees_what_was_written_and_cannot_write() {
        let segment = Segment::create(2, 2).unwrap();
        let path = format!("/proc/self/fd/{}", segment.fd().as_raw_fd());
        let file = std::fs::File::open(path).unwrap();
        let seen = Segment::open_to_read(file.into()).unwrap();
        segment.record(1).pid.store(77, Relaxed);
        assert_eq!(seen.record(1).pid.load(Relaxed), 77);
        let address = std::ptr::from_ref(seen.head()).addr();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let line = maps
            .lines()
            .find(|line| line.starts_with(&format!("{address:x}-")))
            .unwrap();
        assert!(line.contains(" r--s "), "{line}");
        let null = std::fs::File::open("/dev/null").unwrap();
        assert!(Segment::open_to_read(null.into()).is_err());
    }

    #[test]
    fn a_job_of_one_grows_without_its_descriptor() {
        let segment = Segment::create(1, 2).unwrap();
        let first = segment.allocate(1000).unwrap();
        // SAFETY: the block was just allocated to this test.
        unsafe { segment.at(first).write(7) };
        // SAFETY: closes the segment's descriptor, as a program may.
        unsafe { libc::close(segment.fd().as_raw_fd()) };
        for _ in 0..20 {
            let block = segment.allocate(100 << 10).unwrap();
            let bytes = segment.at(block);
            for at in (0..100 << 10).step_by(1000) {
                // SAFETY: inside of the block that was just allocated to this test.
                unsafe { bytes.add(at).write(bytes.add(at).read() + 1) };
            }
        }
        // SAFETY: as above.
        assert_eq!(unsafe { segment.at(first).read() }, 7);
    }

    #[test]
    fn a_job_of_several_says_why_it_cannot_grow() {
        let segment = Segment::create(2, 2).unwrap();
        let number = segment.fd().as_raw_fd();
        let null = std::fs::File::open("/dev/null").unwrap();
        // SAFETY: puts another file in the descriptor's place, as a program may.
        unsafe { libc::dup2(null.as_raw_fd(), number) };
        let said = segment.allocate(4 << 20).unwrap_err().to_string();
        assert!(said.contains(&format!("descriptor {number}")), "{said}");
        // SAFETY: this test's own copy of /dev/null.
        unsafe { libc::close(number) };
    }

    #[test]
    fn a_memfd_of_rubbish_is_refused() {
        let fd = memfd(c"rubbish", 1 << 20).unwrap();
        let raw = fd.as_raw_fd();
        allocate(raw, 0, 1 << 20).unwrap();
        let said = Segment::open(raw).unwrap_err().to_string();
        assert!(said.contains("something else"), "not sealed: {said}");
        // SAFETY: fcntl with an integer argument on an owned descriptor.
        unsafe { libc::fcntl(raw, libc::F_ADD_SEALS, libc::F_SEAL_SHRINK) };
        let said = Segment::open(raw).unwrap_err().to_string();
        assert!(said.contains("0x0000000000000000"), "{said}");
    }

    #[test]
    fn something_else_is_refused() {
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(matches!(
            Segment::open(file.as_raw_fd()),
            Err(SegmentError::NotASegment(_) | SegmentError::System(..))
        ));
        assert!(matches!(
            Segment::open(-1),
            Err(SegmentError::NotASegment(_))
        ));
    }
}
