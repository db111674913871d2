//! Collectives between the two groups of an intercommunicator (MPI 5.0, section
//! 6.2.2): what one group contributes, the other receives.
//!
//! Sends and receives name ranks of the remote group, but for those made inside
//! [`Plan::locally`].

use super::args::{Call, Root};
use super::block::Block;
use super::intra::{plan_bcast, plan_reduce};
use super::operands::{PlannedParts, block_of, operands_of};
use super::plan::Plan;
use super::{alltoall, barrier, gather};
use crate::error::Result;

/// Appends the steps of this rank for `call`.
///
/// # Errors
/// No memory for temporaries.
pub(super) fn plan(plan: &mut Plan, call: &Call<'_>) -> Result<()> {
    match call {
        Call::Barrier => {
            plan.locally(barrier::arrive);
            if plan.rank == 0 {
                plan.signal_to(0, Block::empty());
                plan.signal_from(0, Block::empty());
                plan.wait();
            }
            plan.locally(barrier::leave);
        }
        Call::Bcast(buffer, root) => {
            let block = block_of(plan, buffer);
            match *root {
                Root::Here => plan.send(0, block),
                Root::Beside => {}
                Root::Rank(root) => {
                    if plan.rank == 0 {
                        plan.receive(root, block);
                        plan.wait();
                    }
                    plan.locally(|plan| plan_bcast(plan, block, 0))?;
                }
            }
        }
        Call::Gather(send, receive, root) | Call::Gatherv(send, receive, root) => {
            match (*root, send, receive) {
                (Root::Here, _, Some(receive)) => {
                    let parts = PlannedParts::new(plan, receive);
                    for peer in 0..plan.remote {
                        plan.receive(peer, parts.of(peer));
                    }
                }
                (Root::Rank(root), Some(send), _) => {
                    let own = block_of(plan, send);
                    plan.send(root, own);
                }
                _ => {}
            }
        }
        Call::Scatter(send, receive, root) | Call::Scatterv(send, receive, root) => {
            match (*root, send, receive) {
                (Root::Here, Some(send), _) => {
                    let parts = PlannedParts::new(plan, send);
                    for peer in 0..plan.remote {
                        plan.send(peer, parts.of(peer));
                    }
                }
                (Root::Rank(root), _, Some(receive)) => {
                    let own = block_of(plan, receive);
                    plan.receive(root, own);
                }
                _ => {}
            }
        }
        Call::Allgather(send, receive) => {
            let own = send
                .as_ref()
                .map_or_else(Block::empty, |send| block_of(plan, send));
            let parts = PlannedParts::new(plan, receive);
            alltoall::pairwise(plan, |_| own, |rank| parts.of(rank));
        }
        Call::Alltoall(send, receive) => {
            let into = PlannedParts::new(plan, receive);
            if let Some(send) = send {
                let out = PlannedParts::new(plan, send);
                alltoall::pairwise(plan, |rank| out.of(rank), |rank| into.of(rank));
            }
        }
        Call::Reduce(reduction, root) => {
            let (send, into) = operands_of(plan, reduction, reduction.count);
            match *root {
                Root::Here => plan.receive(0, into),
                Root::Beside => {}
                Root::Rank(root) => {
                    let result = at_leader(plan, send)?;
                    if plan.rank == 0 {
                        plan.send(root, result);
                    }
                }
            }
        }
        Call::Allreduce(reduction) => {
            let (send, into) = operands_of(plan, reduction, reduction.count);
            swap_reduced(plan, send, into)?;
            plan.locally(|plan| plan_bcast(plan, into, 0))?;
        }
        Call::ReduceScatterBlock(reduction) => {
            let each = reduction.count;
            let ranks = plan.size as usize;
            scattered(plan, call, each * ranks, |rank| (rank * each, each))?;
        }
        Call::ReduceScatter(_, counts) => {
            let start = |rank: usize| (0..rank).map(|i| counts.count(i)).sum::<usize>();
            let part = |rank: usize| (start(rank), counts.count(rank));
            scattered(plan, call, start(counts.len()), part)?;
        }
        // Not defined between groups; the C layer refuses them.
        Call::Scan(_) | Call::Exscan(_) => {}
        Call::NeighborAllgather(..) | Call::NeighborAlltoall(..) => {}
    }
    Ok(())
}

/// This group's reduction, in a temporary of its rank 0.
fn at_leader(plan: &mut Plan, send: Block) -> Result<Block> {
    let result = match plan.rank {
        0 => plan.temp_like(send.ty, send.count)?,
        _ => Block::empty(),
    };
    plan.locally(|plan| plan_reduce(plan, send, result, 0))?;
    Ok(result)
}

/// Each group's reduction goes to the other's rank 0, into `into`.
fn swap_reduced(plan: &mut Plan, send: Block, into: Block) -> Result<()> {
    let result = at_leader(plan, send)?;
    if plan.rank == 0 {
        plan.send(0, result);
        plan.receive(0, into);
        plan.wait();
    }
    Ok(())
}

/// A reduction of `total` elements by the other group, of which each rank of
/// this one gets the elements that `part` says: the first, and how many.
fn scattered(
    plan: &mut Plan,
    call: &Call<'_>,
    total: usize,
    part: impl Fn(usize) -> (usize, usize),
) -> Result<()> {
    let (Call::ReduceScatterBlock(reduction) | Call::ReduceScatter(reduction, _)) = call else {
        return Ok(());
    };
    let (send, into) = operands_of(plan, reduction, total);
    let mine = into.slice(0, part(plan.rank as usize).1);
    let all = match plan.rank {
        0 => plan.temp_like(send.ty, total)?,
        _ => Block::empty(),
    };
    swap_reduced(plan, send, all)?;
    plan.locally(|plan| {
        gather::linear_scatter(plan, Some(mine), 0, |rank| {
            let (first, count) = part(rank as usize);
            all.slice(first, count)
        });
    });
    Ok(())
}
