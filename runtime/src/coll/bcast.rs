//! Broadcast (MPI 5.0, section 6.4).

use super::block::Block;
use super::choose;
use super::plan::Plan;
use crate::error::Result;

/// As is best for so many ranks and bytes.
///
/// # Errors
/// No memory to pack into.
pub(super) fn chosen(plan: &mut Plan, block: Block, root: u32) -> Result<()> {
    match choose::bcast(plan.size, block.len()) {
        _ if plan.size == 1 => {}
        choose::Bcast::Flat => flat(plan, block, root),
        choose::Bcast::Binomial => binomial(plan, block, root),
        choose::Bcast::ScatterAllgather => scatter_allgather(plan, block, root)?,
        choose::Bcast::Chain => chain(plan, block, root, choose::SEGMENT)?,
    }
    Ok(())
}

/// Rank `root` sends to everybody itself.
pub(super) fn flat(plan: &mut Plan, block: Block, root: u32) {
    if plan.rank == root {
        for step in 1..plan.size {
            plan.send((root + step) % plan.size, block);
        }
    } else {
        plan.receive(root, block);
    }
    plan.wait();
}

/// Along a binomial tree: who has the data sends them to the one 2ᵏ further, for
/// k falling.
pub(super) fn binomial(plan: &mut Plan, block: Block, root: u32) {
    let (rank, size) = (plan.rank, plan.size);
    let place = (rank + size - root) % size;
    let mut distance = 1;
    while distance < size {
        if place & distance != 0 {
            plan.receive((place - distance + root) % size, block);
            plan.wait();
            break;
        }
        distance *= 2;
    }
    distance /= 2;
    while distance > 0 {
        if place + distance < size {
            plan.send((place + distance + root) % size, block);
        }
        distance /= 2;
    }
    plan.wait();
}

/// Along a chain, in segments of `segment` bytes that are passed on while the
/// next comes in: for large messages.
///
/// # Errors
/// No memory to pack into.
pub(super) fn chain(plan: &mut Plan, block: Block, root: u32, segment: usize) -> Result<()> {
    let (rank, size) = (plan.rank, plan.size);
    let place = (rank + size - root) % size;
    if size == 1 {
        return Ok(());
    }
    let before = (rank + size - 1) % size;
    let after = (rank + 1) % size;
    let data = if place == 0 {
        plan.packed(block)?
    } else {
        plan.room_for(block)?
    };
    let pieces = data.count.div_ceil(segment);
    let piece = |i: usize| data.slice(i * segment, segment.min(data.count - i * segment));
    if place == 0 {
        for i in 0..pieces {
            plan.send(after, piece(i));
        }
        plan.wait();
        return Ok(());
    }
    plan.receive(before, if pieces > 0 { piece(0) } else { data });
    plan.wait();
    for i in 0..pieces {
        if i + 1 < pieces {
            plan.receive(before, piece(i + 1));
        }
        if place + 1 < size {
            plan.send(after, piece(i));
        }
        plan.wait();
    }
    plan.unpack(data, block);
    Ok(())
}

/// Scatters the message from the root along a binomial tree, then all ranks
/// gather the pieces around a ring: for large messages, each byte leaves the
/// root once.
///
/// # Errors
/// No memory to pack into.
pub(super) fn scatter_allgather(plan: &mut Plan, block: Block, root: u32) -> Result<()> {
    let (rank, size) = (plan.rank, plan.size);
    let place = (rank + size - root) % size;
    let data = if place == 0 {
        plan.packed(block)?
    } else {
        plan.room_for(block)?
    };
    let chunk = data.count.div_ceil(size as usize).next_multiple_of(64);
    let range = |from: u32, until: u32| {
        let from = data.count.min(from as usize * chunk);
        let until = data.count.min(until as usize * chunk);
        data.slice(from, until - from)
    };
    let mut distance = 1;
    while distance < size {
        if place & distance != 0 {
            let mine = range(place, size.min(place + distance));
            plan.receive((place - distance + root) % size, mine);
            plan.wait();
            break;
        }
        distance *= 2;
    }
    distance /= 2;
    while distance > 0 {
        let child = place + distance;
        if child < size {
            plan.send(
                (child + root) % size,
                range(child, size.min(child + distance)),
            );
        }
        distance /= 2;
    }
    plan.wait();
    // What a place has from the scatter need not come around the ring.
    let has = |place: u32, piece: u32| {
        place == 0 || (piece >= place && piece - place < 1 << place.trailing_zeros())
    };
    for step in 0..size - 1 {
        let out = (place + size - step) % size;
        let into = (out + size - 1) % size;
        if !has((place + 1) % size, out) {
            plan.send((rank + 1) % size, range(out, out + 1));
        }
        if !has(place, into) {
            plan.receive((rank + size - 1) % size, range(into, into + 1));
        }
        plan.wait();
    }
    if place != 0 {
        plan.unpack(data, block);
    }
    Ok(())
}
