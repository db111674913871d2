//! Members of a group that are through with what they share in the segment.

use crate::sync::{AtomicU32, Ordering};

/// How many members have left.
#[derive(Debug)]
pub struct Departures(AtomicU32);

impl Departures {
    /// Nobody has left.
    #[cfg(all(test, loom))]
    pub fn new() -> Departures {
        Departures(AtomicU32::new(0))
    }

    /// One more member has left.
    pub fn leave(&self) {
        self.0.fetch_add(1, Ordering::Release); // pairs with the Acquire in `reset`
    }

    /// Begins anew, if `members` have left. `false`: not all have.
    #[must_use]
    pub fn reset(&self, members: u32) -> bool {
        // pairs with the Release in `leave`
        if self.0.load(Ordering::Acquire) < members {
            return false;
        }
        self.0.store(0, Ordering::Relaxed);
        true
    }
}
