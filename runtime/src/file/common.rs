//! What all members of a file have in common: its shared pointer, and room through which
//! collective accesses pass. Both lie in memory that all have mapped. Where members are on
//! several hosts there is no room, and rank 0 keeps the pointer.

use super::shared::Words;
use crate::error::Result;
use crate::fail;
use crate::object::collective::Tag;
use crate::object::comm::Comm;
use crate::object::file::File;
use crate::rma::common::CommonMemory;
use crate::rma::number::CommonNumber;
use std::cell::RefCell;
use std::ptr::NonNull;
use std::sync::Arc;

/// What members have in common; part of a [`File`].
#[derive(Debug)]
pub(super) struct Common {
    pointer: Pointer,
    room: RefCell<Option<Arc<CommonMemory>>>,
}

/// A shared pointer, in etypes of the view.
#[derive(Debug)]
pub(super) enum Pointer {
    /// Its words, in memory that all members have mapped.
    Mapped(CommonMemory),
    /// On several hosts.
    Served(CommonNumber),
}

impl Pointer {
    fn words(memory: &CommonMemory) -> &Words {
        let at = memory.at().cast::<Words>();
        // SAFETY: the memory has room for the words at a multiple of a page, was zero at
        // first, and is mapped as long as this lives; the fields are atomics.
        unsafe { at.as_ref() }
    }

    /// Moves the pointer to the first value of what `f` makes of it, and returns the second.
    /// `f` must not wait for others; where another process has moved the pointer meanwhile, it
    /// is called anew.
    ///
    /// # Errors
    /// That of `f`: the pointer stays. Or a peer was lost.
    pub(super) fn update<R>(&self, mut f: impl FnMut(i64) -> Result<(i64, R)>) -> Result<R> {
        match self {
            Pointer::Mapped(memory) => Pointer::words(memory).update(f),
            Pointer::Served(number) => number.update(&mut f),
        }
    }

    /// Where it is.
    ///
    /// # Errors
    /// A peer was lost.
    pub(super) fn get(&self) -> Result<i64> {
        match self {
            Pointer::Mapped(memory) => Pointer::words(memory).update(|now| Ok((now, now))),
            Pointer::Served(number) => number.get(),
        }
    }

    /// Moves it to `position`.
    ///
    /// # Errors
    /// A peer was lost.
    pub(super) fn set(&self, position: i64) -> Result<()> {
        self.update(|_| Ok((position, ())))
    }
}

/// Makes what the members of `comm` have in common, with the shared pointer at 0. Part of
/// `MPI_File_open`.
///
/// # Errors
/// No memory that all members reach, or a peer was lost.
pub(super) fn make(comm: &Arc<Comm>, tag: Tag) -> Result<Common> {
    let pointer = match comm.spans_hosts() {
        false => Pointer::Mapped(CommonMemory::new(comm, tag, size_of::<Words>())?),
        true => Pointer::Served(CommonNumber::new(comm, tag)?),
    };
    Ok(Common {
        pointer,
        room: RefCell::new(None),
    })
}

impl Common {
    /// Sets the shared pointer of a file that is being opened, at rank 0.
    ///
    /// # Errors
    /// A peer was lost.
    pub(super) fn set_pointer(&self, rank: u32, position: i64) -> Result<()> {
        match rank {
            0 => self.pointer.set(position),
            _ => Ok(()),
        }
    }
}

fn of(file: &File) -> Result<&Common> {
    match file.common.get().and_then(|common| common.downcast_ref()) {
        Some(common) => Ok(common),
        None => fail!(INTERN, "{} has no memory in common", file.label()),
    }
}

/// The shared pointer.
///
/// # Errors
/// There is none: a bug of the library.
pub(super) fn pointer(file: &File) -> Result<&Pointer> {
    Ok(&of(file)?.pointer)
}

/// Room of at least `len` bytes, which only collective accesses use. All members ask for
/// the same. `None`: there is no such memory, at any member.
pub(super) fn room(file: &File, tag: Tag, len: usize) -> Option<Arc<CommonMemory>> {
    let common = of(file).ok()?;
    let known = common
        .room
        .borrow()
        .clone()
        .filter(|room| room.len() >= len);
    if known.is_some() {
        return known;
    }
    let new = Arc::new(CommonMemory::new(&file.comm, tag, len).ok()?);
    *common.room.borrow_mut() = Some(new.clone());
    Some(new)
}

/// Where room begins, for reading and writing through raw pointers.
pub(super) fn at(room: &CommonMemory) -> NonNull<u8> {
    room.at()
}
