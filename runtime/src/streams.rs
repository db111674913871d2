//! How C's streams hold back what a rank prints, where `mpirun --stream-buffering` says it.

use std::ffi::{c_char, c_int, c_void};

#[cfg(any(target_env = "gnu", target_env = "musl"))]
unsafe extern "C" {
    static stdout: *mut c_void;
    static stderr: *mut c_void;
    fn setvbuf(stream: *mut c_void, buffer: *mut c_char, mode: c_int, size: usize) -> c_int;
}

/// Sets both streams as the launcher says. Called within `MPI_Init`.
#[cfg(any(target_env = "gnu", target_env = "musl"))]
pub fn buffer() {
    // The values of _IONBF, _IOLBF and _IOFBF in <stdio.h>.
    let mode = match wireup::env::get(wireup::env::STREAM_BUFFERING).as_deref() {
        Some("0") => 2,
        Some("1") => 1,
        Some("2") => 0,
        _ => return,
    };
    // SAFETY: the C library's own streams, which are never closed by us; setvbuf takes their
    // locks, and keeps what they hold already.
    unsafe {
        for stream in [stdout, stderr] {
            setvbuf(stream, std::ptr::null_mut(), mode, 0);
        }
    }
}

/// Other C libraries keep what they do.
#[cfg(not(any(target_env = "gnu", target_env = "musl")))]
pub fn buffer() {}
