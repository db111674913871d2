//! Allreduce (MPI 5.0, section 6.9.6).
//!
//! Each rank's contribution is in `acc`, its receive buffer, when these begin.
//! Every rank ends with the same bits: whatever element is computed twice is
//! computed from the same operands in the same order.

use super::block::Block;
use super::plan::Plan;
use super::reduce::Pieces;
use super::{bcast, reduce};
use crate::error::Result;

/// The largest power of two of ranks do the work; of the ranks beyond it each
/// lends its contribution to the neighbour below first.
struct Halves {
    /// This rank among those that work, if it does.
    place: Option<u32>,
    /// How many work.
    ranks: u32,
    /// Pairs in which one lends: ranks 2i and 2i + 1 for i below this.
    pairs: u32,
}

impl Halves {
    fn new(plan: &Plan) -> Halves {
        let ranks = 1 << plan.size.ilog2();
        let pairs = plan.size - ranks;
        let place = if plan.rank >= 2 * pairs {
            Some(plan.rank - pairs)
        } else {
            plan.rank.is_multiple_of(2).then_some(plan.rank / 2)
        };
        Halves {
            place,
            ranks,
            pairs,
        }
    }

    fn rank(&self, place: u32) -> u32 {
        if place < self.pairs {
            place * 2
        } else {
            place + self.pairs
        }
    }

    /// The upper of each pair lends what it has to the lower. Where the sums are
    /// then.
    fn borrow(&self, plan: &mut Plan, acc: Block, room: Block) -> (Block, Block) {
        if plan.rank >= 2 * self.pairs {
            return (acc, room);
        }
        if self.place.is_none() {
            plan.send(plan.rank - 1, acc);
            plan.wait();
            (acc, room)
        } else {
            plan.receive(plan.rank + 1, room);
            plan.wait();
            plan.fold_right(acc, room)
        }
    }

    /// The lower of each pair gives the result back.
    fn give_back(&self, plan: &mut Plan, acc: Block) {
        if plan.rank < 2 * self.pairs {
            if self.place.is_none() {
                plan.receive(plan.rank - 1, acc);
            } else {
                plan.send(plan.rank + 1, acc);
            }
            plan.wait();
        }
    }
}

/// Pairs exchange all they have, at doubling distances: ⌊log₂ p⌋ rounds, and two
/// more unless p is a power of two. For small messages.
///
/// # Errors
/// No memory for what comes in.
pub(super) fn recursive_doubling(plan: &mut Plan, into: Block) -> Result<()> {
    let halves = Halves::new(plan);
    let room = plan.temp_like(into.ty, into.count)?;
    let (mut acc, mut room) = halves.borrow(plan, into, room);
    if let Some(place) = halves.place {
        let mut distance = 1;
        while distance < halves.ranks {
            let partner = place ^ distance;
            plan.send(halves.rank(partner), acc);
            plan.receive(halves.rank(partner), room);
            plan.wait();
            if partner > place {
                (acc, room) = plan.fold_right(acc, room);
            } else {
                plan.reduce(room, acc);
            }
            distance *= 2;
        }
        plan.copy(acc, into);
    }
    halves.give_back(plan, into);
    Ok(())
}

/// Rabenseifner's: pairs exchange halves of what is left at doubling distances,
/// each reducing its own, then gather the results on the same way back. Twice as
/// many rounds, a fraction of the bytes.
///
/// # Errors
/// No memory for what comes in.
pub(super) fn halving(plan: &mut Plan, into: Block) -> Result<()> {
    let halves = Halves::new(plan);
    let room = plan.temp_like(into.ty, into.count)?;
    let (acc, _) = halves.borrow(plan, into, room);
    // An operation that does not commute may have left its result in the room.
    plan.copy(acc, into);
    let Some(place) = halves.place else {
        halves.give_back(plan, into);
        return Ok(());
    };
    let (mut from, mut until) = (0, into.count);
    let mut way = Vec::new();
    let mut distance = 1;
    while distance < halves.ranks {
        let partner = place ^ distance;
        let peer = halves.rank(partner);
        let middle = from + (until - from) / 2;
        let (mine, theirs) = if partner > place {
            ((from, middle), (middle, until))
        } else {
            ((middle, until), (from, middle))
        };
        let cut = |block: Block, (from, until): (usize, usize)| block.slice(from, until - from);
        plan.send(peer, cut(into, theirs));
        plan.receive(peer, cut(room, mine));
        plan.wait();
        if partner > place {
            let (result, _) = plan.fold_right(cut(into, mine), cut(room, mine));
            plan.copy(result, cut(into, mine));
        } else {
            plan.reduce(cut(room, mine), cut(into, mine));
        }
        way.push((peer, cut(into, mine), cut(into, theirs)));
        (from, until) = mine;
        distance *= 2;
    }
    for (peer, mine, theirs) in way.into_iter().rev() {
        plan.send(peer, mine);
        plan.receive(peer, theirs);
        plan.wait();
    }
    halves.give_back(plan, into);
    Ok(())
}

/// Around a ring, in as many pieces as there are ranks: the fewest bytes for any
/// number of ranks, in 2 (p - 1) rounds. Only for operations that commute.
///
/// # Errors
/// No memory for a piece.
pub(super) fn ring(plan: &mut Plan, into: Block) -> Result<()> {
    let (rank, size) = (plan.rank, plan.size);
    let pieces = Pieces::new(into, size);
    let longest = pieces.of(into, 0).count;
    let room = plan.temp_like(into.ty, longest)?;
    let (before, after) = ((rank + size - 1) % size, (rank + 1) % size);
    for step in 0..size - 1 {
        let out = pieces.of(into, (rank + size - step) % size);
        let kept = pieces.of(into, (rank + 2 * size - step - 1) % size);
        plan.send(after, out);
        plan.receive(before, room.slice(0, kept.count));
        plan.wait();
        plan.reduce(room.slice(0, kept.count), kept);
    }
    for step in 0..size - 1 {
        plan.send(after, pieces.of(into, (rank + 1 + size - step) % size));
        plan.receive(before, pieces.of(into, (rank + size - step) % size));
        plan.wait();
    }
    Ok(())
}

/// Rank 0 reduces and broadcasts: each rank waits once, which is least when
/// ranks share processors.
///
/// # Errors
/// No memory for the contributions.
pub(super) fn central(plan: &mut Plan, into: Block) -> Result<()> {
    reduce::flat(plan, into, into, 0)?;
    bcast::flat(plan, into, 0);
    Ok(())
}
