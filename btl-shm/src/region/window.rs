//! This process's window of the heap file: claimed once, told to peers, its pages opened
//! as they are needed and given back when they are not.
//!
//! The window has addresses of its own ([`growing::place`]), and is mapped from its
//! beginning as far as the heap has come, shared, but without access: what the heap
//! takes into use is *opened*, what a program unmaps is *sealed* again. So a
//! stray pointer faults, and `mlockall` fills nothing.
//!
//! In a child that a rank has forked the memory is no longer the rank's: see
//! [`Window::became_private`].

use super::pages::Pages;
use super::sys::{self, HUGE};
use crate::recall::{self, say};
use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::sys::signal::kill;
use nix::unistd::Pid;
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use wireup::descriptor::Backing;
use wireup::growing::{self, Zone};
use wireup::heap::HeapFile;
use wireup::layout::{RankRecord, RegionKind, SharedRegion};
use wireup::segment::{Segment, SegmentError};

/// Bytes from which on a block is likely to be used densely.
const HUGE_LEAST: usize = 2 * HUGE;

/// One part in this many of a window, at its end, is kept for static data.
const STATIC_SHARE: u64 = 8;

/// Core dumps hold the window as far as it is opened, rounded up to this.
const DUMP_STEP: usize = HUGE;

/// Bytes that are mapped at once, at the least; else a quarter of what is mapped.
const MAPPED_LEAST: usize = 16 * HUGE;

/// Why this process has no shared heap.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// There is no job, or the job has no heap file.
    NoHeapFile,
    /// Switched off by `LARIAT_HEAP=0`.
    Off,
    /// The settings cannot be used.
    Setting(String),
    /// Another thread is starting it just now.
    Starting,
    /// Process `0` has this rank's window already.
    Taken(u32),
    /// A limit under which memory must not look larger than it is.
    Limit(&'static str),
    /// A system call failed: which one, and why.
    System(&'static str, String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NoHeapFile => write!(f, "the job has no heap file"),
            Refusal::Off => write!(f, "LARIAT_HEAP=0"),
            Refusal::Setting(why) => write!(f, "{why}"),
            Refusal::Starting => write!(f, "it is being started just now"),
            Refusal::Taken(pid) => write!(f, "process {pid} has this rank's window"),
            Refusal::Limit(what) => write!(f, "{what}"),
            Refusal::System(call, why) => write!(f, "{call}: {why}"),
        }
    }
}

impl std::error::Error for Refusal {}

fn failed(call: &'static str) -> impl FnOnce(io::Error) -> Refusal {
    move |why| Refusal::System(call, why.to_string())
}

/// The offsets, from the beginning of a window of `window` bytes, between which
/// static data lies: the end of it. What is before is the heap's.
pub fn static_part(window: u64) -> std::ops::Range<u64> {
    let len = window / STATIC_SHARE / HUGE as u64 * HUGE as u64;
    window - len..window
}

/// The addresses that peers can reach through the heap file, for a quick look at every
/// long message: one range, good until the program maps something over the heap or
/// protects a part of it. It has a cache line of its own.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct VisibleRange {
    start: usize,
    /// The end of what is mapped of the window; only ever rises.
    end: AtomicUsize,
    /// Set once the range alone does not tell: the program has mapped something over the
    /// window or protected a part of it, or this is a forked child, whose memory nobody
    /// sees.
    invalid: AtomicBool,
    /// What is known of each page.
    pages: Pages,
}

impl VisibleRange {
    /// True if peers reach all of `len` bytes at `start`, and may know of it: a fork leaves
    /// it where it is. False: they do not, or only
    /// [`super::alloc::Allocator::is_shared`] can tell.
    #[inline]
    pub fn holds(&self, start: usize, len: usize) -> bool {
        let end = self.end.load(Ordering::Relaxed);
        let within = start >= self.start && start < end && len > 0 && len <= end - start;
        within
            && !self.invalid.load(Ordering::Relaxed)
            && self.pages.exposed.all(start, start + len)
    }

    /// Makes [`VisibleRange::holds`] say false from now on.
    pub(super) fn invalidate(&self) {
        self.invalid.store(true, Ordering::Relaxed);
    }
}

/// A claimed and mapped window: the heap's part of it.
#[derive(Debug)]
pub struct Window {
    base: usize,
    len: usize,
    /// Its end is that of what is mapped.
    visible: VisibleRange,
    /// Where in the file the whole window is.
    offsets: std::ops::Range<u64>,
    /// The end of what core dumps may hold; only ever rises.
    dumped: AtomicUsize,
    private: AtomicBool,
    /// Whether frozen memory may become shared again ([`super::thaw`]).
    thaws: AtomicBool,
    /// Whether what is opened is to be locked (`mlockall(MCL_FUTURE)`).
    locked: AtomicBool,
    /// Whether huge pages are for those who ask for them.
    huge: bool,
    /// The heap file, for forked children that copy it.
    file: Backing,
}

impl Window {
    /// Claims the window of rank `rank`, maps it, registers it for forks, and tells
    /// peers where the heap lies. What an earlier process left in it is given back to
    /// the system. Not for a process beside the one that is the rank already.
    pub fn claim(segment: &Segment, rank: u32, file: &HeapFile) -> Result<Window, Refusal> {
        limits()?;
        let record = segment.record(rank);
        refuse_another(record)?;
        take_over(record)?;
        let window = Window::map(rank, file).and_then(|one| {
            let (start, len) = (one.base, one.len);
            publish(record, RegionKind::Heap, start, len, file.begin(rank));
            // Either this sees the rank that has come meanwhile, or that sees the claim.
            fence(Ordering::SeqCst); // pairs with the one in `forget_others`
            refuse_another(record).inspect_err(|_| retract(record))?;
            Ok(one)
        });
        if window.is_err() {
            record.heap_pid.store(0, Ordering::Release); // pairs with the AcqRel in take_over
        }
        window
    }

    fn map(rank: u32, file: &HeapFile) -> Result<Window, Refusal> {
        let begin = libc::off_t::try_from(file.begin(rank)).expect("the file has this offset");
        let whole = libc::off_t::try_from(file.window()).expect("the file is that long");
        let fd = file.fd().as_raw_fd();
        let punch = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        // The window there is ours: nobody maps it.
        fallocate(file.fd(), punch, begin, whole).map_err(|why| failed("fallocate")(why.into()))?;
        let len = usize::try_from(static_part(file.window()).start).unwrap_or(0);
        let first = MAPPED_LEAST.min(len);
        let chosen = growing::place(Zone::Own, len as u64).and_then(|base| {
            let base = usize::try_from(base).ok()?;
            map_at(base, first, fd, begin).ok()?;
            Some((base, first))
        });
        let (base, mapped) = match chosen {
            Some(chosen) => chosen,
            None => {
                let base = sys::reserve(len, HUGE).map_err(failed("mmap of the window"))?;
                // SAFETY: the reservation just made, which nobody knows.
                unsafe { sys::munmap(base, len) }.map_err(failed("munmap"))?;
                map_at(base, len, fd, begin).map_err(failed("mmap of the window"))?;
                (base, len)
            }
        };
        let bad = |why: SegmentError| Refusal::System("the heap file", why.to_string());
        let offsets = file.begin(rank)..file.begin(rank) + file.window();
        let file = file.backing().map_err(bad)?;
        recall::add(base, len, file.borrow().as_raw_fd())
            .map_err(|why| Refusal::System("pthread_atfork", why.to_string()))?;
        Ok(Window {
            base,
            len,
            visible: VisibleRange {
                start: base,
                end: AtomicUsize::new(base + mapped),
                invalid: AtomicBool::new(false),
                pages: Pages::new(base, len).map_err(failed("mmap"))?,
            },
            offsets,
            dumped: AtomicUsize::new(base),
            private: AtomicBool::new(false),
            thaws: AtomicBool::new(true),
            locked: AtomicBool::new(false),
            huge: huge_on_advice(),
            file,
        })
    }

    /// The heap file.
    pub fn file(&self) -> BorrowedFd<'_> {
        self.file.borrow()
    }

    /// Where in the file all is that this rank's memory may be made of.
    pub fn offsets(&self) -> std::ops::Range<u64> {
        self.offsets.clone()
    }

    /// The first address.
    pub fn base(&self) -> usize {
        self.base
    }

    /// Bytes that the heap has of the window.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Where peers reach all of it.
    #[inline]
    pub fn visible(&self) -> &VisibleRange {
        &self.visible
    }

    /// The end of what is mapped: what is behind it is nobody's yet, or somebody else's.
    #[inline]
    pub fn end(&self) -> usize {
        self.visible.end.load(Ordering::Relaxed) // whoever has an address of it got it later
    }

    /// What is known of each page.
    #[inline]
    pub fn pages(&self) -> &Pages {
        &self.visible.pages
    }

    /// Whether frozen memory may become shared again.
    pub(super) fn thaws(&self) -> bool {
        self.thaws.load(Ordering::Relaxed)
    }

    /// Leaves frozen memory as it is until it is freed: peers are told of memory unasked.
    pub fn stay_frozen(&self) {
        self.thaws.store(false, Ordering::Relaxed); // before anybody asks
    }

    /// Whether what is opened is locked in memory.
    pub fn is_locked(&self) -> bool {
        self.locked.load(Ordering::Relaxed)
    }

    /// A descriptor of the file, for immediate use.
    pub fn descriptor(&self) -> io::Result<RawFd> {
        self.file.fd().map_err(io::Error::other)
    }

    /// Where in the file the byte at an address is.
    pub(super) fn offset(&self, addr: usize) -> libc::off_t {
        let at = self.offsets.start + (addr - self.base) as u64;
        libc::off_t::try_from(at).unwrap_or(libc::off_t::MAX)
    }

    /// Makes pages that a fork had made private shared again: sealed, and zero.
    pub(super) fn make_shared(&self, start: usize, len: usize) -> io::Result<()> {
        let fd = self.descriptor()?;
        let flags = libc::MAP_SHARED | libc::MAP_NORESERVE | libc::MAP_FIXED;
        // SAFETY: the callers' pages, which nobody uses.
        unsafe { sys::mmap(start, len, libc::PROT_NONE, flags, fd, self.offset(start)) }?;
        self.punch_at(fd, start, len)
    }

    /// Maps pages of the window anew at their place, as `kind` says: `MAP_SHARED` or
    /// `MAP_PRIVATE`, the other of which they are now. False: they stay so.
    pub(super) fn map_again(&self, fd: RawFd, start: usize, len: usize, kind: i32) -> bool {
        let at = self.offset(start);
        let place = libc::MAP_FIXED | libc::MAP_NORESERVE;
        // SAFETY: the same pages of the same file as before, with the same access.
        if unsafe { sys::mmap(start, len, sys::RW, place | kind, fd, at) }.is_ok() {
            return true;
        }
        if !has_page(start) {
            // Some kernels have taken the old mapping away by then: it is made again.
            let other = libc::MAP_SHARED ^ libc::MAP_PRIVATE ^ kind;
            // SAFETY: as above.
            if unsafe { sys::mmap(start, len, sys::RW, place | other, fd, at) }.is_err() {
                say(format_args!(
                    "memory is lost: mmap of {len} bytes at {start:#x} was refused"
                ));
                // SAFETY: ends the process.
                unsafe { libc::abort() };
            }
        }
        false
    }

    /// Makes pages that a fork had made private shared again, with what is in the file.
    pub(super) fn share_again(&self, fd: RawFd, start: usize, len: usize) -> bool {
        if !self.map_again(fd, start, len, libc::MAP_SHARED) {
            return false;
        }
        self.pages().frozen.clear(start, start + len);
        self.advise_huge(start, len);
        true
    }

    /// Gives the file's pages behind private ones back. Where that is refused they stay.
    pub(super) fn punch(&self, start: usize, end: usize) {
        if let Ok(fd) = self.descriptor()
            && start < end
        {
            drop(self.punch_at(fd, start, end - start));
        }
    }

    fn punch_at(&self, fd: RawFd, start: usize, len: usize) -> io::Result<()> {
        let punch = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        let len = libc::off_t::try_from(len).unwrap_or(libc::off_t::MAX);
        // SAFETY: looked up just now.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        Ok(fallocate(fd, punch, self.offset(start), len)?)
    }

    /// Maps the window up to the address `goal` at least. Under the lock of the space.
    fn reach(&self, goal: usize) -> io::Result<()> {
        let end = self.end();
        if goal <= end {
            return Ok(());
        }
        let more = ((end - self.base) / 4).max(MAPPED_LEAST);
        let last = self.base + self.len;
        let wish = goal.max(end + more).next_multiple_of(HUGE).min(last);
        let least = goal.next_multiple_of(sys::page()).min(last);
        let place = |to: usize| {
            if self.is_private() {
                let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
                sys::place(end, to - end, libc::PROT_NONE, flags, -1, 0)?;
            } else {
                map_at(end, to - end, self.descriptor()?, self.offset(end))?;
            }
            if self.locked.load(Ordering::Relaxed) {
                // `mlockall` locks mappings to come, but what is not in use stays unlocked.
                drop(sys::unlock(end, to - end));
            }
            self.visible.end.store(to, Ordering::Relaxed);
            Ok(())
        };
        // More than is wanted may meet something, or a limit (RLIMIT_MEMLOCK).
        place(wish).or_else(|why: io::Error| if least < wish { place(least) } else { Err(why) })
    }

    /// Makes sealed pages readable and writable; they are zero. Both numbers are
    /// multiples of the page. `one`: they are for one block or mapping, which gets
    /// huge pages if it is long and the machine gives them on advice.
    pub fn open(&self, start: usize, len: usize, one: bool) -> io::Result<()> {
        self.reach(start + len)?;
        if self.is_private() {
            let flags =
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED;
            // SAFETY: sealed pages are used by nobody. The file's pages there are
            // the parent's, so that they are replaced and not opened.
            return unsafe { sys::mmap(start, len, sys::RW, flags, -1, 0) }.map(drop);
        }
        // SAFETY: more access than before hurts nobody.
        unsafe { sys::mprotect(start, len, sys::RW) }?;
        if one {
            self.advise_huge(start, len);
        }
        let dumped = self.dumped.load(Ordering::Relaxed);
        if start + len > dumped {
            // The callers hold the lock of the space, so that nobody else moves it.
            let end = (start + len).next_multiple_of(DUMP_STEP);
            let end = end.min(self.end());
            self.dumped.store(end, Ordering::Relaxed);
            // SAFETY: no contents are lost by this advice. Without it, core
            // dumps lack a part, and nothing else is wrong.
            drop(unsafe { sys::madvise(dumped, end - dumped, libc::MADV_DODUMP) });
        }
        if self.locked.load(Ordering::Relaxed) {
            // As for the kernel's own mappings, it is no failure of theirs if there is
            // not enough memory for it.
            drop(sys::lock(start, len));
        }
        Ok(())
    }

    /// Asks for huge pages where a range is long and the machine gives them on advice.
    fn advise_huge(&self, start: usize, len: usize) {
        if self.huge && len >= HUGE_LEAST {
            let first = start.next_multiple_of(HUGE);
            let last = (start + len) / HUGE * HUGE;
            // SAFETY: no contents are lost by this advice. Without it, pages are small.
            drop(unsafe { sys::madvise(first, last - first, libc::MADV_HUGEPAGE) });
        }
    }

    /// Notes whether what is opened from now on is to be locked in memory.
    pub fn lock_future(&self, locked: bool) {
        self.locked.store(locked, Ordering::Relaxed); // under the lock of the space, as `open`
    }

    /// Gives pages back to the system; they are zero after. Both numbers are
    /// multiples of the page.
    ///
    /// # Safety
    /// Nobody needs what is in them.
    ///
    /// # Errors
    /// The kernel's answer; the pages may then hold what they held.
    pub unsafe fn release(&self, start: usize, len: usize) -> io::Result<()> {
        if !self.pages().have_frozen() {
            // SAFETY: as the caller said.
            return unsafe { self.release_run(start, len) };
        }
        let (mut next, end) = (start, start + len);
        while next < end {
            let (stop, frozen) = self.pages().frozen.run(next, end);
            if frozen {
                // Neither would give zeros: the file's pages are a child's as well.
                // SAFETY: as the caller said.
                unsafe { renew_private(next, stop - next) }?;
            } else {
                // SAFETY: as the caller said.
                unsafe { self.release_run(next, stop - next) }?;
            }
            next = stop;
        }
        Ok(())
    }

    /// [`Window::release`] of pages that no fork has made private.
    ///
    /// # Safety
    /// As there.
    unsafe fn release_run(&self, start: usize, len: usize) -> io::Result<()> {
        let advice = if self.is_private() {
            libc::MADV_DONTNEED // never through to the parent's file
        } else {
            libc::MADV_REMOVE
        };
        // SAFETY: as the caller said.
        let done = unsafe { sys::madvise(start, len, advice) };
        match done {
            // The program took write access away, without which none of the file's
            // pages can be given back.
            Err(why) if why.raw_os_error() == Some(libc::EACCES) => {
                // SAFETY: the caller needs nothing that is there.
                unsafe { sys::mprotect(start, len, sys::RW) }?;
                // SAFETY: as above.
                match unsafe { sys::madvise(start, len, advice) } {
                    // A fork of another thread has made it private just now.
                    Err(why) if why.raw_os_error() == Some(libc::EACCES) => {
                        // SAFETY: as above.
                        unsafe { renew_private(start, len) }
                    }
                    done => done,
                }
            }
            done => done,
        }
    }

    /// Takes the access to pages away, so that touching them faults.
    ///
    /// # Safety
    /// Nobody uses them any more.
    pub unsafe fn seal(&self, start: usize, len: usize) -> io::Result<()> {
        // SAFETY: as the caller said.
        unsafe { sys::mprotect(start, len, libc::PROT_NONE) }
    }

    /// Notes that this process is a forked child: the file's pages are the
    /// parent's. Whoever calls this has put private memory in the place of every
    /// page that is open; from here on pages are opened and given back without a
    /// touch of the file.
    pub fn became_private(&self) {
        self.visible.invalidate();
        self.private.store(true, Ordering::Relaxed); // the child has one thread
    }

    /// Whether this process is a forked child.
    pub fn is_private(&self) -> bool {
        self.private.load(Ordering::Relaxed)
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        recall::remove(self.base);
        // SAFETY: whoever drops a window has nothing in it any more.
        drop(unsafe { sys::munmap(self.base, self.end() - self.base) });
    }
}

/// Whether a page is mapped.
fn has_page(start: usize) -> bool {
    let mut there = 0u8;
    let place = std::ptr::without_provenance_mut(start);
    // SAFETY: mincore writes one byte for one page, and nothing if it is not mapped.
    unsafe { libc::mincore(place, sys::page(), (&raw mut there).cast()) == 0 }
}

/// Puts fresh private pages in the place of others.
///
/// # Safety
/// Nobody needs what is there.
unsafe fn renew_private(start: usize, len: usize) -> io::Result<()> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED;
    // SAFETY: as the caller said.
    unsafe { sys::mmap(start, len, sys::RW, flags, -1, 0) }.map(drop)
}

/// Maps `len` bytes of the file at an address where nothing is, without access.
fn map_at(start: usize, len: usize, fd: i32, at: libc::off_t) -> io::Result<()> {
    let flags = libc::MAP_SHARED | libc::MAP_NORESERVE;
    sys::place(start, len, libc::PROT_NONE, flags, fd, at)?;
    // A core dump reads what it dumps, and would fill the window with pages.
    // SAFETY: no contents are lost by this advice.
    unsafe { sys::madvise(start, len, libc::MADV_DONTDUMP) }
}

/// Publishes in the record that `len` bytes at `start` lie at offset `at` of the heap
/// file. False: the record is full.
pub fn publish(record: &RankRecord, kind: RegionKind, start: usize, len: usize, at: u64) -> bool {
    let free = |region: &&SharedRegion| region.start.load(Ordering::Relaxed) == 0;
    let Some(entry) = record.shared.iter().find(free) else {
        return false;
    };
    entry.len.store(len as u64, Ordering::Relaxed);
    entry.at.store(at, Ordering::Relaxed);
    entry.kind.store(kind as u32, Ordering::Relaxed);
    entry.start.store(start as u64, Ordering::Release); // pairs with the Acquire of peers
    true
}

/// Whether this machine gives shared memory huge pages where that is advised, and
/// only there.
fn huge_on_advice() -> bool {
    let text = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/shmem_enabled");
    text.is_ok_and(|text| text.contains("[advise]"))
}

/// Refuses where another process is the rank: this may be a program that it started.
fn refuse_another(record: &RankRecord) -> Result<(), Refusal> {
    match record.pid.load(Ordering::Acquire) {
        // pairs with the Release of the rank that joins
        pid if pid != 0 && pid != std::process::id() => Err(Refusal::Taken(pid)),
        _ => Ok(()),
    }
}

/// Withdraws all that the record publishes of memory in the heap file.
fn retract(record: &RankRecord) {
    for region in &record.shared {
        region.start.store(0, Ordering::Release); // pairs with the Acquire of peers
    }
}

/// For the process that has just become the rank, and has written its number into the
/// record: what another program of its script has claimed and told before is not of
/// this process's memory.
pub fn forget_others(record: &RankRecord) {
    fence(Ordering::SeqCst); // pairs with the one in `Window::claim`
    if record.heap_pid.load(Ordering::Acquire) != std::process::id() {
        retract(record); // pairs with the AcqRel in `take_over`
    }
}

/// Makes this process the owner of the record's window, and withdraws what an
/// earlier owner published there.
fn take_over(record: &RankRecord) -> Result<(), Refusal> {
    let me = std::process::id();
    let mut owner = record.heap_pid.load(Ordering::Acquire); // pairs with the AcqRel below
    loop {
        let ours = owner == me && !is_mapped(record);
        if owner != 0 && !ours && is_alive(owner) {
            return Err(Refusal::Taken(owner));
        }
        // pairs with the Acquire of another claim
        match record
            .heap_pid
            .compare_exchange(owner, me, Ordering::AcqRel, Ordering::Acquire)
        {
            Ok(_) => break,
            Err(now) => owner = now,
        }
    }
    retract(record);
    Ok(())
}

/// Whether this very process, and not one before an exec, has a heap there: two
/// copies of this code in one process must not share a window.
fn is_mapped(record: &RankRecord) -> bool {
    let start = record.shared[0].start.load(Ordering::Acquire); // pairs with the Release in `publish`
    let Ok(start) = usize::try_from(start) else {
        return false;
    };
    let mut there = 0u8;
    // SAFETY: mincore writes one byte for one page, and nothing if it is not mapped.
    start != 0
        && unsafe {
            libc::mincore(
                std::ptr::without_provenance_mut(start),
                sys::page(),
                (&raw mut there).cast(),
            )
        } == 0
}

fn is_alive(pid: u32) -> bool {
    let Ok(pid) = libc::pid_t::try_from(pid) else {
        return false;
    };
    // Signal 0 is none; only the process's existence is asked.
    kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH)
}

/// Whether programs may be given memory before it is there, as a window does.
fn limits() -> Result<(), Refusal> {
    for (resource, what) in [
        (
            Resource::RLIMIT_AS,
            "the address space is limited (ulimit -v), and a window needs much of it",
        ),
        (
            Resource::RLIMIT_DATA,
            "data is limited (ulimit -d), which the kernel does not hold shared pages against",
        ),
    ] {
        if getrlimit(resource).is_ok_and(|(soft, _)| soft != RLIM_INFINITY) {
            return Err(Refusal::Limit(what));
        }
    }
    let strict = std::fs::read("/proc/sys/vm/overcommit_memory");
    if strict.is_ok_and(|text| text.first() == Some(&b'2')) {
        return Err(Refusal::Limit(
            "vm.overcommit_memory=2: allocations must be counted when they are made",
        ));
    }
    Ok(())
}
