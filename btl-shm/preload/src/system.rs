//! The C library's malloc, by names that this library does not hide. They are
//! there before any constructor has run, and look nothing up.

use std::alloc::{GlobalAlloc, Layout};
use std::ffi::c_void;
use std::sync::atomic::{AtomicPtr, Ordering};

unsafe extern "C" {
    #[link_name = "__libc_malloc"]
    pub safe fn malloc(len: usize) -> *mut c_void;
    #[link_name = "__libc_calloc"]
    pub safe fn calloc(count: usize, len: usize) -> *mut c_void;
    #[link_name = "__libc_realloc"]
    pub fn realloc(ptr: *mut c_void, len: usize) -> *mut c_void;
    #[link_name = "__libc_memalign"]
    pub safe fn memalign(align: usize, len: usize) -> *mut c_void;
    #[link_name = "__libc_free"]
    pub fn free(ptr: *mut c_void);
}

/// The C library's `malloc_usable_size`, which has no other name.
static USABLE: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());

/// Looks up what has to be looked up.
pub fn find() {
    // SAFETY: looks up a NUL-terminated name.
    let found = unsafe { libc::dlsym(libc::RTLD_NEXT, c"malloc_usable_size".as_ptr()) };
    USABLE.store(found, Ordering::Relaxed);
}

/// The bytes that can be used of a block.
///
/// # Safety
/// A block of the C library's.
pub unsafe fn usable(ptr: *mut c_void) -> usize {
    let mut found = USABLE.load(Ordering::Relaxed);
    if found.is_null() {
        find();
        found = USABLE.load(Ordering::Relaxed);
    }
    if found.is_null() {
        return 0;
    }
    // SAFETY: the C library's function of this signature.
    let usable = unsafe {
        std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void) -> usize>(found)
    };
    // SAFETY: as the caller said.
    unsafe { usable(ptr) }
}

/// What this library's own code allocates by.
pub struct Malloc;

// SAFETY: the C library's functions, as `std::alloc::System` uses them.
unsafe impl GlobalAlloc for Malloc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        memalign(layout.align().max(16), layout.size()).cast()
    }

    unsafe fn dealloc(&self, ptr: *mut u8, _: Layout) {
        // SAFETY: as the caller said.
        unsafe { free(ptr.cast()) };
    }
}
