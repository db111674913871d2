//! Collectives within one group: which algorithm, with which blocks.

use super::args::{Call, Parts, Reduction, Root, Shape};
use super::block::Block;
use super::choose::ByHost;
use super::operands::{PlannedParts, block_of, operands_of};
use super::plan::Plan;
use super::scan::ScanKind;
use super::{allgather, allreduce, alltoall, barrier, bcast, by_host, by_host_reductions};
use super::{choose, gather, reduce};
use super::{reduce_scatter, scan};
use crate::error::Result;
use crate::object::hosts::Hosts;
use crate::pml::Buffer;
use std::sync::Arc;

/// Appends the steps of this rank for `call`.
///
/// # Errors
/// No memory for temporaries.
pub(super) fn plan(plan: &mut Plan, call: &Call<'_>) -> Result<()> {
    match call {
        Call::Barrier => {
            if let Some(hosts) = plan.hosts.clone() {
                return by_host::barrier(plan, &hosts);
            }
            match choose::barrier(plan.size) {
                choose::Barrier::Central => barrier::central(plan),
                choose::Barrier::Dissemination => barrier::dissemination(plan),
            }
            Ok(())
        }
        Call::Bcast(buffer, root) => {
            let block = block_of(plan, buffer);
            plan_bcast(plan, block, rank_of(*root))
        }
        Call::Gather(send, receive, root) => {
            plan_gather(plan, send.as_ref(), *receive, rank_of(*root), true)
        }
        Call::Gatherv(send, receive, root) => {
            plan_gather(plan, send.as_ref(), *receive, rank_of(*root), false)
        }
        Call::Scatter(send, receive, root) => {
            plan_scatter(plan, *send, receive.as_ref(), rank_of(*root), true)
        }
        Call::Scatterv(send, receive, root) => {
            plan_scatter(plan, *send, receive.as_ref(), rank_of(*root), false)
        }
        Call::Allgather(send, receive) => plan_allgather(plan, send.as_ref(), *receive),
        Call::Alltoall(send, receive) => plan_alltoall(plan, *send, *receive),
        Call::Reduce(reduction, root) => {
            let (send, into) = operands_of(plan, reduction, reduction.count);
            plan_reduce(plan, send, into, rank_of(*root))
        }
        Call::Allreduce(reduction) => {
            let (send, into) = operands_of(plan, reduction, reduction.count);
            plan_allreduce(plan, send, into)
        }
        Call::ReduceScatterBlock(reduction) => {
            let each = reduction.count;
            let (send, into) = operands_of(plan, reduction, each * plan.size as usize);
            let part = |rank: u32| (rank as usize * each, each);
            plan_reduce_scatter(plan, send, into, part)
        }
        Call::ReduceScatter(reduction, counts) => {
            let mut starts = Vec::with_capacity(counts.len() + 1);
            let mut total = 0;
            for i in 0..counts.len() {
                starts.push(total);
                total += counts.count(i);
            }
            starts.push(total);
            let (send, into) = operands_of(plan, reduction, total);
            plan_reduce_scatter(plan, send, into, |rank: u32| {
                let first = starts[rank as usize];
                (first, starts[rank as usize + 1] - first)
            })
        }
        Call::Scan(reduction) => plan_scan(plan, reduction, ScanKind::Inclusive),
        Call::Exscan(reduction) => plan_scan(plan, reduction, ScanKind::Exclusive),
        // Planned by their edges, in `neighbor`.
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

pub(super) fn plan_bcast(plan: &mut Plan, block: Block, root: u32) -> Result<()> {
    if plan.size == 1 {
        return Ok(());
    }
    if let Some(hosts) = plan.hosts.clone() {
        return by_host::bcast(plan, &hosts, block, root);
    }
    bcast::chosen(plan, block, root)
}

/// The hosts, where gathers and scatters of parts of `len` bytes go by leaders.
fn leaders(plan: &Plan, len: usize) -> Option<Arc<Hosts>> {
    let by_leaders = |hosts: &Arc<Hosts>| choose::gather_by_host(hosts, len) == ByHost::Leaders;
    plan.hosts.clone().filter(by_leaders)
}

/// Gathers; by a tree, where parts are equal and small.
fn plan_gather(
    plan: &mut Plan,
    send: Option<&Buffer<'_>>,
    receive: Option<Parts<'_>>,
    root: u32,
    equal: bool,
) -> Result<()> {
    let own = send.map(|send| block_of(plan, send));
    let Some(receive) = receive else {
        let own = own.unwrap_or_else(Block::empty);
        if equal && let Some(hosts) = leaders(plan, own.len()) {
            return by_host::gather(plan, &hosts, Some(own), root, (Block::empty(), 0));
        }
        if equal && choose::gather(plan.size, own.len()) == choose::Gather::Binomial {
            return gather::binomial_gather(plan, own, root, Block::empty(), 0);
        }
        gather::linear_gather(plan, Some(own), root, |_| Block::empty());
        return Ok(());
    };
    let parts = PlannedParts::new(plan, &receive);
    if let Shape::Equal(each, _) = receive.shape
        && equal
        && let Some(hosts) = leaders(plan, parts.of(root).len())
    {
        let all = parts.run(each * plan.size as usize);
        return by_host::gather(plan, &hosts, own, root, (all, each));
    }
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
fn plan_scatter(
    plan: &mut Plan,
    send: Option<Parts<'_>>,
    receive: Option<&Buffer<'_>>,
    root: u32,
    equal: bool,
) -> Result<()> {
    let own = receive.map(|receive| block_of(plan, receive));
    let Some(send) = send else {
        let len = own.map_or(0, |own| own.len());
        if equal && let Some(hosts) = leaders(plan, len) {
            return by_host::scatter(plan, &hosts, own, root, (Block::empty(), 0, len));
        }
        if equal && choose::gather(plan.size, len) == choose::Gather::Binomial {
            return gather::binomial_scatter(plan, own, root, Block::empty(), 0, len);
        }
        gather::linear_scatter(plan, own, root, |_| Block::empty());
        return Ok(());
    };
    let parts = PlannedParts::new(plan, &send);
    if let Shape::Equal(each, _) = send.shape
        && equal
        && let Some(hosts) = leaders(plan, parts.of(root).len())
    {
        let len = parts.of(root).len();
        let all = parts.run(each * plan.size as usize);
        return by_host::scatter(plan, &hosts, own, root, (all, each, len));
    }
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

fn plan_allgather(plan: &mut Plan, send: Option<&Buffer<'_>>, receive: Parts<'_>) -> Result<()> {
    let parts = PlannedParts::new(plan, &receive);
    let (rank, size) = (plan.rank, plan.size);
    let own = match send {
        Some(send) => block_of(plan, send),
        None => parts.of(rank),
    };
    plan.copy(own, parts.of(rank));
    let total = (0..size).map(|rank| parts.of(rank).len()).sum();
    if let Some(hosts) = plan.hosts.clone() {
        let part = |rank| parts.of(rank);
        match choose::allgather_by_host(size, total) {
            ByHost::Leaders => {
                let run = match receive.shape {
                    Shape::Equal(each, _) => Some(parts.run(each * size as usize)),
                    _ => None,
                };
                return by_host::allgather_by_leaders(plan, &hosts, own, part, run);
            }
            ByHost::Lanes => {
                by_host::allgather_by_lanes(plan, &hosts, own, part);
                return Ok(());
            }
            ByHost::Not => {}
        }
    }
    match (choose::allgather(size, total), receive.shape) {
        (choose::Allgather::Direct, _) => allgather::direct(plan, own, |rank| parts.of(rank)),
        (choose::Allgather::Ring, _) => allgather::ring(plan, own, |rank| parts.of(rank)),
        (choose::Allgather::Doubling, Shape::Equal(each, _)) if size.is_power_of_two() => {
            allgather::recursive_doubling(plan, parts.run(each * size as usize), each);
        }
        (choose::Allgather::Doubling, _) => allgather::bruck(plan, |rank| parts.of(rank))?,
    }
    Ok(())
}

fn plan_alltoall(plan: &mut Plan, send: Option<Parts<'_>>, receive: Parts<'_>) -> Result<()> {
    let into = PlannedParts::new(plan, &receive);
    let send_equal = send.as_ref().map(|send| send.shape);
    if let Shape::Equal(into_each, _) = receive.shape
        && let Shape::Equal(out_each, _) = send_equal.unwrap_or(receive.shape)
        && let Some(hosts) = plan.hosts.clone()
        && choose::alltoall_by_host(&hosts, plan.size, into.of(0).len()) == ByHost::Leaders
    {
        let size = plan.size as usize;
        let into = into.run(into_each * size);
        let out = match &send {
            Some(send) => PlannedParts::new(plan, send).run(out_each * size),
            None => into,
        };
        return by_host::alltoall(plan, &hosts, out, into);
    }
    let Some(send) = send else {
        return alltoall::in_place(plan, |rank| into.of(rank));
    };
    let out = PlannedParts::new(plan, &send);
    if let (Shape::Equal(out_each, _), Shape::Equal(into_each, _)) = (send.shape, receive.shape)
        && choose::alltoall(plan.size, into.of(0).len()) == choose::Alltoall::Bruck
    {
        let size = plan.size as usize;
        return alltoall::bruck(plan, out.run(out_each * size), into.run(into_each * size));
    }
    alltoall::pairwise_within(plan, |rank| out.of(rank), |rank| into.of(rank));
    Ok(())
}

pub(super) fn plan_reduce(plan: &mut Plan, send: Block, into: Block, root: u32) -> Result<()> {
    if plan.size == 1 {
        plan.copy(send, into);
        return Ok(());
    }
    if let Some(hosts) = plan.hosts.clone() {
        match choose::reduction_by_host(&hosts, plan.size, send.len(), send.count) {
            ByHost::Leaders => {
                return by_host_reductions::reduce_by_leaders(plan, &hosts, send, into, root);
            }
            ByHost::Lanes => {
                return by_host_reductions::reduce_by_lanes(plan, &hosts, send, into, root);
            }
            ByHost::Not => {}
        }
    }
    match choose::reduce(plan.size, send.len(), send.count) {
        choose::Reduce::Flat => reduce::flat(plan, send, into, root),
        choose::Reduce::Gathered => reduce::gathered(plan, send, into, root),
        choose::Reduce::Pieces => reduce::pieces(plan, send, into, root),
        choose::Reduce::Chain => reduce::chain(plan, send, into, root),
    }
}

fn plan_allreduce(plan: &mut Plan, send: Block, into: Block) -> Result<()> {
    if plan.size == 1 {
        plan.copy(send, into);
        return Ok(());
    }
    if let Some(hosts) = plan.hosts.clone() {
        match choose::reduction_by_host(&hosts, plan.size, into.len(), into.count) {
            ByHost::Leaders => {
                plan.copy(send, into);
                return by_host_reductions::allreduce_by_leaders(plan, &hosts, into);
            }
            ByHost::Lanes => {
                plan.copy(send, into);
                return by_host_reductions::allreduce_by_lanes(plan, &hosts, into);
            }
            ByHost::Not => {}
        }
    }
    match choose::allreduce(plan.size, into.len(), into.count) {
        choose::Allreduce::Central => allreduce::central(plan, send, into),
        choose::Allreduce::Gathered => allreduce::gathered(plan, send, into),
        choose::Allreduce::Pieces => allreduce::pieces(plan, send, into),
        choose::Allreduce::Chain => allreduce::chain(plan, send, into),
    }
}

/// `send` and `into` span the parts of all ranks; in place they are one, and the
/// result goes to the beginning all the same.
fn plan_reduce_scatter(
    plan: &mut Plan,
    send: Block,
    into: Block,
    part: impl Fn(u32) -> (usize, usize),
) -> Result<()> {
    let run = part;
    let part = |block: Block, rank: u32| {
        let (first, count) = run(rank);
        block.slice(first, count)
    };
    let mine = part(send, plan.rank);
    let target = into.slice(0, mine.count);
    if plan.size == 1 {
        plan.copy(mine, target);
        return Ok(());
    }
    let in_place = send.addr == into.addr;
    let by_host = plan.hosts.clone().map(|hosts| {
        let way = choose::reduction_by_host(&hosts, plan.size, send.len(), send.count);
        (hosts, way)
    });
    if let Some((hosts, ByHost::Lanes)) = &by_host {
        return by_host_reductions::reduce_scatter_by_lanes(plan, hosts, send, target, run);
    }
    let way = match by_host {
        Some((_, ByHost::Leaders)) => choose::ReduceScatter::Allreduce,
        _ => choose::reduce_scatter(plan.size, send.len()),
    };
    match way {
        choose::ReduceScatter::Allreduce => {
            let all = plan.temp_like(send.ty, send.count)?;
            plan_allreduce(plan, send, all)?;
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

fn plan_scan(plan: &mut Plan, reduction: &Reduction<'_>, kind: ScanKind) -> Result<()> {
    let (send, into) = operands_of(plan, reduction, reduction.count);
    if let Some(hosts) = plan.hosts.clone() {
        let way = choose::reduction_by_host(&hosts, plan.size, send.len(), send.count);
        if way == ByHost::Leaders {
            let parts = by_host_reductions::contributions(plan, &hosts, send)?;
            scan::fold(plan, &parts, into, kind);
            return Ok(());
        }
    }
    match choose::scan(plan.size, send.len()) {
        choose::Scan::Chain => scan::chain(plan, send, into, kind),
        choose::Scan::Gathered => scan::gathered(plan, send, into, kind),
    }
}
