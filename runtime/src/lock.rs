//! The library lock, and state that is reached under it.
//!
//! With `MPI_THREAD_MULTIPLE` every call into the library holds one lock; with
//! the lower levels the program itself promises that calls do not overlap, and
//! the lock costs one predictable branch. A blocking call gives the lock up
//! between two rounds of progress ([`released`]), and so does every call of a
//! user's function (operations, attribute copies, error handlers), which may
//! call MPI again.

use crossbeam::utils::{Backoff, CachePadded};
use std::cell::{Cell, UnsafeCell};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

static MULTIPLE: AtomicBool = AtomicBool::new(false);
static LOCK: RawLock = RawLock::new();

/// Says that calls may overlap from now on. Called once, inside `MPI_Init`.
pub fn enable_multiple() {
    tsan::find();
    MULTIPLE.store(true, Ordering::Relaxed);
}

/// Whether calls may overlap.
#[inline]
#[must_use]
pub fn is_multiple() -> bool {
    MULTIPLE.load(Ordering::Relaxed)
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
    LOCK.unlock();
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
}

/// Yields of a thread that waits for the lock, before it naps.
const YIELDS: u32 = 4000;
/// The length of a nap.
const NAP: Duration = Duration::from_micros(50);

/// A fair lock: a thread that waits gets its turn (tickets), however often the
/// holder, who polls for progress, comes back for it.
#[derive(Debug)]
struct RawLock {
    /// The next ticket, and the ticket being served: apart, since those who wait
    /// read the one all the time while those who come write the other.
    next: CachePadded<AtomicU64>,
    serving: CachePadded<AtomicU64>,
}

impl RawLock {
    const fn new() -> RawLock {
        RawLock {
            next: CachePadded::new(AtomicU64::new(0)),
            serving: CachePadded::new(AtomicU64::new(0)),
        }
    }

    #[inline]
    fn lock(&self) {
        let mine = self.next.fetch_add(1, Ordering::Relaxed);
        // pairs with the Release in `unlock`
        if self.serving.load(Ordering::Acquire) != mine {
            self.wait(mine);
        }
        tsan::ACQUIRE.tell(self);
    }

    #[cold]
    fn wait(&self, mine: u64) {
        let backoff = Backoff::new();
        let mut yields = 0u32;
        // pairs with the Release in `unlock`
        while self.serving.load(Ordering::Acquire) != mine {
            if !backoff.is_completed() {
                backoff.snooze();
            } else if yields < YIELDS {
                yields += 1;
                std::thread::yield_now();
            } else {
                std::thread::sleep(NAP);
            }
        }
    }

    fn unlock(&self) {
        tsan::RELEASE.tell(self);
        self.serving.fetch_add(1, Ordering::Release); // pairs with the Acquire in `lock`
    }
}
