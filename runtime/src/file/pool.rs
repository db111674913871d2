//! Threads that carry out nonblocking accesses.
//!
//! The first access starts a thread; more are started while all are busy, up to
//! [`THREADS`]. They block all signals, so that the program's handlers run in its own
//! threads. They touch neither handles nor other state of the library, which is under its
//! lock: an access has all that it needs, and is given back to the rank's own threads to
//! be dropped ([`Queue::spent`]). A forked child has none of the threads; MPI refuses it
//! every call, so that it never misses them.

use super::access::{Access, Outcome};
use crate::object::file::File;
use crate::pml;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The most threads. The kernel copies what is cached, and lets writers of one file take
/// turns, so that more gain nothing there; with a device they keep it busy.
const THREADS: usize = 4;

/// An access that a thread carries out.
#[derive(Debug)]
pub(super) struct Job {
    access: Access,
    outcome: Mutex<Option<Outcome>>,
    done: AtomicBool,
    /// [`Access::end`] was called; under the library lock.
    is_converted: AtomicBool,
}

// SAFETY: a thread reads the access, whose parts do not change while it is under way; it
// is dropped by a thread that holds the library lock (see `run`).
unsafe impl Send for Job {}
// SAFETY: as above.
unsafe impl Sync for Job {}

impl Job {
    /// Whether the access is over.
    pub(super) fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire) // pairs with the Release in `Job::end`
    }

    /// How it ended; `None` before that, and once taken. Called in the library.
    pub(super) fn take(&self) -> Option<Outcome> {
        drop(std::mem::take(&mut lock().spent));
        self.convert();
        ours(self.outcome.lock()).take()
    }

    /// Calls `f` with how it ended. Called in the library.
    pub(super) fn with<R>(&self, f: impl FnOnce(Option<&Outcome>) -> R) -> R {
        self.convert();
        f(ours(self.outcome.lock()).as_ref())
    }

    /// Converts what was read, once: here and not in a thread of the pool, since a function
    /// of the program may do it.
    fn convert(&self) {
        if !self.is_done() || self.is_converted.swap(true, Ordering::Relaxed) {
            return;
        }
        // Not locked meanwhile: the library lock is released while that function runs.
        let outcome = ours(self.outcome.lock()).take();
        // SAFETY: whoever submitted it promised that the memory is good until it is done.
        let outcome = outcome.map(|outcome| unsafe { self.access.end(outcome) });
        *ours(self.outcome.lock()) = outcome;
    }

    fn carry_out(&self) {
        // SAFETY: whoever submitted it promised that the memory is good until it is done.
        let outcome = unsafe { self.access.carry_out() };
        *ours(self.outcome.lock()) = Some(outcome);
    }

    fn end(&self) {
        self.done.store(true, Ordering::Release); // pairs with the Acquire in `is_done`
    }
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Arc<Job>>,
    /// What threads work on now.
    working: Vec<Arc<Job>>,
    /// Accesses that are over, to be dropped under the library lock.
    spent: Vec<Arc<Job>>,
    threads: usize,
    idle: usize,
}

static QUEUE: Mutex<Queue> = Mutex::new(Queue {
    waiting: VecDeque::new(),
    working: Vec::new(),
    spent: Vec::new(),
    threads: 0,
    idle: 0,
});
/// There is work.
static WORK: Condvar = Condvar::new();

/// No thread panics while it holds a lock: a panic ends the job.
fn ours<T>(locked: Result<T, PoisonError<T>>) -> T {
    locked.unwrap_or_else(PoisonError::into_inner)
}

fn lock() -> MutexGuard<'static, Queue> {
    ours(QUEUE.lock())
}

/// Has a thread carry out `access`, or does so at once if no thread can be started.
///
/// # Safety
/// The memory is good for it until it is done.
pub(super) unsafe fn submit(access: Access) -> Arc<Job> {
    let job = Arc::new(Job {
        access,
        outcome: Mutex::new(None),
        done: AtomicBool::new(false),
        is_converted: AtomicBool::new(false),
    });
    let mut queue = lock();
    let spent = std::mem::take(&mut queue.spent);
    let wanted = queue.waiting.len() >= queue.idle && queue.threads < THREADS;
    if wanted && start_thread(queue.threads) {
        queue.threads += 1;
    }
    if queue.threads == 0 {
        drop(queue);
        job.carry_out();
        job.end();
    } else {
        queue.waiting.push_back(job.clone());
        drop(queue);
        WORK.notify_one();
    }
    drop(spent);
    job
}

/// Whether it could be.
fn start_thread(number: usize) -> bool {
    let mut all = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: both sets are filled in before they are read; the new thread inherits the
    // mask, which is put back in this one.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        if libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) != 0 {
            return false;
        }
    }
    let name = format!("lariat-file-{number}");
    let started = std::thread::Builder::new().name(name).spawn(work).is_ok();
    // SAFETY: `before` was filled in above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut()) };
    started
}

/// What a thread does, for as long as the process lives.
fn work() {
    let mut queue = lock();
    loop {
        let Some(job) = queue.waiting.pop_front() else {
            queue.idle += 1;
            queue = ours(WORK.wait(queue));
            queue.idle -= 1;
            continue;
        };
        queue.working.push(job.clone());
        drop(queue);
        job.carry_out();
        queue = lock();
        let here = queue
            .working
            .iter()
            .position(|other| Arc::ptr_eq(other, &job));
        if let Some(here) = here {
            queue.working.swap_remove(here);
        }
        // Whoever sees that it is done takes the lock before it drops its share, so that
        // the last share is never this thread's.
        let end = Arc::as_ptr(&job);
        queue.spent.push(job);
        // SAFETY: `spent` has a share of it, and only changes under the lock.
        unsafe { (*end).end() };
        pml::wake_own();
    }
}

/// Waits until no access to this file is under way.
pub(super) fn drain(file: &File) {
    wait_for(|job| std::ptr::eq(&raw const *job.access.file, file));
}

/// Waits until no access is under way. Inside `MPI_Finalize`.
pub fn drain_all() {
    wait_for(|_| true);
}

fn wait_for(is: impl Fn(&Job) -> bool) {
    let is_idle = || {
        let queue = lock();
        let mut jobs = queue.waiting.iter().chain(&queue.working);
        !jobs.any(|job| is(job))
    };
    if !is_idle() {
        pml::wait(pml::WaitFor::outside, is_idle);
    }
    drop(std::mem::take(&mut lock().spent));
}
