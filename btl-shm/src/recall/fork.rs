//! The handlers around a fork. The steps and their order are
//! in [`super`].

use super::hold::{self, ForkLock, hold};
use super::say::say;
use super::{original, private, ranges};
use std::cell::UnsafeCell;
use std::ffi::{c_char, c_int};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::Ordering::{AcqRel, Relaxed};
use std::sync::atomic::{AtomicBool, AtomicPtr};

/// What a holder of locks and of state about shared memory does around a fork.
/// None of the functions may allocate, fork, or call [`hold()`] or [`super::add()`].
#[derive(Clone, Copy, Debug)]
pub struct Hooks {
    /// Before the fork: takes the locks under which another thread could be
    /// changing what the child needs whole. Not called, nor `parent` and `child`,
    /// where there is no other thread (a signal handler may have interrupted the
    /// holder of a lock, and may fork), or for `_Fork`.
    pub prepare: fn(),
    /// Before the fork, after `prepare` where that is called: makes memory private that
    /// need not stay shared, so that less is copied. Not called for `_Fork`.
    pub freeze: fn(),
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
const MOST_HOOKS: usize = 8;

/// What stays from before a fork to after it; belongs to the holder of the fork lock.
struct ForkState {
    hooks: [Option<Hooks>; MOST_HOOKS],
    lock: Option<ForkLock>,
    /// The thread's cancellation state before: reading and closing are points where a
    /// cancelled thread would end, with everything held.
    cancel: c_int,
    /// By which the child tells the parent that its memory is its own: the read end and
    /// the write end.
    pipe: Option<(RawFd, RawFd)>,
    /// Whether there was anything shared when the fork began.
    shared: bool,
    /// Whether `prepare` hooks have run.
    locked: bool,
}

struct StateCell(UnsafeCell<ForkState>);
// SAFETY: only the holder of the fork lock touches what is inside, and in a forked
// child the one thread there is, which held it.
unsafe impl Sync for StateCell {}

static STATE: StateCell = StateCell(UnsafeCell::new(ForkState {
    hooks: [None; MOST_HOOKS],
    lock: None,
    cancel: 0,
    pipe: None,
    shared: false,
    locked: false,
}));

static REGISTERED: AtomicBool = AtomicBool::new(false);
static FORKED: AtomicBool = AtomicBool::new(false);
/// glibc's word that says that a process has one thread; null before it had that.
static SINGLE: AtomicPtr<c_char> = AtomicPtr::new(std::ptr::null_mut());

/// Registers the handlers, once. The earlier the better: only handlers that the
/// program registers later run outside of ours. Fails where `pthread_atfork` has no
/// memory.
pub fn register() -> io::Result<()> {
    if REGISTERED.swap(true, AcqRel) {
        return Ok(()); // the swap pairs with itself: the first caller goes on
    }
    // SAFETY: looks a name up; the name is NUL-terminated.
    let single = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__libc_single_threaded".as_ptr()) };
    SINGLE.store(single.cast(), Relaxed); // read by forks; a null before is only slower
    original::find();
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
/// opposite order of their registration, the others in order. Fails where there are
/// 8 already, or `pthread_atfork` has no memory.
pub fn at_fork(hooks: Hooks) -> io::Result<()> {
    register()?;
    hold(|| {
        // SAFETY: `hold` holds the lock.
        let state = unsafe { &mut *STATE.0.get() };
        let free = state.hooks.iter_mut().find(|entry| entry.is_none());
        let free = free.ok_or_else(|| io::Error::from_raw_os_error(libc::ENOSPC))?;
        *free = Some(hooks);
        Ok(())
    })
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
    let lock = hold::take();
    // SAFETY: the lock is held until after the fork.
    let state = unsafe { &mut *STATE.0.get() };
    state.lock = Some(lock);
    // SAFETY: writes the old state to a field of ours.
    unsafe { pthread_setcancelstate(CANCEL_DISABLE, &raw mut state.cancel) };
    state.shared = ranges::all().next().is_some();
    if state.shared && (stack_is_shared() || thread_is_shared()) {
        say(format_args!(
            "forked on a stack in shared memory, otherwise than by fork, _Fork, forkpty or \
             daemon, or by a thread that lies in such memory; LARIAT_HEAP=0 does without it"
        ));
        // SAFETY: ends the process.
        unsafe { libc::abort() };
    }
    state.locked = locks && !single();
    if state.locked {
        for hooks in state.hooks.iter().rev().flatten() {
            (hooks.prepare)();
        }
    }
    if locks && state.shared {
        for hooks in state.hooks.iter().flatten() {
            (hooks.freeze)();
        }
    }
    // A forked child's locks want as much care when it forks again; it shares nothing.
    state.pipe = state.shared.then(pipe).and_then(Result::ok);
}

/// A pipe whose ends are no standard stream's numbers, even where such are free: what
/// another thread prints must not be taken for the child's word.
fn pipe() -> io::Result<(RawFd, RawFd)> {
    let (mut read, mut write) = io::pipe()?;
    // Clones get numbers from 3 on.
    if read.as_raw_fd() < 3 {
        read = read.try_clone()?;
    }
    if write.as_raw_fd() < 3 {
        write = write.try_clone()?;
    }
    Ok((read.into_raw_fd(), write.into_raw_fd()))
}

/// This process's ends of the pipe. The state itself stays as it is: where the program's
/// static data are shared, the child has not got its own copy of it yet.
fn ends(state: &ForkState) -> Option<(PipeReader, PipeWriter)> {
    // SAFETY: made by `pipe`; each process asks for its own descriptors once.
    let own = |end| unsafe { OwnedFd::from_raw_fd(end) };
    let (read, write) = state.pipe?;
    Some((own(read).into(), own(write).into()))
}

/// In the parent, or where the kernel refused to fork: waits until the child is on
/// its own, or dead.
pub(super) fn after_in_parent() {
    // SAFETY: `before` took the lock, in this thread.
    let state = unsafe { &mut *STATE.0.get() };
    if let Some((mut read, write)) = ends(state) {
        drop(write);
        let _ = read.read_exact(&mut [0]); // the byte, or the end of the pipe
    }
    if state.locked {
        for hooks in state.hooks.iter().flatten() {
            (hooks.parent)();
        }
    }
    leave(state);
}

/// In the child: private memory, then a word to the parent, then locks and signals.
pub(super) fn after_in_child() {
    // SAFETY: the thread that forked held the lock, and is the only one here.
    let state = unsafe { &mut *STATE.0.get() };
    if state.shared {
        let Some((_read, mut write)) = ends(state) else {
            give_up(format_args!(
                "no descriptors left for a pipe (RLIMIT_NOFILE)"
            ));
        };
        if let Err(why) = private::make_private() {
            give_up(format_args!("{why}"));
        }
        // The read end is open here too, so that this cannot be SIGPIPE. A parent
        // that is dead does not read it.
        let _ = write.write(b"p");
        drop(write);
        close_files();
        ranges::clear();
        for hooks in state.hooks.iter().flatten() {
            (hooks.private)();
        }
    }
    if state.locked {
        for hooks in state.hooks.iter().flatten() {
            (hooks.child)();
        }
    }
    FORKED.store(true, Relaxed);
    leave(state);
}

/// The end of both: releases everything.
fn leave(state: &mut ForkState) {
    let (lock, cancel) = (state.lock.take(), state.cancel);
    // SAFETY: the state that `before` found; the old one is of no interest.
    unsafe { pthread_setcancelstate(cancel, std::ptr::null_mut()) };
    drop(lock);
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
            // SAFETY: given to `super::add`, and of no use to a child.
            unsafe { libc::close(range.fd) };
        }
    }
}

fn single() -> bool {
    let word = SINGLE.load(Relaxed);
    // SAFETY: not null, so it is the C library's variable, which it may write.
    !word.is_null() && unsafe { word.read_volatile() } != 0
}
