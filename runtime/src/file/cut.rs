//! How the part of a file that a collective access is about is cut into rounds and windows,
//! and what members tell each other of how far they got. For [`super::staged`] and
//! [`super::exchanged`].

use super::access::{Access, Outcome};
use super::agree;
use super::engine::Transfer;
use super::errno::Errno;
use crate::error::{Error, Result};
use crate::object::collective::Tag;
use crate::object::file::File;

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

/// Bytes of a window without a hint, where a round has so many.
pub(super) fn default_window(windows: u64) -> u64 {
    (ROUND / windows.max(1)).max(LEAST)
}

/// How a part of the file is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Cut {
    pub(super) first: u64,
    pub(super) end: u64,
    /// Bytes of a window,
    pub(super) window: u64,
    /// and windows of a round.
    pub(super) windows: u64,
}

impl Cut {
    /// How all members cut the part of the file between `first` and `end`, as rank 0's hints
    /// say. Part of a collective call.
    ///
    /// # Errors
    /// A peer was lost.
    pub(super) fn agreed(file: &File, tag: Tag, first: u64, end: u64) -> Result<Cut> {
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
        Ok(Cut {
            first,
            end,
            window: window.min(most).max(PAGE).next_multiple_of(PAGE),
            windows,
        })
    }

    /// Bytes of a round.
    pub(super) fn round_len(&self) -> u64 {
        self.window * self.windows
    }

    pub(super) fn rounds(&self) -> u64 {
        let base = self.first - self.first % PAGE;
        (self.end - base).div_ceil(self.round_len())
    }

    /// The bytes of round `k` in the file.
    pub(super) fn round(&self, k: u64) -> (u64, u64) {
        let base = self.first - self.first % PAGE;
        let begin = base + k * self.round_len();
        (
            begin.max(self.first),
            (begin + self.round_len()).min(self.end),
        )
    }

    /// The bytes of window `i` of round `k`; may be empty.
    pub(super) fn window(&self, k: u64, i: u64) -> (u64, u64) {
        let base = self.first - self.first % PAGE + k * self.round_len();
        let (first, end) = self.round(k);
        let begin = (base + i * self.window).clamp(first, end);
        (begin, (base + (i + 1) * self.window).clamp(first, end))
    }

    /// Where byte `place` of round `k` lies in the room.
    pub(super) fn in_room(&self, k: u64, place: u64) -> u64 {
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

/// In the words of members: how far a window got, and the errno that stopped it.
pub(super) fn stopped(transfer: &Transfer, at: u64) -> [u64; 2] {
    match transfer.failed {
        None => [u64::MAX, 0],
        Some(Errno(errno)) => [at + transfer.len, u64::from(errno.unsigned_abs())],
    }
}

/// The first place where a member was stopped, and why.
pub(super) fn first_stop(stops: impl Iterator<Item = [u64; 2]>) -> Option<(u64, Errno)> {
    let stops = stops.filter(|[_, errno]| *errno != 0);
    let first = stops.min_by_key(|[at, _]| *at);
    first.map(|[at, errno]| (at, Errno(i32::try_from(errno).unwrap_or(libc::EIO))))
}

/// The byte of a member's stream, from `at` on, that ends the part below `place` of the file.
pub(super) fn stream_before(access: Option<&Access>, at: u64, place: u64) -> u64 {
    let Some(access) = access.filter(|access| access.len > 0) else {
        return at;
    };
    let end = access.position + access.len;
    access.view.position_at(place, at, end)
}

/// What a member has moved where all were stopped at a place, if they were.
pub(super) fn outcome(
    file: &File,
    access: Option<&Access>,
    stop: Option<(u64, Errno)>,
    what: &str,
) -> Outcome {
    let Some(access) = access.filter(|access| access.len > 0) else {
        return Outcome::of(0, None);
    };
    let end = access.position + access.len;
    let Some((place, errno)) = stop else {
        return Outcome::of(access.len, None);
    };
    let moved = access.view.position_at(place, access.position, end) - access.position;
    let failed: Option<Error> =
        (errno != Errno(0) && moved < access.len).then(|| errno.error(what, &file.path));
    Outcome::of(moved, failed)
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
}
