//! Intracommunicators made of a communicator or a group (MPI 5.0, section 7.4.2).

use super::talk::{self, Circle, Topic};
use super::{alike, context, finish, inter, me, set_hints, subset};
use crate::error::{Class, Error, Result};
use crate::fail;
use crate::handle::Raw;
use crate::object::comm::{self, Comm, ContextId};
use crate::object::errhandler::Handler;
use crate::object::group::{self, Group};
use crate::object::info::Info;
use crate::object::topology::{self, Topology};
use std::ffi::CStr;
use std::sync::Arc;
use wireup::collective::{self, Kind};

pub(super) use super::context::NONE;

/// A new context id, the same at all members of `circle`.
pub(super) fn agree(circle: &Circle) -> Result<ContextId> {
    agree_on(circle, &[]).map(|agreed| agreed.0)
}

/// As [`agree`], with the words that member 0 gives beside it.
fn agree_on(circle: &Circle, words: &[u32]) -> Result<(ContextId, Vec<u32>)> {
    if circle.size() == 1 {
        let taken = context::take_for(circle.comm(), 1)?;
        return Ok((taken, words.to_vec()));
    }
    let mut taken = Ok(ContextId(NONE));
    if circle.me() == 0 {
        taken = context::take_for(circle.comm(), 1);
    }
    let word = taken.as_ref().map_or(NONE, |context| context.0);
    let words: Vec<u32> = std::iter::once(word).chain(words.iter().copied()).collect();
    let told = circle.bcast(0, talk::bytes_of(&words))?;
    taken?;
    let mut told = talk::words_of(&told);
    let context = told_context(&told)?;
    told.remove(0);
    Ok((context, told))
}

/// The context id at the beginning of what a leader told.
pub(super) fn told_context(words: &[u32]) -> Result<ContextId> {
    match words.first() {
        Some(first) if *first != NONE => Ok(ContextId(*first)),
        _ => Err(Error::new(
            Class::NO_MEM,
            "the process that chooses the context id had none left",
        )),
    }
}

/// `MPI_Comm_dup` and `MPI_Comm_dup_with_info`: with the attributes that their
/// copy functions want copied, the topology and the error handler; with the
/// hints of `info` and not those of `comm`.
///
/// # Errors
/// A copy function failed, a peer was lost, or context ids or handles ran out.
pub fn dup(comm: &Arc<Comm>, info: &Info) -> Result<Raw> {
    let comm = comm.clone();
    let (mut new, copied) = twin(&comm, info);
    match &comm.inter {
        None => new.context = agree(&Circle::whole(&comm, Kind::COMM_DUP))?,
        Some(_) => (new.context, new.inter) = inter::twin(&comm, Kind::COMM_DUP)?,
    }
    let new = comm::insert(new)?;
    match copied {
        Ok(()) => Ok(new),
        Err(error) => Err(give_up(new, error)),
    }
}

/// Takes away a duplicate that nobody is to see, since copying attributes failed.
pub(super) fn give_up(new: Raw, error: Error) -> Error {
    if let Ok(comm) = comm::get(new).cloned() {
        let _ = comm.attributes.clear_all(new);
        let _ = comm::remove(new);
    }
    error
}

/// A duplicate that lacks its context yet, and how the copying of attributes
/// went: whoever fails here takes part in what follows all the same.
pub(super) fn twin(comm: &Comm, info: &Info) -> (Comm, Result<()>) {
    let mut new = Comm::new(ContextId(NONE), comm.rank, comm.group.clone(), None).beside(comm);
    new.is_foreign = comm.is_foreign;
    new.topology = comm.topology.clone();
    new.errhandler.replace(comm.errhandler.handler());
    set_hints(&new, info);
    let copied = comm.attributes.copy_to(comm.handle.get(), &new.attributes);
    (new, copied)
}

/// `MPI_Comm_create`: of the processes in `group`; [`comm::NULL`] at others. Of
/// an intercommunicator, each side's group makes one side of the new one.
///
/// # Errors
/// `group` is not a part of `comm`'s, a peer was lost, or ids ran out.
pub fn create(comm: &Arc<Comm>, group: &Group) -> Result<Raw> {
    let comm = comm.clone();
    subset(group, &comm.group, &comm.label())?;
    if comm.inter.is_some() {
        return inter::create(&comm, group);
    }
    let tag = comm.begin_collective(Kind::COMM_CREATE).peers;
    if alike::is_checked() {
        let ranks = group.iter().filter_map(|proc| comm.group.rank_of(proc));
        let ranks: Vec<u32> = ranks.collect();
        alike::compare_groups(&Circle::all(&comm, tag), &tag.to_string(), &ranks)?;
    }
    of_part(&comm, group, tag.0, None)
}

/// As [`create`] of an intracommunicator, with a topology for the new one.
///
/// # Errors
/// As [`create`].
pub fn create_with(comm: &Arc<Comm>, kind: Kind, group: &Group, topology: Topology) -> Result<Raw> {
    let comm = comm.clone();
    let tag = comm.begin_collective(kind).peers;
    of_part(&comm, group, tag.0, Some(topology))
}

/// `MPI_Comm_create_group`: collective over the group only.
///
/// # Errors
/// `comm` is an intercommunicator, else as [`create`].
pub fn create_group(comm: &Arc<Comm>, group: &Group, tag: i32) -> Result<Raw> {
    let comm = comm.clone();
    only_intra(&comm)?;
    subset(group, &comm.group, &comm.label())?;
    of_part(&comm, group, talk::tag(Topic::Group, tag), None)
}

fn of_part(comm: &Arc<Comm>, group: &Group, tag: i32, topology: Option<Topology>) -> Result<Raw> {
    let Some(circle) = Circle::part(comm, group, tag) else {
        return Ok(comm::NULL);
    };
    let group = comm.group.reaching(group);
    let mine = match &topology {
        Some(topology) => topology.to_words(),
        None => alike::group_words(&circle.ranks()),
    };
    let (context, theirs) = agree_on(&circle, &mine)?;
    if topology.is_none() {
        alike::same_group(&call_of(tag), &mine, &theirs, circle.rank(0))?;
    } else if mine != theirs {
        let call = call_of(tag);
        let (mine, theirs) = (topology::in_words(&mine), topology::in_words(&theirs));
        return Err(Error::mismatch(
            Class::TOPOLOGY,
            format_args!(
                "{call}: it makes {mine} at this rank, but {theirs} at rank {}",
                circle.rank(0)
            ),
        ));
    }
    let mut new = Comm::new(context, circle.me(), group, None).beside(comm);
    new.topology = topology;
    finish(new, comm.errhandler.handler())
}

/// The call whose messages have this tag.
fn call_of(tag: i32) -> String {
    let by_group = || collective::parse_agreement(tag).map(|(call, _)| call.to_owned());
    let of_all = collective::parse(tag).map(|(kind, _)| kind.name());
    of_all.or_else(by_group).unwrap_or_default()
}

/// `MPI_Comm_create_from_group`: without a parent.
///
/// # Errors
/// The group is empty or lacks this process, a peer was lost, or ids ran out.
pub fn create_from_group(
    group: &Group,
    stringtag: &CStr,
    info: &Info,
    handler: Handler,
) -> Result<Raw> {
    if group.size() == 0 {
        return Ok(comm::NULL);
    }
    let bootstrap = bootstrap()?;
    of_this_job(group, "group")?;
    let tag = talk::tag(Topic::FromGroup, talk::number(stringtag));
    let Some(circle) = Circle::part(&bootstrap, group, tag) else {
        fail!(
            GROUP,
            "process {} calls, but is not in group",
            group::rank_in_world(me()?)
        );
    };
    let mine = alike::group_words(&circle.ranks());
    let (context, theirs) = agree_on(&circle, &mine)?;
    alike::same_group("MPI_Comm_create_from_group", &mine, &theirs, circle.rank(0))?;
    let new = Comm::new(context, circle.me(), group.clone(), None);
    set_hints(&new, info);
    finish(new, handler)
}

/// The context of the library's own communicator, over which processes agree
/// that have no other in common.
const BOOTSTRAP: ContextId = ContextId(4);

/// A communicator of all processes, for the library's own use.
pub(super) fn bootstrap() -> Result<Arc<Comm>> {
    let me = me()?;
    let size = group::here().map_or(1, |here| here.1);
    Ok(Arc::new(Comm::new(
        BOOTSTRAP,
        group::rank_in_world(me),
        group::of_the_world(size),
        None,
    )))
}

/// Refuses a group with processes of other jobs, which have no communicator in common
/// over which they could agree.
///
/// # Errors
/// `group` has some.
pub(super) fn of_this_job(group: &Group, what: &str) -> Result<()> {
    let size = group::here().map_or(0, |here| here.1);
    if let Some(other) = group.iter().find(|proc| proc.0 >= size) {
        fail!(
            GROUP,
            "{what} has {}, but must be made of process sets of this job",
            group::name(other)
        );
    }
    Ok(())
}

/// Refuses an intercommunicator.
///
/// # Errors
/// `comm` is one.
pub fn only_intra(comm: &Comm) -> Result<()> {
    if comm.inter.is_some() {
        fail!(
            COMM,
            "{} is an intercommunicator, but an intracommunicator is needed",
            comm.label()
        );
    }
    Ok(())
}
