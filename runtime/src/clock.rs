//! The clock of `MPI_Wtime` (MPI 5.0, section 9.6): one for the whole machine,
//! so that ranks may compare their times (`MPI_WTIME_IS_GLOBAL` is true).

fn read(get: unsafe extern "C" fn(libc::clockid_t, *mut libc::timespec) -> libc::c_int) -> f64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: both functions fill the structure; CLOCK_MONOTONIC always exists.
    unsafe { get(libc::CLOCK_MONOTONIC, &raw mut time) };
    #[allow(
        clippy::cast_precision_loss,
        reason = "seconds since boot fit a double"
    )]
    let seconds = time.tv_sec as f64;
    #[allow(clippy::cast_precision_loss, reason = "below 10⁹")]
    let nanos = time.tv_nsec as f64;
    seconds + nanos * 1e-9
}

/// Seconds since a moment in the past that is the same for all ranks.
#[must_use]
pub fn seconds() -> f64 {
    read(libc::clock_gettime)
}

/// The clock's resolution in seconds.
#[must_use]
pub fn tick() -> f64 {
    read(libc::clock_getres)
}
