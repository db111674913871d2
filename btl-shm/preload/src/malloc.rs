//! malloc, free and their kin (C17 7.22.3, POSIX, and glibc's manual).

use crate::{LEAST, heap, heap_for, heap_of, pointer, system, watch};
use btl_shm::recall::say;
use btl_shm::region::heap::Heap;
use btl_shm::region::sys;
use nix::errno::Errno;
use std::ffi::{c_int, c_void};
use std::ptr::null_mut;
use std::sync::atomic::Ordering::Relaxed;

fn no_memory() -> *mut c_void {
    Errno::set_raw(libc::ENOMEM);
    null_mut()
}

/// Ends the program, as the C library does, when it gives back what it has not.
#[cold]
fn no_such_block(call: &str, ptr: *const c_void) -> ! {
    say(format_args!(
        "{call}({ptr:p}): no allocated block begins there (freed twice?)"
    ));
    // SAFETY: ends the process.
    unsafe { libc::abort() }
}

/// `malloc`.
#[unsafe(no_mangle)]
pub extern "C" fn malloc(len: usize) -> *mut c_void {
    if let Some(heap) = heap_for(len)
        && let Some((start, _)) = heap.allocator().alloc(len, 1)
    {
        return pointer(start);
    }
    system::malloc(len)
}

/// `calloc`.
#[unsafe(no_mangle)]
pub extern "C" fn calloc(count: usize, len: usize) -> *mut c_void {
    if let Some(all) = count.checked_mul(len)
        && let Some(heap) = heap_for(all)
        && let Some(start) = heap.allocator().alloc_zeroed(all, 1)
    {
        return pointer(start);
    }
    system::calloc(count, len)
}

/// Which call gives memory back, see [`watch::tell`].
const FREE: usize = 0;
const REALLOC: usize = 1;

/// Tells of a block before it is given back.
///
/// # Safety
/// `ptr` is null, or a block that the program has.
#[cold]
unsafe fn tell(call: usize, ptr: *mut c_void) {
    let before = Errno::last_raw();
    let len = match heap_of(ptr) {
        _ if ptr.is_null() => 0,
        Some(heap) => heap.allocator().usable(ptr.addr()).unwrap_or(0),
        // SAFETY: as the caller said: a block of the C library's.
        None => unsafe { system::usable(ptr) },
    };
    if len > 0 {
        watch::tell(call, ptr.addr(), len);
    }
    Errno::set_raw(before);
}

/// `free`. Leaves `errno` alone.
///
/// # Safety
/// As for C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(ptr: *mut c_void) {
    if watch::is_on() {
        // SAFETY: as the caller said.
        unsafe { tell(FREE, ptr) };
    }
    let Some(heap) = heap_of(ptr) else {
        // SAFETY: as the caller said: null, or a block of the C library's.
        return unsafe { system::free(ptr) };
    };
    let before = Errno::last_raw();
    // SAFETY: as the caller said.
    if !unsafe { heap.allocator().free(ptr.addr()) } {
        no_such_block("free", ptr);
    }
    Errno::set_raw(before);
}

/// `realloc`.
///
/// # Safety
/// As for C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realloc(ptr: *mut c_void, len: usize) -> *mut c_void {
    if ptr.is_null() {
        return malloc(len);
    }
    if watch::is_on() {
        // SAFETY: as the caller said.
        unsafe { tell(REALLOC, ptr) };
    }
    if let Some(heap) = heap_of(ptr) {
        // SAFETY: as the caller said.
        return unsafe { realloc_shared(heap, ptr, len) };
    }
    let to_heap = heap_for(len);
    let Some(heap) = to_heap else {
        // SAFETY: as the caller said; a block of the C library's that stays so.
        return unsafe { system::realloc(ptr, len) };
    };
    // SAFETY: as the caller said.
    let have = unsafe { system::usable(ptr) };
    // What was large before the heap was started stays where it is: moving it
    // would copy it, and the C library need not.
    let found = (have < heap.least()).then(|| heap.allocator().alloc(len, 1));
    let Some((start, _)) = found.flatten() else {
        // SAFETY: as above.
        return unsafe { system::realloc(ptr, len) };
    };
    let new = pointer(start);
    // SAFETY: both are that long, and apart.
    unsafe { new.copy_from_nonoverlapping(ptr, have.min(len)) };
    // SAFETY: as the caller said.
    unsafe { system::free(ptr) };
    new
}

/// `realloc` of a block of the heap.
///
/// # Safety
/// As for C's.
unsafe fn realloc_shared(heap: &Heap, ptr: *mut c_void, len: usize) -> *mut c_void {
    let Some(have) = heap.allocator().usable(ptr.addr()) else {
        no_such_block("realloc", ptr);
    };
    if len == 0 {
        // SAFETY: as the caller said; glibc's choice of what C leaves open.
        unsafe { free(ptr) };
        return null_mut();
    }
    let large = len >= LEAST.load(Relaxed);
    // SAFETY: the program has the block.
    if large && unsafe { heap.allocator().resize(ptr.addr(), len) } {
        return ptr;
    }
    let new = malloc(len);
    if !new.is_null() {
        // SAFETY: both are that long, and apart.
        unsafe { new.copy_from_nonoverlapping(ptr, have.min(len)) };
        // SAFETY: as the caller said.
        unsafe { free(ptr) };
    }
    new
}

/// `reallocarray`.
///
/// # Safety
/// As for `realloc`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reallocarray(ptr: *mut c_void, count: usize, len: usize) -> *mut c_void {
    match count.checked_mul(len) {
        // SAFETY: as the caller said.
        Some(all) => unsafe { realloc(ptr, all) },
        None => no_memory(),
    }
}

/// `memalign`. Memory at the beginning of a page comes from the heap however short it is.
#[unsafe(no_mangle)]
pub extern "C" fn memalign(align: usize, len: usize) -> *mut c_void {
    let found = match align < sys::page() {
        true => heap_for(len),
        false => heap(),
    };
    if align.is_power_of_two()
        && let Some(heap) = found
        && let Some((start, _)) = heap.allocator().alloc(len, align)
    {
        return pointer(start);
    }
    system::memalign(align, len)
}

/// `aligned_alloc`.
#[unsafe(no_mangle)]
pub extern "C" fn aligned_alloc(align: usize, len: usize) -> *mut c_void {
    if !align.is_power_of_two() {
        Errno::set_raw(libc::EINVAL);
        return null_mut();
    }
    memalign(align, len)
}

/// `posix_memalign`. Leaves `errno` alone.
///
/// # Safety
/// `place` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_memalign(
    place: *mut *mut c_void,
    align: usize,
    len: usize,
) -> c_int {
    if !align.is_power_of_two() || !align.is_multiple_of(size_of::<*mut c_void>()) {
        return libc::EINVAL;
    }
    let before = Errno::last_raw();
    let new = memalign(align, len);
    Errno::set_raw(before);
    if new.is_null() {
        return libc::ENOMEM;
    }
    // SAFETY: as the caller said.
    unsafe { place.write(new) };
    0
}

/// `valloc`.
#[unsafe(no_mangle)]
pub extern "C" fn valloc(len: usize) -> *mut c_void {
    memalign(sys::page(), len)
}

/// `pvalloc`.
#[unsafe(no_mangle)]
pub extern "C" fn pvalloc(len: usize) -> *mut c_void {
    match len.checked_next_multiple_of(sys::page()) {
        Some(len) => memalign(sys::page(), len),
        None => no_memory(),
    }
}

/// `malloc_usable_size`.
///
/// # Safety
/// Null, or a block that the program has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc_usable_size(ptr: *mut c_void) -> usize {
    match heap_of(ptr) {
        Some(heap) => heap
            .allocator()
            .usable(ptr.addr())
            .unwrap_or_else(|| no_such_block("malloc_usable_size", ptr)),
        None if ptr.is_null() => 0,
        // SAFETY: as the caller said; a block of the C library's.
        None => unsafe { system::usable(ptr) },
    }
}
