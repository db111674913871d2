//! The check of collectives (`LARIAT_CHECK=1`): before one begins, each rank says to
//! each other what it is about to do and what it sends to it and wants from it, and
//! each compares. Without it, ranks that disagree are found out only where that costs
//! nothing; some hang or get wrong results.
//!
//! The words are steps of the collective's own plan, so that nonblocking and
//! persistent collectives are checked too, without anybody waiting who must not.

use super::args::{Call, Parts, Reduction, Root, Shape};
use super::build::Edges;
use super::plan::{Block, Plan};
use crate::error::{Class, Error, Result};
use crate::object::collective::Tag;
use crate::object::comm::Comm;
use crate::object::datatype::Datatype;
use crate::object::op::Reducer;
use crate::pml::{self, Buffer};
use std::sync::Arc;
use wireup::collective::Kind;

/// What a message is: its bytes, and a hash of the types in it (0: not known).
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Made {
    len: u64,
    types: u32,
}

impl Made {
    fn of(buffer: &Buffer<'_>) -> Made {
        let each = buffer.datatype.map_or(1, |datatype| datatype.size());
        Made {
            len: each.saturating_mul(buffer.count) as u64,
            types: pml::signature(buffer),
        }
    }

    fn elements(count: usize, datatype: &Arc<Datatype>) -> Made {
        Made::of(&Buffer {
            addr: std::ptr::null_mut(),
            count,
            datatype: Some(datatype),
        })
    }

    fn part(parts: &Parts<'_>, i: usize) -> Made {
        match parts.shape {
            Shape::Equal(each, datatype) => Made::elements(each, datatype),
            Shape::Varying(counts, _, datatype) => Made::elements(counts.count(i), datatype),
            Shape::Typed(counts, _, datatypes) => Made::elements(counts.count(i), datatypes[i]),
        }
    }

    /// Together with another message to the same rank: types are not compared then.
    fn and(self, other: Made) -> Made {
        match self.len {
            0 => other,
            len => Made {
                len: len + other.len,
                types: 0,
            },
        }
    }
}

/// What a rank says to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Said {
    kind: Kind,
    /// The root's rank, or one of the words below.
    root: u64,
    /// [`Reducer::number`].
    operation: u8,
    /// What all ranks must have alike.
    all: Made,
    /// What this rank sends to that one, and what it wants from it.
    out: Made,
    into: Made,
}

const NO_ROOT: u64 = u64::MAX;
/// Of the root's own group of an intercommunicator: the root, and the others.
const HERE: u64 = u64::MAX - 1;
const BESIDE: u64 = u64::MAX - 2;

const WORDS: usize = 6;
const LEN: usize = WORDS * 8;

impl Said {
    fn to_words(self) -> [u64; WORDS] {
        let Said {
            kind,
            root,
            operation,
            all,
            out,
            into,
        } = self;
        let first = u64::from(kind.code()) | u64::from(operation) << 8 | u64::from(all.types) << 32;
        let types = u64::from(out.types) | u64::from(into.types) << 32;
        [first, root, all.len, out.len, into.len, types]
    }

    fn of_words(words: [u64; WORDS]) -> Said {
        let [first, root, all, out, into, types] = words;
        let low = |word: u64| u32::try_from(word & 0xffff_ffff).unwrap_or(0);
        let byte = |word: u64| u8::try_from(word & 0xff).unwrap_or(0);
        let made = |len, types| Made { len, types };
        Said {
            kind: Kind::of_code(byte(first)),
            root,
            operation: byte(first >> 8),
            all: made(all, low(first >> 32)),
            out: made(out, low(types)),
            into: made(into, low(types >> 32)),
        }
    }
}

fn rooted(root: Root) -> u64 {
    match root {
        Root::Rank(rank) => u64::from(rank),
        Root::Here => HERE,
        Root::Beside => BESIDE,
    }
}

/// What this rank says to each of its peers.
fn say(comm: &Comm, kind: Kind, call: &Call<'_>, edges: Option<&Edges>) -> Vec<Said> {
    let nothing = Said {
        kind,
        root: NO_ROOT,
        operation: 0,
        all: Made::default(),
        out: Made::default(),
        into: Made::default(),
    };
    let peers = comm.peers().size();
    let mut said = vec![nothing; peers as usize];
    let inter = comm.inter.is_some();
    let reduced = |said: &mut Vec<Said>, reduction: &Reduction<'_>, count: usize| {
        for said in said {
            said.operation = reduction.reducer.number();
            said.all = Made::elements(count, reduction.datatype);
        }
    };
    let own = comm.rank as usize;
    match call {
        Call::Barrier => {}
        Call::Bcast(buffer, root) => {
            for (rank, said) in (0u32..).zip(&mut said) {
                said.root = rooted(*root);
                match root {
                    Root::Here => said.out = Made::of(buffer),
                    Root::Rank(root) if inter && rank == *root => said.into = Made::of(buffer),
                    Root::Rank(_) if !inter => said.all = Made::of(buffer),
                    _ => {}
                }
            }
        }
        Call::Gather(send, receive, root) | Call::Gatherv(send, receive, root) => {
            for (rank, said) in said.iter_mut().enumerate() {
                said.root = rooted(*root);
                if let Some(receive) = receive {
                    said.into = Made::part(receive, rank);
                } else if let (Some(send), true) = (send, is_rank(*root, rank)) {
                    said.out = Made::of(send);
                }
            }
        }
        Call::Scatter(send, receive, root) | Call::Scatterv(send, receive, root) => {
            for (rank, said) in said.iter_mut().enumerate() {
                said.root = rooted(*root);
                if let Some(send) = send {
                    said.out = Made::part(send, rank);
                } else if let (Some(receive), true) = (receive, is_rank(*root, rank)) {
                    said.into = Made::of(receive);
                }
            }
        }
        Call::Allgather(send, receive) => {
            let out = send
                .as_ref()
                .map_or_else(|| Made::part(receive, own), Made::of);
            for (rank, said) in said.iter_mut().enumerate() {
                (said.out, said.into) = (out, Made::part(receive, rank));
            }
        }
        Call::Alltoall(send, receive) => {
            let send = send.as_ref().unwrap_or(receive);
            for (rank, said) in said.iter_mut().enumerate() {
                (said.out, said.into) = (Made::part(send, rank), Made::part(receive, rank));
            }
        }
        Call::Reduce(reduction, root) => {
            reduced(&mut said, reduction, reduction.count);
            said.iter_mut().for_each(|said| said.root = rooted(*root));
        }
        Call::Allreduce(reduction)
        | Call::ReduceScatterBlock(reduction)
        | Call::ReduceScatter(reduction, _)
        | Call::Scan(reduction)
        | Call::Exscan(reduction) => {
            // Between two groups, parts may differ where their sum does not.
            let count = match call {
                Call::ReduceScatterBlock(_) if inter => reduction.count * comm.size() as usize,
                _ => reduction.count,
            };
            reduced(&mut said, reduction, count);
            if let (Call::ReduceScatter(_, counts), false) = (call, inter) {
                // All ranks give the same counts.
                let mix = |sum: u64, i| sum.rotate_left(7) ^ counts.count(i) as u64;
                let sum = (0..counts.len()).fold(0, mix);
                said.iter_mut().for_each(|said| said.root = sum >> 1);
            }
        }
        Call::NeighborAllgather(send, receive) => {
            let (out, into) = (|_| Made::of(send), |i| Made::part(receive, i));
            along(&mut said, edges, out, into);
        }
        Call::NeighborAlltoall(send, receive) => {
            let (out, into) = (|i| Made::part(send, i), |i| Made::part(receive, i));
            along(&mut said, edges, out, into);
        }
    }
    said
}

fn is_rank(root: Root, rank: usize) -> bool {
    matches!(root, Root::Rank(root) if root as usize == rank)
}

fn along(
    said: &mut [Said],
    edges: Option<&Edges>,
    out: impl Fn(usize) -> Made,
    into: impl Fn(usize) -> Made,
) {
    let Some(edges) = edges else { return };
    for (i, edge) in edges.sources.iter().enumerate() {
        if let Some(said) = edge.peer.and_then(|peer| said.get_mut(peer as usize)) {
            said.into = said.into.and(into(i));
        }
    }
    for (i, edge) in edges.destinations.iter().enumerate() {
        if let Some(said) = edge.peer.and_then(|peer| said.get_mut(peer as usize)) {
            said.out = said.out.and(out(i));
        }
    }
}

/// What a plan compares when it begins.
#[derive(Debug)]
pub(super) struct Check {
    tag: Tag,
    /// This process's rank, but on an intercommunicator.
    me: Option<u32>,
    inter: bool,
    said: Vec<[u64; WORDS]>,
    heard: Vec<[u64; WORDS]>,
}

/// Puts the check of `call` before everything else in `plan`.
pub(super) fn begin(
    plan: &mut Plan,
    comm: &Comm,
    tag: Tag,
    call: &Call<'_>,
    edges: Option<&Edges>,
) {
    let said = say(comm, tag.kind(), call, edges);
    let inter = comm.inter.is_some();
    let mut check = Box::new(Check {
        tag,
        me: (!inter).then_some(comm.rank),
        inter,
        heard: vec![[0; WORDS]; said.len()],
        said: said.into_iter().map(Said::to_words).collect(),
    });
    let others = (0u32..).zip(&mut check.heard).zip(&mut check.said);
    for ((rank, heard), said) in others.filter(|((rank, _), _)| Some(*rank) != check.me) {
        let heard = Block::bytes(heard.as_mut_ptr().cast(), LEN);
        let said = Block::bytes(said.as_mut_ptr().cast(), LEN);
        plan.compare(rank, said, heard);
    }
    plan.end_compare(check);
}

impl Check {
    /// Compares what all have said.
    ///
    /// # Errors
    /// The first difference from what this rank has said, in the class of what differs.
    pub(super) fn verdict(&self) -> Result<()> {
        for (rank, (mine, theirs)) in (0u32..).zip(self.said.iter().zip(&self.heard)) {
            if Some(rank) != self.me {
                let (mine, theirs) = (Said::of_words(*mine), Said::of_words(*theirs));
                self.compare(mine, theirs, rank)?;
            }
        }
        Ok(())
    }

    fn compare(&self, mine: Said, theirs: Said, rank: u32) -> Result<()> {
        let number = self.tag.number() + 1;
        let fail = |class, text: String| Err(Error::new(class, text));
        if mine.kind != theirs.kind {
            let (mine, theirs) = (mine.kind.name(), theirs.kind.name());
            let text = format!(
                "ranks differ in collective no. {number}: this rank is in {mine}, rank {rank} in {theirs}"
            );
            return fail(Class::OTHER, text);
        }
        let place = format!("ranks differ in {}", self.tag);
        if !self.same_root(mine.root, theirs.root, rank) {
            let what = match mine.kind.is_rooted() {
                true => format!(
                    "root is {} at this rank, but {} at rank {rank}",
                    root_name(mine.root),
                    root_name(theirs.root)
                ),
                false => format!("recvcounts is not the same at rank {rank} as here"),
            };
            let class = if mine.kind.is_rooted() {
                Class::ROOT
            } else {
                Class::COUNT
            };
            return fail(class, format!("{place}: {what}"));
        }
        if [mine.root, theirs.root].contains(&BESIDE) {
            return Ok(()); // who stands beside a root gives nothing else
        }
        if mine.operation != theirs.operation {
            let [a, b] = [mine, theirs].map(|said| Reducer::name_of(said.operation));
            return fail(
                Class::OP,
                format!("{place}: op is {a} at this rank, but {b} at rank {rank}"),
            );
        }
        if mine.all.len != theirs.all.len {
            let (a, b) = (mine.all.len, theirs.all.len);
            let what = format!("it is of {a} bytes at this rank, but of {b} at rank {rank}");
            return fail(Class::COUNT, format!("{place}: {what}"));
        }
        for (sent, wanted, is_mine) in [
            (mine.out, theirs.into, true),
            (theirs.out, mine.into, false),
        ] {
            if sent.len != wanted.len {
                let (a, b) = (sent.len, wanted.len);
                let what = match is_mine {
                    true => format!("this rank sends {a} bytes to rank {rank}, which wants {b}"),
                    false => format!("rank {rank} sends {a} bytes to this rank, which wants {b}"),
                };
                return fail(Class::COUNT, format!("{place}: {what}"));
            }
        }
        let pairs = [
            (mine.all, theirs.all),
            (mine.out, theirs.into),
            (theirs.out, mine.into),
        ];
        let differ = |(a, b): &(Made, Made)| a.types != 0 && b.types != 0 && a.types != b.types;
        if pairs.iter().any(differ) {
            let what = format!("datatypes at rank {rank} are made of other basic types than here");
            return fail(Class::TYPE, format!("{place}: {what}"));
        }
        Ok(())
    }

    /// Whether both ranks mean the same root.
    fn same_root(&self, mine: u64, theirs: u64, rank: u32) -> bool {
        if !self.inter || mine == NO_ROOT || mine < BESIDE && theirs < BESIDE {
            return mine == theirs;
        }
        let is = |root: u64, rank: u32, said: u64| {
            said == if root == u64::from(rank) {
                HERE
            } else {
                BESIDE
            }
        };
        match mine < BESIDE {
            true => is(mine, rank, theirs),
            // Whether it is this rank that they mean, they compare.
            false => theirs < BESIDE,
        }
    }
}

fn root_name(root: u64) -> String {
    match root {
        HERE => "MPI_ROOT".to_owned(),
        BESIDE => "MPI_PROC_NULL".to_owned(),
        NO_ROOT => "none".to_owned(),
        rank => rank.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wireup::collective::tag;

    fn said(kind: Kind) -> Said {
        let made = |len, types| Made { len, types };
        Said {
            kind,
            root: 5,
            operation: 3,
            all: made(77, 0xdead_beef),
            out: made(8, 1),
            into: made(9, u32::MAX),
        }
    }

    #[test]
    fn words_come_back() {
        let one = said(Kind::REDUCE.persistent());
        assert_eq!(Said::of_words(one.to_words()), one);
    }

    #[test]
    fn the_first_difference_is_named() {
        let check = Check {
            tag: Tag(tag(Kind::BCAST, 3)),
            me: Some(0),
            inter: false,
            said: Vec::new(),
            heard: Vec::new(),
        };
        let mine = Said {
            out: Made::default(),
            into: Made::default(),
            ..said(Kind::BCAST)
        };
        let class = |theirs| {
            check
                .compare(mine, theirs, 3)
                .map_err(|error| error.class())
        };
        assert_eq!(class(mine), Ok(()));
        assert_eq!(
            class(Said {
                kind: Kind::BARRIER,
                ..mine
            }),
            Err(Class::OTHER)
        );
        assert_eq!(class(Said { root: 1, ..mine }), Err(Class::ROOT));
        assert_eq!(
            class(Said {
                operation: 1,
                ..mine
            }),
            Err(Class::OP)
        );
        let all = |len, types| Said {
            all: Made { len, types },
            ..mine
        };
        assert_eq!(class(all(76, 0xdead_beef)), Err(Class::COUNT));
        assert_eq!(class(all(77, 1)), Err(Class::TYPE));
        assert_eq!(class(all(77, 0)), Ok(()), "types that are not known");
        let sends = Said {
            out: Made { len: 1, types: 0 },
            ..mine
        };
        let text = check.compare(mine, sends, 3).unwrap_err().text().to_owned();
        assert!(
            text.contains("rank 3 sends 1 bytes to this rank, which wants 0"),
            "{text}"
        );
    }

    #[test]
    fn roots_are_compared_between_groups() {
        let check = Check {
            tag: Tag(tag(Kind::BCAST, 3)),
            me: None,
            inter: true,
            said: Vec::new(),
            heard: Vec::new(),
        };
        assert!(check.same_root(2, HERE, 2) && check.same_root(2, BESIDE, 1));
        assert!(!check.same_root(2, BESIDE, 2) && !check.same_root(2, HERE, 1));
        assert!(check.same_root(HERE, 1, 0) && !check.same_root(HERE, BESIDE, 0));
    }
}
