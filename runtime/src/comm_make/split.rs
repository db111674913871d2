//! `MPI_Comm_split` (MPI 5.0, section 7.4.2).

use super::intra::NONE;
use super::talk::{self, Circle};
use super::{context, finish, inter};
use crate::error::{Class, Error, Result};
use crate::fail;
use crate::handle::Raw;
use crate::object::comm::{self, Comm, ContextId};
use crate::object::group::{Group, UNDEFINED};
use crate::object::topology::Topology;
use std::collections::BTreeMap;
use std::sync::Arc;
use wireup::collective::Kind;

/// What one member gives: its color ([`UNDEFINED`]: none) and key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Choice {
    pub(super) color: i32,
    pub(super) key: i32,
}

impl Choice {
    pub(super) fn words(self) -> [u32; 2] {
        [self.color.cast_unsigned(), self.key.cast_unsigned()]
    }

    pub(super) fn of(words: &[u32]) -> Vec<Choice> {
        let (pairs, _) = words.as_chunks::<2>();
        let choice = |pair: &[u32; 2]| Choice {
            color: pair[0].cast_signed(),
            key: pair[1].cast_signed(),
        };
        pairs.iter().map(choice).collect()
    }
}

/// The members that chose `color`, by key and then by rank in `group`.
pub(super) fn chosen(color: i32, choices: &[Choice], group: &Group) -> Group {
    let mut members: Vec<(i32, u32)> = choices
        .iter()
        .zip(0..)
        .filter(|(choice, _)| choice.color == color)
        .map(|(choice, rank)| (choice.key, rank))
        .collect();
    members.sort_unstable();
    let procs = members.iter().filter_map(|member| group.proc(member.1));
    Group::of(procs.collect()).within(group.session())
}

/// The colors chosen, each once, rising.
pub(super) fn colors(choices: &[Choice]) -> Vec<i32> {
    let mut colors: Vec<i32> = choices.iter().map(|choice| choice.color).collect();
    colors.retain(|color| *color != UNDEFINED);
    colors.sort_unstable();
    colors.dedup();
    colors
}

/// `MPI_Comm_split`: [`comm::NULL`] where `color` is `MPI_UNDEFINED`.
///
/// # Errors
/// `color` is negative, a peer was lost, or ids ran out.
pub fn split(comm: &Arc<Comm>, color: i32, key: i32) -> Result<Raw> {
    let comm = comm.clone();
    if color < 0 && color != UNDEFINED {
        fail!(
            ARG,
            "color is {color}, but must be at least 0, or MPI_UNDEFINED"
        );
    }
    either(&comm, Kind::COMM_SPLIT, Choice { color, key })
}

/// Splits a communicator of either kind.
pub(super) fn either(comm: &Arc<Comm>, kind: Kind, choice: Choice) -> Result<Raw> {
    match &comm.inter {
        None => by(comm, kind, choice, None),
        Some(_) => inter::split(comm, kind, choice),
    }
}

/// Splits an intracommunicator as `MPI_Comm_split` does; the part that this
/// process comes into gets `topology`.
///
/// # Errors
/// As [`split`].
pub fn with_topology(comm: &Arc<Comm>, color: i32, key: i32, topology: Topology) -> Result<Raw> {
    let comm = comm.clone();
    by(&comm, Kind::CART_SUB, Choice { color, key }, Some(topology))
}

/// Splits an intracommunicator; the part that this process comes into gets
/// `topology`.
fn by(comm: &Arc<Comm>, kind: Kind, choice: Choice, topology: Option<Topology>) -> Result<Raw> {
    let circle = Circle::whole(comm, kind);
    let gathered = circle.gather(&talk::bytes_of(&choice.words()))?;
    let mut told = Vec::new();
    if circle.me() == 0 {
        told = plan(comm, &gathered);
    }
    let told = circle.bcast(0, talk::bytes_of(&told))?;
    let words = talk::words_of(&told);
    let Some((first, rest)) = words.split_first().filter(|words| *words.0 != NONE) else {
        return Err(Error::new(
            Class::NO_MEM,
            "no context ids are left for the communicators to be made",
        ));
    };
    if choice.color == UNDEFINED {
        return Ok(comm::NULL);
    }
    let choices = Choice::of(rest);
    let group = chosen(choice.color, &choices, &comm.group);
    let nth = colors(&choices).binary_search(&choice.color).unwrap_or(0);
    let context = first + 2 * u32::try_from(nth).unwrap_or(0);
    let rank = comm.group.proc(comm.rank).and_then(|me| group.rank_of(me));
    let mut new = Comm::new(ContextId(context), rank.unwrap_or(0), group, None).beside(comm);
    new.topology = topology;
    finish(new, comm.errhandler.handler())
}

/// What the member that gathered all choices tells: the first context id, then
/// every member's choice.
fn plan(comm: &Comm, gathered: &[Vec<u8>]) -> Vec<u32> {
    let choices: Vec<u32> = gathered.iter().flat_map(|g| talk::words_of(g)).collect();
    let wanted = colors(&Choice::of(&choices)).len();
    let taken = u32::try_from(wanted).map(|pairs| context::take_for(comm, pairs));
    let first = taken.map_or(NONE, |taken| taken.map_or(NONE, |context| context.0));
    [first].into_iter().chain(choices).collect()
}

/// Every member's words, at every member: for those who choose by what the
/// others have.
pub(crate) fn everybodys(comm: &Arc<Comm>, kind: Kind, words: &[u32]) -> Result<Vec<Vec<u32>>> {
    let all = Circle::whole(comm, kind).allgather(&talk::bytes_of(words))?;
    Ok(all.iter().map(|bytes| talk::words_of(bytes)).collect())
}

/// Counts members by word, without the absent.
pub(super) fn tally(words: impl Iterator<Item = u32>) -> BTreeMap<u32, usize> {
    let mut tally = BTreeMap::new();
    for word in words.filter(|word| *word != NONE) {
        *tally.entry(word).or_insert(0) += 1;
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_ordered_by_key_then_rank() {
        let choices: Vec<Choice> = [(1, 5), (0, 0), (1, -3), (1, 5), (UNDEFINED, 0)]
            .map(|(color, key)| Choice { color, key })
            .to_vec();
        let words: Vec<u32> = choices.iter().flat_map(|c| c.words()).collect();
        assert_eq!(Choice::of(&words), choices);
        let part = chosen(1, &choices, &Group::world(5));
        let procs: Vec<u32> = part.iter().map(|proc| proc.0).collect();
        assert_eq!(procs, [2, 0, 3]);
        assert_eq!(colors(&choices), [0, 1]);
    }
}
