//! The check of collectives (`LARIAT_CHECK=1`). Before a collective begins, each rank states
//! to every other what it calls, what it sends to that rank and what it wants from it, and
//! each compares. Without the check, ranks that disagree are found only where that costs
//! nothing; some hang or get wrong results.
//!
//! The exchange is made of steps of the collective's own plan. So nonblocking and persistent
//! collectives are checked too, and their calls still return at once.

use super::args::{Call, Parts, Reduction, Root, Shape};
use super::block::Block;
use super::compare::{BESIDE, Check, Content, HERE, LEN, NO_ROOT, Statement, WORDS};
use super::plan::Plan;
use crate::object::collective::Tag;
use crate::object::comm::Comm;
use crate::object::datatype::Datatype;
use crate::object::topology::NeighborEdges;
use crate::pml::{self, Buffer, OperationCheck};
use std::sync::Arc;
use wireup::collective::Kind;

/// A plan, and what ranks compare when it begins.
#[derive(Debug)]
pub(super) struct CheckedPlan {
    pub(super) plan: Plan,
    /// `None` where calls are not checked.
    pub(super) check: Option<Box<Check>>,
    /// What the program may not use while it is carried out, where that is checked.
    pub(super) buffers: Option<Box<OperationCheck>>,
}

/// Puts the check of `call` before everything else in `plan`.
pub(super) fn begin(
    plan: &mut Plan,
    comm: &Comm,
    tag: Tag,
    call: &Call<'_>,
    edges: Option<&NeighborEdges>,
) -> Box<Check> {
    let mine = statements(comm, tag.kind(), call, edges);
    let inter = comm.inter.is_some();
    let mut check = Box::new(Check {
        tag,
        me: (!inter).then_some(comm.rank),
        inter,
        theirs: vec![[0; WORDS]; mine.len()],
        mine: mine.into_iter().map(Statement::to_words).collect(),
    });
    let others = (0u32..).zip(&mut check.theirs).zip(&mut check.mine);
    for ((rank, theirs), mine) in others.filter(|((rank, _), _)| Some(*rank) != check.me) {
        let theirs = Block::bytes(theirs.as_mut_ptr().cast(), LEN);
        let mine = Block::bytes(mine.as_mut_ptr().cast(), LEN);
        plan.exchange_to_compare(rank, mine, theirs);
    }
    plan.compare();
    check
}

/// What the data of a buffer are.
fn content(buffer: &Buffer<'_>) -> Content {
    let each = buffer.datatype.map_or(1, |datatype| datatype.size());
    Content {
        len: each.saturating_mul(buffer.count) as u64,
        types: pml::signature(buffer),
    }
}

fn elements(count: usize, datatype: &Arc<Datatype>) -> Content {
    content(&Buffer {
        addr: std::ptr::null_mut(),
        count,
        datatype: Some(datatype),
    })
}

fn part(parts: &Parts<'_>, i: usize) -> Content {
    match parts.shape {
        Shape::Equal(each, datatype) => elements(each, datatype),
        Shape::Varying(counts, _, datatype) => elements(counts.count(i), datatype),
        Shape::Typed(counts, _, datatypes) => elements(counts.count(i), datatypes[i]),
    }
}

fn root_word(root: Root) -> u64 {
    match root {
        Root::Rank(rank) => u64::from(rank),
        Root::Here => HERE,
        Root::Beside => BESIDE,
    }
}

/// What this rank states to each of its peers.
fn statements(
    comm: &Comm,
    kind: Kind,
    call: &Call<'_>,
    edges: Option<&NeighborEdges>,
) -> Vec<Statement> {
    let nothing = Statement {
        kind,
        root: NO_ROOT,
        operation: 0,
        all: Content::default(),
        out: Content::default(),
        into: Content::default(),
    };
    let peers = comm.peers().size();
    let mut all = vec![nothing; peers as usize];
    let inter = comm.inter.is_some();
    let reduced = |all: &mut Vec<Statement>, reduction: &Reduction<'_>, count: usize| {
        for statement in all {
            statement.operation = reduction.reducer.number();
            statement.all = elements(count, reduction.datatype);
        }
    };
    let own = comm.rank as usize;
    match call {
        Call::Barrier => {}
        Call::Bcast(buffer, root) => {
            for (rank, statement) in (0u32..).zip(&mut all) {
                statement.root = root_word(*root);
                match root {
                    Root::Here => statement.out = content(buffer),
                    Root::Rank(root) if inter && rank == *root => statement.into = content(buffer),
                    Root::Rank(_) if !inter => statement.all = content(buffer),
                    _ => {}
                }
            }
        }
        Call::Gather(send, receive, root) | Call::Gatherv(send, receive, root) => {
            for (rank, statement) in all.iter_mut().enumerate() {
                statement.root = root_word(*root);
                if let Some(receive) = receive {
                    statement.into = part(receive, rank);
                } else if let (Some(send), true) = (send, is_rank(*root, rank)) {
                    statement.out = content(send);
                }
            }
        }
        Call::Scatter(send, receive, root) | Call::Scatterv(send, receive, root) => {
            for (rank, statement) in all.iter_mut().enumerate() {
                statement.root = root_word(*root);
                if let Some(send) = send {
                    statement.out = part(send, rank);
                } else if let (Some(receive), true) = (receive, is_rank(*root, rank)) {
                    statement.into = content(receive);
                }
            }
        }
        Call::Allgather(send, receive) => {
            let out = send.as_ref().map_or_else(|| part(receive, own), content);
            for (rank, statement) in all.iter_mut().enumerate() {
                (statement.out, statement.into) = (out, part(receive, rank));
            }
        }
        Call::Alltoall(send, receive) => {
            let send = send.as_ref().unwrap_or(receive);
            for (rank, statement) in all.iter_mut().enumerate() {
                (statement.out, statement.into) = (part(send, rank), part(receive, rank));
            }
        }
        Call::Reduce(reduction, root) => {
            reduced(&mut all, reduction, reduction.count);
            all.iter_mut()
                .for_each(|statement| statement.root = root_word(*root));
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
            reduced(&mut all, reduction, count);
            if let (Call::ReduceScatter(_, counts), false) = (call, inter) {
                // All ranks give the same counts.
                let mix = |sum: u64, i| sum.rotate_left(7) ^ counts.count(i) as u64;
                let sum = (0..counts.len()).fold(0, mix);
                all.iter_mut()
                    .for_each(|statement| statement.root = sum >> 1);
            }
        }
        Call::NeighborAllgather(send, receive) => {
            let (out, into) = (|_| content(send), |i| part(receive, i));
            along(&mut all, edges, out, into);
        }
        Call::NeighborAlltoall(send, receive) => {
            let (out, into) = (|i| part(send, i), |i| part(receive, i));
            along(&mut all, edges, out, into);
        }
    }
    all
}

fn is_rank(root: Root, rank: usize) -> bool {
    matches!(root, Root::Rank(root) if root as usize == rank)
}

/// States what goes along each edge of a topology.
fn along(
    all: &mut [Statement],
    edges: Option<&NeighborEdges>,
    out: impl Fn(usize) -> Content,
    into: impl Fn(usize) -> Content,
) {
    let Some(edges) = edges else { return };
    for (i, edge) in edges.sources.iter().enumerate() {
        if let Some(statement) = edge.peer.and_then(|peer| all.get_mut(peer as usize)) {
            statement.into = statement.into.and(into(i));
        }
    }
    for (i, edge) in edges.destinations.iter().enumerate() {
        if let Some(statement) = edge.peer.and_then(|peer| all.get_mut(peer as usize)) {
            statement.out = statement.out.and(out(i));
        }
    }
}
