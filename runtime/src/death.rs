//! Last words: what a rank that dies of a signal notes for the launcher, before the signal
//! takes its course: the address that was accessed, and where in the program that was.
//!
//! Handlers are set only where the program has none, and a program may set its own at any
//! time. Those for memory accesses are the transport's ([`btl_shm::fault`]), which calls
//! [`note`] when a signal is about to end the process; the others are set here.
//!
//! All of this runs in signal handlers: it takes no lock, allocates nothing, and reads the
//! process's mappings by system calls alone.

use crate::stack;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};
use wireup::death::{self, DeathRecord, FRAMES};
use wireup::segment::Segment;

/// Where to note it; null: nowhere.
static RECORD: AtomicPtr<DeathRecord> = AtomicPtr::new(ptr::null_mut());
/// The process whose record that is: forked children have none.
static OWNER: AtomicI32 = AtomicI32::new(0);

/// Signals that end a program which has done something wrong, other than those of accesses
/// to memory.
const SIGNALS: [c_int; 3] = [libc::SIGABRT, libc::SIGFPE, libc::SIGILL];

/// Bytes of the stack on which the handler of a stack overflow runs.
const SIGNAL_STACK: usize = 64 << 10;

/// Bytes that the handler and the kernel's frame take at least.
const LEAST_SIGNAL_STACK: usize = 16 << 10;

/// From now on the death of this process, which is `rank`, is noted in the segment.
pub fn start(segment: &'static Segment, rank: u32) {
    let Some(record) = death::make(segment, rank) else {
        return; // there is no room: it dies without a word
    };
    // SAFETY: getpid has no preconditions.
    OWNER.store(unsafe { libc::getpid() }, Ordering::Relaxed);
    let place = ptr::from_ref(record).cast_mut();
    RECORD.store(place, Ordering::Release); // pairs with the Acquire in `note`
    if has_signal_stack() {
        btl_shm::fault::use_signal_stack();
    }
    btl_shm::fault::on_death(note);
    // Where that is refused, deaths are not noted.
    let _ = btl_shm::fault::ensure_installed();
    for signal in SIGNALS {
        set_handler(signal);
    }
}

/// Gives this thread a stack for signal handlers, if it has none: without one, nothing can
/// run when its own is full. Returns whether it has one now that is large enough.
fn has_signal_stack() -> bool {
    // SAFETY: zero is a value of each field.
    let mut now: libc::stack_t = unsafe { std::mem::zeroed() };
    // SAFETY: fills a local of the right type.
    let asked = unsafe { libc::sigaltstack(ptr::null(), &raw mut now) };
    if asked != 0 || now.ss_flags & libc::SS_DISABLE == 0 {
        return asked == 0 && now.ss_size >= LEAST_SIGNAL_STACK;
    }
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK | libc::MAP_NORESERVE;
    // SAFETY: a new mapping at an address that the kernel chooses.
    let base = unsafe { libc::mmap(ptr::null_mut(), SIGNAL_STACK, protection, flags, -1, 0) };
    if base == libc::MAP_FAILED {
        return false;
    }
    let stack = libc::stack_t {
        ss_sp: base,
        ss_flags: 0,
        ss_size: SIGNAL_STACK,
    };
    // SAFETY: the mapping stays for as long as the process.
    unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) == 0 }
}

/// Sets the handler for `signal`, unless the program handles or ignores it.
fn set_handler(signal: c_int) {
    // SAFETY: zero is SIG_DFL without flags.
    let mut now: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: fills a local of the right type.
    let asked = unsafe { libc::sigaction(signal, ptr::null(), &raw mut now) };
    if asked != 0 || now.sa_sigaction != libc::SIG_DFL {
        return;
    }
    now.sa_sigaction = handle as *const () as usize;
    now.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESETHAND | libc::SA_NODEFER;
    // SAFETY: the handler keeps to what handlers may do.
    unsafe { libc::sigaction(signal, &raw const now, ptr::null_mut()) };
}

/// Notes the death, and has the signal come again. Its action is the default one by now.
extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    note(signal, info, context);
    // SAFETY: what the kernel has filled for this very signal, which is sent again to this
    // thread. A fault comes again by itself as well.
    unsafe {
        let (pid, thread) = (libc::getpid(), libc::gettid());
        libc::syscall(libc::SYS_rt_tgsigqueueinfo, pid, thread, signal, info);
    }
}

/// Notes where in the program this thread is, which is about to end the job for an error.
#[cold]
pub fn note_place() {
    let record = RECORD.load(Ordering::Acquire); // pairs with the Release in `start`
    // SAFETY: null, or a record that stays for as long as the process.
    let Some(record) = (unsafe { record.as_ref() }) else {
        return;
    };
    if !record.begin(0, None, 0) {
        return;
    }
    let mut frames = stack::walk();
    if let Some(first) = frames.first_mut() {
        *first -= 1; // where the call is, not where it returns to
    }
    place(record, &frames);
    record.end();
}

/// Notes that this process is about to die of `signal`.
fn note(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let record = RECORD.load(Ordering::Acquire); // pairs with the Release in `start`
    // SAFETY: null, or a record that stays for as long as the process.
    let Some(record) = (unsafe { record.as_ref() }) else {
        return;
    };
    // SAFETY: getpid has no preconditions.
    if unsafe { libc::getpid() } != OWNER.load(Ordering::Relaxed) {
        return;
    }
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: fills a local of the right type.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let time = seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0);
    // SAFETY: null, or what the kernel has filled.
    let info = unsafe { info.as_ref() };
    // Not positive: sent by somebody.
    let caused = info.filter(|info| info.si_code > 0);
    // SAFETY: a signal that an instruction has caused has an address.
    let address = caused.map(|info| unsafe { info.si_addr() }.addr() as u64);
    if !record.begin(signal, address, time) {
        return;
    }
    let mut frames = [0u64; FRAMES];
    let found = stack::walk_from(interrupted_at(context), &mut frames);
    place(record, &frames[..found]);
    record.end();
}

/// The instruction that was interrupted.
fn interrupted_at(context: *mut c_void) -> Option<u64> {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: null, or the context that the kernel has handed to the handler.
    let at = unsafe { context.cast::<libc::ucontext_t>().as_ref() }
        .map(|context| context.uc_mcontext.gregs[libc::REG_RIP as usize].cast_unsigned());
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    let at = unsafe { context.cast::<libc::ucontext_t>().as_ref() }
        .map(|context| context.uc_mcontext.pc);
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let at = {
        let _ = context;
        None
    };
    at
}

/// Calls `f` with the file that has the code at `address`, and the place in it, if one has.
pub fn file_with(address: u64, f: impl FnOnce(&[u8], u64)) {
    Maps::open().find(address, f);
}

/// Notes in which files these frames are.
fn place(record: &DeathRecord, frames: &[u64]) {
    for frame in frames {
        Maps::open().find(*frame, |path, offset| record.add(path, offset));
    }
}

/// The process's mappings, read without allocating.
struct Maps {
    fd: c_int,
    buffer: [u8; 1024],
    start: usize,
    end: usize,
}

impl Maps {
    fn open() -> Maps {
        let flags = libc::O_RDONLY | libc::O_CLOEXEC;
        // SAFETY: a path that ends in 0.
        let fd = unsafe { libc::open(c"/proc/self/maps".as_ptr(), flags) };
        Maps {
            fd,
            buffer: [0; 1024],
            start: 0,
            end: 0,
        }
    }

    /// The next line, without its end. One that is too long is cut.
    fn line(&mut self) -> Option<&[u8]> {
        loop {
            let rest = &self.buffer[self.start..self.end];
            if let Some(len) = rest.iter().position(|byte| *byte == b'\n') {
                let at = self.start;
                self.start += len + 1;
                return Some(&self.buffer[at..at + len]);
            }
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if self.end == self.buffer.len() {
                self.end = 0; // no line of code is so long
            }
            let room = &mut self.buffer[self.end..];
            // SAFETY: reads into the room that there is.
            let got = unsafe { libc::read(self.fd, room.as_mut_ptr().cast(), room.len()) };
            match usize::try_from(got) {
                Ok(got) if got > 0 => self.end += got,
                _ => return None,
            }
        }
    }

    /// Calls `f` with the file that has the code at `address`, and the place in it.
    fn find(mut self, address: u64, f: impl FnOnce(&[u8], u64)) {
        while let Some(line) = self.line() {
            if let Some((path, offset)) = code_at(line, address) {
                f(path, offset);
                break;
            }
        }
        if self.fd >= 0 {
            // SAFETY: opened above.
            unsafe { libc::close(self.fd) };
        }
    }
}

/// If the mapping in this line of /proc/PID/maps has `address`: its file, and where that is
/// in the file.
fn code_at(line: &[u8], address: u64) -> Option<(&[u8], u64)> {
    let (start, rest) = hex(line)?;
    let (end, rest) = hex(rest.strip_prefix(b"-")?)?;
    if !(start..end).contains(&address) {
        return None;
    }
    let rest = rest.get(6..)?; // the permissions between two spaces
    let (offset, rest) = hex(rest)?;
    let path = rest.iter().position(|byte| *byte == b'/')?;
    Some((&rest[path..], address - start + offset))
}

/// The hexadecimal number at the beginning, and what follows it.
fn hex(text: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    let mut len = 0;
    while let Some(digit) = text
        .get(len)
        .and_then(|byte| char::from(*byte).to_digit(16))
    {
        value = value.wrapping_shl(4) | u64::from(digit);
        len += 1;
    }
    (len > 0).then(|| (value, &text[len..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_found_in_maps() {
        let line = b"55d000-55d900 r-xp 00001000 08:01 1234       /usr/bin/a b";
        assert_eq!(
            code_at(line, 0x55d010),
            Some((&b"/usr/bin/a b"[..], 0x1010))
        );
        assert_eq!(code_at(line, 0x55d900), None);
        assert_eq!(
            code_at(b"7f00-7f10 r-xp 00000000 00:00 0 [vdso]", 0x7f01),
            None
        );
        assert_eq!(code_at(b"", 1), None);
    }

    #[test]
    fn this_code_is_in_some_file() {
        let here = this_code_is_in_some_file as fn() as usize as u64;
        let mut found = false;
        Maps::open().find(here, |path, _| found = path.starts_with(b"/"));
        assert!(found);
    }
}
