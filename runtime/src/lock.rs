//! The library lock, and state that is reached under it.
//!
//! With `MPI_THREAD_MULTIPLE` every call into the library holds one lock; with
//! the lower levels the program itself promises that calls do not overlap, and
//! the lock costs one predictable branch. A blocking call gives the lock up
//! between two rounds of progress ([`released`]), and so does every call of a
//! user's function (operations, attribute copies, error handlers), which may
//! call MPI again.

use crossbeam_utils::CachePadded;
use std::cell::{Cell, UnsafeCell};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

/// What calls have to heed: [`MULTIPLE`], [`WATCHED`], [`TRACED`], [`CHECKED`]. One word, so that a call which has
/// to heed nothing finds that out by one branch.
static HEED: AtomicU8 = AtomicU8::new(0);
/// In what calls have to heed: they may overlap.
pub const MULTIPLE: u8 = 1;
/// In what calls have to heed: their times and messages are recorded.
pub const WATCHED: u8 = 2;
/// In what calls have to heed: who calls is looked at.
pub const CHECKED: u8 = 8;
/// In what calls have to heed, beside [`WATCHED`]: each message is noted in a trace.
pub const TRACED: u8 = 4;
static LOCK: RawLock = RawLock::new();

/// Says that calls may overlap from now on. The last thing that a call does, which has
/// entered without the lock.
pub fn enable_multiple() {
    tsan::find();
    HEED.fetch_or(MULTIPLE, Ordering::Relaxed);
}

/// Says whether calls are recorded from now on, and messages traced with them.
pub fn set_watched(on: bool, traced: bool) {
    let bits = if traced { WATCHED | TRACED } else { WATCHED };
    match on {
        true => HEED.fetch_or(bits, Ordering::Relaxed),
        false => HEED.fetch_and(!(WATCHED | TRACED), Ordering::Relaxed),
    };
}

/// What looks at each call that is made, given the call's number.
static ENTRY_CHECK: OnceLock<fn(u32)> = OnceLock::new();

/// Has `check` look at each call from now on.
pub fn check_entries(check: fn(u32)) {
    let _ = ENTRY_CHECK.set(check); // a process joins one job
    HEED.fetch_or(CHECKED, Ordering::Relaxed);
}

/// Looks at the call of this number, which is being made.
#[cold]
pub fn check_entry(number: u32) {
    if let Some(check) = ENTRY_CHECK.get() {
        check(number);
    }
}

/// What calls have to heed.
#[inline]
#[must_use]
pub fn heed() -> u8 {
    HEED.load(Ordering::Relaxed)
}

/// Whether calls are recorded.
#[inline]
#[must_use]
pub fn is_watched() -> bool {
    heed() & WATCHED != 0
}

/// Whether who calls is looked at.
#[inline]
#[must_use]
pub fn is_checked() -> bool {
    heed() & CHECKED != 0
}

/// Whether calls are recorded, or who calls is looked at.
#[inline]
#[must_use]
pub fn is_watched_or_checked() -> bool {
    heed() & (WATCHED | CHECKED) != 0
}

/// Whether messages are noted in a trace.
#[inline]
#[must_use]
pub fn is_traced() -> bool {
    heed() & TRACED != 0
}

/// Whether calls may overlap or messages are traced: no message may slip by the queues.
#[inline]
#[must_use]
pub fn is_multiple_or_traced() -> bool {
    heed() & (MULTIPLE | TRACED) != 0
}

/// Whether calls may overlap.
#[inline]
#[must_use]
pub fn is_multiple() -> bool {
    heed() & MULTIPLE != 0
}

/// Looks at a taken guard before the processor is given away.
const LOOKS: u32 = 100;

/// Runs `f` while no other process does so with the same `guard`, a word in memory that
/// they share, zero at first. `f` must be short, and must not wait.
pub fn guarded<R>(guard: &AtomicU32, f: impl FnOnce() -> R) -> R {
    let mut looks = 0;
    // pairs with the Release below
    while guard
        .compare_exchange_weak(0, 1, Ordering::Acquire, Ordering::Relaxed)
        .is_err()
    {
        looks += 1;
        if looks < LOOKS {
            std::hint::spin_loop();
        } else {
            std::thread::yield_now(); // the holder may need this processor
        }
    }
    let result = f();
    guard.store(0, Ordering::Release); // pairs with the Acquire above
    result
}

/// Proof that this thread is inside the library; leaving drops it.
#[derive(Debug)]
#[must_use]
pub struct Inside(bool);

/// Enters the library.
#[inline]
pub fn enter() -> Inside {
    let locked = is_multiple();
    if locked {
        LOCK.lock();
    }
    Inside(locked)
}

/// Enters the library, for a call that heeds this; [`leave`] is to follow.
#[inline]
pub fn enter_by_hand(heed: u8) {
    if heed & MULTIPLE != 0 {
        LOCK.lock();
    }
}

/// Leaves the library after [`enter_by_hand`] with the same `heed`.
#[inline]
pub fn leave(heed: u8) {
    if heed & MULTIPLE != 0 {
        LOCK.unlock();
    }
}

/// Enters the library in a unit test: tests run side by side in one process, and
/// those that reach library state must take turns.
#[cfg(test)]
pub fn inside() -> Inside {
    enable_multiple();
    enter()
}

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {
        if self.0 {
            LOCK.unlock();
        }
    }
}

/// Runs `f` (a user's function, or a moment of waiting) with the lock given up,
/// and takes it again. No [`Local`] may be borrowed across this.
#[inline]
pub fn released<R>(f: impl FnOnce() -> R) -> R {
    if !is_multiple() {
        return f();
    }
    LOCK.give_way();
    let result = f();
    LOCK.lock();
    result
}

/// ThreadSanitizer sees nothing of a lock that it has not instrumented: it is told what
/// the lock orders, where it runs.
mod tsan {
    use super::RawLock;
    use std::ffi::{CStr, c_void};
    use std::sync::atomic::{AtomicPtr, Ordering};

    type Function = unsafe extern "C" fn(*mut c_void);

    /// A function of its runtime; null without it.
    pub(super) struct Note(AtomicPtr<c_void>);

    pub(super) static ACQUIRE: Note = Note(AtomicPtr::new(std::ptr::null_mut()));
    pub(super) static RELEASE: Note = Note(AtomicPtr::new(std::ptr::null_mut()));

    pub(super) fn find() {
        for (note, name) in [(&ACQUIRE, c"__tsan_acquire"), (&RELEASE, c"__tsan_release")] {
            note.find(name);
        }
    }

    impl Note {
        fn find(&self, name: &CStr) {
            // SAFETY: looks up a NUL-terminated name.
            let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
            self.0.store(found, Ordering::Relaxed);
        }

        #[inline]
        pub(super) fn tell(&self, lock: &RawLock) {
            let found = self.0.load(Ordering::Relaxed);
            if !found.is_null() {
                call(found, lock);
            }
        }
    }

    #[cold]
    fn call(found: *mut c_void, lock: &RawLock) {
        // SAFETY: both functions have this type.
        let function = unsafe { std::mem::transmute::<*mut c_void, Function>(found) };
        // SAFETY: notes an address and touches nothing there.
        unsafe { function((&raw const *lock).cast_mut().cast()) };
    }
}

/// State that belongs to the library as a whole and is reached under its lock.
#[derive(Debug)]
pub struct Local<T> {
    busy: Cell<bool>,
    value: UnsafeCell<T>,
}

// SAFETY: `with` is called under the library lock (or, below MULTIPLE, under the
// program's promise not to overlap calls), so that one thread at a time is in it.
unsafe impl<T> Sync for Local<T> {}

impl<T> Local<T> {
    /// Wraps the first value.
    pub const fn new(value: T) -> Local<T> {
        Local {
            busy: Cell::new(false),
            value: UnsafeCell::new(value),
        }
    }

    /// Runs `f` on the state. `f` must not reach the same state again, nor call
    /// a user's function, nor wait.
    ///
    /// # Panics
    /// If the state is in use already: a bug of the library.
    #[inline]
    pub fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        assert!(!self.busy.replace(true), "library state used while in use");
        // SAFETY: `busy` was false, so no other reference to the value is alive
        // on this thread; the lock keeps other threads out.
        let result = f(unsafe { &mut *self.value.get() });
        self.busy.set(false);
        result
    }

    /// Whether the caller runs inside of [`Local::with`].
    pub fn is_busy(&self) -> bool {
        self.busy.get()
    }
}

/// Looks of a thread that waits for the lock, before it sleeps.
const SPINS: u32 = 100;
/// Yields of a thread that gives the lock up while it waits for something, until one of
/// those who sleep has had it.
const YIELDS: u32 = 20;

const FREE: u32 = 0;
const TAKEN: u32 = 1;
/// Taken, and somebody may sleep.
const WANTED: u32 = 2;

/// A lock that whoever runs may take: with more threads than processors, one whose turn it
/// is may not run for a long time. So that those who poll for progress, and come back for
/// the lock all the time, leave it to others, they give it up by [`RawLock::give_way`].
#[derive(Debug)]
struct RawLock {
    /// Apart from `turns`, which those who give way look at.
    state: CachePadded<AtomicU32>,
    /// How often the lock was taken.
    turns: CachePadded<AtomicU64>,
}

impl RawLock {
    const fn new() -> RawLock {
        RawLock {
            state: CachePadded::new(AtomicU32::new(FREE)),
            turns: CachePadded::new(AtomicU64::new(0)),
        }
    }

    #[inline]
    fn lock(&self) {
        if !self.try_lock() {
            self.wait();
        }
        // Whoever holds the lock counts alone.
        let turns = self.turns.load(Ordering::Relaxed).wrapping_add(1);
        self.turns.store(turns, Ordering::Relaxed);
        tsan::ACQUIRE.tell(self);
    }

    #[inline]
    fn try_lock(&self) -> bool {
        // pairs with the Release in `unlock`
        let taken = self
            .state
            .compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed);
        taken.is_ok()
    }

    #[cold]
    fn wait(&self) {
        for _ in 0..SPINS {
            std::hint::spin_loop();
            if self.state.load(Ordering::Relaxed) == FREE && self.try_lock() {
                return;
            }
        }
        // pairs with the Release in `unlock`
        while self.state.swap(WANTED, Ordering::Acquire) != FREE {
            self.futex(libc::FUTEX_WAIT, WANTED);
        }
    }

    /// Whether somebody was woken.
    #[inline]
    fn unlock(&self) -> bool {
        tsan::RELEASE.tell(self);
        // pairs with the Acquire in `try_lock` and `wait`
        let was = self.state.swap(FREE, Ordering::Release);
        if was == WANTED {
            self.futex(libc::FUTEX_WAKE, 1);
        }
        was == WANTED
    }

    /// Gives the lock up, and lets somebody who sleeps have it before this thread comes
    /// back for it.
    fn give_way(&self) {
        let turns = self.turns.load(Ordering::Relaxed);
        if self.unlock() {
            for _ in 0..YIELDS {
                if self.turns.load(Ordering::Relaxed) != turns {
                    break;
                }
                std::thread::yield_now();
            }
        }
    }

    #[cold]
    fn futex(&self, operation: libc::c_int, value: u32) {
        // SAFETY: a word of this process's own. However a wait ends, the caller looks again.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                self.state.as_ptr(),
                operation | libc::FUTEX_PRIVATE_FLAG,
                value,
                std::ptr::null::<libc::timespec>(),
            )
        };
    }
}
