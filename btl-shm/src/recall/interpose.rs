//! `fork` and its kin as the program calls them. A library that is loaded before
//! the C library exports these by [`export_fork`](crate::export_fork); what they
//! add to the C library's own functions:
//!
//! * `fork`, `forkpty`, `daemon`: forking on a private stack where the caller's lies
//!   in shared memory; the rest is done by the handlers.
//! * `_Fork`, which runs no handlers: the same steps, but without the locks of
//!   [`super::at_fork`], so that it stays usable in a signal handler. (Its child
//!   may call async-signal-safe functions only.)
//! * `__register_atfork`, by which `pthread_atfork` of every library gets to the C
//!   library: ours is registered before any other.
//!
//! `vfork`, `posix_spawn`, `system` and `popen` need nothing.

use super::fork::{
    after_in_child, after_in_parent, before, register, stack_is_shared, thread_is_shared,
};
use super::say::say;
use super::stack;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::Relaxed;

/// A function of the C library's that this one's hides.
struct Real {
    name: &'static CStr,
    found: AtomicPtr<c_void>,
}

impl Real {
    const fn new(name: &'static CStr) -> Real {
        Real {
            name,
            found: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    /// Its address; `None` if the C library has none of this name.
    fn get(&self) -> Option<*mut c_void> {
        let mut found = self.found.load(Relaxed);
        if found.is_null() {
            // SAFETY: looks a NUL-terminated name up behind this library.
            found = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr()) };
            self.found.store(found, Relaxed);
        }
        (!found.is_null()).then_some(found)
    }
}

static FORK: Real = Real::new(c"fork");
static RAW_FORK: Real = Real::new(c"_Fork");
static FORKPTY: Real = Real::new(c"forkpty");
static DAEMON: Real = Real::new(c"daemon");
static REGISTER: Real = Real::new(c"__register_atfork");

type Handler = Option<unsafe extern "C" fn()>;

/// Looks the C library's functions up, so that a fork need not: looking up is not
/// for signal handlers.
pub(super) fn find() {
    for real in [&FORK, &RAW_FORK, &FORKPTY, &DAEMON, &REGISTER] {
        real.get();
    }
}

/// `fork`.
#[must_use]
pub fn fork() -> libc::pid_t {
    let Some(real) = FORK.get() else {
        return refuse(libc::ENOSYS);
    };
    // SAFETY: the C library's function of this name and signature.
    let real: extern "C" fn() -> libc::pid_t = unsafe { std::mem::transmute(real) };
    safely(|| real())
}

/// `_Fork`.
#[must_use]
pub fn raw_fork() -> libc::pid_t {
    let Some(real) = RAW_FORK.get() else {
        return refuse(libc::ENOSYS);
    };
    // SAFETY: the C library's function of this name and signature.
    let real: extern "C" fn() -> libc::pid_t = unsafe { std::mem::transmute(real) };
    safely(|| {
        before(false);
        let pid = real();
        let why = errno();
        match pid {
            0 => after_in_child(),
            _ => after_in_parent(),
        }
        set_errno(why);
        pid
    })
}

/// `forkpty`.
///
/// # Safety
/// As for the C library's.
#[must_use]
pub unsafe fn forkpty(
    amaster: *mut c_int,
    name: *mut c_char,
    term: *const libc::termios,
    size: *const libc::winsize,
) -> libc::pid_t {
    type Forkpty = unsafe extern "C" fn(
        *mut c_int,
        *mut c_char,
        *const libc::termios,
        *const libc::winsize,
    ) -> libc::pid_t;
    let Some(real) = FORKPTY.get() else {
        return refuse(libc::ENOSYS);
    };
    // SAFETY: the C library's function of this name and signature.
    let real: Forkpty = unsafe { std::mem::transmute(real) };
    // SAFETY: the caller's arguments, as they came.
    safely(|| unsafe { real(amaster, name, term, size) })
}

/// `daemon`.
#[must_use]
pub fn daemon(nochdir: c_int, noclose: c_int) -> c_int {
    let Some(real) = DAEMON.get() else {
        return refuse(libc::ENOSYS);
    };
    // SAFETY: the C library's function of this name and signature.
    let real: extern "C" fn(c_int, c_int) -> c_int = unsafe { std::mem::transmute(real) };
    safely(|| real(nochdir, noclose))
}

/// `__register_atfork`.
///
/// # Safety
/// As for the C library's.
#[must_use]
pub unsafe fn register_atfork(
    prepare: Handler,
    parent: Handler,
    child: Handler,
    object: *mut c_void,
) -> c_int {
    // Whether ours can be registered shows again when a range is added.
    let _ = register();
    let Some(real) = REGISTER.get() else {
        return libc::ENOMEM; // what pthread_atfork may say
    };
    // SAFETY: the C library's function of this name and signature.
    let real: unsafe extern "C" fn(Handler, Handler, Handler, *mut c_void) -> c_int =
        unsafe { std::mem::transmute(real) };
    // SAFETY: the caller's arguments, as they came.
    unsafe { real(prepare, parent, child, object) }
}

/// Forks by `f`, on a private stack where that is needed. -1 and EAGAIN where it
/// cannot be done.
fn safely(mut f: impl FnMut() -> c_int) -> c_int {
    if thread_is_shared() {
        say(format_args!(
            "fork refused: this thread was given memory of the shared heap as its stack, and \
             a child cannot be separated from it; LARIAT_HEAP=0 does without that heap"
        ));
        return refuse(libc::EAGAIN);
    }
    if !stack_is_shared() {
        return f();
    }
    // Unmapping the private stack may change errno, which is the fork's.
    let forked = stack::on_private(|| {
        let value = f();
        (value, errno())
    });
    match forked {
        Some((value, why)) => {
            set_errno(why);
            value
        }
        None => refuse(libc::EAGAIN),
    }
}

fn refuse(why: c_int) -> c_int {
    set_errno(why);
    -1
}

fn errno() -> c_int {
    // SAFETY: the location is this thread's and always valid.
    unsafe { *libc::__errno_location() }
}

fn set_errno(why: c_int) {
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = why };
}

/// Exports `fork`, `__fork`, `_Fork`, `forkpty`, `daemon` and `__register_atfork`
/// from the library (or program) that calls this macro, once, outside of functions.
#[macro_export]
macro_rules! export_fork {
    () => {
        #[unsafe(no_mangle)]
        extern "C" fn fork() -> ::std::ffi::c_int {
            $crate::recall::interpose::fork()
        }

        #[unsafe(no_mangle)]
        extern "C" fn __fork() -> ::std::ffi::c_int {
            $crate::recall::interpose::fork()
        }

        #[unsafe(no_mangle)]
        extern "C" fn _Fork() -> ::std::ffi::c_int {
            $crate::recall::interpose::raw_fork()
        }

        #[unsafe(no_mangle)]
        unsafe extern "C" fn forkpty(
            amaster: *mut ::std::ffi::c_int,
            name: *mut ::std::ffi::c_char,
            term: *const $crate::recall::interpose::Termios,
            size: *const $crate::recall::interpose::Winsize,
        ) -> ::std::ffi::c_int {
            // SAFETY: the caller's arguments, as they came.
            unsafe { $crate::recall::interpose::forkpty(amaster, name, term, size) }
        }

        #[unsafe(no_mangle)]
        extern "C" fn daemon(
            nochdir: ::std::ffi::c_int,
            noclose: ::std::ffi::c_int,
        ) -> ::std::ffi::c_int {
            $crate::recall::interpose::daemon(nochdir, noclose)
        }

        #[unsafe(no_mangle)]
        unsafe extern "C" fn __register_atfork(
            prepare: ::std::option::Option<unsafe extern "C" fn()>,
            parent: ::std::option::Option<unsafe extern "C" fn()>,
            child: ::std::option::Option<unsafe extern "C" fn()>,
            object: *mut ::std::ffi::c_void,
        ) -> ::std::ffi::c_int {
            // SAFETY: the caller's arguments, as they came.
            unsafe { $crate::recall::interpose::register_atfork(prepare, parent, child, object) }
        }
    };
}

pub use libc::{termios as Termios, winsize as Winsize};
