//! Where atomics come from, so that loom can stand in for them in tests.

#[cfg(all(loom, test))]
pub use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};
#[cfg(not(all(loom, test)))]
pub use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
