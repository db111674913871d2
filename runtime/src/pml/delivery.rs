//! Putting a message's bytes into its receive.

use crate::error::{Class, Error};
use crate::job;
use crate::object::collective::Tag;
use crate::object::comm::Space;
use crate::pml::check;
use crate::pml::memory::{self, Memory};
use crate::pml::request::Shared;
use btl_shm::copy;
use btl_shm::peer::cma::{self, CmaError};
use std::ops::Range;

/// Notes at a receive which message it got, and whether it fits; `signature` as
/// [`check`] makes it.
#[inline]
pub(super) fn matched(
    receive: &Shared,
    from: u32,
    source: u32,
    tag: i32,
    len: usize,
    signature: u32,
) {
    receive.peer.set(from);
    receive.source.set(source);
    receive.tag.set(tag);
    let room = receive.memory.len();
    receive.total.set(len.min(room));
    if signature != check::UNKNOWN {
        check::compare(receive, source, tag, len, signature);
    }
    if len > room {
        too_long(receive, source, tag, len);
    }
}

/// What message a receive got, in the user's words: a tag of the library's own tells
/// which collective it belongs to.
pub(super) fn about(receive: &Shared, tag: i32) -> String {
    match receive.context % 2 == Space::Collective as u32 {
        true if tag >= 0 => format!("in {}", Tag(tag)),
        true => "of the library's own".to_owned(),
        false => format!("with tag {tag}"),
    }
}

#[cold]
fn too_long(receive: &Shared, source: u32, tag: i32, len: usize) {
    let room = receive.memory.len();
    let what = about(receive, tag);
    let text = format!(
        "the message of {len} bytes from rank {source} {what} does not fit the receive buffer of {room} bytes"
    );
    receive.fail(Error::new(Class::TRUNCATE, text));
}

/// Copies `n` bytes of a message of `whole`; a few of them without a call.
///
/// # Safety
/// `n` bytes are readable at `from` and writable at `to`, and do not overlap.
#[inline]
pub(super) unsafe fn copy_short(from: *const u8, to: *mut u8, n: usize, whole: usize) {
    // SAFETY: both ends of the range lie inside it; where they overlap they
    // carry the same bytes, and all is read before anything is written.
    unsafe {
        match n {
            0 => {}
            1..=3 => {
                let (first, middle, last) = (*from, *from.add(n / 2), *from.add(n - 1));
                *to = first;
                *to.add(n / 2) = middle;
                *to.add(n - 1) = last;
            }
            4..=7 => ends::<4>(from, to, n),
            8 => to.cast::<[u8; 8]>().write(from.cast::<[u8; 8]>().read()),
            9..=16 => ends::<8>(from, to, n),
            17..=32 => ends::<16>(from, to, n),
            _ => copy_long(from, to, n, whole),
        }
    }
}

/// Copies `n` bytes of a message of `whole`, of which neither end is expected to go away:
/// the program's and the library's own.
///
/// # Safety
/// As [`copy_short`].
#[inline]
pub(super) unsafe fn copy_long(from: *const u8, to: *mut u8, n: usize, whole: usize) {
    // SAFETY: the caller's promise.
    if let Err(fault) = unsafe { copy::copy_piece(from, to, n, whole) } {
        job::die(&format!("a buffer of the program's: {fault}"));
    }
}

/// Copies the first and the last `W` of `n` bytes.
///
/// # Safety
/// As [`copy_short`], and `W <= n <= 2 * W`.
#[inline]
unsafe fn ends<const W: usize>(from: *const u8, to: *mut u8, n: usize) {
    // SAFETY: both pieces lie inside the `n` bytes.
    unsafe {
        let first = from.cast::<[u8; W]>().read();
        let last = from.add(n - W).cast::<[u8; W]>().read();
        to.cast::<[u8; W]>().write(first);
        to.add(n - W).cast::<[u8; W]>().write(last);
    }
}

/// Copies what fits of a piece at `at` into a receive.
pub(super) fn deliver(receive: &Shared, at: usize, data: *const u8, len: usize) {
    let n = len.min(receive.total.get().saturating_sub(at));
    if n > 0 {
        // SAFETY: inside the receive's length; the piece has at least `n` bytes.
        unsafe { receive.memory.copy_in(at, data, n) };
        receive.moved.set(at + n);
    }
}

/// Copies a message to oneself into its receive.
pub(super) fn self_message(from: &Memory, receive: &Shared) {
    // SAFETY: both are requests of this process that are not done: one readable,
    // one writable.
    let n = unsafe { memory::copy(from, &receive.memory) };
    receive.moved.set(n);
    receive.complete();
}

/// Reads the bytes of `range` of a message, which begin at `addr` of process
/// `pid`, into the runs of `memory`.
pub(super) fn read_runs(
    pid: u32,
    addr: u64,
    memory: &Memory,
    range: Range<usize>,
) -> Result<(), CmaError> {
    if let Some(to) = memory.run() {
        // SAFETY: the range lies inside a receive that is not done.
        return unsafe { cma::read(pid, addr, to.add(range.start), range.len()) };
    }
    // SAFETY: runs of a receive that is not done.
    by_pieces(addr, memory, range, |at, pieces| unsafe {
        cma::read_pieces(pid, at, pieces)
    })
}

/// Writes the bytes of `range` of `memory` to `addr` of process `pid` on.
pub(super) fn write_runs(
    pid: u32,
    addr: u64,
    memory: &Memory,
    range: Range<usize>,
) -> Result<(), CmaError> {
    // SAFETY: runs of a send that is not done.
    by_pieces(addr, memory, range, |at, pieces| unsafe {
        cma::write_pieces(pid, at, pieces)
    })
}

/// Calls `each` with the runs of `range` of `memory`, as many as one system call
/// takes at a time, and the peer's address of the first, which is `addr` at first.
fn by_pieces(
    addr: u64,
    memory: &Memory,
    range: Range<usize>,
    mut each: impl FnMut(u64, &mut [libc::iovec]) -> Result<(), CmaError>,
) -> Result<(), CmaError> {
    let mut at = addr;
    let mut runs = memory.runs(range).peekable();
    while runs.peek().is_some() {
        let mut pieces: Vec<libc::iovec> = runs
            .by_ref()
            .take(cma::PIECES)
            .map(|(start, len)| cma::local_piece(start, len))
            .collect();
        let len: usize = pieces.iter().map(|piece| piece.iov_len).sum();
        each(at, &mut pieces)?;
        at += len as u64;
    }
    Ok(())
}
