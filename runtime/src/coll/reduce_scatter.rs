//! Reduce-scatter in both forms (MPI 5.0, section 6.10).

use super::block::Block;
use super::plan::Plan;
use crate::error::Result;

/// Contributions taken in at a time when the operation commutes.
const OPERANDS_IN_FLIGHT: u32 = 4;

/// Every rank sends each other one the piece that is theirs and folds what it
/// receives. `piece(i)` is this rank's contribution to rank i's result, and
/// `into` where its own result goes; it may be `piece(rank)` itself, and nothing
/// else that is still to be sent.
///
/// # Errors
/// No memory for contributions.
pub(super) fn pairwise(plan: &mut Plan, into: Block, piece: impl Fn(u32) -> Block) -> Result<()> {
    let (rank, size) = (plan.rank, plan.size);
    if plan.ordered() {
        return in_order(plan, into, piece);
    }
    plan.copy(piece(rank), into);
    let window = OPERANDS_IN_FLIGHT.min(size - 1);
    let mut rooms = Vec::new();
    for _ in 0..window {
        rooms.push(plan.temp_like(into.ty, into.count)?);
    }
    let mut first = 1;
    while first < size {
        let until = size.min(first + window);
        for i in first..until {
            plan.receive((rank + size - i) % size, rooms[(i - first) as usize]);
            let to = (rank + i) % size;
            plan.send(to, piece(to));
        }
        plan.wait();
        for i in first..until {
            plan.reduce(rooms[(i - first) as usize], into);
        }
        first = until;
    }
    Ok(())
}

/// All contributions at once, folded from the highest rank down.
fn in_order(plan: &mut Plan, into: Block, piece: impl Fn(u32) -> Block) -> Result<()> {
    let (rank, size) = (plan.rank, plan.size);
    let mut parts = Vec::with_capacity(size as usize);
    for peer in 0..size {
        if peer == rank {
            parts.push(piece(rank));
        } else {
            let room = plan.temp_like(into.ty, into.count)?;
            plan.receive(peer, room);
            parts.push(room);
        }
    }
    for i in 1..size {
        let to = (rank + i) % size;
        plan.send(to, piece(to));
    }
    plan.wait();
    let last = parts.len() - 1;
    if last == rank as usize {
        plan.copy(parts[last], into);
        parts[last] = into;
    }
    for i in (0..last).rev() {
        plan.reduce(parts[i], parts[last]);
    }
    plan.copy(parts[last], into);
    Ok(())
}
