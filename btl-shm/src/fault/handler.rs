//! The handler of SIGBUS and SIGSEGV, and how it gets in front of others.

use super::{LastWords, table};
use crate::copy;
use nix::sys::signal::{SigSet, Signal};
use std::arch::global_asm;
use std::ffi::{c_int, c_void};
use std::io;
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

/// The signals, each with the actions that ours took the place of.
static GUARDED: [Guarded; 2] = [Guarded::new(libc::SIGBUS), Guarded::new(libc::SIGSEGV)];

struct Guarded {
    signal: c_int,
    /// The action that ours took the place of last; null before the first
    /// installation. Points to a leaked action or to `DEFAULT`.
    latest: AtomicPtr<libc::sigaction>,
    /// The one that it took the place of first.
    first: AtomicPtr<libc::sigaction>,
}

impl Guarded {
    const fn new(signal: c_int) -> Guarded {
        Guarded {
            signal,
            latest: AtomicPtr::new(ptr::null_mut()),
            first: AtomicPtr::new(ptr::null_mut()),
        }
    }
}

/// SIG_DFL without flags.
// SAFETY: all zeroes are SIG_DFL, the empty mask, no flags and no restorer.
static DEFAULT: libc::sigaction = unsafe { std::mem::zeroed() };

/// Every action that ours ever took the place of, leaked once each, for the
/// handler reads them at any time. Held while actions are changed.
static SEEN: Mutex<Vec<&'static libc::sigaction>> = Mutex::new(Vec::new());

// What the kernel calls. The fourth argument of `handle` becomes whether it was
// the kernel: it puts the context right above the return address (on AArch64: above
// the siginfo of 128 bytes at the stack pointer), and another handler that passes a
// signal on to this one cannot. A frame of its own keeps that true where everything
// behind it is tail calls.
#[cfg(target_arch = "x86_64")]
global_asm!(
    r#"
    .pushsection .text.lariat_fault_entry,"ax",@progbits
    .hidden lariat_fault_entry
    .globl lariat_fault_entry
    .type lariat_fault_entry,@function
lariat_fault_entry:
    .cfi_startproc
    lea rax, [rsp + 8]
    xor ecx, ecx
    cmp rax, rdx
    sete cl
    sub rsp, 8
    .cfi_adjust_cfa_offset 8
    call {handle}
    add rsp, 8
    .cfi_adjust_cfa_offset -8
    ret
    .cfi_endproc
    .size lariat_fault_entry, . - lariat_fault_entry
    .popsection
"#,
    handle = sym handle,
);
#[cfg(target_arch = "aarch64")]
global_asm!(
    r#"
    .pushsection .text.lariat_fault_entry,"ax",@progbits
    .hidden lariat_fault_entry
    .globl lariat_fault_entry
    .type lariat_fault_entry,@function
lariat_fault_entry:
    .cfi_startproc
    add x9, sp, #128
    cmp x9, x2
    cset w3, eq
    stp x29, x30, [sp, #-16]!
    .cfi_adjust_cfa_offset 16
    .cfi_rel_offset x29, 0
    .cfi_rel_offset x30, 8
    mov x29, sp
    bl {handle}
    ldp x29, x30, [sp], #16
    .cfi_adjust_cfa_offset -16
    .cfi_restore x29
    .cfi_restore x30
    ret
    .cfi_endproc
    .size lariat_fault_entry, . - lariat_fault_entry
    .popsection
"#,
    handle = sym handle,
);

unsafe extern "C" {
    fn lariat_fault_entry();
}

fn entry() -> libc::sighandler_t {
    lariat_fault_entry as *const () as usize
}

/// See [`super::ensure_installed`].
pub fn install() -> io::Result<()> {
    let mut seen = SEEN
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    for guarded in &GUARDED {
        let mut now = exchange(guarded.signal, None)?;
        // Until nobody has set another action between the look and the exchange.
        while now.sa_sigaction != entry() {
            let before = intern(&mut seen, &now);
            guarded.latest.store(before, Ordering::Release); // pairs with the Acquire in `before`
            if guarded.first.load(Ordering::Relaxed).is_null() {
                guarded.first.store(before, Ordering::Release); // as above
            }
            let found = exchange(guarded.signal, Some(&in_place_of(&now)))?;
            if same(&found, &now) {
                break;
            }
            now = found;
        }
    }
    unblock()
}

/// The action that the program has for `signal`, behind ours if that is in front.
pub fn of_program(signal: c_int) -> libc::sighandler_t {
    let Ok(now) = exchange(signal, None) else {
        return libc::SIG_DFL;
    };
    let guarded = GUARDED.iter().find(|one| one.signal == signal);
    match guarded.filter(|_| now.sa_sigaction == entry()) {
        None => now.sa_sigaction,
        Some(guarded) => {
            let latest = guarded.latest.load(Ordering::Acquire); // pairs with the Release in `install`
            // SAFETY: null, or an action that is never freed.
            unsafe { latest.as_ref() }.map_or(libc::SIG_DFL, |action| action.sa_sigaction)
        }
    }
}

/// Our action where the program would have had `other`: same mask, same flags.
fn in_place_of(other: &libc::sigaction) -> libc::sigaction {
    let kept = libc::SA_NODEFER | libc::SA_RESTART | libc::SA_ONSTACK;
    let flags = match other.sa_sigaction {
        // An ignored signal interrupts no system call.
        libc::SIG_DFL | libc::SIG_IGN => match ON_SIGNAL_STACK.load(Ordering::Relaxed) {
            true => libc::SA_RESTART | libc::SA_ONSTACK,
            false => libc::SA_RESTART,
        },
        _ => other.sa_flags & kept,
    };
    libc::sigaction {
        sa_sigaction: entry(),
        sa_flags: flags | libc::SA_SIGINFO,
        ..*other
    }
}

/// The action of `signal`, and sets another.
fn exchange(signal: c_int, new: Option<&libc::sigaction>) -> io::Result<libc::sigaction> {
    let mut old = DEFAULT;
    let new = new.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: both point to actions or are null; the new one's handler is safe
    // to run at any time, or was the program's.
    match unsafe { libc::sigaction(signal, new, &raw mut old) } {
        0 => Ok(old),
        _ => Err(io::Error::last_os_error()),
    }
}

fn unblock() -> io::Result<()> {
    let signals: SigSet = [Signal::SIGBUS, Signal::SIGSEGV].into_iter().collect();
    Ok(signals.thread_unblock()?)
}

fn same(a: &libc::sigaction, b: &libc::sigaction) -> bool {
    // SAFETY: the kernel's masks have 64 bits, and those lie first in a sigset_t.
    let masks = [a, b].map(|x| unsafe { ptr::from_ref(&x.sa_mask).cast::<u64>().read() });
    a.sa_sigaction == b.sa_sigaction && a.sa_flags == b.sa_flags && masks[0] == masks[1]
}

fn intern(
    seen: &mut Vec<&'static libc::sigaction>,
    action: &libc::sigaction,
) -> *mut libc::sigaction {
    let known = seen.iter().copied().find(|x| same(x, action));
    let known = known.unwrap_or_else(|| {
        seen.push(Box::leak(Box::new(*action)));
        seen[seen.len() - 1]
    });
    ptr::from_ref(known).cast_mut()
}

/// Whether the kernel raised the signal for an access of this thread's.
fn is_access(signal: c_int, info: &libc::siginfo_t) -> bool {
    // Not positive: sent by somebody. Action optional: found by a scrubber.
    info.si_code > 0 && !(signal == libc::SIGBUS && info.si_code == libc::BUS_MCEERR_AO)
}

/// # Safety
/// Called as a signal handler is, by the kernel or by another handler.
unsafe extern "C" fn handle(
    signal: c_int,
    info: *mut libc::siginfo_t,
    context: *mut c_void,
    by_kernel: bool,
) {
    // A handler that does not hand on what it was given has nothing of ours.
    if !info.is_null() && !context.is_null() {
        // SAFETY: a siginfo of the signal, which is read by value.
        let (ours, addr) = unsafe { (is_access(signal, &*info), (*info).si_addr()) };
        // SAFETY: the context of the interrupted code, which waits on this thread.
        if ours && unsafe { resume(context.cast(), addr.addr() as u64) } {
            return;
        }
    }
    // SAFETY: the arguments that we were given.
    unsafe { forward(signal, info, context, by_kernel) };
}

/// If a copy kernel was interrupted by a touch of attached memory: lets it go on
/// at the landing pad.
///
/// # Safety
/// `context` is the interrupted code's.
unsafe fn resume(context: *mut libc::ucontext_t, addr: u64) -> bool {
    // SAFETY: the caller's context; nobody else looks at it.
    let machine = unsafe { &mut (*context).uc_mcontext };
    if !usize::try_from(instruction(machine)).is_ok_and(copy::is_kernel) {
        return false;
    }
    let Some((peer, peer_addr)) = table::find(addr) else {
        return false;
    };
    land(machine, [addr, u64::from(peer), peer_addr]);
    true
}

/// The address of the instruction that was interrupted.
fn instruction(machine: &libc::mcontext_t) -> u64 {
    #[cfg(target_arch = "x86_64")]
    return machine.gregs[libc::REG_RIP as usize].cast_unsigned();
    #[cfg(target_arch = "aarch64")]
    return machine.pc;
}

/// Has the interrupted code go on at the landing pad, with these values in its registers.
fn land(machine: &mut libc::mcontext_t, values: [u64; 3]) {
    #[cfg(target_arch = "x86_64")]
    {
        machine.gregs[libc::REG_RIP as usize] = copy::landing() as i64;
    }
    #[cfg(target_arch = "aarch64")]
    {
        machine.pc = copy::landing() as u64;
    }
    for (register, value) in copy::LANDING_REGISTERS.into_iter().zip(values) {
        #[cfg(target_arch = "x86_64")]
        {
            machine.gregs[register] = value.cast_signed();
        }
        #[cfg(target_arch = "aarch64")]
        {
            machine.regs[register] = value;
        }
    }
}

/// Does what the program would have had done.
///
/// # Safety
/// As for [`handle`].
unsafe fn forward(
    signal: c_int,
    info: *mut libc::siginfo_t,
    context: *mut c_void,
    by_kernel: bool,
) {
    let Some(guarded) = GUARDED.iter().find(|x| x.signal == signal) else {
        return;
    };
    let from = if by_kernel {
        &guarded.latest
    } else {
        &guarded.first
    };
    // SAFETY: stored before the first installation, and never freed.
    let action = unsafe { &*from.load(Ordering::Acquire) }; // pairs with the Releases in `install`
    // SAFETY: a siginfo, if it is one.
    let sent = !info.is_null() && unsafe { (*info).si_code <= 0 };
    match action.sa_sigaction {
        libc::SIG_IGN if sent => {}
        // The kernel kills a process that ignores faults.
        libc::SIG_DFL | libc::SIG_IGN => {
            say_last_words(signal, info, context);
            die(signal, info, sent);
        }
        handler => {
            if action.sa_flags & libc::SA_RESETHAND != 0 {
                from.store(ptr::from_ref(&DEFAULT).cast_mut(), Ordering::Relaxed); // a static needs no partner
            }
            if action.sa_flags & libc::SA_SIGINFO != 0 {
                type Handler = unsafe extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);
                // SAFETY: with this flag the program gave a handler of this type.
                let handler = unsafe { std::mem::transmute::<usize, Handler>(handler) };
                // SAFETY: called as the kernel would have called it.
                unsafe { handler(signal, info, context) };
            } else {
                // SAFETY: without the flag it has one argument.
                let handler =
                    unsafe { std::mem::transmute::<usize, unsafe extern "C" fn(c_int)>(handler) };
                // SAFETY: called as the kernel would have called it.
                unsafe { handler(signal) };
            }
            // Some handlers put the default action back and let the fault come again.
            let now = exchange(signal, None);
            if by_kernel && !sent && now.is_ok_and(|now| now.sa_sigaction == libc::SIG_DFL) {
                say_last_words(signal, info, context);
            }
        }
    }
}

/// See [`super::use_signal_stack`].
static ON_SIGNAL_STACK: AtomicBool = AtomicBool::new(false);

pub fn use_signal_stack() {
    ON_SIGNAL_STACK.store(true, Ordering::Relaxed); // read under the lock of `install`
}

/// See [`super::on_death`]; null: nothing.
static LAST_WORDS: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

pub fn set_last_words(f: LastWords) {
    LAST_WORDS.store(f as *mut (), Ordering::Relaxed); // a function needs no partner
}

fn say_last_words(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let f = LAST_WORDS.load(Ordering::Relaxed);
    if !f.is_null() {
        // SAFETY: stored by `set_last_words`, a function of this type.
        let f = unsafe { std::mem::transmute::<*mut (), LastWords>(f) };
        f(signal, info, context);
    }
}

/// Puts the default action back, which meets the signal again once the handler
/// has returned.
#[cold]
fn die(signal: c_int, info: *mut libc::siginfo_t, sent: bool) {
    let set = exchange(signal, Some(&DEFAULT));
    if set.is_err() {
        // SAFETY: abort has no preconditions.
        unsafe { libc::abort() };
    }
    if sent {
        // A signal that was sent does not come again by itself.
        // SAFETY: `info` is what the kernel filled for this very signal.
        unsafe {
            libc::syscall(
                libc::SYS_rt_tgsigqueueinfo,
                libc::getpid(),
                libc::gettid(),
                signal,
                info,
            )
        };
    }
}
