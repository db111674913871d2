//! Links the library so that `dlclose` leaves it where it is: a program that loads it
//! by itself has memory of it for as long as it runs.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
