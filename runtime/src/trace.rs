//! Which MPI call this rank is in, published in its record of the job segment
//! for whoever reports what ranks are doing.
//!
//! `job` opens the slot when the library is up and closes it when it goes down,
//! so that one load tells `abi` both that calls are allowed and where to write.

use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use wireup::calls::CALL_NAMES;
use wireup::layout::CALL_OVER;

/// Null while the library is not up.
static SLOT: AtomicPtr<AtomicU32> = AtomicPtr::new(std::ptr::null_mut());
/// Written instead while the library is not up.
static SPARE: AtomicU32 = AtomicU32::new(0);

/// From now on calls that need an initialized MPI are let in, and publish
/// themselves in `slot` (`RankRecord::call`), which must stay for life.
pub fn open(slot: &'static AtomicU32) {
    let slot = std::ptr::from_ref(slot).cast_mut();
    SLOT.store(slot, Ordering::Release); // pairs with the Acquire in `slot`
}

/// From now on calls that need an initialized MPI are refused.
pub fn close() {
    SLOT.store(std::ptr::null_mut(), Ordering::Release);
}

/// Runs `f`, a part of the call that brought the library up, and publishes that call
/// meanwhile: it began when there was no slot, unless a session had opened it.
pub fn first_call<R>(f: impl FnOnce() -> R) -> R {
    let number = SPARE.load(Ordering::Relaxed);
    let slot = slot().filter(|_| number != 0);
    if let Some(slot) = slot {
        slot.store(number, Ordering::Relaxed);
    }
    let answer = f();
    if let Some(slot) = slot {
        slot.store(number | CALL_OVER, Ordering::Relaxed);
    }
    answer
}

/// Where to publish calls, if the library is up.
#[inline]
#[must_use]
pub fn slot() -> Option<&'static AtomicU32> {
    // SAFETY: null, or made from a `&'static` in `open`; pairs with the Release there.
    unsafe { SLOT.load(Ordering::Acquire).as_ref() }
}

/// Where to publish a call that is allowed at any time.
#[inline]
#[must_use]
pub fn slot_or_spare() -> &'static AtomicU32 {
    slot().unwrap_or(&SPARE)
}

/// The name of the call that this rank is in now, if it is in one.
#[must_use]
pub fn current() -> Option<&'static str> {
    let number = slot_or_spare().load(Ordering::Relaxed);
    let number = Some(number).filter(|number| number & CALL_OVER == 0)?;
    CALL_NAMES.get((number as usize).checked_sub(1)?).copied()
}
