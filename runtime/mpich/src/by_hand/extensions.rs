//! Extensions of MPICH's that programs ask before they use anything further.

use std::ffi::c_int;

define! {
    /// Whether buffers may lie in the memory of a GPU: no.
    fn MPIX_Query_cuda_support() -> c_int {
        0
    }

    /// As [`MPIX_Query_cuda_support`].
    fn MPIX_Query_hip_support() -> c_int {
        0
    }

    /// As [`MPIX_Query_cuda_support`].
    fn MPIX_Query_ze_support() -> c_int {
        0
    }

    /// As [`MPIX_Query_cuda_support`], for a kind of GPU.
    fn MPIX_GPU_query_support(_gpu: c_int, is_supported: *mut c_int) -> c_int {
        crate::convert::change(is_supported, |_| 0);
        0
    }
}
