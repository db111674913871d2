//! Reduce (MPI 5.0, section 6.9.1).
//!
//! `send` is this rank's contribution and only read (in place it is the root's
//! receive buffer); `into` is where the root's result goes.
//!
//! All algorithms of this and the other reductions combine the contributions in one order:
//! that of the ranks, from left to right, `((x₀ ∘ x₁) ∘ x₂) ∘ …`. So they give the same
//! bits, also where the operation rounds, and operations need not commute.

use super::block::Block;
use super::plan::Plan;
use super::{gather, reduce_scatter};
use crate::error::Result;

/// Along a binomial tree the root gets everybody's contribution, and folds them.
///
/// # Errors
/// No memory for the contributions.
pub(super) fn gathered(plan: &mut Plan, send: Block, into: Block, root: u32) -> Result<()> {
    let (ty, count) = (send.ty, send.count);
    if plan.rank != root {
        return gather::binomial_gather(plan, send, root, Block::empty(), 0);
    }
    let all = plan.temp_like(ty, count * plan.size as usize)?;
    gather::binomial_gather(plan, send, root, all, count)?;
    let part = |rank: u32| all.slice(rank as usize * count, count);
    let parts: Vec<Block> = (0..plan.size).map(part).collect();
    plan.fold(&parts);
    plan.copy(part(plan.size - 1), into);
    Ok(())
}

/// The root receives everybody's contribution itself, and folds them: one wait. For small
/// messages among few ranks.
///
/// # Errors
/// No memory for the contributions.
pub(super) fn flat(plan: &mut Plan, send: Block, into: Block, root: u32) -> Result<()> {
    if plan.rank != root {
        plan.send(root, send);
        plan.wait();
        return Ok(());
    }
    let parts = receive_contributions(plan, send, into)?;
    plan.wait();
    fold_contributions(plan, &parts, into);
    Ok(())
}

/// Starts to receive everybody else's contribution, as many elements as `own`, which is this
/// rank's. Where they are, by rank, for [`fold_contributions`] with the same `into`.
///
/// # Errors
/// No memory for the contributions.
pub(super) fn receive_contributions(
    plan: &mut Plan,
    own: Block,
    into: Block,
) -> Result<Vec<Block>> {
    let (rank, last) = (plan.rank, plan.size - 1);
    let in_place = into.addr == own.addr;
    let mut parts = Vec::with_capacity(plan.size as usize);
    for peer in 0..plan.size {
        let part = match peer {
            // Only read.
            _ if peer == rank && (rank == 0 || plan.combines) => own,
            // Where the result comes to be.
            _ if peer == last && (!in_place || rank == last) => into,
            _ => plan.temp_like(into.ty, into.count)?,
        };
        match peer == rank {
            true => plan.copy(own, part),
            false => plan.receive(peer, part),
        }
        parts.push(part);
    }
    Ok(parts)
}

/// Folds what [`receive_contributions`] has received, from the first rank to the last.
pub(super) fn fold_contributions(plan: &mut Plan, parts: &[Block], into: Block) {
    let last = parts.len() - 1;
    if !plan.combines {
        plan.fold(parts);
        plan.copy(parts[last], into);
        return;
    }
    // What is folded so far takes the place of a contribution that was received.
    let so_far = parts[usize::from(plan.rank != 1)];
    for i in 1..=last {
        let left = if i == 1 { parts[0] } else { so_far };
        let out = if i == last { into } else { so_far };
        plan.combine(left, parts[i], out);
    }
}

/// Each rank folds a piece and the root gathers them: for large messages.
///
/// # Errors
/// No memory for the contributions to a piece.
pub(super) fn pieces(plan: &mut Plan, send: Block, into: Block, root: u32) -> Result<()> {
    let pieces = Pieces::new(send, plan.size);
    let mine = pieces.of(send, plan.rank);
    let result = if plan.rank == root {
        pieces.of(into, plan.rank)
    } else {
        plan.temp_like(mine.ty, mine.count)?
    };
    reduce_scatter::pairwise(plan, result, |rank| pieces.of(send, rank))?;
    if plan.rank == root {
        for peer in (0..plan.size).filter(|peer| *peer != root) {
            plan.receive(peer, pieces.of(into, peer));
        }
    } else {
        plan.send(root, result);
    }
    plan.wait();
    Ok(())
}

/// From rank to rank, each of which takes its contribution in; the last one sends the
/// result to the root. For few elements that are large each.
///
/// # Errors
/// No memory for a partial result.
pub(super) fn chain(plan: &mut Plan, send: Block, into: Block, root: u32) -> Result<()> {
    let (rank, last) = (plan.rank, plan.size - 1);
    let mut acc = send;
    if rank > 0 {
        acc = plan.temp_like(send.ty, send.count)?;
        let before = plan.temp_like(send.ty, send.count)?;
        plan.copy(send, acc);
        plan.receive(rank - 1, before);
        plan.wait();
        plan.reduce(before, acc);
    }
    if rank < last {
        plan.send(rank + 1, acc);
        plan.wait();
    }
    match (rank == last, rank == root) {
        (true, true) => plan.copy(acc, into),
        (true, false) => plan.send(root, acc),
        (false, true) => plan.receive(last, into),
        (false, false) => {}
    }
    plan.wait();
    Ok(())
}

/// Elements cut into as many runs as there are ranks, nearly equal.
#[derive(Clone, Copy)]
pub(super) struct Pieces {
    count: usize,
    ranks: usize,
}

impl Pieces {
    pub(super) fn new(block: Block, ranks: u32) -> Pieces {
        Pieces {
            count: block.count,
            ranks: ranks as usize,
        }
    }

    /// The element at which the run of `rank` begins.
    pub(super) fn start(&self, rank: usize) -> usize {
        let (each, more) = (self.count / self.ranks, self.count % self.ranks);
        rank * each + rank.min(more)
    }

    /// The run of `rank` in `block`.
    pub(super) fn of(&self, block: Block, rank: u32) -> Block {
        let first = self.start(rank as usize);
        block.slice(first, self.start(rank as usize + 1) - first)
    }
}
