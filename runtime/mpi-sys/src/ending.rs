//! `MPI_Finalize` as a Rust program calls it: also from the destructor of what stands
//! for MPI, when a panic unwinds the stack.

use std::ffi::c_int;

/// Section 11.2.2, finalizing MPI. While a panic unwinds the stack it ends the job
/// instead: the other ranks wait, or will, for what this one can no longer do, and
/// `MPI_Finalize` would wait for them. In a test program whose tests `mpirun` tells, the rank
/// stays as it is, and the harness tells which test has failed.
///
/// # Safety
/// As in C: nothing of MPI is used any more.
pub unsafe extern "C" fn MPI_Finalize() -> c_int {
    if std::thread::panicking() && lariat::job::unwinding() {
        return lariat::abi::consts::MPI_SUCCESS;
    }
    // SAFETY: the caller's promise. The symbol, so that tools see the call.
    unsafe { lariat::abi::env::MPI_Finalize() }
}
