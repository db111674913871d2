//! Barrier (MPI 5.0, section 6.3).

use super::block::Block;
use super::plan::Plan;

/// In round k every rank signals the one 2ᵏ above it and waits for the one 2ᵏ
/// below: ⌈log₂ p⌉ rounds, each of which waits for somebody.
pub(super) fn dissemination(plan: &mut Plan) {
    let (rank, size) = (plan.rank, plan.size);
    let mut distance = 1;
    while distance < size {
        plan.signal_to((rank + distance) % size, Block::empty());
        plan.signal_from((rank + size - distance) % size, Block::empty());
        plan.wait();
        distance *= 2;
    }
}

/// Everybody signals rank 0, which signals everybody: each rank waits once, the
/// least that can be when ranks share processors.
pub(super) fn central(plan: &mut Plan) {
    arrive(plan);
    leave(plan);
}

/// Rank 0 goes on once everybody is here.
pub(super) fn arrive(plan: &mut Plan) {
    if plan.rank == 0 {
        for peer in 1..plan.size {
            plan.signal_from(peer, Block::empty());
        }
    } else {
        plan.signal_to(0, Block::empty());
    }
    plan.wait();
}

/// Everybody goes on once rank 0 is here.
pub(super) fn leave(plan: &mut Plan) {
    if plan.rank == 0 {
        for peer in 1..plan.size {
            plan.signal_to(peer, Block::empty());
        }
    } else {
        plan.signal_from(0, Block::empty());
    }
    plan.wait();
}
