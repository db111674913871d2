//! Context ids that nobody else in the job has.

use crate::error::Result;
use crate::object::comm::ContextId;
use crate::{fail, job};
use std::sync::atomic::{AtomicU32, Ordering};

/// The counter where there is no job segment: in unit tests.
static OWN: AtomicU32 = AtomicU32::new(wireup::segment::FIRST_FREE_CONTEXT);

/// Takes room for `pairs` communicators: the first of as many even numbers.
///
/// # Errors
/// All are used up: a job may make about two thousand million communicators.
pub(super) fn take(pairs: u32) -> Result<ContextId> {
    let counter = job::current().map_or(&OWN, |job| &job.segment.head().next_context);
    let more = |next: u32| next.checked_add(pairs.checked_mul(2)?);
    // Relaxed: the number itself is all that is shared; messages carry it on.
    match counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
        Ok(first) => Ok(ContextId(first)),
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
