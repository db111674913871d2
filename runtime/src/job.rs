//! This process as a rank of a job: found at `MPI_Init`, left at `MPI_Finalize`.

use crate::error::Result;

/// Joins the job. `required` and what is returned are thread levels of the ABI.
///
/// # Errors
/// The job cannot be joined, or was joined already.
pub fn init(_required: i32) -> Result<i32> {
    unimplemented!()
}

/// Leaves the job.
///
/// # Errors
/// It was not joined, or was left already.
pub fn finalize() -> Result<()> {
    unimplemented!()
}

/// Ends the whole job with this exit code; `text` says why.
pub fn abort(code: i32, text: &str) -> ! {
    eprintln!("lariat: {text}");
    std::process::exit(code)
}

/// Whether `MPI_Init` has completed.
#[must_use]
pub fn is_initialized() -> bool {
    false
}

/// Whether `MPI_Finalize` has completed.
#[must_use]
pub fn is_finalized() -> bool {
    false
}

/// The thread level that is provided (`MPI_Query_thread`).
#[must_use]
pub fn thread_level() -> i32 {
    0
}

/// Whether this thread called `MPI_Init`.
#[must_use]
pub fn is_main_thread() -> bool {
    true
}

/// Whether the job has more ranks than processors. The same at every rank.
#[must_use]
pub fn is_crowded() -> bool {
    false
}
