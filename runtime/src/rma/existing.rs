//! Windows over memory that the program has: of `MPI_Win_create`, and of
//! `MPI_Win_create_dynamic` (MPI 5.0, sections 12.2.1 and 12.2.4).
//!
//! Their words lie in a small piece that rank 0 makes, and of members on several hosts the
//! first of each. Each member tells the others where
//! its memory is, and each of them maps it if that can be, or reaches it otherwise; if
//! anybody must, all serve accesses by messages.

use super::control;
use super::create::{self, WindowSpec, chosen_context, context_of, context_word, exchange};
use super::expose::Exposure;
use super::hints;
use super::memory::{self, Piece};
use super::remote::Remote;
use super::serve;
use super::table;
use crate::comm_make;
use crate::error::Result;
use crate::object::comm::Comm;
use crate::object::group;
use crate::object::info::Info;
use crate::object::win::{self, Flavor, Part, PartReach, Win};
use crate::pml::remote;
use std::any::Any;
use std::ptr::NonNull;
use std::sync::Arc;
use wireup::collective::Kind;

/// What a member sends: size, unit, where its memory is, where peers map it, how it is
/// reached, context id.
type Terms = [u64; 6];

/// Makes a window over `wanted.size` bytes at `base`, and says its handle.
///
/// # Errors
/// `comm` is an intercommunicator, a peer was lost, or there is no memory.
pub fn create(comm: &Arc<Comm>, base: *mut u8, wanted: &WindowSpec) -> Result<usize> {
    comm_make::intra::only_intra(comm)?;
    let tag = comm.begin_collective(Kind::WIN_CREATE).peers;
    let home = base.expose_provenance() as u64;
    let context = context_of(comm);
    let exposure = Exposure::new(home, wanted.size);
    let mine: Terms = [
        wanted.size as u64,
        wanted.disp_unit.cast_unsigned(),
        home,
        exposure.found,
        table::code(exposure.reach),
        context_word(&context),
    ];
    let terms = exchange(comm, tag, &mine)?;
    context?;
    let context = chosen_context(terms[0][5])?;
    let parts: Vec<Part> = (0..)
        .zip(&terms)
        .map(|(rank, terms)| match rank == comm.rank {
            true => own_part(base, wanted),
            false => part(comm, rank, terms),
        })
        .collect();
    let is_remote = parts.iter().any(|part| part.reach != PartReach::Mapped);
    let somebody = exchange(comm, tag, &[u64::from(is_remote)])?;
    let is_remote = somebody.iter().any(|one| one[0] != 0);
    let pieces = words(comm, tag)?;
    let own = Comm::new(context, comm.rank, comm.group.clone(), None).beside(comm);
    finish(
        own,
        parts,
        (Flavor::Create, &wanted.info),
        (pieces, Some(exposure)),
        is_remote,
    )
}

/// Makes a window to which memory can be attached, and says its handle.
///
/// # Errors
/// As [`create()`].
pub fn create_dynamic(comm: &Arc<Comm>, info: &Info) -> Result<usize> {
    comm_make::intra::only_intra(comm)?;
    let tag = comm.begin_collective(Kind::WIN_CREATE_DYNAMIC).peers;
    let context = context_of(comm);
    let terms = exchange(comm, tag, &[context_word(&context)])?;
    context?;
    let context = chosen_context(terms[0][0])?;
    let pieces = words(comm, tag)?;
    let part = |proc| Part {
        base: std::ptr::null_mut(), // MPI_BOTTOM
        home: 0,
        reach: match group::is_on_other_node(proc) {
            true => PartReach::OtherHost,
            false => PartReach::Mapped,
        },
        size: 0,
        disp_unit: 1,
    };
    let parts = comm.group.iter().map(part).collect();
    let own = Comm::new(context, comm.rank, comm.group.clone(), None).beside(comm);
    finish(own, parts, (Flavor::Dynamic, info), (pieces, None), true)
}

fn own_part(base: *mut u8, wanted: &WindowSpec) -> Part {
    Part {
        base,
        home: base.addr() as u64,
        reach: PartReach::Mapped,
        size: wanted.size,
        disp_unit: wanted.disp_unit,
    }
}

/// The part of another member, mapped if that can be.
fn part(comm: &Comm, rank: u32, [size, disp_unit, home, found, code, _]: &Terms) -> Part {
    let size = usize::try_from(*size).unwrap_or(0);
    let peer = comm.group.proc(rank);
    let reach = match peer.is_some_and(group::is_on_other_node) {
        true => PartReach::OtherHost,
        false => table::of_code(*code),
    };
    let mapped = match peer {
        _ if reach == PartReach::OtherHost => None,
        _ if size == 0 => Some(NonNull::dangling()),
        Some(peer) if reach == PartReach::Remote => remote::mapped(peer, *found, size),
        _ => None,
    };
    Part {
        base: mapped.map_or(std::ptr::null_mut(), NonNull::as_ptr),
        home: *home,
        reach: mapped.map_or(reach, |_| PartReach::Mapped),
        size,
        disp_unit: disp_unit.cast_signed(),
    }
}

/// The pieces that the window's words are in, as this member has them.
fn words(comm: &Arc<Comm>, tag: crate::object::collective::Tag) -> Result<Vec<Option<Piece>>> {
    let len = control::len(comm.size());
    let leaders = create::leaders(comm).into_iter();
    let lens: Vec<usize> = leaders.map(|leads| if leads { len } else { 0 }).collect();
    create::obtain(comm, tag, &lens, memory::page())
}

fn finish(
    own: Comm,
    parts: Vec<Part>,
    (flavor, info): (Flavor, &Info),
    memory: (Vec<Option<Piece>>, Option<Exposure>),
    is_remote: bool,
) -> Result<usize> {
    let first = create::first_here(&own);
    let control = memory.0[first]
        .as_ref()
        .map_or(NonNull::dangling(), Piece::at);
    let is_alone = own.size() == 1;
    let remote = is_remote.then(|| Box::new(Remote::default()) as Box<dyn Any>);
    let new = Win::new(own, parts, flavor, control, Box::new(memory), remote);
    *new.info.borrow_mut() = hints::taken(info, flavor);
    let raw = win::insert(new)?;
    if is_remote && !is_alone {
        serve::begin(&win::get(raw)?);
    }
    Ok(raw)
}
