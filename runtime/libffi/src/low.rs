//! What a callback is given.

use std::ffi::{c_uint, c_void};

/// How a callback is called.
#[allow(non_camel_case_types, reason = "libffi's own name")]
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct ffi_cif {
    /// The number of arguments.
    pub nargs: c_uint,
}

/// The function that a closure runs: how it was called, where the result goes,
/// the addresses of the arguments, and the data that the closure holds.
pub type Callback<U, R> =
    unsafe extern "C" fn(cif: &ffi_cif, result: &mut R, args: *const *const c_void, userdata: &U);
