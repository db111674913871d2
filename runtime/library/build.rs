//! Gives the shared library the name that the standard ABI wants: its soname.
//!
//! `nodelete`: `dlclose` leaves the library where it is. Threads have destructors of
//! its thread-local values to run, its signal handler and its fork handlers stay, and
//! the C library takes none of them back.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libmpi_abi.so.1");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
