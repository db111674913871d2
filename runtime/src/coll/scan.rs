//! Scan and exscan (MPI 5.0, section 6.11).

use super::allreduce;
use super::block::Block;
use super::plan::Plan;
use crate::error::Result;

/// Whether a rank's own contribution is part of its result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ScanKind {
    Inclusive,
    Exclusive,
}

/// Bytes that a chain passes on at a time.
const SEGMENT: usize = 64 << 10;

/// Every rank gets everybody's contribution, and folds those up to its own. For small
/// messages.
///
/// # Errors
/// No memory for the contributions.
pub(super) fn gathered(plan: &mut Plan, send: Block, into: Block, kind: ScanKind) -> Result<()> {
    let parts = allreduce::contributions(plan, send)?;
    fold(plan, &parts, into, kind);
    Ok(())
}

/// The result out of everybody's contribution, by rank.
pub(super) fn fold(plan: &mut Plan, parts: &[Block], into: Block, kind: ScanKind) {
    let taken = match kind {
        ScanKind::Inclusive => plan.rank as usize + 1,
        ScanKind::Exclusive => plan.rank as usize,
    };
    let parts = &parts[..taken];
    plan.fold(parts);
    if let Some(result) = parts.last() {
        plan.copy(*result, into);
    }
}

/// From rank to rank, in segments that are passed on while the next comes in: each rank
/// waits once for a message of one segment.
///
/// # Errors
/// No memory for what is passed on.
pub(super) fn chain(plan: &mut Plan, send: Block, into: Block, kind: ScanKind) -> Result<()> {
    let (rank, size) = (plan.rank, plan.size);
    let each = (SEGMENT / send.ty.size.max(1)).max(1);
    // What comes in, or for an exclusive scan what goes out.
    let room = match rank > 0 && (kind == ScanKind::Inclusive || rank + 1 < size) {
        true => plan.temp_like(send.ty, send.count)?,
        false => send,
    };
    let mut first = 0;
    while first < send.count {
        let count = each.min(send.count - first);
        let [send, into, room] = [send, into, room].map(|block| block.slice(first, count));
        match kind {
            ScanKind::Inclusive => {
                plan.copy(send, into);
                if rank > 0 {
                    plan.receive(rank - 1, room);
                    plan.wait();
                    plan.reduce(room, into);
                }
                if rank + 1 < size {
                    plan.send(rank + 1, into);
                }
            }
            ScanKind::Exclusive => {
                // In place, the contribution is where the result will be.
                plan.copy(send, room);
                if rank > 0 {
                    plan.receive(rank - 1, into);
                    plan.wait();
                }
                if rank + 1 < size {
                    if rank > 0 {
                        plan.reduce(into, room);
                    }
                    plan.send(rank + 1, room);
                }
            }
        }
        first += count;
    }
    plan.wait();
    Ok(())
}
