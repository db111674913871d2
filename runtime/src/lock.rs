//! The library lock, and state that is reached under it.
//!
//! With `MPI_THREAD_MULTIPLE` every call into the library holds one lock; with
//! the lower levels the program itself promises that calls do not overlap, and
//! the lock costs one predictable branch. A blocking call gives the lock up
//! between two rounds of progress ([`pause`]), and so does every call of a
//! user's function (operations, attribute copies, error handlers), which may
//! call MPI again ([`released`]).

use crossbeam::utils::CachePadded;
use std::cell::{Cell, UnsafeCell};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

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

/// Runs `f` (a user's function, or a system call that takes long) with the lock given
/// up, and takes it again. No [`Local`] may be borrowed across this.
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

/// As [`released`], for a moment of waiting: if threads sleep on the lock, `f` is run once
/// one of them has had its turn.
#[inline]
pub fn pause<R>(f: impl FnOnce() -> R) -> R {
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
}

/// Looks of a thread that waits for the lock, before it sleeps.
const SPINS: u32 = 100;
/// Yields of a thread that gives the lock up while it waits for something, until one of
/// those who sleep has had it.
const YIELDS: u32 = 20;
/// A thread that has waited so long joins the queue.
const PATIENCE: Duration = Duration::from_millis(1);

const FREE: u32 = 0;
const TAKEN: u32 = 1;
/// Taken, and somebody may sleep or stand in the queue.
const WANTED: u32 = 2;

/// A lock that whoever runs may take: with more threads than processors, one whose turn it
/// is may not run for a long time. So that those who poll for progress, and come back for
/// the lock all the time, leave it to others, they give it up by [`RawLock::give_way`].
///
/// A thread that has found it taken for [`PATIENCE`] joins a queue. While anybody is in the
/// queue, the lock is not freed but handed to the first of them: it stays [`WANTED`], and
/// `served` counts on.
#[derive(Debug)]
struct RawLock {
    /// Apart from `turns`, which those who give way look at.
    state: CachePadded<AtomicU32>,
    /// How often the lock was taken.
    turns: CachePadded<AtomicU64>,
    /// Threads that have joined the queue so far.
    joined: AtomicU32,
    /// Those of them that were handed the lock. Changed by its holder alone.
    served: AtomicU32,
}

impl RawLock {
    const fn new() -> RawLock {
        RawLock {
            state: CachePadded::new(AtomicU32::new(FREE)),
            turns: CachePadded::new(AtomicU64::new(0)),
            joined: AtomicU32::new(0),
            served: AtomicU32::new(0),
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
        // pairs with the Release in `unlock` and `unlock_wanted`
        let taken = self
            .state
            .compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed);
        taken.is_ok()
    }

    /// Takes the lock if it is free; else its holder has to look for others when it
    /// unlocks.
    fn want(&self) -> bool {
        // pairs with the Release in `unlock` and `unlock_wanted`, and for what is in the queue with
        // the Acquire of `unlock`
        self.state.swap(WANTED, Ordering::AcqRel) == FREE
    }

    #[cold]
    fn wait(&self) {
        for _ in 0..SPINS {
            std::hint::spin_loop();
            if self.state.load(Ordering::Relaxed) == FREE && self.try_lock() {
                return;
            }
        }
        let since = Instant::now();
        while !self.want() {
            let left = PATIENCE.saturating_sub(since.elapsed());
            if left.is_zero() {
                return self.wait_in_queue();
            }
            sleep(&self.state, WANTED, Some(left));
        }
    }

    fn wait_in_queue(&self) {
        let before = self.joined.fetch_add(1, Ordering::Relaxed); // published by `want`
        if self.want() {
            self.unlock(); // to the first in the queue, who may be this thread
        }
        loop {
            // pairs with the Release in `hand_over`
            let served = self.served.load(Ordering::Acquire);
            if served.wrapping_sub(before).cast_signed() > 0 {
                return; // handed over
            }
            sleep(&self.served, served, None);
        }
    }

    /// Whether somebody was woken.
    #[inline]
    fn unlock(&self) -> bool {
        tsan::RELEASE.tell(self);
        // pairs with the Acquire in `try_lock` and `want`; on failure with the Release there
        let freed = self
            .state
            .compare_exchange(TAKEN, FREE, Ordering::Release, Ordering::Acquire);
        if freed.is_err() {
            self.unlock_wanted();
        }
        freed.is_err()
    }

    #[cold]
    fn unlock_wanted(&self) {
        loop {
            if self.has_queue() {
                return self.hand_over();
            }
            // pairs with the Acquire in `try_lock`, and with `want`
            self.state.swap(FREE, Ordering::AcqRel);
            wake(&self.state, 1);
            // Somebody may have joined the queue, and called `want`, just before the swap:
            // then nobody knows of it but this thread.
            if !self.has_queue() || !self.want() {
                return;
            }
        }
    }

    /// Whether somebody is in the queue.
    fn has_queue(&self) -> bool {
        self.joined.load(Ordering::Relaxed) != self.served.load(Ordering::Relaxed)
    }

    /// Makes the first in the queue the holder.
    fn hand_over(&self) {
        let served = self.served.load(Ordering::Relaxed).wrapping_add(1);
        // pairs with the Acquire in `wait_in_queue`
        self.served.store(served, Ordering::Release);
        wake(&self.served, i32::MAX);
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
}

/// Sleeps on a word while it is `value`, at most as long as it says. Whatever ends it, the
/// caller looks again.
#[cold]
fn sleep(word: &AtomicU32, value: u32, most: Option<Duration>) {
    let most = most.map(|most| libc::timespec {
        tv_sec: 0, // less than `PATIENCE`
        tv_nsec: most.subsec_nanos().into(),
    });
    let most = most.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: a word of this process's own, and a timespec that lives through the call.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
            value,
            most,
        )
    };
}

/// Wakes threads that sleep on a word.
#[cold]
fn wake(word: &AtomicU32, threads: i32) {
    // SAFETY: the word's address is only a name here.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
            threads,
        )
    };
}
