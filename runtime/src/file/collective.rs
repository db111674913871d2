//! Collective accesses (MPI 5.0, section 14.4): what members ask for, and which way their
//! bytes go.
//!
//! Each member tells the others where its access begins and ends and in how many pieces.
//! From that all of them choose alike:
//!
//! - each carries out its own access ([`Route::Direct`]): the kernel does it as fast, or
//!   there is no other way;
//! - the bytes pass through memory that all have mapped ([`super::staged`]), or by messages
//!   where members are on several hosts ([`super::exchanged`]): many short pieces that together
//!   cover a part of the file densely become few long ones.
//!
//! A member whose arguments are wrong takes part with nothing, so that no other waits for it.

use super::access::{Access, Direction, Outcome, Start, prepare};
use super::memory::Memory;
use super::{agree, staged};
use crate::error::{Class, Error, Result};
use crate::object::collective::Tag;
use crate::object::file::File;
use crate::{fail, lock};
use std::ffi::CStr;
use std::sync::Arc;

/// Pieces from this length on, in bytes on average, are moved by each member itself.
const LONG_PIECE: u64 = 16 << 10;
/// Fewer pieces than this in all are not worth an exchange.
const FEW_PIECES: u64 = 32;

/// What a member asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ask {
    /// Bytes.
    pub(super) len: u64,
    /// The first byte in the file, and the one behind the last.
    pub(super) span: (u64, u64),
    /// Pieces of it in the file.
    pub(super) pieces: u64,
    /// Whether it can go through memory in common.
    pub(super) can_be_staged: bool,
    /// What its hints say of that.
    pub(super) wish: Wish,
}

/// A value of the hints `romio_cb_read` and `romio_cb_write`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wish {
    /// `automatic`, or no hint.
    Automatic,
    /// `enable`.
    Enable,
    /// `disable`.
    Disable,
}

impl Wish {
    fn of(file: &File, direction: Direction) -> Wish {
        let key: &CStr = match direction {
            Direction::Read => c"romio_cb_read",
            Direction::Write => c"romio_cb_write",
        };
        let info = file.info.borrow();
        match (info.text(key), info.text(c"collective_buffering")) {
            (Some("enable"), _) => Wish::Enable,
            (Some("disable"), _) | (None, Some("false")) => Wish::Disable,
            _ => Wish::Automatic,
        }
    }
}

type Words = [u64; 5];

impl Ask {
    const NOTHING: Ask = Ask {
        len: 0,
        span: (0, 0),
        pieces: 0,
        can_be_staged: true,
        wish: Wish::Automatic,
    };

    fn of(access: &Access) -> Ask {
        let view = &access.view;
        if access.len == 0 {
            return Ask::NOTHING;
        }
        let last = access.position + access.len - 1;
        let first = view.place(access.position);
        let end = view.place(last).map(|place| place + 1);
        let is_plain = view.is_ordered() && !access.is_atomic;
        Ask {
            len: access.len,
            span: first.zip(end).unwrap_or((0, 0)),
            pieces: access.len.div_ceil(view.mean_extent().max(1)),
            can_be_staged: is_plain && first.is_some() && end.is_some(),
            wish: Wish::of(&access.file, access.direction),
        }
    }

    fn words(&self, direction: Direction) -> Words {
        let writes = u64::from(direction == Direction::Write) << 8;
        let flags = u64::from(self.can_be_staged) | (self.wish as u64) << 1 | writes;
        [self.len, self.span.0, self.span.1, self.pieces, flags]
    }

    fn from_words([len, first, end, pieces, flags]: Words) -> Ask {
        Ask {
            len,
            span: (first, end),
            pieces,
            can_be_staged: flags & 1 == 1,
            wish: match flags >> 1 & 0x7f {
                1 => Wish::Enable,
                2 => Wish::Disable,
                _ => Wish::Automatic,
            },
        }
    }
}

/// Fails where some members read while others write.
fn same_direction(tag: Tag, all: &[Words]) -> Result<()> {
    let (writers, readers): (Vec<_>, Vec<_>) = (0u32..)
        .zip(all)
        .partition(|(_, words)| words[4] >> 8 & 1 == 1);
    if writers.is_empty() || readers.is_empty() {
        return Ok(());
    }
    let listed = |members: &[(u32, &Words)]| {
        let plural = if members.len() == 1 { "" } else { "s" };
        let ranks = wireup::report::ranges(members.iter().map(|(rank, _)| *rank));
        format!("rank{plural} {ranks}")
    };
    let mut groups = [(writers, "write"), (readers, "read")];
    groups.sort_by_key(|(members, _)| std::cmp::Reverse(members.len()));
    let text = groups
        .iter()
        .map(|(members, what)| format!("{}: a collective {what}", listed(members)));
    let alone = match groups[1].0.len() == 1 && all.len() > 2 {
        true => " <- alone",
        false => "",
    };
    let text = text.collect::<Vec<_>>().join("; ");
    let number = tag.number() + 1;
    Err(Error::mismatch(
        Class::OTHER,
        format_args!("collective no. {number}: {text}{alone}"),
    ))
}

/// How the bytes of a collective access go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Route {
    /// Each member for itself.
    Direct,
    /// Through memory in common, or by messages: this part of the file.
    Staged {
        /// Its first byte.
        first: u64,
        /// The byte behind its last.
        end: u64,
    },
}

/// Which way all members go; alike at all, since it follows from what all have asked for.
fn route(asks: &[Ask], direction: Direction) -> Route {
    let some = || asks.iter().filter(|ask| ask.len > 0);
    let len = some().fold(0u64, |sum, ask| sum.saturating_add(ask.len));
    let pieces = some().fold(0u64, |sum, ask| sum.saturating_add(ask.pieces));
    let first = some().map(|ask| ask.span.0).min();
    let end = some().map(|ask| ask.span.1).max();
    let (Some(first), Some(end)) = (first, end) else {
        return Route::Direct;
    };
    if asks.len() < 2 || !some().all(|ask| ask.can_be_staged) {
        return Route::Direct;
    }
    let staged = Route::Staged { first, end };
    let has = |wish| some().any(|ask| ask.wish == wish);
    if has(Wish::Disable) {
        return Route::Direct;
    }
    if has(Wish::Enable) {
        return staged;
    }
    // Gaps are read in vain; where there are any, writes are each member's own after all.
    let room = match direction {
        Direction::Read => len.saturating_mul(4),
        Direction::Write => len.saturating_add(len / 8),
    };
    let is_dense = end - first <= room;
    match pieces >= FEW_PIECES && len / pieces < LONG_PIECE && is_dense {
        true => staged,
        false => Route::Direct,
    }
}

impl File {
    /// Whether a collective access may begin.
    ///
    /// # Errors
    /// Class IO: a split collective access has begun and not ended.
    pub(super) fn no_split(&self) -> Result<()> {
        if self.split.borrow().is_some() {
            fail!(
                IO,
                "a split collective access to {} has begun and not ended: until then no other \
                 collective access is allowed",
                self.label()
            );
        }
        Ok(())
    }
}

/// A collective access at an offset or at the individual pointer, which moves by
/// [`Outcome::etypes`]. `memory` is an error where this rank's arguments are wrong.
///
/// # Safety
/// As [`Access::carry_out`].
///
/// # Errors
/// As [`prepare`], or a peer was lost; what the file system refused is in the outcome.
pub unsafe fn blocking(
    file: &Arc<File>,
    direction: Direction,
    start: Start,
    memory: Result<Memory>,
) -> Result<Outcome> {
    file.no_split()?;
    let offset = match start {
        Start::Offset(offset) => offset,
        Start::Individual => file.position.get(),
    };
    let access = memory.and_then(|memory| {
        file.may_choose_place()?;
        // SAFETY: as the caller said.
        unsafe { prepare(file, direction, offset, memory) }
    });
    let mut moving = Route::Direct;
    let tag = agree::begin(file);
    if file.comm.size() > 1 {
        let ask = access.as_ref().map_or(Ask::NOTHING, Ask::of);
        let all = agree::exchange(&file.comm, tag, &ask.words(direction))?;
        same_direction(tag, &all)?;
        let asks: Vec<Ask> = all.into_iter().map(Ask::from_words).collect();
        moving = route(&asks, direction);
    }
    let outcome = match moving {
        Route::Staged { first, end } => {
            // SAFETY: as the caller said.
            let staged =
                unsafe { staged::run(file, tag, direction, access.as_ref().ok(), first, end) };
            staged.transpose()
        }
        Route::Direct => None,
    };
    let access = access?;
    let outcome = match outcome {
        Some(outcome) => outcome?,
        // SAFETY: as the caller said.
        None => lock::released(|| unsafe { access.carry_out() }),
    };
    // SAFETY: as the caller said.
    let outcome = unsafe { access.end(outcome) };
    if start == Start::Individual {
        file.position.set(offset + outcome.etypes(&access));
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(first: u64, end: u64, len: u64, pieces: u64) -> Ask {
        Ask {
            len,
            span: (first, end),
            pieces,
            ..Ask::NOTHING
        }
    }

    #[test]
    fn what_members_ask_survives_the_way() {
        for wish in [Wish::Automatic, Wish::Enable, Wish::Disable] {
            for can_be_staged in [true, false] {
                let one = Ask {
                    can_be_staged,
                    wish,
                    ..ask(1, 2, 3, 4)
                };
                assert_eq!(Ask::from_words(one.words(Direction::Write)), one);
            }
        }
    }

    #[test]
    fn short_dense_pieces_are_staged() {
        let all = |ask: Ask| route(&[ask, ask], Direction::Write);
        let dense = ask(100, 100 + 20_000, 10_000, 1000);
        let staged = Route::Staged {
            first: 100,
            end: 20_100,
        };
        assert_eq!(all(dense), staged);
        assert_eq!(route(&[dense, Ask::NOTHING], Direction::Read), staged);
        assert_eq!(route(&[dense], Direction::Write), Route::Direct);
        assert_eq!(all(Ask::NOTHING), Route::Direct);
        assert_eq!(all(ask(0, 1 << 20, 10_000, 1000)), Route::Direct, "sparse");
        assert_eq!(all(ask(0, 2 << 20, 1 << 20, 4)), Route::Direct, "few");
        assert_eq!(
            all(ask(0, 2 << 30, 1 << 30, 1 << 14)),
            Route::Direct,
            "long"
        );
        let wishes = |wish| all(Ask { wish, ..dense });
        assert_eq!(wishes(Wish::Disable), Route::Direct);
        let few = ask(0, 2 << 20, 1 << 20, 4);
        let wish = Wish::Enable;
        assert_ne!(all(Ask { wish, ..few }), Route::Direct);
        let can_be_staged = false;
        assert_eq!(
            all(Ask {
                can_be_staged,
                ..dense
            }),
            Route::Direct
        );
    }
}
