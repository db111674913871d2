//! From a call to a plan: which algorithm, with which blocks.

use super::args::{Call, Known, Parts, Reduction, Root, Shape};
use super::choose;
use super::neighbor::{self, Edge};
use super::plan::{Block, Plan};
use super::scan::Kind;
use super::{allgather, allreduce, alltoall, barrier, bcast, gather, inter, reduce};
use super::{reduce_scatter, scan};
use crate::error::Result;
use crate::pml::Buffer;

impl Plan {
    /// A buffer as a block.
    pub(super) fn block(&mut self, buffer: &Buffer<'_>) -> Block {
        match buffer.datatype {
            Some(datatype) => {
                let ty = self.type_of(datatype);
                Block::part(buffer.addr, ty, 0, buffer.count)
            }
            None => Block::bytes(buffer.addr, buffer.count),
        }
    }

    /// A reduction's contribution and result, `count` elements each; binds the
    /// operation to the plan.
    pub(super) fn operands(&mut self, reduction: &Reduction<'_>, count: usize) -> (Block, Block) {
        let ty = self.type_of(reduction.datatype);
        self.reducer = Some(reduction.reducer.clone());
        let send = reduction.send.unwrap_or(reduction.receive);
        (
            Block::part(send, ty, 0, count),
            Block::part(reduction.receive, ty, 0, count),
        )
    }
}

/// Where the neighbours of a process are, for neighbourhood collectives.
pub(super) struct Edges {
    pub(super) sources: Vec<Edge>,
    pub(super) destinations: Vec<Edge>,
}

/// The plan of this rank for `call`.
///
/// # Errors
/// No memory for temporaries.
#[cfg(test)]
pub(super) fn plan(
    rank: u32,
    size: u32,
    remote: Option<u32>,
    edges: Option<&Edges>,
    call: &Call<'_>,
) -> Result<Plan> {
    let mut plan = Plan::new(rank, size, remote.unwrap_or(size));
    fill(&mut plan, remote.is_some(), edges, call)?;
    Ok(plan)
}

/// Appends the steps of this rank for `call`, which is between two groups if `inter`.
///
/// # Errors
/// No memory for temporaries.
pub(super) fn fill(
    plan: &mut Plan,
    inter: bool,
    edges: Option<&Edges>,
    call: &Call<'_>,
) -> Result<()> {
    if let Some(edges) = edges {
        neighbourhood(plan, edges, call);
    } else if inter {
        inter::plan(plan, call)?;
    } else {
        within(plan, call)?;
    }
    plan.wait();
    Ok(())
}

fn within(plan: &mut Plan, call: &Call<'_>) -> Result<()> {
    match call {
        Call::Barrier => {
            match choose::barrier(plan.size) {
                choose::Barrier::Central => barrier::central(plan),
                choose::Barrier::Dissemination => barrier::dissemination(plan),
            }
            Ok(())
        }
        Call::Bcast(buffer, root) => {
            let block = plan.block(buffer);
            broadcast(plan, block, rank_of(*root))
        }
        Call::Gather(send, receive, root) => {
            gathered(plan, send.as_ref(), *receive, rank_of(*root), true)
        }
        Call::Gatherv(send, receive, root) => {
            gathered(plan, send.as_ref(), *receive, rank_of(*root), false)
        }
        Call::Scatter(send, receive, root) => {
            scattered(plan, *send, receive.as_ref(), rank_of(*root), true)
        }
        Call::Scatterv(send, receive, root) => {
            scattered(plan, *send, receive.as_ref(), rank_of(*root), false)
        }
        Call::Allgather(send, receive) => allgathered(plan, send.as_ref(), *receive),
        Call::Alltoall(send, receive) => exchanged(plan, *send, *receive),
        Call::Reduce(reduction, root) => {
            let (send, into) = plan.operands(reduction, reduction.count);
            reduced(plan, send, into, rank_of(*root))
        }
        Call::Allreduce(reduction) => {
            let (send, into) = plan.operands(reduction, reduction.count);
            plan.copy(send, into);
            reduced_for_all(plan, into)
        }
        Call::ReduceScatterBlock(reduction) => {
            let each = reduction.count;
            let (send, into) = plan.operands(reduction, each * plan.size as usize);
            let part = |block: Block, rank: u32| block.slice(rank as usize * each, each);
            reduced_and_scattered(plan, send, into, part)
        }
        Call::ReduceScatter(reduction, counts) => {
            let mut starts = Vec::with_capacity(counts.len() + 1);
            let mut total = 0;
            for i in 0..counts.len() {
                starts.push(total);
                total += counts.count(i);
            }
            starts.push(total);
            let (send, into) = plan.operands(reduction, total);
            reduced_and_scattered(plan, send, into, |block: Block, rank: u32| {
                let first = starts[rank as usize];
                block.slice(first, starts[rank as usize + 1] - first)
            })
        }
        Call::Scan(reduction) => prefix(plan, reduction, Kind::Inclusive),
        Call::Exscan(reduction) => prefix(plan, reduction, Kind::Exclusive),
        // Planned by their edges.
        Call::NeighborAllgather(..) | Call::NeighborAlltoall(..) => Ok(()),
    }
}

/// In an intracommunicator a root is a rank.
fn rank_of(root: Root) -> u32 {
    match root {
        Root::Rank(rank) => rank,
        Root::Here | Root::Beside => 0,
    }
}

pub(super) fn broadcast(plan: &mut Plan, block: Block, root: u32) -> Result<()> {
    if plan.size == 1 {
        return Ok(());
    }
    match choose::bcast(plan.size, block.len()) {
        choose::Bcast::Flat => bcast::flat(plan, block, root),
        choose::Bcast::Binomial => bcast::binomial(plan, block, root),
        choose::Bcast::ScatterAllgather => bcast::scatter_allgather(plan, block, root)?,
        choose::Bcast::Chain => bcast::chain(plan, block, root, choose::SEGMENT)?,
    }
    Ok(())
}

/// Gathers; by a tree, where parts are equal and small.
fn gathered(
    plan: &mut Plan,
    send: Option<&Buffer<'_>>,
    receive: Option<Parts<'_>>,
    root: u32,
    equal: bool,
) -> Result<()> {
    let own = send.map(|send| plan.block(send));
    let Some(receive) = receive else {
        let own = own.unwrap_or_else(Block::empty);
        if equal && choose::gather(plan.size, own.len()) == choose::Gather::Binomial {
            return gather::binomial_gather(plan, own, root, Block::empty(), 0);
        }
        gather::linear_gather(plan, Some(own), root, |_| Block::empty());
        return Ok(());
    };
    let parts = receive.known(plan);
    if let Shape::Equal(each, _) = receive.shape
        && equal
        && choose::gather(plan.size, parts.of(root).len()) == choose::Gather::Binomial
    {
        let own = own.unwrap_or_else(|| parts.of(root));
        let all = parts.run(each * plan.size as usize);
        return gather::binomial_gather(plan, own, root, all, each);
    }
    gather::linear_gather(plan, own, root, |rank| parts.of(rank));
    Ok(())
}

/// Scatters; by a tree, where parts are equal and small.
fn scattered(
    plan: &mut Plan,
    send: Option<Parts<'_>>,
    receive: Option<&Buffer<'_>>,
    root: u32,
    equal: bool,
) -> Result<()> {
    let own = receive.map(|receive| plan.block(receive));
    let Some(send) = send else {
        let len = own.map_or(0, |own| own.len());
        if equal && choose::gather(plan.size, len) == choose::Gather::Binomial {
            return gather::binomial_scatter(plan, own, root, Block::empty(), 0, len);
        }
        gather::linear_scatter(plan, own, root, |_| Block::empty());
        return Ok(());
    };
    let parts = send.known(plan);
    if let Shape::Equal(each, _) = send.shape
        && equal
        && choose::gather(plan.size, parts.of(root).len()) == choose::Gather::Binomial
    {
        let len = parts.of(root).len();
        let all = parts.run(each * plan.size as usize);
        return gather::binomial_scatter(plan, own, root, all, each, len);
    }
    gather::linear_scatter(plan, own, root, |rank| parts.of(rank));
    Ok(())
}

fn allgathered(plan: &mut Plan, send: Option<&Buffer<'_>>, receive: Parts<'_>) -> Result<()> {
    let parts = receive.known(plan);
    let (rank, size) = (plan.rank, plan.size);
    if let Some(send) = send {
        let own = plan.block(send);
        plan.copy(own, parts.of(rank));
    }
    let total = (0..size).map(|rank| parts.of(rank).len()).sum();
    match (choose::allgather(size, total), receive.shape) {
        (choose::Allgather::Direct, _) => allgather::direct(plan, |rank| parts.of(rank)),
        (choose::Allgather::Ring, _) => allgather::ring(plan, |rank| parts.of(rank)),
        (choose::Allgather::Doubling, Shape::Equal(each, _)) if size.is_power_of_two() => {
            allgather::recursive_doubling(plan, parts.run(each * size as usize), each);
        }
        (choose::Allgather::Doubling, _) => allgather::bruck(plan, |rank| parts.of(rank))?,
    }
    Ok(())
}

fn exchanged(plan: &mut Plan, send: Option<Parts<'_>>, receive: Parts<'_>) -> Result<()> {
    let into = receive.known(plan);
    let Some(send) = send else {
        return alltoall::in_place(plan, |rank| into.of(rank));
    };
    let out = send.known(plan);
    if let (Shape::Equal(out_each, _), Shape::Equal(into_each, _)) = (send.shape, receive.shape)
        && choose::alltoall(plan.size, into.of(0).len()) == choose::Alltoall::Bruck
    {
        let size = plan.size as usize;
        return alltoall::bruck(plan, out.run(out_each * size), into.run(into_each * size));
    }
    alltoall::pairwise_within(plan, |rank| out.of(rank), |rank| into.of(rank));
    Ok(())
}

pub(super) fn reduced(plan: &mut Plan, send: Block, into: Block, root: u32) -> Result<()> {
    if plan.size == 1 {
        plan.copy(send, into);
        return Ok(());
    }
    match choose::reduce(plan.size, send.len(), !plan.ordered()) {
        choose::Reduce::Flat => reduce::flat(plan, send, into, root),
        choose::Reduce::Binomial => reduce::binomial(plan, send, into, root),
        choose::Reduce::ScatterGather => reduce::scatter_gather(plan, send, into, root),
    }
}

fn reduced_for_all(plan: &mut Plan, into: Block) -> Result<()> {
    if plan.size == 1 {
        return Ok(());
    }
    match choose::allreduce(plan.size, into.len(), !plan.ordered()) {
        choose::Allreduce::Central => allreduce::central(plan, into),
        choose::Allreduce::Doubling => allreduce::recursive_doubling(plan, into),
        choose::Allreduce::Halving => allreduce::halving(plan, into),
        choose::Allreduce::Ring => allreduce::ring(plan, into),
    }
}

/// `send` and `into` span the parts of all ranks; in place they are one, and the
/// result goes to the beginning all the same.
fn reduced_and_scattered(
    plan: &mut Plan,
    send: Block,
    into: Block,
    part: impl Fn(Block, u32) -> Block,
) -> Result<()> {
    let mine = part(send, plan.rank);
    let target = into.slice(0, mine.count);
    if plan.size == 1 {
        plan.copy(mine, target);
        return Ok(());
    }
    let in_place = send.addr == into.addr;
    match choose::reduce_scatter(plan.size, send.len()) {
        choose::ReduceScatter::Allreduce => {
            let all = plan.temp_like(send.ty, send.count)?;
            plan.copy(send, all);
            reduced_for_all(plan, all)?;
            plan.copy(part(all, plan.rank), target);
        }
        choose::ReduceScatter::Pairwise => {
            // In place, the beginning is still to be sent when the result comes.
            let result = if in_place && plan.rank != 0 {
                plan.temp_like(mine.ty, mine.count)?
            } else {
                target
            };
            reduce_scatter::pairwise(plan, result, |rank| part(send, rank))?;
            plan.copy(result, target);
        }
    }
    Ok(())
}

fn prefix(plan: &mut Plan, reduction: &Reduction<'_>, kind: Kind) -> Result<()> {
    let (send, into) = plan.operands(reduction, reduction.count);
    match choose::scan(plan.size, send.len()) {
        choose::Scan::Chain => scan::chain(plan, send, into, kind),
        choose::Scan::Doubling => scan::recursive_doubling(plan, send, into, kind),
    }
}

fn neighbourhood(plan: &mut Plan, edges: &Edges, call: &Call<'_>) {
    let (sources, destinations) = (&edges.sources[..], &edges.destinations[..]);
    match call {
        Call::NeighborAllgather(send, receive) => {
            let own = plan.block(send);
            let parts = receive.known(plan);
            let into = |i| parts.part(i);
            neighbor::exchange(plan, sources, destinations, into, |_| own);
        }
        Call::NeighborAlltoall(send, receive) => {
            let (out, into): (Known<'_>, Known<'_>) = (send.known(plan), receive.known(plan));
            let part = |i| into.part(i);
            neighbor::exchange(plan, sources, destinations, part, |i| out.part(i));
        }
        // Not of a neighbourhood.
        _ => {}
    }
}
