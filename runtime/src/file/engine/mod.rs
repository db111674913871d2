//! Bytes between memory and a file: the lowest level, below views' etypes, pointers and
//! data representations. Needs no state of the library, so that any thread may call it.
//!
//! ```text
//! vectored.rs  a call of the kernel for each extent: preadv, pwritev and their kin
//! sieve.rs     reads of many short extents: all that lies between is read as well
//! mapped.rs    writes of many short extents: straight into the pages of the file
//! shifted.rs   memory that lies unluckily to its place in the file
//! limit.rs     how far a file may grow
//! part.rs      what all of them take and return
//! ```
//!
//! Memory in short runs passes through a buffer in the nearest caches.

mod limit;
mod mapped;
mod part;
mod shifted;
mod sieve;
mod vectored;

use super::memory::Memory;
use crate::object::file::view::View;
use part::{BUFFER, Buffer, Direction, Run};
pub use part::{Part, Transfer};
use std::cell::RefCell;
use std::os::fd::BorrowedFd;

/// Runs of memory below this length, in bytes on average, pass through a buffer.
const SHORT_RUN: usize = 1024;

thread_local! {
    /// Kept, since the pages of a new one cost as much as what it is good for.
    static PACKED: RefCell<Buffer> = const { RefCell::new(Buffer::new()) };
}

/// Reads a part of the file.
///
/// # Safety
/// The memory is writable, and nobody else uses it.
pub unsafe fn read(fd: BorrowedFd<'_>, part: &Part<'_>) -> Transfer {
    // SAFETY: as the caller said.
    unsafe { carry_out(fd, part, Direction::Read) }
}

/// Writes a part of the file.
///
/// # Safety
/// The memory is readable, and nobody changes it.
pub unsafe fn write(fd: BorrowedFd<'_>, part: &Part<'_>) -> Transfer {
    // SAFETY: as the caller said.
    unsafe { limit::within(part, |part| carry_out(fd, part, Direction::Write)) }
}

/// Reads `len` bytes at byte `at` of the file.
///
/// # Safety
/// They are writable at `to`, and nobody else uses them.
pub unsafe fn read_at(fd: BorrowedFd<'_>, at: u64, to: *mut u8, len: usize) -> Transfer {
    // SAFETY: as the caller said.
    unsafe { vectored::one(fd, at, to, len, Direction::Read) }
}

/// Writes `len` bytes at byte `at` of the file.
///
/// # Safety
/// They are readable at `from`.
pub unsafe fn write_at(fd: BorrowedFd<'_>, at: u64, from: *const u8, len: usize) -> Transfer {
    let (allowed, refused) = limit::cut(at, len);
    // SAFETY: as the caller said.
    let moved = unsafe { vectored::one(fd, at, from.cast_mut(), allowed, Direction::Write) };
    match moved.failed {
        None if moved.len == allowed as u64 => Transfer {
            failed: refused,
            ..moved
        },
        _ => moved,
    }
}

/// Whether `RLIMIT_FSIZE` forbids a file of `size` bytes.
#[must_use]
pub fn is_beyond_limit(size: u64) -> bool {
    limit::is_beyond(size)
}

/// # Safety
/// The memory is good for what `direction` does with it.
unsafe fn carry_out(fd: BorrowedFd<'_>, part: &Part<'_>, direction: Direction) -> Transfer {
    let datatype = &part.memory.datatype;
    let first = part.memory.single_run();
    match first {
        Some(first) => {
            let addr = first.wrapping_add(usize::try_from(part.offset).unwrap_or(0));
            let run = Run {
                view: part.view,
                position: part.position,
                addr,
                len: part.len,
            };
            // SAFETY: as the caller said.
            unsafe { contiguous(fd, &run, direction) }
        }
        None if datatype.mean_run() < SHORT_RUN => {
            // SAFETY: as the caller said.
            PACKED.with_borrow_mut(|buffer| unsafe { packed(fd, part, direction, buffer) })
        }
        // SAFETY: as the caller said.
        None => unsafe { vectored::extents(fd, part, direction) },
    }
}

/// Through `buffer`.
///
/// # Safety
/// As [`carry_out`].
unsafe fn packed(
    fd: BorrowedFd<'_>,
    part: &Part<'_>,
    direction: Direction,
    buffer: &mut Buffer,
) -> Transfer {
    let (memory, datatype) = (part.memory, &part.memory.datatype);
    let mut done = 0;
    while done < part.len {
        let len = (part.len - done).min(BUFFER as u64);
        let bytes = usize::try_from(len).unwrap_or(BUFFER);
        let offset = usize::try_from(part.offset + done).unwrap_or(usize::MAX);
        let place = part.view.place(part.position + done);
        let through = buffer.like(place.unwrap_or(0));
        if direction == Direction::Write {
            // SAFETY: as the caller said; the buffer is as long.
            unsafe { datatype.pack_range(memory.addr, memory.count, offset, through, bytes) };
        }
        let run = Run {
            view: part.view,
            position: part.position + done,
            addr: through,
            len,
        };
        // SAFETY: the buffer is as long.
        let moved = unsafe { contiguous(fd, &run, direction) };
        if direction == Direction::Read {
            let bytes = usize::try_from(moved.len).unwrap_or(BUFFER);
            // SAFETY: as the caller said; so many bytes are in the buffer.
            unsafe { datatype.unpack_range(memory.addr, memory.count, offset, through, bytes) };
        }
        done += moved.len;
        if moved.len < len {
            return Transfer { len: done, ..moved };
        }
    }
    Transfer::of(done)
}

/// # Safety
/// As [`carry_out`].
unsafe fn contiguous(fd: BorrowedFd<'_>, run: &Run<'_>, direction: Direction) -> Transfer {
    if run.view.is_contiguous() {
        let Some(at) = run.view.place(run.position).filter(|_| run.len > 0) else {
            return Transfer::of(0);
        };
        let len = usize::try_from(run.len).unwrap_or(usize::MAX);
        // SAFETY: as the caller said.
        return unsafe { vectored::one(fd, at, run.addr, len, direction) };
    }
    // SAFETY: as the caller said.
    unsafe {
        match direction {
            Direction::Read if sieve::pays(run) => sieve::read(fd, run),
            Direction::Write if mapped::pays(fd, run) => mapped::write(fd, run),
            _ => vectored::pieces(fd, run, direction),
        }
    }
}

/// Copies the bytes `from..to` of a view's stream from memory whose data begins at byte
/// `position` of it to where they would lie if byte 0 of the file were at `base`.
///
/// # Safety
/// The memory is readable; those places are writable.
pub unsafe fn put_into(
    view: &View,
    position: u64,
    memory: &Memory,
    base: *mut u8,
    from: u64,
    to: u64,
) {
    let copy = |at: u64, packed: *mut u8, len: u64| {
        // SAFETY: as the caller said; `packed` has `len` bytes of the stream.
        unsafe { view.scatter(base, at, packed, len) };
    };
    // SAFETY: as the caller said.
    unsafe { through(position, memory, Direction::Write, from, to, copy) };
}

/// As [`put_into`], the other way round.
///
/// # Safety
/// The memory is writable; those places are readable.
pub unsafe fn get_from(
    view: &View,
    position: u64,
    memory: &Memory,
    base: *const u8,
    from: u64,
    to: u64,
) {
    let copy = |at: u64, packed: *mut u8, len: u64| {
        // SAFETY: as the caller said; `packed` has room for `len` bytes of the stream.
        unsafe { view.gather(base, at, packed, len) };
    };
    // SAFETY: as the caller said.
    unsafe { through(position, memory, Direction::Read, from, to, copy) };
}

/// Bytes that are packed at once between two scattered layouts.
const PACK: usize = 32 << 10;

/// Calls `copy` with parts of the stream and the run of memory that has them.
///
/// # Safety
/// The memory is good for what `direction` does with it.
unsafe fn through(
    position: u64,
    memory: &Memory,
    direction: Direction,
    from: u64,
    to: u64,
    mut copy: impl FnMut(u64, *mut u8, u64),
) {
    let number = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    if let Some(first) = memory.single_run() {
        copy(from, first.wrapping_add(number(from - position)), to - from);
        return;
    }
    let datatype = &memory.datatype;
    PACKED.with_borrow_mut(|buffer| {
        let packed = buffer.like(0);
        for at in (from..to).step_by(PACK) {
            let len = (to - at).min(PACK as u64);
            let (offset, bytes) = (number(at - position), number(len));
            // SAFETY: as the caller said; the buffer is long enough.
            unsafe {
                if direction == Direction::Write {
                    datatype.pack_range(memory.addr, memory.count, offset, packed, bytes);
                }
                copy(at, packed, len);
                if direction == Direction::Read {
                    datatype.unpack_range(memory.addr, memory.count, offset, packed, bytes);
                }
            }
        }
    });
}

#[cfg(test)]
mod tests;
