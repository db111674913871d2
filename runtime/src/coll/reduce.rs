//! Reduce (MPI 5.0, section 6.9.1).
//!
//! `send` is this rank's contribution and only read (in place it is the root's
//! receive buffer); `into` is where the root's result goes. Operands keep rank
//! order wherever the operation does not commute.

use super::block::Block;
use super::plan::Plan;
use super::reduce_scatter;
use crate::error::Result;

/// Along a binomial tree: who has partners above at distance 2ᵏ takes in theirs,
/// then passes the lot down.
///
/// # Errors
/// No memory for partial results.
pub(super) fn binomial(plan: &mut Plan, send: Block, into: Block, root: u32) -> Result<()> {
    let (rank, size) = (plan.rank, plan.size);
    // Ranks in order at the leaves make every partial result one of neighbours;
    // the top of the tree is then rank 0, which hands the result on.
    let top = if plan.ordered() { 0 } else { root };
    let place = (rank + size - top) % size;
    let (ty, count) = (send.ty, send.count);
    let mut acc = send;
    let mut own = false;
    // The receive buffer serves as room, unless it holds the contribution.
    let mut spare = (rank == root && into.addr != send.addr).then_some(into);
    let mut distance = 1;
    while distance < size && place & distance == 0 {
        if place + distance < size {
            let incoming = match spare.take() {
                Some(block) => block,
                None => plan.temp_like(ty, count)?,
            };
            plan.receive((place + distance + top) % size, incoming);
            plan.wait();
            if own {
                let (result, room) = plan.fold_right(acc, incoming);
                acc = result;
                spare = Some(room);
            } else {
                plan.reduce(acc, incoming);
                acc = incoming;
                own = true;
            }
        }
        distance *= 2;
    }
    if place != 0 {
        plan.send((place - distance + top) % size, acc);
        plan.wait();
    } else if top == root {
        plan.copy(acc, into);
    } else {
        plan.send(root, acc);
        plan.wait();
    }
    if rank == root && top != root {
        plan.receive(top, into);
        plan.wait();
    }
    Ok(())
}

/// The root receives everybody's contribution and folds them in rank order: one
/// wait for each rank. For small messages among few ranks.
///
/// # Errors
/// No memory for the contributions.
pub(super) fn flat(plan: &mut Plan, send: Block, into: Block, root: u32) -> Result<()> {
    if plan.rank != root {
        plan.send(root, send);
        plan.wait();
        return Ok(());
    }
    let mut parts = Vec::with_capacity(plan.size as usize);
    for peer in 0..plan.size {
        if peer == root {
            parts.push(send);
        } else {
            let part = plan.temp_like(send.ty, send.count)?;
            plan.receive(peer, part);
            parts.push(part);
        }
    }
    plan.wait();
    let last = parts.len() - 1;
    if last == root as usize && into.addr != send.addr {
        plan.copy(parts[last], into);
        parts[last] = into;
    }
    // From the right, so that the result lands in the last part.
    for part in parts[..last].iter().rev() {
        plan.reduce(*part, parts[last]);
    }
    plan.copy(parts[last], into);
    Ok(())
}

/// Each rank reduces a piece and the root gathers them: for large messages and
/// operations that commute.
///
/// # Errors
/// No memory for partial results.
pub(super) fn scatter_gather(plan: &mut Plan, send: Block, into: Block, root: u32) -> Result<()> {
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
