//! The handlers around a fork, and the fork lock. The steps and their order are
//! in [`super`].

use super::lock::Lock;
use super::private;
use super::ranges;
use super::say::say;
use std::cell::UnsafeCell;
use std::ffi::{c_char, c_int};
use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::Ordering::{AcqRel, Relaxed};
use std::sync::atomic::{AtomicBool, AtomicPtr};

/// What a holder of locks and of state about shared memory does around a fork.
/// None of the functions may allocate, fork, or call [`hold`] or [`ranges::add`].
#[derive(Clone, Copy, Debug)]
pub struct Hooks {
    /// Before the fork: takes the locks under which another thread could be
    /// changing what the child needs whole. Not called, nor `parent` and `child`,
    /// where there is no other thread (a signal handler may have interrupted the
    /// holder of a lock, and may fork), or for `_Fork`.
    pub prepare: fn(),
    /// In the parent: lets the locks go.
    pub parent: fn(),
    /// In the child: lets the locks go.
    pub child: fn(),
    /// In the child, always, and before `child`: its memory is private from now on.
    pub private: fn(),
}

/// `PTHREAD_CANCEL_DISABLE`, of glibc and musl.
const CANCEL_DISABLE: c_int = 1;

unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
}

/// Hooks that can be registered.
const MOST: usize = 8;

/// What stays from before a fork to after it; belongs to the holder of [`LOCK`].
struct Around {
    hooks: [Option<Hooks>; MOST],
    mask: libc::sigset_t,
    /// The thread's cancellation state before: reading and closing are points where a
    /// cancelled thread would end, with everything held.
    cancel: c_int,
    /// Read end and write end; -1: there is no pipe.
    pipe: [RawFd; 2],
    /// Whether there was anything shared when the fork began.
    shared: bool,
    /// Whether `prepare` hooks have run.
    locked: bool,
}

struct Cell(UnsafeCell<Around>);
// SAFETY: only the holder of `LOCK` touches what is inside, and in a forked child
// the one thread there is, which held it.
unsafe impl Sync for Cell {}

static AROUND: Cell = Cell(UnsafeCell::new(Around {
    hooks: [None; MOST],
    // SAFETY: a signal set is plain bits, and all of them 0 is the empty set.
    mask: unsafe { std::mem::zeroed() },
    cancel: 0,
    pipe: [-1; 2],
    shared: false,
    locked: false,
}));

/// The fork lock: one fork, or one change of the registered ranges, at a time.
static LOCK: Lock = Lock::new();
static REGISTERED: AtomicBool = AtomicBool::new(false);
static FORKED: AtomicBool = AtomicBool::new(false);
/// glibc's word that says that a process has one thread; null before it had that.
static SINGLE: AtomicPtr<c_char> = AtomicPtr::new(std::ptr::null_mut());

/// Registers the handlers, once. The earlier the better: only handlers that the
/// program registers later run outside of ours.
///
/// # Errors
/// `pthread_atfork` had no memory.
pub fn register() -> io::Result<()> {
    if REGISTERED.swap(true, AcqRel) {
        return Ok(()); // the swap pairs with itself: the first caller goes on
    }
    // SAFETY: looks a name up; the name is NUL-terminated.
    let single = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__libc_single_threaded".as_ptr()) };
    SINGLE.store(single.cast(), Relaxed); // read by forks; a null before is only slower
    super::interpose::find();
    // SAFETY: the three are functions of this library, which is never unloaded
    // before the process ends (or takes its handlers with it).
    match unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) } {
        0 => Ok(()),
        errno => {
            REGISTERED.store(false, Relaxed);
            Err(io::Error::from_raw_os_error(errno))
        }
    }
}

/// Has `hooks` called around every fork from now on: `prepare` functions in the
/// opposite order of their registration, the others in order.
///
/// # Errors
/// There are 8 already, or `pthread_atfork` had no memory.
pub fn at_fork(hooks: Hooks) -> io::Result<()> {
    register()?;
    hold(|| {
        // SAFETY: `hold` holds the lock.
        let around = unsafe { &mut *AROUND.0.get() };
        let free = around.hooks.iter_mut().find(|entry| entry.is_none());
        let free = free.ok_or_else(|| io::Error::from_raw_os_error(libc::ENOSPC))?;
        *free = Some(hooks);
        Ok(())
    })
}

/// Runs `f` while no fork of this process is in progress: what `f` maps and
/// registers is seen by a fork as a whole or not at all. `f` must not fork, nor
/// call [`ranges::add`], which takes the same lock.
pub fn hold<T>(f: impl FnOnce() -> T) -> T {
    let mask = block_signals();
    LOCK.take();
    let value = f();
    LOCK.give();
    restore_signals(&mask);
    value
}

/// Whether this process was forked by one that had registered the handlers, and so
/// is no rank, whatever its parent was.
pub fn forked() -> bool {
    FORKED.load(Relaxed)
}

extern "C" fn prepare() {
    before(true);
}

extern "C" fn parent() {
    after_in_parent();
}

extern "C" fn child() {
    after_in_child();
}

/// Before the kernel forks. `locks`: whether hooks take theirs.
pub(super) fn before(locks: bool) {
    let mask = block_signals();
    LOCK.take();
    // SAFETY: the lock is held until after the fork.
    let around = unsafe { &mut *AROUND.0.get() };
    around.mask = mask;
    // SAFETY: writes the old state to a field of ours.
    unsafe { pthread_setcancelstate(CANCEL_DISABLE, &raw mut around.cancel) };
    around.shared = ranges::all().next().is_some();
    if around.shared && (stack_is_shared() || thread_is_shared()) {
        say(format_args!(
            "forked on a stack in shared memory, otherwise than by fork, _Fork, forkpty or \
             daemon, or by a thread that lies in such memory; LARIAT_HEAP=0 does without it"
        ));
        // SAFETY: ends the process.
        unsafe { libc::abort() };
    }
    around.locked = locks && !single();
    if around.locked {
        for hooks in around.hooks.iter().rev().flatten() {
            (hooks.prepare)();
        }
    }
    // A forked child's locks want as much care when it forks again; it shares nothing.
    if !around.shared {
        return;
    }
    around.pipe = pipe();
}

/// A pipe whose ends are no standard stream's numbers, even where such are free: what
/// another thread prints must not be taken for the child's word. -1: there is none.
fn pipe() -> [RawFd; 2] {
    let mut pipe = [-1; 2];
    // SAFETY: pipe2 fills an array of two.
    if unsafe { libc::pipe2(pipe.as_mut_ptr(), libc::O_CLOEXEC) } < 0 {
        return [-1; 2];
    }
    for end in &mut pipe {
        if (0..3).contains(end) {
            // SAFETY: fcntl only reads the descriptor table.
            let moved = unsafe { libc::fcntl(*end, libc::F_DUPFD_CLOEXEC, 3) };
            close(*end);
            *end = moved;
        }
    }
    if pipe.contains(&-1) {
        pipe.into_iter().for_each(close);
        return [-1; 2];
    }
    pipe
}

/// In the parent, or where the kernel refused to fork: waits until the child is on
/// its own, or dead.
pub(super) fn after_in_parent() {
    // SAFETY: `before` took the lock, in this thread.
    let around = unsafe { &mut *AROUND.0.get() };
    if around.shared {
        let [read, write] = around.pipe;
        close(write);
        let mut byte = 0u8;
        // SAFETY: reads one byte into a local; a pipe end of -1 is EBADF.
        while unsafe { libc::read(read, (&raw mut byte).cast(), 1) } < 0
            && io::Error::last_os_error().raw_os_error() == Some(libc::EINTR)
        {}
        close(read);
    }
    if around.locked {
        for hooks in around.hooks.iter().flatten() {
            (hooks.parent)();
        }
    }
    leave(around);
}

/// In the child: private memory, then a word to the parent, then locks and signals.
pub(super) fn after_in_child() {
    // SAFETY: the thread that forked held the lock, and is the only one here.
    let around = unsafe { &mut *AROUND.0.get() };
    if around.shared {
        let [read, write] = around.pipe;
        if write < 0 {
            give_up(format_args!(
                "no descriptors left for a pipe (RLIMIT_NOFILE)"
            ));
        }
        if let Err(why) = private::make_private() {
            give_up(format_args!("{why}"));
        }
        // The read end is open here too, so that this cannot be SIGPIPE. A parent
        // that is dead does not read it.
        // SAFETY: writes one byte of a literal.
        unsafe { libc::write(write, b"p".as_ptr().cast(), 1) };
        close(write);
        close(read);
        close_files();
        ranges::clear();
        for hooks in around.hooks.iter().flatten() {
            (hooks.private)();
        }
    }
    if around.locked {
        for hooks in around.hooks.iter().flatten() {
            (hooks.child)();
        }
    }
    FORKED.store(true, Relaxed);
    leave(around);
}

/// The end of both: lets go of everything.
fn leave(around: &Around) {
    let (mask, cancel) = (around.mask, around.cancel);
    LOCK.give();
    // SAFETY: the state that `before` found; the old one is of no interest.
    unsafe { pthread_setcancelstate(cancel, std::ptr::null_mut()) };
    restore_signals(&mask);
}

/// Whether the caller's stack lies in a shared range.
pub(super) fn stack_is_shared() -> bool {
    let here = 0u8;
    ranges::holds((&raw const here).addr())
}

/// Whether the C library's data of this thread lie in a shared range: those of a
/// thread that was given memory of the heap as its stack.
pub(super) fn thread_is_shared() -> bool {
    // SAFETY: the location is this thread's and always valid.
    ranges::holds(unsafe { libc::__errno_location() }.addr())
}

/// Ends a child that would else go on in its parent's memory.
fn give_up(why: std::fmt::Arguments<'_>) -> ! {
    say(format_args!(
        "this forked child cannot have its own copy of the shared memory and ends: {why}"
    ));
    // SAFETY: ends the process, without running anything of the program.
    unsafe { libc::_exit(71) } // EX_OSERR
}

/// Closes the files behind the ranges: a child keeps no page of them alive.
fn close_files() {
    for (i, range) in ranges::all().enumerate() {
        let first = ranges::all().take(i).all(|other| other.fd != range.fd);
        // What the program has under that number now is the program's.
        if first && ranges::file_of(range.fd).ok() == Some(range.file) {
            close(range.fd);
        }
    }
}

fn close(fd: RawFd) {
    if fd >= 0 {
        // SAFETY: the descriptor is a pipe end of this module's, or one that was
        // given to `ranges::add` and that a child has no use for.
        unsafe { libc::close(fd) };
    }
}

fn single() -> bool {
    let word = SINGLE.load(Relaxed);
    // SAFETY: not null, so it is the C library's variable, which it may write.
    !word.is_null() && unsafe { word.read_volatile() } != 0
}

fn block_signals() -> libc::sigset_t {
    // SAFETY: a signal set is plain bits.
    let (mut all, mut old): (libc::sigset_t, libc::sigset_t) = unsafe { std::mem::zeroed() };
    // SAFETY: both are locals; blocking signals cannot fail with valid arguments.
    unsafe {
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut old);
    }
    old
}

fn restore_signals(mask: &libc::sigset_t) {
    // SAFETY: the set that `block_signals` returned.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, mask, std::ptr::null_mut()) };
}
