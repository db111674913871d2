//! Reduce-scatter in both forms (MPI 5.0, section 6.10).

use super::block::Block;
use super::plan::Plan;
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
    let own = piece(rank);
    let in_place = into.addr == own.addr;
    let last = size - 1;
    let mut parts = Vec::with_capacity(size as usize);
    for peer in 0..size {
        // The result comes to be where the last contribution is.
        let part = match peer {
            0 if rank == 0 => own,
            _ if peer == last && (!in_place || rank == last) => into,
            _ => plan.temp_like(into.ty, into.count)?,
        };
        match peer == rank {
            true => plan.copy(own, part),
            false => plan.receive(peer, part),
        }
        parts.push(part);
    }
    for i in 1..size {
        let to = (rank + i) % size;
        plan.send(to, piece(to));
    }
    plan.wait();
    plan.fold(&parts);
    plan.copy(parts[last as usize], into);
    Ok(())
}
