//! Reduce-scatter in both forms (MPI 5.0, section 6.10).

use super::block::Block;
use super::plan::Plan;
use super::reduce;
use crate::error::Result;

/// Every rank sends each other one the piece that is theirs and folds what it
/// receives. `piece(i)` is this rank's contribution to rank i's result, and
/// `into` where its own result goes; it may be `piece(rank)` itself, and nothing
/// else that is still to be sent.
///
/// # Errors
/// No memory for contributions.
pub(super) fn pairwise(plan: &mut Plan, into: Block, piece: impl Fn(u32) -> Block) -> Result<()> {
    let (rank, size) = (plan.rank, plan.size);
    let parts = reduce::receive_contributions(plan, piece(rank), into)?;
    for i in 1..size {
        let to = (rank + i) % size;
        plan.send(to, piece(to));
    }
    plan.wait();
    reduce::fold_contributions(plan, &parts, into);
    Ok(())
}
