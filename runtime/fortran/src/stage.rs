//! Array sections with gaps in nonblocking and persistent collectives: copies that the request keeps
//! until it is done, and that are filled anew when it is started again.

use crate::descriptor::Array;
use std::ffi::{c_int, c_void};

unsafe extern "C" {
    /// Of `libmpi_abi.so.1` (`runtime/src/abi/over.rs`).
    fn lariat_request_stage(
        request: usize,
        fill: unsafe extern "C" fn(*mut c_void),
        empty: unsafe extern "C" fn(*mut c_void),
        free: unsafe extern "C" fn(*mut c_void),
        context: *mut c_void,
    ) -> c_int;
}

/// A section, and the copy that the collective has in its place.
pub struct Staged {
    array: Array,
    /// Never moved: the collective has its address.
    copy: Vec<u8>,
    /// What was in the copy when the collective was started; none if it only reads.
    ///
    /// What is the same at the end is not copied back. The collective need not receive into every
    /// element (`MPI_Igatherv` leaves some out), and those are the program's meanwhile.
    before: Option<Vec<u8>>,
}

impl Staged {
    /// `written`: the collective receives into it.
    ///
    /// # Safety
    /// The program's array is there, and stays there.
    pub unsafe fn new(array: Array, written: bool) -> Staged {
        // SAFETY: the caller's.
        let copy = unsafe { array.copy() };
        let before = written.then(|| copy.clone());
        Staged {
            array,
            copy,
            before,
        }
    }

    /// Where the copy is.
    pub fn address(&mut self) -> *mut u8 {
        self.copy.as_mut_ptr()
    }

    /// # Safety
    /// The program's array is there still, and the collective not under way.
    unsafe fn fill(&mut self) {
        // SAFETY: the caller's.
        let now = unsafe { self.array.copy() };
        self.copy.copy_from_slice(&now);
        if let Some(before) = &mut self.before {
            *before = now;
        }
    }

    /// # Safety
    /// As `fill`.
    unsafe fn empty(&self) {
        let Some(before) = &self.before else {
            return;
        };
        let size = self.array.element();
        let elements = self.copy.chunks_exact(size).zip(before.chunks_exact(size));
        for (to, (now, before)) in self.array.places().zip(elements) {
            if now == before {
                continue;
            }
            for byte in (0..size).filter(|byte| now[*byte] != before[*byte]) {
                // SAFETY: a byte of an element of the program's array.
                unsafe { to.add(byte).write(now[byte]) };
            }
        }
    }
}

unsafe extern "C" fn fill(context: *mut c_void) {
    // SAFETY: what `keep` made; the library calls these one after another.
    for staged in unsafe { &mut *context.cast::<Vec<Staged>>() } {
        // SAFETY: the program keeps the buffers of a request that it starts again.
        unsafe { staged.fill() };
    }
}

unsafe extern "C" fn empty(context: *mut c_void) {
    // SAFETY: as in `fill`.
    for staged in unsafe { &*context.cast::<Vec<Staged>>() } {
        // SAFETY: the program keeps the buffers until the request is done.
        unsafe { staged.empty() };
    }
}

unsafe extern "C" fn free(context: *mut c_void) {
    // SAFETY: what `keep` made; this is called once, and last.
    drop(unsafe { Box::from_raw(context.cast::<Vec<Staged>>()) });
}

/// Has a request keep the copies that were made for its call, if the call was one without an error:
/// its error code from now on.
pub fn keep(
    outcome: c_int,
    request: usize,
    staged: impl IntoIterator<Item = Option<Staged>>,
) -> c_int {
    let staged: Vec<Staged> = staged.into_iter().flatten().collect();
    if outcome != 0 || staged.is_empty() {
        return outcome;
    }
    let context = Box::into_raw(Box::new(staged)).cast();
    // SAFETY: the functions take this context.
    unsafe { lariat_request_stage(request, fill, empty, free, context) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::descriptor::Array;

    #[test]
    fn only_what_has_changed_is_copied_back() {
        let mut program = [1_u16, 2, 3, 4, 5, 6];
        let array = Array::of(program.as_mut_ptr().cast(), 2, &[(3, 4)]);
        // SAFETY: the array is there.
        let mut staged = unsafe { Staged::new(array, true) };
        assert_eq!(staged.copy, [1_u16, 3, 5].map(u16::to_ne_bytes).concat());
        staged.copy[2..4].copy_from_slice(&300_u16.to_ne_bytes());
        program[4] = 50; // of an element that nothing is received into
        // SAFETY: as above.
        unsafe { staged.empty() };
        assert_eq!(program, [1, 2, 300, 4, 50, 6]);
        // SAFETY: as above.
        unsafe { staged.fill() };
        assert_eq!(staged.copy, [1_u16, 300, 50].map(u16::to_ne_bytes).concat());
    }
}
