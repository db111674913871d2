//! Making and freeing windows (MPI 5.0, sections 12.2.2, 12.2.3 and 12.2.5).
//!
//! All members take part, and agree on everything:
//!
//! 1. Each member sends its size, its displacement unit and what its hints ask for to
//!    all others; rank 0 also a context id.
//! 2. The owners of memory (rank 0 where the window is one piece, otherwise everybody)
//!    make memory of the first kind of [`memory`] and send its location. Every member
//!    tries to map all of it, and sends whether that worked. If it failed for any
//!    member, the next kind is tried.
//!
//! Of members on several hosts each maps what those of its own host have made, and the first
//! of each host makes room for the words that its members synchronize by.

use super::active;
use super::control;
use super::hints;
use super::memory::{self, Location, MemoryKind, Piece};
use super::remote::Remote;
use super::serve;
use crate::error::{Class, Error, Result};
use crate::object::collective::Tag;
use crate::object::comm::{Comm, ContextId};
use crate::object::group::{self, Proc};
use crate::object::info::Info;
use crate::object::win::{self, Flavor, Part, PartReach, Win};
use crate::{coll, comm_make, fail};
use std::any::Any;
use std::ptr::NonNull;
use std::sync::Arc;
use wireup::collective::Kind;

/// What one member passes to the call.
#[derive(Clone, Debug)]
pub struct WindowSpec {
    /// Bytes.
    pub size: usize,
    /// Bytes of a unit of displacement; above 0.
    pub disp_unit: i64,
    /// By which call.
    pub flavor: Flavor,
    /// Its hints.
    pub info: Info,
}

/// What a member sends first: size, unit, alignment, 1 if pieces may lie apart,
/// context id.
type Terms = [u64; 5];

/// In place of a context id: rank 0 has none left.
const NO_CONTEXT: u64 = u64::MAX;

/// Makes a window over the group of `comm`, and says its handle.
///
/// # Errors
/// `comm` is an intercommunicator, a hint cannot be met, a peer was lost, or there
/// is no memory.
pub fn allocate(comm: &Arc<Comm>, wanted: &WindowSpec) -> Result<usize> {
    let comm = comm.clone();
    comm_make::intra::only_intra(&comm)?;
    let kind = match wanted.flavor {
        Flavor::Allocate => Kind::WIN_ALLOCATE,
        _ => Kind::WIN_ALLOCATE_SHARED,
    };
    let tag = comm.begin_collective(kind).peers;
    let raw = win::insert(make(&comm, tag, wanted)?)?;
    let win = win::get(raw)?;
    if win.remote.is_some() {
        serve::begin(&win);
    }
    Ok(raw)
}

/// A window without a handle, which nobody serves yet. Part of a collective call with `tag`.
///
/// # Errors
/// As [`allocate`].
pub(super) fn make(comm: &Arc<Comm>, tag: Tag, wanted: &WindowSpec) -> Result<Win> {
    let spans_hosts = comm.spans_hosts();
    let align = crate::memory::alignment(&wanted.info)?;
    if spans_hosts && wanted.flavor == Flavor::Shared {
        fail!(
            RMA_SHARED,
            "{} has members on several hosts, which share no memory: MPI_Comm_split_type with MPI_COMM_TYPE_SHARED makes a communicator for each host",
            comm.label()
        );
    }
    let context = context_of(comm);
    let mine: Terms = [
        wanted.size as u64,
        wanted.disp_unit.cast_unsigned(),
        align as u64,
        u64::from(wanted.flavor == Flavor::Allocate || hints::is_noncontiguous(&wanted.info)),
        context_word(&context),
    ];
    let terms = exchange(comm, tag, &mine)?;
    context?;
    let context = chosen_context(terms[0][4])?;
    let align = terms.iter().map(|terms| terms[2]).max().unwrap_or(1);
    let align = usize::try_from(align).unwrap_or(usize::MAX);
    let apart = terms.iter().all(|terms| terms[3] == 1);
    let sizes: Vec<u64> = terms.iter().map(|terms| terms[0]).collect();
    let leaders = leaders(comm);
    let places = places(&sizes, align, apart, &leaders)?;
    let pieces = obtain(comm, tag, &places.lens, align.max(memory::page()))?;

    let piece = |owner: usize| {
        pieces[owner]
            .as_ref()
            .map_or(NonNull::dangling(), Piece::at)
    };
    let parts = terms.iter().zip(&places.parts).zip(&sizes);
    let parts = parts.map(|((terms, (owner, offset)), size)| Part {
        base: piece(*owner).as_ptr().wrapping_add(*offset),
        home: 0, // nobody looks for it there
        reach: PartReach::Mapped,
        size: usize::try_from(*size).unwrap_or(0), // `places` has added them up
        disp_unit: terms[1].cast_signed(),
    });
    let mut parts: Vec<Part> = parts.collect();
    if spans_hosts {
        find_homes(comm, tag, &mut parts)?;
    }
    let own = Comm::new(context, comm.rank, comm.group.clone(), None).beside(comm);
    let control = piece(first_here(comm));
    let remote = spans_hosts.then(|| Box::new(Remote::default()) as Box<dyn Any>);
    let memory = Box::new(pieces);
    let new = Win::new(own, parts, wanted.flavor, control, memory, remote);
    *new.info.borrow_mut() = hints::taken(&wanted.info, wanted.flavor);
    Ok(new)
}

/// Tells the others where this member's part begins in its memory, and says of theirs on
/// other hosts where they begin, and how they are reached.
fn find_homes(comm: &Arc<Comm>, tag: Tag, parts: &mut [Part]) -> Result<()> {
    let own = parts[comm.rank as usize].base.expose_provenance() as u64;
    let homes = exchange(comm, tag, &[own])?;
    for ((part, proc), [home]) in parts.iter_mut().zip(comm.group.iter()).zip(homes) {
        part.home = home;
        if group::is_on_other_node(proc) {
            part.base = std::ptr::null_mut();
            part.reach = PartReach::OtherHost;
        }
    }
    Ok(())
}

/// By rank, whether a member's piece has the words that those of its host synchronize by:
/// the first of each host has.
pub(super) fn leaders(comm: &Comm) -> Vec<bool> {
    if !comm.spans_hosts() {
        return (0..comm.size()).map(|rank| rank == 0).collect();
    }
    let mut seen = Vec::new();
    let is_first = |proc| {
        let place = group::place_of(proc);
        let is_new = !seen.contains(&place);
        seen.push(place);
        is_new
    };
    comm.group.iter().map(is_first).collect()
}

/// The rank whose piece has the words of this host's members.
pub(super) fn first_here(comm: &Comm) -> usize {
    if !comm.spans_hosts() {
        return 0;
    }
    let is_here = |proc| !group::is_on_other_node(proc);
    comm.group.iter().position(is_here).unwrap_or(0)
}

/// At rank 0, the context id of a new window.
pub(super) fn context_of(comm: &Comm) -> Result<ContextId> {
    match comm.rank {
        0 => comm_make::take_context_for(comm),
        _ => Ok(ContextId(0)),
    }
}

/// How rank 0 tells of the context id.
pub(super) fn context_word(context: &Result<ContextId>) -> u64 {
    context.as_ref().map_or(NO_CONTEXT, |c| u64::from(c.0))
}

/// The context id that rank 0 has told of.
///
/// # Errors
/// It had none left.
pub(super) fn chosen_context(word: u64) -> Result<ContextId> {
    match u32::try_from(word) {
        Ok(context) => Ok(ContextId(context)),
        Err(_) => fail!(
            NO_MEM,
            "rank 0, which chooses the context id, had none left"
        ),
    }
}

/// Sends `mine` to all members of `comm`, and returns what each has sent, by rank.
pub(super) fn exchange<const N: usize>(
    comm: &Arc<Comm>,
    tag: Tag,
    mine: &[u64; N],
) -> Result<Vec<[u64; N]>> {
    let bytes = |words: &[u64; N]| words.map(u64::to_ne_bytes).concat();
    let mut all = vec![0; comm.size() as usize * N * 8];
    coll::allgather_bytes(comm, tag, &bytes(mine), &mut all)?;
    let (words, _) = all.as_chunks::<8>();
    let words: Vec<u64> = words.iter().map(|word| u64::from_ne_bytes(*word)).collect();
    Ok(words.as_chunks::<N>().0.to_vec())
}

/// How a window lies in its members' pieces.
#[derive(PartialEq, Eq, Debug)]
struct WindowLayout {
    /// Bytes of each member's piece; 0: it has none.
    lens: Vec<usize>,
    /// Where each member's part is: in whose piece, and how far from its beginning.
    parts: Vec<(usize, usize)>,
}

/// # Errors
/// Class SIZE: all of it together is more than an address space holds.
fn places(sizes: &[u64], align: usize, apart: bool, leaders: &[bool]) -> Result<WindowLayout> {
    let members = u32::try_from(sizes.len()).unwrap_or(u32::MAX);
    let first = control::len(members).checked_next_multiple_of(align.max(128));
    let mut lens = vec![0; sizes.len()];
    let mut parts = Vec::with_capacity(sizes.len());
    let mut end = first;
    for (rank, size) in sizes.iter().enumerate() {
        let size = usize::try_from(*size).ok();
        if apart && rank > 0 {
            let before = if leaders[rank] { first } else { Some(0) };
            let len = before
                .zip(size)
                .and_then(|(before, size)| before.checked_add(size))
                .filter(|len| isize::try_from(*len).is_ok());
            parts.push((rank, before.unwrap_or(0)));
            lens[rank] = len.unwrap_or(0).max(1);
            end = end.filter(|_| len.is_some());
            continue;
        }
        parts.push((0, end.unwrap_or(0)));
        end = end
            .zip(size)
            .and_then(|(end, size)| end.checked_add(size))
            .filter(|end| isize::try_from(*end).is_ok());
    }
    let Some(end) = end else {
        fail!(
            SIZE,
            "the sizes of all ranks are {sizes:?} bytes, together more than an address space holds"
        );
    };
    lens[0] = end;
    Ok(WindowLayout { lens, parts })
}

/// All members' pieces, by rank, as this process has them; those of other hosts it has not.
pub(super) fn obtain(
    comm: &Arc<Comm>,
    tag: Tag,
    lens: &[usize],
    align: usize,
) -> Result<Vec<Option<Piece>>> {
    let me = comm.rank as usize;
    let kinds: &[MemoryKind] = match lens.len() {
        1 => &[MemoryKind::Alone],
        // Each job has a heap and a segment of its own.
        _ if comm.is_foreign && !comm.spans_hosts() => &[MemoryKind::File],
        _ => &[MemoryKind::Heap, MemoryKind::File, MemoryKind::Segment],
    };
    for kind in kinds {
        let new = match lens[me] {
            0 => None,
            len => memory::make(*kind, len, align),
        };
        let own = new.as_ref().map_or([0; 5], |new| new.location);
        let made = lens[me] == 0 || new.is_some();
        let locations = exchange(
            comm,
            tag,
            &[u64::from(made), own[0], own[1], own[2], own[3], own[4]],
        )?;
        let (piece, open) = new.map_or((None, None), |new| {
            let (piece, open) = new.split();
            (Some(piece), open)
        });
        let mut reached = None;
        if locations.iter().all(|sent| sent[0] == 1) {
            reached = reach_all(comm, *kind, lens, &locations, piece);
        }
        let agreed = exchange(comm, tag, &[u64::from(reached.is_some())])?;
        drop(open);
        match reached {
            Some(pieces) if agreed.iter().all(|there| there[0] == 1) => return Ok(pieces),
            _ => {}
        }
    }
    let most = lens.iter().max().copied().unwrap_or(0);
    fail!(
        NO_MEM,
        "there is no memory for the window that all its {} members reach; the largest piece is {most} bytes at a multiple of {align}",
        lens.len()
    )
}

fn reach_all(
    comm: &Comm,
    kind: MemoryKind,
    lens: &[usize],
    locations: &[[u64; 6]],
    mut own: Option<Piece>,
) -> Option<Vec<Option<Piece>>> {
    let mut pieces = Vec::with_capacity(lens.len());
    for ((rank, len), sent) in (0u32..).zip(lens).zip(locations) {
        let owner: Proc = comm.group.proc(rank)?;
        let [_, location @ ..] = sent;
        let location: &Location = location;
        pieces.push(match len {
            0 => None,
            _ if rank == comm.rank => own.take(),
            _ if group::is_on_other_node(owner) => None,
            len => Some(memory::reach(kind, owner, location, *len)?),
        });
    }
    Some(pieces)
}

/// `MPI_Win_free`: waits for all members, then gives the memory back.
///
/// # Errors
/// An epoch is open, an attribute's delete function failed (the window stays), or
/// `raw` is no window.
pub fn free(raw: usize) -> Result<()> {
    let win = win::get(raw)?;
    let epochs = win.epochs.borrow();
    let open = active::open(&epochs).or_else(|| active::fenced(&epochs));
    drop(epochs);
    if let Some(open) = open {
        return Err(Error::new(
            Class::RMA_SYNC,
            format!("{} cannot be freed: {open}", win.label()),
        ));
    }
    win.attributes.clear(raw)?;
    active::barrier(&win)?;
    win::remove(raw)?;
    serve::end(&win); // nobody asks any more
    // Others may still be looking at the words of the barrier, which rank 0 owns.
    if !win.spans_hosts() {
        active::last_word(&win)?;
    }
    drop(win.memory.take());
    if let Some(remote) = Remote::of(&win) {
        remote.own.borrow_mut().exposed.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_one_another_or_lie_apart() {
        let first = control::len(3).next_multiple_of(256);
        let one = [true, false, false];
        let together = places(&[100, 0, 7], 256, false, &one).unwrap();
        assert_eq!(together.lens, [first + 107, 0, 0]);
        let begin = first + 100;
        assert_eq!(together.parts, [(0, first), (0, begin), (0, begin)]);
        let apart = places(&[100, 0, 7], 256, true, &one).unwrap();
        assert_eq!(apart.lens, [first + 100, 1, 7]);
        assert_eq!(apart.parts, [(0, first), (1, 0), (2, 0)]);
        let hosts = places(&[100, 0, 7], 256, true, &[true, false, true]).unwrap();
        assert_eq!(hosts.lens, [first + 100, 1, first + 7]);
        assert_eq!(hosts.parts, [(0, first), (1, 0), (2, first)]);
        let none = places(&[0, 0], 64, false, &one).unwrap();
        assert_eq!(none.lens, [control::len(2), 0]);
        let much = u64::MAX / 2;
        for apart in [false, true] {
            let refused = places(&[much, much], 64, apart, &one).unwrap_err();
            assert_eq!(refused.class(), Class::SIZE);
        }
    }
}
