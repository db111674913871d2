//! Tables of attached memory: this process's, and copies of others'.

use super::control::TableState;
use super::expose::Exposure;
use super::runs::Run;
use crate::error::Result;
use crate::object::win::{PartReach, Win};
use crate::pml::remote;
use crate::{fail, memory};
use std::collections::HashMap;
use std::ptr::NonNull;

/// A piece of attached memory, as a table has it.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Attached {
    pub(super) start: u64,
    pub(super) len: u64,
    /// How it is reached, by the number of a [`PartReach`]'s [`code`].
    pub(super) reach: u64,
    /// The address at which peers map its first byte, where they do.
    pub(super) found: u64,
}

const _: () = assert!(size_of::<Attached>() == 32);

/// Pieces that there is room for at first.
const ROOM: usize = 32;

/// The table of this process, in memory that peers may map.
#[derive(Default)]
pub(super) struct OwnTable {
    at: Option<NonNull<Attached>>,
    room: usize,
    pieces: usize,
    /// The beginnings of pieces without bytes, which are in no table.
    pub(super) empty: Vec<u64>,
    /// What peers were given to access, by address.
    pub(super) exposed: HashMap<u64, Exposure>,
}

impl OwnTable {
    pub(super) fn pieces(&self) -> &[Attached] {
        match self.at {
            // SAFETY: so many pieces are there; only this process writes them, through
            // this value.
            Some(at) => unsafe { std::slice::from_raw_parts(at.as_ptr(), self.pieces) },
            None => &[],
        }
    }

    pub(super) fn state(&self) -> TableState {
        TableState {
            at: self
                .at
                .map_or(0, |at| at.as_ptr().expose_provenance() as u64),
            pieces: self.pieces as u64,
        }
    }

    /// Room for one more piece; what is to be given back once peers know the new place.
    pub(super) fn grow(&mut self) -> Result<Option<NonNull<Attached>>> {
        if self.pieces < self.room {
            return Ok(None);
        }
        let room = (self.room * 2).max(ROOM);
        let new = memory::allocate(room * size_of::<Attached>(), 64)?.cast::<Attached>();
        // SAFETY: as much room as there was, and more, elsewhere.
        unsafe { new.copy_from_nonoverlapping(self.pieces().as_ptr(), self.pieces) };
        self.room = room;
        Ok(std::mem::replace(&mut self.at, NonNull::new(new)))
    }

    /// # Safety
    /// Peers have been told that the table changes, and there is room.
    pub(super) unsafe fn insert(&mut self, index: usize, piece: Attached) {
        let Some(at) = self.at else { return };
        let first = at.as_ptr();
        // SAFETY: there is room for one piece behind the last.
        unsafe {
            let place = first.add(index);
            place.copy_to(place.add(1), self.pieces - index);
            place.write(piece);
        }
        self.pieces += 1;
    }

    /// # Safety
    /// Peers have been told that the table changes.
    pub(super) unsafe fn remove(&mut self, index: usize) {
        let Some(at) = self.at else { return };
        // SAFETY: the piece `index`, and those behind it.
        unsafe {
            let place = at.as_ptr().add(index);
            place.add(1).copy_to(place, self.pieces - index - 1);
        }
        self.pieces -= 1;
    }
}

impl Drop for OwnTable {
    fn drop(&mut self) {
        if let Some(at) = self.at {
            // SAFETY: it came from `memory::allocate`; the window is gone.
            unsafe { memory::free(at.as_ptr().cast()) };
        }
    }
}

/// The tables of other members, by rank, with the numbers that they had.
#[derive(Default)]
pub(super) struct CachedTables(pub(super) HashMap<u32, (u64, Vec<Attached>)>);

/// How peers reach memory of this process, as it tells them.
pub(super) fn own_reach(start: u64, len: usize) -> PartReach {
    if !remote::lets_peers_write() {
        PartReach::Messages
    } else if remote::is_replaced(start, len) {
        PartReach::Replaced
    } else {
        PartReach::Remote
    }
}

/// The number of a way to reach memory: the fewer ways there are, the higher.
pub(super) fn code(reach: PartReach) -> u64 {
    match reach {
        PartReach::Mapped | PartReach::Remote => 0,
        PartReach::Replaced => 1,
        PartReach::Messages | PartReach::OtherHost => 2,
    }
}

/// The way with this number.
pub(super) fn of_code(code: u64) -> PartReach {
    match code {
        0 => PartReach::Remote,
        1 => PartReach::Replaced,
        _ => PartReach::Messages,
    }
}

/// How attached memory is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Reach {
    pub(super) by: PartReach,
    /// How far from its address peers map it, the same for all of it. `None`: it differs.
    pub(super) shift: Option<u64>,
}

/// Whether every byte of `runs` is in a piece of what `rank` has attached.
///
/// # Errors
/// Class RMA_RANGE: some of it is not.
pub(super) fn covered(win: &Win, rank: u32, pieces: &[Attached], runs: &[Run]) -> Result<Reach> {
    let mut reach = PartReach::Remote;
    let (mut shift, mut is_same) = (None, true);
    for (start, len) in runs {
        let Some(end) = start.checked_add(*len as u64) else {
            return outside(win, rank, (*start, *len), *start);
        };
        let mut at = *start;
        while at < end {
            let index = pieces.partition_point(|piece| piece.start <= at);
            let piece = index.checked_sub(1).map(|index| pieces[index]);
            match piece.filter(|piece| at < piece.start + piece.len) {
                Some(piece) => {
                    reach = of_code(code(reach).max(piece.reach));
                    let by = piece.found.wrapping_sub(piece.start);
                    is_same &= *shift.get_or_insert(by) == by;
                    at = piece.start + piece.len;
                }
                None => return outside(win, rank, (*start, *len), at),
            }
        }
    }
    Ok(Reach {
        by: reach,
        shift: shift.filter(|_| is_same),
    })
}

#[cold]
fn outside<T>(win: &Win, rank: u32, (start, len): Run, at: u64) -> Result<T> {
    fail!(
        RMA_RANGE,
        "the {len} bytes at {start:#x} of rank {rank} are not all attached to {}: {at:#x} is not",
        win.label()
    )
}
