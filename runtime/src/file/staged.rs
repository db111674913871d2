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
use super::engine::{self, Transfer};
use super::errno::Errno;
use crate::error::{Error, Result};
use crate::lock;
use crate::object::collective::Tag;
use crate::object::file::File;
use std::os::fd::{AsFd, BorrowedFd};

/// Bytes of a round, unless the hint `cb_buffer_size` says otherwise. Members wait for each
/// other in each: where they share processors with others, that takes as long as some
/// megabytes.
const ROUND: u64 = 8 << 20;
/// The least bytes of a window, without a hint.
const LEAST: u64 = 256 << 10;
/// Windows begin at multiples of this.
const PAGE: u64 = 4096;
/// The most room, in bytes.
const MOST: u64 = 256 << 20;

/// A number for a place in the file: neighbours have numbers that look unrelated.
#[inline]
fn mix(place: u64) -> u64 {
    let x = place.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (x ^ (x >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// Bytes of a window without a hint, where a round has so many.
pub(super) fn default_window(windows: u64) -> u64 {
    (ROUND / windows.max(1)).max(LEAST)
}

/// How a part of the file is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Cut {
    first: u64,
    end: u64,
    /// Bytes of a window,
    window: u64,
    /// and windows of a round.
    windows: u64,
}

impl Cut {
    /// Bytes of a round.
    fn round_len(&self) -> u64 {
        self.window * self.windows
    }

    fn rounds(&self) -> u64 {
        let base = self.first - self.first % PAGE;
        (self.end - base).div_ceil(self.round_len())
    }

    /// The bytes of round `k` in the file.
    fn round(&self, k: u64) -> (u64, u64) {
        let base = self.first - self.first % PAGE;
        let begin = base + k * self.round_len();
        (
            begin.max(self.first),
            (begin + self.round_len()).min(self.end),
        )
    }

    /// The bytes of window `i` of round `k`; may be empty.
    fn window(&self, k: u64, i: u64) -> (u64, u64) {
        let base = self.first - self.first % PAGE + k * self.round_len();
        let (first, end) = self.round(k);
        let begin = (base + i * self.window).clamp(first, end);
        (begin, (base + (i + 1) * self.window).clamp(first, end))
    }

    /// Where byte `place` of round `k` lies in the room.
    fn in_room(&self, k: u64, place: u64) -> u64 {
        let base = self.first - self.first % PAGE + k * self.round_len();
        (k % 2) * self.round_len() + (place - base)
    }
}

/// The hint `key`, if it is a number above 0.
fn hint(file: &File, key: &std::ffi::CStr) -> u64 {
    let info = file.info.borrow();
    info.text(key)
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0)
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
    let members = u64::from(file.comm.size());
    let hints = agree::exchange(
        &file.comm,
        tag,
        &[hint(file, c"cb_buffer_size"), hint(file, c"cb_nodes")],
    )?;
    let [window, nodes] = hints[0];
    let windows = if nodes == 0 {
        members
    } else {
        nodes.min(members)
    };
    let window = if window == 0 {
        default_window(windows)
    } else {
        window
    };
    let most = (end - first + PAGE)
        .div_ceil(windows)
        .min(MOST / 2 / windows);
    let cut = Cut {
        first,
        end,
        window: window.min(most).max(PAGE).next_multiple_of(PAGE),
        windows,
    };
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

/// In the words of members: how far a window got, and the errno that stopped it.
fn stopped(transfer: &Transfer, at: u64) -> [u64; 2] {
    match transfer.failed {
        None => [u64::MAX, 0],
        Some(Errno(errno)) => [at + transfer.len, u64::from(errno.unsigned_abs())],
    }
}

/// The first place where a member was stopped, and why.
fn first_stop(stops: impl Iterator<Item = [u64; 2]>) -> Option<(u64, Errno)> {
    let stops = stops.filter(|[_, errno]| *errno != 0);
    let first = stops.min_by_key(|[at, _]| *at);
    first.map(|[at, errno]| (at, Errno(i32::try_from(errno).unwrap_or(libc::EIO))))
}

impl Stage<'_> {
    fn fd(&self) -> BorrowedFd<'_> {
        self.file.fd.as_fd()
    }

    /// The byte of this member's stream that ends the part below `place` of the file.
    fn stream_before(&self, place: u64) -> u64 {
        let Some(access) = self.access.filter(|access| access.len > 0) else {
            return self.at;
        };
        let end = access.position + access.len;
        access.view.position_at(place, self.at, end)
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
            let (from, to) = (self.at, self.stream_before(end));
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
            let (from, to) = (self.at, self.stream_before(there));
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
        let Some(access) = self.access.filter(|access| access.len > 0) else {
            return Outcome::of(0, None);
        };
        let end = access.position + access.len;
        let Some((place, errno)) = stop else {
            return Outcome::of(access.len, None);
        };
        let moved = access.view.position_at(place, access.position, end) - access.position;
        let failed: Option<Error> =
            (errno != Errno(0) && moved < access.len).then(|| errno.error(what, &self.file.path));
        Outcome::of(moved, failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cut_all_of_a_part() {
        for (first, end) in [(0, 1), (5, 100_000), (4096, 8192), (8191, 200_001)] {
            for (window, windows) in [(4096, 1), (4096, 3), (8192, 2)] {
                let cut = Cut {
                    first,
                    end,
                    window,
                    windows,
                };
                let mut at = first;
                for k in 0..cut.rounds() {
                    assert_eq!(cut.round(k).0, at);
                    for i in 0..windows {
                        let (begin, end) = cut.window(k, i);
                        assert!(begin == at && end >= begin);
                        if begin < end {
                            let here = cut.in_room(k, begin);
                            assert!(here + (end - begin) <= (k % 2 + 1) * cut.round_len());
                            assert!(here >= (k % 2) * cut.round_len());
                        }
                        at = end;
                    }
                    assert_eq!(cut.round(k).1, at);
                }
                assert_eq!(at, end);
            }
        }
    }

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
