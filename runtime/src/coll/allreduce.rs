//! Allreduce (MPI 5.0, section 6.9.6).
//!
//! `send` is this rank's contribution and only read, in place it is `into`, the receive buffer.
//! All give the bits that a reduce gives (see [`super::reduce`]), at every rank.

use super::block::Block;
use super::plan::Plan;
use super::reduce::Pieces;
use super::{allgather, bcast, reduce, reduce_scatter};
use crate::error::Result;

/// The most ranks that all send to all at once.
const DIRECT_MOST: u32 = 8;

/// Every rank gets everybody's contribution, and folds them all: ⌈log₂ p⌉ rounds. For
/// small messages.
///
/// # Errors
/// No memory for the contributions.
pub(super) fn gathered(plan: &mut Plan, send: Block, into: Block) -> Result<()> {
    if plan.size <= DIRECT_MOST {
        return reduce_scatter::pairwise(plan, into, |_| send);
    }
    let parts = contributions(plan, send)?;
    plan.fold(&parts);
    plan.copy(parts[plan.size as usize - 1], into);
    Ok(())
}

/// Everybody's `own`, at every rank, by rank.
///
/// # Errors
/// No memory for them.
pub(super) fn contributions(plan: &mut Plan, own: Block) -> Result<Vec<Block>> {
    let (size, count) = (plan.size, own.count);
    let all = plan.temp_like(own.ty, count * size as usize)?;
    let part = |rank: u32| all.slice(rank as usize * count, count);
    plan.copy(own, part(plan.rank));
    if size <= DIRECT_MOST {
        allgather::direct(plan, own, part);
    } else if size.is_power_of_two() {
        allgather::recursive_doubling(plan, all, count);
    } else {
        allgather::bruck(plan, part)?;
    }
    Ok((0..size).map(part).collect())
}

/// Every rank folds a piece, for which the others send it theirs; then all gather the
/// pieces. For large messages: a rank sends and receives twice the message, whatever the
/// number of ranks.
///
/// # Errors
/// No memory for the contributions to a piece.
pub(super) fn pieces(plan: &mut Plan, send: Block, into: Block) -> Result<()> {
    let pieces = Pieces::new(into, plan.size);
    let mine = pieces.of(into, plan.rank);
    reduce_scatter::pairwise(plan, mine, |rank| pieces.of(send, rank))?;
    match plan.size <= DIRECT_MOST {
        true => allgather::direct(plan, mine, |rank| pieces.of(into, rank)),
        false => allgather::ring(plan, mine, |rank| pieces.of(into, rank)),
    }
    Ok(())
}

/// Rank 0 reduces and broadcasts: each rank waits once, which is least when
/// ranks share processors.
///
/// # Errors
/// No memory for the contributions.
pub(super) fn central(plan: &mut Plan, send: Block, into: Block) -> Result<()> {
    reduce::flat(plan, send, into, 0)?;
    bcast::flat(plan, into, 0);
    Ok(())
}

/// From rank to rank, and the result back along a tree. For few elements that are large
/// each.
///
/// # Errors
/// No memory for a partial result.
pub(super) fn chain(plan: &mut Plan, send: Block, into: Block) -> Result<()> {
    let last = plan.size - 1;
    reduce::chain(plan, send, into, last)?;
    bcast::binomial(plan, into, last);
    Ok(())
}
