//! Memory that all members of a file have mapped: its shared pointer, and room through
//! which collective accesses pass.

use super::shared::Words;
use crate::error::Result;
use crate::fail;
use crate::object::collective::Tag;
use crate::object::comm::Comm;
use crate::object::file::File;
use crate::rma::common::CommonMemory;
use std::cell::RefCell;
use std::ptr::NonNull;
use std::sync::Arc;

/// What members have in common; part of a [`File`].
#[derive(Debug)]
pub(super) struct Common {
    pointer: CommonMemory,
    room: RefCell<Option<Arc<CommonMemory>>>,
}

/// Makes what the members of `comm` have in common, with the shared pointer at 0. Part of
/// `MPI_File_open`.
///
/// # Errors
/// No memory that all members reach, or a peer was lost.
pub(super) fn make(comm: &Arc<Comm>, tag: Tag) -> Result<Common> {
    Ok(Common {
        pointer: CommonMemory::new(comm, tag, size_of::<Words>())?,
        room: RefCell::new(None),
    })
}

impl Common {
    fn words(&self) -> &Words {
        let at = self.pointer.at().cast::<Words>();
        // SAFETY: the memory has room for the words at a multiple of a page, was zero at
        // first, and is mapped as long as this lives; the fields are atomics.
        unsafe { at.as_ref() }
    }

    /// Sets the shared pointer of a file that is being opened, at rank 0.
    pub(super) fn set_pointer(&self, rank: u32, position: i64) {
        if rank == 0 {
            self.words().set(position);
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
pub(super) fn pointer(file: &File) -> Result<&Words> {
    Ok(of(file)?.words())
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
