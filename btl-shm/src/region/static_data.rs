//! The program's static data, moved to shared pages at the same addresses.
//!
//! What moves is the main executable's writable segments (`.data`, `.bss`) without
//! the part that is made read-only after relocation. Libraries keep theirs: the C
//! library's streams and locks are nobody else's business, and must be where they
//! are while a forked child gets its own memory.
//!
//! To be called once, while the process has one thread: from a constructor of a
//! library that is loaded before `main` runs. The content is copied into the file,
//! and the copy is moved over the original in one call, so the code that does it
//! may itself use what moves. Pages of zeroes that were never touched stay holes.

use super::{objects, sys};
use crate::recall;
use crate::recall::ranges::RangeError;
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsRawFd, BorrowedFd};

/// A part of the program's static data: whole pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    /// First address.
    pub start: usize,
    /// Bytes.
    pub len: usize,
    /// Bytes from `start` on that the executable's file initialises.
    from_file: usize,
    /// The protection (`PROT_…`).
    protection: i32,
}

/// A part that has moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SharedPart {
    /// First address.
    pub start: usize,
    /// Bytes.
    pub len: usize,
    /// Offset in the file of the byte at `start`.
    pub at: u64,
}

/// Why static data stay private.
#[derive(Debug)]
pub enum StaticError {
    /// The process has several threads already.
    Threads(usize),
    /// The executable is linked statically: the C library's own data are in it.
    Linked,
    /// More bytes are needed in the file than there is room for.
    Room {
        /// Bytes needed.
        need: u64,
        /// Bytes there are.
        have: u64,
    },
    /// A system call failed for that many bytes at that address.
    System(&'static str, usize, usize, io::Error),
    /// The part cannot be registered for forks.
    Range(RangeError),
}

impl fmt::Display for StaticError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StaticError::Threads(n) => write!(
                f,
                "static data can only be moved while a process has one thread; this one has {n}"
            ),
            StaticError::Linked => write!(
                f,
                "the program is linked statically, and its static data include the C library's"
            ),
            StaticError::Room { need, have } => write!(
                f,
                "the program's static data need {need} bytes of the heap file, which has {have} for them"
            ),
            StaticError::System(call, len, start, why) => {
                write!(
                    f,
                    "{call} for {len} bytes of static data at {start:#x}: {why}"
                )
            }
            StaticError::Range(why) => write!(f, "{why}"),
        }
    }
}

impl std::error::Error for StaticError {}

/// The parts of the program's static data that can move, of at least `least` bytes
/// each (a part smaller than the smallest message that is copied directly is of no
/// use to anybody).
pub fn parts(least: usize) -> Vec<Part> {
    of_program(|info| find(info, least)).unwrap_or_default()
}

/// Bytes of the file that `parts` need.
pub fn needed(parts: &[Part]) -> u64 {
    parts.iter().map(|part| part.len as u64).sum()
}

/// Moves `parts` to the `room` bytes of `file` from offset `at` on (a multiple of
/// the page size; nobody else's, and still a hole), one behind the other, and
/// registers them for forks. `file` stays open; see [`recall::add`].
///
/// # Errors
/// Why nothing has moved. A later part that could not move is left out of the
/// answer.
pub fn share(
    parts: &[Part],
    file: BorrowedFd<'_>,
    at: u64,
    room: u64,
) -> Result<Vec<SharedPart>, StaticError> {
    let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    if threads != 1 {
        return Err(StaticError::Threads(threads));
    }
    if !dynamically_linked() {
        return Err(StaticError::Linked);
    }
    let need = needed(parts);
    if need > room {
        return Err(StaticError::Room { need, have: room });
    }
    let mut moved = Vec::with_capacity(parts.len());
    let mut next = at;
    for part in parts {
        match move_one(part, file, next) {
            Ok(()) => moved.push(SharedPart {
                start: part.start,
                len: part.len,
                at: next,
            }),
            Err(why) if moved.is_empty() => return Err(why),
            Err(_) => {}
        }
        next += part.len as u64;
    }
    Ok(moved)
}

/// Moves one part to offset `at` of the file.
fn move_one(part: &Part, file: BorrowedFd<'_>, at: u64) -> Result<(), StaticError> {
    let page = sys::page();
    let failed = |call, why| StaticError::System(call, part.len, part.start, why);
    let offset = libc::off_t::try_from(at).unwrap_or(libc::off_t::MAX);
    let flags = libc::MAP_SHARED | libc::MAP_NORESERVE;
    let touched = touched(part, page);
    // Registered before it is shared: until then a fork finds nothing to replace.
    recall::add(part.start, part.len, file.as_raw_fd()).map_err(StaticError::Range)?;
    // With signals blocked nothing but this function runs between copying and moving.
    let done = recall::hold(|| {
        // SAFETY: a fresh mapping at an address of the kernel's choice.
        let copy = unsafe { sys::mmap(0, part.len, sys::RW, flags, file.as_raw_fd(), offset) };
        let copy = copy.map_err(|why| failed("mmap", why))?;
        let give_up = |call, why| {
            // SAFETY: the mapping made above, which nothing refers to.
            let _ = unsafe { sys::munmap(copy, part.len) };
            failed(call, why)
        };
        for (number, from) in (part.start..part.start + part.len)
            .step_by(page)
            .enumerate()
        {
            if touched(number) {
                // SAFETY: a page of the program's static data, readable, and the
                // page of the fresh mapping that will take its place.
                unsafe { sys::copy_page(from, copy + (from - part.start)) };
            }
        }
        // SAFETY: changes the protection of the copy only.
        unsafe { sys::mprotect(copy, part.len, part.protection) }
            .map_err(|why| give_up("mprotect", why))?;
        let fixed = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
        // SAFETY: replaces `part.len` bytes of the program's static data, whole
        // pages that hold nothing else, by a copy with the same content; no other
        // thread exists that could have changed them since.
        unsafe { sys::mremap(copy, part.len, part.len, fixed, part.start) }
            .map_err(|why| give_up("mremap", why))?;
        Ok(())
    });
    if done.is_err() {
        recall::remove(part.start);
    }
    done
}

/// Whether a page of `part` (by its number) can hold anything: all that the file
/// initialises, and of the rest what is present or swapped out. Without
/// `/proc/self/pagemap`: all.
fn touched(part: &Part, page: usize) -> impl Fn(usize) -> bool + use<> {
    let from_file = part.from_file.div_ceil(page);
    let map = pagemap(part.start / page + from_file, part.len / page - from_file);
    move |number| match number.checked_sub(from_file) {
        Some(at) => is_present(map.as_deref(), at),
        None => true,
    }
}

/// Whether page `number` of those that `map` tells of is present or swapped out. Without
/// a map: it may be.
pub(super) fn is_present(map: Option<&[[u8; 8]]>, number: usize) -> bool {
    const SWAPPED_OR_PRESENT: u64 = 3 << 62;
    map.is_none_or(|map| u64::from_ne_bytes(map[number]) & SWAPPED_OR_PRESENT != 0)
}

/// For `count` pages from page number `first` on: what the kernel says of each.
pub(super) fn pagemap(first: usize, count: usize) -> Option<Vec<[u8; 8]>> {
    let mut file = std::fs::File::open("/proc/self/pagemap").ok()?;
    file.seek(SeekFrom::Start(first as u64 * 8)).ok()?;
    let mut entries = vec![[0u8; 8]; count];
    file.read_exact(entries.as_flattened_mut()).ok()?;
    Some(entries)
}

/// The parts of the object that can move.
fn find(info: &libc::dl_phdr_info, least: usize) -> Vec<Part> {
    let mut found = Vec::new();
    let page = sys::page();
    let base = usize::try_from(info.dlpi_addr).unwrap_or(0);
    let at = |header: &libc::Elf64_Phdr| {
        let start = base.wrapping_add(usize::try_from(header.p_vaddr).unwrap_or(0));
        let len = |bytes| usize::try_from(bytes).unwrap_or(0);
        (start, len(header.p_memsz), len(header.p_filesz))
    };
    let headers = objects::headers(info);
    let relro = headers.iter().filter(|h| h.p_type == libc::PT_GNU_RELRO);
    let relro: Vec<_> = relro.map(at).collect();
    for header in headers {
        if header.p_type != libc::PT_LOAD || header.p_flags & libc::PF_W == 0 {
            continue;
        }
        let (begin, len, from_file) = at(header);
        let end = (begin + len).next_multiple_of(page);
        // A page that is partly read-only after relocation stays where it is.
        let covered = relro.iter().filter(|(r, ..)| (begin..end).contains(r));
        let start = covered
            .map(|(r, n, _)| (r + n).next_multiple_of(page))
            .fold(begin - begin % page, usize::max);
        if start < end && end - start >= least.max(page) {
            found.push(Part {
                start,
                len: end - start,
                from_file: (begin + from_file).saturating_sub(start).min(end - start),
                protection: protection(header.p_flags),
            });
        }
    }
    found
}

fn protection(flags: u32) -> i32 {
    let bit = |flag, bit| if flags & flag == 0 { 0 } else { bit };
    bit(libc::PF_R, libc::PROT_READ)
        | bit(libc::PF_W, libc::PROT_WRITE)
        | bit(libc::PF_X, libc::PROT_EXEC)
}

/// Whether the main executable is started by a dynamic loader.
fn dynamically_linked() -> bool {
    let is_interpreter = |header: &libc::Elf64_Phdr| header.p_type == libc::PT_INTERP;
    of_program(|info| objects::headers(info).iter().any(is_interpreter)).unwrap_or(false)
}

/// What `look` finds in the main executable, the first object.
fn of_program<T>(mut look: impl FnMut(&libc::dl_phdr_info) -> T) -> Option<T> {
    let mut found = None;
    objects::each(&mut |info| {
        found.get_or_insert_with(|| look(info));
    });
    found
}
