//! Where in the program a thread is: the addresses on its own stack, which the launcher
//! turns into lines of the source.

use std::ffi::{CStr, c_int, c_void};
use std::ops::Range;
use std::sync::OnceLock;
use wireup::waits::FRAMES;

/// Nanoseconds that a wait lasts before its thread walks its stack. Shorter ones are
/// nobody's question.
pub const PATIENCE: u64 = 500_000_000;

/// A walk under way: the room for what it finds, and how much that is so far.
struct Walk<'a> {
    room: &'a mut [u64],
    found: usize,
    /// Frames before the one with this address are left out.
    from: Option<u64>,
    /// Frames at the beginning with addresses in these are left out.
    without: [Range<u64>; 2],
}

type Trace = extern "C" fn(context: *mut c_void, walk: *mut c_void) -> c_int;

unsafe extern "C" {
    /// Calls `trace` for each frame of this thread, from the innermost, until that returns
    /// something else than 0. The compiler's runtime library has it, which Rust's standard
    /// library brings along.
    fn _Unwind_Backtrace(trace: Trace, walk: *mut c_void) -> c_int;
    /// The address in a frame to which its callee returns.
    fn _Unwind_GetIP(context: *mut c_void) -> usize;
}

extern "C" fn note(context: *mut c_void, walk: *mut c_void) -> c_int {
    // SAFETY: the frame that `_Unwind_Backtrace` is at.
    let address = unsafe { _Unwind_GetIP(context) } as u64;
    // SAFETY: `walk` below, which nobody else refers to meanwhile.
    let walk = unsafe { &mut *walk.cast::<Walk<'_>>() };
    if walk.from.is_some_and(|from| from != address) {
        return 0;
    }
    walk.from = None;
    if walk.found == 0 && walk.without.iter().any(|code| code.contains(&address)) {
        return 0;
    }
    match walk.room.get_mut(walk.found) {
        None => 1,
        Some(place) => {
            *place = address;
            walk.found += 1;
            0
        }
    }
}

/// The return addresses of this thread outside of the library's own file, and of one that lies
/// over it, from the innermost, at most [`FRAMES`] of them. In a program that has the library in itself they
/// begin inside of the library. Empty if the stack cannot be walked.
#[cold]
pub fn walk() -> Vec<u64> {
    let mut room = [0; FRAMES];
    let found = walk_outside(&mut room);
    room[..found].to_vec()
}

/// As [`walk`], as many as `room` takes. Returns how many there are. Allocates nothing.
pub fn walk_outside(room: &mut [u64]) -> usize {
    fill(room, None, [own_code(), code_over()])
}

/// The addresses on the stack from the instruction `from` on, which a signal handler that
/// runs on this thread has interrupted. Returns how many there are. For signal handlers:
/// allocates nothing.
pub fn walk_from(from: Option<u64>, room: &mut [u64]) -> usize {
    let found = fill(room, from, [0..0, 0..0]);
    match (found, from, room.first_mut()) {
        // The stack cannot be walked as far as that.
        (0, Some(from), Some(first)) => {
            *first = from;
            1
        }
        _ => found,
    }
}

fn fill(room: &mut [u64], from: Option<u64>, without: [Range<u64>; 2]) -> usize {
    let mut walk = Walk {
        room,
        found: 0,
        from,
        without,
    };
    // SAFETY: `note` gets the address of `walk`, which lives as long as the call.
    unsafe { _Unwind_Backtrace(note, (&raw mut walk).cast()) };
    walk.found
}

/// Where the library's own file is mapped; empty: it is in the program's.
fn own_code() -> Range<u64> {
    static OWN: OnceLock<(u64, u64)> = OnceLock::new();
    let own = || {
        let (base, name) = file_of(walk as *const () as u64)?;
        let is_library = name.windows(LIBRARY.len()).any(|part| part == LIBRARY);
        is_library.then(|| mapped(base)).flatten()
    };
    let (start, end) = *OWN.get_or_init(|| own().unwrap_or_default());
    start..end
}

/// Where the file of a library that lies over this one is mapped.
static OVER: OnceLock<(u64, u64)> = OnceLock::new();

/// Says that a library with code at this address lies over this one.
pub fn leave_out(address: u64) {
    if let Some(range) = file_of(address).and_then(|(base, _)| mapped(base)) {
        let _ = OVER.set(range); // another one is there already: a process has one only
    }
}

/// Where that library is mapped; empty: there is none.
fn code_over() -> Range<u64> {
    let (start, end) = OVER.get().copied().unwrap_or_default();
    start..end
}

/// The addresses of the shared library whose file is mapped at `base`.
fn mapped(base: usize) -> Option<(u64, u64)> {
    // SAFETY: a shared library begins with its ELF header, which its first segment maps.
    let header = unsafe { &*(base as *const libc::Elf64_Ehdr) };
    let first = base + usize::try_from(header.e_phoff).ok()?;
    // SAFETY: the program headers, in the same segment; the loader has read them there.
    let headers = unsafe {
        std::slice::from_raw_parts(
            first as *const libc::Elf64_Phdr,
            usize::from(header.e_phnum),
        )
    };
    let loaded = headers
        .iter()
        .filter(|header| header.p_type == libc::PT_LOAD);
    let len = loaded.map(|header| header.p_vaddr + header.p_memsz).max()?;
    Some((base as u64, base as u64 + len))
}

/// What the name of the library's own file has in it.
const LIBRARY: &[u8] = b"libmpi_abi.so";

/// Where the file is mapped that has the code at `address`, and its name.
fn file_of(address: u64) -> Option<(usize, Vec<u8>)> {
    // SAFETY: zero is a value of each field.
    let mut found: libc::Dl_info = unsafe { std::mem::zeroed() };
    // SAFETY: any address may be asked for; fills a local of the right type.
    let known = unsafe { libc::dladdr(address as *const c_void, &raw mut found) };
    if known == 0 || found.dli_fname.is_null() {
        return None;
    }
    // SAFETY: a string of the loader's, which stays while the file is loaded.
    let name = unsafe { CStr::from_ptr(found.dli_fname) };
    Some((found.dli_fbase as usize, name.to_bytes().to_vec()))
}
