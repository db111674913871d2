//! Collective accesses by messages, where members are on several hosts.
//!
//! The part of the file is cut as for [`super::staged`]. In each round members send what they
//! have for a window to the member that does its input and output: where their pieces lie, and
//! for a write their bytes. That one reads or writes the window in long runs. In a write it
//! knows all pieces, so that gaps are never written.

use super::access::{Access, Direction, Outcome};
use super::agree;
use super::cut::{Cut, first_stop, outcome, stopped, stream_before};
use super::engine::{self, Transfer};
use super::errno::Errno;
use crate::coll;
use crate::error::Result;
use crate::lock;
use crate::object::collective::Tag;
use crate::object::file::File;
use crate::object::file::view::Extent;
use std::os::fd::AsFd;

/// Carries a collective access out. `access`: this member's, if it has any.
///
/// # Safety
/// As [`Access::carry_out`].
///
/// # Errors
/// A peer was lost, or there is no memory.
pub(super) unsafe fn run(
    file: &File,
    tag: Tag,
    direction: Direction,
    access: Option<&Access>,
    cut: Cut,
) -> Result<Outcome> {
    let mut exchange = Exchange {
        file,
        tag,
        access: access.filter(|access| access.len > 0),
        cut,
        at: access.map_or(0, |access| access.position),
    };
    // SAFETY: as the caller said.
    unsafe {
        match direction {
            Direction::Write => exchange.write(),
            Direction::Read => exchange.read(),
        }
    }
}

/// One member's part in it.
struct Exchange<'a> {
    file: &'a File,
    tag: Tag,
    access: Option<&'a Access>,
    cut: Cut,
    /// The next byte of the view's stream.
    at: u64,
}

/// Pieces of the file that a member names: how many, and then where each is.
fn put_extents(message: &mut Vec<u8>, extents: &[Extent]) {
    let words = extents.iter().flat_map(|extent| [extent.at, extent.len]);
    let words = std::iter::once(extents.len() as u64).chain(words);
    words.for_each(|word| message.extend(word.to_ne_bytes()));
}

/// What [`put_extents`] has written, and what is behind it.
fn take_extents(message: &[u8]) -> (Vec<Extent>, &[u8]) {
    let Some((count, rest)) = message.split_first_chunk::<8>() else {
        return (Vec::new(), &[]);
    };
    let count = usize::try_from(u64::from_ne_bytes(*count)).unwrap_or(0);
    let (list, data) = rest.split_at(rest.len().min(count.saturating_mul(16)));
    let (words, _) = list.as_chunks::<8>();
    let words: Vec<u64> = words.iter().map(|word| u64::from_ne_bytes(*word)).collect();
    let extents = words.as_chunks::<2>().0.iter();
    let extents = extents.map(|[at, len]| Extent { at: *at, len: *len });
    (extents.collect(), data)
}

/// The runs that pieces make up together, in order.
fn merged(mut pieces: Vec<Extent>) -> Vec<Extent> {
    pieces.sort_unstable_by_key(|piece| piece.at);
    let mut runs: Vec<Extent> = Vec::new();
    for piece in pieces {
        match runs.last_mut() {
            Some(last) if piece.at <= last.at + last.len => {
                last.len = last.len.max(piece.at + piece.len - last.at);
            }
            _ => runs.push(piece),
        }
    }
    runs
}

fn bytes(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// `from..to` counted from `base`, in a window's memory.
fn inside(base: u64, extent: &Extent) -> std::ops::Range<usize> {
    bytes(extent.at - base)..bytes(extent.at + extent.len - base)
}

impl Exchange<'_> {
    /// By window of round `k`: the part of this member's stream that lies there.
    fn parts(&mut self, k: u64) -> Vec<(u64, u64)> {
        let mut parts = Vec::new();
        for i in 0..self.cut.windows {
            let (_, end) = self.cut.window(k, i);
            let to = stream_before(self.access, self.at, end);
            parts.push((self.at, to));
            self.at = to;
        }
        parts
    }

    fn extents(&self, (from, to): (u64, u64)) -> Vec<Extent> {
        match self.access {
            Some(access) if to > from => access.view.extents(from, to - from).collect(),
            _ => Vec::new(),
        }
    }

    /// A message for each member: nobody but the first has a window.
    fn messages(&self) -> Vec<Vec<u8>> {
        vec![Vec::new(); self.file.comm.size() as usize]
    }

    /// This member's window of round `k`, if it has one.
    fn own_window(&self, k: u64) -> Option<(u64, u64)> {
        let me = u64::from(self.file.comm.rank);
        let (begin, end) = self.cut.window(k, me.min(self.cut.windows - 1));
        (me < self.cut.windows && begin < end).then_some((begin, end))
    }

    /// # Safety
    /// The access's memory is readable.
    unsafe fn write(&mut self) -> Result<Outcome> {
        let mut stop = None;
        for k in 0..self.cut.rounds() {
            let mut messages = self.messages();
            let parts = self.parts(k);
            for (message, part) in messages.iter_mut().zip(parts) {
                let extents = self.extents(part);
                let Some(access) = self.access.filter(|_| !extents.is_empty()) else {
                    continue;
                };
                put_extents(message, &extents);
                let (head, len) = (message.len(), bytes(part.1 - part.0));
                message.resize(head + len, 0);
                let memory = &access.memory;
                let offset = bytes(part.0 - access.position);
                let to = message[head..].as_mut_ptr();
                // SAFETY: as the caller said; the message has room for so many bytes.
                unsafe {
                    let (addr, count) = (memory.addr.cast_const(), memory.count);
                    memory.datatype.pack_range(addr, count, offset, to, len);
                }
            }
            let received = coll::alltoall_bytes(&self.file.comm, self.tag, &messages)?;
            let own = match self.own_window(k) {
                Some(window) => lock::released(|| self.write_window(window, &received)),
                None => [u64::MAX, 0],
            };
            let all = agree::exchange(&self.file.comm, self.tag, &own)?;
            stop = first_stop(all.into_iter());
            if stop.is_some() {
                break; // what comes behind it is not written
            }
        }
        Ok(outcome(self.file, self.access, stop, "write"))
    }

    /// Writes what members have sent for a window; how far that got.
    fn write_window(&self, (begin, end): (u64, u64), received: &[Vec<u8>]) -> [u64; 2] {
        let mut room = vec![0u8; bytes(end - begin)];
        let mut pieces = Vec::new();
        for message in received {
            let (extents, mut data) = take_extents(message);
            for extent in extents {
                let (piece, rest) = data.split_at(bytes(extent.len));
                room[inside(begin, &extent)].copy_from_slice(piece);
                data = rest;
                pieces.push(extent);
            }
        }
        for run in merged(pieces) {
            let from = room[inside(begin, &run)].as_ptr();
            let fd = self.file.fd.as_fd();
            // SAFETY: the run lies in the room.
            let moved = unsafe { engine::write_at(fd, run.at, from, bytes(run.len)) };
            if moved.failed.is_some() {
                return stopped(&moved, run.at);
            }
        }
        [u64::MAX, 0]
    }

    /// # Safety
    /// The access's memory is writable.
    unsafe fn read(&mut self) -> Result<Outcome> {
        let mut stop: Option<(u64, Errno)> = None;
        for k in 0..self.cut.rounds() {
            let mut messages = self.messages();
            let parts = self.parts(k);
            for (message, part) in messages.iter_mut().zip(&parts) {
                let extents = self.extents(*part);
                if !extents.is_empty() {
                    put_extents(message, &extents);
                }
            }
            let asked = coll::alltoall_bytes(&self.file.comm, self.tag, &messages)?;
            let answers = match self.own_window(k) {
                Some(window) => lock::released(|| self.read_window(window, &asked)),
                None => self.messages(),
            };
            let answers = coll::alltoall_bytes(&self.file.comm, self.tag, &answers)?;
            for (answer, (from, to)) in answers.iter().zip(parts) {
                let Some(access) = self.access.filter(|_| to > from && stop.is_none()) else {
                    continue;
                };
                let (errno, data) = answer.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
                let errno = u64::from_ne_bytes(*errno);
                let (memory, offset) = (&access.memory, bytes(from - access.position));
                let len = data.len().min(bytes(to - from));
                // SAFETY: as the caller said; so many bytes have come.
                unsafe {
                    let (addr, count, data) = (memory.addr, memory.count, data.as_ptr());
                    memory.datatype.unpack_range(addr, count, offset, data, len);
                }
                if (len as u64) < to - from {
                    let place = access.view.place(from + len as u64).unwrap_or(self.cut.end);
                    stop = Some((place, Errno(i32::try_from(errno).unwrap_or(libc::EIO))));
                }
            }
        }
        Ok(outcome(self.file, self.access, stop, "read"))
    }

    /// Reads what members have asked for of a window: an errno for each, and the bytes of its
    /// pieces, as far as the file has them.
    fn read_window(&self, (begin, end): (u64, u64), asked: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let all: Vec<Vec<Extent>> = asked
            .iter()
            .map(|message| take_extents(message).0)
            .collect();
        let each = || all.iter().flatten();
        let first = each().map(|piece| piece.at).min().unwrap_or(begin);
        let last = each().map(|piece| piece.at + piece.len).max();
        let mut room = vec![0u8; bytes(last.unwrap_or(first) - first)];
        let mut moved = Transfer {
            len: 0,
            failed: None,
        };
        if !room.is_empty() {
            debug_assert!(begin <= first && last.is_none_or(|last| last <= end));
            let fd = self.file.fd.as_fd();
            // SAFETY: the room is as long.
            moved = unsafe { engine::read_at(fd, first, room.as_mut_ptr(), room.len()) };
        }
        let errno = moved
            .failed
            .map_or(0, |Errno(errno)| u64::from(errno.unsigned_abs()));
        let there = &room[..bytes(moved.len).min(room.len())];
        let answer = |pieces: &Vec<Extent>| {
            let mut answer = errno.to_ne_bytes().to_vec();
            for piece in pieces {
                let range = inside(first, piece);
                let cut = there.len().clamp(range.start, range.end);
                answer.extend(&there[range.start.min(there.len())..cut.min(there.len())]);
                if cut < range.end {
                    break;
                }
            }
            answer
        };
        all.iter().map(answer).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_survive_the_way_and_make_up_runs() {
        let piece = |at, len| Extent { at, len };
        let pieces = [piece(30, 5), piece(0, 10), piece(10, 20)];
        let mut message = Vec::new();
        put_extents(&mut message, &pieces);
        message.extend(b"data");
        assert_eq!(take_extents(&message), (pieces.to_vec(), &b"data"[..]));
        assert_eq!(take_extents(&[]), (Vec::new(), &[][..]));
        assert_eq!(merged(pieces.to_vec()), [piece(0, 35)]);
        let apart = [piece(9, 1), piece(0, 8), piece(2, 3)];
        assert_eq!(merged(apart.to_vec()), [piece(0, 8), piece(9, 1)]);
        assert!(merged(Vec::new()).is_empty());
    }
}
