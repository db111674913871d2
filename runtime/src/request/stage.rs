//! Memory that stands in for the buffers of a collective request: Fortran's array sections with
//! gaps. A library over this one makes it (`lariat_request_stage`), and fills and empties it.

use std::ffi::c_void;

/// A function of the library that made the memory; it gets the context, and calls nothing of MPI.
pub type Function = unsafe extern "C" fn(context: *mut c_void);

/// Such memory. Dropping it gives it back.
#[derive(Debug)]
pub struct Stage {
    /// Copies the program's buffers in.
    fill: Function,
    /// Copies what was received out.
    empty: Function,
    free: Function,
    /// An exposed address.
    context: usize,
}

impl Stage {
    /// # Safety
    /// The functions may be called with `context` until `free` was, which comes last and once.
    #[must_use]
    pub unsafe fn new(
        fill: Function,
        empty: Function,
        free: Function,
        context: *mut c_void,
    ) -> Stage {
        Stage {
            fill,
            empty,
            free,
            context: context.expose_provenance(),
        }
    }

    fn call(&self, function: Function) {
        // SAFETY: promised to `new`.
        unsafe { function(std::ptr::with_exposed_provenance_mut(self.context)) }
    }

    /// Copies the program's buffers in. Nothing is under way.
    pub fn fill(&self) {
        self.call(self.fill);
    }

    /// Copies what was received out. Nothing is under way any more.
    pub fn empty(&self) {
        self.call(self.empty);
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.call(self.free);
    }
}
