//! All-to-all in its three forms (MPI 5.0, section 6.8).

use super::block::Block;
use super::plan::Plan;
use crate::error::Result;

/// Exchanges under way at a time: enough to keep everybody busy, few enough to
/// keep queues short.
const EXCHANGES_IN_FLIGHT: u32 = 32;

/// Every rank exchanges with every other itself, some at a time; `out(i)` goes
/// to rank i, `into(i)` comes from it. Also between the two groups of an
/// intercommunicator.
pub(super) fn pairwise(plan: &mut Plan, out: impl Fn(u32) -> Block, into: impl Fn(u32) -> Block) {
    let (rank, ours, theirs) = (plan.rank, plan.size, plan.remote);
    // Round i pairs the ranks a and b with b - a = i, counted modulo the larger
    // group: whom a sends to in that round receives from a in it.
    let rounds = ours.max(theirs);
    for i in 0..rounds {
        let to = (rank + i) % rounds;
        let from = (rank + rounds - i) % rounds;
        if from < theirs {
            plan.receive(from, into(from));
        }
        if to < theirs {
            plan.send(to, out(to));
        }
        if i % EXCHANGES_IN_FLIGHT == EXCHANGES_IN_FLIGHT - 1 {
            plan.wait();
        }
    }
    plan.wait();
}

/// As [`pairwise`] in an intracommunicator, with one's own part copied.
pub(super) fn pairwise_within(
    plan: &mut Plan,
    out: impl Fn(u32) -> Block,
    into: impl Fn(u32) -> Block,
) {
    let (rank, size) = (plan.rank, plan.size);
    plan.copy(out(rank), into(rank));
    for i in 1..size {
        let to = (rank + i) % size;
        let from = (rank + size - i) % size;
        plan.receive(from, into(from));
        plan.send(to, out(to));
        if i % EXCHANGES_IN_FLIGHT == 0 {
            plan.wait();
        }
    }
    plan.wait();
}

/// In place: pairs swap parts, each outgoing one packed aside first.
///
/// # Errors
/// No memory for a part.
pub(super) fn in_place(plan: &mut Plan, block: impl Fn(u32) -> Block) -> Result<()> {
    let (rank, size) = (plan.rank, plan.size);
    let longest = (0..size)
        .filter(|peer| *peer != rank)
        .map(|peer| block(peer).len())
        .max()
        .unwrap_or(0);
    let aside = plan.temp(longest)?;
    // In round i those pair whose ranks add up to i.
    for i in 0..size {
        let peer = (i + size - rank) % size;
        let part = block(peer);
        if peer == rank || part.is_empty() {
            continue;
        }
        let out = aside.slice(0, part.len());
        plan.copy(part, out);
        plan.receive(peer, part);
        plan.send(peer, out);
        plan.wait();
    }
    Ok(())
}

/// Bruck's: parts travel in ⌈log₂ p⌉ rounds, several to a message; for small
/// parts of equal length `out.len() / p`.
///
/// # Errors
/// No memory for two packed copies.
pub(super) fn bruck(plan: &mut Plan, out: Block, into: Block) -> Result<()> {
    let (rank, size) = (plan.rank, plan.size);
    let len = into.len() / size as usize;
    let (out_each, into_each) = (out.count / size as usize, into.count / size as usize);
    if len == 0 {
        return Ok(());
    }
    // Part i of `turned` is for the rank i above this one.
    let turned = plan.temp(len * size as usize)?;
    let half = len * size.div_ceil(2) as usize;
    let (leaving, coming) = (plan.temp(half)?, plan.temp(half)?);
    let at = |i: u32| turned.slice(i as usize * len, len);
    let upper = (size - rank) as usize;
    plan.copy(
        out.slice(rank as usize * out_each, upper * out_each),
        turned.slice(0, upper * len),
    );
    plan.copy(
        out.slice(0, rank as usize * out_each),
        turned.slice(upper * len, rank as usize * len),
    );
    let mut distance = 1;
    while distance < size {
        // Those parts whose way up has this bit travel that far now.
        let travelling = || (0..size).filter(move |i| i & distance != 0);
        let mut n = 0;
        for i in travelling() {
            plan.copy(at(i), leaving.slice(n * len, len));
            n += 1;
        }
        plan.send((rank + distance) % size, leaving.slice(0, n * len));
        plan.receive((rank + size - distance) % size, coming.slice(0, n * len));
        plan.wait();
        for (n, i) in travelling().enumerate() {
            plan.copy(coming.slice(n * len, len), at(i));
        }
        distance *= 2;
    }
    // Part i now comes from the rank i below.
    for i in 0..size {
        let from = (rank + size - i) % size;
        plan.copy(at(i), into.slice(from as usize * into_each, into_each));
    }
    Ok(())
}
