//! Intercommunicators (MPI 5.0, section 7.6).
//!
//! One side counts as the first: the one whose rank 0 has the lower process
//! number. Its leader takes the context ids, three pairs: one for the
//! intercommunicator, and one for the intracommunicator of each side.

use super::connect::{self, Wire};
use super::intra::{NONE, bootstrap, of_this_job, only_intra, told_context};
use super::sides::{PAIRS, build, is_first};
use super::split::{self, Choice};
use super::talk::{self, Circle, Topic};
use super::{alike, context, finish, me, set_hints};
use crate::error::Result;
use crate::fail;
use crate::handle::Raw;
use crate::object::comm::{self, Comm, ContextId, Inter};
use crate::object::errhandler::Handler;
use crate::object::group::{self, Group, UNDEFINED};
use crate::object::info::Info;
use std::ffi::CStr;
use std::sync::Arc;
use wireup::collective::Kind;

/// The local and the remote group.
///
/// # Errors
/// `comm` is not an intercommunicator.
pub fn sides(comm: &Comm) -> Result<(&Group, &Group)> {
    match &comm.inter {
        Some(inter) => Ok((&comm.group, &inter.remote)),
        None => fail!(COMM, "{} is not an intercommunicator", comm.label()),
    }
}

/// What both sides' leaders say, first `comm`'s own side, at every member. The
/// words given count at the leaders only, who are the members with rank 0.
fn leaders(comm: &Arc<Comm>, kind: Kind, words: &[u32]) -> Result<[Vec<u32>; 2]> {
    let tags = comm.begin_collective(kind);
    let circle = match (&comm.inter, tags.local) {
        (Some(inter), Some(tag)) => Circle::all(&inter.local, tag),
        _ => Circle::all(comm, tags.peers),
    };
    let mut told = Vec::new();
    if circle.me() == 0 {
        let theirs = talk::exchange(comm, 0, tags.peers.0, &talk::bytes_of(words))?;
        let len = u32::try_from(words.len()).unwrap_or(0);
        told = talk::bytes_of(&[len]);
        told.extend(talk::bytes_of(words));
        told.extend(theirs);
    }
    let told = talk::words_of(&circle.bcast(0, told)?);
    let (len, rest) = told.split_first().unwrap_or((&0, &[]));
    let (ours, theirs) = rest.split_at((*len as usize).min(rest.len()));
    Ok([ours.to_vec(), theirs.to_vec()])
}

/// Every member's words, which are as many at each, at every member: first those
/// of `comm`'s own side.
pub(super) fn everybodys(comm: &Arc<Comm>, kind: Kind, words: &[u32]) -> Result<Vec<Vec<u32>>> {
    let gathered = Circle::whole(comm, kind).gather(&talk::bytes_of(words))?;
    let ours: Vec<u32> = gathered.iter().flat_map(|g| talk::words_of(g)).collect();
    let said = leaders(comm, kind, &ours)?;
    let members = said.iter().flat_map(|side| side.chunks(words.len().max(1)));
    Ok(members.map(<[u32]>::to_vec).collect())
}

/// Takes context ids at the leader of the first side: `sets` intercommunicators'
/// worth. Elsewhere [`NONE`], which the first side's word overrules.
pub(super) fn lead(comm: &Comm, sets: u32) -> Result<u32> {
    let (local, remote) = sides(comm)?;
    if comm.rank != 0 || !is_first(local, remote) {
        return Ok(NONE);
    }
    let pairs = sets.saturating_mul(PAIRS);
    Ok(context::take_for(comm, pairs).map_or(NONE, |context| context.0))
}

/// What the leader of the first side said.
fn first_word<'a>(comm: &Comm, said: &'a [Vec<u32>; 2]) -> Result<&'a [u32]> {
    let (local, remote) = sides(comm)?;
    let [ours, theirs] = said;
    Ok(if is_first(local, remote) {
        ours
    } else {
        theirs
    })
}

/// The context and sides of a duplicate of `comm`.
pub(super) fn twin(comm: &Arc<Comm>, kind: Kind) -> Result<(ContextId, Option<Inter>)> {
    let said = leaders(comm, kind, &[lead(comm, 1)?])?;
    let base = told_context(first_word(comm, &said)?)?;
    rebuild(comm, base)
}

/// The context and sides of a communicator like `comm` at `base`.
pub(super) fn rebuild(comm: &Comm, base: ContextId) -> Result<(ContextId, Option<Inter>)> {
    let (local, remote) = sides(comm)?;
    let new = build(base, local.clone(), remote.clone(), comm.bridge.clone())?;
    Ok((new.context, new.inter))
}

/// `MPI_Comm_create` of an intercommunicator: this side's part is `group`.
pub(super) fn create(comm: &Arc<Comm>, group: &Group) -> Result<Raw> {
    let rank = group.rank_of(me()?);
    let color = rank.map_or(UNDEFINED, |_| 0);
    let key = rank.and_then(|rank| i32::try_from(rank).ok());
    let key = key.unwrap_or(0);
    split(comm, Kind::COMM_CREATE, Choice { color, key })
}

/// `MPI_Comm_split` of an intercommunicator: members of one color on both sides
/// make one; where a side lacks the color, there is none.
pub(super) fn split(comm: &Arc<Comm>, kind: Kind, choice: Choice) -> Result<Raw> {
    let circle = Circle::whole(comm, kind);
    let gathered = circle.gather(&talk::bytes_of(&choice.words()))?;
    let choices: Vec<u32> = gathered.iter().flat_map(|g| talk::words_of(g)).collect();
    let sets = split::colors(&Choice::of(&choices)).len();
    let mut words = vec![lead(comm, u32::try_from(sets).unwrap_or(u32::MAX))?];
    words.extend(choices);
    let said = leaders(comm, kind, &words)?;
    let first = first_word(comm, &said)?;
    let base = told_context(first)?;
    if choice.color == UNDEFINED {
        return Ok(comm::NULL);
    }
    let (local, remote) = sides(comm)?;
    let choices = said
        .each_ref()
        .map(|words| Choice::of(words.get(1..).unwrap_or(&[])));
    let local = split::chosen(choice.color, &choices[0], local);
    let remote = split::chosen(choice.color, &choices[1], remote);
    if remote.size() == 0 {
        return Ok(comm::NULL);
    }
    let colors = split::colors(&Choice::of(first.get(1..).unwrap_or(&[])));
    let nth = colors.binary_search(&choice.color).unwrap_or(0);
    let base = base.0 + 2 * PAIRS * u32::try_from(nth).unwrap_or(0);
    finish(
        build(ContextId(base), local, remote, comm.bridge.clone())?,
        comm.errhandler.handler(),
    )
}

/// `MPI_Intercomm_merge`: the side that says `high` comes second; where both say
/// the same, the first side comes first.
///
/// # Errors
/// `comm` is no intercommunicator, a peer was lost, or ids ran out.
pub fn merge(comm: &Arc<Comm>, high: bool) -> Result<Raw> {
    let comm = comm.clone();
    let said = leaders(
        &comm,
        Kind::INTERCOMM_MERGE,
        &[lead(&comm, 1)?, u32::from(high)],
    )?;
    let base = told_context(first_word(&comm, &said)?)?;
    let (local, remote) = sides(&comm)?;
    let says_high = said.each_ref().map(|words| words.get(1) == Some(&1));
    let before = match says_high {
        [false, true] => true,
        [true, false] => false,
        _ => is_first(local, remote),
    };
    let group = if before {
        local.union(remote)
    } else {
        remote.union(local)
    };
    let rank = group.rank_of(me()?).unwrap_or(0);
    finish(
        Comm::new(base, rank, group, None).beside(&comm),
        comm.errhandler.handler(),
    )
}

/// The other side's leader, as a member of a communicator that both leaders are in.
struct PeerWire {
    comm: Arc<Comm>,
    remote_leader: u32,
    tag: i32,
}

impl Wire for PeerWire {
    fn exchange(&mut self, bytes: &[u8]) -> Result<Vec<u8>> {
        talk::exchange(&self.comm, self.remote_leader, self.tag, bytes)
    }
}

/// `MPI_Intercomm_create`. `peer` and `remote_leader` count at the process whose
/// rank is `local_leader` only.
///
/// # Errors
/// A leader is out of range, the groups overlap, a peer was lost, or ids ran out.
pub fn intercomm_create(
    local: &Arc<Comm>,
    local_leader: i32,
    peer: impl FnOnce() -> Result<Arc<Comm>>,
    remote_leader: i32,
    tag: i32,
) -> Result<Raw> {
    let local = local.clone();
    only_intra(&local)?;
    let leader = member(local_leader, &local.group, "local_leader")?;
    let circle = Circle::whole(&local, Kind::INTERCOMM_CREATE);
    if alike::is_checked() {
        alike::compare_leaders(&circle, leader)?;
    }
    let new = connect::sides(&local, &circle, leader, &local.group, || {
        let peer = peer()?;
        Ok(Box::new(PeerWire {
            remote_leader: member(remote_leader, peer.peers(), "remote_leader")?,
            comm: peer,
            tag: talk::tag(Topic::Leaders, tag),
        }))
    })?;
    finish(new, local.errhandler.handler())
}

/// `MPI_Intercomm_create_from_groups`.
///
/// # Errors
/// A group is empty or a leader out of range, this process is not in the local
/// group, the groups overlap, a peer was lost, or ids ran out.
pub fn intercomm_create_from_groups(
    groups: [&Group; 2],
    leaders: [i32; 2],
    stringtag: &CStr,
    info: &Info,
    handler: Handler,
) -> Result<Raw> {
    let [local, remote] = groups;
    let leader = member(leaders[0], local, "local_leader")?;
    let remote_leader = member(leaders[1], remote, "remote_leader")?;
    let bootstrap = bootstrap()?;
    of_this_job(local, "local_group")?;
    of_this_job(remote, "remote_group")?;
    let number = talk::number(stringtag);
    let tag = talk::tag(Topic::FromGroup, number);
    let Some(circle) = Circle::part(&bootstrap, local, tag) else {
        fail!(
            GROUP,
            "process {} is not in local_group",
            group::rank_in_world(me()?)
        );
    };
    let new = connect::sides(&bootstrap, &circle, leader, local, || {
        Ok(Box::new(PeerWire {
            remote_leader: remote.proc(remote_leader).map_or(0, group::rank_in_world),
            comm: bootstrap.clone(),
            tag: talk::tag(Topic::FromGroupLeaders, number),
        }))
    })?;
    set_hints(&new, info);
    finish(new, handler)
}

fn member(rank: i32, group: &Group, what: &str) -> Result<u32> {
    let size = group.size();
    match u32::try_from(rank) {
        Ok(rank) if rank < size => Ok(rank),
        _ => fail!(RANK, "{what} is {rank} in a group of {size}"),
    }
}
