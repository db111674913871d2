//! Shared file pointers (MPI 5.0, sections 14.4.4 and 14.4.5): one for all members of a
//! file, in memory that all of them have mapped, or kept by rank 0 where some are on other
//! hosts ([`common::Pointer`]).
//!
//! An access takes its part of the view's stream by moving the pointer, and is carried out
//! afterwards, side by side with those of other members. A read takes no more than there
//! is: at the end of the file the pointer stays.

use super::access::{Access, Direction, Outcome, prepare};
use super::memory::Memory;
use super::pointer::{self, Whence};
use super::{agree, common};
use crate::error::{Error, Result};
use crate::fail;
use crate::lock;
use crate::object::file::File;
use crate::object::file::view::View;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

/// The pointer and what guards it. Zero at first.
#[repr(C, align(128))]
#[derive(Debug)]
pub(super) struct Words {
    /// 1: somebody is about to move it.
    guard: AtomicU32,
    /// Etypes of the view.
    position: AtomicI64,
}

const _: () = assert!(size_of::<Words>() == 128);

impl Words {
    /// Moves the pointer to the first value of what `f` makes of it, while no other process
    /// moves it, and returns the second. `f` must not wait for others.
    pub(super) fn update<R>(&self, f: impl FnOnce(i64) -> Result<(i64, R)>) -> Result<R> {
        lock::guarded(&self.guard, || {
            let (position, result) = f(self.position.load(Ordering::Relaxed))?; // the guard orders it
            self.position.store(position, Ordering::Relaxed); // as above
            Ok(result)
        })
    }
}

/// Etypes that an access may take at `position`: all of `wanted` for a write, and for a
/// read those that begin before the end of the file.
fn available(
    file: &File,
    view: &View,
    direction: Direction,
    position: i64,
    wanted: i64,
) -> Result<i64> {
    match direction {
        Direction::Write => Ok(wanted),
        Direction::Read => {
            let end = pointer::end_of_file(file, view)?;
            Ok(wanted.min(end.saturating_sub(position).max(0)))
        }
    }
}

/// Checks an access at the shared pointer, and moves that behind it.
///
/// # Safety
/// As [`prepare`].
///
/// # Errors
/// As [`prepare`].
pub(super) unsafe fn take(
    file: &Arc<File>,
    direction: Direction,
    memory: Memory,
) -> Result<Access> {
    // SAFETY: as the caller said.
    let mut access = unsafe { prepare(file, direction, 0, memory) }?;
    let view = access.view.clone();
    let wanted = access.etypes();
    let (position, taken) = common::pointer(file)?.update(|position| {
        let taken = available(file, &view, direction, position, wanted)?;
        access.place_at(position, taken)?;
        Ok((position + taken, (position, taken)))
    })?;
    debug_assert!(position >= 0 && taken >= 0);
    Ok(access)
}

/// A blocking access of this process at the shared pointer.
///
/// # Safety
/// As [`Access::carry_out`].
///
/// # Errors
/// As [`prepare`]; what the file system refused is in the outcome.
pub unsafe fn blocking(file: &Arc<File>, direction: Direction, memory: Memory) -> Result<Outcome> {
    // SAFETY: as the caller said.
    unsafe {
        let access = take(file, direction, memory)?;
        Ok(access.end(lock::released(|| access.carry_out())))
    }
}

/// Rank 0's answer in [`ordered`]: it could not look at the file.
const NO_POSITION: u64 = u64::MAX;

/// A collective access at the shared pointer: the members' parts lie in the order of their
/// ranks. `memory` is an error where this rank's arguments are wrong: it then takes nothing.
///
/// # Safety
/// As [`Access::carry_out`].
///
/// # Errors
/// As [`prepare`], or a peer was lost.
pub unsafe fn ordered(
    file: &Arc<File>,
    direction: Direction,
    memory: Result<Memory>,
) -> Result<Outcome> {
    file.no_split()?;
    let tag = agree::begin(file);
    // SAFETY: as the caller said.
    let access = memory.and_then(|memory| unsafe { prepare(file, direction, 0, memory) });
    let own = access.as_ref().map_or(0, Access::etypes);
    let all = agree::exchange(&file.comm, tag, &[own.cast_unsigned()])?;
    let wanted = |ranks: &[[u64; 1]]| {
        ranks
            .iter()
            .fold(0i64, |sum, [n]| sum.saturating_add(n.cast_signed()))
    };
    let (before, total) = (wanted(&all[..file.comm.rank as usize]), wanted(&all));

    let mut taken = Ok([0, 0]);
    if file.comm.rank == 0 {
        let view = file.view();
        taken = common::pointer(file)?.update(|position| {
            let taken = available(file, &view, direction, position, total)?;
            let Some(behind) = position.checked_add(taken) else {
                fail!(
                    ARG,
                    "the shared file pointer is at {position}, and cannot move by {taken}"
                );
            };
            Ok((behind, [position.cast_unsigned(), taken.cast_unsigned()]))
        });
    }
    let words = *taken.as_ref().unwrap_or(&[NO_POSITION, 0]);
    let answers = agree::exchange(&file.comm, tag, &words)?;
    let mut access = access?;
    taken?;
    let [position, taken] = answers[0];
    if position == NO_POSITION {
        fail!(IO, "rank 0, which moves the shared file pointer, could not");
    }
    let mine = own.min(taken.cast_signed().saturating_sub(before).max(0));
    let position = position
        .cast_signed()
        .saturating_add(before.min(taken.cast_signed()));
    access.place_at(position, mine)?;
    // SAFETY: as the caller said.
    Ok(unsafe { access.end(lock::released(|| access.carry_out())) })
}

/// `MPI_File_get_position_shared`: etypes of the view.
///
/// # Errors
/// The file was opened with `MPI_MODE_SEQUENTIAL`.
pub fn position(file: &File) -> Result<i64> {
    file.may_choose_place()?;
    current(file)
}

/// Where the pointer is, in etypes of the view.
///
/// # Errors
/// There is no pointer.
pub(super) fn current(file: &File) -> Result<i64> {
    common::pointer(file)?.get()
}

/// `MPI_File_seek_shared`: a collective call.
///
/// # Errors
/// Arguments that are wrong or differ among ranks, a target before the beginning of the
/// view.
pub fn seek(file: &File, offset: i64, whence: i32) -> Result<()> {
    let tag = agree::begin(file);
    let checked = file.may_choose_place().and_then(|()| Whence::of(whence));
    let words = match &checked {
        Ok(_) => Ok([offset.cast_unsigned(), u64::from(whence.cast_unsigned())]),
        Err(error) => Err(Error::new(error.class(), error.text())),
    };
    let all = agree::all_or_none(&file.comm, tag, words)?;
    let whence = checked?;
    if let Some(rank) = all.iter().position(|other| *other != all[0]) {
        let ([first, from], [other, its]) = (all[0], all[rank]);
        fail!(
            NOT_SAME,
            "offset and whence are {} and {from} at rank 0, but {} and {its} at rank {rank}",
            first.cast_signed(),
            other.cast_signed()
        );
    }
    let mut own = Ok(());
    if file.comm.rank == 0 {
        own = common::pointer(file)?.update(|current| {
            let target = pointer::target(file, &file.view(), current, offset, whence)?;
            Ok((target, ()))
        });
    }
    agree::all_succeed(&file.comm, tag, own)
}

/// Sets the pointer at rank 0. Part of a collective call: all members are in it, and none
/// leaves it before rank 0 has told them.
///
/// # Errors
/// There is no pointer.
pub(super) fn set(file: &File, position: i64) -> Result<()> {
    if file.comm.rank == 0 {
        return common::pointer(file)?.set(position);
    }
    Ok(())
}
