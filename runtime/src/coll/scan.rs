//! Scan and exscan (MPI 5.0, section 6.11).

use super::block::Block;
use super::plan::Plan;
use crate::error::Result;

/// Whether a rank's own contribution is part of its result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ScanKind {
    Inclusive,
    Exclusive,
}

/// Pairs exchange what their aligned groups have, at doubling distances; the
/// upper of a pair also takes it into its result.
///
/// # Errors
/// No memory for partial results.
pub(super) fn recursive_doubling(
    plan: &mut Plan,
    send: Block,
    into: Block,
    kind: ScanKind,
) -> Result<()> {
    let (rank, size) = (plan.rank, plan.size);
    let mut partial = plan.temp_like(send.ty, send.count)?;
    let mut room = plan.temp_like(send.ty, send.count)?;
    plan.copy(send, partial);
    let mut begun = kind == ScanKind::Inclusive;
    if begun {
        plan.copy(send, into);
    }
    let mut distance = 1;
    while distance < size {
        let partner = rank ^ distance;
        distance *= 2;
        if partner >= size {
            continue;
        }
        plan.send(partner, partial);
        plan.receive(partner, room);
        plan.wait();
        if partner > rank {
            (partial, room) = plan.fold_right(partial, room);
            continue;
        }
        if begun {
            plan.reduce(room, into);
        } else {
            plan.copy(room, into);
            begun = true;
        }
        plan.reduce(room, partial);
    }
    Ok(())
}

/// From rank to rank: each waits once. For few ranks, or ranks that share
/// processors.
///
/// # Errors
/// No memory for what is passed on.
pub(super) fn chain(plan: &mut Plan, send: Block, into: Block, kind: ScanKind) -> Result<()> {
    let (rank, size) = (plan.rank, plan.size);
    match kind {
        ScanKind::Inclusive => {
            plan.copy(send, into);
            if rank > 0 {
                let room = plan.temp_like(send.ty, send.count)?;
                plan.receive(rank - 1, room);
                plan.wait();
                plan.reduce(room, into);
            }
            if rank + 1 < size {
                plan.send(rank + 1, into);
            }
        }
        ScanKind::Exclusive => {
            let mut out = send;
            // In place, the contribution is where the result will be.
            if rank > 0 && rank + 1 < size {
                out = plan.temp_like(send.ty, send.count)?;
                plan.copy(send, out);
            }
            if rank > 0 {
                plan.receive(rank - 1, into);
                plan.wait();
            }
            if rank + 1 < size {
                if rank > 0 {
                    plan.reduce(into, out);
                }
                plan.send(rank + 1, out);
            }
        }
    }
    plan.wait();
    Ok(())
}
