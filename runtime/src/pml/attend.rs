//! A thread that makes progress for others while the rank is not in MPI: with windows over
//! several hosts, whose targets carry out what others have asked them for by messages. It
//! runs in a process that has such a window, and in no other.
//!
//! It waits for the network's descriptor, takes the library lock, receives what has come and
//! serves it. It neither moves collectives nor calls anything of the program's. While the rank
//! is in a call it leaves progress to that, and looks now and then.

use crate::lock;
use crate::pml::engine::{self, with_engine};
use crate::pml::progress::round;
use crate::pml::transport::Inbox;
use crate::pml::waiter::tell_threads;
use crate::trace;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// What serves others; whether it did anything.
type Serve = fn() -> bool;

/// Pauses while the rank is in a call: the first, and the longest. The longest is also that of
/// a wait for the network: a rank of this host that lets go of a lock wakes nobody here.
const FIRST: Duration = Duration::from_micros(200);
const LONGEST: Duration = Duration::from_millis(5);
/// Rounds in a row, before the lock is given up.
const ROUNDS: u32 = 64;
/// The longest wait for the thread when the process ends or forks.
const PATIENCE: Duration = Duration::from_millis(100);

/// Whether there is something to attend to.
static WANTED: AtomicBool = AtomicBool::new(false);
/// The process ends, or forks.
static HELD: AtomicBool = AtomicBool::new(false);
/// Whether the thread is at work, or waits for the library lock.
static BUSY: AtomicBool = AtomicBool::new(false);
static THREAD: OnceLock<Option<Thread>> = OnceLock::new();

/// Has `serve` called while the program is not in MPI, until [`end`]. The last thing that a
/// call does: from then on calls may overlap with the thread, and take the library lock, which
/// this one does not hold. Where no thread can be had, only calls serve.
pub fn begin(serve: Serve) {
    WANTED.store(true, Ordering::Relaxed);
    let thread = THREAD.get_or_init(|| start(serve));
    if let Some(thread) = thread {
        lock::enable_multiple();
        thread.unpark();
    }
}

/// Ends that. Calls go on taking the lock.
pub fn end() {
    WANTED.store(false, Ordering::Relaxed);
}

fn start(serve: Serve) -> Option<Thread> {
    // SAFETY: functions without arguments, for the end of the process and for forks: a child
    // must not have a lock that a thread has which is not there.
    let known = unsafe {
        libc::atexit(hold) == 0 && libc::pthread_atfork(Some(hold), Some(let_go), None) == 0
    };
    if !known {
        return None;
    }
    without_signals(|| {
        let thread = thread::Builder::new().name(wireup::nodes::THREAD.to_owned());
        let started = thread.spawn(move || attend(serve));
        started.ok().map(|handle| handle.thread().clone())
    })
}

/// Runs `f`, which starts a thread, with all signals blocked: they are the program's.
fn without_signals<R>(f: impl FnOnce() -> R) -> R {
    let mut old = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    let mut all = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: both calls fill what they are given.
    let old = unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), old.as_mut_ptr());
        old.assume_init()
    };
    let result = f();
    // SAFETY: the set that the thread had before.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const old, std::ptr::null_mut()) };
    result
}

/// Waits until the thread is not at work, and holds it.
extern "C" fn hold() {
    // pairs with the SeqCst in `look`: either the thread sees this, or this sees it at work
    HELD.store(true, Ordering::SeqCst);
    let began = Instant::now();
    while BUSY.load(Ordering::SeqCst) && began.elapsed() < PATIENCE {
        thread::sleep(Duration::from_micros(50));
    }
}

extern "C" fn let_go() {
    HELD.store(false, Ordering::Relaxed);
}

/// What is to be done next.
enum Next {
    /// There may be more to do.
    Again,
    /// To wait for this descriptor.
    Wait(libc::c_int),
    /// To wait for a moment.
    Pause,
}

fn attend(serve: Serve) {
    let mut pause = FIRST;
    loop {
        if !WANTED.load(Ordering::Relaxed) {
            thread::park();
            continue;
        }
        if trace::current().is_some() && pause < LONGEST {
            thread::sleep(pause);
            pause *= 2;
            continue;
        }
        pause = FIRST;
        match look(serve) {
            Next::Again => thread::yield_now(),
            Next::Pause => thread::sleep(FIRST),
            Next::Wait(fd) => {
                let mut fd = libc::pollfd {
                    fd,
                    events: libc::POLLIN,
                    revents: 0,
                };
                let most = libc::c_int::try_from(LONGEST.as_millis()).unwrap_or(1);
                // SAFETY: one descriptor in a local; whatever ends the wait, it looks again.
                unsafe { libc::poll(&raw mut fd, 1, most) };
            }
        }
    }
}

fn look(serve: Serve) -> Next {
    BUSY.store(true, Ordering::SeqCst); // pairs with the SeqCst in `hold`
    let next = match HELD.load(Ordering::SeqCst) {
        true => Next::Pause,
        false => {
            let _inside = lock::enter();
            rounds(serve)
        }
    };
    BUSY.store(false, Ordering::SeqCst); // as above
    next
}

fn rounds(serve: Serve) -> Next {
    if !engine::is_running() {
        end(); // MPI is finalized
        return Next::Pause;
    }
    for _ in 0..ROUNDS {
        let moved = with_engine(|engine| {
            engine.inbox.look_afar();
            round(engine)
        });
        if !(moved | serve()) {
            let quiet = with_engine(|engine| engine.inbox.quiet_afar());
            return quiet.map_or(Next::Pause, Next::Wait);
        }
        tell_threads();
    }
    Next::Again
}
