//! The one shared heap of a process: started where the process is a rank of a
//! job that has a heap file, by whoever comes first.
//!
//! Two libraries of a process can contain this code: the preloaded malloc family
//! (`btl-shm/preload`) and the runtime. Where the first is loaded it owns the
//! heap, and the runtime goes through the C functions that it exports
//! ([`Preloaded`]); elsewhere the runtime has the heap itself.

use super::alloc::{AllLocks, Allocator, at};
use super::window::{Refusal, VisibleRange, Window, publish, static_part};
use super::{freeze, static_data};
use crate::recall;
use crate::valgrind;
use std::cell::UnsafeCell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::os::fd::BorrowedFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use wireup::env;
use wireup::handover::Handover;
use wireup::heap::HeapFile;
use wireup::layout::{RankRecord, RegionKind};
use wireup::segment::Segment;
use wireup::settings::{Arm, Settings};

/// Set, for tests: a program that is no rank gets a heap file of its own.
pub const ALONE: &str = "LARIAT_HEAP_ALONE";

/// This process's shared heap.
#[derive(Debug)]
pub struct Heap {
    allocator: Allocator,
    least: usize,
}

static HEAP: OnceLock<Heap> = OnceLock::new();
static OUTCOME: OnceLock<Result<(), Refusal>> = OnceLock::new();
/// Whether a thread is starting the heap.
static STARTING: AtomicBool = AtomicBool::new(false);

impl Heap {
    /// The allocator.
    #[inline]
    pub fn allocator(&self) -> &Allocator {
        &self.allocator
    }

    /// Bytes of the smallest allocation that is to come from here
    /// (`LARIAT_HEAP_MIN`).
    #[inline]
    pub fn least(&self) -> usize {
        self.least
    }
}

/// The heap that this copy of the code has started.
#[inline]
pub fn here() -> Option<&'static Heap> {
    HEAP.get()
}

/// Starts the heap in this copy of the code. Only the first call does; later ones return
/// its outcome. `get` reads the environment. `early`: the program has not begun and has
/// one thread, so that its static data can move, too.
pub fn start_here(get: impl Fn(&str) -> Option<String>, early: bool) -> Result<(), Refusal> {
    if let Some(outcome) = OUTCOME.get() {
        return outcome.clone();
    }
    // Not a lock: an allocation on the way would come here again.
    if STARTING.swap(true, Ordering::AcqRel) {
        return Err(Refusal::Starting); // the swap pairs with itself
    }
    let outcome = open(get, early).map(|heap| {
        HEAP.get_or_init(|| heap);
    });
    OUTCOME.get_or_init(|| outcome).clone()
}

fn open(get: impl Fn(&str) -> Option<String>, early: bool) -> Result<Heap, Refusal> {
    let settings = Settings::read(&get).map_err(|why| Refusal::Setting(why.to_string()))?;
    if !settings.heap {
        return Err(Refusal::Off);
    }
    if valgrind::is_memcheck() {
        return Err(Refusal::Limit("valgrind watches over memory"));
    }
    let bad = |why: wireup::segment::SegmentError| Refusal::System("the job", why.to_string());
    let (segment, rank, file) = if alone(get(ALONE))? {
        let segment = Segment::create(1, 1).map_err(bad)?;
        let file = HeapFile::create(&segment).map_err(bad)?;
        (segment, 0, file)
    } else {
        let handover = Handover::read(&get).map_err(Refusal::Setting)?;
        let (handover, heap) = handover
            .and_then(|h| Some((h, h.heap?)))
            .ok_or(Refusal::NoHeapFile)?;
        let segment = Segment::open_from(&handover.segment).map_err(bad)?;
        let file = HeapFile::open_from(&segment, &heap).ok_or(Refusal::NoHeapFile)?;
        if handover.rank >= segment.ranks() {
            return Err(Refusal::NoHeapFile);
        }
        recall::open_again_at(heap.path());
        (segment, handover.rank, file)
    };
    let window = Window::claim(&segment, rank, &file)?;
    if !matches!(settings.arm, Arm::Auto | Arm::Shared) {
        window.stay_frozen(); // ranks look for nothing in the heap file before they tell of it
    }
    let allocator = Allocator::new(window)
        .map_err(|why| Refusal::System("mmap of the table", why.to_string()))?;
    let hooks = recall::Hooks {
        prepare: fork_prepare,
        freeze: fork_freeze,
        parent: fork_done,
        child: fork_done,
        private: became_private,
    };
    recall::at_fork(hooks).map_err(|why| Refusal::System("pthread_atfork", why.to_string()))?;
    if early {
        let descriptor = allocator.window().file();
        move_static_data(&settings, segment.record(rank), rank, &file, descriptor);
    }
    let least = usize::try_from(settings.heap_min).unwrap_or(usize::MAX);
    Ok(Heap {
        allocator,
        least: least.max(super::classes::LEAST_BLOCK),
    })
}

/// Whether [`ALONE`] is set.
fn alone(value: Option<String>) -> Result<bool, Refusal> {
    match value.as_deref() {
        None | Some("0") => Ok(false),
        Some("1") => Ok(true),
        Some(other) => Err(Refusal::Setting(format!(
            "{ALONE}={other:?}: wanted 0 or 1"
        ))),
    }
}

/// Moves the program's static data into their part of the window, and tells peers.
/// Where that cannot be, they stay as they are, and peers reach them by another arm.
fn move_static_data(
    settings: &Settings,
    record: &RankRecord,
    rank: u32,
    file: &HeapFile,
    descriptor: BorrowedFd<'_>,
) {
    let room = static_part(file.window());
    let least = usize::try_from(settings.direct_min).unwrap_or(usize::MAX);
    let parts = static_data::parts(least);
    let at = file.begin(rank) + room.start;
    let moved = static_data::share(&parts, descriptor, at, room.end - room.start);
    for part in moved.unwrap_or_default() {
        publish(record, RegionKind::Static, part.start, part.len, part.at);
    }
}

/// Reads a variable without the lock that the standard library has for it: who
/// allocates may hold that. A program with raised privileges finds nothing.
pub fn getenv(name: &str) -> Option<String> {
    let mut buffer = [0u8; 64];
    buffer
        .get_mut(..name.len())?
        .copy_from_slice(name.as_bytes());
    let name = CStr::from_bytes_until_nul(&buffer).ok()?;
    if env::is_privileged() {
        return None;
    }
    // SAFETY: the name is NUL-terminated; the value is copied at once.
    let value = unsafe { libc::getenv(name.as_ptr()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: getenv returns a NUL-terminated string or null.
    let value = unsafe { CStr::from_ptr(value) };
    Some(value.to_string_lossy().into_owned())
}

/// What the preloaded library exports, under the name `lariat_heap_4`: its functions for
/// the runtime. Whoever changes this changes the name as well.
#[repr(C)]
#[derive(Debug)]
pub struct Preloaded {
    /// Starts the heap, if this process can have one: 0; else -1.
    pub start: extern "C" fn() -> c_int,
    /// Why there is no heap, a text that stays; null if there is one, or none was
    /// asked for.
    pub refusal: extern "C" fn() -> *const c_char,
    /// `len` bytes at a multiple of `align`, a power of two, always of the heap; null
    /// if that is impossible.
    pub alloc: extern "C" fn(usize, usize) -> *mut c_void,
    /// Gives back what `alloc`, or malloc, returned.
    pub free: unsafe extern "C" fn(*mut c_void),
    /// Notes that peers may know of a range: 1; or 0: not of all of it, by the heap file.
    pub expose: extern "C" fn(usize, usize) -> c_int,
    /// Whether peers see a range by way of the heap file: 1 or 0.
    pub shared: extern "C" fn(usize, usize) -> c_int,
    /// Where peers reach all of the heap; null: there is none.
    pub visible: extern "C" fn() -> *const VisibleRange,
    /// Moves so many bytes at this address into the heap ([`super::adopt`]); the address
    /// at which peers find them, or 0.
    pub adopt: extern "C" fn(usize, usize) -> usize,
    /// Ends a use of what `adopt` has moved, at this address.
    pub release: extern "C" fn(usize),
}

/// What the preloaded library calls before memory is given back or moved: which call of
/// [`GIVING_BACK`] it is, where the memory begins, and its bytes. It may be called by any
/// thread, and inside of the library's own calls.
pub type GivenBack = extern "C" fn(usize, usize, usize);

/// The calls by which programs give memory back.
pub const GIVING_BACK: [&str; 3] = ["free", "realloc", "munmap"];

/// Has `hook` called before memory is given back, if the preloaded library is loaded.
/// Returns whether it is.
pub fn watch(hook: GivenBack) -> bool {
    // SAFETY: looks up a NUL-terminated name.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"lariat_heap_watch".as_ptr()) };
    if found.is_null() {
        return false;
    }
    // SAFETY: only btl-shm/preload exports a function of this name, which is of this type.
    let watch: extern "C" fn(GivenBack) = unsafe { std::mem::transmute(found) };
    watch(hook);
    true
}

/// The preloaded library's functions, if it is loaded.
fn preloaded() -> Option<&'static Preloaded> {
    static FOUND: OnceLock<Option<&Preloaded>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        // SAFETY: looks up a NUL-terminated name, under which only btl-shm/preload
        // exports something.
        unsafe {
            libc::dlsym(libc::RTLD_DEFAULT, c"lariat_heap_4".as_ptr())
                .cast::<Preloaded>()
                .as_ref()
        }
    })
}

/// Whether the preloaded library is there, and so has the heap.
pub fn is_preloaded() -> bool {
    preloaded().is_some()
}

/// Starts this process's shared heap, wherever it is to be.
pub fn start() -> Result<(), String> {
    let Some(outer) = preloaded() else {
        return start_here(getenv, false).map_err(|why| why.to_string());
    };
    if (outer.start)() == 0 {
        return Ok(());
    }
    let why = (outer.refusal)();
    if why.is_null() {
        return Err("the preloaded library gives no reason".to_owned());
    }
    // SAFETY: a NUL-terminated text that stays.
    Err(unsafe { CStr::from_ptr(why) }
        .to_string_lossy()
        .into_owned())
}

/// `len` bytes at a multiple of `align`, a power of two, in memory that peers can
/// map, whatever `len` is, for [`free`]. Null: there is no shared heap, or it is full.
#[must_use]
pub fn alloc(len: usize, align: usize) -> *mut u8 {
    if let Some(heap) = here() {
        let found = heap.allocator.alloc_exposed(len, align);
        return found.map_or(std::ptr::null_mut(), |(start, _)| at(start));
    }
    preloaded().map_or(std::ptr::null_mut(), |outer| {
        (outer.alloc)(len, align).cast()
    })
}

/// Gives back what [`alloc`] returned. False: it lies in no shared heap.
///
/// # Safety
/// `start` came from [`alloc`] or from elsewhere, and is used by nobody any more.
#[must_use]
pub unsafe fn free(start: *mut u8) -> bool {
    if let Some(heap) = here() {
        // SAFETY: as the caller said.
        return heap.allocator.contains(start.addr())
            && unsafe { heap.allocator.free(start.addr()) };
    }
    match preloaded() {
        Some(outer) if (outer.shared)(start.addr(), 1) != 0 => {
            // SAFETY: as the caller said.
            unsafe { (outer.free)(start.cast()) };
            true
        }
        _ => false,
    }
}

/// Whether peers reach a range of this process through the heap file: it lies in the
/// heap's window, and the program has mapped nothing else there. (Its record publishes
/// the window as a whole.)
pub fn is_shared(start: usize, len: usize) -> bool {
    match here() {
        Some(heap) => heap.allocator.is_shared(start, len),
        None => preloaded().is_some_and(|outer| (outer.shared)(start, len) != 0),
    }
}

/// Notes that peers may know of what a range has of the heap. False: a fork has made some
/// of that private, so that they must not look for it in the heap file.
pub fn expose(start: usize, len: usize) -> bool {
    match here() {
        Some(heap) => heap.allocator.expose(start, len),
        None => preloaded().is_none_or(|outer| (outer.expose)(start, len) != 0),
    }
}

/// Where peers reach all of this process's heap, whichever copy of this code has it.
pub fn visible() -> Option<&'static VisibleRange> {
    match here() {
        Some(heap) => Some(heap.allocator.visible()),
        // SAFETY: null, or a part of the heap, which stays.
        None => unsafe { (preloaded()?.visible)().as_ref() },
    }
}

/// Moves `len` bytes at `start`, which stay there for the program, into the heap, for
/// [`release`]; the address at which peers find them. `None`: they cannot be moved.
#[must_use]
pub fn adopt(start: usize, len: usize) -> Option<usize> {
    let found = preloaded().map_or(0, |outer| (outer.adopt)(start, len));
    (found != 0).then_some(found)
}

/// Ends a use of what [`adopt`] has moved, at `start`.
pub fn release(start: usize) {
    if let Some(outer) = preloaded() {
        (outer.release)(start);
    }
}

/// The locks held over a fork, between [`fork_prepare`] and what follows it.
struct HeldOverFork(UnsafeCell<Option<AllLocks<'static>>>);

// SAFETY: only the thread that forks touches it, and it holds all locks then, so
// that there is one at a time.
unsafe impl Sync for HeldOverFork {}

static HELD_OVER_FORK: HeldOverFork = HeldOverFork(UnsafeCell::new(None));

/// Before a fork: takes the heap's locks, so that the child finds nothing half done.
pub fn fork_prepare() {
    if let Some(heap) = here() {
        let held = heap.allocator.hold();
        // SAFETY: the locks are held, see `HeldOverFork`.
        unsafe { *HELD_OVER_FORK.0.get() = Some(held) };
    }
}

/// Before a fork: makes private what peers know nothing of. By the locks that are held, or,
/// where there is no other thread, by that of the space if it is free.
pub fn fork_freeze() {
    let Some(heap) = here() else {
        return;
    };
    let window = heap.allocator.window();
    // SAFETY: the thread that forks; see `HeldOverFork`.
    match unsafe { (*HELD_OVER_FORK.0.get()).as_mut() } {
        Some(held) => freeze::freeze(window, held.space()),
        None => {
            if let Some(mut space) = heap.allocator.try_space() {
                freeze::freeze(window, &mut space);
            }
        }
    }
}

/// After the process has seen a child end: looks for memory that no child has any more, if the
/// heap is not at work just now.
pub fn child_ended() {
    let Some(heap) = here() else {
        return;
    };
    let allocator = &heap.allocator;
    if allocator.window().pages().have_frozen()
        && let Some(mut space) = allocator.try_space()
    {
        freeze::child_ended(allocator.window(), &mut space);
    }
}

/// After a fork, in the parent and in the child: lets the locks go.
pub fn fork_done() {
    // SAFETY: called by the thread that called `fork_prepare`; see `HeldOverFork`.
    drop(unsafe { (*HELD_OVER_FORK.0.get()).take() });
}

/// In a forked child, once private memory is in the place of all that was shared:
/// the file's pages are the parent's from here on.
pub fn became_private() {
    if let Some(heap) = here() {
        heap.allocator.became_private();
    }
}

/// What the first call of [`start_here`] returned, if there was one.
pub fn outcome() -> Option<&'static Result<(), Refusal>> {
    OUTCOME.get()
}

/// The least length for which [`super::global`] looks for the heap; `usize::MAX` once it
/// is known that there is none.
pub(super) static GLOBAL_LEAST: AtomicUsize = AtomicUsize::new(super::classes::LEAST_BLOCK);
