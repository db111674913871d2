//! The guard: memory of a peer that is not there is an error, not a death.
//!
//! A peer may unmap, truncate or leave at any time, and a touch of what it took
//! with it raises SIGBUS or SIGSEGV here. The handler takes a fault for ours if
//! and only if the instruction is one of the copy kernels' ([`crate::copy`]) *and*
//! the address lies in a registered range; it then lets the kernel return with a
//! [`Fault`]. Every other fault is the program's and goes where it would have
//! gone without us:
//!
//! * The handler runs with the mask and the flags of the action that it took the
//!   place of, so that this one, called from it, finds what it asked for.
//! * A default action is put back and meets the fault again (or the signal, if it
//!   was sent) when the handler returns: the process dies of the right signal.
//!
//! A program may set a handler after us. [`register`] looks, and takes its place
//! as it did its predecessor's. Such a handler may pass faults on to the one that
//! it found, which is ours: a call that does not come from the kernel goes to the
//! action from before the first installation.
//!
//! Whoever attaches memory of a peer registers it; the handler reads the table
//! while others change it, takes no lock and allocates nothing. After a fork the
//! child has table and handler, and since it has no attachments that it may touch,
//! neither does anything. exec resets handlers.

pub(crate) mod error;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod handler;
mod table;

pub use error::Fault;
pub use table::Range;

use std::ffi::{c_int, c_void};
use std::io;

/// Says that the `len` bytes from `start` on are memory of `peer`'s, there at
/// `peer_start`, that may go away at any time, and sees to it that the guard is
/// in place. Dropping the [`Range`] takes that back.
pub fn register(start: *const u8, len: usize, peer: u32, peer_start: u64) -> io::Result<Range> {
    ensure_installed()?;
    table::add(start, len, peer, peer_start)
}

/// Whether the program has a handler of its own for accesses to memory that is not there
/// or is protected. (A runtime's counts as well: it has its say before the process dies.)
pub fn is_handled() -> bool {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    let action = handler::of_program(libc::SIGSEGV);
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let action = {
        // SAFETY: all zeroes are an action; sigaction only fills it.
        let mut now: libc::sigaction = unsafe { std::mem::zeroed() };
        // SAFETY: as above.
        unsafe { libc::sigaction(libc::SIGSEGV, std::ptr::null(), &raw mut now) };
        now.sa_sigaction
    };
    !matches!(action, libc::SIG_DFL | libc::SIG_IGN)
}

/// Has `f` called when a signal of an access to memory is about to end the process, with
/// what its handler was given. It runs in the handler.
pub fn on_death(f: LastWords) {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    handler::set_last_words(f);
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = f;
}

/// Has the handlers run on the signal stack of a thread, where it has one, also where the
/// program handles nothing: a stack that is full has no room for a handler. Without this
/// call they stay on the thread's own stack, since the signal stack of a program that
/// handles nothing may be too small. It counts for handlers that are installed later.
pub fn use_signal_stack() {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    handler::use_signal_stack();
}

/// What is called before a signal ends the process: with the arguments of its handler.
pub type LastWords = fn(c_int, *mut libc::siginfo_t, *mut c_void);

/// Puts the handlers in front of those of the program, and unblocks both signals
/// in the calling thread: a fault in a thread that blocks them would end the
/// process whatever the handler. To be called at start, and by every thread
/// that may have been started with all signals blocked.
pub fn ensure_installed() -> io::Result<()> {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    handler::install()?;
    Ok(())
}
