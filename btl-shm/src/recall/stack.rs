//! Running a function on a private stack.
//!
//! A thread that forks while its stack lies in shared memory (a coroutine's stack
//! from `malloc`, a signal stack) would, from the kernel's fork until the child has
//! its own copy, share that stack with its child: each would overwrite the other's
//! return addresses and locals. So it forks on a stack that the fork copies, and
//! goes back to the old one afterwards, in both processes.

use crate::region::sys;
use std::ffi::c_void;
use std::ptr::with_exposed_provenance_mut;

/// Bytes of such a stack: handlers around fork run on it, the program's too.
const SIZE: usize = 1 << 20;

/// Whether this processor's way of changing stacks is known.
const KNOWN: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));

/// Runs `f` on a fresh private stack and gives its result; `None`, without running
/// it, where there is no memory for one, or where [`KNOWN`] is false.
pub fn on_private<T, F: FnMut() -> T>(f: F) -> Option<T> {
    if !KNOWN {
        return None;
    }
    // By `sys`: the C function may be a hook that gives shared memory.
    let base = sys::map_private(SIZE, sys::RW, libc::MAP_NORESERVE | libc::MAP_STACK).ok()?;
    // The lowest page is a guard; a stack without one is better than none.
    // SAFETY: a page of the fresh mapping, which nothing uses.
    let _ = unsafe { sys::mprotect(base, sys::page(), libc::PROT_NONE) };
    let mut call = Call { f, value: None };
    let top = with_exposed_provenance_mut(base + SIZE);
    // SAFETY: `top` is the end of a mapping that is free for it and aligned to a
    // page; `run` gets the argument that it casts back.
    unsafe { switch((&raw mut call).cast(), run::<T, F>, top) };
    // SAFETY: nothing runs on it any more. After a fork each process unmaps its own.
    // Failing, it would stay mapped and do no harm.
    let _ = unsafe { sys::munmap(base, SIZE) };
    call.value
}

struct Call<T, F> {
    f: F,
    value: Option<T>,
}

extern "C" fn run<T, F: FnMut() -> T>(call: *mut c_void) {
    // SAFETY: `on_private` passes its own `Call`, and waits.
    let call = unsafe { &mut *call.cast::<Call<T, F>>() };
    call.value = Some((call.f)());
}

/// Calls `f(argument)` with the stack pointer at `top`.
///
/// # Safety
/// Below `top`, which is aligned to 16 bytes, is memory for a stack. `f` does not
/// unwind.
unsafe fn switch(argument: *mut c_void, f: extern "C" fn(*mut c_void), top: *mut c_void) {
    // SAFETY: r12 and x20 belong to the callee of a call, so they still have the old
    // stack pointer when `f` returns; everything that a call may change is declared.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!(
            "mov r12, rsp", "mov rsp, {top}", "call {f}", "mov rsp, r12",
            top = in(reg) top, f = in(reg) f, in("rdi") argument, out("r12") _,
            clobber_abi("C"),
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!(
            "mov x20, sp", "mov sp, {top}", "blr {f}", "mov sp, x20",
            top = in(reg) top, f = in(reg) f, in("x0") argument, out("x20") _,
            clobber_abi("C"),
        );
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    unreachable!("stacks are changed only where KNOWN is true, not for {argument:?} {f:?} {top:?}");
}

#[cfg(test)]
mod tests {
    use super::{KNOWN, on_private};

    #[test]
    fn it_runs_elsewhere_and_comes_back() {
        let here = 0u8;
        let mut count = 0;
        for i in 1..=3 {
            let there = on_private(|| {
                count += 1;
                let there = [0u8; 4096]; // more than a red zone
                std::hint::black_box(&there).as_ptr().addr()
            });
            assert_eq!(there.is_some(), KNOWN);
            if let Some(there) = there {
                assert!(there.abs_diff((&raw const here).addr()) > 16 << 10);
                assert_eq!(count, i);
            }
        }
    }
}
