//! Tells the runtime of memory that the program gives back, where it asks for that
//! (`mpirun --check`).

use btl_shm::region::heap::GivenBack;
use std::sync::atomic::{AtomicPtr, Ordering};

/// What is called; null: nothing.
static HOOK: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// From now on calls `hook` before memory is given back. The runtime looks this name up.
#[unsafe(no_mangle)]
pub extern "C" fn lariat_heap_watch(hook: GivenBack) {
    let hook = hook as *const () as *mut ();
    HOOK.store(hook, Ordering::Release); // pairs with the Acquire in `tell`
}

/// Whether anybody is to be told.
#[inline]
pub fn is_on() -> bool {
    !HOOK.load(Ordering::Relaxed).is_null()
}

/// The program gives so many bytes back, or moves them. `call`: which of its calls it is,
/// as an index into `btl_shm::region::heap::GIVING_BACK`.
#[cold]
pub fn tell(call: usize, start: usize, len: usize) {
    let hook = HOOK.load(Ordering::Acquire); // pairs with the Release in `lariat_heap_watch`
    if !hook.is_null() {
        // SAFETY: only `lariat_heap_watch` stores it, which got it as such a function.
        let hook: GivenBack = unsafe { std::mem::transmute(hook) };
        hook(call, start, len);
    }
}
