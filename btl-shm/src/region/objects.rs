//! The objects that the loader has loaded: the program and its libraries.

use std::ffi::{CStr, c_int, c_void};
use std::ptr::NonNull;

/// Calls `visit` with every loaded object, the main executable first. Without
/// allocation.
pub fn each(mut visit: &mut dyn FnMut(&libc::dl_phdr_info)) {
    unsafe extern "C" fn call(
        info: *mut libc::dl_phdr_info,
        _: libc::size_t,
        visit: *mut c_void,
    ) -> c_int {
        // SAFETY: `each` passes its own reference, and waits.
        let visit = unsafe { &mut *visit.cast::<&mut dyn FnMut(&libc::dl_phdr_info)>() };
        // SAFETY: the loader's record, valid during this call.
        visit(unsafe { &*info });
        0
    }
    // SAFETY: `call` casts its argument back to what is passed here.
    unsafe { libc::dl_iterate_phdr(Some(call), (&raw mut visit).cast()) };
}

/// The file name of an object, without its folder; empty for the main executable.
pub fn name(info: &libc::dl_phdr_info) -> &[u8] {
    if info.dlpi_name.is_null() {
        return &[];
    }
    // SAFETY: not null, so the loader's NUL-terminated name of the object.
    let name = unsafe { CStr::from_ptr(info.dlpi_name) }.to_bytes();
    name.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

/// The program headers of an object.
pub fn headers(info: &libc::dl_phdr_info) -> &[libc::Elf64_Phdr] {
    match NonNull::new(info.dlpi_phdr.cast_mut()) {
        // SAFETY: the loader's array of that many headers, which it keeps while the
        // object is loaded.
        Some(first) => unsafe {
            std::slice::from_raw_parts(first.as_ptr(), usize::from(info.dlpi_phnum))
        },
        None => &[],
    }
}
