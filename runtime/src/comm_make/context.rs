//! Context ids that nobody else in the job has.

use crate::error::Result;
use crate::fail;
use crate::object::comm::ContextId;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

/// The counter of a job of one, which has no segment.
static OWN: AtomicU32 = AtomicU32::new(wireup::segment::FIRST_FREE_CONTEXT);
static COUNTER: AtomicPtr<AtomicU32> = AtomicPtr::new(std::ptr::null_mut());

/// Says where the job counts its context ids (`JobHead::next_context`); called by
/// `job` before a communicator is made.
pub fn use_counter(counter: &'static AtomicU32) {
    COUNTER.store(std::ptr::from_ref(counter).cast_mut(), Ordering::Relaxed);
}

/// Takes room for `pairs` communicators: the first of as many even numbers.
///
/// # Errors
/// All are used up: a job may make about two thousand million communicators.
pub(super) fn take(pairs: u32) -> Result<ContextId> {
    // SAFETY: null, or what `use_counter` stored, which lives for ever.
    let counter = unsafe { COUNTER.load(Ordering::Relaxed).as_ref() }.unwrap_or(&OWN);
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
