//! Makes the functions for Fortran, and the sources of the modules `mpi` and `mpi_f08` and of
//! `mpif.h`, from the standard's tables. Functions of which the tables do not say enough are
//! written by hand, in `src/by_hand`; their interfaces are made here as the others'.

mod exports;
mod interfaces;
mod numbers;
mod roles;
#[allow(dead_code, reason = "the numbers of MPICH's ABI are not used here")]
#[path = "../../mpich/build/tables.rs"]
mod tables;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    let standard = here.join("../tests/data");
    println!("cargo:rerun-if-changed=build");

    let constants = numbers::Constants::new(tables::rows(&standard.join("constants.tsv")));
    let all = tables::functions(&standard.join("functions.tsv"));
    let fortran: Vec<_> = all
        .iter()
        .filter(|f| roles::is_for_fortran(&f.name))
        .cloned()
        .collect();
    let by_hand = by_hand(&here.join("src/by_hand"));
    assert!(
        by_hand.len() > 10,
        "the functions written by hand were not found"
    );

    let write = |name: &str, text: String| {
        let path = out.join(name);
        std::fs::write(&path, text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    };
    write("callee.rs", exports::callees(&all));
    write("exports.rs", exports::exports(&fortran, &by_hand));
    write("mpif.h", numbers::header(&constants));
    write("mpi.f90", interfaces::modules(&constants, &fortran));

    link(&out);
}

/// The names of the functions that are written by hand, in small letters.
fn by_hand(folder: &Path) -> BTreeSet<String> {
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let text = std::fs::read_to_string(entry.expect("readable").path()).expect("UTF-8");
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let own = words.filter(|word| word.starts_with("mpi_"));
        names.extend(own.map(str::to_owned));
    }
    names
}

/// The library needs `libmpi_abi.so.1`, which may not have been built yet: it is linked with an
/// empty library of that name.
fn link(out: &Path) {
    let stub = out.join("libmpi_abi.so");
    let linker = std::env::var_os("RUSTC_LINKER").unwrap_or_else(|| "cc".into());
    let mut command = Command::new(&linker);
    command.args([
        "-shared",
        "-nostdlib",
        "-Wl,-soname,libmpi_abi.so.1",
        "-x",
        "c",
    ]);
    let status = command.arg("/dev/null").arg("-o").arg(&stub).status();
    assert!(
        status.as_ref().is_ok_and(|s| s.success()),
        "{} cannot make a shared library: {status:?}",
        linker.display()
    );
    for argument in [
        "-Wl,-soname,liblariat_fortran.so.1",
        "-Wl,-rpath,$ORIGIN",
        "-Wl,--no-as-needed",
        &stub.display().to_string(),
    ] {
        println!("cargo:rustc-cdylib-link-arg={argument}");
    }
}
