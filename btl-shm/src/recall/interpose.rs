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
pub use super::original::Handler;
use super::original::{DAEMON, FORK, FORKPTY, Original, RAW_FORK, REGISTER};
use super::say::say;
use super::stack;
use nix::errno::Errno;
use std::ffi::{c_char, c_int, c_void};

/// `fork`.
#[must_use]
pub fn fork() -> libc::pid_t {
    safely(&FORK, |original| original())
}

/// `_Fork`.
#[must_use]
pub fn raw_fork() -> libc::pid_t {
    safely(&RAW_FORK, |original| {
        before(false);
        let pid = original();
        let why = Errno::last_raw();
        match pid {
            0 => after_in_child(),
            _ => after_in_parent(),
        }
        Errno::set_raw(why);
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
    // SAFETY: the caller's arguments, as they came.
    safely(&FORKPTY, |original| unsafe {
        original(amaster, name, term, size)
    })
}

/// `daemon`.
#[must_use]
pub fn daemon(nochdir: c_int, noclose: c_int) -> c_int {
    safely(&DAEMON, |original| original(nochdir, noclose))
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
    match REGISTER.get() {
        // SAFETY: the caller's arguments, as they came.
        Some(original) => unsafe { original(prepare, parent, child, object) },
        None => libc::ENOMEM, // what pthread_atfork may say
    }
}

/// Forks by `call`, on a private stack where that is needed. -1 and `errno` where it
/// cannot be done.
fn safely<F: Copy>(original: &Original<F>, call: impl Fn(F) -> c_int) -> c_int {
    let Some(original) = original.get() else {
        return refuse(Errno::ENOSYS);
    };
    if thread_is_shared() {
        say(format_args!(
            "fork refused: this thread was given memory of the shared heap as its stack, and \
             a child cannot be separated from it; LARIAT_HEAP=0 does without that heap"
        ));
        return refuse(Errno::EAGAIN);
    }
    if !stack_is_shared() {
        return call(original);
    }
    // Unmapping the private stack may change errno, which is the fork's.
    let forked = stack::on_private(|| (call(original), Errno::last()));
    let Some((value, why)) = forked else {
        return refuse(Errno::EAGAIN);
    };
    why.set();
    value
}

fn refuse(why: Errno) -> c_int {
    why.set();
    -1
}

/// Exports `fork`, `__fork`, `_Fork`, `forkpty`, `daemon` and `__register_atfork`
/// from the library (or program) that calls this macro, once, outside of functions.
#[macro_export]
macro_rules! export_fork {
    () => {
        $crate::export_fork! {
            fork => fork();
            __fork => fork();
            _Fork => raw_fork();
            daemon => daemon(nochdir: ::std::ffi::c_int, noclose: ::std::ffi::c_int);
            forkpty => forkpty(
                amaster: *mut ::std::ffi::c_int,
                name: *mut ::std::ffi::c_char,
                term: *const $crate::recall::interpose::Termios,
                size: *const $crate::recall::interpose::Winsize
            );
            __register_atfork => register_atfork(
                prepare: $crate::recall::interpose::Handler,
                parent: $crate::recall::interpose::Handler,
                child: $crate::recall::interpose::Handler,
                object: *mut ::std::ffi::c_void
            );
        }
    };
    ($($name:ident => $function:ident($($argument:ident: $type:ty),*);)*) => {
        $(
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $name($($argument: $type),*) -> ::std::ffi::c_int {
                #[allow(unused_unsafe, reason = "some of the functions are safe")]
                // SAFETY: the caller's arguments, as they came.
                unsafe {
                    $crate::recall::interpose::$function($($argument),*)
                }
            }
        )*
    };
}

pub use libc::{termios as Termios, winsize as Winsize};
