//! Context ids that nobody else in the job has.

use crate::error::Result;
use crate::object::comm::{Bridge, Comm, ContextId};
use crate::object::group;
use crate::pml::far;
use crate::{fail, job};
use std::sync::atomic::{AtomicU32, Ordering};

/// What is told instead of a context id when there is none left.
pub(super) const NONE: u32 = u32::MAX;

/// The counter where there is no job segment: in unit tests.
static OWN: AtomicU32 = AtomicU32::new(wireup::segment::FIRST_FREE_CONTEXT);

/// Takes room for `pairs` communicators whose members are all in `parent`: the first of
/// as many even numbers. Those of communicators over a bridge come from its space.
///
/// # Errors
/// All are used up.
pub(super) fn take_for(parent: &Comm, pairs: u32) -> Result<ContextId> {
    match &parent.bridge {
        None => take(pairs),
        Some(bridge) => take_of(bridge, pairs),
    }
}

/// Takes room for `pairs` communicators over a bridge.
///
/// # Errors
/// Its space is used up: some hundred thousand communicators.
pub(super) fn take_of(bridge: &Bridge, pairs: u32) -> Result<ContextId> {
    let more = |next: u32| {
        let next = next.checked_add(pairs.checked_mul(2)?)?;
        (next <= wireup::bridge::CONTEXTS).then_some(next)
    };
    if let Some(network) = &bridge.network {
        let (next, end) = network.contexts.get();
        let behind = pairs.checked_mul(2).and_then(|n| next.checked_add(n));
        let Some(behind) = behind.filter(|behind| *behind <= end) else {
            fail!(
                NO_MEM,
                "all context ids that this process may give out for a connection between jobs are \
                 used up: connect anew"
            );
        };
        network.contexts.set((behind, end));
        return Ok(ContextId(next));
    }
    let taken = far::with_bridge(bridge.first, |segment| {
        let counter = &segment.head().next_context;
        // Relaxed: the number itself is all that is shared; messages carry it on.
        counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
    });
    match taken {
        Some(Ok(next)) => Ok(ContextId(
            wireup::bridge::first_context(bridge.space) + next,
        )),
        Some(Err(next)) => fail!(
            NO_MEM,
            "all {next} context ids of a connection between jobs are used up: connect anew"
        ),
        None => fail!(COMM, "the connection to the other job was closed"),
    }
}

/// Where the context ids that this node gives out begin, and their end: each node has a
/// share of its own, so that none has to ask another. A job of one node has all of them.
fn share() -> (u32, u32) {
    let (nodes, node) = group::nodes();
    let each = wireup::bridge::FIRST_CONTEXT / nodes / 2 * 2;
    (each * node, each * (node + 1))
}

/// Takes room for `pairs` communicators: the first of as many even numbers.
///
/// # Errors
/// All are used up: a job may make about two thousand million communicators.
pub(super) fn take(pairs: u32) -> Result<ContextId> {
    let counter = job::current().map_or(&OWN, |job| &job.segment.head().next_context);
    let (first, end) = share();
    let more = |next: u32| {
        // The segment counts from the same number on every node.
        let next = next.checked_add(pairs.checked_mul(2)?)?;
        (next <= end - first).then_some(next)
    };
    // Relaxed: the number itself is all that is shared; messages carry it on.
    match counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
        Ok(next) => Ok(ContextId(first + next)),
        Err(next) => fail!(
            NO_MEM,
            "all context ids up to {next} are used up: the job made too many communicators"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::take;

    #[test]
    fn ids_are_even_and_apart() {
        let (a, b) = (take(3).unwrap().0, take(1).unwrap().0);
        assert!(a % 2 == 0 && b % 2 == 0 && (b >= a + 6 || a >= b + 2));
        assert!(take(u32::MAX).is_err());
    }
}
