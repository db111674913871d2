//! What members have attached to a dynamic window (MPI 5.0, section 12.2.4).
//!
//! Each member keeps a table, sorted by address, in memory of its own, and says in its
//! words of the window where that is and how many pieces it has. A number beside them is
//! odd while they change, and grows with each change. An origin copies the table when the
//! number is not the one of its copy: so attaching tells nobody, and an access to what was
//! attached before looks at one word of the target's. What is attached on another host is
//! checked by the target, so that an error is told when the access is completed.

use super::control::{self, TableState};
use super::elements::Elements;
use super::expose::Exposure;
use super::far::{self, RemotePlace};
use super::remote::Remote;
use super::runs::{self, Run};
use super::table::{Attached, Reach, code, covered};
use crate::error::Result;
use crate::fail;
use crate::memory;
use crate::object::datatype;
use crate::object::win::{Flavor, PartReach, Win};
use std::ptr::NonNull;

fn dynamic(win: &Win) -> Result<&Remote> {
    match (win.flavor, Remote::of(win)) {
        (Flavor::Dynamic, Some(remote)) => Ok(remote),
        _ => fail!(
            RMA_FLAVOR,
            "{} was not made by MPI_Win_create_dynamic, so that no memory can be attached to it",
            win.label()
        ),
    }
}

/// `MPI_Win_attach`.
///
/// # Errors
/// The window is not dynamic, or some of the memory is attached already.
pub fn attach(win: &Win, base: *mut u8, size: usize) -> Result<()> {
    let remote = dynamic(win)?;
    let (start, len) = (base.expose_provenance() as u64, size as u64);
    let Some(end) = start.checked_add(len) else {
        fail!(
            SIZE,
            "{len} bytes at {start:#x} are more than an address space holds"
        );
    };
    let mut own = remote.own.borrow_mut();
    if len == 0 {
        own.empty.push(start);
        return Ok(());
    }
    let pieces = own.pieces();
    let index = pieces.partition_point(|piece| piece.start < start);
    let before = index.checked_sub(1).map(|before| pieces[before]);
    let overlaps = |piece: &Attached| piece.start < end && start < piece.start + piece.len;
    let near = before.into_iter().chain(pieces.get(index).copied());
    if let Some(other) = near.into_iter().find(overlaps) {
        fail!(
            RMA_ATTACH,
            "{len} bytes at {start:#x} cannot be attached to {}: the {} bytes at {:#x} are attached already",
            win.label(),
            other.len,
            other.start
        );
    }
    let old = own.grow()?;
    let exposure = Exposure::new(start, size);
    let piece = Attached {
        start,
        len,
        reach: code(exposure.reach),
        found: exposure.found,
    };
    own.exposed.insert(start, exposure);
    control::of(win).change_table(win.comm.rank, || {
        // SAFETY: peers have been told, and there is room.
        unsafe { own.insert(index, piece) };
        own.state()
    });
    give_back(old);
    Ok(())
}

/// Gives the memory of an earlier table back. A peer that reads it finds then that the
/// table has changed.
fn give_back(old: Option<NonNull<Attached>>) {
    if let Some(old) = old {
        // SAFETY: it came from `memory::allocate`, and is not the table any more.
        unsafe { memory::free(old.as_ptr().cast()) };
    }
}

/// `MPI_Win_detach`.
///
/// # Errors
/// The window is not dynamic, or nothing that begins at `base` is attached.
pub fn detach(win: &Win, base: *const u8) -> Result<()> {
    let remote = dynamic(win)?;
    let start = base.addr() as u64;
    let mut own = remote.own.borrow_mut();
    let found = own
        .pieces()
        .binary_search_by_key(&start, |piece| piece.start);
    if let Ok(index) = found {
        control::of(win).change_table(win.comm.rank, || {
            // SAFETY: peers have been told.
            unsafe { own.remove(index) };
            own.state()
        });
        own.exposed.remove(&start);
        return Ok(());
    }
    match own.empty.iter().position(|empty| *empty == start) {
        Some(at) => {
            own.empty.swap_remove(at);
            Ok(())
        }
        None => fail!(
            BASE,
            "no memory that begins at {start:#x} is attached to {}",
            win.label()
        ),
    }
}

/// Whether all of `runs` is attached at `rank`, and how it is reached.
///
/// # Errors
/// Class RMA_RANGE: some of it is not.
pub(super) fn check(win: &Win, rank: u32, runs: &[Run]) -> Result<Reach> {
    let remote = dynamic(win)?;
    if rank == win.comm.rank {
        return covered(win, rank, remote.own.borrow().pieces(), runs);
    }
    let control = control::of(win);
    loop {
        let (number, state) = control.table(rank);
        {
            let tables = remote.tables.borrow();
            if let Some((known, pieces)) = tables.0.get(&rank)
                && *known == number
            {
                return covered(win, rank, pieces, runs);
            }
        }
        let table = fetch(win, rank, state);
        // It may have moved meanwhile, and what was read be anything.
        if control.table(rank).0 == number {
            let table = (number, table?);
            remote.tables.borrow_mut().0.insert(rank, table);
        }
    }
}

/// Copies the table of another member.
fn fetch(win: &Win, rank: u32, state: TableState) -> Result<Vec<Attached>> {
    let pieces = usize::try_from(state.pieces).unwrap_or(0);
    let len = pieces.saturating_mul(size_of::<Attached>());
    let mut bytes = runs::room(len)?;
    let elements = |addr: *mut u8| Elements {
        addr,
        count: len,
        datatype: datatype::byte(),
    };
    if let Some(peer) = win.comm.group.proc(rank)
        && len > 0
    {
        let place = RemotePlace {
            peer,
            rank,
            addr: state.at,
            reach: PartReach::Remote,
        };
        let (here, there) = (elements(bytes.as_mut_ptr()), elements(std::ptr::null_mut()));
        // SAFETY: the bytes stay until the access is over, which is waited for.
        let mut unanswered = unsafe { far::get(win, &place, &here, &there) }?;
        crate::pml::wait(|| unanswered.waits_for(), || unanswered.is_done());
        unanswered.finish(win)?;
    }
    let words = bytes.as_chunks::<8>().0.iter();
    let words: Vec<u64> = words.map(|word| u64::from_ne_bytes(*word)).collect();
    let pieces = words.as_chunks::<4>().0.iter();
    Ok(pieces
        .map(|[start, len, reach, found]| Attached {
            start: *start,
            len: (*len).min(u64::MAX - *start), // garbage until the number is checked
            reach: *reach,
            found: *found,
        })
        .collect())
}
