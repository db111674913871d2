//! Collective accesses through memory that all members have mapped.
//!
//! The part of the file that all want together is cut into rounds, and each round into as
//! many windows as there are members that do input and output (the hint `cb_nodes`). The
//! memory has room for two rounds.
//!
//! A write: every member copies its pieces of the round to where they lie in the file, and
//! all tell each other that they have. Then each of those members writes its window, while
//! the next round is filled. A read goes the other way.
//!
//! Only bytes that a member has written may get to the file: another process may write what
//! lies in a gap. Members therefore also add up a number for each end of each piece, plus
//! for the end and minus for the beginning. If and only if the pieces cover the round
//! without gap or overlap, all inner ends cancel, whatever the numbers are ([`mix`]). A
//! round with gaps is written by each member for itself.

use super::access::{Access, Direction, Outcome};
use super::agree;
use super::common;
use super::cut::{Cut, first_stop, outcome, stopped, stream_before};
use super::engine::{self, Transfer};
use super::errno::Errno;
use super::exchanged;
use crate::error::Result;
use crate::lock;
use crate::object::collective::Tag;
use crate::object::file::File;
use std::os::fd::{AsFd, BorrowedFd};

/// A number for a place in the file: neighbours have numbers that look unrelated.
#[inline]
fn mix(place: u64) -> u64 {
    let x = place.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (x ^ (x >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// One member's part in a staged access.
struct Stage<'a> {
    file: &'a File,
    tag: Tag,
    access: Option<&'a Access>,
    cut: Cut,
    /// Where the room begins.
    room: *mut u8,
    /// The next byte of the view's stream.
    at: u64,
}

/// Carries a collective access out, between `first` and `end` of the file. `access`: this
/// member's, if it has any. `None`: there is no memory for it, at any member.
///
/// # Safety
/// As [`Access::carry_out`].
///
/// # Errors
/// A peer was lost.
pub(super) unsafe fn run(
    file: &File,
    tag: Tag,
    direction: Direction,
    access: Option<&Access>,
    first: u64,
    end: u64,
) -> Result<Option<Outcome>> {
    let cut = Cut::agreed(file, tag, first, end)?;
    if file.comm.spans_hosts() {
        // SAFETY: as the caller said.
        return unsafe { exchanged::run(file, tag, direction, access, cut) }.map(Some);
    }
    let Ok(len) = usize::try_from(2 * cut.round_len()) else {
        return Ok(None);
    };
    let Some(room) = common::room(file, tag, len) else {
        return Ok(None);
    };
    let mut stage = Stage {
        file,
        tag,
        access,
        cut,
        room: common::at(&room).as_ptr(),
        at: access.map_or(0, |access| access.position),
    };
    // SAFETY: as the caller said; the room is as long as two rounds.
    let outcome = unsafe {
        match direction {
            Direction::Write => stage.write(),
            Direction::Read => stage.read(),
        }
    };
    outcome.map(Some)
}

impl Stage<'_> {
    fn fd(&self) -> BorrowedFd<'_> {
        self.file.fd.as_fd()
    }

    /// Where byte 0 of the file would lie in the room in round `k`.
    fn base(&self, k: u64) -> *mut u8 {
        let (first, _) = self.cut.round(k);
        let here = usize::try_from(self.cut.in_room(k, first)).unwrap_or(0);
        let before = usize::try_from(first).unwrap_or(0);
        self.room.wrapping_add(here).wrapping_sub(before)
    }

    /// # Safety
    /// The access's memory is readable; the room is this process's to fill.
    unsafe fn write(&mut self) -> Result<Outcome> {
        let me = u64::from(self.file.comm.rank);
        let mut stop = [u64::MAX, 0];
        for k in 0..self.cut.rounds() {
            let (first, end) = self.cut.round(k);
            let (from, to) = (self.at, stream_before(self.access, self.at, end));
            let mut print = 0u64;
            if let Some(access) = self.access.filter(|_| to > from) {
                let base = self.base(k);
                print = lock::released(|| {
                    // SAFETY: as the caller said; the pieces lie inside the round.
                    unsafe { access.put_into(base, from, to) };
                    let extents = access.view.extents(from, to - from);
                    extents.fold(0u64, |sum, extent| {
                        sum.wrapping_add(mix(extent.at + extent.len))
                            .wrapping_sub(mix(extent.at))
                    })
                });
            }
            self.at = to;
            let all = agree::exchange(&self.file.comm, self.tag, &[print, stop[0], stop[1]])?;
            let sum = all
                .iter()
                .fold(0u64, |sum, [print, ..]| sum.wrapping_add(*print));
            if first_stop(all.iter().map(|[_, at, errno]| [*at, *errno])).is_some() {
                break; // what comes behind it is not written
            }
            if sum == mix(end).wrapping_sub(mix(first)) {
                let (begin, end) = self.cut.window(k, me);
                if me < self.cut.windows && begin < end {
                    let from = self
                        .room
                        .wrapping_add(usize::try_from(self.cut.in_room(k, begin)).unwrap_or(0));
                    let len = usize::try_from(end - begin).unwrap_or(0);
                    let moved = lock::released(|| {
                        // SAFETY: the window lies in the room, and all have filled it.
                        unsafe { engine::write_at(self.fd(), begin, from, len) }
                    });
                    stop = stopped(&moved, begin);
                }
            } else if let Some(access) = self.access.filter(|_| to > from) {
                // SAFETY: as the caller said.
                let direct = lock::released(|| unsafe { access.carry_out_part(from, to) });
                if direct.failed.is_some() {
                    let at = access.view.place(from + direct.len).unwrap_or(first);
                    stop = stopped(&Transfer { len: 0, ..direct }, at);
                }
            }
        }
        let all = agree::exchange(&self.file.comm, self.tag, &stop)?;
        Ok(self.outcome(first_stop(all.into_iter()), "write"))
    }

    /// # Safety
    /// The access's memory is writable.
    unsafe fn read(&mut self) -> Result<Outcome> {
        let me = u64::from(self.file.comm.rank);
        let mut stop = None;
        for k in 0..self.cut.rounds() {
            let (begin, end) = self.cut.window(k, me);
            let mut moved = Transfer {
                len: 0,
                failed: None,
            };
            if me < self.cut.windows && begin < end {
                let to = self
                    .room
                    .wrapping_add(usize::try_from(self.cut.in_room(k, begin)).unwrap_or(0));
                let len = usize::try_from(end - begin).unwrap_or(0);
                moved = lock::released(|| {
                    // SAFETY: the window lies in the room, where no other member writes.
                    unsafe { engine::read_at(self.fd(), begin, to, len) }
                });
            }
            let errno = moved
                .failed
                .map_or(0, |Errno(errno)| u64::from(errno.unsigned_abs()));
            let all = agree::exchange(&self.file.comm, self.tag, &[moved.len, errno])?;
            let (_, round_end) = self.cut.round(k);
            let mut there = round_end;
            for (i, [len, errno]) in (0..self.cut.windows).zip(&all) {
                let (begin, end) = self.cut.window(k, i);
                if begin + len < end {
                    there = begin + len;
                    stop = Some((there, Errno(i32::try_from(*errno).unwrap_or(libc::EIO))));
                    break;
                }
            }
            let (from, to) = (self.at, stream_before(self.access, self.at, there));
            if let Some(access) = self.access.filter(|_| to > from) {
                let base = self.base(k);
                // SAFETY: as the caller said; the pieces lie inside the round.
                lock::released(|| unsafe { access.get_from(base, from, to) });
            }
            self.at = to;
            if stop.is_some() {
                break;
            }
        }
        Ok(self.outcome(stop, "read"))
    }

    /// What this member has moved where all were stopped at a place, if they were.
    fn outcome(&mut self, stop: Option<(u64, Errno)>, what: &str) -> Outcome {
        outcome(self.file, self.access, stop, what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_cancel_only_where_nothing_is_left_out_or_doubled() {
        let print = |pieces: &[(u64, u64)]| {
            pieces.iter().fold(0u64, |sum, (first, end)| {
                sum.wrapping_add(mix(*end)).wrapping_sub(mix(*first))
            })
        };
        let whole = print(&[(0, 100)]);
        assert_eq!(print(&[(50, 100), (0, 20), (20, 50)]), whole);
        assert_ne!(
            print(&[(50, 100), (0, 20), (30, 60)]),
            whole,
            "gap and overlap"
        );
        assert_ne!(print(&[(0, 50), (40, 90)]), whole);
        assert_ne!(print(&[(0, 50), (60, 100), (10, 20)]), whole);
    }
}
