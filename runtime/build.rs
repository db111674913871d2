//! Links the shared library as the standard ABI wants it: its soname, and a
//! version script of ours beside rustc's, without which the linker would hide
//! the weak `MPI_` aliases (rustc exports only what it knows itself).

fn main() {
    println!("cargo:rerun-if-changed=mpi.map");
    let here = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it for build scripts");
    println!("cargo:rustc-cdylib-link-arg=-Wl,--version-script={here}/mpi.map");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libmpi_abi.so.1");
}
