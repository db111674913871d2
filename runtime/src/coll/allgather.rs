//! Allgather and allgatherv (MPI 5.0, section 6.7).
//!
//! Each rank's own part is in its receive buffer already, at `block(rank)`. Where it is sent
//! from a buffer of its own, `own` is that buffer: what has just been copied is slow for other
//! ranks to read.

use super::block::Block;
use super::plan::Plan;
use crate::error::Result;

/// Parts go around a ring: p - 1 rounds, every byte moved in place.
pub(super) fn ring(plan: &mut Plan, own: Block, block: impl Fn(u32) -> Block) {
    let (rank, size) = (plan.rank, plan.size);
    for step in 0..size - 1 {
        let out = (rank + size - step) % size;
        let into = (out + size - 1) % size;
        let sent = if step == 0 { own } else { block(out) };
        plan.send((rank + 1) % size, sent);
        plan.receive((rank + size - 1) % size, block(into));
        plan.wait();
    }
}

/// Everybody sends their part to everybody: one wait. For ranks that share
/// processors, where rounds cost more than messages.
pub(super) fn direct(plan: &mut Plan, own: Block, block: impl Fn(u32) -> Block) {
    let (rank, size) = (plan.rank, plan.size);
    for step in 1..size {
        let from = (rank + size - step) % size;
        plan.receive(from, block(from));
    }
    for step in 1..size {
        plan.send((rank + step) % size, own);
    }
    plan.wait();
}

/// Pairs exchange all they have, at doubling distances; only for a power of two
/// of ranks, with parts of `each` elements side by side in `all`.
pub(super) fn recursive_doubling(plan: &mut Plan, all: Block, each: usize) {
    let run = |first: u32, ranks: u32| all.slice(first as usize * each, ranks as usize * each);
    let mut distance = 1;
    while distance < plan.size {
        let partner = plan.rank ^ distance;
        let below = !(distance - 1);
        plan.send(partner, run(plan.rank & below, distance));
        plan.receive(partner, run(partner & below, distance));
        plan.wait();
        distance *= 2;
    }
}

/// Bruck's: ⌈log₂ p⌉ rounds for any number of ranks, through a packed copy that
/// begins with one's own part.
///
/// # Errors
/// No memory for the packed copy.
pub(super) fn bruck(plan: &mut Plan, block: impl Fn(u32) -> Block) -> Result<()> {
    let (rank, size) = (plan.rank, plan.size);
    // Where the part of the rank i above this one begins, packed.
    let mut starts = Vec::with_capacity(size as usize + 1);
    let mut total = 0;
    for i in 0..size {
        starts.push(total);
        total += block((rank + i) % size).len();
    }
    starts.push(total);
    let packed = plan.temp(total)?;
    let run = |first: u32, until: u32| {
        let from = starts[first as usize];
        packed.slice(from, starts[until as usize] - from)
    };
    plan.copy(block(rank), run(0, 1));
    let mut have = 1;
    while have < size {
        let next = size.min(have * 2);
        plan.send((rank + size - have) % size, run(0, next - have));
        plan.receive((rank + have) % size, run(have, next));
        plan.wait();
        have = next;
    }
    for i in 1..size {
        plan.copy(run(i, i + 1), block((rank + i) % size));
    }
    Ok(())
}
